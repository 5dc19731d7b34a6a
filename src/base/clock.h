/* clock: points in time. Everywhere in Easel a time is milliseconds since
 * 1970-01-01 UTC in an int64_t whose name ends in _at or is `now`. */
#ifndef EASEL_BASE_CLOCK_H
#define EASEL_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_ISO_ROOM = 32 };

int64_t clock_now(void);
/* Milliseconds of a clock that never jumps: for measuring and time-outs. */
int64_t clock_monotonic(void);
/* The same in microseconds. */
int64_t clock_monotonic_us(void);
/* 2021-08-10T18:46:30Z, whole seconds, as the REST API writes dates. */
void clock_iso(int64_t at, char out[CLOCK_ISO_ROOM]);
/* The same with milliseconds, for logs and events. */
void clock_iso_ms(int64_t at, char out[CLOCK_ISO_ROOM]);
/* Reads either form (and a date alone); false where it is neither. */
bool clock_parse_iso(const char *text, int64_t *at_r);
/* Reads a span: 90, 90s, 5m, 4h, 7d, 250ms. A bare number counts seconds. */
bool clock_parse_span(const char *text, int64_t *ms_r);

#endif
