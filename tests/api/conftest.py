"""Servers and organisations for the tests.

One server for each engine serves all tests that do not need one of their own;
they keep apart by sites, users and apps with names of their own.
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import servers  # noqa: E402
from easel_client import unique  # noqa: E402
from orgs import Org  # noqa: E402


def pytest_configure(config):
    if not os.access(servers.BINARY, os.X_OK):
        raise pytest.UsageError(f"{servers.BINARY} is not there: build it, or set EASEL_BINARY")


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def engine(request):
    if request.param == "postgres" and not servers.POSTGRES:
        pytest.skip("EASEL_TEST_POSTGRES is not set")
    return request.param


@pytest.fixture(scope="session")
def server(engine):
    """The shared server; limits on failed sign-ins are lifted (test_ops has them)."""
    yield from servers.kept(engine, servers.RELAXED)


@pytest.fixture(scope="session")
def dev():
    running = servers.Dev(env=servers.RELAXED)
    yield running
    running.stop()


@pytest.fixture(params=["xml", "json"])
def fmt(request):
    return request.param


@pytest.fixture(scope="session")
def home(server):
    """The server administrator on the default site."""
    return server.admin()


@pytest.fixture(scope="module")
def org(server, home):
    """A site of this module's own."""
    return Org(server, home, unique("site"))


@pytest.fixture(scope="module")
def other(server, home):
    """Another site, to see that nothing crosses over."""
    return Org(server, home, unique("other"))
