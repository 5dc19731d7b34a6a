"""Content search: by words of names, descriptions, owners and tags; what may be read;
pages, filters and order; and that the index follows what changes."""

import random
from urllib.parse import quote

import pytest

import contents
from contents import connection_xml, datasource_bytes, workbook_bytes
from content_samples import (PUBLISH, closed_project, publish_datasource, publish_flow,
                             publish_workbook, views_of)
from easel_client import unique


def search(client, terms=None, **query):
    """The `hits` of an answer."""
    if terms is not None:
        query = {"terms": terms, **query}
    text = "&".join(f"{name}={quote(str(value), safe=':,[]')}" for name, value in query.items())
    reply = client.call("GET", f"//api/-/search?{text}")
    assert reply.status == 200, reply
    assert reply.type == "application/json"
    hits = reply.doc["hits"]
    assert isinstance(hits["total"], int) and isinstance(hits["items"], list)
    assert all(set(item) == {"uri", "content"} for item in hits["items"])
    return hits


def found(client, terms=None, **query):
    """[(type, luid)] of all there is, in order."""
    hits = search(client, terms, limit=2000, **query)
    assert hits["total"] == len(hits["items"])
    return [(i["content"]["type"], i["content"]["luid"]) for i in hits["items"]]


def word():
    """A word that nothing else has."""
    return "w" + unique("x")[2:]


@pytest.fixture
def project(org):
    return closed_project(org.admin)


def test_what_an_item_says(org, project):
    admin, name = org.admin, word()
    workbook = publish_workbook(admin, project, name=f"{name} sales", description="the blue one")
    admin.ok("PUT", f"{admin.site}/workbooks/{workbook['id']}/tags",
             {"tags": {"tag": [{"label": "b"}, {"label": "a"}]}})
    (item,) = search(admin, name, filter="type:eq:workbook")["items"]
    content = item["content"]
    assert (content["type"], content["luid"], content["title"]) == (
        "workbook", workbook["id"], f"{name} sales")
    assert content["workbookDescription"] == "the blue one"
    assert content["tags"] == ["a", "b"]
    assert isinstance(content["ownerId"], int) and isinstance(content["projectId"], int)
    assert content["ownerName"] and content["projectName"] == content["containerName"]
    assert content["hasExtracts"] is False and content["hitsTotal"] == 0
    assert [content[f"hits{span}SpanTotal"] for span in ("Small", "Medium", "Large")] == [0, 0, 0]
    assert content["modifiedTime"] == workbook["updatedAt"]
    assert item["uri"].endswith(f"/workbooks/{workbook['id']}")
    views = {i["content"]["title"]: i["content"] for i in
             search(admin, name, filter="type:eq:view")["items"]}
    assert set(views) == {"Overview", "Detail"}, "views are found by their workbook's name"
    assert views["Detail"]["containerName"] == f"{name} sales"
    assert views["Detail"]["sheetType"] == "worksheet"
    source = publish_datasource(admin, project, name=name)
    (item,) = search(admin, name, filter="type:eq:datasource")["items"]
    assert item["content"]["luid"] == source["id"]
    assert item["content"]["datasourceIsPublished"] is True
    assert item["content"]["isCertified"] is False


def content_of(client, luid, terms, **query):
    """What search tells of the item."""
    (content,) = [i["content"] for i in search(client, terms, limit=2000, **query)["items"]
                  if i["content"]["luid"] == luid]
    return content


WARNINGS = {"hasActiveDataQualityWarning", "hasSevereDataQualityWarning"}
OF_EACH = {"favoritesTotal"}
OF_ONE = {
    "project": set(),
    "workbook": {"hasExtracts", "extractCreationPending"},
    "view": {"sheetType", "locationName", "workbookDescription"},
    "flow": WARNINGS,
    "datasource": WARNINGS | {"hasExtracts", "extractCreationPending", "isCertified",
                              "isConnectable", "datasourceIsPublished", "connectionType",
                              "connectedWorkbooksCount", "downstreamWorkbookCount"},
}


