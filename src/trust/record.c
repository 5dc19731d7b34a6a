/* record.c: see record.h. Queue and counters in memory; reading in observe.c. */
#include "trust/record.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "store/db.h"
#include "tbl/methods.h"

enum {
    QUEUE_MOST = 8192,
    TEXT_MOST = 2000,   /* bytes of one text of an event */
    CALLS_MOST = 20000, /* app and method pairs held between flushes */
    GRANTS_MOST = 2000,
    FLUSH_EVERY_MS = 1000,
    TRIM_EVERY = 512, /* events between two trims of the table, at most */
    HOUR_MS = 3600000
};

/* The texts of an event, so that copying and binding are one loop each. */
/* clang-format off */
#define EVENT_TEXTS(X)                                       \
    X(kind) X(outcome) X(request_id) X(peer)                 \
    X(site_id) X(site_content_url) X(client_id) X(secret_id) \
    X(subject) X(user_id) X(method) X(check)                 \
    X(expected) X(found) X(scopes_granted) X(scopes_needed)
/* clang-format on */

struct waiting {
    struct waiting *next;
    struct event event;
    char texts[];
};

struct calls {
    char client_id[40], site_id[40];
    size_t method;
    int64_t admitted, refused, last_at;
};

struct recorder {
    struct recorder_config config;
    pthread_mutex_t lock; /* guards all below */
    struct waiting *first, **last;
    size_t count;
    struct map *calls;  /* "client_id method" -> struct calls */
    struct map *grants; /* app and scopes -> minute last written */
    int64_t flushed_at;
    uint64_t dropped;
    int64_t since_trim;
};

struct recorder *recorder_new(const struct recorder_config *config)
{
    struct recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder)
        abort();
    recorder->config = *config;
    recorder->last = &recorder->first;
    recorder->calls = map_new();
    recorder->grants = map_new();
    recorder->since_trim = TRIM_EVERY; /* the first write trims what an older limit left */
    pthread_mutex_init(&recorder->lock, NULL);
    return recorder;
}

void recorder_set(struct recorder *recorder, int64_t keep, int64_t observed_keep_ms)
{
    pthread_mutex_lock(&recorder->lock);
    recorder->config.keep = keep;
    recorder->config.observed_keep_ms = observed_keep_ms;
    pthread_mutex_unlock(&recorder->lock);
}

static void drop_all(struct waiting *w)
{
    while (w) {
        struct waiting *next = w->next;
        free(w);
        w = next;
    }
}

void recorder_free(struct recorder **recorder)
{
    if (!*recorder)
        return;
    drop_all((*recorder)->first);
    map_free(&(*recorder)->calls, free);
    map_free(&(*recorder)->grants, NULL);
    pthread_mutex_destroy(&(*recorder)->lock);
    free(*recorder);
    *recorder = NULL;
}

static size_t text_len(const char *text)
{
    return text ? strnlen(text, TEXT_MOST) : 0;
}

/* Copies a text behind the event; cut at the bound, on a character's border. */
static const char *keep_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    size_t len = text_len(text);
    if (text[len])
        while (len && ((unsigned char)text[len] & 0xC0) == 0x80)
            len--;
    char *out = *at;
    memcpy(out, text, len);
    out[len] = '\0';
    *at += len + 1;
    return out;
}

static struct waiting *copy_event(const struct event *event)
{
    size_t room = 0;
#define ROOM(member) room += text_len(event->member) + 1;
    EVENT_TEXTS(ROOM)
#undef ROOM
    struct waiting *w = malloc(sizeof *w + room);
    if (!w)
        abort();
    char *at = w->texts;
    w->next = NULL;
    w->event = *event;
#define KEEP(member) w->event.member = keep_text(&at, event->member);
    EVENT_TEXTS(KEEP)
#undef KEEP
    return w;
}

void recorder_add(struct recorder *recorder, const struct event *event, bool wake)
{
    struct waiting *w = copy_event(event);
    pthread_mutex_lock(&recorder->lock);
    bool full = recorder->count >= QUEUE_MOST;
    if (full) {
        recorder->dropped++;
    } else {
        *recorder->last = w;
        recorder->last = &w->next;
        recorder->count++;
    }
    pthread_mutex_unlock(&recorder->lock);
    if (full)
        free(w);
    else if (wake && recorder->config.wake)
        recorder->config.wake(recorder->config.context);
}

