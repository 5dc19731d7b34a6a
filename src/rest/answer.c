/* answer.c: how a call is answered: its document or its error, as XML or JSON; answers that
 * are kept for their caller; and what goes on record of it. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "http/http.h"
#include "rest/call.h"
#include "rest/dispatch.h"

static const char XML_TYPE[] = "application/xml;charset=UTF-8";
static const char JSON_TYPE[] = "application/json;charset=UTF-8";

static void send_bytes(struct call *call, int status, const char *bytes, size_t len)
{
    http_reply(call->http, status, call->json ? JSON_TYPE : XML_TYPE, bytes, len);
}

static bool keeps_answer(const struct call *call)
{
    return call->method && call->method->handler->keeps && !call->fleeting && call->caller &&
           !call->err && lanes_abilities(call->config->lanes) & DB_SOLE_OWNER;
}

/* Answers hold addresses of their own server. */
static const char *kept_under(struct call *call)
{
    return arena_printf(call->tx.arena, "%s%s", call_origin(call), http_path(call->http));
}

static void send_document(struct call *call, int status)
{
    struct buf out;
    buf_init(&out, call->tx.arena, 0);
    if (call->json)
        json_write(&out, call->out);
    else
        xml_write(&out, call->out, call->version_text);
    if (keeps_answer(call))
        caller_keep(call->caller, kept_under(call), http_query(call->http), call->json, out.bytes,
                    out.len);
    send_bytes(call, status, out.bytes, out.len);
}

bool answer_kept(struct call *call)
{
    size_t len;
    if (!keeps_answer(call))
        return false;
    const char *bytes = caller_answer(call->caller, call->tx.arena, kept_under(call),
                                      http_query(call->http), call->json, &len);
    if (!bytes)
        return false;
    send_bytes(call, call->status, bytes, len);
    caller_release(call->caller);
    return true;
}

/* A refusal's detail; where the server is told to explain, with its reason. */
static const char *refusal_detail(struct call *call)
{
    const struct fault *f = &call->tx.fault;
    const char *detail = f->detail ? f->detail : "";
    if (!call->tuning->explain_refusals || !f->check)
        return detail;
    return arena_printf(call->tx.arena, "%s [%s: expected %s, found %s]", detail, f->check,
                        f->expected ? f->expected : "otherwise", f->found ? f->found : "this");
}

static void send_error(struct call *call)
{
    const struct error_row *row = error_row(call->err);
    char code[16];
    call->out = doc_new(call->tx.arena, "tsResponse");
    struct el *error = doc_child(call->out, "error");
    snprintf(code, sizeof code, "%d", (int)row->err);
    doc_attr(error, "code", code);
    doc_text(error, "summary", row->summary);
    doc_text(error, "detail", refusal_detail(call));
    send_document(call, row->status);
}

void answer_record(struct call *call, bool ride_follows)
{
    struct event *e = &call->event;
    const struct fault *f = &call->tx.fault;
    int status = call->err ? error_row(call->err)->status : 0;
    bool refused = status == 401 || status == 403 || status == 429;
    if (call->recorded || (!refused && !(call->record_it && !call->err)))
        return;
    call->recorded = true;
    e->at = call->tx.now;
    e->outcome = refused ? "refused" : "ok";
    e->kind = e->kind ? e->kind : "refusal";
    e->request_id = http_id(call->http);
    e->peer = http_peer(call->http);
    if (call->method)
        e->method =
            arena_printf(call->tx.arena, "%s %s", call->method->row->verb, call->method->row->path);
    if (call->session) {
        e->site_id = call->session->site_id;
        e->site_content_url = call->actor->site_content_url;
        e->client_id = call->session->client_id;
        e->secret_id = call->session->secret_id;
        e->user_id = call->session->user_id;
        e->subject = call->actor->name;
        e->scopes_granted = call->session->scopes;
    }
    if (refused) {
        e->wire_code = call->err;
        e->check = f->check ? f->check : "role";
        e->expected = f->expected ? f->expected : f->detail;
        e->found = f->found;
    }
    recorder_add(call->config->recorder, e, !ride_follows);
}

/* What went well is in the events, and in the log of those who debug. */
static void log_event(struct call *call)
{
    const struct event *e = &call->event;
    if (!e->outcome)
        return;
    enum log_level level = call->err ? LOG_INFO : LOG_DEBUG;
    log_write(call->config->log, level, e->kind, LOG_S("outcome", e->outcome),
              LOG_S("request", e->request_id), LOG_S("peer", e->peer), LOG_S("method", e->method),
              LOG_S("client_id", e->client_id), LOG_S("secret_id", e->secret_id),
              LOG_S("subject", e->subject), LOG_S("check", e->check),
              LOG_S("expected", e->expected), LOG_S("found", e->found), LOG_I("code", e->wire_code),
              LOG_I("fine", e->fine_code));
}

void call_reply(struct call *call)
{
    struct caller *caller = call->caller;
    answer_record(call, false);
    log_event(call);
    if (call->err)
        send_error(call);
    else if (call->file.set)
        http_reply_part(call->http, &call->file.part, call->file.type, call->file.etag,
                        call->file.fd, call->file.offset);
    else if (call->answer)
        http_reply(call->http, call->status, call->answer_type, call->answer,
                   call->answer_len ? call->answer_len : strlen(call->answer));
    else if (!call->out->children) /* a method without an answer, by 204 or 200 */
        http_reply(call->http, call->status, NULL, NULL, 0);
    else
        send_document(call, call->status);
    caller_release(caller);
}
