/* fold.c: see fold.h; the folding is utf8proc's. */
#include "base/fold.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/arena.h"

static char *fold_ascii(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, text);
    for (char *p = out; *p; p++) {
        if ((unsigned char)*p >= 0x80)
            return NULL;
        *p = (char)tolower((unsigned char)*p);
    }
    return out;
}

char *fold(struct arena *arena, const char *text)
{
    char *ascii = fold_ascii(arena, text);
    if (ascii)
        return ascii;
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t len =
        utf8proc_map((const utf8proc_uint8_t *)text, 0, &mapped,
                     UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    if (len < 0)
        return arena_strdup(arena, text);
    char *out = arena_strndup(arena, (const char *)mapped, (size_t)len);
    free(mapped);
    return out;
}

enum { WORD_MOST = 128 };

static bool in_word(utf8proc_int32_t point)
{
    utf8proc_category_t category = utf8proc_category(point);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

char *fold_words(struct arena *arena, const char *text)
{
    const char *from = fold(arena, text);
    char *words = arena_alloc(arena, strlen(from) + 1), *out = words, *word = words;
    bool gap = false;
    while (*from) {
        utf8proc_int32_t point;
        utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)from, -1, &point);
        size_t bytes = len > 0 ? (size_t)len : 1;
        if (len > 0 && in_word(point)) {
            if (gap && out > words)
                *out++ = ' ';
            word = gap ? out : word;
            if (out - word + (ptrdiff_t)bytes <= WORD_MOST) {
                memcpy(out, from, bytes);
                out += bytes;
            }
        }
        gap = !(len > 0 && in_word(point));
        from += bytes;
    }
    *out = '\0';
    return words;
}

size_t utf8_count(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}
