/* claims.c: see claims.h.
 *
 * The byte after the text is set to NUL, which is allowed nowhere in JSON, so
 * the reader looks one byte ahead without asking for the end each time. */
#include "trust/claims.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"

enum { ROOM_FIRST = 16 };
static const int64_t WHOLE_MAX = (int64_t)1 << 53; /* beyond it a double is no exact number */

struct name {
    char *text;
    size_t len;
    uint32_t hash;
};

struct reader {
    struct arena *arena;
    char *at;
    unsigned depth;
    const char *fault;
    struct name *names; /* of all objects that are open, the innermost last */
    size_t name_count, name_room;
};

static bool read_value(struct reader *reader, struct claims_member *value_r);

static bool fail(struct reader *reader, const char *fault)
{
    reader->fault = fault;
    return false;
}

static bool fail_syntax(struct reader *reader)
{
    return fail(reader, "not JSON");
}

/* A wider copy of an array in the arena; the old one stays until the arena ends. */
static void *widen(struct arena *arena, const void *old, size_t *room, size_t size)
{
    size_t count = *room;
    *room = count ? 2 * count : ROOM_FIRST;
    void *wide = arena_alloc(arena, *room * size);
    if (count)
        memcpy(wide, old, count * size);
    return wide;
}

static void skip_space(struct reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t')
        reader->at++;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after \u; -1 where they are not four. */
static int32_t hex_four(const char *at)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Steps over the escape at `at` (a backslash); NULL where it is none. */
static char *skip_escape(struct reader *reader, char *at)
{
    if (at[1] != 'u') {
        if (at[1] && strchr("\"\\/bfnrt", at[1]))
            return at + 2;
        fail_syntax(reader);
        return NULL;
    }
    int32_t unit = hex_four(at + 2);
    if (unit < 0) {
        fail_syntax(reader);
        return NULL;
    }
    if (unit == 0) {
        fail(reader, "NUL in a string");
        return NULL;
    }
    if (is_high_surrogate(unit) && at[6] == '\\' && at[7] == 'u' &&
        is_low_surrogate(hex_four(at + 8)))
        return at + 12;
    if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
        fail(reader, "half a surrogate pair");
        return NULL;
    }
    return at + 6;
}

static bool is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

/* From the opening quote to behind the closing one. */
static bool read_string(struct reader *reader, struct claims_member *value_r)
{
    char *start = ++reader->at, *at = start;
    bool high = false, escaped = false;
    for (;;) {
        while (is_plain(*at))
            at++;
        if (*at == '"')
            break;
        if ((signed char)*at < 0) {
            high = true;
            at++;
        } else if (*at == '\\') {
            escaped = true;
            at = skip_escape(reader, at);
            if (!at)
                return false;
        } else {
            return fail(reader, *at ? "control character in a string" : "a string without end");
        }
    }
    value_r->kind = CLAIMS_STRING;
    value_r->escaped = escaped;
    value_r->text = start;
    value_r->len = (size_t)(at - start);
    reader->at = at + 1;
    return !high || utf8_valid(start, value_r->len) || fail(reader, "not UTF-8");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool skip_digits(struct reader *reader)
{
    if (!is_digit(*reader->at))
        return fail_syntax(reader);
    while (is_digit(*reader->at))
        reader->at++;
    return true;
}

static bool read_number(struct reader *reader, struct claims_member *value_r)
{
    char *start = reader->at;
    if (*reader->at == '-')
        reader->at++;
    if (*reader->at == '0')
        reader->at++;
    else if (!skip_digits(reader))
        return false;
    if (*reader->at == '.') {
        reader->at++;
        if (!skip_digits(reader))
            return false;
    }
    if (*reader->at == 'e' || *reader->at == 'E') {
        reader->at++;
        if (*reader->at == '+' || *reader->at == '-')
            reader->at++;
        if (!skip_digits(reader))
            return false;
    }
    value_r->kind = CLAIMS_NUMBER;
    value_r->text = start;
    value_r->len = (size_t)(reader->at - start);
    return true;
}

static bool read_word(struct reader *reader, const char *word, enum claims_kind kind,
                      struct claims_member *value_r)
{
    size_t len = strlen(word);
    if (strncmp(reader->at, word, len) != 0)
        return fail_syntax(reader);
    value_r->kind = kind;
    value_r->text = reader->at;
    value_r->len = len;
    reader->at += len;
    return true;
}

/* Writes the code point as UTF-8 and answers how many bytes that took. */
static size_t put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    for (size_t i = more; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(lead[more] | code);
    return more + 1;
}

static char simple_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* Resolves escapes that read_string has found good. In place: never longer. */
static size_t unescape(char *text, size_t len)
{
    char *out = text;
    const char *in = text, *end = text + len;
    while (in < end) {
        if (*in != '\\') {
            *out++ = *in++;
        } else if (in[1] != 'u') {
            *out++ = simple_escape(in[1]);
            in += 2;
        } else {
            int32_t unit = hex_four(in + 2);
            in += 6;
            uint32_t code = (uint32_t)unit;
            if (is_high_surrogate(unit)) {
                code = 0x10000 + ((code - 0xD800) << 10) + ((uint32_t)hex_four(in + 2) - 0xDC00);
                in += 6;
            }
            out += put_utf8(out, code);
        }
    }
    return (size_t)(out - text);
}

static uint32_t name_hash(const char *text, size_t len)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619U;
    return hash;
}

