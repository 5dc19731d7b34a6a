"""Users: changed and removed, by whom, with what goes along; how they are listed; and the
very requests that Tableau's Python client sends."""

import re
import threading
from urllib.parse import quote

import pytest
from lxml import etree

import servers
from easel_client import check_refusal, find, unique
from orgs import ROLES, Org
from schema import NS

ZERO = "00000000-0000-4000-8000-000000000000"


def path_of(client, user_id):
    return f"{client.site}/users/{user_id}"


def update(client, user_id, fmt=None, **members):
    return client.call("PUT", path_of(client, user_id), {"user": members}, fmt=fmt)


def shown(client, user_id, fmt=None):
    return client.ok("GET", path_of(client, user_id), fmt=fmt).doc["user"]


def listed(client, query="", fmt=None):
    doc = client.ok("GET", f"{client.site}/users?pageSize=1000&{query}", fmt=fmt).doc
    users = doc["users"].get("user", [])
    assert int(doc["pagination"]["totalAvailable"]) == len(users)
    return users


def pat_of(server, user, site):
    """A personal access token made by the command, as (name, secret)."""
    name = unique("pat")
    done = servers.run("token", *server.store_options(), "--user", user, "--site", site, "--name",
                       name, check=0)
    return name, re.findall(r"[A-Za-z0-9_+/=:-]{20,}", done.stdout)[-1]


@pytest.fixture()
def chief(org):
    return org.as_role("SiteAdministratorCreator")


# ---------------------------------------------------------------- changing
def test_update_user(org, chief, fmt):
    user_id, name = org.admin.add_user(role="Viewer")
    reply = update(chief, user_id, fmt, fullName="Ann Example", email="ann@example.com",
                   siteRole="Explorer", authSetting="SAML", language="de", locale="de_CH")
    assert reply.status == 200, reply
    user = reply.doc["user"]
    wanted = {"id": user_id, "name": name, "fullName": "Ann Example", "email": "ann@example.com",
              "siteRole": "Explorer", "authSetting": "SAML", "language": "de", "locale": "de_CH",
              "externalAuthUserId": "", "domain": {"name": "local"}}
    assert user == wanted
    assert shown(chief, user_id, fmt) == wanted
    assert update(chief, user_id, fmt, authSetting="ServerDefault").doc["user"] == {
        **wanted, "authSetting": "ServerDefault"}  # absent: no change
    emptied = update(chief, user_id, fmt, fullName="", email="").doc["user"]
    assert emptied["fullName"] == name and "email" not in emptied


def test_rename(org, chief, fmt):
    user_id, name = org.admin.add_user()
    new = unique("Renamed")
    assert update(chief, user_id, fmt, name=new).doc["user"]["name"] == new
    assert [user["id"] for user in listed(chief, f"filter=name:eq:{new}")] == [user_id]
    assert listed(chief, f"filter=name:eq:{name}") == []
    check_refusal(update(chief, user_id, fmt, name=org.name("Viewer").upper()), 409000)
    check_refusal(org.jwt_reply(org.app.jwt(name)), 401001)
    assert org.jwt_reply(org.app.jwt(new)).status == 200


@pytest.mark.parametrize("members,code", [
    ({"siteRole": "King"}, 400013), ({"siteRole": ""}, 400013), ({"siteRole": "viewer"}, 400013),
    ({"siteRole": "Guest"}, 400013), ({"siteRole": "SupportUser"}, 400013),
    ({"siteRole": "ServerAdministrator"}, 403004),
    ({"authSetting": "Magic"}, 400003), ({"authSetting": ""}, 400003),
    ({"email": "nobody"}, 400000), ({"email": "a@b@c"}, 400000), ({"email": "a b@example.com"}, 400000),
    ({"email": "a@" + "x" * 400}, 400000),
    ({"fullName": "\u00e9" * 256}, 400000), ({"name": ""}, 400000), ({"name": "n" * 256}, 400000),
    ({"name": "guest"}, 403009), ({"name": "corp\\somebody"}, 404002),
    ({"password": ""}, 400000), ({"password": "x" * 1025}, 400000),
    ({"language": "en; DROP TABLE site_user"}, 400000), ({"locale": "x" * 33}, 400000),
    ({"fullName": "New", "siteRole": "King"}, 400013),
])
def test_updates_that_cannot_be(org, chief, fmt, members, code):
    before = shown(chief, org.user("Explorer"))
    check_refusal(update(chief, org.user("Explorer"), fmt, **members), code)
    assert shown(chief, org.user("Explorer")) == before


