/* user_import.c: users added and changed by a CSV file; see user_import.h.
 *
 * Persons and places are looked up and added many at a time, since a file may have
 * hundreds of thousands of rows: by the rules of user_add, which is left to do what
 * is rare. Users who are there already are changed by user_update, where the row
 * differs from what is there. */
#include "domain/user_import.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/ident.h"
#include "base/map.h"
#include "domain/actor.h"
#include "domain/job.h"
#include "domain/licence.h"
#include "domain/site.h"
#include "domain/user_csv.h"
#include "domain/user_priv.h"
#include "jobs/jobs.h"
#include "store/tx.h"

enum { AT_ONCE = 64 /* rows in one statement */ };

/* ---- the payload: a line for each setting, an empty line, the file */

static enum err check_auth(struct tx *tx, const struct user_auth *auth)
{
    if (auth->auth_setting && auth->idp_configuration_id)
        return tx_refuse(tx, E400000,
                         "A user has either an authSetting or an idpConfigurationId, not both.");
    if (auth->idp_configuration_id)
        return tx_refuse(tx, E400003, "The site has no identity provider configuration '%.64s'.",
                         auth->idp_configuration_id);
    if (auth->auth_setting && !user_auth_setting_valid(auth->auth_setting))
        return tx_refuse(tx, E400003, "The authentication setting '%.40s' is not supported.",
                         auth->auth_setting);
    if (auth->name && (!*auth->name || strpbrk(auth->name, "\t\r\n")))
        return tx_refuse(tx, E400000, "The name of a user in the request is empty or malformed.");
    return E_OK;
}

enum err user_import_payload(struct tx *tx, const struct user_auth *auths, size_t auth_count,
                             const char *csv, size_t csv_len, const char **payload_r, size_t *len_r)
{
    struct buf buf;
    size_t most = csv_len + 2;
    for (size_t i = 0; i < auth_count; i++) {
        enum err err = check_auth(tx, &auths[i]);
        if (err)
            return err;
        most += 40 + (auths[i].name ? strlen(auths[i].name) : 0);
    }
    buf_init(&buf, tx->arena, most);
    for (size_t i = 0; i < auth_count; i++)
        if (auths[i].auth_setting)
            buf_addf(&buf, "%s\t%s\n", auths[i].auth_setting, auths[i].name ? auths[i].name : "");
    buf_addc(&buf, '\n');
    buf_add(&buf, csv, csv_len);
    *payload_r = buf.bytes;
    *len_r = buf.len;
    return E_OK;
}

/* ---- preparing */

struct import {
    struct csv_users rows;
    struct user_report report;
};

struct auth_line {
    const char *setting, *name;
    bool taken;
};

/* The settings by name (the key ""  is that of all others), in `auths`; what
 * follows them. Of two settings for one name the last counts. */
static char *read_auths(char *payload, struct arena *arena, struct map *auths)
{
    char *line = payload;
    while (*line && *line != '\n') {
        char *end = strchr(line, '\n'), *tab = strchr(line, '\t');
        *end = *tab = '\0';
        struct auth_line *auth = arena_zalloc(arena, sizeof *auth);
        *auth = (struct auth_line){.setting = line, .name = tab + 1};
        bool known;
        map_put(auths, account_bare_name(auth->name, &known), auth);
        line = end + 1;
    }
    return line + (*line == '\n');
}

static bool is_left(void *context, const char *key, void *value)
{
    const struct auth_line *auth = value;
    if (*key && !auth->taken)
        user_report_add(context, 0, 0,
                        "The request sets how '%.60s' signs in: expected a row of that user, "
                        "found none.",
                        auth->name);
    return false;
}

static void give_auths(struct import *import, struct map *auths)
{
    struct auth_line *usual = map_get(auths, "");
    for (size_t i = 0; i < import->rows.count; i++) {
        struct csv_user *user = &import->rows.users[i];
        struct auth_line *auth = map_get(auths, user->name);
        if (auth)
            auth->taken = true;
        else
            auth = usual;
        user->auth_setting = auth ? auth->setting : NULL;
    }
    /* A row that could not be read may be the one that is missed. */
    if (!import->report.wrong)
        map_sift(auths, is_left, &import->report);
}

