"""Publish Data Source with append=true: rows behind rows. What comes of it is downloaded
and taken apart by hyperfile.py, which shares no code with the server.
"""

import io
import os
import pathlib
import threading
import zipfile

import pytest

import hyperfile
import servers
from contents import (FIXTURES, datasource_bytes, grant, multipart, new_project, package,
                      publish_reply, workbook_bytes)
from csv_jobs import notes, wait
from easel_client import check_refusal, to_xml, unique
from hyperfile import CATALOG, DATA, DELETED, IDENTITY, ROWS, Blob
from schema import ROOT
from test_uploads import append as add_piece
from test_uploads import begin

SAMPLES = ROOT / "tests" / "data" / "hyper"
MORE_SAMPLES = FIXTURES.parent / "hyper"
STORE, SALES, TYPES = "superstore_denormalized", "sales_v2", "pantab_types"
LOGO = os.urandom(5000)


def sample(name):
    for folder in (SAMPLES, MORE_SAMPLES):
        path = folder / f"{name}.hyper"
        if path.exists():
            return path.read_bytes()
    pytest.skip(f"{name}.hyper is not there")


def parsed(name):
    return hyperfile.read(sample(name))


def with_catalog(name, change):
    """The sample with another relation in its catalog."""
    hyper = parsed(name)
    catalog = hyper.catalog
    change(catalog["relations"][0])
    hyper.catalog = catalog
    return hyper.write()


def tdsx(extract, *others, name="Data/Extracts/x.hyper", document=None):
    more = {name: extract} if extract is not None else {}
    more.update({f"Data/more{i}.hyper": data for i, data in enumerate(others)})
    return package("source.tds", document or datasource_bytes(), **{"Image/logo.png": LOGO}, **more)


def put(client, project, data, filename="x.hyper", name=None, query="", **members):
    name = name or unique("source")
    reply = publish_reply(client, "datasource", filename, data,
                          {"name": name, "project": {"id": project}, **members}, query)
    assert reply.status == 201, reply
    return reply.doc["datasource"]


def append(client, item, data, filename="x.hyper", query="", fmt="json", **members):
    return publish_reply(client, "datasource", filename, data,
                         {"name": item["name"], "project": {"id": item["project"]["id"]}, **members},
                         f"?append=true{query}", fmt=fmt)


def content(client, item):
    reply = client.call("GET", f"{client.site}/datasources/{item['id']}/content")
    assert reply.status == 200, reply
    return reply.body


def revisions(client, item):
    return client.ok("GET", f"{client.site}/datasources/{item['id']}/revisions"
                     ).doc["revisions"]["revision"]


def check_merged(data, *parts):
    """The file holds the rows of the parts, one behind the other: every block's blobs
    are those that the parts have, and the lists and the catalog tell of all."""
    merged = hyperfile.check(hyperfile.read(data))
    parts = [hyperfile.read(part) for part in parts]
    first = parts[0]
    assert merged.rows() == (sum(p.rows()[0] for p in parts), sum((p.rows()[1] for p in parts), ()))
    at = 0
    for part in parts:
        for block in range(len(part.rows()[1])):
            assert merged.block(at) == part.block(block)
            at += 1
    expected = first.catalog
    if "nullCounts" in expected["relations"][0]:
        expected["relations"][0]["nullCounts"] = [
            sum(counts) for counts in zip(*(p.table["nullCounts"] for p in parts))]
    assert merged.catalog == expected
    kinds = {key[0] for key in merged.blobs}
    assert kinds <= {IDENTITY, CATALOG, ROWS, DATA, DELETED}
    assert merged.blobs[IDENTITY, 0, 0, 0].stored == first.blobs[IDENTITY, 0, 0, 0].stored
    assert {blob.tag for blob in merged.blobs.values()} == {b.tag for b in first.blobs.values()}
    assert merged.generation == first.generation + len(parts) - 1
    assert merged.version == max(p.version for p in parts)
    assert set(merged.states) == {1, 2}  # none that was never used
    return merged


