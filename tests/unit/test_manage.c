/* test_manage: what was published is listed, changed, moved and deleted, by those who
 * may. */
#include "acting.h"

#include <string.h>

#include "base/ident.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/connection.h"
#include "domain/content_item.h"
#include "domain/flow_step.h"
#include "domain/permission.h"
#include "domain/project.h"
#include "domain/publish.h"
#include "domain/site.h"
#include "domain/upgrade.h"
#include "domain/user.h"
#include "domain/view.h"
#include "domain/visible.h"

static void expect(struct tx *tx, enum err got, enum err wanted, const char *what)
{
    if (got != wanted)
        fail_msg("%s: %d (%s), expected %d", what, (int)got,
                 got && tx->fault.detail ? tx->fault.detail : "", (int)wanted);
}

/* Owner published all of it; other is a Creator as well, who holds nothing. */
struct world {
    struct tx *tx;
    const char *site_id;
    struct actor admin, owner, other;
    struct project here, there;
    struct content_item workbook, datasource, flow;
};

static struct actor add(struct world *w, const char *name, const char *role, bool server_admin)
{
    struct user user;
    struct actor actor;
    struct user_spec spec = {.name = name, .site_role = role, .server_admin = server_admin};
    expect(w->tx, user_add(w->tx, NULL, w->site_id, &spec, &user), E_OK, name);
    assert_true(actor_load(w->tx, user.id, &actor));
    return actor;
}

static void allow(struct world *w, const struct project *project, const struct actor *actor,
                  cap_set capabilities)
{
    struct rule rule = {GRANTEE_USER, actor->user_id, capabilities, 0};
    expect(w->tx, permission_add(w->tx, w->site_id, project->id, TYPE_PROJECT, &rule, 1), E_OK,
           "allow");
}

static struct project project(struct world *w, const char *name)
{
    struct project project;
    struct project_spec spec = {.name = name};
    expect(w->tx, project_create(w->tx, &w->admin, w->site_id, &spec, &project), E_OK, name);
    return project;
}

static struct publish_spec spec_of(const struct world *w, enum content_type type, const char *name)
{
    static const char *const names[] = {"Orders", "People", "Orders 2"};
    static const struct publish_view views[] = {{"One", "One", "worksheet", false, names, 3},
                                                {"Two", "Two", "dashboard", false, NULL, 0},
                                                {"Secret", "Secret", "worksheet", true, NULL, 0}};
    static const struct publish_datasource datasources[] = {
        {.name = "Caption", .content_url = "Sales"}};
    static const struct publish_connection connections[] = {
        {.type = "sqlserver", .server = "db.example.com", .port = "1433", .user_name = "sa"},
        {.type = "sqlproxy", .datasource = &datasources[0]}};
    static const char *const steps[] = {"Output", "Output 2"};
    bool workbook = type == TYPE_WORKBOOK;
    return (struct publish_spec){.type = type,
                                 .project_id = w->here.id,
                                 .name = name,
                                 .blob_id = "00",
                                 .file_type = workbook            ? "twb"
                                              : type == TYPE_FLOW ? "tfl"
                                                                  : "tds",
                                 .data_type = type == TYPE_DATASOURCE ? "sqlserver" : NULL,
                                 .size_bytes = 1000,
                                 .views = views,
                                 .view_count = workbook ? LENGTH(views) : 0,
                                 .datasources = datasources,
                                 .datasource_count = workbook ? LENGTH(datasources) : 0,
                                 .connections = connections,
                                 .connection_count = workbook ? 2 : 1,
                                 .tables = names,
                                 .table_count = type == TYPE_DATASOURCE ? 3 : 0,
                                 .steps = steps,
                                 .step_count = type == TYPE_FLOW ? 2 : 0};
}

static struct content_item published(struct world *w, enum content_type type, const char *name)
{
    struct content_item item;
    bool created;
    struct publish_spec spec = spec_of(w, type, name);
    spec.overwrite = true;
    expect(w->tx, publish(w->tx, &w->owner, &spec, &item, &created), E_OK, name);
    return item;
}

