/* user_removal.c: users taken from a site; see user.h. */
#include <string.h>

#include "base/ident.h"
#include "domain/access.h"
#include "domain/actor.h"
#include "domain/group.h"
#include "domain/licence.h"
#include "domain/permission.h"
#include "domain/search.h"
#include "domain/site.h"
#include "domain/user_priv.h"
#include "store/tx.h"

/* ---- what a user owns: a row for each type of content */

static const struct {
    const char *owns, *transfer;
} CONTENT[] = {
    {"SELECT 1 FROM project WHERE owner_id = ?1 LIMIT 1",
     "UPDATE project SET owner_id = ?2 WHERE owner_id = ?1"},
    {"SELECT 1 FROM content WHERE owner_id = ?1 LIMIT 1",
     "UPDATE content SET owner_id = ?2 WHERE owner_id = ?1"},
};

enum err user_owns_content(struct tx *tx, const char *user_id, bool *owns_r)
{
    *owns_r = false;
    for (size_t i = 0; i < sizeof CONTENT / sizeof *CONTENT && !*owns_r; i++) {
        struct stmt *stmt = db_prepare(tx->db, CONTENT[i].owns);
        stmt_text(stmt, 1, user_id);
        enum db_result got = stmt_step(stmt);
        stmt_reset(stmt);
        if (got != DB_ROW && got != DB_DONE)
            return tx_broken(tx);
        *owns_r = got == DB_ROW;
    }
    return E_OK;
}

enum err user_transfer_content(struct tx *tx, const char *site_id, const char *from, const char *to)
{
    enum err err = E_OK;
    for (size_t i = 0; i < sizeof CONTENT / sizeof *CONTENT && !err; i++)
        err = user_run(tx, CONTENT[i].transfer, from, to);
    if (!err)
        err = search_index_owned(tx, site_id, to);
    return err ? err : access_changed(tx, site_id);
}

/* ---- who may be taken away */

/* The methods of this category document no code for the last administrator: 403004
 * is what the API answers where something may not be removed by this caller, and
 * nothing the caller could add to the request would help (as for 409003). */
static enum err check_last_admin(struct tx *tx, const struct user *user)
{
    bool last;
    enum err err = user_is_last_admin(tx, user, &last);
    if (!err && last)
        return tx_refuse(tx, E403004,
                         "The user is the last administrator of the site: another one has to be "
                         "appointed first.");
    if (!err)
        err = user_is_last_server_admin(tx, user, &last);
    if (!err && last)
        return tx_refuse(tx, E403004,
                         "The user is the last server administrator: another one has to be "
                         "appointed first.");
    return err;
}

static enum err check_removal(struct tx *tx, const struct actor *actor, const char *site_id,
                              const char *id, struct user *user_r)
{
    struct site site;
    if (!actor_is_site_admin(actor))
        return tx_refuse(tx, E403004, "Only administrators can remove users.");
    enum err err = site_get(tx, site_id, &site);
    if (!err)
        err = user_check_admin_mode(tx, actor, &site);
    if (!err)
        err = user_find(tx, site_id, id, user_r);
    if (err)
        return err;
    if (user_r->role == ROLE_SERVER_ADMINISTRATOR && !actor_is_server_admin(actor))
        return tx_refuse(tx, E403004,
                         "Only server administrators can remove a server administrator.");
    return check_last_admin(tx, user_r);
}

/* ---- where the content goes */

static enum err check_heir(struct tx *tx, const struct user *user, const char *map_assets_to,
                           struct user *heir_r)
{
    if (!luid_valid(map_assets_to))
        return tx_refuse(tx, E400000, "mapAssetsTo '%.64s' is not the id of a user.",
                         map_assets_to);
    if (luid_equal(map_assets_to, user->id))
        return tx_refuse(tx, E400000,
                         "mapAssetsTo names the user to be removed: the content needs another "
                         "owner.");
    return user_find(tx, user->site_id, map_assets_to, heir_r);
}

static enum err still_owns(struct tx *tx, const struct user *user)
{
    return tx_refuse(tx, E409003,
                     "User '%.100s' still owns content: name its new owner by mapAssetsTo.",
                     user->name);
}

static enum err hand_over(struct tx *tx, const struct user *user, const char *map_assets_to)
{
    bool owns;
    struct user heir;
    enum err err = map_assets_to ? check_heir(tx, user, map_assets_to, &heir) : E_OK;
    if (!err)
        err = user_owns_content(tx, user->id, &owns);
    if (err || !owns)
        return err;
    if (!map_assets_to)
        return still_owns(tx, user);
    return user_transfer_content(tx, user->site_id, user->id, heir.id);
}

/* ---- taking away */

static enum err delete_row(struct tx *tx, const struct user *user)
{
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM site_user WHERE id = ?1");
    stmt_text(stmt, 1, user->id);
    switch (stmt_step(stmt)) {
    case DB_DONE:
        return E_OK;
    case DB_CONFLICT: /* given something at this very moment, by another node */
        return still_owns(tx, user);
    default:
        return tx_broken(tx);
    }
}

/* Personal access tokens go with the row. Its sessions end because a
 * session is as good as its user (rest/callers.c). */
static enum err delete_place(struct tx *tx, const struct user *user)
{
    enum err err = group_forget_user(tx, user->site_id, user->id);
    if (!err)
        err = permission_forget_grantee(tx, user->site_id, user->id);
    if (!err)
        err = delete_row(tx, user);
    if (!err)
        err = licence_moved(tx, user->site_id, user->role, ROLE_UNKNOWN);
    return err ? err : access_changed(tx, user->site_id);
}

/* A person on no site is nobody, but for a server administrator, who may enter any. */
static enum err forget_person(struct tx *tx, const char *account_id)
{
    return user_run(tx,
                    "DELETE FROM account WHERE id = ?1 AND server_admin = 0 AND NOT EXISTS "
                    "(SELECT 1 FROM site_user WHERE account_id = ?1)",
                    account_id, NULL);
}

enum err user_remove(struct tx *tx, const struct actor *actor, const char *site_id, const char *id,
                     const char *map_assets_to)
{
    struct user user;
    /* The site's lock is that of acts on its groups, whose members are counted. */
    if (!db_lock(tx->db, "account") || !db_lock(tx->db, site_id))
        return tx_broken(tx);
    enum err err = check_removal(tx, actor, site_id, id, &user);
    if (!err)
        err = hand_over(tx, &user, map_assets_to);
    if (!err)
        err = delete_place(tx, &user);
    return err ? err : forget_person(tx, user.account_id);
}
