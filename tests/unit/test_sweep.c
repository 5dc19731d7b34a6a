/* What becomes of blobs that no row names, and whose turn it is to see to that, on either
 * engine. The race of a sweep with a publish runs where several nodes may write. */
#include "publishing.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "domain/blob_sweep.h"
#include "domain/blob_use.h"
#include "domain/chore.h"
#include "domain/revision.h"
#include "domain/upload.h"

enum { HOUR = 3600 };

struct stores {
    struct world w;
    char directory[64], why[BLOB_WHY_ROOM];
    struct blobs *blobs;
    int slices, stop_after;
};

/* A site whose rows are committed, and a store beside it. */
static void stores_make(struct stores *s, void **state)
{
    char url[80];
    s->w = world_make(state);
    assert_true(db_commit(s->w.tx->db));
    strcpy(s->directory, "/tmp/easel-sweep-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    snprintf(url, sizeof url, "files:%s", s->directory);
    struct blobs_config config = {.url = url};
    s->blobs = blobs_open(&config, s->why, sizeof s->why);
    assert_non_null(s->blobs);
}

static void stores_free(struct stores *s)
{
    char command[128];
    blobs_close(&s->blobs);
    snprintf(command, sizeof command, "rm -r %s", s->directory);
    assert_int_equal(system(command), 0);
}

static void path_of(const struct stores *s, const char *id, char path[160])
{
    snprintf(path, 160, "%s/%.2s/%s", s->directory, id, id + 2);
}

static void set_age(const struct stores *s, const char *id, int64_t seconds)
{
    char path[160];
    time_t at = (time_t)(NOW / 1000 - seconds);
    path_of(s, id, path);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){{at, 0}, {at, 0}}, 0), 0);
}

/* A blob of that number's id, as put_file names it, stored so long before NOW. */
static struct blob plant(struct stores *s, int64_t number, int64_t age)
{
    char path[160], id[BLOB_ID_ROOM];
    struct blob blob;
    snprintf(id, sizeof id, "%064llx", (unsigned long long)number);
    snprintf(path, sizeof path, "%s/%.2s", s->directory, id);
    mkdir(path, 0700);
    path_of(s, id, path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "xyz", 3), 3);
    close(fd);
    set_age(s, id, age);
    assert_int_equal(blob_find(s->blobs, id, &blob, s->why, sizeof s->why), BLOB_OK);
    return blob;
}

static bool there(struct stores *s, const struct blob *blob)
{
    struct blob found;
    return blob_find(s->blobs, blob->id, &found, s->why, sizeof s->why) == BLOB_OK;
}

static bool count_slice(void *context)
{
    struct stores *s = context;
    return ++s->slices != s->stop_after;
}

static struct blob_swept sweep(struct stores *s)
{
    struct blob_swept swept;
    struct blob_sweep how = {.blobs = s->blobs,
                             .before = NOW - (int64_t)HOUR * 1000,
                             .go_on = count_slice,
                             .context = s};
    s->slices = 0;
    if (!blob_sweep(s->w.tx, &how, &swept, s->why, sizeof s->why))
        fail_msg("%s", s->why);
    return swept;
}

/* The actor's piece in an upload of its own. */
static const char *name_in_upload(struct stores *s, const struct blob *blob)
{
    struct upload upload;
    struct tx *tx = s->w.tx;
    expect(tx, upload_begin(tx, &s->w.pat, &upload), E_OK, "begin");
    expect(tx, upload_append(tx, &s->w.pat, upload.id, UPLOAD_BEHIND, blob, &upload), E_OK,
           "append");
    return upload.id;
}

static struct content_item name_in_workbook(struct stores *s, const char *name, int64_t number)
{
    return put_file(&s->w, &s->w.pat, TYPE_WORKBOOK, name, number);
}

/* ---- what goes */

