/* server.c: see server.h. */
#include "serve/server.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/log.h"
#include "cli/config.h"
#include "cli/eas_config.h"
#include "domain/actor.h"
#include "domain/flow_job.h"
#include "domain/flow_task.h"
#include "domain/hyper_update.h"
#include "domain/project.h"
#include "domain/publish_job.h"
#include "domain/recent.h"
#include "domain/refresh.h"
#include "domain/site.h"
#include "domain/upgrade.h"
#include "domain/upload.h"
#include "domain/usage.h"
#include "domain/user.h"
#include "domain/user_import.h"
#include "domain/visible.h"
#include "http/http.h"
#include "jobs/jobs.h"
#include "rest/extract_file.h"
#include "rest/flow_file.h"
#include "rest/hyper_file.h"
#include "rest/publish_file.h"
#include "rest/refresh_file.h"
#include "rest/rest.h"
#include "serve/seed.h"
#include "serve/sweeper.h"
#include "store/blob.h"
#include "store/lane.h"
#include "store/tx.h"
#include "tbl/settings.h"
#include "trust/eas.h"
#include "trust/flights.h"
#include "trust/issuers.h"
#include "trust/password.h"
#include "trust/record.h"
#include "trust/scope.h"
#include "trust/seal.h"
#include "trust/session.h"
#include "trust/throttle.h"

enum {
    SWEEP_EVERY_MS = 1000,
    UPLOADS_EVERY_MS = 60000, /* sooner where uploads are kept for less */
    QUEUE_LIMIT = 16384,
    VISIBLE_MOST = 64 << 20
};

struct server {
    struct config *config; /* not owned */
    struct log *log;
    struct keyring *keyring;
    struct scopes *scopes;
    struct recorder *recorder;
    struct recents *recents;
    struct throttle *throttle;
    struct visible_cache *visible;
    struct issuers *issuers;
    struct blobs *blobs;
    struct sweeper *sweeper;
    struct lanes *lanes;
    struct user_hasher hasher;
    struct extract_store extract_store;
    struct publish_store publish_store;
    struct publish_reader publish_reader;
    struct refresh_store refresh_store;
    struct refresh_reader refresh_reader;
    struct flow_store flow_store;
    struct flow_engine flow_engine;
    struct hyper_worker hyper_worker;
    struct job_runner runners[JOB_KIND_COUNT];
    struct jobs *jobs;
    struct rest *rest;
    struct http_server *http;
    char address[300];
    int64_t swept_at, uploads_swept_at; /* the writer's alone */
    int64_t upload_keep_ms;
    struct blob abandoned[UPLOAD_SWEPT_MOST]; /* pieces of uploads that the last ride ended */
    size_t abandoned_count;
    struct lane_job record_job; /* asks for a ride */
    int record_job_waits;       /* atomic: it is on its way */
};

void server_prepare_process(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that can grow no more is told by errno, as a full disk is */
    umask(077);               /* what the server writes is its own */
    /* A password's hash takes 19 MiB for a moment: such blocks go back to the system
     * at once, instead of glibc learning to keep them. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* no secrets in core files */
}

const struct keyring *server_keyring(const struct server *server)
{
    return server->keyring;
}

/* ---- making */

static bool make_directory(const char *path, char *why, size_t why_size)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return true;
    snprintf(why, why_size, "cannot make the directory %s: %s", path, strerror(errno));
    return false;
}

static struct keyring *load_keys(const struct config *config, char *why, size_t why_size)
{
    const char *given = config_text(config, "secret-key");
    if (*given)
        return keyring_parse(given, why, why_size);
    return keyring_load(config_text(config, "secret-key-file"), true, why, why_size);
}

/* Where content is, and where it waits on its way there. */
static bool make_blobs(struct server *server, char *why, size_t why_size)
{
    const struct config *config = server->config;
    const char *spool = config_text(config, "spool");
    struct blobs_config blobs = {.url = config_text(config, "blobs"),
                                 .staging = spool,
                                 .region = config_text(config, "s3-region"),
                                 .access_key = config_text(config, "s3-access-key"),
                                 .secret_key = config_text(config, "s3-secret-key")};
    if (!make_directory(spool, why, why_size))
        return false;
    server->blobs = blobs_open(&blobs, why, why_size);
    return server->blobs != NULL;
}

/* By now it is known what became of the ride that ended them: where it was undone, rows
 * name the pieces still. */
static void discard_abandoned(struct server *server)
{
    struct blob_bin bin = sweeper_bin(server->sweeper);
    for (size_t i = 0; i < server->abandoned_count; i++)
        blob_discard(&bin, &server->abandoned[i]);
    server->abandoned_count = 0;
}

