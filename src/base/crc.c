/* crc.c: see crc.h. Eight bytes a step, by eight tables for each polynomial
 * (reflected), made when first needed. */
#include "base/crc.h"

#include <pthread.h>

enum { STEP = 8 };

struct tables {
    uint32_t of[STEP][256];
};

static struct tables zip, castagnoli;
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make(struct tables *tables, uint32_t polynomial)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
        tables->of[0][i] = crc;
    }
    for (int step = 1; step < STEP; step++)
        for (int i = 0; i < 256; i++) {
            uint32_t before = tables->of[step - 1][i];
            tables->of[step][i] = before >> 8 ^ tables->of[0][before & 0xFF];
        }
}

static void make_both(void)
{
    make(&zip, 0xEDB88320U);
    make(&castagnoli, 0x82F63B78U);
}

static uint32_t add(const struct tables *t, uint32_t crc, const unsigned char *p, size_t len)
{
    for (; len >= STEP; len -= STEP, p += STEP) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = t->of[7][crc & 0xFF] ^ t->of[6][crc >> 8 & 0xFF] ^ t->of[5][crc >> 16 & 0xFF] ^
              t->of[4][crc >> 24] ^ t->of[3][p[4]] ^ t->of[2][p[5]] ^ t->of[1][p[6]] ^
              t->of[0][p[7]];
    }
    while (len--)
        crc = crc >> 8 ^ t->of[0][(crc ^ *p++) & 0xFF];
    return crc;
}

uint32_t crc32_add(uint32_t crc, const void *bytes, size_t len)
{
    pthread_once(&made, make_both);
    return ~add(&zip, ~crc, bytes, len);
}

uint32_t crc32c_add(uint32_t crc, const void *bytes, size_t len)
{
    pthread_once(&made, make_both);
    return add(&castagnoli, crc, bytes, len);
}
