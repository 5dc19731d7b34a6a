/* The store of blobs. What holds for every kind runs on files and, where
 * EASEL_TEST_S3 names a service (tests/with-s3.sh), on that; how the disk fails is
 * tried on files, one system call at a time. */
#include "base/clock.h"
#include "base/hash.h"
#include "store/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char HELLO[] = "hello";
static const char HELLO_ID[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
static const char EMPTY_ID[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char NO_SUCH_ID[] = "00000000000000000000000000000000000000000000000000000000000000ff";

/* ---- system calls that fail when told (see meson.build: -Wl,--wrap) */

static __thread int calls, failing_call, failing_errno;

static bool fails(void)
{
    if (!failing_call || ++calls != failing_call)
        return false;
    errno = failing_errno;
    return true;
}

#define WRAP(name, parameters, arguments)              \
    int __real_##name parameters;                      \
    int __wrap_##name parameters;                      \
    int __wrap_##name parameters                       \
    {                                                  \
        return fails() ? -1 : __real_##name arguments; \
    }
WRAP(fsync, (int fd), (fd))
WRAP(rename, (const char *from, const char *to), (from, to))
WRAP(renameat2, (int at, const char *from, int to_at, const char *to, unsigned how),
     (at, from, to_at, to, how))
WRAP(mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(mkostemp, (char *path, int flags), (path, flags))
WRAP(futimens, (int fd, const struct timespec times[2]), (fd, times))
WRAP(flock, (int fd, int how), (fd, how))

ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    /* A disk fills in the middle of a piece: half of it goes in first. */
    if (!fails())
        return __real_write(fd, bytes, len > 1 && failing_call ? len / 2 : len);
    return -1;
}

/* ---- a store of its own for each test */

struct place {
    char directory[64], url[128], staging[96];
    struct blobs *blobs;
    char why[BLOB_WHY_ROOM];
    bool s3;
};

static struct blobs_config config_of(const struct place *place)
{
    return (struct blobs_config){.url = place->url,
                                 .staging = place->staging,
                                 .region = "us-east-1",
                                 .access_key = "S3RVER",
                                 .secret_key = "S3RVER"};
}

static void reopen(struct place *place)
{
    struct blobs_config config = config_of(place);
    blobs_close(&place->blobs);
    place->blobs = blobs_open(&config, place->why, sizeof place->why);
    if (!place->blobs)
        fail_msg("%s", place->why);
}

static struct place *place_new(const char *s3)
{
    struct place *place = calloc(1, sizeof *place);
    static unsigned count;
    snprintf(place->directory, sizeof place->directory, "/tmp/easel-blob-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    place->s3 = s3 != NULL;
    if (s3) {
        snprintf(place->url, sizeof place->url, "s3:%s/%d-%u", s3, (int)getpid(), count++);
        snprintf(place->staging, sizeof place->staging, "%s/staging", place->directory);
    } else {
        snprintf(place->url, sizeof place->url, "files:%s/blobs", place->directory);
        snprintf(place->staging, sizeof place->staging, "%s/blobs/tmp", place->directory);
    }
    reopen(place);
    return place;
}

static int in_files(void **state)
{
    *state = place_new(NULL);
    return 0;
}

static int in_s3(void **state)
{
    const char *s3 = getenv("EASEL_TEST_S3");
    *state = s3 && *s3 ? place_new(s3) : NULL;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
    (void)st;
    (void)flag;
    (void)walk;
    return remove(path);
}

static int leave(void **state)
{
    struct place *place = *state;
    if (!place)
        return 0;
    blobs_close(&place->blobs);
    nftw(place->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(place);
    return 0;
}

/* Tests of S3 are skipped aloud where there is no service. */
static struct place *place_of(void **state)
{
    if (!*state)
        skip();
    return *state;
}

static int entries(const char *directory)
{
    DIR *dir = opendir(directory);
    int count = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static enum blob_result store(struct place *place, const void *bytes, size_t len, struct blob *blob)
{
    struct blob_writer *writer = blob_write_begin(place->blobs);
    blob_write(writer, bytes, len);
    enum blob_result result = blob_finish(&writer, blob, place->why, sizeof place->why);
    assert_null(writer);
    return result;
}

static void store_text(struct place *place, const char *text, char id[BLOB_ID_ROOM])
{
    struct blob blob;
    if (store(place, text, strlen(text), &blob) != BLOB_OK)
        fail_msg("%s", place->why);
    memcpy(id, blob.id, BLOB_ID_ROOM);
}

static void expect_bytes(struct place *place, const char *id, uint64_t offset, uint64_t len,
                         const char *bytes, size_t count)
{
    struct blob_file file;
    if (blob_open(place->blobs, id, offset, len, &file, place->why, sizeof place->why) != BLOB_OK)
        fail_msg("%s", place->why);
    char *read = malloc(count + 2);
    assert_int_equal(file.len, count);
    assert_int_equal(pread(file.fd, read, count, (off_t)file.offset), count);
    assert_memory_equal(read, bytes, count);
    free(read);
    close(file.fd);
}

static bool count_one(void *context, const struct blob *blob)
{
    assert_true(blob_id_valid(blob->id));
    ++*(int *)context;
    return true;
}

static int count_all(struct place *place)
{
    int count = 0;
    if (blob_walk(place->blobs, count_one, &count, place->why, sizeof place->why) != BLOB_OK)
        fail_msg("%s", place->why);
    return count;
}

/* ---- every kind */

static void bytes_come_back_under_their_hash(void **state)
{
    struct place *place = place_of(state);
    int64_t began = clock_now() / 1000 * 1000 - 1000; /* S3 tells whole seconds */
    struct blob blob, found;
    struct blob_writer *writer = blob_write_begin(place->blobs);
    assert_int_equal(blob_write(writer, "he", 2), BLOB_OK);
    assert_int_equal(blob_write(writer, "", 0), BLOB_OK);
    assert_int_equal(blob_write(writer, "llo", 3), BLOB_OK);
    assert_int_equal(blob_finish(&writer, &blob, place->why, sizeof place->why), BLOB_OK);
    assert_string_equal(blob.id, HELLO_ID);
    assert_int_equal(blob.size, 5);
    assert_true(blob.stored_at >= began);
    assert_int_equal(blob_find(place->blobs, HELLO_ID, &found, place->why, sizeof place->why),
                     BLOB_OK);
    assert_int_equal(found.size, 5);
    assert_true(found.stored_at >= began);
    expect_bytes(place, HELLO_ID, 0, UINT64_MAX, HELLO, 5);
    assert_int_equal(blob_check(place->blobs, HELLO_ID, place->why, sizeof place->why), BLOB_OK);
    reopen(place);
    expect_bytes(place, HELLO_ID, 0, UINT64_MAX, HELLO, 5);
}

static void the_same_bytes_are_stored_once(void **state)
{
    struct place *place = place_of(state);
    char id[BLOB_ID_ROOM];
    for (int i = 0; i < 5; i++)
        store_text(place, HELLO, id);
    store_text(place, "other", id);
    assert_int_equal(count_all(place), 2);
    assert_int_equal(entries(place->staging), 0);
}

static void nothing_is_a_blob_too(void **state)
{
    struct place *place = place_of(state);
    struct blob blob;
    assert_int_equal(store(place, "", 0, &blob), BLOB_OK);
    assert_string_equal(blob.id, EMPTY_ID);
    expect_bytes(place, EMPTY_ID, 0, UINT64_MAX, "", 0);
    expect_bytes(place, EMPTY_ID, 7, 3, "", 0);
}

static void ranges_end_where_the_blob_ends(void **state)
{
    struct place *place = place_of(state);
    static const struct {
        uint64_t offset, len;
        const char *bytes;
    } cases[] = {
        {0, 5, "hello"},
        {0, 1, "h"},
        {1, 3, "ell"},
        {4, 1, "o"},
        {4, 9, "o"},
        {5, 1, ""},
        {6, UINT64_MAX, ""},
        {2, UINT64_MAX, "llo"},
        {2, 0, ""},
        {UINT64_MAX, 1, ""},
        {0, UINT64_MAX, "hello"},
    };
    char id[BLOB_ID_ROOM];
    store_text(place, HELLO, id);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* The service of the tests takes "bytes=0-0" for "bytes=0-". */
        if (!place->s3 || cases[i].offset || cases[i].len != 1)
            expect_bytes(place, id, cases[i].offset, cases[i].len, cases[i].bytes,
                         strlen(cases[i].bytes));
    }
}

static void what_is_not_there_is_absent(void **state)
{
    struct place *place = place_of(state);
    static const char *const ids[] = {
        NO_SUCH_ID,
        "",
        "..",
        "../../../etc/passwd",
        "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b98244",
        "2c/24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct blob blob;
        struct blob_file file;
        place->why[0] = '\0';
        assert_int_equal(blob_find(place->blobs, ids[i], &blob, place->why, sizeof place->why),
                         BLOB_ABSENT);
        assert_int_equal(
            blob_open(place->blobs, ids[i], 0, 1, &file, place->why, sizeof place->why),
            BLOB_ABSENT);
        assert_int_equal(file.fd, -1);
        assert_int_equal(
            blob_delete(place->blobs, ids[i], INT64_MAX, place->why, sizeof place->why),
            BLOB_ABSENT);
        assert_int_equal(blob_check(place->blobs, ids[i], place->why, sizeof place->why),
                         BLOB_ABSENT);
        assert_true(place->why[0]);
    }
}

static void abandoned_writers_leave_nothing(void **state)
{
    struct place *place = place_of(state);
    struct blob_writer *writer = blob_write_begin(place->blobs);
    assert_int_equal(blob_write(writer, HELLO, 5), BLOB_OK);
    assert_int_equal(entries(place->staging), 1);
    blob_abandon(&writer);
    assert_null(writer);
    blob_abandon(&writer);
    assert_int_equal(entries(place->staging), 0);
    assert_int_equal(count_all(place), 0);
}

static void the_young_are_not_deleted(void **state)
{
    struct place *place = place_of(state);
    char id[BLOB_ID_ROOM];
    store_text(place, HELLO, id);
    assert_int_equal(
        blob_delete(place->blobs, id, clock_now() - 60000, place->why, sizeof place->why),
        BLOB_IN_USE);
    assert_int_equal(count_all(place), 1);
    assert_int_equal(
        blob_delete(place->blobs, id, clock_now() + 60000, place->why, sizeof place->why), BLOB_OK);
    assert_int_equal(count_all(place), 0);
    assert_int_equal(blob_delete(place->blobs, id, INT64_MAX, place->why, sizeof place->why),
                     BLOB_ABSENT);
}

static void path_of(const struct place *place, const char *id, char path[256])
{
    snprintf(path, 256, "%s/blobs/%.2s/%s", place->directory, id, id + 2);
}

static void one_can_be_renewed(void **state)
{
    struct place *place = place_of(state);
    char id[BLOB_ID_ROOM];
    struct blob blob;
    store_text(place, HELLO, id);
    if (!place->s3) {
        char path[256];
        path_of(place, id, path);
        utimensat(AT_FDCWD, path, (struct timespec[2]){{.tv_sec = 1000}, {.tv_sec = 1000}}, 0);
    }
    assert_int_equal(blob_renew(place->blobs, id, &blob, place->why, sizeof place->why), BLOB_OK);
    assert_string_equal(blob.id, id);
    assert_int_equal(blob.size, 5);
    assert_true(blob.stored_at > clock_now() - 60000);
    expect_bytes(place, id, 0, UINT64_MAX, HELLO, 5);
    assert_int_equal(blob_renew(place->blobs, NO_SUCH_ID, &blob, place->why, sizeof place->why),
                     BLOB_ABSENT);
    assert_int_equal(blob_renew(place->blobs, "none", &blob, place->why, sizeof place->why),
                     BLOB_ABSENT);
    assert_int_equal(count_all(place), 1);
}

/* Who stored it, and remembers when, can tell whether anybody found it since. */
static void the_fresh_can_be_told(void **state)
{
    struct place *place = place_of(state);
    struct blob first, again, renewed, found;
    assert_int_equal(store(place, HELLO, 5, &first), BLOB_OK);
    assert_int_equal(first.fresh, !place->s3);
    assert_int_equal(blob_fresh_at(&first), place->s3 ? 0 : first.stored_at);
    if (place->s3)
        return;
    assert_int_equal(blob_find(place->blobs, first.id, &found, place->why, sizeof place->why),
                     BLOB_OK);
    assert_int_equal(found.stored_at, first.stored_at);
    assert_false(found.fresh);
    assert_int_equal(store(place, HELLO, 5, &again), BLOB_OK);
    assert_false(again.fresh);
    assert_true(again.stored_at > first.stored_at);
    assert_int_equal(blob_renew(place->blobs, first.id, &renewed, place->why, sizeof place->why),
                     BLOB_OK);
    assert_false(renewed.fresh);
    assert_true(renewed.stored_at > again.stored_at);
    for (int i = 0; i < 2; i++)
        assert_int_equal(blob_delete(place->blobs, first.id, (i ? again : first).stored_at + 1,
                                     place->why, sizeof place->why),
                         BLOB_IN_USE);
    assert_int_equal(
        blob_delete(place->blobs, first.id, renewed.stored_at + 1, place->why, sizeof place->why),
        BLOB_OK);
    assert_int_equal(store(place, HELLO, 5, &first), BLOB_OK);
    assert_true(first.fresh);
    assert_int_equal(
        blob_delete(place->blobs, first.id, first.stored_at + 1, place->why, sizeof place->why),
        BLOB_OK);
}

static void the_first_owns_the_store(void **state)
{
    struct place *place = place_of(state);
    char id[BLOB_ID_ROOM];
    store_text(place, HELLO, id);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(blobs_claim(place->blobs, "one", place->why, sizeof place->why), BLOB_OK);
        assert_int_equal(blobs_claim(place->blobs, "other", place->why, sizeof place->why),
                         BLOB_IN_USE);
        assert_non_null(strstr(place->why, "one"));
        reopen(place);
    }
    assert_int_equal(count_all(place), 1);
}

struct listing {
    char ids[64][BLOB_ID_ROOM];
    int count, stop_after;
};

static bool list_one(void *context, const struct blob *blob)
{
    struct listing *listing = context;
    for (int i = 0; i < listing->count; i++)
        assert_string_not_equal(listing->ids[i], blob->id);
    assert_true(blob->size >= 1);
    assert_true(blob->stored_at > 0);
    memcpy(listing->ids[listing->count++], blob->id, BLOB_ID_ROOM);
    return listing->count != listing->stop_after;
}

static void a_walk_meets_each_once(void **state)
{
    struct place *place = place_of(state);
    char text[16], id[BLOB_ID_ROOM];
    struct listing all = {0}, some = {.stop_after = 7};
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "%d", i);
        store_text(place, text, id);
    }
    assert_int_equal(blob_walk(place->blobs, list_one, &all, place->why, sizeof place->why),
                     BLOB_OK);
    assert_int_equal(all.count, 40);
    assert_int_equal(blob_walk(place->blobs, list_one, &some, place->why, sizeof place->why),
                     BLOB_OK);
    assert_int_equal(some.count, 7);
}

/* Long enough for several pieces, and for several parts of an upload. */
static char *make_long(size_t len)
{
    char *bytes = malloc(len);
    uint32_t x = 12345;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (char)(x >> 24);
    }
    return bytes;
}

