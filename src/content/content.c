/* content.c: which kind a file is, and what is in it. See content.h. */
#include "content/content.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "content/content_priv.h"
#include "content/package.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* docs/content.md tells them, and why. */
const struct content_limits content_limits_default = {
    .entries = 10000,
    .entry_name = 1024,
    .directory = 4 * MIB,
    .entry_size = 32 * GIB,
    .total_size = 64 * GIB,
    .ratio = 250,
    .ratio_from = 16 * MIB,
    .document = 256 * MIB,
    .flow = 16 * MIB,
    .flow_values = 500000,
    .depth = 200,
    .attributes = 256,
    .tag = 4 * MIB,
    .kept = 32 * MIB,
    .name = 1000,
    .sheets = 10000,
    .fields = 100000,
    .connections = 10000,
    .thumbnails = 8 * MIB,
    .listed_names = 100000,
};

enum { MAGIC_LEN = 8 };

/* ---- kinds */

static const struct kind {
    enum content_kind kind;
    const char *name;
    bool workbook, datasource, flow, package;
} kinds[] = {
    {CONTENT_TWB, "twb", .workbook = true},
    {CONTENT_TWBX, "twbx", .workbook = true, .package = true},
    {CONTENT_TDS, "tds", .datasource = true},
    {CONTENT_TDSX, "tdsx", .datasource = true, .package = true},
    {CONTENT_HYPER, "hyper", .datasource = true},
    {CONTENT_TDE, "tde", .datasource = true},
    {CONTENT_CSV, "csv", .datasource = true},
    {CONTENT_PARQUET, "parquet", .datasource = true},
    {CONTENT_TFL, "tfl", .flow = true, .package = true},
    {CONTENT_TFLX, "tflx", .flow = true, .package = true},
};

static const struct kind *kind_row(enum content_kind kind)
{
    static const struct kind unknown = {.name = ""};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (kinds[i].kind == kind)
            return &kinds[i];
    return &unknown;
}

enum content_kind content_kind_named(const char *file_name)
{
    const char *dot = strrchr(file_name, '.');
    const char *extension = dot ? dot + 1 : file_name;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcasecmp(kinds[i].name, extension) == 0)
            return kinds[i].kind;
    return CONTENT_UNKNOWN;
}

const char *content_kind_name(enum content_kind kind)
{
    return kind_row(kind)->name;
}

bool content_is_workbook(enum content_kind kind)
{
    return kind_row(kind)->workbook;
}

bool content_is_datasource(enum content_kind kind)
{
    return kind_row(kind)->datasource;
}

bool content_is_flow(enum content_kind kind)
{
    return kind_row(kind)->flow;
}

bool content_is_package(enum content_kind kind)
{
    return kind_row(kind)->package;
}

const char *content_sheet_type_name(enum content_sheet_type type)
{
    switch (type) {
    case CONTENT_WORKSHEET:
        return "worksheet";
    case CONTENT_DASHBOARD:
        return "dashboard";
    case CONTENT_STORY:
        return "story";
    }
    return "";
}

/* ---- a document that is the file */

struct file {
    int fd;
    uint64_t at;
    struct arena *arena;
};

static ptrdiff_t read_file(void *from, void *out, size_t room, struct fault *fault)
{
    struct file *file = from;
    ptrdiff_t n = file_pread(file->fd, out, room, file->at);
    if (n < 0)
        fault_set(fault, file->arena, E500000, "The file could not be read.");
    else
        file->at += (uint64_t)n;
    return n;
}

/* ---- packages */

static ptrdiff_t read_entry(void *from, void *out, size_t room, struct fault *fault)
{
    return package_stream_read(from, out, room, fault);
}

static bool is_image(const char *name)
{
    return strncasecmp(name, "Image/", 6) == 0 || strncasecmp(name, "Shapes/", 7) == 0;
}

static void count_entries(const struct package *package, struct content *content)
{
    content->entry_count = package_count(package);
    for (size_t i = 0; i < content->entry_count; i++) {
        const struct package_entry *e = package_entry(package, i);
        content->extract_entry_count += package_is_extract(e);
        content->image_entry_count += !e->folder && is_image(e->name);
    }
    if (content->extract_entry_count)
        content->has_extracts = true;
}