static void sweep_uploads(struct server *server, struct tx *tx)
{
    struct blob *pieces;
    int64_t keep = server->upload_keep_ms;
    discard_abandoned(server);
    if (tx->now - server->uploads_swept_at < (keep < UPLOADS_EVERY_MS ? keep : UPLOADS_EVERY_MS))
        return;
    server->uploads_swept_at = tx->now;
    size_t count;
    if (upload_sweep(tx, tx->now - keep, &pieces, &count) != E_OK)
        return;
    for (size_t i = 0; i < count; i++)
        server->abandoned[server->abandoned_count++] = pieces[i];
}

/* Once a second some of what has expired goes, on the writer's thread. */
static void ride(void *context, struct db *db)
{
    struct server *server = context;
    int64_t now = clock_now();
    recents_ride(server->recents, db); /* first: it takes the locks of sites */
    recorder_ride(server->recorder, db, now);
    if (now - server->swept_at < SWEEP_EVERY_MS)
        return;
    server->swept_at = now;
    struct tx tx = {.db = db, .arena = arena_new(1024), .now = now};
    unsigned slice = (unsigned)(now / SWEEP_EVERY_MS % TRUST_SLICES);
    trust_sweep(&tx, slice);
    if (slice == 0)
        usage_sweep(&tx);
    sweep_uploads(server, &tx);
    arena_free(&tx.arena);
}

static bool record_run(struct lane_job *job, struct db *db)
{
    struct server *server = (struct server *)((char *)job - offsetof(struct server, record_job));
    recorder_ride(server->recorder, db, clock_now());
    return true;
}

static void ask_for_ride(void *context);

/* Only now may the job be submitted again; what came meanwhile asks once more. */
static void record_done(struct lane_job *job, bool committed, bool failed)
{
    struct server *server = (struct server *)((char *)job - offsetof(struct server, record_job));
    (void)committed;
    __atomic_store_n(&server->record_job_waits, 0, __ATOMIC_RELEASE);
    if (!failed && recorder_waits(server->recorder))
        ask_for_ride(server);
}

/* From any thread: something waits to be recorded. */
static void ask_for_ride(void *context)
{
    struct server *server = context;
    if (!server->lanes || __atomic_exchange_n(&server->record_job_waits, 1, __ATOMIC_ACQ_REL))
        return;
    server->record_job.run = record_run;
    server->record_job.done = record_done;
    if (!lanes_submit(server->lanes, LANE_WRITE, &server->record_job))
        __atomic_store_n(&server->record_job_waits, 0, __ATOMIC_RELEASE);
}

static void make_log(struct server *server)
{
    enum log_level level = LOG_INFO;
    const char *format = config_text(server->config, "log-format");
    log_level_parse(config_text(server->config, "log-level"), &level);
    if (server->log)
        log_set(server->log, level, strcmp(format, "json") == 0);
    else
        server->log = log_new(stderr, level, strcmp(format, "json") == 0);
}

static void make_parts(struct server *server)
{
    const struct config *config = server->config;
    server->scopes = scopes_new();
    server->visible = visible_cache_new(VISIBLE_MOST);
    server->throttle =
        throttle_new(config_int(config, "signin-failures"), config_span(config, "signin-window"));
    server->recents = recents_new();
    server->recorder = recorder_new(
        &(struct recorder_config){.keep = config_int(config, "events-keep"),
                                  .observed_keep_ms = config_span(config, "observed-keep"),
                                  .wake = ask_for_ride,
                                  .context = server});
}

static void make_sweeper(struct server *server)
{
    const struct config *config = server->config;
    struct sweeper_config sweeper = {.url = config_text(config, "repository"),
                                     .blobs = server->blobs,
                                     .log = server->log,
                                     .every_ms = config_span(config, "sweep-every"),
                                     .age_ms = config_span(config, "sweep-age")};
    server->sweeper = sweeper_new(&sweeper);
}

static bool make_lanes(struct server *server, char *why, size_t why_size)
{
    const struct config *config = server->config;
    server->swept_at = clock_now();
    server->upload_keep_ms = config_span(config, "upload-keep");
    struct lanes_config lanes = {.url = config_text(config, "repository"),
                                 .readers = (unsigned)config_int(config, "repository-workers"),
                                 .blocking = 4,
                                 .queue_limit = QUEUE_LIMIT,
                                 .ride = ride,
                                 .context = server,
                                 .log = server->log};
    server->lanes = lanes_new(&lanes, why, why_size);
    return server->lanes != NULL;
}

