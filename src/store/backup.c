/* backup.c: the repository copied out and put back while servers use it, by
 * SQLite's online backup. Both ways the copy is taken in one go under one
 * snapshot, so writers neither wait nor force a new start, and what arrives is
 * one transaction. PostgreSQL has tools of its own for this. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/db_priv.h"

enum { WAIT_MS = 30000, PAUSE_US = 200 };

/* Where a failure is told. */
struct telling {
    char *why;
    size_t size;
};

static bool tell_sqlite(struct telling to, const char *what, sqlite3 *handle)
{
    db_say(to.why, to.size, "%s: %s", what, sqlite3_errmsg(handle));
    return false;
}

static bool tell_system(struct telling to, const char *what, const char *file)
{
    db_say(to.why, to.size, "%s %s: %s", what, file, strerror(errno));
    return false;
}

static sqlite3 *open_file(const char *path, int flags, struct telling to)
{
    sqlite3 *handle = NULL;
    if (sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(handle, WAIT_MS);
        return handle;
    }
    db_say(to.why, to.size, "%s cannot be opened: %s", path,
           handle ? sqlite3_errmsg(handle) : "out of memory");
    sqlite3_close(handle);
    return NULL;
}

/* SQLite's side files go with it. */
static void remove_copy(const char *path)
{
    static const char *const ENDS[] = {"", "-journal", "-wal", "-shm"};
    char name[DB_PATH_ROOM + 16];
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        snprintf(name, sizeof name, "%s%s", path, ENDS[i]);
        unlink(name);
    }
}

