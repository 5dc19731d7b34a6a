"""The truth table of permissions: what the server does against an independent model
(permission_model.py), over random cases (permission_cases.py).

EASEL_PERMISSION_SEED repeats a run; a failure prints seed, case and question.
"""

import os
import random

import pytest

import permission_model as model
from easel_client import unique
from permission_cases import ADMIN, PEOPLE, Built, random_projects, random_world, show
from permission_model import ALL_USERS, Project, Rule, World

SEED = int(os.environ.get("EASEL_PERMISSION_SEED", "20261125"))
WORLDS, CASES = 5, 62  # 310 cases
SIGNED_IN = [name for name, role in PEOPLE.items() if role != "Unlicensed"]


# ---------------------------------------------------------------- the model itself
WORLD = World({"admin": "ServerAdministrator", "c": "Creator", "e": "Explorer", "v": "Viewer",
               "s": "SiteAdministratorExplorer", "u": "Unlicensed"},
              {"in": {"c", "e", "v", "u"}, "also": {"c"}, "empty": set()},
              {"set": {"in"}, "nothing": set()})


def rules(*texts):
    """Rules as text: "Allow Read user c"."""
    return [Rule(kind, grantee, capability, mode)
            for mode, capability, kind, grantee in (text.split() for text in texts)]


@pytest.mark.parametrize("texts,user,capability,expected", [
    ([], "c", "Read", False),
    (["Allow Read user c"], "c", "Read", True),
    (["Deny Read user c"], "c", "Read", False),
    (["Allow Read group in"], "c", "Read", True),
    (["Allow Read group empty"], "c", "Read", False),
    (["Allow Read group in", "Deny Read group also"], "c", "Read", False),
    (["Allow Read group in", "Deny Read group also"], "e", "Read", True),
    (["Deny Read group in", "Allow Read user c"], "c", "Read", True),
    (["Allow Read group in", "Deny Read user c"], "c", "Read", False),
    (["Allow Read groupSet set"], "c", "Read", True),
    (["Allow Read groupSet nothing"], "c", "Read", False),
    (["Allow Read group also", "Deny Read groupSet set"], "c", "Read", False),
    ([f"Allow Read group {ALL_USERS}"], "v", "Read", True),
    ([f"Deny Read group {ALL_USERS}"], "s", "Read", True),
    ([], "admin", "Write", True),
    (["Allow Write user c"], "c", "Read", False),
    (["Allow Write user c"], "c", "Write", True),
    (["Allow Write user e"], "e", "Write", False),
    (["Allow Read user u"], "u", "Read", False),
    (["Allow ProjectLeader user c", "Deny Read user c"], "c", "Read", True),
    (["Allow ProjectLeader user c"], "c", "Lead", True),
    (["Allow ProjectLeader user e"], "e", "Lead", False),
    (["Allow ProjectLeader user e"], "e", "Read", True),
    (["Allow ProjectLeader groupSet set"], "v", "Read", True),
    (["Allow Read user c", "Allow Write user c"], "c", "Lead", False),
])
def test_the_model_by_hand(texts, user, capability, expected):
    project = Project("p", rules=rules(*texts))
    assert model.holds(WORLD, user, project, capability) is expected


def test_the_model_in_a_hierarchy():
    top = Project("top", owner="c", rules=rules("Allow Read user e", "Allow ProjectLeader user c"))
    middle = Project("middle", top, rules=rules("Deny Read user e", "Allow Read user v"))
    low = Project("low", middle, owner="e")
    assert [model.may_see(WORLD, "e", p) for p in (top, middle, low)] == [True, False, True]
    assert [model.may_update(WORLD, "c", p) for p in (top, middle, low)] == [True] * 3
    assert model.may_update(WORLD, "e", low), "who owns it may"
    assert not model.may_set_permissions(WORLD, "e", low), "an Explorer holds no more than Read"
    assert model.may_delete(WORLD, "c", top) and model.may_delete(WORLD, "c", low)
    led = Project("led", rules=rules("Allow ProjectLeader user c"))
    inside = Project("inside", led)
    assert not model.may_delete(WORLD, "c", led), "a leader of it, not of a parent"
    assert model.may_delete(WORLD, "c", inside)
    top.lock = "LockedToProjectWithoutNested"
    assert model.may_see(WORLD, "v", middle) and model.controlling(low) is None
    top.lock = "LockedToProject"
    assert model.may_see(WORLD, "e", middle) and not model.may_see(WORLD, "v", middle)
    middle.lock = "LockedToProject"
    assert model.controlling(low) is top
    assert not model.may_set_permissions(WORLD, "admin", low)
    assert model.may_set_permissions(WORLD, "admin", top)


