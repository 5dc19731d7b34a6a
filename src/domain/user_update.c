/* user_update.c: users changed; see user.h. docs/organisation.md says the rules in
 * words. */
#include <string.h>

#include "base/arena.h"
#include "base/ident.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/licence.h"
#include "domain/search.h"
#include "domain/site.h"
#include "domain/user_priv.h"
#include "store/tx.h"

enum { LANGUAGE_MOST = 32 };

/* A change, weighed against what is there. */
struct update {
    const struct actor *actor;
    const struct user_change *change;
    struct user user;    /* as it is */
    enum site_role role; /* as it is to be */
    bool person;         /* something of the person is to change */
};

/* ---- what the texts may be */

static bool language_valid(const char *text)
{
    return strlen(text) <= LANGUAGE_MOST &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
               strlen(text);
}

static enum err check_texts(struct tx *tx, const struct user_change *change)
{
    enum err err = change->name ? account_check_name(tx, change->name) : E_OK;
    if (err == E409005)
        return tx_refuse(tx, E403009, "No user can become the Guest user.");
    if (!err && change->full_name)
        err = account_check_full_name(tx, change->full_name);
    if (!err && change->email)
        err = account_check_email(tx, change->email);
    if (err)
        return err;
    if (change->auth_setting && !user_auth_setting_valid(change->auth_setting))
        return tx_refuse(tx, E400003, "The authentication setting '%.40s' is not supported.",
                         change->auth_setting);
    if ((change->language && !language_valid(change->language)) ||
        (change->locale && !language_valid(change->locale)))
        return tx_refuse(tx, E400000,
                         "A language or locale is a name such as en or en_GB, of at most %d "
                         "characters.",
                         LANGUAGE_MOST);
    return E_OK;
}

/* ---- the person */

static bool differs(const char *is, const char *to_be)
{
    return to_be && strcmp(is ? is : "", to_be) != 0;
}

/* Clients send back what they read, so only what differs counts as a change. */
static bool changes_person(const struct update *u)
{
    const struct user_change *c = u->change;
    bool known;
    return c->password || c->password_hash || differs(u->user.full_name, c->full_name) ||
           differs(u->user.email, c->email) ||
           (c->name && differs(u->user.name, account_bare_name(c->name, &known)));
}

/* Who is on several sites is changed by those alone who administer them all. */
static enum err check_person(struct tx *tx, const struct update *u)
{
    struct person other;
    if (!u->person)
        return E_OK;
    if (!actor_is_server_admin(u->actor) && person_places(tx, u->user.account_id) != 1)
        return tx_refuse(tx, E403004,
                         "The user is on other sites too: only server administrators can change "
                         "name, full name, e-mail address and password.");
    if (u->change->name && person_by_name(tx, u->change->name, &other) &&
        strcmp(other.account.id, u->user.account_id) != 0)
        return tx_refuse(tx, E409000, "The server has a user '%.100s' already.",
                         other.account.name);
    return E_OK;
}

/* ---- the role */

static enum err check_given(struct tx *tx, const struct update *u)
{
    const char *name = u->change->site_role;
    if (u->role == ROLE_SERVER_ADMINISTRATOR && !actor_is_server_admin(u->actor))
        return tx_refuse(tx, E403004,
                         "Only server administrators can make a user a server administrator.");
    if (u->role != ROLE_SERVER_ADMINISTRATOR && !role_may_be_given(u->role))
        return tx_refuse(tx, E400013, "'%.40s' is not a site role that can be given.", name);
    if (strcmp(u->user.id, u->actor->user_id) == 0)
        return tx_refuse(tx, E403009, "Users cannot change their own site role.");
    return E_OK;
}

static enum err check_last_admin(struct tx *tx, const struct update *u)
{
    bool last = false;
    enum err err = E_OK;
    if (role_administers(u->role) == ADMINISTERS_NOTHING)
        err = user_is_last_admin(tx, &u->user, &last);
    if (!err && last)
        return tx_refuse(tx, E403009,
                         "The user is the last administrator of the site: another one has to be "
                         "appointed first.");
    if (!err)
        err = user_is_last_server_admin(tx, &u->user, &last);
    if (!err && last)
        return tx_refuse(tx, E403009,
                         "The user is the last server administrator: another one has to be "
                         "appointed first.");
    return err;
}

static enum err check_role(struct tx *tx, struct update *u)
{
    struct site site;
    u->role = u->change->site_role ? role_parse(u->change->site_role) : u->user.role;
    if (u->role == u->user.role)
        return E_OK;
    enum err err = check_given(tx, u);
    if (!err)
        err = check_last_admin(tx, u);
    if (!err)
        err = site_get(tx, u->user.site_id, &site);
    return err ? err : licence_room(tx, &site, u->user.role, u->role);
}

/* ---- all together */

