"""Permissions of projects and default permissions: the rules as they are kept, who
may see and set them, and what they do."""

import pytest

from easel_client import check_refusal, unique
from orgs import Org

ZERO = "00000000-0000-4000-8000-000000000000"
TYPES = ("workbooks", "datasources", "flows", "metrics", "dataroles", "lenses",
         "virtualConnections", "databases", "tables")


def grants(kind, grantee, **modes):
    """One granteeCapabilities: grants("user", id, Read="Allow")."""
    return {kind: {"id": grantee}, "capabilities": {
        "capability": [{"name": name, "mode": mode} for name, mode in modes.items()]}}


def body(*rules, **item):
    return {"permissions": {**item, "granteeCapabilities": list(rules)}}


def path_of(client, project, of="permissions"):
    return f"{client.site}/projects/{project}/{of}"


def rules_of(reply):
    """{(kind, id): {capability: mode}} of an answer."""
    found = {}
    for entry in reply.doc["permissions"].get("granteeCapabilities", []):
        kind = next(name for name in ("user", "group", "groupSet") if name in entry)
        found[kind, entry[kind]["id"]] = {c["name"]: c["mode"] for c in
                                          entry["capabilities"]["capability"]}
    return found


def sees(client, project):
    doc = client.ok("GET", f"{client.site}/projects?pageSize=1000").doc
    listed = {entry["id"] for entry in doc["projects"].get("project", [])}
    assert int(doc["pagination"]["totalAvailable"]) == len(listed)
    return project in listed


@pytest.fixture(scope="module")
def everyone(org):
    """(kind, id) of All Users."""
    admin = org.admin
    default = next(p for p in admin.ok("GET", f"{admin.site}/projects").doc["projects"]["project"]
                   if p["name"] == "Default")
    (grantee,) = rules_of(admin.ok("GET", path_of(admin, default["id"])))
    assert grantee[0] == "group"
    return grantee


@pytest.fixture
def closed(org, everyone):
    """A project that no rule opens to anyone."""
    admin = org.admin
    project = admin.add_project()["id"]
    for of in ("permissions", *(f"default-permissions/{t}" for t in TYPES)):
        for (kind, grantee), modes in rules_of(admin.ok("GET", path_of(admin, project, of))).items():
            for name, mode in modes.items():
                admin.ok("DELETE", path_of(admin, project, of) +
                         f"/{kind}s/{grantee}/{name}/{mode}", status=204)
    return project


# ---------------------------------------------------------------- what there is at first
def test_a_new_project_has_the_rules_of_the_default_project(org, everyone, fmt):
    admin = org.admin
    project = admin.add_project()
    reply = admin.ok("GET", path_of(admin, project["id"]), fmt=fmt)
    assert rules_of(reply) == {everyone: {"Read": "Allow", "Write": "Allow"}}
    shown = reply.doc["permissions"]["project"]
    assert (shown["id"], shown["name"]) == (project["id"], project["name"])
    assert shown["owner"]["id"] == project["owner"]["id"]
    assert "parent" not in reply.doc["permissions"]


@pytest.mark.parametrize("of,capabilities", [
    ("workbooks", "Read Filter ViewComments AddComment ExportImage ExportData"),
    ("datasources", "Read Connect"), ("flows", "Read"), ("metrics", "Read"), ("dataroles", "Read"),
    ("lenses", "Read"), ("virtualConnections", "Read Connect"), ("databases", "Read"),
    ("tables", "Read"), ("VIRTUALCONNECTIONS", "Read Connect"),
])
def test_default_permissions_at_first(org, everyone, fmt, of, capabilities):
    admin = org.admin
    project = admin.add_project()["id"]
    reply = admin.ok("GET", path_of(admin, project, f"default-permissions/{of}"), fmt=fmt)
    assert rules_of(reply) == {everyone: dict.fromkeys(capabilities.split(), "Allow")}


