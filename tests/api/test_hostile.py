"""Hostile tokens, bodies and bytes: each gets a documented answer, the server
stays up, memory stays bounded and nothing is echoed that was not said.
"""

import json
import re
import socket
import uuid

import pytest

import servers
from easel_client import NEWEST, b64, check_refusal, parts, sign, unique

BOUND_KIB = 64 * 1024


@pytest.fixture(scope="module", autouse=True)
def stays_up(server):
    """Up, sane and of bounded memory when all of this is over."""
    server.client().ok("GET", "/serverinfo")
    before = server.resident_kib()
    yield
    server.client().ok("GET", "/serverinfo")
    bound = BOUND_KIB * (4 if servers.sanitized() else 1)
    assert server.resident_kib() - before < bound


# ---------------------------------------------------------------- tokens
def raw(header, payload, key=None):
    """A token over exact texts, signed with the right key."""
    return lambda org, h, p: sign(header(h) if callable(header) else header,
                                  payload(p) if callable(payload) else payload,
                                  key or org.app.keys[0].value)


def same(part):
    return part


def text_of(part):
    return json.dumps(part)


def member(name, value):
    """The payload with a member as raw JSON text, put in by text."""
    def change(part):
        part = {k: v for k, v in part.items() if k != name}
        return json.dumps(part)[:-1] + f', "{name}": {value}}}'
    return change


def twice(name, value):
    return lambda part: json.dumps(part)[:-1] + f', "{name}": {value}}}'


def escaped_twice(part):
    return json.dumps(part)[:-1] + ', "\\u0073ub": "admin"}'


