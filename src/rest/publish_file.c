/* publish_file.c: see publish_file.h. */
#include "rest/publish_file.h"

#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/ident.h"
#include "base/log.h"
#include "content/content.h"
#include "domain/publish_request.h"
#include "extract/hyper.h"
#include "rest/append.h"
#include "store/blob.h"
#include "trust/seal.h"

struct taking {
    const struct keyring *keyring;
    struct arena *arena;
    const struct publish_request *request;
    struct publish_spec *spec;
};

static bool is_hidden(const struct publish_request *request, const char *name)
{
    for (size_t i = 0; i < request->hidden_count; i++)
        if (strcmp(request->hidden[i], name) == 0)
            return true;
    return false;
}

static const char *const *texts_of(struct arena *arena, const struct content_names *names)
{
    size_t count = 0;
    const char **texts = arena_alloc(arena, (names->count + 1) * sizeof *texts);
    for (const struct content_name *n = names->first; n; n = n->next)
        texts[count++] = n->name;
    return texts;
}

/* Sheets that are there for dashboards alone are no views; the request may hide more. */
static void take_sheets(struct taking *t, const struct content *content)
{
    struct publish_view *views = arena_alloc(t->arena, (content->sheet_count + 1) * sizeof *views);
    size_t count = 0;
    for (const struct content_sheet *s = content->sheets; s; s = s->next) {
        if (s->hidden)
            continue;
        if (s == content->default_view)
            t->spec->default_view = count;
        views[count++] = (struct publish_view){.name = s->name,
                                               .url_name = s->url_name,
                                               .sheet_type = content_sheet_type_name(s->type),
                                               .hidden = is_hidden(t->request, s->name),
                                               .fields = texts_of(t->arena, &s->fields),
                                               .field_count = s->fields.count};
    }
    t->spec->views = views;
    t->spec->view_count = count;
}

/* key: of the connection in the file. */
static void take_credentials(struct taking *t, const char *key, struct publish_connection *c)
{
    const struct publish_credentials *given =
        publish_credentials_for(t->request, key, c->server, c->port);
    char *id = arena_alloc(t->arena, LUID_ROOM);
    luid_random(id);
    c->id = id;
    if (!given || !given->given)
        return;
    if (given->user_name)
        c->user_name = given->user_name;
    c->embeds_password = given->embeds;
    if (given->embeds && given->password)
        c->sealed_password = seal(t->keyring, t->arena, id, given->password);
}

static void take_connections(struct taking *t, const struct content_connection *from,
                             const struct publish_datasource *of, struct publish_connection *to)
{
    for (; from; from = from->next) {
        struct publish_connection *c = &to[t->spec->connection_count++];
        *c = (struct publish_connection){.type = from->type ? from->type : "",
                                         .server = from->server,
                                         .port = from->port,
                                         .user_name = from->username,
                                         .database = from->dbname,
                                         .filename = from->filename,
                                         .authentication = from->authentication,
                                         .datasource = of};
        take_credentials(t, from->name, c);
    }
}

static const struct content_connection *to_published(const struct content_datasource *d)
{
    const struct content_connection *c = d->published ? d->connections : NULL;
    while (c && strcmp(c->type, "sqlproxy") != 0)
        c = c->next;
    return c;
}

static struct publish_datasource datasource_of(const struct content_datasource *d)
{
    const struct content_connection *proxy = to_published(d);
    return (struct publish_datasource){.name = d->caption ? d->caption
                                               : d->name  ? d->name
                                                          : "",
                                       .content_url = d->published_url,
                                       .server = proxy ? proxy->server : NULL,
                                       .port = proxy ? proxy->port : NULL,
                                       .site = d->published_site};
}

/* Those of a workbook have LUIDs; the one of a file of its own is what is published. */
static void take_datasources(struct taking *t, const struct content *content,
                             struct publish_connection *connections)
{
    struct publish_datasource *datasources =
        arena_alloc(t->arena, (content->datasource_count + 1) * sizeof *datasources);
    t->spec->datasources = datasources;
    for (const struct content_datasource *d = content->datasources; d; d = d->next) {
        const struct publish_datasource *of = NULL;
        if (d->parameters)
            continue;
        if (t->spec->type == TYPE_WORKBOOK) {
            of = &datasources[t->spec->datasource_count];
            datasources[t->spec->datasource_count++] = datasource_of(d);
        }
        take_connections(t, d->connections, of, connections);
    }
}

