/* repack.c: see repack.h. Writes a zip archive of entries that are packed already:
 * local header, packed bytes, local header, ..., directory, end. The layout is
 * that of APPNOTE.TXT, sections 4.3.7 to 4.3.16; the long forms (ZIP64) are used
 * where a size, an offset or the count needs them. */
#include "content/repack.h"

#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/file.h"
#include "content/package.h"

enum {
    VERSION = 20, /* 2.0: deflate and folders */
    VERSION_64 = 45,
    UTF8_FLAG = 0x800,
    LONG16 = 0xFFFF,
    ZIP64_EXTRA = 1,
    PIECE = 64 << 10,
};
#define LONG32 0xFFFFFFFFU

struct part {
    struct package_entry entry; /* as it is in the new package */
    size_t index;               /* in the old one */
    bool replaced;              /* its bytes are those of the extract's file */
    uint64_t offset;            /* of its local header */
};

struct repack {
    struct arena *arena;
    struct package *package;
    struct part *parts;
    size_t part_count;
    int extract_fd; /* what is put in; -1: nothing */
    uint64_t extract_at, extract_left;
    uint64_t length, sent;
    size_t next; /* part whose header comes next */
    bool ended;  /* the directory was made */
    struct package_stream *stream;
    struct buf block; /* header or directory being sent */
    size_t block_at;
};

/* ---- records */

static void put(struct buf *out, uint64_t value, size_t bytes)
{
    for (; bytes--; value >>= 8)
        buf_addc(out, (char)(value & 0xFF));
}

static uint64_t clip32(uint64_t value)
{
    return value < LONG32 ? value : LONG32;
}

static void put_time(struct buf *out, time_t at)
{
    struct tm tm;
    if (!localtime_r(&at, &tm) || tm.tm_year < 80 || tm.tm_year > 207) {
        put(out, 0, 2);
        put(out, 0x21, 2); /* 1980-01-01, the first that the format can say */
        return;
    }
    put(out, (uint64_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2), 2);
    put(out, (uint64_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday), 2);
}

static bool long_sizes(const struct package_entry *e)
{
    return e->size >= LONG32 || e->packed >= LONG32;
}

/* What local header and directory record have in common, from the version needed
 * to the length of the name. */
static void put_common(struct buf *out, const struct package_entry *e, bool is_long)
{
    put(out, is_long ? VERSION_64 : VERSION, 2);
    put(out, UTF8_FLAG, 2);
    put(out, e->method, 2);
    put_time(out, e->modified);
    put(out, e->crc, 4);
    put(out, long_sizes(e) ? LONG32 : e->packed, 4);
    put(out, long_sizes(e) ? LONG32 : e->size, 4);
    put(out, strlen(e->name), 2);
}

static void put_local(struct buf *out, const struct package_entry *e)
{
    bool is_long = long_sizes(e);
    buf_add(out, "PK\3\4", 4);
    put_common(out, e, is_long);
    put(out, is_long ? 20 : 0, 2);
    buf_adds(out, e->name);
    if (!is_long)
        return;
    put(out, ZIP64_EXTRA, 2);
    put(out, 16, 2);
    put(out, e->size, 8);
    put(out, e->packed, 8);
}

static void put_record(struct buf *out, const struct package_entry *e, uint64_t offset)
{
    size_t extra = (long_sizes(e) ? 16U : 0U) + (offset >= LONG32 ? 8U : 0U);
    buf_add(out, "PK\1\2", 4);
    put(out, extra ? VERSION_64 : VERSION, 2); /* made by: no attributes of a system */
    put_common(out, e, extra != 0);
    put(out, extra ? extra + 4 : 0, 2);
    put(out, 0, 2); /* comment */
    put(out, 0, 2); /* disk */
    put(out, 0, 2); /* internal attributes */
    put(out, 0, 4); /* external attributes */
    put(out, clip32(offset), 4);
    buf_adds(out, e->name);
    if (!extra)
        return;
    put(out, ZIP64_EXTRA, 2);
    put(out, extra, 2);
    if (long_sizes(e)) {
        put(out, e->size, 8);
        put(out, e->packed, 8);
    }
    if (offset >= LONG32)
        put(out, offset, 8);
}

