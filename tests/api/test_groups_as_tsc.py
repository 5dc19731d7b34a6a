"""Groups and group sets as the Python client (TSC) has them: its requests byte for
byte, and what its models find in the answers."""

import xml.etree.ElementTree as ET

import pytest

from easel_client import NEWEST, unique
from test_groups import all_users

T = {"t": "http://tableau.com/api"}


class Tsc:
    """Its request methods over a session: XML without a namespace, text/xml."""

    def __init__(self, client, version=NEWEST):
        self.http, self.base = client.http, f"{client.url}/api/{version}{client.site}"
        self.headers = {"x-tableau-auth": client.session.token,
                        "User-Agent": "Tableau Server Client/0.38"}

    def send(self, verb, path, body=None, params=None, content_type="text/xml"):
        headers = dict(self.headers, **({"content-type": content_type} if content_type else {}))
        response = self.http.request(verb, self.base + path, headers=headers, params=params, data=body)
        assert response.status_code in (200, 201, 202, 204), response.text
        return response

    def get(self, path, params=None):
        return self.send("GET", path, params=params, content_type=None).content


class Group:
    def __init__(self, xml):
        self.id, self.name = xml.get("id"), xml.get("name")
        self.domain_name = self.license_mode = self.minimum_site_role = None
        domain = xml.find(".//t:domain", T)
        if domain is not None:
            self.domain_name = domain.get("name")
        imported = xml.find(".//t:import", T)
        if imported is not None:
            self.domain_name = imported.get("domainName")
            self.license_mode = imported.get("grantLicenseMode")
            self.minimum_site_role = imported.get("siteRole")
            assert self.license_mode in ("onLogin", "onSync")  # its setters refuse others


def groups_in(content):
    return [Group(xml) for xml in ET.fromstring(content).findall(".//t:group", T)]


def users_in(content):
    return [(xml.get("id"), xml.get("name"), xml.get("siteRole"))
            for xml in ET.fromstring(content).findall(".//t:user", T)]


def page_of(content):
    xml = ET.fromstring(content).find("t:pagination", T)
    return tuple(int(xml.get(name)) for name in ("pageNumber", "pageSize", "totalAvailable"))


class GroupSet:
    def __init__(self, xml):
        self.id, self.name = xml.get("id"), xml.get("name")
        self.group_count = int(xml.get("groupCount") or 0)
        self.groups = {group.get("id"): group.get("name") for group in xml.findall(".//t:group", T)}


def sets_in(content):
    return [GroupSet(xml) for xml in ET.fromstring(content).findall(".//t:groupSet", T)]


@pytest.fixture(params=["3.22", NEWEST])
def tsc(org, request):
    return Tsc(org.admin, request.param)


def create(tsc, name, role=None):
    body = f'<tsRequest><group name="{name}"' + (f' minimumSiteRole="{role}"' if role else "")
    (group,) = groups_in(tsc.send("POST", "/groups", (body + " /></tsRequest>").encode()).content)
    return group


def test_groups_create_get_update_delete(tsc):
    name = unique("tsc")
    group = create(tsc, name, "ExplorerCanPublish")
    assert group.id and (group.name, group.domain_name) == (name, "local")
    assert (group.minimum_site_role, group.license_mode) == ("ExplorerCanPublish", "onLogin")

    content = tsc.get("/groups", {"pageNumber": 1, "pageSize": 100, "filter": f"name:eq:{name}"})
    (found,) = groups_in(content)
    assert vars(found) == vars(group) and page_of(content) == (1, 100, 1)

    body = f'<tsRequest><group name="{name}-2" minimumSiteRole="Viewer" /></tsRequest>'.encode()
    (updated,) = groups_in(tsc.send("PUT", f"/groups/{group.id}", body).content)
    assert (updated.id, updated.name, updated.minimum_site_role) == (group.id, name + "-2", "Viewer")
    assert updated.domain_name == "local"

    tsc.send("DELETE", f"/groups/{group.id}", content_type=None)
    assert group.id not in [one.id for one in groups_in(tsc.get("/groups", {"pageSize": 1000}))]


def test_groups_without_a_role(tsc):
    group = create(tsc, unique("tsc"))
    assert (group.domain_name, group.minimum_site_role, group.license_mode) == ("local", None, None)


def test_groups_all_fields(tsc, org):
    params = {"pageNumber": 1, "pageSize": 100, "filter": f"luid:eq:{all_users(org.admin)}",
              "fields": "_all_"}
    (xml,) = ET.fromstring(tsc.get("/groups", params)).findall(".//t:group", T)
    assert xml.get("name") == "All Users" and int(xml.get("userCount")) > 5


def test_groups_users(tsc, org):
    group, path = create(tsc, unique("tsc")), "/groups"
    users = [org.admin.add_user(role="Viewer") for _ in range(3)]
    whole = [(user, name, "Viewer") for user, name in users]

    body = f'<tsRequest><user id="{users[0][0]}" /></tsRequest>'.encode()
    assert users_in(tsc.send("POST", f"{path}/{group.id}/users", body).content) == whole[:1]
    items = "".join(f'<user id="{user}" />' for user, _ in users[1:])
    body = f"<tsRequest><users>{items}</users></tsRequest>".encode()
    assert users_in(tsc.send("POST", f"{path}/{group.id}/users", body).content) == whole[1:]

    content = tsc.get(f"{path}/{group.id}/users", {"pageNumber": 1, "pageSize": 100})
    assert sorted(users_in(content)) == sorted(whole) and page_of(content) == (1, 100, 3)

    content = tsc.get(f"/users/{users[0][0]}/groups", {"pageNumber": 1, "pageSize": 100})
    assert [one.name for one in groups_in(content)] == ["All Users", group.name]

    tsc.send("DELETE", f"{path}/{group.id}/users/{users[0][0]}", content_type=None)
    tsc.send("PUT", f"{path}/{group.id}/users/remove", body)
    content = tsc.get(f"{path}/{group.id}/users")
    assert users_in(content) == [] and page_of(content) == (1, 100, 0)


def test_group_sets(tsc):
    name, group = unique("tsc"), create(tsc, unique("tsc"))
    body = f'<tsRequest><groupSet name="{name}" /></tsRequest>'.encode()
    (made,) = sets_in(tsc.send("POST", "/groupsets", body).content)
    assert made.id and (made.name, made.group_count, made.groups) == (name, 0, {})

    tsc.send("PUT", f"/groupsets/{made.id}/groups/{group.id}")
    (found,) = sets_in(tsc.get(f"/groupsets/{made.id}"))
    assert (found.group_count, found.groups) == (1, {group.id: group.name})
    listed = {one.id: one for one in sets_in(tsc.get("/groupsets?resultlevel=members"))}
    assert listed[made.id].groups == {group.id: group.name}
    assert made.id in [one.id for one in sets_in(tsc.get("/groupsets", {"pageSize": 1000}))]

    body = f'<tsRequest><groupSet name="{name}-2" /></tsRequest>'.encode()
    (updated,) = sets_in(tsc.send("PUT", f"/groupsets/{made.id}", body).content)
    assert (updated.id, updated.name, updated.group_count) == (made.id, name + "-2", 1)

    tsc.send("DELETE", f"/groupsets/{made.id}/groups/{group.id}", content_type=None)
    (found,) = sets_in(tsc.get(f"/groupsets/{made.id}"))
    assert (found.group_count, found.groups) == (0, {})
    tsc.send("DELETE", f"/groupsets/{made.id}", content_type=None)
