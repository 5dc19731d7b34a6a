/* user_list.c: users listed, a page out of a million as fast as out of a thousand.
 *
 * Each order has an index, of all users and of those of one role, whose last column
 * is the serial that keeps the order stable. What is the same for all users (their
 * domain) is decided before there is any SQL. Totals come out of counts where the
 * filter is of roles alone. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "domain/licence.h"
#include "domain/user_priv.h"
#include "store/tx.h"

enum { NAME, SITE_ROLE, FRIENDLY_NAME, LUID, DOMAIN_NAME, LAST_LOGIN, IS_LOCAL };

const struct list_field user_fields[] = {
    [NAME] = {"name", "u.name", LIST_TEXT, OPS_EQ | OPS_IN | OPS_CIEQ},
    [SITE_ROLE] = {"siteRole", "u.site_role", LIST_TEXT, OPS_EQ | OPS_IN},
    [FRIENDLY_NAME] = {"friendlyName", "COALESCE(u.full_name, u.name)", LIST_TEXT, OPS_EQ | OPS_IN},
    [LUID] = {"luid", "u.id", LIST_TEXT, OPS_EQ | OPS_IN},
    [DOMAIN_NAME] = {"domainName", "'" USER_DOMAIN "'", LIST_TEXT, OPS_EQ | OPS_IN},
    [LAST_LOGIN] = {"lastLogin", "u.last_login_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    [IS_LOCAL] = {"isLocal", "1", LIST_BOOL, OPS_EQ},
};
const size_t user_field_count = sizeof user_fields / sizeof *user_fields;

static bool is_field(const struct list_field *field, int which)
{
    return field == &user_fields[which];
}

static bool is_op(const struct list_condition *c, const char *op)
{
    return strcmp(c->op, op) == 0;
}

/* ---- a request in the list's own terms */

struct listing {
    struct list_request request;
    bool nothing; /* a condition holds for no user */
};

/* Roles by their names of today, each once, without those that there are not. */
static void name_roles(struct tx *tx, struct list_condition *c)
{
    bool named[ROLE_UNKNOWN] = {false};
    const char **names = arena_alloc(tx->arena, ROLE_UNKNOWN * sizeof *names);
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        enum site_role role = role_parse(c->values[i]);
        if (role != ROLE_UNKNOWN && !named[role])
            names[kept++] = role_name(role);
        if (role != ROLE_UNKNOWN)
            named[role] = true;
    }
    c->values = names;
    c->count = kept;
    if (kept == 1)
        c->op = "=";
}

static bool names_roles(const struct list_condition *c)
{
    return is_field(c->field, SITE_ROLE) && (is_op(c, "=") || is_op(c, "IN"));
}

/* A condition on what is the same for all users. */
static bool is_constant(const struct list_condition *c)
{
    return (is_field(c->field, DOMAIN_NAME) || is_field(c->field, IS_LOCAL)) &&
           (is_op(c, "=") || is_op(c, "IN"));
}

static bool constant_holds(const struct list_condition *c)
{
    const char *value = is_field(c->field, IS_LOCAL) ? "1" : USER_DOMAIN;
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->values[i], value) == 0)
            return true;
    return false;
}

static void take_condition(struct tx *tx, struct listing *listing, struct list_condition c)
{
    struct list_request *request = &listing->request;
    static const char *never[] = {"0"};
    if (is_constant(&c)) {
        listing->nothing |= !constant_holds(&c);
        return;
    }
    if (names_roles(&c)) {
        name_roles(tx, &c);
        listing->nothing |= c.count == 0;
    }
    request->conditions[request->condition_count++] = c;
    /* Who never signed in did not do so before any time. */
    if (is_field(c.field, LAST_LOGIN) && *c.op == '<' && request->condition_count < LIST_CONDITIONS)
        request->conditions[request->condition_count++] =
            (struct list_condition){.field = c.field, .op = ">", .values = never, .count = 1};
}

static void listing_make(struct tx *tx, const struct list_request *list, struct listing *listing)
{
    *listing =
        (struct listing){{.page_number = list->page_number, .page_size = list->page_size}, false};
    for (size_t i = 0; i < list->condition_count; i++)
        take_condition(tx, listing, list->conditions[i]);
    for (size_t i = 0; i < list->sort_count; i++) {
        const struct list_field *field = list->sorts[i].field;
        if (!is_field(field, DOMAIN_NAME) && !is_field(field, IS_LOCAL))
            listing->request.sorts[listing->request.sort_count++] = list->sorts[i];
    }
}

/* ---- how many */

#define FROM_SITE " FROM site_user u WHERE u.site_id = ?1"

