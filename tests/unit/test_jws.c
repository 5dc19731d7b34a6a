/* test_jws: ES256 by a key's table against libcrypto's own way, on many signatures and
 * on what is none. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/arena.h"
#include "trust/jws.h"
#include "trust/jws_fast.h"

enum { SIGNATURES = 400, HALF = JWS_FAST_HALF, THREADS = 4 };

/* The order of P-256. */
static const char ORDER[] = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";

struct world {
    EVP_PKEY *key;
    struct jws_fast *fast;
    struct jws_fast_room *room;
};

static int begin(void **state)
{
    static struct world world;
    world = (struct world){EVP_EC_gen("P-256"), NULL, jws_fast_room_new()};
    world.fast = jws_fast_new(world.key);
    *state = &world;
    return world.fast ? 0 : -1;
}

static int end(void **state)
{
    struct world *world = *state;
    jws_fast_room_free(world->room);
    jws_fast_free(world->fast);
    EVP_PKEY_free(world->key);
    return 0;
}

static void raw_of(const unsigned char *der, size_t len, unsigned char raw[2 * HALF])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    assert_non_null(sig);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, HALF), HALF);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + HALF, HALF), HALF);
    ECDSA_SIG_free(sig);
}

static void sign(EVP_PKEY *key, const unsigned char hash[HALF], unsigned char raw[2 * HALF])
{
    unsigned char der[100];
    size_t len = sizeof der;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    assert_true(EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &len, hash, HALF) == 1);
    EVP_PKEY_CTX_free(ctx);
    raw_of(der, len, raw);
}

/* As libcrypto sees it. */
static bool fits_slowly(EVP_PKEY *key, const unsigned char *hash, const unsigned char *raw)
{
    unsigned char *der = NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, HALF, NULL), BN_bin2bn(raw + HALF, HALF, NULL));
    int len = i2d_ECDSA_SIG(sig, &der);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool fits =
        EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_verify(ctx, der, (size_t)len, hash, HALF) == 1;
    EVP_PKEY_CTX_free(ctx);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    return fits;
}

static void both_say(struct world *world, const unsigned char *hash, const unsigned char *raw,
                     bool wanted)
{
    assert_int_equal(jws_fast_verify(world->fast, world->room, hash, raw), wanted);
    assert_int_equal(fits_slowly(world->key, hash, raw), wanted);
}

static void signatures_fit(void **state)
{
    struct world *world = *state;
    unsigned char hash[HALF], raw[2 * HALF];
    for (int i = 0; i < SIGNATURES; i++) {
        RAND_bytes(hash, sizeof hash);
        if (i < 3)
            memset(hash, i == 0 ? 0 : i == 1 ? 1 : 0xFF, sizeof hash); /* the last is above n */
        sign(world->key, hash, raw);
        both_say(world, hash, raw, true);
    }
}

