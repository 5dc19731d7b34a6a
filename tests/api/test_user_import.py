"""Users imported and deleted by CSV: what a file may say, what is reported of one
that is wrong, and what stands afterwards.
"""

import pytest

import csv_jobs
from csv_jobs import counts, ended, multipart, notes, send_delete, send_import, texts, users
from easel_client import check_refusal, to_xml, unique
from orgs import Org


@pytest.fixture
def site(server, home):
    """A site of the test's own, as its administrator by role (no server administrator)."""
    org = Org(server, home, unique("import"))
    org.boss = org.as_role("SiteAdministratorCreator")
    return org


# ---------------------------------------------------------------- what is applied
ROLES = [  # level, admin, publishing -> site role
    (("Creator", "None", "yes"), "Creator"),
    (("creator", "", ""), "Creator"),
    (("CREATOR", "no", "TRUE"), "Creator"),
    (("Explorer", "None", "1"), "ExplorerCanPublish"),
    (("Explorer", "None", "No"), "Explorer"),
    (("Explorer", "", ""), "Explorer"),
    (("ExplorerCanPublish", "", "1"), "ExplorerCanPublish"),
    (("Interactor", "", "0"), "Explorer"),
    (("Viewer", "none", "false"), "Viewer"),
    (("Unlicensed", "None", "0"), "Unlicensed"),
    (("Creator", "Site", "1"), "SiteAdministratorCreator"),
    (("Explorer", "site", "True"), "SiteAdministratorExplorer"),
    (("", "Site", "1"), "SiteAdministratorExplorer"),
    (("", "", ""), "Unlicensed"),
]


def test_words_become_site_roles(site):
    rows = [(unique("r"), "", f"Name {i}", *words, f"r{i}@example.com")
            for i, (words, _) in enumerate(ROLES)]
    job = ended(site.boss, send_import(site.boss, rows), 0)
    assert job["type"] == "CreateSiteUsersCsv" and job["mode"] == "Asynchronous"
    assert counts(job) == {"CountOfUsersProcessed": len(ROLES),
                           "CountOfUsersAddedToSite": len(ROLES),
                           "CountOfUsersSiteRoleUpdated": 0,
                           "CountOfUsersInformationUpdated": 0, "CountOfUsersSkipped": 0}
    found = users(site.boss)
    for i, (row, (_, role)) in enumerate(zip(rows, ROLES)):
        user = found[row[0]]
        assert (user["siteRole"], user["fullName"], user["email"]) == \
            (role, f"Name {i}", f"r{i}@example.com")


def test_columns_may_be_left_out(site):
    names = [unique("c") for _ in range(4)]
    data = (f"{names[0]}\n{names[1]},\r\n\r\nlocal\\{names[2]},,Three\r"
            f'" {names[3]} ",,"Four, ""the"" last",Viewer').encode()
    ended(site.boss, send_import(site.boss, b"\xef\xbb\xbf" + data), 0)
    found = users(site.boss)
    assert [found[name]["siteRole"] for name in names] == \
        ["Unlicensed", "Unlicensed", "Unlicensed", "Viewer"]
    assert found[names[2]]["fullName"] == "Three"
    assert found[names[3]]["fullName"] == 'Four, "the" last'


def test_an_at_may_be_written_in_hexadecimal(site):
    name = unique("at")
    ended(site.boss, send_import(site.boss, f"{name}\\0x40fremont@example.com\n".encode()), 0)
    assert f"{name}@fremont@example.com" in users(site.boss)


