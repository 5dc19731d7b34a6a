"""Lists as clients ask for them: operators, how values are sent, pages, and the
documented error for what is no expression."""

from urllib.parse import quote

import pytest

from contents import (connection_xml, datasource_bytes, publish_datasource, publish_flow, publish_reply,
                      publish_workbook, workbook_bytes)
from csv_jobs import wait
from easel_client import unique

# Names that are written like expressions.
ODD = ["a:b", "a:eq:b", "[a", "a]", "[a]", "a b", "a+b", "50%", "a_b", "a\\b", "a'b", 'a"b', "a*",
       "' OR 1=1 --", "%", "_", "\u00c4rger", "a;b", "a=b", "?1", "a/b#c"]


@pytest.fixture(scope="module")
def shelf(org):
    """A project that holds one project for each odd name: (client, id, mark)."""
    mark = unique("m").replace("-", "")
    parent = org.admin.add_project(unique("shelf"))
    for name in ODD:
        org.admin.add_project(name + mark, parentProjectId=parent["id"])
    return org.admin, parent["id"], mark


def names(shelf, filter_, fmt=None, more=""):
    client, parent, mark = shelf
    doc = client.ok("GET", f"{client.site}/projects?pageSize=1000&filter=parentProjectId:eq:{parent},"
                    f"{filter_}{more}", fmt=fmt).doc
    found = [p["name"].removesuffix(mark) for p in doc["projects"].get("project", [])]
    assert doc["pagination"]["totalAvailable"] == str(len(found))
    return found


def test_values_are_values(shelf, fmt):
    for name in ODD:
        sent = quote(name + shelf[2], safe="")
        expected = [name] if name != "a*" else None  # * stands for any characters
        found = names(shelf, "name:eq:" + sent, fmt)
        assert found == expected or (expected is None and {"a*", "a b", "a:b"} <= set(found)), name
        assert names(shelf, f"name:in:[{sent}]", fmt) == [name]


def test_names_without_case(shelf, fmt):
    for name in ODD:
        for other in ((name + shelf[2]).upper(), (name + shelf[2]).lower()):
            assert names(shelf, "name:cieq:" + quote(other, safe=""), fmt) == [name]
    assert names(shelf, "name:eq:" + quote("\u00c4RGER" + shelf[2])) == []


def test_lists_of_values(shelf, fmt):
    """As TSC writes them: str() of a list without quotes, percent-encoded whole."""
    wanted = ["a:b", "a b", "50%"]
    for written in ("[" + ",".join(n + shelf[2] for n in wanted) + "]",
                    "[" + ",".join(n + shelf[2] for n in wanted) + ",nobody]"):
        for sent in (quote(written, safe=""), quote(written, safe="[],"), quote(written).replace(
                "%20", "+")):
            assert sorted(names(shelf, "name:in:" + sent, fmt)) == sorted(wanted)
    # brackets are brackets elsewhere
    assert names(shelf, f"name:eq:[a{shelf[2]},topLevelProject:eq:false", fmt) == ["[a"]


def test_booleans_as_python_writes_them(shelf, fmt):
    assert len(names(shelf, "topLevelProject:eq:False", fmt)) == len(ODD)
    assert names(shelf, "topLevelProject:eq:True", fmt) == []


def test_times_are_compared_as_they_are_shown(shelf, fmt):
    client, parent, mark = shelf
    one = client.ok("GET", f"{client.site}/projects?filter=name:eq:{quote('a b' + mark)}"
                    ).doc["projects"]["project"][0]
    shown = one["createdAt"]
    assert "a b" in names(shelf, f"createdAt:eq:{shown}", fmt)
    assert "a b" in names(shelf, f"createdAt:gte:{shown}", fmt)
    assert "a b" in names(shelf, f"createdAt:lte:{shown}", fmt)
    assert "a b" not in names(shelf, f"createdAt:gt:{shown}", fmt)
    assert "a b" not in names(shelf, f"createdAt:lt:{shown}", fmt)
    assert "a b" in names(shelf, f"createdAt:gte:{shown},createdAt:lte:{shown}", fmt)


