"""Sites, users and projects: the organisation that there is to be bounded."""

import re
import threading
from urllib.parse import quote

import pytest

from easel_client import check_refusal, unique
from orgs import ROLES, Org

ZERO = "00000000-0000-4000-8000-000000000000"
TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def create_site(client, fmt=None, **members):
    return client.call("POST", "/sites", {"site": members}, fmt=fmt)


# ---------------------------------------------------------------- sites
def test_create_site(home, fmt):
    name = unique("Site")
    reply = create_site(home, fmt, name=name, contentUrl=name.lower(), adminMode="ContentAndUsers")
    assert reply.status == 201, reply
    site = reply.doc["site"]
    assert (site["name"], site["contentUrl"], site["state"]) == (name, name.lower(), "Active")
    assert site["adminMode"] == "ContentAndUsers"
    found = home.ok("GET", "/sites/" + name.lower() + "?key=contentUrl", fmt=fmt)
    assert found.doc["site"]["id"] == site["id"]


def test_a_new_site_has_a_default_project(org):
    projects = org.admin.ok("GET", f"{org.admin.site}/projects").doc["projects"]["project"]
    assert [p["name"] for p in projects if p["name"].lower() == "default"]


@pytest.mark.parametrize("members,code", [
    ({"contentUrl": "u{n}"}, 400000), ({"name": "n{n}"}, 400000), ({"name": "", "contentUrl": "u{n}"}, 400000),
    ({"name": "n{n}", "contentUrl": "a b{n}"}, 409002), ({"name": "n{n}", "contentUrl": "a/b{n}"}, 409002),
    ({"name": "n{n}", "contentUrl": "a.b{n}"}, 409002), ({"name": "n{n}", "contentUrl": "\u00e4{n}"}, 409002),
    ({"name": "n{n}", "contentUrl": ""}, 409002),
    ({"name": "n{n}", "contentUrl": "u{n}", "adminMode": "Nobody"}, 400013),
    ({"name": "n{n}", "contentUrl": "u{n}", "adminMode": "contentonly"}, 400013),
    ({"name": "n{n}", "contentUrl": "u{n}", "adminMode": "ContentOnly", "userQuota": "5"}, 409004),
    ({"name": "n{n}", "contentUrl": "u{n}", "userQuota": "many"}, 400000),
])
def test_sites_that_cannot_be(home, fmt, members, code):
    n = unique("")[1:]
    reply = create_site(home, fmt, **{k: v.replace("{n}", n) for k, v in members.items()})
    check_refusal(reply, code)


def test_site_names_and_urls_are_unique(home, org, fmt):
    site = home.ok("GET", f"/sites/{org.content_url}?key=contentUrl").doc["site"]
    check_refusal(create_site(home, fmt, name=site["name"], contentUrl=unique("u")), 409001)
    check_refusal(create_site(home, fmt, name=unique("n"), contentUrl=org.content_url), 409002)
    check_refusal(create_site(home, fmt, name=unique("n"), contentUrl=org.content_url.upper()), 409002)


def test_only_server_administrators_create_sites(org, fmt):
    for role in ("SiteAdministratorCreator", "Creator", "Viewer"):
        check_refusal(create_site(org.as_role(role), fmt, name=unique("n"), contentUrl=unique("u")),
                      403004)


def test_one_site_created_at_once(home):
    """Ten with one name: one is made."""
    url, codes, gate = unique("race"), [], threading.Barrier(10)

    def one():
        client = home.twin(home.session)
        gate.wait()
        codes.append(create_site(client, name=url, contentUrl=url).code)

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes.count(None) == 1 and set(codes) <= {None, "409001", "409002"}


def test_query_sites(home, org, other, fmt):
    doc = home.ok("GET", "/sites?pageSize=1000", fmt=fmt).doc
    urls = {site["contentUrl"] for site in doc["sites"]["site"]}
    assert {"", org.content_url, other.content_url} <= urls
    assert int(doc["pagination"]["totalAvailable"]) == len(doc["sites"]["site"])
    own = org.as_role("Viewer").ok("GET", "/sites", fmt=fmt).doc
    assert [site["id"] for site in own["sites"]["site"]] == [org.site_id]
    assert own["pagination"]["totalAvailable"] == "1"


