/* xml.c: documents as XML.
 *
 * Reading goes through libxml2's SAX interface straight into our tree. Writing
 * is our own: it is on the path of every answer. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/doc.h"
#include "wire/doc_priv.h"

/* ---- writing */

static bool xml_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '&' && c != '<' && c != '>' && c != '"';
}

/* What stands for an ASCII character, or NULL where it stands for itself. White
 * space in attributes would be read back as spaces, CR anywhere as LF (XML 1.0,
 * sections 2.11 and 3.3.3), were they not written as references. */
static const char *xml_entity(char c, bool in_attr)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return in_attr ? "&quot;" : NULL;
    case '\t':
        return in_attr ? "&#9;" : NULL;
    case '\n':
        return in_attr ? "&#10;" : NULL;
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

/* Writes what is not plain at `p`; returns its length. */
static size_t xml_escape(struct buf *out, const char *p, bool in_attr)
{
    const char *entity = xml_entity(*p, in_attr);
    size_t len = utf8_step(p);
    if (entity)
        buf_adds(out, entity);
    else if (len && xml_char(p, len))
        buf_add(out, p, len);
    else
        buf_add(out, "\xEF\xBF\xBD", 3);
    return len ? len : 1;
}

static void xml_string(struct buf *out, const char *text, bool in_attr)
{
    for (const char *p = text; *p;) {
        const char *run = p;
        while (xml_plain((unsigned char)*p))
            p++;
        buf_add(out, run, (size_t)(p - run));
        if (*p)
            p += xml_escape(out, p, in_attr);
    }
}

static void xml_attrs(struct buf *out, const struct el *el)
{
    for (const struct attr *a = el->attrs; a; a = a->next) {
        buf_addc(out, ' ');
        buf_adds(out, a->name);
        buf_add(out, "=\"", 2);
        xml_string(out, a->value, true);
        buf_addc(out, '"');
    }
}

static void xml_element(struct buf *out, const struct el *el);

/* From behind the name of the start tag to the end of the element. */
static void xml_rest(struct buf *out, const struct el *el)
{
    xml_attrs(out, el);
    if (!el->text && !el->children) {
        buf_add(out, "/>", 2);
        return;
    }
    buf_addc(out, '>');
    if (el->text)
        xml_string(out, el->text, false);
    for (const struct el *c = el->children; c; c = c->next)
        xml_element(out, c);
    buf_add(out, "</", 2);
    buf_adds(out, el->name);
    buf_addc(out, '>');
}

static void xml_element(struct buf *out, const struct el *el)
{
    buf_addc(out, '<');
    buf_adds(out, el->name);
    xml_rest(out, el);
}

void xml_write(struct buf *out, const struct el *root, const char *version)
{
    buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><");
    buf_adds(out, root->name);
    buf_adds(out, " xmlns=\"http://tableau.com/api\""
                  " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
                  " xsi:schemaLocation=\"http://tableau.com/api"
                  " https://help.tableau.com/samples/en-us/rest_api/ts-api_");
    for (const char *p = version; *p; p++)
        buf_addc(out, *p == '.' ? '_' : *p);
    buf_adds(out, ".xsd\"");
    xml_rest(out, root);
}
