/* server.c: the server's life: start, drain, stop. */
#include "base/clock.h"
#include "base/ident.h"
#include "http/http_priv.h"

#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOPS_MAX = 8, POLL_MS = 5, CLOSING_MS = 5000 };

static size_t leave_as_sent(void *context, struct MHD_Connection *link, char *text)
{
    (void)context;
    (void)link;
    return strlen(text);
}

/* Keeps the library's last complaint while it starts; later ones are about
 * single connections and of no use to anybody. */
__attribute__((format(printf, 2, 0))) static void complain(void *arg, const char *format,
                                                           va_list args)
{
    struct http_server *server = arg;
    if (!pthread_equal(server->starter, pthread_self()) || !server->complaint)
        return;
    vsnprintf(server->complaint, WHY_ROOM, format, args);
    server->complaint[strcspn(server->complaint, "\n")] = '\0';
}

static unsigned loops(unsigned asked)
{
    if (asked)
        return asked;
    cpu_set_t set;
    int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return cores > LOOPS_MAX ? LOOPS_MAX : (unsigned)cores;
}

static void fill_config(struct http_config *config)
{
    config->listen = config->tls_cert = config->tls_key = NULL;
    config->threads = loops(config->threads);
    if (!config->header_limit)
        config->header_limit = 16 * 1024;
    if (!config->body_limit)
        config->body_limit = 4 * 1024 * 1024;
    if (!config->connections)
        config->connections = 4096;
    /* The library shares them out among the loops and refuses to have fewer. */
    if (config->connections < config->threads)
        config->connections = config->threads;
    if (config->request_timeout_ms <= 0)
        config->request_timeout_ms = 30000;
    if (config->idle_timeout_ms <= 0)
        config->idle_timeout_ms = 60000;
}

static bool start_daemon(struct http_server *server, const struct tls_pem *pem)
{
    const struct http_config *config = &server->config;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     MHD_USE_NO_LISTEN_SOCKET;
    int64_t idle_s = (config->idle_timeout_ms + 999) / 1000;
    /* Its pool, one for each connection, holds the head as it was sent, records
     * of headers and parameters, and the head of the answer. It is cleared after
     * each request, which is why it is no larger. */
    size_t pool = config->header_limit + 4096;
    /* Out of reach in every loop: accept.c keeps the limit. */
    unsigned out_of_reach = (config->connections + 64) * (config->threads ? config->threads : 1);
    char priorities[] = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1";
    struct MHD_OptionItem options[8] = {0};
    int n = 0;
    if (config->threads > 1)
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, config->threads, NULL};
    if (server->tls) {
        flags |= MHD_USE_TLS;
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, pem->key};
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, pem->cert};
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, priorities};
    }
    options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, request_step, server, MHD_OPTION_EXTERNAL_LOGGER, complain, server,
        MHD_OPTION_URI_LOG_CALLBACK, request_begin, server, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_as_sent, NULL, MHD_OPTION_NOTIFY_COMPLETED, request_end, server,
        MHD_OPTION_NOTIFY_CONNECTION, connections_notify, server,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, pool, MHD_OPTION_CONNECTION_LIMIT, out_of_reach,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, config->connections_per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(idle_s > UINT_MAX / 2000 ? 0 : idle_s),
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    return server->daemon != NULL;
}

static bool tls_wanted(const struct http_config *config, char *why, size_t why_size, bool *wanted_r)
{
    bool cert = config->tls_cert && *config->tls_cert, key = config->tls_key && *config->tls_key;
    *wanted_r = cert && key;
    if (cert != key)
        snprintf(why, why_size, "a TLS certificate and its key go together; there is no %s",
                 cert ? "key" : "certificate");
    return cert == key;
}

