/* content_item.c: see content_item.h. */
#include "domain/content_item.h"

#include <string.h>

#include "base/buf.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/connection_sql.h"
#include "domain/content_priv.h"
#include "domain/favorite.h"
#include "domain/permission.h"
#include "domain/visible.h"
#include "store/tx.h"

static const struct content_refusals REFUSALS[TYPE_COUNT] = {
#define CONTENT_KIND(type, unknown, unread, unwritten, owner, target, taken, renamed, \
                     undownloaded)                                                    \
    [TYPE_##type] = {unknown, unread, unwritten, owner, target, taken, renamed, undownloaded},
#include "tbl/content_kinds.def"
#undef CONTENT_KIND
};

const struct content_refusals *content_refusals(enum content_type type)
{
    return &REFUSALS[type];
}

bool content_name_blank(const char *name)
{
    return !name[strspn(name, " \t\r\n")];
}

#define CONTENT_COLUMNS                                                                       \
    "c.id, c.name, c.description, c.content_url, c.file_type, c.project_id, p.name, "         \
    "c.owner_id, o.name, c.data_type, c.certification_note, c.default_view_id, c.show_tabs, " \
    "c.has_extracts, c.encrypts_extracts, c.uses_remote_query_agent, c.is_certified, "        \
    "c.size_bytes, c.revision, c.sheet_count, c.created_at, c.updated_at, c.published_at, "   \
    "c.content_type, c.serial, p.description, o.full_name, o.email, o.site_role, "            \
    "o.last_login_at"
enum { CONTENT_COLUMN_COUNT = 30 };
#define CONTENT_JOINS \
    " FROM content c JOIN project p ON p.id = c.project_id JOIN site_user o ON o.id = c.owner_id "

static enum content_type type_of_name(const char *name)
{
    return strcmp(name, "workbook") == 0     ? TYPE_WORKBOOK
           : strcmp(name, "datasource") == 0 ? TYPE_DATASOURCE
                                             : TYPE_FLOW;
}

static void item_read(struct tx *tx, struct stmt *stmt, void *row)
{
    *(struct content_item *)row = (struct content_item){
        .id = tx_text(tx, stmt, 0),
        .name = tx_text(tx, stmt, 1),
        .description = tx_text(tx, stmt, 2),
        .content_url = tx_text(tx, stmt, 3),
        .file_type = tx_text(tx, stmt, 4),
        .project_id = tx_text(tx, stmt, 5),
        .project_name = tx_text(tx, stmt, 6),
        .owner_id = tx_text(tx, stmt, 7),
        .owner_name = tx_text(tx, stmt, 8),
        .data_type = tx_text(tx, stmt, 9),
        .certification_note = tx_text(tx, stmt, 10),
        .default_view_id = tx_text(tx, stmt, 11),
        .show_tabs = stmt_get_int(stmt, 12) != 0,
        .has_extracts = stmt_get_int(stmt, 13) != 0,
        .encrypts_extracts = stmt_get_int(stmt, 14) != 0,
        .uses_remote_query_agent = stmt_get_int(stmt, 15) != 0,
        .is_certified = stmt_get_int(stmt, 16) != 0,
        .size_bytes = stmt_get_int(stmt, 17),
        .revision = stmt_get_int(stmt, 18),
        .sheet_count = stmt_get_int(stmt, 19),
        .created_at = stmt_get_int(stmt, 20),
        .updated_at = stmt_get_int(stmt, 21),
        .published_at = stmt_get_int(stmt, 22),
        .type = type_of_name(stmt_get_text(stmt, 23)),
        .serial = stmt_get_int(stmt, 24),
        .project_description = tx_text(tx, stmt, 25),
        .owner_full_name = tx_text(tx, stmt, 26),
        .owner_email = tx_text(tx, stmt, 27),
        .owner_role = tx_text(tx, stmt, 28),
        .owner_last_login_at = stmt_get_int(stmt, 29),
    };
}

static enum err unknown_item(struct tx *tx, enum content_type type, const char *id)
{
    return tx_refuse(tx, REFUSALS[type].unknown, "The %s '%.64s' could not be found.",
                     content_type_name(type), id);
}

static enum err fill_tags(struct tx *tx, enum content_type type, struct content_item *items,
                          size_t count)
{
    return tag_fill(tx, type, items, count, sizeof *items, offsetof(struct content_item, id),
                    offsetof(struct content_item, tags));
}

