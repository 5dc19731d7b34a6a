"""Update Workbook Now and Update Data Source Now: refreshes of extracts as jobs."""

import pytest

import servers
from contents import (FIXTURES, default_project, grant, new_project, package, publish_reply,
                      publish_workbook, workbook_bytes)
from csv_jobs import wait
from easel_client import check_refusal, unique

CSV = "<connection class='textscan' filename='sales.csv' directory='C:/Users/me'/>"
SERVER = "<connection class='sqlserver' server='db.example.com' dbname='sales'/>"
INNER = ("<extract enabled='true'><connection class='hyper' dbname='Data/x.hyper'/></extract>")


def federated(connection):
    return (f"<connection class='federated'><named-connections><named-connection name='c'>"
            f"{connection}</named-connection></named-connections></connection>")


def source_bytes(connection, extract=True):
    """A data source with an extract, which is made from that connection."""
    return (f"<?xml version='1.0' encoding='utf-8' ?><datasource formatted-name='federated.1' "
            f"version='18.1'>{federated(connection)}{INNER if extract else ''}"
            f"</datasource>").encode()


def published(client, connection=CSV, extract=True, project=None, files=None):
    """A packaged data source; with the CSV that it is made from unless told otherwise."""
    files = {"Data/Folder/Sales.csv": b"a,b\n1,2\n", "Data/x.hyper": b"Hyper\x08"} \
        if files is None else files
    data = package("source.tds", source_bytes(connection, extract), **files)
    reply = publish_reply(client, "datasource", "source.tdsx", data, {
        "name": unique("refreshed"), "project": {"id": project or default_project(client)}})
    assert reply.status == 201, reply
    return reply.doc["datasource"]


def refresh(client, kind, item, doc=None, **options):
    return client.call("POST", f"{client.site}/{kind}s/{item}/refresh", {} if doc is None else doc,
                       **options)


def ended(client, reply, code):
    assert reply.status == 202, reply
    job = reply.doc["job"]
    assert job["type"] == "RefreshExtract" and job["mode"] == "Asynchronous"
    found = wait(client, job["id"])
    assert found["finishCode"] == str(code), found
    assert "statusNotes" not in found
    return found["extractRefreshJob"]


def test_of_files_in_the_package(org, fmt):
    client = org.as_role("Creator")
    source = published(client)
    told = ended(client, refresh(client, "datasource", source["id"], fmt=fmt), 0)
    assert told["datasource"] == {"id": source["id"], "name": source["name"]}
    assert not told.get("notes")


@pytest.mark.parametrize("connection, files, words", [
    (CSV, {}, "the file 'sales.csv', which is not in the package"),
    (SERVER, None, "a source of type 'sqlserver' at db.example.com"),
    ("<connection class='hyper' dbname='x.hyper'/>", None, "names no source"),
])
def test_what_keeps_it_from_it_is_told(org, connection, files, words):
    client = org.as_role("Creator")
    source = published(client, connection, files=files)
    told = ended(client, refresh(client, "datasource", source["id"]), 1)
    assert words in told["notes"], told


def test_of_a_workbook(org, fmt):
    client = org.as_role("Creator")
    data = workbook_bytes(connection=SERVER).replace(
        b"</connection></datasource>", b"</connection>" + INNER.encode() + b"</datasource>")
    workbook = publish_workbook(client, data=data)
    told = ended(client, refresh(client, "workbook", workbook["id"], fmt=fmt), 1)
    assert told["workbook"] == {"id": workbook["id"], "name": workbook["name"]}
    assert "'sqlserver'" in told["notes"]


