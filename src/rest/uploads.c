/* uploads.c: Initiate and Append to File Upload. A piece is stored as a blob before
 * its row is written, so a crash leaves nothing but a blob that nobody names, for the
 * sweeper. */
#include "domain/upload.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/http.h"
#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/handlers.h"

enum { MEGABYTE = 1 << 20, PIECE_MOST = 64 * MEGABYTE, SEQUENCE_DIGITS_MOST = 9 };

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

struct appending {
    int64_t number;
    struct blob blob;
};

static enum err append_commit(struct call *call)
{
    const struct appending *a = call->state;
    struct upload upload;
    enum err err = blob_to_name(call, &a->blob);
    if (!err)
        err = upload_append(&call->tx, call->actor, call_param(call, "upload-session-id"),
                            a->number, &a->blob, &upload);
    if (!err)
        write_upload(call, &upload);
    return err;
}

static enum err append_store(struct call *call)
{
    struct appending *a = call->state;
    const struct part *file = part_find(call->parts, "tableau_file");
    enum err err = blob_of_part(call, file, &a->blob);
    if (err == E403008)
        err = call->tx.fault.err = E403016; /* Append has no other code for a full disk */
    return err ? err : call_next(call, LANE_WRITE, append_commit);
}

static enum err append_check(struct call *call)
{
    struct upload upload;
    enum err err =
        upload_get(&call->tx, call->actor, call_param(call, "upload-session-id"), &upload);
    return err ? err : call_next(call, LANE_BLOCKING, append_store);
}

/* sequenceID: which block of the file it is, for those who send several at a time. */
static enum err read_number(struct call *call, int64_t *number_r)
{
    const char *text = query_get(&call->query, "sequenceID");
    if (!text)
        text = query_get(&call->query, "sequenceId");
    *number_r = UPLOAD_BEHIND;
    if (!text)
        return E_OK;
    size_t digits = strspn(text, "0123456789");
    if (!digits || text[digits] || digits > SEQUENCE_DIGITS_MOST)
        return tx_refuse(&call->tx, E400000,
                         "sequenceID must be a whole number of at most %d digits.",
                         SEQUENCE_DIGITS_MOST);
    *number_r = strtol(text, NULL, 10);
    return E_OK;
}

static enum err upload_append_call(struct call *call)
{
    size_t len;
    struct appending *a = arena_zalloc(call->tx.arena, sizeof *a);
    const struct part *file = part_find(call->parts, "tableau_file");
    enum err err = read_number(call, &a->number);
    if (err)
        return err;
    if (!file)
        return tx_refuse(&call->tx, E400020, "The request has no part 'tableau_file'.");
    part_bytes(file, &len);
    if (len > PIECE_MOST)
        return tx_refuse(&call->tx, E400016, "A piece of a file can't be larger than 64 MB.");
    call->state = a;
    return call_next(call, LANE_READ, append_check);
}

const struct handler rest_upload_append = {upload_append_call, STARTS_SLOWLY, false};