def nested(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


HOSTILE_TOKENS = {
    "no signature, alg HS256": lambda o, h, p: sign(h, p, "x").rsplit(".", 1)[0] + ".",
    "two dots alone": lambda o, h, p: "..",
    "dots": lambda o, h, p: "." * 7000,
    "extra dots at the end": lambda o, h, p: sign(h, p, o.app.keys[0].value) + ".",
    "extra dots in front": lambda o, h, p: "." + sign(h, p, o.app.keys[0].value),
    "space inside": lambda o, h, p: sign(h, p, o.app.keys[0].value).replace(".", " .", 1),
    "standard base64": lambda o, h, p: sign(h, p, o.app.keys[0].value)[:-4] + "+/+/",
    "controls": lambda o, h, p: "\x7f\u0085\u200b" + sign(h, p, o.app.keys[0].value),
    "alg twice": raw(twice("alg", '"none"'), same),
    "kid twice": raw(twice("kid", '"x"'), same),
    "sub twice": raw(same, twice("sub", '"admin"')),
    "sub twice, escaped": raw(same, escaped_twice),
    "exp twice": raw(same, twice("exp", "99999999999")),
    "aud twice": raw(same, twice("aud", '"tableau"')),
    "scp twice": raw(same, twice("scp", '["tableau:sites:*"]')),
    "exp 2^63": raw(same, member("exp", "9223372036854775808")),
    "exp 2^63-1": raw(same, member("exp", "9223372036854775807")),
    "exp -2^63": raw(same, member("exp", "-9223372036854775808")),
    "exp 1e400": raw(same, member("exp", "1e400")),
    "exp 1e308": raw(same, member("exp", "1e308")),
    "exp -1e308": raw(same, member("exp", "-1e308")),
    "exp NaN": raw(same, member("exp", "NaN")),
    "exp Infinity": raw(same, member("exp", "Infinity")),
    "exp of a thousand digits": raw(same, member("exp", "9" * 1000)),
    "exp with leading zeros": raw(same, member("exp", "0099999999999")),
    "exp hexadecimal": raw(same, member("exp", "0x7fffffff")),
    "exp an object": raw(same, member("exp", '{"a":1}')),
    "nbf 2^63": raw(same, member("nbf", "9223372036854775808")),
    "deep payload": raw(same, member("x", nested(2500))),
    "deep payload of objects": raw(same, member("x", '{"a":' * 900 + "1" + "}" * 900)),
    "deep header": raw(member("x", nested(2000)), same),
    "depth never closed": raw(same, "[" * 5000),
    "wide payload": raw(same, lambda p: json.dumps({**p, **{f"c{i}": i for i in range(400)}})[:5000]),
    "payload not UTF-8": raw(same, lambda p: json.dumps(p).encode()[:-1] + b', "x": "\xff\xfe"}'),
    "overlong UTF-8": raw(same, lambda p: json.dumps(p).encode()[:-1] + b', "x": "\xc0\xaf"}'),
    "lone surrogate bytes": raw(same, lambda p: json.dumps(p).encode()[:-1] + b', "x": "\xed\xa0\x80"}'),
    "payload UTF-16": raw(same, lambda p: json.dumps(p).encode("utf-16")),
    "NUL in sub": raw(same, member("sub", '"admin\\u0000x"')),
    "NUL byte": raw(same, lambda p: json.dumps(p).encode()[:-1] + b"\x00}"),
    "lone surrogate in sub": raw(same, member("sub", '"\\ud800"')),
    "trailing garbage": raw(same, lambda p: json.dumps(p) + "x"),
    "two objects": raw(same, lambda p: json.dumps(p) * 2),
    "comment": raw(same, lambda p: "/* */" + json.dumps(p)),
    "single quotes": raw(same, lambda p: json.dumps(p).replace('"', "'")),
    "trailing comma": raw(same, lambda p: json.dumps(p)[:-1] + ",}"),
    "header null": raw("null", same),
    "header a text": raw('"alg"', same),
    "header empty": raw("{}", same),
    "payload empty": raw(same, "{}"),
    "payload nothing": raw(same, ""),
    "header nothing": raw("", same),
    "kid with SQL": raw(lambda h: {**h, "kid": "' UNION SELECT value FROM secrets --"}, same),
    "kid a path": raw(lambda h: {**h, "kid": "../../../../dev/null"}, same, key="x"),
    "kid an address": raw(lambda h: {**h, "kid": "http://127.0.0.1:1/key"}, same),
    "kid long": raw(lambda h: {**h, "kid": "k" * 5000}, same),
    "iss long": raw(same, lambda p: {**p, "iss": "i" * 4000}),
    "iss with SQL": raw(lambda h: {**h, "iss": "x' OR 1=1;--"}, lambda p: {**p, "iss": "x' OR 1=1;--"}),
    "iss a list": raw(same, lambda p: {**p, "iss": [p["iss"]]}),
    "alg a list": raw(lambda h: {**h, "alg": ["HS256"]}, same),
    "alg null": raw(lambda h: {**h, "alg": None}, same),
    "alg empty": raw(lambda h: {**h, "alg": ""}, same),
    "key in the token": raw(lambda h: {**h, "jwk": {"kty": "oct", "k": b64(b"x" * 44)}}, same, "x" * 44),
    "key by address": raw(lambda h: {**h, "jku": "http://127.0.0.1:1/keys"}, same, "x" * 44),
    "b64 false": raw(lambda h: {**h, "b64": False, "crit": ["b64"]}, same),
    "crit empty": raw(lambda h: {**h, "crit": []}, same),
    "zip bomb asked for": raw(lambda h: {**h, "zip": "DEF"}, b64(b"x")),
    "sub a list": raw(same, lambda p: {**p, "sub": ["admin"]}),
    "sub an object": raw(same, lambda p: {**p, "sub": {"name": "admin"}}),
    "sub long": raw(same, lambda p: {**p, "sub": "s" * 4000}),
    "sub with controls": raw(same, lambda p: {**p, "sub": "a\r\nSet-Cookie: x"}),
    "jti a list": raw(same, lambda p: {**p, "jti": [p["jti"]]}),
    "aud nested": raw(same, lambda p: {**p, "aud": [["tableau"]]}),
    "scp with null": raw(same, lambda p: {**p, "scp": [None]}),
    "scp a number": raw(same, lambda p: {**p, "scp": 7}),
    "not a token": lambda o, h, p: "' OR 1=1 --",
    "half a megabyte": lambda o, h, p: "a" * 500_000,
    "a megabyte of dots": lambda o, h, p: "." * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE_TOKENS)
def test_tokens(org, name):
    header, payload = parts(org.app, org.name("Creator"))
    token = HOSTILE_TOKENS[name](org, header, payload)
    for fmt in ("xml", "json"):
        reply = org.jwt_reply(token, fmt=fmt)
        check_refusal(reply, 401001)
        assert re.fullmatch(r"Error signing in to Tableau Server \((16|10084|10085)\)", reply.detail)


def test_tokens_that_only_look_hostile(org):
    """Odd but right: members that mean nothing here, a repeated value elsewhere."""
    header, payload = parts(org.app, org.name("Creator"))
    payload["https://example.com/deep"] = [[[[["x"]]]]]
    payload["empty"] = ""
    assert org.jwt_reply(sign(header, payload, org.app.keys[0].value)).status == 200


# ---------------------------------------------------------------- XML
LAUGHS = ('<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a "ha">'
          + "".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(12))
          + "]><tsRequest><connectedApplication name=\"&m;\"/></tsRequest>")