def test_a_nested_project_begins_with_the_rules_of_its_parent(org, closed, fmt):
    admin, viewer = org.admin, org.user("Viewer")
    admin.ok("PUT", path_of(admin, closed), body(grants("user", viewer, Read="Allow")), fmt=fmt)
    admin.ok("PUT", path_of(admin, closed, "default-permissions/flows"),
             body(grants("user", viewer, Execute="Deny")), fmt=fmt)
    nested = admin.add_project(parentProjectId=closed)["id"]
    assert rules_of(admin.ok("GET", path_of(admin, nested))) == {("user", viewer): {"Read": "Allow"}}
    assert rules_of(admin.ok("GET", path_of(admin, nested, "default-permissions/flows"))) == {
        ("user", viewer): {"Execute": "Deny"}}


# ---------------------------------------------------------------- adding and taking out
def test_add_and_delete(org, closed, fmt):
    admin, viewer, creator = org.admin, org.user("Viewer"), org.user("Creator")
    path = path_of(admin, closed)
    reply = admin.ok("PUT", path, body(grants("user", viewer, Read="Allow", Write="Deny"),
                                       grants("user", creator, Read="Allow")), fmt=fmt)
    expected = {("user", viewer): {"Read": "Allow", "Write": "Deny"},
                ("user", creator): {"Read": "Allow"}}
    assert rules_of(reply) == expected == rules_of(admin.ok("GET", path, fmt=fmt))
    admin.ok("PUT", path, body(grants("user", viewer, Read="Allow")), fmt=fmt)  # again: no change
    assert rules_of(admin.ok("GET", path, fmt=fmt)) == expected
    admin.ok("PUT", path, body(grants("user", viewer, Read="Deny")), fmt=fmt)  # the other mode
    expected["user", viewer]["Read"] = "Deny"
    assert rules_of(admin.ok("GET", path, fmt=fmt)) == expected
    admin.refused(404013, "DELETE", f"{path}/users/{viewer}/Read/Allow", fmt=fmt)
    admin.ok("DELETE", f"{path}/users/{viewer}/Read/Deny", status=204, fmt=fmt)
    admin.ok("DELETE", f"{path}/users/{viewer.upper()}/Write/Deny", status=204, fmt=fmt)
    del expected["user", viewer]
    assert rules_of(admin.ok("GET", path, fmt=fmt)) == expected
    admin.refused(404013, "DELETE", f"{path}/users/{viewer}/Write/Deny", fmt=fmt)


def test_default_permissions_are_apart_from_each_other(org, closed, fmt):
    admin, viewer = org.admin, org.user("Viewer")
    path = path_of(admin, closed, "default-permissions/workbooks")
    admin.ok("PUT", path, body(grants("user", viewer, Read="Allow", ExportXml="Deny")), fmt=fmt)
    assert rules_of(admin.ok("GET", path, fmt=fmt)) == {
        ("user", viewer): {"Read": "Allow", "ExportXml": "Deny"}}
    for other in ("permissions", "default-permissions/datasources", "default-permissions/flows"):
        assert rules_of(admin.ok("GET", path_of(admin, closed, other))) == {}
    admin.ok("DELETE", f"{path}/users/{viewer}/ExportXml/Deny", status=204, fmt=fmt)
    assert rules_of(admin.ok("GET", path)) == {("user", viewer): {"Read": "Allow"}}


def test_replace_default_permissions(org, closed, fmt):
    admin, viewer, creator = org.admin, org.user("Viewer"), org.user("Creator")
    path = path_of(admin, closed, "default-permissions/datasources")
    admin.ok("PUT", path, body(grants("user", viewer, Read="Allow")), fmt=fmt)
    admin.ok("POST", path, body(grants("user", creator, Connect="Allow")), fmt=fmt)
    assert rules_of(admin.ok("GET", path)) == {("user", creator): {"Connect": "Allow"}}