/* A flow's document is read whole; it is bounded before room is made for it. */
static enum err read_flow(struct arena *arena, const struct content_limits *limits,
                          struct package_stream *stream, const struct package_entry *entry,
                          struct content *content, struct fault *fault)
{
    if (entry->size > limits->flow)
        return fault_set(fault, arena, E400011,
                         "The flow's document has %llu bytes; at most %llu are accepted.",
                         (unsigned long long)entry->size, (unsigned long long)limits->flow);
    struct arena *scratch = arena_new(0);
    char *json = arena_alloc(scratch, (size_t)entry->size + 1);
    size_t len = 0;
    ptrdiff_t n;
    while ((n = package_stream_read(stream, json + len, (size_t)entry->size + 1 - len, fault)) > 0)
        len += (size_t)n;
    enum err err =
        n < 0 ? fault->err : flow_read(arena, limits, json, len, entry->name, content, fault);
    arena_free(&scratch);
    return err;
}

static enum err read_main(struct arena *arena, const struct content_limits *limits,
                          struct package *package, size_t index, struct content *content,
                          struct fault *fault)
{
    const struct package_entry *entry = package_entry(package, index);
    struct package_stream *stream;
    if (entry->size > limits->document)
        return fault_set(fault, arena, E400011,
                         "The document '%s' has %llu bytes; at most %llu are accepted.",
                         fault_echo(arena, entry->name, strlen(entry->name)),
                         (unsigned long long)entry->size, (unsigned long long)limits->document);
    enum err err = package_stream_open(package, index, false, &stream, fault);
    if (err != E_OK)
        return err;
    const char *what = fault_echo(arena, entry->name, strlen(entry->name));
    if (content_is_flow(content->kind))
        err = read_flow(arena, limits, stream, entry, content, fault);
    else
        err = document_read(arena, limits, read_entry, stream, what, content, fault);
    package_stream_close(&stream);
    return err;
}

static enum err read_package(struct arena *arena, const struct content_limits *limits, int fd,
                             struct content *content, struct fault *fault)
{
    struct package *package;
    size_t index = 0;
    enum err err = package_open(arena, fd, limits, &package, fault);
    if (err != E_OK)
        return err;
    count_entries(package, content);
    if (!package_find_main(package, content->kind, &index))
        return fault_set(fault, arena, E400011, "The package holds no %s.",
                         content->kind == CONTENT_TWBX   ? "workbook (.twb)"
                         : content->kind == CONTENT_TDSX ? "data source (.tds)"
                                                         : "document named 'flow'");
    content->main_entry = package_entry(package, index)->name;
    return read_main(arena, limits, package, index, content, fault);
}

/* ---- files without a document: one data source, of which the type is known */

static void bare_datasource(struct arena *arena, struct content *content, const char *type)
{
    struct content_datasource *d = arena_zalloc(arena, sizeof(*d));
    struct content_connection *c = arena_zalloc(arena, sizeof(*c));
    c->type = type;
    *d = (struct content_datasource){
        .name = "",
        .type = type,
        .connection_count = 1,
        .connections = c,
        .last_connection = c,
    };
    content->datasources = d;
    content->datasource_count = 1;
}

/* ---- kind by content */

static bool starts(const unsigned char *bytes, size_t len, const char *magic, size_t magic_len)
{
    return len >= magic_len && memcmp(bytes, magic, magic_len) == 0;
}

/* What the first bytes show: one of the binary kinds, CONTENT_TWBX for any zip,
 * CONTENT_TWB for what may be XML, CONTENT_CSV for what may be other text. */
static enum content_kind sniff(const unsigned char *bytes, size_t len)
{
    if (starts(bytes, len, "PK\3\4", 4) || starts(bytes, len, "PK\5\6", 4))
        return CONTENT_TWBX;
    if (starts(bytes, len, "Hyper\x08", 6))
        return CONTENT_HYPER;
    if (starts(bytes, len, "\x20\x02\x01\x62\xA0\x1E\xAB\x07", 8))
        return CONTENT_TDE;
    if (starts(bytes, len, "PAR1", 4))
        return CONTENT_PARQUET;
    if (starts(bytes, len, "\xEF\xBB\xBF", 3)) {
        bytes += 3;
        len -= 3;
    }
    while (len && *bytes && strchr(" \t\r\n", *bytes)) {
        bytes++;
        len--;
    }
    if (len && *bytes == '<')
        return CONTENT_TWB;
    return memchr(bytes, '\0', len) ? CONTENT_UNKNOWN : CONTENT_CSV;
}

