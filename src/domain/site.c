/* site.c: see site.h. */
#include "domain/site.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/group.h"
#include "domain/licence.h"
#include "domain/project.h"
#include "domain/user.h"
#include "store/tx.h"

static const struct site_attribute ATTRIBUTES[] = {
#define SITE_ATTRIBUTE(name, kind, fallback) {#name, SITE_##kind, fallback},
#include "tbl/site_attributes.def"
#undef SITE_ATTRIBUTE
};

const struct site_attribute *site_attributes(size_t *count_r)
{
    *count_r = sizeof ATTRIBUTES / sizeof *ATTRIBUTES;
    return ATTRIBUTES;
}

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

/* ---- settings, one a line: name=value, with %, \n and \r of values escaped */

static void encode_setting(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, "%s=", name);
    for (; *value; value++) {
        if (*value == '%' || *value == '\n' || *value == '\r')
            buf_addf(out, "%%%02X", (unsigned char)*value);
        else
            buf_addc(out, *value);
    }
    buf_addc(out, '\n');
}

const char *site_setting(struct tx *tx, const struct site *site, const struct site_attribute *which)
{
    size_t name = strlen(which->name);
    for (const char *line = site->settings; *line;) {
        size_t len = strcspn(line, "\n");
        if (len > name && line[name] == '=' && memcmp(line, which->name, name) == 0) {
            char *value = arena_alloc(tx->arena, len - name);
            return percent_decode(line + name + 1, len - name - 1, false, value) ? value : NULL;
        }
        line += len + (line[len] == '\n');
    }
    return *which->fallback ? which->fallback : NULL;
}

static const struct site_attribute *attribute_of(const char *name)
{
    for (size_t i = 0; i < sizeof ATTRIBUTES / sizeof *ATTRIBUTES; i++)
        if (strcmp(ATTRIBUTES[i].name, name) == 0)
            return &ATTRIBUTES[i];
    return NULL;
}

static bool whole(const char *text, int64_t *value_r)
{
    char *end;
    *value_r = strtoll(text, &end, 10);
    return *text && !*end && strlen(text) < 12;
}

static bool value_fits(const struct site_attribute *a, const char *value)
{
    int64_t n;
    switch (a->kind) {
    case SITE_BOOL:
        return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
    case SITE_NUMBER:
    case SITE_COUNT:
        return whole(value, &n);
    case SITE_LIMIT:
        return whole(value, &n) && (n == -1 || (n >= 2 && n <= 10000));
    case SITE_QUOTA:
        return whole(value, &n) && n > 0;
    case SITE_CAPACITY:
        return whole(value, &n) && n >= 0;
    default:
        return strlen(value) <= SITE_TEXT_MOST;
    }
}

static const char *canonical(struct arena *arena, const struct site_attribute *a, const char *value)
{
    if (a->kind == SITE_BOOL && (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0))
        return "true";
    if (a->kind == SITE_BOOL && (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0))
        return "false";
    return arena_strdup(arena, value);
}

static bool given(const struct site_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->setting_count; i++)
        if (strcmp(spec->settings[i].name, name) == 0)
            return true;
    return false;
}

/* Checks the settings of a request and encodes them. */
static enum err encode_settings(struct tx *tx, const struct site_spec *spec, const char **text_r)
{
    struct buf out;
    buf_init(&out, tx->arena, 256 << 10);
    buf_adds(&out, "");
    for (size_t i = 0; i < spec->setting_count; i++) {
        const struct site_attribute *a = attribute_of(spec->settings[i].name);
        const char *value = a ? canonical(tx->arena, a, spec->settings[i].value) : NULL;
        if (!a)
            continue; /* not a setting of a site: ignored, as the schema allows others */
        if (!value_fits(a, value))
            return tx_refuse(tx, E400000, "'%.60s' is no value for the site attribute %s.", value,
                             a->name);
        encode_setting(&out, a->name, value);
    }
    *text_r = out.bytes;
    return E_OK;
}

static bool content_url_valid(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
           strlen(text);
}

