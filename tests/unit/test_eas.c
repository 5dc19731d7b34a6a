/* test_eas: the rows of external authorization servers and the sessions that they
 * open, on both engines. */
#include "acting.h"

#include "trust/eas.h"
#include "trust/session.h"

#define SITE "10000000-0000-4000-8000-000000000001"
#define OTHER_SITE "10000000-0000-4000-8000-000000000002"
#define NOBODY "f0000000-0000-4000-8000-000000000001"
#define ISSUER "https://idp.example.com/t"

static const struct eas_rules ADMIN = {.limit = 3, .server_admin = true};
static const struct eas_rules SITE_ADMIN = {.limit = 3};

static void expect(struct tx *tx, enum err got, enum err wanted, const char *what)
{
    if (got != wanted)
        fail_msg("%s: %d (%s), expected %d", what, (int)got, got ? tx->fault.detail : "no fault",
                 (int)wanted);
}

static struct tx *with_sites(void **state)
{
    struct acting *acting = *state;
    run_sql(
        acting->db,
        "INSERT INTO site (id, name, name_key, content_url, content_url_key, state, admin_mode, "
        "attributes, created_at, updated_at, serial) VALUES "
        "('" SITE "', 'One', 'one', 'one', 'one', 'Active', 'ContentAndUsers', '', 1, 1, 1), "
        "('" OTHER_SITE "', 'Two', 'two', 'two', 'two', 'Active', 'ContentAndUsers', '', 1, 1, "
        "2)");
    return &acting->tx;
}

static struct eas registered(struct tx *tx, const char *site, const char *issuer,
                             const struct eas_rules *rules)
{
    struct eas eas = {0};
    expect(tx, eas_register(tx, site, &(struct eas_spec){.issuer_url = issuer}, rules, &eas), E_OK,
           issuer);
    return eas;
}

static void specs(void **state)
{
    static const struct {
        struct eas_spec spec;
        enum err err;
    } rows[] = {
        {{NULL, NULL, NULL}, E400008},
        {{"", NULL, NULL}, E400008},
        {{"x", NULL, NULL}, E400157},
        {{"http://idp.example.com", NULL, NULL}, E400157},
        {{"https://idp.example.com?a", NULL, NULL}, E400157},
        {{"https://idp.example.com#a", NULL, NULL}, E400157},
        {{"https://u@idp.example.com", NULL, NULL}, E400157},
        {{ISSUER, "x", NULL}, E400157},
        {{ISSUER, "http://idp.example.com/jwks", NULL}, E400157},
        {{ISSUER, "https://idp.example.com/jwks?v=1", "name"}, E_OK},
        {{ISSUER, NULL, NULL}, E400194},
        {{ISSUER "/", "", ""}, E_OK},
        {{"https://idp.example.com/T", NULL, " "}, E_OK},
        {{ISSUER, NULL, NULL}, E400194}, /* before the limit */
        {{"https://idp.example.com/4", NULL, NULL}, E400161},
    };
    struct tx *tx = with_sites(state);
    struct eas eas, *list;
    size_t count;
    for (size_t i = 0; i < LENGTH(rows); i++)
        expect(tx, eas_register(tx, SITE, &rows[i].spec, &ADMIN, &eas), rows[i].err,
               rows[i].spec.issuer_url ? rows[i].spec.issuer_url : "none");
    expect(tx, eas_list(tx, SITE, &list, &count), E_OK, "list");
    assert_int_equal(count, 3);
    assert_string_equal(list[0].name, "name");
    assert_string_equal(list[0].jwks_uri, "https://idp.example.com/jwks?v=1");
    assert_string_equal(list[1].name, "External Authorization Server");
    assert_null(list[1].jwks_uri);
    assert_string_equal(list[2].name, "External Authorization Server");
    struct eas_rules rules = {.limit = 3, .plain_http = true};
    registered(tx, OTHER_SITE, "http://127.0.0.1:9/t", &rules);
}

