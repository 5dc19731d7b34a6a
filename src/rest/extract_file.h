/* extract_file: the extract of a data source's file taken out of it, and another put in
 * its place. For what makes a file of a file (append.h, hyper_file.h). Slow, and waits for
 * disks and networks: on LANE_BLOCKING, or in a job. What is made on the way stands in
 * files without names. */
#ifndef EASEL_REST_EXTRACT_FILE_H
#define EASEL_REST_EXTRACT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "content/content.h"

struct arena;
struct blob;
struct blobs;
struct log;
struct package;
struct tx;

struct extract_store {
    struct blobs *blobs;
    struct log *log;
    const char *spool;   /* where files without names are made */
    int64_t blob_age_ms; /* after which the sweeper may take what nothing names */
};

/* On whose behalf: faults say what went wrong, but for what is for the log alone. */
struct extract_work {
    const struct extract_store *store;
    struct arena *arena; /* closes what is opened here */
    struct fault *fault;
    int64_t room;        /* bytes that the site may still store */
    const char *request; /* its id, for the log; NULL: none */
};

/* The file of a data source, and where in it the extract is. */
struct extract_place {
    int fd;
    enum content_kind kind;
    struct package *package; /* NULL: the file is the extract */
    size_t entry;
};

/* E500000 where the blob can't be had. */
enum err extract_open_blob(const struct extract_work *work, const char *id, int *fd_r);
enum err extract_open_scratch(const struct extract_work *work, int *fd_r);
/* E403008 where the site may not store so much. */
enum err extract_check_room(const struct extract_work *work, uint64_t size);
/* The extract of a package as a file. */
enum err extract_unpack(const struct extract_work *work, const struct extract_place *place,
                        int *fd_r);
/* Stores the file with another extract. */
enum err extract_put_back(const struct extract_work *work, const struct extract_place *place,
                          int extract_fd, struct blob *blob_r);
/* For who will name the blob by a row: the first thing in the transaction that does. False:
 * it may be gone (domain/blob_sweep.h). store: a struct extract_store. */
bool extract_to_name(void *store, struct tx *tx, const struct blob *blob);

#endif