static struct world world_make(void **state)
{
    struct world w = {.tx = &((struct acting *)*state)->tx};
    struct site site;
    struct site_spec first = {.name = "Default", .content_url = ""};
    expect(w.tx, site_create(w.tx, NULL, &first, &site), E_OK, "site");
    w.site_id = site.id;
    w.admin = add(&w, "ada", "ServerAdministrator", true);
    w.owner = add(&w, "owner", "Creator", false);
    w.other = add(&w, "other", "Creator", false);
    w.here = project(&w, "Here");
    w.there = project(&w, "There");
    allow(&w, &w.here, &w.owner, CAP_BIT(CAP_READ) | CAP_BIT(CAP_WRITE));
    w.workbook = published(&w, TYPE_WORKBOOK, "Book");
    w.datasource = published(&w, TYPE_DATASOURCE, "Sales");
    w.flow = published(&w, TYPE_FLOW, "Flow");
    return w;
}

static const char *text_of(struct world *w, const char *sql, const char *id)
{
    struct stmt *stmt = db_prepare_text(w->tx->db, sql);
    stmt_text(stmt, 1, id);
    const char *text = stmt_step(stmt) == DB_ROW ? tx_text(w->tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return text;
}

static int64_t count_of(struct world *w, const struct actor *actor, enum content_type type)
{
    struct list_request list = {.page_number = 1, .page_size = 100};
    struct content_item *items;
    struct view *views;
    size_t count;
    int64_t total;
    expect(w->tx,
           type == TYPE_VIEW ? view_list(w->tx, actor, &list, &views, &count, &total)
                             : content_item_list(w->tx, actor, type, &list, &items, &count, &total),
           E_OK, "list");
    assert_int_equal(count, total);
    return total;
}

static enum err change_of(struct world *w, const struct actor *actor, enum content_type type,
                          const char *id, struct content_change change)
{
    struct content_item item;
    return content_item_update(w->tx, actor, type, id, &change, &item);
}

static const struct content_change NO_CHANGE = {
    .show_tabs = -1, .encrypts_extracts = -1, .uses_remote_query_agent = -1, .is_certified = -1};

/* ---- connections */

static const char *sealed(void *context, const char *connection_id)
{
    struct world *w = context;
    return arena_printf(w->tx->arena, "sealed for %s", connection_id);
}

static const char SEALED[] = "SELECT sealed_password FROM connection WHERE id = ?1";

static void passwords_are_kept_where_they_are_embedded(void **state)
{
    struct world w = world_make(state);
    struct connection *list, changed;
    size_t count;
    expect(w.tx, connection_list(w.tx, &w.owner, TYPE_WORKBOOK, w.workbook.id, &list, &count), E_OK,
           "list");
    assert_int_equal(count, 2);
    assert_null(list[0].datasource_name);
    assert_string_equal(list[1].datasource_id, w.datasource.id);
    assert_string_equal(list[1].datasource_name, "Sales");
    const struct {
        int embed;
        bool password, kept;
    } steps[] = {{-1, true, false}, {1, true, true},  {-1, false, true},
                 {-1, true, true},  {0, true, false}, {1, false, false}};
    for (size_t i = 0; i < LENGTH(steps); i++) {
        struct connection_change change = {.embeds_password = steps[i].embed,
                                           .query_tagging = -1,
                                           .seal = steps[i].password ? sealed : NULL,
                                           .context = &w};
        expect(w.tx,
               connection_update(w.tx, &w.owner, TYPE_WORKBOOK, w.workbook.id, list[0].id, &change,
                                 &changed),
               E_OK, "update");
        const char *kept = text_of(&w, SEALED, list[0].id);
        assert_int_equal(kept != NULL, steps[i].kept);
        if (kept)
            assert_string_equal(kept, arena_printf(w.tx->arena, "sealed for %s", list[0].id));
    }
    assert_null(text_of(&w, SEALED, list[1].id));
}

/* ---- data sources of workbooks */

enum { DATASOURCES_MOST = 4 };

/* The workbook with data sources of those names, of one connection each. */
static enum err book_of(struct world *w, const struct publish_datasource *datasources, size_t count,
                        const char *checked_server)
{
    struct publish_connection connections[DATASOURCES_MOST] = {0};
    struct publish_spec spec = spec_of(w, TYPE_WORKBOOK, "Book");
    struct content_item item;
    bool created;
    for (size_t i = 0; i < count; i++)
        connections[i] =
            (struct publish_connection){.type = "sqlserver", .datasource = &datasources[i]};
    spec.overwrite = true;
    spec.datasources = datasources;
    spec.connections = connections;
    spec.datasource_count = spec.connection_count = count;
    spec.checked_server = checked_server;
    return publish(w->tx, &w->owner, &spec, &item, &created);
}

static struct connection *book_connections(struct world *w, size_t wanted)
{
    struct connection *list;
    size_t count;
    expect(w->tx, connection_list(w->tx, &w->owner, TYPE_WORKBOOK, w->workbook.id, &list, &count),
           E_OK, "list");
    assert_int_equal(count, wanted);
    return list;
}

/* Of each data source of the new revision, which one of the old it is; -1: none. */
static void luids_stay_with_names(void **state)
{
    struct world w = world_make(state);
    const struct {
        const char *names[DATASOURCES_MOST];
        int was[DATASOURCES_MOST];
    } revisions[] = {{{"A", "B"}, {-1, -1}},         {{"A", "B"}, {0, 1}},
                     {{"B", "A", "C"}, {1, 0, -1}},  {{"a", "C"}, {-1, 2}},
                     {{"C", "C", "C"}, {1, -1, -1}}, {{"", "C", "C"}, {-1, 0, 1}},
                     {{"", "", "C"}, {0, -1, 1}},    {{"A"}, {-1}}};
    const struct connection *old = NULL;
    for (size_t i = 0; i < LENGTH(revisions); i++) {
        struct publish_datasource datasources[DATASOURCES_MOST] = {0};
        size_t count = 0;
        for (; count < DATASOURCES_MOST && revisions[i].names[count]; count++)
            datasources[count].name = revisions[i].names[count];
        expect(w.tx, book_of(&w, datasources, count, NULL), E_OK, "publish");
        const struct connection *now = book_connections(&w, count);
        for (size_t j = 0; j < count; j++) {
            int was = revisions[i].was[j];
            assert_string_equal(now[j].datasource_name, revisions[i].names[j]);
            assert_true(luid_valid(now[j].datasource_id));
            if (was >= 0)
                assert_string_equal(now[j].datasource_id, old[was].datasource_id);
            for (size_t k = 0; k < j; k++)
                assert_string_not_equal(now[j].datasource_id, now[k].datasource_id);
            assert_string_equal(text_of(&w,
                                        "SELECT workbook_id FROM workbook_datasource WHERE "
                                        "id = ?1",
                                        now[j].datasource_id),
                                w.workbook.id);
        }
        old = now;
    }
}

/* Connections as earlier versions left them. */
static void data_sources_from_before_get_luids(void **state)
{
    struct world w = world_make(state);
    const struct publish_datasource datasources[] = {
        {.name = "B"}, {.name = "A"}, {.name = "B"}, {.name = "A", .content_url = "Gone"}};
    expect(w.tx, book_of(&w, datasources, LENGTH(datasources), NULL), E_OK, "publish");
    run_sql(w.tx->db, "DELETE FROM workbook_datasource");
    run_sql(w.tx->db, "UPDATE connection SET datasource_id = NULL");
    assert_null(book_connections(&w, 4)[0].datasource_id);
    expect(w.tx, upgrade_rows(w.tx), E_OK, "upgrade");
    const struct connection *first = book_connections(&w, 4);
    assert_string_equal(first[0].datasource_id, first[2].datasource_id);
    assert_string_not_equal(first[0].datasource_id, first[1].datasource_id);
    assert_string_not_equal(first[1].datasource_id, first[3].datasource_id);
    expect(w.tx, upgrade_rows(w.tx), E_OK, "again");
    const struct connection *again = book_connections(&w, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(again[i].datasource_id, first[i].datasource_id);
    expect(w.tx, book_of(&w, datasources, 2, NULL), E_OK, "overwrite");
    again = book_connections(&w, 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(again[i].datasource_id, first[i].datasource_id);
}

/* The published data source is told while it is there, under its own name. */
static void published_data_sources_are_told(void **state)
{
    struct world w = world_make(state);
    struct content_change rename = NO_CHANGE;
    const struct publish_datasource datasource = {.name = "Caption", .content_url = "sales"};
    rename.name = "Renamed";
    expect(w.tx, book_of(&w, &datasource, 1, NULL), E_OK, "publish");
    expect(w.tx, change_of(&w, &w.owner, TYPE_DATASOURCE, w.datasource.id, rename), E_OK, "rename");
    struct connection *list = book_connections(&w, 1);
    assert_string_equal(list->datasource_id, w.datasource.id);
    assert_string_equal(list->datasource_name, "Renamed");
    expect(w.tx, content_item_delete(w.tx, &w.owner, TYPE_DATASOURCE, w.datasource.id), E_OK,
           "delete");
    list = book_connections(&w, 1);
    assert_string_not_equal(list->datasource_id, w.datasource.id);
    assert_string_equal(list->datasource_name, "Caption");
    const char *own = list->datasource_id;
    expect(w.tx, book_of(&w, &datasource, 1, NULL), E_OK, "again");
    assert_string_equal(book_connections(&w, 1)->datasource_id, own);
}

static void published_data_sources_are_looked_for(void **state)
{
    struct world w = world_make(state);
    const struct {
        const char *content_url, *server, *port, *site;
        bool found;
    } cases[] = {
        {"Sales", "Here", "80", NULL, true},   {"Gone", "here", "80", NULL, false},
        {"Gone", "here", NULL, "", false},     {"Gone", "there", "80", NULL, true},
        {"Gone", "here", "80", "Other", true}, {"Gone", NULL, NULL, NULL, true},
        {NULL, "here", "80", NULL, true},      {"sales", "here", "", "", true},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const struct publish_datasource datasources[] = {
            {.name = "Embedded"},
            {"Caption", cases[i].content_url, cases[i].server, cases[i].port, cases[i].site}};
        expect(w.tx, book_of(&w, datasources, 2, "here"), cases[i].found ? E_OK : E403132,
               cases[i].content_url);
        expect(w.tx, book_of(&w, datasources, 2, NULL), E_OK, "unchecked");
    }
    const struct rule rule = {GRANTEE_USER, w.owner.user_id, 0, CAP_BIT(CAP_READ)};
    const struct publish_datasource hidden = {
        .name = "S", .content_url = "Sales", .server = "here"};
    struct content_change give = NO_CHANGE;
    give.owner_id = w.other.user_id;
    expect(w.tx, change_of(&w, &w.admin, TYPE_DATASOURCE, w.datasource.id, give), E_OK, "give");
    expect(w.tx, permission_add(w.tx, w.site_id, w.datasource.id, TYPE_DATASOURCE, &rule, 1), E_OK,
           "deny");
    expect(w.tx, access_changed(w.tx, w.site_id), E_OK, "changed");
    expect(w.tx, book_of(&w, &hidden, 1, "here"), E403132, "unread");
}

static void connections_are_refused(void **state)
{
    struct world w = world_make(state);
    const struct {
        enum content_type type;
        const char *id;
        enum err unread, unwritten, unknown;
    } kinds[] = {{TYPE_WORKBOOK, w.workbook.id, E403021, E403029, E404006},
                 {TYPE_DATASOURCE, w.datasource.id, E403021, E403023, E404004},
                 {TYPE_FLOW, w.flow.id, E403092, E403103, E404027}};
    static const char *const ports[] = {"x", "70000", "-1", "1e3", "123456"};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        struct connection *list, changed;
        size_t count;
        struct connection_change change = {
            .server_port = "", .embeds_password = -1, .query_tagging = -1};
        expect(w.tx, connection_list(w.tx, &w.other, kinds[i].type, kinds[i].id, &list, &count),
               kinds[i].unread, "unread");
        expect(w.tx, connection_list(w.tx, &w.owner, kinds[i].type, w.here.id, &list, &count),
               kinds[i].unknown, "unknown");
        expect(w.tx, connection_list(w.tx, &w.owner, kinds[i].type, kinds[i].id, &list, &count),
               E_OK, "list");
        const char *id = list[0].id;
        expect(w.tx,
               connection_update(w.tx, &w.other, kinds[i].type, kinds[i].id, id, &change, &changed),
               kinds[i].unwritten, "unwritten");
        expect(w.tx,
               connection_update(w.tx, &w.owner, kinds[i].type, kinds[i].id, w.here.id, &change,
                                 &changed),
               E404020, "no such connection");
        for (size_t j = 0; j < LENGTH(ports); j++) {
            change.server_port = ports[j];
            expect(w.tx,
                   connection_update(w.tx, &w.owner, kinds[i].type, kinds[i].id, id, &change,
                                     &changed),
                   E400000, ports[j]);
        }
    }
}

/* ---- changing */

static void leaders_certify(void **state)
{
    struct world w = world_make(state);
    const char *id = w.datasource.id;
    struct content_change certify = NO_CHANGE;
    certify.is_certified = 1;
    struct content_change note = NO_CHANGE;
    note.certification_note = "checked";
    struct content_change as_read = NO_CHANGE;
    as_read.is_certified = 0;
    as_read.certification_note = "";
    expect(w.tx, change_of(&w, &w.owner, TYPE_DATASOURCE, id, certify), E403032, "owner");
    expect(w.tx, change_of(&w, &w.owner, TYPE_DATASOURCE, id, note), E403032, "owner's note");
    expect(w.tx, change_of(&w, &w.owner, TYPE_DATASOURCE, id, as_read), E_OK, "as it was read");
    allow(&w, &w.here, &w.owner, CAP_BIT(CAP_PROJECT_LEADER));
    expect(w.tx, change_of(&w, &w.owner, TYPE_DATASOURCE, id, certify), E_OK, "leader");
    expect(w.tx, change_of(&w, &w.owner, TYPE_DATASOURCE, id, note), E_OK, "leader's note");
    assert_string_equal(
        text_of(&w, "SELECT certification_note FROM content WHERE is_certified = 1 AND id = ?1",
                id),
        "checked");
}

static void moving_needs_both_ends(void **state)
{
    struct world w = world_make(state);
    const struct {
        enum content_type type;
        const char *id;
        enum err target, owner, unwritten;
    } kinds[] = {{TYPE_WORKBOOK, w.workbook.id, E403025, E403027, E403027},
                 {TYPE_DATASOURCE, w.datasource.id, E403030, E403027, E403032},
                 {TYPE_FLOW, w.flow.id, E403030, E403098, E403098}};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        enum content_type type = kinds[i].type;
        struct content_change move = NO_CHANGE, give = NO_CHANGE, name = NO_CHANGE;
        move.project_id = w.there.id;
        give.owner_id = w.other.user_id;
        name.name = "Renamed";
        expect(w.tx, change_of(&w, &w.owner, type, kinds[i].id, move), kinds[i].target, "no Write");
        expect(w.tx, change_of(&w, &w.owner, type, kinds[i].id, give), kinds[i].owner, "no leader");
        expect(w.tx, change_of(&w, &w.other, type, kinds[i].id, name), kinds[i].unwritten,
               "stranger");
        expect(w.tx, change_of(&w, &w.owner, type, kinds[i].id, name), E_OK, "rename");
        give.owner_id = w.here.id;
        expect(w.tx, change_of(&w, &w.admin, type, kinds[i].id, give), E404002, "no such user");
        move.project_id = w.other.user_id;
        expect(w.tx, change_of(&w, &w.admin, type, kinds[i].id, move), E404005, "no such project");
    }
    allow(&w, &w.there, &w.owner, CAP_BIT(CAP_READ) | CAP_BIT(CAP_WRITE));
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        struct content_change move = NO_CHANGE;
        move.project_id = w.there.id;
        expect(w.tx, change_of(&w, &w.owner, kinds[i].type, kinds[i].id, move), E_OK, "move");
        assert_string_equal(
            text_of(&w, "SELECT project_id FROM content WHERE id = ?1", kinds[i].id), w.there.id);
    }
}