SECRET_FILE = "/etc/hostname"


def app_xml(name, before="", inside="", attributes=""):
    return (f'<?xml version="1.0" encoding="UTF-8"?>{before}<tsRequest><connectedApplication '
            f'name="{name}" {attributes}>{inside}</connectedApplication></tsRequest>').encode()


HOSTILE_XML = {
    "billion laughs": LAUGHS.encode(),
    "quadratic blow-up": app_xml("&a;" * 20000, f'<!DOCTYPE t [<!ENTITY a "{"x" * 20000}">]>'),
    "internal entity": app_xml("&a;", '<!DOCTYPE t [<!ENTITY a "x">]>'),
    "external entity": app_xml("x", f'<!DOCTYPE t [<!ENTITY a SYSTEM "file://{SECRET_FILE}">]>', "&a;"),
    "external DTD": app_xml("x", '<!DOCTYPE t SYSTEM "http://127.0.0.1:1/x.dtd">'),
    "public DTD": app_xml("x", '<!DOCTYPE t PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://127.0.0.1:1/">'),
    "parameter entity": app_xml("x", '<!DOCTYPE t [<!ENTITY % p SYSTEM "http://127.0.0.1:1/e"> %p;]>'),
    "entity loop": app_xml("&a;", '<!DOCTYPE t [<!ENTITY a "&b;"><!ENTITY b "&a;">]>'),
    "unknown entity": app_xml("&nosuch;"),
    "empty doctype": app_xml("x", "<!DOCTYPE tsRequest>"),
    "deep": b"<tsRequest>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</tsRequest>",
    "deep and open": b"<a>" * 300_000,
    "truncated": app_xml("x")[:-20],
    "truncated in an attribute": b'<tsRequest><connectedApplication name="x',
    "wrong root": b'<tsResponse><connectedApplication name="x"/></tsResponse>',
    "wrong root namespace": b'<tsRequest xmlns="urn:x"><connectedApplication name="x"/></tsRequest>',
    "two roots": b"<tsRequest/><tsRequest/>",
    "not UTF-8": b'<tsRequest><connectedApplication name="\xff\xfe\xfd"/></tsRequest>',
    "wrong charset declared": b'<?xml version="1.0" encoding="UTF-16"?><tsRequest/>',
    "unknown charset": b'<?xml version="1.0" encoding="x-none"?><tsRequest/>',
    "UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADw-tsRequest+AD4-',
    "NUL": b'<tsRequest><connectedApplication name="a\x00b"/></tsRequest>',
    "character zero": app_xml("&#0;"),
    "character beyond": app_xml("&#x110000;"),
    "surrogate reference": app_xml("&#xd800;"),
    "control character": app_xml("&#1;"),
    "attribute twice": b'<tsRequest><connectedApplication name="x" name="y"/></tsRequest>',
    "text beside": b'hello <tsRequest><connectedApplication name="x"/></tsRequest>',
    "unclosed comment": b"<tsRequest><!-- ",
    "unclosed CDATA": b"<tsRequest><![CDATA[ ",
    "undeclared prefix": b'<tsRequest><x:connectedApplication name="x"/></tsRequest>',
    "a megabyte of attributes": app_xml("x", attributes=" ".join(f'a{i}="{i}"' for i in range(80_000))),
    "a megabyte of children": b"<tsRequest>" + b"<a/>" * 300_000 + b"</tsRequest>",
    "name of a megabyte": app_xml("x" * 1_000_000),
    "tag of a megabyte": b"<" + b"t" * 1_000_000 + b"/>",
    "namespace storm": b"<tsRequest " + b" ".join(b'xmlns:a%d="urn:%d"' % (i, i) for i in range(30_000)) + b"/>",
    "only spaces": b" " * 100_000,
    "XInclude": app_xml("x", inside='<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" '
                        f'href="file://{SECRET_FILE}"/>') [:-30],
    "binary": bytes(range(256)) * 400,
}


