/* blob_use: which rows name which blobs (store/blob.h). Every column that holds the id
 * of a blob has its place in blob_use.c: what is not named there is taken for
 * unreferenced by the checker and by the sweeper. */
#ifndef EASEL_DOMAIN_BLOB_USE_H
#define EASEL_DOMAIN_BLOB_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct blob;
struct tx;

/* Whether any row names the blob. */
enum err blob_is_used(struct tx *tx, const char *blob_id, bool *used_r);

enum { BLOB_USED_MOST = 32 };

/* The same of up to BLOB_USED_MOST at once. */
enum err blobs_are_used(struct tx *tx, const struct blob *blobs, size_t count, bool *used_r);

/* A blob as rows know it; least and most differ where they contradict each other. */
struct blob_use {
    const char *blob_id;
    int64_t least_bytes, most_bytes;
};

/* Blobs that rows name, each once, in the order of ids: those behind `after` ("" for
 * the first), `most` of them at most. */
enum err blob_uses(struct tx *tx, const char *after, size_t most, struct blob_use *uses_r,
                   size_t *count_r);

/* Tells each row that names the blob, as "revision 3 of the workbook 'Sales' (id) on the
 * site ''". False where the repository failed. */
bool blob_users(struct tx *tx, const char *blob_id, void (*tell)(void *context, const char *row),
                void *context);

#endif
