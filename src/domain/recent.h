/* recent: what users looked at lately, and how often (domain/usage.h).
 *
 * To have looked at a view or a workbook is noted in memory, so that looking waits for
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
    RECENTS_WAIT_MOST = 10000 /* notes in memory; what has none by then is dropped */
};

struct recents *recents_new(void);
void recents_free(struct recents **recents);
/* The user looked at that workbook or view, which counts; ids as they are kept. */
void recents_note(struct recents *recents, const char *user_id, enum content_type type,
                  const char *item_id, int64_t now);
/* True where notes wait to be written: of anybody, of that user. */
bool recents_wait(struct recents *recents);
bool recents_wait_of(struct recents *recents, const char *user_id);
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
