/* dispatch.c: the only gate. Every method passes through the same few steps, in
 * the order of section 3.2 of the trust specification: version, route, verb,
 * token, scope, site, role, body; then its handler; then the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain/site.h"
#include "http/http.h"
#include "rest/call.h"
#include "rest/pictures.h"
#include "trust/known.h"

/* Previews kept in memory: some 2,000 of the usual size. */
enum { PICTURE_BYTES_MOST = 32 << 20, PICTURE_FILES_MOST = 2000 };

static const char XML_TYPE[] = "application/xml;charset=UTF-8";
static const char JSON_TYPE[] = "application/json;charset=UTF-8";
static const char INVALID_CREDENTIALS[] = "Invalid authentication credentials were provided.";

void rest_tune(struct rest *rest, const struct rest_tuning *tuning)
{
    struct tuned *tuned = malloc(sizeof *tuned);
    if (!tuned)
        abort();
    *tuned = (struct tuned){rest->tuned, *tuning};
    __atomic_store_n(&rest->tuned, tuned, __ATOMIC_RELEASE);
}

struct rest *rest_new(const struct rest_config *config, const struct rest_tuning *tuning)
{
    struct rest *rest = calloc(1, sizeof *rest);
    if (!rest)
        abort();
    rest->config = *config;
    rest_tune(rest, tuning);
    rest->router = router_new();
    rest->callers = callers_new(config->lanes, config->scopes, config->visible);
    rest->metrics = metrics_new();
    rest->known = known_cache_new();
    rest->pictures = pictures_new(PICTURE_BYTES_MOST, PICTURE_FILES_MOST);
    rest->started_at = clock_now();
    return rest;
}

void rest_free(struct rest **rest)
{
    if (!*rest)
        return;
    router_free(&(*rest)->router);
    callers_free(&(*rest)->callers);
    metrics_free(&(*rest)->metrics);
    known_cache_free(&(*rest)->known);
    pictures_free(&(*rest)->pictures);
    for (struct tuned *t = (*rest)->tuned, *before; t; t = before) {
        before = t->before;
        free(t);
    }
    free(*rest);
    *rest = NULL;
}

void rest_set_draining(struct rest *rest)
{
    __atomic_store_n(&rest->draining, true, __ATOMIC_RELAXED);
}

/* ---- what handlers use */

const char *call_param(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->method->param_count; i++)
        if (strcmp(call->method->param_names[i], name) == 0)
            return call->params[i];
    return "";
}

enum err call_next(struct call *call, enum lane lane, enum err (*step)(struct call *call))
{
    call->next = step;
    call->next_lane = lane;
    return E_OK;
}

enum err call_wait(struct call *call, void (*begin)(struct call *call),
                   enum err (*step)(struct call *call))
{
    call->wait = begin;
    return call_next(call, LANE_READ, step);
}

enum err call_element(struct call *call, const char *name, const struct el **el_r)
{
    *el_r = doc_find(call->in, name);
    if (*el_r)
        return E_OK;
    return tx_refuse(&call->tx, E400000, "The request needs a body with the element '%s'.", name);
}

enum err call_part(struct call *call, const char *name, const struct part **part_r)
{
    *part_r = part_find(call->parts, name);
    if (*part_r)
        return E_OK;
    return tx_refuse(&call->tx, E400000, "The request needs a body with the part '%s'.", name);
}

enum err call_list(struct call *call, const struct list_field *fields, size_t count,
                   struct list_request *list_r)
{
    const struct query *q = &call->query;
    return list_parse(&call->tx, fields, count, query_get(q, "pageNumber"),
                      query_get(q, "pageSize"), query_get(q, "filter"), query_get(q, "sort"),
                      list_r);
}

void call_pagination(struct call *call, const struct list_request *list, int64_t total)
{
    struct el *el = doc_child(call->out, "pagination");
    doc_attr_count(el, "pageNumber", list->page_number);
    doc_attr_count(el, "pageSize", list->page_size);
    doc_attr_count(el, "totalAvailable", total);
}

/* What may stand in a Host header, port included. */
static bool is_host(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return len && len <= 255 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") ==
               len;
}

