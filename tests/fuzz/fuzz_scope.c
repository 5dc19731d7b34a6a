/* fuzz_scope: lists of scopes of any bytes, as they come out of a JWT. A list
 * admits what its known names admit and nothing more, and the least set for what
 * it admits asks for no more than it did. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "tbl/methods.h"
#include "trust/scope.h"

enum { NAMES = 128 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static bool listed(const char *list, const char *name, size_t len)
{
    for (const char *at = list; (at = strstr(at, name)); at += len)
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    return false;
}

/* The same set by another way: every scope of the table, where the list has it. */
static struct scope_set expected(const struct scopes *scopes, const char *list)
{
    struct scope_set set = {0};
    size_t names, count;
    const char *const *all = scope_names(scopes, &names);
    const struct method_row *rows = method_rows(&count);
    for (size_t m = 0; m < count; m++)
        if (method_list_has(rows[m].scopes, "none"))
            scope_mark(&set, m);
    for (size_t i = 0; i < names; i++)
        for (size_t m = 0; m < count && listed(list, all[i], strlen(all[i])); m++)
            if (method_list_has(rows[m].scopes, all[i]))
                scope_mark(&set, m);
    return set;
}

static void check_least(const struct scopes *scopes, const struct scope_set *set)
{
    const char *names[NAMES];
    struct scope_set unreachable, again = {0}, nothing = {0};
    size_t count = scope_least(scopes, set, names, NAMES, &unreachable);
    need(count < NAMES && memcmp(&unreachable, &nothing, sizeof nothing) == 0);
    scope_add(scopes, &again, "", 0);
    for (size_t i = 0; i < count; i++)
        scope_add(scopes, &again, names[i], strlen(names[i]));
    need(memcmp(&again, set, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena *arena = arena_new(0);
    static struct scopes *scopes; /* made once: it takes longer than an input */
    if (!scopes)
        scopes = scopes_new();
    const char *list = arena_strndup(arena, (const char *)bytes, len);
    struct scope_set set = {0}, whole = {0}, wanted = expected(scopes, list);
    scope_add_list(scopes, &set, list);
    need(memcmp(&set, &wanted, sizeof set) == 0);
    check_least(scopes, &set);
    scope_add(scopes, &whole, (const char *)bytes, len); /* may hold NUL */
    need(scope_known(scopes, list) || len == 0 || strchr(list, ' ') || strlen(list) != len ||
         memcmp(&whole, &set, sizeof set) == 0);
    arena_free(&arena);
    return 0;
}
