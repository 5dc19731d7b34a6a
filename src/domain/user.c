/* user.c: see user.h. */
#include "domain/user.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/fold.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/group_license.h"
#include "store/tx.h"

#define USER_COLUMNS                                                                          \
    "u.id, u.site_id, u.account_id, u.name, a.domain, u.full_name, u.email, u.auth_setting, " \
    "u.external_auth_user_id, u.site_role, u.last_login_at, a.server_admin, u.sign_in_role"
#define USER_FROM " FROM site_user u JOIN account a ON a.id = u.account_id "

const struct list_field user_fields[] = {
    {"name", "u.name", LIST_TEXT, OPS_EQ | OPS_IN},
    {"siteRole", "u.site_role", LIST_TEXT, OPS_EQ | OPS_IN},
    {"friendlyName", "COALESCE(u.full_name, u.name)", LIST_TEXT, OPS_EQ | OPS_IN},
    {"luid", "u.id", LIST_TEXT, OPS_EQ | OPS_IN},
    {"domainName", "a.domain", LIST_TEXT, OPS_EQ | OPS_IN},
    {"lastLogin", "u.last_login_at", LIST_TIME, OPS_EQ | OPS_COMPARE},
    {"isLocal", "CASE WHEN a.domain = 'local' THEN 1 ELSE 0 END", LIST_BOOL, OPS_EQ},
};
const size_t user_field_count = sizeof user_fields / sizeof *user_fields;

static void user_read(struct tx *tx, struct stmt *stmt, struct user *user)
{
    *user = (struct user){
        .id = tx_text(tx, stmt, 0),
        .site_id = tx_text(tx, stmt, 1),
        .account_id = tx_text(tx, stmt, 2),
        .name = tx_text(tx, stmt, 3),
        .domain = tx_text(tx, stmt, 4),
        .full_name = tx_text(tx, stmt, 5),
        .email = tx_text(tx, stmt, 6),
        .auth_setting = tx_text(tx, stmt, 7),
        .external_auth_user_id = tx_text(tx, stmt, 8),
        .role =
            stmt_get_int(stmt, 11) ? ROLE_SERVER_ADMINISTRATOR : role_parse(stmt_get_text(stmt, 9)),
        .last_login_at = stmt_get_int(stmt, 10),
        .sign_in_role = tx_text(tx, stmt, 12),
    };
}

static enum err unknown_user(struct tx *tx, const char *id)
{
    return tx_refuse(tx, E404002, "User '%.64s' could not be found.", id);
}

static bool find_on_site(struct tx *tx, const char *site_id, const char *id, struct user *user_r)
{
    char key[LUID_ROOM];
    if (!luid_valid(id))
        return false;
    luid_normalize(id, key);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " USER_COLUMNS USER_FROM "WHERE u.id = ?1 AND u.site_id = ?2");
    stmt_text(stmt, 1, key);
    stmt_text(stmt, 2, site_id);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        user_read(tx, stmt, user_r);
    stmt_reset(stmt);
    return found;
}

enum err user_get(struct tx *tx, const struct actor *actor, const char *site_id, const char *id,
                  struct user *user_r)
{
    if (!actor_is_site_admin(actor) && !luid_equal(id, actor->user_id))
        return tx_refuse(tx, E403133, "Only administrators can read other users.");
    return find_on_site(tx, site_id, id, user_r) ? E_OK : unknown_user(tx, id);
}

static const struct list_query USER_LIST = {
    USER_COLUMNS, USER_FROM "WHERE u.site_id = ?1", "SELECT user_count FROM site WHERE id = ?1",
    " AND u.serial >= (SELECT v.serial FROM site_user v WHERE v.site_id = ?1 "
    "ORDER BY v.serial LIMIT 1 OFFSET ?3) ORDER BY u.serial LIMIT ?2",
    "u.serial"};

enum err user_list(struct tx *tx, const char *site_id, const struct list_request *list,
                   struct user **users_r, size_t *count_r, int64_t *total_r)
{
    enum db_result got;
    *total_r = list_count(tx, &USER_LIST, list, site_id);
    if (*total_r < 0)
        return tx_broken(tx);
    enum err err = list_check_page(tx, list, *total_r);
    if (err)
        return err;
    struct stmt *stmt = list_page(tx, &USER_LIST, list, site_id);
    *users_r = arena_alloc(tx->arena, (size_t)list->page_size * sizeof **users_r);
    *count_r = 0;
    while ((got = stmt_step(stmt)) == DB_ROW)
        user_read(tx, stmt, &(*users_r)[(*count_r)++]);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- accounts */

/* DOMAIN\name: this server knows the domain "local" alone. */
static const char *bare_name(const char *name, bool *known_domain_r)
{
    const char *slash = strchr(name, '\\');
    *known_domain_r = true;
    if (!slash)
        return name;
    *known_domain_r = (slash - name) == 5 && strncasecmp(name, "local", 5) == 0;
    return slash + 1;
}

static bool read_account(struct tx *tx, struct stmt *stmt, struct account *account_r)
{
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        *account_r = (struct account){tx_text(tx, stmt, 0), tx_text(tx, stmt, 1),
                                      tx_text(tx, stmt, 2), stmt_get_int(stmt, 3) != 0};
    stmt_reset(stmt);
    return found;
}

bool account_find(struct tx *tx, const char *name, struct account *account_r)
{
    bool known;
    name = bare_name(name, &known);
    if (!known)
        return false;
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT id, name, password_hash, server_admin FROM account "
                           "WHERE domain = 'local' AND name_key = ?1");
    stmt_text(stmt, 1, fold(tx->arena, name));
    return read_account(tx, stmt, account_r);
}

