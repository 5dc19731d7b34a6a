/* safelist.c: see safelist.h. */
#include "trust/safelist.h"

#include <ctype.h>
#include <string.h>

static bool port_valid(const char *p, size_t len)
{
    if (len == 1 && *p == '*')
        return true;
    long port = 0;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)p[i]) || len > 5)
            return false;
        port = port * 10 + (p[i] - '0');
    }
    return len && port >= 1 && port <= 65535;
}

static bool label_valid(const char *p, size_t len)
{
    if (len == 0 || len > 63 || p[0] == '-' || p[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)p[i]) && p[i] != '-' && p[i] != '_')
            return false;
    return true;
}

static bool name_valid(const char *p, size_t len)
{
    if (len > 2 && p[0] == '*' && p[1] == '.') {
        p += 2;
        len -= 2;
    }
    if (len == 0 || len > 253)
        return false;
    while (len) {
        const char *dot = memchr(p, '.', len);
        size_t label = dot ? (size_t)(dot - p) : len;
        if (!label_valid(p, label))
            return false;
        if (!dot)
            return true;
        p += label + 1;
        len -= label + 1;
    }
    return false; /* ended by a dot */
}

static bool literal_valid(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isxdigit((unsigned char)p[i]) && p[i] != ':' && p[i] != '.')
            return false;
    return len >= 2;
}

static bool entry_valid(const char *p, size_t len)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < 2; i++)
        if (len > strlen(schemes[i]) && strncasecmp(p, schemes[i], strlen(schemes[i])) == 0) {
            p += strlen(schemes[i]);
            len -= strlen(schemes[i]);
            break;
        }
    if (len && p[len - 1] == '/')
        len--;
    if (len && *p == '[') {
        const char *close = memchr(p, ']', len);
        if (!close || !literal_valid(p + 1, (size_t)(close - p) - 1))
            return false;
        size_t used = (size_t)(close - p) + 1;
        return used == len || (p[used] == ':' && port_valid(p + used + 1, len - used - 1));
    }
    const char *colon = memchr(p, ':', len);
    if (colon && !port_valid(colon + 1, len - (size_t)(colon - p) - 1))
        return false;
    return name_valid(p, colon ? (size_t)(colon - p) : len);
}

bool safelist_valid(const char *list, const char **bad_r, size_t *bad_len_r)
{
    for (list += strspn(list, " "); *list; list += strspn(list, " ")) {
        size_t len = strcspn(list, " ");
        if (!entry_valid(list, len)) {
            *bad_r = list;
            *bad_len_r = len;
            return false;
        }
        list += len;
    }
    return true;
}
