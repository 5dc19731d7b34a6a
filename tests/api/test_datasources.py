"""Data sources: got, listed, updated, certified, deleted; their connections."""

import pytest

from contents import (connection_xml, datasource_bytes, default_project, grant, new_project,
                      package, publish_datasource, publish_reply, publish_workbook,
                      workbook_bytes)
from easel_client import check_refusal, children, find, unique


def path(client, source=None, *more):
    return "/".join([f"{client.site}/datasources"] + ([source] if source else []) + list(more))


def names(reply):
    return [d["name"] for d in reply.doc["datasources"].get("datasource", [])]


@pytest.fixture(scope="module")
def project(org):
    return new_project(org.admin)


@pytest.fixture
def source(org, project):
    return publish_datasource(org.admin, project=project)


def get(client, source, **options):
    return client.ok("GET", path(client, source), **options).doc["datasource"]


def update(client, source, fmt=None, **members):
    return client.call("PUT", path(client, source), {"datasource": members}, fmt=fmt)


def test_get(org, project, source, fmt):
    got = get(org.admin, source["id"], fmt=fmt)
    assert got["name"] == source["name"] and got["type"] == "sqlserver"
    assert got["contentUrl"] == source["contentUrl"] and got["size"] == "1"
    assert got["encryptExtracts"] == "false" and got["hasExtracts"] is False
    assert got["isCertified"] is False and "certificationNote" not in got
    assert got["useRemoteQueryAgent"] is False
    assert got["project"]["id"] == project and got["owner"]["id"] == org.admin.session.user_id
    assert got["tags"] == {}
    assert got["webpageUrl"].startswith(f"{org.server.url}/#/site/{org.content_url}/datasources/")


def test_order_of_members(org, source):
    reply = org.admin.ok("GET", path(org.admin, source["id"]), fmt="xml")
    assert children(find(reply, "datasource")) == ["project", "owner", "tags"]


def test_unknown_and_unread(org, source, fmt):
    viewer = org.as_role("Viewer")
    assert org.admin.call("GET", path(org.admin, "nonsense"), fmt=fmt).code == "404004"
    assert viewer.call("GET", path(viewer, source["id"]), fmt=fmt).code == "403004"
    assert viewer.call("DELETE", path(viewer, source["id"]), fmt=fmt).code == "403004"
    assert update(viewer, source["id"], fmt, name="x").code == "403032"
    # The LUID of a workbook names no data source.
    book = publish_workbook(org.admin, project=new_project(org.admin))
    assert org.admin.call("GET", path(org.admin, book["id"]), fmt=fmt).code == "404004"


def test_list(org, fmt):
    stamp = unique("sources")
    project = new_project(org.admin, name=stamp)
    publish_datasource(org.admin, f"{stamp}-a", project)
    publish_datasource(org.admin, f"{stamp}-b", project, datasource_bytes(
        connection_xml("postgres", "pg.example.com", "pg", "stock", "5432")))

    def listed(query):
        return org.admin.ok("GET", f"{path(org.admin)}?filter=projectName:eq:{stamp}{query}",
                            fmt=fmt)

    assert names(listed("&sort=name:desc")) == [f"{stamp}-b", f"{stamp}-a"]
    a, b = [f"{stamp}-a"], [f"{stamp}-b"]
    for query, found in ((",type:eq:postgres", b), (",serverName:eq:db.example.com", a),
                         (",databaseName:eq:stock", b), (",databaseUserName:in:[pg,nobody]", b),
                         (",serverPort:eq:1433", a), (",connectionType:eq:sqlserver", a),
                         (",isCertified:eq:true", []), (",isPublished:eq:true", a + b),
                         (",hasExtracts:eq:false", a + b), (",hasEmbeddedPassword:eq:true", []),
                         (",size:lte:1", a + b)):
        assert names(listed(query)) == found, query
    whole = listed("").doc["datasources"]["datasource"][0]
    assert set(whole) == {"id", "name", "contentUrl", "webpageUrl", "type", "size", "createdAt",
                          "updatedAt", "encryptExtracts", "hasExtracts", "isCertified",
                          "useRemoteQueryAgent", "project", "owner", "tags"}


def test_all_fields(org, project, fmt):
    source = publish_datasource(org.admin, project=project)
    data = workbook_bytes()
    proxy = (f"<repository-location id='{source['contentUrl']}' path='/datasources'/>"
             + connection_xml("sqlproxy", "localhost", "", source["contentUrl"], "80"))
    inner = data.split(b"<datasource caption")[1].split(b"</datasource>")[0]
    data = data.replace(inner, f"='Sales' name='sqlproxy.1'>{proxy}".encode())
    publish_workbook(org.admin, project=project, data=data)
    query = f"?filter=name:eq:{source['name']}&fields=_all_"
    (got,) = org.admin.ok("GET", path(org.admin) + query, fmt=fmt).doc["datasources"]["datasource"]
    assert got["isPublished"] is True and got["connectedWorkbooksCount"] == "1"
    assert got["serverName"] == "db.example.com" and got["databaseName"] == "sales"
    assert got["owner"]["siteRole"]