def test_query_site(org, fmt):
    admin = org.admin
    by_id = admin.ok("GET", f"/sites/{org.site_id}", fmt=fmt).doc["site"]
    assert by_id["id"] == org.site_id and by_id["contentUrl"] == org.content_url
    by_url = admin.ok("GET", f"/sites/{org.content_url}?key=contentUrl", fmt=fmt).doc["site"]
    by_name = admin.ok("GET", f"/sites/{by_id['name']}?key=name", fmt=fmt).doc["site"]
    assert by_id == by_url == by_name
    viewer = org.as_role("Viewer").ok("GET", f"/sites/{org.site_id}", fmt=fmt).doc["site"]
    assert {"id", "name", "contentUrl", "state"} <= set(viewer)
    assert not {"adminMode", "userQuota", "storageQuota"} & set(viewer)


def test_query_site_with_usage(org, fmt):
    site = org.admin.ok("GET", f"/sites/{org.site_id}?includeUsage=true", fmt=fmt).doc["site"]
    assert int(site["usage"]["numUsers"]) >= len(ROLES)


def test_site_that_is_not_there(home, org, fmt):
    for path in (f"/sites/{ZERO}", "/sites/nope?key=name", "/sites/nope?key=contentUrl", "/sites/x"):
        home.refused(404000, "GET", path, fmt=fmt)


def test_sites_of_others_are_not_shown(org, other, fmt):
    client = org.as_role("SiteAdministratorCreator")
    for path in (f"/sites/{other.site_id}", f"/sites/{other.content_url}?key=contentUrl"):
        reply = client.call("GET", path, fmt=fmt)
        assert reply.code in ("401002", "404000", "403004"), reply


# ---------------------------------------------------------------- users
def test_add_and_query_user(org, fmt):
    admin = org.admin
    for role in ROLES:
        name = unique("new")
        reply = admin.ok("POST", f"{admin.site}/users", {"user": {"name": name, "siteRole": role}},
                         201, fmt=fmt)
        user = reply.doc["user"]
        assert (user["name"], user["siteRole"]) == (name, role)
        assert user["authSetting"] == "ServerDefault"
        shown = admin.ok("GET", f"{admin.site}/users/{user['id']}", fmt=fmt).doc["user"]
        assert (shown["id"], shown["name"], shown["siteRole"]) == (user["id"], name, role)
        assert "lastLogin" not in shown


def test_last_login(org):
    user_id, name = org.admin.add_user(role="Viewer")
    assert org.jwt_reply(org.app.jwt(name)).status == 200
    shown = org.admin.ok("GET", f"{org.admin.site}/users/{user_id}").doc["user"]
    assert re.fullmatch(TIME, shown["lastLogin"])


def test_users_that_cannot_be(org, fmt):
    def add(**members):
        return org.admin.call("POST", f"{org.admin.site}/users", {"user": members}, fmt=fmt)

    check_refusal(add(name=org.name("Viewer"), siteRole="Viewer"), 409017)
    check_refusal(add(name=org.name("Viewer").upper(), siteRole="Viewer"), 409017)
    check_refusal(add(name=unique("u"), siteRole="Guest"), 409005)
    check_refusal(add(name=unique("u"), siteRole="King"), 400013)
    check_refusal(add(name=unique("u"), siteRole="viewer"), 400013)
    check_refusal(add(name=unique("u"), siteRole="ServerAdministrator"), 400013)
    check_refusal(add(name=unique("u"), siteRole="SupportUser"), 400013)
    check_refusal(add(name=unique("u")), 400000)
    check_refusal(add(siteRole="Viewer"), 400000)
    check_refusal(add(name="", siteRole="Viewer"), 400000)
    check_refusal(add(name=unique("u"), siteRole="Viewer", authSetting="Magic"), 400003)
    check_refusal(add(name="unknown-domain\\" + unique("u"), siteRole="Viewer"), 404002)


