"""Connected apps with direct trust: every method, every form that a version had."""

import base64
import re
import threading

import pytest

from easel_client import NEWEST, children, check_refusal, find, unique

ZERO = "00000000-0000-4000-8000-000000000000"
TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
LUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NEW, OLD = "connected-apps/direct-trust", "connected-applications"
ORDER = ["secret", "name", "enabled", "clientId", "projectIds", "projectId", "createdAt",
         "domainSafelist", "unrestrictedEmbedding"]
FORMS = [(OLD, "3.14"), (OLD, "3.16"), (NEW, "3.17"), (OLD, "3.17"), (NEW, "3.21"), (NEW, "3.22"),
         (NEW, "3.23"), (OLD, "3.23"), (NEW, NEWEST)]


@pytest.fixture(params=FORMS, ids=lambda form: f"{form[0]}@{form[1]}")
def form(request):
    return request.param


def of(reply):
    return reply.doc["connectedApplication"]


def create(client, members, path=NEW, **options):
    return client.call("POST", f"{client.site}/{path}", {"connectedApplication": members}, **options)


def get(client, client_id, path=NEW, **options):
    """The one app inside the wrapper of the list."""
    found = client.ok("GET", f"{client.site}/{path}/{client_id}", status=200, **options).doc
    assert list(found) == ["connectedApplications"]
    (app,) = found["connectedApplications"]["connectedApplication"]
    return app


def in_order(names):
    places = [ORDER.index(name) for name in names]
    assert places == sorted(places), names


# ---------------------------------------------------------------- life of an app
def test_life(org, form, fmt):
    """Create, get, list, update, secret, delete: at each version, in both formats."""
    path, version = form
    admin = org.admin.twin(org.admin.session, version=version, fmt=fmt)
    base = f"{admin.site}/{path}"
    name = unique("app")
    reply = create(admin, {"name": name}, path)
    assert reply.status == 201, reply
    app = of(reply)
    assert app["name"] == name and app["enabled"] is False
    assert app.get("unrestrictedEmbedding", False) is False
    assert re.fullmatch(LUID, app["clientId"]) and re.fullmatch(TIME, app["createdAt"])
    assert not {"secret", "projectIds", "projectId"} & set(app)
    client_id = app["clientId"]
    assert get(admin, client_id, path) == app

    secret = admin.ok("POST", f"{base}/{client_id}/secrets", status=201).doc["connectedApplicationSecret"]
    assert set(secret) == {"id", "value", "createdAt"}
    shown = admin.ok("GET", f"{base}/{client_id}/secrets/{secret['id']}",
                     status=200).doc["connectedApplicationSecret"]
    assert shown == secret
    with_secret = get(admin, client_id, path)
    assert with_secret["secret"] == [{"id": secret["id"], "createdAt": secret["createdAt"]}]

    updated = of(admin.ok("PUT", f"{base}/{client_id}", {"connectedApplication": {
        "name": name + "2", "enabled": True, "domainSafelist": "https://myco.com *.myco.com"}},
        status=200))
    assert updated["name"] == name + "2" and updated["enabled"] is True
    assert updated["domainSafelist"] == "https://myco.com *.myco.com"
    assert updated["clientId"] == client_id and updated["createdAt"] == app["createdAt"]
    assert updated["secret"] == with_secret["secret"]
    listed = admin.ok("GET", base, status=200).doc["connectedApplications"]["connectedApplication"]
    assert updated in listed

    assert admin.ok("DELETE", f"{base}/{client_id}/secrets/{secret['id']}").status == 204
    admin.refused(404042, "GET", f"{base}/{client_id}/secrets/{secret['id']}")
    assert admin.ok("DELETE", f"{base}/{client_id}").status == 204
    admin.refused(404041, "GET", f"{base}/{client_id}")
    admin.refused(404041, "DELETE", f"{base}/{client_id}")


