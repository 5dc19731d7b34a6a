"""Lists of workbooks: 100 out of 100,000 by filter and sort, beside the same out of
1,000."""
import json
import time
import uuid

import load
from easel import API

SIZES, IN_PROJECT, PAGE = (1_000, 100_000), 500, 100
REPEATS = 2_000  # each request has an address of its own, so that no answer is a kept one


def stamp(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))


def fill(repository, count):
    """500 workbooks in each project, in turn of twenty owners, each updated a second after
    the one before; every second one holds an extract. Every user may read all but each
    tenth. A name and an id of a user, and when the last 500 began to be updated."""
    names, ids = repository.add_users(20)
    repository.add_projects(count // IN_PROJECT)
    db, site = repository.db, repository.site
    projects = [row[0] for row in db.execute(
        "SELECT id FROM project WHERE is_default = 0 ORDER BY serial")]
    first = repository.now - count * 1000
    serials = repository.serials("content", count)
    rows = []
    for i, serial in enumerate(serials):
        name = f"Workbook {i * 7919 % count:06}"  # spread over the order of names
        rows.append((str(uuid.uuid4()), site, projects[i // IN_PROJECT], ids[i % len(ids)], name,
                     name.lower(), name.replace(" ", ""), name.replace(" ", "").lower(),
                     (i * 7907 % 200) << 20, i % 2, first + i * 1000, first + i * 1000,
                     first + i * 1000, serial))
    db.executemany(
        "INSERT INTO content (id, site_id, content_type, project_id, owner_id, name, name_key,"
        " content_url, content_url_key, file_type, size_bytes, revision, has_extracts, created_at,"
        " updated_at, published_at, serial)"
        " VALUES (?, ?, 'workbook', ?, ?, ?, ?, ?, ?, 'twbx', ?, 1, ?, ?, ?, ?, ?)", rows)
    db.execute("INSERT INTO content_count (site_id, content_type, items, bytes)"
               " VALUES (?, 'workbook', ?, 0)", [site, count])
    everyone, = db.execute("SELECT id FROM site_group WHERE is_all_users = 1").fetchone()
    db.executemany(
        "INSERT INTO permission_rule (item_id, content_type, grantee_id, grantee_kind, site_id,"
        " allow_set, deny_set) VALUES (?, 'workbook', ?, 'group', ?, 1, 0)",
        ((row[0], everyone, site) for i, row in enumerate(rows) if i % 10))
    return names[1], first + (count - IN_PROJECT) * 1000


class Contents:
    def __init__(self, bench, size):
        self.bench, self.size = bench, size
        self.easel, app, (name, self.since) = bench.new_easel(
            f"easel-contents-{size}", lambda repository: fill(repository, size))
        self.admin, self.site = self.easel.sign_in_as_admin()
        self.viewer = self.easel.sign_in({"jwt": app.jwt(name, ["tableau:content:read"])})["token"]

    def kinds(self):
        """What is asked for, and how many fit it as an administrator sees them."""
        last = self.size // IN_PROJECT
        return {
            "by name": ("sort=name:asc", self.size),
            "of a project, newest first": (
                f"filter=projectName:eq:Project%20{last}&sort=updatedAt:desc", IN_PROJECT),
            "newest 500, by name": (
                f"filter=updatedAt:gte:{stamp(self.since)}&sort=name:asc", None),
            "with an extract, largest first": (
                "filter=hasExtracts:eq:true&sort=size:desc", self.size // 2),
        }

    def check(self, headers, path, fit, who):
        status, _, body = self.easel.answer("GET", path, headers)
        document = json.loads(body)
        if status != 200 or len(document["workbooks"].get("workbook", [])) != PAGE:
            raise RuntimeError(f"workbooks: {status} {body[:300]!r}")
        total = int(document["pagination"]["totalAvailable"])
        if fit and who == "an administrator" and total != fit:
            raise RuntimeError(f"workbooks: {total} of {fit} found")

    def add(self):
        for kind, (query, fit) in self.kinds().items():
            for who, token in (("an administrator", self.admin), ("a user", self.viewer)):
                headers = [("Accept", "application/json"), ("X-Tableau-Auth", token)]
                path = f"{API}/sites/{self.site}/workbooks?pageSize={PAGE}&{query}"
                self.check(headers, path, fit, who)
                requests = [load.request("GET", f"{path}&n={n}", headers) for n in range(REPEATS)]
                self.bench.add_load(f"contents {kind} {self.size} {who}",
                                    f"Workbooks as {who} sees them, {kind}: 100 of {self.size:,}",
                                    self.easel, requests, connections=8)


def add(bench):
    for size in SIZES:
        Contents(bench, size).add()


def aims(ratio):
    """Time among many against time among few."""
    for kind in ("by name", "of a project, newest first", "newest 500, by name",
                 "with an extract, largest first"):
        for who in ("an administrator", "a user"):
            ratio(f"100 workbooks as {who} sees them, {kind}: of 100,000 against of 1,000",
                  f"contents {kind} 1000 {who}", f"contents {kind} 100000 {who}", "at most", 2)
