"""Nothing of one site is ever visible from another.

Two sites are filled with all that can be made on one. Then every GET method of
the table that is served is called on the first site, by every role, with each
path parameter taken from the first or the second: not a byte of the second's
names and ids may come back that was not sent, and where one was sent the answer
is a documented refusal.

A method that is served later is covered by being in the table. Where it has a
path parameter that is unknown here, the test fails until MAKERS says how such a
thing is made, or NOT_COVERED why not.
"""

import functools
import itertools
import re
from urllib.parse import quote

import pytest

import contents
from easel_client import unique
from orgs import ROLES, Org
from published import publish_custom_view
from tables import binary_methods, implemented, listed

PARAMETER = re.compile(r"\{([^}]+)\}")
LUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# Methods by path, or parameters by name, each with the reason.
NOT_COVERED = {"/sites/{site-id}/views?filter=viewUrlName:eq:{view-name}":
               "a list by a filter: test_filters_find_nothing_of_another_site asks the list"}

# Parameters that are words of the API: one value for both sites.
WORDS = {"content-type": "workbooks", "type": "workbooks", "revision-number": "1"}

# What server administrators may see of sites that they are not signed in to.
OF_THE_SERVER = {"/sites", "/sites/{site-id}", "/sites/{site-name}?key=name",
                 "/sites/{content-url}?key=contentUrl"}

# Beside those of the method's row (universal answers of the specification).
UNIVERSAL = {"401002", "403000", "403004", "404000"}


def served(verb, path):
    return (verb, path) in implemented()


class Filled(Org):
    """A site with one of everything; each name holds the site's mark."""

    def __init__(self, server, home):
        self.mark = unique("zq").replace("-", "")
        super().__init__(server, home, f"url-{self.mark}")
        self.things = {}  # parameter -> id
        for name, maker in MAKERS.items():
            value = maker(self)
            if value is not None:
                self.things[name] = value
        self.adorn()
        self.things["site-id"] = self.site_id
        self.things["site-name"] = self.content_url.title()
        self.things["content-url"] = self.content_url

    def named(self, what):
        return f"{what}-{self.mark}"

    def adorn(self):
        """Texts that are shown beside names and ids."""
        self.admin.ok("PUT", f"/sites/{self.site_id}", {"site": {
            "customSubscriptionFooter": self.named("footer")}})
        self.admin.ok("PUT", f"{self.admin.site}/settings/embedding", {"site": {"settings": {
            "unrestrictedEmbedding": False, "allowList": f"{self.mark}.example.com"}}})

    @functools.cached_property
    def ids(self):
        """All ids of this site that could be told from an answer: those that its own
        administrators are shown, and those that are known from making it."""
        shown = [self.admin.call("GET", url_of(row["path"], {**WORDS, **self.things}) + (
            "&" if "?" in row["path"] else "?") + WIDEST).body.decode(errors="replace")
            for row in rows() if row["path"] != "/sites"]
        made = [*self.things.values(), *(user_id for user_id, _ in self.users.values())]
        return {found.lower() for text in [*shown, *made] for found in LUID.findall(text)}


def make_user(site):
    return site.admin.add_user(site.named("user"), "Explorer")[0]


def make_project(site):
    parent = site.admin.add_project(site.named("parent"), description=site.named("about"))
    child = site.admin.add_project(site.named("child"), parentProjectId=parent["id"],
                                   owner={"id": site.user("Creator")})
    return child["id"]


def make_app(site):
    maker = site.as_role("SiteAdministratorCreator")  # whose secrets the site may read
    site.app = maker.make_signing_app(name=site.named("app"), enabled=True,
                                      domainSafelist=f"{site.mark}.example.com",
                                      unrestrictedEmbedding=False)
    return site.app.client_id


def make_secret(site):
    return site.app.keys[0].id


