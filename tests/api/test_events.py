"""An answer to "why": records of sign-ins and refusals, `easel explain`, and the
least scopes an app needs. And what must never be in any of them.
"""

import json
import pathlib
import re
import time
import uuid

import pytest

import servers
from easel_client import check_refusal, unique
from orgs import Org
from servers import run
from test_trust import BROKEN, GOOD, context

PATH = "//easel/v1/events"


def rest_events(client, query="?limit=1000"):
    reply = client.call("GET", PATH + query, accept="application/json")
    assert reply.status == 200, reply
    return reply.json["events"]


def command_events(server, *more):
    lines = run("events", "--json", *server.store_options(), *more, check=0).stdout.splitlines()
    return [json.loads(line) for line in lines]


def event_where(client, **wanted):
    """The newest event with these members; the writer may be a moment behind."""
    limit = time.monotonic() + 5
    while True:
        for event in reversed(rest_events(client)):
            if all(event.get(name) == value for name, value in wanted.items()):
                return event
        assert time.monotonic() < limit, wanted
        time.sleep(0.05)


@pytest.fixture(scope="module")
def own(engine):
    """A server of this module's own, for its log and repository are searched."""
    running = servers.Server(engine, env={**servers.RELAXED, "EASEL_LOG_LEVEL": "debug"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def org(own):
    return Org(own, own.admin(), unique("events"))


@pytest.fixture(scope="module")
def cases(own, org):
    """The context of broken and good tokens on this server."""
    other = Org(own, own.admin(), unique("events-other"))
    return context(org.admin, org.name("Creator"), org.name("Unlicensed"), other.app,
                   other.name("Creator"))


# ---------------------------------------------------------------- who may read them
def test_who_may_read_events(org, own):
    assert own.client().call("GET", PATH, accept="application/json").status == 401
    assert own.client().call("GET", PATH, token="x", accept="application/json").status == 401
    for role in ("Viewer", "Creator"):
        assert org.as_role(role).call("GET", PATH, accept="application/json").status == 403
    jwt = org.by_jwt("SiteAdministratorCreator", ["tableau:sites:*"])
    assert jwt.call("GET", PATH, accept="application/json").status in (401, 403)
    assert rest_events(org.admin)
    assert rest_events(org.as_role("SiteAdministratorCreator"))


def test_events_of_other_sites_are_not_shown(own, org):
    other = Org(own, own.admin(), unique("events-apart"))
    other.jwt_reply(other.app.jwt("somebody-there"))
    event_where(other.admin, subject="somebody-there")
    for event in rest_events(org.as_role("SiteAdministratorCreator")):
        assert event.get("subject") != "somebody-there"
        assert event.get("siteId") in (None, org.site_id)


def test_events_since(org):
    """`after` gives what came since, oldest first; `limit` how many."""
    newest = rest_events(org.admin)[-1]["id"]
    replies = [org.server.client().call("GET", "/sessions/current") for _ in range(5)]
    event_where(org.server.admin(), requestId=replies[-1].headers["X-Request-Id"])
    admin = org.server.admin()
    since = rest_events(admin, f"?after={newest}&limit=1000")
    assert [event["id"] for event in since] == sorted(event["id"] for event in since)
    assert all(event["id"] > newest for event in since) and len(since) >= 5
    assert len(rest_events(admin, f"?after={newest}&limit=2")) == 2
    assert len(rest_events(admin, "?limit=3")) == 3


def test_not_under_api(org):
    assert org.admin.call("GET", "/easel/v1/events").code == "404003"


# ---------------------------------------------------------------- what is in a record
def test_a_sign_in_is_recorded(org):
    jwt = org.app.jwt(org.name("Viewer"), ["tableau:content:read", "tableau:users:read"])
    assert org.jwt_reply(jwt).status == 200
    event = event_where(org.admin, kind="signin", outcome="ok", subject=org.name("Viewer"))
    assert event["clientId"] == org.app.client_id
    assert event["secretId"] == org.app.keys[0].id
    assert event["userId"] == org.user("Viewer")
    assert event["peer"] == "127.0.0.1"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", event["at"])
    assert "tableau:users:read" in event["scopesGranted"]


@pytest.mark.parametrize("name,make,code,check,word", BROKEN, ids=[case[0] for case in BROKEN])
def test_each_refused_sign_in_is_recorded(org, cases, name, make, code, check, word):
    """With the check that failed, what it expected and what it found."""
    reply = org.jwt_reply(make(cases))
    event = event_where(org.admin, requestId=reply.headers["X-Request-Id"])
    assert (event["kind"], event["outcome"]) == ("signin", "refused")
    assert int(event["wireCode"]) == 401001
    if check:
        assert event["check"].upper() == check
    assert event["expected"] and event["found"]


def test_a_wrong_password_is_recorded(org, own):
    name = unique("guess")
    reply = own.client().sign_in_reply({"name": name, "password": "hunter2-" + name,
                                        "site": {"contentUrl": org.content_url}})
    check_refusal(reply, 401001)
    event = event_where(own.admin(org.content_url), requestId=reply.headers["X-Request-Id"])
    assert event["outcome"] == "refused" and event["subject"] == name


def test_a_call_out_of_scope_is_recorded(org):
    client = org.by_jwt("Viewer", ["tableau:content:read"])
    reply = client.refused(401002, "GET", f"{client.site}/users")
    event = event_where(org.admin, requestId=reply.headers["X-Request-Id"])
    assert event["check"].lower() == "scope" and event["kind"] == "refusal"
    assert event["clientId"] == org.app.client_id and event["userId"] == org.user("Viewer")
    assert "users" in event["method"] and "GET" in event["method"]
    assert set(re.findall(r"tableau:[a-z]+:[a-z*]+", str(event["scopesNeeded"]))) == {
        "tableau:users:read", "tableau:users:*"}
    assert "tableau:content:read" in str(event["scopesGranted"])


def test_other_refusals_are_recorded(org, own):
    """No token, a wrong one, and a role that does not suffice."""
    viewer = org.as_role("Viewer")
    replies = [own.client().refused(401000, "GET", f"{viewer.site}/projects"),
               own.client().refused(401002, "GET", f"{viewer.site}/projects", token="a|b|c"),
               viewer.refused(403000, "GET", f"{viewer.site}/connected-apps/direct-trust")]
    admin = own.admin()
    for reply in replies:
        event = event_where(admin, requestId=reply.headers["X-Request-Id"])
        assert event["outcome"] == "refused" and int(event["wireCode"]) == int(reply.code)


# ---------------------------------------------------------------- the command
def test_events_command(own, org):
    reply = org.jwt_reply(org.app.jwt("nobody-" + uuid.uuid4().hex))
    event_where(org.admin, requestId=reply.headers["X-Request-Id"])
    found = [event for event in command_events(own)
             if event.get("requestId") == reply.headers["X-Request-Id"]]
    assert len(found) == 1 and found[0]["check"].upper() == "USER"
    text = run("events", *own.store_options(), check=0).stdout
    assert len(text.splitlines()) >= len(command_events(own)) - 5


def test_events_follow(own, org):
    watcher = servers.Process(["events", "--follow", "--json", *own.store_options()])
    try:
        name = "followed-" + uuid.uuid4().hex
        org.jwt_reply(org.app.jwt(name))
        line = watcher.wait_line(lambda line: name in line and line, seconds=10)
        assert json.loads(line)["subject"] == name
    finally:
        watcher.kill()


def test_bounded_size(engine):
    """The newest are kept, the number asked for and not many more."""
    small = servers.Server(engine, env={**servers.RELAXED, "EASEL_EVENTS_KEEP": "50"})
    try:
        client, admin = small.client(), small.admin()
        last = None
        for _ in range(400):
            last = client.call("GET", "/sessions/current")
        event_where(admin, requestId=last.headers["X-Request-Id"])
        limit = time.monotonic() + 5
        while len(command_events(small)) > 150:
            assert time.monotonic() < limit, len(command_events(small))
            client.call("GET", "/sessions/current")
    finally:
        small.stop()


# ---------------------------------------------------------------- explain
def explain(own, org, token, *more, stdin=False):
    return run("explain", *own.store_options(), "--site", org.content_url, *more,
               "-" if stdin else token, stdin=token if stdin else None)


def test_explain_a_good_token(own, org):
    token = org.app.jwt(org.name("Creator"), ["tableau:content:read"])
    done = explain(own, org, token)
    assert done.returncode == 0, done
    assert done.stdout.lower().count("pass") + done.stdout.lower().count("ok ") >= 15
    assert explain(own, org, token, stdin=True).returncode == 0
    # explaining does not use the token up
    assert org.jwt_reply(token).status == 200
    assert explain(own, org, token).returncode == 1


ORDERED = ["SIZE", "FORM", "ALG", "ISSUER", "KID", "SIGNATURE", "AUDIENCE", "EXPIRY", "LIFETIME", "JTI",
           "SCOPES", "SUBJECT", "USER"]
TITLES = {"SIZE": "8000", "FORM": "base64url", "ALG": "HS256", "ISSUER": "iss names",
          "KID": "kid names", "SIGNATURE": "signature fits", "AUDIENCE": "aud is", "EXPIRY": "exp is a time",
          "LIFETIME": "maximum life", "JTI": "jti is given", "SCOPES": "scp holds", "SUBJECT": "sub is given",
          "USER": "sub names"}


def test_explain_names_the_checks_in_order(own, org):
    text = explain(own, org, org.app.jwt(org.name("Creator"))).stdout
    places = [text.find(TITLES[check]) for check in ORDERED]
    assert -1 not in places and places == sorted(places), text


@pytest.mark.parametrize("name,make,code,check,word", [case for case in BROKEN if case[0] != "jwt empty"],
                         ids=[case[0] for case in BROKEN if case[0] != "jwt empty"])
def test_explain_a_bad_token(own, org, cases, name, make, code, check, word):
    token = make(cases)
    done = explain(own, org, token, stdin=True)
    assert done.returncode == 1, done
    assert str(code) in done.stdout and "fail" in done.stdout.lower()
    assert cases.app.keys[0].value not in done.stdout + done.stderr


@pytest.mark.parametrize("name,make", GOOD[:8], ids=[case[0] for case in GOOD[:8]])
def test_explain_good_ones(own, org, cases, name, make):
    assert explain(own, org, make(cases)).returncode == 0


def test_explain_with_a_method(own, org):
    token = org.app.jwt(org.name("Creator"), ["tableau:content:read"])
    assert explain(own, org, token, "--method", "GET sites/{site-id}/projects").returncode == 0
    done = explain(own, org, token, "--method", "GET sites/{site-id}/jobs")
    assert done.returncode == 1 and "tableau:jobs:read" in done.stdout
    assert explain(own, org, token, "--method", f"GET /sites/{org.site_id}/projects").returncode == 0
    assert explain(own, org, token, "--method", "GET nowhere").returncode in (1, 2)


def test_explain_for_the_wrong_site(own, org):
    token = org.app.jwt(org.name("Creator"))
    done = run("explain", *own.store_options(), "--site", "nosuchsite", token)
    assert done.returncode == 1
    assert run("explain", *own.store_options(), token).returncode == 1


# ---------------------------------------------------------------- scopes observed
def test_observed_scopes(own, org):
    app = org.admin.make_signing_app(name="observed-app")
    client = own.client().by_jwt(app.jwt(org.name("SiteAdministratorCreator"),
                                         ["tableau:users:*", "tableau:content:read",
                                          "tableau:workbooks:*"]), org.content_url)
    client.ok("GET", f"{client.site}/users")
    client.ok("GET", f"{client.site}/projects")
    client.refused(401002, "POST", f"{client.site}/projects", {"project": {"name": "x"}})
    limit = time.monotonic() + 30
    while True:
        text = run("scopes", "--observed", "--since", "1h", "--json", *own.store_options(),
                   check=0).stdout
        if app.client_id in text and "projects:create" in text or time.monotonic() > limit:
            break
        time.sleep(0.5)
    document = json.loads(text)
    apps = document["apps"] if isinstance(document, dict) else document
    (mine,) = [entry for entry in apps if entry["clientId"] == app.client_id]
    assert set(mine["needed"]) == {"tableau:users:read", "tableau:content:read", "tableau:projects:create"}
    assert set(mine["granted"]) == {"tableau:users:*", "tableau:content:read", "tableau:workbooks:*"}
    plain = run("scopes", "--observed", *own.store_options(), check=0).stdout
    assert "observed-app" in plain and "tableau:users:read" in plain


def test_scopes_listed():
    text = run("scopes", check=0).stdout
    for scope in ("tableau:content:read", "tableau:users:*", "tableau:tasks:run"):
        assert scope in text


# ---------------------------------------------------------------- no secrets anywhere
def test_no_secret_in_log_events_or_repository(own, org):
    """What was secret on the way in or out is nowhere to be found after it."""
    password, wrong = own.admin_password, "wrong-" + uuid.uuid4().hex
    good, bad = org.app.jwt(org.name("Creator")), org.app.jwt("nobody", life=300)
    session = own.client().by_jwt(good, org.content_url).session
    org.jwt_reply(bad)
    org.jwt_reply(good)
    own.client().sign_in_reply({"name": "admin", "password": wrong, "site": {"contentUrl": ""}})
    own.client().call("GET", "/sessions/current", token="stolen-" + wrong)
    own.client().call("POST", "/auth/signin", raw=f"<tsRequest><credentials password='{wrong}'".encode())
    last = own.client().call("GET", "/sessions/current")
    event_where(own.admin(), requestId=last.headers["X-Request-Id"])
    key = org.app.keys[0].value
    hidden = {"admin password": password, "wrong password": wrong, "secret value": key,
              "signature": good.split(".")[2], "signature of a refused token": bad.split(".")[2],
              "whole token": good, "session token": session.token,
              "first part": session.token.split("|")[0], "second part": session.token.split("|")[1]}
    places = {"log": own.text().encode(), "events": json.dumps(command_events(own)).encode(),
              "REST events": json.dumps(rest_events(own.admin())).encode()}
    for file in pathlib.Path(own.data).rglob("*"):
        if file.is_file():
            places[file.name] = file.read_bytes()
    if own.engine == "postgres":
        places["repository"] = dump(own.repository)
    for what, text in hidden.items():
        for place, found in places.items():
            assert text.encode() not in found, f"{what} is in {place}"


def dump(url):
    """Every row of every table of a PostgreSQL repository, as text."""
    psycopg2 = pytest.importorskip("psycopg2")
    connection = psycopg2.connect(url)
    cursor = connection.cursor()
    cursor.execute("SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM "
                   "information_schema.tables WHERE table_schema NOT IN ('pg_catalog', "
                   "'information_schema')")
    text = []
    for (table,) in cursor.fetchall():
        cursor.execute(f"SELECT t::text FROM {table} t")
        text += [row[0] for row in cursor.fetchall()]
    connection.close()
    assert text
    return "\n".join(text).encode()


def test_key_file_is_private(own):
    key = pathlib.Path(own.data) / "secret.key"
    assert key.exists() and key.stat().st_mode & 0o777 == 0o600


# ---------------------------------------------------------------- on the wire
def test_explain_refusals_is_a_setting(engine):
    """Off by default (all of test_trust); on, the detail holds the reason."""
    telling = servers.Server(engine, options=["--explain-refusals"], env=servers.RELAXED)
    try:
        org = Org(telling, telling.admin(), unique("telling"))
        reply = org.jwt_reply(org.app.jwt(org.name("Creator"), claims={"aud": "elsewhere"}))
        check_refusal(reply, 401001)
        assert reply.detail.startswith("Error signing in to Tableau Server (10084)")
        assert "elsewhere" in reply.detail and "tableau" in reply.detail[42:]
        client = org.by_jwt("Viewer", ["tableau:content:read"])
        scope = client.refused(401002, "GET", f"{client.site}/users")
        assert "tableau:users:read" in scope.detail
        wrong = telling.client().sign_in_reply({"name": "admin", "password": "x", "site": {"contentUrl": ""}})
        none = telling.client().sign_in_reply({"name": "nobody", "password": "x", "site": {"contentUrl": ""}})
        assert "(1" not in wrong.detail and wrong.code == none.code == "401001"
    finally:
        telling.stop()
