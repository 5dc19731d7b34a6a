/* s3: requests to a storage service that speaks the REST API of Amazon S3.
 *
 * By path (https://HOST/BUCKET/KEY), signed with AWS Signature Version 4 over the
 * payload as well. The endpoint is the administrator's own: this is not the door
 * for addresses that come from elsewhere. It follows no redirects. A request that
 * fails on the way, or that the service is too busy for, is tried three times.
 *
 * The secret key is in no message. For blob_s3.c alone. */
#ifndef EASEL_STORE_S3_H
#define EASEL_STORE_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct s3;

enum { S3_HEADERS_MOST = 8 };

struct s3_header {
    const char *name, *value; /* name in lower case */
};

struct s3_request {
    const char *verb;
    const char *key;   /* below the bucket, of characters that need no escape; "": the bucket */
    const char *query; /* escaped, its parameters sorted, each with '='; NULL: none */
    struct s3_header headers[S3_HEADERS_MOST];
    size_t header_count;
    /* The payload: `text`, or `len` bytes of a file from `offset` on. `hash` is their
     * SHA-256 in hex where it is known. */
    const char *text;
    int fd; /* -1: none */
    uint64_t offset, len;
    const char *hash;
    int into; /* -1: the answer's body goes to memory; else to this file, for status 2xx */
};

struct s3_answer {
    int status;       /* 0: no answer */
    const char *body; /* bounded, NUL-terminated; "" where it went to a file */
    uint64_t len;     /* of the body, or as a HEAD tells it */
    const char *etag; /* "" where there is none */
    int64_t changed_at;
    const char *why; /* for any status but 2xx: what went wrong, in a few words */
    bool full;       /* it was for want of room */
};

/* `where` is SCHEME://HOST[:PORT]/BUCKET. NULL with a sentence in `why`. */
struct s3 *s3_new(const char *where, const char *region, const char *access_key,
                  const char *secret_key, char *why, size_t why_size);
void s3_free(struct s3 **s3);
/* "/BUCKET": what paths begin with. */
const char *s3_path(const struct s3 *s3);
void s3_ask(struct s3 *s3, struct arena *arena, const struct s3_request *request,
            struct s3_answer *answer_r);

/* ---- s3_sign.c: pure */
struct s3_signing {
    const char *region, *access_key, *secret_key;
    const char *verb, *path, *query; /* path and query escaped; query "" or sorted */
    const struct s3_header *headers; /* all that are signed, host included, sorted by name */
    size_t header_count;
    const char *payload_hash;
    const char *date; /* 20130524T000000Z */
};
/* The value of the header Authorization. */
const char *s3_sign(struct arena *arena, const struct s3_signing *signing);
/* Escapes all but unreserved characters (RFC 3986). */
const char *s3_escape(struct arena *arena, const char *text);

/* ---- s3_text.c: pure */
/* The text in the first element `name` after *at and before `end`, its five entities
 * resolved; moves *at behind it. NULL: none. Answers of the service name each element
 * without a prefix, and what is looked for holds no element of its own name. */
const char *s3_element(struct arena *arena, const char **at, const char *end, const char *name);

#endif