def test_a_field_named_twice(shelf, fmt):
    mark = shelf[2]
    assert names(shelf, f"name:eq:nobody,name:cieq:A%20B{mark}", fmt) == ["a b"]


@pytest.mark.parametrize("what", ["users", "projects"])
@pytest.mark.parametrize("query,code", [
    ("filter=nonsense:eq:x", "400065"), ("filter=name:like:x", "400065"),
    ("filter=name:CIEQ:x", "400065"), ("filter=name:has:x", "400065"),
    ("filter=name_key:eq:x", "400065"), ("filter=name%20OR%201=1:eq:x", "400065"),
    ("filter=x.name:eq:x", "400065"), ("filter=name:gt:x", "400065"),
    ("filter=name", "400000"), ("filter=name:eq", "400000"), ("filter=name:in:x", "400000"),
    ("filter=name:in:[x", "400000"), ("filter=name:eq:a%2Cb", "400000"),
    ("filter=name:eq:a,,name:eq:b", "400000"), ("filter=name:in:[a]b", "400000"),
    ("sort=nonsense:asc", "400065"), ("sort=name:up", "400000"),
    ("sort=name;DROP%20TABLE%20project:asc", "400065"), ("sort=(SELECT%201):asc", "400065"),
    ("fields=nonsense", "400000"),
    ("pageNumber=0", "400006"), ("pageNumber=x", "400006"), ("pageNumber=99999", "400006"),
    ("pageSize=0", "400007"), ("pageSize=x", "400007"), ("pageSize=1001", "403014"),
])
def test_lists_that_cannot_be(org, fmt, what, query, code):
    reply = org.admin.refused(code, "GET", f"{org.admin.site}/{what}?{query}", fmt=fmt)
    assert len(reply.detail) < 300


@pytest.mark.parametrize("value", [
    "' OR '1'='1", "x'; DROP TABLE site_user; --", "x') UNION SELECT password_hash FROM account --",
    "\\", "%", "?1", "$1", "{text}", "0 OR 1=1",
])
def test_sql_is_a_value(org, fmt, value):
    for operator in ("eq", "cieq"):
        doc = org.admin.ok("GET", f"{org.admin.site}/users?filter=name:{operator}:"
                           + quote(value, safe=""), fmt=fmt).doc
        assert doc["pagination"]["totalAvailable"] == "0" and doc["users"] == {}
    assert org.admin.ok("GET", f"{org.admin.site}/users").doc["users"]["user"]


def test_an_empty_first_page_is_no_error(org, fmt):
    for what in ("users", "projects"):
        doc = org.admin.ok("GET", f"{org.admin.site}/{what}?filter=name:eq:nobody", fmt=fmt).doc
        assert doc["pagination"] == {"pageNumber": "1", "pageSize": "100", "totalAvailable": "0"}
        org.admin.refused(400006, "GET",
                          f"{org.admin.site}/{what}?filter=name:eq:nobody&pageNumber=2", fmt=fmt)


# Every documented field by which a list is sorted or filtered; the same for all rows too.
SORTED = {
    "workbooks": "contentUrl createdAt displayTabs favoritesTotal hasAlerts hasExtracts name "
                 "ownerDomain ownerEmail ownerName projectName sheetCount size subscriptionsTotal "
                 "updatedAt",
    "views": "caption contentUrl createdAt favoritesTotal hitsTotal name ownerDomain ownerEmail "
             "ownerName projectName sheetNumber sheetType title updatedAt viewUrlName "
             "workbookDescription workbookName",
    "datasources": "authenticationType connectedWorkbookType connectionTo connectionType contentUrl "
                   "createdAt databaseName databaseUserName description favoritesTotal hasAlert "
                   "hasEmbeddedPassword hasExtracts isCertified isConnectable isDefaultPort "
                   "isHierarchical isPublished name ownerDomain ownerEmail ownerName projectName "
                   "serverName serverPort size tableName type updatedAt",
    "projects": "createdAt name ownerDomain ownerEmail ownerName parentProjectId topLevelProject "
                "updatedAt",
    "flows": "createdAt name ownerName projectId projectName updatedAt",
    "users": "domainName friendlyName isLocal lastLogin luid name siteRole",
    "groups": "domainName domainNickname isLocal luid minimumSiteRole name userCount",
}


