"""Operations: health, metrics, logs, limits, slow clients, guesses at passwords, TLS."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import servers
from easel_client import Client, check_refusal, unique
from servers import Server


# ---------------------------------------------------------------- health and metrics
def test_health_and_ready(server):
    for path in ("//easel/v1/health", "//easel/v1/ready"):
        reply = server.client().call("GET", path)
        assert reply.status == 200, reply
        assert server.client().call("POST", path).status == 405


SAMPLE = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\.)*",?)*\})? '
                    r"(-?\d+(\.\d+)?([eE][+-]?\d+)?|NaN|[+-]Inf)( \d+)?$")


def metrics(server):
    reply = server.client().call("GET", "//easel/v1/metrics")
    assert reply.status == 200 and reply.type == "text/plain", reply
    return reply.body.decode()


def test_metrics(server, home):
    text = metrics(server)
    typed = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split(" ")[2:]
            assert kind in ("counter", "gauge", "histogram", "summary") and name not in typed
            typed.add(name)
        elif line and not line.startswith("#"):
            assert SAMPLE.match(line), line
            name = re.match(r"[a-zA-Z0-9_:]+", line).group()
            assert name in typed or re.sub(r"_(bucket|sum|count)$", "", name) in typed, line
    assert any("easel" in name for name in typed) and text.endswith("\n")


def test_metrics_count(server):
    def total():
        return sum(float(line.rsplit(" ", 1)[1]) for line in metrics(server).splitlines()
                   if re.match(r"easel_\w*requests\w*total", line))

    before = total()
    for _ in range(20):
        server.client().ok("GET", "/serverinfo")
    assert total() >= before + 20


# ---------------------------------------------------------------- request ids and logs
def test_request_id(server):
    seen = {server.client().call("GET", path).headers["X-Request-Id"]
            for path in ("/serverinfo", "/nowhere", "//easel/v1/health", "/serverinfo")}
    assert len(seen) == 4
    for request_id in seen:
        assert re.fullmatch(r"[\x21-\x7e]{8,64}", request_id)


def test_request_id_in_the_log(tmp_path):
    for form in ("text", "json"):
        server = Server(data=tmp_path / form, options=["--log-format", form, "--log-level", "debug"])
        try:
            reply = server.client().call("GET", "/serverinfo")
            request_id = reply.headers["X-Request-Id"]
            line = server.wait_line(lambda line: request_id in line and line, seconds=5)
            if form == "json":
                entry = json.loads(line)
                assert request_id in entry.values() and "easel: listening" not in line
        finally:
            server.stop()
        if form == "json":
            for line in server.err:
                if not line.startswith("easel: listening"):
                    json.loads(line)


def test_log_lines_cannot_be_forged(tmp_path):
    """Line ends in names and paths do not make lines of their own."""
    server = Server(data=tmp_path / "data", options=["--log-level", "debug"])
    try:
        server.client().sign_in_reply({"name": "x\nFORGED level=error", "password": "y", "site": {"contentUrl": ""}},
                                      fmt="json")
        server.client().call("GET", "/%0aFORGED%0a")
        server.client().call("GET", "/serverinfo")
    finally:
        server.stop()
    assert not [line for line in server.out + server.err if line.startswith("FORGED")]


# ---------------------------------------------------------------- limits
@pytest.fixture(scope="module")
def strict():
    running = Server(env={"EASEL_MAX_BODY": "64k", "EASEL_MAX_HEADER": "8k", "EASEL_REQUEST_TIMEOUT": "700ms",
                          "EASEL_IDLE_TIMEOUT": "700ms", "EASEL_SIGNIN_FAILURES": "3", "EASEL_SIGNIN_WINDOW": "2s"})
    yield running
    running.stop()


def test_body_limit(strict, fmt):
    client = strict.client(fmt=fmt)
    reply = client.call("POST", "/auth/signin", raw=b"<" + b"a" * 60_000)
    check_refusal(reply, 400000)
    reply = client.call("POST", "/auth/signin", raw=b"<" + b"a" * 70_000)
    check_refusal(reply, 413000)


def test_body_limit_of_chunks(strict):
    """A body without a length is counted as it comes."""
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    received = servers.exchange(strict, b"POST /api/3.29/auth/signin HTTP/1.1\r\nHost: x\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 40 + b"0\r\n\r\n", seconds=5)
    assert received == b"" or received.startswith(b"HTTP/1.1 413")


def test_length_beyond_the_limit_is_refused_before_the_body(strict):
    received = servers.exchange(strict, b"POST /api/3.29/auth/signin HTTP/1.1\r\nHost: x\r\n"
                                b"Content-Length: 999999999\r\n\r\n", seconds=5)
    assert received.startswith(b"HTTP/1.1 413")


HEADS = {
    "a little over": b"GET /api/3.29/serverinfo HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 9_000 + b"\r\n\r\n",
    "far over": b"GET /api/3.29/serverinfo HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 200_000 + b"\r\n\r\n",
    "many": b"GET /api/3.29/serverinfo HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 4000 + b"\r\n",
    "path a little over": b"GET /api/3.29/" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "path far over": b"GET /api/3.29/" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "never ending": b"GET /api/3.29/serverinfo HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 200_000,
}


@pytest.mark.parametrize("head", HEADS)
def test_header_limit(strict, head):
    """431 or 414 in the envelope of the API. What does not even fit into the memory that
    a connection has for its head is refused by the HTTP library in words of its own."""
    received = servers.exchange(strict, HEADS[head], seconds=5)
    assert not received or received[9:12] in (b"431", b"414"), received[:100]
    if "little" in head:
        status, body = received[9:12], received.partition(b"\r\n\r\n")[2]
        assert b'<error code="' + status + b"000" in body, body
    strict.client().ok("GET", "/serverinfo")


@pytest.mark.parametrize("begun", [b"", b"GET /api", b"GET /api/3.29/serverinfo HTTP/1.1\r\nHost: x\r\n",
                                   b"POST /api/3.29/auth/signin HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n<a"])
def test_slow_clients_are_cut(strict, begun):
    with socket.create_connection((strict.host, strict.port), timeout=10) as connection:
        connection.sendall(begun)
        started = time.monotonic()
        received = b""
        try:
            while block := connection.recv(65536):
                received += block
        except ConnectionError:
            pass
        assert time.monotonic() - started < 5
        assert received == b"" or received.startswith(b"HTTP/1.1 408"), received[:200]


def test_a_byte_now_and_then_does_not_help(strict):
    """The time is for the whole request, not for each byte."""
    with socket.create_connection((strict.host, strict.port), timeout=10) as connection:
        connection.sendall(b"GET /api/3.29/serverinfo HTTP/1.1\r\nHost: x\r\n")
        started = time.monotonic()
        try:
            while time.monotonic() - started < 6:
                connection.sendall(b"X: a\r\n")
                time.sleep(0.2)
                connection.settimeout(0.01)
                try:
                    if not connection.recv(65536):
                        break
                except TimeoutError:
                    pass
                connection.settimeout(10)
        except OSError:
            pass
        assert time.monotonic() - started < 5


# ---------------------------------------------------------------- guesses at passwords
def guess(server, name, source=None, password="wrong"):
    return server.client(source=source).sign_in_reply(
        {"name": name, "password": password, "site": {"contentUrl": ""}})


def test_limit_on_failed_sign_ins(strict):
    """By address and name: neither another name nor another address suffers."""
    name = unique("guessed")
    codes = [guess(strict, name).code for _ in range(6)]
    assert codes[:3] == ["401001"] * 3 and codes[-1] == "429000", codes
    reply = guess(strict, name)
    check_refusal(reply, 429000)
    assert int(reply.headers["Retry-After"]) >= 1
    assert guess(strict, unique("another")).code == "401001"
    assert guess(strict, name, source="127.0.0.2").code == "401001"
    limit = time.monotonic() + 10
    while guess(strict, name).code == "429000":
        assert time.monotonic() < limit
        time.sleep(0.2)


def test_limit_on_failed_sign_ins_at_once(strict):
    """Guesses at the same moment count before they are looked at, not after."""
    name, codes, gate = unique("stormed"), [], threading.Barrier(30)

    def one():
        gate.wait()
        codes.append(guess(strict, name, "127.0.0.6").code)

    threads = [threading.Thread(target=one) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {"401001", "429000"} and codes.count("401001") <= 3, codes


def test_the_right_password_does_not_pass_the_limit(strict):
    source = "127.0.0.3"
    for _ in range(4):
        guess(strict, "admin", source)
    assert guess(strict, "admin", source, strict.admin_password).code == "429000"
    assert guess(strict, "admin", "127.0.0.4", strict.admin_password).status == 200


def test_a_success_forgets_the_failures(strict):
    source = "127.0.0.5"
    for _ in range(3):
        assert [guess(strict, "admin", source).code for _ in range(2)] == ["401001"] * 2
        assert guess(strict, "admin", source, strict.admin_password).status == 200


# ---------------------------------------------------------------- TLS
def certificate(folder, name):
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


def served_certificate(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        with context.wrap_socket(connection) as secured:
            return ssl.DER_cert_to_PEM_cert(secured.getpeercert(True))


def test_tls_and_reload(tmp_path):
    cert, key = certificate(tmp_path, "first")
    server = Server(data=tmp_path / "data", options=["--tls-cert", cert, "--tls-key", key])
    try:
        assert server.url.startswith("https://")
        client = Client(server.url, verify=str(cert))
        client.ok("GET", "/serverinfo")
        client.by_password("admin", server.admin_password)
        first = served_certificate(server)
        assert first.strip() == cert.read_text().strip()
        second, second_key = certificate(tmp_path, "second")
        cert.write_bytes(second.read_bytes())
        key.write_bytes(second_key.read_bytes())
        server.process.send_signal(signal.SIGHUP)
        limit = time.monotonic() + 5
        while served_certificate(server) == first:
            assert time.monotonic() < limit
            time.sleep(0.1)
        assert served_certificate(server).strip() == second.read_text().strip()
        key.write_text("garbage")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        Client(server.url, verify=str(second)).ok("GET", "/serverinfo")
    finally:
        server.stop()


def test_old_tls_is_refused(tmp_path):
    cert, key = certificate(tmp_path, "first")
    server = Server(data=tmp_path / "data", options=["--tls-cert", cert, "--tls-key", key])
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, OSError)):
            with socket.create_connection((server.host, server.port), timeout=10) as connection:
                context.wrap_socket(connection)
        received = servers.exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", seconds=3)
        assert not received.startswith(b"HTTP/1.1 200")
        Client(server.url, verify=str(cert)).ok("GET", "/serverinfo")
    finally:
        server.stop()


@pytest.mark.parametrize("which", ["missing", "garbage", "of another"])
def test_tls_that_cannot_be(tmp_path, which):
    cert, key = certificate(tmp_path, "first")
    if which == "missing":
        key.unlink()
    elif which == "garbage":
        cert.write_text("garbage")
    else:
        key = certificate(tmp_path, "second")[1]
    done = servers.run("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key",
                       key, env={"EASEL_ADMIN_PASSWORD": "x" * 12})
    assert done.returncode in (1, 2) and done.stderr
    half = servers.run("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--tls-cert", cert,
                       env={"EASEL_ADMIN_PASSWORD": "x" * 12})
    assert half.returncode in (1, 2)


# ---------------------------------------------------------------- load
def test_peers_that_are_gone(tmp_path):
    """A client that sends and leaves does not hold its connection until a time-out."""
    server = Server(data=tmp_path / "data")
    request = b"GET /api/3.29/serverinfo HTTP/1.1\r\nHost: x\r\n\r\n"
    folder = f"/proc/{server.pid}/fd"
    try:
        before = len(os.listdir(folder))
        for sent in (request, request[:20], b"", request + request[:20]):
            for _ in range(50):
                with socket.create_connection((server.host, server.port), timeout=5) as connection:
                    connection.sendall(sent)
                    connection.shutdown(socket.SHUT_WR)
                    if sent == request:
                        connection.recv(65536)
        limit = time.monotonic() + 5
        while len(os.listdir(folder)) > before + 20:
            assert time.monotonic() < limit, f"{len(os.listdir(folder)) - before} are still open"
            time.sleep(0.1)
    finally:
        server.stop()


def test_connections_are_limited(tmp_path):
    """Beyond the limit new ones are turned away; those that were there go on."""
    server = Server(data=tmp_path / "data", env={"EASEL_MAX_CONNECTIONS": "20"})
    try:
        kept = Client(server.url)
        kept.ok("GET", "/serverinfo")
        held = []
        for _ in range(60):
            try:
                held.append(socket.create_connection((server.host, server.port), timeout=2))
            except OSError:
                break
        kept.ok("GET", "/serverinfo")
        for connection in held:
            connection.close()
        limit = time.monotonic() + 10
        while True:
            try:
                Client(server.url).ok("GET", "/serverinfo")
                break
            except OSError:
                assert time.monotonic() < limit
                time.sleep(0.1)
    finally:
        server.stop()
