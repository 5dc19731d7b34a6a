/* http: sockets, requests and replies. The only folder that knows the HTTP
 * library (libmicrohttpd). It knows no REST.
 *
 * A few event-loop threads (epoll) read requests. When a request is complete
 * `handle` is called on such a thread; it answers with http_reply at once, or
 * later from any thread, exactly once. Everything taken from http_arena lives
 * until the answer was sent.
 *
 * Hostile clients: header block, request line and body are bounded. Closed are a
 * connection idle for `idle_timeout_ms`, a request that is not complete within
 * `request_timeout_ms` of its connection (the first) or of its request line (later
 * ones, whose line may take both spans), and an answer that is taken slower than
 * 16 bytes a millisecond beyond that. Connections are limited in all and for each
 * address. A request that waits for its answer has no time limit here.
 *
 * Refusals of this layer (413, 414, 431, 503) go through `refuse`, so that they
 * carry the caller's envelope. Three cannot: a slow request (there would be 408)
 * is cut off, as the library takes no answer before the request is whole; a head
 * larger than `header_limit` by more than some KiB gets the library's own 414 or
 * 431; and what is no HTTP gets 400 without `refuse`. A chunked body beyond its
 * limit is read for one more MiB at most, for the same reason, then cut off.
 *
 * Bodies are held in memory; keeping large ones on disk comes with uploads. */
#ifndef EASEL_HTTP_HTTP_H
#define EASEL_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct http_server;
struct http_request;

struct http_callbacks {
    void (*handle)(void *context, struct http_request *request);
    /* Most bytes a body may have, asked once the headers are in (NULL: config). */
    size_t (*body_limit)(void *context, struct http_request *request);
    /* Answers for this layer with http_reply before it returns; status is 413, 414,
     * 431 or 503. There may be no body and, for 414, no sensible path. */
    void (*refuse)(void *context, struct http_request *request, int status);
    /* After the answer was sent or the connection lost; status 0 for lost. For
     * logs and metrics; must not reply. Not called for a request whose headers
     * never came in, nor for one that is answered after http_server_stop. */
    void (*finished)(void *context, struct http_request *request, int status, size_t sent,
                     int64_t duration_us);
    void *context;
};

/* Where a number is 0 it is what the comment says. */
struct http_config {
    const char *listen;               /* HOST:PORT, [::1]:PORT, :PORT; port 0 picks one */
    unsigned threads;                 /* event loops; 0: one per core, at most 8 */
    const char *tls_cert, *tls_key;   /* PEM files, both or neither */
    size_t header_limit;              /* bytes of request line and headers; 16 KiB */
    size_t body_limit;                /* bytes; 4 MiB */
    unsigned connections;             /* in all; 4096 */
    unsigned connections_per_address; /* 0: no limit */
    int64_t request_timeout_ms;       /* 30000 */
    int64_t idle_timeout_ms;          /* 60000 */
};

/* NULL with a sentence in `why` where it cannot listen. */
struct http_server *http_server_start(const struct http_config *config,
                                      const struct http_callbacks *callbacks, char *why,
                                      size_t why_size);
/* "127.0.0.1:8080", with the port that was picked. */
const char *http_server_address(const struct http_server *server);
bool http_server_tls(const struct http_server *server);
/* Reads certificate and key again; connections already open go on. */
bool http_server_reload_tls(struct http_server *server, char *why, size_t why_size);
/* Stops accepting, lets requests under way finish for at most `grace_ms`, closes. */
void http_server_drain(struct http_server *server, int64_t grace_ms);
/* Waits for no answer: a request still with the caller loses its connection but
 * stays whole until its http_reply, which may come after this returned. */
void http_server_stop(struct http_server **server);
unsigned http_server_open_connections(const struct http_server *server);

/* ---- the request */
const char *http_verb(const struct http_request *request);
/* Path as sent, still percent-encoded, without the query; begins with '/'. */
const char *http_path(const struct http_request *request);
/* Query as sent, still encoded, without '?'; "" where there is none. */
const char *http_query(const struct http_request *request);
/* Header by name without case; NULL where absent. */
const char *http_header(const struct http_request *request, const char *name);
const char *http_body(const struct http_request *request, size_t *len_r);
const char *http_peer(const struct http_request *request); /* address without port */
const char *
http_id(const struct http_request *request); /* unique, printable; also sent as X-Request-Id */
struct arena *http_arena(struct http_request *request);
/* A place for the caller's own state; NULL at first. */
void http_set_context(struct http_request *request, void *context);
void *http_context(const struct http_request *request);

/* ---- the answer */
/* Adds a header to the answer; before http_reply. Values with control
 * characters are dropped. Both are copied. */
void http_reply_header(struct http_request *request, const char *name, const char *value);
/* `body` must live in http_arena (or be static) and is sent from there.
 * content_type may be NULL when there is no body. From any thread, once. */
void http_reply(struct http_request *request, int status, const char *content_type,
                const void *body, size_t len);

#endif
