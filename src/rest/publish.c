/* publish.c: Publish Workbook, Data Source and Flow.
 *
 * The request is read and understood on a blocking lane; a reader asks whether the
 * user may publish there at all; then the bytes go to the blob store and are read
 * for what is in them, again on a blocking lane; the writer makes the item of it.
 * What is refused on the way leaves nothing (rest/blobs.h).
 *
 * With asJob=true the bytes are stored and not read: the writer adds a job that names
 * them (domain/publish_job.h). */
#include "domain/publish.h"

#include <string.h>
#include <strings.h>

#include "content/content.h"
#include "domain/connection.h"
#include "domain/content_item.h"
#include "domain/flow_step.h"
#include "domain/publish_job.h"
#include "domain/publish_request.h"
#include "domain/upload.h"
#include "http/http.h"
#include "rest/append.h"
#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/publish_file.h"
#include "rest/write.h"
#include "rest/write_content.h"

/* What differs from type to type. */
struct kind {
    enum content_type type;
    const char *element, *part, *type_query; /* workbook, tableau_workbook, workbookType */
    const char *endings;                     /* for people */
    bool (*fits)(enum content_kind kind);
    bool knows_jobs; /* asJob is a parameter of its method */
    /* No element; no file or one of the wrong ending; an upload without its type. */
    enum err no_element, no_file, no_type;
};

static const struct kind WORKBOOK = {TYPE_WORKBOOK,  "workbook",      "tableau_workbook",
                                     "workbookType", ".twb or .twbx", content_is_workbook,
                                     true,           E400000,         E400020,
                                     E400035};
static const struct kind DATASOURCE = {TYPE_DATASOURCE,
                                       "datasource",
                                       "tableau_datasource",
                                       "datasourceType",
                                       ".tds, .tdsx, .hyper, .tde, .csv or .parquet",
                                       content_is_datasource,
                                       true,
                                       E400019,
                                       E400010,
                                       E400010};
static const struct kind FLOW = {TYPE_FLOW,       "flow",          "tableau_flow", "flowType",
                                 ".tfl or .tflx", content_is_flow, false,          E400090,
                                 E400086,         E400086};

