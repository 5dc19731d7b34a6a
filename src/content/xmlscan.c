/* xmlscan.c: see xmlscan.h. libxml2's SAX interface, which pulls bytes through
 * fill(); that is where their number and the crowding of tags are bounded,
 * before the parser sees them. */
#include "content/xmlscan.h"

#include <libxml/SAX2.h>
#include <libxml/dict.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"

/* libxml2 keeps each different name of elements and attributes, in a table that
 * stops growing at 16384 rows. Documents of the field have some hundreds. */
enum { NAMES_MAX = 512 << 10 }; /* bytes */
enum { NAMESPACES_MAX = 16, LEVELS_MAX = 256, ENCODING_ROOM = 40, DECLARATION_ROOM = 256 };

static const char BEHIND_THE_END[] = "something follows the end of the document";

/* Where the scan for crowded tags stands between two blocks. */
struct tags {
    bool inside;
    char quote;
    size_t attributes, len;
};

struct xmlscan {
    struct arena *arena;
    const struct content_limits *limits;
    content_source *source;
    void *from;
    const char *what;
    const struct xmlscan_handler *handler;
    void *context;
    xmlParserCtxtPtr parser;
    const xmlChar **attrs; /* of the element being opened */
    int attr_count;
    size_t depth, skipped;              /* skipped: open elements that nobody cares about */
    unsigned char declared[LEVELS_MAX]; /* namespaces, by each open element */
    size_t namespaces;                  /* in all of them */
    bool seen_root;
    uint64_t bytes;
    size_t kept;
    struct tags tags;
    enum err err; /* the first refusal */
    struct fault *fault;
};

