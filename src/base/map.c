/* map.c: open addressing, linear probing; hash is SipHash-free FNV-1a salted at
 * random, since keys may come from outside. */
#include "base/map.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"

struct slot {
    char *key; /* NULL: free */
    void *value;
    uint64_t hash;
};

struct map {
    struct slot *slots;
    size_t size, count; /* size is a power of two */
    uint64_t salt;
};

static void *must(void *p)
{
    if (!p) {
        fputs("easel: out of memory\n", stderr);
        abort();
    }
    return p;
}

static uint64_t hash_of(const struct map *map, const char *key)
{
    uint64_t h = 14695981039346656037ULL ^ map->salt;
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 1099511628211ULL;
    h ^= h >> 32;
    return h * 0x9E3779B97F4A7C15ULL ^ (h >> 29);
}

struct map *map_new(void)
{
    struct map *map = must(calloc(1, sizeof *map));
    map->size = 16;
    map->slots = must(calloc(map->size, sizeof *map->slots));
    random_bytes(&map->salt, sizeof map->salt);
    return map;
}

void map_free(struct map **map, void (*drop)(void *value))
{
    if (!*map)
        return;
    for (size_t i = 0; i < (*map)->size; i++) {
        struct slot *slot = &(*map)->slots[i];
        if (slot->key && drop)
            drop(slot->value);
        free(slot->key);
    }
    free((*map)->slots);
    free(*map);
    *map = NULL;
}

static struct slot *find(const struct map *map, const char *key, uint64_t hash)
{
    size_t i = hash & (map->size - 1);
    while (map->slots[i].key && (map->slots[i].hash != hash || strcmp(map->slots[i].key, key) != 0))
        i = (i + 1) & (map->size - 1);
    return &map->slots[i];
}

void *map_get(const struct map *map, const char *key)
{
    return find(map, key, hash_of(map, key))->value;
}

static void grow(struct map *map)
{
    struct slot *old = map->slots;
    size_t size = map->size;
    map->size *= 2;
    map->slots = must(calloc(map->size, sizeof *map->slots));
    for (size_t i = 0; i < size; i++)
        if (old[i].key)
            *find(map, old[i].key, old[i].hash) = old[i];
    free(old);
}

void *map_put(struct map *map, const char *key, void *value)
{
    if (map->count * 4 >= map->size * 3)
        grow(map);
    uint64_t hash = hash_of(map, key);
    struct slot *slot = find(map, key, hash);
    void *before = slot->value;
    if (!slot->key) {
        slot->key = must(strdup(key));
        slot->hash = hash;
        map->count++;
        before = NULL;
    }
    slot->value = value;
    return before;
}

/* Closes the gap at `hole` so that probing still finds what stands behind it. */
static void close_gap(struct map *map, size_t hole)
{
    size_t mask = map->size - 1, i = hole;
    for (;;) {
        i = (i + 1) & mask;
        if (!map->slots[i].key)
            break;
        size_t home = map->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct slot){0};
    map->count--;
}

void *map_take(struct map *map, const char *key)
{
    struct slot *slot = find(map, key, hash_of(map, key));
    if (!slot->key)
        return NULL;
    void *value = slot->value;
    free(slot->key);
    close_gap(map, (size_t)(slot - map->slots));
    return value;
}

size_t map_count(const struct map *map)
{
    return map->count;
}

void map_sift(struct map *map, bool (*drop_it)(void *context, const char *key, void *value),
              void *context)
{
    struct slot *old = map->slots;
    map->slots = must(calloc(map->size, sizeof *map->slots));
    map->count = 0;
    for (size_t i = 0; i < map->size; i++) {
        if (!old[i].key)
            continue;
        if (drop_it(context, old[i].key, old[i].value)) {
            free(old[i].key);
        } else {
            *find(map, old[i].key, old[i].hash) = old[i];
            map->count++;
        }
    }
    free(old);
}
