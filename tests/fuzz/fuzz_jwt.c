/* fuzz_jwt: a token of any bytes. Whatever comes, a verdict must come out whose
 * words are printable and bounded, and no token may pass without the secret.
 *
 * The first byte of an input chooses how the rest is used, since blind changes
 * seldom survive base64url and never a signature:
 *   't'  the rest is a token as it came
 *   'p'  the rest is a payload, signed properly; 'h' a header before a good payload */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "trust/jwt.h"

#define SECRET "TO7/wkW+45U001IBtyNbtyIMYQ/GBM0XlRXqsgYqPlY="
#define NOW_MS INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

static void check_words(const char *text)
{
    require(text && *text && strlen(text) < 400);
    for (; *text; text++)
        require(*text >= 0x20 && *text < 0x7F);
    require(!strstr(text, SECRET));
}

static void on_passed(struct trail *trail, enum trust_check check, const char *found)
{
    (void)trail;
    require(check > TRUST_OK && check < TRUST_CHECKS);
    check_words(found);
}

/* What passed has what its checks promise. */
static void check_accepted(const struct jwt *jwt)
{
    require(jwt->kid && *jwt->kid && jwt->iss && *jwt->iss);
    require(jwt->sub && *jwt->sub && jwt->jti && *jwt->jti);
    require(jwt->aud_count > 0 && jwt->scp_count > 0 && jwt->exp_state == JWT_TIME_OK);
    for (size_t i = 0; i < jwt->scp_count; i++)
        require(utf8_valid(jwt->scp[i], strlen(jwt->scp[i])));
    for (const struct jwt_claim *claim = jwt->claims; claim; claim = claim->next)
        require(utf8_valid(claim->json, strlen(claim->json)) && *claim->json);
}

static enum trust_check run(struct arena *arena, const char *token, size_t len)
{
    struct trail trail = {on_passed};
    struct jwt jwt;
    struct verdict verdict = jwt_parse(arena, token, len, &jwt_policy_default, &jwt, &trail);
    if (!verdict.failed)
        verdict =
            jwt_verify(arena, &jwt, SECRET, strlen(SECRET), &jwt_policy_default, NOW_MS, &trail);
    if (verdict.failed) {
        check_words(verdict.expected);
        check_words(verdict.found);
    } else {
        check_accepted(&jwt);
    }
    return verdict.failed;
}

/* A header of the input's, with a payload that is good and no fitting signature. */
static void run_header(struct arena *arena, const char *json, size_t len)
{
    static const char rest[] =
        ".eyJhdWQiOiJ0YWJsZWF1In0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    char *token = arena_alloc(arena, BASE64_ROOM(len) + sizeof rest);
    size_t header_len = base64url_encode(json, len, token);
    memcpy(token + header_len, rest, sizeof rest);
    require(run(arena, token, strlen(token)) != TRUST_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *arena = arena_new(0);
    const char *rest = (const char *)data + 1;
    size_t len = size - 1;
    if (data[0] == 'p') {
        char *token = jwt_sign(arena, "iss", "kid", SECRET, arena_strndup(arena, rest, len));
        require(token != NULL);
        run(arena, token, strlen(token));
    } else if (data[0] == 'h') {
        run_header(arena, rest, len);
    } else {
        run(arena, rest, len);
    }
    arena_free(&arena);
    return 0;
}
