"""Groups and group sets that a seed file describes."""

import json
import subprocess

import pytest

import servers
from test_group_sets import get as get_set, listed
from test_groups import group_path, ids, users_of

USERS = [{"name": "ann", "siteRole": "Unlicensed"}, {"name": "bob", "siteRole": "Viewer"}]
GROUP, SET = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
SITE = {"name": "Seeded", "contentUrl": "seeded", "users": USERS,
        "groups": [{"id": GROUP, "name": "Guests", "minimumSiteRole": "Viewer", "users": ["ANN", "bob"]},
                   {"name": "Staff", "minimumSiteRole": "Explorer", "grantLicenseMode": "onSync",
                    "users": ["bob"]}, {"name": "Nobody"}],
        "groupSets": [{"id": SET, "name": "Everybody", "groups": ["guests", "All Users"]},
                      {"name": "Empty", "groups": []}]}


def seed(tmp_path, site):
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"sites": [site]}))
    return path


def test_a_seed_with_groups(tmp_path):
    running = servers.Dev("--seed", seed(tmp_path, SITE))
    try:
        admin = running.client().by_password(running.info["adminName"], running.info["adminPassword"],
                                             "seeded")
        groups = admin.ok("GET", group_path(admin) + "?fields=_all_").doc["groups"]["group"]
        assert [(group["name"], group["userCount"]) for group in groups] == [
            ("All Users", "3"), ("Guests", "2"), ("Staff", "1"), ("Nobody", "0")]
        assert groups[1]["id"] == GROUP and groups[1]["import"]["grantLicenseMode"] == "onLogin"
        roles = {user["name"]: user["siteRole"] for user in users_of(admin, GROUP)}
        assert roles == {"ann": "Unlicensed", "bob": "Explorer"}  # raised by Staff, at once
        assert [(entry["name"], entry["groupCount"]) for entry in listed(admin)] == [
            ("Everybody", "2"), ("Empty", "0")]
        assert ids(get_set(admin, SET)["group"]) == {GROUP, groups[0]["id"]}
    finally:
        running.stop()


def test_each_way_of_signing_in_grants(tmp_path):
    """By password, by personal access token, and by a switch from another site; users
    of a group without a minimum role stay out."""
    password = "one-that-is-long"
    names = ("pass", "token", "switch", "out")
    site = {"name": "Seeded", "contentUrl": "seeded",
            "users": [{"name": name, "siteRole": "Unlicensed", "password": password} for name in names],
            "groups": [{"name": "In", "minimumSiteRole": "Explorer", "users": list(names[:3])},
                       {"name": "Out", "users": ["out"]}],
            "personalAccessTokens": [{"name": "ci", "user": "token", "secret": password}]}
    first = {"name": "First", "contentUrl": "first", "users": [{"name": "switch", "siteRole": "Viewer"}]}
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"sites": [site, first]}))
    running = servers.Dev("--seed", path)
    try:
        client = running.client()
        admin = client.by_password(running.info["adminName"], running.info["adminPassword"], "seeded")

        def roles():
            users = admin.ok("GET", f"{admin.site}/users").doc["users"]["user"]
            return {user["name"]: user["siteRole"] for user in users if user["name"] in names}

        assert set(roles().values()) == {"Unlicensed"}
        client.by_password("pass", password, "seeded")
        client.by_pat("ci", password, "seeded")
        assert roles() == {"pass": "Explorer", "token": "Explorer", "switch": "Unlicensed",
                           "out": "Unlicensed"}
        client.by_password("switch", password, "first").ok(
            "POST", "/auth/switchSite", {"site": {"contentUrl": "seeded"}})
        assert roles()["switch"] == "Explorer"
        reply = client.sign_in_reply({"name": "out", "password": password,
                                      "site": {"contentUrl": "seeded"}})
        assert reply.code == "401001" and roles()["out"] == "Unlicensed"
    finally:
        running.stop()


@pytest.mark.parametrize("members,word", [
    ({"groups": [{"name": "g", "users": ["nobody"]}]}, "nobody"),
    ({"groups": [{"name": "g", "users": ["bob", "bob"]}]}, "already"),
    ({"groups": [{"name": "g", "users": "bob"}]}, "list"),
    ({"groups": [{"name": "g", "users": [{"name": "bob"}]}]}, "list"),
    ({"groups": [{"name": "g", "members": ["bob"]}]}, "members"),
    ({"groups": [{"name": "g", "minimumSiteRole": "King"}]}, "King"),
    ({"groups": [{"name": "g", "id": "x"}]}, "LUID"),
    ({"groups": [{"users": ["bob"]}]}, "name"), ({"groups": [{"name": "all users"}]}, "already"),
    ({"groupSets": [{"name": "s", "groups": ["none"]}]}, "none"), ({"groupSets": [{}]}, "name"),
    ({"groupSets": [{"name": "s", "group": ["All Users"]}]}, "group"),
])
def test_seeds_that_are_wrong(tmp_path, members, word):
    running = servers.Process(["dev", "--seed", seed(tmp_path, {**SITE, "groups": [], "groupSets": [],
                                                                **members})])
    try:
        assert running.finish(seconds=5) in (1, 2)
        assert word in str(running.err), running.err
    except subprocess.TimeoutExpired:
        pytest.fail("the server started")
    finally:
        running.process.kill()
