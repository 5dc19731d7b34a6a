/* record: an answer to "why".
 *
 * Every sign-in and every refusal becomes an event: when, from where, which app
 * and key, who, what was called, which check failed, what it expected and what
 * it found, and the scopes that would have admitted the call. Admitted calls of
 * JWT sessions are counted by app, method and hour. Nothing here is a secret.
 *
 * Events wait in a bounded queue until the writer takes them along in its next
 * commit (recorder_ride); when the queue is full the newest are dropped and
 * counted. The table keeps the newest `keep` events. Thread-safe. */
#ifndef EASEL_TRUST_RECORD_H
#define EASEL_TRUST_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct db;
struct recorder;
struct tx;

struct event {
    int64_t id, at;
    const char *kind;    /* "signin", "signout", "refusal" */
    const char *outcome; /* "ok" or "refused" */
    const char *request_id, *peer, *site_id, *site_content_url;
    const char *client_id, *secret_id, *subject, *user_id, *method;
    const char *check; /* that failed: a name of checks.def, or "session", "scope", "role" ... */
    int64_t wire_code; /* 401001 ... */
    int64_t fine_code; /* connected-app code, 0 for none */
    const char *expected, *found; /* found without a check: what a sign-in went by */
    const char *scopes_granted, *scopes_needed;
};

struct buf;
/* Appends the event as a JSON object on one line. */
void event_json(struct buf *out, const struct event *event);

struct recorder_config {
    int64_t keep;                /* events kept in the repository */
    int64_t observed_keep_ms;    /* how long counts of calls are kept */
    void (*wake)(void *context); /* asks for a ride; may be NULL */
    void *context;
};

struct recorder *recorder_new(const struct recorder_config *config);
void recorder_free(struct recorder **recorder);
/* Keeps that much from now on. */
void recorder_set(struct recorder *recorder, int64_t keep, int64_t observed_keep_ms);
/* Copies the event (texts cut at a bound). wake: a ride does not follow by
 * itself soon, so ask for one. */
void recorder_add(struct recorder *recorder, const struct event *event, bool wake);
/* Counts a call of a JWT session; method is its number in the table. */
void recorder_call(struct recorder *recorder, const char *client_id, const char *site_id,
                   size_t method, bool admitted, int64_t now);
/* Writes what waits. Inside a write transaction (struct lanes_config.ride). */
void recorder_ride(struct recorder *recorder, struct db *db, int64_t now);
/* Writes the counts of calls too, whatever their age: before reading them. */
void recorder_flush(struct recorder *recorder, struct db *db, int64_t now);
/* True while events wait to be written. */
bool recorder_waits(struct recorder *recorder);
/* Events dropped so far because the queue was full. */
uint64_t recorder_dropped(const struct recorder *recorder);

/* ---- reading (observe.c), in a read or a transaction */
/* Events with id above `after`, oldest first, at most `limit`; or, newest true,
 * the newest `limit`, oldest first. site_id NULL: of all sites. Calls each;
 * false on failure. */
bool events_read(struct tx *tx, int64_t after, bool newest, int64_t limit, const char *site_id,
                 void (*each)(void *context, const struct event *event), void *context);

/* Apps and external authorization servers that called something since `since`, with
 * their names (content URL "*": of the whole server); then what one of
 * them called ("GET /sites/{site-id}/users") and was granted. */
struct observed_app {
    const char *client_id, *name, *site_content_url;
};
bool observed_apps(struct tx *tx, int64_t since, struct observed_app **apps_r, size_t *count_r);
bool observed_calls(struct tx *tx, const char *client_id, int64_t since,
                    void (*each)(void *context, const char *method, int64_t admitted,
                                 int64_t refused),
                    void *context);
bool observed_grants(struct tx *tx, const char *client_id, int64_t since,
                     void (*each)(void *context, const char *scope), void *context);

#endif
