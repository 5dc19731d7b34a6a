"""Lists as clients ask for them: operators, how values are sent, pages, and the
documented error for what is no expression."""

from urllib.parse import quote

import pytest

from easel_client import unique

# Names that are written like expressions.
ODD = ["a:b", "a:eq:b", "[a", "a]", "[a]", "a b", "a+b", "50%", "a_b", "a\\b", "a'b", 'a"b', "a*",
       "' OR 1=1 --", "%", "_", "\u00c4rger", "a;b", "a=b", "?1", "a/b#c"]


@pytest.fixture(scope="module")
def shelf(org):
    """A project that holds one project for each odd name: (client, id, mark)."""
    mark = unique("m").replace("-", "")
    parent = org.admin.add_project(unique("shelf"))
    for name in ODD:
        org.admin.add_project(name + mark, parentProjectId=parent["id"])
    return org.admin, parent["id"], mark


def names(shelf, filter_, fmt=None, more=""):
    client, parent, mark = shelf
    doc = client.ok("GET", f"{client.site}/projects?pageSize=1000&filter=parentProjectId:eq:{parent},"
                    f"{filter_}{more}", fmt=fmt).doc
    found = [p["name"].removesuffix(mark) for p in doc["projects"].get("project", [])]
    assert doc["pagination"]["totalAvailable"] == str(len(found))
    return found


def test_values_are_values(shelf, fmt):
    for name in ODD:
        sent = quote(name + shelf[2], safe="")
        expected = [name] if name != "a*" else None  # * stands for any characters
        found = names(shelf, "name:eq:" + sent, fmt)
        assert found == expected or (expected is None and {"a*", "a b", "a:b"} <= set(found)), name
        assert names(shelf, f"name:in:[{sent}]", fmt) == [name]


def test_names_without_case(shelf, fmt):
    for name in ODD:
        for other in ((name + shelf[2]).upper(), (name + shelf[2]).lower()):
            assert names(shelf, "name:cieq:" + quote(other, safe=""), fmt) == [name]
    assert names(shelf, "name:eq:" + quote("\u00c4RGER" + shelf[2])) == []


def test_lists_of_values(shelf, fmt):
    """As TSC writes them: str() of a list without quotes, percent-encoded whole."""
    wanted = ["a:b", "a b", "50%"]
    for written in ("[" + ",".join(n + shelf[2] for n in wanted) + "]",
                    "[" + ",".join(n + shelf[2] for n in wanted) + ",nobody]"):
        for sent in (quote(written, safe=""), quote(written, safe="[],"), quote(written).replace(
                "%20", "+")):
            assert sorted(names(shelf, "name:in:" + sent, fmt)) == sorted(wanted)
    # brackets are brackets elsewhere
    assert names(shelf, f"name:eq:[a{shelf[2]},topLevelProject:eq:false", fmt) == ["[a"]


def test_booleans_as_python_writes_them(shelf, fmt):
    assert len(names(shelf, "topLevelProject:eq:False", fmt)) == len(ODD)
    assert names(shelf, "topLevelProject:eq:True", fmt) == []


def test_times_are_compared_as_they_are_shown(shelf, fmt):
    client, parent, mark = shelf
    one = client.ok("GET", f"{client.site}/projects?filter=name:eq:{quote('a b' + mark)}"
                    ).doc["projects"]["project"][0]
    shown = one["createdAt"]
    assert "a b" in names(shelf, f"createdAt:eq:{shown}", fmt)
    assert "a b" in names(shelf, f"createdAt:gte:{shown}", fmt)
    assert "a b" in names(shelf, f"createdAt:lte:{shown}", fmt)
    assert "a b" not in names(shelf, f"createdAt:gt:{shown}", fmt)
    assert "a b" not in names(shelf, f"createdAt:lt:{shown}", fmt)
    assert "a b" in names(shelf, f"createdAt:gte:{shown},createdAt:lte:{shown}", fmt)


def test_a_field_named_twice(shelf, fmt):
    mark = shelf[2]
    assert names(shelf, f"name:eq:nobody,name:cieq:A%20B{mark}", fmt) == ["a b"]


@pytest.mark.parametrize("what", ["users", "projects"])
@pytest.mark.parametrize("query,code", [
    ("filter=nonsense:eq:x", "400065"), ("filter=name:like:x", "400065"),
    ("filter=name:CIEQ:x", "400065"), ("filter=name:has:x", "400065"),
    ("filter=name_key:eq:x", "400065"), ("filter=name%20OR%201=1:eq:x", "400065"),
    ("filter=x.name:eq:x", "400065"), ("filter=name:gt:x", "400065"),
    ("filter=name", "400000"), ("filter=name:eq", "400000"), ("filter=name:in:x", "400000"),
    ("filter=name:in:[x", "400000"), ("filter=name:eq:a%2Cb", "400000"),
    ("filter=name:eq:a,,name:eq:b", "400000"), ("filter=name:in:[a]b", "400000"),
    ("sort=nonsense:asc", "400065"), ("sort=name:up", "400000"),
    ("sort=name;DROP%20TABLE%20project:asc", "400065"), ("sort=(SELECT%201):asc", "400065"),
    ("fields=nonsense", "400000"),
    ("pageNumber=0", "400006"), ("pageNumber=x", "400006"), ("pageNumber=99999", "400006"),
    ("pageSize=0", "400007"), ("pageSize=x", "400007"), ("pageSize=1001", "403014"),
])
def test_lists_that_cannot_be(org, fmt, what, query, code):
    reply = org.admin.refused(code, "GET", f"{org.admin.site}/{what}?{query}", fmt=fmt)
    assert len(reply.detail) < 300


@pytest.mark.parametrize("value", [
    "' OR '1'='1", "x'; DROP TABLE site_user; --", "x') UNION SELECT password_hash FROM account --",
    "\\", "%", "?1", "$1", "{text}", "0 OR 1=1",
])
def test_sql_is_a_value(org, fmt, value):
    for operator in ("eq", "cieq"):
        doc = org.admin.ok("GET", f"{org.admin.site}/users?filter=name:{operator}:"
                           + quote(value, safe=""), fmt=fmt).doc
        assert doc["pagination"]["totalAvailable"] == "0" and doc["users"] == {}
    assert org.admin.ok("GET", f"{org.admin.site}/users").doc["users"]["user"]


def test_an_empty_first_page_is_no_error(org, fmt):
    for what in ("users", "projects"):
        doc = org.admin.ok("GET", f"{org.admin.site}/{what}?filter=name:eq:nobody", fmt=fmt).doc
        assert doc["pagination"] == {"pageNumber": "1", "pageSize": "100", "totalAvailable": "0"}
        org.admin.refused(400006, "GET",
                          f"{org.admin.site}/{what}?filter=name:eq:nobody&pageNumber=2", fmt=fmt)