def test_users_of_the_site_are_changed_where_the_row_differs(site):
    same, changed, named = (unique("u") for _ in range(3))
    first = [(same, "", "Same", "Viewer", "", "", "same@example.com"),
             (changed, "", "Old", "Viewer", "", "", "old@example.com"),
             (named, "", "Named", "Explorer", "", "", "")]
    ended(site.boss, send_import(site.boss, first), 0)
    before = users(site.boss)
    second = [first[0], (changed.upper(), "", "New", "Explorer", "", "yes", "new@example.com"),
              (named,)]
    job = ended(site.boss, send_import(site.boss, second), 0)
    assert counts(job) == {"CountOfUsersProcessed": 3, "CountOfUsersAddedToSite": 0,
                           "CountOfUsersSiteRoleUpdated": 1,
                           "CountOfUsersInformationUpdated": 1, "CountOfUsersSkipped": 2}
    after = users(site.boss)
    assert after[same] == before[same] and after[named] == before[named]
    assert after[changed]["id"] == before[changed]["id"]
    assert (after[changed]["siteRole"], after[changed]["fullName"], after[changed]["email"]) == \
        ("ExplorerCanPublish", "New", "new@example.com")


def test_a_password_signs_in(server, site):
    name = unique("pw")
    rows = [(name, "first, \"quoted\" Ünïcode ", "", "Viewer")]
    ended(site.boss, send_import(site.boss, rows), 0)
    server.client().by_password(name, rows[0][1], site.content_url)
    ended(site.boss, send_import(site.boss, [(name, "second")]), 0)
    server.client().by_password(name, "second", site.content_url)
    check_refusal(server.client().sign_in_reply({
        "name": name, "password": rows[0][1], "site": {"contentUrl": site.content_url}}), 401001)


def test_a_person_of_another_site_joins_and_keeps_what_is_theirs(server, home, site):
    other = Org(server, home, unique("elsewhere"))
    name = unique("shared")
    ended(other.admin, send_import(other.admin, [(name, "theirs", "Theirs", "Viewer", "", "",
                                                  "theirs@example.com")]), 0)
    job = ended(site.boss, send_import(site.boss, [(name, "mine", "Mine", "Explorer", "", "",
                                                    "mine@example.com")]), 0)
    assert counts(job)["CountOfUsersAddedToSite"] == 1
    user = users(site.boss)[name]
    assert (user["siteRole"], user["fullName"], user["email"]) == \
        ("Explorer", "Theirs", "theirs@example.com")
    server.client().by_password(name, "theirs", site.content_url)
    # Nor does a second import change a person who is on other sites.
    job = ended(site.boss, send_import(site.boss, [(name, "mine")]), 1)
    assert len(texts(job)) == 1 and texts(job)[0].startswith("Row 1: ")
    server.client().by_password(name, "theirs", other.content_url)


def test_how_users_sign_in(site):
    names = [unique("auth") for _ in range(3)]
    document = [{"authSetting": "SAML"}, {"name": names[1], "authSetting": "OpenID"}]
    ended(site.boss, send_import(site.boss, [(name,) for name in names], document), 0)
    assert [users(site.boss)[name]["authSetting"] for name in names] == ["SAML", "OpenID", "SAML"]
    job = ended(site.boss, send_import(site.boss, [(unique("auth"),)],
                                       [{"name": "nobody-such", "authSetting": "SAML"}]), 1)
    assert "nobody-such" in texts(job)[0]


# ---------------------------------------------------------------- administrators
def test_only_server_administrators_make_others_such(home, site):
    name = unique("system")
    job = ended(site.boss, send_import(site.boss, [(name, "", "", "Creator", "System", "1")]), 1)
    assert texts(job) == [
        "Row 1: administrator level: expected Site or None, since only server administrators "
        "give the level System, found System."]
    assert name not in users(site.boss)
    ended(site.admin, send_import(site.admin, [(name, "", "", "Creator", "System", "1")]), 0)
    assert users(site.admin)[name]["siteRole"] == "ServerAdministrator"
    # Who is one is not changed by those who are none.
    job = ended(site.boss, send_import(site.boss, [(name, "", "Other name", "Viewer")]), 1)
    assert "Row 1: " in texts(job)[0]
    assert users(site.boss)[name]["siteRole"] == "ServerAdministrator"


def test_nobody_changes_their_own_role(site):
    name = site.name("SiteAdministratorCreator")
    job = ended(site.boss, send_import(site.boss, [(name, "", "", "Viewer")]), 1)
    assert "own site role" in texts(job)[0]
    assert users(site.boss)[name]["siteRole"] == "SiteAdministratorCreator"


