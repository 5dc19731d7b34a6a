/* scope: what the scopes of a JWT admit.
 *
 * At sign-in the scopes become a bit set over THE TABLE (tbl/methods.def), once;
 * the check of a request is one bit test. A scope means exactly what the rows
 * say: a wildcard admits a method because the row lists it, so an unknown scope
 * or an undocumented wildcard grants nothing. Thread-safe: immutable once made.
 * Implements section 4 of the trust specification. */
#ifndef EASEL_TRUST_SCOPE_H
#define EASEL_TRUST_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCOPE_WORDS = 8 }; /* room for 512 methods */

struct scope_set {
    uint64_t words[SCOPE_WORDS];
};

struct scopes; /* the index: scope name -> methods */

struct scopes *scopes_new(void);
void scopes_free(struct scopes **scopes);

/* Adds what one scope admits; a name no row lists adds nothing. */
void scope_add(const struct scopes *scopes, struct scope_set *set, const char *name, size_t len);
/* Adds what each name of a list admits; names are separated by single spaces. */
void scope_add_list(const struct scopes *scopes, struct scope_set *set, const char *names);
/* True where the name is among those of such a list; NULL is an empty one. */
bool scope_listed(const char *names, const char *name);
/* True where the method (its number in the table) is admitted. */
static inline bool scope_admits(const struct scope_set *set, size_t method)
{
    return set->words[method / 64] >> (method % 64) & 1;
}
/* Marks a method, for building sets of calls. */
static inline void scope_mark(struct scope_set *set, size_t method)
{
    set->words[method / 64] |= (uint64_t)1 << (method % 64);
}

/* True where a row lists this scope. */
bool scope_known(const struct scopes *scopes, const char *name);
/* Names of all scopes in the table, sorted; "none" and "no-scope-exists" are not scopes. */
const char *const *scope_names(const struct scopes *scopes, size_t *count_r);

/* The least set of scopes that admits every method in `called`: of those that
 * admit the fewest methods beyond the called ones, the fewest. Writes at most
 * `room` names, returns how many; methods that no scope admits are left in
 * *unreachable_r. */
size_t scope_least(const struct scopes *scopes, const struct scope_set *called,
                   const char **names_r, size_t room, struct scope_set *unreachable_r);

#endif
