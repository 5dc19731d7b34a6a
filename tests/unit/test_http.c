/* The HTTP layer over real sockets: a server on a port of its own for each test,
 * and clients that say exactly which bytes go out. */
#include "base/arena.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { BIG = 8 * 1024 * 1024, HELD_MAX = 4096 };

/* ---- a server that echoes, at once, late, or when told */

struct bench {
    struct http_server *server;
    struct http_config config;
    struct sockaddr_in address;
    char *big;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_request *held[HELD_MAX]; /* /late and /hold, in order of arrival */
    int held_count, held_taken;
    bool workers_end;
    pthread_t workers[2];
    int worker_count;

    atomic_int finished, lost, refused;
    atomic_int last_status;
    atomic_size_t last_sent;
};

static void echo(struct http_request *request)
{
    size_t len;
    const char *body = http_body(request, &len);
    const char *probe = http_header(request, "x-probe");
    char *text =
        arena_printf(http_arena(request), "%s|%s|%s|%s|%.*s", http_verb(request),
                     http_path(request), http_query(request), probe ? probe : "-", (int)len, body);
    http_reply(request, 200, "text/plain", text, strlen(text));
}

static void hold(struct bench *bench, struct http_request *request)
{
    pthread_mutex_lock(&bench->lock);
    bench->held[bench->held_count++ % HELD_MAX] = request;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static struct http_request *take_held(struct bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    while (bench->held_taken == bench->held_count && !bench->workers_end)
        pthread_cond_wait(&bench->changed, &bench->lock);
    struct http_request *request = NULL;
    if (bench->held_taken < bench->held_count)
        request = bench->held[bench->held_taken++ % HELD_MAX];
    pthread_mutex_unlock(&bench->lock);
    return request;
}

static void handle(void *context, struct http_request *request)
{
    struct bench *bench = context;
    const char *path = http_path(request);
    if (strcmp(path, "/hold") == 0 || strcmp(path, "/late") == 0) {
        hold(bench, request);
        /* Now and then the loop dawdles, so that the answer comes first. */
        if (strcmp(http_query(request), "dawdle") == 0)
            usleep(300);
    } else if (strcmp(path, "/big") == 0) {
        http_reply(request, 200, "application/octet-stream", bench->big, BIG);
    } else if (strcmp(path, "/headers") == 0) {
        http_reply_header(request, "X-Good", "yes");
        http_reply_header(request, "X-Bad", "a\r\nX-Smuggled: 1");
        http_reply(request, 201, NULL, NULL, 0);
        http_reply(request, 500, "text/plain", "twice", 5);
    } else if (strcmp(path, "/peer") == 0) {
        http_reply(request, 200, "text/plain", http_peer(request), strlen(http_peer(request)));
    } else {
        echo(request);
    }
}

static size_t body_limit(void *context, struct http_request *request)
{
    struct bench *bench = context;
    return strcmp(http_path(request), "/roomy") == 0 ? bench->config.body_limit * 4
                                                     : bench->config.body_limit;
}

static void refuse(void *context, struct http_request *request, int status)
{
    struct bench *bench = context;
    atomic_fetch_add(&bench->refused, 1);
    char *text = arena_printf(http_arena(request), "refused %d", status);
    http_reply(request, status, "text/plain", text, strlen(text));
}

static void finished(void *context, struct http_request *request, int status, size_t sent,
                     int64_t duration_us)
{
    struct bench *bench = context;
    assert_true(duration_us >= 0);
    assert_non_null(http_verb(request));
    atomic_store(&bench->last_status, status);
    atomic_store(&bench->last_sent, sent);
    if (!status)
        atomic_fetch_add(&bench->lost, 1);
    atomic_fetch_add(&bench->finished, 1);
}

static struct http_callbacks callbacks(struct bench *bench)
{
    return (struct http_callbacks){.handle = handle,
                                   .body_limit = body_limit,
                                   .refuse = refuse,
                                   .finished = finished,
                                   .context = bench};
}

static void *work(void *arg)
{
    struct bench *bench = arg;
    struct http_request *request;
    while ((request = take_held(bench)))
        echo(request);
    return NULL;
}

static struct bench *bench_start(struct http_config config, int workers)
{
    struct bench *bench = calloc(1, sizeof *bench);
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    if (!config.listen)
        config.listen = "127.0.0.1:0";
    if (!config.threads)
        config.threads = 2;
    if (!config.body_limit)
        config.body_limit = 100000;
    bench->config = config;
    bench->big = calloc(1, BIG);
    struct http_callbacks table = callbacks(bench);
    char why[256] = "";
    bench->server = http_server_start(&config, &table, why, sizeof why);
    if (!bench->server)
        fail_msg("%s", why);
    const char *port = strrchr(http_server_address(bench->server), ':');
    bench->address = (struct sockaddr_in){.sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)atoi(port + 1)),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (bench->worker_count = 0; bench->worker_count < workers; bench->worker_count++)
        pthread_create(&bench->workers[bench->worker_count], NULL, work, bench);
    return bench;
}