/* ---- jobs: which kinds there are, and how their payloads are kept */

static char *seal_piece(void *keyring, struct arena *arena, const char *id, const void *bytes,
                        size_t len)
{
    return seal_bytes(keyring, arena, id, bytes, len);
}

static char *unseal_piece(void *keyring, struct arena *arena, const char *id, const char *sealed,
                          size_t *len_r)
{
    return unseal_bytes(keyring, arena, id, sealed, len_r);
}

static bool tasks_are_due(void *server, struct db *db, int64_t now)
{
    (void)server;
    return flow_task_is_due(db, now);
}

static bool run_due_tasks(void *of, struct tx *tx)
{
    struct server *server = of;
    return flow_task_run_due(tx, server->jobs);
}

static void make_jobs(struct server *server)
{
    const struct config *config = server->config;
    server->hasher = (struct user_hasher){password_hash, PASSWORD_MOST};
    server->extract_store = (struct extract_store){.blobs = server->blobs,
                                                   .log = server->log,
                                                   .spool = config_text(config, "spool"),
                                                   .blob_age_ms = config_span(config, "sweep-age")};
    server->publish_store =
        (struct publish_store){server->blobs, server->keyring, server->log, &server->extract_store};
    server->publish_reader = (struct publish_reader){.read = publish_blob_read,
                                                     .append = publish_blob_append,
                                                     .name = publish_blob_to_name,
                                                     .context = &server->publish_store,
                                                     .lanes = server->lanes,
                                                     .bin = sweeper_bin(server->sweeper)};
    user_import_runner(&server->hasher, &server->runners[JOB_USER_IMPORT]);
    user_delete_runner(&server->runners[JOB_USER_DELETE]);
    server->refresh_store = (struct refresh_store){server->blobs, server->log};
    server->refresh_reader = (struct refresh_reader){refresh_blob, &server->refresh_store};
    for (enum job_kind kind = JOB_REFRESH_EXTRACTS; kind <= JOB_INCREMENT_EXTRACTS; kind++)
        refresh_runner(kind, &server->refresh_reader, &server->runners[kind]);
    for (enum job_kind kind = JOB_PUBLISH_WORKBOOK; kind <= JOB_PUBLISH_DATASOURCE; kind++)
        publish_job_runner(kind, &server->publish_reader, &server->runners[kind]);
    server->flow_store = (struct flow_store){server->blobs, server->keyring, server->log,
                                             config_span(config, "sweep-age")};
    server->flow_engine = (struct flow_engine){flow_file_run, flow_file_to_name,
                                               &server->flow_store, sweeper_bin(server->sweeper)};
    flow_job_runner(&server->flow_engine, &server->runners[JOB_RUN_FLOW]);
    server->hyper_worker = (struct hyper_worker){.change = hyper_file_change,
                                                 .name = extract_to_name,
                                                 .context = &server->extract_store,
                                                 .lanes = server->lanes,
                                                 .bin = sweeper_bin(server->sweeper)};
    hyper_update_runner(&server->hyper_worker, &server->runners[JOB_UPDATE_HYPER]);
    struct jobs_config jobs = {.lanes = server->lanes,
                               .log = server->log,
                               .runners = server->runners,
                               .runner_count = JOB_KIND_COUNT,
                               .sealer = {seal_piece, unseal_piece, server->keyring},
                               .workers = (unsigned)config_int(config, "job-workers"),
                               .poll_ms = config_span(config, "job-poll"),
                               .lease_ms = config_span(config, "job-lease"),
                               .keep_ms = config_span(config, "job-keep"),
                               .timer = {tasks_are_due, run_due_tasks, server},
                               .bin = sweeper_bin(server->sweeper)};
    server->jobs = jobs_new(&jobs);
}

static struct rest_tuning tuning_of(const struct config *config)
{
    struct rest_tuning tuning = {.policy = policy_of(config),
                                 .session_life_ms = config_span(config, "session-life"),
                                 .pat_idle_ms = config_span(config, "pat-idle"),
                                 .explain_refusals = config_bool(config, "explain-refusals")};
    tuning.eas.policy = eas_policy_of(config);
    tuning.eas.limit = (size_t)config_int(config, "eas-limit");
    tuning.eas.bare_audience = config_bool(config, "eas-bare-audience");
    tuning.eas.plain_http = config_bool(config, "fetch-plain-http");
    return tuning;
}

