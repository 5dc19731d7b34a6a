"""Run Flow Now, Get Flow Runs, Get Flow Run, Cancel Flow Run."""

import concurrent.futures
import random
import time
import uuid
import xml.etree.ElementTree as ET

import pytest

import servers
import tsc_forms as tsc
from contents import default_project, grant, new_project, publish_flow, publish_reply
from csv_jobs import wait
from easel_client import Client, check_refusal, unique
from flow_files import (connection, csv_flow, flow_file, link, load_csv, load_hyper, node,
                        output_steps, publish_run, publish_step)
from orgs import Org
from schema import ROOT

HYPER = ROOT / ".." / "shared" / "fixtures" / "hyper"


def run(client, flow, spec=None, query="", **options):
    return client.call("POST", f"{client.site}/flows/{flow}/run{query}",
                       {} if spec is None else {"flowRunSpec": spec}, **options)


def ended(client, reply, code):
    """(detail of the job, the run) once it has ended with that code."""
    assert reply.status == 200, reply
    job = reply.doc["job"]
    assert job["type"] == "RunFlow" and job["mode"] == "Asynchronous"
    run_id = job["runFlowJobType"]["flowRunId"]
    found = wait(client, job["id"])
    assert found["finishCode"] == str(code), found
    assert "statusNotes" not in found
    assert found["runFlowJobType"]["flowRunId"] == run_id
    told = client.ok("GET", f"{client.site}/flows/runs/{run_id}").doc["flowRun"]
    assert told["status"] == ["Success", "Failed", "Cancelled"][code]
    assert told["backgroundJobId"] == job["id"] and told["completedAt"] == found["completedAt"]
    return found["runFlowJobType"], told


def why(client, reply):
    return ended(client, reply, 1)[0]["notes"]


def sources(client, name):
    reply = client.ok("GET", f"{client.site}/datasources?filter=name:eq:{name}")
    return reply.doc["datasources"].get("datasource", [])


def content(client, source):
    return client.call("GET", f"{client.site}/datasources/{source['id']}/content").body


def runs(client, query="", **options):
    reply = client.ok("GET", f"{client.site}/flows/runs{query}", **options)
    return reply.doc["flowRuns"].get("flowRuns", []), reply


@pytest.fixture(scope="module")
def project(org):
    name = unique("outputs")
    return new_project(org.admin, name=name), name


@pytest.fixture
def flow(org, project):
    name = unique("published")
    made = publish_run(org.admin, csv_flow(name, project[1]), project[0])
    return {**made, "datasource": name}


# ---------------------------------------------------------------- what can be carried out
def test_a_text_file_is_published(org, project, flow, fmt):
    client = org.admin
    detail, told = ended(client, run(client, flow["id"], fmt=fmt), 0)
    assert detail["flow"] == {"id": flow["id"], "name": flow["name"]}
    assert not detail.get("notes")
    assert told["flowId"] == flow["id"] and str(told["progress"]) == "100"
    (made,) = sources(client, flow["datasource"])
    assert made["project"]["id"] == project[0] and made["type"] == "textscan"
    assert content(client, made) == b"a,b\n1,2\n"


def test_again_it_is_a_new_revision(org, flow):
    client = org.admin
    for _ in range(2):
        ended(client, run(client, flow["id"]), 0)
    (made,) = sources(client, flow["datasource"])
    path = f"{client.site}/datasources/{made['id']}/revisions"
    assert len(client.ok("GET", path).doc["revisions"]["revision"]) == 2


@pytest.mark.parametrize("name, table", [("iris12", "[Extract].[Extract]"), ("pantab_types", None)])
def test_an_extract_is_published(org, project, name, table):
    file = HYPER / f"{name}.hyper"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    client, target = org.admin, unique("extract")
    conn = connection("hyper", filename=file.name, directory="D:/x")
    steps = link(load_hyper(conn[0], table), publish_step(target, projectLuid=project[0]))
    data = flow_file(steps, [conn], files={f"Data/{file.name}": file.read_bytes()})
    made = publish_run(client, data, project[0])
    ended(client, run(client, made["id"]), 0)
    (found,) = sources(client, target)
    assert found["hasExtracts"] is True or found["hasExtracts"] == "true"
    assert content(client, found) == file.read_bytes()


