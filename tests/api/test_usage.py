"""Usage: looks that count, as views, search and the usage statistics tell them; whom they
are told; batches and what is refused."""

import json
import random
import time

import pytest

import servers
from content_samples import (PUBLISH, closed_project, publish_datasource, publish_workbook,
                             views_of)
from easel_client import unique

USAGE = "//api/-/content/usage-stats"
ITEM_TYPE = "application/vnd.tableau.usagestats.v1.UsageStats+json"
BATCH_TYPE = "application/vnd.tableau.usagestats.v1.BatchGetUsageRequest+json"
LIST_TYPE = "application/vnd.tableau.usagestats.v1.ContentItemUsageStatsList+json"
NAMES = ["hitsTotal", "hitsLastTwoWeeksTotal", "hitsLastOneMonthTotal",
         "hitsLastThreeMonthsTotal", "hitsLastTwelveMonthsTotal"]
NOBODY = "11111111-2222-3333-4444-555555555555"


def usage(client, kind, item):
    reply = client.call("GET", f"{USAGE}/{kind}/{item}", accept=ITEM_TYPE)
    assert (reply.status, reply.type) == (200, ITEM_TYPE), reply
    doc = json.loads(reply.body)
    assert list(doc) == NAMES
    assert len(set(doc.values())) == 1, "all of it is of today"
    return doc["hitsTotal"]


def batch(client, items, **options):
    options = {"content_type": BATCH_TYPE, "accept": LIST_TYPE, **options}
    return client.call("POST", USAGE, raw=json.dumps({"content_items": items}).encode(), **options)


def told(client, items):
    """([(type, luid, hits)], [status of error]) of a batch of (type, luid)."""
    reply = batch(client, [{"type": kind, "luid": item} for kind, item in items])
    assert (reply.status, reply.type) == (200, LIST_TYPE), reply
    doc = json.loads(reply.body)
    assert set(doc) <= {"content_items", "errors"}
    for item in doc["content_items"]:
        assert set(item) == {"content", "usage"} and list(item["usage"]) == NAMES
    for error in doc.get("errors", []):
        assert set(error) == {"http_error_code", "message"} and error["message"]
    return ([(i["content"]["type"], i["content"]["luid"], i["usage"]["hitsTotal"])
             for i in doc["content_items"]],
            [error["http_error_code"] for error in doc.get("errors", [])])


def soon(get, wanted):
    """What is being written just now is told a moment later."""
    until = time.monotonic() + 10
    while get() != wanted and time.monotonic() < until:
        time.sleep(0.05)
    assert get() == wanted


def look(client, kind, item, times=1):
    for _ in range(times):
        client.ok("GET", f"{client.site}/{kind}s/{item}")


@pytest.fixture
def project(org):
    return closed_project(org.admin)


def test_looks_count(org, project, fmt):
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    workbook = publish_workbook(org.admin, project)
    views = views_of(org.admin, workbook["id"])
    view, other = views["Detail"]["id"], views["Overview"]["id"]
    url = f"{admin.site}/workbooks/{workbook['id']}/views?includeUsageStatistics=true"

    def counts():
        return {v["id"]: v["usage"]["totalViewCount"]
                for v in admin.ok("GET", url).doc["views"]["view"]}

    assert counts() == {view: "0", other: "0"}
    assert usage(admin, "workbooks", workbook["id"]) == 0
    look(admin, "view", view, 3)
    look(admin, "workbook", workbook["id"], 2)
    admin.ok("GET", f"{admin.site}/workbooks/{workbook['contentUrl']}?key=contentUrl")
    soon(counts, {view: "3", other: "0"})
    soon(lambda: usage(admin, "views", view), 3)
    soon(lambda: usage(admin, "workbooks", workbook["id"]), 6)
    assert usage(admin, "views", other) == 0
    reply = admin.ok("GET", f"{admin.site}/views/{view}?includeUsageStatistics=true")
    assert reply.doc["view"]["usage"] == {"totalViewCount": "3"}, "without this look"
    soon(counts, {view: "4", other: "0"})


def test_lists_follow(org, project):
    """A list that tells usage, or goes by it, is no answer that was kept."""
    admin = org.admin
    workbook = publish_workbook(admin, project, name=unique("followed"))
    view = views_of(admin, workbook["id"])["Detail"]["id"]
    ours = f"{admin.site}/views?filter=workbookName:eq:{workbook['name']}"

    def first(query):
        doc = admin.ok("GET", ours + query).doc
        return [(v["id"], v.get("usage", {}).get("totalViewCount"))
                for v in doc["views"].get("view", [])][:1]

    queries = {"&sort=hitsTotal:desc&includeUsageStatistics=true": "1",
               "&sort=hitsTotal:desc": None, "&sort=hitsTotal:desc&fields=_all_": "1",
               "&sort=hitsTotal:desc&fields=id,usage": "1", ",hitsTotal:gt:0": None}
    for query in queries:
        first(query)
    look(admin, "view", view)
    for query, hits in queries.items():
        soon(lambda: first(query), [(view, hits)])