/* What may fail, in order; http_server_start undoes. */
static bool bring_up(struct http_server *server, const struct http_config *config, char *why,
                     size_t why_size)
{
    bool tls;
    struct tls_pem pem = {0};
    if (!tls_wanted(config, why, why_size, &tls))
        return false;
    if (tls && !(server->tls = tls_open(config->tls_cert, config->tls_key, &pem, why, why_size)))
        return false;
    server->listener =
        listen_open(config->listen, server->address, sizeof server->address, why, why_size);
    if (server->listener < 0) {
        tls_pem_release(&pem);
        return false;
    }
    char complaint[WHY_ROOM] = "no reason given";
    server->starter = pthread_self();
    server->complaint = complaint;
    bool started = start_daemon(server, &pem) && accept_start(server);
    server->complaint = NULL;
    tls_pem_release(&pem);
    if (!started)
        snprintf(why, why_size, "the HTTP server does not start: %s", complaint);
    return started;
}

struct http_server *http_server_start(const struct http_config *config,
                                      const struct http_callbacks *callbacks, char *why,
                                      size_t why_size)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) {
        snprintf(why, why_size, "the HTTP server does not start: out of memory");
        return NULL;
    }
    server->config = *config;
    server->config.spool = config->spool && *config->spool ? strdup(config->spool) : NULL;
    fill_config(&server->config);
    server->callbacks = *callbacks;
    server->listener = server->told = -1;
    atomic_init(&server->references, 1);
    random_bytes(&server->id_base, sizeof server->id_base);
    bool up = connections_init(server);
    if (!up)
        snprintf(why, why_size, "the HTTP server does not start: no more threads");
    if (!up || !bring_up(server, config, why, why_size))
        http_server_stop(&server);
    return server;
}

const char *http_server_address(const struct http_server *server)
{
    return server->address;
}

bool http_server_tls(const struct http_server *server)
{
    return server->tls != NULL;
}

bool http_server_reload_tls(struct http_server *server, char *why, size_t why_size)
{
    if (server->tls)
        return tls_reload(server->tls, why, why_size);
    snprintf(why, why_size, "the server was started without TLS");
    return false;
}

unsigned http_server_open_connections(const struct http_server *server)
{
    return atomic_load(&server->open);
}

static void pause_ms(unsigned ms)
{
    usleep(ms * 1000);
}

void http_server_drain(struct http_server *server, int64_t grace_ms)
{
    accept_stop(server);
    atomic_store(&server->draining, true);
    int64_t until = clock_monotonic() + grace_ms;
    /* Quiet twice: a request may be in the socket and not yet begun. */
    for (int quiet = 0; quiet < 2 && clock_monotonic() < until; pause_ms(POLL_MS))
        quiet = connections_busy(server) ? 0 : quiet + 1;
}

static void await_repliers(struct http_server *server)
{
    while (atomic_load(&server->repliers))
        pause_ms(1);
}

void server_unref(struct http_server *server)
{
    if (atomic_fetch_sub(&server->references, 1) != 1)
        return;
    await_repliers(server);
    free((void *)(uintptr_t)server->config.spool);
    free(server);
}

/* libmicrohttpd 0.9.75 must not find a malformed request once MHD_stop_daemon
 * has begun: it then builds its error page from an answer that it has itself
 * declined, and crashes. So its threads first see every connection end, also
 * those that were handed to them and wait to begin. */
static void close_connections(struct http_server *server)
{
    int64_t until = clock_monotonic() + CLOSING_MS;
    while (!connections_shut(server) && clock_monotonic() < until)
        pause_ms(1);
}

void http_server_stop(struct http_server **server_p)
{
    struct http_server *server = *server_p;
    *server_p = NULL;
    if (!server)
        return;
    accept_stop(server);
    if (server->daemon) {
        atomic_store(&server->stopping, true);
        connections_abandon(server);
        /* The daemon must not stop while a connection is suspended. */
        await_repliers(server);
        close_connections(server);
        MHD_stop_daemon(server->daemon);
    }
    atomic_store(&server->stopped, true);
    await_repliers(server);
    connections_release(server);
    if (server->tls)
        tls_close(&server->tls);
    server_unref(server);
}
