/* recent.c: see recent.h. */
#include "domain/recent.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/map.h"
#include "domain/actor.h"
#include "domain/usage.h"
#include "store/tx.h"

/* The last time that a user looked at an item. */
struct note {
    char user_id[LUID_ROOM], item_id[LUID_ROOM];
    bool is_view;
    int64_t at;
};

/* How often an item was looked at, by whomever. */
struct count {
    char item_id[LUID_ROOM];
    enum content_type type;
    int64_t day, looks;
};

/* What is written at once. */
struct notes {
    struct map *last;   /* user and item -> struct note */
    struct map *counts; /* item -> struct count */
    struct map *users;  /* who looked -> themselves */
};

struct recents {
    pthread_mutex_t lock; /* guards all below */
    struct notes notes;
    int64_t last; /* time of the newest note: no two are of the same */
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

static struct notes notes_new(void)
{
    return (struct notes){map_new(), map_new(), map_new()};
}

static void notes_free(struct notes *notes)
{
    map_free(&notes->last, free);
    map_free(&notes->counts, free);
    map_free(&notes->users, NULL);
}

struct recents *recents_new(void)
{
    struct recents *recents = must(calloc(1, sizeof *recents));
    pthread_mutex_init(&recents->lock, NULL);
    recents->notes = notes_new();
    return recents;
}

void recents_free(struct recents **recents)
{
    if (!*recents)
        return;
    notes_free(&(*recents)->notes);
    pthread_mutex_destroy(&(*recents)->lock);
    free(*recents);
    *recents = NULL;
}

static void note_last(struct recents *recents, const char *user_id, enum content_type type,
                      const char *item_id)
{
    char key[2 * LUID_ROOM];
    snprintf(key, sizeof key, "%.36s %.36s", user_id, item_id);
    struct note *note = map_get(recents->notes.last, key);
    if (!note && map_count(recents->notes.last) < RECENTS_WAIT_MOST) {
        note = must(calloc(1, sizeof *note));
        snprintf(note->user_id, sizeof note->user_id, "%s", user_id);
        snprintf(note->item_id, sizeof note->item_id, "%s", item_id);
        note->is_view = type == TYPE_VIEW;
        map_put(recents->notes.last, key, note);
        map_put(recents->notes.users, user_id, recents);
    }
    if (note)
        note->at = recents->last;
}

static void note_count(struct recents *recents, enum content_type type, const char *item_id,
                       int64_t now)
{
    struct count *count = map_get(recents->notes.counts, item_id);
    if (!count && map_count(recents->notes.counts) < RECENTS_WAIT_MOST) {
        count = must(calloc(1, sizeof *count));
        snprintf(count->item_id, sizeof count->item_id, "%s", item_id);
        count->type = type;
        map_put(recents->notes.counts, item_id, count);
    }
    if (!count)
        return;
    count->day = usage_day(now);
    count->looks++;
}

void recents_note(struct recents *recents, const char *user_id, enum content_type type,
                  const char *item_id, int64_t now)
{
    pthread_mutex_lock(&recents->lock);
    recents->last = now > recents->last ? now : recents->last + 1;
    note_last(recents, user_id, type, item_id);
    note_count(recents, type, item_id, now);
    pthread_mutex_unlock(&recents->lock);
}

bool recents_wait(struct recents *recents)
{
    pthread_mutex_lock(&recents->lock);
    bool waits = map_count(recents->notes.counts) > 0;
    pthread_mutex_unlock(&recents->lock);
    return waits;
}

bool recents_wait_of(struct recents *recents, const char *user_id)
{
    pthread_mutex_lock(&recents->lock);
    bool waits = map_get(recents->notes.users, user_id) != NULL;
    pthread_mutex_unlock(&recents->lock);
    return waits;
}

/* ---- writing */

/* Nothing where user or item are gone by now. */
#define NOTE_AS(column, table)                                                                  \
    "INSERT INTO recent (site_user_id, " column ", viewed_at) SELECT u.id, i.id, ?3 FROM "      \
    "site_user u, " table " i WHERE u.id = ?1 AND i.id = ?2 ON CONFLICT (site_user_id, " column \
    ") DO UPDATE SET viewed_at = excluded.viewed_at WHERE recent.viewed_at < excluded.viewed_at"

static bool write_note(struct db *db, const struct note *note)
{
    struct stmt *stmt = db_prepare(db, note->is_view ? NOTE_AS("view_id", "view")
                                                     : NOTE_AS("content_id", "content"));
    stmt_text(stmt, 1, note->user_id);
    stmt_text(stmt, 2, note->item_id);
    stmt_int(stmt, 3, note->at);
    return stmt_step(stmt) == DB_DONE;
}

static bool trim(struct db *db, const char *user_id)
{
    struct stmt *stmt = db_prepare(
        db, "DELETE FROM recent WHERE site_user_id = ?1 AND viewed_at < (SELECT r.viewed_at FROM "
            "recent r WHERE r.site_user_id = ?1 ORDER BY r.viewed_at DESC LIMIT 1 OFFSET ?2)");
    stmt_text(stmt, 1, user_id);
    stmt_int(stmt, 2, RECENTS_KEPT - 1);
    return stmt_step(stmt) == DB_DONE;
}

struct writing {
    struct db *db;
    bool ok;
};

/* False keeps the note in its map, which is freed with all that is left. */
static bool write_one(void *context, const char *key, void *value)
{
    struct writing *w = context;
    const struct note *note = value;
    (void)key;
    w->ok = w->ok && write_note(w->db, note) && trim(w->db, note->user_id);
    return false;
}

struct gathering {
    struct usage_looks *looks;
    size_t count;
};

static bool gather_one(void *context, const char *key, void *value)
{
    struct gathering *g = context;
    const struct count *count = value;
    (void)key;
    g->looks[g->count++] =
        (struct usage_looks){count->item_id, count->type, count->day, count->looks};
    return false;
}

static bool write_counts(struct db *db, struct map *counts)
{
    struct gathering g = {must(malloc((map_count(counts) + 1) * sizeof *g.looks)), 0};
    map_sift(counts, gather_one, &g);
    bool ok = usage_count(db, g.looks, g.count);
    free(g.looks);
    return ok;
}

/* Counts first: they take the locks under which the rest is written. */
static bool write_all(struct recents *recents, struct db *db)
{
    struct writing writing = {db, true};
    pthread_mutex_lock(&recents->lock);
    struct notes notes = recents->notes;
    recents->notes = notes_new();
    pthread_mutex_unlock(&recents->lock);
    writing.ok = write_counts(db, notes.counts);
    map_sift(notes.last, write_one, &writing);
    notes_free(&notes);
    return writing.ok;
}

void recents_ride(struct recents *recents, struct db *db)
{
    if (!recents_wait(recents) || !db_savepoint(db))
        return;
    if (write_all(recents, db))
        db_release(db);
    else
        db_rollback_to(db); /* a convenience: what failed is not tried again */
}

enum err recents_flush(struct recents *recents, struct tx *tx)
{
    return write_all(recents, tx->db) ? E_OK : tx_broken(tx);
}

/* ---- reading */

enum err recent_list(struct tx *tx, const struct actor *actor,
                     struct recent recents_r[RECENTS_KEPT], size_t *count_r)
{
    enum db_result got;
    *count_r = 0;
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT COALESCE(r.view_id, r.content_id), COALESCE(c.content_type, 'view') FROM "
                "recent r LEFT JOIN content c ON c.id = r.content_id WHERE r.site_user_id = ?1 "
                "ORDER BY r.viewed_at DESC LIMIT ?2");
    stmt_text(stmt, 1, actor->user_id);
    stmt_int(stmt, 2, RECENTS_KEPT);
    while ((got = stmt_step(stmt)) == DB_ROW)
        recents_r[(*count_r)++] =
            (struct recent){content_type_parse(stmt_get_text(stmt, 1)), tx_text(tx, stmt, 0)};
    return got == DB_DONE ? E_OK : tx_broken(tx);
}
