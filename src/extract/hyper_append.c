/* hyper_append.c: see hyper_append.h.
 *
 * The new file: two header pages, blobs one behind the other, the directory. What
 * finds entries in a directory by their hash begins somewhere and goes on to the next
 * slot until it meets the entry or a slot that was never used. The hash is not known,
 * so no slot is left unused: those that hold no entry hold one that is gone, under a
 * key that no entry has. */
#include "extract/hyper_append.h"

#include <errno.h>
#include <lz4.h>
#include <string.h>
#include <unistd.h>

#include "base/crc.h"
#include "base/file.h"
#include "extract/hyper_priv.h"

enum {
    PIECE = 48 << 10,
    NEW_BLOBS = 3,          /* catalog, row list, list of deletions */
    HEADER_FEW = 8,         /* of a column: its first number, how many rows it has */
    FILE_ALIGNED = 1 << 16, /* the size of a file */
    DIRECTORY_ZEROS = 40,   /* that end the directory */
};

struct writer {
    const struct hyper *target, *more;
    const struct hyper_table *to, *from; /* their tables */
    int fd;
    unsigned version;
    uint32_t seed;
    uint64_t at; /* where the next byte goes */
    uint32_t sum;
    struct hyper_blob *blobs; /* of the new file */
    size_t blob_count;
    uint32_t tag; /* of the table */
    uint64_t directory, directory_len, size;
    struct arena *scratch;
    struct fault *fault;
};

/* ---- whether they fit */

/* NULL: refused, and *fault says why. */
static const struct hyper_table *only_table(const struct hyper *h, struct fault *fault)
{
    const struct hyper_table *table = h->tables;
    if (h->table_count == 0)
        hyper_refuse(h, fault, "it has no table.");
    else if (h->table_count > 1)
        hyper_refuse(h, fault,
                     "it was stored using multiple tables (it has %zu), and data can't be appended "
                     "to such an extract.",
                     h->table_count);
    else if (table->unreadable)
        hyper_refuse(h, fault, "the table '%s': %s, which is not supported.",
                     hyper_echo(h, table->name), table->unreadable);
    else
        return table;
    return NULL;
}

static bool same(const char *a, const char *b)
{
    return !a == !b && (!a || strcmp(a, b) == 0);
}

static enum err check_column(const struct hyper *more, size_t index, const struct hyper_column *to,
                             const struct hyper_column *from, struct fault *fault)
{
    const char *name = hyper_echo(more, from->name);
    if (!same(to->name, from->name))
        return hyper_refuse(more, fault, "column %zu is named '%s'; expected '%s'.", index + 1,
                            name, hyper_echo(more, to->name));
    if (!same(to->type, from->type))
        return hyper_refuse(more, fault, "column '%s' has the type %s; expected %s.", name,
                            hyper_echo(more, from->type), hyper_echo(more, to->type));
    if (!same(to->collation, from->collation))
        return hyper_refuse(more, fault, "column '%s' has the collation %s; expected %s.", name,
                            from->collation ? hyper_echo(more, from->collation) : "(none)",
                            to->collation ? hyper_echo(more, to->collation) : "(none)");
    if (from->nullable && !to->nullable)
        return hyper_refuse(more, fault, "column '%s' may be NULL; expected one that may not.",
                            name);
    return E_OK;
}

static enum err check_columns(const struct hyper *more, const struct hyper_table *to,
                              const struct hyper_table *from, struct fault *fault)
{
    if (to->column_count != from->column_count)
        return hyper_refuse(more, fault, "it has %zu columns; expected %zu.", from->column_count,
                            to->column_count);
    enum err err = E_OK;
    for (size_t i = 0; i < to->column_count && !err; i++)
        err = check_column(more, i, &to->columns[i], &from->columns[i], fault);
    return err;
}

/* What is written anew fits in with what is left out. */
static enum err check_size(const struct hyper *target, const struct hyper *more,
                           struct fault *fault)
{
    if (target->blob_count + more->blob_count + NEW_BLOBS > HYPER_BLOBS_MOST)
        return hyper_refuse(more, fault, "together with what is there it has more than %d parts.",
                            HYPER_BLOBS_MOST);
    return E_OK;
}

enum err hyper_append_check(const struct hyper *target, const struct hyper *more,
                            struct fault *fault)
{
    const struct hyper_table *to = only_table(target, fault), *from = NULL;
    if (to)
        from = only_table(more, fault);
    if (!to || !from)
        return fault->err;
    enum err err = check_columns(more, to, from, fault);
    return err ? err : check_size(target, more, fault);
}

/* ---- writing */

