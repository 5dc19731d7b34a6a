/* migrate.c: numbered migrations, out of the binary, into the repository. Each
 * runs in a transaction of its own that first looks, under the lock, how far
 * the repository already is: so nodes may start together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "store/db_priv.h"

int db_schema_version(void)
{
    return MIGRATIONS[MIGRATION_COUNT - 1].version;
}

void db_say_newer(int stored, char *why, size_t why_size)
{
    db_say(why, why_size, "the repository is at schema %d, this easel knows %d: use a newer easel",
           stored, db_schema_version());
}

/* 1: there is a row, its first column in *value_r. 0: none. -1: failed. */
static int look_up(struct db *db, const char *sql, int *value_r)
{
    struct stmt *stmt = db_prepare(db, sql);
    if (!stmt)
        return -1;
    enum db_result result = stmt_step(stmt);
    if (result == DB_ROW)
        *value_r = (int)stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return result == DB_ROW ? 1 : result == DB_DONE ? 0 : -1;
}

int db_stored_version(struct db *db)
{
    int value = 0;
    int found = look_up(db, db->engine->has_schema_sql, &value);
    if (found <= 0)
        return found;
    value = 0;
    return look_up(db, "SELECT MAX(version) FROM schema_version", &value) < 0 ? -1 : value;
}

bool db_ready(struct db *db)
{
    return db_stored_version(db) == db_schema_version();
}

static const char *token_text(const struct engine *engine, const char *name, size_t len)
{
    for (const char *const *token = engine->tokens; *token; token += 2)
        if (strlen(*token) == len && memcmp(*token, name, len) == 0)
            return token[1];
    return NULL;
}

/* The migration's SQL in the engine's words; NULL on a token nobody knows. */
static const char *in_words_of(const struct engine *engine, const char *sql, struct arena *arena)
{
    struct buf out;
    buf_init(&out, arena, 0);
    for (const char *brace; (brace = strchr(sql, '{')) != NULL;) {
        const char *end = strchr(brace, '}');
        const char *text = end ? token_text(engine, brace + 1, (size_t)(end - brace - 1)) : NULL;
        if (!text)
            return NULL;
        buf_add(&out, sql, (size_t)(brace - sql));
        buf_adds(&out, text);
        sql = end + 1;
    }
    buf_adds(&out, sql);
    return out.bytes;
}

static bool run_migration(struct db *db, const struct migration *migration)
{
    struct arena *arena = arena_new(32 << 10);
    const char *sql = in_words_of(db->engine, migration->sql, arena);
    bool ok = false;
    if (sql)
        ok = db->engine->script(db, sql);
    else
        db_fail(db, NULL, "%s holds an unknown token", migration->name);
    arena_free(&arena);
    return ok;
}

static bool note_version(struct db *db, int version)
{
    struct stmt *stmt =
        db_prepare(db, "INSERT INTO schema_version (version, applied_at) VALUES (?1, ?2)");
    if (!stmt)
        return false;
    stmt_int(stmt, 1, version);
    stmt_int(stmt, 2, clock_now());
    return stmt_step(stmt) == DB_DONE;
}

static bool make_version_table(struct db *db)
{
    static const struct migration table = {
        .name = "schema_version",
        .sql = "CREATE TABLE schema_version ("
               "version {int} NOT NULL PRIMARY KEY, applied_at {int} NOT NULL)"};
    return run_migration(db, &table);
}

/* Outside of a transaction, since PostgreSQL may show one that waited for a lock
 * the catalog as it was before. The lock lasts until the connection ends. */
static bool lock_migrations(struct db *db)
{
    int ignored;
    const char *sql = db->engine->migration_lock_sql;
    return !sql || look_up(db, sql, &ignored) == 1;
}

static bool apply_next(struct db *db, int stored)
{
    int has_table = 0, ignored;
    if (stored == 0)
        has_table = look_up(db, db->engine->has_schema_sql, &ignored);
    if (stored == 0 && has_table == 0 && !make_version_table(db))
        return false;
    const struct migration *next = &MIGRATIONS[stored];
    return has_table >= 0 && run_migration(db, next) && note_version(db, next->version);
}

/* One step under the lock. *stored_r: how far the repository is afterwards. */
static bool step_forward(struct db *db, int *stored_r)
{
    if (!db_begin(db))
        return false;
    int stored = db_stored_version(db);
    bool ok = stored >= 0;
    if (ok && stored < db_schema_version()) {
        ok = apply_next(db, stored) && db_commit(db);
        stored++;
    }
    if (db->in_tx)
        db_rollback(db);
    *stored_r = stored;
    return ok;
}

bool db_migrate(const char *url, char *why, size_t why_size)
{
    struct db *db =
        db_open_as(url, (struct db_opening){.write = true, .create = true}, why, why_size);
    if (!db)
        return false;
    int stored = db_stored_version(db);
    bool ok = true;
    if (stored < db_schema_version())
        ok = lock_migrations(db) && (stored = db_stored_version(db)) >= 0;
    while (ok && stored < db_schema_version())
        ok = step_forward(db, &stored);
    if (!ok) {
        db_say(why, why_size, "the repository cannot be migrated: %s", db_message(db));
    } else if (stored > db_schema_version()) {
        db_say_newer(stored, why, why_size);
        ok = false;
    }
    db_close(&db);
    return ok;
}