def test_what_each_type_tells(org, project):
    """The members that depend on the type: those of the type, and no others."""
    admin, name = org.admin, word()
    publish_workbook(admin, project, name=name, description="about a view")
    publish_datasource(admin, project, name=name)
    publish_flow(admin, project, name=name)
    admin.add_project(name)
    items = {i["content"]["type"]: i["content"] for i in search(admin, name)["items"]}
    assert set(items) == set(OF_ONE)
    dependent = OF_EACH.union(*OF_ONE.values())
    for kind, content in items.items():
        told = set(content) & dependent - ({"workbookDescription"} if kind == "workbook" else set())
        assert told == OF_EACH | OF_ONE[kind], kind
        assert content["favoritesTotal"] == 0 and content.get("extractCreationPending", False) is False
    view = items["view"]
    assert view["workbookDescription"] == "about a view"
    assert view["locationName"] == view["projectName"] and view["containerName"] == name


def test_favorites_are_counted(org, project):
    admin, name = org.admin, word()
    items = {kind: PUBLISH[kind](admin, project, name=name)["id"] for kind in PUBLISH}
    items["view"] = views_of(admin, items["workbook"])["Detail"]["id"]
    items["project"] = admin.add_project(name)["id"]
    for kind, item in items.items():
        for role in ("Creator", "Viewer"):
            admin.ok("PUT", f"{admin.site}/favorites/{org.user(role)}",
                     {"favorite": {"label": unique("label"), kind: {"id": item}}})
        assert content_of(admin, item, name)["favoritesTotal"] == 2, kind
        admin.ok("DELETE", f"{admin.site}/favorites/{org.user('Viewer')}/{kind}s/{item}", status=204)
        assert content_of(admin, item, name)["favoritesTotal"] == 1, kind
    counts = {i["content"]["luid"]: i["content"]["favoritesTotal"]
              for i in search(admin, name)["items"]}
    assert sorted(counts.values()) == [0, 1, 1, 1, 1, 1], "the other view is nobody's favorite"


@pytest.mark.parametrize("kind", ["datasource", "flow"])
def test_warnings(org, project, kind):
    """An active label of the category warns; an elevated one does so severely."""
    admin, name = org.admin, word()
    item = PUBLISH[kind](admin, project, name=name)["id"]
    listed = {"contentList": {"content": [{"contentType": kind, "id": item}]}}

    def put(value, **members):
        admin.ok("PUT", f"{admin.site}/labels", {**listed, "label": {"value": value, **members}})

    def told():
        content = content_of(admin, item, name)
        return (content["hasActiveDataQualityWarning"], content["hasSevereDataQualityWarning"])

    assert told() == (False, False)
    put("Sensitive data", elevated=True)
    assert told() == (False, False), "this is of another category"
    put("Stale data", elevated=False)
    assert told() == (True, False)
    put("Deprecated", elevated=True, active=False)
    assert told() == (True, False), "what is not active warns of nothing"
    put("Deprecated", elevated=True, active=True)
    assert told() == (True, True)
    put("Stale data", active=False)
    assert told() == (True, True)
    put("Deprecated", elevated=False)
    assert told() == (True, False)
    admin.ok("DELETE", f"{admin.site}/labels?categories=DataQualityWarning", listed, status=204)
    assert told() == (False, False)


def test_a_warning_of_the_sites_own(org, project):
    admin, name, value = org.admin, word(), unique("odd")
    source = publish_datasource(admin, project, name=name)["id"]
    admin.ok("PUT", f"{admin.site}/labelValues", {"labelValue": {
        "name": value, "category": "warning", "description": "odd", "elevatedDefault": True}})
    admin.ok("PUT", f"{admin.site}/labels", {
        "contentList": {"content": [{"contentType": "datasource", "id": source}]},
        "label": {"value": value}})
    assert content_of(admin, source, name)["hasSevereDataQualityWarning"] is True
    admin.ok("DELETE", f"{admin.site}/labelValues/{value}")
    assert content_of(admin, source, name)["hasActiveDataQualityWarning"] is False