def test_child_elements_in_the_order_of_the_reference(org):
    """Plain values are child elements, in the order of the printed examples."""
    admin = org.admin
    project = admin.add_project()["id"]
    reply = create(admin, {"name": unique("app"), "enabled": True, "domainSafelist": "https://myco.com",
                           "unrestrictedEmbedding": False, "projectIds": {"projectId": [project]}})
    element = find(reply, "connectedApplication")
    assert children(element) == ["name", "enabled", "clientId", "projectIds", "createdAt",
                                 "domainSafelist", "unrestrictedEmbedding"]
    assert not element.attrib
    client_id = of(reply)["clientId"]
    secret = admin.ok("POST", f"{admin.site}/{NEW}/{client_id}/secrets")
    assert children(find(secret, "connectedApplicationSecret")) == ["value", "id", "createdAt"]
    again = admin.ok("GET", f"{admin.site}/{NEW}/{client_id}/secrets/"
                     + secret.doc["connectedApplicationSecret"]["id"])
    assert children(find(again, "connectedApplicationSecret")) == ["value", "id", "createdAt"]
    for reply, where in (
            (admin.ok("GET", f"{admin.site}/{NEW}/{client_id}"),
             "connectedApplications/connectedApplication"),
            (admin.ok("PUT", f"{admin.site}/{NEW}/{client_id}",
                      {"connectedApplication": {"enabled": True}}), "connectedApplication")):
        assert children(find(reply, where)) == ["secret", *children(element)]
        assert children(find(reply, where + "/secret")) == ["id", "createdAt"]
        assert not find(reply, where).attrib
    for app in find(admin.ok("GET", f"{admin.site}/{NEW}"), "connectedApplications"):
        in_order(children(app))


def test_list_is_not_paged(org, fmt):
    doc = org.admin.ok("GET", f"{org.admin.site}/{NEW}", fmt=fmt).doc
    assert list(doc) == ["connectedApplications"]


def test_an_empty_list(other, fmt):
    admin = other.admin
    admin.ok("DELETE", admin.app_path(other.app))
    try:
        assert admin.ok("GET", f"{admin.site}/{NEW}", fmt=fmt).doc == {"connectedApplications": {}}
    finally:
        other.app = admin.make_signing_app()


def test_json_kinds(org):
    admin = org.admin.twin(org.admin.session, fmt="json")
    project = admin.add_project()["id"]
    reply = create(admin, {"name": unique("app"), "enabled": "true", "unrestrictedEmbedding": True,
                           "projectIds": {"projectId": [project]}})
    app = reply.json["connectedApplication"]
    assert app["enabled"] is True and app["unrestrictedEmbedding"] is True
    assert app["projectIds"] == {"projectId": [project]}
    secret = admin.ok("POST", f"{admin.site}/{NEW}/{app['clientId']}/secrets")
    assert set(secret.json) == {"connectedApplicationSecret"}
    got = admin.ok("GET", f"{admin.site}/{NEW}/{app['clientId']}").json
    assert isinstance(got["connectedApplications"]["connectedApplication"], list)
    assert isinstance(got["connectedApplications"]["connectedApplication"][0]["secret"], list)


def test_xml_and_json_say_the_same(org):
    admin = org.admin
    for path in (NEW, f"{NEW}/{org.app.client_id}", f"{NEW}/{org.app.client_id}/secrets/{org.app.keys[0].id}"):
        assert (admin.ok("GET", f"{admin.site}/{path}", fmt="xml").doc
                == admin.ok("GET", f"{admin.site}/{path}", fmt="json").doc)


# ---------------------------------------------------------------- access level
def test_several_projects_from_3_23(org, fmt):
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    ids = [admin.add_project()["id"] for _ in range(3)]
    app = of(create(admin, {"name": unique("app"), "projectIds": {"projectId": ids}}))
    assert app["projectIds"]["projectId"] == ids
    for version in ("3.23", NEWEST):
        assert get(admin, app["clientId"], version=version)["projectIds"]["projectId"] == ids
    for version in ("3.17", "3.22"):
        old = get(admin, app["clientId"], version=version)
        assert old["projectId"] == ids[0] and "projectIds" not in old
    for path, version in ((OLD, "3.14"), (OLD, "3.22")):
        old = get(admin, app["clientId"], path, version=version)
        assert old["projectId"] == ids[0] and "projectIds" not in old