@pytest.mark.parametrize("list_", SORTED)
def test_each_field_sorts(org, list_):
    publish_workbook(org.admin)
    publish_datasource(org.admin)
    publish_flow(org.admin)
    base = f"{org.admin.site}/{list_}?pageSize=1000&sort="
    all_of = org.admin.ok("GET", base.replace("&sort=", "")).doc["pagination"]["totalAvailable"]
    for field in SORTED[list_].split():
        for way in ("asc", "desc"):
            doc = org.admin.ok("GET", f"{base}{field}:{way},name:asc").doc
            assert doc["pagination"]["totalAvailable"] == all_of, field
            assert len(doc[list_][list_[:-1]]) == int(all_of)


# The documented table of filters: fields for eq and in, (eq) for eq alone, (n) and (d) for
# numbers and dates by eq and the four of order, (t) for true and false by eq.
FILTERED = {
    "workbooks": "createdAt(d) contentUrl displayTabs(t) favoritesTotal(n) hasAlerts(t) "
                 "hasExtracts(t) name ownerDomain ownerEmail ownerName projectName sheetCount(n) "
                 "size(n) subscriptionsTotal(n) tags updatedAt(d)",
    "views": "caption contentUrl createdAt(d) favoritesTotal(n) fields hitsTotal(n) name "
             "ownerDomain ownerEmail ownerName projectName sheetNumber(n) sheetType tags title "
             "updatedAt(d) viewUrlName workbookDescription workbookName",
    "datasources": "authenticationType connectedWorkbookType(n) connectionTo connectionType "
                   "contentUrl createdAt(d) databaseName databaseUserName description "
                   "favoritesTotal(n) hasAlert(t) hasEmbeddedPassword(t) hasExtracts(t) "
                   "isCertified(t) isConnectable(t) isDefaultPort(t) isHierarchical(t) "
                   "isPublished(t) name ownerDomain ownerEmail(eq) ownerName projectName "
                   "serverName serverPort(eq) size(n) tableName tags type updatedAt(d)",
    "projects": "createdAt(d) name ownerDomain ownerEmail ownerName parentProjectId "
                "topLevelProject(t) updatedAt(d)",
    "flows": "createdAt(d) name ownerName projectId projectName updatedAt(d)",
}
ORDER = ("gt", "gte", "lt", "lte")
TAKES = {"": (("eq", "x"), ("in", "[x,y]")), "eq": (("eq", "x"),),
         "t": (("eq", "true"), ("eq", "False")),
         "n": tuple((operator, "1") for operator in ("eq", *ORDER)),
         "d": tuple((operator, "2020-01-02T03:04:05Z") for operator in ("eq", *ORDER))}
# No field takes the other kind's operators.
WRONG = {"": ORDER, "eq": ORDER, "t": ("in", *ORDER), "n": ("has",), "d": ("has",)}


@pytest.mark.parametrize("list_", FILTERED)
def test_each_field_filters(org, list_):
    for entry in FILTERED[list_].split():
        field, _, kind = entry.rstrip(")").partition("(")
        base = f"{org.admin.site}/{list_}?filter={field}:"
        for operator, value in TAKES[kind]:
            org.admin.ok("GET", f"{base}{operator}:{value}")
        for operator in WRONG[kind]:
            org.admin.refused(400065, "GET", f"{base}{operator}:{'[x]' if operator == 'in' else '1'}")


