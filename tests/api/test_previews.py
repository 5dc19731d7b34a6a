"""Preview images: the thumbnails that workbooks bring with them, and nothing else."""

import hashlib
import pathlib

import pytest

from contents import (FIXTURES, grant, new_project, package, png_bytes, publish_reply,
                      publish_workbook, workbook_bytes)
from easel_client import unique

PICTURES = FIXTURES.parent / "thumbnails"
UNKNOWN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def project(org):
    return new_project(org.admin)


def get(client, workbook, view=None, **options):
    path = f"{client.site}/workbooks/{workbook}" + (f"/views/{view}" if view else "")
    options.setdefault("accept", "*/*")
    return client.call("GET", path + "/previewImage", **options)


def is_picture(reply, picture):
    assert reply.status == 200, reply
    assert reply.headers["Content-Type"] == "image/png"
    assert int(reply.headers["Content-Length"]) == len(picture)
    assert reply.body == picture
    return True


def views_of(client, workbook):
    doc = client.ok("GET", f"{client.site}/workbooks/{workbook['id']}/views").doc
    return {view["name"]: view["id"] for view in doc["views"].get("view", [])}


def publish_file(client, project, path, **members):
    document = {"name": unique("book"), "project": {"id": project}, **members}
    reply = publish_reply(client, "workbook", path.name, path.read_bytes(), document)
    assert reply.status == 201, reply
    return reply.doc["workbook"]


@pytest.mark.parametrize("file, folder", [
    ("RESTAPISample.twb", "RESTAPISample"), ("SampleWB.twbx", "RESTAPISample"),
    ("Cache.twbx", "Cache"), ("TABLEAU_10_TWBX.twbx", "TABLEAU_10_TWBX"),
    ("filtering.twb", "filtering"), ("shapes_test.twb", "shapes_test")])
def test_samples(org, project, file, folder):
    """Every picture of the samples, as it was extracted by other means."""
    workbook = publish_file(org.admin, project, FIXTURES / file)
    expected = {picture.stem: picture.read_bytes() for picture in (PICTURES / folder).glob("*.png")}
    views = views_of(org.admin, workbook)
    assert expected and set(views) == set(expected)
    for _ in range(2):  # out of the file, and out of memory
        for name, view in views.items():
            assert is_picture(get(org.admin, workbook["id"], view), expected[name]), name
    shown = {view: name for name, view in views.items()}[workbook["defaultViewId"]]
    assert is_picture(get(org.admin, workbook["id"]), expected[shown])


def test_first_asked_for_the_workbook(org, project):
    """Without a picture of a view before; whatever form of answer is asked for."""
    picture = png_bytes(7)
    data = package("book.twb", workbook_bytes(("One", "Two"), thumbnails=[
        ("One", picture), ("Two", png_bytes(8))]))
    reply = publish_reply(org.admin, "workbook", "book.twbx", data, {
        "name": unique("book"), "project": {"id": project}})
    workbook = reply.doc["workbook"]
    assert is_picture(get(org.admin, workbook["id"]), picture)
    assert is_picture(get(org.admin, workbook["id"].upper(), accept="application/json"), picture)
    assert is_picture(get(org.admin, workbook["id"], version="2.0"), picture)


def test_none(org, project, fmt):
    """A view without a picture, a workbook whose default view has none, and one without views."""
    some = publish_workbook(org.admin, unique("some"), project, workbook_bytes(
        ("One", "Two"), thumbnails=[("Two", png_bytes())]))
    none = publish_workbook(org.admin, unique("none"), project)
    empty = publish_workbook(org.admin, unique("empty"), project, workbook_bytes(()))
    accept = {"accept": "application/json"} if fmt == "json" else {}
    for _ in range(2):
        for reply, code in [
                (get(org.admin, some["id"], views_of(org.admin, some)["One"], **accept), "404011"),
                (get(org.admin, some["id"], **accept), "404006"),
                (get(org.admin, none["id"], views_of(org.admin, none)["First"], **accept), "404011"),
                (get(org.admin, none["id"], **accept), "404006"),
                (get(org.admin, empty["id"], **accept), "404006")]:
            assert (reply.status, reply.code) == (404, code)
            assert "ETag" not in reply.headers
    assert "no preview image" in get(org.admin, none["id"]).detail
    assert is_picture(get(org.admin, some["id"], views_of(org.admin, some)["Two"]), png_bytes())


WHOLE = png_bytes(3)


