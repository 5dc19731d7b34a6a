"""Lists of users, filtered and sorted: first pages out of a thousand and out of a million."""
import json

import load
from easel import API

SIZES = (1_000, 1_000_000)
DISTINCT = 50_000  # requests; of their answers 1,024 at most are kept (src/rest/callers.c)

# Key, what it is, query, how many fit out of so many (and the administrator).
LISTS = (
    ("role-name", "a page of 100 of one role by name", "filter=siteRole:eq:Viewer&sort=name:asc",
     lambda size: size // 4),
    ("roles-name", "a page of 100 of two roles by name",
     "filter=siteRole:in:[Viewer,Creator]&sort=name:asc", lambda size: size // 2),
    ("friendly", "a page of 100 by friendly name", "sort=friendlyName:asc",
     lambda size: size + 1),
    ("role-login", "a page of 100 of one role by last sign-in",
     "filter=siteRole:eq:Viewer&sort=lastLogin:desc", lambda size: size // 4),
    ("name", "one by name", "filter=name:eq:{name}", lambda size: 1),
)
KEYS = [f"users {key}" for key, *_ in LISTS]


def check(easel, path, headers, total):
    status, _, body = easel.answer("GET", path, headers)
    if status != 200:
        raise RuntimeError(f"users: {status} {body[:300]!r}")
    answer = json.loads(body)
    found = len(answer["users"]["user"]), int(answer["pagination"]["totalAvailable"])
    if found != (min(total, 100), total):
        raise RuntimeError(f"{path}: {found[0]} of {found[1]}")


def add(bench):
    """Adds what is wanted of them; the servers run until the end."""
    for size in SIZES:
        easel, _, (names, _) = bench.new_easel(
            f"easel-users-{size}", lambda repository, n=size: repository.add_users(n))
        token, site = easel.sign_in_as_admin()
        headers = [("Accept", "application/json"), ("X-Tableau-Auth", token)]
        for key, title, query, total in LISTS:
            # A number that nothing reads makes each request one of its own, since answers
            # are kept by their URI.
            paths = [f"{API}/sites/{site}/users?pageSize=100&n={i}&"
                     + query.replace("{name}", names[i * 7919 % size]) for i in range(DISTINCT)]
            check(easel, paths[0], headers, total(size))
            bench.add_load(f"users {size} {key}", f"Users: {title} out of {size:,}", easel,
                           [load.request("GET", path, headers) for path in paths],
                           connections=8)


def aims(ratio):
    for key, title, *_ in LISTS:
        ratio(f"Time of {title}, {SIZES[1]:,} users against {SIZES[0]:,}",
              f"users {SIZES[0]} {key}", f"users {SIZES[1]} {key}", "at most", 2)
