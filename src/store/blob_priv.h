/* blob_priv: what the kinds of blob store share; for this folder alone.
 *
 * A kind embeds `struct blobs` as the first member of its own and fills a `struct
 * blob_kind`. blob.c owns the writer: it fills a stage (a file of its own), hashes
 * on the way, and hands the whole to the kind. */
#ifndef EASEL_STORE_BLOB_PRIV_H
#define EASEL_STORE_BLOB_PRIV_H

#include "store/blob.h"

enum { BLOB_PATH_ROOM = 4096, BLOB_OWNER_ROOM = 65 };
#define BLOB_OWNER "owner"

/* Where a failure is told. */
struct blob_telling {
    char *text;
    size_t size;
};

/* A file that is being filled. Its lock tells the living from the dead. */
struct blob_stage {
    int fd;
    char path[BLOB_PATH_ROOM];
    bool taken; /* somebody else's file: stays where the store does not take it */
};

struct blob_kind {
    bool syncs; /* stages become the blobs themselves: by a rename, after a sync */
    void (*close)(struct blobs *blobs);
    /* Stores a stage that is whole under blob->id. Done, the stage has no name any
     * more; blob->stored_at and fresh are filled. */
    enum blob_result (*keep)(struct blobs *blobs, struct blob_stage *stage, struct blob *blob,
                             struct blob_telling to);
    /* blob_renew. */
    enum blob_result (*renew)(struct blobs *blobs, const char *id, struct blob *blob_r,
                              struct blob_telling to);
    enum blob_result (*find)(struct blobs *blobs, const char *id, struct blob *blob_r,
                             struct blob_telling to);
    enum blob_result (*open)(struct blobs *blobs, const char *id, uint64_t offset, uint64_t len,
                             struct blob_file *file_r, struct blob_telling to);
    enum blob_result (*walk)(struct blobs *blobs,
                             bool (*visit)(void *context, const struct blob *blob), void *context,
                             struct blob_telling to);
    /* Who owns the store, by the object or file BLOB_OWNER; once nobody does, the given. */
    enum blob_result (*claim)(struct blobs *blobs, const char *owner, char found_r[BLOB_OWNER_ROOM],
                              struct blob_telling to);
    enum blob_result (*remove)(struct blobs *blobs, const char *id, int64_t before,
                               struct blob_telling to);
};

struct blobs {
    const struct blob_kind *kind;
    char staging[BLOB_PATH_ROOM];
};

/* "WHAT WHERE: reason of errno", and what that errno means: full or failed. */
enum blob_result blob_tell(struct blob_telling to, const char *what, const char *where);
enum blob_result blob_say(struct blob_telling to, enum blob_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- blob_stage.c */
/* Makes the directory where absent (mode 0700), durably. */
enum blob_result blob_directory(const char *path, struct blob_telling to);
enum blob_result blob_sync_directory(const char *path, struct blob_telling to);
enum blob_result blob_stage_open(const char *directory, struct blob_stage *stage_r,
                                 struct blob_telling to);
enum blob_result blob_stage_add(struct blob_stage *stage, const void *bytes, size_t len,
                                struct blob_telling to);
/* Closes it; where it has a name still and is ours, that goes too. */
void blob_stage_drop(struct blob_stage *stage);
/* Removes what stages of the dead left in the directory. */
void blob_stage_sweep(const char *directory);

/* ---- the kinds; `where` is the URL without its scheme */
struct blobs *blob_files_open(const char *where, struct blob_telling to);
struct blobs *blob_s3_open(const char *where, const struct blobs_config *config,
                           struct blob_telling to);

#endif
