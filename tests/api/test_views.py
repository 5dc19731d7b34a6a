"""Views: got, listed over the site and of a workbook, found by path, deleted."""

import pytest

from contents import grant, new_project, publish_workbook, workbook_bytes
from easel_client import children, find, unique


def path(client, view=None):
    return f"{client.site}/views" + (f"/{view}" if view else "")


def names(reply):
    return [v["name"] for v in reply.doc["views"].get("view", [])]


@pytest.fixture(scope="module")
def project(org):
    return new_project(org.admin)


@pytest.fixture
def workbook(org, project):
    return publish_workbook(org.admin, unique("views"), project,
                            workbook_bytes(("Sales by Year", "Map"), ("Board",)))


@pytest.fixture
def views(workbook):
    return workbook["views"]["view"]


def of_workbook(client, workbook, query="", **options):
    return client.ok("GET", f"{client.site}/workbooks/{workbook['id']}/views{query}", **options)


def test_get(org, project, workbook, views, fmt):
    got = org.admin.ok("GET", path(org.admin, views[0]["id"]), fmt=fmt).doc["view"]
    assert got["name"] == "Sales by Year" and got["viewUrlName"] == "SalesbyYear"
    assert got["contentUrl"] == f"{workbook['contentUrl']}/sheets/SalesbyYear"
    assert got["workbook"] == {"id": workbook["id"]}
    assert got["owner"]["id"] == org.admin.session.user_id
    assert got["project"]["id"] == project
    assert got["tags"] == {} and got["sheetType"] == "worksheet"
    assert got["createdAt"] and got["updatedAt"] and "usage" not in got
    other = org.admin.ok("GET", path(org.admin, views[1]["id"]) + "?includeUsageStatistics=true",
                         fmt=fmt)
    assert other.doc["view"]["usage"] == {"totalViewCount": "0"}


def test_order_of_members(org, views):
    reply = org.admin.ok("GET", path(org.admin, views[0]["id"]) + "?includeUsageStatistics=True",
                         fmt="xml")
    assert children(find(reply, "view")) == ["workbook", "owner", "project", "tags", "usage"]


def test_unknown_and_unread(org, views, fmt):
    viewer = org.as_role("Viewer")
    for wrong in ("11111111-2222-3333-4444-555555555555", "nonsense"):
        assert org.admin.call("GET", path(org.admin, wrong), fmt=fmt).code == "404011"
    assert viewer.call("GET", path(viewer, views[0]["id"]), fmt=fmt).code == "403004"


def test_views_of_a_workbook(org, workbook, fmt):
    reply = of_workbook(org.admin, workbook, fmt=fmt)
    got = reply.doc["views"]["view"]
    assert [v["name"] for v in got] == ["Sales by Year", "Map", "Board"]
    assert "pagination" not in reply.doc
    assert set(got[0]) == {"id", "name", "contentUrl", "createdAt", "updatedAt", "viewUrlName",
                           "tags"}
    used = of_workbook(org.admin, workbook, "?includeUsageStatistics=true", fmt=fmt)
    assert used.doc["views"]["view"][0]["usage"] == {"totalViewCount": "0"}
    viewer = org.as_role("Viewer")
    where = f"{viewer.site}/workbooks/{workbook['id']}/views"
    assert viewer.call("GET", where, fmt=fmt).code == "403004"
    assert viewer.call("GET", where.replace(workbook["id"], "nowhere"), fmt=fmt).code == "404006"


@pytest.mark.parametrize("where", ["/views", "/views/{view}", "/workbooks/{workbook}/views"])
def test_usage_is_true_or_false(org, workbook, views, fmt, where):
    url = org.admin.site + where.format(view=views[0]["id"], workbook=workbook["id"])
    assert org.admin.call("GET", url + "?includeUsageStatistics=perhaps", fmt=fmt).code == "400008"
    assert org.admin.call("GET", url + "?includeUsageStatistics=false", fmt=fmt).status == 200


def test_list(org, workbook, fmt):
    ours = f"filter=workbookName:eq:{workbook['name']}"

    def listed(query):
        return org.admin.ok("GET", f"{path(org.admin)}?{query}", fmt=fmt)

    reply = listed(ours)
    assert names(reply) == ["Sales by Year", "Map", "Board"]
    assert reply.doc["pagination"]["totalAvailable"] == "3"
    assert set(reply.doc["views"]["view"][0]) == {
        "id", "name", "contentUrl", "createdAt", "updatedAt", "viewUrlName", "workbook", "owner",
        "project", "tags"}
    assert names(listed(f"{ours}&sort=name:desc")) == ["Sales by Year", "Map", "Board"]
    assert names(listed(f"{ours}&sort=name:asc&pageSize=1&pageNumber=2")) == ["Map"]
    for query, found in (("sheetType:eq:dashboard", ["Board"]), ("caption:eq:Map", ["Map"]),
                         ("viewUrlName:eq:SalesbyYear", ["Sales by Year"]),
                         ("hitsTotal:gt:0", []), ("name:in:[Map,Board]", ["Map", "Board"]),
                         ("ownerName:eq:nobody", [])):
        assert names(listed(f"{ours},{query}")) == found, query
    usage = listed(f"{ours}&includeUsageStatistics=true").doc["views"]["view"]
    assert all(v["usage"] == {"totalViewCount": "0"} for v in usage)
    assert org.admin.call("GET", f"{path(org.admin)}?filter=nonsense:eq:1", fmt=fmt).code == "400065"


