/* append.c: see append.h. Finds the extract of either file, lets extract/ make one of
 * both, and puts it where the current one was. What is made on the way stands in files
 * without names.
 *
 * The site's quota is asked before anything of a size is made: who has no room left
 * must not fill the disk by trying. */
#include "rest/append.h"

#include <sys/stat.h>

#include "base/file.h"
#include "content/package.h"
#include "content/repack.h"
#include "domain/publish.h"
#include "extract/hyper_append.h"
#include "rest/blobs.h"

enum { PIECE = 256 << 10 };

/* One of the two files. */
struct side {
    const char *file, *extract; /* for people */
    int fd;
    enum content_kind kind; /* of its bytes */
    struct hyper *hyper;
};

static enum err check_room(struct call *call, const struct publish_target *target, uint64_t size)
{
    if (size > (uint64_t)(target->room > 0 ? target->room : 0))
        return tx_refuse(&call->tx, E403008,
                         "The data source would be larger than the storage left to the site.");
    return E_OK;
}

/* ---- the extract of a file */

static enum err refuse(struct call *call, const struct side *side, const char *why)
{
    return tx_refuse(&call->tx, E400011, "%s %s.", side->file, why);
}

static enum err find_extract(struct call *call, const struct side *side,
                             const struct package *package, size_t *index_r)
{
    size_t count = 0;
    for (size_t i = 0; i < package_count(package); i++)
        if (package_is_extract(package_entry(package, i))) {
            *index_r = i;
            count++;
        }
    if (count == 0)
        return refuse(call, side, "holds no extract: data can be appended to extracts alone");
    if (count > 1)
        return refuse(call, side, "holds several extracts: data can be appended to one alone");
    if (content_kind_named(package_entry(package, *index_r)->name) != CONTENT_HYPER)
        return refuse(call, side, "holds an extract that is no .hyper file");
    return E_OK;
}

static enum err unpack(struct call *call, struct package *package, size_t index, int to)
{
    struct package_stream *stream = NULL;
    enum err err = package_stream_open(package, index, false, &stream, &call->tx.fault);
    if (err)
        return err;
    char *piece = arena_alloc(call->tx.arena, PIECE);
    uint64_t at = 0;
    ptrdiff_t n;
    while (!err && (n = package_stream_read(stream, piece, PIECE, &call->tx.fault)) != 0) {
        err = n < 0 ? call->tx.fault.err : scratch_write(call, to, piece, (size_t)n, at);
        at += n > 0 ? (uint64_t)n : 0;
    }
    package_stream_close(&stream);
    return err;
}

static enum err unpack_extract(struct call *call, const struct publish_target *target,
                               const struct side *side, int *fd_r)
{
    struct package *package = NULL;
    size_t index = 0;
    enum err err =
        package_open(call->tx.arena, side->fd, &content_limits_default, &package, &call->tx.fault);
    if (!err)
        err = find_extract(call, side, package, &index);
    if (!err)
        err = check_room(call, target, package_entry(package, index)->size);
    if (!err)
        err = scratch_for_call(call, fd_r);
    return err ? err : unpack(call, package, index, *fd_r);
}

static enum err open_extract(struct call *call, const struct publish_target *target,
                             struct side *side)
{
    int fd = side->fd;
    enum err err = E_OK;
    if (side->kind == CONTENT_TDSX)
        err = unpack_extract(call, target, side, &fd);
    else if (side->kind != CONTENT_HYPER)
        err = refuse(call, side,
                     "is neither a .hyper nor a .tdsx file, and data can be appended "
                     "to extracts alone");
    return err ? err : hyper_open(call->tx.arena, fd, side->extract, &side->hyper, &call->tx.fault);
}

/* ---- both */

/* What is published is looked at as any published file is. */
static enum err open_published(struct call *call, const struct publish_target *target,
                               struct side *published, enum content_kind named)
{
    struct content *content = NULL;
    enum err err =
        content_read(call->tx.arena, published->fd, named, NULL, &content, &call->tx.fault);
    if (err)
        return err;
    published->kind = content->kind;
    return open_extract(call, target, published);
}

static enum err open_current(struct call *call, const struct publish_target *target,
                             struct side *current)
{
    struct blob_file file;
    enum err err = blob_for_call(call, target->blob_id, &file);
    if (err)
        return err;
    current->fd = file.fd;
    return open_extract(call, target, current);
}

static enum err merge(struct call *call, const struct publish_target *target,
                      const struct side *current, const struct side *published, int *fd_r)
{
    struct stat stat;
    enum err err = hyper_append_check(current->hyper, published->hyper, &call->tx.fault);
    if (!err)
        err = scratch_for_call(call, fd_r);
    if (!err)
        err = hyper_append(current->hyper, published->hyper, *fd_r, &call->tx.fault);
    if (err)
        return err;
    return fstat(*fd_r, &stat) == 0 ? check_room(call, target, (uint64_t)stat.st_size)
                                    : tx_refuse(&call->tx, E500000, "The file could not be read.");
}

static enum err store(struct call *call, const struct side *current, int extract_fd,
                      struct blob *blob_r)
{
    struct repack *repack = NULL;
    if (current->kind == CONTENT_HYPER)
        return blob_of_scratch(call, extract_fd, blob_r);
    enum err err = repack_replace(call->tx.arena, current->fd, current->kind, NULL, extract_fd,
                                  &repack, &call->tx.fault);
    return err ? err : blob_of_stream(call, repack, blob_r);
}

enum err append_to_file(struct call *call, const struct publish_target *target, int fd,
                        enum content_kind kind, struct blob *blob_r)
{
    struct side current = {.file = "The current file of the data source",
                           .extract = "The current extract of the data source",
                           .kind = content_kind_named(target->file_type)};
    struct side published = {
        .file = "The published file", .extract = "The published extract", .fd = fd};
    int extract_fd = -1;
    enum err err = open_published(call, target, &published, kind);
    if (!err)
        err = open_current(call, target, &current);
    if (!err)
        err = merge(call, target, &current, &published, &extract_fd);
    return err ? err : store(call, &current, extract_fd, blob_r);
}
