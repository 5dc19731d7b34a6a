/* jwt.c: see jwt.h.
 *
 * Two tables of steps, in the order of checks.def. A step answers yes or no;
 * what it expected and found is put into words only when it fails or somebody
 * listens, so the common case builds no text. */
#include "trust/jwt.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "trust/claims.h"

enum { MAC_BYTES = 32, PARTS = 3, PARTS_JWE = 5 };

const struct jwt_policy jwt_policy_default = {
    .audience = "tableau",
    .max_life_s = 600,
    .skew_s = 60,
    .max_bytes = 8000,
};

static const struct trust_check_row ROWS[] = {
#define CHECK(id, seed, fine, name, title, advice) {#id, seed, fine, name, title, advice},
#include "trust/checks.def"
#undef CHECK
};

const struct trust_check_row *trust_check_row(enum trust_check check)
{
    assert(check > TRUST_OK && check < TRUST_CHECKS);
    return &ROWS[check - 1];
}

/* ---- one run over a table of steps ---- */

struct part {
    const char *text;
    size_t len;
};

struct check {
    struct arena *arena;
    const struct jwt_policy *policy;
    struct jwt *jwt;         /* being filled by jwt_parse */
    const struct jwt *token; /* the same, for reading */
    const char *text;        /* the compact form */
    size_t len, part_count;
    struct part parts[PARTS];
    const char *payload_iss;
    struct jwt_claim **claims_end;
    const char *expected, *found; /* of FORM: set where it fails */
    const void *key;
    size_t key_len;
    int64_t now, now_s;
};

struct step {
    enum trust_check check;
    bool (*holds)(struct check *check);
    const char *(*expected)(struct check *check);
    const char *(*found)(struct check *check);
};

static struct verdict run_steps(struct check *check, const struct step *steps, size_t count,
                                struct trail *trail)
{
    for (size_t i = 0; i < count; i++) {
        if (!steps[i].holds(check))
            return (struct verdict){steps[i].check, steps[i].expected(check),
                                    steps[i].found(check)};
        if (trail)
            trail->passed(trail, steps[i].check, steps[i].found(check));
    }
    return (struct verdict){TRUST_OK, NULL, NULL};
}

/* A text claim for a verdict: its text in quotes, or why there is none. */
static const char *shown(struct check *check, const char *text, const char *odd)
{
    if (odd)
        return odd;
    if (!text)
        return "absent";
    return *text ? claims_show(check->arena, text, strlen(text)) : "empty";
}

static const char *shown_list(struct check *check, const char **list, size_t count)
{
    struct buf out;
    buf_init(&out, check->arena, 0);
    buf_addc(&out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_adds(&out, ", ");
        if (out.len > CLAIMS_SHOWN) {
            buf_addf(&out, "... %zu in all", count);
            break;
        }
        buf_adds(&out, claims_show(check->arena, list[i], strlen(list[i])));
    }
    buf_addc(&out, ']');
    return out.bytes;
}

/* ---- PRESENT, SIZE ---- */

static bool present_holds(struct check *check)
{
    return check->text && check->len > 0;
}

static const char *present_expected(struct check *check)
{
    (void)check;
    return "a JWT";
}

static const char *size_found(struct check *check)
{
    return check->text && check->len ? arena_printf(check->arena, "%zu bytes", check->len)
                                     : "nothing";
}

static bool size_holds(struct check *check)
{
    return check->len <= check->policy->max_bytes;
}

static const char *size_expected(struct check *check)
{
    return arena_printf(check->arena, "at most %zu bytes", check->policy->max_bytes);
}

/* ---- FORM: three parts, base64url, JSON; and the claims picked out ---- */

static bool form_fails(struct check *check, const char *expected, const char *found)
{
    check->expected = expected;
    check->found = found;
    return false;
}

static const char *typed_string(struct claims_member *member, const char **odd_r)
{
    *odd_r = member->kind == CLAIMS_STRING ? NULL : claims_kind_text(member->kind);
    return *odd_r ? NULL : claims_string(member);
}

