/* hyper_actions: the rows of an extract changed by those of another, the payload.
 *
 * Actions are done in their order, all of them or none: what comes of them is a third
 * file. Each acts on one table of the target:
 *   insert   adds the rows of a table of the payload
 *   replace  has them in the place of all rows
 *   delete   takes away the rows for which the condition holds, with a table of the
 *            payload those for which it holds with any of its rows
 *   update   gives the rows for which it holds the values of the payload's row
 *   upsert   does so too, and adds the rows of the payload that matched none
 * Columns are told by their names, in any order. A column of the payload's table must be
 * one of the target's or, but for insert and replace, stand in the condition; for delete
 * it must stand there. Where the payload has no value for a column an added row is NULL,
 * which the column must allow; of an upsert that compares the column for being equal with
 * one of the payload's, it has the value of that. It is refused if one row of the target
 * matches several of an update or upsert.
 *
 * Values fit columns of their own type, integers also wider ones, narrower ones as far as
 * they fit, and Double; dates fit Timestamp. Comparisons are those of SQL, with NULL
 * unknown to all but `is`; numbers compare as numbers, dates with timestamps as
 * midnights, NaN equals itself and is greatest. Strings compare by bytes; under a collation that
 * ignores case they are equal where folded ones are, and which of two is less is not
 * supported.
 *
 * Memory: a block of the target, a block that is being made, and of the payload the
 * tables that update, upsert and delete look rows up in: HYPER_LOOKUP_MOST together.
 * Rows are found by the columns that a condition wants equal; where it wants none, no more
 * than HYPER_PAIRS_MOST pairs of rows are compared. */
#ifndef EASEL_EXTRACT_HYPER_ACTIONS_H
#define EASEL_EXTRACT_HYPER_ACTIONS_H

#include "extract/hyper.h"

enum {
    HYPER_LOOKUP_MOST = 512 << 20, /* bytes */
    HYPER_PAIRS_MOST = 100000000,
};

enum hyper_act { HYPER_INSERT, HYPER_REPLACE, HYPER_DELETE, HYPER_UPDATE, HYPER_UPSERT };

enum hyper_test {
    HYPER_AND,
    HYPER_OR,
    HYPER_NOT,
    HYPER_EQ,
    HYPER_NEQ,
    HYPER_LT,
    HYPER_LTE,
    HYPER_GT,
    HYPER_GTE,
    HYPER_IS, /* equal, or both NULL */
};

enum hyper_constant {
    HYPER_NO_CONSTANT,
    HYPER_BOOLEAN_CONSTANT,
    HYPER_DATETIME_CONSTANT, /* 2018-02-01, 2018-02-01T12:30:00.5Z, with offset from UTC */
    HYPER_DOUBLE_CONSTANT,
    HYPER_INTEGER_CONSTANT,
    HYPER_STRING_CONSTANT,
};

/* Of `and`, `or` and `not` the arguments; else two of the three operands, of which the
 * first one given in this order is the left one. */
struct hyper_condition {
    enum hyper_test test;
    const struct hyper_condition *args;
    size_t arg_count;
    const char *target, *source; /* columns; NULL: none */
    enum hyper_constant constant;
    const char *text; /* of the constant; NULL: it is NULL */
};

struct hyper_action {
    enum hyper_act act;
    const char *target_schema, *target_table; /* schema NULL: the only one with that table */
    const char *source_schema, *source_table; /* table NULL: none, which delete allows */
    const struct hyper_condition *condition;  /* NULL: none */
};

/* How far it got; false: stop. */
struct hyper_watch {
    bool (*go_on)(void *context, int percent);
    void *context;
};

const char *hyper_act_name(enum hyper_act act);

/* Writes the changed `target` to `fd`, an empty file. `payload` may be NULL where no
 * action names a table of it; `watch` may be NULL. E400000: an action does not fit the
 * files, with its number from 1; E400011: a file is damaged or not supported; E403008: no
 * room; E500000: reading or writing failed, or it was told to stop. Not thread-safe with
 * respect to the arenas of both. */
enum err hyper_change(const struct hyper *target, const struct hyper *payload,
                      const struct hyper_action *actions, size_t count, int fd,
                      const struct hyper_watch *watch, struct fault *fault);

#endif
