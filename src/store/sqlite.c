/* sqlite.c: the engine over an SQLite file in WAL mode. One connection for each
 * thread, so SQLite's own mutexes are off. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/db_priv.h"

/* How long a connection waits for another's write lock. Migrations of another
 * node may take longer than an ordinary act. */
static const int BUSY_MS = 5000, BUSY_MIGRATING_MS = 60000;

struct lite {
    struct db base;
    sqlite3 *handle;
    sqlite3_stmt *data_version;
    int64_t version_seen;
};

struct lite_stmt {
    struct stmt base;
    sqlite3_stmt *handle;
};

static struct lite *lite_of(struct db *db)
{
    return (struct lite *)db;
}

static sqlite3_stmt *handle_of(struct stmt *stmt)
{
    return ((struct lite_stmt *)stmt)->handle;
}

/* SQLite's own waiting pauses ever longer, and a busy server's writer would
 * always come first. This one keeps asking. */
static int wait_for_lock(void *most_ms, int tries)
{
    usleep(1000);
    return tries < *(const int *)most_ms;
}

/* WAL needs the file alone for a moment, and SQLite does not wait for that by
 * itself: two nodes may start at once on a new file. */
static int enter_wal(sqlite3 *handle)
{
    int code = SQLITE_BUSY;
    for (int tries = 0; tries < 500 && code == SQLITE_BUSY; tries++) {
        code = sqlite3_exec(handle, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if (code == SQLITE_BUSY)
            sqlite3_sleep(10);
    }
    return code;
}

static int configure(sqlite3 *handle, struct db_opening how, bool durable)
{
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_handler(handle, wait_for_lock,
                         (void *)(uintptr_t)(how.create ? &BUSY_MIGRATING_MS : &BUSY_MS));
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, (int *)NULL);
    int code = how.write ? enter_wal(handle) : SQLITE_OK;
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle,
                            "PRAGMA cache_size=-2048; PRAGMA mmap_size=0;"
                            "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=8388608;"
                            /* LIKE is told apart by case on the other engine. */
                            "PRAGMA case_sensitive_like=ON",
                            NULL, NULL, NULL);
    return code;
}

