/* test_csv: rows of CSV, good and wrong, and that reading goes on behind a wrong one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/csv.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* A row is written as [a|b], a wrong one as !its reason!, each with its number. */
static void check(const char *bytes, size_t len, const char *expected)
{
    struct csv csv;
    struct csv_row row;
    char why[CSV_WHY_ROOM], is[4096] = "", *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    if (!csv_open(&csv, copy, len, why)) {
        assert_string_equal(why, expected);
        free(copy);
        return;
    }
    for (enum csv_got got; (got = csv_next(&csv, &row, why)) != CSV_END;) {
        size_t at = strlen(is);
        at += (size_t)snprintf(is + at, sizeof is - at, "%zu@%zu", csv.row, csv.line);
        if (got == CSV_WRONG)
            snprintf(is + at, sizeof is - at, "!%s!", why);
        for (size_t i = 0; got == CSV_ROW && i < row.count; i++)
            at += (size_t)snprintf(is + at, sizeof is - at, "%c%s", i ? '|' : '[', row.fields[i]);
        if (got == CSV_ROW)
            snprintf(is + at, sizeof is - at, "]");
    }
    assert_string_equal(is, expected);
    free(copy);
}

static const struct {
    const char *bytes, *expected;
} CASES[] = {
    {"", ""},
    {"\n\r\n\r", ""},
    {"a,b\nc,d\n", "1@1[a|b]2@2[c|d]"},
    {"a,b\r\nc,d", "1@1[a|b]2@2[c|d]"},
    {"a\rb\r\rc", "1@1[a]2@2[b]4@4[c]"},
    {"a,\n,b\n,\n", "1@1[a|]2@2[|b]3@3[|]"},
    {"\xEF\xBB\xBF"
     "a",
     "1@1[a]"},
    {" a ,\tb", "1@1[ a |\tb]"},
    {"\"a\",\"\"\n", "1@1[a|]"},
    {"\"a\"\"b\"\"\",\"c,d\"\n", "1@1[a\"b\"|c,d]"},
    {"\"a\nb\r\nc\",d\ne\n", "1@1[a\nb\r\nc|d]2@4[e]"},
    {"\"\"\"\"", "1@1[\"]"},
    {"J\xC3\xBCrgen", "1@1[J\xC3\xBCrgen]"},
    {"a\"b\nc\n",
     "1@1!column 1: expected quotes around the whole field, found one within it!2@2[c]"},
    {"\"a\"b,\"\nc\n",
     "1@1!column 1: expected a comma or the end of the line behind the closing quote!2@2[c]"},
    {"x,\"a\nb\nc",
     "1@1!column 2: expected a closing quote, found the end of the file!2@2[b]3@3[c]"},
    {"a,J\xFCrgen\nb", "1@1!column 2: expected UTF-8, found the byte 0xFC at position 2!2@2[b]"},
    {"\xC3", "1@1!column 1: expected UTF-8, found the byte 0xC3 at position 1!"},
    {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "1@1[1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16]"},
    {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,\nb",
     "1@1!expected at most 16 columns, found more!2@2[b]"},
};

static void rows_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(CASES); i++)
        check(CASES[i].bytes, strlen(CASES[i].bytes), CASES[i].expected);
    check("a\0b\nc", 5, "1@1!column 1: expected UTF-8, found the byte 0x00 at position 2!2@2[c]");
}

static void other_encodings_are_named(void **state)
{
    (void)state;
    check("\xFF\xFE"
          "a\0",
          4, "expected a file in UTF-8, found one in UTF-16");
    check("\xFE\xFF\0a", 4, "expected a file in UTF-8, found one in UTF-16");
    check("\xFF\xFE\0\0", 4, "expected a file in UTF-8, found one in UTF-32");
    check("\0\0\xFE\xFF", 4, "expected a file in UTF-8, found one in UTF-32");
}

static void fields_are_bounded(void **state)
{
    (void)state;
    for (int quoted = 0; quoted < 2; quoted++)
        for (size_t more = 0; more < 3; more++) {
            size_t len = CSV_FIELD_MOST + more, at = 0;
            char *bytes = malloc(len + 8), why[CSV_WHY_ROOM];
            struct csv csv;
            struct csv_row row;
            assert_non_null(bytes);
            if (quoted)
                bytes[at++] = '"';
            memset(bytes + at, 'x', len);
            at += len;
            if (quoted)
                bytes[at++] = '"';
            memcpy(bytes + at, "\nb", 2);
            assert_true(csv_open(&csv, bytes, at + 2, why));
            assert_int_equal(csv_next(&csv, &row, why), more ? CSV_WRONG : CSV_ROW);
            if (!more)
                assert_int_equal(strlen(row.fields[0]), len);
            assert_int_equal(csv_next(&csv, &row, why), CSV_ROW);
            assert_string_equal(row.fields[0], "b");
            free(bytes);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read),
        cmocka_unit_test(other_encodings_are_named),
        cmocka_unit_test(fields_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
