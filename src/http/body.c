/* body.c: the body of a request as it comes in, in memory or on to a file.
 *
 * The file has no name, so that it ends with its descriptor, whatever happens. It
 * is written by the loop thread: into the page cache, 64 KiB at a time; a disk that
 * cannot keep up slows this loop's clients down, which is what it should do. */
#include "base/arena.h"
#include "base/file.h"
#include "http/http_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BODY_FIRST = 4096,
    /* A buffer up to this size is kept for the next request. It is also what a body
     * that may go to a file holds in memory. */
    BODY_KEPT = 65536,
};

static bool reserve(struct http_request *request, size_t need)
{
    if (need <= request->body_room)
        return true;
    size_t room = request->body_room ? request->body_room : BODY_FIRST;
    while (room < need)
        room *= 2;
    /* Never a byte past the limit, but for the closing NUL. */
    if (room > request->body_limit + 1)
        room = request->body_limit + 1;
    char *body = realloc(request->body, room);
    if (!body)
        return false;
    request->body = body;
    request->body_room = room;
    return true;
}

/* ---- the file */

static int no_room(struct http_request *request, const char *what)
{
    request->trouble = arena_printf(request->arena, "%s in %s: %s", what,
                                    request->server->config.spool, strerror(errno));
    return 507;
}

static int too_many(struct http_request *request)
{
    request->trouble =
        arena_printf(request->arena, "bodies in %s: together as large as they may be",
                     request->server->config.spool);
    return 503;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return true;
}

/* Counts before it writes, so that all bodies together stay within the limit. */
static bool count(struct http_request *request, size_t len)
{
    struct http_server *server = request->server;
    uint64_t all = atomic_fetch_add(&server->spooled, len) + len;
    request->spooled += len;
    return !server->config.spool_limit || all <= server->config.spool_limit;
}

int body_expect(struct http_request *request, uint64_t len)
{
    struct http_server *server = request->server;
    uint64_t limit = server->config.spool_limit;
    bool fits = !request->may_spool || len < BODY_KEPT || !limit ||
                atomic_load(&server->spooled) + len <= limit;
    return fits ? 0 : too_many(request);
}

static void grant_time(struct http_request *request)
{
    int64_t earned = (int64_t)(request->spooled / SLOWEST_BYTES_PER_MS);
    atomic_store_explicit(&request->connection->deadline_at,
                          request->began_us / 1000 + request->server->config.request_timeout_ms +
                              earned,
                          memory_order_relaxed);
}

/* Moves what is in memory to the file. */
static int spool(struct http_request *request)
{
    if (request->spool < 0)
        request->spool = file_nameless(request->server->config.spool);
    if (request->spool < 0)
        return no_room(request, "cannot make a file for a body");
    if (!count(request, request->body_len))
        return too_many(request);
    if (!write_all(request->spool, request->body, request->body_len))
        return no_room(request, "cannot write a body");
    request->body_len = 0;
    grant_time(request);
    return 0;
}

/* ---- pieces */

static int hold(struct http_request *request, const char *piece, size_t len)
{
    if (!reserve(request, request->body_len + len + 1))
        return 503;
    memcpy(request->body + request->body_len, piece, len);
    request->body_len += len;
    request->body[request->body_len] = '\0';
    return 0;
}

int body_take(struct http_request *request, const char *piece, size_t len)
{
    if (len > request->body_limit - request->spooled - request->body_len)
        return 413;
    if (!request->may_spool)
        return hold(request, piece, len);
    int status = 0;
    while (len && !status) {
        /* Room for the closing NUL; a full buffer waits for what exceeds it. */
        size_t room = BODY_KEPT - 1 - request->body_len;
        size_t n = len < room ? len : room;
        status = n ? hold(request, piece, n) : spool(request);
        piece += n;
        len -= n;
    }
    return status;
}

int body_end(struct http_request *request)
{
    return request->spool >= 0 && request->body_len ? spool(request) : 0;
}

void body_recycle(struct http_request *request)
{
    if (request->spool >= 0)
        close(request->spool);
    atomic_fetch_sub(&request->server->spooled, request->spooled);
    request->spool = -1;
    request->spooled = 0;
    if (request->body_room <= BODY_KEPT)
        return;
    free(request->body);
    request->body = NULL;
    request->body_room = 0;
}

/* ---- what the handler reads */

const char *http_body(const struct http_request *request, size_t *len_r)
{
    *len_r = request->body_len;
    return request->body_len ? request->body : "";
}

void http_body_to_file(struct http_request *request)
{
    request->may_spool = request->server->config.spool != NULL;
}

bool http_body_file(const struct http_request *request, int *fd_r, uint64_t *len_r)
{
    *fd_r = request->spool;
    *len_r = request->spooled;
    return request->spool >= 0;
}

uint64_t http_body_length(const struct http_request *request)
{
    return request->spool >= 0 ? request->spooled : request->body_len;
}

int64_t http_body_read(const struct http_request *request, uint64_t offset, void *bytes,
                       size_t size)
{
    if (request->spool >= 0) {
        ssize_t n;
        do
            n = pread(request->spool, bytes, size, (off_t)offset);
        while (n < 0 && errno == EINTR);
        return n;
    }
    if (offset >= request->body_len)
        return 0;
    size_t left = request->body_len - (size_t)offset;
    size_t n = size < left ? size : left;
    memcpy(bytes, request->body + offset, n);
    return (int64_t)n;
}

const char *http_trouble(const struct http_request *request)
{
    return request->trouble;
}
