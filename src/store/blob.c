/* blob.c: what is the same for every kind of store: opening by URL, the writer,
 * and the check of what is stored. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "store/blob_priv.h"

enum { PIECE = 256 * 1024 };

/* What was written goes to the disk from here on at this pace, so that the sync at
 * the end finds little left to do. */
static const uint64_t EARLY = 16u << 20;

struct blob_writer {
    struct blobs *blobs;
    struct blob_stage stage;
    struct hash *hash;
    uint64_t size, told; /* bytes written; of them told to the disk */
    enum blob_result result;
    char why[BLOB_WHY_ROOM];
};

/* ---- telling */

enum blob_result blob_say(struct blob_telling to, enum blob_result result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(to.text, to.size, format, args);
    va_end(args);
    return result;
}

enum blob_result blob_tell(struct blob_telling to, const char *what, const char *where)
{
    int error = errno;
    bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    return blob_say(to, full ? BLOB_FULL : BLOB_FAILED, "%s %s: %s", what, where, strerror(error));
}

/* ---- the store */

struct blobs *blobs_open(const struct blobs_config *config, char *why, size_t why_size)
{
    struct blob_telling to = {why, why_size};
    struct blobs *blobs = NULL;
    if (strncmp(config->url, "files:", 6) == 0)
        blobs = blob_files_open(config->url + 6, to);
    else if (strncmp(config->url, "s3:", 3) == 0)
        blobs = blob_s3_open(config->url + 3, config, to);
    else
        snprintf(why, why_size, "the store of blobs must be files:DIR or s3:URL");
    if (blobs)
        blob_stage_sweep(blobs->staging);
    return blobs;
}

void blobs_close(struct blobs **blobs)
{
    if (*blobs)
        (*blobs)->kind->close(*blobs);
    *blobs = NULL;
}

bool blob_id_valid(const char *id)
{
    return strspn(id, "0123456789abcdef") == BLOB_ID_ROOM - 1 && !id[BLOB_ID_ROOM - 1];
}

/* ---- writing */

static struct blob_telling telling(struct blob_writer *writer)
{
    return (struct blob_telling){writer->why, sizeof writer->why};
}

struct blob_writer *blob_write_begin(struct blobs *blobs)
{
    struct blob_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        fputs("easel: out of memory\n", stderr);
        abort();
    }
    writer->blobs = blobs;
    writer->hash = hash_new();
    writer->result = blob_stage_open(blobs->staging, &writer->stage, telling(writer));
    return writer;
}

static void write_early(struct blob_writer *writer)
{
    uint64_t waiting = writer->size - writer->told;
    if (!writer->blobs->kind->syncs || waiting < EARLY)
        return;
    /* Advice: a file system that cannot take it loses nothing. */
    sync_file_range(writer->stage.fd, (off_t)writer->told, (off_t)waiting, SYNC_FILE_RANGE_WRITE);
    writer->told = writer->size;
}

enum blob_result blob_write(struct blob_writer *writer, const void *bytes, size_t len)
{
    if (writer->result != BLOB_OK)
        return writer->result;
    writer->result = blob_stage_add(&writer->stage, bytes, len, telling(writer));
    if (writer->result == BLOB_OK) {
        hash_add(writer->hash, bytes, len);
        writer->size += len;
        write_early(writer);
    }
    return writer->result;
}

/* Reads up to `size` bytes; 0: the file ends here, or it cannot be read (errno). */
static size_t read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    ssize_t n;
    do
        n = pread(fd, bytes, size, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        errno = ENODATA;
    return n > 0 ? (size_t)n : 0;
}

enum blob_result blob_write_from(struct blob_writer *writer, int fd, uint64_t offset, uint64_t len)
{
    char *piece = malloc(PIECE);
    if (!piece) {
        errno = ENOMEM;
        return writer->result = blob_tell(telling(writer), "cannot read", "what is to be stored");
    }
    while (len && writer->result == BLOB_OK) {
        size_t n = read_at(fd, piece, len < PIECE ? (size_t)len : PIECE, offset);
        if (!n)
            writer->result = blob_tell(telling(writer), "cannot read", "what is to be stored");
        else
            blob_write(writer, piece, n);
        offset += n;
        len -= n;
    }
    free(piece);
    return writer->result;
}

void blob_abandon(struct blob_writer **writer_p)
{
    struct blob_writer *writer = *writer_p;
    *writer_p = NULL;
    if (!writer)
        return;
    blob_stage_drop(&writer->stage);
    hash_free(&writer->hash);
    free(writer);
}

enum blob_result blob_finish(struct blob_writer **writer_p, struct blob *blob_r, char *why,
                             size_t why_size)
{
    struct blob_writer *writer = *writer_p;
    *blob_r = (struct blob){.size = writer->size};
    hash_end_hex(writer->hash, blob_r->id);
    if (writer->result == BLOB_OK)
        writer->result =
            writer->blobs->kind->keep(writer->blobs, &writer->stage, blob_r, telling(writer));
    enum blob_result result = writer->result;
    if (result != BLOB_OK)
        snprintf(why, why_size, "%s", writer->why);
    blob_abandon(writer_p);
    return result;
}

/* ---- taking a file in */

/* Hashes `len` bytes of the file from `offset` on. */
static enum blob_result hash_file(const struct blob_file *file, const char *name,
                                  char id[BLOB_ID_ROOM], struct blob_telling to)
{
    enum blob_result result = BLOB_OK;
    char *piece = malloc(PIECE);
    struct hash *hash = hash_new();
    if (!piece)
        result = blob_say(to, BLOB_FAILED, "cannot read %s: out of memory", name);
    for (uint64_t at = 0; at < file->len && result == BLOB_OK;) {
        uint64_t left = file->len - at;
        size_t n = read_at(file->fd, piece, left < PIECE ? (size_t)left : PIECE, file->offset + at);
        if (!n)
            result = blob_tell(to, "cannot read", name);
        hash_add(hash, piece, n);
        at += n;
    }
    hash_end_hex(hash, id);
    hash_free(&hash);
    free(piece);
    return result;
}

