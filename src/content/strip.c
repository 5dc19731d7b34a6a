/* strip.c: see strip.h. Writes a zip archive of entries that are packed already:
 * local header, packed bytes, local header, ..., directory, end. The layout is
 * that of APPNOTE.TXT, sections 4.3.7 to 4.3.16; the long forms (ZIP64) are used
 * where a size, an offset or the count needs them. */
#include "content/strip.h"

#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "content/package.h"

enum {
    VERSION = 20, /* 2.0: deflate and folders */
    VERSION_64 = 45,
    UTF8_FLAG = 0x800,
    LONG16 = 0xFFFF,
    ZIP64_EXTRA = 1,
};
#define LONG32 0xFFFFFFFFU

struct strip {
    struct arena *arena;
    struct package *package;
    enum content_kind kind;
    size_t *kept, kept_count; /* indexes of the entries that stay */
    uint64_t *offsets;        /* of their local headers */
    uint64_t length, sent;
    size_t next; /* of kept: whose header comes next */
    bool bare;   /* the document alone is sent */
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
static void put_directory(struct buf *out, const struct strip *s, uint64_t at)
{
    for (size_t i = 0; i < s->kept_count; i++)
        put_record(out, package_entry(s->package, s->kept[i]), s->offsets[i]);
    uint64_t size = out->len, count = s->kept_count;
    if (at >= LONG32 || size >= LONG32 || count >= LONG16)
        put_end64(out, s->kept_count, at, size);
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
    struct strip *s = thing;
    package_stream_close(&s->stream);
}

/* Headers and directory are made once to know their length: some 100 bytes an
 * entry, forgotten again. */
static void measure(struct strip *s)
{
    struct arena *scratch = arena_new(0);
    struct buf made;
    uint64_t at = 0;
    buf_init(&made, scratch, 0);
    for (size_t i = 0; i < s->kept_count; i++) {
        const struct package_entry *e = package_entry(s->package, s->kept[i]);
        made.len = 0;
        put_local(&made, e);
        s->offsets[i] = at;
        at += made.len + e->packed;
    }
    made.len = 0;
    put_directory(&made, s, at);
    s->length = at + made.len;
    arena_free(&scratch);
}

static void choose(struct strip *s, size_t main_index)
{
    size_t files = 0;
    for (size_t i = 0; i < package_count(s->package); i++) {
        const struct package_entry *e = package_entry(s->package, i);
        if (package_is_extract(e))
            continue;
        files += !e->folder;
        s->kept[s->kept_count++] = i;
    }
    s->bare = files == 1 && !content_is_flow(s->kind);
    if (!s->bare)
        return;
    s->kind = s->kind == CONTENT_TWBX ? CONTENT_TWB : CONTENT_TDS;
    s->length = package_entry(s->package, main_index)->size;
}

enum err strip_open(struct arena *arena, int fd, enum content_kind kind,
                    const struct content_limits *limits, struct strip **strip_r,
                    struct fault *fault)
{
    struct strip *s = arena_zalloc(arena, sizeof(*s));
    size_t main_index = 0;
    s->arena = arena;
    s->kind = kind;
    enum err err =
        package_open(arena, fd, limits ? limits : &content_limits_default, &s->package, fault);
    if (err != E_OK)
        return err;
    if (!package_find_main(s->package, kind, &main_index))
        return fault_set(fault, arena, E400011, "The package holds no document.");
    size_t count = package_count(s->package);
    s->kept = arena_alloc(arena, count * sizeof(*s->kept));
    s->offsets = arena_alloc(arena, count * sizeof(*s->offsets));
    arena_on_free(arena, release, s);
    choose(s, main_index);
    buf_init(&s->block, arena, 0);
    if (!s->bare)
        measure(s);
    else if ((err = package_stream_open(s->package, main_index, false, &s->stream, fault)) != E_OK)
        return err;
    *strip_r = s;
    return E_OK;
}

enum content_kind strip_kind(const struct strip *strip)
{
    return strip->kind;
}

uint64_t strip_length(const struct strip *strip)
{
    return strip->length;
}

/* ---- sending */

/* Begins the next part: a header, whose entry follows it, or the directory.
 * False: there is none, or *fault says why not. */
static bool next_part(struct strip *s, struct fault *fault)
{
    s->block.len = s->block_at = 0;
    if (s->bare || s->ended)
        return false;
    if (s->next == s->kept_count) {
        s->ended = true;
        put_directory(&s->block, s, s->sent);
        return true;
    }
    size_t index = s->kept[s->next++];
    put_local(&s->block, package_entry(s->package, index));
    return package_stream_open(s->package, index, true, &s->stream, fault) == E_OK;
}

/* Bytes of the part under way; 0: it is done. */
static ptrdiff_t read_part(struct strip *s, char *out, size_t room, struct fault *fault)
{
    size_t left = s->block.len - s->block_at;
    if (left) {
        size_t n = left < room ? left : room;
        memcpy(out, s->block.bytes + s->block_at, n);
        s->block_at += n;
        return (ptrdiff_t)n;
    }
    if (!s->stream)
        return 0;
    ptrdiff_t n = package_stream_read(s->stream, out, room, fault);
    if (n == 0)
        package_stream_close(&s->stream);
    return n;
}

ptrdiff_t strip_read(struct strip *s, void *out, size_t room, struct fault *fault)
{
    size_t done = 0;
    *fault = (struct fault){.err = E_OK};
    while (done < room) {
        ptrdiff_t n = read_part(s, (char *)out + done, room - done, fault);
        if (n == 0 && next_part(s, fault))
            continue;
        if (n < 0 || fault->err != E_OK)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
        s->sent += (uint64_t)n;
    }
    return (ptrdiff_t)done;
}
