"""`easel eas check` and `easel explain` for external authorization servers, and
fetching over https."""

import pytest

import servers
from easel_client import unique
from orgs import Org
from providers import (DROP, JWKS, LOOPBACK, OAUTH, OIDC, Key, Provider, certificate, register,
                       send)

FETCH = ("--fetch-plain-http", "--fetch-networks", "127.0.0.1")


def check(issuer, *options, status, fetch=FETCH):
    return servers.run("eas", "check", issuer, *fetch, *options, check=status).stdout


# ---------------------------------------------------------------- eas check
def test_a_good_one():
    good, weak, other = Key("RS256"), Key("RS256", bits=1024), Key("ES256")
    with Provider([good, weak, other.jwk(use="enc"), other.jwk(kid=DROP)],
                  headers={"Cache-Control": "max-age=4000"}) as provider:
        out = check(provider.issuer, status=0)
        assert f"ok    {provider.issuer}{OIDC}\n      keys at '{provider.issuer}{JWKS}'\n" in out
        assert f"ok    {provider.issuer}{JWKS}\n      4 keys\n" in out
        assert "good for 4000 s" in out
        assert f"ok    '{good.kid}'  'RSA' of 2048 bits, for 'RS256'\n" in out
        assert f"no    '{weak.kid}'  'RSA' of 1024 bits, for 'RS256'\n" \
            "      an RSA key of less than 2048 bits\n" in out
        assert f"no    '{other.kid}'" in out and "its use is not sig" in out
        assert "no    without kid" in out and "no token can name it" in out
        assert "can be verified" in out
        assert dict(provider.asked) == {OIDC: 1, JWKS: 1}


def test_the_second_place():
    with Provider([Key("ES256")], oidc=False, oauth=True) as provider:
        out = check(provider.issuer, status=0)
        assert f"no    {provider.issuer}{OIDC}\n      status 404\n" in out
        assert f"ok    {provider.issuer}{OAUTH}\n" in out


def test_by_its_jwks_uri():
    with Provider([Key("ES256")], oidc=False) as provider:
        out = check(provider.issuer, "--jwks-uri", provider.origin + JWKS, status=0)
        assert OIDC not in out and "can be verified" in out


@pytest.mark.parametrize("fault,word", [
    (lambda p: p.metadata.update(issuer=p.issuer + "/"), "its issuer is"),
    (lambda p: p.keys.clear(), "there is no usable key"),
    (lambda p: p.keys.__setitem__(slice(None), [Key("RS256", bits=1024)]), "no usable key"),
    (lambda p: p.answers.update({JWKS: lambda h: send(h, b"<html>", content_type="text/html")}),
     "content type 'text/html', not JSON"),
    (lambda p: p.answers.clear(), "status 404"),
    (lambda p: p.metadata.update(jwks_uri="http://10.0.0.1/"), "a private address"),
])
def test_bad_ones(fault, word):
    with Provider([Key("ES256")]) as provider:
        fault(provider)
        out = check(provider.issuer, status=1)
        assert word in out and "cannot be verified" in out, out


@pytest.mark.parametrize("keys,word", [
    (lambda: twins("one"), "another key has the same kid"),
    (lambda: [Key("RS256").jwk(alg="HS256")], "none of the algorithms"),
    (lambda: [Key("RS256").jwk(alg="RSA-OAEP")], "none of the algorithms"),
    (lambda: [Key("RS256").jwk(alg="ES256")], "none of the algorithms"),
    (lambda: [Key("ES384").jwk(alg="ES256")], "none of the algorithms"),
    (lambda: [Key("EdDSA").jwk(alg="Ed25519")], "none of the algorithms"),
    (lambda: [None, "x", 1, [], {}], "no object with members"),
])
def test_keys_that_no_token_can_use(keys, word):
    with Provider(keys()) as provider:
        out = check(provider.issuer, status=1)
        assert word in out and "there is no usable key" in out, out


def twins(kid):
    """Two keys of one kid; either would do."""
    return [Key("ES256", kid=kid), Key("ES256", kid=kid)]


def test_twins_for_different_algorithms_are_told_apart():
    with Provider([Key("ES256", kid="one"), Key("RS256", kid="one")]) as provider:
        assert check(provider.issuer, status=0).count("ok    'one'") == 2


def test_algorithms_that_the_server_refuses():
    with Provider([Key("ES256")]) as provider:
        out = check(provider.issuer, "--eas-refused-algorithms", "RS256,ES256", status=1)
        assert "eas-refused-algorithms holds what it is for" in out
        check(provider.issuer, "--eas-refused-algorithms", "RS256", status=0)


