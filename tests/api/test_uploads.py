"""Files that come in pieces, and what is published of them; downloads of what came."""

import concurrent.futures
import email.message
import io
import os
import random
import zipfile

import pytest

from contents import (FIXTURES, datasource_bytes, flow_bytes, multipart, new_project, package,
                      publish_datasource, publish_flow, publish_reply, publish_workbook,
                      workbook_bytes)
from easel_client import check_refusal, to_xml, unique
from orgs import Org

ZERO = "00000000-0000-4000-8000-000000000000"


def begin(client, fmt="json"):
    doc = client.ok("POST", f"{client.site}/fileUploads", status=201, fmt=fmt).doc
    return doc["fileUpload"]["uploadSessionId"]


def append(client, upload, data, part="tableau_file", number=None, **options):
    query = "" if number is None else f"?sequenceID={number}"
    body, content_type = multipart([("request_payload", "", "text/xml", b""),
                                    (part, "file", "application/octet-stream", data)])
    return client.call("PUT", f"{client.site}/fileUploads/{upload}{query}", raw=body,
                       content_type=content_type, **options)


def publish_upload(client, kind, upload, file_type, document, query="", **options):
    body, content_type = multipart([("request_payload", "", "text/xml",
                                     to_xml({kind: document}, namespace=None))])
    return client.call("POST", f"{client.site}/{kind}s?uploadSessionId={upload}"
                       f"&{kind}Type={file_type}{query}", raw=body, content_type=content_type,
                       **options)


def content(client, kind, item, query="", **options):
    return client.call("GET", f"{client.site}/{kind}s/{item}/content{query}", **options)


def test_in_pieces(org, fmt):
    client = org.as_role("Creator")
    data = workbook_bytes(sheets=[f"Sheet {n}" for n in range(2000)])
    upload = begin(client, fmt)
    third = len(data) // 3
    for piece in (data[:third], data[third:2 * third], data[2 * third:]):
        reply = append(client, upload, piece, fmt=fmt)
        assert reply.status == 200, reply
        assert reply.doc["fileUpload"]["uploadSessionId"] == upload
    assert reply.doc["fileUpload"]["fileSize"] == "1"
    reply = publish_upload(client, "workbook", upload, "twb", {"name": unique("pieces")}, fmt=fmt)
    assert reply.status == 201, reply
    assert content(client, "workbook", reply.doc["workbook"]["id"]).body == data
    check_refusal(append(client, upload, b"more", fmt=fmt), 404015)  # it is over


def pieces_of(data, count):
    length = -(-len(data) // count)
    return [data[n * length:(n + 1) * length] for n in range(count)]


@pytest.mark.parametrize("first", [0, 1])
def test_pieces_with_numbers(org, fmt, first):
    """Several at a time, in any order; one comes twice, as after a lost answer."""
    client = org.as_role("Creator")
    data = workbook_bytes(sheets=[f"Sheet {n}" for n in range(2000)])
    upload = begin(client)
    pieces = list(enumerate(pieces_of(data, 24), first))
    random.Random(first).shuffle(pieces)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(
            lambda piece: append(client.twin(client.session), upload, piece[1], number=piece[0],
                                 fmt=fmt), pieces + pieces[:5]))
    assert {reply.status for reply in replies} == {200}, replies
    reply = publish_upload(client, "workbook", upload, "twb", {"name": unique("numbers")})
    assert reply.status == 201, reply
    assert content(client, "workbook", reply.doc["workbook"]["id"]).body == data


