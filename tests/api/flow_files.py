"""Flows as Tableau Prep saves them: steps, the files that they read, parameters."""

import json
import uuid

from contents import package, publish_reply
from easel_client import unique

CSV = b"a,b\n1,2\n"


def node(kind, base, name, **members):
    """(id, step), of the form that documents have; the version is part of the kind."""
    key = str(uuid.uuid4())
    return key, {"nodeType": f".v1.{kind}" if "." not in kind else kind, "name": name, "id": key,
                 "baseType": base, "nextNodes": [], "serialize": False, "description": None,
                 **members}


def link(*steps):
    """Each goes on with the one before it."""
    for (_, source), (to, _) in zip(steps, steps[1:]):
        source["nextNodes"].append({"namespace": "Default", "nextNodeId": to,
                                    "nextNamespace": "Default"})
    return steps


def connection(kind, packaged=True, **attributes):
    key = str(uuid.uuid4())
    return key, {"connectionType": ".v1.FileConnection", "id": key, "name": "source",
                 "connectionAttributes": {"class": kind, **attributes}, "isPackaged": packaged}


def load_csv(conn, name="Orders", **members):
    plain = {"connectionId": conn, "connectionAttributes": {}, "fields": [], "actions": [],
             "debugModeRowLimit": 393216, "originalDataTypes": {}, "randomSampling": None,
             "updateTimestamp": None, "restrictedFields": {}, "userRenamedFields": {},
             "selectedFields": None, "samplingType": None, "groupByFields": None, "filters": [],
             "separator": ",", "locale": "en_US", "charSet": "UTF-8", "containsHeaders": True,
             "textQualifier": "A"}
    return node("LoadCsv", "input", name, **{**plain, **members})


def load_hyper(conn, table="[Extract].[Extract]", name="Extract", **members):
    return node("LoadRelational", "input", name, **{
        "connectionId": conn, "connectionAttributes": {}, "fields": [], "actions": [],
        "filters": [], "relation": {"type": "table", "table": table}, **members})


def publish_step(datasource, name="Output", **members):
    return node("PublishExtract", "output", name, projectName=members.pop("project", None),
                datasourceName=datasource, datasourceDescription="", **members)


def flow_file(steps, connections=(), parameters=None, files=None):
    """The package: steps and connections by id, and files (name in the package -> bytes)."""
    return package("flow", json.dumps({
        "parameters": {"parameters": parameters or {}}, "initialNodes": [key for key, _ in steps],
        "nodes": dict(steps), "connections": dict(connections),
        "connectionIds": [key for key, _ in connections],
        "documentId": str(uuid.uuid4())}).encode(), **(files or {}))


def csv_flow(datasource, project=None, csv=CSV, parameters=None, load=None, **output):
    """A text file that is published as it is."""
    conn = connection("textscan", filename="C:\\data\\orders.csv")
    steps = link(load_csv(conn[0], **(load or {})),
                 publish_step(datasource, project=project, **output))
    return flow_file(steps, [conn], parameters, {f"Data/{conn[0]}/orders.csv": csv})


def publish_run(client, data, project, name=None, filename="flow.tflx", **options):
    reply = publish_reply(client, "flow", filename, data, {
        "name": name or unique("flow"), "project": {"id": project}}, **options)
    assert reply.status == 201, reply
    return reply.doc["flow"]


def output_steps(client, flow):
    """{name: id}"""
    doc = client.ok("GET", f"{client.site}/flows/{flow}").doc
    return {step["name"]: step["id"] for step in doc["flowOutputSteps"].get("flowOutputStep", [])}