static void bench_stop(struct bench *bench)
{
    http_server_stop(&bench->server);
    assert_null(bench->server);
    pthread_mutex_lock(&bench->lock);
    bench->workers_end = true;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
    for (int i = 0; i < bench->worker_count; i++)
        pthread_join(bench->workers[i], NULL);
    pthread_mutex_destroy(&bench->lock);
    pthread_cond_destroy(&bench->changed);
    free(bench->big);
    free(bench);
}

/* ---- clients */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int dial(const struct bench *bench)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_return_code(connect(fd, (const struct sockaddr *)&bench->address, sizeof bench->address),
                       errno);
    return fd;
}

static bool say(int fd, const void *bytes, size_t len)
{
    for (const char *at = bytes; len;) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool says(int fd, const char *text)
{
    return say(fd, text, strlen(text));
}

struct answer {
    int status; /* 0: the connection ended without one */
    char head[4096];
    char *body; /* NUL-terminated */
    size_t len;
};

static void answer_release(struct answer *answer)
{
    free(answer->body);
    answer->body = NULL;
}

/* Reads one answer with Content-Length (or without a body) byte by byte as far as
 * its head goes, so that nothing of a following answer is swallowed. */
static struct answer hear_as(int fd, bool head_only)
{
    struct answer answer = {.body = calloc(1, 1)};
    size_t at = 0;
    while (at < sizeof answer.head - 1 && !strstr(answer.head, "\r\n\r\n")) {
        if (recv(fd, answer.head + at, 1, 0) != 1)
            return answer;
        at++;
    }
    const char *length = strcasestr(answer.head, "\r\nContent-Length: ");
    size_t len = length && !head_only ? strtoul(length + 18, NULL, 10) : 0;
    answer.body = realloc(answer.body, len + 1);
    while (answer.len < len) {
        ssize_t n = recv(fd, answer.body + answer.len, len - answer.len, 0);
        if (n <= 0)
            break;
        answer.len += (size_t)n;
    }
    answer.body[answer.len] = '\0';
    if (answer.len == len)
        answer.status = atoi(answer.head + 9);
    return answer;
}

static struct answer hear(int fd)
{
    return hear_as(fd, false);
}

static void expect(int fd, int status, const char *body)
{
    struct answer answer = hear(fd);
    assert_string_equal(answer.body, body);
    assert_int_equal(answer.status, status);
    answer_release(&answer);
}

/* The other side has closed (an orderly end or a reset, but no time-out). */
static bool closed(int fd)
{
    char rest[4096];
    ssize_t n;
    while ((n = recv(fd, rest, sizeof rest, 0)) > 0)
        continue;
    return n == 0 || errno == ECONNRESET;
}

static void await(atomic_int *counter, int value)
{
    for (int64_t until = now_ms() + 10000; atomic_load(counter) < value; usleep(1000))
        assert_true(now_ms() < until);
}

static void await_held(struct bench *bench, int count)
{
    for (int64_t until = now_ms() + 10000;; usleep(1000)) {
        pthread_mutex_lock(&bench->lock);
        int held = bench->held_count;
        pthread_mutex_unlock(&bench->lock);
        if (held >= count)
            return;
        assert_true(now_ms() < until);
    }
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"

/* The server still serves. */
static void assert_alive(struct bench *bench)
{
    int fd = dial(bench);
    says(fd, GET("/alive"));
    expect(fd, 200, "GET|/alive||-|");
    close(fd);
}

/* ---- requests and answers */

static void one_connection_serves_many(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    for (int i = 0; i < 50; i++) {
        says(fd, GET("/a?b"));
        expect(fd, 200, "GET|/a|b|-|");
    }
    assert_int_equal(http_server_open_connections(bench->server), 1);
    await(&bench->finished, 50);
    assert_int_equal(atomic_load(&bench->last_status), 200);
    assert_int_equal(atomic_load(&bench->last_sent), 11);
    close(fd);
    bench_stop(bench);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 1);
    int fd = dial(bench);
    says(fd,
         GET("/1") GET("/late") "POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" GET(
             "/late?dawdle") GET("/5"));
    expect(fd, 200, "GET|/1||-|");
    expect(fd, 200, "GET|/late||-|");
    expect(fd, 200, "POST|/3||-|abc");
    expect(fd, 200, "GET|/late|dawdle|-|");
    expect(fd, 200, "GET|/5||-|");
    close(fd);
    bench_stop(bench);
}

static void targets_stay_as_sent(void **state)
{
    (void)state;
    static const struct {
        const char *target, *expected;
        int status;
    } cases[] = {
        {"/", "GET|/||-|", 200},
        {"/a%2Fb%20c+d", "GET|/a%2Fb%20c+d||-|", 200},
        {"/a?filter=name:eq:%C3%A9+x&b&&c=%26", "GET|/a|filter=name:eq:%C3%A9+x&b&&c=%26|-|", 200},
        {"/a?b?c", "GET|/a|b?c|-|", 200},
        {"/a?", "GET|/a||-|", 200},
        {"//a/../b/%00", "GET|//a/../b/%00||-|", 200},
        {"http://host:80/a?b=/c", "GET|/a|b=/c|-|", 200},
        {"*", "", 400},
        {"a/b", "", 400},
        {"http://host", "", 400},
        {"http://host?a/b", "", 400},
    };
    struct bench *bench = bench_start((struct http_config){0}, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        int fd = dial(bench);
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", cases[i].target);
        says(fd, text);
        expect(fd, cases[i].status, cases[i].expected);
        close(fd);
    }
    bench_stop(bench);
}

static void headers_are_found_without_case(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    says(fd, "GET / HTTP/1.1\r\nHost: h\r\nX-pRoBe:  first value \r\nX-Probe: second\r\n\r\n");
    expect(fd, 200, "GET|/||first value|");
    says(fd, "BREW /pot HTTP/1.1\r\nHost: h\r\nX-Probe:\r\n\r\n");
    expect(fd, 200, "BREW|/pot|||");
    close(fd);
    bench_stop(bench);
}

static void bodies_arrive_either_way(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    says(fd, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    expect(fd, 200, "POST|/b||-|hello");
    says(fd, "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nX-Probe: trailer\r\n\r\n");
    expect(fd, 200, "PUT|/b||-|hello, world");
    says(fd, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    expect(fd, 200, "POST|/b||-|");
    says(fd, "POST /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    struct answer interim = hear(fd);
    assert_int_equal(interim.status, 100);
    answer_release(&interim);
    says(fd, "ok");
    expect(fd, 200, "POST|/b||-|ok");
    close(fd);
    bench_stop(bench);
}

static void body_up_to_its_limit_is_whole(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){.body_limit = 70000}, 0);
    char head[128], *body = malloc(280000);
    memset(body, 'x', 280000);
    int fd = dial(bench);
    for (int round = 0; round < 3; round++) {
        size_t len = round == 1 ? 280000 : 70000;
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
                 round == 1 ? "/roomy" : "/exact", len);
        says(fd, head);
        say(fd, body, len);
        struct answer answer = hear(fd);
        assert_int_equal(answer.status, 200);
        const char *echoed = strrchr(answer.body, '|') + 1;
        assert_int_equal(strlen(echoed), len);
        assert_memory_equal(echoed, body, len);
        answer_release(&answer);
    }
    close(fd);
    free(body);
    bench_stop(bench);
}

static void head_requests_get_no_body(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    says(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" GET("/y"));
    struct answer answer = hear_as(fd, true);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.head, "Content-Length: 11\r\n"));
    answer_release(&answer);
    expect(fd, 200, "GET|/y||-|");
    close(fd);
    bench_stop(bench);
}

