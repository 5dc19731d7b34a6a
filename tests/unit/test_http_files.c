/* The HTTP layer with files: bodies that go to one, answers that come from one,
 * and parts of them. Over real sockets; every test ends by counting descriptors. */
#include "base/arena.h"
#include "base/hash.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* gcc says so one way, clang another. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { LIMIT = 20000, FILE_SIZE = 5 * 1024 * 1024 };
static const uint64_t LARGE = (uint64_t)(SANITIZED ? 256 : 2048) << 20;
enum { RISE_MOST_KB = 32 * 1024 };

struct stand {
    struct http_server *server;
    struct sockaddr_in address;
    char directory[64], spool[80], file[80];
    char *content; /* of the file */
    int descriptors;
    pthread_mutex_t lock;
    struct http_request *held;
    atomic_int holding, finished, lost;
    char trouble[256];
};

/* ---- what the server answers */

/* "WHERE LENGTH HASH": where the body was, and what a read in pieces gave. */
static void tell_body(struct http_request *request)
{
    int fd;
    uint64_t len, at = 0;
    char *piece = malloc(1 << 16), hex[HASH_HEX_ROOM];
    struct hash *hash = hash_new();
    bool in_file = http_body_file(request, &fd, &len);
    for (int64_t n; (n = http_body_read(request, at, piece, 1 << 16)) > 0; at += (uint64_t)n)
        hash_add(hash, piece, (size_t)n);
    hash_end_hex(hash, hex);
    hash_free(&hash);
    free(piece);
    size_t held;
    http_body(request, &held);
    bool agree = at == http_body_length(request) && at == (in_file ? len : held) &&
                 (!in_file || (held == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC));
    char *text = arena_printf(http_arena(request), "%s %llu %s",
                              !agree    ? "nowhere"
                              : in_file ? "file"
                                        : "memory",
                              (unsigned long long)at, hex);
    http_reply(request, 200, "text/plain", text, strlen(text));
}

static void send_file(struct stand *stand, struct http_request *request)
{
    unsigned long long offset = 0, len = FILE_SIZE;
    sscanf(http_query(request), "%llu,%llu", &offset, &len);
    http_reply_file(request, 200, "application/octet-stream", open(stand->file, O_RDONLY), offset,
                    len);
}

static void send_part(struct stand *stand, struct http_request *request)
{
    struct http_part part = http_part_asked(request, "\"e\"", FILE_SIZE);
    http_reply_part(request, &part, "application/octet-stream", "\"e\"",
                    open(stand->file, O_RDONLY), part.first);
}

static void handle(void *context, struct http_request *request)
{
    struct stand *stand = context;
    const char *path = http_path(request);
    if (strcmp(path, "/file") == 0) {
        send_file(stand, request);
        http_reply_file(request, 200, NULL, open(stand->file, O_RDONLY), 0, 1); /* does nothing */
    } else if (strcmp(path, "/part") == 0) {
        send_part(stand, request);
    } else if (strcmp(path, "/hold") == 0) {
        pthread_mutex_lock(&stand->lock);
        stand->held = request;
        pthread_mutex_unlock(&stand->lock);
        atomic_store(&stand->holding, 1);
    } else {
        tell_body(request);
    }
}

static size_t body_limit(void *context, struct http_request *request)
{
    (void)context;
    const char *path = http_path(request);
    if (strcmp(path, "/small") == 0)
        return LIMIT;
    if (strcmp(path, "/memory") == 0)
        return 1 << 20;
    http_body_to_file(request);
    return strcmp(path, "/middle") == 0 ? 1 << 20 : (size_t)4 << 30;
}

static void refuse(void *context, struct http_request *request, int status)
{
    struct stand *stand = context;
    const char *why = http_trouble(request);
    snprintf(stand->trouble, sizeof stand->trouble, "%s", why ? why : "");
    http_reply(request, status, "text/plain", "refused", 7);
}

