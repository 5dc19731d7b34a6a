/* downloads.c: Download Workbook, Data Source and Flow, and revisions of the first two:
 * the file as it was published, or without its extracts (includeExtract=false). */
#include <string.h>

#include "content/content.h"
#include "content/repack.h"
#include "domain/content_item.h"
#include "domain/revision.h"
#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/items.h"

struct downloading {
    struct content_item item;
    const char *blob_id, *part_name;
    bool strips;
};

/* What the query asks for. No code is documented for a value that is no flag. */
static enum err read_query(struct call *call, struct downloading *d)
{
    bool includes;
    enum err err = item_query_flag(call, "includeExtract", E400000, &includes);
    d->strips = query_get(&call->query, "includeExtract") && !includes;
    return err;
}

static enum err reply_as(struct call *call, const struct downloading *d, const char *blob_id,
                         const char *file_type)
{
    bool package = content_is_package(content_kind_named(file_type));
    bool xml = strcmp(file_type, "twb") == 0 || strcmp(file_type, "tds") == 0;
    return reply_blob(call, blob_id, arena_printf(call->tx.arena, "%s.%s", d->item.name, file_type),
                      d->part_name,
                      !package && xml ? "application/xml" : "application/octet-stream");
}

/* The package without its extracts goes through the store, where the next one who
 * asks for it finds the same bytes. */
static enum err reply_stripped(struct call *call, const struct downloading *d)
{
    struct blob_file file;
    struct blob blob = {0};
    struct repack *repack = NULL;
    enum content_kind kind = content_kind_named(d->item.file_type);
    enum err err = blob_for_call(call, d->blob_id, &file);
    if (!err)
        err = repack_strip(call->tx.arena, file.fd, kind, NULL, &repack, &call->tx.fault);
    if (!err)
        err = blob_of_stream(call, repack, &blob);
    return err ? err : reply_as(call, d, blob.id, d->item.file_type);
}

static enum err download_send(struct call *call)
{
    const struct downloading *d = call->state;
    return d->strips ? reply_stripped(call, d) : reply_as(call, d, d->blob_id, d->item.file_type);
}

/* Of a revision that is not the current one nothing tells whether it has extracts. */
static enum err send(struct call *call, struct downloading *d, const char *part_name,
                     bool may_have_extracts)
{
    d->strips =
        d->strips && may_have_extracts && content_is_package(content_kind_named(d->item.file_type));
    d->part_name = part_name;
    call->state = d;
    return call_next(call, LANE_BLOCKING, download_send);
}

static enum err download(struct call *call, enum content_type type, const char *param,
                         const char *part_name)
{
    struct downloading *d = arena_zalloc(call->tx.arena, sizeof *d);
    /* Download Flow has no includeExtract: it is read over like other names. */
    enum err err = type == TYPE_FLOW ? E_OK : read_query(call, d);
    if (!err)
        err = content_item_file(&call->tx, call->actor, type, call_param(call, param), &d->item,
                                &d->blob_id);
    return err ? err : send(call, d, part_name, d->item.has_extracts);
}

static enum err download_revision(struct call *call, enum content_type type, const char *param,
                                  const char *part_name)
{
    struct downloading *d = arena_zalloc(call->tx.arena, sizeof *d);
    struct revision revision;
    enum err err = read_query(call, d);
    if (!err)
        err = revision_get(&call->tx, call->actor, type, call_param(call, param),
                           call_param(call, "revision-number"), &d->item, &revision);
    if (err)
        return err;
    d->blob_id = revision.blob_id;
    d->item.file_type = revision.file_type;
    return send(call, d, part_name, true);
}

static enum err workbook_download_call(struct call *call)
{
    return download(call, TYPE_WORKBOOK, "workbook-id", "tableau_workbook");
}

const struct handler rest_workbook_download = {workbook_download_call, STARTS_READING, false};

static enum err datasource_download_call(struct call *call)
{
    return download(call, TYPE_DATASOURCE, "datasource-id", "tableau_datasource");
}

const struct handler rest_datasource_download = {datasource_download_call, STARTS_READING, false};

static enum err flow_download_call(struct call *call)
{
    return download(call, TYPE_FLOW, "flow-id", "tableau_flow");
}

const struct handler rest_flow_download = {flow_download_call, STARTS_READING, false};

static enum err workbook_revision_download_call(struct call *call)
{
    return download_revision(call, TYPE_WORKBOOK, "workbook-id", "tableau_workbook");
}

const struct handler rest_workbook_revision_download = {workbook_revision_download_call,
                                                        STARTS_READING, false};

static enum err datasource_revision_download_call(struct call *call)
{
    return download_revision(call, TYPE_DATASOURCE, "datasource-id", "tableau_datasource");
}

const struct handler rest_datasource_revision_download = {datasource_revision_download_call,
                                                          STARTS_READING, false};
