"""How fresh the data of a workbook are to be: its dataFreshnessPolicy."""

import pytest

from contents import new_project, publish_workbook, workbook_bytes
from easel_client import unique
from published import publish
from test_workbooks import get, path, update

ZONE = "America/Los_Angeles"
STANDARD = {"option": "SiteDefault"}


@pytest.fixture(scope="module")
def project(org):
    return new_project(org.admin)


@pytest.fixture
def workbook(org, project):
    return publish_workbook(org.admin, project=project)


def every(frequency="Hours", value="4", **more):
    return {"option": "FreshEvery", "freshEverySchedule": {"frequency": frequency, "value": value},
            **more}


def at(frequency, *intervals, time="22:30:00", zone=ZONE, **more):
    schedule = {"frequency": frequency, "time": time, "timezone": zone,
                "intervals": {"interval": list(intervals)} if intervals else {}}
    return {"option": "FreshAt", "freshAtSchedule": {k: v for k, v in schedule.items()
                                                     if v is not None}, **more}


def week(*days):
    return [{"weekDay": day} for day in days]


def month(*days):
    return [{"monthDay": day} for day in days]


KEPT = [
    STANDARD, {"option": "AlwaysLive"},
    every("Minutes", "15"), every(), every("Days", "1"), every("Weeks", "9999"),
    at("Day"), at("Day", zone=None), at("Day", time="00:00:00", zone="Asia/Singapore"),
    at("Week", *week("Monday", "Friday")),
    at("Week", *week("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")),
    at("Month", *month("1", "15", "31"), time="23:59:59"), at("Month", *month("LastDay")),
    at("Month", *month(*(str(day) for day in range(1, 32)))),
]


@pytest.mark.parametrize("policy", KEPT)
def test_kept_and_told(org, workbook, fmt, policy):
    """The answers are held against the schema as they come."""
    reply = update(org.admin, workbook["id"], fmt, dataFreshnessPolicy=policy)
    assert reply.status == 200, reply
    assert reply.doc["workbook"]["dataFreshnessPolicy"] == policy
    assert get(org.admin, workbook["id"], fmt=fmt)["dataFreshnessPolicy"] == policy
    by_url = org.admin.ok("GET", f"{org.admin.site}/workbooks/{workbook['contentUrl']}?key=contentUrl",
                          fmt=fmt).doc["workbook"]
    assert by_url["dataFreshnessPolicy"] == policy
    (listed,) = org.admin.ok("GET", f"{path(org.admin)}?filter=name:eq:{workbook['name']}"
                             "&fields=id,dataFreshnessPolicy", fmt=fmt).doc["workbooks"]["workbook"]
    assert listed == {"id": workbook["id"], "dataFreshnessPolicy": policy}


def test_until_it_is_said(org, workbook, fmt):
    """Lists do not show it unasked; what is published has the site's."""
    assert workbook["dataFreshnessPolicy"] == STANDARD
    (listed,) = org.admin.ok("GET", f"{path(org.admin)}?filter=name:eq:{workbook['name']}",
                             fmt=fmt).doc["workbooks"]["workbook"]
    assert "dataFreshnessPolicy" not in listed
    assert get(org.admin, workbook["id"], fmt=fmt)["dataFreshnessPolicy"] == STANDARD


def test_it_stays_until_it_is_changed(org, project, fmt):
    """Other changes, and new revisions of the file, leave it; each policy replaces the
    one before as a whole."""
    name = unique("fresh")
    workbook = publish(org.admin, "workbook", workbook_bytes(), name, project)
    policy = at("Week", *week("Monday"))
    update(org.admin, workbook["id"], fmt, dataFreshnessPolicy=policy)
    update(org.admin, workbook["id"], fmt, description="other")
    publish(org.admin, "workbook", workbook_bytes(["Third"]), name, project, overwrite=True)
    assert get(org.admin, workbook["id"], fmt=fmt)["dataFreshnessPolicy"] == policy
    for then in (every(), at("Day"), {"option": "AlwaysLive"}, STANDARD):
        got = update(org.admin, workbook["id"], fmt, dataFreshnessPolicy=then).doc["workbook"]
        assert got["dataFreshnessPolicy"] == then
        assert get(org.admin, workbook["id"])["dataFreshnessPolicy"] == then


def test_words_in_any_case(org, workbook, fmt):
    """As answers of other servers have them; days in their order, each once."""
    asked = at("week", *week("WEDNESDAY", "sunday", "MONDAY", "Monday"))
    asked["option"] = "freshat"
    got = update(org.admin, workbook["id"], fmt, dataFreshnessPolicy=asked).doc["workbook"]
    assert got["dataFreshnessPolicy"] == at("Week", *week("Sunday", "Monday", "Wednesday"))
    got = update(org.admin, workbook["id"], fmt,
                 dataFreshnessPolicy=every("minutes", "030")).doc["workbook"]
    assert got["dataFreshnessPolicy"] == every("Minutes", "30")
    got = update(org.admin, workbook["id"], fmt,
                 dataFreshnessPolicy=at("Month", *month("20", "3"))).doc["workbook"]
    assert got["dataFreshnessPolicy"] == at("Month", *month("3", "20"))


