/* test_users: who may change and remove whom, what goes with a user, how many there
 * are of each role, and along which indexes they are listed; on both engines. */
#include "acting.h"

#include "domain/actor.h"
#include "domain/licence.h"
#include "domain/permission.h"
#include "domain/project.h"
#include "domain/site.h"
#include "domain/user.h"

static void expect(struct tx *tx, enum err got, enum err wanted, const char *what)
{
    if (got != wanted)
        fail_msg("%s: %d (%s), expected %d", what, (int)got, got ? tx->fault.detail : "no fault",
                 (int)wanted);
}

/* ---- a server with two sites, and who acts on them */

struct world {
    struct tx *tx;
    const char *site_id, *other_id;
    struct user root;  /* server administrator */
    struct user chief; /* SiteAdministratorCreator */
    struct user exa;   /* Explorer, here alone */
    struct user una;   /* Unlicensed */
    struct user both;  /* Viewer here, Creator on the other site */
    struct user both_there;
    struct actor as_root, as_chief, as_exa;
};

static struct user add(struct tx *tx, const char *site_id, const char *name, const char *role)
{
    struct user user;
    struct user_spec spec = {.name = name, .site_role = role};
    expect(tx, user_add(tx, NULL, site_id, &spec, &user), E_OK, name);
    return user;
}

static struct actor acting_as(struct tx *tx, const struct user *user)
{
    struct actor actor;
    assert_true(actor_load(tx, user->id, &actor));
    return actor;
}

static const char *make_site(struct tx *tx, const char *name, const char *url)
{
    struct site site;
    struct site_spec spec = {.name = name, .content_url = url};
    expect(tx, site_create(tx, NULL, &spec, &site), E_OK, name);
    return site.id;
}

static struct world world_make(void **state)
{
    struct world w = {.tx = &((struct acting *)*state)->tx};
    w.site_id = make_site(w.tx, "Default", "");
    w.other_id = make_site(w.tx, "Other", "other");
    w.root = add(w.tx, w.site_id, "root", "ServerAdministrator");
    w.chief = add(w.tx, w.site_id, "chief", "SiteAdministratorCreator");
    w.exa = add(w.tx, w.site_id, "exa", "Explorer");
    w.una = add(w.tx, w.site_id, "una", "Unlicensed");
    w.both = add(w.tx, w.site_id, "both", "Viewer");
    w.both_there = add(w.tx, w.other_id, "both", "Creator");
    w.as_root = acting_as(w.tx, &w.root);
    w.as_chief = acting_as(w.tx, &w.chief);
    w.as_exa = acting_as(w.tx, &w.exa);
    return w;
}

static int64_t number(struct world *w, const char *sql)
{
    struct stmt *stmt = db_prepare_text(w->tx->db, sql);
    assert_int_equal(stmt_step(stmt), DB_ROW);
    int64_t value = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return value;
}

/* What is kept as a count is what there is. */
static void check_counts(struct world *w, const char *what)
{
    static const char *const wrong[] = {
        "SELECT COUNT(*) FROM site s WHERE s.user_count <> (SELECT COUNT(*) FROM site_user u "
        "WHERE u.site_id = s.id)",
        "SELECT COUNT(*) FROM site_role_count c WHERE c.user_count <> (SELECT COUNT(*) FROM "
        "site_user u WHERE u.site_id = c.site_id AND u.site_role = c.site_role)",
        "SELECT COUNT(*) FROM site_user u WHERE NOT EXISTS (SELECT 1 FROM site_role_count c "
        "WHERE c.site_id = u.site_id AND c.site_role = u.site_role)",
        "SELECT COUNT(*) FROM site_group g WHERE g.is_all_users = 0 AND g.user_count <> (SELECT "
        "COUNT(*) FROM group_member m WHERE m.group_id = g.id)",
        "SELECT COUNT(*) FROM site_user u JOIN account a ON a.id = u.account_id WHERE "
        "(a.server_admin = 1) <> (u.site_role = 'ServerAdministrator') OR a.name <> u.name OR "
        "a.name_key <> u.name_key OR COALESCE(a.full_name, '') <> COALESCE(u.full_name, '') OR "
        "COALESCE(a.email, '') <> COALESCE(u.email, '')",
    };
    for (size_t i = 0; i < LENGTH(wrong); i++)
        if (number(w, wrong[i]) != 0)
            fail_msg("%s: %s", what, wrong[i]);
}

/* ---- changing */