def make_group(site):
    if not served("POST", "/sites/{site-id}/groups"):
        return None
    group = site.admin.ok("POST", f"{site.admin.site}/groups",
                          {"group": {"name": site.named("group")}}, 201).doc["group"]
    if served("POST", "/sites/{site-id}/groups/{group-id}/users"):
        site.admin.ok("POST", f"{site.admin.site}/groups/{group['id']}/users",
                      {"user": {"id": site.user("Viewer")}})
    return group["id"]


def make_group_set(site):
    if not served("POST", "/sites/{site-id}/groupsets"):
        return None
    return site.admin.ok("POST", f"{site.admin.site}/groupsets",
                         {"groupSet": {"name": site.named("set")}}, 201).doc["groupSet"]["id"]


def make_job(site):
    """An import of users by CSV: the job that there is without content."""
    if not served("POST", "/sites/{site-id}/users/import"):
        return None
    boundary = unique("part")
    payload = ('<tsRequest><user name="{0}" authSetting="ServerDefault" /></tsRequest>'
               .format(site.named("imported")))
    body = (f'--{boundary}\r\nContent-Disposition: name="request_payload"\r\n'
            f'Content-Type: text/xml\r\n\r\n{payload}\r\n'
            f'--{boundary}\r\nContent-Disposition: name="tableau_user_import"; '
            f'filename="users.csv"\r\nContent-Type: text/csv\r\n\r\n'
            f'{site.named("imported")},,,Viewer,None,no\r\n--{boundary}--\r\n')
    reply = site.admin.ok("POST", f"{site.admin.site}/users/import", raw=body.encode(),
                          content_type=f"multipart/mixed; boundary={boundary}")
    return reply.doc["job"]["id"]


def make_eas(site):
    reply = site.admin.ok("POST", f"{site.admin.site}/connected-apps/external-authorization-servers", {
        "externalAuthorizationServer": {"issuerUrl": f"https://{site.mark}.example.com",
                                        "name": site.named("server")}})
    return LUID.search(reply.body.decode()).group()


def published(kind):
    def make(site):
        publish = {"workbook": contents.publish_workbook, "datasource": contents.publish_datasource,
                   "flow": contents.publish_flow}[kind]
        sheet = site.named("sheet")
        data = contents.workbook_bytes(sheets=(sheet,), thumbnails=[
            (sheet, contents.png_bytes())]) if kind == "workbook" else None
        # A workbook's content URL is as the site's: the table has one name for both.
        name = site.content_url if kind == "workbook" else site.named(kind)
        return publish(site.admin, name=name, data=data)["id"]
    return make


def make_view(site):
    views = site.admin.ok("GET", f"{site.admin.site}/workbooks/{site.things['workbook-id']}/views")
    return views.doc["views"]["view"][0]["id"]


def make_custom_view(site):
    sheet = site.named("sheet")
    reply = publish_custom_view(
        site.admin, site.things["workbook-id"], site.named("own"), sheet, shared=True)
    return reply.doc["customView"]["id"]


def make_flow_run(site):
    reply = site.admin.ok("POST", f"{site.admin.site}/flows/{site.things['flow-id']}/run", {})
    return reply.doc["job"]["runFlowJobType"]["flowRunId"]


def make_flow_task(site):
    reply = site.admin.ok("POST", f"{site.admin.site}/tasks/flows", {
        "runFlow": {"flow": {"id": site.things["flow-id"]}}, "schedule": {
            "frequency": "Daily", "frequencyDetails": {"start": "04:00:00"}}}, 201)
    return reply.doc["task"]["flowRun"]["id"]


def make_label(site):
    return site.admin.ok("PUT", f"{site.admin.site}/labels", {
        "contentList": {"content": [{"contentType": "datasource", "id": site.things["datasource-id"]}]},
        "label": {"value": "Warning", "message": site.named("message")}}).doc[
            "labelList"]["label"][0]["id"]


def make_label_value(site):
    name = site.named("value")
    site.admin.ok("PUT", f"{site.admin.site}/labelValues", {"labelValue": {
        "name": name, "category": "Sensitivity", "description": site.named("description")}})
    return name