def test_pieces_that_do_not_fit(org, fmt):
    """Another one under the same number, none under one, and what is no number."""
    client = org.as_role("Creator")
    data = workbook_bytes(sheets=[f"Sheet {n}" for n in range(50)])
    one, two, three = pieces_of(data, 3)
    document = {"name": unique("numbers")}
    upload = begin(client)
    for wrong in ("x", "-1", "1.5", "", "1234567890", "+1", " 1"):
        check_refusal(append(client, upload, one, number=wrong, fmt=fmt), 400000)
    assert append(client, upload, one, number=7).status == 200
    check_refusal(append(client, upload, two, number=7, fmt=fmt), 400000)
    check_refusal(publish_upload(client, "workbook", upload, "twb", document, fmt=fmt), 400000)
    upload = begin(client)
    assert append(client, upload, three, number=3).status == 200
    assert append(client, upload, one, number=1).status == 200
    check_refusal(publish_upload(client, "workbook", upload, "twb", document, fmt=fmt), 400000)
    assert append(client, upload, two, number=2).status == 200
    reply = publish_upload(client, "workbook", upload, "twb", document)
    assert content(client, "workbook", reply.doc["workbook"]["id"]).body == data
    # One without a number goes behind those that are there.
    upload = begin(client)
    for piece, number in ((two, 2), (one, 1), (three, None)):
        assert append(client, upload, piece, number=number).status == 200
    reply = publish_upload(client, "workbook", upload, "twb", {"name": unique("numbers")})
    assert content(client, "workbook", reply.doc["workbook"]["id"]).body == data


def test_uploads_that_are_refused(org, other, fmt):
    client = org.as_role("Creator")
    upload = begin(client)
    for who in (org.as_role("ExplorerCanPublish"), other.as_role("Creator")):
        check_refusal(append(who, upload, b"x", fmt=fmt), 404015)
    check_refusal(append(client, "1:0-1:0", b"x", fmt=fmt), 404015)
    check_refusal(append(client, upload, b"x", part="something", fmt=fmt), 400020)
    check_refusal(append(client, upload, bytes((64 << 20) + 1), fmt=fmt), 400016)
    viewer = org.as_role("Viewer")
    viewer.refused(403015, "POST", f"{viewer.site}/fileUploads", fmt=fmt)
    check_refusal(append(viewer, upload, b"x", fmt=fmt), 403007)
    document = {"name": unique("w")}
    check_refusal(publish_upload(client, "workbook", upload, "twb", document, fmt=fmt), 400000)
    append(client, upload, b"x")
    check_refusal(publish_upload(client, "workbook", "9:0-1:0", "twb", document, fmt=fmt), 404015)
    check_refusal(publish_upload(client, "workbook", upload, "tds", document, fmt=fmt), 400035)
    check_refusal(publish_upload(client, "datasource", upload, "twb", document, fmt=fmt), 400010)
    check_refusal(publish_upload(client, "flow", upload, "twb", document, fmt=fmt), 400086)
    check_refusal(publish_upload(client, "workbook", upload, "twb", document, fmt=fmt), 400011)


@pytest.mark.parametrize("kind,filename,data,code", [
    ("workbook", "w.twb", b"", 400011), ("workbook", "w.twb", b"<workbook", 400011),
    ("workbook", "w.twb", b"<!DOCTYPE a [<!ENTITY b 'c'>]><workbook>&b;</workbook>", 400011),
    ("workbook", "w.twbx", b"PK\x03\x04 no archive", 400011),
    ("workbook", "w.twbx", package("../up.twb", workbook_bytes()), 400011),
    ("workbook", "w.twbx", package("readme.txt", b"no workbook"), 400011),
    ("workbook", "w.tds", workbook_bytes(), 400020), ("workbook", "w", workbook_bytes(), 400020),
    ("datasource", "d.twb", datasource_bytes(), 400010),
    ("datasource", "d.tds", b"not xml", 400011),
    ("flow", "f.twb", flow_bytes(), 400086), ("flow", "f.tfl", b"PK no flow", 400087),
])
def test_files_that_are_none(org, fmt, kind, filename, data, code):
    client = org.as_role("Creator")
    name = unique("bad")
    check_refusal(publish_reply(client, kind, filename, data, {"name": name}, fmt=fmt), code)
    found = client.ok("GET", f"{client.site}/{kind}s?filter=name:eq:{name}").doc
    assert found["pagination"]["totalAvailable"] == "0"