def test_users_that_are_not_there(org, other, fmt):
    for user in (ZERO, other.user("Viewer"), "x", "%27"):
        org.admin.refused(404002, "GET", f"{org.admin.site}/users/{user}", fmt=fmt)


def test_who_may_see_users(org, fmt):
    viewer = org.as_role("Viewer")
    own = viewer.ok("GET", f"{viewer.site}/users/{org.user('Viewer')}", fmt=fmt).doc["user"]
    assert own["name"] == org.name("Viewer")
    viewer.refused(403133, "GET", f"{viewer.site}/users/{org.user('Creator')}", fmt=fmt)
    reply = viewer.call("GET", f"{viewer.site}/users", fmt=fmt)
    assert reply.status == 403, reply
    check_refusal(reply, reply.code)
    viewer.refused(403004, "POST", f"{viewer.site}/users",
                   {"user": {"name": unique("u"), "siteRole": "Viewer"}}, fmt=fmt)
    site_admin = org.as_role("SiteAdministratorExplorer")
    site_admin.ok("GET", f"{viewer.site}/users", fmt=fmt)


def test_list_users(org, fmt):
    doc = org.admin.ok("GET", f"{org.admin.site}/users?pageSize=1000", fmt=fmt).doc
    listed = {user["id"]: user for user in doc["users"]["user"]}
    for role, (user_id, name) in org.users.items():
        assert (listed[user_id]["name"], listed[user_id]["siteRole"]) == (name, role)
        assert not {"fullName", "email", "password"} & set(listed[user_id])
    assert int(doc["pagination"]["totalAvailable"]) == len(listed)


# ---------------------------------------------------------------- pages
@pytest.fixture(scope="module")
def many(server, home):
    """A site with 25 users and 25 projects of known names, beside what it begins with."""
    org = Org(server, home, unique("many"))
    for number in range(25):
        org.admin.add_user(f"m{number:02}-{org.content_url}", "Viewer" if number % 2 else "Explorer")
        org.admin.add_project(f"P{number:02}", description=f"number {number}")
    return org


@pytest.mark.parametrize("what", ["users", "projects", "sites"])
@pytest.mark.parametrize("query,code", [
    ("pageSize=0", 400007), ("pageSize=-1", 400007), ("pageSize=x", 400007), ("pageSize=", 400007),
    ("pageSize=1.5", 400007), ("pageSize=1001", 403014), ("pageSize=99999999999999999999", None),
    ("pageNumber=0", 400006), ("pageNumber=-1", 400006), ("pageNumber=x", 400006),
    ("pageNumber=1.0", 400006), ("pageNumber=100000", 400006), ("pageNumber=2&pageSize=1000", 400006),
])
def test_page_errors(many, home, fmt, what, query, code):
    client = home if what == "sites" else many.admin
    path = "/sites" if what == "sites" else f"{client.site}/{what}"
    reply = client.call("GET", f"{path}?{query}", fmt=fmt)
    if code:
        check_refusal(reply, code)
    else:
        assert reply.code in ("400007", "403014")


@pytest.mark.parametrize("what,item", [("users", "user"), ("projects", "project")])
def test_pages_cover_all_once(many, fmt, what, item):
    client, seen = many.admin, []
    total = int(client.ok("GET", f"{client.site}/{what}").doc["pagination"]["totalAvailable"])
    assert total > 25
    page = 1
    while len(seen) < total:
        doc = client.ok("GET", f"{client.site}/{what}?pageSize=7&pageNumber={page}", fmt=fmt).doc
        assert doc["pagination"] == {"pageNumber": str(page), "pageSize": "7",
                                     "totalAvailable": str(total)}
        seen += [entry["id"] for entry in doc[what][item]]
        page += 1
    assert len(seen) == len(set(seen)) == total
    client.refused(400006, "GET", f"{client.site}/{what}?pageSize=7&pageNumber={page}", fmt=fmt)


