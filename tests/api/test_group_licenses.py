"""What a group's minimum site role does to its members: raised at sign-in or when
they become members, and never lowered."""

import pytest

from easel_client import check_refusal, unique
from orgs import ROLES
from test_groups import add, group_path, make, many

RANK = {role: place for place, role in enumerate(ROLES)}  # from most to least


def role_of(org, user):
    return org.admin.ok("GET", f"{org.admin.site}/users/{user}").doc["user"]["siteRole"]


def update(org, group, **members):
    org.admin.ok("PUT", group_path(org.admin, group), {"group": members})


def sign_in(org, name, **options):
    return org.jwt_reply(org.app.jwt(name, **options))


def higher(a, b):
    return a if RANK[a] < RANK[b] else b


@pytest.mark.parametrize("own", ROLES)
def test_on_login(org, own):
    for minimum in ROLES:
        user, name = org.admin.add_user(role=own)
        make(org.admin, users=[user], minimumSiteRole=minimum)
        assert role_of(org, user) == own
        reply, wanted = sign_in(org, name), higher(own, minimum)
        if wanted == "Unlicensed":
            check_refusal(reply, 401001)
        else:
            assert reply.status == 200, (own, minimum, reply)
        assert role_of(org, user) == wanted, (own, minimum)
        if wanted != "Unlicensed":  # and again: nothing more happens
            assert sign_in(org, name).status == 200 and role_of(org, user) == wanted


@pytest.mark.parametrize("own", ROLES)
def test_on_sync(org, own):
    for minimum in ROLES:
        user, _ = org.admin.add_user(role=own)
        group = make(org.admin, minimumSiteRole=minimum, grantLicenseMode="onSync")
        shown = add(org.admin, group, user).doc["user"]
        assert shown["siteRole"] == role_of(org, user) == higher(own, minimum), (own, minimum)


def test_the_highest_of_all_groups(org):
    user, name = org.admin.add_user(role="Unlicensed")
    for minimum in ("Viewer", "Creator", "Unlicensed", "Explorer"):
        make(org.admin, users=[user], minimumSiteRole=minimum)
    make(org.admin, minimumSiteRole="SiteAdministratorCreator")  # does not hold the user
    make(org.admin, users=[user])
    assert sign_in(org, name).status == 200 and role_of(org, user) == "Creator"


def test_what_no_longer_holds_grants_nothing(org):
    """Left, lost by deletion, lowered, moved to the other mode: the next best counts."""
    admin, (user, name) = org.admin, org.admin.add_user(role="Unlicensed")
    left, deleted, lowered, moved = (
        make(admin, users=[user], minimumSiteRole=role)
        for role in ("SiteAdministratorCreator", "SiteAdministratorExplorer", "Creator",
                     "ExplorerCanPublish"))
    make(admin, users=[user], minimumSiteRole="Viewer")
    admin.ok("DELETE", group_path(admin, left, "users", user), status=204)
    admin.ok("DELETE", group_path(admin, deleted), status=204)
    update(org, lowered, minimumSiteRole="Explorer")
    update(org, moved, minimumSiteRole="Unlicensed", grantLicenseMode="onSync")
    assert role_of(org, user) == "Unlicensed"
    assert sign_in(org, name).status == 200 and role_of(org, user) == "Explorer"


def test_nothing_left_grants_nothing(org):
    admin, (user, name) = org.admin, org.admin.add_user(role="Unlicensed")
    groups = [make(admin, minimumSiteRole="Viewer") for _ in range(3)]
    for group in groups:
        admin.ok("POST", group_path(admin, group, "users"), many(user))
    admin.ok("PUT", group_path(admin, groups[0], "users", "remove"), many(user), 204)
    admin.ok("DELETE", group_path(admin, groups[1]), status=204)
    update(org, groups[2], minimumSiteRole="Unlicensed")
    check_refusal(sign_in(org, name), 401001)
    assert role_of(org, user) == "Unlicensed"


def test_a_minimum_that_comes_later(org):
    admin, (user, name) = org.admin, org.admin.add_user(role="Unlicensed")
    other, _ = admin.add_user(role="Creator")
    group = make(admin, users=[user, other])
    check_refusal(sign_in(org, name), 401001)
    update(org, group, minimumSiteRole="Explorer")
    assert role_of(org, user) == "Unlicensed"
    assert sign_in(org, name).status == 200 and role_of(org, user) == "Explorer"
    update(org, group, minimumSiteRole="ExplorerCanPublish", grantLicenseMode="onSync")
    assert role_of(org, user) == "ExplorerCanPublish" and role_of(org, other) == "Creator"
    update(org, group, minimumSiteRole="Viewer")
    assert role_of(org, user) == "ExplorerCanPublish"


def test_each_way_of_signing_in(server, org):
    """JWT, password of another who acts for the user, and a switch of sites."""
    admin, home = org.admin, server.admin()
    for way in ("jwt", "impersonation"):
        user, name = admin.add_user(role="Unlicensed")
        if way == "impersonation":
            reply = server.client().sign_in_reply(
                {"name": server.admin_name, "password": server.admin_password,
                 "site": {"contentUrl": org.content_url}, "user": {"id": user}})
            check_refusal(reply, 401001)
        make(admin, users=[user], minimumSiteRole="Viewer")
        if way == "jwt":
            assert sign_in(org, name).status == 200
        else:
            server.client().by_password(server.admin_name, server.admin_password, org.content_url, user)
        assert role_of(org, user) == "Viewer", way
    home.ok("POST", "/auth/signout", status=204)


def test_the_session_has_the_role_that_was_granted(org):
    user, name = org.admin.add_user(role="Viewer")
    make(org.admin, users=[user], minimumSiteRole="SiteAdministratorExplorer")
    client = org.server.client().by_jwt(org.app.jwt(name, ["tableau:groups:create"]), org.content_url)
    made = client.ok("POST", group_path(client), {"group": {"name": unique("mine")}}, 201)
    assert made.doc["group"]["id"]


def test_roles_are_never_lowered_by_leaving(org):
    admin, (user, name) = org.admin, org.admin.add_user(role="Viewer")
    group = make(admin, users=[user], minimumSiteRole="Creator")
    assert sign_in(org, name).status == 200 and role_of(org, user) == "Creator"
    admin.ok("DELETE", group_path(admin, group, "users", user), status=204)
    assert sign_in(org, name).status == 200 and role_of(org, user) == "Creator"


def test_groups_of_one_site_grant_nothing_on_another(org, other):
    """One person on two sites: each site's groups count there alone."""
    _, name = org.admin.add_user(role="Unlicensed")
    there, _ = other.admin.add_user(name, role="Unlicensed")
    make(other.admin, users=[there], minimumSiteRole="Creator")
    check_refusal(sign_in(org, name), 401001)
    assert other.jwt_reply(other.app.jwt(name)).status == 200
    assert role_of(other, there) == "Creator"