def test_looks_of_all_users_count(org, project):
    workbook = publish_workbook(org.admin, project)["id"]
    for client in (org.admin, org.as_role("SiteAdministratorExplorer"),
                   org.as_role("SiteAdministratorCreator")):
        look(client, "workbook", workbook)
    soon(lambda: usage(org.admin, "workbook", workbook), 3)


def test_lists_and_refusals_do_not_count(org, project):
    workbook = publish_workbook(org.admin, project)["id"]
    views = views_of(org.admin, workbook)
    viewer = org.as_role("Viewer")
    for view in views.values():
        viewer.refused(403004, "GET", f"{viewer.site}/views/{view['id']}")
    viewer.refused(403018, "GET", f"{viewer.site}/workbooks/{workbook}")
    time.sleep(1.2)
    assert usage(org.admin, "workbooks", workbook) == 0


def test_search_tells_and_orders(org, project):
    admin, name = org.admin, unique("found")
    ids = [publish_workbook(admin, project, name=f"{name} {n}")["id"] for n in range(3)]
    for n, item in enumerate(ids):
        look(admin, "workbook", item, n)
    view = views_of(admin, ids[0])["Detail"]["id"]
    look(admin, "view", view, 5)

    def found(order, kind="workbook"):
        reply = admin.call("GET", f"//api/-/search?terms={name}&filter=type:eq:{kind}"
                           f"&order_by={order}")
        assert reply.status == 200, reply
        items = [item["content"] for item in reply.doc["hits"]["items"]]
        assert all(item["hitsTotal"] == item[f"hits{span}SpanTotal"] for item in items
                   for span in ("Small", "Medium", "Large"))
        return [(item["luid"], item["hitsTotal"]) for item in items]

    for order in ("hitsTotal", "hitsSmallSpanTotal", "hitsMediumSpanTotal", "hitsLargeSpanTotal"):
        soon(lambda: found(f"{order}:desc"), [(ids[0], 5), (ids[2], 2), (ids[1], 1)])
        assert found(order) == [(ids[1], 1), (ids[2], 2), (ids[0], 5)]
        assert found(f"{order}:desc", "view")[0] == (view, 5)


def test_types_by_either_name(org, project):
    for kind, publish in PUBLISH.items():
        item = publish(org.admin, project)["id"]
        for name in (kind, f"{kind}s", kind.upper(), f"{kind.capitalize()}S"):
            assert usage(org.admin, name, item) == 0
        reply = org.admin.call("GET", f"{USAGE}/{kind}s/{item}", fmt="json")
        assert reply.type == "application/json" and list(reply.doc) == NAMES
        assert org.admin.call("GET", f"{USAGE}/{kind}s/{item.upper()}").status == 200


@pytest.mark.parametrize("kind,code", [
    ("workbooks", 404006), ("views", 404011), ("datasources", 404004), ("flows", 404027)])
def test_unknown_items(org, kind, code):
    for item in (NOBODY, "nonsense", org.site_id, "%27%3B--", "x" * 300):
        reply = org.admin.call("GET", f"{USAGE}/{kind}/{item}", fmt="xml")
        assert (reply.status, reply.code) == (404, str(code)), item
        assert reply.type == "application/json"


@pytest.mark.parametrize("kind", ["project", "users", "workbookss", "workbooksx", "s", "lens",
                                  "%22%7D", "work", "virtualconnection"])
def test_other_types(org, kind):
    reply = org.admin.call("GET", f"{USAGE}/{kind}/{NOBODY}")
    assert (reply.status, reply.code) == (400, "400000"), reply


def test_only_what_may_be_read(org, other, project):
    admin, viewer = org.admin, org.as_role("Viewer")
    items = [(kind, PUBLISH[kind](admin, project)["id"]) for kind in PUBLISH]
    workbook = dict(items)["workbook"]
    items.append(("view", views_of(admin, workbook)["Detail"]["id"]))
    for client in (viewer, other.admin):
        for kind, item in items:
            seen = client.call("GET", f"{USAGE}/{kind}s/{item}")
            unknown = client.call("GET", f"{USAGE}/{kind}s/{NOBODY}")
            assert (seen.status, seen.code) == (unknown.status, unknown.code) == (404, seen.code)
            assert seen.detail.replace(item, NOBODY) == unknown.detail
        assert told(client, items) == ([], [404] * len(items))
    admin.ok("PUT", f"{admin.site}/workbooks/{workbook}/permissions", {"permissions": {
        "granteeCapabilities": [{"user": {"id": org.user("Viewer")}, "capabilities": {
            "capability": [{"name": "Read", "mode": "Allow"}]}}]}})
    got, errors = told(viewer, items)
    assert [kind for kind, _, _ in got if kind == "workbook"] == ["workbook"]
    assert 404 in errors


