/* claims.c: see claims.h. */
#include "trust/claims.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_lex.h"

static const int64_t WHOLE_MAX = (int64_t)1 << 53; /* beyond it a double is no exact number */

struct reader {
    struct json_lex lex;
    unsigned depth;
    bool deep; /* deeper than CLAIMS_DEPTH */
};

static bool read_value(struct reader *reader, struct claims_member *value_r);

static const char *fault_text(const struct reader *reader)
{
    if (reader->deep)
        return "nested deeper than 16 levels";
    switch (reader->lex.fault) {
    case JSON_OPEN_STRING:
        return "a string without end";
    case JSON_CONTROL:
        return "control character in a string";
    case JSON_NUL:
        return "NUL in a string";
    case JSON_SURROGATE:
        return "half a surrogate pair";
    case JSON_UTF8:
        return "not UTF-8";
    case JSON_TWICE:
        return "two members of one name";
    case JSON_SOUND:
    case JSON_SYNTAX:
    case JSON_ENDS:
        break;
    }
    return "not JSON";
}

static bool read_string(struct reader *reader, struct claims_member *value_r)
{
    struct json_string string;
    if (!json_lex_string(&reader->lex, &string))
        return false;
    value_r->kind = CLAIMS_STRING;
    value_r->escaped = string.escaped;
    value_r->text = string.text;
    value_r->len = string.len;
    return true;
}

/* What the lexer passed from `start` on, unless it failed. */
static bool take(struct reader *reader, bool sound, char *start, enum claims_kind kind,
                 struct claims_member *value_r)
{
    value_r->kind = kind;
    value_r->text = start;
    value_r->len = (size_t)(reader->lex.at - start);
    return sound;
}

static bool read_member(struct reader *reader, struct json_open *open,
                        struct claims_member *member_r)
{
    struct json_name name;
    if (!json_lex_name(&reader->lex, open, &name))
        return false;
    member_r->name = name.text;
    member_r->name_len = name.len;
    return read_value(reader, member_r);
}

static bool enter(struct reader *reader, char close, struct json_open *open_r, bool *done_r)
{
    if (++reader->depth > CLAIMS_DEPTH) {
        reader->deep = true;
        return false;
    }
    json_lex_enter(&reader->lex, close, open_r, done_r);
    return true;
}

/* From `{` to behind `}`; the members are kept where `claims` asks for them. The
 * size of a token bounds how many there are. */
static bool read_object(struct reader *reader, struct claims *claims)
{
    struct json_open open;
    size_t room = 0;
    bool done;
    if (!enter(reader, '}', &open, &done))
        return false;
    while (!done) {
        struct claims_member member = {0};
        if (!read_member(reader, &open, &member) || !json_lex_more(&reader->lex, '}', &done))
            return false;
        if (!claims)
            continue;
        if (claims->count == room)
            claims->members = arena_widen(reader->lex.arena, claims->members, &room, sizeof member);
        claims->members[claims->count++] = member;
    }
    json_lex_leave(&reader->lex, &open);
    reader->depth--;
    return true;
}

static bool read_list(struct reader *reader)
{
    struct json_open open;
    bool done;
    if (!enter(reader, ']', &open, &done))
        return false;
    while (!done) {
        struct claims_member item;
        if (!read_value(reader, &item) || !json_lex_more(&reader->lex, ']', &done))
            return false;
    }
    reader->depth--;
    return true;
}

static bool read_value(struct reader *reader, struct claims_member *value_r)
{
    struct json_lex *lex = &reader->lex;
    char *start = lex->at;
    bool whole;
    value_r->escaped = false;
    switch (*start) {
    case '"':
        return read_string(reader, value_r);
    case '{':
        return take(reader, read_object(reader, NULL), start, CLAIMS_OBJECT, value_r);
    case '[':
        return take(reader, read_list(reader), start, CLAIMS_LIST, value_r);
    case 't':
        return take(reader, json_lex_word(lex, "true"), start, CLAIMS_TRUE, value_r);
    case 'f':
        return take(reader, json_lex_word(lex, "false"), start, CLAIMS_FALSE, value_r);
    case 'n':
        return take(reader, json_lex_word(lex, "null"), start, CLAIMS_NULL, value_r);
    default:
        return take(reader, json_lex_number(lex, &whole), start, CLAIMS_NUMBER, value_r);
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
    struct reader reader = {.lex = {.arena = arena, .at = json, .end = json + len}};
    if (strncmp(json, "\xEF\xBB\xBF", 3) == 0)
        return "byte order mark";
    json_lex_space(&reader.lex);
    if (*reader.lex.at != '{')
        return "not a JSON object";
    if (!read_object(&reader, claims_r))
        return fault_text(&reader);
    json_lex_space(&reader.lex);
    if (reader.lex.at != json + len)
        return "bytes behind the object";
    terminate_names(claims_r);
    return NULL;
}

const char *claims_string(struct claims_member *member)
{
    if (member->escaped)
        member->len = json_unescape(member->text, member->len);
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

/* A reader of a list that is known to be good JSON: reading it again cannot fail
 * but for what it holds. Strings before it may have been terminated already; of
 * what is behind it no more than one byte is looked at. */
static struct reader again(struct arena *arena, struct claims_member *list)
{
    return (struct reader){
        .lex = {.arena = arena, .at = list->text, .end = list->text + list->len}};
}

bool claims_strings(struct arena *arena, struct claims_member *member, const char ***list_r,
                    size_t *count_r)
{
    struct reader reader = again(arena, member);
    const char **list = NULL;
    size_t count = 0, room = 0;
    struct json_open open;
    bool done;
    json_lex_enter(&reader.lex, ']', &open, &done);
    while (!done) {
        struct claims_member item;
        if (*reader.lex.at != '"' || !read_string(&reader, &item) ||
            !json_lex_more(&reader.lex, ']', &done))
            return false;
        if (count == room)
            list = arena_widen(arena, list, &room, sizeof *list);
        list[count++] = claims_string(&item);
    }
    *list_r = list;
    *count_r = count;
    return true;
}

bool claims_objects(struct arena *arena, struct claims_member *member, size_t most,
                    struct claims **list_r, size_t *count_r)
{
    struct reader reader = again(arena, member);
    struct claims *list = NULL;
    size_t room = 0;
    *count_r = 0;
    struct json_open open;
    bool done;
    json_lex_enter(&reader.lex, ']', &open, &done);
    while (!done) {
        struct claims item = {0};
        struct claims_member other;
        if (!(*reader.lex.at == '{' ? read_object(&reader, &item) : read_value(&reader, &other)) ||
            !json_lex_more(&reader.lex, ']', &done))
            return false;
        if (++*count_r > most)
            return false;
        if (*count_r > room)
            list = arena_widen(arena, list, &room, sizeof *list);
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