static sqlite3 *open_handle(const char *url, struct db_opening how, char *why, size_t why_size)
{
    char path[DB_PATH_ROOM];
    bool durable;
    if (!db_sqlite_path(url, path, &durable, why, why_size))
        return NULL;
    int flags = SQLITE_OPEN_NOMUTEX | (how.write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
                (how.create ? SQLITE_OPEN_CREATE : 0);
    sqlite3 *handle = NULL;
    int code = sqlite3_open_v2(path, &handle, flags, NULL);
    if (code == SQLITE_OK)
        code = configure(handle, how, durable);
    if (code == SQLITE_OK)
        return handle;
    db_say(why, why_size, "the repository %s cannot be opened: %s", path,
           handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
    sqlite3_close(handle);
    return NULL;
}

static int64_t data_version(struct lite *lite)
{
    int64_t version = lite->version_seen;
    if (sqlite3_step(lite->data_version) == SQLITE_ROW)
        version = sqlite3_column_int64(lite->data_version, 0);
    sqlite3_reset(lite->data_version);
    return version;
}

static struct db *lite_open(const char *url, struct db_opening how, char *why, size_t why_size)
{
    sqlite3 *handle = open_handle(url, how, why, why_size);
    if (!handle)
        return NULL;
    struct lite *lite = calloc(1, sizeof *lite);
    int code = !lite ? SQLITE_NOMEM
                     : sqlite3_prepare_v3(handle, "PRAGMA data_version", -1,
                                          SQLITE_PREPARE_PERSISTENT, &lite->data_version, NULL);
    if (code != SQLITE_OK) {
        db_say(why, why_size, "the repository cannot be read: %s", sqlite3_errmsg(handle));
        sqlite3_close(handle);
        free(lite);
        return NULL;
    }
    lite->handle = handle;
    lite->version_seen = data_version(lite);
    return &lite->base;
}

static void lite_close(struct db *db)
{
    struct lite *lite = lite_of(db);
    sqlite3_finalize(lite->data_version);
    sqlite3_close(lite->handle);
    free(lite);
}

static struct stmt *lite_prepare(struct db *db, const char *sql)
{
    struct lite *lite = lite_of(db);
    struct lite_stmt *stmt = calloc(1, sizeof *stmt);
    if (!stmt) {
        db_fail(db, NULL, "out of memory");
        return NULL;
    }
    if (sqlite3_prepare_v3(lite->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->handle, NULL) !=
            SQLITE_OK ||
        !stmt->handle) {
        stmt->base.sql = sql;
        db_fail(db, &stmt->base, "%s", sqlite3_errmsg(lite->handle));
        free(stmt);
        return NULL;
    }
    stmt->base.writes = !sqlite3_stmt_readonly(stmt->handle);
    return &stmt->base;
}

static void lite_finalize(struct stmt *stmt)
{
    sqlite3_finalize(handle_of(stmt));
    free(stmt);
}

static void lite_reset(struct stmt *stmt)
{
    sqlite3_reset(handle_of(stmt));
}

static void lite_rewind(struct stmt *stmt)
{
    sqlite3_clear_bindings(handle_of(stmt));
}

static void lite_bind_text(struct stmt *stmt, int index, const char *text)
{
    /* A NULL pointer binds NULL. */
    sqlite3_bind_text(handle_of(stmt), index, text, -1, SQLITE_STATIC);
}

static void lite_bind_int(struct stmt *stmt, int index, int64_t value)
{
    sqlite3_bind_int64(handle_of(stmt), index, value);
}

static bool is_conflict(int extended)
{
    return extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
           extended == SQLITE_CONSTRAINT_ROWID || extended == SQLITE_CONSTRAINT_FOREIGNKEY;
}

/* A full disk may make SQLite roll back by itself. What follows would then be
 * committed statement by statement, so it is refused. */
static bool transaction_lost(struct db *db)
{
    return db->in_tx && sqlite3_get_autocommit(lite_of(db)->handle);
}

static enum db_result lite_step(struct stmt *stmt)
{
    struct db *db = stmt->db;
    if (transaction_lost(db))
        return db_fail(db, stmt, "the transaction was undone by an earlier failure");
    sqlite3_stmt *handle = handle_of(stmt);
    int code = sqlite3_step(handle);
    if (code == SQLITE_ROW)
        return DB_ROW;
    if (code == SQLITE_DONE) {
        stmt->changes = stmt->writes ? sqlite3_changes64(lite_of(db)->handle) : 0;
        sqlite3_reset(handle);
        return DB_DONE;
    }
    stmt->changes = 0;
    enum db_result result = is_conflict(code)
                                ? DB_CONFLICT
                                : db_fail(db, stmt, "%s", sqlite3_errmsg(lite_of(db)->handle));
    sqlite3_reset(handle);
    return result;
}

static const char *lite_get_text(struct stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(handle_of(stmt), column);
}

static int64_t lite_get_int(struct stmt *stmt, int column)
{
    return sqlite3_column_int64(handle_of(stmt), column);
}

static bool lite_is_null(struct stmt *stmt, int column)
{
    return sqlite3_column_type(handle_of(stmt), column) == SQLITE_NULL;
}

/* Through the cache: preparing BEGIN and SAVEPOINT anew would cost as much as
 * running them. */
static bool lite_control(struct db *db, const char *sql)
{
    struct stmt *stmt = db_prepare(db, sql);
    if (!stmt)
        return false;
    sqlite3_stmt *handle = handle_of(stmt);
    if (transaction_lost(db)) {
        db_fail(db, stmt, "the transaction was undone by an earlier failure");
        return false;
    }
    int code = sqlite3_step(handle);
    if (code != SQLITE_DONE)
        db_fail(db, stmt, "%s", sqlite3_errmsg(lite_of(db)->handle));
    sqlite3_reset(handle);
    return code == SQLITE_DONE;
}

static bool lite_script(struct db *db, const char *sql)
{
    if (sqlite3_exec(lite_of(db)->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    db_fail(db, NULL, "%s", sqlite3_errmsg(lite_of(db)->handle));
    return false;
}

/* Writers follow each other anyway. */
static bool lite_lock(struct db *db, const char *key)
{
    (void)db;
    (void)key;
    return true;
}

static bool lite_changed_elsewhere(struct db *db)
{
    struct lite *lite = lite_of(db);
    int64_t before = lite->version_seen;
    lite->version_seen = data_version(lite);
    return lite->version_seen != before;
}

/* A trigger may not touch a virtual table where the schema is not trusted: it notes
 * what goes, and the next write to the index takes that out. */
static const char *const TOKENS[] = {
    "text",
    "TEXT",
    "int",
    "INTEGER",
    "rowid",
    "INTEGER PRIMARY KEY AUTOINCREMENT",
    "without_rowid",
    "WITHOUT ROWID",
    "text_index",
    "CREATE VIRTUAL TABLE search_text USING fts5 (words, tokenize = "
    "'unicode61 remove_diacritics 0');"
    "CREATE TABLE search_gone (serial INTEGER NOT NULL PRIMARY KEY);"
    "CREATE TRIGGER search_entry_gone AFTER DELETE ON search_entry BEGIN "
    "INSERT INTO search_gone (serial) VALUES (OLD.serial); END;",
    NULL};

const struct engine sqlite_engine = {
    .abilities = DB_LOCAL_READS | DB_ONE_WRITER | DB_SOLE_OWNER,
    .has_schema_sql =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'",
    .migration_lock_sql = NULL,
    .begin_write_sql = "BEGIN IMMEDIATE",
    .begin_read_sql = "BEGIN",
    .begin_lazy_sql = "BEGIN",
    .tokens = TOKENS,
    .text = {.insert_sql = "INSERT INTO search_text (rowid, words) VALUES (?1, ?2)",
             .match_sql = "search_text MATCH ?2",
             .word = "\"%s\"*",
             .both = " ",
             .tidy_sql = {"DELETE FROM search_text WHERE rowid IN (SELECT serial FROM search_gone)",
                          "DELETE FROM search_gone"}},
    .open = lite_open,
    .close = lite_close,
    .prepare = lite_prepare,
    .finalize = lite_finalize,
    .rewind = lite_rewind,
    .reset = lite_reset,
    .bind_text = lite_bind_text,
    .bind_int = lite_bind_int,
    .step = lite_step,
    .get_text = lite_get_text,
    .get_int = lite_get_int,
    .is_null = lite_is_null,
    .control = lite_control,
    .script = lite_script,
    .lock = lite_lock,
    .changed_elsewhere = lite_changed_elsewhere,
};