static void take_header(struct check *check, struct claims_member *member)
{
    struct jwt *jwt = check->jwt;
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

static void take_audience(struct check *check, struct claims_member *member)
{
    struct jwt *jwt = check->jwt;
    if (member->kind == CLAIMS_STRING) {
        jwt->aud = arena_alloc(check->arena, sizeof *jwt->aud);
        jwt->aud[0] = claims_string(member);
        jwt->aud_count = 1;
        jwt->aud_ok_type = true;
    } else if (member->kind == CLAIMS_LIST) {
        jwt->aud_ok_type = claims_strings(check->arena, member, &jwt->aud, &jwt->aud_count);
        jwt->odd.aud = jwt->aud_ok_type ? NULL : "a list that holds other things than strings";
    } else {
        jwt->odd.aud = claims_kind_text(member->kind);
    }
}

static void take_scopes(struct check *check, struct claims_member *member)
{
    struct jwt *jwt = check->jwt;
    if (member->kind != CLAIMS_LIST)
        jwt->odd.scp = claims_kind_text(member->kind);
    else if (!claims_strings(check->arena, member, &jwt->scp, &jwt->scp_count))
        jwt->odd.scp = "a list that holds other things than strings";
    jwt->scp_state = jwt->odd.scp ? JWT_SCP_BAD : JWT_SCP_OK;
}

static void take_attribute(struct check *check, struct claims_member *member)
{
    struct jwt_claim *claim = arena_alloc(check->arena, sizeof *claim);
    claim->name = member->name;
    claim->json = time_text(member);
    claim->next = NULL;
    *check->claims_end = claim;
    check->claims_end = &claim->next;
}

static bool is_oda(struct claims_member *member)
{
    return member->kind == CLAIMS_TRUE ||
           (member->kind == CLAIMS_STRING && strcmp(claims_string(member), "true") == 0);
}

static void take_claim(struct check *check, struct claims_member *member)
{
    struct jwt *jwt = check->jwt;
    const char *name = member->name, *odd = NULL;
    if (strcmp(name, "iss") == 0) {
        check->payload_iss = typed_string(member, &odd);
        if (odd)
            jwt->odd.iss = odd;
    } else if (strcmp(name, "sub") == 0) {
        jwt->sub = typed_string(member, &jwt->odd.sub);
    } else if (strcmp(name, "jti") == 0) {
        jwt->jti = typed_string(member, &jwt->odd.jti);
    } else if (strcmp(name, "aud") == 0) {
        take_audience(check, member);
    } else if (strcmp(name, "scp") == 0) {
        take_scopes(check, member);
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
        take_attribute(check, member);
    }
}

static bool split(struct check *check)
{
    const char *at = check->text, *end = at + check->len;
    for (;;) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        const char *stop = dot ? dot : end;
        if (check->part_count < PARTS)
            check->parts[check->part_count] = (struct part){at, (size_t)(stop - at)};
        check->part_count++;
        if (!dot)
            break;
        at = dot + 1;
    }
    if (check->part_count == PARTS || check->part_count == PARTS_JWE)
        return true;
    return form_fails(check, "three parts",
                      arena_printf(check->arena, "%zu %s", check->part_count,
                                   check->part_count == 1 ? "part" : "parts"));
}

/* Decodes one part; one byte is kept free behind it for claims_read. */
static char *decode(struct check *check, const struct part *part, const char *name, size_t *len_r)
{
    char *bytes = arena_alloc(check->arena, part->len * 3 / 4 + 1);
    if (base64url_decode(part->text, part->len, bytes, len_r))
        return bytes;
    form_fails(check, "base64url without padding",
               arena_printf(check->arena, "%s: not base64url", name));
    return NULL;
}

static bool read_part(struct check *check, size_t index, const char *name, struct claims *claims_r)
{
    size_t len;
    char *json = decode(check, &check->parts[index], name, &len);
    if (!json)
        return false;
    const char *fault = claims_read(check->arena, json, len, claims_r);
    return !fault || form_fails(check, "one JSON object in UTF-8",
                                arena_printf(check->arena, "%s: %s", name, fault));
}

static bool read_header(struct check *check)
{
    struct claims claims;
    if (!read_part(check, 0, "header", &claims))
        return false;
    for (size_t i = 0; i < claims.count; i++) {
        /* RFC 7515, 4.1.11: extensions that must be understood; none is. */
        if (strcmp(claims.members[i].name, "crit") == 0)
            return form_fails(check, "a header without critical extensions", "crit");
        take_header(check, &claims.members[i]);
    }
    return true;
}

