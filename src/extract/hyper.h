/* hyper: what an extract file (.hyper) holds.
 *
 * A file is a directory of blobs: a catalog, which names the tables and their columns,
 * and for each block of up to 131,072 rows a blob of each column. hyper_open reads and
 * checks the header, the directory, the catalog and the lists of blocks: every blob
 * lies within the file and shares no byte with another, every block has all of its
 * columns, row counts add up. The blobs of columns are not read by it; hyper_blob_read
 * gives one, checked against its checksum and unpacked, to who decodes it.
 *
 * Files that were finished in one go are understood (docs/content.md says what is
 * not). A table of another form, with rows that were deleted or changed in place, is
 * told by `unreadable`; its rows must not be used. What is not known at all (format,
 * flags, encryption) is refused: E400011 with a sentence that begins with what the
 * caller calls the file; E500000 where the file could not be read.
 *
 * The descriptor is read at positions from 0 on and must stay open. Everything lives
 * in the arena. Immutable after hyper_open, so that several threads may read it. */
#ifndef EASEL_EXTRACT_HYPER_H
#define EASEL_EXTRACT_HYPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct arena;
struct hyper;

struct hyper_column {
    const char *name;
    const char *type; /* BigInt, Varchar ...; with its parameters, where it has some */
    bool nullable;
    const char *collation; /* NULL: none */
    int64_t nulls;         /* in all rows; -1: the file does not tell */
};

struct hyper_table {
    const char *schema, *name;
    size_t column_count, block_count;
    const struct hyper_column *columns;
    const uint32_t *block_rows; /* rows of each block, in the order of the rows */
    uint64_t rows;
    const char *unreadable; /* why the rows can't be read, for people; NULL: they can */
    uint32_t index;         /* in the keys of its blobs */
};

/* What a blob holds: the number that the file has for it. */
enum hyper_kind {
    HYPER_IDENTITY = 1,
    HYPER_CATALOG = 2, /* JSON */
    HYPER_ROWS = 3,    /* of a table: its number of rows, and how each block is kept */
    HYPER_DATA = 4,    /* of a block: column 0 its number of rows, column i attribute i */
    HYPER_DELETED = 5, /* of a table: which rows were deleted */
    HYPER_SAMPLE = 6,  /* of a table: some rows of it once more */
};

struct hyper_key {
    enum hyper_kind kind;
    uint32_t table, block, column;
};

struct hyper_blob {
    struct hyper_key key;
    uint32_t tag; /* of its key in the file: of its table; what it means is not known */
    bool packed;  /* by LZ4 */
    uint64_t offset, length;
};

/* `what` names the file in sentences: "The published extract". */
enum err hyper_open(struct arena *arena, int fd, const char *what, struct hyper **hyper_r,
                    struct fault *fault);

/* Whether a file is damaged: E400011 with a sentence like those of hyper_open where its own
 * checksums, or the size that it tells, show that it is not what was written. What is whole
 * but not understood passes. Reads the directory, the catalog and 64 MiB of blobs at most,
 * and keeps nothing; E500000 where the file could not be read. */
enum err hyper_check(struct arena *arena, int fd, const char *what, struct fault *fault);

/* The tables that there are, without those that were dropped. */
size_t hyper_table_count(const struct hyper *hyper);
const struct hyper_table *hyper_table(const struct hyper *hyper, size_t index);

/* All blobs in use, by kind, table, block and column. */
size_t hyper_blob_count(const struct hyper *hyper);
const struct hyper_blob *hyper_blob(const struct hyper *hyper, size_t index);
/* NULL where there is none. */
const struct hyper_blob *hyper_blob_find(const struct hyper *hyper, enum hyper_kind kind,
                                         uint32_t table, uint32_t block, uint32_t column);
/* The bytes of a blob, unpacked, checked against its checksum; at most `most`. */
enum err hyper_blob_read(const struct hyper *hyper, const struct hyper_blob *blob,
                         struct arena *arena, size_t most, unsigned char **bytes_r, size_t *len_r,
                         struct fault *fault);

#endif