def test_of_two_files_of_a_name_the_connection_tells_which(org, project):
    client, target = org.admin, unique("two")
    first, second = (connection("textscan", filename="same.csv") for _ in range(2))
    steps = link(load_csv(second[0]), publish_step(target, project=project[1]))
    data = flow_file(steps, [first, second], files={
        f"Data/{first[0]}/same.csv": b"no\n", f"Data/{second[0]}/same.csv": b"yes\n"})
    ended(client, run(client, publish_run(client, data, project[0])["id"]), 0)
    (found,) = sources(client, target)
    assert content(client, found) == b"yes\n"


def test_output_steps(org, project, fmt):
    """Those that are named run, the others don't; all or nothing is published."""
    client = org.admin
    good, other, bad = unique("good"), unique("other"), unique("bad")
    conn = connection("textscan", filename="orders.csv")
    load = load_csv(conn[0])
    outputs = [publish_step(good, "Good", project=project[1]),
               publish_step(other, "Other", project=project[1]),
               publish_step(bad, "Bad", project="no such project")]
    for output in outputs:
        link(load, output)
    data = flow_file([load, *outputs], [conn], files={"Data/orders.csv": b"a\n1\n"})
    made = publish_run(client, data, project[0])
    steps = output_steps(client, made["id"])
    assert set(steps) == {"Good", "Other", "Bad"}

    notes = why(client, run(client, made["id"]))
    assert "'Bad'" in notes and "no project named 'no such project'" in notes
    assert not sources(client, good) and not sources(client, other)
    chosen = [{"id": steps["Good"].upper()}, {"id": steps["Good"]}]
    ended(client, run(client, made["id"], {"flowOutputSteps": {"flowOutputStep": chosen}},
                      fmt=fmt), 0)
    assert len(sources(client, good)) == 1 and not sources(client, other)
    ended(client, run(client, made["id"], query=f"?flowOutputStepIds={steps['Other']}"), 0)
    assert len(sources(client, other)) == 1

    foreign = publish_flow(client, project=project[0])
    for unknown in (str(uuid.uuid4()), "x", output_steps(client, foreign["id"])["Output"]):
        spec = {"flowOutputSteps": {"flowOutputStep": [{"id": unknown}]}}
        check_refusal(run(client, made["id"], spec, fmt=fmt), 400000)
    check_refusal(run(client, made["id"], {"flowOutputSteps": {"flowOutputStep": [{}]}}), 400000)


def test_the_server_address_names_this_site(org, project):
    client, target = org.admin, unique("here")
    data = csv_flow(target, project[1], serverUrl=f"https://host/#/site/{org.content_url}")
    ended(client, run(client, publish_run(client, data, project[0])["id"]), 0)
    assert len(sources(client, target)) == 1
    data = csv_flow("never", project[1], serverUrl="https://host")  # the default site
    assert "another site, ''" in why(client, run(client, publish_run(client, data, project[0])["id"]))


def test_into_the_default_project(org, project):
    client, target = org.admin, unique("default")
    ended(client, run(client, publish_run(client, csv_flow(target), project[0])["id"]), 0)
    (made,) = sources(client, target)
    assert made["project"]["id"] == default_project(client)


def test_a_project_whose_name_is_not_the_only_one(org, project):
    client, name = org.admin, unique("same")
    for _ in range(2):
        new_project(client, name=name, parentProjectId=new_project(client))
    made = publish_run(client, csv_flow("never", name), project[0])
    assert "more than one project named" in why(client, run(client, made["id"]))


def test_storage(server, home):
    """What would not fit is not even unpacked; quotas are the server administrator's."""
    org = Org(server, home, unique("site"))
    client, target = org.admin, unique("large")
    home.ok("PUT", f"/sites/{org.site_id}", {"site": {"storageQuota": "1"}})
    made = publish_run(client, csv_flow(target, csv=b"a,b\n" + b"1,2\n" * 300000),
                       default_project(client))
    assert "larger than the storage left to the site" in why(client, run(client, made["id"]))
    assert not sources(client, target)
    home.ok("PUT", f"/sites/{org.site_id}", {"site": {"storageQuota": "100"}})
    ended(client, run(client, made["id"]), 0)