bool content_item_find(struct tx *tx, const char *site_id, enum content_type type, const char *id,
                       struct content_item *item_r)
{
    char key[LUID_ROOM];
    if (!id || !luid_valid(id))
        return false;
    luid_normalize(id, key);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " CONTENT_COLUMNS CONTENT_JOINS
                           "WHERE c.id = ?1 AND c.site_id = ?2 AND c.content_type = ?3");
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, content_type_name(type));
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        item_read(tx, stmt, item_r);
    stmt_reset(stmt);
    return found && fill_tags(tx, type, item_r, 1) == E_OK;
}

enum err content_item_access(struct tx *tx, const struct actor *actor,
                             const struct content_item *item, cap_set *capabilities_r)
{
    struct content_ref ref = {.type = item->type,
                              .id = item->id,
                              .owner_id = item->owner_id,
                              .project_id = item->project_id};
    return access_content(tx, actor, &ref, capabilities_r, NULL);
}

const char *content_id_of_url(struct tx *tx, const char *site_id, enum content_type type,
                              const char *content_url)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT id FROM content WHERE site_id = ?1 AND "
                                           "content_type = ?2 AND content_url_key = ?3");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, content_type_name(type));
    stmt_text(stmt, 3, fold(tx->arena, content_url));
    const char *id = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return id;
}

enum err content_item_for(struct tx *tx, const struct actor *actor, enum content_type type,
                          const char *id, cap_set needed, enum err refusal,
                          struct content_item *item_r, cap_set *held_r)
{
    *held_r = 0;
    if (!content_item_find(tx, actor->site_id, type, id, item_r))
        return unknown_item(tx, type, id);
    enum err err = content_item_access(tx, actor, item_r, held_r);
    if (!err && (needed | CAP_BIT(CAP_READ)) & ~*held_r)
        err = tx_refuse(tx, refusal, "The user lacks a capability on the %s.",
                        content_type_name(type));
    return err;
}

enum err content_item_get(struct tx *tx, const struct actor *actor, enum content_type type,
                          const char *id, cap_set needed, struct content_item *item_r,
                          cap_set *capabilities_r)
{
    cap_set held;
    enum err err = content_item_for(tx, actor, type, id, CAP_BIT(CAP_READ), REFUSALS[type].unread,
                                    item_r, &held);
    if (capabilities_r)
        *capabilities_r = held;
    if (!err && needed & ~held)
        err = tx_refuse(tx, REFUSALS[type].unwritten, "The user lacks a capability on the %s.",
                        content_type_name(type));
    return err;
}

enum err content_item_by_url(struct tx *tx, const struct actor *actor, enum content_type type,
                             const char *content_url, struct content_item *item_r)
{
    const char *id = content_id_of_url(tx, actor->site_id, type, content_url);
    return id ? content_item_get(tx, actor, type, id, CAP_BIT(CAP_READ), item_r, NULL)
              : unknown_item(tx, type, content_url);
}

enum err content_item_blob(struct tx *tx, const struct content_item *item, const char **blob_id_r,
                           int64_t *bytes_r)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT blob_id, size_bytes FROM revision WHERE content_id = ?1 AND number = ?2");
    stmt_text(stmt, 1, item->id);
    stmt_int(stmt, 2, item->revision);
    bool found = stmt_step(stmt) == DB_ROW;
    *blob_id_r = found ? tx_text(tx, stmt, 0) : NULL;
    if (bytes_r)
        *bytes_r = found ? stmt_get_int(stmt, 1) : 0;
    stmt_reset(stmt);
    return found ? E_OK : tx_broken(tx);
}

enum err content_item_file(struct tx *tx, const struct actor *actor, enum content_type type,
                           const char *id, struct content_item *item_r, const char **blob_id_r)
{
    cap_set held;
    enum err err = content_item_for(tx, actor, type, id, CAP_BIT(CAP_EXPORT_XML),
                                    REFUSALS[type].undownloaded, item_r, &held);
    return err ? err : content_item_blob(tx, item_r, blob_id_r, NULL);
}

/* ---- lists */

#define TEXT_FIELD(name, column)                 \
    {                                            \
        name, column, LIST_TEXT, OPS_EQ | OPS_IN \
    }