/* ---- views */

static void a_view_is_taken_off(void **state)
{
    struct world w = world_make(state);
    struct view *views;
    struct view view;
    size_t count;
    expect(w.tx, view_list_of_workbook(w.tx, &w.other, w.workbook.id, &views, &count), E403004,
           "unread");
    expect(w.tx, view_list_of_workbook(w.tx, &w.owner, w.workbook.id, &views, &count), E_OK,
           "views");
    assert_int_equal(count, 2);
    const char *first = views[0].id, *second = views[1].id;
    assert_string_equal(w.workbook.default_view_id, first);
    expect(w.tx, view_delete(w.tx, &w.other, first), E403004, "stranger");
    expect(w.tx, view_delete(w.tx, &w.owner, first), E_OK, "owner");
    expect(w.tx, view_get(w.tx, &w.owner, first, CAP_BIT(CAP_READ), &view, NULL), E404011, "gone");
    expect(w.tx, view_delete(w.tx, &w.owner, first), E404011, "twice");
    assert_string_equal(
        text_of(&w, "SELECT default_view_id FROM content WHERE id = ?1", w.workbook.id), second);
    assert_int_equal(count_of(&w, &w.admin, TYPE_VIEW), 1);
    assert_int_equal(count_of(&w, &w.owner, TYPE_VIEW), 1);
    expect(w.tx, view_delete(w.tx, &w.owner, second), E_OK, "the last one shown");
    assert_null(text_of(&w, "SELECT default_view_id FROM content WHERE id = ?1", w.workbook.id));
    published(&w, TYPE_WORKBOOK, "Book");
    assert_int_equal(count_of(&w, &w.admin, TYPE_VIEW), 2);
}

