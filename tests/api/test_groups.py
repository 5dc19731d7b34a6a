"""Groups and their members: the REST methods, and what they refuse."""

import threading
from urllib.parse import quote

import pytest

from easel_client import DROP, check_refusal, unique

ZERO = "00000000-0000-4000-8000-000000000000"
ADMINS = ("SiteAdministratorCreator", "SiteAdministratorExplorer")
GIVEN = ("SiteAdministratorCreator", "SiteAdministratorExplorer", "Creator", "ExplorerCanPublish",
         "Explorer", "Viewer", "Unlicensed")


def group_path(client, *rest):
    return "/".join([f"{client.site}/groups", *rest])


def create(client, fmt=None, query="", **members):
    return client.call("POST", group_path(client) + query, {"group": members}, fmt=fmt)


def make(client, name=None, users=(), **members):
    group = client.ok("POST", group_path(client),
                      {"group": {"name": name or unique("group"), **members}}, 201).doc["group"]
    for user in users:
        add(client, group["id"], user)
    return group["id"]


def add(client, group, user, status=200):
    return client.ok("POST", group_path(client, group, "users"), {"user": {"id": user}}, status)


def many(*users):
    return {"users": {"user": [{"id": user} for user in users]}}


def pages(client, path, size=1000, **options):
    """All items of a list, asked for page by page."""
    items, number = [], 1
    while True:
        doc = client.ok("GET", f"{path}?pageSize={size}&pageNumber={number}", **options).doc
        (wrapper,) = (value for name, value in doc.items() if name != "pagination")
        items += next(iter(wrapper.values()), [])
        if len(items) >= int(doc["pagination"]["totalAvailable"]):
            return items
        number += 1


def users_of(client, group, **options):
    return pages(client, group_path(client, group, "users"), **options)


def ids(items):
    return {item["id"] for item in items}


def groups_of(client, user, **options):
    return pages(client, f"{client.site}/users/{user}/groups", **options)


def shown(client, group_id, fields="_all_", fmt=None):
    doc = client.ok("GET", f"{group_path(client)}?filter=luid:eq:{group_id}&fields={fields}",
                    fmt=fmt).doc
    (group,) = doc["groups"]["group"]
    return group


def count_of(client, group_id):
    return int(shown(client, group_id)["userCount"])


def all_users(client):
    doc = client.ok("GET", f"{group_path(client)}?filter=name:eq:{quote('All Users')}").doc
    (group,) = doc["groups"]["group"]
    return group["id"]


# ---------------------------------------------------------------- create
def test_create(org, fmt):
    name = unique("G\u00e4ste & \u8a66\u4f9b\u54c1")
    reply = create(org.admin, fmt, name=name)
    assert reply.status == 201, reply
    group = reply.doc["group"]
    assert group["name"] == name and group["domain"] == {"name": "local"}
    assert set(group) == {"id", "name", "domain"}
    assert shown(org.admin, group["id"], fmt=fmt) == {**group, "userCount": "0"}


@pytest.mark.parametrize("role", GIVEN)
def test_minimum_site_role(org, fmt, role):
    """Clients read it from the import element, other than they sent it."""
    reply = create(org.admin, fmt, name=unique("group"), minimumSiteRole=role)
    assert reply.status == 201, reply
    group = reply.doc["group"]
    assert group["minimumSiteRole"] == role
    assert group["import"] == {"source": "ActiveDirectory", "domainName": "local",
                               "siteRole": role, "grantLicenseMode": "onLogin"}
    assert shown(org.admin, group["id"], "_default_", fmt) == group


def test_grant_modes(org, fmt):
    for mode in ("onLogin", "onSync"):
        reply = create(org.admin, fmt, name=unique("group"), minimumSiteRole="Viewer",
                       grantLicenseMode=mode)
        assert reply.doc["group"]["import"]["grantLicenseMode"] == mode
    local = {"source": "ActiveDirectory", "domainName": "local", "siteRole": "Explorer",
             "grantLicenseMode": "onSync"}
    reply = create(org.admin, fmt, name=unique("group"), **{"import": local})
    assert reply.status == 201 and reply.doc["group"]["import"] == local, reply


def test_older_role_names(org):
    """What clients of older versions send is kept by today's name."""
    reply = create(org.admin, name=unique("group"), minimumSiteRole="Publisher")
    assert reply.doc["group"]["minimumSiteRole"] == "ExplorerCanPublish"