def test_without_intervals_and_as_numbers(org, workbook):
    """A daily schedule needs no intervals; JSON may say numbers as such."""
    policy = at("Day")
    del policy["freshAtSchedule"]["intervals"]
    got = update(org.admin, workbook["id"], "xml", dataFreshnessPolicy=policy)
    assert got.doc["workbook"]["dataFreshnessPolicy"] == at("Day")
    got = update(org.admin, workbook["id"], "json", dataFreshnessPolicy=every("Hours", 4))
    assert got.doc["workbook"]["dataFreshnessPolicy"] == every("Hours", "4")
    got = update(org.admin, workbook["id"], "json", dataFreshnessPolicy=at("Month", *month(7)))
    assert got.doc["workbook"]["dataFreshnessPolicy"] == at("Month", *month("7"))


WRONG = [
    ({}, "option"), ({"option": ""}, "option"), ({"option": "Never"}, "option"),
    ({"option": "FreshEvery"}, "needs a freshEverySchedule"),
    ({"option": "FreshAt"}, "needs a freshAtSchedule"),
    ({**every(), "option": "SiteDefault"}, "has no freshEverySchedule"),
    ({**every(), "option": "FreshAt"}, "has no freshEverySchedule"),
    ({**at("Day"), "option": "AlwaysLive"}, "has no freshAtSchedule"),
    ({**at("Day"), **every()}, "has no freshAtSchedule"),
    (every("Months"), "Minutes, Hours, Days or Weeks"), (every(""), "Minutes"),
    ({"option": "FreshEvery", "freshEverySchedule": {"value": "3"}}, "frequency"),
    ({"option": "FreshEvery", "freshEverySchedule": {"frequency": "Days"}}, "value"),
    *((every("Days", value), "from 1 to 9999")
      for value in ("0", "0000", "-1", "10000", "1.5", "x", "", "1 ", "99999999999999999999")),
    (at("Hour"), "Day, Week or Month"), (at(None), "frequency"),
    *((at("Day", time=time), "time") for time in (
        None, "", "22", "22:30", "24:00:00", "29:00:00", "12:60:00", "12:00:60", "1:00:00",
        "12:00:00Z", "12-00-00", "12:00:00.5")),
    *((at("Day", zone=zone), "timezone") for zone in ("", "Mars Base", "x" * 65, "/etc", "a//b")),
    (at("Week"), "needs intervals"), (at("Month"), "needs intervals"),
    (at("Day", *week("Monday")), "no intervals"),
    (at("Week", *week("Someday")), "weekDay"), (at("Week", *month("3")), "weekDay"),
    (at("Week", {}), "weekDay"), (at("Week", {"hours": "4"}), "weekDay"),
    (at("Week", {"weekDay": "Monday", "monthDay": "3"}), "weekDay"),
    *((at("Month", *month(day)), "monthDay")
      for day in ("0", "32", "00", "-1", "x", "", "100", "First", "1.0")),
    (at("Month", *week("Monday")), "monthDay"),
    (at("Month", *month("3", "LastDay")), "LastDay"),
    (at("Month", *month("LastDay", "31")), "LastDay"),
]


@pytest.mark.parametrize("policy, told", WRONG)
def test_refused(org, workbook, fmt, policy, told):
    """With what is wrong, and nothing of the request done."""
    update(org.admin, workbook["id"], dataFreshnessPolicy=every())
    before = get(org.admin, workbook["id"])
    reply = update(org.admin, workbook["id"], fmt, description="never", dataFreshnessPolicy=policy)
    assert reply.code == "400000" and told in reply.detail, reply
    assert get(org.admin, workbook["id"]) == before


def test_who_may(org, project, fmt):
    """Who may write the workbook, and nobody else; who may read it is told."""
    workbook = publish_workbook(org.admin, project=project)
    creator, viewer = org.as_role("Creator"), org.as_role("Viewer")
    item = path(org.admin, workbook["id"])
    for client in (creator, viewer):
        assert update(client, workbook["id"], fmt, dataFreshnessPolicy=every()).code == "403027"
    assert get(org.admin, workbook["id"])["dataFreshnessPolicy"] == STANDARD

    def allow(user, **capabilities):
        org.admin.ok("PUT", f"{item}/permissions", {"permissions": {"granteeCapabilities": [{
            "user": {"id": user}, "capabilities": {"capability": [
                {"name": name, "mode": mode} for name, mode in capabilities.items()]}}]}})

    allow(org.user("Creator"), Read="Allow", Write="Allow")
    allow(org.user("Viewer"), Read="Allow")
    assert update(creator, workbook["id"], fmt, dataFreshnessPolicy=every()).status == 200
    assert get(viewer, workbook["id"], fmt=fmt)["dataFreshnessPolicy"] == every()
    assert update(viewer, workbook["id"], fmt, dataFreshnessPolicy=STANDARD).code == "403027"


def test_it_goes_with_the_workbook(org, project):
    name = unique("gone")
    first = publish(org.admin, "workbook", workbook_bytes(), name, project)
    update(org.admin, first["id"], dataFreshnessPolicy=every())
    org.admin.ok("DELETE", path(org.admin, first["id"]), status=204)
    second = publish(org.admin, "workbook", workbook_bytes(), name, project)
    assert get(org.admin, second["id"])["dataFreshnessPolicy"] == STANDARD
