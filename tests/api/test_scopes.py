"""Scopes: every scope against every method that is served, as the table says."""

import json

import pytest

from easel_client import check_refusal, unique
from servers import run
from tables import fill, implemented, listed, spec_rows

ZERO = "00000000-0000-4000-8000-000000000000"
# Ended or begun by the call itself: not part of the matrix.
APART = {("POST", "/auth/signin"), ("POST", "/auth/signout"), ("GET", "/serverinfo")}
GRANT_NOTHING = ["tableau:*:*", "tableau:*", "*", "tableau:labels:*", "tableau:jobs:*", "tableau:flows:*",
                 "tableau:views:*", "tableau:file_uploads:*", "tableau:content:*", "tableau:views:embed",
                 "tableau:metrics:embed", "TABLEAU:USERS:READ", "tableau:users:Read",
                 " tableau:users:read", "tableau:users:read ", "tableau:users:read\n", "users:read",
                 "tableau:users:", "tableau:users", "tableau::read", "tableau:users:read:x",
                 "tableau:users:rea", "tableau:users:readx", "tableau:user:read", "", "none",
                 "no-scope-exists", "tableau:projects:read", "tableau:sites:re*", "tableau:u*:read",
                 "tableau:content:read;tableau:users:read", "tableau:content:read tableau:users:read"]


def all_scopes():
    scopes = {scope for row in spec_rows("methods.tsv") for scope in listed(row["scopes_any"])}
    return sorted(scopes - {"none", "no-scope-exists"})


@pytest.fixture(scope="module")
def matrix():
    """(verb, path, scopes, since) of what is served and takes part."""
    rows = [row for row in spec_rows("methods.tsv")
            if (row["verb"], row["path"]) in implemented() - APART]
    assert len(rows) >= 28
    return [(row["verb"], row["path"], listed(row["scopes_any"]), row["since"]) for row in rows]


def outcome(client, verb, path):
    """True where the gate of scopes let the call through. The ids name nothing and
    bodies are empty, so nothing is changed by a call that passes."""
    shown = fill(path, **{"site-id": client.session.site_id, "site-name": "nosuch",
                          "content-url": "nosuch"})
    reply = client.call(verb, "/" + shown if shown.startswith("/api/") else shown)
    assert reply.code not in ("401000", "404003", "405000", "500000"), (verb, path, reply)
    return reply.code != "401002"


def test_one_scope_at_a_time(org, matrix):
    """A session with one scope is admitted exactly where the row names it."""
    wrong = []
    for scope in all_scopes():
        client = org.by_jwt("SiteAdministratorCreator", [scope])
        for verb, path, scopes, _ in matrix:
            expected = scopes == ["none"] or scope in scopes
            if outcome(client, verb, path) != expected:
                wrong.append((scope, verb, path, "must be admitted" if expected else "must be refused"))
    assert not wrong