/* ---- lists of a user, steps, deleting */

static void what_a_user_sees_and_owns(void **state)
{
    struct world w = world_make(state);
    struct list_request list = {.page_number = 1, .page_size = 100};
    struct content_item *items;
    size_t count;
    int64_t total;
    const struct {
        const struct actor *asks, *of;
        bool owned;
        enum err err;
        int64_t total;
    } cases[] = {{&w.admin, &w.owner, false, E_OK, 1},    {&w.admin, &w.owner, true, E_OK, 1},
                 {&w.admin, &w.admin, false, E_OK, 1},    {&w.admin, &w.admin, true, E_OK, 0},
                 {&w.owner, &w.owner, true, E_OK, 1},     {&w.other, &w.other, false, E_OK, 0},
                 {&w.other, &w.owner, false, E403018, 0}, {&w.owner, &w.admin, true, E403018, 0}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        expect(w.tx,
               content_item_list_of_user(w.tx, cases[i].asks, TYPE_WORKBOOK, cases[i].of->user_id,
                                         cases[i].owned, &list, &items, &count, &total),
               cases[i].err, "list of a user");
        if (!cases[i].err)
            assert_int_equal(total, cases[i].total);
    }
    expect(w.tx,
           content_item_list_of_user(w.tx, &w.admin, TYPE_FLOW, w.here.id, false, &list, &items,
                                     &count, &total),
           E404002, "no such user");
    expect(w.tx,
           content_item_list_of_user(w.tx, &w.other, TYPE_FLOW, w.owner.user_id, false, &list,
                                     &items, &count, &total),
           E403101, "flows of another");
}