/* By way of a copy, where the file lies elsewhere. */
static enum blob_result take_copy(struct blobs *blobs, struct blob_stage *stage, uint64_t size,
                                  struct blob *blob_r, struct blob_telling to)
{
    struct blob_writer *writer = blob_write_begin(blobs);
    blob_write_from(writer, stage->fd, 0, size);
    enum blob_result result = blob_finish(&writer, blob_r, to.text, to.size);
    if (result == BLOB_OK)
        unlink(stage->path);
    return result;
}

static bool rename_will_do(const struct blobs *blobs, const struct stat *st)
{
    struct stat staging;
    return !blobs->kind->syncs ||
           (stat(blobs->staging, &staging) == 0 && staging.st_dev == st->st_dev);
}

static enum blob_result take(struct blobs *blobs, struct blob_stage *stage, struct blob *blob_r,
                             struct blob_telling to)
{
    struct stat st;
    if (fstat(stage->fd, &st) != 0)
        return blob_tell(to, "cannot read", stage->path);
    if (!S_ISREG(st.st_mode))
        return blob_say(to, BLOB_FAILED, "%s is no file", stage->path);
    uint64_t size = (uint64_t)st.st_size;
    if (!rename_will_do(blobs, &st))
        return take_copy(blobs, stage, size, blob_r, to);
    struct blob_file file = {.fd = stage->fd, .len = size};
    blob_r->size = size;
    enum blob_result result = hash_file(&file, stage->path, blob_r->id, to);
    return result == BLOB_OK ? blobs->kind->keep(blobs, stage, blob_r, to) : result;
}

enum blob_result blob_take(struct blobs *blobs, const char *path, struct blob *blob_r, char *why,
                           size_t why_size)
{
    struct blob_telling to = {why, why_size};
    struct blob_stage stage = {.taken = true};
    *blob_r = (struct blob){0};
    if (snprintf(stage.path, sizeof stage.path, "%s", path) >= (int)sizeof stage.path)
        return blob_say(to, BLOB_FAILED, "the name of the file is too long");
    stage.fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (stage.fd < 0)
        return blob_tell(to, "cannot open", path);
    enum blob_result result = take(blobs, &stage, blob_r, to);
    blob_stage_drop(&stage);
    return result;
}

/* ---- reading, and the checker's */

static enum blob_result no_id(struct blob_telling to)
{
    return blob_say(to, BLOB_ABSENT, "what was asked for is no id of a blob");
}

enum blob_result blob_find(struct blobs *blobs, const char *id, struct blob *blob_r, char *why,
                           size_t why_size)
{
    struct blob_telling to = {why, why_size};
    return blob_id_valid(id) ? blobs->kind->find(blobs, id, blob_r, to) : no_id(to);
}

enum blob_result blob_renew(struct blobs *blobs, const char *id, struct blob *blob_r, char *why,
                            size_t why_size)
{
    struct blob_telling to = {why, why_size};
    return blob_id_valid(id) ? blobs->kind->renew(blobs, id, blob_r, to) : no_id(to);
}

enum blob_result blob_open(struct blobs *blobs, const char *id, uint64_t offset, uint64_t len,
                           struct blob_file *file_r, char *why, size_t why_size)
{
    struct blob_telling to = {why, why_size};
    *file_r = (struct blob_file){.fd = -1};
    return blob_id_valid(id) ? blobs->kind->open(blobs, id, offset, len, file_r, to) : no_id(to);
}

enum blob_result blob_check(struct blobs *blobs, const char *id, char *why, size_t why_size)
{
    struct blob_telling to = {why, why_size};
    struct blob_file file = {.fd = -1};
    enum blob_result result = blob_open(blobs, id, 0, UINT64_MAX, &file, why, why_size);
    if (result != BLOB_OK)
        return result;
    char found[BLOB_ID_ROOM];
    result = hash_file(&file, id, found, to);
    close(file.fd);
    if (result == BLOB_OK && strcmp(found, id) != 0)
        result = blob_say(to, BLOB_DAMAGED, "blob %s holds the bytes of %s", id, found);
    return result;
}

enum blob_result blob_walk(struct blobs *blobs,
                           bool (*visit)(void *context, const struct blob *blob), void *context,
                           char *why, size_t why_size)
{
    return blobs->kind->walk(blobs, visit, context, (struct blob_telling){why, why_size});
}

enum blob_result blobs_claim(struct blobs *blobs, const char *owner, char *why, size_t why_size)
{
    struct blob_telling to = {why, why_size};
    char found[BLOB_OWNER_ROOM];
    enum blob_result result = blobs->kind->claim(blobs, owner, found, to);
    if (result != BLOB_OK || strcmp(found, owner) == 0)
        return result;
    return blob_say(to, BLOB_IN_USE,
                    "the store of blobs is another repository's: '" BLOB_OWNER
                    "' in it names %s, this one is %s",
                    found, owner);
}

enum blob_result blob_delete(struct blobs *blobs, const char *id, int64_t before, char *why,
                             size_t why_size)
{
    struct blob_telling to = {why, why_size};
    return blob_id_valid(id) ? blobs->kind->remove(blobs, id, before, to) : no_id(to);
}

void blob_discard(const struct blob_bin *bin, const struct blob *blob)
{
    if (bin->put && blob->fresh)
        bin->put(bin->context, blob);
}
