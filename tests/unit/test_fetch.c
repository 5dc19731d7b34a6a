/* test_fetch: which addresses and URLs may be fetched from, and one fetch whose
 * answer comes from a socket of the test's own. What a provider can do on the wire
 * stands in tests/api/test_eas_hostile.py. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "fetch/fetch.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static bool admitted(const char *networks, const char *address, const char **kind_r)
{
    struct networks list;
    char why[200];
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (!networks_parse(networks, &list, why, sizeof why))
        fail_msg("%s: %s", networks, why);
    if (inet_pton(AF_INET, address, &four.sin_addr) == 1)
        return networks_admit(&list, (const struct sockaddr *)&four, kind_r);
    assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
    return networks_admit(&list, (const struct sockaddr *)&six, kind_r);
}

static void public_addresses_and_others(void **state)
{
    static const struct {
        const char *address, *kind; /* NULL: public */
    } rows[] = {
        {"1.1.1.1", NULL},
        {"8.8.8.8", NULL},
        {"9.255.255.255", NULL},
        {"10.0.0.0", "a private address"},
        {"10.255.255.255", "a private address"},
        {"11.0.0.0", NULL},
        {"0.0.0.0", "an address of no host"},
        {"0.255.0.1", "an address of no host"},
        {"100.63.255.255", NULL},
        {"100.64.0.0", "a shared address"},
        {"100.127.255.255", "a shared address"},
        {"100.128.0.0", NULL},
        {"126.255.255.255", NULL},
        {"127.0.0.1", "a loopback address"},
        {"127.255.255.255", "a loopback address"},
        {"128.0.0.0", NULL},
        {"169.253.255.255", NULL},
        {"169.254.169.254", "a link-local address"},
        {"172.15.255.255", NULL},
        {"172.16.0.0", "a private address"},
        {"172.31.255.255", "a private address"},
        {"172.32.0.0", NULL},
        {"192.0.0.8", "a special-purpose address"},
        {"192.0.2.1", "a documentation address"},
        {"192.88.99.1", "a special-purpose address"},
        {"192.168.255.255", "a private address"},
        {"192.169.0.0", NULL},
        {"198.18.0.1", "a benchmarking address"},
        {"198.19.255.255", "a benchmarking address"},
        {"198.20.0.0", NULL},
        {"198.51.100.7", "a documentation address"},
        {"203.0.113.7", "a documentation address"},
        {"223.255.255.255", NULL},
        {"224.0.0.1", "a multicast address"},
        {"240.0.0.1", "a reserved address"},
        {"255.255.255.255", "a reserved address"},
        {"::", "an address of no host"},
        {"::1", "a loopback address"},
        {"::2", "a reserved address"},
        {"::127.0.0.1", "a reserved address"},
        {"::ffff:127.0.0.1", "a loopback address"},
        {"::ffff:8.8.8.8", NULL},
        {"64:ff9b::10.0.0.1", "a private address"},
        {"64:ff9b::8.8.8.8", NULL},
        {"64:ff9b:1::1", "a reserved address"},
        {"100::1", "a reserved address"},
        {"2001::1", "a special-purpose address"},
        {"2001:1ff::1", "a special-purpose address"},
        {"2001:200::1", NULL},
        {"2001:4860:4860::8888", NULL},
        {"2001:db8::1", "a documentation address"},
        {"2002:7f00:1::", "a 6to4 address"},
        {"2606:4700::1111", NULL},
        {"3fff::1", "a documentation address"},
        {"4000::1", "a reserved address"},
        {"fc00::1", "a private address"},
        {"fdff::1", "a private address"},
        {"fe80::1", "a link-local address"},
        {"fec0::1", "a reserved address"},
        {"ff02::1", "a multicast address"},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const char *kind;
        bool admit = admitted("", rows[i].address, &kind);
        if (admit != !rows[i].kind || (!admit && strcmp(kind, rows[i].kind) != 0))
            fail_msg("%s: %s", rows[i].address, admit ? "public" : kind);
    }
}

