"""What publishing makes of names, of files that are damaged, and of odd attributes."""

import json

import pytest

from contents import (datasource_bytes, flow_bytes, new_project, package,
                      publish_datasource, publish_reply, publish_workbook, workbook_bytes)
from easel_client import check_refusal, unique
from orgs import Org
from schema import ROOT
from test_publish_jobs import done, job_reply, named, why
from test_uploads import append, begin, content, publish_upload
from test_validate import validate

SAMPLES = sorted(path for folder in (ROOT / "tests" / "data" / "hyper",
                                     ROOT.parent / "shared" / "fixtures" / "hyper")
                 for path in folder.glob("*.hyper"))
SALES = (ROOT / "tests" / "data" / "hyper" / "sales_v2.hyper").read_bytes()
FILES = {"workbook": ("w.twb", workbook_bytes()), "datasource": ("d.tds", datasource_bytes()),
         "flow": ("f.tfl", flow_bytes())}


# ---------------------------------------------------------------- names
def test_urls_of_names(server, home, fmt):
    client = Org(server, home, unique("urls")).admin
    for name, url in (("Отчёт", "_0"), ("!!!", "_1"), ("Año", "Ao"), ("a.b", "a_b"),
                      ("A b", "Ab"), ("a-b_c 1", "a-b_c1"), ("AB!", "AB_1"), ("売上", "_2")):
        workbook = publish_workbook(client, name)
        assert workbook["contentUrl"] == url, name
        assert workbook["views"]["view"][0]["contentUrl"] == f"{url}/sheets/First"
        assert publish_datasource(client, name)["contentUrl"] == url, "of its own kind alone"
        got = client.ok("GET", f"{client.site}/workbooks/{url}?key=contentUrl", fmt=fmt).doc
        assert got["workbook"]["name"] == name
    again = publish_workbook(client, "Отчёт", query="?overwrite=true")
    assert again["contentUrl"] == "_0"
    other = publish_workbook(client, "Отчёт", project=new_project(client))
    assert other["contentUrl"] == "_3"


# ---------------------------------------------------------------- extracts
def put(client, data, name=None, filename="x.hyper", fmt=None):
    return publish_reply(client, "datasource", filename, data, {"name": name or unique("extract")},
                         fmt=fmt)


def zeroed(at, length):
    return SALES[:at] + bytes(length) + SALES[at + length:]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_whole_extracts_are_taken(org, path):
    reply = put(org.admin, path.read_bytes())
    assert reply.status == 201, reply
    (source,) = named(org.admin, "datasource", reply.doc["datasource"]["name"])
    assert source["hasExtracts"] is True and source["type"] == "hyper"
    assert content(org.admin, "datasource", source["id"]).body == path.read_bytes()