static void finished(void *context, struct http_request *request, int status, size_t sent,
                     int64_t duration_us)
{
    struct stand *stand = context;
    (void)request;
    (void)sent;
    (void)duration_us;
    if (!status)
        atomic_fetch_add(&stand->lost, 1);
    atomic_fetch_add(&stand->finished, 1);
}

/* ---- a stand for each test */

static int count_in(const char *directory)
{
    DIR *dir = opendir(directory);
    int count = 0;
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void fill_file(struct stand *stand)
{
    uint32_t x = 99;
    stand->content = malloc(FILE_SIZE);
    for (size_t i = 0; i < FILE_SIZE; i++) {
        x = x * 1664525u + 1013904223u;
        stand->content[i] = (char)(x >> 24);
    }
    FILE *out = fopen(stand->file, "w");
    assert_int_equal(fwrite(stand->content, 1, FILE_SIZE, out), FILE_SIZE);
    fclose(out);
}

static void stand_serve(struct stand *stand, struct http_config config)
{
    http_server_stop(&stand->server);
    config.listen = "127.0.0.1:0";
    config.threads = 2;
    config.body_limit = LIMIT;
    if (!config.spool)
        config.spool = stand->spool;
    struct http_callbacks callbacks = {.handle = handle,
                                       .body_limit = body_limit,
                                       .refuse = refuse,
                                       .finished = finished,
                                       .context = stand};
    char why[256] = "";
    stand->server = http_server_start(&config, &callbacks, why, sizeof why);
    if (!stand->server)
        fail_msg("%s", why);
    const char *port = strrchr(http_server_address(stand->server), ':');
    stand->address = (struct sockaddr_in){.sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)atoi(port + 1)),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    stand->descriptors = count_in("/proc/self/fd");
}

static struct stand *stand_start(struct http_config config)
{
    struct stand *stand = calloc(1, sizeof *stand);
    pthread_mutex_init(&stand->lock, NULL);
    snprintf(stand->directory, sizeof stand->directory, "/tmp/easel-http-XXXXXX");
    assert_non_null(mkdtemp(stand->directory));
    snprintf(stand->spool, sizeof stand->spool, "%s/spool", stand->directory);
    snprintf(stand->file, sizeof stand->file, "%s/file", stand->directory);
    assert_int_equal(mkdir(stand->spool, 0700), 0);
    fill_file(stand);
    stand_serve(stand, config);
    return stand;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define AWAIT(condition)                                               \
    for (int64_t until = now_ms() + 20000; !(condition); usleep(1000)) \
    assert_true(now_ms() < until)

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
    (void)st;
    (void)flag;
    (void)walk;
    return remove(path);
}

/* Nothing is left: no descriptor, no file. */
static void stand_check(struct stand *stand)
{
    AWAIT(count_in("/proc/self/fd") == stand->descriptors);
    assert_int_equal(count_in(stand->spool), 2);
}

