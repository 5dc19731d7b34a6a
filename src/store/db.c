/* db.c: what both engines have in common: URLs, the cache of statements, the
 * bookkeeping of transactions. What differs is behind db_priv.h. */
#include "store/db.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "store/db_priv.h"

void db_say(char *why, size_t why_size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (why_size)
        vsnprintf(why, why_size, format, args);
    va_end(args);
}

enum db_result db_fail(struct db *db, const struct stmt *stmt, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(db->message, sizeof db->message, format, args);
    va_end(args);
    log_write(db->log, LOG_ERROR, "the repository failed", LOG_S("cause", db->message),
              LOG_S("sql", stmt ? stmt->sql : NULL));
    return DB_FAILED;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

bool db_sqlite_path(const char *url, char path[DB_PATH_ROOM], bool *durable_r, char *why,
                    size_t why_size)
{
    *durable_r = true;
    if (!has_prefix(url, "sqlite:")) {
        db_say(why, why_size, "the repository is not an SQLite file");
        return false;
    }
    const char *from = url + strlen("sqlite:");
    const char *query = strrchr(from, '?');
    size_t len = query ? (size_t)(query - from) : strlen(from);
    if (len == 0 || len >= DB_PATH_ROOM) {
        db_say(why, why_size, "the repository's URL must be sqlite:PATH");
        return false;
    }
    if (query && strcmp(query, "?durability=off") == 0) {
        *durable_r = false;
    } else if (query && strcmp(query, "?durability=on") != 0) {
        db_say(why, why_size, "the repository's URL knows durability=on and durability=off only");
        return false;
    }
    memcpy(path, from, len);
    path[len] = '\0';
    return true;
}

static const struct engine *engine_of(const char *url)
{
    if (has_prefix(url, "sqlite:"))
        return &sqlite_engine;
    if (has_prefix(url, "postgresql://") || has_prefix(url, "postgres://"))
        return &pg_engine;
    return NULL;
}

struct db *db_open_as(const char *url, struct db_opening how, char *why, size_t why_size)
{
    const struct engine *engine = engine_of(url);
    if (!engine) {
        db_say(why, why_size, "the repository's URL must begin with sqlite: or with postgresql://");
        return NULL;
    }
    struct db *db = engine->open(url, how, why, why_size);
    if (db) {
        db->engine = engine;
        db->write = how.write;
    }
    return db;
}

struct db *db_open(const char *url, enum db_mode mode, char *why, size_t why_size)
{
    struct db_opening how = {.write = mode == DB_WRITE};
    struct db *db = db_open_as(url, how, why, why_size);
    if (!db || mode == DB_READ || db_ready(db))
        return db;
    int stored = db_stored_version(db);
    if (stored > db_schema_version())
        db_say_newer(stored, why, why_size);
    else if (stored < 0)
        db_say(why, why_size, "%s", db->message);
    else
        db_say(why, why_size, "the repository is at schema %d and must be migrated to %d", stored,
               db_schema_version());
    db_close(&db);
    return NULL;
}

void db_close(struct db **db)
{
    if (!*db)
        return;
    db_reset_all(*db);
    for (size_t i = 0; i < (*db)->slot_count; i++)
        if ((*db)->slots[i])
            (*db)->engine->finalize((*db)->slots[i]);
    free((*db)->slots);
    for (size_t i = 0; i < (*db)->text_count; i++)
        free((*db)->texts[i]);
    (*db)->engine->close(*db);
    *db = NULL;
}

void db_log_to(struct db *db, struct log *log)
{
    db->log = log;
}

unsigned db_abilities(const struct db *db)
{
    return db->engine->abilities;
}

const char *db_message(const struct db *db)
{
    return db->message;
}

void db_fail_after(struct db *db, unsigned n)
{
    db->fail_after = n;
}

static bool sabotaged(struct db *db, const struct stmt *stmt)
{
    if (db->fail_after == 0 || --db->fail_after > 0)
        return false;
    db_fail(db, stmt, "made to fail by a test");
    return true;
}

/* Statements: the cache. */

static size_t slot_of(const struct db *db, const char *sql)
{
    /* Fibonacci hashing: literals stand close together and aligned. */
    uint64_t h = (uint64_t)(uintptr_t)sql * 0x9E3779B97F4A7C15ULL;
    size_t i = (size_t)(h >> 32) & (db->slot_count - 1);
    while (db->slots[i] && db->slots[i]->sql != sql)
        i = (i + 1) & (db->slot_count - 1);
    return i;
}

static bool make_room(struct db *db)
{
    if (db->slot_used * 2 < db->slot_count)
        return true;
    size_t old_count = db->slot_count;
    struct stmt **old = db->slots;
    struct stmt **slots = calloc(old_count ? old_count * 2 : 64, sizeof *slots);
    if (!slots)
        return false;
    db->slots = slots;
    db->slot_count = old_count ? old_count * 2 : 64;
    for (size_t i = 0; i < old_count; i++)
        if (old[i])
            slots[slot_of(db, old[i]->sql)] = old[i];
    free(old);
    return true;
}

struct stmt *db_prepare(struct db *db, const char *sql)
{
    if (!make_room(db)) {
        db_fail(db, NULL, "out of memory");
        return NULL;
    }
    size_t i = slot_of(db, sql);
    struct stmt *stmt = db->slots[i];
    if (stmt) {
        stmt_reset(stmt);
        db->engine->rewind(stmt);
        return stmt;
    }
    stmt = db->engine->prepare(db, sql);
    if (stmt) {
        stmt->db = db;
        stmt->sql = sql;
        db->slots[i] = stmt;
        db->slot_used++;
    }
    return stmt;
}

/* Forgets the statements of db_prepare_text; the others stay. */
static void drop_texts(struct db *db)
{
    struct stmt **old = db->slots;
    db_reset_all(db);
    struct stmt **slots = calloc(db->slot_count, sizeof *slots);
    if (!slots)
        abort();
    db->slots = slots;
    db->slot_used = 0;
    for (size_t i = 0; i < db->slot_count; i++) {
        if (!old[i])
            continue;
        bool made = false;
        for (size_t t = 0; t < db->text_count && !made; t++)
            made = old[i]->sql == db->texts[t];
        if (made) {
            db->engine->finalize(old[i]);
        } else {
            slots[slot_of(db, old[i]->sql)] = old[i];
            db->slot_used++;
        }
    }
    free(old);
    for (size_t t = 0; t < db->text_count; t++)
        free(db->texts[t]);
    db->text_count = 0;
}

struct stmt *db_prepare_text(struct db *db, const char *sql)
{
    for (size_t t = 0; t < db->text_count; t++)
        if (strcmp(db->texts[t], sql) == 0)
            return db_prepare(db, db->texts[t]);
    if (db->text_count == DB_TEXTS_MOST)
        drop_texts(db);
    char *kept = strdup(sql);
    if (!kept)
        abort();
    db->texts[db->text_count++] = kept;
    return db_prepare(db, kept);
}

void stmt_text(struct stmt *stmt, int index, const char *text)
{
    if (!stmt)
        return;
    stmt->db->engine->bind_text(stmt, index, text);
}

void stmt_int(struct stmt *stmt, int index, int64_t value)
{
    if (!stmt)
        return;
    stmt->db->engine->bind_int(stmt, index, value);
}

void stmt_null(struct stmt *stmt, int index)
{
    if (!stmt)
        return;
    stmt->db->engine->bind_text(stmt, index, NULL);
}

static void mark_running(struct stmt *stmt)
{
    if (stmt->link)
        return;
    struct db *db = stmt->db;
    stmt->next = db->running;
    stmt->link = &db->running;
    if (stmt->next)
        stmt->next->link = &stmt->next;
    db->running = stmt;
}

static void mark_ended(struct stmt *stmt)
{
    if (!stmt->link)
        return;
    *stmt->link = stmt->next;
    if (stmt->next)
        stmt->next->link = stmt->link;
    stmt->link = NULL;
}

enum db_result stmt_step(struct stmt *stmt)
{
    if (!stmt)
        return DB_FAILED;
    struct db *db = stmt->db;
    if (sabotaged(db, stmt)) {
        stmt_reset(stmt);
        return DB_FAILED;
    }
    if (stmt->writes)
        db->wrote = true;
    enum db_result result = db->engine->step(stmt);
    if (result == DB_ROW)
        mark_running(stmt);
    else
        mark_ended(stmt);
    return result;
}

const char *stmt_get_text(struct stmt *stmt, int column)
{
    return stmt->db->engine->get_text(stmt, column);
}

int64_t stmt_get_int(struct stmt *stmt, int column)
{
    return stmt->db->engine->get_int(stmt, column);
}

bool stmt_is_null(struct stmt *stmt, int column)
{
    return stmt->db->engine->is_null(stmt, column);
}

int64_t stmt_changes(struct stmt *stmt)
{
    return stmt ? stmt->changes : 0;
}

void stmt_reset(struct stmt *stmt)
{
    if (!stmt || !stmt->link)
        return;
    mark_ended(stmt);
    stmt->db->engine->reset(stmt);
}

void db_reset_all(struct db *db)
{
    while (db->running)
        stmt_reset(db->running);
}

/* Transactions. */

bool db_control(struct db *db, const char *sql)
{
    return !sabotaged(db, NULL) && db->engine->control(db, sql);
}

bool db_begin_with(struct db *db, const char *sql)
{
    if (db->in_tx) {
        db_fail(db, NULL, "a transaction within a transaction");
        return false;
    }
    db->wrote = false;
    db->in_tx = db_control(db, sql);
    return db->in_tx;
}

bool db_begin(struct db *db)
{
    return db_begin_with(db, db->write ? db->engine->begin_write_sql : db->engine->begin_read_sql);
}

bool db_begin_lazy(struct db *db)
{
    return db_begin_with(db, db->engine->begin_lazy_sql);
}

bool db_commit(struct db *db)
{
    db_reset_all(db);
    if (db_control(db, "COMMIT")) {
        db->in_tx = false;
        return true;
    }
    /* The cause of the failure stays in the message. */
    char cause[DB_MESSAGE_ROOM];
    memcpy(cause, db->message, sizeof cause);
    db_rollback(db);
    memcpy(db->message, cause, sizeof cause);
    return false;
}

void db_rollback(struct db *db)
{
    db_reset_all(db);
    if (db->in_tx)
        db->engine->control(db, "ROLLBACK");
    db->in_tx = false;
    db->wrote = false;
}

bool db_savepoint(struct db *db)
{
    return db_control(db, "SAVEPOINT easel_act");
}

void db_release(struct db *db)
{
    db_control(db, "RELEASE SAVEPOINT easel_act");
}

void db_rollback_to(struct db *db)
{
    db_reset_all(db);
    if (db->engine->control(db, "ROLLBACK TO SAVEPOINT easel_act"))
        db->engine->control(db, "RELEASE SAVEPOINT easel_act");
}

bool db_lock(struct db *db, const char *key)
{
    return db->engine->lock(db, key);
}

bool db_changed_elsewhere(struct db *db)
{
    return db->engine->changed_elsewhere(db);
}
