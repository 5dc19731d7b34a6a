"""Real identity providers: oidc-provider (node) and Glewlwyd, started and configured
here on loopback; the access tokens that they issue sign in."""

import gzip
import json
import os
import pathlib
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
from providers import LOOPBACK, Key, b64, number, register, remove
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
    running = servers.Server(engine, env={**servers.RELAXED, **LOOPBACK})
    try:
        yield running
    except BaseException:
        running.discard()
        raise
    running.stop()


@pytest.fixture(scope="module")
def home(server):
    return server.admin()


@pytest.fixture(scope="module")
def org(server, home):
    return Org(server, home, unique("site"))


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
    if not (NODE_FOLDER / "node_modules" / "oidc-provider").is_dir():
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