# ---------------------------------------------------------------- what can't be
def hindered(kind):
    """(bytes of a flow, words of the reason)"""
    conn = connection("textscan", filename="orders.csv")
    files = {"Data/orders.csv": b"a\n1\n"}
    load, out = load_csv(conn[0], "In"), publish_step("never", "Out")
    conns, steps, words = [conn], None, None
    if kind == "transform":
        clean = node(".v2018_3_3.SuperTransform", "superNode", "Clean")
        steps, words = link(load, clean, out), "'Clean' (SuperTransform) changes data"
    elif kind == "join":
        other, join = load_csv(conn[0], "In2"), node(".v2018_2_3.SuperJoin", "superNode", "Both")
        link(other, join)
        steps, words = (*link(load, join, out), other), "'Both' (SuperJoin) changes data"
    elif kind == "database":
        conns = [connection("sqlserver", False, server="db.example.com")]
        load = node("LoadSql", "input", "Table", connectionId=conns[0][0])
        steps, words = link(load, out), "type 'sqlserver' at db.example.com"
    elif kind == "published source":
        conns = [connection("sqlproxy", False)]
        load = node(".v2019_3_1.LoadSqlProxy", "input", "Source", connectionId=conns[0][0])
        steps, words = link(load, out), "type 'sqlproxy'"
    elif kind == "excel":
        load = node("LoadExcel", "input", "Sheet", connectionId=conn[0])
        steps, words = link(load, out), "'Sheet' (LoadExcel) reads from a source of type"
    elif kind == "file output":
        out = node("WriteToHyper", "output", "File", hyperOutputFile="C:/x.hyper")
        steps, words = link(load, out), "'File' (WriteToHyper) writes to a place"
    elif kind == "missing file":
        files = {}
        steps, words = link(load, out), "'orders.csv', which is not in the package"
    elif kind == "ambiguous file":
        files = {"Data/1/orders.csv": b"1\n", "Data/2/orders.csv": b"2\n"}
        steps, words = link(load, out), "'orders.csv', which is not in the package"
    elif kind == "action":
        load = load_csv(conn[0], "In", actions=[{"nodeType": ".v1.RemoveColumns"}])
        steps, words = link(load, out), "'In' (LoadCsv) asks in 'actions'"
    elif kind == "filter":
        load = load_csv(conn[0], "In", filters=[{"filterExpression": "[a] > 1"}])
        steps, words = link(load, out), "asks in 'filters'"
    elif kind == "separator":
        load = load_csv(conn[0], "In", separator=";")
        steps, words = link(load, out), "asks in 'separator'"
    elif kind == "headers":
        load = load_csv(conn[0], "In", containsHeaders=False)
        steps, words = link(load, out), "asks in 'containsHeaders'"
    elif kind == "output setting":
        out = publish_step("never", "Out", writeMode="append")
        steps, words = link(load, out), "'Out' (PublishExtract) asks in 'writeMode'"
    elif kind == "two sources":
        other = load_csv(conn[0], "In2")
        link(other, out)
        steps, words = (*link(load, out), other), "exactly one input step"
    elif kind == "no source":
        steps, words = [load, out], "exactly one input step"
    elif kind == "no name":
        steps, words = link(load, publish_step("", "Out")), "what its data source is called"
    elif kind == "other site":
        out = publish_step("never", "Out", serverUrl="https://host/#/site/elsewhere")
        steps, words = link(load, out), "another site, 'elsewhere'"
    elif kind == "no project":
        out = publish_step("never", "Out", projectLuid=str(uuid.uuid4()))
        steps, words = link(load, out), "could not be found"
    elif kind == "empty":
        steps, words = [], "no output step"
    elif kind == "circle":
        one, two = (node("Container", "container", name) for name in ("One", "Two"))
        link(two, one)
        steps, words = link(one, two, out), "needs, by others, what it makes itself"
    elif kind == "dangling":
        load[1]["nextNodes"].append({"nextNodeId": "nowhere"})
        steps, words = link(load, out), "a step that the flow does not have"
    elif kind == "not text":
        files = {"Data/orders.csv": b"PK\3\4" + bytes(40)}
        steps, words = link(load, out), "named .csv, but holds a zip archive"
    return flow_file(steps, conns, files=files), words


@pytest.mark.parametrize("kind", [
    "transform", "join", "database", "published source", "excel", "file output", "missing file",
    "ambiguous file", "action", "filter", "separator", "headers", "output setting", "two sources",
    "no source", "no name", "other site", "no project", "empty", "circle", "dangling", "not text"])
def test_the_step_that_hinders_is_told(org, project, kind):
    client = org.admin
    data, words = hindered(kind)
    made = publish_run(client, data, project[0])
    notes = why(client, run(client, made["id"]))
    assert words in notes, notes
    assert not sources(client, "never")


def test_tables_of_an_extract(org, project):
    file = HYPER / "superstore_sample.hyper"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    client = org.admin
    conn = connection("hyper", filename="x.hyper")
    steps = link(load_hyper(conn[0], "[Extract].[Orders]"), publish_step("never"))
    data = flow_file(steps, [conn], files={"Data/x.hyper": file.read_bytes()})
    notes = why(client, run(client, publish_run(client, data, project[0])["id"]))
    assert "reads one table, [Extract].[Orders], of a file that has 4" in notes


