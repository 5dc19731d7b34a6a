/* fuzz_xml.c: whatever xml_read accepts is written as XML that reads back as the
 * same document, and as JSON that is JSON; whatever it refuses has a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "wire/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static struct buf written(struct arena *arena, const struct el *root)
{
    struct buf out;
    buf_init(&out, arena, 0);
    xml_write(&out, root, "3.29");
    need(buf_ok(&out) && utf8_valid(out.bytes, out.len));
    return out;
}

/* The writer adds three attributes to the root (namespaces, schema location), which
 * a reader counts too: a root at the limit is written, but not read again. */
static bool at_the_limit(const struct el *root)
{
    size_t count = 3;
    for (const struct attr *a = root->attrs; a; a = a->next)
        count++;
    return count > 256;
}

static void round_trip(struct arena *arena, const struct el *root)
{
    struct fault fault;
    struct el *again;
    struct buf first = written(arena, root);
    if (at_the_limit(root))
        return;
    need(xml_read(arena, first.bytes, first.len, &doc_limits_default, &again, &fault) == E_OK);
    struct buf second = written(arena, again);
    need(first.len == second.len && memcmp(first.bytes, second.bytes, first.len) == 0);
    struct buf json;
    buf_init(&json, arena, 0);
    json_write(&json, root);
    need(utf8_valid(json.bytes, json.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new(0);
    struct el *root = NULL;
    struct fault fault = {0};
    enum err err = xml_read(arena, (const char *)bytes, len, &doc_limits_default, &root, &fault);
    if (err == E_OK)
        round_trip(arena, root);
    else
        need(err == E400000 && fault.detail && strlen(fault.detail) < 200 && !root);
    arena_free(&arena);
    return 0;
}