static void steps_keep_their_ids(void **state)
{
    struct world w = world_make(state);
    struct flow_step *before, *after;
    size_t count;
    expect(w.tx, flow_step_list(w.tx, w.flow.id, &before, &count), E_OK, "steps");
    assert_int_equal(count, 2);
    assert_string_equal(before[1].name, "Output 2");
    static const char *const turned[] = {"Output 2", "Output", "Output"};
    struct publish_spec spec = spec_of(&w, TYPE_FLOW, "Flow");
    struct content_item flow;
    bool created;
    spec.overwrite = true;
    spec.steps = turned;
    spec.step_count = 3;
    expect(w.tx, publish(w.tx, &w.owner, &spec, &flow, &created), E_OK, "again");
    expect(w.tx, flow_step_list(w.tx, w.flow.id, &after, &count), E_OK, "steps");
    assert_int_equal(count, 3);
    assert_string_equal(after[0].id, before[1].id);
    assert_string_equal(after[1].id, before[0].id);
    assert_string_not_equal(after[2].id, before[0].id);
}

static void nothing_is_left(struct world *w)
{
    static const enum content_type types[] = {TYPE_WORKBOOK, TYPE_DATASOURCE, TYPE_FLOW, TYPE_VIEW};
    for (size_t i = 0; i < LENGTH(types); i++) {
        assert_int_equal(count_of(w, &w->admin, types[i]), 0);
        assert_int_equal(count_of(w, &w->owner, types[i]), 0);
    }
    assert_string_equal(text_of(w,
                                "SELECT COALESCE(SUM(bytes), 0) FROM content_count WHERE "
                                "site_id = ?1",
                                w->site_id),
                        "0");
    assert_null(text_of(w, "SELECT id FROM connection WHERE ?1 <> ''", "x"));
    assert_null(text_of(w, "SELECT id FROM workbook_datasource WHERE ?1 <> ''", "x"));
    assert_null(text_of(w, "SELECT id FROM flow_step WHERE ?1 <> ''", "x"));
    assert_null(text_of(w, "SELECT name FROM datasource_table WHERE ?1 <> ''", "x"));
    assert_null(text_of(w, "SELECT name FROM view_field WHERE ?1 <> ''", "x"));
    assert_null(text_of(w, "SELECT blob_id FROM revision WHERE ?1 <> ''", "x"));
}

