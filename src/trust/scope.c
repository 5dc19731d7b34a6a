/* scope.c: see scope.h. */
#include "trust/scope.h"

#include <stdlib.h>
#include <string.h>

#include "tbl/methods.h"

enum { SCOPES_MOST = 512, NAME_MOST = 96 };

struct scopes {
    size_t count;
    char *names[SCOPES_MOST]; /* sorted */
    struct scope_set admits[SCOPES_MOST];
    struct scope_set free_methods; /* rows that need no scope */
};

static int compare(const char *name, const char *key, size_t len)
{
    int order = strncmp(name, key, len);
    return order ? order : name[len] != '\0';
}

/* Index of the name, or where it would stand (then *found_r is false). */
static size_t locate(const struct scopes *scopes, const char *key, size_t len, bool *found_r)
{
    size_t low = 0, high = scopes->count;
    *found_r = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(scopes->names[middle], key, len);
        if (order == 0) {
            *found_r = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct building {
    struct scopes *scopes;
    size_t method;
};

static void index_one(void *context, const char *name, size_t len)
{
    struct building *b = context;
    struct scopes *s = b->scopes;
    if (len == 4 && memcmp(name, "none", 4) == 0) {
        scope_mark(&s->free_methods, b->method);
        return;
    }
    if (len == 15 && memcmp(name, "no-scope-exists", 15) == 0)
        return;
    bool found;
    size_t at = locate(s, name, len, &found);
    if (!found) {
        if (s->count == SCOPES_MOST)
            abort(); /* the table outgrew the index: a build-time mistake */
        memmove(s->names + at + 1, s->names + at, (s->count - at) * sizeof *s->names);
        memmove(s->admits + at + 1, s->admits + at, (s->count - at) * sizeof *s->admits);
        s->names[at] = strndup(name, len);
        memset(&s->admits[at], 0, sizeof s->admits[at]);
        s->count++;
    }
    scope_mark(&s->admits[at], b->method);
}

struct scopes *scopes_new(void)
{
    struct scopes *scopes = calloc(1, sizeof *scopes);
    if (!scopes)
        abort();
    size_t count;
    const struct method_row *rows = method_rows(&count);
    if (count > (size_t)SCOPE_WORDS * 64)
        abort(); /* as above */
    for (size_t i = 0; i < count; i++)
        method_each_item(rows[i].scopes, index_one, &(struct building){scopes, i});
    return scopes;
}

void scopes_free(struct scopes **scopes)
{
    if (!*scopes)
        return;
    for (size_t i = 0; i < (*scopes)->count; i++)
        free((*scopes)->names[i]);
    free(*scopes);
    *scopes = NULL;
}

static void unite(struct scope_set *into, const struct scope_set *from)
{
    for (size_t i = 0; i < SCOPE_WORDS; i++)
        into->words[i] |= from->words[i];
}

void scope_add(const struct scopes *scopes, struct scope_set *set, const char *name, size_t len)
{
    bool found;
    unite(set, &scopes->free_methods);
    if (len > NAME_MOST || memchr(name, '\0', len))
        return;
    size_t at = locate(scopes, name, len, &found);
    if (found)
        unite(set, &scopes->admits[at]);
}

void scope_add_list(const struct scopes *scopes, struct scope_set *set, const char *names)
{
    unite(set, &scopes->free_methods);
    while (*names) {
        size_t len = strcspn(names, " ");
        scope_add(scopes, set, names, len);
        names += len + (names[len] == ' ');
    }
}

bool scope_listed(const char *names, const char *name)
{
    size_t wanted = strlen(name);
    for (names = names ? names : ""; *names;) {
        size_t len = strcspn(names, " ");
        if (len == wanted && memcmp(names, name, len) == 0)
            return true;
        names += len + (names[len] == ' ');
    }
    return false;
}

bool scope_known(const struct scopes *scopes, const char *name)
{
    bool found;
    locate(scopes, name, strlen(name), &found);
    return found;
}

const char *const *scope_names(const struct scopes *scopes, size_t *count_r)
{
    *count_r = scopes->count;
    return (const char *const *)scopes->names;
}

static size_t count_and(const struct scope_set *a, const struct scope_set *b, bool b_inverted)
{
    size_t n = 0;
    for (size_t i = 0; i < SCOPE_WORDS; i++)
        n += (size_t)__builtin_popcountll(a->words[i] & (b_inverted ? ~b->words[i] : b->words[i]));
    return n;
}

static void subtract(struct scope_set *from, const struct scope_set *what)
{
    for (size_t i = 0; i < SCOPE_WORDS; i++)
        from->words[i] &= ~what->words[i];
}

/* The next scope to take: least power beyond the calls, then most calls covered. */
static size_t best(const struct scopes *s, const struct scope_set *called,
                   const struct scope_set *open)
{
    size_t pick = SCOPES_MOST, pick_extra = 0, pick_gain = 0;
    for (size_t i = 0; i < s->count; i++) {
        size_t gain = count_and(&s->admits[i], open, false);
        size_t extra = count_and(&s->admits[i], called, true);
        if (gain == 0)
            continue;
        if (pick == SCOPES_MOST || extra < pick_extra ||
            (extra == pick_extra && gain > pick_gain)) {
            pick = i;
            pick_extra = extra;
            pick_gain = gain;
        }
    }
    return pick;
}

/* True where the others of `taken` admit all that this one is needed for. */
static bool redundant(const struct scopes *s, const size_t *taken, size_t count, size_t which,
                      const struct scope_set *wanted)
{
    struct scope_set rest = *wanted;
    for (size_t i = 0; i < count; i++)
        if (i != which)
            subtract(&rest, &s->admits[taken[i]]);
    return count_and(&rest, wanted, false) == 0;
}

/* Leaves out what the others make unnecessary; how many remain. */
static size_t prune(const struct scopes *s, size_t *taken, size_t count,
                    const struct scope_set *wanted)
{
    for (size_t i = count; i-- > 0;)
        if (redundant(s, taken, count, i, wanted))
            memmove(taken + i, taken + i + 1, (--count - i) * sizeof *taken);
    return count;
}

/* Puts one scope in the place of several where it admits no more than they do
 * together; how many remain. */
static size_t merge(const struct scopes *s, size_t *taken, size_t count,
                    const struct scope_set *wanted)
{
    struct scope_set power = *wanted;
    for (size_t i = 0; i < count; i++)
        unite(&power, &s->admits[taken[i]]);
    for (size_t i = 0; i < s->count; i++) {
        size_t trial[SCOPES_MOST + 1];
        if (count_and(&s->admits[i], &power, true) > 0)
            continue;
        trial[0] = i;
        memcpy(trial + 1, taken, count * sizeof *taken);
        size_t left = prune(s, trial, count + 1, wanted);
        if (left < count) {
            memcpy(taken, trial, left * sizeof *taken);
            count = left;
        }
    }
    return count;
}

size_t scope_least(const struct scopes *scopes, const struct scope_set *called,
                   const char **names_r, size_t room, struct scope_set *unreachable_r)
{
    size_t taken[SCOPES_MOST], count = 0;
    struct scope_set wanted = *called;
    subtract(&wanted, &scopes->free_methods);
    struct scope_set open = wanted;
    for (size_t next; (next = best(scopes, called, &open)) != SCOPES_MOST;) {
        taken[count++] = next;
        subtract(&open, &scopes->admits[next]);
    }
    *unreachable_r = open;
    subtract(&wanted, &open);
    count = prune(scopes, taken, count, &wanted);
    count = merge(scopes, taken, count, &wanted);
    for (size_t i = 0; i < count && i < room; i++)
        names_r[i] = scopes->names[taken[i]];
    return count < room ? count : room;
}