def test_bodies(org, chief, fmt):
    for body in ([b"", b"<", b"<tsRequest/>", b"<tsRequest><site name='x'/></tsRequest>"] if fmt == "xml"
                 else [b"", b"{", b"{}", b"[]", b'{"wrong":{}}', b'{"user":[]}', b'{"user":"x"}']):
        chief.refused(400000, "PUT", path_of(chief, org.user("Viewer")), raw=body, fmt=fmt)


def test_users_that_are_not_there(org, other, chief, fmt):
    for user in (ZERO, other.user("Viewer"), "x", "%27"):
        check_refusal(update(chief, user, fmt, fullName="X"), 404002)
        chief.refused(404002, "DELETE", path_of(chief, user), fmt=fmt)


def test_who_may_update_and_remove(org, fmt):
    target, _ = org.admin.add_user()
    for role in ("Creator", "ExplorerCanPublish", "Explorer", "Viewer"):
        client = org.as_role(role)
        check_refusal(update(client, target, fmt, fullName="X"), 403004)
        check_refusal(update(client, org.user(role), fmt, fullName="Me"), 403004)
        client.refused(403004, "DELETE", path_of(client, target), fmt=fmt)
    for role in ("SiteAdministratorExplorer", "SiteAdministratorCreator"):
        assert update(org.as_role(role), target, fmt, fullName=role).status == 200


@pytest.mark.parametrize("scope,code", [("tableau:users:update", None), ("tableau:users:*", None),
                                        ("tableau:users:read", 401002),
                                        ("tableau:users:delete", 401002)])
def test_scope_of_update(org, fmt, scope, code):
    client = org.by_jwt(scopes=[scope])
    reply = update(client, org.user("Viewer"), fmt, fullName="Scoped")
    check_refusal(reply, code) if code else reply.doc["user"]


@pytest.mark.parametrize("scope,code", [("tableau:users:delete", None), ("tableau:users:*", None),
                                        ("tableau:users:update", 401002)])
def test_scope_of_removal(org, fmt, scope, code):
    user_id, _ = org.admin.add_user()
    client = org.by_jwt(scopes=[scope])
    reply = client.call("DELETE", path_of(client, user_id), fmt=fmt)
    check_refusal(reply, code) if code else shown_as_gone(org.admin, user_id)


def shown_as_gone(client, user_id):
    client.refused(404002, "GET", path_of(client, user_id))


# ---------------------------------------------------------------- roles
def test_roles_are_given(org, chief, fmt):
    user_id, _ = org.admin.add_user(role="Unlicensed")
    for role in (*ROLES, *reversed(ROLES)):
        assert update(chief, user_id, fmt, siteRole=role).doc["user"]["siteRole"] == role
        assert user_id in [user["id"] for user in listed(chief, f"filter=siteRole:eq:{role}")]


@pytest.mark.parametrize("older,role", [
    ("Interactor", "Explorer"), ("Publisher", "ExplorerCanPublish"), ("ReadOnly", "Viewer"),
    ("SiteAdministrator", "SiteAdministratorExplorer"), ("ViewerWithPublish", "Viewer"),
    ("UnlicensedWithPublish", "Unlicensed")])
def test_older_names_of_roles(org, chief, fmt, older, role):
    user_id, _ = org.admin.add_user(role=older)
    assert shown(chief, user_id, fmt)["siteRole"] == role
    assert update(chief, user_id, fmt, siteRole="Creator").status == 200
    assert update(chief, user_id, fmt, siteRole=older).doc["user"]["siteRole"] == role
    assert listed(chief, f"filter=siteRole:eq:{older}") == listed(chief, f"filter=siteRole:eq:{role}")


def test_ones_own_role(org, home, fmt):
    for role in ("SiteAdministratorCreator", "SiteAdministratorExplorer"):
        client = org.as_role(role)
        check_refusal(update(client, org.user(role), fmt, siteRole="Viewer"), 403009)
        same = update(client, org.user(role), fmt, siteRole=role, fullName="As I am")
        assert same.doc["user"]["fullName"] == "As I am"
    check_refusal(update(home, home.session.user_id, fmt, siteRole="Viewer"), 403009)


