"""Custom views: published, listed, changed, deleted, downloaded, and made a default."""

import json

import pytest

from contents import multipart
from published import custom_view_file as file_of
from published import allow, publish, publish_custom_view, send_parts, workbook_xml
from easel_client import check_refusal, unique
from orgs import Org
from schema import SPEC

NOBODY = "00000000-0000-0000-0000-000000000000"
SAMPLE = SPEC.parent / "fixtures" / "tsc-responses" / "custom_view_download.json"


def publish_view(client, workbook_id, name=None, data=None, fmt=None, **options):
    return publish_custom_view(client, workbook_id, name, data=data,
                               accept="application/json" if fmt == "json" else None, **options)


def made(client, workbook_id, *args, **options):
    reply = publish_view(client, workbook_id, *args, **options)
    assert reply.status == 201, reply
    return reply.doc["customView"]


def at(client, view, rest=""):
    return f"{client.site}/customviews/{view['id'] if isinstance(view, dict) else view}{rest}"


def ids(client, query=""):
    doc = client.ok("GET", f"{client.site}/customviews{query}").doc
    rows = doc["customViews"].get("customView", [])
    assert int(doc["pagination"]["totalAvailable"]) >= len(rows)
    return [row["id"] for row in rows]


def file_at(client, view):
    return client.call("GET", f"//api/exp/sites/{client.session.site_id}/customviews/{view['id']}/content")


EVERYONE = ("Explorer", "Viewer", "Creator", "ExplorerCanPublish")


def closed_to(org, *groups):
    """A project for each group of roles, whose users may not read what is published in it."""
    projects = [org.admin.add_project()["id"] for _ in groups]
    for project, roles in zip(projects, groups):
        for role in roles:
            allow(org.admin, project, org.user(role), "Read", content="workbooks", mode="Deny")
    return projects


@pytest.fixture(scope="module")
def books(org):
    """Two workbooks: the first is read by all but the ExplorerCanPublish."""
    projects = closed_to(org, ["ExplorerCanPublish"], EVERYONE)
    both = [publish(org.admin, "workbook", workbook_xml(salt=name), name, project)
            for name, project in zip(("Open", "Closed"), projects)]
    return [book["id"] for book in both]


# ---------------------------------------------------------------- publishing
def test_publish(org, books, fmt):
    client = org.as_role("Explorer")
    name = unique("Mine")
    reply = publish_view(client, books[0], name, fmt=fmt, shared=True)
    assert reply.status == 201, reply
    reply.check_json_kinds()
    view = reply.doc["customView"]
    assert view["name"] == name and view["shared"] is True
    assert view["owner"] == {"id": org.user("Explorer"), "name": org.name("Explorer")}
    assert view["workbook"] == {"id": books[0], "name": "Open"}
    assert view["view"]["name"] == "First" and view["createdAt"] == view["updatedAt"]
    for version in ("3.18", "3.29"):
        got = client.ok("GET", at(client, view), fmt=fmt, version=version).doc
        assert got["customView"] == view
    client.refused("404003", "GET", at(client, view), version="3.17")


def test_download(org, books):
    """Byte for byte as it came, also from other clients' files."""
    client = org.as_role("Explorer")
    spaced = b' [ {"viewName":"Second" , "isSourceView":true, "tcv":"\\u0041", "more":[1,{"a":null}]} ]\n'
    for data in (file_of(), spaced):
        view = made(client, books[0], data=data)
        reply = file_at(client, view)
        assert reply.status == 200 and reply.type == "application/json" and reply.body == data
    assert view["view"]["name"] == "Second"
    if SAMPLE.exists():
        data = SAMPLE.read_bytes()
        book = publish(org.admin, "workbook", workbook_xml(("Overview",)))
        view = made(org.admin, book["id"], data=data)
        assert file_at(org.admin, view).body == data