def test_what_a_version_does_not_know(org, closed):
    """CreateRefreshMetrics ended with 3.22, group sets came with it."""
    admin, viewer = org.admin, org.user("Viewer")
    path = path_of(admin, closed, "default-permissions/workbooks")
    rule = body(grants("user", viewer, Read="Allow", CreateRefreshMetrics="Allow"))
    admin.refused(400009, "PUT", path, rule)
    old = admin.call("PUT", path, rule, fmt="json", version="3.21")
    assert rules_of(old)["user", viewer] == {"Read": "Allow", "CreateRefreshMetrics": "Allow"}
    assert rules_of(admin.ok("GET", path))["user", viewer] == {"Read": "Allow"}
    reply = admin.call("PUT", path, body(grants("groupSet", ZERO, Read="Allow")), version="3.21")
    check_refusal(reply, 400000)
    admin.refused(404012, "PUT", path, body(grants("groupSet", ZERO, Read="Allow")))


# ---------------------------------------------------------------- what is refused
@pytest.mark.parametrize("of,name,mode,code", [
    ("permissions", "Nonsense", "Allow", 404013), ("permissions", "read", "Allow", 404013),
    ("permissions", "Read", "Maybe", 404013), ("permissions", "Read", "allow", 404013),
    ("permissions", "ExportXml", "Allow", 400009), ("permissions", "ProjectLeader", "Deny", 400009),
    ("permissions", "InheritedProjectLeader", "Allow", 400009),
    ("default-permissions/workbooks", "Connect", "Allow", 400009),
    ("default-permissions/workbooks", "ProjectLeader", "Allow", 400009),
    ("default-permissions/flows", "Filter", "Deny", 400009),
    ("default-permissions/databases", "Delete", "Allow", 400009),
    ("default-permissions/datasources", "Overwrite", "Allow", 400009),
])
def test_capabilities_that_cannot_be_set(org, closed, fmt, of, name, mode, code):
    admin, viewer = org.admin, org.user("Viewer")
    path = path_of(admin, closed, of)
    good = grants("user", org.user("Creator"), Read="Allow")
    admin.refused(code, "PUT", path, body(good, grants("user", viewer, **{name: mode})), fmt=fmt)
    assert rules_of(admin.ok("GET", path)) == {}, "nothing of a refused request is kept"
    admin.refused(code, "DELETE", f"{path}/users/{viewer}/{name}/{mode}", fmt=fmt)


def test_grantees_that_are_not_there(org, other, closed, fmt):
    admin, path = org.admin, path_of(org.admin, closed)
    good = grants("user", org.user("Creator"), Read="Allow")
    for kind, code in (("user", 404002), ("group", 404012), ("groupSet", 404012)):
        for wrong in (ZERO, "x", "", other.user("Viewer")):
            admin.refused(code, "PUT", path, body(good, grants(kind, wrong, Read="Allow")), fmt=fmt)
        for wrong in (ZERO, "x", other.user("Viewer")):
            admin.refused(code, "DELETE", f"{path}/{kind}s/{wrong}/Read/Allow", fmt=fmt)
    assert rules_of(admin.ok("GET", path)) == {}


@pytest.mark.parametrize("rule", [
    {}, {"user": {"id": ZERO}}, {"capabilities": {"capability": [{"name": "Read", "mode": "Allow"}]}},
    {"user": {"id": ZERO}, "group": {"id": ZERO},
     "capabilities": {"capability": [{"name": "Read", "mode": "Allow"}]}},
    {"user": {}, "capabilities": {"capability": [{"name": "Read", "mode": "Allow"}]}},
    {"user": {"id": ZERO}, "capabilities": {}},
    {"user": {"id": ZERO}, "capabilities": {"capability": [{"name": "Read"}]}},
    {"user": {"id": ZERO}, "capabilities": {"capability": [{"mode": "Allow"}]}},
])
def test_malformed_rules(org, closed, fmt, rule):
    org.admin.refused(400000, "PUT", path_of(org.admin, closed), body(rule), fmt=fmt)


