"""Lists of a million users, and a user in ten thousand groups."""
import json

import load
from easel import API
from signins import SignIns

DISTINCT = 50_000  # requests; of these, 1,024 answers at most are kept (rest/callers.c)

# Lists of users: key, what it is, query, how many fit out of so many (and the administrator).
USER_LISTS = (
    ("role-name", "page of 100 of one role by name", "filter=siteRole:eq:Viewer&sort=name:asc",
     lambda size: size // 4),
    ("roles-name", "page of 100 of two roles by name",
     "filter=siteRole:in:[Viewer,Creator]&sort=name:asc", lambda size: size // 2),
    ("friendly", "page of 100 by friendly name", "sort=friendlyName:asc", lambda size: size + 1),
    ("role-login", "page of 100 of one role by last sign-in",
     "filter=siteRole:eq:Viewer&sort=lastLogin:desc", lambda size: size // 4),
    ("name", "one by name", "filter=name:eq:{name}", lambda size: 1),
)


def users_of(easel, path, headers):
    """The users of a page, and how many there are in all; kept answers would hide the work."""
    status, _, body = easel.answer("GET", path, headers)
    if status != 200:
        raise RuntimeError(f"users: {status} {body[:300]!r}")
    answer = json.loads(body)
    return answer["users"].get("user", []), int(answer["pagination"]["totalAvailable"])


def add_user_lists(bench):
    for size in (1_000, 1_000_000):
        easel, _, (names, _) = bench.new_easel(
            f"easel-users-{size}", lambda repository, n=size: repository.add_users(n))
        token, site = easel.sign_in_as_admin()
        headers = [("Accept", "application/json"), ("X-Tableau-Auth", token)]
        base = f"{API}/sites/{site}/users?pageSize=100"
        for key, title, query, total in USER_LISTS:
            queries = [query.replace("{name}", names[i * 7919 % size]) for i in range(DISTINCT)]
            # A number that nothing reads makes each request one of its own: answers are kept
            # by their URI (those of a page are too long to be, those of one user are not).
            paths = [f"{base}&{one}&n={i}" for i, one in enumerate(queries)]
            users, found = users_of(easel, paths[0], headers)
            if (len(users), found) != (min(total(size), 100), total(size)):
                raise RuntimeError(f"{key}: {len(users)} of {found}")
            bench.add_load(f"users {size} {key}", f"Users: {title} out of {size:,}", easel,
                           [load.request("GET", path, headers) for path in paths],
                           connections=8)


GROUPS, FEW = 10_000, 200  # pages of 200 are too long to be kept with their caller


def grouped(repository):
    """One user in all groups and one in a few, among 10,000 in the first few groups."""
    names, ids = repository.add_users(GROUPS)
    members = dict.fromkeys(ids, 1)
    members[ids[0]], members[ids[1]] = GROUPS, FEW
    groups = repository.add_groups(GROUPS, members)
    small = repository.add_groups(1, dict.fromkeys(ids[:FEW], 1))
    return names, ids, groups, small


def add_groups(bench):
    """A user in 10,000 groups against one in 200: pages of 200, each as long."""
    easel, app, (names, ids, groups, small) = bench.new_easel("easel-groups", grouped)
    token, site = easel.sign_in_as_admin()
    headers = [("Accept", "application/json"), ("X-Tableau-Auth", token)]
    users = f"{API}/sites/{site}/users"
    for which, held in ((0, GROUPS), (1, FEW)):
        sign_ins = SignIns(bench, easel, app, [names[which]])
        bench.add(f"groups sign-in {held}", f"Sign-in: a user in {held:,} groups", "1/s",
                  sign_ins.measure)
        add_page(bench, easel, f"groups of-user {held}",
                 f"Groups for a user: page of {FEW} of {held:,}",
                 f"{users}/{ids[which]}/groups?pageSize={FEW}", headers)
    for group, held in ((groups[0], GROUPS), (small[0], FEW)):
        add_page(bench, easel, f"groups members {held}",
                 f"Users in a group: page of {FEW} of {held:,}",
                 f"{API}/sites/{site}/groups/{group}/users?pageSize={FEW}", headers)
    for where, page in (("first", 1), ("middle", GROUPS // FEW // 2)):
        add_page(bench, easel, f"groups all {where}",
                 f"Groups: {where} page of {FEW} out of {GROUPS:,}",
                 f"{API}/sites/{site}/groups?pageSize={FEW}&pageNumber={page}", headers)


def add_page(bench, easel, key, title, path, headers):
    answer = easel.answer("GET", path, headers)
    wrapper = next((v for k, v in json.loads(answer[2]).items() if k != "pagination"), {})
    if answer[0] != 200 or len(next(iter(wrapper.values()), [])) != FEW:
        raise RuntimeError(f"{path}: {answer[0]} {answer[2][:300]!r}")
    bench.add_load(key, title, easel, [load.request("GET", path, headers)], connections=8)


def aims(ratio):
    for key, title, *_ in USER_LISTS:
        ratio(f"Time of a {title}, 1,000,000 users against 1,000".replace("a one", "one"),
              f"users 1000 {key}", f"users 1000000 {key}", "at most", 2)
    for title, key in (("Sign-in", "groups sign-in"),
                       ("Time of a page of the user's groups", "groups of-user")):
        ratio(f"{title}, a user in {GROUPS:,} groups against {FEW}", f"{key} {FEW}",
              f"{key} {GROUPS}", "at most", 1.5)
    ratio(f"Time of a page of a group's users, {GROUPS:,} against {FEW}", f"groups members {FEW}",
          f"groups members {GROUPS}", "at most", 1.5)


def add(bench):
    if bench.wanted(*(f"users {key}" for key, *_ in USER_LISTS)):
        add_user_lists(bench)
    if bench.wanted("groups"):
        add_groups(bench)