void recorder_call(struct recorder *recorder, const char *client_id, const char *site_id,
                   size_t method, bool admitted, int64_t now)
{
    char key[64];
    snprintf(key, sizeof key, "%.40s %zu", client_id, method);
    pthread_mutex_lock(&recorder->lock);
    struct calls *calls = map_get(recorder->calls, key);
    if (!calls && map_count(recorder->calls) < CALLS_MOST) {
        calls = calloc(1, sizeof *calls);
        if (!calls)
            abort();
        snprintf(calls->client_id, sizeof calls->client_id, "%s", client_id);
        snprintf(calls->site_id, sizeof calls->site_id, "%s", site_id);
        calls->method = method;
        map_put(recorder->calls, key, calls);
    }
    if (calls) {
        calls->admitted += admitted;
        calls->refused += !admitted;
        calls->last_at = now;
    }
    pthread_mutex_unlock(&recorder->lock);
}

bool recorder_waits(struct recorder *recorder)
{
    pthread_mutex_lock(&recorder->lock);
    bool waits = recorder->count > 0;
    pthread_mutex_unlock(&recorder->lock);
    return waits;
}

uint64_t recorder_dropped(const struct recorder *recorder)
{
    return __atomic_load_n(&recorder->dropped, __ATOMIC_RELAXED);
}

static void write_grant(struct db *db, const struct event *e, const char *scope, int64_t hour)
{
    struct stmt *stmt = db_prepare(
        db, "INSERT INTO observed_grant (client_id, scope, hour, last_at) VALUES (?1, ?2, ?3, ?4) "
            "ON CONFLICT (client_id, scope, hour) DO UPDATE SET last_at = excluded.last_at "
            "WHERE observed_grant.last_at < excluded.last_at - 60000");
    stmt_text(stmt, 1, e->client_id);
    stmt_text(stmt, 2, scope);
    stmt_int(stmt, 3, hour);
    stmt_int(stmt, 4, e->at);
    stmt_step(stmt);
}

/* True the first time in a minute for this app and these scopes: many sign-ins
 * of one program grant the same again and again. */
static bool grants_are_news(struct recorder *recorder, const struct event *e)
{
    char key[TEXT_MOST + 64];
    int64_t minute = e->at / 60000 + 1;
    snprintf(key, sizeof key, "%.40s %s", e->client_id, e->scopes_granted);
    pthread_mutex_lock(&recorder->lock);
    if (map_count(recorder->grants) >= GRANTS_MOST) {
        map_free(&recorder->grants, NULL);
        recorder->grants = map_new();
    }
    bool news = (intptr_t)map_put(recorder->grants, key, (void *)(intptr_t)minute) != minute;
    pthread_mutex_unlock(&recorder->lock);
    return news;
}

static void write_grants(struct db *db, const struct event *e)
{
    char scope[TEXT_MOST + 1];
    int64_t hour = e->at - e->at % HOUR_MS;
    for (const char *p = e->scopes_granted; *p;) {
        size_t len = strcspn(p, " ");
        snprintf(scope, sizeof scope, "%.*s", (int)len, p);
        write_grant(db, e, scope, hour);
        p += len + (p[len] == ' ');
    }
}

static void write_event(struct db *db, const struct event *e)
{
    struct stmt *stmt = db_prepare(
        db, "INSERT INTO event (kind, outcome, request_id, peer, site_id, site_content_url, "
            "client_id, secret_id, subject, user_id, method, check_name, expected, found, "
            "scopes_granted, scopes_needed, at, wire_code, fine_code) VALUES (?1, ?2, ?3, ?4, ?5, "
            "?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)");
    int index = 1;
#define BIND(member) stmt_text(stmt, index++, e->member);
    EVENT_TEXTS(BIND)
#undef BIND
    stmt_int(stmt, 17, e->at);
    stmt_int(stmt, 18, e->wire_code);
    stmt_int(stmt, 19, e->fine_code);
    stmt_step(stmt);
}

