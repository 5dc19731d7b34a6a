/* sweeper.c: see sweeper.h. */
#include "serve/sweeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/ident.h"
#include "base/log.h"
#include "domain/blob_sweep.h"
#include "domain/chore.h"
#include "store/tx.h"

enum {
    STACK_BYTES = 512 << 10,
    LOOK_MOST_MS = 60000, /* between looks whether it is time, */
    LOOK_LEAST_MS = 100,
    REST_MS = 5, /* between slices: requests go first */
    LEASE_MS = 180000,
    RENEW_MS = 30000,
    BIN_MOST = 4096, /* the pieces of 16 GB, by 4 MB */
    WHY_ROOM = 512
};

struct sweeper {
    struct sweeper_config config;
    char node[LUID_ROOM];
    struct chore chore;
    struct tx tx;     /* the thread's, during a round */
    int64_t renew_at; /* the same */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wakes;
    bool stopping;
    struct blob *bin; /* room for BIN_MOST; the last is the next to go */
    size_t bin_count;
};

enum waking { STOPS, HAS_BLOBS, IS_TIME };

/* Until that time of the monotonic clock, or there is something to do before. */
static enum waking wait_until(struct sweeper *sweeper, int64_t at)
{
    struct timespec deadline = {.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000};
    int waited = 0;
    pthread_mutex_lock(&sweeper->lock);
    while (!sweeper->stopping && !sweeper->bin_count && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&sweeper->wakes, &sweeper->lock, &deadline);
    enum waking waking = sweeper->stopping ? STOPS : sweeper->bin_count ? HAS_BLOBS : IS_TIME;
    pthread_mutex_unlock(&sweeper->lock);
    return waking;
}

/* ---- blobs that were stored in vain */

static void bin_put(void *of, const struct blob *blob)
{
    struct sweeper *sweeper = of;
    if (!sweeper->bin)
        return;
    pthread_mutex_lock(&sweeper->lock);
    if (sweeper->bin_count < BIN_MOST)
        sweeper->bin[sweeper->bin_count++] = *blob;
    pthread_cond_signal(&sweeper->wakes);
    pthread_mutex_unlock(&sweeper->lock);
}

struct blob_bin sweeper_bin(struct sweeper *sweeper)
{
    return (struct blob_bin){bin_put, sweeper};
}

static bool bin_take(struct sweeper *sweeper, struct blob *blob_r)
{
    pthread_mutex_lock(&sweeper->lock);
    bool taken = sweeper->bin_count > 0;
    if (taken)
        *blob_r = sweeper->bin[--sweeper->bin_count];
    pthread_mutex_unlock(&sweeper->lock);
    return taken;
}

static bool bin_holds(struct sweeper *sweeper)
{
    pthread_mutex_lock(&sweeper->lock);
    bool holds = sweeper->bin_count > 0;
    pthread_mutex_unlock(&sweeper->lock);
    return holds;
}

static void bin_forget(struct sweeper *sweeper)
{
    pthread_mutex_lock(&sweeper->lock);
    sweeper->bin_count = 0;
    pthread_mutex_unlock(&sweeper->lock);
}

/* What fails, and what is wanted after all, is left to the sweeps. */
static void empty_bin(struct sweeper *sweeper)
{
    char why[WHY_ROOM] = "";
    struct blob blob;
    int64_t dropped = 0, bytes = 0;
    while (bin_take(sweeper, &blob)) {
        enum blob_result result = blob_drop(&sweeper->tx, sweeper->config.blobs, &blob,
                                            blob.stored_at + 1, why, sizeof why);
        if (result == BLOB_OK) {
            dropped++;
            bytes += (int64_t)blob.size;
        } else if (result != BLOB_ABSENT && result != BLOB_IN_USE) {
            log_write(sweeper->config.log, LOG_WARN, "an unused blob was not dropped",
                      LOG_S("why", why));
        }
        arena_reset(sweeper->tx.arena);
    }
    if (dropped)
        log_write(sweeper->config.log, LOG_DEBUG, "dropped blobs that were stored in vain",
                  LOG_I("deleted", dropped), LOG_I("bytes", bytes));
}

static bool commit(struct tx *tx, bool ok)
{
    if (ok)
        return db_commit(tx->db);
    db_rollback(tx->db);
    return false;
}

/* ---- whose turn it is */

static bool take_turn(struct sweeper *sweeper)
{
    struct tx *tx = &sweeper->tx;
    bool mine = false;
    if (!chore_is_due(tx, &sweeper->chore) || !db_begin(tx->db))
        return false;
    sweeper->renew_at = clock_monotonic() + RENEW_MS;
    return commit(tx, chore_begin(tx, &sweeper->chore, &mine) == E_OK && mine);
}

static bool keep_turn(struct sweeper *sweeper)
{
    struct tx *tx = &sweeper->tx;
    bool mine = false;
    if (clock_monotonic() < sweeper->renew_at)
        return true;
    tx->now = clock_now();
    sweeper->renew_at = clock_monotonic() + RENEW_MS;
    return db_begin(tx->db) && commit(tx, chore_go_on(tx, &sweeper->chore, &mine) == E_OK && mine);
}

static void end_turn(struct sweeper *sweeper, bool done)
{
    struct tx *tx = &sweeper->tx;
    tx->now = clock_now();
    if (db_begin(tx->db))
        commit(tx, chore_end(tx, &sweeper->chore, done) == E_OK);
}