static bool read_payload(struct check *check)
{
    struct claims claims;
    if (!read_part(check, 1, "payload", &claims))
        return false;
    for (size_t i = 0; i < claims.count; i++)
        take_claim(check, &claims.members[i]);
    return true;
}

static bool read_signature(struct check *check)
{
    struct jwt *jwt = check->jwt;
    jwt->signing_input = check->text;
    jwt->signing_len = (size_t)(check->parts[2].text - check->text) - 1;
    char *bytes = decode(check, &check->parts[2], "signature", &jwt->signature_len);
    jwt->signature = (const unsigned char *)bytes;
    return bytes != NULL;
}

/* Five parts are an encrypted token (JWE). SIGNED says so, there is nothing in
 * them to read without its key. */
static bool form_holds(struct check *check)
{
    if (!split(check))
        return false;
    if (check->part_count == PARTS_JWE)
        return true;
    return read_header(check) && read_payload(check) && read_signature(check);
}

static const char *form_expected(struct check *check)
{
    return check->expected;
}

static const char *form_found(struct check *check)
{
    if (check->found)
        return check->found;
    return check->part_count == PARTS_JWE ? "five parts" : "three parts";
}

/* ---- SIGNED ---- */

static bool is_alg_none(const struct jwt *jwt)
{
    return jwt->alg && strcasecmp(jwt->alg, "none") == 0;
}

static bool signed_holds(struct check *check)
{
    return check->part_count == PARTS && !is_alg_none(check->token) &&
           check->token->signature_len > 0;
}

static const char *signed_expected(struct check *check)
{
    (void)check;
    return "a signed token (JWS)";
}

static const char *signed_found(struct check *check)
{
    if (check->part_count != PARTS)
        return "five parts, an encrypted token (JWE)";
    if (is_alg_none(check->token))
        return arena_printf(check->arena, "alg %s", shown(check, check->token->alg, NULL));
    return check->token->signature_len ? "a signature" : "an empty signature";
}

/* ---- IDS ---- */

static bool given(const char *text)
{
    return text && *text;
}

static bool issuers_agree(const struct check *check)
{
    const char *header = check->token->header_iss, *payload = check->payload_iss;
    return !header || !payload || strcmp(header, payload) == 0;
}

static bool ids_hold(struct check *check)
{
    struct jwt *jwt = check->jwt;
    jwt->iss = jwt->header_iss ? jwt->header_iss : check->payload_iss;
    return given(jwt->kid) && !jwt->odd.iss && issuers_agree(check) && given(jwt->iss);
}

static const char *ids_expected(struct check *check)
{
    if (!given(check->token->kid))
        return "kid, the id of a secret";
    return issuers_agree(check) ? "iss, the client id" : "the same iss in header and payload";
}

static const char *ids_found(struct check *check)
{
    const struct jwt *jwt = check->token;
    const char *kid = shown(check, jwt->kid, jwt->odd.kid);
    if (!given(jwt->kid))
        return arena_printf(check->arena, "kid %s", kid);
    if (!issuers_agree(check))
        return arena_printf(check->arena, "header %s, payload %s",
                            shown(check, jwt->header_iss, NULL),
                            shown(check, check->payload_iss, NULL));
    const char *iss = shown(check, jwt->iss, jwt->odd.iss);
    if (!given(jwt->iss) || jwt->odd.iss)
        return arena_printf(check->arena, "iss %s", iss);
    return arena_printf(check->arena, "kid %s, iss %s", kid, iss);
}

/* ---- ALG: fixed by the kind of trust, never chosen by the header ---- */

static bool alg_holds(struct check *check)
{
    return check->token->alg && strcmp(check->token->alg, "HS256") == 0;
}

static const char *alg_expected(struct check *check)
{
    (void)check;
    return "'HS256'";
}

static const char *alg_found(struct check *check)
{
    return shown(check, check->token->alg, check->token->odd.alg);
}

