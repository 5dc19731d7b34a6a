/* arena: memory that ends all at once.
 *
 * One arena serves one request (or one command): everything built for it is
 * taken from the arena and released together, so handlers free nothing.
 * Nothing that outlives the arena may keep a pointer into it.
 *
 * Running out of memory stops the process: every allocation whose size comes
 * from outside is bounded by its caller first, so exhaustion is never an
 * answer to input.  An arena belongs to one thread at a time. */
#ifndef EASEL_BASE_ARENA_H
#define EASEL_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* Makes an arena whose first block holds `first` bytes (0: a default of 4 KiB). */
struct arena *arena_new(size_t first);
/* Runs the cleanups in reverse order, releases everything, leaves NULL behind. */
void arena_free(struct arena **arena);
/* Like arena_free, but keeps the first block for another round of use. */
void arena_reset(struct arena *arena);

/* `size` bytes aligned for any type, not cleared. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));
/* The same, cleared. */
void *arena_zalloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));
/* A copy of an array of *room elements with room for twice as many (16 where there were
 * none), which it sets; the old one stays until the arena ends. */
void *arena_widen(struct arena *arena, const void *old, size_t *room, size_t size);
/* Copies; arena_strdup(NULL) is NULL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
void *arena_memdup(struct arena *arena, const void *bytes, size_t len);
/* Characters of UTF-8 that a precision (%.60s) cut through are left out whole. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Calls run(thing) when the arena ends: for outside resources and for wiping secrets. */
void arena_on_free(struct arena *arena, void (*run)(void *thing), void *thing);

/* Bytes taken from the system so far, for limits and tests. */
size_t arena_footprint(const struct arena *arena);

#endif
