"""An external authorization server for the measurements: its documents, and the
tokens that it issues; and what `openssl speed` says of its kind of key."""
import base64
import json
import re
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import load
from easel import API, JSON, SCOPES, encoded
from process import SERVER_CORE, installed, on_core

SPEED = {"RS256": "rsa2048", "ES256": "ecdsap256"}  # names that `openssl speed` takes
SETTINGS = ["--fetch-plain-http", "--fetch-networks", "127.0.0.1"]


def missing():
    try:
        import cryptography.hazmat.primitives  # noqa: F401
    except ImportError:
        return "python3-cryptography is not installed"
    return None if installed("openssl") else "openssl is not installed"


class Issuer:
    """Serves metadata and one key on loopback, with a life of an hour: after the first
    sign-in nothing is fetched during a run."""

    def __init__(self, alg):
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
        self.alg, self.kid = alg, str(uuid.uuid4())
        self.private = (rsa.generate_private_key(65537, 2048) if alg == "RS256"
                        else ec.generate_private_key(ec.SECP256R1()))
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Cache-Control", "max-age=3600")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.header = encoded({"alg": alg, "typ": "JWT", "kid": self.kid})

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def document(self, path):
        if "well-known" in path:
            return {"issuer": self.url, "jwks_uri": self.url + "/jwks"}
        at = self.private.public_key().public_numbers()
        text = lambda number, length: encoded_bytes(number.to_bytes(length, "big"))
        members = ({"kty": "RSA", "n": text(at.n, 256), "e": "AQAB"} if self.alg == "RS256" else
                   {"kty": "EC", "crv": "P-256", "x": text(at.x, 32), "y": text(at.y, 32)})
        return {"keys": [{"kid": self.kid, "use": "sig", "alg": self.alg, **members}]}

    def register(self, easel):
        token, site = easel.sign_in_as_admin()
        easel.call("POST", f"/sites/{site}/connected-apps/external-authorization-servers",
                   {"externalAuthorizationServer": {"issuerUrl": self.url}}, token)
        self.audience = f"tableau:{site}"

    def signature(self, data):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        if self.alg == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def jwt(self, user):
        signed = self.header + b"." + encoded({
            "iss": self.url, "sub": user, "aud": self.audience, "scp": SCOPES,
            "exp": int(time.time()) + 590, "jti": str(uuid.uuid4())})
        return signed.decode() + "." + encoded_bytes(self.signature(signed))

    def sign_ins(self, count, users):
        """That many sign-in requests, each with a JWT of its own."""
        for i in range(count):
            body = json.dumps({"credentials": {"jwt": self.jwt(users[i % len(users)]),
                                               "site": {"contentUrl": ""}}}).encode()
            yield load.request("POST", f"{API}/auth/signin", JSON, body)


def encoded_bytes(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def speed(alg):
    """Verifications of a second by `openssl speed`, on the core of the servers."""
    with on_core(SERVER_CORE):
        out = subprocess.run([installed("openssl"), "speed", "-seconds", "1", "-mr", SPEED[alg]],
                             check=True, capture_output=True, text=True, timeout=60).stdout
    # +F2 for RSA, +F4 for ECDSA; number, bits, then how many are signed and verified.
    match = re.search(r"^\+F[24]:\d+:\d+:[\d.]+:([\d.]+)", out, re.M)
    if not match:
        raise RuntimeError(f"openssl speed: {out[-500:]}")
    return float(match.group(1))
