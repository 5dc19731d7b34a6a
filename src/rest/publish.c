/* publish.c: Publish Workbook, Data Source and Flow.
 *
 * The request is read and understood on a blocking lane; a reader asks whether the
 * user may publish there at all; then the bytes go to the blob store and are read
 * for what is in them, again on a blocking lane; the writer makes the item of it.
 * What is refused on the way leaves nothing but a blob that nobody names, for the
 * sweeper. */
#include "domain/publish.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ident.h"
#include "content/content.h"
#include "domain/content_item.h"
#include "domain/flow_step.h"
#include "domain/upload.h"
#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/write_content.h"
#include "trust/seal.h"

/* What differs from type to type. */
struct kind {
    enum content_type type;
    const char *element, *part, *type_query; /* workbook, tableau_workbook, workbookType */
    const char *endings;                     /* for people */
    bool (*fits)(enum content_kind kind);
    /* No element; no file or one of the wrong ending; an upload without its type. */
    enum err no_element, no_file, no_type;
};

static const struct kind WORKBOOK = {TYPE_WORKBOOK,  "workbook",      "tableau_workbook",
                                     "workbookType", ".twb or .twbx", content_is_workbook,
                                     E400000,        E400020,         E400035};
static const struct kind DATASOURCE = {TYPE_DATASOURCE,
                                       "datasource",
                                       "tableau_datasource",
                                       "datasourceType",
                                       ".tds, .tdsx, .hyper, .tde or .csv",
                                       content_is_datasource,
                                       E400000,
                                       E400010,
                                       E400010};
static const struct kind FLOW = {TYPE_FLOW,  "flow",          "tableau_flow",
                                 "flowType", ".tfl or .tflx", content_is_flow,
                                 E400090,    E400086,         E400086};

struct publishing {
    const struct kind *kind;
    struct publish_spec spec;
    struct blob blob; /* the file, once it is stored */
    const struct el *el;
    enum content_kind file_kind;
    const struct part *file; /* NULL: an upload */
    const char *upload_id;   /* NULL: a part of the request */
    struct upload upload;
    const char **pieces;
    size_t piece_count;
};

/* ---- reading the request */

static enum err read_flag(struct call *call, const char *name, bool *value_r)
{
    const char *text = query_get(&call->query, name);
    *value_r = text && strcasecmp(text, "true") == 0;
    if (!text || *value_r || strcasecmp(text, "false") == 0)
        return E_OK;
    return tx_refuse(&call->tx, E400008, "%s is neither true nor false.", name);
}

static enum err read_flags(struct call *call, struct publishing *p)
{
    bool append = false, as_job = false, ignored;
    enum err err = read_flag(call, "overwrite", &p->spec.overwrite);
    if (!err)
        err = read_flag(call, "append", &append);
    if (!err)
        err = read_flag(call, "asJob", &as_job);
    if (!err)
        err = read_flag(call, "skipConnectionCheck", &ignored);
    if (!err && append && p->spec.overwrite)
        err = tx_refuse(&call->tx, E400055, "overwrite and append can't both be true.");
    if (!err && append)
        err = tx_refuse(&call->tx, E400011,
                        "Appending to a data source is not served by this version.");
    if (!err && as_job)
        err = tx_refuse(&call->tx, E400000,
                        "Publishing as a job (asJob) is not served by this version.");
    return err;
}

/* The file: a part of the request, or an upload and the type that the query gives. */
static enum err read_source(struct call *call, struct publishing *p)
{
    const struct kind *kind = p->kind;
    const char *type = query_get(&call->query, kind->type_query);
    p->file = part_find(call->parts, kind->part);
    p->upload_id = query_get(&call->query, "uploadSessionId");
    if (p->file && p->upload_id)
        return tx_refuse(&call->tx, kind->type == TYPE_DATASOURCE ? E400010 : E400000,
                         "The request has both an uploadSessionId and a file.");
    if (!p->file && !p->upload_id)
        return tx_refuse(&call->tx, E400000,
                         "The request has neither an uploadSessionId nor a part '%s'.", kind->part);
    p->file_kind = content_kind_named(p->upload_id        ? (type ? type : "")
                                      : p->file->filename ? p->file->filename
                                                          : "");
    if (kind->fits(p->file_kind))
        return E_OK;
    return p->upload_id ? tx_refuse(&call->tx, kind->no_type, "%s must be one of %s.",
                                    kind->type_query, kind->endings)
                        : tx_refuse(&call->tx, kind->no_file,
                                    "The name of the file must end in %s.", kind->endings);
}

static enum err read_element_flag(struct call *call, const struct el *el, const char *name,
                                  bool *value_r)
{
    bool present;
    if (!doc_get_bool(el, name, &present, value_r))
        return tx_refuse(&call->tx, E400000, "%s is neither true nor false.", name);
    *value_r = present && *value_r;
    return E_OK;
}

