"""Workbooks: got, listed, updated, moved, deleted; their connections."""

import pytest

from contents import (connection_xml, grant, new_project, publish_datasource, publish_workbook,
                      workbook_bytes)
from easel_client import children, find, unique


def path(client, workbook=None, *more):
    return "/".join([f"{client.site}/workbooks"] + ([workbook] if workbook else []) + list(more))


@pytest.fixture(scope="module")
def project(org):
    return new_project(org.admin)


@pytest.fixture
def workbook(org, project):
    return publish_workbook(org.admin, project=project)


def get(client, workbook, **options):
    return client.ok("GET", path(client, workbook), **options).doc["workbook"]


def update(client, workbook, fmt=None, **members):
    return client.call("PUT", path(client, workbook), {"workbook": members}, fmt=fmt)


# ---- one
def test_get(org, project, workbook, fmt):
    got = get(org.admin, workbook["id"], fmt=fmt)
    url = workbook["contentUrl"]
    assert got["name"] == workbook["name"]
    assert got["project"]["id"] == got["location"]["id"] == project
    assert got["location"]["type"] == "Project"
    assert got["owner"]["id"] == org.admin.session.user_id and got["owner"]["name"]
    assert got["tags"] == {}
    assert got["showTabs"] == "false" and got["size"] == "1"
    assert got["encryptExtracts"] == "false"
    assert got["dataAccelerationConfig"] == {"accelerationEnabled": False}
    assert got["dataFreshnessPolicy"] == {"option": "SiteDefault"}
    views = got["views"]["view"]
    assert [v["name"] for v in views] == ["First", "Second"]
    assert [v["contentUrl"] for v in views] == [f"{url}/sheets/First", f"{url}/sheets/Second"]
    assert got["defaultViewId"] == views[0]["id"]
    assert "workbook" not in views[0] and views[0]["tags"] == {}
    assert "description" not in got


def test_order_of_members(org, workbook):
    reply = org.admin.ok("GET", path(org.admin, workbook["id"]), fmt="xml")
    assert children(find(reply, "workbook")) == [
        "project", "location", "owner", "tags", "views", "dataAccelerationConfig",
        "dataFreshnessPolicy"]


def test_default_view_is_told_from_3_8(org, workbook):
    assert "defaultViewId" not in get(org.admin, workbook["id"], version="3.7")
    assert "defaultViewId" in get(org.admin, workbook["id"], version="3.8")


def test_page_in_a_browser(org, home, workbook):
    url = get(org.admin, workbook["id"])["webpageUrl"]
    assert url.startswith(f"{org.server.url}/#/site/{org.content_url}/workbooks/")
    assert url.endswith("/views")
    number = url.split("/")[-2]
    assert number.isdigit()
    at_home = publish_workbook(home)
    assert get(home, at_home["id"])["webpageUrl"].startswith(f"{home.url}/#/workbooks/")


def test_page_follows_the_host_that_was_called(org, workbook):
    """Also for answers that were kept for another host."""
    for host, proto, wanted in (("easel.example.com", None, "http://easel.example.com/#/"),
                                ("other.example.com:8443", "https", "https://other.example.com:8443/#/"),
                                ("easel.example.com", "https", "https://easel.example.com/#/"),
                                ("easel.example.com", None, "http://easel.example.com/#/"),
                                ('evil"/><a href="', None, "http://localhost/#/")):
        headers = {"Host": host, **({"X-Forwarded-Proto": proto} if proto else {})}
        for _ in range(2):
            assert get(org.admin, workbook["id"], headers=headers)["webpageUrl"].startswith(wanted)


def test_get_by_content_url(org, workbook, fmt):
    for url in (workbook["contentUrl"], workbook["contentUrl"].upper()):
        reply = org.admin.ok("GET", path(org.admin, url) + "?key=contentUrl", fmt=fmt)
        assert reply.doc["workbook"]["id"] == workbook["id"]
    assert org.admin.call("GET", path(org.admin, "Nowhere") + "?key=contentUrl").code == "404006"


def test_unknown_and_unread(org, workbook, fmt):
    viewer = org.as_role("Viewer")
    unknown = "11111111-2222-3333-4444-555555555555"
    for wrong in (unknown, "nonsense", "%27"):
        assert org.admin.call("GET", path(org.admin, wrong), fmt=fmt).code == "404006"
    assert viewer.call("GET", path(viewer, workbook["id"]), fmt=fmt).code == "403018"
    assert viewer.call("GET", path(viewer, workbook["contentUrl"]) + "?key=contentUrl",
                       fmt=fmt).code == "403018"


