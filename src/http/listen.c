/* listen.c: from "HOST:PORT" to a listening socket, and what to say where that
 * fails. Made here and not by the HTTP library, which only knows "failed". */
#include "http/http_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct place {
    char host[256]; /* "" for any */
    char port[6];
};

static bool port_valid(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= 5 && strspn(text, "0123456789") == len &&
           strtol(text, NULL, 10) <= 65535;
}

/* HOST:PORT, [ADDRESS]:PORT or :PORT. A bare IPv6 address is refused, since its
 * last group could be meant as the port. */
static bool place_parse(const char *text, struct place *place_r)
{
    const char *colon = strrchr(text, ':');
    if (!colon || !port_valid(colon + 1))
        return false;
    const char *host = text;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (memchr(host, ':', len)) {
        return false;
    }
    if (len >= sizeof place_r->host)
        return false;
    memcpy(place_r->host, host, len);
    place_r->host[len] = '\0';
    snprintf(place_r->port, sizeof place_r->port, "%s", colon + 1);
    return true;
}

static const char *reason(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "address in use";
    case EADDRNOTAVAIL:
        return "this machine has no such address";
    case EACCES:
        return "not permitted (ports below 1024 need a privilege)";
    default:
        return strerror(error);
    }
}

static int try_listen(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6) {
        /* "[::]" alone means any address of either family. */
        const struct sockaddr_in6 *six = (const void *)info->ai_addr;
        bool any = IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, any ? &off : &on, sizeof on);
    }
    if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void describe(int fd, char *address_r, size_t size)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof bound;
    char host[INET6_ADDRSTRLEN] = "";
    getsockname(fd, (struct sockaddr *)&bound, &len);
    if (bound.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)&bound;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        snprintf(address_r, size, "[%s]:%u", host, ntohs(six->sin6_port));
    } else {
        const struct sockaddr_in *four = (const void *)&bound;
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
        snprintf(address_r, size, "%s:%u", host, ntohs(four->sin_port));
    }
}

/* The first that works; where none does, the first failure is what is told.
 * With no host IPv6 goes first, as such a socket also takes IPv4. */
static int first_listening(const struct addrinfo *list, bool six_first, int *error_r)
{
    *error_r = 0;
    for (int round = six_first ? 0 : 1; round < 2; round++)
        for (const struct addrinfo *a = list; a; a = a->ai_next) {
            if (six_first && (a->ai_family == AF_INET6) != (round == 0))
                continue;
            int fd = try_listen(a);
            if (fd >= 0)
                return fd;
            /* A machine without IPv6 is no reason worth telling. */
            if (!*error_r || *error_r == EAFNOSUPPORT)
                *error_r = errno;
        }
    return -1;
}

int listen_open(const char *where, char *address_r, size_t address_size, char *why, size_t why_size)
{
    struct place place;
    if (!where || !place_parse(where, &place)) {
        snprintf(why, why_size,
                 "cannot listen on '%s': expected HOST:PORT, [ADDRESS]:PORT or :PORT",
                 where ? where : "");
        return -1;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(place.host[0] ? place.host : NULL, place.port, &hints, &list);
    if (rc != 0) {
        snprintf(why, why_size, "cannot listen on %s: %s", where, gai_strerror(rc));
        return -1;
    }
    int error;
    int fd = first_listening(list, !place.host[0], &error);
    freeaddrinfo(list);
    if (fd < 0)
        snprintf(why, why_size, "cannot listen on %s: %s", where, reason(error));
    else
        describe(fd, address_r, address_size);
    return fd;
}
