/* load: a small HTTP/1.1 load generator for the benchmarks.
 *
 *   load [--loop] [--warm SECONDS] PORT CONNECTIONS SECONDS FILE
 *
 * FILE holds whole requests, each after its length as four bytes, little
 * endian. One thread keeps CONNECTIONS keep-alive connections to 127.0.0.1
 * busy, one request under way on each, every request sent once (a JWT may be
 * used only once) or, with --loop, again from the beginning. It ends after the
 * time, or when the requests are used up, and prints one JSON object.
 *
 * Why not wrk: the load must cost less than the server it measures. Reading a
 * token for each request in Lua makes wrk the slower side; here a request
 * costs one send, one recv and a share of one epoll_wait. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_LIMIT = 4 << 20, CONNECTIONS_LIMIT = 1024, LATENCY_SLOTS = 64 * 32 };

struct requests {
    const unsigned char *bytes;
    size_t size, at;
    bool loop;
};

struct connection {
    int fd;
    size_t got;  /* bytes of the answer so far */
    size_t want; /* bytes of the whole answer, 0 while its headers are incomplete */
    int status;
    const unsigned char *unsent; /* what the socket did not take yet */
    size_t unsent_len;
    int64_t sent_at;
    char *buf;
};

struct tally {
    uint64_t answers, ok, lost, latency[LATENCY_SLOTS];
    int odd_status; /* the first that was not 2xx */
    size_t bytes;
    bool used_up;
};

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "not understood");
    exit(1);
}

/* 32 slots for each power of two of microseconds: within 3 %. */
static unsigned latency_slot(int64_t ns)
{
    uint64_t us = (uint64_t)ns / 1000;
    if (us < 32)
        return (unsigned)us;
    unsigned top = 63U - (unsigned)__builtin_clzll(us);
    return (top - 4) * 32 + (unsigned)((us >> (top - 5)) & 31);
}

static uint64_t latency_of(unsigned slot)
{
    if (slot < 64)
        return slot;
    unsigned top = slot / 32 + 4;
    return (UINT64_C(32) + slot % 32) << (top - 5);
}

static uint64_t percentile(const struct tally *tally, unsigned percent)
{
    uint64_t rest = tally->answers * percent / 100;
    for (unsigned i = 0; i < LATENCY_SLOTS; i++) {
        if (rest < tally->latency[i])
            return latency_of(i);
        rest -= tally->latency[i];
    }
    return 0;
}

static struct requests requests_open(const char *path, bool loop)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        die(path);
    struct requests requests = {.size = (size_t)st.st_size, .loop = loop};
    requests.bytes = mmap(NULL, requests.size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (requests.bytes == MAP_FAILED)
        die(path);
    close(fd);
    return requests;
}

static const unsigned char *requests_next(struct requests *requests, size_t *len_r)
{
    if (requests->at >= requests->size && requests->loop)
        requests->at = 0;
    if (requests->at + 4 > requests->size)
        return NULL;
    const unsigned char *p = requests->bytes + requests->at;
    size_t len = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    if (len == 0 || len > requests->size - requests->at - 4)
        die("request file");
    requests->at += 4 + len;
    *len_r = len;
    return p + 4;
}

static void connection_open(struct connection *connection, int poll_fd, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    int one = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        die("epoll");
}