# ---- lists
def names(reply):
    return [w["name"] for w in reply.doc["workbooks"].get("workbook", [])]


def test_list_pages_filter_sort(org, fmt):
    stamp = unique("list")
    project = new_project(org.admin, name=stamp)
    for i, sheets in enumerate((("A",), ("A", "B"), ("A", "B", "C"))):
        publish_workbook(org.admin, f"{stamp}-{i}", project, workbook_bytes(sheets))
    ours = f"filter=projectName:eq:{stamp}"
    base = path(org.admin)

    def listed(query):
        return org.admin.ok("GET", f"{base}?{query}", fmt=fmt)

    assert names(listed(ours)) == [f"{stamp}-0", f"{stamp}-1", f"{stamp}-2"]
    assert names(listed(f"{ours}&sort=name:desc")) == [f"{stamp}-2", f"{stamp}-1", f"{stamp}-0"]
    assert names(listed(f"{ours}&sort=sheetCount:desc&pageSize=1")) == [f"{stamp}-2"]
    second = listed(f"{ours}&pageSize=2&pageNumber=2")
    assert names(second) == [f"{stamp}-2"]
    assert second.doc["pagination"] == {"pageNumber": "2", "pageSize": "2", "totalAvailable": "3"}
    for query, count in ((f"{ours},sheetCount:gte:2", 2), (f"{ours},sheetCount:eq:1", 1),
                         (f"{ours},size:eq:1", 3), (f"{ours},size:gt:1", 0),
                         (f"{ours},displayTabs:eq:false", 3), (f"{ours},hasExtracts:eq:true", 0),
                         (f"filter=name:in:[{stamp}-0,{stamp}-2]", 2),
                         (f"filter=name:cieq:{stamp.upper()}-1", 1),
                         (f"filter=contentUrl:eq:{stamp}-1", 1),
                         (f"{ours},ownerName:eq:nobody", 0),
                         (f"{ours},createdAt:gt:2001-01-01T00:00:00Z", 3),
                         (f"{ours},updatedAt:lt:2001-01-01T00:00:00Z", 0)):
        assert len(names(listed(query))) == count, query
    assert org.admin.call("GET", f"{base}?filter=nonsense:eq:1", fmt=fmt).code == "400065"
    assert org.admin.call("GET", f"{base}?pageNumber=0", fmt=fmt).code == "400006"
    assert org.admin.call("GET", f"{base}?pageSize=0", fmt=fmt).code == "400007"
    assert org.admin.call("GET", f"{base}?pageSize=1001", fmt=fmt).code == "403014"


def test_listed_shape(org, workbook, fmt):
    reply = org.admin.ok("GET", path(org.admin) + f"?filter=name:eq:{workbook['name']}", fmt=fmt)
    (got,) = reply.doc["workbooks"]["workbook"]
    assert set(got) == {"id", "name", "contentUrl", "webpageUrl", "showTabs", "size", "createdAt",
                        "updatedAt", "defaultViewId", "project", "owner", "tags"}


@pytest.mark.parametrize("fields, members", [
    ("id,name", {"id", "name"}),
    ("workbook.name", {"name"}),
    ("name,owner.email", {"name", "owner"}),
    ("_default_,sheetCount", {"id", "name", "contentUrl", "webpageUrl", "showTabs", "size",
                              "createdAt", "updatedAt", "defaultViewId", "project", "owner", "tags",
                              "sheetCount"}),
    ("name,favoritesTotal", {"name"}),
])
def test_fields(org, workbook, fmt, fields, members):
    query = f"?filter=name:eq:{workbook['name']}&fields={fields}"
    (got,) = org.admin.ok("GET", path(org.admin) + query, fmt=fmt).doc["workbooks"]["workbook"]
    assert set(got) == members


def test_all_fields(org, workbook, fmt):
    query = f"?filter=name:eq:{workbook['name']}&fields=_all_"
    (got,) = org.admin.ok("GET", path(org.admin) + query, fmt=fmt).doc["workbooks"]["workbook"]
    assert got["sheetCount"] == "2" and got["hasExtracts"] is False
    assert got["owner"]["siteRole"] and got["owner"]["fullName"]
    assert got["location"]["type"] == "Project" and got["lastPublishedAt"]
    assert org.admin.call("GET", path(org.admin) + "?fields=nonsense", fmt=fmt).code == "400000"