static size_t connections_in(const struct content *content)
{
    size_t count = 0;
    for (const struct content_datasource *d = content->datasources; d; d = d->next)
        count += d->connection_count;
    const struct content_connection *c = content->flow ? content->flow->connections : NULL;
    for (; c; c = c->next)
        count++;
    return count;
}

static void take_steps(struct taking *t, const struct content_flow *flow)
{
    struct publish_spec *spec = t->spec;
    const char **steps = arena_alloc(t->arena, (flow->output_count + 1) * sizeof *steps);
    for (const struct content_node *n = flow->nodes; n; n = n->next)
        if (n->base && strcmp(n->base, "output") == 0 && spec->step_count < flow->output_count)
            steps[spec->step_count++] = n->name ? n->name : "";
    spec->steps = steps;
}

static void take_tables(struct taking *t, const struct content_datasource *datasource)
{
    if (!datasource || t->spec->type != TYPE_DATASOURCE)
        return;
    t->spec->tables = texts_of(t->arena, &datasource->tables);
    t->spec->table_count = datasource->tables.count;
}

static void take_content(struct taking *t, const struct content *content)
{
    struct publish_spec *spec = t->spec;
    struct publish_connection *connections =
        arena_alloc(t->arena, (connections_in(content) + 1) * sizeof *connections);
    take_sheets(t, content);
    take_datasources(t, content, connections);
    if (content->flow)
        take_connections(t, content->flow->connections, NULL, connections);
    spec->connections = connections;
    take_tables(t, content->datasources);
    if (content->flow)
        take_steps(t, content->flow);
    spec->has_extracts = content->has_extracts;
    spec->file_type = content_kind_name(content->kind);
    if (spec->type == TYPE_DATASOURCE)
        spec->data_type = content->datasources && content->datasources->type
                              ? content->datasources->type
                          : content->kind == CONTENT_CSV ? "textscan"
                                                         : "dataengine";
}

enum err publish_file_read(const struct keyring *keyring, struct arena *arena, int fd,
                           const struct publish_request *request, struct publish_spec *spec_r,
                           struct fault *fault)
{
    struct content *content;
    struct taking taking = {keyring, arena, request, spec_r};
    enum err err =
        content_read(arena, fd, content_kind_named(request->spec.file_type), NULL, &content, fault);
    if (!err && content->kind == CONTENT_HYPER)
        err = hyper_check(arena, fd, "The extract", fault);
    if (err)
        return err;
    *spec_r = request->spec;
    take_content(&taking, content);
    return E_OK;
}

enum err publish_blob_read(void *of, struct arena *arena, const struct publish_request *request,
                           struct publish_spec *spec_r, struct fault *fault)
{
    const struct publish_store *store = of;
    char why[BLOB_WHY_ROOM] = "";
    struct blob_file file;
    if (blob_open(store->blobs, request->spec.blob_id, 0, UINT64_MAX, &file, why, sizeof why) !=
        BLOB_OK) {
        log_write(store->log, LOG_ERROR, "blob store", LOG_S("why", why));
        return fault_set(fault, arena, E500000, "The file could not be read back.");
    }
    enum err err = publish_file_read(store->keyring, arena, file.fd, request, spec_r, fault);
    close(file.fd);
    return err;
}

enum err publish_blob_append(void *of, struct arena *arena, const struct publish_request *request,
                             const struct publish_target *target, struct blob *blob_r,
                             struct fault *fault)
{
    const struct publish_store *store = of;
    const struct publish_spec *spec = &request->spec;
    const struct extract_work work = {
        .store = store->extracts, .arena = arena, .fault = fault, .room = target->room};
    int fd = -1;
    enum err err = extract_open_blob(&work, spec->blob_id, &fd);
    return err ? err
               : append_to_file(&work, target, fd, content_kind_named(spec->file_type), blob_r);
}

bool publish_blob_to_name(void *of, struct tx *tx, const struct blob *blob)
{
    const struct publish_store *store = of;
    return extract_to_name(store->extracts, tx, blob);
}
