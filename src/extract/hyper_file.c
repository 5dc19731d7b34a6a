/* hyper_file.c: the header pages, the directory and the blobs of a .hyper file.
 *
 * Two header pages stand for two generations of the file. A page that was damaged
 * would lead back to what the file held before, so both must be whole. The directory
 * is a hash table by a hash that is not known; all of its slots are read. */
#include <lz4.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crc.h"
#include "base/file.h"
#include "extract/hyper_priv.h"

enum {
    PIECE_SLOTS = 1024,
    PIECE = PIECE_SLOTS * HYPER_SLOT,
    LZ4_DENSEST = 255, /* bytes that one of LZ4 can stand for */
    LAYOUT = 1,
    FORMS_MOST = 256, /* layouts and versions count up: beyond, it is no number of one */
};

static const unsigned char MAGIC[8] = "Hyper\x08";

static bool version_known(uint64_t version)
{
    return version == 0 || version == 2;
}

uint32_t hyper_seed(unsigned version)
{
    return version == 0 ? 0 : 0x1234;
}

/* ---- refusals */

enum err hyper_refuse(const struct hyper *h, struct fault *fault, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *why = arena_vprintf(h->arena, format, args);
    va_end(args);
    return fault_set(fault, h->arena, E400011, "%s: %s", h->what, why);
}

enum err hyper_refuse_damaged(struct hyper *h, struct fault *fault, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *why = arena_vprintf(h->arena, format, args);
    va_end(args);
    h->damaged = true;
    return hyper_refuse(h, fault, "%s", why);
}

enum err hyper_unreadable(const struct hyper *h, struct fault *fault)
{
    return fault_set(fault, h->arena, E500000, "%s could not be read.", h->what);
}

const char *hyper_echo(const struct hyper *h, const char *text)
{
    return fault_echo(h->arena, text, strlen(text));
}

const char *hyper_kind_name(enum hyper_kind kind)
{
    static const char *const names[] = {"",       "identity",          "catalog",       "row list",
                                        "column", "list of deletions", "sample of rows"};
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "";
}

/* ---- the header */

static bool sum_holds(const unsigned char *page)
{
    return crc32c_add(0, page, HYPER_AT_SUM) == hyper_little(page + HYPER_AT_SUM, HYPER_SUM);
}

static bool page_whole(const unsigned char *page)
{
    return memcmp(page, MAGIC, sizeof MAGIC) == 0 && sum_holds(page);
}

/* Of a form that may well be known to others, who may keep the sum elsewhere. */
static bool page_newer(const unsigned char *page)
{
    uint64_t layout = hyper_little(page + HYPER_AT_LAYOUT, 2);
    uint64_t version = hyper_little(page + HYPER_AT_VERSION, 2);
    return (layout > LAYOUT || (layout == LAYOUT && !version_known(version))) &&
           layout < FORMS_MOST && version < FORMS_MOST;
}

static enum err check_pages(struct hyper *h, const unsigned char *pages, struct fault *fault)
{
    bool first = page_whole(pages), second = page_whole(pages + HYPER_PAGE);
    if (first && second)
        return E_OK;
    if (!first && !second && page_newer(pages) && page_newer(pages + HYPER_PAGE))
        return hyper_refuse(h, fault, "the form of its header is not supported.");
    return hyper_refuse_damaged(h, fault, "page %d of its header is damaged.", first ? 2 : 1);
}

static enum err choose_page(struct hyper *h, const unsigned char *pages, struct fault *fault)
{
    enum err err = check_pages(h, pages, fault);
    if (err)
        return err;
    uint64_t first = hyper_little(pages + HYPER_AT_GENERATION, 8);
    uint64_t second = hyper_little(pages + HYPER_PAGE + HYPER_AT_GENERATION, 8);
    if (first == second)
        return hyper_refuse(h, fault, "both pages of its header are of generation %llu.",
                            (unsigned long long)first);
    h->page_index = second > first;
    memcpy(h->page, pages + (size_t)h->page_index * HYPER_PAGE, HYPER_PAGE);
    return E_OK;
}