static enum err weigh(struct tx *tx, const char *site_id, const char *id, struct update *u)
{
    if (!actor_is_site_admin(u->actor))
        return tx_refuse(tx, E403004, "Only administrators can change users.");
    enum err err = user_find(tx, site_id, id, &u->user);
    if (err)
        return err;
    if (u->user.role == ROLE_GUEST)
        return tx_refuse(tx, E403009, "The Guest user can't be changed.");
    if (u->user.role == ROLE_SERVER_ADMINISTRATOR && !actor_is_server_admin(u->actor))
        return tx_refuse(tx, E403004,
                         "Only server administrators can change a server administrator.");
    err = check_texts(tx, u->change);
    if (err)
        return err;
    u->person = changes_person(u);
    err = check_role(tx, u);
    return err ? err : check_person(tx, u);
}

enum err user_check_change(struct tx *tx, const struct actor *actor, const char *site_id,
                           const char *id, const struct user_change *change)
{
    struct update u = {.actor = actor, .change = change};
    return weigh(tx, site_id, id, &u);
}

static enum err write_role(struct tx *tx, const struct update *u)
{
    bool is = u->user.role == ROLE_SERVER_ADMINISTRATOR;
    bool to_be = u->role == ROLE_SERVER_ADMINISTRATOR;
    enum err err = is != to_be ? person_set_server_admin(tx, &u->user, to_be) : E_OK;
    return err ? err : user_set_role(tx, &u->user, u->role);
}

static const char *given(const char *to_be, const char *is)
{
    return !to_be ? is : *to_be ? to_be : NULL;
}

static enum err write_place(struct tx *tx, const struct update *u)
{
    const struct user_change *c = u->change;
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site_user SET auth_setting = ?2, language = ?3, locale = ?4, "
                           "updated_at = ?5 WHERE id = ?1");
    stmt_text(stmt, 1, u->user.id);
    stmt_text(stmt, 2, given(c->auth_setting, u->user.auth_setting));
    stmt_text(stmt, 3, given(c->language, u->user.language));
    stmt_text(stmt, 4, given(c->locale, u->user.locale));
    stmt_int(stmt, 5, tx->now);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err user_update(struct tx *tx, const struct actor *actor, const char *site_id, const char *id,
                     const struct user_change *change, struct user *user_r)
{
    struct update u = {.actor = actor, .change = change};
    if (!db_lock(tx->db, "account"))
        return tx_broken(tx);
    enum err err = weigh(tx, site_id, id, &u);
    if (!err && u.role != u.user.role)
        err = write_role(tx, &u);
    if (!err && u.person)
        err = person_change(tx, u.user.account_id, change);
    if (!err)
        err = write_place(tx, &u);
    if (!err && change->full_name)
        err = search_index_owned(tx, site_id, u.user.id);
    return err ? err : user_find(tx, site_id, id, user_r);
}

/* ---- roles */

enum err user_set_role(struct tx *tx, const struct user *user, enum site_role role)
{
    struct site site;
    if (role == user->role)
        return E_OK;
    enum err err = site_get(tx, user->site_id, &site);
    if (!err)
        err = licence_room(tx, &site, user->role, role);
    if (!err)
        err = user_run(tx, "UPDATE site_user SET site_role = ?2 WHERE id = ?1", user->id,
                       role_name(role));
    if (!err)
        err = licence_moved(tx, user->site_id, user->role, role);
    return err ? err : access_changed(tx, user->site_id);
}

/* The person's places but for the user's own. */
static enum err other_places(struct tx *tx, const struct user *user, struct user **places_r,
                             size_t *count_r)
{
    int64_t room = person_places(tx, user->account_id);
    enum db_result got = DB_FAILED;
    *count_r = 0;
    *places_r = arena_alloc(tx->arena, (size_t)(room > 0 ? room : 1) * sizeof **places_r);
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT " USER_COLUMNS " FROM site_user u WHERE u.account_id = ?1 "
                           "AND u.id <> ?2");
    stmt_text(stmt, 1, user->account_id);
    stmt_text(stmt, 2, user->id);
    while (room >= 0 && (got = stmt_step(stmt)) == DB_ROW && (int64_t)*count_r < room)
        user_read(tx, stmt, &(*places_r)[(*count_r)++]);
    stmt_reset(stmt);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err person_set_server_admin(struct tx *tx, const struct user *user, bool server_admin)
{
    struct user *places = NULL;
    size_t count = 0;
    /* What the person was on the other sites before is not known any more. */
    enum site_role role = server_admin ? ROLE_SERVER_ADMINISTRATOR : ROLE_UNLICENSED;
    enum err err = user_run(tx,
                            server_admin ? "UPDATE account SET server_admin = 1 WHERE id = ?1"
                                         : "UPDATE account SET server_admin = 0 WHERE id = ?1",
                            user->account_id, NULL);
    if (!err)
        err = other_places(tx, user, &places, &count);
    for (size_t i = 0; i < count && !err; i++)
        err = user_set_role(tx, &places[i], role);
    return err;
}
