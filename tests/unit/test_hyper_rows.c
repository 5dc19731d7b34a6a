/* test_hyper_rows.c: the values of extracts, held to what other code made of them: a CSV
 * file for each table. Small public files are in tests/data/hyper; the samples beside the
 * checkout (../shared/fixtures) are read where they are there. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/crc.h"
#include "extract/hyper_scheme.h"

static int setup(void **state)
{
    *state = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    struct arena *arena = *state;
    arena_free(&arena);
    return 0;
}

/* ---- helpers */

/* -1: it is a sample beside the checkout that is not there. */
static int open_sample(struct arena *arena, const char *name)
{
    int fd = open(arena_printf(arena, "%s/hyper/%s", TEST_DATA, name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fd = open(arena_printf(arena, "%s/hyper/%s", TEST_FIXTURES, name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        print_message("skipped: %s is not there\n", name);
    return fd;
}

static char *text_of(struct arena *arena, int fd)
{
    off_t len = lseek(fd, 0, SEEK_END);
    assert_true(len >= 0);
    char *text = arena_zalloc(arena, (size_t)len + 1);
    assert_int_equal(pread(fd, text, (size_t)len, 0), len);
    return text;
}

static const struct hyper *open_ok(struct arena *arena, int fd)
{
    struct hyper *hyper = NULL;
    struct fault fault = {0};
    if (hyper_open(arena, fd, "The file", &hyper, &fault) != E_OK)
        fail_msg("%s", fault.detail);
    return hyper;
}

/* ---- CSV */

struct field {
    bool quoted;
    char *text;
};

/* The field at *at, which moves behind what ends it. */
static struct field next_field(struct arena *arena, char **at)
{
    char *p = *at;
    struct field field = {*p == '"', p};
    if (!field.quoted) {
        size_t len = strcspn(p, ",\n");
        field.text = arena_strndup(arena, p, len);
        *at = p + len + (p[len] != '\0');
        return field;
    }
    char *out = field.text = arena_alloc(arena, strlen(p) + 1);
    for (p++; *p != '"' || p[1] == '"'; p++) {
        assert_true(*p != '\0');
        p += *p == '"';
        *out++ = *p;
    }
    *out = '\0';
    *at = p + 1 + (p[1] != '\0');
    return field;
}

static void check_value(struct arena *arena, const struct hyper_value *value,
                        const struct field *expected, const char *where)
{
    const char *found = hyper_value_text(arena, value);
    bool text = value->type == HYPER_VARCHAR || value->type == HYPER_GEOGRAPHY;
    if (value->null) {
        if (expected->quoted || *expected->text)
            fail_msg("%s: NULL, expected '%s'", where, expected->text);
        return;
    }
    if (value->type == HYPER_DOUBLE) {
        double number = strtod(expected->text, NULL), back = strtod(found, NULL);
        assert_memory_equal(&number, &value->real, sizeof number);
        assert_memory_equal(&back, &value->real, sizeof back);
        return;
    }
    if (expected->quoted != text || strcmp(found, expected->text) != 0)
        fail_msg("%s: '%s', expected '%s'", where, found, expected->text);
}

static char *csv_of(struct arena *arena, const char *name, const struct hyper_table *table)
{
    char *file = arena_printf(arena, "%s.%s.csv", name, table->name);
    for (char *p = file; *p; p++)
        *p = *p == ' ' ? '_' : *p;
    int fd = open_sample(arena, file);
    if (fd < 0)
        return NULL;
    char *text = text_of(arena, fd);
    close(fd);
    return text;
}

static void check_table(const struct hyper *hyper, const struct hyper_table *table, char *csv,
                        const char *name)
{
    struct fault fault = {0};
    struct hyper_block block;
    struct arena *arena = arena_new(0);
    uint64_t rows = 0;
    for (size_t i = 0; i < table->column_count; i++)
        assert_string_equal(next_field(arena, &csv).text, table->columns[i].name);
    struct hyper_cursor *cursor = hyper_cursor_open(hyper, table, NULL, &fault);
    assert_non_null(cursor);
    while (hyper_cursor_next(cursor, &block, &fault))
        for (uint32_t row = 0; row < block.rows; row++, rows++)
            for (size_t i = 0; i < table->column_count; i++) {
                struct field expected = next_field(arena, &csv);
                struct hyper_value value = hyper_value_at(&block.columns[i], row);
                check_value(arena, &value, &expected,
                            arena_printf(arena, "%s, %s, row %llu", name, table->columns[i].name,
                                         (unsigned long long)rows));
            }
    if (fault.err)
        fail_msg("%s: %s", name, fault.detail);
    assert_int_equal(rows, table->rows);
    assert_string_equal(csv, "");
    hyper_cursor_close(&cursor);
    arena_free(&arena);
}

static void test_samples(void **state)
{
    static const char *const SAMPLES[] = {
        "calcs_testv1",     "pantab_dates", "pantab_empty", "pantab_geography",
        "pantab_notnull",   "pantab_types", "sales_v2",     "superstore_denormalized",
        "superstore_sample"};
    static const char *const MORE[] = {"coffee_chain",       "iris12",
                                       "pantab_dates_first", "pantab_notnull_first",
                                       "pantab_types_gen12", "world_indicators"};
    enum { MINE = sizeof SAMPLES / sizeof *SAMPLES, OTHERS = sizeof MORE / sizeof *MORE };
    for (size_t i = 0; i < MINE + OTHERS; i++) {
        const char *name = i < MINE ? SAMPLES[i] : MORE[i - MINE];
        int fd = open_sample(*state, arena_printf(*state, "%s.hyper", name));
        assert_true(fd >= 0 || i >= MINE);
        const struct hyper *hyper = fd < 0 ? NULL : open_ok(*state, fd);
        for (size_t t = 0; hyper && t < hyper_table_count(hyper); t++) {
            char *csv = csv_of(*state, name, hyper_table(hyper, t));
            assert_non_null(csv);
            check_table(hyper, hyper_table(hyper, t), csv, name);
        }
        close(fd);
    }
}

/* A hundred million rows, of which no more than a block is in memory. */
static void test_many_blocks(void **state)
{
    struct fault fault = {0};
    struct hyper_block block;
    uint64_t rows = 0;
    int fd = open_sample(*state, "pantab_ones_100m.hyper");
    if (fd < 0)
        return;
    const struct hyper *hyper = open_ok(*state, fd);
    struct hyper_cursor *cursor = hyper_cursor_open(hyper, hyper_table(hyper, 0), NULL, &fault);
    while (hyper_cursor_next(cursor, &block, &fault)) {
        assert_true(block.columns[0].reals[0] == 1.0);
        assert_true(block.columns[0].reals[block.rows - 1] == 1.0);
        rows += block.rows;
    }
    assert_int_equal(fault.err, E_OK);
    assert_int_equal(rows, 100000000);
    hyper_cursor_close(&cursor);
    close(fd);
}

static void test_deleted(void **state)
{
    struct fault fault = {0};
    int fd = open_sample(*state, "europe_deleted_rows.hyper");
    if (fd < 0)
        return;
    const struct hyper *hyper = open_ok(*state, fd);
    assert_null(hyper_cursor_open(hyper, hyper_table(hyper, 0), NULL, &fault));
    assert_int_equal(fault.err, E400011);
    assert_non_null(strstr(fault.detail, "not supported"));
    close(fd);
}

/* Columns that nobody asks for are not looked at. */
static void test_wanted(void **state)
{
    struct hyper_block block;
    struct fault fault = {0};
    bool wanted[11] = {[2] = true};
    int fd = open_sample(*state, "sales_v2.hyper");
    const struct hyper *hyper = open_ok(*state, fd);
    assert_int_equal(
        hyper_block_read(hyper, hyper_table(hyper, 0), 0, wanted, *state, &block, &fault), E_OK);
    assert_int_equal(block.rows, 100);
    assert_int_equal(block.columns[1].count, 0);
    assert_int_equal(block.columns[2].count, 100);
    close(fd);
}

/* ---- columns that are not as they should be */

/* The file with another number in a column of its only block. */
struct change {
    size_t column;
    int64_t at; /* in the unpacked column */
    size_t len;
    uint64_t value;
    const char *why;
};

/* Behind the file, unpacked, with a directory that leads to it. */
static int changed_file(struct arena *arena, const char *name, const struct change *change)
{
    struct fault fault = {0};
    unsigned char *column = NULL;
    size_t len = 0;
    int fd = open_sample(arena, name);
    const struct hyper *hyper = open_ok(arena, fd);
    const struct hyper_table *table = hyper_table(hyper, 0);
    const struct hyper_blob *blob =
        hyper_blob_find(hyper, HYPER_DATA, table->index, 0, (uint32_t)change->column);
    assert_int_equal(hyper_blob_read(hyper, blob, arena, 1 << 20, &column, &len, &fault), E_OK);
    hyper_put(column + (change->at < 0 ? (int64_t)len + change->at : change->at), change->value,
              change->len);
    size_t size = hyper->size, more = 65536;
    unsigned char *bytes = arena_zalloc(arena, size + more);
    assert_int_equal(pread(fd, bytes, size, 0), (ssize_t)size);
    assert_true(len + HYPER_SUM <= more);
    memcpy(bytes + size, column, len);
    hyper_put(bytes + size + len, crc32c_add(hyper->seed, column, len), HYPER_SUM);
    unsigned char *directory = bytes + hyper->directory;
    for (size_t i = 0; i < (size_t)1 << hyper->slots; i++) {
        unsigned char *slot = directory + 8 + i * HYPER_SLOT;
        if (slot[40] != HYPER_LIVE || hyper_little(slot + 24, 8) != blob->offset)
            continue;
        hyper_put(slot + 16, len, 8);
        hyper_put(slot + 24, size, 8);
        hyper_put(slot + 32, len + HYPER_SUM, 8);
        slot[41] = 0;
    }
    hyper_put(directory + hyper->directory_len,
              crc32c_add(hyper->seed, directory, hyper->directory_len), HYPER_SUM);
    for (size_t i = 0; i < 2; i++) {
        unsigned char *page = bytes + i * HYPER_PAGE;
        hyper_put(page + HYPER_AT_SIZE, size + more, 8);
        hyper_put(page + HYPER_AT_SUM, crc32c_add(0, page, HYPER_AT_SUM), HYPER_SUM);
    }
    close(fd);
    fd = memfd_create("changed", MFD_CLOEXEC);
    assert_int_equal(write(fd, bytes, size + more), (ssize_t)(size + more));
    return fd;
}

static const char *refusal_of(struct arena *arena, int fd)
{
    struct fault fault = {0};
    struct hyper_block block;
    const struct hyper *hyper = open_ok(arena, fd);
    struct hyper_cursor *cursor = hyper_cursor_open(hyper, hyper_table(hyper, 0), NULL, &fault);
    while (hyper_cursor_next(cursor, &block, &fault))
        ;
    hyper_cursor_close(&cursor);
    if (!fault.err)
        return "accepted";
    assert_int_equal(fault.err, E400011);
    return fault.detail;
}

enum { HEAD = HYPER_COLUMN_HEADER };

static void test_damaged(void **state)
{
    /* Columns of calcs_testv1: 1 short dictionary of 8 bits, 2 dictionary of 4 bits with
     * NULLs, 11 truncated with NULLs, 15 Bool of 2 bits with NULLs. */
    const uint64_t text_nulls = 32 + 256 * 8, text_distinct = text_nulls + 8;
    const uint64_t big_nulls = 16 + 2048 * 8, bool_dictionary = 2064;
    const struct change CHANGES[] = {
        {1, HYPER_AT_COUNT, 8, 18, "is damaged"},
        {1, HYPER_AT_DICTIONARY, 8, 2112, "is damaged"},
        {1, HYPER_AT_CODES, 8, 0, "is damaged"},
        {1, HYPER_AT_STRINGS, 8, UINT64_MAX, "is damaged"},
        {1, HYPER_AT_ZERO, 8, 1, "is damaged"},
        {1, HYPER_AT_SCHEME, 8, 0x26, "scheme 38, which is not supported"},
        {1, HYPER_AT_SCHEME, 8, 0x33, "scheme 51, which is not supported"},
        {1, HYPER_AT_SCHEME, 8, UINT64_MAX, "scheme 18446744073709551615, which is not supported"},
        {1, HYPER_AT_SCHEME, 8, 0x07, "scheme 7, which is not supported"},
        {1, HYPER_AT_SCHEME, 8, 0x25, "is damaged"},
        {1, HEAD + (int64_t)text_distinct, 4, 18, "is damaged"},
        {1, HEAD + (int64_t)text_distinct, 4, UINT32_MAX, "is damaged"},
        {1, HEAD + (int64_t)text_nulls, 4, 1, "is damaged"},
        {1, HEAD + (int64_t)hyper_to_16(text_distinct + 4), 4, 0xFFFFFF05, "is damaged"},
        {1, HEAD + (int64_t)hyper_to_16(text_distinct + 4), 4, 0xFFFFFF02, "is damaged"},
        {1, HEAD + (int64_t)hyper_to_16(text_distinct + 4) + 80, 1, 200, "is damaged"},
        {11, HEAD + (int64_t)big_nulls, 4, 2, "is damaged"},
        {11, HEAD, 8, INT64_MAX, "is damaged"},
        {11, HYPER_AT_SCHEME, 8, 0x01, "is damaged"},
        {15, HEAD + (int64_t)bool_dictionary + 1, 1, 2, "is damaged"},
        {15, HEAD + (int64_t)hyper_to_16(bool_dictionary + 3), 1, 0xFF, "is damaged"},
    };
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        int fd = changed_file(*state, "calcs_testv1.hyper", &CHANGES[i]);
        const char *why = refusal_of(*state, fd);
        close(fd);
        if (!strstr(why, CHANGES[i].why))
            fail_msg("%zu: %s", i, why);
    }
}

/* Counts of NULLs are held to the catalog's. */
static void test_null_counts(void **state)
{
    struct change none = {1, HYPER_AT_ZERO, 8, 0, NULL};
    int fd = changed_file(*state, "calcs_testv1.hyper", &none);
    assert_string_equal(refusal_of(*state, fd), "accepted");
    close(fd);
    fd = open_sample(*state, "calcs_testv1.hyper");
    const struct hyper *hyper = open_ok(*state, fd);
    struct hyper_table table = *hyper_table(hyper, 0);
    struct hyper_column columns[27];
    memcpy(columns, table.columns, sizeof columns);
    columns[1].nulls++;
    table.columns = columns;
    struct fault fault = {0};
    struct hyper_block block;
    struct hyper_cursor *cursor = hyper_cursor_open(hyper, &table, NULL, &fault);
    assert_true(hyper_cursor_next(cursor, &block, &fault));
    assert_false(hyper_cursor_next(cursor, &block, &fault));
    assert_int_equal(fault.err, E400011);
    assert_non_null(strstr(fault.detail, "should be NULL 10 times, and is 9 times"));
    hyper_cursor_close(&cursor);
    close(fd);
}

static void test_days(void **state)
{
    (void)state;
    assert_int_equal(hyper_day(2014, 1, 1), 2456659);
    assert_int_equal(hyper_day(1970, 1, 1), 2440588);
    assert_int_equal(hyper_day(-4713, 11, 24), 0);
    for (int64_t day = -800000; day < 6000000; day += 61) {
        int64_t year;
        unsigned month, of_month;
        hyper_civil(day, &year, &month, &of_month);
        assert_true(month >= 1 && month <= 12 && of_month >= 1 && of_month <= 31);
        assert_int_equal(hyper_day(year, month, of_month), day);
    }
}

static void test_texts(void **state)
{
    const struct {
        struct hyper_value value;
        const char *text;
    } CASES[] = {
        {{.type = HYPER_BOOL, .integer = 1}, "true"},
        {{.type = HYPER_BOOL, .integer = 0}, "false"},
        {{.type = HYPER_BIGINT, .integer = INT64_MIN}, "-9223372036854775808"},
        {{.type = HYPER_DOUBLE, .real = 15.700000000000001}, "15.700000000000001"},
        {{.type = HYPER_DOUBLE, .real = 0.1}, "0.1"},
        {{.type = HYPER_DOUBLE, .real = -0.0}, "-0"},
        {{.type = HYPER_DATE, .integer = 2456659}, "2014-01-01"},
        {{.type = HYPER_TIMESTAMP, .integer = 2456659 * HYPER_DAY_MICROS}, "2014-01-01 00:00:00"},
        {{.type = HYPER_TIMESTAMP, .integer = 2456660 * HYPER_DAY_MICROS - 500000},
         "2014-01-01 23:59:59.5"},
        {{.type = HYPER_TIMESTAMP, .integer = -1}, "-4713-11-23 23:59:59.999999"},
        {{.type = HYPER_VARCHAR, .text = {"abc", 2}}, "ab"},
        {{.type = HYPER_GEOGRAPHY, .text = {"\x07\xAA", 2}}, "07aa"},
        {{.type = HYPER_VARCHAR, .null = true}, ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_string_equal(hyper_value_text(*state, &CASES[i].value), CASES[i].text);
}

static void test_types(void **state)
{
    static const struct {
        const char *name;
        enum hyper_type type;
    } CASES[] = {
        {"Bool", HYPER_BOOL},         {"BigInt", HYPER_BIGINT},
        {"Varchar", HYPER_VARCHAR},   {"Varchar,20", HYPER_VARCHAR},
        {"BigInt,20", HYPER_UNKNOWN}, {"Numeric,18,2", HYPER_UNKNOWN},
        {"Varcha", HYPER_UNKNOWN},    {"Varchars", HYPER_UNKNOWN},
        {"", HYPER_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(hyper_type_of(&(struct hyper_column){.type = CASES[i].name}),
                         CASES[i].type);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_samples), TEST(test_many_blocks), TEST(test_deleted),
        TEST(test_wanted),  TEST(test_damaged),     TEST(test_null_counts),
        TEST(test_days),    TEST(test_texts),       TEST(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