static void put_end64(struct buf *out, size_t count, uint64_t at, uint64_t size)
{
    buf_add(out, "PK\6\6", 4);
    put(out, 44, 8);
    put(out, VERSION_64, 2);
    put(out, VERSION_64, 2);
    put(out, 0, 4);
    put(out, 0, 4);
    put(out, count, 8);
    put(out, count, 8);
    put(out, size, 8);
    put(out, at, 8);
    buf_add(out, "PK\6\7", 4);
    put(out, 0, 4);
    put(out, at + size, 8);
    put(out, 1, 4);
}

/* `at`: where the directory begins. */
static void put_directory(struct buf *out, const struct repack *r, uint64_t at)
{
    for (size_t i = 0; i < r->part_count; i++)
        put_record(out, &r->parts[i].entry, r->parts[i].offset);
    uint64_t size = out->len, count = r->part_count;
    if (at >= LONG32 || size >= LONG32 || count >= LONG16)
        put_end64(out, r->part_count, at, size);
    buf_add(out, "PK\5\6", 4);
    put(out, 0, 2);
    put(out, 0, 2);
    put(out, count < LONG16 ? count : LONG16, 2);
    put(out, count < LONG16 ? count : LONG16, 2);
    put(out, clip32(size), 4);
    put(out, clip32(at), 4);
    put(out, 0, 2);
}

/* ---- opening */

static void release(void *thing)
{
    struct repack *r = thing;
    package_stream_close(&r->stream);
}

/* Headers and directory are made once to know their length: some 100 bytes an
 * entry, forgotten again. */
static void measure(struct repack *r)
{
    struct arena *scratch = arena_new(0);
    struct buf made;
    uint64_t at = 0;
    buf_init(&made, scratch, 0);
    for (size_t i = 0; i < r->part_count; i++) {
        struct part *part = &r->parts[i];
        made.len = 0;
        put_local(&made, &part->entry);
        part->offset = at;
        at += made.len + part->entry.packed;
    }
    made.len = 0;
    put_directory(&made, r, at);
    r->length = at + made.len;
    arena_free(&scratch);
}

/* NULL: refused, and *fault says why. */
static struct repack *open_package(struct arena *arena, int fd, enum content_kind kind,
                                   const struct content_limits *limits, struct fault *fault)
{
    size_t main_index;
    struct repack *r = arena_zalloc(arena, sizeof(*r));
    r->arena = arena;
    r->extract_fd = -1;
    if (package_open(arena, fd, limits ? limits : &content_limits_default, &r->package, fault) !=
        E_OK)
        return NULL;
    if (!package_find_main(r->package, kind, &main_index)) {
        fault_set(fault, arena, E400011, "The package holds no document.");
        return NULL;
    }
    r->parts = arena_zalloc(arena, package_count(r->package) * sizeof(*r->parts));
    arena_on_free(arena, release, r);
    buf_init(&r->block, arena, 0);
    return r;
}

static struct part *add_part(struct repack *r, size_t index)
{
    struct part *part = &r->parts[r->part_count++];
    *part = (struct part){.entry = *package_entry(r->package, index), .index = index};
    return part;
}

enum err repack_strip(struct arena *arena, int fd, enum content_kind kind,
                      const struct content_limits *limits, struct repack **repack_r,
                      struct fault *fault)
{
    struct repack *r = open_package(arena, fd, kind, limits, fault);
    if (!r)
        return fault->err;
    for (size_t i = 0; i < package_count(r->package); i++)
        if (!package_is_extract(package_entry(r->package, i)))
            add_part(r, i);
    measure(r);
    *repack_r = r;
    return E_OK;
}