def test_pages_by_default(many, fmt):
    doc = many.admin.ok("GET", f"{many.admin.site}/users", fmt=fmt).doc
    assert (doc["pagination"]["pageNumber"], doc["pagination"]["pageSize"]) == ("1", "100")


# ---------------------------------------------------------------- filter, sort, fields
def names(client, what, item, query, fmt="json"):
    doc = client.ok("GET", f"{client.site}/{what}?pageSize=1000&{query}", fmt=fmt).doc
    found = doc[what].get(item, [])
    assert int(doc["pagination"]["totalAvailable"]) == len(found)
    return [entry["name"] for entry in found]


def test_filter_users(many, fmt):
    admin, tail = many.admin, "-" + many.content_url

    def users(query):
        return sorted(names(admin, "users", "user", query, fmt))

    assert users(f"filter=name:eq:m03{tail}") == [f"m03{tail}"]
    assert users(f"filter=name:eq:M03{tail}") == []
    assert users(f"filter=name:in:[m03{tail},m04{tail},nobody]") == [f"m03{tail}", f"m04{tail}"]
    assert users("filter=name:eq:nobody") == []
    viewers = users("filter=siteRole:eq:Viewer")
    assert f"m03{tail}" in viewers and f"m04{tail}" not in viewers
    assert set(users("filter=siteRole:in:[Viewer,Explorer]")) > set(viewers)
    assert users(f"filter=siteRole:eq:Viewer,name:eq:m04{tail}") == []
    assert users(f"filter=siteRole:eq:Explorer,name:eq:m04{tail}") == [f"m04{tail}"]
    assert users("filter=siteRole%3Aeq%3AUnlicensed") == [many.name("Unlicensed")]


def test_filter_projects(many, fmt):
    admin = many.admin
    parent = admin.add_project(unique("Parent"))
    child = admin.add_project(unique("Child"), parentProjectId=parent["id"])

    def projects(query):
        return sorted(names(admin, "projects", "project", query, fmt))

    assert projects("filter=name:eq:P07") == ["P07"]
    assert projects("filter=name:in:[P07,P08]") == ["P07", "P08"]
    assert projects(f"filter=parentProjectId:eq:{parent['id']}") == [child["name"]]
    top = projects("filter=topLevelProject:eq:true")
    assert parent["name"] in top and child["name"] not in top
    below = projects("filter=topLevelProject:eq:false")
    assert child["name"] in below and parent["name"] not in below and "P07" not in below
    assert projects("filter=ownerName:eq:nobody") == []
    assert "P07" in projects("filter=createdAt:gt:2020-01-01T00:00:00Z")
    assert projects("filter=createdAt:lt:2020-01-01T00:00:00Z") == []
    assert projects("filter=createdAt:gte:2020-01-01T00:00:00Z,name:eq:P01") == ["P01"]


def test_names_with_colons_quotes_and_more(many):
    for name in ("a:b:c", "it's", "100% x_y", "back\\slash", "am&p", "\u00fcmlaut \u65e5\u672c"):
        name = unique("q") + name
        many.admin.add_project(name)
        if "&" not in name:
            assert names(many.admin, "projects", "project", "filter=name:eq:" + quote(name)) == [name]


def test_sort(many, fmt):
    admin = many.admin
    up = names(admin, "projects", "project", "sort=name:asc", fmt)
    assert [name for name in up if re.fullmatch(r"P\d\d", name)] == [f"P{n:02}" for n in range(25)]
    assert names(admin, "projects", "project", "sort=name:desc", fmt) == up[::-1]
    both = admin.ok("GET", f"{admin.site}/users?pageSize=1000&sort=siteRole:asc,name:desc",
                    fmt=fmt).doc["users"]["user"]
    viewers = [user["name"] for user in both if user["siteRole"] == "Viewer"]
    assert viewers == sorted(viewers, reverse=True) and len(viewers) > 10