def test_workbooks_of_a_data_source(org, project):
    """As lists count them, in the order of the counts, and as they are now."""
    admin, name = org.admin, word()
    sources = [publish_datasource(admin, project, name=f"{name} {n}") for n in range(3)]
    books = [contents.publish_workbook(admin, project=project, data=workbook_bytes(connection=(
        f"<connection class='sqlproxy' dbname='{url}' server='localhost' port='80' channel='http' "
        "directory='/dataserver' username=''/>"))) for url in (
            sources[1]["contentUrl"], sources[1]["contentUrl"], sources[2]["contentUrl"])]

    def told(order="desc"):
        hits = search(admin, name, filter="type:eq:datasource",
                      order_by=f"downstreamWorkbookCount:{order}")["items"]
        assert all(i["content"]["connectedWorkbooksCount"] == i["content"]["downstreamWorkbookCount"]
                   for i in hits)
        return [(i["content"]["title"][-1], i["content"]["connectedWorkbooksCount"]) for i in hits]

    assert told() == [("1", 2), ("2", 1), ("0", 0)]
    assert told("asc") == [("0", 0), ("2", 1), ("1", 2)]
    for source, count in zip(sources, "021"):
        doc = admin.ok("GET", f"{admin.site}/datasources?fields=_all_&filter=contentUrl:eq:"
                       f"{source['contentUrl']}").doc["datasources"]["datasource"]
        assert [d["connectedWorkbooksCount"] for d in doc] == [count]
    for book in books[:2]:
        admin.ok("DELETE", f"{admin.site}/workbooks/{book['id']}", status=204)
    assert told() == [("2", 1), ("0", 0), ("1", 0)]


def test_connectable(org, project):
    """As the filter of lists has it: nothing passes on what is in a cube."""
    admin, name = org.admin, word()
    cube, table = (publish_datasource(admin, project, name=f"{name} {kind}",
                                      data=datasource_bytes(connection_xml(kind)))["id"]
                   for kind in ("msolap", "postgres"))
    assert content_of(admin, cube, name)["isConnectable"] is False
    assert content_of(admin, table, name)["isConnectable"] is True


def test_extracts_of_a_data_source(org, project):
    admin, name = org.admin, word()
    extract = ("<extract enabled='true'><connection class='hyper' dbname='Data/x.hyper'/></extract>")
    source = publish_datasource(admin, project, name=name,
                                data=datasource_bytes(connection_xml() + extract))
    content = content_of(admin, source["id"], name)
    assert content["hasExtracts"] is True and content["extractUpdatedAt"] == source["updatedAt"]
    assert "extractRefreshedAt" not in content
    assert "extractUpdatedAt" not in content_of(
        admin, publish_datasource(admin, project, name=name + " live")["id"], name)


def test_a_full_page(org, project):
    """More of one type than a statement takes ids: each item tells its own."""
    admin, name = org.admin, word()
    sheets = [f"{name} {n}" for n in range(510)]
    book = publish_workbook(admin, project, sheets=sheets)
    views = views_of(admin, book["id"])
    chosen = [views[sheets[n]]["id"] for n in (0, 250, 509)]
    for view in chosen:
        admin.ok("PUT", f"{admin.site}/favorites/{org.user('Viewer')}",
                 {"favorite": {"label": unique("label"), "view": {"id": view}}})
    items = search(admin, name, limit=2000)["items"]
    assert len(items) == 510
    assert {i["content"]["luid"] for i in items if i["content"]["favoritesTotal"]} == set(chosen)

def test_words(org, project):
    admin, one, two = org.admin, word(), word()
    flow = publish_flow(admin, project, name=f"{one} Über-Straße_{two}")
    wanted = [("flow", flow["id"])]
    for terms in (one, two, one.upper(), one[:6], f"{two} {one}", f"  {one}  über ", "ÜBER " + one,
                  f"{one} straße", f'"{one}" & {two} | !', f"{one}* OR", f"({one}"):
        if terms.endswith("OR"):
            assert found(admin, terms) == [], "OR is a word like others"
        else:
            assert found(admin, terms) == wanted, terms
    assert found(admin, f"{one} {word()}") == [], "every word must be there"
    assert found(admin, one[1:]) == [], "words are found by their beginning"
    for terms in ("!!!", "' OR 1=1 --", "%", "\\", "\"", "*", ":*", "NEAR(", "☃"):
        assert wanted[0] not in found(admin, terms), terms
    assert wanted[0] in found(admin, ""), "no terms: everything"
    assert wanted[0] in found(admin)


