/* test_jwks: signatures, key sets and metadata: what is read, what is refused and
 * why, and which key a token gets. JSON is written with ' for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "trust/discover.h"
#include "trust/jwks.h"
#include "trust/jws.h"
#include "trust/jwt.h"
#include "vectors.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static int with_arena(void **state)
{
    *state = arena_new(0);
    return 0;
}

static int without_arena(void **state)
{
    arena_free((struct arena **)state);
    return 0;
}

static char *json_of(struct arena *arena, const char *text)
{
    char *json = arena_strdup(arena, text);
    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    return json;
}

static const char *read_set(struct arena *arena, const char *text, struct jwks *jwks_r)
{
    struct arena *scratch = arena_new(0);
    char *json = json_of(scratch, text);
    const char *fault = jwks_read(arena, scratch, json, strlen(json), jwks_r);
    fault = arena_strdup(arena, fault);
    arena_free(&scratch); /* nothing of the set may be in it */
    return fault;
}

/* A set of one key. */
static struct jwk *one(struct arena *arena, const char *members)
{
    struct jwks jwks;
    const char *fault = read_set(arena, arena_printf(arena, "{'keys':[{%s}]}", members), &jwks);
    if (fault || jwks.count != 1)
        fail_msg("%s: %s", members, fault ? fault : "not one key");
    return &jwks.keys[0];
}

/* ---- signatures */

static size_t signature_of(const struct vector *v, unsigned char *out)
{
    size_t len;
    assert_true(base64url_decode(v->signature, strlen(v->signature), out, &len));
    return len;
}

static void signatures_of_another_implementation_fit(void **state)
{
    unsigned char sig[600];
    for (size_t i = 0; i < LENGTH(VECTORS); i++) {
        const struct vector *v = &VECTORS[i];
        const struct jwk *jwk = one(*state, v->members);
        const struct jws_alg *alg = jws_alg_find(v->alg);
        size_t len = signature_of(v, sig);
        assert_non_null(alg);
        assert_null(jwk->unusable);
        if (!jws_verify(alg, jwk->key, INPUT, strlen(INPUT), sig, len))
            fail_msg("%s does not fit", v->alg);
        /* neither another text, nor one cut */
        assert_false(jws_verify(alg, jwk->key, INPUT, strlen(INPUT) - 1, sig, len));
        assert_false(jws_verify(alg, jwk->key, "", 0, sig, len));
    }
}

static void any_byte_of_a_signature_counts(void **state)
{
    unsigned char sig[600];
    for (size_t i = 0; i < LENGTH(VECTORS); i++) {
        const struct vector *v = &VECTORS[i];
        const struct jwk *jwk = one(*state, v->members);
        const struct jws_alg *alg = jws_alg_find(v->alg);
        size_t len = signature_of(v, sig);
        for (size_t at = 0; at < len; at += 5) {
            sig[at] ^= 1;
            if (jws_verify(alg, jwk->key, INPUT, strlen(INPUT), sig, len))
                fail_msg("%s: byte %zu does not count", v->alg, at);
            sig[at] ^= 1;
        }
        for (size_t cut = 0; cut < len; cut += 7)
            assert_false(jws_verify(alg, jwk->key, INPUT, strlen(INPUT), sig, cut));
        sig[len] = 0;
        assert_false(jws_verify(alg, jwk->key, INPUT, strlen(INPUT), sig, len + 1));
        memset(sig, 0, len);
        assert_false(jws_verify(alg, jwk->key, INPUT, strlen(INPUT), sig, len));
        memset(sig, 0xFF, len);
        assert_false(jws_verify(alg, jwk->key, INPUT, strlen(INPUT), sig, len));
    }
}

