/* pg.c: the engine over PostgreSQL. A statement is prepared once for each
 * connection; values travel as text and the server infers their types.
 *
 * A failed statement would spoil its whole transaction there, unlike on
 * SQLite. So a statement that may write runs between SAVEPOINT and RELEASE,
 * all three in one pipeline and hence one round trip; after a refusal the
 * transaction goes on as if the statement had not been tried.
 *
 * A connection that was lost is made anew at the next statement outside of a
 * transaction. A write outside of a transaction is never sent twice, since
 * the lost connection may have carried it out. */
#include <ctype.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/db_priv.h"

enum { PARAMS_MOST = 1024, NAME_ROOM = 24, NUMBER_ROOM = 24 };

struct pg {
    struct db base;
    PGconn *conn;
    char *password; /* of the URL, to keep it out of messages; may be NULL */
    unsigned era;   /* counts connections: what was prepared on which */
    unsigned named; /* counts names of prepared statements */
};

struct pg_stmt {
    struct stmt base;
    char *sql; /* with $1 for ?1 */
    char name[NAME_ROOM];
    unsigned era; /* prepared on that connection; 0: on none */
    int param_count;
    const char **values;          /* param_count of them */
    char (*numbers)[NUMBER_ROOM]; /* param_count of them */
    PGresult *result;
    int row, row_count;
};

static struct pg *pg_of(struct db *db)
{
    return (struct pg *)db;
}

static struct pg_stmt *stmt_of(struct stmt *stmt)
{
    return (struct pg_stmt *)stmt;
}

/* Messages. */

static void hide(char *text, const char *secret)
{
    size_t len = secret ? strlen(secret) : 0;
    for (char *at = text; len > 0 && (at = strstr(at, secret)) != NULL; at += len)
        memset(at, '*', len);
}

/* One line, without the password. */
static void tidy(char *text, const char *password)
{
    hide(text, password);
    for (char *c = text; *c; c++)
        if (*c == '\n')
            *c = c[1] ? ' ' : '\0';
}

static enum db_result fail_conn(struct pg *pg, const struct stmt *stmt)
{
    char text[DB_MESSAGE_ROOM];
    snprintf(text, sizeof text, "%s", PQerrorMessage(pg->conn));
    tidy(text, pg->password);
    return db_fail(&pg->base, stmt, "%s", text[0] ? text : "no answer from PostgreSQL");
}

/* Errors of class 22 cite the value that did not fit; values stay out. */
static enum db_result fail_result(struct pg *pg, const struct stmt *stmt, const PGresult *result)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!state || !primary)
        return fail_conn(pg, stmt);
    if (strncmp(state, "22", 2) == 0)
        return db_fail(&pg->base, stmt, "a value does not fit (%s)", state);
    return db_fail(&pg->base, stmt, "%s (%s)", primary, state);
}

static void swallow_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

/* Connections. */

static bool set_up_session(struct pg *pg)
{
    PQsetNoticeReceiver(pg->conn, swallow_notice, NULL);
    const char *sql = pg->base.write ? "SET timezone = 'UTC'; SET client_min_messages = warning;"
                                       "SET idle_in_transaction_session_timeout = '60s'"
                                     : "SET timezone = 'UTC'; SET client_min_messages = warning;"
                                       "SET idle_in_transaction_session_timeout = '60s';"
                                       "SET default_transaction_read_only = on";
    PGresult *result = PQexec(pg->conn, sql);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    pg->era++;
    return ok;
}

static bool reconnect(struct pg *pg)
{
    PQreset(pg->conn);
    return PQstatus(pg->conn) == CONNECTION_OK && set_up_session(pg);
}

/* True where there is a connection, as far as is known before using it. */
static bool connected(struct pg *pg)
{
    if (PQstatus(pg->conn) == CONNECTION_OK)
        return true;
    return !pg->base.in_tx && reconnect(pg);
}

/* Reads the password out of the URL. libpq's own words on a broken URL may cite
 * any part of it, so they are not passed on. */
static bool parse_url(const char *url, char **password_r)
{
    char *ignored = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &ignored);
    PQfreemem(ignored);
    if (!options)
        return false;
    for (PQconninfoOption *option = options; option->keyword; option++)
        if (strcmp(option->keyword, "password") == 0 && option->val && option->val[0])
            *password_r = strdup(option->val);
    PQconninfoFree(options);
    return true;
}

