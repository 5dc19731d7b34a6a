/* test_db: what db.h promises, of both engines alike. */
#include "repository.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "store/db.h"

static struct db *fresh(void **state)
{
    place_migrate(*state);
    return place_open(*state, DB_WRITE);
}

static void run(struct db *db, const char *sql)
{
    struct stmt *stmt = db_prepare(db, sql);
    assert_non_null(stmt);
    enum db_result result = stmt_step(stmt);
    if (result != DB_DONE)
        fail_msg("%s: %d %s", sql, (int)result, db_message(db));
}

/* Values. */

static int64_t add_event(struct db *db, int64_t at, const char *kind, const char *peer)
{
    struct stmt *stmt = db_prepare(db, "INSERT INTO event (at, kind, peer, outcome) "
                                       "VALUES (?1, ?2, ?3, 'is ?1 ''?2''') RETURNING id");
    stmt_int(stmt, 1, at);
    stmt_text(stmt, 2, kind);
    stmt_text(stmt, 3, peer);
    assert_int_equal(stmt_step(stmt), DB_ROW);
    int64_t id = stmt_get_int(stmt, 0);
    assert_int_equal(stmt_step(stmt), DB_DONE);
    assert_int_equal(stmt_changes(stmt), 1);
    return id;
}

static void values_come_back(void **state)
{
    static const struct {
        int64_t at;
        const char *kind, *peer;
    } cases[] = {{0, "", NULL},
                 {INT64_MAX, "caf\xc3\xa9 \xf0\x9f\x8e\xa8", ""},
                 {INT64_MIN, "it's \"q\" ?1 $1 \\", "::1"},
                 {-1, "line\nline", NULL}};
    struct db *db = fresh(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t id = add_event(db, cases[i].at, cases[i].kind, cases[i].peer);
        struct stmt *stmt =
            db_prepare(db, "SELECT at, kind, peer, outcome, wire_code FROM event WHERE id = ?1");
        stmt_int(stmt, 1, id);
        assert_int_equal(stmt_step(stmt), DB_ROW);
        assert_true(stmt_get_int(stmt, 0) == cases[i].at);
        assert_string_equal(stmt_get_text(stmt, 1), cases[i].kind);
        assert_int_equal(stmt_is_null(stmt, 2), cases[i].peer == NULL);
        if (cases[i].peer)
            assert_string_equal(stmt_get_text(stmt, 2), cases[i].peer);
        else
            assert_null(stmt_get_text(stmt, 2));
        assert_string_equal(stmt_get_text(stmt, 3), "is ?1 '?2'");
        assert_true(stmt_is_null(stmt, 4));
        assert_int_equal(stmt_get_int(stmt, 4), 0);
        assert_int_equal(stmt_step(stmt), DB_DONE);
    }
    db_close(&db);
}

static void bindings_do_not_linger(void **state)
{
    struct db *db = fresh(state);
    const char *sql = "INSERT INTO setting (name, value) VALUES (?1, ?2)";
    struct stmt *stmt = db_prepare(db, sql);
    stmt_text(stmt, 1, "a");
    stmt_text(stmt, 2, "text");
    assert_int_equal(stmt_step(stmt), DB_DONE);
    stmt = db_prepare(db, sql);
    stmt_text(stmt, 1, "b");
    assert_int_equal(stmt_step(stmt), DB_DONE);
    stmt = db_prepare(db, sql);
    stmt_int(stmt, 2, 5);
    stmt_null(stmt, 2);
    stmt_text(stmt, 1, "c");
    assert_int_equal(stmt_step(stmt), DB_DONE);
    assert_int_equal(one_int(db, "SELECT COUNT(*) FROM setting WHERE value IS NULL"), 2);
    db_close(&db);
}

static void changes_are_counted(void **state)
{
    struct db *db = fresh(state);
    assert_int_equal(put(db, "a", 1), DB_DONE);
    assert_int_equal(put(db, "b", 2), DB_DONE);
    struct stmt *stmt = db_prepare(db, "UPDATE counter SET value = value + ?1");
    stmt_int(stmt, 1, 10);
    assert_int_equal(stmt_step(stmt), DB_DONE);
    assert_int_equal(stmt_changes(stmt), 2);
    stmt = db_prepare(db, "DELETE FROM counter WHERE name = ?1");
    stmt_text(stmt, 1, "absent");
    assert_int_equal(stmt_step(stmt), DB_DONE);
    assert_int_equal(stmt_changes(stmt), 0);
    db_close(&db);
}