/* A signature of one algorithm is none of another of the same key. */
static void algorithms_do_not_mix(void **state)
{
    unsigned char sig[600];
    for (size_t i = 0; i < LENGTH(VECTORS); i++) {
        const struct jwk *jwk = one(*state, VECTORS[i].members);
        size_t len = signature_of(&VECTORS[i], sig);
        for (size_t j = 0; j < LENGTH(VECTORS); j++) {
            const struct jws_alg *alg = jws_alg_find(VECTORS[j].alg);
            if (j == i || strcmp(alg->kty, jwk->kty) != 0 ||
                (alg->crv && strcmp(alg->crv, jwk->crv)))
                continue;
            if (jws_verify(alg, jwk->key, INPUT, strlen(INPUT), sig, len))
                fail_msg("%s passes for %s", VECTORS[i].alg, alg->name);
        }
    }
}

struct verifying {
    const struct jwk *jwks[LENGTH(VECTORS)];
    unsigned char signatures[LENGTH(VECTORS)][600];
    size_t lengths[LENGTH(VECTORS)];
    size_t first;
};

static void *verify_in_turn(void *of)
{
    enum { ROUNDS = 20 };
    static char wrong;
    const struct verifying *v = of;
    for (size_t n = 0; n < ROUNDS * LENGTH(VECTORS); n++) {
        size_t i = (v->first + n) % LENGTH(VECTORS);
        const struct jws_alg *alg = jws_alg_find(VECTORS[i].alg);
        const char *input = n % 3 == 0 ? "another" : INPUT;
        if (jws_verify(alg, v->jwks[i]->key, input, strlen(input), v->signatures[i],
                       v->lengths[i]) != (n % 3 != 0))
            return &wrong;
    }
    return NULL;
}

/* A key keeps what was made ready for it: that is one thread's at a time, and of one
 * algorithm (RSA keys of the same numbers are shared among theirs). */
static void threads_share_keys(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct verifying each[THREADS] = {0};
    for (size_t i = 0; i < LENGTH(VECTORS); i++) {
        const struct jwk *jwk = one(*state, VECTORS[i].members);
        for (size_t j = 0; j < i; j++)
            if (strcmp(VECTORS[j].members, VECTORS[i].members) == 0)
                jwk = each[0].jwks[j];
        for (int t = 0; t < THREADS; t++) {
            each[t].jwks[i] = jwk;
            each[t].lengths[i] = signature_of(&VECTORS[i], each[t].signatures[i]);
            each[t].first = (size_t)t;
        }
    }
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, verify_in_turn, &each[t]), 0);
    for (int t = 0; t < THREADS; t++) {
        void *wrong;
        pthread_join(threads[t], &wrong);
        assert_null(wrong);
    }
}

static void names_of_algorithms(void **state)
{
    static const char *const none[] = {"HS256",  "HS384", "HS512",  "none",    "",    "rs256",
                                       "RS256 ", "RS1",   "ES256K", "Ed25519", "dir", "RSA-OAEP"};
    (void)state;
    for (size_t i = 0; i < LENGTH(none); i++)
        assert_null(jws_alg_find(none[i]));
    for (size_t i = 0; i < LENGTH(VECTORS); i++) {
        assert_string_equal(jws_alg_find(VECTORS[i].alg)->name, VECTORS[i].alg);
        assert_non_null(strstr(jws_alg_names(), VECTORS[i].alg));
    }
}

/* ---- one key */

#define X32 "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y32 "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

