/* usage: how often items were looked at, in all and lately.
 *
 * A look at a view counts for the view and for the workbook that holds it; a look at a
 * workbook counts for the workbook. So a workbook keeps the looks at views that it lost.
 * Looks come from domain/recent.h, gathered; days are those of UTC. */
#ifndef EASEL_DOMAIN_USAGE_H
#define EASEL_DOMAIN_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct db;
struct tx;

/* Spans in days, the current one included. */
enum {
    USAGE_TWO_WEEKS = 14,
    USAGE_ONE_MONTH = 30,
    USAGE_THREE_MONTHS = 90,
    USAGE_TWELVE_MONTHS = 365
};

struct usage {
    int64_t total, two_weeks, one_month, three_months, twelve_months;
};

/* The day of a time. */
int64_t usage_day(int64_t at);

/* So many looks at a view or workbook on a day. */
struct usage_looks {
    const char *item_id;
    enum content_type type;
    int64_t day, count;
};
/* Counts them, inside a write transaction; what is gone by now is passed over. Takes
 * the locks of the sites (db_lock) in their order, so that it waits for no act that
 * waits for it. */
bool usage_count(struct db *db, const struct usage_looks *looks, size_t count);

/* Of an item that the actor may read: a workbook, view, data source or flow. Whether it
 * is not there or not to be read is not told: E404006, E404011, E404004, E404027. Of
 * other types E400000. */
enum err usage_get(struct tx *tx, const struct actor *actor, enum content_type type, const char *id,
                   struct usage *usage_r);
/* Fills in the usage of all rows, whoever asks: a row's id (const char *) and usage lie
 * at these offsets. `type` is that of all rows, where views are told from the rest. */
enum err usage_fill(struct tx *tx, enum content_type type, void *rows, size_t count,
                    size_t row_size, size_t id_at, size_t usage_at);

/* SQL: looks after the day `after` at the view or else the content whose ids these
 * expressions are; 0 where both are NULL. In `tx->arena`. */
const char *usage_since_sql(struct tx *tx, const char *view_id, const char *content_id,
                            int64_t after);

/* Takes out some of the days that no span reaches any more; called now and then. */
enum err usage_sweep(struct tx *tx);

#endif
