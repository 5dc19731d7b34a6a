"""The commands of the binary: what they print, what they do, how they end."""

import base64
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import time

import pytest

import servers
from easel_client import App, Client, Key, check_refusal, unique
from orgs import Org
from published import datasource_xml, publish
from servers import Server, run

COMMANDS = ["serve", "dev", "jwt", "explain", "events", "scopes", "methods", "config", "backup", "restore",
            "rotate-key", "token", "fsck"]


# ---------------------------------------------------------------- help and usage
@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    done = run(command, "--help", check=0)
    assert command in done.stdout and "Usage" in done.stdout or "usage" in done.stdout
    assert not done.stderr
    assert run("help", command, check=0).stdout == done.stdout


def test_help_lists_all_commands():
    text = run("--help", check=0).stdout
    for command in COMMANDS:
        assert re.search(rf"^\s+{command}\b", text, re.M), command


def test_version():
    version = (servers.ROOT / "VERSION").read_text().strip()
    assert version in run("--version", check=0).stdout
    assert version in run("version", check=0).stdout


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["serve", "--nonsense"], ["serve", "--listen"], ["serve", "extra"],
    ["jwt"], ["jwt", "--client-id", "x"], ["explain"], ["methods", "--scope"], ["backup"], ["restore"],
    ["config", "--listen=x", "--threads=many"], ["serve", "--threads", "-1"], ["serve", "--max-body", "1"],
    ["events", "--json=yes"], ["dev", "--data", "x"], ["serve", "--admin-password", "visible-to-all"],
])
def test_usage(arguments):
    """Exit code 2, a word on stderr, nothing on stdout."""
    done = run(*arguments)
    assert done.returncode == 2, done
    assert done.stderr and not done.stdout
    assert "visible-to-all" not in done.stderr or "admin-password" in done.stderr


def test_near_miss():
    assert "--listen" in run("serve", "--lisen", "x", check=2).stderr


def test_failures_are_not_usage(tmp_path):
    assert run("events", "--data", tmp_path / "none").returncode == 1
    assert run("backup", tmp_path / "b", "--data", tmp_path / "none").returncode == 1
    assert run("restore", tmp_path / "none.db", "--data", tmp_path).returncode == 1
    assert run("serve", "--data", "/proc/none", "--listen", "127.0.0.1:0").returncode == 1
    assert run("serve", "--config", tmp_path / "none.conf", "--data", tmp_path).returncode in (1, 2)


def test_stdout_that_is_closed():
    """A reader that goes away is no crash."""
    done = subprocess.run(f"{servers.BINARY} methods --json | head -1", shell=True, capture_output=True,
                          text=True, timeout=30)
    assert not servers.SANITIZER.search(done.stderr)


# ---------------------------------------------------------------- jwt
def decode(token):
    return [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            for part in token.split(".")[:2]]


def jwt_command(app, user, *more):
    return run("jwt", "--client-id", app.client_id, "--secret-id", app.keys[0].id, "--secret-value",
               app.keys[0].value, "--user", user, *more, check=0).stdout.strip()


def test_jwt_signs_in(org):
    token = jwt_command(org.app, org.name("Creator"), "--scope", "tableau:content:read", "--scope",
                        "tableau:users:read")
    header, payload = decode(token)
    assert header["alg"] == "HS256" and header["kid"] == org.app.keys[0].id
    assert payload["iss"] == org.app.client_id and payload["aud"] == "tableau"
    assert payload["scp"] == ["tableau:content:read", "tableau:users:read"]
    assert 290 <= payload["exp"] - time.time() <= 300
    assert org.jwt_reply(token).status == 200
    assert decode(jwt_command(org.app, "x", "--scope", "a"))[1]["jti"] != payload["jti"]


def test_jwt_expires_and_claims():
    app = App("client", [Key("key", "v" * 44)])
    token = jwt_command(app, "m\u00fcller \"x\"", "--scope", "s", "--expires", "90s", "--claim", "region=north",
                        "--claim", "aud=other", "--claim", "quote=a\"b\\c")
    payload = decode(token)[1]
    assert payload["sub"] == 'm\u00fcller "x"' and payload["region"] == "north"
    assert payload["aud"] == "other" and payload["quote"] == 'a"b\\c'
    assert 80 <= payload["exp"] - time.time() <= 90