def test_whoever_started_it_must_still_be_an_administrator(server, home):
    """The rights that count are those at the time at which the job is done."""
    org = Org(server, home, unique("import"))
    boss = org.as_role("SiteAdministratorExplorer")
    names = [unique("late") for _ in range(30)]
    reply = send_import(boss, [(name, "password") for name in names])
    home.twin(org.admin.session).ok(
        "PUT", f"{org.admin.site}/users/{org.user('SiteAdministratorExplorer')}",
        {"user": {"siteRole": "Viewer"}})
    job = csv_jobs.wait(org.admin, reply.doc["job"]["id"])
    found = users(org.admin)
    if job["finishCode"] == "1":
        assert "no administrator" in texts(job)[0]
        assert not set(names) & set(found)
    else:
        assert set(names) <= set(found)  # it was done before the role was taken


@pytest.mark.parametrize("role", ["Creator", "Viewer"])
def test_only_administrators_import(org, role):
    check_refusal(send_import(org.as_role(role), [("x",)]), 403004)
    check_refusal(send_delete(org.as_role(role), ["x"]), 403004)


def test_no_scope_admits_it(org):
    client = org.by_jwt(scopes=("tableau:users:*",))
    check_refusal(send_import(client, [("x",)]), 401002)


def test_a_quota_admits_all_or_none(server, home):
    url = unique("quota")
    home.ok("POST", "/sites", {"site": {"name": url, "contentUrl": url, "userQuota": 3}}, 201)
    admin = server.admin(url)  # the first of the three
    names = [unique("q") for _ in range(3)]
    job = ended(admin, send_import(admin, [(name, "", "", "Viewer") for name in names]), 1)
    assert counts(job) == {"CountOfUsersSkipped": 3, "CountOfUsersWithInsufficientLicenses": 3}
    assert list(users(admin)) == [server.admin_name]
    rows = [(name, "", "", "Viewer") for name in names[:2]] + [(names[2],)]
    ended(admin, send_import(admin, rows), 0)
    assert users(admin)[names[2]]["siteRole"] == "Unlicensed"


# ---------------------------------------------------------------- what is wrong
WRONG = [
    (b"a,b,c,Viewer,None,no,a@example.com,more", "expected 1 to 7 columns, found 8."),
    (b",pw", "user name: expected a name, found nothing."),
    (b"   ", "user name: expected a name, found nothing."),
    (b"a,,,Guru", "license level: expected Creator, Explorer, Viewer or Unlicensed, found 'Guru'."),
    (b"a,,,SiteAdministratorCreator",
     "license level: expected Creator, Explorer, Viewer or Unlicensed, found "
     "'SiteAdministratorCreator'."),
    (b"a,,,Viewer,King", "administrator level: expected System, Site or None, found 'King'."),
    (b"a,,,Viewer,,maybe",
     "publishing capability: expected yes, true, 1, no, false or 0, found 'maybe'."),
    (b"a,,,Viewer,,yes",
     "publishing capability: expected no for the site role Viewer, found yes."),
    (b"a,,,Creator,,no", "publishing capability: expected yes for the site role Creator, found no."),
    (b"a,,,Viewer,Site,yes",
     "license level: expected Creator or Explorer for a site administrator, found 'Viewer'."),
    (b"a,,,,,yes",
     "license level: expected Creator or Explorer for a user who publishes, found nothing."),
    (b"a,,,,,,nobody", "e-mail address: 'nobody' is not a valid e-mail address."),
    (b"n" * 256, "user name: The name of a user can't be longer than 255 characters."),
    (b"guest", "user name: The Guest user can't be added."),
    (b"elsewhere\\a", "user name: User 'elsewhere\\a' could not be found: the server has no "
     "directory of that domain."),
    (b"a,,\"two\nlines\"", "display name: expected a text of one line, found a control character."),
    (b"a," + b"p" * 1025, "password: expected at most 1024 bytes, found 1025."),
    (b"a,,J\xfcrgen", "column 3: expected UTF-8, found the byte 0xFC at position 2."),
    (b"a,,J\x00rgen", "column 3: expected UTF-8, found the byte 0x00 at position 2."),
    (b"a,,b\"c\"",
     "column 3: expected quotes around the whole field, found one within it."),
    (b"a,,\"b\" c", "column 3: expected a comma or the end of the line behind the closing quote."),
    (b"a,,\"b", "column 3: expected a closing quote, found the end of the file."),
    (b"a,,\"" + b"b" * 5000,
     "column 3: expected a closing quote, found the end of the longest field there may be."),
    (b"a,," + b"b" * 5000, "column 3: expected at most 4096 bytes, found 5000."),
    (b"," * 20, "expected at most 16 columns, found more."),
]


