/* subject: what an act is about where that may be a project, a workbook, a view, a
 * data source or a flow: permissions, tags, favorites. Found by type and LUID, with
 * what the actor may do there; what each act needs is asked by its own file. */
#ifndef EASEL_DOMAIN_SUBJECT_H
#define EASEL_DOMAIN_SUBJECT_H

#include <stdbool.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct tx;

struct subject {
    enum content_type type;
    const char *id, *name;
    const char *owner_id;   /* of a view: its workbook's */
    const char *project_id; /* that holds it; of a project: itself */
    cap_set held;           /* by the actor */
    bool leads;             /* of a project: as in struct project_access */
    /* The project whose rules stand in place of the subject's own; NULL: none. */
    const char *ruled_by;
    /* Of a view that follows the rules of its workbook because that shows tabs: the
     * workbook; else NULL. */
    const char *follows;
};

/* Whether the actor may read it is left to the caller. E404005, E404006, E404011,
 * E404004, E404027 for one that the site does not have. */
enum err subject_find(struct tx *tx, const struct actor *actor, enum content_type type,
                      const char *id, struct subject *subject_r);
/* The same; refuses also who may not read it, as the type does. */
enum err subject_get(struct tx *tx, const struct actor *actor, enum content_type type,
                     const char *id, struct subject *subject_r);

#endif
