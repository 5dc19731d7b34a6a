/* connections.c: every open connection, and the sweeper that ends the slow.
 *
 * MHD closes a connection on which nothing moves (idle_timeout_ms); a client
 * that moves one byte now and then never meets that. So each connection has a
 * deadline, set anew at each stage of a request, and one thread looks through
 * them a few times within request_timeout_ms (at most once a second), or sleeps
 * where there is no connection. It only shuts the socket down; MHD notices and
 * closes. A connection leaves the list, under the lock, before MHD closes its
 * descriptor, so a descriptor that was reused is never shut down. */
#include "base/clock.h"
#include "http/http_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { SPARES_MAX = 256, TICK_MIN_MS = 20, TICK_MAX_MS = 1000 };

static void *sweep(void *arg);

bool connections_init(struct http_server *server)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    server->sweeper_runs = pthread_create(&server->sweeper, NULL, sweep, server) == 0;
    return server->sweeper_runs;
}

void connections_release(struct http_server *server)
{
    if (server->sweeper_runs) {
        pthread_mutex_lock(&server->lock);
        server->sweeper_ends = true;
        pthread_cond_signal(&server->changed);
        pthread_mutex_unlock(&server->lock);
        pthread_join(server->sweeper, NULL);
        server->sweeper_runs = false;
    }
    while (server->spares) {
        struct http_request *request = server->spares;
        server->spares = request->next;
        request_free(request);
    }
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
}

/* ---- the sweeper */

/* A peer that closed while nothing was asked of us, or before its body was whole:
 * the library's edge-triggered epoll does not see an end that came together with
 * the last bytes. Twice, so that a request just read by the loop is not cut off. */
static void shut_the_gone(struct connection *c)
{
    char byte;
    bool ended = (!atomic_load(&c->busy) || atomic_load(&c->awaited)) &&
                 recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    if (ended && c->seen_ended)
        shutdown(c->fd, SHUT_RDWR);
    c->seen_ended = ended;
}

/* Under the lock. */
static void shut_the_late(struct http_server *server)
{
    int64_t now = clock_monotonic();
    for (struct connection *c = server->connections; c; c = c->next) {
        shut_the_gone(c);
        int64_t deadline = atomic_load_explicit(&c->deadline_at, memory_order_relaxed);
        /* Taken back only if it still stands: the loop thread may have moved on. */
        if (deadline && deadline <= now &&
            atomic_compare_exchange_strong(&c->deadline_at, &deadline, 0))
            shutdown(c->fd, SHUT_RDWR);
    }
}

static void wait_one_tick(struct http_server *server)
{
    int64_t tick = server->config.request_timeout_ms / 4;
    tick = tick < TICK_MIN_MS ? TICK_MIN_MS : tick > TICK_MAX_MS ? TICK_MAX_MS : tick;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += tick / 1000;
    until.tv_nsec += tick % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&server->changed, &server->lock, &until);
}

static void *sweep(void *arg)
{
    struct http_server *server = arg;
    pthread_mutex_lock(&server->lock);
    while (!server->sweeper_ends) {
        if (!server->connections) {
            pthread_cond_wait(&server->changed, &server->lock);
            continue;
        }
        wait_one_tick(server);
        shut_the_late(server);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* ---- coming and going */

static void peer_name(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
    out[0] = '\0';
    if (address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, out,
                  INET6_ADDRSTRLEN);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)address;
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
            inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, out, INET6_ADDRSTRLEN);
        else
            inet_ntop(AF_INET6, &six->sin6_addr, out, INET6_ADDRSTRLEN);
    }
}

static struct connection *connection_new(struct http_server *server, struct MHD_Connection *link)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->fd = MHD_get_connection_info(link, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    atomic_init(&connection->busy, false);
    atomic_init(&connection->awaited, false);
    atomic_init(&connection->deadline_at, clock_monotonic() + server->config.request_timeout_ms);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(link, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info && info->client_addr)
        peer_name(info->client_addr, connection->peer);
    if (server->tls) {
        info = MHD_get_connection_info(link, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (info && info->tls_session)
            connection->identity = tls_show(server->tls, info->tls_session);
    }
    return connection;
}

static void enter(struct http_server *server, struct connection *connection)
{
    pthread_mutex_lock(&server->lock);
    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    else
        pthread_cond_signal(&server->changed); /* the sweeper sleeps while there is none */
    server->connections = connection;
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_add(&server->open, 1);
}

static void leave(struct http_server *server, struct connection *connection)
{
    struct http_request *surplus = NULL;
    pthread_mutex_lock(&server->lock);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    if (connection->request && server->spare_count < SPARES_MAX) {
        connection->request->next = server->spares;
        server->spares = connection->request;
        server->spare_count++;
    } else {
        surplus = connection->request;
    }
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_sub(&server->open, 1);
    if (surplus)
        request_free(surplus);
    if (connection->identity)
        tls_drop(server->tls, &connection->identity);
    free(connection);
}

void connections_notify(void *arg, struct MHD_Connection *link, void **context,
                        enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct connection *connection = connection_new(server, link);
        if (connection)
            enter(server, connection);
        *context = connection;
        atomic_fetch_add(&server->begun, 1); /* last: whoever sees it finds it in the list */
        return;
    }
    if (*context)
        leave(server, *context);
    *context = NULL;
    atomic_fetch_add(&server->ended, 1);
}

/* ---- requests of connections */

struct http_request *connections_request(struct http_server *server, struct connection *connection)
{
    if (connection->request)
        return connection->request;
    pthread_mutex_lock(&server->lock);
    struct http_request *request = server->spares;
    if (request) {
        server->spares = request->next;
        server->spare_count--;
    } else {
        request = request_new(server);
    }
    connection->request = request;
    pthread_mutex_unlock(&server->lock);
    return request;
}

void connections_detach(struct http_server *server, struct connection *connection)
{
    pthread_mutex_lock(&server->lock);
    connection->request = NULL;
    pthread_mutex_unlock(&server->lock);
}

bool connections_busy(struct http_server *server)
{
    bool busy = false;
    pthread_mutex_lock(&server->lock);
    for (struct connection *c = server->connections; c && !busy; c = c->next)
        busy = atomic_load(&c->busy);
    pthread_mutex_unlock(&server->lock);
    return busy;
}

bool connections_shut(struct http_server *server)
{
    bool none = atomic_load(&server->begun) == atomic_load(&server->handed);
    pthread_mutex_lock(&server->lock);
    for (struct connection *c = server->connections; c; c = c->next) {
        shutdown(c->fd, SHUT_RDWR);
        none = false;
    }
    pthread_mutex_unlock(&server->lock);
    return none;
}

void connections_abandon(struct http_server *server)
{
    struct http_request *abandoned = NULL;
    pthread_mutex_lock(&server->lock);
    for (struct connection *c = server->connections; c; c = c->next) {
        int state = WAITING;
        if (c->request && atomic_compare_exchange_strong(&c->request->state, &state, ABANDONED)) {
            c->request->next = abandoned;
            abandoned = c->request;
        }
    }
    pthread_mutex_unlock(&server->lock);
    /* Outside the lock, as MHD has locks of its own. Until it is resumed here a
     * connection stays suspended and so cannot go away; afterwards the request
     * belongs to its loop thread. */
    while (abandoned) {
        struct http_request *request = abandoned;
        abandoned = request->next;
        MHD_resume_connection(request->link);
    }
}