static void answer_headers_are_sent_and_cannot_be_split(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    says(fd, GET("/headers"));
    struct answer answer = hear(fd);
    assert_int_equal(answer.status, 201);
    assert_non_null(strstr(answer.head, "X-Good: yes\r\n"));
    assert_null(strstr(answer.head, "X-Bad"));
    assert_null(strstr(answer.head, "X-Smuggled"));
    assert_null(strstr(answer.head, "Content-Type"));
    answer_release(&answer);
    says(fd, GET("/peer"));
    expect(fd, 200, "127.0.0.1");
    close(fd);
    bench_stop(bench);
}

static void id_of(struct answer *answer, char out[128])
{
    const char *id = strstr(answer->head, "X-Request-Id: ");
    assert_non_null(id);
    sscanf(id + 14, "%127s", out);
}

static void requests_have_ids(void **state)
{
    (void)state;
    static const struct {
        const char *sent;
        bool kept;
    } cases[] = {
        {"abc-DEF_0.9", true},
        {"0123456789012345678901234567890123456789012345678901234567890123", true},
        {"01234567890123456789012345678901234567890123456789012345678901234", false},
        {"two words", false},
        {"a/b", false},
        {"", false},
    };
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    char former[128] = "", id[128], text[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: %s\r\n\r\n",
                 cases[i].sent);
        says(fd, text);
        struct answer answer = hear(fd);
        id_of(&answer, id);
        assert_int_equal(strcmp(id, cases[i].sent) == 0, cases[i].kept);
        if (!cases[i].kept) {
            assert_int_equal(strlen(id), 16);
            assert_int_equal(strspn(id, "0123456789abcdef"), 16);
        }
        assert_string_not_equal(id, former);
        strcpy(former, id);
        answer_release(&answer);
    }
    close(fd);
    bench_stop(bench);
}

