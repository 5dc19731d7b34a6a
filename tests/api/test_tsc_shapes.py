"""Answers in the shapes that the Python client (TSC) reads.

The requests are the ones that the client makes (tsc_forms.py), the answers are read as
its models read them; and each is held against the answer that was recorded for the
client's own tests: every attribute and element in it that the schema allows must be
there, but for those in ABSENT, with the reason.
"""

import time
import xml.etree.ElementTree as ET

import pytest

import tsc_forms as tsc
from contents import datasource_bytes, workbook_bytes
from easel_client import NEWEST, unique
from schema import SCHEMA, SPEC
from tables import implemented

RECORDED = SPEC.parent / "fixtures" / "tsc-responses"
if not RECORDED.exists() or not SCHEMA:
    pytest.skip(f"no recorded answers in {RECORDED} (set EASEL_SPEC)", allow_module_level=True)


def served(verb, path):
    return (verb, "/sites/{site-id}" + path) in implemented()


def needs(verb, path):
    """Skips where the method is not served."""
    if not served(verb, path):
        pytest.skip(f"{verb} {path} is not served")


class World:
    """A site in the hands of the client, signed in as server administrator."""

    def __init__(self, server, home):
        self.server = server
        self.content_url = unique("tsc")
        home.ok("POST", "/sites", {"site": {"name": self.content_url.title(),
                                            "contentUrl": self.content_url}}, 201)
        client = tsc.Client(server.url, NEWEST)
        self.signed_in = client.send("POST", "/auth/signin", tsc.request(
            "credentials", tsc.node("site", contentUrl=self.content_url), name=server.admin_name,
            password=server.admin_password))
        self.site_id, _, self.user_id, token = tsc.credentials(self.signed_in)
        self.client = tsc.Client(server.url, NEWEST, token)
        self.old = tsc.Client(server.url, "3.6", token)  # sends queries without encoding

    def send(self, verb, path, body=None, **more):
        return self.client.send(verb, f"/sites/{self.site_id}{path}", body, **more)

    def user(self, role="Viewer", **changes):
        """A user with full name and e-mail who has signed in; (id, name)."""
        name = unique("user")
        made = tsc.users(self.send("POST", "/users", tsc.request("user", name=name, siteRole=role)))
        user_id = made[0]["id"]
        if served("PUT", "/users/{user-id}"):
            self.send("PUT", f"/users/{user_id}", tsc.request(
                "user", fullName="Full Name", email=f"{name}@example.com", siteRole=role,
                authSetting="ServerDefault", **changes))
        self.server.client().by_password(self.server.admin_name, self.server.admin_password,
                                         self.content_url, user=user_id)
        return user_id, name

    def group(self, **attributes):
        return tsc.groups(self.send("POST", "/groups", tsc.request(
            "group", name=unique("group"), **attributes)))[0]

    def group_set(self, *groups):
        made = tsc.group_sets(self.send("POST", "/groupsets", tsc.request(
            "groupSet", name=unique("set"))))[0]
        for group in groups:
            self.send("PUT", f"/groupsets/{made['id']}/groups/{group['id']}")
        return made

    def project(self, **attributes):
        return tsc.projects(self.send("POST", "/projects", tsc.request(
            "project", name=unique("project"), description="about", **attributes)))[0]

    def job(self, body):
        """The job of a body of users, waited for as the client does: until completedAt."""
        content, kind = body
        job = tsc.jobs(self.send("POST", "/users/import", content, content_type=kind))[0]
        limit = time.monotonic() + 60
        while True:
            now = self.send("GET", f"/jobs/{job['id']}")
            if tsc.jobs(now)[0]["completed"]:
                return now
            assert time.monotonic() < limit, now
            time.sleep(0.05)


@pytest.fixture(scope="module")
def world(server, home):
    return World(server, home)


