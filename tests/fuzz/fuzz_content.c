/* fuzz_content.c: bytes as a published file. Archives are read as each kind of
 * package, with and without their extracts; anything else as a workbook and as a
 * data source. What is refused has a reason; what is read holds together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/map.h"
#include "content/content.h"
#include "content/flow_graph.h"
#include "content/repack.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static int file_of(const void *bytes, size_t len)
{
    int fd = memfd_create("content", MFD_CLOEXEC);
    need(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    return fd;
}

/* Small limits are reached, and keep a run short. */
static struct content_limits small_limits(void)
{
    struct content_limits limits = content_limits_default;
    limits.entries = 64;
    limits.document = limits.flow = 1 << 20;
    limits.ratio_from = 1 << 16;
    limits.kept = 1 << 16;
    limits.sheets = limits.connections = 64;
    limits.fields = limits.listed_names = 256;
    return limits;
}

/* None is empty, and none stands there twice. */
static void check_names(const struct content_names *names)
{
    struct map *seen = map_new();
    size_t count = 0;
    for (const struct content_name *n = names->first; n; n = n->next, count++)
        need(*n->name && !map_put(seen, n->name, seen) && utf8_valid(n->name, strlen(n->name)));
    need(count == names->count && !names->first == !names->last);
    map_free(&seen, NULL);
}

static void check_sheets(const struct content *c)
{
    struct map *urls = map_new();
    size_t count = 0, visible = 0;
    bool opened = !c->default_view;
    for (const struct content_sheet *s = c->sheets; s; s = s->next) {
        need(s->name && s->url_name && *s->url_name);
        need(!map_put(urls, s->url_name, urls));
        need(!s->thumbnail == !s->thumbnail_len);
        check_names(&s->shows);
        check_names(&s->fields);
        count++;
        visible += !s->hidden;
        opened = opened || (s == c->default_view && !s->hidden);
    }
    need(count == c->sheet_count && visible == c->visible_count && opened);
    need(!c->default_view == !visible);
    map_free(&urls, NULL);
}

static void check_datasources(const struct content *c)
{
    size_t sources = 0;
    for (const struct content_datasource *d = c->datasources; d; d = d->next, sources++) {
        size_t fields = 0, connections = 0;
        need(d->name && d->type);
        check_names(&d->tables);
        for (const struct content_field *f = d->fields; f; f = f->next, fields++)
            need(f->name && f->caption && f->role && f->type &&
                 utf8_valid(f->caption, strlen(f->caption)));
        for (const struct content_connection *k = d->connections; k; k = k->next, connections++)
            need(k->type != NULL);
        need(fields == d->field_count && connections == d->connection_count);
    }
    need(sources == c->datasource_count);
}

/* All that a flow's outputs need, each step once and none before what it needs. */
static void check_flow(struct arena *arena, const struct content_flow *flow)
{
    struct flow_graph *graph;
    struct fault fault = {0};
    size_t count, nodes = 0;
    enum err err = flow_graph_new(arena, flow, &graph, &fault);
    for (size_t i = 0; i < flow->output_count && !err; i++)
        err = flow_graph_need(graph, flow_graph_output(graph, i), &fault);
    need(!err || (err == E400087 && fault.detail));
    for (const struct content_node *n = flow->nodes; n; n = n->next)
        nodes++;
    const struct content_node *const *steps = flow_graph_needed(graph, &count);
    need(nodes == flow->node_count && count <= nodes);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            need(steps[i] != steps[j] && flow_graph_source(graph, steps[j]) != steps[i]);
}

static enum err read_as(int fd, enum content_kind kind, const struct content_limits *limits)
{
    struct arena *arena = arena_new(0);
    struct content *c = NULL;
    struct fault fault = {0};
    enum err err = content_read(arena, fd, kind, limits, &c, &fault);
    if (err == E_OK) {
        check_sheets(c);
        check_datasources(c);
        need(!content_is_flow(kind) || c->flow);
        if (c->flow)
            check_flow(arena, c->flow);
    } else {
        need(!c && err == (content_is_flow(kind) ? E400087 : E400011) && fault.err == err);
        need(fault.detail && strlen(fault.detail) < 400 &&
             utf8_valid(fault.detail, strlen(fault.detail)));
    }
    arena_free(&arena);
    return err;
}

/* What is sent without extracts is as long as was said, and can be read again. */
static void strip_as(int fd, enum content_kind kind, const struct content_limits *limits)
{
    struct arena *arena = arena_new(0);
    struct repack *repack = NULL;
    struct fault fault = {0};
    if (repack_strip(arena, fd, kind, limits, &repack, &fault) == E_OK) {
        size_t length = (size_t)repack_length(repack), len = 0;
        need(length < 64 << 20);
        char *out = arena_alloc(arena, length + 1);
        ptrdiff_t n;
        while ((n = repack_read(repack, out + len, length + 1 - len, &fault)) > 0)
            len += (size_t)n;
        need(n < 0 ? fault.detail != NULL : len == length);
        int again = file_of(out, len);
        bool readable = read_as(fd, kind, limits) == E_OK;
        if (n == 0 && readable)
            need(read_as(again, kind, limits) == E_OK);
        close(again);
    } else {
        need(fault.detail != NULL);
    }
    arena_free(&arena);
}

/* A package with another extract is a package, of the same entries. */
static void replace_in(int fd, const struct content_limits *limits, size_t entry)
{
    struct arena *arena = arena_new(0);
    struct repack *repack = NULL;
    struct fault fault = {0};
    int extract = file_of("Hyper", 5);
    if (repack_replace(arena, fd, CONTENT_TDSX, limits, entry, extract, &repack, &fault) == E_OK) {
        size_t length = (size_t)repack_length(repack), len = 0;
        need(length < 64 << 20);
        char *out = arena_alloc(arena, length + 1);
        ptrdiff_t n;
        while ((n = repack_read(repack, out + len, length + 1 - len, &fault)) > 0)
            len += (size_t)n;
        need(n < 0 ? fault.detail != NULL : len == length);
    } else {
        need(fault.detail != NULL);
    }
    close(extract);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const enum content_kind packages[] = {CONTENT_TWBX, CONTENT_TDSX, CONTENT_TFL};
    struct content_limits limits = small_limits();
    int fd = file_of(bytes, len);
    if (len > 2 && memcmp(bytes, "PK", 2) == 0) {
        for (size_t i = 0; i < sizeof packages / sizeof *packages; i++) {
            read_as(fd, packages[i], &limits);
            strip_as(fd, packages[i], &limits);
        }
        for (size_t entry = 0; entry < 3; entry++)
            replace_in(fd, &limits, entry);
    } else {
        read_as(fd, CONTENT_TWB, &limits);
        read_as(fd, CONTENT_TDS, &limits);
    }
    close(fd);
    return 0;
}
