"""Permissions of workbooks, views, data sources and flows: who may see and set them,
what rules over them, and what each refusal is called."""

import pytest

from content_samples import PUBLISH, closed_project, let, publish_workbook, views_of
from easel_client import unique

ZERO = "00000000-0000-4000-8000-000000000000"
UNKNOWN = {"workbook": 404006, "view": 404011, "datasource": 404004, "flow": 404027}
KINDS = tuple(UNKNOWN)


def body(grantee, item=None, **modes):
    return {"permissions": {**(item or {}), "granteeCapabilities": [
        {"user": {"id": grantee}, "capabilities": {
            "capability": [{"name": name, "mode": mode} for name, mode in modes.items()]}}]}}


def rules_of(reply):
    found = {}
    for entry in reply.doc["permissions"].get("granteeCapabilities", []):
        kind = next(name for name in ("user", "group", "groupSet") if name in entry)
        found[entry[kind]["id"]] = {c["name"]: c["mode"] for c in
                                    entry["capabilities"]["capability"]}
    return found


def path_of(client, kind, item):
    return f"{client.site}/{kind}s/{item}/permissions"


def make(client, kind, project):
    """An item of that kind: (id, name)."""
    if kind == "view":
        found = publish_workbook(client, project, showTabs="false")
        view = views_of(client, found["id"])["Overview"]
        return view["id"], view["name"]
    item = PUBLISH[kind](client, project)
    return item["id"], item["name"]


@pytest.fixture
def closed(org):
    return closed_project(org.admin)


@pytest.mark.parametrize("kind", KINDS)
def test_rules_are_added_shown_and_removed(org, closed, fmt, kind):
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    item, name = make(admin, kind, closed)
    path, viewer = path_of(admin, kind, item), org.user("Viewer")
    assert rules_of(admin.ok("GET", path)) == {}
    reply = admin.ok("PUT", path, body(viewer, {kind: {"id": item}}, Read="Allow",
                                       Delete="Deny"))
    assert rules_of(reply) == {viewer: {"Read": "Allow", "Delete": "Deny"}}
    shown = reply.doc["permissions"][kind]
    assert (shown["id"], shown["name"]) == (item, name)
    assert shown["owner"]["id"] == admin.session.user_id
    assert "parent" not in reply.doc["permissions"]
    admin.ok("PUT", path, body(viewer, Read="Deny"))
    assert rules_of(admin.ok("GET", path))[viewer] == {"Read": "Deny", "Delete": "Deny"}
    admin.ok("DELETE", f"{path}/users/{viewer}/Read/Deny", status=204)
    assert rules_of(admin.ok("GET", path)) == {viewer: {"Delete": "Deny"}}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused(org, closed, kind):
    admin, viewer = org.admin, org.user("Viewer")
    item, _ = make(admin, kind, closed)
    path = path_of(admin, kind, item)
    unknown = UNKNOWN[kind]
    for nothing in (ZERO, "nonsense"):
        admin.refused(unknown, "GET", path_of(admin, kind, nothing))
        admin.refused(unknown, "PUT", path_of(admin, kind, nothing), body(viewer, Read="Allow"))
    admin.refused(404009, "PUT", path, body(viewer, {kind: {"id": ZERO}}, Read="Allow"))
    other = "workbook" if kind != "workbook" else "flow"
    admin.refused(400000, "PUT", path, body(viewer, {other: {"id": item}}, Read="Allow"))
    admin.refused(400000, "PUT", path, {"permissions": {}})
    admin.refused(400009, "PUT", path, body(viewer, ProjectLeader="Allow"))
    admin.refused(404013, "PUT", path, body(viewer, Fly="Allow"))
    admin.refused(404013, "PUT", path, body(viewer, Read="Maybe"))
    admin.refused(404002, "PUT", path, body(ZERO, Read="Allow"))
    absent = 404014 if kind == "view" else 404013
    admin.refused(absent, "DELETE", f"{path}/users/{viewer}/Read/Allow")
    admin.ok("PUT", path, body(viewer, Read="Allow"))
    admin.refused(absent, "DELETE", f"{path}/users/{viewer}/Read/Deny")
    admin.refused(404002, "DELETE", f"{path}/users/{ZERO}/Read/Allow")
    admin.refused(404012, "DELETE", f"{path}/groups/{ZERO}/Read/Allow")
    assert rules_of(admin.ok("GET", path)) == {viewer: {"Read": "Allow"}}