bool account_of_user(struct tx *tx, const char *user_id, struct account *account_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT a.id, a.name, a.password_hash, a.server_admin FROM account a "
                           "JOIN site_user u ON u.account_id = a.id WHERE u.id = ?1");
    stmt_text(stmt, 1, user_id);
    return read_account(tx, stmt, account_r);
}

static enum err account_make(struct tx *tx, const struct user_spec *spec, const char *name,
                             struct account *account_r)
{
    char id[LUID_ROOM];
    luid_random(id);
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO account (id, name, name_key, domain, full_name, email, "
                           "password_hash, server_admin, created_at, updated_at) "
                           "VALUES (?1, ?2, ?3, 'local', ?4, ?5, ?6, ?7, ?8, ?8)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, name);
    stmt_text(stmt, 3, fold(tx->arena, name));
    stmt_text(stmt, 4, spec->full_name);
    stmt_text(stmt, 5, spec->email);
    stmt_text(stmt, 6, spec->password_hash);
    stmt_int(stmt, 7, spec->server_admin);
    stmt_int(stmt, 8, tx->now);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    *account_r = (struct account){arena_strdup(tx->arena, id), name, spec->password_hash,
                                  spec->server_admin};
    return E_OK;
}

/* ---- adding */

static bool email_valid(const char *email)
{
    const char *at = strchr(email, '@');
    return at && at != email && at[1] && !strchr(at + 1, '@') && strlen(email) <= 320 &&
           !strpbrk(email, " \t\r\n<>,;\"");
}

static bool auth_setting_valid(const char *setting)
{
    static const char *const known[] = {"ServerDefault", "SAML", "OpenID", "TableauIDWithMFA"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(setting, known[i]) == 0)
            return true;
    return false;
}

static enum err check_spec(struct tx *tx, const struct actor *actor, const struct user_spec *spec,
                           enum site_role *role_r)
{
    bool known;
    if (!spec->name || !*spec->name)
        return tx_refuse(tx, E400000, "The user needs a name.");
    if (!spec->site_role)
        return tx_refuse(tx, E400000, "The user needs a siteRole.");
    if (utf8_count(spec->name) > USER_NAME_MOST)
        return tx_refuse(tx, E400000, "The name of a user can't be longer than %d characters.",
                         USER_NAME_MOST);
    *role_r = role_parse(spec->site_role);
    if (*role_r == ROLE_GUEST || strcasecmp(bare_name(spec->name, &known), "guest") == 0)
        return tx_refuse(tx, E409005, "The Guest user can't be added.");
    bool seeding = actor == NULL && *role_r == ROLE_SERVER_ADMINISTRATOR;
    if (*role_r == ROLE_UNKNOWN || (!role_may_be_given(*role_r) && !seeding))
        return tx_refuse(tx, E400013, "'%.40s' is not a site role that can be given.",
                         spec->site_role);
    if (spec->auth_setting && !auth_setting_valid(spec->auth_setting))
        return tx_refuse(tx, E400003, "The authentication setting '%.40s' is not supported.",
                         spec->auth_setting);
    if (spec->email && *spec->email && !email_valid(spec->email))
        return tx_refuse(tx, E400000, "'%.80s' is not a valid e-mail address.", spec->email);
    if (!*bare_name(spec->name, &known))
        return tx_refuse(tx, E400000, "The user needs a name.");
    if (!known)
        return tx_refuse(tx, E404002,
                         "User '%.100s' could not be found: the server has no "
                         "directory of that domain.",
                         spec->name);
    return E_OK;
}

static enum err insert_place(struct tx *tx, const char *site_id, const struct account *account,
                             enum site_role role, const struct user_spec *spec, const char *id)
{
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO site_user (id, site_id, account_id, name, name_key, site_role, "
                "auth_setting, email, full_name, created_at, updated_at, serial) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, site_id);
    stmt_text(stmt, 3, account->id);
    stmt_text(stmt, 4, account->name);
    stmt_text(stmt, 5, fold(tx->arena, account->name));
    stmt_text(stmt, 6, role_name(role));
    stmt_text(stmt, 7, spec->auth_setting);
    stmt_text(stmt, 8, spec->email && *spec->email ? spec->email : NULL);
    stmt_text(stmt, 9, spec->full_name);
    stmt_int(stmt, 10, tx->now);
    stmt_int(stmt, 11, tx_serial(tx, "site_user"));
    switch (stmt_step(stmt)) {
    case DB_DONE:
        break;
    case DB_CONFLICT:
        return tx_refuse(tx, E409017, "User '%.100s' is already on the site.", account->name);
    default:
        return tx_broken(tx);
    }
    stmt = db_prepare(tx->db, "UPDATE site SET user_count = user_count + 1 WHERE id = ?1");
    stmt_text(stmt, 1, site_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static bool place_of(struct tx *tx, const char *account_id, const char *site_id,
                     struct user *user_r)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT " USER_COLUMNS USER_FROM
                                           "WHERE u.account_id = ?1 AND u.site_id = ?2");
    stmt_text(stmt, 1, account_id);
    stmt_text(stmt, 2, site_id);
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        user_read(tx, stmt, user_r);
    stmt_reset(stmt);
    return found;
}

enum err user_add(struct tx *tx, const struct actor *actor, const char *site_id,
                  const struct user_spec *spec, struct user *user_r)
{
    char id[LUID_ROOM];
    bool known;
    enum site_role role = ROLE_UNKNOWN;
    struct account account;
    if (actor && !actor_is_site_admin(actor))
        return tx_refuse(tx, E403004, "Only administrators can add users.");
    enum err err = check_spec(tx, actor, spec, &role);
    if (err)
        return err;
    if (!db_lock(tx->db, "account"))
        return tx_broken(tx);
    if (!account_find(tx, spec->name, &account))
        err = account_make(tx, spec, bare_name(spec->name, &known), &account);
    if (err)
        return err;
    if (place_of(tx, account.id, site_id, user_r))
        return tx_refuse(tx, E409017, "User '%.100s' is already on the site.", account.name);
    luid_random(id);
    if (spec->id)
        luid_normalize(spec->id, id);
    err = insert_place(tx, site_id, &account, role, spec, id);
    if (err)
        return err;
    return find_on_site(tx, site_id, id, user_r) ? E_OK : tx_broken(tx);
}

enum err user_join(struct tx *tx, const char *account_id, const char *site_id, enum site_role role,
                   struct user *user_r)
{
    char id[LUID_ROOM];
    if (place_of(tx, account_id, site_id, user_r))
        return E_OK;
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT id, name, password_hash, server_admin FROM account WHERE id = ?1");
    struct account account;
    stmt_text(stmt, 1, account_id);
    if (!read_account(tx, stmt, &account))
        return tx_broken(tx);
    luid_random(id);
    enum err err = insert_place(tx, site_id, &account, role, &(struct user_spec){0}, id);
    if (err)
        return err;
    return place_of(tx, account_id, site_id, user_r) ? E_OK : tx_broken(tx);
}

/* ---- signing in */

bool user_for_sign_in(struct tx *tx, const struct account *account, const char *site_id,
                      struct user *user_r)
{
    if (place_of(tx, account->id, site_id, user_r))
        return group_license_admits(user_r);
    return account->server_admin &&
           user_join(tx, account->id, site_id, ROLE_SERVER_ADMINISTRATOR, user_r) == E_OK;
}

bool user_find_exact(struct tx *tx, const char *site_id, const char *name, struct user *user_r,
                     const char **why_r)
{
    bool known;
    const char *bare = bare_name(name, &known);
    *why_r = known ? "no user of the site" : "the server knows no such domain";
    if (!known)
        return false;
    struct stmt *stmt = db_prepare(tx->db, "SELECT " USER_COLUMNS USER_FROM
                                           "WHERE u.site_id = ?1 AND u.name_key = ?2");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, fold(tx->arena, bare));
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        user_read(tx, stmt, user_r);
    stmt_reset(stmt);
    if (!found)
        return false;
    if (strcmp(user_r->name, bare) != 0) {
        *why_r = "the name differs in case from the user's";
        return false;
    }
    if (!group_license_admits(user_r)) {
        *why_r = "the user is unlicensed";
        return false;
    }
    return true;
}

enum err user_signed_in(struct tx *tx, const char *user_id, bool *noted_r)
{
    /* A minute's grain keeps many sign-ins of one user from writing one row each time. */
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_user SET last_login_at = ?2 WHERE id = ?1 AND "
                           "(last_login_at IS NULL OR last_login_at + 60000 <= ?2)");
    stmt_text(stmt, 1, user_id);
    stmt_int(stmt, 2, tx->now);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    *noted_r = stmt_changes(stmt) > 0;
    return E_OK;
}
