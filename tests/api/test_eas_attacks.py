"""Attacks on tokens, after RFC 8725 (JSON Web Token Best Current Practices), section
2 and 3, against a server that has connected apps and several issuers. None signs in."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import servers
from easel_client import check_refusal, unique
from orgs import Org
from providers import DROP, LOOPBACK, Key, Provider, b64, register, remove, token


@pytest.fixture(scope="module")
def server(engine):
    yield from servers.kept(engine, {**servers.RELAXED, **LOOPBACK})


@pytest.fixture(scope="module")
def home(server):
    return server.admin()


@pytest.fixture(scope="module")
def key():
    return Key("RS256", kid="shared-kid")


@pytest.fixture(scope="module")
def provider(org, key):
    with Provider([key, Key("ES256", kid="curve")]) as running:
        running.key = key
        running.eas = register(org.admin, running.issuer)
        assert org.jwt_reply(running.token(org.name("Viewer"))).status == 200
        yield running


def refused(org, jwt, number=10084):
    reply = org.jwt_reply(jwt)
    check_refusal(reply, 401001, 401)
    assert reply.detail == f"Error signing in to Tableau Server ({number})", reply


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def again(jwt, header=None, claims=None):
    """The signing input of a token with other members."""
    head, body, _ = jwt.split(".")
    parts = {**decode(head), **(header or {})}, {**decode(body), **(claims or {})}
    return ".".join(b64(json.dumps(part).encode()) for part in parts)


# ---------------------------------------------------------------- algorithms (2.1, 3.1)
def encoded(encoding, form):
    return lambda key: key.private.public_key().public_bytes(encoding, form)


SECRETS = {
    "PEM": lambda key: key.pem(),
    "PEM without its last line end": lambda key: key.pem().rstrip(b"\n"),
    "PEM of PKCS 1": encoded(Encoding.PEM, PublicFormat.PKCS1),
    "DER": encoded(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "modulus": lambda key: key.jwk()["n"].encode(),
    "JWK": lambda key: json.dumps(key.jwk()).encode(),
    "nothing": lambda key: b"",
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_no_hmac_secret(org, provider, secret, alg):
    data = again(provider.token(org.name("Viewer")), {"alg": alg})
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
    mac = hmac.new(SECRETS[secret](provider.key), data.encode(), digest).digest()
    refused(org, f"{data}.{b64(mac)}")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 1, "HS256", "RS1",
                                 "rs256", "RS256 ", "RSA-OAEP", "dir", "ES256K", "Ed25519"])
def test_algorithms_that_are_none(org, provider, alg):
    data = again(provider.token(org.name("Viewer")), {"alg": alg})
    for signature in ("", b64(provider.key.signature(data.encode(), "RS256"))):
        refused(org, f"{data}.{signature}")


def test_signature_stripped(org, provider):
    head, body, _ = provider.token(org.name("Viewer")).split(".")
    refused(org, f"{head}.{body}.")
    refused(org, f"{head}.{body}")


def test_anything_changed(org, provider):
    good = provider.token(org.name("Viewer"))
    signature = good.split(".")[2]
    for changes in ({"claims": {"sub": org.name("Creator")}}, {"claims": {"scp": ["tableau:users:*"]}},
                    {"claims": {"exp": int(time.time()) + 500}}, {"header": {"typ": "at+jwt"}}):
        refused(org, f"{again(good, **changes)}.{signature}")


def test_an_asymmetric_token_of_a_connected_app(org, provider):
    """A connected app takes HS256 alone, whoever signs."""
    app = org.app
    for alg in ("RS256", "ES256", "EdDSA", "PS256"):
        signer = Key(alg, kid=app.keys[0].id)
        refused(org, token(signer, app.client_id, org.name("Viewer")))


def test_an_apps_secret_does_not_sign_for_the_issuer(org, provider):
    """HS256 with a secret that is good for an app of the site, iss the provider's."""
    data = again(provider.token(org.name("Viewer")), {"alg": "HS256", "kid": org.app.keys[0].id})
    mac = hmac.new(org.app.keys[0].value.encode(), data.encode(), hashlib.sha256).digest()
    refused(org, f"{data}.{b64(mac)}")


@pytest.mark.parametrize("forged", [b"\0" * 64, b"\0" * 63 + b"\1", b"\xff" * 64, b"", b"\0"])
def test_signatures_of_zeros(org, provider, forged):
    """r and s of zero (CVE-2022-21449)."""
    curve = provider.keys[1]
    head, body, _ = provider.token(org.name("Viewer"), key=curve).split(".")
    refused(org, f"{head}.{body}.{b64(forged)}")


def test_a_der_signature_is_none(org, provider):
    curve = provider.keys[1]
    head, body, _ = provider.token(org.name("Viewer"), key=curve).split(".")
    der = curve.private.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    refused(org, f"{head}.{body}.{b64(der)}")


def test_an_rsa_signature_with_zeros_in_front(org, provider):
    head, body, _ = provider.token(org.name("Viewer")).split(".")
    signature = provider.key.signature(f"{head}.{body}".encode())
    refused(org, f"{head}.{body}.{b64(bytes(1) + signature)}")


# ---------------------------------------------------------------- keys (2.4, 3.10)
EVIL = Key("RS256", kid="evil")


def headers_to_a_key(evil_url):
    return {"jwk": {"jwk": EVIL.jwk()}, "jku": {"jku": evil_url}, "x5u": {"x5u": evil_url},
            "x5c": {"x5c": ["MIIB"]}, "x5t": {"x5t": "AAAA"}}


