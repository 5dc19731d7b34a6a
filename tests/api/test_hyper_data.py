"""Update Data in Hyper Data Source and Hyper Connection. Extracts are made, downloaded and
read by hypertable.py, which shares no code with the server.
"""

import json
import pathlib
import threading
import uuid
from datetime import date, datetime

import pytest

import hyperfile
import hypertable
import servers
import tsc_forms
from contents import (default_project, datasource_bytes, grant, new_project, package,
                      publish_reply)
from csv_jobs import wait
from easel_client import check_refusal, unique
from hypertable import Table
from schema import ROOT
from test_append import entry, names_of, quiet, sample, stored
from test_publish_jobs import follow
from test_uploads import append, begin

KEYED = [("id", "BigInt"), ("name", "Varchar", "null")]
ONE_TWO = [[1, "one"], [2, "two"]]
NO_LUID = "00000000-0000-4000-8000-000000000000"


def target(rows=None, columns=None, name="Extract", **more):
    return hypertable.make(Table(name, columns or KEYED, ONE_TWO if rows is None else rows, **more))


def payload(rows, columns=None, name="p", **more):
    return hypertable.make(Table(name, columns or KEYED, rows, **more))


def publish(client, data=None, filename="x.hyper", project=None):
    reply = publish_reply(client, "datasource", filename, target() if data is None else data,
                          {"name": unique("rows"),
                           "project": {"id": project or default_project(client)}})
    assert reply.status == 201, reply
    return reply.doc["datasource"]


def act(kind, condition=None, source="p", table="Extract", **more):
    action = {"action": kind, "target-table": table}
    if source:
        action["source-table"] = source
    if condition:
        action["condition"] = condition
    return {**action, **{key.replace("_", "-"): value for key, value in more.items()}}


def same(column, source=None, op="eq"):
    return {"op": op, "target-col": column, "source-col": source or column}


def const(op, column, kind, value):
    return {"op": op, "target-col": column, "const": {"type": kind, "v": value}}


def upload_of(client, data):
    upload = begin(client)
    assert append(client, upload, data).status == 200
    return upload


def send(client, item, actions, data=None, request=None, upload=None, connection=None, fmt=None,
         body=None, headers=None):
    """The request as TSC sends it; `data` is uploaded before."""
    upload = upload or (upload_of(client, data) if data is not None else None)
    path = f"{client.site}/datasources/{item['id']}"
    path += f"/connections/{connection}/data" if connection else "/data"
    return client.call("PATCH", path + (f"?uploadSessionId={upload}" if upload else ""),
                       raw=json.dumps({"actions": actions}).encode() if body is None else body,
                       content_type="application/json", fmt=fmt,
                       headers={"RequestID": request or str(uuid.uuid4())}
                       if headers is None else headers)


def job_of(reply):
    assert reply.status == 202, reply
    job = reply.doc["job"]
    assert job["mode"] == "Asynchronous" and job["type"] == "UpdateUploadedFile"
    return job


def ended(client, reply, code=0):
    """What the job tells of itself."""
    found = wait(client, job_of(reply)["id"])
    assert found["finishCode"] == str(code), found
    assert "extractRefreshJob" not in found and "statusNotes" not in found
    return found["updateUploadedFileJob"]


def failed(client, item, actions, data=None, **options):
    """Why the job failed. Nothing has changed."""
    before = content(client, item)
    why = ended(client, send(client, item, actions, data, **options), 1)["notes"]
    assert content(client, item) == before
    return why


def content(client, item):
    reply = client.call("GET", f"{client.site}/datasources/{item['id']}/content")
    assert reply.status == 200, reply
    return reply.body


def rows(client, item, table="Extract"):
    return hypertable.tables(content(client, item))[table]


def source(client, item):
    return client.ok("GET", f"{client.site}/datasources/{item['id']}").doc["datasource"]


def revisions(client, item):
    return [r["revisionNumber"] for r in client.ok(
        "GET", f"{client.site}/datasources/{item['id']}/revisions").doc["revisions"]["revision"]]