static enum err check_spec(struct tx *tx, const struct actor *actor, const struct site_spec *spec)
{
    bool first = actor == NULL;
    if (!spec->name || !*spec->name)
        return tx_refuse(tx, E400000, "The site needs a name.");
    if (!spec->content_url)
        return tx_refuse(tx, E400000, "The site needs a contentUrl.");
    if (utf8_count(spec->name) > SITE_NAME_MOST)
        return tx_refuse(tx, E400000, "The name of a site can't be longer than %d characters.",
                         SITE_NAME_MOST);
    if (!content_url_valid(spec->content_url) || strlen(spec->content_url) > CONTENT_URL_MOST)
        return tx_refuse(
            tx, E409002,
            "The contentUrl may hold letters, digits, hyphens and underscores, at most %d.",
            CONTENT_URL_MOST);
    if (!*spec->content_url && !first)
        return tx_refuse(tx, E409002, "Only the default site has an empty contentUrl.");
    if (spec->admin_mode && strcmp(spec->admin_mode, "ContentAndUsers") != 0 &&
        strcmp(spec->admin_mode, "ContentOnly") != 0)
        return tx_refuse(tx, E400013,
                         "The adminMode '%.40s' is neither ContentAndUsers nor ContentOnly.",
                         spec->admin_mode);
    bool quota = given(spec, "userQuota");
    if (quota && spec->admin_mode && strcmp(spec->admin_mode, "ContentOnly") == 0)
        return tx_refuse(tx, E409004, "A userQuota can't be set where adminMode is ContentOnly.");
    if (quota && (given(spec, "tierCreatorCapacity") || given(spec, "tierExplorerCapacity") ||
                  given(spec, "tierViewerCapacity")))
        return tx_refuse(tx, E409004, "A userQuota can't be set together with tiered capacities.");
    return E_OK;
}

static bool exists(struct tx *tx, const char *sql, const char *key)
{
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, key);
    bool found = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return found;
}

static enum err check_taken(struct tx *tx, const struct site_spec *spec, const char *name_key,
                            const char *url_key)
{
    if (exists(tx, "SELECT 1 FROM site WHERE name_key = ?1", name_key))
        return tx_refuse(tx, E409001, "A site already exists with the name '%.150s'.", spec->name);
    if (exists(tx, "SELECT 1 FROM site WHERE content_url_key = ?1", url_key))
        return tx_refuse(tx, E409002, "A site already exists with the contentUrl '%.150s'.",
                         spec->content_url);
    return E_OK;
}

static enum err insert_site(struct tx *tx, const struct site_spec *spec, const char *id)
{
    const char *settings = "";
    const char *name_key = fold(tx->arena, spec->name);
    const char *url_key = fold(tx->arena, spec->content_url);
    enum err err = encode_settings(tx, spec, &settings);
    if (!err)
        err = check_taken(tx, spec, name_key, url_key);
    if (err)
        return err;
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO site (id, name, name_key, content_url, content_url_key, state, "
                "admin_mode, attributes, created_at, updated_at, serial) "
                "VALUES (?1, ?2, ?3, ?4, ?5, 'Active', ?6, ?7, ?8, ?8, ?9)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, spec->name);
    stmt_text(stmt, 3, name_key);
    stmt_text(stmt, 4, spec->content_url);
    stmt_text(stmt, 5, url_key);
    stmt_text(stmt, 6, spec->admin_mode ? spec->admin_mode : "ContentAndUsers");
    stmt_text(stmt, 7, settings);
    stmt_int(stmt, 8, tx->now);
    stmt_int(stmt, 9, tx_serial(tx, "site"));
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT: /* lost a race against the same name or content URL */
        return tx_refuse(tx, E409001, "A site already exists with the name '%.150s'.", spec->name);
    default:
        return tx_broken(tx);
    }
}

enum err site_create(struct tx *tx, const struct actor *actor, const struct site_spec *spec,
                     struct site *site_r)
{
    char id[LUID_ROOM];
    if (actor && !actor_is_server_admin(actor))
        return tx_refuse(tx, E403004, "Only a server administrator can create sites.");
    enum err err = check_spec(tx, actor, spec);
    if (err)
        return err;
    luid_random(id);
    if (spec->id)
        luid_normalize(spec->id, id);
    err = insert_site(tx, spec, id);
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

/* ---- finding */

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