def test_incremental(org, flow, fmt):
    client = org.admin
    spec = {"flowId": flow["id"], "runMode": "incremental"}
    assert "incremental run takes an engine" in why(client, run(client, flow["id"], spec, fmt=fmt))
    assert "incremental" in why(client, run(client, flow["id"], query="?flowRunMode=incremental"))
    ended(client, run(client, flow["id"], {"runMode": "full"}, fmt=fmt), 0)
    check_refusal(run(client, flow["id"], {"runMode": "Full"}, fmt=fmt), 400000)
    check_refusal(run(client, flow["id"], {"flowId": str(uuid.uuid4())}, fmt=fmt), 400000)


# ---------------------------------------------------------------- parameters
def parameters():
    number, word, day, free = (str(uuid.uuid4()) for _ in range(4))
    return {"number": number, "word": word, "day": day, "free": free}, {
        number: {"name": "Number", "type": "integer", "value": 5, "description": "How many",
                 "domain": {"domainType": "range", "minValue": "1", "maxValue": "9"}},
        word: {"name": "Word", "type": "string", "value": "x", "isRequired": True,
               "domain": {"domainType": "list", "values": ["x", "y"]}},
        day: {"name": "Day", "type": "date", "value": "2026-01-01",
              "domain": {"domainType": "range", "minValue": "2026-01-01"}},
        free: {"name": "Free", "type": "string", "value": "", "domain": {"domainType": "any"}}}


@pytest.mark.parametrize("given, words", [
    ({"word": "x"}, None), ({"word": "y", "number": "9", "day": "2026-02-28", "free": ""}, None),
    ({}, "needs a value for 'Word'"), ({"word": "z"}, "does not list 'z'"),
    ({"word": "x", "number": "10"}, "from 1 to 9"), ({"word": "x", "number": "two"}, "whole number"),
    ({"word": "x", "number": "1.5"}, "whole number"), ({"word": "x", "day": "2025-12-31"}, "from"),
    ({"word": "x", "day": "today"}, "a date"), ({"word": "x", "other": "1"}, "no parameter"),
])
def test_parameters(org, project, given, words, fmt):
    client = org.admin
    ids, document = parameters()
    ids["other"] = str(uuid.uuid4())
    made = publish_run(client, csv_flow(unique("never"), parameters=document), project[0])
    specs = [{"parameterId": ids[name], "overrideValue": value} for name, value in given.items()]
    reply = run(client, made["id"], {"flowParameterSpecs": {"flowParameterSpec": specs}}, fmt=fmt)
    if words:
        check_refusal(reply, 400000)
        assert words in reply.body.decode().replace("&apos;", "'"), reply.body
        assert runs(client, f"?filter=flowId:eq:{made['id']}")[0] == []
        return
    detail, told = ended(client, reply, 1)
    assert "which of its steps go by them" in detail["notes"]
    assert [(one["parameterId"], one["overrideValue"]) for one in
            told["flowParameterRuns"]["parameterRuns"]] == [
                (spec["parameterId"], spec["overrideValue"]) for spec in specs]
    names = {one["parameterId"]: (one["name"], one.get("description"))
             for one in told["flowParameterRuns"]["parameterRuns"]}
    assert names[ids["word"]] == ("Word", None)
    assert names.get(ids["number"], ("Number", "How many")) == ("Number", "How many")
    (listed,), _ = runs(client, f"?filter=flowId:eq:{made['id']}", fmt=fmt)
    assert listed["flowParameterRuns"] == told["flowParameterRuns"]


def test_parameters_badly_given(org, project, flow, fmt):
    client = org.admin
    ids, document = parameters()
    made = publish_run(client, csv_flow(unique("never"), parameters=document), project[0])
    word = {"parameterId": ids["word"], "overrideValue": "x"}
    for specs in ([word, word], [{"overrideValue": "x"}], [{"parameterId": ids["word"]}],
                  [word, {"parameterId": ids["free"], "overrideValue": "x" * 8193}],
                  [word] + [{"parameterId": str(uuid.uuid4()), "overrideValue": "1"}] * 100):
        check_refusal(run(client, made["id"], {"flowParameterSpecs": {
            "flowParameterSpec": specs}}, fmt=fmt), 400000)
    check_refusal(run(client, flow["id"], {"flowParameterSpecs": {
        "flowParameterSpec": [word]}}, fmt=fmt), 400000)


