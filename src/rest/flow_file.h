/* flow_file: what a run of a flow makes of the flow's file. Slow, and waits for a disk or a
 * network: on LANE_BLOCKING, or in a job.
 *
 * There is no engine yet that prepares data. What needs none is carried out: an input step
 * that hands on a file of the package as it is (text with commas, or an extract with the
 * one table that is asked for), and an output step behind it that publishes a data source.
 * For anything else the first step that can't be carried out is told, with what it would
 * need. docs/flows.md has the whole. */
#ifndef EASEL_REST_FLOW_FILE_H
#define EASEL_REST_FLOW_FILE_H

#include <stdint.h>

#include "domain/flow_job.h"

struct blobs;
struct keyring;
struct log;

struct flow_store {
    struct blobs *blobs;
    const struct keyring *keyring;
    struct log *log;
    int64_t blob_age_ms; /* blob_nameable, domain/blob_sweep.h */
};

/* Whether the flow in that blob takes these settings (rest/flow_settings.h). E400000,
 * E400087 where the file can't be read as a flow, E500000 where it can't be had. */
enum err flow_file_check(const struct flow_store *store, struct arena *arena, const char *blob_id,
                         const char *file_type, struct flow_setting *settings, size_t count,
                         struct fault *fault);

/* Those of struct flow_engine; the context is a struct flow_store of the caller's. */
enum err flow_file_run(void *store, struct arena *arena, const struct flow_order *order,
                       const struct flow_watch *watch, struct flow_result *result_r,
                       struct fault *fault);
enum err flow_file_to_name(void *store, struct tx *tx, const struct blob *blob);

#endif
