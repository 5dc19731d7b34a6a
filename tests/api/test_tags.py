"""Tags of content: put on, taken off, in batches, shown and filtered by in lists."""

import random
from urllib.parse import quote

import pytest

from content_samples import PUBLISH, closed_project, publish_datasource, publish_workbook, views_of
from easel_client import unique

ZERO = "00000000-0000-4000-8000-000000000000"
KINDS = ("workbook", "view", "datasource", "flow")
NOT_ADDED = {"workbook": 400049, "view": 400076, "datasource": 400075, "flow": 400000}
UNKNOWN = {"workbook": 404006, "view": 404011, "datasource": 404004, "flow": 404027}


def tags(*labels):
    return {"tags": {"tag": [{"label": label} for label in labels]}}


def labels_of(element):
    return [tag["label"] for tag in element["tags"].get("tag", [])]


@pytest.fixture
def project(org):
    return closed_project(org.admin)


def make(client, kind, project):
    if kind == "view":
        return views_of(client, publish_workbook(client, project)["id"])["Overview"]["id"]
    return PUBLISH[kind](client, project)["id"]


def path_of(client, kind, item, *rest):
    return "/".join([f"{client.site}/{kind}s/{item}", *rest])


def shown(client, kind, item):
    return labels_of(client.ok("GET", path_of(client, kind, item)).doc[kind])


@pytest.mark.parametrize("kind", ["workbook", "datasource", "flow"])
def test_put_on_while_publishing(org, project, kind):
    """Beside those that are there already, also by who does not own the item."""
    name = unique(kind)
    item = PUBLISH[kind](org.admin, project, name=name, **tags("b", "a", "b"))
    assert shown(org.admin, kind, item["id"]) == ["a", "b"]
    PUBLISH[kind](org.admin, project, name=name, query="?overwrite=true", **tags("c"))
    assert shown(org.admin, kind, item["id"]) == ["a", "b", "c"]
    fields = "" if kind == "flow" else "tags:eq:c,"
    found = org.admin.ok("GET", f"{org.admin.site}/{kind}s?filter={fields}name:eq:{name}").doc
    assert [one["id"] for one in found[f"{kind}s"][kind]] == [item["id"]]


def test_bad_tags_publish_nothing(org, project):
    for bad in (tags(" "), tags("x" * 201), {"tags": {"tag": [{"name": "a"}]}},
                tags(*(str(n) for n in range(201)))):
        name = unique("bad")
        with pytest.raises(AssertionError, match="400"):
            publish_workbook(org.admin, project, name=name, **bad)
        reply = org.admin.ok("GET", f"{org.admin.site}/workbooks?filter=name:eq:{name}")
        assert reply.doc["pagination"]["totalAvailable"] == "0"