@pytest.mark.parametrize("name", ["externalUserEnabled", "ephemeralUsersEnabled"])
def test_external_users(org, fmt, name):
    group = create(org.admin, fmt, name=unique("group"), **{name: True}).doc["group"]
    assert group["externalUserEnabled"] is True
    path = group_path(org.admin, group["id"])
    assert org.admin.ok("PUT", path, {"group": {"name": unique("group")}},
                        fmt=fmt).doc["group"]["externalUserEnabled"] is True
    group = org.admin.ok("PUT", path, {"group": {name: False}}, fmt=fmt).doc["group"]
    assert "externalUserEnabled" not in group


IMPORT = {"source": "ActiveDirectory", "domainName": "example.com", "siteRole": "Viewer",
          "grantLicenseMode": "onLogin"}


def imported(**changes):
    members = {**IMPORT, **changes}
    return {"import": {k: v for k, v in members.items() if v is not DROP}}


BAD = [
    ({"name": ""}, 400000), ({"name": "x" * 256}, 400000), ({"name": "\u00e4" * 256}, 400000),
    ({"minimumSiteRole": ""}, 400013), ({"minimumSiteRole": "King"}, 400013),
    ({"minimumSiteRole": "viewer"}, 400013), ({"minimumSiteRole": "ServerAdministrator"}, 400013),
    ({"minimumSiteRole": "Guest"}, 400013), ({"minimumSiteRole": "SupportUser"}, 400013),
    ({"minimumSiteRole": "Viewer", "grantLicenseMode": "onlogin"}, 400000),
    ({"minimumSiteRole": "Viewer", "grantLicenseMode": ""}, 400000),
    ({"grantLicenseMode": "onSync"}, 400000), ({"externalUserEnabled": "maybe"}, 400000),
    (imported(), 403011), (imported(grantLicenseMode=DROP), 403011),
    (imported(source=DROP), 400019), (imported(source="LDAP"), 400019),
    (imported(domainName=DROP), 400019), (imported(domainName=""), 400019),
    (imported(siteRole=DROP), 400019), (imported(siteRole="King"), 400013),
    (imported(grantLicenseMode="always"), 400019), (imported(domainName="local", source=DROP), 400019),
]


@pytest.mark.parametrize("members,code", BAD)
def test_groups_that_cannot_be(org, fmt, members, code):
    members = {"name": unique("bad"), **members}
    check_refusal(create(org.admin, fmt, **members), code)
    if members["name"].startswith("bad"):
        doc = org.admin.ok("GET", f"{group_path(org.admin)}?filter=name:eq:{members['name']}").doc
        assert doc["pagination"]["totalAvailable"] == "0"


@pytest.mark.parametrize("members,code", BAD)
def test_updates_that_cannot_be(org, fmt, members, code):
    group = make(org.admin)
    before = shown(org.admin, group)
    org.admin.refused(code, "PUT", group_path(org.admin, group), {"group": members}, fmt=fmt)
    assert shown(org.admin, group) == before


def test_no_name_and_no_group(org, fmt):
    path = group_path(org.admin)
    org.admin.refused(400000, "POST", path, {"group": {}}, fmt=fmt)
    org.admin.refused(400000, "POST", path, {"user": {"name": "x"}}, fmt=fmt)
    org.admin.refused(400000, "POST", path, fmt=fmt)
    org.admin.refused(400000, "PUT", group_path(org.admin, make(org.admin)), fmt=fmt)


def test_the_longest_name(org, fmt):
    name = (unique("long") + "\u00e4" * 255)[:255]
    assert create(org.admin, fmt, name=name).doc["group"]["name"] == name


def test_names_are_unique_without_case(org, other, fmt):
    name = unique("Stra\u00dfe")
    assert create(org.admin, fmt, name=name).status == 201
    for taken in (name, name.upper(), name.lower(), "ALL users"):
        check_refusal(create(org.admin, fmt, name=taken), 409009)
    assert create(other.admin, fmt, name=name).status == 201
    second = make(org.admin)
    org.admin.refused(409009, "PUT", group_path(org.admin, second), {"group": {"name": name.upper()}},
                      fmt=fmt)