def test_above_a_site_administrator(org, chief, fmt):
    root = org.admin.session.user_id
    for members in ({"siteRole": "Viewer"}, {"fullName": "X"}, {"password": "x"}, {"email": ""},
                    {"authSetting": "SAML"}):
        check_refusal(update(chief, root, fmt, **members), 403004)
    chief.refused(403004, "DELETE", path_of(chief, root), fmt=fmt)
    user_id, _ = org.admin.add_user()
    check_refusal(update(chief, user_id, fmt, siteRole="ServerAdministrator"), 403004)


def test_an_app_does_not_carry_one_above_its_maker(org, chief, fmt):
    """A server administrator who comes by a site administrator's app is no more than that."""
    app = chief.make_signing_app()
    client = org.server.client().by_jwt(app.jwt(org.server.admin_name, ["tableau:users:*"]),
                                        org.content_url)
    check_refusal(update(client, client.session.user_id, fmt, fullName="X"), 403004)
    check_refusal(update(client, org.user("Viewer"), fmt, siteRole="ServerAdministrator"), 403004)


def test_server_administrator_made_and_unmade(server, home, org, fmt):
    far = Org(server, home, unique("far"))
    name = unique("rising")
    here, there = org.admin.add_user(name)[0], far.admin.add_user(name, "Viewer")[0]
    assert update(org.admin, here, fmt, siteRole="ServerAdministrator").status == 200
    assert shown(far.admin, there)["siteRole"] == "ServerAdministrator"
    assert [user["id"] for user in listed(far.admin, "filter=siteRole:eq:ServerAdministrator")
            if user["name"] == name] == [there]
    as_new = server.client().by_password(server.admin_name, server.admin_password, org.content_url,
                                         user=here)
    as_new.ok("POST", "/sites", {"site": {"name": unique("By"), "contentUrl": unique("by")}}, 201)
    assert update(org.admin, here, fmt, siteRole="Creator").doc["user"]["siteRole"] == "Creator"
    assert shown(far.admin, there)["siteRole"] == "Unlicensed"
    as_new.refused(403004, "POST", "/sites", {"site": {"name": unique("B"), "contentUrl": unique("b")}})


# ---------------------------------------------------------------- the person
def test_a_person_on_several_sites(org, other, home, fmt):
    name = unique("shared")
    here, there = org.admin.add_user(name)[0], other.admin.add_user(name, "Viewer")[0]
    chief = org.as_role("SiteAdministratorCreator")
    for members in ({"fullName": "X"}, {"email": "x@example.com"}, {"name": unique("x")},
                    {"password": "secret"}, {"siteRole": "Viewer", "fullName": "X"}):
        check_refusal(update(chief, here, fmt, **members), 403004)
    assert update(chief, here, fmt, siteRole="Creator", authSetting="SAML").status == 200
    assert shown(other.admin, there)["siteRole"] == "Viewer"
    assert update(org.admin, here, fmt, fullName="Both", email="both@example.com").status == 200
    for client, user_id in ((org.admin, here), (other.admin, there)):
        user = shown(client, user_id)
        assert (user["fullName"], user["email"]) == ("Both", "both@example.com")
    # What is sent back as it is changes nothing, and is nobody's offence.
    assert update(chief, here, fmt, fullName="Both", email="both@example.com", name=name).status == 200
    other.admin.ok("DELETE", path_of(other.admin, there))
    assert update(chief, here, fmt, fullName="Here alone").status == 200


def test_passwords(server, org, chief, fmt):
    user_id, name = org.admin.add_user()
    credentials = {"name": name, "site": {"contentUrl": org.content_url}}

    def sign_in(password):
        return server.client().sign_in_reply({**credentials, "password": password})

    check_refusal(sign_in("first"), 401001)
    for password in ("first", "p\u00e4ss <&> w\u00f6rd\u2028" + "x" * 200):
        reply = update(chief, user_id, fmt, password=password)
        assert reply.status == 200 and password.encode() not in reply.body
        assert "password" not in reply.doc["user"]
        assert sign_in(password).status == 200
    check_refusal(sign_in("first"), 401001)
    check_refusal(update(chief, user_id, fmt, password="third", siteRole="King"), 400013)
    check_refusal(sign_in("third"), 401001)


def test_addresses_are_kept_for_who_was_there_before(org, other, fmt):
    """Adding a person whom the server has does not change the person."""
    name = unique("kept")
    user = org.admin.ok("POST", f"{org.admin.site}/users", {"user": {
        "name": name, "siteRole": "Viewer", "email": "first@example.com"}}, 201, fmt=fmt).doc["user"]
    assert user["email"] == "first@example.com"
    chief = other.as_role("SiteAdministratorCreator")
    there = chief.ok("POST", f"{chief.site}/users", {"user": {
        "name": name, "siteRole": "Viewer", "email": "second@example.com"}}, 201, fmt=fmt).doc["user"]
    assert there["email"] == "first@example.com"
    assert shown(org.admin, user["id"])["email"] == "first@example.com"


