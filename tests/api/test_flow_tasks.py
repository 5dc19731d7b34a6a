"""Create Cloud Flow Task, Get Flow Run Tasks and Task, Run and Delete Flow Run Task."""

import datetime
import time
import uuid
import xml.etree.ElementTree as ET

import pytest

import servers
import tsc_forms as tsc
from contents import default_project, grant, new_project
from csv_jobs import wait
from easel_client import Client, check_refusal, unique
from flow_files import csv_flow, output_steps, publish_run
from orgs import Org

UTC = datetime.timezone.utc
DAILY = {"frequency": "Daily", "frequencyDetails": {"start": "04:30:00"}}


def schedule(frequency, start="04:30:00", end=None, *intervals):
    details = {"start": start, "intervals": {"interval": list(intervals)}}
    if end:
        details["end"] = end
    return {"frequency": frequency, "frequencyDetails": details}


def create(client, flow, when=None, spec=None, **options):
    run = {"flow": {"id": flow}}
    if spec:
        run["flowRunSpec"] = spec
    document = {"runFlow": run}
    if when is not False:
        document["schedule"] = when or DAILY
    return client.call("POST", f"{client.site}/tasks/flows", document, **options)


def made(client, flow, when=None, spec=None, **options):
    reply = create(client, flow, when, spec, **options)
    assert reply.status == 201, reply
    return reply.doc["task"]["flowRun"]


def tasks(client, **options):
    doc = client.ok("GET", f"{client.site}/tasks/runFlow", **options).doc["tasks"]
    return [task["flowRun"] for task in doc.get("task", [])]


def path(client, task, *more):
    return "/".join([f"{client.site}/tasks/runFlow", task, *more])


@pytest.fixture(scope="module")
def project(org):
    name = unique("outputs")
    return new_project(org.admin, name=name), name


@pytest.fixture
def flow(org, project):
    return publish_run(org.admin, csv_flow(unique("published"), project[1]), project[0])


def test_made_and_told(org, flow, fmt):
    client = org.admin
    task = made(client, flow["id"], fmt=fmt)
    assert task["type"] == "RunFlowTask" and task["priority"] == "50"
    assert task["consecutiveFailedCount"] == "0"
    assert task["flow"] == {"id": flow["id"], "name": flow["name"]}
    spec = task["flowRunSpec"]
    assert spec["flowId"] == flow["id"] and spec["runMode"] == "full"
    assert [(step["id"], step["name"]) for step in spec["flowOutputSteps"]["flowOutputStep"]] \
        == [(step, name) for name, step in output_steps(client, flow["id"]).items()]
    told = task["schedule"]
    assert told["frequency"] == "Daily" and told["type"] == "Flow" and told["state"] == "Active"
    assert told["frequencyDetails"]["start"] == "04:30:00"
    next_run = datetime.datetime.strptime(told["nextRunAt"], "%Y-%m-%dT%H:%M:%SZ")
    now = datetime.datetime.now(UTC).replace(tzinfo=None)
    assert (next_run.hour, next_run.minute, next_run.second) == (4, 30, 0)
    assert datetime.timedelta(0) < next_run - now <= datetime.timedelta(days=1)
    assert client.ok("GET", path(client, task["id"].upper()), fmt=fmt).doc["task"]["flowRun"] == task
    assert task in tasks(client, fmt=fmt)
    client.ok("DELETE", path(client, task["id"]), None, 204)
    check_refusal(client.call("GET", path(client, task["id"]), fmt=fmt), 404026)
    assert task["id"] not in {one["id"] for one in tasks(client)}


@pytest.mark.parametrize("when, intervals", [
    (schedule("Hourly", "00:00:00", "23:45:00", {"minutes": "15"}), [{"minutes": "15"}]),
    (schedule("Hourly", "08:00:00", "18:00:00", {"minutes": "60"}), [{"hours": "1"}]),
    (schedule("Hourly", "08:00:00", "18:00:00", {"hours": "2"}, {"weekDay": "Monday"}),
     [{"hours": "2"}, {"weekDay": "Monday"}]),
    (schedule("Daily", "08:00:00", "20:00:00", {"hours": "4"}), [{"hours": "4"}]),
    (schedule("Daily", "08:00:00", None, {"hours": "24"}, {"weekDay": "Sunday"}),
     [{"weekDay": "Sunday"}]),
    (schedule("Weekly", "08:00:00", None, {"weekDay": "Friday"}, {"weekDay": "Monday"}),
     [{"weekDay": "Monday"}, {"weekDay": "Friday"}]),
    (schedule("Monthly", "08:00:00", None, {"monthDay": "31"}), [{"monthDay": "31"}]),
    (schedule("Monthly", "08:00:00", None, {"monthDay": "LastDay"}, {"monthDay": "1"}),
     [{"monthDay": "1"}, {"monthDay": "LastDay"}])])
