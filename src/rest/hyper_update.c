/* hyper_update.c: Update Data in Hyper Data Source, Update Data in Hyper Connection.
 *
 * The actions are read at once, so that what can't be understood is refused at once; the
 * job reads them again. The payload is an upload, or there is none. */
#include "domain/hyper_update.h"

#include "domain/upload.h"
#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/hyper_request.h"
#include "rest/write.h"

struct updating {
    struct hyper_update update;
    const char *connection_id; /* the one in the path; NULL: none */
    const char *upload_id;     /* NULL: no payload */
    struct upload upload;
    struct blob *pieces;
    size_t piece_count;
    struct blob blob;
    struct job_payload *payload; /* of the job */
};

static enum err answer(struct call *call, const struct job *job)
{
    write_job(doc_child(call->out, "job"), job);
    return E_OK;
}

static void wake(struct call *call)
{
    job_wake(call->config->jobs);
}

/* The upload ended meanwhile (the fault says so): unless that was by the same request, which
 * is answered as if it had come later. */
static enum err upload_is_over(struct call *call)
{
    const struct updating *u = call->state;
    struct job job;
    bool known = false;
    enum err err = hyper_update_known(&call->tx, call->actor, &u->update, &known, &job);
    return err ? err : known ? answer(call, &job) : E404015;
}

static enum err update_commit(struct call *call)
{
    struct updating *u = call->state;
    struct job job;
    bool known = false;
    enum err err = u->upload_id ? upload_to_name(call, &u->upload, &u->blob) : E_OK;
    if (err == E404015)
        return upload_is_over(call);
    if (!err)
        err = hyper_update_add(&call->tx, call->actor, &u->update, u->payload, &known, &job);
    if (!err && !known && u->upload_id)
        err = blob_upload_end(call, &u->upload);
    if (err)
        return err;
    if (known && u->upload_id)
        blob_spent(call, &u->blob);
    call->committed = wake;
    return answer(call, &job);
}

static enum err update_store(struct call *call)
{
    struct updating *u = call->state;
    enum err err = E_OK;
    if (u->upload_id) {
        err = blob_of_pieces(call, &u->upload, u->pieces, u->piece_count, &u->blob);
        if (err == E404015)
            return call_next(call, LANE_READ, upload_is_over);
        u->update.payload = &u->blob;
    }
    if (!err)
        err = hyper_update_pack(&call->tx, call->config->jobs, &u->update, &u->payload);
    return err ? err : call_next(call, LANE_WRITE, update_commit);
}

static enum err find_upload(struct call *call, struct updating *u)
{
    enum err err = upload_get(&call->tx, call->actor, u->upload_id, &u->upload);
    if (!err)
        err = upload_pieces(&call->tx, &u->upload, &u->pieces, &u->piece_count);
    if (!err && u->piece_count == 0)
        err = tx_refuse(&call->tx, E400000, "Nothing was appended to the upload yet.");
    return err;
}

/* A request that came before is answered whatever became of its upload. */
static enum err update_may(struct call *call)
{
    struct updating *u = call->state;
    struct job job;
    bool known = false;
    enum err err = hyper_update_may(
        &call->tx, call->actor, call_param(call, "datasource-id"), u->connection_id,
        arena_strdup(call->tx.arena, http_header(call->http, "RequestID")), &u->update);
    if (!err)
        err = hyper_update_known(&call->tx, call->actor, &u->update, &known, &job);
    if (!err && known)
        return answer(call, &job);
    if (!err && u->upload_id)
        err = find_upload(call, u);
    if (err == E404015)
        return upload_is_over(call);
    return err ? err : call_next(call, LANE_BLOCKING, update_store);
}

static enum err update_data(struct call *call, const char *connection_id)
{
    const struct hyper_action *actions;
    size_t count;
    struct updating *u = arena_zalloc(call->tx.arena, sizeof *u);
    enum err err = hyper_request_read(call->tx.arena, call->in, &actions, &count, &call->tx.fault);
    if (err)
        return err;
    u->upload_id = query_get(&call->query, "uploadSessionId");
    if (!u->upload_id && hyper_request_takes_payload(actions, count))
        return tx_refuse(&call->tx, E400000,
                         "An action names a source-table, and the request has no uploadSessionId.");
    u->connection_id = connection_id;
    u->update.body = call->body.bytes;
    u->update.body_len = call->body.len;
    call->state = u;
    return call_next(call, LANE_READ, update_may);
}

static enum err datasource_data_call(struct call *call)
{
    return update_data(call, NULL);
}

const struct handler rest_datasource_data = {datasource_data_call, STARTS_SLOWLY, false};

static enum err connection_data_call(struct call *call)
{
    return update_data(call, call_param(call, "connection-id"));
}

const struct handler rest_connection_data = {connection_data_call, STARTS_SLOWLY, false};
