"""The server takes away blobs that no row names: what publishes that were cut off, uploads
that were abandoned and items that were deleted leave behind, and nothing else."""

import pathlib
import time

import pytest

import servers
from contents import multipart, publish_reply, workbook_bytes
from easel_client import Client, check_refusal, to_xml, unique
from published import publish, workbook_xml
from servers import Server
from test_fsck import DAY, age, blob_path, fsck, plant

# Often, and never what is younger than an hour: the tests set the times of files back.
OFTEN = {**servers.RELAXED, "EASEL_SWEEP_EVERY": "200ms", "EASEL_SWEEP_AGE": "1h",
         "EASEL_LOG_LEVEL": "debug"}
SOON = 20


@pytest.fixture(scope="module")
def own(engine):
    yield from servers.kept(engine, OFTEN)


@pytest.fixture(scope="module")
def admin(own):
    return own.admin()


def wait_until(what, seconds=SOON):
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def sweeps(*nodes):
    return sum("swept unused blobs" in line for node in nodes for line in list(node.err))


def swept(*nodes):
    """A sweep began and ended since."""
    before = sweeps(*nodes)
    wait_until(lambda: sweeps(*nodes) >= before + 2)


def put(client, data, name=None, **options):
    return publish(client, "workbook", data, name or unique("book"), **options)


def delete(client, item):
    client.ok("DELETE", f"{client.site}/workbooks/{item['id']}", status=204)


def content(client, item):
    return client.call("GET", f"{client.site}/workbooks/{item['id']}/content").body


def begin(client):
    doc = client.ok("POST", f"{client.site}/fileUploads", status=201).doc
    return doc["fileUpload"]["uploadSessionId"]


def append(client, upload, data):
    body, kind = multipart([("request_payload", "", "text/xml", b""),
                            ("tableau_file", "file", "application/octet-stream", data)])
    return client.call("PUT", f"{client.site}/fileUploads/{upload}", raw=body, content_type=kind)


def publish_upload(client, upload, name):
    body, kind = multipart([("request_payload", "", "text/xml",
                             to_xml({"workbook": {"name": name}}, namespace=None))])
    return client.call("POST", f"{client.site}/workbooks?uploadSessionId={upload}&workbookType=twb",
                       raw=body, content_type=kind)


def test_the_old_and_unnamed_go(own, admin):
    """They are told in the log; what is young or named stays."""
    kept = workbook_xml(salt=unique("kept"))
    put(admin, kept)
    age(blob_path(own, kept), 30 * DAY)
    young = plant(own, unique("young").encode(), 60)
    old = [plant(own, unique("old").encode()) for _ in range(100)]
    wait_until(lambda: not any(path.exists() for path in old))
    own.wait_line(lambda line: " info " in line and "swept unused blobs" in line and "deleted=" in line)
    swept(own)
    assert young.exists() and blob_path(own, kept).exists()
    assert fsck(own)[1]["missing"] == 0


def test_what_a_crash_left_of_a_publish(own):
    """What is refused leaves nothing (test_leftovers.py); what is cut off is swept in time."""
    path = plant(own, unique("<no workbook").encode(), 0)
    swept(own)
    assert path.exists()  # it may belong to a publish under way
    age(path, 7200)
    wait_until(lambda: not path.exists())


def test_shared_by_two(own, admin):
    """A blob goes when the last that names it is gone, and not before."""
    data = workbook_xml(salt=unique("shared"))
    one, two = put(admin, data), put(admin, data)
    path = blob_path(own, data)
    age(path, DAY)
    delete(admin, one)
    swept(own)
    assert path.exists() and content(admin, two) == data
    delete(admin, two)
    wait_until(lambda: not path.exists())


def test_removed_revisions(own, admin):
    first, last = (workbook_xml(salt=unique("revision")) for _ in range(2))
    project = admin.add_project()["id"]
    item = put(admin, first, "revised", project=project)
    put(admin, last, "revised", project=project, overwrite=True)
    paths = [blob_path(own, data) for data in (first, last)]
    for path in paths:
        age(path, DAY)
    swept(own)
    assert all(path.exists() for path in paths)
    admin.ok("DELETE", f"{admin.site}/workbooks/{item['id']}/revisions/1", status=204)
    wait_until(lambda: not paths[0].exists())
    swept(own)
    assert paths[1].exists() and content(admin, item) == last


def test_of_jobs_that_wait(engine, tmp_path):
    """What a job is to publish stays, however old, until the job has ended."""
    server = Server(engine, data=tmp_path / "data", env={**OFTEN, "EASEL_JOB_WORKERS": "0"})
    try:
        client = server.admin()
        data = workbook_xml(salt=unique("waits"))
        reply = publish_reply(client, "workbook", "w.twb", data, {"name": unique("book")},
                              "?asJob=true")
        assert reply.status == 202, reply
        path = blob_path(server, data)
        age(path, 2 * DAY)
        swept(server)
        assert path.exists()
        client.ok("PUT", f"{client.site}/jobs/{reply.doc['job']['id']}")
        wait_until(lambda: not path.exists())
    finally:
        server.discard()


def test_uploads_under_way(own, admin):
    """Their pieces stay, however old, until they are published."""
    data = workbook_bytes([unique("piece")] + [f"Sheet {n}" for n in range(50)])
    half = len(data) // 2
    upload = begin(admin)
    pieces = [data[:half], data[half:]]
    for piece in pieces:
        assert append(admin, upload, piece).status == 200
        age(blob_path(own, piece), 2 * DAY)
    swept(own)
    reply = publish_upload(admin, upload, unique("pieces"))
    assert reply.status == 201, reply
    for piece in pieces:
        wait_until(lambda path=blob_path(own, piece): not path.exists())
    swept(own)
    assert content(admin, reply.doc["workbook"]) == data


