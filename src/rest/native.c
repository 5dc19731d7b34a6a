/* native.c: Easel's own paths, under /easel/v1/: health, readiness, metrics and
 * the record of sign-ins and refusals. JSON (metrics: Prometheus' text). */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/http.h"
#include "rest/call.h"

static const char JSON_TYPE[] = "application/json;charset=UTF-8";

enum { EVENTS_MOST = 1000, EVENTS_USUAL = 100 };

static void reply_text(struct http_request *request, int status, const char *type, const char *text)
{
    http_reply(request, status, type, text, strlen(text));
}

/* Alive: the process answers. */
static void health(struct rest *rest, struct http_request *request)
{
    (void)rest;
    reply_text(request, 200, JSON_TYPE, "{\"status\":\"ok\"}\n");
}

/* Ready: the repository answers and the server is not draining. Where asking it
 * may wait for a network, a reader asks. */
struct ready_call {
    struct lane_job job; /* first: a job is its call */
    struct http_request *http;
    bool ok;
};

static void reply_ready(struct http_request *request, bool ok)
{
    reply_text(request, ok ? 200 : 503, JSON_TYPE,
               ok ? "{\"status\":\"ready\"}\n"
                  : "{\"status\":\"the repository does not answer\"}\n");
}

static bool ready_run(struct lane_job *job, struct db *db)
{
    ((struct ready_call *)job)->ok = db && db_ready(db);
    return true;
}

static void ready_done(struct lane_job *job, bool committed, bool failed)
{
    struct ready_call *call = (struct ready_call *)job;
    (void)committed;
    reply_ready(call->http, call->ok && !failed);
}

static void ready(struct rest *rest, struct http_request *request)
{
    struct lanes *lanes = rest->config.lanes;
    if (__atomic_load_n(&rest->draining, __ATOMIC_RELAXED)) {
        reply_text(request, 503, JSON_TYPE, "{\"status\":\"draining\"}\n");
        return;
    }
    if (lanes_abilities(lanes) & DB_LOCAL_READS) {
        struct db *db = lanes_reader(lanes);
        reply_ready(request, db && db_ready(db));
        return;
    }
    struct ready_call *call = arena_zalloc(http_arena(request), sizeof *call);
    call->job = (struct lane_job){.run = ready_run, .done = ready_done};
    call->http = request;
    if (!lanes_submit(lanes, LANE_READ, &call->job))
        reply_ready(request, false);
}

static void metrics(struct rest *rest, struct http_request *request)
{
    struct buf out;
    buf_init(&out, http_arena(request), 0);
    metrics_write(rest->metrics, &out);
    buf_addf(&out,
             "# HELP easel_events_dropped_total Events not recorded because too many waited.\n"
             "# TYPE easel_events_dropped_total counter\neasel_events_dropped_total %llu\n"
             "# HELP easel_start_time_seconds When the server started, since 1970.\n"
             "# TYPE easel_start_time_seconds gauge\neasel_start_time_seconds %.3f\n"
             "# HELP easel_info The version that runs.\n"
             "# TYPE easel_info gauge\neasel_info{version=\"%s\"} 1\n",
             (unsigned long long)recorder_dropped(rest->config.recorder),
             (double)rest->started_at / 1000, EASEL_VERSION);
    http_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", out.bytes, out.len);
}

/* ---- events */

struct events_call {
    struct lane_job job; /* first: a job is its call */
    struct rest *rest;
    struct http_request *http;
    struct tx tx;
    struct query query;
    int status;
    const char *message; /* of a refusal */
    struct buf out;
};

static void add_event(void *context, const struct event *event)
{
    struct buf *out = context;
    if (out->bytes[out->len - 1] != '[')
        buf_addc(out, ',');
    event_json(out, event);
}

static void refuse(struct events_call *call, int status, const char *message)
{
    call->status = status;
    call->message = message;
}

