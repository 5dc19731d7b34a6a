/* upload: files that come in pieces before they are published. A session belongs to
 * the user who began it; pieces are blobs, in the order of the numbers that their sender
 * gave them (who may then send several at a time), or else in that in which they came. */
#ifndef EASEL_DOMAIN_UPLOAD_H
#define EASEL_DOMAIN_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct actor;
struct blob;
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
                       const struct blob *blob, struct upload *upload_r);
/* The pieces' blobs in order, in tx->arena: stored_at is told of the fresh ones alone.
 * E400000 where a piece between two others, or before them all, did not come; the first may
 * be numbered 0 or 1. E404015 where it ended since it was asked for. */
enum err upload_pieces(struct tx *tx, const struct upload *upload, struct blob **pieces_r,
                       size_t *count_r);
/* Once it is published: of several transactions that publish it, one ends it, and the others
 * get E404015. It names its pieces no more once that is committed; the fresh ones are told. */
enum err upload_end(struct tx *tx, const char *id, struct blob **pieces_r, size_t *count_r);
enum { UPLOAD_SWEPT_MOST = 256 };
/* Sessions to which nothing came since `before` are gone. The same of their pieces, up to
 * UPLOAD_SWEPT_MOST of them. */
enum err upload_sweep(struct tx *tx, int64_t before, struct blob **pieces_r, size_t *count_r);

#endif
