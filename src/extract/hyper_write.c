/* hyper_write.c: see hyper_write.h. */
#include "extract/hyper_write.h"

#include <errno.h>
#include <lz4.h>
#include <string.h>
#include <unistd.h>

#include "base/crc.h"
#include "base/file.h"

enum {
    PIECE = 48 << 10,
    HEADER_FEW = 8,         /* of a column: its first number, how many rows it has */
    FILE_ALIGNED = 1 << 16, /* the size of a file */
    DIRECTORY_ZEROS = 40,   /* that end the directory */
};

void hyper_write_begin(struct hyper_writer *w, const struct hyper *model, unsigned version, int fd,
                       struct fault *fault)
{
    *w = (struct hyper_writer){.model = model,
                               .fd = fd,
                               .version = version,
                               .seed = hyper_seed(version),
                               .at = HYPER_PAGES,
                               .arena = arena_new(0),
                               .fault = fault};
}

void hyper_write_release(struct hyper_writer *w)
{
    arena_free(&w->arena);
}

/* ---- bytes */

static enum err failed(const struct hyper_writer *w)
{
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return fault_set(w->fault, w->model->arena, E403008,
                         "There is no room left to store the file.");
    return fault_set(w->fault, w->model->arena, E500000, "The file could not be stored.");
}

/* Adds to the checksum that is under way. */
static enum err write_bytes(struct hyper_writer *w, const void *bytes, size_t len)
{
    if (!file_pwrite(w->fd, bytes, len, w->at))
        return failed(w);
    w->sum = crc32c_add(w->sum, bytes, len);
    w->at += len;
    return E_OK;
}

/* Ends what began at `offset`: its checksum, and zeros up to where the next may begin. */
static enum err write_sum(struct hyper_writer *w)
{
    unsigned char tail[HYPER_SUM + HYPER_ALIGNED] = {0};
    hyper_put(tail, w->sum, HYPER_SUM);
    uint64_t end = hyper_aligned(w->at + HYPER_SUM);
    enum err err = write_bytes(w, tail, (size_t)(end - w->at));
    w->sum = w->seed;
    return err;
}

/* ---- blobs */

/* NULL: refused. Good until the next one begins. */
static struct hyper_blob *begin_blob(struct hyper_writer *w, const struct hyper_key *key,
                                     uint32_t tag)
{
    if (w->blob_count == HYPER_BLOBS_MOST) {
        hyper_refuse(w->model, w->fault, "it would have more than %d parts.", HYPER_BLOBS_MOST);
        return NULL;
    }
    if (w->blob_count == w->blob_room)
        w->blobs = arena_widen(w->arena, w->blobs, &w->blob_room, sizeof *w->blobs);
    struct hyper_blob *blob = &w->blobs[w->blob_count++];
    *blob = (struct hyper_blob){.key = *key, .tag = tag, .offset = w->at};
    w->sum = w->seed;
    return blob;
}

static enum err write_stored(struct hyper_writer *w, struct hyper_blob *blob, const void *bytes,
                             size_t len)
{
    blob->length = len;
    enum err err = write_bytes(w, bytes, len);
    return err ? err : write_sum(w);
}

/* The bytes packed, behind their length unpacked; 0: that would be no shorter. */
static size_t pack_bytes(const void *bytes, size_t len, unsigned char *out, size_t room)
{
    int packed = LZ4_compress_default(bytes, (char *)out + 4, (int)len, (int)room - 4);
    hyper_put(out, len, 4);
    return packed > 0 && (size_t)packed + 4 < len ? (size_t)packed + 4 : 0;
}

enum err hyper_write_blob(struct hyper_writer *w, const struct hyper_key *key, uint32_t tag,
                          const void *bytes, size_t len, bool pack)
{
    struct hyper_blob *blob = begin_blob(w, key, tag);
    if (!blob)
        return w->fault->err;
    if (!pack || len < HYPER_ALIGNED || len > LZ4_MAX_INPUT_SIZE)
        return write_stored(w, blob, bytes, len);
    struct arena *scratch = arena_new(0);
    size_t room = (size_t)LZ4_compressBound((int)len) + 4;
    unsigned char *out = arena_alloc(scratch, room);
    size_t packed = pack_bytes(bytes, len, out, room);
    blob->packed = packed != 0;
    enum err err = write_stored(w, blob, packed ? out : bytes, packed ? packed : len);
    arena_free(&scratch);
    return err;
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

/* *sum_r: the checksum of what was copied. */
static enum err copy_bytes(struct hyper_writer *w, const struct hyper *h,
                           const struct hyper_blob *from, uint32_t rows, uint32_t *sum_r)
{
    unsigned char piece[PIECE];
    enum err err = E_OK;
    *sum_r = h->seed;
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
        *sum_r = crc32c_add(*sum_r, piece, want);
        err = write_bytes(w, piece, want);
        done += want;
    }
    return err;
}