@pytest.mark.parametrize("kind", KINDS)
def test_who_may(org, closed, kind):
    """Those who hold ChangePermissions, and whom the ceiling of their role lets."""
    admin = org.admin
    item, _ = make(admin, kind, closed)
    path = path_of(admin, kind, item)
    change = body(org.user("Viewer"), Read="Allow")
    for role in ("Creator", "Explorer"):
        client = org.as_role(role)
        client.refused(403004, "GET", path)
        client.refused(403004, "PUT", path, change)
        client.refused(403004, "DELETE", f"{path}/users/{org.user('Viewer')}/Read/Allow")
        admin.ok("PUT", path, body(org.user(role), Read="Allow", ChangePermissions="Allow"))
    creator = org.as_role("Creator")
    assert org.user("Explorer") in rules_of(creator.ok("GET", path))
    creator.ok("PUT", path, change)
    org.as_role("Explorer").refused(403004, "GET", path)
    assert org.user("Viewer") in rules_of(org.as_role("SiteAdministratorExplorer").ok("GET", path))


@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_rules_over_them(org, closed, kind):
    admin, viewer = org.admin, org.user("Viewer")
    item, _ = make(admin, kind, closed)
    path = path_of(admin, kind, item)
    admin.ok("PUT", path, body(viewer, Read="Deny"))
    let(admin, closed, viewer, "Read", type="workbooks" if kind == "view" else f"{kind}s")
    admin.ok("PUT", f"{admin.site}/projects/{closed}",
             {"project": {"contentPermissions": "LockedToProject"}})
    reply = admin.ok("GET", path)
    assert reply.doc["permissions"]["parent"] == {"id": closed, "type": "Project"}
    assert rules_of(reply) == {viewer: {"Read": "Allow"}}
    locked = 403039 if kind == "view" else 403004
    admin.refused(locked, "PUT", path, body(viewer, Filter="Allow"))
    admin.refused(locked, "DELETE", f"{path}/users/{viewer}/Read/Allow")
    admin.ok("PUT", f"{admin.site}/projects/{closed}",
             {"project": {"contentPermissions": "ManagedByOwner"}})
    assert "parent" not in admin.ok("GET", path).doc["permissions"]


def test_views_behind_tabs_follow_their_workbook(org, closed):
    admin, viewer = org.admin, org.user("Viewer")
    workbook = publish_workbook(admin, closed, showTabs="true")
    view = views_of(admin, workbook["id"])["Detail"]["id"]
    admin.ok("PUT", path_of(admin, "workbook", workbook["id"]),
             body(viewer, Read="Allow", ExportXml="Allow"))
    reply = admin.ok("GET", path_of(admin, "view", view))
    assert rules_of(reply) == {viewer: {"Read": "Allow"}}, "as far as views have them"
    assert "parent" not in reply.doc["permissions"]
    admin.refused(403096, "PUT", path_of(admin, "view", view), body(viewer, Read="Deny"))
    admin.refused(403096, "DELETE", path_of(admin, "view", view) + f"/users/{viewer}/Read/Allow")
    org.as_role("Viewer").ok("GET", f"{admin.site}/views/{view}")
    admin.ok("PUT", f"{admin.site}/workbooks/{workbook['id']}", {"workbook": {"showTabs": "false"}})
    admin.ok("PUT", path_of(admin, "view", view), body(viewer, Read="Deny"))
    org.as_role("Viewer").refused(403004, "GET", f"{admin.site}/views/{view}")


def test_rules_decide_who_reads(org, closed):
    admin = org.admin
    workbook = publish_workbook(admin, closed)["id"]
    viewer = org.as_role("Viewer")

    def listed():
        doc = viewer.ok("GET", f"{viewer.site}/workbooks?pageSize=1000").doc
        return workbook in {w["id"] for w in doc["workbooks"].get("workbook", [])}

    assert not listed()
    admin.ok("PUT", path_of(admin, "workbook", workbook), body(org.user("Viewer"), Read="Allow"))
    assert listed()
    admin.ok("DELETE", path_of(admin, "workbook", workbook) +
             f"/users/{org.user('Viewer')}/Read/Allow", status=204)
    assert not listed()


def test_another_sites_content_is_unknown(org, other, closed):
    workbook = publish_workbook(org.admin, closed)["id"]
    other.admin.refused(404006, "GET", path_of(other.admin, "workbook", workbook))


def test_rules_of_group_sets_go_with_a_version(org, closed):
    admin = org.admin
    workbook = publish_workbook(admin, closed)["id"]
    group_set = admin.ok("POST", f"{admin.site}/groupsets", {"groupSet": {"name": unique("s")}},
                         201).doc["groupSet"]["id"]
    path = path_of(admin, "workbook", workbook)
    admin.ok("PUT", path, {"permissions": {"granteeCapabilities": [
        {"groupSet": {"id": group_set}, "capabilities": {
            "capability": [{"name": "Read", "mode": "Allow"}]}}]}})
    assert rules_of(admin.ok("GET", path)) == {group_set: {"Read": "Allow"}}
    for version, shown in (("3.21", 0), ("3.22", 1)):  # clients of older ones know none
        entries = admin.ok("GET", path, version=version).doc["permissions"]
        assert len(entries.get("granteeCapabilities", [])) == shown
    admin.ok("DELETE", f"{path}/groupSets/{group_set}/Read/Allow", status=204)
    assert rules_of(admin.ok("GET", path)) == {}
