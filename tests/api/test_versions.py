"""The version segment: which versions there are, and what begins with which."""

import pytest

from easel_client import NEWEST, check_refusal

VERSIONS = [f"2.{minor}" for minor in range(9)] + [f"3.{minor}" for minor in range(31)]
UNKNOWN = ["1.0", "1.9", "2.9", "3.31", "4.0", "3", "3.", ".3", "3.024", "03.24", "3.24.1", "2024.2",
           "v3.24", "-3.24", "3.-1", "99999999999999999999.0", "3.99999999999999999999", "x",
           "3,24", "3.2%34x", "exp2"]
# first version, verb, path after the site, "auth" or top level
GATES = [
    ("2.4", "GET", "/serverinfo"),
    ("2.6", "POST", "/auth/switchSite"),
    ("3.1", "GET", "/sessions/current"),
    ("3.9", "DELETE", "/sessions/{id}"),
    ("3.14", "GET", "{site}/connected-applications"),
    ("3.14", "POST", "{site}/connected-applications"),
    ("3.14", "GET", "{site}/connected-applications/{id}"),
    ("3.14", "DELETE", "{site}/connected-applications/{id}/secrets/{id}"),
    ("3.17", "GET", "{site}/connected-apps/direct-trust"),
    ("3.17", "PUT", "{site}/connected-apps/direct-trust/{id}"),
    ("3.17", "POST", "{site}/connected-apps/direct-trust/{id}/secrets"),
    ("3.17", "GET", "{site}/connected-apps/direct-trust/{id}/secrets/{id}"),
    ("2.0", "GET", "{site}/projects"),
    ("2.0", "GET", "{site}/users"),
    ("2.0", "GET", "/sites"),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_answers(server, home, version):
    """The list of projects is there in all of them, in the same form."""
    reply = home.ok("GET", f"{home.site}/projects", version=version)
    assert reply.doc["pagination"]["pageNumber"] == "1"
    names = [project["name"] for project in reply.doc["projects"]["project"]]
    assert any(name.lower() == "default" for name in names)


def test_newest_is_told_by_server_info(server):
    info = server.client().ok("GET", "/serverinfo", version="2.4").doc["serverInfo"]
    assert info["restApiVersion"] == NEWEST
    # 3.30 has been seen in the field; it is served alike, and not announced
    assert VERSIONS[-2:] == [NEWEST, "3.30"]


@pytest.mark.parametrize("version", UNKNOWN)
def test_unknown_version(server, version):
    for fmt in ("xml", "json"):
        reply = server.client(fmt=fmt).refused(404001, "GET", "/serverinfo", version=version)
        if "%" not in version:
            assert reply.detail == f"Version '{version}' is not a valid version of the API."


def test_version_before_all_else(server):
    """Route, verb and token come after it."""
    for verb, path in (("GET", "/nowhere"), ("PATCH", "/serverinfo"), ("GET", "/sites")):
        server.client().refused(404001, verb, path, version="9.9")


@pytest.mark.parametrize("first,verb,path", GATES)
def test_gates(server, home, first, verb, path):
    shown = path.format(site=home.site, id="00000000-0000-4000-8000-000000000000")
    major, minor = map(int, first.split("."))
    opened = home.call(verb, shown, version=first)
    assert opened.code not in ("404001", "405000"), opened
    # an object that is not there is another thing than a path that is not
    assert opened.code != "404003" or "specified in URI" not in opened.detail
    if first == "2.0":
        return
    before = f"{major}.{minor - 1}" if minor else "2.8"
    reply = home.refused(404003, verb, shown, version=before)
    assert reply.detail == f"Unknown resource '/{before}{shown}' specified in URI."


def test_old_paths_still_answer(home):
    """Deprecated since 3.17, served ever since."""
    for version in ("3.14", "3.16", "3.17", "3.23", NEWEST):
        home.ok("GET", f"{home.site}/connected-applications", version=version)


def test_sign_in_at_every_age(server):
    for version in ("2.0", "2.8", "3.0", "3.5", NEWEST):
        reply = server.client(version=version).sign_in_reply(
            {"name": server.admin_name, "password": server.admin_password,
             "site": {"contentUrl": ""}})
        assert reply.status == 200, reply


def test_jwt_attribute_before_its_time(server, org):
    """JWT sign-in came with 3.17 (3.16 for some clients); before, it is no credential."""
    reply = server.client(version="3.15").sign_in_reply(
        {"jwt": org.app.jwt(org.name("Creator")), "site": {"contentUrl": org.content_url}})
    assert reply.status in (400, 401), reply
    check_refusal(reply, reply.code)
