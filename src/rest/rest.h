/* rest: the Tableau Server REST API over requests that http/ hands in.
 *
 * rest_handle is the one entrance: version, route, session, scope, site, role,
 * handler, document, answer; the order of checks is that of section 3.2 of the
 * trust specification. Made once by main and shared by all event loops. */
#ifndef EASEL_REST_REST_H
#define EASEL_REST_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/blob.h"
#include "trust/jwt.h"

struct http_request;
struct blobs;
struct jobs;
struct issuers;
struct keyring;
struct lanes;
struct log;
struct recents;
struct recorder;
struct rest;
struct scopes;
struct throttle;
struct visible_cache;

struct rest_config {
    /* Owned by main; must outlive the rest. */
    struct lanes *lanes;
    struct keyring *keyring;
    struct scopes *scopes;
    struct recorder *recorder;
    struct recents *recents;
    struct throttle *throttle;
    struct visible_cache *visible;
    struct issuers *issuers;
    struct log *log;
    struct jobs *jobs;
    struct blobs *blobs;
    struct blob_bin bin;             /* of blobs that calls stored in vain, or used up */
    const char *spool;               /* directory of files that end with their call */
    int64_t blob_age_ms;             /* for which a blob is left alone that no row names */
    bool tls;                        /* it listens by HTTPS */
    size_t body_limit, import_limit; /* bytes of a body; of one that carries a file */
};

/* Settings that may change while serving (SIGHUP). */
struct rest_tuning {
    struct jwt_policy policy;
    struct {                      /* external authorization servers */
        struct jwt_policy policy; /* of their JWTs */
        size_t limit;             /* of a site */
        bool bare_audience;       /* see struct direct_request */
        bool plain_http;
    } eas;
    int64_t session_life_ms, pat_idle_ms;
    bool explain_refusals;
};

struct rest *rest_new(const struct rest_config *config, const struct rest_tuning *tuning);
void rest_free(struct rest **rest);
/* Requests that begin from now on go by these settings. One thread at a time. */
void rest_tune(struct rest *rest, const struct rest_tuning *tuning);
/* /easel/v1/ready answers 503 from now on. */
void rest_set_draining(struct rest *rest);

/* Callbacks for http/: context is the struct rest. */
void rest_handle(void *rest, struct http_request *request);
size_t rest_body_limit(void *rest, struct http_request *request);
void rest_refuse(void *rest, struct http_request *request, int status);
void rest_finished(void *rest, struct http_request *request, int status, size_t sent,
                   int64_t duration_us);

#endif
