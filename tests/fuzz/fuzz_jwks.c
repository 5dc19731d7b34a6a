/* fuzz_jwks: documents of an identity provider, of any bytes. Whatever comes, either
 * a fault in words of our own comes out, or keys that keep what jwks.h promises; and
 * words about a key are printable.
 *
 * The first byte of an input chooses the document: 'm' metadata, all else a key set. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "trust/jwks.h"
#include "trust/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

static void check_words(const char *text)
{
    require(text && *text && strlen(text) < 1000);
    for (; *text; text++)
        require(*text >= 0x20 && *text < 0x7F);
}

static void check_choice(struct arena *arena, const struct jwks *jwks, const struct jwk *of,
                         const char *alg_name)
{
    const struct jws_alg *alg = jws_alg_find(alg_name);
    const struct jwk *jwk;
    const char *why;
    unsigned char signature[64];
    memset(signature, 0xFF, sizeof signature); /* s above every order: none at all */
    enum jwks_choice choice = jwks_choose(arena, jwks, of->kid, alg, &jwk, &why);
    if (choice != JWKS_CHOSEN) {
        check_words(why);
        return;
    }
    require(jwk->key && !jwk->unusable && strcmp(jwk->kid, of->kid) == 0);
    require(strcmp(jwk->kty, alg->kty) == 0);
    require(!jwk->alg || strcmp(jwk->alg, alg->name) == 0);
    require(!jws_verify(alg, jwk->key, "x", 1, signature, sizeof signature));
}

static void check_key(struct arena *arena, const struct jwks *jwks, const struct jwk *jwk)
{
    require((jwk->key == NULL) == (jwk->unusable != NULL));
    require(!jwk->weak || jwk->unusable);
    check_words(jwk_describe(arena, jwk));
    if (jwk->unusable)
        check_words(jwk->unusable);
    if (!jwk->kid)
        return;
    check_choice(arena, jwks, jwk, "RS256");
    check_choice(arena, jwks, jwk, "ES256");
    check_choice(arena, jwks, jwk, "EdDSA");
}

static const char *read_any(struct arena *arena, const uint8_t *data, size_t size,
                            struct jwks *jwks_r)
{
    struct arena *scratch = arena_new(0);
    struct metadata metadata;
    char *json = arena_alloc(scratch, size + 1);
    memcpy(json, data, size);
    bool is_metadata = size && data[0] == 'm';
    const char *fault = is_metadata ? metadata_read(arena, scratch, json + 1, size - 1, &metadata)
                                    : jwks_read(arena, scratch, json, size, jwks_r);
    fault = arena_strdup(arena, fault);
    arena_free(&scratch); /* what is kept may not be in it */
    if (is_metadata && !fault)
        require(strlen(metadata.issuer) <= METADATA_URL_MOST &&
                strlen(metadata.jwks_uri) <= METADATA_URL_MOST);
    return fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(0);
    struct jwks jwks = {0};
    const char *fault = read_any(arena, data, size, &jwks);
    if (fault)
        check_words(fault);
    require(jwks.count <= JWKS_KEYS_MOST);
    for (size_t i = 0; !fault && i < jwks.count; i++)
        check_key(arena, &jwks, &jwks.keys[i]);
    arena_free(&arena);
    return 0;
}