def test_all_scopes_together(org, matrix):
    """Every scope at once: all but what no scope opens."""
    scopes = all_scopes()
    client = org.by_jwt("SiteAdministratorCreator", scopes[:len(scopes) // 2])
    rest = org.by_jwt("SiteAdministratorCreator", scopes[len(scopes) // 2:])
    for verb, path, row, _ in matrix:
        closed = row == ["no-scope-exists"]
        admitted = outcome(client, verb, path) or outcome(rest, verb, path)
        assert admitted != closed, (verb, path)


def test_the_union_counts(org):
    client = org.by_jwt("SiteAdministratorCreator", ["tableau:users:read", "tableau:content:read"])
    client.ok("GET", f"{client.site}/users")
    client.ok("GET", f"{client.site}/projects")
    client.refused(401002, "GET", "/sites")


@pytest.mark.parametrize("scope", GRANT_NOTHING)
def test_what_grants_nothing(org, scope):
    """Neither unknown words nor wildcards that the reference does not have."""
    client = org.by_jwt("SiteAdministratorCreator", [scope])
    for verb, path in (("GET", "/users"), ("GET", "/projects"), ("POST", "/projects")):
        reply = client.refused(401002, verb, client.site + path)
        assert "invalid authentication credentials" in reply.detail.lower()
    client.refused(401002, "GET", "/sites")
    client.ok("GET", "/sessions/current")


def test_at_every_version(org):
    """A scope opens its methods in every version that has them."""
    client = org.by_jwt("SiteAdministratorCreator", ["tableau:content:read"])
    for version in ("2.0", "2.8", "3.0", "3.16", "3.17", "3.24", "3.29"):
        client.ok("GET", f"{client.site}/projects", version=version)
        client.refused(401002, "GET", f"{client.site}/users", version=version)


def test_no_scopes_no_session(org):
    for changes in ({"scopes": []}, {"claims": {"scp": []}}):
        reply = org.jwt_reply(org.app.jwt(org.name("Creator"), **changes))
        check_refusal(reply, 401001)
        assert reply.detail == "Error signing in to Tableau Server (10084)"


def test_roles_still_decide(org):
    """A scope never adds rights."""
    for role in ("Creator", "Explorer", "Viewer"):
        client = org.by_jwt(role, ["tableau:users:*", "tableau:sites:*", "tableau:projects:*"])
        client.refused(403004, "POST", f"{client.site}/users",
                       {"user": {"name": unique("u"), "siteRole": "Viewer"}})
        client.refused(403004, "POST", "/sites", {"site": {"name": "x", "contentUrl": unique("x")}})
        client.refused(403133, "GET", f"{client.site}/users/{org.user('Unlicensed')}")
        client.ok("GET", f"{client.site}/users/{org.user(role)}")
    site_admin = org.by_jwt("SiteAdministratorCreator", ["tableau:sites:create"])
    site_admin.refused(403004, "POST", "/sites", {"site": {"name": "x", "contentUrl": unique("x")}})


def test_scope_before_role(org):
    """Lacking both, the scope is told."""
    client = org.by_jwt("Viewer", ["tableau:content:read"])
    client.refused(401002, "POST", f"{client.site}/users", {"user": {"name": "x", "siteRole": "Viewer"}})


def test_sign_out_needs_none(org):
    client = org.by_jwt("Viewer", ["tableau:nothing:known"])
    client.ok("POST", "/auth/signout")


def test_password_sessions_are_not_bound(org, matrix):
    for verb, path, _, _ in matrix:
        if path == "/auth/switchSite" or path.startswith("/sessions/{"):
            continue
        assert outcome(org.as_role("SiteAdministratorCreator"), verb, path), (verb, path)


# ---------------------------------------------------------------- the command
def methods_of(scope):
    document = json.loads(run("methods", "--scope", scope, "--json", check=0).stdout)
    rows = document["methods"] if isinstance(document, dict) else document
    return {(row["verb"], row["path"]) for row in rows}


@pytest.mark.parametrize("scope", ["tableau:content:read", "tableau:tasks:*", "tableau:users:*",
                                   "tableau:views:download", "tableau:tasks:run", "tableau:jobs:read",
                                   "tableau:datasources:*", "tableau:permissions:update"])
def test_methods_of_a_scope(scope):
    expected = {(row["verb"], row["path"]) for row in spec_rows("methods.tsv")
                if scope in listed(row["scopes_any"])}
    assert expected and methods_of(scope) == expected


def test_methods_of_every_scope():
    rows = spec_rows("methods.tsv")
    for scope in all_scopes()[::6]:
        assert methods_of(scope) == {(row["verb"], row["path"]) for row in rows
                                     if scope in listed(row["scopes_any"])}, scope


def test_methods_of_a_scope_that_is_none():
    """Nothing is listed; an unknown word grants nothing and is no mistake of use."""
    assert "/sites" not in run("methods", "--scope", "tableau:users:nonsense").stdout


def test_methods_as_text():
    text = run("methods", check=0).stdout
    for row in spec_rows("methods.tsv")[:40]:
        assert row["path"] in text
    some = run("methods", "--scope", "tableau:users:read", check=0).stdout
    assert "/sites/{site-id}/users" in some and "direct-trust" not in some