@pytest.mark.parametrize("name", headers_to_a_key(""))
def test_keys_in_the_header_are_not_followed(org, provider, name):
    with Provider([EVIL]) as evil:
        header = headers_to_a_key(evil.origin + "/jwks")[name]
        refused(org, provider.token(org.name("Viewer"), key=EVIL, header=header), 10085)
        refused(org, provider.token(org.name("Viewer"), key=EVIL,
                                    header={**header, "kid": provider.key.kid}))
        assert not evil.asked
        # Beside a good key they do no harm.
        good = provider.token(org.name("Viewer"), header=header)
        assert org.jwt_reply(good).status == 200


@pytest.mark.parametrize("kid", ["../../../../dev/null", "' OR 1=1 --", "/etc/passwd", "\u0000",
                                 "shared-kid\u0000x", "SHARED-KID", "shared-kid ", "x" * 3000, ""])
def test_kids(org, provider, kid):
    reply = org.jwt_reply(provider.token(org.name("Viewer"), header={"kid": kid}))
    check_refusal(reply, 401001, 401)


# ---------------------------------------------------------------- issuers (2.8, 3.8)
def test_key_of_another_issuer(org, provider):
    """Both are registered on the site, and their keys share a kid."""
    other_key = Key("RS256", kid=provider.key.kid)
    with Provider([other_key]) as other:
        eas = register(org.admin, other.issuer)
        viewer = org.name("Viewer")
        assert org.jwt_reply(other.token(viewer)).status == 200
        refused(org, token(other_key, provider.issuer, viewer))
        refused(org, token(provider.key, other.issuer, viewer))
        assert org.jwt_reply(provider.token(viewer)).status == 200
        remove(org.admin, eas)


def test_one_issuer_with_keys_of_its_own_on_another_site(org, home, provider):
    """Whoever registers somebody's issuer with own keys signs in on that site alone."""
    other = Org(org.server, home, unique("other"))
    evil = Key("RS256", kid=provider.key.kid)
    with Provider([evil]) as place:
        eas = register(other.admin, provider.issuer, place.origin + "/jwks")
        assert other.jwt_reply(token(evil, provider.issuer, other.name("Viewer"))).status == 200
        refused(org, token(evil, provider.issuer, org.name("Viewer")))
        refused(other, provider.token(other.name("Viewer")))
        remove(other.admin, eas)


def test_an_issuer_of_another_site(org, home, provider):
    other = Org(org.server, home, unique("other"))
    _, name = other.admin.add_user(unique("twin"), "Viewer")
    refused(other, provider.token(name), 10085)


# ---------------------------------------------------------------- substitution (2.7, 3.9)
def test_a_token_of_one_site_on_another(org, home, provider):
    """The same issuer on both, and a user of one name: aud tells them apart."""
    other = Org(org.server, home, unique("other"))
    eas = register(other.admin, provider.issuer)
    name = unique("twin")
    for site in (org, other):
        site.admin.add_user(name, "Viewer")
    jwt = provider.token(name, aud=f"tableau:{org.site_id}")
    refused(other, jwt)
    assert org.jwt_reply(jwt).status == 200
    # One for whichever site is used once all the same.
    jwt = provider.token(name)
    assert other.jwt_reply(jwt).status == 200
    refused(org, jwt)
    remove(other.admin, eas)


def test_a_token_for_somebody_else(org, provider):
    for aud in ("https://api.example.com", "account", "tableau.com", "tableau:*", "TABLEAU"):
        refused(org, provider.token(org.name("Viewer"), aud=aud))


def test_an_id_token_is_no_access_token(org, provider):
    """An ID token has no scopes, and aud is the client's id."""
    refused(org, provider.token(org.name("Viewer"), aud="client-1", claims={"scp": DROP}))
    refused(org, provider.token(org.name("Viewer"), claims={"scp": DROP}))
    refused(org, provider.token(org.name("Viewer"),
                                claims={"scp": DROP, "scope": "tableau:content:read"}))


# ---------------------------------------------------------------- headers (2.6, 3.x)
@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "exp", ["http://example.com/x"], None])
def test_critical_headers(org, provider, crit):
    refused(org, provider.token(org.name("Viewer"),
                                header={"crit": crit, "b64": False, "http://example.com/x": 1}))


def signed(provider, head, body):
    data = ".".join(b64(part.encode()) for part in (head, body))
    return f"{data}.{b64(provider.key.signature(data.encode()))}"


def test_members_twice(org, provider):
    good = provider.token(org.name("Viewer"))
    head, body = (json.dumps(decode(part)) for part in good.split(".")[:2])
    assert org.jwt_reply(signed(provider, head, body)).status == 200
    fresh = lambda: json.dumps(decode(provider.token(org.name("Viewer")).split(".")[1]))
    refused(org, signed(provider, head, fresh()[:-1] + ',"sub":"admin"}'))
    refused(org, signed(provider, head, '{"sub":"admin",' + fresh()[1:]))
    refused(org, signed(provider, head[:-1] + ',"alg":"RS256"}', fresh()))
    refused(org, signed(provider, head[:-1] + ',"kid":"curve"}', fresh()))


def test_other_forms(org, provider):
    """JSON serialization, nesting, encryption, white space, padding."""
    good = provider.token(org.name("Viewer"))
    head, body, signature = good.split(".")
    refused(org, json.dumps({"protected": head, "payload": body, "signature": signature}))
    refused(org, f"{head}.{body}.{signature}.")
    refused(org, f"{head}..{body}.{signature}.x")
    refused(org, f"{head}.{body}.{signature}=")
    refused(org, f" {good}")
    refused(org, f"{head}.{body}. {signature}")
    nested = b64(json.dumps(good).encode())
    data = f"{head}.{nested}"
    refused(org, f"{data}.{b64(provider.key.signature(data.encode()))}")
    assert org.jwt_reply(good).status == 200