const char *call_host(struct call *call)
{
    const char *host = http_header(call->http, "Host");
    return is_host(host) ? host : "localhost";
}

const char *call_origin(struct call *call)
{
    const char *proxied = http_header(call->http, "X-Forwarded-Proto");
    bool tls = call->config->tls || (proxied && strcasecmp(proxied, "https") == 0);
    return arena_printf(call->tx.arena, "%s://%s", tls ? "https" : "http", call_host(call));
}

/* ---- the answer */

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

/* True where the answer was kept, and is sent. */
static bool send_kept(struct call *call)
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

/* Sign-ins, and calls refused for who or what the caller is, go on record. */
static void record(struct call *call, bool ride_follows)
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
    record(call, false);
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

/* ---- the gate */

static enum err invalid_credentials(struct call *call, const char *check, const char *expected,
                                    const char *found)
{
    tx_refuse(&call->tx, E401002, "%s", INVALID_CREDENTIALS);
    call->tx.fault.check = check;
    call->tx.fault.expected = expected;
    call->tx.fault.found = found;
    return E401002;
}

static enum err check_session(struct call *call)
{
    const char *token = http_header(call->http, "X-Tableau-Auth");
    if (!token || !*token) {
        tx_refuse(&call->tx, E401000, "No authentication credentials were provided.");
        call->tx.fault.check = "token";
        call->tx.fault.expected = "the header X-Tableau-Auth with the token of a sign-in";
        call->tx.fault.found = "no such header";
        return E401000;
    }
    call->caller = callers_find(call->rest->callers, &call->tx, token);
    if (!call->caller)
        return invalid_credentials(call, "session", "a token whose session is open",
                                   "a token that is unknown, expired, signed out or revoked");
    call->session = caller_session(call->caller);
    call->actor = caller_actor(call->caller);
    return E_OK;
}

static const char *listed(struct arena *arena, const char *scopes)
{
    char *text = arena_strdup(arena, scopes);
    for (char *p = text; *p; p++)
        if (*p == ';')
            *p = ' ';
    return text;
}

bool call_has_scope(const struct call *call, const char *name)
{
    const char *scopes = call->session->scopes ? call->session->scopes : "";
    size_t len = strlen(name);
    for (const char *at = scopes; (at = strstr(at, name)); at += len)
        if ((at == scopes || at[-1] == ' ') && (!at[len] || at[len] == ' '))
            return true;
    return false;
}

enum err call_refuse_scope(struct call *call, const char *expected)
{
    const char *scopes = call->session->scopes;
    return invalid_credentials(
        call, "scope", expected,
        arena_printf(call->tx.arena, "a JWT session with: %s", *scopes ? scopes : "(nothing)"));
}

static enum err check_scope(struct call *call)
{
    const struct method *m = call->method;
    const struct session *s = call->session;
    if (!s->scopes)
        return E_OK; /* a password or personal access token is not bound by scopes */
    bool admits = m->needs_no_scope || scope_admits(caller_scopes(call->caller), m->number);
    recorder_call(call->config->recorder, s->client_id, s->site_id, m->number, admits,
                  call->tx.now);
    if (admits)
        return E_OK;
    bool closed = strcmp(m->row->scopes, "no-scope-exists") == 0;
    call->event.scopes_needed = closed ? NULL : listed(call->tx.arena, m->row->scopes);
    return call_refuse_scope(
        call, closed ? "a session by password or personal access token: no scope admits this method"
                     : arena_printf(call->tx.arena, "one of: %s", call->event.scopes_needed));
}

/* A token is for one site: the URI must name that one. */
static enum err check_site(struct call *call)
{
    struct site site;
    const char *id = call->method->on_site ? call_param(call, "site-id") : NULL;
    if (!id || strcasecmp(id, call->session->site_id) == 0)
        return E_OK;
    if (site_get(&call->tx, id, &site) != E_OK)
        return call->tx.fault.err;
    return invalid_credentials(call, "site", "the site that was signed in to", "another site");
}

