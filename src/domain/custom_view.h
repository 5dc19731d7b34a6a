/* custom_view: views as people changed them and kept under a name of their own.
 *
 * Who may see the view may see every custom view of it whose id is known; lists show
 * one's own and the shared ones. Who owns it, administrators and leaders of the workbook's
 * project may change and delete it. It goes with its view, its workbook and its owner. */
#ifndef EASEL_DOMAIN_CUSTOM_VIEW_H
#define EASEL_DOMAIN_CUSTOM_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/list.h"

struct actor;
struct tx;

enum { CUSTOM_VIEW_NAME_MOST = 255, CUSTOM_VIEW_FILE_MOST = 4 << 20, CUSTOM_VIEW_USERS_MOST = 100 };

struct custom_view {
    const char *id, *name;
    const char *view_id, *view_name, *workbook_id, *workbook_name, *owner_id, *owner_name;
    const char *project_id; /* of the workbook */
    bool shared;
    int64_t created_at, updated_at;
};

extern const struct list_field custom_view_fields[];
extern const size_t custom_view_field_count;
/* All for administrators; for others their own, and the shared ones of views that they
 * may read. */
enum err custom_view_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                          struct custom_view **views_r, size_t *count_r, int64_t *total_r);
/* E404000 where there is none (the method documents no other code); E403004 where the actor neither
 * owns it nor may read its view. *file_r (may be NULL): the bytes as they came. */
enum err custom_view_get(struct tx *tx, const struct actor *actor, const char *id,
                         struct custom_view *view_r, const char **file_r);

struct custom_view_spec {
    const char *name, *workbook_id;
    const char *owner_id;  /* NULL: who publishes it; another: administrators, leaders */
    const char *view_name; /* the one of the workbook that it is made from */
    const char *file;
    bool shared;
};
/* E400000 (name, or no such view), E404006, E403018, E403004, E404002; E403166 where the
 * owner has one of that name in the workbook. */
enum err custom_view_publish(struct tx *tx, const struct actor *actor,
                             const struct custom_view_spec *spec, struct custom_view *view_r);
/* NULL: no change. Errors as above. */
enum err custom_view_update(struct tx *tx, const struct actor *actor, const char *id,
                            const char *name, const char *owner_id, struct custom_view *view_r);
enum err custom_view_delete(struct tx *tx, const struct actor *actor, const char *id);

/* ---- for whom it stands in place of its view; asked and set by who may change it */

struct custom_view_user {
    const char *id, *name;
    enum err err; /* of custom_view_set_default: why not; E_OK: it is the default now */
    const char *detail;
};
enum err custom_view_default_users(struct tx *tx, const struct actor *actor, const char *id,
                                   const struct list_request *list,
                                   struct custom_view_user **users_r, size_t *count_r,
                                   int64_t *total_r);
/* For each of the users alone: E404002 where there is none, E403004 where the user may not
 * read the view. users_r has room for `count`. */
enum err custom_view_set_default(struct tx *tx, const struct actor *actor, const char *id,
                                 const char *const *user_ids, size_t count,
                                 struct custom_view_user *users_r);

#endif