@pytest.mark.parametrize("data", [
    b"", b" ", b"{}", b"[]", b"[", b"null", b"[1]", b'["x"]', b"[[]]", b"[{}]", b"<customized-view/>",
    b'[{"isSourceView":true,"viewName":"First"}]', b'[{"isSourceView":true,"tcv":"x"}]',
    b'[{"isSourceView":false,"viewName":"First","tcv":"x"}]',
    b'[{"isSourceView":"maybe","viewName":"First","tcv":"x"}]',
    b'[{"isSourceView":true,"viewName":"Third","tcv":"x"}]',
    b'[{"isSourceView":true,"viewName":"first","tcv":"x"}]',
    b'[{"isSourceView":true,"viewName":"First","tcv":"x"}] x',
    b'[{"isSourceView":true,"viewName":"First","tcv":"x"}],"y":null',
    b'[{"isSourceView":true,"viewName":"First","viewName":"Second","tcv":"x"}]',
    b'[{"isSourceView":true,"viewName":"Fi\\u0000rst","tcv":"x"}]',
    b'[{"isSourceView":true,"viewName":"\xff","tcv":"x"}]', b"[" * 5000,
    b'[{"isSourceView":true,"viewName":"First","tcv":' + b"[{}," * 3000 + b"0" + b"]" * 3000 + b"}]",
])
def test_bad_files(org, books, data):
    before = ids(org.admin)
    check_refusal(publish_view(org.admin, books[0], data=data), "400000")
    assert ids(org.admin) == before


def test_bounds(org, books):
    """A file of 4 MB is taken, one byte more is not."""
    empty = file_of(tcv="")
    full = file_of(tcv="A" * ((4 << 20) - len(empty)))
    assert len(full) == 4 << 20
    assert file_at(org.admin, made(org.admin, books[0], data=full)).body == full
    check_refusal(publish_view(org.admin, books[0], data=full + b" "), "413000")
    made(org.admin, books[0], "n" * 255)
    check_refusal(publish_view(org.admin, books[0], "n" * 256), "400000")


@pytest.mark.parametrize("document, code", [
    ({}, "400000"), ({"customView": {}}, "400000"), ({"customView": {"name": "x"}}, "400000"),
    ({"customView": {"name": "", "workbook": {"id": "BOOK"}}}, "400000"),
    ({"customView": {"workbook": {"id": "BOOK"}}}, "400000"),
    ({"customView": {"name": "x", "shared": "perhaps", "workbook": {"id": "BOOK"}}}, "400000"),
    ({"customView": {"name": "x", "workbook": {"id": NOBODY}}}, "404006"),
    ({"customView": {"name": "x", "workbook": {"id": "nonsense"}}}, "404006"),
    ({"customView": {"name": "x", "workbook": {"id": "BOOK"}, "owner": {"id": NOBODY}}}, "404002"),
])
def test_bad_requests(org, books, document, code):
    document = json.loads(json.dumps(document).replace("BOOK", books[0]))
    reply = send_parts(org.admin, f"//api/exp/sites/{org.site_id}/customviews", document,
                       "tableau_customview", "view.json", file_of())
    check_refusal(reply, code)


def test_parts(org, books):
    """Either a file or an upload."""
    path = f"//api/exp/sites/{org.site_id}/customviews"
    document = {"customView": {"name": "x", "workbook": {"id": books[0]}}}
    check_refusal(send_parts(org.admin, path, document), "400000")
    check_refusal(send_parts(org.admin, path + "?uploadSessionId=1:a-1:0", document,
                             "tableau_customview", "view.json", file_of()), "400000")
    check_refusal(send_parts(org.admin, path + "?uploadSessionId=1:a-1:0", document), "404015")
    check_refusal(org.admin.call("POST", path, document), "400000")


def upload(client, *pieces):
    session = client.ok("POST", f"{client.site}/fileUploads", status=201).doc["fileUpload"]["uploadSessionId"]
    for piece in pieces:
        body, kind = multipart([("request_payload", None, "text/xml", b""),
                                ("tableau_file", "file", "application/octet-stream", piece)])
        client.ok("PUT", f"{client.site}/fileUploads/{session}", raw=body, content_type=kind)
    return session


