/* test_site: what updates of a site do to its settings, and what goes with a
 * deleted site: everything that is in it, and nothing that is not. */
#include "acting.h"

#include "base/codec.h"
#include "domain/actor.h"
#include "domain/project.h"
#include "domain/site.h"
#include "domain/user.h"

struct world {
    struct tx *tx;
    struct site first, second;
    struct actor admin;
};

static void expect(struct tx *tx, enum err got, enum err wanted, const char *what)
{
    if (got != wanted)
        fail_msg("%s: %d (%s), expected %d", what, (int)got, got ? tx->fault.detail : "no fault",
                 (int)wanted);
    if (got)
        assert_true(utf8_valid(tx->fault.detail, strlen(tx->fault.detail)));
}

static struct user add(struct tx *tx, const char *site_id, const char *name, const char *role,
                       bool server_admin)
{
    struct user user;
    struct user_spec spec = {.name = name, .site_role = role, .server_admin = server_admin};
    expect(tx, user_add(tx, NULL, site_id, &spec, &user), E_OK, name);
    return user;
}

static struct world world_make(void **state)
{
    struct world w = {.tx = &((struct acting *)*state)->tx};
    struct site_spec first = {.name = "Default", .content_url = ""};
    struct site_spec second = {.name = "Second", .content_url = "second"};
    expect(w.tx, site_create(w.tx, NULL, &first, &w.first), E_OK, "first site");
    struct user ada = add(w.tx, w.first.id, "ada", "ServerAdministrator", true);
    assert_true(actor_load(w.tx, ada.id, &w.admin));
    expect(w.tx, project_create_default(w.tx, w.first.id, ada.id), E_OK, "default project");
    expect(w.tx, site_create(w.tx, &w.admin, &second, &w.second), E_OK, "second site");
    return w;
}

/* ---- settings */

static const char *setting(struct world *w, const char *name)
{
    struct site site;
    size_t count;
    const struct site_attribute *rows = site_attributes(&count);
    assert_int_equal(site_get(w->tx, w->second.id, &site), E_OK);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0) {
            const char *value = site_setting(w->tx, &site, &rows[i]);
            return value ? value : "-";
        }
    fail_msg("no attribute %s", name);
    return NULL;
}