def connection_of(client, item):
    return client.ok("GET", f"{client.site}/datasources/{item['id']}/connections"
                     ).doc["connections"]["connection"][0]["id"]


@pytest.fixture
def creator(org):
    return org.as_role("Creator")


# ---------------------------------------------------------------- what comes of it
@pytest.mark.parametrize("action, data, expected", [
    (act("insert"), [[3, "three"]], ONE_TWO + [[3, "three"]]),
    (act("replace"), [[3, "three"]], [[3, "three"]]),
    (act("update", same("id")), [[2, "zwei"], [9, "neun"]], [[1, "one"], [2, "zwei"]]),
    (act("upsert", same("id")), [[2, None], [9, "neun"]], [[1, "one"], [2, None], [9, "neun"]]),
    (act("delete", {"op": "and", "args": [same("id"), same("name")]}), [[2, "two"], [1, "no"]],
     [[1, "one"]]),
], ids=lambda value: value["action"] if isinstance(value, dict) else None)
def test_actions(creator, action, data, expected, fmt):
    item = publish(creator)
    before = source(creator, item)
    told = ended(creator, send(creator, item, [action], payload(data), fmt=fmt))
    assert told == {"datasource": {"id": item["id"], "name": item["name"]},
                    "connectionLuid": connection_of(creator, item), "notes": ""}
    assert rows(creator, item) == expected
    # A revision, and nothing else of the data source is another.
    assert revisions(creator, item) == ["1", "2"]
    after = source(creator, item)
    for changing in ("updatedAt", "size"):
        before.pop(changing, None), after.pop(changing, None)
    assert after == before


def test_deletion_without_payload(creator, fmt):
    item = publish(creator)
    action = act("delete", const("lt", "id", "integer", 2), source=None)
    ended(creator, send(creator, item, [action], fmt=fmt))
    assert rows(creator, item) == [[2, "two"]]
    ended(creator, send(creator, item, [act("delete", const("gte", "id", "integer", "0"), None)]))
    assert rows(creator, item) == []
    ended(creator, send(creator, item, [act("insert")], payload(ONE_TWO)))
    assert rows(creator, item) == ONE_TWO


def test_a_request_in_xml(creator):
    """The schema has the actions as elements too."""
    item = publish(creator)
    body = ("<tsRequest><actions><condition><op>eq</op><target-col>id</target-col><const>"
            "<type>integer</type><v>2</v></const></condition><action>delete</action>"
            "<target-table>Extract</target-table></actions></tsRequest>").encode()
    reply = creator.call("PATCH", f"{creator.site}/datasources/{item['id']}/data", raw=body,
                         content_type="application/xml", headers={"RequestID": unique("r")})
    ended(creator, reply)
    assert rows(creator, item) == [[1, "one"]]


def test_all_or_nothing(creator):
    item = publish(creator)
    actions = [act("insert"), act("delete", const("eq", "id", "integer", 1), None),
               act("update", same("id"), table="Absent")]
    why = failed(creator, item, actions, payload([[3, "three"]]))
    assert why == "Action 3 (update): the data source has no table 'Absent'."
    assert revisions(creator, item) == ["1"]
    ended(creator, send(creator, item, actions[:2], payload([[3, "three"]])))
    assert rows(creator, item) == [[2, "two"], [3, "three"]]


def test_actions_in_their_order(creator):
    data = payload([[2, "zwei"], [3, "drei"]])
    for actions, expected in (
            ([act("insert"), act("upsert", same("id"))],
             [[1, "one"], [2, "zwei"], [2, "zwei"], [3, "drei"]]),
            ([act("upsert", same("id")), act("insert")],
             [[1, "one"], [2, "zwei"], [3, "drei"], [2, "zwei"], [3, "drei"]]),
            ([act("insert"), act("replace")], [[2, "zwei"], [3, "drei"]])):
        item = publish(creator)
        ended(creator, send(creator, item, actions, data))
        assert rows(creator, item) == expected


MIXED = [("i", "BigInt", "null"), ("d", "Double", "null"), ("s", "Varchar", "null"),
         ("b", "Bool", "null"), ("day", "Date", "null"), ("at", "Timestamp", "null"),
         ("n", "Integer"), ("m", "SmallInt")]