static void updates(void **state)
{
    struct tx *tx = with_sites(state);
    struct eas eas = registered(tx, SITE, ISSUER, &ADMIN), other;
    registered(tx, SITE, "https://other.example.com", &ADMIN);
    static const struct {
        struct eas_spec spec;
        enum err err;
        int64_t epoch;
    } rows[] = {
        {{NULL, NULL, NULL}, E_OK, 0},
        {{NULL, NULL, "name"}, E_OK, 0},
        {{ISSUER, "", NULL}, E_OK, 0}, /* as it was */
        {{"", NULL, NULL}, E400008, 0},
        {{"https://other.example.com", NULL, NULL}, E400194, 0},
        {{NULL, "https://idp.example.com/jwks", NULL}, E_OK, 1},
        {{NULL, "https://idp.example.com/jwks", "x"}, E_OK, 1},
        {{NULL, "", NULL}, E_OK, 2},
        {{"https://new.example.com", NULL, NULL}, E_OK, 3},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        expect(tx, eas_update(tx, SITE, eas.id, &rows[i].spec, &ADMIN, &other), rows[i].err,
               arena_printf(tx->arena, "row %zu", i));
        expect(tx, eas_get(tx, SITE, eas.id, &other), E_OK, "get");
        assert_int_equal(other.epoch, rows[i].epoch);
        assert_true(other.vetted);
    }
    assert_string_equal(other.name, "x");
    assert_string_equal(other.issuer_url, "https://new.example.com");
    expect(tx, eas_update(tx, OTHER_SITE, eas.id, &rows[0].spec, &ADMIN, &other), E404047, "site");
    expect(tx, eas_update(tx, SITE, NOBODY, &rows[0].spec, &ADMIN, &other), E404047, "nobody");
    expect(tx, eas_update(tx, SITE, "x", &rows[0].spec, &ADMIN, &other), E404047, "no id");
    expect(tx, eas_delete(tx, OTHER_SITE, eas.id), E404047, "delete on another site");
    expect(tx, eas_delete(tx, SITE, eas.id), E_OK, "delete");
    expect(tx, eas_delete(tx, SITE, eas.id), E404047, "delete again");
}

/* Vetted is lost with a change of keys by somebody else, and never comes back. */
static void who_vets(void **state)
{
    struct tx *tx = with_sites(state);
    struct eas_spec name = {.name = "n"}, keys = {.jwks_uri = "https://x.example.com"};
    struct eas eas = registered(tx, SITE, ISSUER, &ADMIN);
    assert_true(eas.vetted);
    expect(tx, eas_update(tx, SITE, eas.id, &name, &SITE_ADMIN, &eas), E_OK, "name");
    assert_true(eas.vetted);
    expect(tx, eas_update(tx, SITE, eas.id, &keys, &ADMIN, &eas), E_OK, "keys by the one");
    assert_true(eas.vetted);
    keys.jwks_uri = "https://y.example.com";
    expect(tx, eas_update(tx, SITE, eas.id, &keys, &SITE_ADMIN, &eas), E_OK, "keys by the other");
    assert_false(eas.vetted);
    keys.jwks_uri = "";
    expect(tx, eas_update(tx, SITE, eas.id, &keys, &ADMIN, &eas), E_OK, "and back");
    assert_false(eas.vetted);
    assert_false(registered(tx, OTHER_SITE, ISSUER, &SITE_ADMIN).vetted);
}

static void found_by_issuer(void **state)
{
    struct tx *tx = with_sites(state);
    struct eas eas, own = registered(tx, SITE, ISSUER, &ADMIN);
    assert_true(eas_find(tx, SITE, ISSUER, &eas));
    assert_false(eas_find(tx, OTHER_SITE, ISSUER, &eas));
    assert_true(eas_find(tx, NULL, ISSUER, &eas));
    static const char *const near[] = {
        (ISSUER "/"), "https://idp.example.com/T", "", (" " ISSUER), "HTTPS://idp.example.com/t",
        "%",          "https://idp.example.com/_"};
    for (size_t i = 0; i < LENGTH(near); i++)
        if (eas_find(tx, SITE, near[i], &eas))
            fail_msg("'%s' is found", near[i]);
    expect(tx, eas_configure(tx, ISSUER, NULL, false), E_OK, "configure");
    assert_true(eas_find(tx, SITE, ISSUER, &eas)); /* the site's own goes before */
    assert_string_equal(eas.id, own.id);
    assert_true(eas_find(tx, OTHER_SITE, ISSUER, &eas));
    assert_null(eas.site_id);
    assert_true(eas.vetted);
    run_sql(tx->db, "DELETE FROM site WHERE id = '" SITE "'");
    assert_true(eas_find(tx, SITE, ISSUER, &eas));
    assert_null(eas.site_id); /* the other one went with its site */
}