# ---------------------------------------------------------------- the last administrator
def test_last_administrator_of_a_site(server, home, fmt):
    org = Org(server, home, unique("last"))
    root = org.admin.session.user_id
    explorer, chief = org.user("SiteAdministratorExplorer"), org.user("SiteAdministratorCreator")
    assert update(org.admin, explorer, fmt, siteRole="Explorer").status == 200
    assert update(org.admin, chief, fmt, siteRole="Creator").status == 200
    # The server administrator is left, and the last one of the server too.
    org.admin.refused(403004, "DELETE", path_of(org.admin, root), fmt=fmt)
    assert update(org.admin, chief, fmt, siteRole="SiteAdministratorCreator").status == 200
    second = home.add_user(unique("second"))[0]
    assert update(home, second, fmt, siteRole="ServerAdministrator").status == 200
    org.admin.ok("DELETE", path_of(org.admin, root) + f"?mapAssetsTo={chief}", fmt=fmt)
    client = server.client().by_password(server.admin_name, server.admin_password, "")
    second_there = server.client().by_password(
        server.admin_name, server.admin_password, "", user=second)
    check_refusal(update(client, second, fmt, siteRole="Viewer", authSetting="Magic"), 400003)
    assert update(second_there, second, fmt, fullName="Second").status == 200
    # The site's own administrator, asked for by one who has no place there.
    back = server.admin(org.content_url)
    assert shown(back, back.session.user_id)["siteRole"] == "ServerAdministrator"
    assert update(home, second, fmt, siteRole="Viewer").status == 200


def test_last_administrators_race(server, home):
    """Two administrators who demote one another at once: one stays."""
    org = Org(server, home, unique("duel"))
    roles = ("SiteAdministratorCreator", "SiteAdministratorExplorer")
    clients, replies, gate = [org.fresh(role) for role in roles], [], threading.Barrier(2)
    second = home.add_user(unique("second"))[0]
    assert update(home, second, siteRole="ServerAdministrator").status == 200
    org.admin.ok("DELETE", path_of(org.admin, org.admin.session.user_id) +
                 f"?mapAssetsTo={org.user(roles[0])}")

    def demote(client, target):
        gate.wait()
        replies.append(update(client, org.user(target), siteRole="Viewer"))

    threads = [threading.Thread(target=demote, args=pair) for pair in zip(clients, reversed(roles))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.status for reply in replies].count(200) == 1, replies
    assert {reply.code for reply in replies} <= {None, "403004", "403009", "401002"}, replies
    assert update(home, second, siteRole="Viewer").status == 200


# ---------------------------------------------------------------- licences
def limited(server, home, **settings):
    url = unique("limited")
    home.ok("POST", "/sites", {"site": {"name": url, "contentUrl": url, **settings}}, 201)
    return server.admin(url)


def test_tiers(server, home, fmt):
    admin = limited(server, home, tierCreatorCapacity="2", tierExplorerCapacity="1",
                    tierViewerCapacity="0")

    def add(role):
        return admin.call("POST", f"{admin.site}/users", {"user": {
            "name": unique("t"), "siteRole": role}}, fmt=fmt)

    creator = add("Creator").doc["user"]["id"]  # beside the server administrator
    for role in ("Creator", "SiteAdministratorCreator", "Viewer"):
        check_refusal(add(role), 409014)
    explorer = add("SiteAdministratorExplorer").doc["user"]["id"]
    check_refusal(add("ExplorerCanPublish"), 409014)
    none = add("Unlicensed").doc["user"]["id"]
    for role in ("Creator", "Explorer", "Viewer"):
        check_refusal(update(admin, none, fmt, siteRole=role), 409014)
    check_refusal(update(admin, explorer, fmt, siteRole="Creator"), 409014)
    assert update(admin, explorer, fmt, siteRole="Explorer").status == 200
    assert update(admin, creator, fmt, siteRole="Unlicensed").status == 200
    assert update(admin, none, fmt, siteRole="Creator").status == 200
    admin.ok("DELETE", path_of(admin, explorer), fmt=fmt)
    assert add("Explorer").status == 201
    usage = admin.ok("GET", f"{admin.site}?includeUsage=true", fmt=fmt).doc["site"]["usage"]
    assert {name: int(usage[name]) for name in ("numUsers", "numCreators", "numExplorers", "numViewers")} == {
        "numUsers": 3, "numCreators": 2, "numExplorers": 1, "numViewers": 0}


