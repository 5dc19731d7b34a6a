"""Content for the tests: small workbooks and data sources, and how clients publish them."""

import io
import json
import pathlib
import uuid
import zipfile

from easel_client import Refused, Reply, to_xml, unique

KINDS = {"workbook": ("workbooks", "tableau_workbook", "twb"),
         "datasource": ("datasources", "tableau_datasource", "tds"),
         "flow": ("flows", "tableau_flow", "tfl")}


# ---------------------------------------------------------------- files
def workbook_xml(sheets=("First", "Second"), salt=""):
    """A workbook of worksheets without data; the salt makes bytes of their own."""
    worksheets = "".join(f"<worksheet name='{name}'><table/></worksheet>" for name in sheets)
    windows = "".join(f"<window class='worksheet' name='{name}'/>" for name in sheets)
    return (f"<?xml version='1.0' encoding='utf-8' ?>\n<workbook version='18.1'><!-- {salt} -->"
            f"<datasources/><worksheets>{worksheets}</worksheets>"
            f"<windows>{windows}</windows></workbook>\n").encode()


def datasource_xml(salt=""):
    return (f"<?xml version='1.0' encoding='utf-8' ?>\n<datasource version='18.1' "
            f"formatted-name='federated.{salt or 'x'}' inline='true'><connection class='sqlserver' "
            f"dbname='Sales' server='db.example.com' username='reader'/></datasource>\n").encode()


def flow_archive(salt=""):
    """A package that holds an empty flow."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("flow", json.dumps({"documentId": salt, "initialNodes": [], "nodes": {},
                                             "connections": {}}))
    return packed.getvalue()


# ---------------------------------------------------------------- bodies
def multipart(parts):
    """(body, content type) of multipart/mixed, as TSC sends it; parts are
    (name, file name or None, type, bytes)."""
    boundary = uuid.uuid4().hex
    body = b""
    for name, filename, kind, data in parts:
        named = f'; filename="{filename}"' if filename else ""
        body += (f"--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{named}\r\n"
                 f"Content-Type: {kind}\r\n\r\n").encode() + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/mixed; boundary={boundary}"


def send_parts(client, path, document, part=None, filename=None, data=None, **options):
    """POST of a document and, where `part` is given, a file."""
    parts = [("request_payload", None, "text/xml", to_xml(document))]
    if part:
        parts.append((part, filename, "application/octet-stream", data))
    body, kind = multipart(parts)
    return client.call("POST", path, raw=body, content_type=kind, **options)


def publish_reply(client, kind, data, name, project, overwrite=False, filename=None, **members):
    segment, part, ending = KINDS[kind]
    document = {kind: {"name": name, "project": {"id": project}, **members}}
    return send_parts(client, f"{client.site}/{segment}?overwrite={str(overwrite).lower()}", document,
                      part, filename or f"file.{ending}", data)


def publish(client, kind, data, name=None, project=None, overwrite=False, **members):
    """The element of what was published; into a project of its own where none is given."""
    reply = publish_reply(client, kind, data, name or unique(kind),
                          project or client.add_project()["id"], overwrite, **members)
    if reply.status != 201:
        raise Refused(f"publish {kind}: {reply}")
    return reply.doc[kind]


def publish_workbook(client, path, name=None, project=None, **members):
    """The same for a file on the disk."""
    path = pathlib.Path(path)
    return publish(client, "workbook", path.read_bytes(), name, project, filename=path.name, **members)


def download(client, path):
    """The answer to a download: its bytes are in `body`."""
    response = client.http.get(f"{client.url}/api/{client.version}{path}",
                               headers={"X-Tableau-Auth": client.session.token}, timeout=30)
    return Reply(response) if response.status_code >= 300 else response


def allow(client, project, user_id, *capabilities, content=None, mode="Allow"):
    """A rule for one user on a project, or on what will be published in it
    (content: workbooks, datasources, flows)."""
    place = f"default-permissions/{content}" if content else "permissions"
    client.ok("PUT", f"{client.site}/projects/{project}/{place}", {"permissions": {
        "granteeCapabilities": [{"user": {"id": user_id}, "capabilities": {"capability": [
            {"name": name, "mode": mode} for name in capabilities]}}]}})
