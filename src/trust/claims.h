/* claims: a strict reader for the JSON of a JWT, header and payload.
 *
 * Works in place on bytes the caller owns (an arena, as a rule): one pass finds
 * the members of the top-level object and proves that the whole text is
 * RFC 8259 JSON, well-formed UTF-8, without NUL, without lone surrogates,
 * without two members of one name at any level, and nested no deeper than
 * CLAIMS_DEPTH. Values are then taken one by one, without another copy.
 *
 * Stricter than a general JSON library on purpose: two readers that see the
 * same claims differently are how tokens get forged. Pure. */
#ifndef EASEL_TRUST_CLAIMS_H
#define EASEL_TRUST_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum { CLAIMS_DEPTH = 16, CLAIMS_SHOWN = 100 };

enum claims_kind {
    CLAIMS_STRING,
    CLAIMS_NUMBER,
    CLAIMS_TRUE,
    CLAIMS_FALSE,
    CLAIMS_NULL,
    CLAIMS_LIST,
    CLAIMS_OBJECT
};

struct claims_member {
    char *name; /* NUL-terminated, escapes resolved */
    size_t name_len;
    enum claims_kind kind;
    bool escaped; /* a string with backslashes */
    char *text;   /* as written; of a string, what is between the quotes */
    size_t len;
};

struct claims {
    struct claims_member *members;
    size_t count;
};

/* Reads the object in json[0..len). json[len] must be writable too. Answers
 * NULL, or what is wrong: a short text of our own, nothing of the input. */
const char *claims_read(struct arena *arena, char *json, size_t len, struct claims *claims_r);

/* Each of these may be called once for a member, and only one of them: the
 * text is terminated, and escapes are resolved, where it stands. */
const char *claims_string(struct claims_member *member);
const char *claims_text(struct claims_member *member); /* the JSON text; not for strings */
/* A list of strings; false where it holds anything else. */
bool claims_strings(struct arena *arena, struct claims_member *member, const char ***list_r,
                    size_t *count_r);
/* A list of objects, each as claims_read gives it; what is none comes as one without
 * members. False where there are more than `most`. */
bool claims_objects(struct arena *arena, struct claims_member *member, size_t most,
                    struct claims **list_r, size_t *count_r);

/* A string member as JSON text again, quotes included; instead of claims_string. */
const char *claims_quoted(struct claims_member *member);

/* The whole part of a number within 2^53 of zero; false for all else. */
bool claims_whole(const struct claims_member *member, int64_t *value_r);

/* "a number", "null": for verdicts. */
const char *claims_kind_text(enum claims_kind kind);

/* Foreign text for a verdict: in quotes, no more than CLAIMS_SHOWN characters,
 * everything but printable ASCII written as \xHH. */
const char *claims_show(struct arena *arena, const char *text, size_t len);

#endif
