/* visible_priv: what visible.c asks of visible_decide.c. */
#ifndef EASEL_DOMAIN_VISIBLE_PRIV_H
#define EASEL_DOMAIN_VISIBLE_PRIV_H

#include "domain/visible.h"

/* Decides on every item of the type on the actor's site: the serials of those that
 * the actor may read, ascending, for the caller to free(). */
enum err visible_decide(struct tx *tx, const struct actor *actor, enum content_type type,
                        int64_t **serials_r, size_t *count_r);

#endif