static void users_changed(void **state)
{
    struct world w = world_make(state);
    char long_name[1025];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct {
        const char *what;
        const struct actor *actor;
        const char *id;
        struct user_change change;
        enum err err;
    } cases[] = {
        {"nothing", &w.as_chief, w.exa.id, {0}, E_OK},
        {"by nobody of rank", &w.as_exa, w.exa.id, {.full_name = "Exa"}, E403004},
        {"unknown", &w.as_chief, "11111111-1111-4111-8111-111111111111", {0}, E404002},
        {"no id", &w.as_chief, "x' OR 1=1", {0}, E404002},
        {"of another site", &w.as_chief, w.both_there.id, {0}, E404002},
        /* the person */
        {"full name", &w.as_chief, w.exa.id, {.full_name = "Exa Example"}, E_OK},
        {"none", &w.as_chief, w.exa.id, {.full_name = ""}, E_OK},
        {"long full name", &w.as_chief, w.exa.id, {.full_name = long_name}, E400000},
        {"e-mail", &w.as_chief, w.exa.id, {.email = "exa@example.com"}, E_OK},
        {"no e-mail", &w.as_chief, w.exa.id, {.email = ""}, E_OK},
        {"bad e-mail", &w.as_chief, w.exa.id, {.email = "exa"}, E400000},
        {"bad e-mail", &w.as_chief, w.exa.id, {.email = "a@b\r\nBcc: c@d"}, E400000},
        {"name", &w.as_chief, w.exa.id, {.name = "exa2"}, E_OK},
        {"its case", &w.as_chief, w.exa.id, {.name = "EXA2"}, E_OK},
        {"with the domain", &w.as_chief, w.exa.id, {.name = "local\\exa"}, E_OK},
        {"name taken", &w.as_chief, w.exa.id, {.name = "una"}, E409000},
        {"without case", &w.as_chief, w.exa.id, {.name = "UNA"}, E409000},
        {"empty name", &w.as_chief, w.exa.id, {.name = ""}, E400000},
        {"domain alone", &w.as_chief, w.exa.id, {.name = "local\\"}, E400000},
        {"long name", &w.as_chief, w.exa.id, {.name = long_name}, E400000},
        {"guest", &w.as_chief, w.exa.id, {.name = "Guest"}, E403009},
        {"unknown domain", &w.as_chief, w.exa.id, {.name = "CORP\\exa"}, E404002},
        /* of several sites */
        {"person elsewhere", &w.as_chief, w.both.id, {.full_name = "B"}, E403004},
        {"its e-mail", &w.as_chief, w.both.id, {.email = "b@example.com"}, E403004},
        {"its name", &w.as_chief, w.both.id, {.name = "b"}, E403004},
        {"its password", &w.as_chief, w.both.id, {.password = true}, E403004},
        {"as it is", &w.as_chief, w.both.id, {.name = "both", .full_name = "", .email = ""}, E_OK},
        {"by root", &w.as_root, w.both.id, {.full_name = "B", .email = "b@example.com"}, E_OK},
        {"as it is now", &w.as_chief, w.both.id, {.full_name = "B"}, E_OK},
        {"role here", &w.as_chief, w.both.id, {.site_role = "Explorer"}, E_OK},
        {"all or nothing",
         &w.as_chief,
         w.both.id,
         {.site_role = "Creator", .full_name = "C"},
         E403004},
        /* roles */
        {"Creator", &w.as_chief, w.exa.id, {.site_role = "Creator"}, E_OK},
        {"the same", &w.as_chief, w.exa.id, {.site_role = "Creator"}, E_OK},
        {"older name", &w.as_chief, w.exa.id, {.site_role = "Interactor"}, E_OK},
        {"older name", &w.as_chief, w.exa.id, {.site_role = "ViewerWithPublish"}, E_OK},
        {"older name", &w.as_chief, w.exa.id, {.site_role = "UnlicensedWithPublish"}, E_OK},
        {"unknown", &w.as_chief, w.exa.id, {.site_role = "Emperor"}, E400013},
        {"empty", &w.as_chief, w.exa.id, {.site_role = ""}, E400013},
        {"case", &w.as_chief, w.exa.id, {.site_role = "viewer"}, E400013},
        {"Guest", &w.as_chief, w.exa.id, {.site_role = "Guest"}, E400013},
        {"support", &w.as_chief, w.exa.id, {.site_role = "SupportUser"}, E400013},
        {"server role", &w.as_chief, w.exa.id, {.site_role = "ServerAdministrator"}, E403004},
        {"one's own", &w.as_chief, w.chief.id, {.site_role = "Creator"}, E403009},
        {"one's own as it is",
         &w.as_chief,
         w.chief.id,
         {.site_role = "SiteAdministratorCreator", .full_name = "Chief"},
         E_OK},
        {"root's own", &w.as_root, w.root.id, {.site_role = "Creator"}, E403009},
        {"above oneself", &w.as_chief, w.root.id, {.site_role = "Viewer"}, E403004},
        {"above oneself", &w.as_chief, w.root.id, {.full_name = "Root"}, E403004},
        {"above oneself", &w.as_chief, w.root.id, {.password = true}, E403004},
        {"chief by root", &w.as_root, w.chief.id, {.site_role = "Viewer"}, E_OK},
        {"and back", &w.as_root, w.chief.id, {.site_role = "SiteAdministratorCreator"}, E_OK},
        /* signing in, language */
        {"SAML", &w.as_chief, w.exa.id, {.auth_setting = "SAML"}, E_OK},
        {"odd", &w.as_chief, w.exa.id, {.auth_setting = "Magic"}, E400003},
        {"empty", &w.as_chief, w.exa.id, {.auth_setting = ""}, E400003},
        {"language", &w.as_chief, w.exa.id, {.language = "de", .locale = "de_CH"}, E_OK},
        {"odd language", &w.as_chief, w.exa.id, {.language = "<script>"}, E400000},
        {"long locale", &w.as_chief, w.exa.id, {.locale = long_name}, E400000},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct user before, after, checked;
        bool there = user_get(w.tx, &w.as_root, w.site_id, cases[i].id, &before) == E_OK;
        expect(w.tx,
               user_check_change(w.tx, cases[i].actor, w.site_id, cases[i].id, &cases[i].change),
               cases[i].err, cases[i].what);
        expect(w.tx,
               user_update(w.tx, cases[i].actor, w.site_id, cases[i].id, &cases[i].change, &after),
               cases[i].err, cases[i].what);
        check_counts(&w, cases[i].what);
        if (!cases[i].err || !there)
            continue;
        expect(w.tx, user_get(w.tx, &w.as_root, w.site_id, cases[i].id, &checked), E_OK, "again");
        assert_int_equal(checked.role, before.role);
        assert_string_equal(checked.name, before.name);
        assert_string_equal(checked.full_name ? checked.full_name : "",
                            before.full_name ? before.full_name : "");
    }
}