static void write_calls(struct db *db, const struct calls *c)
{
    size_t rows;
    const struct method_row *row = &method_rows(&rows)[c->method];
    char method[256];
    snprintf(method, sizeof method, "%s %s", row->verb, row->path);
    struct stmt *stmt = db_prepare(
        db, "INSERT INTO observed_call (client_id, method, hour, site_id, admitted, refused, "
            "last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (client_id, method, hour) "
            "DO UPDATE SET admitted = observed_call.admitted + excluded.admitted, refused = "
            "observed_call.refused + excluded.refused, last_at = excluded.last_at");
    stmt_text(stmt, 1, c->client_id);
    stmt_text(stmt, 2, method);
    stmt_int(stmt, 3, c->last_at - c->last_at % HOUR_MS);
    stmt_text(stmt, 4, c->site_id);
    stmt_int(stmt, 5, c->admitted);
    stmt_int(stmt, 6, c->refused);
    stmt_int(stmt, 7, c->last_at);
    stmt_step(stmt);
}

static bool write_one_pair(void *context, const char *key, void *value)
{
    (void)key;
    write_calls(context, value);
    free(value);
    return true;
}

/* Takes the counters out under the lock and writes them outside of it. */
static void write_counters(struct recorder *recorder, struct db *db, int64_t now, bool always)
{
    struct map *full = NULL;
    pthread_mutex_lock(&recorder->lock);
    if (map_count(recorder->calls) && (always || now - recorder->flushed_at >= FLUSH_EVERY_MS)) {
        full = recorder->calls;
        recorder->calls = map_new();
        recorder->flushed_at = now;
    }
    pthread_mutex_unlock(&recorder->lock);
    if (!full)
        return;
    map_sift(full, write_one_pair, db);
    map_free(&full, free);
}

/* Keeps the newest events and the counts that are young enough. Called by the
 * one thread that writes, or under the advisory lock of its transaction. */
static void trim(struct recorder *recorder, struct db *db, int64_t now)
{
    static const char *const old_counts[] = {"DELETE FROM observed_call WHERE last_at < ?1",
                                             "DELETE FROM observed_grant WHERE last_at < ?1"};
    struct stmt *stmt = db_prepare(
        db, "DELETE FROM event WHERE id <= (SELECT COALESCE(MAX(id), 0) FROM event) - ?1");
    stmt_int(stmt, 1, recorder->config.keep);
    stmt_step(stmt);
    for (size_t i = 0; i < 2; i++) {
        stmt = db_prepare(db, old_counts[i]);
        stmt_int(stmt, 1, now - recorder->config.observed_keep_ms);
        stmt_step(stmt);
    }
}

static struct waiting *take_queue(struct recorder *recorder, size_t *count_r, bool *trim_r)
{
    pthread_mutex_lock(&recorder->lock);
    struct waiting *list = recorder->first;
    *count_r = recorder->count;
    recorder->first = NULL;
    recorder->last = &recorder->first;
    recorder->count = 0;
    recorder->since_trim += (int64_t)*count_r;
    int64_t every = recorder->config.keep / 4 + 1;
    *trim_r = *count_r > 0 && recorder->since_trim >= (every < TRIM_EVERY ? every : TRIM_EVERY);
    if (*trim_r)
        recorder->since_trim = 0;
    pthread_mutex_unlock(&recorder->lock);
    return list;
}

static void ride(struct recorder *recorder, struct db *db, int64_t now, bool flush)
{
    size_t count;
    bool trims;
    struct waiting *list = take_queue(recorder, &count, &trims);
    for (const struct waiting *w = list; w; w = w->next) {
        const struct event *e = &w->event;
        write_event(db, e);
        if (e->client_id && e->scopes_granted && strcmp(e->kind, "signin") == 0 &&
            strcmp(e->outcome, "ok") == 0 && grants_are_news(recorder, e))
            write_grants(db, e);
    }
    drop_all(list);
    write_counters(recorder, db, now, flush);
    if (trims)
        trim(recorder, db, now);
}

void recorder_ride(struct recorder *recorder, struct db *db, int64_t now)
{
    ride(recorder, db, now, false);
}

void recorder_flush(struct recorder *recorder, struct db *db, int64_t now)
{
    ride(recorder, db, now, true);
}
