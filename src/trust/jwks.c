/* jwks.c: see jwks.h. */
#include "trust/jwks.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "trust/claims.h"
#include "trust/jws.h"

enum { NUMBER_MOST = JWS_RSA_MOST / 8 + 8 }; /* bytes of one number of a key */

struct number {
    unsigned char *bytes;
    size_t len;
};

/* One JWK being read. */
struct reading {
    struct arena *arena, *scratch;
    struct jwk *jwk;
    struct number n, e, x, y;
    bool is_private, has_operations, may_verify;
};

static bool refuse(struct reading *r, const char *why)
{
    if (!r->jwk->unusable)
        r->jwk->unusable = why;
    return false;
}

static const char *take_text(struct reading *r, struct claims_member *member, const char *fault)
{
    if (member->kind != CLAIMS_STRING || member->len > JWKS_TEXT_MOST) {
        refuse(r, fault);
        return NULL;
    }
    return arena_strdup(r->arena, claims_string(member));
}

static void take_number(struct reading *r, struct claims_member *member, struct number *number_r)
{
    size_t len = 0;
    if (member->kind != CLAIMS_STRING || member->escaped || member->len == 0 ||
        member->len > NUMBER_MOST * 4 / 3) {
        refuse(r, "a number of the key is missing, odd or too long");
        return;
    }
    unsigned char *bytes = arena_alloc(r->scratch, member->len);
    if (!base64url_decode(member->text, member->len, bytes, &len) || len == 0)
        refuse(r, "a number of the key is not base64url");
    else
        *number_r = (struct number){bytes, len};
}

static void take_operations(struct reading *r, struct claims_member *member)
{
    const char **list;
    size_t count;
    r->has_operations = true;
    if (member->kind != CLAIMS_LIST || !claims_strings(r->scratch, member, &list, &count))
        return;
    for (size_t i = 0; i < count; i++)
        r->may_verify = r->may_verify || strcmp(list[i], "verify") == 0;
}

/* Certificates and where to find some (x5c, x5u) are not looked at: what counts is
 * the key itself, out of a document that was fetched from the issuer. */
static void take_member(struct reading *r, struct claims_member *member)
{
    const char *name = member->name;
    struct jwk *jwk = r->jwk;
    if (member->kind == CLAIMS_NULL)
        return; /* as if it were not there */
    if (strcmp(name, "kid") == 0)
        jwk->kid = take_text(r, member, "its kid is no text or too long");
    else if (strcmp(name, "kty") == 0)
        jwk->kty = take_text(r, member, "its kty is no text");
    else if (strcmp(name, "crv") == 0)
        jwk->crv = take_text(r, member, "its crv is no text");
    else if (strcmp(name, "use") == 0)
        jwk->use = take_text(r, member, "its use is no text");
    else if (strcmp(name, "alg") == 0)
        jwk->alg = take_text(r, member, "its alg is no text");
    else if (strcmp(name, "key_ops") == 0)
        take_operations(r, member);
    else if (strcmp(name, "n") == 0)
        take_number(r, member, &r->n);
    else if (strcmp(name, "e") == 0)
        take_number(r, member, &r->e);
    else if (strcmp(name, "x") == 0)
        take_number(r, member, &r->x);
    else if (strcmp(name, "y") == 0)
        take_number(r, member, &r->y);
    else if (strcmp(name, "d") == 0)
        r->is_private = true;
}

static void make_key(struct reading *r)
{
    struct jwk *jwk = r->jwk;
    const char *why = NULL;
    bool rsa = strcmp(jwk->kty, "RSA") == 0, ec = strcmp(jwk->kty, "EC") == 0;
    if (rsa && r->n.len && r->e.len) {
        jwk->key =
            jws_key_rsa(r->arena, r->n.bytes, r->n.len, r->e.bytes, r->e.len, &jwk->bits, &why);
        jwk->weak = jwk->bits < JWS_RSA_LEAST;
    } else if (ec && jwk->crv && r->x.len && r->y.len) {
        jwk->key = jws_key_ec(r->arena, jwk->crv, r->x.bytes, r->x.len, r->y.bytes, r->y.len, &why);
    } else if (strcmp(jwk->kty, "OKP") == 0 && jwk->crv && r->x.len) {
        jwk->key = jws_key_okp(r->arena, jwk->crv, r->x.bytes, r->x.len, &why);
    } else if (strcmp(jwk->kty, "oct") == 0) {
        why = "a symmetric key";
    } else {
        why = rsa || ec ? "members of the key are missing" : "a kty that is not supported";
    }
    if (why)
        refuse(r, why);
}

static void read_key(struct arena *arena, struct arena *scratch, struct claims *members,
                     struct jwk *jwk_r)
{
    struct reading r = {.arena = arena, .scratch = scratch, .jwk = jwk_r};
    *jwk_r = (struct jwk){0};
    for (size_t i = 0; i < members->count; i++)
        take_member(&r, &members->members[i]);
    if (!members->count)
        refuse(&r, "it is no object with members");
    if (!jwk_r->kty)
        refuse(&r, "it has no kty");
    if (r.is_private)
        refuse(&r, "a private key, published");
    if (jwk_r->use && strcmp(jwk_r->use, "sig") != 0)
        refuse(&r, "its use is not sig");
    if (r.has_operations && !r.may_verify)
        refuse(&r, "its key_ops do not hold verify");
    if (!jwk_r->unusable)
        make_key(&r);
}

