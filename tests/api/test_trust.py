"""Direct-trust JWTs: each way to be wrong and the code it gives on the wire."""

import base64
import json
import hashlib
import threading
import time
import uuid

import jwt as pyjwt
import pytest

from easel_client import DROP, App, Key, b64, check_refusal, mint, parts, sign, unique

PLAIN = "Error signing in to Tableau Server ({})"


class Context:
    """What the makers of broken tokens need: a good app, user, and bad ones."""

    def __init__(self, app, sub, **names):
        self.app, self.sub = app, sub
        self.__dict__.update(names)

    def make(self, **changes):
        scopes = changes.pop("scopes", ("tableau:content:read",))
        key = changes.pop("key", None)
        return mint(self.app, changes.pop("sub", self.sub), scopes, key=key, **changes)


def header(**members):
    return lambda c: c.make(header=members)


def claim(**members):
    return lambda c: c.make(claims=members)


def soon(seconds):
    return lambda c: c.make(life=seconds)


def with_alg(name, digest):
    def make(c):
        head, payload = parts(c.app, c.sub, header={"alg": name})
        return sign(head, payload, c.app.keys[0].value, digest)
    return make


def unsigned(name):
    def make(c):
        head, payload = parts(c.app, c.sub, header={"alg": name})
        return sign(head, payload, "").rsplit(".", 1)[0] + "."
    return make


def resigned(change):
    """A good token whose parts are changed after signing."""
    return lambda c: ".".join(change(c.make().split(".")))


def no_issuer(c):
    return c.make(header={"iss": DROP}, claims={"iss": DROP})


def decoded_key(c):
    return c.make(key=base64.b64decode(c.app.keys[0].value))


def flip(part):
    return part[:-2] + ("AA" if part[-2:] != "AA" else "BB")