def test_one_project_by_attribute(org, form, fmt):
    """The older request form is accepted by every version."""
    path, version = form
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    one, two = (admin.add_project()["id"] for _ in range(2))
    reply = create(admin, {"name": unique("app"), "projectId": one}, path, version=version)
    assert reply.status == 201, reply
    recent = version in ("3.23", NEWEST)
    client_id = of(reply)["clientId"]

    def shown(app):
        return app["projectIds"]["projectId"] if recent else [app["projectId"]]

    assert shown(of(reply)) == [one]
    changed = admin.ok("PUT", f"{admin.site}/{path}/{client_id}",
                       {"connectedApplication": {"projectId": two}}, version=version)
    assert shown(of(changed)) == [two]
    assert get(admin, client_id)["projectIds"]["projectId"] == [two]


def test_projects_of_another_site_or_none(org, other, fmt):
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    foreign = other.admin.add_project()["id"]
    for bad in (foreign, ZERO, "x", ""):
        for members in ({"projectIds": {"projectId": [bad]}}, {"projectId": bad}):
            if members == {"projectId": ""}:
                continue
            reply = create(admin, {"name": unique("app"), **members})
            assert reply.code in ("400000", "400143", "404005"), (members, reply)
            check_refusal(reply, reply.code)


def test_update_to_other_projects_and_to_all(org):
    admin = org.admin
    one, two = (admin.add_project()["id"] for _ in range(2))
    app = of(create(admin, {"name": unique("app"), "projectIds": {"projectId": [one]}}))
    base = f"{admin.site}/{NEW}/{app['clientId']}"
    kept = of(admin.ok("PUT", base, {"connectedApplication": {"enabled": True}}))
    assert kept["projectIds"]["projectId"] == [one]
    moved = of(admin.ok("PUT", base, {"connectedApplication": {"projectIds": {"projectId": [two, one]}}}))
    assert moved["projectIds"]["projectId"] == [two, one]


def test_a_deleted_project_leaves_the_access_level(org):
    """The app goes on and never comes to hold all projects by it."""
    admin = org.admin
    one, two = (admin.add_project()["id"] for _ in range(2))
    app = of(create(admin, {"name": unique("app"), "projectIds": {"projectId": [one, two]}}))
    admin.ok("DELETE", f"{admin.site}/projects/{one}")
    assert two in get(admin, app["clientId"])["projectIds"]["projectId"]
    admin.ok("GET", f"{admin.site}/{NEW}")


# ---------------------------------------------------------------- values
@pytest.mark.parametrize("value,expected", [("true", True), ("false", False), ("TRUE", True),
                                            ("False", False), ("1", True), ("0", False)])
def test_booleans_in_requests(org, fmt, value, expected):
    for member in ("enabled", "unrestrictedEmbedding"):
        app = of(create(org.admin, {"name": unique("app"), member: value}, fmt=fmt))
        assert app[member] is expected


def test_values_that_are_none(org, fmt):
    for members in ({"enabled": "yes"}, {"enabled": "2"}, {"unrestrictedEmbedding": "maybe"},
                    {"enabled": ""}):
        reply = create(org.admin, {"name": unique("app"), **members}, fmt=fmt)
        assert reply.code in ("400000", "400143"), (members, reply)


@pytest.mark.parametrize("text", [
    "https://myco.com", "https://myco.com http://other.org:8080", "*.myco.com", "https://*.myco.com:*",
    "myco.com", "localhost:3000", "https://[::1]:8443", "10.0.0.1", "  https://a.com   b.com  "])
def test_domains(org, fmt, text):
    app = of(create(org.admin, {"name": unique("app"), "domainSafelist": text}, fmt=fmt))
    assert app["domainSafelist"].split() == text.split()


@pytest.mark.parametrize("text", [
    "https://myco.com/path", "https://user@myco.com", "ftp://myco.com", "my co!.com", "a.*.com", "https://",
    "https://myco.com:99999", "https://myco.com?x=1", "javascript:alert(1)", "<script>", "a;b.com",
    "x'; script-src *", "https://a.com\u00a0b"])
