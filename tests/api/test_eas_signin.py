"""Signing in with a token of an external authorization server: algorithms, where
keys are found, audiences, claims, sessions and what ends them, the record."""

import json
import time

import pytest

import servers
from easel_client import check_refusal, unique
from orgs import Org
from providers import (DROP, JWKS, LOOPBACK, OAUTH, OIDC, Key, Provider, register, remove, send,
                       token)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
              "EdDSA")
PATH = "connected-apps/external-authorization-servers"


@pytest.fixture(scope="module")
def server(engine):
    yield from servers.kept(engine, {**servers.RELAXED, **LOOPBACK})


@pytest.fixture(scope="module")
def home(server):
    return server.admin()


@pytest.fixture(scope="module")
def key():
    return Key()


@pytest.fixture
def provider(org, key):
    """A well-behaved provider, registered on the site."""
    with Provider([key]) as running:
        running.eas = register(org.admin, running.issuer)
        yield running
        remove(org.admin, running.eas)


@pytest.fixture
def viewer(org):
    return org.name("Viewer")


def events(server):
    done = servers.run("events", "--json", *server.store_options(), check=0)
    return [json.loads(line) for line in done.stdout.splitlines()]


def event_of(server, reply):
    """The event of the call that was answered by this, once it is written."""
    for _ in range(100):
        for event in events(server):
            if event["requestId"] == reply.headers["X-Request-Id"]:
                return event
        time.sleep(0.1)
    raise AssertionError("no such event")


def refused(org, jwt, number=None):
    reply = org.jwt_reply(jwt)
    check_refusal(reply, 401001, 401)
    wanted = "Error signing in to Tableau Server" + (f" ({number})" if number else "")
    assert reply.detail == wanted, reply
    return reply


def test_signs_in(org, provider, viewer, fmt):
    client = org.server.client(fmt=fmt).by_jwt(
        provider.token(viewer, scopes=["tableau:content:read"]), org.content_url)
    assert client.session.user_id == org.user("Viewer")
    client.ok("GET", f"{client.site}/projects")
    client.refused(401002, "GET", f"{client.site}/users")


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_algorithms(org, viewer, alg):
    key = Key(alg)
    with Provider([key]) as provider:
        eas = register(org.admin, provider.issuer)
        assert org.jwt_reply(provider.token(viewer)).status == 200
        good = provider.token(viewer)
        head, body, signature = good.split(".")
        flipped = ("A" if signature[5] != "A" else "B")
        refused(org, f"{head}.{body}.{signature[:5]}{flipped}{signature[6:]}", 10084)
        refused(org, f"{head}.{body}.{signature[:-4]}", 10084)
        remove(org.admin, eas)


def test_a_key_for_one_algorithm_is_not_one_for_another(org, viewer):
    """alg of the JWK binds; without it kty and crv do."""
    bound, free, curve = Key("RS256"), Key("RS256"), Key("ES256")
    with Provider([bound.jwk(), free.jwk(alg=DROP), curve.jwk(alg=DROP)]) as provider:
        eas = register(org.admin, provider.issuer)
        assert org.jwt_reply(provider.token(viewer, key=bound)).status == 200
        refused(org, provider.token(viewer, key=bound, alg="PS256"), 10085)
        refused(org, provider.token(viewer, key=bound, alg="RS512"), 10085)
        for alg in ("RS256", "RS512", "PS256"):
            assert org.jwt_reply(provider.token(viewer, key=free, alg=alg)).status == 200
        assert org.jwt_reply(provider.token(viewer, key=curve)).status == 200
        refused(org, provider.token(viewer, key=curve, header={"alg": "RS256"}), 10085)
        refused(org, provider.token(viewer, key=free, header={"alg": "ES256"}), 10085)
        remove(org.admin, eas)


# ---------------------------------------------------------------- where keys are found
@pytest.mark.parametrize("path,form", [
    (path, form) for path in ("", "/", "/tenant/one", "/tenant/one/")
    for form in ("oidc", "oauth", "inserted") if form != "inserted" or path.strip("/")])
def test_discovery(org, key, viewer, path, form):
    """Each of the places alone will do; the issuer keeps its slash."""
    base = path.rstrip("/")
    where = {"oidc": base + OIDC, "oauth": base + OAUTH, "inserted": OAUTH + base}[form]
    with Provider([key], path=path, oidc=False) as provider:
        provider.answers[where] = provider.describe
        eas = register(org.admin, provider.issuer)
        assert eas["issuerUrl"] == provider.issuer
        assert org.jwt_reply(provider.token(viewer)).status == 200
        assert provider.asked[where] == 1 and provider.asked[JWKS] == 1
        assert org.jwt_reply(provider.token(viewer)).status == 200
        assert provider.asked[where] == 1 and provider.asked[JWKS] == 1
        remove(org.admin, eas)