def test_user_quota(server, home, fmt):
    admin = limited(server, home, userQuota="2")
    first = admin.add_user(role="Viewer")[0]
    user = {"user": {"name": unique("q"), "siteRole": "Viewer"}}
    admin.refused(409014, "POST", f"{admin.site}/users", user, fmt=fmt)
    none = admin.add_user(role="Unlicensed")[0]
    check_refusal(update(admin, none, fmt, siteRole="Explorer"), 409014)
    assert update(admin, first, fmt, siteRole="Creator").status == 200
    admin.ok("DELETE", path_of(admin, first), fmt=fmt)
    assert update(admin, none, fmt, siteRole="Explorer").status == 200
    assert listed(admin, f"filter=name:eq:{user['user']['name']}") == []


# ---------------------------------------------------------------- unlicensed
def test_unlicensed_are_kept_out(server, org, fmt):
    """By every way of signing in, and in sessions that are open."""
    user_id, name = org.admin.add_user(role="Creator")
    assert update(org.admin, user_id, fmt, password="secret").status == 200
    pat_name, pat_secret = pat_of(server, name, org.content_url)
    site = {"site": {"contentUrl": org.content_url}}

    def ways():
        return [{"name": name, "password": "secret", **site},
                {"jwt": org.app.jwt(name, ["tableau:content:read"]), **site},
                {"personalAccessTokenName": pat_name, "personalAccessTokenSecret": pat_secret, **site},
                {"name": server.admin_name, "password": server.admin_password,
                 "user": {"id": user_id}, **site}]

    clients = [server.client(fmt=fmt).sign_in(way) for way in ways()]
    for client in clients:
        client.ok("GET", f"{client.site}/projects")
    assert update(org.admin, user_id, fmt, siteRole="Unlicensed").status == 200
    for client in clients:
        client.refused(401002, "GET", f"{client.site}/projects")
    for way in ways():
        check_refusal(server.client(fmt=fmt).sign_in_reply(way), 401001)
    assert update(org.admin, user_id, fmt, siteRole="Viewer").status == 200
    for way in ways():
        assert server.client(fmt=fmt).sign_in_reply(way).status == 200


def test_a_new_role_holds_in_open_sessions(org, fmt):
    user_id, name = org.admin.add_user(role="SiteAdministratorExplorer")
    client = org.server.client().by_jwt(org.app.jwt(name, ["tableau:users:*"]), org.content_url)
    client.ok("GET", f"{client.site}/users", fmt=fmt)
    assert update(org.admin, user_id, fmt, siteRole="Viewer").status == 200
    client.refused(403004, "GET", f"{client.site}/users", fmt=fmt)


# ---------------------------------------------------------------- removing
def test_remove_user(server, org, chief, fmt):
    user_id, name = org.admin.add_user(role="Creator")
    assert update(org.admin, user_id, password="secret").status == 200
    pat_name, pat_secret = pat_of(server, name, org.content_url)
    site = {"site": {"contentUrl": org.content_url}}
    by_jwt = org.server.client().by_jwt(org.app.jwt(name), org.content_url)
    by_password = server.client().by_password(name, "secret", org.content_url)
    for client in (by_jwt, by_password):
        client.ok("GET", f"{client.site}/projects")
    total = len(listed(chief))
    reply = chief.call("DELETE", path_of(chief, user_id), fmt=fmt)
    assert reply.status == 204 and not reply.body
    shown_as_gone(chief, user_id)
    assert len(listed(chief)) == total - 1
    for client in (by_jwt, by_password):  # its sessions have ended
        client.refused(401002, "GET", f"{client.site}/projects", fmt=fmt)
    for way in ({"name": name, "password": "secret", **site}, {"jwt": org.app.jwt(name), **site},
                {"personalAccessTokenName": pat_name, "personalAccessTokenSecret": pat_secret, **site}):
        check_refusal(server.client(fmt=fmt).sign_in_reply(way), 401001)
    again, _ = org.admin.add_user(name, "Viewer")  # somebody else of that name
    assert again != user_id
    check_refusal(server.client().sign_in_reply({"name": name, "password": "secret", **site}), 401001)


