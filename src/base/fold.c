/* fold.c: see fold.h; the folding is utf8proc's. */
#include "base/fold.h"

#include <ctype.h>
#include <stdlib.h>
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

size_t utf8_count(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}