static enum err failed(const struct writer *w)
{
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return fault_set(w->fault, w->target->arena, E403008,
                         "There is no room left to store the file.");
    return fault_set(w->fault, w->target->arena, E500000, "The file could not be stored.");
}

/* Adds to the checksum that is under way. */
static enum err write_bytes(struct writer *w, const void *bytes, size_t len)
{
    if (!file_pwrite(w->fd, bytes, len, w->at))
        return failed(w);
    w->sum = crc32c_add(w->sum, bytes, len);
    w->at += len;
    return E_OK;
}

/* Ends what began at `offset`: its checksum, and zeros up to where the next may begin. */
static enum err write_sum(struct writer *w)
{
    unsigned char tail[HYPER_SUM + HYPER_ALIGNED] = {0};
    hyper_put(tail, w->sum, HYPER_SUM);
    uint64_t end = hyper_aligned(w->at + HYPER_SUM);
    enum err err = write_bytes(w, tail, (size_t)(end - w->at));
    w->sum = w->seed;
    return err;
}

static struct hyper_blob *begin_blob(struct writer *w, enum hyper_kind kind, uint32_t block,
                                     uint32_t column)
{
    struct hyper_blob *blob = &w->blobs[w->blob_count++];
    *blob = (struct hyper_blob){
        .key = {kind, w->to->index, block, column}, .tag = w->tag, .offset = w->at};
    w->sum = w->seed;
    return blob;
}

static enum err write_blob(struct writer *w, struct hyper_blob *blob, const void *bytes, size_t len)
{
    blob->length = len;
    enum err err = write_bytes(w, bytes, len);
    return err ? err : write_sum(w);
}

/* The number that a column's blob begins with is that of the rows of its block. Its
 * first piece suffices to unpack that much. */
static bool begins_with(const struct hyper_blob *blob, const unsigned char *piece, size_t len,
                        uint32_t rows)
{
    unsigned char few[HEADER_FEW];
    if (!blob->packed)
        return len >= sizeof few && hyper_little(piece, sizeof few) == rows;
    return len > 4 &&
           LZ4_decompress_safe_partial((const char *)piece + 4, (char *)few, (int)len - 4,
                                       sizeof few, sizeof few) == (int)sizeof few &&
           hyper_little(few, sizeof few) == rows;
}

/* `rows`: of the block that it is a column of; 0: it is none. */
static enum err copy_blob(struct writer *w, const struct hyper *h, const struct hyper_blob *from,
                          struct hyper_blob *to, uint32_t rows)
{
    unsigned char piece[PIECE], stored[HYPER_SUM];
    uint32_t sum = h->seed;
    enum err err = E_OK;
    to->packed = from->packed;
    to->length = from->length;
    for (uint64_t done = 0; done < from->length && !err;) {
        uint64_t left = from->length - done;
        size_t want = left < sizeof piece ? (size_t)left : sizeof piece;
        if (file_pread(h->fd, piece, want, from->offset + done) != (ptrdiff_t)want)
            return hyper_unreadable(h, w->fault);
        if (done == 0 && rows && !begins_with(from, piece, want, rows))
            return hyper_refuse(h, w->fault,
                                "column %u of block %u has another number of rows "
                                "than the block.",
                                (unsigned)from->key.column, (unsigned)from->key.block);
        sum = crc32c_add(sum, piece, want);
        err = write_bytes(w, piece, want);
        done += want;
    }
    if (err)
        return err;
    if (file_pread(h->fd, stored, sizeof stored, from->offset + from->length) != HYPER_SUM)
        return hyper_unreadable(h, w->fault);
    if (hyper_little(stored, HYPER_SUM) != sum)
        return hyper_refuse(h, w->fault, "an entry (%s) is damaged.",
                            hyper_kind_name(from->key.kind));
    return write_sum(w);
}

/* ---- the blobs */

/* What stands for the whole file, as it is. */
static enum err copy_identity(struct writer *w)
{
    enum err err = E_OK;
    for (size_t i = 0; i < w->target->blob_count && !err; i++) {
        const struct hyper_blob *from = &w->target->blobs[i];
        if (from->key.kind != HYPER_IDENTITY)
            break;
        struct hyper_blob *to = begin_blob(w, HYPER_IDENTITY, 0, 0);
        to->key = from->key;
        to->tag = from->tag;
        err = copy_blob(w, w->target, from, to, 0);
    }
    return err;
}

/* How often a column of a table is NULL; -1: nobody knows. */
static int64_t nulls_of(const struct hyper_table *table, size_t column)
{
    const struct hyper_column *c = &table->columns[column];
    return c->nulls < 0 && (!table->rows || !c->nullable) ? 0 : c->nulls;
}