static void a_change_is_what_was_asked_for(void **state)
{
    struct world w = world_make(state);
    struct user user;
    struct account account;
    struct user_change all = {.name = "Exeter",
                              .full_name = "Exa Example",
                              .email = "exa@example.com",
                              .password = true,
                              .password_hash = "a hash",
                              .site_role = "Creator",
                              .auth_setting = "OpenID",
                              .language = "fr",
                              .locale = "fr_FR"};
    expect(w.tx, user_update(w.tx, &w.as_chief, w.site_id, w.exa.id, &all, &user), E_OK, "all");
    for (int i = 0; i < 2; i++) {
        assert_string_equal(user.name, "Exeter");
        assert_string_equal(user.full_name, "Exa Example");
        assert_string_equal(user.email, "exa@example.com");
        assert_string_equal(user.auth_setting, "OpenID");
        assert_string_equal(user.language, "fr");
        assert_string_equal(user.locale, "fr_FR");
        assert_int_equal(user.role, ROLE_CREATOR);
        /* and an absent attribute changes nothing */
        expect(w.tx,
               user_update(w.tx, &w.as_chief, w.site_id, w.exa.id, &(struct user_change){0}, &user),
               E_OK, "nothing");
    }
    assert_true(account_find(w.tx, "exeter", &account));
    assert_string_equal(account.password_hash, "a hash");
    assert_false(account_find(w.tx, "exa", &account));
}

static void server_administrators_are_so_everywhere(void **state)
{
    struct world w = world_make(state);
    struct user user;
    struct user_change up = {.site_role = "ServerAdministrator"}, down = {.site_role = "Explorer"};
    expect(w.tx, user_update(w.tx, &w.as_root, w.site_id, w.both.id, &up, &user), E_OK, "up");
    check_counts(&w, "up");
    expect(w.tx, user_get(w.tx, &w.as_root, w.other_id, w.both_there.id, &user), E_OK, "there");
    assert_int_equal(user.role, ROLE_SERVER_ADMINISTRATOR);
    expect(w.tx, user_update(w.tx, &w.as_root, w.site_id, w.both.id, &down, &user), E_OK, "down");
    assert_int_equal(user.role, ROLE_EXPLORER);
    check_counts(&w, "down");
    /* What the person was there is not known any more: nothing. */
    expect(w.tx, user_get(w.tx, &w.as_root, w.other_id, w.both_there.id, &user), E_OK, "there");
    assert_int_equal(user.role, ROLE_UNLICENSED);
    /* A person made a server administrator comes to another site as one. */
    struct user_spec spec = {.name = "exa", .site_role = "Viewer"};
    expect(w.tx, user_update(w.tx, &w.as_root, w.site_id, w.exa.id, &up, &user), E_OK, "exa");
    expect(w.tx, user_add(w.tx, NULL, w.other_id, &spec, &user), E_OK, "exa there");
    assert_int_equal(user.role, ROLE_SERVER_ADMINISTRATOR);
    check_counts(&w, "exa there");
}

static void the_last_administrators_stay(void **state)
{
    struct world w = world_make(state);
    struct user there = add(w.tx, w.other_id, "lone", "SiteAdministratorExplorer"), user;
    struct user_change viewer = {.site_role = "Viewer"};
    struct user_change admin = {.site_role = "SiteAdministratorCreator"};
    struct actor root = w.as_root; /* who has no place on the other site */
    expect(w.tx, user_update(w.tx, &root, w.other_id, there.id, &viewer, &user), E403009, "lone");
    expect(w.tx, user_remove(w.tx, &root, w.other_id, there.id, NULL), E403004, "lone");
    expect(w.tx, user_update(w.tx, &root, w.other_id, there.id, &admin, &user), E_OK, "kind");
    expect(w.tx, user_update(w.tx, &root, w.other_id, w.both_there.id, &admin, &user), E_OK,
           "second");
    expect(w.tx, user_update(w.tx, &root, w.other_id, there.id, &viewer, &user), E_OK,
           "one of two");
    /* of the server: asked for by another who was one a moment ago */
    struct actor late = {.user_id = w.exa.id,
                         .account_id = w.exa.account_id,
                         .site_id = w.site_id,
                         .role = ROLE_SERVER_ADMINISTRATOR};
    expect(w.tx, user_update(w.tx, &late, w.site_id, w.root.id, &admin, &user), E403009, "root");
    expect(w.tx, user_remove(w.tx, &late, w.site_id, w.root.id, NULL), E403004, "root");
    add(w.tx, w.site_id, "root2", "ServerAdministrator");
    expect(w.tx, user_update(w.tx, &late, w.site_id, w.root.id, &admin, &user), E_OK, "two roots");
    check_counts(&w, "all");
}