def test_jwt_secret_from_stdin():
    done = run("jwt", "--client-id", "c", "--secret-id", "k", "--secret-value", "-", "--user", "u", "--scope", "s",
               stdin="v" * 44 + "\n", check=0)
    assert done.stdout.count(".") == 2


# ---------------------------------------------------------------- config
def test_config_tells_values_and_sources(tmp_path):
    file = tmp_path / "easel.conf"
    file.write_text("# a comment\nmax-body = 2m\nlog-level = warn\n")
    done = run("config", "--config", file, "--threads", "3",
               env={"EASEL_MAX_CONNECTIONS": "77", "EASEL_ADMIN_PASSWORD": "very-secret"}, check=0)
    lines = {line.split("=")[0].strip(" #"): line for line in done.stdout.splitlines() if "=" in line}
    assert "2m" in lines["max-body"] and "easel.conf:2" in done.stdout
    assert "77" in lines["max-connections"] and "EASEL_MAX_CONNECTIONS" in done.stdout
    assert "3" in lines["threads"]
    assert "very-secret" not in done.stdout + done.stderr


def test_config_order(tmp_path):
    """Option before variable before file before default."""
    file = tmp_path / "easel.conf"
    file.write_text("threads = 1\n")

    def threads(*options, env=None):
        text = run("config", *options, env=env, check=0).stdout
        return re.search(r"^#?\s*threads\s*=\s*(\d+)", text, re.M).group(1)

    assert threads() == "0"
    assert threads("--config", file) == "1"
    assert threads("--config", file, env={"EASEL_THREADS": "2"}) == "2"
    assert threads("--config", file, "--threads", "3", env={"EASEL_THREADS": "2"}) == "3"


def test_config_masks_the_password_of_the_repository():
    done = run("config", "--repository", "postgresql://user:hidden-word@db/easel", check=0)
    assert "hidden-word" not in done.stdout and "db/easel" in done.stdout


@pytest.mark.parametrize("text", ["nonsense = 1\n", "threads = many\n", "threads\n", "admin-password = x\n",
                                  "= 1\n"])
def test_config_file_that_is_wrong(tmp_path, text):
    file = tmp_path / "easel.conf"
    file.write_text("log-level = info\n" + text)
    done = run("config", "--config", file)
    assert done.returncode in (1, 2) and f"{file}:2" in done.stderr


def test_config_file_that_is_none(tmp_path):
    file = tmp_path / "easel.conf"
    for content in (b"listen = \x00\n", b"\x7fELF" + bytes(range(256)) * 100):
        file.write_bytes(content)
        done = run("config", "--config", file)
        assert done.returncode in (1, 2) and str(file) in done.stderr


# ---------------------------------------------------------------- dev
def test_dev_line(dev):
    info = dev.info
    assert info["url"] == dev.url and re.fullmatch(r"http://127\.0\.0\.1:\d+", info["url"])
    assert info["apiVersion"] == "3.29"
    assert set(info["connectedApp"]) == {"clientId", "secretId", "secretValue"}
    assert set(info["personalAccessToken"]) == {"name", "secret"}
    admin = dev.admin()
    assert admin.session.site_id == info["siteId"] and admin.session.user_id == info["userId"]


def test_dev_app_signs_in(dev):
    app = App(dev.info["connectedApp"]["clientId"], [Key(dev.info["connectedApp"]["secretId"],
                                                       dev.info["connectedApp"]["secretValue"])])
    client = dev.client().by_jwt(app.jwt(dev.info["adminName"]), dev.info["siteContentUrl"])
    client.ok("GET", f"{client.site}/projects")


def test_dev_leaves_nothing(tmp_path):
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        running = servers.Dev()
        running.admin()
        running.stop()
    finally:
        os.chdir(here)
    assert not list(tmp_path.iterdir())


def test_dev_listens_where_told():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = servers.Dev("--listen", f"127.0.0.1:{port}")
    assert running.url.endswith(f":{port}")
    running.stop()


