/* publish.c: see publish.h. */
#include "domain/publish.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fold.h"
#include "base/ident.h"
#include "base/url_name.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/content_priv.h"
#include "domain/found_name.h"
#include "domain/permission.h"
#include "domain/project.h"
#include "domain/revision.h"
#include "domain/search.h"
#include "domain/site.h"
#include "domain/tag.h"
#include "domain/workbook_datasource.h"
#include "store/tx.h"

/* ---- names in URLs */

enum { NUMBERS_MOST = 1 << 30 };

static const char *numbered(struct tx *tx, const struct publish_spec *spec, size_t number)
{
    return url_name_choice(tx->arena, url_name(tx->arena, spec->name), number);
}

static bool is_taken(struct tx *tx, const char *site_id, const struct publish_spec *spec,
                     size_t number)
{
    return content_id_of_url(tx, site_id, spec->type, numbered(tx, spec, number)) != NULL;
}

/* Drawn beyond a bound, so that no set of names makes the search long. */
static size_t next_try(size_t number)
{
    uint32_t drawn;
    if (number < NUMBERS_MOST)
        return number ? 2 * number : 1;
    random_bytes(&drawn, sizeof drawn);
    return drawn;
}

/* A free number is looked for in steps that double and then halve: a name that thousands
 * have costs a few dozen looks. Numbers that were given back may stay unused. */
static const char *free_url(struct tx *tx, const char *site_id, const struct publish_spec *spec)
{
    size_t taken = 0, free = 0;
    while (is_taken(tx, site_id, spec, free)) {
        taken = free;
        free = next_try(free);
    }
    while (free > taken + 1) {
        size_t middle = taken + (free - taken) / 2;
        if (is_taken(tx, site_id, spec, middle))
            taken = middle;
        else
            free = middle;
    }
    return numbered(tx, spec, free);
}

/* ---- whether it may be */

enum err publish_room(struct tx *tx, const char *site_id, int64_t *left_r)
{
    struct site site;
    size_t count;
    const struct site_attribute *attributes = site_attributes(&count);
    const char *quota = NULL;
    enum err err = site_get(tx, site_id, &site);
    for (size_t i = 0; i < count && !err; i++)
        if (strcmp(attributes[i].name, "storageQuota") == 0)
            quota = site_setting(tx, &site, &attributes[i]);
    *left_r = INT64_MAX;
    if (err || !quota)
        return err;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT COALESCE(SUM(bytes), 0) FROM content_count WHERE site_id = ?1");
    stmt_text(stmt, 1, site_id);
    if (stmt_step(stmt) != DB_ROW)
        return tx_broken(tx);
    *left_r = strtoll(quota, NULL, 10) * (1 << 20) - stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return E_OK;
}

/* The item of that name in the project, if there is one. */
static bool find_named(struct tx *tx, const struct publish_spec *spec, const char *site_id,
                       struct content_item *item_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT id FROM content WHERE project_id = ?1 AND "
                                           "content_type = ?2 AND name_key = ?3");
    stmt_text(stmt, 1, spec->project_id);
    stmt_text(stmt, 2, content_type_name(spec->type));
    stmt_text(stmt, 3, fold(tx->arena, spec->name));
    const char *id = stmt_step(stmt) == DB_ROW ? tx_text(tx, stmt, 0) : NULL;
    stmt_reset(stmt);
    return id && content_item_find(tx, site_id, spec->type, id, item_r);
}

static enum err check_names(struct tx *tx, const struct publish_spec *spec)
{
    enum err nameless = spec->type == TYPE_FLOW         ? E400089
                        : spec->type == TYPE_DATASOURCE ? E400019
                                                        : E400000;
    if (!spec->name || content_name_blank(spec->name))
        return tx_refuse(tx, nameless, "The %s needs a name.", content_type_name(spec->type));
    if (utf8_count(spec->name) > CONTENT_NAME_MOST)
        return tx_refuse(tx, E400000, "A name can't be longer than %d characters.",
                         CONTENT_NAME_MOST);
    if (spec->description && utf8_count(spec->description) > CONTENT_DESCRIPTION_MOST)
        return tx_refuse(tx, E400000, "A description can't be longer than %d characters.",
                         CONTENT_DESCRIPTION_MOST);
    return E_OK;
}

