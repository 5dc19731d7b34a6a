/* visible.c: see visible.h. */
#include "domain/visible.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/list.h"
#include "store/tx.h"

/* ---- sets, and the cache of them */

struct kept_set {
    int references; /* atomic */
    int64_t epoch;
    struct kept_set *before, *after; /* in the cache, the newest first */
    char *key;
    size_t count;
    int64_t serials[];
};

struct visible_cache {
    pthread_mutex_t lock; /* guards all below */
    struct map *by_key;   /* site and user -> struct kept_set */
    struct kept_set *newest, *oldest;
    size_t bytes, most_bytes;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

struct visible_cache *visible_cache_new(size_t most_bytes)
{
    struct visible_cache *cache = must(calloc(1, sizeof *cache));
    pthread_mutex_init(&cache->lock, NULL);
    cache->by_key = map_new();
    cache->most_bytes = most_bytes;
    return cache;
}

static size_t bytes_of(const struct kept_set *set)
{
    return sizeof *set + set->count * sizeof *set->serials;
}

static void release(void *thing)
{
    struct kept_set *set = thing;
    if (__atomic_sub_fetch(&set->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    free(set->key);
    free(set);
}

static void drop(struct visible_cache *cache, struct kept_set *set)
{
    map_take(cache->by_key, set->key);
    *(set->before ? &set->before->after : &cache->newest) = set->after;
    *(set->after ? &set->after->before : &cache->oldest) = set->before;
    cache->bytes -= bytes_of(set);
    release(set);
}

void visible_cache_free(struct visible_cache **cache)
{
    if (!*cache)
        return;
    while ((*cache)->oldest)
        drop(*cache, (*cache)->oldest);
    map_free(&(*cache)->by_key, NULL);
    pthread_mutex_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

static struct kept_set *find_kept(struct visible_cache *cache, const char *key, int64_t epoch)
{
    pthread_mutex_lock(&cache->lock);
    struct kept_set *set = map_get(cache->by_key, key);
    if (set && set->epoch != epoch) {
        drop(cache, set);
        set = NULL;
    }
    if (set)
        __atomic_add_fetch(&set->references, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&cache->lock);
    return set;
}

static void keep(struct visible_cache *cache, const char *key, struct kept_set *set)
{
    if (bytes_of(set) > cache->most_bytes)
        return;
    pthread_mutex_lock(&cache->lock);
    struct kept_set *same = map_get(cache->by_key, key);
    if (same)
        drop(cache, same); /* made by another thread meanwhile */
    set->key = must(strdup(key));
    __atomic_add_fetch(&set->references, 1, __ATOMIC_RELAXED);
    set->after = cache->newest;
    *(cache->newest ? &cache->newest->before : &cache->oldest) = set;
    cache->newest = set;
    map_put(cache->by_key, key, set);
    cache->bytes += bytes_of(set);
    while (cache->bytes > cache->most_bytes)
        drop(cache, cache->oldest);
    pthread_mutex_unlock(&cache->lock);
}

/* ---- deciding on every project of a site */

struct node {
    int64_t serial;
    uint64_t id[2], parent_id[2]; /* LUIDs; 0: top level */
    struct node *next;            /* of the same bucket */
    struct node *controlling;     /* whose lock rules here; NULL: none */
    struct grants grants;
    bool owns, locks_nested, decided, leads, reads;
};

/* By id: joins in SQL would look up two trees for each row. */
struct forest {
    struct node *nodes; /* by serial */
    size_t count, room;
    struct node **buckets; /* a power of two of them */
    size_t bucket_count;
};

/* A LUID's 32 digits as two numbers. */
static void pack(const char *luid, uint64_t id[2])
{
    id[0] = id[1] = 0;
    for (int digits = 0; luid && *luid && digits < 32; luid++) {
        if (*luid == '-')
            continue;
        unsigned digit =
            *luid <= '9' ? (unsigned)(*luid - '0') : (unsigned)((*luid | 32) - 'a') + 10;
        id[digits / 16] = id[digits / 16] << 4 | digit;
        digits++;
    }
}

static struct node **bucket_of(const struct forest *forest, const uint64_t id[2])
{
    uint64_t mixed = (id[0] ^ (id[1] << 1)) * UINT64_C(0x9E3779B97F4A7C15);
    return &forest->buckets[(mixed >> 20) & (forest->bucket_count - 1)];
}

static struct node *node_of(const struct forest *forest, const uint64_t id[2])
{
    struct node *node = *bucket_of(forest, id);
    while (node && (node->id[0] != id[0] || node->id[1] != id[1]))
        node = node->next;
    return node;
}

static struct node *add_node(struct forest *forest)
{
    if (forest->count == forest->room) {
        forest->room = forest->room * 2 + 256;
        forest->nodes = must(realloc(forest->nodes, forest->room * sizeof *forest->nodes));
    }
    forest->nodes[forest->count] = (struct node){0};
    return &forest->nodes[forest->count++];
}

static void index_nodes(struct forest *forest)
{
    forest->bucket_count = 64;
    while (forest->bucket_count < forest->count)
        forest->bucket_count *= 2;
    forest->buckets = must(calloc(forest->bucket_count, sizeof(struct node *)));
    for (size_t i = 0; i < forest->count; i++) {
        struct node **head = bucket_of(forest, forest->nodes[i].id);
        forest->nodes[i].next = *head;
        *head = &forest->nodes[i];
    }
}

static enum err read_nodes(struct tx *tx, const struct actor *actor, struct forest *forest)
{
    enum db_result got;
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT serial, id, parent_id, CASE WHEN owner_id = ?2 THEN 1 ELSE 0 END, "
                "CASE WHEN content_permissions = 'LockedToProject' THEN 1 ELSE 0 END "
                "FROM project WHERE site_id = ?1 ORDER BY serial");
    stmt_text(stmt, 1, actor->site_id);
    stmt_text(stmt, 2, actor->user_id);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        struct node *node = add_node(forest);
        node->serial = stmt_get_int(stmt, 0);
        pack(stmt_get_text(stmt, 1), node->id);
        pack(stmt_get_text(stmt, 2), node->parent_id);
        node->owns = stmt_get_int(stmt, 3) != 0;
        node->locks_nested = stmt_get_int(stmt, 4) != 0;
    }
    index_nodes(forest);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* The rules that meet the user, wherever on the site. */
static enum err read_rules(struct tx *tx, const struct actor *actor, const struct forest *forest)
{
    enum db_result got;
    uint64_t id[2];
    struct stmt *stmt = db_prepare(
        tx->db,
        "WITH grantee (id) AS (SELECT ?2 UNION SELECT g.id FROM site_group g WHERE g.site_id = ?1 "
        "AND g.is_all_users = 1 UNION SELECT m.group_id FROM group_member m WHERE "
        "m.site_user_id = ?2), "
        "holder (id) AS (SELECT id FROM grantee UNION SELECT s.group_set_id FROM group_set_member "
        "s JOIN grantee ON s.group_id = grantee.id) "
        "SELECT r.item_id, r.grantee_kind, r.allow_set, r.deny_set FROM holder h "
        "JOIN permission_rule r ON r.grantee_id = h.id AND r.content_type = 'project' "
        "WHERE r.site_id = ?1");
    stmt_text(stmt, 1, actor->site_id);
    stmt_text(stmt, 2, actor->user_id);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        pack(stmt_get_text(stmt, 0), id);
        struct node *node = node_of(forest, id);
        if (node)
            grants_add(&node->grants, stmt_get_text(stmt, 1), stmt_get_int(stmt, 2),
                       stmt_get_int(stmt, 3));
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* As access_project does for one; parents first. */
static void decide(const struct forest *forest, struct node *node, enum site_role role)
{
    if (node->decided)
        return;
    struct node *parent =
        node->parent_id[0] | node->parent_id[1] ? node_of(forest, node->parent_id) : NULL;
    if (parent) {
        decide(forest, parent, role); /* projects are nested no deeper than PROJECT_DEPTH_MOST */
        node->controlling = parent->controlling    ? parent->controlling
                            : parent->locks_nested ? parent
                                                   : NULL;
    }
    const struct grants *rules = node->controlling ? &node->controlling->grants : &node->grants;
    struct standing standing = {.role = role, .owns = node->owns, .leads = parent && parent->leads};
    node->leads = capability_leads(&standing, rules);
    node->reads = capability_decide(TYPE_PROJECT, &standing, rules) & CAP_BIT(CAP_READ);
    node->decided = true;
}

static enum err make_set(struct tx *tx, const struct actor *actor, int64_t epoch,
                         struct kept_set **set_r)
{
    struct forest forest = {0};
    size_t visible = 0;
    enum err err = read_nodes(tx, actor, &forest);
    if (!err)
        err = read_rules(tx, actor, &forest);
    for (size_t i = 0; i < forest.count; i++) {
        decide(&forest, &forest.nodes[i], actor->role);
        visible += forest.nodes[i].reads;
    }
    struct kept_set *set = must(malloc(sizeof *set + visible * sizeof *set->serials));
    *set = (struct kept_set){.references = 1, .epoch = epoch};
    for (size_t i = 0; i < forest.count; i++)
        if (forest.nodes[i].reads)
            set->serials[set->count++] = forest.nodes[i].serial;
    free(forest.nodes);
    free(forest.buckets);
    arena_on_free(tx->arena, release, set);
    *set_r = set;
    return err;
}

static int64_t epoch_of(struct tx *tx, const char *site_id)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT access_epoch FROM site WHERE id = ?1");
    stmt_text(stmt, 1, site_id);
    int64_t epoch = stmt_step(stmt) == DB_ROW ? stmt_get_int(stmt, 0) : -1;
    stmt_reset(stmt);
    return epoch;
}

enum err visible_projects(struct tx *tx, const struct actor *actor, struct visible_set *set_r)
{
    /* Before anything else is read: a set may know more than its epoch, never less. */
    int64_t epoch = epoch_of(tx, actor->site_id);
    const char *key = arena_printf(tx->arena, "%s %s", actor->site_id, actor->user_id);
    struct kept_set *set = actor->visible ? find_kept(actor->visible, key, epoch) : NULL;
    if (set) {
        arena_on_free(tx->arena, release, set);
    } else {
        enum err err = make_set(tx, actor, epoch, &set);
        if (err)
            return err;
        if (actor->visible && epoch >= 0)
            keep(actor->visible, key, set);
    }
    *set_r = (struct visible_set){set->serials, set->count};
    return E_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

bool visible_has(const struct visible_set *set, int64_t serial)
{
    return set->count && bsearch(&serial, set->serials, set->count, sizeof *set->serials, by_value);
}

/* ---- pages */

/* Nothing asked for but a page: a slice. */
static void slice(const struct visible_set *set, int64_t start, int64_t *serials, size_t *count,
                  int64_t size)
{
    for (int64_t at = start; at < (int64_t)set->count && at < start + size; at++)
        serials[(*count)++] = set->serials[at];
}

/* Walks what fits the conditions in the order asked for. */
static enum err sift(struct tx *tx, const struct list_query *query,
                     const struct list_request *request, const char *site_id,
                     const struct visible_set *set, int64_t *serials, size_t *count, int64_t *total)
{
    struct buf sql;
    int next = 2;
    enum db_result got;
    int64_t start = (request->page_number - 1) * request->page_size;
    buf_init(&sql, tx->arena, 0);
    buf_addf(&sql, "SELECT %s%s", query->serial, query->from);
    list_where(request, &sql, &next);
    list_order(request, &sql, query->serial);
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    stmt_text(stmt, 1, site_id);
    next = 2;
    list_bind(request, stmt, &next);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        int64_t serial = stmt_get_int(stmt, 0);
        if (!visible_has(set, serial))
            continue;
        if (*total >= start && *total < start + request->page_size)
            serials[(*count)++] = serial;
        (*total)++;
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err visible_page(struct tx *tx, const struct list_query *query,
                      const struct list_request *request, const char *site_id,
                      const struct visible_set *set, int64_t **serials_r, size_t *count_r,
                      int64_t *total_r)
{
    enum err err = E_OK;
    *serials_r = arena_alloc(tx->arena, (size_t)request->page_size * sizeof **serials_r);
    *count_r = 0;
    *total_r = 0;
    if (request->condition_count == 0 && request->sort_count == 0) {
        *total_r = (int64_t)set->count;
        slice(set, (request->page_number - 1) * request->page_size, *serials_r, count_r,
              request->page_size);
    } else {
        err = sift(tx, query, request, site_id, set, *serials_r, count_r, total_r);
    }
    return err ? err : list_check_page(tx, request, *total_r);
}

/* Neighbours of a dense set are read as a range; the caller passes over what lies
 * between them. */
static bool dense(const int64_t *serials, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (serials[i] <= serials[i - 1])
            return false;
    return count && serials[count - 1] - serials[0] < 4 * (int64_t)count;
}

struct stmt *visible_rows(struct tx *tx, const struct list_query *query, const char *site_id,
                          const int64_t *serials, size_t count)
{
    struct buf sql;
    bool range = dense(serials, count);
    buf_init(&sql, tx->arena, 0);
    buf_addf(&sql, "SELECT %s, %s%s AND %s %s", query->columns, query->serial, query->from,
             query->serial, range ? "BETWEEN ?2 AND ?3" : "IN (NULL");
    for (size_t i = 0; i < count && !range; i++)
        buf_addf(&sql, ", ?%d", (int)i + 2);
    if (!range)
        buf_addc(&sql, ')');
    struct stmt *stmt = db_prepare_text(tx->db, sql.bytes);
    stmt_text(stmt, 1, site_id);
    for (size_t i = 0; i < count && !range; i++)
        stmt_int(stmt, (int)i + 2, serials[i]);
    if (range) {
        stmt_int(stmt, 2, serials[0]);
        stmt_int(stmt, 3, serials[count - 1]);
    }
    return stmt;
}