def test_lists_hold_what_may_be_read(org, project):
    viewer = org.as_role("Viewer")
    open_to_viewer = new_project(org.admin)
    grant(org.admin, open_to_viewer, org.user("Viewer"), "workbooks", Read="Allow")
    seen, unseen = (publish_workbook(org.admin, project=p) for p in (open_to_viewer, project))
    query = f"?filter=name:in:[{seen['name']},{unseen['name']}]"
    assert len(names(org.admin.ok("GET", path(org.admin) + query))) == 2
    assert names(viewer.ok("GET", path(viewer) + query)) == [seen["name"]]
    assert get(viewer, seen["id"])["name"] == seen["name"]
    assert viewer.call("PUT", path(viewer, seen["id"]), {"workbook": {"name": "x"}}).code == "403027"
    org.admin.ok("DELETE", path(org.admin, seen["id"]), status=204)
    assert names(viewer.ok("GET", path(viewer) + query)) == []


def test_workbooks_of_a_user(org, fmt):
    project = new_project(org.admin)
    grant(org.admin, project, org.user("Creator"), Read="Allow", Write="Allow")
    creator = org.as_role("Creator")
    own = publish_workbook(creator, project=project)
    of_creator = f"{org.admin.site}/users/{org.user('Creator')}/workbooks"
    of_admin = f"{org.admin.site}/users/{org.admin.session.user_id}/workbooks"
    assert names(org.admin.ok("GET", of_creator + "?ownedBy=true", fmt=fmt)) == [own["name"]]
    assert own["name"] in names(creator.ok("GET", of_creator + "?pageSize=1000", fmt=fmt))
    assert own["name"] in names(org.admin.ok("GET", of_admin + "?pageSize=1000", fmt=fmt))
    assert own["name"] not in names(
        org.admin.ok("GET", of_admin + "?ownedBy=true&pageSize=1000", fmt=fmt))
    assert creator.call("GET", of_admin, fmt=fmt).code == "403018"
    unknown = f"{org.admin.site}/users/11111111-2222-3333-4444-555555555555/workbooks"
    assert org.admin.call("GET", unknown, fmt=fmt).code == "404002"
    assert org.admin.call("GET", of_admin + "?ownedBy=perhaps", fmt=fmt).code == "400000"
    org.admin.ok("DELETE", path(org.admin, own["id"]), status=204)


# ---- changing
def test_update(org, workbook, fmt):
    name = unique("renamed")
    reply = update(org.admin, workbook["id"], fmt, name=name, description="What it is",
                   showTabs=True, encryptExtracts=False)
    assert reply.status == 200
    got = reply.doc["workbook"]
    assert got["name"] == name and got["description"] == "What it is"
    assert got["showTabs"] == "true"
    assert got["contentUrl"] == workbook["contentUrl"], "a new name keeps the URL"
    again = get(org.admin, workbook["id"], fmt=fmt)
    assert (again["name"], again["description"], again["showTabs"]) == (name, "What it is", "true")
    unchanged = update(org.admin, workbook["id"], fmt, description="").doc["workbook"]
    assert unchanged["name"] == name and "description" not in unchanged


@pytest.mark.parametrize("members, code", [
    ({"name": ""}, "400000"),
    ({"name": "x" * 256}, "400000"),
    ({"description": "x" * 8001}, "400000"),
    ({"showTabs": "perhaps"}, "400000"),
    ({"project": {"id": "nowhere"}}, "404005"),
    ({"owner": {"id": "11111111-2222-3333-4444-555555555555"}}, "404002"),
])
def test_update_refused(org, workbook, fmt, members, code):
    before = get(org.admin, workbook["id"])
    assert update(org.admin, workbook["id"], fmt, **members).code == code
    assert get(org.admin, workbook["id"]) == before


def test_update_needs_the_element(org, workbook, fmt):
    assert org.admin.call("PUT", path(org.admin, workbook["id"]), {"view": {}},
                          fmt=fmt).code == "400000"


def test_names_collide_without_case(org, project, workbook, fmt):
    other = publish_workbook(org.admin, project=project)
    assert update(org.admin, other["id"], fmt, name=workbook["name"].upper()).code == "403130"