static const struct {
    const char *members, *unusable; /* NULL: good */
} KEYS[] = {
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "'", NULL}, /* RFC 7515, A.3 */
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "','use':'sig','kid':'a'", NULL},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "','key_ops':['verify','x']", NULL},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "','x5c':['MIIB'],'x5u':'http://x'", NULL},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "','use':'enc'", "its use is not sig"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "','use':1", "its use is no text"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "','key_ops':['sign']",
     "its key_ops do not hold verify"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "','key_ops':[]",
     "its key_ops do not hold verify"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "','key_ops':'verify'",
     "its key_ops do not hold verify"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "','d':'AAAA'", "a private key, published"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'" X32 "'", "a point that is not on the curve"},
    {"'kty':'EC','crv':'P-256','x':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',"
     "'y':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'",
     "a point that is not on the curve"},
    {"'kty':'EC','crv':'P-384','x':'" X32 "','y':'" Y32 "'",
     "coordinates of the wrong length for the curve"},
    {"'kty':'EC','crv':'P-256','x':'AA" X32 "','y':'" Y32 "'",
     "a number of the key is not base64url"},
    {"'kty':'EC','crv':'P-256','x':'AAAA','y':'" Y32 "'",
     "coordinates of the wrong length for the curve"},
    {"'kty':'EC','crv':'secp256k1','x':'" X32 "','y':'" Y32 "'", "a curve that is not supported"},
    {"'kty':'EC','x':'" X32 "','y':'" Y32 "'", "members of the key are missing"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "'", "members of the key are missing"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':''",
     "a number of the key is missing, odd or too long"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':1",
     "a number of the key is missing, odd or too long"},
    {"'kty':'EC','crv':'P-256','x':'" X32 "','y':'+/=='", "a number of the key is not base64url"},
    {"'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'", NULL},
    {"'kty':'OKP','crv':'X25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'",
     "a curve that is not supported"},
    {"'kty':'OKP','crv':'Ed25519','x':'11qY'", "a key of the wrong length for the curve"},
    {"'kty':'oct','k':'AAAA'", "a symmetric key"},
    {"'kty':'oct','k':'AAAA','alg':'RS256'", "a symmetric key"},
    {"'kty':'XX'", "a kty that is not supported"},
    {"'kty':1", "its kty is no text"},
    {"'kid':'a'", "it has no kty"},
    {"", "it is no object with members"},
    {"'kid':'a','kty':null", "it has no kty"},
    {"'kid':1," RSA_MEMBERS, "its kid is no text or too long"},
    {RSA_MEMBERS, NULL},
    {WEAK_MEMBERS, "an RSA key of less than 2048 bits"},
    {"'kty':'RSA','n':'AAAA','e':'AQAB'", "an RSA key of less than 2048 bits"},
    {"'kty':'RSA','n':'AQAB'", "members of the key are missing"},
    {"'kty':'RSA','e':'AQAB'", "members of the key are missing"},
};

static void keys_that_cannot_be_used_say_why(void **state)
{
    for (size_t i = 0; i < LENGTH(KEYS); i++) {
        const struct jwk *jwk = one(*state, KEYS[i].members);
        const char *wanted = KEYS[i].unusable;
        if (!wanted != !jwk->unusable || (wanted && strcmp(wanted, jwk->unusable) != 0))
            fail_msg("%s: %s", KEYS[i].members, jwk->unusable ? jwk->unusable : "good");
        assert_true((jwk->key != NULL) == (wanted == NULL));
    }
    assert_true(one(*state, WEAK_MEMBERS)->weak);
    assert_int_equal(one(*state, WEAK_MEMBERS)->bits, 1024);
    assert_int_equal(one(*state, RSA_MEMBERS)->bits, 2048);
    assert_false(one(*state, RSA_MEMBERS)->weak);
}

/* RSA with numbers of our choice: the sizes and exponents at the borders. */
static void numbers_of_rsa(void **state)
{
    static const struct {
        size_t n_len;
        unsigned char top, last;
        const char *e;
        size_t e_len;
        const char *why;
    } rows[] = {
        {256, 0x80, 1, "\1\0\1", 3, NULL},
        {256, 0x7F, 1, "\1\0\1", 3, "an RSA key of less than 2048 bits"},
        {256, 0x80, 2, "\1\0\1", 3, "an even modulus"},
        {1024, 0x80, 1, "\3", 1, NULL},
        {1025, 0x01, 1, "\3", 1, "an RSA key of more than 8192 bits"},
        {256, 0x80, 1, "\1", 1, "an exponent that is even, 1 or longer than 32 bits"},
        {256, 0x80, 1, "\0\1", 2, "an exponent that is even, 1 or longer than 32 bits"},
        {256, 0x80, 1, "\0", 1, "an exponent that is even, 1 or longer than 32 bits"},
        {256, 0x80, 1, "\1\0\0", 3, "an exponent that is even, 1 or longer than 32 bits"},
        {256, 0x80, 1, "\1\0\0\0\1", 5, "an exponent that is even, 1 or longer than 32 bits"},
        {256, 0x80, 1, "\0\0\0\1\0\1", 6, NULL},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        unsigned char n[1025];
        unsigned bits;
        const char *why;
        memset(n, 0x55, sizeof n);
        n[0] = rows[i].top;
        n[rows[i].n_len - 1] = rows[i].last;
        const struct jws_key *key = jws_key_rsa(
            *state, n, rows[i].n_len, (const unsigned char *)rows[i].e, rows[i].e_len, &bits, &why);
        if (!why != !rows[i].why || (why && strcmp(why, rows[i].why) != 0))
            fail_msg("row %zu: %s", i, why ? why : "good");
        assert_true((key != NULL) == (why == NULL));
    }
}

