/* codec.c: see codec.h. */
#include "base/codec.h"

#include <stdint.h>
#include <string.h>

static const char STD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const char *alphabet, bool pad, const unsigned char *in, size_t len, char *out)
{
    char *o = out;
    size_t i = 0;
    for (; i + 2 < len; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        *o++ = alphabet[v >> 18];
        *o++ = alphabet[v >> 12 & 63];
        *o++ = alphabet[v >> 6 & 63];
        *o++ = alphabet[v & 63];
    }
    if (i < len) {
        bool two = i + 1 < len;
        uint32_t v = (uint32_t)in[i] << 16 | (two ? (uint32_t)in[i + 1] << 8 : 0);
        *o++ = alphabet[v >> 18];
        *o++ = alphabet[v >> 12 & 63];
        if (two)
            *o++ = alphabet[v >> 6 & 63];
        if (pad) {
            if (!two)
                *o++ = '=';
            *o++ = '=';
        }
    }
    *o = '\0';
    return (size_t)(o - out);
}

size_t base64_encode(const void *bytes, size_t len, char *out)
{
    return encode(STD, true, bytes, len, out);
}

size_t base64url_encode(const void *bytes, size_t len, char *out)
{
    return encode(URL, false, bytes, len, out);
}

/* 0..63, or 255 where the character stands in neither alphabet position. */
#define B64(c, c62, c63)                                         \
    ((unsigned char)((c) >= 'A' && (c) <= 'Z'   ? (c) - 'A'      \
                     : (c) >= 'a' && (c) <= 'z' ? (c) - 'a' + 26 \
                     : (c) >= '0' && (c) <= '9' ? (c) - '0' + 52 \
                     : (c) == (c62)             ? 62             \
                     : (c) == (c63)             ? 63             \
                                                : 255))
#define B64_4(c, x, y) B64(c, x, y), B64((c) + 1, x, y), B64((c) + 2, x, y), B64((c) + 3, x, y)
#define B64_16(c, x, y) \
    B64_4(c, x, y), B64_4((c) + 4, x, y), B64_4((c) + 8, x, y), B64_4((c) + 12, x, y)
#define B64_128(x, y)                                                                        \
    B64_16(0, x, y), B64_16(16, x, y), B64_16(32, x, y), B64_16(48, x, y), B64_16(64, x, y), \
        B64_16(80, x, y), B64_16(96, x, y), B64_16(112, x, y)

static const unsigned char STD_VALUE[128] = {B64_128('+', '/')};
static const unsigned char URL_VALUE[128] = {B64_128('-', '_')};

static unsigned value_of(const unsigned char *values, char c)
{
    unsigned char u = (unsigned char)c;
    return u < 128 ? values[u] : 255;
}

static bool decode(const unsigned char *values, const char *text, size_t len, unsigned char *out,
                   size_t *out_len_r)
{
    if (len % 4 == 1)
        return false;
    unsigned char *o = out;
    size_t i = 0;
    for (; i + 3 < len; i += 4) {
        unsigned a = value_of(values, text[i]), b = value_of(values, text[i + 1]);
        unsigned c = value_of(values, text[i + 2]), d = value_of(values, text[i + 3]);
        if ((a | b | c | d) > 63)
            return false;
        *o++ = (unsigned char)(a << 2 | b >> 4);
        *o++ = (unsigned char)(b << 4 | c >> 2);
        *o++ = (unsigned char)(c << 6 | d);
    }
    if (i < len) {
        unsigned a = value_of(values, text[i]), b = value_of(values, text[i + 1]);
        unsigned c = i + 2 < len ? value_of(values, text[i + 2]) : 0;
        if ((a | b | c) > 63)
            return false;
        *o++ = (unsigned char)(a << 2 | b >> 4);
        if (i + 2 < len) {
            *o++ = (unsigned char)(b << 4 | c >> 2);
            if (c & 3)
                return false;
        } else if (b & 15) {
            return false;
        }
    }
    *out_len_r = (size_t)(o - out);
    return true;
}

bool base64url_decode(const char *text, size_t len, void *out, size_t *out_len_r)
{
    return decode(URL_VALUE, text, len, out, out_len_r);
}

bool base64_decode(const char *text, size_t len, void *out, size_t *out_len_r)
{
    if (len % 4)
        return false;
    if (len && text[len - 1] == '=')
        len -= text[len - 2] == '=' ? 2 : 1;
    return decode(STD_VALUE, text, len, out, out_len_r);
}

void hex_encode(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = bytes;
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool percent_decode(const char *text, size_t len, bool plus_is_space, char *out)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '\0') {
            return false;
        }
        *out++ = c;
    }
    *out = '\0';
    return true;
}

bool utf8_valid(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    while (p < end) {
        unsigned c = *p++;
        if (c == 0)
            return false;
        if (c < 0x80)
            continue;
        unsigned more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        if (c < 0xC2 || c > 0xF4 || (size_t)(end - p) < more)
            return false;
        unsigned low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
        unsigned high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
        if (*p < low || *p > high)
            return false;
        for (p++, more--; more; p++, more--)
            if ((*p & 0xC0) != 0x80)
                return false;
    }
    return true;
}

size_t utf8_put(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    for (size_t i = more; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(lead[more] | code);
    return more + 1;
}
