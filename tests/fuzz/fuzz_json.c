/* fuzz_json.c: whatever json_read accepts is JSON for another strict reader too, and
 * is written as JSON that reads back as the same document; whatever it refuses has a
 * reason. */
#include <jansson.h>
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
    json_write(&out, root);
    need(buf_ok(&out) && utf8_valid(out.bytes, out.len));
    return out;
}

/* The wrapper is taken off once: a document of nothing but a further wrapper
 * would lose that as well when read again. */
static bool wrapped(const struct el *root)
{
    return !root->attrs && doc_find(root, "tsRequest");
}

static void round_trip(struct arena *arena, const struct el *root)
{
    struct fault fault;
    struct el *again;
    struct buf first = written(arena, root);
    need(json_read(arena, first.bytes, first.len, &doc_limits_default, &again, &fault) == E_OK);
    struct buf second = written(arena, again);
    need(first.len == second.len && memcmp(first.bytes, second.bytes, first.len) == 0);
    for (const struct attr *a = root->attrs; a; a = a->next)
        need(doc_get(again, a->name) && strcmp(doc_get(again, a->name), a->value) == 0);
}

static bool json_for_others(const uint8_t *bytes, size_t len)
{
    json_t *value = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
    bool good = value != NULL;
    json_decref(value);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new(0);
    struct el *root = NULL;
    struct fault fault = {0};
    enum err err = json_read(arena, (const char *)bytes, len, &doc_limits_default, &root, &fault);
    if (err != E_OK)
        need(err == E400000 && fault.detail && strlen(fault.detail) < 200 && !root);
    else if (!wrapped(root))
        round_trip(arena, root);
    bool object = err == E_OK;
    need(!object || json_for_others(bytes, len));
    err =
        json_read_list(arena, (const char *)bytes, len, "item", &doc_limits_default, &root, &fault);
    need(!(object && err == E_OK)); /* a text is the one or the other */
    need(err != E_OK || json_for_others(bytes, len));
    need(err == E_OK || err == E400000);
    arena_free(&arena);
    return 0;
}
