"""Label values and label categories: the labels that a site has, and those of its own."""

from urllib.parse import quote

import pytest

from published import allow, datasource_xml, flow_archive, publish
from easel_client import children, find, unique
from orgs import Org

BUILT_IN = {"Certified": "Certification", "Deprecated": "DataQualityWarning",
            "Stale data": "DataQualityWarning", "Under maintenance": "DataQualityWarning",
            "Warning": "DataQualityWarning", "Sensitive data": "Sensitivity"}
CATEGORIES = ["Certification", "DataQualityWarning", "Sensitivity"]


@pytest.fixture
def site(server, home):
    """A site whose vocabulary nobody else changes."""
    return Org(server, home, unique("words"))


def put(client):
    return publish(client, "datasource", datasource_xml(unique("salt")))["id"]


def path_of(client, kind, *name):
    return "/".join([f"{client.site}/label{kind}", *(quote(part, safe="") for part in name)])


def values(client, query="", **options):
    return client.ok("GET", path_of(client, "Values") + query, **options).doc["labelValueList"]["labelValue"]


def categories(client, **options):
    return client.ok("GET", path_of(client, "Categories"), **options).doc["labelCategoryList"]["labelCategory"]


def value(client, name, **options):
    return client.ok("GET", path_of(client, "Values", name), **options).doc["labelValue"]


def put_value(client, name, category="Sensitivity", description="told", old=None, **members):
    options = {"fmt": members.pop("fmt", None)}
    told = {"name": name, "category": category, "description": description, **members}
    told = {key: member for key, member in told.items() if member is not None}
    path = path_of(client, "Values", *([old] if old else []))
    return client.ok("PUT", path, {"labelValue": told}, 200, **options).doc["labelValue"]


def add_category(client, name, description="told", **options):
    return client.ok("POST", path_of(client, "Categories"), {
        "labelCategory": {"name": name, "description": description}}, 200, **options).doc["labelCategory"]


def on(*ids, kind="datasource", **label):
    document = {"contentList": {"content": [{"contentType": kind, "id": id} for id in ids]}}
    return {**document, "label": label} if label else document


def set_label(client, id, name, kind="datasource", **members):
    return client.ok("PUT", f"{client.site}/labels", on(id, kind=kind, value=name, **members)).doc[
        "labelList"]["label"][0]


def labels(client, id, kind="datasource", query=""):
    return client.ok("POST", f"{client.site}/labels{query}", on(id, kind=kind)).doc["labelList"].get("label", [])


def test_built_in(site, fmt):
    rows = values(site.admin, fmt=fmt)
    assert {row["name"]: row["category"] for row in rows} == BUILT_IN
    for row in rows:
        assert row["builtIn"] is True and row["internal"] is False and row["elevatedDefault"] is False
        assert row["description"] and row["site"] == {"id": site.site_id}
        assert value(site.admin, row["name"].upper(), fmt=fmt) == row
    assert [row["name"] for row in categories(site.admin, fmt=fmt)] == CATEGORIES
    assert all(set(row) == {"name", "description"} and row["description"]
               for row in categories(site.admin, fmt=fmt))
    some = values(site.admin, "?categories=sensitivity,Certification,SENSITIVITY", fmt=fmt)
    assert [row["name"] for row in some] == ["Certified", "Sensitive data"]
    site.admin.refused("400000", "GET", path_of(site.admin, "Values") + "?categories=Fashion", fmt=fmt)


