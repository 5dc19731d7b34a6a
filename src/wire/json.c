/* json.c: documents as JSON; how they correspond to elements is told in doc.h.
 *
 * Reading goes through jansson behind a scan that bounds depth and size first.
 * Writing is our own: it is on the path of every answer. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/doc.h"
#include "wire/doc_priv.h"

/* ---- reading */

struct reader {
    struct arena *arena;
    const struct doc_limits *limits;
    size_t nodes;
    struct fault *fault;
};

static enum err object_read(struct reader *r, json_t *object, struct el *el, size_t depth);

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

static enum err scalar_read(struct reader *r, json_t *value, const char **text_r,
                            enum doc_kind *kind_r)
{
    *kind_r = json_is_boolean(value) ? DOC_BOOL : json_is_number(value) ? DOC_NUMBER : DOC_STRING;
    if (json_is_boolean(value))
        *text_r = json_is_true(value) ? "true" : "false";
    else if (json_is_integer(value))
        *text_r = arena_printf(r->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        *text_r = real_text(r->arena, json_real_value(value));
    else
        *text_r = arena_strdup(r->arena, json_string_value(value));
    if (json_is_string(value) && !text_fits(*text_r))
        return fault_set(r->fault, r->arena, E400000,
                         "The JSON holds a control character that is not accepted in text.");
    return E_OK;
}

static enum err count_node(struct reader *r)
{
    if (++r->nodes > r->limits->nodes)
        return fault_set(r->fault, r->arena, E400000, "The JSON holds more than %zu values.",
                         r->limits->nodes);
    return E_OK;
}

static enum err item_read(struct reader *r, const char *name, json_t *item, struct el *el,
                          size_t depth)
{
    if (json_is_null(item))
        return E_OK;
    if (json_is_array(item))
        return fault_set(r->fault, r->arena, E400000,
                         "The JSON holds an array directly within an array.");
    enum err err = count_node(r);
    if (err != E_OK)
        return err;
    struct el *child = doc_item(el, name);
    if (json_is_object(item))
        return object_read(r, item, child, depth + 1);
    return scalar_read(r, item, &child->text, &child->text_kind);
}

static enum err array_read(struct reader *r, const char *name, json_t *array, struct el *el,
                           size_t depth)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        enum err err = item_read(r, name, item, el, depth);
        if (err != E_OK)
            return err;
    }
    return E_OK;
}

static enum err member_read(struct reader *r, const char *key, json_t *value, struct el *el,
                            size_t depth)
{
    if (json_is_null(value))
        return E_OK;
    const char *name = arena_strdup(r->arena, key);
    if (json_is_array(value))
        return array_read(r, name, value, el, depth);
    enum err err = count_node(r);
    if (err != E_OK)
        return err;
    if (json_is_object(value))
        return object_read(r, value, doc_child(el, name), depth + 1);
    const char *text;
    enum doc_kind kind;
    err = scalar_read(r, value, &text, &kind);
    if (err == E_OK)
        doc_attr_take(el, name, text)->kind = kind;
    return err;
}

static enum err object_read(struct reader *r, json_t *object, struct el *el, size_t depth)
{
    if (depth > r->limits->depth)
        return fault_set(r->fault, r->arena, E400000,
                         "The JSON holds more than %zu objects within each other.",
                         r->limits->depth);
    if (json_object_size(object) > DOC_MEMBERS_MOST)
        return fault_set(r->fault, r->arena, E400000,
                         "The JSON holds an object of more than %d members.", DOC_MEMBERS_MOST);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        enum err err = member_read(r, key, value, el, depth);
        if (err != E_OK)
            return err;
    }
    return E_OK;
}

/* Counts brackets and values without reading them, so that input made to be
 * costly is refused before anything is allocated for it. An object within an
 * array makes one element out of two brackets. */
static enum err prescan(struct reader *r, const char *p, size_t len)
{
    size_t depth = 0, values = 0;
    bool quoted = false;
    for (const char *end = p + len; p < end; p++) {
        if (quoted) {
            if (*p == '\\')
                p++;
            else if (*p == '"')
                quoted = false;
        } else if (*p == '"') {
            quoted = true;
        } else if (*p == '{' || *p == '[') {
            values++;
            if (++depth > 2 * r->limits->depth)
                return fault_set(r->fault, r->arena, E400000,
                                 "The JSON holds more than %zu objects within each other.",
                                 r->limits->depth);
        } else if (*p == '}' || *p == ']') {
            depth -= depth ? 1 : 0;
        } else if (*p == ',') {
            values++;
        }
        if (values > r->limits->nodes)
            return fault_set(r->fault, r->arena, E400000, "The JSON holds more than %zu values.",
                             r->limits->nodes);
    }
    return E_OK;
}

/* jansson's own sentences quote the input, which may be a secret. */
static const char *cause_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows the end of the document";
    case json_error_duplicate_key:
        return "a member stands twice in one object";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL character is not accepted";
    case json_error_invalid_utf8:
        return "bytes that are not UTF-8";
    case json_error_invalid_syntax:
    default:
        return "not well-formed";
    }
}

/* {"tsRequest": {...}} is taken for {...}: some clients keep the wrapper. */
static json_t *unwrapped(json_t *top)
{
    json_t *inner = json_object_size(top) == 1 ? json_object_get(top, "tsRequest") : NULL;
    return json_is_object(inner) ? inner : top;
}