/* Adds a name to those of the innermost object, which begin at `base`. `seen`
 * has a bit for some names: a look through the list is needed only where the
 * bit is set. The size of a token bounds the list. */
static bool add_name(struct reader *reader, size_t base, uint64_t *seen, struct name name)
{
    name.hash = name_hash(name.text, name.len);
    uint64_t bit = (uint64_t)1 << (name.hash >> 26);
    if (*seen & bit) {
        for (size_t i = base; i < reader->name_count; i++) {
            const struct name *other = &reader->names[i];
            if (other->hash == name.hash && other->len == name.len &&
                memcmp(other->text, name.text, name.len) == 0)
                return fail(reader, "two members of one name");
        }
    }
    *seen |= bit;
    if (reader->name_count == reader->name_room)
        reader->names =
            widen(reader->arena, reader->names, &reader->name_room, sizeof *reader->names);
    reader->names[reader->name_count++] = name;
    return true;
}

/* One `"name": value`. */
static bool read_member(struct reader *reader, size_t base, uint64_t *seen,
                        struct claims_member *member_r)
{
    if (*reader->at != '"')
        return fail_syntax(reader);
    struct claims_member quoted;
    if (!read_string(reader, &quoted))
        return false;
    struct name name = {.text = quoted.text, .len = quoted.len};
    if (quoted.escaped) {
        char *copy = arena_strndup(reader->arena, quoted.text, quoted.len);
        name.len = unescape(copy, quoted.len);
        copy[name.len] = '\0';
        name.text = copy;
    }
    if (!add_name(reader, base, seen, name))
        return false;
    skip_space(reader);
    if (*reader->at++ != ':')
        return fail_syntax(reader);
    skip_space(reader);
    member_r->name = name.text;
    member_r->name_len = name.len;
    return read_value(reader, member_r);
}

/* Behind a value: true where `,` says that more follow, *done_r at the end. */
static bool read_more(struct reader *reader, char close, bool *done_r)
{
    skip_space(reader);
    char c = *reader->at;
    *done_r = c == close;
    if (c != ',' && c != close)
        return fail_syntax(reader);
    reader->at++;
    skip_space(reader);
    return true;
}

static bool enter(struct reader *reader)
{
    if (++reader->depth > CLAIMS_DEPTH)
        return fail(reader, "nested deeper than 16 levels");
    reader->at++;
    skip_space(reader);
    return true;
}

/* From `{` to behind `}`; the members are kept where `claims` asks for them. */
static bool read_object(struct reader *reader, struct claims *claims)
{
    size_t base = reader->name_count, room = 0;
    uint64_t seen = 0;
    if (!enter(reader))
        return false;
    bool done = *reader->at == '}';
    if (done)
        reader->at++;
    while (!done) {
        struct claims_member member = {0};
        if (!read_member(reader, base, &seen, &member) || !read_more(reader, '}', &done))
            return false;
        if (!claims)
            continue;
        if (claims->count == room)
            claims->members = widen(reader->arena, claims->members, &room, sizeof member);
        claims->members[claims->count++] = member;
    }
    reader->name_count = base;
    reader->depth--;
    return true;
}

static bool read_list(struct reader *reader)
{
    if (!enter(reader))
        return false;
    bool done = *reader->at == ']';
    if (done)
        reader->at++;
    while (!done) {
        struct claims_member item;
        if (!read_value(reader, &item) || !read_more(reader, ']', &done))
            return false;
    }
    reader->depth--;
    return true;
}

static bool read_value(struct reader *reader, struct claims_member *value_r)
{
    char *start = reader->at;
    value_r->escaped = false;
    switch (*start) {
    case '"':
        return read_string(reader, value_r);
    case '{':
    case '[':
        if (!(*start == '{' ? read_object(reader, NULL) : read_list(reader)))
            return false;
        value_r->kind = *start == '{' ? CLAIMS_OBJECT : CLAIMS_LIST;
        value_r->text = start;
        value_r->len = (size_t)(reader->at - start);
        return true;
    case 't':
        return read_word(reader, "true", CLAIMS_TRUE, value_r);
    case 'f':
        return read_word(reader, "false", CLAIMS_FALSE, value_r);
    case 'n':
        return read_word(reader, "null", CLAIMS_NULL, value_r);
    default:
        return read_number(reader, value_r);
    }
}

/* Only now, since the reader still looked at the byte behind each name. */
static void terminate_names(struct claims *claims)
{
    for (size_t i = 0; i < claims->count; i++) {
        struct claims_member *member = &claims->members[i];
        member->name[member->name_len] = '\0';
    }
}