static void stand_stop(struct stand *stand)
{
    if (stand->server) {
        stand_check(stand);
        http_server_stop(&stand->server);
    }
    nftw(stand->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    pthread_mutex_destroy(&stand->lock);
    free(stand->content);
    free(stand);
}

/* ---- clients */

static int dial(const struct stand *stand)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_return_code(connect(fd, (const struct sockaddr *)&stand->address, sizeof stand->address),
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

__attribute__((format(printf, 2, 3))) static void sayf(int fd, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(fd, text, (size_t)n);
}

struct answer {
    int status; /* 0: the connection ended before it was whole */
    char head[2048];
    char *body;
    size_t len;
};

static struct answer hear(int fd)
{
    struct answer answer = {0};
    size_t at = 0;
    while (at < sizeof answer.head - 1 && !strstr(answer.head, "\r\n\r\n")) {
        if (recv(fd, answer.head + at, 1, 0) != 1)
            return answer;
        at++;
    }
    const char *length = strcasestr(answer.head, "\r\nContent-Length: ");
    size_t len = length ? strtoul(length + 18, NULL, 10) : 0;
    answer.body = calloc(1, len + 1);
    while (answer.len < len) {
        ssize_t n = recv(fd, answer.body + answer.len, len - answer.len, 0);
        if (n <= 0)
            break;
        answer.len += (size_t)n;
    }
    if (answer.len == len)
        answer.status = atoi(answer.head + 9);
    return answer;
}

static void expect(int fd, int status, const char *body)
{
    struct answer answer = hear(fd);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.body, body);
    free(answer.body);
}

static void expect_content(const struct stand *stand, int fd, int status, size_t first, size_t len)
{
    struct answer answer = hear(fd);
    assert_int_equal(answer.status, status);
    assert_int_equal(answer.len, len);
    assert_memory_equal(answer.body, stand->content + first, len);
    free(answer.body);
}

/* Sends `len` bytes of a pattern and says what the server should make of them. */
static bool send_pattern(int fd, uint64_t len, bool chunked, char hex[HASH_HEX_ROOM])
{
    enum { PIECE = 1 << 16 };
    char *piece = malloc(PIECE);
    for (size_t i = 0; i < PIECE; i++)
        piece[i] = (char)(i * 7 + (i >> 8));
    struct hash *hash = hash_new();
    bool sent = true;
    for (uint64_t at = 0; at < len && sent;) {
        size_t n = len - at < PIECE ? (size_t)(len - at) : PIECE;
        hash_add(hash, piece, n);
        if (chunked)
            sayf(fd, "%zx\r\n", n);
        sent = say(fd, piece, n) && (!chunked || say(fd, "\r\n", 2));
        at += n;
    }
    if (chunked)
        sayf(fd, "0\r\n\r\n");
    hash_end_hex(hash, hex);
    hash_free(&hash);
    free(piece);
    return sent;
}

static void post(int fd, const char *path, uint64_t len, bool chunked, char hex[HASH_HEX_ROOM])
{
    if (chunked)
        sayf(fd, "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    else
        sayf(fd, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %llu\r\n\r\n", path,
             (unsigned long long)len);
    send_pattern(fd, len, chunked, hex);
}

/* ---- bodies */

static void bodies_are_where_they_should_be(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint64_t len;
        const char *where;
    } cases[] = {
        {"/small", 0, "memory"},      {"/small", 1, "memory"},
        {"/small", LIMIT, "memory"},  {"/middle", 0, "memory"},
        {"/middle", 1, "memory"},     {"/middle", LIMIT + 1, "memory"},
        {"/middle", 65535, "memory"}, {"/middle", 65536, "file"},
        {"/middle", 65537, "file"},   {"/middle", 1 << 20, "file"},
        {"/large", 131070, "file"},   {"/large", 131071, "file"},
        {"/large", 9999999, "file"},  {"/memory", 1 << 20, "memory"},
    };
    struct stand *stand = stand_start((struct http_config){0});
    for (int chunked = 0; chunked < 2; chunked++) {
        int fd = dial(stand);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            char hex[HASH_HEX_ROOM], wanted[128];
            post(fd, cases[i].path, cases[i].len, chunked, hex);
            snprintf(wanted, sizeof wanted, "%s %llu %s", cases[i].where,
                     (unsigned long long)cases[i].len, hex);
            expect(fd, 200, wanted);
        }
        close(fd);
    }
    stand_stop(stand);
}

static void limits_hold_for_files_too(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){0});
    char hex[HASH_HEX_ROOM];
    int fd = dial(stand);
    sayf(fd, "POST /middle HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", (1 << 20) + 1);
    expect(fd, 413, "refused");
    close(fd);
    fd = dial(stand);
    post(fd, "/middle", (1 << 20) + 1, true, hex);
    expect(fd, 413, "refused");
    assert_string_equal(stand->trouble, "");
    close(fd);
    stand_stop(stand);
}

