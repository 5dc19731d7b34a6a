/* png.c: see png.h. Numbers in the comments are sections of the specification. */
#include "content/png.h"

#include <stdint.h>
#include <string.h>

#include "base/crc.h"

enum { SIGNATURE_LEN = 8, HEADER_LEN = 13, AROUND = 12 /* length, type, checksum */ };

struct chunk {
    const unsigned char *type, *data;
    size_t len;
};

/* What of a picture was seen so far. */
struct seen {
    bool palette, data, after_data, end;
};

static uint32_t number(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_type(const struct chunk *chunk, const char *type)
{
    return memcmp(chunk->type, type, 4) == 0;
}

/* The chunk at *at, which moves behind it; false where it is not whole (5.3). */
static bool take_chunk(const unsigned char **at, const unsigned char *end, struct chunk *chunk_r)
{
    size_t left = (size_t)(end - *at);
    if (left < AROUND || number(*at) > left - AROUND)
        return false;
    *chunk_r = (struct chunk){*at + 4, *at + 8, number(*at)};
    *at += AROUND + chunk_r->len;
    return crc32_add(0, chunk_r->type, 4 + chunk_r->len) == number(*at - 4);
}

/* Which depths go with which colour type (11.2.2). */
static bool depth_allowed(unsigned colour, unsigned depth)
{
    switch (colour) {
    case 0: /* grey */
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case 3: /* out of the palette */
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case 2: /* red, green, blue */
    case 4: /* grey with alpha */
    case 6: /* red, green, blue, alpha */
        return depth == 8 || depth == 16;
    default:
        return false;
    }
}

static bool header_allowed(const struct chunk *chunk)
{
    const unsigned char *data = chunk->data;
    if (!is_type(chunk, "IHDR") || chunk->len != HEADER_LEN)
        return false;
    uint32_t width = number(data), height = number(data + 4);
    return width && width <= PNG_SIDE_MOST && height && height <= PNG_SIDE_MOST &&
           depth_allowed(data[9], data[8]) && data[10] == 0 && data[11] == 0 && data[12] <= 1;
}

static bool palette_allowed(const struct chunk *chunk, const struct seen *seen)
{
    return !seen->palette && !seen->data && chunk->len && chunk->len % 3 == 0 &&
           chunk->len <= 3 * 256;
}

static bool type_is_letters(const unsigned char *type)
{
    for (size_t i = 0; i < 4; i++)
        if (!((type[i] >= 'A' && type[i] <= 'Z') || (type[i] >= 'a' && type[i] <= 'z')))
            return false;
    return true;
}

/* Of a chunk behind the header: whether it may stand here (5.6). One that must be
 * understood, which a capital letter begins, is of the four that are (5.4). */
static bool chunk_allowed(const struct chunk *chunk, struct seen *seen)
{
    bool allowed = true;
    if (is_type(chunk, "IDAT")) {
        allowed = !seen->after_data;
        seen->data = true;
        return allowed;
    }
    seen->after_data = seen->data;
    if (is_type(chunk, "IEND")) {
        seen->end = true;
        return seen->data && !chunk->len;
    }
    if (is_type(chunk, "PLTE")) {
        allowed = palette_allowed(chunk, seen);
        seen->palette = true;
        return allowed;
    }
    return type_is_letters(chunk->type) && chunk->type[0] >= 'a';
}

bool png_is_whole(const void *bytes, size_t len)
{
    const unsigned char *at = bytes, *end = at + len;
    struct chunk header, chunk;
    struct seen seen = {0};
    if (len < SIGNATURE_LEN || memcmp(at, "\x89PNG\r\n\x1A\n", SIGNATURE_LEN) != 0)
        return false;
    at += SIGNATURE_LEN;
    if (!take_chunk(&at, end, &header) || !header_allowed(&header))
        return false;
    while (!seen.end)
        if (!take_chunk(&at, end, &chunk) || !chunk_allowed(&chunk, &seen))
            return false;
    return at == end && (seen.palette || header.data[9] != 3);
}
