"""Easel under test: a private server, its administrator's calls, a repository
filled to a size, and JWTs of a connected app."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import sqlite3
import time
import uuid

import load
from process import Server, free_port

PASSWORD = "Bench-password-1"
API = "/api/3.24"
JSON = [("Content-Type", "application/json"), ("Accept", "application/json")]
ROLES = ["Explorer", "Viewer", "Creator", "ExplorerCanPublish"]
SCOPES = ["tableau:users:read", "tableau:content:read"]


class Easel(Server):
    def __init__(self, binary, folder, arguments=()):
        os.makedirs(folder, exist_ok=True)
        self.port = free_port()
        super().__init__([binary, "serve", "--data", os.path.join(folder, "data"), "--listen",
                          f"127.0.0.1:{self.port}", *arguments], folder,
                         {"EASEL_ADMIN_PASSWORD": PASSWORD})

    def ready(self, timeout=20):
        return self.first_answer(self.port, f"{API}/serverinfo", timeout)

    def answer(self, verb, path, headers=(), body=b""):
        """Status, headers as sent, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(verb, path, body, dict(headers))
        answer = connection.getresponse()
        result = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return result

    def call(self, verb, path, document=None, token=None):
        headers = JSON + ([("X-Tableau-Auth", token)] if token else [])
        body = json.dumps(document).encode() if document is not None else b""
        status, _, text = self.answer(verb, API + path, headers, body)
        if status // 100 != 2:
            raise RuntimeError(f"{verb} {path}: {status} {text[:500]!r}")
        return json.loads(text) if text else None

    def sign_in(self, credentials):
        return self.call("POST", "/auth/signin", {"credentials": {
            **credentials, "site": {"contentUrl": ""}}})["credentials"]

    def create_app(self, token, site, name):
        return self.call("POST", f"/sites/{site}/connected-apps/direct-trust", {
            "connectedApplication": {"name": name, "enabled": True}},
            token)["connectedApplication"]["clientId"]

    def sign_in_as_admin(self):
        credentials = self.sign_in({"name": "admin", "password": PASSWORD})
        return credentials["token"], credentials["site"]["id"]


class ConnectedApp:
    """An enabled connected app with a secret, among others, and the JWTs signed with it."""

    def __init__(self, easel, others=0):
        token, site = easel.sign_in_as_admin()
        for i in range(others):
            easel.create_app(token, site, f"App {i}")
        self.client_id = easel.create_app(token, site, "bench")
        path = f"/sites/{site}/connected-apps/direct-trust/{self.client_id}/secrets"
        secret = easel.call("POST", path, token=token)["connectedApplicationSecret"]
        self.key = secret["value"].encode()
        self.header = encoded({"alg": "HS256", "typ": "JWT", "kid": secret["id"],
                               "iss": self.client_id})

    def jwt(self, user, scopes=SCOPES):
        claims = {"iss": self.client_id, "exp": int(time.time()) + 590, "jti": str(uuid.uuid4()),
                  "aud": "tableau", "sub": user, "scp": scopes}
        signed = self.header + b"." + encoded(claims)
        mac = hmac.digest(self.key, signed, hashlib.sha256)
        return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()

    def sign_ins(self, count, users):
        """That many sign-in requests, each with a JWT of its own."""
        for i in range(count):
            body = json.dumps({"credentials": {"jwt": self.jwt(users[i % len(users)]),
                                               "site": {"contentUrl": ""}}}).encode()
            yield load.request("POST", f"{API}/auth/signin", JSON, body)


