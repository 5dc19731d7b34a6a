/* timetable.c: see timetable.h. */
#include "domain/timetable.h"

#include <string.h>

#include "store/tx.h"

enum { DAY_S = 86400, WEEK_LENGTH = 7, MONTH_LENGTH = 31, SEARCH_DAYS = 3000, ALL_WEEK = 127 };

static const char *const FREQUENCIES[] = {"Hourly", "Daily", "Weekly", "Monthly"};
static const char *const WEEK[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

const char *timetable_frequency_name(enum timetable_frequency frequency)
{
    return FREQUENCIES[frequency];
}

/* ---- reading */

static bool two_digits(const char *text, int most, int64_t *value_r)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return false;
    *value_r = (text[0] - '0') * 10 + (text[1] - '0');
    return *value_r <= most;
}

static bool read_time(const char *text, int64_t *seconds_r)
{
    int64_t hours, minutes, seconds;
    if (strlen(text) != 8 || text[2] != ':' || text[5] != ':' || !two_digits(text, 23, &hours) ||
        !two_digits(text + 3, 59, &minutes) || !two_digits(text + 6, 59, &seconds))
        return false;
    *seconds_r = hours * 3600 + minutes * 60 + seconds;
    return true;
}

static enum err read_times(struct tx *tx, const struct timetable_spec *spec, struct timetable *t)
{
    t->ends = -1;
    if (!spec->start)
        return tx_refuse(tx, E409004, "A schedule needs the time of the day at which it starts.");
    if (!read_time(spec->start, &t->starts) || (spec->end && !read_time(spec->end, &t->ends)))
        return tx_refuse(tx, E400000, "start and end are times of a day as in 22:30:00.");
    return E_OK;
}

static enum err read_frequency(struct tx *tx, const char *text, struct timetable *t)
{
    for (size_t i = 0; text && i < sizeof FREQUENCIES / sizeof *FREQUENCIES; i++)
        if (strcmp(FREQUENCIES[i], text) == 0) {
            t->frequency = (enum timetable_frequency)i;
            return E_OK;
        }
    return tx_refuse(tx, E400000, "frequency is one of Hourly, Daily, Weekly and Monthly.");
}

static bool read_week_day(const char *text, struct timetable *t)
{
    for (unsigned i = 0; i < WEEK_LENGTH; i++)
        if (strcmp(WEEK[i], text) == 0) {
            t->week_days |= UINT32_C(1) << i;
            return true;
        }
    return false;
}

/* A whole number of one or two digits; 0: it is none. */
static int read_number(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > 2 || strspn(text, "0123456789") != len || *text == '0')
        return 0;
    return len == 1 ? text[0] - '0' : (text[0] - '0') * 10 + (text[1] - '0');
}

static bool read_month_day(const char *text, struct timetable *t)
{
    bool last = strcmp(text, "LastDay") == 0;
    int day = last ? 0 : read_number(text);
    if ((!last && day == 0) || day > MONTH_LENGTH)
        return false;
    t->month_days |= UINT32_C(1) << day;
    return true;
}

/* How often; one interval says it. */
static bool read_step(const char *text, int unit, const int *among, struct timetable *t)
{
    int number = read_number(text);
    bool first = !t->every_minutes;
    while (*among && *among != number)
        among++;
    t->every_minutes = (int64_t)number * unit;
    return first && *among;
}

static bool read_interval(const struct timetable_interval *i, struct timetable *t)
{
    static const int HOURS[] = {1, 2, 4, 6, 8, 12, 24, 0}, MINUTES[] = {15, 30, 60, 0};
    if (!!i->hours + !!i->minutes + !!i->week_day + !!i->month_day != 1)
        return false;
    return i->hours      ? read_step(i->hours, 60, HOURS, t)
           : i->minutes  ? read_step(i->minutes, 1, MINUTES, t)
           : i->week_day ? read_week_day(i->week_day, t)
                         : read_month_day(i->month_day, t);
}

static enum err read_intervals(struct tx *tx, const struct timetable_spec *spec,
                               struct timetable *t)
{
    for (size_t i = 0; i < spec->interval_count; i++)
        if (!read_interval(&spec->intervals[i], t))
            return tx_refuse(tx, E400000,
                             "Interval %zu is none: expected hours (1, 2, 4, 6, 8, 12 or 24) or "
                             "minutes (15, 30 or 60), once, or a weekDay from Sunday to Saturday, "
                             "or a monthDay from 1 to 31 or LastDay.",
                             i + 1);
    return E_OK;
}