def test_a_piece_that_is_the_whole(own, admin):
    """Its blob becomes the revision's, however old."""
    data = workbook_bytes([unique("whole")])
    upload = begin(admin)
    append(admin, upload, data)
    path = blob_path(own, data)
    age(path, 2 * DAY)
    reply = publish_upload(admin, upload, unique("whole"))
    assert reply.status == 201, reply
    swept(own)
    assert content(admin, reply.doc["workbook"]) == data


def test_published_again_while_it_goes(own, admin):
    """Whoever publishes what is just being swept finds it whole afterwards."""
    data, project = workbook_xml(salt=unique("again")), admin.add_project()["id"]
    path = blob_path(own, data)
    for _ in range(40):
        item = put(admin, data, "again", project=project)
        assert content(admin, item) == data
        age(path, DAY)
        delete(admin, item)
        time.sleep(0.01)
    assert fsck(own)[1]["missing"] == 0


def test_two_nodes(tmp_path):
    """They share a store and take turns, and what one publishes the other does not sweep."""
    if not servers.POSTGRES:
        pytest.skip("EASEL_TEST_POSTGRES is not set")
    one = Server("postgres", env=OFTEN)
    two = None
    try:
        key = (pathlib.Path(one.data) / "secret.key").read_text().strip()
        two = Server("postgres", data=tmp_path, repository=one.repository, password=one.admin_password,
                     options=["--blobs", f"files:{one.data}/blobs"],
                     env={**OFTEN, "EASEL_SECRET_KEY": key})
        admin = one.admin()
        there = Client(two.url, session=admin.session)
        data = workbook_xml(salt=unique("nodes"))
        path = blob_path(one, data)
        for i in range(30):
            here, beyond = (admin, there) if i % 2 else (there, admin)
            item = put(here, data)
            assert content(beyond, item) == data
            age(path, DAY)
            delete(beyond, item)
        wait_until(lambda: not path.exists())
        old = [plant(one, unique("old").encode()) for _ in range(200)]
        wait_until(lambda: not any(path.exists() for path in old))
        assert fsck(one)[1]["missing"] == 0
        two.stop()
        one.stop()
    finally:
        for node in (two, one):
            if node:
                node.discard()


def test_abandoned_uploads(engine):
    """An upload that nobody goes on with is forgotten after upload-keep, and its pieces go."""
    running = Server(engine, env={**OFTEN, "EASEL_UPLOAD_KEEP": "4s"})
    try:
        admin = running.admin()
        upload, data = begin(admin), unique("abandoned").encode()
        append(admin, upload, data)
        path = blob_path(running, data)
        age(path, DAY)
        swept(running)
        assert path.exists()
        wait_until(lambda: not path.exists())
        check_refusal(append(admin, upload, b"more"), 404015)
        running.stop()
    finally:
        running.discard()


def test_killed_in_the_middle(tmp_path):
    """The next start goes on at once, and finds what the dead left on its way."""
    data, kept = tmp_path / "data", workbook_xml(salt="kept")
    running = Server(data=data, env=OFTEN)
    old = []
    try:
        admin = running.admin()
        item = put(admin, kept)
        age(blob_path(running, kept), DAY)
        old = [plant(running, unique("old").encode()) for _ in range(3000)]
        wait_until(lambda: not all(path.exists() for path in old))
        running.kill()
        assert any(path.exists() for path in old)
        staged = data / "blobs" / "tmp" / "stage-abcdef"
        staged.write_bytes(b"half of a file")
    finally:
        running.discard()
    running = Server(data=data, password=running.admin_password, env=OFTEN)
    try:
        wait_until(lambda: not any(path.exists() for path in old))
        assert not staged.exists()
        assert content(running.admin(), item) == kept
        running.stop()
    finally:
        running.discard()


def test_stops_in_the_middle(engine):
    """A sweep is no reason to wait when the server stops."""
    running = Server(engine, env=OFTEN)
    try:
        old = [plant(running, unique("old").encode()) for _ in range(2000)]
        wait_until(lambda: not all(path.exists() for path in old))
        from_ = time.monotonic()
        running.process.terminate()
        running.process.wait(30)
        took = time.monotonic() - from_
        left = sum(path.exists() for path in old)
        running.stop()
        assert took < 5, (took, left)
    finally:
        running.discard()


def test_a_store_of_another_repository(engine):
    """What only the other names stays, and both are told: log and fsck."""
    one = Server(engine, env=OFTEN)
    two = None
    try:
        wait_until(lambda: sweeps(one))
        data = workbook_xml(salt=unique("other"))
        item = put(one.admin(), data)
        path = blob_path(one, data)
        age(path, DAY)
        blobs = ["--blobs", f"files:{one.data}/blobs"]
        two = Server(engine, options=blobs, env=OFTEN)
        two.wait_line(lambda line: " error " in line and "another repository" in line)
        swept(one)
        done = servers.run("fsck", *two.store_options(), *blobs, "--delete-unreferenced", check=1)
        assert "another repository" in done.stderr and not done.stdout
        assert content(one.admin(), item) == data
        two.stop()
        one.stop()
    finally:
        for server in (two, one):
            if server:
                server.discard()


def test_turned_off():
    running = Server(env={**OFTEN, "EASEL_SWEEP_EVERY": "0"})
    try:
        old = plant(running, unique("old").encode())
        time.sleep(1.5)
        assert old.exists() and not sweeps(running)
        running.stop()
    finally:
        running.discard()
