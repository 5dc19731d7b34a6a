/* ident.c: see ident.h. */
#include "base/ident.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* One system call fills enough for many small requests. */
enum { POOL = 512 };

static void system_random(void *out, size_t len)
{
    char *p = out;
    while (len) {
        ssize_t got = getrandom(p, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fputs("easel: no random source\n", stderr);
            abort();
        }
        p += got;
        len -= (size_t)got;
    }
}

void random_bytes(void *out, size_t len)
{
    static _Thread_local unsigned char pool[POOL];
    static _Thread_local size_t left;
    if (len > POOL / 4) {
        system_random(out, len);
        return;
    }
    if (left < len) {
        system_random(pool, POOL);
        left = POOL;
    }
    left -= len;
    memcpy(out, pool + left, len);
    secret_wipe(pool + left, len); /* what was handed out is not kept */
}

void luid_random(char out[LUID_ROOM])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char b[16];
    random_bytes(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }
    *out = '\0';
}

bool luid_valid(const char *text)
{
    if (!text)
        return false;
    for (int i = 0; i < LUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return text[LUID_LEN] == '\0';
}

bool luid_equal(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

void luid_normalize(const char *text, char out[LUID_ROOM])
{
    for (int i = 0; i < LUID_LEN; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[LUID_LEN] = '\0';
}

bool secret_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned diff = a_len != b_len;
    size_t len = a_len < b_len ? a_len : b_len;
    for (size_t i = 0; i < len; i++)
        diff |= (unsigned)(x[i] ^ y[i]);
    return diff == 0;
}

void secret_wipe(void *bytes, size_t len)
{
    explicit_bzero(bytes, len);
}
