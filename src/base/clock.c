/* clock.c: see clock.h. */
#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static struct tm broken_down(int64_t at, int *ms_r)
{
    int64_t seconds = at / 1000, ms = at % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    *ms_r = (int)ms;
    return tm;
}

void clock_iso(int64_t at, char out[CLOCK_ISO_ROOM])
{
    int ms;
    struct tm tm = broken_down(at, &ms);
    strftime(out, CLOCK_ISO_ROOM, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void clock_iso_ms(int64_t at, char out[CLOCK_ISO_ROOM])
{
    int ms;
    struct tm tm = broken_down(at, &ms);
    size_t n = strftime(out, CLOCK_ISO_ROOM, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, CLOCK_ISO_ROOM - n, ".%03dZ", ms);
}

bool clock_parse_iso(const char *text, int64_t *at_r)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%d", &tm);
    int ms = 0;
    if (!rest)
        return false;
    if (*rest == 'T' || *rest == ' ') {
        rest = strptime(rest + 1, "%H:%M:%S", &tm);
        if (!rest)
            return false;
        if (*rest == '.') {
            int scale = 100;
            for (rest++; isdigit((unsigned char)*rest); rest++, scale /= 10)
                ms += (*rest - '0') * scale;
        }
    }
    if (strcmp(rest, "Z") != 0 && *rest != '\0')
        return false;
    *at_r = (int64_t)timegm(&tm) * 1000 + ms;
    return true;
}

bool clock_parse_span(const char *text, int64_t *ms_r)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end;
    long long n = strtoll(text, &end, 10);
    if (end == text || n < 0 || n > 1000000000LL)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0) {
            *ms_r = (int64_t)n * units[i].ms;
            return true;
        }
    return false;
}