def names_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def entry(data, name):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


@pytest.fixture(scope="module")
def project(org):
    return new_project(org.admin)


def quiet(server):
    """Nothing of a request is left where files wait."""
    return [p.name for folder in ("spool", "blobs/tmp")
            for p in pathlib.Path(server.data, folder).glob("*")]


def stored(server):
    return {p.name for p in pathlib.Path(server.data, "blobs").glob("??/*")}


# ---------------------------------------------------------------- what comes of it
@pytest.mark.parametrize("name", [STORE, SALES, TYPES, "pantab_notnull", "pantab_empty",
                                  "world_indicators", "coffee_chain", "calcs_testv1", "iris12"])
def test_hyper_to_hyper(org, project, name, fmt):
    data = sample(name)
    item = put(org.admin, project, data)
    reply = append(org.admin, item, data, fmt=fmt)
    assert reply.status == 201, reply
    assert reply.doc["datasource"]["id"] == item["id"]
    check_merged(content(org.admin, item), data, data)
    assert append(org.admin, item, data).status == 201
    check_merged(content(org.admin, item), data, data, data)
    rows = revisions(org.admin, item)
    assert [r["revisionNumber"] for r in rows] == ["1", "2", "3"]
    assert rows[0]["sizeInBytes"] == len(data) and rows[2]["sizeInBytes"] % 65536 == 0


def test_to_an_empty_one_and_from_one(org, project):
    full, none = parsed(TYPES), parsed(TYPES)
    none.blobs = {key: blob for key, blob in none.blobs.items() if key[0] not in (DATA, DELETED)}
    none.blobs[ROWS, 0, 0, 0] = Blob(bytes(8))
    for first, second in ((full, none), (none, full), (none, none)):
        item = put(org.admin, project, first.write())
        assert append(org.admin, item, second.write()).status == 201
        check_merged(content(org.admin, item), first.write(), second.write())


def test_versions_of_the_format(org, project):
    """The newer one is written, with its checksums."""
    old = parsed(SALES)
    old.version = 0
    for first, second in ((old.write(), sample(SALES)), (sample(SALES), old.write())):
        item = put(org.admin, project, first)
        assert append(org.admin, item, second).status == 201
        assert check_merged(content(org.admin, item), first, second).version == 2


def test_packed_and_large_columns(org, project):
    """Blobs of any length are copied, however they are packed."""
    big = parsed("pantab_notnull")
    column = big.blobs[DATA, 0, 0, 1].bytes + os.urandom(300000)
    big.blobs[DATA, 0, 0, 1] = Blob(hyperfile.pack_lz4(column), True)
    big.blobs[DATA, 0, 0, 2] = Blob(big.blobs[DATA, 0, 0, 2].bytes + bytes(200000))
    item = put(org.admin, project, sample("pantab_notnull"))
    assert append(org.admin, item, big.write()).status == 201
    merged = check_merged(content(org.admin, item), sample("pantab_notnull"), big.write())
    assert merged.blobs[DATA, 0, 1, 1].bytes == column


def test_dropped_tables(org, project):
    """They keep their places in the catalog; a table's number is its place."""
    hyper = parsed(STORE)
    catalog = hyper.catalog
    catalog["relations"].insert(0, {"dropped": True})
    hyper.catalog = catalog
    hyper.blobs = {(kind, 1 if kind >= ROWS else table, block, column): blob
                   for (kind, table, block, column), blob in hyper.blobs.items()}
    for blob in hyper.blobs.values():
        blob.tag = 7
    item = put(org.admin, project, hyper.write())
    assert append(org.admin, item, sample(STORE)).status == 201
    merged = hyperfile.check(hyperfile.read(content(org.admin, item)))
    assert merged.rows(1) == (20, (2, 2)) and len(merged.catalog["relations"]) == 2
    assert merged.block(1, table=1) == parsed(STORE).block(0)
    assert {blob.tag for blob in merged.blobs.values()} == {7}
    other = put(org.admin, project, sample(STORE))
    assert append(org.admin, other, hyper.write()).status == 201
    merged = hyperfile.check(hyperfile.read(content(org.admin, other)))
    assert merged.rows() == (20, (2, 2)) and {b.tag for b in merged.blobs.values()} == {0}


