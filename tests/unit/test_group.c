/* test_group: groups, their members, what they grant and the sets that hold them,
 * on both engines. What the wire can say is tested in tests/api. */
#include "acting.h"

#include "domain/actor.h"
#include "domain/group.h"
#include "domain/group_license.h"
#include "domain/group_member.h"
#include "domain/group_set.h"
#include "domain/list.h"
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

struct world {
    struct tx *tx;
    const char *site_id;
};

static struct world world_make(void **state)
{
    struct world w = {.tx = &((struct acting *)*state)->tx};
    struct site site;
    struct site_spec spec = {.name = "Default", .content_url = ""};
    expect(w.tx, site_create(w.tx, NULL, &spec, &site), E_OK, "site");
    w.site_id = site.id;
    return w;
}

static const char *user(struct world *w, const char *name, const char *role)
{
    struct user made;
    struct user_spec spec = {.name = name, .site_role = role};
    expect(w->tx, user_add(w->tx, NULL, w->site_id, &spec, &made), E_OK, name);
    return made.id;
}

static const char *group(struct world *w, const char *name, const char *role, const char *mode)
{
    struct group made;
    struct group_spec spec = {.name = name, .minimum_role = role, .grant_mode = mode};
    expect(w->tx, group_create(w->tx, w->site_id, &spec, &made), E_OK, name);
    return made.id;
}

static void add(struct world *w, const char *group_id, const char *user_id)
{
    struct user added;
    expect(w->tx, group_add_users(w->tx, w->site_id, group_id, &user_id, 1, &added), E_OK, "add");
}

static void change(struct world *w, const char *group_id, const char *role, const char *mode)
{
    struct group changed;
    struct group_spec spec = {.minimum_role = role, .grant_mode = mode};
    expect(w->tx, group_update(w->tx, w->site_id, group_id, &spec, &changed), E_OK, "change");
}

static int64_t count_of(struct world *w, const char *group_id)
{
    struct group found;
    expect(w->tx, group_get(w->tx, w->site_id, group_id, &found), E_OK, "group");
    return found.user_count;
}

/* A user as a sign-in finds it. */
static bool admitted(struct world *w, const char *name, struct user *user_r)
{
    const char *why;
    return user_find_exact(w->tx, w->site_id, name, user_r, &why);
}

/* A role that the user has, by what is stored. */
static void assert_role(struct world *w, const char *user_id, enum site_role wanted)
{
    struct actor actor;
    assert_true(actor_load(w->tx, user_id, &actor));
    assert_string_equal(role_name(actor.role), role_name(wanted));
}

/* All counts that are kept against the rows they count. */
static void assert_counts(struct world *w)
{
    assert_int_equal(one_int(w->tx->db, "SELECT COUNT(*) FROM site_group g WHERE is_all_users = 0 "
                                        "AND user_count <> (SELECT COUNT(*) FROM group_member m "
                                        "WHERE m.group_id = g.id)"),
                     0);
    assert_int_equal(one_int(w->tx->db, "SELECT COUNT(*) FROM group_set s WHERE group_count <> "
                                        "(SELECT COUNT(*) FROM group_set_member m "
                                        "WHERE m.group_set_id = s.id)"),
                     0);
    assert_int_equal(one_int(w->tx->db, "SELECT COUNT(*) FROM site_user u WHERE group_count <> "
                                        "(SELECT COUNT(*) FROM group_member m "
                                        "WHERE m.site_user_id = u.id)"),
                     0);
    assert_int_equal(one_int(w->tx->db,
                             "SELECT COUNT(*) FROM site s WHERE group_count <> (SELECT COUNT(*) "
                             "FROM site_group g WHERE g.site_id = s.id) OR group_set_count <> "
                             "(SELECT COUNT(*) FROM group_set t WHERE t.site_id = s.id)"),
                     0);
}

/* ---- what a sign-in grants */

/* Every role of a user under every minimum: the higher of both, in the order of
 * roles.def. */
static void the_higher_role(void **state)
{
    struct world w = world_make(state);
    for (int own = ROLE_SITE_ADMINISTRATOR_CREATOR; own <= ROLE_UNLICENSED; own++)
        for (int minimum = ROLE_SITE_ADMINISTRATOR_CREATOR; minimum <= ROLE_UNLICENSED; minimum++) {
            const char *name = arena_printf(w.tx->arena, "u%d-%d", own, minimum);
            const char *id = user(&w, name, role_name((enum site_role)own));
            enum site_role best = (enum site_role)(own < minimum ? own : minimum);
            struct user found;
            add(&w, group(&w, name, role_name((enum site_role)minimum), NULL), id);
            assert_int_equal(admitted(&w, name, &found), best != ROLE_UNLICENSED);
            assert_int_equal(found.role, best);
            assert_int_equal(found.role_granted, minimum < own);
            assert_role(&w, id, (enum site_role)own); /* nothing was written by looking */
            if (found.role_granted)
                expect(w.tx, group_license_grant(w.tx, w.site_id, id, role_name(best)), E_OK, name);
            assert_role(&w, id, best);
        }
}

