/* throttle.c: see throttle.h. */
#include "trust/throttle.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "trust/digest.h"

enum { PAIRS_MOST = 20000 };

struct window {
    int64_t began_at, failures;
};

struct throttle {
    pthread_mutex_t lock; /* guards all below */
    struct map *pairs;    /* digest of address and name -> struct window */
    int64_t failures, window_ms;
};

struct throttle *throttle_new(int64_t failures, int64_t window_ms)
{
    struct throttle *throttle = calloc(1, sizeof *throttle);
    if (!throttle)
        abort();
    pthread_mutex_init(&throttle->lock, NULL);
    throttle->pairs = map_new();
    throttle->failures = failures;
    throttle->window_ms = window_ms;
    return throttle;
}

void throttle_free(struct throttle **throttle)
{
    if (!*throttle)
        return;
    map_free(&(*throttle)->pairs, free);
    pthread_mutex_destroy(&(*throttle)->lock);
    free(*throttle);
    *throttle = NULL;
}

void throttle_set(struct throttle *throttle, int64_t failures, int64_t window_ms)
{
    pthread_mutex_lock(&throttle->lock);
    throttle->failures = failures;
    throttle->window_ms = window_ms;
    pthread_mutex_unlock(&throttle->lock);
}

bool throttle_admits(struct throttle *throttle, const char *address, const char *name, int64_t now,
                     int64_t *retry_ms_r)
{
    char key[DIGEST_ROOM];
    digest_pair(address, name, key);
    pthread_mutex_lock(&throttle->lock);
    const struct window *w = map_get(throttle->pairs, key);
    int64_t left = w ? w->began_at + throttle->window_ms - now : 0;
    bool admits = !throttle->failures || !w || left <= 0 || w->failures < throttle->failures;
    pthread_mutex_unlock(&throttle->lock);
    *retry_ms_r = admits ? 0 : left;
    return admits;
}

struct ageing {
    int64_t before;
};

static bool aged(void *context, const char *key, void *value)
{
    const struct ageing *ageing = context;
    (void)key;
    if (((struct window *)value)->began_at > ageing->before)
        return false;
    free(value);
    return true;
}

/* Makes room: windows that have passed, then, under a flood, the older half. */
static void make_room(struct throttle *throttle, int64_t now)
{
    for (int64_t keep = throttle->window_ms; map_count(throttle->pairs) >= PAIRS_MOST; keep /= 2) {
        map_sift(throttle->pairs, aged, &(struct ageing){now - keep});
        if (keep == 0)
            break;
    }
}

bool throttle_failed(struct throttle *throttle, const char *address, const char *name, int64_t now)
{
    char key[DIGEST_ROOM];
    digest_pair(address, name, key);
    pthread_mutex_lock(&throttle->lock);
    struct window *w = map_get(throttle->pairs, key);
    if (!w) {
        make_room(throttle, now);
        w = calloc(1, sizeof *w);
        if (!w)
            abort();
        map_put(throttle->pairs, key, w);
    }
    if (w->failures == 0 || w->began_at + throttle->window_ms <= now)
        *w = (struct window){.began_at = now};
    w->failures++;
    bool within = !throttle->failures || w->failures <= throttle->failures;
    pthread_mutex_unlock(&throttle->lock);
    return within;
}

void throttle_succeeded(struct throttle *throttle, const char *address, const char *name)
{
    char key[DIGEST_ROOM];
    digest_pair(address, name, key);
    pthread_mutex_lock(&throttle->lock);
    free(map_take(throttle->pairs, key));
    pthread_mutex_unlock(&throttle->lock);
}
