"""Revisions: listed, downloaded, removed, and kept within the limits of the site."""

import pytest

from published import allow, datasource_xml, download, publish, publish_reply, workbook_xml
from easel_client import check_refusal, unique
from orgs import Org

MAKE = {"workbook": lambda i: workbook_xml(salt=i), "datasource": lambda i: datasource_xml(salt=i)}
SEGMENT = {"workbook": "workbooks", "datasource": "datasources"}
UNKNOWN = {"workbook": "404006", "datasource": "404004"}
UNREAD = {"workbook": "403056", "datasource": "403054"}
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(params=["workbook", "datasource"])
def kind(request):
    return request.param


def put(client, kind, count, name=None, project=None):
    """`count` revisions of one item; (element, project id)."""
    project = project or client.add_project()["id"]
    name = name or unique(kind)
    for i in range(count):
        item = publish(client, kind, MAKE[kind](f"{name}{i}"), name, project, overwrite=i > 0)
    return item, project


def path_of(client, kind, item, number=None, content=False):
    path = f"{client.site}/{SEGMENT[kind]}/{item['id']}/revisions"
    return path if number is None else f"{path}/{number}" + ("/content" if content else "")


def numbers(client, kind, item, query="", **options):
    doc = client.ok("GET", path_of(client, kind, item) + query, **options).doc
    return [int(r["revisionNumber"]) for r in doc["revisions"].get("revision", [])]



@pytest.fixture
def site(server, home):
    """A site whose settings a test may change."""
    return Org(server, home, unique("rev"))


def test_list(org, kind, fmt):
    item, _ = put(org.admin, kind, 3)
    reply = org.admin.ok("GET", path_of(org.admin, kind, item), fmt=fmt)
    assert reply.doc["pagination"] == {"pageNumber": "1", "pageSize": "100", "totalAvailable": "3"}
    rows = reply.doc["revisions"]["revision"]
    assert [r["revisionNumber"] for r in rows] == ["1", "2", "3"]
    assert [r.get("current") for r in rows] == [None, None, True]
    assert [r.get("deleted") for r in rows] == [False, False, None]
    for i, row in enumerate(rows):
        assert row["publisher"] == {"id": org.admin.session.user_id, "name": org.server.admin_name}
        assert row["publishedAt"].endswith("Z")
        assert row["sizeInBytes"] == len(MAKE[kind](f"{item['name']}{i}"))


def test_pages(org, kind):
    item, _ = put(org.admin, kind, 5)
    assert numbers(org.admin, kind, item, "?pageSize=2") == [1, 2]
    assert numbers(org.admin, kind, item, "?pageSize=2&pageNumber=3") == [5]
    for query, code in (("?pageNumber=4&pageSize=2", "400006"), ("?pageNumber=0", "400006"),
                        ("?pageSize=0", "400007"), ("?pageSize=1001", "403014")):
        org.admin.refused(code, "GET", path_of(org.admin, kind, item) + query)


def test_download(org, kind):
    """The bytes of each, under the name of the item."""
    item, _ = put(org.admin, kind, 3)
    for number in (1, 2, 3):
        reply = download(org.admin, path_of(org.admin, kind, item, number, True))
        assert reply.status_code == 200
        assert reply.content == MAKE[kind](f"{item['name']}{number - 1}")
        assert item["name"] in reply.headers["Content-Disposition"]
    part = org.admin.http.get(
        f"{org.admin.url}/api/3.29{path_of(org.admin, kind, item, 1, True)}",
        headers={"X-Tableau-Auth": org.admin.session.token, "Range": "bytes=2-5"}, timeout=30)
    assert part.status_code == 206 and part.content == MAKE[kind](f"{item['name']}0")[2:6]


def test_remove(org, kind, fmt):
    item, project = put(org.admin, kind, 4)
    reply = org.admin.call("DELETE", path_of(org.admin, kind, item, 2), fmt=fmt)
    assert reply.status == 204
    assert numbers(org.admin, kind, item) == [1, 3, 4]
    org.admin.refused("404024", "DELETE", path_of(org.admin, kind, item, 2), fmt=fmt)
    check_refusal(download(org.admin, path_of(org.admin, kind, item, 2, True)), "404024")
    org.admin.refused("403055", "DELETE", path_of(org.admin, kind, item, 4), fmt=fmt)
    assert numbers(org.admin, kind, item) == [1, 3, 4]
    assert download(org.admin, path_of(org.admin, kind, item, 4, True)).status_code == 200
    put(org.admin, kind, 1, unique("other"), project)  # no number is given twice
    publish(org.admin, kind, MAKE[kind]("again"), item["name"], project, overwrite=True)
    assert numbers(org.admin, kind, item) == [1, 3, 4, 5]


@pytest.mark.parametrize("number", ["0", "99", "-1", "1.0", "one", "1%20", "01", "9" * 40, "1%2F2"])
def test_unknown_numbers(org, kind, number):
    item, _ = put(org.admin, kind, 2)
    org.admin.refused("404024", "DELETE", path_of(org.admin, kind, item, number))
    check_refusal(download(org.admin, path_of(org.admin, kind, item, number, True)), "404024")
    assert numbers(org.admin, kind, item) == [1, 2]


def test_unknown_items(org, other, kind):
    item, _ = put(other.admin, kind, 2)
    for id in (NOBODY, "nonsense", item["id"]):
        path = path_of(org.admin, kind, {"id": id})
        org.admin.refused(UNKNOWN[kind], "GET", path)
        org.admin.refused(UNKNOWN[kind], "DELETE", f"{path}/1")
        check_refusal(download(org.admin, f"{path}/1/content"), UNKNOWN[kind])
    assert numbers(other.admin, kind, item) == [1, 2]


