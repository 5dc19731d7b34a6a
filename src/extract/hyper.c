/* hyper.c: a .hyper file as a whole: that its tables and its blobs fit each other. */
#include "extract/hyper.h"

#include <string.h>

#include "extract/hyper_priv.h"

static enum err refuse_table(const struct hyper *h, const struct hyper_table *table,
                             struct fault *fault, const char *why)
{
    return hyper_refuse(h, fault, "the table '%s': %s.", hyper_echo(h, table->name), why);
}

/* ---- the rows of a table */

/* The number of rows, and how each block is kept. */
static enum err take_row_list(struct hyper *h, struct hyper_table *table, struct arena *scratch,
                              struct fault *fault)
{
    const struct hyper_blob *blob = hyper_blob_find(h, HYPER_ROWS, table->index, 0, 0);
    unsigned char *bytes = NULL;
    size_t len = 0;
    if (!blob)
        return refuse_table(h, table, fault, "the list of its rows is missing");
    enum err err = hyper_blob_read(h, blob, scratch, HYPER_ROWS_MOST, &bytes, &len, fault);
    if (err)
        return err;
    if (len < 8 || len % 4 != 0)
        return refuse_table(h, table, fault, "the list of its rows is damaged");
    table->rows = hyper_little(bytes, 8);
    table->block_count = (len - 8) / 4;
    for (size_t i = 0; i < table->block_count; i++)
        if (hyper_little(bytes + 8 + 4 * i, 4) != HYPER_FROZEN)
            table->unreadable = "it has rows that were changed after they were written";
    return E_OK;
}

/* An empty table has no list of deletions; one without deletions has a zero. */
static enum err take_deletions(struct hyper *h, struct hyper_table *table, struct arena *scratch,
                               struct fault *fault)
{
    const struct hyper_blob *blob = hyper_blob_find(h, HYPER_DELETED, table->index, 0, 0);
    unsigned char *bytes = NULL;
    size_t len = 0;
    if (!blob && !table->block_count)
        return E_OK;
    if (!blob)
        return refuse_table(h, table, fault, "its list of deletions is missing");
    enum err err = E_OK;
    if (blob->length <= HYPER_PAGE)
        err = hyper_blob_read(h, blob, scratch, HYPER_PAGE, &bytes, &len, fault);
    if (!err && (len != 1 || *bytes != 0))
        table->unreadable = "it has rows that were deleted after they were written";
    return err;
}

/* Each block has its number of rows and every column, and nothing else. */
static enum err check_block(const struct hyper *h, const struct hyper_table *table, uint32_t block,
                            struct fault *fault)
{
    for (size_t column = 0; column <= table->column_count; column++)
        if (!hyper_blob_find(h, HYPER_DATA, table->index, block, (uint32_t)column))
            return hyper_refuse(h, fault, "block %u of the table '%s' has no column %zu.",
                                (unsigned)block, hyper_echo(h, table->name), column);
    return E_OK;
}

static enum err take_block(const struct hyper *h, const struct hyper_table *table, uint32_t block,
                           uint32_t *rows_r, struct fault *fault)
{
    struct arena *scratch = arena_new(0);
    unsigned char *bytes = NULL;
    size_t len = 0;
    const struct hyper_blob *blob = hyper_blob_find(h, HYPER_DATA, table->index, block, 0);
    enum err err = hyper_blob_read(h, blob, scratch, HYPER_PAGE, &bytes, &len, fault);
    uint64_t rows = !err && len == 8 ? hyper_little(bytes, 8) : 0;
    arena_free(&scratch);
    if (err)
        return err;
    if (rows == 0 || rows > HYPER_BLOCK_ROWS_MOST)
        return hyper_refuse(h, fault, "the number of rows in block %u of the table '%s' can't be.",
                            (unsigned)block, hyper_echo(h, table->name));
    *rows_r = (uint32_t)rows;
    return E_OK;
}

static enum err take_blocks(struct hyper *h, struct hyper_table *table, struct fault *fault)
{
    uint32_t *rows = arena_alloc(h->arena, (table->block_count + 1) * sizeof *rows);
    uint64_t sum = 0;
    for (size_t i = 0; i < table->block_count; i++) {
        enum err err = check_block(h, table, (uint32_t)i, fault);
        if (!err)
            err = take_block(h, table, (uint32_t)i, &rows[i], fault);
        if (err)
            return err;
        sum += rows[i];
    }
    table->block_rows = rows;
    if (sum != table->rows)
        return hyper_refuse(h, fault, "the table '%s' should have %llu rows, and has %llu.",
                            hyper_echo(h, table->name), (unsigned long long)table->rows,
                            (unsigned long long)sum);
    return E_OK;
}

static enum err check_nulls(const struct hyper *h, const struct hyper_table *table,
                            struct fault *fault)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].nulls > 0 && (uint64_t)table->columns[i].nulls > table->rows)
            return refuse_table(h, table, fault, "it has more NULLs than rows");
    return E_OK;
}