def test_move_and_give(org, fmt):
    start, target = new_project(org.admin), new_project(org.admin)
    workbook = publish_workbook(org.admin, project=start)
    moved = update(org.admin, workbook["id"], fmt, project={"id": target},
                   owner={"id": org.user("Creator")}).doc["workbook"]
    assert moved["project"]["id"] == target
    assert moved["owner"] == {"id": org.user("Creator"), "name": org.name("Creator")}
    creator = org.as_role("Creator")
    # The owner may do all to it, but needs Write where it is to go.
    assert update(creator, workbook["id"], fmt, project={"id": start}).code == "403025"
    assert update(creator, workbook["id"], fmt,
                  owner={"id": org.user("ExplorerCanPublish")}).code == "403027"
    explorer = org.as_role("Explorer")
    assert update(explorer, workbook["id"], fmt, name="mine").code == "403027"
    grant(org.admin, start, org.user("Creator"), Read="Allow", Write="Allow")
    assert update(creator, workbook["id"], fmt, project={"id": start}).status == 200
    org.admin.ok("DELETE", path(org.admin, workbook["id"]), status=204)


def test_delete(org, workbook, fmt):
    viewer = org.as_role("Viewer")
    assert viewer.call("DELETE", path(viewer, workbook["id"]), fmt=fmt).code == "403004"
    org.admin.ok("DELETE", path(org.admin, workbook["id"]), status=204, fmt=fmt)
    assert org.admin.call("GET", path(org.admin, workbook["id"]), fmt=fmt).code == "404006"
    assert org.admin.call("DELETE", path(org.admin, workbook["id"]), fmt=fmt).code == "404006"


def test_deleting_a_project_deletes_its_workbooks(org, fmt):
    project = new_project(org.admin)
    inner = new_project(org.admin, parentProjectId=project)
    workbooks = [publish_workbook(org.admin, project=p) for p in (project, inner)]
    org.admin.ok("DELETE", f"{org.admin.site}/projects/{project}", status=204, fmt=fmt)
    for gone in workbooks:
        assert org.admin.call("GET", path(org.admin, gone["id"]), fmt=fmt).code == "404006"


def test_assets_of_a_removed_user(org, fmt):
    project = new_project(org.admin)
    user, name = org.admin.add_user(unique("leaver"), "Creator")
    grant(org.admin, project, user, Read="Allow", Write="Allow")
    leaver = org.server.client().by_password(org.server.admin_name, org.server.admin_password,
                                             org.content_url, user=user)
    left = publish_workbook(leaver, project=project)
    users = f"{org.admin.site}/users"
    assert org.admin.call("DELETE", f"{users}/{user}", fmt=fmt).code == "409003"
    heir = org.user("Creator")
    org.admin.ok("DELETE", f"{users}/{user}?mapAssetsTo={heir}", status=204, fmt=fmt)
    assert get(org.admin, left["id"], fmt=fmt)["owner"]["id"] == heir
    org.admin.ok("DELETE", path(org.admin, left["id"]), status=204)


# ---- connections
def connections(client, workbook, fmt=None):
    reply = client.ok("GET", path(client, workbook, "connections"), fmt=fmt)
    return reply.doc["connections"].get("connection", [])


def test_connections(org, workbook, fmt):
    (got,) = connections(org.admin, workbook["id"], fmt)
    assert got["type"] == "sqlserver" and got["serverAddress"] == "db.example.com"
    assert got["serverPort"] == "1433" and got["userName"] == "reader"
    assert got["embedPassword"] is False and got["queryTaggingEnabled"] is False
    assert "password" not in got
    viewer = org.as_role("Viewer")
    assert viewer.call("GET", path(viewer, workbook["id"], "connections"), fmt=fmt).code == "403021"


def test_update_connection(org, workbook, fmt):
    (old,) = connections(org.admin, workbook["id"])
    where = path(org.admin, workbook["id"], "connections", old["id"])
    secret = unique("secret")
    reply = org.admin.ok("PUT", where, {"connection": {
        "serverAddress": "new.example.com", "serverPort": "5432", "userName": "writer",
        "password": secret, "embedPassword": True, "queryTaggingEnabled": True,
        "authenticationType": "auth-user-pass"}}, fmt=fmt)
    got = reply.doc["connection"]
    assert got["id"] == old["id"] and got["serverAddress"] == "new.example.com"
    assert got["serverPort"] == "5432" and got["userName"] == "writer"
    assert got["embedPassword"] is True and got["queryTaggingEnabled"] is True
    assert got["authenticationType"] == "auth-user-pass"
    assert secret not in reply.body.decode()
    assert connections(org.admin, workbook["id"], fmt) == [got]
    kept = org.admin.ok("PUT", where, {"connection": {"userName": "third"}}, fmt=fmt)
    assert kept.doc["connection"]["embedPassword"] is True
    assert kept.doc["connection"]["serverAddress"] == "new.example.com"


@pytest.mark.parametrize("members, code", [
    ({"serverPort": "http"}, "400000"), ({"serverPort": "65536"}, "400000"),
    ({"embedPassword": "perhaps"}, "400000"), ({"userName": "x" * 1025}, "400000"),
    ({"password": "x" * 1025, "embedPassword": True}, "400000")])
