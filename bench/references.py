"""What Easel is measured beside: nginx, oidc-provider, Glewlwyd; each private
to this run: own configuration, own port, own data below a temporary folder."""
import base64
import gzip
import http.client
import json
import os
import sqlite3
import subprocess

import load
from process import Server, free_port, installed

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT_ID, CLIENT_SECRET = "bench", "benchsecret0123456789"

NGINX_CONF = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 60;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{port};
    location / {{ default_type {media_type}; {headers} return 200 "{body}"; }}
  }}
}}
"""


class Nginx(Server):
    """`return 200` with a body as long as `like`'s, and as many headers with as
    many bytes. `like` is (headers, body) of the answer it stands beside."""

    def __init__(self, folder, like):
        os.makedirs(folder)
        self.port = free_port()
        headers, body = like
        media_type = dict((k.lower(), v) for k, v in headers)["content-type"].split(";")[0]
        with open(os.path.join(folder, "nginx.conf"), "w") as conf:
            conf.write(NGINX_CONF.format(folder=folder, port=self.port, media_type=media_type,
                                         headers=nginx_padding(headers, body, media_type),
                                         body="x" * len(body)))
        super().__init__([installed("nginx"), "-e", f"{folder}/error.log", "-c",
                          f"{folder}/nginx.conf"], folder)


def nginx_padding(headers, body, media_type):
    """add_header lines that bring nginx's own five headers to the same count and size."""
    own = [("Server", "nginx/1.22.1"), ("Date", "x" * 29), ("Content-Type", media_type),
           ("Content-Length", str(len(body))), ("Connection", "keep-alive")]
    size = lambda rows: sum(len(k) + len(v) + 4 for k, v in rows)
    missing, room = len(headers) - len(own), size(headers) - size(own)
    lines = []
    for i in range(max(0, missing)):
        share = room // (missing - i)
        room -= share
        lines.append(f'add_header X-Pad-{i} "{"p" * max(1, share - 11)}";')
    return " ".join(lines)


def token_request(path):
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    return load.request("POST", path,
                        [("Authorization", f"Basic {basic}"),
                         ("Content-Type", "application/x-www-form-urlencoded")],
                        b"grant_type=client_credentials&scope=api")


class OidcProvider(Server):
    token = token_request("/token")

    def __init__(self, folder):
        os.makedirs(folder)
        self.port = free_port()
        super().__init__([installed("node"), os.path.join(HERE, "oidc-provider", "server.js"),
                          str(self.port), CLIENT_ID, CLIENT_SECRET], folder,
                         {"NODE_ENV": "production"})

    @staticmethod
    def missing():
        if not installed("node"):
            return "node is not installed"
        if not os.path.isdir(os.path.join(HERE, "oidc-provider", "node_modules", "oidc-provider")):
            return "run `npm ci` in bench/oidc-provider"
        return None

    @staticmethod
    def version():
        with open(os.path.join(HERE, "oidc-provider", "node_modules", "oidc-provider",
                               "package.json")) as package:
            return json.load(package)["version"]


GLEWLWYD_SCHEMA = "/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz"
GLEWLWYD_CONF = """
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="ERROR"
log_file="{folder}/glewlwyd.log"
cookie_secure=0
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
user_middleware_module_path="/usr/lib/glewlwyd/user_middleware"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA256"
database = {{ type = "sqlite3"; path = "{folder}/glewlwyd.db"; }};
"""
GLEWLWYD_PLUGIN = {
    "module": "oauth2-glewlwyd", "name": "glwd", "display_name": "bench", "order_rank": 0,
    "readonly": False, "parameters": {
        "jwt-type": "sha", "jwt-key-size": "256", "key": "0123456789abcdef0123456789abcdef",
        "access-token-duration": 3600, "refresh-token-duration": 1209600, "code-duration": 600,
        "refresh-token-rolling": True, "auth-type-code-enabled": True,
        "auth-type-code-revoke-replayed": False, "auth-type-implicit-enabled": False,
        "auth-type-password-enabled": False, "auth-type-client-enabled": True,
        "auth-type-device-enabled": False, "auth-type-refresh-enabled": True, "scope": []}}
GLEWLWYD_SCOPE = {"name": "api", "display_name": "api", "description": "api",
                  "password_required": False, "scheme": {}}
GLEWLWYD_CLIENT = {
    "client_id": CLIENT_ID, "name": "bench", "confidential": True, "password": CLIENT_SECRET,
    "client_secret": CLIENT_SECRET, "enabled": True, "scope": ["api"],
    "redirect_uri": ["http://127.0.0.1/callback"], "authorization_type": ["client_credentials"]}


class Glewlwyd(Server):
    """Tokens are JWTs signed with HS256 and kept in SQLite, as Glewlwyd does by default."""
    token = token_request("/api/glwd/token")

    def __init__(self, folder):
        os.makedirs(folder)
        self.port = free_port()
        with gzip.open(GLEWLWYD_SCHEMA, "rt") as schema:
            repository = sqlite3.connect(f"{folder}/glewlwyd.db")
            repository.executescript(schema.read())
            repository.close()
        with open(f"{folder}/glewlwyd.conf", "w") as conf:
            conf.write(GLEWLWYD_CONF.format(folder=folder, port=self.port))
        super().__init__([installed("glewlwyd"), f"--config-file={folder}/glewlwyd.conf"], folder)

    def set_up(self):
        cookie = self.post("/api/auth/", {"username": "admin", "password": "password"})
        for path, document in (("/api/mod/plugin/", GLEWLWYD_PLUGIN),
                               ("/api/scope/", GLEWLWYD_SCOPE),
                               ("/api/client/", GLEWLWYD_CLIENT)):
            self.post(path, document, cookie)

    def post(self, path, document, cookie=""):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", path, json.dumps(document),
                           {"Content-Type": "application/json", "Cookie": cookie})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        if answer.status != 200:
            raise RuntimeError(f"Glewlwyd {path}: {answer.status} {text}")
        return (answer.getheader("Set-Cookie") or "").split(";")[0]

    @staticmethod
    def missing():
        if not installed("glewlwyd"):
            return "glewlwyd is not installed"
        return None if os.path.exists(GLEWLWYD_SCHEMA) else "Glewlwyd's SQLite schema is missing"

    @staticmethod
    def version():
        out = subprocess.run([installed("glewlwyd"), "--version"], capture_output=True, text=True)
        return (out.stdout + out.stderr).strip().split("\n")[0]
