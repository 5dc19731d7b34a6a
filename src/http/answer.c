/* answer.c: what handle() reads of a request, and the answer to it. */
#include "base/arena.h"
#include "base/clock.h"
#include "http/http_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files are read in blocks of this size where sendfile(2) is no use, as with TLS. */
enum { BLOCK = 64 * 1024 };

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

/* False where there is a reply already. */
static bool begin_reply(struct http_request *request, int status, const char *content_type)
{
    if (atomic_exchange(&request->replied, true))
        return false;
    request->status = status >= 200 && status <= 599 ? status : 500;
    request->content_type = content_type ? arena_strdup(request->arena, content_type) : NULL;
    return true;
}

static void end_reply(struct http_request *request)
{
    /* From within handle() no other thread can see the request any more. */
    if (atomic_load_explicit(&request->state, memory_order_relaxed) == RUNNING &&
        pthread_equal(request->loop, pthread_self()))
        atomic_store_explicit(&request->state, ANSWERED, memory_order_relaxed);
    else
        hand_over(request);
}

void http_reply(struct http_request *request, int status, const char *content_type,
                const void *body, size_t len)
{
    if (!begin_reply(request, status, content_type))
        return;
    request->answer = body ? body : "";
    request->answer_len = body ? len : 0;
    end_reply(request);
}

/* Asked before it is sent: the library (0.9.75) takes the end of a file for a socket
 * that is full, and waits until the connection is idle for too long. */
static bool holds(int fd, uint64_t offset, uint64_t len)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (uint64_t)st.st_size >= offset &&
           (uint64_t)st.st_size - offset >= len;
}

void http_reply_file(struct http_request *request, int status, const char *content_type, int fd,
                     uint64_t offset, uint64_t len)
{
    if (!begin_reply(request, status, content_type)) {
        close(fd);
        return;
    }
    bool there = holds(fd, offset, len);
    if (!there)
        request->status = 500;
    request->answer = "";
    request->answer_file = fd;
    request->answer_offset = offset;
    request->answer_len = there ? len : 0;
    end_reply(request);
}

void answer_recycle(struct http_request *request)
{
    if (request->answer_file >= 0)
        close(request->answer_file);
    request->answer_file = -1;
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

/* ---- sending */

struct sent_file {
    int fd;
    uint64_t offset;
};

static ssize_t read_block(void *arg, uint64_t at, char *bytes, size_t size)
{
    struct sent_file *file = arg;
    ssize_t n = pread(file->fd, bytes, size, (off_t)(file->offset + at));
    /* At an end before the end that was told the library must cut, not finish. */
    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void close_sent(void *arg)
{
    struct sent_file *file = arg;
    close(file->fd);
    free(file);
}

static struct MHD_Response *read_in_blocks(struct http_request *request)
{
    struct sent_file *file = malloc(sizeof *file);
    if (!file)
        return NULL;
    *file = (struct sent_file){request->answer_file, request->answer_offset};
    struct MHD_Response *response =
        MHD_create_response_from_callback(request->answer_len, BLOCK, read_block, file, close_sent);
    if (!response)
        free(file);
    return response;
}

/* The descriptor is the library's once it has taken it. */
static struct MHD_Response *response_of(struct http_request *request)
{
    /* The library does not write to it, whatever the parameter's type says. */
    if (request->answer_file < 0 || !request->answer_len)
        return MHD_create_response_from_buffer(request->answer_file < 0 ? request->answer_len : 0,
                                               (void *)(uintptr_t)request->answer,
                                               MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *response =
        request->server->tls
            ? read_in_blocks(request)
            : MHD_create_response_from_fd_at_offset64(request->answer_len, request->answer_file,
                                                      request->answer_offset);
    if (response)
        request->answer_file = -1;
    return response;
}

enum MHD_Result answer_send(struct http_request *request)
{
    struct MHD_Response *response = response_of(request);
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
