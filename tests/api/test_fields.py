"""fields= of the members of children: owner.email, project.id and their like."""

import pytest

from contents import publish_datasource, publish_workbook, workbook_bytes
from easel_client import unique
from published import publish_custom_view

ELEMENT = {"workbooks": "workbook", "views": "view", "datasources": "datasource",
           "projects": "project", "users": "user", "groups": "group", "customviews": "customView"}
WRAPPER = {"customviews": "customViews"}
OWNER = {"id", "name", "fullName", "email", "siteRole", "lastLogin"}
PROJECT = {"id", "name", "description"}
# What a child has when it is asked for as a whole.
CHILDREN = {
    "workbooks": {"owner": OWNER, "project": PROJECT, "tags": {"tag"},
                  "location": {"id", "type", "name"},
                  "dataAccelerationConfig": {"accelerationEnabled"},
                  "dataFreshnessPolicy": {"option", "freshAtSchedule"}},
    "views": {"owner": OWNER, "project": PROJECT, "tags": {"tag"}, "location": {"id", "type"},
              "usage": {"totalViewCount"},
              "workbook": {"id", "name", "contentUrl", "showTabs", "size", "createdAt", "updatedAt",
                           "description", "sheetCount", "hasExtracts", "tags"}},
    "datasources": {"owner": OWNER, "project": PROJECT, "tags": {"tag"}},
    "projects": {"owner": OWNER, "contentsCounts": {"projectCount", "viewCount", "datasourceCount",
                                                    "workbookCount"}},
    "users": {"domain": {"name"}},
    "groups": {"domain": {"name"}, "import": {"source", "domainName", "siteRole", "grantLicenseMode"}},
    "customviews": {"owner": {"id", "name"}, "view": {"id", "name"}, "workbook": {"id", "name"}},
}
# The schema wants every attribute of an import.
REQUIRED = {("groups", "import"): CHILDREN["groups"]["import"]}


@pytest.fixture(scope="module")
def rows(org):
    """What each list is asked for, so that it answers one row: {list: query}."""
    admin, name = org.admin, unique("fields")
    user, _ = admin.add_user(unique("owner"), "SiteAdministratorCreator")
    owner = org.server.client().by_password(org.server.admin_name, org.server.admin_password,
                                            org.content_url, user=user)
    admin.ok("PUT", f"{admin.site}/users/{user}", {"user": {"email": "o@example.com",
                                                            "fullName": "An Owner"}})
    project = owner.add_project(name, description="of the project")["id"]
    book = publish_workbook(owner, name, project, description="of the workbook")
    source = publish_datasource(owner, name, project)
    for kind, item in (("workbook", book["id"]), ("datasource", source["id"]),
                       ("view", book["views"]["view"][0]["id"])):
        admin.ok("PUT", f"{admin.site}/{kind}s/{item}/tags", {"tags": {"tag": [{"label": "x"}]}})
    admin.ok("PUT", f"{admin.site}/workbooks/{book['id']}", {"workbook": {"dataFreshnessPolicy": {
        "option": "FreshAt", "freshAtSchedule": {
            "frequency": "Week", "time": "22:30:00", "timezone": "Asia/Singapore",
            "intervals": {"interval": [{"weekDay": "Monday"}]}}}}})
    admin.ok("POST", f"{admin.site}/groups", {"group": {"name": name, "minimumSiteRole": "Viewer"}},
             201)
    assert publish_custom_view(owner, book["id"], name).status == 201
    named = f"filter=name:eq:{name}"
    return {"workbooks": named, "datasources": named, "projects": named, "groups": named,
            "views": f"filter=workbookName:eq:{name},name:eq:{book['views']['view'][0]['name']}",
            "users": f"filter=luid:eq:{user}", "customviews": f"filter=workbookId:eq:{book['id']}"}


@pytest.fixture
def one(org, rows, fmt):
    def ask(list_, fields=None):
        doc = org.admin.ok("GET", f"{org.admin.site}/{list_}?{rows[list_]}"
                           + (f"&fields={fields}" if fields else ""), fmt=fmt).doc
        (row,) = doc[WRAPPER.get(list_, list_)][ELEMENT[list_]]
        return row
    return ask


@pytest.mark.parametrize("list_", CHILDREN)
def test_children(one, list_):
    """Alone a child is whole, a member of it stands alone, with the default it is added."""
    usual, whole = one(list_), one(list_, "_all_")
    found = {name: set(value) for name, value in whole.items() if isinstance(value, dict)}
    assert found == CHILDREN[list_]
    assert one(list_, "_default_") == usual
    for child in found:
        assert one(list_, f"id,{child}") == {"id": whole["id"], child: whole[child]}
        assert one(list_, f"{child}.{min(found[child])},{child}") == {child: whole[child]}
        assert one(list_, f"_default_,{child}") == {**usual, child: whole[child]}
        for member, value in whole[child].items():
            shown = {name: whole[child][name] for name in REQUIRED.get((list_, child), {member})}
            for name in (f"{child}.{member}", f"{ELEMENT[list_]}.{child}.{member}"):
                assert one(list_, name) == {child: shown}, name
            assert one(list_, f"_default_,{child}.{member}") == {
                **usual, child: {**usual.get(child, {}), member: value}}
            assert one(list_, f"_all_,{child}.{member}") == whole
    several = sorted(found)[:2]
    asked = [(child, member) for child in several for member in found[child]]
    assert one(list_, ",".join(f"{child}.{member}" for child, member in asked)) == {
        child: whole[child] for child in several}


