/* jwt.c: see jwt.h.
 *
 * Two tables of steps, in the order of checks.def. A step answers yes or no;
 * what it expected and found is put into words only when it fails or somebody
 * listens, so the common case builds no text. */
#include "trust/jwt.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/json_lex.h"
#include "trust/claims.h"
#include "trust/jws.h"
#include "trust/jwt_read.h"
#include "trust/mac.h"

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

/* By check; those that are as in ROWS have no id here. */
static const struct trust_check_row EAS_ROWS[TRUST_CHECKS] = {
#define CHECK_EAS(id, seed, fine, name, title, advice) \
    [TRUST_##id] = {#id, seed, fine, name, title, advice},
#define FINER_EAS(finer, id, seed, fine, name, title, advice)
#include "trust/checks_eas.def"
#undef CHECK_EAS
#undef FINER_EAS
};

static const struct trust_check_row FINER_ROWS[] = {
#define CHECK_EAS(id, seed, fine, name, title, advice)
#define FINER_EAS(finer, id, seed, fine, name, title, advice) \
    {#id, seed, fine, name, title, advice},
#include "trust/checks_eas.def"
#undef CHECK_EAS
#undef FINER_EAS
};

const struct trust_check_row *trust_check_row(enum trust_check check)
{
    assert(check > TRUST_OK && check < TRUST_CHECKS);
    return &ROWS[check - 1];
}

const struct trust_check_row *trust_check_row_of(enum trust_check check, enum jwt_kind kind)
{
    const struct trust_check_row *direct = trust_check_row(check);
    return kind == JWT_EAS && EAS_ROWS[check].id ? &EAS_ROWS[check] : direct;
}

const struct trust_check_row *trust_finer_row(enum trust_finer finer)
{
    return &FINER_ROWS[finer];
}

const struct trust_check_row *verdict_row(const struct verdict *verdict)
{
    return verdict->row ? verdict->row : trust_check_row(verdict->failed);
}

/* ---- one run over a table of steps ---- */

struct check {
    struct arena *arena;
    const struct jwt_policy *policy;
    struct jwt *jwt;         /* being filled by jwt_parse */
    const struct jwt *token; /* the same, for reading */
    const char *text;        /* the compact form */
    size_t len;
    struct jwt_reading reading;
    const struct jwt_key *key;
    int64_t now, now_s;
};

struct step {
    enum trust_check check;
    bool (*holds)(struct check *check);
    const char *(*expected)(struct check *check);
    const char *(*found)(struct check *check);
};

static bool is_barred(const struct check *check);

static struct verdict fails(struct check *check, const struct step *step)
{
    enum jwt_kind kind = check->policy->kind;
    return (struct verdict){.failed = step->check,
                            .expected = step->expected(check),
                            .found = step->found(check),
                            .row = step->check == TRUST_ALG && is_barred(check)
                                       ? trust_finer_row(FINER_ALG_BARRED)
                                       : trust_check_row_of(step->check, kind)};
}

static struct verdict run_steps(struct check *check, const struct step *steps, size_t count,
                                struct trail *trail)
{
    for (size_t i = 0; i < count; i++) {
        if (!steps[i].holds(check))
            return fails(check, &steps[i]);
        if (trail)
            trail->passed(trail, steps[i].check, steps[i].found(check));
    }
    return (struct verdict){.failed = TRUST_OK};
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

/* ---- FORM: three parts, base64url, JSON ---- */

static bool form_holds(struct check *check)
{
    return jwt_read(check->arena, check->text, check->len, check->jwt, &check->reading);
}

static const char *form_expected(struct check *check)
{
    return check->reading.expected;
}

static const char *form_found(struct check *check)
{
    if (check->reading.found)
        return check->reading.found;
    return check->reading.part_count == JWT_PARTS_JWE ? "five parts" : "three parts";
}

/* ---- SIGNED ---- */

static bool is_alg_none(const struct jwt *jwt)
{
    return jwt->alg && strcasecmp(jwt->alg, "none") == 0;
}

static bool signed_holds(struct check *check)
{
    return check->reading.part_count == JWT_PARTS && !is_alg_none(check->token) &&
           check->token->signature_len > 0;
}

static const char *signed_expected(struct check *check)
{
    (void)check;
    return "a signed token (JWS)";
}

static const char *signed_found(struct check *check)
{
    if (check->reading.part_count != JWT_PARTS)
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
    const char *header = check->token->header_iss, *payload = check->reading.payload_iss;
    return !header || !payload || strcmp(header, payload) == 0;
}

static bool ids_hold(struct check *check)
{
    struct jwt *jwt = check->jwt;
    jwt->iss = jwt->header_iss ? jwt->header_iss : check->reading.payload_iss;
    return given(jwt->kid) && !jwt->odd.iss && issuers_agree(check) && given(jwt->iss);
}

static const char *ids_expected(struct check *check)
{
    if (!given(check->token->kid))
        return "kid, the id of a secret or key";
    return issuers_agree(check) ? "iss, the client id or issuer"
                                : "the same iss in header and payload";
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
                            shown(check, check->reading.payload_iss, NULL));
    const char *iss = shown(check, jwt->iss, jwt->odd.iss);
    if (!given(jwt->iss) || jwt->odd.iss)
        return arena_printf(check->arena, "iss %s", iss);
    return arena_printf(check->arena, "kid %s, iss %s", kid, iss);
}

/* ---- ALG: fixed by the kind of trust, never chosen by the header ---- */

static bool is_barred(const struct check *check)
{
    const char *alg = check->token->alg;
    return check->policy->kind == JWT_EAS && alg && jws_alg_listed(check->policy->barred, alg);
}

static bool alg_holds(struct check *check)
{
    const char *alg = check->token->alg;
    enum jwt_kind kind = check->policy->kind;
    bool direct = alg && strcmp(alg, "HS256") == 0;
    if (kind == JWT_DIRECT || (kind == JWT_UNKNOWN && direct))
        return direct;
    return alg && jws_alg_find(alg) && !is_barred(check);
}

static const char *alg_expected(struct check *check)
{
    switch (check->policy->kind) {
    case JWT_DIRECT:
        return "'HS256'";
    case JWT_EAS:
        if (check->policy->barred && *check->policy->barred)
            return arena_printf(check->arena, "one of %s, but none of %.200s", jws_alg_names(),
                                check->policy->barred);
        return arena_printf(check->arena, "one of %s", jws_alg_names());
    case JWT_UNKNOWN:
        break;
    }
    return arena_printf(check->arena, "HS256, or one of %s", jws_alg_names());
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
};

static const struct step ALG_STEP = {TRUST_ALG, alg_holds, alg_expected, alg_found};

struct verdict jwt_parse_ids(struct arena *arena, const char *token, size_t len,
                             const struct jwt_policy *policy, struct jwt *jwt_r,
                             struct trail *trail)
{
    *jwt_r = (struct jwt){0};
    struct check check = {
        .arena = arena, .policy = policy, .jwt = jwt_r, .token = jwt_r, .text = token, .len = len};
    return run_steps(&check, PARSE_STEPS, sizeof PARSE_STEPS / sizeof *PARSE_STEPS, trail);
}

struct verdict jwt_check_alg(struct arena *arena, const struct jwt *jwt,
                             const struct jwt_policy *policy, struct trail *trail)
{
    struct check check = {.arena = arena, .policy = policy, .token = jwt};
    return run_steps(&check, &ALG_STEP, 1, trail);
}

struct verdict jwt_parse(struct arena *arena, const char *token, size_t len,
                         const struct jwt_policy *policy, struct jwt *jwt_r, struct trail *trail)
{
    struct verdict verdict = jwt_parse_ids(arena, token, len, policy, jwt_r, trail);
    return verdict.failed ? verdict : jwt_check_alg(arena, jwt_r, policy, trail);
}

/* ---- SIGNATURE ---- */

static bool mac_fits(const struct jwt *jwt, const void *key, size_t key_len)
{
    unsigned char mac[MAC_BYTES];
    bool fits = jwt->signature_len == MAC_BYTES &&
                mac_sha256(key, key_len, jwt->signing_input, jwt->signing_len, mac) &&
                CRYPTO_memcmp(mac, jwt->signature, MAC_BYTES) == 0;
    OPENSSL_cleanse(mac, sizeof mac);
    return fits;
}

/* The policy's kind decides what the key is; a key of the other kind is not there. */
static bool signature_holds(struct check *check)
{
    const struct jwt *jwt = check->token;
    const struct jwt_key *key = check->key;
    if (check->policy->kind == JWT_DIRECT)
        return mac_fits(jwt, key->secret, key->secret_len);
    return check->policy->kind == JWT_EAS && key->alg && key->public_key &&
           strcmp(key->alg->name, jwt->alg) == 0 &&
           jws_verify(key->alg, key->public_key, jwt->signing_input, jwt->signing_len,
                      jwt->signature, jwt->signature_len);
}

static const char *signature_expected(struct check *check)
{
    if (check->policy->kind == JWT_DIRECT)
        return "HMAC-SHA256 of header.payload, keyed with the text of the secret value";
    return arena_printf(check->arena, "%s over header.payload, by the key that kid names",
                        check->key->alg ? check->key->alg->name : "a signature");
}

/* A common mistake of signers, worth a word of its own; only asked on failure. */
static bool fits_decoded_key(struct check *check)
{
    unsigned char key[64];
    size_t len = 0;
    const struct jwt_key *given = check->key;
    bool fits = given->secret && given->secret_len <= 64 &&
                base64_decode(given->secret, given->secret_len, key, &len) &&
                mac_fits(check->token, key, len);
    OPENSSL_cleanse(key, sizeof key);
    return fits;
}

static const char *signature_found(struct check *check)
{
    bool direct = check->policy->kind == JWT_DIRECT;
    if (direct && check->token->signature_len != MAC_BYTES)
        return arena_printf(check->arena, "a signature of %zu bytes, not 32",
                            check->token->signature_len);
    if (signature_holds(check))
        return "it fits";
    if (direct && fits_decoded_key(check))
        return "a signature keyed with the base64-decoded secret value";
    return "a signature by another key, or of another header.payload";
}

/* ---- AUDIENCE ---- */

static bool audience_holds(struct check *check)
{
    const struct jwt *jwt = check->token;
    const struct jwt_policy *policy = check->policy;
    for (size_t i = 0; jwt->aud_ok_type && i < jwt->aud_count; i++)
        if (strcmp(jwt->aud[i], policy->audience) == 0 ||
            (policy->other_audience && strcmp(jwt->aud[i], policy->other_audience) == 0))
            return true;
    return false;
}

static const char *audience_expected(struct check *check)
{
    const struct jwt_policy *policy = check->policy;
    const char *one = claims_show(check->arena, policy->audience, strlen(policy->audience));
    if (!policy->other_audience)
        return one;
    return arena_printf(
        check->arena, "%s or %s", one,
        claims_show(check->arena, policy->other_audience, strlen(policy->other_audience)));
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

/* True where scp is of a form that is taken; SCOPES_FORM says so of the others. */
static bool scopes_readable(const struct check *check)
{
    const struct jwt *jwt = check->token;
    return jwt->scp_state == JWT_SCP_OK ||
           (jwt->scp_state == JWT_SCP_STRING && check->policy->scp_string);
}

static bool scopes_hold(struct check *check)
{
    const struct jwt *jwt = check->token;
    return scopes_readable(check) ? jwt->scp_count > 0 : jwt->scp_state != JWT_SCP_ABSENT;
}

static const char *scopes_expected(struct check *check)
{
    (void)check;
    return "scp, a list of at least one scope";
}

static const char *scopes_found(struct check *check)
{
    const struct jwt *jwt = check->token;
    if (!scopes_readable(check))
        return shown(check, NULL, jwt->odd.scp);
    return jwt->scp_count ? shown_list(check, jwt->scp, jwt->scp_count) : "an empty list";
}

static bool scopes_form_holds(struct check *check)
{
    return scopes_readable(check);
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
    const char *claim = check->policy->kind == JWT_EAS ? check->policy->user_claim : NULL;
    return claim ? arena_printf(check->arena, "%.100s, the name of a user", claim)
                 : "sub, the name of a user";
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

const char *jwt_claim_text(struct arena *arena, const struct jwt *jwt, const char *name,
                           const char **odd_r)
{
    const struct jwt_claim *claim = jwt->claims;
    while (claim && strcmp(claim->name, name) != 0)
        claim = claim->next;
    *odd_r = NULL;
    if (!claim)
        return NULL;
    size_t len = strlen(claim->json);
    if (*claim->json != '"' || len < 2) {
        *odd_r = "no string";
        return NULL;
    }
    char *text = arena_strndup(arena, claim->json + 1, len - 2);
    text[json_unescape(text, len - 2)] = '\0';
    return text;
}

struct verdict jwt_verify_with(struct arena *arena, const struct jwt *jwt,
                               const struct jwt_key *key, const struct jwt_policy *policy,
                               int64_t now, struct trail *trail)
{
    struct check check = {.arena = arena,
                          .policy = policy,
                          .token = jwt,
                          .key = key,
                          .now = now,
                          .now_s = floor_seconds(now)};
    return run_steps(&check, VERIFY_STEPS, sizeof VERIFY_STEPS / sizeof *VERIFY_STEPS, trail);
}

struct verdict jwt_verify(struct arena *arena, const struct jwt *jwt, const void *key,
                          size_t key_len, const struct jwt_policy *policy, int64_t now,
                          struct trail *trail)
{
    struct jwt_key secret = {.secret = key, .secret_len = key_len};
    return jwt_verify_with(arena, jwt, &secret, policy, now, trail);
}