def test_upload(org, books):
    data = file_of(tcv="B" * 100000)
    session = upload(org.admin, data[:70000], data[70000:])
    other = org.as_role("Creator")
    check_refusal(publish_view(other, books[0], query=f"?uploadSessionId={session}"), "404015")
    view = made(org.admin, books[0], query=f"?uploadSessionId={session}")
    assert file_at(org.admin, view).body == data
    check_refusal(publish_view(org.admin, books[0], query=f"?uploadSessionId={session}"), "404015")
    session = upload(org.admin, b"[", b"nonsense")
    check_refusal(publish_view(org.admin, books[0], query=f"?uploadSessionId={session}"), "400000")
    session = upload(org.admin, b" " * (3 << 20), b" " * (3 << 20))
    check_refusal(publish_view(org.admin, books[0], query=f"?uploadSessionId={session}"), "413000")


def test_names(org, books):
    """One owner's within a workbook, whatever the case."""
    client = org.as_role("Explorer")
    name = unique("Taken")
    view = made(client, books[0], name)
    check_refusal(publish_view(client, books[0], name), "403166")
    check_refusal(publish_view(client, books[0], name.upper(), file_of("Second")), "403166")
    made(org.as_role("Viewer"), books[0], name)
    made(org.admin, books[1], name)
    client.ok("DELETE", at(client, view), status=204)  # as the migration SDK does
    made(client, books[0], name)


def test_who_may_publish(org, books):
    client = org.as_role("Explorer")
    check_refusal(publish_view(client, books[1]), "403004")
    check_refusal(publish_view(client, books[0], owner=org.user("Viewer")), "403004")
    assert made(client, books[0], owner=org.user("Explorer"))["owner"]["id"] == org.user("Explorer")
    view = made(org.admin, books[0], owner=org.user("Viewer"))
    assert view["owner"]["id"] == org.user("Viewer")
    stranger = org.as_role("ExplorerCanPublish")
    check_refusal(publish_view(stranger, books[0]), "403004")


def test_who_may_read_the_view_alone(org, fmt):
    """A view of a workbook without tabs has rules of its own; its workbook need not be readable."""
    project = org.admin.add_project()["id"]
    every = org.admin.ok("GET", f"{org.admin.site}/groups").doc["groups"]["group"][0]["id"]
    path = f"{org.admin.site}/projects/{project}/default-permissions/workbooks"
    for rule in org.admin.ok("GET", path).doc["permissions"].get("granteeCapabilities", []):
        for capability in rule["capabilities"]["capability"]:  # nobody reads what comes here
            org.admin.ok("DELETE", f"{path}/groups/{every}/{capability['name']}/"
                         f"{capability['mode']}", status=204)
    name = unique("own rules")
    book = publish(org.admin, "workbook", workbook_xml(salt=name), name, project, showTabs=False)
    (view,) = [v for v in org.admin.ok("GET", f"{org.admin.site}/workbooks/{book['id']}/views"
                                       ).doc["views"]["view"] if v["name"] == "First"]
    client = org.as_role("Explorer").twin(org.as_role("Explorer").session, fmt=fmt)
    check_refusal(publish_view(client, book["id"]), "403004")
    org.admin.ok("PUT", f"{org.admin.site}/views/{view['id']}/permissions", {
        "permissions": {"granteeCapabilities": [{
            "user": {"id": org.user("Explorer")},
            "capabilities": {"capability": [{"name": "Read", "mode": "Allow"}]}}]}})
    assert made(client, book["id"])["view"]["id"] == view["id"]
    check_refusal(publish_view(client, book["id"], data=file_of("Second")), "403004")


