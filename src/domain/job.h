/* job: jobs as their owners and administrators see them. What runs them is jobs/. */
#ifndef EASEL_DOMAIN_JOB_H
#define EASEL_DOMAIN_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/list.h"

struct actor;
struct arena;
struct blob;
struct buf;
struct job_payload;
struct jobs;
struct tx;

enum job_kind {
#define JOB_KIND(id, kind, type, title) JOB_##id,
#include "tbl/job_kinds.def"
#undef JOB_KIND
    JOB_KIND_COUNT
};

const char *job_kind_name(enum job_kind kind);
const char *job_kind_type(enum job_kind kind); /* of Query Job; NULL: none */

struct job {
    const char *id, *user_id, *kind, *status, *title, *subtitle;
    /* "workbook LUID" where it works on an item, behind that the LUID of a connection where
     * it works on one; "" else. */
    const char *args;
    const char *type;        /* of Query Job; NULL: none */
    const char *notes;       /* read with job_note_next */
    const char *flow_run_id; /* of a run of a flow, while there is its flow; else NULL */
    int64_t priority, progress;
    int64_t finish_code;                                      /* -1: not ended */
    int64_t created_at, started_at, completed_at, updated_at; /* 0: not yet */
};

/* Notes: what a job tells of its work; type is a word of the schema, value and text
 * may be NULL. */
struct job_note {
    const char *type, *value, *text;
};
void job_note_add(struct buf *notes, const struct job_note *note);
/* The note at *at (at first job->notes), which moves on; false behind the last. */
bool job_note_next(struct arena *arena, const char **at, struct job_note *note_r);

/* A payload made ready for adding (jobs_pack). NULL where it cannot be sealed. */
struct job_payload *job_pack(struct jobs *jobs, struct arena *arena, const void *bytes, size_t len);
struct job_order {
    enum job_kind kind;
    const char *subtitle; /* of Query Jobs; NULL: none */
    const char *args;     /* struct job; NULL: "" */
    const struct job_payload *payload;
    const char *blob_id; /* named by the job until it ends (jobs/jobs.h); NULL: none */
    int64_t blob_bytes, blob_fresh_at;
    const char *turn; /* jobs/jobs.h; NULL: none */
};
/* Adds a job of the actor's; job_wake once that is committed. */
enum err job_add(struct tx *tx, const struct actor *actor, const struct job_order *order,
                 struct job *job_r);
void job_wake(struct jobs *jobs);
/* That no job of these kinds with these args waits or runs on the site, until this
 * transaction ends; E409093, which names the item. */
enum err job_alone(struct tx *tx, const char *site_id, const char *args, enum job_kind kind,
                   enum job_kind other, const char *name);

/* Seals every kept payload anew; their number, -1 where the repository failed. */
int64_t job_payloads_reseal(struct tx *tx,
                            const char *(*reseal)(void *context, struct arena *arena,
                                                  const char *id, const char *sealed),
                            void *context);

/* E404018 where there is none that the actor may see. */
enum err job_get(struct tx *tx, const struct actor *actor, const char *id, struct job *job_r);
extern const struct list_field job_fields[];
extern const size_t job_field_count;
/* Administrators alone: E403004. */
enum err job_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                  struct job **jobs_r, size_t *count_r, int64_t *total_r);
/* E404018; E403032 for all but administrators; E403091 where it has ended. *blob_r: as
 * jobs_cancel (jobs/jobs.h) tells. */
enum err job_cancel(struct tx *tx, const struct actor *actor, const char *id, struct blob *blob_r);

#endif