static void statements_are_found_again(void **state)
{
    enum { MANY = 300 };
    static char sql[MANY][32];
    struct db *db = fresh(state);
    struct stmt *stmts[MANY];
    for (int i = 0; i < MANY; i++) {
        snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
        stmts[i] = db_prepare(db, sql[i]);
        assert_non_null(stmts[i]);
    }
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(db_prepare(db, sql[i]), stmts[i]);
        assert_int_equal(one_int(db, sql[i]), i);
    }
    db_close(&db);
}

static void text_is_ordered_by_bytes(void **state)
{
    static const char *const names[] = {"b", "a", "B", "_", "\xc3\xa9", "A", "z"};
    char seen[64] = "";
    struct db *db = fresh(state);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(put(db, names[i], 0), DB_DONE);
    struct stmt *stmt = db_prepare(db, "SELECT name FROM counter ORDER BY name");
    while (stmt_step(stmt) == DB_ROW)
        strcat(seen, stmt_get_text(stmt, 0));
    assert_string_equal(seen, "AB_abz\xc3\xa9");
    db_close(&db);
}

/* Refusals and failures. */

static enum db_result add_homeless_user(struct db *db)
{
    return stmt_step(db_prepare(
        db, "INSERT INTO site_user (id, site_id, account_id, name, name_key, site_role, "
            "created_at, updated_at, serial) VALUES ('u', 'none', 'none', 'n', 'n', 'Viewer', "
            "0, 0, 1)"));
}

static void after_a_conflict_the_transaction_goes_on(void **state)
{
    struct db *db = fresh(state);
    assert_int_equal(put(db, "before", 1), DB_DONE);
    assert_int_equal(put(db, "before", 1), DB_CONFLICT);
    assert_true(db_begin(db));
    assert_int_equal(put(db, "a", 1), DB_DONE);
    assert_int_equal(put(db, "a", 2), DB_CONFLICT);
    assert_int_equal(add_homeless_user(db), DB_CONFLICT);
    assert_int_equal(put(db, "before", 3), DB_CONFLICT);
    assert_int_equal(one_int(db, "SELECT value FROM counter WHERE name = 'a'"), 1);
    assert_int_equal(put(db, "b", 4), DB_DONE);
    assert_true(db_commit(db));
    assert_int_equal(counters(db), 3);
    db_close(&db);
}

static void upserts_work(void **state)
{
    const char *sql = "INSERT INTO counter (name, value) VALUES (?1, 1) ON CONFLICT (name) "
                      "DO UPDATE SET value = counter.value + 1 RETURNING value";
    struct db *db = fresh(state);
    assert_true(db_begin(db));
    for (int i = 1; i <= 3; i++) {
        struct stmt *stmt = db_prepare(db, sql);
        stmt_text(stmt, 1, "serial");
        assert_int_equal(stmt_step(stmt), DB_ROW);
        assert_int_equal(stmt_get_int(stmt, 0), i);
        /* Left on its row on purpose: the next prepare and the commit end it. */
    }
    assert_true(db_commit(db));
    assert_int_equal(one_int(db, "SELECT value FROM counter"), 3);
    db_close(&db);
}

static void the_nth_statement_can_be_made_to_fail(void **state)
{
    struct db *db = fresh(state);
    db_fail_after(db, 2);
    assert_int_equal(put(db, "a", 1), DB_DONE);
    assert_int_equal(put(db, "b", 1), DB_FAILED);
    assert_int_equal(put(db, "c", 1), DB_DONE);
    assert_true(db_begin(db));
    assert_int_equal(put(db, "d", 1), DB_DONE);
    db_fail_after(db, 1);
    assert_false(db_commit(db));
    assert_non_null(strstr(db_message(db), "test"));
    assert_int_equal(counters(db), 2);
    assert_true(db_begin(db));
    assert_true(db_commit(db));
    db_close(&db);
}