# ---------------------------------------------------------------- lists
def test_lists(server, home):
    """Administrators see all; others their own and what is shared and readable."""
    org = Org(server, home, unique("cvl"))
    projects = closed_to(org, ["Creator"], EVERYONE)
    explorer, viewer = org.as_role("Explorer"), org.as_role("Viewer")
    open_book, closed = [publish(org.admin, "workbook", workbook_xml(salt=name), name, project)
                         for name, project in zip(("Open", "Closed"), projects)]
    mine = made(explorer, open_book["id"], "b")["id"]
    mine_shared = made(explorer, open_book["id"], "a", file_of("Second"), shared=True)["id"]
    other = made(viewer, open_book["id"], "c")["id"]
    hidden = made(org.admin, closed["id"], "d", shared=True)["id"]
    given = made(org.admin, closed["id"], "e", owner=org.user("Viewer"))["id"]
    every = [mine, mine_shared, other, hidden, given]
    assert ids(org.admin) == every
    assert ids(explorer) == [mine, mine_shared]
    assert ids(viewer) == [mine_shared, other, given]
    assert ids(org.as_role("Creator")) == []
    assert ids(org.admin, "?pageSize=2&pageNumber=2") == [other, hidden]
    assert ids(viewer, "?pageSize=2&pageNumber=2") == [given]
    for client in (org.admin, viewer):
        client.refused("400006", "GET", f"{client.site}/customviews?pageSize=5&pageNumber=2")
    assert ids(org.admin, "?sort=name:desc") == [given, hidden, other, mine, mine_shared]
    assert ids(viewer, "?sort=name:asc") == [mine_shared, other, given]
    filters = {f"ownerId:eq:{org.user('Explorer')}": ([mine, mine_shared], [mine_shared]),
               f"workbookId:eq:{closed['id']}": ([hidden, given], [given]),
               f"viewId:eq:{open_book['views']['view'][0]['id']}": ([mine, other], [other]),
               f"workbookId:eq:{NOBODY}": ([], []),
               f"workbookId:eq:{open_book['id']},ownerId:eq:{org.user('Viewer')}": ([other], [other])}
    for expression, (for_admin, for_viewer) in filters.items():
        assert ids(org.admin, f"?filter={expression}") == for_admin
        assert ids(viewer, f"?filter={expression}") == for_viewer
    for query in ("?filter=name:eq:a", "?filter=ownerId:gt:1"):
        org.admin.refused("400065", "GET", f"{org.admin.site}/customviews{query}")


def test_fields(org, books, fmt):
    made(org.admin, books[0])
    doc = org.admin.ok("GET", f"{org.admin.site}/customviews?fields=id,owner.id", fmt=fmt).doc
    assert all(set(row) == {"id", "owner"} for row in doc["customViews"]["customView"])
    org.admin.refused("400000", "GET", f"{org.admin.site}/customviews?fields=nonsense", fmt=fmt)


def test_empty_list(server, home, fmt):
    org = Org(server, home, unique("none"))
    doc = org.admin.ok("GET", f"{org.admin.site}/customviews", fmt=fmt).doc
    assert doc == {"pagination": {"pageNumber": "1", "pageSize": "100", "totalAvailable": "0"},
                   "customViews": {}}


# ---------------------------------------------------------------- changing
def test_update(org, books, fmt):
    client = org.as_role("Explorer")
    view = made(client, books[0])
    name = unique("New")
    doc = client.ok("PUT", at(client, view), {"customView": {"name": name}}, fmt=fmt).doc["customView"]
    assert doc["name"] == name and doc["id"] == view["id"] and doc["owner"] == view["owner"]
    assert client.ok("GET", at(client, view), fmt=fmt).doc["customView"] == doc
    doc = client.ok("PUT", at(client, view), {"customView": {"owner": {"id": org.user("Viewer")}}},
                    fmt=fmt).doc["customView"]
    assert doc["owner"]["id"] == org.user("Viewer") and doc["name"] == name
    client.refused("403004", "PUT", at(client, view), {"customView": {"name": "mine again"}}, fmt=fmt)
    assert org.admin.ok("GET", at(client, view)).doc["customView"]["name"] == name


def test_bad_updates(org, books, fmt):
    client = org.as_role("Explorer")
    view, taken = made(client, books[0]), made(client, books[0])
    for document, code in (({"customView": {"name": ""}}, "400000"), (None, "400000"),
                           ({"workbook": {}}, "400000"), ({"customView": {"name": "n" * 256}}, "400000"),
                           ({"customView": {"owner": {"id": NOBODY}}}, "404002"),
                           ({"customView": {"owner": {"id": "x"}}}, "404002"),
                           ({"customView": {"name": taken["name"].upper()}}, "403166")):
        client.refused(code, "PUT", at(client, view), document, fmt=fmt)
    assert client.ok("GET", at(client, view)).doc["customView"] == view
    # Its own name is no other's.
    client.ok("PUT", at(client, view), {"customView": {"name": view["name"].upper()}}, fmt=fmt)