static struct claims_member *find(struct claims *claims, const char *name)
{
    for (size_t i = 0; i < claims->count; i++)
        if (strcmp(claims->members[i].name, name) == 0)
            return &claims->members[i];
    return NULL;
}

const char *jwks_read(struct arena *arena, struct arena *scratch, char *json, size_t len,
                      struct jwks *jwks_r)
{
    struct claims document, *list;
    size_t count;
    *jwks_r = (struct jwks){0};
    const char *fault = claims_read(scratch, json, len, &document);
    if (fault)
        return fault;
    struct claims_member *keys = find(&document, "keys");
    if (!keys || keys->kind != CLAIMS_LIST)
        return "no list of keys";
    if (!claims_objects(scratch, keys, JWKS_KEYS_MOST, &list, &count))
        return "more than 100 keys";
    jwks_r->keys = arena_alloc(arena, (count + 1) * sizeof *jwks_r->keys);
    for (size_t i = 0; i < count; i++)
        read_key(arena, scratch, &list[i], &jwks_r->keys[i]);
    jwks_r->count = count;
    return NULL;
}

/* ---- choosing */

const char *jwk_describe(struct arena *arena, const struct jwk *jwk)
{
    struct buf out;
    buf_init(&out, arena, 0);
    buf_adds(&out, jwk->kty ? claims_show(arena, jwk->kty, strlen(jwk->kty)) : "without kty");
    if (jwk->bits)
        buf_addf(&out, " of %u bits", jwk->bits);
    if (jwk->crv)
        buf_addf(&out, " on %s", claims_show(arena, jwk->crv, strlen(jwk->crv)));
    if (jwk->alg)
        buf_addf(&out, ", for %s", claims_show(arena, jwk->alg, strlen(jwk->alg)));
    return out.bytes;
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* kty, crv and alg; use and key_ops were looked at when it was read. */
static bool fits(const struct jwk *jwk, const struct jws_alg *alg)
{
    return same(jwk->kty, alg->kty) && (!alg->crv || same(jwk->crv, alg->crv)) &&
           (!jwk->alg || strcmp(jwk->alg, alg->name) == 0);
}

static enum jwks_choice choose_unfit(struct arena *arena, const struct jwk *jwk,
                                     const struct jws_alg *alg, const char **why_r)
{
    const char *is = jwk_describe(arena, jwk);
    if (!fits(jwk, alg))
        *why_r = arena_printf(arena, "a key (%s) that does not fit %s", is, alg->name);
    else
        *why_r = arena_printf(arena, "a key (%s) that cannot be used: %s", is, jwk->unusable);
    return JWKS_UNFIT;
}

enum jwks_choice jwks_choose(struct arena *arena, const struct jwks *jwks, const char *kid,
                             const struct jws_alg *alg, const struct jwk **jwk_r,
                             const char **why_r)
{
    const struct jwk *good = NULL, *other = NULL;
    size_t good_count = 0;
    for (size_t i = 0; i < jwks->count; i++) {
        const struct jwk *jwk = &jwks->keys[i];
        if (!same(jwk->kid, kid))
            continue;
        if (fits(jwk, alg) && jwk->key) {
            good = jwk;
            good_count++;
        } else if (!other || fits(jwk, alg)) {
            other = jwk;
        }
    }
    *why_r = NULL;
    *jwk_r = good ? good : other;
    if (good_count == 1)
        return JWKS_CHOSEN;
    if (good_count > 1) {
        *why_r = arena_printf(arena, "%zu keys with this kid that fit %s", good_count, alg->name);
        return JWKS_AMBIGUOUS;
    }
    if (other)
        return choose_unfit(arena, other, alg, why_r);
    *why_r = arena_printf(arena, "no key with this kid among %zu", jwks->count);
    return JWKS_UNKNOWN;
}

const char *jwks_useless(struct arena *arena, const struct jwks *jwks, const struct jwk *jwk,
                         const char *barred)
{
    size_t count;
    const struct jws_alg *algs = jws_algs(&count);
    const char *useless = "it fits none of the algorithms that are accepted", *why;
    if (jwk->unusable || !jwk->kid)
        return jwk->unusable ? jwk->unusable : "no token can name it";
    for (size_t i = 0; i < count; i++) {
        const struct jwk *chosen;
        if (!fits(jwk, &algs[i]))
            continue;
        if (jws_alg_listed(barred, algs[i].name))
            useless = "eas-refused-algorithms holds what it is for";
        else if (jwks_choose(arena, jwks, jwk->kid, &algs[i], &chosen, &why) == JWKS_CHOSEN)
            return NULL;
        else
            useless = "another key has the same kid and would do as well";
    }
    return useless;
}

/* ---- metadata */

static const char *take_url(struct arena *arena, struct claims *document, const char *name)
{
    struct claims_member *member = find(document, name);
    if (!member || member->kind != CLAIMS_STRING || member->len == 0 ||
        member->len > METADATA_URL_MOST)
        return NULL;
    return arena_strdup(arena, claims_string(member));
}

const char *metadata_read(struct arena *arena, struct arena *scratch, char *json, size_t len,
                          struct metadata *metadata_r)
{
    struct claims document;
    *metadata_r = (struct metadata){0};
    const char *fault = claims_read(scratch, json, len, &document);
    if (fault)
        return fault;
    metadata_r->issuer = take_url(arena, &document, "issuer");
    if (!metadata_r->issuer)
        return "no issuer";
    metadata_r->jwks_uri = take_url(arena, &document, "jwks_uri");
    return metadata_r->jwks_uri ? NULL : "no jwks_uri";
}
