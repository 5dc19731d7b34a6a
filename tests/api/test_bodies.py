"""Large bodies: who may not call learns that before the size is judged, and a disk or a
limit without room for one is told by the code that the method has for it."""

import os
import pathlib
import resource
import socket

import pytest

import servers
from contents import default_project, multipart, package, publish_reply, workbook_bytes
from easel_client import Client, check_refusal, unique
from test_uploads import append, begin

MIB = 1 << 20
LARGE = os.urandom(10 * MIB)
FILES = {"workbook": "w.twbx", "datasource": "d.tdsx", "flow": "f.tflx"}


def announce(client, verb, path, length, content_type="multipart/mixed; boundary=b"):
    """The answer to a head alone, whose body would be that long."""
    host, port = client.url.split("//")[1].split(":")
    head = [f"{verb} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {length}",
            f"Content-Type: {content_type}", "Accept: application/json"]
    if client.session:
        head.append(f"X-Tableau-Auth: {client.session.token}")
    with socket.create_connection((host, int(port)), timeout=20) as link:
        link.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        answer = b""
        while piece := link.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


# ---------------------------------------------------------------- who may send one
@pytest.mark.parametrize("length", [6 * MIB, 500 * MIB])
def test_who_may_not_call_learns_that_first(org, length):
    """A body that is too large is not waited for."""
    client, anyone, gone = org.as_role("Creator"), Client(org.server.url), org.server.admin()
    gone.ok("POST", "/auth/signout", status=204)
    site = f"/api/3.29{client.site}"
    calls = [(anyone, "POST", f"{site}/workbooks", 401000),
             (client, "POST", f"/api/9.9{client.site}/workbooks", 404001),
             (client, "POST", f"/api/3.2{client.site}/flows", 404003),
             (client, "POST", f"{site}/nothing", 404003)]
    if org.server.engine == "sqlite":  # else the body comes before the repository is asked
        calls += [(gone, "PUT", f"{site}/fileUploads/{begin(client)}", 401002),
                  (gone, "POST", f"{site}/workbooks", 401002),
                  (gone, "GET", f"{site}/workbooks", 401002)]
    for who, verb, path, code in calls:
        status, text = announce(who, verb, path, length)
        assert status == code // 1000 and f'"code":"{code}"' in text, (verb, path, status, text)


def test_too_large(org):
    client = org.admin
    for verb, path, code in (("PUT", f"fileUploads/{begin(client)}", 400016),
                             ("POST", "workbooks", 413000), ("POST", "groups", 413000)):
        status, text = announce(client, verb, f"/api/3.29{client.site}/{path}", 100 * MIB)
        assert status == code // 1000 and f'"code":"{code}"' in text, (path, status, text)


# ---------------------------------------------------------------- no room
def left(server):
    """What lies where files wait."""
    return [p.name for folder in ("spool", "blobs/tmp")
            for p in pathlib.Path(server.data, folder).glob("*")]


@pytest.fixture(scope="module")
def narrow(engine):
    """A server whose files can't grow beyond 8 MiB, as on a disk that is full."""
    server = servers.Server(engine, env=servers.RELAXED)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (8 * MIB, 8 * MIB))
    yield server
    server.stop()


@pytest.mark.parametrize("query", ["", "?asJob=true"])
@pytest.mark.parametrize("kind", FILES)
def test_a_full_disk_while_publishing(narrow, kind, query, fmt):
    client = narrow.admin(fmt=fmt)
    reply = publish_reply(client, kind, FILES[kind], LARGE, {
        "name": unique("x"), "project": {"id": default_project(client)}}, query)
    check_refusal(reply, 403008)
    assert left(narrow) == []
    assert "body not taken" in narrow.text()
    small = package("w.twb", workbook_bytes(), **{"Data/x": LARGE[:MIB]})
    assert publish_reply(client, "workbook", "w.twbx", small, {"name": unique("w")}).status == 201


def test_a_full_disk_while_appending(narrow, fmt):
    client = narrow.admin(fmt=fmt)
    upload = begin(client)
    assert append(client, upload, LARGE[:MIB]).status == 200
    check_refusal(append(client, upload, LARGE), 403016)
    assert append(client, upload, LARGE[:MIB]).status == 200  # and on it goes
    assert left(narrow) == []


