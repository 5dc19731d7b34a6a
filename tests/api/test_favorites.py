"""Favorites: a user's own, under labels, in order; seen as far as they may be read."""

import pytest

from content_samples import PUBLISH, closed_project, let, publish_workbook, views_of
from easel_client import unique

ZERO = "00000000-0000-4000-8000-000000000000"
UNKNOWN = {"workbook": 404006, "view": 404011, "datasource": 404004, "project": 404005,
           "flow": 404027}
KINDS = tuple(UNKNOWN)


def favorite(kind, item, label):
    return {"favorite": {"label": label, kind: {"id": item}}}


def path_of(client, user, *rest):
    return "/".join([f"{client.site}/favorites/{user}", *rest])


def kept(reply):
    """[(label, kind, id)] of an answer, in its order."""
    found = []
    for place, entry in enumerate(reply.doc["favorites"].get("favorite", [])):
        (kind,) = [name for name in KINDS if name in entry]
        assert int(entry["position"]) == place and entry["addedAt"]
        found.append((entry["label"], kind, entry[kind]["id"]))
    return found


@pytest.fixture(scope="module")
def items(org):
    """An item of each kind that only administrators may read: {kind: id}."""
    admin = org.admin
    project = closed_project(admin)
    workbook = publish_workbook(admin, project)["id"]
    return {"workbook": workbook, "view": views_of(admin, workbook)["Overview"]["id"],
            "datasource": PUBLISH["datasource"](admin, project)["id"],
            "flow": PUBLISH["flow"](admin, project)["id"], "project": project}


@pytest.fixture
def person(org):
    """A user of this test's own: (id, client)."""
    user, name = org.admin.add_user(unique("fan"), "SiteAdministratorExplorer")
    return user, org.server.client().by_password(org.server.admin_name, org.server.admin_password,
                                                 org.content_url, user=user)


def test_added_listed_removed(org, items, person, fmt):
    user, client = person
    client = client.twin(client.session, fmt=fmt)
    assert kept(client.ok("GET", path_of(client, user))) == []
    wanted = []
    for kind in KINDS:
        wanted.append((f"my {kind}", kind, items[kind]))
        reply = client.ok("PUT", path_of(client, user), favorite(kind, items[kind], f"my {kind}"))
        assert kept(reply) == wanted, "the whole list"
    assert kept(client.ok("GET", path_of(client, user) + "?pageSize=10&pageNumber=1")) == wanted
    client.ok("PUT", path_of(client, user), favorite("view", items["view"], "renamed"))
    wanted = [("renamed", *rest) if rest[0] == "view" else (label, *rest)
              for label, *rest in wanted]
    assert kept(client.ok("GET", path_of(client, user))) == [tuple(entry) for entry in wanted]
    for kind in KINDS:
        path = path_of(client, user, f"{kind}s", items[kind])
        client.ok("DELETE", path, status=204)
        client.refused(404010, "DELETE", path)
        assert kind not in {entry[1] for entry in kept(client.ok("GET", path_of(client, user)))}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused(items, person, kind):
    user, client = person
    path = path_of(client, user)
    other = "flow" if kind != "flow" else "view"
    client.refused(UNKNOWN[kind], "PUT", path, favorite(kind, ZERO, "x"))
    client.refused(UNKNOWN[kind], "DELETE", path_of(client, user, f"{kind}s", "nonsense"))
    for label in ("", " \t "):
        client.refused(400005, "PUT", path, favorite(kind, items[kind], label))
    client.refused(400005, "PUT", path, {"favorite": {kind: {"id": items[kind]}}})
    client.refused(400000, "PUT", path, favorite(kind, items[kind], "x" * 256))
    client.refused(400000, "PUT", path, {"favorite": {"label": "x"}})
    client.refused(400000, "PUT", path, {"favorite": {"label": "x", kind: {}}})
    client.refused(400000, "PUT", path, {"favorite": {
        "label": "x", kind: {"id": items[kind]}, other: {"id": items[other]}}})
    client.refused(404002, "PUT", path_of(client, ZERO), favorite(kind, items[kind], "x"))
    client.ok("PUT", path, favorite(other, items[other], "taken"))
    client.refused(409007, "PUT", path, favorite(kind, items[kind], "taken"))
    client.ok("PUT", path, favorite(other, items[other], "taken"))
    assert kept(client.ok("GET", path)) == [("taken", other, items[other])]


def test_whose_they_are(org, items, person):
    user, _ = person
    viewer = org.as_role("Viewer")
    for verb, doc in (("GET", None), ("PUT", favorite("workbook", items["workbook"], "x"))):
        viewer.refused(403004, verb, path_of(viewer, user), doc)
        org.admin.refused(404002, verb, path_of(viewer, ZERO), doc)
    viewer.refused(403004, "DELETE", path_of(viewer, user, "workbooks", items["workbook"]))
    org.admin.ok("PUT", path_of(viewer, user), favorite("workbook", items["workbook"], "a gift"))
    assert kept(org.admin.ok("GET", path_of(viewer, user)))[0][0] == "a gift"


def test_what_may_not_be_read_is_left_out(org):
    admin, viewer, user = org.admin, org.as_role("Viewer"), org.user("Viewer")
    project = closed_project(admin)
    workbook = publish_workbook(admin, project)["id"]
    path = path_of(viewer, user)
    viewer.refused(403004, "PUT", path, favorite("workbook", workbook, "w"))
    rules = {"permissions": {"granteeCapabilities": [{"user": {"id": user}, "capabilities": {
        "capability": [{"name": "Read", "mode": "Allow"}]}}]}}
    admin.ok("PUT", f"{admin.site}/workbooks/{workbook}/permissions", rules)
    assert kept(viewer.ok("PUT", path, favorite("workbook", workbook, "w")))[0][2] == workbook
    admin.ok("DELETE", f"{admin.site}/workbooks/{workbook}/permissions/users/{user}/Read/Allow")
    assert kept(viewer.ok("GET", path)) == []
    let(admin, project, user, "Read")
    viewer.ok("DELETE", path_of(viewer, user, "workbooks", workbook), status=204)


def test_they_go_with_their_item(org, person):
    user, client = person
    project = closed_project(org.admin)
    workbook = publish_workbook(client, project)
    view = views_of(client, workbook["id"])["Detail"]["id"]
    for kind, item in (("workbook", workbook["id"]), ("view", view), ("project", project)):
        client.ok("PUT", path_of(client, user), favorite(kind, item, kind))
    client.ok("DELETE", f"{client.site}/workbooks/{workbook['id']}", status=204)
    assert kept(client.ok("GET", path_of(client, user))) == [("project", "project", project)]
    client.ok("DELETE", f"{client.site}/projects/{project}", status=204)
    assert kept(client.ok("GET", path_of(client, user))) == []
