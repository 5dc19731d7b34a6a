"""asJob=true: workbooks and data sources that are published by jobs, after the answer."""

import hashlib
import os
import pathlib
import random
import re
import time

import pytest

import servers
from contents import (connection_xml, datasource_bytes, flow_bytes, grant, new_project,
                      package, publish_reply, publish_workbook, workbook_bytes)
from csv_jobs import notes, wait
from easel_client import Client, check_refusal, unique
from orgs import Org
from test_tags import labels_of
from test_uploads import append, begin, content, publish_upload

BYTES = {"workbook": workbook_bytes(), "datasource": datasource_bytes()}
FILES = {"workbook": "book.twb", "datasource": "source.tds"}
TYPES = {"workbook": "PublishWorkbook", "datasource": "PublishDatasource"}
KINDS = sorted(TYPES)


def job_reply(client, kind, data=None, name=None, query="", filename=None, fmt=None, **members):
    return publish_reply(client, kind, filename or FILES[kind], BYTES[kind] if data is None else data,
                         {"name": name or unique(kind), **members}, f"?asJob=true{query}", fmt=fmt)


def job_of(reply):
    """The job of an answer: not begun, and of the right shape."""
    assert reply.status == 202, reply
    assert set(reply.doc) == {"job"}
    job = reply.doc["job"]
    assert set(job) == {"id", "mode", "type", "progress", "createdAt", "updatedAt"}
    assert job["mode"] == "Asynchronous" and job["progress"] == "0"
    return job


def done(client, reply, code=0):
    found = wait(client, job_of(reply)["id"])
    assert found["finishCode"] == str(code), found
    return found


def why(job):
    """The note of a job that failed."""
    assert job["finishCode"] == "1", job
    ((kind, value, text),) = notes(job)
    assert kind == "CountOfUsersProcessed" and value == "0"
    return text


def named(client, kind, name):
    return client.ok("GET", f"{client.site}/{kind}s?filter=name:eq:{name}").doc[f"{kind}s"].get(kind, [])


def blob_path(data_folder, data):
    digest = hashlib.sha256(data).hexdigest()
    return pathlib.Path(data_folder, "blobs", digest[:2], digest[2:])


# ---------------------------------------------------------------- what is published
@pytest.mark.parametrize("kind", KINDS)
def test_by_part(org, kind, fmt):
    client, name = org.as_role("Creator"), unique("job")
    reply = job_reply(client, kind, name=name, description="As a job", fmt=fmt)
    assert job_of(reply)["type"] == TYPES[kind]
    job = done(client, reply)
    assert job["type"] == TYPES[kind] and job["progress"] == "100"
    assert "statusNotes" not in job
    (item,) = named(client, kind, name)
    assert item["owner"]["id"] == org.user("Creator") and item["description"] == "As a job"
    assert content(client, kind, item["id"]).body == BYTES[kind]
    found = client.ok("GET", f"//api/-/search?terms={name}", fmt="json").doc["hits"]
    assert found["total"] >= 1


@pytest.mark.parametrize("kind", KINDS)
def test_by_upload(org, kind, fmt):
    client, name, data = org.as_role("Creator"), unique("job"), BYTES[kind]
    upload = begin(client, fmt)
    for piece in (data[:100], data[100:]):
        assert append(client, upload, piece).status == 200
    ending = FILES[kind].rpartition(".")[2]
    reply = publish_upload(client, kind, upload, ending, {"name": name}, "&asJob=true", fmt=fmt)
    job = job_of(reply)["id"]
    # The session is over before the job is.
    check_refusal(append(client, upload, b"more", fmt=fmt), 404015)
    assert wait(client, job)["finishCode"] == "0"
    (item,) = named(client, kind, name)
    assert content(client, kind, item["id"]).body == data


@pytest.mark.parametrize("value, status", [("True", 202), ("TRUE", 202), ("false", 201), (None, 201)])
def test_values(org, value, status):
    client = org.as_role("Creator")
    query = "" if value is None else f"?asJob={value}"
    reply = publish_reply(client, "workbook", "w.twb", workbook_bytes(), {"name": unique("w")}, query)
    assert reply.status == status and set(reply.doc) == {"job" if status == 202 else "workbook"}