/* A copy onto itself would destroy the repository. */
static bool are_two(const char *path, const char *file, struct telling to)
{
    struct stat a, b;
    if (stat(path, &a) != 0 || stat(file, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return true;
    db_say(to.why, to.size, "%s is the repository itself", file);
    return false;
}

/* Copies all pages as one step. Waits for locks, though not for ever; a busy
 * writer leaves them for moments only, so it asks often. */
static bool copy_all(sqlite3 *from, sqlite3 *into, struct telling to)
{
    sqlite3_backup *backup = sqlite3_backup_init(into, "main", from, "main");
    if (!backup)
        return tell_sqlite(to, "the copy cannot begin", into);
    sqlite3_busy_timeout(into, 0);
    int64_t until = clock_monotonic() + WAIT_MS;
    int code = sqlite3_backup_step(backup, -1);
    while ((code == SQLITE_BUSY || code == SQLITE_LOCKED) && clock_monotonic() < until) {
        usleep(PAUSE_US);
        code = sqlite3_backup_step(backup, -1);
    }
    int finished = sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE && finished == SQLITE_OK)
        return true;
    db_say(to.why, to.size, "the copy failed: %s",
           sqlite3_errstr(finished != SQLITE_OK ? finished : code));
    return false;
}

/* Backup. */

static bool sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

/* The name survives a crash only once its directory is on the disk. */
static bool sync_directory_of(const char *file)
{
    char path[DB_PATH_ROOM + 1];
    const char *slash = strrchr(file, '/');
    if (!slash)
        snprintf(path, sizeof path, ".");
    else
        snprintf(path, sizeof path, "%.*s", (int)(slash == file ? 1 : slash - file), file);
    return sync_path(path, O_RDONLY | O_DIRECTORY);
}

/* Fills `path`, which holds an empty file. The copy leaves WAL mode, so that it
 * is one file and can be read where nothing may be written. */
static bool copy_to_file(sqlite3 *from, const char *path, struct telling to)
{
    sqlite3 *into = open_file(path, SQLITE_OPEN_READWRITE, to);
    if (!into)
        return false;
    bool ok = copy_all(from, into, to);
    if (ok && sqlite3_exec(into, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) != SQLITE_OK)
        ok = tell_sqlite(to, "the copy cannot be closed", into);
    sqlite3_close(into);
    if (ok && !sync_path(path, O_RDONLY))
        ok = tell_system(to, "cannot write", path);
    return ok;
}

/* A name beside `file` that is ours alone, made with mode 0600: the repository
 * holds hashes of passwords. */
static bool make_beside(const char *file, char path[DB_PATH_ROOM], struct telling to)
{
    if (snprintf(path, DB_PATH_ROOM, "%s.XXXXXX", file) >= DB_PATH_ROOM) {
        db_say(to.why, to.size, "the name of the file is too long");
        return false;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return tell_system(to, "cannot make", path);
    close(fd);
    return true;
}

static bool backup_into(sqlite3 *from, const char *file, struct telling to)
{
    char part[DB_PATH_ROOM];
    if (!make_beside(file, part, to))
        return false;
    bool ok = copy_to_file(from, part, to);
    if (ok && rename(part, file) != 0)
        ok = tell_system(to, "cannot make", file);
    if (!ok) {
        remove_copy(part);
        return false;
    }
    return sync_directory_of(file) || tell_system(to, "cannot write the directory of", file);
}

bool db_backup(const char *url, const char *file, char *why, size_t why_size)
{
    struct telling to = {why, why_size};
    char path[DB_PATH_ROOM];
    bool durable;
    if (!db_sqlite_path(url, path, &durable, why, why_size) || !are_two(path, file, to))
        return false;
    sqlite3 *from = open_file(path, SQLITE_OPEN_READONLY, to);
    if (!from)
        return false;
    bool ok = backup_into(from, file, to);
    sqlite3_close(from);
    return ok;
}

/* Restore. */

/* The first column of the first row as text; false where there is none. */
static bool one_value(sqlite3 *handle, const char *sql, char *value, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    bool found = sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL) == SQLITE_OK &&
                 sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0);
    if (found)
        snprintf(value, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return found;
}

static int version_in(sqlite3 *handle)
{
    char value[32];
    return one_value(handle, "SELECT MAX(version) FROM schema_version", value, sizeof value)
               ? (int)strtol(value, NULL, 10)
               : 0;
}

/* Sound, ours, and not newer. *version_r: its schema. */
static bool check(sqlite3 *handle, const char *name, int *version_r, struct telling to)
{
    char value[128];
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    if (!one_value(handle, "PRAGMA quick_check(1)", value, sizeof value)) {
        db_say(to.why, to.size, "%s is no repository: %s", name, sqlite3_errmsg(handle));
        return false;
    }
    if (strcmp(value, "ok") != 0) {
        db_say(to.why, to.size, "%s is damaged: %s", name, value);
        return false;
    }
    *version_r = version_in(handle);
    if (*version_r <= 0) {
        db_say(to.why, to.size, "%s is no Easel repository", name);
        return false;
    }
    if (*version_r <= db_schema_version())
        return true;
    db_say_newer(*version_r, to.why, to.size);
    return false;
}

/* Servers of a newer easel may be at work on the repository that is there. */
static bool may_replace(sqlite3 *live, struct telling to)
{
    int version = version_in(live);
    if (version <= db_schema_version())
        return true;
    db_say_newer(version, to.why, to.size);
    return false;
}

static bool replace(sqlite3 *from, const char *path, struct telling to)
{
    sqlite3 *live = open_file(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, to);
    if (!live)
        return false;
    bool ok = may_replace(live, to);
    if (ok && sqlite3_exec(live, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", NULL, NULL,
                           NULL) != SQLITE_OK)
        ok = tell_sqlite(to, "the repository cannot be written", live);
    ok = ok && copy_all(from, live, to);
    sqlite3_close(live);
    return ok;
}

/* An older copy is migrated aside first: servers never see its schema. */
static bool replace_by_older(sqlite3 *from, const char *path, struct telling to)
{
    char aside[DB_PATH_ROOM];
    char url[DB_PATH_ROOM + 8];
    if (!make_beside(path, aside, to))
        return false;
    snprintf(url, sizeof url, "sqlite:%s", aside);
    sqlite3 *migrated = NULL;
    bool ok = copy_to_file(from, aside, to) && db_migrate(url, to.why, to.size) &&
              (migrated = open_file(aside, SQLITE_OPEN_READWRITE, to)) != NULL &&
              replace(migrated, path, to);
    sqlite3_close(migrated);
    remove_copy(aside);
    return ok;
}

bool db_restore(const char *url, const char *file, char *why, size_t why_size)
{
    struct telling to = {why, why_size};
    char path[DB_PATH_ROOM];
    bool durable;
    if (!db_sqlite_path(url, path, &durable, why, why_size) || !are_two(path, file, to))
        return false;
    sqlite3 *from = open_file(file, SQLITE_OPEN_READONLY, to);
    if (!from)
        return false;
    int version = 0;
    bool ok = check(from, file, &version, to);
    if (ok)
        ok = version < db_schema_version() ? replace_by_older(from, path, to)
                                           : replace(from, path, to);
    sqlite3_close(from);
    return ok;
}