def test_one_of_those_created_at_once(org):
    name, codes, gate = unique("race"), [], threading.Barrier(8)

    def one():
        client = org.admin.twin(org.admin.session)
        gate.wait()
        codes.append(create(client, name=name).code)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes, key=str) == ["409009"] * 7 + [None]


def test_as_job_without_a_directory(org, fmt):
    """There is nothing to be done later: the answer is the group, not a job."""
    for value in ("true", "True", "false"):
        reply = create(org.admin, fmt, f"?asJob={value}", name=unique("group"))
        assert reply.status == 201 and "group" in reply.doc, reply
    path = group_path(org.admin, reply.doc["group"]["id"])
    name = unique("group")
    reply = org.admin.ok("PUT", path + "?asJob=True", {"group": {"name": name}}, 200, fmt=fmt)
    assert reply.doc["group"]["name"] == name
    check_refusal(create(org.admin, fmt, "?asJob=later", name=unique("group")), 400000)
    check_refusal(create(org.admin, fmt, "?asJob=true", name=unique("ad"), **imported()), 403011)


# ---------------------------------------------------------------- update and delete
def test_update(org, fmt):
    group, name = make(org.admin, minimumSiteRole="Viewer"), unique("renamed")
    path = group_path(org.admin, group)
    doc = org.admin.ok("PUT", path, {"group": {"name": name}}, 200, fmt=fmt).doc["group"]
    assert (doc["id"], doc["name"], doc["minimumSiteRole"]) == (group, name, "Viewer")
    doc = org.admin.ok("PUT", path, {"group": {"grantLicenseMode": "onSync"}}, fmt=fmt).doc["group"]
    assert doc["import"]["grantLicenseMode"] == "onSync" and doc["name"] == name
    doc = org.admin.ok("PUT", path, {"group": {"name": name.upper(), "minimumSiteRole": "Creator"}},
                       fmt=fmt).doc["group"]
    assert doc["name"] == name.upper() and doc["import"]["siteRole"] == "Creator"
    assert doc["import"]["grantLicenseMode"] == "onSync"
    assert shown(org.admin, group, "_default_", fmt) == doc
    assert org.admin.ok("PUT", path, {"group": {}}, fmt=fmt).doc["group"] == doc


def test_delete(org, fmt):
    user, _ = org.admin.add_user()
    group, kept = make(org.admin, users=[user]), make(org.admin, users=[user])
    org.admin.ok("DELETE", group_path(org.admin, group), status=204, fmt=fmt)
    org.admin.refused(404012, "DELETE", group_path(org.admin, group), fmt=fmt)
    org.admin.refused(404012, "GET", group_path(org.admin, group, "users"), fmt=fmt)
    assert ids(groups_of(org.admin, user)) == {all_users(org.admin), kept}


@pytest.mark.parametrize("bad", [ZERO, "x", "%20", "'%20OR%201=1--"])
def test_groups_that_are_not_there(org, fmt, bad):
    user = org.user("Viewer")
    for verb, rest, doc in (("PUT", (), {"group": {"name": unique("n")}}), ("DELETE", (), None),
                            ("GET", ("users",), None), ("POST", ("users",), {"user": {"id": user}}),
                            ("DELETE", ("users", user), None),
                            ("PUT", ("users", "remove"), many(user))):
        org.admin.refused(404012, verb, group_path(org.admin, bad, *rest), doc, fmt=fmt)


def test_all_users_is_fixed(org, fmt):
    group, user = all_users(org.admin), org.user("Viewer")
    path = group_path(org.admin, group)
    before = shown(org.admin, group)
    for members in ({"name": unique("other")}, {"name": "All Users"}, {"minimumSiteRole": "Viewer"}):
        org.admin.refused(403004, "PUT", path, {"group": members}, fmt=fmt)
    org.admin.refused(403004, "DELETE", path, fmt=fmt)
    org.admin.refused(403004, "POST", path + "/users", {"user": {"id": user}}, fmt=fmt)
    org.admin.refused(403004, "POST", path + "/users", many(user), fmt=fmt)
    org.admin.refused(403004, "DELETE", f"{path}/users/{user}", fmt=fmt)
    org.admin.refused(403004, "PUT", path + "/users/remove", many(user), fmt=fmt)
    assert shown(org.admin, group) == before


