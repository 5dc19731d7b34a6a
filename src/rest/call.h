/* call: one request on its way, and what a handler does with it.
 *
 * A handler reads call->in, asks domain/ or trust/ with &call->tx, writes under
 * call->out, and returns E_OK or what the function it asked returned. It may
 * instead name a next step to run on another lane (call_next). */
#ifndef EASEL_REST_CALL_H
#define EASEL_REST_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/actor.h"
#include "domain/capability.h"
#include "domain/list.h"
#include "http/http.h"
#include "rest/method.h"
#include "rest/path.h"
#include "rest/rest.h"
#include "store/lane.h"
#include "store/tx.h"
#include "trust/record.h"
#include "trust/scope.h"
#include "trust/session.h"
#include "wire/doc.h"
#include "wire/multipart.h"

/* Who is signed in: a session, its user and its scopes; immutable, shared. */
struct caller;

/* An answer that lies in a file: a part of it, and where that begins. */
struct call_file {
    struct http_part part;
    const char *type, *etag;
    int fd;
    uint64_t offset;
    bool set;
};

/* Blobs that go once the call has ended in some way. */
struct call_blob {
    struct blob blob;
    struct call_blob *next;
};

struct call {
    struct lane_job job; /* first: a job is its call */
    struct rest *rest;
    const struct rest_config *config;
    const struct rest_tuning *tuning; /* as it was when the request came */
    struct http_request *http;
    struct tx tx;
    const struct method *method;
    const char *params[PARAMS_MOST];
    struct query query;
    int version; /* VERSION() of the URI */
    const char *version_text;
    bool json;           /* the answer's form */
    bool fleeting;       /* the answer is not kept, though its handler keeps: set by that */
    const struct el *in; /* root of the request document; NULL where there is none */
    struct {
        int fd; /* the file that `bytes` are mapped from; -1: they are in memory */
        const char *bytes;
        size_t len;
    } body;
    const struct part *parts;      /* of a multipart body, whose request_payload is `in` */
    struct el *out;                /* root of the answer */
    int status;                    /* of success; from the row, a handler may change it */
    struct caller *caller;         /* NULL where nobody is signed in */
    const struct session *session; /* of the caller */
    const struct actor *actor;
    enum err (*step)(struct call *call); /* what runs now */
    enum err (*next)(struct call *call); /* set by call_next */
    enum lane next_lane;
    enum err (*after_looks)(struct call *call); /* set by call_after_looks */
    void (*committed)(struct call *call);       /* set by a step that writes: after its commit */
    void (*wait)(struct call *call);            /* set by call_wait */
    void *state;                                /* a handler's own, from step to step */
    enum err err;                               /* how it ended */
    struct event event;                         /* about this call, for the record */
    bool record_it; /* a sign-in or sign-out: recorded also when it went well */
    bool recorded;
    struct call_file file; /* an answer out of a file, instead of out */
    const char *answer;    /* a body made by the handler itself, instead of out */
    size_t answer_len;     /* 0: it is text, up to its NUL */
    const char *answer_type;
    struct call_blob *stored; /* by it: go where it is refused (rest/blobs.h) */
    struct call_blob *spent;  /* go where it is not */
};

/* A path parameter by its name in the table; "" where there is none. */
const char *call_param(const struct call *call, const char *name);
/* Continues with `step` on that lane after this one returns E_OK. */
enum err call_next(struct call *call, enum lane lane, enum err (*step)(struct call *call));
/* Continues with `step` on LANE_READ once something outside of the lanes is done:
 * after this step has returned E_OK `begin` is called, with nothing of the call in
 * use any more. It arranges for call_resume, which may come from any thread, once,
 * even before `begin` returns; so it touches the call no more after that. */
enum err call_wait(struct call *call, void (*begin)(struct call *call),
                   enum err (*step)(struct call *call));
void call_resume(struct call *call);
/* The child `name` of the request document; E400000 where the body is missing or
 * holds none. */