def test_who_may_publish_where(org, other, fmt):
    creator, explorer = org.as_role("Creator"), org.as_role("Explorer")
    closed = new_project(org.admin)
    foreign = new_project(other.admin)

    def reply(client, **document):
        return publish_reply(client, "workbook", "w.twb", workbook_bytes(),
                             {"name": unique("w"), **document}, fmt=fmt)

    check_refusal(reply(creator, project={"id": closed}), 403007)
    check_refusal(reply(creator, project={"id": ZERO}), 404005)
    check_refusal(reply(creator, project={"id": foreign}), 404005)
    check_refusal(reply(explorer), 403007)
    check_refusal(reply(creator, name=""), 400000)
    check_refusal(reply(creator, name="x" * 256), 400000)
    assert reply(creator).status == 201


def test_overwriting(org, fmt):
    client, name = org.as_role("Creator"), unique("again")
    first = publish_workbook(client, name, data=workbook_bytes(["One", "Two"]))
    views = {v["name"]: v["id"] for v in client.ok(
        "GET", f"{client.site}/workbooks/{first['id']}/views").doc["views"]["view"]}

    def reply(who, query, sheets=("Two", "Three")):
        return publish_reply(who, "workbook", "w.twb", workbook_bytes(sheets),
                             {"name": name.upper()}, query, fmt=fmt)

    check_refusal(reply(client, ""), 403130)
    check_refusal(reply(client, "?overwrite=false"), 403130)
    check_refusal(reply(client, "?overwrite=maybe"), 400008)
    check_refusal(reply(org.as_role("ExplorerCanPublish"), "?overwrite=true"), 403007)
    second = reply(client, "?overwrite=true").doc["workbook"]
    assert second["id"] == first["id"] and second["contentUrl"] == first["contentUrl"]
    after = {v["name"]: v["id"] for v in client.ok(
        "GET", f"{client.site}/workbooks/{first['id']}/views").doc["views"]["view"]}
    assert set(after) == {"Two", "Three"} and after["Two"] == views["Two"]


def test_downloads(org, fmt):
    client = org.as_role("Creator")
    data = package("w.twb", workbook_bytes(), **{"Data/x.hyper": b"HyPe" * 100, "Image/a.png": b"png"})
    name = 'Quote " und \u00e4 ' + unique("w")
    reply = publish_reply(client, "workbook", "w.twbx", data, {"name": name}, fmt=fmt)
    item = reply.doc["workbook"]["id"]
    whole = content(client, "workbook", item)
    assert whole.body == data and whole.type == "application/octet-stream"
    assert whole.headers["Content-Disposition"].startswith('name="tableau_workbook"; filename')
    part = content(client, "workbook", item, headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, data[10:20])
    check = content(client, "workbook", item, headers={"Range": "bytes=999999-"})
    assert check.status == 416
    without = content(client, "workbook", item, "?includeExtract=false").body
    assert without.startswith(b"PK") and b"x.hyper" not in without and b"a.png" in without
    org.as_role("Viewer").refused(403019, "GET", f"{client.site}/workbooks/{item}/content", fmt=fmt)


@pytest.mark.parametrize("kind, code", [("workbook", 403019), ("datasource", 403028),
                                        ("flow", 403097)])
def test_downloads_without_rights(org, fmt, kind, code):
    """Whether it is Read or ExportXml that lacks."""
    make = {"workbook": publish_workbook, "datasource": publish_datasource, "flow": publish_flow}
    item = make[kind](org.admin)["id"]
    client, path = org.as_role("Creator"), f"{org.admin.site}/{kind}s/{item}"
    for allowed in ({}, {"Read": "Allow"}, {"Read": "Deny", "ExportXml": "Allow"}):
        rules = [{"name": name, "mode": mode} for name, mode in
                 {"Read": "Deny", "ExportXml": "Deny", **allowed}.items()]
        org.admin.ok("PUT", f"{path}/permissions", {"permissions": {"granteeCapabilities": [
            {"user": {"id": org.user("Creator")}, "capabilities": {"capability": rules}}]}})
        client.refused(code, "GET", f"{path}/content", fmt=fmt)


