/* publish_file: what the file of a request to publish adds to it. Slow, and waits for a
 * disk or a network: on LANE_BLOCKING, or in a job. */
#ifndef EASEL_REST_PUBLISH_FILE_H
#define EASEL_REST_PUBLISH_FILE_H

#include <stdbool.h>

#include "base/fault.h"

struct arena;
struct blob;
struct blobs;
struct extract_store;
struct keyring;
struct log;
struct publish_request;
struct publish_spec;
struct publish_target;
struct tx;

/* Reads the file behind `fd`: *spec_r is the request's with views, connections (whose
 * passwords are sealed) and steps. What content_read refuses, and extracts that are
 * damaged (hyper_check). */
enum err publish_file_read(const struct keyring *keyring, struct arena *arena, int fd,
                           const struct publish_request *request, struct publish_spec *spec_r,
                           struct fault *fault);

/* What a job reads files with (struct publish_reader); owned by the caller. */
struct publish_store {
    struct blobs *blobs;
    const struct keyring *keyring;
    struct log *log;
    struct extract_store *extracts;
};
/* The same for the blob that the request names. E500000 where it can't be read. */
enum err publish_blob_read(void *store, struct arena *arena, const struct publish_request *request,
                           struct publish_spec *spec_r, struct fault *fault);

/* The rows of that blob behind those of the target's file (append.h), as another blob. */
enum err publish_blob_append(void *store, struct arena *arena,
                             const struct publish_request *request,
                             const struct publish_target *target, struct blob *blob_r,
                             struct fault *fault);
bool publish_blob_to_name(void *store, struct tx *tx, const struct blob *blob);

#endif