def chunks(body):
    for at in range(0, len(body), 100_000):
        yield body[at:at + 100_000]


def test_a_full_disk_and_a_body_of_unknown_length(narrow):
    client = narrow.admin()
    body, kind = multipart([("request_payload", "", "text/xml", b""),
                            ("tableau_file", "x", "application/octet-stream", LARGE)])
    reply = client.call("PUT", f"{client.site}/fileUploads/{begin(client)}", raw=chunks(body),
                        content_type=kind)
    check_refusal(reply, 403016)


def test_bodies_that_are_too_many(engine, fmt):
    """The limit of all bodies together: for now, so not the code of a full disk."""
    server = servers.Server(engine, env={**servers.RELAXED, "EASEL_MAX_SPOOL": "5m"})
    try:
        client = server.admin(fmt=fmt)
        upload = begin(client)
        check_refusal(append(client, upload, LARGE[:8 * MIB]), 503000)
        body, kind = multipart([("request_payload", "", "text/xml", b""),
                                ("tableau_file", "x", "application/octet-stream", LARGE[:8 * MIB])])
        check_refusal(client.call("PUT", f"{client.site}/fileUploads/{upload}", raw=chunks(body),
                                  content_type=kind), 503000)
        assert append(client, upload, LARGE[:4 * MIB]).status == 200
        assert "body not taken" in server.text()
    finally:
        server.stop()


# ---------------------------------------------------------------- what can't be understood
PAYLOAD = ("request_payload", "", "text/xml", b"")
FILE = ("tableau_file", "x", "application/octet-stream", b"abc")


def whole(*parts):
    return multipart(parts)


def cut(*parts):
    body, kind = multipart(parts)
    return body[:-20], kind


MALFORMED = {
    "no body": (b"", "multipart/mixed; boundary=b"),
    "no boundary": (b"--b\r\n", "multipart/mixed"),
    "another type": (b"<tsRequest/>", "text/xml"),
    "another boundary": (whole(PAYLOAD, FILE)[0], "multipart/mixed; boundary=other"),
    "cut": cut(PAYLOAD, FILE),
    "no XML": whole(("request_payload", "", "text/xml", b"<tsRequest><"), FILE),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_bodies(org, fmt, case):
    """400019 where the method has it; the others' code is 400000."""
    client = org.admin.twin(org.admin.session, fmt=fmt)
    body, kind = MALFORMED[case]
    for verb, path, code in (("PUT", f"fileUploads/{begin(client)}", 400019),
                             ("POST", "datasources", 400019), ("POST", "workbooks", 400000),
                             ("POST", "flows", 400000)):
        reply = client.call(verb, f"{client.site}/{path}", raw=body, content_type=kind)
        check_refusal(reply, code)


@pytest.mark.parametrize("document", [
    b"", b" \r\n\t", b"<tsRequest/>", b"<tsRequest></tsRequest>",
    b"<tsRequest><datasource name='x'/></tsRequest>"])
def test_the_document_of_a_piece_is_read_over(org, fmt, document):
    """It is to be empty; the official request collection sends that of a publish."""
    client = org.admin.twin(org.admin.session, fmt=fmt)
    body, kind = multipart([("request_payload", "", "text/xml", document), FILE])
    reply = client.call("PUT", f"{client.site}/fileUploads/{begin(client)}", raw=body,
                        content_type=kind)
    assert reply.status == 200, reply


def test_data_sources_without_element_or_name(org, fmt):
    client = org.admin.twin(org.admin.session, fmt=fmt)
    for document in (b"<tsRequest/>", b"<tsRequest><workbook name='x'/></tsRequest>",
                     b"<tsRequest><datasource/></tsRequest>",
                     b"<tsRequest><datasource name=' '/></tsRequest>"):
        body, kind = multipart([("request_payload", "", "text/xml", document),
                                ("tableau_datasource", "d.csv", "text/csv", b"a\n1\n")])
        check_refusal(client.call("POST", f"{client.site}/datasources", raw=body,
                                  content_type=kind), 400019)