def test_extracts_or_not(org, fmt):
    """As TSC writes it, in any case; what is no flag is refused before anything is looked for."""
    data = package("w.twb", workbook_bytes(), **{"Data/x.hyper": b"HyPe" * 100})
    reply = publish_reply(org.admin, "workbook", "w.twbx", data, {"name": unique("w")})
    item = reply.doc["workbook"]["id"]
    for revision in ("", "/revisions/1"):
        path = f"{org.admin.site}/workbooks/{item}{revision}/content?includeExtract="
        for value in ("true", "True", "TRUE"):
            assert org.admin.call("GET", path + value).body == data
        for value in ("false", "False", "FALSE"):
            assert b"x.hyper" not in org.admin.call("GET", path + value).body
        for value in ("maybe", "", "1", "tru", "false%20"):
            check = org.admin.refused(400000, "GET", path + value, fmt=fmt)
            assert "includeExtract" in check.detail
    org.admin.refused(400000, "GET", f"{org.admin.site}/datasources/{ZERO}/content?includeExtract=no")
    org.admin.refused(400000, "GET", f"{org.admin.site}/datasources/{ZERO}/revisions/1/content"
                      "?includeExtract=no")
    flow = publish_flow(org.admin)["id"]  # whose download has no such parameter
    assert content(org.admin, "flow", flow, "?includeExtract=maybe").status == 200


def test_downloads_kept_by_clients(org):
    admin = org.admin
    workbook = package("w.twb", workbook_bytes(), **{"Data/x.hyper": b"HyPe" * 100})
    item = publish_reply(admin, "workbook", "w.twbx", workbook, {"name": unique("w")}
                         ).doc["workbook"]["id"]
    source, flow = publish_datasource(admin)["id"], publish_flow(admin)["id"]
    tags = set()
    for path in (f"workbooks/{item}/content", f"workbooks/{item}/content?includeExtract=false",
                 f"datasources/{source}/content", f"flows/{flow}/content"):
        path = f"{admin.site}/{path}"
        first = admin.call("GET", path)
        tag = first.headers["ETag"]
        tags.add(tag)

        def again(known, path=path, **headers):
            return admin.call("GET", path, accept="*/*", headers={"If-None-Match": known, **headers})

        for known in (tag, "W/" + tag, f'"other", {tag}', "*"):
            # conditions come before ranges: also before one that can't be met
            for more in ({}, {"Range": "bytes=0-3"}, {"Range": "bytes=99999999-"},
                         {"Range": "bytes=0-3", "If-Range": '"other"'}):
                reply = again(known, **more)
                assert (reply.status, reply.body, reply.headers["ETag"]) == (304, b"", tag), (known, more)
                assert reply.headers["Cache-Control"] == first.headers["Cache-Control"]
                assert "Content-Range" not in reply.headers
        for other in ('"other"', tag.strip('"'), tag[:-2] + '"'):
            assert again(other).body == first.body
            part = again(other, Range="bytes=0-3")
            assert (part.status, part.body) == (206, first.body[:4])
            assert again(other, Range="bytes=99999999-").status == 416
    assert len(tags) == 4
    for revision in (f"workbooks/{item}/revisions/1", f"datasources/{source}/revisions/1"):
        path = f"{admin.site}/{revision}/content"
        tag = admin.call("GET", path).headers["ETag"]
        assert tag in tags
        assert admin.call("GET", path, accept="*/*", headers={"If-None-Match": tag}).status == 304
    # rights come before conditions
    org.as_role("Viewer").refused(403019, "GET", f"{admin.site}/workbooks/{item}/content",
                                  headers={"If-None-Match": "*"})
    admin.refused(404027, "GET", f"{admin.site}/flows/{ZERO}/content", headers={"If-None-Match": "*"})
    # whoever has the file of before gets the new one
    name = unique("again")
    path = f"{admin.site}/workbooks/{publish_workbook(admin, name)['id']}/content"
    tag, data = admin.call("GET", path).headers["ETag"], workbook_bytes(["Other"])
    publish_workbook(admin, name, data=data, query="?overwrite=true")
    reply = admin.call("GET", path, headers={"If-None-Match": tag})
    assert (reply.status, reply.body) == (200, data) and reply.headers["ETag"] != tag


