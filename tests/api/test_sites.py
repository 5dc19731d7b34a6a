"""Sites: Update Site, Delete Site, embedding settings, who sees and changes what."""

import re

import pytest

from easel_client import NS, Refused, check_refusal, children, session_of, unique
from orgs import Org
from schema import ROOT

ZERO = "00000000-0000-4000-8000-000000000000"
ROW = re.compile(r"^SITE_ATTRIBUTE\((\w+), (\w+), \"([^\"]*)\", (\w+)\)", re.M)


def attributes():
    """(name, kind, default, changed_by) of the table."""
    rows = ROW.findall((ROOT / "src/tbl/site_attributes.def").read_text())
    assert len(rows) > 90
    return rows


# Two good values and some that are none, by kind.
VALUES = {
    "BOOL": (("true", "false"), ("maybe", "", "2", "yes")),
    "NUMBER": (("17", "-3"), ("x", "", "1.5", "2147483648", "99999999999999999999")),
    "COUNT": (("1700", "2"), ("x", "", "0x1", "1e3")),
    "LIMIT": (("-1", "10000"), ("0", "1", "-2", "10001", "many", "")),
    "QUOTA": (("15", "100000"), ("0", "-2", "many", "", "1.5")),
    "CAPACITY": (("0", "12"), ("-2", "many", "")),
    "TEXT": (("a b", "50% \u00e4"), ("x" * 4001,)),
    "ZONE": (("America/Argentina/Buenos_Aires", "Etc/GMT+5"),
             ("Mars Base", "/UTC", "UTC/", "a//b", "../etc", "x" * 65, "UTC\u00e4")),
    "ASK": (("DisabledAlways", "DisabledByDefault"), ("Enabled", "", "disabledalways")),
    "ENCRYPTION": (("enforced", "enabled"), ("Enforced", "", "on")),
    "VISIBILITY": (("LIMITED", "FULL"), ("limited", "", "NONE")),
}
# Attributes of which one excludes the other are tested by themselves.
QUOTAS = {"userQuota", "tierCreatorCapacity", "tierExplorerCapacity", "tierViewerCapacity"}


@pytest.fixture
def fresh(server, home):
    """A site that the test may change and delete."""
    return Org(server, home, unique("fresh"))


def site_of(client, site_id, fmt=None):
    return client.ok("GET", f"/sites/{site_id}", fmt=fmt).doc["site"]


def update(client, site_id, fmt=None, **members):
    return client.call("PUT", f"/sites/{site_id}", {"site": members}, fmt=fmt)