static void the_best_of_many(void **state)
{
    struct world w = world_make(state);
    static const char *const roles[] = {"Viewer", "Creator", "Unlicensed", "Explorer",
                                        "ExplorerCanPublish"};
    const char *id = user(&w, "una", "Unlicensed"), *groups[LENGTH(roles)];
    struct user found;
    for (size_t i = 0; i < LENGTH(roles); i++)
        add(&w, groups[i] = group(&w, roles[i], roles[i], NULL), id);
    static const struct {
        size_t leaves;
        enum site_role then;
    } cases[] = {{3, ROLE_CREATOR},
                 {1, ROLE_EXPLORER_CAN_PUBLISH},
                 {4, ROLE_VIEWER},
                 {2, ROLE_VIEWER},
                 {0, ROLE_UNLICENSED}};
    assert_true(admitted(&w, "una", &found) && found.role == ROLE_CREATOR);
    for (size_t i = 0; i < LENGTH(cases); i++) {
        expect(w.tx, group_remove_users(w.tx, w.site_id, groups[cases[i].leaves], &id, 1), E_OK,
               "leave");
        assert_int_equal(admitted(&w, "una", &found), cases[i].then != ROLE_UNLICENSED);
        assert_int_equal(found.role, cases[i].then);
    }
    assert_counts(&w);
}

static void groups_that_change(void **state)
{
    struct world w = world_make(state);
    const char *una = user(&w, "una", "Unlicensed"), *cleo = user(&w, "cleo", "Creator");
    const char *id = group(&w, "g", NULL, NULL);
    struct user found;
    add(&w, id, una);
    add(&w, id, cleo);
    assert_false(admitted(&w, "una", &found));
    change(&w, id, "Explorer", NULL);
    assert_true(admitted(&w, "una", &found) && found.role == ROLE_EXPLORER);
    assert_true(admitted(&w, "cleo", &found) && !found.role_granted);
    change(&w, id, "Viewer", "onSync"); /* no longer at sign-in: at once */
    assert_role(&w, una, ROLE_VIEWER);
    assert_role(&w, cleo, ROLE_CREATOR);
    assert_true(admitted(&w, "una", &found) && !found.role_granted);
    change(&w, id, "Explorer", NULL); /* the mode stays */
    assert_role(&w, una, ROLE_EXPLORER);
    change(&w, id, "Unlicensed", NULL);
    assert_role(&w, una, ROLE_EXPLORER);
}

static void a_deleted_group_grants_nothing(void **state)
{
    struct world w = world_make(state);
    const char *una = user(&w, "una", "Unlicensed");
    const char *best = group(&w, "best", "Creator", NULL),
               *next = group(&w, "next", "Viewer", NULL);
    struct user found;
    add(&w, best, una);
    add(&w, next, una);
    expect(w.tx, group_delete(w.tx, w.site_id, best), E_OK, "delete");
    assert_true(admitted(&w, "una", &found) && found.role == ROLE_VIEWER);
    expect(w.tx, group_delete(w.tx, w.site_id, next), E_OK, "delete");
    assert_false(admitted(&w, "una", &found));
    assert_counts(&w);
}

/* Between the look-up and the sign-in's write the group may have gone. */
static void a_grant_that_no_longer_stands(void **state)
{
    struct world w = world_make(state);
    const char *una = user(&w, "una", "Unlicensed"), *id = group(&w, "g", "Creator", NULL);
    struct user found;
    add(&w, id, una);
    assert_true(admitted(&w, "una", &found) && found.role_granted);
    expect(w.tx, group_delete(w.tx, w.site_id, id), E_OK, "delete");
    expect(w.tx, group_license_grant(w.tx, w.site_id, una, role_name(found.role)), E_OK, "grant");
    assert_role(&w, una, ROLE_UNLICENSED);
}

/* ---- users, groups and rules that go */

static void a_user_who_goes(void **state)
{
    struct world w = world_make(state);
    const char *gone = user(&w, "gone", "Viewer"), *kept = user(&w, "kept", "Viewer");
    const char *groups[] = {group(&w, "a", "Creator", NULL), group(&w, "b", NULL, NULL)};
    struct user found;
    for (size_t i = 0; i < 2; i++) {
        add(&w, groups[i], gone);
        add(&w, groups[i], kept);
    }
    expect(w.tx, group_forget_user(w.tx, w.site_id, gone), E_OK, "forget");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(count_of(&w, groups[i]), 1);
    assert_counts(&w);
    assert_true(admitted(&w, "gone", &found) && !found.role_granted);
    expect(w.tx, group_forget_user(w.tx, w.site_id, gone), E_OK, "again");
    assert_counts(&w);
}

static void permission(struct world *w, const char *item, enum grantee_kind kind, const char *id)
{
    struct rule rule = {.kind = kind, .grantee_id = id, .allow = CAP_BIT(CAP_READ)};
    expect(w->tx, permission_add(w->tx, w->site_id, item, TYPE_PROJECT, &rule, 1), E_OK, "rule");
}