MAKERS = {"user-id": make_user, "project-id": make_project, "client-id": make_app,
          "secret-id": make_secret, "group-id": make_group, "group-set-id": make_group_set,
          "job-id": make_job, "eas-id": make_eas, "workbook-id": published("workbook"),
          "view-id": make_view, "datasource-id": published("datasource"),
          "luid": lambda site: site.things["workbook-id"],  # of that type
          "flow-id": published("flow"), "custom-view-id": make_custom_view, "label-id": make_label,
          "label-value-name": make_label_value,
          "flow-run-id": make_flow_run, "task-id": make_flow_task}


@pytest.fixture(scope="module")
def here(server, home):
    return Filled(server, home)


@pytest.fixture(scope="module")
def there(server, home):
    return Filled(server, home)


def rows():
    """The GET methods to be called."""
    found = [row for row in binary_methods() if row["verb"] == "GET" and row["implemented"] and
             row["path"] not in NOT_COVERED and
             not any(name in NOT_COVERED for name in PARAMETER.findall(row["path"]))]
    assert len(found) >= 16
    return found


def callers(here):
    """(name, session on the first site), by every role and by JWT."""
    roles = [role for role in ROLES if role != "Unlicensed"]
    result = [(role, here.as_role(role)) for role in roles]
    result.append(("ServerAdministrator", here.admin))
    scopes = sorted({scope for row in binary_methods() for scope in listed(row["scopes"])
                     if scope.startswith("tableau:") and not scope.endswith("*")})
    for role in ("SiteAdministratorCreator", "Viewer"):
        result.append((f"{role} by JWT", here.by_jwt(role, scopes)))
    return result


def url_of(path, values):
    """A path of the table with its parameters filled; for Client.call."""
    filled = PARAMETER.sub(lambda match: quote(values[match.group(1)], safe=""), path)
    return "/" + filled if path.startswith(("/api/", "/oauth2/")) else filled


def leaks(reply, sent, there):
    """What of the other site an answer holds that was not sent."""
    text = (reply.body + repr(sorted(reply.headers.items())).encode()).decode(errors="replace")
    text = text.lower()
    for value in sorted(sent, key=len, reverse=True):
        text = text.replace(value.lower(), "")
    known = there.ids - {value.lower() for value in sent}
    return [word for word in sorted(known | {there.mark.lower()}) if word in text]


def others(path, here, there):
    """Every way to fill the path's parameters in which at least one is the other
    site's; (values, what was sent of the other site)."""
    names = [name for name in dict.fromkeys(PARAMETER.findall(path)) if name not in WORDS]
    for choice in itertools.product((here, there), repeat=len(names)):
        if there in choice:
            sent = {site.things[name] for name, site in zip(names, choice) if site is there}
            yield {**WORDS, **{name: site.things[name] for name, site in zip(names, choice)}}, sent


def test_every_parameter_is_known(here):
    """Else a method would go untested."""
    known = set(here.things) | set(WORDS)
    unknown = {(row["path"], name) for row in rows() for name in PARAMETER.findall(row["path"])
               if name not in known}
    assert not unknown, "say in MAKERS how these are made, or in NOT_COVERED why they need not be"
    stale = [name for name in NOT_COVERED if not any(
        name == row["path"] or name in PARAMETER.findall(row["path"]) for row in binary_methods())]
    assert not stale, "NOT_COVERED names what the table does not have"


def test_own_site_answers(here, there, fmt):
    """What the other tests ask for is there: administrators get all of their site."""
    for row in rows():
        own = {**WORDS, **here.things}
        reply = here.as_role("SiteAdministratorCreator").call("GET", url_of(row["path"], own),
                                                              fmt=fmt)
        assert reply.status == 200, (row["path"], reply)
        assert not leaks(reply, set(), there), row["path"]


