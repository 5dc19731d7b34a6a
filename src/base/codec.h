/* codec: base64, hex and percent forms, to and from bytes. Pure. */
#ifndef EASEL_BASE_CODEC_H
#define EASEL_BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for the text of `n` bytes in base64, with padding and the final NUL. */
#define BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)

/* Standard alphabet with padding (RFC 4648 section 4). Returns the length. */
size_t base64_encode(const void *bytes, size_t len, char *out);
/* URL alphabet without padding (section 5). Returns the length. */
size_t base64url_encode(const void *bytes, size_t len, char *out);
/* Strict decoding: no white space, no padding, no bits left over in the last
 * character. `out` needs len * 3 / 4 bytes. False: not base64url. */
bool base64url_decode(const char *text, size_t len, void *out, size_t *out_len_r);
/* The same for the standard alphabet, padding required. */
bool base64_decode(const char *text, size_t len, void *out, size_t *out_len_r);

/* Lower-case hex; `out` needs 2 * len + 1 bytes. */
void hex_encode(const void *bytes, size_t len, char *out);

/* Decodes %XX in place into `out` (len + 1 bytes). False on a broken escape or
 * an encoded NUL. plus_is_space: the form of query strings. */
bool percent_decode(const char *text, size_t len, bool plus_is_space, char *out);

/* Writes a character (1 to 4 bytes) and answers how many. */
size_t utf8_put(uint32_t code, char *out);
/* True where the bytes are well-formed UTF-8 without NUL. */
bool utf8_valid(const char *text, size_t len);

#endif