def seed_file(tmp_path):
    seed = {"sites": [{"name": "Seeded", "contentUrl": "seeded",
                       "users": [{"name": "ann", "siteRole": "Creator", "password": "ann-password"},
                                 {"name": "bob", "siteRole": "Viewer"}],
                       "projects": [{"name": "Top", "projects": [{"name": "Below"}]}],
                       "connectedApps": [{"name": "ci", "enabled": True}]}]}
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(seed))
    return path


def test_dev_with_a_seed(tmp_path):
    running = servers.Dev("--seed", seed_file(tmp_path))
    try:
        ann = running.client().by_password("ann", "ann-password", "seeded")
        projects = ann.ok("GET", f"{ann.site}/projects").doc["projects"]["project"]
        by_name = {project["name"]: project for project in projects}
        assert by_name["Below"]["parentProjectId"] == by_name["Top"]["id"]
        admin = running.client().by_password(running.info["adminName"], running.info["adminPassword"],
                                             "seeded")
        users = {user["name"] for user in admin.ok("GET", f"{admin.site}/users").doc["users"]["user"]}
        assert {"ann", "bob"} <= users
        apps = admin.ok("GET", f"{admin.site}/connected-apps/direct-trust").doc["connectedApplications"]
        assert [app["name"] for app in apps["connectedApplication"]] == ["ci"]
    finally:
        running.stop()


@pytest.mark.parametrize("text", [
    "", "{", "[]", '{"sites": 1}', '{"nonsense": [{}]}', '{"sites": [{"name": "x", "contentUrl": "a b"}]}',
    '{"sites": [{"name": "x", "contentUrl": "x", "users": [{"name": "a", "siteRole": "King"}]}]}',
    '{"sites": [{"name": "x", "contentUrl": "x", "user": [{"name": "a", "siteRole": "Viewer"}]}]}',
    '{"sites": [{"name": "x", "contentUrl": "x", "users": {"name": "a"}}]}'])
def test_dev_with_a_seed_that_is_wrong(tmp_path, text):
    """A slip in the file is told; a server that lacks what it was to have does not start."""
    path = tmp_path / "seed.json"
    path.write_text(text)
    running = servers.Process(["dev", "--seed", path])
    try:
        assert running.finish(seconds=5) in (1, 2) and running.err
    except subprocess.TimeoutExpired:
        pytest.fail("the server started")
    finally:
        running.process.kill()


# ---------------------------------------------------------------- serve: start and stop
def test_first_start_makes_the_administrator(tmp_path):
    password = tmp_path / "password"
    password.write_text("from-a-file\n")
    server = Server(data=tmp_path / "data", options=["--admin-password-file", password, "--admin-name", "boss"],
                    env={"EASEL_ADMIN_PASSWORD": ""})
    try:
        server.client().by_password("boss", "from-a-file")
    finally:
        server.stop()


def test_first_start_generates_a_password_once(tmp_path):
    server = Server(data=tmp_path / "data", env={"EASEL_ADMIN_PASSWORD": ""})
    try:
        words = set(re.findall(r"[A-Za-z0-9_+/=-]{12,}", server.text()))
        signed_in = [word for word in words if server.client().sign_in_reply(
            {"name": "admin", "password": word, "site": {"contentUrl": ""}}).status == 200]
        assert len(signed_in) == 1
    finally:
        server.stop()
    again = Server(data=tmp_path / "data", env={"EASEL_ADMIN_PASSWORD": ""})
    try:
        assert signed_in[0] not in again.text()
        again.client().by_password("admin", signed_in[0])
    finally:
        again.stop()


def test_password_of_a_later_start_changes_nothing(tmp_path):
    first = Server(data=tmp_path / "data")
    first.stop()
    second = Server(data=tmp_path / "data", password="another-password")
    try:
        second.client().by_password("admin", first.admin_password)
        check_refusal(second.client().sign_in_reply(
            {"name": "admin", "password": "another-password", "site": {"contentUrl": ""}}), 401001)
    finally:
        second.stop()