def test_samples(org):
    """Every sample is taken, and comes back as it was."""
    if not FIXTURES.exists():
        pytest.skip(f"no samples in {FIXTURES}")
    client, kinds = org.as_role("Creator"), {"twb": "workbook", "twbx": "workbook",
                                             "tds": "datasource", "tdsx": "datasource", "tfl": "flow"}
    tried = 0
    for file in sorted(FIXTURES.iterdir()):
        kind = kinds.get(file.suffix[1:])
        if kind:
            reply = publish_reply(client, kind, file.name, file.read_bytes(), {"name": unique(file.stem)})
            assert reply.status == 201, (file.name, reply)
            got = content(org.admin, kind, reply.doc[kind]["id"])
            assert got.body == file.read_bytes(), file.name
            tried += 1
    assert tried >= 10


def test_storage_quota(server, home):
    own = Org(server, home, unique("quota"))
    own.admin.ok("PUT", f"/sites/{own.site_id}", {"site": {"storageQuota": 1}})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("w.twb", workbook_bytes())
        archive.writestr("Image/noise.png", os.urandom(1 << 20))
    small = package("w.twb", workbook_bytes())
    assert publish_reply(own.admin, "workbook", "w.twbx", small, {"name": "small"}).status == 201
    reply = publish_reply(own.admin, "workbook", "w.twbx", out.getvalue(), {"name": "big"})
    check_refusal(reply, 403008)


@pytest.mark.parametrize("kind, filename, data, code", [
    ("workbook", "w.twb", workbook_bytes(), 400008),
    ("datasource", "d.tds", datasource_bytes(), 400008), ("flow", "f.tfl", flow_bytes(), 400000)])
def test_embed_is_true_or_false(org, fmt, kind, filename, data, code):
    credentials = {"connectionCredentials": {"name": "n", "password": "p", "embed": "perhaps"}}
    for members in (credentials, {"connections": {"connection": [
            {"serverAddress": "db.example.com", **credentials}]}}):
        reply = publish_reply(org.admin, kind, filename, data, {"name": unique(kind), **members},
                              fmt=fmt)
        check_refusal(reply, code)


@pytest.mark.parametrize("kind, filename, data, code", [
    ("workbook", "w.twb", workbook_bytes(), 400000),
    ("datasource", "d.tds", datasource_bytes(), 400019), ("flow", "f.tfl", flow_bytes(), 400089)])
def test_names_are_not_blank(org, fmt, kind, filename, data, code):
    for name in ("", " ", "\t \n"):
        check_refusal(publish_reply(org.admin, kind, filename, data, {"name": name}, fmt=fmt), code)
    item = publish_reply(org.admin, kind, filename, data, {"name": unique(kind)}).doc[kind]
    for name in ("", "  "):
        org.admin.refused(400000, "PUT", f"{org.admin.site}/{kind}s/{item['id']}",
                          {kind: {"name": name}}, fmt=fmt)


def test_file_names_hold_no_directories(org):
    """Clients save a download under the last part of what looks like a path."""
    name = unique("w")
    for odd, plain, coded in (('2024\\1 "e"', "2024_1 _e_", "2024_1%20%22e%22"),
                              ("B\u00fcro\u65e5", None, "B%C3%BCro%E6%97%A5")):
        reply = publish_reply(org.admin, "workbook", "w.twb", workbook_bytes(),
                              {"name": f"{name}/{odd}"})
        reply = content(org.admin, "workbook", reply.doc["workbook"]["id"])
        told = reply.headers["Content-Disposition"]
        ascii_form = f'filename="{name}_{plain}.twb"; ' if plain else ""
        assert told == (f'name="tableau_workbook"; {ascii_form}'
                        f"filename*=UTF-8''{name}_{coded}.twb")
        message = email.message.Message()  # as TSC reads it
        message["Content-Disposition"] = told
        assert message.get_filename() == f"{name}_{plain or odd}.twb"