def test_schedules(org, flow, when, intervals, fmt):
    told = made(org.admin, flow["id"], when, fmt=fmt)["schedule"]
    assert told["frequency"] == when["frequency"]
    assert told["frequencyDetails"].get("end") == when["frequencyDetails"].get("end")
    assert told["frequencyDetails"]["intervals"].get("interval", []) == intervals


@pytest.mark.parametrize("when, code", [
    (False, 400000), ({"frequency": "Daily"}, 409004), (schedule("Yearly"), 400000),
    ({"frequencyDetails": {"start": "04:30:00"}}, 400000), (schedule("daily"), 400000),
    (schedule("Daily", "4:30"), 400000), (schedule("Daily", "24:00:00"), 400000),
    (schedule("Daily", "04:30:00", "x"), 400000),
    (schedule("Hourly", "08:00:00", "18:00:00"), 409004),
    (schedule("Hourly", "08:00:00", None, {"hours": "1"}), 409004),
    (schedule("Hourly", "08:00:00", "18:00:00", {"hours": "3"}), 400000),
    (schedule("Hourly", "08:00:00", "18:00:00", {"hours": "1"}, {"hours": "2"}), 400000),
    (schedule("Hourly", "08:00:00", "18:00:00", {"hours": "24"}), 409004),
    (schedule("Hourly", "08:00:00", "18:00:00", {"minutes": "10"}), 400000),
    (schedule("Hourly", "08:00:00", "18:00:00", {"hours": "1", "weekDay": "Monday"}), 400000),
    (schedule("Daily", "08:00:00", "18:00:00", {"minutes": "30"}), 409004),
    (schedule("Daily", "08:00:00", None, {"monthDay": "1"}), 409004),
    (schedule("Weekly"), 409004), (schedule("Weekly", "08:00:00", None, {"weekDay": "monday"}), 400000),
    (schedule("Weekly", "08:00:00", "09:00:00", {"weekDay": "Monday"}), 409004),
    (schedule("Monthly"), 409004), (schedule("Monthly", "08:00:00", None, {"monthDay": "0"}), 400000),
    (schedule("Monthly", "08:00:00", None, {"monthDay": "32"}), 400000),
    (schedule("Monthly", "08:00:00", None, {"monthDay": "Last"}), 400000),
    (schedule("Monthly", "08:00:00", None, *({"monthDay": str(i)} for i in range(1, 9))), 409004),
    (schedule("Monthly", "08:00:00", None, {"monthDay": "1"}, {"weekDay": "Monday"}), 409004),
    (schedule("Daily", "08:00:00", None, {}), 400000)])
def test_schedules_that_are_none(org, flow, when, code, fmt):
    check_refusal(create(org.admin, flow["id"], when, fmt=fmt), code)
    assert flow["id"] not in {task["flow"]["id"] for task in tasks(org.admin)}


