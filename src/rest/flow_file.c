/* flow_file.c: see flow_file.h. */
#include "rest/flow_file.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "content/content.h"
#include "content/flow_graph.h"
#include "content/package.h"
#include "domain/blob_sweep.h"
#include "domain/publish_request.h"
#include "extract/hyper.h"
#include "rest/flow_settings.h"
#include "rest/publish_file.h"
#include "store/tx.h"

enum { PIECE = 256 << 10 };

struct running {
    const struct flow_store *store;
    struct arena *arena;
    const struct flow_order *order;
    const struct flow_watch *watch;
    struct flow_result *result;
    struct fault *fault;
    const struct content_flow *flow;
    struct flow_graph *graph;
    struct package *package;
    const struct content_node **outputs; /* those of the order */
    size_t output_count;
    int64_t room;
    char *piece;
};

/* ---- the file */

static enum err store_failed(const struct flow_store *store, struct arena *arena, const char *why,
                             struct fault *fault)
{
    log_write(store->log, LOG_ERROR, "blob store", LOG_S("why", why));
    return fault_set(fault, arena, E500000, "A file could not be stored or read back.");
}

static enum err open_blob(const struct flow_store *store, struct arena *arena, const char *blob_id,
                          struct blob_file *file_r, struct fault *fault)
{
    char why[BLOB_WHY_ROOM] = "";
    return blob_open(store->blobs, blob_id, 0, UINT64_MAX, file_r, why, sizeof why) == BLOB_OK
               ? E_OK
               : store_failed(store, arena, why, fault);
}

enum err flow_file_check(const struct flow_store *store, struct arena *arena, const char *blob_id,
                         const char *file_type, struct flow_setting *settings, size_t count,
                         struct fault *fault)
{
    struct blob_file file;
    struct content *content;
    enum err err = open_blob(store, arena, blob_id, &file, fault);
    if (err)
        return err;
    err = content_read(arena, file.fd, content_kind_named(file_type), NULL, &content, fault);
    close(file.fd);
    return err ? err : flow_settings_check(arena, content->flow, settings, count, fault);
}

/* ---- what keeps a step from being carried out */

#define OBSTACLE(r, ...) ((r)->result->obstacle = arena_printf((r)->arena, __VA_ARGS__))

static const char *name_of(const struct running *r, const struct content_node *step)
{
    const char *name = step->name ? step->name : step->id;
    return fault_echo(r->arena, name, strlen(name));
}

static const char *kind_of(const struct running *r, const struct content_node *step)
{
    const char *kind = content_node_kind(step);
    return *kind ? fault_echo(r->arena, kind, strlen(kind)) : "of no kind";
}

static bool is_base(const struct content_node *step, const char *base)
{
    return step->base && strcmp(step->base, base) == 0;
}

static bool is_kind(const struct content_node *step, const char *kind)
{
    return strcmp(content_node_kind(step), kind) == 0;
}

static const struct content_connection *connection_of(const struct running *r,
                                                      const struct content_node *step)
{
    const struct content_connection *c = r->flow->connections;
    while (c && !(step->connection_id && strcmp(c->name, step->connection_id) == 0))
        c = c->next;
    return c;
}

static bool reads_text(const struct content_node *step)
{
    return is_kind(step, "LoadCsv");
}

static bool reads_extract(const struct running *r, const struct content_node *step)
{
    const struct content_connection *c = connection_of(r, step);
    return is_kind(step, "LoadRelational") && c && strcmp(c->type, "hyper") == 0;
}

/* Paths are those of whoever saved the flow, of any system: names alone count. */
static const char *base_name(const char *path)
{
    const char *name = path;
    for (const char *p = path; *p; p++)
        if (*p == '/' || *p == '\\')
            name = p + 1;
    return name;
}

static const char *file_of(const struct running *r, const struct content_node *step)
{
    const struct content_connection *c = connection_of(r, step);
    const char *path = step->filename ? step->filename : c ? c->filename : NULL;
    return path ? base_name(path) : NULL;
}