/* ---- late answers */

struct crowd {
    struct bench *bench;
    const char *request, *expected;
    int rounds;
    atomic_int good;
};

static void *ask_again_and_again(void *arg)
{
    struct crowd *crowd = arg;
    int fd = dial(crowd->bench);
    for (int i = 0; i < crowd->rounds; i++) {
        says(fd, crowd->request);
        struct answer answer = hear(fd);
        if (answer.status == 200 && strcmp(answer.body, crowd->expected) == 0)
            atomic_fetch_add(&crowd->good, 1);
        answer_release(&answer);
    }
    close(fd);
    return NULL;
}

static void late_answers_from_other_threads_arrive(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 2);
    struct crowd crowds[] = {
        {bench, GET("/late"), "GET|/late||-|", 200, 0},
        {bench, GET("/late?dawdle"), "GET|/late|dawdle|-|", 200, 0},
        {bench, "POST /late HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", "POST|/late||-|hi",
         200, 0},
        {bench, GET("/now"), "GET|/now||-|", 200, 0},
    };
    pthread_t clients[16];
    for (size_t i = 0; i < 16; i++)
        pthread_create(&clients[i], NULL, ask_again_and_again, &crowds[i % 4]);
    for (size_t i = 0; i < 16; i++)
        pthread_join(clients[i], NULL);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(atomic_load(&crowds[i].good), 800);
    await(&bench->finished, 3200);
    assert_int_equal(atomic_load(&bench->lost), 0);
    bench_stop(bench);
}

static void client_may_leave_while_its_request_waits(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    says(fd, GET("/hold"));
    await_held(bench, 1);
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd); /* a reset */
    usleep(20000);
    echo(take_held(bench));
    await(&bench->lost, 1);
    assert_int_equal(atomic_load(&bench->finished), 1);
    assert_alive(bench);
    bench_stop(bench);
}

/* ---- bounds */

static void too_long_a_body_is_refused_unread(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    says(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n");
    expect(fd, 413, "refused 413");
    assert_true(closed(fd));
    close(fd);
    fd = dial(bench);
    says(fd, "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
             "Content-Length: 18446744073709551615\r\n\r\n");
    expect(fd, 413, "refused 413");
    assert_true(closed(fd));
    close(fd);
    await(&bench->finished, 2);
    assert_int_equal(atomic_load(&bench->last_status), 413);
    assert_alive(bench);
    bench_stop(bench);
}

static bool say_chunks(int fd, int count)
{
    static const char zeros[10000];
    for (int i = 0; i < count; i++)
        if (!says(fd, "2710\r\n") || !say(fd, zeros, sizeof zeros) || !says(fd, "\r\n"))
            return false;
    return true;
}

static void too_long_a_chunked_body_is_refused(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    says(fd, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_true(say_chunks(fd, 11));
    says(fd, "0\r\n\r\n");
    expect(fd, 413, "refused 413");
    close(fd);
    /* One without end is cut off. */
    fd = dial(bench);
    says(fd, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_false(say_chunks(fd, 10000));
    close(fd);
    await(&bench->finished, 2);
    assert_int_equal(atomic_load(&bench->lost), 1);
    assert_alive(bench);
    bench_stop(bench);
}

static void too_large_a_head_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t target, header; /* bytes of filling */
        int status;
        bool by_caller; /* through refuse; else the library's own answer */
    } cases[] = {
        {1000, 1000, 200, false}, {8200, 0, 414, true},     {10, 8200, 431, true},
        {4000, 4500, 431, true},  {1000000, 0, 414, false}, {10, 1000000, 431, false},
    };
    struct bench *bench = bench_start((struct http_config){.header_limit = 8192}, 0);
    char *fill = malloc(1000000);
    memset(fill, 'a', 1000000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int refused = atomic_load(&bench->refused);
        int fd = dial(bench);
        bool said = says(fd, "GET /") && say(fd, fill, cases[i].target) &&
                    says(fd, " HTTP/1.1\r\nHost: h\r\nX-Probe: ") &&
                    say(fd, fill, cases[i].header) && says(fd, "\r\n\r\n");
        struct answer answer = hear(fd);
        /* A reset may overtake the answer where the client was still sending. */
        if (said || answer.status)
            assert_int_equal(answer.status, cases[i].status);
        assert_int_equal(atomic_load(&bench->refused) - refused, cases[i].by_caller);
        answer_release(&answer);
        close(fd);
        assert_alive(bench);
    }
    free(fill);
    bench_stop(bench);
}

static void ambiguous_lengths_are_refused(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5x\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 99999999999999999999999\r\n",
    };
    struct bench *bench = bench_start((struct http_config){0}, 0);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        int fd = dial(bench);
        char text[256];
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n", heads[i]);
        says(fd, text);
        struct answer answer = hear(fd);
        assert_true(answer.status == 400 || answer.status == 413);
        answer_release(&answer);
        assert_true(closed(fd));
        close(fd);
    }
    bench_stop(bench);
}

