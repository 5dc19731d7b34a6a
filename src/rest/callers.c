/* callers.c: who a credentials token stands for.
 *
 * Where this process alone writes the repository, a caller found once is kept
 * and used again while the repository's generation stands still: no sign-out,
 * no change of a role and no deleted app can be missed. Where other nodes
 * write too, every request asks the repository.
 *
 * Answers to reads that depend on nothing else are kept with the caller in the
 * same way: the gate is passed anew each time, what lies behind it is not. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "rest/call.h"
#include "trust/digest.h"

enum {
    CALLERS_MOST = 50000,
    BUCKETS = 64,
    ANSWERS_MOST = 1024,    /* of one caller */
    ANSWER_MOST = 16 << 10, /* bytes of one */
    KEPT_MOST = 16 << 20    /* bytes of all; no new ones are kept beyond it */
};

/* Immutable once it stands in the list. */
struct answer {
    struct answer *next;
    uint32_t hash; /* of path and query */
    const char *path, *query;
    bool json;
    size_t len;
    char bytes[];
};

struct caller {
    int references;                  /* atomic */
    struct answer *answers[BUCKETS]; /* by hash; atomic heads; none is taken out before the end */
    unsigned answer_count;           /* atomic */
    size_t *kept;                    /* bytes of all answers of all callers; atomic */
    uint64_t generation;
    struct arena *arena; /* holds all below */
    struct session session;
    struct actor actor;
    struct scope_set scopes;
};

struct callers {
    size_t kept; /* bytes of answers; atomic. Callers may outlive nothing but requests. */
    struct lanes *lanes;
    const struct scopes *scopes;
    struct visible_cache *visible;
    pthread_rwlock_t lock; /* guards by_token */
    struct map *by_token;  /* token -> struct caller; the map's hash is salted */
};

struct callers *callers_new(struct lanes *lanes, const struct scopes *scopes,
                            struct visible_cache *visible)
{
    struct callers *callers = calloc(1, sizeof *callers);
    if (!callers)
        abort();
    callers->lanes = lanes;
    callers->scopes = scopes;
    callers->visible = visible;
    callers->by_token = map_new();
    pthread_rwlock_init(&callers->lock, NULL);
    return callers;
}

