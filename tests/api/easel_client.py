"""A client for the tests: calls in XML or JSON at any version, parses and checks
each answer against the schema, mints JWTs, good and broken.

Documents are written as the JSON form (dicts); XML is made from them: plain
values become attributes, dicts and lists become children.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field

import requests
from lxml import etree

from schema import NS, SCHEMA

NEWEST = "3.29"
HOME = "home"  # key of the default site


class Refused(AssertionError):
    """A call that was to succeed was refused."""


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


# ---------------------------------------------------------------- documents
def to_xml(document, root="tsRequest", namespace=NS):
    """Bytes of a request document."""
    element = etree.Element(f"{{{namespace}}}{root}" if namespace else root,
                            nsmap={None: namespace} if namespace else None)

    def add(parent, name, value):
        tag = f"{{{namespace}}}{name}" if namespace else name
        for item in value if isinstance(value, list) else [value]:
            child = etree.SubElement(parent, tag)
            if isinstance(item, dict):
                fill(child, item)
            else:
                child.text = plain(item)

    def fill(target, members):
        for name, value in members.items():
            if isinstance(value, (dict, list)):
                add(target, name, value)
            elif value is not None:
                target.set(name, plain(value))

    def plain(value):
        return str(value).lower() if isinstance(value, bool) else str(value)

    for name, value in document.items():
        add(element, name, value)
    return etree.tostring(element, xml_declaration=True, encoding="UTF-8")


class Reply:
    """An answer; `doc` is its document in JSON form, whatever was on the wire."""

    def __init__(self, response):
        self.status = response.status_code
        self.headers = response.headers
        self.body = response.content
        self.type = response.headers.get("Content-Type", "").split(";")[0].strip()
        self.xml = self.json = self.doc = None
        if "Content-Disposition" in self.headers:
            pass  # a file, whatever is in it
        elif self.type in ("application/xml", "text/xml"):
            self.xml = etree.fromstring(self.body)
            if SCHEMA:
                complaint = SCHEMA.complaint(self.xml)
                assert not complaint, f"not valid: {complaint}\n{self.body.decode()}"
                self.doc = SCHEMA.xml_to_json(self.xml)
            else:
                self.doc = _plain_xml(self.xml)
        elif self.type == "application/json":
            self.json = self.doc = json.loads(self.body)

    def check_json_kinds(self):
        if self.json is not None and SCHEMA:
            complaint = SCHEMA.json_complaint(self.json)
            assert not complaint, f"{complaint}\n{self.body.decode()}"

    @property
    def code(self):
        """Code of the error envelope, or None."""
        error = self.doc.get("error") if isinstance(self.doc, dict) else None
        return error["code"] if error else None

    @property
    def detail(self):
        return self.doc["error"]["detail"]

    @property
    def summary(self):
        return self.doc["error"]["summary"]

    def __repr__(self):
        error = self.doc.get("error") if isinstance(self.doc, dict) else None
        if isinstance(error, dict):
            return f"<{self.status} {error.get('code')} {error.get('detail')}>"
        return f"<{self.status} {self.body[:200]!r}>"


def _plain_xml(element):
    """JSON form of an answer without the schema: repeats become lists as met."""
    members = {name: value for name, value in element.attrib.items() if not name.startswith("{")}
    for child in element:
        if isinstance(child.tag, str):
            name = etree.QName(child).localname
            value = _plain_xml(child) if len(child) or child.attrib else (child.text or "")
            if name in members:
                known = members[name]
                members[name] = (known if isinstance(known, list) else [known]) + [value]
            else:
                members[name] = value
    return members


def children(element):
    """Local names of the child elements, in order."""
    return [etree.QName(child).localname for child in element]


def find(reply, path):
    """First element of an XML answer at a path of local names."""
    return reply.xml.find("/".join(f"{{{NS}}}{part}" for part in path.split("/")))


# ---------------------------------------------------------------- the client
@dataclass
class Session:
    token: str
    site_id: str
    user_id: str
    content_url: str = ""


class _Address(requests.adapters.HTTPAdapter):
    """Calls from one of the loopback addresses, for limits kept by address."""

    def __init__(self, source):
        self.source = source
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        kwargs["source_address"] = (self.source, 0)
        super().init_poolmanager(*args, **kwargs)


class Client:
    def __init__(self, url, version=NEWEST, fmt="xml", session=None, source=None, verify=True):
        self.url, self.version, self.fmt, self.session = url, version, fmt, session
        self.verify = verify
        self.http = requests.Session()
        self.http.trust_env = False
        if source:
            self.http.mount("http://", _Address(source))

    def twin(self, session=None, **changes):
        """The same server, another session, format or version."""
        options = dict(version=self.version, fmt=self.fmt, verify=self.verify)
        options.update(changes)
        return Client(self.url, session=session, **options)

    @property
    def site(self):
        return f"/sites/{self.session.site_id}"

    def call(self, verb, path, doc=None, *, fmt=None, version=None, token=None, raw=None,
             content_type=None, accept=None, headers=None, timeout=30, anonymous=False):
        """A REST call. `path` follows /api/{version}, unless it starts with `//` or is that
        of a method beside the versions."""
        fmt = fmt or self.fmt
        if path.startswith("/api/"):
            path = "/" + path
        url = self.url + (path[1:] if path.startswith("//") else f"/api/{version or self.version}{path}")
        sent = {}
        if accept is not None:
            sent["Accept"] = accept
        elif fmt == "json":
            sent["Accept"] = "application/json"
        else:
            sent["Accept"] = "*/*"
        if token is None and self.session and not anonymous:
            token = self.session.token
        if token is not None:
            sent["X-Tableau-Auth"] = token
        body = raw
        if doc is not None:
            body = json.dumps(doc).encode() if fmt == "json" else to_xml(doc)
        if body is not None and content_type != "":
            sent["Content-Type"] = content_type or (
                "application/json" if fmt == "json" else "application/xml")
        sent.update(headers or {})
        response = self.http.request(verb, url, data=body, headers=sent, timeout=timeout,
                                     allow_redirects=False, verify=self.verify)
        reply = Reply(response)
        if path.startswith("//"):
            return reply
        if reply.status == 204 or reply.status == 200 and not reply.body:
            assert not reply.body and not reply.type
        elif accept is None and "Content-Disposition" not in reply.headers and \
                reply.type != "image/png":
            wanted = ("application/json",) if fmt == "json" else ("application/xml", "text/xml")
            assert reply.type in wanted, (reply.type, reply)
        if not path.startswith("//"):
            reply.check_json_kinds()
        return reply

    def ok(self, verb, path, doc=None, status=None, **options):
        reply = self.call(verb, path, doc, **options)
        if reply.status != status if status else reply.status >= 300:
            raise Refused(f"{verb} {path}: {reply}")
        return reply

    def refused(self, code, verb, path, doc=None, status=None, **options):
        """The call must give this error code, its status and a whole envelope."""
        reply = self.call(verb, path, doc, **options)
        check_refusal(reply, code, status)
        return reply

    # ---- sign-in
    def sign_in_reply(self, credentials, **options):
        return self.call("POST", "/auth/signin", {"credentials": credentials}, anonymous=True,
                         **options)

    def sign_in(self, credentials, **options):
        """A client of its own session."""
        reply = self.sign_in_reply(credentials, **options)
        if reply.status != 200:
            raise Refused(f"sign-in: {reply}")
        return self.twin(session_of(reply))

    def by_password(self, name, password, site="", user=None):
        credentials = {"name": name, "password": password, "site": {"contentUrl": site}}
        if user:
            credentials["user"] = {"id": user}
        return self.sign_in(credentials)

    def by_jwt(self, jwt, site=""):
        return self.sign_in({"jwt": jwt, "site": {"contentUrl": site}})

    def by_pat(self, name, secret, site=""):
        return self.sign_in({"personalAccessTokenName": name, "personalAccessTokenSecret": secret,
                             "site": {"contentUrl": site}})

    # ---- connected apps, by the newest paths
    def make_app(self, name=None, **members):
        members = {"enabled": True, "unrestrictedEmbedding": True, **members}
        app = self.ok("POST", f"{self.site}/connected-apps/direct-trust",
                      {"connectedApplication": {"name": name or unique("app"), **members}},
                      201).doc["connectedApplication"]
        return App(app["clientId"], site=self.session.content_url)

    def app_path(self, app, *rest):
        client_id = app.client_id if isinstance(app, App) else app
        return "/".join([f"{self.site}/connected-apps/direct-trust/{client_id}", *rest])

    def make_secret(self, app):
        secret = self.ok("POST", self.app_path(app, "secrets"),
                         status=201).doc["connectedApplicationSecret"]
        return Key(secret["id"], secret["value"])

    def make_signing_app(self, **members):
        app = self.make_app(**members)
        app.keys.append(self.make_secret(app))
        return app

    # ---- the organisation
    def add_user(self, name=None, role="Explorer"):
        """Adds a user to the site of this session, answers (id, name)."""
        name = name or unique("user")
        user = self.ok("POST", f"{self.site}/users", {"user": {"name": name, "siteRole": role}},
                       201).doc["user"]
        return user["id"], name

    def add_project(self, name=None, **members):
        return self.ok("POST", f"{self.site}/projects",
                       {"project": {"name": name or unique("project"), **members}},
                       201).doc["project"]


SUMMARIES = {400: "Bad Request", 401: "Unauthorized Access", 403: "Forbidden",
             404: "Resource Not Found", 405: "Method Not Allowed", 409: "Resource Conflict"}


def check_refusal(reply, code, status=None):
    """A whole error envelope of that code, with the status that belongs to it."""
    code = str(code)
    assert reply.code == code, f"expected {code}: {reply}"
    assert reply.status == (status or int(code[:3])), reply
    assert list(reply.doc) == ["error"]
    assert set(reply.doc["error"]) == {"code", "summary", "detail"}
    assert reply.detail and reply.summary
    if code == "401001":
        assert reply.summary == "Signin Error"
    elif code != "401003" and reply.status in SUMMARIES:
        assert reply.summary == SUMMARIES[reply.status], reply
    return reply


def session_of(reply):
    credentials = reply.doc["credentials"]
    return Session(credentials["token"], credentials["site"]["id"], credentials["user"]["id"],
                   credentials["site"]["contentUrl"])


# ---------------------------------------------------------------- JWTs
@dataclass
class Key:
    id: str
    value: str


@dataclass
class App:
    client_id: str
    keys: list = field(default_factory=list)
    site: str = ""

    def jwt(self, sub, scopes=("tableau:content:read",), **changes):
        return mint(self, sub, scopes, **changes)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header, payload, key, digest=hashlib.sha256):
    """A compact JWS over header and payload, given as dicts, text or bytes."""
    parts = []
    for part in (header, payload):
        if isinstance(part, (dict, list)):
            part = json.dumps(part)
        parts.append(b64(part.encode() if isinstance(part, str) else part))
    text = ".".join(parts)
    key = key.encode() if isinstance(key, str) else key
    return text + "." + b64(hmac.new(key, text.encode(), digest).digest())


DROP = object()  # leaves a member out


def parts(app, sub, scopes=("tableau:content:read",), life=300, header=None, claims=None):
    """Header and payload of a good JWT, with changes."""
    now = time.time()
    full_header = {"alg": "HS256", "typ": "JWT", "kid": app.keys[0].id, "iss": app.client_id}
    payload = {"iss": app.client_id, "sub": sub, "aud": "tableau", "exp": int(now + life),
               "jti": str(uuid.uuid4()), "scp": list(scopes)}
    full_header.update(header or {})
    payload.update(claims or {})
    return ({k: v for k, v in full_header.items() if v is not DROP},
            {k: v for k, v in payload.items() if v is not DROP})


def mint(app, sub, scopes=("tableau:content:read",), key=None, **changes):
    header, payload = parts(app, sub, scopes, **changes)
    return sign(header, payload, app.keys[0].value if key is None else key)