enum err hyper_write_copy(struct hyper_writer *w, const struct hyper *from,
                          const struct hyper_blob *blob, const struct hyper_key *key, uint32_t tag,
                          uint32_t rows)
{
    unsigned char stored[HYPER_SUM];
    uint32_t sum = 0;
    struct hyper_blob *to = begin_blob(w, key, tag);
    if (!to)
        return w->fault->err;
    to->packed = blob->packed;
    to->length = blob->length;
    enum err err = copy_bytes(w, from, blob, rows, &sum);
    if (err)
        return err;
    if (file_pread(from->fd, stored, sizeof stored, blob->offset + blob->length) != HYPER_SUM)
        return hyper_unreadable(from, w->fault);
    if (hyper_little(stored, HYPER_SUM) != sum)
        return hyper_refuse(from, w->fault, "an entry (%s) is damaged.",
                            hyper_kind_name(blob->key.kind));
    return write_sum(w);
}

enum err hyper_write_lists(struct hyper_writer *w, uint32_t table, uint32_t tag, uint64_t rows,
                           size_t blocks)
{
    struct arena *scratch = arena_new(0);
    size_t len = 8 + 4 * blocks;
    unsigned char *list = arena_alloc(scratch, len);
    hyper_put(list, rows, 8);
    for (size_t i = 0; i < blocks; i++)
        hyper_put(list + 8 + 4 * i, HYPER_FROZEN, 4);
    enum err err =
        hyper_write_blob(w, &(struct hyper_key){HYPER_ROWS, table, 0, 0}, tag, list, len, false);
    arena_free(&scratch);
    if (!err && blocks)
        err =
            hyper_write_blob(w, &(struct hyper_key){HYPER_DELETED, table, 0, 0}, tag, "", 1, false);
    return err;
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

static enum err write_slots(struct hyper_writer *w, unsigned slots)
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
static void place_directory(struct hyper_writer *w, unsigned slots)
{
    w->directory = w->at;
    w->directory_len = 8 + ((uint64_t)HYPER_SLOT << slots) + 8 + 16 + 8 + DIRECTORY_ZEROS;
    uint64_t end = w->directory + hyper_aligned(w->directory_len + HYPER_SUM);
    w->size = (end + FILE_ALIGNED) / FILE_ALIGNED * FILE_ALIGNED;
}

static enum err write_directory(struct hyper_writer *w)
{
    unsigned slots = w->model->slots;
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
static enum err write_pages(struct hyper_writer *w)
{
    unsigned char page[HYPER_PAGE];
    memcpy(page, w->model->page, sizeof page);
    hyper_put(page + HYPER_AT_VERSION, w->version, 2);
    hyper_put(page + HYPER_AT_SIZE, w->size, 8);
    hyper_put(page + HYPER_AT_DIRECTORY, w->directory, 8);
    hyper_put(page + HYPER_AT_LENGTH, w->directory_len, 8);
    hyper_put(page + HYPER_AT_RESERVED, hyper_aligned(w->directory_len + HYPER_SUM), 8);
    for (int newer = 0; newer < 2; newer++) {
        int index = newer ? !w->model->page_index : w->model->page_index;
        hyper_put(page + HYPER_AT_GENERATION, w->model->generation + (unsigned)newer, 8);
        hyper_put(page + HYPER_AT_SUM, crc32c_add(0, page, HYPER_AT_SUM), HYPER_SUM);
        if (!file_pwrite(w->fd, page, sizeof page, (uint64_t)index * HYPER_PAGE))
            return failed(w);
    }
    return E_OK;
}

enum err hyper_write_end(struct hyper_writer *w)
{
    enum err err = write_directory(w);
    if (!err)
        err = write_pages(w);
    if (!err && ftruncate(w->fd, (off_t)w->size) != 0)
        err = failed(w);
    return err;
}