def test_malformed_requests(org, closed, fmt):
    admin, path = org.admin, path_of(org.admin, closed)
    admin.refused(400000, "PUT", path, {"permissions": {}}, fmt=fmt)
    admin.refused(400000, "PUT", path, {"project": {"id": closed}}, fmt=fmt)
    rule = grants("user", org.user("Viewer"), Read="Allow")
    admin.refused(404009, "PUT", path, body(rule, project={"id": ZERO}), fmt=fmt)
    admin.refused(400000, "PUT", path, body(rule, workbook={"id": ZERO}), fmt=fmt)
    default = path_of(admin, closed, "default-permissions/workbooks")
    for item in ("workbook", "datasource"):
        admin.refused(400042, "PUT", default, body(rule, **{item: {"id": ZERO}}), fmt=fmt)
    admin.ok("PUT", path, body(rule, project={"id": closed}), fmt=fmt)


def test_projects_and_types_that_are_not_there(org, other, fmt):
    admin = org.admin
    rule = body(grants("user", org.user("Viewer"), Read="Allow"))
    foreign = other.admin.add_project()["id"]
    for project in (ZERO, "x", foreign):
        for of in ("permissions", "default-permissions/workbooks"):
            admin.refused(404005, "GET", path_of(admin, project, of), fmt=fmt)
            admin.refused(404005, "PUT", path_of(admin, project, of), rule, fmt=fmt)
            admin.refused(404005, "DELETE", path_of(admin, project, of) +
                          f"/users/{org.user('Viewer')}/Read/Allow", fmt=fmt)
    project = admin.add_project()["id"]
    for of in ("views", "projects", "nonsense"):
        admin.refused(404003, "GET", path_of(admin, project, f"default-permissions/{of}"), fmt=fmt)


# ---------------------------------------------------------------- who may
def test_who_may_see_and_set_permissions(org, closed, fmt):
    rule = body(grants("user", org.user("Viewer"), Read="Allow"))
    codes = {"permissions": (403004,) * 3, "default-permissions/workbooks": (403036, 403004, 403004),
             "default-permissions/datasources": (403035, 403004, 403004),
             "default-permissions/flows": (403035, 403004, 403095),
             "default-permissions/tables": (403004,) * 3}
    for role in ("Creator", "Viewer"):
        client = org.as_role(role)
        for of, (get, put, delete) in codes.items():
            path = path_of(client, closed, of)
            client.refused(get, "GET", path, fmt=fmt)
            client.refused(put, "PUT", path, rule, fmt=fmt)
            client.refused(delete, "DELETE", f"{path}/users/{org.user('Viewer')}/Read/Allow", fmt=fmt)
    org.as_role("SiteAdministratorExplorer").ok("PUT", path_of(org.admin, closed), rule, fmt=fmt)


@pytest.mark.parametrize("role,leads", [("Creator", True), ("ExplorerCanPublish", True),
                                        ("Explorer", False), ("Viewer", False)])
def test_leaders(org, closed, fmt, role, leads):
    """ProjectLeader counts up to what the site role may hold, here and below."""
    admin, client, user = org.admin, org.as_role(role), org.user(role)
    admin.ok("PUT", path_of(admin, closed), body(grants("user", user, ProjectLeader="Allow")))
    nested = admin.add_project(parentProjectId=closed)["id"]
    admin.ok("DELETE", path_of(admin, nested) + f"/users/{user}/ProjectLeader/Allow", status=204)
    rule = body(grants("user", org.user("Viewer"), Read="Allow"))
    for project in (closed, nested):
        path = path_of(client, project)
        update = f"{client.site}/projects/{project}"
        assert sees(client, project)
        if leads:
            client.ok("PUT", path, rule, fmt=fmt)
            client.ok("PUT", update, {"project": {"description": "led"}}, fmt=fmt)
        else:
            client.refused(403004, "PUT", path, rule, fmt=fmt)
            client.refused(403004, "PUT", update, {"project": {"description": "led"}}, fmt=fmt)
    give = {"project": {"owner": {"id": user}}}
    client.refused(403004, "PUT", f"{client.site}/projects/{closed}", give, fmt=fmt)
    client.refused(403004, "DELETE", f"{client.site}/projects/{closed}", fmt=fmt)
    if leads:
        client.ok("DELETE", f"{client.site}/projects/{nested}", status=204, fmt=fmt)
    else:
        client.refused(403004, "DELETE", f"{client.site}/projects/{nested}", fmt=fmt)


