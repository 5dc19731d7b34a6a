/* jobs_priv: what jobs.c and payload.c share; for this folder alone. */
#ifndef EASEL_JOBS_JOBS_PRIV_H
#define EASEL_JOBS_JOBS_PRIV_H

#include "jobs/jobs.h"

struct db;

enum { JOB_PIECE = 256 << 10 /* bytes of a payload in one row */ };

/* The payload of a job, in memory of its own with a NUL behind it (payload_wipe);
 * NULL where it cannot be read or opened. */
char *payload_read(struct db *db, const struct job_sealer *sealer, const char *id, size_t *len_r);
void payload_wipe(char **payload, size_t len);
const struct job_sealer *jobs_sealer(const struct jobs *jobs);

#endif