@pytest.mark.parametrize("name", HOSTILE_XML)
def test_xml(org, name):
    admin = org.admin
    reply = admin.call("POST", f"{admin.site}/connected-apps/direct-trust", raw=HOSTILE_XML[name])
    assert reply.code in ("400000", "400109", "400143", "413000"), reply
    check_refusal(reply, reply.code)
    with open(SECRET_FILE) as file:
        assert file.read().strip() not in reply.detail
    assert len(reply.body) < 4096


def test_xml_of_other_charsets(org):
    """Right documents in another encoding: read rightly or refused, never garbled."""
    for encoding in ("utf-8-sig", "utf-16", "iso-8859-1"):
        name = unique("n") + "\u00e9"
        declared = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "iso-8859-1": "ISO-8859-1"}[encoding]
        body = (f'<?xml version="1.0" encoding="{declared}"?><tsRequest><connectedApplication '
                f'name="{name}"/></tsRequest>').encode(encoding)
        reply = org.admin.call("POST", f"{org.admin.site}/connected-apps/direct-trust", raw=body)
        if reply.status == 201:
            assert reply.doc["connectedApplication"]["name"] == name
        else:
            check_refusal(reply, 400000)


def test_xml_that_only_looks_hostile(org):
    """Comments, instructions, CDATA and references are plain XML."""
    name = unique("fine")
    body = (f'<?xml version="1.0"?><!-- c --><?pi x?><tsRequest xmlns="http://tableau.com/api">'
            f'<connectedApplication><name><![CDATA[{name}]]>&amp;&#65;</name></connectedApplication>'
            f"</tsRequest><!-- e -->").encode()
    reply = org.admin.ok("POST", f"{org.admin.site}/connected-apps/direct-trust", raw=body)
    assert reply.doc["connectedApplication"]["name"] == name + "&A"


# ---------------------------------------------------------------- JSON
def app_json(name='"x"', extra=""):
    return f'{{"connectedApplication":{{"name":{name}{extra}}}}}'.encode()


