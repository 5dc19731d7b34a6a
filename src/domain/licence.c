/* licence.c: see licence.h. */
#include "domain/licence.h"

#include <stdlib.h>
#include <string.h>

#include "domain/site.h"
#include "store/tx.h"

enum err licence_counts(struct tx *tx, const char *site_id, int64_t counts_r[ROLE_UNKNOWN])
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT site_role, user_count FROM site_role_count WHERE site_id = ?1");
    enum db_result got;
    memset(counts_r, 0, ROLE_UNKNOWN * sizeof *counts_r);
    stmt_text(stmt, 1, site_id);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        enum site_role role = role_parse(stmt_get_text(stmt, 0));
        if (role != ROLE_UNKNOWN)
            counts_r[role] += stmt_get_int(stmt, 1);
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

int64_t licence_holders(const int64_t counts[ROLE_UNKNOWN], enum licence licence)
{
    int64_t sum = 0;
    for (int role = 0; role < ROLE_UNKNOWN; role++)
        if (role_licence((enum site_role)role) == licence)
            sum += counts[role];
    return sum;
}

/* ---- room */

static const struct {
    enum licence licence;
    const char *capacity, *name;
} TIERS[] = {
    {LICENCE_CREATOR, "tierCreatorCapacity", "Creator"},
    {LICENCE_EXPLORER, "tierExplorerCapacity", "Explorer"},
    {LICENCE_VIEWER, "tierViewerCapacity", "Viewer"},
};

/* A site's limit of that name; -1 where it has none. */
static int64_t limit_of(struct tx *tx, const struct site *site, const char *name)
{
    size_t count;
    const struct site_attribute *attributes = site_attributes(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(attributes[i].name, name) != 0)
            continue;
        const char *value = site_setting(tx, site, &attributes[i]);
        return value ? strtoll(value, NULL, 10) : -1;
    }
    return -1;
}

/* `more`: users who are to come beside those counted. */
static enum err check_tier(struct tx *tx, const struct site *site, const int64_t *counts,
                           enum licence licence, int64_t more)
{
    for (size_t i = 0; i < sizeof TIERS / sizeof *TIERS; i++) {
        int64_t most = TIERS[i].licence == licence ? limit_of(tx, site, TIERS[i].capacity) : -1;
        if (most >= 0 && licence_holders(counts, licence) + more > most)
            return tx_refuse(tx, E409014, "The site has no %s licence left: its capacity is %lld.",
                             TIERS[i].name, (long long)most);
    }
    return E_OK;
}

static enum err check_quota(struct tx *tx, const struct site *site, const int64_t *counts,
                            int64_t more)
{
    int64_t quota = limit_of(tx, site, "userQuota"), users = 0;
    for (int role = 0; role < ROLE_UNKNOWN; role++)
        if (role_licence((enum site_role)role) != LICENCE_NONE)
            users += counts[role];
    if (quota >= 0 && users + more > quota)
        return tx_refuse(tx, E409014, "The site has no licence left: its userQuota is %lld.",
                         (long long)quota);
    return E_OK;
}

enum err licence_room(struct tx *tx, const struct site *site, enum site_role from,
                      enum site_role to)
{
    int64_t counts[ROLE_UNKNOWN];
    enum licence before = role_licence(from), after = role_licence(to);
    if (after == LICENCE_NONE || after == before || to == ROLE_SERVER_ADMINISTRATOR)
        return E_OK;
    enum err err = licence_counts(tx, site->id, counts);
    if (!err)
        err = check_tier(tx, site, counts, after, 1);
    return err || before != LICENCE_NONE ? err : check_quota(tx, site, counts, 1);
}

enum err licence_fits(struct tx *tx, const struct site *site, enum site_role role)
{
    int64_t counts[ROLE_UNKNOWN];
    enum err err = licence_counts(tx, site->id, counts);
    if (!err)
        err = check_tier(tx, site, counts, role_licence(role), 0);
    return err ? err : check_quota(tx, site, counts, 0);
}

/* ---- counting */

static bool count_role(struct tx *tx, const char *site_id, enum site_role role, int64_t by)
{
    if (role == ROLE_UNKNOWN)
        return true;
    struct stmt *stmt = db_prepare(
        tx->db, "INSERT INTO site_role_count (site_id, site_role, user_count) VALUES (?1, ?2, ?3) "
                "ON CONFLICT (site_id, site_role) DO UPDATE SET "
                "user_count = site_role_count.user_count + ?3");
    stmt_text(stmt, 1, site_id);
    stmt_text(stmt, 2, role_name(role));
    stmt_int(stmt, 3, by);
    return stmt_step(stmt) == DB_DONE;
}

static bool count_user(struct tx *tx, const char *site_id, int64_t by)
{
    if (by == 0)
        return true;
    struct stmt *stmt =
        db_prepare(tx->db, "UPDATE site SET user_count = user_count + ?2 WHERE id = ?1");
    stmt_text(stmt, 1, site_id);
    stmt_int(stmt, 2, by);
    return stmt_step(stmt) == DB_DONE;
}

enum err licence_moved(struct tx *tx, const char *site_id, enum site_role from, enum site_role to)
{
    if (from == to)
        return E_OK;
    bool ok = count_role(tx, site_id, from, -1) && count_role(tx, site_id, to, 1) &&
              count_user(tx, site_id, (from == ROLE_UNKNOWN) - (to == ROLE_UNKNOWN));
    return ok ? E_OK : tx_broken(tx);
}

enum err licence_recount(struct tx *tx, const char *site_id)
{
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM site_role_count WHERE site_id = ?1");
    stmt_text(stmt, 1, site_id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    stmt = db_prepare(
        tx->db,
        "INSERT INTO site_role_count (site_id, site_role, user_count) SELECT site_id, "
        "site_role, COUNT(*) FROM site_user WHERE site_id = ?1 GROUP BY site_id, site_role");
    stmt_text(stmt, 1, site_id);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}

enum err licence_add(struct tx *tx, const struct site *site, enum site_role role, int64_t users)
{
    if (users <= 0)
        return E_OK;
    /* There is room for all where there is for one more behind the others. */
    if (!count_role(tx, site->id, role, users - 1))
        return tx_broken(tx);
    enum err err = licence_room(tx, site, ROLE_UNKNOWN, role);
    if (err)
        return err;
    bool ok = count_role(tx, site->id, role, 1) && count_user(tx, site->id, users);
    return ok ? E_OK : tx_broken(tx);
}