#define TIME_FIELD(name, column)                      \
    {                                                 \
        name, column, LIST_TIME, OPS_EQ | OPS_COMPARE \
    }
#define NUMBER_FIELD(name, column)                      \
    {                                                   \
        name, column, LIST_NUMBER, OPS_EQ | OPS_COMPARE \
    }
#define FLAG_FIELD(name, column)        \
    {                                   \
        name, column, LIST_BOOL, OPS_EQ \
    }
/* What clients see as size: megabytes, rounded up. */
#define MEGABYTES "((c.size_bytes + 1048575) / 1048576)"
#define COMMON_FIELDS                                                                     \
    {"name", "c.name", LIST_TEXT, OPS_EQ | OPS_IN | OPS_CIEQ},                            \
        TIME_FIELD("createdAt", "c.created_at"), TIME_FIELD("updatedAt", "c.updated_at"), \
        TEXT_FIELD("ownerName", "o.name"), TEXT_FIELD("ownerEmail", "o.email"),           \
        TEXT_FIELD("ownerDomain", "'local'"), TEXT_FIELD("projectName", "p.name")

#define TAGS_FIELD                                                                          \
    {                                                                                       \
        "tags", "c.id IN (SELECT g.content_id FROM tag g WHERE g.site_id = ?1 AND g.label", \
            LIST_AMONG, OPS_EQ | OPS_IN                                                     \
    }

#define FAVORITES_FIELD NUMBER_FIELD("favoritesTotal", FAVORITES_SQL("content_id", "c.id"))

/* Nothing has alerts or subscriptions here. */
const struct list_field workbook_fields[] = {
    COMMON_FIELDS,
    TAGS_FIELD,
    FAVORITES_FIELD,
    FLAG_FIELD("hasAlerts", "0"),
    NUMBER_FIELD("subscriptionsTotal", "0"),
    NUMBER_FIELD("subscriptionTotal", "0"), /* as some clients write it */
    TEXT_FIELD("contentUrl", "c.content_url"),
    FLAG_FIELD("displayTabs", "c.show_tabs"),
    FLAG_FIELD("hasExtracts", "c.has_extracts"),
    NUMBER_FIELD("sheetCount", "c.sheet_count"),
    NUMBER_FIELD("size", MEGABYTES),
};
const size_t workbook_field_count = sizeof workbook_fields / sizeof *workbook_fields;

/* Where the data are: the server, or the file where there is none. */
#define CONNECTED_TO OF_FIRST_CONNECTION("COALESCE(NULLIF(k.server_address, ''), k.filename)")

/* The ports at which databases listen unless they are told otherwise. Where a connection
 * names no port, it is the default. */
#define USUAL_PORT                                                                      \
    "k.server_port = '' OR k.connection_type || ':' || k.server_port IN ("              \
    "'sqlserver:1433', 'azure_sqldb:1433', 'azure_sql_dw:1433', 'postgres:5432', "      \
    "'greenplum:5432', 'mysql:3306', 'mariadb:3306', 'oracle:1521', 'redshift:5439', "  \
    "'snowflake:443', 'databricks:443', 'teradata:1025', 'db2:50000', 'vertica:5433', " \
    "'exasol:8563', 'netezza:5480', 'sybasease:5000', 'sybaseiq:2638', "                \
    "'hadoophive:10000', 'spark:10000', 'presto:8080')"
#define AT_USUAL_PORT IF_FIRST_CONNECTION(USUAL_PORT, "1", "0", "1")

/* Data sources are found by any of their tables, and sorted by the first. */
#define WITH_TABLE                                                                   \
    "c.id IN (SELECT t.content_id FROM datasource_table t WHERE t.site_id = ?1 AND " \
    "t.name"
#define FIRST_TABLE                                                                  \
    "COALESCE((SELECT t.name FROM datasource_table t WHERE t.content_id = c.id AND " \
    "t.position = 0), '')"

