/* fuzz_hyper_column.c: bytes as a column of a block. The first byte chooses the type, the
 * second whether it may be NULL; the rest is the column as it is unpacked. What is
 * refused has a reason; every byte of what is read can be read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/crc.h"
#include "extract/hyper_priv.h"
#include "extract/hyper_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *const TYPES[] = {"Bool", "SmallInt",  "Integer", "BigInt",   "Double",
                                    "Date", "Timestamp", "Varchar", "Geography"};

static void need(bool holds)
{
    if (!holds)
        abort();
}

static uint64_t sum_of(const struct hyper_values *values)
{
    uint64_t sum = 0;
    for (uint32_t row = 0; row < values->count; row++) {
        struct hyper_value value = hyper_value_at(values, row);
        if (value.null)
            continue;
        if (hyper_form_of(value.type) != HYPER_AS_TEXT)
            sum += (uint64_t)value.integer;
        else
            for (uint32_t i = 0; i < value.text.len; i++)
                sum += (unsigned char)value.text.bytes[i];
    }
    return sum;
}

static void check(const struct hyper_values *values, uint32_t rows)
{
    need(values->count == rows);
    volatile uint64_t sum = sum_of(values);
    (void)sum;
    struct arena *arena = arena_new(0);
    struct hyper_value first = hyper_value_at(values, 0);
    need(hyper_value_text(arena, &first) != NULL);
    arena_free(&arena);
}

static void run(int fd, size_t len, const struct hyper_column *column, uint32_t rows)
{
    struct arena *arena = arena_new(0);
    struct fault fault = {0};
    struct hyper_block block;
    struct hyper_blob blob = {.key = {HYPER_DATA, 0, 0, 1}, .length = len};
    struct hyper_table table = {.schema = "s",
                                .name = "t",
                                .column_count = 1,
                                .block_count = 1,
                                .columns = column,
                                .block_rows = &rows,
                                .rows = rows};
    struct hyper hyper = {.arena = arena,
                          .fd = fd,
                          .what = "The file",
                          .blobs = &blob,
                          .blob_count = 1,
                          .tables = &table,
                          .table_count = 1};
    enum err err = hyper_block_read(&hyper, &table, 0, NULL, arena, &block, &fault);
    if (err)
        need(err == E400011 && utf8_valid(fault.detail, strlen(fault.detail)));
    else
        check(&block.columns[0], rows);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    unsigned char sum[HYPER_SUM];
    if (len < 10)
        return 0;
    struct hyper_column column = {.name = "c",
                                  .type = TYPES[bytes[0] % (sizeof TYPES / sizeof *TYPES)],
                                  .nullable = bytes[1] & 1};
    bytes += 2;
    len -= 2;
    uint64_t rows = hyper_little(bytes, 8);
    int fd = memfd_create("column", MFD_CLOEXEC);
    hyper_put(sum, crc32c_add(0, bytes, len), sizeof sum);
    need(fd >= 0 && write(fd, bytes, len) == (ssize_t)len &&
         write(fd, sum, sizeof sum) == (ssize_t)sizeof sum);
    if (rows > 0 && rows <= HYPER_BLOCK_ROWS_MOST)
        run(fd, len, &column, (uint32_t)rows);
    close(fd);
    return 0;
}
