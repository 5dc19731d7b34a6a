/* test_multipart: bodies of several parts, good and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "wire/multipart.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define TYPE "multipart/mixed; boundary=B"
#define NAMED(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static const struct {
    const char *type, *body, *name, *bytes; /* the part that must be there */
    const char *filename, *part_type;
} GOOD[] = {
    {TYPE, "--B\r\n" NAMED("a") "x\r\n--B--\r\n", "a", "x", NULL, NULL},
    {TYPE,
     "--B\n"
     "Content-Disposition: name=a\n\nx\n--B--",
     "a", "x", NULL, NULL},
    {TYPE, "--B\r\n" NAMED("a") "\r\n--B--", "a", "", NULL, NULL},
    {TYPE, "--B\r\n" NAMED("a") "--B--", "a", "", NULL, NULL},
    {TYPE, "words\r\n--B \t\r\n" NAMED("a") "x\r\n--B--words", "a", "x", NULL, NULL},
    {TYPE, "--B\r\n" NAMED("a") "--BX\r\n y--B\r\n--B--", "a", "--BX\r\n y--B", NULL, NULL},
    {TYPE, "--B\r\n" NAMED("b") "1\r\n--B\r\n" NAMED("a") "2\r\n\r\n--B--", "a", "2\r\n", NULL,
     NULL},
    {"Multipart/Form-Data; charset=x; Boundary=\"B\"",
     "--B\r\ncontent-disposition: form-data; filename=\"c \\\"d\\\".csv\"; name=\"a\"\r\n"
     "Content-Type: text/csv\r\nX-Other: y\r\nContent-Transfer-Encoding: Binary\r\n\r\nx\r\n--B--",
     "a", "x", "c \"d\".csv", "text/csv"},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"C:\\x\"\r\n\r\nx\r\n--B--", "a",
     "x", "C:\\x", NULL},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; "
     "filename*=utf-8''caf%C3%A9.twb\r\n\r\nx\r\n--B--",
     "a", "x", "caf\xC3\xA9.twb", NULL},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"=?utf-8?B?Y2Fmw6kudHdi?=\"; "
     "filename*=UTF-8'en'caf%C3%A9.twb\r\n\r\nx\r\n--B--",
     "a", "x", "caf\xC3\xA9.twb", NULL},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename*=\"UTF-8''b.twb\"; "
     "filename=\"a.twb\"\r\n\r\nx\r\n--B--",
     "a", "x", "b.twb", NULL},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.twb\"; "
     "filename*=utf-8''%C3\r\n\r\nx\r\n--B--",
     "a", "x", "a.twb", NULL},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.twb\"; "
     "filename*=utf-8''%zz\r\n\r\nx\r\n--B--",
     "a", "x", "a.twb", NULL},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.twb\"; "
     "filename*=utf-8''b%00\r\n\r\nx\r\n--B--",
     "a", "x", "a.twb", NULL},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.twb\"; "
     "filename*=iso-8859-1''b.twb\r\n\r\nx\r\n--B--",
     "a", "x", "a.twb", NULL},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.twb\"; "
     "filename*=utf-8'b.twb\r\n\r\nx\r\n--B--",
     "a", "x", "a.twb", NULL},
    {TYPE,
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.twb\"; "
     "filename*=b.twb\r\n\r\nx\r\n--B--",
     "a", "x", "a.twb", NULL},
    {"multipart/mixed; boundary=\"a b'()+_,-./:=?\"",
     "--a b'()+_,-./:=?\r\n" NAMED("a") "x\r\n--a b'()+_,-./:=?--", "a", "x", NULL, NULL},
};

static void same(const char *is, const char *expected)
{
    if (!expected)
        assert_null(is);
    else
        assert_string_equal(is, expected);
}