/* The rows of a table that are the item's, as "0:name; 1:name". */
static const char *names_in(struct world *w, const char *sql, const char *id)
{
    const char *line = "";
    struct stmt *stmt = db_prepare_text(w->tx->db, sql);
    stmt_text(stmt, 1, id);
    while (stmt_step(stmt) == DB_ROW)
        line = arena_printf(w->tx->arena, "%s%lld:%s; ", line, (long long)stmt_get_int(stmt, 0),
                            stmt_get_text(stmt, 1));
    stmt_reset(stmt);
    return line;
}

/* Full statements, and what is left of them. */
static void names_are_those_of_the_last_revision(void **state)
{
    static const size_t counts[] = {1, 0, 15, 16, 16, 17, 3, 100, 99, 0};
    struct world w = world_make(state);
    const char *names[102];
    const char *view_id =
        text_of(&w, "SELECT id FROM view WHERE workbook_id = ?1 AND name = 'One'", w.workbook.id);
    for (size_t i = 0; i < LENGTH(names); i++)
        names[i] = arena_printf(w.tx->arena, "name %zu", i);
    for (size_t i = 0; i < LENGTH(counts); i++) {
        const char *expected = "";
        for (size_t n = 0; n < counts[i]; n++)
            expected = arena_printf(w.tx->arena, "%s%zu:%s; ", expected, n, names[n + i % 2]);
        struct publish_view view = {"One", "One", "worksheet", i == 3, names + i % 2, counts[i]};
        const enum content_type types[] = {TYPE_WORKBOOK, TYPE_DATASOURCE};
        for (size_t t = 0; t < LENGTH(types); t++) {
            struct content_item item;
            bool created;
            struct publish_spec spec = spec_of(&w, types[t], t ? "Sales" : "Book");
            spec.overwrite = true;
            spec.views = &view;
            spec.view_count = t ? 0 : 1;
            spec.tables = names + i % 2;
            spec.table_count = t ? counts[i] : 0;
            expect(w.tx, publish(w.tx, &w.owner, &spec, &item, &created), E_OK, "again");
        }
        assert_string_equal(names_in(&w,
                                     "SELECT position, name FROM view_field WHERE view_id = ?1 "
                                     "ORDER BY position",
                                     view_id),
                            expected);
        assert_string_equal(names_in(&w,
                                     "SELECT position, name FROM datasource_table WHERE "
                                     "content_id = ?1 ORDER BY position",
                                     w.datasource.id),
                            expected);
    }
}