static void who_leaves_leaves_no_file(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){0});
    for (int i = 0; i < 20; i++) {
        char hex[HASH_HEX_ROOM];
        int fd = dial(stand);
        sayf(fd, "POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n");
        send_pattern(fd, 1000000, false, hex);
        close(fd);
    }
    AWAIT(atomic_load(&stand->lost) == 20);
    stand_stop(stand);
}

static void slow_bodies_are_cut_and_leave_no_file(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){.request_timeout_ms = 300});
    char hex[HASH_HEX_ROOM], byte;
    int fd = dial(stand);
    sayf(fd, "POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n");
    /* As much as earns it nothing: still in memory. */
    send_pattern(fd, 60000, false, hex);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    AWAIT(atomic_load(&stand->lost) == 1);
    close(fd);
    stand_stop(stand);
}

static void bodies_that_keep_coming_get_their_time(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){.request_timeout_ms = 200});
    int fd = dial(stand);
    char piece[70000] = {0};
    enum { PIECES = 10 };
    sayf(fd, "POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
         PIECES * sizeof piece);
    /* A second in all, five times what a request may take; 70 KB earn four more. */
    for (int i = 0; i < PIECES; i++, usleep(100000))
        assert_true(say(fd, piece, sizeof piece));
    struct answer answer = hear(fd);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "file 700000 "));
    free(answer.body);
    close(fd);
    stand_stop(stand);
}

static void bodies_together_have_a_limit(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){.spool_limit = 3000000});
    char hex[HASH_HEX_ROOM], wanted[128];
    for (int i = 0; i < 2; i++) { /* what the first round took is given back */
        int first = dial(stand), second = dial(stand);
        sayf(first, "POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 2500001\r\n\r\n");
        send_pattern(first, 2500000, false, hex);
        sayf(second, "POST /alive HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        struct answer answer = hear(second);
        free(answer.body);
        /* The loop of the first may still be at it: ask until there is no room. */
        int status = 200;
        for (int64_t until = now_ms() + 20000; status == 200; usleep(1000)) {
            assert_true(now_ms() < until);
            post(second, "/large", 600000, false, hex);
            answer = hear(second);
            status = answer.status;
            free(answer.body);
        }
        assert_int_equal(status, 503);
        assert_non_null(strstr(stand->trouble, "together"));
        close(first);
        close(second);
        stand_check(stand);
    }
    int fd = dial(stand);
    post(fd, "/large", 3000000, false, hex);
    snprintf(wanted, sizeof wanted, "file 3000000 %s", hex);
    expect(fd, 200, wanted);
    close(fd);
    stand_stop(stand);
}

static void full_disks_are_told(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){0});
    struct rlimit before;
    char hex[HASH_HEX_ROOM];
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 100000, .rlim_max = before.rlim_max});
    int fd = dial(stand);
    post(fd, "/large", 900000, false, hex);
    expect(fd, 507, "refused");
    assert_non_null(strstr(stand->trouble, "File too large"));
    setrlimit(RLIMIT_FSIZE, &before);
    close(fd);
    fd = dial(stand);
    post(fd, "/large", 900000, false, hex);
    struct answer answer = hear(fd);
    assert_int_equal(answer.status, 200);
    free(answer.body);
    close(fd);
    stand_stop(stand);
}

static void a_missing_directory_is_told(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){.spool = "/nowhere/spool"});
    char hex[HASH_HEX_ROOM];
    int fd = dial(stand);
    post(fd, "/large", 900000, false, hex);
    expect(fd, 507, "refused");
    assert_non_null(strstr(stand->trouble, "/nowhere/spool: No such file"));
    close(fd);
    stand_stop(stand);
}

static void the_server_stops_with_bodies_in_files(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){0});
    int before = stand->descriptors;
    char hex[HASH_HEX_ROOM];
    int coming = dial(stand), held = dial(stand);
    sayf(coming, "POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n");
    send_pattern(coming, 1000000, false, hex);
    post(held, "/hold", 1000000, false, hex);
    AWAIT(atomic_load(&stand->holding));
    http_server_stop(&stand->server);
    tell_body(stand->held); /* the request is whole, and its body with it */
    close(coming);
    close(held);
    /* The server's own are gone now, too. */
    assert_true(count_in("/proc/self/fd") < before);
    assert_int_equal(count_in(stand->spool), 2);
    stand_stop(stand);
}

