/* xml.c: documents as XML.
 *
 * Reading goes through libxml2's SAX interface straight into our tree. Writing
 * is our own: it is on the path of every answer. */
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/doc.h"
#include "wire/doc_priv.h"

/* libxml2 compares each attribute of an element with all others of it, and looks
 * prefixes up one by one: the first bounds that square, the second the list. */
enum { NAMESPACES_MAX = 8 };

/* ---- reading */

struct reader {
    struct arena *arena;
    const struct doc_limits *limits;
    xmlParserCtxtPtr parser;
    struct el *root;
    struct el **open; /* the elements not yet closed, limits->depth of them at most */
    size_t depth, nodes;
    struct buf text; /* since the last tag */
    enum err err;    /* the first refusal */
    struct fault *fault;
};

static void refuse(struct reader *r, int line, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void refuse(struct reader *r, int line, int column, const char *format, ...)
{
    if (r->err != E_OK)
        return;
    va_list args;
    va_start(args, format);
    char *what = arena_vprintf(r->arena, format, args);
    va_end(args);
    r->err =
        fault_set(r->fault, r->arena, E400000, "XML, line %d, column %d: %s.", line, column, what);
}

/* Refuses at the place that the parser has reached, which then reads no further.
 * A macro, so that the format is checked where it is written. */
#define REFUSE(r, ...)                                                                      \
    do {                                                                                    \
        refuse((r), xmlSAX2GetLineNumber((r)->parser), xmlSAX2GetColumnNumber((r)->parser), \
               __VA_ARGS__);                                                                \
        xmlStopParser((r)->parser);                                                         \
    } while (0)

static const char *excerpt(const xmlChar *text, char out[EXCERPT_ROOM])
{
    const char *name = text ? (const char *)text : "";
    return doc_excerpt(name, strlen(name), out);
}

static bool namespace_known(const xmlChar *uri)
{
    return !uri || strcmp((const char *)uri, "http://tableau.com/api") == 0 ||
           strcmp((const char *)uri, "http://tableausoftware.com/api") == 0;
}

static bool blank(const struct buf *text)
{
    return doc_blank(text->bytes, text->len);
}

static bool count_nodes(struct reader *r, size_t more)
{
    r->nodes += more;
    if (r->nodes <= r->limits->nodes)
        return true;
    REFUSE(r, "more than %zu elements and attributes", r->limits->nodes);
    return false;
}

static bool may_open(struct reader *r, const xmlChar *name, const xmlChar *uri)
{
    char echo[EXCERPT_ROOM];
    if (r->depth == 0 && strcmp((const char *)name, "tsRequest") != 0)
        REFUSE(r, "expected the element 'tsRequest', found '%s'", excerpt(name, echo));
    else if (!namespace_known(uri))
        REFUSE(r, "expected the namespace 'http://tableau.com/api', found '%s'",
               excerpt(uri, echo));
    else if (r->depth == r->limits->depth)
        REFUSE(r, "more than %zu elements within each other", r->limits->depth);
    else if (!blank(&r->text))
        REFUSE(r, "text beside elements in '%s'",
               excerpt((const xmlChar *)r->open[r->depth - 1]->name, echo));
    return r->err == E_OK;
}

/* Without entity replacement libxml2 leaves every ampersand of an attribute
 * value, however it was written, as "&#38;", and no other reference. */
static char *attr_text(struct arena *arena, const xmlChar *from, const xmlChar *end)
{
    char *value = arena_strndup(arena, (const char *)from, (size_t)(end - from));
    char *out = strchr(value, '&');
    for (const char *p = out; p && *p; p++) {
        *out++ = *p;
        if (strncmp(p, "&#38;", 5) == 0)
            p += 4;
    }
    if (out)
        *out = '\0';
    return value;
}

/* libxml2 gives each attribute as local name, prefix, URI, value and its end.
 * Those with a prefix (xsi:schemaLocation, xml:lang) say nothing to us. */
static void take_attrs(struct el *el, int n, const xmlChar **attrs)
{
    for (int i = 0; i < n; i++, attrs += 5)
        if (!attrs[1])
            doc_attr_take(el, arena_strdup(el->arena, (const char *)attrs[0]),
                          attr_text(el->arena, attrs[3], attrs[4]));
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespaces, const xmlChar **namespace_list, int n_attrs, int n_defaulted,
                     const xmlChar **attrs)
{
    (void)prefix, (void)namespace_list, (void)n_defaulted;
    struct reader *r = context;
    if (r->err != E_OK || !may_open(r, name, uri))
        return;
    if (namespaces > NAMESPACES_MAX) {
        REFUSE(r, "more than %d namespaces in one element", NAMESPACES_MAX);
        return;
    }
    if (!count_nodes(r, 1 + (size_t)namespaces + (size_t)n_attrs))
        return;
    const char *own = arena_strdup(r->arena, (const char *)name);
    struct el *el = r->depth ? doc_child(r->open[r->depth - 1], own) : doc_new(r->arena, own);
    if (r->depth == 0)
        r->root = el;
    take_attrs(el, n_attrs, attrs);
    r->open[r->depth++] = el;
    r->text.len = 0;
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    (void)name, (void)prefix, (void)uri;
    struct reader *r = context;
    if (r->err != E_OK || r->depth == 0)
        return;
    struct el *el = r->open[--r->depth];
    char echo[EXCERPT_ROOM];
    if (el->children && !blank(&r->text))
        REFUSE(r, "text beside elements in '%s'", excerpt((const xmlChar *)el->name, echo));
    else if (!el->children && r->text.len)
        el->text = arena_strndup(r->arena, r->text.bytes, r->text.len);
    r->text.len = 0;
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct reader *r = context;
    if (r->err == E_OK)
        buf_add(&r->text, text, (size_t)len);
}

/* Called on any document type declaration, before its inside is read. Without
 * one there are no entities but the five of XML itself. */
static void on_doctype(void *context, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    struct reader *r = context;
    REFUSE(r, "a document type declaration is not accepted");
}

static const char *cause_of(int code)
{
    static const struct {
        int code;
        const char *words;
    } rows[] = {
#define XML_FAULT(code, words) {code, words},
#include "tbl/xml_faults.def"
#undef XML_FAULT
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code)
            return rows[i].words;
    return "not well-formed";
}

/* After a fatal error the push parser returns by itself; stopping it from in
 * here would free the input under its hands. */
static void on_error(void *context, xmlErrorPtr error)
{
    struct reader *r = context;
    if (error->level < XML_ERR_ERROR)
        return;
    const char *cause = r->root && r->depth == 0 ? "something follows the end of the document"
                                                 : cause_of(error->code);
    refuse(r, error->line, error->int2, "%s", cause);
}

static const xmlSAXHandler handler = {
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .characters = on_text,
    .cdataBlock = on_text,
    .ignorableWhitespace = on_text,
    .internalSubset = on_doctype,
    .serror = on_error,
};

/* True where a start tag holds more than DOC_MEMBERS_MOST attributes. Every '<' counts
 * as the start of one, within comments too: too strict there beats an order in
 * which scan and parser could be brought to disagree. */
static bool crowded(const struct span *text)
{
    const char *p = text->bytes, *end = p + text->len;
    while (p < end && (p = memchr(p, '<', (size_t)(end - p)))) {
        size_t attrs = 0;
        char quote = '\0';
        for (p++; p < end && *p != '<' && (quote || *p != '>'); p++) {
            if (quote)
                quote = *p == quote ? '\0' : quote;
            else if (*p == '"' || *p == '\'')
                quote = *p;
            else if (*p == '=' && ++attrs > DOC_MEMBERS_MOST)
                return true;
        }
    }
    return false;
}

/* libxml2 asks to be initialized before threads use it. */
static void parser_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, xmlInitParser);
}