# name, maker, code on the wire, check that refuses, a word of the reason
BROKEN = [
    ("jwt empty", lambda c: "", 10084, "PRESENT", "jwt"),
    ("too long", claim(pad="x" * 9000), 10084, "SIZE", "8000"),
    ("one part", lambda c: "abc", 10084, "FORM", ""),
    ("two parts", resigned(lambda p: p[:2]), 10084, "FORM", ""),
    ("four parts", resigned(lambda p: p + ["x"]), 10084, "FORM", ""),
    ("encrypted (five parts)", lambda c: ".".join(
        [b64(b'{"alg":"dir","enc":"A256GCM"}'), "", b64(b"x" * 12), b64(b"y" * 40), b64(b"z" * 16)]),
     10084, "SIGNED", ""),
    ("header not base64url", resigned(lambda p: ["!!!"] + p[1:]), 10084, "FORM", ""),
    ("padding", resigned(lambda p: [p[0] + "=="] + p[1:]), 10084, "FORM", ""),
    ("payload not JSON", resigned(lambda p: [p[0], b64(b"hello"), p[2]]), 10084, "FORM", ""),
    ("payload a list", lambda c: sign(parts(c.app, c.sub)[0], [1], c.app.keys[0].value), 10084,
     "FORM", ""),
    ("alg none", unsigned("none"), 10084, "SIGNED", "none"),
    ("alg None", unsigned("None"), 10084, "", ""),
    ("alg NONE, signed", header(alg="NONE"), 10084, "", ""),
    ("alg missing", header(alg=DROP), 10084, "", ""),
    ("kid missing", header(kid=DROP), 10084, "IDS", "kid"),
    ("kid a number", header(kid=7), 10084, "", ""),
    ("kid null", header(kid=None), 10084, "", ""),
    ("kid empty", header(kid=""), 10084, "", ""),
    ("iss missing everywhere", no_issuer, 10084, "IDS", "iss"),
    ("iss disagrees", header(iss=str(uuid.uuid4())), 10084, "IDS", "iss"),
    ("alg HS384", with_alg("HS384", hashlib.sha384), 10084, "ALG", "HS384"),
    ("alg HS512", with_alg("HS512", hashlib.sha512), 10084, "ALG", "HS512"),
    ("alg RS256", header(alg="RS256"), 10084, "ALG", "RS256"),
    ("alg ES256", header(alg="ES256"), 10084, "ALG", "ES256"),
    ("alg hs256", header(alg="hs256"), 10084, "", ""),
    ("crit", header(crit=["exp"], exp=1), 10084, "", ""),
    ("iss unknown", lambda c: c.make(header={"iss": c.nobody}, claims={"iss": c.nobody}), 10085,
     "ISSUER", ""),
    ("iss in other case", lambda c: c.make(header={"iss": DROP}, claims={
        "iss": c.app.client_id.upper()}), 10085, "ISSUER", ""),
    ("iss of another site", lambda c: mint(c.foreign, c.sub), 10085, "ISSUER", ""),
    ("app disabled", lambda c: mint(c.disabled, c.sub), 10085, "ENABLED", ""),
    ("kid unknown", header(kid=str(uuid.uuid4())), 10085, "KID", ""),
    ("kid of another app", lambda c: c.make(header={"kid": c.second.keys[0].id}), 10085, "KID", ""),
    ("kid of another app, signed so", lambda c: c.make(
        header={"kid": c.second.keys[0].id}, key=c.second.keys[0].value), 10085, "KID", ""),
    ("kid in other case", lambda c: c.make(header={"kid": c.app.keys[0].id.upper()}), 10085, "KID", ""),
    ("signed with another key", lambda c: c.make(key="A" * 43 + "="), 10084, "SIGNATURE", ""),
    ("signed with the decoded key", decoded_key, 10084, "SIGNATURE", ""),
    ("signed with the key id", lambda c: c.make(key=c.app.keys[0].id), 10084, "SIGNATURE", ""),
    ("signature empty", resigned(lambda p: p[:2] + [""]), 10084, "", ""),
    ("signature cut", resigned(lambda p: p[:2] + [b64(base64.urlsafe_b64decode(p[2] + "=")[:-3])]), 10084, "SIGNATURE", ""),
    ("signature changed", resigned(lambda p: p[:2] + [flip(p[2])]), 10084, "SIGNATURE", ""),
    ("payload changed", lambda c: ".".join(
        [(t := c.make().split("."))[0], c.make(claims={"sub": "admin"}).split(".")[1], t[2]]), 10084,
     "SIGNATURE", ""),
    ("aud missing", claim(aud=DROP), 10084, "AUDIENCE", "aud"),
    ("aud other", claim(aud="other"), 10084, "AUDIENCE", "tableau"),
    ("aud in other case", claim(aud="Tableau"), 10084, "AUDIENCE", "Tableau"),
    ("aud with a site", claim(aud="tableau:" + str(uuid.uuid4())), 10084, "AUDIENCE", ""),
    ("aud an empty list", claim(aud=[]), 10084, "AUDIENCE", ""),
    ("aud a list without it", claim(aud=["a", "b"]), 10084, "AUDIENCE", ""),
    ("aud a number", claim(aud=1), 10084, "AUDIENCE", ""),
    ("aud null", claim(aud=None), 10084, "AUDIENCE", ""),
    ("exp missing", claim(exp=DROP), 10084, "EXPIRY", "exp"),
    ("exp text", lambda c: c.make(claims={"exp": str(int(time.time()) + 300)}), 10084, "EXPIRY", ""),
    ("exp null", claim(exp=None), 10084, "EXPIRY", ""),
    ("exp true", claim(exp=True), 10084, "EXPIRY", ""),
    ("exp negative", claim(exp=-1), 10084, "EXPIRY", ""),
    ("exp zero", claim(exp=0), 10084, "EXPIRY", ""),
    ("exp long past", soon(-3600), 10084, "EXPIRY", ""),
    ("exp past beyond the skew", soon(-66), 10084, "EXPIRY", ""),
    ("exp in milliseconds", lambda c: c.make(claims={"exp": int(time.time() * 1000) + 300000}), 16,
     "LIFETIME", ""),
    ("exp beyond the longest life", soon(667), 16, "LIFETIME", ""),
    ("exp an hour ahead", soon(3600), 16, "LIFETIME", ""),
    ("nbf ahead", lambda c: c.make(claims={"nbf": int(time.time()) + 90}), 10084, "EXPIRY", "nbf"),
    ("nbf text", claim(nbf="now"), 10084, "", ""),
    ("jti missing", claim(jti=DROP), 10084, "JTI", "jti"),
    ("jti empty", claim(jti=""), 10084, "JTI", ""),
    ("jti a number", claim(jti=5), 10084, "JTI", ""),
    ("jti null", claim(jti=None), 10084, "JTI", ""),
    ("scp missing", claim(scp=DROP), 10084, "SCOPES", "scp"),
    ("scp empty", claim(scp=[]), 10084, "SCOPES", ""),
    ("scp text", claim(scp="tableau:content:read"), 10084, "SCOPES_FORM", "list"),
    ("scp null", claim(scp=None), 10084, "", ""),
    ("scp an object", claim(scp={"tableau:content:read": True}), 10084, "SCOPES_FORM", ""),
    ("scp with a number", claim(scp=["tableau:content:read", 1]), 10084, "SCOPES_FORM", ""),
    ("scp nested", claim(scp=[["tableau:content:read"]]), 10084, "SCOPES_FORM", ""),
    ("scope in the wrong claim", claim(scp=DROP, scope="tableau:content:read"), 10084, "SCOPES", ""),
    ("sub missing", claim(sub=DROP), 10084, "SUBJECT", "sub"),
    ("sub empty", claim(sub=""), 10084, "", ""),
    ("sub a number", claim(sub=12), 10084, "", ""),
    ("sub unknown", claim(sub="nobody-of-that-name"), 16, "USER", ""),
    ("sub in other case", lambda c: c.make(sub=c.sub.swapcase()), 16, "USER", ""),
    ("sub with a space", lambda c: c.make(sub=c.sub + " "), 16, "USER", ""),
    ("sub a pattern", claim(sub="%"), 16, "USER", ""),
    ("sub of another site", lambda c: c.make(sub=c.stranger), 16, "USER", ""),
    ("sub unlicensed", lambda c: c.make(sub=c.unlicensed), 16, "USER", ""),
    ("sub an id", lambda c: c.make(sub=c.user_id), 16, "USER", ""),
    ("on-demand access", claim(**{"https://tableau.com/oda": "true"}), 16, "", ""),
    ("on-demand access as a boolean", claim(**{"https://tableau.com/oda": True}), 16, "", ""),
    ("on-demand access of a stranger", lambda c: c.make(sub="guest@nowhere", claims={
        "https://tableau.com/oda": "true", "https://tableau.com/groups": ["g"]}), 16, "", ""),
]

