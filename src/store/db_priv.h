/* db_priv: what db.c and the engines share; for this folder alone.
 *
 * An engine embeds `struct db` and `struct stmt` as the first member of its own
 * and fills a `struct engine`. db.c owns everything that is the same for all:
 * the cache of statements, the bookkeeping of transactions, messages. */
#ifndef EASEL_STORE_DB_PRIV_H
#define EASEL_STORE_DB_PRIV_H

#include "store/db.h"

struct log;

enum { DB_MESSAGE_ROOM = 512, DB_PATH_ROOM = 4096, DB_TEXTS_MOST = 64 };

/* How a connection is opened: db_mode, or as the migrations need it. */
struct db_opening {
    bool write;
    bool create;
};

struct engine {
    unsigned abilities;
    /* SQL that answers a row where the table schema_version exists. */
    const char *has_schema_sql;
    /* Keeps a second migrating node waiting until the connection ends; NULL
     * where db_begin does. */
    const char *migration_lock_sql;
    const char *begin_write_sql, *begin_read_sql, *begin_lazy_sql;
    /* What the tokens of a migration stand for: name, text, ..., NULL. */
    const char *const *tokens;
    /* Full-text search (text_index.c). */
    struct {
        const char *insert_sql;  /* words ?2 of the row ?1 */
        const char *match_sql;   /* a condition: the row holds the query ?2 */
        const char *word;        /* of a query: words that begin with %s */
        const char *both;        /* of a query: between two words that must be there */
        const char *tidy_sql[2]; /* takes out words whose entries are gone; NULL: not needed */
    } text;

    struct db *(*open)(const char *url, struct db_opening how, char *why, size_t why_size);
    void (*close)(struct db *db);
    struct stmt *(*prepare)(struct db *db, const char *sql);
    void (*finalize)(struct stmt *stmt);
    void (*rewind)(struct stmt *stmt); /* reset, bindings gone */
    void (*reset)(struct stmt *stmt);
    void (*bind_text)(struct stmt *stmt, int index, const char *text); /* NULL: NULL */
    void (*bind_int)(struct stmt *stmt, int index, int64_t value);
    enum db_result (*step)(struct stmt *stmt);
    const char *(*get_text)(struct stmt *stmt, int column);
    int64_t (*get_int)(struct stmt *stmt, int column);
    bool (*is_null)(struct stmt *stmt, int column);
    /* BEGIN, COMMIT, SAVEPOINT and their like; a literal, as for db_prepare. */
    bool (*control)(struct db *db, const char *sql);
    /* Several statements at once, without parameters or rows. */
    bool (*script)(struct db *db, const char *sql);
    bool (*lock)(struct db *db, const char *key);
    bool (*changed_elsewhere)(struct db *db);
};

struct stmt {
    struct db *db;
    const char *sql;
    struct stmt *next, **link; /* in db->running; link is NULL where it does not run */
    int64_t changes;
    bool writes; /* may change rows */
};

struct db {
    const struct engine *engine;
    struct log *log;     /* may be NULL */
    struct stmt **slots; /* open addressing by address of the SQL */
    size_t slot_count, slot_used;
    char *texts[DB_TEXTS_MOST]; /* SQL that db_prepare_text keeps */
    size_t text_count;
    struct stmt *running; /* those that stand on a row */
    unsigned fail_after;  /* see db_fail_after */
    bool write;           /* opened for writing */
    bool in_tx;           /* between db_begin and its end */
    bool wrote;           /* a writing statement ran since the last begin */
    char message[DB_MESSAGE_ROOM];
};

extern const struct engine sqlite_engine;
extern const struct engine pg_engine;

struct migration {
    int version;
    const char *name;
    const char *sql; /* with tokens such as {text} */
};
/* Made by tools/embed_sql.py out of migrations/; in ascending order from 1. */
extern const struct migration MIGRATIONS[];
extern const size_t MIGRATION_COUNT;

struct db *db_open_as(const char *url, struct db_opening how, char *why, size_t why_size);
/* Notes a failure for db_message and the log. Always DB_FAILED. */
enum db_result db_fail(struct db *db, const struct stmt *stmt, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool db_control(struct db *db, const char *sql);
bool db_begin_with(struct db *db, const char *sql);
/* A transaction that takes the write lock only with its first write. */
bool db_begin_lazy(struct db *db);
/* Ends reading of all statements. */
void db_reset_all(struct db *db);
/* The repository's schema: 0 where there is none, -1 where it cannot be read. */
int db_stored_version(struct db *db);
/* The sentence for a repository that is newer than this binary. */
void db_say_newer(int stored, char *why, size_t why_size);
void db_say(char *why, size_t why_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes sqlite:PATH[?durability=off] apart. */
bool db_sqlite_path(const char *url, char path[DB_PATH_ROOM], bool *durable_r, char *why,
                    size_t why_size);
/* For tests: the n-th statement from now fails as if the disk had; 0: none. */
void db_fail_after(struct db *db, unsigned n);

#endif
