/* buf.c: see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

void buf_init(struct buf *buf, struct arena *arena, size_t ceiling)
{
    *buf = (struct buf){.arena = arena, .ceiling = ceiling ? ceiling : (size_t)64 << 20};
}

static bool buf_reserve(struct buf *buf, size_t more)
{
    if (buf->full)
        return false;
    if (more > buf->ceiling - buf->len) {
        buf->full = true;
        return false;
    }
    if (buf->cap - buf->len > more)
        return true;
    size_t cap = buf->cap ? buf->cap : 512;
    while (cap - buf->len <= more)
        cap *= 2;
    char *grown = arena_alloc(buf->arena, cap);
    if (buf->len)
        memcpy(grown, buf->bytes, buf->len);
    buf->bytes = grown;
    buf->cap = cap;
    return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    if (!buf_reserve(buf, len))
        return;
    if (len)
        memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
    buf->bytes[buf->len] = '\0';
}

void buf_adds(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_addc(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (need >= 0 && buf_reserve(buf, (size_t)need)) {
        vsnprintf(buf->bytes + buf->len, (size_t)need + 1, format, args);
        buf->len += (size_t)need;
    }
    va_end(args);
}

void buf_add_json(struct buf *out, const char *text)
{
    buf_addc(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20)
            buf_addf(out, "\\u%04x", c);
        else
            buf_addc(out, (char)c);
    }
    buf_addc(out, '"');
}
