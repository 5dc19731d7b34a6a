"""The truth table of permissions, for what is in projects: what the server does with
workbooks, data sources and flows against the independent model (permission_model.py),
over random hierarchies with random rules, defaults, owners and locks.

EASEL_PERMISSION_SEED repeats a run; a failure prints seed, case and question.
"""

import os
import random

import pytest

import permission_model as model
from content_samples import PUBLISH
from permission_cases import ADMIN, GROUPS, PEOPLE, SETS, Built, random_projects, random_world, show
from permission_model import ALL_USERS, Item, Rule

SEED = int(os.environ.get("EASEL_PERMISSION_SEED", "20261125"))
WORLDS, CASES, ITEMS = 2, 16, 3
SIGNED_IN = [name for name, role in PEOPLE.items() if role != "Unlicensed"]
KINDS = ("workbook", "datasource", "flow")
UNREAD = {"workbook": "403018", "datasource": "403004", "flow": "403004"}


def content_rules(random):
    rules = {}
    for _ in range(random.randint(0, 5)):
        kind = random.choice(("user", "user", "group", "group", "groupSet", "all"))
        kind, grantee = ("group", ALL_USERS) if kind == "all" else (kind, random.choice(
            {"user": list(PEOPLE), "group": GROUPS, "groupSet": SETS}[kind]))
        capability = random.choice(("Read", "Read", "Write", "Delete", "ChangePermissions"))
        mode = random.choice(("Allow", "Allow", "Deny"))
        rules[kind, grantee, capability] = Rule(kind, grantee, capability, mode)
    return list(rules.values())


class BuiltWithContent(Built):
    """Projects first without locks; then items, rules and defaults; then the locks."""

    def __init__(self, server, home, world):
        super().__init__(server, home, world)
        default = self.admin.ok("GET", f"{self.admin.site}/projects").doc["projects"]["project"][0]
        for kind in KINDS:
            path = f"{self.admin.site}/projects/{default['id']}/default-permissions/{kind}s"
            for rule in self.admin.ok("GET", path).doc["permissions"].get("granteeCapabilities", []):
                for capability in rule["capabilities"]["capability"]:
                    self.admin.ok("DELETE", f"{path}/groups/{rule['group']['id']}/"
                                  f"{capability['name']}/{capability['mode']}")
        self.items = {}  # name -> id

    def build_with(self, projects, items):
        locks = [project.lock for project in projects]
        for project in projects:
            project.lock = "ManagedByOwner"
        self.build(projects)
        for item in items:
            self.publish(item)
        for project in projects:
            for kind, rules in project.defaults.items():
                self.put(self.path(project, "default-permissions", f"{kind}s"), rules)
        for project, lock in reversed(list(zip(projects, locks))):
            project.lock = lock
            if lock != "ManagedByOwner":
                self.admin.ok("PUT", self.path(project), {"project": {"contentPermissions": lock}})

    def put(self, path, rules):
        if rules:
            self.admin.ok("PUT", path, {"permissions": {
                "granteeCapabilities": [self.rule(rule) for rule in rules]}})

    def item_path(self, item, *rest):
        return "/".join([f"{self.admin.site}/{item.kind}s/{self.items[item.name]}", *rest])

    def publish(self, item):
        made = PUBLISH[item.kind](self.admin, self.projects[item.project.name], name=item.name)
        self.items[item.name] = made["id"]
        self.put(self.item_path(item, "permissions"), item.rules)
        if item.owner != ADMIN:
            self.admin.ok("PUT", self.item_path(item), {item.kind: {
                "owner": {"id": self.ids["user", item.owner]}}})


def random_case(random):
    projects = random_projects(random)
    for project in projects:
        project.defaults = {kind: content_rules(random) for kind in KINDS}
    items = []
    for number in range(ITEMS):
        owner = random.choice(SIGNED_IN) if random.random() < 0.3 else ADMIN
        project = random.choice(projects)
        items.append(Item(f"{projects[0].name}-{number}", random.choice(KINDS), project, owner,
                          content_rules(random)))
    return projects, items


@pytest.fixture(scope="module", params=range(WORLDS))
def site(request, server, home):
    generator = random.Random(f"content {SEED}/{request.param}")
    built = BuiltWithContent(server, home, random_world(generator))
    built.number, built.generator = request.param, generator
    built.cases = [random_case(generator) for _ in range(CASES)]
    for projects, items in built.cases:
        built.build_with(projects, items)
    return built


def told(site, projects, item, question, expected, found):
    world = site.world
    return (f"seed {SEED}, world {site.number}: {question}: the model says {expected}, the server "
            f"{found}\n{item.kind} in {item.project.name}, owner {item.owner}\nown rules "
            f"{item.rules}\ndefaults { {p.name: p.defaults[item.kind] for p in projects} }\n"
            f"groups {world.groups}\nsets {world.sets}\n{show(projects)}")


def test_what_each_user_sees(site):
    """Lists, which decide on all at once."""
    for user in [ADMIN, *SIGNED_IN]:
        client = site.as_user(user)
        listed = set()
        for kind in KINDS:
            doc = client.ok("GET", f"{client.site}/{kind}s?pageSize=1000").doc
            listed |= {entry["name"] for entry in doc[f"{kind}s"].get(kind, [])}
        for projects, items in site.cases:
            for item in items:
                expected = model.holds_of(site.world, user, item, "Read")
                assert (item.name in listed) is expected, told(
                    site, projects, item, f"{user} sees", expected, not expected)


def test_what_each_user_may_do(site):
    """One item at a time: reading it, and its permissions."""
    asked = {True: 0, False: 0}
    for projects, items in site.cases:
        for item in items:
            for user in site.generator.sample(SIGNED_IN, 4):
                client, world = site.as_user(user), site.world
                locked = model.ruling(item.project) is not None
                change = model.holds_of(world, user, item, "ChangePermissions")
                rule = {"permissions": {"granteeCapabilities": [site.rule(
                    Rule("user", "none1", "Read", "Allow"))]}}
                for what, expected, code, reply in (
                        ("reads", model.holds_of(world, user, item, "Read"), UNREAD[item.kind],
                         client.call("GET", site.item_path(item))),
                        ("queries permissions", change, "403004",
                         client.call("GET", site.item_path(item, "permissions"))),
                        ("adds permissions", change and not locked, "403004",
                         client.call("PUT", site.item_path(item, "permissions"), rule))):
                    allowed = reply.status < 300
                    asked[expected] += 1
                    assert allowed is expected and (allowed or reply.code == code), told(
                        site, projects, item, f"{user} {what}", expected or code, reply)
    assert min(asked.values()) > 50, "questions of both kinds"