/* ---- sets */

/* What is no object is a key that cannot be used. */
static void odd_keys_spoil_no_others(void **state)
{
    struct jwks jwks;
    assert_null(read_set(*state, "{'keys':[1,null,'x',[{}],{'kid':'a'}]}", &jwks));
    assert_int_equal(jwks.count, 5);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(jwks.keys[i].unusable, "it is no object with members");
    assert_string_equal(jwks.keys[4].kid, "a");
}

static void sets_are_refused_whole(void **state)
{
    static const struct {
        const char *json, *fault;
    } rows[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"<html>", "not a JSON object"},
        {"{}", "no list of keys"},
        {"{'keys':{}}", "no list of keys"},
        {"{'keys':null}", "no list of keys"},
        {"{'keys':[],'keys':[]}", "two members of one name"},
        {"{'keys':[{'kid':'a','kid':'b'}]}", "two members of one name"},
        {"{'keys':[]}x", "bytes behind the object"},
        {"{'keys':[}", "not JSON"},
        {"{'keys':[{'a':[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}]}", "nested deeper than 16 levels"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct jwks jwks;
        const char *fault = read_set(*state, rows[i].json, &jwks);
        if (!fault || strcmp(fault, rows[i].fault) != 0)
            fail_msg("%s: %s", rows[i].json, fault ? fault : "good");
    }
}

static void a_set_holds_a_hundred_keys(void **state)
{
    for (size_t count = 99; count <= 102; count++) {
        struct buf text;
        struct jwks jwks;
        buf_init(&text, *state, 0);
        buf_adds(&text, "{'keys':[");
        for (size_t i = 0; i < count; i++)
            buf_addf(&text, "%s{'kid':'%zu','k\\u0074y':'RSA'}", i ? "," : "", i);
        buf_adds(&text, "]}");
        const char *fault = read_set(*state, text.bytes, &jwks);
        if (count > JWKS_KEYS_MOST) {
            assert_string_equal(fault, "more than 100 keys");
            continue;
        }
        assert_null(fault);
        assert_int_equal(jwks.count, count);
        assert_string_equal(jwks.keys[count - 1].kid, count == 99 ? "98" : "99");
        assert_string_equal(jwks.keys[0].kty, "RSA"); /* escapes in names are resolved */
    }
}

static void an_empty_set_is_one(void **state)
{
    struct jwks jwks;
    assert_null(read_set(*state, " { 'x' : [ {} ] , 'keys' : [ ] } ", &jwks));
    assert_int_equal(jwks.count, 0);
}

/* ---- choosing */

#define CURVE(kid) "{'kid':'" kid "','kty':'EC','crv':'P-256','x':'" X32 "','y':'" Y32 "'}"
static const char CHOICES[] = "{'keys':[" CURVE("one") "," CURVE("two") "," CURVE(
    "two") ",{'kid':'two'," RSA_MEMBERS "},"
           "{'kid':'bound','alg':'RS256'," RSA_MEMBERS "},{'kid':'weak'," WEAK_MEMBERS "},"
           "{" RSA_MEMBERS "},{'kid':'mixed','kty':'oct','k':'AAAA'},{'kid':'mixed'," RSA_MEMBERS
           "}]}";