# ---------------------------------------------------------------- against what was recorded
def parts(element, path=""):
    """Paths of all elements and attributes below an element."""
    made = set()
    for one in element:
        here = f"{path}/{one.tag.split('}')[-1]}".strip("/")
        made.add(here)
        made |= {f"{here}@{name}" for name in one.attrib}
        made |= parts(one, here)
    return made


def allowed(path):
    """Whether the schema has the element or attribute."""
    steps, _, attribute = path.partition("@")
    declaration = SCHEMA.roots["tsResponse"]
    for step in steps.split("/"):
        children = SCHEMA.describe(declaration)[1]
        if step not in children:
            return False
        declaration = children[step][0]
    return not attribute or attribute in SCHEMA.describe(declaration)[0]


# What of a recorded answer need not be there.
IDP = "sites have no identity provider of their own"
ONE = "the schema has pages round lists only"
PAGE = dict.fromkeys(["pagination", *(f"pagination@{name}" for name in (
    "pageNumber", "pageSize", "totalAvailable"))], ONE)
ABSENT = {
    "user_get_all_fields": {"users/user@idpConfigurationId": IDP},
    "groupsets_get_by_id": PAGE,
    "groupsets_update": PAGE,
    **dict.fromkeys(("workbook_publish_async", "datasource_publish_async"), {
        "job@finishCode": "a job that has not ended has none"}),
    "job_get_by_id": dict.fromkeys(["job/extractRefreshJob", "job/extractRefreshJob/notes"],
                                   "the job is an import, not a refresh"),
}


def project_rules(world, path, *entries):
    """Permissions of a new project, or what it gives to content, set and asked again."""
    project = world.project()
    path = f"/projects/{project['id']}/{path}"
    world.send("PUT", path, tsc.rules(*entries))
    return world.send("GET", path)


def owned_project(world):
    """A project whose owner has an e-mail address."""
    return world.send("PUT", f"/projects/{world.project()['id']}", tsc.request(
        "project", tsc.node("owner", id=world.user("Creator")[0])))


def publish_as_job(world, kind, filename, data):
    """As the client publishes with as_job."""
    body, content_type = tsc.publish(kind, filename, data, name=unique("async"), showTabs="false")
    return world.send("POST", f"/{kind}s?asJob=true", body, content_type=content_type)


def get_site(world):
    return world.client.send("GET", f"/sites/{world.site_id}")