def test_all_users_holds_every_user(org, fmt):
    group = all_users(org.admin)
    new, _ = org.admin.add_user()
    users = ids(users_of(org.admin, group, fmt=fmt))
    assert new in users and {org.user(role) for role in org.users} <= users
    assert users == ids(pages(org.admin, f"{org.admin.site}/users"))
    assert count_of(org.admin, group) == len(users)


# ---------------------------------------------------------------- members
def test_add_and_remove_one(org, fmt):
    admin, group = org.admin, make(org.admin)
    user, name = admin.add_user(role="Explorer")
    path = group_path(admin, group, "users")
    reply = admin.ok("POST", path, {"user": {"id": user}}, 200, fmt=fmt)
    assert reply.doc["user"] == {"id": user, "name": name, "siteRole": "Explorer",
                                 "externalAuthUserId": ""}
    assert count_of(admin, group) == 1
    admin.refused(409011, "POST", path, {"user": {"id": user.upper()}}, fmt=fmt)
    assert users_of(admin, group, fmt=fmt) == [reply.doc["user"]]
    assert ids(groups_of(admin, user, fmt=fmt)) == {all_users(admin), group}
    admin.ok("DELETE", f"{path}/{user}", status=204, fmt=fmt)
    assert count_of(admin, group) == 0 and users_of(admin, group, fmt=fmt) == []
    admin.refused(400032, "DELETE", f"{path}/{user}", fmt=fmt)
    assert count_of(admin, group) == 0


def test_add_and_remove_many(org, fmt):
    admin, group = org.admin, make(org.admin)
    users = [admin.add_user()[0] for _ in range(5)]
    path = group_path(admin, group, "users")
    reply = admin.ok("POST", path, many(*users), 200, fmt=fmt)
    assert [user["id"] for user in reply.doc["users"]["user"]] == users
    assert count_of(admin, group) == 5 and ids(users_of(admin, group)) == set(users)
    admin.ok("PUT", path + "/remove", many(*users[:3]), 204, fmt=fmt)
    assert count_of(admin, group) == 2 and ids(users_of(admin, group)) == set(users[3:])
    one = admin.ok("POST", path, many(users[0]), 200, fmt=fmt)
    assert ids(one.doc["users"]["user"]) == {users[0]}


def test_many_is_all_or_nothing(org, other, fmt):
    admin, new, old = org.admin, org.admin.add_user()[0], org.admin.add_user()[0]
    group = make(admin, users=[old])
    path = group_path(admin, group, "users")
    for users, code in (((new, ZERO), 404002), ((new, "x"), 404002), ((new, old), 409011),
                        ((new, new), 409011), ((new, other.user("Viewer")), 404002)):
        admin.refused(code, "POST", path, many(*users), fmt=fmt)
        assert count_of(admin, group) == 1 and ids(users_of(admin, group)) == {old}
    for users, code in (((old, new), 400032), ((old, ZERO), 404002), ((old, old), 400032),
                        ((old, other.user("Viewer")), 404002)):
        admin.refused(code, "PUT", path + "/remove", many(*users), fmt=fmt)
        assert count_of(admin, group) == 1 and ids(users_of(admin, group)) == {old}


def test_bodies_that_name_no_users(org, fmt):
    path = group_path(org.admin, make(org.admin), "users")
    user = org.user("Viewer")
    for doc in (None, {"user": {}}, {"user": {"name": "x"}}, {"users": {}}, {"group": {"id": ZERO}},
                {"users": {"user": [{"id": user}, {}]}},
                {"user": {"id": user}, **many(user)}, {"user": [{"id": user}, {"id": user}]}):
        org.admin.refused(400000, "POST", path, doc, fmt=fmt)
    for doc in (None, {"users": {}}, {"user": {"id": user}}, {"users": {"user": [{}]}}):
        org.admin.refused(400000, "PUT", path + "/remove", doc, fmt=fmt)
    org.admin.refused(404002, "POST", path, {"user": {"id": ""}}, fmt=fmt)


def test_many_came_with_a_version(org, fmt):
    path = group_path(org.admin, make(org.admin), "users")
    user = org.user("Viewer")
    org.admin.refused(400000, "POST", path, many(user), fmt=fmt, version="3.20")
    reply = org.admin.call("PUT", path + "/remove", many(user), fmt=fmt, version="3.20")
    assert reply.code in ("404003", "405000")
    org.admin.ok("POST", path, many(user), fmt=fmt, version="3.21")
    org.admin.ok("PUT", path + "/remove", many(user), 204, fmt=fmt, version="3.21")


