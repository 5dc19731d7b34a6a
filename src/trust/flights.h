/* flights: blocking jobs (fetches of issuers' documents) run on threads of their own,
 * which are made as they are needed, and shared between those who cause them: no
 * owner has more than its share of the threads, nor of the queue, so that the hung
 * providers of one site hold up no other site's. First come, first served among
 * owners that have threads left. Thread-safe. */
#ifndef EASEL_TRUST_FLIGHTS_H
#define EASEL_TRUST_FLIGHTS_H

#include <stdbool.h>
#include <stddef.h>

struct flights;

struct flight {
    void (*run)(struct flight *flight); /* on a thread of the flights; may block */
    const char *owner;                  /* LUID of a site; must last until it is run */
    struct flight *next;                /* the flights' own */
};

enum {
    FLIGHTS_AT_ONCE = 64,
    FLIGHTS_OF_ONE = 16,   /* at once, of one owner */
    FLIGHTS_WAITING = 200, /* of one owner */
};

/* `most`: how many threads; `share`: how many of them for one owner. */
struct flights *flights_new(unsigned most, unsigned share);
/* Waits for what is under way and for what is queued. */
void flights_stop(struct flights *flights);
void flights_free(struct flights **flights);

/* Queues it. False where it will not be run: too many of that owner wait, the flights
 * were stopped, or no thread can be made. Never blocks for long. */
bool flights_start(struct flights *flights, struct flight *flight);

#endif
