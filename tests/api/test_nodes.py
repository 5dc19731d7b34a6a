"""Two servers on one repository: what ends on one has ended on both, and what may
happen once happens once.
"""

import pathlib
import threading
import time

import pytest

import servers
from content_samples import closed_project, publish_workbook, views_of
from easel_client import Client, check_refusal, unique
from orgs import Org


class Nodes:
    """Two nodes, the same clients on either."""

    def __init__(self, one, two):
        self.one, self.two = one, two
        self.org = Org(one, one.admin(), unique("nodes"))

    def on_two(self, client):
        return Client(self.two.url, session=client.session)

    def ended_on_two(self, client):
        """The session ends there, too, within a moment."""
        there, limit = self.on_two(client), time.monotonic() + 3
        while there.call("GET", "/sessions/current").code != "401002":
            assert time.monotonic() < limit, "the session lives on"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    if not servers.POSTGRES:
        pytest.skip("EASEL_TEST_POSTGRES is not set")
    one = servers.Server("postgres", env=servers.RELAXED)
    try:
        key = (pathlib.Path(one.data) / "secret.key").read_text().strip()
        two = servers.Server("postgres", data=tmp_path_factory.mktemp("two"), repository=one.repository,
                             password=one.admin_password,
                             env={**servers.RELAXED, "EASEL_SECRET_KEY": key})
    except BaseException:
        one.discard()
        raise
    try:
        yield Nodes(one, two)
        two.stop()
        one.stop()
    finally:
        two.discard()
        one.discard()


def warm(nodes, client):
    """Both nodes know the session by heart."""
    for _ in range(3):
        client.ok("GET", f"{client.site}/projects")
        nodes.on_two(client).ok("GET", f"{client.site}/projects")


def test_a_session_is_good_on_both(nodes):
    client = nodes.org.by_jwt("Creator")
    warm(nodes, client)
    secret = nodes.on_two(nodes.org.admin).ok("GET", nodes.org.admin.app_path(
        nodes.org.app, "secrets", nodes.org.app.keys[0].id)).doc["connectedApplicationSecret"]
    assert secret["value"] == nodes.org.app.keys[0].value


def test_sign_out_holds_on_both(nodes):
    client = nodes.org.by_jwt("Creator")
    warm(nodes, client)
    client.ok("POST", "/auth/signout")
    nodes.ended_on_two(client)


@pytest.mark.parametrize("what", ["delete the app", "disable the app", "delete the secret"])
def test_the_end_of_an_app_holds_on_both(nodes, what):
    org = nodes.org
    app = org.admin.make_signing_app()
    client = org.by_jwt("Creator", app=app)
    warm(nodes, client)
    if what == "delete the app":
        org.admin.ok("DELETE", org.admin.app_path(app))
    elif what == "disable the app":
        org.admin.ok("PUT", org.admin.app_path(app), {"connectedApplication": {"enabled": False}})
    else:
        org.admin.ok("DELETE", org.admin.app_path(app, "secrets", app.keys[0].id))
    nodes.ended_on_two(client)
    limit = time.monotonic() + 3
    while True:
        reply = nodes.two.client().sign_in_reply(
            {"jwt": app.jwt(org.name("Creator")), "site": {"contentUrl": org.content_url}})
        if reply.status != 200:
            break
        assert time.monotonic() < limit, "the app still signs in on the other node"
        time.sleep(0.02)
    check_refusal(reply, 401001)


def at_once(count, act):
    """act(number) in so many threads at the same moment; their results."""
    results, gate = [], threading.Barrier(count)

    def one(number):
        gate.wait()
        results.append(act(number))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_jti_is_used_once_on_both(nodes):
    for _ in range(3):
        token = nodes.org.app.jwt(nodes.org.name("Creator"))

        def sign_in(number, token=token):
            node = nodes.one if number % 2 else nodes.two
            return node.client().sign_in_reply(
                {"jwt": token, "site": {"contentUrl": nodes.org.content_url}}).status

        assert sorted(at_once(16, sign_in)) == [200] + [401] * 15


def test_two_secrets_at_most_on_both(nodes):
    app = nodes.org.admin.make_app()

    def add(number):
        client = nodes.org.admin.twin(nodes.org.admin.session) if number % 2 else \
            nodes.on_two(nodes.org.admin)
        return client.call("POST", client.app_path(app, "secrets")).code

    assert sorted(at_once(10, add), key=str) == ["400144"] * 8 + [None] * 2


def test_names_are_unique_on_both(nodes):
    name = unique("same")

    def add(number):
        client = nodes.org.admin.twin(nodes.org.admin.session) if number % 2 else \
            nodes.on_two(nodes.org.admin)
        return client.call("POST", f"{client.site}/projects", {"project": {"name": name}}).code

    assert sorted(at_once(10, add), key=str) == ["409006"] * 9 + [None]


def test_looks_on_both_count(nodes):
    """Whoever looks where, and whatever is published and deleted meanwhile."""
    admin = nodes.org.admin
    project = closed_project(admin)
    books = [publish_workbook(admin, project, name=unique(f"book {n}")) for n in range(4)]
    views = [view["id"] for book in books[:2] for view in views_of(admin, book["id"]).values()]
    rounds = 20

    def client_of(number):
        return admin.twin(admin.session) if number % 2 else nodes.on_two(admin)

    def act(number):
        client = client_of(number)
        if number >= 4:
            book = books[number - 2]
            for _ in range(rounds // 4):
                publish_workbook(client, project, name=book["name"], query="?overwrite=true")
            client.ok("DELETE", f"{client.site}/workbooks/{book['id']}", status=204)
            return
        for _ in range(rounds):
            for view in views if number < 2 else reversed(views):
                client.ok("GET", f"{client.site}/views/{view}")
            for book in books[2:]:
                client.call("GET", f"{client.site}/workbooks/{book['id']}")

    assert at_once(6, act) == [None] * 6
    wanted, limit = 4 * rounds, time.monotonic() + 10
    for view in views:
        url = f"//api/-/content/usage-stats/views/{view}"
        while client_of(1).call("GET", url, fmt="json").doc["hitsTotal"] != wanted:
            assert time.monotonic() < limit
            time.sleep(0.05)
        assert client_of(0).call("GET", url, fmt="json").doc["hitsTotal"] == wanted
