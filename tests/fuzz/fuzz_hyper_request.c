/* fuzz_hyper_request.c: bytes as a request to change the rows of a data source. What is
 * refused has a reason; what is read is within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "rest/hyper_request.h"
#include "wire/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static size_t check_condition(const struct hyper_condition *c, size_t depth)
{
    size_t count = 1;
    need(depth <= HYPER_REQUEST_DEPTH_MOST);
    if (c->test > HYPER_NOT) {
        need((c->target != NULL) + (c->source != NULL) + (c->constant != HYPER_NO_CONSTANT) == 2);
        return count;
    }
    need(c->arg_count > 0 && (c->test != HYPER_NOT || c->arg_count == 1));
    for (size_t i = 0; i < c->arg_count; i++)
        count += check_condition(&c->args[i], depth + 1);
    return count;
}

static void check_actions(const struct hyper_action *actions, size_t count)
{
    size_t conditions = 0;
    need(count > 0 && count <= HYPER_REQUEST_ACTIONS_MOST);
    for (size_t i = 0; i < count; i++) {
        need(actions[i].target_table && *actions[i].target_table);
        need(actions[i].source_table || actions[i].act == HYPER_DELETE);
        need((actions[i].condition != NULL) == (actions[i].act >= HYPER_DELETE));
        if (actions[i].condition)
            conditions += check_condition(actions[i].condition, 1);
    }
    need(conditions <= HYPER_REQUEST_CONDITIONS_MOST);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new(0);
    struct fault fault = {0};
    struct el *root = NULL;
    const struct hyper_action *actions = NULL;
    size_t count = 0;
    if (json_read(arena, (const char *)bytes, len, &doc_limits_default, &root, &fault) == E_OK) {
        if (hyper_request_read(arena, root, &actions, &count, &fault) == E_OK)
            check_actions(actions, count);
        else
            need(fault.err == E400000 && utf8_valid(fault.detail, strlen(fault.detail)));
    }
    arena_free(&arena);
    return 0;
}