def test_domains_that_are_none(org, fmt, text):
    reply = create(org.admin, {"name": unique("app"), "domainSafelist": text}, fmt=fmt)
    assert reply.code in ("400000", "400143"), reply
    app = org.admin.make_app()
    update = org.admin.call("PUT", org.admin.app_path(app),
                            {"connectedApplication": {"domainSafelist": text}}, fmt=fmt)
    assert update.code == reply.code


def test_names_of_all_scripts(org, fmt):
    for name in ("\u00fcml\u00e4ut", "\u65e5\u672c\u8a9e", "a & b < c > \" ' d", "\U0001f9d1\u200d\U0001f680",
                 "tab\tinside", "x" * 200):
        name = unique("n") + name
        app = of(create(org.admin, {"name": name}, fmt=fmt))
        if "\t" not in name or fmt == "json":
            assert app["name"] == name
        assert get(org.admin, app["clientId"], fmt="json")["name"] == app["name"]


def test_values_as_child_elements(org):
    """The form of the answers is taken in requests too."""
    name = unique("app")
    body = (f"<tsRequest><connectedApplication><name>{name}</name><enabled>true</enabled>"
            "</connectedApplication></tsRequest>").encode()
    app = of(org.admin.ok("POST", f"{org.admin.site}/{NEW}", raw=body, status=201))
    assert app["name"] == name and app["enabled"] is True


def test_update_leaves_what_is_not_named(org, fmt):
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    app = of(create(admin, {"name": unique("app"), "enabled": True, "unrestrictedEmbedding": True,
                            "domainSafelist": "https://myco.com"}))
    base = f"{admin.site}/{NEW}/{app['clientId']}"
    for members in ({"domainSafelist": "https://b.com"}, {"enabled": False}, {"name": unique("app")},
                    {"unrestrictedEmbedding": False}, {}):
        app = {**app, **members}
        assert of(admin.ok("PUT", base, {"connectedApplication": members})) == app
    assert get(admin, app["clientId"]) == app


# ---------------------------------------------------------------- refusals
def test_name_is_required(org, fmt):
    for members in ({}, {"enabled": True}, {"name": ""}):
        check_refusal(create(org.admin, members, fmt=fmt), 400000)


def test_bodies(org, fmt):
    admin = org.admin
    app = f"{admin.site}/{NEW}/{org.app.client_id}"
    broken = ([b"<", b"<tsRequest/>", b"<x/>", b"<tsRequest><connectedApplication name='x'>",
               b"<tsRequest><project name='x'/></tsRequest>",
               b"<tsRequest><connectedApplication name='x'><connectedApplication /></tsRequest>"]
              if fmt == "xml" else
              [b"{", b"{}", b"[]", b'{"connectedApplication":[]}', b'{"connectedApplication":"x"}',
               b'{"project":{"name":"x"}}', b'{"connectedApplication":{"name":{}}}'])
    for verb, path in (("POST", f"{admin.site}/{NEW}"), ("PUT", app)):
        for raw in broken:
            admin.refused(400000, verb, path, raw=raw, fmt=fmt)
        admin.refused(400109, verb, path, raw=b"", fmt=fmt)
        admin.refused(400109, verb, path, fmt=fmt)


METHODS = [("GET", ""), ("POST", ""), ("GET", "/{app}"), ("PUT", "/{app}"), ("DELETE", "/{app}"),
           ("POST", "/{app}/secrets"), ("GET", "/{app}/secrets/{secret}"),
           ("DELETE", "/{app}/secrets/{secret}")]


def doc_for(verb, path):
    wants = (verb == "POST" and not path) or verb == "PUT"
    return {"connectedApplication": {"name": unique("app")}} if wants else None