def test_many_blocks(org, project):
    """More parts than the directory of the first file has room for."""
    one, many = parsed("pantab_notnull"), parsed("pantab_notnull")
    blocks = 200
    for block in range(1, blocks):
        for column in range(3):
            many.blobs[DATA, 0, block, column] = many.blobs[DATA, 0, 0, column]
    many.blobs[ROWS, 0, 0, 0] = Blob((2 * blocks).to_bytes(8, "little") +
                                     (2).to_bytes(4, "little") * blocks)
    item = put(org.admin, project, one.write())
    assert append(org.admin, item, many.write()).status == 201
    merged = check_merged(content(org.admin, item), one.write(), many.write())
    assert len(merged.states) == 2048


def test_tdsx_to_tdsx(org, project, fmt):
    first, second = sample(STORE), sample(STORE)
    old = tdsx(first, document=datasource_bytes() + b"<!-- mine -->")
    item = put(org.admin, project, old, "x.tdsx")
    reply = append(org.admin, item, tdsx(second, name="Data/other.hyper"), "y.tdsx", fmt=fmt)
    assert reply.status == 201, reply
    new = content(org.admin, item)
    assert names_of(new) == names_of(old)
    assert entry(new, "source.tds").endswith(b"<!-- mine -->")
    assert entry(new, "Image/logo.png") == LOGO
    check_merged(entry(new, "Data/Extracts/x.hyper"), first, second)


def test_a_public_package(org, project):
    """As the product packed it, appended to itself."""
    path = FIXTURES / "World Indicators.tdsx"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    data = path.read_bytes()
    item = put(org.admin, project, data, "World Indicators.tdsx")
    assert append(org.admin, item, data, "again.tdsx").status == 201
    new = content(org.admin, item)
    document, extract = names_of(data)
    assert names_of(new) == [document, extract] and entry(new, document) == entry(data, document)
    check_merged(entry(new, extract), entry(data, extract), entry(data, extract))


def test_kinds_may_differ(org, project):
    data = sample(SALES)
    packed = put(org.admin, project, tdsx(data), "x.tdsx")
    assert append(org.admin, packed, data, "x.hyper").status == 201
    check_merged(entry(content(org.admin, packed), "Data/Extracts/x.hyper"), data, data)
    bare = put(org.admin, project, data, "x.hyper")
    assert append(org.admin, bare, tdsx(data), "x.tdsx").status == 201
    check_merged(content(org.admin, bare), data, data)
    # Either kind of extract goes under either name: the bytes count.
    assert append(org.admin, bare, data, "x.tde").status == 201


def test_of_an_upload(org, project):
    data = sample(STORE)
    item = put(org.admin, project, data)
    for pieces in ((data,), (data[:10000], data[10000:50000], data[50000:])):
        upload = begin(org.admin)
        for piece in pieces:
            assert add_piece(org.admin, upload, piece).status == 200
        body, kind = multipart([("request_payload", "", "text/xml", to_xml({"datasource": {
            "name": item["name"], "project": {"id": project}}}, namespace=None))])
        reply = org.admin.call("POST", f"{org.admin.site}/datasources?uploadSessionId={upload}"
                               "&datasourceType=hyper&append=true", raw=body, content_type=kind)
        assert reply.status == 201, reply
        check_refusal(add_piece(org.admin, upload, b"more"), 404015)
    check_merged(content(org.admin, item), data, data, data)


