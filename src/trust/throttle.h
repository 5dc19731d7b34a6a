/* throttle: a limit on failed sign-ins, by address and name.
 *
 * Counts failures of each (address, name) pair in a window; at the limit
 * further tries are refused until the window has passed, whatever they hold.
 * Kept in memory, on this node, for a bounded number of pairs (the oldest
 * windows go first). JWTs are not counted: their keys cannot be guessed.
 * Thread-safe. */
#ifndef EASEL_TRUST_THROTTLE_H
#define EASEL_TRUST_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

struct throttle;

/* failures 0: no limit. */
struct throttle *throttle_new(int64_t failures, int64_t window_ms);
void throttle_free(struct throttle **throttle);
/* Goes by another limit from now on. */
void throttle_set(struct throttle *throttle, int64_t failures, int64_t window_ms);
/* False where the pair is at its limit; *retry_ms_r is the time left. */
bool throttle_admits(struct throttle *throttle, const char *address, const char *name, int64_t now,
                     int64_t *retry_ms_r);
/* Counts a failure. False where the limit had been reached before it: of tries at
 * the same moment no more than the limit are told that they were wrong. */
bool throttle_failed(struct throttle *throttle, const char *address, const char *name, int64_t now);
/* A success forgets the pair's failures. */
void throttle_succeeded(struct throttle *throttle, const char *address, const char *name);

#endif
