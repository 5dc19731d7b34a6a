/* hyper_file.c: see hyper_file.h. */
#include "rest/hyper_file.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "content/package.h"
#include "domain/hyper_update.h"
#include "rest/extract_file.h"
#include "rest/hyper_request.h"
#include "wire/doc.h"

struct changing {
    const struct hyper_work *work;
    struct extract_work files;
    struct extract_place place; /* of the extract in the data source's file */
    const struct hyper_action *actions;
    size_t action_count;
    struct hyper *target, *payload;
};

/* ---- the extract of the data source */

static enum err refuse(const struct changing *c, const char *why)
{
    return fault_set(c->files.fault, c->files.arena, E400000, "The data source %s.", why);
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
    for (size_t i = 0; i < package_count(c->place.package); i++) {
        const struct package_entry *entry = package_entry(c->place.package, i);
        if (!package_is_extract(entry))
            continue;
        bool fits = *wanted && strcasecmp(base_name(entry->name), wanted) == 0;
        if (extracts++ == 0 || (fits && named == 0))
            c->place.entry = i;
        named += fits;
    }
    if (extracts == 0)
        return refuse(c, "holds no extract");
    if (extracts > 1 && named != 1)
        return refuse(c, c->work->connection_given
                             ? "holds several extracts, and none is told by the connection"
                             : "holds several extracts: a connection must be named");
    if (content_kind_named(package_entry(c->place.package, c->place.entry)->name) != CONTENT_HYPER)
        return refuse(c, "holds an extract that is no .hyper file");
    return E_OK;
}

static enum err unpack(struct changing *c, int *fd_r)
{
    struct extract_place *place = &c->place;
    enum err err = package_open(c->files.arena, place->fd, &content_limits_default, &place->package,
                                c->files.fault);
    if (!err)
        err = choose_entry(c);
    return err ? err : extract_unpack(&c->files, place, fd_r);
}

static enum err open_target(struct changing *c)
{
    struct extract_place *place = &c->place;
    place->kind = content_kind_named(c->work->file_type);
    enum err err = extract_open_blob(&c->files, c->work->blob_id, &place->fd);
    if (err)
        return err;
    int fd = place->fd;
    if (place->kind == CONTENT_TDSX)
        err = unpack(c, &fd);
    else if (place->kind != CONTENT_HYPER)
        err = refuse(c, "is neither a .hyper nor a .tdsx file");
    return err ? err
               : hyper_open(c->files.arena, fd, "The extract of the data source", &c->target,
                            c->files.fault);
}

/* ---- changing it */

static enum err open_payload(struct changing *c)
{
    int fd = -1;
    if (!c->work->payload_id)
        return E_OK;
    enum err err = extract_open_blob(&c->files, c->work->payload_id, &fd);
    return err ? err : hyper_open(c->files.arena, fd, "The payload", &c->payload, c->files.fault);
}

/* They were read when the request came. */
static enum err read_actions(struct changing *c)
{
    struct el *root = NULL;
    bool json = strcspn(c->work->body, "{") < strcspn(c->work->body, "<");
    enum err err = (json ? json_read : xml_read)(c->files.arena, c->work->body, c->work->body_len,
                                                 &doc_limits_default, &root, c->files.fault);
    return err ? err
               : hyper_request_read(c->files.arena, root, &c->actions, &c->action_count,
                                    c->files.fault);
}

enum err hyper_file_change(void *of, struct arena *arena, const struct hyper_work *work,
                           struct blob *blob_r, struct fault *fault)
{
    struct changing c = {
        .work = work, .files = {.store = of, .arena = arena, .fault = fault, .room = work->room}};
    const struct hyper_watch watch = {work->go_on, work->run};
    int fd = -1;
    enum err err = read_actions(&c);
    if (!err)
        err = open_target(&c);
    if (!err)
        err = open_payload(&c);
    if (!err)
        err = extract_open_scratch(&c.files, &fd);
    if (!err)
        err = hyper_change(c.target, c.payload, c.actions, c.action_count, fd, &watch, fault);
    return err ? err : extract_put_back(&c.files, &c.place, fd, blob_r);
}