static void the_guest_stays_as_it_is(void **state)
{
    struct world w = world_make(state);
    struct user user;
    struct user_change change = {.full_name = "G"};
    run_sql(w.tx->db, arena_printf(w.tx->arena,
                                   "UPDATE site_user SET site_role = 'Guest' "
                                   "WHERE id = '%s'",
                                   w.exa.id));
    expect(w.tx, user_update(w.tx, &w.as_root, w.site_id, w.exa.id, &change, &user), E403009, "G");
}

/* ---- licences */

static const char *limited(struct world *w, const char *name, const struct site_setting *settings,
                           size_t count)
{
    struct site site;
    struct site_spec spec = {
        .name = name, .content_url = name, .settings = settings, .setting_count = count};
    expect(w->tx, site_create(w->tx, NULL, &spec, &site), E_OK, name);
    return site.id;
}

static void licences_run_out(void **state)
{
    struct world w = world_make(state);
    static const struct site_setting quota[] = {{"userQuota", "2"}};
    static const struct site_setting tiers[] = {
        {"tierCreatorCapacity", "1"}, {"tierExplorerCapacity", "1"}, {"tierViewerCapacity", "0"}};
    const char *by_quota = limited(&w, "quota", quota, 1);
    const char *by_tier = limited(&w, "tiers", tiers, 3);
    static const struct {
        const char *name, *role; /* added, or changed where there */
        bool tiers;
        enum err err;
    } cases[] = {
        {"q1", "Unlicensed", false, E_OK},
        {"q2", "Viewer", false, E_OK},
        {"q3", "SiteAdministratorCreator", false, E_OK},
        {"q4", "Viewer", false, E409014},
        {"q4", "Unlicensed", false, E_OK},
        {"q1", "Viewer", false, E409014},
        {"q2", "Creator", false, E_OK}, /* takes another's licence for its own */
        {"q2", "Unlicensed", false, E_OK},
        {"q1", "Viewer", false, E_OK},
        {"q2", "Viewer", false, E409014},
        {"t1", "Creator", true, E_OK},
        {"t2", "SiteAdministratorCreator", true, E409014},
        {"t2", "ExplorerCanPublish", true, E_OK},
        {"t3", "Explorer", true, E409014},
        {"t3", "Viewer", true, E409014},
        {"t3", "Unlicensed", true, E_OK},
        {"t2", "Explorer", true, E_OK}, /* the same licence */
        {"t2", "Creator", true, E409014},
        {"t1", "Unlicensed", true, E_OK},
        {"t2", "Creator", true, E_OK},
        {"t3", "SiteAdministratorExplorer", true, E_OK},
        {"t1", "Explorer", true, E409014},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct user user;
        struct account account;
        struct user_spec spec = {.name = cases[i].name, .site_role = cases[i].role};
        struct user_change change = {.site_role = cases[i].role};
        const char *site_id = cases[i].tiers ? by_tier : by_quota;
        const char *what = arena_printf(w.tx->arena, "%zu: %s %s", i, spec.name, spec.site_role);
        const char *why;
        bool there = account_find(w.tx, cases[i].name, &account);
        if (there) {
            user_find_exact(w.tx, site_id, cases[i].name, &user, &why);
            expect(w.tx, user_update(w.tx, &w.as_root, site_id, user.id, &change, &user),
                   cases[i].err, what);
        } else {
            /* A refused act is undone by its caller. */
            assert_true(db_savepoint(w.tx->db));
            expect(w.tx, user_add(w.tx, &w.as_root, site_id, &spec, &user), cases[i].err, what);
            if (cases[i].err)
                db_rollback_to(w.tx->db);
            else
                db_release(w.tx->db);
        }
        check_counts(&w, what);
    }
    /* A server administrator is never kept out. */
    struct user user;
    expect(w.tx, user_join(w.tx, w.root.account_id, by_quota, ROLE_SERVER_ADMINISTRATOR, &user),
           E_OK, "root");
    struct site_usage usage;
    expect(w.tx, site_usage(w.tx, by_quota, &usage), E_OK, "usage");
    assert_int_equal(usage.users, 3);
    assert_int_equal(usage.creators, 2);
    assert_int_equal(usage.explorers, 0);
    assert_int_equal(usage.viewers, 1);
}

