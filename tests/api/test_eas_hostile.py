"""Identity providers that are broken or mean, and what the server makes of them:
every sign-in is refused with the documented code and the reason on record, nothing
is fetched that must not be, and the server goes on."""

import time

import pytest

import servers
from easel_client import check_refusal, unique
from orgs import Org
from providers import (DROP, JWKS, LOOPBACK, OAUTH, OIDC, Key, Provider, register, remove, send,
                       token)
from test_eas_signin import event_of

MAX_BODY = 64 << 10


@pytest.fixture(scope="module")
def server(engine):
    yield from servers.kept(engine, {
        **servers.RELAXED, **LOOPBACK, "EASEL_FETCH_NETWORKS": "127.0.0.1/32",
        "EASEL_FETCH_TIMEOUT": "1500ms", "EASEL_FETCH_MAX_BODY": str(MAX_BODY)})


@pytest.fixture(scope="module")
def home(server):
    return server.admin()


@pytest.fixture(scope="module")
def key():
    return Key("ES256")


def refusal(org, jwt, number=10085):
    """Refuses with that number; the event that says why."""
    reply = org.jwt_reply(jwt)
    check_refusal(reply, 401001, 401)
    assert reply.detail == f"Error signing in to Tableau Server ({number})", reply
    return event_of(org.server, reply)