static const struct step PARSE_STEPS[] = {
    {TRUST_PRESENT, present_holds, present_expected, size_found},
    {TRUST_SIZE, size_holds, size_expected, size_found},
    {TRUST_FORM, form_holds, form_expected, form_found},
    {TRUST_SIGNED, signed_holds, signed_expected, signed_found},
    {TRUST_IDS, ids_hold, ids_expected, ids_found},
    {TRUST_ALG, alg_holds, alg_expected, alg_found},
};

struct verdict jwt_parse(struct arena *arena, const char *token, size_t len,
                         const struct jwt_policy *policy, struct jwt *jwt_r, struct trail *trail)
{
    *jwt_r = (struct jwt){0};
    struct check check = {.arena = arena,
                          .policy = policy,
                          .jwt = jwt_r,
                          .token = jwt_r,
                          .claims_end = &jwt_r->claims,
                          .text = token,
                          .len = len};
    return run_steps(&check, PARSE_STEPS, sizeof PARSE_STEPS / sizeof *PARSE_STEPS, trail);
}

/* ---- SIGNATURE ---- */

/* Fetching the MAC costs more than a signature, so each thread keeps one
 * context; the key's destructor releases it when the thread ends. Each use sets
 * its own key, nothing is carried from one token to the next. */
static pthread_once_t mac_once = PTHREAD_ONCE_INIT;
static pthread_key_t mac_key;
static bool mac_key_made;
static _Thread_local EVP_MAC_CTX *mac_ctx;

static void mac_release(void *ctx)
{
    EVP_MAC_CTX_free(ctx);
}

static void mac_make_key(void)
{
    mac_key_made = pthread_key_create(&mac_key, mac_release) == 0;
}

static EVP_MAC_CTX *mac_new(void)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (ctx && EVP_MAC_CTX_set_params(ctx, params))
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static EVP_MAC_CTX *mac_of_thread(void)
{
    if (mac_ctx)
        return mac_ctx;
    pthread_once(&mac_once, mac_make_key);
    EVP_MAC_CTX *ctx = mac_key_made ? mac_new() : NULL;
    if (ctx && pthread_setspecific(mac_key, ctx) != 0) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    mac_ctx = ctx;
    return ctx;
}

/* An empty key is refused here: to OpenSSL no key means the one before. */
static bool hmac(const void *key, size_t key_len, const void *bytes, size_t len,
                 unsigned char mac_r[MAC_BYTES])
{
    size_t mac_len = 0;
    EVP_MAC_CTX *ctx = mac_of_thread();
    return key && key_len && ctx && EVP_MAC_init(ctx, key, key_len, NULL) &&
           EVP_MAC_update(ctx, bytes, len) && EVP_MAC_final(ctx, mac_r, &mac_len, MAC_BYTES) &&
           mac_len == MAC_BYTES;
}

static bool signature_fits(const struct jwt *jwt, const void *key, size_t key_len)
{
    unsigned char mac[MAC_BYTES];
    bool fits = jwt->signature_len == MAC_BYTES &&
                hmac(key, key_len, jwt->signing_input, jwt->signing_len, mac) &&
                CRYPTO_memcmp(mac, jwt->signature, MAC_BYTES) == 0;
    OPENSSL_cleanse(mac, sizeof mac);
    return fits;
}

static bool signature_holds(struct check *check)
{
    return signature_fits(check->token, check->key, check->key_len);
}

static const char *signature_expected(struct check *check)
{
    (void)check;
    return "HMAC-SHA256 of header.payload, keyed with the text of the secret value";
}

/* A common mistake of signers, worth a word of its own; only asked on failure. */
static bool fits_decoded_key(struct check *check)
{
    unsigned char key[64];
    size_t len = 0;
    bool fits = check->key && check->key_len <= 64 &&
                base64_decode(check->key, check->key_len, key, &len) &&
                signature_fits(check->token, key, len);
    OPENSSL_cleanse(key, sizeof key);
    return fits;
}

static const char *signature_found(struct check *check)
{
    if (check->token->signature_len != MAC_BYTES)
        return arena_printf(check->arena, "a signature of %zu bytes, not 32",
                            check->token->signature_len);
    if (signature_holds(check))
        return "it fits";
    if (fits_decoded_key(check))
        return "a signature keyed with the base64-decoded secret value";
    return "a signature by another key, or of another header.payload";
}

