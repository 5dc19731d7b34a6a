/* flights.c: see flights.h. */
#include "trust/flights.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_BYTES = 512 << 10, OWNER_ROOM = 40 /* a LUID, and more */ };

struct flights {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    struct flight *head, **tail; /* the queue */
    char (*owners)[OWNER_ROOM];  /* of what is under way on each thread; "": nothing */
    pthread_t *threads;
    unsigned most, share, started, idle;
    size_t queued;
    bool stopping;
};

/* Where a thread of `flights` keeps whose flight it has. */
struct seat {
    struct flights *flights;
    unsigned number;
};

struct flights *flights_new(unsigned most, unsigned share)
{
    struct flights *flights = calloc(1, sizeof *flights);
    if (!flights)
        abort();
    flights->owners = calloc(most + 1, sizeof *flights->owners);
    flights->threads = calloc(most + 1, sizeof *flights->threads);
    if (!flights->owners || !flights->threads)
        abort();
    flights->most = most;
    flights->share = share;
    flights->tail = &flights->head;
    pthread_mutex_init(&flights->lock, NULL);
    pthread_cond_init(&flights->wake, NULL);
    return flights;
}

static bool has_share_left(const struct flights *flights, const char *owner)
{
    unsigned used = 0;
    for (unsigned i = 0; i < flights->started && used < flights->share; i++)
        used += strncmp(flights->owners[i], owner, OWNER_ROOM - 1) == 0;
    return used < flights->share;
}

/* The first in the queue whose owner has a thread left. */
static struct flight *take(struct flights *flights)
{
    struct flight **place = &flights->head;
    const char *full = NULL; /* an owner found to have none left: the queue may be all its own */
    for (; *place; place = &(*place)->next) {
        const char *owner = (*place)->owner;
        if (full && strcmp(owner, full) == 0)
            continue;
        if (has_share_left(flights, owner))
            break;
        full = owner;
    }
    struct flight *flight = *place;
    if (!flight)
        return NULL;
    *place = flight->next;
    if (!*place)
        flights->tail = place;
    flight->next = NULL;
    flights->queued--;
    return flight;
}

static void *work(void *context)
{
    struct seat seat = *(struct seat *)context;
    struct flights *flights = seat.flights;
    char *owner = flights->owners[seat.number];
    free(context);
    pthread_mutex_lock(&flights->lock);
    for (;;) {
        struct flight *flight = take(flights);
        if (flight) {
            strncpy(owner, flight->owner, OWNER_ROOM - 1);
            pthread_mutex_unlock(&flights->lock);
            flight->run(flight);
            pthread_mutex_lock(&flights->lock);
            owner[0] = '\0';
            continue;
        }
        if (flights->stopping && !flights->queued)
            break;
        flights->idle++;
        pthread_cond_wait(&flights->wake, &flights->lock);
        flights->idle--;
    }
    /* Those that had nothing to take may end too. */
    pthread_cond_broadcast(&flights->wake);
    pthread_mutex_unlock(&flights->lock);
    return NULL;
}

static void start_thread(struct flights *flights)
{
    pthread_attr_t attr;
    struct seat *seat = malloc(sizeof *seat);
    if (!seat)
        abort();
    *seat = (struct seat){flights, flights->started};
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (pthread_create(&flights->threads[flights->started], &attr, work, seat) == 0)
        flights->started++;
    else
        free(seat);
    pthread_attr_destroy(&attr);
}

static bool waits_too_much(const struct flights *flights, const char *owner)
{
    size_t count = 0;
    for (const struct flight *f = flights->head; f && count < FLIGHTS_WAITING; f = f->next)
        count += strcmp(f->owner, owner) == 0;
    return count == FLIGHTS_WAITING;
}

/* A thread that was woken is idle until it runs, but the flight it was woken for is
 * still queued: each of those has its thread. */
static bool start(struct flights *flights, struct flight *flight)
{
    if (flights->stopping || waits_too_much(flights, flight->owner))
        return false;
    if (flights->idle <= flights->queued && flights->started < flights->most &&
        has_share_left(flights, flight->owner))
        start_thread(flights);
    if (!flights->started)
        return false;
    flight->next = NULL;
    *flights->tail = flight;
    flights->tail = &flight->next;
    flights->queued++;
    pthread_cond_signal(&flights->wake);
    return true;
}

bool flights_start(struct flights *flights, struct flight *flight)
{
    pthread_mutex_lock(&flights->lock);
    bool started = start(flights, flight);
    pthread_mutex_unlock(&flights->lock);
    return started;
}

void flights_stop(struct flights *flights)
{
    pthread_mutex_lock(&flights->lock);
    flights->stopping = true;
    pthread_cond_broadcast(&flights->wake);
    pthread_mutex_unlock(&flights->lock);
    for (unsigned i = 0; i < flights->started; i++)
        pthread_join(flights->threads[i], NULL);
    flights->started = 0;
}

void flights_free(struct flights **flights)
{
    struct flights *f = *flights;
    if (!f)
        return;
    flights_stop(f);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f->owners);
    free(f->threads);
    free(f);
    *flights = NULL;
}