static void messages_hold_no_values(void **state)
{
    struct db *db = fresh(state);
    struct stmt *stmt = db_prepare(db, "INSERT INTO account (id, name, name_key, password_hash, "
                                       "created_at, updated_at) VALUES (?1, ?2, NULL, ?3, ?3, 0)");
    stmt_text(stmt, 1, "hush");
    stmt_text(stmt, 2, "hush");
    stmt_text(stmt, 3, "hush");
    assert_int_equal(stmt_step(stmt), DB_FAILED);
    assert_true(db_message(db)[0] != '\0');
    assert_null(strstr(db_message(db), "hush"));
    assert_int_equal(put(db, "a", 1), DB_DONE);
    db_close(&db);
}

static void a_reader_cannot_write(void **state)
{
    struct db *db = fresh(state);
    struct db *reader = place_open(*state, DB_READ);
    assert_int_equal(put(reader, "a", 1), DB_FAILED);
    assert_int_equal(put(db, "a", 1), DB_DONE);
    assert_int_equal(counters(reader), 1);
    db_close(&reader);
    db_close(&db);
}

/* Transactions. */

static void rollback_undoes(void **state)
{
    struct db *db = fresh(state);
    assert_true(db_begin(db));
    assert_false(db_begin(db));
    assert_int_equal(put(db, "a", 1), DB_DONE);
    db_rollback(db);
    db_rollback(db);
    assert_int_equal(counters(db), 0);
    db_close(&db);
}

static void savepoints_undo_alone(void **state)
{
    struct db *db = fresh(state);
    assert_true(db_begin(db));
    assert_int_equal(put(db, "a", 1), DB_DONE);
    assert_true(db_savepoint(db));
    assert_int_equal(put(db, "b", 1), DB_DONE);
    assert_int_equal(put(db, "b", 1), DB_CONFLICT);
    db_rollback_to(db);
    assert_true(db_savepoint(db));
    assert_int_equal(put(db, "c", 1), DB_DONE);
    db_release(db);
    assert_true(db_commit(db));
    assert_int_equal(counters(db), 2);
    assert_int_equal(one_int(db, "SELECT COUNT(*) FROM counter WHERE name = 'b'"), 0);
    db_close(&db);
}

static void a_read_transaction_sees_one_state(void **state)
{
    struct db *db = fresh(state);
    struct db *reader = place_open(*state, DB_READ);
    assert_true(db_begin(reader));
    assert_int_equal(counters(reader), 0);
    assert_int_equal(put(db, "a", 1), DB_DONE);
    assert_int_equal(counters(reader), 0);
    assert_true(db_commit(reader));
    assert_int_equal(counters(reader), 1);
    db_close(&reader);
    db_close(&db);
}

struct rival {
    const struct place *place;
    atomic_bool through;
};

static void *take_lock(void *of)
{
    struct rival *rival = of;
    struct db *db = place_open(rival->place, DB_WRITE);
    bool ok = db_begin(db) && db_lock(db, "serial of sites");
    atomic_store(&rival->through, ok);
    db_commit(db);
    db_close(&db);
    return NULL;
}

static void a_lock_keeps_others_waiting(void **state)
{
    struct db *db = fresh(state);
    struct rival rival = {.place = *state};
    pthread_t thread;
    assert_true(db_begin(db));
    assert_true(db_lock(db, "serial of sites"));
    assert_int_equal(pthread_create(&thread, NULL, take_lock, &rival), 0);
    usleep(80000);
    assert_false(atomic_load(&rival.through));
    assert_true(db_commit(db));
    pthread_join(thread, NULL);
    assert_true(atomic_load(&rival.through));
    db_close(&db);
}

static void writes_of_others_are_noticed(void **state)
{
    struct db *db = fresh(state);
    struct db *other = place_open(*state, DB_WRITE);
    bool tells = db_abilities(db) & DB_SOLE_OWNER;
    assert_int_equal(put(db, "own", 1), DB_DONE);
    assert_false(db_changed_elsewhere(db));
    assert_int_equal(put(other, "others", 1), DB_DONE);
    assert_int_equal(db_changed_elsewhere(db), tells);
    assert_false(db_changed_elsewhere(db));
    db_close(&other);
    db_close(&db);
}