def test_batch(org, project):
    admin = org.admin
    workbook = publish_workbook(admin, project)["id"]
    source = publish_datasource(admin, project)["id"]
    view = views_of(admin, workbook)["Detail"]["id"]
    look(admin, "view", view, 2)
    soon(lambda: told(admin, [("view", view), ("workbook", workbook), ("datasource", source)]),
         ([("view", view, 2), ("workbook", workbook, 2), ("datasource", source, 0)], []))
    got, errors = told(admin, [("nonsense", view), ("view", NOBODY), ("workbooks", workbook),
                               ("workbook", view), ("view", view), ("view", view)])
    assert got == [("workbook", workbook, 2), ("view", view, 2), ("view", view, 2)]
    assert errors == [400, 404, 404]
    reply = batch(admin, [{"type": "view", "luid": view}], accept="application/json")
    assert reply.type == "application/json" and len(reply.doc["content_items"]) == 1


def test_batches_are_bounded(org, project):
    workbook = publish_workbook(org.admin, project)["id"]
    one = {"type": "workbook", "luid": workbook}
    reply = batch(org.admin, [one] * 1000)
    assert len(json.loads(reply.body)["content_items"]) == 1000
    for items in ([one] * 1001, []):
        reply = batch(org.admin, items)
        assert (reply.status, reply.code) == (400, "400000"), reply


@pytest.mark.parametrize("body", [
    b"", b"{}", b"[]", b"nonsense", b'{"content_items": {}}', b'{"content_items": [1, "x"]}',
    b'{"content_items": [{"luid": "x"}]}', b'{"content_items": [{"type": "view"}]}',
    b'{"content_items": [{"luid": {}, "type": "view"}]}', b'{"content_items": [[{}]]}',
    b'{"content_items": [{"luid": "\\u0000", "type": "view"}]}', b'{"content_items": ' + b"[" * 5000,
    b'{"content_items": null}', b'\xff\xfe{}', b'{"content_items": [{"luid": "x", "type": "view"}',
    b'<tsRequest><content_items luid="x" type="view"/></tsRequest>',
])
def test_hostile_bodies(org, body):
    for kind in (BATCH_TYPE, "application/json", "application/xml", None):
        reply = org.admin.call("POST", USAGE, raw=body, content_type=kind)
        assert (reply.status, reply.code) == (400, "400000"), (kind, reply)
        assert reply.type == "application/json"


def test_hostile_names(org):
    generator = random.Random(20261125)
    for _ in range(100):
        text = "".join(generator.choice("a\"'\\/<>&\x7f\u0301é漢 \t%") for _ in range(
            generator.randint(1, 60)))
        assert told(org.admin, [("view", text)]) == ([], [404])
        assert told(org.admin, [(text, NOBODY)]) == ([], [400])


def test_the_gate(org, server):
    path = f"{USAGE}/views/{NOBODY}"
    assert server.client().call("GET", path).code == "401000"
    scoped = org.by_jwt(scopes=("tableau:content:read", "tableau:views:*"))
    assert scoped.call("GET", path).code == "401002", "no scope admits it"
    assert batch(scoped, [{"type": "view", "luid": NOBODY}]).code == "401002"
    assert org.admin.call("PUT", path).code == "405000"
    assert org.admin.call("GET", f"{USAGE}/views").code == "404003"
    assert org.admin.call("GET", USAGE).code == "405000"


def test_counts_go_with_their_item(org, project):
    admin = org.admin
    workbook = publish_workbook(admin, project)["id"]
    view = views_of(admin, workbook)["Detail"]["id"]
    look(admin, "view", view)
    soon(lambda: usage(admin, "workbooks", workbook), 1)
    admin.ok("DELETE", f"{admin.site}/views/{view}", status=204)
    assert usage(admin, "workbooks", workbook) == 1, "the workbook was looked at all the same"
    look(admin, "workbook", workbook)
    admin.ok("DELETE", f"{admin.site}/workbooks/{workbook}", status=204)
    assert admin.call("GET", f"{USAGE}/workbooks/{workbook}").code == "404006"


def test_many_at_once(org, project):
    """No look is lost or counted twice, whoever writes meanwhile."""
    from concurrent.futures import ThreadPoolExecutor
    workbook = publish_workbook(org.admin, project)["id"]
    view = views_of(org.admin, workbook)["Detail"]["id"]
    people = [org.as_role("SiteAdministratorExplorer"), org.as_role("SiteAdministratorCreator")]

    def work(n):
        client = people[n % 2].twin(people[n % 2].session)
        for i in range(25):
            look(client, "view", view)
            if i % 5 == 0:
                usage(client, "views", view)
            if n == 0 and i % 8 == 0:
                client.ok("PUT", f"{client.site}/workbooks/{workbook}/tags",
                          {"tags": {"tag": [{"label": f"t{i}"}]}})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    soon(lambda: usage(org.admin, "views", view), 150)
    soon(lambda: usage(org.admin, "workbooks", workbook), 150)


def test_a_stop_loses_none(tmp_path):
    """What is noted when the server is told to stop is written before it ends."""
    def start():
        return servers.Server("sqlite", data=tmp_path / "data", password="usage-password")

    server = start()
    try:
        client = server.client().by_password("admin", "usage-password")
        workbook = publish_workbook(client, closed_project(client))["id"]
        look(client, "workbook", workbook, 7)
        server.stop()
        server = start()
        client = server.client().by_password("admin", "usage-password")
        assert usage(client, "workbooks", workbook) == 7
        server.stop()
    finally:
        server.discard()
