/* test_permission: who may do what, as a truth table against a slow model that knows
 * nothing of sets and tables, and the rules as they are kept. */
#include "acting.h"

#include <string.h>

#include "domain/access.h"
#include "domain/actor.h"
#include "domain/permission.h"
#include "domain/project.h"
#include "domain/site.h"
#include "domain/user.h"
#include "domain/visible.h"

static void expect(struct tx *tx, enum err got, enum err wanted, const char *what)
{
    if (got != wanted)
        fail_msg("%s: %d (%s), expected %d", what, (int)got,
                 got && tx->fault.detail ? tx->fault.detail : "", (int)wanted);
}

/* ---- the model: one capability at a time, in words */

enum mode { UNSET, ALLOW, DENY };

struct question {
    const char *type, *capability, *role;
    bool owner, leader_above;
    enum mode user;
    bool group_allows, group_denies, leader_rule;
};

static bool in_words(const char *words, const char *word)
{
    char padded[512], wanted[80];
    snprintf(padded, sizeof padded, " %s ", words);
    snprintf(wanted, sizeof wanted, " %s ", word);
    return strstr(padded, wanted) != NULL;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

/* The ceilings of docs/permissions.md, written out again. */
static bool role_could(const struct question *q)
{
    static const char *const everything[] = {
        "ServerAdministrator",       "SiteAdministratorCreator",
        "SiteAdministratorExplorer", "Creator",
        "ExplorerCanPublish",        NULL};
    if (is_one_of(q->role, everything))
        return true;
    if (strcmp(q->role, "Unlicensed") == 0)
        return false;
    if (in_words("Read Filter ViewComments AddComment ExportImage ExportData Connect "
                 "VizqlDataApiAccess",
                 q->capability))
        return true;
    if (strcmp(q->role, "Explorer") != 0)
        return false;
    if (in_words("ShareView ViewUnderlyingData WebAuthoring RunExplainData", q->capability))
        return true;
    return strcmp(q->capability, "ExportXml") == 0 && strcmp(q->type, "workbook") != 0;
}

static bool model(const struct question *q)
{
    static const char *const administrators[] = {"ServerAdministrator", "SiteAdministratorCreator",
                                                 "SiteAdministratorExplorer", NULL};
    if (is_one_of(q->role, administrators))
        return true;
    if (!role_could(q))
        return false;
    if (q->owner || q->leader_above || q->leader_rule)
        return true;
    if (q->user != UNSET)
        return q->user == ALLOW;
    if (q->group_denies)
        return false;
    return q->group_allows;
}

static const char *const ROLES[] = {"ServerAdministrator",
                                    "SiteAdministratorCreator",
                                    "SiteAdministratorExplorer",
                                    "Creator",
                                    "ExplorerCanPublish",
                                    "Explorer",
                                    "Viewer",
                                    "Unlicensed"};

static bool answer(const struct question *q, enum content_type type, enum capability capability)
{
    cap_set bit = CAP_BIT(capability);
    struct standing standing = {
        .role = role_parse(q->role), .owns = q->owner, .leads = q->leader_above};
    struct grants grants = {.user_allow = q->user == ALLOW ? bit : 0,
                            .user_deny = q->user == DENY ? bit : 0,
                            .group_allow = q->group_allows ? bit : 0,
                            .group_deny = q->group_denies ? bit : 0};
    if (q->leader_rule)
        grants.group_allow |= CAP_BIT(CAP_PROJECT_LEADER);
    return (capability_decide(type, &standing, &grants) & bit) != 0;
}

static int ask(struct question *q, enum content_type type, enum capability capability)
{
    int asked = 0;
    bool project = type == TYPE_PROJECT;
    for (int bits = 0; bits < 3 << 5; bits++) {
        q->owner = bits & 1;
        q->leader_above = bits & 2;
        q->group_allows = bits & 4;
        q->group_denies = bits & 8;
        q->leader_rule = project && bits & 16;
        q->user = (enum mode)(bits >> 5);
        bool leading = capability == CAP_PROJECT_LEADER;
        if (leading && (q->user == DENY || q->group_denies || q->leader_rule))
            continue; /* ProjectLeader cannot be denied */
        if (leading) {
            q->leader_rule = q->user == ALLOW || q->group_allows;
        }
        asked++;
        if (answer(q, type, capability) != model(q))
            fail_msg("%s of a %s as %s: owner %d, leader above %d, user %d, group allow %d, deny "
                     "%d, leader rule %d: %d expected",
                     q->capability, q->type, q->role, q->owner, q->leader_above, (int)q->user,
                     q->group_allows, q->group_denies, q->leader_rule, model(q));
        q->leader_rule = false;
    }
    return asked;
}

static void truth_table(void **state)
{
    int asked = 0;
    (void)state;
    for (int type = 0; type < TYPE_COUNT; type++)
        for (int c = 0; c < CAP_COUNT; c++)
            for (size_t r = 0; r < LENGTH(ROLES); r++) {
                if (!(content_type_capabilities((enum content_type)type) & CAP_BIT(c)))
                    continue;
                struct question q = {.type = content_type_name((enum content_type)type),
                                     .capability = capability_name((enum capability)c),
                                     .role = ROLES[r]};
                asked += ask(&q, (enum content_type)type, (enum capability)c);
            }
    assert_true(asked > 30000);
}

/* ---- names and types */

static void words(void **state)
{
    static const struct {
        const char *segment;
        int type;
    } segments[] = {
        {"workbooks", TYPE_WORKBOOK},
        {"Workbooks", TYPE_WORKBOOK},
        {"virtualconnections", TYPE_VIRTUAL_CONNECTION},
        {"virtualConnections", TYPE_VIRTUAL_CONNECTION},
        {"dataroles", TYPE_DATAROLE},
        {"views", TYPE_COUNT},
        {"projects", TYPE_COUNT},
        {"", TYPE_COUNT},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(segments); i++)
        assert_int_equal(content_type_of_segment(segments[i].segment), segments[i].type);
    for (int c = 0; c < CAP_COUNT; c++)
        assert_int_equal(capability_parse(capability_name((enum capability)c)), c);
    assert_int_equal(capability_parse("read"), CAP_COUNT);
    assert_int_equal(capability_parse(""), CAP_COUNT);
}

/* ---- over the repository */

struct world {
    struct tx *tx;
    const char *site_id;
    struct actor admin, user;
    struct project project;
};

static struct world world_make(void **state)
{
    struct world w = {.tx = &((struct acting *)*state)->tx};
    struct site site;
    struct user admin, user;
    struct site_spec first = {.name = "Default", .content_url = ""};
    struct user_spec ada = {
        .name = "ada", .site_role = "ServerAdministrator", .server_admin = true};
    struct user_spec eve = {.name = "eve", .site_role = "Creator"};
    struct project_spec spec = {.name = "P"};
    expect(w.tx, site_create(w.tx, NULL, &first, &site), E_OK, "site");
    w.site_id = site.id;
    expect(w.tx, user_add(w.tx, NULL, site.id, &ada, &admin), E_OK, "ada");
    expect(w.tx, user_add(w.tx, NULL, site.id, &eve, &user), E_OK, "eve");
    assert_true(actor_load(w.tx, admin.id, &w.admin) && actor_load(w.tx, user.id, &w.user));
    expect(w.tx, project_create(w.tx, &w.admin, site.id, &spec, &w.project), E_OK, "P");
    return w;
}

static struct rule on_user(const struct world *w, cap_set allow, cap_set deny)
{
    return (struct rule){GRANTEE_USER, w->user.user_id, allow, deny};
}

static int64_t epoch(const struct world *w)
{
    struct stmt *stmt = db_prepare(w->tx->db, "SELECT access_epoch FROM site WHERE id = ?1");
    stmt_text(stmt, 1, w->site_id);
    assert_int_equal(stmt_step(stmt), DB_ROW);
    int64_t value = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return value;
}

static void rules_are_kept(void **state)
{
    struct world w = world_make(state);
    const cap_set read = CAP_BIT(CAP_READ), write = CAP_BIT(CAP_WRITE);
    static const struct {
        cap_set allow, deny, allow_then, deny_then;
    } steps[] = {
        {1, 0, 1, 0}, {2, 0, 3, 0}, {0, 1, 2, 1}, {1, 0, 3, 0}, {3, 1, 2, 1}, {0, 3, 0, 3},
    };
    struct rule *rules;
    size_t count;
    assert_int_equal(read, 1);
    assert_int_equal(write, 2);
    for (size_t i = 0; i < LENGTH(steps); i++) {
        struct rule rule = on_user(&w, steps[i].allow, steps[i].deny);
        int64_t before = epoch(&w);
        expect(w.tx, permission_add(w.tx, w.site_id, w.project.id, TYPE_PROJECT, &rule, 1), E_OK,
               "add");
        assert_true(epoch(&w) > before);
        expect(w.tx, permission_rules(w.tx, w.project.id, TYPE_PROJECT, &rules, &count), E_OK,
               "rules");
        assert_int_equal(count, 1);
        assert_int_equal(rules[0].allow, steps[i].allow_then);
        assert_int_equal(rules[0].deny, steps[i].deny_then);
    }
    expect(w.tx,
           permission_remove(w.tx, w.site_id, w.project.id, TYPE_PROJECT, GRANTEE_USER,
                             w.user.user_id, CAP_READ, true),
           E404013, "not held in that mode");
    expect(w.tx,
           permission_remove(w.tx, w.site_id, w.project.id, TYPE_PROJECT, GRANTEE_USER,
                             w.user.user_id, CAP_READ, false),
           E_OK, "held");
    expect(w.tx, permission_forget_grantee(w.tx, w.site_id, w.user.user_id), E_OK, "forget");
    expect(w.tx, permission_rules(w.tx, w.project.id, TYPE_PROJECT, &rules, &count), E_OK, "rules");
    assert_int_equal(count, 0);
}

static bool sees(struct world *w, struct visible_cache *cache)
{
    struct visible_set set;
    struct actor actor = w->user;
    struct stmt *stmt = db_prepare(w->tx->db, "SELECT serial FROM project WHERE id = ?1");
    stmt_text(stmt, 1, w->project.id);
    assert_int_equal(stmt_step(stmt), DB_ROW);
    int64_t serial = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    actor.visible = cache;
    expect(w->tx, visible_items(w->tx, &actor, TYPE_PROJECT, &set), E_OK, "visible");
    return visible_has(&set, serial);
}

/* What is kept never outlives what it was made from. */
static void sets_are_kept_while_they_hold(void **state)
{
    static const size_t sizes[] = {0, 200, 1 << 20}; /* nothing fits, few do, all do */
    struct world w = world_make(state);
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        struct visible_cache *cache = visible_cache_new(sizes[i]);
        struct rule allow = on_user(&w, CAP_BIT(CAP_READ), 0);
        expect(w.tx, permission_replace(w.tx, w.site_id, w.project.id, TYPE_PROJECT, &allow, 1),
               E_OK, "allow");
        assert_true(sees(&w, cache) && sees(&w, cache) && sees(&w, NULL));
        expect(w.tx, permission_forget_grantee(w.tx, w.site_id, w.user.user_id), E_OK, "forget");
        assert_false(sees(&w, cache) || sees(&w, cache) || sees(&w, NULL));
        visible_cache_free(&cache);
    }
}

