/* method: THE TABLE as the dispatcher uses it: rows with their handlers, gates
 * and a tree of paths. Immutable once made; thread-safe. */
#ifndef EASEL_REST_METHOD_H
#define EASEL_REST_METHOD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "rest/path.h"
#include "tbl/methods.h"

struct call;
struct router;

/* Where a handler starts. */
enum starts {
    STARTS_READING, /* on the event loop where reads are local, else on a reader */
    STARTS_WRITING, /* inside the write transaction */
    STARTS_SLOWLY   /* on the blocking lane, without the repository, where the body is read
                     * too: for bodies that take long to read. Goes on by call_next */
};

/* A function of rest/<category>.c, with what the dispatcher must know of it. */
struct handler {
    enum err (*run)(struct call *call);
    enum starts starts;
    /* The answer depends on the repository, the caller and the URI alone, and holds
     * no secret: it may be kept for the caller while the repository stands still. */
    bool keeps;
};

/* Who gets past the dispatcher; what is left to decide is domain/'s. */
enum gate { GATE_ANYONE, GATE_USER, GATE_SITE_ADMIN, GATE_SERVER_ADMIN };

enum { PARAMS_MOST = 6 };

struct method {
    const struct method_row *row;
    size_t number; /* in the table; the bit of its scopes */
    const struct handler *handler;
    enum gate gate;
    enum err refusal; /* of the gate: E403000 or E403032 where the row lists it, else E403004 */
    /* How a body is refused that can't be understood, is too large, or finds a full disk. */
    enum err malformed, too_large, full;
    bool needs_no_scope; /* "none" */
    int since;           /* VERSION() */
    bool has_parts;      /* the request is multipart/mixed */
    bool on_site;        /* the path begins with /sites/{site-id}/, below a version or /api/exp */
    const char *select_name, *select_value; /* selecting query, or NULL */
    const char *param_names[PARAMS_MOST];   /* in the order of the path */
    size_t param_count;
};

struct route {
    const struct method *method; /* NULL: see the others */
    bool path_known;             /* the path exists in this version, with another verb */
    const char *params[PARAMS_MOST];
};

struct router *router_new(void);
void router_free(struct router **router);
/* Finds the routed method for verb and segments (after /api/{version}). */
void router_find(const struct router *router, const char *verb, const char *const *segments,
                 size_t count, const struct query *query, int version, struct route *route_r);

#endif
