/* uploads.c: Initiate and Append to File Upload. A piece is stored as a blob before
 * its row is written, so a crash leaves nothing but a blob that nobody names. */
#include "domain/upload.h"

#include "base/log.h"
#include "http/http.h"
#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/handlers.h"

enum { MEGABYTE = 1 << 20, PIECE_MOST = 64 * MEGABYTE };

static void write_upload(struct call *call, const struct upload *upload)
{
    struct el *el = doc_child(call->out, "fileUpload");
    doc_attr(el, "uploadSessionId", upload->id);
    doc_attr_count(el, "fileSize", (upload->size_bytes + MEGABYTE - 1) / MEGABYTE);
}

static enum err upload_begin_call(struct call *call)
{
    struct upload upload;
    enum err err = upload_begin(&call->tx, call->actor, &upload);
    if (!err)
        write_upload(call, &upload);
    return err;
}

const struct handler rest_upload_begin = {upload_begin_call, STARTS_WRITING, false};

static enum err append_commit(struct call *call)
{
    const struct blob *blob = call->state;
    struct upload upload;
    enum err err = blob_to_name(call, blob);
    if (!err)
        err = upload_append(&call->tx, call->actor, call_param(call, "upload-session-id"), blob->id,
                            (int64_t)blob->size, &upload);
    if (!err)
        write_upload(call, &upload);
    return err;
}

static enum err append_store(struct call *call)
{
    struct blob *blob = arena_alloc(call->tx.arena, sizeof *blob);
    const struct part *file = part_find(call->parts, "tableau_file");
    enum err err = blob_of_part(call, file, blob);
    call->state = blob;
    return err ? err : call_next(call, LANE_WRITE, append_commit);
}

static enum err append_check(struct call *call)
{
    struct upload upload;
    enum err err =
        upload_get(&call->tx, call->actor, call_param(call, "upload-session-id"), &upload);
    return err ? err : call_next(call, LANE_BLOCKING, append_store);
}

static enum err upload_append_call(struct call *call)
{
    size_t len;
    const struct part *file = part_find(call->parts, "tableau_file");
    if (!file)
        return tx_refuse(&call->tx, E400020, "The request has no part 'tableau_file'.");
    part_bytes(file, &len);
    if (len > PIECE_MOST)
        return tx_refuse(&call->tx, E400016, "A piece of a file can't be larger than 64 MB.");
    return call_next(call, LANE_READ, append_check);
}

const struct handler rest_upload_append = {upload_append_call, STARTS_SLOWLY, false};
