/* test_hyper.c: extracts read, appended to each other, and refused with a reason.
 *
 * Small public files are in tests/data/hyper; the samples beside the checkout
 * (../shared/fixtures) are read where they are there. */
#include <dirent.h>
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
#include "extract/hyper_append.h"
#include "extract/hyper_priv.h"

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

struct bytes {
    unsigned char *at;
    size_t len;
};

static int file_of(const void *bytes, size_t len)
{
    int fd = memfd_create("hyper", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    return fd;
}

static struct bytes bytes_of(struct arena *arena, int fd)
{
    off_t len = lseek(fd, 0, SEEK_END);
    assert_true(len >= 0);
    struct bytes bytes = {arena_alloc(arena, (size_t)len + 1), (size_t)len};
    assert_int_equal(pread(fd, bytes.at, bytes.len, 0), (ssize_t)bytes.len);
    return bytes;
}

/* -1: it is a sample beside the checkout that is not there. */
static int open_sample(struct arena *arena, const char *name)
{
    int fd = open(arena_printf(arena, "%s/hyper/%s.hyper", TEST_DATA, name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fd = open(arena_printf(arena, "%s/hyper/%s.hyper", TEST_FIXTURES, name),
                  O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        print_message("skipped: %s.hyper is not there\n", name);
    return fd;
}

static struct bytes sample(struct arena *arena, const char *name)
{
    int fd = open_sample(arena, name);
    assert_true(fd >= 0);
    struct bytes bytes = bytes_of(arena, fd);
    close(fd);
    return bytes;
}

static struct hyper *open_ok(struct arena *arena, int fd, const char *name)
{
    struct hyper *hyper = NULL;
    struct fault fault = {0};
    if (hyper_open(arena, fd, "The file", &hyper, &fault) != E_OK)
        fail_msg("%s: %s", name, fault.detail);
    return hyper;
}

/* Why it is refused; "accepted" where it is not. */
static const char *refusal_of(struct arena *arena, struct bytes bytes)
{
    struct hyper *hyper = NULL;
    struct fault fault = {0};
    int fd = file_of(bytes.at, bytes.len);
    enum err err = hyper_open(arena, fd, "The file", &hyper, &fault);
    close(fd);
    if (err == E_OK)
        return "accepted";
    assert_int_equal(err, E400011);
    assert_null(hyper);
    return fault.detail;
}

/* Why hyper_check refuses it; "accepted" where it does not. */
static const char *damage_in(struct arena *arena, int fd)
{
    struct fault fault = {0};
    enum err err = hyper_check(arena, fd, "The file", &fault);
    if (err == E_OK)
        return "accepted";
    assert_int_equal(err, E400011);
    return fault.detail;
}

static const char *damage_of(struct arena *arena, struct bytes bytes)
{
    int fd = file_of(bytes.at, bytes.len);
    const char *why = damage_in(arena, fd);
    close(fd);
    return why;
}

static void assert_text(const char *what, const char *found, const char *expected)
{
    if (strcmp(found, expected) != 0)
        fail_msg("%s: expected '%s', found '%s'", what, expected, found);
}

static uint64_t number(struct bytes b, uint64_t at, size_t len)
{
    return hyper_little(b.at + at, len);
}

/* ---- checksums made good again, so that what lies behind them is reached */

static size_t current_page(struct bytes b)
{
    return number(b, HYPER_PAGE + HYPER_AT_GENERATION, 8) > number(b, HYPER_AT_GENERATION, 8)
               ? HYPER_PAGE
               : 0;
}

static void mend_page(struct bytes b, size_t page)
{
    hyper_put(b.at + page + HYPER_AT_SUM, crc32c_add(0, b.at + page, HYPER_AT_SUM), HYPER_SUM);
}

static void mend(struct bytes b, uint64_t at, uint64_t len)
{
    uint32_t seed = hyper_seed((unsigned)number(b, current_page(b) + HYPER_AT_VERSION, 2));
    hyper_put(b.at + at + len, crc32c_add(seed, b.at + at, (size_t)len), HYPER_SUM);
}

static uint64_t directory_of(struct bytes b)
{
    return number(b, current_page(b) + HYPER_AT_DIRECTORY, 8);
}

static void mend_directory(struct bytes b)
{
    mend(b, directory_of(b), number(b, current_page(b) + HYPER_AT_LENGTH, 8));
}

/* The slot of an entry of the first table, or the table alone. */
static unsigned char *slot_of(struct bytes b, unsigned kind, unsigned column)
{
    unsigned char *slots = b.at + directory_of(b) + 8;
    for (size_t i = 0; i < (size_t)1 << number(b, directory_of(b), 8); i++) {
        unsigned char *slot = slots + i * HYPER_SLOT;
        if (slot[40] == HYPER_LIVE && hyper_little(slot + 6, 2) == kind &&
            hyper_little(slot, 3) == column && hyper_little(slot + 8, 8) == 0)
            return slot;
    }
    fail_msg("no entry of kind %u, column %u", kind, column);
    return NULL;
}

static unsigned char *blob_of(struct bytes b, unsigned kind, unsigned column)
{
    return b.at + hyper_little(slot_of(b, kind, column) + 24, 8);
}

static void mend_blob(struct bytes b, unsigned kind, unsigned column)
{
    const unsigned char *slot = slot_of(b, kind, column);
    mend(b, hyper_little(slot + 24, 8), hyper_little(slot + 16, 8));
}

/* ---- what is read */

static void test_checksums(void **state)
{
    (void)state;
    static const char digits[] = "123456789"; /* the usual check value of a CRC */
    assert_int_equal(crc32_add(0, digits, 9), 0xCBF43926U);
    assert_int_equal(crc32_add(crc32_add(0, digits, 4), digits + 4, 5), 0xCBF43926U);
    assert_int_equal(~crc32c_add(~0U, digits, 9), 0xE3069283U);
    assert_int_equal(~crc32c_add(crc32c_add(~0U, digits, 1), digits + 1, 8), 0xE3069283U);
}

static const char *tables_of(struct arena *arena, const struct hyper *hyper)
{
    const char *line = "";
    for (size_t i = 0; i < hyper_table_count(hyper); i++) {
        const struct hyper_table *t = hyper_table(hyper, i);
        line = arena_printf(arena, "%s%s%s.%s %llu x %zu in %zu%s", line, *line ? "; " : "",
                            t->schema, t->name, (unsigned long long)t->rows, t->column_count,
                            t->block_count, t->unreadable ? " unreadable" : "");
    }
    return line;
}

static void test_samples(void **state)
{
    static const struct {
        const char *name, *tables;
    } cases[] = {
        {"calcs_testv1", "Extract.Extract 17 x 27 in 1"},
        {"coffee_chain", "Extract.Extract 4248 x 20 in 1"},
        {"europe_deleted_rows", "Extract.Extract 3 x 2 in 1 unreadable"},
        {"iris12", "Extract.Extract 12 x 6 in 1"},
        {"pantab_dates", "Extract.Extract 2 x 2 in 1"},
        {"pantab_dates_first", "Extract.Extract 2 x 2 in 1"},
        {"pantab_empty", "public.test 0 x 1 in 0"},
        {"pantab_geography", "public.test 2 x 2 in 1"},
        {"pantab_notnull", "public.table 2 x 2 in 1"},
        {"pantab_notnull_first", "public.table 2 x 1 in 1"},
        {"pantab_ones_100m", "public.test 100000000 x 1 in 763"},
        {"pantab_types", "the_table.the_table 2 x 8 in 1"},
        {"pantab_types_gen12", "public.the_table 2 x 8 in 1"},
        {"sales_v2", "public.Extract 100 x 11 in 1"},
        {"superstore_denormalized", "Extract.Extract 10 x 4 in 1"},
        {"superstore_sample", "public.Orders 2 x 6 in 1; public.Customer 2 x 4 in 1; "
                              "public.Products 1 x 4 in 1; public.Line Items 1 x 7 in 1"},
        {"world_indicators", "Extract.Extract 2299 x 12 in 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = open_sample(*state, cases[i].name);
        if (fd < 0)
            continue;
        struct hyper *hyper = open_ok(*state, fd, cases[i].name);
        assert_text(cases[i].name, tables_of(*state, hyper), cases[i].tables);
        close(fd);
    }
}

static const char *columns_of(struct arena *arena, const struct hyper_table *table)
{
    const char *line = "";
    for (size_t i = 0; i < table->column_count; i++) {
        const struct hyper_column *c = &table->columns[i];
        line = arena_printf(arena, "%s%s%s %s%s %s %lld", line, *line ? "; " : "", c->name, c->type,
                            c->nullable ? "?" : "", c->collation ? c->collation : "-",
                            (long long)c->nulls);
    }
    return line;
}

static void test_columns(void **state)
{
    static const struct {
        const char *name, *columns;
    } cases[] = {
        {"superstore_denormalized", "Category Varchar? en_US_CI 0; Order Date Date? - 0; "
                                    "Sales Target BigInt? - 0; Segment Varchar? en_US_CI 0"},
        {"pantab_notnull", "Non-Nullable String Varchar - 0; Non-Nullable Float Double - 0"},
        {"pantab_types", "foo BigInt? - 0; bar BigInt? - 0; baz BigInt? - 0; qux Double? - 0; "
                         "quux Double? - 0; quuuz Bool? - 0; corge Timestamp? - 0; "
                         "garply Varchar? - 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = open_sample(*state, cases[i].name);
        struct hyper *hyper = open_ok(*state, fd, cases[i].name);
        assert_text(cases[i].name, columns_of(*state, hyper_table(hyper, 0)), cases[i].columns);
        close(fd);
    }
}

/* Every blob of every sample is whole, and unpacks. */
static void test_blobs(void **state)
{
    static const char *const names[] = {"calcs_testv1", "coffee_chain", "world_indicators",
                                        "sales_v2",     "pantab_types", "europe_deleted_rows"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int fd = open_sample(*state, names[i]);
        if (fd < 0)
            continue;
        struct hyper *hyper = open_ok(*state, fd, names[i]);
        for (size_t b = 0; b < hyper_blob_count(hyper); b++) {
            const struct hyper_blob *blob = hyper_blob(hyper, b);
            struct fault fault = {0};
            unsigned char *bytes = NULL;
            size_t len = 0;
            if (hyper_blob_read(hyper, blob, *state, 1 << 20, &bytes, &len, &fault) != E_OK)
                fail_msg("%s: %s", names[i], fault.detail);
            if (blob->key.kind == HYPER_DATA && !hyper_table(hyper, 0)->unreadable)
                assert_int_equal(hyper_little(bytes, 8),
                                 hyper_table(hyper, 0)->block_rows[blob->key.block]);
            if (blob->packed)
                assert_int_equal(
                    hyper_blob_read(hyper, blob, *state, len - 1, &bytes, &len, &fault), E400011);
        }
        close(fd);
    }
}

/* ---- what is refused */

static void test_each_byte(void **state)
{
    struct bytes b = sample(*state, "sales_v2");
    size_t directory = (size_t)directory_of(b), page = current_page(b);
    size_t end = directory + (size_t)number(b, page + HYPER_AT_LENGTH, 8) + HYPER_SUM;
    for (size_t at = 0; at < end; at++) {
        struct arena *arena = arena_new(0);
        if (at == HYPER_PAGES)
            at = directory;
        b.at[at] ^= (unsigned char)(1U << at % 8);
        if (strcmp(refusal_of(arena, b), "accepted") == 0)
            fail_msg("byte %zu is not looked at", at);
        b.at[at] ^= (unsigned char)(1U << at % 8);
        arena_free(&arena);
    }
}

/* Every length of the catalog's and the lists' bytes likewise, as they are read. */
static void test_each_byte_of_lists(void **state)
{
    static const unsigned kinds[][2] = {
        {HYPER_CATALOG, 0}, {HYPER_ROWS, 0}, {HYPER_DATA, 0}, {HYPER_DELETED, 0}};
    struct bytes b = sample(*state, "sales_v2");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        unsigned char *blob = blob_of(b, kinds[i][0], kinds[i][1]);
        size_t len = (size_t)hyper_little(slot_of(b, kinds[i][0], kinds[i][1]) + 16, 8);
        for (size_t at = 0; at < len + HYPER_SUM; at++) {
            struct arena *arena = arena_new(0);
            blob[at] ^= 0x10;
            if (strcmp(refusal_of(arena, b), "accepted") == 0)
                fail_msg("byte %zu of kind %u is not looked at", at, kinds[i][0]);
            blob[at] ^= 0x10;
            arena_free(&arena);
        }
    }
}

static void test_truncated(void **state)
{
    struct bytes b = sample(*state, "pantab_types");
    for (size_t len = 0; len < b.len; len += len < 64 ? 1 : 509) {
        struct arena *arena = arena_new(0);
        const char *why = refusal_of(arena, (struct bytes){b.at, len});
        if (strcmp(why, "accepted") == 0)
            fail_msg("accepted with %zu bytes", len);
        arena_free(&arena);
    }
    struct bytes longer = {arena_zalloc(*state, b.len + 1), b.len + 1};
    memcpy(longer.at, b.at, b.len);
    assert_text("longer", refusal_of(*state, longer),
                "The file: it should have 65536 bytes, and has 65537.");
}

enum place { PAGE, DIRECTORY, SLOT, BLOB };

/* A number somewhere in a file, whose checksums are made good again. */
struct change {
    const char *what, *why;
    enum place place;
    unsigned kind, column; /* of the slot or blob */
    size_t at, len;
    uint64_t value;
};

static void apply(struct bytes b, const struct change *c)
{
    unsigned char *at = b.at + current_page(b);
    size_t page = current_page(b);
    if (c->place == DIRECTORY)
        at = b.at + directory_of(b);
    else if (c->place == SLOT)
        at = slot_of(b, c->kind, c->column);
    else if (c->place == BLOB)
        at = blob_of(b, c->kind, c->column);
    hyper_put(at + c->at, c->value, c->len);
    if (c->place == PAGE)
        mend_page(b, page);
    else if (c->place == BLOB)
        mend_blob(b, c->kind, c->column);
    else
        mend_directory(b);
}

#define NEITHER "does not lie within the file."
#define FLAGS "The file: the flags of an entry in its directory are not supported."

/* What the file itself shows to be damage; all else may be another form. */
static bool is_damage(const char *why)
{
    static const char *const reasons[] = {"The file: it is not a .hyper file.",
                                          "The file: it should have 4294967296 bytes",
                                          "The file: its directory is damaged."};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strncmp(why, reasons[i], strlen(reasons[i])) == 0)
            return true;
    return false;
}

static void test_changed(void **state)
{
    static const struct change changes[] = {
        {"magic", "The file: it is not a .hyper file.", PAGE, .at = 5, .len = 1, .value = 9},
        {"layout", "The file: its layout 2 is not supported.", PAGE, .at = 8, .len = 2, .value = 2},
        {"version 1", "The file: its format version 1 is not supported.", PAGE, .at = 10, .len = 2,
         .value = 1},
        {"version 3", "The file: its format version 3 is not supported.", PAGE, .at = 10, .len = 2,
         .value = 3},
        {"generation", "The file: both pages of its header are of generation 1.", PAGE,
         .at = HYPER_AT_GENERATION, .len = 8, .value = 1},
        {"size", "The file: it should have 4294967296 bytes, and has 65536.", PAGE,
         .at = HYPER_AT_SIZE, .len = 8, .value = 1ULL << 32},
        {"directory in the header", "The file: its directory lies outside of the file.", PAGE,
         .at = HYPER_AT_DIRECTORY, .len = 8, .value = 4096},
        {"directory beyond", "The file: its directory lies outside of the file.", PAGE,
         .at = HYPER_AT_DIRECTORY, .len = 8, .value = UINT64_MAX - 7},
        {"directory's length", "The file: its directory lies outside of the file.", PAGE,
         .at = HYPER_AT_LENGTH, .len = 8, .value = UINT64_MAX},
        {"short directory", "The file: its directory is damaged.", PAGE, .at = HYPER_AT_LENGTH,
         .len = 8, .value = 100},
        {"slots", "The file: its directory has 2^63 slots; at most 2^21 are read.", DIRECTORY,
         .at = 0, .len = 8, .value = 63},
        {"more slots", "The file: its directory of 2^9 slots has 12400 bytes.", DIRECTORY, .at = 0,
         .len = 8, .value = 9},
        {"fewer slots", "The file: its directory", DIRECTORY, .at = 0, .len = 8, .value = 7},
        {"free areas", "The file: its directory should list 18446744073709551615 free areas.",
         DIRECTORY, .at = 8 + 256 * HYPER_SLOT, .len = 8, .value = UINT64_MAX},
        {"end", "The file: its directory does not end as it should.", DIRECTORY,
         .at = 8 + 256 * HYPER_SLOT, .len = 8, .value = 2},
        {"offset", NEITHER, SLOT, HYPER_DATA, 1, 24, 8, 65536},
        {"offset of all", NEITHER, SLOT, HYPER_DATA, 1, 24, 8, UINT64_MAX},
        {"offset in the header", NEITHER, SLOT, HYPER_DATA, 1, 24, 8, 64},
        {"offset between", NEITHER, SLOT, HYPER_DATA, 1, 24, 8, 10304 + 1},
        {"length", NEITHER, SLOT, HYPER_DATA, 1, 16, 8, UINT64_MAX},
        {"length beyond", NEITHER, SLOT, HYPER_DATA, 1, 16, 8, 65536 - 10304},
        {"length over reserved", NEITHER, SLOT, HYPER_DATA, 1, 16, 8, 1024},
        {"reserved", NEITHER, SLOT, HYPER_DATA, 1, 32, 8, 0},
        {"overlapping", "The file: parts of it overlap at byte 11328.", SLOT, HYPER_DATA, 1, 24, 8,
         11328},
        {"in the directory", "The file: parts of it overlap at byte", SLOT, HYPER_DATA, 1, 24, 8,
         34112 + 64},
        {"twice", "The file: its directory has an entry (column) twice.", SLOT, HYPER_DATA, 1, 0, 1,
         2},
        {"state", "The file: an entry in its directory has the state 3, which is not supported.",
         SLOT, HYPER_DATA, 1, 40, 1, 3},
        {"gone", "The file: block 0 of the table 'Extract' has no column 1.", SLOT, HYPER_DATA, 1,
         40, 1, 2},
        {"never used", "The file: block 0 of the table 'Extract' has no column 1.", SLOT,
         HYPER_DATA, 1, 40, 1, 0},
        {"packing", FLAGS, SLOT, HYPER_DATA, 1, 41, 1, 2},
        {"flags", FLAGS, SLOT, HYPER_DATA, 1, 42, 6, 1},
        {"kind", "The file: entries of kind 7 in its directory are not supported.", SLOT,
         HYPER_DATA, 1, 6, 2, 7},
        {"kind 0", "The file: entries of kind 0 in its directory are not supported.", SLOT,
         HYPER_DATA, 1, 6, 2, 0},
        /* another entry made one of a column: kind, block and table stand side by side */
        {"table", "The file: an entry (column) is of a table that there is not.", SLOT,
         HYPER_IDENTITY, 0, 6, 10, 4 | 5ULL << 48},
        {"column", "The file: the table 'Extract': it has parts beyond its rows or columns.", SLOT,
         HYPER_IDENTITY, 0, 0, 8, 4ULL << 48 | 12},
        {"block", "The file: the table 'Extract': it has parts beyond its rows or columns.", SLOT,
         HYPER_IDENTITY, 0, 6, 10, 4 | 1 << 16},
        {"no catalog", "The file: it has no catalog.", SLOT, HYPER_CATALOG, 0, 40, 1, 2},
        {"other catalog", "The file: it has no catalog.", SLOT, HYPER_CATALOG, 0, 8, 8, 1},
        {"catalog", "The file: its catalog is not JSON (line 1, column 2).", BLOB, HYPER_CATALOG, 0,
         1, 1, '{'},
        {"packed catalog", "The file: a packed entry (catalog) is damaged.", SLOT, HYPER_CATALOG, 0,
         41, 1, 1},
        {"no rows", "The file: the table 'Extract': the list of its rows is missing.", SLOT,
         HYPER_ROWS, 0, 40, 1, 2},
        {"rows", "The file: the table 'Extract' should have 101 rows, and has 100.", BLOB,
         HYPER_ROWS, 0, 0, 8, 101},
        {"rows of a block", "The file: the table 'Extract' should have 100 rows, and has 99.", BLOB,
         HYPER_DATA, 0, 0, 8, 99},
        {"no rows in a block",
         "The file: the number of rows in block 0 of the table 'Extract' "
         "can't be.",
         BLOB, HYPER_DATA, 0, 0, 8, 0},
        {"too many in a block",
         "The file: the number of rows in block 0 of the table 'Extract' "
         "can't be.",
         BLOB, HYPER_DATA, 0, 0, 8, 131073},
        {"no deletions", "The file: the table 'Extract': its list of deletions is missing.", SLOT,
         HYPER_DELETED, 0, 40, 1, 2},
    };
    struct bytes whole = sample(*state, "sales_v2");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct bytes b = {arena_memdup(*state, whole.at, whole.len), whole.len};
        apply(b, &changes[i]);
        const char *why = refusal_of(*state, b);
        if (!strstr(why, changes[i].why))
            fail_msg("%s: expected '%s', found '%s'", changes[i].what, changes[i].why, why);
        assert_text(changes[i].what, damage_of(*state, b), is_damage(why) ? why : "accepted");
    }
}

/* The catalog of a sample with one text in the place of another, as long. */
static struct bytes with_text(struct arena *arena, const char *name, const char *old,
                              const char *new)
{
    struct bytes b = sample(arena, name);
    unsigned char *catalog = blob_of(b, HYPER_CATALOG, 0);
    size_t len = (size_t)hyper_little(slot_of(b, HYPER_CATALOG, 0) + 16, 8);
    unsigned char *at = memmem(catalog, len, old, strlen(old));
    assert_non_null(at);
    assert_int_equal(strlen(old), strlen(new));
    memcpy(at, new, strlen(new));
    mend_blob(b, HYPER_CATALOG, 0);
    return b;
}

static void test_catalogs(void **state)
{
    static const struct {
        const char *old, *new, *why;
    } cases[] = {
        {"\"encryptionSchemeId\": 0", "\"encryptionSchemeId\": 1",
         "The file: it is encrypted, which is not supported."},
        {"\"compressionMethod\": \"lz4\"", "\"compressionMethod\": \"lz5\"",
         "The file: it is packed by another method than lz4, which is not supported."},
        {"\"partitionedRelation\": false", "\"partitionedRelation\": true ",
         "The file: the table 'Extract': it is partitioned, which is not supported."},
        {"\"type\": \"block\"", "\"type\": \"blob!\"",
         "The file: the table 'Extract': it is of a type that is not supported."},
        {"\"parent\": 32", "\"parent\": 33",
         "The file: the table 'Extract': its schema is not among those of the file."},
        {"\"parent\": 32", "\"parent\": -1",
         "The file: the table 'Extract': its schema is not among those of the file."},
        {"\"parent\": 32", "\"parent\":\"3\"",
         "The file: the table 'Extract': its schema is not among those of the file."},
        {"\"name\": \"Extract\"", "\"Name\": \"Extract\"",
         "The file: table 1 of its catalog has no name."},
        {"\"name\": \"Extract\"", "\"oid\":  \"Extract\"",
         "The file: its catalog is not JSON (line 1"},
        {"\"relations\"", "\"Relations\"",
         "The file: its catalog lists no tables, or more than 10000."},
        {"\"attributes\"", "\"Attributes\"",
         "The file: the table 'Extract' has no columns, or more than 50000."},
        {"[\"BigInt\", \"nullable\"]", "[\"BigInt\", {\"a\":\"bc\"}]",
         "The file: column 1 of the table 'Extract' is not described in a way that is supported."},
        {"{\"name\": \"ID\"", "{\"Name\": \"ID\"",
         "The file: column 1 of the table 'Extract' is not described in a way that is supported."},
        {"\"nullCounts\": [0, 0", "\"nullCounts\": [0,-1",
         "The file: the numbers of NULLs in the table 'Extract' do not fit its columns."},
        {"\"nullCounts\": [0, 0, ", "\"nullCounts\": [0,    ",
         "The file: the numbers of NULLs in the table 'Extract' do not fit its columns."},
        {"\"nullCounts\": [0, 0, ", "\"nullCounts\": [101,  ",
         "The file: the numbers of NULLs in the table 'Extract' do not fit its columns."},
        {"\"nullCounts\": [0, 0, 0", "\"nullCounts\": [101,0,0",
         "The file: the table 'Extract': it has more NULLs than rows."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes b = with_text(*state, "sales_v2", cases[i].old, cases[i].new);
        const char *why = refusal_of(*state, b);
        if (strncmp(why, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: expected '%s', found '%s'", cases[i].new, cases[i].why, why);
        assert_text(cases[i].new, damage_of(*state, b), "accepted");
    }
}

/* ---- damaged, or only not understood */

static void assert_damaged(struct bytes b, const char *what, size_t at)
{
    struct arena *arena = arena_new(0);
    const char *why = damage_of(arena, b);
    if (strcmp(why, "accepted") == 0)
        fail_msg("%s at %zu: accepted", what, at);
    assert_int_equal(strncmp(why, "The file: ", 10), 0);
    arena_free(&arena);
}

static struct bytes copy_of(struct arena *arena, struct bytes b)
{
    return (struct bytes){arena_memdup(arena, b.at, b.len), b.len};
}

static size_t all_whole(struct arena *arena, const char *folder)
{
    DIR *dir = opendir(folder);
    size_t count = 0;
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        if (!strstr(e->d_name, ".hyper"))
            continue;
        int fd = open(arena_printf(arena, "%s/%s", folder, e->d_name), O_RDONLY | O_CLOEXEC);
        assert_text(e->d_name, damage_in(arena, fd), "accepted");
        close(fd);
        count++;
    }
    if (dir)
        closedir(dir);
    return count;
}

static void test_whole(void **state)
{
    assert_in_range(all_whole(*state, TEST_DATA "/hyper"), 9, 1000);
    all_whole(*state, TEST_FIXTURES "/hyper");
}

/* One bit, anywhere in what the file uses. */
static void test_each_part_damaged(void **state)
{
    struct bytes b = sample(*state, "sales_v2");
    int fd = file_of(b.at, b.len);
    struct hyper *hyper = open_ok(*state, fd, "sales_v2");
    for (size_t at = 0; at < HYPER_PAGES; at += 13) {
        b.at[at] ^= 4;
        assert_damaged(b, "header", at);
        b.at[at] ^= 4;
    }
    for (size_t i = 0; i < hyper_blob_count(hyper); i++) {
        const struct hyper_blob *blob = hyper_blob(hyper, i);
        size_t len = (size_t)blob->length;
        for (size_t at = 0; at < len + HYPER_SUM; at += at + 97 < len ? 97 : 1) {
            b.at[blob->offset + at] ^= 4;
            assert_damaged(b, hyper_kind_name(blob->key.kind), at);
            b.at[blob->offset + at] ^= 4;
        }
    }
    for (size_t at = 0; at < hyper->directory_len + HYPER_SUM; at += 31) {
        b.at[hyper->directory + at] ^= 4;
        assert_damaged(b, "directory", at);
        b.at[hyper->directory + at] ^= 4;
    }
    assert_text("whole again", damage_of(*state, b), "accepted");
    close(fd);
}

static void test_parts_missing(void **state)
{
    struct bytes whole = sample(*state, "calcs_testv1");
    for (size_t len = 0; len < whole.len; len += len < 64 ? 1 : 509)
        assert_damaged((struct bytes){whole.at, len}, "cut", len);
    for (size_t at = 8; at < whole.len / 2; at += 4096) {
        struct bytes b = copy_of(*state, whole);
        memset(b.at + at, 0, 4096);
        if (at < 20000) /* some of what is behind is not in use */
            assert_damaged(b, "zeroed", at);
        memset(b.at + at, 0, b.len - at);
        assert_damaged(b, "zeroed from", at);
        memset(b.at + at, 'x', b.len - at);
        assert_damaged(b, "overwritten from", at);
    }
    struct bytes longer = {arena_zalloc(*state, whole.len + 1), whole.len + 1};
    memcpy(longer.at, whole.at, whole.len);
    assert_text("longer", damage_of(*state, longer), "accepted");
}

/* Other headers than the known ones, which may keep their sums elsewhere. */
static void test_newer_headers(void **state)
{
    static const struct {
        unsigned layout, version;
        bool taken;
    } cases[] = {{1, 1, true},    {1, 3, true},    {2, 0, true},   {255, 255, true},
                 {1, 0, false},   {1, 2, false},   {0, 0, false},  {0, 3, false},
                 {256, 0, false}, {1, 256, false}, {2, 300, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes b = sample(*state, "sales_v2");
        for (size_t page = 0; page < HYPER_PAGES; page += HYPER_PAGE) {
            hyper_put(b.at + page + HYPER_AT_LAYOUT, cases[i].layout, 2);
            hyper_put(b.at + page + HYPER_AT_VERSION, cases[i].version, 2);
            b.at[page + HYPER_AT_SUM] ^= 1;
        }
        assert_text("header", damage_of(*state, b),
                    cases[i].taken ? "accepted" : "The file: page 1 of its header is damaged.");
        mend_page(b, HYPER_PAGE);
        assert_text("page", damage_of(*state, b), "The file: page 1 of its header is damaged.");
    }
}

/* What is in blobs is looked at beside tables that are not understood, but not where it
 * may be encrypted. */
static void test_damage_beside_what_is_not_understood(void **state)
{
    struct bytes b = with_text(*state, "sales_v2", "\"type\": \"block\"", "\"type\": \"blob!\"");
    assert_text("type", damage_of(*state, b), "accepted");
    blob_of(b, HYPER_DATA, 3)[20] ^= 1;
    assert_text("type, damaged", damage_of(*state, b), "The file: an entry (column) is damaged.");
    b = with_text(*state, "sales_v2", "\"encryptionSchemeId\": 0", "\"encryptionSchemeId\": 1");
    blob_of(b, HYPER_DATA, 3)[20] ^= 1;
    assert_text("encrypted", damage_of(*state, b), "accepted");
}

/* A blob of 100 MiB, whose sum would be wrong, is not read. */
static void test_check_is_bounded(void **state)
{
    struct bytes b = sample(*state, "sales_v2");
    uint64_t size = 200 << 20;
    unsigned char *slot = slot_of(b, HYPER_DATA, 3);
    hyper_put(slot + 24, b.len, 8);
    hyper_put(slot + 16, 100 << 20, 8);
    hyper_put(slot + 32, 101 << 20, 8);
    mend_directory(b);
    hyper_put(b.at + current_page(b) + HYPER_AT_SIZE, size, 8);
    mend_page(b, current_page(b));
    b.at[b.len - 1] = 1;
    int fd = file_of(b.at, b.len);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(pwrite(fd, "x", 1, (off_t)b.len + 7), 1);
    assert_text("large", damage_in(*state, fd), "accepted");
    close(fd);
}

/* ---- appending */

static void check_copied(struct arena *arena, const struct hyper *all, size_t first,
                         const struct hyper *part)
{
    const struct hyper_table *t = hyper_table(part, 0), *whole = hyper_table(all, 0);
    for (size_t block = 0; block < t->block_count; block++)
        for (size_t column = 0; column <= t->column_count; column++) {
            struct fault fault = {0};
            unsigned char *a = NULL, *b = NULL;
            size_t a_len = 0, b_len = 0;
            const struct hyper_blob *old =
                hyper_blob_find(part, HYPER_DATA, t->index, (uint32_t)block, (uint32_t)column);
            const struct hyper_blob *new = hyper_blob_find(
                all, HYPER_DATA, whole->index, (uint32_t)(first + block), (uint32_t)column);
            assert_non_null(new);
            assert_int_equal(old->packed, new->packed);
            assert_int_equal(old->length, new->length);
            assert_int_equal(hyper_blob_read(part, old, arena, 1 << 20, &a, &a_len, &fault), E_OK);
            assert_int_equal(hyper_blob_read(all, new, arena, 1 << 20, &b, &b_len, &fault), E_OK);
            assert_int_equal(a_len, b_len);
            assert_memory_equal(a, b, a_len);
        }
}

/* The file that comes of appending `more` to `target`. */
static int append_ok(struct arena *arena, int target_fd, int more_fd)
{
    struct hyper *target = open_ok(arena, target_fd, "target");
    struct hyper *more = open_ok(arena, more_fd, "more");
    struct fault fault = {0};
    int fd = memfd_create("appended", MFD_CLOEXEC);
    if (hyper_append(target, more, fd, &fault) != E_OK)
        fail_msg("%s", fault.detail);
    struct hyper *all = open_ok(arena, fd, "appended");
    assert_text("appended", damage_in(arena, fd), "accepted");
    const struct hyper_table *t = hyper_table(all, 0), *to = hyper_table(target, 0);
    assert_int_equal(hyper_table_count(all), 1);
    assert_int_equal(t->rows, to->rows + hyper_table(more, 0)->rows);
    assert_int_equal(t->block_count, to->block_count + hyper_table(more, 0)->block_count);
    assert_int_equal(all->generation, target->generation + 1);
    assert_int_equal(all->version,
                     target->version > more->version ? target->version : more->version);
    assert_text("name", t->name, to->name);
    check_copied(arena, all, 0, target);
    check_copied(arena, all, to->block_count, more);
    return fd;
}

/* No slot was never used; those that are gone have keys that no entry has. */
static void check_slots(struct arena *arena, int fd)
{
    struct bytes b = bytes_of(arena, fd);
    size_t count = (size_t)1 << number(b, directory_of(b), 8), live = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *slot = b.at + directory_of(b) + 8 + i * HYPER_SLOT;
        assert_true(slot[40] == HYPER_LIVE || slot[40] == HYPER_GONE);
        if (slot[40] == HYPER_GONE)
            assert_int_equal(hyper_little(slot, 8), UINT64_MAX);
        live += slot[40] == HYPER_LIVE;
    }
    assert_true(2 * live <= count);
    assert_int_equal(b.len % 65536, 0);
}

static void test_append(void **state)
{
    static const char *const names[] = {
        "sales_v2",     "superstore_denormalized", "pantab_types", "pantab_notnull",
        "pantab_empty", "world_indicators",        "coffee_chain", "calcs_testv1",
        "iris12",       "pantab_ones_100m",        "pantab_dates", "pantab_geography"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int fd = open_sample(*state, names[i]);
        if (fd < 0)
            continue;
        int twice = append_ok(*state, fd, fd);
        check_slots(*state, twice);
        int thrice = append_ok(*state, twice, fd);
        int more = append_ok(*state, fd, thrice);
        assert_int_equal(hyper_table(open_ok(*state, more, names[i]), 0)->rows,
                         4 * hyper_table(open_ok(*state, fd, names[i]), 0)->rows);
        close(more);
        close(thrice);
        close(twice);
        close(fd);
    }
}

/* What comes of it does not depend on when or where. */
static void test_append_again(void **state)
{
    int fd = open_sample(*state, "sales_v2");
    int a = append_ok(*state, fd, fd), b = append_ok(*state, fd, fd);
    struct bytes first = bytes_of(*state, a), second = bytes_of(*state, b);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.at, second.at, first.len);
    close(a);
    close(b);
    close(fd);
}

static const char *append_refusal(struct arena *arena, int target_fd, int more_fd)
{
    struct hyper *target = NULL, *more = NULL;
    struct fault fault = {0};
    int fd = memfd_create("appended", MFD_CLOEXEC);
    enum err err = hyper_open(arena, target_fd, "The current extract", &target, &fault);
    if (!err)
        err = hyper_open(arena, more_fd, "The published extract", &more, &fault);
    if (!err)
        err = hyper_append(target, more, fd, &fault);
    close(fd);
    if (!err)
        return "accepted";
    assert_int_equal(err, E400011);
    return fault.detail;
}

static void append_case(struct arena *arena, struct bytes target, struct bytes more,
                        const char *expected)
{
    int target_fd = file_of(target.at, target.len), more_fd = file_of(more.at, more.len);
    assert_text("append", append_refusal(arena, target_fd, more_fd), expected);
    close(target_fd);
    close(more_fd);
}

#define PUBLISHED "The published extract: "

static void test_append_refused(void **state)
{
    struct bytes sales = sample(*state, "sales_v2"), store = sample(*state, "superstore_sample");
    struct bytes types = sample(*state, "pantab_types");
    append_case(*state, sales, store,
                PUBLISHED "it was stored using multiple tables (it has 4), and data can't be "
                          "appended to such an extract.");
    append_case(*state, store, sales,
                "The current extract: it was stored using multiple tables (it has 4), and data "
                "can't be appended to such an extract.");
    append_case(*state, sales, types, PUBLISHED "it has 8 columns; expected 11.");
    append_case(*state, types, with_text(*state, "pantab_types", "\"quux\"", "\"q\\nx\""),
                PUBLISHED "column 5 is named 'q?x'; expected 'quux'.");
}

static void test_columns_that_differ(void **state)
{
    static const struct {
        const char *old, *new, *expected, *reverse;
    } cases[] = {
        {"\"Order Date\"", "\"Orden Date\"",
         PUBLISHED "column 2 is named 'Orden Date'; expected 'Order Date'.", NULL},
        {"[\"BigInt\", \"nullable\"]", "[\"Double\", \"nullable\"]",
         PUBLISHED "column 'Sales Target' has the type Double; expected BigInt.",
         PUBLISHED "column 'Sales Target' has the type BigInt; expected Double."},
        {"[\"BigInt\", \"nullable\"]", "[\"BigInt\"            ]", "accepted",
         PUBLISHED "column 'Sales Target' may be NULL; expected one that may not."},
        {"\"collate\": \"en_US_CI\"", "\"collate\": \"en_GB_CI\"",
         PUBLISHED "column 'Category' has the collation en_GB_CI; expected en_US_CI.", NULL},
        {"\"collate\": \"en_US_CI\"", "\"collats\": \"en_US_CI\"",
         PUBLISHED "column 'Category' has the collation (none); expected en_US_CI.",
         PUBLISHED "column 'Category' has the collation en_US_CI; expected (none)."},
    };
    struct bytes target = sample(*state, "superstore_denormalized");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes more =
            with_text(*state, "superstore_denormalized", cases[i].old, cases[i].new);
        append_case(*state, target, more, cases[i].expected);
        if (cases[i].reverse)
            append_case(*state, more, target, cases[i].reverse);
    }
}

/* A block that was damaged is found when it is copied, and one of other rows too. */
static void test_append_damaged(void **state)
{
    struct bytes whole = sample(*state, "sales_v2"), b = sample(*state, "sales_v2");
    blob_of(b, HYPER_DATA, 3)[20] ^= 1;
    append_case(*state, whole, b, PUBLISHED "an entry (column) is damaged.");
    append_case(*state, b, whole, "The current extract: an entry (column) is damaged.");
    b = sample(*state, "sales_v2");
    hyper_put(blob_of(b, HYPER_ROWS, 0), 99, 8);
    hyper_put(blob_of(b, HYPER_DATA, 0), 99, 8);
    mend_blob(b, HYPER_ROWS, 0);
    mend_blob(b, HYPER_DATA, 0);
    append_case(*state, whole, b,
                PUBLISHED "column 1 of block 0 has another number of rows than the block.");
}

static void test_append_deleted(void **state)
{
    struct bytes whole = sample(*state, "sales_v2"), b = sample(*state, "sales_v2");
    *blob_of(b, HYPER_DELETED, 0) = 1;
    mend_blob(b, HYPER_DELETED, 0);
    append_case(*state, whole, b,
                PUBLISHED "the table 'Extract': it has rows that were deleted after they were "
                          "written, which is not supported.");
    b = sample(*state, "sales_v2");
    hyper_put(blob_of(b, HYPER_ROWS, 0) + 8, 1, 4);
    mend_blob(b, HYPER_ROWS, 0);
    append_case(*state, b, whole,
                "The current extract: the table 'Extract': it has rows that were changed after "
                "they were written, which is not supported.");
    int fd = open_sample(*state, "europe_deleted_rows");
    if (fd < 0)
        return;
    assert_non_null(strstr(append_refusal(*state, fd, fd), "which is not supported"));
    close(fd);
}

/* ---- numbers of NULLs */

static const char *nulls_of(struct arena *arena, struct bytes target, struct bytes more)
{
    int target_fd = file_of(target.at, target.len), more_fd = file_of(more.at, more.len);
    int fd = append_ok(arena, target_fd, more_fd);
    const struct hyper_table *t = hyper_table(open_ok(arena, fd, "appended"), 0);
    const char *line = "";
    for (size_t i = 0; i < t->column_count; i++)
        line =
            arena_printf(arena, "%s%s%lld", line, *line ? " " : "", (long long)t->columns[i].nulls);
    close(fd);
    close(target_fd);
    close(more_fd);
    return line;
}

static void test_nulls(void **state)
{
    struct bytes none = sample(*state, "superstore_denormalized");
    struct bytes some = with_text(*state, "superstore_denormalized", "\"nullCounts\": [0, 0, 0, 0]",
                                  "\"nullCounts\": [1, 0, 5, 9]");
    struct bytes old =
        with_text(*state, "superstore_denormalized", "\"nullCounts\"", "\"nuLLcounts\"");
    assert_text("sums", nulls_of(*state, some, some), "2 0 10 18");
    assert_text("none", nulls_of(*state, none, some), "1 0 5 9");
    assert_text("not told", nulls_of(*state, some, old), "-1 -1 -1 -1");
    assert_text("never told", nulls_of(*state, old, some), "-1 -1 -1 -1");
}

/* ---- where it is written */

static void test_no_room(void **state)
{
    struct fault fault = {0};
    int fd = open_sample(*state, "sales_v2"), full = open("/dev/full", O_RDWR | O_CLOEXEC);
    struct hyper *hyper = open_ok(*state, fd, "sales_v2");
    if (full < 0) {
        print_message("skipped: no /dev/full\n");
        return;
    }
    assert_int_equal(hyper_append(hyper, hyper, full, &fault), E403008);
    close(full);
    assert_int_equal(hyper_append(hyper, hyper, fd, &fault), E500000); /* opened for reading */
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_checksums),
        TEST(test_samples),
        TEST(test_columns),
        TEST(test_blobs),
        TEST(test_each_byte),
        TEST(test_each_byte_of_lists),
        TEST(test_truncated),
        TEST(test_changed),
        TEST(test_catalogs),
        TEST(test_whole),
        TEST(test_each_part_damaged),
        TEST(test_parts_missing),
        TEST(test_newer_headers),
        TEST(test_damage_beside_what_is_not_understood),
        TEST(test_check_is_bounded),
        TEST(test_append),
        TEST(test_append_again),
        TEST(test_append_refused),
        TEST(test_columns_that_differ),
        TEST(test_append_damaged),
        TEST(test_append_deleted),
        TEST(test_nulls),
        TEST(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