static void what_rows_name_stays(void **state)
{
    struct stores s = {0};
    stores_make(&s, state);
    struct blob first = plant(&s, 1, 3 * HOUR), last = plant(&s, 2, 3 * HOUR);
    struct blob piece = plant(&s, 3, 3 * HOUR), young = plant(&s, 4, HOUR / 2);
    struct blob edge = plant(&s, 5, HOUR), old = plant(&s, 6, HOUR + 1);
    assert_true(db_begin(s.w.tx->db));
    name_in_workbook(&s, "book", 1);
    struct content_item book = name_in_workbook(&s, "book", 2);
    name_in_workbook(&s, "other", 1);
    book.id = strdup(book.id); /* a sweep resets the arena */
    char *upload = strdup(name_in_upload(&s, &piece));
    assert_true(db_commit(s.w.tx->db));

    struct blob_swept swept = sweep(&s);
    assert_int_equal(swept.seen, 6);
    assert_int_equal(swept.young, 2);
    assert_int_equal(swept.deleted, 1);
    assert_int_equal(swept.freed_bytes, 3);
    assert_true(swept.whole);
    assert_true(there(&s, &first) && there(&s, &last) && there(&s, &piece));
    assert_true(there(&s, &young) && there(&s, &edge) && !there(&s, &old));

    /* One of two that name the first goes; then the other, and the rest. */
    run_sql(s.w.tx->db, "DELETE FROM revision WHERE number = 1 AND content_id IN (SELECT id FROM "
                        "content WHERE name = 'book')");
    assert_int_equal(sweep(&s).deleted, 0);
    run_sql(s.w.tx->db, "DELETE FROM content");
    assert_int_equal(sweep(&s).deleted, 2);
    assert_true(!there(&s, &first) && !there(&s, &last) && there(&s, &piece));
    struct blob *pieces;
    size_t count;
    expect(s.w.tx, upload_end(s.w.tx, upload, &pieces, &count), E_OK, "end");
    assert_int_equal(count, 0); /* it was not fresh */
    expect(s.w.tx, upload_end(s.w.tx, upload, &pieces, &count), E404015, "end twice");
    assert_int_equal(sweep(&s).deleted, 1);
    free(upload);
    free((char *)book.id);
    stores_free(&s);
}

/* More than a slice holds; some of each slice stay. */
static void many_go_in_slices(void **state)
{
    enum { MANY = 5 * BLOB_USED_MOST + 7 };
    struct stores s = {0};
    stores_make(&s, state);
    assert_true(db_begin(s.w.tx->db));
    for (int i = 1; i <= MANY; i++) {
        char name[16];
        plant(&s, i, 2 * HOUR);
        snprintf(name, sizeof name, "book %d", i);
        if (i % 5 == 0)
            name_in_workbook(&s, name, i);
    }
    assert_true(db_commit(s.w.tx->db));
    s.stop_after = 2;
    struct blob_swept swept = sweep(&s);
    assert_false(swept.whole);
    assert_int_equal(s.slices, 2);
    assert_in_range(swept.deleted, 1, 2 * BLOB_USED_MOST);
    s.stop_after = 0;
    swept.deleted += sweep(&s).deleted;
    assert_int_equal(swept.deleted, MANY - MANY / 5);
    swept = sweep(&s);
    assert_int_equal(swept.seen, MANY / 5);
    assert_int_equal(swept.deleted, 0);
    assert_true(swept.whole);
    stores_free(&s);
}

static void fates_are_told(void **state)
{
    struct stores s = {0};
    enum blob_fate fate;
    int64_t before = NOW - (int64_t)HOUR * 1000;
    stores_make(&s, state);
    struct blob named = plant(&s, 1, 2 * HOUR), young = plant(&s, 2, 0);
    struct blob old = plant(&s, 3, 2 * HOUR);
    name_in_workbook(&s, "book", 1);
    struct {
        const struct blob *blob;
        enum blob_fate fate;
    } cases[] = {{&named, BLOB_NAMED}, {&young, BLOB_YOUNG}, {&old, BLOB_UNUSED}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        expect(s.w.tx, blob_fate_of(s.w.tx, cases[i].blob, before, &fate), E_OK, "fate");
        assert_int_equal(fate, cases[i].fate);
    }
    stores_free(&s);
}

/* What was found unused is asked for once more before it goes. */
static void what_changed_meanwhile_stays(void **state)
{
    struct stores s = {0};
    int64_t before = NOW - (int64_t)HOUR * 1000;
    stores_make(&s, state);
    struct blob named = plant(&s, 1, 2 * HOUR), renewed = plant(&s, 2, 2 * HOUR), now;
    struct blob gone = plant(&s, 3, 2 * HOUR);
    name_in_workbook(&s, "book", 1);
    assert_int_equal(blob_renew(s.blobs, renewed.id, &now, s.why, sizeof s.why), BLOB_OK);
    assert_true(now.stored_at > before);
    assert_int_equal(blob_delete(s.blobs, gone.id, before, s.why, sizeof s.why), BLOB_OK);
    assert_int_equal(blob_drop(s.w.tx, s.blobs, &named, before, s.why, sizeof s.why), BLOB_IN_USE);
    assert_int_equal(blob_drop(s.w.tx, s.blobs, &renewed, before, s.why, sizeof s.why),
                     BLOB_IN_USE);
    assert_int_equal(blob_drop(s.w.tx, s.blobs, &gone, before, s.why, sizeof s.why), BLOB_ABSENT);
    assert_true(there(&s, &named) && there(&s, &renewed));
    stores_free(&s);
}

