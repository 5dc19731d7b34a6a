/* metrics.c: counters in Prometheus' text form. Atomic; no locks. */
#include <stdlib.h>

#include "base/buf.h"
#include "rest/call.h"

static const int64_t BOUNDS_US[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 1000000};
enum { BUCKETS = sizeof BOUNDS_US / sizeof *BOUNDS_US };

struct metrics {
    uint64_t by_class[6]; /* 1xx .. 5xx; 0: lost */
    uint64_t buckets[BUCKETS + 1];
    uint64_t duration_us, requests;
    uint64_t sign_ins, sign_ins_refused;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics)
        abort();
    return metrics;
}

void metrics_free(struct metrics **metrics)
{
    free(*metrics);
    *metrics = NULL;
}

static void add(uint64_t *counter, uint64_t n)
{
    __atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

static unsigned long long get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void metrics_count(struct metrics *metrics, int status, int64_t duration_us)
{
    size_t bucket = 0;
    while (bucket < BUCKETS && duration_us > BOUNDS_US[bucket])
        bucket++;
    add(&metrics->by_class[status >= 100 && status < 600 ? status / 100 : 0], 1);
    add(&metrics->buckets[bucket], 1);
    add(&metrics->duration_us, (uint64_t)duration_us);
    add(&metrics->requests, 1);
}

void metrics_sign_in(struct metrics *metrics, bool ok)
{
    add(ok ? &metrics->sign_ins : &metrics->sign_ins_refused, 1);
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_write(const struct metrics *m, struct buf *out)
{
    static const char *const classes[] = {"lost", "1xx", "2xx", "3xx", "4xx", "5xx"};
    unsigned long long sum = 0;
    head(out, "easel_requests_total", "counter", "Requests answered, by class of status.");
    for (size_t i = 0; i < 6; i++)
        buf_addf(out, "easel_requests_total{status=\"%s\"} %llu\n", classes[i],
                 get(&m->by_class[i]));
    head(out, "easel_request_duration_seconds", "histogram", "Time from request to answer.");
    for (size_t i = 0; i < BUCKETS; i++) {
        sum += get(&m->buckets[i]);
        buf_addf(out, "easel_request_duration_seconds_bucket{le=\"%g\"} %llu\n",
                 (double)BOUNDS_US[i] / 1e6, sum);
    }
    sum += get(&m->buckets[BUCKETS]);
    buf_addf(out, "easel_request_duration_seconds_bucket{le=\"+Inf\"} %llu\n", sum);
    buf_addf(out, "easel_request_duration_seconds_sum %g\n", (double)get(&m->duration_us) / 1e6);
    buf_addf(out, "easel_request_duration_seconds_count %llu\n", sum);
    head(out, "easel_sign_ins_total", "counter", "Sign-ins, by outcome.");
    buf_addf(out, "easel_sign_ins_total{outcome=\"ok\"} %llu\n", get(&m->sign_ins));
    buf_addf(out, "easel_sign_ins_total{outcome=\"refused\"} %llu\n", get(&m->sign_ins_refused));
}