def test_unknown(org, other, books, fmt):
    book = publish(other.admin, "workbook", workbook_xml())
    foreign = made(other.admin, book["id"])["id"]
    for id in (NOBODY, "nonsense", foreign):
        for verb, rest, document in (("GET", "", None), ("PUT", "", {"customView": {"name": "x"}}),
                                     ("DELETE", "", None), ("GET", "/default/users", None),
                                     ("POST", "/default/users", {"users": {"user": [{"id": NOBODY}]}})):
            org.admin.refused("404000", verb, at(org.admin, id, rest), document, fmt=fmt)
        check_refusal(file_at(org.admin, {"id": id}), "404000")
    check_refusal(org.admin.call("GET", f"//api/exp/sites/{other.site_id}/customviews/{foreign}/content"),
                  "401002")
    assert other.admin.ok("GET", at(other.admin, foreign)).doc["customView"]["id"] == foreign


def test_rights(org, books):
    """Readers of the view read it; owner, administrators and leaders of the project change it."""
    view = made(org.as_role("Explorer"), books[0])
    reader, stranger = org.as_role("Viewer"), org.as_role("ExplorerCanPublish")
    assert reader.ok("GET", at(reader, view)).doc["customView"] == view
    assert file_at(reader, view).body == file_of()
    stranger.refused("403004", "GET", at(stranger, view))
    check_refusal(file_at(stranger, view), "403004")
    for client in (reader, stranger):
        client.refused("403004", "PUT", at(client, view), {"customView": {"name": "x"}})
        client.refused("403004", "DELETE", at(client, view))
        client.refused("403004", "GET", at(client, view, "/default/users"))
        client.refused("403004", "POST", at(client, view, "/default/users"),
                       {"users": {"user": [{"id": org.user("Viewer")}]}})
    project = org.admin.add_project()["id"]
    led = publish(org.admin, "workbook", workbook_xml(), project=project)
    allow(org.admin, project, org.user("ExplorerCanPublish"), "ProjectLeader")
    view = made(org.admin, led["id"])
    stranger.ok("PUT", at(stranger, view), {"customView": {"name": "led"}})
    stranger.ok("DELETE", at(stranger, view), status=204)


def test_owner_keeps_it(org):
    """Who may no longer read the view still has what it made of it."""
    book = publish(org.admin, "workbook", workbook_xml(), project=closed_to(org, EVERYONE)[0])
    view = made(org.admin, book["id"], owner=org.user("Viewer"))
    owner = org.as_role("Viewer")
    assert owner.ok("GET", at(owner, view)).doc["customView"] == view
    assert file_at(owner, view).status == 200
    owner.ok("DELETE", at(owner, view), status=204)
    owner.refused("404000", "GET", at(owner, view))


# ---------------------------------------------------------------- what takes it along
def test_goes_with_its_view(org):
    name, project = unique("book"), org.admin.add_project()["id"]
    book = publish(org.admin, "workbook", workbook_xml(), name, project)
    first, second = made(org.admin, book["id"]), made(org.admin, book["id"], data=file_of("Second"))
    publish(org.admin, "workbook", workbook_xml(("Second", "Third")), name, project, overwrite=True)
    org.admin.refused("404000", "GET", at(org.admin, first))
    assert org.admin.ok("GET", at(org.admin, second)).doc["customView"] == second
    org.admin.ok("DELETE", f"{org.admin.site}/projects/{project}", status=204)
    org.admin.refused("404000", "GET", at(org.admin, second))


def test_goes_with_its_owner(org, books):
    id, _ = org.admin.add_user(role="Viewer")
    view = made(org.admin, books[0], owner=id)
    org.admin.ok("POST", at(org.admin, made(org.admin, books[1]), "/default/users"),
                 {"users": {"user": [{"id": id}]}})
    org.admin.ok("DELETE", f"{org.admin.site}/users/{id}", status=204)
    org.admin.refused("404000", "GET", at(org.admin, view))