static enum err check_role(struct call *call)
{
    const struct method *m = call->method;
    bool ok = m->gate == GATE_USER ||
              (m->gate == GATE_SITE_ADMIN && actor_is_site_admin(call->actor)) ||
              (m->gate == GATE_SERVER_ADMIN && actor_is_server_admin(call->actor));
    if (ok)
        return E_OK;
    tx_refuse(&call->tx, m->refusal, "Only %s administrators may call this method.",
              m->gate == GATE_SERVER_ADMIN ? "server" : "site and server");
    call->tx.fault.check = "role";
    call->tx.fault.expected = m->row->allowed_to;
    call->tx.fault.found = role_name(call->actor->role);
    return m->refusal;
}

/* JSON where the type says so, or says nothing of XML and the text is JSON's. */
static bool is_json(const char *type, const char *body, size_t len)
{
    if (type && strcasestr(type, "json"))
        return true;
    if (type && strcasestr(type, "xml"))
        return false;
    size_t at = 0;
    while (at < len && strchr(" \t\r\n", body[at]) && body[at])
        at++;
    return at < len && body[at] == '{';
}

static enum err read_document(struct call *call, const char *type, const char *body, size_t len,
                              const struct doc_limits *limits)
{
    struct el *root;
    if (len == 0)
        return E_OK;
    enum err err = is_json(type, body, len)
                       ? json_read(call->tx.arena, body, len, limits, &root, &call->tx.fault)
                       : xml_read(call->tx.arena, body, len, limits, &root, &call->tx.fault);
    if (!err)
        call->in = root;
    return err;
}

static bool is_blank(const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len && (bytes[at] == ' ' || (bytes[at] >= '\t' && bytes[at] <= '\r')))
        at++;
    return at == len;
}

/* The document beside a file may be empty or absent: what it must hold is asked for
 * by the handler. It may name each row of the file. */
static enum err read_parts(struct call *call)
{
    static const struct doc_limits limits = {.depth = 64, .nodes = 2000000};
    const char *type = http_header(call->http, "Content-Type");
    size_t len = call->body.len;
    enum err err =
        call->body.fd < 0
            ? multipart_read(call->tx.arena, type, call->body.bytes, len, &multipart_limits_default,
                             &call->parts, &call->tx.fault)
            : multipart_read_mapped(call->tx.arena, type, call->body.bytes, len,
                                    &multipart_limits_default, &call->parts, &call->tx.fault);
    const struct part *payload = err ? NULL : part_find(call->parts, "request_payload");
    if (!payload)
        return err;
    const char *document = part_bytes(payload, &len);
    if (is_blank(document, len))
        return E_OK;
    if (len > call->config->body_limit)
        return tx_refuse(&call->tx, E400000, "The part request_payload is too large.");
    return read_document(call, payload->type, document, len, &limits);
}

struct mapping {
    void *at;
    size_t len;
};

static void unmap(void *thing)
{
    const struct mapping *mapping = thing;
    munmap(mapping->at, mapping->len);
}

/* A large body lies in a file, which is read as if it were in memory. */
static enum err map_body(struct call *call)
{
    uint64_t len;
    if (!http_body_file(call->http, &call->body.fd, &len)) {
        call->body.fd = -1;
        call->body.bytes = http_body(call->http, &call->body.len);
        return E_OK;
    }
    call->body.len = (size_t)len;
    void *at = mmap(NULL, call->body.len, PROT_READ, MAP_PRIVATE, call->body.fd, 0);
    if (at == MAP_FAILED)
        return tx_refuse(&call->tx, E500000, "The body of the request cannot be read back.");
    struct mapping *mapping = arena_alloc(call->tx.arena, sizeof *mapping);
    *mapping = (struct mapping){at, call->body.len};
    arena_on_free(call->tx.arena, unmap, mapping);
    call->body.bytes = at;
    return E_OK;
}

static enum err read_body(struct call *call)
{
    enum err err = map_body(call);
    if (err)
        return err;
    if (call->method->has_parts) {
        err = read_parts(call);
        if (err == E400000)
            err = call->tx.fault.err = call->method->malformed;
        return err;
    }
    if (strcmp(call->method->row->request, "none") == 0)
        return E_OK;
    return read_document(call, http_header(call->http, "Content-Type"), call->body.bytes,
                         call->body.len, &doc_limits_default);
}