const char *claims_read(struct arena *arena, char *json, size_t len, struct claims *claims_r)
{
    *claims_r = (struct claims){0};
    json[len] = '\0';
    struct reader reader = {.arena = arena, .at = json};
    if (strncmp(json, "\xEF\xBB\xBF", 3) == 0)
        return "byte order mark";
    skip_space(&reader);
    if (*reader.at != '{')
        return "not a JSON object";
    if (!read_object(&reader, claims_r))
        return reader.fault;
    skip_space(&reader);
    if (reader.at != json + len)
        return "bytes behind the object";
    terminate_names(claims_r);
    return NULL;
}

const char *claims_string(struct claims_member *member)
{
    if (member->escaped)
        member->len = unescape(member->text, member->len);
    member->text[member->len] = '\0';
    return member->text;
}

const char *claims_text(struct claims_member *member)
{
    member->text[member->len] = '\0';
    return member->text;
}

const char *claims_quoted(struct claims_member *member)
{
    member->text[member->len + 1] = '\0';
    return member->text - 1;
}

/* The list is known to be good JSON, so reading it again cannot fail but for
 * what it holds. */
bool claims_strings(struct arena *arena, struct claims_member *member, const char ***list_r,
                    size_t *count_r)
{
    struct reader reader = {.arena = arena, .at = member->text + 1};
    const char **list = NULL;
    size_t count = 0, room = 0;
    skip_space(&reader);
    bool done = *reader.at == ']';
    while (!done) {
        struct claims_member item;
        if (*reader.at != '"' || !read_string(&reader, &item) || !read_more(&reader, ']', &done))
            return false;
        if (count == room)
            list = widen(arena, list, &room, sizeof *list);
        list[count++] = claims_string(&item);
    }
    *list_r = list;
    *count_r = count;
    return true;
}

bool claims_objects(struct arena *arena, struct claims_member *member, size_t most,
                    struct claims **list_r, size_t *count_r)
{
    struct reader reader = {.arena = arena, .at = member->text + 1};
    struct claims *list = NULL;
    size_t room = 0;
    *count_r = 0;
    skip_space(&reader);
    bool done = *reader.at == ']';
    while (!done) {
        struct claims item = {0};
        if (*reader.at != '{' || !read_object(&reader, &item) || !read_more(&reader, ']', &done))
            return false;
        if (++*count_r > most)
            return false;
        if (*count_r > room)
            list = widen(arena, list, &room, sizeof *list);
        list[*count_r - 1] = item;
    }
    for (size_t i = 0; i < *count_r; i++)
        terminate_names(&list[i]);
    *list_r = list;
    return true;
}

/* The number after `e`, cut where no number of a token is long enough to care. */
static long exponent_of(const char *at, const char *end)
{
    bool minus = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    long value = 0;
    for (; at < end && value < 100000000; at++)
        value = value * 10 + (*at - '0');
    return minus ? -value : value;
}

/* Digits are added up as far as the decimal point, moved by the exponent, lets
 * them count; what is missing up to the point is zeros. By hand, since strtod
 * depends on the locale and rounds. */
bool claims_whole(const struct claims_member *member, int64_t *value_r)
{
    if (member->kind != CLAIMS_NUMBER)
        return false;
    const char *at = member->text, *end = at + member->len;
    bool minus = *at == '-';
    at += minus;
    const char *digits_end = at;
    while (digits_end < end && *digits_end != 'e' && *digits_end != 'E')
        digits_end++;
    const char *point = memchr(at, '.', (size_t)(digits_end - at));
    long count = (point ? point : digits_end) - at;
    if (digits_end < end)
        count += exponent_of(digits_end + 1, end);
    int64_t value = 0;
    for (; at < digits_end && count > 0; at++) {
        if (*at == '.')
            continue;
        value = value * 10 + (*at - '0');
        count--;
        if (value > WHOLE_MAX)
            return false;
    }
    for (; value && count > 0; count--) {
        value *= 10;
        if (value > WHOLE_MAX)
            return false;
    }
    *value_r = minus ? -value : value;
    return true;
}

const char *claims_kind_text(enum claims_kind kind)
{
    switch (kind) {
    case CLAIMS_STRING:
        return "a string";
    case CLAIMS_NUMBER:
        return "a number";
    case CLAIMS_TRUE:
        return "true";
    case CLAIMS_FALSE:
        return "false";
    case CLAIMS_NULL:
        return "null";
    case CLAIMS_LIST:
        return "a list";
    case CLAIMS_OBJECT:
        break;
    }
    return "an object";
}

const char *claims_show(struct arena *arena, const char *text, size_t len)
{
    char *shown = arena_alloc(arena, CLAIMS_SHOWN + sizeof "''...");
    char *out = shown, *limit = shown + CLAIMS_SHOWN;
    size_t i = 0;
    *out++ = '\'';
    for (; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = c >= 0x20 && c < 0x7F && c != '\\';
        if (limit - out < (plain ? 1 : 4))
            break;
        if (plain)
            *out++ = (char)c;
        else
            out += snprintf(out, 5, "\\x%02X", c);
    }
    const char *close = i < len ? "'..." : "'";
    memcpy(out, close, strlen(close) + 1);
    return shown;
}
