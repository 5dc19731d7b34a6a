"""Favorites: a user's own, under labels, in order; seen as far as they may be read."""

import pytest

from contents import grant
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


NAMES = {"parentProjectName", "targetOwnerName"}


@pytest.fixture(scope="module")
def shelf(org):
    """A user's favorites, one of each kind, which another user owns: (client, path, {kind:
    (id, query that lists it alone)}, name of the project, name of its parent, of the owner)."""
    admin, name = org.admin, unique("shelf")
    owner, owner_name = admin.add_user(unique("owner"), "SiteAdministratorCreator")
    user, _ = admin.add_user(unique("fan"), "SiteAdministratorExplorer")
    owner, client = (org.server.client().by_password(
        org.server.admin_name, org.server.admin_password, org.content_url, user=who)
        for who in (owner, user))
    parent = owner.add_project(name + "-parent")["id"]
    project = owner.add_project(name, parentProjectId=parent, description="d")["id"]
    workbook = publish_workbook(owner, project)
    items = {"workbook": workbook["id"], "view": views_of(owner, workbook["id"])["Overview"]["id"],
             "datasource": PUBLISH["datasource"](owner, project)["id"],
             "project": project, "flow": PUBLISH["flow"](owner, project)["id"]}
    for kind in KINDS:
        client.ok("PUT", path_of(client, user), favorite(kind, items[kind], kind))
    inside = f"filter=projectName:eq:{name}"
    queries = dict.fromkeys(KINDS, inside) | {"view": inside + ",name:eq:Overview",
                                              "project": f"filter=name:eq:{name}"}
    return (client, path_of(client, user), {kind: (items[kind], queries[kind]) for kind in KINDS},
            name, name + "-parent", owner_name)


@pytest.fixture
def asked(shelf, fmt):
    def ask(query=""):
        client, path, *_ = shelf
        doc = client.ok("GET", path + query, fmt=fmt).doc
        assert set(doc) == {"favorites"}, "never with pagination"
        return doc["favorites"].get("favorite", [])
    return ask


def kind_of(entry):
    (kind,) = [name for name in KINDS if name in entry]
    return kind


def test_fields(shelf, asked):
    """An item is what its own list shows of it for the same fields."""
    client, _, items, project, parent, owner = shelf
    usual, whole = asked(), asked("?fields=_all_")
    assert asked("?fields=_default_") == asked("?fields=") == usual
    assert [kind_of(entry) for entry in usual] == [kind_of(entry) for entry in whole] == list(KINDS)
    for entry, more in zip(usual, whole):
        kind = kind_of(entry)
        assert set(entry) == {"label", "position", "addedAt", kind}
        assert more == {**entry, kind: more[kind], "targetOwnerName": owner,
                        "parentProjectName": parent if kind == "project" else project}
        for shown, fields in ((entry, ""), (more, "" if kind == "flow" else "&fields=_all_")):
            (row,) = client.ok("GET", f"{client.site}/{kind}s?{items[kind][1]}{fields}"
                               ).doc[kind + "s"][kind]
            if kind == "flow":  # its list takes no fields
                row = {**row, "owner": shown[kind]["owner"], "project": shown[kind]["project"]}
            assert shown[kind] == row
    assert asked("?fields=_default_,targetOwnerName,favorite.parentProjectName") == [
        {**entry, **{name: more[name] for name in NAMES}} for entry, more in zip(usual, whole)]
    assert asked(f"?fields=_default_,{','.join(KINDS)}") == [
        {name: value for name, value in more.items() if name not in NAMES} for more in whole]


def test_fields_by_name(asked):
    """The schema requires label and item: they stay, the item with what is asked of it."""
    whole = asked("?fields=_all_")
    kinds = [kind_of(entry) for entry in whole]
    for name in ("label", "position", "addedAt", *NAMES):
        assert asked(f"?fields={name}") == [
            {"label": entry["label"], name: entry[name], kind: {}} for kind, entry in zip(kinds, whole)]
    for kind in kinds:
        assert asked(f"?fields={kind}") == [
            {"label": entry["label"], name: entry[name] if name == kind else {}}
            for name, entry in zip(kinds, whole)]
        item = whole[kinds.index(kind)][kind]
        assert asked(f"?fields={kind}.name,favorite.{kind}.owner.id")[kinds.index(kind)] == {
            "label": kind, kind: {"name": item["name"], "owner": {"id": item["owner"]["id"]}}}
    assert asked("?fields=metric,collection") == asked("?fields=label")


@pytest.mark.parametrize("name", [
    "bogus", "name", "id", "owner.email", "label.x", "workbook.bogus", "view.workbook.bogus",
    "workbook.owner.bogus", "flow.tags.bogus", "project.owner.", "favorite.bogus", "_all_,bogus"])
