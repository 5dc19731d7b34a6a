/* url_name.c: see url_name.h. Letters are those of ASCII, whatever the locale. */
#include "base/url_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"

static bool stays(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

char *url_name(struct arena *arena, const char *name)
{
    char *url = arena_alloc(arena, strlen(name) + 1), *out = url;
    for (const char *p = name; *p; p++) {
        if (stays(*p))
            *out++ = *p;
        else if (*p == '.')
            *out++ = '_';
    }
    *out = '\0';
    return url;
}

char *url_name_choice(struct arena *arena, const char *url_name, size_t n)
{
    if (!*url_name)
        return arena_printf(arena, "_%zu", n);
    return n ? arena_printf(arena, "%s_%zu", url_name, n) : arena_strdup(arena, url_name);
}