def plain(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---------------------------------------------------------------- update: values
@pytest.mark.parametrize("turn", [0, 1])
def test_every_attribute_keeps_its_value(home, org, fmt, turn):
    wanted = {name: VALUES[kind][0][turn] for name, kind, _, _ in attributes()
              if name not in QUOTAS}
    reply = update(home, org.site_id, fmt, **wanted)
    assert reply.status == 200, reply
    for shown in (reply.doc["site"], site_of(home, org.site_id, fmt),
                  site_of(org.as_role("SiteAdministratorExplorer"), org.site_id, fmt)):
        assert {name: plain(shown.get(name)) for name in wanted} == wanted


def test_what_is_not_named_stays(home, org, fmt):
    assert update(home, org.site_id, timeZone="Asia/Tokyo", revisionLimit="7",
                  customSubscriptionFooter="one\ntwo=%0A").status == 200
    before = site_of(home, org.site_id)
    reply = update(home, org.site_id, fmt, commentingEnabled=not before["commentingEnabled"])
    after = site_of(home, org.site_id)
    assert reply.status == 200
    assert after.pop("commentingEnabled") != before.pop("commentingEnabled")
    assert after == before


def test_an_empty_update_changes_nothing(home, org, fmt):
    before = site_of(home, org.site_id)
    reply = update(home, org.site_id, fmt)
    assert reply.status == 200 and site_of(home, org.site_id) == before
    home.refused(400000, "PUT", f"/sites/{org.site_id}", fmt=fmt)
    home.refused(400000, "PUT", f"/sites/{org.site_id}", {"user": {"name": "x"}}, fmt=fmt)


def test_wrong_values(home, org, fmt):
    before = site_of(home, org.site_id)
    for name, kind, _, _ in attributes():
        for value in VALUES[kind][1]:
            reply = update(home, org.site_id, fmt, name=unique("wrong"), **{name: value})
            check_refusal(reply, 400000)
            assert name in reply.detail
    assert site_of(home, org.site_id) == before


@pytest.mark.parametrize("members,code", [
    ({"name": ""}, 400000), ({"name": "x" * 129}, 400000), ({"contentUrl": ""}, 409002),
    ({"contentUrl": "a b"}, 409002), ({"contentUrl": "x" * 129}, 409002),
    ({"contentUrl": "'; DROP TABLE site;--"}, 409002), ({"adminMode": "Nobody"}, 400013),
    ({"adminMode": ""}, 400013), ({"adminMode": "contentonly"}, 400013),
    ({"state": "active"}, 400000), ({"state": ""}, 400000), ({"state": "Deleted"}, 400000),
    ({"userQuota": "5", "adminMode": "ContentOnly"}, 409004),
    ({"userQuota": "5", "tierViewerCapacity": "1"}, 409004),
    ({"userQuota": "5", "tierCreatorCapacity": "0"}, 409004),
])
def test_updates_that_cannot_be(home, org, fmt, members, code):
    before = site_of(home, org.site_id)
    check_refusal(update(home, org.site_id, fmt, commentingEnabled=False,
                         disableSubscriptions=True, **members), code)
    assert site_of(home, org.site_id) == before


def test_booleans_in_any_case(home, org):
    for text, shown in (("True", True), ("False", False), ("1", True), ("0", False), ("TRUE", True)):
        reply = update(home, org.site_id, dataAlertsEnabled=text, fmt="xml")
        assert reply.doc["site"]["dataAlertsEnabled"] is shown


def test_names_and_urls(home, org, other, fmt):
    name, url = unique("Renamed"), unique("renamed")
    assert update(home, org.site_id, fmt, name=name, contentUrl=url).status == 200
    assert home.ok("GET", f"/sites/{url}?key=contentUrl").doc["site"]["id"] == org.site_id
    home.refused(404000, "GET", f"/sites/{org.content_url}?key=contentUrl")
    theirs = site_of(home, other.site_id)
    check_refusal(update(home, org.site_id, fmt, name=theirs["name"].upper()), 409001)
    check_refusal(update(home, org.site_id, fmt, contentUrl=theirs["contentUrl"].upper()), 409002)
    # its own, in another case
    assert update(home, org.site_id, fmt, name=name.upper(), contentUrl=url.upper()).status == 200
    assert update(home, org.site_id, fmt, contentUrl=org.content_url).status == 200
    # sessions go on through it all
    assert org.admin.ok("GET", "/sessions/current").doc["session"]["site"]["name"] == name.upper()


def test_the_default_site_keeps_its_empty_url(home, fmt):
    home_id = home.session.site_id
    assert update(home, home_id, fmt, contentUrl="", mobileBiometricsEnabled=True).status == 200
    check_refusal(update(home, home_id, fmt, contentUrl=unique("u")), 409002)
    assert site_of(home, home_id)["contentUrl"] == ""


# ---------------------------------------------------------------- quotas
def test_quotas_come_and_go(home, fresh, fmt):
    def after(**members):
        reply = update(home, fresh.site_id, fmt, **members)
        assert reply.status == 200, reply
        return {k: v for k, v in site_of(home, fresh.site_id, fmt).items()
                if k in QUOTAS | {"storageQuota"}}

    assert after(userQuota="15", storageQuota=100) == {"userQuota": "15", "storageQuota": "100"}
    assert after(userQuota="-1") == {"storageQuota": "100"}
    assert after(storageQuota="-1") == {}
    # capacities take the place of a quota, and are summed in it as in older versions
    after(userQuota="20")
    assert after(tierCreatorCapacity="2") == {"tierCreatorCapacity": "2"}
    tiers = {"tierCreatorCapacity": "2", "tierExplorerCapacity": "1", "tierViewerCapacity": "1"}
    assert after(**tiers) == {**tiers, "userQuota": "4"}
    # where the quota is not set, ContentOnly may be
    assert after(adminMode="ContentOnly") == {**tiers, "userQuota": "4"}
    check_refusal(update(home, fresh.site_id, fmt, userQuota="9"), 409004)
    after(adminMode="ContentAndUsers")
    assert after(userQuota="9") == {"userQuota": "9"}
    check_refusal(update(home, fresh.site_id, fmt, adminMode="ContentOnly"), 409004)
    assert after(adminMode="ContentOnly", userQuota="-1") == {}


def test_a_quota_may_be_below_what_is_in_use(home, fresh):
    assert update(home, fresh.site_id, userQuota="1").doc["site"]["userQuota"] == "1"
    site = home.ok("GET", f"/sites/{fresh.site_id}?includeUsage=true").doc["site"]
    assert int(site["usage"]["numUsers"]) > 1


def test_a_site_is_made_with_quotas(home, fmt):
    url = unique("quota")
    site = home.ok("POST", "/sites", {"site": {
        "name": url, "contentUrl": url, "tierCreatorCapacity": "3", "tierExplorerCapacity": "0",
        "tierViewerCapacity": "4", "userQuota": "-1", "storageQuota": "-1",
        "state": "Suspended"}}, 201, fmt=fmt).doc["site"]
    assert (site["userQuota"], site["tierExplorerCapacity"]) == ("7", "0")
    assert "storageQuota" not in site and site["state"] == "Active"
    home.ok("DELETE", f"/sites/{site['id']}", status=204)


# ---------------------------------------------------------------- who may change what
@pytest.mark.parametrize("role", ["SiteAdministratorCreator", "SiteAdministratorExplorer"])
def test_what_administrators_of_the_site_may_change(home, org, fmt, role):
    admin = org.as_role(role)
    current = site_of(home, org.site_id)
    for name, kind, _, changed_by in attributes():
        value = next(v for v in VALUES[kind][0] if v != plain(current.get(name)))
        before = site_of(home, org.site_id)
        reply = update(admin, org.site_id, fmt, **{name: value})
        if changed_by == "SERVER":
            check_refusal(reply, 403004)
            assert name in reply.detail
            assert site_of(home, org.site_id) == before
        else:
            assert reply.status == 200, (name, reply)
            assert plain(reply.doc["site"][name]) == value


def test_what_is_the_servers(home, org, fmt):
    admin = org.as_role("SiteAdministratorCreator")
    before = site_of(home, org.site_id)
    for members in ({"name": unique("n")}, {"contentUrl": unique("u")}, {"state": "Suspended"},
                    {"adminMode": "ContentOnly"}, {"userQuota": "5"}, {"storageQuota": "5"}):
        # nothing of such a request is done
        check_refusal(update(admin, org.site_id, fmt, timeZone="Europe/Oslo", **members), 403004)
    assert site_of(home, org.site_id) == before


def test_a_site_may_be_sent_back_as_it_was_read(home, org, fmt):
    admin = org.as_role("SiteAdministratorCreator")
    assert update(home, org.site_id, storageQuota="77").status == 200
    shown = site_of(admin, org.site_id)
    assert shown["storageQuota"] == "77"
    shown.pop("id")
    reply = update(admin, org.site_id, fmt, **{**shown, "commentingEnabled": False})
    assert reply.status == 200 and reply.doc["site"]["commentingEnabled"] is False
    assert update(admin, org.site_id, fmt, userQuota="-1").status == 200  # there is none


def test_others_may_not_change_sites(home, org, other, fmt):
    for role in ("Creator", "ExplorerCanPublish", "Explorer", "Viewer"):
        check_refusal(update(org.as_role(role), org.site_id, fmt, commentingEnabled=False), 403004)
    check_refusal(update(org.as_role("SiteAdministratorCreator"), other.site_id, fmt,
                         commentingEnabled=False), 404000)
    for site_id in (ZERO, "x"):
        check_refusal(update(home, site_id, fmt, commentingEnabled=False), 404000)


def test_a_jwt_session_has_no_rights_of_the_server(org, server, fmt):
    """An app made by an administrator of the site, used for a server administrator."""
    app = org.as_role("SiteAdministratorCreator").make_signing_app()
    token = server.client().by_jwt(
        app.jwt(server.admin_name, ["tableau:sites:*"]), org.content_url)
    assert update(token, org.site_id, fmt, commentingEnabled=False).status == 200
    check_refusal(update(token, org.site_id, fmt, storageQuota="5"), 403004)
    token.refused(403004, "DELETE", f"/sites/{org.site_id}", fmt=fmt)
    sites = token.ok("GET", "/sites", fmt=fmt).doc
    assert [site["id"] for site in sites["sites"]["site"]] == [org.site_id]
    assert sites["pagination"]["totalAvailable"] == "1"
    token.refused(400006, "GET", "/sites?pageNumber=2", fmt=fmt)


# ---------------------------------------------------------------- suspending
def test_a_suspended_site_admits_server_administrators_alone(server, home, fresh):
    people = [fresh.fresh(role) for role in ("SiteAdministratorCreator", "Viewer")]
    jwt = fresh.by_jwt("Creator")
    assert update(home, fresh.site_id, state="Suspended").doc["site"]["state"] == "Suspended"
    for client in [*people, jwt]:
        client.refused(401002, "GET", "/sessions/current")
    assert fresh.admin.ok("GET", f"/sites/{fresh.site_id}").doc["site"]["state"] == "Suspended"
    server.admin(fresh.content_url)
    check_refusal(fresh.jwt_reply(fresh.app.jwt(fresh.name("Viewer"))), 401001)
    with pytest.raises(Refused, match="401001|401002|403"):
        fresh.fresh("Viewer")
    # sessions that ended do not come back with the site
    assert update(fresh.admin, fresh.site_id, state="Active").status == 200
    for client in [*people, jwt]:
        client.refused(401002, "GET", "/sessions/current")
    assert fresh.fresh("Viewer").ok("GET", "/sessions/current")


def test_nobody_switches_to_a_suspended_site(server, home, fresh):
    name = unique("both")
    home.add_user(name, "Viewer")
    user_id, _ = fresh.admin.add_user(name, "Viewer")
    second = Org(server, home, unique("second"))
    there, _ = second.admin.add_user(name, "Viewer")
    visitor = server.client().by_password(server.admin_name, server.admin_password,
                                          second.content_url, user=there)
    body = {"site": {"contentUrl": fresh.content_url}}
    update(home, fresh.site_id, state="Suspended")
    visitor.refused(401003, "POST", "/auth/switchSite", body)
    assert visitor.ok("GET", "/sessions/current")
    update(home, fresh.site_id, state="Active")
    reply = visitor.ok("POST", "/auth/switchSite", body)
    assert session_of(reply).user_id == user_id
    home.ok("DELETE", f"/sites/{second.site_id}", status=204)


# ---------------------------------------------------------------- what clients send
TSC_COMMON = (
    'editingFlowsEnabled="true" schedulingFlowsEnabled="true" allowSubscriptionAttachments="true" '
    'guestAccessEnabled="false" cacheWarmupEnabled="true" commentingEnabled="true" '
    'requestAccessEnabled="false" runNowEnabled="true" '
    'dataAlertsEnabled="{flag}" commentingMentionsEnabled="true" catalogObfuscationEnabled="true" '
    'flowAutoSaveEnabled="true" webExtractionEnabled="true" metricsContentTypeEnabled="true" '
    'notifySiteAdminsOnThrottle="false" authoringEnabled="true" '
    'customSubscriptionEmailEnabled="false" customSubscriptionEmail="false" '
    'customSubscriptionFooterEnabled="false" customSubscriptionFooter="false" '
    'askDataMode="EnabledByDefault" namedSharingEnabled="true" mobileBiometricsEnabled="false" '
    'sheetImageEnabled="true" derivedPermissionsEnabled="false" userVisibilityMode="FULL" '
    'useDefaultTimeZone="true" autoSuspendRefreshEnabled="true" '
    'autoSuspendRefreshInactivityWindow="30"')
TSC_CREATE = (
    '<tsRequest><site name="{name}" contentUrl="{url}" adminMode="ContentAndUsers" '
    'userQuota="15" storageQuota="1000" disableSubscriptions="true" subscribeOthersEnabled="true" '
    'revisionLimit="25" revisionHistoryEnabled="false" extractEncryptionMode="enabled" '
    'catalogingEnabled="true" ' + TSC_COMMON.format(flag="true") + ' /></tsRequest>')
TSC_UPDATE = (
    '<tsRequest><site name="{name}" contentUrl="{url}" adminMode="ContentAndUsers" '
    'state="Active" storageQuota="1000" disableSubscriptions="true" '
    'subscribeOthersEnabled="false" revisionLimit="13" revisionHistoryEnabled="true" '
    'dataAccelerationMode="disable" catalogingEnabled="true" tierCreatorCapacity="2" '
    'tierExplorerCapacity="1" tierViewerCapacity="1" timeZone="America/Los_Angeles" '
    'materializedViewsEnabled="true" ' + TSC_COMMON.format(flag="True") + ' /></tsRequest>')


def test_requests_of_tsc(home, fmt):
    """The bodies that TSC's sites.create and sites.update send."""
    name, url = unique("Tsc"), unique("tsc")

    def send(verb, path, body):
        reply = home.call(verb, path, raw=body.format(name=name, url=url).encode(),
                          content_type="text/xml", fmt=fmt)
        assert reply.status == (201 if verb == "POST" else 200), reply
        return reply

    reply = send("POST", "/sites", TSC_CREATE)
    site = reply.doc["site"]
    assert int(site["userQuota"]) == 15 and int(site["storageQuota"]) == 1000
    assert site["disableSubscriptions"] is True and site["requestAccessEnabled"] is False
    assert site["customSubscriptionEmail"] == "false"
    if fmt == "xml":  # parsed by the paths of TSC's models
        element = reply.xml.find(f".//{{{NS}}}site")
        assert element.get("id") == site["id"] and element.get("numUsers") is None
        assert children(reply.xml) == ["site"] and element.get("askDataMode") is None
    changed = send("PUT", f"/sites/{site['id']}", TSC_UPDATE).doc["site"]
    assert changed["revisionLimit"] == "13" and changed["revisionHistoryEnabled"] is True
    assert changed["userQuota"] == "4" and changed["dataAlertsEnabled"] is True
    assert changed["timeZone"] == "America/Los_Angeles" and changed["state"] == "Active"
    # replace_license_tiers_with_user_quota: the quota alone
    assert update(home, site["id"], userQuota="30").doc["site"]["userQuota"] == "30"
    home.ok("DELETE", f"/sites/{site['id']}", status=204, fmt=fmt)


# ---------------------------------------------------------------- delete
@pytest.mark.parametrize("key", ["id", "name", "contentUrl"])
def test_delete_site(server, home, fresh, fmt, key):
    shown = site_of(home, fresh.site_id)
    path = f"/sites/{shown[key]}" + ("" if key == "id" else f"?key={key}")
    people = [fresh.admin, fresh.fresh("Viewer"), fresh.by_jwt("Creator")]
    parent = fresh.admin.add_project()
    child = fresh.admin.add_project(parentProjectId=parent["id"], owner={
        "id": fresh.user("Creator")})
    fresh.admin.add_project(parentProjectId=child["id"])
    total = int(home.ok("GET", "/sites").doc["pagination"]["totalAvailable"])
    reply = home.call("DELETE", path, fmt=fmt)
    assert reply.status == 204 and not reply.body
    home.refused(404000, "GET", path, fmt=fmt)
    home.refused(404000, "DELETE", path, fmt=fmt)
    assert int(home.ok("GET", "/sites").doc["pagination"]["totalAvailable"]) == total - 1
    for client in people:
        client.refused(401002, "GET", "/sessions/current")
    check_refusal(fresh.jwt_reply(fresh.app.jwt(fresh.name("Viewer"))), 401001)
    # names are free again, and people who had no other site are gone
    again = Org(server, home, fresh.content_url)
    assert int(site_of(home, again.site_id)["revisionLimit"]) == 25
    _, name = again.admin.add_user(fresh.name("Viewer"), "Explorer")
    assert name == fresh.name("Viewer")
    home.ok("DELETE", f"/sites/{again.site_id}", status=204)


def test_people_stay_where_they_have_another_site(server, home, org, fresh):
    name = unique("both")
    kept, _ = org.admin.add_user(name, "Viewer")
    fresh.admin.add_user(name, "Viewer")
    home.ok("DELETE", f"/sites/{fresh.site_id}", status=204)
    shown = org.admin.ok("GET", f"{org.admin.site}/users/{kept}").doc["user"]
    assert shown["name"] == name
    assert org.jwt_reply(org.app.jwt(name)).status == 200


def test_deleting_the_site_of_the_session(server, home, fresh, fmt):
    """A server administrator may; the session ends with it, not the administrator."""
    assert fresh.admin.call("DELETE", fresh.admin.site, fmt=fmt).status == 204
    fresh.admin.refused(401002, "GET", "/sessions/current", fmt=fmt)
    assert server.admin().ok("GET", "/sessions/current")
    assert home.ok("GET", "/sessions/current")


def test_sites_that_are_not_deleted(home, org, other, fmt):
    default = site_of(home, home.session.site_id)
    for path in (f"/sites/{default['id']}", f"/sites/{default['name']}?key=name"):
        home.refused(403002, "DELETE", path, fmt=fmt)
    for path in (f"/sites/{ZERO}", "/sites/nope?key=name", "/sites/nope?key=contentUrl"):
        home.refused(404000, "DELETE", path, fmt=fmt)
    for role in ("SiteAdministratorCreator", "Creator", "Viewer"):
        for path in (f"/sites/{org.site_id}", f"/sites/{other.content_url}?key=contentUrl"):
            org.as_role(role).refused(403004, "DELETE", path, fmt=fmt)
    assert site_of(home, org.site_id) and site_of(home, other.site_id)


# ---------------------------------------------------------------- queries
def test_settings_are_for_administrators_of_that_site(server, home, org, fresh, fmt):
    """Who administers one site and visits another sees the settings of the first."""
    name = unique("visitor")
    org.admin.add_user(name, "SiteAdministratorExplorer")
    fresh.admin.add_user(name, "Viewer")
    client = server.client().by_jwt(org.app.jwt(name, ["tableau:sites:read"]), org.content_url)
    sites = {site["id"]: site for site in client.ok("GET", "/sites", fmt=fmt).doc["sites"]["site"]}
    assert set(sites) == {org.site_id, fresh.site_id}
    assert "adminMode" in sites[org.site_id]
    assert set(sites[fresh.site_id]) == {"id", "name", "contentUrl", "state"}
    client.refused(404000, "GET", f"/sites/{fresh.site_id}", fmt=fmt)


def test_usage(home, org, fmt):
    for role in ("SiteAdministratorCreator", "SiteAdministratorExplorer"):
        usage = org.as_role(role).ok("GET", f"/sites/{org.site_id}?includeUsage=true",
                                     fmt=fmt).doc["site"]["usage"]
        assert set(usage) == {"numUsers", "numCreators", "numExplorers", "numViewers", "storage"}
        assert int(usage["numViewers"]) >= 1
    for role in ("Creator", "Viewer"):
        site = org.as_role(role).ok("GET", f"/sites/{org.site_id}?includeUsage=true",
                                    fmt=fmt).doc["site"]
        assert set(site) == {"id", "name", "contentUrl", "state"}
    assert "usage" not in site_of(home, org.site_id, fmt)


@pytest.mark.parametrize("query,code", [
    ("pageNumber=999999", 400006), ("pageNumber=0", 400006), ("pageNumber=x", 400006),
    ("pageSize=0", 400007), ("pageSize=x", 400007), ("pageSize=1001", 403014),
    ("filter=name:eq:x", 400065), ("filter=name:eq:' OR 1=1--", 400065), ("filter=x", 400000),
    ("sort=name:asc", 400065), ("sort=serial;DROP TABLE site:asc", 400065),
])
def test_lists_of_sites_that_cannot_be(home, org, fmt, query, code):
    for client in (home, org.as_role("Viewer")):
        client.refused(code, "GET", f"/sites?{query}", fmt=fmt)


def test_pages_of_sites(home, org, other, fmt):
    whole = [s["id"] for s in home.ok("GET", "/sites?pageSize=1000").doc["sites"]["site"]]
    paged, number = [], 1
    while len(paged) < len(whole):
        doc = home.ok("GET", f"/sites?pageSize=2&pageNumber={number}", fmt=fmt).doc
        assert doc["pagination"]["totalAvailable"] == str(len(whole))
        paged += [s["id"] for s in doc["sites"]["site"]]
        number += 1
    assert paged == whole and len(set(paged)) == len(paged)


# ---------------------------------------------------------------- embedding
def embedding(client, fmt=None):
    site = client.ok("GET", f"{client.site}/settings/embedding", fmt=fmt).doc["site"]
    assert set(site) == {"settings"}
    (settings,) = site["settings"]
    return settings["unrestrictedEmbedding"], settings["allowList"]


def test_embedding_settings(home, fresh, fmt):
    admin = fresh.fresh("SiteAdministratorExplorer")
    path = f"{admin.site}/settings/embedding"
    assert embedding(admin, fmt) == (True, "")
    reply = admin.ok("PUT", path, {"site": {"settings": {
        "unrestrictedEmbedding": False, "allowList": "mydomain.com *.example.com:*"}}}, fmt=fmt)
    assert reply.doc["site"]["settings"] == [
        {"unrestrictedEmbedding": False, "allowList": "mydomain.com *.example.com:*"}]
    assert embedding(fresh.admin, fmt) == (False, "mydomain.com *.example.com:*")
    # they live beside the other settings
    assert update(admin, fresh.site_id, fmt, timeZone="Europe/Rome").status == 200
    assert embedding(admin, fmt)[0] is False
    admin.ok("PUT", path, {"site": {"settings": [{"unrestrictedEmbedding": True,
                                                  "allowList": ""}]}}, fmt=fmt)
    assert embedding(admin, fmt) == (True, "")
    assert site_of(admin, fresh.site_id)["timeZone"] == "Europe/Rome"


@pytest.mark.parametrize("settings", [
    None, {}, {"allowList": "x.example.com"}, {"unrestrictedEmbedding": "true"},
    {"unrestrictedEmbedding": "maybe", "allowList": ""},
    {"unrestrictedEmbedding": "true", "allowList": "a.example.com/path"},
    {"unrestrictedEmbedding": "true", "allowList": "a.example.com,b.example.com"},
    {"unrestrictedEmbedding": "true", "allowList": "a" * 9000},
])
def test_embedding_settings_that_cannot_be(org, fmt, settings):
    before = embedding(org.admin)
    org.admin.refused(400000, "PUT", f"{org.admin.site}/settings/embedding",
                      {"site": {"settings": settings} if settings is not None else {}}, fmt=fmt)
    org.admin.refused(400000, "PUT", f"{org.admin.site}/settings/embedding", fmt=fmt)
    assert embedding(org.admin) == before


def test_embedding_settings_of_others(home, org, other, fmt):
    for role in ("Creator", "Viewer"):
        org.as_role(role).refused(403004, "GET", f"/sites/{org.site_id}/settings/embedding",
                                  fmt=fmt)
    admin = org.as_role("SiteAdministratorCreator")
    admin.refused(401002, "GET", f"/sites/{other.site_id}/settings/embedding", fmt=fmt)
    admin.refused(404000, "GET", f"/sites/{ZERO}/settings/embedding", fmt=fmt)
    # before 3.16 there are none
    admin.refused(404003, "GET", f"/sites/{org.site_id}/settings/embedding", version="3.15",
                  fmt=fmt)
    # no scope admits them
    org.by_jwt(scopes=["tableau:sites:*"]).refused(
        401002, "GET", f"/sites/{org.site_id}/settings/embedding", fmt=fmt)