def test_a_registered_jwks_uri_is_used_alone(org, key, viewer):
    with Provider([key]) as provider:
        provider.answers["/other"] = provider.key_set
        eas = register(org.admin, provider.issuer, provider.origin + "/other")
        assert org.jwt_reply(provider.token(viewer)).status == 200
        assert dict(provider.asked) == {"/other": 1}
        remove(org.admin, eas)


def test_the_issuer_is_compared_exactly(org, key, viewer):
    """In the token, and in the metadata."""
    with Provider([key]) as provider:
        eas = register(org.admin, provider.issuer)
        for issuer in (provider.issuer + "/", provider.issuer.upper(), provider.issuer + "x"):
            refused(org, token(key, issuer, viewer), 10085)
        assert not provider.asked
        provider.metadata = {"issuer": provider.issuer + "/"}
        event = event_of(org.server, refused(org, provider.token(viewer), 10085))
        assert event["fineCode"] == 10081 and event["check"] == "KID"
        assert "its issuer is" in event["found"]
        remove(org.admin, eas)


# ---------------------------------------------------------------- claims
def test_audiences(org, home, provider, viewer):
    site = org.site_id
    for aud in ("tableau", f"tableau:{site}", ["x", f"tableau:{site}"]):
        assert org.jwt_reply(provider.token(viewer, aud=aud)).status == 200, aud
    for aud in (f"tableau:{home.session.site_id}", f"tableau:{site}x", f"Tableau:{site}", site,
                "tableau:", ["x"], [], DROP, 1):
        refused(org, provider.token(viewer, claims={"aud": aud}), 10084)


@pytest.mark.parametrize("claims,number,check", [
    ({"sub": DROP}, 10084, "SUBJECT"),
    ({"sub": "nobody"}, 16, "USER"),
    ({"jti": DROP}, 10084, "JTI"),
    ({"jti": 5}, 10084, "JTI"),
    ({"scp": DROP}, 10084, "SCOPES"),
    ({"scp": []}, 10084, "SCOPES"),
    ({"scp": "tableau:content:read"}, 10084, "SCOPES_FORM"),
    ({"exp": DROP}, 10084, "EXPIRY"),
    ({"exp": "soon"}, 10084, "EXPIRY"),
    ({"exp": 1}, 10084, "EXPIRY"),
    ({"exp": 2 ** 40}, 16, "LIFETIME"),
    ({"nbf": 2 ** 40}, 10084, "EXPIRY"),
    ({"iss": DROP}, 10084, "IDS"),
], ids=lambda value: str(value)[:30])
def test_claims(org, provider, viewer, claims, number, check):
    jti = unique("jti")
    event = event_of(org.server, refused(
        org, provider.token(viewer, claims={"jti": jti, **claims}), number))
    assert event["outcome"] == "refused" and event["check"] == check, event


def test_exp_at_most_ten_minutes_ahead(org, provider, viewer):
    assert org.jwt_reply(provider.token(viewer, life=590)).status == 200
    refused(org, provider.token(viewer, life=700), 16)


def test_iss_may_stand_in_the_header(org, provider, viewer):
    header = {"iss": provider.issuer}
    assert org.jwt_reply(provider.token(viewer, header=header)).status == 200
    assert org.jwt_reply(provider.token(viewer, header=header, claims={"iss": DROP})).status == 200
    refused(org, provider.token(viewer, header={"iss": provider.issuer + "x"}), 10084)


def test_a_jti_is_used_once(org, provider, viewer):
    jwt = provider.token(viewer)
    assert org.jwt_reply(jwt).status == 200
    assert event_of(org.server, refused(org, jwt, 10084))["fineCode"] == 10091


def test_case_of_the_user_counts(org, provider, viewer):
    refused(org, provider.token(viewer.upper()), 16)


# ---------------------------------------------------------------- the record
def test_the_record_tells_the_key(org, provider, viewer, key):
    reply = org.jwt_reply(provider.token(viewer))
    assert reply.status == 200
    event = event_of(org.server, reply)
    assert event["outcome"] == "ok" and event["secretId"] == key.kid
    assert event["clientId"] == provider.eas["id"]
    for word in (provider.issuer, key.kid, JWKS, OIDC, "RSA"):
        assert word in event["found"], event


def test_calls_are_counted_for_the_server(org, provider, viewer):
    client = org.server.client().by_jwt(provider.token(viewer), org.content_url)
    client.ok("GET", f"{client.site}/projects")
    client.refused(401002, "GET", f"{client.site}/users")
    for _ in range(50):
        told = servers.run("scopes", "--observed", *org.server.store_options(), check=0).stdout
        if provider.eas["id"] in told:
            break
        time.sleep(0.1)
    part = told[told.index(provider.eas["id"]):]
    assert "GET /sites/{site-id}/projects" in part