def test_owners(org, closed, fmt):
    admin, client, user = org.admin, org.as_role("Creator"), org.user("Creator")
    assert not sees(client, closed)
    nested = admin.add_project(parentProjectId=closed)["id"]
    admin.ok("PUT", f"{admin.site}/projects/{closed}", {"project": {"owner": {"id": user}}})
    assert sees(client, closed) and sees(client, nested)
    client.ok("PUT", path_of(client, nested), body(grants("user", org.user("Viewer"), Read="Allow")),
              fmt=fmt)
    client.ok("DELETE", f"{client.site}/projects/{closed}", status=204, fmt=fmt)


# ---------------------------------------------------------------- what rules do
def test_rules_decide_who_sees_a_project(org, closed, everyone):
    admin, client, user = org.admin, org.as_role("Explorer"), org.user("Explorer")
    path = path_of(admin, closed)

    def put(kind, grantee, mode):
        admin.ok("PUT", path, body(grants(kind, grantee, Read=mode)))

    assert not sees(client, closed), "nothing set is no"
    put(*everyone, "Allow")
    assert sees(client, closed), "a group's Allow"
    put("user", user, "Deny")
    assert not sees(client, closed), "the user's Deny over the group's Allow"
    put("user", user, "Allow")
    put(*everyone, "Deny")
    assert sees(client, closed), "the user's Allow over the group's Deny"
    admin.ok("DELETE", f"{path}/users/{user}/Read/Allow", status=204)
    assert not sees(client, closed), "a group's Deny"
    assert sees(org.as_role("SiteAdministratorCreator"), closed), "administrators see everything"


def test_filters_count_what_is_seen(org, closed):
    admin, client = org.admin, org.as_role("Viewer")
    hidden = admin.ok("PUT", f"{admin.site}/projects/{closed}",
                      {"project": {"name": unique("Seek")}}).doc["project"]["name"]
    shown = admin.add_project(unique("Seek"))["name"]
    query = f"{client.site}/projects?filter=name:in:[{hidden},{shown}]&sort=name:desc"
    doc = client.ok("GET", query).doc
    assert doc["pagination"]["totalAvailable"] == "1"
    assert [p["name"] for p in doc["projects"]["project"]] == [shown]
    assert admin.ok("GET", query).doc["pagination"]["totalAvailable"] == "2"
    client.refused(400006, "GET", query + "&pageSize=1&pageNumber=2")


def test_writeable(org, closed, everyone):
    """Publishing to a project takes a rule and a site role that may."""
    admin = org.admin
    admin.ok("PUT", path_of(admin, closed), body(grants(*everyone, Read="Allow", Write="Allow")))
    for role, may in (("Creator", True), ("ExplorerCanPublish", True), ("Explorer", False),
                      ("Viewer", False), ("SiteAdministratorExplorer", True)):
        client = org.as_role(role)
        doc = client.ok("GET", f"{client.site}/projects?pageSize=1000&fields=_all_").doc
        project = next(p for p in doc["projects"]["project"] if p["id"] == closed)
        assert project["writeable"] is may, role
        assert project["contentsCounts"]["projectCount"] == "0"
        assert project["owner"]["name"] and project["owner"]["siteRole"]