# name of the recorded answer -> (methods that it takes, the same kind of answer)
ANSWERS = {
    "auth_sign_in": ([], lambda w: w.signed_in),
    "auth_sign_in_impersonate": ([], lambda w: tsc.Client(w.server.url, NEWEST).send(
        "POST", "/auth/signin", tsc.request(
            "credentials", tsc.node("site", contentUrl=w.content_url),
            tsc.node("user", id=w.user()[0]), name=w.server.admin_name,
            password=w.server.admin_password))),
    "server_info_get": ([], lambda w: tsc.Client(w.server.url, "2.4").send("GET", "/serverInfo")),
    "server_info_25": ([], lambda w: tsc.Client(w.server.url, "2.5").send("GET", "/serverInfo")),
    "user_add": ([("POST", "/users")], lambda w: w.send("POST", "/users", tsc.request(
        "user", name=unique("add"), siteRole="Viewer", authSetting="ServerDefault"))),
    "user_get": ([("PUT", "/users/{user-id}")], lambda w: w.user() and w.send(
        "GET", "/users", query=tsc.options(fields="_all_"))),
    "user_get_all_fields": ([("PUT", "/users/{user-id}")], lambda w: w.user() and w.send(
        "GET", "/users", query=tsc.options(fields="_all_"))),
    "user_get_by_id": ([("PUT", "/users/{user-id}")],
                       lambda w: w.send("GET", f"/users/{w.user()[0]}")),
    "user_get_empty": ([("GET", "/users")], lambda w: w.send(
        "GET", "/users", query=tsc.options(filters=[("name", "eq", "nobody")]))),
    "user_populate_groups": ([("GET", "/users/{user-id}/groups")], lambda w: w.send(
        "GET", f"/users/{w.user()[0]}/groups", query=tsc.options())),
    "user_update": ([("PUT", "/users/{user-id}")], lambda w: w.send(
        "PUT", f"/users/{w.user()[0]}", tsc.request(
            "user", fullName="Cassie", email="cassie@example.com", siteRole="Viewer"))),
    "users_bulk_add_job": ([("POST", "/users/import")], lambda w: w.job(tsc.import_users(
        [(unique("bulk"), "A User", "Viewer", "a@example.com")]))),
    "group_create": ([("POST", "/groups")], lambda w: w.send("POST", "/groups", tsc.request(
        "group", name=unique("\u8a66\u4f9b\u54c1"), minimumSiteRole="ExplorerCanPublish"))),
    "group_get": ([("GET", "/groups")], lambda w: w.send("GET", "/groups", query=tsc.options())),
    "group_get_all_fields": ([("GET", "/groups")], lambda w: w.send(
        "GET", "/groups", query=tsc.options(fields="_all_"))),
    "group_update": ([("PUT", "/groups/{group-id}")], lambda w: w.send(
        "PUT", f"/groups/{w.group()['id']}", tsc.request(
            "group", name=unique("updated"), minimumSiteRole="ExplorerCanPublish"))),
    "group_add_user": ([("POST", "/groups/{group-id}/users")], lambda w: w.send(
        "POST", f"/groups/{w.group()['id']}/users", tsc.request("user", id=w.user()[0]))),
    "group_add_users": ([("POST", "/groups/{group-id}/users")], lambda w: w.send(
        "POST", f"/groups/{w.group()['id']}/users", tsc.request("users", *(
            tsc.node("user", id=w.user()[0]) for _ in range(3))))),
    "groupsets_create": ([("POST", "/groupsets")], lambda w: w.send(
        "POST", "/groupsets", tsc.request("groupSet", name=unique("set")))),
    "groupsets_get": ([("GET", "/groupsets")], lambda w: w.group_set(w.group()) and w.send(
        "GET", "/groupsets?resultlevel=members", query=tsc.options())),
    "groupsets_get_by_id": ([("GET", "/groupsets/{group-set-id}")], lambda w: w.send(
        "GET", f"/groupsets/{w.group_set(w.group(), w.group())['id']}")),
    "groupsets_update": ([("PUT", "/groupsets/{group-set-id}")], lambda w: w.send(
        "PUT", f"/groupsets/{w.group_set(w.group())['id']}", tsc.request(
            "groupSet", name=unique("other")))),
    "project_create": ([], lambda w: w.send("POST", "/projects", tsc.request(
        "project", name=unique("project"), description="about",
        contentPermissions="ManagedByOwner", parentProjectId=w.project()["id"]))),
    "project_get": ([], lambda w: w.project(parentProjectId=w.project()["id"]) and w.send(
        "GET", "/projects", query=tsc.options())),
    "project_get_all_fields": ([("PUT", "/users/{user-id}")], lambda w: owned_project(w) and w.send(
        "GET", "/projects", query=tsc.options(fields="_all_"))),
    "project_update": ([], lambda w: w.send(
        "PUT", f"/projects/{w.project()['id']}", tsc.request(
            "project", tsc.node("owner", id=w.user("Creator")[0]), name=unique("updated"),
            description="other", contentPermissions="LockedToProject",
            parentProjectId=w.project()["id"]))),
    "project_content_permission": ([], lambda w: w.send(
        "PUT", f"/projects/{w.project()['id']}", tsc.request(
            "project", name=unique("updated"), parentProjectId=w.project()["id"],
            description="other", contentPermissions="LockedToProjectWithoutNested"))),
    "project_populate_permissions": ([("PUT", "/projects/{project-id}/permissions")],
                                     lambda w: project_rules(w, "permissions", (
                                         "user", w.user_id, {"Read": "Allow", "Write": "Allow"}))),
    "project_populate_workbook_default_permissions": (
        [("PUT", "/projects/{project-id}/default-permissions/{content-type}")],
        lambda w: project_rules(w, "default-permissions/workbooks", (
            "group", w.group()["id"], {"Read": "Allow", "ViewUnderlyingData": "Deny"}))),
    "project_populate_virtualconnection_default_permissions": (
        [("PUT", "/projects/{project-id}/default-permissions/{content-type}")],
        lambda w: project_rules(w, "default-permissions/virtualConnections", (
            "group", w.group()["id"], {"Read": "Allow", "Delete": "Deny"}))),
    "project_update_datasource_default_permissions": (
        [("PUT", "/projects/{project-id}/default-permissions/{content-type}")],
        lambda w: project_rules(w, "default-permissions/datasources", (
            "group", w.group()["id"], {"Connect": "Allow", "ExportXml": "Deny"}))),
    "project_update_virtualconnection_default_permissions": (
        [("PUT", "/projects/{project-id}/default-permissions/{content-type}")],
        lambda w: project_rules(w, "default-permissions/virtualConnections", (
            "group", w.group()["id"], {"Read": "Deny", "ChangeHierarchy": "Allow"}))),
    "site_create": ([("PUT", "")], lambda w: w.client.send("POST", "/sites", tsc.request(
        "site", name=unique("Site"), contentUrl=unique("site"), **SITE))),
    "site_get": ([("PUT", "")], lambda w: update_site(w) and w.client.send(
        "GET", "/sites", query=tsc.options(page_size=1000))),
    "site_get_by_id": ([("PUT", "")], lambda w: update_site(w) and get_site(w)),
    "site_get_by_name": ([("PUT", "")], lambda w: update_site(w) and w.client.send(
        "GET", f"/sites/{w.content_url.title()}?key=name")),
    "site_update": ([("PUT", "")], lambda w: update_site(w)),
    "workbook_publish_async": ([("POST", "/workbooks")], lambda w: publish_as_job(
        w, "workbook", "book.twb", workbook_bytes())),
    "datasource_publish_async": ([("POST", "/datasources")], lambda w: publish_as_job(
        w, "datasource", "source.tds", datasource_bytes())),
    "job_get": ([("GET", "/jobs")], lambda w: w.job(tsc.import_users(
        [(unique("bulk"), "A User", "Viewer", "a@example.com")])) and w.send(
            "GET", "/jobs", query=tsc.options())),
    "job_get_by_id": ([("GET", "/jobs/{job-id}")], lambda w: w.job(tsc.import_users(
        [(unique("bulk"), "A User", "Viewer", "a@example.com")]))),
}

