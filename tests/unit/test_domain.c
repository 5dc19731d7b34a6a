/* test_domain: lists, sites, users and projects by their rules, on both engines. */
#include "acting.h"

#include "base/buf.h"
#include "base/codec.h"
#include "domain/actor.h"
#include "domain/list.h"
#include "domain/project.h"
#include "domain/site.h"
#include "domain/user.h"

static void expect(struct tx *tx, enum err got, enum err wanted, const char *what)
{
    if (got != wanted)
        fail_msg("%s: %d (%s), expected %d", what, (int)got, got ? tx->fault.detail : "no fault",
                 (int)wanted);
    if (got)
        assert_true(utf8_valid(tx->fault.detail, strlen(tx->fault.detail)));
}

static char *repeated(struct tx *tx, const char *piece, size_t times)
{
    struct buf out;
    buf_init(&out, tx->arena, 0);
    buf_adds(&out, "");
    while (times--)
        buf_adds(&out, piece);
    return out.bytes;
}

/* ---- lists: parsing alone */

static enum err parse_filter(struct tx *tx, const char *filter, struct list_request *list)
{
    return list_parse(tx, project_fields, project_field_count, NULL, NULL, filter, NULL, list);
}

static void pages(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    static const struct {
        const char *number, *size;
        enum err err;
        int64_t number_r, size_r;
    } cases[] = {
        {NULL, NULL, E_OK, 1, 100},
        {"1", "1", E_OK, 1, 1},
        {"2", "1000", E_OK, 2, 1000},
        {"007", "010", E_OK, 7, 10},
        {"999999999", NULL, E_OK, 999999999, 100},
        {"0", NULL, E400006, 0, 0},
        {"-1", NULL, E400006, 0, 0},
        {"1.5", NULL, E400006, 0, 0},
        {"", NULL, E400006, 0, 0},
        {" 1", NULL, E400006, 0, 0},
        {"+1", NULL, E400006, 0, 0},
        {"1e3", NULL, E400006, 0, 0},
        {"9999999999", NULL, E400006, 0, 0},
        {NULL, "0", E400007, 0, 0},
        {NULL, "ten", E400007, 0, 0},
        {NULL, "", E400007, 0, 0},
        {NULL, "18446744073709551617", E400007, 0, 0},
        {NULL, "1001", E403014, 0, 0},
        {NULL, "999999999", E403014, 0, 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct list_request list;
        const char *what = arena_printf(tx->arena, "page %zu", i);
        expect(tx,
               list_parse(tx, project_fields, project_field_count, cases[i].number, cases[i].size,
                          NULL, NULL, &list),
               cases[i].err, what);
        if (!cases[i].err)
            assert_true(list.page_number == cases[i].number_r && list.page_size == cases[i].size_r);
    }
}

/* "field op value value; ..." */
static const char *conditions(struct tx *tx, const struct list_request *list)
{
    struct buf out;
    buf_init(&out, tx->arena, 0);
    buf_adds(&out, "");
    for (size_t i = 0; i < list->condition_count; i++) {
        const struct list_condition *c = &list->conditions[i];
        buf_addf(&out, "%s%s %s", i ? "; " : "", c->field->name, c->op);
        for (size_t v = 0; v < c->count; v++)
            buf_addf(&out, " %s", c->values[v]);
    }
    return out.bytes;
}

#define Y2016 "1462396000000" /* 2016-05-04T21:06:40Z */
#define E2016 "1462396000999" /* the end of its second */
#define Y2017 "1493932000000" /* 2017-05-04T21:06:40Z */
#define E2017 "1493932000999"
#define T2016 "2016-05-04T21:06:40Z"
#define T2017 "2017-05-04T21:06:40Z"

static void filters(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    static const struct {
        const char *filter;
        enum err err;
        const char *conditions;
    } cases[] = {
        {"", E_OK, ""},
        {"name:eq:Sales", E_OK, "name = Sales"},
        {"name:eq:", E_OK, "name = "},
        {"name:eq:a:b:c", E_OK, "name = a:b:c"},
        {"name:in:[a,b c,d]", E_OK, "name IN a b c d"},
        {"name:in:[a]", E_OK, "name IN a"},
        {"name:eq:a,ownerName:eq:b", E_OK, "name = a; ownerName = b"},
        {"name:in:[a,b],ownerName:eq:c", E_OK, "name IN a b; ownerName = c"},
        {"topLevelProject:eq:true", E_OK, "topLevelProject = 1"},
        {"topLevelProject:eq:false", E_OK, "topLevelProject = 0"},
        {"topLevelProject:eq:True", E_OK, "topLevelProject = 1"},
        {"createdAt:eq:" T2016, E_OK, "createdAt BETWEEN " Y2016 " " E2016},
        {"createdAt:gt:" T2016, E_OK, "createdAt > " E2016},
        {"createdAt:gte:" T2016, E_OK, "createdAt >= " Y2016},
        {"createdAt:lt:" T2016, E_OK, "createdAt < " Y2016},
        {"createdAt:lte:" T2016, E_OK, "createdAt <= " E2016},
        /* a range takes two; else the last counts */
        {"createdAt:gte:" T2016 ",createdAt:lt:" T2017, E_OK,
         "createdAt >= " Y2016 "; createdAt < " Y2017},
        {"name:eq:a,name:eq:b", E_OK, "name = b"},
        {"name:eq:a,name:in:[b,c],name:eq:d", E_OK, "name = d"},
        {"createdAt:eq:" T2016 ",createdAt:gt:" T2017, E_OK, "createdAt > " E2017},
        {"createdAt:gt:" T2016 ",createdAt:lt:" T2017 ",createdAt:eq:" T2016, E_OK,
         "createdAt BETWEEN " Y2016 " " E2016},
        {"createdAt:gt:" T2016 ",createdAt:gte:" T2017, E_OK, "createdAt >= " Y2017},
        {"createdAt:gt:" T2016 ",createdAt:lt:" T2017 ",createdAt:lt:" T2016, E_OK,
         "createdAt > " E2016 "; createdAt < " Y2016},
        /* wildcards of eq on text */
        {"name:eq:mark*", E_OK, "name LIKE mark%"},
        {"name:eq:*-ample", E_OK, "name LIKE %-ample"},
        {"name:eq:50%_\\*", E_OK, "name LIKE 50\\%\\_\\\\%"},
        {"name:eq:50%", E_OK, "name = 50%"},
        {"name:in:[a*]", E_OK, "name IN a*"},
        /* SQL stays a value */
        {"name:eq:x' OR 1=1; --", E_OK, "name = x' OR 1=1; --"},
        {"name:in:[')); DROP TABLE project;--]", E_OK, "name IN ')); DROP TABLE project;--"},
        {"parentProjectId:eq:?1", E_OK, "parentProjectId = ?1"},
        /* unknown to this method */
        {"nonsense:eq:a", E400065, 0},
        {"Name:eq:a", E400065, 0},
        {" name:eq:a", E400065, 0},
        {":eq:a", E400065, 0},
        {"p.name:eq:a", E400065, 0},
        {"name:EQ:a", E400065, 0},
        {"name::a", E400065, 0},
        {"name:like:a", E400065, 0},
        {"name:gt:a", E400065, 0},
        {"name:has:a", E400065, 0},
        {"topLevelProject:in:[true]", E400065, 0},
        {"createdAt:in:[" T2016 "]", E400065, 0},
        {"name) OR (1:eq:1", E400065, 0},
        /* malformed */
        {"name", E400000, 0},
        {"name:eq", E400000, 0},
        {",", E400000, 0},
        {"name:eq:a,,ownerName:eq:b", E400000, 0},
        {"name:in:a", E400000, 0},
        {"name:in:[a", E400000, 0},
        {"name:in:", E400000, 0},
        {"createdAt:gt:yesterday", E400000, 0},
        {"createdAt:gt:", E400000, 0},
        {"createdAt:gt:2016-05-04T21:06:40Zx", E400000, 0},
        {"topLevelProject:eq:1", E400000, 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct list_request list;
        expect(tx, parse_filter(tx, cases[i].filter, &list), cases[i].err, cases[i].filter);
        if (!cases[i].err && strcmp(conditions(tx, &list), cases[i].conditions) != 0)
            fail_msg("%s: %s", cases[i].filter, conditions(tx, &list));
    }
}

static void filters_are_bounded(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct list_request list;
    const char *values = repeated(tx, "a,", LIST_VALUES - 1);
    expect(tx, parse_filter(tx, arena_printf(tx->arena, "name:in:[%sb]", values), &list), E_OK,
           "100 values");
    expect(tx, parse_filter(tx, arena_printf(tx->arena, "name:in:[%sb,c]", values), &list), E400000,
           "101 values");
    /* a detail is cut, and not through a character */
    expect(tx, parse_filter(tx, repeated(tx, "x\xC3\xA9", 3000), &list), E400000, "malformed");
    assert_true(strlen(tx->fault.detail) < 200);
    const char *odd = arena_printf(tx->arena, "%s:eq:a", repeated(tx, "x\xC3\xA9", 3000));
    expect(tx, parse_filter(tx, odd, &list), E400065, "unknown field");
    assert_true(strlen(tx->fault.detail) < 200);
}

static void sorts(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    static const struct {
        const char *sort;
        enum err err;
        const char *order;
    } cases[] = {
        {"", E_OK, " ORDER BY t"},
        {"name:asc", E_OK, " ORDER BY p.name ASC, t"},
        {"name", E_OK, " ORDER BY p.name ASC, t"},
        {"name:DESC,createdAt:Asc", E_OK, " ORDER BY p.name DESC, p.created_at ASC, t"},
        {"nonsense:asc", E400065, 0},
        {"name; DROP TABLE project:asc", E400065, 0},
        {"name:down", E400000, 0},
        {"name:", E400000, 0},
        {"name:asc:desc", E400000, 0},
        {"name,name,name,name,name,name,name,name,name", E400000, 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct list_request list;
        struct buf sql;
        expect(tx,
               list_parse(tx, project_fields, project_field_count, NULL, NULL, NULL, cases[i].sort,
                          &list),
               cases[i].err, cases[i].sort);
        buf_init(&sql, tx->arena, 0);
        if (cases[i].err)
            continue;
        list_order(&list, &sql, "t");
        assert_string_equal(sql.bytes, cases[i].order);
    }
}

/* ---- a server with a site, and who acts on it */

struct world {
    struct tx *tx;
    const char *site_id;
    struct actor admin, leader, viewer; /* ServerAdministrator, ExplorerCanPublish, Viewer */
};

static struct user add(struct tx *tx, const char *site_id, const char *name, const char *role,
                       bool server_admin)
{
    struct user user;
    struct user_spec spec = {.name = name, .site_role = role, .server_admin = server_admin};
    expect(tx, user_add(tx, NULL, site_id, &spec, &user), E_OK, name);
    return user;
}

static struct actor acting_as(struct tx *tx, const struct user *user)
{
    struct actor actor;
    assert_true(actor_load(tx, user->id, &actor));
    return actor;
}

static struct world world_make(void **state)
{
    struct world w = {.tx = &((struct acting *)*state)->tx};
    struct site site;
    struct site_spec spec = {.name = "Default", .content_url = ""};
    expect(w.tx, site_create(w.tx, NULL, &spec, &site), E_OK, "first site");
    w.site_id = site.id;
    struct user admin = add(w.tx, site.id, "ada", "ServerAdministrator", true);
    struct user leader = add(w.tx, site.id, "lea", "ExplorerCanPublish", false);
    struct user viewer = add(w.tx, site.id, "vic", "Viewer", false);
    w.admin = acting_as(w.tx, &admin);
    w.leader = acting_as(w.tx, &leader);
    w.viewer = acting_as(w.tx, &viewer);
    expect(w.tx, project_create_default(w.tx, site.id, admin.id), E_OK, "default project");
    return w;
}

/* A listing of projects as the wire asks for it: their names. */
static const char *projects_listed(struct world *w, const char *filter, const char *sort)
{
    struct list_request list;
    struct project *projects;
    struct buf out;
    size_t count;
    int64_t total;
    expect(w->tx,
           list_parse(w->tx, project_fields, project_field_count, NULL, NULL, filter, sort, &list),
           E_OK, filter);
    expect(w->tx, project_list(w->tx, &w->admin, &list, &projects, &count, &total), E_OK, filter);
    assert_int_equal(total, count);
    buf_init(&out, w->tx->arena, 0);
    buf_adds(&out, "");
    for (size_t i = 0; i < count; i++)
        buf_addf(&out, "%s%s", i ? " " : "", projects[i].name);
    return out.bytes;
}

static struct project project_in(struct world *w, const char *name, const char *parent_id)
{
    struct project project;
    struct project_spec spec = {.name = name, .parent_id = parent_id};
    expect(w->tx, project_create(w->tx, &w->admin, w->site_id, &spec, &project), E_OK, name);
    return project;
}

static int64_t projects_counted(struct world *w)
{
    struct site site;
    expect(w->tx, site_get(w->tx, w->site_id, &site), E_OK, "site");
    assert_int_equal(one_int(w->tx->db, "SELECT COUNT(*) FROM project"), site.project_count);
    return site.project_count;
}

static void project_lists(void **state)
{
    struct world w = world_make(state);
    struct project a = project_in(&w, "Alpha", NULL);
    w.tx->now += 1000;
    project_in(&w, "alp_a", a.id);
    project_in(&w, "50% \xC3\x84", NULL);
    const struct {
        const char *filter, *sort, *names;
    } cases[] = {
        {"", "", "Default Alpha alp_a 50% \xC3\x84"},
        {"name:eq:Alpha", "", "Alpha"},
        {"name:eq:ALPHA", "", ""},
        {"name:in:[Alpha,Default,none]", "name:desc", "Default Alpha"},
        {"name:eq:Alp*", "", "Alpha"},
        {"name:eq:alp_*", "", "alp_a"}, /* _ and % stand for themselves */
        {"name:eq:*%*", "", "50% \xC3\x84"},
        {"name:eq:*\xC3\x84", "", "50% \xC3\x84"},
        {"topLevelProject:eq:false", "", "alp_a"},
        {"ownerName:eq:ada,topLevelProject:eq:true", "name", "50% \xC3\x84 Alpha Default"},
        {"ownerName:eq:lea", "", ""},
        {"createdAt:gt:2023-11-14T22:13:20Z", "", "alp_a 50% \xC3\x84"},
        {"createdAt:gte:2023-11-14T22:13:20Z,createdAt:lt:2023-11-14T22:13:21Z", "",
         "Default Alpha"},
        {"createdAt:eq:2023-11-14T22:13:21Z", "name:desc", "alp_a 50% \xC3\x84"},
        {"name:eq:x' OR 1=1; --", "", ""},
        {"name:in:[')); DROP TABLE project;--]", "", ""},
        {"name:eq:*' OR ''='*", "", ""},
        {"name:eq:?1", "", ""},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        if (strcmp(projects_listed(&w, cases[i].filter, cases[i].sort), cases[i].names) != 0)
            fail_msg("%s %s: %s", cases[i].filter, cases[i].sort,
                     projects_listed(&w, cases[i].filter, cases[i].sort));
    assert_string_equal(
        projects_listed(&w, arena_printf(w.tx->arena, "parentProjectId:eq:%s", a.id), ""), "alp_a");
}

static void pages_of_a_list(void **state)
{
    struct world w = world_make(state);
    static const struct {
        const char *number, *size;
        enum err err;
        const char *first; /* name */
        size_t count;
    } cases[] = {
        {"1", "2", E_OK, "ada", 2},    {"2", "2", E_OK, "vic", 1},
        {"3", "2", E400006, 0, 0},     {"2", "3", E400006, 0, 0},
        {"1", "1000", E_OK, "ada", 3}, {"999999999", "1000", E400006, 0, 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct list_request list;
        struct user *users;
        size_t count;
        int64_t total;
        expect(w.tx,
               list_parse(w.tx, user_fields, user_field_count, cases[i].number, cases[i].size, "",
                          "", &list),
               E_OK, "page");
        expect(w.tx, user_list(w.tx, w.site_id, &list, &users, &count, &total), cases[i].err,
               cases[i].number);
        assert_int_equal(total, 3);
        if (cases[i].err)
            continue;
        assert_int_equal(count, cases[i].count);
        assert_string_equal(users[0].name, cases[i].first);
    }
}

/* ---- projects */

static void projects_created(void **state)
{
    struct world w = world_make(state);
    struct project top = project_in(&w, "Top", NULL), project;
    struct project_spec mine = {.name = "Lea's", .owner_id = w.leader.user_id};
    expect(w.tx, project_create(w.tx, &w.admin, w.site_id, &mine, &project), E_OK, "Lea's");
    const char *led = project.id, *name_255 = repeated(w.tx, "\xC3\xA9", 255);
    const char *name_256 = repeated(w.tx, "\xC3\xA9", 256);
    const char *long_text = repeated(w.tx, "x", 4001);
    const struct {
        const char *what;
        const struct actor *actor;
        struct project_spec spec;
        enum err err;
    } cases[] = {
        {"plain", &w.admin, {.name = "P"}, E_OK},
        {"same without case", &w.admin, {.name = "p"}, E409006},
        {"the default's name", &w.admin, {.name = "DEFAULT"}, E409006},
        {"same name elsewhere", &w.admin, {.name = "P", .parent_id = top.id}, E_OK},
        {"and there again", &w.admin, {.name = "p", .parent_id = top.id}, E409006},
        {"beyond ASCII", &w.admin, {.name = "\xC3\x84pfel"}, E_OK},
        {"beyond ASCII, without case", &w.admin, {.name = "\xC3\xA4PFEL"}, E409006},
        {"and composed of two", &w.admin, {.name = "A\xCC\x88pfel"}, E409006},
        {"no name", &w.admin, {.description = "d"}, E400000},
        {"empty name", &w.admin, {.name = ""}, E400000},
        {"255 characters", &w.admin, {.name = name_255}, E_OK},
        {"256 characters", &w.admin, {.name = name_256}, E400000},
        {"long description", &w.admin, {.name = "D", .description = long_text}, E400000},
        {"unknown mode", &w.admin, {.name = "M", .content_permissions = "Locked"}, E400008},
        {"known mode", &w.admin, {.name = "M", .content_permissions = "LockedToProject"}, E_OK},
        {"unknown parent",
         &w.admin,
         {.name = "U", .parent_id = "11111111-1111-4111-8111-111111111111"},
         E404005},
        {"parent that is no id", &w.admin, {.name = "U", .parent_id = "x' OR 1=1"}, E404005},
        {"unknown owner",
         &w.admin,
         {.name = "U", .owner_id = "11111111-1111-4111-8111-111111111111"},
         E404002},
        {"top level by a leader", &w.leader, {.name = "U"}, E403045},
        {"below by its leader", &w.leader, {.name = "U", .parent_id = led}, E_OK},
        {"below by another", &w.viewer, {.name = "V", .parent_id = led}, E403045},
        {"below another's", &w.leader, {.name = "U", .parent_id = top.id}, E403045},
    };
    int64_t made = 3;
    for (size_t i = 0; i < LENGTH(cases); i++, made += !cases[i - 1].err)
        expect(w.tx, project_create(w.tx, cases[i].actor, w.site_id, &cases[i].spec, &project),
               cases[i].err, cases[i].what);
    assert_int_equal(projects_counted(&w), made);
}

static void projects_moved_and_changed(void **state)
{
    struct world w = world_make(state);
    struct project a = project_in(&w, "A", NULL), b = project_in(&w, "B", a.id);
    struct project c = project_in(&w, "C", b.id), d = project_in(&w, "D", NULL), project;
    struct project_spec own = {.owner_id = w.leader.user_id};
    expect(w.tx, project_update(w.tx, &w.admin, w.site_id, b.id, &own, &project), E_OK, "own B");
    const char *standard = projects_listed(&w, "name:eq:Default", "");
    struct list_request list;
    struct project *listed;
    size_t count;
    int64_t total;
    assert_string_equal(standard, "Default");
    parse_filter(w.tx, "name:eq:Default", &list);
    expect(w.tx, project_list(w.tx, &w.admin, &list, &listed, &count, &total), E_OK, "default");
    assert_true(listed[0].is_default);
    const char *home = listed[0].id;
    const struct {
        const char *what;
        const struct actor *actor;
        const char *id;
        struct project_spec spec;
        enum err err;
        const char *parent_id; /* afterwards */
    } cases[] = {
        {"into itself", &w.admin, a.id, {.parent_id = a.id}, E400000, 0},
        {"below itself", &w.admin, a.id, {.parent_id = c.id}, E400000, 0},
        {"to an unknown place", &w.admin, a.id, {.parent_id = "nowhere"}, E404005, 0},
        {"under D", &w.admin, a.id, {.parent_id = d.id}, E_OK, d.id},
        {"D below its new child", &w.admin, d.id, {.parent_id = c.id}, E400000, 0},
        {"where it is", &w.admin, a.id, {.parent_id = d.id}, E_OK, d.id},
        {"back to the top", &w.admin, a.id, {.parent_id = ""}, E_OK, NULL},
        {"only a name", &w.admin, c.id, {.name = "C2"}, E_OK, b.id},
        {"case of its own name", &w.admin, c.id, {.name = "c2"}, E_OK, b.id},
        {"a sibling's name", &w.admin, d.id, {.name = "a"}, E409006, 0},
        {"beside one of its name", &w.admin, c.id, {.name = "d", .parent_id = ""}, E409006, 0},
        {"another id", &w.admin, d.id, {.id = a.id}, E404009, 0},
        {"its own id", &w.admin, d.id, {.id = d.id}, E_OK, NULL},
        {"unknown", &w.admin, "11111111-1111-4111-8111-111111111111", {.name = "x"}, E404005, 0},
        {"the default's name", &w.admin, home, {.name = "Standard"}, E403005, 0},
        {"the default's place", &w.admin, home, {.parent_id = a.id}, E403005, 0},
        {"the default's description", &w.admin, home, {.description = "x"}, E_OK, NULL},
        /* who leads */
        {"by its owner", &w.leader, b.id, {.description = "mine"}, E_OK, a.id},
        {"by a leader above", &w.leader, c.id, {.description = "mine too"}, E_OK, b.id},
        {"not above", &w.leader, a.id, {.description = "x"}, E403004, 0},
        {"not by others", &w.viewer, b.id, {.description = "x"}, E403004, 0},
        {"to where one does not lead", &w.leader, c.id, {.parent_id = d.id}, E403004, 0},
        {"to the top", &w.leader, c.id, {.parent_id = ""}, E403004, 0},
        {"given away", &w.leader, b.id, {.owner_id = w.viewer.user_id}, E_OK, a.id},
        {"no longer", &w.leader, b.id, {.description = "x"}, E403004, 0},
        {"to nobody", &w.admin, b.id, {.owner_id = "nobody"}, E404002, 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        expect(
            w.tx,
            project_update(w.tx, cases[i].actor, w.site_id, cases[i].id, &cases[i].spec, &project),
            cases[i].err, cases[i].what);
        if (!cases[i].err &&
            (!project.parent_id != !cases[i].parent_id ||
             (project.parent_id && strcmp(project.parent_id, cases[i].parent_id) != 0)))
            fail_msg("%s: parent %s", cases[i].what, project.parent_id);
    }
    assert_int_equal(projects_counted(&w), 5);
}

static void projects_deleted_with_what_is_in_them(void **state)
{
    struct world w = world_make(state);
    struct project a = project_in(&w, "A", NULL), b = project_in(&w, "B", a.id), project;
    project_in(&w, "C", b.id);
    project_in(&w, "C", a.id);
    project_in(&w, "D", NULL);
    expect(w.tx, project_delete(w.tx, &w.leader, w.site_id, a.id), E403004, "by another");
    expect(w.tx, project_delete(w.tx, &w.admin, w.site_id, "nonsense"), E404005, "no id");
    assert_int_equal(projects_counted(&w), 6);
    expect(w.tx, project_delete(w.tx, &w.admin, w.site_id, a.id), E_OK, "A");
    assert_int_equal(projects_counted(&w), 2);
    assert_string_equal(projects_listed(&w, "", ""), "Default D");
    expect(w.tx, project_get(w.tx, w.site_id, b.id, &project), E404005, "B");
    expect(w.tx, project_delete(w.tx, &w.admin, w.site_id, a.id), E404005, "A again");
    struct list_request list;
    struct project *listed;
    size_t count;
    int64_t total;
    parse_filter(w.tx, "name:eq:Default", &list);
    expect(w.tx, project_list(w.tx, &w.admin, &list, &listed, &count, &total), E_OK, "list");
    expect(w.tx, project_delete(w.tx, &w.admin, w.site_id, listed[0].id), E403003, "default");
    project_in(&w, "A", NULL); /* its name is free again */
}

static void projects_are_not_nested_without_end(void **state)
{
    struct world w = world_make(state);
    struct project at = project_in(&w, "0", NULL), top = project_in(&w, "top", NULL), project;
    struct project low = at;
    const char *second = NULL;
    project_in(&w, "below", top.id);
    for (int depth = 2; depth <= PROJECT_DEPTH_MOST; depth++) {
        low = at;
        at = project_in(&w, "x", at.id);
        second = second ? second : at.id;
    }
    struct project_spec spec = {.name = "x", .parent_id = at.id};
    expect(w.tx, project_create(w.tx, &w.admin, w.site_id, &spec, &project), E400000, "deeper");
    struct project_spec move = {.parent_id = at.id};
    expect(w.tx, project_update(w.tx, &w.admin, w.site_id, top.id, &move, &project), E400000,
           "moved below the deepest");
    move.parent_id = low.id; /* there is room for one, but not for what is in it */
    expect(w.tx, project_update(w.tx, &w.admin, w.site_id, top.id, &move, &project), E400000,
           "moved with what is in it");
    /* from the top with all but one, and back */
    move.parent_id = top.id;
    expect(w.tx, project_update(w.tx, &w.admin, w.site_id, second, &move, &project), E_OK,
           "moved at the limit");
    assert_string_equal(project.parent_id, top.id);
}

static void locks_reach_down(void **state)
{
    struct world w = world_make(state);
    struct project a = project_in(&w, "A", NULL), b = project_in(&w, "B", a.id);
    struct project c = project_in(&w, "C", b.id), project;
    struct project_spec lock = {.content_permissions = "LockedToProject"};
    expect(w.tx, project_get(w.tx, w.site_id, c.id, &project), E_OK, "C");
    assert_null(project.controlling_id);
    expect(w.tx, project_update(w.tx, &w.admin, w.site_id, b.id, &lock, &project), E_OK, "lock");
    assert_null(project.controlling_id); /* its own lock is not one from above */
    expect(w.tx, project_get(w.tx, w.site_id, c.id, &project), E_OK, "C");
    assert_string_equal(project.controlling_id, b.id);
    expect(w.tx, project_update(w.tx, &w.admin, w.site_id, a.id, &lock, &project), E_OK, "lock");
    expect(w.tx, project_get(w.tx, w.site_id, c.id, &project), E_OK, "C");
    assert_string_equal(project.controlling_id, a.id);
}

/* ---- users */

static void users_added(void **state)
{
    struct world w = world_make(state);
    const char *name_255 = repeated(w.tx, "\xC3\xA9", 255);
    const char *name_256 = repeated(w.tx, "\xC3\xA9", 256);
    const struct {
        const char *what;
        const struct actor *actor;
        struct user_spec spec;
        enum err err;
        enum site_role role;
    } cases[] = {
        {"plain", &w.admin, {.name = "nora", .site_role = "Viewer"}, E_OK, ROLE_VIEWER},
        {"twice", &w.admin, {.name = "nora", .site_role = "Viewer"}, E409017, 0},
        {"without case", &w.admin, {.name = "NORA", .site_role = "Creator"}, E409017, 0},
        {"with the domain", &w.admin, {.name = "Local\\nora", .site_role = "Viewer"}, E409017, 0},
        {"in the domain",
         &w.admin,
         {.name = "local\\max", .site_role = "Viewer"},
         E_OK,
         ROLE_VIEWER},
        {"other domain", &w.admin, {.name = "CORP\\eve", .site_role = "Viewer"}, E404002, 0},
        {"empty domain", &w.admin, {.name = "\\eve", .site_role = "Viewer"}, E404002, 0},
        {"domain alone", &w.admin, {.name = "local\\", .site_role = "Viewer"}, E400000, 0},
        {"name like mail",
         &w.admin,
         {.name = "eve@example.com", .site_role = "Viewer"},
         E_OK,
         ROLE_VIEWER},
        {"no name", &w.admin, {.site_role = "Viewer"}, E400000, 0},
        {"empty name", &w.admin, {.name = "", .site_role = "Viewer"}, E400000, 0},
        {"255 characters", &w.admin, {.name = name_255, .site_role = "Viewer"}, E_OK, ROLE_VIEWER},
        {"256 characters", &w.admin, {.name = name_256, .site_role = "Viewer"}, E400000, 0},
        {"guest", &w.admin, {.name = "Guest", .site_role = "Viewer"}, E409005, 0},
        {"guest of the domain",
         &w.admin,
         {.name = "local\\guest", .site_role = "Viewer"},
         E409005,
         0},
        {"role Guest", &w.admin, {.name = "g", .site_role = "Guest"}, E409005, 0},
        /* roles */
        {"no role", &w.admin, {.name = "r"}, E400000, 0},
        {"unknown role", &w.admin, {.name = "r", .site_role = "Emperor"}, E400013, 0},
        {"role without case", &w.admin, {.name = "r", .site_role = "viewer"}, E400013, 0},
        {"server role", &w.admin, {.name = "r", .site_role = "ServerAdministrator"}, E400013, 0},
        {"support", &w.admin, {.name = "r", .site_role = "SupportUser"}, E400013, 0},
        {"older name",
         &w.admin,
         {.name = "r1", .site_role = "Publisher"},
         E_OK,
         ROLE_EXPLORER_CAN_PUBLISH},
        {"older name", &w.admin, {.name = "r2", .site_role = "Interactor"}, E_OK, ROLE_EXPLORER},
        {"older name",
         &w.admin,
         {.name = "r3", .site_role = "SiteAdministrator"},
         E_OK,
         ROLE_SITE_ADMINISTRATOR_EXPLORER},
        {"unlicensed", &w.admin, {.name = "r4", .site_role = "Unlicensed"}, E_OK, ROLE_UNLICENSED},
        /* e-mail and sign-in */
        {"e-mail",
         &w.admin,
         {.name = "e1", .site_role = "Viewer", .email = "a@example.com"},
         E_OK,
         ROLE_VIEWER},
        {"no e-mail",
         &w.admin,
         {.name = "e2", .site_role = "Viewer", .email = ""},
         E_OK,
         ROLE_VIEWER},
        {"no at", &w.admin, {.name = "e", .site_role = "Viewer", .email = "a"}, E400000, 0},
        {"two at", &w.admin, {.name = "e", .site_role = "Viewer", .email = "a@b@c"}, E400000, 0},
        {"nothing before",
         &w.admin,
         {.name = "e", .site_role = "Viewer", .email = "@b"},
         E400000,
         0},
        {"header",
         &w.admin,
         {.name = "e", .site_role = "Viewer", .email = "a@b\r\nBcc: c"},
         E400000,
         0},
        {"SAML",
         &w.admin,
         {.name = "s1", .site_role = "Viewer", .auth_setting = "SAML"},
         E_OK,
         ROLE_VIEWER},
        {"unknown setting",
         &w.admin,
         {.name = "s", .site_role = "Viewer", .auth_setting = "X"},
         E400003,
         0},
        {"by a viewer", &w.viewer, {.name = "v", .site_role = "Viewer"}, E403004, 0},
        {"seeding",
         NULL,
         {.name = "a2", .site_role = "ServerAdministrator"},
         E_OK,
         ROLE_SERVER_ADMINISTRATOR},
    };
    int64_t added = 0;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct user user;
        expect(w.tx, user_add(w.tx, cases[i].actor, w.site_id, &cases[i].spec, &user), cases[i].err,
               cases[i].what);
        if (cases[i].err)
            continue;
        added++;
        assert_int_equal(user.role, cases[i].role);
        assert_string_equal(user.domain, "local");
        assert_null(strchr(user.name, '\\'));
    }
    struct site site;
    expect(w.tx, site_get(w.tx, w.site_id, &site), E_OK, "site");
    assert_int_equal(site.user_count, 3 + added);
    assert_int_equal(one_int(w.tx->db, "SELECT COUNT(*) FROM site_user"), 3 + added);
}

static void users_found(void **state)
{
    struct world w = world_make(state);
    struct user user;
    add(w.tx, w.site_id, "Una", "Unlicensed", false);
    static const struct {
        const char *name;
        bool found;
        const char *why;
    } cases[] = {
        {"lea", true, NULL},
        {"local\\lea", true, NULL},
        {"LOCAL\\lea", true, NULL},
        {"Lea", false, "case"},
        {"CORP\\lea", false, "domain"},
        {"nobody", false, "no user"},
        {"Una", false, "unlicensed"},
        {"", false, "no user"},
        {"lea ", false, "no user"},
        {"' OR 1=1 --", false, "no user"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const char *why = NULL;
        if (user_find_exact(w.tx, w.site_id, cases[i].name, &user, &why) != cases[i].found ||
            (cases[i].why && !strstr(why, cases[i].why)))
            fail_msg("'%s': %s", cases[i].name, why);
    }
    struct account account;
    assert_true(account_find(w.tx, "LEA", &account)); /* names at sign-in: without case */
    assert_true(user_for_sign_in(w.tx, &account, w.site_id, &user));
    assert_true(account_find(w.tx, "una", &account));
    assert_false(user_for_sign_in(w.tx, &account, w.site_id, &user));
    assert_false(account_find(w.tx, "CORP\\lea", &account));
    expect(w.tx, user_get(w.tx, &w.viewer, w.site_id, w.viewer.user_id, &user), E_OK, "oneself");
    expect(w.tx, user_get(w.tx, &w.viewer, w.site_id, w.leader.user_id, &user), E403133, "others");
    expect(w.tx, user_get(w.tx, &w.admin, w.site_id, "nobody", &user), E404002, "no id");
}

static void sign_ins_are_noted_by_the_minute(void **state)
{
    static const struct {
        int64_t after;
        bool noted;
    } cases[] = {{0, true}, {1, false}, {59999, false}, {60000, true}, {119999, false}};
    struct world w = world_make(state);
    bool noted = true;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        w.tx->now = NOW + cases[i].after;
        expect(w.tx, user_signed_in(w.tx, w.viewer.user_id, &noted), E_OK, "note");
        assert_int_equal(noted, cases[i].noted);
    }
    expect(w.tx, user_signed_in(w.tx, w.leader.user_id, &noted), E_OK, "another user");
    assert_true(noted);
    assert_int_equal(
        one_int(w.tx->db, "SELECT MIN(last_login_at) FROM site_user WHERE last_login_at > 0"),
        NOW + 60000);
}

/* A session is as good as its actor: whose user or site went is none. */
static void nobody_acts_who_is_gone(void **state)
{
    static const struct {
        const char *sql, *column; /* what is done where the id is that of the user's column */
        bool acts, site_active;
        enum site_role role;
    } cases[] = {
        {"UPDATE site_user SET full_name = 'G'", "id", true, true, ROLE_VIEWER},
        {"UPDATE site_user SET site_role = 'Unlicensed'", "id", true, true, ROLE_UNLICENSED},
        {"UPDATE account SET server_admin = 1", "account_id", true, true,
         ROLE_SERVER_ADMINISTRATOR},
        {"UPDATE site SET state = 'Suspended'", "site_id", true, false, ROLE_VIEWER},
        {"DELETE FROM site_user", "id", false, false, ROLE_VIEWER},
        {"DELETE FROM site", "site_id", false, false, ROLE_VIEWER},
    };
    struct world w = world_make(state);
    struct site site;
    struct site_spec spec = {.name = "Other", .content_url = "other"};
    expect(w.tx, site_create(w.tx, NULL, &spec, &site), E_OK, "site");
    struct user guest = add(w.tx, site.id, "gus", "Viewer", false);
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct actor actor;
        assert_true(db_savepoint(w.tx->db));
        run_sql(w.tx->db, arena_printf(w.tx->arena,
                                       "%s WHERE id = (SELECT %s FROM site_user WHERE id = '%s')",
                                       cases[i].sql, cases[i].column, guest.id));
        if (actor_load(w.tx, guest.id, &actor) != cases[i].acts)
            fail_msg("%s", cases[i].sql);
        if (cases[i].acts)
            assert_true(actor.role == cases[i].role && actor.site_active == cases[i].site_active);
        db_rollback_to(w.tx->db);
    }
}

/* ---- sites */

static void sites_created(void **state)
{
    struct world w = world_make(state);
    const char *text_128 = repeated(w.tx, "x", 128), *text_129 = repeated(w.tx, "x", 129);
    static const struct site_setting quota[] = {{"userQuota", "10"}, {"tierViewerCapacity", "5"}};
    static const struct site_setting bad[] = {{"userQuota", "0"},
                                              {"authoringEnabled", "maybe"},
                                              {"revisionLimit", "1"},
                                              {"userQuota", "ten"}};
    const struct {
        const char *what;
        const struct actor *actor;
        struct site_spec spec;
        enum err err;
    } cases[] = {
        {"plain", &w.admin, {.name = "M", .content_url = "m"}, E_OK},
        {"its name", &w.admin, {.name = "m", .content_url = "m2"}, E409001},
        {"its URL", &w.admin, {.name = "M2", .content_url = "M"}, E409002},
        {"both", &w.admin, {.name = "M", .content_url = "m"}, E409001},
        {"the default's name", &w.admin, {.name = "default", .content_url = "d"}, E409001},
        {"empty URL", &w.admin, {.name = "E", .content_url = ""}, E409002},
        {"no URL", &w.admin, {.name = "E"}, E400000},
        {"no name", &w.admin, {.content_url = "e"}, E400000},
        {"empty name", &w.admin, {.name = "", .content_url = "e"}, E400000},
        {"name beyond ASCII", &w.admin, {.name = "\xC3\x9C", .content_url = "u"}, E_OK},
        {"the same without case", &w.admin, {.name = "\xC3\xBC", .content_url = "u2"}, E409001},
        {"URL beyond ASCII", &w.admin, {.name = "E", .content_url = "\xC3\xBC"}, E409002},
        {"URL with a slash", &w.admin, {.name = "E", .content_url = "a/b"}, E409002},
        {"URL with a space", &w.admin, {.name = "E", .content_url = "a b"}, E409002},
        {"128", &w.admin, {.name = text_128, .content_url = text_128}, E_OK},
        {"long name", &w.admin, {.name = text_129, .content_url = "l"}, E400000},
        {"long URL", &w.admin, {.name = "L", .content_url = text_129}, E409002},
        {"mode", &w.admin, {.name = "O", .content_url = "o", .admin_mode = "ContentOnly"}, E_OK},
        {"odd mode",
         &w.admin,
         {.name = "E", .content_url = "e", .admin_mode = "contentonly"},
         E400013},
        {"quota",
         &w.admin,
         {.name = "Q", .content_url = "q", .settings = quota, .setting_count = 1},
         E_OK},
        {"quota without users",
         &w.admin,
         {.name = "E",
          .content_url = "e",
          .admin_mode = "ContentOnly",
          .settings = quota,
          .setting_count = 1},
         E409004},
        {"quota and tiers",
         &w.admin,
         {.name = "E", .content_url = "e", .settings = quota, .setting_count = 2},
         E409004},
        {"quota of 0",
         &w.admin,
         {.name = "E", .content_url = "e", .settings = bad, .setting_count = 1},
         E400000},
        {"a flag of maybe",
         &w.admin,
         {.name = "E", .content_url = "e", .settings = bad + 1, .setting_count = 1},
         E400000},
        {"a limit of 1",
         &w.admin,
         {.name = "E", .content_url = "e", .settings = bad + 2, .setting_count = 1},
         E400000},
        {"a quota of ten",
         &w.admin,
         {.name = "E", .content_url = "e", .settings = bad + 3, .setting_count = 1},
         E400000},
        {"by a viewer", &w.viewer, {.name = "E", .content_url = "e"}, E403004},
    };
    int64_t made = 1;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct site site;
        expect(w.tx, site_create(w.tx, cases[i].actor, &cases[i].spec, &site), cases[i].err,
               cases[i].what);
        if (cases[i].err)
            continue;
        made++;
        assert_string_equal(site.state, "Active");
        assert_int_equal(site.user_count, 1); /* its creator */
        assert_int_equal(site.project_count, 1);
    }
    assert_int_equal(one_int(w.tx->db, "SELECT COUNT(*) FROM site"), made);
}

static const char *setting_of(struct tx *tx, const struct site *site, const char *name)
{
    size_t count;
    const struct site_attribute *rows = site_attributes(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return site_setting(tx, site, &rows[i]);
    fail_msg("no attribute %s", name);
    return NULL;
}

static void settings_keep_their_values(void **state)
{
    struct world w = world_make(state);
    static const char odd[] = "50% of a\nb\r\nc%0A=%%\tauthoringEnabled=false\n\xC3\xA9";
    const struct site_setting settings[] = {
        {"customSubscriptionFooter", odd}, {"customSubscriptionEmail", ""},
        {"commentingEnabled", "FALSE"},    {"easEnabled", "1"},
        {"revisionLimit", "-1"},           {"nonsense", "x"}};
    struct site_spec spec = {
        .name = "S", .content_url = "s", .settings = settings, .setting_count = LENGTH(settings)};
    struct site site;
    expect(w.tx, site_create(w.tx, &w.admin, &spec, &site), E_OK, "site");
    expect(w.tx, site_get_by_content_url(w.tx, "S", &site), E_OK, "by URL");
    assert_string_equal(setting_of(w.tx, &site, "customSubscriptionFooter"), odd);
    assert_string_equal(setting_of(w.tx, &site, "customSubscriptionEmail"), "");
    assert_string_equal(setting_of(w.tx, &site, "commentingEnabled"), "false");
    assert_string_equal(setting_of(w.tx, &site, "easEnabled"), "true");
    assert_string_equal(setting_of(w.tx, &site, "revisionLimit"), "-1");
    assert_string_equal(setting_of(w.tx, &site, "authoringEnabled"), "true"); /* the default */
    assert_null(setting_of(w.tx, &site, "askDataMode"));
}

/* As much as can be set at once comes back whole. */
static void settings_at_their_most(void **state)
{
    struct world w = world_make(state);
    size_t count, given = 0;
    const struct site_attribute *rows = site_attributes(&count);
    const char *most = repeated(w.tx, "%", SITE_TEXT_MOST);
    struct site_setting *settings = arena_alloc(w.tx->arena, count * sizeof *settings);
    for (size_t i = 0; i < count; i++)
        if (rows[i].kind == SITE_TEXT)
            settings[given++] = (struct site_setting){rows[i].name, most};
    struct site_spec spec = {
        .name = "S", .content_url = "s", .settings = settings, .setting_count = given};
    struct site site;
    expect(w.tx, site_create(w.tx, &w.admin, &spec, &site), E_OK, "site");
    for (size_t i = 0; i < given; i++)
        assert_string_equal(setting_of(w.tx, &site, settings[i].name), most);
    settings[0].value = arena_printf(w.tx->arena, "%sx", most);
    spec.name = spec.content_url = "t";
    expect(w.tx, site_create(w.tx, &w.admin, &spec, &site), E400000, "one more");
}

static void sites_listed(void **state)
{
    struct world w = world_make(state);
    struct site_spec spec = {.name = "M", .content_url = "m"};
    struct site site, *sites;
    struct list_request list;
    size_t count;
    int64_t total;
    expect(w.tx, site_create(w.tx, &w.admin, &spec, &site), E_OK, "site");
    expect(w.tx, list_parse(w.tx, NULL, 0, NULL, NULL, NULL, NULL, &list), E_OK, "list");
    expect(w.tx, site_list(w.tx, &w.admin, &list, &sites, &count, &total), E_OK, "all");
    assert_true(count == 2 && total == 2);
    expect(w.tx, site_list(w.tx, &w.viewer, &list, &sites, &count, &total), E_OK, "one's own");
    assert_true(count == 1 && total == 1);
    assert_string_equal(sites[0].id, w.site_id);
    expect(w.tx, list_parse(w.tx, NULL, 0, NULL, NULL, "name:eq:M", NULL, &list), E400065,
           "no filter");
    expect(w.tx, site_get(w.tx, "x", &site), E404000, "no id");
    expect(w.tx, site_get_by_name(w.tx, "m", &site), E_OK, "by name");
    expect(w.tx, site_get_by_content_url(w.tx, "nowhere", &site), E404000, "unknown");
}

#define EVERYWHERE(ON)                                                                            \
    ON(project_lists), ON(pages_of_a_list), ON(projects_created), ON(projects_moved_and_changed), \
        ON(projects_deleted_with_what_is_in_them), ON(projects_are_not_nested_without_end),       \
        ON(locks_reach_down), ON(users_added), ON(users_found),                                   \
        ON(sign_ins_are_noted_by_the_minute), ON(nobody_acts_who_is_gone), ON(sites_created),     \
        ON(sites_listed), ON(settings_keep_their_values), ON(settings_at_their_most)

int main(void)
{
    const struct CMUnitTest sqlite[] = {ACTS_ON_SQLITE(pages), ACTS_ON_SQLITE(filters),
                                        ACTS_ON_SQLITE(filters_are_bounded), ACTS_ON_SQLITE(sorts),
                                        EVERYWHERE(ACTS_ON_SQLITE)};
    const struct CMUnitTest pg[] = {EVERYWHERE(ACTS_ON_PG)};
    int failed = cmocka_run_group_tests_name("domain on SQLite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("domain on PostgreSQL", pg, NULL, NULL);
    return failed;
}
