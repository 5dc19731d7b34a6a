/* validate.c: Validate Workbook and Upload. The file is read as it is when it is
 * published; one that would be refused is told with its place in the document and is
 * not kept, any other becomes an upload session to publish from. The answer is JSON of
 * its own form. */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "content/content.h"
#include "domain/upload.h"
#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/handlers.h"

enum { UNPROCESSABLE = 422 };

static void answer_begin(struct call *call, struct buf *out)
{
    char iso[CLOCK_ISO_ROOM];
    clock_iso_ms(call->tx.now, iso);
    buf_init(out, call->tx.arena, 0);
    buf_addf(out, "{\"timestamp\":\"%s\"", iso);
}

static void answer_end(struct call *call, struct buf *out, int status)
{
    buf_adds(out, "}");
    call->answer = out->bytes;
    call->answer_type = "application/json;charset=UTF-8";
    call->status = status;
}

static void add_text(struct buf *out, const char *name, const char *text)
{
    buf_addf(out, ",\"%s\":", name);
    buf_add_json(out, text);
}

/* What is wrong with a whole file has no place, but clients want an element's name. */
static void answer_refused(struct call *call, const struct fault *fault)
{
    struct buf out;
    const struct fault_place *place = fault->place;
    answer_begin(call, &out);
    buf_adds(&out, ",\"errors\":[{\"severity\":\"ERROR\"");
    add_text(&out, "message", place ? fault->found : fault->detail);
    if (place && place->line > 0)
        buf_addf(&out, ",\"line\":%d,\"column\":%d", place->line, place->column);
    add_text(&out, "elementName", place && place->element ? place->element : "workbook");
    buf_adds(&out, "}],\"warnings\":[]");
    answer_end(call, &out, UNPROCESSABLE);
}

static enum err validate_keep(struct call *call)
{
    const struct blob *blob = call->state;
    struct upload upload;
    struct buf out;
    enum err err = blob_to_name(call, blob);
    if (!err)
        err = upload_begin(&call->tx, call->actor, &upload);
    if (!err)
        err = upload_append(&call->tx, call->actor, upload.id, UPLOAD_BEHIND, blob, &upload);
    if (err)
        return err;
    answer_begin(call, &out);
    add_text(&out, "uploadId", upload.id);
    buf_adds(&out, ",\"warnings\":[]");
    answer_end(call, &out, call->status);
    return E_OK;
}

static enum err validate_read(struct call *call)
{
    struct blob *blob = arena_alloc(call->tx.arena, sizeof *blob);
    struct blob_file file;
    struct content *content;
    enum err err = blob_of_part(call, part_find(call->parts, "tableau_workbook"), blob);
    if (!err)
        err = blob_for_call(call, blob->id, &file);
    if (err)
        return err;
    err = content_read(call->tx.arena, file.fd, CONTENT_TWB, NULL, &content, &call->tx.fault);
    if (err == E400011) {
        answer_refused(call, &call->tx.fault);
        blob_spent(call, blob);
        return E_OK;
    }
    call->state = blob;
    return err ? err : call_next(call, LANE_WRITE, validate_keep);
}

static enum err validate_workbook_call(struct call *call)
{
    const struct part *file;
    enum err err = call_part(call, "tableau_workbook", &file);
    if (!err)
        err = upload_may_begin(&call->tx, call->actor);
    if (err)
        return err;
    if (!file->filename || content_kind_named(file->filename) != CONTENT_TWB)
        return tx_refuse(&call->tx, E400000, "The name of the file must end in .twb.");
    return call_next(call, LANE_BLOCKING, validate_read);
}

const struct handler rest_validate_workbook = {validate_workbook_call, STARTS_SLOWLY, false};