/* NULL: not known of all columns, or the target does not count them. */
static const int64_t *sum_nulls(struct writer *w)
{
    size_t count = w->to->column_count;
    int64_t *nulls = arena_alloc(w->scratch, (count + 1) * sizeof *nulls);
    for (size_t i = 0; i < count; i++) {
        int64_t to = nulls_of(w->to, i), from = nulls_of(w->from, i);
        if (w->to->columns[i].nulls < 0 || to < 0 || from < 0)
            return NULL;
        nulls[i] = to + from;
    }
    return nulls;
}

static enum err write_catalog(struct writer *w)
{
    const struct hyper_blob *old = hyper_blob_find(w->target, HYPER_CATALOG, 0, 0, 0);
    unsigned char *bytes = NULL;
    const char *json = NULL;
    size_t len = 0;
    enum err err =
        hyper_blob_read(w->target, old, w->scratch, HYPER_CATALOG_MOST, &bytes, &len, w->fault);
    if (!err)
        err = hyper_catalog_with(w->target, (const char *)bytes, len, w->to, sum_nulls(w),
                                 w->scratch, &json, w->fault);
    if (err)
        return err;
    struct hyper_blob *blob = begin_blob(w, HYPER_CATALOG, 0, 0);
    blob->key = old->key;
    blob->tag = old->tag;
    return write_blob(w, blob, json, strlen(json));
}

static enum err copy_blocks(struct writer *w, const struct hyper *h,
                            const struct hyper_table *table, size_t first)
{
    for (size_t block = 0; block < table->block_count; block++)
        for (size_t column = 0; column <= table->column_count; column++) {
            const struct hyper_blob *from =
                hyper_blob_find(h, HYPER_DATA, table->index, (uint32_t)block, (uint32_t)column);
            struct hyper_blob *to =
                begin_blob(w, HYPER_DATA, (uint32_t)(first + block), (uint32_t)column);
            enum err err = copy_blob(w, h, from, to, table->block_rows[block]);
            if (err)
                return err;
        }
    return E_OK;
}

static enum err write_row_list(struct writer *w)
{
    size_t blocks = w->to->block_count + w->from->block_count, len = 8 + 4 * blocks;
    unsigned char *list = arena_alloc(w->scratch, len);
    hyper_put(list, w->to->rows + w->from->rows, 8);
    for (size_t i = 0; i < blocks; i++)
        hyper_put(list + 8 + 4 * i, HYPER_FROZEN, 4);
    enum err err = write_blob(w, begin_blob(w, HYPER_ROWS, 0, 0), list, len);
    if (!err && blocks)
        err = write_blob(w, begin_blob(w, HYPER_DELETED, 0, 0), "", 1);
    return err;
}

static enum err write_blobs(struct writer *w)
{
    enum err err = copy_identity(w);
    if (!err)
        err = write_catalog(w);
    if (!err)
        err = copy_blocks(w, w->target, w->to, 0);
    if (!err)
        err = copy_blocks(w, w->more, w->from, w->to->block_count);
    return err ? err : write_row_list(w);
}

/* ---- directory and header */

static void put_slot(unsigned char *slot, const struct hyper_blob *blob)
{
    const struct hyper_key *key = &blob->key;
    memset(slot, 0, HYPER_SLOT);
    hyper_put(slot, (uint64_t)key->kind << 48 | (uint64_t)blob->tag << 24 | key->column, 8);
    hyper_put(slot + 8, (uint64_t)key->table << 32 | key->block, 8);
    hyper_put(slot + 16, blob->length, 8);
    hyper_put(slot + 24, blob->offset, 8);
    hyper_put(slot + 32, hyper_aligned(blob->length + HYPER_SUM), 8);
    slot[40] = HYPER_LIVE;
    slot[41] = blob->packed;
}

/* No entry has the largest of all kinds, tables and columns. */
static void put_gone(unsigned char *slot, uint64_t number)
{
    memset(slot, 0, HYPER_SLOT);
    memset(slot, 0xFF, 8);
    hyper_put(slot + 8, (uint64_t)UINT32_MAX << 32 | number, 8);
    slot[40] = HYPER_GONE;
}