@pytest.mark.parametrize("row, text", WRONG, ids=range(len(WRONG)))
def test_a_wrong_row_is_reported_and_nothing_changed(org, row, text):
    good = unique("good")
    job = ended(org.admin, send_import(org.admin, good.encode() + b"\n" + row), 1)
    assert notes(job)[0] == ("CountOfUsersSkipped", "2", "Nothing was changed: 1 error in 2 rows.")
    assert texts(job) == ["Row 2: " + text]
    assert good not in users(org.admin)


def test_every_wrong_row_is_reported_up_to_a_bound(org):
    rows = [(unique("w"), "", "", "Viewer" if i % 2 else "Nothing") for i in range(300)]
    job = ended(org.admin, send_import(org.admin, rows), 1)
    assert notes(job)[0][2] == "Nothing was changed: 150 errors in 300 rows."
    assert [text.split(":")[0] for text in texts(job)[:-1]] == \
        [f"Row {2 * i + 1}" for i in range(100)]
    assert texts(job)[-1] == "50 more errors."


def test_rows_and_lines_are_both_told_where_they_differ(org):
    data = b'a,"pass\nword"\nb,,,Nothing\n'
    job = ended(org.admin, send_import(org.admin, data), 1)
    assert texts(job)[0].startswith("Row 2 (line 3): license level")


def test_a_name_occurs_once(org):
    name = unique("twice")
    job = ended(org.admin, send_import(org.admin, [(name,), ("x",), (name.upper(),)]), 1)
    assert texts(job) == [f"Row 3: user name: expected each user once, found '{name.upper()}' of "
                          "row 1 again."]


@pytest.mark.parametrize("data, text", [
    ("a,b\n".encode("utf-16"), "The file: expected a file in UTF-8, found one in UTF-16."),
    (b"", "The file: expected a row for each user, found none."),
    (b"\r\n\n\r", "The file: expected a row for each user, found none."),
], ids=["utf-16", "empty", "blank"])
def test_a_file_that_is_wrong_as_a_whole(org, data, text):
    assert texts(ended(org.admin, send_import(org.admin, data), 1)) == [text]


# ---------------------------------------------------------------- the request
def test_a_request_without_its_parts(org):
    client, path = org.admin, f"{org.admin.site}/users/import"
    document = ("request_payload", "", "text/xml", to_xml({"user": [{}]}))
    file = ("tableau_user_import", "users.csv", "text/csv", b"x\n")
    for parts, word in (([document], "tableau_user_import"), ([file], "user"),
                        ([file, document, document], "request_payload"),
                        ([file, ("request_payload", "", "text/xml", b"<tsRequest>")], "XML"),
                        ([file, ("request_payload", "", "text/xml", b"<tsRequest/>")], "user")):
        body, content_type = multipart(parts)
        reply = client.refused(400000, "POST", path, raw=body, content_type=content_type)
        assert word in reply.detail
    client.refused(400000, "POST", path, raw=b"a,b\n", content_type="text/csv")
    client.refused(400000, "POST", path, raw=b"", content_type="multipart/mixed; boundary=b")
    body, _ = multipart([file, document], "right")
    client.refused(400000, "POST", path, raw=body, content_type="multipart/mixed; boundary=wrong")
    client.refused(400000, "POST", path, raw=body, content_type="multipart/mixed")
    client.refused(400000, "POST", path, raw=body[:-20],
                   content_type="multipart/mixed; boundary=right")


