/* extract_file.c: see extract_file.h. */
#include "rest/extract_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "content/package.h"
#include "content/repack.h"
#include "domain/blob_sweep.h"
#include "store/blob.h"

enum { PIECE = 256 << 10 };

/* ---- blobs and files */

/* What went wrong is for the log; who asked learns that it did. */
static enum err failed(const struct extract_work *work, enum blob_result result, const char *why)
{
    log_write(work->store->log, LOG_ERROR, "blob store", LOG_S("request", work->request),
              LOG_S("why", why));
    if (result == BLOB_FULL)
        return fault_set(work->fault, work->arena, E403008,
                         "There is no room left to store the file.");
    return fault_set(work->fault, work->arena, E500000,
                     "The file could not be stored or read back.");
}

static enum err scratch_failed(const struct extract_work *work)
{
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return failed(work, full ? BLOB_FULL : BLOB_FAILED, strerror(errno));
}

static void close_file(void *fd)
{
    close(*(const int *)fd);
}

static void close_with(struct arena *arena, int fd)
{
    arena_on_free(arena, close_file, arena_memdup(arena, &fd, sizeof fd));
}

enum err extract_open_blob(const struct extract_work *work, const char *id, int *fd_r)
{
    char why[BLOB_WHY_ROOM] = "";
    struct blob_file file;
    enum blob_result result =
        blob_open(work->store->blobs, id, 0, UINT64_MAX, &file, why, sizeof why);
    if (result != BLOB_OK)
        return failed(work, result, why);
    close_with(work->arena, file.fd);
    *fd_r = file.fd;
    return E_OK;
}

enum err extract_open_scratch(const struct extract_work *work, int *fd_r)
{
    *fd_r = file_nameless(work->store->spool);
    if (*fd_r < 0)
        return scratch_failed(work);
    close_with(work->arena, *fd_r);
    return E_OK;
}

enum err extract_check_room(const struct extract_work *work, uint64_t size)
{
    if (size > (uint64_t)(work->room > 0 ? work->room : 0))
        return fault_set(work->fault, work->arena, E403008,
                         "The data source would be larger than the storage left to the site.");
    return E_OK;
}

/* ---- out of a package */

static enum err copy_entry(const struct extract_work *work, struct package_stream *stream, int to)
{
    char *piece = arena_alloc(work->arena, PIECE);
    uint64_t at = 0;
    ptrdiff_t n;
    while ((n = package_stream_read(stream, piece, PIECE, work->fault)) > 0) {
        if (!file_pwrite(to, piece, (size_t)n, at))
            return scratch_failed(work);
        at += (uint64_t)n;
    }
    return n < 0 ? work->fault->err : E_OK;
}

enum err extract_unpack(const struct extract_work *work, const struct extract_place *place,
                        int *fd_r)
{
    struct package_stream *stream = NULL;
    enum err err = extract_open_scratch(work, fd_r);
    if (!err)
        err = package_stream_open(place->package, place->entry, false, &stream, work->fault);
    if (err)
        return err;
    err = copy_entry(work, stream, *fd_r);
    package_stream_close(&stream);
    return err;
}

/* ---- and back */

static enum err write_package(const struct extract_work *work, const struct extract_place *place,
                              int extract_fd, struct blob_writer *writer)
{
    struct repack *repack = NULL;
    ptrdiff_t n;
    enum err err = repack_replace(work->arena, place->fd, place->kind, NULL, place->entry,
                                  extract_fd, &repack, work->fault);
    if (!err)
        err = extract_check_room(work, repack_length(repack));
    if (err)
        return err;
    char *piece = arena_alloc(work->arena, PIECE);
    while ((n = repack_read(repack, piece, PIECE, work->fault)) > 0)
        blob_write(writer, piece, (size_t)n);
    return n < 0 ? work->fault->err : E_OK;
}

enum err extract_put_back(const struct extract_work *work, const struct extract_place *place,
                          int extract_fd, struct blob *blob_r)
{
    char why[BLOB_WHY_ROOM] = "";
    struct stat stat;
    if (fstat(extract_fd, &stat) != 0)
        return scratch_failed(work);
    enum err err = extract_check_room(work, (uint64_t)stat.st_size);
    if (err)
        return err;
    struct blob_writer *writer = blob_write_begin(work->store->blobs);
    if (place->package)
        err = write_package(work, place, extract_fd, writer);
    else
        blob_write_from(writer, extract_fd, 0, (uint64_t)stat.st_size);
    if (err) {
        blob_abandon(&writer);
        return err;
    }
    enum blob_result result = blob_finish(&writer, blob_r, why, sizeof why);
    return result == BLOB_OK ? E_OK : failed(work, result, why);
}

bool extract_to_name(void *of, struct tx *tx, const struct blob *blob)
{
    const struct extract_store *store = of;
    char why[BLOB_WHY_ROOM] = "";
    if (blob_nameable(tx, store->blobs, blob, store->blob_age_ms, why, sizeof why))
        return true;
    log_write(store->log, LOG_ERROR, "blob store", LOG_S("why", why));
    return false;
}
