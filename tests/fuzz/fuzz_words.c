/* fuzz_words: texts that people wrote, taken apart into words: none is empty, a single
 * space stands between two, and no sign is left that a query of an engine knows. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(0);
    char *text = arena_strndup(arena, (const char *)data, size);
    char *words = fold_words(arena, text);
    size_t len = strlen(words);
    if (len && (*words == ' ' || words[len - 1] == ' ' || strstr(words, "  ")))
        abort();
    if (strpbrk(words, "'\"*:&|!()\\"))
        abort();
    arena_free(&arena);
    return 0;
}