# ---------------------------------------------------------------- what ends a session
def session(org, provider, viewer):
    client = org.server.client().by_jwt(provider.token(viewer), org.content_url)
    client.ok("GET", f"{client.site}/projects")
    return client


def test_deleting_the_server_ends_its_sessions(org, key, viewer):
    with Provider([key]) as provider:
        eas = register(org.admin, provider.issuer)
        client = session(org, provider, viewer)
        remove(org.admin, eas)
        client.refused(401002, "GET", f"{client.site}/projects")
        refused(org, provider.token(viewer), 10085)
        again = register(org.admin, provider.issuer)
        client.refused(401002, "GET", f"{client.site}/projects")
        session(org, provider, viewer)
        remove(org.admin, again)


@pytest.mark.parametrize("change", ["issuerUrl", "jwksUri"])
def test_another_issuer_or_key_set_ends_its_sessions(org, key, viewer, change):
    with Provider([key]) as provider:
        eas = register(org.admin, provider.issuer)
        client = session(org, provider, viewer)
        path = f"{org.admin.site}/{PATH}/{eas['id']}"
        org.admin.ok("PUT", path, {"externalAuthorizationServer": {"name": "another"}})
        org.admin.ok("PUT", path, {"externalAuthorizationServer": {"issuerUrl": provider.issuer}})
        client.ok("GET", f"{client.site}/projects")
        org.admin.ok("PUT", path, {"externalAuthorizationServer": {change: provider.origin + "/x"}})
        client.refused(401002, "GET", f"{client.site}/projects")
        remove(org.admin, eas)


def test_sessions_are_closed_to_the_methods_of_trust(org, provider):
    """No scope admits them, so no provider registers another."""
    name = org.name("SiteAdministratorCreator")
    client = org.server.client().by_jwt(
        provider.token(name, scopes=["tableau:*:*", "tableau:content:*"]), org.content_url)
    client.refused(401002, "GET", f"{client.site}/{PATH}")
    client.refused(401002, "POST", f"{client.site}/{PATH}",
                   {"externalAuthorizationServer": {"issuerUrl": "https://example.com"}})


# ---------------------------------------------------------------- rights beyond the site
def as_server_admin(org, provider):
    return org.server.client().by_jwt(
        provider.token(org.server.admin_name, scopes=["tableau:sites:*", "tableau:users:read"]),
        org.content_url)


def new_site():
    return {"site": {"name": unique("Made"), "contentUrl": unique("made")}}


def test_rights_beyond_the_site(org, key):
    """A server that an administrator of a site registered signs in a server
    administrator with the rights of one of the site alone."""
    for registrar, stays in ((org.admin, False), (org.as_role("SiteAdministratorCreator"), True)):
        with Provider([key]) as provider:
            eas = register(registrar, provider.issuer)
            client = as_server_admin(org, provider)
            client.ok("GET", f"{client.site}/users")
            if stays:
                client.refused(403004, "POST", "/sites", new_site())
            else:
                client.ok("POST", "/sites", new_site(), 201)
            remove(org.admin, eas)


def test_a_changed_key_set_takes_rights_away(org, key):
    """Else an administrator of a site would point a trusted server at own keys."""
    site_admin = org.as_role("SiteAdministratorCreator")
    with Provider([key]) as provider:
        eas = register(org.admin, provider.issuer)
        site_admin.ok("PUT", f"{site_admin.site}/{PATH}/{eas['id']}",
                      {"externalAuthorizationServer": {"jwksUri": provider.origin + JWKS}})
        client = as_server_admin(org, provider)
        client.ok("GET", f"{client.site}/users")
        client.refused(403004, "POST", "/sites", new_site())
        remove(org.admin, eas)


# ---------------------------------------------------------------- settings
def test_the_server_wide_one(engine, key):
    with Provider([key]) as provider:
        env = {**servers.RELAXED, **LOOPBACK, "EASEL_EAS_ISSUER": provider.issuer}
        server = servers.Server(engine, env=env)
        try:
            home = server.admin()
            org = Org(server, home, unique("site"))
            viewer = org.name("Viewer")
            client = session(org, provider, viewer)
            refused(org, provider.token(viewer, aud=f"tableau:{org.site_id}"), 10084)
            reply = server.client().sign_in_reply(
                {"jwt": provider.token(viewer), "site": {"contentUrl": "no-such-site"}})
            check_refusal(reply, 401001, 401)
            assert reply.detail == "Error signing in to Tableau Server"
            assert not org.admin.ok("GET", f"{org.admin.site}/{PATH}").doc[
                "externalAuthorizationServerList"].get("externalAuthorizationServer")
            # Its own beside it wins on the site.
            own = register(org.admin, provider.issuer)
            assert org.jwt_reply(provider.token(viewer, aud=f"tableau:{org.site_id}")).status == 200
            remove(org.admin, own)
            everywhere = server.client().by_jwt(provider.token("admin", scopes=["tableau:sites:*"]))
            everywhere.ok("POST", "/sites", new_site(), 201)
            client.ok("GET", f"{client.site}/projects")
        finally:
            server.stop() if server.process.poll() is None else server.discard()


