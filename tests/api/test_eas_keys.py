"""Keys of issuers over time, as far as it can be seen from outside: one fetch for
many, rotation, outages. What needs a clock stands in tests/unit/test_issuers.c."""

import asyncio
import json
import threading

import pytest

import servers
from easel_client import check_refusal, unique
from orgs import Org
from providers import (JWKS, LOOPBACK, OIDC, Key, Provider, register, remove, send, token)

TIMEOUT_MS = 2000
MANY = 500


@pytest.fixture(scope="module")
def server(engine):
    yield from servers.kept(engine, {**servers.RELAXED, **LOOPBACK,
                                          "EASEL_FETCH_TIMEOUT": f"{TIMEOUT_MS}ms"})


@pytest.fixture(scope="module")
def home(server):
    return server.admin()


@pytest.fixture(scope="module")
def key():
    return Key()


async def sign_in(server, jwt, content_url):
    body = json.dumps({"credentials": {"jwt": jwt, "site": {"contentUrl": content_url}}}).encode()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"POST /api/3.29/auth/signin HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
                 b"Content-Type: application/json\r\nConnection: close\r\n"
                 b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


def sign_in_all(server, tokens, content_url):
    async def run():
        return await asyncio.gather(*(sign_in(server, jwt, content_url) for jwt in tokens))
    return asyncio.run(run())


def test_many_first_sign_ins_fetch_once(org, key):
    """The keys are held back until every sign-in has come; other calls go on."""
    gate = threading.Event()
    with Provider([key]) as provider:
        def held(handler):
            gate.wait(TIMEOUT_MS / 2000)  # never beyond the server's patience
            provider.key_set(handler)

        provider.answers[JWKS] = held
        eas = register(org.admin, provider.issuer)
        tokens = [provider.token(org.name("Viewer")) for _ in range(MANY)]
        statuses = []
        crowd = threading.Thread(target=lambda: statuses.extend(
            sign_in_all(org.server, tokens, org.content_url)))
        crowd.start()
        while not provider.asked[JWKS]:
            org.by_jwt(role="Viewer")  # a connected app's sign-in waits for nobody
            org.admin.ok("GET", f"{org.admin.site}/projects")
        gate.set()
        crowd.join(60)
        assert statuses == [200] * MANY
        assert dict(provider.asked) == {OIDC: 1, JWKS: 1}
        remove(org.admin, eas)


def test_the_slow_issuers_of_a_site_hold_up_no_other_site(org, home, key):
    """Also where they are many, and more than may be fetched at once."""
    gate = threading.Event()
    org, other = (Org(org.server, home, unique("site")) for _ in range(2))
    replies = []
    with Provider([key]) as slow, Provider([key]) as quick:
        crowd = []
        for number in range(10):
            path = f"/slow/{number}"
            slow.answers[path] = lambda handler: gate.wait(30)
            register(org.admin, f"{slow.origin}/{number}", slow.origin + path)
            jwt = token(key, f"{slow.origin}/{number}", org.name("Viewer"))
            crowd.append(threading.Thread(target=lambda jwt=jwt: replies.append(
                org.jwt_reply(jwt))))
        register(other.admin, quick.issuer)
        for thread in crowd:
            thread.start()
        while len(slow.asked) < len(crowd):
            pass
        assert other.jwt_reply(quick.token(other.name("Viewer"))).status == 200
        assert not replies
        gate.set()
        for thread in crowd:
            thread.join(60)
    assert len(replies) == len(crowd)


def test_an_unknown_kid_at_first_fetches_once(org, key):
    with Provider([key]) as provider:
        eas = register(org.admin, provider.issuer)
        other = Key()
        check_refusal(org.jwt_reply(provider.token(org.name("Viewer"), key=other)), 401001, 401)
        assert dict(provider.asked) == {OIDC: 1, JWKS: 1}
        provider.keys.append(other)
        assert org.jwt_reply(provider.token(org.name("Viewer"), key=other)).status == 200
        remove(org.admin, eas)


@pytest.mark.parametrize("odd", [None, "x", 5, [], {}, {"kid": None, "kty": None}])
def test_an_odd_key_spoils_no_other(org, key, odd):
    plain = {**key.jwk(), "key_ops": None, "use": None, "alg": None}
    with Provider([odd, plain, odd]) as provider:
        eas = register(org.admin, provider.issuer)
        assert org.jwt_reply(provider.token(org.name("Viewer"), key=key)).status == 200
        remove(org.admin, eas)


def test_a_slow_issuer_holds_up_no_other(org, key):
    """Password sign-ins, connected apps and other issuers go on meanwhile."""
    gate = threading.Event()
    with Provider([key]) as slow, Provider([key]) as quick:
        slow.answers[OIDC] = lambda handler: gate.wait(30)
        first, second = register(org.admin, slow.issuer), register(org.admin, quick.issuer)
        replies = []
        waiting = threading.Thread(target=lambda: replies.append(
            org.jwt_reply(slow.token(org.name("Viewer")))))
        waiting.start()
        while not slow.asked[OIDC]:
            pass
        assert org.jwt_reply(quick.token(org.name("Viewer"))).status == 200
        org.by_jwt(role="Viewer")
        org.server.admin(org.content_url)
        assert not replies
        gate.set()
        waiting.join(30)
        check_refusal(replies[0], 401001, 401)
        remove(org.admin, first)
        remove(org.admin, second)