static void long_ones_are_whole(void **state)
{
    struct place *place = place_of(state);
    size_t len = (size_t)21 * 1024 * 1024 + 17;
    char *bytes = make_long(len), id[BLOB_ID_ROOM];
    struct blob blob;
    hash_hex(bytes, len, id);
    assert_int_equal(store(place, bytes, len, &blob), BLOB_OK);
    assert_string_equal(blob.id, id);
    assert_int_equal(blob.size, len);
    expect_bytes(place, id, 0, UINT64_MAX, bytes, len);
    expect_bytes(place, id, len - 100, 1000, bytes + len - 100, 100);
    assert_int_equal(blob_check(place->blobs, id, place->why, sizeof place->why), BLOB_OK);
    free(bytes);
}

static int file_with(const struct place *place, const char *name, const char *text, char *path)
{
    sprintf(path, "%s/%s", place->directory, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void part_of_a_file_can_be_stored(void **state)
{
    struct place *place = place_of(state);
    char path[128];
    int fd = file_with(place, "body", "--headhello--", path);
    struct blob blob;
    struct blob_writer *writer = blob_write_begin(place->blobs);
    assert_int_equal(blob_write_from(writer, fd, 6, 5), BLOB_OK);
    assert_int_equal(blob_finish(&writer, &blob, place->why, sizeof place->why), BLOB_OK);
    assert_string_equal(blob.id, HELLO_ID);
    writer = blob_write_begin(place->blobs);
    assert_int_equal(blob_write_from(writer, fd, 6, 50), BLOB_FAILED);
    assert_int_equal(blob_write(writer, "more", 4), BLOB_FAILED);
    assert_int_equal(blob_finish(&writer, &blob, place->why, sizeof place->why), BLOB_FAILED);
    assert_non_null(strstr(place->why, "cannot read"));
    assert_int_equal(entries(place->staging), 0);
    assert_int_equal(count_all(place), 1);
    close(fd);
}

static void a_file_can_be_taken_in(void **state)
{
    struct place *place = place_of(state);
    char path[128];
    struct blob blob;
    for (int i = 0; i < 2; i++) { /* new, and found again */
        close(file_with(place, "upload", HELLO, path));
        assert_int_equal(blob_take(place->blobs, path, &blob, place->why, sizeof place->why),
                         BLOB_OK);
        assert_string_equal(blob.id, HELLO_ID);
        assert_int_equal(blob.size, 5);
        assert_int_equal(access(path, F_OK), -1);
        expect_bytes(place, HELLO_ID, 0, UINT64_MAX, HELLO, 5);
    }
    assert_int_equal(blob_take(place->blobs, path, &blob, place->why, sizeof place->why),
                     BLOB_FAILED);
    assert_int_equal(
        blob_take(place->blobs, place->directory, &blob, place->why, sizeof place->why),
        BLOB_FAILED);
    assert_int_equal(count_all(place), 1);
}

static void a_file_of_another_disk_can_be_taken_in(void **state)
{
    struct place *place = place_of(state);
    char path[] = "/dev/shm/easel-blob-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        skip();
    struct blob blob;
    assert_int_equal(write(fd, HELLO, 5), 5);
    close(fd);
    assert_int_equal(blob_take(place->blobs, path, &blob, place->why, sizeof place->why), BLOB_OK);
    assert_string_equal(blob.id, HELLO_ID);
    assert_int_equal(access(path, F_OK), -1);
    expect_bytes(place, HELLO_ID, 0, UINT64_MAX, HELLO, 5);
}

static void a_wrong_key_opens_nothing(void **state)
{
    struct place *place = place_of(state);
    struct blobs_config config = config_of(place);
    struct blob blob;
    config.secret_key = "not the secret";
    blobs_close(&place->blobs);
    place->blobs = blobs_open(&config, place->why, sizeof place->why);
    assert_non_null(place->blobs);
    assert_int_equal(store(place, HELLO, 5, &blob), BLOB_FAILED);
    assert_non_null(strstr(place->why, "SignatureDoesNotMatch"));
    assert_null(strstr(place->why, config.secret_key));
    assert_int_equal(blob_find(place->blobs, HELLO_ID, &blob, place->why, sizeof place->why),
                     BLOB_FAILED);
    reopen(place);
    assert_int_equal(count_all(place), 0);
}

/* ---- files: what dies, what fails, what meets */

static void the_dead_are_swept_and_the_living_are_not(void **state)
{
    struct place *place = *state;
    struct blob blob;
    struct blob_writer *writer = blob_write_begin(place->blobs);
    assert_int_equal(blob_write(writer, "hel", 3), BLOB_OK);
    pid_t child = fork();
    if (child == 0) {
        struct blob_writer *doomed = blob_write_begin(place->blobs);
        blob_write(doomed, "half a bl", 9);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(entries(place->staging), 2);
    struct blobs_config config = config_of(place);
    struct blobs *second = blobs_open(&config, place->why, sizeof place->why);
    assert_non_null(second);
    assert_int_equal(entries(place->staging), 1);
    assert_int_equal(blob_write(writer, "lo", 2), BLOB_OK);
    assert_int_equal(blob_finish(&writer, &blob, place->why, sizeof place->why), BLOB_OK);
    assert_string_equal(blob.id, HELLO_ID);
    blobs_close(&second);
}

/* Fails each system call of a publish in turn, and looks at what it left. */
static void fail_each_call_with(struct place *place, int error, enum blob_result expected)
{
    bool ended = false;
    for (int n = 1; !ended; n++) {
        assert_true(n < 100);
        reopen(place); /* so that the shard is made anew each time */
        char text[32], id[BLOB_ID_ROOM];
        struct blob blob;
        snprintf(text, sizeof text, "content %d %d", error, n);
        calls = 0;
        failing_errno = error;
        failing_call = n;
        place->why[0] = '\0';
        enum blob_result result = store(place, text, strlen(text), &blob);
        ended = calls < n;
        failing_call = 0;
        assert_int_equal(entries(place->staging), 0);
        hash_hex(text, strlen(text), id);
        if (ended) {
            assert_int_equal(result, BLOB_OK);
            assert_true(n > 6);
        } else {
            assert_int_equal(result, expected);
            assert_non_null(strstr(place->why, strerror(error)));
            /* Whole or not there, never in part. */
            result = blob_check(place->blobs, id, place->why, sizeof place->why);
            assert_true(result == BLOB_OK || result == BLOB_ABSENT);
        }
        store_text(place, text, id); /* and it can be done again */
        assert_int_equal(blob_check(place->blobs, id, place->why, sizeof place->why), BLOB_OK);
        blob_delete(place->blobs, id, INT64_MAX, place->why, sizeof place->why);
        assert_int_equal(count_all(place), 0);
    }
}

static void failing_disks_are_told_and_leave_nothing(void **state)
{
    fail_each_call_with(*state, ENOSPC, BLOB_FULL);
    fail_each_call_with(*state, EDQUOT, BLOB_FULL);
    fail_each_call_with(*state, EIO, BLOB_FAILED);
}

static void a_file_that_cannot_be_taken_stays(void **state)
{
    struct place *place = *state;
    bool ended = false;
    for (int n = 1; !ended; n++) {
        char path[128];
        struct blob blob;
        assert_true(n < 100);
        close(file_with(place, "upload", HELLO, path));
        reopen(place);
        calls = 0;
        failing_errno = ENOSPC;
        failing_call = n;
        enum blob_result result =
            blob_take(place->blobs, path, &blob, place->why, sizeof place->why);
        ended = calls < n;
        failing_call = 0;
        assert_int_equal(result, ended ? BLOB_OK : BLOB_FULL);
        /* Somewhere it is, whatever failed. */
        bool stored = blob_check(place->blobs, HELLO_ID, place->why, sizeof place->why) == BLOB_OK;
        assert_true(stored != (access(path, F_OK) == 0));
        unlink(path);
        blob_delete(place->blobs, HELLO_ID, INT64_MAX, place->why, sizeof place->why);
    }
}

static void a_real_limit_is_met(void **state)
{
    struct place *place = *state;
    struct rlimit before, small = {0};
    size_t len = 1 << 20;
    char *bytes = make_long(len);
    struct blob blob;
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){.rlim_cur = 100000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    enum blob_result result = store(place, bytes, len, &blob);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(result, BLOB_FULL);
    assert_non_null(strstr(place->why, "File too large"));
    assert_int_equal(entries(place->staging), 0);
    assert_int_equal(count_all(place), 0);
    assert_int_equal(store(place, bytes, len, &blob), BLOB_OK);
    free(bytes);
}

static void damage_is_found_and_healed(void **state)
{
    struct place *place = *state;
    char id[BLOB_ID_ROOM], path[256];
    store_text(place, HELLO, id);
    path_of(place, id, path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "j", 1, 0), 1);
    assert_int_equal(blob_check(place->blobs, id, place->why, sizeof place->why), BLOB_DAMAGED);
    assert_non_null(strstr(place->why, id));
    /* Cut short, as by a disk that lied: whoever publishes it again puts it right. */
    assert_int_equal(ftruncate(fd, 2), 0);
    close(fd);
    store_text(place, HELLO, id);
    assert_int_equal(blob_check(place->blobs, id, place->why, sizeof place->why), BLOB_OK);
}

static void strangers_are_no_blobs(void **state)
{
    struct place *place = *state;
    char id[BLOB_ID_ROOM], path[128];
    store_text(place, HELLO, id);
    close(file_with(place, "blobs/2c/readme", "x", path));
    close(file_with(place, "blobs/lost+found", "x", path));
    assert_int_equal(count_all(place), 1);
}

struct racer {
    struct place *place;
    char why[BLOB_WHY_ROOM];
    enum blob_result result;
};

static void *publish(void *arg)
{
    struct racer *racer = arg;
    struct blob blob;
    struct blob_writer *writer = blob_write_begin(racer->place->blobs);
    blob_write(writer, HELLO, 5);
    racer->result = blob_finish(&writer, &blob, racer->why, sizeof racer->why);
    return NULL;
}

static void *clean(void *arg)
{
    struct racer *racer = arg;
    racer->result = blob_delete(racer->place->blobs, HELLO_ID, clock_now() - 3600000, racer->why,
                                sizeof racer->why);
    return NULL;
}

static void none_is_deleted_that_was_just_found(void **state)
{
    struct place *place = *state;
    char id[BLOB_ID_ROOM], path[256];
    path_of(place, HELLO_ID, path);
    for (int i = 0; i < 200; i++) {
        store_text(place, HELLO, id);
        utimensat(AT_FDCWD, path, (struct timespec[2]){{.tv_sec = 1000}, {.tv_sec = 1000}}, 0);
        struct racer racers[3] = {{.place = place}, {.place = place}, {.place = place}};
        pthread_t threads[3];
        for (int k = 0; k < 3; k++)
            assert_int_equal(
                pthread_create(&threads[k], NULL, k == 1 ? clean : publish, &racers[k]), 0);
        for (int k = 0; k < 3; k++)
            pthread_join(threads[k], NULL);
        assert_int_equal(racers[0].result, BLOB_OK);
        assert_int_equal(racers[2].result, BLOB_OK);
        assert_true(racers[1].result == BLOB_OK || racers[1].result == BLOB_IN_USE);
        assert_int_equal(blob_check(place->blobs, HELLO_ID, place->why, sizeof place->why),
                         BLOB_OK);
    }
    assert_int_equal(entries(place->staging), 0);
}

/* Times move on whatever the clock says: also where it was set back. */
static void times_only_move_on(void **state)
{
    struct place *place = *state;
    struct blob blob = {0}, before;
    char path[256];
    time_t ahead = (time_t)(clock_now() / 1000 + 5000);
    assert_int_equal(store(place, HELLO, 5, &blob), BLOB_OK);
    path_of(place, blob.id, path);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){{ahead, 0}, {ahead, 0}}, 0), 0);
    blob.stored_at = (int64_t)ahead * 1000;
    for (int i = 0; i < 20; i++) {
        before = blob;
        if (i % 2)
            assert_int_equal(store(place, HELLO, 5, &blob), BLOB_OK);
        else
            assert_int_equal(
                blob_renew(place->blobs, before.id, &blob, place->why, sizeof place->why), BLOB_OK);
        assert_true(blob.stored_at > before.stored_at);
        assert_true(blob.stored_at < before.stored_at + 1000);
    }
}