@pytest.mark.parametrize("what", ["users", "projects"])
@pytest.mark.parametrize("query,codes", [
    ("filter=nonsense:eq:x", ("400065", "400000")), ("filter=name:like:x", ("400000", "400065")),
    ("filter=name", ("400000",)), ("filter=name:eq", ("400000",)), ("filter=Name:eq:x", ("400065", "400000")),
    ("filter=name:gt:x", ("400000", "400065")), ("filter=createdAt:gt:yesterday", ("400000", "400065")),
    ("sort=nonsense:asc", ("400000", "400065")), ("sort=name:up", ("400000",)),
    ("fields=nonsense", ("400000", "400065")),
])
def test_bad_expressions(many, fmt, what, query, codes):
    reply = many.admin.call("GET", f"{many.admin.site}/{what}?{query}", fmt=fmt)
    assert reply.code in codes, reply
    check_refusal(reply, reply.code)


def test_fields(many, fmt):
    admin = many.admin
    for query, wanted in (("fields=name", {"name"}), ("fields=id,name", {"id", "name"})):
        for user in admin.ok("GET", f"{admin.site}/users?{query}", fmt=fmt).doc["users"]["user"]:
            assert wanted <= set(user) <= wanted | {"id"}
    default = admin.ok("GET", f"{admin.site}/users", fmt=fmt).doc
    assert admin.ok("GET", f"{admin.site}/users?fields=_default_", fmt=fmt).doc == default
    everything = admin.ok("GET", f"{admin.site}/users?fields=_all_", fmt=fmt).doc["users"]["user"]
    assert all("authSetting" in user for user in everything)
    tops = admin.ok("GET", f"{admin.site}/projects?fields=_all_", fmt=fmt).doc["projects"]["project"]
    assert all(isinstance(p["topLevelProject"], bool) for p in tops)


# ---------------------------------------------------------------- projects
def test_project_life(org, fmt):
    admin = org.admin
    name = unique("Project")
    reply = admin.call("POST", f"{admin.site}/projects",
                       {"project": {"name": name, "description": "about <it> & more"}}, fmt=fmt)
    assert reply.status == 201, reply
    project = reply.doc["project"]
    assert (project["name"], project["description"]) == (name, "about <it> & more")
    assert project["contentPermissions"] == "ManagedByOwner"
    assert re.fullmatch(TIME, project["createdAt"]) and re.fullmatch(TIME, project["updatedAt"])
    assert project["owner"]["id"] == admin.session.user_id
    assert "parentProjectId" not in project
    path = f"{admin.site}/projects/{project['id']}"
    changed = admin.ok("PUT", path, {"project": {"description": "other"}}, fmt=fmt).doc["project"]
    assert (changed["name"], changed["description"]) == (name, "other")
    changed = admin.ok("PUT", path, {"project": {"name": name + "2", "contentPermissions": "LockedToProject"}},
                       fmt=fmt).doc["project"]
    assert (changed["name"], changed["contentPermissions"]) == (name + "2", "LockedToProject")
    assert changed["description"] == "other"
    assert admin.ok("DELETE", path, fmt=fmt).status == 204
    admin.refused(404005, "DELETE", path, fmt=fmt)
    admin.refused(404005, "PUT", path, {"project": {"name": "x"}}, fmt=fmt)


def test_project_names_among_siblings(org, fmt):
    admin, name = org.admin, unique("Same")

    def make(**members):
        return admin.call("POST", f"{admin.site}/projects", {"project": members}, fmt=fmt)

    parent = make(name=name).doc["project"]
    check_refusal(make(name=name), 409006)
    check_refusal(make(name=name.upper()), 409006)
    child = make(name=name, parentProjectId=parent["id"])
    assert child.status == 201
    assert child.doc["project"]["parentProjectId"] == parent["id"]
    check_refusal(make(name=name.lower(), parentProjectId=parent["id"]), 409006)
    other = make(name=unique("Other")).doc["project"]
    path = f"{admin.site}/projects/{other['id']}"
    admin.refused(409006, "PUT", path, {"project": {"name": name}}, fmt=fmt)
    admin.refused(409006, "PUT", f"{admin.site}/projects/{child.doc['project']['id']}",
                  {"project": {"parentProjectId": ""}}, fmt=fmt)
    admin.ok("PUT", path, {"project": {"name": other["name"].upper()}}, fmt=fmt)