def test_all_else_stays(org, project):
    """A revision, and nothing but a revision."""
    client = org.admin
    item = put(client, project, tdsx(sample(STORE)), "x.tdsx", description="As it was",
               useRemoteQueryAgent=True,
               connectionCredentials={"name": "me", "password": "secret", "embed": True})
    path = f"{client.site}/datasources/{item['id']}"
    client.ok("PUT", f"{path}/tags", {"tags": {"tag": [{"label": "kept"}]}})
    client.ok("PUT", path, {"datasource": {"isCertified": True, "certificationNote": "good"}})
    before = client.ok("GET", path).doc["datasource"]
    connections = client.ok("GET", f"{path}/connections").doc
    reply = append(client, item, tdsx(sample(STORE), document=datasource_bytes("<connection "
                   "class='postgres' server='elsewhere'/>")), "x.tdsx", description="Other",
                   useRemoteQueryAgent=False)
    assert reply.status == 201, reply
    after = client.ok("GET", path).doc["datasource"]
    for changing in ("updatedAt", "size"):
        before.pop(changing), after.pop(changing)
    assert after == before
    assert client.ok("GET", f"{path}/connections").doc == connections
    assert len(revisions(client, item)) == 2


def test_extract_can_be_left_out(org, project):
    """What came of appending is a package as any other."""
    data = sample(STORE)
    item = put(org.admin, project, tdsx(data), "x.tdsx")
    assert append(org.admin, item, data).status == 201
    path = f"{org.admin.site}/datasources/{item['id']}/content?includeExtract=false"
    assert names_of(org.admin.call("GET", path).body) == ["source.tds", "Image/logo.png"]


# ---------------------------------------------------------------- as a job
def append_later(client, item, data, filename="x.hyper", fmt="json", **members):
    reply = append(client, item, data, filename, "&asJob=true", fmt, **members)
    assert reply.status == 202 and set(reply.doc) == {"job"}, reply
    assert reply.doc["job"]["type"] == "PublishDatasource"
    return reply.doc["job"]["id"]


def test_as_a_job(org, project, fmt):
    data = sample(STORE)
    for first, name, second, other in ((data, "x.hyper", data, "y.hyper"),
                                       (tdsx(data), "x.tdsx", data, "y.hyper"),
                                       (data, "x.hyper", tdsx(data), "y.tdsx")):
        item = put(org.admin, project, first, name)
        job = append_later(org.admin, item, second, other, fmt, description="Other")
        assert wait(org.admin, job)["finishCode"] == "0"
        new = content(org.admin, item)
        check_merged(entry(new, "Data/Extracts/x.hyper") if name == "x.tdsx" else new, data, data)
        found = org.admin.ok("GET", f"{org.admin.site}/datasources/{item['id']}").doc["datasource"]
        assert "description" not in found and len(revisions(org.admin, item)) == 2


def test_of_an_upload_as_a_job(org, project):
    data = sample(STORE)
    item = put(org.admin, project, data)
    upload = begin(org.admin)
    for piece in (data[:10000], data[10000:]):
        assert add_piece(org.admin, upload, piece).status == 200
    body, kind = multipart([("request_payload", "", "text/xml", to_xml({"datasource": {
        "name": item["name"], "project": {"id": project}}}, namespace=None))])
    reply = org.admin.call("POST", f"{org.admin.site}/datasources?uploadSessionId={upload}"
                           "&datasourceType=hyper&append=true&asJob=true", raw=body,
                           content_type=kind)
    assert reply.status == 202, reply
    assert wait(org.admin, reply.doc["job"]["id"])["finishCode"] == "0"
    check_merged(content(org.admin, item), data, data)


