/* test_pictures: pictures of files, found again while they are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "content/content.h"
#include "rest/pictures.h"

enum { MIB = 1 << 20 };

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* A file of one sheet, "One", with a picture of that many bytes (0: without one). */
static void keep(struct pictures *pictures, const char *blob_id, size_t len)
{
    struct content_sheet sheet = {.name = "One"};
    if (len) {
        char *bytes = arena_alloc(arena, len);
        memset(bytes, *blob_id, len);
        sheet.thumbnail = bytes;
        sheet.thumbnail_len = len;
    }
    pictures_keep(pictures, blob_id, &sheet);
}

/* The length of the picture of "One"; -1: the file is not kept. */
static long found(struct pictures *pictures, const char *blob_id)
{
    const void *picture;
    size_t len;
    if (!pictures_find(pictures, arena, blob_id, "One", &picture, &len))
        return -1;
    assert_int_equal(picture == NULL, len == 0);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(((const char *)picture)[i], *blob_id);
    return (long)len;
}

static void each_sheet_has_its_own(void **state)
{
    (void)state;
    const void *picture;
    size_t len;
    struct pictures *pictures = pictures_new(MIB, 10);
    struct content_sheet two = {.name = "Two", .thumbnail = "two", .thumbnail_len = 3};
    struct content_sheet bare = {.name = "Bare", .next = &two};
    struct content_sheet one = {.name = "One", .thumbnail = "1", .thumbnail_len = 1, .next = &bare};
    pictures_keep(pictures, "a", &one);
    assert_true(pictures_find(pictures, arena, "a", "Two", &picture, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(picture, "two", 3);
    assert_ptr_not_equal(picture, two.thumbnail);
    assert_true(pictures_find(pictures, arena, "a", "One", &picture, &len));
    assert_int_equal(len, 1);
    assert_true(pictures_find(pictures, arena, "a", "Bare", &picture, &len));
    assert_null(picture);
    assert_true(pictures_find(pictures, arena, "a", "two", &picture, &len));
    assert_null(picture);
    assert_false(pictures_find(pictures, arena, "b", "One", &picture, &len));
    pictures_free(&pictures);
    pictures_free(&pictures); /* twice does nothing */
}

static void files_without_any_are_kept(void **state)
{
    (void)state;
    struct pictures *pictures = pictures_new(MIB, 10);
    keep(pictures, "a", 0);
    pictures_keep(pictures, "b", NULL);
    assert_int_equal(found(pictures, "a"), 0);
    assert_int_equal(found(pictures, "b"), 0);
    assert_int_equal(found(pictures, "c"), -1);
    pictures_free(&pictures);
}

static void the_first_of_two_stays(void **state)
{
    (void)state;
    struct pictures *pictures = pictures_new(MIB, 10);
    keep(pictures, "a", 10);
    keep(pictures, "a", 20);
    assert_int_equal(found(pictures, "a"), 10);
    pictures_free(&pictures);
}

static void what_was_not_asked_for_gives_way(void **state)
{
    (void)state;
    struct pictures *pictures = pictures_new(MIB, 3);
    keep(pictures, "a", 1);
    keep(pictures, "b", 1);
    keep(pictures, "c", 1);
    assert_int_equal(found(pictures, "a"), 1);
    keep(pictures, "d", 1);
    assert_int_equal(found(pictures, "b"), -1);
    assert_int_equal(found(pictures, "c"), 1);
    keep(pictures, "e", 1);
    assert_int_equal(found(pictures, "a"), -1);
    assert_int_equal(found(pictures, "c"), 1);
    assert_int_equal(found(pictures, "d"), 1);
    assert_int_equal(found(pictures, "e"), 1);
    pictures_free(&pictures);
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    struct pictures *pictures = pictures_new(MIB, 1000);
    char id[2] = "a";
    for (; *id <= 'j'; ++*id) /* of ten, three fit with what is around them */
        keep(pictures, id, 300 << 10);
    for (*id = 'a'; *id <= 'j'; ++*id)
        assert_int_equal(found(pictures, id), *id < 'h' ? -1 : 300 << 10);
    keep(pictures, "x", 2 * MIB); /* too large, and nothing else stays with it */
    assert_int_equal(found(pictures, "x"), -1);
    keep(pictures, "a", 300 << 10);
    assert_int_equal(found(pictures, "a"), 300 << 10);
    pictures_free(&pictures);
}

static void *ask_and_keep(void *shared)
{
    struct pictures *pictures = shared;
    struct arena *mine = arena_new(0);
    char id[8], bytes[100];
    for (int i = 0; i < 2000; i++) {
        const void *picture;
        size_t len;
        snprintf(id, sizeof id, "%d", i % 17);
        memset(bytes, *id, sizeof bytes);
        struct content_sheet sheet = {
            .name = "One", .thumbnail = bytes, .thumbnail_len = sizeof bytes};
        if (!pictures_find(pictures, mine, id, "One", &picture, &len))
            pictures_keep(pictures, id, &sheet);
        else if (len != sizeof bytes || memcmp(picture, bytes, len) != 0)
            return shared;
        arena_reset(mine);
    }
    arena_free(&mine);
    return NULL;
}

static void threads_share_them(void **state)
{
    (void)state;
    struct pictures *pictures = pictures_new(MIB, 5);
    pthread_t threads[4];
    void *wrong;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_and_keep, pictures), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    pictures_free(&pictures);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_sheet_has_its_own), TEST(files_without_any_are_kept),
        TEST(the_first_of_two_stays), TEST(what_was_not_asked_for_gives_way),
        TEST(bytes_are_bounded),      TEST(threads_share_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
