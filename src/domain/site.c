/* site.c: see site.h. */
#include "domain/site.h"

#include <string.h>

#include "base/arena.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/group.h"
#include "domain/licence.h"
#include "domain/project.h"
#include "domain/site_settings.h"
#include "domain/user.h"
#include "store/tx.h"

#define SITE_COLUMNS \
    "id, name, content_url, state, admin_mode, attributes, user_count, project_count, created_at"

static void site_read(struct tx *tx, struct stmt *stmt, struct site *site)
{
    *site = (struct site){
        .id = tx_text(tx, stmt, 0),
        .name = tx_text(tx, stmt, 1),
        .content_url = tx_text(tx, stmt, 2),
        .state = tx_text(tx, stmt, 3),
        .admin_mode = tx_text(tx, stmt, 4),
        .settings = tx_text(tx, stmt, 5),
        .user_count = stmt_get_int(stmt, 6),
        .project_count = stmt_get_int(stmt, 7),
        .created_at = stmt_get_int(stmt, 8),
    };
}

static bool content_url_valid(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
           strlen(text);
}

static enum err check_names(struct tx *tx, const struct site_spec *spec, bool is_default)
{
    if (spec->name && !*spec->name)
        return tx_refuse(tx, E400000, "The name of a site can't be empty.");
    if (spec->name && utf8_count(spec->name) > SITE_NAME_MOST)
        return tx_refuse(tx, E400000, "The name of a site can't be longer than %d characters.",
                         SITE_NAME_MOST);
    const char *url = spec->content_url;
    if (!url)
        return E_OK;
    if (!content_url_valid(url) || strlen(url) > CONTENT_URL_MOST)
        return tx_refuse(
            tx, E409002,
            "The contentUrl may hold letters, digits, hyphens and underscores, at most %d.",
            CONTENT_URL_MOST);
    if (!*url && !is_default)
        return tx_refuse(tx, E409002, "Only the default site has an empty contentUrl.");
    if (*url && is_default)
        return tx_refuse(tx, E409002, "The contentUrl of the default site stays empty.");
    return E_OK;
}

/* Where site administrators may not add users, a quota of users says nothing. */
static enum err check_modes(struct tx *tx, const struct site *before, const struct site_spec *spec)
{
    const char *mode = spec->admin_mode ? spec->admin_mode : before->admin_mode;
    bool quota = settings_keep_quota(tx, before, spec);
    if (!ONE_OF(mode, "ContentAndUsers", "ContentOnly"))
        return tx_refuse(tx, E400013,
                         "The adminMode '%.40s' is neither ContentAndUsers nor ContentOnly.", mode);
    if (spec->state && !ONE_OF(spec->state, "Active", "Suspended"))
        return tx_refuse(tx, E400000, "The state '%.40s' is neither Active nor Suspended.",
                         spec->state);
    if (settings_set_quota(spec) && settings_set_tiers(spec))
        return tx_refuse(tx, E409004, "A userQuota can't be set together with tiered capacities.");
    if (quota && strcmp(mode, "ContentOnly") == 0)
        return tx_refuse(tx, E409004,
                         "A userQuota can't be set where adminMode is ContentOnly; a userQuota of "
                         "-1 takes it away.");
    return E_OK;
}

static enum err check_spec(struct tx *tx, const struct site *before, const struct site_spec *spec,
                           bool is_default)
{
    enum err err = check_names(tx, spec, is_default);
    if (!err)
        err = settings_check(tx, spec);
    return err ? err : check_modes(tx, before, spec);
}

/* A site other than `except` of that key. */
static bool exists(struct tx *tx, const char *sql, const char *key, const char *except)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, except);
    bool found = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return found;
}

