/* blob_files.c: blobs as files.
 *
 *     DIR/ab/cdef...   the blob abcdef...
 *     DIR/owner        whose the store is, once it was asked (blobs_claim)
 *     DIR/tmp/         what is being written; on the same file system, so that a
 *                      rename puts it in its place at once and whole
 *     DIR/lock         held shared while a blob is put in its place or found there
 *                      again, alone while one is deleted; so none is deleted that a
 *                      writer was just told to be there. By flock: other processes
 *                      that share the directory take part
 *
 * The time of a file's last change says when it was stored or last found again. It is set
 * before the file gets its name, and each time that it is found it moves on: so one who
 * put it there, and remembers when, can tell whether anybody else found it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/blob_priv.h"

enum { SHARDS = 256, SHARD_CHARS = 2, NAME_ROOM = 80, COARSEST_MS = 2000 };

struct files {
    struct blobs blobs;
    char directory[BLOB_PATH_ROOM - NAME_ROOM];
    atomic_bool made[SHARDS]; /* the shard's directory is there, durably */
};

static struct files *files_of(struct blobs *blobs)
{
    return (struct files *)blobs;
}

static void path_of(const struct files *files, const char *id, char path[BLOB_PATH_ROOM])
{
    snprintf(path, BLOB_PATH_ROOM, "%s/%.2s/%s", files->directory, id, id + SHARD_CHARS);
}

static void shard_of(const struct files *files, const char *id, char path[BLOB_PATH_ROOM])
{
    snprintf(path, BLOB_PATH_ROOM, "%s/%.2s", files->directory, id);
}