def test_flows_have_no_jobs(org, fmt):
    for value in ("true", "maybe"):
        reply = publish_reply(org.as_role("Creator"), "flow", "f.tfl", flow_bytes(),
                              {"name": unique("f")}, f"?asJob={value}", fmt=fmt)
        assert reply.status == 201 and reply.doc["flow"]["id"]


def test_everything_that_is_asked_for_is_kept(org, fmt):
    """The same request with and without a job makes the same."""
    client = org.as_role("Creator")
    data = workbook_bytes(["One", "Two \u00fc"], ["Board"], connection_xml(server="db.example.com"))
    project = new_project(org.admin)
    grant(org.admin, project, org.user("Creator"), Read="Allow", Write="Allow")
    members = {"project": {"id": project}, "showTabs": "true", "description": "Text with \u00e4",
               "tags": {"tag": [{"label": "of all"}, {"label": "\u00e4"}]},
               "views": {"view": [{"name": "Two \u00fc", "hidden": "true"},
                                  {"name": "One", "hidden": "false",
                                   "tags": {"tag": [{"label": "of one"}]}},
                                  {"name": "None", "tags": {"tag": [{"label": "of none"}]}}]},
               "connections": {"connection": [
                   {"serverAddress": "other.example.com",
                    "connectionCredentials": {"name": "no", "password": "no", "embed": "true"}},
                   {"serverAddress": "DB.example.com", "serverPort": "1433", "connectionCredentials":
                    {"name": "someone", "password": "s3cret", "embed": "true"}}]},
               "connectionCredentials": {"name": "all", "password": "all", "embed": "false"}}
    made = []
    for query in ("", "?asJob=true"):
        name = unique("same")
        reply = publish_reply(client, "workbook", "w.twb", data, {"name": name, **members}, query, fmt=fmt)
        if query:
            done(client, reply)
        (item,) = named(client, "workbook", name)
        path = f"{client.site}/workbooks/{item['id']}"
        whole = client.ok("GET", path).doc["workbook"]
        (connection,) = client.ok("GET", f"{path}/connections").doc["connections"]["connection"]
        connection.pop("id")
        connection["datasource"].pop("id")
        views = [(v["name"], v["contentUrl"].partition("/")[2]) for v in whole["views"]["view"]]
        tags = [labels_of(whole)] + [labels_of(v) for v in whole["views"]["view"]]
        assert tags == [["of all", "\u00e4"], ["of one"], []]
        made.append((whole["showTabs"], whole["description"], whole["project"]["id"], views, connection))
    assert made[0] == made[1]
    assert made[1][4]["userName"] == "someone" and made[1][4]["embedPassword"] is True
    assert made[1][0] == "true" and "Two \u00fc" not in [name for name, _ in made[1][3]]


def test_overwriting(org):
    client, name = org.as_role("Creator"), unique("again")
    first = publish_workbook(client, name, data=workbook_bytes(["One", "Two"]))
    check_refusal(job_reply(client, "workbook", name=name), 403130)
    second = workbook_bytes(["Two", "Three"])
    done(client, job_reply(client, "workbook", second, name, "&overwrite=true"))
    (item,) = named(client, "workbook", name)
    assert item["id"] == first["id"] and content(client, "workbook", item["id"]).body == second
    revisions = client.ok("GET", f"{client.site}/workbooks/{item['id']}/revisions").doc["revisions"]
    assert [r["revisionNumber"] for r in revisions["revision"]] == ["1", "2"]


# ---------------------------------------------------------------- what is refused at once
def test_refused_before_there_is_a_job(org, fmt):
    client, closed = org.as_role("Creator"), new_project(org.admin)

    def refused(code, kind="workbook", who=client, **members):
        check_refusal(job_reply(who, kind, fmt=fmt, **members), code)

    refused(400000, name="x" * 256)
    refused(400020, filename="w.tds")
    refused(400010, "datasource", filename="d.twb")
    refused(403007, project={"id": closed})
    refused(404005, project={"id": "00000000-0000-4000-8000-000000000000"})
    refused(403007, who=org.as_role("Explorer"))
    refused(404004, "datasource", query="&append=true")
    refused(400011, "workbook", query="&append=true")
    refused(400055, "datasource", query="&append=true&overwrite=true")
    check_refusal(publish_reply(client, "workbook", "w.twb", workbook_bytes(), {"name": unique("w")},
                                "?asJob=maybe", fmt=fmt), 400008)
    check_refusal(publish_upload(client, "workbook", "9:0-1:0", "twb", {"name": unique("w")},
                                 "&asJob=true", fmt=fmt), 404015)


