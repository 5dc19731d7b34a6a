"""What is refused leaves nothing in the store of blobs, at once; nor does what an upload was
made of, once it is published. What others published of the same bytes stays whole."""

import concurrent.futures
import os
import pathlib
import threading
import time

import pytest

import servers
from contents import (datasource_bytes, new_project, package, publish_reply,
                      publish_workbook)
from csv_jobs import wait
from easel_client import Client, check_refusal, unique
from published import custom_view_file, publish_custom_view, workbook_xml
from servers import Server
from test_append import append as append_rows
from test_append import put as put_rows
from test_append import sample
from test_fsck import blob_path, fsck
from test_hyper_data import act, ended, payload, send, target
from test_publish_jobs import done, job_reply, why
from test_sweep import OFTEN, age, swept, wait_until
from test_uploads import append, begin, content, publish_upload
from test_validate import validate

SOON = 3


@pytest.fixture(scope="module")
def own(engine):
    """Sweeps come every six hours: what goes here was not swept."""
    yield from servers.kept(engine, servers.RELAXED)


@pytest.fixture(scope="module")
def admin(own):
    return own.admin()


def stored(server):
    """The names of all blobs."""
    return {path.parent.name + path.name
            for path in pathlib.Path(server.data, "blobs").glob("[0-9a-f][0-9a-f]/*")}


class Unchanged:
    """Of what is stored meanwhile nothing stays, but `more` blobs."""

    def __init__(self, server, more=0):
        self.server, self.more = server, more

    def __enter__(self):
        self.before = stored(self.server)
        return self

    def __exit__(self, kind, *_):
        if not kind:
            wait_until(self.settled, SOON)

    def settled(self):
        now = stored(self.server)
        return now >= self.before and len(now - self.before) == self.more


def whole(server):
    counts = fsck(server)[1]
    assert counts["missing"] == counts["damaged"] == 0, counts


def salted(data=b""):
    return b"no" + os.urandom(300) + data


def book(salt=None):
    return workbook_xml(salt=salt or unique("book"))


def pieces_in(client, data, count=3):
    """An upload of so many pieces, no two of which are the same."""
    upload = begin(client)
    for piece in [data[n * 10:n * 10 + 10] for n in range(count - 1)] + [data[count * 10 - 10:]]:
        assert append(client, upload, piece).status == 200
    return upload


# ---------------------------------------------------------------- a file in the request
def cut(data, count):
    return data[:-count]


@pytest.mark.parametrize("kind, filename, data, code", [
    ("workbook", "w.twb", salted, 400011),
    ("workbook", "w.twb", lambda: cut(book(), 20), 400011),
    ("workbook", "w.twb", lambda: datasource_bytes() + salted(), 400011),
    ("workbook", "w.twbx", salted, 400011),
    ("workbook", "w.twbx", lambda: package("readme", salted()), 400011),
    ("workbook", "w.twbx", lambda: cut(package("w.twb", book()), 30), 400011),
    ("datasource", "d.tds", salted, 400011),
    ("datasource", "d.tdsx", lambda: package("d.tds", salted()), 400011),
    ("datasource", "d.hyper", salted, 400011),
    ("flow", "f.tfl", salted, 400087),
    ("flow", "f.tflx", lambda: package("flow", salted()), 400087),
])
@pytest.mark.parametrize("by_pieces", [False, True])
def test_what_is_no_such_file(own, admin, kind, filename, data, code, by_pieces):
    """The pieces stay with their session, which can go on."""
    data = data()
    upload = pieces_in(admin, data) if by_pieces else None
    with Unchanged(own):
        for _ in range(2):
            document = {"name": unique("bad")}
            reply = (publish_upload(admin, kind, upload, filename.partition(".")[2], document)
                     if by_pieces else publish_reply(admin, kind, filename, data, document))
            check_refusal(reply, code)
            wait_until(lambda: not blob_path(own, data).exists(), SOON)
    whole(own)


def test_large_ones(own, admin):
    with Unchanged(own):
        check_refusal(publish_reply(admin, "workbook", "w.twb", salted(bytes(3 << 20)),
                                    {"name": unique("bad")}), 400011)


NO_LUID = "00000000-0000-4000-8000-000000000000"


def test_names_places_and_rights(own, admin):
    project = new_project(admin)
    taken = publish_workbook(admin, unique("taken"), project)["name"]
    creator, _ = admin.add_user(unique("creator"), "Creator")
    client = own.client().by_password(own.admin_name, own.admin_password, user=creator)
    with Unchanged(own):
        for who, document, code in ((admin, {"name": taken, "project": {"id": project}}, 403130),
                                    (admin, {"name": "x", "project": {"id": NO_LUID}}, 404005),
                                    (admin, {"project": {"id": project}}, 400000),
                                    (client, {"name": "x", "project": {"id": project}}, 403007)):
            check_refusal(publish_reply(who, "workbook", "w.twb", book(), document), code)
    whole(own)