struct publishing {
    const struct kind *kind;
    struct publish_request request;
    struct publish_spec spec; /* the request's with what is in the file */
    struct blob blob;         /* the file, once it is stored */
    bool as_job;
    struct job_payload *payload; /* of the job */
    const struct part *file;     /* NULL: an upload */
    const char *upload_id;       /* NULL: a part of the request */
    struct upload upload;
    struct blob *pieces;
    size_t piece_count;
    struct publish_target target; /* what is appended to */
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

/* No database is reached from here: what can be looked for are the published data sources
 * of this server. */
static void check_connections_at(struct call *call, struct publish_spec *spec)
{
    const char *host = call_host(call), *port = strrchr(host, ':');
    bool has_port = port && !strchr(port, ']');
    size_t len = has_port ? (size_t)(port - host) : strlen(host);
    spec->checked_server = arena_strndup(call->tx.arena, host, len);
    spec->checked_port = has_port ? port + 1 : NULL;
}

static enum err read_flags(struct call *call, struct publishing *p)
{
    bool skips_check, *overwrite = &p->request.spec.overwrite;
    enum err err = read_flag(call, "overwrite", overwrite);
    if (!err)
        err = read_flag(call, "append", &p->request.append);
    if (!err && p->kind->knows_jobs)
        err = read_flag(call, "asJob", &p->as_job);
    if (!err)
        err = read_flag(call, "skipConnectionCheck", &skips_check);
    if (!err && !skips_check)
        check_connections_at(call, &p->request.spec);
    if (!err && p->request.append && *overwrite)
        err = tx_refuse(&call->tx, E400055, "overwrite and append can't both be true.");
    if (!err && p->request.append && p->kind->type != TYPE_DATASOURCE)
        err = tx_refuse(&call->tx, E400011, "Data can be appended to data sources alone.");
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
    enum content_kind file_kind = content_kind_named(p->upload_id        ? (type ? type : "")
                                                     : p->file->filename ? p->file->filename
                                                                         : "");
    p->request.spec.file_type = content_kind_name(file_kind);
    if (kind->fits(file_kind))
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

/* The sheets that the element says are hidden. */
static enum err read_hidden(struct call *call, struct publish_request *request, const struct el *el)
{
    const struct el *first = doc_find(doc_find(el, "views"), "view");
    size_t count = 0;
    enum err err = E_OK;
    for (const struct el *view = first; view; view = doc_next(view))
        count++;
    const char **names = arena_alloc(call->tx.arena, (count + 1) * sizeof *names);
    for (const struct el *view = first; view && !err; view = doc_next(view)) {
        bool hidden = false;
        err = read_element_flag(call, view, "hidden", &hidden);
        if (!err && hidden && doc_get(view, "name"))
            names[request->hidden_count++] = doc_get(view, "name");
    }
    request->hidden = names;
    return err;
}

static size_t count_tags(const struct el *el)
{
    size_t count = 0;
    for (const struct el *t = doc_find(doc_find(el, "tags"), "tag"); t; t = doc_next(t))
        count++;
    return count;
}

static enum err read_tags_of(struct call *call, struct publish_spec *spec, struct publish_tag *tags,
                             const struct el *el, const char *view)
{
    for (const struct el *t = doc_find(doc_find(el, "tags"), "tag"); t; t = doc_next(t)) {
        const char *label = doc_get(t, "label");
        if (!label)
            return tx_refuse(&call->tx, E400000, "A tag needs a label.");
        tags[spec->tag_count++] = (struct publish_tag){label, view};
    }
    return E_OK;
}

/* Those of the item and those of its views. */
static enum err read_tags(struct call *call, struct publish_spec *spec, const struct el *el)
{
    const struct el *first = doc_find(doc_find(el, "views"), "view");
    size_t count = count_tags(el);
    for (const struct el *view = first; view; view = doc_next(view))
        count += count_tags(view);
    struct publish_tag *tags = arena_alloc(call->tx.arena, (count + 1) * sizeof *tags);
    spec->tags = tags;
    enum err err = read_tags_of(call, spec, tags, el, NULL);
    for (const struct el *view = first; view && !err; view = doc_next(view))
        if (doc_get(view, "name"))
            err = read_tags_of(call, spec, tags, view, doc_get(view, "name"));
    return err;
}

static enum err read_embed(struct call *call, const struct publishing *p, const struct el *el,
                           struct publish_credentials *credentials)
{
    bool present, embeds = false;
    if (!doc_get_bool(el, "embed", &present, &embeds))
        return tx_refuse(&call->tx, p->kind->type == TYPE_FLOW ? E400000 : E400008,
                         "embed is neither true nor false.");
    if (present) {
        credentials->given = true;
        credentials->embeds = embeds;
    }
    return E_OK;
}

/* What an element connectionCredentials says, in place of what was read before it. */
static enum err read_credentials(struct call *call, const struct publishing *p, const struct el *el,
                                 struct publish_credentials *credentials)
{
    if (!el)
        return E_OK;
    credentials->given = true;
    if (doc_get(el, "name"))
        credentials->user_name = doc_get(el, "name");
    if (doc_get(el, "password"))
        credentials->password = doc_get(el, "password");
    return read_embed(call, p, el, credentials);
}

/* Clients that publish flows write credentials as attributes too, or instead. */
static enum err read_connection(struct call *call, const struct publishing *p, const struct el *el,
                                struct publish_credentials *one)
{
    *one = (struct publish_credentials){.key = doc_get(el, "id"),
                                        .server = doc_get(el, "serverAddress"),
                                        .port = doc_get(el, "serverPort"),
                                        .user_name = doc_get(el, "username"),
                                        .password = doc_get(el, "password")};
    one->given = one->user_name || one->password;
    enum err err = connection_check_port(&call->tx, one->port);
    if (!err)
        err = read_embed(call, p, el, one);
    return err ? err : read_credentials(call, p, doc_find(el, "connectionCredentials"), one);
}

static const struct el *first_connection(const struct el *el)
{
    return doc_find(doc_find(el, "connections"), "connection");
}

static enum err read_connections(struct call *call, struct publishing *p, const struct el *el,
                                 struct publish_credentials *all)
{
    size_t *count = &p->request.credential_count;
    enum err err = E_OK;
    for (const struct el *c = first_connection(el); c && !err; c = doc_next(c)) {
        err = read_connection(call, p, c, &all[*count]);
        *count += all[*count].key || all[*count].server;
    }
    return err;
}

/* Those of each connection that is named in the element, or beside it as some clients
 * write it, then those for all others. */
static enum err read_all_credentials(struct call *call, struct publishing *p, const struct el *el)
{
    const struct el *const places[] = {el, call->in};
    size_t most = 1, *count = &p->request.credential_count;
    enum err err = E_OK;
    for (size_t i = 0; i < 2; i++)
        for (const struct el *c = first_connection(places[i]); c; c = doc_next(c))
            most++;
    struct publish_credentials *all = arena_zalloc(call->tx.arena, most * sizeof *all);
    for (size_t i = 0; i < 2 && !err; i++)
        err = read_connections(call, p, places[i], all);
    all[*count] = (struct publish_credentials){0};
    if (!err)
        err = read_credentials(call, p, doc_find(el, "connectionCredentials"), &all[*count]);
    *count += 1;
    p->request.credentials = all;
    return err;
}

static enum err read_element(struct call *call, struct publishing *p)
{
    struct publish_spec *spec = &p->request.spec;
    const struct el *el = doc_find(call->in, p->kind->element);
    if (!el)
        return tx_refuse(&call->tx, p->kind->no_element,
                         "The part request_payload needs the element '%s'.", p->kind->element);
    spec->name = doc_get(el, "name");
    spec->description = doc_get(el, "description");
    spec->project_id = doc_get(doc_find(el, "project"), "id");
    spec->thumbnails_user_id = doc_get(el, "thumbnailsUserId");
    spec->thumbnails_group_id = doc_get(el, "thumbnailsGroupId");
    enum err err = read_hidden(call, &p->request, el);
    if (!err)
        err = read_tags(call, spec, el);
    if (!err)
        err = read_all_credentials(call, p, el);
    if (!err)
        err = read_element_flag(call, el, "showTabs", &spec->show_tabs);
    if (!err)
        err = read_element_flag(call, el, "encryptExtracts", &spec->encrypts_extracts);
    if (!err)
        err = read_element_flag(call, el, "useRemoteQueryAgent", &spec->uses_remote_query_agent);
    return err;
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

static const struct upload *upload_of(const struct publishing *p)
{
    return p->upload_id ? &p->upload : NULL;
}

static enum err publish_commit(struct call *call)
{
    struct publishing *p = call->state;
    struct content_item item;
    bool created;
    enum err err = upload_to_name(call, upload_of(p), &p->blob);
    if (err)
        return err;
    err = publish(&call->tx, call->actor, &p->spec, &item, &created);
    if (!err && p->upload_id)
        err = blob_upload_end(call, &p->upload);
    return err ? err : write_item(call, &item);
}

static void wake(struct call *call)
{
    job_wake(call->config->jobs);
}

static enum err publish_later(struct call *call)
{
    struct publishing *p = call->state;
    struct job job;
    enum err err = upload_to_name(call, upload_of(p), &p->blob);
    if (!err)
        err = publish_job_add(&call->tx, call->actor, &p->request, &p->blob,
                              p->request.append ? p->target.id : NULL, p->payload, &job);
    if (!err && p->upload_id)
        err = blob_upload_end(call, &p->upload);
    if (err)
        return err;
    write_job(doc_child(call->out, "job"), &job);
    call->status = 202;
    call->committed = wake;
    return E_OK;
}

static enum err publish_read(struct call *call)
{
    struct publishing *p = call->state;
    struct blob_file file;
    enum err err = p->file ? blob_for_call(call, p->blob.id, &file)
                           : piece_for_call(call, &p->upload, &p->blob, &file);
    if (!err)
        err = publish_file_read(call->config->keyring, call->tx.arena, file.fd, &p->request,
                                &p->spec, &call->tx.fault);
    return err ? err : call_next(call, LANE_WRITE, publish_commit);
}

static enum err publish_store(struct call *call)
{
    struct publishing *p = call->state;
    enum err err = p->file ? blob_of_part(call, p->file, &p->blob)
                           : blob_of_pieces(call, &p->upload, p->pieces, p->piece_count, &p->blob);
    if (err)
        return err;
    p->request.spec.blob_id = p->blob.id;
    p->request.spec.size_bytes = (int64_t)p->blob.size;
    if (!p->as_job)
        return publish_read(call);
    err = publish_job_pack(&call->tx, call->config->jobs, &p->request, &p->payload);
    return err ? err : call_next(call, LANE_WRITE, publish_later);
}

static enum err publish_append(struct call *call)
{
    struct publishing *p = call->state;
    const struct rest_config *config = call->config;
    const struct extract_store store = {config->blobs, config->log, config->spool,
                                        config->blob_age_ms};
    const struct extract_work work = {.store = &store,
                                      .arena = call->tx.arena,
                                      .fault = &call->tx.fault,
                                      .room = p->target.room,
                                      .request = http_id(call->http)};
    int fd = -1;
    enum err err = p->file ? file_of_part(call, p->file, &fd)
                           : file_of_pieces(call, &p->upload, p->pieces, p->piece_count, &fd);
    if (!err)
        err = append_to_file(&work, &p->target, fd, content_kind_named(p->request.spec.file_type),
                             &p->blob);
    if (err)
        return err;
    blob_stored(call, &p->blob);
    p->spec = p->request.spec;
    p->spec.append_to = &p->target;
    p->spec.blob_id = p->blob.id;
    p->spec.size_bytes = (int64_t)p->blob.size;
    return call_next(call, LANE_WRITE, publish_commit);
}

static enum err publish_may(struct call *call)
{
    struct publishing *p = call->state;
    size_t len;
    enum err err = E_OK;
    if (p->file) {
        part_bytes(p->file, &len);
        p->request.spec.size_bytes = (int64_t)len;
    } else {
        err = upload_get(&call->tx, call->actor, p->upload_id, &p->upload);
        if (!err)
            err = upload_pieces(&call->tx, &p->upload, &p->pieces, &p->piece_count);
        if (!err && p->piece_count == 0)
            err = tx_refuse(&call->tx, E400000, "Nothing was appended to the upload yet.");
        p->request.spec.size_bytes = p->upload.size_bytes;
    }
    if (!err)
        err = p->request.append
                  ? publish_check_append(&call->tx, call->actor, &p->request.spec, &p->target)
                  : publish_check(&call->tx, call->actor, &p->request.spec);
    bool now = p->request.append && !p->as_job;
    return err ? err : call_next(call, LANE_BLOCKING, now ? publish_append : publish_store);
}

static enum err publish_as(struct call *call, const struct kind *kind)
{
    struct publishing *p = arena_zalloc(call->tx.arena, sizeof *p);
    p->kind = kind;
    p->request.spec.type = kind->type;
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