# ---------------------------------------------------------------- the server
@pytest.fixture(scope="module", params=range(WORLDS))
def site(request, server, home):
    """A world with its cases, built; the generator goes on with the questions."""
    generator = random.Random(f"{SEED}/{request.param}")
    built = Built(server, home, random_world(generator))
    built.number, built.generator = request.param, generator
    built.cases = [random_projects(generator) for _ in range(CASES)]
    for projects in built.cases:
        built.build(projects)
    return built


def told(site, projects, question, expected, found):
    """A failure in full."""
    world = site.world
    return (f"seed {SEED}, world {site.number}: {question}: the model says {expected}, "
            f"the server {found}\ngroups {world.groups}\nsets {world.sets}\n{show(projects)}")


def listed(client, query):
    """All projects of a query, page by page: {name: project}."""
    found, page, total = {}, 1, None
    while total is None or len(found) < total:
        doc = client.ok("GET", f"{client.site}/projects?{query}&pageNumber={page}").doc
        total = int(doc["pagination"]["totalAvailable"])
        projects = doc["projects"].get("project", [])
        assert projects or total == 0, "a page within the total is not empty"
        assert not set(found) & {p["name"] for p in projects}, "nothing stands on two pages"
        found.update({p["name"]: p for p in projects})
        page += 1
    return found


def compare_lists(site, query="pageSize=1000"):
    """What everyone sees, and with fields=_all_ where they may publish to."""
    for user in [ADMIN, *SIGNED_IN]:
        found = listed(site.as_user(user), query)
        for projects in site.cases:
            for project in projects:
                expected = model.may_see(site.world, user, project)
                assert (project.name in found) is expected, told(
                    site, projects, f"{user} sees {project.name}", expected, not expected)
                if expected and "_all_" in query:
                    expected = model.may_publish(site.world, user, project)
                    writeable = found[project.name]["writeable"]
                    assert writeable is expected, told(
                        site, projects, f"{user} publishes to {project.name}", expected, writeable)


def test_what_each_user_sees(site):
    """Query Projects page by page, and what may be published to."""
    compare_lists(site, "fields=_all_&sort=name:asc&pageSize=37")


def test_what_each_user_finds(site):
    """The same through filters: the projects of a case, and those within one."""
    for user in SIGNED_IN:
        client = site.as_user(user)
        for projects in site.generator.sample(site.cases, 12):
            names = ",".join(project.name for project in projects)
            expected = {p.name for p in projects if model.may_see(site.world, user, p)}
            found = set(listed(client, f"filter=name:in:[{names}]&pageSize=2"))
            assert found == expected, told(site, projects, f"{user} filters", expected, found)
            top = projects[0]
            expected = {p.name for p in projects[1:]
                        if p.parent is top and model.may_see(site.world, user, p)}
            found = set(listed(client, f"filter=parentProjectId:eq:{site.projects[top.name]}"))
            assert found == expected, told(site, projects, f"{user} looks inside", expected, found)


def questions(site, user, project):
    """(what, may the user, the call, code of the refusal) for one project."""
    client, world = site.as_user(user), site.world
    rule = {"permissions": {"granteeCapabilities": [site.rule(
        Rule("user", "none1", "Read", "Allow"))]}}
    may_query = model.may_query_permissions(world, user, project)
    may_set = model.may_set_permissions(world, user, project)

    def call(verb, *rest, doc=None):
        return lambda: client.call(verb, site.path(project, *rest), doc)

    yield ("updates", model.may_update(world, user, project),
           call("PUT", doc={"project": {"description": unique("by")}}), "403004")
    yield "queries permissions", may_query, call("GET", "permissions"), "403004"
    yield "adds permissions", may_set, call("PUT", "permissions", doc=rule), "403004"
    for of, code in (("workbooks", "403036"), ("datasources", "403035"), ("flows", "403035"),
                     ("metrics", "403004")):
        yield (f"queries default permissions of {of}", may_query,
               call("GET", "default-permissions", of), code)
        yield (f"adds default permissions of {of}", may_set,
               call("PUT", "default-permissions", of, doc=rule), "403004")
    yield ("takes a rule away", may_set,
           call("DELETE", "permissions", "users", site.ids["user", "none1"], "Read", "Allow"),
           "403004")


