"""Whoever knows an app's secret can sign in as any user of its site: rights end there."""

import pytest

from easel_client import unique

SCOPES = ["tableau:sites:*", "tableau:users:read"]


def new_site():
    return {"site": {"name": unique("Made"), "contentUrl": unique("made")}}


def signed_in_as_server_admin(org, app):
    token = app.jwt(org.server.admin_name, SCOPES)
    return org.server.client().by_jwt(token, org.content_url)


@pytest.mark.parametrize("role", ["SiteAdministratorCreator", "SiteAdministratorExplorer"])
def test_an_app_of_a_site_administrator_stays_on_its_site(org, role):
    app = org.as_role(role).make_signing_app()
    client = signed_in_as_server_admin(org, app)
    client.refused(403004, "POST", "/sites", new_site())
    client.ok("GET", f"{client.site}/users")  # as an administrator of the site


def test_an_app_of_a_server_administrator_carries_the_users_rights(org):
    client = signed_in_as_server_admin(org, org.app)
    assert client.call("POST", "/sites", new_site()).status == 201


def test_a_site_administrator_does_not_get_its_secrets(org):
    client = org.as_role("SiteAdministratorCreator")
    secrets = f"{client.site}/connected-apps/direct-trust/{org.app.client_id}/secrets"
    client.refused(403000, "GET", f"{secrets}/{org.app.keys[0].id}")
    client.refused(403000, "POST", secrets)
    own = client.make_signing_app()
    mine = f"{client.site}/connected-apps/direct-trust/{own.client_id}/secrets/{own.keys[0].id}"
    client.ok("GET", mine)


def test_disabling_ends_sessions_for_good_and_enabling_lets_new_ones_in(org):
    app = org.admin.make_signing_app()
    old = org.by_jwt(app=app)
    path = f"{org.admin.site}/connected-apps/direct-trust/{app.client_id}"
    for enabled in (False, True):
        org.admin.ok("PUT", path, {"connectedApplication": {"enabled": enabled}})
    old.refused(401002, "GET", f"{old.site}/projects")
    new = org.by_jwt(app=app)
    new.ok("GET", f"{new.site}/projects")