static void access_of_a_project(void **state)
{
    struct world w = world_make(state);
    struct project_access access;
    struct project nested;
    struct project_spec spec = {.name = "N", .parent_id = w.project.id};
    expect(w.tx, project_create(w.tx, &w.admin, w.site_id, &spec, &nested), E_OK, "N");
    expect(w.tx, access_project(w.tx, &w.user, "nonsense", &access), E_OK, "none");
    assert_false(access.capabilities || access.leads || access.leads_above || access.owns);
    expect(w.tx, access_project(w.tx, &w.admin, nested.id, &access), E_OK, "admin");
    assert_true(access.leads && access.leads_above && !access.controlling_id);
    struct rule lead = on_user(&w, CAP_BIT(CAP_PROJECT_LEADER), 0);
    expect(w.tx, permission_add(w.tx, w.site_id, w.project.id, TYPE_PROJECT, &lead, 1), E_OK,
           "lead");
    expect(w.tx, access_project(w.tx, &w.user, w.project.id, &access), E_OK, "P");
    assert_true(access.leads && !access.leads_above && !access.owns);
    expect(w.tx, access_project(w.tx, &w.user, nested.id, &access), E_OK, "N");
    assert_true(access.leads && access.leads_above);
    struct project_spec lock = {.content_permissions = "LockedToProject"};
    expect(w.tx, project_update(w.tx, &w.admin, w.site_id, w.project.id, &lock, &w.project), E_OK,
           "lock");
    expect(w.tx, access_project(w.tx, &w.user, nested.id, &access), E_OK, "under a lock");
    assert_string_equal(access.controlling_id, w.project.id);
    assert_string_equal(access.content_rules_id, w.project.id);
}

int main(void)
{
    const struct CMUnitTest pure[] = {cmocka_unit_test(truth_table), cmocka_unit_test(words)};
    const struct CMUnitTest on_sqlite[] = {ACTS_ON_SQLITE(rules_are_kept),
                                           ACTS_ON_SQLITE(sets_are_kept_while_they_hold),
                                           ACTS_ON_SQLITE(access_of_a_project)};
    const struct CMUnitTest on_pg[] = {ACTS_ON_PG(rules_are_kept),
                                       ACTS_ON_PG(sets_are_kept_while_they_hold),
                                       ACTS_ON_PG(access_of_a_project)};
    int failed = cmocka_run_group_tests_name("permission", pure, NULL, NULL);
    failed += cmocka_run_group_tests_name("permission (sqlite)", on_sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("permission (postgresql)", on_pg, NULL, NULL);
    return failed;
}