def test_projects_that_cannot_be(org, other, fmt):
    admin = org.admin
    foreign = other.admin.add_project()["id"]

    def make(**members):
        return admin.call("POST", f"{admin.site}/projects", {"project": members}, fmt=fmt)

    check_refusal(make(name=unique("p"), contentPermissions="Open"), 400008)
    check_refusal(make(name=unique("p"), parentProjectId=ZERO), 404005)
    check_refusal(make(name=unique("p"), parentProjectId=foreign), 404005)
    check_refusal(make(name=unique("p"), parentProjectId="x"), 404005)
    check_refusal(make(name=""), 400000)
    check_refusal(make(description="no name"), 400000)
    admin.refused(404005, "PUT", f"{admin.site}/projects/{foreign}", {"project": {"name": "x"}}, fmt=fmt)
    admin.refused(404005, "DELETE", f"{admin.site}/projects/{foreign}", fmt=fmt)
    admin.refused(404005, "DELETE", f"{admin.site}/projects/x", fmt=fmt)
    locked = {"project": {"name": unique("p"), "contentPermissions": "LockedToProjectWithoutNested"}}
    admin.refused(400008, "POST", f"{admin.site}/projects", locked, fmt=fmt, version="3.7")
    admin.ok("POST", f"{admin.site}/projects", locked, 201, fmt=fmt, version="3.8")


def test_project_cycles(org, fmt):
    admin = org.admin
    one = admin.add_project()["id"]
    two = admin.add_project(parentProjectId=one)["id"]
    three = admin.add_project(parentProjectId=two)["id"]
    for above, below in ((one, one), (one, two), (one, three), (two, three)):
        reply = admin.call("PUT", f"{admin.site}/projects/{above}",
                           {"project": {"parentProjectId": below}}, fmt=fmt)
        assert 400 <= reply.status < 410, reply
        check_refusal(reply, reply.code)
    moved = admin.ok("PUT", f"{admin.site}/projects/{three}", {"project": {"parentProjectId": one}},
                     fmt=fmt).doc["project"]
    assert moved["parentProjectId"] == one
    top = admin.ok("PUT", f"{admin.site}/projects/{three}", {"project": {"parentProjectId": ""}},
                   fmt=fmt).doc["project"]
    assert "parentProjectId" not in top