@pytest.mark.parametrize("value, status", [("true", 202), ("false", 202), ("maybe", 400)])
def test_incremental(org, value, status):
    client = org.as_role("Creator")
    reply = refresh(client, "datasource", published(client)["id"],
                    {"extractRefresh": {"incremental": value}})
    assert reply.status == status, reply
    if status == 202:
        ended(client, reply, 0)
        listed = org.admin.ok("GET", f"{org.admin.site}/jobs?filter=jobType:eq:" + (
            "increment_extracts" if value == "true" else "refresh_extracts"), fmt="json").doc
        assert reply.doc["job"]["id"] in {job["id"] for job in listed["backgroundJobs"]["backgroundJob"]}


def test_refused(org, other, fmt):
    client = org.as_role("Creator")
    source = published(client)
    plain = published(client, extract=False, files={})
    check_refusal(refresh(client, "datasource", plain["id"], fmt=fmt), 400000)
    check_refusal(refresh(client, "workbook", publish_workbook(client)["id"], fmt=fmt), 400000)
    check_refusal(refresh(client, "workbook", source["id"], fmt=fmt), 404006)
    check_refusal(refresh(other.as_role("SiteAdministratorCreator"), "datasource", source["id"]),
                  404004)


def test_rights(org):
    client = org.admin
    project = new_project(client)
    source = published(client, project=project)
    reader = org.as_role("ExplorerCanPublish")
    grant(client, project, reader.session.user_id, Read="Allow")
    path = f"{client.site}/datasources/{source['id']}/permissions"

    def allow(**modes):
        client.ok("PUT", path, {"permissions": {"granteeCapabilities": [{
            "user": {"id": reader.session.user_id}, "capabilities": {"capability": [
                {"name": name, "mode": mode} for name, mode in modes.items()]}}]}})
    allow(Read="Allow")
    check_refusal(refresh(reader, "datasource", source["id"]), 403032)
    allow(ExtractRefresh="Allow")
    ended(reader, refresh(reader, "datasource", source["id"]), 0)
    allow(ExtractRefresh="Deny", Write="Allow")
    ended(reader, refresh(reader, "datasource", source["id"]), 0)


def test_scope(org):
    source = published(org.as_role("SiteAdministratorCreator"))
    for scope in ("tableau:tasks:run", "tableau:tasks:*"):
        reply = refresh(org.by_jwt(scopes=[scope]), "datasource", source["id"])
        assert reply.status in (202, 409), reply
    check_refusal(refresh(org.by_jwt(scopes=["tableau:datasources:*"]), "datasource",
                          source["id"]), 401002)


def test_one_at_a_time(engine, tmp_path):
    """With nobody to run it the first one waits."""
    server = servers.Server(engine, data=tmp_path / "data",
                            env={**servers.RELAXED, "EASEL_JOB_WORKERS": "0"})
    try:
        client = server.admin()
        source, other = published(client), published(client)
        job = refresh(client, "datasource", source["id"]).doc["job"]["id"]
        reply = refresh(client, "datasource", source["id"])
        check_refusal(reply, 409093)
        assert source["name"] in reply.body.decode()
        assert refresh(client, "datasource", other["id"]).status == 202
        client.ok("PUT", f"{client.site}/jobs/{job}")
        assert refresh(client, "datasource", source["id"]).status == 202
    finally:
        server.discard()


@pytest.mark.parametrize("name, code, words", [
    ("World Indicators.tdsx", 1, "names no source"), ("TABLEAU_10_TWBX.twbx", 1, "'sqlserver'"),
    ("SampleWB.twbx", 0, None), ("Cache.twbx", 0, None)])
def test_of_real_files(org, name, code, words):
    if not (FIXTURES / name).exists():
        pytest.skip(f"{FIXTURES / name} is not there")
    client = org.as_role("Creator")
    kind = "workbook" if name.endswith("twbx") else "datasource"
    item = publish_reply(client, kind, name, (FIXTURES / name).read_bytes(), {
        "name": unique("real"), "project": {"id": default_project(client)}}).doc[kind]
    told = ended(client, refresh(client, kind, item["id"]), code)
    assert words in told["notes"] if words else not told.get("notes"), told
