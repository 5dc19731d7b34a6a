/* json_read.c: JSON into the tree of doc.h, in one pass over a copy of the text:
 * names and strings of the tree stay where they stand in it. Our own, since it is
 * on the path of every request that has a body. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_lex.h"
#include "wire/doc.h"
#include "wire/doc_priv.h"

struct reader {
    struct json_lex lex;
    char *text;
    const struct doc_limits *limits;
    size_t nodes;
    struct fault *fault;
};

static enum err read_object(struct reader *r, struct el *el, size_t depth, size_t *members_r);

/* ---- refusals. None of them quotes the input, which may be a secret. */

static enum err refuse(struct reader *r, const char *sentence)
{
    return fault_set(r->fault, r->lex.arena, E400000, "%s", sentence);
}

static enum err refuse_at(struct reader *r, const char *cause)
{
    size_t line = 1, column = r->lex.at < r->lex.end ? 1 : 0;
    for (const char *p = r->text; p < r->lex.at; p++) {
        bool continues = ((unsigned char)*p & 0xC0) == 0x80;
        column = *p == '\n' ? 1 : column + (continues ? 0 : 1);
        line += *p == '\n' ? 1 : 0;
    }
    return fault_set(r->fault, r->lex.arena, E400000, "JSON, line %zu, column %zu: %s.", line,
                     column, cause);
}

static enum err refuse_text(struct reader *r)
{
    switch (r->lex.fault) {
    case JSON_ENDS:
    case JSON_OPEN_STRING:
        return refuse_at(r, "it ends too early");
    case JSON_NUL:
        return refuse_at(r, "a NUL character is not accepted");
    case JSON_UTF8:
        return refuse_at(r, "bytes that are not UTF-8");
    case JSON_TWICE:
        r->lex.at--;
        return refuse_at(r, "a member stands twice in one object");
    case JSON_SOUND:
    case JSON_SYNTAX:
    case JSON_CONTROL:
    case JSON_SURROGATE:
        break;
    }
    return refuse_at(r, "not well-formed");
}

static enum err refuse_nodes(struct reader *r)
{
    return fault_set(r->fault, r->lex.arena, E400000, "The JSON holds more than %zu values.",
                     r->limits->nodes);
}

static enum err refuse_depth(struct reader *r)
{
    return fault_set(r->fault, r->lex.arena, E400000,
                     "The JSON holds more than %zu objects within each other.", r->limits->depth);
}

/* ---- values */

/* Both readers give trees of the same characters, so that a name taken from JSON
 * can be answered in XML. */
static bool text_fits(const char *text)
{
    for (size_t step; *text; text += step) {
        step = utf8_step(text);
        if (!step || !xml_char(text, step))
            return false;
    }
    return true;
}

static enum err read_string(struct reader *r, const char **text_r)
{
    struct json_string string;
    if (!json_lex_string(&r->lex, &string))
        return refuse_text(r);
    size_t len = string.escaped ? json_unescape(string.text, string.len) : string.len;
    string.text[len] = '\0';
    *text_r = string.text;
    if ((string.escaped || string.wide) && !text_fits(string.text))
        return refuse(r, "The JSON holds a control character that is not accepted in text.");
    return E_OK;
}

/* The shortest text that reads back as the same number; zero has no sign. */
static const char *real_text(struct arena *arena, double value)
{
    char text[32] = "0";
    for (int digits = 15; digits <= 17 && fpclassify(value) != FP_ZERO; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (!islessgreater(back, value))
            break;
    }
    return arena_strdup(arena, text);
}

/* Whole numbers are those of 64 bits. */
static bool whole_fits(const char *text)
{
    errno = 0;
    (void)strtoll(text, NULL, 10);
    return errno != ERANGE;
}

