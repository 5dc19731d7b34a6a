/* jwt_read.c: see jwt_read.h. */
#include "trust/jwt_read.h"

#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "trust/claims.h"

struct part {
    const char *text;
    size_t len;
};

struct taking {
    struct arena *arena;
    const char *text; /* the compact form */
    size_t len;
    struct part parts[JWT_PARTS];
    struct jwt *jwt;
    struct jwt_claim **claims_end;
    struct jwt_reading *reading;
};

static bool fails(struct taking *taking, const char *expected, const char *found)
{
    taking->reading->expected = expected;
    taking->reading->found = found;
    return false;
}

static const char *typed_string(struct claims_member *member, const char **odd_r)
{
    *odd_r = member->kind == CLAIMS_STRING ? NULL : claims_kind_text(member->kind);
    return *odd_r ? NULL : claims_string(member);
}

static void take_header(struct taking *taking, struct claims_member *member)
{
    struct jwt *jwt = taking->jwt;
    if (strcmp(member->name, "alg") == 0)
        jwt->alg = typed_string(member, &jwt->odd.alg);
    else if (strcmp(member->name, "kid") == 0)
        jwt->kid = typed_string(member, &jwt->odd.kid);
    else if (strcmp(member->name, "iss") == 0)
        jwt->header_iss = typed_string(member, &jwt->odd.iss);
}

/* The value as text for a verdict, cut where it stands. */
static const char *time_text(struct claims_member *member)
{
    return member->kind == CLAIMS_STRING ? claims_quoted(member) : claims_text(member);
}

/* The state of a time claim; exp, nbf and iat share one unnamed type. */
#define TAKE_TIME(member, jwt, claim) \
    ((jwt)->claim##_state = claims_whole((member), &(jwt)->claim) ? JWT_TIME_OK : JWT_TIME_BAD)

static void take_audience(struct taking *taking, struct claims_member *member)
{
    struct jwt *jwt = taking->jwt;
    if (member->kind == CLAIMS_STRING) {
        jwt->aud = arena_alloc(taking->arena, sizeof *jwt->aud);
        jwt->aud[0] = claims_string(member);
        jwt->aud_count = 1;
        jwt->aud_ok_type = true;
    } else if (member->kind == CLAIMS_LIST) {
        jwt->aud_ok_type = claims_strings(taking->arena, member, &jwt->aud, &jwt->aud_count);
        jwt->odd.aud = jwt->aud_ok_type ? NULL : "a list that holds other things than strings";
    } else {
        jwt->odd.aud = claims_kind_text(member->kind);
    }
}

/* Names separated by spaces, as RFC 6749 has them in `scope`. */
static void split_scopes(struct taking *taking, const char *text)
{
    struct jwt *jwt = taking->jwt;
    jwt->scp = arena_alloc(taking->arena, (strlen(text) / 2 + 1) * sizeof *jwt->scp);
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");
        jwt->scp[jwt->scp_count++] = arena_strndup(taking->arena, text, len);
        text += len;
    }
}

static void take_scopes(struct taking *taking, struct claims_member *member)
{
    struct jwt *jwt = taking->jwt;
    if (member->kind == CLAIMS_STRING) {
        jwt->odd.scp = claims_kind_text(member->kind);
        jwt->scp_state = JWT_SCP_STRING;
        split_scopes(taking, claims_string(member));
        return;
    }
    if (member->kind != CLAIMS_LIST)
        jwt->odd.scp = claims_kind_text(member->kind);
    else if (!claims_strings(taking->arena, member, &jwt->scp, &jwt->scp_count))
        jwt->odd.scp = "a list that holds other things than strings";
    jwt->scp_state = jwt->odd.scp ? JWT_SCP_BAD : JWT_SCP_OK;
}

static void take_attribute(struct taking *taking, struct claims_member *member)
{
    struct jwt_claim *claim = arena_alloc(taking->arena, sizeof *claim);
    claim->name = member->name;
    claim->json = time_text(member);
    claim->next = NULL;
    *taking->claims_end = claim;
    taking->claims_end = &claim->next;
}

static bool is_oda(struct claims_member *member)
{
    return member->kind == CLAIMS_TRUE ||
           (member->kind == CLAIMS_STRING && strcmp(claims_string(member), "true") == 0);
}