def test_a_request_that_is_too_large_to_keep(org):
    views = [{"name": f"{n}" * 90, "hidden": "true"} for n in range(10000, 20000)]
    reply = job_reply(org.as_role("Creator"), "workbook", views={"view": views})
    check_refusal(reply, 400000)


def test_scopes(org):
    """The method's scope is enough to publish by a job; to ask for the job is another's."""
    client, name = org.by_jwt("Creator", ("tableau:workbooks:create",)), unique("scoped")
    job = job_of(job_reply(client, "workbook", name=name))["id"]
    client.refused(401002, "GET", f"{client.site}/jobs/{job}")
    assert wait(org.as_role("Creator"), job)["finishCode"] == "0"
    assert len(named(org.admin, "workbook", name)) == 1
    check_refusal(job_reply(client, "datasource"), 401002)


def test_who_sees_the_job(org, other):
    job = job_of(job_reply(org.as_role("Creator"), "workbook", name=unique("seen")))["id"]
    wait(org.admin, job)
    explorer = org.as_role("ExplorerCanPublish")
    explorer.refused(404018, "GET", f"{explorer.site}/jobs/{job}")
    other.admin.refused(404018, "GET", f"{other.admin.site}/jobs/{job}")


def test_query_jobs(org, fmt):
    client, name = org.admin, unique("listed")
    for kind in KINDS:
        done(client, job_reply(client, kind, name=name))
        query = f"?filter=jobType:eq:publish_{kind},subtitle:eq:{name}&fields=_all_"
        (job,) = client.ok("GET", f"{client.site}/jobs{query}", fmt=fmt).doc["backgroundJobs"]["backgroundJob"]
        assert job["status"] == "Success" and job["subtitle"] == name
        assert job["title"] == {"workbook": "Publish a workbook", "datasource": "Publish a data source"}[kind]


# ---------------------------------------------------------------- what fails in the job
@pytest.mark.parametrize("kind, filename, data", [
    ("workbook", "w.twb", b""), ("workbook", "w.twb", b"<workbook"),
    ("workbook", "w.twbx", b"PK\x03\x04 no archive"),
    ("workbook", "w.twbx", package("readme.txt", b"no workbook")),
    ("datasource", "d.tds", b"not xml"), ("datasource", "d.hyper", b"no extract"),
])
def test_broken_files(org, kind, filename, data):
    client, name = org.as_role("Creator"), unique("bad")
    job = done(client, job_reply(client, kind, data, name, filename=filename), 1)
    # What the note says is what the answer says without a job.
    reply = publish_reply(client, kind, filename, data, {"name": name})
    check_refusal(reply, 400011)
    assert why(job) == f"400011: {reply.detail}"
    assert not named(org.admin, kind, name)


# ---------------------------------------------------------------- what happens meanwhile
def start(engine, data, before=None, **env):
    options = {"repository": before.repository, "password": before.admin_password} if before else {}
    return servers.Server(engine, data=data, env={**servers.RELAXED, **env}, **options)


def follow(engine, data, first, end):
    """The server that comes after `first`, which `end` ends; with its database."""
    database, first.database = first.database, None
    end()
    try:
        second = start(engine, data, first, EASEL_JOB_LEASE="1s", EASEL_JOB_POLL="200ms")
    except BaseException:
        if database:
            database.drop()
        raise
    second.database = database
    return second


def fsck(server):
    """The lines and the counts of a check that finds nothing wrong."""
    lines = servers.run("fsck", *server.store_options(), "--older-than", "0s", check=0).stdout.splitlines()
    summary = next(line for line in lines if " named by rows: " in line)
    return lines, {words: int(number) for number, words in re.findall(
        r"(\d+) (blobs|named|missing|damaged|unreferenced)", summary)}