static enum err check_project(struct tx *tx, const struct actor *actor,
                              const struct publish_spec *spec, struct project *project_r)
{
    struct project_access access;
    const char *id = spec->project_id && *spec->project_id ? spec->project_id
                                                           : project_default(tx, actor->site_id);
    enum err err = project_get(tx, actor->site_id, id, project_r);
    if (!err)
        err = access_project(tx, actor, project_r->id, &access);
    if (err)
        return err;
    if (!role_may_publish(actor->role))
        return tx_refuse(tx, E403007, "The site role %s may not publish.", role_name(actor->role));
    if (!(access.capabilities & CAP_BIT(CAP_WRITE)))
        return tx_refuse(tx, E403007, "The user may not publish to the project.");
    return E_OK;
}

/* An item of that name is overwritten by who may write it; its owner stays. */
static enum err check_old(struct tx *tx, const struct actor *actor, const struct publish_spec *spec,
                          const struct content_item *old)
{
    cap_set held;
    if (!spec->overwrite)
        return tx_refuse(tx, content_refusals(spec->type)->taken,
                         "A %s named '%.150s' exists in the project, and overwrite is not true.",
                         content_type_name(spec->type), old->name);
    enum err err = content_item_access(tx, actor, old, &held);
    if (!err && !(held & CAP_BIT(CAP_WRITE)))
        err = tx_refuse(tx, E403007, "The user may not overwrite the %s.",
                        content_type_name(spec->type));
    return err;
}

static enum err check_room(struct tx *tx, const struct actor *actor,
                           const struct publish_spec *spec)
{
    int64_t left;
    enum err err = publish_room(tx, actor->site_id, &left);
    if (!err && spec->size_bytes > left)
        err = tx_refuse(tx, E403008, "The file is larger than the storage left to the site.");
    return err;
}

bool publish_same_place(const char *server, const char *port, const char *other_server,
                        const char *other_port)
{
    return server && other_server && strcasecmp(server, other_server) == 0 &&
           (!port || !*port || !other_port || !*other_port || strcmp(port, other_port) == 0);
}

/* Whether the file says that the published data source is on this site. */
static bool is_here(const struct actor *actor, const struct publish_spec *spec,
                    const struct publish_datasource *d)
{
    return d->content_url && (!d->site || strcasecmp(d->site, actor->site_content_url) == 0) &&
           publish_same_place(d->server, d->port, spec->checked_server, spec->checked_port);
}

static enum err check_datasource(struct tx *tx, const struct actor *actor,
                                 const struct publish_datasource *d)
{
    struct content_item item;
    cap_set held = 0;
    const char *id = content_id_of_url(tx, actor->site_id, TYPE_DATASOURCE, d->content_url);
    enum err err = E_OK;
    if (id && content_item_find(tx, actor->site_id, TYPE_DATASOURCE, id, &item))
        err = content_item_access(tx, actor, &item, &held);
    if (!err && !(held & CAP_BIT(CAP_READ)))
        err = tx_refuse(tx, E403132,
                        "The workbook uses the published data source '%.150s' (%.150s), which is "
                        "not on the site or may not be read.",
                        d->name, d->content_url);
    return err;
}

static enum err check_datasources(struct tx *tx, const struct actor *actor,
                                  const struct publish_spec *spec)
{
    enum err err = E_OK;
    for (size_t i = 0; i < spec->datasource_count && !err; i++)
        if (is_here(actor, spec, &spec->datasources[i]))
            err = check_datasource(tx, actor, &spec->datasources[i]);
    return err;
}

/* *exists_r: `old_r` is to be overwritten. */
static enum err check(struct tx *tx, const struct actor *actor, struct publish_spec *spec,
                      bool *exists_r, struct content_item *old_r)
{
    struct project project;
    enum err err = check_names(tx, spec);
    if (!err)
        err = check_project(tx, actor, spec, &project);
    if (err)
        return err;
    spec->project_id = project.id;
    *exists_r = find_named(tx, spec, actor->site_id, old_r);
    if (*exists_r)
        err = check_old(tx, actor, spec, old_r);
    return err ? err : check_room(tx, actor, spec);
}

