/* freshness.c: see freshness.h. */
#include "domain/freshness.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "domain/site_settings.h"
#include "store/tx.h"

enum { VALUE_MOST = 9999, VALUE_DIGITS = 4, MONTH_DAYS = 31 };

static const char *const OPTIONS[] = {
    [FRESH_SITE_DEFAULT] = "SiteDefault",
    [FRESH_ALWAYS_LIVE] = "AlwaysLive",
    [FRESH_EVERY] = "FreshEvery",
    [FRESH_AT] = "FreshAt",
};
static const char *const EVERY[] = {"Minutes", "Hours", "Days", "Weeks"};
static const char *const AT[] = {"Day", "Week", "Month"};
static const char *const WEEK[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char LAST_DAY[] = "LastDay";

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* The place of the word; `count` where it is none of them. */
static size_t place_of(const char *word, const char *const *words, size_t count)
{
    size_t i = 0;
    while (i < count && (!word || strcasecmp(word, words[i]) != 0))
        i++;
    return i;
}

const char *freshness_option(const struct freshness *freshness)
{
    return OPTIONS[freshness->policy];
}

/* ---- understanding a request */

static enum err read_every(struct tx *tx, const struct freshness_spec *spec,
                           struct freshness *freshness)
{
    const char *value = spec->every.value;
    size_t which = place_of(spec->every.frequency, EVERY, LENGTH(EVERY));
    if (which == LENGTH(EVERY))
        return tx_refuse(tx, E400000,
                         "The frequency of a freshEverySchedule is Minutes, Hours, Days or Weeks.");
    freshness->frequency = EVERY[which];
    size_t digits = value ? strspn(value, "0123456789") : 0;
    if (digits && digits <= VALUE_DIGITS && !value[digits])
        freshness->value = strtoll(value, NULL, 10);
    if (freshness->value == 0)
        return tx_refuse(tx, E400000, "The value of a freshEverySchedule is a number from 1 to %d.",
                         VALUE_MOST);
    return E_OK;
}

/* HH:MM:SS of a day. */
static bool is_time(const char *text)
{
    static const char most[] = "29:59:59";
    if (!text || strlen(text) != sizeof most - 1)
        return false;
    for (size_t i = 0; i < sizeof most - 1; i++)
        if (most[i] == ':' ? text[i] != ':' : text[i] < '0' || text[i] > most[i])
            return false;
    return strncmp(text, "24", 2) < 0;
}

static enum err read_week(struct tx *tx, const struct freshness_interval *interval, uint32_t *days)
{
    size_t day = place_of(interval->week_day, WEEK, LENGTH(WEEK));
    if (day == LENGTH(WEEK) || interval->month_day)
        return tx_refuse(tx, E400000,
                         "An interval of a week has a weekDay, from Sunday to Saturday, and no "
                         "monthDay.");
    *days |= UINT32_C(1) << day;
    return E_OK;
}

static enum err read_month(struct tx *tx, const struct freshness_interval *interval, uint32_t *days)
{
    const char *text = interval->month_day;
    size_t digits = text ? strspn(text, "0123456789") : 0;
    long day = digits && digits <= 2 && !text[digits] ? strtol(text, NULL, 10) : 0;
    bool last = text && strcasecmp(text, LAST_DAY) == 0;
    if ((!last && (day < 1 || day > MONTH_DAYS)) || interval->week_day)
        return tx_refuse(tx, E400000,
                         "An interval of a month has a monthDay, from 1 to 31 or LastDay, and no "
                         "weekDay.");
    *days |= UINT32_C(1) << day;
    if (*days & 1 && *days != 1)
        return tx_refuse(tx, E400000, "The monthDay LastDay can't stand beside others.");
    return E_OK;
}

static enum err read_days(struct tx *tx, const struct freshness_spec *spec,
                          struct freshness *freshness)
{
    size_t count = spec->at.interval_count;
    enum err err = E_OK;
    if (freshness->frequency == AT[0])
        return count ? tx_refuse(tx, E400000, "A freshAtSchedule of each Day has no intervals.")
                     : E_OK;
    if (!count)
        return tx_refuse(tx, E400000, "A freshAtSchedule by %s needs intervals.",
                         freshness->frequency);
    for (size_t i = 0; i < count && !err; i++)
        err = (freshness->frequency == AT[1] ? read_week : read_month)(tx, &spec->at.intervals[i],
                                                                       &freshness->days);
    return err;
}

static enum err read_at(struct tx *tx, const struct freshness_spec *spec,
                        struct freshness *freshness)
{
    const char *zone = spec->at.time_zone;
    size_t which = place_of(spec->at.frequency, AT, LENGTH(AT));
    if (which == LENGTH(AT))
        return tx_refuse(tx, E400000, "The frequency of a freshAtSchedule is Day, Week or Month.");
    freshness->frequency = AT[which];
    if (!is_time(spec->at.time))
        return tx_refuse(tx, E400000,
                         "The time of a freshAtSchedule is a time of a day as in 22:30:00.");
    freshness->time = spec->at.time;
    if (zone && (!*zone || !site_zone_fits(zone)))
        return tx_refuse(tx, E400000,
                         "The timezone of a freshAtSchedule is a name as in America/Los_Angeles.");
    freshness->time_zone = zone;
    return read_days(tx, spec, freshness);
}

enum err freshness_read(struct tx *tx, const struct freshness_spec *spec,
                        struct freshness *freshness_r)
{
    size_t which = place_of(spec->option, OPTIONS, LENGTH(OPTIONS));
    if (which == LENGTH(OPTIONS))
        return tx_refuse(tx, E400000,
                         "The option of a dataFreshnessPolicy is SiteDefault, AlwaysLive, "
                         "FreshEvery or FreshAt.");
    *freshness_r = (struct freshness){.policy = (enum freshness_policy)which};
    bool every = which == FRESH_EVERY, at = which == FRESH_AT;
    if ((spec->every.given && !every) || (spec->at.given && !at))
        return tx_refuse(tx, E400000, "The option %s has no %s.", OPTIONS[which],
                         spec->every.given && !every ? "freshEverySchedule" : "freshAtSchedule");
    if ((every && !spec->every.given) || (at && !spec->at.given))
        return tx_refuse(tx, E400000, "The option %s needs a %s.", OPTIONS[which],
                         every ? "freshEverySchedule" : "freshAtSchedule");
    return every ? read_every(tx, spec, freshness_r) : at ? read_at(tx, spec, freshness_r) : E_OK;
}

/* ---- telling */

size_t freshness_days(struct tx *tx, const struct freshness *freshness, const char ***names_r,
                      bool *of_week_r)
{
    size_t count = 0;
    *of_week_r = freshness->frequency && strcmp(freshness->frequency, AT[1]) == 0;
    *names_r = arena_alloc(tx->arena, (MONTH_DAYS + 1) * sizeof **names_r);
    for (int day = 0; day <= MONTH_DAYS; day++) {
        if (!(freshness->days >> day & 1))
            continue;
        (*names_r)[count++] = *of_week_r ? WEEK[day % (int)LENGTH(WEEK)]
                              : day      ? arena_printf(tx->arena, "%d", day)
                                         : LAST_DAY;
    }
    return count;
}

/* ---- keeping */

enum err freshness_get(struct tx *tx, const char *workbook_id, struct freshness *freshness_r)
{
    struct stmt *stmt =
        db_prepare(tx->db, "SELECT policy, frequency, amount, time_of_day, time_zone, days FROM "
                           "data_freshness WHERE workbook_id = ?1");
    stmt_text(stmt, 1, workbook_id);
    enum db_result got = stmt_step(stmt);
    *freshness_r = (struct freshness){.policy = FRESH_SITE_DEFAULT};
    if (got == DB_ROW) {
        size_t which = place_of(stmt_get_text(stmt, 0), OPTIONS, LENGTH(OPTIONS));
        *freshness_r = (struct freshness){
            .policy = which < LENGTH(OPTIONS) ? (enum freshness_policy)which : FRESH_SITE_DEFAULT,
            .frequency = tx_text(tx, stmt, 1),
            .value = stmt_get_int(stmt, 2),
            .time = tx_text(tx, stmt, 3),
            .time_zone = tx_text(tx, stmt, 4),
            .days = (uint32_t)stmt_get_int(stmt, 5)};
    }
    stmt_reset(stmt);
    return got == DB_ROW || got == DB_DONE ? E_OK : tx_broken(tx);
}

enum err freshness_set(struct tx *tx, const char *workbook_id, const struct freshness *freshness)
{
    struct stmt *stmt = db_prepare(tx->db, "DELETE FROM data_freshness WHERE workbook_id = ?1");
    stmt_text(stmt, 1, workbook_id);
    if (stmt_step(stmt) != DB_DONE)
        return tx_broken(tx);
    if (freshness->policy == FRESH_SITE_DEFAULT)
        return E_OK;
    stmt = db_prepare(tx->db, "INSERT INTO data_freshness (workbook_id, policy, frequency, amount, "
                              "time_of_day, time_zone, days) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    stmt_text(stmt, 1, workbook_id);
    stmt_text(stmt, 2, freshness_option(freshness));
    stmt_text(stmt, 3, freshness->frequency);
    stmt_int(stmt, 4, freshness->value);
    stmt_text(stmt, 5, freshness->time);
    stmt_text(stmt, 6, freshness->time_zone);
    stmt_int(stmt, 7, freshness->days);
    return stmt_step(stmt) == DB_DONE ? E_OK : tx_broken(tx);
}