const struct list_field datasource_fields[] = {
    COMMON_FIELDS,
    TAGS_FIELD,
    FAVORITES_FIELD,
    FLAG_FIELD("hasAlert", "0"),
    NUMBER_FIELD("connectedWorkbookType", CONNECTED_WORKBOOKS), /* as the documents name it */
    NUMBER_FIELD("connectedWorkbooksCount", CONNECTED_WORKBOOKS),
    TEXT_FIELD("contentUrl", "c.content_url"),
    TEXT_FIELD("type", "c.data_type"),
    TEXT_FIELD("description", "c.description"),
    FLAG_FIELD("isCertified", "c.is_certified"),
    FLAG_FIELD("isPublished", "1"),
    FLAG_FIELD("hasEmbeddedPassword",
               "COALESCE((SELECT MAX(k.embeds_password) FROM connection k WHERE k.content_id = "
               "c.id), 0)"),
    TEXT_FIELD("authenticationType", FIRST_CONNECTION("authentication_type")),
    TEXT_FIELD("connectionType", FIRST_CONNECTION("connection_type")),
    TEXT_FIELD("databaseName", FIRST_CONNECTION("database_name")),
    TEXT_FIELD("databaseUserName", FIRST_CONNECTION("user_name")),
    TEXT_FIELD("serverName", FIRST_CONNECTION("server_address")),
    {"serverPort", FIRST_CONNECTION("server_port"), LIST_TEXT, OPS_EQ},
    TEXT_FIELD("connectionTo", CONNECTED_TO),
    FLAG_FIELD("isConnectable", IS_NO_CUBE),
    FLAG_FIELD("isDefaultPort", AT_USUAL_PORT),
    FLAG_FIELD("isHierarchical", IS_CUBE),
    FLAG_FIELD("hasExtracts", "c.has_extracts"),
    {"tableName", WITH_TABLE, LIST_AMONG, OPS_EQ | OPS_IN},
    {"tableName", FIRST_TABLE, LIST_TEXT, 0},
    NUMBER_FIELD("size", MEGABYTES),
};
const size_t datasource_field_count = sizeof datasource_fields / sizeof *datasource_fields;

const struct list_field flow_fields[] = {COMMON_FIELDS, TEXT_FIELD("projectId", "c.project_id")};
const size_t flow_field_count = sizeof flow_fields / sizeof *flow_fields;

/* The type is of the query, not of the request: it stands in the text. */
#define LIST_OF(type, bare)                                                                    \
    {                                                                                          \
        CONTENT_COLUMNS, CONTENT_JOINS "WHERE c.content_type = '" type "' AND c.site_id = ?1", \
            "SELECT COALESCE((SELECT items FROM content_count WHERE site_id = ?1 AND "         \
            "content_type = '" type "'), 0)",                                                  \
            " AND c.serial >= (SELECT d.serial FROM content d WHERE d.site_id = ?1 AND "       \
            "d.content_type = '" type                                                          \
            "' ORDER BY d.serial LIMIT 1 OFFSET ?3) ORDER BY c.serial LIMIT ?2",               \
            "c.serial", bare                                                                   \
    }

#define BARE_LIST_OF(type)                                                \
    {                                                                     \
        " FROM content c",                                                \
            {{"p", " JOIN project p ON p.id = c.project_id"},             \
             {"o", " JOIN site_user o ON o.id = c.owner_id"}},            \
            " WHERE c.content_type = '" type "' AND c.site_id = ?1",      \
            " WHERE c.content_type = '" type "' AND c.site_id || '' = ?1" \
    }

static const struct list_bare BARE_WORKBOOKS = BARE_LIST_OF("workbook");
static const struct list_bare BARE_DATASOURCES = BARE_LIST_OF("datasource");
static const struct list_bare BARE_FLOWS = BARE_LIST_OF("flow");

static const struct list_query WORKBOOK_LIST = LIST_OF("workbook", &BARE_WORKBOOKS);
static const struct list_query DATASOURCE_LIST = LIST_OF("datasource", &BARE_DATASOURCES);
static const struct list_query FLOW_LIST = LIST_OF("flow", &BARE_FLOWS);

/* ---- projects and owners by their names: known by id before the list is read, as an
 * index then leads to what is in them */

static const struct list_field PROJECT_ID = {"projectId", "c.project_id", LIST_TEXT, OPS_IN};
static const struct list_field OWNER_ID = {"ownerId", "c.owner_id", LIST_TEXT, OPS_IN};

enum { LED_BY_MOST = 100 };