def test_data_sources_by_what_they_connect_to(org, fmt):
    admin, name = org.admin, unique("connections")
    project = admin.add_project(name)["id"]
    made = {
        "usual": connection_xml(),
        "no port": connection_xml("oracle", "ora.example.com", port=""),
        "other port": connection_xml("postgres", "pg.example.com", port="1433"),
        "unknown class": connection_xml("newdb", "new.example.com", port="1433"),
        "cube": connection_xml("msolap", "cubes.example.com", port=""),
        "file": "<connection class='textscan' directory='/data' filename='rows.csv' server=''/>",
    }
    for title, xml in made.items():
        publish_datasource(admin, title, project, data=datasource_bytes(xml))

    def found(query):
        doc = admin.ok("GET", f"{admin.site}/datasources?filter=projectName:eq:{name}{query}",
                       fmt=fmt).doc
        return [item["name"] for item in doc["datasources"].get("datasource", [])]

    cubes, odd = ["cube"], ["other port", "unknown class"]
    for field, expected in (("isHierarchical", cubes),
                            ("isConnectable", [t for t in made if t not in cubes]),
                            ("isDefaultPort", [t for t in made if t not in odd])):
        assert found(f",{field}:eq:true") == expected, field
        assert found(f",{field}:eq:False") == [t for t in made if t not in expected], field
        order = [t for t in made if t not in expected] + expected
        assert found(f"&sort={field}:asc") == order, field
    assert found(",connectionTo:eq:ora.example.com") == ["no port"]
    assert found(",connectionTo:eq:rows.csv") == ["file"]
    assert found(",connectionTo:in:[rows.csv,cubes.example.com]") == ["cube", "file"]
    assert found(",connectionTo:eq:*.example.com") == [t for t in made if t != "file"]
    assert found("&sort=connectionTo:asc") == [
        "cube", "usual", "unknown class", "no port", "other port", "file"]
    # what is changed of a connection counts, not what the file said
    item = admin.ok("GET", f"{admin.site}/datasources?filter=projectName:eq:{name},name:eq:usual"
                    ).doc["datasources"]["datasource"][0]["id"]
    path = f"{admin.site}/datasources/{item}/connections"
    connection = admin.ok("GET", path).doc["connections"]["connection"][0]["id"]
    admin.ok("PUT", f"{path}/{connection}", {"connection": {
        "serverAddress": "moved.example.com", "serverPort": "1434"}})
    assert found(",connectionTo:eq:moved.example.com,isDefaultPort:eq:false") == ["usual"]


def test_a_data_source_without_a_connection(org):
    source = publish_datasource(org.admin, data=datasource_bytes("<column name='[a]' datatype='string'"
                                " role='dimension' type='nominal'/>"))
    base = f"{org.admin.site}/datasources?filter=contentUrl:eq:{source['contentUrl']},"
    for condition, total in (("isHierarchical:eq:false", "1"), ("isConnectable:eq:true", "1"),
                             ("isDefaultPort:eq:true", "1"), ("connectionTo:eq:*", "0")):
        doc = org.admin.ok("GET", base + condition).doc
        assert doc["pagination"]["totalAvailable"] == total, condition


def names_found(client, list_, base, fmt=None):
    """What asks for the names of a list's items that fit more conditions."""
    def found(query):
        doc = client.ok("GET", f"{client.site}/{list_}?{base}{query}", fmt=fmt).doc
        found = [item["name"] for item in doc[list_].get(list_[:-1], [])]
        assert doc["pagination"]["totalAvailable"] == str(len(found))
        return found
    return found


def put_source(client, project, title, *tables, query=""):
    return publish_datasource(client, title, project, query=query,
                              data=datasource_bytes(connection_xml(tables=tables)))


