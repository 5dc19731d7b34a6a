/* recent: what users looked at lately.
 *
 * To have read a view or a workbook is noted in memory, so that reading waits for
 * nothing; the notes are written along with the commits that are under way, or about
 * once a second (as events are, trust/record.h). What is not written when the process
 * ends abruptly is lost: it is a convenience, no record. Thread-safe. */
#ifndef EASEL_DOMAIN_RECENT_H
#define EASEL_DOMAIN_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct db;
struct recents;
struct tx;

enum {
    RECENTS_KEPT = 50,        /* of each user */
    RECENTS_WAIT_MOST = 10000 /* notes in memory; further ones are dropped */
};

struct recents *recents_new(void);
void recents_free(struct recents **recents);
/* The user read that workbook or view; ids as they are kept. */
void recents_note(struct recents *recents, const char *user_id, enum content_type type,
                  const char *item_id, int64_t now);
/* True where notes wait to be written. */
bool recents_wait(struct recents *recents);
/* Writes what waits, inside a write transaction: for a ride along with others, which
 * it harms in no case; and for an act of its own. */
void recents_ride(struct recents *recents, struct db *db);
enum err recents_flush(struct recents *recents, struct tx *tx);

struct recent {
    enum content_type type;
    const char *item_id;
};
/* The actor's own, the newest first. */
enum err recent_list(struct tx *tx, const struct actor *actor,
                     struct recent recents_r[RECENTS_KEPT], size_t *count_r);

#endif