/* Schema. */

static void migrating_again_changes_nothing(void **state)
{
    struct db *db = fresh(state);
    assert_true(db_ready(db));
    assert_int_equal(put(db, "kept", 1), DB_DONE);
    place_migrate(*state);
    assert_true(db_ready(db));
    assert_int_equal(counters(db), 1);
    assert_int_equal(one_int(db, "SELECT COUNT(*) FROM schema_version"), MIGRATION_COUNT);
    assert_int_equal(one_int(db, "SELECT MAX(version) FROM schema_version"), db_schema_version());
    db_close(&db);
}

static void many_nodes_migrate_at_once(void **state)
{
    enum { NODES = 6 };
    const struct place *place = *state;
    pid_t nodes[NODES];
    for (int i = 0; i < NODES; i++) {
        nodes[i] = fork();
        if (nodes[i] == 0) {
            char why[512] = "";
            bool ok = db_migrate(place->url, why, sizeof why);
            if (!ok)
                fprintf(stderr, "%s\n", why);
            _exit(ok ? 0 : 1);
        }
    }
    for (int i = 0; i < NODES; i++) {
        int status;
        assert_int_equal(waitpid(nodes[i], &status, 0), nodes[i]);
        assert_int_equal(status, 0);
    }
    struct db *db = place_open(place, DB_WRITE);
    assert_int_equal(one_int(db, "SELECT COUNT(*) FROM schema_version"), MIGRATION_COUNT);
    assert_int_equal(one_int(db, "SELECT MAX(version) FROM schema_version"), db_schema_version());
    db_close(&db);
}

static void a_newer_repository_is_refused(void **state)
{
    char why[512];
    const struct place *place = *state;
    struct db *db = fresh(state);
    run(db, "INSERT INTO schema_version (version, applied_at) VALUES (999, 0)");
    assert_false(db_ready(db));
    db_close(&db);
    assert_false(db_migrate(place->url, why, sizeof why));
    assert_non_null(strstr(why, "at schema 999"));
    assert_non_null(strstr(why, "use a newer easel"));
    assert_null(db_open(place->url, DB_WRITE, why, sizeof why));
    assert_non_null(strstr(why, "at schema 999"));
}

static void an_absent_repository_is_told(void **state)
{
    char why[512] = "";
    const struct place *place = *state;
    assert_null(db_open(place->url, DB_WRITE, why, sizeof why));
    assert_true(strlen(why) > 10);
}

static void add_project(struct db *db, const char *id, const char *parent, enum db_result expected)
{
    struct stmt *stmt = db_prepare(
        db, "INSERT INTO project (id, site_id, parent_id, name, name_key, content_permissions, "
            "owner_id, created_at, updated_at, serial) SELECT ?1, 's', ?2, 'N', 'n', "
            "'ManagedByOwner', 'u', 0, 0, COUNT(*) + 1 FROM project");
    stmt_text(stmt, 1, id);
    stmt_text(stmt, 2, parent);
    assert_int_equal(stmt_step(stmt), expected);
}

static void siblings_differ_and_a_site_takes_all_with_it(void **state)
{
    struct db *db = fresh(state);
    run(db, "INSERT INTO site (id, name, name_key, content_url, content_url_key, state, "
            "admin_mode, attributes, created_at, updated_at, serial) VALUES ('s', 'S', 's', '', "
            "'', 'Active', 'ContentAndUsers', '{}', 0, 0, 1)");
    run(db, "INSERT INTO account (id, name, name_key, created_at, updated_at) "
            "VALUES ('a', 'A', 'a', 0, 0)");
    run(db, "INSERT INTO site_user (id, site_id, account_id, name, name_key, site_role, "
            "created_at, updated_at, serial) VALUES ('u', 's', 'a', 'A', 'a', 'Viewer', 0, 0, 1)");
    add_project(db, "p", NULL, DB_DONE);
    add_project(db, "q", NULL, DB_CONFLICT);
    add_project(db, "q", "p", DB_DONE);
    add_project(db, "r", "p", DB_CONFLICT);
    add_project(db, "r", "absent", DB_CONFLICT);
    run(db, "DELETE FROM site WHERE id = 's'");
    assert_int_equal(one_int(db, "SELECT COUNT(*) FROM project"), 0);
    assert_int_equal(one_int(db, "SELECT COUNT(*) FROM site_user"), 0);
    assert_int_equal(one_int(db, "SELECT COUNT(*) FROM account"), 1);
    db_close(&db);
}