static int64_t changed_at(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

/* A descriptor that holds the lock, or -1 and errno. */
static int lock(const struct files *files, int how)
{
    char path[BLOB_PATH_ROOM];
    snprintf(path, sizeof path, "%s/lock", files->directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && flock(fd, how) != 0) {
        if (errno == EINTR)
            continue;
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* ---- storing */

static enum blob_result make_shard(struct files *files, const char *shard, struct blob_telling to)
{
    unsigned number = (unsigned)strtoul(shard + strlen(shard) - SHARD_CHARS, NULL, 16);
    if (atomic_load(&files->made[number]))
        return BLOB_OK;
    enum blob_result result = blob_directory(shard, to);
    if (result == BLOB_OK)
        atomic_store(&files->made[number], true);
    return result;
}

/* *at_r: the time as the file system keeps it. */
static bool set_time(int fd, int64_t at, int64_t *at_r)
{
    struct stat st;
    struct timespec time = {.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000};
    if (futimens(fd, (struct timespec[2]){time, time}) != 0 || fstat(fd, &st) != 0)
        return false;
    *at_r = changed_at(&st);
    return true;
}

/* To a later time than it had, whatever the clock says and however coarsely the file
 * system counts. */
static bool move_time_on(int fd, const struct stat *st, int64_t *at_r)
{
    int64_t before = changed_at(st), now = clock_now();
    if (!set_time(fd, now > before ? now : before + 1, at_r))
        return false;
    if (*at_r <= before && !set_time(fd, before + COARSEST_MS, at_r))
        return false;
    errno = ENOTSUP;
    return *at_r > before;
}

/* True where it is there already and has its length; then it counts as stored now. */
static bool found_again(const char *path, struct blob *blob)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool found = fstat(fd, &st) == 0 && (uint64_t)st.st_size == blob->size &&
                 move_time_on(fd, &st, &blob->stored_at);
    close(fd);
    return found;
}

/* Gives the stage its name, where that is free still; else what has it is found again, or
 * makes way for being of another length. A file system that can't tell (NFS) has no fresh
 * blobs: of two writers at once both might think they were first. */
static bool give_name(struct blob_stage *stage, const char *path, struct blob *blob)
{
    if (!set_time(stage->fd, clock_now(), &blob->stored_at))
        return false;
    blob->fresh = renameat2(AT_FDCWD, stage->path, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
    if (blob->fresh)
        return true;
    bool cannot_tell = errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
    if (!cannot_tell && errno != EEXIST)
        return false;
    if (!cannot_tell && found_again(path, blob))
        return unlink(stage->path) == 0;
    return rename(stage->path, path) == 0;
}

static enum blob_result put_in_place(struct files *files, struct blob_stage *stage,
                                     struct blob *blob, struct blob_telling to)
{
    char path[BLOB_PATH_ROOM], shard[BLOB_PATH_ROOM];
    path_of(files, blob->id, path);
    shard_of(files, blob->id, shard);
    enum blob_result result = make_shard(files, shard, to);
    if (result != BLOB_OK)
        return result;
    if (found_again(path, blob))
        unlink(stage->path);
    else if (!give_name(stage, path, blob))
        return blob_tell(to, "cannot make", path);
    stage->path[0] = '\0';
    /* Also where another put it there, who may not have come this far. */
    return blob_sync_directory(shard, to);
}

static enum blob_result files_keep(struct blobs *blobs, struct blob_stage *stage, struct blob *blob,
                                   struct blob_telling to)
{
    struct files *files = files_of(blobs);
    if (fsync(stage->fd) != 0)
        return blob_tell(to, "cannot write", stage->path);
    int held = lock(files, LOCK_SH);
    if (held < 0)
        return blob_tell(to, "cannot lock", files->directory);
    enum blob_result result = put_in_place(files, stage, blob, to);
    close(held);
    return result;
}

/* ---- reading */

static enum blob_result absent(const char *id, struct blob_telling to)
{
    return blob_say(to, BLOB_ABSENT, "there is no blob %s", id);
}

static enum blob_result files_find(struct blobs *blobs, const char *id, struct blob *blob_r,
                                   struct blob_telling to)
{
    char path[BLOB_PATH_ROOM];
    struct stat st;
    path_of(files_of(blobs), id, path);
    if (stat(path, &st) != 0)
        return errno == ENOENT ? absent(id, to) : blob_tell(to, "cannot read", path);
    *blob_r = (struct blob){.size = (uint64_t)st.st_size, .stored_at = changed_at(&st)};
    memcpy(blob_r->id, id, BLOB_ID_ROOM);
    return BLOB_OK;
}

static enum blob_result files_renew(struct blobs *blobs, const char *id, struct blob *blob_r,
                                    struct blob_telling to)
{
    struct files *files = files_of(blobs);
    char path[BLOB_PATH_ROOM];
    path_of(files, id, path);
    int held = lock(files, LOCK_SH);
    if (held < 0)
        return blob_tell(to, "cannot lock", files->directory);
    enum blob_result result = files_find(blobs, id, blob_r, to);
    if (result == BLOB_OK && !found_again(path, blob_r))
        result = blob_tell(to, "cannot renew", path);
    close(held);
    return result;
}

static enum blob_result files_open(struct blobs *blobs, const char *id, uint64_t offset,
                                   uint64_t len, struct blob_file *file_r, struct blob_telling to)
{
    char path[BLOB_PATH_ROOM];
    struct stat st;
    path_of(files_of(blobs), id, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? absent(id, to) : blob_tell(to, "cannot open", path);
    if (fstat(fd, &st) != 0) {
        enum blob_result result = blob_tell(to, "cannot read", path);
        close(fd);
        return result;
    }
    uint64_t size = (uint64_t)st.st_size;
    uint64_t from = offset < size ? offset : size, left = size - from;
    *file_r = (struct blob_file){.fd = fd, .offset = from, .len = len < left ? len : left};
    return BLOB_OK;
}

/* ---- the checker's */

/* False where the visitor wants no more. */
static bool walk_shard(struct blobs *blobs, const char *shard, DIR *dir,
                       bool (*visit)(void *context, const struct blob *blob), void *context)
{
    char unused[BLOB_WHY_ROOM];
    struct blob_telling nobody = {unused, sizeof unused};
    for (struct dirent *entry; (entry = readdir(dir));) {
        char id[BLOB_ID_ROOM + 256];
        struct blob blob;
        snprintf(id, sizeof id, "%s%s", shard, entry->d_name);
        if (blob_id_valid(id) && files_find(blobs, id, &blob, nobody) == BLOB_OK &&
            !visit(context, &blob))
            return false;
    }
    return true;
}

static enum blob_result files_walk(struct blobs *blobs,
                                   bool (*visit)(void *context, const struct blob *blob),
                                   void *context, struct blob_telling to)
{
    bool on = true;
    for (unsigned i = 0; i < SHARDS && on; i++) {
        char name[SHARD_CHARS + 1], path[BLOB_PATH_ROOM];
        snprintf(name, sizeof name, "%02x", i & 0xff);
        shard_of(files_of(blobs), name, path);
        DIR *dir = opendir(path);
        if (!dir && errno == ENOENT)
            continue;
        if (!dir)
            return blob_tell(to, "cannot read the directory", path);
        on = walk_shard(blobs, name, dir, visit, context);
        closedir(dir);
    }
    return BLOB_OK;
}

/* Empty: who wrote it did not come to the end. */
static enum blob_result own(const struct files *files, const char *owner,
                            char found_r[BLOB_OWNER_ROOM], struct blob_telling to)
{
    char path[BLOB_PATH_ROOM];
    snprintf(path, sizeof path, "%s/" BLOB_OWNER, files->directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ssize_t len = fd < 0 ? -1 : pread(fd, found_r, BLOB_OWNER_ROOM - 1, 0);
    if (len == 0) {
        len = snprintf(found_r, BLOB_OWNER_ROOM, "%s", owner);
        if (write(fd, found_r, (size_t)len) != len || fsync(fd) != 0)
            len = -1;
    }
    enum blob_result result = len < 0 ? blob_tell(to, "cannot read or write", path) : BLOB_OK;
    found_r[len < 0 ? 0 : len] = '\0';
    if (fd >= 0)
        close(fd);
    return result;
}

static enum blob_result files_claim(struct blobs *blobs, const char *owner,
                                    char found_r[BLOB_OWNER_ROOM], struct blob_telling to)
{
    struct files *files = files_of(blobs);
    int held = lock(files, LOCK_EX);
    if (held < 0)
        return blob_tell(to, "cannot lock", files->directory);
    enum blob_result result = own(files, owner, found_r, to);
    close(held);
    return result;
}

static enum blob_result remove_if_old(const char *path, const char *id, int64_t before,
                                      struct blob_telling to)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? absent(id, to) : blob_tell(to, "cannot read", path);
    if (changed_at(&st) >= before)
        return blob_say(to, BLOB_IN_USE, "blob %s was stored or found again just now", id);
    /* Not synced: one that a crash brings back is found by the next check. */
    return unlink(path) == 0 ? BLOB_OK : blob_tell(to, "cannot delete", path);
}

static enum blob_result files_remove(struct blobs *blobs, const char *id, int64_t before,
                                     struct blob_telling to)
{
    struct files *files = files_of(blobs);
    char path[BLOB_PATH_ROOM];
    path_of(files, id, path);
    int held = lock(files, LOCK_EX);
    if (held < 0)
        return blob_tell(to, "cannot lock", files->directory);
    enum blob_result result = remove_if_old(path, id, before, to);
    close(held);
    return result;
}

/* ---- the store */

static void files_close(struct blobs *blobs)
{
    free(files_of(blobs));
}

static const struct blob_kind files_kind = {.syncs = true,
                                            .close = files_close,
                                            .keep = files_keep,
                                            .renew = files_renew,
                                            .find = files_find,
                                            .open = files_open,
                                            .walk = files_walk,
                                            .claim = files_claim,
                                            .remove = files_remove};

struct blobs *blob_files_open(const char *where, struct blob_telling to)
{
    struct files *files = calloc(1, sizeof *files);
    if (!files || !*where || strlen(where) >= sizeof files->directory) {
        blob_say(to, BLOB_FAILED, "the directory of blobs is missing or too long");
        free(files);
        return NULL;
    }
    files->blobs.kind = &files_kind;
    snprintf(files->directory, sizeof files->directory, "%s", where);
    snprintf(files->blobs.staging, sizeof files->blobs.staging, "%s/tmp", where);
    if (blob_directory(files->directory, to) == BLOB_OK &&
        blob_directory(files->blobs.staging, to) == BLOB_OK)
        return &files->blobs;
    free(files);
    return NULL;
}