/* Hashes are slow on purpose; none is made for a file that is wrong anyway. */
static bool hash_passwords(struct job_run *run, struct import *import)
{
    const struct user_hasher *hasher = run->context;
    for (size_t i = 0; i < import->rows.count && !import->report.wrong; i++) {
        struct csv_user *user = &import->rows.users[i];
        if (!user->password)
            continue;
        if (job_run_stopped(run))
            return false;
        user->password_hash = hasher->hash(run->arena, user->password);
        if (!user->password_hash)
            return false;
        job_run_progress(run, (int)(i * 100 / import->rows.count));
    }
    return true;
}

static bool import_prepare(struct job_run *run)
{
    const struct user_hasher *hasher = run->context;
    struct import *import = arena_zalloc(run->arena, sizeof *import);
    struct map *auths = map_new();
    user_report_init(&import->report, run->arena);
    char *csv = read_auths(run->payload, run->arena, auths);
    user_csv_read(csv, run->payload_len - (size_t)(csv - run->payload), false,
                  hasher->password_most, &import->rows, &import->report);
    give_auths(import, auths);
    map_free(&auths, NULL);
    run->state = import;
    return hash_passwords(run, import);
}

/* ---- what is to be done for each row */

enum todo {
    TODO_NOTHING,
    TODO_ADD,    /* a person whom the server does not have */
    TODO_JOIN,   /* one whom it has, but not the site */
    TODO_SYSTEM, /* someone new to the site as a server administrator: user_add */
    TODO_CHANGE  /* a user of the site */
};

struct plan {
    const struct csv_user *row;
    enum todo todo;
    enum site_role role; /* to be had by who is added */
    const char *account_id, *user_id;
    const char *name, *full_name, *email; /* of the person */
    struct user_change change;
};

struct applying {
    struct tx *tx;
    struct actor actor;
    struct site site;
    struct plan *plans;
    size_t count, rows;
    struct user_report *report;
    size_t added, joined, roles, infos;
    int64_t added_by_role[ROLE_UNKNOWN];
};

static void refuse_row(struct applying *a, const struct csv_user *row, const char *what)
{
    user_report_add(a->report, row->row, row->line, "%s", what);
}

static void plan_addition(struct applying *a, struct plan *plan)
{
    enum site_role role = plan->row->role == ROLE_UNKNOWN ? ROLE_UNLICENSED : plan->row->role;
    plan->role = role;
    plan->todo = TODO_ADD;
    plan->name = plan->row->name;
    plan->full_name = plan->row->full_name;
    plan->email = plan->row->email;
    if (role != ROLE_SERVER_ADMINISTRATOR)
        return;
    plan->todo = TODO_SYSTEM;
    if (!actor_is_server_admin(&a->actor))
        refuse_row(a, plan->row,
                   "administrator level: expected Site or None, since only server administrators "
                   "give the level System, found System.");
}

static bool same(const char *is, const char *to_be)
{
    return !to_be || strcmp(is ? is : "", to_be) == 0;
}

/* Columns that are empty leave what is there. */
static void plan_change(struct applying *a, struct plan *plan, enum site_role is,
                        const char *auth_setting)
{
    const struct csv_user *row = plan->row;
    struct user_change *c = &plan->change;
    c->full_name = same(plan->full_name, row->full_name) ? NULL : row->full_name;
    c->email = same(plan->email, row->email) ? NULL : row->email;
    c->auth_setting = same(auth_setting ? auth_setting : "ServerDefault", row->auth_setting)
                          ? NULL
                          : row->auth_setting;
    c->password_hash = row->password_hash;
    c->password = row->password_hash != NULL;
    c->site_role = row->role == ROLE_UNKNOWN || row->role == is ? NULL : role_name(row->role);
    bool info = c->full_name || c->email || c->auth_setting || c->password;
    if (!info && !c->site_role)
        return;
    plan->todo = TODO_CHANGE;
    a->roles += c->site_role != NULL;
    a->infos += info;
}

static bool check_change(struct applying *a, struct plan *plan)
{
    if (plan->todo != TODO_CHANGE)
        return true;
    enum err err = user_check_change(a->tx, &a->actor, a->site.id, plan->user_id, &plan->change);
    if (err == E500000)
        return false;
    if (err)
        refuse_row(a, plan->row, a->tx->fault.detail);
    return true;
}