/* The same for appending: the rights are those of overwriting. */
static enum err check_append(struct tx *tx, const struct actor *actor, struct publish_spec *spec,
                             struct content_item *old_r)
{
    bool exists;
    spec->overwrite = true;
    enum err err = check(tx, actor, spec, &exists, old_r);
    if (!err && !exists)
        err = tx_refuse(tx, E404004, "The project has no data source named '%.150s'.", spec->name);
    return err;
}

enum err publish_check(struct tx *tx, const struct actor *actor, const struct publish_spec *spec)
{
    struct publish_spec copy = *spec;
    struct content_item old;
    bool exists;
    return check(tx, actor, &copy, &exists, &old);
}

enum err publish_check_append(struct tx *tx, const struct actor *actor,
                              const struct publish_spec *spec, struct publish_target *target_r)
{
    struct publish_spec copy = *spec;
    struct content_item old;
    enum err err = check_append(tx, actor, &copy, &old);
    if (err)
        return err;
    *target_r =
        (struct publish_target){.id = old.id, .revision = old.revision, .file_type = old.file_type};
    err = publish_room(tx, actor->site_id, &target_r->room);
    return err ? err : content_item_blob(tx, &old, &target_r->blob_id, NULL);
}

/* ---- writing */

enum err content_counted(struct tx *tx, const char *site_id, const char *type_name, int64_t items,
                         int64_t bytes)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO content_count (site_id, content_type, items, bytes) VALUES (?1, ?2, "
                "?3, ?4) ON CONFLICT (site_id, content_type) DO UPDATE SET "
                "items = content_count.items + ?3, bytes = content_count.bytes + ?4");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, type_name);
    stmt_int(stmt, 3, items);
    stmt_int(stmt, 4, bytes);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static void bind_spec(struct stmt *stmt, const struct publish_spec *spec)
{
    stmt_text(stmt, 1, spec->file_type);
    stmt_text(stmt, 2, spec->data_type);
    stmt_int(stmt, 3, spec->size_bytes);
    stmt_int(stmt, 4, spec->show_tabs);
    stmt_int(stmt, 5, spec->has_extracts);
    stmt_int(stmt, 6, spec->encrypts_extracts);
    stmt_int(stmt, 7, spec->uses_remote_query_agent);
    stmt_int(stmt, 8, (int64_t)spec->view_count);
    stmt_text(stmt, 9, spec->thumbnails_user_id);
    stmt_text(stmt, 10, spec->thumbnails_group_id);
}

static enum err insert(struct tx *tx, const struct actor *actor, const struct publish_spec *spec,
                       const char *id)
{
    struct stmt *stmt = db_prepare(
        tx->db,
        "INSERT INTO content (file_type, data_type, size_bytes, show_tabs, has_extracts, "
        "encrypts_extracts, uses_remote_query_agent, sheet_count, thumbnails_user_id, "
        "thumbnails_group_id, id, site_id, content_type, project_id, owner_id, name, name_key, "
        "description, content_url, content_url_key, revision, created_at, updated_at, "
        "published_at, serial) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
        "?14, ?15, ?16, ?17, ?18, ?19, ?20, 1, ?21, ?21, ?21, ?22)");
    const char *url = free_url(tx, actor->site_id, spec);
    bind_spec(stmt, spec);
    stmt_text(stmt, 11, id);
    stmt_text(stmt, 12, actor->site_id);
    stmt_text(stmt, 13, content_type_name(spec->type));
    stmt_text(stmt, 14, spec->project_id);
    stmt_text(stmt, 15, actor->user_id);
    stmt_text(stmt, 16, spec->name);
    stmt_text(stmt, 17, fold(tx->arena, spec->name));
    stmt_text(stmt, 18, spec->description ? spec->description : "");
    stmt_text(stmt, 19, url);
    stmt_text(stmt, 20, fold(tx->arena, url));
    stmt_int(stmt, 21, tx->now);
    stmt_int(stmt, 22, tx_serial(tx, "content"));
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    enum err err = content_counted(tx, actor->site_id, content_type_name(spec->type), 1, 0);
    return err ? err : permission_begin_item(tx, actor->site_id, spec->project_id, spec->type, id);
}

