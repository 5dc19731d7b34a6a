/* hyper_write: a new .hyper file, part by part: two header pages, blobs one behind the
 * other, the directory. It follows another file, of which it is the next generation.
 *
 * What finds entries in a directory by their hash begins somewhere and goes on to the
 * next slot until it meets the entry or a slot that was never used. The hash is not
 * known, so no slot is left unused: those that hold no entry hold one that is gone,
 * under a key that no entry has. */
#ifndef EASEL_EXTRACT_HYPER_WRITE_H
#define EASEL_EXTRACT_HYPER_WRITE_H

#include "extract/hyper_priv.h"

struct hyper_writer {
    const struct hyper *model; /* what it follows */
    int fd;
    unsigned version;
    uint32_t seed;
    uint64_t at;  /* where the next byte goes */
    uint32_t sum; /* of the blob under way */
    struct hyper_blob *blobs;
    size_t blob_count, blob_room;
    uint64_t directory, directory_len, size;
    struct arena *arena; /* of the list of blobs */
    struct fault *fault;
};

/* `fd` is an empty file. `version` of the format, 0 or 2. */
void hyper_write_begin(struct hyper_writer *w, const struct hyper *model, unsigned version, int fd,
                       struct fault *fault);
/* Bytes as a blob, stored as they are, or packed where that is shorter. */
enum err hyper_write_blob(struct hyper_writer *w, const struct hyper_key *key, uint32_t tag,
                          const void *bytes, size_t len, bool pack);
/* A blob of any file as it is stored, checked against its checksum. `rows`: of the block
 * that it is a column of, which it must say too; 0: it is none. */
enum err hyper_write_copy(struct hyper_writer *w, const struct hyper *from,
                          const struct hyper_blob *blob, const struct hyper_key *key, uint32_t tag,
                          uint32_t rows);
/* The lists of a table's rows and of its deletions, of which there are none. */
enum err hyper_write_lists(struct hyper_writer *w, uint32_t table, uint32_t tag, uint64_t rows,
                           size_t blocks);
/* The directory and the header pages. */
enum err hyper_write_end(struct hyper_writer *w);
void hyper_write_release(struct hyper_writer *w);

#endif