MIXED_ROWS = [
    [1, 1.5, "a", True, date(2020, 1, 1), datetime(2020, 1, 1), 10, 1],
    [2, 2.5, "b", False, date(2020, 1, 2), datetime(2020, 1, 2, 12, 0, 0, 5), -20, 2],
    [3, -3.0, "\u00fcber", None, date(1969, 12, 31), datetime(1899, 12, 30, 23, 59), 30, 3],
    [None, None, None, True, None, None, 40, 4],
]


@pytest.mark.parametrize("condition, gone", [
    (const("eq", "i", "integer", 2), [2]),
    (const("neq", "i", "integer", 2), [1, 3]),
    (const("lt", "d", "double", 2.5), [1, 3]),
    (const("lte", "d", "double", "2.5"), [1, 2, 3]),
    (const("gt", "n", "integer", -20), [1, 3, 4]),
    (const("gte", "m", "integer", 3), [3, 4]),
    (const("eq", "d", "integer", -3), [3]),
    (const("eq", "s", "string", "\u00fcber"), [3]),
    (const("gt", "s", "string", "a"), [2, 3]),
    (const("eq", "b", "boolean", True), [1, 4]),
    (const("neq", "b", "boolean", "true"), [2]),
    (const("gte", "day", "datetime", "2020-01-01"), [1, 2]),
    (const("lt", "day", "string", "1970-01-01"), [3]),
    (const("eq", "at", "datetime", "2020-01-02T12:00:00.000005Z"), [2]),
    (const("lt", "at", "datetime", "2020-01-01 00:00:00"), [3]),
    ({"op": "is", "target-col": "i", "const": {"type": "integer", "v": None}}, [4]),
    ({"op": "not", "args": [{"op": "is", "target-col": "b", "const": {"type": "boolean"}}]},
     [1, 2, 4]),
    ({"op": "not", "args": [const("eq", "i", "integer", 2)]}, [1, 3]),
    ({"op": "or", "args": [const("eq", "i", "integer", 1), const("eq", "n", "integer", 40)]},
     [1, 4]),
    ({"op": "and", "args": [const("gt", "i", "integer", 1),
                            {"op": "or", "args": [const("eq", "s", "string", "b"),
                                                  const("eq", "m", "integer", 1)]}]}, [2]),
], ids=lambda value: json.dumps(value) if isinstance(value, dict) else None)
def test_conditions(creator, condition, gone):
    item = publish(creator, target(MIXED_ROWS, MIXED))
    ended(creator, send(creator, item, [act("delete", condition, None)]))
    assert rows(creator, item) == [row for row in MIXED_ROWS if row[7] not in gone]


def test_all_types_are_written(creator):
    item = publish(creator, target([], MIXED))
    ended(creator, send(creator, item, [act("insert")], payload(MIXED_ROWS, MIXED)))
    assert rows(creator, item) == MIXED_ROWS
    # By each type as the key, of rows and of those that are looked up.
    for column in ("i", "d", "s", "day", "at"):
        i = [name for name, *_ in MIXED].index(column)
        kind = MIXED[i][1]
        changed = payload([[MIXED_ROWS[1][i], 7]], [(column, kind, "null"), ("m", "SmallInt")])
        ended(creator, send(creator, item, [act("update", same(column))], changed))
        assert [row[7] for row in rows(creator, item)] == [1, 7, 3, 4], column
        ended(creator, send(creator, item, [act("update", same("n"))],
                            payload([[-20, 2]], [("n", "Integer"), ("m", "SmallInt")])))


def test_types_that_fit(creator):
    item = publish(creator, target([[1, 1.5, None]], [("a", "BigInt"), ("b", "Double"),
                                                      ("c", "Timestamp", "null")]))
    more = payload([[date(2020, 2, 29), 2, 7]], [("c", "Date"), ("b", "Integer"),
                                                 ("a", "SmallInt")])
    ended(creator, send(creator, item, [act("insert")], more))
    assert rows(creator, item) == [[1, 1.5, None], [7, 2.0, datetime(2020, 2, 29)]]