@pytest.mark.parametrize("what", [
    b"GIF89a" + WHOLE, WHOLE[:-1], WHOLE[:8], WHOLE + b"<script>alert(1)</script>",
    WHOLE[:45] + b"\xff" + WHOLE[46:], WHOLE[:16] + b"\x7f\xff\xff\xff" + WHOLE[20:],
    png_bytes(1, 4097), b"<svg/>", b""])
def test_not_a_picture(org, project, what):
    """What only begins as one is left out; the workbook is published all the same."""
    workbook = publish_workbook(org.admin, unique("bad"), project, workbook_bytes(
        ("One",), thumbnails=[("One", what)]))
    assert get(org.admin, workbook["id"]).code == "404006"
    assert get(org.admin, workbook["id"], views_of(org.admin, workbook)["One"]).code == "404011"


def test_overwritten(org, project):
    name = unique("again")

    def publish(*thumbnails):
        return publish_workbook(org.admin, name, project, workbook_bytes(
            ("One", "Two"), thumbnails=thumbnails), "?overwrite=true")

    workbook = publish(("One", png_bytes(1)), ("Two", png_bytes(2)))
    views = views_of(org.admin, workbook)
    first = get(org.admin, workbook["id"])
    assert is_picture(first, png_bytes(1))
    assert is_picture(get(org.admin, workbook["id"], views["Two"]), png_bytes(2))
    assert publish(("One", png_bytes(3)))["id"] == workbook["id"]
    again = get(org.admin, workbook["id"], headers={"If-None-Match": first.headers["ETag"]})
    assert is_picture(again, png_bytes(3))
    assert again.headers["ETag"] != first.headers["ETag"]
    assert get(org.admin, workbook["id"], views["Two"]).code == "404011"


def test_default_view_deleted(org, project):
    """The next view stands for the workbook."""
    workbook = publish_workbook(org.admin, unique("deleted"), project, workbook_bytes(
        ("One", "Two"), thumbnails=[("One", png_bytes(1)), ("Two", png_bytes(2))]))
    views = views_of(org.admin, workbook)
    org.admin.ok("DELETE", f"{org.admin.site}/views/{views['One']}")
    assert is_picture(get(org.admin, workbook["id"]), png_bytes(2))
    assert get(org.admin, workbook["id"], views["One"]).code == "404011"


def test_kept_by_clients(org, project):
    workbook = publish_workbook(org.admin, unique("tags"), project, workbook_bytes(
        ("One",), thumbnails=[("One", png_bytes(1))]))
    view = views_of(org.admin, workbook)["One"]
    for asked in ((workbook["id"], view), (workbook["id"],)):
        reply = get(org.admin, *asked)
        tag = reply.headers["ETag"]
        assert reply.headers["Cache-Control"] == "private, no-cache"
        for known in (tag, "W/" + tag, f'"other", {tag}', "*"):
            again = get(org.admin, *asked, headers={"If-None-Match": known})
            assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag), known
            assert again.headers["Cache-Control"] == "private, no-cache"
        for other in ('"other"', tag.strip('"'), tag[:-2] + '"'):
            assert is_picture(get(org.admin, *asked, headers={"If-None-Match": other}), png_bytes(1))


def test_unknown_and_of_another_workbook(org, other, project):
    picture = [("One", png_bytes(1))]
    one, two = (publish_workbook(org.admin, unique("two"), project, workbook_bytes(
        ("One",), thumbnails=picture)) for _ in range(2))
    view = views_of(org.admin, one)["One"]
    for wrong in (UNKNOWN, "nonsense", view):
        assert get(org.admin, wrong).code == "404006"
        assert get(org.admin, wrong, view).code == "404006"
    for wrong in (UNKNOWN, "nonsense", one["id"]):
        assert get(org.admin, one["id"], wrong).code == "404011"
    assert get(org.admin, two["id"], view).code == "404011"
    assert get(other.admin, one["id"]).code == "404006"
    assert get(other.admin, one["id"], view).code == "404006"
    path = f"/sites/{org.site_id}/workbooks/{one['id']}"
    for path in (f"{path}/previewImage", f"{path}/views/{view}/previewImage"):
        other.admin.refused("401002", "GET", path)
        other.admin.refused("401000", "GET", path, anonymous=True)


