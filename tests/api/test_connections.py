"""Credentials that come with a file that is published."""

import uuid
from xml.sax.saxutils import quoteattr

import pytest

from contents import (connection_xml, datasource_bytes, multipart, publish_datasource,
                      publish_workbook)
from easel_client import check_refusal, to_xml, unique
from flow_files import flow_file


def embedded(caption, key, *connections):
    """A data source of a workbook."""
    named = "".join(f"<named-connection name='{key}.{i}'>{c}</named-connection>"
                    for i, c in enumerate(connections or (connection_xml(),)))
    return (f"<datasource {f'caption={quoteattr(caption)} ' if caption else ''}name='{key}'>"
            f"<connection class='federated'><named-connections>{named}</named-connections>"
            f"</connection></datasource>")


def book(*datasources):
    return (f"<?xml version='1.0' encoding='utf-8' ?><workbook version='18.1'><datasources>"
            f"<datasource name='Parameters'/>{''.join(datasources)}</datasources><worksheets>"
            f"<worksheet name='One'><table><view/></table></worksheet></worksheets>"
            f"</workbook>").encode()


def path(client, item, kind="workbooks"):
    return f"{client.site}/{kind}/{item['id']}/connections"


def connections(client, item, kind="workbooks", fmt=None):
    return client.ok("GET", path(client, item, kind), fmt=fmt).doc["connections"].get("connection", [])


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