def test_many_rows(creator):
    """Several blocks; an upsert of some of them, twice."""
    many = [[i, f"name {i % 777}"] for i in range(150_000)]
    item = publish(creator, target(many))
    change = [[i, "changed"] for i in range(100_000, 200_000, 1000)]
    for _ in range(2):
        ended(creator, send(creator, item, [act("upsert", same("id"))], payload(change)))
    merged = dict(many) | dict(change)
    assert [tuple(row) for row in rows(creator, item)] == list(merged.items())


@pytest.mark.parametrize("name, table, key", [
    ("sales_v2", "Extract", None), ("calcs_testv1", "Extract", "key"),
    ("superstore_sample", "Customer", "Customer ID")])
def test_files_of_the_field(creator, name, table, key):
    """Rows go and come back; tables that nobody speaks of stay to the byte."""
    data = sample(name)
    before = hypertable.tables(data)
    item = publish(creator, data) if name != "superstore_sample" else publish(
        creator, package("s.tds", datasource_bytes(), **{"Data/s.hyper": data}), "s.tdsx")

    def extract():
        found = content(creator, item)
        return entry(found, "Data/s.hyper") if found[:2] == b"PK" else found

    key = key or hyperfile.read(data).table["attributes"][0]["name"]
    columns = [r for _, r in hyperfile.read(data).tables if r["name"] == table][0]["attributes"]
    place = [column["name"] for column in columns].index(key)
    first = before[table][0][place]
    kind = "string" if isinstance(first, str) else "integer"
    ended(creator, send(creator, item, [act("delete", const("eq", key, kind, first), None, table)]))
    after = hypertable.tables(extract())
    assert after.pop(table) == before[table][1:]
    others = dict(before)
    others.pop(table)
    assert after == others
    ended(creator, send(creator, item, [act("insert", source=table, table=table)], data))
    assert hypertable.tables(extract())[table] == before[table][1:] + before[table]


def test_package(creator):
    data = package("source.tds", datasource_bytes(), **{"Image/logo.png": b"logo",
                                                        "Data/Extracts/x.hyper": target()})
    item = publish(creator, data, "x.tdsx")
    ended(creator, send(creator, item, [act("insert")], payload([[3, "three"]])))
    after = content(creator, item)
    assert names_of(after) == names_of(data)
    assert entry(after, "Image/logo.png") == b"logo"
    assert entry(after, "source.tds") == entry(data, "source.tds")
    assert hypertable.tables(entry(after, "Data/Extracts/x.hyper"))["Extract"] == \
        ONE_TWO + [[3, "three"]]


def hyper_connection(name):
    return f"<connection class='hyper' dbname='Data/{name}'/>"


def test_several_extracts(creator):
    """The connection tells which one is meant."""
    document = ("<?xml version='1.0' encoding='utf-8' ?><datasource formatted-name='federated.1' "
                "version='18.1'><connection class='federated'><named-connections>"
                f"<named-connection name='a'>{hyper_connection('a.hyper')}</named-connection>"
                f"<named-connection name='b'>{hyper_connection('b.hyper')}</named-connection>"
                "</named-connections></connection></datasource>").encode()
    data = package("source.tds", document, **{"Data/a.hyper": target(),
                                              "Data/b.hyper": target([[7, "seven"]])})
    item = publish(creator, data, "x.tdsx")
    connections = creator.ok("GET", f"{creator.site}/datasources/{item['id']}/connections"
                             ).doc["connections"]["connection"]
    assert len(connections) == 2
    told = ended(creator, send(creator, item, [act("insert")], payload([[8, "eight"]]),
                               connection=connections[1]["id"]))
    assert told["connectionLuid"] == connections[1]["id"]
    after = content(creator, item)
    assert entry(after, "Data/a.hyper") == entry(data, "Data/a.hyper")
    assert hypertable.tables(entry(after, "Data/b.hyper"))["Extract"] == [[7, "seven"],
                                                                         [8, "eight"]]


