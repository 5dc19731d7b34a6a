"""Labels: certifications, warnings of data quality and sensitivity on data sources and flows."""

import pytest

from published import allow, datasource_xml, flow_archive, publish
from easel_client import children, find, unique

NOBODY = "00000000-0000-0000-0000-000000000000"
BUILT_IN = {"Certified": "Certification", "Deprecated": "DataQualityWarning",
            "Stale data": "DataQualityWarning", "Under maintenance": "DataQualityWarning",
            "Warning": "DataQualityWarning", "Sensitive data": "Sensitivity"}


def put(client, project=None):
    return publish(client, "datasource", datasource_xml(unique("salt")), project=project)["id"]


@pytest.fixture(scope="module")
def flow(org):
    return publish(org.admin, "flow", flow_archive())["id"]


def listed(*ids, kind="datasource", **label):
    document = {"contentList": {"content": [{"contentType": kind, "id": id} for id in ids]}}
    if label:
        document["label"] = label
    return document


def labels(client, verb, document, query="", **options):
    doc = client.ok(verb, f"{client.site}/labels{query}", document, **options).doc
    return doc["labelList"].get("label", [])


def put_label(client, id, value, kind="datasource", **members):
    return labels(client, "PUT", listed(id, kind=kind, value=value, **members))[0]


def get(client, id, kind="datasource", query="", **options):
    return labels(client, "POST", listed(id, kind=kind), query, **options)


def values(client, id, query=""):
    return [label["value"] for label in get(client, id, query=query)]


def refused(client, code, verb, document, query="", **options):
    client.refused(code, verb, f"{client.site}/labels{query}", document, **options)


def test_shape(org, fmt):
    id = put(org.admin)
    assert get(org.admin, id, fmt=fmt) == []
    [made] = labels(org.admin, "PUT", listed(id, value="Stale data", message="old <&> news",
                                             active=True, elevated=True), fmt=fmt)
    assert {k: made[k] for k in ("contentId", "contentType", "value", "category", "message", "active",
                                 "elevated", "site", "owner", "userDisplayName")} == {
        "contentId": id, "contentType": "datasource", "value": "Stale data",
        "category": "DataQualityWarning", "message": "old <&> news", "active": True, "elevated": True,
        "site": {"id": org.site_id}, "owner": {"id": org.admin.session.user_id},
        "userDisplayName": org.server.admin_name}
    assert made["createdAt"].endswith("Z") and made["updatedAt"].endswith("Z")
    reply = org.admin.ok("GET", f"{org.admin.site}/labels/{made['id']}", fmt=fmt)
    assert reply.doc == {"label": made}
    if fmt == "xml":
        assert children(find(reply, "label")) == ["site", "owner"]
    assert get(org.admin, id, fmt=fmt) == [made]


@pytest.mark.parametrize("value", BUILT_IN)
def test_built_in(org, value):
    """Each value, in any case, with the category given or not."""
    id = put(org.admin)
    made = put_label(org.admin, id, value.upper())
    assert (made["value"], made["category"], made["message"]) == (value, BUILT_IN[value], "")
    assert (made["active"], made["elevated"]) == (True, False)
    again = put_label(org.admin, id, value, category=BUILT_IN[value].lower(), message="m")
    assert again["id"] == made["id"] and again["createdAt"] == made["createdAt"]
    assert again["message"] == "m" and get(org.admin, id) == [again]


def test_what_is_not_said_stays(org):
    id = put(org.admin)
    made = put_label(org.admin, id, "Warning", message="m", active=False, elevated=True)
    assert put_label(org.admin, id, "Warning") == {**made, "updatedAt": get(org.admin, id)[0]["updatedAt"]}
    changed = put_label(org.admin, id, "Warning", active=True)
    assert (changed["message"], changed["active"], changed["elevated"]) == ("m", True, True)
    changed = put_label(org.admin, id, "Warning", message="", elevated=False)
    assert (changed["message"], changed["active"], changed["elevated"]) == ("", True, False)


def test_flows(org, flow):
    made = put_label(org.admin, flow, "Sensitive data", kind="flow")
    assert made["contentType"] == "flow"
    assert get(org.admin, flow, kind="Flow") == [made]
    refused(org.admin, "400000", "PUT", listed(flow, kind="flow", value="Certified"))
    org.admin.ok("DELETE", f"{org.admin.site}/labels/{made['id']}", status=204)
    assert get(org.admin, flow, kind="flow") == []