def test_what_a_task_runs(org, project, fmt):
    client = org.admin
    number = str(uuid.uuid4())
    parameters = {number: {"name": "Number", "type": "integer", "isRequired": True}}
    flow = publish_run(client, csv_flow(unique("never"), parameters=parameters), project[0])
    step = output_steps(client, flow["id"])["Output"]
    given = {"flowParameterSpec": [{"parameterId": number, "overrideValue": "7"}]}
    spec = {"flowId": flow["id"], "runMode": "incremental", "flowParameterSpecs": given,
            "flowOutputSteps": {"flowOutputStep": [{"id": step.upper()}]}}
    task = made(client, flow["id"], None, spec, fmt=fmt)
    assert task["flowRunSpec"] == {**spec, "flowOutputSteps": {
        "flowOutputStep": [{"id": step, "name": "Output"}]}}
    job = client.ok("POST", path(client, task["id"], "runNow"), {}, fmt=fmt).doc["job"]
    wait(client, job["id"])
    told = client.ok("GET", f"{client.site}/flows/runs/{job['runFlowJobType']['flowRunId']}").doc["flowRun"]
    (run,) = told["flowParameterRuns"]["parameterRuns"]
    assert run["parameterId"] == number and run["overrideValue"] == "7"

    check_refusal(create(client, flow["id"], fmt=fmt), 400000)
    check_refusal(create(client, flow["id"], None, {**spec, "runMode": "x"}, fmt=fmt), 400000)
    check_refusal(create(client, flow["id"], None, {**spec, "flowId": step}, fmt=fmt), 400000)
    bad = {"flowOutputStep": [{"id": str(uuid.uuid4())}]}
    check_refusal(create(client, flow["id"], None, {**spec, "flowOutputSteps": bad}, fmt=fmt), 400000)
    check_refusal(client.call("POST", f"{client.site}/tasks/flows", {"schedule": DAILY}, fmt=fmt), 400000)
    check_refusal(client.call("POST", f"{client.site}/tasks/flows", {"runFlow": {}, "schedule": DAILY},
                              fmt=fmt), 400000)


def test_who_may(org, other, fmt):
    owner, stranger = org.as_role("Creator"), org.as_role("ExplorerCanPublish")
    home = new_project(org.admin)
    flow = publish_run(org.admin, csv_flow(unique("published"), projectLuid=home), home)
    check_refusal(create(owner, flow["id"], fmt=fmt), 403004)
    check_refusal(create(org.admin, str(uuid.uuid4()), fmt=fmt), 404027)
    check_refusal(create(other.as_role("SiteAdministratorCreator"), flow["id"], fmt=fmt), 404027)
    org.admin.ok("PUT", f"{org.admin.site}/flows/{flow['id']}/permissions", {"permissions": {
        "granteeCapabilities": [{"user": {"id": owner.session.user_id}, "capabilities": {
            "capability": [{"name": "Read", "mode": "Allow"}, {"name": "Execute", "mode": "Allow"}]}}]}})
    grant(org.admin, home, owner.session.user_id, Read="Allow")
    task = made(owner, flow["id"], fmt=fmt)
    assert task["id"] in {one["id"] for one in tasks(owner)}
    assert task["id"] in {one["id"] for one in tasks(org.as_role("SiteAdministratorExplorer"))}
    assert task["id"] not in {one["id"] for one in tasks(stranger, fmt=fmt)}
    one = path(owner, task["id"])
    check_refusal(stranger.call("GET", one, fmt=fmt), 403004)
    check_refusal(stranger.call("POST", one + "/runNow", {}, fmt=fmt), 404026)
    check_refusal(stranger.call("DELETE", one, fmt=fmt), 404026)
    for unknown in (str(uuid.uuid4()), "x"):
        check_refusal(org.admin.call("GET", path(owner, unknown), fmt=fmt), 404026)
        check_refusal(org.admin.call("DELETE", path(owner, unknown), fmt=fmt), 404026)
        check_refusal(org.admin.call("POST", path(owner, unknown, "runNow"), {}, fmt=fmt), 404026)
    outside = other.as_role("SiteAdministratorCreator")
    for verb, more in (("GET", []), ("DELETE", []), ("POST", ["runNow"])):
        check_refusal(outside.call(verb, path(outside, task["id"], *more), fmt=fmt), 404026)
    assert "publish" in wait(owner, owner.ok("POST", one + "/runNow", {}).doc["job"]["id"])[
        "runFlowJobType"]["notes"]
    told = owner.ok("GET", one, fmt=fmt).doc["task"]["flowRun"]
    assert told["consecutiveFailedCount"] == "1"
    grant(org.admin, home, owner.session.user_id, Write="Allow")
    assert wait(owner, owner.ok("POST", one + "/runNow", {}).doc["job"]["id"])["finishCode"] == "0"
    assert owner.ok("GET", one).doc["task"]["flowRun"]["consecutiveFailedCount"] == "0"
    owner.ok("DELETE", one, None, 204)