def encoded(document):
    text = json.dumps(document, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


class Repository:
    """Rows put straight into the SQLite file of a stopped server: a million by
    way of the API would take longer than all the measurements together."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        # A million rows in a dozen indexes: in memory, or each would be written many times.
        self.db.execute("PRAGMA cache_size = -2000000")
        self.now = int(time.time() * 1000)
        self.site, = self.db.execute("SELECT id FROM site WHERE content_url = ''").fetchone()
        self.owner, = self.db.execute("SELECT id FROM site_user WHERE site_id = ? ORDER BY serial",
                                      [self.site]).fetchone()

    def close(self):
        self.db.commit()
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.db.close()

    def serials(self, table, count):
        """Serials after those in use, taken out of the table's counter too."""
        last, = self.db.execute(f"SELECT COALESCE(MAX(serial), 0) FROM {table}").fetchone()
        self.db.execute("INSERT INTO counter (name, value) VALUES (?, ?)"
                        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                        [table, last + count])
        return range(last + 1, last + 1 + count)

    def add_users(self, count):
        """user-1 .. user-N, in turn of four roles, each with a full name and a last sign-in;
        returns their names and ids on the site."""
        names, ids = [f"user-{i}" for i in range(1, count + 1)], []
        for i, (name, serial) in enumerate(zip(names, self.serials("site_user", count))):
            account, user, role = str(uuid.uuid4()), str(uuid.uuid4()), ROLES[i % len(ROLES)]
            # Spread over the order of the names, as full names are.
            full_name = f"{i * 7919 % count:07} Person"
            ids.append(user)
            self.db.execute(
                "INSERT INTO account (id, name, name_key, full_name, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [account, name, name, full_name, self.now, self.now])
            self.db.execute(
                "INSERT INTO site_user (id, site_id, account_id, name, name_key, site_role,"
                " full_name, auth_setting, last_login_at, created_at, updated_at, serial)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'ServerDefault', ?, ?, ?, ?)",
                [user, self.site, account, name, name, role, full_name,
                 self.now - i * 1000, self.now, self.now, serial])
        self.db.execute("UPDATE site SET user_count = user_count + ? WHERE id = ?",
                        [count, self.site])
        self.count_roles()
        return names, ids

    def count_roles(self):
        """What the server counts with every user it adds."""
        self.db.execute("DELETE FROM site_role_count")
        self.db.execute("INSERT INTO site_role_count (site_id, site_role, user_count)"
                        " SELECT site_id, site_role, COUNT(*) FROM site_user"
                        " GROUP BY site_id, site_role")

    def add_projects(self, count):
        rows = ((str(uuid.uuid4()), self.site, f"Project {serial}", f"project {serial}",
                 "A project", self.owner, self.now, self.now, serial)
                for serial in self.serials("project", count))
        self.db.executemany(
            "INSERT INTO project (id, site_id, name, name_key, description, content_permissions,"
            " owner_id, created_at, updated_at, serial)"
            " VALUES (?, ?, ?, ?, ?, 'ManagedByOwner', ?, ?, ?, ?)", rows)
        self.db.execute("UPDATE site SET project_count = project_count + ? WHERE id = ?",
                        [count, self.site])

    def add_groups(self, count, members):
        """Group 1 .. Group N, all with a minimum site role that is granted at sign-in;
        `members`: how many of the first each user (by id) is in. Their ids."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        serials = self.serials("site_group", count)
        sizes = [sum(held > place for held in members.values()) for place in range(count)]
        self.db.executemany(
            "INSERT INTO site_group (id, site_id, name, name_key, minimum_site_role,"
            " grant_license_mode, user_count, created_at, updated_at, serial)"
            " VALUES (?, ?, ?, ?, 'Explorer', 'onLogin', ?, ?, ?, ?)",
            ((group, self.site, f"Group {serial}", f"group {serial}", size, self.now, self.now,
              serial) for group, size, serial in zip(ids, sizes, serials)))
        self.db.executemany("INSERT INTO group_member (group_id, site_user_id) VALUES (?, ?)",
                            ((group, user) for user, held in members.items()
                             for group in ids[:held]))
        self.db.execute("UPDATE site SET group_count = group_count + ? WHERE id = ?",
                        [count, self.site])
        self.db.executemany("UPDATE site_user SET sign_in_role = 'Explorer',"
                            " group_count = group_count + ? WHERE id = ?",
                            ((held, user) for user, held in members.items()))
        return ids
