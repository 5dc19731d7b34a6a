/* hyper_condition: conditions with their columns found, asked of rows (hyper_actions.h). */
#ifndef EASEL_EXTRACT_HYPER_CONDITION_H
#define EASEL_EXTRACT_HYPER_CONDITION_H

#include "extract/hyper_actions.h"
#include "extract/hyper_rows.h"

struct arena;
struct hyper_matcher;

/* A column that a condition wants equal to one of the payload. */
struct hyper_pair {
    size_t target, source;
};

/* What is read for an action. `used` flags of columns, set where the condition reads
 * them. */
struct hyper_matching {
    const struct hyper_action *action;
    size_t number;                             /* of the action, from 1 */
    const struct hyper_table *target, *source; /* source NULL: none */
    bool *target_used, *source_used;
    struct arena *arena;
    struct fault *fault;
};

/* Errors of this folder: "Action 2 (update): ..." */
enum err hyper_action_refuse(const struct hyper_matching *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* E400000 where the condition does not fit the tables. */
enum err hyper_matcher_new(const struct hyper_matching *m, struct hyper_matcher **matcher_r);
/* The columns that must be equal for the condition to hold. */
size_t hyper_matcher_pairs(const struct hyper_matcher *matcher, const struct hyper_pair **pairs_r);
/* Whether the condition holds. `source` may be NULL where it has no columns of the
 * payload; scratch is for as long as the call. */
bool hyper_matcher_holds(const struct hyper_matcher *matcher, const struct hyper_value *target,
                         const struct hyper_value *source, struct arena *scratch);
/* A number that is the same for rows whose pairs are equal. False: a value is NULL which
 * equals nothing. */
bool hyper_matcher_hash(const struct hyper_matcher *matcher, bool of_source,
                        const struct hyper_value *row, struct arena *scratch, uint64_t *hash_r);

#endif