# Attributes of a site as the client sends them; each differs from where a site begins.
SITE = {
    "adminMode": "ContentAndUsers", "storageQuota": 15, "disableSubscriptions": "true",
    "subscribeOthersEnabled": "true", "revisionLimit": 13, "revisionHistoryEnabled": "true",
    "editingFlowsEnabled": "false", "schedulingFlowsEnabled": "false",
    "allowSubscriptionAttachments": "true", "guestAccessEnabled": "false",
    "cacheWarmupEnabled": "true", "commentingEnabled": "true", "extractEncryptionMode": "enabled",
    "requestAccessEnabled": "false", "runNowEnabled": "true", "tierCreatorCapacity": 200,
    "tierExplorerCapacity": 100, "tierViewerCapacity": 100, "dataAlertsEnabled": "True",
    "commentingMentionsEnabled": "false", "catalogObfuscationEnabled": "true",
    "flowAutoSaveEnabled": "true", "webExtractionEnabled": "false",
    "metricsContentTypeEnabled": "true", "notifySiteAdminsOnThrottle": "false",
    "authoringEnabled": "true", "customSubscriptionEmailEnabled": "true",
    "customSubscriptionEmail": "test@example.com", "customSubscriptionFooterEnabled": "true",
    "customSubscriptionFooter": "example_footer", "askDataMode": "DisabledByDefault",
    "namedSharingEnabled": "false", "mobileBiometricsEnabled": "true", "sheetImageEnabled": "false",
    "catalogingEnabled": "true", "derivedPermissionsEnabled": "true", "userVisibilityMode": "FULL",
    "useDefaultTimeZone": "false", "timeZone": "America/Los_Angeles",
    "autoSuspendRefreshEnabled": "true", "autoSuspendRefreshInactivityWindow": 55,
    "attributeCaptureEnabled": "true",
}