def test_everything_is_there_after_a_restart(engine, tmp_path):
    first = Server(engine, data=tmp_path / "data")
    try:
        org = Org(first, first.admin(), unique("kept"))
        token = org.app.jwt(org.name("Creator"))
        used = org.jwt_reply(token)
        database, first.database = first.database, None
        first.stop()
        second = Server(engine, data=tmp_path / "data", repository=first.repository,
                        password=first.admin_password)
        second.database = database
    except BaseException:
        first.discard()
        raise
    try:
        session = Client(second.url, session=org.admin.session)
        session.ok("GET", f"{session.site}/users")
        shown = session.ok("GET", session.app_path(org.app, "secrets", org.app.keys[0].id))
        assert shown.doc["connectedApplicationSecret"]["value"] == org.app.keys[0].value
        org.server = second
        assert org.jwt_reply(token).code == "401001" and used.status == 200
        assert org.jwt_reply(org.app.jwt(org.name("Creator"))).status == 200
    finally:
        second.stop()


def test_stops_at_once_on_sigint_too(tmp_path):
    for sig in (signal.SIGTERM, signal.SIGINT):
        server = Server(data=tmp_path / sig.name)
        server.client().ok("GET", "/serverinfo")
        started = time.monotonic()
        server.stop(sig)
        assert time.monotonic() - started < 5


def test_a_request_under_way_is_finished(tmp_path):
    """SIGTERM drains: what has begun to arrive is still answered or cleanly cut, and
    the server ends in the time it was given."""
    server = Server(data=tmp_path / "data", env={"EASEL_DRAIN_TIMEOUT": "2s"})
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(b"POST /api/3.29/auth/signin HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n<")
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        try:
            connection.sendall(b"aaaa")
            answer = connection.recv(65536)
        except ConnectionError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 8


def test_port_in_use(server, tmp_path):
    done = run("serve", "--data", tmp_path, "--listen", f"127.0.0.1:{server.port}",
               env={"EASEL_ADMIN_PASSWORD": "x" * 12})
    assert done.returncode == 1 and str(server.port) in done.stderr


def readable_by_others(folder):
    return [file.name for file in folder.iterdir() if file.stat().st_mode & stat.S_IRWXO]


def test_data_directory_is_private(tmp_path):
    """The one that the server makes; in one that was there, its files."""
    (tmp_path / "there").mkdir(mode=0o755)
    for name in ("made", "there"):
        server = Server(data=tmp_path / name)
        server.stop()
    assert not (tmp_path / "made").stat().st_mode & stat.S_IRWXO
    assert not readable_by_others(tmp_path / "there")


def test_refuses_a_newer_repository(tmp_path):
    server = Server(data=tmp_path / "data")
    server.stop()
    path = tmp_path / "data" / "easel.db"
    connection = sqlite3.connect(path)
    (version,) = connection.execute("SELECT MAX(version) FROM schema_version").fetchone()
    connection.execute("INSERT INTO schema_version VALUES (?, 0)", (version + 1,))
    connection.commit()
    connection.close()
    done = run("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0",
               env={"EASEL_ADMIN_PASSWORD": "x" * 12}, timeout=20)
    assert done.returncode == 1 and "newer" in done.stderr