@pytest.mark.parametrize("verb,path", METHODS)
def test_who_may(org, fmt, verb, path):
    """Administrators of the site may; others 403000; sessions by JWT never: 401002."""
    shown = path.format(app=org.app.client_id, secret=org.app.keys[0].id)
    for base, version in ((NEW, NEWEST), (OLD, "3.14")):
        for role in ("Creator", "ExplorerCanPublish", "Explorer", "Viewer"):
            client = org.as_role(role)
            client.refused(403000, verb, f"{client.site}/{base}{shown}", doc_for(verb, path), fmt=fmt,
                           version=version)
        for role in ("SiteAdministratorCreator", "SiteAdministratorExplorer"):
            client = org.as_role(role)
            unknown = path.format(app=ZERO, secret=ZERO)
            reply = client.call(verb, f"{client.site}/{base}{unknown}", doc_for(verb, path), fmt=fmt,
                                version=version)
            assert reply.code in (None, "404041"), reply
        jwt = org.by_jwt("SiteAdministratorCreator", ["tableau:content:read", "tableau:sites:*",
                                                      "tableau:users:*", "tableau:projects:*"])
        jwt.refused(401002, verb, f"{jwt.site}/{base}{shown}", doc_for(verb, path), fmt=fmt,
                    version=version)
        org.server.client().refused(401000, verb, f"/sites/{org.site_id}/{base}{shown}",
                                    doc_for(verb, path), fmt=fmt, version=version)


@pytest.mark.parametrize("verb,path", METHODS[2:])
def test_apps_that_are_not_there(org, other, fmt, verb, path):
    """404041 for an unknown app, one of another site, or a malformed id; 404042 for
    an unknown secret or that of another app."""
    admin = org.admin
    for app in (ZERO, other.app.client_id, "x", "%27%20OR%201=1--", "..%2f..%2fetc", "%00"):
        shown = path.format(app=app, secret=other.app.keys[0].id)
        reply = admin.call(verb, f"{admin.site}/{NEW}{shown}", doc_for(verb, path), fmt=fmt)
        if app == "%00":
            assert reply.code in ("400000", "404003", "404041"), reply
        else:
            check_refusal(reply, 404041)
    if "{secret}" in path:
        second = admin.make_signing_app()
        for secret in (ZERO, other.app.keys[0].id, second.keys[0].id, "x"):
            shown = path.format(app=org.app.client_id, secret=secret)
            admin.refused(404042, verb, f"{admin.site}/{NEW}{shown}", fmt=fmt)
    assert get(other.admin, other.app.client_id)["clientId"] == other.app.client_id


@pytest.mark.parametrize("verb,path", METHODS)
def test_unknown_site(org, fmt, verb, path):
    shown = path.format(app=org.app.client_id, secret=org.app.keys[0].id)
    org.admin.refused(404000, verb, f"/sites/{ZERO}/{NEW}{shown}", doc_for(verb, path), fmt=fmt)


# ---------------------------------------------------------------- secrets
def test_secret_value(org):
    """32 random bytes in 44 characters of standard base64, other each time."""
    values = set()
    for _ in range(4):
        app = org.admin.make_app()
        for _ in range(2):
            key = org.admin.make_secret(app)
            assert len(key.value) == 44 and len(base64.b64decode(key.value, validate=True)) == 32
            assert re.fullmatch(LUID, key.id)
            values.add(key.value)
    assert len(values) == 8


def test_secret_is_shown_again(org, fmt):
    key = org.app.keys[0]
    for _ in range(2):
        shown = org.admin.ok("GET", org.admin.app_path(org.app, "secrets", key.id),
                             fmt=fmt).doc["connectedApplicationSecret"]
        assert (shown["id"], shown["value"]) == (key.id, key.value)
    assert key.value.encode() not in org.admin.ok("GET", f"{org.admin.site}/{NEW}", fmt=fmt).body
    assert key.value.encode() not in org.admin.ok("GET", org.admin.app_path(org.app), fmt=fmt).body


