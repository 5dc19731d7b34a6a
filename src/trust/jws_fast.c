/* jws_fast.c: see jws_fast.h. */
#define OPENSSL_SUPPRESS_DEPRECATED /* of tables: there is no other way to have one */
#include "trust/jws_fast.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>

enum { POINT_BYTES = 1 + 2 * JWS_FAST_HALF };

struct jws_fast {
    EC_GROUP *curve;  /* P-256 */
    EC_GROUP *of_key; /* the same, but that the key is its base point */
};

struct jws_fast_room {
    BN_CTX *ctx;
    BIGNUM *r, *s, *e, *w, *u, *x;
};

/* ---- tables */

static bool make_table(struct jws_fast *fast, const unsigned char *point, size_t len, BN_CTX *ctx)
{
    fast->curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    fast->of_key = fast->curve ? EC_GROUP_dup(fast->curve) : NULL;
    EC_POINT *key = fast->of_key ? EC_POINT_new(fast->curve) : NULL;
    bool made = key && EC_POINT_oct2point(fast->curve, key, point, len, ctx) == 1 &&
                EC_POINT_is_on_curve(fast->curve, key, ctx) == 1 &&
                EC_POINT_is_at_infinity(fast->curve, key) == 0 &&
                EC_GROUP_set_generator(fast->of_key, key, EC_GROUP_get0_order(fast->curve),
                                       EC_GROUP_get0_cofactor(fast->curve)) == 1 &&
                EC_GROUP_precompute_mult(fast->of_key, ctx) == 1 &&
                EC_GROUP_have_precompute_mult(fast->of_key) == 1;
    EC_POINT_free(key);
    return made;
}

/* A multiple of the key by its table must be the one that the curve gives. */
static bool table_holds(const struct jws_fast *fast, BN_CTX *ctx)
{
    BIGNUM *number = BN_new();
    EC_POINT *by_table = EC_POINT_new(fast->of_key), *by_curve = EC_POINT_new(fast->curve);
    bool holds = number && by_table && by_curve &&
                 BN_rand_range(number, EC_GROUP_get0_order(fast->curve)) == 1 &&
                 EC_POINT_mul(fast->of_key, by_table, number, NULL, NULL, ctx) == 1 &&
                 EC_POINT_mul(fast->curve, by_curve, NULL, EC_GROUP_get0_generator(fast->of_key),
                              number, ctx) == 1 &&
                 EC_POINT_cmp(fast->curve, by_table, by_curve, ctx) == 0;
    EC_POINT_free(by_table);
    EC_POINT_free(by_curve);
    BN_free(number);
    return holds;
}

struct jws_fast *jws_fast_new(EVP_PKEY *pkey)
{
    char group[32];
    size_t len = 0;
    unsigned char point[POINT_BYTES];
    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                       &len) != 1 ||
        OBJ_sn2nid(group) != NID_X9_62_prime256v1 ||
        EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) !=
            1)
        return NULL;
    struct jws_fast *fast = calloc(1, sizeof *fast);
    BN_CTX *ctx = BN_CTX_new();
    if (!fast || !ctx)
        abort();
    if (!make_table(fast, point, len, ctx) || !table_holds(fast, ctx)) {
        jws_fast_free(fast);
        fast = NULL;
    }
    BN_CTX_free(ctx);
    return fast;
}

void jws_fast_free(struct jws_fast *fast)
{
    if (!fast)
        return;
    EC_GROUP_free(fast->of_key);
    EC_GROUP_free(fast->curve);
    free(fast);
}

/* ---- room */

struct jws_fast_room *jws_fast_room_new(void)
{
    struct jws_fast_room *room = calloc(1, sizeof *room);
    if (!room)
        abort();
    *room = (struct jws_fast_room){BN_CTX_new(), BN_new(), BN_new(), BN_new(),
                                   BN_new(),     BN_new(), BN_new()};
    if (!room->ctx || !room->r || !room->s || !room->e || !room->w || !room->u || !room->x)
        abort();
    return room;
}

void jws_fast_room_free(struct jws_fast_room *room)
{
    if (!room)
        return;
    BIGNUM *numbers[] = {room->r, room->s, room->e, room->w, room->u, room->x};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        BN_free(numbers[i]);
    BN_CTX_free(room->ctx);
    free(room);
}

/* ---- verifying */

/* Above zero and below the order. */
static bool in_range(const BIGNUM *number, const BIGNUM *order)
{
    return !BN_is_zero(number) && BN_ucmp(number, order) < 0;
}

/* x of u1 G + u2 Q, where u1 = e/s and u2 = r/s; false where that is no point with one. */
static bool find_x(const struct jws_fast *fast, struct jws_fast_room *room, EC_POINT *sum,
                   EC_POINT *part)
{
    const BIGNUM *order = EC_GROUP_get0_order(fast->curve);
    return BN_mod_inverse(room->w, room->s, order, room->ctx) &&
           BN_mod_mul(room->u, room->e, room->w, order, room->ctx) == 1 &&
           EC_POINT_mul(fast->curve, sum, room->u, NULL, NULL, room->ctx) == 1 &&
           BN_mod_mul(room->u, room->r, room->w, order, room->ctx) == 1 &&
           EC_POINT_mul(fast->of_key, part, room->u, NULL, NULL, room->ctx) == 1 &&
           EC_POINT_add(fast->curve, sum, sum, part, room->ctx) == 1 &&
           EC_POINT_is_at_infinity(fast->curve, sum) == 0 &&
           EC_POINT_get_affine_coordinates(fast->curve, sum, room->x, NULL, room->ctx) == 1;
}

bool jws_fast_verify(const struct jws_fast *fast, struct jws_fast_room *room,
                     const unsigned char hash[JWS_FAST_HASH],
                     const unsigned char signature[2 * JWS_FAST_HALF])
{
    const BIGNUM *order = EC_GROUP_get0_order(fast->curve);
    if (!BN_bin2bn(signature, JWS_FAST_HALF, room->r) ||
        !BN_bin2bn(signature + JWS_FAST_HALF, JWS_FAST_HALF, room->s) ||
        !BN_bin2bn(hash, JWS_FAST_HASH, room->e) || !in_range(room->r, order) ||
        !in_range(room->s, order))
        return false;
    EC_POINT *sum = EC_POINT_new(fast->curve), *part = EC_POINT_new(fast->of_key);
    bool fits = sum && part && find_x(fast, room, sum, part) &&
                BN_nnmod(room->x, room->x, order, room->ctx) == 1 && BN_ucmp(room->x, room->r) == 0;
    EC_POINT_free(sum);
    EC_POINT_free(part);
    return fits;
}
