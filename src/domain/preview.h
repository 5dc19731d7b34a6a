/* preview: whose picture stands for a workbook or a view, and in which file it is. */
#ifndef EASEL_DOMAIN_PREVIEW_H
#define EASEL_DOMAIN_PREVIEW_H

#include "base/fault.h"

struct actor;
struct tx;

struct preview {
    const char *view_id, *sheet; /* LUID and name of the view that is shown */
    const char *blob_id, *file_type;
};

/* Of a workbook, for who may read it: its default view, which must be readable too.
 * E404006 where there is no such workbook, or it has no view; E403004. */
enum err preview_of_workbook(struct tx *tx, const struct actor *actor, const char *workbook_id,
                             struct preview *preview_r);
/* Of a view, for who may read that, whether or not it is hidden. E404006 where there is
 * no such workbook; E404011 where it has no such view; E403004. */
enum err preview_of_view(struct tx *tx, const struct actor *actor, const char *workbook_id,
                         const char *view_id, struct preview *preview_r);

#endif