def open_project(org, role, *capabilities):
    """A project with a rule for the user of that role."""
    project = org.admin.add_project()["id"]
    allow(org.admin, project, org.user(role), *capabilities)
    return project


def test_rights(org, kind):
    """Who published reads and removes revisions; others do not."""
    owner = org.as_role("ExplorerCanPublish")
    item, _ = put(owner, kind, 3, project=open_project(org, "ExplorerCanPublish", "Read", "Write"))
    for role in ("Creator", "Explorer", "Viewer"):
        client = org.as_role(role)
        client.refused(UNREAD[kind], "GET", path_of(client, kind, item))
        client.refused("403004", "DELETE", path_of(client, kind, item, 1))
        check_refusal(download(client, path_of(client, kind, item, 1, True)),
                      "403019" if kind == "workbook" else "403028")
    for number, client in ((1, owner), (2, org.admin)):
        assert numbers(client, kind, item) == list(range(number, 4))
        assert download(client, path_of(client, kind, item, number, True)).status_code == 200
        client.ok("DELETE", path_of(client, kind, item, number), status=204)


def test_limit(site, home, kind):
    """Publishing trims the oldest; a lower limit holds from the next publish on."""
    admin = site.admin
    admin.ok("PUT", f"/sites/{site.site_id}", {"site": {"revisionLimit": 3}})
    item, project = put(admin, kind, 5)
    assert numbers(admin, kind, item) == [3, 4, 5]
    check_refusal(download(admin, path_of(admin, kind, item, 2, True)), "404024")
    admin.ok("PUT", f"/sites/{site.site_id}", {"site": {"revisionLimit": -1}})
    for i in range(4):
        publish(admin, kind, MAKE[kind](f"more{i}"), item["name"], project, overwrite=True)
    assert numbers(admin, kind, item) == [3, 4, 5, 6, 7, 8, 9]
    admin.ok("PUT", f"/sites/{site.site_id}", {"site": {"revisionLimit": 2}})
    assert numbers(admin, kind, item) == [3, 4, 5, 6, 7, 8, 9]
    publish(admin, kind, MAKE[kind]("last"), item["name"], project, overwrite=True)
    assert numbers(admin, kind, item) == [9, 10]


def test_without_history(site, kind, fmt):
    admin = site.admin
    item, project = put(admin, kind, 2)
    admin.ok("PUT", f"/sites/{site.site_id}", {"site": {"revisionHistoryEnabled": False}})
    admin.refused("403053", "GET", path_of(admin, kind, item), fmt=fmt)
    admin.refused("403053", "DELETE", path_of(admin, kind, item, 1), fmt=fmt)
    check_refusal(download(admin, path_of(admin, kind, item, 1, True)), "403053")
    publish(admin, kind, MAKE[kind]("third"), item["name"], project, overwrite=True)
    publish(admin, kind, MAKE[kind]("fourth"), item["name"], project, overwrite=True)
    assert download(admin, f"{admin.site}/{SEGMENT[kind]}/{item['id']}/content").content == \
        MAKE[kind]("fourth")
    admin.ok("PUT", f"/sites/{site.site_id}", {"site": {"revisionHistoryEnabled": True}})
    assert numbers(admin, kind, item) == [1, 4]


def test_quota_counts_what_is_kept(site, kind):
    """What revisions gave back can be published again; what they hold can't."""
    admin = site.admin
    mega = "x" * (400 << 10)
    make = (lambda i: workbook_xml(salt=f"{i}{mega}")) if kind == "workbook" else (
        lambda i: datasource_xml() + f"<!-- {i}{mega} -->".encode())
    admin.ok("PUT", f"/sites/{site.site_id}", {"site": {"storageQuota": 1}})
    project = admin.add_project()["id"]
    item = publish(admin, kind, make(1), "Big", project)
    publish(admin, kind, make(2), "Big", project, overwrite=True)
    check_refusal(publish_reply(admin, kind, make(3), "Big", project, True), "403008")
    admin.ok("DELETE", path_of(admin, kind, item, 1), status=204)
    publish(admin, kind, make(3), "Big", project, overwrite=True)
    assert numbers(admin, kind, item) == [2, 3]
    check_refusal(publish_reply(admin, kind, make(4), "Big", project, True), "403008")


def test_publisher_who_is_gone(org, kind):
    """The revision stays, without its publisher."""
    id, _ = org.admin.add_user(role="Creator")
    project = org.admin.add_project()["id"]
    allow(org.admin, project, id, "Read", "Write")
    client = org.server.client().by_password(org.server.admin_name, org.server.admin_password,
                                             org.content_url, user=id)
    item, _ = put(client, kind, 1, "Left", project)
    org.admin.ok("DELETE",
                 f"{org.admin.site}/users/{id}?mapAssetsTo={org.admin.session.user_id}", status=204)
    row = org.admin.ok("GET", path_of(org.admin, kind, item)).doc["revisions"]["revision"][0]
    assert "publisher" not in row and row["current"] is True


def test_scopes(org, kind):
    """Lists and removals have no scope; downloads of workbooks have one."""
    item, _ = put(org.admin, kind, 2)
    every = ["tableau:workbooks:*", "tableau:datasources:*", "tableau:content:read"]
    client = org.by_jwt(scopes=every)
    client.refused("401002", "GET", path_of(client, kind, item))
    client.refused("401002", "DELETE", path_of(client, kind, item, 1))
    reply = download(client, path_of(client, kind, item, 1, True))
    if kind == "workbook":
        assert reply.status_code == 200
    else:
        check_refusal(reply, "401002")
