/* http_priv.h: what the files of this folder share.
 *
 * Who may touch a request, and when: its loop thread until handle() is called;
 * from then on the caller, until http_reply; then the loop thread again. The
 * hand-overs are transitions of `state`:
 *
 *   READING -> RUNNING    loop thread, before handle()
 *   RUNNING -> ANSWERED   http_reply before the connection was suspended: the
 *                         loop thread finds the answer and sends it at once, so
 *                         the common case costs no suspend and no resume
 *   RUNNING -> WAITING    loop thread, after it HAS suspended the connection;
 *                         where http_reply was faster this step fails and the
 *                         loop thread resumes its own connection
 *   WAITING -> ANSWERED   http_reply from elsewhere; whoever makes this step
 *                         resumes the connection, nobody else does
 *   WAITING -> ABANDONED  the server stops and will not wait any longer;
 *                         whoever makes this step resumes the connection
 *   ABANDONED -> ORPHANED the connection is gone, the caller still holds the
 *                         request; its http_reply releases it
 *   ABANDONED, ORPHANED -> ANSWERED  http_reply, nothing is sent */
#ifndef EASEL_HTTP_HTTP_PRIV_H
#define EASEL_HTTP_HTTP_PRIV_H

#include "http/http.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

enum { ID_MAX = 64, WHY_ROOM = 256 };

/* Who sends a large body or takes an answer slower than this is cut off, once
 * request_timeout_ms has passed too. */
enum { SLOWEST_BYTES_PER_MS = 16 };

enum request_state { READING, RUNNING, WAITING, ABANDONED, ORPHANED, ANSWERED };

struct header {
    struct header *next;
    size_t name_len;
    const char *name, *value;
};

struct http_request {
    struct http_server *server;
    struct connection *connection; /* valid for the loop thread only */
    struct MHD_Connection *link;
    struct http_request *next; /* in the list of spares, or of the abandoned */
    struct arena *arena;
    _Atomic(int) state;
    atomic_bool replied; /* http_reply was called; a second call does nothing */
    pthread_t loop;      /* set before RUNNING */
    int64_t began_us;
    void *context;

    const char *verb, *path, *query; /* verb is NULL until the headers are in */
    struct header *headers, **headers_end;
    size_t head_bytes; /* request line and headers, as counted against the limit */
    unsigned lengths, codings;
    char id[ID_MAX + 1];
    char peer[INET6_ADDRSTRLEN];

    /* The body has memory of its own, so that growing it leaves nothing behind
     * in the arena. Never more than body_limit + 1 bytes. Where the body goes to a
     * file (spool >= 0) it holds what is on its way there. */
    char *body;
    size_t body_len, body_room, body_limit;
    bool may_spool;
    int spool;
    uint64_t spooled;    /* bytes in the file, counted in the server's `spooled` too */
    size_t discarded;    /* bytes read past the limit and thrown away */
    int refusal;         /* status for when the rest of the body was read, or 0 */
    const char *trouble; /* for the log */

    int status;
    const char *content_type;
    const void *answer;
    size_t answer_len;
    int answer_file; /* -1: `answer`; else answer_len bytes from answer_offset on */
    uint64_t answer_offset;
    struct header *answer_headers;
};

struct connection {
    struct connection *next, **link; /* the server's list; its lock */
    struct http_request *request;    /* its own for as long as it lives; written under the lock */
    int fd;
    atomic_bool busy;              /* a request is under way */
    atomic_bool awaited;           /* of that request, a part of the body is still to come */
    _Atomic(int64_t) deadline_at;  /* clock_monotonic, 0: none; past it the socket is shut down */
    struct tls_identity *identity; /* what its handshake shows; NULL without TLS */
    char peer[INET6_ADDRSTRLEN];
    bool seen_ended; /* the sweeper's alone */
};

struct http_server {
    struct http_config config; /* with defaults filled in; of its pointers, spool alone */
    struct http_callbacks callbacks;
    struct MHD_Daemon *daemon;
    int listener, told; /* the socket, and what ends the acceptor; -1: closed */
    pthread_t acceptor;
    bool acceptor_runs; /* the owner's thread alone */
    char address[INET6_ADDRSTRLEN + 16];
    struct tls *tls; /* NULL: plain */
    atomic_bool draining, stopping, stopped;
    atomic_uint references;    /* one for the owner, one for each orphaned request */
    atomic_uint repliers;      /* threads inside http_reply, loop threads not counted */
    _Atomic(uint64_t) spooled; /* bytes of bodies in files */
    uint64_t id_base;
    atomic_uint_fast64_t id_count;

