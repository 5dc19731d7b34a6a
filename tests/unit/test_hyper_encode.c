/* test_hyper_encode.c: columns written and read again, and held to those of files of the
 * field. */
#include <fcntl.h>
#include <math.h>
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

#include "base/crc.h"
#include "extract/hyper_encode.h"
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

/* ---- against files of the field */

static unsigned scheme_of(const unsigned char *column)
{
    return (unsigned)hyper_little(column + HYPER_AT_SCHEME, 8);
}

/* How many columns there are, and how many are written in the scheme that they have: those
 * to the byte. */
struct counts {
    int all, same_scheme;
};

static void compare_column(const struct hyper *hyper, const struct hyper_table *table, size_t i,
                           const struct hyper_values *values, struct arena *arena,
                           struct counts *counts)
{
    struct fault fault = {0};
    unsigned char *old = NULL;
    size_t old_len = 0, len = 0;
    const struct hyper_blob *blob =
        hyper_blob_find(hyper, HYPER_DATA, table->index, 0, (uint32_t)i + 1);
    assert_int_equal(hyper_blob_read(hyper, blob, arena, 1 << 24, &old, &old_len, &fault), E_OK);
    const unsigned char *new = hyper_encode(arena, values, &len);
    counts->all++;
    if (scheme_of(old) != scheme_of(new))
        return;
    counts->same_scheme++;
    assert_int_equal(len, old_len);
    for (size_t at = 0; at < len; at++)
        if (old[at] != new[at])
            fail_msg("%s.%s, scheme %02x: byte %zu is %02x, expected %02x", table->name,
                     table->columns[i].name, scheme_of(old), at, new[at], old[at]);
}

static void compare_file(const char *path, struct counts *counts)
{
    struct arena *arena = arena_new(0);
    struct fault fault = {0};
    struct hyper *hyper = NULL;
    struct hyper_block block;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        print_message("skipped: %s is not there\n", path);
        arena_free(&arena);
        return;
    }
    assert_int_equal(hyper_open(arena, fd, "The file", &hyper, &fault), E_OK);
    for (size_t t = 0; t < hyper_table_count(hyper); t++) {
        const struct hyper_table *table = hyper_table(hyper, t);
        if (!table->block_count)
            continue;
        assert_int_equal(hyper_block_read(hyper, table, 0, NULL, arena, &block, &fault), E_OK);
        for (size_t i = 0; i < table->column_count; i++)
            compare_column(hyper, table, i, &block.columns[i], arena, counts);
    }
    close(fd);
    arena_free(&arena);
}

static void test_as_the_field(void **state)
{
    static const char *const SAMPLES[] = {
        TEST_DATA "/hyper/calcs_testv1",     TEST_DATA "/hyper/pantab_dates",
        TEST_DATA "/hyper/pantab_geography", TEST_DATA "/hyper/pantab_types",
        TEST_DATA "/hyper/sales_v2",         TEST_DATA "/hyper/superstore_denormalized",
        TEST_DATA "/hyper/superstore_sample"};
    static const char *const MORE[] = {TEST_FIXTURES "/hyper/coffee_chain",
                                       TEST_FIXTURES "/hyper/iris12",
                                       TEST_FIXTURES "/hyper/world_indicators"};
    struct counts counts = {0};
    for (size_t i = 0; i < sizeof SAMPLES / sizeof *SAMPLES; i++)
        compare_file(arena_printf(*state, "%s.hyper", SAMPLES[i]), &counts);
    for (size_t i = 0; i < sizeof MORE / sizeof *MORE; i++)
        compare_file(arena_printf(*state, "%s.hyper", MORE[i]), &counts);
    assert_true(counts.same_scheme >= 60 && 10 * counts.same_scheme >= 8 * counts.all);
}

/* ---- written and read again */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 16;
}

enum { KINDS = 9 };
static const struct {
    enum hyper_type type;
    const char *name;
} TYPES[KINDS] = {
    {HYPER_BOOL, "Bool"},           {HYPER_SMALLINT, "SmallInt"}, {HYPER_INTEGER, "Integer"},
    {HYPER_BIGINT, "BigInt"},       {HYPER_DOUBLE, "Double"},     {HYPER_DATE, "Date"},
    {HYPER_TIMESTAMP, "Timestamp"}, {HYPER_VARCHAR, "Varchar"},   {HYPER_GEOGRAPHY, "Geography"}};