/* ---- memory */

static long status_kb(const char *name)
{
    char line[256];
    long kb = -1;
    FILE *in = fopen("/proc/self/status", "r");
    assert_non_null(in);
    while (kb < 0 && fgets(line, sizeof line, in))
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtol(line + strlen(name) + 1, NULL, 10);
    fclose(in);
    assert_true(kb > 0);
    return kb;
}

/* The peak begins anew at what is resident now. */
static void forget_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "5", 1), 1);
    close(fd);
}

static void large_bodies_take_no_memory(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){0});
    char hex[HASH_HEX_ROOM], wanted[128];
    int fd = dial(stand);
    forget_peak();
    long before = status_kb("VmRSS:");
    post(fd, "/large", LARGE, false, hex);
    snprintf(wanted, sizeof wanted, "file %llu %s", (unsigned long long)LARGE, hex);
    expect(fd, 200, wanted);
    long rise = status_kb("VmHWM:") - before;
    print_message("           %llu MiB raised resident memory by %ld KiB\n",
                  (unsigned long long)(LARGE >> 20), rise);
    assert_true(rise < RISE_MOST_KB);
    close(fd);
    stand_stop(stand);
}

/* ---- answers */

static void files_are_sent(void **state)
{
    (void)state;
    static const struct {
        size_t offset, len;
    } cases[] = {{0, FILE_SIZE}, {0, 1}, {1, 1}, {FILE_SIZE - 1, 1}, {12345, 2000000}, {7, 0}};
    struct stand *stand = stand_start((struct http_config){0});
    int fd = dial(stand);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sayf(fd, "GET /file?%zu,%zu HTTP/1.1\r\nHost: h\r\n\r\n", cases[i].offset, cases[i].len);
        expect_content(stand, fd, 200, cases[i].offset, cases[i].len);
    }
    sayf(fd, "HEAD /file HTTP/1.1\r\nHost: h\r\n\r\nGET /file?3,4 HTTP/1.1\r\nHost: h\r\n\r\n");
    char head[1024] = "";
    for (size_t at = 0; !strstr(head, "\r\n\r\n"); at++)
        assert_int_equal(recv(fd, head + at, 1, 0), 1);
    assert_non_null(strstr(head, "Content-Length: 5242880"));
    expect_content(stand, fd, 200, 3, 4);
    close(fd);
    stand_stop(stand);
}

static void files_that_are_too_short_are_not_begun(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){0});
    int fd = dial(stand);
    sayf(fd, "GET /file?0,%d HTTP/1.1\r\nHost: h\r\n\r\n", FILE_SIZE + 1);
    expect(fd, 500, "");
    sayf(fd, "GET /file?%d,1 HTTP/1.1\r\nHost: h\r\n\r\n", FILE_SIZE);
    expect(fd, 500, "");
    sayf(fd, "GET /file?18446744073709551615,2 HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(fd, 500, "");
    close(fd);
    stand_stop(stand);
}

static void who_leaves_a_download_leaves_no_file(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){0});
    for (int i = 0; i < 20; i++) {
        char bytes[1000];
        int fd = dial(stand);
        sayf(fd, "GET /file HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_true(recv(fd, bytes, sizeof bytes, 0) > 0);
        close(fd);
    }
    AWAIT(atomic_load(&stand->finished) == 20);
    stand_stop(stand);
}

static void *send_later(void *arg)
{
    struct stand *stand = arg;
    send_file(stand, stand->held);
    return NULL;
}