    /* What MHD complains of while it starts, on the starting thread. */
    pthread_t starter;
    char *complaint;

    pthread_mutex_t lock; /* connections, spares, spare_count, sweeper_ends */
    pthread_cond_t changed;
    struct connection *connections;
    struct http_request *spares;
    unsigned spare_count;
    bool sweeper_ends;
    bool sweeper_runs; /* the owner's thread alone */
    pthread_t sweeper;
    atomic_uint open;
    /* Connections handed to the loops, those of them that a loop has begun, and
     * those that have ended since. */
    atomic_uint handed, begun, ended;
};

/* ---- listen.c */
/* A listening socket, or -1 with a sentence; address_r gets the bound address. */
int listen_open(const char *where, char *address_r, size_t address_size, char *why,
                size_t why_size);

/* ---- accept.c */
bool accept_start(struct http_server *server);
/* Closes the listening socket too; does nothing the second time. */
void accept_stop(struct http_server *server);

/* ---- tls.c */
struct tls;
struct tls_identity;
/* The PEM texts as the library wants them at its start; wiped by tls_pem_release. */
struct tls_pem {
    char *cert, *key;
    size_t cert_len, key_len;
};
struct tls *tls_open(const char *cert_file, const char *key_file, struct tls_pem *pem_r, char *why,
                     size_t why_size);
bool tls_reload(struct tls *tls, char *why, size_t why_size);
void tls_close(struct tls **tls);
void tls_pem_release(struct tls_pem *pem);
/* Makes `session` (a gnutls_session_t before its handshake) show the newest
 * certificate; the identity returned is held until tls_drop. */
struct tls_identity *tls_show(struct tls *tls, void *session);
void tls_drop(struct tls *tls, struct tls_identity **identity);

/* ---- connections.c */
bool connections_init(struct http_server *server);
/* After the daemon has stopped. */
void connections_release(struct http_server *server);
void connections_notify(void *server, struct MHD_Connection *link, void **context,
                        enum MHD_ConnectionNotificationCode code);
/* The request object of a connection, made or taken from the spares. */
struct http_request *connections_request(struct http_server *server, struct connection *connection);
/* The connection forgets its request, which has an owner elsewhere. */
void connections_detach(struct http_server *server, struct connection *connection);
bool connections_busy(struct http_server *server);
/* Shuts every socket down; true where there was none and none is still to begin. */
bool connections_shut(struct http_server *server);
/* Moves every WAITING request to ABANDONED and resumes its connection. */
void connections_abandon(struct http_server *server);

/* ---- request.c */
struct http_request *request_new(struct http_server *server);
void request_free(struct http_request *request);
void *request_begin(void *server, const char *uri, struct MHD_Connection *link);
enum MHD_Result request_step(void *server, struct MHD_Connection *link, const char *url,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_len, void **request);
void request_end(void *server, struct MHD_Connection *link, void **request,
                 enum MHD_RequestTerminationCode code);

/* Ends a request that has outlived its connection, with its hold on the server. */
void request_drop(struct http_request *request);

/* ---- body.c */
/* A body of that length is about to come. 0, or the status that it earns. */
int body_expect(struct http_request *request, uint64_t len);
/* A piece of the body. 0, or the status that it earns. */
int body_take(struct http_request *request, const char *piece, size_t len);
/* The last piece is in. */
int body_end(struct http_request *request);
/* Ready for the next request; memory worth keeping stays. */
void body_recycle(struct http_request *request);

/* ---- answer.c */
/* On the loop thread, for an ANSWERED request. */
enum MHD_Result answer_send(struct http_request *request);
/* Lets go of a file that was not sent. */
void answer_recycle(struct http_request *request);
/* Bytes of body that a complete answer carried. */
size_t answer_sent(const struct http_request *request);

/* ---- server.c */
/* The last reference frees the server, once no thread is inside http_reply. */
void server_unref(struct http_server *server);

#endif