static void deleting_leaves_nothing(void **state)
{
    struct world w = world_make(state);
    struct visible_cache *cache = visible_cache_new(1 << 20);
    const struct {
        enum content_type type;
        const char *id;
        enum err unknown;
    } items[] = {{TYPE_WORKBOOK, w.workbook.id, E404006},
                 {TYPE_DATASOURCE, w.datasource.id, E404004},
                 {TYPE_FLOW, w.flow.id, E404027}};
    w.owner.visible = cache;
    assert_int_equal(count_of(&w, &w.owner, TYPE_VIEW), 2);
    for (size_t i = 0; i < LENGTH(items); i++) {
        assert_int_equal(count_of(&w, &w.owner, items[i].type), 1);
        expect(w.tx, content_item_delete(w.tx, &w.other, items[i].type, items[i].id), E403004,
               "stranger");
        expect(w.tx, content_item_delete(w.tx, &w.owner, items[i].type, items[i].id), E_OK,
               "owner");
        expect(w.tx, content_item_delete(w.tx, &w.owner, items[i].type, items[i].id),
               items[i].unknown, "twice");
    }
    nothing_is_left(&w);
    visible_cache_free(&cache);
}

static int64_t found(struct world *w, const struct actor *actor, const char *filter)
{
    struct list_request list;
    struct content_item *items;
    size_t count;
    int64_t total;
    expect(w->tx,
           list_parse(w->tx, workbook_fields, workbook_field_count, "1", "1", filter, "name:desc",
                      &list),
           E_OK, filter);
    expect(w->tx, content_item_list(w->tx, actor, TYPE_WORKBOOK, &list, &items, &count, &total),
           E_OK, filter);
    assert_int_equal(count, total > 0);
    return total;
}