/* True where the last folder of an entry is named like the connection, as packages have it. */
static bool is_in_folder(const char *entry, const char *folder)
{
    size_t len = folder ? strlen(folder) : 0, to = (size_t)(base_name(entry) - entry);
    return len && to > len + 1 && entry[to - len - 2] == '/' &&
           strncasecmp(entry + to - len - 1, folder, len) == 0;
}

/* The entry of that name; of several the one in the folder of the step's connection. */
static bool find_entry(const struct running *r, const struct content_node *step, const char *name,
                       size_t *index_r)
{
    size_t found = 0, own = 0;
    for (size_t i = 0; i < package_count(r->package); i++) {
        const struct package_entry *e = package_entry(r->package, i);
        if (e->folder || strcasecmp(base_name(e->name), name) != 0)
            continue;
        bool is_own = is_in_folder(e->name, step->connection_id);
        found++;
        if (is_own || (found == 1 && !own))
            *index_r = i;
        own += is_own;
    }
    return own == 1 || (found == 1 && !own);
}

static void check_source(struct running *r, const struct content_node *step)
{
    const struct content_connection *c = connection_of(r, step);
    const char *type = c && *c->type ? c->type : NULL;
    if (type)
        OBSTACLE(r,
                 "The step '%s' (%s) reads from a source of type '%.60s'%s%.200s, and there is no "
                 "connector for that type.",
                 name_of(r, step), kind_of(r, step), type, c->server ? " at " : "",
                 c->server ? c->server : "");
    else
        OBSTACLE(r, "The step '%s' (%s) reads in a way that the server does not know.",
                 name_of(r, step), kind_of(r, step));
}

static void check_input(struct running *r, const struct content_node *step)
{
    size_t index;
    const char *file = file_of(r, step);
    if (!reads_text(step) && !reads_extract(r, step))
        check_source(r, step);
    else if (!file || !find_entry(r, step, file, &index))
        OBSTACLE(r, "The step '%s' (%s) reads the file '%.200s', which is not in the package.",
                 name_of(r, step), kind_of(r, step), file ? file : "");
}

/* The content URL in an address as clients write it: https://host/#/site/NAME. */
static const char *site_in(struct arena *arena, const char *address)
{
    const char *at = strstr(address, "#/site/");
    if (!at)
        return "";
    at += strlen("#/site/");
    return arena_strndup(arena, at, strcspn(at, "/?"));
}

static void check_output(struct running *r, const struct content_node *step)
{
    const char *site = step->server_url ? site_in(r->arena, step->server_url) : r->order->site_url;
    const struct content_node *source = flow_graph_source(r->graph, step);
    if (!is_kind(step, "PublishExtract"))
        OBSTACLE(r,
                 "The step '%s' (%s) writes to a place that the server has no connector for: it "
                 "publishes data sources alone.",
                 name_of(r, step), kind_of(r, step));
    else if (!step->datasource_name)
        OBSTACLE(r, "The step '%s' does not say what its data source is called.", name_of(r, step));
    else if (strcasecmp(site, r->order->site_url) != 0)
        OBSTACLE(r, "The step '%s' publishes to another site, '%.200s'.", name_of(r, step), site);
    else if (!source || !is_base(source, "input"))
        OBSTACLE(r, "The step '%s' does not go on with exactly one input step.", name_of(r, step));
}

static void check_step(struct running *r, const struct content_node *step)
{
    bool input = is_base(step, "input"), output = is_base(step, "output");
    if (!input && !output)
        OBSTACLE(r, "The step '%s' (%s) changes data, and the server has no engine that could.",
                 name_of(r, step), kind_of(r, step));
    else if (input)
        check_input(r, step);
    else
        check_output(r, step);
    if (!r->result->obstacle && step->changes)
        OBSTACLE(r, "The step '%s' (%s) asks in '%s' for what the server can't do.",
                 name_of(r, step), kind_of(r, step), step->changes);
}

static bool go_on(struct running *r, size_t done, size_t of)
{
    int percent = of ? (int)(done * 100 / of) : 0;
    if (!r->watch->go_on(r->watch->of, percent))
        r->result->stopped = true;
    return !r->result->stopped;
}

/* ---- which steps there are to be carried out */