static void networks_that_are_allowed(void **state)
{
    static const struct {
        const char *networks, *address;
        bool admit;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.1", "::ffff:127.0.0.1", true},
        {"127.0.0.1", "::1", false},
        {"10.1.2.128/25", "10.1.2.127", false},
        {"10.1.2.128/25", "10.1.2.128", true},
        {"10.1.2.0/31, ::1", "10.1.2.1", true},
        {"10.1.2.0/31 ::1", "10.1.2.2", false},
        {"10.1.2.0/31 ::1", "::1", true},
        {"fd00::/8", "fdab::1", true},
        {"fd00::/8", "fc00::1", false},
        {"0.0.0.0/0", "169.254.169.254", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "fe80::1", true},
        {"::/0", "127.0.0.1", false},
        {"::/0", "::ffff:127.0.0.1", false},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const char *kind;
        if (admitted(rows[i].networks, rows[i].address, &kind) != rows[i].admit)
            fail_msg("%s with %s", rows[i].address, rows[i].networks);
    }
}

static void lists_of_no_form(void **state)
{
    static const char *const rows[] = {"x",          "10.0.0.0/33", "10.0.0.0/",   "10.0.0.0/-1",
                                       "10.0.0/8",   "::/129",      "/8",          "10.0.0.0/8x",
                                       "10.0.0.1;1", "localhost",   "10.0.0.0/8 y"};
    struct networks list;
    char why[200], many[2000] = "";
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        why[0] = '\0';
        if (networks_parse(rows[i], &list, why, sizeof why) || !*why)
            fail_msg("'%s' is taken", rows[i]);
    }
    for (int i = 0; i < NETWORKS_MOST; i++)
        memcpy(many + 4 * i, "::1 ", 5);
    assert_true(networks_parse(many, &list, why, sizeof why));
    memcpy(many + 4 * (size_t)NETWORKS_MOST, "::1", 4);
    assert_false(networks_parse(many, &list, why, sizeof why));
}

static void urls(void **state)
{
    static const struct {
        const char *url;
        bool https, http; /* good with https alone, and where http may be */
    } rows[] = {
        {"https://example.com", true, true},
        {"https://example.com:8443/a?b=c", true, true},
        {"https://[::1]/", true, true},
        {"HTTPS://EXAMPLE.COM/", true, true},
        {"http://example.com", false, true},
        {"ftp://example.com", false, false},
        {"file:///etc/passwd", false, false},
        {"gopher://example.com/", false, false},
        {"javascript:x", false, false},
        {"example.com", false, false},
        {"//example.com", false, false},
        {"", false, false},
        {"https://", false, false},
        {"https://user@example.com", false, false},
        {"https://:secret@example.com", false, false},
        {"https://example.com/a b", false, false},
        {"https://example.com/\n", false, false},
        {"https://ex\xC3\xA4mple.com", false, false},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++)
        if (!fetch_url_fault(rows[i].url, false) != rows[i].https ||
            !fetch_url_fault(rows[i].url, true) != rows[i].http)
            fail_msg("%s", rows[i].url);
}

/* ---- one fetch */

struct serving {
    int listener;
    const char *answer;
    char asked[4096];
};

static void *serve(void *context)
{
    struct serving *s = context;
    int fd = accept(s->listener, NULL, NULL);
    size_t len = 0;
    ssize_t got;
    while (!strstr(s->asked, "\r\n\r\n") &&
           (got = read(fd, s->asked + len, sizeof s->asked - 1 - len)) > 0)
        len += (size_t)got;
    if (write(fd, s->answer, strlen(s->answer)) < 0)
        s->asked[0] = '\0';
    close(fd);
    return NULL;
}

/* Fetches from a listener that gives `answer`; false where nothing came. */
static bool fetched(struct arena *arena, const char *answer, struct serving *s,
                    struct fetch_answer *answer_r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    pthread_t thread;
    struct fetch_guard guard = {.plain_http = true, .timeout_ms = 10000, .max_bytes = 100};
    char why[100];
    *s = (struct serving){.listener = socket(AF_INET, SOCK_STREAM, 0), .answer = answer};
    assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &size), 0);
    assert_true(networks_parse("127.0.0.1", &guard.networks, why, sizeof why));
    assert_int_equal(pthread_create(&thread, NULL, serve, s), 0);
    bool ok = fetch_get(&guard, arena,
                        arena_printf(arena, "http://127.0.0.1:%d/x", ntohs(at.sin_port)), answer_r);
    pthread_join(thread, NULL);
    close(s->listener);
    return ok;
}