static PGconn *connect_to(const char *url)
{
    /* What stands before dbname can be overruled by the URL. */
    const char *const names[] = {"connect_timeout", "tcp_user_timeout", "fallback_application_name",
                                 "dbname",          "client_encoding",  NULL};
    const char *const values[] = {"10", "30000", "easel", url, "UTF8", NULL};
    return PQconnectdbParams(names, values, 1);
}

static void pg_close(struct db *db)
{
    struct pg *pg = pg_of(db);
    PQfinish(pg->conn);
    if (pg->password)
        explicit_bzero(pg->password, strlen(pg->password));
    free(pg->password);
    free(pg);
}

static struct db *pg_open(const char *url, struct db_opening how, char *why, size_t why_size)
{
    struct pg *pg = calloc(1, sizeof *pg);
    if (!pg || !parse_url(url, &pg->password)) {
        db_say(why, why_size, "the repository's URL is not a PostgreSQL URL");
        free(pg);
        return NULL;
    }
    pg->base.write = how.write;
    pg->conn = connect_to(url);
    if (PQstatus(pg->conn) == CONNECTION_OK && set_up_session(pg))
        return &pg->base;
    fail_conn(pg, NULL);
    db_say(why, why_size, "PostgreSQL cannot be reached: %s", pg->base.message);
    pg_close(&pg->base);
    return NULL;
}

/* Statements. */

/* Copies a quoted part, through its closing quote; doubled quotes look like two
 * parts in a row, which comes to the same. */
static const char *copy_quoted(const char *from, char **to)
{
    char quote = *from;
    do
        *(*to)++ = *from++;
    while (*from && *from != quote);
    if (*from)
        *(*to)++ = *from++;
    return from;
}

/* ?1 becomes $1. Returns the highest number, or -1 beyond PARAMS_MOST. */
static int translate(const char *sql, char *to)
{
    int highest = 0;
    while (*sql) {
        if (*sql == '\'' || *sql == '"') {
            sql = copy_quoted(sql, &to);
        } else if (*sql == '?' && isdigit((unsigned char)sql[1])) {
            long number = strtol(sql + 1, NULL, 10);
            if (number < 1 || number > PARAMS_MOST)
                return -1;
            highest = number > highest ? (int)number : highest;
            *to++ = '$';
            sql++;
        } else {
            *to++ = *sql++;
        }
    }
    *to = '\0';
    return highest;
}

static bool may_write(const char *sql)
{
    while (isspace((unsigned char)*sql))
        sql++;
    return strncasecmp(sql, "SELECT", 6) != 0 && strncasecmp(sql, "VALUES", 6) != 0;
}

static void pg_finalize(struct stmt *base)
{
    struct pg_stmt *stmt = stmt_of(base);
    PQclear(stmt->result);
    free(stmt->values);
    free(stmt->numbers);
    free(stmt->sql);
    free(stmt);
}

/* The server sees the statement at its first step, when a connection is needed
 * anyway; wrong SQL shows there. */
static struct stmt *pg_prepare(struct db *db, const char *sql)
{
    struct pg_stmt *stmt = calloc(1, sizeof *stmt);
    char *translated = malloc(strlen(sql) + 1);
    int params = translated ? translate(sql, translated) : -1;
    if (stmt && params >= 0) {
        stmt->values = calloc((size_t)params + 1, sizeof *stmt->values);
        stmt->numbers = calloc((size_t)params + 1, sizeof *stmt->numbers);
    }
    if (!stmt || !stmt->values || !stmt->numbers) {
        db_fail(db, NULL, params < 0 ? "too many parameters" : "out of memory");
        free(translated);
        if (stmt) {
            free(stmt->values);
            free(stmt->numbers);
        }
        free(stmt);
        return NULL;
    }
    stmt->sql = translated;
    stmt->param_count = params;
    stmt->base.writes = may_write(sql);
    snprintf(stmt->name, sizeof stmt->name, "s%u", ++pg_of(db)->named);
    return &stmt->base;
}

static void pg_reset(struct stmt *base)
{
    struct pg_stmt *stmt = stmt_of(base);
    PQclear(stmt->result);
    stmt->result = NULL;
}

static void pg_rewind(struct stmt *base)
{
    struct pg_stmt *stmt = stmt_of(base);
    pg_reset(base);
    memset(stmt->values, 0, (size_t)stmt->param_count * sizeof *stmt->values);
}

static void pg_bind_text(struct stmt *base, int index, const char *text)
{
    struct pg_stmt *stmt = stmt_of(base);
    if (index >= 1 && index <= stmt->param_count)
        stmt->values[index - 1] = text;
}

