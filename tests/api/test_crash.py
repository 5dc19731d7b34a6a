"""Kill -9 in the middle of writes, again and again: whatever a client saw confirmed
is there after the restart, and nothing is half-written.
"""

import os
import random
import sqlite3
import threading
import time

import pytest

import servers
from easel_client import Client, session_of, unique
from orgs import Org

ROUNDS = int(os.environ.get("EASEL_CRASH_ROUNDS", "200"))
WRITERS = ("projects", "users", "apps", "sites", "tokens", "projects")


class Round:
    """What the writers of one round saw confirmed."""

    def __init__(self):
        self.projects, self.gone, self.changed = {}, [], {}
        self.users, self.apps, self.sites, self.tokens = [], [], [], []


class Writer(threading.Thread):
    """Writes until the server is gone; notes what was confirmed, at once."""

    def __init__(self, url, org, kind, seen):
        super().__init__(daemon=True)
        self.client = Client(url, session=org.admin.session)
        self.home = Client(url, session=org.home)
        self.org, self.kind, self.seen = org, kind, seen
        self.failure = None

    def run(self):
        try:
            while True:
                getattr(self, self.kind)()
        except (OSError, ValueError):
            pass  # the connection ended: the kill
        except Exception as error:  # an answer that should not be
            if "Connection" not in type(error).__name__ and "Chunked" not in type(error).__name__:
                self.failure = error

    def projects(self):
        client, seen = self.client, self.seen
        made = client.add_project(unique("c"), description="first")
        seen.projects[made["id"]] = made["name"]
        path = f"{client.site}/projects/{made['id']}"
        client.ok("PUT", path, {"project": {"description": "second"}})
        seen.changed[made["id"]] = "second"
        if random.random() < 0.3:
            # the answer may be lost on the way although the project is gone
            del seen.projects[made["id"]], seen.changed[made["id"]]
            client.ok("DELETE", path)
            seen.gone.append(made["name"])

    def users(self):
        self.seen.users.append(self.client.add_user()[0])

    def apps(self):
        app = self.client.make_app()
        key = self.client.make_secret(app)
        app.keys.append(key)
        self.seen.apps.append(app)

    def sites(self):
        url = unique("crash")
        self.home.ok("POST", "/sites", {"site": {"name": url, "contentUrl": url}}, 201)
        self.seen.sites.append(url)
        time.sleep(0.02)

    def tokens(self):
        jwt = self.org.app.jwt(self.org.name("Creator"))
        reply = self.client.sign_in_reply({"jwt": jwt, "site": {"contentUrl": self.org.content_url}})
        assert reply.status == 200, reply
        self.seen.tokens.append((jwt, session_of(reply)))


def check(url, org, seen):
    """All that was confirmed is there, as it was confirmed."""
    client = Client(url, session=org.admin.session)
    names = list(seen.projects.values()) + seen.gone
    found = {}
    for start in range(0, len(names), 80):
        part = ",".join(names[start:start + 80])
        doc = client.ok("GET", f"{client.site}/projects?pageSize=1000&filter=name:in:[{part}]").doc
        found.update({project["id"]: project for project in doc["projects"].get("project", [])})
    for project_id, name in seen.projects.items():
        assert found[project_id]["name"] == name
        assert found[project_id]["owner"]["id"] and found[project_id]["createdAt"]
    for project_id, description in seen.changed.items():
        assert found[project_id]["description"] == description
    assert not {project["name"] for project in found.values()} & set(seen.gone)
    for user_id in seen.users:
        client.ok("GET", f"{client.site}/users/{user_id}")
    for app in seen.apps:
        shown = client.ok("GET", client.app_path(app, "secrets", app.keys[0].id)).doc
        assert shown["connectedApplicationSecret"]["value"] == app.keys[0].value
    for jwt, session in seen.tokens[-5:]:
        Client(url, session=session).ok("GET", "/sessions/current")
        replay = client.sign_in_reply({"jwt": jwt, "site": {"contentUrl": org.content_url}})
        assert replay.code == "401001", "a jti was forgotten"


def check_sites(url, org, session, urls):
    """A site is whole: its default project came with it. Answers the last session."""
    for content_url in urls:
        client = Client(url, session=session)
        reply = client.ok("POST", "/auth/switchSite", {"site": {"contentUrl": content_url}})
        session = session_of(reply)
        there = Client(url, session=session)
        projects = there.ok("GET", f"{there.site}/projects").doc["projects"]["project"]
        assert [project["name"].lower() for project in projects] == ["default"]
    return session


def start(engine, data, repository, password):
    return servers.Server(engine, data=data, repository=repository, password=password,
                          env={**servers.RELAXED, "EASEL_LOG_LEVEL": "warn"})


def test_kill_in_the_middle_of_writes(engine, tmp_path):
    rounds = ROUNDS if engine == "sqlite" else max(ROUNDS // 10, 1)
    server = start(engine, tmp_path / "data", None, "crash-password")
    database, repository = server.database, server.repository
    server.database = None
    confirmed = 0
    try:
        org = Org(server, server.admin(), unique("crash"))
        org.home = server.admin().session
        sites, seen = [], Round()
        for _ in range(rounds):
            seen = Round()
            writers = [Writer(server.url, org, kind, seen) for kind in WRITERS]
            for writer in writers:
                writer.start()
            time.sleep(random.uniform(0.02, 0.12))
            server.kill()
            for writer in writers:
                writer.join(10)
                assert not writer.is_alive()
                if writer.failure:
                    raise writer.failure
            confirmed += len(seen.projects) + len(seen.users) + len(seen.apps) + len(seen.tokens)
            sites += seen.sites
            server = start(engine, tmp_path / "data", repository, "crash-password")
            check(server.url, org, seen)
        listed = Client(server.url, session=org.home).ok("GET", "/sites?pageSize=1000").doc
        urls = {site["contentUrl"] for site in listed["sites"]["site"]}
        if int(listed["pagination"]["totalAvailable"]) <= 1000:
            assert set(sites) <= urls
        unconfirmed = [url for url in urls - set(sites) if url.startswith("crash") and url != org.content_url]
        check_sites(server.url, org, org.home, sites[-30:] + unconfirmed[:30])
        print(f"{confirmed} confirmed writes, {len(sites)} sites in {rounds} rounds")
        assert confirmed > rounds
        server.stop()
        if engine == "sqlite":
            connection = sqlite3.connect(tmp_path / "data" / "easel.db")
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            connection.close()
    finally:
        server.discard()
        if database:
            database.drop()


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.01, 0.02, 0.04, 0.08])
def test_kill_during_the_first_start(tmp_path, moment):
    """The repository is made whole by the next start, whatever was left."""
    process = servers.Process(["serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0"],
                              {"EASEL_ADMIN_PASSWORD": "crash-password"})
    time.sleep(moment)
    process.kill()
    server = start("sqlite", tmp_path / "data", None, "crash-password")
    try:
        client = server.client().by_password("admin", "crash-password")
        assert client.ok("GET", f"{client.site}/projects").doc["projects"]["project"]
    finally:
        server.stop()
