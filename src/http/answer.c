/* answer.c: what handle() reads of a request, and the answer to it. */
#include "base/arena.h"
#include "base/clock.h"
#include "http/http_priv.h"

#include <string.h>
#include <strings.h>

/* A client that takes its answer slower than this is cut off, once
 * request_timeout_ms has passed too. */
enum { SLOWEST_BYTES_PER_MS = 16 };

/* ---- the request */

const char *http_verb(const struct http_request *request)
{
    return request->verb;
}

const char *http_path(const struct http_request *request)
{
    return request->path;
}

const char *http_query(const struct http_request *request)
{
    return request->query;
}

const char *http_header(const struct http_request *request, const char *name)
{
    size_t len = strlen(name);
    for (const struct header *h = request->headers; h; h = h->next)
        if (h->name_len == len && strcasecmp(h->name, name) == 0)
            return h->value;
    return NULL;
}

const char *http_body(const struct http_request *request, size_t *len_r)
{
    *len_r = request->body_len;
    return request->body_len ? request->body : "";
}

const char *http_peer(const struct http_request *request)
{
    return request->peer;
}

const char *http_id(const struct http_request *request)
{
    return request->id;
}

struct arena *http_arena(struct http_request *request)
{
    return request->arena;
}

void http_set_context(struct http_request *request, void *context)
{
    request->context = context;
}

void *http_context(const struct http_request *request)
{
    return request->context;
}

/* ---- the answer */

static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            return false;
    return true;
}

void http_reply_header(struct http_request *request, const char *name, const char *value)
{
    if (!name || !*name || !value || !printable(name) || !printable(value))
        return;
    struct header *header = arena_alloc(request->arena, sizeof *header);
    header->name_len = strlen(name);
    header->name = arena_strndup(request->arena, name, header->name_len);
    header->value = arena_strdup(request->arena, value);
    header->next = NULL;
    struct header **end = &request->answer_headers;
    while (*end)
        end = &(*end)->next;
    *end = header;
}

/* The general way, from any thread. The request must not be touched once the
 * state is exchanged: its loop thread may have ended it already. The server
 * stays while `repliers` counts this thread. */
static void hand_over(struct http_request *request)
{
    struct http_server *server = request->server;
    struct MHD_Connection *link = request->link;
    atomic_fetch_add(&server->repliers, 1);
    int before = atomic_exchange(&request->state, ANSWERED);
    if (before == WAITING)
        MHD_resume_connection(link);
    atomic_fetch_sub(&server->repliers, 1);
    if (before == ORPHANED)
        request_drop(request);
}

void http_reply(struct http_request *request, int status, const char *content_type,
                const void *body, size_t len)
{
    if (atomic_exchange(&request->replied, true))
        return;
    request->status = status >= 200 && status <= 599 ? status : 500;
    request->content_type = content_type ? arena_strdup(request->arena, content_type) : NULL;
    request->answer = body ? body : "";
    request->answer_len = body ? len : 0;
    /* From within handle() no other thread can see the request any more. */
    if (atomic_load_explicit(&request->state, memory_order_relaxed) == RUNNING &&
        pthread_equal(request->loop, pthread_self()))
        atomic_store_explicit(&request->state, ANSWERED, memory_order_relaxed);
    else
        hand_over(request);
}

static void add_headers(struct http_request *request, struct MHD_Response *response)
{
    if (request->content_type && printable(request->content_type))
        MHD_add_response_header(response, "Content-Type", request->content_type);
    MHD_add_response_header(response, "X-Request-Id", request->id);
    for (const struct header *h = request->answer_headers; h; h = h->next)
        MHD_add_response_header(response, h->name, h->value);
    if (atomic_load_explicit(&request->server->draining, memory_order_relaxed))
        MHD_add_response_header(response, "Connection", "close");
}

enum MHD_Result answer_send(struct http_request *request)
{
    /* The library does not write to it, whatever the parameter's type says. */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        request->answer_len, (void *)(uintptr_t)request->answer, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    add_headers(request, response);
    int64_t allowed = request->server->config.request_timeout_ms +
                      (int64_t)(request->answer_len / SLOWEST_BYTES_PER_MS);
    atomic_store_explicit(&request->connection->deadline_at, clock_monotonic() + allowed,
                          memory_order_relaxed);
    enum MHD_Result queued = MHD_queue_response(request->link, (unsigned)request->status, response);
    MHD_destroy_response(response);
    return queued;
}

size_t answer_sent(const struct http_request *request)
{
    bool bodiless =
        request->status == 204 || request->status == 304 || strcmp(request->verb, "HEAD") == 0;
    return bodiless ? 0 : request->answer_len;
}
