/* fault: the one way to fail.
 *
 * A function that can refuse returns `enum err`: E_OK, or a row of the error
 * table (tbl/errors.def).  What is particular to the case travels in a
 * `struct fault`, valid only on failure: the detail for the wire and, where a
 * check refused, which check, what it expected and what it found.  Only the
 * dispatcher turns these into a status and a document. */
#ifndef EASEL_BASE_FAULT_H
#define EASEL_BASE_FAULT_H

#include <stddef.h>

#include "tbl/errors.h"

struct arena;

/* Where in a document something is wrong. */
struct fault_place {
    int line, column;    /* from 1; 0: not known */
    const char *element; /* the innermost open one, or NULL */
};

struct fault {
    enum err err;
    const char *detail;              /* for the wire; never a secret */
    const char *check;               /* name of the check that refused, or NULL */
    const char *expected;            /* what it wanted, or NULL */
    const char *found;               /* what it got, or NULL; never a secret */
    const struct fault_place *place; /* NULL where the detail is of no document */
};

/* Fills *fault (detail printed into `arena`) and returns err, so that a refusal
 * reads `return fault_set(f, arena, E404005, "...", ...)`. */
enum err fault_set(struct fault *fault, struct arena *arena, enum err err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Text of a file or a request made fit to stand in an error: at most 80 bytes, whole
 * characters, controls and broken UTF-8 as '?', "..." where it was cut. */
const char *fault_echo(struct arena *arena, const char *text, size_t len);

#endif