static enum err write_slots(struct writer *w, unsigned slots)
{
    unsigned char piece[PIECE];
    enum err err = E_OK;
    size_t count = (size_t)1 << slots, per_piece = PIECE / HYPER_SLOT;
    for (size_t first = 0; first < count && !err; first += per_piece) {
        size_t n = count - first < per_piece ? count - first : per_piece;
        for (size_t i = 0; i < n; i++) {
            if (first + i < w->blob_count)
                put_slot(piece + i * HYPER_SLOT, &w->blobs[first + i]);
            else
                put_gone(piece + i * HYPER_SLOT, first + i);
        }
        err = write_bytes(w, piece, n * HYPER_SLOT);
    }
    return err;
}

/* What lies behind the directory is free, and listed as its one free area. */
static void place_directory(struct writer *w, unsigned slots)
{
    w->directory = w->at;
    w->directory_len = 8 + ((uint64_t)HYPER_SLOT << slots) + 8 + 16 + 8 + DIRECTORY_ZEROS;
    uint64_t end = w->directory + hyper_aligned(w->directory_len + HYPER_SUM);
    w->size = (end + FILE_ALIGNED) / FILE_ALIGNED * FILE_ALIGNED;
}

static enum err write_directory(struct writer *w)
{
    unsigned slots = w->target->slots;
    unsigned char number[8], end[8 + 16 + 8 + DIRECTORY_ZEROS] = {0};
    if (slots < HYPER_SLOTS_FEWEST)
        slots = HYPER_SLOTS_FEWEST;
    while ((size_t)1 << slots < 2 * w->blob_count)
        slots++;
    place_directory(w, slots);
    uint64_t free_at = w->directory + hyper_aligned(w->directory_len + HYPER_SUM);
    hyper_put(number, slots, 8);
    hyper_put(end, 1, 8);
    hyper_put(end + 8, free_at, 8);
    hyper_put(end + 16, w->size - free_at, 8);
    memcpy(end + 24, HYPER_DIRECTORY_END, 8);
    w->sum = w->seed;
    enum err err = write_bytes(w, number, sizeof number);
    if (!err)
        err = write_slots(w, slots);
    if (!err)
        err = write_bytes(w, end, sizeof end);
    return err ? err : write_sum(w);
}

/* Both pages lead to the same directory, so that there is nothing to fall back to but
 * what is there. The newer one stands where the next generation's would. */
static enum err write_pages(struct writer *w)
{
    unsigned char page[HYPER_PAGE];
    memcpy(page, w->target->page, sizeof page);
    hyper_put(page + HYPER_AT_VERSION, w->version, 2);
    hyper_put(page + HYPER_AT_SIZE, w->size, 8);
    hyper_put(page + HYPER_AT_DIRECTORY, w->directory, 8);
    hyper_put(page + HYPER_AT_LENGTH, w->directory_len, 8);
    hyper_put(page + HYPER_AT_RESERVED, hyper_aligned(w->directory_len + HYPER_SUM), 8);
    for (int newer = 0; newer < 2; newer++) {
        int index = newer ? !w->target->page_index : w->target->page_index;
        hyper_put(page + HYPER_AT_GENERATION, w->target->generation + (unsigned)newer, 8);
        hyper_put(page + HYPER_AT_SUM, crc32c_add(0, page, HYPER_AT_SUM), HYPER_SUM);
        if (!file_pwrite(w->fd, page, sizeof page, (uint64_t)index * HYPER_PAGE))
            return failed(w);
    }
    return E_OK;
}

static enum err write_file(struct writer *w)
{
    w->at = HYPER_PAGES;
    enum err err = write_blobs(w);
    if (!err)
        err = write_directory(w);
    if (!err)
        err = write_pages(w);
    if (!err && ftruncate(w->fd, (off_t)w->size) != 0)
        err = failed(w);
    return err;
}

static struct writer writer_of(const struct hyper *target, const struct hyper *more, int fd,
                               struct fault *fault)
{
    struct writer w = {.target = target,
                       .more = more,
                       .to = &target->tables[0],
                       .from = &more->tables[0],
                       .fd = fd,
                       .version = target->version > more->version ? target->version : more->version,
                       .scratch = arena_new(0),
                       .fault = fault};
    w.seed = hyper_seed(w.version);
    w.tag = hyper_blob_find(target, HYPER_ROWS, w.to->index, 0, 0)->tag;
    w.blobs = arena_alloc(w.scratch,
                          (target->blob_count + more->blob_count + NEW_BLOBS) * sizeof *w.blobs);
    return w;
}

enum err hyper_append(const struct hyper *target, const struct hyper *more, int fd,
                      struct fault *fault)
{
    enum err err = hyper_append_check(target, more, fault);
    if (err)
        return err;
    struct writer w = writer_of(target, more, fd, fault);
    err = write_file(&w);
    arena_free(&w.scratch);
    return err;
}