static const char *sniffed_name(enum content_kind kind)
{
    switch (kind) {
    case CONTENT_TWBX:
        return "a zip archive";
    case CONTENT_HYPER:
        return "a .hyper extract";
    case CONTENT_TDE:
        return "a .tde extract";
    case CONTENT_PARQUET:
        return "a Parquet file";
    case CONTENT_TWB:
        return "XML";
    case CONTENT_CSV:
        return "text";
    default:
        return "something else";
    }
}

static const char *expected_of(enum content_kind kind)
{
    if (content_is_package(kind))
        return "a zip archive";
    switch (kind) {
    case CONTENT_TWB:
    case CONTENT_TDS:
        return "XML";
    case CONTENT_HYPER:
    case CONTENT_TDE:
        return "an extract";
    case CONTENT_PARQUET:
        return "a Parquet file";
    default:
        return "text";
    }
}

/* True where bytes that look like `found` may carry a name of `kind`. Extracts of
 * either kind go under either name, as the product itself writes them. */
static bool fits(enum content_kind kind, enum content_kind found)
{
    if (content_is_package(kind))
        return found == CONTENT_TWBX;
    switch (kind) {
    case CONTENT_TWB:
    case CONTENT_TDS:
        return found == CONTENT_TWB;
    case CONTENT_HYPER:
    case CONTENT_TDE:
        return found == CONTENT_HYPER || found == CONTENT_TDE;
    case CONTENT_PARQUET:
        return found == CONTENT_PARQUET;
    case CONTENT_CSV:
        return found == CONTENT_CSV || found == CONTENT_TWB;
    default:
        return false;
    }
}

static enum err read_document(struct arena *arena, const struct content_limits *limits, int fd,
                              struct content *content, struct fault *fault)
{
    struct file file = {.fd = fd, .arena = arena};
    if (content->size > limits->document)
        return fault_set(fault, arena, E400011,
                         "The document has %llu bytes; at most %llu are accepted.",
                         (unsigned long long)content->size, (unsigned long long)limits->document);
    return document_read(arena, limits, read_file, &file, "The document", content, fault);
}

static enum err read_kind(struct arena *arena, const struct content_limits *limits, int fd,
                          struct content *content, struct fault *fault)
{
    unsigned char magic[MAGIC_LEN];
    ptrdiff_t n = file_pread(fd, magic, sizeof(magic), 0);
    if (n < 0)
        return fault_set(fault, arena, E500000, "The file could not be read.");
    if (n == 0)
        return fault_set(fault, arena, E400011, "The file is empty.");
    enum content_kind kind = content->kind, found = sniff(magic, (size_t)n);
    if (!fits(kind, found))
        return fault_set(fault, arena, E400011, "The file is named .%s, but holds %s; expected %s.",
                         content_kind_name(kind), sniffed_name(found), expected_of(kind));
    if (content_is_package(kind))
        return read_package(arena, limits, fd, content, fault);
    if (kind == CONTENT_TWB || kind == CONTENT_TDS)
        return read_document(arena, limits, fd, content, fault);
    if (kind == CONTENT_HYPER || kind == CONTENT_TDE) {
        content->kind = found;
        content->has_extracts = true;
        bare_datasource(arena, content, found == CONTENT_HYPER ? "hyper" : "dataengine");
    } else {
        bare_datasource(arena, content, kind == CONTENT_CSV ? "textscan" : "parquet");
    }
    return E_OK;
}

enum err content_read(struct arena *arena, int fd, enum content_kind kind,
                      const struct content_limits *limits, struct content **content_r,
                      struct fault *fault)
{
    struct stat stat;
    if (kind == CONTENT_UNKNOWN)
        return fault_set(fault, arena, E400011, "The file has no name of a known kind.");
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return fault_set(fault, arena, E500000, "The file could not be read.");
    struct content *content = arena_zalloc(arena, sizeof(*content));
    content->kind = kind;
    content->size = (uint64_t)stat.st_size;
    enum err err = read_kind(arena, limits ? limits : &content_limits_default, fd, content, fault);
    if (err == E400011 && content_is_flow(kind))
        err = fault->err = E400087;
    if (err == E_OK)
        *content_r = content;
    return err;
}

enum err content_read_file(struct arena *arena, const char *path,
                           const struct content_limits *limits, struct content **content_r,
                           struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fault_set(fault, arena, E500000, "The file could not be opened.");
    enum err err = content_read(arena, fd, content_kind_named(path), limits, content_r, fault);
    close(fd);
    return err;
}
