/* items: what the methods of workbooks, data sources and flows share. Each of the
 * three has a table of what differs in rest/<category>.c. */
#ifndef EASEL_REST_ITEMS_H
#define EASEL_REST_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "domain/capability.h"
#include "rest/fields.h"
#include "rest/write_content.h"

struct call;
struct content_change;
struct content_item;
struct el;
struct list_field;

struct item_kind {
    enum content_type type;
    const char *element, *wrapper; /* "workbook", "workbooks" */
    const char *param;             /* of its LUID in paths */
    const struct list_field *list_fields;
    const size_t *list_field_count;
    const struct field_names *fields; /* NULL: fields= is not documented */
    enum err (*write)(struct call *call, struct el *el, const struct content_item *item,
                      enum item_parts parts);
    /* Reads what this kind alone can change. */
    enum err (*read_change)(struct call *call, const struct el *el, struct content_change *change);
};

enum err items_list(struct call *call, const struct item_kind *kind);
enum err items_list_of_user(struct call *call, const struct item_kind *kind);
enum err item_get(struct call *call, const struct item_kind *kind);
/* The answer holds `parts` of the item. */
enum err item_update(struct call *call, const struct item_kind *kind, enum item_parts parts);
enum err item_delete(struct call *call, const struct item_kind *kind);

/* An attribute of the request that is true or false: -1 where it is absent. E400000. */
enum err item_read_flag(struct call *call, const struct el *el, const char *name, int *flag_r);
/* A value of the query that is true or false: false where it is absent; else
 * `refusal`. */
enum err item_query_flag(struct call *call, const char *name, enum err refusal, bool *flag_r);

#endif