def test_view_by_path(org, workbook, views, fmt):
    name = unique("Path")
    publish_workbook(org.admin, project=new_project(org.admin), data=workbook_bytes((name,)))
    reply = org.admin.ok("GET", f"{path(org.admin)}?filter=viewUrlName:eq:{name}", fmt=fmt)
    assert names(reply) == [name]
    # Two conditions in one filter, as clients join them.
    assert names(org.admin.ok("GET", f"{path(org.admin)}?filter=viewUrlName:eq:{name},name:eq:other",
                              fmt=fmt)) == []
    scoped = org.by_jwt(scopes=("tableau:content:read",))
    assert names(scoped.ok("GET", f"{path(scoped)}?filter=viewUrlName:eq:{name}", fmt=fmt)) == [name]
    other = org.by_jwt(scopes=("tableau:users:read",))
    assert other.call("GET", f"{path(other)}?filter=viewUrlName:eq:{name}", fmt=fmt).code == "401002"


def test_all_fields(org, workbook, fmt):
    query = f"?filter=workbookName:eq:{workbook['name']},name:eq:Board&fields=_all_"
    (got,) = org.admin.ok("GET", path(org.admin) + query, fmt=fmt).doc["views"]["view"]
    assert got["sheetType"] == "dashboard" and got["hidden"] is False
    assert got["usage"] == {"totalViewCount": "0"} and got["location"]["type"] == "Project"
    assert got["workbook"]["name"] == workbook["name"] and got["workbook"]["sheetCount"] == "3"
    assert got["workbook"]["showTabs"] == "false" and got["workbook"]["tags"] == {}
    assert got["owner"]["siteRole"] and got["project"]["name"]


@pytest.mark.parametrize("query, members", [
    ("fields=id,name", {"id", "name"}),
    ("fields=view.name,sheetType", {"name", "sheetType"}),
    ("fields=name&includeUsageStatistics=true", {"name", "usage"})])
def test_fields(org, workbook, fmt, query, members):
    where = f"{path(org.admin)}?filter=workbookName:eq:{workbook['name']}&{query}"
    for got in org.admin.ok("GET", where, fmt=fmt).doc["views"]["view"]:
        assert set(got) == members


def test_hidden_views_are_not_shown(org, fmt):
    """Neither to administrators nor to others, nor counted."""
    project = new_project(org.admin)
    grant(org.admin, project, org.user("Viewer"), "workbooks", Read="Allow")
    viewer = org.as_role("Viewer")
    book = publish_workbook(org.admin, project=project,
                            views={"view": [{"name": "Second", "hidden": "true"}]})
    for client in (org.admin, viewer):
        assert names(of_workbook(client, book, fmt=fmt)) == ["First"]
        got = client.ok("GET", f"{path(client)}?filter=workbookName:eq:{book['name']}", fmt=fmt)
        assert names(got) == ["First"]
    whole = viewer.ok("GET", path(viewer), fmt=fmt).doc
    assert len(whole["views"]["view"]) == int(whole["pagination"]["totalAvailable"])
    org.admin.ok("DELETE", f"{org.admin.site}/workbooks/{book['id']}", status=204)


def test_delete(org, workbook, views, fmt):
    first, second = views[0]["id"], views[1]["id"]
    viewer = org.as_role("Viewer")
    assert viewer.call("DELETE", path(viewer, first), fmt=fmt).code == "403004"
    total = int(org.admin.ok("GET", path(org.admin)).doc["pagination"]["totalAvailable"])
    org.admin.ok("DELETE", path(org.admin, first), status=204, fmt=fmt)
    after = org.admin.ok("GET", path(org.admin)).doc["pagination"]["totalAvailable"]
    assert int(after) == total - 1
    assert org.admin.call("GET", path(org.admin, first), fmt=fmt).code == "404011"
    assert org.admin.call("DELETE", path(org.admin, first), fmt=fmt).code == "404011"
    book = org.admin.ok("GET", f"{org.admin.site}/workbooks/{workbook['id']}").doc["workbook"]
    assert book["defaultViewId"] == second
    assert [v["name"] for v in book["views"]["view"]] == ["Map", "Board"]
    assert org.admin.call("DELETE", path(org.admin, second), version="3.26").code == "405000"


def test_a_view_keeps_its_id(org, project, workbook, views):
    again = publish_workbook(org.admin, workbook["name"], project,
                             workbook_bytes(("Map", "New"), ("Board",)), "?overwrite=true")
    assert again["id"] == workbook["id"]
    ids = {v["name"]: v["id"] for v in again["views"]["view"]}
    before = {v["name"]: v["id"] for v in views}
    assert ids["Map"] == before["Map"] and ids["Board"] == before["Board"]
    assert set(ids) == {"Map", "New", "Board"}


def test_hidden_default_view(org, fmt):
    """The first view that is shown stands in for it; where none is, there is none."""
    sheets = ("One", "Two", "Three")

    def default_of(*hidden):
        book = publish_workbook(org.admin, unique("default"), data=workbook_bytes(sheets), views={
            "view": [{"name": name, "hidden": True} for name in hidden]})
        got = org.admin.ok("GET", f"{org.admin.site}/workbooks/{book['id']}", fmt=fmt).doc["workbook"]
        shown = {view["id"]: view["name"] for view in got["views"].get("view", [])}
        return shown.get(got["defaultViewId"], "hidden") if "defaultViewId" in got else None

    assert default_of() == "One"
    assert default_of("One") == "Two"
    assert default_of("Two") == "One"
    assert default_of("One", "Two") == "Three"
    assert default_of(*sheets) is None