static void files_come_from_other_threads(void **state)
{
    (void)state;
    for (int leaves = 0; leaves < 2; leaves++) {
        struct stand *stand = stand_start((struct http_config){0});
        pthread_t thread;
        int fd = dial(stand);
        sayf(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
        AWAIT(atomic_load(&stand->holding));
        if (leaves)
            close(fd);
        assert_int_equal(pthread_create(&thread, NULL, send_later, stand), 0);
        pthread_join(thread, NULL);
        if (!leaves) {
            expect_content(stand, fd, 200, 0, FILE_SIZE);
            close(fd);
        }
        AWAIT(atomic_load(&stand->finished) == 1);
        stand_stop(stand);
    }
}

static void an_answer_that_comes_too_late_closes_its_file(void **state)
{
    (void)state;
    struct stand *stand = stand_start((struct http_config){0});
    int fd = dial(stand);
    sayf(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    AWAIT(atomic_load(&stand->holding));
    http_server_stop(&stand->server);
    int before = count_in("/proc/self/fd");
    send_file(stand, stand->held);
    assert_int_equal(count_in("/proc/self/fd"), before);
    close(fd);
    stand_stop(stand);
}

/* ---- over TLS, where the kernel cannot send the file by itself */

static void make_certificate(const struct stand *stand, char cert[96], char key[96])
{
    char command[512];
    snprintf(cert, 96, "%s/cert.pem", stand->directory);
    snprintf(key, 96, "%s/key.pem", stand->directory);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
             "-subj /CN=h -keyout %s -out %s 2>/dev/null",
             key, cert);
    assert_int_equal(system(command), 0);
}

static void tls_say(gnutls_session_t session, const char *bytes, size_t len)
{
    for (ssize_t n; len; bytes += n, len -= (size_t)n) {
        n = gnutls_record_send(session, bytes, len);
        assert_true(n > 0);
    }
}

/* Reads to the end of the connection. */
static char *tls_hear(gnutls_session_t session, size_t *len_r)
{
    size_t room = FILE_SIZE + 4096;
    char *answer = calloc(1, room + 1);
    ssize_t n;
    *len_r = 0;
    while ((n = gnutls_record_recv(session, answer + *len_r, room - *len_r)) > 0 ||
           n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
        *len_r += n > 0 ? (size_t)n : 0;
    return answer;
}

static char *tls_ask(const struct stand *stand, const char *head, const char *body, size_t body_len,
                     size_t *len_r)
{
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    int fd = dial(stand), rc;
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_priority_set_direct(session, "NORMAL", NULL);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, fd);
    do
        rc = gnutls_handshake(session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    assert_int_equal(rc, 0);
    tls_say(session, head, strlen(head));
    tls_say(session, body, body_len);
    char *answer = tls_hear(session, len_r);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    close(fd);
    return answer;
}

static void files_go_over_tls(void **state)
{
    (void)state;
    char cert[96], key[96], hex[HASH_HEX_ROOM], wanted[128];
    struct stand *stand = stand_start((struct http_config){0});
    make_certificate(stand, cert, key);
    stand_serve(stand, (struct http_config){.tls_cert = cert, .tls_key = key});
    size_t len;
    char *answer = tls_ask(stand,
                           "GET /part HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                           "Range: bytes=1000-\r\n\r\n",
                           "", 0, &len);
    char *body = strstr(answer, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strncmp(answer, "HTTP/1.1 206", 12), 0);
    assert_int_equal(len - (size_t)(body + 4 - answer), FILE_SIZE - 1000);
    assert_memory_equal(body + 4, stand->content + 1000, FILE_SIZE - 1000);
    free(answer);
    answer = tls_ask(stand,
                     "POST /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                     "Content-Length: 5242880\r\n\r\n",
                     stand->content, FILE_SIZE, &len);
    hash_hex(stand->content, FILE_SIZE, hex);
    snprintf(wanted, sizeof wanted, "file 5242880 %s", hex);
    assert_non_null(strstr(answer, wanted));
    free(answer);
    stand_stop(stand);
}

/* ---- parts */

static void ranges_are_read_as_the_rfc_says(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        uint64_t size;
        int status;
        uint64_t first, len;
    } cases[] = {
        {NULL, 10, 200, 0, 10},
        {"bytes=0-9", 10, 206, 0, 10},
        {"bytes=0-0", 10, 206, 0, 1},
        {"bytes=9-", 10, 206, 9, 1},
        {"bytes=3-5", 10, 206, 3, 3},
        {"bytes=3-99", 10, 206, 3, 7},
        {"bytes=3-", 10, 206, 3, 7},
        {"bytes=-3", 10, 206, 7, 3},
        {"bytes=-10", 10, 206, 0, 10},
        {"bytes=-99", 10, 206, 0, 10},
        {"BYTES=1-2", 10, 206, 1, 2},
        {"bytes= 1-2 ", 10, 206, 1, 2},
        {"bytes=,1-2,,", 10, 206, 1, 2},
        {"bytes=10-", 10, 416, 0, 0},
        {"bytes=10-20", 10, 416, 0, 0},
        {"bytes=-0", 10, 416, 0, 0},
        {"bytes=0-", 0, 416, 0, 0},
        {"bytes=-5", 0, 200, 0, 0},
        {"bytes=99999999999999999999999-", 10, 416, 0, 0},
        {"bytes=0-99999999999999999999999", 10, 206, 0, 10},
        {"bytes=-99999999999999999999999", 10, 206, 0, 10},
        {"bytes=18446744073709551615-", UINT64_MAX, 416, 0, 0},
        {"bytes=18446744073709551614-", UINT64_MAX, 206, UINT64_MAX - 1, 1},
        {"bytes=0-18446744073709551615", UINT64_MAX, 206, 0, UINT64_MAX},
        {"bytes=5-3", 10, 200, 0, 10},
        {"bytes=0-1,3-4", 10, 200, 0, 10},
        {"bytes=1-2 3-4", 10, 200, 0, 10},
        {"bytes=", 10, 200, 0, 10},
        {"bytes=-", 10, 200, 0, 10},
        {"bytes=--1", 10, 200, 0, 10},
        {"bytes=a-b", 10, 200, 0, 10},
        {"bytes=1", 10, 200, 0, 10},
        {"bytes=+1-2", 10, 200, 0, 10},
        {"bytes=1 -2", 10, 200, 0, 10},
        {"bytes =1-2", 10, 200, 0, 10},
        {"items=1-2", 10, 200, 0, 10},
        {"1-2", 10, 200, 0, 10},
        {"", 10, 200, 0, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_part part = http_part_of(cases[i].range, NULL, "\"e\"", cases[i].size);
        if (part.status != cases[i].status || part.first != cases[i].first ||
            part.len != cases[i].len || part.size != cases[i].size)
            fail_msg("%s of %llu: %d, %llu from %llu on", cases[i].range,
                     (unsigned long long)cases[i].size, part.status, (unsigned long long)part.len,
                     (unsigned long long)part.first);
    }
}

static void parts_of_another_state_are_not_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *if_range, *etag;
        int status;
    } cases[] = {
        {NULL, NULL, 206},         {NULL, "\"e\"", 206},
        {"\"e\"", "\"e\"", 206},   {"\"f\"", "\"e\"", 200},
        {"W/\"e\"", "\"e\"", 200}, {"\"e\"", NULL, 200},
        {"", "\"e\"", 200},        {"Tue, 15 Nov 1994 12:45:26 GMT", "\"e\"", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(http_part_of("bytes=1-2", cases[i].if_range, cases[i].etag, 10).status,
                         cases[i].status);
}

static void tags_are_found_in_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool listed;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"*", true},
        {" * ", true},
        {"*, \"a\"", false},
        {"\"e\"", true},
        {"W/\"e\"", true},
        {"w/\"e\"", false},
        {"\"a\", \"e\"", true},
        {"\"a\",W/\"e\",\"b\"", true},
        {", ,\"e\" ,", true},
        {"\"a,\"e\"", false},
        {"\"a\" \"e\"", true},
        {"e", false},
        {"\"e", false},
        {"\"E\"", false},
        {"a, \"e\"", false},
        {"\"\"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (http_etag_listed(cases[i].list, "\"e\"") != cases[i].listed)
            fail_msg("%s", cases[i].list ? cases[i].list : "none");
}

