/* map: text keys to pointers, in the order of nothing. Not thread-safe; the
 * owner locks. Keys are copied. */
#ifndef EASEL_BASE_MAP_H
#define EASEL_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

struct map *map_new(void);
/* Releases the map and its keys, calling drop (may be NULL) on each value. */
void map_free(struct map **map, void (*drop)(void *value));
void *map_get(const struct map *map, const char *key);
/* Sets, and returns the value that stood there before (NULL for none). */
void *map_put(struct map *map, const char *key, void *value);
/* Takes the value out and returns it; NULL if absent. */
void *map_take(struct map *map, const char *key);
size_t map_count(const struct map *map);
/* Visits every pair; those for which `drop_it` answers true are taken out (the
 * visitor owns the value then). */
void map_sift(struct map *map, bool (*drop_it)(void *context, const char *key, void *value),
              void *context);

#endif