static void parts_are_found_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(GOOD); i++) {
        struct arena *arena = arena_new(0);
        struct fault fault = {0};
        const struct part *parts = NULL;
        enum err err = multipart_read(arena, GOOD[i].type, GOOD[i].body, strlen(GOOD[i].body),
                                      &multipart_limits_default, &parts, &fault);
        if (err)
            fail_msg("case %zu: %s", i, fault.detail);
        const struct part *part = part_find(parts, GOOD[i].name);
        assert_non_null(part);
        size_t len;
        const char *bytes = part_bytes(part, &len);
        assert_int_equal(len, strlen(GOOD[i].bytes));
        assert_memory_equal(bytes, GOOD[i].bytes, len);
        same(part->filename, GOOD[i].filename);
        same(part->type, GOOD[i].part_type);
        assert_null(part_find(parts, "other"));
        arena_free(&arena);
    }
}

static const struct {
    const char *type, *body, *says;
} WRONG[] = {
    {NULL, "--B--", "must be of the type multipart/mixed"},
    {"text/xml", "--B--", "'text/xml'"},
    {"multipart/mixed", "--B--", "names no valid boundary"},
    {"multipart/mixed; boundary=", "--B--", "names no valid boundary"},
    {"multipart/mixed; boundary=\"B", "--B--", "names no valid boundary"},
    {"multipart/mixed; boundary=\"B\tB\"", "--B--", "names no valid boundary"},
    {"multipart/mixed; boundary="
     "1234567890123456789012345678901234567890123456789012345678901234567890x",
     "", "names no valid boundary"},
    {TYPE, "", "holds no line with the boundary"},
    {TYPE, "--C\r\n" NAMED("a") "x\r\n--C--", "holds no line with the boundary"},
    {TYPE, " --B\r\n" NAMED("a") "x", "holds no line with the boundary"},
    {TYPE, "--B--", "has no parts"},
    {TYPE, "--B\r\n" NAMED("a") "x", "ends within the part 'a'"},
    {TYPE, "--B\r\n" NAMED("a") "x\r\n--B", "ends within the part 'a'"},
    {TYPE, "--B\r\nContent-Disposition: form-data; name=\"a\"",
     "ends within the headers of part 1"},
    {TYPE, "--B\r\n\r\nx\r\n--B--", "Part 1 (at byte 5) has no name"},
    {TYPE, "--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--", "has no name"},
    {TYPE, "--B\r\n" NAMED("") "x\r\n--B--", "has no name"},
    {TYPE, "--B\r\n" NAMED("a") "x\r\n--B\r\n" NAMED("a") "y\r\n--B--", "'a' occurs twice"},
    {TYPE, "--B\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--B--", "is malformed"},
    {TYPE, "--B\r\nContent-Disposition: form-data; name=\"a\" b\r\n\r\nx\r\n--B--", "is malformed"},
    {TYPE, "--B\r\nContent-Transfer-Encoding: base64\r\n" NAMED("a") "x\r\n--B--", "'base64'"},
    {TYPE, "--B\r\nX: \xFF\r\n" NAMED("a") "x\r\n--B--", "is not UTF-8"},
};

static void what_is_broken_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(WRONG); i++) {
        struct arena *arena = arena_new(0);
        struct fault fault = {0};
        const struct part *parts = NULL;
        enum err err = multipart_read(arena, WRONG[i].type, WRONG[i].body, strlen(WRONG[i].body),
                                      &multipart_limits_default, &parts, &fault);
        assert_int_equal(err, E400000);
        if (!strstr(fault.detail, WRONG[i].says))
            fail_msg("case %zu: %s", i, fault.detail);
        assert_null(parts);
        arena_free(&arena);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    static const char body[] = "--B\r\n" NAMED("a") "x\r\n--B\r\n" NAMED("b") "y\r\n--B--";
    static const struct {
        struct multipart_limits limits;
        const char *says; /* NULL: good */
    } cases[] = {{{2, 44}, NULL},
                 {{1, 44}, "more than 1 parts"},
                 {{2, 43}, "headers of part 1 are longer than 43 bytes"}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct arena *arena = arena_new(0);
        struct fault fault = {0};
        const struct part *parts;
        enum err err =
            multipart_read(arena, TYPE, body, sizeof body - 1, &cases[i].limits, &parts, &fault);
        assert_int_equal(err, cases[i].says ? E400000 : E_OK);
        if (cases[i].says && !strstr(fault.detail, cases[i].says))
            fail_msg("%s", fault.detail);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found_by_name),
        cmocka_unit_test(what_is_broken_is_said),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