static void parts_are_sent(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        int status;
        size_t first, len;
        const char *range;
    } cases[] = {
        {"", 200, 0, FILE_SIZE, NULL},
        {"Range: bytes=100-199\r\n", 206, 100, 100, "bytes 100-199/5242880"},
        {"Range: bytes=-5\r\n", 206, FILE_SIZE - 5, 5, "bytes 5242875-5242879/5242880"},
        {"Range: bytes=1000000-\r\n", 206, 1000000, FILE_SIZE - 1000000,
         "bytes 1000000-5242879/5242880"},
        {"Range: bytes=5-9\r\nIf-Range: \"e\"\r\n", 206, 5, 5, "bytes 5-9/5242880"},
        {"Range: bytes=5-9\r\nIf-Range: \"old\"\r\n", 200, 0, FILE_SIZE, NULL},
        {"Range: bytes=5242880-\r\n", 416, 0, 0, "bytes */5242880"},
    };
    struct stand *stand = stand_start((struct http_config){0});
    int fd = dial(stand);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sayf(fd, "GET /part HTTP/1.1\r\nHost: h\r\n%s\r\n", cases[i].headers);
        struct answer answer = hear(fd);
        char line[80] = "Content-Range: ";
        assert_int_equal(answer.status, cases[i].status);
        assert_int_equal(answer.len, cases[i].len);
        assert_memory_equal(answer.body, stand->content + cases[i].first, cases[i].len);
        assert_non_null(strstr(answer.head, "Accept-Ranges: bytes\r\n"));
        assert_non_null(strstr(answer.head, "ETag: \"e\"\r\n"));
        if (cases[i].range)
            snprintf(line, sizeof line, "Content-Range: %s\r\n", cases[i].range);
        assert_int_equal(strstr(answer.head, line) != NULL, cases[i].range != NULL);
        free(answer.body);
    }
    /* A range is for GET alone (RFC 9110, section 14.2). */
    char hex[HASH_HEX_ROOM];
    sayf(fd, "POST /part HTTP/1.1\r\nHost: h\r\nRange: bytes=1-2\r\nContent-Length: 1\r\n\r\n");
    send_pattern(fd, 1, false, hex);
    expect_content(stand, fd, 200, 0, FILE_SIZE);
    close(fd);
    stand_stop(stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_where_they_should_be),
        cmocka_unit_test(limits_hold_for_files_too),
        cmocka_unit_test(who_leaves_leaves_no_file),
        cmocka_unit_test(slow_bodies_are_cut_and_leave_no_file),
        cmocka_unit_test(bodies_that_keep_coming_get_their_time),
        cmocka_unit_test(bodies_together_have_a_limit),
        cmocka_unit_test(full_disks_are_told),
        cmocka_unit_test(a_missing_directory_is_told),
        cmocka_unit_test(the_server_stops_with_bodies_in_files),
        cmocka_unit_test(large_bodies_take_no_memory),
        cmocka_unit_test(files_are_sent),
        cmocka_unit_test(files_that_are_too_short_are_not_begun),
        cmocka_unit_test(who_leaves_a_download_leaves_no_file),
        cmocka_unit_test(files_come_from_other_threads),
        cmocka_unit_test(an_answer_that_comes_too_late_closes_its_file),
        cmocka_unit_test(files_go_over_tls),
        cmocka_unit_test(ranges_are_read_as_the_rfc_says),
        cmocka_unit_test(parts_of_another_state_are_not_wanted),
        cmocka_unit_test(tags_are_found_in_lists),
        cmocka_unit_test(parts_are_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
