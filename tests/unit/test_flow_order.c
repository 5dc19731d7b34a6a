/* test_flow_order: what a run is to do, kept and read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "domain/flow_order.h"

static const size_t OUTPUTS[] = {3, 0, 99999};
static const struct flow_setting SETTINGS[] = {{"one", "", NULL, NULL},
                                               {"two", "a\nb\tc", "left out", NULL}};

static struct flow_order whole(void)
{
    return (struct flow_order){.file_type = "tflx",
                               .blob_id = "abc",
                               .site_url = "",
                               .room = INT64_MAX,
                               .incremental = true,
                               .outputs = OUTPUTS,
                               .output_count = 3,
                               .settings = SETTINGS,
                               .setting_count = 2};
}

static void what_was_kept_is_read_back(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct flow_order given = whole(), got;
    size_t len;
    const char *bytes = flow_order_pack(arena, &given, &len);
    assert_true(flow_order_unpack(arena, bytes, len, &got));
    assert_string_equal(got.file_type, "tflx");
    assert_string_equal(got.blob_id, "abc");
    assert_string_equal(got.site_url, "");
    assert_true(got.room == INT64_MAX && got.incremental);
    assert_int_equal(got.output_count, 3);
    assert_memory_equal(got.outputs, OUTPUTS, sizeof OUTPUTS);
    assert_int_equal(got.setting_count, 2);
    assert_string_equal(got.settings[0].value, "");
    assert_string_equal(got.settings[1].value, "a\nb\tc");
    assert_null(got.settings[1].name);
    arena_free(&arena);
}

static void little(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct flow_order given = {.file_type = "tfl", .blob_id = "", .site_url = "x", .room = -5}, got;
    size_t len;
    const char *bytes = flow_order_pack(arena, &given, &len);
    assert_true(flow_order_unpack(arena, bytes, len, &got));
    assert_true(got.room == -5 && !got.incremental && !got.output_count && !got.setting_count);
    arena_free(&arena);
}

/* Every beginning, and every byte changed: refused, or an order of lawful size. */
static void damaged(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct flow_order given = whole(), got;
    size_t len;
    const char *bytes = flow_order_pack(arena, &given, &len);
    for (size_t n = 0; n < len; n++) {
        char *copy = arena_alloc(arena, len + 1);
        memcpy(copy, bytes, n);
        copy[n] = '\0';
        assert_false(flow_order_unpack(arena, copy, n, &got));
        for (int with = 0; with < 256; with += 17) {
            memcpy(copy, bytes, len + 1);
            copy[n] = (char)with;
            if (flow_order_unpack(arena, copy, len, &got))
                assert_true(got.output_count <= FLOW_STEPS_MOST &&
                            got.setting_count <= FLOW_SETTINGS_MOST);
        }
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_kept_is_read_back),
        cmocka_unit_test(little),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