def test_by_description_owner_and_tag(org, project):
    admin, said, named, label = org.admin, word(), word(), word()
    user, _ = admin.add_user(unique("owner"), "Creator")
    source = publish_datasource(admin, project, description=f"about {said}")
    wanted = [("datasource", source["id"])]
    assert found(admin, said) == wanted
    path = f"{admin.site}/datasources/{source['id']}"
    admin.ok("PUT", f"{path}/tags", {"tags": {"tag": [{"label": label}]}})
    assert found(admin, label) == wanted
    admin.ok("PUT", path, {"datasource": {"owner": {"id": user}}})
    admin.ok("PUT", f"{admin.site}/users/{user}", {"user": {"fullName": f"Eve {named}"}})
    assert found(admin, f"{named} {said}") == wanted
    admin.ok("DELETE", f"{path}/tags/{label}", status=204)
    assert found(admin, label) == []


def test_the_index_follows(org, project):
    admin, old, new = org.admin, word(), word()
    workbook = publish_workbook(admin, project, name=old)
    path = f"{admin.site}/workbooks/{workbook['id']}"
    views = views_of(admin, workbook["id"])
    everything = {("workbook", workbook["id"]), *(("view", v["id"]) for v in views.values())}
    assert set(found(admin, old)) == everything
    admin.ok("PUT", path, {"workbook": {"name": new}})
    assert found(admin, old) == [] and set(found(admin, new)) == everything
    publish_workbook(admin, project, sheets=[old], name=new, query="?overwrite=true")
    assert [kind for kind, _ in found(admin, old)] == ["view"]
    admin.ok("DELETE", path, status=204)
    assert found(admin, old) == [] and found(admin, new) == []
    nested = admin.add_project(old, parentProjectId=project)["id"]
    assert found(admin, old) == [("project", nested)]
    admin.ok("PUT", f"{admin.site}/projects/{nested}", {"project": {"name": new}})
    assert found(admin, new) == [("project", nested)]
    admin.ok("DELETE", f"{admin.site}/projects/{project}", status=204)
    assert found(admin, new) == []


def test_only_what_may_be_read(org, other, project):
    admin, viewer, name = org.admin, org.as_role("Viewer"), word()
    items = {kind: PUBLISH[kind](admin, project, name=name)["id"] for kind in PUBLISH}
    assert search(viewer, name)["total"] == 0
    assert search(other.admin, name)["total"] == 0
    for kind, item in items.items():
        admin.ok("PUT", f"{admin.site}/{kind}s/{item}/permissions", {"permissions": {
            "granteeCapabilities": [{"user": {"id": org.user("Viewer")}, "capabilities": {
                "capability": [{"name": "Read", "mode": "Allow"}]}}]}})
        assert (kind, item) in found(viewer, name)
    assert {kind for kind, _ in found(viewer, name)} == set(items), "its views have rules of their own"
    closed = admin.add_project(name)["id"]
    assert ("project", closed) in found(admin, name)


def test_hidden_views_are_not_found(org, project):
    admin, name = org.admin, word()
    publish_workbook(admin, project, sheets=(name, f"{name} too"),
                     views={"view": [{"name": name, "hidden": True}]})
    titles = {i["content"]["title"] for i in search(admin, name)["items"]}
    assert f"{name} too" in titles


def test_pages(org, project):
    admin, name = org.admin, word()
    ids = [publish_flow(admin, project, name=f"{name} {n}")["id"] for n in range(7)]
    first = search(admin, name, limit=3)
    assert (first["total"], first["limit"], first["pageIndex"], first["startIndex"]) == (7, 3, 0, 0)
    assert "prev" not in first
    seen, page = [], first
    while True:
        seen += [item["content"]["luid"] for item in page["items"]]
        if "next" not in page:
            break
        reply = admin.call("GET", "/" + page["next"][len(admin.url):])
        assert reply.status == 200
        page = reply.doc["hits"]
    assert (page["pageIndex"], page["startIndex"]) == (2, 6) and "prev" in page
    assert sorted(seen) == sorted(ids) and len(seen) == 7
    assert search(admin, name, limit=3, page=9)["items"] == []
    assert len(search(admin, limit=2000)["items"]) >= 7
    assert search(admin, name)["limit"] == 10


UNKEPT = ("lens", "virtualconnection", "collection", "datarole", "table", "database")