static void counts_are_made_anew(void **state)
{
    struct world w = world_make(state);
    int64_t counts[ROLE_UNKNOWN];
    run_sql(w.tx->db, "UPDATE site_user SET site_role = 'Viewer' WHERE site_role <> "
                      "'ServerAdministrator'");
    expect(w.tx, licence_recount(w.tx, w.site_id), E_OK, "recount");
    expect(w.tx, licence_counts(w.tx, w.site_id, counts), E_OK, "counts");
    assert_int_equal(counts[ROLE_VIEWER], 4);
    assert_int_equal(counts[ROLE_SERVER_ADMINISTRATOR], 1);
    assert_int_equal(counts[ROLE_EXPLORER], 0);
    expect(w.tx, licence_counts(w.tx, w.other_id, counts), E_OK, "the other site");
    assert_int_equal(counts[ROLE_CREATOR], 1); /* as it was counted, not as it is */
}

static void each_role_has_its_licence(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum site_role role;
        enum licence licence;
    } cases[] = {
        {"ServerAdministrator", ROLE_SERVER_ADMINISTRATOR, LICENCE_CREATOR},
        {"SiteAdministratorCreator", ROLE_SITE_ADMINISTRATOR_CREATOR, LICENCE_CREATOR},
        {"SiteAdministratorExplorer", ROLE_SITE_ADMINISTRATOR_EXPLORER, LICENCE_EXPLORER},
        {"SiteAdministrator", ROLE_SITE_ADMINISTRATOR_EXPLORER, LICENCE_EXPLORER},
        {"Creator", ROLE_CREATOR, LICENCE_CREATOR},
        {"ExplorerCanPublish", ROLE_EXPLORER_CAN_PUBLISH, LICENCE_EXPLORER},
        {"Publisher", ROLE_EXPLORER_CAN_PUBLISH, LICENCE_EXPLORER},
        {"Explorer", ROLE_EXPLORER, LICENCE_EXPLORER},
        {"Interactor", ROLE_EXPLORER, LICENCE_EXPLORER},
        {"Viewer", ROLE_VIEWER, LICENCE_VIEWER},
        {"ReadOnly", ROLE_VIEWER, LICENCE_VIEWER},
        {"ViewerWithPublish", ROLE_VIEWER, LICENCE_VIEWER},
        {"Unlicensed", ROLE_UNLICENSED, LICENCE_NONE},
        {"UnlicensedWithPublish", ROLE_UNLICENSED, LICENCE_NONE},
        {"SupportUser", ROLE_SUPPORT_USER, LICENCE_VIEWER},
        {"Guest", ROLE_GUEST, LICENCE_VIEWER},
        {"Emperor", ROLE_UNKNOWN, LICENCE_NONE},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assert_int_equal(role_parse(cases[i].name), cases[i].role);
        assert_int_equal(role_licence(cases[i].role), cases[i].licence);
    }
}

/* ---- removing */

static void users_removed(void **state)
{
    struct world w = world_make(state);
    const struct {
        const char *what;
        const struct actor *actor;
        const char *id, *heir;
        enum err err;
    } cases[] = {
        {"by an explorer", &w.as_exa, w.una.id, NULL, E403004},
        {"unknown", &w.as_chief, "11111111-1111-4111-8111-111111111111", NULL, E404002},
        {"no id", &w.as_chief, "' OR 1=1 --", NULL, E404002},
        {"of another site", &w.as_chief, w.both_there.id, NULL, E404002},
        {"above oneself", &w.as_chief, w.root.id, NULL, E403004},
        {"malformed heir", &w.as_chief, w.una.id, "somebody", E400000},
        {"empty heir", &w.as_chief, w.una.id, "", E400000},
        {"its own heir", &w.as_chief, w.una.id, w.una.id, E400000},
        {"unknown heir", &w.as_chief, w.una.id, "11111111-1111-4111-8111-111111111111", E404002},
        {"heir of another site", &w.as_chief, w.una.id, w.both_there.id, E404002},
        {"plain", &w.as_chief, w.una.id, NULL, E_OK},
        {"again", &w.as_chief, w.una.id, NULL, E404002},
        {"with an heir of nothing", &w.as_chief, w.both.id, w.exa.id, E_OK},
        {"oneself, one of two", &w.as_chief, w.chief.id, NULL, E_OK},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        expect(w.tx, user_remove(w.tx, cases[i].actor, w.site_id, cases[i].id, cases[i].heir),
               cases[i].err, cases[i].what);
        check_counts(&w, cases[i].what);
    }
    struct account account;
    assert_false(account_find(w.tx, "una", &account)); /* on no site any more */
    assert_true(account_find(w.tx, "both", &account));
    assert_true(account_find(w.tx, "root", &account));
}

static void content_finds_a_new_owner(void **state)
{
    struct world w = world_make(state);
    struct project project;
    bool owns;
    struct project_spec spec = {.name = "P", .owner_id = w.exa.id};
    expect(w.tx, project_create(w.tx, &w.as_root, w.site_id, &spec, &project), E_OK, "project");
    expect(w.tx, user_owns_content(w.tx, w.exa.id, &owns), E_OK, "owns");
    assert_true(owns);
    int64_t epoch = number(&w, "SELECT access_epoch FROM site WHERE content_url = ''");
    expect(w.tx, user_remove(w.tx, &w.as_chief, w.site_id, w.exa.id, NULL), E409003, "owner");
    assert_int_equal(number(&w, "SELECT access_epoch FROM site WHERE content_url = ''"), epoch);
    expect(w.tx, user_remove(w.tx, &w.as_chief, w.site_id, w.exa.id, w.una.id), E_OK, "mapped");
    assert_true(number(&w, "SELECT access_epoch FROM site WHERE content_url = ''") > epoch);
    expect(w.tx, project_get(w.tx, w.site_id, project.id, &project), E_OK, "project");
    assert_string_equal(project.owner_id, w.una.id);
    expect(w.tx, user_owns_content(w.tx, w.both.id, &owns), E_OK, "owns nothing");
    assert_false(owns);
}

