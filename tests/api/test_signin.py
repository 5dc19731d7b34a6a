"""Signing in and out, in every way there is, and the life of a session."""

import re
import threading
import time

import pytest

import servers
from easel_client import NEWEST, Session, check_refusal, session_of, unique

ZERO = "00000000-0000-4000-8000-000000000000"
LUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def password_of(server):
    return {"name": server.admin_name, "password": server.admin_password,
            "site": {"contentUrl": ""}}


# ---------------------------------------------------------------- the four ways
def check_answer(reply, content_url):
    """The answer to a sign-in: token, life, site, user."""
    assert reply.status == 200, reply
    credentials = reply.doc["credentials"]
    assert set(credentials) == {"token", "estimatedTimeToExpiration", "site", "user"}
    assert re.fullmatch(r"\d+:[0-5]\d:[0-5]\d", credentials["estimatedTimeToExpiration"])
    assert credentials["site"]["contentUrl"] == content_url
    assert re.fullmatch(LUID, credentials["site"]["id"])
    assert re.fullmatch(LUID, credentials["user"]["id"])
    return credentials


def check_token(token, site_id):
    """Three parts joined by bars, the last the site; the rest unguessable."""
    first, second, third = token.split("|")
    assert third == site_id
    assert len(first) >= 16 and len(second) >= 16 and first != second


def test_password(server, fmt):
    client = server.client(fmt=fmt)
    credentials = check_answer(client.sign_in_reply(password_of(server)), "")
    check_token(credentials["token"], credentials["site"]["id"])
    again = check_answer(client.sign_in_reply(password_of(server)), "")
    assert again["token"] != credentials["token"]
    assert again["user"] == credentials["user"]


def test_life_is_four_hours(home, server):
    life = check_answer(server.client().sign_in_reply(password_of(server)),
                        "")["estimatedTimeToExpiration"]
    hours, minutes, seconds = map(int, life.split(":"))
    assert 239 * 60 <= hours * 3600 + minutes * 60 + seconds <= 240 * 60 or hours in (3, 4)
    assert life in ("4:00:00", "3:59:59", "3:59:58", "3:59:57")


def test_jwt(org, fmt):
    jwt = org.app.jwt(org.name("Creator"))
    credentials = check_answer(org.jwt_reply(jwt, fmt=fmt), org.content_url)
    assert credentials["user"]["id"] == org.user("Creator")
    assert credentials["site"]["id"] == org.site_id
    check_token(credentials["token"], org.site_id)


def test_personal_access_token(dev, fmt):
    pat = dev.info["personalAccessToken"]
    reply = dev.client(fmt=fmt).sign_in_reply({
        "personalAccessTokenName": pat["name"], "personalAccessTokenSecret": pat["secret"],
        "site": {"contentUrl": dev.info["siteContentUrl"]}})
    assert check_answer(reply, dev.info["siteContentUrl"])["user"]["id"] == dev.info["userId"]


def test_one_session_for_a_personal_access_token(dev):
    pat = dev.info["personalAccessToken"]
    first = dev.client().by_pat(pat["name"], pat["secret"], dev.info["siteContentUrl"])
    first.ok("GET", "/sessions/current")
    second = dev.client().by_pat(pat["name"], pat["secret"], dev.info["siteContentUrl"])
    second.ok("GET", "/sessions/current")
    first.refused(401002, "GET", "/sessions/current")


def pat_of(server, user="admin", site=""):
    """A personal access token made by the command, as (name, secret)."""
    name = unique("pat")
    done = servers.run("token", *server.store_options(), "--user", user, "--site", site, "--name",
                       name, check=0)
    return name, re.findall(r"[A-Za-z0-9_+/=:-]{20,}", done.stdout)[-1]


def test_personal_access_token_of_a_user(server, org, fmt):
    """Both kinds of repository; it signs in on the user's site alone."""
    name, secret = pat_of(server, org.name("Creator"), org.content_url)
    client = server.client(fmt=fmt)
    assert client.by_pat(name, secret, org.content_url).session.user_id == org.user("Creator")
    for site in ("", unique("nosite")):
        check_refusal(client.sign_in_reply({
            "personalAccessTokenName": name, "personalAccessTokenSecret": secret,
            "site": {"contentUrl": site}}), 401001)


def test_personal_access_tokens_began_with_3_6(server):
    name, secret = pat_of(server)
    credentials = {"personalAccessTokenName": name, "personalAccessTokenSecret": secret,
                   "site": {"contentUrl": ""}}
    check_refusal(server.client(version="3.5").sign_in_reply(credentials), 400000)
    assert server.client(version="3.6").sign_in_reply(credentials).status == 200