def update_site(world):
    return world.client.send("PUT", f"/sites/{world.site_id}", tsc.request(
        "site", name=world.content_url.title(), contentUrl=world.content_url, state="Active",
        **SITE))


@pytest.mark.parametrize("name", ANSWERS)
def test_everything_recorded_is_there(world, name):
    methods, answer = ANSWERS[name]
    for method in methods:
        needs(*method)
    recorded = ET.parse(RECORDED / f"{name}.xml").getroot()
    content = answer(world)
    missing = {path for path in parts(recorded) - parts(ET.fromstring(content)) if allowed(path)}
    assert missing == set(ABSENT.get(name, ())), content.decode()


def test_the_errors_have_the_recorded_shape(world):
    for name, version, path in (("auth_sign_in_error", NEWEST, "/auth/signin"),
                                ("server_info_404", "2.4", "/nosuch")):
        recorded = ET.parse(RECORDED / f"{name}.xml").getroot()
        client = tsc.Client(world.server.url, version)
        reply = client.http.post(client.base + path, headers={"content-type": "text/xml"},
                                 data=tsc.request("credentials", tsc.node("site", contentUrl=""),
                                                  name="nobody", password="wrong"))
        assert parts(ET.fromstring(reply.content)) == parts(recorded)
        code, summary, detail = tsc.error(reply.content)
        assert code == recorded[0].get("code") and summary and detail
        assert summary == recorded[0][0].text


# ---------------------------------------------------------------- as its models read them
def test_sign_in_and_out(world):
    site, content_url, user, token = tsc.credentials(world.signed_in)
    assert content_url == world.content_url and site and user and token
    client = tsc.Client(world.server.url, NEWEST, token=tsc.credentials(
        tsc.Client(world.server.url, NEWEST).send("POST", "/auth/signin", tsc.request(
            "credentials", tsc.node("site", contentUrl=""), name=world.server.admin_name,
            password=world.server.admin_password)))[3])
    switched = client.send("POST", "/auth/switchSite", tsc.request("site",
                                                                  contentUrl=world.content_url))
    assert tsc.credentials(switched)[1] == world.content_url
    tsc.Client(world.server.url, NEWEST, tsc.credentials(switched)[3]).send("POST", "/auth/signout",
                                                                            "")


def test_server_info(world):
    product, build, newest = tsc.server_info(
        tsc.Client(world.server.url, "2.4").send("GET", "/serverInfo"))
    assert product and build and newest == NEWEST


def test_users(world):
    needs("PUT", "/users/{user-id}")
    user_id, name = world.user("Explorer")
    listed = world.send("GET", "/users", query=tsc.options(
        filters=[("name", "in", [name, "nobody"])], fields="_all_"))
    assert tsc.pagination(listed) == (1, 100, 1)
    (user,) = tsc.users(listed)
    assert (user["id"], user["name"], user["role"]) == (user_id, name, "Explorer")
    assert (user["full_name"], user["email"]) == ("Full Name", f"{name}@example.com")
    assert (user["auth"], user["domain"]) == ("ServerDefault", "local")
    assert user["last_login"] and user["external"] is not None
    (alone,) = tsc.users(world.send("GET", f"/users/{user_id}"))
    assert alone == {**user, "language": alone["language"], "locale": alone["locale"]}
    (updated,) = [node for node in ET.fromstring(world.send(
        "PUT", f"/users/{user_id}", tsc.request("user", siteRole="Viewer"))).iter()
        if node.tag.endswith("}user")]
    assert updated.get("siteRole") == "Viewer"
    world.send("DELETE", f"/users/{user_id}")


