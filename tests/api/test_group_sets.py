"""Group sets: sets of groups that one permission rule can name."""

import pytest

from easel_client import check_refusal, unique
from test_groups import ADMINS, ZERO, all_users, group_path, ids, make, pages


def set_path(client, *rest):
    return "/".join([f"{client.site}/groupsets", *rest])


def create(client, fmt=None, **members):
    return client.call("POST", set_path(client), {"groupSet": members}, fmt=fmt)


def make_set(client, name=None, groups=()):
    reply = create(client, name=name or unique("set"))
    assert reply.status == 201, reply
    set_id = reply.doc["groupSet"]["id"]
    for group in groups:
        client.ok("PUT", set_path(client, set_id, "groups", group), status=200)
    return set_id


def get(client, set_id, fmt=None):
    return client.ok("GET", set_path(client, set_id), fmt=fmt).doc["groupSet"]


def listed(client, query="", fmt=None):
    doc = client.ok("GET", set_path(client) + "?pageSize=1000&" + query, fmt=fmt).doc
    sets = doc["groupSets"].get("groupSet", [])
    assert int(doc["pagination"]["totalAvailable"]) == len(sets)
    return sets


# ---------------------------------------------------------------- create, get, update, delete
def test_create_and_get(org, fmt):
    name = unique("Gruppen & \u00dcber")
    reply = create(org.admin, fmt, name=name)
    assert reply.status == 201, reply
    made = reply.doc["groupSet"]
    assert made == {"id": made["id"], "name": name, "groupCount": "0"}
    assert get(org.admin, made["id"], fmt) == made


def test_groups_come_and_go(org, fmt):
    admin, names = org.admin, sorted(unique(letter) for letter in "abc")
    groups = [make(admin, name) for name in names]
    set_id = make_set(admin)
    for count, group in enumerate(groups, 1):
        reply = admin.ok("PUT", set_path(admin, set_id, "groups", group), status=200, fmt=fmt)
        assert reply.body == b""
        assert get(admin, set_id, fmt)["groupCount"] == str(count)
    assert get(admin, set_id, fmt)["group"] == [
        {"id": group, "name": name, "domain": {"name": "local"}} for group, name in zip(groups, names)]
    admin.ok("PUT", set_path(admin, set_id, "groups", groups[0]), status=200, fmt=fmt)
    assert get(admin, set_id, fmt)["groupCount"] == "3"  # it was there
    admin.ok("DELETE", set_path(admin, set_id, "groups", groups[1]), status=204, fmt=fmt)
    shown = get(admin, set_id, fmt)
    assert shown["groupCount"] == "2" and ids(shown["group"]) == {groups[0], groups[2]}
    admin.refused(404012, "DELETE", set_path(admin, set_id, "groups", groups[1]), fmt=fmt)
    assert get(admin, set_id, fmt) == shown


def test_all_users_can_be_in_a_set(org, fmt):
    everyone = all_users(org.admin)
    set_id = make_set(org.admin, groups=[everyone])
    assert ids(get(org.admin, set_id, fmt)["group"]) == {everyone}


def test_update(org, fmt):
    group = make(org.admin)
    set_id, name = make_set(org.admin, groups=[group]), unique("renamed")
    reply = org.admin.ok("PUT", set_path(org.admin, set_id), {"groupSet": {"name": name}}, 200, fmt=fmt)
    shown = reply.doc["groupSet"]
    assert (shown["id"], shown["name"], shown["groupCount"]) == (set_id, name, "1")
    assert ids(shown["group"]) == {group} and get(org.admin, set_id, fmt) == shown
    org.admin.ok("PUT", set_path(org.admin, set_id), {"groupSet": {"name": name.upper()}}, fmt=fmt)
    assert get(org.admin, set_id)["name"] == name.upper()


def test_delete(org, fmt):
    group, set_id = make(org.admin), None
    set_id = make_set(org.admin, groups=[group])
    org.admin.ok("DELETE", set_path(org.admin, set_id), status=204, fmt=fmt)
    org.admin.refused(404012, "GET", set_path(org.admin, set_id), fmt=fmt)
    org.admin.refused(404012, "DELETE", set_path(org.admin, set_id), fmt=fmt)
    assert set_id not in ids(listed(org.admin))
    assert group in ids(pages(org.admin, group_path(org.admin)))  # the groups stay