static size_t rules(struct world *w, const char *item)
{
    struct rule *found;
    size_t count;
    expect(w->tx, permission_rules(w->tx, item, TYPE_PROJECT, &found, &count), E_OK, "rules");
    return count;
}

static void grantees_that_go(void **state)
{
    struct world w = world_make(state);
    const char *item = "00000000-0000-4000-8000-000000000001";
    const char *id = group(&w, "g", NULL, NULL), *kept = group(&w, "k", NULL, NULL);
    struct group_set set;
    expect(w.tx, group_set_create(w.tx, w.site_id, NULL, "s", &set), E_OK, "set");
    expect(w.tx, group_set_add(w.tx, w.site_id, set.id, id), E_OK, "set");
    expect(w.tx, group_set_add(w.tx, w.site_id, set.id, kept), E_OK, "set");
    permission(&w, item, GRANTEE_GROUP, id);
    permission(&w, item, GRANTEE_GROUP, kept);
    permission(&w, item, GRANTEE_GROUP_SET, set.id);
    expect(w.tx, group_delete(w.tx, w.site_id, id), E_OK, "delete");
    assert_int_equal(rules(&w, item), 2);
    assert_counts(&w);
    expect(w.tx, group_set_delete(w.tx, w.site_id, set.id), E_OK, "delete");
    assert_int_equal(rules(&w, item), 1);
    assert_counts(&w);
}

/* Every write that changes who belongs where counts up the site's access epoch. */
static void the_access_epoch(void **state)
{
    struct world w = world_make(state);
    const char *id = user(&w, "una", "Viewer"), *g = group(&w, "g", NULL, NULL);
    struct group_set set;
    struct user users[1];
    expect(w.tx, group_set_create(w.tx, w.site_id, NULL, "s", &set), E_OK, "set");
    int64_t epoch = one_int(w.tx->db, "SELECT access_epoch FROM site");
#define COUNTS_UP(act)                                                    \
    do {                                                                  \
        expect(w.tx, (act), E_OK, #act);                                  \
        int64_t now = one_int(w.tx->db, "SELECT access_epoch FROM site"); \
        if (now <= epoch)                                                 \
            fail_msg("%s does not count up", #act);                       \
        epoch = now;                                                      \
    } while (0)
    COUNTS_UP(group_add_users(w.tx, w.site_id, g, &id, 1, users));
    COUNTS_UP(group_set_add(w.tx, w.site_id, set.id, g));
    change(&w, g, "Explorer", "onSync");
    assert_true(one_int(w.tx->db, "SELECT access_epoch FROM site") > epoch);
    COUNTS_UP(group_remove_users(w.tx, w.site_id, g, &id, 1));
    COUNTS_UP(group_set_remove(w.tx, w.site_id, set.id, g));
    COUNTS_UP(group_delete(w.tx, w.site_id, g));
    COUNTS_UP(group_set_delete(w.tx, w.site_id, set.id));
    COUNTS_UP(group_forget_user(w.tx, w.site_id, id));
}

/* ---- names, as seeds give them */

static void by_name(void **state)
{
    struct world w = world_make(state);
    struct group found;
    user(&w, "Ann", "Unlicensed");
    const char *g = group(&w,
                          "Stra\xC3\x9F"
                          "e",
                          NULL, NULL);
    assert_true(group_find_named(w.tx, w.site_id, "STRASSE", &found));
    assert_string_equal(found.id, g);
    assert_true(group_find_named(w.tx, w.site_id, "all users", &found) && found.all_users);
    assert_false(group_find_named(w.tx, w.site_id, "none", &found));
    expect(w.tx, group_add_named(w.tx, w.site_id, g, "ann"), E_OK, "ann");
    expect(w.tx, group_add_named(w.tx, w.site_id, g, "ann"), E409011, "ann again");
    expect(w.tx, group_add_named(w.tx, w.site_id, g, "ben"), E404002, "ben");
    expect(w.tx, group_add_named(w.tx, w.site_id, g + 1, "ann"), E404012, "no group");
    assert_int_equal(count_of(&w, g), 1);
}

#define EVERYWHERE(acts)                                                           \
    acts(the_higher_role), acts(the_best_of_many), acts(groups_that_change),       \
        acts(a_deleted_group_grants_nothing), acts(a_grant_that_no_longer_stands), \
        acts(a_user_who_goes), acts(grantees_that_go), acts(the_access_epoch), acts(by_name)

int main(void)
{
    const struct CMUnitTest sqlite[] = {EVERYWHERE(ACTS_ON_SQLITE)};
    const struct CMUnitTest pg[] = {EVERYWHERE(ACTS_ON_PG)};
    int failed = cmocka_run_group_tests_name("groups on SQLite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("groups on PostgreSQL", pg, NULL, NULL);
    return failed;
}