/* The ids of what fits the condition; false where there are more than LED_BY_MOST. */
static bool ids_of(struct tx *tx, const char *site_id, const char *from,
                   const struct list_condition *condition, struct list_condition *led)
{
    struct buf sql;
    int next = 2;
    struct list_request only = {.conditions = {*condition}, .condition_count = 1};
    const char **ids = arena_alloc(tx->arena, LED_BY_MOST * sizeof *ids);
    size_t count = 0;
    buf_init(&sql, tx->arena, 0);
    buf_adds(&sql, from);
    list_where(&only, &sql, &next);
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    stmt_text(stmt, 1, site_id);
    next = 2;
    list_bind(&only, stmt, &next);
    while (count <= LED_BY_MOST && stmt_step(stmt) == DB_ROW) {
        if (count < LED_BY_MOST)
            ids[count] = tx_text(tx, stmt, 0);
        count++;
    }
    stmt_reset(stmt);
    led->op = "IN";
    led->folded = false;
    led->leads = true;
    led->values = ids;
    led->count = count;
    return count <= LED_BY_MOST;
}

/* False where nothing can fit. */
static bool lead(struct tx *tx, const char *site_id, struct list_request *request)
{
    for (size_t i = 0; i < request->condition_count; i++) {
        struct list_condition *c = &request->conditions[i], led = *c;
        const char *column = c->field->column;
        bool of_project = strcmp(column, "p.name") == 0;
        if (!of_project && strcmp(column, "o.name") != 0 && strcmp(column, "o.email") != 0)
            continue;
        led.field = of_project ? &PROJECT_ID : &OWNER_ID;
        if (!ids_of(tx, site_id,
                    of_project ? "SELECT p.id FROM project p WHERE p.site_id = ?1"
                               : "SELECT o.id FROM site_user o WHERE o.site_id = ?1",
                    c, &led))
            continue;
        if (led.count == 0)
            return false;
        *c = led;
    }
    return true;
}

/* Adds what an owner's own items are found by; false where the request is full. */
static bool only_of(struct tx *tx, const char *owner_id, struct list_request *list)
{
    const char **values = arena_alloc(tx->arena, sizeof *values);
    if (list->condition_count == LIST_CONDITIONS)
        return false;
    *values = owner_id;
    list->conditions[list->condition_count++] = (struct list_condition){
        .field = &OWNER_ID, .op = "=", .leads = true, .values = values, .count = 1};
    return true;
}

enum err content_item_list_of_user(struct tx *tx, const struct actor *actor, enum content_type type,
                                   const char *user_id, bool owned, const struct list_request *list,
                                   struct content_item **items_r, size_t *count_r, int64_t *total_r)
{
    char key[LUID_ROOM];
    struct actor user;
    struct list_request request = *list;
    bool found = luid_valid(user_id);
    if (found) {
        luid_normalize(user_id, key);
        found = actor_load(tx, key, &user) && strcmp(user.site_id, actor->site_id) == 0;
    }
    if (!actor_is_site_admin(actor) && !luid_equal(actor->user_id, user_id))
        return tx_refuse(tx, type == TYPE_FLOW ? E403101 : E403018,
                         "Only administrators may list what another user can see.");
    if (!found)
        return tx_refuse(tx, E404002, "User '%.64s' could not be found.", user_id);
    if (owned && !only_of(tx, user.user_id, &request))
        return tx_refuse(tx, E400000, "There are more than %d conditions.", LIST_CONDITIONS - 1);
    user.visible = actor->visible;
    return content_item_list(tx, &user, type, &request, items_r, count_r, total_r);
}

enum err content_item_list(struct tx *tx, const struct actor *actor, enum content_type type,
                           const struct list_request *list, struct content_item **items_r,
                           size_t *count_r, int64_t *total_r)
{
    void *rows;
    struct list_request request = *list;
    struct visible_rows how = {
        .type = type,
        .query = type == TYPE_WORKBOOK     ? &WORKBOOK_LIST
                 : type == TYPE_DATASOURCE ? &DATASOURCE_LIST
                                           : &FLOW_LIST,
        .row_size = sizeof(struct content_item),
        .columns = CONTENT_COLUMN_COUNT,
        .read = item_read,
    };
    *count_r = 0;
    *total_r = 0;
    if (!lead(tx, actor->site_id, &request))
        return list_check_page(tx, &request, 0);
    enum err err = visible_list(tx, actor, &how, &request, &rows, count_r, total_r);
    *items_r = rows;
    return err ? err : fill_tags(tx, type, *items_r, *count_r);
}