def test_fields_that_are_none(shelf, fmt, name):
    client, path, *_ = shelf
    client.refused(400000, "GET", f"{path}?fields={name}", fmt=fmt)


def test_a_project_at_the_top_is_in_none(person, fmt):
    user, client = person
    project = client.add_project()["id"]
    client.ok("PUT", path_of(client, user), favorite("project", project, "p"))
    (entry,) = client.ok("GET", path_of(client, user) + f"?fields={','.join(NAMES)}", fmt=fmt
                         ).doc["favorites"]["favorite"]
    assert set(entry) == {"label", "project", "targetOwnerName"}


def test_usage_of_a_view(org, person, fmt):
    """What is told of it counts up, and the caller's own looks are in it."""
    user, client = person
    workbook = publish_workbook(org.admin, closed_project(org.admin))
    view = views_of(org.admin, workbook["id"])["Overview"]["id"]
    client.ok("PUT", path_of(client, user), favorite("view", view, "v"))
    for looks in ("0", "1", "2"):
        for fields in ("_all_", "view", "view.usage.totalViewCount"):
            doc = client.ok("GET", path_of(client, user) + "?fields=" + fields, fmt=fmt).doc
            assert doc["favorites"]["favorite"][0]["view"]["usage"] == {"totalViewCount": looks}
        client.ok("GET", f"{client.site}/views/{view}")


def test_pages(shelf, asked, fmt):
    client, path, *_ = shelf
    every = asked()
    assert len(every) == 5
    for query, page in (
            ("pageSize=2", every[:2]), ("pageSize=2&pageNumber=1", every[:2]),
            ("pageNumber=2&pageSize=2", every[2:4]), ("pageSize=2&pageNumber=3", every[4:]),
            ("pageSize=5", every), ("pageSize=1000", every), ("pageNumber=1", every),
            ("pageSize=1&pageNumber=4", every[3:4])):
        assert asked("?" + query) == page, query
    assert [set(entry) for entry in asked("?pageSize=1&pageNumber=2&fields=position")] == [
        {"label", "position", kind_of(every[1])}]
    for code, query in (
            (400006, "pageSize=2&pageNumber=4"), (400006, "pageSize=5&pageNumber=2"),
            (400006, "pageNumber=2"), (400006, "pageNumber=0"), (400006, "pageNumber=x"),
            (400006, "pageNumber=-1"), (400006, "pageNumber="), (400007, "pageSize=0"),
            (400007, "pageSize=x"), (400007, "pageSize=-5"), (400007, "pageSize="),
            (403014, "pageSize=1001")):
        client.refused(code, "GET", f"{path}?{query}", fmt=fmt)


def test_pages_of_none(person, fmt):
    user, client = person
    for query in ("", "?pageSize=10", "?pageNumber=1"):
        assert client.ok("GET", path_of(client, user) + query, fmt=fmt).doc == {"favorites": {}}
    client.refused(400006, "GET", path_of(client, user) + "?pageNumber=2", fmt=fmt)


def test_more_than_a_page_of_them(person):
    """With neither parameter all are told; a page has 100 unless it is said."""
    user, client = person
    path, labels = path_of(client, user), [f"p{number:03}" for number in range(103)]
    parent = client.add_project()["id"]
    for label in labels:
        client.ok("PUT", path, favorite("project", client.add_project(parentProjectId=parent)["id"],
                                        label))
    for query, wanted in (("", labels), ("?pageNumber=1", labels[:100]), ("?pageNumber=2", labels[100:]),
                          ("?pageNumber=2&pageSize=102", labels[102:])):
        doc = client.ok("GET", path + query).doc
        assert [entry["label"] for entry in doc["favorites"]["favorite"]] == wanted


def test_pages_of_what_may_be_read(org):
    """What may not be read is on no page; position counts it all the same."""
    admin, viewer, user = org.admin, org.fresh("Viewer"), org.user("Viewer")
    path, mark = path_of(viewer, user), unique("page")
    before = len(viewer.ok("GET", path).doc["favorites"].get("favorite", []))
    projects = [closed_project(admin) for _ in range(4)]
    for number, project in enumerate(projects):
        admin.ok("PUT", path, favorite("project", project, f"{mark}{number}"))
        if number % 2:
            grant(admin, project, user, Read="Allow")
    found = [viewer.ok("GET", f"{path}?pageSize=1&pageNumber={before + page}").doc["favorites"]
             ["favorite"][0] for page in (1, 2)]
    assert [entry["label"] for entry in found] == [mark + "1", mark + "3"]
    assert int(found[1]["position"]) - int(found[0]["position"]) == 2
    viewer.refused(400006, "GET", f"{path}?pageSize=1&pageNumber={before + 3}")
    for project in projects:
        admin.ok("DELETE", path_of(viewer, user, "projects", project), status=204)


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
