/* accept.c: one thread takes new connections and hands them to the loops.
 *
 * The library could accept by itself, but its way to stop doing so
 * (MHD_quiesce_daemon, 0.9.75, with epoll) races with its own threads for the
 * removal of the listening socket and aborts the process where it loses. With
 * the socket in our hands, to stop accepting is to end this thread and close. */
#include "http/http_priv.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXHAUSTED_MS = 50 }; /* pause where descriptors or memory have run out */

/* False once told to end; waits for a connection, or for `timeout_ms` where `fd` is -1. */
static bool wait_for(int fd, int told, int timeout_ms)
{
    struct pollfd polled[2] = {{.fd = told, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    return poll(polled, 2, timeout_ms) < 0 || !polled[0].revents;
}

static bool exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* The limit is kept here and not by the library: one of its loops that finds
 * itself over its share locks a mutex that it holds already (0.9.75). Where the
 * library takes no more for another reason it closes `fd`. */
static void hand_to_a_loop(struct http_server *server, int fd, const struct sockaddr_storage *peer,
                           socklen_t len)
{
    if (atomic_load(&server->handed) - atomic_load(&server->ended) >= server->config.connections) {
        close(fd);
        return;
    }
    atomic_fetch_add(&server->handed, 1);
    if (MHD_add_connection(server->daemon, fd, (const struct sockaddr *)peer, len) != MHD_YES)
        atomic_fetch_sub(&server->handed, 1);
}

static void *accept_all(void *arg)
{
    struct http_server *server = arg;
    while (wait_for(server->listener, server->told, -1)) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        int fd =
            accept4(server->listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            hand_to_a_loop(server, fd, &peer, len);
        else if (exhausted(errno))
            wait_for(-1, server->told, EXHAUSTED_MS);
    }
    return NULL;
}

bool accept_start(struct http_server *server)
{
    server->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->acceptor_runs =
        server->told >= 0 && pthread_create(&server->acceptor, NULL, accept_all, server) == 0;
    return server->acceptor_runs;
}

void accept_stop(struct http_server *server)
{
    if (server->acceptor_runs) {
        eventfd_write(server->told, 1);
        pthread_join(server->acceptor, NULL);
        server->acceptor_runs = false;
    }
    if (server->told >= 0)
        close(server->told);
    if (server->listener >= 0)
        close(server->listener);
    server->told = server->listener = -1;
}
