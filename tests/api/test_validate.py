"""Validate Workbook and Upload: what would be refused is told with its place, and what
is sound becomes an upload to publish from."""

import json

import pytest

from contents import multipart, workbook_bytes
from easel_client import NEWEST, check_refusal, unique
from test_uploads import content, publish_upload

PATH = "/workbooks/validateWorkbookAndUpload"


def validate(client, data, name="Sales.twb", part="tableau_workbook", form=False, version=NEWEST):
    body, content_type = multipart([(part, name, "application/octet-stream", data)])
    if form:
        content_type = content_type.replace("mixed", "form-data")
    # JSON of its own form: by an absolute path, so that it is not held to the schema
    return client.call("POST", f"//api/{version}{client.site}{PATH}", raw=body,
                       content_type=content_type, fmt="json")



@pytest.mark.parametrize("form", [False, True])
def test_a_sound_workbook_can_be_published(org, form):
    client = org.as_role("Creator")
    data = workbook_bytes(sheets=["Ä & Ö"])
    reply = validate(client, data, form=form)
    assert reply.status == 200, reply
    answer = json.loads(reply.body)
    assert answer["timestamp"].endswith("Z") and answer["warnings"] == []
    assert "errors" not in answer
    published = publish_upload(client, "workbook", answer["uploadId"], "twb",
                               {"name": unique("validated")})
    assert published.status == 201, published
    assert content(client, "workbook", published.doc["workbook"]["id"]).body == data


@pytest.mark.parametrize("data, line, column, element, words", [
    (b"<workbook>\n <worksheets>\n  </datasources>\n</workbook>", 3, None, "worksheets", "end tag"),
    (b"<workbook>\n<preferences a='1' a='2'/></workbook>", 2, None, "workbook", "twice"),
    (b"<!DOCTYPE workbook><workbook/>", 1, None, "workbook", "document type"),
    (b"<workbook>\n\n&any;</workbook>", 3, None, "workbook", "entity"),
    (b"<datasource/>", 1, None, "workbook", "workbook"),
    (b"PK\x03\x04 something", None, None, "workbook", ""),
    (b"", None, None, "workbook", ""),
])
def test_what_is_wrong_has_its_place(org, data, line, column, element, words):
    reply = validate(org.as_role("Creator"), data)
    assert reply.status == 422, reply
    answer = json.loads(reply.body)
    assert "uploadId" not in answer
    (error,) = answer["errors"]
    assert error["severity"] == "ERROR" and error["elementName"] == element, error
    assert words in error["message"], error
    if line:
        assert error["line"] == line and error["column"] > 0, error


def test_what_is_refused_outright(org):
    client = org.as_role("Creator")
    sound = workbook_bytes()
    check_refusal(validate(client, sound, name="Sales.twbx"), 400000)
    check_refusal(validate(client, sound, name=None), 400000)
    check_refusal(validate(client, sound, part="tableau_file"), 400000)
    check_refusal(validate(org.as_role("Explorer"), sound), 403015)
    check_refusal(validate(client, sound, version="3.28"), 405000)  # /workbooks/{workbook-id}


def test_it_is_the_callers_own(org, other):
    upload = json.loads(validate(org.as_role("Creator"), workbook_bytes()).body)["uploadId"]
    for who in (org.as_role("ExplorerCanPublish"), other.as_role("Creator")):
        check_refusal(publish_upload(who, "workbook", upload, "twb", {"name": unique("theirs")}),
                      404015)


def test_scope(org):
    assert validate(org.by_jwt(scopes=["tableau:workbooks:create"]), workbook_bytes()).status == 200
    check_refusal(validate(org.by_jwt(scopes=["tableau:content:read"]), workbook_bytes()), 401002)
