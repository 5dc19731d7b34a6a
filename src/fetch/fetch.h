/* fetch: the one door outward. One bounded, guarded GET.
 *
 * https, or http where the guard allows it. Addresses are judged as they are
 * connected to, after the name was resolved and on each hop, so no name and no
 * redirect leads to one that is not admitted. Redirects are followed within one
 * origin (scheme, host, port) and a few times only. No proxies, cookies,
 * credentials or environment variables play a part. Time, head and body are
 * bounded. Blocks: never call it on an event loop. Thread-safe.
 *
 * It does not know what is fetched, or why. */
#ifndef EASEL_FETCH_FETCH_H
#define EASEL_FETCH_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/networks.h"

struct arena;

struct fetch_guard {
    bool plain_http;          /* http too */
    struct networks networks; /* that may be connected to beside the public ones */
    const char *ca_file;      /* PEM, in place of the system's; NULL or "": the system's */
    int64_t timeout_ms;       /* for everything */
    size_t max_bytes;         /* of the body */
    const bool *stop;         /* atomic; true ends what is under way; may be NULL */
};

struct fetch_answer {
    const char *why; /* NULL: an answer came; else what went wrong, printable */
    int status;
    const char *type;  /* Content-Type as sent, or "" */
    char *body;        /* a NUL follows */
    size_t len;        /* of the body */
    int64_t max_age_s; /* as the answer's head says (Cache-Control, Expires); -1: it says nothing */
    unsigned redirects;  /* that were followed */
    const char *address; /* that was connected to, or "" */
};

/* Fetches `url`; the answer lives in `arena`. An answer of any status is one.
 * True where why is NULL. */
bool fetch_get(const struct fetch_guard *guard, struct arena *arena, const char *url,
               struct fetch_answer *answer_r);

/* What is wrong with a URL before it is fetched, or NULL: its form, its scheme, a
 * user's name in it. */
const char *fetch_url_fault(const char *url, bool plain_http);

#endif
