/* jwt_sign.c: the making of tokens; see jwt.h. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "trust/jwt.h"
#include "trust/mac.h"

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
    if (!mac_sha256(secret_value, strlen(secret_value), token, len, mac))
        return NULL;
    token[len++] = '.';
    base64url_encode(mac, MAC_BYTES, token + len);
    return token;
}