# ---------------------------------------------------------------- requests and connections
def test_by_connection(creator, fmt):
    item = publish(creator)
    connection = connection_of(creator, item)
    told = ended(creator, send(creator, item, [act("insert")], payload([[3, "three"]]),
                               connection=connection, fmt=fmt))
    assert told["connectionLuid"] == connection
    other = publish(creator)
    for bad in (NO_LUID, "x", connection_of(creator, other)):
        check_refusal(send(creator, item, [act("insert")], payload([]), connection=bad, fmt=fmt),
                      404020)


def test_a_request_is_done_once(org, creator, fmt):
    item, request = publish(creator), unique("request")
    first = job_of(send(creator, item, [act("insert")], payload([[3, "three"]]), request, fmt=fmt))
    wait(creator, first["id"])
    # Whatever it says by now, also without its payload.
    for again in (send(creator, item, [act("insert")], payload([[3, "three"]]), request, fmt=fmt),
                  send(creator, item, [act("delete", const("gt", "id", "integer", 0), None)],
                       request=request, fmt=fmt),
                  send(creator, item, [act("insert")], upload="1:2-3:4", request=request, fmt=fmt)):
        assert job_of(again)["id"] == first["id"]
    # Somebody else who may write is told of it as well.
    other = job_of(send(org.admin, item, [act("insert")], payload([]), request, fmt=fmt))
    assert other["id"] == first["id"]
    assert rows(creator, item) == ONE_TWO + [[3, "three"]]
    assert revisions(creator, item) == ["1", "2"]
    # Of another data source it is another request.
    more = publish(creator)
    assert job_of(send(creator, more, [act("insert")], payload([]), request))["id"] != first["id"]


def test_one_request_by_many(org, creator):
    item, request, found = publish(creator), unique("request"), []
    uploads = [upload_of(creator, payload([[3, "three"]])) for _ in range(6)]

    def one(upload):
        found.append(job_of(send(creator, item, [act("insert")], upload=upload,
                                 request=request))["id"])

    threads = [threading.Thread(target=one, args=(upload,)) for upload in uploads]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(found) == 6 and len(set(found)) == 1
    wait(creator, found[0])
    assert rows(creator, item) == ONE_TWO + [[3, "three"]]


def test_one_after_the_other(creator):
    """Jobs of one data source build on each other, in the order in which they came."""
    item = publish(creator, target([]))
    jobs = [job_of(send(creator, item, [act("insert")], payload([[i, f"{i}"]])))["id"]
            for i in range(12)]
    for job in jobs:
        assert wait(creator, job)["finishCode"] == "0"
    assert [row[0] for row in rows(creator, item)] == list(range(12))


def test_in_the_words_of_the_client(server, org, creator):
    """As TSC's update_hyper_data sends it and reads the answer."""
    item = publish(creator)
    upload = upload_of(creator, payload([[3, "three"]]))
    client = tsc_forms.Client(server.url, "3.20", creator.session.token)
    reply = client.http.request(
        "PATCH", f"{client.base}/sites/{org.site_id}/datasources/{item['id']}/data"
        f"?uploadSessionId={upload}", data=json.dumps({"actions": [act("insert")]}),
        headers={"x-tableau-auth": creator.session.token, "content-type": "application/json",
                 "User-Agent": "Tableau Server Client/0.38", "requestid": str(uuid.uuid4())})
    assert reply.status_code == 202
    job = tsc_forms.ET.fromstring(reply.content).find(".//t:job", tsc_forms.NS)
    assert job.get("type") == "UpdateUploadedFile" and job.get("createdAt")
    assert job.find("t:updateUploadedFileJob/t:datasource", tsc_forms.NS).get("id") == item["id"]
    assert wait(creator, job.get("id"))["finishCode"] == "0"
    assert rows(creator, item)[-1] == [3, "three"]


