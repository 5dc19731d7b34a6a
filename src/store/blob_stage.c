/* blob_stage.c: files that are being filled.
 *
 * Each is locked (flock) by whom fills it for as long as it lives. So a sweep, by
 * this process or another that shares the directory, removes what the dead left
 * and nothing else. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/blob_priv.h"

#define PREFIX "stage-"

enum blob_result blob_sync_directory(const char *path, struct blob_telling to)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return blob_tell(to, "cannot open", path);
    enum blob_result result = BLOB_OK;
    if (fsync(fd) != 0)
        result = blob_tell(to, "cannot write the directory", path);
    close(fd);
    return result;
}

enum blob_result blob_directory(const char *path, struct blob_telling to)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return blob_tell(to, "cannot make the directory", path);
    char parent[BLOB_PATH_ROOM];
    snprintf(parent, sizeof parent, "%s/..", path);
    return blob_sync_directory(parent, to);
}

enum holding { HELD, SWEPT, UNHELD };

/* A sweep may have met the file between its making and its lock, and removed it. */
static enum holding hold(int fd)
{
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? SWEPT : UNHELD;
    return fstat(fd, &st) == 0 && st.st_nlink > 0 ? HELD : SWEPT;
}

enum blob_result blob_stage_open(const char *directory, struct blob_stage *stage_r,
                                 struct blob_telling to)
{
    enum holding holding = SWEPT;
    *stage_r = (struct blob_stage){.fd = -1};
    while (holding == SWEPT) {
        blob_stage_drop(stage_r);
        snprintf(stage_r->path, sizeof stage_r->path, "%.*s/" PREFIX "XXXXXX", BLOB_PATH_ROOM - 16,
                 directory);
        stage_r->fd = mkostemp(stage_r->path, O_CLOEXEC);
        if (stage_r->fd < 0) {
            stage_r->path[0] = '\0';
            return blob_tell(to, "cannot make a file in", directory);
        }
        holding = hold(stage_r->fd);
    }
    if (holding == HELD)
        return BLOB_OK;
    enum blob_result result = blob_tell(to, "cannot lock a file in", directory);
    blob_stage_drop(stage_r);
    return result;
}

enum blob_result blob_stage_add(struct blob_stage *stage, const void *bytes, size_t len,
                                struct blob_telling to)
{
    const char *at = bytes;
    while (len) {
        ssize_t n = write(stage->fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return blob_tell(to, "cannot write", stage->path);
        at += n;
        len -= (size_t)n;
    }
    return BLOB_OK;
}

void blob_stage_drop(struct blob_stage *stage)
{
    if (stage->path[0] && !stage->taken)
        unlink(stage->path);
    if (stage->fd >= 0)
        close(stage->fd);
    stage->path[0] = '\0';
    stage->fd = -1;
}

static void remove_dead(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(directory, name, 0);
    close(fd);
}

void blob_stage_sweep(const char *directory)
{
    DIR *dir = opendir(directory);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) == 0)
            remove_dead(dirfd(dir), entry->d_name);
    closedir(dir);
}
