/* known.c: see known.h. */
#include "trust/known.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ident.h"
#include "base/map.h"

enum { ENTRIES_MOST = 20000 };

struct entry {
    struct known known; /* first: an entry is what it holds */
    int references;     /* atomic */
    uint64_t generation;
    struct arena *arena; /* holds the entry too */
};

struct known_cache {
    pthread_rwlock_t lock; /* guards entries */
    struct map *entries;
};

struct known_cache *known_cache_new(void)
{
    struct known_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        abort();
    cache->entries = map_new();
    pthread_rwlock_init(&cache->lock, NULL);
    return cache;
}

void known_release(const struct known *known)
{
    struct entry *entry = (struct entry *)known;
    if (entry && __atomic_sub_fetch(&entry->references, 1, __ATOMIC_ACQ_REL) == 0) {
        struct arena *arena = entry->arena;
        arena_free(&arena);
    }
}

static void release_any(void *entry)
{
    known_release(entry);
}

void known_cache_free(struct known_cache **cache)
{
    if (!*cache)
        return;
    map_free(&(*cache)->entries, release_any);
    pthread_rwlock_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

const struct known *known_find(struct known_cache *cache, const char *key, uint64_t generation)
{
    pthread_rwlock_rdlock(&cache->lock);
    struct entry *entry = map_get(cache->entries, key);
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

static struct entry *entry_new(uint64_t generation, const struct known *from)
{
    struct arena *arena = arena_new(1024);
    struct entry *entry = arena_zalloc(arena, sizeof *entry);
    char *secret = arena_strdup(arena, from->secret);
    if (secret)
        arena_on_free(arena, wipe_text, secret);
    *entry = (struct entry){.references = 1, .generation = generation, .arena = arena};
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
    entry->known.read_at = from->read_at;
    entry->known.user = (struct trust_user){arena_strdup(arena, from->user.id),
                                            arena_strdup(arena, from->user.name),
                                            arena_strdup(arena, from->user.site_role),
                                            from->user.server_admin, from->user.role_granted};
    entry->known.site =
        (struct trust_site){arena_strdup(arena, from->site.id),
                            arena_strdup(arena, from->site.content_url), from->site.suspended};
    return entry;
}

static bool drop_every(void *context, const char *key, void *value)
{
    (void)context;
    (void)key;
    known_release(value);
    return true;
}

void known_put(struct known_cache *cache, const char *key, uint64_t generation,
               const struct known *known)
{
    struct entry *entry = entry_new(generation, known);
    pthread_rwlock_wrlock(&cache->lock);
    if (map_count(cache->entries) >= ENTRIES_MOST)
        map_sift(cache->entries, drop_every, NULL);
    struct entry *before = map_put(cache->entries, key, entry);
    pthread_rwlock_unlock(&cache->lock);
    known_release(before ? &before->known : NULL);
}
