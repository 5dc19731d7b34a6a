"""The methods of external authorization servers: forms, errors, versions, limits."""

import concurrent.futures

import pytest

import servers
from easel_client import children, find, unique
from orgs import Org

PATH = "connected-apps/external-authorization-servers"
DEFAULT = "External Authorization Server"
NOBODY = "f0000000-0000-4000-8000-000000000001"


def issuer():
    return f"https://{unique('idp')}.example.com/oauth2/default"


def create(client, **options):
    version, fmt = options.pop("version", None), options.pop("fmt", None)
    reply = client.call("POST", f"{client.site}/{PATH}", {"externalAuthorizationServer": options},
                        version=version, fmt=fmt)
    return reply


def made(client, **options):
    reply = create(client, **options)
    assert reply.status == 201, reply
    return reply.doc["externalAuthorizationServer"]


def listed(client, **options):
    doc = client.ok("GET", f"{client.site}/{PATH}", status=200, **options).doc
    return doc["externalAuthorizationServerList"].get("externalAuthorizationServer", [])


@pytest.fixture
def site(server, home):
    """A site without servers."""
    return Org(server, home, unique("site")).admin


def test_life(site, fmt):
    admin = site.twin(site.session, fmt=fmt)
    url = issuer()
    eas = made(admin, issuerUrl=url, jwksUri=url + "/keys", name="EAS_1")
    assert list(eas) == ["name", "id", "issuerUrl", "jwksUri", "createdAt"]
    assert eas["name"] == "EAS_1" and eas["issuerUrl"] == url and eas["jwksUri"] == url + "/keys"
    path = f"{admin.site}/{PATH}/{eas['id']}"
    wrapper = admin.ok("GET", path, status=200).doc["externalAuthorizationServerList"]
    assert wrapper["externalAuthorizationServer"] == [eas]
    assert listed(admin) == [eas]
    other = made(admin, issuerUrl=issuer())
    assert other["name"] == DEFAULT and "jwksUri" not in other
    assert listed(admin) == [eas, other]

    updated = admin.ok("PUT", path, {"externalAuthorizationServer": {"name": "EAS_2"}},
                       200).doc["externalAuthorizationServer"]
    assert updated == {**eas, "name": "EAS_2"}
    updated = admin.ok("PUT", path, {"externalAuthorizationServer": {"issuerUrl": url + "/2"}},
                       200).doc["externalAuthorizationServer"]
    assert updated == {**eas, "name": "EAS_2", "issuerUrl": url + "/2"}
    updated = admin.ok("PUT", path, {"externalAuthorizationServer": {"jwksUri": "", "name": ""}},
                       200).doc["externalAuthorizationServer"]
    assert updated["name"] == DEFAULT and "jwksUri" not in updated
    assert admin.ok("DELETE", path).status == 204
    for verb, doc in (("GET", None), ("DELETE", None),
                      ("PUT", {"externalAuthorizationServer": {"name": "x"}})):
        admin.refused(404047, verb, path, doc)
    assert listed(admin) == [other]


def test_child_elements_in_the_order_of_the_reference(site):
    reply = create(site, issuerUrl=issuer(), jwksUri="https://example.com/keys", name="EAS_1")
    element = find(reply, "externalAuthorizationServer")
    assert children(element) == ["name", "id", "issuerUrl", "jwksUri", "createdAt"]
    assert not element.attrib
    url = issuer()
    reply = site.ok("POST", f"{site.site}/{PATH}", status=201, fmt="xml", raw=(
        "<tsRequest><externalAuthorizationServer><issuerUrl>%s</issuerUrl><name>elements</name>"
        "</externalAuthorizationServer></tsRequest>" % url).encode())
    assert reply.doc["externalAuthorizationServer"]["name"] == "elements"
    assert reply.doc["externalAuthorizationServer"]["issuerUrl"] == url


def test_issuer_missing_or_empty(site, fmt):
    path = f"{site.site}/{PATH}"
    for doc in (None, {"externalAuthorizationServer": {}}, {"externalAuthorizationServer": {
            "issuerUrl": ""}}, {"externalAuthorizationServer": {"jwksUri": "https://example.com"}},
                {"externalAuthorizationServer": {"issuerUrl": " \t"}}):
        site.refused(400008, "POST", path, doc, fmt=fmt)
    eas = made(site, issuerUrl=issuer())
    site.refused(400008, "PUT", f"{path}/{eas['id']}",
                 {"externalAuthorizationServer": {"issuerUrl": "", "name": "x"}}, fmt=fmt)
    assert listed(site) == [eas]


def test_malformed(site):
    site.refused(400000, "POST", f"{site.site}/{PATH}", raw=b"<tsRequest><external")
    eas = made(site, issuerUrl=issuer())
    site.refused(400000, "PUT", f"{site.site}/{PATH}/{eas['id']}")
    for unknown in ("3f3c4cbb-34a5-4d80-9a37-3c83bb9b7e11", "x"):
        site.refused(404047, "PUT", f"{site.site}/{PATH}/{unknown}")
        site.refused(404047, "PUT", f"{site.site}/{PATH}/{unknown}", {})
    assert listed(site) == [eas]


@pytest.mark.parametrize("url", [
    "http://example.com", "example.com", "ftp://example.com", "https://", "javascript:alert(1)",
    "https://user:password@example.com", "https://example.com/a b", "https://ex\u00e4mple.com",
    "file:///etc/passwd", "https://example.com/" + "x" * 2000, "https:///x", "https://?x",
    "https://example.com:0", "https://example.com:99999", "https://:443/x"])
