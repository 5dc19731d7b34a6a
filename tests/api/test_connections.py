"""What workbooks read from: their data sources as connections tell them, whether those are
there when a workbook is published, and credentials that come with a file."""

import uuid
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

import pytest

from contents import (FIXTURES, connection_xml, datasource_bytes, flow_bytes, multipart,
                      new_project, publish_datasource, publish_flow, publish_reply,
                      publish_workbook)
from easel_client import check_refusal, to_xml, unique
from flow_files import flow_file
from test_publish_jobs import done, job_reply, why


def embedded(caption, key, *connections):
    """A data source of a workbook."""
    named = "".join(f"<named-connection name='{key}.{i}'>{c}</named-connection>"
                    for i, c in enumerate(connections or (connection_xml(),)))
    return (f"<datasource {f'caption={quoteattr(caption)} ' if caption else ''}name='{key}'>"
            f"<connection class='federated'><named-connections>{named}</named-connections>"
            f"</connection></datasource>")


def stand_in(url, server="localhost", port="80", caption="Stands in", site=None):
    """One that stands for a published data source."""
    where = "" if site is None else f" site={quoteattr(site)}"
    return (f"<datasource caption={quoteattr(caption)} name='sqlproxy.1'><repository-location "
            f"id={quoteattr(url)} path='/datasources'{where}/>"
            f"{connection_xml('sqlproxy', server, '', url, port)}</datasource>")


def book(*datasources):
    return (f"<?xml version='1.0' encoding='utf-8' ?><workbook version='18.1'><datasources>"
            f"<datasource name='Parameters'/>{''.join(datasources)}</datasources><worksheets>"
            f"<worksheet name='One'><table><view/></table></worksheet></worksheets>"
            f"</workbook>").encode()


def path(client, item, kind="workbooks"):
    return f"{client.site}/{kind}/{item['id']}/connections"


def connections(client, item, kind="workbooks", fmt=None):
    return client.ok("GET", path(client, item, kind), fmt=fmt).doc["connections"].get("connection", [])


def datasources(client, workbook, fmt=None):
    """(name, LUID) of what each connection reads."""
    return [(c["datasource"]["name"], c["datasource"]["id"])
            for c in connections(client, workbook, fmt=fmt)]


# ---------------------------------------------------------------- embedded data sources
def test_embedded_data_sources_have_luids(org, fmt):
    data = book(embedded("Sales", "federated.1", connection_xml(), connection_xml(server="other")),
                embedded(None, "federated.2"))
    workbook = publish_workbook(org.admin, data=data)
    found = connections(org.admin, workbook, fmt=fmt)
    told = [c["datasource"] for c in found]
    assert [d["name"] for d in told] == ["Sales", "Sales", "federated.2"]
    assert told[0] == told[1] and told[0]["id"] != told[2]["id"]
    assert not {d["id"] for d in told} & {workbook["id"], *(c["id"] for c in found)}
    assert all(str(uuid.UUID(d["id"])) == d["id"] for d in told)
    change = {"connection": {"userName": "writer"}}
    reply = org.admin.ok("PUT", f"{path(org.admin, workbook)}/{found[1]['id']}", change, fmt=fmt)
    assert reply.doc["connection"]["datasource"] == told[1]
    reply = org.admin.ok("PUT", path(org.admin, workbook), {
        "connectionLUIDs": {"connectionLUID": [c["id"] for c in reversed(found)]}, **change}, fmt=fmt)
    assert [c["datasource"] for c in reply.doc["connections"]["connection"]] == told[::-1]


def test_luids_stay_with_names(org):
    name = unique("book")

    def publish(*sources):
        publish_workbook(org.admin, name, data=book(*sources), query="?overwrite=true")
        (item,) = org.admin.ok("GET", f"{org.admin.site}/workbooks?filter=name:eq:{name}").doc[
            "workbooks"]["workbook"]
        return dict(datasources(org.admin, item))

    first = publish(embedded("A", "federated.1"), embedded("B", "federated.2"))
    second = publish(embedded("C", "federated.3"), embedded("B", "federated.4", connection_xml(server="x")),
                     embedded("A", "federated.1"))
    assert {n: second[n] for n in "AB"} == first and second["C"] not in first.values()
    assert publish(embedded("C", "federated.3")) == {"C": second["C"]}
    assert publish(embedded("A", "federated.1"))["A"] != first["A"]