# ---------------------------------------------------------------- what is refused at once
def test_bad_requests(creator, fmt):
    item = publish(creator)
    fine = act("delete", const("eq", "id", "integer", 1), None)

    def refused(actions, words="", **options):
        reply = check_refusal(send(creator, item, actions, fmt=fmt, **options), 400000)
        assert words in reply.detail, reply.detail

    refused([fine], "RequestID is missing", headers={})
    refused([fine], "RequestID can't be longer", request="x" * 256)
    refused([], "has 0 actions")
    refused([fine] * 101, "has 101 actions")
    for body in (b"", b"[]", b"{}", b'{"actions": "x"}', b'{"actions": [1]}', b'{"actions": ['):
        refused(None, body=body)
    refused([act("insert")], "no uploadSessionId")
    refused([{**fine, "action": "merge"}], "action is 'merge'")
    refused([{**fine, "action": None}], "action is ''")
    refused([{key: fine[key] for key in ("action", "condition")}], "target-table is missing")
    refused([{**fine, "target-table": ""}], "target-table is empty")
    refused([{**fine, "target_table": "x"}], "has no member 'target_table'")
    refused([act("insert", source=None)], "source-table is missing")
    refused([act("delete", source=None)], "needs a condition")
    refused([act("delete", {}, source=None)], "needs a condition")
    refused([act("update")], "needs a condition", upload="x")
    refused([act("insert", same("id"))], "takes no condition", upload="x")
    refused([{**fine, "condition": "id = 1"}], "condition is not an object")
    for condition, words in (
            ({"op": "eq"}, "takes two of"),
            ({"op": "eq", "target-col": "id"}, "takes two of"),
            ({**same("id"), "const": {"type": "integer", "v": 1}}, "takes two of"),
            ({**const("eq", "id", "integer", 1), "args": [same("id")]}, "takes no args"),
            (const("like", "id", "integer", 1), "op of a condition is 'like'"),
            (const("has", "id", "integer", 1), "op of a condition is 'has'"),
            ({"target-col": "id"}, "op of a condition is ''"),
            (const("eq", "id", "number", 1), "type of a const is 'number'"),
            ({"op": "eq", "target-col": "id", "const": 1}, "const is not an object"),
            ({"op": "eq", "target-col": "id", "const": {"type": "integer", "v": {"x": 1}}},
             "v of a const"),
            ({"op": "eq", "target-col": "id", "const": {"type": "integer", "value": 1}},
             "const has no member 'value'"),
            ({"op": "eq", "target-column": "id", "const": {"type": "integer", "v": 1}},
             "has no member 'target-column'"),
            ({"op": "and"}, "takes args: conditions"),
            ({"op": "and", "args": []}, "takes args: conditions"),
            ({"op": "not", "args": [same("id")] * 2}, "takes args: one condition"),
            ({"op": "or", "args": [same("id")], "target-col": "id"}, "takes args alone"),
            ({"op": "or", "args": [{"op": "and", "args": [{"op": "x"}]}]}, "'x'"),
            ({"op": "or", "args": [const("eq", "id", "integer", 1)] * 1000}, "more than 1000")):
        refused([act("delete", condition, None)], words)
    deep = const("eq", "id", "integer", 1)
    for _ in range(32):
        deep = {"op": "not", "args": [deep]}
    refused([act("delete", deep, None)], "levels")
    assert revisions(creator, item) == ["1"]


def test_uploads(org, creator, fmt):
    item = publish(creator)
    others = upload_of(org.admin, payload([]))
    for bad in ("1:2-3:4", "x", others):
        check_refusal(send(creator, item, [act("insert")], upload=bad, fmt=fmt), 404015)
    empty = begin(creator)
    check_refusal(send(creator, item, [act("insert")], upload=empty, fmt=fmt), 400000)
    upload = upload_of(creator, payload([[3, "three"]]))
    job = job_of(send(creator, item, [act("insert")], upload=upload, fmt=fmt))
    check_refusal(append(creator, upload, b"more"), 404015)  # it is over before the job is
    wait(creator, job["id"])


def test_no_extract(creator, fmt):
    item = publish(creator, datasource_bytes(), "live.tds")
    reply = send(creator, item, [act("insert")], payload([]), fmt=fmt)
    assert "no extract" in check_refusal(reply, 400000).detail


