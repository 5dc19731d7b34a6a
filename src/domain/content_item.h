/* content_item: what people publish (workbooks, data sources, flows), as it is found,
 * listed, changed and deleted. Publishing stands in domain/publish.h, views in
 * domain/view.h. How acts are refused differs by type: tbl/content_kinds.def. */
#ifndef EASEL_DOMAIN_CONTENT_ITEM_H
#define EASEL_DOMAIN_CONTENT_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"
#include "domain/list.h"
#include "domain/tag.h"

struct actor;
struct freshness;
struct tx;

enum { CONTENT_NAME_MOST = 255, CONTENT_DESCRIPTION_MOST = 8000 };

struct content_item {
    enum content_type type;
    const char *id, *name, *description, *content_url, *file_type;
    const char *project_id, *project_name, *project_description, *owner_id, *owner_name;
    const char *owner_full_name, *owner_email; /* NULL: none */
    const char *owner_role;
    int64_t owner_last_login_at;    /* 0: never */
    const char *data_type;          /* of a data source, else NULL */
    const char *certification_note; /* NULL: none */
    const char *default_view_id;    /* of a workbook; NULL: none */
    struct tag_list tags;
    bool show_tabs, has_extracts, encrypts_extracts, uses_remote_query_agent, is_certified;
    int64_t size_bytes, revision, sheet_count, created_at, updated_at, published_at;
    int64_t serial; /* the number that stands in its address in a browser */
};

/* The item, if the actor holds `needed` on it: unknown; unread where Read is missing;
 * else unwritten. *capabilities_r (may be NULL): all that the actor holds. */
enum err content_item_get(struct tx *tx, const struct actor *actor, enum content_type type,
                          const char *id, cap_set needed, struct content_item *item_r,
                          cap_set *capabilities_r);

/* The same for reading, by the content URL in place of the LUID. */
enum err content_item_by_url(struct tx *tx, const struct actor *actor, enum content_type type,
                             const char *content_url, struct content_item *item_r);

/* The blob of the item's current file, whoever asks; bytes_r may be NULL. */
enum err content_item_blob(struct tx *tx, const struct content_item *item, const char **blob_id_r,
                           int64_t *bytes_r);
/* For a download: the item and the blob of its current file. Needs Read and ExportXml:
 * the kind's `undownloaded`. */
enum err content_item_file(struct tx *tx, const struct actor *actor, enum content_type type,
                           const char *id, struct content_item *item_r, const char **blob_id_r);

extern const struct list_field workbook_fields[], datasource_fields[], flow_fields[];
extern const size_t workbook_field_count, datasource_field_count, flow_field_count;
/* What the actor may read. */
enum err content_item_list(struct tx *tx, const struct actor *actor, enum content_type type,
                           const struct list_request *list, struct content_item **items_r,
                           size_t *count_r, int64_t *total_r);
/* What that user may read, or owns: asked by the user or by an administrator (else
 * E403018, of flows E403101). E404002. */
enum err content_item_list_of_user(struct tx *tx, const struct actor *actor, enum content_type type,
                                   const char *user_id, bool owned, const struct list_request *list,
                                   struct content_item **items_r, size_t *count_r,
                                   int64_t *total_r);

/* NULL, or -1 for flags: no change. */
struct content_change {
    const char *name, *description, *project_id, *owner_id, *certification_note;
    int show_tabs, encrypts_extracts, uses_remote_query_agent, is_certified;
    const struct freshness *freshness; /* of a workbook */
};

/* Write, or for certification the rights of a leader. Errors of the kind; E404002
 * (owner), E404005 (project), E400000. */
enum err content_item_update(struct tx *tx, const struct actor *actor, enum content_type type,
                             const char *id, const struct content_change *change,
                             struct content_item *item_r);
/* Everything in a project and those below it goes with them; who may is the project's. */
enum err content_delete_below(struct tx *tx, const char *site_id, const char *project_id);
/* With its views, revisions and rules; blobs that nothing names any more are left to
 * the sweeper. Needs Delete. */
enum err content_item_delete(struct tx *tx, const struct actor *actor, enum content_type type,
                             const char *id);

#endif