def test_own_value(site, fmt):
    """Made, read, changed, renamed and deleted."""
    made = put_value(site.admin, "Top <&> / secret?", description="nobody \u00e9lse", elevatedDefault=True, fmt=fmt)
    assert made == {"name": "Top <&> / secret?", "category": "Sensitivity", "description": "nobody \u00e9lse",
                    "internal": False, "elevatedDefault": True, "builtIn": False,
                    "site": {"id": site.site_id}}
    reply = site.admin.ok("GET", path_of(site.admin, "Values", made["name"].upper()), fmt=fmt)
    assert reply.doc == {"labelValue": made}
    if fmt == "xml":
        assert children(find(reply, "labelValue")) == ["site"]
    assert made in values(site.admin, fmt=fmt) and len(values(site.admin)) == 7
    # Without case it is the same, which keeps the name it has; what is not said stays.
    again = put_value(site.admin, "TOP <&> / SECRET?", None, "others", fmt=fmt)
    assert again == {**made, "description": "others"}
    changed = put_value(site.admin, None, None, None, old="top <&> / secret?", elevatedDefault=False, fmt=fmt)
    assert changed == {**again, "elevatedDefault": False}
    renamed = put_value(site.admin, "Secret", "sensitivity", None, old=made["name"], fmt=fmt)
    assert renamed == {**changed, "name": "Secret"} and value(site.admin, "secret") == renamed
    assert put_value(site.admin, "SECRET", None, None, old="Secret")["name"] == "SECRET"
    site.admin.refused("404000", "GET", path_of(site.admin, "Values", made["name"]), fmt=fmt)
    assert len(values(site.admin)) == 7
    site.admin.ok("DELETE", path_of(site.admin, "Values", "secret"), status=200, fmt=fmt)
    assert {row["name"] for row in values(site.admin)} == set(BUILT_IN)
    for verb, document in (("GET", None), ("PUT", {"labelValue": {"description": "x"}}), ("DELETE", None)):
        site.admin.refused("404000", verb, path_of(site.admin, "Values", "Secret"), document, fmt=fmt)


def test_labels_of_own_values(site):
    """On data sources and flows: set, shown, chosen by category, renamed, deleted."""
    add_category(site.admin, "Department")
    put_value(site.admin, "Finance", "department", elevatedDefault=True)
    put_value(site.admin, "Confidential")
    source, flow = put(site.admin), publish(site.admin, "flow", flow_archive())["id"]
    made = set_label(site.admin, source, "FINANCE", message="theirs")
    assert (made["value"], made["category"], made["elevated"]) == ("Finance", "Department", True)
    assert set_label(site.admin, source, "finance", category="DEPARTMENT")["id"] == made["id"]
    assert set_label(site.admin, flow, "Finance", kind="flow", elevated=False)["elevated"] is False
    set_label(site.admin, source, "Confidential")
    assert [row["value"] for row in labels(site.admin, source)] == ["Finance", "Confidential"]
    assert [row["value"] for row in labels(site.admin, source, query="?categories=department")] == ["Finance"]
    site.admin.refused("400000", "PUT", f"{site.admin.site}/labels",
                       on(source, value="Finance", category="Sensitivity"))
    # One value turns into another of its category alone.
    put_value(site.admin, "Sales", "Department")
    path = f"{site.admin.site}/labels/{made['id']}"
    assert site.admin.ok("PUT", path, {"label": {"value": "sales"}}).doc["label"]["value"] == "Sales"
    site.admin.refused("400000", "PUT", path, {"label": {"value": "Confidential"}})
    # Labels follow the names of values and categories.
    put_value(site.admin, "Marketing", None, None, old="Sales")
    site.admin.ok("PUT", path_of(site.admin, "Categories", "department"),
                  {"labelCategory": {"name": "Team", "description": "who"}}, 200)
    shown = site.admin.ok("GET", path).doc["label"]
    assert (shown["value"], shown["category"], shown["message"]) == ("Marketing", "Team", "theirs")
    assert value(site.admin, "Marketing")["category"] == "Team"
    assert [row["value"] for row in labels(site.admin, source, query="?categories=Team")] == ["Marketing"]
    site.admin.refused("400000", "POST", f"{site.admin.site}/labels?categories=Department", on(source))
    assert [row["category"] for row in labels(site.admin, flow, "flow")] == ["Team"]
    # A value takes its labels with it, and no others.
    site.admin.ok("DELETE", path_of(site.admin, "Values", "Marketing"), status=200)
    assert [row["value"] for row in labels(site.admin, source)] == ["Confidential"]
    site.admin.refused("404000", "GET", path)
    assert [row["value"] for row in labels(site.admin, flow, "flow")] == ["Finance"]
    site.admin.ok("DELETE", f"{site.admin.site}/labels?categories=Team", on(flow, kind="flow"), status=204)
    assert labels(site.admin, flow, "flow") == []


def test_many_labels_on_an_item(site):
    """More than the array of labels begins with."""
    source = put(site.admin)
    names = [f"Value {i:02}" for i in range(20)]
    for name in names:
        put_value(site.admin, name)
        set_label(site.admin, source, name, message=name)
    assert [(row["value"], row["message"]) for row in labels(site.admin, source)] == list(zip(names, names))