/* A row of find_persons. */
static void plan_known(struct applying *a, struct plan *plan, struct stmt *stmt)
{
    bool server_admin = stmt_get_int(stmt, 5) != 0;
    plan->account_id = tx_text(a->tx, stmt, 1);
    plan->user_id = tx_text(a->tx, stmt, 6);
    if (!plan->user_id) {
        plan_addition(a, plan);
        if (server_admin) {
            plan->role = ROLE_SERVER_ADMINISTRATOR;
            plan->todo = TODO_JOIN;
        } else if (plan->todo == TODO_ADD) {
            plan->todo = TODO_JOIN;
        }
    }
    plan->name = tx_text(a->tx, stmt, 2);
    plan->full_name = tx_text(a->tx, stmt, 3);
    plan->email = tx_text(a->tx, stmt, 4);
    if (plan->user_id)
        plan_change(a, plan, role_parse(stmt_get_text(stmt, 7)), stmt_get_text(stmt, 8));
}

static void add_parameters(struct buf *sql, size_t count, int *next)
{
    for (size_t i = 0; i < count; i++)
        buf_addf(sql, "%s?%d", i ? ", " : "", (*next)++);
}

static bool find_persons(struct applying *a, struct plan *plans, size_t count)
{
    struct buf sql;
    int next = 2;
    buf_init(&sql, a->tx->arena, 0);
    buf_adds(&sql, "SELECT a.name_key, a.id, a.name, a.full_name, a.email, a.server_admin, u.id, "
                   "u.site_role, u.auth_setting FROM account a LEFT JOIN site_user u ON "
                   "u.account_id = a.id AND u.site_id = ?1 WHERE a.domain = '" USER_DOMAIN
                   "' AND a.name_key IN (");
    add_parameters(&sql, count, &next);
    buf_addc(&sql, ')');
    struct stmt *stmt = db_prepare_text(a->tx->db, sql.bytes);
    stmt_text(stmt, 1, a->site.id);
    for (size_t i = 0; i < count; i++)
        stmt_text(stmt, (int)i + 2, plans[i].row->name_key);
    enum db_result got;
    while ((got = stmt_step(stmt)) == DB_ROW) {
        size_t i = 0;
        while (i < count && strcmp(plans[i].row->name_key, stmt_get_text(stmt, 0)) != 0)
            i++;
        if (i < count)
            plan_known(a, &plans[i], stmt);
    }
    return got == DB_DONE;
}

static bool plan_some(struct applying *a, struct plan *plans, size_t count)
{
    if (!find_persons(a, plans, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!plans[i].account_id)
            plan_addition(a, &plans[i]);
        if (!check_change(a, &plans[i]))
            return false;
    }
    return true;
}

/* Good rows are weighed also where others are wrong, so that the report is whole. */
static bool plan_all(struct applying *a, const struct csv_users *rows)
{
    a->plans = arena_zalloc(a->tx->arena, (rows->count + 1) * sizeof *a->plans);
    for (size_t i = 0; i < rows->count; i++)
        if (!rows->users[i].wrong)
            a->plans[a->count++].row = &rows->users[i];
    for (size_t i = 0; i < a->count; i += AT_ONCE)
        if (!plan_some(a, a->plans + i, a->count - i < AT_ONCE ? a->count - i : AT_ONCE))
            return false;
    return true;
}

/* ---- adding, many at a time */

static const char *new_luid(struct arena *arena)
{
    char *id = arena_alloc(arena, LUID_ROOM);
    luid_random(id);
    return id;
}

/* "INSERT INTO ... VALUES (?1, ...), (...)" with `columns` parameters for each of
 * `count` rows. */
static struct stmt *insert_rows(struct applying *a, const char *into, size_t columns, size_t count)
{
    struct buf sql;
    int next = 1;
    buf_init(&sql, a->tx->arena, 0);
    buf_adds(&sql, into);
    for (size_t i = 0; i < count; i++) {
        buf_adds(&sql, i ? ", (" : "(");
        add_parameters(&sql, columns, &next);
        buf_addc(&sql, ')');
    }
    return db_prepare_text(a->tx->db, sql.bytes);
}

