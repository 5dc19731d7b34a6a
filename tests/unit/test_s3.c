/* The client of the storage service: signatures against the published examples, its
 * reading of answers, and a service that says what a test tells it to, for all that
 * a real one does not do on demand. */
#include "base/arena.h"
#include "http/http.h"
#include "store/blob.h"
#include "store/s3.h"

#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
static const char EMPTY[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char HELLO_ID[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/* ---- signatures: "Examples: Signature Calculations" of the Amazon S3 API reference */

static void signatures_are_those_of_the_examples(void **state)
{
    (void)state;
    static const struct {
        const char *verb, *path, *query;
        struct s3_header headers[6];
        size_t count;
        const char *hash, *signature;
    } cases[] = {
        {"GET",
         "/test.txt",
         "",
         {{"host", "examplebucket.s3.amazonaws.com"},
          {"range", "bytes=0-9"},
          {"x-amz-content-sha256", EMPTY},
          {"x-amz-date", "20130524T000000Z"}},
         4,
         EMPTY,
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {"PUT",
         "/test%24file.text",
         "",
         {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
          {"host", "examplebucket.s3.amazonaws.com"},
          {"x-amz-content-sha256",
           "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
          {"x-amz-date", "20130524T000000Z"},
          {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
         5,
         "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {"GET",
         "/",
         "lifecycle=",
         {{"host", "examplebucket.s3.amazonaws.com"},
          {"x-amz-content-sha256", EMPTY},
          {"x-amz-date", "20130524T000000Z"}},
         3,
         EMPTY,
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"GET",
         "/",
         "max-keys=2&prefix=J",
         {{"host", "examplebucket.s3.amazonaws.com"},
          {"x-amz-content-sha256", EMPTY},
          {"x-amz-date", "20130524T000000Z"}},
         3,
         EMPTY,
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new(0);
        struct s3_signing signing = {.region = "us-east-1",
                                     .access_key = "AKIAIOSFODNN7EXAMPLE",
                                     .secret_key = SECRET,
                                     .verb = cases[i].verb,
                                     .path = cases[i].path,
                                     .query = cases[i].query,
                                     .headers = cases[i].headers,
                                     .header_count = cases[i].count,
                                     .payload_hash = cases[i].hash,
                                     .date = "20130524T000000Z"};
        const char *value = s3_sign(arena, &signing);
        const char *begin = "AWS4-HMAC-SHA256 "
                            "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                            "SignedHeaders=";
        assert_int_equal(strncmp(value, begin, strlen(begin)), 0);
        assert_string_equal(strrchr(value, '=') + 1, cases[i].signature);
        arena_free(&arena);
    }
}

static void texts_are_escaped_for_queries(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    assert_string_equal(s3_escape(arena, ""), "");
    assert_string_equal(s3_escape(arena, "aZ09-._~"), "aZ09-._~");
    assert_string_equal(s3_escape(arena, "a/b c+d=&%\xc3\xa9"), "a%2Fb%20c%2Bd%3D%26%25%C3%A9");
    arena_free(&arena);
}

static void elements_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *document, *name, *text;
    } cases[] = {
        {"<a><Key>k</Key></a>", "Key", "k"},
        {"<a><Key/><KeyCount>3</KeyCount><Key>k</Key></a>", "Key", "k"},
        {"<KeyCount>3</KeyCount>", "KeyCount", "3"},
        {"<Key xmlns='x'>k</Key>", "Key", "k"},
        {"<Key>a&amp;b&lt;c&gt;d&quot;e&apos;f&g</Key>", "Key", "a&b<c>d\"e'f&g"},
        {"<Key></Key>", "Key", ""},
        {"<Key>a<b>c</b></Key>", "Key", "a<b>c</b>"},
        {"<Key>never", "Key", NULL},
        {"<Key", "Key", NULL},
        {"<Key>k</Key", "Key", NULL},
        {"<", "Key", NULL},
        {"", "Key", NULL},
        {"Key", "Key", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new(0);
        const char *at = cases[i].document;
        const char *text = s3_element(arena, &at, at + strlen(at), cases[i].name);
        if (cases[i].text)
            assert_string_equal(text, cases[i].text);
        else
            assert_null(text);
        arena_free(&arena);
    }
    /* The end is where it is said to be. */
    struct arena *arena = arena_new(0);
    const char *document = "<K>1</K><K>2</K><K>3</K>", *at = document, *end = document + 16;
    assert_string_equal(s3_element(arena, &at, end, "K"), "1");
    assert_string_equal(s3_element(arena, &at, end, "K"), "2");
    assert_null(s3_element(arena, &at, end, "K"));
    arena_free(&arena);
}

/* ---- a service by script */

struct line {
    const char *expects; /* "VERB PATH?QUERY" begins with this */
    int status;
    const char *header, *value; /* one header of the answer, or NULL */
    const char *body;
    size_t len; /* of the body; 0: as a text */
};

struct service {
    struct http_server *server;
    const struct line *script;
    int count, at;
    bool wrong;
    char heard[64][400];
    char directory[64], url[128];
    struct blobs *blobs;
    char why[BLOB_WHY_ROOM];
};

static void handle(void *context, struct http_request *request)
{
    struct service *service = context;
    char *said = service->heard[service->at % 64];
    snprintf(said, 400, "%s %s%s%s", http_verb(request), http_path(request),
             *http_query(request) ? "?" : "", http_query(request));
    const char *authorization = http_header(request, "authorization");
    bool fits = service->at < service->count && authorization &&
                strncmp(authorization, "AWS4-HMAC-SHA256 Credential=key/", 32) == 0 &&
                !strstr(authorization, SECRET);
    const struct line *line = &service->script[fits ? service->at : 0];
    fits = fits && strncmp(said, line->expects, strlen(line->expects)) == 0;
    service->at++;
    if (!fits) {
        service->wrong = true;
        http_reply(request, 400, NULL, NULL, 0);
        return;
    }
    if (line->header)
        http_reply_header(request, line->header, line->value);
    const char *body = line->body ? line->body : "";
    http_reply(request, line->status, "application/xml", body,
               line->len ? line->len : strlen(body));
}

static struct service *service_start(const struct line *script, int count)
{
    struct service *service = calloc(1, sizeof *service);
    service->script = script;
    service->count = count;
    struct http_callbacks callbacks = {.handle = handle, .context = service};
    struct http_config config = {
        .listen = "127.0.0.1:0", .threads = 1, .body_limit = (size_t)64 << 20};
    service->server = http_server_start(&config, &callbacks, service->why, sizeof service->why);
    assert_non_null(service->server);
    snprintf(service->directory, sizeof service->directory, "/tmp/easel-s3-XXXXXX");
    assert_non_null(mkdtemp(service->directory));
    snprintf(service->url, sizeof service->url, "s3:http://%s/bucket/some/prefix/",
             http_server_address(service->server));
    struct blobs_config store = {.url = service->url,
                                 .staging = service->directory,
                                 .region = "us-east-1",
                                 .access_key = "key",
                                 .secret_key = SECRET};
    service->blobs = blobs_open(&store, service->why, sizeof service->why);
    if (!service->blobs)
        fail_msg("%s", service->why);
    return service;
}
#define START(script) service_start((script), (int)(sizeof(script) / sizeof *(script)))

/* Every line of the script was asked for, and nothing else; nothing is left here. */
static void service_stop(struct service *service)
{
    if (service->wrong || service->at != service->count)
        fail_msg("request %d of %d: %s", service->at, service->count,
                 service->heard[service->at ? (service->at - 1) % 64 : 0]);
    assert_null(strstr(service->why, SECRET));
    blobs_close(&service->blobs);
    http_server_stop(&service->server);
    assert_int_equal(rmdir(service->directory), 0);
    free(service);
}

static enum blob_result store(struct service *service, size_t len)
{
    struct blob blob;
    char *bytes = calloc(1, len + 1);
    struct blob_writer *writer = blob_write_begin(service->blobs);
    blob_write(writer, len == 5 ? "hello" : bytes, len);
    free(bytes);
    return blob_finish(&writer, &blob, service->why, sizeof service->why);
}

#define KEY "/bucket/some/prefix/"
#define HELLO KEY "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static void a_busy_service_is_asked_again(void **state)
{
    (void)state;
    static const struct line script[] = {
        {"HEAD " HELLO, 404, NULL, NULL, NULL, 0},
        {"PUT " HELLO, 503, NULL, NULL, "<Error><Code>SlowDown</Code></Error>", 0},
        {"PUT " HELLO, 200, NULL, NULL, NULL, 0},
    };
    struct service *service = START(script);
    assert_int_equal(store(service, 5), BLOB_OK);
    service_stop(service);
}

static void a_service_that_stays_busy_is_told(void **state)
{
    (void)state;
    static const struct line script[] = {
        {"HEAD " HELLO, 404, NULL, NULL, NULL, 0},
        {"PUT " HELLO, 503, NULL, NULL, "<Error><Code>SlowDown</Code></Error>", 0},
        {"PUT " HELLO, 500, NULL, NULL, "<Error><Code>InternalError</Code></Error>", 0},
        {"PUT " HELLO, 503, NULL, NULL,
         "<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>", 0},
    };
    struct service *service = START(script);
    assert_int_equal(store(service, 5), BLOB_FAILED);
    assert_non_null(strstr(service->why, "status 503 SlowDown: Reduce your rate."));
    service_stop(service);
}

static void refusals_are_told_at_once(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body, *says;
        enum blob_result result;
    } cases[] = {
        {403, "<Error><Code>SignatureDoesNotMatch</Code><Message>No.</Message></Error>",
         "status 403 SignatureDoesNotMatch: No.", BLOB_FAILED},
        {404, "<Error><Code>NoSuchBucket</Code></Error>", "status 404 NoSuchBucket", BLOB_FAILED},
        {507, "", "status 507", BLOB_FULL},
        {400, "<Error><Code>QuotaExceeded</Code></Error>", "QuotaExceeded", BLOB_FULL},
        {301, "", "status 301", BLOB_FAILED},
        {400, "no document at all \x01\x02", "status 400", BLOB_FAILED},
        {400, "<Error><Code>a\nb</Code></Error>", "status 400", BLOB_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct line script[] = {{"HEAD " HELLO, 404, NULL, NULL, NULL, 0},
                                {"PUT " HELLO, cases[i].status, "Location",
                                 "http://127.0.0.1:1/elsewhere", cases[i].body, 0}};
        struct service *service = START(script);
        assert_int_equal(store(service, 5), cases[i].result);
        if (!strstr(service->why, cases[i].says))
            fail_msg("%s", service->why);
        assert_null(strchr(service->why, '\n'));
        service_stop(service);
    }
}

static void what_is_there_is_not_sent_again(void **state)
{
    (void)state;
    static const struct line script[] = {
        {"HEAD " HELLO, 200, NULL, NULL, "hello", 0},
        {"PUT " HELLO, 200, NULL, NULL, "<CopyObjectResult/>", 0},
        /* Of another length: sent. */
        {"HEAD " HELLO, 200, NULL, NULL, "hell", 0},
        {"PUT " HELLO, 200, NULL, NULL, NULL, 0},
        /* It cannot be renewed: sent. */
        {"HEAD " HELLO, 200, NULL, NULL, "hello", 0},
        {"PUT " HELLO, 403, NULL, NULL, "<Error><Code>AccessDenied</Code></Error>", 0},
        {"PUT " HELLO, 200, NULL, NULL, NULL, 0},
        /* An error that came after 200 counts as one worth another try. */
        {"HEAD " HELLO, 200, NULL, NULL, "hello", 0},
        {"PUT " HELLO, 200, NULL, NULL, "<Error><Code>InternalError</Code></Error>", 0},
        {"PUT " HELLO, 200, NULL, NULL, "<CopyObjectResult/>", 0},
    };
    struct service *service = START(script);
    for (int i = 0; i < 4; i++)
        assert_int_equal(store(service, 5), BLOB_OK);
    service_stop(service);
}

enum { TWO_PARTS = (16 << 20) + 1 };
#define BEGUN "<R><Bucket>b</Bucket><UploadId>up+1/x</UploadId></R>"

static void large_ones_go_in_parts(void **state)
{
    (void)state;
    static const struct line script[] = {
        {"HEAD " KEY, 404, NULL, NULL, NULL, 0},
        {"POST " KEY, 200, NULL, NULL, BEGUN, 0},
        {"PUT " KEY, 200, "ETag", "\"one\"", NULL, 0},
        {"PUT " KEY, 200, "ETag", "\"two\"", NULL, 0},
        {"POST " KEY, 200, NULL, NULL, "<CompleteMultipartUploadResult/>", 0},
    };
    struct service *service = START(script);
    assert_int_equal(store(service, TWO_PARTS), BLOB_OK);
    assert_non_null(strstr(service->heard[1], "?uploads="));
    assert_non_null(strstr(service->heard[2], "?partNumber=1&uploadId=up%2B1%2Fx"));
    assert_non_null(strstr(service->heard[3], "?partNumber=2&uploadId=up%2B1%2Fx"));
    assert_non_null(strstr(service->heard[4], "?uploadId=up%2B1%2Fx"));
    service_stop(service);
}

static void uploads_that_fail_are_aborted(void **state)
{
    (void)state;
    static const struct line in_a_part[] = {
        {"HEAD " KEY, 404, NULL, NULL, NULL, 0},
        {"POST " KEY, 200, NULL, NULL, BEGUN, 0},
        {"PUT " KEY, 200, "ETag", "\"one\"", NULL, 0},
        {"PUT " KEY, 403, NULL, NULL, "<Error><Code>AccessDenied</Code></Error>", 0},
        {"DELETE " KEY, 204, NULL, NULL, NULL, 0},
    };
    static const struct line without_etag[] = {
        {"HEAD " KEY, 404, NULL, NULL, NULL, 0},
        {"POST " KEY, 200, NULL, NULL, BEGUN, 0},
        {"PUT " KEY, 200, NULL, NULL, NULL, 0},
        {"DELETE " KEY, 204, NULL, NULL, NULL, 0},
    };
    static const struct line at_the_end[] = {
        {"HEAD " KEY, 404, NULL, NULL, NULL, 0},
        {"POST " KEY, 200, NULL, NULL, BEGUN, 0},
        {"PUT " KEY, 200, "ETag", "\"one\"", NULL, 0},
        {"PUT " KEY, 200, "ETag", "\"two\"", NULL, 0},
        {"POST " KEY, 400, NULL, NULL, "<Error><Code>InvalidPart</Code></Error>", 0},
        {"DELETE " KEY, 204, NULL, NULL, NULL, 0},
    };
    static const struct line at_once[] = {
        {"HEAD " KEY, 404, NULL, NULL, NULL, 0},
        {"POST " KEY, 200, NULL, NULL, "<R><UploadId></UploadId></R>", 0},
    };
    static const struct {
        const struct line *script;
        int count;
        const char *says;
    } cases[] = {{in_a_part, 5, "AccessDenied"},
                 {without_etag, 4, "no ETag"},
                 {at_the_end, 6, "InvalidPart"},
                 {at_once, 2, "no UploadId"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service *service = service_start(cases[i].script, cases[i].count);
        assert_int_equal(store(service, TWO_PARTS), BLOB_FAILED);
        assert_non_null(strstr(service->why, cases[i].says));
        service_stop(service);
    }
}

static bool count_one(void *context, const struct blob *blob)
{
    assert_int_equal(blob->size, 7);
    assert_int_equal(blob->stored_at, 1255369830000);
    ++*(int *)context;
    return true;
}

#define MEMBER(digit)                                                       \
    "<Contents><Key>some/prefix/"                                           \
    "000000000000000000000000000000000000000000000000000000000000000" digit \
    "</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>7</Size></Contents>"

static void a_walk_follows_the_pages(void **state)
{
    (void)state;
    static const struct line script[] = {
        {"GET /bucket?list-type=2&max-keys=1000&prefix=some%2Fprefix%2F", 200, NULL, NULL,
         "<L><IsTruncated>true</IsTruncated>" MEMBER("1")
             MEMBER("2") "<NextContinuationToken>a+b=</NextContinuationToken></L>",
         0},
        {"GET /bucket?continuation-token=a%2Bb%3D&list-type=2&max-keys=1000&prefix=some%2F", 200,
         NULL, NULL,
         "<L>" MEMBER("3") "<Contents><Key>some/prefix/other</Key></Contents>"
                           "<Contents><Size>7</Size></Contents><Contents></Contents></L>",
         0},
        {"GET /bucket", 403, NULL, NULL, "<Error><Code>AccessDenied</Code></Error>", 0},
    };
    struct service *service = START(script);
    int count = 0;
    assert_int_equal(
        blob_walk(service->blobs, count_one, &count, service->why, sizeof service->why), BLOB_OK);
    assert_int_equal(count, 3);
    assert_int_equal(
        blob_walk(service->blobs, count_one, &count, service->why, sizeof service->why),
        BLOB_FAILED);
    assert_int_equal(count, 3);
    service_stop(service);
}

static enum blob_result read_two(struct service *service)
{
    struct blob_file file;
    enum blob_result result =
        blob_open(service->blobs, HELLO_ID, 1, 2, &file, service->why, sizeof service->why);
    if (result != BLOB_OK) {
        assert_int_equal(file.fd, -1);
        return result;
    }
    char bytes[2];
    assert_int_equal(file.len, 2);
    assert_int_equal(pread(file.fd, bytes, 2, (off_t)file.offset), 2);
    assert_memory_equal(bytes, "el", 2);
    close(file.fd);
    return BLOB_OK;
}

static void only_what_was_asked_for_counts(void **state)
{
    (void)state;
    static const struct {
        struct line answer;
        enum blob_result result;
        const char *says;
    } cases[] = {
        {{"GET " HELLO, 206, NULL, NULL, "el", 0}, BLOB_OK, ""},
        {{"GET " HELLO, 206, NULL, NULL, "ell", 0}, BLOB_FAILED, "other bytes"},
        {{"GET " HELLO, 206, NULL, NULL, "e", 0}, BLOB_FAILED, "other bytes"},
        {{"GET " HELLO, 200, NULL, NULL, "hello", 0}, BLOB_FAILED, "other bytes"},
        {{"GET " HELLO, 404, NULL, NULL, "<Error><Code>NoSuchKey</Code></Error>", 0},
         BLOB_ABSENT,
         "no blob"},
        {{"GET " HELLO, 403, NULL, NULL, "<Error><Code>AccessDenied</Code></Error>", 0},
         BLOB_FAILED,
         "AccessDenied"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct line script[] = {{"HEAD " HELLO, 200, NULL, NULL, "hello", 0}, cases[i].answer};
        struct service *service = START(script);
        assert_int_equal(read_two(service), cases[i].result);
        assert_non_null(strstr(service->why, cases[i].says));
        service_stop(service);
    }
}

static void an_absent_service_is_told(void **state)
{
    (void)state;
    static const struct line none[1];
    struct service *service = service_start(none, 0);
    struct blob blob;
    http_server_stop(&service->server);
    assert_int_equal(store(service, 5), BLOB_FAILED);
    assert_non_null(strstr(service->why, "connect"));
    assert_int_equal(blob_find(service->blobs, HELLO_ID, &blob, service->why, sizeof service->why),
                     BLOB_FAILED);
    service_stop(service);
}

static void it_says_why_it_cannot_open(void **state)
{
    (void)state;
    static const struct {
        const char *url, *secret, *says;
    } cases[] = {
        {"s3:", SECRET, "https://HOST/BUCKET"},
        {"s3:https://example.com", SECRET, "https://HOST/BUCKET"},
        {"s3:https://example.com/", SECRET, "https://HOST/BUCKET"},
        {"s3:ftp://example.com/b", SECRET, "https://HOST/BUCKET"},
        {"s3:file:///etc/passwd", SECRET, "https://HOST/BUCKET"},
        {"s3:https://user:word@example.com/b", SECRET, "https://HOST/BUCKET"},
        {"s3:https://example.com/b?x=y", SECRET, "https://HOST/BUCKET"},
        {"s3:https://example.com/b/pre fix", SECRET, "prefix"},
        {"s3:https://example.com/b", "", "EASEL_S3_SECRET_KEY"},
        {"s3:https://example.com/b", NULL, "EASEL_S3_SECRET_KEY"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[BLOB_WHY_ROOM] = "";
        struct blobs_config config = {.url = cases[i].url,
                                      .staging = "/tmp",
                                      .region = "us-east-1",
                                      .access_key = "key",
                                      .secret_key = cases[i].secret};
        assert_null(blobs_open(&config, why, sizeof why));
        if (!strstr(why, cases[i].says))
            fail_msg("%s: %s", cases[i].url, why);
        assert_null(strstr(why, "word"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_the_examples),
        cmocka_unit_test(texts_are_escaped_for_queries),
        cmocka_unit_test(elements_are_found),
        cmocka_unit_test(a_busy_service_is_asked_again),
        cmocka_unit_test(a_service_that_stays_busy_is_told),
        cmocka_unit_test(refusals_are_told_at_once),
        cmocka_unit_test(what_is_there_is_not_sent_again),
        cmocka_unit_test(large_ones_go_in_parts),
        cmocka_unit_test(uploads_that_fail_are_aborted),
        cmocka_unit_test(a_walk_follows_the_pages),
        cmocka_unit_test(only_what_was_asked_for_counts),
        cmocka_unit_test(an_absent_service_is_told),
        cmocka_unit_test(it_says_why_it_cannot_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