# ---------------------------------------------------------------- who may
def test_rights_to_run(org, project, flow, other, fmt):
    reader = org.as_role("ExplorerCanPublish")
    own = new_project(org.admin)
    made = publish_run(org.admin, csv_flow(unique("never"), "none"), own)
    check_refusal(run(reader, made["id"], fmt=fmt), 403004)
    grant(org.admin, own, reader.session.user_id, Read="Allow")
    path = f"{org.admin.site}/flows/{made['id']}/permissions"

    def allow(**modes):
        org.admin.ok("PUT", path, {"permissions": {"granteeCapabilities": [{
            "user": {"id": reader.session.user_id}, "capabilities": {"capability": [
                {"name": name, "mode": mode} for name, mode in modes.items()]}}]}})
    allow(Read="Allow")
    check_refusal(run(reader, made["id"], fmt=fmt), 403004)
    allow(Execute="Allow")
    assert "no project named" in why(reader, run(reader, made["id"], fmt=fmt))
    check_refusal(run(org.admin, str(uuid.uuid4()), fmt=fmt), 404027)
    check_refusal(run(other.as_role("SiteAdministratorCreator"), flow["id"], fmt=fmt), 404027)


def test_the_output_is_published_by_who_runs_it(org, project):
    """A user who may run the flow, and not publish to the project that it names."""
    client, user = org.admin, org.as_role("ExplorerCanPublish")
    target = unique("right")
    made = publish_run(client, csv_flow(target, project[1]), project[0])
    client.ok("PUT", f"{client.site}/flows/{made['id']}/permissions", {"permissions": {
        "granteeCapabilities": [{"user": {"id": user.session.user_id}, "capabilities": {
            "capability": [{"name": "Read", "mode": "Allow"}, {"name": "Execute", "mode": "Allow"}]}}]}})
    grant(client, project[0], user.session.user_id, Read="Allow")
    assert "may not publish to the project" in why(user, run(user, made["id"]))
    grant(client, project[0], user.session.user_id, Write="Allow")
    ended(user, run(user, made["id"]), 0)
    (found,) = sources(client, target)
    assert found["owner"]["id"] == user.session.user_id


def test_project_leader_runs(org):
    leader, home = org.as_role("Creator"), new_project(org.admin)
    made = publish_run(org.admin, csv_flow(unique("led"), projectLuid=home), home)
    check_refusal(run(leader, made["id"]), 403004)
    grant(org.admin, home, leader.session.user_id, ProjectLeader="Allow")
    ended(leader, run(leader, made["id"]), 0)


def test_who_is_told(org, other, flow, fmt):
    creator, stranger = org.as_role("Creator"), org.as_role("Viewer")
    own = publish_run(creator, csv_flow(unique("never"), "none"), default_project(org.admin))
    _, mine = ended(creator, run(creator, own["id"]), 1)
    _, theirs = ended(org.admin, run(org.admin, flow["id"]), 0)
    path = f"{org.admin.site}/flows/runs/"
    for client in (org.admin, org.as_role("SiteAdministratorExplorer")):
        for one in (mine, theirs):
            told = client.ok("GET", path + one["id"].upper(), fmt=fmt).doc["flowRun"]
            assert told["id"] == one["id"]
        listed = {one["id"] for one in runs(client, "?pageSize=1000")[0]}
        assert {mine["id"], theirs["id"]} <= listed
    creator.ok("GET", path + mine["id"], fmt=fmt)
    check_refusal(creator.call("GET", path + theirs["id"], fmt=fmt), 404036)
    listed = {one["id"] for one in runs(creator, "?pageSize=1000", fmt=fmt)[0]}
    assert mine["id"] in listed and theirs["id"] not in listed
    for client in (stranger, creator):
        user = client.session.user_id
        found = runs(client, f"?filter=userId:eq:{org.admin.session.user_id}", fmt=fmt)[0]
        assert found == []
        assert {one["id"] for one in runs(client, f"?filter=userId:eq:{user}&pageSize=1000")[0]} \
            == ({one["id"] for one in runs(client, "?pageSize=1000")[0]})
    assert runs(stranger)[0] == []
    check_refusal(stranger.call("GET", path + mine["id"], fmt=fmt), 404036)
    for unknown in (str(uuid.uuid4()), "x"):
        check_refusal(org.admin.call("GET", path + unknown, fmt=fmt), 404036)
    outside = other.as_role("SiteAdministratorCreator")
    for verb in ("GET", "PUT"):
        check_refusal(outside.call(verb, f"{outside.site}/flows/runs/{mine['id']}", fmt=fmt), 404036)


