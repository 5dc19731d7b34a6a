/* json_lex.c: see json_lex.h. */
#include "base/json_lex.h"

#include <string.h>

#include "base/arena.h"
#include "base/codec.h"

bool json_lex_fail(struct json_lex *lex, enum json_fault fault)
{
    lex->fault = fault;
    return false;
}

bool json_lex_odd(struct json_lex *lex)
{
    return json_lex_fail(lex, lex->at >= lex->end ? JSON_ENDS : JSON_SYNTAX);
}

void json_lex_space(struct json_lex *lex)
{
    while (*lex->at == ' ' || *lex->at == '\n' || *lex->at == '\r' || *lex->at == '\t')
        lex->at++;
}

void json_lex_enter(struct json_lex *lex, char close, struct json_open *open_r, bool *done_r)
{
    *open_r = (struct json_open){.base = lex->name_count};
    lex->at++;
    json_lex_space(lex);
    *done_r = *lex->at == close;
    if (*done_r)
        lex->at++;
}

bool json_lex_more(struct json_lex *lex, char close, bool *done_r)
{
    json_lex_space(lex);
    char c = *lex->at;
    *done_r = c == close;
    if (c != ',' && c != close)
        return json_lex_odd(lex);
    lex->at++;
    json_lex_space(lex);
    return true;
}

void json_lex_leave(struct json_lex *lex, const struct json_open *open)
{
    lex->name_count = open->base;
}

/* ---- strings */

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

/* Steps over the escape at lex->at, a backslash. */
static bool skip_escape(struct json_lex *lex)
{
    const char *at = lex->at;
    if (at[1] != 'u') {
        if (!at[1] || !strchr("\"\\/bfnrt", at[1]))
            return json_lex_fail(lex, JSON_SYNTAX);
        lex->at += 2;
        return true;
    }
    int32_t unit = hex_four(at + 2);
    if (unit < 0)
        return json_lex_fail(lex, JSON_SYNTAX);
    if (unit == 0)
        return json_lex_fail(lex, JSON_NUL);
    if (is_high_surrogate(unit) && at[6] == '\\' && at[7] == 'u' &&
        is_low_surrogate(hex_four(at + 8))) {
        lex->at += 12;
        return true;
    }
    if (is_high_surrogate(unit) || is_low_surrogate(unit))
        return json_lex_fail(lex, JSON_SURROGATE);
    lex->at += 6;
    return true;
}

static bool is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

bool json_lex_string(struct json_lex *lex, struct json_string *string_r)
{
    char *start = ++lex->at;
    bool wide = false, escaped = false;
    for (;;) {
        while (is_plain(*lex->at))
            lex->at++;
        if (*lex->at == '"')
            break;
        if ((signed char)*lex->at < 0) {
            wide = true;
            lex->at++;
        } else if (*lex->at == '\\') {
            escaped = true;
            if (!skip_escape(lex))
                return false;
        } else {
            return json_lex_fail(lex, lex->at == lex->end ? JSON_OPEN_STRING : JSON_CONTROL);
        }
    }
    *string_r = (struct json_string){start, (size_t)(lex->at - start), escaped, wide};
    lex->at++;
    return !wide || utf8_valid(start, string_r->len) || json_lex_fail(lex, JSON_UTF8);
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

size_t json_unescape(char *text, size_t len)
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
            out += utf8_put(code, out);
        }
    }
    return (size_t)(out - text);
}

/* ---- names */

static uint32_t name_hash(const char *text, size_t len)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619U;
    return hash;
}

static void keep_name(struct json_lex *lex, const struct json_name *name)
{
    if (lex->name_count == lex->name_room)
        lex->names = arena_widen(lex->arena, lex->names, &lex->name_room, sizeof *name);
    lex->names[lex->name_count++] = *name;
}

/* A look through the names is needed only where the bit of this one is set. How
 * many there are in one object is for the caller to bound. */
static bool add_name(struct json_lex *lex, struct json_open *open, struct json_name *name)
{
    name->hash = name_hash(name->text, name->len);
    uint64_t bit = (uint64_t)1 << (name->hash >> 26);
    if (open->seen & bit) {
        for (size_t i = open->base; i < lex->name_count; i++) {
            const struct json_name *other = &lex->names[i];
            if (other->hash == name->hash && other->len == name->len &&
                memcmp(other->text, name->text, name->len) == 0)
                return json_lex_fail(lex, JSON_TWICE);
        }
    }
    open->seen |= bit;
    keep_name(lex, name);
    return true;
}

bool json_lex_name(struct json_lex *lex, struct json_open *open, struct json_name *name_r)
{
    struct json_string string;
    if (*lex->at != '"')
        return json_lex_odd(lex);
    if (!json_lex_string(lex, &string))
        return false;
    *name_r = (struct json_name){.text = string.text, .len = string.len};
    if (string.escaped) {
        name_r->text = arena_strndup(lex->arena, string.text, string.len);
        name_r->len = json_unescape(name_r->text, string.len);
    }
    if (!add_name(lex, open, name_r))
        return false;
    json_lex_space(lex);
    if (*lex->at != ':')
        return json_lex_odd(lex);
    lex->at++;
    json_lex_space(lex);
    return true;
}

/* ---- numbers and words */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool skip_digits(struct json_lex *lex)
{
    if (!is_digit(*lex->at))
        return json_lex_odd(lex);
    while (is_digit(*lex->at))
        lex->at++;
    return true;
}

bool json_lex_number(struct json_lex *lex, bool *whole_r)
{
    *whole_r = true;
    if (*lex->at == '-')
        lex->at++;
    if (*lex->at == '0')
        lex->at++;
    else if (!skip_digits(lex))
        return false;
    if (*lex->at == '.') {
        *whole_r = false;
        lex->at++;
        if (!skip_digits(lex))
            return false;
    }
    if (*lex->at == 'e' || *lex->at == 'E') {
        *whole_r = false;
        lex->at++;
        if (*lex->at == '+' || *lex->at == '-')
            lex->at++;
        if (!skip_digits(lex))
            return false;
    }
    return true;
}

bool json_lex_word(struct json_lex *lex, const char *word)
{
    for (; *word; word++, lex->at++)
        if (*lex->at != *word)
            return json_lex_odd(lex);
    return true;
}
