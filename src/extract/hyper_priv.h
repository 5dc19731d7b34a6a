/* hyper_priv: what the files of this folder share: the layout of a file, and what was
 * read of it. Numbers are little-endian. */
#ifndef EASEL_EXTRACT_HYPER_PRIV_H
#define EASEL_EXTRACT_HYPER_PRIV_H

#include "base/arena.h"
#include "extract/hyper.h"

enum {
    HYPER_PAGE = 4096, /* of a header; two stand at the start of the file */
    HYPER_PAGES = 2 * HYPER_PAGE,
    HYPER_SLOT = 48, /* of the directory */
    HYPER_SUM = 4,   /* a checksum, right behind what it is of */
    HYPER_ALIGNED = 64,
    HYPER_SLOTS_FEWEST = 8, /* as powers of two */
    HYPER_SLOTS_MOST = 21,
    HYPER_AREAS_MOST = 1 << 20, /* bytes, of the list of free areas */
    HYPER_BLOBS_MOST = 1 << 20,
    HYPER_BLOCK_ROWS_MOST = 131072,
    HYPER_FROZEN = 2, /* how a block is kept: by column, finished */
    /* of a blob that is held in memory */
    HYPER_CATALOG_MOST = 16 << 20,
    HYPER_ROWS_MOST = 8 + 4 * HYPER_BLOBS_MOST,
    /* where things stand: in a header page */
    HYPER_AT_LAYOUT = 0x08,
    HYPER_AT_VERSION = 0x0A,
    HYPER_AT_GENERATION = 0x30,
    HYPER_AT_SIZE = 0x38,
    HYPER_AT_DIRECTORY = 0x40,
    HYPER_AT_LENGTH = 0x48,
    HYPER_AT_RESERVED = 0x50,
    HYPER_AT_SUM = 0xFFC,
};

/* Of a slot. */
enum hyper_state { HYPER_EMPTY = 0, HYPER_LIVE = 1, HYPER_GONE = 2 };

/* Behind the free areas that end the directory. */
#define HYPER_DIRECTORY_END "\x1A\xDA\x1A\xDA\0\0\0\0"

struct hyper {
    struct arena *arena;
    int fd;
    const char *what;
    unsigned char page[HYPER_PAGE]; /* the current header */
    int page_index;
    unsigned version;
    uint32_t seed; /* of checksums of blobs and directory */
    uint64_t generation, size;
    uint64_t directory, directory_len;
    unsigned slots; /* of the directory, as a power of two */
    struct hyper_blob *blobs;
    size_t blob_count;
    struct hyper_table *tables;
    size_t table_count, relation_count; /* relations: with those that were dropped */
    bool plain;                         /* its catalog says that it is not encrypted */
    bool damaged;                       /* it was refused for its own sums or length */
};

static inline uint64_t hyper_little(const unsigned char *p, size_t len)
{
    uint64_t n = 0;
    while (len--)
        n = n << 8 | p[len];
    return n;
}

static inline void hyper_put(unsigned char *p, uint64_t value, size_t len)
{
    for (; len--; value >>= 8)
        *p++ = (unsigned char)value;
}

static inline uint64_t hyper_aligned(uint64_t n)
{
    return (n + HYPER_ALIGNED - 1) / HYPER_ALIGNED * HYPER_ALIGNED;
}

/* The seed of a version's checksums. */
uint32_t hyper_seed(unsigned version);
/* E400011: what the caller calls the file, and the sentence. */
enum err hyper_refuse(const struct hyper *h, struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same where the file itself shows that it is not what was written. */
enum err hyper_refuse_damaged(struct hyper *h, struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum err hyper_unreadable(const struct hyper *h, struct fault *fault);
const char *hyper_echo(const struct hyper *h, const char *text);
const char *hyper_kind_name(enum hyper_kind kind);

/* hyper_file.c: header, directory and blobs, up to `tables`. */
enum err hyper_file_open(struct hyper *h, struct fault *fault);
/* Whether a blob's bytes are those that its checksum is of. */
enum err hyper_blob_check(struct hyper *h, const struct hyper_blob *blob, struct fault *fault);

/* hyper_catalog.c: `tables` with their columns, out of JSON. */
enum err hyper_catalog_read(struct hyper *h, const char *json, size_t len, struct fault *fault);
/* The same catalog, with other numbers of NULLs for that table; NULL: without any. */
enum err hyper_catalog_with(const struct hyper *h, const char *json, size_t len,
                            const struct hyper_table *table, const int64_t *nulls,
                            struct arena *arena, const char **json_r, struct fault *fault);

#endif