def test_personal_access_token_expires(engine):
    """After its life, and after a time without use."""
    lifes = {"EASEL_PAT_IDLE": "1s"}
    server = servers.Server(engine, env={**servers.RELAXED, **lifes})
    try:
        name, secret = pat_of(server)
        server.client().by_pat(name, secret)
        limit = time.monotonic() + 5
        credentials = {"personalAccessTokenName": name, "personalAccessTokenSecret": secret,
                       "site": {"contentUrl": ""}}
        time.sleep(1.1)
        check_refusal(server.client().sign_in_reply(credentials), 401001)
        assert time.monotonic() < limit
    finally:
        server.stop()


def test_only_server_administrators_impersonate(server, org):
    """A site's administrator is not one."""
    name, secret = pat_of(server, org.name("SiteAdministratorCreator"), org.content_url)
    reply = server.client().sign_in_reply({
        "personalAccessTokenName": name, "personalAccessTokenSecret": secret,
        "site": {"contentUrl": org.content_url}, "user": {"id": org.user("Viewer")}})
    assert reply.status in (401, 403), reply
    check_refusal(reply, reply.code)


def test_personal_access_token_is_not_bound_by_scopes(dev):
    pat = dev.info["personalAccessToken"]
    client = dev.client().by_pat(pat["name"], pat["secret"], dev.info["siteContentUrl"])
    client.ok("GET", f"{client.site}/users")
    client.ok("GET", f"{client.site}/connected-apps/direct-trust")


def test_impersonation(server, org, fmt):
    reply = server.client(fmt=fmt).sign_in_reply({
        **password_of(server), "site": {"contentUrl": org.content_url},
        "user": {"id": org.user("Explorer")}})
    credentials = check_answer(reply, org.content_url)
    assert credentials["user"]["id"] == org.user("Explorer")
    client = server.client().twin(session_of(reply))
    client.refused(403004, "POST", "/sites", {"site": {"name": unique("s"), "contentUrl": unique("s")}})


def test_impersonation_with_a_personal_access_token(dev):
    admin = dev.admin()
    user_id, _ = admin.add_user()
    pat = dev.info["personalAccessToken"]
    client = dev.client().sign_in({
        "personalAccessTokenName": pat["name"], "personalAccessTokenSecret": pat["secret"],
        "site": {"contentUrl": dev.info["siteContentUrl"]}, "user": {"id": user_id}})
    assert client.session.user_id == user_id


def test_impersonation_of_nobody(server, org, other):
    for user in (ZERO, other.user("Creator"), "not-an-id", ""):
        for fmt in ("xml", "json"):
            reply = server.client(fmt=fmt).sign_in_reply({
                **password_of(server), "site": {"contentUrl": org.content_url},
                "user": {"id": user}})
            check_refusal(reply, 404002 if user else reply.code)
            assert reply.code in ("404002", "400000")


def test_impersonation_by_jwt(org):
    """A JWT names its user; to name another beside it is refused."""
    reply = org.server.client().sign_in_reply({
        "jwt": org.app.jwt(org.name("SiteAdministratorCreator")),
        "site": {"contentUrl": org.content_url}, "user": {"id": org.user("Creator")}})
    check_refusal(reply, 401001)


def test_unified_token_is_not_for_servers(org):
    reply = org.server.client().sign_in_reply({
        "jwt": org.app.jwt(org.name("Creator")), "isUat": True,
        "site": {"contentUrl": org.content_url}})
    check_refusal(reply, 401001)


def test_unlicensed_cannot_sign_in(server, org):
    reply = server.client().sign_in_reply({
        **password_of(server), "site": {"contentUrl": org.content_url},
        "user": {"id": org.user("Unlicensed")}})
    check_refusal(reply, reply.code)
    assert reply.status in (401, 404)


# ---------------------------------------------------------------- refusals of sign-in
def test_wrong_credentials(server, fmt):
    client = server.client(fmt=fmt)
    good = password_of(server)
    for change in ({"password": "wrong"}, {"password": ""}, {"name": unique("nobody")},
                   {"password": good["password"] + "x"}, {"password": good["password"].swapcase()},
                   {"site": {"contentUrl": unique("nosite")}}):
        reply = client.sign_in_reply({**good, **change})
        check_refusal(reply, 401001)
        assert "(" not in reply.detail


def test_wrong_name_and_wrong_password_look_alike(server):
    """The answer must not tell which names exist."""
    client = server.client()
    good = password_of(server)
    one = client.sign_in_reply({**good, "password": "wrong"})
    two = client.sign_in_reply({**good, "name": unique("nobody")})
    assert one.doc == two.doc


