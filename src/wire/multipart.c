/* multipart.c: see multipart.h. */
#include "wire/multipart.h"

#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/codec.h"

const struct multipart_limits multipart_limits_default = {.parts = 16, .headers = 4096};

enum { BOUNDARY_MOST = 70 /* RFC 2046 section 5.1.1 */, NAME_MOST = 200, FILENAME_MOST = 1000 };
enum { WINDOW = 4 << 20, PAGE = 64 << 10 /* a multiple of every page size in use */ };

struct reader {
    struct arena *arena;
    struct fault *fault;
    const struct multipart_limits *limits;
    const char *begin, *at, *end;
    char delimiter[BOUNDARY_MOST + 3]; /* "--" and the boundary */
    size_t delimiter_len;
    struct part *first, *last;
    size_t count;
    bool mapped; /* the body is a file in memory, its start that of a page */
};

#define refuse(r, ...) fault_set((r)->fault, (r)->arena, E400000, __VA_ARGS__)

/* ---- values of headers: token; name=value; name="value" */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

/* A quoted value into `out`; what follows it, NULL where it does not end. Only \"
 * and \\ are escapes: a browser sends the path C:\x as it stands. */
static const char *unquote(const char *p, char *out)
{
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        *out++ = *p;
    }
    *out = '\0';
    return *p ? p + 1 : NULL;
}

/* The value of a parameter, in the arena; NULL where there is none. False in *ok_r
 * where the text is malformed. */
static const char *parameter(struct arena *arena, const char *text, const char *name, bool *ok_r)
{
    const char *found = NULL;
    char *value = arena_alloc(arena, strlen(text) + 1);
    for (const char *p = skip_blanks(text); *p && *ok_r; p = skip_blanks(p)) {
        size_t key = strcspn(p, "=; \t\"");
        const char *q = skip_blanks(p + key);
        *value = '\0';
        if (*q == '=') {
            q = skip_blanks(q + 1);
            if (*q == '"') {
                q = unquote(q, value);
            } else {
                size_t len = strcspn(q, "; \t");
                memcpy(value, q, len);
                value[len] = '\0';
                q += len;
            }
            if (q && strlen(name) == key && strncasecmp(p, name, key) == 0 && !found)
                found = arena_strdup(arena, value);
        }
        q = q ? skip_blanks(q) : NULL;
        *ok_r = q && (*q == ';' || !*q);
        p = *ok_r && *q ? q + 1 : q;
        if (!p)
            break;
    }
    return *ok_r ? found : NULL;
}

/* ---- the request's own header */

static bool boundary_valid(const char *boundary)
{
    size_t len = boundary ? strlen(boundary) : 0;
    if (len == 0 || len > BOUNDARY_MOST || boundary[len - 1] == ' ')
        return false;
    for (const char *p = boundary; *p; p++)
        if (*p < 0x20 || *p > 0x7E)
            return false;
    return true;
}

static enum err read_boundary(struct reader *r, const char *content_type)
{
    bool ok = true;
    if (!content_type || strncasecmp(content_type, "multipart/", 10) != 0)
        return refuse(r,
                      "The body must be of the type multipart/mixed, but the Content-Type is "
                      "'%.40s'.",
                      content_type ? content_type : "");
    const char *boundary = parameter(r->arena, content_type, "boundary", &ok);
    if (!ok || !boundary_valid(boundary))
        return refuse(r, "The Content-Type of the body names no valid boundary.");
    r->delimiter_len = strlen(boundary) + 2;
    memcpy(r->delimiter, "--", 2);
    memcpy(r->delimiter + 2, boundary, r->delimiter_len - 1);
    return E_OK;
}

/* ---- delimiters */

/* What follows a delimiter at p: blanks and a line's end, or "--" where it closes.
 * The place behind it, NULL where this is no delimiter. */
static const char *after_delimiter(const struct reader *r, const char *p, bool *closes_r)
{
    if ((size_t)(r->end - p) < r->delimiter_len || memcmp(p, r->delimiter, r->delimiter_len) != 0)
        return NULL;
    p += r->delimiter_len;
    *closes_r = r->end - p >= 2 && p[0] == '-' && p[1] == '-';
    if (*closes_r)
        return p + 2;
    while (p < r->end && is_blank(*p))
        p++;
    if (p < r->end && *p == '\r')
        p++;
    return p < r->end && *p == '\n' ? p + 1 : NULL;
}