static bool insert_persons(struct applying *a, struct plan *const *plans, size_t count)
{
    enum { COLUMNS = 9 };
    struct stmt *stmt = insert_rows(a,
                                    "INSERT INTO account (id, name, name_key, domain, full_name, "
                                    "email, password_hash, created_at, updated_at) VALUES ",
                                    COLUMNS, count);
    for (size_t i = 0; i < count; i++) {
        struct plan *p = plans[i];
        int at = (int)i * COLUMNS;
        p->account_id = new_luid(a->tx->arena);
        stmt_text(stmt, at + 1, p->account_id);
        stmt_text(stmt, at + 2, p->name);
        stmt_text(stmt, at + 3, p->row->name_key);
        stmt_text(stmt, at + 4, USER_DOMAIN);
        stmt_text(stmt, at + 5, p->full_name);
        stmt_text(stmt, at + 6, p->email);
        stmt_text(stmt, at + 7, p->row->password_hash);
        stmt_int(stmt, at + 8, a->tx->now);
        stmt_int(stmt, at + 9, a->tx->now);
    }
    return stmt_step(stmt) == DB_DONE;
}

static bool insert_places(struct applying *a, struct plan *const *plans, size_t count)
{
    enum { COLUMNS = 13 };
    int64_t serial = tx_serials(a->tx, "site_user", (int64_t)count);
    struct stmt *stmt =
        insert_rows(a,
                    "INSERT INTO site_user (id, site_id, account_id, name, name_key, site_role, "
                    "auth_setting, email, full_name, last_login_at, created_at, updated_at, "
                    "serial) VALUES ",
                    COLUMNS, count);
    for (size_t i = 0; i < count; i++) {
        const struct plan *p = plans[i];
        int at = (int)i * COLUMNS;
        stmt_text(stmt, at + 1, new_luid(a->tx->arena));
        stmt_text(stmt, at + 2, a->site.id);
        stmt_text(stmt, at + 3, p->account_id);
        stmt_text(stmt, at + 4, p->name);
        stmt_text(stmt, at + 5, p->row->name_key);
        stmt_text(stmt, at + 6, role_name(p->role));
        stmt_text(stmt, at + 7, p->row->auth_setting);
        stmt_text(stmt, at + 8, p->email);
        stmt_text(stmt, at + 9, p->full_name);
        stmt_int(stmt, at + 10, 0);
        stmt_int(stmt, at + 11, a->tx->now);
        stmt_int(stmt, at + 12, a->tx->now);
        stmt_int(stmt, at + 13, serial + (int64_t)i);
        a->added_by_role[p->role]++;
    }
    return serial > 0 && stmt_step(stmt) == DB_DONE;
}

/* The next plans from *at on that are to be done so (`also` too); how many. */
static size_t next_of(const struct applying *a, size_t *at, enum todo todo, enum todo also,
                      struct plan *some[AT_ONCE])
{
    size_t count = 0;
    for (; *at < a->count && count < AT_ONCE; (*at)++)
        if (a->plans[*at].todo == todo || a->plans[*at].todo == also)
            some[count++] = &a->plans[*at];
    return count;
}

static bool insert_all(struct applying *a)
{
    struct plan *some[AT_ONCE];
    size_t count, at = 0;
    while ((count = next_of(a, &at, TODO_ADD, TODO_ADD, some)) > 0)
        if (!insert_persons(a, some, count))
            return false;
    at = 0;
    while ((count = next_of(a, &at, TODO_ADD, TODO_JOIN, some)) > 0)
        if (!insert_places(a, some, count))
            return false;
    return true;
}

/* E409014 for all of a role: no single row is to blame. */
static enum err count_added(struct applying *a)
{
    for (int role = 0; role < ROLE_UNKNOWN; role++) {
        enum err err = licence_add(a->tx, &a->site, (enum site_role)role, a->added_by_role[role]);
        if (err == E409014)
            job_note_add(&a->report->notes,
                         &(struct job_note){
                             "CountOfUsersWithInsufficientLicenses",
                             arena_printf(a->tx->arena, "%lld", (long long)a->added_by_role[role]),
                             a->tx->fault.detail});
        if (err)
            return err;
    }
    return E_OK;
}

/* ---- one at a time */

static enum err add_system(struct applying *a, const struct plan *plan)
{
    struct user user;
    struct user_spec spec = {.name = plan->row->name,
                             .site_role = role_name(ROLE_SERVER_ADMINISTRATOR),
                             .auth_setting = plan->row->auth_setting,
                             .email = plan->row->email,
                             .full_name = plan->row->full_name,
                             .password_hash = plan->row->password_hash};
    /* That the actor may was asked when it was planned: user_add asks it of no role
     * but this one, which it leaves to those without an actor. */
    return user_add(a->tx, NULL, a->site.id, &spec, &user);
}