enum err call_element(struct call *call, const char *name, const struct el **el_r);
/* The part `name` of the body; E400000 where there is none. */
enum err call_part(struct call *call, const char *name, const struct part **part_r);
/* The text of attribute or child `name`, or NULL. */
#define call_get(el, name) doc_get((el), (name))
/* Reads pageNumber, pageSize, filter and sort of the query. */
enum err call_list(struct call *call, const struct list_field *fields, size_t count,
                   struct list_request *list_r);
/* Writes the pagination element. */
void call_pagination(struct call *call, const struct list_request *list, int64_t total);
/* The caller looked at that workbook or view: noted for Get Recently Viewed, and counted
 * (recents.c).
 * A handler that says so must not let its answers be kept. */
void call_viewed(struct call *call, enum content_type type, const char *id);

/* Continues with `step`, once the looks that the caller had here are written, which may
 * take a commit; the others are within a second. For answers that tell usage. */
enum err call_after_looks(struct call *call, enum err (*step)(struct call *call));
/* The same where the answer tells usage, and then it is not kept; else nothing is waited
 * for. */
enum err call_with_usage(struct call *call, bool tells_usage, enum err (*step)(struct call *call));

/* Whether the session is by a JWT with that scope. For what the table can't say of a method;
 * whether it is admitted at all was asked before. */
bool call_has_scope(const struct call *call, const char *name);
/* E401002, as for a method that no scope of the session's admits; `expected`: which would. */
enum err call_refuse_scope(struct call *call, const char *expected);

/* "host:port" of this server, as the caller wrote it, and "http://host:port". */
const char *call_host(struct call *call);
const char *call_origin(struct call *call);

/* ---- for dispatch.c and the files that end a call by themselves */
void call_reply(struct call *call);

/* callers.c: the signed-in caller of a token, from memory where the repository
 * did not change. NULL where the token is no good. Release with caller_release. */
struct callers;
struct visible_cache;
struct callers *callers_new(struct lanes *lanes, const struct scopes *scopes,
                            struct visible_cache *visible);
void callers_free(struct callers **callers);
struct caller *callers_find(struct callers *callers, struct tx *tx, const char *token);
void caller_release(struct caller *caller);
const struct session *caller_session(const struct caller *caller);
const struct actor *caller_actor(const struct caller *caller);
const struct scope_set *caller_scopes(const struct caller *caller);
/* An answer kept for this caller under an absolute URI and form, copied into `arena`; NULL
 * where there is none. A caller lives no longer than a generation of the
 * repository, so neither do its answers. */
const char *caller_answer(const struct caller *caller, struct arena *arena, const char *path,
                          const char *query, bool json, size_t *len_r);
/* Keeps a copy, within bounds of number and size. */
void caller_keep(struct caller *caller, const char *path, const char *query, bool json,
                 const char *bytes, size_t len);

/* native.c: paths of our own, under /easel/v1/. */
void native_handle(struct rest *rest, struct http_request *request);

/* metrics.c */
struct metrics;
struct metrics *metrics_new(void);
void metrics_free(struct metrics **metrics);
void metrics_count(struct metrics *metrics, int status, int64_t duration_us);
void metrics_sign_in(struct metrics *metrics, bool ok);
struct buf;
void metrics_write(const struct metrics *metrics, struct buf *out);

/* dispatch.c, shared with native.c */
struct tuned {
    struct tuned *before;
    struct rest_tuning tuning;
};

struct rest {
    struct rest_config config;
    struct tuned *tuned; /* atomic; older ones are kept, since calls may use them */
    bool draining;       /* atomic */
    int large;           /* atomic: large bodies under way */
    struct router *router;
    struct callers *callers;
    struct metrics *metrics;
    struct known_cache *known; /* of sign-ins by JWT */
    struct pictures *pictures; /* previews of workbooks */
    int64_t started_at;
};

#endif