def test_scopes(org, flow):
    _, told = ended(org.admin, run(org.admin, flow["id"]), 0)
    client = org.by_jwt("SiteAdministratorCreator", ["tableau:flow_runs:read"])
    client.ok("GET", f"{client.site}/flows/runs")
    client.ok("GET", f"{client.site}/flows/runs/{told['id']}")
    every = org.by_jwt("SiteAdministratorCreator",
                       ["tableau:flow_runs:read", "tableau:flows:read", "tableau:flows:*"])
    check_refusal(run(every, flow["id"]), 401002)
    check_refusal(every.call("PUT", f"{every.site}/flows/runs/{told['id']}"), 401002)
    none = org.by_jwt("SiteAdministratorCreator", ["tableau:flows:read"])
    check_refusal(none.call("GET", f"{none.site}/flows/runs"), 401002)


def test_versions(org, flow):
    client = org.admin
    for verb, path, since in (("GET", "/flows/runs", "3.10"), ("POST", f"/flows/{flow['id']}/run", "3.3")):
        below = {"3.10": "3.9", "3.3": "3.2"}[since]
        assert client.call(verb, client.site + path, version=below).status == 404
        assert client.call(verb, client.site + path, version=since).status == 200


# ---------------------------------------------------------------- lists
def test_filter_sort_pages(org, project, fmt):
    client = org.admin
    good = publish_run(client, csv_flow(unique("listed"), project[1]), project[0])["id"]
    bad = publish_run(client, csv_flow(unique("never"), "none"), project[0])["id"]
    told = [ended(client, run(client, flow), code)[1] for flow, code in (
        (good, 0), (bad, 1), (good, 0), (bad, 1))]
    both = f"flowId:in:[{good},{bad}]"

    def ids(query, **options):
        return [one["id"] for one in runs(client, query, fmt=fmt, **options)[0]]
    order = [one["id"] for one in told]
    assert ids(f"?filter={both}") == order
    assert ids(f"?filter=flowId:eq:{good}") == [order[0], order[2]]
    assert ids(f"?filter={both},status:eq:Failed") == [order[1], order[3]]
    assert ids(f"?filter={both},status:in:[Success,Cancelled]") == [order[0], order[2]]
    assert ids(f"?filter={both},progress:gte:100") == order
    assert ids(f"?filter={both},progress:lt:100") == []
    start = told[0]["startedAt"]
    assert ids(f"?filter={both},startedAt:gte:{start}") == order
    assert ids(f"?filter={both},completedAt:lt:{start}") == []
    assert ids(f"?filter={both},userId:eq:{client.session.user_id}") == order
    assert sorted(ids(f"?filter={both}&sort=startedAt:desc")) == sorted(order)
    by_time = runs(client, f"?filter={both}&sort=completedAt:desc")[0]
    times = [one["completedAt"] for one in by_time]
    assert times == sorted(times, reverse=True)
    page, reply = runs(client, f"?filter={both}&pageSize=3&pageNumber=2", fmt=fmt)
    assert [one["id"] for one in page] == order[3:]
    assert reply.doc["pagination"] == {"pageNumber": "2", "pageSize": "3", "totalAvailable": "4"}
    for query, code in (("?filter=name:eq:x", 400065), ("?filter=flowId:gt:x", 400065),
                        ("?filter=progress:eq:x", 400000), ("?sort=name:asc", 400065),
                        (f"?filter={both}&pageSize=3&pageNumber=3", 400006),
                        ("?pageSize=0", 400007), ("?pageSize=1001", 403014)):
        check_refusal(client.call("GET", f"{client.site}/flows/runs{query}", fmt=fmt), code)


def test_jobs_tell_of_runs(org, flow):
    client = org.admin
    detail, told = ended(client, run(client, flow["id"]), 0)
    listed = client.ok("GET", f"{client.site}/jobs?filter=jobType:eq:run_flow,args:has:{flow['id']}",
                       fmt="json").doc["backgroundJobs"]["backgroundJob"]
    assert told["backgroundJobId"] in {job["id"] for job in listed}


# ---------------------------------------------------------------- waiting, cancelling, deleting
@pytest.fixture
def idle(engine, tmp_path):
    """A server on which nothing runs."""
    server = servers.Server(engine, data=tmp_path / "data",
                            env={**servers.RELAXED, "EASEL_JOB_WORKERS": "0"})
    yield server
    server.discard()