static void what_a_user_had_goes_too(void **state)
{
    struct world w = world_make(state);
    struct project project;
    struct user_group *groups;
    size_t count;
    struct project_spec spec = {.name = "P"};
    struct rule rule = {.kind = GRANTEE_USER, .grantee_id = w.exa.id, .allow = 1};
    struct arena *arena = w.tx->arena;
    expect(w.tx, project_create(w.tx, &w.as_root, w.site_id, &spec, &project), E_OK, "project");
    expect(w.tx, permission_add(w.tx, w.site_id, project.id, TYPE_PROJECT, &rule, 1), E_OK, "rule");
    run_sql(w.tx->db,
            arena_printf(arena,
                         "INSERT INTO site_group (id, site_id, name, name_key, user_count, "
                         "minimum_site_role, created_at, updated_at, serial) VALUES "
                         "('22222222-2222-4222-8222-222222222222', '%s', 'G', 'g', 2, 'Viewer', "
                         "0, 0, 1000)",
                         w.site_id));
    for (int i = 0; i < 2; i++)
        run_sql(w.tx->db, arena_printf(arena,
                                       "INSERT INTO group_member (group_id, site_user_id) VALUES "
                                       "('22222222-2222-4222-8222-222222222222', '%s')",
                                       i ? w.una.id : w.exa.id));
    run_sql(w.tx->db, arena_printf(arena,
                                   "INSERT INTO personal_access_token (id, site_user_id, name, "
                                   "secret_hash, created_at, expires_at) VALUES ('p', '%s', 'n', "
                                   "'h', 0, 0)",
                                   w.exa.id));
    expect(w.tx, user_groups(w.tx, &w.exa, &groups, &count), E_OK, "groups");
    assert_int_equal(count, 2);
    assert_string_equal(groups[0].name, "All Users");
    assert_string_equal(groups[1].name, "G");
    assert_string_equal(groups[1].minimum_site_role, "Viewer");
    expect(w.tx, user_groups(w.tx, &w.both, &groups, &count), E_OK, "groups of another");
    assert_int_equal(count, 1);
    expect(w.tx, user_remove(w.tx, &w.as_chief, w.site_id, w.exa.id, NULL), E_OK, "remove");
    check_counts(&w, "removed");
    assert_int_equal(number(&w, "SELECT user_count FROM site_group WHERE name = 'G'"), 1);
    assert_int_equal(number(&w, "SELECT COUNT(*) FROM personal_access_token"), 0);
    assert_int_equal(number(&w, arena_printf(arena,
                                             "SELECT COUNT(*) FROM permission_rule WHERE "
                                             "grantee_id = '%s'",
                                             w.exa.id)),
                     0);
}

static void content_only_sites(void **state)
{
    struct world w = world_make(state);
    struct user user;
    struct user_spec spec = {.name = "new", .site_role = "Viewer"};
    struct user_change change = {.site_role = "Creator"};
    run_sql(w.tx->db, "UPDATE site SET admin_mode = 'ContentOnly' WHERE content_url = ''");
    expect(w.tx, user_add(w.tx, &w.as_chief, w.site_id, &spec, &user), E403004, "add");
    expect(w.tx, user_remove(w.tx, &w.as_chief, w.site_id, w.exa.id, NULL), E403004, "remove");
    expect(w.tx, user_update(w.tx, &w.as_chief, w.site_id, w.exa.id, &change, &user), E_OK, "role");
    expect(w.tx, user_add(w.tx, &w.as_root, w.site_id, &spec, &user), E_OK, "add by root");
    expect(w.tx, user_remove(w.tx, &w.as_root, w.site_id, user.id, NULL), E_OK, "remove by root");
}

/* ---- lists */

static const char *listed(struct world *w, const char *filter, const char *sort)
{
    struct list_request list;
    struct user *users;
    size_t count;
    int64_t total;
    const char *names = "";
    expect(w->tx, list_parse(w->tx, user_fields, user_field_count, NULL, NULL, filter, sort, &list),
           E_OK, filter);
    expect(w->tx, user_list(w->tx, w->site_id, &list, &users, &count, &total), E_OK, filter);
    assert_int_equal(total, count);
    for (size_t i = 0; i < count; i++)
        names = arena_printf(w->tx->arena, "%s%s%s", names, i ? " " : "", users[i].name);
    return names;
}

