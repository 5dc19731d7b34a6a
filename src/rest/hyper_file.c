/* hyper_file.c: see hyper_file.h. */
#include "rest/hyper_file.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "content/package.h"
#include "content/repack.h"
#include "domain/hyper_update.h"
#include "rest/hyper_request.h"
#include "store/blob.h"
#include "store/lane.h"
#include "store/tx.h"
#include "wire/doc.h"

enum { PIECE = 256 << 10 };

struct changing {
    const struct hyper_store *store;
    const struct hyper_work *work;
    struct arena *arena;
    struct fault *fault;
    enum content_kind kind; /* of the data source's file */
    int file_fd;
    struct package *package; /* NULL: the file is the extract */
    size_t entry;            /* of the extract in it */
    const struct hyper_action *actions;
    size_t action_count;
    struct hyper *target, *payload;
};

/* ---- blobs and files */

static enum err blob_failed(const struct changing *c, enum blob_result result, const char *why)
{
    log_write(c->store->log, LOG_ERROR, "blob store", LOG_S("why", why));
    if (result == BLOB_FULL)
        return fault_set(c->fault, c->arena, E403008, "There is no room left to store the file.");
    return fault_set(c->fault, c->arena, E500000, "The file could not be stored or read back.");
}

static void close_file(void *fd)
{
    close(*(const int *)fd);
}

static void close_with(struct arena *arena, int fd)
{
    arena_on_free(arena, close_file, arena_memdup(arena, &fd, sizeof fd));
}

static enum err open_blob(const struct changing *c, const char *id, int *fd_r)
{
    char why[BLOB_WHY_ROOM] = "";
    struct blob_file file;
    enum blob_result result = blob_open(c->store->blobs, id, 0, UINT64_MAX, &file, why, sizeof why);
    if (result != BLOB_OK)
        return blob_failed(c, result, why);
    close_with(c->arena, file.fd);
    *fd_r = file.fd;
    return E_OK;
}

static enum err scratch_failed(const struct changing *c)
{
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return blob_failed(c, full ? BLOB_FULL : BLOB_FAILED, strerror(errno));
}

static enum err open_scratch(const struct changing *c, int *fd_r)
{
    *fd_r = file_nameless(c->store->spool);
    if (*fd_r < 0)
        return scratch_failed(c);
    close_with(c->arena, *fd_r);
    return E_OK;
}

/* ---- the extract of the data source */

static enum err refuse(const struct changing *c, const char *why)
{
    return fault_set(c->fault, c->arena, E400000, "The data source %s.", why);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *back = strrchr(path, '\\');
    if (back && (!slash || back > slash))
        slash = back;
    return slash ? slash + 1 : path;
}

/* One extract is the one that is meant; of several that which the connection tells. */
static enum err choose_entry(struct changing *c)
{
    size_t extracts = 0, named = 0;
    const char *wanted = c->work->extract ? base_name(c->work->extract) : "";
    for (size_t i = 0; i < package_count(c->package); i++) {
        const struct package_entry *entry = package_entry(c->package, i);
        if (!package_is_extract(entry))
            continue;
        bool fits = *wanted && strcasecmp(base_name(entry->name), wanted) == 0;
        if (extracts++ == 0 || (fits && named == 0))
            c->entry = i;
        named += fits;
    }
    if (extracts == 0)
        return refuse(c, "holds no extract");
    if (extracts > 1 && named != 1)
        return refuse(c, c->work->connection_given
                             ? "holds several extracts, and none is told by the connection"
                             : "holds several extracts: a connection must be named");
    if (content_kind_named(package_entry(c->package, c->entry)->name) != CONTENT_HYPER)
        return refuse(c, "holds an extract that is no .hyper file");
    return E_OK;
}

static enum err unpack(struct changing *c, int to)
{
    struct package_stream *stream = NULL;
    enum err err = package_stream_open(c->package, c->entry, false, &stream, c->fault);
    if (err)
        return err;
    char *piece = arena_alloc(c->arena, PIECE);
    uint64_t at = 0;
    ptrdiff_t n;
    while (!err && (n = package_stream_read(stream, piece, PIECE, c->fault)) != 0) {
        if (n < 0)
            err = c->fault->err;
        else if (!file_pwrite(to, piece, (size_t)n, at))
            err = scratch_failed(c);
        at += n > 0 ? (uint64_t)n : 0;
    }
    package_stream_close(&stream);
    return err;
}

static enum err unpack_extract(struct changing *c, int *fd_r)
{
    enum err err =
        package_open(c->arena, c->file_fd, &content_limits_default, &c->package, c->fault);
    if (!err)
        err = choose_entry(c);
    if (!err)
        err = open_scratch(c, fd_r);
    return err ? err : unpack(c, *fd_r);
}