def test_urls_that_cannot_be_used(site, url):
    path = f"{site.site}/{PATH}"
    site.refused(400157, "POST", path, {"externalAuthorizationServer": {"issuerUrl": url}})
    site.refused(400157, "POST", path, {"externalAuthorizationServer": {
        "issuerUrl": issuer(), "jwksUri": url}})
    assert listed(site) == []


def test_an_issuer_has_neither_query_nor_fragment(site):
    for url in (issuer() + "?a=b", issuer() + "#a"):
        site.refused(400157, "POST", f"{site.site}/{PATH}",
                     {"externalAuthorizationServer": {"issuerUrl": url}})


def test_name_too_long(site):
    site.refused(400157, "POST", f"{site.site}/{PATH}", {"externalAuthorizationServer": {
        "issuerUrl": issuer(), "name": "x" * 256}})
    assert made(site, issuerUrl=issuer(), name="\u00e4" * 255)["name"] == "\u00e4" * 255


def test_issuer_once_on_a_site(site, other, fmt):
    url = issuer()
    first, second = made(site, issuerUrl=url), made(site, issuerUrl=issuer())
    path = f"{site.site}/{PATH}"
    site.refused(400194, "POST", path, {"externalAuthorizationServer": {"issuerUrl": url}}, fmt=fmt)
    site.refused(400194, "PUT", f"{path}/{second['id']}",
                 {"externalAuthorizationServer": {"issuerUrl": url}}, fmt=fmt)
    site.ok("PUT", f"{path}/{first['id']}", {"externalAuthorizationServer": {"issuerUrl": url}})
    made(site, issuerUrl=url + "/")  # another issuer
    made(other.admin, issuerUrl=url)  # another site
    assert len(listed(site)) == 3


def test_limit_of_a_site(site, fmt):
    for _ in range(10):
        made(site, issuerUrl=issuer())
    reply = site.refused(400161, "POST", f"{site.site}/{PATH}",
                         {"externalAuthorizationServer": {"issuerUrl": issuer()}}, fmt=fmt)
    assert "10" in reply.detail
    site.ok("DELETE", f"{site.site}/{PATH}/{listed(site)[0]['id']}")
    made(site, issuerUrl=issuer())


def test_limit_holds_for_many_at_once(site):
    for _ in range(8):
        made(site, issuerUrl=issuer())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: create(site.twin(site.session), issuerUrl=issuer()),
                                range(8)))
    assert sorted(reply.code or "" for reply in replies) == ["", ""] + ["400161"] * 6
    assert len(listed(site)) == 10


def test_one_server_and_no_name_before_3_22(site, fmt):
    eas = made(site, issuerUrl=issuer(), name="ignored", version="3.21", fmt=fmt)
    assert "name" not in eas
    assert "name" not in listed(site, version="3.21")[0]
    assert listed(site)[0]["name"] == DEFAULT
    doc = {"externalAuthorizationServer": {"issuerUrl": issuer()}}
    for version in ("3.16", "3.21"):
        site.refused(400161, "POST", f"{site.site}/{PATH}", doc, version=version, fmt=fmt)
    made(site, issuerUrl=issuer(), version="3.22", name="two")
    made(site, issuerUrl=issuer(), version="3.23")
    assert [one["name"] for one in listed(site, version="3.22")] == [DEFAULT, "two", DEFAULT]
    assert len(listed(site, version="3.21")) == 3


def test_from_3_16_on(site):
    site.refused(404003, "GET", f"{site.site}/{PATH}", version="3.15")
    site.ok("GET", f"{site.site}/{PATH}", version="3.16")


def test_who_may_call(org, fmt):
    eas = made(org.admin, issuerUrl=issuer())
    for role in ("Creator", "Viewer"):
        client = org.as_role(role)
        for verb, path, doc in (("POST", "", {"externalAuthorizationServer": {"issuerUrl": issuer()}}),
                                ("GET", "", None), ("GET", "/" + eas["id"], None),
                                ("PUT", "/" + eas["id"], {"externalAuthorizationServer": {}}),
                                ("DELETE", "/" + eas["id"], None)):
            client.refused(403000, verb, f"{client.site}/{PATH}{path}", doc, fmt=fmt)
    admin = org.as_role("SiteAdministratorExplorer")
    assert made(admin, issuerUrl=issuer()) in listed(admin)


def test_nothing_crosses_over(org, other, home):
    eas = made(org.admin, issuerUrl=issuer())
    for verb, doc in (("GET", None), ("PUT", {"externalAuthorizationServer": {"name": "x"}}),
                      ("DELETE", None)):
        other.admin.refused(404047, verb, f"{other.admin.site}/{PATH}/{eas['id']}", doc)
    assert eas in listed(org.admin) and eas not in listed(other.admin)
    home.refused(404000, "GET", f"/sites/{NOBODY}/{PATH}")


def test_ids(org):
    for id in (NOBODY, "x", "%27", NOBODY.upper(), "1" * 500):
        org.admin.refused(404047, "GET", f"{org.admin.site}/{PATH}/{id}")
    eas = made(org.admin, issuerUrl=issuer())
    org.admin.ok("GET", f"{org.admin.site}/{PATH}/{eas['id'].upper()}")


def test_enabled_is_ignored(site):
    eas = made(site, issuerUrl=issuer(), enabled=False)
    assert "enabled" not in eas


def test_a_server_keeps_them(engine):
    data_server = servers.Server(engine, env=servers.RELAXED)
    try:
        admin = data_server.admin()
        eas = made(admin, issuerUrl=issuer(), name="kept")
        again = servers.Server(engine, data=data_server.data, env=servers.RELAXED,
                               repository=data_server.repository,
                               password=data_server.admin_password)
        try:
            assert listed(again.admin()) == [eas]
        finally:
            again.stop()
    finally:
        data_server.stop()