static enum err check_caller(struct call *call)
{
    if (call->method->gate == GATE_ANYONE)
        return E_OK;
    enum err err = check_session(call);
    if (!err)
        err = check_scope(call);
    if (!err)
        err = check_site(call);
    return err ? err : check_role(call);
}

static enum err pass_gate(struct call *call)
{
    enum err err = check_caller(call);
    if (err || call->method->handler->starts == STARTS_SLOWLY)
        return err;
    return read_body(call);
}

/* ---- steps and lanes */

/* Its transactions are over; once it is answered there is no call any more. */
static void discard_blobs(const struct call *call)
{
    for (const struct call_blob *b = call->err ? call->stored : call->spent; b; b = b->next)
        blob_discard(&call->config->bin, &b->blob);
}

static void finish(struct call *call, enum err err)
{
    call->err = err;
    discard_blobs(call);
    call_reply(call);
}

static bool run_on_lane(struct lane_job *job, struct db *db)
{
    struct call *call = (struct call *)job;
    call->tx.db = db;
    call->next = NULL;
    call->err = call->step(call);
    /* What went well is recorded in the same commit, where the engine has the
     * recorder ride along. */
    if (!call->err && !call->next && lanes_abilities(call->config->lanes) & DB_ONE_WRITER)
        record(call, true);
    return call->err == E_OK;
}

static void submit(struct call *call, enum lane lane);

/* True where the call now waits, and is no longer ours. */
static bool gone_waiting(struct call *call)
{
    void (*begin)(struct call * call) = call->wait;
    if (!begin)
        return false;
    call->wait = NULL;
    begin(call);
    return true;
}

void call_resume(struct call *call)
{
    submit(call, LANE_READ);
}

static void done_on_lane(struct lane_job *job, bool committed, bool failed)
{
    struct call *call = (struct call *)job;
    if (failed)
        call->err = tx_broken(&call->tx);
    if (committed && call->committed)
        call->committed(call);
    call->committed = NULL;
    if (call->err || !call->next) {
        finish(call, call->err);
        return;
    }
    call->step = call->next;
    if (!gone_waiting(call))
        submit(call, call->next_lane);
}

static void submit(struct call *call, enum lane lane)
{
    call->job = (struct lane_job){.run = run_on_lane, .done = done_on_lane};
    if (!lanes_submit(call->config->lanes, lane, &call->job))
        finish(call, tx_refuse(&call->tx, E503000, "The server is too busy to take the request."));
}

/* Runs a step and those after it on this thread as long as they read. */
static void run_here(struct call *call)
{
    for (;;) {
        call->next = NULL;
        enum err err = call->step(call);
        if (err || !call->next) {
            finish(call, err);
            return;
        }
        call->step = call->next;
        if (gone_waiting(call))
            return;
        if (call->next_lane != LANE_READ) {
            submit(call, call->next_lane);
            return;
        }
    }
}

static enum err body_then_handler(struct call *call)
{
    enum err err = read_body(call);
    return err ? err : call->method->handler->run(call);
}

static enum err gate_then_handler(struct call *call)
{
    enum err err = pass_gate(call);
    if (!err && call->method->handler->starts == STARTS_SLOWLY)
        return call_next(call, LANE_BLOCKING, body_then_handler);
    return err ? err : call->method->handler->run(call);
}

/* Reads are local: the gate runs here, and refuses without troubling the writer. */
static void begin_here(struct call *call)
{
    call->tx.db = lanes_reader(call->config->lanes);
    if (!call->tx.db) {
        finish(call, tx_broken(&call->tx));
        return;
    }
    enum err err = pass_gate(call);
    if (err) {
        finish(call, err);
        return;
    }
    if (send_kept(call))
        return;
    call->step = call->method->handler->run;
    switch (call->method->handler->starts) {
    case STARTS_READING:
        run_here(call);
        break;
    case STARTS_WRITING:
        submit(call, LANE_WRITE);
        break;
    case STARTS_SLOWLY:
        call->step = body_then_handler;
        submit(call, LANE_BLOCKING);
        break;
    }
}