static void noise_does_no_harm(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){.request_timeout_ms = 1000}, 0);
    unsigned seed = 1;
    for (int i = 0; i < 60; i++) {
        char noise[512];
        for (size_t k = 0; k < sizeof noise; k++)
            noise[k] = (char)(rand_r(&seed) >> 7);
        int fd = dial(bench);
        if (i % 3 == 1)
            says(fd, "GET / HTTP/1.1\r\n");
        if (i % 3 == 2)
            says(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        say(fd, noise, sizeof noise);
        close(fd);
    }
    assert_alive(bench);
    bench_stop(bench);
}

static void connections_are_limited_for_each_address(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){.connections_per_address = 2}, 0);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(bench);
        says(fds[i], GET("/x"));
        if (i < 2)
            expect(fds[i], 200, "GET|/x||-|");
    }
    assert_true(closed(fds[2]));
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    bench_stop(bench);
}

/* ---- time */

static void drip(struct bench *bench, int fd, const char *text)
{
    (void)bench;
    int64_t began = now_ms();
    for (const char *at = text; now_ms() - began < 5000; usleep(20000)) {
        if (!say(fd, *at ? at++ : "a", 1))
            break;
        char c;
        if (recv(fd, &c, 1, MSG_DONTWAIT) == 0)
            break;
    }
    int64_t took = now_ms() - began;
    assert_in_range(took, 250, 2000);
    close(fd);
}

static void slow_clients_are_cut(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){.request_timeout_ms = 300}, 0);
    /* In the head, in the body, and saying nothing at all. */
    drip(bench, dial(bench), "GET /slow HTTP/1.1\r\nHost: h\r\nX-A: ");
    drip(bench, dial(bench), "POST /s HTTP/1.1\r\nHost:h\r\nContent-Length: 9999\r\n\r\n");
    int fd = dial(bench);
    int64_t began = now_ms();
    assert_true(closed(fd));
    assert_in_range(now_ms() - began, 250, 2000);
    close(fd);
    /* A later request of a connection, once its line is in. */
    fd = dial(bench);
    says(fd, GET("/a"));
    expect(fd, 200, "GET|/a||-|");
    says(fd, "GET / HTTP/1.1\r\n");
    drip(bench, fd, "X-A: ");
    assert_alive(bench);
    bench_stop(bench);
}

static void waiting_for_the_handler_is_not_slowness(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){.request_timeout_ms = 200}, 0);
    int fd = dial(bench);
    says(fd, GET("/hold"));
    await_held(bench, 1);
    usleep(500000);
    echo(take_held(bench));
    expect(fd, 200, "GET|/hold||-|");
    close(fd);
    bench_stop(bench);
}

static void answers_that_nobody_reads_are_cut(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){.idle_timeout_ms = 1000}, 0);
    int fd = dial(bench);
    says(fd, GET("/big"));
    await(&bench->lost, 1);
    close(fd);
    fd = dial(bench);
    says(fd, GET("/big"));
    struct answer answer = hear(fd);
    assert_int_equal(answer.len, BIG);
    answer_release(&answer);
    close(fd);
    bench_stop(bench);
}