@pytest.mark.parametrize("bad", [ZERO, "x"])
def test_users_that_are_not_there(org, fmt, bad):
    path = group_path(org.admin, make(org.admin), "users")
    org.admin.refused(404002, "POST", path, {"user": {"id": bad}}, fmt=fmt)
    org.admin.refused(404002, "DELETE", f"{path}/{bad}", fmt=fmt)
    org.admin.refused(404002, "GET", f"{org.admin.site}/users/{bad}/groups", fmt=fmt)


def test_members_added_at_once_are_counted(org):
    """Eight add the same user, each with one of their own: the count is right."""
    admin, group = org.admin, make(org.admin)
    shared, gate, codes = admin.add_user()[0], threading.Barrier(8), []
    own = [admin.add_user()[0] for _ in range(8)]

    def one(user):
        client = admin.twin(admin.session)
        gate.wait()
        path = group_path(client, group, "users")
        codes.append(client.call("POST", path, {"user": {"id": shared}}).code)
        codes.append(client.call("POST", path, {"user": {"id": user}}).code)

    threads = [threading.Thread(target=one, args=(user,)) for user in own]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes, key=str) == ["409011"] * 7 + [None] * 9
    assert count_of(admin, group) == 9 and ids(users_of(admin, group)) == {shared, *own}


# ---------------------------------------------------------------- lists
def test_query_groups(org, other, fmt):
    a, b = make(org.admin), make(org.admin)
    foreign = make(other.admin)
    doc = org.as_role("Viewer").ok("GET", group_path(org.admin) + "?pageSize=1000", fmt=fmt).doc
    listed = doc["groups"]["group"]
    assert listed[0]["name"] == "All Users" and {a, b} <= ids(listed) and foreign not in ids(listed)
    assert int(doc["pagination"]["totalAvailable"]) == len(listed)
    assert all("userCount" not in group and group["domain"] == {"name": "local"} for group in listed)
    assert ids(pages(org.admin, group_path(org.admin), 3, fmt=fmt)) == ids(listed)


def test_query_groups_pages(org, fmt):
    path = group_path(org.admin)
    org.admin.refused(400006, "GET", path + "?pageNumber=1000", fmt=fmt)
    org.admin.refused(400006, "GET", path + "?pageNumber=0", fmt=fmt)
    org.admin.refused(400007, "GET", path + "?pageSize=0", fmt=fmt)
    org.admin.refused(403014, "GET", path + "?pageSize=1001", fmt=fmt)


def named(client, query, fmt=None):
    doc = client.ok("GET", group_path(client) + "?pageSize=1000&" + query, fmt=fmt).doc
    listed = doc["groups"].get("group", [])
    assert int(doc["pagination"]["totalAvailable"]) == len(listed)
    return [group["name"] for group in listed]


def test_filters(org, fmt):
    admin, mark = org.admin, unique("f")
    users = [admin.add_user()[0] for _ in range(3)]
    one = make(admin, mark + "-one", users[:1], minimumSiteRole="Viewer")
    make(admin, mark + "-two", users[:2], minimumSiteRole="Creator")
    make(admin, mark + "-three", users)
    mine = f"name:eq:{mark}*"
    for query, want in (
            (mine, "one two three"), (f"name:eq:{mark}-two", "two"), (f"name:in:[{mark}-one,{mark}-three]", "one three"),
            (f"luid:eq:{one}", "one"), (f"{mine},minimumSiteRole:eq:Viewer", "one"),
            (f"{mine},minimumSiteRole:in:[Viewer,Creator]", "one two"),
            (f"{mine},domainName:eq:local", "one two three"), (f"{mine},domainName:eq:example.com", ""),
            (f"{mine},domainNickname:in:[local,x]", "one two three"),
            (f"{mine},isLocal:eq:true", "one two three"), (f"{mine},isLocal:eq:false", ""),
            (f"{mine},userCount:eq:2", "two"), (f"{mine},userCount:gt:2", "three"),
            (f"{mine},userCount:gte:2", "two three"), (f"{mine},userCount:lt:2", "one"),
            (f"{mine},userCount:lte:2", "one two"), (f"{mine},userCount:gte:2,userCount:lt:3", "two"),
            ("name:eq:x' OR '1'='1", "")):
        assert named(admin, "filter=" + quote(query, safe=""), fmt) == [
            f"{mark}-{name}" for name in want.split()], query
    assert "All Users" in named(admin, "filter=userCount:gt:3")