static enum err check_taken(struct tx *tx, const struct site *site, const char *name_key,
                            const char *url_key)
{
    if (exists(tx, "SELECT 1 FROM site WHERE name_key = ?1 AND id <> ?2", name_key, site->id))
        return tx_refuse(tx, E409001, "A site already exists with the name '%.150s'.", site->name);
    if (exists(tx, "SELECT 1 FROM site WHERE content_url_key = ?1 AND id <> ?2", url_key, site->id))
        return tx_refuse(tx, E409002, "A site already exists with the contentUrl '%.150s'.",
                         site->content_url);
    return E_OK;
}

/* Writes all of a site that a request can say, by an INSERT (with a serial) or an
 * UPDATE (0). */
static enum err write_site(struct tx *tx, const char *sql, const struct site *site, int64_t serial)
{
    const char *name_key = fold(tx->arena, site->name);
    const char *url_key = fold(tx->arena, site->content_url);
    enum err err = check_taken(tx, site, name_key, url_key);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, site->id);
    stmt_text(stmt, 2, site->name);
    stmt_text(stmt, 3, name_key);
    stmt_text(stmt, 4, site->content_url);
    stmt_text(stmt, 5, url_key);
    stmt_text(stmt, 6, site->state);
    stmt_text(stmt, 7, site->admin_mode);
    stmt_text(stmt, 8, site->settings);
    stmt_int(stmt, 9, tx->now);
    if (serial)
        stmt_int(stmt, 10, serial);
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT: /* lost a race against the same name or content URL */
        return tx_refuse(tx, E409001, "A site already exists with the name '%.150s'.", site->name);
    default:
        return tx_broken(tx);
    }
}

static struct site changed(struct tx *tx, const struct site *before, const struct site_spec *spec)
{
    return (struct site){
        .id = before->id,
        .name = spec->name ? spec->name : before->name,
        .content_url = spec->content_url ? spec->content_url : before->content_url,
        .state = spec->state ? spec->state : before->state,
        .admin_mode = spec->admin_mode ? spec->admin_mode : before->admin_mode,
        .settings = settings_merge(tx, before, spec, NULL),
    };
}

static const char INSERT_SQL[] =
    "INSERT INTO site (id, name, name_key, content_url, content_url_key, state, admin_mode, "
    "attributes, created_at, updated_at, serial) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)";

/* `first`: the site that has an empty content URL, and is made with the server. */
static enum err insert_site(struct tx *tx, const struct site_spec *spec, const char *id, bool first)
{
    struct site nothing = {
        .id = id, .state = "Active", .admin_mode = "ContentAndUsers", .settings = ""};
    if (!spec->name)
        return tx_refuse(tx, E400000, "The site needs a name.");
    if (!spec->content_url)
        return tx_refuse(tx, E400000, "The site needs a contentUrl.");
    enum err err = check_spec(tx, &nothing, spec, first && !*spec->content_url);
    if (err)
        return err;
    struct site site = changed(tx, &nothing, spec);
    return write_site(tx, INSERT_SQL, &site, tx_serial(tx, "site"));
}

enum err site_create(struct tx *tx, const struct actor *actor, const struct site_spec *spec,
                     struct site *site_r)
{
    char id[LUID_ROOM];
    if (actor && !actor_is_server_admin(actor))
        return tx_refuse(tx, E403004, "Only a server administrator can create sites.");
    luid_random(id);
    if (spec->id)
        luid_normalize(spec->id, id);
    enum err err = insert_site(tx, spec, id, actor == NULL);
    if (!err)
        err = group_create_all_users(tx, id);
    if (!err && actor) {
        struct user owner;
        err = user_join(tx, actor->account_id, id, ROLE_SERVER_ADMINISTRATOR, &owner);
        if (!err)
            err = project_create_default(tx, id, owner.id);
    }
    return err ? err : site_get(tx, id, site_r);
}

/* ---- changing */

static enum err needs_server_admin(struct tx *tx, const char *name)
{
    return tx_refuse(tx, E403004, "Only a server administrator can change a site's %s.", name);
}

static bool differs(const char *wanted, const char *is)
{
    return wanted && strcmp(wanted, is) != 0;
}

