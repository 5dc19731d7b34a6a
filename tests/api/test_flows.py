"""Flows: got with their output steps, listed, updated, deleted; their connections."""

import uuid

import pytest

from contents import flow_bytes, grant, new_project, publish_flow
from easel_client import NS, unique


def path(client, flow=None, *more):
    return "/".join([f"{client.site}/flows"] + ([flow] if flow else []) + list(more))


def names(reply):
    return [f["name"] for f in reply.doc["flows"].get("flow", [])]


@pytest.fixture(scope="module")
def project(org):
    return new_project(org.admin)


@pytest.fixture
def flow(org, project):
    return publish_flow(org.admin, project=project, data=flow_bytes(("Output", "Other")),
                        description="What flows")


def test_get(org, project, flow, fmt):
    reply = org.admin.ok("GET", path(org.admin, flow["id"]), fmt=fmt)
    got = reply.doc["flow"]
    assert got["name"] == flow["name"] and got["description"] == "What flows"
    assert got["fileType"] == "tfl" and got["project"]["id"] == project
    assert got["owner"]["id"] == org.admin.session.user_id and got["tags"] == {}
    assert got["webpageUrl"].startswith(f"{org.server.url}/#/site/{org.content_url}/flows/")
    steps = reply.doc["flowOutputSteps"]["flowOutputStep"]
    assert [s["name"] for s in steps] == ["Output", "Other"]
    assert all(uuid.UUID(s["id"]) for s in steps)
    if fmt == "xml":
        assert [child.tag for child in reply.xml] == [f"{{{NS}}}flowOutputSteps", f"{{{NS}}}flow"]


def test_unknown_and_unread(org, flow, fmt):
    viewer = org.as_role("Viewer")
    assert org.admin.call("GET", path(org.admin, "nonsense"), fmt=fmt).code == "404027"
    assert viewer.call("GET", path(viewer, flow["id"]), fmt=fmt).code == "403004"
    assert viewer.call("DELETE", path(viewer, flow["id"]), fmt=fmt).code == "403004"
    assert viewer.call("PUT", path(viewer, flow["id"]), {"flow": {"name": "x"}},
                       fmt=fmt).code == "403098"


def test_list(org, fmt):
    stamp = unique("flows")
    project = new_project(org.admin, name=stamp)
    for letter in "ab":
        publish_flow(org.admin, f"{stamp}-{letter}", project)
    base = path(org.admin)
    reply = org.admin.ok("GET", f"{base}?filter=projectId:eq:{project}&sort=name:desc", fmt=fmt)
    assert names(reply) == [f"{stamp}-b", f"{stamp}-a"]
    assert set(reply.doc["flows"]["flow"][0]) == {
        "id", "name", "description", "webpageUrl", "fileType", "createdAt", "updatedAt", "project",
        "owner", "tags"}
    assert names(org.admin.ok("GET", f"{base}?filter=projectName:eq:{stamp},name:eq:{stamp}-a",
                              fmt=fmt)) == [f"{stamp}-a"]
    assert org.admin.call("GET", f"{base}?filter=size:eq:1", fmt=fmt).code == "400065"


def test_flows_of_a_user(org, fmt):
    project = new_project(org.admin)
    grant(org.admin, project, org.user("Creator"), Read="Allow", Write="Allow")
    creator = org.as_role("Creator")
    own = publish_flow(creator, project=project)
    of_creator = f"{org.admin.site}/users/{org.user('Creator')}/flows"
    assert names(creator.ok("GET", of_creator + "?ownedBy=true", fmt=fmt)) == [own["name"]]
    assert names(org.admin.ok("GET", of_creator + "?ownedBy=true", fmt=fmt)) == [own["name"]]
    other = f"{org.admin.site}/users/{org.user('Explorer')}/flows"
    assert creator.call("GET", other, fmt=fmt).code == "403101"
    org.admin.ok("DELETE", path(org.admin, own["id"]), status=204)


def test_update(org, project, flow, fmt):
    target = new_project(org.admin)
    name = unique("renamed")
    reply = org.admin.ok("PUT", path(org.admin, flow["id"]), {"flow": {
        "name": name, "description": "", "project": {"id": target},
        "owner": {"id": org.user("Creator")}}}, fmt=fmt)
    got = reply.doc["flow"]
    assert (got["name"], got["description"], got["project"]["id"]) == (name, "", target)
    assert got["owner"]["id"] == org.user("Creator")
    creator = org.as_role("Creator")
    for members, code in (({"project": {"id": project}}, "403030"),
                          ({"owner": {"id": org.user("Explorer")}}, "403098"),
                          ({"name": ""}, "400000")):
        assert creator.call("PUT", path(creator, flow["id"]), {"flow": members},
                            fmt=fmt).code == code
    for members, code in (({"project": {"id": "nowhere"}}, "404005"),
                          ({"owner": {"id": "nobody"}}, "404002")):
        assert org.admin.call("PUT", path(org.admin, flow["id"]), {"flow": members},
                              fmt=fmt).code == code
    other = publish_flow(org.admin, project=target)
    assert org.admin.call("PUT", path(org.admin, other["id"]), {"flow": {"name": name}},
                          fmt=fmt).code == "409041"
    org.admin.ok("DELETE", path(org.admin, flow["id"]), status=204)


def test_delete(org, flow, fmt):
    org.admin.ok("DELETE", path(org.admin, flow["id"]), status=204, fmt=fmt)
    assert org.admin.call("GET", path(org.admin, flow["id"]), fmt=fmt).code == "404027"


def test_connections(org, project, fmt):
    flow = publish_flow(org.admin, project=project, data=flow_bytes(server="db.example.com"))
    where = path(org.admin, flow["id"], "connections")
    (got,) = org.admin.ok("GET", where, fmt=fmt).doc["connections"]["connection"]
    assert got["type"] == "sqlserver" and got["serverAddress"] == "db.example.com"
    reply = org.admin.ok("PUT", f"{where}/{got['id']}", {"connection": {
        "userName": "writer", "password": "secret", "embedPassword": True}}, fmt=fmt)
    assert reply.doc["connection"]["userName"] == "writer"
    assert reply.doc["connection"]["embedPassword"] is True and b"secret" not in reply.body
    viewer = org.as_role("Viewer")
    assert viewer.call("GET", where, fmt=fmt).code == "403092"
    assert viewer.call("PUT", f"{where}/{got['id']}", {"connection": {}}, fmt=fmt).code == "403103"


def test_steps_keep_their_ids(org, project, flow):
    def steps():
        got = org.admin.ok("GET", path(org.admin, flow["id"])).doc["flowOutputSteps"]
        return {s["name"]: s["id"] for s in got["flowOutputStep"]}

    before = steps()
    publish_flow(org.admin, flow["name"], project, flow_bytes(("Other", "New")), "?overwrite=true")
    after = steps()
    assert after["Other"] == before["Other"] and set(after) == {"Other", "New"}