def test_built_in_values_change_and_return(site, fmt):
    """Also their names; deleting one brings its default back, with its labels."""
    before = value(site.admin, "Under maintenance")
    source = put(site.admin)
    set_label(site.admin, source, "Under maintenance", message="m")
    changed = put_value(site.admin, "Maintenance mode", None, "paused", old="under maintenance",
                        elevatedDefault=True, fmt=fmt)
    assert changed == {**before, "name": "Maintenance mode", "description": "paused", "elevatedDefault": True}
    assert len(values(site.admin)) == 6 and value(site.admin, "maintenance MODE", fmt=fmt) == changed
    assert [(row["value"], row["message"]) for row in labels(site.admin, source)] == [("Maintenance mode", "m")]
    assert set_label(site.admin, put(site.admin), "Maintenance mode")["elevated"] is True
    site.admin.refused("400000", "PUT", f"{site.admin.site}/labels", on(source, value="Under maintenance"))
    # The default name is kept for it.
    site.admin.refused("404000", "GET", path_of(site.admin, "Values", "Under maintenance"), fmt=fmt)
    for old in ((), ("Warning",)):
        site.admin.refused("400000", "PUT", path_of(site.admin, "Values", *old), {"labelValue": {
            "name": "UNDER maintenance", "category": "DataQualityWarning", "description": "x"}}, fmt=fmt)
    site.admin.ok("DELETE", path_of(site.admin, "Values", "Maintenance mode"), status=200, fmt=fmt)
    assert value(site.admin, "Under maintenance") == before
    assert [row["value"] for row in labels(site.admin, source)] == ["Under maintenance"]
    site.admin.ok("DELETE", path_of(site.admin, "Values", "Under maintenance"), status=200, fmt=fmt)
    assert value(site.admin, "Under maintenance") == before and len(labels(site.admin, source)) == 1
    put_value(site.admin, "Maintenance mode", "DataQualityWarning")
    assert len(values(site.admin)) == 7


def test_certified(site):
    """Told otherwise, but not renamed, and alone in its category."""
    before = value(site.admin, "Certified")
    source = put(site.admin)
    for old, told in (("Certified", {"name": "Approved"}), (None, {
            "name": "Approved", "category": "certification", "description": "x"})):
        site.admin.refused("400000", "PUT", path_of(site.admin, "Values", *([old] if old else [])),
                           {"labelValue": told})
    put_value(site.admin, "certified", None, "by the office", elevatedDefault=True)
    assert value(site.admin, "Certified") == {**before, "description": "by the office", "elevatedDefault": True}
    site.admin.ok("PUT", f"{site.admin.site}/datasources/{source}", {"datasource": {"isCertified": True}})
    [made] = labels(site.admin, source)
    assert (made["value"], made["elevated"]) == ("Certified", True)
    site.admin.ok("DELETE", path_of(site.admin, "Values", "Certified"), status=200)
    assert value(site.admin, "Certified") == before and len(labels(site.admin, source)) == 1


def test_categories(site, fmt):
    made = add_category(site.admin, "Team / <&>", "who \u00e9lse", fmt=fmt)
    assert made == {"name": "Team / <&>", "description": "who \u00e9lse"}
    assert categories(site.admin, fmt=fmt)[3:] == [made]
    path = path_of(site.admin, "Categories", "TEAM / <&>")
    changed = site.admin.ok("PUT", path, {"labelCategory": {"description": "they"}}, 200, fmt=fmt).doc
    assert changed == {"labelCategory": {"name": "Team / <&>", "description": "they"}}
    changed = site.admin.ok("PUT", path, {"labelCategory": {"name": "TEAM"}}, 200, fmt=fmt).doc
    assert changed == {"labelCategory": {"name": "TEAM", "description": "they"}}
    site.admin.refused("404000", "PUT", path, {"labelCategory": {"name": "x"}}, fmt=fmt)
    path = path_of(site.admin, "Categories", "team")
    put_value(site.admin, "Finance", "Team")
    site.admin.refused("400000", "DELETE", path, fmt=fmt)
    assert value(site.admin, "Finance")["category"] == "TEAM"
    site.admin.ok("DELETE", path_of(site.admin, "Values", "Finance"), status=200)
    site.admin.ok("DELETE", path, status=200, fmt=fmt)
    assert [row["name"] for row in categories(site.admin, fmt=fmt)] == CATEGORIES
    site.admin.refused("404000", "DELETE", path, fmt=fmt)
    for name in CATEGORIES:
        path = path_of(site.admin, "Categories", name.lower())
        site.admin.refused("400000", "DELETE", path, fmt=fmt)
        site.admin.refused("400000", "PUT", path, {"labelCategory": {"description": "x"}}, fmt=fmt)