@pytest.mark.parametrize("users_el, code", [
    ([{"authSetting": "Kerberos"}], 400003),
    ([{"idpConfigurationId": "3f2504e0-4f89-11d3-9a0c-0305e82c3301"}], 400003),
    ([{"authSetting": "SAML", "idpConfigurationId": "x"}], 400000),
    ([{"authSetting": "SAML"}, {"authSetting": "OpenID"}], 400000),
    ([{"name": "", "authSetting": "SAML"}], 400000),
])
def test_a_setting_that_the_site_does_not_support(org, users_el, code):
    check_refusal(send_import(org.admin, [("x",)], users_el), code)


def test_json_beside_the_file_and_form_data(org):
    name = unique("form")
    body, content_type = multipart(
        [("request_payload", "", "application/json", b'{"user":[{"authSetting":"SAML"}]}'),
         ("tableau_user_import", "users.csv", "text/csv", name.encode())],
        kind="multipart/form-data")
    reply = org.admin.call("POST", f"{org.admin.site}/users/import", raw=body,
                           content_type=content_type, fmt="json")
    ended(org.admin, reply, 0)
    assert users(org.admin)[name]["authSetting"] == "SAML"


def test_a_large_file_is_taken_and_a_larger_one_refused(org):
    """Beyond max-body (4 MiB) for these paths alone, and for those alone who are signed in."""
    rows = b"".join(b"%s,,%s,Viewer\n" % (unique("big").encode(), b"n" * 200)
                    for _ in range(24000))
    assert len(rows) > 4 << 20
    job = ended(org.admin, send_import(org.admin, rows + b"x,,,Nothing\n", timeout=120), 1)
    assert notes(job)[0][2] == "Nothing was changed: 1 error in 24001 rows."
    body, content_type = multipart([("tableau_user_import", "", "", rows)])
    org.admin.refused(413000, "POST", f"{org.admin.site}/projects", raw=body,
                      content_type=content_type)


# ---------------------------------------------------------------- deletions
def test_users_are_removed_by_a_file(site):
    gone, owner = site.name("Viewer"), site.name("Creator")
    project = site.as_role("Creator").call(
        "POST", f"{site.admin.site}/projects", {"project": {"name": unique("p")}})
    if project.status != 201:
        made = site.admin.add_project(unique("owned"))
        site.admin.ok("PUT", f"{site.admin.site}/projects/{made['id']}",
                      {"project": {"owner": {"id": site.user("Creator")}}})
    me, boss = site.name("SiteAdministratorCreator"), "admin"
    job = ended(site.boss, send_delete(site.boss, [gone, owner, "nobody-such", me, boss]), 0)
    assert {kind: value for kind, value, _ in notes(job) if value} == {
        "CountOfUsersProcessed": "5", "CountOfUsersUnlicensed": "1", "CountOfUsersSkipped": "3"}
    assert "1 users were removed" in notes(job)[0][2]
    assert len(texts(job)) == 3
    found = users(site.admin)
    assert gone not in found and me in found and boss in found
    assert found[owner]["siteRole"] == "Unlicensed"


def test_a_wrong_file_removes_nobody(site):
    name = site.name("Viewer")
    job = ended(site.boss, send_delete(site.boss, f"{name}\nx\"y\n".encode()), 1)
    assert texts(job)[0].startswith("Row 2: ")
    assert name in users(site.boss)


def test_postman_sends_the_file_alone(site):
    body, content_type = multipart([("tableau_user_delete", "en_users.csv", "text/csv",
                                     site.name("Viewer").encode())], kind="multipart/form-data")
    reply = site.admin.call("POST", f"{site.admin.site}/users/delete", raw=body,
                            content_type=content_type)
    ended(site.admin, reply, 0)
    assert site.name("Viewer") not in users(site.admin)
