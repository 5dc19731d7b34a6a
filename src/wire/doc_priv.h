/* doc_priv: what the readers and writers of wire share. For this folder alone. */
#ifndef EASEL_WIRE_DOC_PRIV_H
#define EASEL_WIRE_DOC_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/doc.h"

/* Appends without copying: both strings must live in the arena of `el`. */
struct attr *doc_attr_take(struct el *el, const char *name, const char *value);

/* Bytes of the character at `text` (1 to 4), 0 where it is not well-formed
 * UTF-8. The terminating NUL keeps it from reading past the end. */
size_t utf8_step(const char *text);
/* True where XML 1.0 can hold the character of `len` bytes at `text`. */
bool xml_char(const char *text, size_t len);

/* Attributes of an element, and members of an object. */
enum { DOC_MEMBERS_MOST = 256 };

/* True where there is nothing but white space. */
bool doc_blank(const char *bytes, size_t len);

/* At most EXCERPT_MAX bytes of input made fit to be read in an error: printable
 * ASCII, anything else a question mark, "..." where it was cut. */
enum { EXCERPT_MAX = 40, EXCERPT_ROOM = EXCERPT_MAX + 4 };
const char *doc_excerpt(const char *text, size_t len, char out[EXCERPT_ROOM]);

/* Bytes that belong to someone else. */
struct span {
    const char *bytes;
    size_t len;
};

/* Makes *text UTF-8 from what its byte order mark and XML declaration say, and
 * takes the mark away; E400000 where they disagree or the bytes do not fit. */
enum err charset_utf8(struct arena *arena, struct span *text, struct fault *fault);

#endif