GOOD = [
    ("plain", lambda c: c.make()),
    ("iss in the header alone", lambda c: c.make(claims={"iss": DROP})),
    ("iss in the payload alone", lambda c: c.make(header={"iss": DROP})),
    ("no typ", header(typ=DROP)),
    ("odd typ", header(typ="at+jwt")),
    ("unknown header members", header(x5t="a", zip="b", jku="http://127.0.0.1:1/", jwk={"k": "AAAA"})),
    ("aud a list", claim(aud=["x", "tableau"])),
    ("aud a list of one", claim(aud=["tableau"])),
    ("exp with a fraction", lambda c: c.make(claims={"exp": time.time() + 200.75})),
    ("exp within the skew", soon(-50)),
    ("exp at the longest life", soon(600)),
    ("exp within life and skew", soon(654)),
    ("iat and nbf a little back", lambda c: c.make(claims={
        "iat": int(time.time()), "nbf": int(time.time()) - 5})),
    ("nbf within the skew", lambda c: c.make(claims={"nbf": int(time.time()) + 50})),
    ("iat ahead", lambda c: c.make(claims={"iat": int(time.time()) + 100})),
    ("jti not a UUID", lambda c: c.make(claims={"jti": "' or 1=1 -- " + uuid.uuid4().hex})),
    ("jti of all scripts", lambda c: c.make(claims={"jti": "\u65e5\u672c" + uuid.uuid4().hex})),
    ("user attributes", claim(region="north", level=3, on=True, none=None, list=["a", "b"])),
    ("an unknown scope beside", lambda c: c.make(scopes=["tableau:content:read", "x", ""])),
    ("only unknown scopes", lambda c: c.make(scopes=["tableau:nothing:known"])),
    ("many scopes", lambda c: c.make(scopes=[f"tableau:x{i}:read" for i in range(100)])),
    ("a scope twice", lambda c: c.make(scopes=["tableau:content:read"] * 2)),
    ("nearly too long", lambda c: c.make(claims={"pad": "x" * 5300})),
    ("oda false", claim(**{"https://tableau.com/oda": "false"})),
]