static void make_rest(struct server *server)
{
    struct rest_config rest = {.lanes = server->lanes,
                               .keyring = server->keyring,
                               .scopes = server->scopes,
                               .recorder = server->recorder,
                               .recents = server->recents,
                               .throttle = server->throttle,
                               .visible = server->visible,
                               .issuers = server->issuers,
                               .log = server->log,
                               .jobs = server->jobs,
                               .blobs = server->blobs,
                               .bin = sweeper_bin(server->sweeper),
                               .spool = config_text(server->config, "spool"),
                               .blob_age_ms = config_span(server->config, "sweep-age"),
                               .tls = *config_text(server->config, "tls-cert") != 0,
                               .body_limit = config_size(server->config, "max-body"),
                               .import_limit = config_size(server->config, "max-import")};
    struct rest_tuning tuning = tuning_of(server->config);
    server->rest = rest_new(&rest, &tuning);
}

struct server *server_new(struct config *config, char *why, size_t why_size)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        abort();
    server->config = config;
    make_log(server);
    const char *data = config_text(config, "data");
    bool ok = !*data || make_directory(data, why, why_size);
    ok = ok && make_blobs(server, why, why_size);
    ok = ok && db_migrate(config_text(config, "repository"), why, why_size);
    ok = ok && (server->keyring = load_keys(config, why, why_size)) != NULL;
    ok = ok && (server->issuers =
                    issuers_of(config, FLIGHTS_AT_ONCE, server->log, why, why_size)) != NULL;
    if (ok) {
        make_parts(server);
        make_sweeper(server);
        ok = make_lanes(server, why, why_size);
    }
    if (ok) {
        make_jobs(server);
        make_rest(server);
    } else {
        server_free(&server);
    }
    return server;
}

void server_free(struct server **server)
{
    struct server *s = *server;
    if (!s)
        return;
    http_server_stop(&s->http);
    if (s->issuers)
        issuers_stop(s->issuers); /* who waits for keys goes on, and is answered */
    if (s->jobs)
        jobs_stop(s->jobs); /* gives back what runs */
    lanes_free(&s->lanes);  /* runs what waits, the record included */
    rest_free(&s->rest);
    jobs_free(&s->jobs);
    sweeper_free(&s->sweeper); /* drops what all of those left */
    blobs_close(&s->blobs);
    recorder_free(&s->recorder);
    recents_free(&s->recents);
    throttle_free(&s->throttle);
    visible_cache_free(&s->visible);
    issuers_free(&s->issuers);
    scopes_free(&s->scopes);
    keyring_free(&s->keyring);
    log_free(&s->log);
    free(s);
    *server = NULL;
}

/* ---- the first start */

bool server_act(struct server *server, bool (*act)(void *context, struct tx *tx), void *context,
                char *why, size_t why_size)
{
    struct tx tx = {.db =
                        db_open(config_text(server->config, "repository"), DB_WRITE, why, why_size),
                    .now = clock_now()};
    if (!tx.db)
        return false;
    tx.arena = arena_new(0);
    bool ok = db_begin(tx.db) && act(context, &tx);
    if (ok)
        ok = db_commit(tx.db);
    else
        snprintf(why, why_size, "%s", tx.fault.detail ? tx.fault.detail : db_message(tx.db));
    if (!ok)
        db_rollback(tx.db);
    db_close(&tx.db);
    arena_free(&tx.arena);
    return ok;
}

struct starting {
    struct server *server;
    const struct first_start *first;
    bool created;
    char *seed_why;
};

static bool is_empty(struct tx *tx)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT 1 FROM site LIMIT 1");
    bool empty = stmt_step(stmt) == DB_DONE;
    stmt_reset(stmt);
    return empty;
}

static bool create_all(void *context, struct tx *tx)
{
    struct starting *starting = context;
    const struct first_start *first = starting->first;
    struct site site;
    struct user admin;
    if (!db_lock(tx->db, "first start"))
        return false;
    if (!is_empty(tx)) /* by an earlier start, or another node was first */
        return upgrade_rows(tx) == E_OK;
    struct site_spec spec = {.name = "Default", .content_url = ""};
    struct user_spec user = {.name = first->admin_name,
                             .site_role = "ServerAdministrator",
                             .full_name = first->admin_name,
                             .password_hash = password_hash(tx->arena, first->admin_password),
                             .server_admin = true};
    starting->created = site_create(tx, NULL, &spec, &site) == E_OK &&
                        user_add(tx, NULL, site.id, &user, &admin) == E_OK &&
                        project_create_default(tx, site.id, admin.id) == E_OK;
    if (!starting->created || !first->seed_file)
        return starting->created;
    return seed_apply(tx, starting->server->keyring, first->seed_file, admin.account_id,
                      config_span(starting->server->config, "pat-life"), starting->seed_why,
                      SERVER_WHY_ROOM);
}

