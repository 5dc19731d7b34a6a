/* known.c: see known.h. */
#include "trust/known.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ident.h"
#include "base/map.h"

enum { ISSUERS_KEPT = 1000, USERS_KEPT = 20000, USER_ROOM = 256 };

struct issuer_entry {
    struct known_issuer known; /* first: an entry is what it holds */
    int references;            /* atomic */
    uint64_t generation;
    struct arena *arena; /* holds the entry too */
};

struct user_entry {
    struct known_user known;
    uint64_t generation;
    struct arena *arena; /* holds the entry too */
};

struct known_cache {
    pthread_rwlock_t lock; /* guards both */
    struct map *issuers, *users;
};

struct known_cache *known_cache_new(void)
{
    struct known_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        abort();
    cache->issuers = map_new();
    cache->users = map_new();
    pthread_rwlock_init(&cache->lock, NULL);
    return cache;
}

void known_release(const struct known_issuer *issuer)
{
    struct issuer_entry *entry = (struct issuer_entry *)issuer;
    if (entry && __atomic_sub_fetch(&entry->references, 1, __ATOMIC_ACQ_REL) == 0) {
        struct arena *arena = entry->arena;
        arena_free(&arena);
    }
}

static void drop_issuer(void *entry)
{
    known_release(entry);
}

static void drop_user(void *value)
{
    struct user_entry *entry = value;
    struct arena *arena = entry ? entry->arena : NULL;
    arena_free(&arena);
}

void known_cache_free(struct known_cache **cache)
{
    if (!*cache)
        return;
    map_free(&(*cache)->issuers, drop_issuer);
    map_free(&(*cache)->users, drop_user);
    pthread_rwlock_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

/* All go where there is no room: what is in use is back soon. */
static void *put(struct map **map, size_t most, const char *key, void *entry,
                 void (*drop)(void *entry))
{
    if (map_count(*map) >= most) {
        map_free(map, drop);
        *map = map_new();
    }
    return map_put(*map, key, entry);
}

/* ---- who issues */

const struct known_issuer *known_issuer_find(struct known_cache *cache, const char *key,
                                             uint64_t generation)
{
    pthread_rwlock_rdlock(&cache->lock);
    struct issuer_entry *entry = map_get(cache->issuers, key);
    if (entry && entry->generation != generation)
        entry = NULL;
    if (entry)
        __atomic_add_fetch(&entry->references, 1, __ATOMIC_RELAXED);
    pthread_rwlock_unlock(&cache->lock);
    return entry ? &entry->known : NULL;
}

static void wipe_text(void *text)
{
    secret_wipe(text, strlen(text));
}

static struct issuer_entry *issuer_entry_new(uint64_t generation, const struct known_issuer *from)
{
    struct arena *arena = arena_new(1024);
    struct issuer_entry *entry = arena_zalloc(arena, sizeof *entry);
    char *secret = arena_strdup(arena, from->secret);
    if (secret)
        arena_on_free(arena, wipe_text, secret);
    *entry = (struct issuer_entry){.references = 1, .generation = generation, .arena = arena};
    entry->known.app = (struct app){.client_id = arena_strdup(arena, from->app.client_id),
                                    .site_id = arena_strdup(arena, from->app.site_id),
                                    .name = arena_strdup(arena, from->app.name),
                                    .enabled = from->app.enabled,
                                    .vetted = from->app.vetted,
                                    .epoch = from->app.epoch};
    entry->known.secret = secret;
    entry->known.eas = (struct eas){.id = arena_strdup(arena, from->eas.id),
                                    .site_id = arena_strdup(arena, from->eas.site_id),
                                    .name = arena_strdup(arena, from->eas.name),
                                    .issuer_url = arena_strdup(arena, from->eas.issuer_url),
                                    .jwks_uri = arena_strdup(arena, from->eas.jwks_uri),
                                    .vetted = from->eas.vetted,
                                    .epoch = from->eas.epoch};
    entry->known.site =
        (struct trust_site){arena_strdup(arena, from->site.id),
                            arena_strdup(arena, from->site.content_url), from->site.suspended};
    return entry;
}

void known_issuer_put(struct known_cache *cache, const char *key, uint64_t generation,
                      const struct known_issuer *issuer)
{
    struct issuer_entry *entry = issuer_entry_new(generation, issuer);
    pthread_rwlock_wrlock(&cache->lock);
    struct issuer_entry *before = put(&cache->issuers, ISSUERS_KEPT, key, entry, drop_issuer);
    pthread_rwlock_unlock(&cache->lock);
    known_release(before ? &before->known : NULL);
}

/* ---- who signs in */

static struct trust_user user_copy(struct arena *arena, const struct trust_user *user)
{
    return (struct trust_user){.id = arena_strdup(arena, user->id),
                               .name = arena_strdup(arena, user->name),
                               .site_role = arena_strdup(arena, user->site_role),
                               .server_admin = user->server_admin,
                               .role_granted = user->role_granted};
}

bool known_user_find(struct known_cache *cache, struct arena *arena, const char *key,
                     uint64_t generation, struct known_user *user_r)
{
    pthread_rwlock_rdlock(&cache->lock);
    const struct user_entry *entry = map_get(cache->users, key);
    bool found = entry && entry->generation == generation;
    if (found)
        *user_r = (struct known_user){user_copy(arena, &entry->known.user), entry->known.read_at};
    pthread_rwlock_unlock(&cache->lock);
    return found;
}

void known_user_put(struct known_cache *cache, const char *key, uint64_t generation,
                    const struct known_user *user)
{
    struct arena *arena = arena_new(USER_ROOM);
    struct user_entry *entry = arena_zalloc(arena, sizeof *entry);
    *entry = (struct user_entry){.generation = generation, .arena = arena};
    entry->known = (struct known_user){user_copy(arena, &user->user), user->read_at};
    pthread_rwlock_wrlock(&cache->lock);
    struct user_entry *before = put(&cache->users, USERS_KEPT, key, entry, drop_user);
    pthread_rwlock_unlock(&cache->lock);
    drop_user(before);
}
