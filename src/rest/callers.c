/* callers.c: who a credentials token stands for.
 *
 * Where this process alone writes the repository, a caller found once is kept
 * and used again while the repository's generation stands still: no sign-out,
 * no change of a role and no deleted app can be missed. Where other nodes
 * write too, every request asks the repository. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "rest/call.h"
#include "trust/digest.h"

enum { CALLERS_MOST = 50000 };

struct caller {
    int references; /* atomic */
    uint64_t generation;
    struct arena *arena; /* holds all below */
    struct session session;
    struct actor actor;
    struct scope_set scopes;
};

struct callers {
    struct lanes *lanes;
    const struct scopes *scopes;
    pthread_rwlock_t lock; /* guards by_token */
    struct map *by_token;  /* digest of the token -> struct caller */
};

struct callers *callers_new(struct lanes *lanes, const struct scopes *scopes)
{
    struct callers *callers = calloc(1, sizeof *callers);
    if (!callers)
        abort();
    callers->lanes = lanes;
    callers->scopes = scopes;
    callers->by_token = map_new();
    pthread_rwlock_init(&callers->lock, NULL);
    return callers;
}

void caller_release(struct caller *caller)
{
    if (caller && __atomic_sub_fetch(&caller->references, 1, __ATOMIC_ACQ_REL) == 0)
        arena_free(&(struct arena *){caller->arena});
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

static struct caller *remembered(struct callers *callers, const char *hash, uint64_t generation,
                                 int64_t now)
{
    pthread_rwlock_rdlock(&callers->lock);
    struct caller *caller = map_get(callers->by_token, hash);
    if (caller && (caller->generation != generation || caller->session.expires_at <= now))
        caller = NULL;
    if (caller)
        __atomic_add_fetch(&caller->references, 1, __ATOMIC_RELAXED);
    pthread_rwlock_unlock(&callers->lock);
    return caller;
}

static struct caller *read_caller(struct callers *callers, struct tx *tx, const char *token,
                                  const char *hash)
{
    struct arena *arena = arena_new(2048);
    struct caller *caller = arena_zalloc(arena, sizeof *caller);
    struct tx own = {.db = tx->db, .arena = arena, .now = tx->now};
    *caller = (struct caller){.references = 1, .arena = arena};
    if (!session_find(&own, token, hash, &caller->session) ||
        !actor_load(&own, caller->session.user_id, &caller->actor) ||
        caller->actor.role == ROLE_UNLICENSED ||
        (!caller->actor.site_active && !actor_is_server_admin(&caller->actor))) {
        arena_free(&arena);
        return NULL;
    }
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
static void remember(struct callers *callers, const char *hash, struct caller *caller)
{
    pthread_rwlock_wrlock(&callers->lock);
    if (map_count(callers->by_token) >= CALLERS_MOST)
        map_sift(callers->by_token, drop_every, NULL);
    struct caller *before;
    if (caller) {
        __atomic_add_fetch(&caller->references, 1, __ATOMIC_RELAXED);
        before = map_put(callers->by_token, hash, caller);
    } else {
        before = map_take(callers->by_token, hash);
    }
    pthread_rwlock_unlock(&callers->lock);
    caller_release(before);
}

struct caller *callers_find(struct callers *callers, struct tx *tx, const char *token)
{
    char hash[DIGEST_ROOM];
    bool keeps = lanes_abilities(callers->lanes) & DB_SOLE_OWNER;
    uint64_t generation = lanes_generation(callers->lanes); /* before the rows are read */
    session_token_hash(token, hash);
    struct caller *caller = keeps ? remembered(callers, hash, generation, tx->now) : NULL;
    if (caller)
        return caller;
    caller = read_caller(callers, tx, token, hash);
    if (caller)
        caller->generation = generation;
    if (keeps)
        remember(callers, hash, caller);
    return caller;
}
