"""`easel fsck`: blobs and rows held against each other, beside a running server."""

import hashlib
import os
import pathlib
import re
import time

import pytest

import servers
from contents import multipart
from published import publish, workbook_xml
from easel_client import unique
from servers import Server, run

DAY = 86400


@pytest.fixture(scope="module")
def own(engine):
    running = Server(engine, env=servers.RELAXED)
    try:
        yield running
    except BaseException:
        running.discard()
        raise
    running.stop()


@pytest.fixture(scope="module")
def admin(own):
    return own.admin()


def blob_path(server, data):
    digest = hashlib.sha256(data).hexdigest()
    return pathlib.Path(server.data, "blobs", digest[:2], digest[2:])


def age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


def plant(server, data, seconds=2 * DAY):
    """A blob that no row names, stored so long ago."""
    path = blob_path(server, data)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    age(path, seconds)
    return path


def fsck(server, *options, code=0):
    """The lines, and the counts of the summary by their words."""
    done = run("fsck", *server.store_options(), *options, check=code)
    lines = done.stdout.splitlines()
    summary = next(line for line in lines if " named by rows: " in line)
    counts = {words: int(number) for number, words in re.findall(
        r"(\d+) (blobs|named|missing|damaged|unreferenced|too young)", summary)}
    return lines, counts


def put(client, *texts):
    """A workbook whose revisions have these salts; its element."""
    name, project = unique("book"), client.add_project()["id"]
    for i, text in enumerate(texts):
        item = publish(client, "workbook", workbook_xml(salt=text), name, project, overwrite=i > 0)
    return item


def test_whole(own, admin):
    before = fsck(own)[1]
    a, b = unique("a"), unique("b")
    put(admin, a, b, a)
    put(admin, a)  # the same bytes are one blob
    lines, counts = fsck(own)
    assert counts["blobs"] == before["blobs"] + 2 and counts["named"] == before["named"] + 2
    assert counts["missing"] == counts["damaged"] == counts["unreferenced"] == 0
    assert len(lines) == 1
    assert fsck(own, "--deep")[1] == counts


def test_missing(own, admin):
    text = unique("lost")
    item = put(admin, unique("first"), text)
    other = put(admin, text)
    path = blob_path(own, workbook_xml(salt=text))
    path.rename(f"{path}.aside")
    lines, counts = fsck(own, code=1)
    os.rename(f"{path}.aside", path)
    assert counts["missing"] == 1 and counts["damaged"] == 0
    at = lines.index(f"missing {path.parent.name}{path.name}")
    assert lines[at + 1] == f"    revision 2 of the workbook '{item['name']}' ({item['id']}) on the site ''"
    assert lines[at + 2] == f"    revision 1 of the workbook '{other['name']}' ({other['id']}) on the site ''"
    assert fsck(own)[1]["missing"] == 0


@pytest.mark.parametrize("deep", [False, True])
def test_damaged(own, admin, deep):
    """A changed byte is found by reading all, a changed size at once; each is told once."""
    whole = workbook_xml(salt=unique("bent"))
    item = publish(admin, "workbook", whole)
    path = blob_path(own, whole)
    options = ["--deep"] if deep else []
    for bent, found in ((whole[:-1] + b"?", deep), (whole[:-1], True), (b"", True)):
        path.write_bytes(bent)
        lines, counts = fsck(own, *options, code=1 if found else 0)
        assert counts["damaged"] == (1 if found else 0) and counts["missing"] == 0
        told = [i for i, line in enumerate(lines) if line.startswith("damaged ")]
        assert len(told) == counts["damaged"]
        for i in told:
            assert lines[i].startswith(f"damaged {path.parent.name}{path.name}: ")
            assert item["id"] in lines[i + 1]
    path.write_bytes(whole)
    assert fsck(own, "--deep")[1]["damaged"] == 0


def test_unreferenced(own, admin):
    """What no row names is told and, where asked for, deleted; what is young is left."""
    data = unique("old").encode()
    old = plant(own, data)
    young = plant(own, unique("young").encode(), 60)
    kept = workbook_xml(salt=unique("kept"))
    publish(admin, "workbook", kept)
    age(blob_path(own, kept), 30 * DAY)
    lines, counts = fsck(own)
    assert counts["unreferenced"] == 1 and counts["too young"] >= 1
    assert [line for line in lines if line.startswith(f"unreferenced {old.parent.name}{old.name}: ")]
    assert old.exists()
    lines, counts = fsck(own, "--delete-unreferenced")
    assert lines[-1] == f"1 deleted, {len(data)} bytes"
    assert not old.exists() and young.exists() and blob_path(own, kept).exists()
    assert fsck(own)[1]["unreferenced"] == 0
    counts = fsck(own, "--older-than", "30s", "--delete-unreferenced")[1]
    assert counts["unreferenced"] >= 1 and not young.exists()
    assert blob_path(own, kept).exists()


def test_removed_revisions_leave_blobs(own, admin):
    """Until no revision has the bytes any more they are named."""
    text = unique("twice")
    item = put(admin, text, unique("last"))
    other = put(admin, text, unique("last"))
    path = blob_path(own, workbook_xml(salt=text))
    age(path, 2 * DAY)
    for one, there in ((item, True), (other, False)):
        admin.ok("DELETE", f"{admin.site}/workbooks/{one['id']}/revisions/1", status=204)
        fsck(own, "--delete-unreferenced")
        assert path.exists() == there


def test_uploads_are_named(own, admin):
    """Pieces of an upload under way are no leftovers."""
    upload = admin.ok("POST", f"{admin.site}/fileUploads", status=201).doc["fileUpload"]["uploadSessionId"]
    data = unique("piece").encode()
    body, kind = multipart([("request_payload", None, "text/xml", b""),
                            ("tableau_file", "file", "application/octet-stream", data)])
    admin.ok("PUT", f"{admin.site}/fileUploads/{upload}", raw=body, content_type=kind)
    path = blob_path(own, data)
    age(path, 2 * DAY)
    assert fsck(own, "--delete-unreferenced")[1]["unreferenced"] == 0
    path.rename(f"{path}.aside")
    lines, counts = fsck(own, code=1)
    os.rename(f"{path}.aside", path)
    assert counts["missing"] == 1
    assert f"    piece 0 of the upload {upload} on the site ''" in lines


def test_names_cannot_make_lines(own, admin):
    whole = workbook_xml(salt=unique("line"))
    item = publish(admin, "workbook", whole, f"two\nlines {unique('n')}")
    path = blob_path(own, whole)
    path.rename(f"{path}.aside")
    lines, _ = fsck(own, code=1)
    os.rename(f"{path}.aside", path)
    told = [line for line in lines if item["id"] in line]
    assert len(told) == 1 and "two?lines" in told[0]


def test_what_cannot_be_checked(own, tmp_path):
    """Exit code 1 and a sentence, and no summary that could be mistaken for health."""
    done = run("fsck", "--data", tmp_path / "nothing", check=1)
    assert done.stderr.startswith("easel fsck: ") and not done.stdout
    done = run("fsck", *own.store_options(), "--blobs", "nonsense:x", check=1)
    assert done.stderr.startswith("easel fsck: ") and not done.stdout
    done = run("fsck", *own.store_options(), "--older-than", "yesterday", check=2)
    assert "yesterday" in done.stderr and not done.stdout
