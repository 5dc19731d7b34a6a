"""Scope and rights, both: over every served method of sites, users, groups, group sets,
projects, permissions (of projects and content) and jobs.

A JWT session may do what its scopes say and what its user may. Lacking the scope it
gets 401002, whatever the rights; lacking the rights, the documented 403; with both
the call succeeds. Methods that no scope opens refuse each JWT session, and take
sessions by password up to their rights.
"""

import re

import pytest

from contents import publish_datasource, publish_flow, publish_workbook
from easel_client import check_refusal, unique
from orgs import Org
from schema import ABSENT, SPEC
from tables import implemented, listed, spec_rows

if not SPEC.exists():
    pytest.skip(ABSENT, allow_module_level=True)

CATEGORIES = ("Site", "Users", "Groups", "Group Sets", "Projects", "Permissions")
RULE = [{"name": "Read", "mode": "Allow"}]

# Codes of a refusal for lack of rights: that of nearly all, and the documented others.
# To whom may not see it, a job is not there.
FORBIDDEN = "403004"
OTHER_CODES = {
    ("GET", "/sites/{site-id}/users/{user-id}"): "403133",
    ("POST", "/sites/{site-id}/projects"): "403045",
    ("GET", "/sites/{site-id}/projects/{project-id}/default-permissions/{content-type}"): "403036",
    ("GET", "/sites/{site-id}/jobs/{job-id}"): "404018",
    ("PUT", "/sites/{site-id}/jobs/{job-id}"): "403032",
}
# Open to every user of the site, who then sees less.
OPEN = {("GET", "/sites"), ("GET", "/sites/{site-id}"), ("GET", "/sites/{site-name}?key=name"),
        ("GET", "/sites/{content-url}?key=contentUrl"), ("GET", "/sites/{site-id}/groups"),
        ("GET", "/sites/{site-id}/projects"), ("GET", "/sites/{site-id}/content/recent")}


def in_question(row):
    return row["category"] in CATEGORIES or "/jobs" in row["path"]


ROWS = [row for row in spec_rows("methods.tsv")
        if in_question(row) and (row["verb"], row["path"]) in implemented()]
SCOPED = [row for row in ROWS if listed(row["scopes_any"]) != ["no-scope-exists"]]
UNSCOPED = [row for row in ROWS if listed(row["scopes_any"]) == ["no-scope-exists"]]
EVERY_SCOPE = sorted({scope for row in ROWS for scope in listed(row["scopes_any"])} -
                     {"no-scope-exists"})


def name_of(row):
    return f"{row['verb']} {row['path']}"


class Things:
    """What a call is about, made anew for each call on a site of a user's own."""

    def __init__(self, org, row):
        self.admin, self.org, self.row = org.admin, org, row
        self.known = {"site-id": org.site_id, "content-type": "workbooks",
                      "capability-name": "Read", "capability-mode": "Allow",
                      "site-name": org.content_url.title(), "content-url": org.content_url}

    def get(self, name):
        if name not in self.known:
            self.known[name] = getattr(self, name.replace("-", "_"))()
        return self.known[name]

    def post(self, path, element, **members):
        return self.admin.ok("POST", self.admin.site + path, {element: members}, 201).doc[element]

    def user_id(self):
        return self.admin.add_user()[0]

    def group_id(self):
        return self.post("/groups", "group", name=unique("group"))["id"]

    def group_set_id(self):
        return self.post("/groupsets", "groupSet", name=unique("set"))["id"]

    def project_id(self):
        return self.admin.add_project()["id"]

    def workbook_id(self):
        return publish_workbook(self.admin, project=self.get("project-id"))["id"]

    def datasource_id(self):
        return publish_datasource(self.admin, project=self.get("project-id"))["id"]

    def flow_id(self):
        return publish_flow(self.admin, project=self.get("project-id"))["id"]

    def view_id(self):
        views = self.admin.ok("GET", f"{self.admin.site}/workbooks/{self.get('workbook-id')}/views")
        return views.doc["views"]["view"][0]["id"]

    def job_id(self):
        raw, content_type = csv_of("import", unique("job"))
        return self.admin.ok("POST", f"{self.admin.site}/users/import", raw=raw,
                             content_type=content_type).doc["job"]["id"]

    def path(self):
        return re.sub(r"\{([^}]+)\}", lambda match: self.get(match.group(1)), self.row["path"])

    def prepare(self):
        """What must be there for the call to find its object."""
        path, site = self.row["path"], self.admin.site
        if self.row["verb"] == "DELETE" and path.endswith("{capability-mode}"):
            kind = next(kind for kind in ("user", "group", "group-set") if f"{{{kind}-id}}" in path)
            element = {"group-set": "groupSet"}.get(kind, kind)
            rules = self.path().split(f"/{kind.replace('-s', 'S')}s/")[0]
            self.admin.ok("PUT", rules, permissions(element, self.get(kind + "-id")))
        elif path.endswith("/groups/{group-id}/users/{user-id}") or path.endswith("/users/remove"):
            self.admin.ok("POST", f"{site}/groups/{self.get('group-id')}/users",
                          {"user": {"id": self.get("user-id")}})
        elif self.row["verb"] == "DELETE" and path.endswith("/groups/{group-id}") and \
                "groupsets" in path:
            self.admin.ok("PUT", f"{site}/groupsets/{self.get('group-set-id')}/groups/"
                          f"{self.get('group-id')}")

    def body(self):
        """(document, raw body, content type) of a call that has one."""
        verb, path = self.row["verb"], self.row["path"].removeprefix("/sites/{site-id}")
        user = {"user": {"id": self.get("user-id")}} if "users" in path and verb != "GET" else None
        if path in ("/users/import", "/users/delete"):
            return None, *csv_of(path.split("/")[-1], unique("csv"))
        documents = {
            ("POST", "/sites"): {"site": {"name": unique("Made"), "contentUrl": unique("made")}},
            ("PUT", ""): {"site": {"disableSubscriptions": False}},
            ("POST", "/users"): {"user": {"name": unique("user"), "siteRole": "Viewer"}},
            ("PUT", "/users/{user-id}"): {"user": {"fullName": "Full Name"}},
            ("POST", "/groups/{group-id}/users"): user,
            ("PUT", "/groups/{group-id}/users/remove"): user and {"users": {"user": [user["user"]]}},
            ("POST", "/groups"): {"group": {"name": unique("group")}},
            ("PUT", "/groups/{group-id}"): {"group": {"name": unique("group")}},
            ("POST", "/groupsets"): {"groupSet": {"name": unique("set")}},
            ("PUT", "/groupsets/{group-set-id}"): {"groupSet": {"name": unique("set")}},
            ("POST", "/projects"): {"project": {"name": unique("project")}},
            ("PUT", "/projects/{project-id}"): {"project": {"description": "other"}},
            ("PUT", "/settings/embedding"): {"site": {"settings": {
                "unrestrictedEmbedding": True, "allowList": ""}}},
        }
        if "permissions" in path and verb in ("PUT", "POST"):
            return permissions("user", self.org.user("Viewer")), None, None
        return documents.get((verb, path)), None, None

    def call(self, client, **changes):
        document, raw, content_type = self.body()
        return client.call(self.row["verb"], self.path(), document, raw=raw,
                           content_type=content_type, **changes)