@pytest.mark.parametrize("told", [
    {}, {"name": ""}, {"name": " \t"}, {"name": "x" * 129}, {"category": None}, {"category": "Fashion"},
    {"category": ""}, {"description": None}, {"description": " "}, {"description": "x" * 501},
    {"internal": "true"}, {"internal": "perhaps"}, {"elevatedDefault": "2"},
])
def test_bad_values(org, told, fmt):
    good = {"name": unique("value"), "category": "Sensitivity", "description": "x"}
    document = {key: member for key, member in {**good, **told}.items() if member is not None} if told else {}
    before = values(org.admin)
    org.admin.refused("400000", "PUT", path_of(org.admin, "Values"), {"labelValue": document}, fmt=fmt)
    assert values(org.admin) == before
    org.admin.refused("404000", "GET", path_of(org.admin, "Values", good["name"]))


def test_bad_changes(org, fmt):
    name, other = unique("One"), unique("Other")
    made = put_value(org.admin, name)
    put_value(org.admin, other)
    path = path_of(org.admin, "Values", name)
    for told in ({"name": ""}, {"name": "x" * 129}, {"name": other.upper()}, {"name": "WARNING"},
                 {"category": "DataQualityWarning"}, {"category": "Fashion"}, {"description": ""},
                 {"description": "x" * 501}, {"name": unique("new"), "elevatedDefault": "2"},
                 {"name": unique("new"), "internal": "1"}):
        org.admin.refused("400000", "PUT", path, {"labelValue": told}, fmt=fmt)
    org.admin.refused("400000", "PUT", path, fmt=fmt)
    org.admin.refused("400000", "PUT", path, {"labelCategory": {"name": "x"}}, fmt=fmt)
    org.admin.refused("400000", "PUT", path_of(org.admin, "Values"), {"labelValue": {
        "name": name, "category": "DataQualityWarning"}}, fmt=fmt)
    assert value(org.admin, name, fmt=fmt) == made
    assert put_value(org.admin, "x" * 128, description="\u00e9" * 500, fmt=fmt)["description"] == "\u00e9" * 500


def test_bad_categories(org, fmt):
    name, other = unique("One"), unique("Other")
    for added in (name, other):
        add_category(org.admin, added)
    before = categories(org.admin)
    new = {"name": unique("new"), "description": "x"}
    for told in ({}, {"name": "x"}, {"description": "x"}, {**new, "name": " "}, {**new, "name": "x" * 129},
                 {**new, "description": ""}, {**new, "description": "x" * 501}, {**new, "name": name.upper()},
                 {**new, "name": "SENSITIVITY"}):
        org.admin.refused("400000", "POST", path_of(org.admin, "Categories"), {"labelCategory": told}, fmt=fmt)
    org.admin.refused("400000", "POST", path_of(org.admin, "Categories"), fmt=fmt)
    for told in ({"name": ""}, {"name": other.upper()}, {"name": "sensitivity"}, {"name": "x" * 129},
                 {"description": " "}, {"name": unique("new"), "description": "x" * 501}):
        org.admin.refused("400000", "PUT", path_of(org.admin, "Categories", name), {"labelCategory": told}, fmt=fmt)
    assert categories(org.admin) == before


def test_most(site):
    """A site has so many of its own; those there are can be changed all the same."""
    for i in range(50):
        add_category(site.admin, f"Category {i}")
    site.admin.refused("400000", "POST", path_of(site.admin, "Categories"), {
        "labelCategory": {"name": "one more", "description": "x"}})
    assert len(categories(site.admin)) == 53
    put_value(site.admin, "Caution", None, None, old="Warning")
    for i in range(200):
        put_value(site.admin, f"Value {i}", f"Category {i % 50}")
    site.admin.refused("400000", "PUT", path_of(site.admin, "Values"), {
        "labelValue": {"name": "one more", "category": "Sensitivity", "description": "x"}})
    put_value(site.admin, "VALUE 7", None, "changed")
    put_value(site.admin, "Old data", None, None, old="Stale data")
    rows = {row["name"]: row for row in values(site.admin)}
    assert len(rows) == 206 and rows["Value 7"]["description"] == "changed"
    assert rows["Caution"]["builtIn"] and rows["Old data"]["builtIn"]