def test_remove_with_a_map(world):
    needs("DELETE", "/users/{user-id}")
    leaving, heir = world.user("Creator")[0], world.user("Creator")[0]
    project = world.project()
    world.send("PUT", f"/projects/{project['id']}", tsc.request("project",
                                                               tsc.node("owner", id=leaving)))
    world.send("DELETE", f"/users/{leaving}?mapAssetsTo={heir}")
    (mapped,) = tsc.projects(world.send("GET", "/projects", query=tsc.options(
        filters=[("name", "eq", project["name"])])))
    assert mapped["owner"] == heir


def test_bulk_users(world):
    needs("POST", "/users/import")
    roles = ["Creator", "ExplorerCanPublish", "Explorer", "Viewer", "Unlicensed",
             "SiteAdministratorCreator", "SiteAdministratorExplorer"]
    people = {unique("bulk"): role for role in roles}
    (job,) = tsc.jobs(world.job(tsc.import_users(
        [(name, "A, \"User\"".replace('"', "").replace(",", ""), role, f"{name}@example.com")
         for name, role in people.items()])))
    assert job["code"] in (0, 3) and job["progress"] == 100 and job["notes"], job
    found = {user["name"]: user for user in tsc.users(world.send("GET", "/users", query=tsc.options(
        page_size=1000, fields="_all_")))}
    assert {name: found[name]["role"] for name in people} == people
    assert all(found[name]["email"] == f"{name}@example.com" for name in people)
    content, kind = tsc.delete_users(people)
    world.send("POST", "/users/delete", content, content_type=kind)


def test_groups(world):
    needs("GET", "/groups/{group-id}/users")
    group = world.group(minimumSiteRole="Viewer")
    assert group["role"] == "Viewer"
    members = [world.user()[0] for _ in range(3)]
    path = f"/groups/{group['id']}/users"
    (one,) = tsc.users(world.send("POST", path, tsc.request("user", id=members[0])))
    assert one["id"] == members[0]
    added = tsc.users(world.send("POST", path, tsc.request("users", *(
        tsc.node("user", id=member) for member in members[1:]))))
    assert {user["id"] for user in added} == set(members[1:])
    content = world.send("GET", path, query=tsc.options(page_size=2))
    assert tsc.pagination(content) == (1, 2, 3) and len(tsc.users(content)) == 2
    world.send("PUT", path + "/remove", tsc.request("users", tsc.node("user", id=members[2])))
    world.send("DELETE", f"{path}/{members[1]}")
    (left,) = tsc.users(world.send("GET", path, query=tsc.options()))
    assert left["id"] == members[0]
    (found,) = tsc.groups(world.send("GET", "/groups", query=tsc.options(
        filters=[("name", "eq", group["name"])], fields="_all_")))
    assert (found["count"], found["domain"]) == (1, "local")
    updated = tsc.groups(world.send("PUT", f"/groups/{group['id']}", tsc.request(
        "group", name=group["name"] + "2", minimumSiteRole="Unlicensed")))[0]
    assert updated["name"] == group["name"] + "2"
    all_users = next(group for group in tsc.groups(world.send("GET", "/groups"))
                     if group["name"] == "All Users")
    assert all_users["domain"] == "local"
    world.send("DELETE", f"/groups/{group['id']}")