def ids(cases):
    return [case[0] for case in cases]


def context(admin, sub, unlicensed, foreign, stranger):
    app = admin.make_signing_app()
    disabled = admin.make_signing_app(enabled=False)
    return Context(app, sub, foreign=foreign, stranger=stranger, disabled=disabled,
                   second=admin.make_signing_app(), nobody=str(uuid.uuid4()), unlicensed=unlicensed,
                   user_id=admin.session.user_id)


@pytest.fixture(scope="module")
def on_server(org, other):
    return context(org.admin, org.name("Creator"), org.name("Unlicensed"), other.app,
                   other.name("Creator"))


@pytest.fixture(scope="module")
def on_dev(dev):
    admin = dev.admin()
    sub = admin.add_user(unique("dev-user"), "Creator")[1]
    unlicensed = admin.add_user(unique("dev-none"), "Unlicensed")[1]
    site = unique("dev-site")
    admin.ok("POST", "/sites", {"site": {"name": site, "contentUrl": site}}, 201)
    elsewhere = dev.client().by_password(dev.info["adminName"], dev.info["adminPassword"], site)
    made = context(admin, sub, unlicensed, elsewhere.make_signing_app(),
                   elsewhere.add_user(unique("stranger"))[1])
    made.site = dev.info["siteContentUrl"]
    return made


@pytest.mark.parametrize("name,make,code,check,word", BROKEN, ids=ids(BROKEN))
def test_refused(org, on_server, name, make, code, check, word):
    """On the wire the documented code and not a word more."""
    for fmt in ("xml", "json"):
        reply = org.jwt_reply(make(on_server), fmt=fmt)
        check_refusal(reply, 401001)
        assert reply.detail == PLAIN.format(code), name


@pytest.mark.parametrize("name,make,code,check,word", BROKEN, ids=ids(BROKEN))
def test_refused_with_the_reason(dev, on_dev, name, make, code, check, word):
    """`easel dev` says why, after the documented text; never the key or signature."""
    token = make(on_dev)
    reply = dev.client().sign_in_reply({"jwt": token, "site": {"contentUrl": on_dev.site}})
    check_refusal(reply, 401001)
    plain = PLAIN.format(code)
    assert reply.detail.startswith(plain) and len(reply.detail) > len(plain) + 10, reply.detail
    assert word.lower() in reply.detail.lower()
    assert on_dev.app.keys[0].value not in reply.detail
    if token.count(".") == 2 and len(token.split(".")[2]) > 10:
        assert token.split(".")[2] not in reply.detail


@pytest.mark.parametrize("name,make", GOOD, ids=ids(GOOD))
def test_accepted(org, on_server, name, make):
    reply = org.jwt_reply(make(on_server))
    assert reply.status == 200, (name, reply)
    assert reply.doc["credentials"]["user"]["id"] == org.user("Creator")


def test_made_by_a_library(org):
    """PyJWT, as the published samples use it: the key is the text of the secret."""
    key = org.app.keys[0]
    token = pyjwt.encode({"iss": org.app.client_id, "exp": time.time() + 300, "jti": str(uuid.uuid4()),
                          "aud": "tableau", "sub": org.name("Viewer"),
                          "scp": ["tableau:content:read"]},
                         key.value, algorithm="HS256",
                         headers={"kid": key.id, "iss": org.app.client_id})
    if isinstance(token, bytes):
        token = token.decode()
    assert org.jwt_reply(token).status == 200


