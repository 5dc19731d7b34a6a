/* fuzz_hyper.c: bytes as an extract, as they are and with checksums made good. What
 * is refused has a reason; what is read holds together, and can be appended to itself,
 * which gives an extract of twice the rows. Values are read or refused; those of columns are
 * the matter of fuzz_hyper_column.c. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/crc.h"
#include "extract/hyper_actions.h"
#include "extract/hyper_append.h"
#include "extract/hyper_priv.h"
#include "extract/hyper_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static int file_of(const void *bytes, size_t len)
{
    int fd = memfd_create("hyper", MFD_CLOEXEC);
    need(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    return fd;
}

/* ---- checksums */

static void mend(uint8_t *bytes, size_t len, uint64_t at, uint64_t of, uint32_t seed)
{
    if (at <= len && of <= len - at && len - at - of >= HYPER_SUM)
        hyper_put(bytes + at + of, crc32c_add(seed, bytes + at, (size_t)of), HYPER_SUM);
}

static void mend_slots(uint8_t *bytes, size_t len, uint64_t directory, uint32_t seed)
{
    if (directory > len || len - directory < 8)
        return;
    uint64_t slots = hyper_little(bytes + directory, 8);
    for (uint64_t i = 0, at = directory + 8; slots < 16 && i < 1U << slots; i++) {
        if (len < HYPER_SLOT || at > len - HYPER_SLOT)
            return;
        const uint8_t *slot = bytes + at;
        if (slot[40] == HYPER_LIVE)
            mend(bytes, len, hyper_little(slot + 24, 8), hyper_little(slot + 16, 8), seed);
        at += HYPER_SLOT;
    }
}

static void mend_all(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; len >= HYPER_PAGES && i < 2; i++) {
        uint8_t *page = bytes + i * HYPER_PAGE;
        uint64_t directory = hyper_little(page + HYPER_AT_DIRECTORY, 8);
        uint32_t seed = hyper_seed((unsigned)hyper_little(page + HYPER_AT_VERSION, 2));
        hyper_put(page + HYPER_AT_SIZE, len, 8);
        mend_slots(bytes, len, directory, seed);
        mend(bytes, len, directory, hyper_little(page + HYPER_AT_LENGTH, 8), seed);
        mend(bytes, len, i * HYPER_PAGE, HYPER_AT_SUM, 0);
    }
}

/* ---- what comes of it */

static void check_fault(enum err err, const struct fault *fault)
{
    need(err == E400011 && fault->err == err && fault->detail);
    need(strlen(fault->detail) < 600 && utf8_valid(fault->detail, strlen(fault->detail)));
}

static void check_tables(const struct hyper *hyper)
{
    for (size_t i = 0; i < hyper_table_count(hyper); i++) {
        const struct hyper_table *t = hyper_table(hyper, i);
        uint64_t rows = 0;
        need(t->schema && t->name);
        for (size_t c = 0; c < t->column_count; c++)
            need(t->columns[c].name && *t->columns[c].type);
        for (size_t b = 0; b < t->block_count && !t->unreadable; b++)
            rows += t->block_rows[b];
        need(t->unreadable || rows == t->rows);
    }
}

static void read_blobs(const struct hyper *hyper)
{
    for (size_t i = 0; i < hyper_blob_count(hyper); i++) {
        struct arena *scratch = arena_new(0);
        struct fault fault = {0};
        unsigned char *bytes = NULL;
        size_t len = 0;
        enum err err =
            hyper_blob_read(hyper, hyper_blob(hyper, i), scratch, 1 << 20, &bytes, &len, &fault);
        if (err)
            check_fault(err, &fault);
        else
            need(bytes && len <= 1 << 20);
        arena_free(&scratch);
    }
}

static void read_rows(const struct hyper *hyper)
{
    for (size_t i = 0; i < hyper_table_count(hyper); i++) {
        const struct hyper_table *t = hyper_table(hyper, i);
        struct fault fault = {0};
        struct hyper_block block;
        uint64_t rows = 0;
        struct hyper_cursor *cursor = hyper_cursor_open(hyper, t, NULL, &fault);
        while (cursor && hyper_cursor_next(cursor, &block, &fault))
            rows += block.rows;
        if (fault.err)
            check_fault(fault.err, &fault);
        else
            need(rows == t->rows);
        hyper_cursor_close(&cursor);
    }
}

static void append_to_itself(struct arena *arena, const struct hyper *hyper)
{
    struct fault fault = {0};
    struct hyper *twice = NULL;
    int fd = memfd_create("appended", MFD_CLOEXEC);
    enum err err = hyper_append(hyper, hyper, fd, &fault);
    if (err) {
        check_fault(err, &fault);
    } else {
        need(hyper_open(arena, fd, "The sum", &twice, &fault) == E_OK);
        need(hyper_table(twice, 0)->rows == 2 * hyper_table(hyper, 0)->rows);
        need(hyper_append_check(hyper, twice, &fault) == E_OK);
    }
    close(fd);
}

/* The first table's rows added to it, then all of them replaced by themselves. */
static void change_by_itself(struct arena *arena, const struct hyper *hyper)
{
    if (!hyper_table_count(hyper))
        return;
    const struct hyper_table *t = hyper_table(hyper, 0);
    struct fault fault = {0};
    struct hyper *twice = NULL;
    int fd = memfd_create("changed", MFD_CLOEXEC);
    struct hyper_action action = {.act = HYPER_INSERT,
                                  .target_schema = t->schema,
                                  .target_table = t->name,
                                  .source_schema = t->schema,
                                  .source_table = t->name};
    enum err err = hyper_change(hyper, hyper, &action, 1, fd, NULL, &fault);
    if (err) {
        need(err == E400000 || err == E400011);
        need(fault.detail && utf8_valid(fault.detail, strlen(fault.detail)));
    } else {
        need(hyper_open(arena, fd, "The sum", &twice, &fault) == E_OK);
        need(hyper_table(twice, 0)->rows == 2 * t->rows);
        read_rows(twice);
    }
    close(fd);
}

static void run(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new(0);
    struct hyper *hyper = NULL;
    struct fault fault = {0};
    int fd = file_of(bytes, len);
    struct fault damage = {0};
    enum err err = hyper_open(arena, fd, "The file", &hyper, &fault);
    enum err damaged = hyper_check(arena, fd, "The file", &damage);
    if (damaged)
        check_fault(damaged, &damage);
    if (err) {
        check_fault(err, &fault);
    } else {
        check_tables(hyper);
        read_blobs(hyper);
        read_rows(hyper);
        append_to_itself(arena, hyper);
        change_by_itself(arena, hyper);
    }
    close(fd);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len + 1);
    need(copy != NULL);
    memcpy(copy, bytes, len);
    run(copy, len);
    mend_all(copy, len);
    run(copy, len);
    free(copy);
    return 0;
}
