/* publish_file: what the file of a request to publish adds to it. Slow, and waits for a
 * disk or a network: on LANE_BLOCKING, or in a job. */
#ifndef EASEL_REST_PUBLISH_FILE_H
#define EASEL_REST_PUBLISH_FILE_H

#include "base/fault.h"

struct arena;
struct blobs;
struct keyring;
struct log;
struct publish_request;
struct publish_spec;

/* Reads the file behind `fd`: *spec_r is the request's with views, connections (whose
 * passwords are sealed) and steps. What content_read refuses. */
enum err publish_file_read(const struct keyring *keyring, struct arena *arena, int fd,
                           const struct publish_request *request, struct publish_spec *spec_r,
                           struct fault *fault);

/* What a job reads files with (struct publish_reader); owned by the caller. */
struct publish_store {
    struct blobs *blobs;
    const struct keyring *keyring;
    struct log *log;
};
/* The same for the blob that the request names. E500000 where it can't be read. */
enum err publish_blob_read(void *store, struct arena *arena, const struct publish_request *request,
                           struct publish_spec *spec_r, struct fault *fault);

#endif
