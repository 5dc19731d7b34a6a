/* package.c: see package.h. libzip finds and unpacks entries; what it does not
 * judge is judged here and in package_end.c. The only file that knows libzip. */
#include "content/package.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/fold.h"
#include "base/map.h"
#include "content/package_end.h"

#define UNREADABLE "The package could not be read."

struct package {
    struct arena *arena;
    const struct content_limits *limits;
    int fd;
    uint64_t file_size, at; /* at: where the library reads next */
    bool unreadable;        /* reading failed: no fault of the package */
    zip_t *zip;
    size_t count;
    struct package_entry *entries;
    struct fault *fault; /* while it is opened */
};

struct package_stream {
    struct package *package;
    const struct package_entry *entry;
    zip_file_t *file;
    uint64_t left; /* bytes that may still come */
    bool raw;
};

/* ---- the file, as a source of libzip: pread on the caller's descriptor */

static zip_int64_t source_seek(struct package *p, void *data, zip_uint64_t len)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_int64_t to = zip_source_seek_compute_offset(p->at, p->file_size, data, len, &error);
    zip_error_fini(&error);
    if (to < 0)
        return -1;
    p->at = (uint64_t)to;
    return 0;
}

static zip_int64_t source_stat(struct package *p, void *data)
{
    zip_stat_t *stat = data;
    zip_stat_init(stat);
    stat->size = p->file_size;
    stat->valid = ZIP_STAT_SIZE;
    return (zip_int64_t)sizeof(*stat);
}

static zip_int64_t source_read(struct package *p, void *data, zip_uint64_t len)
{
    ptrdiff_t n = file_pread(p->fd, data, (size_t)len, p->at);
    if (n > 0)
        p->at += (uint64_t)n;
    p->unreadable = p->unreadable || n < 0;
    return n;
}

static zip_int64_t source(void *context, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
    struct package *p = context;
    switch (command) {
    case ZIP_SOURCE_OPEN:
        p->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return source_read(p, data, len);
    case ZIP_SOURCE_SEEK:
        return source_seek(p, data, len);
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)p->at;
    case ZIP_SOURCE_STAT:
        return source_stat(p, data);
    case ZIP_SOURCE_ERROR: {
        int *error = data;
        error[0] = ZIP_ER_READ;
        error[1] = 0;
        return (zip_int64_t)(2 * sizeof(int));
    }
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
            ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default:
        return -1;
    }
}

/* ---- what an entry may be */

/* Why a name is refused, or NULL. Names are paths below the package, with '/'. */
static const char *name_fault(const char *name)
{
    if (!*name)
        return "it has no name";
    if (!utf8_valid(name, strlen(name)))
        return "the name is not UTF-8";
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return "the name holds a control character";
    if (strchr(name, '\\'))
        return "the name holds a backslash";
    if (*name == '/')
        return "the name is an absolute path";
    if (((*name | 0x20) >= 'a' && (*name | 0x20) <= 'z') && name[1] == ':')
        return "the name begins with a drive letter";
    for (const char *p = name; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
        size_t len = strcspn(p, "/");
        if (len == 2 && p[0] == '.' && p[1] == '.')
            return "the name leads out of the package ('..')";
        if ((len == 1 && p[0] == '.') || (len == 0 && *p == '/'))
            return "the name is not a plain path";
    }
    return NULL;
}

/* Only files and folders: a link would lead elsewhere once unpacked. */
static const char *mode_fault(struct package *p, size_t index)
{
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    if (zip_file_get_external_attributes(p->zip, index, 0, &system, &attributes) != 0 ||
        system != ZIP_OPSYS_UNIX)
        return NULL;
    switch (attributes >> 16 & S_IFMT) {
    case 0:
    case S_IFREG:
    case S_IFDIR:
        return NULL;
    case S_IFLNK:
        return "it is a symbolic link";
    default:
        return "it is neither a file nor a folder";
    }
}

static enum err refuse_entry(struct package *p, size_t index, const char *name, const char *why)
{
    return fault_set(p->fault, p->arena, E400011, "Entry %zu of the package, '%s': %s.", index + 1,
                     fault_echo(p->arena, name, strlen(name)), why);
}