def test_two_secrets_at_most(org, fmt):
    admin = org.admin.twin(org.admin.session, fmt=fmt)
    app = admin.make_app()
    keys = [admin.make_secret(app) for _ in range(2)]
    admin.refused(400144, "POST", admin.app_path(app, "secrets"))
    shown = get(admin, app.client_id)["secret"]
    assert [secret["id"] for secret in shown] == [key.id for key in keys]
    admin.ok("DELETE", admin.app_path(app, "secrets", keys[0].id))
    admin.make_secret(app)
    admin.refused(400144, "POST", admin.app_path(app, "secrets"))


def test_two_secrets_at_most_at_once(org):
    """Twelve requests at the same moment: two secrets, ten refusals."""
    app = org.admin.make_app()
    codes, gate = [], threading.Barrier(12)

    def one():
        client = org.admin.twin(org.admin.session)
        gate.wait()
        codes.append(client.call("POST", client.app_path(app, "secrets")).code)

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes, key=str) == ["400144"] * 10 + [None] * 2
    assert len(get(org.admin, app.client_id)["secret"]) == 2


def test_secret_with_a_body_in_the_request(org):
    """None is expected; one that is sent does no harm."""
    app = org.admin.make_app()
    reply = org.admin.call("POST", org.admin.app_path(app, "secrets"), raw=b"<tsRequest/>")
    assert reply.status == 201


# ---------------------------------------------------------------- effects on sessions
def sessions(org, app):
    """Two sessions from each key of an app, and what each key is called."""
    clients = {}
    for index, key in enumerate(app.keys):
        jwt = app.jwt(org.name("Creator"), header={"kid": key.id}, key=key.value)
        clients[index] = org.server.client().by_jwt(jwt, org.content_url)
        clients[index].ok("GET", f"{clients[index].site}/projects")
    return clients


def two_keys(org):
    app = org.admin.make_signing_app()
    app.keys.append(org.admin.make_secret(app))
    return app


def test_both_secrets_sign_in_and_deleting_one_ends_its_sessions(org):
    app = two_keys(org)
    clients = sessions(org, app)
    org.admin.ok("DELETE", org.admin.app_path(app, "secrets", app.keys[0].id))
    clients[0].refused(401002, "GET", "/sessions/current")
    clients[1].ok("GET", "/sessions/current")
    reply = org.jwt_reply(app.jwt(org.name("Creator")))
    check_refusal(reply, 401001)
    assert reply.detail.endswith("(10085)")


def test_deleting_an_app_ends_its_sessions(org):
    app, bystander = two_keys(org), org.by_jwt("Creator")
    clients = sessions(org, app)
    org.admin.ok("DELETE", org.admin.app_path(app))
    for client in clients.values():
        client.refused(401002, "GET", "/sessions/current")
    bystander.ok("GET", "/sessions/current")
    assert org.jwt_reply(app.jwt(org.name("Creator"))).detail.endswith("(10085)")


def test_disabling_an_app_ends_its_sessions(org):
    app = two_keys(org)
    clients = sessions(org, app)
    base = org.admin.app_path(app)
    org.admin.ok("PUT", base, {"connectedApplication": {"enabled": False}})
    for client in clients.values():
        client.refused(401002, "GET", "/sessions/current")
    assert org.jwt_reply(app.jwt(org.name("Creator"))).detail.endswith("(10085)")
    org.admin.ok("PUT", base, {"connectedApplication": {"enabled": True}})
    for client in clients.values():
        client.refused(401002, "GET", "/sessions/current")
    assert org.jwt_reply(app.jwt(org.name("Creator"))).status == 200


def test_renaming_an_app_ends_nothing(org):
    app = two_keys(org)
    clients = sessions(org, app)
    org.admin.ok("PUT", org.admin.app_path(app), {"connectedApplication": {"name": unique("app")}})
    for client in clients.values():
        client.ok("GET", "/sessions/current")


def test_an_app_of_another_site_opens_nothing(org, other):
    """Same user name on both sites; the app is of one."""
    name = unique("both")
    org.admin.add_user(name, "Creator")
    other.admin.add_user(name, "Creator")
    jwt = org.app.jwt(name)
    reply = other.jwt_reply(jwt)
    check_refusal(reply, 401001)
    assert reply.detail.endswith("(10085)")
    assert org.jwt_reply(jwt).status == 200