static int64_t number(const char *text, int64_t fallback)
{
    char *end;
    if (!text || !*text)
        return fallback;
    long long n = strtoll(text, &end, 10);
    return *end || n < 0 ? fallback : (int64_t)n;
}

/* Administrators only: a server administrator sees all sites, a site's one its
 * own. ?after=ID gives what came since, oldest first; without it the newest. */
static void read_events(struct events_call *call)
{
    const char *token = http_header(call->http, "X-Tableau-Auth");
    struct caller *caller = token ? callers_find(call->rest->callers, &call->tx, token) : NULL;
    if (!caller) {
        refuse(call, 401, "an X-Tableau-Auth header with a valid token is needed");
        return;
    }
    const struct actor *actor = caller_actor(caller);
    const char *after = query_get(&call->query, "after");
    int64_t limit = number(query_get(&call->query, "limit"), EVENTS_USUAL);
    if (!actor_is_site_admin(actor) || caller_session(caller)->scopes) {
        refuse(call, 403, "only administrators signed in by password or personal access token");
    } else {
        const char *site = actor_is_server_admin(actor) ? NULL : actor->site_id;
        buf_adds(&call->out, "{\"events\":[");
        if (!events_read(&call->tx, number(after, 0), !after,
                         limit < 1 || limit > EVENTS_MOST ? EVENTS_MOST : limit, site, add_event,
                         &call->out))
            refuse(call, 500, "the repository could not complete the request");
        buf_adds(&call->out, "]}\n");
    }
    caller_release(caller);
}

/* Runs on the writer, so that what waits to be recorded is there to be read. */
static bool events_run(struct lane_job *job, struct db *db)
{
    struct events_call *call = (struct events_call *)job;
    call->tx.db = db;
    recorder_flush(call->rest->config.recorder, db, call->tx.now);
    read_events(call);
    return true;
}

static void events_done(struct lane_job *job, bool committed, bool failed)
{
    struct events_call *call = (struct events_call *)job;
    (void)committed;
    if (failed)
        refuse(call, 500, "the repository could not complete the request");
    if (call->status == 200)
        http_reply(call->http, 200, JSON_TYPE, call->out.bytes, call->out.len);
    else
        reply_text(call->http, call->status, JSON_TYPE,
                   arena_printf(call->tx.arena, "{\"error\":\"%s\"}\n", call->message));
}

static void events(struct rest *rest, struct http_request *request)
{
    struct arena *arena = http_arena(request);
    struct events_call *call = arena_zalloc(arena, sizeof *call);
    call->job = (struct lane_job){.run = events_run, .done = events_done};
    call->rest = rest;
    call->http = request;
    call->tx = (struct tx){.arena = arena, .now = clock_now()};
    call->status = 200;
    buf_init(&call->out, arena, 0);
    if (!query_parse(arena, http_query(request), &call->query))
        reply_text(request, 400, JSON_TYPE, "{\"error\":\"the query is malformed\"}\n");
    else if (!lanes_submit(rest->config.lanes, LANE_WRITE, &call->job))
        reply_text(request, 503, JSON_TYPE, "{\"error\":\"the server is too busy\"}\n");
}

void native_handle(struct rest *rest, struct http_request *request)
{
    static const struct {
        const char *path;
        void (*handle)(struct rest *rest, struct http_request *request);
    } paths[] = {{"/easel/v1/health", health},
                 {"/easel/v1/ready", ready},
                 {"/easel/v1/metrics", metrics},
                 {"/easel/v1/events", events}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (strcmp(http_path(request), paths[i].path) != 0)
            continue;
        if (strcmp(http_verb(request), "GET") == 0 || strcmp(http_verb(request), "HEAD") == 0)
            paths[i].handle(rest, request);
        else
            reply_text(request, 405, JSON_TYPE, "{\"error\":\"only GET is supported\"}\n");
        return;
    }
    reply_text(request, 404, JSON_TYPE, "{\"error\":\"no such path\"}\n");
}