def test_quota(own, admin):
    """Asked before a file is stored, and again when it is published."""
    url = unique("quota")
    admin.ok("POST", "/sites", {"site": {"name": url, "contentUrl": url, "storageQuota": "1"}}, 201)
    client = own.admin(url)
    with Unchanged(own):
        check_refusal(publish_reply(client, "workbook", "w.twb", book("x" * (2 << 20)),
                                    {"name": unique("large")}), 403008)
    files = [book(unique("half") + "x" * (700 << 10)) for _ in range(4)]
    with Unchanged(own, 1):
        replies = at_once([lambda data=data: publish_reply(
            client.twin(client.session), "workbook", "w.twb", data, {"name": unique("half")})
                           for data in files])
        assert sorted(reply.status for reply in replies) == [201, 403, 403, 403], replies
    whole(own)


def at_once(acts):
    """What each of them returns; they begin together."""
    barrier = threading.Barrier(len(acts))

    def begin_with_all(one):
        barrier.wait(20)
        return one()

    with concurrent.futures.ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(begin_with_all, one) for one in acts]]


def test_one_name_for_several(own, admin):
    """All may publish when they ask; one does, and the others are refused with their bytes
    stored."""
    project = new_project(admin)
    for _ in range(5):
        name, files = unique("one"), [book() for _ in range(4)]
        with Unchanged(own, 1):
            replies = at_once([lambda data=data: publish_reply(
                admin.twin(admin.session), "workbook", "w.twb", data,
                {"name": name, "project": {"id": project}}) for data in files])
            assert sorted(reply.status for reply in replies) == [201, 403, 403, 403], replies
        (item,) = [reply.doc["workbook"]["id"] for reply in replies if reply.status == 201]
        assert content(admin, "workbook", item).body in files


def test_validated(own, admin):
    """What is refused there is an answer that succeeds."""
    with Unchanged(own):
        assert validate(admin, salted()).status == 422
    with Unchanged(own, 1):
        assert validate(admin, book()).status == 200


def test_rows_that_do_not_fit(own, admin):
    """Appending is refused before anything is stored, or after the sum was."""
    project = new_project(admin)
    item = put_rows(admin, project, sample("superstore_denormalized"))
    with Unchanged(own):
        check_refusal(append_rows(admin, item, sample("sales_v2")), 400011)
        check_refusal(append_rows(admin, item, salted()), 400011)
    with Unchanged(own) as left:
        replies = at_once([lambda: append_rows(admin.twin(admin.session), item,
                                               sample("superstore_denormalized"))] * 3)
        assert {reply.status for reply in replies} <= {201, 403}, replies
        left.more = [reply.status for reply in replies].count(201)
        assert left.more > 0
    whole(own)


# ---------------------------------------------------------------- uploads
def test_pieces_go_with_their_publish(own, admin):
    data = book("x" * 5000)
    with Unchanged(own, 1):
        upload = pieces_in(admin, data)
        reply = publish_upload(admin, "workbook", upload, "twb", {"name": unique("pieces")})
        assert reply.status == 201, reply
    assert content(admin, "workbook", reply.doc["workbook"]["id"]).body == data


def test_one_piece_is_the_whole(own, admin):
    data = book()
    with Unchanged(own, 1):
        upload = pieces_in(admin, data, 1)
        check_refusal(publish_upload(admin, "datasource", upload, "tds", {"name": "x"}), 400011)
        reply = publish_upload(admin, "workbook", upload, "twb", {"name": unique("whole")})
        assert reply.status == 201, reply
        time.sleep(0.5)
        assert content(admin, "workbook", reply.doc["workbook"]["id"]).body == data
    whole(own)


def test_pieces_that_are_published_elsewhere(own, admin):
    """One that came to be a file of its own stays."""
    data = book()
    upload = begin(admin)
    for piece in (data, b"\n"):
        assert append(admin, upload, piece).status == 200
    item = publish_workbook(admin, data=data)["id"]
    reply = publish_upload(admin, "workbook", upload, "twb", {"name": unique("both")})
    assert reply.status == 201, reply
    wait_until(lambda: not blob_path(own, b"\n").exists(), SOON)
    assert content(admin, "workbook", item).body == data
    assert content(admin, "workbook", reply.doc["workbook"]["id"]).body == data + b"\n"
    whole(own)