static enum err read_number(struct reader *r, const char **text_r)
{
    const char *start = r->lex.at;
    bool whole;
    if (!json_lex_number(&r->lex, &whole))
        return refuse_text(r);
    const char *text = arena_strndup(r->lex.arena, start, (size_t)(r->lex.at - start));
    if (whole) {
        *text_r = strcmp(text, "-0") == 0 ? "0" : text;
        return whole_fits(text) ? E_OK : refuse_at(r, "a number is too large");
    }
    double value = strtod(text, NULL);
    if (isinf(value))
        return refuse_at(r, "a number is too large");
    *text_r = real_text(r->lex.arena, value);
    return E_OK;
}

static enum err read_scalar(struct reader *r, const char **text_r, enum doc_kind *kind_r)
{
    char first = *r->lex.at;
    if (first == '"') {
        *kind_r = DOC_STRING;
        return read_string(r, text_r);
    }
    if (first == 't' || first == 'f') {
        *kind_r = DOC_BOOL;
        *text_r = first == 't' ? "true" : "false";
        return json_lex_word(&r->lex, *text_r) ? E_OK : refuse_text(r);
    }
    *kind_r = DOC_NUMBER;
    return read_number(r, text_r);
}

static enum err count_node(struct reader *r)
{
    return ++r->nodes > r->limits->nodes ? refuse_nodes(r) : E_OK;
}

/* null says that there is nothing. */
static enum err skip_null(struct reader *r)
{
    return json_lex_word(&r->lex, "null") ? E_OK : refuse_text(r);
}

static enum err read_item(struct reader *r, const char *name, struct el *el, size_t depth)
{
    size_t members;
    if (*r->lex.at == 'n')
        return skip_null(r);
    if (*r->lex.at == '[')
        return refuse(r, "The JSON holds an array directly within an array.");
    enum err err = count_node(r);
    if (err != E_OK)
        return err;
    struct el *child = doc_item(el, name);
    if (*r->lex.at == '{')
        return read_object(r, child, depth + 1, &members);
    return read_scalar(r, &child->text, &child->text_kind);
}

static enum err read_array(struct reader *r, const char *name, struct el *el, size_t depth)
{
    struct json_open open;
    bool done;
    json_lex_enter(&r->lex, ']', &open, &done);
    while (!done) {
        enum err err = read_item(r, name, el, depth);
        if (err != E_OK)
            return err;
        if (!json_lex_more(&r->lex, ']', &done))
            return refuse_text(r);
    }
    return E_OK;
}

static enum err read_value(struct reader *r, const char *name, struct el *el, size_t depth)
{
    size_t members;
    if (*r->lex.at == 'n')
        return skip_null(r);
    if (*r->lex.at == '[')
        return read_array(r, name, el, depth);
    enum err err = count_node(r);
    if (err != E_OK)
        return err;
    if (*r->lex.at == '{')
        return read_object(r, doc_child(el, name), depth + 1, &members);
    const char *text;
    enum doc_kind kind;
    err = read_scalar(r, &text, &kind);
    if (err == E_OK)
        doc_attr_take(el, name, text)->kind = kind;
    return err;
}

static enum err read_member(struct reader *r, struct json_open *open, struct el *el, size_t depth)
{
    struct json_name name;
    if (!json_lex_name(&r->lex, open, &name))
        return refuse_text(r);
    name.text[name.len] = '\0'; /* the quote, or the end of a copy */
    return read_value(r, name.text, el, depth);
}

static enum err read_object(struct reader *r, struct el *el, size_t depth, size_t *members_r)
{
    struct json_open open;
    bool done;
    *members_r = 0;
    if (depth > r->limits->depth)
        return refuse_depth(r);
    json_lex_enter(&r->lex, '}', &open, &done);
    while (!done) {
        if (++*members_r > DOC_MEMBERS_MOST)
            return fault_set(r->fault, r->lex.arena, E400000,
                             "The JSON holds an object of more than %d members.", DOC_MEMBERS_MOST);
        enum err err = read_member(r, &open, el, depth);
        if (err != E_OK)
            return err;
        if (!json_lex_more(&r->lex, '}', &done))
            return refuse_text(r);
    }
    json_lex_leave(&r->lex, &open);
    return E_OK;
}