def test_reload(tmp_path):
    """SIGHUP reads the file again; a wrong file changes nothing."""
    file = tmp_path / "easel.conf"
    file.write_text("session-life = 4h\n")
    server = Server(data=tmp_path / "data", options=["--config", file])

    def life():
        return server.client().sign_in_reply(
            {"name": "admin", "password": server.admin_password, "site": {"contentUrl": ""}}
        ).doc["credentials"]["estimatedTimeToExpiration"]

    def life_becomes(hours):
        limit = time.monotonic() + 5
        while not re.match(hours, life()):
            assert time.monotonic() < limit
            time.sleep(0.1)

    try:
        life_becomes("[34]:")
        file.write_text("session-life = 9h\n")
        server.process.send_signal(signal.SIGHUP)
        life_becomes("[89]:")
        file.write_text("session-life = often\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_line(lambda line: "easel.conf:1" in line, seconds=5)
        life_becomes("[89]:")
    finally:
        server.stop()


# ---------------------------------------------------------------- tokens, backup, keys
def test_token_command(server, home):
    name = unique("pat")
    done = run("token", *server.store_options(), "--user", "admin", "--name", name, check=0)
    secret = re.findall(r"[A-Za-z0-9_+/=:-]{20,}", done.stdout)[-1]
    client = server.client().by_pat(name, secret)
    assert client.session.user_id == home.session.user_id
    assert run("token", *server.store_options(), "--user", "nobody-here", "--name", "x").returncode == 1


def test_backup_and_restore_while_serving(tmp_path):
    server = Server(data=tmp_path / "data", env=servers.RELAXED)
    try:
        org = Org(server, server.admin(), unique("backed"))
        before = org.admin.add_project(unique("Before"))
        backup = tmp_path / "backup.db"
        run("backup", backup, *server.store_options(), check=0)
        assert backup.stat().st_size > 1000 and not backup.stat().st_mode & stat.S_IRWXO
        after = org.admin.add_project(unique("After"))
        run("restore", backup, *server.store_options(), check=0)
        limit = time.monotonic() + 5
        while True:
            found = org.admin.ok("GET", f"{org.admin.site}/projects?pageSize=1000").doc["projects"]["project"]
            shown = {project["name"] for project in found}
            if after["name"] not in shown or time.monotonic() > limit:
                break
            time.sleep(0.1)
        assert before["name"] in shown and after["name"] not in shown
        assert org.jwt_reply(org.app.jwt(org.name("Creator"))).status == 200
        org.admin.add_project(unique("Later"))
    finally:
        server.stop()


def test_backup_of_postgres_is_for_its_own_tools(server, tmp_path):
    if server.engine != "postgres":
        pytest.skip("SQLite is copied by Easel itself")
    for command in ("backup", "restore"):
        done = run(command, tmp_path / "b", *server.store_options())
        assert done.returncode == 1 and "SQLite" in done.stderr
    assert not list(tmp_path.iterdir())


def test_restore_refuses_what_is_no_backup(tmp_path):
    server = Server(data=tmp_path / "data")
    try:
        for content in (b"", b"hello" * 1000, os.urandom(8192)):
            bad = tmp_path / "bad.db"
            bad.write_bytes(content)
            assert run("restore", bad, *server.store_options()).returncode == 1
        server.client().by_password("admin", server.admin_password)
    finally:
        server.stop()


def test_backup_is_whole_or_not_there(tmp_path):
    server = Server(data=tmp_path / "data")
    try:
        assert run("backup", tmp_path / "no" / "dir.db", *server.store_options()).returncode == 1
        run("backup", tmp_path / "b.db", *server.store_options(), check=0)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["b.db", "data"]
    finally:
        server.stop()


def test_rotate_key(engine, tmp_path):
    server = Server(engine, data=tmp_path / "data", env=servers.RELAXED)
    try:
        org = Org(server, server.admin(), unique("rotated"))
        key_file = pathlib.Path(server.data) / "secret.key"
        old = key_file.read_bytes()
        run("rotate-key", *server.store_options(), check=0)
        assert key_file.read_bytes() != old and key_file.stat().st_mode & 0o777 == 0o600
        database, server.database = server.database, None
        server.stop()
        again = Server(engine, data=tmp_path / "data", repository=server.repository, env=servers.RELAXED,
                       password=server.admin_password)
        again.database = database
    except BaseException:
        server.discard()
        raise
    try:
        org.server = again
        admin = Client(again.url, session=org.admin.session)
        shown = admin.ok("GET", admin.app_path(org.app, "secrets", org.app.keys[0].id))
        assert shown.doc["connectedApplicationSecret"]["value"] == org.app.keys[0].value
        assert org.jwt_reply(org.app.jwt(org.name("Creator"))).status == 200
    finally:
        again.stop()


def test_rotate_key_seals_connection_passwords(engine, tmp_path):
    server = Server(engine, data=tmp_path / "data", env=servers.RELAXED)
    try:
        admin = Client(server.url, session=server.admin().session)
        source = publish(admin, "datasource", datasource_xml())
        path = f"{admin.site}/datasources/{source['id']}/connections"
        found = admin.ok("GET", path).doc["connections"]["connection"][0]
        admin.ok("PUT", f"{path}/{found['id']}",
                 {"connection": {"password": "of the database", "embedPassword": True}})
        for _ in range(2):  # the second opens only what the first has sealed anew
            told = run("rotate-key", *server.store_options(), check=0).stdout
            assert told.startswith("sealed 1 secrets"), told
        kept = admin.ok("GET", path).doc["connections"]["connection"][0]
        assert kept["embedPassword"] is True
    finally:
        server.stop()