static enum err parse(struct reader *r, const struct span *text)
{
    parser_init();
    /* libxml2 writes to its copy of the handler alone */
    xmlSAXHandler sax = handler;
    r->parser = xmlCreatePushParserCtxt(&sax, r, NULL, 0, NULL);
    if (!r->parser)
        return fault_set(r->fault, r->arena, E500000, "The XML parser could not be started.");
    /* the bytes are UTF-8 by now, whatever was declared */
    xmlCtxtUseOptions(r->parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
    xmlParseChunk(r->parser, text->bytes, (int)text->len, 1);
    if (!r->parser->wellFormed || !r->parser->nsWellFormed || !r->root || r->depth)
        refuse(r, xmlSAX2GetLineNumber(r->parser), xmlSAX2GetColumnNumber(r->parser),
               "not well-formed");
    xmlFreeParserCtxt(r->parser);
    return r->err;
}

enum err xml_read(struct arena *arena, const char *bytes, size_t len,
                  const struct doc_limits *limits, struct el **root_r, struct fault *fault)
{
    struct span text = {bytes, len};
    if (doc_blank(bytes, len))
        return fault_set(fault, arena, E400000, "The body is empty; expected XML.");
    enum err err = charset_utf8(arena, &text, fault);
    if (err != E_OK)
        return err;
    if (text.len > INT_MAX)
        return fault_set(fault, arena, E400000, "The XML is too long.");
    if (crowded(&text))
        return fault_set(fault, arena, E400000, "More than %d attributes in one XML element.",
                         DOC_MEMBERS_MOST);
    struct reader r = {.arena = arena, .limits = limits, .fault = fault};
    r.open = arena_alloc(arena, limits->depth * sizeof(struct el *));
    buf_init(&r.text, arena, text.len + 1); /* references only shrink */
    err = parse(&r, &text);
    if (err == E_OK)
        *root_r = r.root;
    return err;
}

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