static void refuse_at(struct xmlscan *s, int line, int column, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

static void refuse_at(struct xmlscan *s, int line, int column, const char *format, va_list args)
{
    if (s->err != E_OK)
        return;
    char *why = arena_vprintf(s->arena, format, args);
    struct fault_place *place = arena_alloc(s->arena, sizeof *place);
    const char *open = s->parser ? (const char *)s->parser->name : NULL;
    *place = (struct fault_place){line, column, arena_strdup(s->arena, open)};
    s->err = fault_set(s->fault, s->arena, E400011, "%s, line %d, column %d: %s.", s->what, line,
                       column, why);
    s->fault->found = why;
    s->fault->place = place;
}

void xmlscan_refuse(struct xmlscan *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    refuse_at(s, xmlSAX2GetLineNumber(s->parser), xmlSAX2GetColumnNumber(s->parser), format, args);
    va_end(args);
}

static void refuse_line(struct xmlscan *s, int line, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void refuse_line(struct xmlscan *s, int line, int column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    refuse_at(s, line, column, format, args);
    va_end(args);
}

void xmlscan_count_kept(struct xmlscan *s, size_t len)
{
    s->kept += len;
    if (s->kept > s->limits->kept)
        xmlscan_refuse(s, "names, formulas and descriptions have more than %zu bytes in all",
                       s->limits->kept);
}

/* ---- variants of features */

/* The plain name behind any number of feature prefixes; NULL: a false variant. */
static const char *plain_name(const char *name)
{
    while (strncmp(name, "_.fcp.", 6) == 0) {
        const char *dots = strstr(name, "...");
        if (!dots || dots - name < 11)
            return name;
        if (strncmp(dots - 6, ".false", 6) == 0)
            return NULL;
        if (strncmp(dots - 5, ".true", 5) != 0)
            return name;
        name = dots + 3;
    }
    return name;
}

/* ---- attributes: libxml2 gives each as local name, prefix, URI, value, its end */

static const xmlChar **find_attr(struct xmlscan *s, const char *name)
{
    const xmlChar **found = NULL;
    for (int i = 0; i < s->attr_count; i++) {
        const xmlChar **attr = s->attrs + 5 * i;
        const char *own = (const char *)attr[0];
        if (attr[1])
            continue;
        if (*own != '_') {
            if (strcmp(own, name) == 0 && !found)
                found = attr;
            continue;
        }
        const char *plain = plain_name(own);
        if (plain && strcmp(plain, name) == 0)
            found = attr; /* the variant wins over the plain form */
    }
    return found;
}

/* Without entity replacement libxml2 leaves every ampersand of an attribute
 * value, however it was written, as "&#38;", and no other reference. */
static char *plain_text(char *value)
{
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

const char *xmlscan_attr(struct xmlscan *s, const char *name)
{
    const xmlChar **attr = find_attr(s, name);
    if (!attr)
        return NULL;
    xmlscan_count_kept(s, (size_t)(attr[4] - attr[3]) + 1);
    return plain_text(arena_strndup(s->arena, (const char *)attr[3], (size_t)(attr[4] - attr[3])));
}

bool xmlscan_peek(struct xmlscan *s, const char *name, struct buf *into)
{
    const xmlChar **attr = find_attr(s, name);
    into->len = 0;
    into->full = false;
    buf_add(into, attr ? attr[3] : NULL, attr ? (size_t)(attr[4] - attr[3]) : 0);
    if (!into->full)
        into->len = strlen(plain_text(into->bytes));
    return attr != NULL;
}

bool xmlscan_attr_is(struct xmlscan *s, const char *name, const char *value)
{
    const xmlChar **attr = find_attr(s, name);
    size_t len = strlen(value);
    return attr && (size_t)(attr[4] - attr[3]) == len && memcmp(attr[3], value, len) == 0;
}

bool xmlscan_attr_true(struct xmlscan *s, const char *name)
{
    return xmlscan_attr_is(s, name, "true") || xmlscan_attr_is(s, name, "1");
}

/* ---- events */

/* libxml2 looks a prefix up in the list of all that are declared around it. */
static bool enter_namespaces(struct xmlscan *s, int namespaces)
{
    s->namespaces += (size_t)namespaces;
    if (s->depth > LEVELS_MAX || s->namespaces > NAMESPACES_MAX) {
        xmlscan_refuse(s, "more than %d namespaces in one place", NAMESPACES_MAX);
        return false;
    }
    s->declared[s->depth - 1] = (unsigned char)namespaces;
    return true;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespaces, const xmlChar **namespace_list, int n_attrs, int n_defaulted,
                     const xmlChar **attrs)
{
    (void)uri, (void)namespace_list, (void)n_defaulted;
    struct xmlscan *s = context;
    if (s->err != E_OK)
        return;
    s->seen_root = true;
    if (++s->depth > s->limits->depth) {
        xmlscan_refuse(s, "more than %zu elements within each other", s->limits->depth);
        return;
    }
    if (!enter_namespaces(s, namespaces))
        return;
    const char *plain = s->skipped || prefix ? NULL : (const char *)name;
    if (plain && *plain == '_')
        plain = plain_name(plain);
    s->attrs = attrs;
    s->attr_count = n_attrs;
    if (!plain || !s->handler->open(s->context, s, plain))
        s->skipped++;
    s->attr_count = 0;
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    (void)name, (void)prefix, (void)uri;
    struct xmlscan *s = context;
    if (s->err != E_OK)
        return;
    s->namespaces -= s->declared[--s->depth];
    if (s->skipped)
        s->skipped--;
    else
        s->handler->close(s->context, s);
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct xmlscan *s = context;
    if (s->err == E_OK && !s->skipped && s->depth)
        s->handler->text(s->context, s, (const char *)text, (size_t)len);
}

/* Called on any document type declaration, before its inside is read. */
static void on_doctype(void *context, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    xmlscan_refuse(context, "a document type declaration is not accepted");
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

/* Undeclared prefixes are let pass: tools leave "user:" behind without its
 * declaration, and names with a prefix are not looked at. */
static void on_error(void *context, xmlErrorPtr error)
{
    struct xmlscan *s = context;
    if (error->level < XML_ERR_ERROR || error->code == XML_NS_ERR_UNDEFINED_NAMESPACE)
        return;
    const char *cause = s->seen_root && s->depth == 0 && error->code == XML_ERR_DOCUMENT_END
                            ? BEHIND_THE_END
                            : cause_of(error->code);
    refuse_line(s, error->line, error->int2, "%s", cause);
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

/* ---- bytes on their way to the parser */

/* libxml2 compares each attribute of an element with all others of it, and keeps
 * a tag whole: both are bounded here. Every '<' counts as the start of a tag,
 * within comments too: too strict there beats an order in which scan and parser
 * could be brought to disagree. */
static void scan_tags(struct xmlscan *s, const char *p, const char *end)
{
    struct tags *t = &s->tags;
    while (p < end) {
        if (!t->inside) {
            p = memchr(p, '<', (size_t)(end - p));
            if (!p)
                return;
            p++;
            *t = (struct tags){.inside = true};
        }
        const char *start = p;
        for (; p < end && *p != '<' && (t->quote || *p != '>'); p++) {
            if (t->quote)
                t->quote = *p == t->quote ? '\0' : t->quote;
            else if (*p == '"' || *p == '\'')
                t->quote = *p;
            else if (*p == '=')
                t->attributes++;
        }
        t->len += (size_t)(p - start);
        if (t->attributes > s->limits->attributes)
            xmlscan_refuse(s, "more than %zu attributes in one element", s->limits->attributes);
        if (t->len > s->limits->tag)
            xmlscan_refuse(s, "a tag of more than %zu bytes", s->limits->tag);
        if (s->err != E_OK)
            return;
        if (p < end)
            t->inside = false; /* a '<' starts the next round */
        if (p < end && *p == '>')
            p++;
    }
}

static bool xml_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The encoding that the XML declaration names, or NULL. Whatever it says, the
 * parser takes the bytes for UTF-8; this is for the sentence. */
static const char *declared(const char *text, size_t len, char out[ENCODING_ROOM])
{
    char head[DECLARATION_ROOM];
    size_t n = len < sizeof(head) - 1 ? len : sizeof(head) - 1;
    memcpy(head, text, n);
    head[n] = '\0';
    char *end = strstr(head, "?>");
    if (strncmp(head, "<?xml", 5) != 0 || !end)
        return NULL;
    *end = '\0';
    const char *at = strstr(head, "encoding");
    at = at ? strpbrk(at, "\"'") : NULL;
    if (!at)
        return NULL;
    const char quote[] = {*at, '\0'};
    n = strcspn(at + 1, quote);
    n = n < ENCODING_ROOM - 1 ? n : ENCODING_ROOM - 1;
    memcpy(out, at + 1, n);
    out[n] = '\0';
    return out;
}

/* The product writes UTF-8. Any other encoding is refused rather than converted:
 * the scan for crowded tags, and every limit in bytes, would mean nothing. */
static void check_start(struct xmlscan *s, const char *text, size_t len)
{
    char name[ENCODING_ROOM];
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        len -= 3;
    }
    if (len >= 2 && ((text[0] == '<' && text[1] == '\0') || memcmp(text, "\xFF\xFE", 2) == 0 ||
                     memcmp(text, "\xFE\xFF", 2) == 0 || text[0] == '\0')) {
        xmlscan_refuse(s, "the encoding is not UTF-8");
        return;
    }
    while (len && xml_space(*text)) {
        text++;
        len--;
    }
    if (!len || *text != '<')
        xmlscan_refuse(s, "expected XML, found something else");
    else if (declared(text, len, name) && strcasecmp(name, "utf-8") != 0 &&
             strcasecmp(name, "us-ascii") != 0)
        xmlscan_refuse(s, "the encoding '%s' is not read; expected UTF-8",
                       fault_echo(s->arena, name, strlen(name)));
}

/* Called by the parser for more bytes. -1 makes it stop. */
static int fill(void *context, char *out, int room)
{
    struct xmlscan *s = context;
    if (s->err != E_OK)
        return -1;
    ptrdiff_t n = s->source(s->from, out, (size_t)room, s->fault);
    if (n < 0) {
        s->err = s->fault->err;
        return -1;
    }
    if (n && !s->bytes)
        check_start(s, out, (size_t)n);
    s->bytes += (uint64_t)n;
    if (s->bytes > s->limits->document)
        xmlscan_refuse(s, "the document has more than %llu bytes",
                       (unsigned long long)s->limits->document);
    scan_tags(s, out, out + n);
    return s->err == E_OK ? (int)n : -1;
}

/* libxml2 asks to be initialized before threads use it. */
static void parser_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, xmlInitParser);
}

/* Behind the root element libxml2 takes a NUL for the end of its input. */
static void check_rest(struct xmlscan *s)
{
    char more;
    const xmlParserInput *input = s->parser->input;
    if (s->err == E_OK && (input->cur < input->end || fill(s, &more, 1) != 0))
        xmlscan_refuse(s, "%s", BEHIND_THE_END);
}

static enum err parse(struct xmlscan *s)
{
    /* libxml2 writes to its copy of the handler alone */
    xmlSAXHandler sax = handler;
    parser_init();
    s->parser = xmlCreateIOParserCtxt(&sax, s, fill, NULL, s, XML_CHAR_ENCODING_NONE);
    if (!s->parser) {
        if (s->err != E_OK)
            return s->err;
        return fault_set(s->fault, s->arena, E500000, "The XML parser could not be started.");
    }
    /* the bytes are UTF-8, whatever was declared; lines beyond 65535 are told too */
    xmlCtxtUseOptions(s->parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_BIG_LINES);
    xmlDictSetLimit(s->parser->dict, NAMES_MAX);
    xmlParseDocument(s->parser);
    if (s->err == E_OK && (!s->parser->wellFormed || !s->seen_root || s->depth))
        xmlscan_refuse(s, "not well-formed");
    check_rest(s);
    if (s->parser->myDoc)
        xmlFreeDoc(s->parser->myDoc);
    xmlFreeParserCtxt(s->parser);
    s->parser = NULL;
    return s->err;
}

enum err xmlscan_run(struct arena *arena, const struct content_limits *limits,
                     content_source *source, void *from, const char *what,
                     const struct xmlscan_handler *handler_, void *context, struct fault *fault)
{
    struct xmlscan s = {
        .arena = arena,
        .limits = limits,
        .source = source,
        .from = from,
        .what = what,
        .handler = handler_,
        .context = context,
        .fault = fault,
    };
    return parse(&s);
}