def test_filters_and_order(org, project):
    admin, name = org.admin, word()
    items = {kind: PUBLISH[kind](admin, project, name=name)["id"] for kind in PUBLISH}
    for kind, item in items.items():
        assert found(admin, name, filter=f"type:eq:{kind}") == [(kind, item)]
    assert set(found(admin, name, filter="type:in:[flow,datasource]")) == {
        ("flow", items["flow"]), ("datasource", items["datasource"])}
    for kind in UNKEPT:
        assert found(admin, name, filter=f"type:eq:{kind}") == [], "a type that is not kept here"
        assert found(admin, name, filter=f"type:in:[{kind},flow]") == [("flow", items["flow"])]
    content = search(admin, name, filter="type:eq:flow")["items"][0]["content"]
    owner, at = content["ownerId"], content["modifiedTime"]
    everything = set(found(admin, name))
    assert len(everything) == 5
    for matching in (f"ownerId:eq:{owner}", f"ownerId:in:[{owner},999999]",
                     f"modifiedTime:gte:{at},ownerId:eq:{owner}", f"modifiedTime:in:[{at}]",
                     f"modifiedTime:eq:{at}", f"modifiedTime:lte:{at}",
                     f"modifiedTime:gte:2020-01-01T00:00:00.000Z,modifiedTime:lte:{at[:-1]}.000Z",
                     f"modifiedTime:in:[2020-01-01T00:00:00Z,{at[:-1]}.000Z]",
                     f"ownerId:gte:{owner},ownerId:lte:{owner}", f"ownerId:gt:{owner - 1}",
                     f"type:in:[workbook,flow],ownerId:in:[{owner}],modifiedTime:gte:{at}"):
        assert ("flow", items["flow"]) in found(admin, name, filter=matching), matching
    for matching in ("ownerId:eq:999999", f"modifiedTime:lt:2020-01-01T00:00:00Z",
                     f"modifiedTime:gt:{at},type:eq:flow"):
        assert found(admin, name, filter=matching) == [], matching
    for order in ("hitsTotal:desc", "hitsTotal", "hitsSmallSpanTotal", "hitsMediumSpanTotal:asc",
                  "hitsLargeSpanTotal:desc,hitsTotal", "downstreamWorkbookCount:desc"):
        assert set(found(admin, name, order_by=order)) == everything, order
    assert (found(admin, name, orderBy="hitsTotal:desc")
            == found(admin, name, order_by="hitsTotal:desc")), "as one client writes it"
    assert found(admin, name, order_by="hitsTotal", orderBy="x")
    exact = publish_flow(admin, project, name=f"a {name} b")["id"]
    order = [item for _, item in found(admin, name)]
    assert order.index(items["flow"]) < order.index(exact), "the whole title goes first"


@pytest.mark.parametrize("query,code", [
    ("page=-1", 400000), ("page=x", 400000), ("limit=0", 400000), ("limit=2001", 400000),
    ("filter=nothing:eq:1", 400065), ("filter=type:gt:flow", 400065), ("filter=type", 400000),
    ("filter=ownerId:eq:akhil", 400000), ("order_by=title", 400065),
    ("order_by=hitsTotal:up", 400000), ("orderBy=title", 400065), ("terms=" + "x" * 1001, 400000),
])
def test_what_is_refused(org, query, code):
    reply = org.admin.call("GET", f"//api/-/search?{query}")
    assert (reply.status, reply.code) == (400, str(code)), reply
    assert reply.type == "application/json"


def test_the_gate(org, server):
    reply = server.client().call("GET", "//api/-/search?terms=x")
    assert (reply.status, reply.code) == (401, "401000")
    reply = org.by_jwt(scopes=("tableau:groups:read",)).call("GET", "//api/-/search")
    assert (reply.status, reply.code) == (401, "401002")
    assert search(org.by_jwt("Viewer", scopes=("tableau:content:read",)))["items"] is not None
    for path in ("//api/-/searching", "//api/-", "//api/3.29/api/-/search", "//api/exp/search"):
        assert org.admin.call("GET", path).code == "404003"
    assert org.admin.call("POST", "//api/-/search").code == "405000"


def test_hostile_terms(org, project):
    generator = random.Random(20261125)
    name = word()
    flow = publish_flow(org.admin, project, name=name)["id"]
    for _ in range(200):
        terms = "".join(generator.choice("a\"'*:()&|!<->^~%_\\\x7f\u0301é漢 \t") for _ in range(
            generator.randint(1, 40)))
        search(org.admin, terms)
        assert found(org.admin, f"{name} " + "".join(c for c in terms if not c.isalnum()
                                                     and c != "\u0301")) == [("flow", flow)]