static enum err read_element(struct call *call, struct publishing *p)
{
    struct publish_spec *spec = &p->spec;
    p->el = doc_find(call->in, p->kind->element);
    if (!p->el)
        return tx_refuse(&call->tx, p->kind->no_element,
                         "The part request_payload needs the element '%s'.", p->kind->element);
    spec->name = doc_get(p->el, "name");
    spec->description = doc_get(p->el, "description");
    spec->project_id = doc_get(doc_find(p->el, "project"), "id");
    spec->thumbnails_user_id = doc_get(p->el, "thumbnailsUserId");
    spec->thumbnails_group_id = doc_get(p->el, "thumbnailsGroupId");
    enum err err = read_element_flag(call, p->el, "showTabs", &spec->show_tabs);
    if (!err)
        err = read_element_flag(call, p->el, "encryptExtracts", &spec->encrypts_extracts);
    if (!err)
        err = read_element_flag(call, p->el, "useRemoteQueryAgent", &spec->uses_remote_query_agent);
    return err;
}

/* ---- what is in the file */

static const struct el *hidden_flag(const struct publishing *p, const char *name)
{
    const struct el *view = doc_find(doc_find(p->el, "views"), "view");
    while (view && strcmp(doc_get(view, "name") ? doc_get(view, "name") : "", name) != 0)
        view = doc_next(view);
    return view;
}

/* Sheets that are there for dashboards alone are no views; the request may hide more. */
static void take_sheets(struct call *call, struct publishing *p, const struct content *content)
{
    struct publish_view *views =
        arena_alloc(call->tx.arena, (content->sheet_count + 1) * sizeof *views);
    size_t count = 0;
    for (const struct content_sheet *s = content->sheets; s; s = s->next) {
        bool present, hidden = false;
        if (s->hidden)
            continue;
        doc_get_bool(hidden_flag(p, s->name), "hidden", &present, &hidden);
        if (s == content->default_view)
            p->spec.default_view = count;
        views[count++] = (struct publish_view){s->name, s->url_name,
                                               content_sheet_type_name(s->type), present && hidden};
    }
    p->spec.views = views;
    p->spec.view_count = count;
}

static bool same_place(const struct el *el, const struct publish_connection *c)
{
    const char *server = doc_get(el, "serverAddress"), *port = doc_get(el, "serverPort");
    return server && c->server && strcasecmp(server, c->server) == 0 &&
           (!port || !*port || (c->port && strcmp(port, c->port) == 0));
}

/* The credentials that the request gives for a connection: its own, else for all. */
static const struct el *credentials_for(const struct publishing *p,
                                        const struct publish_connection *c)
{
    const struct el *el = doc_find(doc_find(p->el, "connections"), "connection");
    for (; el; el = doc_next(el))
        if (same_place(el, c))
            return doc_find(el, "connectionCredentials");
    return doc_find(p->el, "connectionCredentials");
}

static void take_credentials(struct call *call, const struct publishing *p,
                             struct publish_connection *c)
{
    bool present, embeds = false;
    const struct el *el = credentials_for(p, c);
    const char *name = doc_get(el, "name"), *password = doc_get(el, "password");
    char *id = arena_alloc(call->tx.arena, LUID_ROOM);
    luid_random(id);
    c->id = id;
    if (!el)
        return;
    doc_get_bool(el, "embed", &present, &embeds);
    if (name)
        c->user_name = name;
    c->embeds_password = present && embeds;
    if (c->embeds_password && password)
        c->sealed_password = seal(call->config->keyring, call->tx.arena, id, password);
}