/* ---- AUDIENCE ---- */

static bool audience_holds(struct check *check)
{
    const struct jwt *jwt = check->token;
    for (size_t i = 0; jwt->aud_ok_type && i < jwt->aud_count; i++)
        if (strcmp(jwt->aud[i], check->policy->audience) == 0)
            return true;
    return false;
}

static const char *audience_expected(struct check *check)
{
    return claims_show(check->arena, check->policy->audience, strlen(check->policy->audience));
}

static const char *audience_found(struct check *check)
{
    const struct jwt *jwt = check->token;
    if (!jwt->aud_ok_type || (jwt->aud_count == 1 && !*jwt->aud[0]))
        return shown(check, jwt->aud_ok_type ? "" : NULL, jwt->odd.aud);
    if (jwt->aud_count == 1)
        return shown(check, jwt->aud[0], NULL);
    return shown_list(check, jwt->aud, jwt->aud_count);
}

/* ---- EXPIRY, LIFETIME: whole seconds decide; see floor_seconds ---- */

/* Claims are whole seconds, so comparing them with the second that has begun
 * gives the same answer as comparing with the milliseconds. */
static int64_t floor_seconds(int64_t ms)
{
    return ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
}

static bool exp_is_ahead(const struct check *check)
{
    return check->token->exp_state == JWT_TIME_OK &&
           check->token->exp + check->policy->skew_s > check->now_s;
}

static bool expiry_holds(struct check *check)
{
    const struct jwt *jwt = check->token;
    if (!exp_is_ahead(check))
        return false;
    return jwt->nbf_state == JWT_TIME_ABSENT ||
           (jwt->nbf_state == JWT_TIME_OK && jwt->nbf - check->policy->skew_s <= check->now_s);
}

static const char *clock_text(struct check *check, const char *word, int64_t at)
{
    char iso[CLOCK_ISO_ROOM];
    clock_iso(at, iso);
    return arena_printf(check->arena, "%s %s (server clock)", word, iso);
}

static const char *expiry_expected(struct check *check)
{
    const struct jwt *jwt = check->token;
    if (jwt->exp_state != JWT_TIME_OK)
        return "exp, a number of seconds since 1970-01-01 UTC";
    if (!exp_is_ahead(check))
        return clock_text(check, "after", check->now);
    if (jwt->nbf_state != JWT_TIME_OK)
        return "nbf, if given, a number of seconds since 1970-01-01 UTC";
    return clock_text(check, "nbf not after", check->now);
}

static const char *time_found(struct check *check, const char *prefix, int64_t at)
{
    char iso[CLOCK_ISO_ROOM];
    clock_iso(at * 1000, iso);
    int64_t ahead = at - check->now_s;
    return arena_printf(check->arena, "%s%s, %" PRId64 " s %s", prefix, iso,
                        ahead < 0 ? -ahead : ahead, ahead < 0 ? "ago" : "ahead");
}

static const char *bad_time_found(struct check *check, const char *prefix, const char *text)
{
    return arena_printf(check->arena, "%s%s", prefix, shown(check, text, NULL));
}

static const char *expiry_found(struct check *check)
{
    const struct jwt *jwt = check->token;
    if (jwt->exp_state != JWT_TIME_OK)
        return bad_time_found(check, "", jwt->exp_text);
    if (!exp_is_ahead(check) || expiry_holds(check))
        return time_found(check, "", jwt->exp);
    if (jwt->nbf_state != JWT_TIME_OK)
        return bad_time_found(check, "nbf ", jwt->nbf_text);
    return time_found(check, "nbf ", jwt->nbf);
}

/* Against the server's clock: iat is the caller's word and need not be given. */
static bool lifetime_holds(struct check *check)
{
    const struct jwt_policy *policy = check->policy;
    return check->token->exp - policy->max_life_s - policy->skew_s <= check->now_s;
}

static const char *lifetime_expected(struct check *check)
{
    return clock_text(
        check,
        arena_printf(check->arena, "exp at most %" PRId64 " s after", check->policy->max_life_s),
        check->now);
}

static const char *lifetime_found(struct check *check)
{
    return time_found(check, "", check->token->exp);
}

