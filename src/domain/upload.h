/* upload: files that come in pieces before they are published. A session belongs to
 * the user who began it; pieces are blobs, in the order of the numbers that their sender
 * gave them (who may then send several at a time), or else in that in which they came. */
#ifndef EASEL_DOMAIN_UPLOAD_H
#define EASEL_DOMAIN_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct actor;
struct tx;

struct upload {
    const char *id;
    int64_t size_bytes, pieces;
};

/* E403015 where the actor's site role may not publish. Asks no repository. */
enum err upload_may_begin(struct tx *tx, const struct actor *actor);
/* E403015 as above. */
enum err upload_begin(struct tx *tx, const struct actor *actor, struct upload *upload_r);
/* E404015 where it is no session of the actor; E403007 where the role may not publish. */
enum err upload_get(struct tx *tx, const struct actor *actor, const char *id,
                    struct upload *upload_r);
enum { UPLOAD_BEHIND = -1 }; /* as a number: behind the last piece that is there */

/* `number`: of the piece, 0 or more, or UPLOAD_BEHIND. The same piece may come again under
 * its number, as after a lost answer; E400000 where another one did. */
enum err upload_append(struct tx *tx, const struct actor *actor, const char *id, int64_t number,
                       const char *blob_id, int64_t size_bytes, struct upload *upload_r);
/* The pieces' blobs in order, in tx->arena. E400000 where a piece between two others, or
 * before them all, did not come; the first may be numbered 0 or 1. */
enum err upload_pieces(struct tx *tx, const struct upload *upload, const char ***blob_ids_r,
                       size_t *count_r);
/* Once it is published. */
enum err upload_end(struct tx *tx, const char *id);
/* Sessions to which nothing came since `before` are gone. */
enum err upload_sweep(struct tx *tx, int64_t before);

#endif
