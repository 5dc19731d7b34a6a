"""What rights cost: the projects that one user sees, beside the same list as an
administrator sees it."""
import json
import time
import uuid

import load
from easel import API, JSON

PROJECTS, PAGE = 100_000, 100


def fill(repository):
    """Projects in threes: open to All Users, open to one group of the user, denied to
    that group; every tenth lies in the one before."""
    names, ids = repository.add_users(1)
    repository.add_projects(PROJECTS)
    db, site = repository.db, repository.site
    group = str(uuid.uuid4())
    db.execute("INSERT INTO site_group (id, site_id, name, name_key, user_count, created_at,"
               " updated_at, serial) VALUES (?, ?, 'Some', 'some', 1, 0, 0, ?)",
               [group, site, repository.serials("site_group", 1)[0]])
    db.execute("UPDATE site SET group_count = group_count + 1 WHERE id = ?", [site])
    db.execute("INSERT INTO group_member (group_id, site_user_id) VALUES (?, ?)", [group, ids[0]])
    everyone, = db.execute("SELECT id FROM site_group WHERE is_all_users = 1").fetchone()
    projects = [row[0] for row in db.execute(
        "SELECT id FROM project WHERE is_default = 0 ORDER BY serial")]
    rules = [(everyone, 1, 0), (group, 1, 0), (group, 0, 1)]
    db.executemany(
        "INSERT INTO permission_rule (item_id, content_type, grantee_id, grantee_kind, site_id,"
        " allow_set, deny_set) VALUES (?, 'project', ?, 'group', ?, ?, ?)",
        ((project, rule[0], site, rule[1], rule[2])
         for number, project in enumerate(projects) for rule in [rules[number % 3]]))
    db.executemany("UPDATE project SET parent_id = ? WHERE id = ?",
                   ((projects[i - 1], projects[i]) for i in range(10, PROJECTS, 10)))
    return names[0], ids[0], projects[0]


class Rights:
    def __init__(self, bench):
        self.bench = bench
        self.easel, app, (name, self.user, self.project) = bench.new_easel("easel-rights", fill)
        self.admin, self.site = self.easel.sign_in_as_admin()
        self.viewer = self.easel.sign_in({"jwt": app.jwt(name, ["tableau:content:read"])})["token"]

    def headers(self, token):
        return [("Accept", "application/json"), ("X-Tableau-Auth", token)]

    def path(self, query):
        return f"{API}/sites/{self.site}/projects?pageSize={PAGE}&{query}"

    def page(self, token, query):
        status, _, body = self.easel.answer("GET", self.path(query), self.headers(token))
        document = json.loads(body)
        if status != 200 or not document["projects"].get("project"):
            raise RuntimeError(f"projects: {status} {body[:300]!r}")
        return int(document["pagination"]["totalAvailable"])

    def add(self):
        seen, there = self.page(self.viewer, "pageNumber=1"), self.page(self.admin, "pageNumber=1")
        if not 0.6 * there < seen < 0.7 * there:
            raise RuntimeError(f"{seen} of {there} projects are visible")
        kinds = {
            "first page": ["pageNumber=1"],
            "any page": [f"pageNumber={n}" for n in range(1, seen // PAGE)],
            "filtered and sorted": [f"filter=name:in:[{','.join(f'Project%20{n + i}' for i in range(3))}]"
                                    "&sort=name:desc" for n in range(10, 2000)],
        }
        for kind, queries in kinds.items():
            for who, token in (("a user", self.viewer), ("an administrator", self.admin)):
                requests = [load.request("GET", self.path(q), self.headers(token)) for q in queries]
                self.bench.add_load(f"rights {kind} {who}",
                                    f"Projects as {who} sees them, {kind} of {PROJECTS:,}",
                                    self.easel, requests, connections=8)
        self.bench.add("rights after a change", "Projects as a user sees them, first page after a "
                       "change of rules", "ms", self.after_a_change)

    def after_a_change(self, figure):
        """A rule is put, then the list is asked for, ten times."""
        spans = []
        for mode in ("Allow", "Deny") * 5:
            self.easel.call("PUT", f"/sites/{self.site}/projects/{self.project}/permissions", {
                "permissions": {"granteeCapabilities": [{
                    "user": {"id": self.user},
                    "capabilities": {"capability": [{"name": "Read", "mode": mode}]}}]}}, self.admin)
            began = time.perf_counter()
            self.page(self.viewer, "pageNumber=1")
            spans.append((time.perf_counter() - began) * 1000)
        figure.add(sorted(spans)[len(spans) // 2])


def add(bench):
    Rights(bench).add()


def aims(ratio):
    """Time as a user against time as an administrator."""
    for kind in ("first page", "any page", "filtered and sorted"):
        ratio(f"Visible projects of a user against all as an administrator, {kind}",
              f"rights {kind} an administrator", f"rights {kind} a user", "at most", 2)