DAMAGED = {
    "first bytes": (SALES[:8], "it ends within its header."),
    "header": (SALES[:8192], "it should have 65536 bytes, and has 8192."),
    "half": (SALES[:len(SALES) // 2], "it should have 65536 bytes, and has 32768."),
    "all but one": (SALES[:-1], "it should have 65536 bytes, and has 65535."),
    "zeros behind its first bytes": (zeroed(8, len(SALES) - 8), "page 1 of its header is damaged."),
    "a page of zeros": (zeroed(4096, 4096), "page 2 of its header is damaged."),
    "zeroed data": (zeroed(10304, 512), "an entry (column) is damaged."),
    "zeroed directory": (zeroed(34112, 16384), "its directory is damaged."),
    "text": (b"Hyper\x08\0\0" + b"no extract at all\n" * 1000, "page 1 of its header is damaged."),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_extracts_are_refused(org, fmt, what):
    data, reason = DAMAGED[what]
    name = unique("damaged")
    for filename in ("x.hyper", "x.tde"):
        reply = put(org.admin, data, name, filename, fmt)
        check_refusal(reply, 400011)
        assert reply.detail == f"The extract: {reason}"
    assert not named(org.admin, "datasource", name)


def test_damaged_extracts_in_pieces_and_later(org, fmt):
    data, reason = DAMAGED["zeroed data"]
    upload = begin(org.admin)
    for at in range(0, len(data), 30000):
        append(org.admin, upload, data[at:at + 30000])
    name = unique("damaged")
    reply = publish_upload(org.admin, "datasource", upload, "hyper", {"name": name}, fmt=fmt)
    check_refusal(reply, 400011)
    assert reply.detail == f"The extract: {reason}"
    job = done(org.admin, job_reply(org.admin, "datasource", data, name, filename="x.hyper"), 1)
    assert why(job) == f"400011: The extract: {reason}"
    assert not named(org.admin, "datasource", name)
    done(org.admin, job_reply(org.admin, "datasource", SALES, name, filename="x.hyper"))
    assert len(named(org.admin, "datasource", name)) == 1


def test_damaged_extracts_replace_nothing(org, fmt):
    source = put(org.admin, SALES).doc["datasource"]
    for query in ("?overwrite=true", "?append=true"):
        reply = publish_reply(org.admin, "datasource", "x.hyper", DAMAGED["zeroed data"][0],
                              {"name": source["name"]}, query, fmt=fmt)
        check_refusal(reply, 400011)
    assert content(org.admin, "datasource", source["id"]).body == SALES


def test_extracts_of_other_forms_are_taken(org):
    """What the reader does not know may well be known to whoever wrote it."""
    newer = bytearray(SALES)
    for page in (0, 4096):
        newer[page + 10] = 3
    longer = SALES + b"more"
    for data in (bytes(newer), longer):
        reply = put(org.admin, data)
        assert reply.status == 201, reply
    stand_in = package("x.tds", datasource_bytes(), **{"Data/x.hyper": b"Hyper\x08"})
    assert put(org.admin, stand_in, filename="x.tdsx").status == 201, "packages are not opened for it"


# ---------------------------------------------------------------- documents
def test_nothing_behind_the_document(org, fmt):
    for kind, (name, data) in (("workbook", FILES["workbook"]), ("datasource", FILES["datasource"])):
        for rest in (b"\0<x>garbage", b"\0", b" \n\0 ", b"<x>garbage"):
            reply = publish_reply(org.admin, kind, name, data + rest, {"name": unique(kind)}, fmt=fmt)
            check_refusal(reply, 400011)
            assert reply.detail.endswith(": something follows the end of the document."), reply
            packed = package(name, data + rest)
            reply = publish_reply(org.admin, kind, name + "x", packed, {"name": unique(kind)}, fmt=fmt)
            check_refusal(reply, 400011)
        for rest in (b"", b" \r\n\t", b"<!-- the end -->\n"):
            reply = publish_reply(org.admin, kind, name, data + rest, {"name": unique(kind)}, fmt=fmt)
            assert reply.status == 201, reply


def test_nothing_behind_a_document_that_is_tried(org):
    for rest in (b"\0<x>", b"<x>"):
        reply = validate(org.admin, workbook_bytes() + rest)
        assert reply.status == 422, reply
        (error,) = json.loads(reply.body)["errors"]
        assert error["message"] == "something follows the end of the document"
        assert error["line"] == 1 and error["elementName"] == "workbook"


# ---------------------------------------------------------------- the request
def test_all_endings_are_told(org, fmt):
    reply = put(org.admin, b"x", filename="x.txt", fmt=fmt)
    check_refusal(reply, 400010)
    assert reply.detail == ("The name of the file must end in "
                            ".tds, .tdsx, .hyper, .tde, .csv or .parquet.")
    assert put(org.admin, b"PAR1 stands for itself", filename="x.parquet").status == 201


@pytest.mark.parametrize("value, hidden", [("true", True), ("false", False), ("x", None), ("", None),
                                           ("2", None)])
def test_hidden_is_true_or_false(org, fmt, value, hidden):
    name = unique("hidden")
    reply = publish_reply(org.admin, "workbook", *FILES["workbook"], {"name": name, "views": {
        "view": [{"name": "First", "hidden": value}, {"name": "Second"}]}}, fmt=fmt)
    if hidden is None:
        check_refusal(reply, 400000)
        assert "hidden" in reply.detail
        assert not named(org.admin, "workbook", name)
    else:
        views = [v["name"] for v in reply.doc["workbook"]["views"]["view"]]
        assert views == (["Second"] if hidden else ["First", "Second"])


@pytest.mark.parametrize("kind", FILES)
def test_ports_are_numbers(org, fmt, kind):
    def reply(port, **members):
        return publish_reply(org.admin, kind, *FILES[kind], {"name": unique(kind), "connections": {
            "connection": [{"serverAddress": "db.example.com", "serverPort": port,
                            "connectionCredentials": {"name": "n", "password": "p"}}]}},
            fmt=fmt, **members)

    for port in ("x", "-1", "65536", "1433x", " 1", "1.5", "999999999999"):
        check_refusal(reply(port), 400000)
    for port in ("", "0", "1433", "65535"):
        assert reply(port).status == 201, port


def test_a_port_that_is_not_given_is_any(org):
    for port, user in (("", "n"), ("1433", "n"), ("1434", "reader")):
        reply = publish_reply(org.admin, "datasource", *FILES["datasource"], {
            "name": unique("d"), "connections": {"connection": [
                {"serverAddress": "db.example.com", "serverPort": port,
                 "connectionCredentials": {"name": "n", "password": "p"}}]}})
        source = reply.doc["datasource"]["id"]
        found = org.admin.ok("GET", f"{org.admin.site}/datasources/{source}/connections").doc
        assert found["connections"]["connection"][0]["userName"] == user, port


@pytest.mark.parametrize("length, status", [(1000, 201), (1001, 400), (8000, 400)])
def test_long_names_of_sheets_and_data_sources(org, fmt, length, status):
    """As long as an index takes them on either engine."""
    name = "n" * length
    for data in (workbook_bytes([name]),
                 workbook_bytes(["One"]).replace(b"caption='Sales'", f"caption='{name}'".encode())):
        assert name.encode() in data
        reply = publish_reply(org.admin, "workbook", "w.twb", data, {"name": unique("w")}, fmt=fmt)
        assert reply.status == status, reply
        if status == 400:
            check_refusal(reply, 400011)
            assert "a name of more than 1000 bytes" in reply.detail
