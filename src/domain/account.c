/* account.c: people; see user.h. */
#include <string.h>
#include <strings.h>

#include "base/fold.h"
#include "base/ident.h"
#include "domain/user_priv.h"
#include "store/tx.h"

/* DOMAIN\name: this server knows the domain "local" alone. */
const char *account_bare_name(const char *name, bool *known_r)
{
    const char *slash = strchr(name, '\\');
    *known_r = true;
    if (!slash)
        return name;
    *known_r = (slash - name) == 5 && strncasecmp(name, USER_DOMAIN, 5) == 0;
    return slash + 1;
}

/* ---- finding */

#define PERSON "SELECT id, name, password_hash, server_admin, full_name, email FROM account "

static bool read_person(struct tx *tx, struct stmt *stmt, struct person *person_r)
{
    bool found = stmt_step(stmt) == DB_ROW;
    if (found)
        *person_r = (struct person){{tx_text(tx, stmt, 0), tx_text(tx, stmt, 1),
                                     tx_text(tx, stmt, 2), stmt_get_int(stmt, 3) != 0},
                                    tx_text(tx, stmt, 4),
                                    tx_text(tx, stmt, 5)};
    stmt_reset(stmt);
    return found;
}

bool person_find(struct tx *tx, const char *account_id, struct person *person_r)
{
    struct stmt *stmt = db_prepare(tx->db, PERSON "WHERE id = ?1");
    stmt_text(stmt, 1, account_id);
    return read_person(tx, stmt, person_r);
}

bool person_by_name(struct tx *tx, const char *name, struct person *person_r)
{
    bool known;
    name = account_bare_name(name, &known);
    if (!known)
        return false;
    struct stmt *stmt =
        db_prepare(tx->db, PERSON "WHERE domain = '" USER_DOMAIN "' AND name_key = ?1");
    stmt_text(stmt, 1, fold(tx->arena, name));
    return read_person(tx, stmt, person_r);
}

bool account_find(struct tx *tx, const char *name, struct account *account_r)
{
    struct person person;
    bool found = person_by_name(tx, name, &person);
    if (found)
        *account_r = person.account;
    return found;
}

bool account_of_user(struct tx *tx, const char *user_id, struct account *account_r)
{
    struct person person;
    struct stmt *stmt =
        db_prepare(tx->db, PERSON "WHERE id = (SELECT account_id FROM site_user WHERE id = ?1)");
    stmt_text(stmt, 1, user_id);
    bool found = read_person(tx, stmt, &person);
    if (found)
        *account_r = person.account;
    return found;
}

int64_t person_places(struct tx *tx, const char *account_id)
{
    return user_number(tx, "SELECT COUNT(*) FROM site_user WHERE account_id = ?1", account_id);
}

/* ---- what texts may be */

enum err account_check_name(struct tx *tx, const char *name)
{
    bool known;
    const char *bare = account_bare_name(name, &known);
    if (!*bare)
        return tx_refuse(tx, E400000, "The user needs a name.");
    if (utf8_count(name) > USER_NAME_MOST)
        return tx_refuse(tx, E400000, "The name of a user can't be longer than %d characters.",
                         USER_NAME_MOST);
    if (strcasecmp(bare, "guest") == 0)
        return tx_refuse(tx, E409005, "The Guest user can't be added.");
    if (!known)
        return tx_refuse(tx, E404002,
                         "User '%.100s' could not be found: the server has no "
                         "directory of that domain.",
                         name);
    return E_OK;
}

enum err account_check_email(struct tx *tx, const char *email)
{
    const char *at = strchr(email, '@');
    if (!*email || (at && at != email && at[1] && !strchr(at + 1, '@') &&
                    strlen(email) <= USER_EMAIL_MOST && !strpbrk(email, " \t\r\n<>,;\"")))
        return E_OK;
    return tx_refuse(tx, E400000, "'%.80s' is not a valid e-mail address.", email);
}

enum err account_check_full_name(struct tx *tx, const char *full_name)
{
    if (utf8_count(full_name) <= USER_FULL_NAME_MOST)
        return E_OK;
    return tx_refuse(tx, E400000, "The full name of a user can't be longer than %d characters.",
                     USER_FULL_NAME_MOST);
}

/* ---- writing */

static const char *or_none(const char *text)
{
    return text && *text ? text : NULL;
}

enum err person_make(struct tx *tx, const struct user_spec *spec, struct person *person_r)
{
    bool known;
    char id[LUID_ROOM];
    const char *name = account_bare_name(spec->name, &known);
    luid_random(id);
    *person_r = (struct person){
        {arena_strdup(tx->arena, id), name, spec->password_hash, spec->server_admin},
        or_none(spec->full_name),
        or_none(spec->email)};
    struct stmt *stmt =
        db_prepare(tx->db, "INSERT INTO account (id, name, name_key, domain, full_name, email, "
                           "password_hash, server_admin, created_at, updated_at) "
                           "VALUES (?1, ?2, ?3, '" USER_DOMAIN "', ?4, ?5, ?6, ?7, ?8, ?8)");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, name);
    stmt_text(stmt, 3, fold(tx->arena, name));
    stmt_text(stmt, 4, person_r->full_name);
    stmt_text(stmt, 5, person_r->email);
    stmt_text(stmt, 6, spec->password_hash);
    stmt_int(stmt, 7, spec->server_admin);
    stmt_int(stmt, 8, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

static enum err write_places(struct tx *tx, const char *account_id, const struct person *person)
{
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_user SET name = ?2, name_key = ?3, full_name = ?4, "
                           "email = ?5, updated_at = ?6 WHERE account_id = ?1");
    stmt_text(stmt, 1, account_id);
    stmt_text(stmt, 2, person->account.name);
    stmt_text(stmt, 3, fold(tx->arena, person->account.name));
    stmt_text(stmt, 4, person->full_name);
    stmt_text(stmt, 5, person->email);
    stmt_int(stmt, 6, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err person_change(struct tx *tx, const char *account_id, const struct user_change *change)
{
    bool known;
    struct person person;
    if (!person_find(tx, account_id, &person))
        return tx_broken(tx);
    if (change->name)
        person.account.name = account_bare_name(change->name, &known);
    if (change->full_name)
        person.full_name = or_none(change->full_name);
    if (change->email)
        person.email = or_none(change->email);
    if (change->password_hash)
        person.account.password_hash = change->password_hash;
    struct stmt *stmt = db_prepare(tx->db, "UPDATE account SET name = ?2, name_key = ?3, "
                                           "full_name = ?4, email = ?5, password_hash = ?6, "
                                           "updated_at = ?7 WHERE id = ?1");
    stmt_text(stmt, 1, account_id);
    stmt_text(stmt, 2, person.account.name);
    stmt_text(stmt, 3, fold(tx->arena, person.account.name));
    stmt_text(stmt, 4, person.full_name);
    stmt_text(stmt, 5, person.email);
    stmt_text(stmt, 6, person.account.password_hash);
    stmt_int(stmt, 7, tx->now);
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return write_places(tx, account_id, &person);
    case DB_CONFLICT:
        return tx_refuse(tx, E409000, "The server has a user '%.100s' already.",
                         person.account.name);
    default:
        return tx_broken(tx);
    }
}
