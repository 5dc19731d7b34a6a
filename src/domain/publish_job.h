/* publish_job: publishing that goes on after its request was answered. The bytes are in
 * the blob store, and the job names them; its run reads what is in them, and publishes
 * by the rights that its user has then. A file that is refused fails the job, whose note
 * says what the answer would have said. */
#ifndef EASEL_DOMAIN_PUBLISH_JOB_H
#define EASEL_DOMAIN_PUBLISH_JOB_H

#include <stdbool.h>

#include "base/fault.h"
#include "domain/job.h"
#include "store/blob.h"

struct job_runner;
struct lanes;
struct publish_request;
struct publish_spec;
struct publish_target;

/* Files are read and made by others (rest/publish_file.h). E500000 where that can't be done
 * now. */
struct publish_reader {
    /* *spec_r is the request's with what its blob holds. */
    enum err (*read)(void *context, struct arena *arena, const struct publish_request *request,
                     struct publish_spec *spec_r, struct fault *fault);
    /* Stores the file of `target` with the rows of the request's blob behind its own. */
    enum err (*append)(void *context, struct arena *arena, const struct publish_request *request,
                       const struct publish_target *target, struct blob *blob_r,
                       struct fault *fault);
    /* The first thing in the transaction that names the blob; false: it may be gone. */
    bool (*name)(void *context, struct tx *tx, const struct blob *blob);
    void *context;
    struct lanes *lanes;
    struct blob_bin bin; /* of files that came of no use */
};

/* The payload of a job that publishes this. E400000 where it would be too large. Slow. */
enum err publish_job_pack(struct tx *tx, struct jobs *jobs, const struct publish_request *request,
                          struct job_payload **payload_r);
/* Adds the job of a workbook or a data source, whose file is `blob`, as the request says too;
 * job_wake once that is committed. append_to: the LUID of what is appended to, which those who
 * append do one after the other; NULL: nothing is. */
enum err publish_job_add(struct tx *tx, const struct actor *actor,
                         const struct publish_request *request, const struct blob *blob,
                         const char *append_to, const struct job_payload *payload,
                         struct job *job_r);

/* The runners of both kinds; `reader` must outlive them. */
void publish_job_runner(enum job_kind kind, const struct publish_reader *reader,
                        struct job_runner *runner_r);

#endif