/* Where the file system can't tell whether it replaces, none is fresh. */
static void none_is_fresh_where_that_cannot_be_told(void **state)
{
    struct place *place = *state;
    bool met = false;
    for (int n = 1; n < 30 && !met; n++) {
        struct blob blob;
        char text[32];
        snprintf(text, sizeof text, "old file system %d", n);
        reopen(place);
        calls = 0;
        failing_errno = EINVAL;
        failing_call = n;
        enum blob_result result = store(place, text, strlen(text), &blob);
        failing_call = 0;
        met = result == BLOB_OK && !blob.fresh;
        if (result == BLOB_OK)
            assert_int_equal(blob_check(place->blobs, blob.id, place->why, sizeof place->why),
                             BLOB_OK);
    }
    assert_true(met);
}

struct contender {
    struct place *place;
    pthread_barrier_t *barrier;
    struct blob blob;
    char why[BLOB_WHY_ROOM];
    bool dropped, kept;
};

/* Every other wants the blob; the fresh one drops it where it does not. */
static void *contend(void *arg)
{
    struct contender *c = arg;
    struct blob_writer *writer = blob_write_begin(c->place->blobs);
    blob_write(writer, HELLO, 5);
    pthread_barrier_wait(c->barrier);
    assert_int_equal(blob_finish(&writer, &c->blob, c->why, sizeof c->why), BLOB_OK);
    if (!c->kept && c->blob.fresh)
        c->dropped = blob_delete(c->place->blobs, c->blob.id, c->blob.stored_at + 1, c->why,
                                 sizeof c->why) == BLOB_OK;
    return NULL;
}

