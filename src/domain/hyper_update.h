/* hyper_update: the rows of a data source changed by actions, as a job. How rows are
 * changed is known by others; here it is decided who may, that a request is done once,
 * that one follows the other, and what becomes of the data source: a new current file, as
 * a revision. */
#ifndef EASEL_DOMAIN_HYPER_UPDATE_H
#define EASEL_DOMAIN_HYPER_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/content_item.h"
#include "domain/job.h"
#include "store/blob.h"

struct actor;
struct job_runner;
struct lanes;

enum {
    HYPER_REQUEST_MOST = 255, /* bytes of a request's id */
    HYPER_REQUEST_HOURS = 24, /* for which it is known */
    HYPER_BODY_MOST = 1 << 20 /* bytes of the actions */
};

struct hyper_update {
    struct content_item item;
    const char *connection_id; /* the one asked for, or the first; "": there is none */
    const char *request_id;
    const char *body; /* the actions as they came: JSON, or XML */
    size_t body_len;
    const struct blob *payload; /* NULL: none */
};

/* Whether the actor may, and on what: `item` and `connection_id`. connection_id NULL: of
 * whichever connection. Needs Read and Write: the kind's refusals. E404020 where the
 * data source has no such connection, E400000 where it has no extract or the id of the
 * request can't be one. */
enum err hyper_update_may(struct tx *tx, const struct actor *actor, const char *datasource_id,
                          const char *connection_id, const char *request_id,
                          struct hyper_update *update_r);
/* The job of an earlier request of that id. */
enum err hyper_update_known(struct tx *tx, const struct actor *actor,
                            const struct hyper_update *update, bool *known_r, struct job *job_r);
/* The payload of the job. E400000 where it would be too large. Slow. */
enum err hyper_update_pack(struct tx *tx, struct jobs *jobs, const struct hyper_update *update,
                           struct job_payload **payload_r);
/* Adds the job, or answers with that of an earlier request of that id (*known_r); job_wake
 * once that is committed. */
enum err hyper_update_add(struct tx *tx, const struct actor *actor,
                          const struct hyper_update *update, const struct job_payload *payload,
                          bool *known_r, struct job *job_r);

/* What a run is about, once it began. */
struct hyper_work {
    const char *file_type, *blob_id; /* the current file of the data source */
    const char *extract;             /* the file's name that the connection tells; NULL: none */
    bool connection_given;
    const char *payload_id; /* NULL: none */
    const char *body;
    size_t body_len;
    int64_t room;                          /* bytes that the site may still store */
    bool (*go_on)(void *run, int percent); /* how far it got; false: stop */
    void *run;
};

/* On a job's thread; both are others' (rest/hyper_file.h). */
struct hyper_worker {
    /* Stores the changed file. E500000 where it can't be done now. */
    enum err (*change)(void *context, struct arena *arena, const struct hyper_work *work,
                       struct blob *blob_r, struct fault *fault);
    /* The first thing in the transaction that names the blob; false: it may be gone. */
    bool (*name)(void *context, struct tx *tx, const struct blob *blob);
    void *context;
    struct lanes *lanes;
    struct blob_bin bin; /* of files that came of no use */
};

/* `worker` must outlive it. */
void hyper_update_runner(const struct hyper_worker *worker, struct job_runner *runner_r);

#endif