static enum err take_rows(struct hyper *h, struct hyper_table *table, struct fault *fault)
{
    struct arena *scratch = arena_new(0);
    enum err err = take_row_list(h, table, scratch, fault);
    if (!err)
        err = take_deletions(h, table, scratch, fault);
    arena_free(&scratch);
    if (err || table->unreadable)
        return err;
    err = take_blocks(h, table, fault);
    return err ? err : check_nulls(h, table, fault);
}

/* ---- no blob without a table */

static struct hyper_table *table_at(const struct hyper *h, uint32_t index)
{
    for (size_t i = 0; i < h->table_count; i++)
        if (h->tables[i].index == index)
            return &h->tables[i];
    return NULL;
}

/* Blobs stand in order, so that those of a table follow each other. */
static enum err check_owners(const struct hyper *h, struct fault *fault)
{
    const struct hyper_table *table = NULL;
    for (size_t i = 0; i < h->blob_count; i++) {
        const struct hyper_key *key = &h->blobs[i].key;
        if (key->kind == HYPER_CATALOG && (key->table || key->block || key->column))
            return hyper_refuse(h, fault, "it has more than one catalog.");
        if (key->kind < HYPER_ROWS)
            continue;
        if (key->table >= h->relation_count)
            return hyper_refuse(h, fault, "an entry (%s) is of a table that there is not.",
                                hyper_kind_name(key->kind));
        if (!table || table->index != key->table)
            table = table_at(h, key->table);
        if (!table || table->unreadable || key->kind != HYPER_DATA)
            continue;
        if (key->block >= table->block_count || key->column > table->column_count)
            return refuse_table(h, table, fault, "it has parts beyond its rows or columns");
    }
    return E_OK;
}

/* ---- opening */

static enum err read_catalog(struct hyper *h, struct fault *fault)
{
    const struct hyper_blob *blob = hyper_blob_find(h, HYPER_CATALOG, 0, 0, 0);
    struct arena *scratch = arena_new(0);
    unsigned char *bytes = NULL;
    size_t len = 0;
    enum err err = blob ? hyper_blob_read(h, blob, scratch, HYPER_CATALOG_MOST, &bytes, &len, fault)
                        : hyper_refuse(h, fault, "it has no catalog.");
    if (!err)
        err = hyper_catalog_read(h, (const char *)bytes, len, fault);
    arena_free(&scratch);
    return err;
}

enum err hyper_open(struct arena *arena, int fd, const char *what, struct hyper **hyper_r,
                    struct fault *fault)
{
    struct hyper *h = arena_zalloc(arena, sizeof *h);
    h->arena = arena;
    h->fd = fd;
    h->what = arena_strdup(arena, what);
    enum err err = hyper_file_open(h, fault);
    if (!err)
        err = read_catalog(h, fault);
    for (size_t i = 0; i < h->table_count && !err; i++)
        err = take_rows(h, &h->tables[i], fault);
    if (!err)
        err = check_owners(h, fault);
    if (!err)
        *hyper_r = h;
    return err;
}

/* ---- checking */

/* All of a smaller file; of a larger one blobs from everywhere in it, to that many bytes. */
enum { CHECKED_MOST = 64 << 20 };

static enum err check_blobs(struct hyper *h, struct fault *fault)
{
    uint64_t total = 0, left = CHECKED_MOST;
    enum err err = E_OK;
    for (size_t i = 0; i < h->blob_count; i++)
        total += h->blobs[i].length;
    for (size_t i = 0; i < h->blob_count && !err; i += (size_t)(total / CHECKED_MOST) + 1) {
        if (h->blobs[i].length > left)
            continue;
        left -= h->blobs[i].length;
        err = hyper_blob_check(h, &h->blobs[i], fault);
    }
    return err;
}

/* Blobs have checksums of what they hold as it stands there, unless they are encrypted:
 * that is not known. Tables that are not understood may stand beside others. */
static enum err check_file(struct hyper *h, struct fault *fault)
{
    enum err err = hyper_file_open(h, fault);
    if (err)
        return err;
    const struct hyper_blob *catalog = hyper_blob_find(h, HYPER_CATALOG, 0, 0, 0);
    if (catalog)
        err = hyper_blob_check(h, catalog, fault);
    if (!err)
        err = read_catalog(h, fault);
    return h->plain ? check_blobs(h, fault) : err;
}

enum err hyper_check(struct arena *arena, int fd, const char *what, struct fault *fault)
{
    struct arena *scratch = arena_new(0);
    struct hyper h = {.arena = scratch, .fd = fd, .what = what};
    struct fault found = {0};
    enum err err = check_file(&h, &found);
    if (err == E400011 && !h.damaged)
        err = E_OK;
    if (err)
        fault_set(fault, arena, err, "%s", found.detail);
    arena_free(&scratch);
    return err;
}

size_t hyper_table_count(const struct hyper *hyper)
{
    return hyper->table_count;
}

const struct hyper_table *hyper_table(const struct hyper *hyper, size_t index)
{
    return &hyper->tables[index];
}
