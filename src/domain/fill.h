/* fill: what other tables hold about the rows of a page, by one statement for each 500 of
 * them, as a statement takes no more parameters. */
#ifndef EASEL_DOMAIN_FILL_H
#define EASEL_DOMAIN_FILL_H

#include <stddef.h>

#include "base/fault.h"

struct stmt;
struct tx;

struct fill {
    const char *select; /* up to the ids: "SELECT <id>, ... WHERE <id> IN" */
    const char *tail;   /* what follows them: " ORDER BY ..." */
    size_t value_size;
    /* What a row of the statement says becomes part of the value. */
    void (*add)(struct tx *tx, struct stmt *stmt, void *value);
};

/* Rows of that size hold their id (const char *) and the value at these offsets. Values
 * begin as zeros. */
enum err fill(struct tx *tx, const struct fill *how, void *rows, size_t count, size_t row_size,
              size_t id_at, size_t value_at);

#endif
