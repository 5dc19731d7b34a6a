"""Recently viewed: what a user read, newest first, as far as it may still be read."""

import pytest

from content_samples import closed_project, publish_workbook, views_of
from easel_client import unique


def recents(client):
    """[(kind, id)], newest first."""
    doc = client.ok("GET", f"{client.site}/content/recent").doc
    return [(kind, item["id"]) for entry in doc["recents"].get("recent", [])
            for kind, item in entry.items()]


@pytest.fixture
def person(org):
    user, _ = org.admin.add_user(unique("reader"), "SiteAdministratorExplorer")
    return org.server.client().by_password(org.server.admin_name, org.server.admin_password,
                                           org.content_url, user=user)


@pytest.fixture
def project(org):
    return closed_project(org.admin)


def test_newest_first(org, project, person, fmt):
    client = person.twin(person.session, fmt=fmt)
    assert recents(client) == []
    first = publish_workbook(org.admin, project)
    second = publish_workbook(org.admin, project)
    view = views_of(org.admin, first["id"])["Detail"]["id"]

    def read(kind, item):
        client.ok("GET", f"{client.site}/{kind}s/{item}")
        return kind, item

    a = read("workbook", first["id"])
    b = read("view", view)
    c = read("workbook", second["id"])
    assert recents(client) == [c, b, a]
    read(*a)
    assert recents(client) == [a, c, b], "each once, as it was read last"
    read(*c)
    read(*b)
    read(*c)
    assert recents(client) == [c, b, a]
    client.ok("GET", f"{client.site}/workbooks/{first['contentUrl']}?key=contentUrl")
    assert recents(client) == [a, c, b]
    assert recents(org.as_role("SiteAdministratorCreator")) == [], "each user has its own"


def test_lists_and_refusals_are_no_looks(org, project, person):
    workbook = publish_workbook(org.admin, project)["id"]
    viewer = org.as_role("Viewer")
    viewer.refused(403004, "GET", f"{viewer.site}/views/"
                   f"{views_of(org.admin, workbook)['Overview']['id']}")
    assert recents(viewer) == []
    person.ok("GET", f"{person.site}/workbooks")
    person.ok("GET", f"{person.site}/workbooks/{workbook}/views")
    assert recents(person) == []


def test_what_is_gone_or_closed_is_left_out(org, project):
    admin, viewer = org.admin, org.as_role("Explorer")
    one, two = (publish_workbook(admin, project)["id"] for _ in range(2))
    rules = {"permissions": {"granteeCapabilities": [
        {"user": {"id": org.user("Explorer")}, "capabilities": {
            "capability": [{"name": "Read", "mode": "Allow"}]}}]}}
    for workbook in (one, two):
        admin.ok("PUT", f"{admin.site}/workbooks/{workbook}/permissions", rules)
        viewer.ok("GET", f"{viewer.site}/workbooks/{workbook}")
    assert recents(viewer) == [("workbook", two), ("workbook", one)]
    admin.ok("DELETE", f"{admin.site}/workbooks/{two}/permissions/users/"
             f"{org.user('Explorer')}/Read/Allow", status=204)
    assert recents(viewer) == [("workbook", one)]
    admin.ok("DELETE", f"{admin.site}/workbooks/{one}", status=204)
    assert recents(viewer) == []


def test_they_are_bounded(org, project, person):
    sheets = [f"Sheet {n}" for n in range(60)]
    workbook = publish_workbook(org.admin, project, sheets)["id"]
    views = views_of(org.admin, workbook)
    for name in sheets:
        person.ok("GET", f"{person.site}/views/{views[name]['id']}")
    assert recents(person) == [("view", views[name]["id"]) for name in reversed(sheets[10:])]
