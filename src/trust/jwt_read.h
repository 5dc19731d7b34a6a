/* jwt_read: takes a compact JWS apart and picks out what is known of header and
 * payload. The syntax only: what the values mean is checked in jwt.c. Pure. */
#ifndef EASEL_TRUST_JWT_READ_H
#define EASEL_TRUST_JWT_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "trust/jwt.h"

enum { JWT_PARTS = 3, JWT_PARTS_JWE = 5 };

struct jwt_reading { /* what struct jwt has no room for */
    size_t part_count;
    const char *payload_iss;
    const char *expected, *found; /* where reading failed: the words for the verdict */
};

/* Fills *jwt_r (cleared by the caller) from the token. Of five parts, an
 * encrypted token (JWE), nothing is read: that is for SIGNED to say. */
bool jwt_read(struct arena *arena, const char *token, size_t len, struct jwt *jwt_r,
              struct jwt_reading *reading_r);

#endif
