/* visible.c: sets of what is visible, kept, and paged through. How each is decided
 * stands in visible_decide.c. */
#include "domain/visible_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "domain/actor.h"
#include "domain/list.h"
#include "store/tx.h"

/* ---- sets, and the cache of them */

struct kept_set {
    int references; /* atomic */
    int64_t epoch;
    struct kept_set *before, *after; /* in the cache, the newest first */
    char *key;
    size_t key_bytes;
    size_t count;
    int64_t serials[];
};

struct visible_cache {
    pthread_mutex_t lock; /* guards all below */
    struct map *by_key;   /* type, site and user -> struct kept_set */
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
    return sizeof *set + set->key_bytes + set->count * sizeof *set->serials;
}

static void release(void *thing)
{
    struct kept_set *set = thing;
    if (__atomic_sub_fetch(&set->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    free(set->key);
    free(set);
}

static void unlink_set(struct visible_cache *cache, struct kept_set *set)
{
    if (set->before)
        set->before->after = set->after;
    else
        cache->newest = set->after;
    if (set->after)
        set->after->before = set->before;
    else
        cache->oldest = set->before;
    cache->bytes -= bytes_of(set);
}

static void drop(struct visible_cache *cache, struct kept_set *set)
{
    map_take(cache->by_key, set->key);
    unlink_set(cache, set);
    release(set);
}

void visible_cache_free(struct visible_cache **cache)
{
    if (!*cache)
        return;
    for (struct kept_set *set = (*cache)->newest, *after; set; set = after) {
        after = set->after;
        release(set);
    }
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
    set->key_bytes = strlen(key) + 1;
    if (bytes_of(set) > cache->most_bytes)
        return;
    pthread_mutex_lock(&cache->lock);
    struct kept_set *same = map_get(cache->by_key, key);
    if (same)
        drop(cache, same); /* made by another thread meanwhile */
    set->key = must(strdup(key));
    __atomic_add_fetch(&set->references, 1, __ATOMIC_RELAXED);
    set->after = cache->newest;
    if (cache->newest)
        cache->newest->before = set;
    else
        cache->oldest = set;
    cache->newest = set;
    map_put(cache->by_key, key, set);
    cache->bytes += bytes_of(set);
    while (cache->bytes > cache->most_bytes) {
        struct kept_set *last = cache->oldest;
        drop(cache, last); /* NOLINT(clang-analyzer-unix.Malloc): it counts no references */
    }
    pthread_mutex_unlock(&cache->lock);
}

/* ---- sets made */

static enum err make_set(struct tx *tx, const struct actor *actor, enum content_type type,
                         int64_t epoch, struct kept_set **set_r)
{
    int64_t *serials;
    size_t count;
    enum err err = visible_decide(tx, actor, type, &serials, &count);
    struct kept_set *set = must(malloc(sizeof *set + count * sizeof *set->serials));
    *set = (struct kept_set){.references = 1, .epoch = epoch, .count = count};
    if (count)
        memcpy(set->serials, serials, count * sizeof *serials);
    free(serials);
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

enum err visible_items(struct tx *tx, const struct actor *actor, enum content_type type,
                       struct visible_set *set_r)
{
    /* Before anything else is read: a set may know more than its epoch, never less. */
    int64_t epoch = epoch_of(tx, actor->site_id);
    const char *key =
        arena_printf(tx->arena, "%d %s %s", (int)type, actor->site_id, actor->user_id);
    struct kept_set *set = actor->visible ? find_kept(actor->visible, key, epoch) : NULL;
    if (set) {
        arena_on_free(tx->arena, release, set);
    } else {
        enum err err = make_set(tx, actor, type, epoch, &set);
        if (err)
            return err;
        if (actor->visible && epoch >= 0)
            keep(actor->visible, key, set);
    }
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the arena holds a reference of its own */
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

enum { TOTAL_KEY_MOST = 4096 };

/* Nothing asked for but a page: a slice. */
static void slice(const struct visible_set *set, int64_t start, int64_t *serials, size_t *count,
                  int64_t size)
{
    for (int64_t at = start; at < (int64_t)set->count && at < start + size; at++)
        serials[(*count)++] = set->serials[at];
}

/* c.name, ((c.size_bytes + ...)), 'local', 0; nothing of other tables. */
static bool of_content_alone(const char *column)
{
    column += strspn(column, "(");
    return !strstr(column, "SELECT") &&
           (strncmp(column, "c.", 2) == 0 || *column == '\'' || *column == '0' || *column == '1');
}

/* How many items fit conditions is counted once and kept as sets are: to look at a
 * hundred of them must not mean to count a hundred thousand each time. Only of
 * conditions on columns whose every change is one of access (domain/access.h):
 * those of content itself. NULL: not to be kept. */
static const char *total_key(struct tx *tx, const struct actor *actor, enum content_type type,
                             const struct list_request *request, bool all)
{
    struct buf key;
    if (!actor->visible || (type != TYPE_WORKBOOK && type != TYPE_DATASOURCE && type != TYPE_FLOW))
        return NULL;
    buf_init(&key, tx->arena, 0);
    buf_addf(&key, "total %d %s %s", (int)type, actor->site_id, all ? "" : actor->user_id);
    for (size_t i = 0; i < request->condition_count; i++) {
        const struct list_condition *c = &request->conditions[i];
        if (!of_content_alone(c->field->column))
            return NULL;
        buf_addf(&key, " %s %s %d", c->field->column, c->op, c->folded);
        for (size_t v = 0; v < c->count; v++)
            buf_addf(&key, " %zu:%s", strlen(c->values[v]), c->values[v]);
    }
    return key.len <= TOTAL_KEY_MOST ? key.bytes : NULL;
}

struct total {
    const char *key; /* NULL: not kept */
    int64_t epoch, value;
    bool known;
};

static struct total total_find(struct tx *tx, const struct actor *actor, enum content_type type,
                               const struct list_request *request, bool all)
{
    struct total total = {.key = total_key(tx, actor, type, request, all)};
    if (!total.key)
        return total;
    total.epoch = epoch_of(tx, actor->site_id);
    struct kept_set *set = find_kept(actor->visible, total.key, total.epoch);
    if (!set)
        return total;
    total.value = set->serials[0];
    total.known = true;
    release(set);
    return total;
}

static void total_keep(const struct actor *actor, const struct total *total)
{
    if (!total->key || total->known || total->epoch < 0)
        return;
    struct kept_set *set = must(malloc(sizeof *set + sizeof *set->serials));
    *set = (struct kept_set){.references = 1, .epoch = total->epoch, .count = 1};
    set->serials[0] = total->value;
    keep(actor->visible, total->key, set);
    release(set);
}

/* Walks what fits the conditions in the order asked for: to the end of the page where
 * the total is known, else to the end of all. `set` NULL: everything is visible. */
static enum err sift(struct tx *tx, const struct list_query *query,
                     const struct list_request *request, const char *site_id,
                     const struct visible_set *set, int64_t *serials, size_t *count,
                     struct total *total)
{
    enum db_result got = DB_DONE;
    int64_t start = (request->page_number - 1) * request->page_size, seen = 0;
    struct stmt *stmt = list_serials(tx, query, request, site_id);
    while (!(total->known && seen >= start + request->page_size) &&
           (got = stmt_step(stmt)) == DB_ROW) {
        int64_t serial = stmt_get_int(stmt, 0);
        if (set && !visible_has(set, serial))
            continue;
        if (seen >= start && seen < start + request->page_size)
            serials[(*count)++] = serial;
        seen++;
    }
    stmt_reset(stmt);
    if (!total->known)
        total->value = seen;
    return got == DB_DONE || got == DB_ROW ? E_OK : tx_broken(tx);
}

/* The serials of the page, in its order, and how many visible items fit. */
static enum err find_page(struct tx *tx, const struct actor *actor, const struct visible_rows *how,
                          const struct list_request *request, const struct visible_set *set,
                          int64_t *serials, size_t *count_r, int64_t *total_r)
{
    struct total total;
    enum err err = E_OK;
    *count_r = 0;
    if (request->condition_count == 0) {
        *total_r = (int64_t)set->count;
        total = (struct total){.value = *total_r, .known = true};
    } else {
        total = total_find(tx, actor, how->type, request, false);
    }
    if (request->condition_count == 0 && request->sort_count == 0)
        slice(set, (request->page_number - 1) * request->page_size, serials, count_r,
              request->page_size);
    else
        err = sift(tx, how->query, request, actor->site_id, set, serials, count_r, &total);
    if (!err)
        total_keep(actor, &total);
    *total_r = total.value;
    return err ? err : list_check_page(tx, request, *total_r);
}

/* Neighbours of a dense set are read as a range; what lies between them is passed
 * over. */
static bool dense(const int64_t *serials, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (serials[i] <= serials[i - 1])
            return false;
    return count && serials[count - 1] - serials[0] < 4 * (int64_t)count;
}

/* The rows of a page in no order, perhaps with some between them: the query's columns,
 * then the serial. */
static struct stmt *rows_of(struct tx *tx, const struct list_query *query, const char *site_id,
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

/* Puts each row where its serial stands in the page; closes up where another act has
 * deleted one in between. */
static enum err read_page(struct tx *tx, const struct visible_rows *how, const char *site_id,
                          const int64_t *serials, size_t count, char *rows, size_t *kept_r)
{
    enum db_result got;
    bool *there = arena_zalloc(tx->arena, count + 1);
    struct stmt *stmt = rows_of(tx, how->query, site_id, serials, count);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        int64_t serial = stmt_get_int(stmt, how->columns);
        for (size_t i = 0; i < count; i++) {
            if (serials[i] != serial)
                continue;
            how->read(tx, stmt, rows + i * how->row_size);
            there[i] = true;
        }
    }
    *kept_r = 0;
    for (size_t i = 0; i < count; i++)
        if (there[i])
            memmove(rows + (*kept_r)++ * how->row_size, rows + i * how->row_size, how->row_size);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err list_seen(struct tx *tx, const struct actor *actor, const struct visible_rows *how,
                          const struct list_request *request, char *rows, size_t *count_r,
                          int64_t *total_r)
{
    struct visible_set set;
    size_t count;
    int64_t *serials = arena_alloc(tx->arena, (size_t)request->page_size * sizeof *serials);
    enum err err = visible_items(tx, actor, how->type, &set);
    if (!err)
        err = find_page(tx, actor, how, request, &set, serials, &count, total_r);
    return err ? err : read_page(tx, how, actor->site_id, serials, count, rows, count_r);
}

/* As many as there are without conditions is counted in the repository. */
static enum err count_all(struct tx *tx, const struct actor *actor, const struct visible_rows *how,
                          const struct list_request *request, struct total *total)
{
    *total = (struct total){0};
    if (request->condition_count)
        *total = total_find(tx, actor, how->type, request, true);
    if (!total->known)
        total->value = list_count(tx, how->query, request, actor->site_id);
    if (total->value < 0)
        return tx_broken(tx);
    total_keep(actor, total);
    total->known = true;
    return list_check_page(tx, request, total->value);
}

/* A page that is looked for is found by its serials alone, and then read. */
static enum err list_all(struct tx *tx, const struct actor *actor, const struct visible_rows *how,
                         const struct list_request *request, char *rows, size_t *count_r,
                         int64_t *total_r)
{
    enum db_result got;
    struct total total;
    enum err err = count_all(tx, actor, how, request, &total);
    *total_r = total.value;
    if (err)
        return err;
    if (how->query->bare && (request->condition_count || request->sort_count)) {
        size_t count = 0;
        int64_t *serials = arena_alloc(tx->arena, (size_t)request->page_size * sizeof *serials);
        err = sift(tx, how->query, request, actor->site_id, NULL, serials, &count, &total);
        return err ? err : read_page(tx, how, actor->site_id, serials, count, rows, count_r);
    }
    struct stmt *stmt = list_page(tx, how->query, request, actor->site_id);
    while ((got = stmt_step(stmt)) == DB_ROW)
        how->read(tx, stmt, rows + (*count_r)++ * how->row_size);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err visible_list(struct tx *tx, const struct actor *actor, const struct visible_rows *how,
                      const struct list_request *request, void **rows_r, size_t *count_r,
                      int64_t *total_r)
{
    *rows_r = arena_alloc(tx->arena, (size_t)request->page_size * how->row_size);
    *count_r = 0;
    return actor_is_site_admin(actor)
               ? list_all(tx, actor, how, request, *rows_r, count_r, total_r)
               : list_seen(tx, actor, how, request, *rows_r, count_r, total_r);
}
