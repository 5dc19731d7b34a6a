"""Imports and deletions of users by CSV, as clients send them, and waiting for jobs."""

import csv
import io
import time
import uuid

from easel_client import to_xml

COLUMNS = ("name", "password", "full_name", "level", "admin", "publishes", "email")


def multipart(parts, boundary=None, kind="multipart/mixed"):
    """Body and Content-Type of parts (name, filename, type, bytes), as TSC builds them."""
    boundary = boundary or uuid.uuid4().hex
    body = b""
    for name, filename, content_type, data in parts:
        body += (f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; '
                 f'filename="{filename}"\r\nContent-Type: {content_type}\r\n\r\n').encode()
        body += data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"{kind}; boundary={boundary}"


def csv_bytes(rows):
    """Rows (tuples, or dicts by COLUMNS) as Python's csv writes them."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([row.get(name, "") for name in COLUMNS] if isinstance(row, dict) else row)
    return out.getvalue().encode()


def post(client, path, parts, **options):
    body, content_type = multipart(parts)
    return client.call("POST", f"{client.site}{path}", raw=body, content_type=content_type,
                       **options)


def send_import(client, data, users=({},), **options):
    """Import Users to Site from CSV; data: bytes, or rows."""
    if not isinstance(data, bytes):
        data = csv_bytes(data)
    return post(client, "/users/import", [
        ("tableau_user_import", "users.csv", "file", data),
        ("request_payload", "", "text/xml", to_xml({"user": list(users)}))], **options)


def send_delete(client, data, **options):
    if not isinstance(data, bytes):
        data = csv_bytes([(name, None, None, None, None, None, None) for name in data])
    return post(client, "/users/delete",
                [("tableau_user_delete", "users.csv", "file", data)], **options)


def wait(client, job_id, seconds=180):
    """As TSC's wait_for_job: until completedAt is there."""
    limit = time.monotonic() + seconds
    while True:
        job = client.ok("GET", f"{client.site}/jobs/{job_id}").doc["job"]
        if "completedAt" in job:
            return job
        assert "finishCode" not in job, job
        assert time.monotonic() < limit, job
        time.sleep(0.02)


def ended(client, reply, finish_code):
    """The job of an answer, when it has ended, with that code."""
    assert reply.status == 200, reply
    job = wait(client, reply.doc["job"]["id"])
    assert job["finishCode"] == str(finish_code), job
    assert job["progress"] == "100"
    return job


def notes(job):
    """(type, value, text) of a job."""
    return [(note["type"], note.get("value"), note.get("text"))
            for note in job["statusNotes"]["statusNote"]]


def counts(job):
    return {kind: int(value) for kind, value, _ in notes(job) if value is not None}


def texts(job):
    return [text for _, value, text in notes(job) if value is None]


def users(client):
    """All users of the site by name."""
    found, page = {}, 1
    while True:
        reply = client.ok("GET", f"{client.site}/users?pageSize=1000&pageNumber={page}&fields=_all_")
        for user in reply.doc["users"].get("user", []):
            found[user["name"]] = user
        if page * 1000 >= int(reply.doc["pagination"]["totalAvailable"]):
            return found
        page += 1
