/* fault.c: see fault.h. */
#include "base/fault.h"

#include <stdarg.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"

enum { ECHO_MAX = 80 };

enum err fault_set(struct fault *fault, struct arena *arena, enum err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    *fault = (struct fault){.err = err, .detail = arena_vprintf(arena, format, args)};
    va_end(args);
    return err;
}

/* Bytes of the character at p that may stand in a message; 0: none. */
static size_t plain_char(const char *p, size_t left)
{
    unsigned char c = (unsigned char)*p;
    if (c < 0x80)
        return c >= 0x20 && c != 0x7F;
    size_t len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    return len <= left && utf8_valid(p, len) ? len : 0;
}

const char *fault_echo(struct arena *arena, const char *text, size_t len)
{
    struct buf out;
    buf_init(&out, arena, ECHO_MAX + 8);
    for (size_t i = 0; i < len;) {
        size_t n = plain_char(text + i, len - i);
        if (out.len + (n ? n : 1) > ECHO_MAX) {
            buf_adds(&out, "...");
            break;
        }
        if (n)
            buf_add(&out, text + i, n);
        else
            buf_addc(&out, '?');
        i += n ? n : 1;
    }
    return out.len ? out.bytes : "";
}