def test_update_connection_refused(org, workbook, fmt, members, code):
    (old,) = connections(org.admin, workbook["id"])
    where = path(org.admin, workbook["id"], "connections", old["id"])
    assert org.admin.call("PUT", where, {"connection": members}, fmt=fmt).code == code
    assert connections(org.admin, workbook["id"]) == [old]


def test_update_connection_of_another(org, workbook, project, fmt):
    other = publish_workbook(org.admin, project=project)
    (foreign,) = connections(org.admin, other["id"])
    change = {"connection": {"userName": "x"}}
    for wrong in (foreign["id"], workbook["id"], "nonsense"):
        where = path(org.admin, workbook["id"], "connections", wrong)
        assert org.admin.call("PUT", where, change, fmt=fmt).code == "404020"
    viewer = org.as_role("Viewer")
    where = path(viewer, other["id"], "connections", foreign["id"])
    assert viewer.call("PUT", where, change, fmt=fmt).code == "403029"


@pytest.mark.parametrize("wrapper, item", [("connectionLUIDs", "connectionLUID"),
                                           ("connectionLuids", "connectionLuid")])
def test_update_connections(org, workbook, fmt, wrapper, item):
    (old,) = connections(org.admin, workbook["id"])
    where = path(org.admin, workbook["id"], "connections")
    reply = org.admin.ok("PUT", where, {wrapper: {item: [old["id"]]}, "connection": {
        "authenticationType": "AD Service Principal", "userName": "svc", "password": "p",
        "embedPassword": True}}, fmt=fmt)
    (got,) = reply.doc["connections"]["connection"]
    assert got["userName"] == "svc" and got["embedPassword"] is True
    assert got["authenticationType"] == "AD Service Principal"
    broken = {wrapper: {item: [old["id"], workbook["id"]]}, "connection": {"userName": "other"}}
    assert org.admin.call("PUT", where, broken, fmt=fmt).code == "404020"
    assert connections(org.admin, workbook["id"]) == [got], "all or none"
    assert org.admin.call("PUT", where, {"connection": {"userName": "x"}}, fmt=fmt).code == "400000"
    assert org.admin.call("PUT", where, {wrapper: {item: [old["id"]]}}, fmt=fmt).code == "400000"


def test_connection_to_a_published_data_source(org, project, fmt):
    source = publish_datasource(org.admin, project=project)
    proxy = (f"<repository-location id='{source['contentUrl']}' path='/datasources'/>"
             + connection_xml("sqlproxy", "localhost", "", source["contentUrl"], "80"))
    data = workbook_bytes().replace(
        workbook_bytes().split(b"<datasource caption")[1].split(b"</datasource>")[0],
        f"='Sales' name='sqlproxy.1'>{proxy}".encode())
    book = publish_workbook(org.admin, project=project, data=data)
    (got,) = connections(org.admin, book["id"], fmt)
    assert got["datasource"]["id"] == source["id"]


@pytest.mark.parametrize("value", ["true", "True"])
def test_what_an_accelerator_does_for_views(org, fmt, value):
    """As TSC asks for it while it updates: there is none."""
    book = publish_workbook(org.admin, data=workbook_bytes(["One", "Two"]))
    path = f"{org.admin.site}/workbooks/{book['id']}"
    views = org.admin.ok("GET", f"{path}/views").doc["views"]["view"]
    body = {"workbook": {"views": {"view": [{"id": view["id"]} for view in views]},
                         "dataAccelerationConfig": {"accelerationEnabled": "true",
                                                    "accelerateNow": "false"}}}
    got = org.admin.ok("PUT", f"{path}?includeViewAccelerationStatus={value}", body,
                       fmt=fmt).doc["workbook"]
    assert [view["id"] for view in got["views"]["view"]] == [view["id"] for view in views]
    for view in got["views"]["view"]:
        assert view["dataAccelerationConfig"] == {"accelerationEnabled": False,
                                                  "accelerationStatus": "Off"}
    assert "views" not in org.admin.ok("PUT", path, body, fmt=fmt).doc["workbook"]
    for name in ("accelerationEnabled", "accelerateNow"):
        org.admin.refused(400000, "PUT", path, {"workbook": {
            "dataAccelerationConfig": {name: "maybe"}}}, fmt=fmt)
    org.admin.refused(400000, "PUT", f"{path}?includeViewAccelerationStatus=maybe", body, fmt=fmt)
