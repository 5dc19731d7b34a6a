"""A site with one user of each role and a connected app with a secret."""

from easel_client import unique

ROLES = ("SiteAdministratorCreator", "SiteAdministratorExplorer", "Creator", "ExplorerCanPublish",
         "Explorer", "Viewer", "Unlicensed")


class Org:
    def __init__(self, server, home, content_url):
        self.server = server
        self.content_url = content_url
        self.site_id = home.ok("POST", "/sites", {"site": {
            "name": content_url.title(), "contentUrl": content_url}}, 201).doc["site"]["id"]
        self.admin = server.admin(content_url)
        self.users = {}  # role -> (id, name)
        for role in ROLES:
            self.users[role] = self.admin.add_user(unique(role.lower()), role)
        self.app = self.admin.make_signing_app()
        self._as = {}

    def user(self, role):
        return self.users[role][0]

    def name(self, role):
        return self.users[role][1]

    def as_role(self, role):
        """A session without scopes of the user of that role (impersonation), kept."""
        if role not in self._as:
            self._as[role] = self.fresh(role)
        return self._as[role]

    def fresh(self, role):
        return self.server.client().by_password(
            self.server.admin_name, self.server.admin_password, self.content_url,
            user=self.user(role))

    def by_jwt(self, role="SiteAdministratorCreator", scopes=("tableau:content:read",), app=None,
               **changes):
        app = app or self.app
        return self.server.client().by_jwt(app.jwt(self.name(role), scopes, **changes),
                                           self.content_url)

    def jwt_reply(self, jwt, **options):
        return self.server.client().sign_in_reply(
            {"jwt": jwt, "site": {"contentUrl": self.content_url}}, **options)