static struct blob store(struct stores *s, const char *text)
{
    struct blob blob;
    struct blob_writer *writer = blob_write_begin(s->blobs);
    blob_write(writer, text, strlen(text));
    assert_int_equal(blob_finish(&writer, &blob, s->why, sizeof s->why), BLOB_OK);
    return blob;
}

static enum blob_result drop_at_once(struct stores *s, const struct blob *blob)
{
    return blob_drop(s->w.tx, s->blobs, blob, blob->stored_at + 1, s->why, sizeof s->why);
}

/* What was stored in vain goes at once, but not from under who found it since, or a row. */
static void the_fresh_go_at_once(void **state)
{
    struct stores s = {0};
    struct blob *pieces;
    size_t count;
    stores_make(&s, state);
    struct blob vain = store(&s, "vain"), shared = store(&s, "shared"), again = store(&s, "shared");
    assert_true(vain.fresh && shared.fresh && !again.fresh);
    assert_int_equal(drop_at_once(&s, &vain), BLOB_OK);
    assert_int_equal(drop_at_once(&s, &vain), BLOB_ABSENT);
    assert_int_equal(drop_at_once(&s, &shared), BLOB_IN_USE);
    assert_true(!there(&s, &vain) && there(&s, &shared));

    struct blob piece = store(&s, "piece");
    assert_true(db_begin(s.w.tx->db));
    const char *upload = name_in_upload(&s, &piece);
    assert_true(db_commit(s.w.tx->db));
    assert_int_equal(drop_at_once(&s, &piece), BLOB_IN_USE);
    assert_true(db_begin(s.w.tx->db));
    expect(s.w.tx, upload_end(s.w.tx, upload, &pieces, &count), E_OK, "end");
    assert_true(db_commit(s.w.tx->db));
    assert_int_equal(count, 1);
    assert_string_equal(pieces->id, piece.id);
    assert_true(pieces->fresh && pieces->stored_at == piece.stored_at);
    assert_int_equal(pieces->size, 5);
    assert_int_equal(drop_at_once(&s, pieces), BLOB_OK);
    stores_free(&s);
}

static void abandoned_uploads_tell_their_pieces(void **state)
{
    struct stores s = {0};
    struct blob *pieces;
    size_t count;
    stores_make(&s, state);
    struct tx *tx = s.w.tx;
    struct blob piece = store(&s, "abandoned"), again = store(&s, "abandoned");
    name_in_upload(&s, &piece);
    name_in_upload(&s, &again);
    expect(tx, upload_sweep(tx, tx->now, &pieces, &count), E_OK, "too young");
    assert_int_equal(count, 0);
    expect(tx, upload_sweep(tx, tx->now + 1, &pieces, &count), E_OK, "sweep");
    assert_int_equal(count, 1);
    assert_true(pieces->fresh && pieces->stored_at == piece.stored_at);
    assert_int_equal(one_int(tx->db, "SELECT COUNT(*) FROM upload"), 0);
    stores_free(&s);
}

/* What only another repository names is not taken for unused. */
static void a_store_has_one_repository(void **state)
{
    struct stores s = {0};
    stores_make(&s, state);
    for (int i = 0; i < 2; i++)
        assert_true(blob_sweep_claim(s.w.tx, s.blobs, s.why, sizeof s.why));
    run_sql(s.w.tx->db, "DELETE FROM store_owner");
    assert_false(blob_sweep_claim(s.w.tx, s.blobs, s.why, sizeof s.why));
    assert_non_null(strstr(s.why, "another repository's"));
    stores_free(&s);
}

/* ---- beside a publish of another node */

struct dropping {
    struct stores *s;
    const struct place *place;
    struct blob blob;
    enum blob_result result;
    char why[BLOB_WHY_ROOM];
};

static void *drop_elsewhere(void *of)
{
    struct dropping *d = of;
    struct tx tx = {
        .db = place_open(d->place, DB_WRITE), .arena = arena_new(0), .now = d->s->w.tx->now};
    d->result =
        blob_drop(&tx, d->s->blobs, &d->blob, NOW - (int64_t)HOUR * 1000, d->why, sizeof d->why);
    db_close(&tx.db);
    arena_free(&tx.arena);
    return NULL;
}

/* A publish has the blob's lock, has seen that it is there, and has not committed: the
 * sweep of another node waits for its end, and then sees the row; or its absence. */