def drip(handler):
    """A head at once and a byte now and then."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def silence(handler):
    time.sleep(3)


def endless(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65536)


def endless_head(handler):
    handler.send_response(200)
    for _ in range(100000):
        handler.send_header("X-Pad", "x" * 1000)
        handler.flush_headers()


def half(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"keys":')


def many_keys(count):
    return lambda handler: send(handler, {"keys": [
        {"kid": str(i), "kty": "x"} for i in range(count)]})


def to(url, status=302):
    return lambda handler: send(handler, b"", status=status, headers={"Location": url})


# What is answered in place of the keys, and a word of the reason on record.
KEYS = {
    "slow": (drip, "no whole answer"),
    "silent": (silence, "no whole answer"),
    "endless": (endless, "more than 65536 bytes"),
    "endless head": (endless_head, "head of more than"),
    "half": (half, "partial"),
    "huge": (lambda h: send(h, {"keys": [], "pad": "x" * MAX_BODY}), "more than 65536 bytes"),
    "101 keys": (many_keys(101), "more than 100 keys"),
    "2,000 keys": (many_keys(2000), "more than 100 keys"),
    "10,000 keys": (many_keys(10000), "more than 65536 bytes"),
    "html": (lambda h: send(h, b"<html></html>", content_type="text/html"), "content type"),
    "html as json": (lambda h: send(h, b"<html></html>"), "not a JSON object"),
    "no type": (lambda h: send(h, {"keys": []}, content_type=None), "content type not given"),
    "plain text": (lambda h: send(h, {"keys": []}, content_type="text/plain"), "content type"),
    "not found": (lambda h: send(h, {"keys": []}, status=404), "status 404"),
    "server error": (lambda h: send(h, {"keys": []}, status=503), "status 503"),
    "no content": (lambda h: send(h, b""), "not a JSON object"),
    "a list": (lambda h: send(h, []), "not a JSON object"),
    "no keys": (lambda h: send(h, {}), "no list of keys"),
    "keys no list": (lambda h: send(h, {"keys": {}}), "no list of keys"),
    "keys no objects": (lambda h: send(h, {"keys": [1]}), "no key with this kid among 1"),
    "twice keys": (lambda h: send(h, b'{"keys":[],"keys":[]}'), "two members of one name"),
    "deep": (lambda h: send(h, b'{"keys":' + b"[" * 5000), "nested deeper"),
    "not utf-8": (lambda h: send(h, b'{"keys":[],"x":"\xff"}'), "not UTF-8"),
    "empty set": (lambda h: send(h, {"keys": []}), "no key with this kid"),
    "redirect loop": (lambda h: send(h, b"", 302, headers={"Location": h.path}), "redirects"),
    "redirect to another port": (to("http://127.0.0.1:1/jwks"), "another origin"),
    "redirect to another name": (to("http://localhost/jwks"), "another origin"),
    "redirect to a private address": (to("http://10.0.0.1/jwks"), "another origin"),
    "redirect to the metadata service": (to("http://169.254.169.254/latest", 307), "another origin"),
    "redirect to a file": (to("file:///etc/passwd"), "another origin"),
    "redirect to gopher": (to("gopher://127.0.0.1/"), "another origin"),
    "redirect nowhere": (lambda h: send(h, b"", 302), "status 302"),
}


@pytest.mark.parametrize("what", KEYS)
def test_keys(org, key, what):
    answer, word = KEYS[what]
    with Provider([key]) as provider:
        provider.answers[JWKS] = answer
        eas = register(org.admin, provider.issuer)
        event = refusal(org, provider.token(org.name("Viewer")))
        assert word in event["found"], event
        assert event["check"] == "KID" and event["fineCode"] == 10085
        remove(org.admin, eas)


METADATA = {
    "slow": (drip, "no whole answer"),
    "endless": (endless, "more than 65536 bytes"),
    "html": (lambda p: lambda h: send(h, b"<html></html>", content_type="text/html"), "content type"),
    "html as json": (lambda p: lambda h: send(h, b"<html></html>"), "not a JSON object"),
    "another issuer": (lambda p: lambda h: send(h, {
        "issuer": "https://example.com", "jwks_uri": p.origin + JWKS}), "its issuer is"),
    "no issuer": (lambda p: lambda h: send(h, {"jwks_uri": p.origin + JWKS}), "no issuer"),
    "issuer a list": (lambda p: lambda h: send(h, {
        "issuer": [p.issuer], "jwks_uri": p.origin + JWKS}), "no issuer"),
    "two issuers": (lambda p: lambda h: send(h, (
        '{"issuer":"%s","issuer":"%s","jwks_uri":"%s"}' % (p.issuer, p.issuer, p.origin + JWKS)
    ).encode()), "two members of one name"),
    "no jwks_uri": (lambda p: lambda h: send(h, {"issuer": p.issuer}), "no jwks_uri"),
    "redirect away": (lambda p: to("http://127.0.0.2/"), "another origin"),
}


@pytest.mark.parametrize("what", METADATA)
def test_metadata(org, key, what):
    answer, word = METADATA[what]
    with Provider([key]) as provider:
        provider.answers[OIDC] = answer if answer in (drip, endless) else answer(provider)
        eas = register(org.admin, provider.issuer)
        event = refusal(org, provider.token(org.name("Viewer")))
        assert event["check"] == "KID" and event["fineCode"] == 10081, event
        assert word in event["found"], event
        assert not provider.asked[JWKS]
        assert provider.asked[OAUTH] == 1  # the other place is tried all the same
        remove(org.admin, eas)


# Where metadata may send the server, and what it says of it. 127.0.0.1 is allowed.
PLACES = {
    "http://10.0.0.1/jwks": "a private address",
    "http://172.16.0.1/jwks": "a private address",
    "http://192.168.0.1/jwks": "a private address",
    "http://169.254.169.254/latest/meta-data": "a link-local address",
    "http://127.0.0.2/jwks": "a loopback address",
    "http://127.1/jwks": None,  # 127.0.0.1 in another form: allowed, and nothing listens
    "http://0.0.0.0/jwks": "an address of no host",
    "http://100.64.0.1/jwks": "a shared address",
    "http://224.0.0.1/jwks": "a multicast address",
    "http://[::1]/jwks": "a loopback address",
    "http://[::ffff:10.0.0.1]/jwks": "a private address",
    "http://[64:ff9b::a00:1]/jwks": "a private address",
    "http://[fe80::1]/jwks": "a link-local address",
    "http://[fd00::1]/jwks": "a private address",
    "http://2130706434/jwks": "a loopback address",  # 127.0.0.2 as one number
    "http://0x7f.0.0.2/jwks": "a loopback address",
    "file:///etc/passwd": "not a URL with scheme and host",
    "ftp://127.0.0.1/": "neither https nor http",
    "gopher://127.0.0.1/": "neither https nor http",
    "http://user:password@127.0.0.1/": "user's name",
    "//127.0.0.1/": "not a URL",
    "http://127.0.0.1 /": "not printable",
    "": "no jwks_uri",
}


@pytest.mark.parametrize("place", PLACES)
def test_places(org, key, place):
    with Provider([key]) as provider:
        provider.metadata = {"jwks_uri": place}
        eas = register(org.admin, provider.issuer)
        event = refusal(org, provider.token(org.name("Viewer")))
        if PLACES[place]:
            assert PLACES[place] in event["found"], event
        remove(org.admin, eas)


def test_a_name_that_resolves_to_loopback(engine, key):
    """The name says nothing; the address it comes to decides."""
    server = servers.Server(engine, env={**servers.RELAXED, "EASEL_FETCH_PLAIN_HTTP": "on"})
    try:
        org = Org(server, server.admin(), unique("site"))
        with Provider([key], host="localhost") as provider:
            register(org.admin, provider.issuer)
            event = refusal(org, provider.token(org.name("Viewer")))
            assert "a loopback address" in event["found"], event
            assert event["fineCode"] == 10081
            assert not provider.asked
    finally:
        server.stop()


def test_the_environment_names_no_proxy(engine, key):
    """http_proxy would send every request somewhere else."""
    with Provider() as proxy, Provider([key]) as provider:
        server = servers.Server(engine, env={
            **servers.RELAXED, **LOOPBACK, "http_proxy": proxy.origin, "HTTPS_PROXY": proxy.origin,
            "ALL_PROXY": proxy.origin, "all_proxy": proxy.origin})
        try:
            org = Org(server, server.admin(), unique("site"))
            register(org.admin, provider.issuer)
            assert org.jwt_reply(provider.token(org.name("Viewer"))).status == 200
            assert not proxy.asked
        finally:
            server.stop()


# Keys that look like one and are none; the good one beside them signs in.
BAD_KEYS = {
    "no kty": {"kty": DROP},
    "kty unknown": {"kty": "XX"},
    "kty a number": {"kty": 1},
    "another curve": {"crv": "P-384"},
    "a curve unknown": {"crv": "secp256k1"},
    "not on the curve": {"y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "short": {"x": "AAAA"},
    "not base64url": {"x": "+/=="},
    "x a list": {"x": ["AAAA"]},
    "no y": {"y": DROP},
    "for encryption": {"use": "enc"},
    "use a number": {"use": 5},
    "for signing alone": {"key_ops": ["sign"]},
    "key_ops no list": {"key_ops": "verify"},
    "private": {"d": "AAAA"},
    "alg another": {"alg": "ES384"},
    "alg of another kty": {"alg": "RS256"},
    "alg HS256": {"alg": "HS256"},
    "symmetric": {"kty": "oct", "k": "AAAA", "alg": "HS256"},
    "kid too long": {"kid": "x" * 501},
    "kid a number": {"kid": 7},
}


@pytest.mark.parametrize("what", BAD_KEYS)
def test_bad_keys(org, what):
    good, bad = Key("ES256"), Key("ES256")
    with Provider([bad.jwk(**BAD_KEYS[what]), good]) as provider:
        eas = register(org.admin, provider.issuer)
        assert org.jwt_reply(provider.token(org.name("Viewer"), key=good)).status == 200
        assert refusal(org, provider.token(org.name("Viewer"), key=bad))["check"] == "KID"
        remove(org.admin, eas)


def test_a_weak_rsa_key(org):
    weak = Key("RS256", bits=1024)
    with Provider([weak]) as provider:
        eas = register(org.admin, provider.issuer)
        event = refusal(org, provider.token(org.name("Viewer")), 10084)
        assert event["fineCode"] == 10088 and "2048" in event["found"], event
        remove(org.admin, eas)


def test_odd_rsa_keys(org):
    """An exponent of one makes every signature good; an even modulus is none."""
    key = Key("RS256")
    for change in ({"e": "AQ"}, {"e": "AA"}, {"e": "Ag"}, {"e": "AAAAAAAAAAAAAQAB" * 3},
                   {"n": key.jwk()["n"][:-4] + "AAAA"}, {"n": ""}, {"n": DROP},
                   {"n": "_" * 4000}):
        with Provider([key.jwk(**change)]) as provider:
            eas = register(org.admin, provider.issuer)
            assert refusal(org, provider.token(org.name("Viewer"), key=key))["check"] == "KID"
            remove(org.admin, eas)


def test_duplicate_kids(org):
    """Two keys that would do are none: which one was meant is not guessed."""
    one, two, rsa = Key("ES256", kid="k"), Key("ES256", kid="k"), Key("RS256", kid="k")
    with Provider([one, two, rsa]) as provider:
        eas = register(org.admin, provider.issuer)
        viewer = org.name("Viewer")
        for key in (one, two):
            assert "2 keys with this kid" in refusal(org, provider.token(viewer, key=key))["found"]
        # Of another kind it is not ambiguous.
        assert org.jwt_reply(provider.token(viewer, key=rsa)).status == 200
        remove(org.admin, eas)


def test_words_of_a_provider_are_escaped(org):
    """In the record and in answers; nothing of it reaches a terminal as it came."""
    with Provider([Key("ES256").jwk(kid="\x1b[31mred", kty="\x1b]0;title\x07")]) as provider:
        provider.answers[OIDC] = lambda h: send(h, {"issuer": "\x1b[2J\u00e9", "jwks_uri": "x"})
        eas = register(org.admin, provider.issuer)
        event = refusal(org, token(Key("ES256", kid="\x1b[31mred"), provider.issuer, "x"))
        assert "\\x1B[2J" in event["found"], event
        remove(org.admin, eas)


def test_the_server_goes_on(org, key):
    """After all this, a provider that behaves signs in."""
    with Provider([key]) as provider:
        eas = register(org.admin, provider.issuer)
        assert org.jwt_reply(provider.token(org.name("Viewer"))).status == 200
        remove(org.admin, eas)