static void take_connections(struct call *call, struct publishing *p,
                             const struct content_connection *from,
                             const struct content_datasource *of, struct publish_connection *to,
                             size_t *count)
{
    for (; from; from = from->next) {
        struct publish_connection *c = &to[(*count)++];
        *c = (struct publish_connection){.type = from->type ? from->type : "",
                                         .server = from->server,
                                         .port = from->port,
                                         .user_name = from->username,
                                         .database = from->dbname,
                                         .filename = from->filename,
                                         .authentication = from->authentication};
        if (of) {
            c->datasource_name = of->caption ? of->caption : of->name;
            c->datasource_content_url = of->published ? of->published_url : NULL;
        }
        take_credentials(call, p, c);
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

static void take_steps(struct call *call, struct publishing *p, const struct content_flow *flow)
{
    const char **steps = arena_alloc(call->tx.arena, (flow->output_count + 1) * sizeof *steps);
    for (const struct content_node *n = flow->nodes; n; n = n->next)
        if (n->base && strcmp(n->base, "output") == 0 && p->spec.step_count < flow->output_count)
            steps[p->spec.step_count++] = n->name ? n->name : "";
    p->spec.steps = steps;
}

static void take_content(struct call *call, struct publishing *p, const struct content *content)
{
    struct publish_spec *spec = &p->spec;
    struct publish_connection *connections =
        arena_alloc(call->tx.arena, (connections_in(content) + 1) * sizeof *connections);
    take_sheets(call, p, content);
    for (const struct content_datasource *d = content->datasources; d; d = d->next)
        if (!d->parameters)
            take_connections(call, p, d->connections, d, connections, &spec->connection_count);
    if (content->flow)
        take_connections(call, p, content->flow->connections, NULL, connections,
                         &spec->connection_count);
    spec->connections = connections;
    if (content->flow)
        take_steps(call, p, content->flow);
    spec->has_extracts = content->has_extracts;
    spec->file_type = content_kind_name(content->kind);
    if (spec->type == TYPE_DATASOURCE)
        spec->data_type = content->datasources && content->datasources->type
                              ? content->datasources->type
                          : content->kind == CONTENT_CSV ? "textscan"
                                                         : "dataengine";
}

/* ---- the steps */

static enum err write_published_flow(struct call *call, const struct content_item *flow)
{
    struct flow_step *steps;
    size_t count;
    enum err err = flow_step_list(&call->tx, flow->id, &steps, &count);
    if (err)
        return err;
    write_flow_steps(call->out, steps, count);
    return write_flow(call, doc_child(call->out, "flow"), flow, ITEM_WHOLE);
}

static enum err write_item(struct call *call, const struct content_item *item)
{
    switch (item->type) {
    case TYPE_WORKBOOK:
        return write_workbook(call, doc_child(call->out, "workbook"), item, ITEM_WHOLE);
    case TYPE_DATASOURCE:
        return write_datasource(call, doc_child(call->out, "datasource"), item, ITEM_WHOLE);
    default:
        return write_published_flow(call, item);
    }
}

static enum err publish_commit(struct call *call)
{
    struct publishing *p = call->state;
    struct content_item item;
    bool created;
    enum err err = blob_to_name(call, &p->blob);
    if (!err)
        err = publish(&call->tx, call->actor, &p->spec, &item, &created);
    if (!err && p->upload_id)
        err = upload_end(&call->tx, p->upload.id);
    return err ? err : write_item(call, &item);
}

static enum err publish_store(struct call *call)
{
    struct publishing *p = call->state;
    struct blob_file file;
    struct content *content;
    enum err err = p->file ? blob_of_part(call, p->file, &p->blob)
                           : blob_of_pieces(call, p->pieces, p->piece_count, &p->blob);
    if (!err)
        err = blob_for_call(call, p->blob.id, &file);
    if (!err)
        err = content_read(call->tx.arena, file.fd, p->file_kind, NULL, &content, &call->tx.fault);
    if (err)
        return err;
    p->spec.blob_id = p->blob.id;
    p->spec.size_bytes = (int64_t)p->blob.size;
    take_content(call, p, content);
    return call_next(call, LANE_WRITE, publish_commit);
}

static enum err publish_may(struct call *call)
{
    struct publishing *p = call->state;
    size_t len;
    enum err err = E_OK;
    if (p->file) {
        part_bytes(p->file, &len);
        p->spec.size_bytes = (int64_t)len;
    } else {
        err = upload_get(&call->tx, call->actor, p->upload_id, &p->upload);
        if (!err)
            err = upload_pieces(&call->tx, &p->upload, &p->pieces, &p->piece_count);
        if (!err && p->piece_count == 0)
            err = tx_refuse(&call->tx, E400000, "Nothing was appended to the upload yet.");
        p->spec.size_bytes = p->upload.size_bytes;
    }
    if (!err)
        err = publish_check(&call->tx, call->actor, &p->spec);
    return err ? err : call_next(call, LANE_BLOCKING, publish_store);
}

static enum err publish_as(struct call *call, const struct kind *kind)
{
    struct publishing *p = arena_zalloc(call->tx.arena, sizeof *p);
    p->kind = kind;
    p->spec.type = kind->type;
    call->state = p;
    enum err err = read_flags(call, p);
    if (!err)
        err = read_element(call, p);
    if (!err)
        err = read_source(call, p);
    return err ? err : call_next(call, LANE_READ, publish_may);
}

static enum err publish_workbook_call(struct call *call)
{
    return publish_as(call, &WORKBOOK);
}

const struct handler rest_publish_workbook = {publish_workbook_call, STARTS_SLOWLY, false};

static enum err publish_datasource_call(struct call *call)
{
    return publish_as(call, &DATASOURCE);
}

const struct handler rest_publish_datasource = {publish_datasource_call, STARTS_SLOWLY, false};

static enum err publish_flow_call(struct call *call)
{
    return publish_as(call, &FLOW);
}

const struct handler rest_publish_flow = {publish_flow_call, STARTS_SLOWLY, false};