/* ---- the whole text */

/* Behind the string that begins at `p`; `end` where it has no end. */
static const char *string_end(const char *p, const char *end)
{
    for (const char *from = p + 1; from < end;) {
        const char *quote = memchr(from, '"', (size_t)(end - from));
        if (!quote)
            return end;
        size_t slashes = 0;
        while (quote - slashes > from && quote[-1 - (ptrdiff_t)slashes] == '\\')
            slashes++;
        from = quote + 1;
        if (slashes % 2 == 0)
            return from;
    }
    return end;
}

/* Counts brackets and values without reading them, so that input made to be
 * costly is refused before anything is allocated for it. An object within an
 * array makes one element out of two brackets. */
static enum err prescan(struct reader *r, const char *p, size_t len)
{
    size_t depth = 0, values = 0;
    for (const char *end = p + len; p < end;) {
        char c = *p;
        p = c == '"' ? string_end(p, end) : p + 1;
        if (c == '{' || c == '[') {
            values++;
            if (++depth > 2 * r->limits->depth)
                return refuse_depth(r);
        } else if (c == '}' || c == ']') {
            depth -= depth ? 1 : 0;
        } else if (c == ',') {
            values++;
        }
        if (values > r->limits->nodes)
            return refuse_nodes(r);
    }
    return E_OK;
}

/* To the bracket that opens it, which must be `open`; of the other kind: `otherwise`. */
static enum err begin(struct reader *r, const char *bytes, size_t len, char open,
                      const char *otherwise)
{
    if (doc_blank(bytes, len))
        return refuse(r, "The body is empty; expected JSON.");
    enum err err = prescan(r, bytes, len);
    if (err != E_OK)
        return err;
    r->text = arena_alloc(r->lex.arena, len + 1);
    memcpy(r->text, bytes, len);
    r->text[len] = '\0';
    r->lex.at = r->text;
    r->lex.end = r->text + len;
    r->nodes = 1;
    json_lex_space(&r->lex);
    if (*r->lex.at == open)
        return E_OK;
    if (*r->lex.at == '{' || *r->lex.at == '[')
        return refuse(r, otherwise);
    json_lex_odd(&r->lex);
    return refuse_text(r);
}

static enum err finish(struct reader *r)
{
    json_lex_space(&r->lex);
    return r->lex.at == r->lex.end ? E_OK
                                   : refuse_at(r, "something follows the end of the document");
}

/* {"tsRequest": {...}} is taken for {...}: some clients keep the wrapper. */
static struct el *unwrapped(struct el *root, size_t members)
{
    struct el *inner = members == 1 ? root->children : NULL;
    return inner && !inner->item && strcmp(inner->name, "tsRequest") == 0 ? inner : root;
}

enum err json_read(struct arena *arena, const char *bytes, size_t len,
                   const struct doc_limits *limits, struct el **root_r, struct fault *fault)
{
    struct reader r = {.lex = {.arena = arena}, .limits = limits, .fault = fault};
    size_t members;
    enum err err = begin(&r, bytes, len, '{', "Expected a JSON object, found an array.");
    if (err != E_OK)
        return err;
    struct el *root = doc_new(arena, "tsRequest");
    err = read_object(&r, root, 1, &members);
    if (err == E_OK)
        err = finish(&r);
    if (err == E_OK)
        *root_r = unwrapped(root, members);
    return err;
}

enum err json_read_list(struct arena *arena, const char *bytes, size_t len, const char *name,
                        const struct doc_limits *limits, struct el **root_r, struct fault *fault)
{
    struct reader r = {.lex = {.arena = arena}, .limits = limits, .fault = fault};
    enum err err = begin(&r, bytes, len, '[', "Expected a JSON array, found an object.");
    if (err != E_OK)
        return err;
    struct el *root = doc_new(arena, "tsRequest");
    err = read_array(&r, name, root, 1);
    if (err == E_OK)
        err = finish(&r);
    if (err == E_OK)
        *root_r = root;
    return err;
}