def test_sorting(org, fmt):
    mark = unique("s")
    users = [org.admin.add_user()[0] for _ in range(2)]
    make(org.admin, mark + "-b", users)
    make(org.admin, mark + "-a", users[:1])
    make(org.admin, mark + "-c", users[:1])
    query = f"filter=name:eq:{mark}*&sort="
    for sort, want in (("name:asc", "abc"), ("name:desc", "cba"), ("userCount:desc,name:desc", "bca"),
                       ("userCount:asc,name:asc", "acb"), ("minimumSiteRole:asc", "bac")):
        assert named(org.admin, query + sort, fmt) == [f"{mark}-{c}" for c in want], sort


@pytest.mark.parametrize("query,code", [
    ("filter=nothing:eq:1", 400065), ("filter=name:like:x", 400065), ("filter=userCount:in:[1]", 400065),
    ("filter=userCount:eq:many", 400000), ("filter=userCount:gt:1.5", 400000), ("filter=isLocal:eq:perhaps", 400000),
    ("filter=name", 400000), ("sort=nothing:asc", 400065), ("sort=name:up", 400000),
    ("fields=nothing", 400000), ("filter=name:in:x", 400000),
])
def test_wrong_expressions(org, fmt, query, code):
    org.admin.refused(code, "GET", f"{group_path(org.admin)}?{query}", fmt=fmt)


def test_fields(org, fmt):
    group = make(org.admin, minimumSiteRole="Viewer")
    usual = {"id", "name", "domain", "minimumSiteRole", "import"}
    for fields, want in (("_default_", usual), ("_all_", usual | {"userCount"}), ("name,id", {"id", "name"}),
                         ("_default_,userCount", usual | {"userCount"}), ("group.userCount", {"userCount"}),
                         ("domain.name", {"domain"})):
        doc = org.admin.ok("GET", f"{group_path(org.admin)}?filter=luid:eq:{group}&fields={fields}",
                           fmt=fmt).doc
        assert set(doc["groups"]["group"][0]) == want, fields


def test_users_in_group_by_pages(org, fmt):
    admin = org.admin
    users = [admin.add_user()[0] for _ in range(7)]
    group = make(admin)
    path = group_path(admin, group, "users")
    doc = admin.ok("GET", path, fmt=fmt).doc
    assert doc["pagination"]["totalAvailable"] == "0" and doc["users"] == {}
    admin.ok("POST", path, many(*users))
    listed = users_of(admin, group, size=3, fmt=fmt)
    assert len(listed) == 7 and ids(listed) == set(users)
    assert listed == users_of(admin, group, fmt=fmt)
    admin.refused(400006, "GET", path + "?pageNumber=4&pageSize=3", fmt=fmt)
    admin.refused(400007, "GET", path + "?pageSize=none", fmt=fmt)
    admin.refused(403014, "GET", path + "?pageSize=1001", fmt=fmt)
    everyone = group_path(admin, all_users(admin), "users")
    admin.refused(400006, "GET", everyone + "?pageNumber=9999", fmt=fmt)


def test_groups_of_a_user_by_pages(org, fmt):
    admin, (user, _) = org.admin, org.admin.add_user()
    path = f"{admin.site}/users/{user}/groups"
    assert [group["name"] for group in groups_of(admin, user, fmt=fmt)] == ["All Users"]
    groups = {make(admin, users=[user]) for _ in range(6)} | {all_users(admin)}
    for size in (1, 2, 3, 7, 100):
        listed = groups_of(admin, user, size=size, fmt=fmt)
        assert len(listed) == 7 and ids(listed) == groups, size
        assert listed[0]["name"] == "All Users"
    admin.refused(400006, "GET", path + "?pageNumber=8&pageSize=1", fmt=fmt)
    admin.refused(403014, "GET", path + "?pageSize=1001", fmt=fmt)