static const struct hyper_values *read_back(struct arena *arena, const unsigned char *column,
                                            size_t len, const struct hyper_column *of,
                                            uint32_t rows)
{
    unsigned char sum[HYPER_SUM];
    struct fault fault = {0};
    struct hyper_block block;
    int fd = memfd_create("column", MFD_CLOEXEC);
    assert_int_equal(write(fd, column, len), (ssize_t)len);
    hyper_put(sum, crc32c_add(0, column, len), sizeof sum);
    assert_int_equal(write(fd, sum, sizeof sum), sizeof sum);
    struct hyper_blob blob = {.key = {HYPER_DATA, 0, 0, 1}, .length = len};
    struct hyper_table table = {.name = "t",
                                .column_count = 1,
                                .block_count = 1,
                                .columns = of,
                                .block_rows = &rows,
                                .rows = rows};
    struct hyper hyper = {
        .arena = arena, .fd = fd, .what = "The file", .blobs = &blob, .blob_count = 1};
    enum err err = hyper_block_read(&hyper, &table, 0, NULL, arena, &block, &fault);
    close(fd);
    if (err)
        fail_msg("%s", fault.detail);
    return &block.columns[0];
}

static void check_same(const struct hyper_values *a, const struct hyper_values *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->count, b->count);
    for (uint32_t row = 0; row < a->count; row++) {
        struct hyper_value x = hyper_value_at(a, row), y = hyper_value_at(b, row);
        assert_int_equal(x.null, y.null);
        if (x.null)
            continue;
        if (hyper_form_of(a->type) != HYPER_AS_TEXT) {
            assert_int_equal(x.integer, y.integer); /* of a real its bits */
            continue;
        }
        assert_int_equal(x.text.len, y.text.len);
        if (x.text.len)
            assert_memory_equal(x.text.bytes, y.text.bytes, x.text.len);
    }
}

/* Every row stands in the range that its value leads to, and least and greatest value
 * are where they should be. */
static void check_ranges(const unsigned char *column, const struct hyper_values *values)
{
    const unsigned char *ranges = column + HYPER_COLUMN_HEADER + 32;
    if (scheme_of(column) == 0x32 || !hyper_is_text(values->type))
        return;
    for (uint32_t row = 0; row < values->count; row++) {
        struct hyper_value value = hyper_value_at(values, row);
        if (value.null)
            continue;
        size_t slot = value.text.len ? (unsigned char)value.text.bytes[0] : 0;
        assert_true(hyper_little(ranges + 8 * slot, 4) <= row);
        assert_true(hyper_little(ranges + 8 * slot + 4, 4) > row);
    }
}

static const unsigned char *check_trip(struct arena *arena, const struct hyper_values *values)
{
    size_t len = 0, kind = 0;
    const unsigned char *column = hyper_encode(arena, values, &len);
    while (TYPES[kind].type != values->type)
        kind++;
    struct hyper_column of = {
        .name = "c", .type = TYPES[kind].name, .nullable = values->null != NULL, .nulls = -1};
    check_same(values, read_back(arena, column, len, &of, values->count));
    check_ranges(column, values);
    return column;
}

/* Values of a type, of about `kinds` different ones; one in `null_each` is NULL. */
static struct hyper_values make(struct arena *arena, enum hyper_type type, uint32_t rows,
                                uint64_t kinds, uint32_t null_each, uint32_t longest)
{
    uint64_t seed = rows * 31 + kinds * 7 + null_each + (uint64_t)type;
    bool *null = arena_zalloc(arena, rows);
    int64_t *integers = arena_alloc(arena, rows * sizeof *integers);
    double *reals = arena_alloc(arena, rows * sizeof *reals);
    struct hyper_text *texts = arena_alloc(arena, rows * sizeof *texts);
    for (uint32_t row = 0; row < rows; row++) {
        uint64_t k = next_random(&seed) % kinds;
        null[row] = null_each && next_random(&seed) % null_each == 0;
        integers[row] = type == HYPER_BOOL       ? (int64_t)(k & 1)
                        : type == HYPER_SMALLINT ? (int16_t)(k * 13)
                        : type == HYPER_BIGINT   ? (int64_t)(k * UINT64_C(0x9E3779B97F4A7C15))
                        : type == HYPER_INTEGER  ? (int32_t)(k * 0x9E3779B9)
                                                 : (int64_t)k * 3 + 2450000;
        reals[row] = ((double)k - (double)kinds / 2) / 3;
        char *text = arena_printf(arena, "%llu", (unsigned long long)k);
        size_t len = strlen(text), more = longest ? (size_t)(k * 17 % longest) : 0;
        char *longer = arena_alloc(arena, len + more + 1);
        memcpy(longer, text, len);
        memset(longer + len, 'x', more);
        texts[row] = (struct hyper_text){longer, (uint32_t)(len + more)};
    }
    struct hyper_values values = {.type = type, .count = rows, .null = null_each ? null : NULL};
    switch (hyper_form_of(type)) {
    case HYPER_AS_INTEGER:
        values.integers = integers;
        break;
    case HYPER_AS_REAL:
        values.reals = reals;
        break;
    default:
        values.texts = texts;
    }
    return values;
}