/* ---- a sweep */

static bool go_on(void *of)
{
    struct sweeper *sweeper = of;
    int64_t at = clock_monotonic() + REST_MS;
    enum waking waking;
    while ((waking = wait_until(sweeper, at)) == HAS_BLOBS)
        empty_bin(sweeper);
    return waking != STOPS && keep_turn(sweeper);
}

static void tell(struct sweeper *sweeper, const struct blob_swept *swept, int64_t took_ms)
{
    log_write(sweeper->config.log, swept->deleted ? LOG_INFO : LOG_DEBUG,
              swept->whole ? "swept unused blobs" : "swept unused blobs in part",
              LOG_I("deleted", swept->deleted), LOG_I("bytes", swept->freed_bytes),
              LOG_I("seen", swept->seen), LOG_I("ms", took_ms));
}

static void sweep(struct sweeper *sweeper)
{
    char why[WHY_ROOM] = "";
    struct blob_swept swept = {0};
    int64_t from = clock_monotonic();
    struct blob_sweep how = {.blobs = sweeper->config.blobs,
                             .before = sweeper->tx.now - sweeper->config.age_ms,
                             .go_on = go_on,
                             .context = sweeper};
    bool ok = blob_sweep_claim(&sweeper->tx, how.blobs, why, sizeof why) &&
              blob_sweep(&sweeper->tx, &how, &swept, why, sizeof why);
    if (!ok)
        log_write(sweeper->config.log, LOG_ERROR, "unused blobs were not swept", LOG_S("why", why));
    swept.whole &= ok;
    tell(sweeper, &swept, clock_monotonic() - from);
    /* One that failed waits for its time: what failed it may last. */
    end_turn(sweeper, swept.whole || !ok);
}

static void take_turns(struct sweeper *sweeper)
{
    if (take_turn(sweeper))
        sweep(sweeper);
}

/* With a connection, for as long as it takes. False: there is none to be had. */
static bool act_connected(struct sweeper *sweeper, void (*act)(struct sweeper *sweeper))
{
    char why[WHY_ROOM] = "";
    struct tx *tx = &sweeper->tx;
    *tx = (struct tx){.db = db_open(sweeper->config.url, DB_WRITE, why, sizeof why),
                      .now = clock_now()};
    if (!tx->db) {
        log_write(sweeper->config.log, LOG_WARN, "no connection to sweep unused blobs",
                  LOG_S("cause", why));
        return false;
    }
    db_log_to(tx->db, sweeper->config.log);
    tx->arena = arena_new(0);
    act(sweeper);
    arena_free(&tx->arena);
    db_close(&tx->db);
    return true;
}

static void *loop(void *of)
{
    struct sweeper *sweeper = of;
    int64_t every = sweeper->config.every_ms;
    int64_t pause = every > LOOK_MOST_MS    ? LOOK_MOST_MS
                    : every < LOOK_LEAST_MS ? LOOK_LEAST_MS
                                            : every;
    int64_t look_at = clock_monotonic() + pause;
    enum waking waking;
    while ((waking = wait_until(sweeper, look_at)) != STOPS) {
        if (waking == HAS_BLOBS && !act_connected(sweeper, empty_bin))
            bin_forget(sweeper);
        if (clock_monotonic() < look_at)
            continue;
        act_connected(sweeper, take_turns);
        look_at = clock_monotonic() + pause;
    }
    if (bin_holds(sweeper)) /* from those who were answered last */
        act_connected(sweeper, empty_bin);
    return NULL;
}

/* ---- setting up and taking down */

struct sweeper *sweeper_new(const struct sweeper_config *config)
{
    struct sweeper *sweeper = calloc(1, sizeof *sweeper);
    if (!sweeper)
        abort();
    sweeper->config = *config;
    luid_random(sweeper->node);
    sweeper->chore = (struct chore){.name = "sweep blobs",
                                    .node = sweeper->node,
                                    .every_ms = config->every_ms,
                                    .lease_ms = LEASE_MS};
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&sweeper->wakes, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&sweeper->lock, NULL);
    if (config->every_ms && !(sweeper->bin = calloc(BIN_MOST, sizeof *sweeper->bin)))
        abort();
    return sweeper;
}

bool sweeper_start(struct sweeper *sweeper)
{
    pthread_attr_t attr;
    if (!sweeper->config.every_ms)
        return true;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sweeper->started = pthread_create(&sweeper->thread, &attr, loop, sweeper) == 0;
    pthread_attr_destroy(&attr);
    if (sweeper->started)
        pthread_setname_np(sweeper->thread, "easel-sweep");
    return sweeper->started;
}

void sweeper_free(struct sweeper **of)
{
    struct sweeper *sweeper = *of;
    if (!sweeper)
        return;
    pthread_mutex_lock(&sweeper->lock);
    sweeper->stopping = true;
    pthread_cond_signal(&sweeper->wakes);
    pthread_mutex_unlock(&sweeper->lock);
    if (sweeper->started)
        pthread_join(sweeper->thread, NULL);
    pthread_cond_destroy(&sweeper->wakes);
    pthread_mutex_destroy(&sweeper->lock);
    free(sweeper->bin);
    free(sweeper);
    *of = NULL;
}