HOSTILE_JSON = {
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep lists inside": app_json(extra=',"a":' + "[" * 100_000 + "]" * 100_000),
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep and open": b"[" * 500_000,
    "truncated": app_json()[:-2],
    "name twice": app_json(extra=',"name":"y"'),
    "element twice": b'{"connectedApplication":{"name":"x"},"connectedApplication":{"name":"y"}}',
    "not UTF-8": app_json().replace(b"x", b"\xff"),
    "overlong": app_json().replace(b"x", b"\xc0\x80"),
    "NUL escape": app_json('"a\\u0000b"'),
    "NUL byte": app_json().replace(b"x", b"\x00"),
    "lone surrogate": app_json('"\\ud800"'),
    "trailing garbage": app_json() + b"x",
    "two documents": app_json() * 2,
    "comment": b"/* x */" + app_json(),
    "single quotes": app_json().replace(b'"', b"'"),
    "NaN": app_json("NaN"),
    "bare word": b"nonsense",
    "a number": b"42",
    "name a list": app_json('["x","y"]'),
    "name an object": app_json('{"x":1}'),
    "name null": app_json("null"),
    "huge number": app_json(extra=',"enabled":1' + "0" * 5000),
    "1e9999": app_json(extra=',"enabled":1e9999'),
    "enabled a text of a megabyte": app_json(extra=f',"enabled":"{"t" * 1_000_000}"'),
    "name of a megabyte": app_json('"' + "x" * 1_000_000 + '"'),
    "a long list": app_json(extra=',"projectIds":{"projectId":[' + ",".join(['"x"'] * 200_000) + "]}"),
    "projectIds a text": app_json(extra=',"projectIds":"x"'),
    "projectIds a list": app_json(extra=',"projectIds":["x"]'),
    "projectIds a number": app_json(extra=',"projectIds":7'),
    "XML": b'<tsRequest><connectedApplication name="x"/></tsRequest>',
    "UTF-16": app_json().decode().encode("utf-16"),
    "binary": bytes(range(256)) * 400,
}


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_json(org, name):
    admin = org.admin
    reply = admin.call("POST", f"{admin.site}/connected-apps/direct-trust", raw=HOSTILE_JSON[name],
                       fmt="json")
    assert reply.code in ("400000", "400109", "413000", "400143"), reply
    check_refusal(reply, reply.code)
    assert len(reply.body) < 4096


def test_json_of_many_members(org):
    """Unknown members are left alone, however many, and cost no more than their size."""
    body = app_json(extra="".join(f',"m{i}":{i}' for i in range(80_000)))
    reply = org.admin.call("POST", f"{org.admin.site}/connected-apps/direct-trust", raw=body, fmt="json")
    assert reply.status == 201 or reply.code == "400000"


def test_odd_content_types(org):
    """XML under a JSON name and the other way round; types that are neither."""
    admin = org.admin
    path = f"{admin.site}/connected-apps/direct-trust"
    admin.refused(400000, "POST", path, raw=app_xml("x"), content_type="application/json")
    admin.refused(400000, "POST", path, raw=app_json(), content_type="application/xml")
    for content_type in ("text/plain", "image/png", "x" * 500, ";;;", "application/"):
        reply = admin.call("POST", path, raw=b"hello", content_type=content_type)
        assert reply.code in ("400000", "415000"), reply


def test_multipart_where_none_belongs(org):
    body = b'--x\r\nContent-Disposition: form-data; name="request_payload"\r\n\r\n<a/>\r\n--x--\r\n'
    reply = org.admin.call("POST", f"{org.admin.site}/connected-apps/direct-trust", raw=body,
                           content_type="multipart/mixed; boundary=x")
    assert reply.code in ("400000", "415000"), reply


# ---------------------------------------------------------------- query strings
@pytest.mark.parametrize("query", [
    "filter=", "filter=name", "filter=name:eq", "filter=:::::", "filter=name:in:[", "filter=name:in:[]",
    "filter=" + "a" * 4000, "filter=name:eq:%00", "filter=name:eq:%ff%fe", "filter=name:eq:%",
    "filter=name:eq:'%20OR%201=1--", "sort=", "sort=name", "sort=:", "sort=name:up", "fields=", "fields=;;",
    "fields=%00", "pageSize=%00", "pageSize=1e3", "pageSize=+1", "pageSize=0x10", "pageSize=-1",
    "pageSize=99999999999999999999", "pageNumber=99999999999999999999", "pageNumber=-0",
    "pageSize=1&pageSize=2000", "&&&&", "=", "%", "%zz=1", "a" * 3000, "filter=name:eq:" + "%41" * 1000,
    "filter=" + ",".join(["name:eq:x"] * 300), "sort=" + ",".join(["name:asc"] * 300),
])
def test_queries(org, query):
    for fmt in ("xml", "json"):
        reply = org.admin.call("GET", f"{org.admin.site}/users?{query}", fmt=fmt)
        assert reply.status in (200, 400, 403), reply
        if reply.status != 200:
            check_refusal(reply, reply.code)
        assert b"select" not in reply.body.lower() and b"sqlite" not in reply.body.lower()


# ---------------------------------------------------------------- bytes
HOST = b"Host: x\r\n"
API = f"/api/{NEWEST}/serverinfo".encode()
JUNK = {
    "nothing": b"",
    "line ends": b"\r\n" * 1000,
    "binary": bytes(range(256)) * 40,
    "TLS hello": bytes.fromhex("16030100c8010000c40303") + b"\x00" * 190,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET " + API + b"\r\n\r\n",
    "version 9": b"GET " + API + b" HTTP/9.9\r\n" + HOST + b"\r\n",
    "version garbled": b"GET " + API + b" HTPP/1.1\r\n" + HOST + b"\r\n",
    "no host": b"GET " + API + b" HTTP/1.1\r\n\r\n",
    "two hosts": b"GET " + API + b" HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "no path": b"GET  HTTP/1.1\r\n" + HOST + b"\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute path": b"GET http://evil.example" + API + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "path not from the root": b"GET api HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL in the path": b"GET /api/3.24/\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL in a header": b"GET " + API + b" HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "8-bit header": b"GET " + API + b" HTTP/1.1\r\n" + HOST + b"X-Tableau-Auth: \xff\xfe\r\n\r\n",
    "folded header": b"GET " + API + b" HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "header without a colon": b"GET " + API + b" HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n",
    "space before the colon": b"GET " + API + b" HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n",
    "verb of a kilobyte": b"G" * 1000 + b" " + API + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "unknown verb": b"BREW " + API + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "TRACE": b"TRACE " + API + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT x:1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "lower case verb": b"get " + API + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "negative length": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "length not a number": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n",
    "length beyond all": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST
                         + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "two lengths": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST
                   + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST
                         + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk size beyond all": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST
                             + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
    "chunk size garbled": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST
                          + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n",
    "chunk size negative": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST
                           + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "unknown transfer coding": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST
                               + b"Transfer-Encoding: gzip, x\r\n\r\n",
    "expect the unexpected": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST
                             + b"Expect: a miracle\r\nContent-Length: 0\r\n\r\n",
    "upgrade": b"GET " + API + b" HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "length of a request cut": b"POST /api/3.24/auth/signin HTTP/1.1\r\n" + HOST + b"Content-Length: 500\r\n\r\nabc",
}


@pytest.mark.parametrize("name", JUNK)
def test_bytes(server, name):
    """An answer of HTTP that is no failure of the server, or a closed connection."""
    received = servers.exchange(server, JUNK[name], seconds=0.5)
    if received:
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", received)
        assert status, received[:200]
        assert int(status.group(1)) in (100, 200, 301, 302, 308, 400, 401, 404, 405, 408, 411, 413,
                                        414, 417, 421, 426, 431, 501, 505), received[:300]
        assert b"0x" not in received.split(b"\r\n\r\n", 1)[-1]
    server.client().ok("GET", "/serverinfo")


def status_and_body(received):
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head, body


def test_pipelined(server):
    """Three requests in one packet, three answers in order."""
    one = b"GET " + API + b" HTTP/1.1\r\n" + HOST
    last = one + b"Connection: close\r\n\r\n"
    received = servers.exchange(server, (one + b"\r\n") * 2 + last, answers=3)
    assert received.count(b"HTTP/1.1 200 ") == 3


def test_byte_by_byte(server):
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        for byte in b"GET " + API + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n":
            connection.sendall(bytes([byte]))
        received = b""
        while block := connection.recv(65536):
            received += block
    assert received.startswith(b"HTTP/1.1 200 ")


def test_head_and_options(server):
    client = server.client()
    for verb in ("HEAD", "OPTIONS"):
        response = client.http.request(verb, f"{server.url}/api/{NEWEST}/serverinfo")
        assert response.status_code in (200, 204, 405)
        if verb == "HEAD":
            assert response.content == b""


def test_many_connections_that_say_nothing(server):
    """They hold no one up."""
    held = [socket.create_connection((server.host, server.port)) for _ in range(200)]
    try:
        for connection in held[::2]:
            connection.sendall(b"POST /api/3.24/auth/signin HTTP/1.1\r\nContent-Le")
        server.client().ok("GET", "/serverinfo")
    finally:
        for connection in held:
            connection.close()


def test_headers_that_reach_the_record(server, org):
    """Header values with odd bytes come to no harm in logs and records."""
    for value in ("%s%n%x" * 50, "a\tb", "a" * 4000, "'\"<>&"):
        reply = server.client().call("GET", "/sessions/current", token=value,
                                     headers={"User-Agent": value, "X-Request-Id": value})
        assert reply.code in ("401000", "401002")


def test_no_echo_of_insides(server, org):
    """Refusals hold no paths, no file names of the source, no SQL."""
    replies = [org.admin.call("POST", f"{org.admin.site}/users", raw=b"<"),
               server.client().call("GET", "/nowhere"),
               org.admin.call("GET", f"{org.admin.site}/users?filter=x:eq:{uuid.uuid4()}"),
               server.client().call("POST", "/auth/signin", raw=b"\x00")]
    for reply in replies:
        assert not re.search(rb"\.c:\d+|/src/|SELECT |INSERT |backtrace|callstack", reply.body), reply