def test_blocks_that_are_refused(own, admin):
    upload = begin(admin)
    with Unchanged(own, 1):
        assert append(admin, upload, salted(), number=3).status == 200
        check_refusal(append(admin, upload, salted(), number=3), 400000)
        check_refusal(append(admin, "1:0-1:0", salted()), 404015)


def test_a_custom_view_of_pieces(own, admin):
    item = publish_workbook(admin, data=book())["id"]
    data = custom_view_file(more=unique("view"))
    upload = pieces_in(admin, data, 2)
    before = stored(own)
    reply = publish_custom_view(admin, item, query=f"?uploadSessionId={upload}")
    assert reply.status == 201, reply
    wait_until(lambda: len(before - stored(own)) == 2, SOON)


def test_abandoned_uploads(engine):
    """Their pieces go with them."""
    running = Server(engine, env={**servers.RELAXED, "EASEL_UPLOAD_KEEP": "2s"})
    try:
        admin = running.admin()
        upload = pieces_in(admin, salted())
        assert len(stored(running)) == 3
        wait_until(lambda: not stored(running), 15)
        check_refusal(append(admin, upload, b"more"), 404015)
        running.stop()
    finally:
        running.discard()


PUBLISHERS = 4


@pytest.mark.parametrize("query", ["", "&asJob=true"])
@pytest.mark.parametrize("count", [1, 3])
def test_one_session_is_published_once(own, admin, query, count):
    for turn in range(6):
        data = book() if turn % 3 else salted()
        upload = pieces_in(admin, data, count)
        replies = at_once([lambda: publish_upload(
            admin.twin(admin.session), "workbook", upload, "twb", {"name": unique("once")}, query)
                           for _ in range(PUBLISHERS)])
        refused = [reply for reply in replies if reply.status not in (201, 202)]
        if turn % 3 or query:
            assert len(refused) == PUBLISHERS - 1, replies
            for reply in refused:
                check_refusal(reply, 404015)
        else:
            for reply in replies:
                check_refusal(reply, 400011)
        for reply in replies:
            if reply.status == 201:
                assert content(admin, "workbook", reply.doc["workbook"]["id"]).body == data
            elif reply.status == 202:
                assert wait(admin, reply.doc["job"]["id"])["finishCode"] == ("0" if turn % 3 else "1")
    whole(own)


# ---------------------------------------------------------------- jobs
def test_jobs_that_fail(own, admin):
    with Unchanged(own):
        data = salted()
        assert why(done(admin, job_reply(admin, "workbook", data), 1)).startswith("400011: ")
        for count in (1, 3):
            upload = pieces_in(admin, salted(), count)
            reply = publish_upload(admin, "workbook", upload, "twb", {"name": unique("job")},
                                   "&asJob=true")
            done(admin, reply, 1)


def test_jobs_that_succeed(own, admin):
    data = book("y" * 5000)
    with Unchanged(own, 1):
        upload = pieces_in(admin, data)
        name = unique("job")
        done(admin, publish_upload(admin, "workbook", upload, "twb", {"name": name}, "&asJob=true"))
    (item,) = admin.ok("GET", f"{admin.site}/workbooks?filter=name:eq:{name}"
                       ).doc["workbooks"]["workbook"]
    assert content(admin, "workbook", item["id"]).body == data
    whole(own)


def test_jobs_that_are_cancelled(engine):
    running = Server(engine, env={**servers.RELAXED, "EASEL_JOB_WORKERS": "0"})
    try:
        admin = running.admin()
        reply = job_reply(admin, "workbook", book())
        assert reply.status == 202 and len(stored(running)) == 1
        admin.ok("PUT", f"{admin.site}/jobs/{reply.doc['job']['id']}")
        wait_until(lambda: not stored(running), SOON)
        running.stop()
    finally:
        running.discard()


def test_rows_appended_by_jobs(own, admin):
    project = new_project(admin)
    item = put_rows(admin, project, target([[1, unique("one")]]))
    with Unchanged(own):
        done(admin, append_rows(admin, item, sample("sales_v2"), query="&asJob=true"), 1)
    with Unchanged(own, 1):
        more = target([[2, unique("two")]])
        done(admin, append_rows(admin, item, more, query="&asJob=true"))
    whole(own)


@pytest.mark.parametrize("count", [1, 3])
def test_payloads(own, admin, count):
    """A payload is of no use behind its job, however that ended; a request that comes again
    is answered."""
    project = new_project(admin)
    item = put_rows(admin, project, target())
    for action, code in ((act("insert"), 0), (act("insert", source="other"), 1)):
        with Unchanged(own, 1 - code):
            upload = pieces_in(admin, payload([[4, os.urandom(30).hex()]]), count)
            ended(admin, send(admin, item, [action], upload=upload), code)
    whole(own)