static void idle_connections_are_closed(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){.idle_timeout_ms = 1000}, 0);
    int fd = dial(bench);
    says(fd, GET("/a"));
    expect(fd, 200, "GET|/a||-|");
    int64_t began = now_ms();
    assert_true(closed(fd));
    assert_in_range(now_ms() - began, 900, 4000);
    close(fd);
    bench_stop(bench);
}

/* ---- the end of a server */

static void *drain(void *arg)
{
    http_server_drain(((struct bench *)arg)->server, 5000);
    return NULL;
}

static void draining_lets_requests_finish(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench), idle = dial(bench);
    says(fd, GET("/hold"));
    await_held(bench, 1);
    pthread_t drainer;
    pthread_create(&drainer, NULL, drain, bench);
    usleep(100000);
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(late, (const struct sockaddr *)&bench->address, sizeof bench->address),
                     -1);
    close(late);
    echo(take_held(bench));
    struct answer answer = hear(fd);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.head, "Connection: close\r\n"));
    answer_release(&answer);
    pthread_join(drainer, NULL);
    assert_true(closed(fd));
    close(fd);
    bench_stop(bench);
    close(idle);
}

static void draining_ends_with_its_grace(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fd = dial(bench);
    says(fd, GET("/hold"));
    await_held(bench, 1);
    int64_t began = now_ms();
    http_server_drain(bench->server, 150);
    assert_in_range(now_ms() - began, 150, 2000);
    echo(take_held(bench)); /* still answered: only stopping gives up */
    expect(fd, 200, "GET|/hold||-|");
    close(fd);
    bench_stop(bench);
}

static void requests_may_outlive_the_server(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    int fds[5];
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(bench);
        says(fds[i],
             "POST /hold HTTP/1.1\r\nHost: h\r\nX-Probe: p\r\nContent-Length: 4\r\n\r\nbody");
    }
    await_held(bench, 5);
    http_server_stop(&bench->server);
    for (int i = 0; i < 5; i++) {
        struct http_request *request = take_held(bench);
        size_t len;
        assert_string_equal(http_body(request, &len), "body");
        assert_string_equal(http_header(request, "X-Probe"), "p");
        assert_string_equal(http_peer(request), "127.0.0.1");
        echo(request);
        assert_true(closed(fds[i]));
        close(fds[i]);
    }
    assert_int_equal(atomic_load(&bench->finished), 0);
    bench_stop(bench);
}

static void *stop_now(void *arg)
{
    http_server_stop(&((struct bench *)arg)->server);
    return NULL;
}

static void stopping_while_answers_come_is_safe(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct bench *bench = bench_start((struct http_config){0}, 2);
        int fds[8];
        for (int i = 0; i < 8; i++) {
            fds[i] = dial(bench);
            says(fds[i], i % 2 ? GET("/late") GET("/late") : GET("/late?dawdle") GET("/late"));
        }
        usleep((useconds_t)round * 40);
        pthread_t stopper;
        pthread_create(&stopper, NULL, stop_now, bench);
        pthread_join(stopper, NULL);
        for (int i = 0; i < 8; i++) {
            assert_true(closed(fds[i]));
            close(fds[i]);
        }
        bench_stop(bench);
    }
}

static void stopping_while_nonsense_comes_is_safe(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct bench *bench = bench_start((struct http_config){.request_timeout_ms = 1000}, 0);
        int fds[32];
        for (int i = 0; i < 32; i++) {
            fds[i] = dial(bench);
            says(fds[i], "GET / HTTP/1.1\r\nno header\r\n\r\n");
        }
        bench_stop(bench);
        for (int i = 0; i < 32; i++)
            close(fds[i]);
    }
}

/* ---- listening */