static bool connection_push(struct connection *connection, int poll_fd)
{
    ssize_t sent = send(connection->fd, connection->unsent, connection->unsent_len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        return false;
    if (sent > 0) {
        connection->unsent += sent;
        connection->unsent_len -= (size_t)sent;
    }
    if (connection->unsent_len == 0)
        return true;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
    return epoll_ctl(poll_fd, EPOLL_CTL_MOD, connection->fd, &event) == 0;
}

/* False where there is nothing left to send or the connection is gone. */
static bool connection_send(struct connection *connection, int poll_fd, struct requests *requests,
                            int64_t now)
{
    connection->unsent = requests_next(requests, &connection->unsent_len);
    connection->got = connection->want = 0;
    connection->sent_at = now;
    return connection->unsent && connection_push(connection, poll_fd);
}

/* Status and whole length out of the header block, once it is complete. */
static void connection_parse(struct connection *connection)
{
    const char *end = memmem(connection->buf, connection->got, "\r\n\r\n", 4);
    if (!end)
        return;
    if (strncmp(connection->buf, "HTTP/1.1 ", 9) != 0)
        die("answer");
    size_t head = (size_t)(end - connection->buf) + 4, body = 0;
    bool sized = false;
    for (const char *p = connection->buf; p < end; p++) {
        p = memchr(p, '\n', (size_t)(end + 2 - p));
        if (!p)
            break;
        if ((p[1] | 32) != 'c' || strncasecmp(p + 1, "content-length:", 15) != 0)
            continue;
        body = strtoul(p + 16, NULL, 10);
        sized = true;
    }
    connection->status = atoi(connection->buf + 9);
    errno = 0;
    if (!sized && connection->status != 204)
        die("answer without a length");
    if (head + body > ANSWER_LIMIT)
        die("answer too long");
    connection->want = head + body;
}

static void tally_add(struct tally *tally, const struct connection *connection, int64_t now)
{
    tally->answers++;
    tally->bytes += connection->want;
    tally->latency[latency_slot(now - connection->sent_at)]++;
    if (connection->status / 100 == 2)
        tally->ok++;
    else if (tally->odd_status == 0)
        tally->odd_status = connection->status;
}

enum turn { TURN_WAIT, TURN_ANSWERED, TURN_LOST };

static enum turn connection_read(struct connection *connection)
{
    ssize_t got =
        recv(connection->fd, connection->buf + connection->got, ANSWER_LIMIT - connection->got, 0);
    if (got < 0 && errno == EAGAIN)
        return TURN_WAIT;
    if (got <= 0)
        return TURN_LOST;
    connection->got += (size_t)got;
    connection->buf[connection->got] = '\0';
    if (connection->want == 0)
        connection_parse(connection);
    if (connection->want == 0 || connection->got < connection->want)
        return TURN_WAIT;
    return TURN_ANSWERED;
}

static void connection_close(struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
}

struct run {
    struct requests requests;
    struct tally tally;
    int poll_fd;
    uint16_t port;
    int64_t from, until; /* what counts lies between */
};

/* One event of one connection; a lost one is opened again. */
static void run_turn(struct run *run, struct connection *connection, uint32_t events)
{
    if ((events & EPOLLOUT) && connection->unsent_len > 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(run->poll_fd, EPOLL_CTL_MOD, connection->fd, &event);
        if (connection_push(connection, run->poll_fd) && !(events & EPOLLIN))
            return;
    }
    enum turn turn = connection_read(connection);
    if (turn == TURN_WAIT)
        return;
    int64_t now = now_ns();
    bool counts = now >= run->from && now < run->until;
    if (turn == TURN_LOST) {
        run->tally.lost += counts;
        connection_close(connection);
        connection_open(connection, run->poll_fd, run->port);
    } else if (counts) {
        tally_add(&run->tally, connection, now);
    }
    if (connection_send(connection, run->poll_fd, &run->requests, now))
        return;
    if (!connection->unsent)
        run->tally.used_up = true;
    connection_close(connection);
}

static int64_t run_until_end(struct run *run)
{
    struct epoll_event events[CONNECTIONS_LIMIT];
    int64_t now = now_ns();
    while (now < run->until && !run->tally.used_up) {
        int n = epoll_wait(run->poll_fd, events, CONNECTIONS_LIMIT, 100);
        for (int i = 0; i < n; i++)
            run_turn(run, events[i].data.ptr, events[i].events);
        now = now_ns();
    }
    return now;
}

static void print_tally(const struct run *run, int64_t end)
{
    const struct tally *tally = &run->tally;
    double seconds = (double)((end < run->until ? end : run->until) - run->from) / 1e9;
    if (seconds <= 0)
        seconds = 1e-9;
    printf("{\"per_s\": %.1f, \"answers\": %llu, \"ok\": %llu, \"odd_status\": %d, \"lost\": %llu, "
           "\"seconds\": %.3f, \"p50_us\": %llu, \"p99_us\": %llu, \"bytes\": %zu, "
           "\"used_up\": %s}\n",
           (double)tally->ok / seconds, (unsigned long long)tally->answers,
           (unsigned long long)tally->ok, tally->odd_status, (unsigned long long)tally->lost,
           seconds, (unsigned long long)percentile(tally, 50),
           (unsigned long long)percentile(tally, 99), tally->bytes,
           tally->used_up ? "true" : "false");
}

int main(int argc, char **argv)
{
    bool loop = false;
    double warm = 0;
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--loop") == 0)
            loop = true;
        else if (strcmp(argv[at], "--warm") == 0 && at + 1 < argc)
            warm = strtod(argv[++at], NULL);
        else
            argc = 0;
    }
    if (argc - at != 4) {
        fputs("usage: load [--loop] [--warm SECONDS] PORT CONNECTIONS SECONDS FILE\n", stderr);
        return 2;
    }
    static struct connection connections[CONNECTIONS_LIMIT];
    unsigned long count = strtoul(argv[at + 1], NULL, 10);
    if (count == 0 || count > CONNECTIONS_LIMIT)
        die("connections");
    static struct run run;
    run.port = (uint16_t)strtoul(argv[at], NULL, 10);
    run.requests = requests_open(argv[at + 3], loop);
    run.poll_fd = epoll_create1(EPOLL_CLOEXEC);
    run.from = now_ns() + (int64_t)(warm * 1e9);
    run.until = run.from + (int64_t)(strtod(argv[at + 2], NULL) * 1e9);
    for (unsigned long i = 0; i < count; i++) {
        connections[i].buf = malloc(ANSWER_LIMIT + 1);
        if (!connections[i].buf)
            die("memory");
        connection_open(&connections[i], run.poll_fd, run.port);
        connection_send(&connections[i], run.poll_fd, &run.requests, now_ns());
    }
    print_tally(&run, run_until_end(&run));
    return 0;
}