def test_data_sources_of_others(org):
    """Each workbook has its own, and neither data sources nor flows have any."""
    data = book(embedded("Sales", "federated.1"))
    luids = {dict(datasources(org.admin, publish_workbook(org.admin, data=data)))["Sales"]
             for _ in range(2)}
    assert len(luids) == 2
    source, flow = publish_datasource(org.admin), publish_flow(org.admin, data=flow_bytes(server="db"))
    for item, kind in ((source, "datasources"), (flow, "flows")):
        (got,) = connections(org.admin, item, kind)
        assert "datasource" not in got


def test_published_data_sources(org, fmt):
    source, name = publish_datasource(org.admin), unique("renamed")
    workbook = publish_workbook(org.admin, data=book(stand_in(source["contentUrl"])))
    assert datasources(org.admin, workbook, fmt) == [(source["name"], source["id"])]
    where = f"{org.admin.site}/datasources/{source['id']}"
    org.admin.ok("PUT", where, {"datasource": {"name": name}})
    assert datasources(org.admin, workbook, fmt) == [(name, source["id"])]
    org.admin.ok("DELETE", where, status=204)
    ((told, luid),) = datasources(org.admin, workbook, fmt)
    assert told == "Stands in" and luid != source["id"] and uuid.UUID(luid)
    assert datasources(org.admin, workbook) == [(told, luid)]


# ---------------------------------------------------------------- are they there?
def here(client):
    where = urlsplit(client.url)
    return where.hostname, str(where.port)


def publish_book(client, *sources, query="", fmt=None, **members):
    return publish_reply(client, "workbook", "book.twb", book(*sources),
                         {"name": unique("book"), **members}, query, fmt=fmt)


def test_a_published_data_source_that_is_not_there(org, fmt):
    client = org.as_role("Creator")
    server, port = here(client)
    gone = stand_in("Nowhere", server, port, site=org.content_url)
    reply = publish_book(client, embedded("Sales", "federated.1"), gone, fmt=fmt)
    check_refusal(reply, 403132)
    assert "'Stands in' (Nowhere)" in reply.detail
    check_refusal(publish_book(client, gone, query="?skipConnectionCheck=false", fmt=fmt), 403132)
    assert publish_book(client, gone, query="?skipConnectionCheck=TRUE", fmt=fmt).status == 201
    check_refusal(publish_book(client, gone, query="?skipConnectionCheck=maybe", fmt=fmt), 400008)


def test_only_data_sources_of_this_site_are_looked_for(org, other):
    server, port = here(org.admin)
    there = [stand_in("Nowhere", "tableau.example.com", port), stand_in("Nowhere", server, "1"),
             stand_in("Nowhere", server, port, site=other.content_url), stand_in("Nowhere")]
    for source in there:
        assert publish_book(org.admin, source).status == 201
    for source in (stand_in("Nowhere", server, port), stand_in("Nowhere", server, "")):
        check_refusal(publish_book(org.admin, source), 403132)
    found = publish_datasource(org.admin)["contentUrl"]
    for source in (stand_in(found, server, port), stand_in(found.upper(), server, port,
                                                           site=org.content_url.upper())):
        assert publish_book(org.admin, source).status == 201


def test_a_published_data_source_that_may_not_be_read(org):
    hidden = publish_datasource(org.admin, project=new_project(org.admin))["contentUrl"]
    client, admin = org.as_role("Creator"), org.admin
    source = stand_in(hidden, *here(client))
    unread, gone = publish_book(client, source), publish_book(client, stand_in("Nowhere", *here(client)))
    check_refusal(unread, 403132)
    assert unread.detail.replace(hidden, "Nowhere") == gone.detail, "nothing is told of it"
    assert publish_book(admin, source).status == 201


