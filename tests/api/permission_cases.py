"""Cases for the evaluation of permissions, made at random from a seed, and built on a
server.

A world is the people of a site; a case is a small hierarchy of projects with owners,
rules and locks. Cases name people by the names of their world; `Built` knows the ids
that the server gave them. Types of content join by a maker of their own beside
`random_projects`.
"""

from easel_client import unique
from permission_model import ALL_USERS, Project, Rule, World

ADMIN = "admin"  # the server administrator, who builds and owns what no one else does
# name -> site role; two of those whose rights rules decide.
PEOPLE = {
    "creator1": "Creator", "creator2": "Creator", "publisher1": "ExplorerCanPublish",
    "publisher2": "ExplorerCanPublish", "explorer1": "Explorer", "explorer2": "Explorer",
    "viewer1": "Viewer", "viewer2": "Viewer", "site1": "SiteAdministratorExplorer",
    "site2": "SiteAdministratorCreator", "none1": "Unlicensed",
}
GROUPS, SETS = ("g1", "g2", "g3", "g4"), ("s1", "s2")
LOCKS = ("ManagedByOwner", "ManagedByOwner", "LockedToProject", "LockedToProjectWithoutNested")


def random_world(random):
    people = list(PEOPLE)
    return World({ADMIN: "ServerAdministrator", **PEOPLE},
                 {group: set(random.sample(people, random.randint(0, 6))) for group in GROUPS},
                 {name: set(random.sample((*GROUPS, ALL_USERS), random.randint(0, 3)))
                  for name in SETS})


def random_rules(random):
    """Up to five rules, at most one for a grantee and a capability."""
    rules = {}
    for _ in range(random.randint(0, 5)):
        kind = random.choice(("user", "user", "group", "group", "groupSet", "all"))
        kind, grantee = ("group", ALL_USERS) if kind == "all" else (kind, random.choice(
            {"user": list(PEOPLE), "group": GROUPS, "groupSet": SETS}[kind]))
        capability = random.choice(("Read", "Read", "Read", "Write", "ProjectLeader"))
        mode = "Allow" if capability == "ProjectLeader" else random.choice(("Allow", "Deny"))
        rules[kind, grantee, capability] = Rule(kind, grantee, capability, mode)
    return list(rules.values())


def random_projects(random):
    """A hierarchy of one to five projects, parents before children."""
    projects = []
    for _ in range(random.randint(1, 5)):
        parent = random.choice(projects[-2:]) if projects else None
        owner = random.choice(list(PEOPLE)) if random.random() < 0.3 else ADMIN
        if PEOPLE.get(owner) == "Unlicensed":
            owner = ADMIN
        projects.append(Project(unique("case"), parent, owner, random.choice(LOCKS),
                                random_rules(random)))
    return projects


def show(projects):
    """A case as text, for a failure."""
    lines = []
    for project in projects:
        lines.append("  " * len(project.above()) +
                     f"{project.name} owner={project.owner} {project.lock}")
        lines += ["  " * len(project.above()) + f"  - {rule.mode} {rule.capability} {rule.kind} "
                  f"{rule.grantee}" for rule in project.rules]
    return "\n".join(lines)


class Built:
    """A world on a site of its own."""

    def __init__(self, server, home, world):
        self.server, self.world = server, world
        self.content_url = unique("table")
        home.ok("POST", "/sites", {"site": {"name": self.content_url.title(),
                                            "contentUrl": self.content_url}}, 201)
        self.admin = server.admin(self.content_url)
        self.ids = {("user", ADMIN): self.admin.session.user_id}
        self.projects = {}  # name -> id
        self._forget_what_all_users_may()
        self._people()
        self._sessions = {}

    def _people(self):
        post = self.admin.ok
        site, ids = self.admin.site, self.ids
        for name, role in PEOPLE.items():
            ids["user", name] = self.admin.add_user(unique(name), role)[0]
        for name, members in self.world.groups.items():
            ids["group", name] = post("POST", f"{site}/groups", {"group": {"name": unique(name)}},
                                      201).doc["group"]["id"]
            for member in sorted(members):
                post("POST", f"{site}/groups/{ids['group', name]}/users",
                     {"user": {"id": ids["user", member]}})
        for name, groups in self.world.sets.items():
            ids["groupSet", name] = post("POST", f"{site}/groupsets",
                                         {"groupSet": {"name": unique(name)}},
                                         201).doc["groupSet"]["id"]
            for group in sorted(groups):
                post("PUT", f"{site}/groupsets/{ids['groupSet', name]}/groups/{ids['group', group]}")

    def _forget_what_all_users_may(self):
        """Projects begin with the rules of the default project: it is left with none."""
        listed = self.admin.ok("GET", f"{self.admin.site}/projects").doc["projects"]["project"]
        path = f"{self.admin.site}/projects/{listed[0]['id']}/permissions"
        for rule in self.admin.ok("GET", path).doc["permissions"]["granteeCapabilities"]:
            self.ids["group", ALL_USERS] = rule["group"]["id"]
            for capability in rule["capabilities"]["capability"]:
                self.admin.ok("DELETE", f"{path}/groups/{rule['group']['id']}/{capability['name']}/"
                              f"{capability['mode']}")


    def as_user(self, name):
        """A session of that user, kept."""
        if name == ADMIN:
            return self.admin
        if name not in self._sessions:
            self._sessions[name] = self.server.client().by_password(
                self.server.admin_name, self.server.admin_password, self.content_url,
                user=self.ids["user", name])
        return self._sessions[name]

    def path(self, project, *rest):
        return "/".join([f"{self.admin.site}/projects/{self.projects[project.name]}", *rest])

    def build(self, projects):
        """The projects first, then rules and owners, then locks from the inside out: so
        that no project begins with the rules of another and none is locked too early."""
        for project in projects:
            members = {"parentProjectId": self.projects[project.parent.name]} if project.parent \
                else {}
            self.projects[project.name] = self.admin.add_project(project.name, **members)["id"]
        for project in projects:
            self.add_rules(project)
        for project in reversed(projects):
            changes = {}
            if project.owner != ADMIN:
                changes["owner"] = {"id": self.ids["user", project.owner]}
            if project.lock != "ManagedByOwner":
                changes["contentPermissions"] = project.lock
            if changes:
                self.admin.ok("PUT", self.path(project), {"project": changes})

    def add_rules(self, project):
        if project.rules:
            self.admin.ok("PUT", self.path(project, "permissions"), {"permissions": {
                "granteeCapabilities": [self.rule(rule) for rule in project.rules]}})

    def rule(self, rule):
        return {rule.kind: {"id": self.ids[rule.kind, rule.grantee]}, "capabilities": {
            "capability": [{"name": rule.capability, "mode": rule.mode}]}}
