"""Real identity providers: oidc-provider (node) and Glewlwyd, started and configured
here on loopback; the access tokens that they issue sign in."""

import fcntl
import gzip
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

import pytest
import requests

import servers
from easel_client import check_refusal, unique
from orgs import Org
from providers import LOOPBACK, Key, number, register, remove
from schema import ROOT

NODE_FOLDER = ROOT / "bench" / "oidc-provider"
GLEWLWYD_SCHEMA = "/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz"
SCOPES = "tableau:content:read tableau:users:read"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A process of somebody else's; its output goes to a file."""

    def __init__(self, command, folder, url):
        self.log = folder / "output"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder,
                                            stdin=subprocess.DEVNULL)
        self.http = requests.Session()
        self.http.trust_env = False
        for _ in range(200):
            try:
                self.http.get(url, timeout=5)
                return
            except requests.ConnectionError:
                assert self.process.poll() is None, self.log.read_text(errors="replace")
                time.sleep(0.1)
        raise AssertionError(self.log.read_text(errors="replace"))

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def wait_for(self, word, times):
        for _ in range(200):
            if self.log.read_text(errors="replace").count(word) >= times:
                return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text(errors="replace"))


@pytest.fixture(scope="module")
def server(engine):
    yield from servers.kept(engine, {**servers.RELAXED, **LOOPBACK})


@pytest.fixture(scope="module")
def home(server):
    return server.admin()


# ---------------------------------------------------------------- oidc-provider
def private_jwk(key):
    """The JWK with its private members."""
    numbers = None if key.alg == "EdDSA" else key.private.private_numbers()
    if key.alg in Key.CURVES:
        return key.jwk(d=number(numbers.private_value, Key.CURVES[key.alg][2]))
    return key.jwk(d=number(numbers.d), p=number(numbers.p), q=number(numbers.q),
                   dp=number(numbers.dmp1), dq=number(numbers.dmq1), qi=number(numbers.iqmp))


class OidcProvider(Running):
    def __init__(self, folder, users, audience, keys):
        self.settings = folder / "settings.json"
        self.secret = "oidc-provider secret of the tests"
        self.users, self.audience = users, audience
        self.write(keys)
        port = free_port()
        self.issuer = f"http://127.0.0.1:{port}"
        super().__init__(["node", str(NODE_FOLDER / "eas.js"), str(port), str(self.settings)],
                         folder, self.issuer + "/.well-known/openid-configuration")

    def write(self, keys):
        self.settings.write_text(json.dumps({
            "clients": [{"id": user, "secret": self.secret} for user in self.users],
            "audience": self.audience, "keys": [private_jwk(key) for key in keys]}))

    def rotate(self, keys):
        self.write(keys)
        before = self.log.read_text(errors="replace").count("read again")
        self.process.send_signal(signal.SIGHUP)
        self.wait_for("read again", before + 1)

    def token(self, user, alg, scope=SCOPES):
        reply = self.http.post(f"{self.issuer}/token", auth=(user, self.secret), timeout=20, data={
            "grant_type": "client_credentials", "scope": scope,
            "resource": f"https://tableau.example.com/{alg}"})
        assert reply.status_code == 200, (reply.text, self.log.read_text(errors="replace"))
        return reply.json()["access_token"]


@pytest.fixture(scope="module")
def node():
    """oidc-provider, installed out of the lock file where it is not yet."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    with open(NODE_FOLDER / "package-lock.json") as alone:  # of the suites that run at a time
        fcntl.flock(alone, fcntl.LOCK_EX)
        if (NODE_FOLDER / "node_modules" / ".package-lock.json").exists():  # npm's last file
            return
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE_FOLDER,
                              capture_output=True, text=True, timeout=600)
        if done.returncode:
            pytest.skip(f"npm ci in {NODE_FOLDER.name} failed: {done.stderr[-300:]}")


@pytest.fixture
def oidc(node, org, tmp_path):
    started = []

    def start(keys):
        provider = OidcProvider(tmp_path, [org.name("Viewer")], f"tableau:{org.site_id}", keys)
        started.append(provider)
        return provider

    yield start
    for provider in started:
        provider.stop()


def signs_in(org, jwt):
    client = org.server.client().by_jwt(jwt, org.content_url)
    assert client.session.user_id == org.user("Viewer")
    client.ok("GET", f"{client.site}/projects")
    return client


def test_oidc_provider(org, oidc):
    keys = {alg: Key(alg) for alg in ("RS256", "PS256", "ES256")}
    provider = oidc(keys.values())
    eas = register(org.admin, provider.issuer)
    for alg in keys:
        jwt = provider.token(org.name("Viewer"), alg)
        signs_in(org, jwt)
        check_refusal(org.jwt_reply(jwt), 401001, 401)  # its jti is used
    narrow = signs_in(org, provider.token(org.name("Viewer"), "ES256", "tableau:content:read"))
    narrow.refused(401002, "GET", f"{narrow.site}/users")
    told = servers.run("eas", "check", provider.issuer, "--fetch-plain-http=on",
                       "--fetch-networks", "127.0.0.1", check=0).stdout
    for key in keys.values():
        assert f"ok    '{key.kid}'" in told, told
    remove(org.admin, eas)


def test_oidc_provider_rotates(org, oidc):
    """New keys beside the old ones, then alone, while the server runs."""
    old, new = Key("RS256"), Key("RS256")
    provider = oidc([old])
    eas = register(org.admin, provider.issuer)
    viewer = org.name("Viewer")
    last_of_the_old = provider.token(viewer, "RS256")
    signs_in(org, provider.token(viewer, "RS256"))
    provider.rotate([new, old])
    signs_in(org, provider.token(viewer, "RS256"))
    signs_in(org, last_of_the_old)
    signs_in(org, provider.token(viewer, "RS256"))
    remove(org.admin, eas)


def test_oidc_provider_by_its_jwks_uri(org, oidc):
    provider = oidc([Key("ES256")])
    eas = register(org.admin, provider.issuer, provider.issuer + "/jwks")
    signs_in(org, provider.token(org.name("Viewer"), "ES256"))
    remove(org.admin, eas)


# ---------------------------------------------------------------- Glewlwyd
GLEWLWYD_CONF = """
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="WARNING"
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