/* At every start: the server-wide external authorization server is what the
 * configuration says. */
static bool begin_all(void *context, struct tx *tx)
{
    const struct starting *starting = context;
    const struct config *config = starting->server->config;
    return create_all(context, tx) &&
           eas_configure(tx, config_text(config, "eas-issuer"), config_text(config, "eas-jwks-uri"),
                         config_bool(config, "fetch-plain-http")) == E_OK;
}

bool server_first_start(struct server *server, const struct first_start *first, bool *created_r,
                        char *why, size_t why_size)
{
    char seed_why[SERVER_WHY_ROOM] = "";
    struct starting starting = {.server = server, .first = first, .seed_why = seed_why};
    bool ok = server_act(server, begin_all, &starting, why, why_size);
    if (!ok && *seed_why)
        snprintf(why, why_size, "%s", seed_why);
    *created_r = starting.created;
    return ok;
}

/* ---- serving */

bool server_listen(struct server *server, const char **address_r, char *why, size_t why_size)
{
    const struct config *c = server->config;
    const char *cert = config_text(c, "tls-cert"), *key = config_text(c, "tls-key");
    struct http_config http = {
        .listen = config_text(c, "listen"),
        .threads = (unsigned)config_int(c, "threads"),
        .tls_cert = *cert ? cert : NULL,
        .tls_key = *key ? key : NULL,
        .header_limit = config_size(c, "max-header"),
        .body_limit = config_size(c, "max-body"),
        .spool = config_text(c, "spool"),
        .spool_limit = config_size(c, "max-spool"),
        .connections = (unsigned)config_int(c, "max-connections"),
        .connections_per_address = (unsigned)config_int(c, "connections-per-address"),
        .request_timeout_ms = config_span(c, "request-timeout"),
        .idle_timeout_ms = config_span(c, "idle-timeout"),
    };
    struct http_callbacks callbacks = {.handle = rest_handle,
                                       .body_limit = rest_body_limit,
                                       .refuse = rest_refuse,
                                       .finished = rest_finished,
                                       .context = server->rest};
    server->http = http_server_start(&http, &callbacks, why, why_size);
    if (!server->http)
        return false;
    if (!jobs_start(server->jobs) || !sweeper_start(server->sweeper)) {
        snprintf(why, why_size, "the threads of jobs and sweeps cannot be started");
        return false;
    }
    snprintf(server->address, sizeof server->address, "%s://%s",
             http_server_tls(server->http) ? "https" : "http", http_server_address(server->http));
    *address_r = server->address;
    return true;
}

/* Tells the service manager, where there is one (sd_notify's protocol: a
 * datagram to NOTIFY_SOCKET). */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (*path == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, len);
    close(fd);
}

static void told(void *context, const struct setting_row *row, const char *shown, bool applied)
{
    struct server *server = context;
    log_write(server->log, applied ? LOG_INFO : LOG_WARN,
              applied ? "setting changed" : "setting needs a restart", LOG_S("name", row->name),
              LOG_S("value", shown));
}

/* Gives the settings that may change while serving to those who use them. */
static void apply(struct server *server)
{
    const struct config *config = server->config;
    struct rest_tuning tuning = tuning_of(config);
    make_log(server);
    rest_tune(server->rest, &tuning);
    throttle_set(server->throttle, config_int(config, "signin-failures"),
                 config_span(config, "signin-window"));
    recorder_set(server->recorder, config_int(config, "events-keep"),
                 config_span(config, "observed-keep"));
    jobs_keep(server->jobs, config_span(config, "job-keep"));
}

static void reload(struct server *server)
{
    char why[SERVER_WHY_ROOM] = "";
    notify("RELOADING=1");
    if (!config_reload(server->config, told, server, why, sizeof why))
        log_write(server->log, LOG_ERROR, "configuration not reloaded", LOG_S("why", why));
    apply(server);
    if (http_server_tls(server->http)) {
        if (http_server_reload_tls(server->http, why, sizeof why))
            log_write(server->log, LOG_INFO, "certificate reloaded");
        else
            log_write(server->log, LOG_ERROR, "certificate not reloaded", LOG_S("why", why));
    }
    notify("READY=1");
}

void server_run(struct server *server)
{
    sigset_t set;
    int sig = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    notify("READY=1");
    while (sigwait(&set, &sig) == 0 && sig == SIGHUP)
        reload(server);
    notify("STOPPING=1");
    rest_set_draining(server->rest);
    http_server_drain(server->http, config_span(server->config, "drain-timeout"));
}