def test_a_deleted_group_leaves_its_sets(org, fmt):
    gone, kept = make(org.admin), make(org.admin)
    sets = [make_set(org.admin, groups=groups) for groups in ((gone, kept), (gone,), (kept,))]
    org.admin.ok("DELETE", group_path(org.admin, gone), status=204, fmt=fmt)
    for set_id, groups in zip(sets, ({kept}, set(), {kept})):
        shown = get(org.admin, set_id, fmt)
        assert ids(shown.get("group", [])) == groups
        assert shown["groupCount"] == str(len(groups))


# ---------------------------------------------------------------- bad input
@pytest.mark.parametrize("members", [{}, {"name": ""}, {"name": "x" * 256}, {"id": ZERO}])
def test_names_that_cannot_be(org, fmt, members):
    check_refusal(create(org.admin, fmt, **members), 400000)
    set_id = make_set(org.admin)
    before = get(org.admin, set_id)
    org.admin.refused(400000, "PUT", set_path(org.admin, set_id), {"groupSet": members}, fmt=fmt)
    assert get(org.admin, set_id) == before


def test_bodies_without_a_set(org, fmt):
    for doc in (None, {"group": {"name": "x"}}):
        org.admin.refused(400000, "POST", set_path(org.admin), doc, fmt=fmt)
        org.admin.refused(400000, "PUT", set_path(org.admin, make_set(org.admin)), doc, fmt=fmt)


def test_names_are_unique_without_case(org, other, fmt):
    name = unique("Set")
    assert create(org.admin, fmt, name=name).status == 201
    check_refusal(create(org.admin, fmt, name=name.upper()), 409120)
    second = make_set(org.admin)
    org.admin.refused(409120, "PUT", set_path(org.admin, second), {"groupSet": {"name": name.lower()}},
                      fmt=fmt)
    assert create(other.admin, fmt, name=name).status == 201
    assert make(org.admin, name)  # a group may have the name of a set


@pytest.mark.parametrize("bad", [ZERO, "x", "'%20OR%201=1--"])
def test_what_is_not_there(org, fmt, bad):
    group, set_id = make(org.admin), make_set(org.admin)
    for verb, rest, doc in (("GET", (), None), ("PUT", (), {"groupSet": {"name": unique("n")}}),
                            ("DELETE", (), None), ("PUT", ("groups", group), None),
                            ("DELETE", ("groups", group), None)):
        org.admin.refused(404012, verb, set_path(org.admin, bad, *rest), doc, fmt=fmt)
    for verb in ("PUT", "DELETE"):
        org.admin.refused(404012, verb, set_path(org.admin, set_id, "groups", bad), fmt=fmt)
    assert get(org.admin, set_id)["groupCount"] == "0"


# ---------------------------------------------------------------- the list
def test_list(org, other, fmt):
    group = make(org.admin)
    mine, foreign = [make_set(org.admin, groups=[group]) for _ in range(3)], make_set(other.admin)
    sets = listed(org.admin, fmt=fmt)
    assert set(mine) <= ids(sets) and foreign not in ids(sets)
    assert all(set(entry) == {"id", "name", "groupCount"} for entry in sets)
    assert ids(pages(org.admin, set_path(org.admin), 2, fmt=fmt)) == ids(sets)
    org.admin.refused(400006, "GET", set_path(org.admin) + "?pageNumber=9999", fmt=fmt)
    org.admin.refused(403014, "GET", set_path(org.admin) + "?pageSize=1001", fmt=fmt)


def test_result_level(org, fmt):
    groups = [make(org.admin) for _ in range(2)]
    full, empty = make_set(org.admin, groups=groups), make_set(org.admin)
    by_id = {entry["id"]: entry for entry in listed(org.admin, "resultlevel=members", fmt)}
    assert by_id[full] == get(org.admin, full, fmt) and ids(by_id[full]["group"]) == set(groups)
    assert "group" not in by_id[empty]
    local = {entry["id"]: entry for entry in listed(org.admin, "resultlevel=local", fmt)}
    assert "group" not in local[full] and local[full]["groupCount"] == "2"
    org.admin.refused(400000, "GET", set_path(org.admin) + "?resultlevel=all", fmt=fmt)