static void pg_bind_int(struct stmt *base, int index, int64_t value)
{
    struct pg_stmt *stmt = stmt_of(base);
    if (index < 1 || index > stmt->param_count)
        return;
    char *number = stmt->numbers[index - 1];
    snprintf(number, NUMBER_ROOM, "%lld", (long long)value);
    stmt->values[index - 1] = number;
}

static bool good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Prepares where this connection has not yet. NULL: it is prepared. */
static PGresult *prepare_on_server(struct pg *pg, struct pg_stmt *stmt)
{
    if (stmt->era == pg->era)
        return NULL;
    PGresult *result = PQprepare(pg->conn, stmt->name, stmt->sql, 0, NULL);
    if (!good(result))
        return result;
    PQclear(result);
    stmt->era = pg->era;
    return NULL;
}

static bool send_guarded(struct pg *pg, struct pg_stmt *stmt)
{
    return PQsendQueryParams(pg->conn, "SAVEPOINT easel_step", 0, NULL, NULL, NULL, NULL, 0) &&
           PQsendQueryPrepared(pg->conn, stmt->name, stmt->param_count, stmt->values, NULL, NULL,
                               0) &&
           PQsendQueryParams(pg->conn, "RELEASE SAVEPOINT easel_step", 0, NULL, NULL, NULL, NULL,
                             0) &&
           PQpipelineSync(pg->conn);
}

/* Collects the answers to send_guarded, each ended by a NULL, and returns the
 * second: the statement's own. */
static PGresult *collect_guarded(struct pg *pg)
{
    PGresult *kept = NULL;
    for (int answer = 0; answer < 4;) {
        PGresult *result = PQgetResult(pg->conn);
        bool synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (!result)
            answer++;
        else if (answer == 1 && !kept)
            kept = result;
        else
            PQclear(result);
        if (synced || PQstatus(pg->conn) != CONNECTION_OK)
            break;
    }
    return kept;
}

static PGresult *execute_guarded(struct pg *pg, struct pg_stmt *stmt)
{
    PGresult *result = NULL;
    if (PQenterPipelineMode(pg->conn) && send_guarded(pg, stmt))
        result = collect_guarded(pg);
    PQexitPipelineMode(pg->conn);
    if (!good(result) && PQtransactionStatus(pg->conn) == PQTRANS_INERROR)
        PQclear(PQexec(pg->conn, "ROLLBACK TO SAVEPOINT easel_step; RELEASE SAVEPOINT easel_step"));
    return result;
}

static PGresult *execute(struct pg *pg, struct pg_stmt *stmt)
{
    bool guarded = pg->base.in_tx && stmt->base.writes;
    PGresult *refused = prepare_on_server(pg, stmt);
    if (refused)
        return refused;
    if (guarded)
        return execute_guarded(pg, stmt);
    return PQexecPrepared(pg->conn, stmt->name, stmt->param_count, stmt->values, NULL, NULL, 0);
}

static bool is_conflict(const PGresult *result)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    return state && (strcmp(state, "23505") == 0 || strcmp(state, "23503") == 0 ||
                     strcmp(state, "23001") == 0);
}

/* Runs the statement whole; its rows are then read out of the result. */
static enum db_result start(struct pg *pg, struct pg_stmt *stmt)
{
    stmt->base.changes = 0;
    if (!connected(pg))
        return fail_conn(pg, &stmt->base);
    PGresult *result = execute(pg, stmt);
    bool again = !good(result) && PQstatus(pg->conn) != CONNECTION_OK && !pg->base.in_tx &&
                 !stmt->base.writes;
    if (again && reconnect(pg)) {
        PQclear(result);
        result = execute(pg, stmt);
    }
    if (!good(result)) {
        enum db_result answer =
            is_conflict(result) ? DB_CONFLICT : fail_result(pg, &stmt->base, result);
        PQclear(result);
        return answer;
    }
    stmt->result = result;
    stmt->row = -1;
    stmt->row_count = PQntuples(result);
    if (stmt->base.writes)
        stmt->base.changes = strtoll(PQcmdTuples(result), NULL, 10);
    return DB_DONE;
}

static enum db_result pg_step(struct stmt *base)
{
    struct pg_stmt *stmt = stmt_of(base);
    if (!stmt->result) {
        enum db_result started = start(pg_of(base->db), stmt);
        if (started != DB_DONE)
            return started;
    }
    if (++stmt->row < stmt->row_count)
        return DB_ROW;
    pg_reset(base);
    return DB_DONE;
}

static bool on_row(const struct pg_stmt *stmt, int column)
{
    return stmt->result && stmt->row >= 0 && column >= 0 && column < PQnfields(stmt->result);
}

