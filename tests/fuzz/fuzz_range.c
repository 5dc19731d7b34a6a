/* fuzz_range: Range and If-Range of any bytes, over sizes that the first bytes choose.
 * What comes out lies within the size, and all of it is the answer to doubt. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct http_part *part, uint64_t size)
{
    need(part->size == size);
    if (part->status == 200)
        need(part->first == 0 && part->len == size);
    else if (part->status == 206)
        need(part->len > 0 && part->first < size && part->len <= size - part->first);
    else
        need(part->status == 416 && part->len == 0 && part->first == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint64_t size = 0;
    size_t taken = len < 2 ? len : 2;
    memcpy(&size, bytes, taken);
    struct arena *arena = arena_new(0);
    const char *range = arena_strndup(arena, (const char *)bytes + taken, len - taken);
    const uint64_t sizes[] = {0, 1, size, UINT64_MAX - size};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct http_part part = http_part_of(range, NULL, "\"e\"", sizes[i]);
        check(&part, sizes[i]);
        /* Of another state: all of it, whatever is asked for. */
        part = http_part_of(range, "\"f\"", "\"e\"", sizes[i]);
        need(part.status == 200);
        part = http_part_of("bytes=0-0", range, "\"e\"", sizes[i]);
        check(&part, sizes[i]);
        need(part.status == 200 || strcmp(range, "\"e\"") == 0);
    }
    arena_free(&arena);
    return 0;
}