/* What is cut off is damaged; what stands behind the end may have a meaning to others. */
static enum err check_size(struct hyper *h, struct fault *fault)
{
    static const char why[] = "it should have %llu bytes, and has %llu.";
    unsigned long long size = hyper_little(h->page + HYPER_AT_SIZE, 8), found = h->size;
    if (size > found)
        return hyper_refuse_damaged(h, fault, why, size, found);
    return size < found ? hyper_refuse(h, fault, why, size, found) : E_OK;
}

static enum err take_page(struct hyper *h, struct fault *fault)
{
    const unsigned char *page = h->page;
    unsigned layout = (unsigned)hyper_little(page + HYPER_AT_LAYOUT, 2);
    h->version = (unsigned)hyper_little(page + HYPER_AT_VERSION, 2);
    if (layout != LAYOUT)
        return hyper_refuse(h, fault, "its layout %u is not supported.", layout);
    if (!version_known(h->version))
        return hyper_refuse(h, fault, "its format version %u is not supported.", h->version);
    h->seed = hyper_seed(h->version);
    h->generation = hyper_little(page + HYPER_AT_GENERATION, 8);
    h->directory = hyper_little(page + HYPER_AT_DIRECTORY, 8);
    h->directory_len = hyper_little(page + HYPER_AT_LENGTH, 8);
    return check_size(h, fault);
}