def test_jobs_append_one_after_the_other(org, project):
    """In the order of their requests, however many there are, and on what others append."""
    data = sample("pantab_notnull")
    item = put(org.admin, project, data)
    jobs = []
    for i in range(6):
        jobs.append(append_later(org.admin, item, data))
        if i == 2:
            assert append(org.admin, item, data).status in (201, 403)  # 403131: between two
    ends = [wait(org.admin, job) for job in jobs]
    assert [end["finishCode"] for end in ends] == ["0"] * 6
    assert [end["completedAt"] for end in ends] == sorted(end["completedAt"] for end in ends)
    count = len(revisions(org.admin, item))
    assert count in (7, 8)
    check_merged(content(org.admin, item), *[data] * count)


def why(client, job):
    """Of a job that failed."""
    found = wait(client, job)
    assert found["finishCode"] == "1", found
    ((_, _, text),) = notes(found)
    return text


def test_jobs_that_fail(org, project, server):
    """With the code and the words of the answer without asJob; nothing comes of them."""
    data = sample(STORE)
    item = put(org.admin, project, data)
    before = stored(server)
    for bad, name, text in ((b"a,b\n1,2\n", "x.csv", "400011: The published file is neither"),
                            (tdsx(None), "x.tdsx", "400011: The published file holds no extract"),
                            (sample(SALES), "x.hyper", "400011: The published extract: "),
                            (data[:5000], "x.hyper", "400011: ")):
        found = why(org.admin, append_later(org.admin, item, bad, name))
        assert found.startswith(text), found
    assert content(org.admin, item) == data and len(revisions(org.admin, item)) == 1
    assert before <= stored(server)


def test_jobs_are_asked_for_by_the_same_rules(org, project, fmt):
    data = sample(STORE)
    item = put(org.admin, project, data)
    query = "&asJob=true"
    gone = {**item, "name": unique("none")}
    check_refusal(append(org.admin, gone, data, query=query, fmt=fmt), 404004)
    check_refusal(append(org.as_role("Viewer"), item, data, query=query, fmt=fmt), 403007)
    check_refusal(append(org.admin, item, data, query=query + "&overwrite=true", fmt=fmt), 400055)


def test_rights_are_asked_when_the_job_runs(engine):
    """What is gone by then is not there any more."""
    server = servers.Server(engine, env={**servers.RELAXED, "EASEL_JOB_WORKERS": "0"})
    try:
        client = server.admin()
        data = sample(STORE)
        item = put(client, new_project(client), data)
        job = append_later(client, item, data)
        client.ok("DELETE", f"{client.site}/datasources/{item['id']}", status=204)
        server = server.followed(servers.RELAXED)
        client = server.admin()
        assert why(client, job).startswith("404004: ")
    finally:
        server.stop()


# ---------------------------------------------------------------- what is refused
def test_flags(org, project, fmt):
    item, data = put(org.admin, project, sample(STORE)), sample(STORE)
    check_refusal(append(org.admin, item, data, query="&overwrite=true", fmt=fmt), 400055)
    reply = publish_reply(org.admin, "datasource", "x.hyper", data, {"name": item["name"]},
                          "?append=perhaps", fmt=fmt)
    check_refusal(reply, 400008)
    reply = publish_reply(org.admin, "datasource", "x.hyper", data, {
        "name": item["name"], "project": {"id": project}}, "?append=false", fmt=fmt)
    check_refusal(reply, 403007)
    reply = publish_reply(org.admin, "workbook", "x.twb", workbook_bytes(), {
        "name": item["name"], "project": {"id": project}}, "?append=true", fmt=fmt)
    check_refusal(reply, 400011)


def test_names_that_there_are_not(org, project, fmt):
    item = put(org.admin, project, sample(STORE))
    check_refusal(append(org.admin, {**item, "name": unique("none")}, sample(STORE), fmt=fmt), 404004)
    elsewhere = {**item, "project": {"id": new_project(org.admin)}}
    check_refusal(append(org.admin, elsewhere, sample(STORE), fmt=fmt), 404004)
    check_refusal(append(org.admin, {**item, "name": ""}, sample(STORE), fmt=fmt), 400019)
    assert append(org.admin, {**item, "name": item["name"].upper()}, sample(STORE)).status == 201