/* Clients send a site back as they read it: what stays as it is may be named. */
static enum err check_rights(struct tx *tx, const struct actor *actor, const struct site *site,
                             const struct site_spec *spec)
{
    if (actor_is_server_admin(actor))
        return E_OK;
    if (!actor_is_site_admin(actor) || strcmp(actor->site_id, site->id) != 0)
        return tx_refuse(tx, E403004, "Only administrators can change the site.");
    if (differs(spec->name, site->name))
        return needs_server_admin(tx, "name");
    if (differs(spec->content_url, site->content_url))
        return needs_server_admin(tx, "contentUrl");
    if (differs(spec->admin_mode, site->admin_mode))
        return needs_server_admin(tx, "adminMode");
    if (differs(spec->state, site->state))
        return needs_server_admin(tx, "state");
    const char *setting = settings_of_server(tx, site, spec);
    return setting ? needs_server_admin(tx, setting) : E_OK;
}

static const char UPDATE_SQL[] =
    "UPDATE site SET name = ?2, name_key = ?3, content_url = ?4, content_url_key = ?5, "
    "state = ?6, admin_mode = ?7, attributes = ?8, updated_at = ?9 WHERE id = ?1";

enum err site_update(struct tx *tx, const struct actor *actor, const char *id,
                     const struct site_spec *spec, struct site *site_r)
{
    struct site before;
    enum err err = site_get(tx, id, &before);
    if (!err && !db_lock(tx->db, before.id)) /* settings are read, changed and written */
        err = tx_broken(tx);
    if (!err)
        err = site_get(tx, id, &before);
    if (!err)
        err = check_rights(tx, actor, &before, spec);
    if (!err)
        err = check_spec(tx, &before, spec, !*before.content_url);
    if (err)
        return err;
    struct site after = changed(tx, &before, spec);
    err = write_site(tx, UPDATE_SQL, &after, 0);
    return err ? err : site_get(tx, before.id, site_r);
}

