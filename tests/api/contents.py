"""Content for tests: files made on the spot, and published as clients do, in one
multipart/mixed body with the request document first.
"""

import base64
import io
import json
import pathlib
import struct
import uuid
import zipfile
import zlib
from xml.sax.saxutils import quoteattr

from easel_client import to_xml, unique

FIXTURES = pathlib.Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "workbooks"


def multipart(parts):
    """(body, content type) of parts given as (name, file name or None, type, bytes)."""
    boundary = uuid.uuid4().hex
    body = b""
    for name, filename, kind, data in parts:
        where = f'name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        body += (f"--{boundary}\r\nContent-Disposition: {where}\r\nContent-Type: {kind}\r\n\r\n"
                 .encode() + data + b"\r\n")
    return body + f"--{boundary}--\r\n".encode(), f"multipart/mixed; boundary={boundary}"


def connection_xml(kind="sqlserver", server="db.example.com", user="reader", database="sales",
                   port="1433", tables=()):
    relations = "".join(f"<relation type='table' name={quoteattr(t.split('.')[-1].strip('[]'))} "
                        f"table={quoteattr(t)}/>" for t in tables)
    return (f"<connection class={quoteattr(kind)} server={quoteattr(server)} "
            f"username={quoteattr(user)} dbname={quoteattr(database)} port={quoteattr(port)} "
            f"authentication='sqlserver'>{relations}</connection>")


def png_bytes(seed=0, side=8):
    """A picture of one grey."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes([seed % 256]) * side) * side
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def workbook_bytes(sheets=("First", "Second"), dashboards=(), connection=None, thumbnails=(),
                   fields={}, shown={}):
    """A workbook with those sheets, which read one data source; thumbnails: (sheet, bytes);
    fields: of sheets, shown: sheets of dashboards, both by name."""
    def dependencies(sheet):
        columns = "".join(f"<column name={quoteattr(f'[{f}]')}/>" for f in fields.get(sheet, ()))
        return f"<datasource-dependencies datasource='federated.1'>{columns}</datasource-dependencies>"

    def zones(board):
        return "".join(f"<zone name={quoteattr(s)}/>" for s in shown.get(board, ()))
    pictures = "".join(f"<thumbnail height='8' name={quoteattr(name)} width='8'>\n"
                       f"{base64.encodebytes(picture).decode()}</thumbnail>"
                       for name, picture in thumbnails)
    worksheets = "".join(f"<worksheet name={quoteattr(s)}><table><view>{dependencies(s)}</view>"
                         "</table></worksheet>" for s in sheets)
    boards = "".join(f"<dashboard name={quoteattr(d)}><zones>{zones(d)}</zones></dashboard>"
                     for d in dashboards)
    windows = "".join(f"<window class={quoteattr(kind)} name={quoteattr(name)}/>"
                      for kind, names in (("worksheet", sheets), ("dashboard", dashboards))
                      for name in names)
    return (f"<?xml version='1.0' encoding='utf-8' ?><workbook version='18.1'><datasources>"
            f"<datasource caption='Sales' name='federated.1'>"
            f"<connection class='federated'><named-connections><named-connection name='c.1' "
            f"caption='db'>{connection or connection_xml()}</named-connection></named-connections>"
            f"</connection></datasource></datasources><worksheets>{worksheets}</worksheets>"
            f"<dashboards>{boards}</dashboards><windows>{windows}</windows>"
            f"<thumbnails>{pictures}</thumbnails></workbook>").encode()


def datasource_bytes(connection=None):
    return (f"<?xml version='1.0' encoding='utf-8' ?><datasource formatted-name='federated.1' "
            f"version='18.1'>{connection or connection_xml()}</datasource>").encode()


def package(name, data, **others):
    """A zip archive that holds a document and other files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
        for other, content in others.items():
            archive.writestr(other, content)
    return out.getvalue()


def flow_bytes(outputs=("Output",), server=None):
    """A flow with those output steps, which reads a database where a server is given."""
    nodes, connections = {}, {}
    for name in outputs:
        key = str(uuid.uuid4())
        nodes[key] = {"nodeType": ".v1.WriteToHyper", "name": name, "id": key,
                      "baseType": "output", "nextNodes": []}
    if server:
        key = str(uuid.uuid4())
        connections[key] = {"connectionType": ".v1.SqlConnection", "id": key, "name": "db",
                            "connectionAttributes": {"class": "sqlserver", "server": server,
                                                     "username": "reader", "dbname": "sales"},
                            "isPackaged": False}
    return package("flow", json.dumps({
        "parameters": {"parameters": {}}, "initialNodes": list(nodes), "nodes": nodes,
        "connections": connections, "connectionIds": list(connections),
        "documentId": str(uuid.uuid4())}).encode())


def publish_reply(client, kind, filename, data, document, query="", **options):
    """POST of a file with its request document; kind: workbook, datasource or flow."""
    body, content_type = multipart([
        ("request_payload", "", "text/xml", to_xml({kind: document}, namespace=None)),
        (f"tableau_{kind}", filename, "application/octet-stream", data)])
    return client.call("POST", f"{client.site}/{kind}s{query}", raw=body,
                       content_type=content_type, **options)


def _publish(client, kind, filename, data, name, project, query="", **members):
    document = {"name": name or unique(kind), "project": {"id": project}}
    document.update(members)
    reply = publish_reply(client, kind, filename, data, document, query)
    assert reply.status == 201, reply
    return reply.doc[kind]


def default_project(client):
    reply = client.ok("GET", f"{client.site}/projects?filter=name:eq:Default")
    return reply.doc["projects"]["project"][0]["id"]


def new_project(client, **members):
    """A project without any rule, so that only who is told so may see into it."""
    members.setdefault("name", unique("project"))
    project = client.ok("POST", f"{client.site}/projects", {"project": members}, 201).doc["project"]["id"]
    for kind in ("", "workbooks", "datasources", "flows"):
        path = f"{client.site}/projects/{project}/" + (
            f"default-permissions/{kind}" if kind else "permissions")
        for rule in client.ok("GET", path).doc["permissions"].get("granteeCapabilities", []):
            for capability in rule["capabilities"]["capability"]:
                client.ok("DELETE", f"{path}/groups/{rule['group']['id']}/{capability['name']}/"
                          f"{capability['mode']}")
    return project


def publish_workbook(client, name=None, project=None, data=None, query="", **members):
    return _publish(client, "workbook", "book.twb", data or workbook_bytes(), name,
                    project or default_project(client), query, **members)


def publish_datasource(client, name=None, project=None, data=None, query="", **members):
    return _publish(client, "datasource", "source.tds", data or datasource_bytes(), name,
                    project or default_project(client), query, **members)


def publish_flow(client, name=None, project=None, data=None, query="", **members):
    return _publish(client, "flow", "flow.tfl", data or flow_bytes(), name,
                    project or default_project(client), query, **members)


def grant(client, project, user, kind=None, **modes):
    """Rules on a project for a user: Read="Allow", Write="Deny" ...; with a kind
    ("workbooks" ...) those that such items in it will begin with."""
    path = f"default-permissions/{kind}" if kind else "permissions"
    client.ok("PUT", f"{client.site}/projects/{project}/{path}", {"permissions": {
        "granteeCapabilities": [{"user": {"id": user}, "capabilities": {"capability": [
            {"name": name, "mode": mode} for name, mode in modes.items()]}}]}})
