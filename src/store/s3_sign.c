/* s3_sign.c: AWS Signature Version 4, in the order of its description ("Signature
 * Calculations for the Authorization Header: Transferring Payload in a Single
 * Chunk"): canonical request, string to sign, signing key, signature. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/ident.h"
#include "store/s3.h"

static const char *signed_names(struct arena *arena, const struct s3_signing *s)
{
    struct buf names;
    buf_init(&names, arena, 0);
    buf_adds(&names, "");
    for (size_t i = 0; i < s->header_count; i++)
        buf_addf(&names, "%s%s", i ? ";" : "", s->headers[i].name);
    return names.bytes;
}

static void canonical_hash(struct arena *arena, const struct s3_signing *s, const char *names,
                           char hex[HASH_HEX_ROOM])
{
    struct buf text;
    buf_init(&text, arena, 0);
    buf_addf(&text, "%s\n%s\n%s\n", s->verb, s->path, s->query);
    for (size_t i = 0; i < s->header_count; i++)
        buf_addf(&text, "%s:%s\n", s->headers[i].name, s->headers[i].value);
    buf_addf(&text, "\n%s\n%s", names, s->payload_hash);
    hash_hex(text.bytes, text.len, hex);
}

static void signing_key(struct arena *arena, const struct s3_signing *s, unsigned char *key)
{
    char *first = arena_printf(arena, "AWS4%s", s->secret_key);
    hash_mac(first, strlen(first), s->date, 8, key);
    secret_wipe(first, strlen(first));
    hash_mac(key, HASH_BYTES, s->region, strlen(s->region), key);
    hash_mac(key, HASH_BYTES, "s3", 2, key);
    hash_mac(key, HASH_BYTES, "aws4_request", 12, key);
}

const char *s3_sign(struct arena *arena, const struct s3_signing *s)
{
    char hex[HASH_HEX_ROOM];
    unsigned char key[HASH_BYTES], signature[HASH_BYTES];
    const char *names = signed_names(arena, s);
    canonical_hash(arena, s, names, hex);
    const char *scope = arena_printf(arena, "%.8s/%s/s3/aws4_request", s->date, s->region);
    const char *to_sign = arena_printf(arena, "AWS4-HMAC-SHA256\n%s\n%s\n%s", s->date, scope, hex);
    signing_key(arena, s, key);
    hash_mac(key, sizeof key, to_sign, strlen(to_sign), signature);
    secret_wipe(key, sizeof key);
    hex_encode(signature, sizeof signature, hex);
    return arena_printf(arena, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                        s->access_key, scope, names, hex);
}

const char *s3_escape(struct arena *arena, const char *text)
{
    struct buf out;
    buf_init(&out, arena, 0);
    buf_adds(&out, "");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c);
        if (plain)
            buf_addc(&out, (char)c);
        else
            buf_addf(&out, "%%%02X", c);
    }
    return out.bytes;
}