def test_filter_sort_fields(org, fmt):
    mark = unique("m")
    b, a = make_set(org.admin, mark + "-b"), make_set(org.admin, mark + "-a")
    for query, want in ((f"filter=name:eq:{mark}-a", [a]), (f"filter=name:in:[{mark}-a,{mark}-b]", [b, a]),
                        (f"filter=luid:eq:{b}", [b]), (f"filter=name:eq:{mark}*&sort=name:asc", [a, b]),
                        (f"filter=name:eq:{mark}*&sort=name:desc", [b, a]), ("filter=name:eq:nobody", [])):
        assert [entry["id"] for entry in listed(org.admin, query, fmt)] == want, query
    assert [set(entry) for entry in listed(org.admin, f"filter=luid:eq:{a}&fields=name", fmt)] == [{"name"}]
    for query, code in (("filter=groupCount:eq:1", 400065), ("filter=name", 400000), ("sort=x:asc", 400065),
                        ("fields=x", 400000)):
        org.admin.refused(code, "GET", f"{set_path(org.admin)}?{query}", fmt=fmt)


# ---------------------------------------------------------------- who may, and where
def calls(client, set_id, group):
    return [("POST", set_path(client), {"groupSet": {"name": unique("s")}}),
            ("GET", set_path(client, set_id), None),
            ("PUT", set_path(client, set_id), {"groupSet": {"name": unique("s")}}),
            ("PUT", set_path(client, set_id, "groups", group), None),
            ("DELETE", set_path(client, set_id, "groups", group), None),
            ("DELETE", set_path(client, set_id), None)]


@pytest.mark.parametrize("role", ["Creator", "ExplorerCanPublish", "Explorer", "Viewer"])
def test_only_administrators(org, fmt, role):
    client, group = org.as_role(role), make(org.admin)
    set_id = make_set(org.admin, groups=[group])
    before = get(org.admin, set_id)
    for verb, path, doc in calls(client, set_id, group) + [("GET", set_path(client), None)]:
        reply = client.call(verb, path, doc, fmt=fmt)
        assert reply.status == 403 and reply.code.startswith("403"), (verb, path, reply)
    assert get(org.admin, set_id) == before


@pytest.mark.parametrize("role", ADMINS)
def test_site_administrators(org, fmt, role):
    client, group = org.as_role(role), make(org.admin)
    for verb, path, doc in calls(client, make_set(org.admin), group):
        assert client.call(verb, path, doc, fmt=fmt).status < 300, (verb, path)


def test_nothing_crosses_over(org, other, fmt):
    group, mine = make(other.admin), make(org.admin)
    set_id, my_set = make_set(other.admin, groups=[group]), make_set(org.admin)
    before = get(other.admin, set_id)
    for verb, path, doc in calls(org.admin, set_id, mine)[1:]:
        org.admin.refused(404012, verb, path, doc, fmt=fmt)
    org.admin.refused(404012, "PUT", set_path(org.admin, my_set, "groups", group), fmt=fmt)
    assert listed(org.admin, f"filter=luid:eq:{set_id}", fmt) == []
    assert get(other.admin, set_id) == before and get(org.admin, my_set)["groupCount"] == "0"


def test_since_3_22(org, fmt):
    set_id = make_set(org.admin)
    for verb, path, doc in calls(org.admin, set_id, ZERO):
        org.admin.refused(404003, verb, path, doc, fmt=fmt, version="3.21")
    assert org.admin.ok("GET", set_path(org.admin, set_id), version="3.22").doc["groupSet"]


def test_scopes(org, fmt):
    set_id, group = make_set(org.admin), make(org.admin)
    reader = org.by_jwt(scopes=("tableau:groupsets:read",))
    reader.ok("GET", set_path(reader, set_id), fmt=fmt)
    reader.refused(401002, "PUT", set_path(reader, set_id, "groups", group), fmt=fmt)
    writer = org.by_jwt(scopes=("tableau:groupsets:update",))
    writer.ok("PUT", set_path(writer, set_id, "groups", group), fmt=fmt)
    writer.refused(401002, "DELETE", set_path(writer, set_id), fmt=fmt)