enum err site_set_embedding(struct tx *tx, const char *id, const struct site_embedding *embedding)
{
    struct site site;
    struct site_spec nothing = {0};
    if (!db_lock(tx->db, id))
        return tx_broken(tx);
    enum err err = site_get(tx, id, &site);
    if (err)
        return err;
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site SET attributes = ?2, updated_at = ?3 WHERE id = ?1");
    stmt_text(stmt, 1, site.id);
    stmt_text(stmt, 2, settings_merge(tx, &site, &nothing, embedding));
    stmt_int(stmt, 3, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- deleting */

/* Content names its project and owner, projects their parents and owners, and users their accounts,
 * in ways that keep those from being deleted first; the rest goes with the site's row. Each
 * statement is one for all rows: a site may hold hundreds of thousands. */
static enum err delete_rows(struct tx *tx, const char *site_id)
{
    static const char *const steps[] = {
        "DELETE FROM content WHERE site_id = ?1",
        "DELETE FROM project WHERE site_id = ?1",
        "DELETE FROM site_user WHERE site_id = ?1",
        "DELETE FROM site WHERE id = ?1",
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct stmt *stmt = db_prepare(tx->db, steps[i]);
        stmt_text(stmt, 1, site_id);
        if (stmt_step(stmt) != DB_DONE)
            return tx_broken(tx);
    }
    return E_OK;
}

/* A person without any site can't sign in anywhere; server administrators can. */
static enum err delete_accounts(struct tx *tx)
{
    struct stmt *stmt =
        db_prepare(tx->db, "DELETE FROM account WHERE server_admin = 0 AND NOT EXISTS (SELECT 1 "
                           "FROM site_user u WHERE u.account_id = account.id)");
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err site_delete(struct tx *tx, const struct actor *actor, const char *id)
{
    struct site site = {.content_url = ""};
    if (!actor_is_server_admin(actor))
        return tx_refuse(tx, E403004, "Only a server administrator can delete sites.");
    /* No user is added meanwhile whose account was seen without a site. */
    if (!db_lock(tx->db, "account"))
        return tx_broken(tx);
    enum err err = site_get(tx, id, &site);
    if (!err && !*site.content_url)
        err = tx_refuse(tx, E403002, "The default site can't be deleted.");
    if (!err && !db_lock(tx->db, site.id))
        err = tx_broken(tx);
    if (!err)
        err = delete_rows(tx, site.id);
    return err ? err : delete_accounts(tx);
}

/* ---- finding */

bool site_is_suspended(const struct site *site)
{
    return strcmp(site->state, "Active") != 0;
}

static bool find(struct tx *tx, const char *sql, const char *key, struct site *site_r)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, key);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        site_read(tx, stmt, site_r);
    stmt_reset(stmt);
    return found;
}

enum err site_get(struct tx *tx, const char *id, struct site *site_r)
{
    char key[LUID_ROOM];
    if (luid_valid(id)) {
        luid_normalize(id, key);
        if (find(tx, "SELECT " SITE_COLUMNS " FROM site WHERE id = ?1", key, site_r))
            return E_OK;
    }
    return tx_refuse(tx, E404000, "Site '%.64s' could not be found.", id);
}

enum err site_get_by_name(struct tx *tx, const char *name, struct site *site_r)
{
    const char *key = fold(tx->arena, name);
    if (find(tx, "SELECT " SITE_COLUMNS " FROM site WHERE name_key = ?1", key, site_r))
        return E_OK;
    return tx_refuse(tx, E404000, "Site '%.150s' could not be found.", name);
}

enum err site_get_by_content_url(struct tx *tx, const char *content_url, struct site *site_r)
{
    /* Content URLs are unique without case, so the folded key finds the exact one too. */
    const char *key = fold(tx->arena, content_url);
    if (find(tx, "SELECT " SITE_COLUMNS " FROM site WHERE content_url_key = ?1", key, site_r))
        return E_OK;
    return tx_refuse(tx, E404000, "Site '%.150s' could not be found.", content_url);
}

#define VISIBLE_TO \
    " FROM site WHERE ?1 = 1 OR id IN (SELECT site_id FROM site_user WHERE account_id = ?2)"

static enum err count_visible(struct tx *tx, const struct actor *actor, int64_t *total_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT COUNT(*)" VISIBLE_TO);
    stmt_int(stmt, 1, actor_is_server_admin(actor));
    stmt_text(stmt, 2, actor->account_id);
    if (stmt_step(stmt) != DB_ROW)
        return tx_broken(tx);
    *total_r = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return E_OK;
}

enum err site_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                   struct site **sites_r, size_t *count_r, int64_t *total_r)
{
    enum err err = count_visible(tx, actor, total_r);
    if (!err)
        err = list_check_page(tx, list, *total_r);
    if (err)
        return err;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " SITE_COLUMNS VISIBLE_TO " ORDER BY serial LIMIT ?3 OFFSET ?4");
    enum db_result got;
    *sites_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **sites_r);
    *count_r = 0;
    stmt_int(stmt, 1, actor_is_server_admin(actor));
    stmt_text(stmt, 2, actor->account_id);
    stmt_int(stmt, 3, list->page_size);
    stmt_int(stmt, 4, (list->page_number - 1) * list->page_size);
    while ((got = stmt_step(stmt)) == DB_ROW)
        site_read(tx, stmt, &(*sites_r)[(*count_r)++]);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err site_usage(struct tx *tx, const char *site_id, struct site_usage *usage_r)
{
    int64_t counts[ROLE_UNKNOWN];
    enum err err = licence_counts(tx, site_id, counts);
    if (err)
        return err;
    *usage_r = (struct site_usage){.creators = licence_holders(counts, LICENCE_CREATOR),
                                   .explorers = licence_holders(counts, LICENCE_EXPLORER),
                                   .viewers = licence_holders(counts, LICENCE_VIEWER)};
    usage_r->users = usage_r->creators + usage_r->explorers + usage_r->viewers;
    return E_OK;
}