static void it_says_why_it_cannot_listen(void **state)
{
    (void)state;
    struct bench *bench = bench_start((struct http_config){0}, 0);
    assert_non_null(strstr(http_server_address(bench->server), "127.0.0.1:"));
    assert_false(http_server_tls(bench->server));
    char used[128];
    snprintf(used, sizeof used, "cannot listen on %s: address in use",
             http_server_address(bench->server));
    const struct {
        const char *listen, *cert, *key, *why;
    } cases[] = {
        {http_server_address(bench->server), NULL, NULL, used},
        {"127.0.0.1", NULL, NULL, "expected HOST:PORT"},
        {"::1:80", NULL, NULL, "expected HOST:PORT"},
        {"127.0.0.1:70000", NULL, NULL, "expected HOST:PORT"},
        {"127.0.0.1:", NULL, NULL, "expected HOST:PORT"},
        {"", NULL, NULL, "expected HOST:PORT"},
        {"192.0.2.1:0", NULL, NULL, "this machine has no such address"},
        {"127.0.0.1:0", "cert.pem", NULL, "there is no key"},
        {"127.0.0.1:0", NULL, "key.pem", "there is no certificate"},
        {"127.0.0.1:0", "/no/such/cert.pem", "/no/such/key.pem", "cannot read /no/such/cert.pem"},
    };
    struct http_callbacks table = callbacks(bench);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[256] = "";
        struct http_config config = {
            .listen = cases[i].listen, .tls_cert = cases[i].cert, .tls_key = cases[i].key};
        assert_null(http_server_start(&config, &table, why, sizeof why));
        if (!strstr(why, cases[i].why))
            fail_msg("'%s' does not say '%s'", why, cases[i].why);
    }
    char why[256];
    assert_false(http_server_reload_tls(bench->server, why, sizeof why));
    bench_stop(bench);
}

static void it_listens_wherever_it_can(void **state)
{
    (void)state;
    static const char *const places[] = {":0", "localhost:0", "0.0.0.0:0"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct bench *bench =
            bench_start((struct http_config){.listen = places[i], .threads = 1}, 0);
        /* A name may mean IPv6 first; then it is not reached over IPv4. */
        if (http_server_address(bench->server)[0] != '[' || places[i][0] == ':') {
            int fd = dial(bench);
            says(fd, GET("/peer"));
            expect(fd, 200, "127.0.0.1");
            close(fd);
        }
        bench_stop(bench);
    }
}

/* ---- TLS */

struct files {
    char dir[64], cert[128], key[128];
};

static void make_pair(const struct files *files, const char *name, const char *cert,
                      const char *key)
{
    char command[1024];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
             "-subj /CN=%s -keyout %s/%s -out %s/%s 2>/dev/null",
             name, files->dir, key, files->dir, cert);
    assert_int_equal(system(command), 0);
}

static void files_make(struct files *files)
{
    strcpy(files->dir, "/tmp/test_http_XXXXXX");
    assert_non_null(mkdtemp(files->dir));
    snprintf(files->cert, sizeof files->cert, "%s/cert.pem", files->dir);
    snprintf(files->key, sizeof files->key, "%s/key.pem", files->dir);
    make_pair(files, "first", "cert.pem", "key.pem");
}

static void files_remove(const struct files *files)
{
    char other[160];
    unlink(files->cert);
    unlink(files->key);
    snprintf(other, sizeof other, "%s/other.pem", files->dir);
    unlink(other);
    assert_int_equal(rmdir(files->dir), 0);
}

static void write_text(const char *file, const char *text)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

struct tls_client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

/* False where the handshake fails. The certificate is self-signed and not checked. */
static bool tls_dial(const struct bench *bench, const char *priorities, struct tls_client *client)
{
    client->fd = dial(bench);
    gnutls_certificate_allocate_credentials(&client->credentials);
    gnutls_init(&client->session, GNUTLS_CLIENT);
    gnutls_priority_set_direct(client->session, priorities, NULL);
    gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->credentials);
    gnutls_transport_set_int(client->session, client->fd);
    int rc;
    do
        rc = gnutls_handshake(client->session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    return rc >= 0;
}

static void tls_hang_up(struct tls_client *client)
{
    gnutls_deinit(client->session);
    gnutls_certificate_free_credentials(client->credentials);
    close(client->fd);
}

static void assert_shows(struct tls_client *client, const char *name)
{
    unsigned count;
    const gnutls_datum_t *raw = gnutls_certificate_get_peers(client->session, &count);
    assert_non_null(raw);
    gnutls_x509_crt_t cert;
    gnutls_x509_crt_init(&cert);
    assert_int_equal(gnutls_x509_crt_import(cert, raw, GNUTLS_X509_FMT_DER), 0);
    char dn[128];
    size_t len = sizeof dn;
    gnutls_x509_crt_get_dn(cert, dn, &len);
    gnutls_x509_crt_deinit(cert);
    assert_string_equal(dn + 3, name);
}