static void the_key_that_kid_and_alg_name(void **state)
{
    static const struct {
        const char *kid, *alg;
        enum jwks_choice choice;
    } rows[] = {
        {"one", "ES256", JWKS_CHOSEN},      {"one", "ES384", JWKS_UNFIT},
        {"one", "RS256", JWKS_UNFIT},       {"One", "ES256", JWKS_UNKNOWN},
        {"one ", "ES256", JWKS_UNKNOWN},    {"two", "ES256", JWKS_AMBIGUOUS},
        {"two", "RS256", JWKS_CHOSEN},      {"two", "PS512", JWKS_CHOSEN},
        {"bound", "RS256", JWKS_CHOSEN},    {"bound", "RS384", JWKS_UNFIT},
        {"bound", "PS256", JWKS_UNFIT},     {"weak", "RS256", JWKS_UNFIT},
        {"mixed", "RS256", JWKS_CHOSEN},    {"mixed", "ES256", JWKS_UNFIT},
        {"nothing", "RS256", JWKS_UNKNOWN}, {"", "RS256", JWKS_UNKNOWN},
    };
    struct jwks jwks;
    assert_null(read_set(*state, CHOICES, &jwks));
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const struct jwk *jwk;
        const char *why;
        enum jwks_choice choice =
            jwks_choose(*state, &jwks, rows[i].kid, jws_alg_find(rows[i].alg), &jwk, &why);
        if (choice != rows[i].choice)
            fail_msg("%s for %s: %d, %s", rows[i].kid, rows[i].alg, (int)choice, why ? why : "");
        assert_true((why == NULL) == (choice == JWKS_CHOSEN));
        assert_true(choice != JWKS_CHOSEN || jwk->key);
    }
}

static void words_of_a_key_are_escaped(void **state)
{
    const struct jwk *jwk = one(*state, "'kty':'\\u001b[2J\\u00e9','alg':'\\u0007'");
    assert_string_equal(jwk_describe(*state, jwk), "'\\x1B[2J\\xC3\\xA9', for '\\x07'");
}

/* ---- metadata */

