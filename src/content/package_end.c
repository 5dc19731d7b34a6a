/* package_end.c: see package_end.h. Numbers and layout: the ZIP file format
 * specification (APPNOTE.TXT), sections 4.3.12 to 4.3.16. */
#include "content/package_end.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "content/content.h"

enum {
    END_LEN = 22, /* without its comment */
    COMMENT_MAX = 65535,
    LOCATOR_LEN = 20, /* stands right before the end record of a ZIP64 archive */
    END64_LEN = 56,
    RECORD_LEN = 46, /* without name, extra field and comment */
};

struct end {
    uint64_t at; /* of its record */
    uint64_t count, size, offset;
    bool many_disks;
};

struct walk {
    struct arena *arena;
    int fd;
    uint64_t file_size;
    const struct content_limits *limits;
    struct fault *fault;
};

static uint64_t little(const unsigned char *p, size_t len)
{
    uint64_t n = 0;
    while (len--)
        n = n << 8 | p[len];
    return n;
}

static enum err unreadable(struct walk *w)
{
    return fault_set(w->fault, w->arena, E500000, "The package could not be read.");
}

/* Sizes that do not fit the end record stand in a second one, which the locator
 * before it points to. Leaves *end as it is where there is none. */
static enum err read_end64(struct walk *w, const unsigned char *locator, struct end *end)
{
    unsigned char record[END64_LEN];
    if (memcmp(locator, "PK\6\7", 4) != 0)
        return E_OK;
    uint64_t at = little(locator + 8, 8);
    if (at > w->file_size || w->file_size - at < END64_LEN)
        return fault_set(w->fault, w->arena, E400011,
                         "The package is damaged: its ZIP64 end record lies outside of the file.");
    if (file_pread(w->fd, record, END64_LEN, at) != END64_LEN)
        return unreadable(w);
    if (memcmp(record, "PK\6\6", 4) != 0)
        return fault_set(w->fault, w->arena, E400011,
                         "The package is damaged: no ZIP64 end record at byte %llu.",
                         (unsigned long long)at);
    end->many_disks = end->many_disks || little(record + 16, 4) || little(record + 20, 4);
    end->at = at;
    end->count = little(record + 32, 8);
    end->size = little(record + 40, 8);
    end->offset = little(record + 48, 8);
    return E_OK;
}

static enum err read_end(struct walk *w, const unsigned char *record, uint64_t at, bool locator,
                         struct end *end_r)
{
    *end_r = (struct end){
        .at = at,
        .count = little(record + 10, 2),
        .size = little(record + 12, 4),
        .offset = little(record + 16, 4),
        .many_disks = little(record + 4, 2) != 0 || little(record + 6, 2) != 0,
    };
    enum err err = locator ? read_end64(w, record - LOCATOR_LEN, end_r) : E_OK;
    if (err != E_OK)
        return err;
    if (end_r->count > w->limits->entries)
        return fault_set(w->fault, w->arena, E400011,
                         "The package has %llu entries; at most %zu are accepted.",
                         (unsigned long long)end_r->count, w->limits->entries);
    if (end_r->size > w->limits->directory)
        return fault_set(w->fault, w->arena, E400011,
                         "The directory of the package has %llu bytes; at most %llu are accepted.",
                         (unsigned long long)end_r->size, (unsigned long long)w->limits->directory);
    return E_OK;
}

/* Looks for end records from the end of the file on. A comment may hold what
 * looks like one, so that two readers can differ on which counts: the limits hold
 * for every one, and the one whose comment ends with the file is taken. */
static enum err find_end(struct walk *w, struct end *end_r)
{
    uint64_t most = END_LEN + COMMENT_MAX + LOCATOR_LEN;
    size_t len = (size_t)(w->file_size < most ? w->file_size : most);
    unsigned char *tail = arena_alloc(w->arena, len + 1);
    if (file_pread(w->fd, tail, len, w->file_size - len) != (ptrdiff_t)len)
        return unreadable(w);
    bool found = false;
    for (size_t i = len < END_LEN ? 0 : len - END_LEN + 1; i-- > 0;) {
        struct end end;
        if (tail[i] != 'P' || memcmp(tail + i, "PK\5\6", 4) != 0)
            continue;
        enum err err = read_end(w, tail + i, w->file_size - len + i, i >= LOCATOR_LEN, &end);
        if (err != E_OK)
            return err;
        if (!found && little(tail + i + 20, 2) == len - i - END_LEN) {
            *end_r = end;
            found = true;
        }
    }
    if (!found)
        return fault_set(w->fault, w->arena, E400011,
                         "The package is not a whole zip archive: its end record is missing "
                         "(%llu bytes were received).",
                         (unsigned long long)w->file_size);
    return E_OK;
}

/* One record of the directory at p; its length, or 0 where it is not whole. */
static size_t record_len(const unsigned char *p, size_t left)
{
    if (left < RECORD_LEN || memcmp(p, "PK\1\2", 4) != 0)
        return 0;
    size_t len = RECORD_LEN + (size_t)(little(p + 28, 2) + little(p + 30, 2) + little(p + 32, 2));
    return len <= left ? len : 0;
}

static enum err walk_directory(struct walk *w, const struct end *end)
{
    size_t len = (size_t)end->size;
    unsigned char *directory = arena_alloc(w->arena, len + 1), *p = directory;
    if (file_pread(w->fd, directory, len, end->offset) != (ptrdiff_t)len)
        return unreadable(w);
    for (uint64_t i = 0; i < end->count; i++) {
        size_t left = (size_t)(directory + len - p), step = record_len(p, left);
        if (!step)
            return fault_set(w->fault, w->arena, E400011,
                             "The package is damaged: its directory has no entry %llu of %llu.",
                             (unsigned long long)i + 1, (unsigned long long)end->count);
        size_t name_len = (size_t)little(p + 28, 2);
        if (memchr(p + RECORD_LEN, '\0', name_len))
            return fault_set(w->fault, w->arena, E400011,
                             "Entry %llu of the package, '%s': the name holds a NUL.",
                             (unsigned long long)i + 1,
                             fault_echo(w->arena, (const char *)p + RECORD_LEN, name_len));
        p += step;
    }
    if (p != directory + len)
        return fault_set(w->fault, w->arena, E400011,
                         "The package is damaged: its directory holds more than its %llu entries.",
                         (unsigned long long)end->count);
    return E_OK;
}

static enum err check(struct walk *w, uint64_t *count_r)
{
    struct end end = {0};
    enum err err = find_end(w, &end);
    if (err != E_OK)
        return err;
    if (end.many_disks)
        return fault_set(w->fault, w->arena, E400011,
                         "The package is one part of a zip archive of several.");
    if (end.offset > end.at || end.at - end.offset != end.size)
        return fault_set(w->fault, w->arena, E400011,
                         "The package is damaged: its directory should end at byte %llu.",
                         (unsigned long long)end.at);
    *count_r = end.count;
    return walk_directory(w, &end);
}

enum err package_end_check(struct arena *arena, int fd, uint64_t file_size,
                           const struct content_limits *limits, uint64_t *count_r,
                           struct fault *fault)
{
    /* the directory may be large; only a sentence outlives this arena */
    struct arena *scratch = arena_new(0);
    struct walk w = {scratch, fd, file_size, limits, fault};
    enum err err = check(&w, count_r);
    if (err != E_OK)
        fault->detail = arena_strdup(arena, fault->detail);
    arena_free(&scratch);
    return err;
}