static void changed_ones_do_not(void **state)
{
    struct world *world = *state;
    unsigned char hash[HALF], raw[2 * HALF];
    RAND_bytes(hash, sizeof hash);
    sign(world->key, hash, raw);
    for (size_t i = 0; i < sizeof raw * 8; i += 5) {
        raw[i / 8] ^= (unsigned char)(1 << i % 8);
        both_say(world, hash, raw, false);
        raw[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    for (size_t i = 0; i < sizeof hash; i++) {
        hash[i] ^= 0x10;
        both_say(world, hash, raw, false);
        hash[i] ^= 0x10;
    }
    both_say(world, hash, raw, true);
}

static void another_key_s_do_not(void **state)
{
    struct world *world = *state;
    unsigned char hash[HALF], raw[2 * HALF];
    EVP_PKEY *other = EVP_EC_gen("P-256");
    RAND_bytes(hash, sizeof hash);
    sign(other, hash, raw);
    both_say(world, hash, raw, false);
    EVP_PKEY_free(other);
}

/* r and s outside of 1 to n - 1, whatever they are equal to modulo n; s and n - s are
 * both good. */
static void numbers_have_their_bounds(void **state)
{
    struct world *world = *state;
    unsigned char hash[HALF], good[2 * HALF], raw[2 * HALF];
    BIGNUM *order = NULL, *number = BN_new();
    BN_hex2bn(&order, ORDER);
    RAND_bytes(hash, sizeof hash);
    sign(world->key, hash, good);
    for (int half = 0; half < 2; half++)
        for (int what = 0; what < 4; what++) {
            memcpy(raw, good, sizeof raw);
            BN_copy(number, order);
            if (what == 0)
                BN_zero(number);
            else if (what == 1)
                BN_add_word(number, 1);
            else if (what == 2)
                BN_hex2bn(&number,
                          "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF");
            BN_bn2binpad(number, raw + half * HALF, HALF);
            both_say(world, hash, raw, false);
        }
    memcpy(raw, good, sizeof raw);
    BN_bin2bn(good + HALF, HALF, number);
    BN_sub(number, order, number);
    BN_bn2binpad(number, raw + HALF, HALF);
    both_say(world, hash, raw, true);
    BN_free(number);
    BN_free(order);
}

/* u1 G + u2 Q is no point that has coordinates: with Q = d G, e = -r d. */
static void the_point_at_infinity_does_not_fit(void **state)
{
    struct world *world = *state;
    unsigned char hash[HALF], raw[2 * HALF];
    BIGNUM *order = NULL, *d = NULL, *e = BN_new(), *r = BN_new();
    BN_CTX *ctx = BN_CTX_new();
    BN_hex2bn(&order, ORDER);
    assert_int_equal(EVP_PKEY_get_bn_param(world->key, OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
    BN_set_word(r, 12345);
    BN_mod_mul(e, r, d, order, ctx);
    BN_sub(e, order, e);
    BN_bn2binpad(e, hash, HALF);
    BN_bn2binpad(r, raw, HALF);
    BN_bn2binpad(r, raw + HALF, HALF);
    both_say(world, hash, raw, false);
    BN_CTX_free(ctx);
    BN_free(r);
    BN_free(e);
    BN_free(d);
    BN_free(order);
}

static void other_keys_have_no_table(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {EVP_EC_gen("P-384"), EVP_EC_gen("secp256k1"),
                        EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_null(jws_fast_new(keys[i]));
        EVP_PKEY_free(keys[i]);
    }
}

/* ---- as the server uses it */

struct signer {
    struct jws_key *key;
    unsigned char raw[2 * HALF];
    bool ok;
};

static const char INPUT[] = "header.payload";

static void *verify_often(void *context)
{
    struct signer *signer = context;
    unsigned char bad[2 * HALF];
    const struct jws_alg *alg = jws_alg_find("ES256");
    memcpy(bad, signer->raw, sizeof bad);
    bad[5] ^= 1;
    signer->ok = true;
    for (int i = 0; i < 300; i++)
        signer->ok = signer->ok &&
                     jws_verify(alg, signer->key, INPUT, strlen(INPUT), signer->raw, 2 * HALF) &&
                     !jws_verify(alg, signer->key, INPUT, strlen(INPUT), bad, 2 * HALF);
    return NULL;
}

/* Before, while and after it is hastened, on several threads. */
static void a_key_may_be_hastened_while_it_is_used(void **state)
{
    struct world *world = *state;
    struct arena *arena = arena_new(0);
    unsigned char point[65], hash[HALF];
    size_t len;
    unsigned hash_len;
    const char *why;
    pthread_t threads[THREADS];
    struct signer signers[THREADS];
    assert_int_equal(EVP_PKEY_get_octet_string_param(world->key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                     sizeof point, &len),
                     1);
    struct jws_key *key = jws_key_ec(arena, "P-256", point + 1, HALF, point + 1 + HALF, HALF, &why);
    EVP_Digest(INPUT, strlen(INPUT), hash, &hash_len, EVP_sha256(), NULL);
    for (int i = 0; i < THREADS; i++) {
        signers[i].key = key;
        sign(world->key, hash, signers[i].raw);
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &signers[i]), 0);
    }
    assert_true(jws_key_hasten(key));
    assert_false(jws_key_hasten(key));
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(signers[i].ok);
        verify_often(&signers[i]);
        assert_true(signers[i].ok);
    }
    arena_free(&arena);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(signatures_fit),
        TEST(changed_ones_do_not),
        TEST(another_key_s_do_not),
        TEST(numbers_have_their_bounds),
        TEST(the_point_at_infinity_does_not_fit),
        cmocka_unit_test(other_keys_have_no_table),
        TEST(a_key_may_be_hastened_while_it_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
