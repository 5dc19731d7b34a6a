/* fuzz_multipart.c: the first line is the Content-Type, the rest the body. Parts lie
 * within the body, in order, apart from each other; what is refused has a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "wire/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check_parts(const struct part *parts, const char *body, size_t len)
{
    const char *before = body;
    size_t count = 0, size;
    for (const struct part *part = parts; part; part = part->next, count++) {
        const char *at = part_bytes(part, &size);
        need(at >= before && size <= len && at + size <= body + len);
        need(part->name && *part->name && part_find(parts, part->name) == part);
        before = at + size;
    }
    need(count > 0 && count <= multipart_limits_default.parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes, *end = len ? memchr(text, '\n', len) : NULL;
    size_t head = end ? (size_t)(end - text) : 0;
    struct arena *arena = arena_new(0);
    const struct part *parts = NULL;
    struct fault fault = {0};
    char *type = end ? arena_strndup(arena, text, head) : NULL;
    /* To its exact size, so that tools see reads beyond it. */
    size_t rest = end ? len - head - 1 : len;
    char *body = malloc(rest ? rest : 1);
    need(body != NULL);
    if (rest)
        memcpy(body, text + (len - rest), rest);
    enum err err =
        multipart_read(arena, type, body, rest, &multipart_limits_default, &parts, &fault);
    if (err == E_OK)
        check_parts(parts, body, rest);
    else
        need(err == E400000 && fault.detail && strlen(fault.detail) < 300 && !parts);
    free(body);
    arena_free(&arena);
    return 0;
}