/* Size and checksum stand before an entry's bytes: the file is read twice. */
static enum err weigh(struct repack *r, struct package_entry *e, struct fault *fault)
{
    struct arena *scratch = arena_new(0);
    char *piece = arena_alloc(scratch, PIECE);
    uint64_t at = 0;
    ptrdiff_t n;
    e->crc = 0;
    while ((n = file_pread(r->extract_fd, piece, PIECE, at)) > 0) {
        e->crc = crc32_add(e->crc, piece, (size_t)n);
        at += (uint64_t)n;
    }
    arena_free(&scratch);
    if (n < 0)
        return fault_set(fault, r->arena, E500000, "The extract could not be read.");
    e->method = 0;
    e->size = e->packed = at;
    return E_OK;
}

enum err repack_replace(struct arena *arena, int fd, enum content_kind kind,
                        const struct content_limits *limits, size_t entry, int extract_fd,
                        struct repack **repack_r, struct fault *fault)
{
    struct part *extract = NULL;
    struct repack *r = open_package(arena, fd, kind, limits, fault);
    if (!r)
        return fault->err;
    r->extract_fd = extract_fd;
    for (size_t i = 0; i < package_count(r->package); i++) {
        struct part *part = add_part(r, i);
        if (i == entry && package_is_extract(&part->entry))
            extract = part;
    }
    if (!extract)
        return fault_set(fault, arena, E400011, "The entry %zu of the package is no extract.",
                         entry);
    extract->replaced = true;
    enum err err = weigh(r, &extract->entry, fault);
    if (err != E_OK)
        return err;
    measure(r);
    *repack_r = r;
    return E_OK;
}

uint64_t repack_length(const struct repack *repack)
{
    return repack->length;
}

/* ---- sending */

/* Begins the next part: a header, whose entry follows it, or the directory.
 * False: there is none, or *fault says why not. */
static bool next_part(struct repack *r, struct fault *fault)
{
    r->block.len = r->block_at = 0;
    if (r->ended)
        return false;
    if (r->next == r->part_count) {
        r->ended = true;
        put_directory(&r->block, r, r->sent);
        return true;
    }
    const struct part *part = &r->parts[r->next++];
    put_local(&r->block, &part->entry);
    if (!part->replaced)
        return package_stream_open(r->package, part->index, true, &r->stream, fault) == E_OK;
    r->extract_at = 0;
    r->extract_left = part->entry.size;
    return true;
}

static ptrdiff_t read_extract(struct repack *r, char *out, size_t room, struct fault *fault)
{
    size_t want = r->extract_left < room ? (size_t)r->extract_left : room;
    if (file_pread(r->extract_fd, out, want, r->extract_at) != (ptrdiff_t)want) {
        fault_set(fault, r->arena, E500000, "The extract could not be read.");
        return -1;
    }
    r->extract_at += want;
    r->extract_left -= want;
    return (ptrdiff_t)want;
}

/* Bytes of the part under way; 0: it is done. */
static ptrdiff_t read_part(struct repack *r, char *out, size_t room, struct fault *fault)
{
    size_t left = r->block.len - r->block_at;
    if (left) {
        size_t n = left < room ? left : room;
        memcpy(out, r->block.bytes + r->block_at, n);
        r->block_at += n;
        return (ptrdiff_t)n;
    }
    if (!r->stream)
        return read_extract(r, out, room, fault);
    ptrdiff_t n = package_stream_read(r->stream, out, room, fault);
    if (n == 0)
        package_stream_close(&r->stream);
    return n;
}

ptrdiff_t repack_read(struct repack *r, void *out, size_t room, struct fault *fault)
{
    size_t done = 0;
    *fault = (struct fault){.err = E_OK};
    while (done < room) {
        ptrdiff_t n = read_part(r, (char *)out + done, room - done, fault);
        if (n == 0 && next_part(r, fault))
            continue;
        if (n < 0 || fault->err != E_OK)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
        r->sent += (uint64_t)n;
    }
    return (ptrdiff_t)done;
}
