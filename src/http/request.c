/* request.c: a request from its first line to its release.
 *
 * MHD calls request_begin with the request line, request_step once with the
 * headers, once for each piece of the body and once at its end, and request_end
 * when the answer is out or the connection lost. What handle() may read is
 * copied into the arena, as MHD's own copy ends with the connection, which a
 * request can outlive (see http_priv.h). */
#include "base/arena.h"
#include "base/clock.h"
#include "http/http_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    ARENA_FIRST = 8192,
    DISCARD_MAX = 1024 * 1024, /* read past the body limit before giving up on an answer */
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- the object */

struct http_request *request_new(struct http_server *server)
{
    struct http_request *request = calloc(1, sizeof *request);
    if (!request) {
        fputs("easel: out of memory\n", stderr);
        abort();
    }
    request->server = server;
    request->arena = arena_new(ARENA_FIRST);
    request->spool = request->answer_file = -1;
    return request;
}

void request_free(struct http_request *request)
{
    body_recycle(request);
    answer_recycle(request);
    arena_free(&request->arena);
    free(request->body);
    free(request);
}

/* Ready for the next request of the same connection. */
static void request_recycle(struct http_request *request)
{
    body_recycle(request);
    answer_recycle(request);
    arena_reset(request->arena);
}

/* A bijection, so a counter stays unique through it (the finalizer of SplitMix64). */
static uint64_t scatter(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void make_id(struct http_request *request)
{
    struct http_server *server = request->server;
    uint64_t n = atomic_fetch_add_explicit(&server->id_count, 1, memory_order_relaxed);
    uint64_t id = scatter(server->id_base + n);
    for (int i = 15; i >= 0; i--, id >>= 4)
        request->id[i] = "0123456789abcdef"[id & 15];
    request->id[16] = '\0';
}

/* Path and query as sent. Of the absolute form (RFC 9112 section 3.2.2) what
 * follows the authority counts; any other target without a slash has no path. */
static void take_target(struct http_request *request, const char *uri)
{
    size_t len = strlen(uri);
    request->head_bytes = len;
    char *target = arena_strndup(request->arena, uri, len);
    if (target[0] != '/') {
        char *authority = strstr(target, "://");
        char *slash = authority ? strpbrk(authority + 3, "/?") : NULL;
        target = slash && *slash == '/' ? slash : NULL;
    }
    request->path = target;
    char *mark = target ? strchr(target, '?') : NULL;
    request->query = mark ? mark + 1 : "";
    if (mark)
        *mark = '\0';
}

void *request_begin(void *arg, const char *uri, struct MHD_Connection *link)
{
    struct http_server *server = arg;
    struct connection *connection =
        MHD_get_connection_info(link, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (!connection)
        return NULL;
    struct http_request *request = connections_request(server, connection);
    request->connection = connection;
    request->link = link;
    atomic_store_explicit(&request->state, READING, memory_order_relaxed);
    atomic_store_explicit(&request->replied, false, memory_order_relaxed);
    request->began_us = now_us();
    request->context = NULL;
    request->verb = NULL;
    request->headers = request->answer_headers = NULL;
    request->headers_end = &request->headers;
    request->lengths = request->codings = 0;
    request->body_len = request->discarded = 0;
    request->body_limit = server->config.body_limit;
    request->may_spool = false;
    request->refusal = 0;
    request->trouble = NULL;
    memcpy(request->peer, connection->peer, sizeof request->peer);
    make_id(request);
    take_target(request, uri);
    atomic_store_explicit(&connection->deadline_at,
                          request->began_us / 1000 + server->config.request_timeout_ms,
                          memory_order_relaxed);
    atomic_store(&connection->busy, true);
    return request;
}

/* ---- headers */

static bool id_acceptable(const char *id, size_t len)
{
    if (len == 0 || len > ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = id[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

static bool named(const struct header *header, const char *name, size_t len)
{
    return header->name_len == len && strcasecmp(header->name, name) == 0;
}
#define NAMED(header, literal) named((header), (literal), sizeof(literal) - 1)

static void notice(struct http_request *request, const struct header *header, size_t value_len)
{
    if (NAMED(header, "Content-Length"))
        request->lengths++;
    else if (NAMED(header, "Transfer-Encoding"))
        request->codings++;
    else if (NAMED(header, "X-Request-Id") && id_acceptable(header->value, value_len))
        memcpy(request->id, header->value, value_len + 1);
}

static enum MHD_Result take_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    struct http_request *request = arg;
    request->head_bytes += name_len + value_len + 4; /* ": " and the line's end */
    while (value_len && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
        value_len--;
    struct header *header = arena_alloc(request->arena, sizeof *header + name_len + value_len + 2);
    char *text = (char *)(header + 1);
    memcpy(text, name, name_len);
    text[name_len] = '\0';
    header->name = text;
    header->name_len = name_len;
    text += name_len + 1;
    if (value_len)
        memcpy(text, value, value_len);
    text[value_len] = '\0';
    header->value = text;
    header->next = NULL;
    *request->headers_end = header;
    request->headers_end = &header->next;
    notice(request, header, value_len);
    return MHD_YES;
}

/* The status that the head alone earns, or 0. Two lengths, or a length beside a
 * coding, is how requests are smuggled past a proxy (RFC 9112 section 6.3). */
static int judge_head(const struct http_request *request)
{
    const struct http_config *config = &request->server->config;
    if (request->path && strlen(request->path) > config->header_limit)
        return 414;
    if (request->head_bytes > config->header_limit)
        return 431;
    if (!request->path || request->lengths > 1 || request->codings > 1 ||
        (request->lengths && request->codings))
        return 400;
    return 0;
}

static int judge_length(struct http_request *request)
{
    const struct http_callbacks *callbacks = &request->server->callbacks;
    /* The library has refused what is not a number. */
    unsigned long long length =
        request->lengths ? strtoull(http_header(request, "Content-Length"), NULL, 10) : 0;
    if ((length || request->codings) && callbacks->body_limit)
        request->body_limit = callbacks->body_limit(callbacks->context, request);
    if (length > request->body_limit)
        return 413;
    return body_expect(request, length);
}

static void run_refuse(struct http_request *request, int status)
{
    const struct http_callbacks *callbacks = &request->server->callbacks;
    if (!request->path)
        request->path = "/";
    request->loop = pthread_self();
    atomic_store(&request->state, RUNNING);
    if (callbacks->refuse && status != 400)
        callbacks->refuse(callbacks->context, request, status);
    if (atomic_load(&request->state) != ANSWERED)
        http_reply(request, status, NULL, NULL, 0);
}

static enum MHD_Result take_head(struct http_request *request, const char *verb)
{
    request->verb = arena_strdup(request->arena, verb);
    request->head_bytes += strlen(verb) + sizeof "  HTTP/1.1\r\n" - 1;
    MHD_get_connection_values_n(request->link, MHD_HEADER_KIND, take_header, request);
    int status = judge_head(request);
    if (!status && atomic_load_explicit(&request->server->stopping, memory_order_relaxed))
        status = 503;
    if (!status)
        status = judge_length(request);
    if (!status) {
        atomic_store_explicit(&request->connection->awaited, request->lengths || request->codings,
                              memory_order_relaxed);
        return MHD_YES;
    }
    /* An answer this early makes the library close afterwards, body unread. */
    run_refuse(request, status);
    return answer_send(request);
}

/* ---- body */

/* The library takes no answer in the middle of a body, so what is not taken is read and
 * thrown away, and refused at its end: what exceeds the limit up to a bound, and what
 * there is no room for as far as a body may go. */
static enum MHD_Result discard(struct http_request *request, int status, size_t len)
{
    size_t most = DISCARD_MAX;
    if (status != 413 && request->body_limit > most)
        most = request->body_limit;
    request->refusal = status;
    request->discarded += len;
    return request->discarded > most ? MHD_NO : MHD_YES;
}

static enum MHD_Result take_body(struct http_request *request, const char *piece, size_t len)
{
    int status = request->refusal ? request->refusal : body_take(request, piece, len);
    return status ? discard(request, status, len) : MHD_YES;
}

/* ---- handing over */

static enum MHD_Result run_handle(struct http_request *request)
{
    struct http_server *server = request->server;
    struct MHD_Connection *link = request->link;
    atomic_store_explicit(&request->connection->deadline_at, 0, memory_order_relaxed);
    request->loop = pthread_self();
    atomic_store(&request->state, RUNNING);
    server->callbacks.handle(server->callbacks.context, request);
    if (atomic_load(&request->state) == ANSWERED)
        return answer_send(request);
    MHD_suspend_connection(link);
    int state = RUNNING;
    if (!atomic_compare_exchange_strong(&request->state, &state, WAITING)) {
        MHD_resume_connection(link); /* answered just before it was suspended */
        return MHD_YES;
    }
    /* Either this thread sees that the server stops, or connections_abandon,
     * which looks after `stopping` was set, sees WAITING. */
    state = WAITING;
    if (atomic_load(&server->stopping) &&
        atomic_compare_exchange_strong(&request->state, &state, ABANDONED))
        MHD_resume_connection(link);
    return MHD_YES;
}

enum MHD_Result request_step(void *arg, struct MHD_Connection *link, const char *url,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_len, void **context)
{
    (void)arg;
    (void)link;
    (void)url;
    (void)version;
    struct http_request *request = *context;
    if (!request)
        return MHD_NO;
    switch (atomic_load(&request->state)) {
    case ANSWERED:
        return answer_send(request);
    case READING:
        break;
    default:
        return MHD_NO; /* abandoned: close without an answer */
    }
    if (!request->verb)
        return take_head(request, method);
    if (*upload_len) {
        size_t len = *upload_len;
        *upload_len = 0;
        return take_body(request, upload, len);
    }
    atomic_store_explicit(&request->connection->awaited, false, memory_order_relaxed);
    if (!request->refusal)
        request->refusal = body_end(request);
    if (request->refusal) {
        run_refuse(request, request->refusal);
        return answer_send(request);
    }
    return run_handle(request);
}

/* ---- the end */

static void request_report(struct http_request *request, int status, size_t sent)
{
    const struct http_callbacks *callbacks = &request->server->callbacks;
    if (callbacks->finished && request->verb)
        callbacks->finished(callbacks->context, request, status, sent,
                            now_us() - request->began_us);
}

/* The connection is gone while the caller still holds the request: from here
 * http_reply releases it, unless it came just now. The server waits for that. */
static void give_up(struct http_request *request)
{
    struct http_server *server = request->server;
    connections_detach(server, request->connection);
    atomic_fetch_add(&server->references, 1);
    int state = ABANDONED;
    if (!atomic_compare_exchange_strong(&request->state, &state, ORPHANED))
        request_drop(request);
}

void request_drop(struct http_request *request)
{
    struct http_server *server = request->server;
    if (!atomic_load(&server->stopped))
        request_report(request, 0, 0);
    request_free(request);
    server_unref(server);
}

void request_end(void *arg, struct MHD_Connection *link, void **context,
                 enum MHD_RequestTerminationCode code)
{
    (void)link;
    struct http_server *server = arg;
    struct http_request *request = *context;
    *context = NULL;
    if (!request)
        return;
    struct connection *connection = request->connection;
    /* Until the next request line is in, both spans count as one. */
    atomic_store_explicit(&connection->deadline_at,
                          clock_monotonic() + server->config.idle_timeout_ms +
                              server->config.request_timeout_ms,
                          memory_order_relaxed);
    int state = atomic_load(&request->state);
    if (state == ABANDONED) {
        give_up(request);
    } else {
        bool sent = state == ANSWERED && code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
        request_report(request, sent ? request->status : 0, sent ? answer_sent(request) : 0);
        request_recycle(request);
    }
    atomic_store_explicit(&connection->awaited, false, memory_order_relaxed);
    atomic_store(&connection->busy, false);
}