def test_jobs_look_too(org):
    client, name = org.as_role("Creator"), unique("job")
    gone = book(stand_in("Nowhere", *here(client)))
    text = why(done(client, job_reply(client, "workbook", gone, name), code=1))
    assert text.startswith("403132: ") and "Nowhere" in text
    done(client, job_reply(client, "workbook", gone, name, "&skipConnectionCheck=true"))


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="no sample files")
@pytest.mark.parametrize("file", sorted(p.name for p in FIXTURES.glob("*.twb*")))
def test_samples_are_published_as_they_are(org, file):
    reply = publish_reply(org.admin, "workbook", file, (FIXTURES / file).read_bytes(),
                          {"name": unique("sample")})
    assert reply.status == 201, reply
    for connection in connections(org.admin, reply.doc["workbook"]):
        assert uuid.UUID(connection["datasource"]["id"]) and connection["datasource"]["name"]


# ---------------------------------------------------------------- credentials
@pytest.mark.parametrize("kind", ["workbook", "datasource"])
@pytest.mark.parametrize("asked, written, given", [
    ("1433", "", True), (None, "1433", True), ("", "1433", True), ("1433", "1433", True),
    (None, "", True), ("1433", "1434", False)])
def test_a_port_that_is_not_told_is_any(org, kind, asked, written, given):
    connection = connection_xml(port=written)
    if not written:
        connection = connection.replace("port=\"\" ", "")
    data = book(embedded("Sales", "federated.1", connection)) if kind == "workbook" else \
        datasource_bytes(connection)
    place = {"serverAddress": "DB.example.com"} | ({} if asked is None else {"serverPort": asked})
    publish = publish_workbook if kind == "workbook" else publish_datasource
    item = publish(org.admin, data=data, connections={"connection": [
        {**place, "connectionCredentials": {"name": "me", "password": "secret", "embed": "true"}}]})
    (got,) = connections(org.admin, item, f"{kind}s")
    assert got["embedPassword"] is given
    assert got["userName"] == ("me" if given else "reader")


def flow_of(*servers):
    """A flow that reads those servers, its bytes and the keys of its connections."""
    keys = [str(uuid.uuid4()) for _ in servers]
    return flow_file([], [(key, {
        "connectionType": ".v1.SqlConnection", "id": key, "name": server, "isPackaged": False,
        "connectionAttributes": {"class": "sqlserver", "server": server, "username": "reader"}})
        for key, server in zip(keys, servers)]), keys


def publish_flow_with(client, data, connections_of, beside=True, fmt=None):
    flow = {"name": unique("flow")}
    document = {"flow": flow}
    (document if beside else flow)["connections"] = {"connection": connections_of}
    body, content_type = multipart([
        ("request_payload", "", "text/xml", to_xml(document, namespace=None)),
        ("tableau_flow", "flow.tfl", "application/octet-stream", data)])
    return client.call("POST", f"{client.site}/flows", raw=body, content_type=content_type, fmt=fmt)


@pytest.mark.parametrize("beside", [True, False])
def test_credentials_of_flows(org, fmt, beside):
    data, (one, two, _, _) = flow_of("a.example.com", "b.example.com", "c.example.com", "d.example.com")
    nested = {"name": "nested", "password": "secret", "embed": "True"}
    reply = publish_flow_with(org.admin, data, [
        {"id": one.upper(), "username": "attribute", "password": "x", "embed": "false",
         "connectionCredentials": nested},
        {"id": two, "username": "attribute", "password": "secret", "embed": "true"},
        {"serverAddress": "c.example.com", "connectionCredentials": {**nested, "name": "place"}},
        {"id": "abc", "username": "nobody", "password": "secret", "embed": "true"},
        {"username": "nobody", "password": "secret", "embed": "true"}], beside, fmt)
    assert reply.status == 201 and b"secret" not in reply.body
    assert [(c["userName"], c["embedPassword"])
            for c in connections(org.admin, reply.doc["flow"], "flows", fmt)] == [
                ("nested", True), ("attribute", True), ("place", True), ("reader", False)]


def test_credentials_of_flows_refused(org, fmt):
    data, (key,) = flow_of("a.example.com")
    for wrong in ({"embed": "embed-flag"}, {"connectionCredentials": {"embed": "embed-flag"}}):
        check_refusal(publish_flow_with(org.admin, data, [{"id": key, **wrong}], fmt=fmt), 400000)