static void tls_ask(struct tls_client *client)
{
    const char request[] = "POST /late HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ntls";
    char answer[1024];
    size_t len = 0;
    assert_int_equal(gnutls_record_send(client->session, request, sizeof request - 1),
                     sizeof request - 1);
    do {
        ssize_t n = gnutls_record_recv(client->session, answer + len, sizeof answer - 1 - len);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            continue;
        assert_true(n > 0);
        len += (size_t)n;
        answer[len] = '\0';
    } while (!strstr(answer, "POST|/late||-|tls"));
}

static void tls_certificates_can_be_renewed(void **state)
{
    (void)state;
    struct files files;
    files_make(&files);
    struct bench *bench =
        bench_start((struct http_config){.tls_cert = files.cert, .tls_key = files.key}, 1);
    assert_true(http_server_tls(bench->server));
    struct tls_client before, after, old;
    assert_true(tls_dial(bench, "NORMAL", &before));
    assert_shows(&before, "first");
    tls_ask(&before);
    make_pair(&files, "second", "cert.pem", "key.pem");
    char why[256] = "";
    if (!http_server_reload_tls(bench->server, why, sizeof why))
        fail_msg("%s", why);
    assert_true(tls_dial(bench, "NORMAL", &after));
    assert_shows(&after, "second");
    tls_ask(&after);
    tls_ask(&before); /* goes on */
    assert_false(tls_dial(bench, "NORMAL:-VERS-ALL:+VERS-TLS1.1", &old));
    tls_hang_up(&before);
    tls_hang_up(&after);
    tls_hang_up(&old);
    bench_stop(bench);
    files_remove(&files);
}

static void bad_tls_files_are_told_and_change_nothing(void **state)
{
    (void)state;
    struct files files;
    files_make(&files);
    struct bench *bench =
        bench_start((struct http_config){.tls_cert = files.cert, .tls_key = files.key}, 1);
    char why[256];
    make_pair(&files, "other", "cert.pem", "other.pem");
    assert_false(http_server_reload_tls(bench->server, why, sizeof why));
    assert_non_null(strstr(why, "does not belong to the certificate"));
    write_text(files.key, "nonsense");
    assert_false(http_server_reload_tls(bench->server, why, sizeof why));
    assert_non_null(strstr(why, "holds no private key"));
    assert_null(strstr(why, "nonsense"));
    write_text(files.cert, "");
    assert_false(http_server_reload_tls(bench->server, why, sizeof why));
    assert_non_null(strstr(why, "holds no certificate"));
    unlink(files.cert);
    assert_false(http_server_reload_tls(bench->server, why, sizeof why));
    assert_non_null(strstr(why, "No such file"));
    struct tls_client client;
    assert_true(tls_dial(bench, "NORMAL", &client));
    assert_shows(&client, "first");
    tls_ask(&client);
    tls_hang_up(&client);
    bench_stop(bench);
    files_remove(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection_serves_many),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(targets_stay_as_sent),
        cmocka_unit_test(headers_are_found_without_case),
        cmocka_unit_test(bodies_arrive_either_way),
        cmocka_unit_test(body_up_to_its_limit_is_whole),
        cmocka_unit_test(head_requests_get_no_body),
        cmocka_unit_test(answer_headers_are_sent_and_cannot_be_split),
        cmocka_unit_test(requests_have_ids),
        cmocka_unit_test(late_answers_from_other_threads_arrive),
        cmocka_unit_test(client_may_leave_while_its_request_waits),
        cmocka_unit_test(too_long_a_body_is_refused_unread),
        cmocka_unit_test(too_long_a_chunked_body_is_refused),
        cmocka_unit_test(too_large_a_head_is_refused),
        cmocka_unit_test(ambiguous_lengths_are_refused),
        cmocka_unit_test(noise_does_no_harm),
        cmocka_unit_test(connections_are_limited_for_each_address),
        cmocka_unit_test(slow_clients_are_cut),
        cmocka_unit_test(waiting_for_the_handler_is_not_slowness),
        cmocka_unit_test(answers_that_nobody_reads_are_cut),
        cmocka_unit_test(idle_connections_are_closed),
        cmocka_unit_test(draining_lets_requests_finish),
        cmocka_unit_test(draining_ends_with_its_grace),
        cmocka_unit_test(requests_may_outlive_the_server),
        cmocka_unit_test(stopping_while_answers_come_is_safe),
        cmocka_unit_test(stopping_while_nonsense_comes_is_safe),
        cmocka_unit_test(it_says_why_it_cannot_listen),
        cmocka_unit_test(it_listens_wherever_it_can),
        cmocka_unit_test(tls_certificates_can_be_renewed),
        cmocka_unit_test(bad_tls_files_are_told_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