/* One of several is the first; and what another was told to be there stays. */
static void one_is_fresh_and_drops_none_that_is_wanted(void **state)
{
    enum { CONTENDERS = 4 };
    struct place *place = *state;
    pthread_barrier_t barrier;
    int fresh = 0, dropped = 0;
    pthread_barrier_init(&barrier, NULL, CONTENDERS);
    for (int turn = 0; turn < 300; turn++) {
        pthread_t threads[CONTENDERS];
        struct contender all[CONTENDERS];
        int firsts = 0, drops = 0;
        for (int i = 0; i < CONTENDERS; i++) {
            all[i] = (struct contender){.place = place, .barrier = &barrier, .kept = i % 2};
            assert_int_equal(pthread_create(&threads[i], NULL, contend, &all[i]), 0);
        }
        for (int i = 0; i < CONTENDERS; i++) {
            pthread_join(threads[i], NULL);
            firsts += all[i].blob.fresh;
            drops += all[i].dropped;
        }
        assert_true(firsts >= 1 && firsts <= 1 + drops);
        assert_int_equal(blob_check(place->blobs, HELLO_ID, place->why, sizeof place->why),
                         BLOB_OK);
        fresh += firsts;
        dropped += drops;
        blob_delete(place->blobs, HELLO_ID, INT64_MAX, place->why, sizeof place->why);
    }
    assert_true(fresh >= 300 && dropped <= fresh);
    pthread_barrier_destroy(&barrier);
}