def test_rights(org, creator, fmt):
    project = new_project(org.admin)
    item = publish(org.admin, project=project)
    action = act("delete", const("eq", "id", "integer", 1), None)
    check_refusal(send(creator, {"id": NO_LUID}, [action], fmt=fmt), 404004)
    path = f"{org.admin.site}/datasources/{item['id']}/permissions"

    def allow(**modes):
        org.admin.ok("PUT", path, {"permissions": {"granteeCapabilities": [{
            "user": {"id": org.user("Creator")}, "capabilities": {"capability": [
                {"name": name, "mode": mode} for name, mode in modes.items()]}}]}})

    check_refusal(send(creator, item, [action], fmt=fmt), 403004)
    grant(org.admin, project, org.user("Creator"), Read="Allow")
    allow(Read="Allow")
    check_refusal(send(creator, item, [action], fmt=fmt), 403032)
    allow(Write="Allow")
    ended(creator, send(creator, item, [action], fmt=fmt))
    scoped = org.by_jwt(scopes=("tableau:content:read", "tableau:datasources:*"))
    check_refusal(send(scoped, item, [action], fmt=fmt), 401002)


def test_other_sites(org, other_org_client, creator, fmt):
    item = publish(creator)
    check_refusal(send(other_org_client, item, [act("delete", const("eq", "id", "integer", 1), None)],
                       fmt=fmt), 404004)


@pytest.fixture
def other_org_client(server, home):
    url = unique("elsewhere")
    home.ok("POST", "/sites", {"site": {"name": url, "contentUrl": url}}, 201)
    return server.admin(url)


# ---------------------------------------------------------------- what the job refuses
def test_files_that_do_not_fit(creator):
    item = publish(creator)
    extra = KEYED + [("more", "Double", "null")]
    for actions, data, why in (
            ([act("insert")], b"not a file",
             "The payload: it is not a .hyper file."),
            ([act("insert", source="q")], payload([]), "the payload has no table 'q'."),
            ([act("insert", source_schema="public")], payload([]),
             "the payload has no table 'p' in the schema 'public'."),
            ([act("insert", target_schema="public")], payload([]),
             "the data source has no table 'Extract' in the schema 'public'."),
            ([act("insert")], payload([[1, "x", 1.5]], extra),
             "the column 'more' of the payload's table 'p' is none of the data source's."),
            ([act("insert")], payload([["x", "x"]], [("id", "Varchar"), ("name", "Varchar")]),
             "the column 'id' of the payload has the type Varchar; expected BigInt."),
            ([act("insert")], payload([["x"]], [("name", "Varchar")]),
             "the payload has no column 'id', which may not be NULL."),
            ([act("insert")], payload([[None, "x"]], [("id", "BigInt", "null"), KEYED[1]]),
             "a value for the column 'id' is NULL, which it may not be."),
            ([act("update", same("id", "key"))], payload([[1, "x"]]),
             "the table 'p' of the payload has no column 'key'."),
            ([act("update", same("id", "name"))], payload([[1, "x"]]),
             "can't be compared with the column 'name' of the type Varchar."),
            ([act("update", same("id"))], payload([[1, "x"], [1, "y"]]),
             "a row of the data source matches several of the payload (rows 1 and 2 of the table "
             "'p')."),
            ([act("delete", same("id"))], payload([[1, "x"]]),
             "the column 'name' of the payload's table 'p' is not in the condition.")):
        found = failed(creator, item, actions, data)
        assert found.endswith(why), (found, why)
    found = failed(creator, item, [act("delete", const("eq", "id", "string", "1"), None)])
    assert "can't be compared with '1'" in found
    found = failed(creator, item, [act("delete", const("eq", "id", "integer", None), None)])
    assert "the operator for that is 'is'" in found


def test_damaged_payload(creator):
    item = publish(creator)
    data = bytearray(payload([[3, "three"]]))
    data[3 * 4096] ^= 1
    assert "damaged" in failed(creator, item, [act("insert")], bytes(data))