def test_cycles_at_once(org):
    """Two moves that each are right and together are not: one is refused."""
    admin = org.admin
    for _ in range(5):
        one, two = admin.add_project()["id"], admin.add_project()["id"]
        replies, gate = [], threading.Barrier(2)

        def move(what, under):
            client = admin.twin(admin.session)
            gate.wait()
            replies.append(client.call("PUT", f"{client.site}/projects/{what}",
                                       {"project": {"parentProjectId": under}}).status)

        threads = [threading.Thread(target=move, args=pair) for pair in ((one, two), (two, one))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert replies.count(200) == 1, replies


def test_delete_takes_what_lies_below(org):
    admin = org.admin
    one = admin.add_project()["id"]
    two = admin.add_project(parentProjectId=one)["id"]
    three = admin.add_project(parentProjectId=two)["id"]
    admin.ok("DELETE", f"{admin.site}/projects/{one}")
    for project in (one, two, three):
        admin.refused(404005, "DELETE", f"{admin.site}/projects/{project}")


def test_default_project(other, fmt):
    admin = other.admin
    projects = admin.ok("GET", f"{admin.site}/projects").doc["projects"]["project"]
    default = next(p for p in projects if p["name"].lower() == "default")
    path = f"{admin.site}/projects/{default['id']}"
    admin.refused(403003, "DELETE", path, fmt=fmt)
    admin.refused(403005, "PUT", path, {"project": {"name": unique("x")}}, fmt=fmt)
    described = admin.ok("PUT", path, {"project": {"description": "here"}}, fmt=fmt).doc["project"]
    assert described["description"] == "here"
    below = admin.add_project()["id"]
    reply = admin.call("PUT", path, {"project": {"parentProjectId": below}}, fmt=fmt)
    assert reply.status in (400, 403, 409), reply


def test_who_may_change_projects(org, fmt):
    project = org.admin.add_project()
    for role in ("Viewer", "Explorer", "Creator"):
        client = org.as_role(role)
        reply = client.call("POST", f"{client.site}/projects", {"project": {"name": unique("p")}}, fmt=fmt)
        assert reply.code in ("403045", "403004"), reply
        path = f"{client.site}/projects/{project['id']}"
        client.refused(403004, "PUT", path, {"project": {"name": "x"}}, fmt=fmt)
        client.refused(403004, "DELETE", path, fmt=fmt)
        assert project["name"] in names(client, "projects", "project", "", fmt)


def test_owner_of_a_project(org, fmt):
    """An owner may change it and make projects inside."""
    admin = org.admin
    project = admin.add_project()
    path = f"{admin.site}/projects/{project['id']}"
    owned = admin.ok("PUT", path, {"project": {"owner": {"id": org.user("Creator")}}}, fmt=fmt)
    assert owned.doc["project"]["owner"]["id"] == org.user("Creator")
    creator = org.as_role("Creator")
    creator.ok("PUT", path, {"project": {"description": "mine"}}, fmt=fmt)
    inside = creator.add_project(parentProjectId=project["id"])
    creator.ok("DELETE", f"{creator.site}/projects/{inside['id']}", fmt=fmt)
    admin.refused(404002, "PUT", path, {"project": {"owner": {"id": ZERO}}}, fmt=fmt)


def test_id_in_the_body_must_agree(org, fmt):
    project = org.admin.add_project()
    path = f"{org.admin.site}/projects/{project['id']}"
    org.admin.refused(404009, "PUT", path, {"project": {"id": ZERO, "name": "x"}}, fmt=fmt)
    org.admin.ok("PUT", path, {"project": {"id": project["id"], "description": "x"}}, fmt=fmt)


def test_bodies(org, fmt):
    admin = org.admin
    project = admin.add_project()["id"]
    broken = ([b"", b"<", b"<tsRequest/>", b"<x/>", b"<tsRequest><user name='x'/></tsRequest>"]
              if fmt == "xml" else [b"", b"{", b"{}", b"[]", b'{"wrong":{}}', b'{"project":[]}'])
    for verb, path in (("POST", "/projects"), ("PUT", f"/projects/{project}")):
        for body in broken:
            admin.refused(400000, verb, admin.site + path, raw=body, fmt=fmt)
    for body in broken:
        if body not in (b"<tsRequest><user name='x'/></tsRequest>",):
            admin.refused(400000, "POST", f"{admin.site}/users", raw=body, fmt=fmt)


def test_xml_and_json_say_the_same(org):
    admin = org.admin
    for path in ("/sites", f"/sites/{org.site_id}", f"{admin.site}/projects?fields=_all_",
                 f"{admin.site}/users?fields=_all_", f"{admin.site}/users/{org.user('Viewer')}",
                 "/sessions/current"):
        one, two = admin.ok("GET", path, fmt="xml").doc, admin.ok("GET", path, fmt="json").doc
        if "lastLogin" not in str(one):
            assert one == two, path


# ---------------------------------------------------------------- sites keep apart
def test_nothing_crosses_over(org, other):
    ours = {p["id"] for p in org.admin.ok("GET", f"{org.admin.site}/projects").doc["projects"]["project"]}
    theirs = {p["id"] for p in other.admin.ok("GET", f"{other.admin.site}/projects").doc["projects"]["project"]}
    assert not ours & theirs
    users = {u["id"] for u in org.admin.ok("GET", f"{org.admin.site}/users").doc["users"]["user"]}
    assert not users & {user_id for user_id, _ in other.users.values()}
    org.admin.refused(404002, "GET", f"{org.admin.site}/users/{other.user('Creator')}")
    org.admin.refused(401002, "GET", f"{other.admin.site}/users")