def test_content_of_a_removed_user(org, other, chief, fmt):
    user_id, _ = org.admin.add_user(role="Creator")
    heir, _ = org.admin.add_user(role="Explorer")
    project = org.admin.add_project()["id"]
    owner = {"project": {"owner": {"id": user_id}}}
    org.admin.ok("PUT", f"{org.admin.site}/projects/{project}", owner)
    path = path_of(chief, user_id)
    chief.refused(409003, "DELETE", path, fmt=fmt)
    for to, code in (("x", 400000), ("", 400000), (user_id, 400000), (user_id.upper(), 400000),
                     (ZERO, 404002), (other.user("Creator"), 404002)):
        chief.refused(code, "DELETE", f"{path}?mapAssetsTo={to}", fmt=fmt)
    assert shown(chief, user_id)["siteRole"] == "Creator"
    chief.ok("DELETE", f"{path}?mapAssetsTo={heir}", fmt=fmt)
    projects = org.admin.ok("GET", f"{org.admin.site}/projects?pageSize=1000").doc["projects"]["project"]
    assert [p["owner"]["id"] for p in projects if p["id"] == project] == [heir]
    chief.refused(409003, "DELETE", path_of(chief, heir), fmt=fmt)


def test_removed_from_one_of_two_sites(server, org, other, fmt):
    name = unique("two")
    here, there = org.admin.add_user(name)[0], other.admin.add_user(name, "Viewer")[0]
    assert update(org.admin, here, password="secret").status == 200
    org.admin.ok("DELETE", path_of(org.admin, here), fmt=fmt)
    assert shown(other.admin, there)["name"] == name
    assert server.client().by_password(name, "secret", other.content_url)
    check_refusal(server.client().sign_in_reply({
        "name": name, "password": "secret", "site": {"contentUrl": org.content_url}}), 401001)


def test_removing_oneself(org, fmt):
    user_id, name = org.admin.add_user(role="SiteAdministratorExplorer")
    client = org.server.client().by_password(org.server.admin_name, org.server.admin_password,
                                             org.content_url, user=user_id)
    client.ok("DELETE", path_of(client, user_id), fmt=fmt)
    client.refused(401002, "GET", f"{client.site}/users", fmt=fmt)


def test_sites_with_content_only_administrators(server, home, fmt):
    admin = limited(server, home, adminMode="ContentOnly")
    chief = admin.add_user(role="SiteAdministratorCreator")[0]
    user = admin.add_user()[0]
    client = server.client().by_password(server.admin_name, server.admin_password,
                                         admin.session.content_url, user=chief)
    new = {"user": {"name": unique("n"), "siteRole": "Viewer"}}
    client.refused(403004, "POST", f"{client.site}/users", new, fmt=fmt)
    client.refused(403004, "DELETE", path_of(client, user), fmt=fmt)
    client.ok("GET", f"{client.site}/users", fmt=fmt)
    assert update(client, user, fmt, siteRole="Viewer").status == 200
    admin.ok("POST", f"{admin.site}/users", new, 201, fmt=fmt)
    admin.ok("DELETE", path_of(admin, user), fmt=fmt)


# ---------------------------------------------------------------- lists
@pytest.fixture(scope="module")
def crowd(server, home):
    """A site with 30 users of known names and full names, one of whom signed in."""
    org = Org(server, home, unique("crowd"))
    for number in range(30):
        user_id, _ = org.admin.add_user(f"c{number:02}-{org.content_url}",
                                        ("Viewer", "Explorer", "Creator")[number % 3])
        assert update(org.admin, user_id, fullName=f"Person {29 - number:02}").status == 200
        if number == 7:
            assert org.jwt_reply(org.app.jwt(f"c07-{org.content_url}")).status == 200
    return org


def numbers(crowd, query, fmt):
    return [int(user["name"][1:3]) for user in listed(crowd.admin, query, fmt)
            if re.match(r"c\d\d-", user["name"])]


def test_sorts(crowd, fmt):
    up = list(range(30))
    assert numbers(crowd, "sort=name:asc", fmt) == up
    assert numbers(crowd, "sort=name:desc", fmt) == up[::-1]
    assert numbers(crowd, "sort=friendlyName:asc", fmt) == up[::-1]
    assert numbers(crowd, "sort=friendlyName:desc", fmt) == up
    assert numbers(crowd, "sort=siteRole:asc,name:desc", fmt) == sorted(
        up, key=lambda n: (("Viewer", "Explorer", "Creator")[n % 3], -n))
    assert numbers(crowd, "sort=lastLogin:desc", fmt)[0] == 7
    assert numbers(crowd, "sort=lastLogin:asc", fmt)[-1] == 7
    assert numbers(crowd, "sort=domainName:asc", fmt) == numbers(crowd, "sort=isLocal:desc", fmt) == up
    ids = [user["id"] for user in listed(crowd.admin, "sort=luid:asc", fmt)]
    assert ids == sorted(ids)