def test_rights(org):
    """Read on what is shown; a workbook with tabs gives its rules to its views."""
    project = new_project(org.admin)
    viewer = org.as_role("Viewer")
    data = workbook_bytes(("One", "Two"), thumbnails=[("One", png_bytes(1)), ("Two", png_bytes(2))])
    workbook = publish_workbook(org.admin, unique("rights"), project, data, showTabs=False)
    views = views_of(org.admin, workbook)
    assert get(viewer, workbook["id"]).code == "403004"
    assert get(viewer, workbook["id"], views["Two"]).code == "403004"
    read = {"permissions": {"granteeCapabilities": [{
        "user": {"id": org.user("Viewer")},
        "capabilities": {"capability": [{"name": "Read", "mode": "Allow"}]}}]}}
    # One view alone: neither the workbook nor its default view is open with it.
    org.admin.ok("PUT", f"{org.admin.site}/views/{views['Two']}/permissions", read)
    assert is_picture(get(viewer, workbook["id"], views["Two"]), png_bytes(2))
    assert get(viewer, workbook["id"], views["One"]).code == "403004"
    assert get(viewer, workbook["id"]).code == "403004"
    # The workbook, but not the view that stands for it.
    org.admin.ok("PUT", f"{org.admin.site}/workbooks/{workbook['id']}/permissions", read)
    assert get(viewer, workbook["id"]).code == "403004"
    org.admin.ok("PUT", f"{org.admin.site}/workbooks/{workbook['id']}",
                 {"workbook": {"showTabs": True}})
    assert is_picture(get(viewer, workbook["id"]), png_bytes(1))
    assert is_picture(get(viewer, workbook["id"], views["One"]), png_bytes(1))


def test_hidden(org):
    """As by Get View: whoever knows the id and may read it."""
    project = new_project(org.admin)
    grant(org.admin, project, org.user("Viewer"), "workbooks", Read="Allow")
    grant(org.admin, project, org.user("Viewer"), Read="Allow")
    name = unique("hidden")
    data = workbook_bytes(("One", "Two"), thumbnails=[("One", png_bytes(1)), ("Two", png_bytes(2))])
    workbook = publish_workbook(org.admin, name, project, data)
    two = views_of(org.admin, workbook)["Two"]
    publish_workbook(org.admin, name, project, data, "?overwrite=true",
                     views={"view": [{"name": "Two", "hidden": True}]})
    assert list(views_of(org.admin, workbook)) == ["One"]
    viewer = org.as_role("Viewer")
    assert viewer.ok("GET", f"{viewer.site}/views/{two}").doc["view"]["name"] == "Two"
    assert is_picture(get(viewer, workbook["id"], two), png_bytes(2))


def test_scopes(org, project):
    workbook = publish_workbook(org.admin, unique("scopes"), project, workbook_bytes(
        ("One",), thumbnails=[("One", png_bytes(1))]))
    view = views_of(org.admin, workbook)["One"]
    workbooks = org.by_jwt(scopes=("tableau:workbooks:download",))
    views = org.by_jwt(scopes=("tableau:views:download",))
    assert is_picture(get(workbooks, workbook["id"]), png_bytes(1))
    assert get(workbooks, workbook["id"], view).code == "401002"
    assert is_picture(get(views, workbook["id"], view), png_bytes(1))
    assert get(views, workbook["id"]).code == "401002"
    assert get(org.by_jwt(), workbook["id"]).code == "401002"


def test_nothing_counts_as_a_look(org, project):
    workbook = publish_workbook(org.admin, unique("looks"), project, workbook_bytes(
        ("One",), thumbnails=[("One", png_bytes(1))]))
    view = views_of(org.admin, workbook)["One"]
    get(org.admin, workbook["id"], view)
    got = org.admin.ok("GET", f"{org.admin.site}/views/{view}?includeUsageStatistics=true")
    assert got.doc["view"]["usage"] == {"totalViewCount": "0"}


def test_damaged_file(org, project, server):
    """A blob that is gone, or not what it was: an error of the server, and no picture."""
    data = workbook_bytes(("One",), thumbnails=[("One", png_bytes(99, side=9))])
    workbook = publish_workbook(org.admin, unique("gone"), project, data)
    digest = hashlib.sha256(data).hexdigest()
    blob = pathlib.Path(server.data, "blobs", digest[:2], digest[2:])
    blob.unlink()
    assert get(org.admin, workbook["id"]).code == "500000"
    blob.write_bytes(data[:len(data) // 2])
    assert get(org.admin, workbook["id"]).code == "500000"
    blob.write_bytes(data)
    assert is_picture(get(org.admin, workbook["id"]), png_bytes(99, side=9))
