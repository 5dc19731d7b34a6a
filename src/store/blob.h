/* blob: content, stored under the SHA-256 of its bytes.
 *
 * What is published goes through a writer, a piece at a time, and is named once it
 * is whole; the same bytes are stored once, however often they come. That a name
 * was given means that the bytes are durable: a transaction may refer to it. Who
 * refers to which blob is the repository's affair; a checker walks both.
 *
 * Two kinds, by URL: files:DIR and s3:https://HOST[:PORT]/BUCKET[/PREFIX]. Both
 * take in what is written to a file of their own first, as the name is only known
 * at the end. Files of writers that died are removed when the store is opened.
 *
 * Failures come with a sentence for the log (it names files and servers, and is
 * not for clients). Thread-safe, but for a writer, which belongs to one thread at
 * a time. Everything here may wait for a disk or a network: not on an event loop. */
#ifndef EASEL_STORE_BLOB_H
#define EASEL_STORE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blobs;
struct blob_writer;

enum { BLOB_ID_ROOM = 65, BLOB_WHY_ROOM = 512 };

enum blob_result {
    BLOB_OK,
    BLOB_ABSENT,  /* no blob of that id */
    BLOB_IN_USE,  /* blob_delete: stored or found again too lately */
    BLOB_DAMAGED, /* its bytes are not those of its id */
    BLOB_FULL,    /* no room: disk, quota, or limit of a file's size */
    BLOB_FAILED   /* anything else: the disk, the network, the service */
};

struct blob {
    char id[BLOB_ID_ROOM]; /* SHA-256, lower-case hex */
    uint64_t size;
    int64_t stored_at; /* when it was stored, or last found again by a writer */
    /* Of a writer: nobody had it before. Whoever is told that it is there is told a later
     * stored_at, so while it still has this one nobody else was. */
    bool fresh;
};

/* When it was stored, where it was fresh; else 0. */
static inline int64_t blob_fresh_at(const struct blob *blob)
{
    return blob->fresh ? blob->stored_at : 0;
}

/* A file that holds the bytes asked for, from `offset` on. */
struct blob_file {
    int fd;
    uint64_t offset, len;
};

struct blobs_config {
    const char *url;
    /* Of s3: */
    const char *staging; /* directory for what is on its way; made where absent */
    const char *region, *access_key, *secret_key;
};

struct blobs *blobs_open(const struct blobs_config *config, char *why, size_t why_size);
void blobs_close(struct blobs **blobs);

bool blob_id_valid(const char *id);

/* ---- writing. The first failure stays: further pieces do nothing, and
 * blob_finish tells it. */
struct blob_writer *blob_write_begin(struct blobs *blobs);
enum blob_result blob_write(struct blob_writer *writer, const void *bytes, size_t len);
/* `len` bytes of a file from `offset` on; fewer are a failure. */
enum blob_result blob_write_from(struct blob_writer *writer, int fd, uint64_t offset, uint64_t len);
/* Ends the writer either way. On failure nothing of it stays. */
enum blob_result blob_finish(struct blob_writer **writer, struct blob *blob_r, char *why,
                             size_t why_size);
void blob_abandon(struct blob_writer **writer);
/* Takes a whole file in and removes its name, without a copy where both are on one
 * file system. On failure the file is still there. */
enum blob_result blob_take(struct blobs *blobs, const char *path, struct blob *blob_r, char *why,
                           size_t why_size);

/* Finds it and counts it as stored just now, as a writer does that brings the same bytes:
 * for one that is to be named by another row. */
enum blob_result blob_renew(struct blobs *blobs, const char *id, struct blob *blob_r, char *why,
                            size_t why_size);

/* ---- reading */
enum blob_result blob_find(struct blobs *blobs, const char *id, struct blob *blob_r, char *why,
                           size_t why_size);
/* Opens what there is of `len` bytes from `offset` on (less at its end, and nothing
 * beyond); close the descriptor. UINT64_MAX: to the end. */
enum blob_result blob_open(struct blobs *blobs, const char *id, uint64_t offset, uint64_t len,
                           struct blob_file *file_r, char *why, size_t why_size);
/* Reads all of it and compares with its id. */
enum blob_result blob_check(struct blobs *blobs, const char *id, char *why, size_t why_size);

/* ---- the checker's */
/* Every blob once, in no order; one that comes or goes meanwhile may be missed.
 * `visit` returns false to end. */
enum blob_result blob_walk(struct blobs *blobs,
                           bool (*visit)(void *context, const struct blob *blob), void *context,
                           char *why, size_t why_size);
/* Whose the store is: the first who asks becomes its owner, by a name of up to 64
 * characters that stays there. BLOB_IN_USE: it is another's. To be asked before deleting:
 * of two repositories that share a store each names what the other does not. */
enum blob_result blobs_claim(struct blobs *blobs, const char *owner, char *why, size_t why_size);
/* Deletes it, unless its stored_at is `before` or later: one that nobody refers to
 * yet may belong to a transaction under way. INT64_MAX: whatever it is. */
enum blob_result blob_delete(struct blobs *blobs, const char *id, int64_t before, char *why,
                             size_t why_size);

/* ---- what a writer stored and does not want any more */
/* Takes fresh blobs, to delete each soon where no row names it and nobody found it since
 * (domain/blob_sweep.h). Any thread; does not wait. */
struct blob_bin {
    void (*put)(void *context, const struct blob *blob); /* NULL: the sweep's affair */
    void *context;
};
/* Blobs that are not fresh, or none at all, are passed over. */
void blob_discard(const struct blob_bin *bin, const struct blob *blob);

#endif
