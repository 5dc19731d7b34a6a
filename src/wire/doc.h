/* doc: one small tree for every document, whether XML or JSON.
 *
 * An element has attributes, text and children. How the two forms correspond
 * is decided by wire/xml.c, json_read.c and json_write.c and nowhere else:
 *   - attributes and children alike become members of a JSON object;
 *   - an element that may repeat is an array under its own name, also for one
 *     item (doc_item makes such children); a wrapper without items is {};
 *   - an element with text alone is a string (or boolean, number) member; text
 *     beside attributes becomes "value";
 *   - kinds: boolean -> true/false, DOC_NUMBER -> number, everything else,
 *     counts of xs:integer types included, -> string.
 *
 * All nodes live in the arena of the document and end with it. */
#ifndef EASEL_WIRE_DOC_H
#define EASEL_WIRE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct arena;
struct buf;

enum doc_kind { DOC_STRING, DOC_BOOL, DOC_NUMBER };

struct attr {
    const char *name;
    const char *value;
    enum doc_kind kind;
    struct attr *next;
};

struct el {
    const char *name;
    const char *text; /* NULL: none */
    enum doc_kind text_kind;
    bool item; /* one of several: a JSON array member */
    struct attr *attrs, *last_attr;
    struct el *children, *last_child, *next;
    struct arena *arena;
};

/* ---- building. Names must be literals or live in the arena; values are copied. */
struct el *doc_new(struct arena *arena, const char *root); /* "tsResponse" */
struct el *doc_child(struct el *parent, const char *name); /* occurs once */
struct el *doc_item(struct el *parent, const char *name);  /* may repeat */
/* Attributes; a NULL value adds nothing. */
void doc_attr(struct el *el, const char *name, const char *value);
void doc_attr_bool(struct el *el, const char *name, bool value);
void doc_attr_count(struct el *el, const char *name,
                    int64_t value); /* xs:integer family: JSON string */
void doc_attr_number(struct el *el, const char *name,
                     int64_t value);                             /* xs:int, xs:long: JSON number */
void doc_attr_time(struct el *el, const char *name, int64_t at); /* 2021-08-10T18:46:30Z */
/* Children that hold text alone; a NULL value adds nothing. */
struct el *doc_text(struct el *parent, const char *name, const char *value);
void doc_text_bool(struct el *parent, const char *name, bool value);
void doc_text_time(struct el *parent, const char *name, int64_t at);
struct el *doc_item_text(struct el *parent, const char *name, const char *value);
void doc_set_text(struct el *el, const char *value);

/* ---- reading. All accept el == NULL and then find nothing. */
const struct el *doc_find(const struct el *el, const char *child); /* first child of that name */
const struct el *doc_next(const struct el *el); /* next sibling of the same name */
/* The attribute, else the text of the first child of that name: "" for a child
 * with nothing in it, NULL for one that is not text, and where there is neither. */
const char *doc_get(const struct el *el, const char *name);
/* "true"/"false"/"1"/"0" in any case. False if present and none of these. */
bool doc_get_bool(const struct el *el, const char *name, bool *present_r, bool *value_r);
/* All values of that name in order: the attribute, then the text of each child,
 * so that a list reads alike from XML children, a JSON array and the one scalar
 * that a client sends where a list is expected. Children that are not text are
 * passed over. The array (NULL for none) lives in `arena`; returns its length. */
size_t doc_values(const struct el *el, const char *name, struct arena *arena,
                  const char ***values_r);

/* ---- parsing, of hostile bytes.
 * The answer is the root element ("tsRequest"; for JSON it stands for the top
 * object). Namespaces are dropped: http://tableau.com/api, the older
 * http://tableausoftware.com/api and none are accepted, others refused.
 * Both readers refuse what the other form could not say: text beside elements,
 * control characters that XML cannot hold, arrays within arrays. XML attributes
 * with a prefix are dropped, and so is white space beside elements; members that
 * are null are absent, {"tsRequest": {...}} is taken for {...}.
 * Errors: E400000 with a detail that says what and where, never echoing more
 * than 40 bytes of input, and no values at all. *root_r is set on E_OK alone. */
struct doc_limits {
    size_t depth; /* elements within elements; 64 */
    size_t nodes; /* elements and attributes in all; 100000 */
};
extern const struct doc_limits doc_limits_default;

enum err xml_read(struct arena *arena, const char *bytes, size_t len,
                  const struct doc_limits *limits, struct el **root_r, struct fault *fault);
enum err json_read(struct arena *arena, const char *bytes, size_t len,
                   const struct doc_limits *limits, struct el **root_r, struct fault *fault);
/* JSON whose top is an array: its members are items of that name (a literal) below the
 * root; null is none. */
enum err json_read_list(struct arena *arena, const char *bytes, size_t len, const char *name,
                        const struct doc_limits *limits, struct el **root_r, struct fault *fault);

/* ---- writing.
 * XML: prolog, the root with namespace and schemaLocation naming
 * ts-api_<version with _>.xsd, e.g. version "3.29" -> ts-api_3_29.xsd.
 * Characters that XML 1.0 cannot hold are replaced by U+FFFD.
 * JSON: the root's members, no white space. */
void xml_write(struct buf *out, const struct el *root, const char *version);
void json_write(struct buf *out, const struct el *root);

#endif