/* What was counted is not told once it is otherwise; pages of one, so that the rest is
 * counted and not seen. */
static void counts_follow_changes(void **state)
{
    static const char *const filters[] = {"name:in:[Book,Other,Third]", "size:eq:1",
                                          "projectName:eq:Here", "ownerName:eq:owner,size:lte:1",
                                          "projectName:in:[Here,There],ownerName:eq:owner"};
    struct world w = world_make(state);
    struct visible_cache *cache = visible_cache_new(1 << 20);
    struct content_change rename = NO_CHANGE;
    rename.name = "Renamed";
    w.admin.visible = w.owner.visible = cache;
    const struct actor *const actors[] = {&w.admin, &w.owner};
    struct content_item other = {0};
    for (int64_t round = 1; round <= 3; round++) {
        if (round == 2)
            other = published(&w, TYPE_WORKBOOK, "Other");
        if (round == 3)
            published(&w, TYPE_WORKBOOK, "Third");
        for (size_t i = 0; i < LENGTH(filters) * LENGTH(actors); i++)
            for (int again = 0; again < 2; again++)
                assert_int_equal(found(&w, actors[i % 2], filters[i / 2]), round);
    }
    expect(w.tx, change_of(&w, &w.owner, TYPE_WORKBOOK, other.id, rename), E_OK, "rename");
    for (size_t i = 0; i < LENGTH(actors); i++) {
        assert_int_equal(found(&w, actors[i], filters[0]), 2);
        assert_int_equal(found(&w, actors[i], filters[1]), 3);
        assert_int_equal(found(&w, actors[i], "projectName:eq:Nowhere"), 0);
    }
    expect(w.tx, content_item_delete(w.tx, &w.owner, TYPE_WORKBOOK, other.id), E_OK, "delete");
    for (size_t i = 0; i < LENGTH(actors); i++)
        assert_int_equal(found(&w, actors[i], filters[1]), 2);
    visible_cache_free(&cache);
}

static void content_goes_with_its_project(void **state)
{
    struct world w = world_make(state);
    struct visible_cache *cache = visible_cache_new(1 << 20);
    w.owner.visible = cache;
    assert_int_equal(count_of(&w, &w.owner, TYPE_WORKBOOK), 1);
    expect(w.tx, project_delete(w.tx, &w.admin, w.site_id, w.here.id), E_OK, "project");
    nothing_is_left(&w);
    visible_cache_free(&cache);
}

static void content_passes_on_with_its_owner(void **state)
{
    struct world w = world_make(state);
    expect(w.tx, user_remove(w.tx, &w.admin, w.site_id, w.owner.user_id, NULL), E409003, "owner");
    assert_int_equal(count_of(&w, &w.other, TYPE_WORKBOOK), 0);
    expect(w.tx, user_remove(w.tx, &w.admin, w.site_id, w.owner.user_id, w.other.user_id), E_OK,
           "mapped");
    assert_int_equal(count_of(&w, &w.other, TYPE_WORKBOOK), 1);
    assert_string_equal(text_of(&w, "SELECT owner_id FROM content WHERE id = ?1", w.flow.id),
                        w.other.user_id);
}

int main(void)
{
#define ALL_ON(engine)                                                                          \
    engine(passwords_are_kept_where_they_are_embedded), engine(connections_are_refused),        \
        engine(luids_stay_with_names), engine(data_sources_from_before_get_luids),              \
        engine(published_data_sources_are_told), engine(published_data_sources_are_looked_for), \
        engine(leaders_certify), engine(moving_needs_both_ends), engine(a_view_is_taken_off),   \
        engine(what_a_user_sees_and_owns), engine(steps_keep_their_ids),                        \
        engine(names_are_those_of_the_last_revision), engine(deleting_leaves_nothing),          \
        engine(counts_follow_changes), engine(content_goes_with_its_project),                   \
        engine(content_passes_on_with_its_owner)
    const struct CMUnitTest on_sqlite[] = {ALL_ON(ACTS_ON_SQLITE)};
    const struct CMUnitTest on_pg[] = {ALL_ON(ACTS_ON_PG)};
    int failed = cmocka_run_group_tests_name("manage (sqlite)", on_sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("manage (postgresql)", on_pg, NULL, NULL);
    return failed;
}