static void nobody_else_may_read_them(void **state)
{
    struct place *place = *state;
    char id[BLOB_ID_ROOM], path[256];
    struct stat st;
    store_text(place, HELLO, id);
    path_of(place, id, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    snprintf(path, sizeof path, "%s/blobs", place->directory);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
}

static void it_says_why_it_cannot_open(void **state)
{
    (void)state;
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"", "files:DIR or s3:URL"},
        {"/var/blobs", "files:DIR or s3:URL"},
        {"files:", "missing"},
        {"files:/nowhere/at/all", "/nowhere/at/all: No such file or directory"},
        {"files:/dev/null", "/dev/null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[BLOB_WHY_ROOM] = "";
        assert_null(blobs_open(&(struct blobs_config){.url = cases[i].url}, why, sizeof why));
        if (!strstr(why, cases[i].says))
            fail_msg("%s: %s", cases[i].url, why);
    }
}

/* ---- hash */

static void hashes_are_those_of_the_standards(void **state)
{
    (void)state;
    char hex[HASH_HEX_ROOM];
    unsigned char mac[HASH_BYTES];
    struct hash *hash = hash_new();
    hash_end_hex(hash, hex);
    assert_string_equal(hex, EMPTY_ID);
    for (int round = 0; round < 2; round++) { /* it begins anew after each */
        hash_add(hash, "hel", 3);
        hash_add(hash, "lo", 2);
        hash_end_hex(hash, hex);
        assert_string_equal(hex, HELLO_ID);
    }
    hash_free(&hash);
    assert_null(hash);
    hash_hex(HELLO, 5, hex);
    assert_string_equal(hex, HELLO_ID);
    /* RFC 4231, test case 2. */
    hash_mac("Jefe", 4, "what do ya want for nothing?", 28, mac);
    assert_memory_equal(mac, "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7",
                        16);
}

