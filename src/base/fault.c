/* fault.c: see fault.h. */
#include "base/fault.h"

#include <stdarg.h>

#include "base/arena.h"

enum err fault_set(struct fault *fault, struct arena *arena, enum err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    *fault = (struct fault){.err = err, .detail = arena_vprintf(arena, format, args)};
    va_end(args);
    return err;
}
