"""Who may do what with a project: the evaluation rules once more, slow and obvious.

Written from the rules of docs/permissions.md and section 5 of the resources of the
REST API alone, each question asked anew from the bottom, so that it can be held
against what the server answers.
"""

from dataclasses import dataclass, field

ADMINISTRATORS = ("ServerAdministrator", "SiteAdministratorCreator", "SiteAdministratorExplorer")
# The most that a site role may hold on a project. "Lead" stands for what no rule
# gives by its name: to change it, to set permissions.
EVERYTHING = {"Read", "Write", "ProjectLeader", "Lead"}
CEILING = {
    **dict.fromkeys(ADMINISTRATORS, EVERYTHING),
    "Creator": EVERYTHING,
    "ExplorerCanPublish": EVERYTHING,
    "Explorer": {"Read"},
    "Viewer": {"Read"},
    "Unlicensed": set(),
}
ALL_USERS = "all"  # the group that everyone is in


@dataclass
class World:
    """The people of a site."""
    users: dict   # name -> site role
    groups: dict  # name -> set of users
    sets: dict    # name -> set of groups

    def members(self, kind, grantee):
        if kind == "user":
            return {grantee}
        if kind == "groupSet":
            return set().union(*(self.members("group", group) for group in self.sets[grantee]))
        return set(self.users) if grantee == ALL_USERS else self.groups[grantee]


@dataclass
class Rule:
    kind: str  # user, group, groupSet
    grantee: str
    capability: str
    mode: str  # Allow, Deny


@dataclass
class Project:
    name: str
    parent: "Project" = None
    owner: str = "admin"
    lock: str = "ManagedByOwner"
    rules: list = field(default_factory=list)

    def above(self):
        """The projects that it is nested in, the nearest first."""
        return [] if self.parent is None else [self.parent, *self.parent.above()]


def controlling(project):
    """The highest project above whose lock takes in what is nested; None: there is none."""
    locked = [above for above in project.above() if above.lock == "LockedToProject"]
    return locked[-1] if locked else None


def decides(modes):
    """Deny wins over Allow; nothing set decides nothing."""
    return "Deny" if "Deny" in modes else "Allow" if modes else None


def ruled(world, user, project, capability):
    """What the rules say: Allow, Deny or None."""
    rules = [rule for rule in (controlling(project) or project).rules
             if rule.capability == capability and user in world.members(rule.kind, rule.grantee)]
    own = decides([rule.mode for rule in rules if rule.kind == "user"])
    return own or decides([rule.mode for rule in rules if rule.kind != "user"])


def is_administrator(world, user):
    return world.users[user] in ADMINISTRATORS


def heads(world, user, project):
    """Owner or leader of the project or of one above it, whatever the site role."""
    return any(one.owner == user or ruled(world, user, one, "ProjectLeader") == "Allow"
               for one in [project, *project.above()])


def holds(world, user, project, capability):
    """Whether the user has the capability, or "Lead", in the end."""
    if is_administrator(world, user):
        return True
    given = heads(world, user, project) or ruled(world, user, project, capability) == "Allow"
    return given and capability in CEILING[world.users[user]]


def move(projects, project, target):
    """What a move leaves behind: rules that came from a lock stay as the project's own."""
    for one in projects:
        if project is one or project in one.above():
            one.rules = list((controlling(one) or one).rules)
    project.parent = target


# ---- the methods
def may_see(world, user, project):
    return holds(world, user, project, "Read")


def may_publish(world, user, project):
    return holds(world, user, project, "Write")


def may_update(world, user, project):
    """owner | project-leader | administrators. Who owns it may, whatever the site role:
    that is no capability, which a role would bound."""
    return project.owner == user or holds(world, user, project, "Lead")


def may_give(world, user, project, heir):
    """owner | administrators: a leader does not choose who owns it, but may name who does."""
    return project.owner == user or is_administrator(world, user) or (
        project.owner == heir and may_update(world, user, project))


def may_move(world, user, project, target):
    """Who may change it, and leads where it goes; to the top level: administrators."""
    return may_update(world, user, project) and (
        is_administrator(world, user) if target is None else holds(world, user, target, "Lead"))


def may_delete(world, user, project):
    """owner | project-leader(parent) | administrators"""
    if is_administrator(world, user) or project.owner == user:
        return True
    return project.parent is not None and holds(world, user, project.parent, "Lead")


def may_query_permissions(world, user, project):
    return holds(world, user, project, "Lead")


def may_set_permissions(world, user, project):
    """Under a lock from above nobody may: the project that locks decides."""
    return holds(world, user, project, "Lead") and controlling(project) is None


def may_create_inside(world, user, project):
    """project-leader(parent) | administrators"""
    return holds(world, user, project, "Lead")


# ---- content of projects
# What a site role may hold at most on content, of the capabilities asked about here.
CONTENT = {"Read", "Write", "Delete", "ChangePermissions"}
CONTENT_CEILING = {
    **dict.fromkeys((*ADMINISTRATORS, "Creator", "ExplorerCanPublish"), CONTENT),
    "Explorer": {"Read"},
    "Viewer": {"Read"},
    "Unlicensed": set(),
}


@dataclass
class Item:
    """A workbook, data source or flow. Each project has `defaults` for its kind."""
    name: str
    kind: str
    project: Project
    owner: str = "admin"
    rules: list = field(default_factory=list)


def ruling(project):
    """The project whose default permissions rule over content of this one, or None."""
    return controlling(project) or (project if project.lock != "ManagedByOwner" else None)


def holds_of(world, user, item, capability):
    if is_administrator(world, user):
        return True
    if capability not in CONTENT_CEILING[world.users[user]]:
        return False
    if item.owner == user or heads(world, user, item.project):
        return True
    above = ruling(item.project)
    rules = [rule for rule in (above.defaults[item.kind] if above else item.rules)
             if rule.capability == capability and user in world.members(rule.kind, rule.grantee)]
    own = decides([rule.mode for rule in rules if rule.kind == "user"])
    return (own or decides([rule.mode for rule in rules if rule.kind != "user"])) == "Allow"
