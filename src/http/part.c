/* part.c: ranges of bytes (RFC 9110, section 14): one of them, or all.
 *
 * A server may answer any range request with the whole (section 14.2), so what is
 * doubtful here is all of it: several ranges, other units, what does not parse. */
#include "base/arena.h"
#include "http/http_priv.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Digits as a number that stays at its most; false where there are none. */
static bool take_number(const char **at, uint64_t *number_r)
{
    const char *from = *at;
    uint64_t number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    *number_r = number;
    return *at != from;
}

/* A list may have empty members (section 5.6.1). */
static const char *skip_empty(const char *at)
{
    return at + strspn(at, " \t,");
}

struct spec {
    bool has_first, has_last;
    uint64_t first, last; /* without a first, `last` counts from the end */
};

/* The only member of the list after "bytes="; false where it is not the only one,
 * or not well-formed. */
static bool take_only(const char *at, struct spec *spec)
{
    at = skip_empty(at);
    spec->has_first = take_number(&at, &spec->first);
    if (*at != '-')
        return false;
    at++;
    spec->has_last = take_number(&at, &spec->last);
    at = skip_empty(at);
    return !*at && (spec->has_first || spec->has_last) &&
           !(spec->has_first && spec->has_last && spec->last < spec->first);
}

static struct http_part all_of(uint64_t size)
{
    return (struct http_part){.status = 200, .len = size, .size = size};
}

/* One that was made for another state of the thing is not wanted (section 13.1.5).
 * A date never fits, as none is told. */
static bool still_holds(const char *if_range, const char *etag)
{
    return !if_range || (etag && strcmp(if_range, etag) == 0);
}

struct http_part http_part_of(const char *range, const char *if_range, const char *etag,
                              uint64_t size)
{
    struct spec spec = {0};
    if (!range || strncasecmp(range, "bytes=", 6) != 0 || !still_holds(if_range, etag) ||
        !take_only(range + 6, &spec))
        return all_of(size);
    if (spec.has_first ? spec.first >= size : !spec.last)
        return (struct http_part){.status = 416, .size = size};
    if (!spec.has_first) {
        uint64_t len = spec.last < size ? spec.last : size;
        /* The last bytes of nothing cannot be told as a range. */
        return len ? (struct http_part){206, size - len, len, size} : all_of(size);
    }
    uint64_t left = size - spec.first;
    uint64_t len =
        spec.has_last && spec.last - spec.first < left ? spec.last - spec.first + 1 : left;
    return (struct http_part){206, spec.first, len, size};
}

/* Tags are compared weakly (section 8.8.3.2); what is malformed ends the list. */
bool http_etag_listed(const char *list, const char *etag)
{
    size_t len = strlen(etag);
    if (!list)
        return false;
    list = skip_empty(list);
    if (*list == '*')
        return !*skip_empty(list + 1);
    while (*list) {
        list += strncmp(list, "W/", 2) == 0 ? 2 : 0;
        const char *end = *list == '"' ? strchr(list + 1, '"') : NULL;
        if (!end)
            return false;
        if ((size_t)(end + 1 - list) == len && memcmp(list, etag, len) == 0)
            return true;
        list = skip_empty(end + 1);
    }
    return false;
}

struct http_part http_part_asked(const struct http_request *request, const char *etag,
                                 uint64_t size)
{
    if (strcmp(http_verb(request), "GET") != 0)
        return all_of(size);
    return http_part_of(http_header(request, "Range"), http_header(request, "If-Range"), etag,
                        size);
}

void http_reply_part(struct http_request *request, const struct http_part *part,
                     const char *content_type, const char *etag, int fd, uint64_t offset)
{
    struct arena *arena = http_arena(request);
    http_reply_header(request, "Accept-Ranges", "bytes");
    if (etag)
        http_reply_header(request, "ETag", etag);
    if (part->status == 206)
        http_reply_header(request, "Content-Range",
                          arena_printf(arena, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part->first,
                                       part->first + part->len - 1, part->size));
    if (part->status == 416)
        http_reply_header(request, "Content-Range",
                          arena_printf(arena, "bytes */%" PRIu64, part->size));
    if (part->status != 416) {
        http_reply_file(request, part->status, content_type, fd, offset, part->len);
        return;
    }
    if (fd >= 0)
        close(fd);
    http_reply(request, 416, NULL, NULL, 0);
}