/* Where the delimiter's bytes occur next, from p on; NULL: nowhere. A mapped body is
 * looked through in windows, each given back before the next. */
static const char *find_bytes(const struct reader *r, const char *p)
{
    while (r->mapped && (size_t)(r->end - p) > WINDOW) {
        const char *found = memmem(p, WINDOW, r->delimiter, r->delimiter_len);
        if (found)
            return found;
        size_t start = (size_t)(p - r->begin) & ~(size_t)(PAGE - 1);
        size_t end = ((size_t)(p - r->begin) + WINDOW - r->delimiter_len) & ~(size_t)(PAGE - 1);
        madvise((void *)(r->begin + start), end - start, MADV_DONTNEED);
        p += WINDOW - r->delimiter_len;
    }
    return memmem(p, (size_t)(r->end - p), r->delimiter, r->delimiter_len);
}

/* The next delimiter that stands at the start of a line, from r->at on; NULL where
 * there is none. *content_end_r: before the line's end that belongs to it. */
static const char *find_delimiter(const struct reader *r, const char **content_end_r,
                                  const char **behind_r, bool *closes_r)
{
    for (const char *p = r->at; p < r->end; p++) {
        p = find_bytes(r, p);
        if (!p)
            return NULL;
        bool line_start = p == r->begin || p[-1] == '\n';
        *behind_r = line_start ? after_delimiter(r, p, closes_r) : NULL;
        if (!*behind_r)
            continue;
        const char *content = p;
        if (content > r->at)
            content--;
        if (content > r->at && content[-1] == '\r')
            content--;
        *content_end_r = content;
        return p;
    }
    return NULL;
}

/* ---- the headers of a part */

static size_t place(const struct reader *r, const char *p)
{
    return (size_t)(p - r->begin);
}

/* The value of a header line "Name: value" of that name. */
static const char *value_of(const char *line, const char *name)
{
    size_t len = strlen(name);
    if (strncasecmp(line, name, len) != 0 || line[len] != ':')
        return NULL;
    return skip_blanks(line + len + 1);
}

/* UTF-8''caf%C3%A9.twb (RFC 8187): the text, or NULL where it is not in UTF-8. */
static const char *extended_value(struct arena *arena, const char *value)
{
    const char *language = value ? strchr(value, '\'') : NULL;
    const char *text = language ? strchr(language + 1, '\'') : NULL;
    if (!text || strncasecmp(value, "UTF-8'", 6) != 0)
        return NULL;
    size_t len = strlen(++text);
    char *plain = arena_alloc(arena, len + 1);
    return percent_decode(text, len, false, plain) && utf8_valid(plain, strlen(plain)) ? plain
                                                                                       : NULL;
}

/* Some clients send a file name that is not of ASCII as filename* alone, or beside a
 * filename that is a mere stand-in for it. */
static enum err take_disposition(struct reader *r, struct part *part, const char *value)
{
    bool ok = true;
    part->name = parameter(r->arena, value, "name", &ok);
    const char *plain = parameter(r->arena, value, "filename", &ok);
    const char *extended = extended_value(r->arena, parameter(r->arena, value, "filename*", &ok));
    part->filename = extended ? extended : plain;
    if (!ok)
        return refuse(r, "The Content-Disposition of part %zu is malformed.", r->count + 1);
    if (part->filename && strlen(part->filename) > FILENAME_MOST)
        return refuse(r, "The file name of part %zu is longer than %d bytes.", r->count + 1,
                      FILENAME_MOST);
    return E_OK;
}

static enum err take_line(struct reader *r, struct part *part, const char *line)
{
    const char *value;
    if ((value = value_of(line, "Content-Disposition")) != NULL)
        return take_disposition(r, part, value);
    if ((value = value_of(line, "Content-Type")) != NULL) {
        part->type = arena_strdup(r->arena, value);
        return E_OK;
    }
    value = value_of(line, "Content-Transfer-Encoding");
    if (value && strcasecmp(value, "binary") != 0 && strcasecmp(value, "8bit") != 0 &&
        strcasecmp(value, "7bit") != 0)
        return refuse(r,
                      "Part %zu has the Content-Transfer-Encoding '%.20s'; only binary, 8bit "
                      "and 7bit are read.",
                      r->count + 1, value);
    return E_OK;
}

/* One line of headers, without its end; E400000 where the limit, or the body, comes
 * before that. `left` counts down what the headers of the part may still take. */