class Held:
    """Jobs that waited at a server which runs none while the world went on, and were
    then run by the next."""

    def __init__(self, engine, data):
        self.jobs, self.names, self.bytes, self.secret = {}, {}, {}, unique("secretword")
        self.data = data
        first = start(engine, data, EASEL_JOB_WORKERS="0")
        try:
            self.org = Org(first, first.admin(), unique("held"))
            change = self.queue(first)
            self.waiting = fsck(first)
            self.pending = {job["id"]: job for job in self.org.admin.ok(
                "GET", f"{self.org.admin.site}/jobs?filter=status:eq:Pending"
            ).doc["backgroundJobs"]["backgroundJob"]}
            self.files = [file for file in pathlib.Path(data).rglob("*")
                          if file.is_file() and self.secret.encode() in file.read_bytes()]
            change()
        except BaseException:
            first.discard()
            raise
        self.server = follow(engine, data, first, first.stop)
        self.admin = Client(self.server.url, session=self.org.admin.session)
        self.found = {key: wait(self.admin, job) for key, job in self.jobs.items()}

    def add(self, key, client, kind="workbook", data=None, query="", **members):
        self.names[key] = unique(key)
        self.bytes[key] = data or {"workbook": workbook_bytes([self.names[key]]),
                                   "datasource": datasource_bytes()}[kind]
        reply = job_reply(client, kind, self.bytes[key], self.names[key], query, **members)
        self.jobs[key] = job_of(reply)["id"]

    def queue(self, server):
        """Adds the jobs; answers what changes the world while they wait."""
        org, admin, creator = self.org, self.org.admin, self.org.as_role("Creator")
        explorer, user = org.as_role("ExplorerCanPublish"), admin.add_user(role="Creator")[0]
        leaver = server.client().by_password(server.admin_name, server.admin_password,
                                             org.content_url, user=user)
        closing, going = new_project(admin), admin.add_project()["id"]
        grant(admin, closing, org.user("Creator"), Read="Allow", Write="Allow")
        self.add("plain", creator,
                 connectionCredentials={"name": "n", "password": self.secret, "embed": "true"})
        self.add("source", creator, "datasource")
        self.add("broken", creator, data=b"<workbook " + unique("b").encode())
        self.add("cancelled", creator)
        self.add("no_right", creator, project={"id": closing})
        self.add("no_project", creator, project={"id": going})
        self.add("no_user", leaver)
        self.add("no_role", explorer)
        self.add("taken", creator)
        self.add("overwritten", creator, query="&overwrite=true")

        def change():
            site = admin.site
            admin.ok("PUT", f"{site}/jobs/{self.jobs['cancelled']}", accept="*/*")
            admin.ok("DELETE", f"{site}/projects/{closing}/permissions/users/{org.user('Creator')}/Write/Allow")
            admin.ok("DELETE", f"{site}/projects/{going}")
            admin.ok("DELETE", f"{site}/users/{user}")
            admin.ok("PUT", f"{site}/users/{org.user('ExplorerCanPublish')}",
                     {"user": {"siteRole": "Viewer"}})
            for key in ("taken", "overwritten"):
                publish_workbook(creator, self.names[key], data=workbook_bytes(["sooner"]))
        return change

    def item(self, key, kind="workbook"):
        return named(self.admin, kind, self.names[key])


@pytest.fixture(scope="module")
def held(engine, tmp_path_factory):
    held = Held(engine, tmp_path_factory.mktemp("held"))
    try:
        yield held
    except BaseException:
        held.server.discard()
        raise
    held.server.stop()


def test_blobs_of_waiting_jobs_are_named(held):
    """What is young is looked at too: there are no leftovers at all."""
    lines, counts = held.waiting
    assert counts["named"] == len({data for data in held.bytes.values()})
    assert counts["missing"] == counts["damaged"] == counts["unreferenced"] == 0, lines
    assert set(held.pending) == set(held.jobs.values())