# ---------------------------------------------------------------- locks
def test_a_lock_rules_what_is_nested(org, closed, fmt):
    admin, client, user = org.admin, org.as_role("Explorer"), org.user("Explorer")
    nested = admin.add_project(parentProjectId=closed)["id"]
    deep = admin.add_project(parentProjectId=nested)["id"]
    admin.ok("PUT", path_of(admin, deep), body(grants("user", user, Read="Allow")))
    assert sees(client, deep) and not sees(client, nested)
    lock = f"{admin.site}/projects/{closed}"
    admin.ok("PUT", lock, {"project": {"contentPermissions": "LockedToProject"}}, fmt=fmt)
    assert not sees(client, deep), "its own rule does not count under the lock"
    admin.ok("PUT", path_of(admin, closed), body(grants("user", user, Read="Allow")))
    assert sees(client, deep) and sees(client, nested)
    reply = admin.ok("GET", path_of(admin, deep), fmt=fmt)
    assert reply.doc["permissions"]["parent"] == {"type": "Project", "id": closed}
    assert reply.doc["permissions"]["project"]["id"] == deep
    assert rules_of(reply) == {("user", user): {"Read": "Allow"}}
    for of in ("permissions", "default-permissions/workbooks"):
        admin.refused(403004, "PUT", path_of(admin, deep, of),
                      body(grants("user", user, Read="Deny")), fmt=fmt)
    admin.refused(403004, "DELETE", path_of(admin, deep) + f"/users/{user}/Read/Allow", fmt=fmt)
    # What was ruled stays as the project's own when the lock ends.
    admin.ok("PUT", lock, {"project": {"contentPermissions": "ManagedByOwner"}}, fmt=fmt)
    reply = admin.ok("GET", path_of(admin, deep), fmt=fmt)
    assert "parent" not in reply.doc["permissions"]
    assert rules_of(reply) == {("user", user): {"Read": "Allow"}}
    admin.ok("DELETE", path_of(admin, closed) + f"/users/{user}/Read/Allow", status=204)
    assert sees(client, deep) and not sees(client, closed)


def test_a_lock_without_nested_leaves_them_alone(org, closed):
    admin, client, user = org.admin, org.as_role("Explorer"), org.user("Explorer")
    nested = admin.add_project(parentProjectId=closed)["id"]
    admin.ok("PUT", path_of(admin, nested), body(grants("user", user, Read="Allow")))
    admin.ok("PUT", f"{admin.site}/projects/{closed}",
             {"project": {"contentPermissions": "LockedToProjectWithoutNested"}})
    assert sees(client, nested)
    assert "parent" not in admin.ok("GET", path_of(admin, nested)).doc["permissions"]


def test_moving_out_of_a_lock_keeps_the_rules(org, closed):
    admin, user = org.admin, org.user("Explorer")
    nested = admin.add_project(parentProjectId=closed)["id"]
    deep = admin.add_project(parentProjectId=nested)["id"]
    admin.ok("PUT", f"{admin.site}/projects/{closed}",
             {"project": {"contentPermissions": "LockedToProject"}})
    admin.ok("PUT", path_of(admin, closed), body(grants("user", user, Read="Allow")))
    admin.ok("PUT", f"{admin.site}/projects/{nested}", {"project": {"parentProjectId": ""}})
    for project in (nested, deep):
        reply = admin.ok("GET", path_of(admin, project))
        assert "parent" not in reply.doc["permissions"]
        assert rules_of(reply) == {("user", user): {"Read": "Allow"}}


def test_the_highest_lock_rules(org, closed):
    admin = org.admin
    nested = admin.add_project(parentProjectId=closed, contentPermissions="LockedToProject")["id"]
    deep = admin.add_project(parentProjectId=nested)
    assert deep["controllingPermissionsProjectId"] == nested
    admin.ok("PUT", f"{admin.site}/projects/{closed}",
             {"project": {"contentPermissions": "LockedToProject"}})
    assert admin.ok("GET", path_of(admin, deep["id"])).doc["permissions"]["parent"]["id"] == closed


def test_rules_go_with_their_project(server, home):
    """A project that is made anew has no rules of one that was deleted."""
    own = Org(server, home, unique("gone"))
    admin = own.admin
    project = admin.add_project()["id"]
    nested = admin.add_project(parentProjectId=project)["id"]
    admin.ok("PUT", path_of(admin, nested), body(grants("user", own.user("Viewer"), Read="Deny")))
    admin.ok("DELETE", f"{admin.site}/projects/{project}", status=204)
    admin.refused(404005, "GET", path_of(admin, nested))
    admin.refused(404005, "GET", path_of(admin, project))