class Glewlwyd(Running):
    """Its plugin for OpenID Connect. Access tokens go by the grant password; their sub
    is what the provider's table of subjects says, aud is the scope where no resource is
    asked for, and scp is a property of the user: Glewlwyd writes it as one string."""

    PASSWORD = "glewlwyd password 1"

    def __init__(self, folder, user, key):
        self.user, self.key, self.folder = user, key, folder
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}/api/oidc"
        with gzip.open(GLEWLWYD_SCHEMA, "rt") as schema:
            with sqlite3.connect(folder / "glewlwyd.db") as repository:
                repository.executescript(schema.read())
                repository.execute(
                    "INSERT INTO gpo_subject_identifier (gposi_plugin_name, gposi_username, "
                    "gposi_sub) VALUES ('oidc', ?, ?)", (user, user))
            repository.close()
        conf = folder / "glewlwyd.conf"
        conf.write_text(GLEWLWYD_CONF.format(port=self.port, folder=folder))
        super().__init__([shutil.which("glewlwyd"), f"--config-file={conf}"], folder,
                         f"http://127.0.0.1:{self.port}/config")
        self.set_up()

    def api(self, verb, path, document=None):
        reply = self.http.request(verb, f"http://127.0.0.1:{self.port}/api{path}", json=document,
                                  timeout=20)
        assert reply.status_code == 200, (path, reply.status_code, reply.text, self.words())
        return reply

    def words(self):
        log = self.folder / "glewlwyd.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def set_up(self):
        self.api("POST", "/auth/", {"username": "admin", "password": "password"})
        # A property of users that their module keeps.
        module = self.api("GET", "/mod/user/database").json()
        module["parameters"]["data-format"] = {
            **(module["parameters"].get("data-format") or {}),
            "scp": {"multiple": False, "read": True, "write": True, "profile-read": False,
                    "profile-write": False}}
        self.api("PUT", "/mod/user/database", module)
        self.api("PUT", "/mod/user/database/reset")
        self.api("POST", "/mod/plugin/", {
            "module": "oidc", "name": "oidc", "display_name": "tests", "order_rank": 0,
            "parameters": {
                "iss": self.issuer, "jwks-show": True, "allow-non-oidc": True,
                "jwks-private": json.dumps({"keys": [private_jwk(self.key)]}),
                "default-kid": self.key.kid,
                "access-token-duration": 300, "refresh-token-duration": 1209600,
                "code-duration": 600, "refresh-token-rolling": True,
                "subject-type": "public", "auth-type-code-enabled": True,
                "auth-type-token-enabled": True, "auth-type-id-token-enabled": True,
                "auth-type-none-enabled": True, "auth-type-password-enabled": True,
                "auth-type-client-enabled": True, "auth-type-device-enabled": False,
                "auth-type-refresh-enabled": True, "scope": [],
                "additional-parameters": [{"user-parameter": "scp", "token-parameter": "scp",
                                           "token-changed": False}]}})
        self.api("POST", "/scope/", {"name": "tableau", "display_name": "tableau",
                                     "description": "tableau", "password_required": True,
                                     "scheme": {}})
        self.api("POST", "/user/", {"username": self.user, "name": self.user,
                                    "password": self.PASSWORD, "email": "user@example.com",
                                    "enabled": True, "scope": ["tableau"], "scp": SCOPES})
        self.api("POST", "/client/", {
            "client_id": "tests", "name": "tests", "confidential": True, "enabled": True,
            "client_secret": self.PASSWORD, "password": self.PASSWORD, "scope": ["tableau"],
            "redirect_uri": ["http://127.0.0.1/callback"],
            "authorization_type": ["password"],
            "token_endpoint_auth_method": ["client_secret_basic"]})

    def token(self):
        reply = self.http.post(f"{self.issuer}/token", auth=("tests", self.PASSWORD), timeout=20,
                               data={"grant_type": "password", "username": self.user,
                                     "password": self.PASSWORD, "scope": "tableau"})
        assert reply.status_code == 200, (reply.text, self.words())
        return reply.json()["access_token"]


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_glewlwyd(engine, tmp_path, alg):
    if not shutil.which("glewlwyd") or not os.path.exists(GLEWLWYD_SCHEMA):
        pytest.skip("Glewlwyd is not installed")
    server = servers.Server(engine, env={**servers.RELAXED, **LOOPBACK,
                                         "EASEL_EAS_SCP_STRING": "on"})
    provider = None
    try:
        org = Org(server, server.admin(), unique("site"))
        provider = Glewlwyd(tmp_path, org.name("Viewer"), Key(alg))
        register(org.admin, provider.issuer)
        jwt = provider.token()
        client = signs_in(org, jwt)
        client.ok("GET", f"{client.site}/projects")
        check_refusal(org.jwt_reply(jwt), 401001, 401)
        signs_in(org, provider.token())
        told = servers.run("explain", "--site", org.content_url, "--fetch-plain-http=on",
                           "--fetch-networks", "127.0.0.1", "--eas-scp-string=on",
                           *server.store_options(), provider.token(), check=0).stdout
        assert provider.key.kid in told and "/jwks" in told, told
    finally:
        if provider:
            provider.stop()
        server.stop()
