/* fuzz_png: bytes as a picture, as they are and with the checksums of their chunks put
 * right. What passes begins and ends as a picture does, is bounded, and is so no more
 * once a byte is missing, added or changed. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "content/png.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static uint32_t number(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_right(uint8_t *bytes, size_t len)
{
    for (size_t at = 8; len >= at + 12 && number(bytes + at) <= len - at - 12;) {
        size_t covered = 4 + number(bytes + at);
        uint32_t crc = crc32_add(0, bytes + at + 4, covered);
        for (size_t i = 0; i < 4; i++)
            bytes[at + 4 + covered + i] = (uint8_t)(crc >> (24 - 8 * i));
        at += covered + 8;
    }
}

/* `bytes` has room for one more. */
static void check(uint8_t *bytes, size_t len)
{
    if (!png_is_whole(bytes, len))
        return;
    need(len >= 8 + 25 + 12 + 12 && memcmp(bytes + 12, "IHDR", 4) == 0);
    need(memcmp(bytes + len - 12, "\0\0\0\0IEND\xAE\x42\x60\x82", 12) == 0);
    need(number(bytes + 16) - 1 < PNG_SIDE_MOST && number(bytes + 20) - 1 < PNG_SIDE_MOST);
    need(!png_is_whole(bytes, len - 1));
    bytes[len] = 0;
    need(!png_is_whole(bytes, len + 1));
    for (size_t i = 0; i < len; i += 1 + len / 64) {
        bytes[i] ^= 0x10;
        need(!png_is_whole(bytes, len));
        bytes[i] ^= 0x10;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = calloc(len + 1, 1);
    need(copy != NULL);
    if (len)
        memcpy(copy, bytes, len);
    check(copy, len);
    put_right(copy, len);
    check(copy, len);
    free(copy);
    return 0;
}