def test_filters(crowd, fmt):
    admin = crowd.admin
    seven = shown(admin, listed(admin, f"filter=name:eq:c07-{crowd.content_url}")[0]["id"])
    assert numbers(crowd, "filter=siteRole:eq:Viewer&sort=name:desc", fmt) == list(range(27, -1, -3))
    assert numbers(crowd, "filter=siteRole:in:[Viewer,Interactor]&sort=name:asc", fmt) == [
        n for n in range(30) if n % 3 != 2]
    assert numbers(crowd, "filter=siteRole:in:[Creator,Viewer]&sort=friendlyName:asc", fmt) == [
        n for n in range(29, -1, -1) if n % 3 != 1]
    assert numbers(crowd, f"filter=friendlyName:eq:{quote('Person 22')}", fmt) == [7]
    assert numbers(crowd, f"filter=friendlyName:in:[{quote('Person 22,Person 00')}]", fmt) == [7, 29]
    assert numbers(crowd, f"filter=luid:eq:{seven['id']}", fmt) == [7]
    assert numbers(crowd, f"filter=luid:in:[{seven['id']},{ZERO}]", fmt) == [7]
    assert numbers(crowd, "filter=lastLogin:gte:2020-01-01T00:00:00Z,siteRole:eq:Explorer", fmt) == [7]
    assert numbers(crowd, "filter=lastLogin:lt:2020-01-01T00:00:00Z", fmt) == []
    assert numbers(crowd, f"filter=lastLogin:lte:{seven['lastLogin']}", fmt) in ([], [7])  # whole seconds
    assert len(numbers(crowd, "filter=domainName:eq:local", fmt)) == 30
    assert numbers(crowd, "filter=domainName:eq:corp", fmt) == []
    assert len(numbers(crowd, "filter=isLocal:eq:true", fmt)) == 30
    assert numbers(crowd, "filter=isLocal:eq:false", fmt) == []


def test_pages_of_several_roles(crowd, fmt):
    admin, seen, page = crowd.admin, [], 0
    query = "filter=siteRole:in:[Viewer,Explorer,Creator]&sort=name:asc&pageSize=7"
    while True:
        page += 1
        doc = admin.ok("GET", f"{admin.site}/users?{query}&pageNumber={page}", fmt=fmt).doc
        seen += [user["name"] for user in doc["users"]["user"]]
        total = int(doc["pagination"]["totalAvailable"])
        if len(seen) >= total:
            break
    assert len(seen) == total == 33 and seen == sorted(set(seen))
    admin.refused(400006, "GET", f"{admin.site}/users?{query}&pageNumber={page + 1}", fmt=fmt)


@pytest.mark.parametrize("query,code", [
    ("filter=email:eq:x", 400065), ("filter=name:gt:x", 400065), ("filter=lastLogin:gt:soon", 400000),
    ("filter=isLocal:eq:perhaps", 400000), ("filter=siteRole:in:Viewer", 400000),
    ("sort=email:asc", 400065), ("sort=name:up", 400000), ("fields=secret", 400000),
    ("fields=password", 400000), ("includeGroups=maybe", 400000), ("includeSSOInfo=1", 400000),
    ("includeUserCount=", 400000),
    ("filter=name:eq:x'%20OR%201=1%20--,nonsense:eq:'", 400065),
])
def test_bad_expressions(crowd, fmt, query, code):
    crowd.admin.refused(code, "GET", f"{crowd.admin.site}/users?{query}", fmt=fmt)