def test_an_issuer_that_cannot_be_registered():
    with Provider([Key("ES256")], path="/q?x=1") as provider:
        out = check(provider.issuer, status=1)
        assert "a query or fragment" in out and "cannot be registered" in out
        assert not provider.asked
    assert "the issuer is empty" in servers.run("eas", "check", "", check=2).stderr


def test_a_switch_takes_a_word():
    with Provider([Key("ES256")]) as provider:
        networks = ("--fetch-networks", "127.0.0.1")
        check(provider.issuer, status=0, fetch=("--fetch-plain-http", "on", *networks))
        out = check(provider.issuer, status=1, fetch=("--fetch-plain-http", "off", *networks))
        assert "setting fetch-plain-http" in out


def test_under_the_settings_of_the_server():
    """https alone and no loopback, unless told."""
    with Provider([Key("ES256")]) as provider:
        assert "not https" in check(provider.issuer, status=1, fetch=())
        out = check(provider.issuer, status=1, fetch=("--fetch-plain-http",))
        assert "a loopback address" in out and "setting fetch-networks" in out
        assert not provider.asked


def test_wrong_use():
    servers.run("eas", check=2)
    servers.run("eas", "check", check=2)
    servers.run("eas", "try", "https://example.com", check=2)
    done = servers.run("eas", "check", "https://example.com", "--fetch-networks", "x", check=1)
    assert "fetch-networks: 'x'" in done.stderr


def test_a_server_with_wrong_networks_does_not_start(tmp_path):
    done = servers.run("serve", "--data", tmp_path, "--fetch-networks", "10.0.0.0/99", check=1)
    assert "fetch-networks: '10.0.0.0/99'" in done.stderr


@pytest.mark.parametrize("options,word", [
    (("--eas-refused-algorithms", "rs256"), "'rs256' holds others than RS256|"),
    (("--eas-refused-algorithms", "RS256 XX99"), "holds others than"),
])
def test_a_server_with_wrong_algorithms_does_not_start(tmp_path, options, word):
    assert word in servers.run("serve", "--data", tmp_path, *options, check=2).stderr


def test_a_server_without_its_certificates_does_not_start(tmp_path):
    for path in (tmp_path / "none.pem", tmp_path / "empty.pem", tmp_path):
        if path.name == "empty.pem":
            path.write_text("-----BEGIN CERTIFICATE-----\n")
        done = servers.run("serve", "--data", tmp_path, "--fetch-ca-file", path, check=1)
        assert f"fetch-ca-file: no certificate can be read from '{path}'" in done.stderr


def test_dev_is_explained_under_its_own_settings():
    """Which allow http and loopback."""
    dev = servers.Dev("--eas-refused-algorithms", "RS384")
    options = ("--data", dev.info["data"])
    with Provider([Key("RS256")]) as provider:
        register(dev.admin(), provider.issuer)
        jwt = provider.token(dev.info["adminName"])
        assert "accepted: signs in" in servers.run("explain", *options, jwt, check=0).stdout
        refused = provider.token(dev.info["adminName"], alg="RS384")
        assert "10087" in servers.run("explain", *options, refused, check=1).stdout
        assert "can be verified" in check(provider.issuer, *options, status=0, fetch=())
    dev.stop()


def test_a_server_with_a_wrong_issuer_does_not_start(tmp_path):
    done = servers.run("serve", "--data", tmp_path, "--eas-issuer", "http://example.com", check=1)
    assert "not https" in done.stderr


# ---------------------------------------------------------------- explain
@pytest.fixture(scope="module")
def server(engine):
    running = servers.Server(engine, env={**servers.RELAXED, **LOOPBACK})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def home(server):
    return server.admin()


@pytest.fixture(scope="module")
def org(server, home):
    return Org(server, home, unique("site"))


@pytest.fixture(scope="module")
def provider(org):
    with Provider([Key("RS256")]) as running:
        register(org.admin, running.issuer)
        yield running


def explain(org, jwt, *options, status=0):
    return servers.run("explain", "--site", org.content_url, *FETCH, *org.server.store_options(),
                       *options, jwt, check=status).stdout


def line(out, check):
    found = [text for text in out.splitlines() if text[4:].startswith(check + " ")]
    assert len(found) == 1, (check, out)
    return found[0]


