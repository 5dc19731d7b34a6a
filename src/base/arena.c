/* arena.c: a chain of blocks, bumped; see arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_DEFAULT = 4096, BLOCK_MIN = 8192, ARRAY_FIRST = 16 };

struct block {
    struct block *next; /* older block */
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

struct cleanup {
    struct cleanup *next;
    void (*run)(void *thing);
    void *thing;
};

struct arena {
    struct block *top; /* the newest block; the first one ends the chain */
    struct cleanup *cleanups;
    size_t footprint;
};

static struct block *block_new(size_t size)
{
    struct block *block = malloc(sizeof *block + size);
    if (!block) {
        fputs("easel: out of memory\n", stderr);
        abort();
    }
    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

struct arena *arena_new(size_t first)
{
    struct arena *arena = malloc(sizeof *arena);
    if (!arena) {
        fputs("easel: out of memory\n", stderr);
        abort();
    }
    arena->top = block_new(first ? first : FIRST_DEFAULT);
    arena->footprint = arena->top->size;
    arena->cleanups = NULL;
    return arena;
}

void arena_reset(struct arena *arena)
{
    for (struct cleanup *c = arena->cleanups; c; c = c->next)
        c->run(c->thing);
    arena->cleanups = NULL;
    while (arena->top->next) {
        struct block *older = arena->top->next;
        arena->footprint -= arena->top->size;
        free(arena->top);
        arena->top = older;
    }
    arena->top->used = 0;
}

void arena_free(struct arena **arena)
{
    if (!*arena)
        return;
    arena_reset(*arena);
    free((*arena)->top);
    free(*arena);
    *arena = NULL;
}

static size_t aligned(size_t size)
{
    size_t unit = alignof(max_align_t);
    return (size + unit - 1) & ~(unit - 1);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2) {
        fputs("easel: impossible allocation\n", stderr);
        abort();
    }
    size = aligned(size ? size : 1);
    struct block *top = arena->top;
    if (top->size - top->used < size) {
        size_t grow = top->size * 2 > BLOCK_MIN ? top->size * 2 : BLOCK_MIN;
        if (grow > 1 << 20)
            grow = 1 << 20;
        struct block *block = block_new(size > grow ? size : grow);
        block->next = top;
        arena->top = block;
        arena->footprint += block->size;
        top = block;
    }
    void *out = top->bytes + top->used;
    top->used += size;
    return out;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

void *arena_memdup(struct arena *arena, const void *bytes, size_t len)
{
    void *out = arena_alloc(arena, len);
    if (len)
        memcpy(out, bytes, len);
    return out;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    char *out = arena_alloc(arena, len + 1);
    if (len)
        memcpy(out, text, len);
    out[len] = '\0';
    return out;
}

void *arena_widen(struct arena *arena, const void *old, size_t *room, size_t size)
{
    size_t count = *room;
    *room = count ? 2 * count : ARRAY_FIRST;
    void *wide = arena_alloc(arena, *room * size);
    if (count)
        memcpy(wide, old, count * size);
    return wide;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

/* Bytes of the character that starts at `p`; 0 where the bytes that its first one
 * promises are not all there. */
static size_t character_len(const unsigned char *p)
{
    size_t len = *p >= 0xF0 ? 4 : *p >= 0xE0 ? 3 : *p >= 0xC0 ? 2 : 1;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

/* A precision such as %.60s counts bytes: a character that it cut through goes. */
static void drop_cut_characters(char *text)
{
    char *out = text;
    for (const char *p = text; *p;) {
        size_t len = character_len((const unsigned char *)p);
        if (out != p)
            memmove(out, p, len);
        out += len;
        p += len ? len : 1;
        while (!len && (*p & 0xC0) == 0x80)
            p++;
    }
    *out = '\0';
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (need < 0)
        return arena_strndup(arena, "", 0);
    char *out = arena_alloc(arena, (size_t)need + 1);
    vsnprintf(out, (size_t)need + 1, format, args);
    drop_cut_characters(out);
    return out;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *out = arena_vprintf(arena, format, args);
    va_end(args);
    return out;
}

void arena_on_free(struct arena *arena, void (*run)(void *thing), void *thing)
{
    struct cleanup *c = arena_alloc(arena, sizeof *c);
    c->run = run;
    c->thing = thing;
    c->next = arena->cleanups;
    arena->cleanups = c;
}

size_t arena_footprint(const struct arena *arena)
{
    return arena->footprint;
}