def test_blobs_of_ended_jobs_are_let_go(held):
    """Only what was published is there still, also of those that were added before a restart."""
    gone = ("broken", "cancelled", "no_right", "no_project", "no_user", "no_role", "taken")
    limit = time.monotonic() + 5
    while any(blob_path(held.server.data, held.bytes[key]).exists() for key in gone):
        assert time.monotonic() < limit
        time.sleep(0.02)
    lines, counts = fsck(held.server)
    assert counts["missing"] == counts["damaged"] == counts["unreferenced"] == 0, lines


def test_passwords_of_waiting_jobs_are_sealed(held):
    assert held.files == []
    (item,) = held.item("plain")
    path = f"{held.admin.site}/workbooks/{item['id']}/connections"
    (connection,) = held.admin.ok("GET", path).doc["connections"]["connection"]
    assert connection["userName"] == "n" and connection["embedPassword"] is True


def test_published_after_a_restart(held):
    for key, kind in (("plain", "workbook"), ("source", "datasource"), ("overwritten", "workbook")):
        assert held.found[key]["finishCode"] == "0"
        (item,) = held.item(key, kind)
        assert content(held.admin, kind, item["id"]).body == held.bytes[key]
        assert item["owner"]["id"] == held.org.user("Creator")
    path = f"{held.admin.site}/workbooks/{held.item('overwritten')[0]['id']}/revisions"
    assert len(held.admin.ok("GET", path).doc["revisions"]["revision"]) == 2


@pytest.mark.parametrize("key, text", [
    ("no_right", "403007: The user may not publish to the project."),
    ("no_project", "404005: "),
    ("no_user", "403007: Whoever started the job is no user of the site any more."),
    ("no_role", "403007: The site role Viewer may not publish."),
    ("taken", "403130: A workbook named "),
    ("broken", "400011: "),
])
def test_what_was_lost_meanwhile(held, key, text):
    assert why(held.found[key]).startswith(text)
    if key == "taken":
        (item,) = held.item(key)
        assert content(held.admin, "workbook", item["id"]).body == workbook_bytes(["sooner"])
    else:
        assert held.item(key) == []


def test_cancelled_while_waiting(held):
    assert held.found["cancelled"]["finishCode"] == "2"
    assert held.item("cancelled") == []


# ---------------------------------------------------------------- life of a server
def test_a_missing_blob_is_told(engine, tmp_path):
    """By the job's name; and the job fails once it was tried often enough."""
    first = start(engine, tmp_path, EASEL_JOB_WORKERS="0")
    admin, data = first.admin(), workbook_bytes([unique("lost")])
    job = job_of(job_reply(admin, "workbook", data, unique("lost")))["id"]
    path = blob_path(tmp_path, data)
    path.rename(f"{path}.aside")
    done = servers.run("fsck", *first.store_options(), check=1)
    assert f"    the job {job} (publish_workbook) on the site ''" in done.stdout.splitlines()
    second = follow(engine, tmp_path, first, first.stop)
    try:
        again = Client(second.url, session=admin.session)
        assert why(wait(again, job)) == "500000: The file could not be read back."
    finally:
        second.stop()


def test_killed_at_any_moment_all_or_nothing(engine, tmp_path):
    """What was answered with a job is published, once, however often the server dies."""
    server = start(engine, tmp_path, EASEL_JOB_LEASE="1s", EASEL_JOB_POLL="200ms")
    session, database = server.admin().session, server.database
    for _ in range(int(os.environ.get("EASEL_JOB_CRASH_ROUNDS", "4"))):
        client = Client(server.url, session=session)
        names = [unique("k") for _ in range(12)]
        jobs = [job_of(job_reply(client, "workbook", workbook_bytes([name]), name))["id"]
                for name in names]

        def kill():
            time.sleep(random.uniform(0, 0.1))
            server.kill()
            server.finish()

        server.database = database
        server = follow(engine, tmp_path, server, kill)
        client = Client(server.url, session=session)
        for name, job in zip(names, jobs):
            assert wait(client, job)["finishCode"] == "0"
            (item,) = named(client, "workbook", name)
            revisions = client.ok("GET", f"{client.site}/workbooks/{item['id']}/revisions").doc
            assert len(revisions["revisions"]["revision"]) == 1
            assert content(client, "workbook", item["id"]).body == workbook_bytes([name])
    assert fsck(server)[1]["missing"] == 0
    server.stop()