static void test_round(void **state)
{
    static const uint32_t ROWS[] = {1, 2, 7, 1000, HYPER_ENCODE_ROWS};
    static const uint64_t VALUES[] = {1, 2, 3, 5, 16, 17, 200, 256, 300, 5000, 60000};
    bool used[HYPER_SCHEMES] = {false};
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t r = 0; r < sizeof ROWS / sizeof *ROWS; r++)
            for (size_t v = 0; v < sizeof VALUES / sizeof *VALUES; v++)
                for (uint32_t null_each = 0; null_each < 3; null_each++) {
                    if (VALUES[v] > 20 * (uint64_t)ROWS[r] || (r == 4 && v % 2))
                        continue;
                    struct arena *arena = arena_new(0);
                    struct hyper_values values = make(arena, TYPES[kind].type, ROWS[r], VALUES[v],
                                                      null_each, (uint32_t)(v % 3 * 100));
                    used[scheme_of(check_trip(arena, &values))] = true;
                    arena_free(&arena);
                }
    static const unsigned WRITTEN[] = {0x01, 0x02, 0x07, 0x08, 0x0A, 0x0E, 0x13, 0x18,
                                       0x19, 0x1A, 0x1F, 0x20, 0x24, 0x25, 0x28, 0x29,
                                       0x2C, 0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x32};
    for (size_t i = 0; i < sizeof WRITTEN / sizeof *WRITTEN; i++)
        if (!used[WRITTEN[i]])
            fail_msg("no column was written in the scheme %02x", WRITTEN[i]);
}

static void test_extremes(void **state)
{
    const int64_t integers[] = {INT64_MIN, INT64_MAX, 0, -1, INT64_MIN, 1};
    const int64_t shorts[] = {INT16_MIN, INT16_MAX, 0, -1, 1};
    const double reals[] = {
        0.0, -0.0, 1e308, -1e308, 5e-324, (double)INFINITY, -(double)INFINITY, (double)NAN, 1.5};
    const bool null[] = {true, true, true, true, true, true};
    const struct hyper_text texts[] = {{"", 0}, {"a\0b", 3}, {"\xC3\xBC", 2}, {"", 0}};
    check_trip(*state, &(struct hyper_values){HYPER_BIGINT, 6, NULL, {.integers = integers}});
    check_trip(*state, &(struct hyper_values){HYPER_SMALLINT, 5, NULL, {.integers = shorts}});
    check_trip(*state, &(struct hyper_values){HYPER_DOUBLE, 9, NULL, {.reals = reals}});
    check_trip(*state, &(struct hyper_values){HYPER_VARCHAR, 4, NULL, {.texts = texts}});
    check_trip(*state, &(struct hyper_values){HYPER_BIGINT, 6, null, {.integers = integers}});
    check_trip(*state, &(struct hyper_values){HYPER_DOUBLE, 6, null, {.reals = reals}});
    check_trip(*state, &(struct hyper_values){HYPER_VARCHAR, 4, null, {.texts = texts}});
}

/* Strings of more than 255 bytes, beside short ones. */
static void test_long_texts(void **state)
{
    char *longest = arena_alloc(*state, 100000);
    memset(longest, 'q', 100000);
    const struct hyper_text texts[] = {{longest, 256}, {"b", 1},    {longest, 100000},
                                       {"", 0},        {"bbbb", 4}, {longest, 256}};
    const bool null[] = {false, false, false, false, true, false};
    const unsigned char *column =
        check_trip(*state, &(struct hyper_values){HYPER_VARCHAR, 6, NULL, {.texts = texts}});
    assert_int_equal(scheme_of(column), 0x1A);
    column = check_trip(*state, &(struct hyper_values){HYPER_VARCHAR, 6, null, {.texts = texts}});
    assert_int_equal(scheme_of(column), 0x20);
    column = check_trip(*state, &(struct hyper_values){HYPER_VARCHAR, 1, NULL, {.texts = texts}});
    assert_int_equal(scheme_of(column), 0x32);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_as_the_field), TEST(test_round),
                                       TEST(test_extremes), TEST(test_long_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