static void metadata_is_issuer_and_jwks_uri(void **state)
{
    static const struct {
        const char *json, *fault;
    } rows[] = {
        {"{'issuer':'https://a','jwks_uri':'https://a/k'}", NULL},
        {"{'jwks_uri':'https:\\/\\/a\\/k','x':{'issuer':'b'},'issuer':'https://a'}", NULL},
        {"{'jwks_uri':'https://a/k'}", "no issuer"},
        {"{'issuer':'','jwks_uri':'https://a/k'}", "no issuer"},
        {"{'issuer':['https://a'],'jwks_uri':'https://a/k'}", "no issuer"},
        {"{'issuer':'https://a'}", "no jwks_uri"},
        {"{'issuer':'https://a','jwks_uri':null}", "no jwks_uri"},
        {"{'issuer':'https://a','issuer':'https://b','jwks_uri':'https://a/k'}",
         "two members of one name"},
        {"{'issuer':'https://a\\u0000b','jwks_uri':'https://a/k'}", "NUL in a string"},
        {"<html>", "not a JSON object"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct metadata metadata;
        struct arena *scratch = arena_new(0);
        char *json = json_of(scratch, rows[i].json);
        const char *fault = metadata_read(*state, scratch, json, strlen(json), &metadata);
        if (!fault != !rows[i].fault || (fault && strcmp(fault, rows[i].fault) != 0))
            fail_msg("%s: %s", rows[i].json, fault ? fault : "good");
        arena_free(&scratch);
        if (!fault) {
            assert_string_equal(metadata.issuer, "https://a");
            assert_string_equal(metadata.jwks_uri, "https://a/k");
        }
    }
}

static void where_metadata_is_looked_for(void **state)
{
    static const struct {
        const char *issuer, *urls[DISCOVER_URLS];
    } rows[] = {
        {"https://a",
         {"https://a/.well-known/openid-configuration",
          "https://a/.well-known/oauth-authorization-server", NULL}},
        {"https://a/",
         {"https://a/.well-known/openid-configuration",
          "https://a/.well-known/oauth-authorization-server", NULL}},
        {"https://a:8/t/u/",
         {"https://a:8/t/u/.well-known/openid-configuration",
          "https://a:8/t/u/.well-known/oauth-authorization-server",
          "https://a:8/.well-known/oauth-authorization-server/t/u"}},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const char *urls[DISCOVER_URLS] = {NULL, NULL, NULL};
        size_t count = discover_urls(*state, rows[i].issuer, urls);
        assert_int_equal(count, rows[i].urls[2] ? 3 : 2);
        for (size_t j = 0; j < count; j++)
            assert_string_equal(urls[j], rows[i].urls[j]);
    }
}

/* ---- the kinds of token do not mix */

static void kinds_do_not_mix(void **state)
{
    static const struct {
        const char *alg;
        bool direct, eas, unknown;
    } rows[] = {
        {"HS256", true, false, true},   {"HS384", false, false, false},
        {"HS512", false, false, false}, {"RS256", false, true, true},
        {"PS512", false, true, true},   {"ES384", false, true, true},
        {"EdDSA", false, true, true},   {"none", false, false, false},
        {"ES512", false, false, true}, /* barred here */
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const bool wanted[] = {rows[i].direct, rows[i].eas, rows[i].unknown};
        struct jwt jwt = {.alg = rows[i].alg};
        for (int kind = JWT_DIRECT; kind <= JWT_UNKNOWN; kind++) {
            struct jwt_policy policy = jwt_policy_default;
            policy.kind = (enum jwt_kind)kind;
            policy.barred = "PS384, ES512";
            struct verdict v = jwt_check_alg(*state, &jwt, &policy, NULL);
            if ((v.failed == TRUST_OK) != wanted[kind])
                fail_msg("%s as kind %d", rows[i].alg, kind);
            if (v.failed && kind == JWT_EAS)
                assert_int_equal(verdict_row(&v)->fine,
                                 strcmp(rows[i].alg, "ES512") == 0 ? 10087 : 10084);
        }
    }
}

/* A secret is not looked at for a server's token, nor a public key for an app's. */
static void keys_of_the_other_kind_are_not_there(void **state)
{
    struct jwt jwt = {.alg = "RS256", .signing_input = INPUT, .signing_len = strlen(INPUT)};
    struct jwt_key key = {.secret = "x", .secret_len = 1};
    struct jwt_policy policy = jwt_policy_default;
    unsigned char sig[600];
    jwt.signature = sig;
    jwt.signature_len = signature_of(&VECTORS[0], sig);
    policy.kind = JWT_EAS;
    assert_int_equal(jwt_verify_with(*state, &jwt, &key, &policy, 0, NULL).failed, TRUST_SIGNATURE);
    key.alg = jws_alg_find("RS256");
    key.public_key = one(*state, RSA_MEMBERS)->key;
    assert_int_equal(jwt_verify_with(*state, &jwt, &key, &policy, 0, NULL).failed, TRUST_AUDIENCE);
    policy.kind = JWT_DIRECT;
    assert_int_equal(jwt_verify_with(*state, &jwt, &key, &policy, 0, NULL).failed, TRUST_SIGNATURE);
    policy.kind = JWT_UNKNOWN;
    assert_int_equal(jwt_verify_with(*state, &jwt, &key, &policy, 0, NULL).failed, TRUST_SIGNATURE);
    policy.kind = JWT_EAS;
    key.alg = jws_alg_find("RS384"); /* not what the header says */
    assert_int_equal(jwt_verify_with(*state, &jwt, &key, &policy, 0, NULL).failed, TRUST_SIGNATURE);
}

/* Where the policy says so, one string is taken apart at its spaces. */
static void scopes_as_one_string(void **state)
{
    static const struct {
        const char *scp;
        enum trust_check off, on;
        size_t count;
    } rows[] = {
        {"'a'", TRUST_SCOPES_FORM, TRUST_OK, 1},
        {"'a b:c:*'", TRUST_SCOPES_FORM, TRUST_OK, 2},
        {"'  a   b '", TRUST_SCOPES_FORM, TRUST_OK, 2},
        {"'a,b'", TRUST_SCOPES_FORM, TRUST_OK, 1},
        {"''", TRUST_SCOPES_FORM, TRUST_SCOPES, 0},
        {"'  '", TRUST_SCOPES_FORM, TRUST_SCOPES, 0},
        {"['a','b']", TRUST_OK, TRUST_OK, 2},
        {"[]", TRUST_SCOPES, TRUST_SCOPES, 0},
        {"[1]", TRUST_SCOPES_FORM, TRUST_SCOPES_FORM, 0},
        {"{}", TRUST_SCOPES_FORM, TRUST_SCOPES_FORM, 0},
        {"null", TRUST_SCOPES_FORM, TRUST_SCOPES_FORM, 0},
    };
    struct arena *arena = *state;
    for (size_t i = 0; i < LENGTH(rows) * 2; i++) {
        bool on = i % 2;
        struct jwt jwt;
        struct jwt_policy policy = jwt_policy_default;
        policy.scp_string = on;
        const char *claims =
            json_of(arena, arena_printf(arena,
                                        "{'iss':'i','aud':'tableau','sub':'s','jti':'j','exp':100,"
                                        "'scp':%s}",
                                        rows[i / 2].scp));
        const char *token = jwt_sign(arena, "i", "k", "secret", claims);
        assert_int_equal(jwt_parse(arena, token, strlen(token), &policy, &jwt, NULL).failed,
                         TRUST_OK);
        struct verdict v = jwt_verify(arena, &jwt, "secret", 6, &policy, 1000, NULL);
        if (v.failed != (on ? rows[i / 2].on : rows[i / 2].off))
            fail_msg("%s, %s: %d", rows[i / 2].scp, on ? "on" : "off", (int)v.failed);
        assert_true(!on || v.failed || jwt.scp_count == rows[i / 2].count);
        assert_true(!v.failed || (v.found && *v.found));
    }
}

static void rows_of_both_kinds(void **state)
{
    (void)state;
    for (int check = TRUST_OK + 1; check < TRUST_CHECKS; check++) {
        const struct trust_check_row *direct = trust_check_row((enum trust_check)check);
        const struct trust_check_row *eas = trust_check_row_of((enum trust_check)check, JWT_EAS);
        assert_string_equal(direct->id, eas->id);
        assert_ptr_equal(trust_check_row_of((enum trust_check)check, JWT_DIRECT), direct);
        assert_int_equal(direct->seed, eas->seed);
    }
    assert_int_equal(trust_finer_row(FINER_METADATA)->fine, 10081);
    assert_int_equal(trust_finer_row(FINER_WEAK_KEY)->fine, 10088);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(signatures_of_another_implementation_fit, with_arena,
                                        without_arena),
        cmocka_unit_test_setup_teardown(any_byte_of_a_signature_counts, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(algorithms_do_not_mix, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(threads_share_keys, with_arena, without_arena),
        cmocka_unit_test(names_of_algorithms),
        cmocka_unit_test_setup_teardown(keys_that_cannot_be_used_say_why, with_arena,
                                        without_arena),
        cmocka_unit_test_setup_teardown(numbers_of_rsa, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(odd_keys_spoil_no_others, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(sets_are_refused_whole, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(a_set_holds_a_hundred_keys, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(an_empty_set_is_one, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(the_key_that_kid_and_alg_name, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(words_of_a_key_are_escaped, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(metadata_is_issuer_and_jwks_uri, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(where_metadata_is_looked_for, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(kinds_do_not_mix, with_arena, without_arena),
        cmocka_unit_test_setup_teardown(keys_of_the_other_kind_are_not_there, with_arena,
                                        without_arena),
        cmocka_unit_test_setup_teardown(scopes_as_one_string, with_arena, without_arena),
        cmocka_unit_test(rows_of_both_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