def test_explains_a_good_token(org, provider):
    out = explain(org, provider.token(org.name("Viewer")), "--method", "GET /sites/{site-id}/users",
                  status=1)
    for name in ("PRESENT", "ALG", "ISSUER", "KID", "SIGNATURE", "AUDIENCE", "REPLAY", "SITE"):
        assert " pass " in line(out, name)
    assert "alg is a public-key algorithm" in line(out, "ALG")
    key = provider.keys[0]
    assert f"key '{key.kid}' ('RSA' of 2048 bits, for 'RS256') of {provider.origin}{JWKS}, " \
        f"found by {provider.origin}{OIDC}, fetched " in out, out
    assert "accepted: signs in as" in out and "REFUSED" in out  # the method
    assert len([text for text in out.splitlines() if " pass " in text]) == 20


@pytest.mark.parametrize("changes,check,code,word", [
    ({"aud": "x"}, "AUDIENCE", "10084", "tableau:"),
    ({"header": {"kid": "nobody's"}}, "KID", "10085", "no key with this kid among 1"),
    ({"header": {"alg": "HS256"}}, "ALG", "10084", "RS256"),
    ({"claims": {"iss": "https://example.com"}}, "ISSUER", "10085", "names no app"),
    ({"claims": {"scp": "tableau:content:read"}}, "SCOPES_FORM", "10084", "a list"),
    ({"life": 900}, "LIFETIME", "(16)", "600 s"),
])
def test_explains_a_refusal(org, provider, changes, check, code, word):
    out = explain(org, provider.token(org.name("Viewer"), **changes), status=1)
    assert " FAIL " in line(out, check), out
    assert code in out and word in out and "to change:" in out, out


def test_explains_what_cannot_be_fetched(org):
    with Provider([Key("RS256")]) as provider:
        register(org.admin, provider.issuer)
        provider.answers.clear()
        out = explain(org, provider.token(org.name("Viewer")), status=1)
        assert " FAIL " in line(out, "KID")
        for path in (OIDC, OAUTH):
            assert f"{provider.origin}{path}: status 404" in out
        assert "10081 COULD_NOT_RETRIEVE_IDP_METADATA" in out


# ---------------------------------------------------------------- https
@pytest.mark.parametrize("names,good", [(("127.0.0.1",), True), (("127.0.0.2",), False),
                                        (("example.com", "localhost"), False)])
def test_https(engine, tmp_path, names, good):
    """As in production but for the address: plain http is off."""
    context, authority = certificate(tmp_path, *names)
    server = servers.Server(engine, env={
        **servers.RELAXED, "EASEL_FETCH_NETWORKS": "127.0.0.1",
        "EASEL_FETCH_CA_FILE": str(authority)})
    try:
        org = Org(server, server.admin(), unique("site"))
        with Provider([Key("ES256")], tls=context) as provider:
            register(org.admin, provider.issuer)
            reply = org.jwt_reply(provider.token(org.name("Viewer")))
            assert (reply.status == 200) == good, reply
            assert bool(provider.asked) == good
    finally:
        server.stop()


def test_https_of_an_authority_that_is_not_trusted(tmp_path):
    context, _ = certificate(tmp_path, "127.0.0.1")
    with Provider([Key("ES256")], tls=context) as provider:
        out = check(provider.issuer, status=1, fetch=("--fetch-networks", "127.0.0.1"))
        assert "SSL certificate problem: self-signed certificate" in out, out
        assert not provider.asked


def test_https_under_another_name(tmp_path):
    context, authority = certificate(tmp_path, "127.0.0.2")
    with Provider([Key("ES256")], tls=context) as provider:
        out = check(provider.issuer, status=1, fetch=("--fetch-networks", "127.0.0.1",
                                                      "--fetch-ca-file", str(authority)))
        assert "127.0.0.1" in out and "certificate subject name" in out, out


def test_https_does_not_lead_to_http(tmp_path):
    context, authority = certificate(tmp_path, "127.0.0.1")
    with Provider([Key("ES256")], tls=context) as secure, Provider([Key("ES256")]) as plain:
        secure.answers[OIDC] = lambda h: send(h, b"", 302, headers={"Location": plain.origin + OIDC})
        out = check(secure.issuer, status=1, fetch=(*FETCH, "--fetch-ca-file", str(authority)))
        assert "another origin" in out
        secure.answers[OIDC] = secure.describe
        secure.metadata = {"jwks_uri": plain.origin + JWKS}
        fetch = ("--fetch-networks", "127.0.0.1", "--fetch-ca-file", str(authority))
        assert "not https" in check(secure.issuer, status=1, fetch=fetch)
        assert not plain.asked