def test_group_sets(world):
    needs("GET", "/groupsets")
    groups = [world.group() for _ in range(2)]
    made = world.group_set(*groups)
    (found,) = tsc.group_sets(world.send("GET", f"/groupsets/{made['id']}"))
    assert found["count"] == 2
    assert set(found["groups"]) == {(group["id"], group["name"]) for group in groups}
    content = world.send("GET", "/groupsets", query=tsc.options())
    assert tsc.pagination(content)[2] == len(tsc.group_sets(content))
    world.send("DELETE", f"/groupsets/{made['id']}/groups/{groups[0]['id']}")
    (renamed,) = tsc.group_sets(world.send("PUT", f"/groupsets/{made['id']}", tsc.request(
        "groupSet", name=made["name"] + "2")))
    assert renamed["count"] == 1
    world.send("DELETE", f"/groupsets/{made['id']}")


def test_projects(world):
    project = world.project(contentPermissions="ManagedByOwner")
    assert (project["description"], project["owner"]) == ("about", world.user_id)
    nested = world.project(parentProjectId=project["id"])
    filters = [("parentProjectId", "eq", project["id"])]
    content = world.send("GET", "/projects", query=tsc.options(filters=filters))
    assert [(one["id"], one["owner"]) for one in tsc.projects(content)] == [
        (nested["id"], world.user_id)]
    (full,) = tsc.projects(world.send("GET", "/projects", query=tsc.options(
        filters=filters, fields="_all_")), full=True)
    assert full["top"] is False and full["writeable"] is True
    assert full["owner_role"] == "ServerAdministrator" and full["owner_name"] == "admin"
    assert full["counts"]["projectCount"] == 0
    (moved,) = tsc.projects(world.send("PUT", f"/projects/{nested['id']}", tsc.request(
        "project", name=nested["name"], parentProjectId="")))
    assert moved["parent"] is None
    world.send("DELETE", f"/projects/{project['id']}")


@pytest.mark.parametrize("path,first,second", [
    ("permissions", "Read", "Write"), ("default-permissions/workbooks", "Read", "ExportXml"),
    ("default-permissions/datasources", "Connect", "SaveAs"),
    ("default-permissions/flows", "Execute", "Write"), ("default-permissions/lenses", "Read", "Write"),
    ("default-permissions/metrics", "Read", "Delete"),
    ("default-permissions/databases", "Read", "Write"), ("default-permissions/tables", "Read", "Write"),
    ("default-permissions/dataroles", "Read", "Write"),
    ("default-permissions/virtualConnections", "Read", "Connect")])
def test_permissions(world, path, first, second):
    needs("PUT", "/projects/{project-id}/permissions")
    needs("POST", "/groupsets")
    project, user = world.project(), world.user()[0]
    group, group_set = world.group(), world.group_set()
    path = f"/projects/{project['id']}/{path}"
    before = tsc.permissions(world.send("GET", path))
    expected = {("user", user): {first: "Allow", second: "Deny"},
                ("group", group["id"]): {second: "Allow"}, ("groupSet", group_set["id"]): {first: "Deny"}}
    answer = tsc.permissions(world.send("PUT", path, tsc.rules(
        *((*grantee, modes) for grantee, modes in expected.items()))))
    assert answer == {**before, **expected}
    for kind, grantee in expected:
        for name, mode in expected[kind, grantee].items():
            world.send("DELETE", f"{path}/{kind}s/{grantee}/{name}/{mode}")
    assert tsc.permissions(world.send("GET", path)) == before


