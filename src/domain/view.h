/* view: the sheets of workbooks, as clients see them. */
#ifndef EASEL_DOMAIN_VIEW_H
#define EASEL_DOMAIN_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"
#include "domain/list.h"
#include "domain/tag.h"

struct actor;
struct tx;

struct view {
    const char *id, *name, *content_url, *view_url_name, *sheet_type;
    const char *workbook_id, *workbook_name, *owner_id, *owner_name, *project_id, *project_name;
    struct tag_list tags;
    bool hidden, show_tabs; /* show_tabs: of the workbook */
    int64_t hits, created_at, updated_at;
    /* More of what holds it, as a content_item has it. */
    const char *workbook_content_url, *workbook_description, *project_description;
    const char *owner_full_name, *owner_email, *owner_role;
    bool workbook_has_extracts;
    int64_t workbook_size_bytes, workbook_sheet_count, workbook_created_at, workbook_updated_at;
    int64_t owner_last_login_at;
};

/* The view, if the actor may read it and holds `needed`: E404011, E403004. */
enum err view_get(struct tx *tx, const struct actor *actor, const char *id, cap_set needed,
                  struct view *view_r, cap_set *capabilities_r);
/* Takes the view off its workbook, until a new revision of the file brings the sheet
 * back. Needs Delete: E404011, E403004. */
enum err view_delete(struct tx *tx, const struct actor *actor, const char *id);
/* Of a workbook that the actor may read (else E403004), in the order of its tabs;
 * hidden ones are left out. */
enum err view_list_of_workbook(struct tx *tx, const struct actor *actor, const char *workbook_id,
                               struct view **views_r, size_t *count_r);
extern const struct list_field view_fields[];
extern const size_t view_field_count;
/* What the actor may read. */
enum err view_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                   struct view **views_r, size_t *count_r, int64_t *total_r);

#endif