#define S3(test)                                                                                \
    {                                                                                           \
        .name = #test " (S3)", .test_func = (test), .setup_func = in_s3, .teardown_func = leave \
    }
#define BOTH(test) cmocka_unit_test_setup_teardown(test, in_files, leave), S3(test)
#define FILES(test) cmocka_unit_test_setup_teardown(test, in_files, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_standards),
        BOTH(bytes_come_back_under_their_hash),
        BOTH(the_same_bytes_are_stored_once),
        BOTH(nothing_is_a_blob_too),
        BOTH(ranges_end_where_the_blob_ends),
        BOTH(what_is_not_there_is_absent),
        BOTH(abandoned_writers_leave_nothing),
        BOTH(the_young_are_not_deleted),
        BOTH(one_can_be_renewed),
        BOTH(the_fresh_can_be_told),
        BOTH(the_first_owns_the_store),
        BOTH(a_walk_meets_each_once),
        BOTH(long_ones_are_whole),
        BOTH(part_of_a_file_can_be_stored),
        BOTH(a_file_can_be_taken_in),
        BOTH(a_file_of_another_disk_can_be_taken_in),
        S3(a_wrong_key_opens_nothing),
        FILES(the_dead_are_swept_and_the_living_are_not),
        FILES(failing_disks_are_told_and_leave_nothing),
        FILES(a_file_that_cannot_be_taken_stays),
        FILES(a_real_limit_is_met),
        FILES(damage_is_found_and_healed),
        FILES(strangers_are_no_blobs),
        FILES(none_is_deleted_that_was_just_found),
        FILES(times_only_move_on),
        FILES(none_is_fresh_where_that_cannot_be_told),
        FILES(one_is_fresh_and_drops_none_that_is_wanted),
        FILES(nobody_else_may_read_them),
        cmocka_unit_test(it_says_why_it_cannot_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
