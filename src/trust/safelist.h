/* safelist: the domain allowlist of a connected app. Pure.
 *
 * Entries are separated by spaces; one entry is an optional scheme (http,
 * https), a host and an optional port. *.host covers every subdomain; a port
 * of * means any. No path, query, fragment or user part. Section 6.2 of the
 * trust specification. */
#ifndef EASEL_TRUST_SAFELIST_H
#define EASEL_TRUST_SAFELIST_H

#include <stdbool.h>
#include <stddef.h>

enum { SAFELIST_MOST = 8192 }; /* bytes of a whole list */

/* True where every entry is well-formed; else *bad_r and *bad_len_r mark the
 * first that is not. */
bool safelist_valid(const char *list, const char **bad_r, size_t *bad_len_r);

#endif