def test_sites(world):
    needs("PUT", "")
    (updated,) = tsc.sites(update_site(world))
    (found,) = tsc.sites(get_site(world))
    assert found == updated
    for name in tsc.SITE_BOOLEANS:
        assert found[name] is (SITE[name] == "true"), name
    assert found["revisionLimit"] == 13 and found["storageQuota"] == 15
    (used,) = tsc.sites(world.client.send("GET", f"/sites/{world.site_id}?includeUsage=true"))
    assert used["usage"] and used["usage"][0] >= 1
    everything = world.client.send("GET", "/sites", query=tsc.options(page_size=1000))
    assert world.site_id in {site["id"] for site in tsc.sites(everything)}
    assert tsc.pagination(everything)[2] == len(tsc.sites(everything))
    made = unique("made")
    (other,) = tsc.sites(world.client.send("POST", "/sites", tsc.request(
        "site", name=made.title(), contentUrl=made)))
    world.client.send("DELETE", f"/sites/{other['id']}")


def test_jobs(world):
    needs("GET", "/jobs")
    (job,) = tsc.jobs(world.job(tsc.import_users([(unique("b"), "A User", "Viewer", "a@example.com")])))
    content = world.send("GET", "/jobs", query=tsc.options())
    assert tsc.pagination(content)[2] == len(tsc.background_jobs(content))
    found = {one["id"]: one for one in tsc.background_jobs(content)}[job["id"]]
    assert found["status"] == "Success" and found["started"] and found["ended"]


@pytest.mark.parametrize("kind, filename, data", [
    ("workbook", "book.twb", workbook_bytes()), ("datasource", "source.tds", datasource_bytes()),
    ("workbook", "book.twb", b"<workbook")])
def test_publishing_as_a_job(world, kind, filename, data):
    """Until completedAt is there, as the client waits; it then looks at finishCode."""
    needs("POST", f"/{kind}s")
    (job,) = tsc.jobs(publish_as_job(world, kind, filename, data))
    assert job["code"] == -1 and job["mode"] == "Asynchronous"
    limit = time.monotonic() + 60
    while not job["completed"]:
        assert time.monotonic() < limit, job
        time.sleep(0.02)
        (job,) = tsc.jobs(world.send("GET", f"/jobs/{job['id']}"))
    assert job["code"] == (1 if data == b"<workbook" else 0) and job["progress"] == 100


# ---------------------------------------------------------------- queries as they are sent
@pytest.mark.parametrize("name", ["plain", "with space", "a:b", "50% off", "\u00fcber", "it's", "x+y",
                                  "a&b", "[x]", "back\\slash", "q?x#y"])
def test_filters_in_both_encodings(world, name):
    name = unique(name)
    (project,) = tsc.projects(world.send("POST", "/projects", tsc.request("project", name=name)))
    query = tsc.options(filters=[("name", "eq", name), ("topLevelProject", "eq", "true")],
                        sort=[("name", "asc"), ("createdAt", "desc")])
    found = world.send("GET", "/projects" + tsc.encoded(query))
    assert [one["id"] for one in tsc.projects(found)] == [project["id"]]
    if set(name) & set("%&+#?"):
        return  # a client that encodes nothing can't ask for these
    path = f"/sites/{world.site_id}/projects" + tsc.raw(query)
    assert [one["id"] for one in tsc.projects(world.old.send("GET", path))] == [project["id"]]


def test_lists_of_values(world):
    names = [world.project()["name"] for _ in range(3)]
    for client, form in ((world.client, tsc.encoded), (world.old, tsc.raw)):
        query = form(tsc.options(filters=[("name", "in", names)]))
        found = client.send("GET", f"/sites/{world.site_id}/projects{query}")
        assert sorted(one["name"] for one in tsc.projects(found)) == sorted(names)


def test_a_pager_reads_every_page(world):
    names = sorted(world.project()["name"] for _ in range(7))
    found, page = [], 1
    while True:
        content = world.send("GET", "/projects", query=tsc.options(
            page_number=page, page_size=3, filters=[("name", "in", names)], sort=[("name", "asc")]))
        found += [one["name"] for one in tsc.projects(content)]
        number, size, total = tsc.pagination(content)
        assert (number, size, total) == (page, 3, 7)
        if page * size >= total:
            break
        page += 1
    assert found == names
