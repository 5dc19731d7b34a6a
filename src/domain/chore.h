/* chore: what one node does for all of them, now and then, as a row of the repository
 * says: who is at it, and when it was last done. A node that dies at it is followed once
 * its lease has run out, or at once where no other node writes here. */
#ifndef EASEL_DOMAIN_CHORE_H
#define EASEL_DOMAIN_CHORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

struct tx;

struct chore {
    const char *name;
    const char *node; /* who asks: a LUID of its own */
    int64_t every_ms; /* from the end of one turn to the next */
    int64_t lease_ms; /* for which a node may be silent */
};

/* Reads only: whether it is time, and nobody is at it. */
bool chore_is_due(struct tx *tx, const struct chore *chore);
/* Begins it: *mine_r false where it is not due, or another node was faster. */
enum err chore_begin(struct tx *tx, const struct chore *chore, bool *mine_r);
/* Goes on with it: *mine_r false where it was taken away. */
enum err chore_go_on(struct tx *tx, const struct chore *chore, bool *mine_r);
/* Ends it; not done: it stays due. */
enum err chore_end(struct tx *tx, const struct chore *chore, bool done);

#endif