def test_wrong_personal_access_token(dev):
    pat = dev.info["personalAccessToken"]
    for name, secret in ((pat["name"], "x"), ("nope", pat["secret"]), (pat["name"], pat["name"]),
                         (pat["secret"], pat["secret"])):
        reply = dev.client().sign_in_reply({
            "personalAccessTokenName": name, "personalAccessTokenSecret": secret,
            "site": {"contentUrl": dev.info["siteContentUrl"]}})
        check_refusal(reply, 401001)


@pytest.mark.parametrize("credentials", [
    {}, {"name": "a"}, {"password": "b"}, {"personalAccessTokenName": "a"},
    {"personalAccessTokenSecret": "a"},
    {"name": "a", "password": "b", "personalAccessTokenName": "c", "personalAccessTokenSecret": "d"},
    {"name": "a", "password": "b", "jwt": "c.d.e"},
    {"personalAccessTokenName": "c", "personalAccessTokenSecret": "d", "jwt": "c.d.e"},
])
def test_not_one_kind_of_credentials(server, fmt, credentials):
    reply = server.client(fmt=fmt).sign_in_reply({**credentials, "site": {"contentUrl": ""}})
    if not credentials:
        # nothing given at all: an empty JWT is the last thing that was looked for
        assert reply.code in ("400000", "401001"), reply
        check_refusal(reply, reply.code)
    else:
        check_refusal(reply, 400000)


def test_site_is_required(server, fmt):
    credentials = password_of(server)
    del credentials["site"]
    check_refusal(server.client(fmt=fmt).sign_in_reply(credentials), 400000)


def test_site_without_content_url_is_the_default_site(server, fmt):
    reply = server.client(fmt=fmt).sign_in_reply({**password_of(server), "site": {}})
    check_answer(reply, "")


def test_content_url_without_regard_to_case(server, org):
    reply = server.client().sign_in_reply({
        **password_of(server), "site": {"contentUrl": org.content_url.upper()}})
    check_answer(reply, org.content_url)


BROKEN_XML = [b"", b" ", b"<tsRequest>", b"<tsRequest/>", b"<credentials/>", b"hello",
              b"<tsResponse><credentials name='a' password='b'><site/></credentials></tsResponse>",
              b"<tsRequest><site contentUrl=''/></tsRequest>",
              b"<tsRequest><credentials name='a' password='b'><site contentUrl=''></credentials></tsRequest>"]
BROKEN_JSON = [b"", b"{}", b"[]", b"null", b'"x"', b"{", b'{"credentials":[]}', b'{"credentials":null}',
               b'{"credentials":"x"}', b'{"credentials":{"name":1,"password":[],"site":{}}}',
               b'{"credentials":{"name":{"a":1},"password":"x","site":{"contentUrl":""}}}']


@pytest.mark.parametrize("body", BROKEN_XML)
def test_broken_xml(server, body):
    reply = server.client().call("POST", "/auth/signin", raw=body)
    assert reply.code in ("400000", "400109"), reply
    check_refusal(reply, reply.code)


@pytest.mark.parametrize("body", BROKEN_JSON)
def test_broken_json(server, body):
    reply = server.client(fmt="json").call("POST", "/auth/signin", raw=body)
    assert reply.code in ("400000", "400109"), reply
    check_refusal(reply, reply.code)


# ---------------------------------------------------------------- request forms
def test_xml_with_and_without_a_namespace_or_type(server):
    document = ('<tsRequest{}><credentials name="{}" password="{}"><site contentUrl=""/>'
                "</credentials></tsRequest>")
    for namespace in ("", ' xmlns="http://tableau.com/api"'):
        body = document.format(namespace, server.admin_name, server.admin_password).encode()
        for content_type in ("application/xml", "text/xml", "text/xml; charset=utf-8", ""):
            reply = server.client().call("POST", "/auth/signin", raw=body, content_type=content_type)
            assert reply.status == 200, (namespace, content_type, reply)


def test_request_and_answer_in_different_forms(server):
    client = server.client()
    json_reply = client.call("POST", "/auth/signin", {"credentials": password_of(server)},
                             accept="application/json")
    assert json_reply.json["credentials"]["token"]
    json_client = server.client(fmt="json")
    xml_reply = json_client.call("POST", "/auth/signin", {"credentials": password_of(server)},
                                 accept="application/xml")
    assert xml_reply.xml is not None and xml_reply.status == 200


def test_credentials_are_not_echoed(server):
    name, password = unique("visible"), unique("hidden")
    for fmt in ("xml", "json"):
        reply = server.client(fmt=fmt).sign_in_reply(
            {"name": name, "password": password, "site": {"contentUrl": ""}})
        assert password.encode() not in reply.body


