"""Identity providers for the tests: keys, tokens, and a server of documents that
can be made to misbehave in every way that a test names.

Tokens are put together here, not by a JWT library, since most of them must be wrong.
"""

import base64
import collections
import datetime
import ipaddress
import json
import ssl
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

OIDC = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
JWKS = "/jwks"

DROP = object()  # leaves a member out

# A server that may fetch from this machine over http, as `easel dev` does.
LOOPBACK = {"EASEL_FETCH_PLAIN_HTTP": "on", "EASEL_FETCH_NETWORKS": "127.0.0.1 ::1"}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A key pair for one algorithm of RFC 7518."""

    CURVES = {"ES256": (ec.SECP256R1, "P-256", 32), "ES384": (ec.SECP384R1, "P-384", 48),
              "ES512": (ec.SECP521R1, "P-521", 66)}

    def __init__(self, alg="RS256", kid=None, bits=2048):
        self.alg, self.kid = alg, kid or str(uuid.uuid4())
        if alg in self.CURVES:
            self.private = ec.generate_private_key(self.CURVES[alg][0]())
        elif alg == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(65537, bits)

    def jwk(self, **changes):
        public = self.private.public_key()
        if self.alg in self.CURVES:
            _, crv, length = self.CURVES[self.alg]
            at = public.public_numbers()
            members = {"kty": "EC", "crv": crv, "x": number(at.x, length),
                       "y": number(at.y, length)}
        elif self.alg == "EdDSA":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            members = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        else:
            at = public.public_numbers()
            members = {"kty": "RSA", "n": number(at.n), "e": number(at.e)}
        members = {"kid": self.kid, "use": "sig", "alg": self.alg, **members, **changes}
        return {name: value for name, value in members.items() if value is not DROP}

    def pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def signature(self, data, alg=None):
        alg = alg or self.alg
        if alg == "EdDSA":
            return self.private.sign(data)
        digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[alg[2:]]()
        if alg in self.CURVES:
            length = self.CURVES[alg][2]
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
            return r.to_bytes(length, "big") + s.to_bytes(length, "big")
        pad = padding.PKCS1v15() if alg.startswith("RS") else \
            padding.PSS(padding.MGF1(digest), digest.digest_size)
        return self.private.sign(data, pad, digest)


def token(key, issuer, sub, aud="tableau", scopes=("tableau:content:read",), life=300,
          header=None, claims=None, alg=None):
    """A token as the key's issuer would make it, with changes."""
    head = {"alg": alg or key.alg, "typ": "JWT", "kid": key.kid, **(header or {})}
    body = {"iss": issuer, "sub": sub, "aud": aud, "exp": int(time.time() + life),
            "jti": str(uuid.uuid4()), "scp": list(scopes), **(claims or {})}
    text = ".".join(b64(json.dumps({name: value for name, value in part.items()
                                    if value is not DROP}).encode()) for part in (head, body))
    return text + "." + b64(key.signature(text.encode(), alg))


class Provider:
    """Documents on loopback. `answers` maps a path to what is answered there: a dict
    (as JSON), bytes, or a function of the request handler; what is not in it is 404.
    `asked` counts the requests by path. tls: an SSLContext, for https. No two providers
    of a run have the same port: the server keeps what it knew of an issuer."""

    ports = set()

    def __init__(self, keys=(), path="", host="127.0.0.1", oidc=True, oauth=False, headers=None,
                 tls=None):
        self.asked = collections.Counter()
        self.answers = {}
        self.headers = dict(headers or {})
        self.keys = list(keys)
        self.metadata = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self):
                provider.asked[self.path] += 1
                provider.answer(self)

            def log_message(self, *_):
                pass

        ThreadingHTTPServer.daemon_threads = True
        ThreadingHTTPServer.request_queue_size = 128
        self.server = self.listen(Handler)
        self.server.handle_error = lambda *_: None  # clients that hang up
        self.port = self.server.server_address[1]
        self.origin = f"{'https' if tls else 'http'}://{host}:{self.port}"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.issuer = self.origin + path
        if oidc:
            self.answers[path + OIDC] = self.describe
        if oauth:
            self.answers[path + OAUTH] = self.describe
        self.answers[JWKS] = self.key_set
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @classmethod
    def listen(cls, handler):
        while True:
            server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
            if server.server_address[1] not in cls.ports:
                cls.ports.add(server.server_address[1])
                return server
            server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def describe(self, handler):
        send(handler, {"issuer": self.issuer, "jwks_uri": self.origin + JWKS, **self.metadata})

    def key_set(self, handler):
        keys = [key.jwk() if isinstance(key, Key) else key for key in self.keys]
        send(handler, {"keys": keys}, headers=self.headers)

    def answer(self, handler):
        found = self.answers.get(handler.path)
        if callable(found):
            found(handler)
        elif found is None:
            send(handler, {"error": "not found"}, status=404)
        else:
            send(handler, found)

    def token(self, sub, key=None, **changes):
        return token(key or self.keys[0], self.issuer, sub, **changes)


def send(handler, document, status=200, content_type="application/json", headers=None):
    """A whole answer; a document that is not bytes goes as JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    handler.send_response(status)
    if content_type:
        handler.send_header("Content-Type", content_type)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def register(admin, issuer, jwks_uri=None, name=None, status=201, **options):
    """Registers an external authorization server on the site of the session."""
    members = {"issuerUrl": issuer, "jwksUri": jwks_uri, "name": name}
    reply = admin.ok("POST", f"{admin.site}/connected-apps/external-authorization-servers",
                     {"externalAuthorizationServer": {name: value for name, value in
                                                      members.items() if value is not None}},
                     status, **options)
    return reply.doc["externalAuthorizationServer"]


def remove(admin, eas):
    admin.ok("DELETE", f"{admin.site}/connected-apps/external-authorization-servers/{eas['id']}",
             status=204)


def certificate(folder, *names):
    """A certificate of its own authority for these addresses or DNS names: an
    SSLContext of a server, and the file of the authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.datetime.now(datetime.timezone.utc)
    alternatives = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(key, hashes.SHA256()))
    chain = folder / f"{'-'.join(names)}.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, chain