def permissions(kind, grantee):
    return {"permissions": {"granteeCapabilities": [
        {kind: {"id": grantee}, "capabilities": {"capability": RULE}}]}}


def csv_of(what, name):
    """A multipart body with a CSV of one user."""
    line = name if what == "delete" else f"{name},,A User,Viewer,None,0,{name}@example.com"
    parts = "" if what == "delete" else (
        '--b\r\nContent-Disposition: name="request_payload"\r\nContent-Type: text/xml\r\n\r\n'
        '<tsRequest><user authSetting="ServerDefault"/></tsRequest>\r\n')
    parts += (f'--b\r\nContent-Disposition: name="tableau_user_{what}"; filename="users.csv"\r\n'
              f'Content-Type: text/csv\r\n\r\n{line}\r\n--b--\r\n')
    return parts.encode(), "multipart/mixed; boundary=b"


def deletes_a_site(row):
    return row["verb"] == "DELETE" and row["path"].split("?")[0].count("/") == 2


def place(row, org, server, home):
    """The site of the test, or one of its own for a call that deletes it."""
    return Org(server, home, unique("gone")) if deletes_a_site(row) else org


def signed_in(org, name, scopes):
    return org.server.client().by_jwt(org.app.jwt(name, scopes), org.content_url)


def test_every_row_is_in_question():
    assert len(SCOPED) >= 13, "the table was read"
    assert {row["category"] for row in ROWS} <= {*CATEGORIES, "Jobs, Tasks and Schedules"}


@pytest.mark.parametrize("row", SCOPED, ids=[name_of(row) for row in SCOPED])
def test_both_must_hold(server, home, org, row):
    site = place(row, org, server, home)
    wanted = listed(row["scopes_any"])
    others = [scope for scope in EVERY_SCOPE if scope not in wanted]
    admin, viewer = server.admin_name, site.name("Viewer")
    things = Things(site, row)
    things.prepare()
    for name in (admin, viewer):
        check_refusal(things.call(signed_in(site, name, others)), "401002")
    if (row["verb"], row["path"]) not in OPEN:
        for scope in wanted:
            reply = things.call(signed_in(site, viewer, [scope]))
            check_refusal(reply, OTHER_CODES.get((row["verb"], row["path"]), FORBIDDEN))
    for scope in wanted:
        site = place(row, org, server, home)
        things = Things(site, row)
        things.prepare()
        reply = things.call(signed_in(site, admin, [scope]))
        assert str(reply.status) in listed(row["success"].replace(",", ";")), reply


@pytest.mark.parametrize("row", UNSCOPED, ids=[name_of(row) for row in UNSCOPED])
def test_what_no_scope_opens(server, home, org, row):
    things = Things(org, row)
    things.prepare()
    for name in (server.admin_name, org.name("Viewer")):
        check_refusal(things.call(signed_in(org, name, EVERY_SCOPE)), "401002")
    reply = things.call(org.as_role("Viewer"))
    check_refusal(reply, OTHER_CODES.get((row["verb"], row["path"]), FORBIDDEN))
    reply = things.call(org.admin)
    assert str(reply.status) in listed(row["success"]) or reply.code == "403091", reply


@pytest.mark.parametrize("path", ["/sites", "/sites/{site-id}", "/sites/{site-id}/groups",
                                  "/sites/{site-id}/projects"])
def test_what_every_user_may_call(org, path):
    """A Viewer with the scope sees what is a Viewer's."""
    row = next(row for row in ROWS if (row["verb"], row["path"]) == ("GET", path))
    for scope in listed(row["scopes_any"]):
        reply = Things(org, row).call(signed_in(org, org.name("Viewer"), [scope]))
        assert reply.status == 200, reply
