/* dispatch.c: the only way in. Every method passes through the same few steps, in the
 * order of section 3.2 of the trust specification: version, route, verb; token, scope,
 * site, role (gate.c); body (body.c); then its handler; then the answer (answer.c). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http.h"
#include "rest/call.h"
#include "rest/dispatch.h"
#include "rest/pictures.h"
#include "trust/known.h"

/* Previews kept in memory: some 2,000 of the usual size. */
enum { PICTURE_BYTES_MOST = 32 << 20, PICTURE_FILES_MOST = 2000 };

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

static enum err pass_gate(struct call *call)
{
    enum err err = gate_check(call);
    if (err || call->method->handler->starts == STARTS_SLOWLY)
        return err;
    return body_read(call);
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
        answer_record(call, true);
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
    enum err err = body_read(call);
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
    if (answer_kept(call))
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
    return local && !call->tx.db ? E_OK : gate_check(call);
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