static void take_claim(struct taking *taking, struct claims_member *member)
{
    struct jwt *jwt = taking->jwt;
    const char *name = member->name, *odd = NULL;
    if (strcmp(name, "iss") == 0) {
        taking->reading->payload_iss = typed_string(member, &odd);
        if (odd)
            jwt->odd.iss = odd;
    } else if (strcmp(name, "sub") == 0) {
        jwt->sub = typed_string(member, &jwt->odd.sub);
    } else if (strcmp(name, "jti") == 0) {
        jwt->jti = typed_string(member, &jwt->odd.jti);
    } else if (strcmp(name, "aud") == 0) {
        take_audience(taking, member);
    } else if (strcmp(name, "scp") == 0) {
        take_scopes(taking, member);
    } else if (strcmp(name, "exp") == 0) {
        TAKE_TIME(member, jwt, exp);
        jwt->exp_text = time_text(member);
    } else if (strcmp(name, "nbf") == 0) {
        TAKE_TIME(member, jwt, nbf);
        jwt->nbf_text = time_text(member);
    } else if (strcmp(name, "iat") == 0) {
        TAKE_TIME(member, jwt, iat);
    } else if (strcmp(name, "https://tableau.com/oda") == 0) {
        jwt->oda = is_oda(member);
    } else {
        take_attribute(taking, member);
    }
}

static bool split(struct taking *taking)
{
    const char *at = taking->text, *end = at + taking->len;
    for (;;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        const char *stop = dot ? dot : end;
        if (taking->reading->part_count < JWT_PARTS)
            taking->parts[taking->reading->part_count] = (struct part){at, (size_t)(stop - at)};
        taking->reading->part_count++;
        if (!dot)
            break;
        at = dot + 1;
    }
    if (taking->reading->part_count == JWT_PARTS || taking->reading->part_count == JWT_PARTS_JWE)
        return true;
    return fails(taking, "three parts",
                 arena_printf(taking->arena, "%zu %s", taking->reading->part_count,
                              taking->reading->part_count == 1 ? "part" : "parts"));
}

/* Decodes one part; one byte is kept free behind it for claims_read. */
static char *decode(struct taking *taking, const struct part *part, const char *name, size_t *len_r)
{
    char *bytes = arena_alloc(taking->arena, part->len * 3 / 4 + 1);
    if (base64url_decode(part->text, part->len, bytes, len_r))
        return bytes;
    fails(taking, "base64url without padding",
          arena_printf(taking->arena, "%s: not base64url", name));
    return NULL;
}

static bool read_part(struct taking *taking, size_t index, const char *name,
                      struct claims *claims_r)
{
    size_t len;
    char *json = decode(taking, &taking->parts[index], name, &len);
    if (!json)
        return false;
    const char *fault = claims_read(taking->arena, json, len, claims_r);
    return !fault || fails(taking, "one JSON object in UTF-8",
                           arena_printf(taking->arena, "%s: %s", name, fault));
}

static bool read_header(struct taking *taking)
{
    struct claims claims;
    if (!read_part(taking, 0, "header", &claims))
        return false;
    for (size_t i = 0; i < claims.count; i++) {
        /* RFC 7515, 4.1.11: extensions that must be understood; none is. */
        if (strcmp(claims.members[i].name, "crit") == 0)
            return fails(taking, "a header without critical extensions", "crit");
        take_header(taking, &claims.members[i]);
    }
    return true;
}

static bool read_payload(struct taking *taking)
{
    struct claims claims;
    if (!read_part(taking, 1, "payload", &claims))
        return false;
    for (size_t i = 0; i < claims.count; i++)
        take_claim(taking, &claims.members[i]);
    return true;
}

static bool read_signature(struct taking *taking)
{
    struct jwt *jwt = taking->jwt;
    jwt->signing_input = taking->text;
    jwt->signing_len = (size_t)(taking->parts[2].text - taking->text) - 1;
    char *bytes = decode(taking, &taking->parts[2], "signature", &jwt->signature_len);
    jwt->signature = (const unsigned char *)bytes;
    return bytes != NULL;
}

bool jwt_read(struct arena *arena, const char *token, size_t len, struct jwt *jwt_r,
              struct jwt_reading *reading_r)
{
    *reading_r = (struct jwt_reading){0};
    struct taking taking = {.arena = arena,
                            .text = token,
                            .len = len,
                            .jwt = jwt_r,
                            .claims_end = &jwt_r->claims,
                            .reading = reading_r};
    if (!split(&taking))
        return false;
    if (reading_r->part_count == JWT_PARTS_JWE)
        return true;
    return read_header(&taking) && read_payload(&taking) && read_signature(&taking);
}
