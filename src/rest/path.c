/* path.c: see path.h. */
#include "rest/path.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"

static char *decoded(struct arena *arena, const char *text, size_t len, bool plus_is_space)
{
    char *out = arena_alloc(arena, len + 1);
    if (!percent_decode(text, len, plus_is_space, out) || !utf8_valid(out, strlen(out)))
        return NULL;
    return out;
}

bool path_parse(struct arena *arena, const char *raw, struct path *path_r)
{
    path_r->count = 0;
    while (*raw) {
        raw += strspn(raw, "/");
        size_t len = strcspn(raw, "/");
        if (!len)
            break;
        if (path_r->count == PATH_SEGMENTS)
            return false;
        const char *segment = decoded(arena, raw, len, false);
        if (!segment)
            return false;
        path_r->segments[path_r->count++] = segment;
        raw += len;
    }
    return true;
}

bool query_parse(struct arena *arena, const char *raw, struct query *query_r)
{
    query_r->count = 0;
    while (*raw) {
        size_t len = strcspn(raw, "&");
        const char *equals = memchr(raw, '=', len);
        size_t name_len = equals ? (size_t)(equals - raw) : len;
        if (len) {
            if (query_r->count == QUERY_PAIRS)
                return false;
            const char *name = decoded(arena, raw, name_len, true);
            const char *value = equals ? decoded(arena, equals + 1, len - name_len - 1, true) : "";
            if (!name || !value)
                return false;
            query_r->pairs[query_r->count].name = name;
            query_r->pairs[query_r->count++].value = value;
        }
        raw += len + (raw[len] == '&');
    }
    return true;
}

const char *query_get(const struct query *query, const char *name)
{
    for (size_t i = query->count; i-- > 0;)
        if (strcmp(query->pairs[i].name, name) == 0)
            return query->pairs[i].value;
    return NULL;
}

int version_parse(const char *text)
{
    size_t len = strlen(text);
    if (len < 3 || len > 4 || !isdigit((unsigned char)text[0]) || text[1] != '.')
        return 0;
    for (size_t i = 2; i < len; i++)
        if (!isdigit((unsigned char)text[i]))
            return 0;
    if (len == 4 && text[2] == '0')
        return 0;
    int minor = text[2] - '0';
    if (len == 4)
        minor = minor * 10 + (text[3] - '0');
    return VERSION(text[0] - '0', minor);
}

bool version_known(int version)
{
    return (version >= VERSION(2, 0) && version <= VERSION(2, 8)) ||
           (version >= VERSION(3, 0) && version <= VERSION_LAST);
}