static enum err next_line(struct reader *r, size_t *left, const char **line_r)
{
    size_t rest = (size_t)(r->end - r->at), room = rest < *left ? rest : *left;
    const char *line = r->at, *end = memchr(line, '\n', room);
    if (!end)
        return rest <= *left
                   ? refuse(r, "The body ends within the headers of part %zu.", r->count + 1)
                   : refuse(r, "The headers of part %zu are longer than %zu bytes.", r->count + 1,
                            r->limits->headers);
    size_t len = (size_t)(end - line);
    r->at = end + 1;
    *left -= len + 1;
    if (len && line[len - 1] == '\r')
        len--;
    if (!utf8_valid(line, len))
        return refuse(r, "A header of part %zu is not UTF-8.", r->count + 1);
    *line_r = arena_strndup(r->arena, line, len);
    return E_OK;
}

static enum err read_headers(struct reader *r, struct part *part)
{
    size_t left = r->limits->headers;
    const char *line = "";
    for (;;) {
        enum err err = next_line(r, &left, &line);
        if (err || !*line)
            return err;
        err = take_line(r, part, line);
        if (err)
            return err;
    }
}

/* ---- parts */

static enum err check_name(struct reader *r, const struct part *part, const char *where)
{
    if (!part->name || !*part->name)
        return refuse(r, "Part %zu (at byte %zu) has no name in its Content-Disposition.",
                      r->count + 1, place(r, where));
    if (strlen(part->name) > NAME_MOST)
        return refuse(r, "The name of part %zu is longer than %d bytes.", r->count + 1, NAME_MOST);
    if (part_find(r->first, part->name))
        return refuse(r, "The part '%.40s' occurs twice.", part->name);
    return E_OK;
}

static enum err read_part(struct reader *r, bool *closes_r)
{
    const char *where = r->at, *content_end, *behind;
    if (r->count == r->limits->parts)
        return refuse(r, "The body has more than %zu parts.", r->limits->parts);
    struct part *part = arena_zalloc(r->arena, sizeof *part);
    enum err err = read_headers(r, part);
    if (!err)
        err = check_name(r, part, where);
    if (err)
        return err;
    part->bytes = r->at;
    if (!find_delimiter(r, &content_end, &behind, closes_r))
        return refuse(r, "The body ends within the part '%.40s': its closing boundary is missing.",
                      part->name);
    part->len = (size_t)(content_end - part->bytes);
    r->at = behind;
    r->count++;
    if (r->last)
        r->last->next = part;
    else
        r->first = part;
    r->last = part;
    return E_OK;
}

static enum err read_parts(struct reader *r)
{
    const char *ignored, *behind;
    bool closes = false;
    /* What stands before the first boundary is a preamble without meaning. */
    if (!find_delimiter(r, &ignored, &behind, &closes))
        return refuse(r, "The body holds no line with the boundary that its Content-Type names.");
    r->at = behind;
    while (!closes) {
        enum err err = read_part(r, &closes);
        if (err)
            return err;
    }
    return r->count ? E_OK : refuse(r, "The body has no parts.");
}

static enum err read_all(struct reader *r, const char *content_type, const struct part **parts_r)
{
    enum err err = read_boundary(r, content_type);
    if (!err)
        err = read_parts(r);
    if (!err)
        *parts_r = r->first;
    return err;
}

enum err multipart_read(struct arena *arena, const char *content_type, const char *bytes,
                        size_t len, const struct multipart_limits *limits,
                        const struct part **parts_r, struct fault *fault)
{
    if (!bytes)
        bytes = "";
    struct reader r = {.arena = arena,
                       .fault = fault,
                       .limits = limits,
                       .begin = bytes,
                       .at = bytes,
                       .end = bytes + len};
    return read_all(&r, content_type, parts_r);
}

enum err multipart_read_mapped(struct arena *arena, const char *content_type, const char *bytes,
                               size_t len, const struct multipart_limits *limits,
                               const struct part **parts_r, struct fault *fault)
{
    struct reader r = {.arena = arena,
                       .fault = fault,
                       .limits = limits,
                       .begin = bytes,
                       .at = bytes,
                       .end = bytes + len,
                       .mapped = true};
    return read_all(&r, content_type, parts_r);
}

const struct part *part_find(const struct part *parts, const char *name)
{
    for (; parts; parts = parts->next)
        if (strcmp(parts->name, name) == 0)
            return parts;
    return NULL;
}

const char *part_bytes(const struct part *part, size_t *len_r)
{
    *len_r = part->len;
    return part->bytes;
}
