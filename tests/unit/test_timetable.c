/* test_timetable: schedules as requests say them, and when they come next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "domain/timetable.h"
#include "store/tx.h"

#define DAY INT64_C(86400)

static int64_t at(const char *iso)
{
    int64_t ms;
    assert_true(clock_parse_iso(iso, &ms));
    return ms;
}

static void next_is(const struct timetable *t, const char *after, const char *expected)
{
    char iso[CLOCK_ISO_ROOM];
    clock_iso(timetable_next(t, at(after)), iso);
    assert_string_equal(iso, expected);
}

static void days(void **state)
{
    (void)state;
    struct timetable daily = {TIMETABLE_DAILY, 16200, -1, 0, 0, 0};
    next_is(&daily, "2026-01-31T04:29:59Z", "2026-01-31T04:30:00Z");
    next_is(&daily, "2026-01-31T04:30:00Z", "2026-02-01T04:30:00Z");
    struct timetable several = {TIMETABLE_DAILY, 8 * 3600, 20 * 3600, 240, 0, 0};
    next_is(&several, "2026-01-31T08:00:00Z", "2026-01-31T12:00:00Z");
    next_is(&several, "2026-01-31T19:59:59Z", "2026-01-31T20:00:00Z");
    next_is(&several, "2026-01-31T20:00:00Z", "2026-02-01T08:00:00Z");
    struct timetable sunday = {TIMETABLE_DAILY, 0, -1, 0, 1, 0};
    next_is(&sunday, "2026-11-26T00:00:00Z", "2026-11-29T00:00:00Z");
}

static void hours(void **state)
{
    (void)state;
    struct timetable quarter = {TIMETABLE_HOURLY, 0, 23 * 3600 + 2700, 15, 0, 0};
    next_is(&quarter, "2026-01-31T12:07:00Z", "2026-01-31T12:15:00Z");
    next_is(&quarter, "2026-01-31T23:45:00Z", "2026-02-01T00:00:00Z");
    struct timetable night = {TIMETABLE_HOURLY, 22 * 3600, 2 * 3600, 60, 0, 0}; /* past midnight */
    next_is(&night, "2026-01-31T23:30:00Z", "2026-02-01T00:00:00Z");
    next_is(&night, "2026-02-01T01:30:00Z", "2026-02-01T02:00:00Z");
    next_is(&night, "2026-02-01T02:00:00Z", "2026-02-01T22:00:00Z");
    struct timetable whole = {TIMETABLE_HOURLY, 7200, 7200, 720, 2, 0}; /* Mondays, all day */
    next_is(&whole, "2026-11-23T02:00:00Z", "2026-11-23T14:00:00Z");
    next_is(&whole, "2026-11-23T14:00:00Z", "2026-11-30T02:00:00Z");
}

static void months(void **state)
{
    (void)state;
    struct timetable last = {TIMETABLE_MONTHLY, 3600, -1, 0, 0, 1};
    next_is(&last, "2028-02-01T00:00:00Z", "2028-02-29T01:00:00Z");
    next_is(&last, "2026-02-28T01:00:00Z", "2026-03-31T01:00:00Z");
    next_is(&last, "2100-02-01T00:00:00Z", "2100-02-28T01:00:00Z");
    struct timetable end = {TIMETABLE_MONTHLY, 0, -1, 0, 0, UINT32_C(1) << 31};
    next_is(&end, "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z");
    struct timetable leap = {TIMETABLE_MONTHLY, 0, -1, 0, 0, UINT32_C(1) << 30 | 1u << 29};
    next_is(&leap, "2027-01-30T00:00:00Z", "2027-03-29T00:00:00Z");
}