@pytest.mark.parametrize("kind", KINDS)
def test_put_on_and_taken_off(org, project, fmt, kind):
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    item = make(admin, kind, project)
    assert shown(admin, kind, item) == []
    odd = "a b/ü,%"
    reply = admin.ok("PUT", path_of(admin, kind, item, "tags"), tags("b", odd, "a"))
    assert labels_of(reply.doc) == ["b", odd, "a"], "those of the request"
    admin.ok("PUT", path_of(admin, kind, item, "tags"), tags("a", "c"))
    assert shown(admin, kind, item) == sorted(["a", "b", "c", odd])
    admin.ok("DELETE", path_of(admin, kind, item, "tags", quote(odd, safe="")), status=204)
    admin.refused(404007, "DELETE", path_of(admin, kind, item, "tags", quote(odd, safe="")))
    admin.refused(404007, "DELETE", path_of(admin, kind, item, "tags", "A"))
    assert shown(admin, kind, item) == ["a", "b", "c"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused(org, project, kind):
    admin = org.admin
    item = make(admin, kind, project)
    path = path_of(admin, kind, item, "tags")
    admin.refused(UNKNOWN[kind], "PUT", path_of(admin, kind, ZERO, "tags"), tags("a"))
    admin.refused(UNKNOWN[kind], "DELETE", path_of(admin, kind, "nonsense", "tags", "a"))
    admin.refused(400000, "PUT", path, {"tags": {}})
    admin.refused(400000, "PUT", path, {"tags": {"tag": [{}]}})
    for label in ("", "  ", "x" * 201):
        admin.refused(NOT_ADDED[kind], "PUT", path, tags("fine", label))
    assert shown(admin, kind, item) == [], "all or nothing"
    admin.ok("PUT", path, tags(*(f"t{i:03}" for i in range(200))))
    admin.refused(NOT_ADDED[kind], "PUT", path, tags("one too many"))
    assert len(shown(admin, kind, item)) == 200


@pytest.mark.parametrize("kind", KINDS)
def test_who_may(org, project, kind):
    admin, creator = org.admin, org.as_role("Creator")
    item = make(admin, kind, project)
    path = path_of(admin, kind, item, "tags")
    creator.refused(403004, "PUT", path, tags("a"))
    rules = {"user": {"id": org.user("Creator")}, "capabilities": {
        "capability": [{"name": "Read", "mode": "Allow"}]}}
    admin.ok("PUT", path_of(admin, kind, item, "permissions"),
             {"permissions": {"granteeCapabilities": [rules]}})
    creator.refused(403004, "PUT", path, tags("a"))
    if kind in ("datasource", "flow"):
        rules["capabilities"]["capability"].append({"name": "Write", "mode": "Allow"})
        admin.ok("PUT", path_of(admin, kind, item, "permissions"),
                 {"permissions": {"granteeCapabilities": [rules]}})
    else:
        owned = path_of(admin, "workbook", item) if kind == "workbook" else None
        if owned is None:
            workbook = admin.ok("GET", path_of(admin, "view", item)).doc["view"]["workbook"]["id"]
            owned = path_of(admin, "workbook", workbook)
        admin.ok("PUT", owned, {"workbook": {"owner": {"id": org.user("Creator")}}})
    creator.ok("PUT", path, tags("mine"))
    assert shown(admin, kind, item) == ["mine"]
    org.as_role("SiteAdministratorExplorer").ok("DELETE", path + "/mine", status=204)


def test_of_views_and_data_sources_from_a_version_on(org, project):
    admin = org.admin
    for kind in ("view", "datasource"):
        item = make(admin, kind, project)
        admin.refused(404008, "PUT", path_of(admin, kind, item, "tags"), tags("a"), version="2.5")
        admin.ok("PUT", path_of(admin, kind, item, "tags"), tags("a"), version="2.6")
    item = make(admin, "workbook", project)
    admin.ok("PUT", path_of(admin, "workbook", item, "tags"), tags("a"), version="2.0")


def test_batches(org, project, fmt):
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    items = [(kind, make(admin, kind, project)) for kind in KINDS]

    def batch(*labels, named=True, extra=()):
        return {"tagBatch": {"tags": tags(*labels)["tags"], "contents": {"content": [
            {"contentType": kind, "id": item} if named else {"id": item}
            for kind, item in [*items, *extra]]}}}

    reply = admin.ok("PUT", f"{admin.site}/tags:batchCreate", batch("x", "y"))
    assert labels_of(reply.doc["tagBatch"]) == ["x", "y"]
    assert {c["id"] for c in reply.doc["tagBatch"]["contents"]["content"]} == {i for _, i in items}
    for kind, item in items:
        assert shown(admin, kind, item) == ["x", "y"]
    admin.refused(404008, "PUT", f"{admin.site}/tags:batchCreate",
                  batch("z", extra=[("moon", ZERO)]))
    for kind in KINDS:
        for act in ("batchCreate", "batchDelete"):
            admin.refused(404008, "PUT", f"{admin.site}/tags:{act}",
                          batch("z", extra=[(kind, ZERO)]))
    admin.refused(404008, "PUT", f"{admin.site}/tags:batchDelete",
                  batch("x", named=False, extra=[(None, ZERO)]))
    for kind, item in items:
        assert shown(admin, kind, item) == ["x", "y"], "all or nothing"
    org.as_role("Creator").refused(403004, "PUT", f"{admin.site}/tags:batchDelete", batch("x"))
    admin.ok("PUT", f"{admin.site}/tags:batchDelete", batch("x", "not there", named=False))
    for kind, item in items:
        assert shown(admin, kind, item) == ["y"]
    admin.refused(400000, "PUT", f"{admin.site}/tags:batchCreate",
                  {"tagBatch": {"tags": {}, "contents": {}}})


def test_batches_by_who_may_write(org, project):
    """Whoever holds Write, owner or not; one by one a workbook's and a view's tags are its owner's."""
    creator = org.as_role("Creator")
    for kind in ("workbook", "datasource", "flow"):
        item = make(org.admin, kind, project)
        body = {"tagBatch": {**tags("z"), "contents": {"content": [{"contentType": kind, "id": item}]}}}
        creator.refused(403004, "PUT", f"{creator.site}/tags:batchCreate", body)
        path = f"{org.admin.site}/{kind}s/{item}/permissions"
        org.admin.ok("PUT", path, {"permissions": {"granteeCapabilities": [
            {"user": {"id": org.user("Creator")}, "capabilities": {"capability": [
                {"name": name, "mode": "Allow"} for name in ("Read", "Write")]}}]}})
        creator.ok("PUT", f"{creator.site}/tags:batchCreate", body)
        assert shown(org.admin, kind, item) == ["z"]
        creator.ok("PUT", f"{creator.site}/tags:batchDelete", body)
        assert shown(org.admin, kind, item) == []


def test_a_label_twice_is_one(org, project, fmt):
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    item = make(admin, "workbook", project)
    reply = admin.ok("PUT", path_of(admin, "workbook", item, "tags"), tags("one", "two", "one"))
    assert [tag["label"] for tag in reply.doc["tags"]["tag"]] == ["one", "two"]


def test_lists_show_and_filter_by_tags(org, project):
    admin, seed = org.admin, unique("t")
    generator = random.Random(seed)
    wanted = {}
    for kind in KINDS:
        for _ in range(3):
            item = make(admin, kind, project)
            chosen = sorted(generator.sample([f"{seed}-{n}" for n in "abcd"], 2))
            admin.ok("PUT", path_of(admin, kind, item, "tags"), tags(*chosen))
            wanted.setdefault(kind, {})[item] = chosen

    def listed(kind, condition, client=admin):
        doc = client.ok("GET", f"{client.site}/{kind}s?pageSize=1000&filter={condition}").doc
        found = {entry["id"]: labels_of(entry) for entry in doc[f"{kind}s"].get(kind, [])}
        assert int(doc["pagination"]["totalAvailable"]) == len(found)
        return found

    for kind in ("workbook", "view", "datasource"):
        mine = wanted[kind]
        for label in (f"{seed}-{n}" for n in "abcd"):
            assert listed(kind, f"tags:eq:{label}") == {
                item: labels for item, labels in mine.items() if label in labels}
        assert listed(kind, f"tags:in:[{seed}-a,{seed}-b]") == {
            item: labels for item, labels in mine.items()
            if {f"{seed}-a", f"{seed}-b"} & set(labels)}
        assert listed(kind, f"tags:eq:{seed}*") == mine
        assert listed(kind, f"tags:eq:{seed}-nothing") == {}
        assert listed(kind, f"tags:eq:{seed}*", org.as_role("Creator")) == {}, "not readable"
        admin.refused(400065, "GET", f"{admin.site}/{kind}s?sort=tags:asc")
        admin.refused(400065, "GET", f"{admin.site}/{kind}s?filter=tags:gt:a")


def test_they_stay_with_a_new_revision_and_go_with_the_item(org, project):
    admin = org.admin
    name = unique("w")
    workbook = publish_workbook(admin, project, name=name)["id"]
    view = views_of(admin, workbook)["Overview"]["id"]
    for kind, item in (("workbook", workbook), ("view", view)):
        admin.ok("PUT", path_of(admin, kind, item, "tags"), tags(name))
    publish_workbook(admin, project, name=name, query="?overwrite=true")
    assert shown(admin, "workbook", workbook) == [name]
    assert shown(admin, "view", view) == [name]
    in_workbook = admin.ok("GET", path_of(admin, "workbook", workbook)).doc["workbook"]["views"]
    assert {v["name"]: labels_of(v) for v in in_workbook["view"]} == {"Overview": [name],
                                                                      "Detail": []}
    admin.ok("DELETE", path_of(admin, "workbook", workbook), status=204)
    again = publish_workbook(admin, project, name=name)
    assert shown(admin, "workbook", again["id"]) == []


def test_labels_of_one_site_say_nothing_of_another(org, other, project):
    label = unique("t")
    mine = publish_datasource(org.admin, project)["id"]
    org.admin.ok("PUT", path_of(org.admin, "datasource", mine, "tags"), tags(label))
    doc = other.admin.ok("GET", f"{other.admin.site}/datasources?filter=tags:eq:{label}").doc
    assert doc["pagination"]["totalAvailable"] == "0"
    other.admin.refused(404004, "PUT", path_of(other.admin, "datasource", mine, "tags"), tags("a"))