def test_size_edge(org, on_server):
    """8000 bytes are taken, 8001 are not."""
    def sized(wanted):
        for kind in ("", "a", "ab", "abc"):
            room = wanted - len(on_server.make(header={"typ": kind}, claims={"pad": ""}))
            for pad in range(room * 3 // 4 - 4, room * 3 // 4 + 4):
                token = on_server.make(header={"typ": kind}, claims={"pad": "x" * pad})
                if len(token) == wanted:
                    return token
        raise AssertionError(f"no token of {wanted} bytes")

    assert org.jwt_reply(sized(8000)).status == 200
    assert org.jwt_reply(sized(8001)).detail == PLAIN.format(10084)


def test_unknown_site(server, on_server):
    """No number: it is not the token's fault."""
    reply = server.client().sign_in_reply({"jwt": on_server.make(),
                                           "site": {"contentUrl": unique("nosite")}})
    check_refusal(reply, 401001)
    assert "(" not in reply.detail


# ---------------------------------------------------------------- which check comes first
ORDER = [
    ("size before form", lambda c: "x" * 9000, 10084),
    ("alg before issuer", lambda c: c.make(header={"alg": "HS512", "iss": c.nobody},
                                           claims={"iss": c.nobody}), 10084),
    ("issuer before signature", lambda c: c.make(header={"iss": c.nobody}, claims={"iss": c.nobody},
                                                 key="wrong"), 10085),
    ("disabled before signature", lambda c: mint(c.disabled, c.sub, key="wrong"), 10085),
    ("kid before signature", lambda c: c.make(header={"kid": c.nobody}, key="wrong"), 10085),
    ("kid before audience", lambda c: c.make(header={"kid": c.nobody}, claims={"aud": "x"}), 10085),
    ("signature before life", lambda c: c.make(life=3600, key="wrong"), 10084),
    ("signature before user", lambda c: c.make(sub="nobody", key="wrong"), 10084),
    ("audience before life", lambda c: c.make(life=3600, claims={"aud": "x"}), 10084),
    ("expiry before user", lambda c: c.make(life=-3600, sub="nobody"), 10084),
    ("life before jti", lambda c: c.make(life=3600, claims={"jti": DROP}), 16),
    ("life before scopes", lambda c: c.make(life=3600, claims={"scp": DROP}), 16),
    ("life before subject", lambda c: c.make(life=3600, claims={"sub": DROP}), 16),
    ("jti before user", lambda c: c.make(sub="nobody", claims={"jti": DROP}), 10084),
    ("scopes before user", lambda c: c.make(sub="nobody", claims={"scp": []}), 10084),
]


@pytest.mark.parametrize("name,make,code", ORDER, ids=ids(ORDER))
def test_order(org, on_server, name, make, code):
    assert org.jwt_reply(make(on_server)).detail == PLAIN.format(code), name


# ---------------------------------------------------------------- replay
def test_replay(org, fmt):
    token = org.app.jwt(org.name("Creator"))
    assert org.jwt_reply(token, fmt=fmt).status == 200
    for _ in range(2):
        reply = org.jwt_reply(token, fmt=fmt)
        check_refusal(reply, 401001)
        assert reply.detail == PLAIN.format(10084)


def test_same_jti_in_another_token(org):
    jti = str(uuid.uuid4())
    assert org.jwt_reply(org.app.jwt(org.name("Creator"), claims={"jti": jti})).status == 200
    again = org.app.jwt(org.name("Viewer"), ["tableau:users:read"], claims={"jti": jti}, life=200)
    assert org.jwt_reply(again).detail == PLAIN.format(10084)


def test_replay_before_user(org):
    jti = str(uuid.uuid4())
    assert org.jwt_reply(org.app.jwt(org.name("Creator"), claims={"jti": jti})).status == 200
    assert org.jwt_reply(org.app.jwt("nobody", claims={"jti": jti})).detail == PLAIN.format(10084)


def test_same_jti_of_another_app(org, other):
    """Single use is by issuer."""
    jti = str(uuid.uuid4())
    assert org.jwt_reply(org.app.jwt(org.name("Creator"), claims={"jti": jti})).status == 200
    second = org.admin.make_signing_app()
    assert org.jwt_reply(second.jwt(org.name("Creator"), claims={"jti": jti})).status == 200
    assert other.jwt_reply(other.app.jwt(other.name("Creator"), claims={"jti": jti})).status == 200


def test_a_refused_token_does_not_use_its_jti(org):
    jti = str(uuid.uuid4())
    for changes in ({"life": 3600}, {"key": "wrong"}):
        assert org.jwt_reply(org.app.jwt(org.name("Creator"), claims={"jti": jti},
                                         **changes)).status == 401
    assert org.jwt_reply(org.app.jwt("nobody", claims={"jti": jti})).status == 401
    assert org.jwt_reply(org.app.jwt(org.name("Creator"), claims={"jti": jti})).status == 200


def test_replay_at_once(org):
    """Twenty use one token at the same moment: one signs in."""
    for _ in range(2):
        token, replies, gate = org.app.jwt(org.name("Creator")), [], threading.Barrier(20)

        def one():
            client = org.server.client()
            gate.wait()
            replies.append(client.sign_in_reply(
                {"jwt": token, "site": {"contentUrl": org.content_url}}))

        threads = [threading.Thread(target=one) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(reply.status for reply in replies) == [200] + [401] * 19
        for reply in replies:
            if reply.status == 401:
                assert reply.detail == PLAIN.format(10084)


# ---------------------------------------------------------------- subjects
def test_names_of_all_scripts(org):
    for name in ("m\u00fcller", "\u5c71\u7530", "o'brien", "a.b+c@example.com", "with space", "x" * 100):
        name = unique(name)
        user_id, _ = org.admin.add_user(name, "Viewer")
        reply = org.jwt_reply(org.app.jwt(name))
        assert reply.status == 200, (name, reply)
        assert reply.doc["credentials"]["user"]["id"] == user_id


def test_name_with_a_domain(org):
    """Users of this server are of the domain local; another domain is no one."""
    name = org.name("Creator")
    assert org.jwt_reply(org.app.jwt("elsewhere\\" + name)).detail == PLAIN.format(16)
    local = org.jwt_reply(org.app.jwt("local\\" + name))
    assert local.status == 200, local
    assert local.doc["credentials"]["user"]["id"] == org.user("Creator")


def test_same_name_on_two_sites_is_two_users(org, other):
    name = unique("both")
    here, _ = org.admin.add_user(name, "Viewer")
    there, _ = other.admin.add_user(name, "Creator")
    assert here != there
    assert org.jwt_reply(org.app.jwt(name)).doc["credentials"]["user"]["id"] == here
    assert other.jwt_reply(other.app.jwt(name)).doc["credentials"]["user"]["id"] == there


def test_keys_are_looked_up_by_exact_text(org):
    """Neither path nor SQL in an id means anything."""
    for odd in ("../" + org.app.keys[0].id, org.app.keys[0].id + "' OR '1'='1", org.app.keys[0].id + "\u0000",
                " " + org.app.keys[0].id, "*", "%", "{" + org.app.keys[0].id + "}"):
        fake = App(org.app.client_id, [Key(odd, org.app.keys[0].value)])
        reply = org.jwt_reply(fake.jwt(org.name("Creator")))
        check_refusal(reply, 401001)
        assert reply.detail in (PLAIN.format(10085), PLAIN.format(10084)), odd


def test_json_of_the_token_may_be_spaced(org):
    head, payload = parts(org.app, org.name("Creator"))
    token = sign(json.dumps(head, indent=2), " \n" + json.dumps(payload, indent=4) + "\t",
                 org.app.keys[0].value)
    assert org.jwt_reply(token).status == 200
