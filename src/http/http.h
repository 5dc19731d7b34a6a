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
 * Refusals of this layer (413, 414, 431, 503, 507) go through `refuse`, so that they
 * carry the caller's envelope. Three cannot: a slow request (there would be 408)
 * is cut off, as the library takes no answer before the request is whole; a head
 * larger than `header_limit` by more than some KiB gets the library's own 414 or
 * 431; and what is no HTTP gets 400 without `refuse`. A chunked body beyond its
 * limit is read for one more MiB at most, for the same reason, then cut off; a body
 * that there is no room for is read to its end, and thrown away.
 *
 * Bodies are held in memory, but for requests of which http_body_to_file was asked:
 * theirs go on to a file without a name once they exceed 64 KiB, and get time by what
 * has arrived: beyond `request_timeout_ms` they must keep up 16 bytes a millisecond.
 * The file ends with the request, however that ends. */
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
    /* Most bytes a body may have, asked once the headers are in (NULL: config). May
     * ask for a file (http_body_to_file). */
    size_t (*body_limit)(void *context, struct http_request *request);
    /* Answers for this layer with http_reply before it returns; status is 413, 414,
     * 431, 503, or 507 where the disk had no room for the body (http_trouble says
     * why; so it does where other bodies take the room, which is 503). There may be no
     * body and, for 414, no sensible path. */
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
    const char *spool;                /* directory of bodies in files; NULL: all in memory */
    uint64_t spool_limit;             /* bytes of all bodies in files at a time; 0: no limit */
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
/* The body where it is in memory; of length 0 where it is in a file. */
const char *http_body(const struct http_request *request, size_t *len_r);
/* From within body_limit: this body goes to a file once it exceeds 64 KiB. */
void http_body_to_file(struct http_request *request);
/* False where the body is in memory. The descriptor stays the request's: no longer
 * than it, and for pread alone. */
bool http_body_file(const struct http_request *request, int *fd_r, uint64_t *len_r);
/* Wherever it is: up to `size` bytes from `offset` on. 0 at its end; -1 with errno
 * where it cannot be read. */
int64_t http_body_read(const struct http_request *request, uint64_t offset, void *bytes,
                       size_t size);
uint64_t http_body_length(const struct http_request *request);
/* Why this layer refused, for the log; NULL where the status says it all. */
const char *http_trouble(const struct http_request *request);
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
/* The same with `len` bytes of a file from `offset` on, which are read as they are
 * sent. Takes `fd`: it is closed in any case. 500 where the file is shorter. */
void http_reply_file(struct http_request *request, int status, const char *content_type, int fd,
                     uint64_t offset, uint64_t len);

/* ---- parts of what may be had (RFC 9110, section 14) */
struct http_part {
    int status; /* 200: all of it; 206: a part; 416: there is no such part, len is 0 */
    uint64_t first, len, size;
};
/* What a Range header asks of `size` bytes. `range` and `if_range` may be NULL;
 * `etag` is a strong one, in its quotes, or NULL. Several ranges, another unit and
 * what is malformed ask for all of it. Pure. */
struct http_part http_part_of(const char *range, const char *if_range, const char *etag,
                              uint64_t size);
/* The same out of the request's headers; ranges are for GET alone. */
struct http_part http_part_asked(const struct http_request *request, const char *etag,
                                 uint64_t size);
/* Whether a list of entity tags, as If-None-Match has it (section 13.1.2), holds `etag`, or
 * is "*". `list` may be NULL. Pure. */
bool http_etag_listed(const char *list, const char *etag);
/* Replies with a part, whose bytes are those of `fd` from `offset` on; takes `fd`,
 * which for 416 may be -1. */
void http_reply_part(struct http_request *request, const struct http_part *part,
                     const char *content_type, const char *etag, int fd, uint64_t offset);

#endif