def test_without_case_beyond_ascii(site):
    put_value(site.admin, "\u00c4rger")
    assert put_value(site.admin, "\u00e4RGER", None, "again")["name"] == "\u00c4rger"
    add_category(site.admin, "\u00c9quipe")
    put_value(site.admin, "Nord", "\u00e9QUIPE")
    source = put(site.admin)
    assert set_label(site.admin, source, "\u00c4RGER")["value"] == "\u00c4rger"
    assert set_label(site.admin, source, "nord", category="\u00e9quipe")["category"] == "\u00c9quipe"
    assert [row["value"] for row in labels(site.admin, source, query="?categories=%C3%A9quipe")] == ["Nord"]


def test_sites_are_apart(site, other):
    """Neither seen, nor set, nor changed from another site."""
    name = unique("Secret")
    put_value(site.admin, name)
    put_value(site.admin, "Maintenance mode", None, None, old="Under maintenance")
    category = unique("Team")
    add_category(site.admin, category)
    source = put(other.admin)
    assert {row["name"] for row in values(other.admin)} == set(BUILT_IN)
    assert [row["name"] for row in categories(other.admin)] == CATEGORIES
    for verb, document in (("GET", None), ("PUT", {"labelValue": {"description": "x"}}), ("DELETE", None)):
        other.admin.refused("404000", verb, path_of(other.admin, "Values", name), document)
    for verb, document in (("PUT", {"labelCategory": {"description": "x"}}), ("DELETE", None)):
        other.admin.refused("404000", verb, path_of(other.admin, "Categories", category), document)
    other.admin.refused("400000", "PUT", f"{other.admin.site}/labels", on(source, value=name))
    set_label(other.admin, source, "Under maintenance")
    put_value(other.admin, name, "DataQualityWarning")
    set_label(other.admin, source, name)
    site.admin.ok("DELETE", path_of(site.admin, "Values", name), status=200)
    put_value(site.admin, "Paused", None, None, old="Maintenance mode")
    assert {row["value"] for row in labels(other.admin, source)} == {"Under maintenance", name}
    other.admin.ok("DELETE", path_of(other.admin, "Values", name), status=200)


CALLS = [("GET", "Values", (), None), ("GET", "Values", ("Warning",), None),
         ("PUT", "Values", (), {"labelValue": {"name": "New", "category": "Sensitivity", "description": "x"}}),
         ("PUT", "Values", ("Warning",), {"labelValue": {"description": "x"}}),
         ("DELETE", "Values", ("Warning",), None), ("GET", "Categories", (), None),
         ("POST", "Categories", (), {"labelCategory": {"name": "New", "description": "x"}}),
         ("PUT", "Categories", ("Unknown",), {"labelCategory": {"description": "x"}}),
         ("DELETE", "Categories", ("Unknown",), None)]


@pytest.mark.parametrize("verb, kind, name, document", CALLS)
def test_rights(org, other, verb, kind, name, document):
    """Administrators alone, and no JWT: no scope is documented."""
    before = values(org.admin), categories(org.admin)
    for role in ("Creator", "ExplorerCanPublish", "Explorer", "Viewer"):
        client = org.as_role(role)
        client.refused("403004", verb, path_of(client, kind, *name), document)
    client = org.by_jwt(scopes=["tableau:labels:read", "tableau:labels:update", "tableau:labels:delete"])
    client.refused("401002", verb, path_of(client, kind, *name), document)
    stranger = other.as_role("SiteAdministratorCreator")
    stranger.refused("401002", verb, path_of(org.admin, kind, *name), document)
    org.admin.refused("404003", verb, path_of(org.admin, kind, *name), document, version="3.20")
    assert (values(org.admin), categories(org.admin)) == before
    admin = org.as_role("SiteAdministratorExplorer")
    if "Unknown" in name:
        admin.refused("404000", verb, path_of(admin, kind, *name), document, version="3.21")
    else:
        admin.ok(verb, path_of(admin, kind, *name), document, 200, version="3.21")


def test_writers_use_what_administrators_made(site):
    put_value(site.admin, "Confidential")
    project = site.admin.add_project()["id"]
    allow(site.admin, project, site.user("Creator"), "Read", "Write", content="datasources")
    source = publish(site.admin, "datasource", datasource_xml(), project=project)["id"]
    client = site.as_role("Creator")
    assert set_label(client, source, "confidential")["value"] == "Confidential"
    assert [row["value"] for row in labels(site.as_role("Creator"), source)] == ["Confidential"]
