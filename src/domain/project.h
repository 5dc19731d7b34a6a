/* project: the hierarchy that content lives in.
 *
 * Names are unique without case among siblings. Who may do what with a project is
 * asked of domain/access.h; a new one begins with the rules that hold in its
 * parent, at the top level with those of the default project. */
#ifndef EASEL_DOMAIN_PROJECT_H
#define EASEL_DOMAIN_PROJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/list.h"
#include "domain/role.h"

struct actor;
struct tx;

enum { PROJECT_NAME_MOST = 255, PROJECT_DESCRIPTION_MOST = 4000, PROJECT_DEPTH_MOST = 100 };

struct project {
    const char *id, *name, *description, *content_permissions, *owner_id;
    const char *parent_id;      /* NULL: top level */
    const char *controlling_id; /* project above whose lock rules; NULL: none */
    bool is_default;
    int64_t created_at, updated_at;
};

/* What lists tell only where it is asked for. */
struct project_more {
    const char *owner_name, *owner_full_name, *owner_email; /* NULL: none */
    enum site_role owner_role;
    int64_t owner_last_login_at; /* 0: never */
    /* Directly in it; hidden views do not count. */
    int64_t project_count, workbook_count, view_count, datasource_count;
    int64_t favorites; /* users who have it among theirs */
    bool writeable;    /* the actor may publish to it */
};

struct project_spec {
    const char *id; /* create: seeding only. update: the id in the body, to be compared */
    const char *name, *description, *content_permissions, *owner_id; /* NULL: unset */
    const char *parent_id; /* NULL: unset; "": top level */
};

/* Errors: E400000, E400008, E403045, E404002 (owner), E404005 (parent), E409006. */
enum err project_create(struct tx *tx, const struct actor *actor, const char *site_id,
                        const struct project_spec *spec, struct project *project_r);
enum err project_create_default(struct tx *tx, const char *site_id, const char *owner_id);
/* The id of the site's default project; "" where there is none. */
const char *project_default(struct tx *tx, const char *site_id);
/* E404005 where the site has no such project. */
enum err project_get(struct tx *tx, const char *site_id, const char *id, struct project *project_r);
enum err project_more(struct tx *tx, const struct actor *actor, const struct project *project,
                      struct project_more *more_r);
/* Errors as for create; E403004, E403005 (default project), E404009. */
enum err project_update(struct tx *tx, const struct actor *actor, const char *site_id,
                        const char *id, const struct project_spec *spec, struct project *project_r);
/* With all projects in it. E403003 (default project), E403004. */
enum err project_delete(struct tx *tx, const struct actor *actor, const char *site_id,
                        const char *id);

extern const struct list_field project_fields[];
extern const size_t project_field_count;
/* What the actor may read of them. */
enum err project_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                      struct project **projects_r, size_t *count_r, int64_t *total_r);

#endif