/* ---- JTI, SCOPES, SCOPES_FORM, SUBJECT ---- */

static bool jti_holds(struct check *check)
{
    return given(check->token->jti);
}

static const char *jti_expected(struct check *check)
{
    (void)check;
    return "jti, a text that is new for each token";
}

static const char *jti_found(struct check *check)
{
    return shown(check, check->token->jti, check->token->odd.jti);
}

static bool scopes_hold(struct check *check)
{
    const struct jwt *jwt = check->token;
    return jwt->scp_state == JWT_SCP_BAD || jwt->scp_count > 0;
}

static const char *scopes_expected(struct check *check)
{
    (void)check;
    return "scp, a list of at least one scope";
}

static const char *scopes_found(struct check *check)
{
    const struct jwt *jwt = check->token;
    if (jwt->scp_state != JWT_SCP_OK)
        return shown(check, NULL, jwt->odd.scp);
    return jwt->scp_count ? shown_list(check, jwt->scp, jwt->scp_count) : "an empty list";
}

static bool scopes_form_holds(struct check *check)
{
    return check->token->scp_state == JWT_SCP_OK;
}

static const char *scopes_form_expected(struct check *check)
{
    (void)check;
    return "scp, a list of strings";
}

static bool subject_holds(struct check *check)
{
    return given(check->token->sub);
}

static const char *subject_expected(struct check *check)
{
    (void)check;
    return "sub, the name of a user";
}

static const char *subject_found(struct check *check)
{
    return shown(check, check->token->sub, check->token->odd.sub);
}

static const struct step VERIFY_STEPS[] = {
    {TRUST_SIGNATURE, signature_holds, signature_expected, signature_found},
    {TRUST_AUDIENCE, audience_holds, audience_expected, audience_found},
    {TRUST_EXPIRY, expiry_holds, expiry_expected, expiry_found},
    {TRUST_LIFETIME, lifetime_holds, lifetime_expected, lifetime_found},
    {TRUST_JTI, jti_holds, jti_expected, jti_found},
    {TRUST_SCOPES, scopes_hold, scopes_expected, scopes_found},
    {TRUST_SCOPES_FORM, scopes_form_holds, scopes_form_expected, scopes_found},
    {TRUST_SUBJECT, subject_holds, subject_expected, subject_found},
};

struct verdict jwt_verify(struct arena *arena, const struct jwt *jwt, const void *key,
                          size_t key_len, const struct jwt_policy *policy, int64_t now,
                          struct trail *trail)
{
    struct check check = {.arena = arena,
                          .policy = policy,
                          .token = jwt,
                          .key = key,
                          .key_len = key_len,
                          .now = now,
                          .now_s = floor_seconds(now)};
    return run_steps(&check, VERIFY_STEPS, sizeof VERIFY_STEPS / sizeof *VERIFY_STEPS, trail);
}

/* ---- signing ---- */

static void add_json_string(struct buf *out, const char *text)
{
    buf_addc(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            buf_addc(out, '\\');
            buf_addc(out, *text);
        } else if (c < 0x20) {
            buf_addf(out, "\\u%04x", c);
        } else {
            buf_addc(out, *text);
        }
    }
    buf_addc(out, '"');
}

char *jwt_sign(struct arena *arena, const char *client_id, const char *secret_id,
               const char *secret_value, const char *claims_json)
{
    struct buf header;
    buf_init(&header, arena, 0);
    buf_adds(&header, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":");
    add_json_string(&header, secret_id);
    buf_adds(&header, ",\"iss\":");
    add_json_string(&header, client_id);
    buf_addc(&header, '}');

    size_t claims_len = strlen(claims_json);
    char *token = arena_alloc(arena, BASE64_ROOM(header.len) + BASE64_ROOM(claims_len) +
                                         BASE64_ROOM(MAC_BYTES));
    size_t len = base64url_encode(header.bytes, header.len, token);
    token[len++] = '.';
    len += base64url_encode(claims_json, claims_len, token + len);

    unsigned char mac[MAC_BYTES];
    if (!hmac(secret_value, strlen(secret_value), token, len, mac))
        return NULL;
    token[len++] = '.';
    base64url_encode(mac, MAC_BYTES, token + len);
    return token;
}