def test_what_the_site_switches_off(server, home, fmt):
    org = Org(server, home, unique("site"))
    client = org.admin
    flow = publish_run(client, csv_flow(unique("never"), "none"), default_project(client))
    task = made(client, flow["id"])

    def switch(**settings):
        client.ok("PUT", f"/sites/{client.session.site_id}", {"site": settings})
    switch(runNowEnabled="false")
    check_refusal(client.call("POST", f"{client.site}/flows/{flow['id']}/run", {}, fmt=fmt), 403157)
    check_refusal(client.call("POST", path(client, task["id"], "runNow"), {}, fmt=fmt), 403157)
    made(client, flow["id"])
    switch(runNowEnabled="true", schedulingFlowsEnabled="false")
    check_refusal(create(client, flow["id"], fmt=fmt), 403157)
    wait(client, client.ok("POST", path(client, task["id"], "runNow"), {}).doc["job"]["id"])


def test_scopes(org, flow):
    task = made(org.admin, flow["id"])
    client = org.by_jwt("SiteAdministratorCreator", ["tableau:flow_tasks:read"])
    client.ok("GET", f"{client.site}/tasks/runFlow")
    client.ok("GET", path(client, task["id"]))
    check_refusal(client.call("DELETE", path(client, task["id"])), 401002)
    check_refusal(client.call("POST", path(client, task["id"], "runNow"), {}), 401002)
    check_refusal(create(client, flow["id"]), 401002)
    none = org.by_jwt("SiteAdministratorCreator", ["tableau:flow_runs:read"])
    check_refusal(none.call("GET", f"{none.site}/tasks/runFlow"), 401002)


def test_it_goes_with_its_flow_and_its_user(org, project):
    client = org.admin
    flow = publish_run(client, csv_flow(unique("never")), project[0])
    user = org.fresh("SiteAdministratorCreator")
    mine = made(client, flow["id"])
    name = unique("leaves")
    added = client.ok("POST", f"{client.site}/users", {"user": {
        "name": name, "siteRole": "SiteAdministratorCreator"}}, 201).doc["user"]["id"]
    server = org.server
    leaver = server.client().by_password(server.admin_name, server.admin_password,
                                         org.content_url, user=added)
    theirs = made(leaver, flow["id"])
    client.ok("DELETE", f"{client.site}/users/{added}", None, 204)
    known = {task["id"] for task in tasks(user)}
    assert mine["id"] in known and theirs["id"] not in known
    client.ok("DELETE", f"{client.site}/flows/{flow['id']}", None, 204)
    check_refusal(client.call("GET", path(client, mine["id"])), 404026)


def in_seconds(seconds):
    at = datetime.datetime.now(UTC) + datetime.timedelta(seconds=seconds)
    return schedule("Daily", at.strftime("%H:%M:%S"))


def test_what_is_due_is_run(engine, tmp_path):
    """By the clock: once, by its maker's rights, while the server runs and after it did not."""
    env = {**servers.RELAXED, "EASEL_JOB_POLL": "100ms"}
    server = servers.Server(engine, data=tmp_path / "data", env=env)
    try:
        client = server.admin()
        target = unique("scheduled")
        flow = publish_run(client, csv_flow(target, "Default"), default_project(client))
        task = made(client, flow["id"], in_seconds(2))
        limit = time.monotonic() + 30

        def ended():
            doc = client.ok("GET", f"{client.site}/flows/runs?filter=flowId:eq:{flow['id']}").doc
            return [one for one in doc["flowRuns"].get("flowRuns", []) if "completedAt" in one]
        while not ended():
            assert time.monotonic() < limit
            time.sleep(0.1)
        (run,) = ended()
        assert run["status"] == "Success"
        assert run["startedAt"] >= task["schedule"]["nextRunAt"]
        reply = client.ok("GET", f"{client.site}/datasources?filter=name:eq:{target}")
        assert len(reply.doc["datasources"]["datasource"]) == 1
        told = client.ok("GET", path(client, task["id"])).doc["task"]["flowRun"]["schedule"]
        day = datetime.timedelta(days=1)
        first, second = (datetime.datetime.strptime(one["nextRunAt"], "%Y-%m-%dT%H:%M:%SZ")
                         for one in (task["schedule"], told))
        assert second - first == day
        time.sleep(1)
        assert ended() == [run]

        missed = made(client, flow["id"], in_seconds(2))
        database, server.database = server.database, None
        server.stop()
        time.sleep(2.5)
        second = servers.Server(engine, data=tmp_path / "data", env=env,
                                repository=server.repository, password=server.admin_password)
        second.database, server = database, second
        client = Client(server.url, session=client.session)
        limit = time.monotonic() + 30
        while len(ended()) < 2:
            assert time.monotonic() < limit
            time.sleep(0.1)
        assert len(ended()) == 2
        client.ok("DELETE", path(client, missed["id"]), None, 204)
    finally:
        server.discard()