static void begin(struct call *call)
{
    call->out = doc_new(call->tx.arena, "tsResponse");
    call->status = (int)strtol(call->method->row->success, NULL, 10);
    if (lanes_abilities(call->config->lanes) & DB_LOCAL_READS) {
        begin_here(call);
        return;
    }
    call->step = gate_then_handler;
    submit(call, call->method->handler->starts == STARTS_WRITING ? LANE_WRITE : LANE_READ);
}

/* ---- version and route */

static enum err unknown_resource(struct call *call)
{
    const char *path = http_path(call->http);
    if (strncmp(path, "/api/", 5) == 0)
        path += 4;
    return tx_refuse(&call->tx, E404003, "Unknown resource '%.200s' specified in URI.", path);
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return false;
    return true;
}

/* Roots beside the versions: their rows have the whole path in the table, and are
 * answered as the newest version is. */
static bool is_root(const char *segment)
{
    static const char *const roots[] = {"-", "exp", "metadata", "v1"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        if (strcmp(segment, roots[i]) == 0)
            return true;
    return false;
}

/* The version of the URI. */
static enum err read_version(struct call *call, const char *version)
{
    call->version = is_root(version) ? VERSION_LAST : version_parse(version);
    call->json |= strcmp(version, "-") == 0; /* its methods answer JSON alone */
    if (is_root(version))
        return E_OK;
    if (version_known(call->version)) {
        call->version_text = version;
        return E_OK;
    }
    if (!printable(version))
        return unknown_resource(call);
    return tx_refuse(&call->tx, E404001, "Version '%.40s' is not a valid version of the API.",
                     version);
}

static enum err find_method(struct call *call)
{
    struct path path;
    struct route route;
    if (!path_parse(call->tx.arena, http_path(call->http), &path) || path.count < 2 ||
        strcmp(path.segments[0], "api") != 0)
        return unknown_resource(call);
    enum err err = read_version(call, path.segments[1]);
    if (err)
        return err;
    size_t from = is_root(path.segments[1]) ? 0 : 2;
    if (from && path.count > from && strcasecmp(path.segments[from], "api") == 0)
        return unknown_resource(call); /* a whole path below a version */
    if (!query_parse(call->tx.arena, http_query(call->http), &call->query))
        return tx_refuse(&call->tx, E400000, "The query of the URI is malformed.");
    router_find(call->rest->router, http_verb(call->http), path.segments + from, path.count - from,
                &call->query, call->version, &route);
    call->method = route.method;
    memcpy(call->params, route.params, sizeof call->params);
    if (call->method)
        return E_OK;
    if (!route.path_known)
        return unknown_resource(call);
    return tx_refuse(&call->tx, E405000,
                     "The HTTP method '%.20s' is not supported for the given resource",
                     http_verb(call->http));
}

static struct call *call_new(struct rest *rest, struct http_request *request)
{
    struct arena *arena = http_arena(request);
    struct call *call = arena_zalloc(arena, sizeof *call);
    const char *accept = http_header(request, "Accept");
    call->rest = rest;
    call->config = &rest->config;
    call->tuning = &__atomic_load_n(&rest->tuned, __ATOMIC_ACQUIRE)->tuning;
    call->http = request;
    call->tx.arena = arena;
    call->tx.now = clock_now();
    call->version_text = VERSION_NEWEST;
    call->json = accept && strcasestr(accept, "json") != NULL;
    return call;
}

void rest_handle(void *context, struct http_request *request)
{
    struct rest *rest = context;
    if (strncmp(http_path(request), "/easel/", 7) == 0) {
        native_handle(rest, request);
        return;
    }
    struct call *call = call_new(rest, request);
    enum err err = find_method(call);
    if (err)
        finish(call, err);
    else
        begin(call);
}

/* ---- bodies that carry files: large, and held in memory, so only for those who are
 * signed in, and only some at a time. */

enum { LARGE_MOST = 16 };

static char large_mark; /* its address marks a request that was counted */

static bool take_large(struct rest *rest, struct http_request *request)
{
    if (http_context(request) == &large_mark)
        return true;
    if (__atomic_add_fetch(&rest->large, 1, __ATOMIC_RELAXED) > LARGE_MOST) {
        __atomic_sub_fetch(&rest->large, 1, __ATOMIC_RELAXED);
        return false;
    }
    http_set_context(request, &large_mark);
    return true;
}

/* Where reads are not local there is but the token's presence to go by. */
static bool may_send_large(struct call *call)
{
    const char *token = http_header(call->http, "X-Tableau-Auth");
    if (!token || find_method(call) != E_OK || !call->method->has_parts)
        return false;
    if (!(lanes_abilities(call->config->lanes) & DB_LOCAL_READS))
        return true;
    call->tx.db = lanes_reader(call->config->lanes);
    struct caller *caller =
        call->tx.db ? callers_find(call->rest->callers, &call->tx, token) : NULL;
    caller_release(caller);
    return caller != NULL;
}

size_t rest_body_limit(void *context, struct http_request *request)
{
    struct rest *rest = context;
    size_t usual = rest->config.body_limit, import = rest->config.import_limit;
    const char *length = http_header(request, "Content-Length");
    if (import <= usual || (length && strtoull(length, NULL, 10) <= usual) ||
        strncmp(http_path(request), "/api/", 5) != 0)
        return usual;
    struct call *call = call_new(rest, request);
    if (!may_send_large(call) || !take_large(rest, request))
        return usual;
    http_body_to_file(request); /* read_body maps it */
    return import;
}

/* Who may not call at all learns that first, whatever the size of the body. Where reads
 * are not local none may wait for the repository here. */
static enum err refuse_caller(struct call *call)
{
    bool local = lanes_abilities(call->config->lanes) & DB_LOCAL_READS;
    enum err err = find_method(call);
    if (err || (!local && http_header(call->http, "X-Tableau-Auth")))
        return err;
    call->tx.db = local ? lanes_reader(call->config->lanes) : NULL;
    return local && !call->tx.db ? E_OK : check_caller(call);
}

static enum err refuse_as(struct call *call, int status)
{
    const struct method *method = call->method;
    const struct {
        int status;
        enum err err;
        const char *detail;
    } refusals[] = {
        {408, E408000, "The request did not arrive in time."},
        {413, method ? method->too_large : E413000,
         "The body of the request is larger than this server takes."},
        {507, method ? method->full : E503000, "There is no room left to store the body."},
        {414, E414000, "The URI of the request is longer than this server takes."},
        {431, E431000, "The headers of the request are larger than this server takes."},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].status == status)
            return tx_refuse(&call->tx, refusals[i].err, "%s", refusals[i].detail);
    return tx_refuse(&call->tx, E503000, "%s",
                     http_trouble(call->http) ? "The server takes no more large bodies now."
                                              : "The server is stopping.");
}

void rest_refuse(void *context, struct http_request *request, int status)
{
    struct call *call = call_new(context, request);
    if (http_trouble(request))
        log_write(call->config->log, LOG_ERROR, "body not taken",
                  LOG_S("request", http_id(request)), LOG_S("why", http_trouble(request)));
    enum err err = status == 413 || status == 507 ? refuse_caller(call) : E_OK;
    finish(call, err ? err : refuse_as(call, status));
}

void rest_finished(void *context, struct http_request *request, int status, size_t sent,
                   int64_t duration_us)
{
    struct rest *rest = context;
    if (http_context(request) == &large_mark)
        __atomic_sub_fetch(&rest->large, 1, __ATOMIC_RELAXED);
    metrics_count(rest->metrics, status, duration_us);
    log_write(rest->config.log, LOG_DEBUG, "request", LOG_S("request", http_id(request)),
              LOG_S("peer", http_peer(request)), LOG_S("verb", http_verb(request)),
              LOG_S("path", http_path(request)), LOG_I("status", status),
              LOG_I("bytes", (int64_t)sent), LOG_I("us", duration_us));
}