static enum err overwrite(struct tx *tx, const struct publish_spec *spec,
                          const struct content_item *old)
{
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE content SET file_type = ?1, data_type = ?2, size_bytes = ?3, show_tabs = "
                "?4, has_extracts = ?5, encrypts_extracts = ?6, uses_remote_query_agent = ?7, "
                "sheet_count = ?8, thumbnails_user_id = ?9, thumbnails_group_id = ?10, "
                "description = COALESCE(?12, description), revision = revision + 1, "
                "updated_at = ?13, published_at = ?13 WHERE id = ?11");
    bind_spec(stmt, spec);
    stmt_text(stmt, 11, old->id);
    stmt_text(stmt, 12, spec->description);
    stmt_int(stmt, 13, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err add_revision(struct tx *tx, const struct actor *actor,
                             const struct publish_spec *spec, const char *id, int64_t number)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO revision (content_id, number, blob_id, size_bytes, file_type, "
                "publisher_id, published_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    stmt_text(stmt, 1, id);
    stmt_int(stmt, 2, number);
    stmt_text(stmt, 3, spec->blob_id);
    stmt_int(stmt, 4, spec->size_bytes);
    stmt_text(stmt, 5, spec->file_type);
    stmt_text(stmt, 6, actor->user_id);
    stmt_int(stmt, 7, tx->now);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    enum err err =
        content_counted(tx, actor->site_id, content_type_name(spec->type), 0, spec->size_bytes);
    return err ? err : revision_trim(tx, actor->site_id, spec->type, id);
}

/* datasource_ids: in the order of the spec's data sources. */
static enum err write_connections(struct tx *tx, const struct publish_spec *spec, const char *id,
                                  const char *const *datasource_ids)
{
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM connection WHERE content_id = ?1");
    stmt_text(stmt, 1, id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    for (size_t i = 0; i < spec->connection_count; i++) {
        const struct publish_connection *c = &spec->connections[i];
        const struct publish_datasource *of = c->datasource;
        char luid[LUID_ROOM];
        luid_random(luid);
        stmt = db_prepare(
            tx->db, "INSERT INTO connection (id, content_id, position, connection_type, "
                    "server_address, server_port, user_name, database_name, filename, "
                    "authentication_type, embeds_password, sealed_password, datasource_id, "
                    "datasource_name, datasource_content_url) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
                    "?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
        stmt_text(stmt, 1, c->id ? c->id : luid);
        stmt_text(stmt, 2, id);
        stmt_int(stmt, 3, (int64_t)i);
        stmt_text(stmt, 4, c->type);
        stmt_text(stmt, 5, c->server ? c->server : "");
        stmt_text(stmt, 6, c->port ? c->port : "");
        stmt_text(stmt, 7, c->user_name ? c->user_name : "");
        stmt_text(stmt, 8, c->database ? c->database : "");
        stmt_text(stmt, 9, c->filename);
        stmt_text(stmt, 10, c->authentication);
        stmt_int(stmt, 11, c->embeds_password);
        stmt_text(stmt, 12, c->sealed_password);
        stmt_text(stmt, 13, of ? datasource_ids[of - spec->datasources] : NULL);
        stmt_text(stmt, 14, of ? of->name : NULL);
        stmt_text(stmt, 15, of ? of->content_url : NULL);
        if (stmt_step(stmt) != DB_DONE)
            return tx_broken(tx);
    }
    return E_OK;
}

static enum err write_tags(struct tx *tx, const struct actor *actor,
                           const struct publish_spec *spec, const char *id)
{
    enum err err = E_OK;
    for (size_t i = 0; i < spec->tag_count && !err; i++) {
        const struct publish_tag *tag = &spec->tags[i];
        const char *tagged = tag->view ? view_of_sheet(tx, id, tag->view) : id;
        if (tagged)
            err =
                tag_publish(tx, actor, tag->view ? TYPE_VIEW : spec->type, tagged, &tag->label, 1);
    }
    return err;
}

/* The item with what hangs on it: rows of their own, and what they are found by. */
static enum err write_parts(struct tx *tx, const struct actor *actor,
                            const struct publish_spec *spec, const char *id)
{
    const char **datasource_ids =
        arena_zalloc(tx->arena, (spec->datasource_count + 1) * sizeof *datasource_ids);
    enum err err = E_OK;
    if (spec->type == TYPE_WORKBOOK)
        err = workbook_datasource_publish(tx, id, spec->datasources, spec->datasource_count,
                                          datasource_ids);
    if (!err)
        err = write_connections(tx, spec, id, datasource_ids);
    if (!err && spec->type == TYPE_WORKBOOK)
        err = publish_views(tx, actor->site_id, id, spec);
    if (!err && spec->type == TYPE_FLOW)
        err = publish_steps(tx, id, spec);
    if (!err && spec->type == TYPE_DATASOURCE)
        err = found_names_set(tx, FOUND_BY_TABLE, actor->site_id, id, spec->tables,
                              spec->table_count);
    if (!err)
        err = write_tags(tx, actor, spec, id);
    if (!err)
        err = search_index(tx, actor->site_id, spec->type, id);
    return err ? err : access_changed(tx, actor->site_id);
}

static enum err find_published(struct tx *tx, const struct actor *actor, enum content_type type,
                               const char *id, struct content_item *item_r)
{
    return content_item_find(tx, actor->site_id, type, id, item_r) ? E_OK : tx_broken(tx);
}

static enum err update_size(struct tx *tx, const struct publish_spec *spec, const char *id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "UPDATE content SET size_bytes = ?2, revision = revision + 1, updated_at = ?3, "
                "published_at = ?3 WHERE id = ?1");
    stmt_text(stmt, 1, id);
    stmt_int(stmt, 2, spec->size_bytes);
    stmt_int(stmt, 3, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err check_revision(struct tx *tx, const struct content_item *old, int64_t revision)
{
    if (old->revision == revision)
        return E_OK;
    return tx_refuse(tx, E403131,
                     "The data source was published by another request in the meantime.");
}

enum err publish_changed(struct tx *tx, const struct actor *actor, const char *datasource_id,
                         int64_t revision, const char *blob_id, int64_t size_bytes)
{
    struct publish_spec spec = {
        .type = TYPE_DATASOURCE, .blob_id = blob_id, .size_bytes = size_bytes};
    struct content_item old;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    enum err err = find_published(tx, actor, spec.type, datasource_id, &old);
    if (!err)
        err = check_revision(tx, &old, revision);
    if (!err)
        err = check_room(tx, actor, &spec);
    spec.file_type = old.file_type;
    if (!err)
        err = update_size(tx, &spec, old.id);
    return err ? err : add_revision(tx, actor, &spec, old.id, old.revision + 1);
}

static enum err append(struct tx *tx, const struct actor *actor, struct publish_spec *spec,
                       struct content_item *item_r)
{
    const struct publish_target *target = spec->append_to;
    struct content_item old;
    enum err err = check_append(tx, actor, spec, &old);
    if (err)
        return err;
    err = check_revision(tx, &old, strcmp(old.id, target->id) == 0 ? target->revision : -1);
    if (err)
        return err;
    spec->file_type = old.file_type;
    err = update_size(tx, spec, old.id);
    if (!err)
        err = add_revision(tx, actor, spec, old.id, old.revision + 1);
    return err ? err : find_published(tx, actor, spec->type, old.id, item_r);
}

enum err publish(struct tx *tx, const struct actor *actor, const struct publish_spec *given,
                 struct content_item *item_r, bool *created_r)
{
    struct publish_spec spec = *given;
    struct content_item old;
    char id[LUID_ROOM];
    bool exists;
    *created_r = false;
    if (!db_lock(tx->db, actor->site_id))
        return tx_broken(tx);
    if (spec.append_to)
        return append(tx, actor, &spec, item_r);
    enum err err = check(tx, actor, &spec, &exists, &old);
    if (!err)
        err = check_datasources(tx, actor, &spec);
    if (err)
        return err;
    luid_random(id);
    if (exists)
        memcpy(id, old.id, sizeof id);
    err = exists ? overwrite(tx, &spec, &old) : insert(tx, actor, &spec, id);
    if (!err)
        err = add_revision(tx, actor, &spec, id, exists ? old.revision + 1 : 1);
    if (!err)
        err = write_parts(tx, actor, &spec, id);
    *created_r = !exists;
    return err ? err : find_published(tx, actor, spec.type, id, item_r);
}