def test_several(org, flow, fmt):
    """Many items and many labels, in the order asked for; categories choose."""
    one, two = put(org.admin), put(org.admin)
    made = labels(org.admin, "PUT", listed(one, two, value="Deprecated"), fmt=fmt)
    assert [label["contentId"] for label in made] == [one, two]
    put_label(org.admin, two, "Certified")
    put_label(org.admin, two, "Sensitive data")
    put_label(org.admin, two, "Warning")
    rows = labels(org.admin, "POST", listed(two, one), fmt=fmt)
    assert [(row["contentId"], row["value"]) for row in rows] == [
        (two, "Certified"), (two, "Deprecated"), (two, "Warning"), (two, "Sensitive data"),
        (one, "Deprecated")]
    assert values(org.admin, two, "?categories=DataQualityWarning") == ["Deprecated", "Warning"]
    assert values(org.admin, two, "?categories=warning") == ["Deprecated", "Warning"]
    assert values(org.admin, two, "?categories=certification,Sensitivity") == ["Certified", "Sensitive data"]
    assert values(org.admin, one, "?categories=Certification") == []
    refused(org.admin, "400000", "POST", listed(one), "?categories=Fashion", fmt=fmt)
    org.admin.ok("DELETE", f"{org.admin.site}/labels?categories=DataQualityWarning", listed(one, two),
                 status=204, fmt=fmt)
    assert values(org.admin, one) == [] and values(org.admin, two) == ["Certified", "Sensitive data"]
    org.admin.ok("DELETE", f"{org.admin.site}/labels", listed(one, two), status=204, fmt=fmt)
    assert values(org.admin, two) == []


def test_update_one(org, fmt):
    id = put(org.admin)
    made = put_label(org.admin, id, "Warning", message="m")
    path = f"{org.admin.site}/labels/{made['id']}"
    doc = org.admin.ok("PUT", path, {"label": {"value": "Deprecated", "elevated": True}}, fmt=fmt).doc["label"]
    assert (doc["id"], doc["value"], doc["message"], doc["elevated"]) == (
        made["id"], "Deprecated", "m", True)
    assert get(org.admin, id, fmt=fmt) == [doc]
    put_label(org.admin, id, "Stale data")
    for label in ({"value": "Stale data"}, {"value": "Certified"}, {"value": "Sensitive data"},
                  {"value": "Unheard of"}, {"category": "Sensitivity"}, {"active": "perhaps"},
                  {"elevated": "2"}, {"message": "x" * 8001}):
        org.admin.refused("400000", "PUT", path, {"label": label}, fmt=fmt)
    org.admin.refused("400000", "PUT", path, fmt=fmt)
    assert org.admin.ok("GET", path, fmt=fmt).doc["label"] == doc


def test_certification(org, fmt):
    """One fact with the data source's own attribute (test_label has all its ways)."""
    project, name = org.admin.add_project()["id"], unique("certified")
    id = publish(org.admin, "datasource", datasource_xml(), name, project)["id"]
    made = put_label(org.admin, id, "Certified", message="checked")

    def now():
        source = publish(org.admin, "datasource", datasource_xml(unique("s")), name, project, overwrite=True)
        assert source["id"] == id
        return source["isCertified"], source.get("certificationNote", "")

    assert now() == (True, "checked")
    path = f"{org.admin.site}/labels/{made['id']}"
    org.admin.ok("PUT", path, {"label": {"active": False}}, fmt=fmt)
    assert now() == (False, "checked")
    org.admin.ok("PUT", path, {"label": {"active": True, "message": "again"}}, fmt=fmt)
    assert now() == (True, "again")
    org.admin.ok("DELETE", path, status=204, fmt=fmt)
    assert now() == (False, "")


def test_certification_of_the_data_source(org, fmt):
    """Update Data Source makes, changes and deletes the label."""
    id = put(org.admin)

    def update(**members):
        return org.admin.ok("PUT", f"{org.admin.site}/datasources/{id}", {"datasource": members},
                            fmt=fmt).doc["datasource"]

    assert update(isCertified=True, certificationNote="good")["isCertified"] is True
    [made] = get(org.admin, id, fmt=fmt)
    assert (made["value"], made["message"], made["active"]) == ("Certified", "good", True)
    update(certificationNote="better")
    assert get(org.admin, id, fmt=fmt)[0]["message"] == "better"
    update(isCertified=False)
    assert get(org.admin, id, fmt=fmt) == []
    put_label(org.admin, id, "Certified", message="by label")
    shown = org.admin.ok("GET", f"{org.admin.site}/datasources/{id}", fmt=fmt).doc["datasource"]
    assert (shown["isCertified"], shown["certificationNote"]) == (True, "by label")


def test_all_or_nothing(org):
    """One item that is refused leaves the others as they were."""
    one, two = put(org.admin), put(org.admin)
    put_label(org.admin, two, "Warning")
    refused(org.admin, "404000", "PUT", listed(one, NOBODY, value="Deprecated"))
    refused(org.admin, "404000", "DELETE", listed(two, NOBODY))
    assert values(org.admin, one) == [] and values(org.admin, two) == ["Warning"]


