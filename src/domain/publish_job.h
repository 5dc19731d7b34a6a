/* publish_job: publishing that goes on after its request was answered. The bytes are in
 * the blob store, and the job names them; its run reads what is in them, and publishes
 * by the rights that its user has then. A file that is refused fails the job, whose note
 * says what the answer would have said. */
#ifndef EASEL_DOMAIN_PUBLISH_JOB_H
#define EASEL_DOMAIN_PUBLISH_JOB_H

#include "base/fault.h"
#include "domain/job.h"

struct job_runner;
struct publish_request;
struct publish_spec;

/* Files are read by others (rest/publish_file.h): *spec_r is the request's with what its
 * blob holds. E500000 where that can't be had now. */
struct publish_reader {
    enum err (*read)(void *context, struct arena *arena, const struct publish_request *request,
                     struct publish_spec *spec_r, struct fault *fault);
    void *context;
};

/* The payload of a job that publishes this. E400000 where it would be too large. Slow. */
enum err publish_job_pack(struct tx *tx, struct jobs *jobs, const struct publish_request *request,
                          struct job_payload **payload_r);
/* Adds the job of a workbook or a data source; job_wake once that is committed. */
enum err publish_job_add(struct tx *tx, const struct actor *actor,
                         const struct publish_request *request, const struct job_payload *payload,
                         struct job *job_r);

/* The runners of both kinds; `reader` must outlive them. */
void publish_job_runner(enum job_kind kind, const struct publish_reader *reader,
                        struct job_runner *runner_r);

#endif
