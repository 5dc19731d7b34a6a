/* freshness: how fresh the data of a workbook are to be, as its dataFreshnessPolicy says.
 * Kept and told; Easel shows no data of which something would follow. */
#ifndef EASEL_DOMAIN_FRESHNESS_H
#define EASEL_DOMAIN_FRESHNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct tx;

enum freshness_policy { FRESH_SITE_DEFAULT, FRESH_ALWAYS_LIVE, FRESH_EVERY, FRESH_AT };

struct freshness {
    enum freshness_policy policy;
    const char *frequency; /* FRESH_EVERY: Minutes ...; FRESH_AT: Day, Week, Month */
    int64_t value;         /* FRESH_EVERY */
    const char *time;      /* FRESH_AT: HH:MM:SS */
    const char *time_zone; /* FRESH_AT; NULL: that of the site */
    /* FRESH_AT: of a week from bit 0, Sunday, on; of a month by their numbers, where bit 0
     * is its last day. */
    uint32_t days;
};

const char *freshness_option(const struct freshness *freshness);
/* The days by their names (Monday; 7; LastDay), in tx->arena; *of_week_r: of a week. */
size_t freshness_days(struct tx *tx, const struct freshness *freshness, const char ***names_r,
                      bool *of_week_r);

/* As a request says it; NULL: it does not. */
struct freshness_spec {
    const char *option;
    struct {
        bool given;
        const char *frequency, *value;
    } every;
    struct {
        bool given;
        const char *frequency, *time, *time_zone;
        const struct freshness_interval {
            const char *week_day, *month_day;
        } * intervals;
        size_t interval_count;
    } at;
};

/* Understands it: words in any case. E400000 with what is wrong. */
enum err freshness_read(struct tx *tx, const struct freshness_spec *spec,
                        struct freshness *freshness_r);

enum err freshness_get(struct tx *tx, const char *workbook_id, struct freshness *freshness_r);
enum err freshness_set(struct tx *tx, const char *workbook_id, const struct freshness *freshness);

#endif
