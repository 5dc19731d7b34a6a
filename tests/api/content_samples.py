"""Content to test with: small workbooks, data sources and flows, made here and
published as the client libraries do, by one multipart/mixed request."""

import io
import json
import zipfile

from easel_client import Refused, to_xml, unique

BOUNDARY = "boundary-of-the-tests"


def workbook(*sheets):
    """A .twb with worksheets of those names."""
    sheets = sheets or ("Overview", "Detail")
    worksheets = "".join(f"<worksheet name='{name}'><table><view/></table></worksheet>"
                         for name in sheets)
    windows = "".join(f"<window class='worksheet' name='{name}'/>" for name in sheets)
    return ("<?xml version='1.0' encoding='utf-8'?><workbook version='18.1' "
            "source-build='2023.1.0'><datasources/>"
            f"<worksheets>{worksheets}</worksheets><windows>{windows}</windows>"
            "</workbook>").encode()


def datasource():
    return ("<?xml version='1.0' encoding='utf-8'?><datasource formatted-name='d' "
            "inline='true' version='18.1'><connection class='sqlserver' "
            "server='db.example.com' dbname='sales' username='reader' port='1433'/>"
            "</datasource>").encode()


def flow():
    return packaged("flow", json.dumps({"initialNodes": [], "nodes": {}, "connections": {}}))


def mixed(doc, part, filename, content):
    """Body and type of a request of two parts."""
    pieces = []
    for name, kind, body in (("request_payload", "text/xml", to_xml(doc)),
                             (part, "application/octet-stream", content)):
        named = f'; filename="{filename}"' if name == part else ""
        pieces.append(f'--{BOUNDARY}\r\nContent-Disposition: name="{name}"{named}\r\n'
                      f"Content-Type: {kind}\r\n\r\n".encode() + body + b"\r\n")
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode(), f"multipart/mixed; boundary={BOUNDARY}"


def publish(client, kind, project, content, filename, query="", **members):
    doc = {kind: {"name": unique(kind), **members, "project": {"id": project}}}
    raw, content_type = mixed(doc, f"tableau_{kind}", filename, content)
    reply = client.call("POST", f"{client.site}/{kind}s{query}", raw=raw,
                        content_type=content_type)
    if reply.status != 201:
        raise Refused(f"publish: {reply}")
    return reply.doc[kind]


def publish_workbook(client, project, sheets=("Overview", "Detail"), **members):
    return publish(client, "workbook", project, workbook(*sheets), "w.twb", **members)


def publish_datasource(client, project, **members):
    return publish(client, "datasource", project, datasource(), "d.tds", **members)


def publish_flow(client, project, **members):
    return publish(client, "flow", project, flow(), "f.tfl", **members)


PUBLISH = {"workbook": publish_workbook, "datasource": publish_datasource, "flow": publish_flow}


def views_of(client, workbook_id):
    """The views of a workbook, by name."""
    doc = client.ok("GET", f"{client.site}/workbooks/{workbook_id}/views").doc
    return {view["name"]: view for view in doc["views"].get("view", [])}


def packaged(name, content):
    """A package with that one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(name, content)
    return out.getvalue()


def let(client, project, grantee, *capabilities, type="workbooks", mode="Allow"):
    """A default permission of the project for a user."""
    client.ok("PUT", f"{client.site}/projects/{project}/default-permissions/{type}", {
        "permissions": {"granteeCapabilities": [{"user": {"id": grantee}, "capabilities": {
            "capability": [{"name": name, "mode": mode} for name in capabilities]}}]}})


def closed_project(client):
    """A project whose content no rule opens to anyone."""
    project = client.add_project()["id"]
    for of in ("permissions", "default-permissions/workbooks", "default-permissions/datasources",
               "default-permissions/flows"):
        path = f"{client.site}/projects/{project}/{of}"
        rules = client.ok("GET", path).doc["permissions"].get("granteeCapabilities", [])
        for rule in rules:
            (kind,) = [name for name in ("user", "group") if name in rule]
            for capability in rule["capabilities"]["capability"]:
                client.ok("DELETE", f"{path}/{kind}s/{rule[kind]['id']}/{capability['name']}/"
                          f"{capability['mode']}")
    return project
