/* preview.c: see preview.h. */
#include "domain/preview.h"

#include <string.h>

#include "domain/actor.h"
#include "domain/content_item.h"
#include "domain/content_priv.h"
#include "domain/view.h"
#include "store/tx.h"

static enum err preview_in(struct tx *tx, const struct content_item *workbook,
                           const struct view *view, struct preview *preview_r)
{
    *preview_r = (struct preview){
        .view_id = view->id, .sheet = view->name, .file_type = workbook->file_type};
    return content_item_blob(tx, workbook, &preview_r->blob_id, NULL);
}

enum err preview_of_workbook(struct tx *tx, const struct actor *actor, const char *workbook_id,
                             struct preview *preview_r)
{
    struct content_item workbook;
    struct view view;
    cap_set held;
    enum err err = content_item_for(tx, actor, TYPE_WORKBOOK, workbook_id, CAP_BIT(CAP_READ),
                                    E403004, &workbook, &held);
    if (!err && !workbook.default_view_id)
        err = tx_refuse(tx, E404006, "The workbook '%.64s' has no view to show.", workbook.id);
    if (!err)
        err = view_get(tx, actor, workbook.default_view_id, CAP_BIT(CAP_READ), &view, NULL);
    return err ? err : preview_in(tx, &workbook, &view, preview_r);
}

enum err preview_of_view(struct tx *tx, const struct actor *actor, const char *workbook_id,
                         const char *view_id, struct preview *preview_r)
{
    struct content_item workbook;
    struct view view;
    if (!content_item_find(tx, actor->site_id, TYPE_WORKBOOK, workbook_id, &workbook))
        return tx_refuse(tx, E404006, "The workbook '%.64s' could not be found.", workbook_id);
    enum err err = view_get(tx, actor, view_id, CAP_BIT(CAP_READ), &view, NULL);
    if (err)
        return err;
    if (strcmp(view.workbook_id, workbook.id) != 0)
        return tx_refuse(tx, E404011, "The workbook has no view '%.64s'.", view_id);
    return preview_in(tx, &workbook, &view, preview_r);
}
