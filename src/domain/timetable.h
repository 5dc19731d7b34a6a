/* timetable: at which times something is to be done, as schedules say it: hourly, daily,
 * weekly, monthly. Times of a day are UTC. Pure but for refusals. */
#ifndef EASEL_DOMAIN_TIMETABLE_H
#define EASEL_DOMAIN_TIMETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct tx;

enum timetable_frequency { TIMETABLE_HOURLY, TIMETABLE_DAILY, TIMETABLE_WEEKLY, TIMETABLE_MONTHLY };

/* "Hourly" ... */
const char *timetable_frequency_name(enum timetable_frequency frequency);

struct timetable {
    enum timetable_frequency frequency;
    int64_t starts;        /* seconds of the day */
    int64_t ends;          /* the same; not behind `starts`: on the day after. -1: none */
    int64_t every_minutes; /* from `starts` to `ends`; 0: once a day */
    uint32_t week_days;    /* from bit 0, Sunday, on; 0: all */
    uint32_t month_days;   /* by their numbers; bit 0: the last day. 0: all */
};

/* As a request says it; NULL: it does not. */
struct timetable_interval {
    const char *hours, *minutes, *week_day, *month_day;
};
struct timetable_spec {
    const char *frequency, *start, *end;
    const struct timetable_interval *intervals;
    size_t interval_count;
};

/* E400000 for what is no frequency, time or day; E409004 for what does not fit the
 * frequency. docs/flows.md has the rules. */
enum err timetable_read(struct tx *tx, const struct timetable_spec *spec,
                        struct timetable *timetable_r);
/* The intervals that say it, in tx->arena. */
size_t timetable_intervals(struct tx *tx, const struct timetable *timetable,
                           struct timetable_interval **intervals_r);
/* HH:MM:SS, in tx->arena. */
const char *timetable_time(struct tx *tx, int64_t seconds);

/* The first time behind `after` (milliseconds); 0 where there is none within some years. */
int64_t timetable_next(const struct timetable *timetable, int64_t after);

#endif