static bool pg_is_null(struct stmt *base, int column)
{
    struct pg_stmt *stmt = stmt_of(base);
    return !on_row(stmt, column) || PQgetisnull(stmt->result, stmt->row, column);
}

static const char *pg_get_text(struct stmt *base, int column)
{
    struct pg_stmt *stmt = stmt_of(base);
    return pg_is_null(base, column) ? NULL : PQgetvalue(stmt->result, stmt->row, column);
}

static int64_t pg_get_int(struct stmt *base, int column)
{
    const char *text = pg_get_text(base, column);
    return text ? strtoll(text, NULL, 10) : 0;
}

/* Transactions. */

/* COMMIT of a spoiled transaction is answered with success and ROLLBACK. */
static bool did_commit(const char *sql, PGresult *result)
{
    return strcmp(sql, "COMMIT") != 0 || strcmp(PQcmdStatus(result), "COMMIT") == 0;
}

static bool pg_control(struct db *db, const char *sql)
{
    struct pg *pg = pg_of(db);
    if (!connected(pg)) {
        fail_conn(pg, NULL);
        return false;
    }
    PGresult *result = PQexec(pg->conn, sql);
    if (!good(result) && PQstatus(pg->conn) != CONNECTION_OK && !db->in_tx && reconnect(pg)) {
        PQclear(result);
        result = PQexec(pg->conn, sql);
    }
    bool ok = good(result);
    if (!ok)
        fail_result(pg, NULL, result);
    else if (!did_commit(sql, result))
        ok = db_fail(db, NULL, "the transaction was undone by an earlier failure") != DB_FAILED;
    PQclear(result);
    return ok;
}

static bool pg_script(struct db *db, const char *sql)
{
    struct pg *pg = pg_of(db);
    PGresult *result = PQexec(pg->conn, sql);
    bool ok = good(result);
    if (!ok)
        fail_result(pg, NULL, result);
    PQclear(result);
    return ok;
}

/* FNV-1a: two keys that share a hash wait for each other, which is harmless. */
static int64_t hash_of(const char *key)
{
    uint64_t h = 14695981039346656037ULL;
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 1099511628211ULL;
    return (int64_t)h;
}

static bool pg_lock(struct db *db, const char *key)
{
    struct stmt *stmt = db_prepare(db, "SELECT pg_advisory_xact_lock(?1)");
    if (!stmt)
        return false;
    stmt_int(stmt, 1, hash_of(key));
    bool ok = stmt_step(stmt) == DB_ROW;
    stmt_reset(stmt);
    return ok;
}

static bool pg_changed_elsewhere(struct db *db)
{
    (void)db;
    return false;
}

static const char *const TOKENS[] = {"text",
                                     "TEXT COLLATE \"C\"",
                                     "int",
                                     "BIGINT",
                                     "rowid",
                                     "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                                     "without_rowid",
                                     "",
                                     "text_index",
                                     "CREATE TABLE search_text (rowid BIGINT NOT NULL PRIMARY KEY "
                                     "REFERENCES search_entry (serial) ON DELETE CASCADE, words "
                                     "tsvector NOT NULL);"
                                     "CREATE INDEX search_text_words ON search_text USING gin "
                                     "(words);",
                                     NULL};

const struct engine pg_engine = {
    .abilities = DB_KNOWS_SHARES,
    .has_schema_sql = "SELECT 1 WHERE to_regclass('schema_version') IS NOT NULL",
    /* "easel" in ASCII. */
    .migration_lock_sql = "SELECT pg_advisory_lock(435426649452)",
    .begin_write_sql = "BEGIN",
    .begin_read_sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    .begin_lazy_sql = "BEGIN",
    .tokens = TOKENS,
    /* Words come cleaned: nothing of them is left to a parser of the engine. */
    .text = {.insert_sql = "INSERT INTO search_text (rowid, words) VALUES (?1, "
                           "array_to_tsvector(string_to_array(?2, ' ')))",
             .match_sql = "search_text.words @@ CAST(?2 AS tsquery)",
             .word = "'%s':*",
             .both = " & "},
    .open = pg_open,
    .close = pg_close,
    .prepare = pg_prepare,
    .finalize = pg_finalize,
    .rewind = pg_rewind,
    .reset = pg_reset,
    .bind_text = pg_bind_text,
    .bind_int = pg_bind_int,
    .step = pg_step,
    .get_text = pg_get_text,
    .get_int = pg_get_int,
    .is_null = pg_is_null,
    .control = pg_control,
    .script = pg_script,
    .lock = pg_lock,
    .changed_elsewhere = pg_changed_elsewhere,
};