def test_rotation(org):
    """A new key signs in at once, the old one as long as it is published."""
    old, new = Key("RS256"), Key("ES256")
    with Provider([old]) as provider:
        eas = register(org.admin, provider.issuer)
        viewer = org.name("Viewer")
        assert org.jwt_reply(provider.token(viewer, key=old)).status == 200
        provider.keys = [new, old]
        assert org.jwt_reply(provider.token(viewer, key=new)).status == 200
        assert org.jwt_reply(provider.token(viewer, key=old)).status == 200
        assert provider.asked[JWKS] == 2
        remove(org.admin, eas)


def test_an_unknown_kid_fetches_once_a_minute(org, key):
    with Provider([key]) as provider:
        eas = register(org.admin, provider.issuer)
        viewer = org.name("Viewer")
        assert org.jwt_reply(provider.token(viewer)).status == 200
        for _ in range(20):
            check_refusal(org.jwt_reply(provider.token(viewer, key=Key("ES256"))), 401001, 401)
        assert provider.asked[JWKS] == 2
        assert org.jwt_reply(provider.token(viewer)).status == 200
        remove(org.admin, eas)


def test_keys_that_vanish(org):
    """A set that was fetched and lacks a key ends that key."""
    old, new = Key("ES256"), Key("ES256")
    with Provider([old]) as provider:
        eas = register(org.admin, provider.issuer)
        viewer = org.name("Viewer")
        assert org.jwt_reply(provider.token(viewer, key=old)).status == 200
        provider.keys = [new]
        assert org.jwt_reply(provider.token(viewer, key=new)).status == 200
        check_refusal(org.jwt_reply(provider.token(viewer, key=old)), 401001, 401)
        remove(org.admin, eas)


@pytest.mark.parametrize("fault", ["down", "html", "500", "empty"])
def test_the_last_good_keys_go_on_while_the_provider_is_down(org, fault):
    key, unknown = Key("ES256"), Key("ES256")
    provider = Provider([key])
    eas = register(org.admin, provider.issuer)
    viewer = org.name("Viewer")
    assert org.jwt_reply(provider.token(viewer)).status == 200
    if fault == "down":
        provider.stop()
    for path in (OIDC, JWKS):
        provider.answers[path] = {
            "html": lambda handler: send(handler, b"<html>", content_type="text/html"),
            "500": lambda handler: send(handler, {}, status=500),
            "empty": lambda handler: None, "down": None}[fault]
    reply = org.jwt_reply(provider.token(viewer, key=unknown))  # has it fetched
    check_refusal(reply, 401001, 401)
    assert reply.detail.endswith("(10085)")
    for _ in range(3):
        assert org.jwt_reply(provider.token(viewer)).status == 200
    if fault != "down":
        provider.stop()
    remove(org.admin, eas)


@pytest.mark.parametrize("how", ["registered again", "changed"])
def test_a_mended_provider_is_asked_once_it_is_registered_again(org, key, how):
    with Provider([]) as provider:
        eas = register(org.admin, provider.issuer)
        jwt = provider.token(org.name("Viewer"), key=key)
        for _ in range(2):  # the second is the one more fetch of an unknown kid
            check_refusal(org.jwt_reply(jwt), 401001, 401)
        provider.keys = [key]
        check_refusal(org.jwt_reply(jwt), 401001, 401)  # not asked again so soon
        if how == "changed":
            org.admin.ok("PUT", f"{org.admin.site}/connected-apps/external-authorization-servers/"
                         f"{eas['id']}", {"externalAuthorizationServer": {
                             "issuerUrl": provider.issuer}})
        else:
            remove(org.admin, eas)
            eas = register(org.admin, provider.issuer)
        assert org.jwt_reply(jwt).status == 200
        remove(org.admin, eas)


def test_two_sites_with_one_issuer_share_its_keys(org, home, key):
    other = Org(org.server, home, unique("other"))
    with Provider([key]) as provider:
        eas = [register(site.admin, provider.issuer) for site in (org, other)]
        for site in (org, other):
            jwt = provider.token(site.name("Viewer"), aud=f"tableau:{site.site_id}")
            assert site.jwt_reply(jwt).status == 200
        assert provider.asked[JWKS] == 1
        remove(org.admin, eas[0])
        remove(other.admin, eas[1])


def test_a_server_stops_while_sign_ins_wait(engine, key):
    """They are answered, and the fetch ends at once."""
    server = servers.Server(engine, env={**servers.RELAXED, **LOOPBACK,
                                         "EASEL_FETCH_TIMEOUT": "60s",
                                         "EASEL_DRAIN_TIMEOUT": "100ms"})
    gate = threading.Event()
    with Provider([key]) as provider:
        provider.answers[OIDC] = lambda handler: gate.wait(60)
        register(server.admin(), provider.issuer)
        jwt = provider.token("admin")

        def call():
            try:
                asyncio.run(sign_in(server, jwt, ""))
            except (OSError, IndexError, ValueError):
                pass  # the connection may be gone before the answer

        waiting = threading.Thread(target=call)
        waiting.start()
        while not provider.asked[OIDC]:
            pass
        server.stop()
        waiting.join(30)
        gate.set()