static void who_names_it_is_waited_for(void **state)
{
    struct stores s = {0};
    stores_make(&s, state);
    for (int commits = 0; commits < 2; commits++) {
        pthread_t thread;
        struct dropping d = {.s = &s, .place = &((struct acting *)*state)->place};
        d.blob = plant(&s, 1, 2 * HOUR);
        assert_true(db_begin(s.w.tx->db));
        assert_true(db_lock(s.w.tx->db, d.blob.id));
        name_in_workbook(&s, "book", 1);
        assert_int_equal(pthread_create(&thread, NULL, drop_elsewhere, &d), 0);
        usleep(200000);
        assert_true(there(&s, &d.blob));
        if (commits)
            assert_true(db_commit(s.w.tx->db));
        else
            db_rollback(s.w.tx->db);
        pthread_join(thread, NULL);
        assert_int_equal(d.result, commits ? BLOB_IN_USE : BLOB_OK);
        assert_int_equal(there(&s, &d.blob), commits);
    }
    stores_free(&s);
}

/* ---- whose turn it is */

static bool begins(struct tx *tx, const struct chore *chore)
{
    bool mine, due = chore_is_due(tx, chore);
    expect(tx, chore_begin(tx, chore, &mine), E_OK, "begin");
    assert_int_equal(due, mine);
    return mine;
}

static bool goes_on(struct tx *tx, const struct chore *chore)
{
    bool mine;
    expect(tx, chore_go_on(tx, chore, &mine), E_OK, "go on");
    return mine;
}

static void one_node_at_a_time(void **state)
{
    struct tx *tx = &((struct acting *)*state)->tx;
    struct chore a = {.name = "x", .node = "a", .every_ms = 1000, .lease_ms = 100}, b = a, y = a;
    b.node = "b";
    y.name = "y";
    bool alone = db_abilities(tx->db) & DB_SOLE_OWNER;
    assert_true(begins(tx, &a));
    assert_true(begins(tx, &y)); /* another matter */
    tx->now += 90;
    assert_true(goes_on(tx, &a));
    tx->now += 90;
    if (!alone)
        assert_false(begins(tx, &b));
    tx->now += 20; /* a is silent for too long */
    assert_true(begins(tx, &b));
    assert_false(goes_on(tx, &a));
    expect(tx, chore_end(tx, &a, true), E_OK, "not its own");
    assert_true(goes_on(tx, &b));
    expect(tx, chore_end(tx, &b, false), E_OK, "broken off");
    assert_true(begins(tx, &a)); /* due still */
    expect(tx, chore_end(tx, &a, true), E_OK, "done");
    tx->now += 999;
    assert_false(begins(tx, &a) || begins(tx, &b));
    tx->now += 1;
    assert_true(begins(tx, &b));
    expect(tx, chore_end(tx, &b, true), E_OK, "done");
    tx->now -= 5000; /* the clock was wrong */
    assert_true(begins(tx, &a));
}

int main(void)
{
    const struct CMUnitTest on_sqlite[] = {ACTS_ON_SQLITE(what_rows_name_stays),
                                           ACTS_ON_SQLITE(many_go_in_slices),
                                           ACTS_ON_SQLITE(fates_are_told),
                                           ACTS_ON_SQLITE(what_changed_meanwhile_stays),
                                           ACTS_ON_SQLITE(the_fresh_go_at_once),
                                           ACTS_ON_SQLITE(abandoned_uploads_tell_their_pieces),
                                           ACTS_ON_SQLITE(a_store_has_one_repository),
                                           ACTS_ON_SQLITE(one_node_at_a_time)};
    const struct CMUnitTest on_pg[] = {ACTS_ON_PG(what_rows_name_stays),
                                       ACTS_ON_PG(many_go_in_slices),
                                       ACTS_ON_PG(fates_are_told),
                                       ACTS_ON_PG(what_changed_meanwhile_stays),
                                       ACTS_ON_PG(the_fresh_go_at_once),
                                       ACTS_ON_PG(abandoned_uploads_tell_their_pieces),
                                       ACTS_ON_PG(who_names_it_is_waited_for),
                                       ACTS_ON_PG(a_store_has_one_repository),
                                       ACTS_ON_PG(one_node_at_a_time)};
    int failed = cmocka_run_group_tests_name("sweep (sqlite)", on_sqlite, NULL, NULL);
    if (getenv("EASEL_TEST_POSTGRES"))
        failed += cmocka_run_group_tests_name("sweep (postgresql)", on_pg, NULL, NULL);
    return failed;
}
