/* test_publish_request: requests to publish, kept and read back, and which credentials
 * are whose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "domain/publish_request.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define SECRET "pass\tword\n"

static const char *const HIDDEN[] = {"One", "", "Zw\xC3\xB6lf"};
static const struct publish_credentials CREDENTIALS[] = {
    {NULL, "a.example.com", "1433", true, "one", SECRET, true},
    {NULL, "a.example.com", NULL, true, NULL, NULL, false},
    {NULL, "b.example.com", "", false, NULL, NULL, false},
    {"f.1", NULL, NULL, true, "key", NULL, false},
    {NULL, NULL, NULL, true, "all", "x", false},
};

static const struct publish_tag TAGS[] = {{"a b", NULL}, {"c", "One"}};

static struct publish_request whole(void)
{
    return (struct publish_request){.spec = {.type = TYPE_WORKBOOK,
                                             .name = "Name",
                                             .description = "",
                                             .overwrite = true,
                                             .blob_id = "abc",
                                             .file_type = "twbx",
                                             .size_bytes = INT64_C(5000000000),
                                             .encrypts_extracts = true,
                                             .thumbnails_group_id = "group",
                                             .tags = TAGS,
                                             .tag_count = 2,
                                             .checked_server = "here.example.com"},
                                    .append = true,
                                    .hidden = HIDDEN,
                                    .hidden_count = 3,
                                    .credentials = CREDENTIALS,
                                    .credential_count = LENGTH(CREDENTIALS)};
}

static void same(const char *is, const char *wanted)
{
    if (!is || !wanted)
        assert_ptr_equal(is, wanted);
    else
        assert_string_equal(is, wanted);
}

static void what_was_kept_is_read_back(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct publish_request given = whole(), got;
    size_t len;
    const char *bytes = publish_request_pack(arena, &given, &len);
    assert_non_null(bytes);
    assert_int_equal(bytes[len], '\0');
    assert_true(publish_request_unpack(arena, bytes, len, &got));
    assert_int_equal(got.spec.type, TYPE_WORKBOOK);
    same(got.spec.project_id, NULL);
    same(got.spec.name, "Name");
    same(got.spec.description, "");
    same(got.spec.blob_id, "abc");
    same(got.spec.file_type, "twbx");
    same(got.spec.thumbnails_user_id, NULL);
    same(got.spec.thumbnails_group_id, "group");
    same(got.spec.checked_server, "here.example.com");
    same(got.spec.checked_port, NULL);
    assert_true(got.append && got.spec.overwrite && got.spec.encrypts_extracts);
    assert_false(got.spec.show_tabs || got.spec.uses_remote_query_agent);
    assert_int_equal(got.spec.size_bytes, INT64_C(5000000000));
    assert_int_equal(got.hidden_count, 3);
    for (size_t i = 0; i < 3; i++)
        same(got.hidden[i], HIDDEN[i]);
    assert_int_equal(got.spec.tag_count, 2);
    for (size_t i = 0; i < 2; i++) {
        same(got.spec.tags[i].label, TAGS[i].label);
        same(got.spec.tags[i].view, TAGS[i].view);
    }
    assert_int_equal(got.credential_count, LENGTH(CREDENTIALS));
    for (size_t i = 0; i < LENGTH(CREDENTIALS); i++) {
        same(got.credentials[i].key, CREDENTIALS[i].key);
        same(got.credentials[i].server, CREDENTIALS[i].server);
        same(got.credentials[i].port, CREDENTIALS[i].port);
        same(got.credentials[i].user_name, CREDENTIALS[i].user_name);
        same(got.credentials[i].password, CREDENTIALS[i].password);
        assert_int_equal(got.credentials[i].given, CREDENTIALS[i].given);
        assert_int_equal(got.credentials[i].embeds, CREDENTIALS[i].embeds);
    }
    arena_free(&arena);
}

/* Cut anywhere, or followed by anything, it is no request. */
static void other_bytes_are_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct publish_request given = whole(), got;
    size_t len;
    const char *bytes = publish_request_pack(arena, &given, &len);
    for (size_t i = 0; i < len; i++) {
        char *cut = arena_alloc(arena, i + 1);
        memcpy(cut, bytes, i);
        cut[i] = '\0';
        assert_false(publish_request_unpack(arena, cut, i, &got));
    }
    char *more = arena_alloc(arena, len + 3);
    memcpy(more, bytes, len);
    memcpy(more + len, "+", 2);
    assert_false(publish_request_unpack(arena, more, len + 2, &got));
    more[1] = '2'; /* an older form */
    assert_false(publish_request_unpack(arena, more, len, &got));
    arena_free(&arena);
}

static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct publish_request given = whole();
    size_t len, size = PUBLISH_REQUEST_MOST;
    char *text = arena_alloc(arena, size + 1);
    memset(text, 'x', size);
    text[size] = '\0';
    given.spec.description = text;
    assert_null(publish_request_pack(arena, &given, &len));
    text[size / 2] = '\0';
    assert_non_null(publish_request_pack(arena, &given, &len));
    arena_free(&arena);
}

static void credentials_by_place(void **state)
{
    (void)state;
    struct publish_request request = whole();
    const struct publish_credentials *c = CREDENTIALS;
    const struct {
        const char *key, *server, *port;
        size_t wanted;
    } cases[] = {
        {NULL, "A.example.com", "1433", 0},
        {NULL, "a.example.com", "1434", 1},
        {NULL, "a.example.com", NULL, 0},
        {NULL, "a.example.com", "", 0},
        {"x", "b.example.com", "1", 2},
        {"F.1", "c.example.com", "1433", 3},
        {"f.1", NULL, NULL, 3},
        {"f.1", "a.example.com", "1433", 0},
        {"x", "c.example.com", "1433", 4},
        {NULL, NULL, NULL, 4},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        assert_ptr_equal(
            publish_credentials_for(&request, cases[i].key, cases[i].server, cases[i].port),
            &c[cases[i].wanted]);
    request.credential_count--;
    assert_null(publish_credentials_for(&request, NULL, "c.example.com", "1433"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_kept_is_read_back),
        cmocka_unit_test(other_bytes_are_refused),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(credentials_by_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
