/* methods.c: see methods.h. */
#include "tbl/methods.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct method_row ROWS[] = {
#define METHOD(category, name, verb, path, scopes, since, retired, allowed_to, success, request, \
               response, errors, handler)                                                        \
    {category,   name,    verb,    path,     scopes, since,   retired,                           \
     allowed_to, success, request, response, errors, #handler},
#include "tbl/methods.def"
#undef METHOD
};

const struct method_row *method_rows(size_t *count_r)
{
    *count_r = sizeof ROWS / sizeof *ROWS;
    return ROWS;
}

void method_each_item(const char *list, void (*each)(void *context, const char *item, size_t len),
                      void *context)
{
    while (*list) {
        size_t len = strcspn(list, ";");
        if (len)
            each(context, list, len);
        list += len + (list[len] == ';');
    }
}

bool method_list_has(const char *list, const char *item)
{
    size_t want = strlen(item);
    while (*list) {
        size_t len = strcspn(list, ";");
        if (len == want && memcmp(list, item, len) == 0)
            return true;
        list += len + (list[len] == ';');
    }
    return false;
}

/* True where the segment fits the pattern's: a parameter fits anything. */
static bool segment_fits(const char *pattern, size_t pattern_len, const char *given, size_t len)
{
    return *pattern == '{' || (pattern_len == len && strncasecmp(pattern, given, len) == 0);
}

static bool path_fits(const char *pattern, const char *given)
{
    for (;;) {
        pattern += strspn(pattern, "/");
        given += strspn(given, "/");
        size_t p = strcspn(pattern, "/?"), g = strcspn(given, "/?");
        if (!p || !g)
            return p == g;
        if (!segment_fits(pattern, p, given, g))
            return false;
        pattern += p;
        given += g;
        if (*pattern == '?' || *given == '?')
            return *pattern == *given && strcmp(pattern, given) == 0;
    }
}

/* Of two patterns that fit one path: true where `a` has a literal at the first
 * segment at which only one of them has, as in the router. */
static bool more_exact(const char *a, const char *b)
{
    for (;;) {
        a += strspn(a, "/");
        b += strspn(b, "/");
        size_t a_len = strcspn(a, "/?"), b_len = strcspn(b, "/?");
        if (!a_len || !b_len)
            return false;
        if ((*a == '{') != (*b == '{'))
            return *b == '{';
        a += a_len;
        b += b_len;
    }
}

/* The path without /api/{version}, where it has that. */
static const char *after_version(const char *path)
{
    path += *path == '/';
    if (strncasecmp(path, "api/", 4) == 0 && isdigit((unsigned char)path[4]))
        path += 4 + strcspn(path + 4, "/");
    return path;
}

const struct method_row *method_named(const char *text)
{
    size_t count, verb = strcspn(text, " ");
    const struct method_row *rows = method_rows(&count);
    const char *path = after_version(text + verb + strspn(text + verb, " "));
    const struct method_row *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (strlen(rows[i].verb) == verb && strncasecmp(rows[i].verb, text, verb) == 0 &&
            path_fits(rows[i].path, path) && (!best || more_exact(rows[i].path, best->path)))
            best = &rows[i];
    return best;
}