static const struct list_query USER_LIST = {
    USER_COLUMNS,
    FROM_SITE,
    "SELECT user_count FROM site WHERE id = ?1",
    " AND u.serial >= (SELECT v.serial FROM site_user v WHERE v.site_id = ?1 "
    "ORDER BY v.serial LIMIT 1 OFFSET ?3) ORDER BY u.serial LIMIT ?2",
    "u.serial",
    NULL};

static int64_t count_of_roles(struct tx *tx, const char *site_id, const struct list_condition *c)
{
    int64_t counts[ROLE_UNKNOWN], total = 0;
    if (licence_counts(tx, site_id, counts) != E_OK)
        return -1;
    for (size_t i = 0; i < c->count; i++)
        total += counts[role_parse(c->values[i])];
    return total;
}

static int64_t count_of(struct tx *tx, const char *site_id, const struct listing *listing)
{
    if (listing->nothing)
        return 0;
    const struct list_request *request = &listing->request;
    if (request->condition_count == 1 && names_roles(&request->conditions[0]))
        return count_of_roles(tx, site_id, &request->conditions[0]);
    return list_count(tx, &USER_LIST, request, site_id);
}

/* ---- the page */

static bool ends_descending(const struct list_request *request)
{
    return request->sort_count && request->sorts[request->sort_count - 1].descending;
}

/* The users of each role stand in order along an index of their own; the engine merges
 * them. One walk over several roles would have to sort them all. */
static void add_branch(const struct list_request *branch, struct buf *sql, int *next)
{
    buf_adds(sql, "SELECT " USER_COLUMNS ", u.serial AS serial");
    for (size_t i = 0; i < branch->sort_count; i++)
        buf_addf(sql, ", %s AS sort%zu", branch->sorts[i].field->column, i);
    buf_adds(sql, FROM_SITE);
    list_where(branch, sql, next);
}

static void add_order(const struct list_request *request, struct buf *sql)
{
    buf_adds(sql, " ORDER BY ");
    for (size_t i = 0; i < request->sort_count; i++)
        buf_addf(sql, "sort%zu %s, ", i, request->sorts[i].descending ? "DESC" : "ASC");
    buf_addf(sql, "serial%s LIMIT ?2 OFFSET ?3", ends_descending(request) ? " DESC" : "");
}

static struct stmt *page_of_roles(struct tx *tx, const char *site_id,
                                  const struct list_request *request, size_t roles_at)
{
    const struct list_condition *roles = &request->conditions[roles_at];
    struct list_request branch = *request;
    struct buf sql;
    int next = 4;
    branch.conditions[roles_at].op = "=";
    branch.conditions[roles_at].count = 1;
    buf_init(&sql, tx->arena, 0);
    for (size_t i = 0; i < roles->count; i++) {
        buf_adds(&sql, i ? " UNION ALL " : "");
        add_branch(&branch, &sql, &next);
    }
    add_order(request, &sql);
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    stmt_text(stmt, 1, site_id);
    stmt_int(stmt, 2, request->page_size);
    stmt_int(stmt, 3, (request->page_number - 1) * request->page_size);
    next = 4;
    for (size_t i = 0; i < roles->count; i++) {
        branch.conditions[roles_at].values = &roles->values[i];
        list_bind(&branch, stmt, &next);
    }
    return stmt;
}

/* An index serves an order and its reverse: the serial goes the way of the last sort. */
static struct stmt *page_of(struct tx *tx, const char *site_id, const struct list_request *request)
{
    struct list_query query = USER_LIST;
    if (ends_descending(request))
        query.serial = "u.serial DESC";
    for (size_t i = 0; i < request->condition_count; i++)
        if (names_roles(&request->conditions[i]) && request->conditions[i].count > 1)
            return page_of_roles(tx, site_id, request, i);
    return list_page(tx, &query, request, site_id);
}

enum err user_list(struct tx *tx, const char *site_id, const struct list_request *list,
                   struct user **users_r, size_t *count_r, int64_t *total_r)
{
    struct listing listing;
    enum db_result got = DB_DONE;
    listing_make(tx, list, &listing);
    *count_r = 0;
    *total_r = count_of(tx, site_id, &listing);
    if (*total_r < 0)
        return tx_broken(tx);
    enum err err = list_check_page(tx, list, *total_r);
    if (err || *total_r == 0)
        return err;
    struct stmt *stmt = page_of(tx, site_id, &listing.request);
    *users_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **users_r);
    while (*count_r < (size_t)list->page_size && (got = stmt_step(stmt)) == DB_ROW)
        user_read(tx, stmt, &(*users_r)[(*count_r)++]);
    stmt_reset(stmt);
    return got == DB_DONE || got == DB_ROW ? E_OK : tx_broken(tx);
}
