/* doc.c: building and reading the tree of doc.h, whatever its form on the wire. */
#include "wire/doc.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "wire/doc_priv.h"

const struct doc_limits doc_limits_default = {.depth = 64, .nodes = 100000};

/* ---- building */

struct el *doc_new(struct arena *arena, const char *root)
{
    struct el *el = arena_zalloc(arena, sizeof *el);
    el->name = root;
    el->arena = arena;
    return el;
}

struct el *doc_child(struct el *parent, const char *name)
{
    struct el *el = doc_new(parent->arena, name);
    if (parent->last_child)
        parent->last_child->next = el;
    else
        parent->children = el;
    parent->last_child = el;
    return el;
}

struct el *doc_item(struct el *parent, const char *name)
{
    struct el *el = doc_child(parent, name);
    el->item = true;
    return el;
}

struct attr *doc_attr_take(struct el *el, const char *name, const char *value)
{
    struct attr *attr = arena_alloc(el->arena, sizeof *attr);
    *attr = (struct attr){.name = name, .value = value};
    if (el->last_attr)
        el->last_attr->next = attr;
    else
        el->attrs = attr;
    el->last_attr = attr;
    return attr;
}

void doc_attr(struct el *el, const char *name, const char *value)
{
    if (value)
        doc_attr_take(el, name, arena_strdup(el->arena, value));
}

void doc_attr_bool(struct el *el, const char *name, bool value)
{
    doc_attr_take(el, name, value ? "true" : "false")->kind = DOC_BOOL;
}

/* Decimal digits without the cost of printf: counts stand in every listing. */
static const char *decimal(struct arena *arena, int64_t value)
{
    char digits[24];
    char *end = digits + sizeof digits, *p = end;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--p = '-';
    return arena_strndup(arena, p, (size_t)(end - p));
}

void doc_attr_count(struct el *el, const char *name, int64_t value)
{
    doc_attr_take(el, name, decimal(el->arena, value));
}

void doc_attr_number(struct el *el, const char *name, int64_t value)
{
    doc_attr_take(el, name, decimal(el->arena, value))->kind = DOC_NUMBER;
}

void doc_attr_time(struct el *el, const char *name, int64_t at)
{
    char iso[CLOCK_ISO_ROOM];
    clock_iso(at, iso);
    doc_attr(el, name, iso);
}

void doc_set_text(struct el *el, const char *value)
{
    el->text = arena_strdup(el->arena, value);
    el->text_kind = DOC_STRING;
}

struct el *doc_text(struct el *parent, const char *name, const char *value)
{
    if (!value)
        return NULL;
    struct el *el = doc_child(parent, name);
    doc_set_text(el, value);
    return el;
}

void doc_text_bool(struct el *parent, const char *name, bool value)
{
    struct el *el = doc_child(parent, name);
    el->text = value ? "true" : "false";
    el->text_kind = DOC_BOOL;
}

void doc_text_time(struct el *parent, const char *name, int64_t at)
{
    char iso[CLOCK_ISO_ROOM];
    clock_iso(at, iso);
    doc_text(parent, name, iso);
}

struct el *doc_item_text(struct el *parent, const char *name, const char *value)
{
    struct el *el = doc_text(parent, name, value);
    if (el)
        el->item = true;
    return el;
}

/* ---- reading */

static const struct el *named(const struct el *el, const char *name)
{
    while (el && strcmp(el->name, name) != 0)
        el = el->next;
    return el;
}

const struct el *doc_find(const struct el *el, const char *child)
{
    return el ? named(el->children, child) : NULL;
}

const struct el *doc_next(const struct el *el)
{
    return el ? named(el->next, el->name) : NULL;
}

static const char *attr_value(const struct el *el, const char *name)
{
    for (const struct attr *a = el ? el->attrs : NULL; a; a = a->next)
        if (strcmp(a->name, name) == 0)
            return a->value;
    return NULL;
}

/* An empty element says the same as an empty attribute. */
static const char *text_value(const struct el *el)
{
    if (el && !el->text && !el->attrs && !el->children)
        return "";
    return el ? el->text : NULL;
}

const char *doc_get(const struct el *el, const char *name)
{
    const char *value = attr_value(el, name);
    const struct el *child = value ? NULL : doc_find(el, name);
    /* A member of a JSON array is not a value by itself. */
    return value || !child || child->item ? value : text_value(child);
}

bool doc_get_bool(const struct el *el, const char *name, bool *present_r, bool *value_r)
{
    const char *value = doc_get(el, name);
    bool here = value || doc_find(el, name);
    *present_r = here;
    *value_r = false;
    if (!here)
        return true;
    if (!value)
        return false;
    *value_r = strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0;
    return *value_r || strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0;
}

size_t doc_values(const struct el *el, const char *name, struct arena *arena,
                  const char ***values_r)
{
    const char *first = attr_value(el, name);
    size_t n = first ? 1 : 0;
    for (const struct el *c = doc_find(el, name); c; c = doc_next(c))
        n += text_value(c) ? 1 : 0;
    *values_r = NULL;
    if (n == 0)
        return 0;
    *values_r = arena_alloc(arena, n * sizeof **values_r);
    n = 0;
    if (first)
        (*values_r)[n++] = first;
    for (const struct el *c = doc_find(el, name); c; c = doc_next(c))
        if (text_value(c))
            (*values_r)[n++] = text_value(c);
    return n;
}

/* ---- characters */

static bool continues(const unsigned char *p, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return false;
    return true;
}

size_t utf8_step(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    size_t len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (!continues(p, len))
        return 0;
    /* overlong forms, surrogates, and beyond U+10FFFF (RFC 3629, section 4) */
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

bool xml_char(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    if (len == 1)
        return p[0] >= 0x20 || p[0] == '\t' || p[0] == '\n' || p[0] == '\r';
    /* U+FFFE and U+FFFF are no characters of XML 1.0 (section 2.2) */
    return !(len == 3 && p[0] == 0xEF && p[1] == 0xBF && p[2] >= 0xBE);
}

bool doc_blank(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!memchr(" \t\r\n", bytes[i], 4))
            return false;
    return true;
}

const char *doc_excerpt(const char *text, size_t len, char out[EXCERPT_ROOM])
{
    size_t n = len > EXCERPT_MAX ? EXCERPT_MAX : len;
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7F ? text[i] : '?';
    memcpy(out + n, "...", 4);
    if (n == len)
        out[n] = '\0';
    return out;
}