def test_data_sources_by_tables(org, fmt):
    admin, name = org.admin, unique("tables")
    project = admin.add_project(name)["id"]
    put_source(admin, project, "one", "[dbo].[Orders]")
    put_source(admin, project, "two", "[dbo].[Returns]", "[archive].[dbo].[Orders]")
    put_source(admin, project, "none")
    put_source(admin, project, "odd", "[a:b]", "[it's 100%]")
    elsewhere = admin.add_project(unique("elsewhere"))["id"]
    put_source(admin, elsewhere, "other", "[dbo].[Orders]")
    for client in (admin, org.as_role("Viewer")):
        found = names_found(client, "datasources", f"filter=projectName:eq:{name}", fmt)
        assert found(",tableName:eq:Orders") == ["one", "two"]
        assert found(",tableName:in:[Returns,Orders,Orders]") == ["one", "two"]
        assert found(",tableName:in:[Nothing,Returns]") == ["two"]
        assert found(",tableName:eq:Order*") == ["one", "two"]
        assert found(",tableName:eq:a:b") == ["odd"]
        assert found(",tableName:eq:" + quote("it's 100%")) == ["odd"]
        for unknown in ("orders", "[dbo].[Orders]", "dbo", "Nothing", ""):
            assert found(f",tableName:eq:{quote(unknown)}") == []
        # by the first of each; none comes first
        assert found("&sort=tableName:asc") == ["none", "one", "two", "odd"]
        assert found("&sort=tableName:desc,name:asc") == ["odd", "two", "one", "none"]
        assert found(",tableName:eq:Orders&sort=tableName:desc") == ["two", "one"]


def test_tables_are_those_of_the_file(org, fmt):
    """A new revision brings its own; an update that sends no file changes none."""
    admin, name = org.admin, unique("tables")
    project = admin.add_project(name)["id"]
    found = names_found(admin, "datasources", f"filter=projectName:eq:{name}", fmt)
    item = put_source(admin, project, "s", "[dbo].[Old]", "[dbo].[Both]")
    assert found(",tableName:eq:Old") == ["s"]
    admin.ok("PUT", f"{admin.site}/datasources/{item['id']}", {"datasource": {"name": "t"}})
    assert found(",tableName:eq:Old") == ["t"]
    admin.ok("PUT", f"{admin.site}/datasources/{item['id']}", {"datasource": {"name": "s"}})
    put_source(admin, project, "s", "[dbo].[Both]", "[dbo].[New]", query="?overwrite=true")
    assert found(",tableName:eq:Old") == []
    assert found(",tableName:eq:New") == found(",tableName:eq:Both") == ["s"]
    reply = publish_reply(admin, "datasource", "s.tds", datasource_bytes(connection_xml(
        tables=["[dbo].[Of a job]"])), {"name": "s", "project": {"id": project}},
        "?overwrite=true&asJob=true")
    assert wait(admin, reply.doc["job"]["id"])["finishCode"] == "0"
    assert found(",tableName:eq:Both") == [] and found(",tableName:eq:Of a job") == ["s"]
    admin.ok("DELETE", f"{admin.site}/datasources/{item['id']}", status=204)
    assert found(",tableName:eq:Of a job") == []


def test_views_by_fields(org, fmt):
    admin, book = org.admin, unique("fields")
    project = admin.add_project(unique("fields"))["id"]

    def put(fields, query=""):
        return publish_workbook(admin, book, project, query=query, data=workbook_bytes(
            ("Map", "Ranks", "Bare"), ("Board",), fields=fields, shown={"Board": ["Ranks", "Bare"]}))

    item = put({"Map": ["Sales", "Region", "a:b & 'c'"], "Ranks": ["Sales", "Rank"]})
    for client in (admin, org.as_role("Viewer")):
        found = names_found(client, "views", f"filter=workbookName:eq:{book}", fmt)
        assert found(",fields:eq:Sales") == ["Map", "Ranks", "Board"]
        assert found(",fields:eq:Region") == ["Map"]
        assert found(",fields:in:[Rank,Region]") == ["Map", "Ranks", "Board"]
        assert found(",fields:eq:R*") == ["Map", "Ranks", "Board"]
        assert found(",fields:eq:" + quote("a:b & 'c'")) == ["Map"]
        for unknown in ("sales", "[Sales]", "Nothing", ""):
            assert found(f",fields:eq:{quote(unknown)}") == []
        assert found(",fields:eq:Sales,sheetType:eq:dashboard&sort=name:desc") == ["Board"]
        client.refused(400065, "GET", f"{client.site}/views?sort=fields:asc", fmt=fmt)
    found = names_found(admin, "views", f"filter=workbookName:eq:{book}", fmt)
    put({"Map": ["Sales"], "Bare": ["Profit"]}, "?overwrite=true")
    assert found(",fields:eq:Sales") == ["Map"]
    assert found(",fields:in:[Region,Rank]") == []
    assert found(",fields:eq:Profit") == ["Bare", "Board"]
    admin.ok("DELETE", f"{admin.site}/workbooks/{item['id']}", status=204)
    assert found(",fields:in:[Sales,Profit]") == []