def test_rights(org, fmt):
    project = new_project(org.admin)
    item, data = put(org.admin, project, sample(STORE)), sample(STORE)
    creator, viewer = org.as_role("Creator"), org.as_role("Viewer")
    check_refusal(append(creator, item, data, fmt=fmt), 403007)
    grant(org.admin, project, org.user("Creator"), Read="Allow", Write="Allow")
    check_refusal(append(creator, item, data, fmt=fmt), 403007)  # not of the data source
    check_refusal(append(viewer, item, data, fmt=fmt), 403007)
    own = put(creator, project, data)
    assert append(creator, own, data, fmt=fmt).status == 201
    assert len(revisions(org.admin, item)) == 1


FILES = {
    "tds": ("x.tds", datasource_bytes(), "is neither a .hyper nor a .tdsx file"),
    "csv": ("x.csv", b"a,b\n1,2\n", "is neither a .hyper nor a .tdsx file"),
    "tde": ("x.tde", bytes.fromhex("200201 62A01EAB07") + bytes(100),
            "is neither a .hyper nor a .tdsx file"),
    "no extract": ("x.tdsx", tdsx(None), "holds no extract"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_without_an_extract(org, project, fmt, case):
    filename, data, why = FILES[case]
    item = put(org.admin, project, sample(STORE))
    reply = append(org.admin, item, data, filename, fmt=fmt)
    check_refusal(reply, 400011)
    assert reply.detail.startswith(f"The published file {why}"), reply
    item = put(org.admin, project, data, filename)
    reply = append(org.admin, item, sample(STORE), fmt=fmt)
    check_refusal(reply, 400011)
    assert reply.detail.startswith(f"The current file of the data source {why}"), reply
    assert content(org.admin, item) == data


def test_packages_of_several(org, project):
    data = sample(STORE)
    item = put(org.admin, project, tdsx(data), "x.tdsx")
    for other, why in ((tdsx(data, data), "holds several extracts"),
                       (tdsx(data, name="Data/x.tde"), "holds an extract that is no .hyper file")):
        reply = append(org.admin, item, other, "x.tdsx")
        check_refusal(reply, 400011)
        assert why in reply.detail


def change(relation, column=1, **members):
    relation["attributes"][column].update(members)


OTHERS = {
    "count": (lambda r: (r["attributes"].pop(), r["nullCounts"].pop()), "parts beyond its rows"),
    "order": (lambda r: r["attributes"].reverse(),
              "column 1 is named 'Segment'; expected 'Category'."),
    "name": (lambda r: change(r, name="Day"), "column 2 is named 'Day'; expected 'Order Date'."),
    "type": (lambda r: change(r, type=["Timestamp", "nullable"]),
             "column 'Order Date' has the type Timestamp; expected Date."),
    "parameters": (lambda r: change(r, type=["Date", 3, "nullable"]),
                   "column 'Order Date' has the type Date,3; expected Date."),
    "collation": (lambda r: change(r, 0, collate="de"),
                  "column 'Category' has the collation de; expected en_US_CI."),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_columns(org, project, case):
    how, why = OTHERS[case]
    item = put(org.admin, project, sample(STORE))
    reply = append(org.admin, item, with_catalog(STORE, how))
    check_refusal(reply, 400011)
    assert reply.detail.startswith("The published extract: ") and why in reply.detail, reply
    assert content(org.admin, item) == sample(STORE) and len(revisions(org.admin, item)) == 1


def test_null_may_become_allowed_alone(org, project):
    strict = with_catalog(STORE, lambda r: change(r, type=["Date"]))
    item = put(org.admin, project, sample(STORE))
    assert append(org.admin, item, strict).status == 201
    merged = hyperfile.check(hyperfile.read(content(org.admin, item)))
    assert merged.table["attributes"] == parsed(STORE).table["attributes"]
    item = put(org.admin, project, strict)
    reply = append(org.admin, item, sample(STORE))
    check_refusal(reply, 400011)
    assert "column 'Order Date' may be NULL; expected one that may not." in reply.detail


def test_multiple_tables(org, project, fmt):
    many, one = sample("superstore_sample"), sample(STORE)
    for target, more, whose in ((one, many, "The published extract"),
                                (many, one, "The current extract of the data source")):
        reply = append(org.admin, put(org.admin, project, target), more, fmt=fmt)
        check_refusal(reply, 400011)
        assert reply.detail == (f"{whose}: it was stored using multiple tables (it has 4), and data "
                                "can't be appended to such an extract.")


def test_deleted_rows(org, project):
    hyper = parsed(STORE)
    hyper.blobs[DELETED, 0, 0, 0] = Blob(bytes.fromhex("0101"))
    reply = append(org.admin, put(org.admin, project, sample(STORE)), hyper.write())
    check_refusal(reply, 400011)
    assert "rows that were deleted" in reply.detail


def test_damaged(org, server, project):
    """In whichever part: refused, and the file is as it was."""
    data = sample(STORE)
    item = put(org.admin, project, data)
    blob = parsed(STORE).block(0)[1][0]
    places = (5, 0x40, 4096 + 100, data.index(blob) + 20)
    for place in places:
        bad = bytearray(data)
        bad[place] ^= 4
        check_refusal(append(org.admin, item, bytes(bad)), 400011)
    check_refusal(append(org.admin, item, data[:30000]), 400011)
    check_refusal(append(org.admin, item, b""), 400011)
    bad = bytearray(tdsx(data))
    bad[bad.index(b"x.hyper") + 100] ^= 4
    check_refusal(append(org.admin, item, bytes(bad), "x.tdsx"), 400011)
    assert content(org.admin, item) == data and len(revisions(org.admin, item)) == 1
    assert quiet(server) == []


# ---------------------------------------------------------------- one behind another
def test_at_the_same_time(org, server, project):
    """Each is done wholly or refused as what came late; none is lost."""
    data = sample(STORE)
    item = put(org.admin, project, data)
    replies = []

    def run():
        client = org.fresh("SiteAdministratorCreator")
        for _ in range(4):
            replies.append(append(client, item, data))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [r for r in replies if r.status == 201]
    for reply in replies:
        if reply.status != 201:
            check_refusal(reply, 403131)
    assert len(replies) == 16 and done
    assert len(revisions(org.admin, item)) == 1 + len(done)
    check_merged(content(org.admin, item), *[data] * (1 + len(done)))
    assert quiet(server) == []


def test_quota(org, home, server):
    """What the sum needs is asked of the site's storage, before it is stored."""
    from orgs import Org
    own = Org(server, home, unique("quota"))
    hyper = parsed("pantab_notnull")
    hyper.blobs[DATA, 0, 0, 2] = Blob(hyper.blobs[DATA, 0, 0, 2].bytes + os.urandom(300 << 10))
    data, project = hyper.write(), new_project(own.admin)
    bare, packed = put(own.admin, project, data), put(own.admin, project, tdsx(data), "x.tdsx")
    home.ok("PUT", f"/sites/{own.site_id}", {"site": {"storageQuota": "1"}})
    blobs = stored(server)
    for item in (bare, packed):
        check_refusal(append(own.admin, item, data), 403008)
        assert len(revisions(own.admin, item)) == 1
    # A thousand to one: a small file that unpacks to more than there is room for.
    zeros = tdsx(bytes(14 << 20))
    assert len(zeros) < 64 << 10
    check_refusal(append(own.admin, packed, zeros, "x.tdsx"), 403008)
    assert stored(server) == blobs and quiet(server) == []