def test_waiting(idle, fmt):
    client = idle.admin()
    made, second = (publish_run(client, csv_flow(unique("never")), default_project(client))
                    for _ in range(2))
    job = run(client, made["id"], fmt=fmt).doc["job"]
    path = f"{client.site}/flows/runs/{job['runFlowJobType']['flowRunId']}"
    told = client.ok("GET", path, fmt=fmt).doc["flowRun"]
    assert told["status"] == "Pending" and str(told["progress"]) == "0"
    assert "startedAt" not in told and "completedAt" not in told
    reply = run(client, made["id"], fmt=fmt)
    check_refusal(reply, 409093)
    assert made["name"] in reply.body.decode()
    assert run(client, second["id"]).status == 200

    done = client.ok("PUT", path, fmt=fmt).doc["flowRun"]
    assert done["status"] == "Cancelled" and done["completedAt"]
    found = client.ok("GET", f"{client.site}/jobs/{job['id']}").doc["job"]
    assert found["finishCode"] == "2"
    check_refusal(client.call("PUT", path, fmt=fmt), 403135)
    check_refusal(client.call("PUT", f"{client.site}/jobs/{job['id']}"), 403091)

    job = run(client, made["id"]).doc["job"]  # there is room for another
    client.ok("PUT", f"{client.site}/jobs/{job['id']}")
    path = f"{client.site}/flows/runs/{job['runFlowJobType']['flowRunId']}"
    assert client.ok("GET", path).doc["flowRun"]["status"] == "Cancelled"
    check_refusal(client.call("PUT", path, fmt=fmt), 403135)


def test_cancelling_what_has_ended(org, flow, fmt):
    for data, code in ((None, 0), (csv_flow("never", "none"), 1)):
        made = flow if not data else publish_run(org.admin, data, default_project(org.admin))
        _, told = ended(org.admin, run(org.admin, made["id"]), code)
        path = f"{org.admin.site}/flows/runs/{told['id']}"
        check_refusal(org.admin.call("PUT", path, fmt=fmt), 403135)
        assert org.admin.ok("GET", path).doc["flowRun"] == told


def test_who_may_cancel(org, fmt):
    creator, stranger = org.as_role("Creator"), org.as_role("ExplorerCanPublish")
    home = new_project(org.admin)
    grant(org.admin, home, creator.session.user_id, Read="Allow", Write="Allow")
    own = publish_run(creator, csv_flow(unique("never"), "none"), home)
    _, told = ended(creator, run(creator, own["id"]), 1)
    path = f"{org.admin.site}/flows/runs/{told['id']}"
    check_refusal(stranger.call("PUT", path, fmt=fmt), 403004)
    check_refusal(creator.call("PUT", path, fmt=fmt), 403135)
    owner = {"flow": {"owner": {"id": org.admin.session.user_id}}}
    org.admin.ok("PUT", f"{org.admin.site}/flows/{own['id']}", owner)
    check_refusal(creator.call("PUT", path, fmt=fmt), 403004)
    check_refusal(org.as_role("SiteAdministratorExplorer").call("PUT", path, fmt=fmt), 403135)
    check_refusal(org.admin.call("PUT", f"{org.admin.site}/flows/runs/{uuid.uuid4()}", fmt=fmt), 404036)


def test_cancelling_a_run_under_way(org, project):
    """A package that takes long enough to be caught; what was begun leaves nothing."""
    client, target = org.admin, unique("slow")
    line = b"".join(random.Random(5).randbytes(24).hex().encode() + b",1\n" for _ in range(20000))
    conns = [connection("textscan", filename=f"{i}.csv") for i in range(40)]
    steps = []
    for i, conn in enumerate(conns):
        steps += link(load_csv(conn[0], str(i)), publish_step(f"{target}{i}", str(i)))
    data = flow_file(steps, conns, files={f"Data/{i}.csv": b"%d\n" % i + line for i in range(40)})
    made = publish_run(client, data, project[0])
    for attempt in range(10):
        job = run(client, made["id"]).doc["job"]
        path = f"{client.site}/flows/runs/{job['runFlowJobType']['flowRunId']}"
        while (told := client.ok("GET", path).doc["flowRun"])["status"] == "Pending":
            time.sleep(0.002)
        if told["status"] == "InProgress" and client.call("PUT", path).status == 200:
            break
        wait(client, job["id"])
    else:
        pytest.skip("runs ended before they could be cancelled")
    time.sleep(2)
    assert client.ok("GET", path).doc["flowRun"]["status"] == "Cancelled"
    assert wait(client, job["id"])["finishCode"] == "2"
    if attempt == 0:
        assert not sources(client, f"{target}0")


