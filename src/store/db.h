/* db: the repository, over either engine.
 *
 * SQL is written once, for both: numbered parameters ?1 ?2 ..., INTEGER and
 * TEXT only, RETURNING and ON CONFLICT allowed, no engine functions. Times are
 * milliseconds, ids and hashes are text. What engines do differently is asked
 * of db_ability, never of a name.
 *
 * A `struct db` is one connection and belongs to one thread at a time.
 * Statements are prepared once per connection and found again by the address
 * of their SQL: pass string literals.
 *
 * URLs: sqlite:PATH (a file; WAL) and postgresql://... (libpq's own form). */
#ifndef EASEL_STORE_DB_H
#define EASEL_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct log;
struct stmt;

enum db_result {
    DB_ROW,      /* a row is there */
    DB_DONE,     /* no more rows; for a write: done */
    DB_CONFLICT, /* a uniqueness rule refused; the transaction can go on */
    DB_FAILED    /* anything else; db_message tells; logged as it happened (db_log_to) */
};

enum db_ability {
    DB_LOCAL_READS = 1, /* reads never wait for a network: may run on the event loop */
    DB_ONE_WRITER = 2,  /* one writer at a time: group commits pay */
    DB_SOLE_OWNER = 4,  /* no other node writes here: caches in memory hold */
    DB_KNOWS_SHARES = 8 /* how many rows hold a value decides which index is begun with */
};

enum db_mode {
    DB_READ,  /* reads only */
    DB_WRITE, /* reads and writes, repository must exist and be migrated */
};

/* Opens a connection. On failure returns NULL and writes a sentence without
 * secrets (no password of a URL) into `why`. */
struct db *db_open(const char *url, enum db_mode mode, char *why, size_t why_size);
void db_close(struct db **db);
/* Where failures are logged from now on; NULL (as after db_open): nowhere. */
void db_log_to(struct db *db, struct log *log);
unsigned db_abilities(const struct db *db); /* set of enum db_ability */
/* The last failure's text, without bound values. */
const char *db_message(const struct db *db);

/* Brings the repository to this binary's schema, creating it where absent,
 * under a lock that keeps a second starting node waiting. False with a
 * sentence where that failed or the repository is newer than the binary. */
bool db_migrate(const char *url, char *why, size_t why_size);
/* Highest migration this binary knows. */
int db_schema_version(void);
/* True where the repository exists and stands at db_schema_version. */
bool db_ready(struct db *db);

/* A statement, reset and unbound. Valid until the next db_prepare of the same
 * SQL. NULL if the SQL is wrong (a programming error; logged) or the
 * connection is lost; all functions on statements take NULL, and stepping it is
 * DB_FAILED. */
struct stmt *db_prepare(struct db *db, const char *sql);
/* The same for SQL that was put together at run time (lists with filters); found
 * again by its text, for a bounded number of texts. */
struct stmt *db_prepare_text(struct db *db, const char *sql);
/* Parameters count from 1. The text must stay until the last step.
 * NULL binds NULL. */
void stmt_text(struct stmt *stmt, int index, const char *text);
void stmt_int(struct stmt *stmt, int index, int64_t value);
void stmt_null(struct stmt *stmt, int index);
enum db_result stmt_step(struct stmt *stmt);
/* Columns count from 0; values are valid until the next step or reset. */
const char *stmt_get_text(struct stmt *stmt, int column); /* NULL for NULL */
int64_t stmt_get_int(struct stmt *stmt, int column);      /* 0 for NULL */
bool stmt_is_null(struct stmt *stmt, int column);
/* Rows changed by this statement; known once it came to DB_DONE. */
int64_t stmt_changes(struct stmt *stmt);
/* Ends reading early, so that no read transaction stays open. Stepping to
 * DB_DONE does it too. */
void stmt_reset(struct stmt *stmt);

/* Transactions: begin takes the write lock at once where the engine has one.
 * Ending one, or going back to a savepoint, resets all statements. A failed
 * commit has rolled back. */
bool db_begin(struct db *db);
bool db_commit(struct db *db);
void db_rollback(struct db *db);
/* Nested: what follows can be undone alone. Names do not nest deeper than one. */
bool db_savepoint(struct db *db);
void db_release(struct db *db);
void db_rollback_to(struct db *db);

/* Serializes acts under the same key until the transaction ends, where the
 * engine does not do so by itself (an advisory lock on PostgreSQL; nothing to
 * do on SQLite). For rules that a constraint cannot say. */
bool db_lock(struct db *db, const char *key);

/* Changes whenever another process committed to the repository since the last
 * call on this connection (false where the engine cannot tell). */
bool db_changed_elsewhere(struct db *db);

/* Copies the repository to a new file while it is in use (SQLite only).
 * Progress is not half visible: FILE appears complete by rename. */
bool db_backup(const char *url, const char *file, char *why, size_t why_size);
/* Replaces the repository's contents by those of FILE, in one step, while
 * servers use it; checks first that FILE is a sound Easel repository no newer
 * than this binary (SQLite only). */
bool db_restore(const char *url, const char *file, char *why, size_t why_size);

#endif