def test_settings_of_the_audience_and_algorithms(engine, key):
    env = {**servers.RELAXED, **LOOPBACK, "EASEL_EAS_BARE_AUDIENCE": "off",
           "EASEL_EAS_REFUSED_ALGORITHMS": "RS384 ES256", "EASEL_EAS_MAX_LIFE": "60s"}
    server = servers.Server(engine, env=env)
    try:
        org = Org(server, server.admin(), unique("site"))
        viewer, aud = org.name("Viewer"), f"tableau:{org.site_id}"
        free = Key()
        with Provider([free.jwk(alg=DROP)]) as provider:
            provider.eas = register(org.admin, provider.issuer)
            make = lambda **changes: token(free, provider.issuer, viewer, **changes)
            assert org.jwt_reply(make(aud=aud, life=60)).status == 200
            refused(org, make(life=60), 10084)
            refused(org, make(aud=aud, life=200), 16)
            reply = refused(org, make(aud=aud, life=60, alg="RS384"), 10084)
            assert event_of(server, reply)["fineCode"] == 10087
    finally:
        server.stop()


def test_the_claim_of_the_user(engine, key):
    """Read from tokens of such servers alone; what is cached for one name is no other's."""
    env = {**servers.RELAXED, **LOOPBACK, "EASEL_EAS_USER_CLAIM": "upn"}
    server = servers.Server(engine, env=env)
    try:
        org = Org(server, server.admin(), unique("site"))
        viewer, creator = org.name("Viewer"), org.name("Creator")
        with Provider([key]) as provider:
            register(org.admin, provider.issuer)

            def who(sub, **claims):
                reply = org.jwt_reply(provider.token(sub, claims=claims))
                assert reply.status == 200, reply
                return reply.doc["credentials"]["user"]["id"]

            for _ in range(2):  # from the repository, then from what is known
                assert who("0815", upn=viewer) == org.user("Viewer")
                assert who("0815", upn=creator) == org.user("Creator")
                assert who(DROP, upn=creator) == org.user("Creator")
                assert who(creator, upn=viewer) == org.user("Viewer")
            for claims in ({}, {"upn": ["x"]}, {"upn": 5}, {"upn": ""}):
                reply = refused(org, provider.token(viewer, claims=claims), 10084)
                event = event_of(server, reply)
                assert event["check"] == "SUBJECT" and "upn" in event["expected"], event
            refused(org, provider.token(viewer, claims={"upn": "\u0000"}), 10084)
        org.by_jwt(role="Viewer")  # a connected app's names sub
    finally:
        server.stop()


def test_dev_fetches_over_http_from_loopback(key):
    with Provider([key]) as provider:
        dev = servers.Dev()
        admin = dev.admin()
        register(admin, provider.issuer)
        client = dev.client().by_jwt(provider.token(dev.info["adminName"]))
        client.ok("GET", f"{client.site}/projects")
        dev.stop()


def test_serve_does_not(engine, key):
    """Neither http nor loopback, unless told."""
    server = servers.Server(engine, env=servers.RELAXED)
    try:
        admin = server.admin()
        path = f"{admin.site}/{PATH}"
        with Provider([key]) as provider:
            reply = admin.refused(400157, "POST", path, {"externalAuthorizationServer": {
                "issuerUrl": provider.issuer}})
            assert "not https" in reply.detail
            register(admin, f"https://127.0.0.1:{provider.port}")
            jwt = token(key, f"https://127.0.0.1:{provider.port}", "admin")
            reply = server.client().sign_in_reply({"jwt": jwt, "site": {"contentUrl": ""}})
            check_refusal(reply, 401001, 401)
            found = event_of(server, reply)["found"]
            assert "loopback" in found, found
            assert not provider.asked
    finally:
        server.stop()


def test_an_unknown_site_has_no_number(org, provider, viewer):
    reply = org.server.client().sign_in_reply(
        {"jwt": provider.token(viewer), "site": {"contentUrl": "no-such-site"}})
    check_refusal(reply, 401001, 401)
    assert reply.detail == "Error signing in to Tableau Server"
