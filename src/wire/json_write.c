/* json_write.c: documents as JSON; how they correspond to elements is told in
 * doc.h. Our own: it is on the path of every answer. */
#include <string.h>

#include "base/buf.h"
#include "wire/doc.h"
#include "wire/doc_priv.h"

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