/* What does not fit the frequency; NULL: all does. */
static const char *misfit_of(const struct timetable *t)
{
    bool hourly = t->frequency == TIMETABLE_HOURLY, daily = t->frequency == TIMETABLE_DAILY;
    bool several = t->every_minutes && t->every_minutes < DAY_S / 60;
    if (t->frequency != TIMETABLE_MONTHLY && t->month_days)
        return "Monthly schedules alone have monthDays";
    if (t->frequency == TIMETABLE_MONTHLY && (!t->month_days || t->week_days))
        return "A Monthly schedule needs monthDays, and has no weekDays";
    if (__builtin_popcount(t->month_days) > 7)
        return "A Monthly schedule has no more than 7 monthDays";
    if (t->frequency == TIMETABLE_WEEKLY && !t->week_days)
        return "A Weekly schedule needs weekDays";
    if (hourly && !several)
        return "An Hourly schedule needs an interval of hours, less than 24, or of minutes";
    if (daily && t->every_minutes && t->every_minutes < 120)
        return "A Daily schedule has an interval of 2 hours or more";
    if (!hourly && !daily && (t->every_minutes || t->ends >= 0))
        return "Hourly and Daily schedules alone have an end, and intervals of hours or minutes";
    if (several && t->ends < 0)
        return "A schedule with several times a day needs an end";
    return NULL;
}

enum err timetable_read(struct tx *tx, const struct timetable_spec *spec,
                        struct timetable *timetable_r)
{
    *timetable_r = (struct timetable){0};
    enum err err = read_frequency(tx, spec->frequency, timetable_r);
    if (!err)
        err = read_times(tx, spec, timetable_r);
    if (!err)
        err = read_intervals(tx, spec, timetable_r);
    const char *misfit = err ? NULL : misfit_of(timetable_r);
    if (misfit)
        return tx_refuse(tx, E409004, "%s.", misfit);
    if (timetable_r->every_minutes >= DAY_S / 60)
        timetable_r->every_minutes = 0; /* once a day is what it is without */
    if (timetable_r->week_days == ALL_WEEK && timetable_r->frequency != TIMETABLE_WEEKLY)
        timetable_r->week_days = 0;
    return err;
}

/* ---- telling */

const char *timetable_time(struct tx *tx, int64_t seconds)
{
    return arena_printf(tx->arena, "%02d:%02d:%02d", (int)(seconds / 3600),
                        (int)(seconds / 60 % 60), (int)(seconds % 60));
}

size_t timetable_intervals(struct tx *tx, const struct timetable *t,
                           struct timetable_interval **intervals_r)
{
    struct timetable_interval *all =
        arena_zalloc(tx->arena, (1 + WEEK_LENGTH + MONTH_LENGTH + 1) * sizeof *all);
    size_t count = 0;
    int64_t every = t->every_minutes;
    if (every && every % 60 == 0)
        all[count++].hours = arena_printf(tx->arena, "%d", (int)(every / 60));
    else if (every)
        all[count++].minutes = arena_printf(tx->arena, "%d", (int)every);
    for (int day = 0; day < WEEK_LENGTH; day++)
        if (t->week_days >> day & 1)
            all[count++].week_day = WEEK[day];
    for (int day = 1; day <= MONTH_LENGTH; day++)
        if (t->month_days >> day & 1)
            all[count++].month_day = arena_printf(tx->arena, "%d", day);
    if (t->month_days & 1)
        all[count++].month_day = "LastDay";
    *intervals_r = all;
    return count;
}

/* ---- the calendar. Days are counted from 1970-01-01, which was a Thursday. */

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_length(int64_t year, int month)
{
    static const int LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return LENGTHS[month] + (month == 1 && is_leap(year));
}

/* The day of the month, and how many that month has. */
static int month_day(int64_t day, int *length_r)
{
    int64_t year = 1970;
    int month = 0;
    for (; day >= 365 + is_leap(year); year++)
        day -= 365 + is_leap(year);
    for (; day >= month_length(year, month); month++)
        day -= month_length(year, month);
    *length_r = month_length(year, month);
    return (int)day + 1;
}

static bool is_on(const struct timetable *t, int64_t day)
{
    int length, of_month = month_day(day, &length);
    if (t->week_days && !(t->week_days >> (day + 4) % WEEK_LENGTH & 1))
        return false;
    return !t->month_days || t->month_days >> of_month & 1 ||
           (t->month_days & 1 && of_month == length);
}

/* The first time of that day's series behind `after` (seconds); 0: none. */
static int64_t next_on(const struct timetable *t, int64_t day, int64_t after)
{
    int64_t first = day * DAY_S + t->starts, step = t->every_minutes * 60;
    int64_t last = t->ends < 0 ? first : day * DAY_S + t->ends;
    if (t->ends >= 0 && t->ends <= t->starts)
        last += DAY_S;
    if (first > after)
        return first;
    if (!step)
        return 0;
    int64_t next = first + ((after - first) / step + 1) * step;
    /* A whole day ends before it begins anew. */
    return next <= last && next < first + DAY_S ? next : 0;
}

int64_t timetable_next(const struct timetable *t, int64_t after)
{
    int64_t seconds = after > 0 ? after / 1000 : 0, today = seconds / DAY_S;
    /* What began yesterday may go on today. */
    for (int64_t day = today > 0 ? today - 1 : 0; day < today + SEARCH_DAYS; day++) {
        int64_t next = is_on(t, day) ? next_on(t, day, seconds) : 0;
        if (next)
            return next * 1000;
    }
    return 0;
}