# ---------------------------------------------------------------- the token
def test_no_token_and_a_wrong_one(server, home, fmt):
    client = server.client(fmt=fmt)
    reply = client.refused(401000, "GET", f"{home.site}/projects")
    assert "no authentication credentials" in reply.detail.lower()
    for token in ("x", "||", "a|b|c", f"{'a' * 22}|{'b' * 32}|{home.session.site_id}", "x" * 8000,
                  home.session.token[:-1], home.session.token.swapcase(), home.session.token + "x"):
        reply = client.refused(401002, "GET", f"{home.site}/projects", token=token)
        assert "invalid authentication credentials" in reply.detail.lower()


def test_an_empty_token(server, home):
    reply = server.client().call("GET", f"{home.site}/projects", token="")
    assert reply.code in ("401000", "401002")


def test_sign_out(org, fmt):
    client = org.by_jwt("Creator")
    client.fmt = fmt
    assert client.ok("POST", "/auth/signout").status == 204
    client.refused(401002, "GET", "/sessions/current")
    client.refused(401002, "POST", "/auth/signout")
    server_client = org.server.client(fmt=fmt)
    server_client.refused(401000, "POST", "/auth/signout")
    server_client.refused(405000, "GET", "/auth/signout")


def test_sign_out_ends_one_session_only(org):
    one, two = org.by_jwt("Creator"), org.by_jwt("Creator")
    one.ok("POST", "/auth/signout")
    two.ok("GET", "/sessions/current")


def test_sign_out_with_a_body(org):
    client = org.by_jwt("Creator")
    client.ok("POST", "/auth/signout", raw=b"", content_type="application/xml")


def test_session_ends_in_time(engine):
    """A session life of one second; the clock is the only thing waited for."""
    server = servers.Server(engine, env={**servers.RELAXED, "EASEL_SESSION_LIFE": "1s"})
    try:
        client = server.admin()
        assert client.call("GET", "/sessions/current").code in (None, "401002")
        limit = time.monotonic() + 5
        while client.call("GET", "/sessions/current").code is None:
            assert time.monotonic() < limit
            time.sleep(0.1)
        client.refused(401002, "GET", "/sessions/current")
    finally:
        server.stop()


def test_site_of_another_session(org, other, home):
    """A token is for one site."""
    for client, site_id in ((org.admin, other.site_id), (org.as_role("Creator"), other.site_id),
                            (home, org.site_id), (org.admin, home.session.site_id)):
        client.refused(401002, "GET", f"/sites/{site_id}/projects")
        client.refused(401002, "GET", f"/sites/{site_id}/connected-apps/direct-trust")


def test_unknown_site_in_the_path(org):
    for site in (ZERO, "x", org.content_url, org.site_id + "0", org.site_id[:-1]):
        reply = org.admin.call("GET", f"/sites/{site}/projects")
        assert reply.code in ("404000",), (site, reply)
        check_refusal(reply, reply.code)


def test_site_id_without_regard_to_case(org):
    reply = org.admin.call("GET", f"/sites/{org.site_id.upper()}/projects")
    assert reply.status == 200 or reply.code == "404000"


# ---------------------------------------------------------------- the current session
def test_current_session(org, fmt):
    client = org.as_role("Explorer")
    session = client.ok("GET", "/sessions/current", fmt=fmt).doc["session"]
    assert session["site"]["id"] == org.site_id
    assert session["site"]["contentUrl"] == org.content_url
    assert session["site"]["name"]
    assert session["user"]["id"] == org.user("Explorer")
    assert session["user"]["name"] == org.name("Explorer")


def test_current_session_needs_no_scope(org):
    client = org.by_jwt("Explorer", ["tableau:nothing:known"])
    assert client.ok("GET", "/sessions/current").doc["session"]["user"]["id"] == org.user("Explorer")


# ---------------------------------------------------------------- switching the site
def switch(client, content_url, **options):
    return client.call("POST", "/auth/switchSite", {"site": {"contentUrl": content_url}}, **options)


def test_switch_site(server, org, other, fmt):
    client = server.admin(org.content_url)
    reply = switch(client, other.content_url, fmt=fmt)
    credentials = check_answer(reply, other.content_url)
    assert credentials["token"] != client.session.token
    assert credentials["site"]["id"] == other.site_id
    client.refused(401002, "GET", "/sessions/current")
    moved = client.twin(session_of(reply))
    moved.ok("GET", f"/sites/{other.site_id}/projects")
    moved.refused(401002, "GET", f"/sites/{org.site_id}/projects")