static void the_servers_own(void **state)
{
    struct tx *tx = with_sites(state);
    struct eas eas, again, *list;
    size_t count;
    expect(tx, eas_configure(tx, "", "", false), E_OK, "none");
    expect(tx, eas_configure(tx, "", "https://x.example.com", false), E400157, "keys alone");
    expect(tx, eas_configure(tx, "http://x.example.com", "", false), E400157, "http");
    expect(tx, eas_configure(tx, ISSUER, "x", false), E400157, "keys of no form");
    expect(tx, eas_configure(tx, ISSUER, "", false), E_OK, "set");
    assert_true(eas_find(tx, SITE, ISSUER, &eas));
    expect(tx, eas_configure(tx, ISSUER, NULL, false), E_OK, "set again");
    assert_true(eas_find(tx, SITE, ISSUER, &again));
    assert_string_equal(eas.id, again.id);
    expect(tx, eas_list(tx, SITE, &list, &count), E_OK, "list");
    assert_int_equal(count, 0);
    expect(tx, eas_get(tx, SITE, eas.id, &again), E404047, "get");
    expect(tx, eas_delete(tx, SITE, eas.id), E404047, "delete");
    expect(tx, eas_configure(tx, ISSUER, "https://x.example.com", false), E_OK, "other keys");
    assert_true(eas_find(tx, SITE, ISSUER, &again));
    assert_string_not_equal(eas.id, again.id);
    expect(tx, eas_configure(tx, "https://y.example.com", "", false), E_OK, "another");
    assert_false(eas_find(tx, SITE, ISSUER, &again));
    expect(tx, eas_configure(tx, NULL, NULL, false), E_OK, "none again");
    assert_false(eas_find(tx, NULL, "https://y.example.com", &again));
}

/* ---- sessions */

static const char *opened(struct tx *tx, const struct eas *eas)
{
    const char *token = NULL;
    struct session about = {.site_id = SITE,
                            .user_id = NOBODY,
                            .via = "jwt",
                            .client_id = eas->id,
                            .eas_id = eas->id,
                            .app_epoch = eas->epoch,
                            .scopes = "tableau:content:read",
                            .expires_at = tx->now + 1000};
    expect(tx, session_open(tx, &about, &token), E_OK, "open");
    return token;
}

static bool is_open(struct tx *tx, const char *token)
{
    char hash[100];
    struct session session;
    session_token_hash(token, hash);
    return session_find(tx, token, hash, &session);
}

static void sessions_end_with_the_server(void **state)
{
    struct tx *tx = with_sites(state);
    struct eas eas = registered(tx, SITE, ISSUER, &ADMIN), changed;
    const char *first = opened(tx, &eas);
    assert_true(is_open(tx, first));
    struct eas_spec spec = {.name = "n"};
    expect(tx, eas_update(tx, SITE, eas.id, &spec, &ADMIN, &changed), E_OK, "name");
    assert_true(is_open(tx, first));
    spec = (struct eas_spec){.issuer_url = ISSUER "/2"};
    expect(tx, eas_update(tx, SITE, eas.id, &spec, &ADMIN, &changed), E_OK, "issuer");
    assert_false(is_open(tx, first));
    spec.issuer_url = ISSUER;
    expect(tx, eas_update(tx, SITE, eas.id, &spec, &ADMIN, &changed), E_OK, "and back");
    assert_false(is_open(tx, first));
    /* One that was checked before the change and is opened after it. */
    assert_false(is_open(tx, opened(tx, &eas)));
    const char *second = opened(tx, &changed);
    assert_true(is_open(tx, second));
    expect(tx, eas_delete(tx, SITE, eas.id), E_OK, "delete");
    assert_false(is_open(tx, second));
    registered(tx, SITE, ISSUER, &ADMIN);
    assert_false(is_open(tx, second));
}

int main(void)
{
    const struct CMUnitTest sqlite[] = {
        ACTS_ON_SQLITE(specs),           ACTS_ON_SQLITE(updates),
        ACTS_ON_SQLITE(who_vets),        ACTS_ON_SQLITE(found_by_issuer),
        ACTS_ON_SQLITE(the_servers_own), ACTS_ON_SQLITE(sessions_end_with_the_server),
    };
    const struct CMUnitTest pg[] = {
        ACTS_ON_PG(specs),           ACTS_ON_PG(updates),
        ACTS_ON_PG(who_vets),        ACTS_ON_PG(found_by_issuer),
        ACTS_ON_PG(the_servers_own), ACTS_ON_PG(sessions_end_with_the_server),
    };
    int failed = cmocka_run_group_tests(sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests(pg, NULL, NULL);
    else
        print_message("EASEL_TEST_POSTGRES is not set: SQLite alone\n");
    return failed;
}