void caller_release(struct caller *caller)
{
    if (!caller || __atomic_sub_fetch(&caller->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct answer *a = caller->answers[i], *next; a; a = next) {
            next = a->next;
            __atomic_sub_fetch(caller->kept, a->len, __ATOMIC_RELAXED);
            free(a);
        }
    arena_free(&(struct arena *){caller->arena});
}

/* ---- answers */

/* FNV-1a; a flood of URIs that collide costs its caller alone. */
static uint32_t uri_hash(const char *path, const char *query)
{
    uint32_t h = 2166136261u;
    for (; *path; path++)
        h = (h ^ (unsigned char)*path) * 16777619u;
    for (; *query; query++)
        h = (h ^ (unsigned char)*query) * 16777619u;
    return h;
}

const char *caller_answer(const struct caller *caller, struct arena *arena, const char *path,
                          const char *query, bool json, size_t *len_r)
{
    uint32_t hash = uri_hash(path, query);
    const struct answer *a = __atomic_load_n(&caller->answers[hash % BUCKETS], __ATOMIC_ACQUIRE);
    while (a && (a->hash != hash || a->json != json || strcmp(a->path, path) != 0 ||
                 strcmp(a->query, query) != 0))
        a = a->next;
    if (!a)
        return NULL;
    *len_r = a->len;
    return arena_memdup(arena, a->bytes, a->len);
}

void caller_keep(struct caller *caller, const char *path, const char *query, bool json,
                 const char *bytes, size_t len)
{
    size_t path_room = strlen(path) + 1, query_room = strlen(query) + 1;
    if (len > ANSWER_MOST || path_room + query_room > ANSWER_MOST ||
        __atomic_add_fetch(&caller->answer_count, 1, __ATOMIC_RELAXED) > ANSWERS_MOST ||
        __atomic_load_n(caller->kept, __ATOMIC_RELAXED) > KEPT_MOST)
        return;
    struct answer *a = malloc(sizeof *a + len + path_room + query_room);
    if (!a)
        return;
    char *texts = a->bytes + len;
    *a = (struct answer){.hash = uri_hash(path, query),
                         .path = texts,
                         .query = texts + path_room,
                         .json = json,
                         .len = len};
    memcpy(a->bytes, bytes, len);
    memcpy(texts, path, path_room);
    memcpy(texts + path_room, query, query_room);
    __atomic_add_fetch(caller->kept, len, __ATOMIC_RELAXED);
    struct answer **head = &caller->answers[a->hash % BUCKETS];
    a->next = __atomic_load_n(head, __ATOMIC_RELAXED);
    while (
        !__atomic_compare_exchange_n(head, &a->next, a, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

static void release_any(void *caller)
{
    caller_release(caller);
}

void callers_free(struct callers **callers)
{
    if (!*callers)
        return;
    map_free(&(*callers)->by_token, release_any);
    pthread_rwlock_destroy(&(*callers)->lock);
    free(*callers);
    *callers = NULL;
}

const struct session *caller_session(const struct caller *caller)
{
    return &caller->session;
}

const struct actor *caller_actor(const struct caller *caller)
{
    return &caller->actor;
}

const struct scope_set *caller_scopes(const struct caller *caller)
{
    return &caller->scopes;
}

static struct caller *remembered(struct callers *callers, const char *token, uint64_t generation,
                                 int64_t now)
{
    pthread_rwlock_rdlock(&callers->lock);
    struct caller *caller = map_get(callers->by_token, token);
    if (caller && (caller->generation != generation || caller->session.expires_at <= now))
        caller = NULL;
    if (caller)
        __atomic_add_fetch(&caller->references, 1, __ATOMIC_RELAXED);
    pthread_rwlock_unlock(&callers->lock);
    return caller;
}

static struct caller *read_caller(struct callers *callers, struct tx *tx, const char *token)
{
    char hash[DIGEST_ROOM];
    struct arena *arena = arena_new(2048);
    struct caller *caller = arena_zalloc(arena, sizeof *caller);
    struct tx own = {.db = tx->db, .arena = arena, .now = tx->now};
    *caller = (struct caller){.references = 1, .arena = arena, .kept = &callers->kept};
    session_token_hash(token, hash);
    if (!session_find(&own, token, hash, &caller->session) ||
        !actor_load(&own, caller->session.user_id, &caller->actor) ||
        caller->actor.role == ROLE_UNLICENSED ||
        (!caller->actor.site_active && !actor_is_server_admin(&caller->actor))) {
        arena_free(&arena);
        return NULL;
    }
    caller->actor.visible = callers->visible;
    if (caller->session.site_bound && actor_is_server_admin(&caller->actor))
        caller->actor.role = ROLE_SITE_ADMINISTRATOR_CREATOR;
    if (caller->session.scopes)
        scope_add_list(callers->scopes, &caller->scopes, caller->session.scopes);
    return caller;
}

static bool drop_every(void *context, const char *key, void *value)
{
    (void)context;
    (void)key;
    caller_release(value);
    return true;
}

/* Keeps the caller (NULL: forgets what was kept) under its token. */
static void remember(struct callers *callers, const char *token, struct caller *caller)
{
    pthread_rwlock_wrlock(&callers->lock);
    if (map_count(callers->by_token) >= CALLERS_MOST)
        map_sift(callers->by_token, drop_every, NULL);
    struct caller *before;
    if (caller) {
        __atomic_add_fetch(&caller->references, 1, __ATOMIC_RELAXED);
        before = map_put(callers->by_token, token, caller);
    } else {
        before = map_take(callers->by_token, token);
    }
    pthread_rwlock_unlock(&callers->lock);
    caller_release(before);
}

struct caller *callers_find(struct callers *callers, struct tx *tx, const char *token)
{
    bool keeps = lanes_abilities(callers->lanes) & DB_SOLE_OWNER;
    uint64_t generation = lanes_generation(callers->lanes); /* before the rows are read */
    struct caller *caller = keeps ? remembered(callers, token, generation, tx->now) : NULL;
    if (caller)
        return caller;
    caller = read_caller(callers, tx, token);
    if (caller)
        caller->generation = generation;
    if (keeps)
        remember(callers, token, caller);
    return caller;
}
