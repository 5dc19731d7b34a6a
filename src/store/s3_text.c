/* s3_text.c: the few texts that are wanted of the service's answers.
 *
 * Its documents are XML, but wire/ (which reads XML) knows the documents of the REST
 * API and lies beside this layer, not below it. What is needed here is the text of
 * elements without attributes that matter, in the order they come; whatever else a
 * document holds, each text is checked by who asked before it means anything. */
#include <string.h>

#include "base/arena.h"
#include "store/s3.h"

/* Where `name` stands as a tag between `at` and `end`, behind `open` ("<" or "</"). */
static const char *find_tag(const char *at, const char *end, const char *open, const char *name)
{
    size_t open_len = strlen(open), name_len = strlen(name);
    size_t len = open_len + name_len;
    for (; at < end && (at = memchr(at, '<', (size_t)(end - at))); at++) {
        if ((size_t)(end - at) <= len)
            return NULL;
        if (memcmp(at, open, open_len) == 0 && memcmp(at + open_len, name, name_len) == 0 &&
            strchr(" \t\r\n>", at[len]) && at[len])
            return at;
    }
    return NULL;
}

static char entity(const char *at, size_t len, size_t *used_r)
{
    static const struct {
        const char *text;
        char means;
    } all[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *used_r = strlen(all[i].text);
        if (*used_r <= len && memcmp(at, all[i].text, *used_r) == 0)
            return all[i].means;
    }
    *used_r = 1;
    return '&';
}

static const char *resolve(struct arena *arena, const char *text, size_t len)
{
    char *out = arena_alloc(arena, len + 1);
    size_t n = 0;
    for (size_t i = 0, used; i < len; i += used) {
        used = 1;
        out[n++] = text[i] == '&' ? entity(text + i, len - i, &used) : text[i];
    }
    out[n] = '\0';
    return out;
}

const char *s3_element(struct arena *arena, const char **at, const char *end, const char *name)
{
    const char *tag = find_tag(*at, end, "<", name);
    const char *text = tag ? memchr(tag, '>', (size_t)(end - tag)) : NULL;
    const char *close = text ? find_tag(text + 1, end, "</", name) : NULL;
    if (!close)
        return NULL;
    *at = close + 1;
    return resolve(arena, text + 1, (size_t)(close - text - 1));
}