@pytest.mark.parametrize("count", [1, 3])
def test_a_request_that_comes_several_times(own, admin, count):
    """It is answered each time, though its upload ended with the first."""
    item = put_rows(admin, new_project(admin), target())
    for _ in range(5):
        upload = pieces_in(admin, payload([[4, os.urandom(30).hex()]]), count)
        request = unique("request")
        replies = at_once([lambda: send(admin.twin(admin.session), item, [act("insert")],
                                        upload=upload, request=request)] * 4)
        assert len({reply.doc["job"]["id"] for reply in replies}) == 1
        ended(admin, replies[0])
    whole(own)


# ---------------------------------------------------------------- the same bytes
def race(clients, server, rounds):
    """The same bytes published as what they are and as what they are not, by all at once."""
    def accepted(client, data):
        return publish_reply(client.twin(client.session), "datasource", "d.tds", data,
                             {"name": unique("race")})

    def refused(client, data):
        return publish_reply(client.twin(client.session), "workbook", "w.twb", data,
                             {"name": unique("race")})

    kept = []
    for turn in range(rounds):
        data = datasource_bytes() + f"<!-- {unique('race')} -->".encode()
        acts = [lambda act=act, client=clients[i % len(clients)]: act(client, data)
                for i, act in enumerate([refused, accepted, refused, refused, accepted][turn % 3:])]
        replies = at_once(acts)
        assert {reply.status for reply in replies} <= {201, 400}, replies
        made = [reply.doc["datasource"]["id"] for reply in replies if reply.status == 201]
        assert made
        kept.append((data, made))
    for data, made in kept:
        for item in made:
            assert content(clients[0], "datasource", item).body == data
    whole(server)


def test_others_publish_the_same(own, admin):
    race([admin], own, 40)
    with Unchanged(own, 1):
        data = datasource_bytes() + f"<!-- {unique('same')} -->".encode()
        reply = publish_reply(admin, "datasource", "d.tds", data, {"name": unique("same")})
        assert reply.status == 201
        for _ in range(3):
            check_refusal(publish_reply(admin, "workbook", "w.twb", data, {"name": "x"}), 400011)
        time.sleep(0.5)
    item = reply.doc["datasource"]["id"]
    assert content(admin, "datasource", item).body == data


def test_on_two_nodes(tmp_path):
    if not servers.POSTGRES:
        pytest.skip("EASEL_TEST_POSTGRES is not set")
    one = Server("postgres", env=servers.RELAXED)
    two = None
    try:
        key = (pathlib.Path(one.data) / "secret.key").read_text().strip()
        two = Server("postgres", data=tmp_path, repository=one.repository,
                     password=one.admin_password, options=["--blobs", f"files:{one.data}/blobs"],
                     env={**servers.RELAXED, "EASEL_SECRET_KEY": key})
        admin = one.admin()
        race([admin, Client(two.url, session=admin.session)], one, 30)
        two.stop()
        one.stop()
    finally:
        for node in (two, one):
            if node:
                node.discard()


# ---------------------------------------------------------------- else
def test_turned_off():
    """Nothing is taken away then, not even this."""
    running = Server(env={**servers.RELAXED, "EASEL_SWEEP_EVERY": "0"})
    try:
        data = salted()
        admin = running.admin()
        check_refusal(publish_reply(admin, "workbook", "w.twb", data, {"name": "bad"}), 400011)
        time.sleep(1)
        assert blob_path(running, data).exists()
        running.stop()
    finally:
        running.discard()


def test_found_again_is_left_to_a_sweep(engine):
    """Of two who store the same in vain at the same time the bytes may stay for sweep-age."""
    running = Server(engine, env=OFTEN)
    try:
        admin, data = running.admin(), salted(bytes(1 << 20))
        at_once([lambda: publish_reply(admin.twin(admin.session), "workbook", "w.twb", data,
                                       {"name": "bad"})] * 6)
        path = blob_path(running, data)
        time.sleep(0.5)
        if path.exists():
            age(path, 7200)
        wait_until(lambda: not path.exists())
        swept(running)
        running.stop()
    finally:
        running.discard()


def test_answered_last(engine):
    """A server that stops takes them along."""
    running = Server(engine, env=servers.RELAXED)
    try:
        admin, data = running.admin(), salted()
        check_refusal(publish_reply(admin, "workbook", "w.twb", data, {"name": "bad"}), 400011)
        running.stop()
        assert not blob_path(running, data).exists()
    finally:
        running.discard()