static void quotas(void **state)
{
    struct world w = world_make(state);
    /* one update after another: what it says, what it answers, and what stands then */
    static const struct {
        const char *mode;
        struct site_setting settings[4];
        enum err err;
        const char *quota, *creators;
    } cases[] = {
        {NULL, {{"userQuota", "15"}}, E_OK, "15", "-"},
        {NULL, {{"userQuota", "0"}}, E400000, "15", "-"},
        {"ContentOnly", {{0}}, E409004, "15", "-"},
        {NULL, {{"tierCreatorCapacity", "2"}}, E_OK, "-", "2"},
        {NULL, {{"tierExplorerCapacity", "1"}, {"tierViewerCapacity", "0"}}, E_OK, "3", "2"},
        {NULL, {{"userQuota", "9"}, {"tierViewerCapacity", "0"}}, E409004, "3", "2"},
        {"ContentOnly", {{0}}, E_OK, "3", "2"},
        {NULL, {{"userQuota", "9"}}, E409004, "3", "2"},
        {"ContentAndUsers", {{"userQuota", "9"}}, E_OK, "9", "-"},
        {"ContentOnly", {{"userQuota", "-1"}}, E_OK, "-", "-"},
        {NULL, {{"userQuota", "-1"}, {"tierCreatorCapacity", "5"}}, E_OK, "-", "5"},
        {NULL, {{"tierCreatorCapacity", "-1"}}, E_OK, "-", "-"},
        {NULL, {{"tierCreatorCapacity", "1"}, {"tierCreatorCapacity", "7"}}, E_OK, "-", "7"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct site site;
        struct site_spec spec = {.admin_mode = cases[i].mode, .settings = cases[i].settings};
        while (spec.setting_count < 4 && cases[i].settings[spec.setting_count].name)
            spec.setting_count++;
        expect(w.tx, site_update(w.tx, &w.admin, w.second.id, &spec, &site), cases[i].err,
               arena_printf(w.tx->arena, "update %zu", i));
        assert_string_equal(setting(&w, "userQuota"), cases[i].quota);
        assert_string_equal(setting(&w, "tierCreatorCapacity"), cases[i].creators);
    }
}

static void embedding(void **state)
{
    struct world w = world_make(state);
    struct site_embedding shown;
    struct site site;
    site_get_embedding(w.tx, &w.second, &shown);
    assert_true(shown.unrestricted);
    assert_string_equal(shown.allow_list, "");
    struct site_embedding wanted = {false, "a.example.com %0A\nb.example.com"};
    struct site_setting zone = {"timeZone", "Europe/Oslo"};
    struct site_spec spec = {.settings = &zone, .setting_count = 1};
    expect(w.tx, site_set_embedding(w.tx, w.second.id, &wanted), E_OK, "embedding");
    expect(w.tx, site_update(w.tx, &w.admin, w.second.id, &spec, &site), E_OK, "zone");
    site_get_embedding(w.tx, &site, &shown);
    assert_false(shown.unrestricted);
    assert_string_equal(shown.allow_list, wanted.allow_list);
    assert_string_equal(setting(&w, "timeZone"), "Europe/Oslo");
}

/* ---- deleting */

static void fill(struct world *w, const struct site *site)
{
    struct user owner =
        add(w->tx, site->id, arena_printf(w->tx->arena, "%s-own", site->id), "Creator", false);
    struct user both = add(w->tx, site->id, "both", "Viewer", false);
    struct project parent, child;
    struct actor there = w->admin; /* one acts on the site of the session */
    there.site_id = site->id;
    struct project_spec spec = {.name = "P", .owner_id = owner.id};
    expect(w->tx, project_create(w->tx, &there, site->id, &spec, &parent), E_OK, "parent");
    spec.parent_id = parent.id;
    expect(w->tx, project_create(w->tx, &there, site->id, &spec, &child), E_OK, "child");
    const char *group = arena_printf(w->tx->arena, "g-%s", site->id);
    const char *set = arena_printf(w->tx->arena, "s-%s", site->id);
    const char *app = arena_printf(w->tx->arena, "a-%s", site->id);
    const struct {
        const char *sql, *values[3];
    } rows[] = {
        {"INSERT INTO site_group (id, site_id, name, name_key, created_at, updated_at, serial) "
         "VALUES (?1, ?2, 'G', 'g', 0, 0, 1000)",
         {group, site->id}},
        {"INSERT INTO group_member (group_id, site_user_id) VALUES (?1, ?2)", {group, both.id}},
        {"INSERT INTO group_set (id, site_id, name, name_key, created_at, updated_at, serial) "
         "VALUES (?1, ?2, 'S', 's', 0, 0, 1000)",
         {set, site->id}},
        {"INSERT INTO group_set_member (group_set_id, group_id) VALUES (?1, ?2)", {set, group}},
        {"INSERT INTO permission_rule (item_id, content_type, grantee_id, grantee_kind, site_id, "
         "allow_set, deny_set) VALUES (?1, 'x', ?2, 'user', ?3, 1, 0)",
         {child.id, both.id, site->id}},
        {"INSERT INTO connected_app (client_id, site_id, name, enabled, vetted, created_at, "
         "updated_at, serial) VALUES (?1, ?2, 'A', 1, 1, 0, 0, 1000)",
         {app, site->id}},
        {"INSERT INTO connected_app_project (client_id, project_id, position) VALUES (?1, ?2, 1)",
         {app, child.id}},
        {"INSERT INTO connected_app_secret (id, client_id, sealed, created_at) "
         "VALUES (?1, ?2, 'x', 0)",
         {set, app}},
        {"INSERT INTO personal_access_token (id, site_user_id, name, secret_hash, created_at, "
         "expires_at) VALUES (?1, ?2, 'T', 'x', 0, 0)",
         {group, both.id}},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct stmt *stmt = db_prepare_text(w->tx->db, rows[i].sql);
        for (int v = 0; v < 3 && rows[i].values[v]; v++)
            stmt_text(stmt, v + 1, rows[i].values[v]);
        if (stmt_step(stmt) != DB_DONE)
            fail_msg("%s: %s", rows[i].sql, db_message(w->tx->db));
    }
}

/* What belongs to sites. */
static const char *const TABLES[] = {
    "site",
    "site_user",
    "project",
    "site_group",
    "group_member",
    "group_set",
    "group_set_member",
    "permission_rule",
    "connected_app",
    "connected_app_project",
    "connected_app_secret",
    "personal_access_token",
};

static int64_t rows_of(struct tx *tx, const char *table)
{
    struct stmt *stmt =
        db_prepare_text(tx->db, arena_printf(tx->arena, "SELECT COUNT(*) FROM %s", table));
    assert_int_equal(stmt_step(stmt), DB_ROW);
    int64_t count = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return count;
}

static bool account_exists(struct tx *tx, const char *name)
{
    struct account account;
    return account_find(tx, name, &account);
}

static void deleted_with_all_in_it(void **state)
{
    struct world w = world_make(state);
    struct site third;
    struct site_spec spec = {.name = "Third", .content_url = "third"};
    int64_t before[LENGTH(TABLES)];
    fill(&w, &w.first);
    for (size_t i = 0; i < LENGTH(TABLES); i++) {
        before[i] = rows_of(w.tx, TABLES[i]);
        assert_true(before[i] > 0);
    }
    expect(w.tx, site_create(w.tx, &w.admin, &spec, &third), E_OK, "third site");
    fill(&w, &third);
    expect(w.tx, site_delete(w.tx, &w.admin, third.id), E_OK, "delete");
    for (size_t i = 0; i < LENGTH(TABLES); i++)
        if (rows_of(w.tx, TABLES[i]) != before[i])
            fail_msg("%s: %lld rows, before %lld", TABLES[i], (long long)rows_of(w.tx, TABLES[i]),
                     (long long)before[i]);
    assert_true(account_exists(w.tx, "ada"));
    assert_true(account_exists(w.tx, "both")); /* still on the first site */
    assert_true(account_exists(w.tx, arena_printf(w.tx->arena, "%s-own", w.first.id)));
    assert_false(account_exists(w.tx, arena_printf(w.tx->arena, "%s-own", third.id)));
    struct site site;
    expect(w.tx, site_get(w.tx, third.id, &site), E404000, "gone");
    expect(w.tx, site_get(w.tx, w.first.id, &site), E_OK, "kept");
    assert_int_equal(site.user_count, 3);
    assert_int_equal(site.project_count, 3);
}

/* No table that names sites was forgotten: every row that names one by site_id. */
static void no_table_forgotten(void **state)
{
    struct world w = world_make(state);
    int seen = 0;
    fill(&w, &w.second);
    expect(w.tx, site_delete(w.tx, &w.admin, w.second.id), E_OK, "delete");
    struct stmt *stmt = db_prepare(
        w.tx->db, "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = "
                  "'table' AND c.name = 'site_id'");
    for (; stmt_step(stmt) == DB_ROW; seen++) {
        const char *table = stmt_get_text(stmt, 0);
        struct stmt *rows = db_prepare_text(
            w.tx->db, arena_printf(w.tx->arena, "SELECT 1 FROM %s WHERE site_id = ?1", table));
        stmt_text(rows, 1, w.second.id);
        if (stmt_step(rows) == DB_ROW)
            fail_msg("%s still holds rows of the site", table);
        stmt_reset(rows);
    }
    assert_true(seen >= 6);
}

static void not_deleted(void **state)
{
    struct world w = world_make(state);
    struct user mia = add(w.tx, w.second.id, "mia", "SiteAdministratorCreator", false);
    struct actor site_admin;
    assert_true(actor_load(w.tx, mia.id, &site_admin));
    expect(w.tx, site_delete(w.tx, &site_admin, w.second.id), E403004, "by its administrator");
    expect(w.tx, site_delete(w.tx, &w.admin, w.first.id), E403002, "the default site");
    expect(w.tx, site_delete(w.tx, &w.admin, mia.id), E404000, "no site");
    expect(w.tx, site_delete(w.tx, &w.admin, "x"), E404000, "no id");
    assert_int_equal(rows_of(w.tx, "site"), 2);
}

#define NUMBERS "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "

/* Many rows, each person the owner of a project that lies in another's. */
static void large(void **state)
{
    struct world w = world_make(state);
    struct tx *tx = w.tx;
    const char *site_id = w.second.id;
    int64_t accounts = rows_of(tx, "account");
    run_sql(tx->db, "INSERT INTO account (id, name, name_key, created_at, updated_at) " NUMBERS
                    "SELECT 'a' || i, 'u' || i, 'u' || i, 0, 0 FROM n");
    run_sql(tx->db, arena_printf(tx->arena,
                                 "INSERT INTO site_user (id, site_id, account_id, name, name_key, "
                                 "site_role, created_at, updated_at, serial) " NUMBERS
                                 "SELECT 'u' || i, '%s', 'a' || i, 'u' || i, 'u' || i, 'Viewer', "
                                 "0, 0, 1000 + i FROM n",
                                 site_id));
    run_sql(tx->db,
            arena_printf(tx->arena,
                         "INSERT INTO project (id, site_id, parent_id, name, name_key, "
                         "content_permissions, owner_id, created_at, updated_at, serial) " NUMBERS
                         "SELECT 'p' || i, '%s', CASE WHEN i > 1 THEN 'p' || (i / 2) END, "
                         "'p' || i, 'p' || i, 'x', 'u' || i, 0, 0, 1000 + i FROM n",
                         site_id));
    expect(tx, site_delete(tx, &w.admin, site_id), E_OK, "delete");
    assert_int_equal(rows_of(tx, "account"), accounts);
    assert_int_equal(rows_of(tx, "project"), 1);
}

#define EVERYWHERE(ON) \
    ON(quotas), ON(embedding), ON(deleted_with_all_in_it), ON(not_deleted), ON(large)

int main(void)
{
    const struct CMUnitTest sqlite[] = {ACTS_ON_SQLITE(no_table_forgotten),
                                        EVERYWHERE(ACTS_ON_SQLITE)};
    const struct CMUnitTest pg[] = {EVERYWHERE(ACTS_ON_PG)};
    int failed = cmocka_run_group_tests_name("sites on SQLite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("sites on PostgreSQL", pg, NULL, NULL);
    return failed;
}