# ---------------------------------------------------------------- defaults
def defaults(client, view, query="", **options):
    doc = client.ok("GET", at(client, view, "/default/users") + query, **options).doc
    return [user["id"] for user in doc["users"].get("user", [])]


def set_default(client, view, *users, **options):
    return client.ok("POST", at(client, view, "/default/users"),
                     {"users": {"user": [{"id": id} for id in users]}}, **options).doc[
        "customViewAsUserDefaultResults"]["customViewAsUserDefaultViewResult"]


def test_defaults(org, books, fmt):
    client = org.as_role("Explorer")
    view = made(client, books[0], shared=True)
    assert defaults(client, view, fmt=fmt) == []
    readers = [org.user(role) for role in ("Explorer", "Creator", "Viewer")]
    results = set_default(client, view, *readers, NOBODY, org.user("ExplorerCanPublish"), fmt=fmt)
    assert [r["success"] for r in results] == [True, True, True, False, False]
    assert [r["user"]["id"] for r in results] == [*readers, NOBODY, org.user("ExplorerCanPublish")]
    assert all("error" not in r for r in results[:3])
    assert [r["error"]["code"] for r in results[3:]] == ["404002", "403004"]
    assert all(r["error"]["summary"] and r["error"]["detail"] for r in results[3:])
    assert sorted(defaults(client, view, fmt=fmt)) == sorted(readers)
    assert len(defaults(client, view, "?pageSize=2", fmt=fmt)) == 2
    assert len(defaults(client, view, "?pageSize=2&pageNumber=2", fmt=fmt)) == 1
    client.refused("400006", "GET", at(client, view, "/default/users?pageNumber=2"), fmt=fmt)
    client.refused("404003", "GET", at(client, view, "/default/users"), fmt=fmt, version="3.20")


def test_one_default_for_a_view(org, books):
    """Another custom view of the same view takes its place; one of another view does not."""
    client, user = org.as_role("Explorer"), org.user("Viewer")
    one, two = made(client, books[0]), made(client, books[0])
    elsewhere = made(client, books[0], data=file_of("Second"))
    for view in (one, elsewhere, two, two):
        assert set_default(client, view, user)[0]["success"] is True
    assert defaults(client, one) == []
    assert defaults(client, two) == defaults(client, elsewhere) == [user]


def test_bad_defaults(org, books, fmt):
    view = made(org.admin, books[0])
    many = {"users": {"user": [{"id": NOBODY}] * 101}}
    for document in (None, {"users": {}}, {"users": {"user": [{"name": "x"}]}}, many):
        org.admin.refused("400000", "POST", at(org.admin, view, "/default/users"), document, fmt=fmt)
    assert defaults(org.admin, view) == []


# ---------------------------------------------------------------- doors
def test_the_root(org, books):
    """/api/exp has no version, and its paths stand nowhere else."""
    view = made(org.admin, books[0])
    path = f"/sites/{org.site_id}/customviews"
    check_refusal(org.admin.call("GET", f"//api/3.29/api/exp{path}/{view['id']}/content"), "404003")
    check_refusal(org.admin.call("GET", f"//api/exp{path}"), "405000")
    check_refusal(org.admin.call("GET", f"//api/exp{path}/{view['id']}"), "404003")
    check_refusal(org.admin.call("GET", f"//api/exp{path}/{view['id']}/content", anonymous=True), "401000")
    check_refusal(org.admin.call("GET", f"//api/exp/sites/{NOBODY}/customviews/{view['id']}/content"),
                  "404000")


def test_scopes(org, books):
    view = made(org.admin, books[0])
    reader = org.by_jwt(scopes=["tableau:content:read"])
    assert reader.ok("GET", at(reader, view)).doc["customView"]["id"] == view["id"]
    reader.refused("401002", "DELETE", at(reader, view))
    reader.refused("401002", "GET", at(reader, view, "/default/users"))
    check_refusal(file_at(reader, view), "401002")
    check_refusal(publish_view(reader, books[0]), "401002")
    writer = org.by_jwt(scopes=["tableau:views:update"])
    writer.refused("401002", "GET", at(writer, view))
    writer.ok("DELETE", at(writer, view), status=204)