def test_groups_of_a_user_are_told_to_whom(org, fmt):
    viewer, path = org.user("Viewer"), f"{org.admin.site}/users/{org.user('Viewer')}/groups"
    group = make(org.admin, users=[viewer])
    assert group in ids(groups_of(org.as_role("Viewer"), viewer, fmt=fmt))
    for role in ADMINS:
        assert group in ids(groups_of(org.as_role(role), viewer, fmt=fmt))
    for role in ("Creator", "Explorer"):
        org.as_role(role).refused(403004, "GET", path, fmt=fmt)
    reply = org.admin.call("GET", path, fmt=fmt, version="3.6")
    assert reply.code == "404003"


# ---------------------------------------------------------------- who may, and where
def calls(client, group, user):
    """Every method that changes groups or tells of their members."""
    return [("POST", group_path(client), {"group": {"name": unique("g")}}),
            ("PUT", group_path(client, group), {"group": {"name": unique("g")}}),
            ("GET", group_path(client, group, "users"), None),
            ("POST", group_path(client, group, "users"), {"user": {"id": user}}),
            ("PUT", group_path(client, group, "users", "remove"), many(user)),
            ("DELETE", group_path(client, group, "users", user), None),
            ("DELETE", group_path(client, group), None)]


@pytest.mark.parametrize("role", ["Creator", "ExplorerCanPublish", "Explorer", "Viewer"])
def test_only_administrators_change_groups(org, fmt, role):
    client, user = org.as_role(role), org.user(role)
    group = make(org.admin)
    before = shown(org.admin, group)
    for verb, path, doc in calls(client, group, user):
        reply = client.call(verb, path, doc, fmt=fmt)
        assert reply.status == 403 and reply.code.startswith("403"), (verb, path, reply)
    assert shown(org.admin, group) == before


@pytest.mark.parametrize("role", ADMINS)
def test_site_administrators_change_groups(org, role):
    client, user = org.as_role(role), org.admin.add_user()[0]
    group = make(org.admin, users=[user])
    for verb, path, doc in calls(client, group, user):
        reply = client.call(verb, path, doc)
        # The user is a member when added; removed by the first removal.
        assert reply.status < 300 or reply.code in ("409011", "400032"), (verb, path, reply)


def test_nothing_crosses_over(org, other, fmt):
    group = make(other.admin, users=[other.user("Viewer")])
    before = shown(other.admin, group)
    for verb, path, doc in calls(org.admin, group, org.user("Viewer"))[1:]:
        org.admin.refused(404012, verb, path, doc, fmt=fmt)
    foreign = other.user("Viewer")
    org.admin.refused(404002, "GET", f"{org.admin.site}/users/{foreign}/groups", fmt=fmt)
    mine = make(org.admin)
    org.admin.refused(404002, "POST", group_path(org.admin, mine, "users"), {"user": {"id": foreign}},
                      fmt=fmt)
    for query in (f"filter=luid:eq:{group}", f"filter=name:eq:{before['name']}"):
        assert named(org.admin, query, fmt) == []
    assert shown(other.admin, group) == before and ids(users_of(other.admin, group)) == {foreign}


def test_scopes(org, fmt):
    group, user = make(org.admin), org.user("Viewer")
    reader = org.by_jwt(scopes=("tableau:groups:read",))
    assert reader.ok("GET", group_path(reader), fmt=fmt).status == 200
    reader.refused(401002, "POST", group_path(reader, group, "users"), {"user": {"id": user}}, fmt=fmt)
    writer = org.by_jwt(scopes=("tableau:groups:update",))
    writer.ok("POST", group_path(writer, group, "users"), {"user": {"id": user}}, fmt=fmt)
    writer.refused(401002, "GET", group_path(writer), fmt=fmt)
    # Both must hold: the scope does not make a viewer an administrator.
    viewer = org.by_jwt("Viewer", scopes=("tableau:groups:*",))
    viewer.refused(403004, "POST", group_path(viewer, group, "users"), {"user": {"id": user}}, fmt=fmt)


def test_memberships_are_seen_at_once(org):
    """What was listed before a change is not told again after it."""
    admin, (user, _) = org.admin, org.admin.add_user()
    group = make(admin)
    for _ in range(3):
        assert users_of(admin, group) == [] and group not in ids(groups_of(admin, user))
        add(admin, group, user)
        assert ids(users_of(admin, group)) == {user} and group in ids(groups_of(admin, user))
        admin.ok("DELETE", group_path(admin, group, "users", user), status=204)