def test_ids_of_another_site(here, there, fmt):
    for caller, client in callers(here):
        for row in rows():
            if caller == "ServerAdministrator" and row["path"] in OF_THE_SERVER:
                continue
            for values, sent in others(row["path"], here, there):
                url = url_of(row["path"], values)
                reply = client.call("GET", url, fmt=fmt)
                case = (caller, url, reply)
                assert not leaks(reply, sent, there), (case, leaks(reply, sent, there))
                assert reply.status in (401, 403, 404), case
                documented = set(listed(row["errors"]))
                if "{group-set-id}" in row["path"]:
                    documented.add("404012")  # no code of their own is documented
                if row["path"].endswith("/flows/{flow-id}/revisions"):
                    documented.add("404027")  # the same
                if "{flow-run-id}" in row["path"]:
                    documented.add("404036")  # as the MCP server knows it
                if "{luid}" in row["path"]:
                    documented.add("404006")  # the same
                assert reply.code in UNIVERSAL | documented, case


WIDEST = ("pageSize=1000&fields=_all_&includeUsage=true&includeUserCount=true&includeGroups=true"
          "&includeSSOInfo=true&includeUsageStatistics=true&resultlevel=members")


def test_lists_and_wide_answers(here, there, fmt):
    """Own paths, with everything asked for that there is to ask for."""
    for caller, client in callers(here):
        for row in rows():
            if caller == "ServerAdministrator" and row["path"] in OF_THE_SERVER:
                continue
            path = url_of(row["path"], {**WORDS, **here.things})
            for query in ("", WIDEST, "pageSize=1000", "sort=name:desc"):
                url = path + ("&" if "?" in path else "?") + query
                reply = client.call("GET", url, fmt=fmt)
                assert not leaks(reply, set(), there), (caller, url)


def filters(there):
    """Expressions that name what the other site has."""
    names = [there.named(what) for what in ("user", "parent", "child", "group", "set", "sheet")]
    names += [there.name("Viewer"), there.content_url, there.content_url.title()]
    for name in names:
        for field in ("name", "friendlyName", "ownerName", "ownerEmail", "title", "viewUrlName"):
            yield f"{field}:eq:{name}"
        yield f"name:in:[{','.join(names)}]"
        yield f"name:cieq:{name.upper()}"
        yield f"name:has:{there.mark}"
        yield f"name:eq:*{there.mark}*"
    for value in sorted(there.ids):
        for field in ("luid", "parentProjectId", "ownerId", "userId"):
            yield f"{field}:eq:{value}"
    yield f"name:eq:x' OR name_key LIKE '%{there.mark}%' --"


def test_filters_find_nothing_of_another_site(here, there, fmt):
    expressions = list(dict.fromkeys(filters(there)))
    for row in rows():
        if not row["response"].startswith("pagination"):
            continue
        path = url_of(row["path"], {**WORDS, **here.things})
        taken = 0
        for expression in expressions:
            url = path + ("&" if "?" in path else "?") + "filter=" + quote(expression)
            reply = here.as_role("SiteAdministratorCreator").call("GET", url, fmt=fmt)
            value = expression.split(":", 2)[2]
            assert reply.status in (200, 400), (url, reply)
            if reply.status == 200 and "pagination" in reply.doc:
                taken += 1
                assert reply.doc["pagination"]["totalAvailable"] == "0", (url, reply.doc)
            assert not leaks(reply, {value}, there), url
        assert taken or row["path"] in UNFILTERED, (row["path"], "takes no filter by name")


# Paged lists that take no filter by name: a filter is refused there, or ignored.
UNFILTERED = {"/sites", "/sites/{site-id}/groups/{group-id}/users",
              "/sites/{site-id}/users/{user-id}/groups",
              "/sites/{site-id}/customviews/{custom-view-id}/default/users",
              "/sites/{site-id}/workbooks/{workbook-id}/revisions",
              "/sites/{site-id}/datasources/{datasource-id}/revisions",
              "/sites/{site-id}/flows/{flow-id}/revisions"}