def test_two_nodes_run_it_once(tmp_path):
    if not servers.POSTGRES:
        pytest.skip("EASEL_TEST_POSTGRES is not set")
    env = {**servers.RELAXED, "EASEL_JOB_POLL": "100ms"}
    first = servers.Server("postgres", data=tmp_path / "data", env=env)
    second = servers.Server("postgres", data=tmp_path / "data", env=env,
                            repository=first.repository, password=first.admin_password)
    try:
        client = first.admin()
        flows = [publish_run(client, csv_flow(unique("node")), default_project(client))["id"]
                 for _ in range(5)]
        for flow in flows:
            made(client, flow, in_seconds(3))
        time.sleep(6)
        doc = client.ok("GET", f"{client.site}/flows/runs").doc["flowRuns"]["flowRuns"]
        assert sorted(run["flowId"] for run in doc) == sorted(flows)
    finally:
        second.discard()
        first.discard()


def test_what_may_not_run_any_more_waits(engine, tmp_path):
    """A task whose maker lost the right: no run, and the next time is set."""
    server = servers.Server(engine, data=tmp_path / "data",
                            env={**servers.RELAXED, "EASEL_JOB_POLL": "100ms"})
    try:
        client = server.admin()
        home = new_project(client)
        flow = publish_run(client, csv_flow(unique("never")), home)
        user = client.ok("POST", f"{client.site}/users", {"user": {
            "name": unique("user"), "siteRole": "Creator"}}, 201).doc["user"]["id"]
        grant(client, home, user, Read="Allow")
        grant(client, home, user, "flows", Read="Allow", Execute="Allow")
        flow = publish_run(client, csv_flow(unique("never")), home)
        own = server.client().by_password(server.admin_name, server.admin_password, "", user=user)
        task = made(own, flow["id"], in_seconds(3))
        grant_path = f"{client.site}/flows/{flow['id']}/permissions/users/{user}/Execute/Allow"
        client.ok("DELETE", grant_path, None, 204)
        limit = time.monotonic() + 20
        while client.ok("GET", path(client, task["id"])).doc["task"]["flowRun"]["schedule"][
                "nextRunAt"] == task["schedule"]["nextRunAt"]:
            assert time.monotonic() < limit
            time.sleep(0.1)
        assert client.ok("GET", f"{client.site}/flows/runs").doc["flowRuns"] in ({}, {"flowRuns": []})
    finally:
        server.discard()


def test_as_tsc(org, flow):
    """FlowTask.create_flow_task_req, and TaskItem.from_response."""
    client = tsc.Client(org.admin.url, "3.29", org.admin.session.token)
    root = ET.Element("tsRequest")
    run = tsc.node("runFlow", tsc.node("flow", id=flow["id"]), type="RunFlow")
    when = tsc.node("schedule", tsc.node(
        "frequencyDetails", tsc.node("intervals", tsc.node("interval", hours="2"), *(
            tsc.node("interval", weekDay=day) for day in ("Monday", "Tuesday"))),
        start="08:00:00", end="18:00:00"), frequency="Hourly")
    root.extend((run, when))
    content = client.send("POST", f"/{org.admin.site}/tasks/flows", ET.tostring(root))
    (task,) = ET.fromstring(content).findall(".//t:task", tsc.NS)
    (detail,) = list(task)
    assert tsc.need(detail, "type") == "RunFlowTask"
    (when,) = detail.findall(".//t:schedule[@id]", tsc.NS)
    assert tsc.date(tsc.need(when, "nextRunAt")) and int(tsc.need(detail, "priority")) == 50
    assert int(tsc.need(detail, "consecutiveFailedCount")) == 0
    listed = ET.fromstring(client.send("GET", f"/{org.admin.site}/tasks/runFlow"))
    assert tsc.need(detail, "id") in {
        one.get("id") for one in listed.findall(".//t:task/t:flowRun", tsc.NS)}