static enum err do_singly(struct applying *a)
{
    struct user user;
    for (size_t i = 0; i < a->count; i++) {
        struct plan *plan = &a->plans[i];
        enum err err = E_OK;
        if (plan->todo == TODO_SYSTEM)
            err = add_system(a, plan);
        else if (plan->todo == TODO_CHANGE)
            err = user_update(a->tx, &a->actor, a->site.id, plan->user_id, &plan->change, &user);
        if (err && err != E500000)
            refuse_row(a, plan->row, a->tx->fault.detail);
        if (err)
            return err;
        a->added += plan->todo == TODO_ADD || plan->todo == TODO_JOIN || plan->todo == TODO_SYSTEM;
        a->joined += plan->todo == TODO_JOIN;
    }
    return E_OK;
}

/* ---- all together */

/* Whoever started the job must still be one who may. */
static enum err check_actor(struct applying *a, const struct job_run *run)
{
    bool found = actor_load(a->tx, run->user_id, &a->actor);
    if (!found || strcmp(a->actor.site_id, run->site_id) != 0 || !actor_is_site_admin(&a->actor))
        return tx_refuse(a->tx, E403004,
                         "Whoever started the job is no administrator of the site any more.");
    enum err err = site_get(a->tx, run->site_id, &a->site);
    return err ? err : user_check_admin_mode(a->tx, &a->actor, &a->site);
}

static void add_count(struct buf *notes, struct arena *arena, const char *type, size_t count,
                      const char *text)
{
    job_note_add(notes, &(struct job_note){type, arena_printf(arena, "%zu", count), text});
}

static const char *counts_of(struct applying *a)
{
    struct buf notes;
    struct arena *arena = a->tx->arena;
    size_t changed = 0;
    for (size_t i = 0; i < a->count; i++)
        changed += a->plans[i].todo == TODO_CHANGE;
    const char *added = "Users added to the site.";
    if (a->joined)
        added = arena_printf(arena,
                             "Users added to the site; the server knew %zu of them, who keep "
                             "display name, e-mail address and password.",
                             a->joined);
    buf_init(&notes, arena, 0);
    add_count(&notes, arena, "CountOfUsersProcessed", a->rows, "Rows of the file.");
    add_count(&notes, arena, "CountOfUsersAddedToSite", a->added, added);
    add_count(&notes, arena, "CountOfUsersSiteRoleUpdated", a->roles,
              "Users of the site whose role was changed.");
    add_count(&notes, arena, "CountOfUsersInformationUpdated", a->infos,
              "Users of the site of whom something else was changed.");
    add_count(&notes, arena, "CountOfUsersSkipped", a->rows - a->added - changed,
              "Users of the site who were as the file has them.");
    return notes.bytes;
}

static enum job_verdict undo(struct applying *a, struct job_run *run)
{
    run->notes = user_report_notes(a->report, a->rows);
    return JOB_UNDO;
}

static enum job_verdict import_apply(struct job_run *run, struct tx *tx)
{
    struct import *import = run->state;
    struct applying a = {.tx = tx, .report = &import->report, .rows = import->rows.rows};
    if (!db_lock(tx->db, "account"))
        return JOB_AGAIN;
    enum err err = check_actor(&a, run);
    if (err == E500000)
        return JOB_AGAIN;
    if (err) {
        user_report_add(a.report, 0, 0, "%s", tx->fault.detail);
        return undo(&a, run);
    }
    if (!plan_all(&a, &import->rows))
        return JOB_AGAIN;
    if (a.report->wrong)
        return undo(&a, run);
    if (!insert_all(&a))
        return JOB_AGAIN;
    err = count_added(&a);
    if (!err)
        err = do_singly(&a);
    if (err)
        return err == E500000 ? JOB_AGAIN : undo(&a, run);
    run->notes = counts_of(&a);
    return JOB_KEEP;
}

void user_import_runner(const struct user_hasher *hasher, struct job_runner *runner_r)
{
    *runner_r = (struct job_runner){.kind = job_kind_name(JOB_USER_IMPORT),
                                    .prepare = import_prepare,
                                    .apply = import_apply,
                                    .context = (void *)hasher};
}