@pytest.mark.parametrize("kind, publish", [
    ("workbook", publish_workbook), ("datasource", publish_datasource)])
def test_by_favorites(org, kind, publish, fmt):
    """How many users have it among theirs; nothing has alerts or subscriptions."""
    name = unique("favorites")
    project = org.admin.add_project(name)["id"]
    items = [publish(org.admin, unique("f"), project)["id"] for _ in range(3)]
    admin = org.admin
    for users, item in ((["Creator", "Viewer"], items[1]), (["Viewer"], items[2])):
        for role in users:
            admin.ok("PUT", f"{admin.site}/favorites/{org.user(role)}",
                     {"favorite": {"label": unique("label"), kind: {"id": item}}})

    def found(query):
        doc = admin.ok("GET", f"{admin.site}/{kind}s?filter=projectName:eq:{name}{query}", fmt=fmt).doc
        return [item["id"] for item in doc[kind + "s"].get(kind, [])]

    assert found(",favoritesTotal:eq:0") == [items[0]]
    assert found(",favoritesTotal:gte:1") == items[1:]
    assert found(",favoritesTotal:gt:1") == [items[1]]
    assert found("&sort=favoritesTotal:desc") == [items[1], items[2], items[0]]
    alerts = "hasAlerts" if kind == "workbook" else "hasAlert"
    assert found(f",{alerts}:eq:false") == items and found(f",{alerts}:eq:true") == []
    if kind == "workbook":
        assert found(",subscriptionsTotal:lte:0") == items and found(",subscriptionTotal:gt:0") == []
        return
    doc = admin.ok("GET", f"{admin.site}/datasources?fields=id,favoritesTotal,hasAlert&filter="
                   f"projectName:eq:{name}", fmt=fmt).doc["datasources"]["datasource"]
    assert [(d["id"], d["favoritesTotal"], d["hasAlert"]) for d in doc] == [
        (item, count, False) for item, count in zip(items, ("0", "2", "1"))]


def test_views_by_favorites(org, fmt):
    book = publish_workbook(org.admin)
    first, second = (view["id"] for view in book["views"]["view"])
    admin = org.admin
    admin.ok("PUT", f"{admin.site}/favorites/{org.user('Viewer')}",
             {"favorite": {"label": unique("label"), "view": {"id": second}}})
    base = f"{admin.site}/views?filter=workbookName:eq:{book['name']}"
    doc = admin.ok("GET", base + ",favoritesTotal:gte:1&fields=_all_", fmt=fmt).doc["views"]["view"]
    assert [(view["id"], view["favoritesTotal"]) for view in doc] == [(second, "1")]
    doc = admin.ok("GET", base + "&sort=favoritesTotal:desc&fields=id", fmt=fmt).doc["views"]["view"]
    assert doc == [{"id": second}, {"id": first}]


def test_data_sources_by_workbooks(org, fmt):
    source = publish_datasource(org.admin)
    url = source["contentUrl"]
    published = (f"<connection class='sqlproxy' dbname='{url}' server='localhost' port='80' "
                 "channel='http' directory='/dataserver' username=''/>")
    for _ in range(2):
        publish_workbook(org.admin, data=workbook_bytes(connection=published))
    base = f"{org.admin.site}/datasources?filter=contentUrl:eq:{url},"
    for field in ("connectedWorkbookType", "connectedWorkbooksCount"):
        for condition, expected in (("eq:2", ["2"]), ("gt:2", []), ("lt:3", ["2"]), ("eq:0", [])):
            doc = org.admin.ok("GET", f"{base}{field}:{condition}&fields=_all_", fmt=fmt).doc
            got = doc["datasources"].get("datasource", [])
            assert [d["connectedWorkbooksCount"] for d in got] == expected