def test_update(org, source, fmt):
    name = unique("renamed")
    reply = update(org.admin, source["id"], fmt, name=name, description="Where it is from",
                   isCertified=True, certificationNote="Checked", useRemoteQueryAgent=True)
    got = reply.doc["datasource"]
    assert got["name"] == name and got["description"] == "Where it is from"
    assert got["isCertified"] is True and got["certificationNote"] == "Checked"
    assert got["useRemoteQueryAgent"] is True
    assert got == get(org.admin, source["id"], fmt=fmt)
    got = update(org.admin, source["id"], fmt, isCertified=False, certificationNote="").doc
    assert got["datasource"]["isCertified"] is False
    assert "certificationNote" not in got["datasource"]


@pytest.mark.parametrize("members, code", [
    ({"name": ""}, "400000"), ({"isCertified": "perhaps"}, "400000"),
    ({"useRemoteQueryAgent": "1x"}, "400000"), ({"certificationNote": "x" * 8001}, "400000"),
    ({"project": {"id": "11111111-2222-3333-4444-555555555555"}}, "404005"),
    ({"owner": {"id": "nobody"}}, "404002")])
def test_update_refused(org, source, fmt, members, code):
    before = get(org.admin, source["id"])
    assert update(org.admin, source["id"], fmt, **members).code == code
    assert get(org.admin, source["id"]) == before


def test_names_collide(org, project, source, fmt):
    other = publish_datasource(org.admin, project=project)
    assert update(org.admin, other["id"], fmt, name=source["name"]).code == "409015"


def test_owners_do_not_certify(org, fmt):
    project = new_project(org.admin)
    grant(org.admin, project, org.user("Creator"), Read="Allow", Write="Allow")
    creator = org.as_role("Creator")
    own = publish_datasource(creator, project=project)
    assert update(creator, own["id"], fmt, isCertified=True).code == "403032"
    assert update(creator, own["id"], fmt, certificationNote="Trust me").code == "403032"
    assert update(creator, own["id"], fmt, isCertified=False, name=unique("own")).status == 200
    assert update(creator, own["id"], fmt, owner={"id": org.user("Explorer")}).code == "403027"
    assert update(creator, own["id"], fmt,
                  project={"id": new_project(org.admin)}).code == "403030"
    org.admin.ok("DELETE", path(org.admin, own["id"]), status=204)


def test_delete(org, source, fmt):
    org.admin.ok("DELETE", path(org.admin, source["id"]), status=204, fmt=fmt)
    assert org.admin.call("GET", path(org.admin, source["id"]), fmt=fmt).code == "404004"


def test_connections_are_its_own(org, source, fmt):
    """Connections of workbooks alone tell which data source they belong to."""
    reply = org.admin.ok("GET", f"{org.admin.site}/datasources/{source['id']}/connections", fmt=fmt)
    assert all("datasource" not in c for c in reply.doc["connections"]["connection"])


def test_connections(org, source, fmt):
    where = path(org.admin, source["id"], "connections")
    (got,) = org.admin.ok("GET", where, fmt=fmt).doc["connections"]["connection"]
    assert got["type"] == "sqlserver" and got["serverAddress"] == "db.example.com"
    secret = unique("secret")
    reply = org.admin.ok("PUT", f"{where}/{got['id']}", {"connection": {
        "serverAddress": "new.example.com", "password": secret, "embedPassword": True}}, fmt=fmt)
    assert reply.doc["connection"]["embedPassword"] is True and secret not in reply.body.decode()
    embedded = f"?filter=name:eq:{source['name']},hasEmbeddedPassword:eq:true"
    assert names(org.admin.ok("GET", path(org.admin) + embedded, fmt=fmt)) == [source["name"]]
    bulk = {"connectionLUIDs": {"connectionLUID": [got["id"]]},
            "connection": {"authenticationType": "auth-keypair", "userName": "pair"}}
    (after,) = org.admin.ok("PUT", where, bulk, fmt=fmt).doc["connections"]["connection"]
    assert after["userName"] == "pair" and after["serverAddress"] == "new.example.com"
    viewer = org.as_role("Viewer")
    assert viewer.call("GET", where, fmt=fmt).code == "403021"
    assert viewer.call("PUT", f"{where}/{got['id']}", {"connection": {}}, fmt=fmt).code == "403023"
    assert org.admin.call("PUT", f"{where}/{source['id']}", {"connection": {"userName": "x"}},
                          fmt=fmt).code == "404020"


def test_the_wildcard_of_tasks_is_for_extracts(org, fmt):
    """seed-scopes: tableau:tasks:* updates data sources with extracts; the others all."""
    live = publish_datasource(org.admin)
    data = package("d.tds", datasource_bytes(), **{"Data/x.hyper": b"HyPe" * 10})
    reply = publish_reply(org.admin, "datasource", "d.tdsx", data, {
        "name": unique("d"), "project": {"id": default_project(org.admin)}})
    assert reply.doc["datasource"]["hasExtracts"] is True and live["hasExtracts"] is False
    extract = reply.doc["datasource"]["id"]
    for scopes, status in ((["tableau:tasks:*"], 401), (["tableau:datasources:update"], 200),
                           (["tableau:datasources:*"], 200),
                           (["tableau:tasks:*", "tableau:datasources:update"], 200)):
        client = org.server.client(fmt=fmt).by_jwt(
            org.app.jwt(org.name("SiteAdministratorCreator"), scopes), org.content_url)
        reply = update(client, live["id"], fmt, description="Live")
        assert reply.status == status, (scopes, reply)
        if status == 401:
            check_refusal(reply, 401002)
            check_refusal(update(client, "no-such-id", fmt, description="x"), 404004)
        assert update(client, extract, fmt, description="Extract").status == 200