static enum err open_target(struct changing *c)
{
    int fd = -1;
    c->kind = content_kind_named(c->work->file_type);
    enum err err = open_blob(c, c->work->blob_id, &c->file_fd);
    if (err)
        return err;
    if (c->kind == CONTENT_TDSX)
        err = unpack_extract(c, &fd);
    else if (c->kind == CONTENT_HYPER)
        fd = c->file_fd;
    else
        err = refuse(c, "is neither a .hyper nor a .tdsx file");
    return err ? err
               : hyper_open(c->arena, fd, "The extract of the data source", &c->target, c->fault);
}

/* ---- changing it */

static enum err open_payload(struct changing *c)
{
    int fd = -1;
    if (!c->work->payload_id)
        return E_OK;
    enum err err = open_blob(c, c->work->payload_id, &fd);
    return err ? err : hyper_open(c->arena, fd, "The payload", &c->payload, c->fault);
}

/* They were read when the request came. */
static enum err read_actions(struct changing *c)
{
    struct el *root = NULL;
    bool json = strcspn(c->work->body, "{") < strcspn(c->work->body, "<");
    enum err err = (json ? json_read : xml_read)(c->arena, c->work->body, c->work->body_len,
                                                 &doc_limits_default, &root, c->fault);
    return err ? err : hyper_request_read(c->arena, root, &c->actions, &c->action_count, c->fault);
}

static enum err check_room(const struct changing *c, uint64_t size)
{
    if (size > (uint64_t)(c->work->room > 0 ? c->work->room : 0))
        return fault_set(c->fault, c->arena, E403008,
                         "The data source would be larger than the storage left to the site.");
    return E_OK;
}

/* ---- storing it */

static enum err write_package(struct changing *c, int extract_fd, struct blob_writer *writer)
{
    struct repack *repack = NULL;
    ptrdiff_t n;
    enum err err = repack_replace_entry(c->arena, c->file_fd, c->kind, NULL, c->entry, extract_fd,
                                        &repack, c->fault);
    if (!err)
        err = check_room(c, repack_length(repack));
    if (err)
        return err;
    char *piece = arena_alloc(c->arena, PIECE);
    while ((n = repack_read(repack, piece, PIECE, c->fault)) > 0)
        blob_write(writer, piece, (size_t)n);
    return n < 0 ? c->fault->err : E_OK;
}

static enum err store(struct changing *c, int extract_fd, struct blob *blob_r)
{
    char why[BLOB_WHY_ROOM] = "";
    struct stat stat;
    if (fstat(extract_fd, &stat) != 0)
        return scratch_failed(c);
    enum err err = check_room(c, (uint64_t)stat.st_size);
    if (err)
        return err;
    struct blob_writer *writer = blob_write_begin(c->store->blobs);
    if (c->package)
        err = write_package(c, extract_fd, writer);
    else
        blob_write_from(writer, extract_fd, 0, (uint64_t)stat.st_size);
    if (err) {
        blob_abandon(&writer);
        return err;
    }
    enum blob_result result = blob_finish(&writer, blob_r, why, sizeof why);
    return result == BLOB_OK ? E_OK : blob_failed(c, result, why);
}

enum err hyper_file_change(void *of, struct arena *arena, const struct hyper_work *work,
                           struct blob *blob_r, struct fault *fault)
{
    struct changing c = {.store = of, .work = work, .arena = arena, .fault = fault};
    const struct hyper_watch watch = {work->go_on, work->run};
    int fd = -1;
    enum err err = read_actions(&c);
    if (!err)
        err = open_target(&c);
    if (!err)
        err = open_payload(&c);
    if (!err)
        err = open_scratch(&c, &fd);
    if (!err)
        err = hyper_change(c.target, c.payload, c.actions, c.action_count, fd, &watch, fault);
    return err ? err : store(&c, fd, blob_r);
}

/* As rest/blobs.h does for a call: a blob that lay about for long may be the sweeper's. */
bool hyper_file_name(void *of, struct tx *tx, const struct blob *blob)
{
    const struct hyper_store *s = of;
    char why[BLOB_WHY_ROOM] = "";
    struct blob found;
    if (s->blob_age_ms && clock_now() - blob->stored_at > s->blob_age_ms / 2)
        return false;
    if (lanes_abilities(s->lanes) & DB_ONE_WRITER)
        return true;
    return db_lock(tx->db, blob->id) &&
           blob_find(s->blobs, blob->id, &found, why, sizeof why) == BLOB_OK;
}