/* The caller's to release; NULL after a refusal. */
static json_t *load(struct reader *r, const char *bytes, size_t len, enum err *err_r)
{
    json_error_t error;
    if (doc_blank(bytes, len))
        *err_r = fault_set(r->fault, r->arena, E400000, "The body is empty; expected JSON.");
    else
        *err_r = prescan(r, bytes, len);
    if (*err_r)
        return NULL;
    json_t *top = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
    if (!top)
        *err_r = fault_set(r->fault, r->arena, E400000, "JSON, line %d, column %d: %s.", error.line,
                           error.column, cause_of(&error));
    r->nodes = 1;
    return top;
}

enum err json_read(struct arena *arena, const char *bytes, size_t len,
                   const struct doc_limits *limits, struct el **root_r, struct fault *fault)
{
    struct reader r = {.arena = arena, .limits = limits, .fault = fault};
    enum err err;
    json_t *top = load(&r, bytes, len, &err);
    if (!top)
        return err;
    struct el *root = doc_new(arena, "tsRequest");
    if (json_is_object(top))
        err = object_read(&r, unwrapped(top), root, 1);
    else
        err = fault_set(fault, arena, E400000, "Expected a JSON object, found an array.");
    json_decref(top);
    if (err == E_OK)
        *root_r = root;
    return err;
}

enum err json_read_list(struct arena *arena, const char *bytes, size_t len, const char *name,
                        const struct doc_limits *limits, struct el **root_r, struct fault *fault)
{
    struct reader r = {.arena = arena, .limits = limits, .fault = fault};
    enum err err;
    json_t *top = load(&r, bytes, len, &err);
    if (!top)
        return err;
    struct el *root = doc_new(arena, "tsRequest");
    if (json_is_array(top))
        err = array_read(&r, name, top, root, 1);
    else
        err = fault_set(fault, arena, E400000, "Expected a JSON array, found an object.");
    json_decref(top);
    if (err == E_OK)
        *root_r = root;
    return err;
}

/* ---- writing */

/* Characters that a JSON string cannot hold as they are, and the first bytes of
 * all others than ASCII, which are looked at more closely. */
static bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void escape_ascii(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *s = shorts; *s; s += 2)
        if ((unsigned char)*s == c) {
            buf_add(out, (char[]){'\\', s[1]}, 2);
            return;
        }
    buf_add(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

/* Writes what is not plain at `p`; returns its length. The line separators are
 * escaped because JavaScript once took them for ends of lines. */
static size_t escape(struct buf *out, const char *p)
{
    if ((unsigned char)*p < 0x80) {
        escape_ascii(out, (unsigned char)*p);
        return 1;
    }
    size_t len = utf8_step(p);
    if (len == 0)
        buf_add(out, "\xEF\xBF\xBD", 3);
    else if (len == 3 && memcmp(p, "\xE2\x80\xA8", 3) == 0)
        buf_add(out, "\\u2028", 6);
    else if (len == 3 && memcmp(p, "\xE2\x80\xA9", 3) == 0)
        buf_add(out, "\\u2029", 6);
    else
        buf_add(out, p, len);
    return len ? len : 1;
}

static void write_string(struct buf *out, const char *text)
{
    buf_addc(out, '"');
    for (const char *p = text; *p;) {
        const char *run = p;
        while (plain((unsigned char)*p))
            p++;
        buf_add(out, run, (size_t)(p - run));
        if (*p)
            p += escape(out, p);
    }
    buf_addc(out, '"');
}

static void write_scalar(struct buf *out, const char *value, enum doc_kind kind)
{
    if (kind == DOC_STRING)
        write_string(out, value);
    else
        buf_adds(out, value);
}

static void write_name(struct buf *out, const char *name, bool *first)
{
    if (!*first)
        buf_addc(out, ',');
    *first = false;
    write_string(out, name);
    buf_addc(out, ':');
}

static void write_members(struct buf *out, const struct el *el);

static void write_value(struct buf *out, const struct el *el)
{
    if (el->text && !el->attrs && !el->children)
        write_scalar(out, el->text, el->text_kind);
    else
        write_members(out, el);
}

static bool same_array(const struct el *a, const struct el *b)
{
    return b->item && (a->name == b->name || strcmp(a->name, b->name) == 0);
}

/* The first item of a name stands for all of them. Looking from the front ends
 * at once in the usual list, whose items all have one name. */
static bool written_before(const struct el *parent, const struct el *item)
{
    const struct el *c = parent->children;
    while (!same_array(item, c))
        c = c->next;
    return c != item;
}

static void write_array(struct buf *out, const struct el *first)
{
    buf_addc(out, '[');
    write_value(out, first);
    for (const struct el *c = first->next; c; c = c->next)
        if (same_array(first, c)) {
            buf_addc(out, ',');
            write_value(out, c);
        }
    buf_addc(out, ']');
}

static void write_members(struct buf *out, const struct el *el)
{
    bool first = true;
    buf_addc(out, '{');
    for (const struct attr *a = el->attrs; a; a = a->next) {
        write_name(out, a->name, &first);
        write_scalar(out, a->value, a->kind);
    }
    if (el->text) {
        write_name(out, "value", &first);
        write_scalar(out, el->text, el->text_kind);
    }
    for (const struct el *c = el->children; c; c = c->next) {
        if (c->item && written_before(el, c))
            continue;
        write_name(out, c->name, &first);
        if (c->item)
            write_array(out, c);
        else
            write_value(out, c);
    }
    buf_addc(out, '}');
}

void json_write(struct buf *out, const struct el *root)
{
    write_members(out, root);
}
