/* append.c: see append.h. Finds the extract of either file, lets extract/ make one of
 * both, and puts it where the current one was.
 *
 * The site's quota is asked before anything of a size is made: who has no room left
 * must not fill the disk by trying. */
#include "rest/append.h"

#include <sys/stat.h>

#include "content/package.h"
#include "domain/publish.h"
#include "extract/hyper_append.h"
#include "store/blob.h"

/* One of the two files. */
struct side {
    const char *file, *extract; /* for people */
    struct extract_place place; /* `kind` is that of its bytes */
    struct hyper *hyper;
};

static enum err refuse(const struct extract_work *work, const struct side *side, const char *why)
{
    return fault_set(work->fault, work->arena, E400011, "%s %s.", side->file, why);
}

static enum err find_extract(const struct extract_work *work, struct side *side)
{
    const struct package *package = side->place.package;
    size_t count = 0;
    for (size_t i = 0; i < package_count(package); i++)
        if (package_is_extract(package_entry(package, i))) {
            side->place.entry = i;
            count++;
        }
    if (count == 0)
        return refuse(work, side, "holds no extract: data can be appended to extracts alone");
    if (count > 1)
        return refuse(work, side, "holds several extracts: data can be appended to one alone");
    if (content_kind_named(package_entry(package, side->place.entry)->name) != CONTENT_HYPER)
        return refuse(work, side, "holds an extract that is no .hyper file");
    return E_OK;
}

static enum err unpack(const struct extract_work *work, struct side *side, int *fd_r)
{
    struct extract_place *place = &side->place;
    enum err err =
        package_open(work->arena, place->fd, &content_limits_default, &place->package, work->fault);
    if (!err)
        err = find_extract(work, side);
    if (!err)
        err = extract_check_room(work, package_entry(place->package, place->entry)->size);
    return err ? err : extract_unpack(work, place, fd_r);
}

static enum err open_extract(const struct extract_work *work, struct side *side)
{
    int fd = side->place.fd;
    enum err err = E_OK;
    if (side->place.kind == CONTENT_TDSX)
        err = unpack(work, side, &fd);
    else if (side->place.kind != CONTENT_HYPER)
        err = refuse(work, side,
                     "is neither a .hyper nor a .tdsx file, and data can be appended "
                     "to extracts alone");
    return err ? err : hyper_open(work->arena, fd, side->extract, &side->hyper, work->fault);
}

/* ---- both */

/* What is published is looked at as any published file is. */
static enum err open_published(const struct extract_work *work, struct side *published)
{
    struct extract_place *place = &published->place;
    struct content *content = NULL;
    enum err err = content_read(work->arena, place->fd, place->kind, NULL, &content, work->fault);
    if (err)
        return err;
    place->kind = content->kind;
    return open_extract(work, published);
}

static enum err open_current(const struct extract_work *work, const char *blob_id,
                             struct side *current)
{
    enum err err = extract_open_blob(work, blob_id, &current->place.fd);
    return err ? err : open_extract(work, current);
}

static enum err merge(const struct extract_work *work, const struct side *current,
                      const struct side *published, int *fd_r)
{
    enum err err = hyper_append_check(current->hyper, published->hyper, work->fault);
    if (!err)
        err = extract_open_scratch(work, fd_r);
    return err ? err : hyper_append(current->hyper, published->hyper, *fd_r, work->fault);
}

enum err append_to_file(const struct extract_work *work, const struct publish_target *target,
                        int fd, enum content_kind kind, struct blob *blob_r)
{
    struct side current = {.file = "The current file of the data source",
                           .extract = "The current extract of the data source",
                           .place = {.kind = content_kind_named(target->file_type)}};
    struct side published = {.file = "The published file",
                             .extract = "The published extract",
                             .place = {.fd = fd, .kind = kind}};
    int extract_fd = -1;
    enum err err = open_published(work, &published);
    if (!err)
        err = open_current(work, target->blob_id, &current);
    if (!err)
        err = merge(work, &current, &published, &extract_fd);
    return err ? err : extract_put_back(work, &current.place, extract_fd, blob_r);
}