@pytest.mark.parametrize("document, code", [
    (None, "400000"), ({}, "400000"), ({"contentList": {}}, "400000"),
    ({"contentList": {"content": [{"id": NOBODY}]}}, "400000"),
    ({"contentList": {"content": [{"contentType": "datasource"}]}}, "400000"),
    (listed(NOBODY, kind="workbook"), "400000"), (listed(NOBODY, kind="nonsense"), "400000"),
    (listed(*[NOBODY] * 1001), "400000"),
    (listed(NOBODY), "404000"), (listed("nonsense"), "404000"), (listed(NOBODY, kind="flow"), "404000"),
    *((listed(NOBODY, kind=kind), "404000") for kind in
      ("database", "table", "column", "virtualconnection", "virtualConnectionTable")),
])
def test_bad_lists(org, document, code, fmt):
    refused(org.admin, code, "POST", document, fmt=fmt)
    refused(org.admin, code, "DELETE", document, fmt=fmt)
    refused(org.admin, code, "PUT", {**document, "label": {"value": "Warning"}} if document else None,
            fmt=fmt)


@pytest.mark.parametrize("label", [
    {}, {"value": ""}, {"value": "Unheard of"}, {"value": "Extract refresh monitoring"},
    {"message": "alone"}, {"value": "Warning", "category": "Sensitivity"},
    {"value": "Warning", "active": "perhaps"}, {"value": "Warning", "elevated": "no"},
    {"value": "Warning", "message": "x" * 8001},
])
def test_bad_labels(org, label, fmt):
    id = put(org.admin)
    refused(org.admin, "400000", "PUT", {**listed(id), "label": label}, fmt=fmt)
    assert get(org.admin, id) == []


def test_unknown(org, other, fmt):
    foreign = put_label(other.admin, put(other.admin), "Warning")
    for id in (NOBODY, "nonsense", foreign["id"]):
        path = f"{org.admin.site}/labels/{id}"
        org.admin.refused("404000", "GET", path, fmt=fmt)
        org.admin.refused("404000", "PUT", path, {"label": {"message": "x"}}, fmt=fmt)
        org.admin.refused("404000", "DELETE", path, fmt=fmt)
    refused(org.admin, "404000", "POST", listed(foreign["contentId"]), fmt=fmt)
    assert get(other.admin, foreign["contentId"]) == [foreign]


def test_rights(org):
    """Readers read, writers warn, leaders certify; the rest do nothing."""
    project = org.admin.add_project()["id"]
    allow(org.admin, project, org.user("Creator"), "Read", "Write", content="datasources")
    allow(org.admin, project, org.user("Viewer"), "Read", content="datasources", mode="Deny")
    id = put(org.admin, project)
    made = put_label(org.admin, id, "Warning")
    path = f"{org.admin.site}/labels/{made['id']}"
    writer, reader, nobody = (org.as_role(role) for role in ("Creator", "Explorer", "Viewer"))
    for client in (writer, reader):
        assert get(client, id) == [made]
        assert client.ok("GET", path).doc["label"] == made
        refused(client, "403032", "PUT", listed(id, value="Certified"))
    for client, code in ((reader, "403032"), (nobody, "403004")):
        refused(client, code, "PUT", listed(id, value="Warning"))
        refused(client, code, "DELETE", listed(id))
        client.refused(code, "PUT", path, {"label": {"message": "x"}})
        client.refused(code, "DELETE", path)
    refused(nobody, "403004", "POST", listed(id))
    nobody.refused("403004", "GET", path)
    certified = put_label(org.admin, id, "Certified")
    changed = writer.ok("PUT", path, {"label": {"message": "mine"}}).doc["label"]
    assert changed["owner"]["id"] == org.user("Creator")
    writer.refused("403032", "DELETE", f"{writer.site}/labels/{certified['id']}")
    refused(writer, "403032", "DELETE", listed(id))
    assert values(org.admin, id) == ["Certified", "Warning"]
    writer.ok("DELETE", f"{writer.site}/labels?categories=DataQualityWarning", listed(id), status=204)
    assert values(org.admin, id) == ["Certified"]


def test_owner_who_is_gone(org):
    id, _ = org.admin.add_user(role="Creator")
    project = org.admin.add_project()["id"]
    allow(org.admin, project, id, "Read", "Write", content="datasources")
    source = put(org.admin, project)
    client = org.server.client().by_password(org.server.admin_name, org.server.admin_password,
                                             org.content_url, user=id)
    put_label(client, source, "Warning")
    org.admin.ok("DELETE", f"{org.admin.site}/users/{id}", status=204)
    [label] = get(org.admin, source)
    assert "owner" not in label and "userDisplayName" not in label


def test_versions_and_scopes(org):
    id = put(org.admin)
    made = put_label(org.admin, id, "Warning")
    path = f"/sites/{org.site_id}/labels/{made['id']}"
    org.admin.refused("404003", "GET", path, version="3.15")
    assert org.admin.ok("GET", path, version="3.16").doc["label"] == made
    for scope, allowed in (("tableau:labels:read", "read"), ("tableau:labels:update", "update"),
                           ("tableau:labels:delete", "delete"), ("tableau:labels:*", None)):
        client = org.by_jwt(scopes=[scope])
        calls = {"read": ("POST", listed(id)), "update": ("PUT", listed(id, value="Warning")),
                 "delete": ("DELETE", listed(id))}
        for name, (verb, document) in calls.items():
            if name == allowed:
                client.ok(verb, f"{client.site}/labels", document)
            else:
                refused(client, "401002", verb, document)