def test_switch_to_the_default_site_and_to_the_same(server, org, fmt):
    client = server.admin(org.content_url)
    check_refusal(switch(client, org.content_url, fmt=fmt), 403070)
    client.ok("GET", "/sessions/current")
    moved = client.twin(session_of(switch(client, "", fmt=fmt)))
    check_refusal(switch(moved, "", fmt=fmt), 403070)


def test_switch_to_nowhere(org, server, fmt):
    client = org.as_role("Creator")
    reply = switch(client, unique("nosite"), fmt=fmt)
    check_refusal(reply, 401003)
    client.ok("GET", "/sessions/current")


def test_switch_to_a_site_without_a_user_there(org, other):
    client = org.as_role("Creator")
    check_refusal(switch(client, other.content_url), 401003)
    client.ok("GET", "/sessions/current")


def test_switch_without_a_body(org):
    for raw in (b"", b"<tsRequest/>", b"<x/>", b"<tsRequest><site"):
        org.admin.refused(400000, "POST", "/auth/switchSite", raw=raw)


def test_switch_needs_a_token_and_no_jwt(org, other, server):
    check_refusal(switch(server.client(), other.content_url), 401000)
    check_refusal(switch(org.by_jwt("SiteAdministratorCreator", ["tableau:sites:*"]),
                         other.content_url), 401002)


def test_switch_keeps_the_user_the_session_had(server, home):
    """An impersonated session of a server administrator is not one of the administrator."""
    org_url = unique("kept")
    home.ok("POST", "/sites", {"site": {"name": org_url, "contentUrl": org_url}}, 201)
    user_id, _ = home.add_user(unique("kept"), "Explorer")
    client = server.client().by_password(server.admin_name, server.admin_password, user=user_id)
    check_refusal(switch(client, org_url), 401003)


# ---------------------------------------------------------------- deleting sessions
def session_key(client):
    return client.session.token


def test_delete_session_is_for_server_administrators(org):
    for role in ("SiteAdministratorCreator", "Viewer"):
        client = org.as_role(role)
        client.refused(403004, "DELETE", f"/sessions/{ZERO}")
    org.by_jwt("Creator").refused(401002, "DELETE", f"/sessions/{ZERO}")
    org.server.client().refused(401000, "DELETE", f"/sessions/{ZERO}")


def test_delete_session(home, org):
    client = org.by_jwt("Creator")
    reply = home.call("DELETE", "/sessions/" + session_key(client).replace("|", "%7C"))
    assert reply.status == 204, reply
    client.refused(401002, "GET", "/sessions/current")


# ---------------------------------------------------------------- the order of errors
def test_order_of_errors(server, org, other):
    """Version, route, verb, token, scope, site, role, body, object, conflict: with
    everything wrong, the first; each wrong thing mended shows the next."""
    bare, app = server.client(), "connected-apps/direct-trust"
    path = f"/sites/{ZERO}/{app}"
    bare.refused(404001, "PATCH", "/no/where", version="9.9", raw=b"<")
    bare.refused(404003, "PATCH", f"/sites/{ZERO}/{app}x", raw=b"<")
    bare.refused(405000, "PATCH", path, raw=b"<")
    bare.refused(401000, "POST", path, raw=b"<")
    jwt = org.by_jwt("Viewer")
    jwt.refused(401002, "POST", path, raw=b"<")
    viewer = org.as_role("Viewer")
    viewer.refused(404000, "POST", path, raw=b"<")
    viewer.refused(403000, "POST", f"{viewer.site}/{app}", raw=b"<")
    admin = org.admin
    admin.refused(400000, "PUT", f"{admin.site}/{app}/{ZERO}", raw=b"<")
    admin.refused(404041, "PUT", f"{admin.site}/{app}/{ZERO}", {"connectedApplication": {"name": "x"}})
    admin.refused(404005, "PUT", f"{admin.site}/projects/{ZERO}", {"project": {"name": "Default"}})
    one = admin.add_project()
    two = admin.add_project()
    admin.refused(409006, "PUT", f"{admin.site}/projects/{one['id']}",
                  {"project": {"name": two["name"]}})


def test_many_sign_ins_at_once(org):
    """Each gets a token of its own, and all work."""
    tokens, failures = [], []

    def one():
        try:
            client = org.by_jwt("Creator")
            client.ok("GET", "/sessions/current")
            tokens.append(client.session.token)
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and len(set(tokens)) == 24


def test_newest_and_session(home):
    """A session is not of a version: one token serves them all."""
    for version in ("3.1", "3.14", NEWEST):
        assert isinstance(home.session, Session)
        home.ok("GET", "/sessions/current", version=version)