def test_fields_and_extras(crowd, fmt):
    admin, one = crowd.admin, f"filter=name:eq:c07-{crowd.content_url}"
    usual = {"id", "name", "fullName", "siteRole", "lastLogin", "externalAuthUserId"}
    everything = usual | {"authSetting", "language", "locale", "domain"}

    def members(query):
        return set(listed(admin, f"{one}&{query}", fmt)[0])

    assert members("") == members("fields=_default_") == usual
    assert members("fields=_all_") == everything
    assert members("fields=name,lastLogin") == {"name", "lastLogin"}
    assert members("fields=user.name,user.domain") == {"name", "domain"}
    assert members("fields=_default_,language") == usual | {"language"}
    assert members("includeSSOInfo=true") == usual | {"authSetting"}
    assert members("includeSSOInfo=false&includeUserCount=False&includeGroups=false") == usual
    assert members("includeGroups=true") == usual | {"groups"}
    assert members("includeGroups=True&fields=name") == {"name", "groups"}
    groups = listed(admin, f"{one}&includeGroups=true", fmt)[0]["groups"]["group"]
    assert [group["name"] for group in groups] == ["All Users"] and groups[0]["id"]
    whole = listed(admin, f"{one}&fields=_all_", fmt)[0]
    assert (whole["language"], whole["locale"], whole["domain"]) == ("en", "", {"name": "local"})


# ---------------------------------------------------------------- Tableau's Python client
class TscUser:
    """What tableauserverclient's UserItem reads out of an answer."""

    def __init__(self, element):
        read = element.get
        self.id, self.name, self.site_role = read("id"), read("name"), read("siteRole")
        self.last_login, self.external = read("lastLogin"), read("externalAuthUserId")
        self.fullname, self.email = read("fullName"), read("email")
        self.auth_setting, self.locale, self.language = (
            read("authSetting"), read("locale"), read("language"))
        domain = element.find(f".//{{{NS}}}domain")
        self.domain_name = None if domain is None else domain.get("name")


def tsc(client, verb, path, **attributes):
    """A request as its request factory writes it: no namespace, no declaration."""
    body = None
    if attributes:
        root = etree.Element("tsRequest")
        user = etree.SubElement(root, "user")
        for name, value in attributes.items():
            user.set(name, value)
        body = etree.tostring(root)
    return client.call(verb, client.site + path, raw=body, fmt="xml", version="2.4",
                       content_type="text/xml" if body else None)


def test_tsc_users(org, chief):
    name = unique("tsc")
    added = tsc(chief, "POST", "/users", name=name, siteRole="Viewer", authSetting="ServerDefault")
    assert added.status == 201
    item = TscUser(find(added, "user"))
    assert (item.name, item.site_role, item.auth_setting) == (name, "Viewer", "ServerDefault")
    assert item.id and item.external == "" and item.last_login is None

    again = tsc(chief, "POST", "/users", name=name, siteRole="Viewer")
    assert again.status == 409 and again.code == "409017"

    page = tsc(chief, "GET", "/users?pageNumber=1&pageSize=100&fields=_all_")
    pagination = find(page, "pagination")
    items = [TscUser(element) for element in page.xml.findall(f".//{{{NS}}}user")]
    assert int(pagination.get("totalAvailable")) == len(items)
    found = [one for one in items if one.id == item.id]
    assert [(one.language, one.locale, one.domain_name, one.auth_setting) for one in found] == [
        ("en", "", "local", "ServerDefault")]

    filtered = tsc(chief, "GET", f"/users?pageNumber=1&pageSize=100&filter=name:eq:{name}&fields=_all_")
    assert [TscUser(element).id for element in filtered.xml.findall(f".//{{{NS}}}user")] == [item.id]

    # update() sends what the item holds, the role too, and the password beside it
    updated = tsc(chief, "PUT", f"/users/{item.id}", fullName="Cassie", email="cassie@example.com",
                  siteRole="Viewer", authSetting="ServerDefault", password="secret")
    changed = TscUser(find(updated, "user"))
    assert (changed.fullname, changed.email, changed.site_role) == ("Cassie", "cassie@example.com", "Viewer")
    one = TscUser(find(tsc(chief, "GET", f"/users/{item.id}"), "user"))
    assert (one.fullname, one.email, one.domain_name) == ("Cassie", "cassie@example.com", "local")

    # An administrator who renames itself sends its own role along.
    own = TscUser(find(tsc(chief, "GET", f"/users/{chief.session.user_id}"), "user"))
    assert tsc(chief, "PUT", f"/users/{own.id}", fullName="Own", siteRole=own.site_role,
               authSetting=own.auth_setting).status == 200

    heir, _ = org.admin.add_user()
    assert tsc(chief, "DELETE", f"/users/{item.id}?mapAssetsTo={heir}").status == 204
    assert tsc(chief, "DELETE", f"/users/{heir}").status == 204
    assert tsc(chief, "DELETE", f"/users/{heir}").code == "404002"
