/* refresh_file.c: see refresh_file.h. */
#include "rest/refresh_file.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "content/content.h"
#include "content/package.h"
#include "store/blob.h"

struct looking {
    struct arena *arena;
    struct package *package; /* NULL: the file is none */
};

/* The extract itself stands among the connections of some documents. */
static bool is_extract(const struct content_connection *c)
{
    return strcmp(c->type, "hyper") == 0 || strcmp(c->type, "dataengine") == 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Directories of sources are those of whoever saved the file: names alone count. */
static bool in_package(const struct package *package, const char *file_name)
{
    size_t count = package ? package_count(package) : 0;
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(base_name(package_entry(package, i)->name), base_name(file_name)) == 0)
            return true;
    return false;
}

static const char *obstacle_of(const struct looking *l, const struct content_datasource *d,
                               const struct content_connection *c)
{
    const char *name = d->caption ? d->caption : d->name ? d->name : "";
    if (c->filename && in_package(l->package, c->filename))
        return NULL;
    if (c->filename)
        return arena_printf(l->arena,
                            "The extract of '%.200s' is made from the file '%.200s', "
                            "which is not in the package.",
                            name, base_name(c->filename));
    return arena_printf(
        l->arena,
        "The extract of '%.200s' is made from a source of type '%.60s'%s%.200s, and "
        "there is no connector for that type.",
        name, c->type, c->server ? " at " : "", c->server ? c->server : "");
}

static const char *obstacle_in(const struct looking *l, const struct content_datasource *d)
{
    size_t sources = 0;
    const char *obstacle = NULL;
    for (const struct content_connection *c = d->connections; c && !obstacle; c = c->next) {
        if (is_extract(c))
            continue;
        sources++;
        obstacle = obstacle_of(l, d, c);
    }
    if (!obstacle && !sources)
        return arena_printf(l->arena,
                            "The extract of '%.200s' names no source that it could be made from.",
                            d->caption ? d->caption
                            : d->name  ? d->name
                                       : "");
    return obstacle;
}

static enum err look(struct looking *l, int fd, enum content_kind kind, const char **obstacle_r,
                     struct fault *fault)
{
    struct content *content;
    enum err err = content_read(l->arena, fd, kind, NULL, &content, fault);
    if (!err && content_is_package(kind))
        err = package_open(l->arena, fd, &content_limits_default, &l->package, fault);
    if (err)
        return err;
    for (const struct content_datasource *d = content->datasources; d && !*obstacle_r; d = d->next)
        if (d->has_extract || kind == CONTENT_HYPER || kind == CONTENT_TDE)
            *obstacle_r = obstacle_in(l, d);
    return E_OK;
}

enum err refresh_blob(void *of, struct arena *arena, const char *blob_id, const char *file_type,
                      const char **obstacle_r, struct fault *fault)
{
    const struct refresh_store *store = of;
    char why[BLOB_WHY_ROOM] = "";
    struct blob_file file;
    struct looking looking = {arena, NULL};
    *obstacle_r = NULL;
    if (blob_open(store->blobs, blob_id, 0, UINT64_MAX, &file, why, sizeof why) != BLOB_OK) {
        log_write(store->log, LOG_ERROR, "blob store", LOG_S("why", why));
        return fault_set(fault, arena, E500000, "The file could not be read back.");
    }
    enum err err = look(&looking, file.fd, content_kind_named(file_type), obstacle_r, fault);
    close(file.fd);
    return err;
}