static const char *size_fault(struct package *p, const struct package_entry *e)
{
    const struct content_limits *limits = p->limits;
    if (e->size > limits->entry_size)
        return arena_printf(p->arena, "it unpacks to %llu bytes; at most %llu are accepted",
                            (unsigned long long)e->size, (unsigned long long)limits->entry_size);
    if (e->packed > p->file_size)
        return "it is larger than the package";
    if (e->size > limits->ratio_from && e->size / limits->ratio >= (e->packed ? e->packed : 1))
        return arena_printf(p->arena,
                            "it unpacks to more than %llu times its size (%llu from %llu bytes)",
                            (unsigned long long)limits->ratio, (unsigned long long)e->size,
                            (unsigned long long)e->packed);
    if (e->method == ZIP_CM_STORE && e->size != e->packed)
        return "it is stored, but of two sizes";
    return NULL;
}

static const char *stat_fault(const zip_stat_t *stat)
{
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((stat->valid & needed) != needed)
        return "its directory record is not complete";
    if (stat->encryption_method != ZIP_EM_NONE)
        return "it is encrypted";
    if (stat->comp_method != ZIP_CM_STORE && stat->comp_method != ZIP_CM_DEFLATE)
        return "it is packed by a method other than deflate";
    return NULL;
}

/* Twice the same name, without case: what one reader takes, another leaves. */
static const char *twice_fault(struct package *p, struct map *names, const char *name)
{
    char *key = fold(p->arena, name);
    size_t len = strlen(key);
    if (len && key[len - 1] == '/')
        key[len - 1] = '\0';
    return map_put(names, key, p) ? "another entry has the same name" : NULL;
}

static enum err take_entry(struct package *p, size_t index, struct map *names)
{
    zip_stat_t stat;
    const char *name = zip_get_name(p->zip, index, ZIP_FL_ENC_RAW), *why = NULL;
    if (!name || zip_stat_index(p->zip, index, 0, &stat) != 0)
        return refuse_entry(p, index, "", "it could not be read");
    struct package_entry *e = &p->entries[index];
    *e = (struct package_entry){
        .size = stat.size,
        .packed = stat.comp_size,
        .crc = stat.crc,
        .method = stat.comp_method,
        .modified = stat.valid & ZIP_STAT_MTIME ? stat.mtime : 0,
    };
    if (strlen(name) > p->limits->entry_name)
        return refuse_entry(p, index, name, "the name is too long");
    e->name = arena_strdup(p->arena, name);
    e->folder = *name && name[strlen(name) - 1] == '/';
    if ((why = name_fault(name)) || (why = stat_fault(&stat)) || (why = mode_fault(p, index)) ||
        (why = size_fault(p, e)) || (why = twice_fault(p, names, name)))
        return refuse_entry(p, index, name, why);
    return E_OK;
}

/* Entries that share bytes unpack to more than the file could hold. */
static enum err check_totals(struct package *p)
{
    uint64_t size = 0, packed = 0;
    for (size_t i = 0; i < p->count; i++) {
        size += p->entries[i].size; /* each is bounded, and so is their number */
        packed += p->entries[i].packed;
    }
    if (size > p->limits->total_size)
        return fault_set(p->fault, p->arena, E400011,
                         "The package unpacks to %llu bytes; at most %llu are accepted.",
                         (unsigned long long)size, (unsigned long long)p->limits->total_size);
    if (packed > p->file_size)
        return fault_set(p->fault, p->arena, E400011,
                         "The package is damaged: its entries overlap each other.");
    return E_OK;
}

static enum err take_entries(struct package *p)
{
    struct map *names = map_new();
    enum err err = E_OK;
    p->entries = arena_zalloc(p->arena, (p->count + 1) * sizeof(*p->entries));
    for (size_t i = 0; i < p->count && err == E_OK; i++)
        err = take_entry(p, i, names);
    map_free(&names, NULL);
    return err == E_OK ? check_totals(p) : err;
}

/* ---- opening */

static void discard(void *thing)
{
    struct package *p = thing;
    if (p->zip)
        zip_discard(p->zip);
    p->zip = NULL;
}