def test_deleted_rows(creator):
    """A table that can't be read can't be changed, but replaced."""
    hyper = hyperfile.read(target())
    hyper.blobs[hyperfile.DELETED, 0, 0, 0] = hyperfile.Blob(b"\1" * 23)
    item = publish(creator, hyper.write())
    why = failed(creator, item, [act("insert")], payload([[3, "three"]]))
    assert why.endswith("it has rows that were deleted after they were written, which is not "
                        "supported.")
    ended(creator, send(creator, item, [act("replace")], payload([[3, "three"]])))
    assert rows(creator, item) == [[3, "three"]]


def test_quota(server, home):
    url = unique("small")
    home.ok("POST", "/sites", {"site": {"name": url, "contentUrl": url, "storageQuota": "1"}}, 201)
    client = server.admin(url)
    item = publish(client)
    many = payload([[i, f"{i * 7919}"] for i in range(100_000)])
    why = failed(client, item, [act("insert")], many)
    assert "storage left to the site" in why
    assert revisions(client, item) == ["1"]


# ---------------------------------------------------------------- nothing is left behind
def test_nothing_is_left(server, creator):
    item = publish(creator)
    before = stored(server)
    data = payload([[3, unique("x")]])
    failed(creator, item, [act("insert"), act("insert", table="Absent")], data)
    assert quiet(server) == []
    left = stored(server) - before
    # The payload alone, which nothing names any more: the sweeper's.
    assert len(left) <= 1
    ended(creator, send(creator, item, [act("insert")], data))
    assert quiet(server) == []


def test_gone_meanwhile(engine, tmp_path):
    """What was deleted before its job ran stays so; of what was published anew it is the new
    file that is changed."""
    idle = {"EASEL_JOB_WORKERS": "0"}
    first = servers.Server(engine, data=tmp_path, env={**servers.RELAXED, **idle})
    try:
        client = first.admin("")
        gone, kept, anew = publish(client), publish(client), publish(client)
        jobs = [job_of(send(client, item, [act("insert")], payload([[3, "three"]])))["id"]
                for item in (gone, kept, anew)]
        client.ok("DELETE", f"{client.site}/datasources/{gone['id']}")
        reply = publish_reply(client, "datasource", "x.hyper", target([[7, "seven"]]),
                              {"name": anew["name"], "project": {"id": anew["project"]["id"]}},
                              "?overwrite=true")
        assert reply.status == 201, reply
    except BaseException:
        first.discard()
        raise
    second = follow(engine, tmp_path, first, first.stop)
    try:
        client = second.admin("")
        found = wait(client, jobs[0])
        assert found["finishCode"] == "1" and found["updateUploadedFileJob"]["notes"]
        assert wait(client, jobs[1])["finishCode"] == "0"
        assert wait(client, jobs[2])["finishCode"] == "0"
        assert rows(client, kept) == ONE_TWO + [[3, "three"]]
        assert rows(client, anew) == [[7, "seven"], [3, "three"]]
        assert revisions(client, anew) == ["1", "2", "3"]
    finally:
        second.discard()


def test_cancelled(creator, org):
    """One of many is cancelled: the others go on."""
    item = publish(creator, target([]))
    jobs = [job_of(send(creator, item, [act("insert")], payload([[i, None]])))["id"]
            for i in range(8)]
    cancelled = org.admin.call("PUT", f"{org.admin.site}/jobs/{jobs[-1]}").status == 200
    codes = [wait(creator, job)["finishCode"] for job in jobs]
    assert codes == ["0"] * 7 + ["2" if cancelled else "0"]
    assert [row[0] for row in rows(creator, item)] == list(range(8 - cancelled))


def test_listed(org, creator):
    item = publish(creator)
    job = job_of(send(creator, item, [act("insert")], payload([])))["id"]
    wait(creator, job)
    found = org.admin.ok("GET", f"{org.admin.site}/jobs?pageSize=1000"
                         "&filter=jobType:eq:update_uploaded_file"
                         ).doc["backgroundJobs"]["backgroundJob"]
    (mine,) = [listed for listed in found if listed["id"] == job]
    assert mine["status"] == "Success"