static enum err read_header(struct hyper *h, struct fault *fault)
{
    struct stat stat;
    unsigned char pages[HYPER_PAGES];
    if (fstat(h->fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return hyper_unreadable(h, fault);
    h->size = (uint64_t)stat.st_size;
    ptrdiff_t n = file_pread(h->fd, pages, sizeof pages, 0);
    if (n < 0)
        return hyper_unreadable(h, fault);
    if ((size_t)n < sizeof MAGIC || memcmp(pages, MAGIC, sizeof MAGIC) != 0)
        return hyper_refuse_damaged(h, fault, "it is not a .hyper file.");
    if (n < HYPER_PAGES)
        return hyper_refuse_damaged(h, fault, "it ends within its header.");
    enum err err = choose_page(h, pages, fault);
    return err ? err : take_page(h, fault);
}

/* ---- checksums */

static bool within(const struct hyper *h, uint64_t offset, uint64_t length)
{
    return offset >= HYPER_PAGES && offset <= h->size && length <= h->size - offset &&
           h->size - offset - length >= HYPER_SUM;
}

/* *sum_r: that of the bytes; *stored_r: the one behind them. */
static enum err sum_of(const struct hyper *h, uint64_t offset, uint64_t length, uint32_t *sum_r,
                       uint32_t *stored_r, struct fault *fault)
{
    unsigned char piece[PIECE];
    *sum_r = h->seed;
    while (length) {
        size_t want = length < sizeof piece ? (size_t)length : sizeof piece;
        if (file_pread(h->fd, piece, want, offset) != (ptrdiff_t)want)
            return hyper_unreadable(h, fault);
        *sum_r = crc32c_add(*sum_r, piece, want);
        offset += want;
        length -= want;
    }
    if (file_pread(h->fd, piece, HYPER_SUM, offset) != HYPER_SUM)
        return hyper_unreadable(h, fault);
    *stored_r = (uint32_t)hyper_little(piece, HYPER_SUM);
    return E_OK;
}

/* By the seed 0 the sum of zeros is zero, and so holds for what was overwritten by them. */
static enum err check_sum(const struct hyper *h, uint64_t offset, uint64_t length, bool may_be_zero,
                          bool *holds_r, struct fault *fault)
{
    unsigned char start[8] = {0};
    size_t len = length < sizeof start ? (size_t)length : sizeof start;
    uint32_t sum = 0, stored = 0;
    if (file_pread(h->fd, start, len, offset) != (ptrdiff_t)len)
        return hyper_unreadable(h, fault);
    enum err err = sum_of(h, offset, length, &sum, &stored, fault);
    *holds_r = sum == stored && (may_be_zero || sum || hyper_little(start, sizeof start));
    return err;
}

/* ---- the directory */

enum { NUMBERS = 8 + 8 + 8 /* the power of two, the number of free areas, the end */ };

/* Before anything of it is believed. */
static enum err check_directory_sum(struct hyper *h, struct fault *fault)
{
    uint64_t most = NUMBERS + ((uint64_t)HYPER_SLOT << HYPER_SLOTS_MOST) + HYPER_AREAS_MOST;
    bool holds = false;
    if (!within(h, h->directory, h->directory_len) || h->directory_len < NUMBERS)
        return hyper_refuse(h, fault, "its directory lies outside of the file.");
    if (h->directory_len > most)
        return hyper_refuse(h, fault, "its directory has %llu bytes; at most %llu are read.",
                            (unsigned long long)h->directory_len, (unsigned long long)most);
    enum err err = check_sum(h, h->directory, h->directory_len, false, &holds, fault);
    if (!err && !holds)
        err = hyper_refuse_damaged(h, fault, "its directory is damaged.");
    return err;
}

static enum err check_directory(struct hyper *h, struct fault *fault)
{
    unsigned char number[8];
    enum err err = check_directory_sum(h, fault);
    if (err)
        return err;
    if (file_pread(h->fd, number, sizeof number, h->directory) != sizeof number)
        return hyper_unreadable(h, fault);
    uint64_t slots = hyper_little(number, sizeof number);
    if (slots > HYPER_SLOTS_MOST)
        return hyper_refuse(h, fault, "its directory has 2^%llu slots; at most 2^%d are read.",
                            (unsigned long long)slots, HYPER_SLOTS_MOST);
    h->slots = (unsigned)slots;
    uint64_t least = NUMBERS + ((uint64_t)HYPER_SLOT << slots);
    if (h->directory_len < least || h->directory_len > least + HYPER_AREAS_MOST)
        return hyper_refuse(h, fault, "its directory of 2^%llu slots has %llu bytes.",
                            (unsigned long long)slots, (unsigned long long)h->directory_len);
    return E_OK;
}

/* The free areas are of no use to a reader, but what follows them shows that the
 * directory has the form that is known. */
static enum err check_end(struct hyper *h, struct fault *fault)
{
    unsigned char piece[8];
    uint64_t at = 8 + ((uint64_t)HYPER_SLOT << h->slots);
    if (file_pread(h->fd, piece, sizeof piece, h->directory + at) != sizeof piece)
        return hyper_unreadable(h, fault);
    uint64_t areas = hyper_little(piece, sizeof piece);
    at += 8;
    if (areas > (h->directory_len - at - 8) / 16)
        return hyper_refuse(h, fault, "its directory should list %llu free areas.",
                            (unsigned long long)areas);
    at += 16 * areas;
    if (file_pread(h->fd, piece, sizeof piece, h->directory + at) != sizeof piece)
        return hyper_unreadable(h, fault);
    if (memcmp(piece, HYPER_DIRECTORY_END, sizeof piece) != 0)
        return hyper_refuse(h, fault, "its directory does not end as it should.");
    return E_OK;
}

static enum err take_slot(const struct hyper *h, const unsigned char *slot,
                          struct hyper_blob *blob_r, struct fault *fault)
{
    uint64_t low = hyper_little(slot, 8), high = hyper_little(slot + 8, 8);
    uint64_t reserved = hyper_little(slot + 32, 8);
    *blob_r = (struct hyper_blob){
        .key = {.kind = (enum hyper_kind)(low >> 48),
                .table = (uint32_t)(high >> 32),
                .block = (uint32_t)high,
                .column = (uint32_t)low & 0xFFFFFF},
        .tag = (uint32_t)(low >> 24) & 0xFFFFFF,
        .packed = slot[41] == 1,
        .offset = hyper_little(slot + 24, 8),
        .length = hyper_little(slot + 16, 8),
    };
    if (blob_r->key.kind < HYPER_IDENTITY || blob_r->key.kind > HYPER_SAMPLE)
        return hyper_refuse(h, fault, "entries of kind %u in its directory are not supported.",
                            (unsigned)(low >> 48));
    if (slot[41] > 1 || hyper_little(slot + 42, 6) != 0)
        return hyper_refuse(h, fault, "the flags of an entry in its directory are not supported.");
    if (!within(h, blob_r->offset, blob_r->length) || blob_r->offset % HYPER_ALIGNED != 0 ||
        reserved < blob_r->length + HYPER_SUM)
        return hyper_refuse(h, fault,
                            "an entry of its directory (%s, %llu bytes at %llu) does not "
                            "lie within the file.",
                            hyper_kind_name(blob_r->key.kind), (unsigned long long)blob_r->length,
                            (unsigned long long)blob_r->offset);
    return E_OK;
}

/* Counts the live slots, and takes them where there is room for them. */
static enum err walk_slots(struct hyper *h, struct hyper_blob *room, struct fault *fault)
{
    unsigned char piece[PIECE];
    uint64_t left = (uint64_t)1 << h->slots, at = h->directory + 8;
    enum err err = E_OK;
    h->blob_count = 0;
    while (left && !err) {
        size_t count = left < PIECE_SLOTS ? (size_t)left : PIECE_SLOTS;
        size_t len = count * HYPER_SLOT;
        if (file_pread(h->fd, piece, len, at) != (ptrdiff_t)len)
            return hyper_unreadable(h, fault);
        for (size_t i = 0; i < count && !err; i++) {
            const unsigned char *slot = piece + i * HYPER_SLOT;
            if (slot[40] > HYPER_GONE)
                return hyper_refuse(h, fault,
                                    "an entry in its directory has the state %u, which "
                                    "is not supported.",
                                    (unsigned)slot[40]);
            if (slot[40] == HYPER_LIVE && room)
                err = take_slot(h, slot, &room[h->blob_count], fault);
            h->blob_count += slot[40] == HYPER_LIVE;
        }
        left -= count;
        at += len;
    }
    return err;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_keys(const void *left, const void *right)
{
    const struct hyper_key *a = &((const struct hyper_blob *)left)->key;
    const struct hyper_key *b = &((const struct hyper_blob *)right)->key;
    int order = compare_numbers(a->kind, b->kind);
    if (order == 0)
        order = compare_numbers(a->table, b->table);
    if (order == 0)
        order = compare_numbers(a->block, b->block);
    return order ? order : compare_numbers(a->column, b->column);
}

static int compare_offsets(const void *left, const void *right)
{
    const struct hyper_blob *const *a = left, *const *b = right;
    return compare_numbers((*a)->offset, (*b)->offset);
}

static enum err check_twice(const struct hyper *h, struct fault *fault)
{
    for (size_t i = 1; i < h->blob_count; i++)
        if (compare_keys(&h->blobs[i - 1], &h->blobs[i]) == 0)
            return hyper_refuse(h, fault, "its directory has an entry (%s) twice.",
                                hyper_kind_name(h->blobs[i].key.kind));
    return E_OK;
}

/* No byte belongs to two blobs, or to a blob and the directory. */
static enum err check_overlaps(const struct hyper *h, struct fault *fault)
{
    struct hyper_blob directory = {.offset = h->directory, .length = h->directory_len};
    size_t count = h->blob_count + 1;
    struct arena *scratch = arena_new(0);
    const struct hyper_blob **by_offset = arena_alloc(scratch, count * sizeof *by_offset);
    by_offset[0] = &directory;
    for (size_t i = 0; i < h->blob_count; i++)
        by_offset[i + 1] = &h->blobs[i];
    qsort(by_offset, count, sizeof(struct hyper_blob *), compare_offsets);
    enum err err = E_OK;
    for (size_t i = 1; i < count && !err; i++)
        if (by_offset[i - 1]->offset + by_offset[i - 1]->length + HYPER_SUM > by_offset[i]->offset)
            err = hyper_refuse(h, fault, "parts of it overlap at byte %llu.",
                               (unsigned long long)by_offset[i]->offset);
    arena_free(&scratch);
    return err;
}

static enum err read_directory(struct hyper *h, struct fault *fault)
{
    enum err err = check_directory(h, fault);
    if (!err)
        err = check_end(h, fault);
    if (!err)
        err = walk_slots(h, NULL, fault);
    if (err)
        return err;
    if (h->blob_count > HYPER_BLOBS_MOST)
        return hyper_refuse(h, fault, "its directory has %zu entries; at most %d are read.",
                            h->blob_count, HYPER_BLOBS_MOST);
    h->blobs = arena_alloc(h->arena, (h->blob_count + 1) * sizeof *h->blobs);
    err = walk_slots(h, h->blobs, fault);
    if (err)
        return err;
    qsort(h->blobs, h->blob_count, sizeof *h->blobs, compare_keys);
    err = check_twice(h, fault);
    return err ? err : check_overlaps(h, fault);
}

enum err hyper_file_open(struct hyper *h, struct fault *fault)
{
    enum err err = read_header(h, fault);
    return err ? err : read_directory(h, fault);
}

/* ---- blobs */

size_t hyper_blob_count(const struct hyper *hyper)
{
    return hyper->blob_count;
}

const struct hyper_blob *hyper_blob(const struct hyper *hyper, size_t index)
{
    return &hyper->blobs[index];
}

const struct hyper_blob *hyper_blob_find(const struct hyper *hyper, enum hyper_kind kind,
                                         uint32_t table, uint32_t block, uint32_t column)
{
    struct hyper_blob wanted = {.key = {kind, table, block, column}};
    return bsearch(&wanted, hyper->blobs, hyper->blob_count, sizeof wanted, compare_keys);
}

/* A list of no rows is zeros; what begins with JSON, a length or a number of rows is not. */
static bool may_be_zero(const struct hyper_blob *blob)
{
    enum hyper_kind kind = blob->key.kind;
    return kind != HYPER_CATALOG && kind != HYPER_DATA && (kind != HYPER_ROWS || blob->length <= 8);
}

enum err hyper_blob_check(struct hyper *h, const struct hyper_blob *blob, struct fault *fault)
{
    bool holds = false;
    enum err err = check_sum(h, blob->offset, blob->length, may_be_zero(blob), &holds, fault);
    if (!err && !holds)
        err = hyper_refuse_damaged(h, fault, "an entry (%s) is damaged.",
                                   hyper_kind_name(blob->key.kind));
    return err;
}

/* The length of what is packed stands before it; it is as hostile as the rest. */
static enum err unpack(const struct hyper *h, const struct hyper_blob *blob, struct arena *arena,
                       size_t most, unsigned char *stored, unsigned char **bytes_r, size_t *len_r,
                       struct fault *fault)
{
    const char *kind = hyper_kind_name(blob->key.kind);
    size_t packed = (size_t)blob->length - (blob->length < 4 ? (size_t)blob->length : 4);
    uint64_t len = blob->length < 4 ? 0 : hyper_little(stored, 4);
    if (blob->length < 4 || len / LZ4_DENSEST > packed)
        return hyper_refuse(h, fault, "a packed entry (%s) is damaged.", kind);
    if (len > most)
        return hyper_refuse(h, fault, "an entry (%s) has %llu bytes; at most %zu are read.", kind,
                            (unsigned long long)len, most);
    unsigned char *out = arena_alloc(arena, (size_t)len + 1);
    if (LZ4_decompress_safe((const char *)stored + 4, (char *)out, (int)packed, (int)len) !=
        (int)len)
        return hyper_refuse(h, fault, "a packed entry (%s) is damaged.", kind);
    *bytes_r = out;
    *len_r = (size_t)len;
    return E_OK;
}

enum err hyper_blob_read(const struct hyper *hyper, const struct hyper_blob *blob,
                         struct arena *arena, size_t most, unsigned char **bytes_r, size_t *len_r,
                         struct fault *fault)
{
    if (most > LZ4_MAX_INPUT_SIZE)
        most = LZ4_MAX_INPUT_SIZE;
    if (blob->length > most)
        return hyper_refuse(hyper, fault, "an entry (%s) has %llu bytes; at most %zu are read.",
                            hyper_kind_name(blob->key.kind), (unsigned long long)blob->length,
                            most);
    size_t len = (size_t)blob->length;
    unsigned char *stored = arena_alloc(arena, len + HYPER_SUM);
    if (file_pread(hyper->fd, stored, len + HYPER_SUM, blob->offset) != (ptrdiff_t)len + HYPER_SUM)
        return hyper_unreadable(hyper, fault);
    if (crc32c_add(hyper->seed, stored, len) != hyper_little(stored + len, HYPER_SUM))
        return hyper_refuse(hyper, fault, "an entry (%s) is damaged.",
                            hyper_kind_name(blob->key.kind));
    if (blob->packed)
        return unpack(hyper, blob, arena, most, stored, bytes_r, len_r, fault);
    *bytes_r = stored;
    *len_r = len;
    return E_OK;
}