/* URLs. */

static void urls_are_checked_and_passwords_hidden(void **state)
{
    static const struct {
        const char *url, *why;
    } cases[] = {
        {"", "must begin with"},
        {"mysql://x", "must begin with"},
        {"sqlite:", "sqlite:PATH"},
        {"sqlite:/tmp/x?durability=maybe", "durability"},
        {"sqlite:/nowhere/at/all", "/nowhere/at/all"},
        {"postgresql://user:hush-hush@127.0.0.1:1/x", "cannot be reached"},
        {"postgresql://user@127.0.0.1:1/x?password=hush-hush", "cannot be reached"},
        {"postgresql://user:hush-hush%zz@127.0.0.1/x", "not a PostgreSQL URL"},
        {"postgresql://user:hush-hush@127.0.0.1:1/x?hush-hush=1", "not a PostgreSQL URL"},
        {"postgresql://u:hush-hush@127.0.0.1:1/hush-hush?sslmode=hush-hush", "reached"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[512] = "";
        assert_null(db_open(cases[i].url, DB_READ, why, sizeof why));
        if (!strstr(why, cases[i].why) || strstr(why, "hush"))
            fail_msg("%s: %s", cases[i].url, why);
    }
}

static void durability_can_be_switched_off(void **state)
{
    struct place *place = *state;
    strcat(place->url, "?durability=off");
    struct db *db = fresh(state);
    assert_int_equal(one_int(db, "PRAGMA synchronous"), 0);
    assert_int_equal(put(db, "a", 1), DB_DONE);
    db_close(&db);
    char path[128];
    snprintf(path, sizeof path, "%s/easel.db", place->directory);
    assert_int_equal(access(path, R_OK), 0);
}

/* SQLite alone: backup and restore. */

struct scribe {
    const struct place *place;
    atomic_bool enough;
    atomic_int pairs;
};

/* Writes two rows in each transaction: an odd count betrays a torn copy. */
static void *write_pairs(void *of)
{
    struct scribe *scribe = of;
    struct db *db = place_open(scribe->place, DB_WRITE);
    for (int i = 0; !atomic_load(&scribe->enough); i++) {
        char name[32];
        if (!db_begin(db))
            break;
        snprintf(name, sizeof name, "%d-%llx", i, (unsigned long long)clock_now());
        enum db_result one = put(db, name, i);
        strcat(name, "b");
        if (one == DB_DONE && put(db, name, i) == DB_DONE && db_commit(db))
            atomic_fetch_add(&scribe->pairs, 1);
        else
            db_rollback(db);
    }
    db_close(&db);
    return NULL;
}

static void wait_for_pairs(struct scribe *scribe, int more)
{
    int until = atomic_load(&scribe->pairs) + more;
    for (int i = 0; i < 2000 && atomic_load(&scribe->pairs) < until; i++)
        usleep(1000);
    assert_true(atomic_load(&scribe->pairs) >= until);
}

static void backup_and_restore_while_others_write(void **state)
{
    const struct place *place = *state;
    char file[128], why[512] = "";
    struct db *db = fresh(state);
    struct scribe scribe = {.place = place};
    pthread_t thread;
    snprintf(file, sizeof file, "%s/copy", place->directory);
    assert_int_equal(pthread_create(&thread, NULL, write_pairs, &scribe), 0);
    wait_for_pairs(&scribe, 20);
    if (!db_backup(place->url, file, why, sizeof why))
        fail_msg("%s", why);
    wait_for_pairs(&scribe, 20);

    struct place copy = {0};
    snprintf(copy.url, sizeof copy.url, "sqlite:%s", file);
    struct db *saved = place_open(&copy, DB_READ);
    int64_t then = counters(saved);
    db_close(&saved);
    assert_true(then >= 40 && then % 2 == 0);
    assert_true(counters(db) > then);

    /* Stops the writer only after the restore, which must get its turn. */
    if (!db_restore(place->url, file, why, sizeof why))
        fail_msg("%s", why);
    wait_for_pairs(&scribe, 5);
    atomic_store(&scribe.enough, true);
    pthread_join(thread, NULL);
    assert_true(db_changed_elsewhere(db));
    assert_int_equal(counters(db) % 2, 0);
    if (!db_restore(place->url, file, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(counters(db), then);
    assert_true(db_ready(db));
    assert_int_equal(put(db, "after", 1), DB_DONE);
    db_close(&db);
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void refuse_restore(const struct place *place, const char *file, const char *expected)
{
    char why[512] = "";
    assert_false(db_restore(place->url, file, why, sizeof why));
    if (!strstr(why, expected))
        fail_msg("%s: %s", file, why);
}

static void only_sound_copies_are_restored(void **state)
{
    const struct place *place = *state;
    char file[128], why[512], itself[128];
    struct db *db = fresh(state);
    assert_int_equal(put(db, "kept", 1), DB_DONE);
    snprintf(file, sizeof file, "%s/copy", place->directory);
    snprintf(itself, sizeof itself, "%s/easel.db", place->directory);
    refuse_restore(place, file, "cannot be opened");
    refuse_restore(place, itself, "the repository itself");
    assert_false(db_backup(place->url, itself, why, sizeof why));
    write_file(file, "this is not a database, though it is long enough to be asked", 60);
    refuse_restore(place, file, "is no repository");
    write_file(file, "", 0);
    refuse_restore(place, file, "no Easel repository");

    assert_true(db_backup(place->url, file, why, sizeof why));
    struct stat stat_of;
    assert_int_equal(stat(file, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    assert_int_equal(truncate(file, stat_of.st_size / 8192 * 4096), 0);
    refuse_restore(place, file, "copy");

    run(db, "INSERT INTO schema_version (version, applied_at) VALUES (999, 0)");
    assert_true(db_backup(place->url, file, why, sizeof why));
    run(db, "DELETE FROM schema_version WHERE version = 999");
    refuse_restore(place, file, "at schema 999");
    assert_int_equal(counters(db), 1);
    assert_true(db_ready(db));
    db_close(&db);
}

static void a_full_disk_leaves_the_rest(void **state)
{
    struct db *db = fresh(state);
    assert_true(db->engine->script(db, "PRAGMA max_page_count=1"));
    char *long_text = malloc(1 << 20);
    assert_non_null(long_text);
    memset(long_text, 'x', (1 << 20) - 1);
    long_text[(1 << 20) - 1] = '\0';
    assert_int_equal(put(db, "before", 1), DB_DONE);
    assert_true(db_begin(db));
    assert_int_equal(put(db, "inside", 1), DB_DONE);
    assert_int_equal(put(db, long_text, 1), DB_FAILED);
    db_rollback(db);
    free(long_text);
    assert_int_equal(counters(db), 1);
    db_close(&db);
}

/* SQLite rolls back by itself on some failures; nothing may slip through then
 * as if there were still a transaction. */
static void a_lost_transaction_lets_nothing_through(void **state)
{
    struct db *db = fresh(state);
    assert_true(db_begin(db));
    assert_int_equal(put(db, "a", 1), DB_DONE);
    assert_true(db->engine->script(db, "ROLLBACK"));
    assert_int_equal(put(db, "b", 1), DB_FAILED);
    assert_false(db_savepoint(db));
    assert_false(db_commit(db));
    assert_int_equal(counters(db), 0);
    assert_true(db_begin(db));
    assert_int_equal(put(db, "c", 1), DB_DONE);
    assert_true(db_commit(db));
    assert_int_equal(counters(db), 1);
    db_close(&db);
}

/* PostgreSQL alone. */

static void kill_connection(struct db *db, const struct place *place)
{
    struct db *other = place_open(place, DB_WRITE);
    struct stmt *stmt = db_prepare(other, "SELECT pg_terminate_backend(CAST(?1 AS INTEGER), 5000)");
    stmt_int(stmt, 1, one_int(db, "SELECT pg_backend_pid()"));
    assert_int_equal(stmt_step(stmt), DB_ROW);
    assert_string_equal(stmt_get_text(stmt, 0), "t");
    db_close(&other);
}

static void a_lost_connection_is_made_anew(void **state)
{
    struct db *db = fresh(state);
    assert_int_equal(put(db, "a", 1), DB_DONE);
    kill_connection(db, *state);
    assert_int_equal(counters(db), 1); /* a read: tried again */

    kill_connection(db, *state);
    assert_true(db_begin(db)); /* so is a begin */
    assert_int_equal(put(db, "b", 1), DB_DONE);
    kill_connection(db, *state);
    assert_int_equal(put(db, "c", 1), DB_FAILED);
    assert_int_equal(put(db, "d", 1), DB_FAILED);
    assert_false(db_commit(db));
    assert_int_equal(counters(db), 1);

    kill_connection(db, *state);
    assert_int_equal(put(db, "e", 1), DB_FAILED); /* a write might have been done */
    assert_int_equal(put(db, "e", 1), DB_DONE);
    assert_int_equal(counters(db), 2);
    db_close(&db);
}

static void a_spoiled_transaction_does_not_commit(void **state)
{
    struct db *db = fresh(state);
    assert_true(db_begin(db));
    assert_int_equal(put(db, "a", 1), DB_DONE);
    assert_int_equal(stmt_step(db_prepare(db, "SELECT 1 / 0")), DB_FAILED);
    assert_int_equal(put(db, "b", 1), DB_FAILED);
    assert_false(db_commit(db));
    assert_int_equal(counters(db), 0);
    db_close(&db);
}

static void backup_is_left_to_its_own_tools(void **state)
{
    char why[512] = "";
    const struct place *place = *state;
    assert_false(db_backup(place->url, "/tmp/never", why, sizeof why));
    assert_non_null(strstr(why, "SQLite"));
    assert_false(db_restore(place->url, "/tmp/never", why, sizeof why));
}

#define EVERYWHERE(ON)                                                             \
    ON(values_come_back), ON(bindings_do_not_linger), ON(changes_are_counted),     \
        ON(statements_are_found_again), ON(text_is_ordered_by_bytes),              \
        ON(after_a_conflict_the_transaction_goes_on), ON(upserts_work),            \
        ON(the_nth_statement_can_be_made_to_fail), ON(messages_hold_no_values),    \
        ON(a_reader_cannot_write), ON(rollback_undoes), ON(savepoints_undo_alone), \
        ON(a_read_transaction_sees_one_state), ON(a_lock_keeps_others_waiting),    \
        ON(writes_of_others_are_noticed), ON(migrating_again_changes_nothing),     \
        ON(many_nodes_migrate_at_once), ON(a_newer_repository_is_refused),         \
        ON(an_absent_repository_is_told), ON(siblings_differ_and_a_site_takes_all_with_it)

int main(void)
{
    const struct CMUnitTest sqlite[] = {
        EVERYWHERE(ON_SQLITE),
        cmocka_unit_test(urls_are_checked_and_passwords_hidden),
        ON_SQLITE(durability_can_be_switched_off),
        ON_SQLITE(backup_and_restore_while_others_write),
        ON_SQLITE(only_sound_copies_are_restored),
        ON_SQLITE(a_full_disk_leaves_the_rest),
        ON_SQLITE(a_lost_transaction_lets_nothing_through),
    };
    const struct CMUnitTest pg[] = {
        EVERYWHERE(ON_PG),
        ON_PG(a_lost_connection_is_made_anew),
        ON_PG(a_spoiled_transaction_does_not_commit),
        ON_PG(backup_is_left_to_its_own_tools),
    };
    int failed = cmocka_run_group_tests_name("db on SQLite", sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("db on PostgreSQL", pg, NULL, NULL);
    return failed;
}