/* The same, by trying every minute with the C library's calendar. */
static bool is_time(const struct timetable *t, int64_t s)
{
    for (int64_t back = 0; back <= DAY; back += DAY) {
        time_t begun = (time_t)(s - back);
        struct tm tm, next;
        gmtime_r(&begun, &tm);
        time_t morrow = begun + DAY;
        gmtime_r(&morrow, &next);
        int64_t midnight = (s - back) / DAY * DAY, first = midnight + t->starts;
        int64_t last = t->ends < 0 ? first : midnight + t->ends;
        last += t->ends >= 0 && t->ends <= t->starts ? DAY : 0;
        bool on = (!t->week_days || t->week_days >> tm.tm_wday & 1) &&
                  (!t->month_days || t->month_days >> tm.tm_mday & 1 ||
                   (t->month_days & 1 && next.tm_mday == 1));
        int64_t since = s - first;
        if (on && since >= 0 && s <= last && since < DAY &&
            (t->every_minutes ? since % (t->every_minutes * 60) == 0 : since == 0))
            return true;
    }
    return false;
}

static void as_by_trying(void **state)
{
    (void)state;
    static const int STEPS[] = {0, 15, 30, 60, 120, 720};
    uint32_t random = 12345;
    for (int i = 0; i < 300; i++) {
        random = random * 1664525 + 1013904223;
        struct timetable t = {.starts = (random >> 8) % 1440 * 60, .ends = -1};
        t.every_minutes = STEPS[random % 6];
        if (t.every_minutes)
            t.ends = (random >> 12) % 1440 * 60;
        if (random >> 20 & 1)
            t.week_days = (random >> 21) % 127 + 1;
        else if (random >> 20 & 2)
            t.month_days = UINT32_C(1) << (random >> 25) % 29 | 1;
        int64_t after = 1772000000 / 60 * 60 + (int64_t)(random >> 4) % (400 * DAY) / 60 * 60;
        int64_t expected = after + 60;
        while (!is_time(&t, expected))
            expected += 60;
        assert_true(timetable_next(&t, after * 1000) == expected * 1000);
    }
}

static enum err read_one(struct tx *tx, const char *frequency, const char *start, const char *end,
                         struct timetable_interval interval, struct timetable *t)
{
    struct timetable_spec spec = {frequency, start, end, &interval, 1};
    return timetable_read(tx, &spec, t);
}

static void reading(void **state)
{
    (void)state;
    struct tx tx = {.arena = arena_new(0)};
    struct timetable t;
    struct timetable_interval *told;
    struct timetable_interval hours = {.hours = "8"}, day = {.month_day = "LastDay"};
    assert_int_equal(read_one(&tx, "Hourly", "02:30:00", "23:00:00", hours, &t), E_OK);
    assert_true(t.starts == 9000 && t.ends == 82800 && t.every_minutes == 480);
    assert_int_equal(timetable_intervals(&tx, &t, &told), 1);
    assert_string_equal(told[0].hours, "8");
    assert_string_equal(timetable_time(&tx, t.ends), "23:00:00");
    assert_int_equal(read_one(&tx, "Monthly", "23:59:59", NULL, day, &t), E_OK);
    assert_int_equal(t.month_days, 1);
    static const char *const TIMES[] = {"",         "1:00:00",   "00:60:00", "00:00:60", "00-00-00",
                                        "000:00:0", "00:00:000", "24:00:00", "-1:00:00"};
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++)
        assert_int_equal(read_one(&tx, "Monthly", TIMES[i], NULL, day, &t), E400000);
    static const char *const DAYS[] = {"", "0", "00", "01", "32", "100", "1.", " 1", "L", "Last"};
    for (size_t i = 0; i < sizeof DAYS / sizeof *DAYS; i++) {
        struct timetable_interval wrong = {.month_day = DAYS[i]};
        assert_int_equal(read_one(&tx, "Monthly", "00:00:00", NULL, wrong, &t), E400000);
    }
    arena_free(&tx.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days),         cmocka_unit_test(hours),   cmocka_unit_test(months),
        cmocka_unit_test(as_by_trying), cmocka_unit_test(reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