static void filters_and_sorts(void **state)
{
    struct world w = world_make(state);
    struct user user;
    bool noted;
    struct user_change name = {.full_name = "Aaron"};
    expect(w.tx, user_update(w.tx, &w.as_root, w.site_id, w.una.id, &name, &user), E_OK, "Aaron");
    expect(w.tx, user_signed_in(w.tx, w.exa.id, &noted), E_OK, "sign-in"); /* at NOW */
    const struct {
        const char *filter, *sort, *names;
    } cases[] = {
        {"", "", "root chief exa una both"},
        {"", "name", "both chief exa root una"},
        {"", "name:desc", "una root exa chief both"},
        {"", "siteRole,name:desc", "exa root chief una both"},
        {"", "siteRole:desc", "both una chief root exa"},
        {"", "friendlyName", "una both chief exa root"},
        {"", "friendlyName:desc", "root exa chief both una"},
        {"", "lastLogin:desc", "exa both una chief root"},
        {"", "lastLogin", "root chief una both exa"},
        {"", "domainName:desc", "root chief exa una both"},
        {"", "isLocal,name", "both chief exa root una"},
        {"name:eq:exa", "", "exa"},
        {"name:eq:EXA", "", ""},
        {"name:eq:*o*", "name", "both root"},
        {"name:in:[exa,una,nobody]", "name:desc", "una exa"},
        {"siteRole:eq:Viewer", "", "both"},
        {"siteRole:eq:ReadOnly", "", "both"},
        {"siteRole:eq:viewer", "", ""},
        {"siteRole:eq:Nobody", "", ""},
        {"siteRole:eq:*Administrator*", "name", "chief root"},
        {"siteRole:in:[Viewer,Explorer]", "", "exa both"},
        {"siteRole:in:[Explorer,Interactor,Explorer]", "", "exa"},
        {"siteRole:in:[Viewer,Explorer,Unlicensed,Nobody]", "name:desc", "una exa both"},
        {"siteRole:in:[Viewer,Explorer,Unlicensed]", "friendlyName", "una both exa"},
        {"siteRole:in:[Viewer,Explorer],name:eq:exa", "name", "exa"},
        {"siteRole:eq:Viewer,name:eq:exa", "", ""},
        {"friendlyName:eq:Aaron", "", "una"},
        {"friendlyName:eq:chief", "", "chief"},
        {"friendlyName:in:[Aaron,exa]", "name", "exa una"},
        {"domainName:eq:local", "name", "both chief exa root una"},
        {"domainName:eq:lo*l", "name", "both chief exa root una"},
        {"domainName:eq:corp", "", ""},
        {"domainName:in:[corp,local]", "name", "both chief exa root una"},
        {"domainName:in:[corp]", "name", ""},
        {"isLocal:eq:true", "name", "both chief exa root una"},
        {"isLocal:eq:false", "name", ""},
        {"isLocal:eq:true,siteRole:eq:Viewer", "", "both"},
        {"lastLogin:gt:2023-11-14T22:13:19Z", "", "exa"},
        {"lastLogin:gt:2023-11-14T22:13:20Z", "", ""},
        {"lastLogin:eq:2023-11-14T22:13:20Z", "", "exa"},
        {"lastLogin:lt:2023-11-14T22:13:20Z", "", ""}, /* never is not before */
        {"lastLogin:lte:2023-11-14T22:13:20Z", "", "exa"},
        {"lastLogin:gte:2023-11-14T22:13:20Z,lastLogin:lt:2024-01-01T00:00:00Z", "", "exa"},
        {"name:eq:x' OR 1=1; --", "", ""},
        {"siteRole:in:[')); DROP TABLE site_user;--,Viewer]", "", "both"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        if (strcmp(listed(&w, cases[i].filter, cases[i].sort), cases[i].names) != 0)
            fail_msg("%s %s: %s", cases[i].filter, cases[i].sort,
                     listed(&w, cases[i].filter, cases[i].sort));
    const char *luids = arena_printf(w.tx->arena, "luid:in:[%s,%s]", w.exa.id, w.una.id);
    assert_string_equal(listed(&w, luids, "name"), "exa una");
    luids = arena_printf(w.tx->arena, "luid:eq:%s", w.both_there.id);
    assert_string_equal(listed(&w, luids, "luid"), "");
}

/* How SQLite goes about a statement, in a line. */
static const char *plan_of(struct tx *tx, const char *sql)
{
    const char *plan = "";
    struct stmt *stmt =
        db_prepare_text(tx->db, arena_printf(tx->arena, "EXPLAIN QUERY PLAN %s", sql));
    while (stmt_step(stmt) == DB_ROW)
        plan = arena_printf(tx->arena, "%s%s; ", plan, stmt_get_text(stmt, 3));
    assert_true(*plan);
    return plan;
}

/* Leaves no text but one of no meaning: what is prepared next is told by its place. */
static void forget_texts(struct tx *tx)
{
    for (int i = 0; i == 0 || tx->db->text_count != 1; i++)
        db_prepare_text(tx->db, arena_printf(tx->arena, "SELECT %d", i));
}

/* Every order, and every filter that comes with one, walks an index: what a page costs
 * does not grow with the list. */
static void lists_walk_indexes(void **state)
{
    struct world w = world_make(state);
    const struct {
        const char *filter, *sort, *index;
    } cases[] = {
        {"", "name", "site_user_by_name (site_id=?)"},
        {"", "name:desc", "site_user_by_name (site_id=?)"},
        {"", "friendlyName", "site_user_by_friendly_name (site_id=?)"},
        {"", "friendlyName:desc", "site_user_by_friendly_name (site_id=?)"},
        {"", "lastLogin", "site_user_by_last_login (site_id=?)"},
        {"", "lastLogin:desc", "site_user_by_last_login (site_id=?)"},
        {"", "luid", "site_user_by_luid (site_id=?)"},
        {"", "siteRole", "site_user_by_role (site_id=?)"},
        {"", "siteRole:desc", "site_user_by_role (site_id=?)"},
        {"", "siteRole,name", "site_user_by_role_and_name (site_id=?)"},
        {"", "siteRole:desc,name:desc", "site_user_by_role_and_name (site_id=?)"},
        {"", "siteRole,lastLogin", "site_user_by_role_and_last_login (site_id=?)"},
        {"", "domainName,isLocal:desc,name", "site_user_by_name (site_id=?)"},
        {"siteRole:eq:Viewer", "", "site_user_by_role (site_id=? AND site_role=?)"},
        {"siteRole:eq:Viewer", "name", "site_user_by_role_and_name (site_id=? AND site_role=?)"},
        {"siteRole:eq:Viewer", "name:desc",
         "site_user_by_role_and_name (site_id=? AND site_role=?)"},
        {"siteRole:eq:Viewer", "friendlyName",
         "site_user_by_role_and_friendly_name (site_id=? AND site_role=?)"},
        {"siteRole:eq:Viewer", "lastLogin:desc",
         "site_user_by_role_and_last_login (site_id=? AND site_role=?)"},
        {"siteRole:eq:Viewer,domainName:eq:local,isLocal:eq:true", "name",
         "site_user_by_role_and_name (site_id=? AND site_role=?)"},
        {"siteRole:in:[Viewer]", "name", "site_user_by_role_and_name (site_id=? AND site_role=?)"},
        {"siteRole:in:[Viewer,Creator]", "name",
         "site_user_by_role_and_name (site_id=? AND site_role=?)"},
        {"siteRole:in:[Viewer,Creator]", "friendlyName:desc",
         "site_user_by_role_and_friendly_name (site_id=? AND site_role=?)"},
        {"siteRole:in:[Viewer,Creator,Explorer]", "",
         "site_user_by_role (site_id=? AND site_role=?)"},
        {"name:eq:exa", "", "site_user_by_name (site_id=? AND name=?)"},
        {"name:eq:exa", "name:desc", "site_user_by_name (site_id=? AND name=?)"},
        {"friendlyName:eq:exa", "", "site_user_by_friendly_name (site_id=? AND <expr>=?)"},
        {"lastLogin:gt:2023-11-14T22:13:19Z", "lastLogin:desc",
         "site_user_by_last_login (site_id=? AND last_login_at>?)"},
        {"lastLogin:lt:2023-11-14T22:13:19Z", "lastLogin",
         "site_user_by_last_login (site_id=? AND last_login_at>? AND last_login_at<?)"},
        {"siteRole:eq:Viewer,lastLogin:lt:2023-11-14T22:13:19Z", "lastLogin",
         "site_user_by_role_and_last_login (site_id=? AND site_role=? AND last_login_at>? AND "
         "last_login_at<?)"},
    };
    struct db *db = w.tx->db;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const char *what =
            arena_printf(w.tx->arena, "filter=%s sort=%s", cases[i].filter, cases[i].sort);
        forget_texts(w.tx);
        listed(&w, cases[i].filter, cases[i].sort);
        size_t end = db->text_count;
        assert_true(end > 1); /* the page comes last, after a count where there was one */
        for (size_t t = 1; t < end; t++) {
            const char *plan = plan_of(w.tx, db->texts[t]);
            if (strstr(plan, "SCAN") || strstr(plan, "TEMP B-TREE") ||
                (t + 1 == end && !strstr(plan, cases[i].index)))
                fail_msg("%s: %s\n%s", what, db->texts[t], plan);
        }
    }
}

#define EVERYWHERE(ON)                                                                  \
    ON(users_changed), ON(a_change_is_what_was_asked_for),                              \
        ON(server_administrators_are_so_everywhere), ON(the_last_administrators_stay),  \
        ON(the_guest_stays_as_it_is), ON(licences_run_out), ON(counts_are_made_anew),   \
        ON(users_removed), ON(content_finds_a_new_owner), ON(what_a_user_had_goes_too), \
        ON(content_only_sites), ON(filters_and_sorts)

int main(void)
{
    const struct CMUnitTest sqlite[] = {cmocka_unit_test(each_role_has_its_licence),
                                        ACTS_ON_SQLITE(lists_walk_indexes),
                                        EVERYWHERE(ACTS_ON_SQLITE)};
    const struct CMUnitTest pg[] = {EVERYWHERE(ACTS_ON_PG)};
    int failed = cmocka_run_group_tests_name("users on SQLite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("users on PostgreSQL", pg, NULL, NULL);
    return failed;
}