static void what_an_answer_is(void **state)
{
    struct arena *arena = arena_new(0);
    struct serving s;
    struct fetch_answer answer;
    (void)state;
    assert_true(
        fetched(arena,
                "HTTP/1.1 203 Fine\r\nContent-Type:  application/json; x \r\n"
                "Cache-Control: public, Max-Age=600\r\nAge: 100\r\nContent-Length: 2\r\n\r\n{}",
                &s, &answer));
    assert_int_equal(answer.status, 203);
    assert_string_equal(answer.type, "application/json; x");
    assert_string_equal(answer.body, "{}");
    assert_int_equal(answer.len, 2);
    assert_int_equal(answer.max_age_s, 500);
    assert_string_equal(answer.address, "127.0.0.1");
    assert_memory_equal(s.asked, "GET /x HTTP/1.1\r\n", 17);
    assert_null(strcasestr(s.asked, "cookie"));
    assert_null(strcasestr(s.asked, "accept-encoding"));
    assert_null(strcasestr(s.asked, "authorization"));
    arena_free(&arena);
}

static void how_long_an_answer_lasts(void **state)
{
    static const struct {
        const char *head;
        int64_t max_age_s;
    } rows[] = {
        {"", -1},
        {"Cache-Control: max-age=60\r\n", 60},
        {"cache-control: MAX-AGE=\"60\"\r\n", 60},
        {"Cache-Control: max-age=60, no-store\r\n", 0},
        {"Cache-Control: no-cache\r\n", 0},
        {"Cache-Control: max-age=-1\r\n", -1},
        {"Cache-Control: max-age=x\r\n", -1},
        {"Cache-Control: s-maxage=60\r\n", -1},
        {"Cache-Control: public\r\n", -1},
        {"Cache-Control: max-age=60\r\nAge: 70\r\n", 0},
        {"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nExpires: Thu, 01 Jan 2026 00:10:00 GMT\r\n", 600},
        {"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nExpires: Wed, 31 Dec 2025 00:10:00 GMT\r\n", 0},
        {"Expires: 0\r\n", 0},
        {"Cache-Control: max-age=5\r\nExpires: 0\r\n", 5},
    };
    struct arena *arena = arena_new(0);
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct serving s;
        struct fetch_answer answer;
        fetched(arena, arena_printf(arena, "HTTP/1.0 200 OK\r\n%s\r\n", rows[i].head), &s, &answer);
        if (answer.why || answer.max_age_s != rows[i].max_age_s)
            fail_msg("%s: %lld, %s", rows[i].head, (long long)answer.max_age_s,
                     answer.why ? answer.why : "");
    }
    arena_free(&arena);
}

static void a_body_has_a_bound(void **state)
{
    struct arena *arena = arena_new(0);
    struct serving s;
    struct fetch_answer answer;
    char text[300] = "HTTP/1.0 200 OK\r\n\r\n";
    size_t head = strlen(text);
    (void)state;
    memset(text + head, 'x', 100);
    assert_true(fetched(arena, text, &s, &answer));
    assert_int_equal(answer.len, 100);
    text[head + 100] = 'x';
    assert_false(fetched(arena, text, &s, &answer));
    assert_string_equal(answer.why, "a body of more than 100 bytes");
    arena_free(&arena);
}

static void what_stops_does_not_fetch(void **state)
{
    struct arena *arena = arena_new(0);
    struct fetch_answer answer;
    bool stop = true;
    struct fetch_guard guard = {
        .plain_http = true, .timeout_ms = 60000, .max_bytes = 100, .stop = &stop};
    char why[100];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0); /* connects, and never answers */
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    assert_true(networks_parse("127.0.0.1", &guard.networks, why, sizeof why));
    assert_false(fetch_get(
        &guard, arena, arena_printf(arena, "http://127.0.0.1:%d/", ntohs(at.sin_port)), &answer));
    assert_string_equal(answer.why, "the server is stopping");
    close(listener);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_addresses_and_others),
        cmocka_unit_test(networks_that_are_allowed),
        cmocka_unit_test(lists_of_no_form),
        cmocka_unit_test(urls),
        cmocka_unit_test(what_an_answer_is),
        cmocka_unit_test(how_long_an_answer_lasts),
        cmocka_unit_test(a_body_has_a_bound),
        cmocka_unit_test(what_stops_does_not_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