static enum err open_zip(struct package *p, uint64_t count)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *from = zip_source_function_create(source, p, &error);
    if (from)
        p->zip = zip_open_from_source(from, ZIP_RDONLY, &error);
    if (!p->zip) {
        enum err err = p->unreadable
                           ? fault_set(p->fault, p->arena, E500000, UNREADABLE)
                           : fault_set(p->fault, p->arena, E400011, "The package is damaged: %s.",
                                       zip_error_strerror(&error));
        zip_source_free(from);
        zip_error_fini(&error);
        return err;
    }
    zip_error_fini(&error);
    arena_on_free(p->arena, discard, p);
    zip_int64_t entries = zip_get_num_entries(p->zip, 0);
    if (entries < 0 || (uint64_t)entries != count)
        return fault_set(p->fault, p->arena, E400011,
                         "The package is damaged: it has more than one directory.");
    p->count = (size_t)entries;
    return E_OK;
}

enum err package_open(struct arena *arena, int fd, const struct content_limits *limits,
                      struct package **package_r, struct fault *fault)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return fault_set(fault, arena, E500000, UNREADABLE);
    struct package *p = arena_zalloc(arena, sizeof(*p));
    *p = (struct package){.arena = arena, .limits = limits, .fd = fd, .fault = fault};
    p->file_size = (uint64_t)stat.st_size;
    uint64_t count = 0;
    enum err err = package_end_check(arena, fd, p->file_size, limits, &count, fault);
    if (err == E_OK)
        err = open_zip(p, count);
    if (err == E_OK)
        err = take_entries(p);
    p->fault = NULL;
    if (err == E_OK)
        *package_r = p;
    return err;
}

size_t package_count(const struct package *package)
{
    return package->count;
}

const struct package_entry *package_entry(const struct package *package, size_t index)
{
    return &package->entries[index];
}

bool package_is_extract(const struct package_entry *entry)
{
    enum content_kind kind = entry->folder ? CONTENT_UNKNOWN : content_kind_named(entry->name);
    return kind == CONTENT_HYPER || kind == CONTENT_TDE;
}

static bool is_main(const struct package_entry *e, enum content_kind kind)
{
    enum content_kind main = kind == CONTENT_TWBX ? CONTENT_TWB : CONTENT_TDS;
    /* __MACOSX holds what an archive made on a Mac keeps of each file beside it */
    if (e->folder || strncmp(e->name, "__MACOSX/", 9) == 0)
        return false;
    return content_is_flow(kind) ? strcmp(e->name, "flow") == 0
                                 : content_kind_named(e->name) == main;
}

bool package_find_main(const struct package *package, enum content_kind kind, size_t *index_r)
{
    for (size_t i = 0; i < package_count(package); i++)
        if (is_main(package_entry(package, i), kind)) {
            *index_r = i;
            return true;
        }
    return false;
}

/* ---- reading entries */

static ptrdiff_t refuse_stream(struct package_stream *s, struct fault *fault, const char *why)
{
    struct arena *arena = s->package->arena;
    const char *name = s->entry->name;
    if (s->package->unreadable)
        fault_set(fault, arena, E500000, UNREADABLE);
    else
        fault_set(fault, arena, E400011, "Entry '%s' of the package: %s.",
                  fault_echo(arena, name, strlen(name)), why);
    return -1;
}

enum err package_stream_open(struct package *package, size_t index, bool raw,
                             struct package_stream **stream_r, struct fault *fault)
{
    struct package_stream *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->package = package;
    s->entry = &package->entries[index];
    s->raw = raw;
    s->left = raw ? s->entry->packed : s->entry->size;
    s->file = zip_fopen_index(package->zip, index, raw ? ZIP_FL_COMPRESSED : 0);
    if (!s->file) {
        refuse_stream(s, fault, zip_strerror(package->zip));
        free(s);
        return fault->err;
    }
    *stream_r = s;
    return E_OK;
}

ptrdiff_t package_stream_read(struct package_stream *s, void *out, size_t room, struct fault *fault)
{
    zip_int64_t n = zip_fread(s->file, out, room);
    if (n < 0)
        return refuse_stream(s, fault, zip_file_strerror(s->file));
    if ((uint64_t)n > s->left)
        return refuse_stream(s, fault, "it unpacks to more than the directory says");
    s->left -= (uint64_t)n;
    if (n == 0 && s->left && room)
        return refuse_stream(s, fault, "it unpacks to less than the directory says");
    return (ptrdiff_t)n;
}

void package_stream_close(struct package_stream **stream)
{
    if (!*stream)
        return;
    zip_fclose((*stream)->file);
    free(*stream);
    *stream = NULL;
}