static enum err need(struct running *r, size_t number)
{
    const struct content_node *output = flow_graph_output(r->graph, number);
    if (!output)
        return fault_set(r->fault, r->arena, E400000,
                         "The flow has no output step of the number %zu.", number);
    r->outputs[r->output_count++] = output;
    return flow_graph_need(r->graph, output, r->fault);
}

static enum err need_all(struct running *r)
{
    const struct flow_order *order = r->order;
    size_t count = order->output_count ? order->output_count : r->flow->output_count;
    enum err err = flow_graph_new(r->arena, r->flow, &r->graph, r->fault);
    r->outputs = arena_alloc(r->arena, (count + 1) * sizeof *r->outputs);
    for (size_t i = 0; i < count && !err; i++)
        err = need(r, order->output_count ? order->outputs[i] : i);
    return err;
}

static void check_all(struct running *r)
{
    size_t count;
    const struct content_node *const *steps = flow_graph_needed(r->graph, &count);
    if (!count)
        OBSTACLE(r, "The flow has no output step.");
    else if (r->output_count > FLOW_STEPS_MOST)
        OBSTACLE(r, "A run publishes at most %d data sources, not %zu.", FLOW_STEPS_MOST,
                 r->output_count);
    else if (r->flow->parameters)
        OBSTACLE(r, "The flow has parameters, and the server can't tell which of its steps go by "
                    "them.");
    else if (r->order->incremental)
        OBSTACLE(r, "An incremental run takes an engine that knows which rows are new; the server "
                    "has none.");
    for (size_t i = 0; i < count && !r->result->obstacle && go_on(r, 0, count); i++)
        check_step(r, steps[i]);
}

/* ---- carrying them out */

static enum err copy_entry(struct running *r, size_t index, struct blob_writer *writer)
{
    struct package_stream *stream = NULL;
    ptrdiff_t n = 0;
    enum err err = package_stream_open(r->package, index, false, &stream, r->fault);
    while (!err && !r->result->stopped &&
           (n = package_stream_read(stream, r->piece, PIECE, r->fault)) != 0) {
        err = n < 0 ? r->fault->err : E_OK;
        if (!err)
            blob_write(writer, r->piece, (size_t)n);
        go_on(r, r->result->count, r->output_count);
    }
    package_stream_close(&stream);
    return err;
}

static enum err store_entry(struct running *r, size_t index, struct blob *blob_r)
{
    char why[BLOB_WHY_ROOM] = "";
    struct blob_writer *writer = blob_write_begin(r->store->blobs);
    enum err err = copy_entry(r, index, writer);
    if (err || r->result->stopped) {
        blob_abandon(&writer);
        return err;
    }
    switch (blob_finish(&writer, blob_r, why, sizeof why)) {
    case BLOB_OK:
        return E_OK;
    case BLOB_FULL:
        return fault_set(r->fault, r->arena, E403008, "There is no room left to store the file.");
    default:
        return store_failed(r->store, r->arena, why, r->fault);
    }
}

/* An input names its table as [Extract].[Extract]. */
static bool is_table(const struct hyper_table *table, const char *name, struct arena *arena)
{
    return !name || strcmp(name, arena_printf(arena, "[%s].[%s]", table->schema, table->name)) == 0;
}

static enum err check_table(struct running *r, const struct content_node *input, int fd)
{
    struct hyper *hyper;
    const char *what = arena_printf(r->arena, "The file of the step '%s'", name_of(r, input));
    enum err err = hyper_open(r->arena, fd, what, &hyper, r->fault);
    if (!err &&
        (hyper_table_count(hyper) != 1 || !is_table(hyper_table(hyper, 0), input->table, r->arena)))
        OBSTACLE(r,
                 "The step '%s' (%s) reads one table, %.200s, of a file that has %zu, and the "
                 "server can't take a table out.",
                 name_of(r, input), kind_of(r, input), input->table ? input->table : "",
                 hyper_table_count(hyper));
    return err;
}