@pytest.mark.parametrize("list_", CHILDREN)
def test_what_children_do_not_have(org, fmt, list_):
    names = [f"{child}.{member}" for child in CHILDREN[list_] for member in ("bogus", "", "idx", "_all")]
    names += ["bogus.id", "id.name", "id.", f"{ELEMENT[list_]}.bogus.id", "_all_,owner.bogus",
              f"{min(CHILDREN[list_])}.{min(CHILDREN[list_][min(CHILDREN[list_])])}.bogus"]
    for name in names:
        reply = org.admin.refused(400000, "GET", f"{org.admin.site}/{list_}?fields={name}", fmt=fmt)
        assert name.split(",")[-1].removeprefix(ELEMENT[list_] + ".") in reply.detail


def test_members_of_members(one):
    """What the schema requires of a schedule stays with what is asked of it."""
    whole = one("workbooks", "_all_")
    assert one("workbooks", "tags.tag.label") == {"tags": whole["tags"]}
    assert one("views", "workbook.tags") == {"workbook": {"tags": {}}}
    policy = whole["dataFreshnessPolicy"]
    assert one("workbooks", "dataFreshnessPolicy.freshAtSchedule") == {
        "dataFreshnessPolicy": {"freshAtSchedule": policy["freshAtSchedule"]}}
    schedule = dict(policy["freshAtSchedule"])
    assert schedule.pop("timezone")
    assert one("workbooks", "dataFreshnessPolicy.freshAtSchedule.time") == {
        "dataFreshnessPolicy": {"freshAtSchedule": schedule}}


def test_groups_of_sets(org, fmt):
    admin, name = org.admin, unique("fields")
    group = admin.ok("POST", f"{admin.site}/groups", {"group": {"name": name}}, 201).doc["group"]["id"]
    made = admin.ok("POST", f"{admin.site}/groupsets", {"groupSet": {"name": name}}, 201
                    ).doc["groupSet"]["id"]
    admin.ok("PUT", f"{admin.site}/groupsets/{made}/groups/{group}", status=200)
    base = f"{admin.site}/groupsets?resultlevel=members&filter=name:eq:{name}&fields="
    for fields, groups in (("group", {"id": group, "name": name, "domain": {"name": "local"}}),
                           ("group.id", {"id": group}), ("groupSet.group.name", {"name": name}),
                           ("group.domain.name", {"domain": {"name": "local"}})):
        (row,) = admin.ok("GET", base + fields, fmt=fmt).doc["groupSets"]["groupSet"]
        assert row == {"group": [groups]}
    for fields in ("group.bogus", "group.domain.bogus"):
        admin.refused(400000, "GET", base + fields, fmt=fmt)


def test_usage_is_counted_up(org, fmt):
    """An answer that tells a part of the usage is not one that is kept."""
    book = publish_workbook(org.admin)
    (view, _) = book["views"]["view"]
    path = f"{org.admin.site}/views?filter=workbookName:eq:{book['name']},name:eq:{view['name']}"
    for looks in ("0", "1"):
        (row,) = org.admin.ok("GET", path + "&fields=usage.totalViewCount", fmt=fmt).doc["views"]["view"]
        assert row == {"usage": {"totalViewCount": looks}}
        org.admin.ok("GET", f"{org.admin.site}/views/{view['id']}")


def test_what_is_in_a_project(org, fmt):
    """Counted where it is asked for: what is directly in it."""
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    project = admin.add_project()
    admin.add_project(parentProjectId=project["id"])
    hidden = {"view": [{"name": "Two", "hidden": "true"}]}
    publish_workbook(admin, project=project["id"], data=workbook_bytes(["One", "Two", "Three"]),
                     views=hidden)
    publish_workbook(admin, project=project["id"])
    publish_datasource(admin, project=project["id"])
    admin.ok("PUT", f"{admin.site}/favorites/{admin.session.user_id}", {
        "favorite": {"label": unique("f"), "project": {"id": project["id"]}}})
    path = f"{admin.site}/projects?filter=name:eq:{project['name']}&fields="
    (got,) = admin.ok("GET", path + "contentsCounts,favoritesTotal").doc["projects"]["project"]
    counts = {name: int(value) for name, value in got["contentsCounts"].items()}
    views = counts.pop("viewCount")
    assert counts == {"projectCount": 1, "workbookCount": 2, "datasourceCount": 1}
    listed = admin.ok("GET", f"{admin.site}/views?filter=projectName:eq:{project['name']}").doc
    assert views == int(listed["pagination"]["totalAvailable"]) >= 3
    assert int(got["favoritesTotal"]) == 1
