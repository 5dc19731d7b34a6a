"""Starts and stops Easel for the tests."""

import json
import os
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
import time

from easel_client import Client
from schema import ROOT

BINARY = os.environ.get("EASEL_BINARY") or str(ROOT / "build" / "easel")
POSTGRES = os.environ.get("EASEL_TEST_POSTGRES")
SANITIZER = re.compile(r"ERROR: AddressSanitizer|runtime error:|LeakSanitizer|"
                       r"ThreadSanitizer|== Invalid (read|write)")
START_SECONDS = 20

# Settings of the shared servers: the suite fails sign-ins by the hundred.
RELAXED = {"EASEL_SIGNIN_FAILURES": "0"}


def run(*arguments, check=None, stdin=None, env=None, timeout=60):
    """Runs the binary; `check` is the exit code it must have."""
    done = subprocess.run([BINARY, *map(str, arguments)], input=stdin, capture_output=True,
                          text=True, timeout=timeout, env=environment(env))
    assert not SANITIZER.search(done.stderr), done.stderr
    if check is not None:
        assert done.returncode == check, (arguments, done.returncode, done.stdout, done.stderr)
    return done


def environment(more=None):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
    # Freed memory that the sanitizer holds back would look like a leak in test_hostile.
    clean["ASAN_OPTIONS"] = clean.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"
    clean.update(more or {})
    return clean


def sanitized():
    """True where the binary carries a sanitizer (memory and time bounds differ)."""
    with open(BINARY, "rb") as file:
        return b"__asan_init" in file.read()


class Process:
    """A running `easel`, its output collected line by line."""

    def __init__(self, arguments, env=None):
        self.out, self.err = [], []
        self.process = subprocess.Popen([BINARY, *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                                        errors="replace", env=environment(env))
        self._news = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in
                         ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, lines):
        for line in stream:
            with self._news:
                lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_line(self, wanted, seconds=START_SECONDS):
        """First line of either stream for which wanted(line) is true; its value."""
        limit = time.monotonic() + seconds
        with self._news:
            while True:
                for line in self.out + self.err:
                    value = wanted(line)
                    if value:
                        return value
                left = limit - time.monotonic()
                dead = self.process.poll() is not None and not any(
                    reader.is_alive() for reader in self._readers)
                assert left > 0 and not dead, f"no such line:\n{self.text()}"
                self._news.wait(min(left, 0.5))

    def text(self):
        return "\n".join(["stdout:", *self.out, "stderr:", *self.err])

    @property
    def pid(self):
        return self.process.pid

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def finish(self, seconds=60):
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def stop(self, sig=signal.SIGTERM):
        """Ends by a signal; a clean end is exit code 0 and no word of a sanitizer."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        code = self.finish()
        assert not SANITIZER.search("\n".join(self.err)), self.text()
        assert code == 0, f"exit code {code}\n{self.text()[-8000:]}"


class Server(Process):
    """`easel serve` on a data directory of its own, or on one given."""

    def __init__(self, engine="sqlite", data=None, options=(), env=None, password=None,
                 repository=None):
        self.engine = engine
        self.owned = None
        if data is None:
            self.owned = tempfile.TemporaryDirectory(prefix="easel-test-")
            data = self.owned.name
        self.data = str(data)
        self.admin_name, self.admin_password = "admin", password or secrets.token_urlsafe(12)
        self.database = None
        self.repository = repository
        if engine == "postgres" and not repository:
            self.database = Database()
            self.repository = self.database.url
        arguments = ["serve", "--data", self.data, "--listen", "127.0.0.1:0", *options]
        if self.repository:
            arguments += ["--repository", self.repository]
        super().__init__(arguments, {"EASEL_ADMIN_PASSWORD": self.admin_password, **(env or {})})
        found = self.wait_line(lambda line: re.search(
            r"easel: listening on (https?)://([^:]+):(\d+)", line))
        self.scheme, self.host, self.port = found.group(1), found.group(2), int(found.group(3))
        self.url = f"{self.scheme}://{self.host}:{self.port}"

    def store_options(self):
        """Options that lead a command of the binary to this server's repository."""
        return (["--data", self.data] +
                (["--repository", self.repository] if self.repository else []))

    def client(self, **options):
        return Client(self.url, **options)

    def admin(self, site="", **options):
        return self.client(**options).by_password(self.admin_name, self.admin_password, site)

    def stop(self, sig=signal.SIGTERM):
        try:
            super().stop(sig)
        finally:
            self.discard()

    def followed(self, env=None):
        """Stops, and starts another process on the same data and repository."""
        owned, self.owned = self.owned, None
        database, self.database = self.database, None
        self.stop()
        other = Server(self.engine, self.data, env=env, password=self.admin_password,
                       repository=self.repository)
        other.owned, other.database = owned, database
        return other

    def discard(self):
        if self.process.poll() is None:
            self.kill()
        if self.database:
            self.database.drop()
            self.database = None
        if self.owned:
            self.owned.cleanup()
            self.owned = None


class Dev(Process):
    """`easel dev`: everything known from the first line of stdout."""

    def __init__(self, *options, env=None):
        super().__init__(["dev", *options], env)
        self.info = json.loads(self.wait_line(lambda line: line.startswith("{") and line))
        assert self.out[0].startswith("{"), self.text()
        self.url = self.info["url"]

    def client(self, **options):
        return Client(self.url, **options)

    def admin(self, **options):
        return self.client(**options).by_password(
            self.info["adminName"], self.info["adminPassword"], self.info["siteContentUrl"])


class Database:
    """A fresh PostgreSQL database, dropped at the end."""

    def __init__(self):
        self.name = "easel_test_" + secrets.token_hex(6)
        self._run(f'CREATE DATABASE "{self.name}"')
        base, _, query = POSTGRES.partition("?")
        scheme, _, rest = base.partition("://")
        self.url = f"{scheme}://{rest.split('/')[0]}/{self.name}" + (f"?{query}" if query else "")

    def drop(self):
        self._run(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    @staticmethod
    def _run(statement):
        try:
            import psycopg2
        except ImportError:
            subprocess.run(["psql", POSTGRES, "-qAt", "-v", "ON_ERROR_STOP=1", "-c", statement],
                           check=True, capture_output=True)
            return
        connection = psycopg2.connect(POSTGRES)
        connection.autocommit = True
        connection.cursor().execute(statement)
        connection.close()


def answers_in(received):
    """How many whole answers of HTTP stand in these bytes."""
    count = 0
    while True:
        head, found, rest = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not found or not length or len(rest) < int(length.group(1)):
            return count
        received = rest[int(length.group(1)):]
        count += 1


def exchange(server, data, seconds=10, close=False, answers=1):
    """Sends bytes over a plain socket; what comes back until so many answers are
    whole, the server closes or the time is over."""
    with socket.create_connection((server.host, server.port), timeout=seconds) as connection:
        received = b""
        try:
            connection.sendall(data)
            if close:
                connection.shutdown(socket.SHUT_WR)
            while answers_in(received) < answers:
                block = connection.recv(65536)
                if not block:
                    break
                received += block
        except (ConnectionError, TimeoutError):
            pass
        return received


def kept(engine, env):
    """For a fixture to yield from: a server that is stopped after its tests, and then
    must have ended well."""
    running = Server(engine, env=env)
    try:
        yield running
    except BaseException:
        running.discard()
        raise
    running.stop()
