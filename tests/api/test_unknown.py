"""Paths and verbs that are not there."""

import pytest
import requests

from easel_client import NEWEST, Reply, check_refusal
from tables import BEYOND, binary_methods, fill, implemented, spec_rows

ZERO = "00000000-0000-4000-8000-000000000000"


def test_unknown_resource(server, fmt):
    reply = server.client(fmt=fmt).refused(404003, "GET", "/xyz", version="3.24")
    assert reply.detail == "Unknown resource '/3.24/xyz' specified in URI."


@pytest.mark.parametrize("path", [
    "/", "", "//", "/sites/x/y/z/w", "/auth", "/auth/", "/auth/signin/x", "/sites//projects",
    "/%73ites/x/nothing", "/serverinfo/more", f"/sites/{ZERO}/connected-apps",
    f"/sites/{ZERO}/connected-apps/direct-trust/{ZERO}/secrets/{ZERO}/x", "/..", "/../../etc/passwd",
    "/sites/%2e%2e/%2e%2e/etc", "/%00", "/%", "/%zz", "/sites/\u00e4/x",
])
def test_odd_paths(server, path):
    """Refused with an envelope: no such resource, or (for a bad escape) a bad request."""
    request = requests.Request("GET", server.url).prepare()
    request.url = f"{server.url}/api/{NEWEST}" + path.encode("utf-8").decode("latin-1")
    with requests.Session() as session:
        session.trust_env = False
        reply = Reply(session.send(request, allow_redirects=False))
    assert reply.status in (400, 401, 404, 405), reply
    assert reply.code in ("400000", "401000", "404000", "404001", "404003", "405000"), reply


def test_outside_the_api(server):
    client = server.client()
    for path in ("///nowhere", "///easel/v1/nowhere", "///easel/v2/health", "///api", "///api/"):
        assert client.call("GET", path.replace("///", "//", 1)).status == 404


@pytest.mark.parametrize("verb,path", [
    ("GET", "/auth/signin"), ("PUT", "/auth/signin"), ("DELETE", "/auth/signin"),
    ("GET", "/auth/signout"), ("GET", "/auth/switchSite"), ("POST", "/sessions/current"),
    ("PUT", "/sites"), ("POST", f"/sites/{ZERO}/connected-apps/direct-trust/{ZERO}"),
    ("PUT", f"/sites/{ZERO}/connected-apps/direct-trust"),
    ("GET", f"/sites/{ZERO}/connected-apps/direct-trust/{ZERO}/secrets"),
    ("PUT", f"/sites/{ZERO}/users"), ("DELETE", f"/sites/{ZERO}/projects"),
    ("PATCH", f"/sites/{ZERO}/projects"),
])
def test_wrong_verb(server, verb, path):
    """Before the token is looked at."""
    for fmt in ("xml", "json"):
        reply = server.client(fmt=fmt).refused(405000, verb, path)
        assert reply.detail == f"The HTTP method '{verb}' is not supported for the given resource"


def test_methods_without_a_handler(server, home):
    """Known to the scopes, not routed: no such resource."""
    seen = 0
    for row in spec_rows("methods.tsv"):
        if (row["verb"], row["path"]) in implemented():
            continue
        seen += 1
        bare = fill(row["path"], **{"site-id": home.session.site_id}).split("?")[0]
        if row["path"].startswith(("/api/", "/oauth2/")):
            reply = home.call(row["verb"], "/" + bare)
            assert reply.status == 404, (row["method"], reply)
            continue
        reply = home.call(row["verb"], bare)
        check_refusal(reply, 404003)
    assert seen > 200
    assert len(binary_methods()) == len(spec_rows("methods.tsv")) + len(BEYOND)