/* What the published file is, as if it had been uploaded. */
static enum err read_output(struct running *r, const struct content_node *input,
                            const struct content_node *output, struct flow_output *made)
{
    struct blob_file file;
    struct publish_request request = {
        .spec = {.type = TYPE_DATASOURCE,
                 .project_id = output->project_id,
                 .name = output->datasource_name,
                 .description = output->datasource_description,
                 .overwrite = true,
                 .blob_id = made->blob.id,
                 .size_bytes = (int64_t)made->blob.size,
                 .file_type = content_kind_name(reads_text(input) ? CONTENT_CSV : CONTENT_HYPER)}};
    enum err err = open_blob(r->store, r->arena, made->blob.id, &file, r->fault);
    if (err)
        return err;
    err = publish_file_read(r->store->keyring, r->arena, file.fd, &request, &made->spec, r->fault);
    if (!err && !reads_text(input))
        err = check_table(r, input, file.fd);
    close(file.fd);
    return err;
}

static enum err make_output(struct running *r, const struct content_node *output,
                            struct flow_output *made)
{
    const struct content_node *input = flow_graph_source(r->graph, output);
    size_t index = 0;
    find_entry(r, input, file_of(r, input), &index);
    uint64_t size = package_entry(r->package, index)->size;
    if (size > (uint64_t)(r->room > 0 ? r->room : 0)) {
        OBSTACLE(r, "What the step '%s' publishes is larger than the storage left to the site.",
                 name_of(r, output));
        return E_OK;
    }
    r->room -= (int64_t)size;
    *made = (struct flow_output){.step = name_of(r, output), .project_name = output->project_name};
    enum err err = store_entry(r, index, &made->blob);
    return err || r->result->stopped ? err : read_output(r, input, output, made);
}

static enum err make_all(struct running *r)
{
    struct flow_output *made = arena_zalloc(r->arena, (r->output_count + 1) * sizeof *made);
    struct flow_result *result = r->result;
    enum err err = E_OK;
    r->piece = arena_alloc(r->arena, PIECE);
    result->outputs = made;
    for (size_t i = 0;
         i < r->output_count && !err && !result->obstacle && go_on(r, i, r->output_count); i++) {
        err = make_output(r, r->outputs[i], &made[i]);
        result->count++;
    }
    return err;
}

/* ---- a run */

static enum err run_package(struct running *r, int fd)
{
    enum err err = package_open(r->arena, fd, &content_limits_default, &r->package, r->fault);
    if (!err)
        err = need_all(r);
    if (err)
        return err;
    check_all(r);
    return r->result->obstacle || r->result->stopped ? E_OK : make_all(r);
}

static enum err run_file(struct running *r, int fd)
{
    struct content *content;
    const struct flow_order *order = r->order;
    size_t count = order->setting_count;
    struct flow_setting *settings = arena_alloc(r->arena, (count + 1) * sizeof *settings);
    enum err err =
        content_read(r->arena, fd, content_kind_named(order->file_type), NULL, &content, r->fault);
    if (err)
        return err;
    r->flow = content->flow;
    if (count)
        memcpy(settings, order->settings, count * sizeof *settings);
    err = flow_settings_check(r->arena, r->flow, settings, count, r->fault);
    return err ? err : run_package(r, fd);
}

static void close_file(void *file)
{
    close(((const struct blob_file *)file)->fd);
}

enum err flow_file_run(void *of, struct arena *arena, const struct flow_order *order,
                       const struct flow_watch *watch, struct flow_result *result_r,
                       struct fault *fault)
{
    struct running running = {.store = of,
                              .arena = arena,
                              .order = order,
                              .watch = watch,
                              .result = result_r,
                              .fault = fault,
                              .room = order->room};
    struct blob_file file;
    *result_r = (struct flow_result){0};
    if (!go_on(&running, 0, 1))
        return E_OK;
    enum err err = open_blob(of, arena, order->blob_id, &file, fault);
    if (err)
        return err;
    /* The package is closed with the arena, and before its descriptor. */
    arena_on_free(arena, close_file, arena_memdup(arena, &file, sizeof file));
    return run_file(&running, file.fd);
}

enum err flow_file_to_name(void *of, struct tx *tx, const struct blob *blob)
{
    const struct flow_store *store = of;
    char why[BLOB_WHY_ROOM] = "";
    if (blob_nameable(tx, store->blobs, blob, store->blob_age_ms, why, sizeof why))
        return E_OK;
    return store_failed(store, tx->arena, why, &tx->fault);
}