def check(site, projects, user, what, expected, reply, code):
    """Allowed is any success (or, for taking away, that there was nothing: 404013)."""
    allowed = reply.status < 300 or reply.code == "404013"
    assert allowed is expected and (allowed or reply.code == code), told(
        site, projects, f"{user} {what}", expected or code, reply)


def test_what_each_user_may_do(site):
    """Update, permissions and default permissions: a few people and projects of each case.

    What is added is a rule for a user who can't sign in: no answer depends on it."""
    for projects in site.cases:
        for user in site.generator.sample(SIGNED_IN, 3):
            project = site.generator.choice(projects)
            for what, expected, call, code in questions(site, user, project):
                check(site, projects, user, f"{what} {project.name}", expected, call(), code)


def test_who_creates_inside(site):
    for projects in site.cases:
        user, project = site.generator.choice(SIGNED_IN), site.generator.choice(projects)
        client = site.as_user(user)
        reply = client.call("POST", f"{client.site}/projects", {"project": {
            "name": unique("inside"), "parentProjectId": site.projects[project.name]}})
        check(site, projects, user, f"creates inside {project.name}",
              model.may_create_inside(site.world, user, project), reply, "403045")
        if reply.status == 201:
            site.admin.ok("DELETE", f"{site.admin.site}/projects/{reply.doc['project']['id']}")


def test_who_gives_to_another(site):
    for projects in site.cases:
        project, heir = (site.generator.choice(projects),
                         site.generator.choice(["creator1", "publisher1", "explorer1"]))
        for user in site.generator.sample(SIGNED_IN, 2):
            reply = site.as_user(user).call("PUT", site.path(project), {
                "project": {"owner": {"id": site.ids["user", heir]}}})
            check(site, projects, user, f"gives {project.name} to {heir}",
                  model.may_give(site.world, user, project, heir), reply, "403004")
            if reply.status == 200:
                project.owner = heir
    compare_lists(site)


def test_who_moves(site):
    """Within a case, and to the top level; what was ruled by a lock keeps its rules."""
    for projects in site.cases:
        project = site.generator.choice(projects)
        targets = [None, *(target for target in projects
                           if target is not project and project not in target.above())]
        target = site.generator.choice(targets)
        if target is project.parent:
            continue
        where = target.name if target else "the top level"
        parent = site.projects[target.name] if target else ""
        people = site.generator.sample(SIGNED_IN, 4)
        for user in sorted(people, key=lambda name: model.may_move(site.world, name, project,
                                                                   target)):
            expected = model.may_move(site.world, user, project, target)
            reply = site.as_user(user).call("PUT", site.path(project), {
                "project": {"parentProjectId": parent}})
            check(site, projects, user, f"moves {project.name} to {where}", expected, reply, "403004")
            if expected:
                model.move(projects, project, target)
                break
    compare_lists(site)


def test_when_a_lock_ends(site):
    """What was nested in it keeps the rules that held, as its own."""
    for projects in site.cases:
        for top in [project for project in projects if project.lock == "LockedToProject"][:1]:
            site.admin.ok("PUT", site.path(top), {"project": {
                "contentPermissions": "ManagedByOwner"}})
            for project in projects:
                if top in project.above():
                    project.rules = list((model.controlling(project) or project).rules)
            top.lock = "ManagedByOwner"
    compare_lists(site)


def test_who_deletes(site):
    """The last: of each case one project, by someone who may where there is someone."""
    for projects in site.cases:
        project = site.generator.choice(projects)
        people = site.generator.sample(SIGNED_IN, 4)
        for user in sorted(people, key=lambda name: model.may_delete(site.world, name, project)):
            expected = model.may_delete(site.world, user, project)
            reply = site.as_user(user).call("DELETE", site.path(project))
            check(site, projects, user, f"deletes {project.name}", expected, reply, "403004")
            if expected:
                gone = {p.name for p in projects if p is project or project in p.above()}
                for one in projects:
                    found = site.admin.call("GET", site.path(one, "permissions"))
                    assert (found.code == "404005") is (one.name in gone), told(
                        site, projects, f"after {project.name} was deleted, {one.name} is there",
                        one.name not in gone, found)
                break