def test_of_a_flow_that_is_deleted(engine, tmp_path):
    """While its run waits: the run goes, and its job fails once there is who runs it."""
    server = servers.Server(engine, data=tmp_path / "data",
                            env={**servers.RELAXED, "EASEL_JOB_WORKERS": "0"})
    try:
        client = server.admin()
        target = unique("never")
        made = publish_run(client, csv_flow(target), default_project(client))
        job = run(client, made["id"]).doc["job"]
        client.ok("DELETE", f"{client.site}/flows/{made['id']}", None, 204)
        path = f"{client.site}/flows/runs/{job['runFlowJobType']['flowRunId']}"
        check_refusal(client.call("GET", path), 404036)
        check_refusal(client.call("PUT", path), 404036)
        assert runs(client)[0] == []
        found = client.ok("GET", f"{client.site}/jobs/{job['id']}").doc["job"]
        assert "flowRunId" not in found["runFlowJobType"]
        database, server.database = server.database, None
        server.stop()
        second = servers.Server(engine, data=tmp_path / "data", env=servers.RELAXED,
                                repository=server.repository, password=server.admin_password)
        second.database, server = database, second
        client = Client(server.url, session=client.session)
        found = wait(client, job["id"])
        assert found["finishCode"] == "1"
        assert found["runFlowJobType"]["notes"] == "The flow was deleted."
        assert not sources(client, target)
    finally:
        server.discard()


def test_a_run_stands_by_the_file_that_it_was_asked_for(engine, tmp_path):
    """The flow is published anew while its run waits."""
    server = servers.Server(engine, data=tmp_path / "data",
                            env={**servers.RELAXED, "EASEL_JOB_WORKERS": "0"})
    try:
        client = server.admin()
        name, first, second = unique("flow"), unique("first"), unique("second")
        project = default_project(client)
        made = publish_run(client, csv_flow(first), project, name)
        job = run(client, made["id"]).doc["job"]
        reply = publish_reply(client, "flow", "flow.tflx", csv_flow(second), {
            "name": name, "project": {"id": project}}, "?overwrite=true")
        assert reply.status == 201 and reply.doc["flow"]["id"] == made["id"]
        database, server.database = server.database, None
        server.stop()
        again = servers.Server(engine, data=tmp_path / "data", env=servers.RELAXED,
                               repository=server.repository, password=server.admin_password)
        again.database, server = database, again
        client = Client(server.url, session=client.session)
        assert wait(client, job["id"])["finishCode"] == "0"
        assert len(sources(client, first)) == 1 and not sources(client, second)
        ended(client, run(client, made["id"]), 0)
        assert len(sources(client, second)) == 1
    finally:
        server.discard()


def test_many_ask_at_once(idle):
    """One of them gets its run, the others are told that there is one."""
    admin = idle.admin()
    made = publish_run(admin, csv_flow(unique("never")), default_project(admin))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(
            lambda _: run(Client(idle.url, session=admin.session), made["id"]), range(16)))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 15
    assert len(runs(admin)[0]) == 1


# ---------------------------------------------------------------- as the Python client does
def test_as_tsc(org, flow):
    client = tsc.Client(org.admin.url, "3.29", org.admin.session.token)
    site = org.admin.site
    content = client.send("POST", f"/{site}/flows/{flow['id']}/run", ET.tostring(ET.Element("tsRequest")))
    (job,) = [one for one in ET.fromstring(content).findall(".//t:job", tsc.NS)]
    detail = tsc.child(job, "runFlowJobType")
    run_id = tsc.need(detail, "flowRunId")
    assert tsc.need(tsc.child(detail, "flow"), "id") == flow["id"]
    limit = time.monotonic() + 60
    while (told := tsc.flow_runs(client.send("GET", f"/{site}/flows/runs/{run_id}"))[0])["completed"] is None:
        assert time.monotonic() < limit
        time.sleep(0.02)
    assert told["status"] == "Success" and told["flow"] == flow["id"] and told["progress"] == "100"
    query = tsc.options(filters=[("flowId", "eq", flow["id"])], sort=[("startedAt", "desc")])
    content = client.send("GET", f"/{site}/flows/runs", query=query)
    assert told["id"] in {one["id"] for one in tsc.flow_runs(content)}
    assert tsc.pagination(content)[2] >= 1
