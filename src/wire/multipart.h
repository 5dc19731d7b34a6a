/* multipart: bodies of several parts (multipart/mixed, multipart/form-data).
 *
 * Parts are found by the `name` in their Content-Disposition, with or without
 * "form-data" in front and with or without quotes, in whatever order they come
 * (RFC 2046 section 5.1, RFC 7578). A part is asked for its bytes by part_bytes
 * alone, so that one day it may lie in a file. Pure; the input is hostile. */
#ifndef EASEL_WIRE_MULTIPART_H
#define EASEL_WIRE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"

struct arena;

struct part {
    const char *name;
    const char *filename; /* filename*, where it is in UTF-8, else filename; NULL: none given */
    const char *type;     /* Content-Type; NULL: none was given */
    const char *bytes;    /* of the body that was read; ask part_bytes */
    size_t len;
    const struct part *next;
};

struct multipart_limits {
    size_t parts;   /* 16 */
    size_t headers; /* bytes of the headers of one part; 4096 */
};
extern const struct multipart_limits multipart_limits_default;

/* Reads a whole body; parts point into it, the rest lives in the arena. content_type
 * is the header of the request (NULL: none). E400000 with a detail that says what
 * and where: not multipart, no boundary, a part without a name or with one that
 * occurred before, an encoding that is not the bytes themselves, a body that ends
 * before its closing boundary, more than the limits admit. */
enum err multipart_read(struct arena *arena, const char *content_type, const char *bytes,
                        size_t len, const struct multipart_limits *limits,
                        const struct part **parts_r, struct fault *fault);
/* The same for a body that is a file mapped into memory: pages that were looked at are
 * given back to the system on the way, so that a body of gigabytes takes a few MiB. */
enum err multipart_read_mapped(struct arena *arena, const char *content_type, const char *bytes,
                               size_t len, const struct multipart_limits *limits,
                               const struct part **parts_r, struct fault *fault);
/* NULL where there is none. */
const struct part *part_find(const struct part *parts, const char *name);
const char *part_bytes(const struct part *part, size_t *len_r);

#endif
