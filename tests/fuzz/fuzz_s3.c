/* fuzz_s3: answers of a storage service of any bytes. What is found lies within them,
 * is a string, and the search always moves on. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/s3.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void look_for(struct arena *arena, const char *document, size_t len, const char *name)
{
    const char *at = document, *end = document + len;
    for (const char *before = at, *text; (text = s3_element(arena, &at, end, name)); before = at)
        if (at <= before || at > end || strlen(text) > len)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const names[] = {"Contents", "Key",  "Size",    "LastModified",
                                        "UploadId", "Code", "Message", "NextContinuationToken"};
    struct arena *arena = arena_new(0);
    /* Without a byte behind its end, so that a step too far is seen. */
    char *document = malloc(len ? len : 1);
    if (len)
        memcpy(document, bytes, len);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        look_for(arena, document, len, names[i]);
    free(document);
    arena_free(&arena);
    return 0;
}
