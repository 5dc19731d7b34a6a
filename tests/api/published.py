"""Small files with bytes of their own, published in one line; see contents.py for files
that have something in them.
"""

import json

from contents import flow_bytes, grant, multipart
from contents import publish_reply as publish_file
from easel_client import Refused, Reply, to_xml, unique

ENDINGS = {"workbook": "twb", "datasource": "tds", "flow": "tfl"}


def workbook_xml(sheets=("First", "Second"), salt=""):
    """A workbook of worksheets without data; the salt makes its bytes differ."""
    worksheets = "".join(f"<worksheet name='{name}'><table/></worksheet>" for name in sheets)
    windows = "".join(f"<window class='worksheet' name='{name}'/>" for name in sheets)
    return (f"<?xml version='1.0' encoding='utf-8' ?>\n<workbook version='18.1'><!-- {salt} -->"
            f"<datasources/><worksheets>{worksheets}</worksheets>"
            f"<windows>{windows}</windows></workbook>\n").encode()


def datasource_xml(salt=""):
    return (f"<?xml version='1.0' encoding='utf-8' ?>\n<datasource version='18.1' "
            f"formatted-name='federated.{salt or 'x'}' inline='true'><connection class='sqlserver' "
            f"dbname='Sales' server='db.example.com' username='reader'/></datasource>\n").encode()


def flow_archive():
    return flow_bytes()


def send_parts(client, path, document, part=None, filename=None, data=None, **options):
    """POST of a document and, where `part` is given, a file."""
    parts = [("request_payload", None, "text/xml", to_xml(document))]
    if part:
        parts.append((part, filename, "application/octet-stream", data))
    body, kind = multipart(parts)
    return client.call("POST", path, raw=body, content_type=kind, **options)


def publish_reply(client, kind, data, name, project, overwrite=False, **members):
    return publish_file(client, kind, f"file.{ENDINGS[kind]}", data,
                        {"name": name, "project": {"id": project}, **members},
                        f"?overwrite={str(overwrite).lower()}")


def publish(client, kind, data, name=None, project=None, overwrite=False, **members):
    """The element of what was published; into a project of its own where none is given."""
    reply = publish_reply(client, kind, data, name or unique(kind),
                          project or client.add_project()["id"], overwrite, **members)
    if reply.status != 201:
        raise Refused(f"publish {kind}: {reply}")
    return reply.doc[kind]


def custom_view_file(view="First", **members):
    """What a custom view is published as, and downloaded."""
    return json.dumps([{"isSourceView": True, "viewName": view, "tcv": "PD94bWw-", **members}]).encode()


def publish_custom_view(client, workbook_id, name=None, view="First", data=None, owner=None, query="",
                        accept=None, **members):
    """The answer to Publish Custom View as TSC and the migration SDK send it; with a query
    (of an upload) no file goes along."""
    document = {"customView": {"name": name or unique("view"), **members,
                               "workbook": {"id": workbook_id}}}
    if owner:
        document["customView"]["owner"] = {"id": owner}
    part = () if query else ("tableau_customview", "view.json",
                             custom_view_file(view) if data is None else data)
    return send_parts(client, f"//api/exp/sites/{client.session.site_id}/customviews{query}", document,
                      *part, accept=accept)


def download(client, path):
    """The answer to a download (of requests), or the refusal as a Reply."""
    response = client.http.get(f"{client.url}/api/{client.version}{path}",
                               headers={"X-Tableau-Auth": client.session.token}, timeout=30)
    return Reply(response) if response.status_code >= 300 else response


def allow(client, project, user_id, *capabilities, content=None, mode="Allow"):
    """A rule for one user on a project, or on what will be published in it."""
    grant(client, project, user_id, content, **{name: mode for name in capabilities})
