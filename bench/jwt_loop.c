/* jwt_loop: what the checks of a token cost.
 *
 * Two loops over the same tokens, turn by turn in one process, so that a busy
 * machine slows both alike:
 *   reference  the least a program can do with common libraries: split, decode,
 *              one-shot HMAC, both parts read by jansson, no claim looked at
 *   easel      jwt_parse and jwt_verify with every check
 * Prints one line of JSON with the medians over the rounds.
 *
 * usage: jwt_loop [--rounds N] [--seconds S]      S: of each loop in each round */
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "trust/jwt.h"

#define SECRET "TO7/wkW+45U001IBtyNbtyIMYQ/GBM0XlRXqsgYqPlY="

enum { TOKENS = 64, ROUNDS_MAX = 1000, BATCH = 256 };

struct bench {
    char *tokens[TOKENS];
    size_t lens[TOKENS];
    int64_t now;
    struct arena *scratch;
};

static void die(const char *why)
{
    fprintf(stderr, "jwt_loop: %s\n", why);
    exit(1);
}

static void make_tokens(struct bench *bench, struct arena *arena)
{
    for (int i = 0; i < TOKENS; i++) {
        char *claims = arena_printf(
            arena,
            "{\"iss\":\"8e1b7172-39c3-4a32-887e-fc2b4119f56d\",\"aud\":\"tableau\","
            "\"sub\":\"user%d@example.com\",\"exp\":%lld,\"iat\":%lld,"
            "\"jti\":\"65eaf2f1-3fe8-4797-afdb-32833d5f%04x\","
            "\"scp\":[\"tableau:content:read\",\"tableau:datasources:update\",\"tableau:tasks:"
            "run\"],"
            "\"Region\":\"East\"}",
            i, (long long)(bench->now / 1000 + 300), (long long)(bench->now / 1000), i);
        bench->tokens[i] = jwt_sign(arena, "8e1b7172-39c3-4a32-887e-fc2b4119f56d",
                                    "b0115bf9-3a4b-4c91-b009-cf0c170b1a56", SECRET, claims);
        if (!bench->tokens[i])
            die("cannot sign");
        bench->lens[i] = strlen(bench->tokens[i]);
    }
}

/* ---- the reference, as one would write it in an afternoon ---- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

static size_t plain_decode(const char *text, size_t len, unsigned char *out)
{
    size_t n = 0;
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < len; i++) {
        int value = sextet(text[i]);
        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (unsigned char)(bits >> have);
        }
    }
    return n;
}

static bool plain_json(const char *text, size_t len)
{
    unsigned char bytes[4096];
    if (len > sizeof bytes)
        return false;
    json_t *json = json_loadb((char *)bytes, plain_decode(text, len, bytes), 0, NULL);
    bool object = json_is_object(json);
    json_decref(json);
    return object;
}

static bool reference_one(struct bench *bench, int i)
{
    const char *token = bench->tokens[i], *end = token + bench->lens[i];
    const char *first = memchr(token, '.', bench->lens[i]);
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second)
        return false;
    unsigned char mac[64], signature[64];
    size_t mac_len = 0;
    if ((size_t)(end - second) > 64 ||
        !EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, SECRET, strlen(SECRET),
                   (const unsigned char *)token, (size_t)(second - token), mac, sizeof mac,
                   &mac_len))
        return false;
    size_t signature_len = plain_decode(second + 1, (size_t)(end - second - 1), signature);
    return signature_len == mac_len && CRYPTO_memcmp(mac, signature, mac_len) == 0 &&
           plain_json(token, (size_t)(first - token)) &&
           plain_json(first + 1, (size_t)(second - first - 1));
}

static bool easel_one(struct bench *bench, int i)
{
    struct jwt jwt;
    arena_reset(bench->scratch);
    struct verdict verdict = jwt_parse(bench->scratch, bench->tokens[i], bench->lens[i],
                                       &jwt_policy_default, &jwt, NULL);
    if (!verdict.failed)
        verdict = jwt_verify(bench->scratch, &jwt, SECRET, strlen(SECRET), &jwt_policy_default,
                             bench->now, NULL);
    return verdict.failed == TRUST_OK;
}

/* ---- turns and medians ---- */

static double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double run(struct bench *bench, bool (*one)(struct bench *bench, int i), double seconds)
{
    double start = seconds_now(), spent;
    uint64_t done = 0;
    do {
        for (int i = 0; i < BATCH; i++)
            if (!one(bench, i % TOKENS))
                die("a good token was refused");
        done += BATCH;
        spent = seconds_now() - start;
    } while (spent < seconds);
    return (double)done / spent;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void read_options(int argc, char **argv, int *rounds_r, double *seconds_r)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0)
            *rounds_r = atoi(argv[i + 1]);
        else if (i + 1 < argc && strcmp(argv[i], "--seconds") == 0)
            *seconds_r = atof(argv[i + 1]);
        else
            die("usage: jwt_loop [--rounds N] [--seconds S]");
    }
    if (*rounds_r < 5 || *rounds_r > ROUNDS_MAX || !(*seconds_r > 0))
        die("rounds from 5 to 1000, seconds above 0");
}

int main(int argc, char **argv)
{
    static double reference[ROUNDS_MAX], easel[ROUNDS_MAX];
    int rounds = 5;
    double seconds = 0.5;
    read_options(argc, argv, &rounds, &seconds);
    struct arena *arena = arena_new(0);
    struct bench bench = {.now = clock_now(), .scratch = arena_new(8192)};
    make_tokens(&bench, arena);
    for (int i = 0; i < rounds; i++) {
        reference[i] = run(&bench, reference_one, seconds);
        easel[i] = run(&bench, easel_one, seconds);
    }
    double theirs = median(reference, rounds), ours = median(easel, rounds);
    printf("{\"reference_per_s\":%.0f,\"easel_per_s\":%.0f,\"ratio\":%.2f}\n", theirs, ours,
           ours / theirs);
    arena_free(&bench.scratch);
    arena_free(&arena);
    return 0;
}
