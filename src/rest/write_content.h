/* write_content: elements of what people publish, as every answer that holds one
 * writes them: lists, single items, publishing, favorites (section 3 of the
 * resources of the REST API). */
#ifndef EASEL_REST_WRITE_CONTENT_H
#define EASEL_REST_WRITE_CONTENT_H

#include <stddef.h>

#include "base/fault.h"
#include "domain/capability.h"
#include "rest/fields.h"

struct call;
struct connection;
struct content_item;
struct el;
struct flow_step;
struct view;

enum item_parts {
    ITEM_LISTED,              /* in lists */
    ITEM_CHANGED,             /* where one was changed: what it says itself */
    ITEM_CHANGED_ACCELERATED, /* the same of a workbook, with what is done for its views */
    ITEM_WHOLE,               /* where one is asked for or was published: with what hangs on it */
    ITEM_EVERY                /* in lists, all that fields= can ask for */
};

/* Each fills an empty element. A whole workbook holds its views, as far as the
 * caller may read them: that alone can fail. */
enum err write_workbook(struct call *call, struct el *el, const struct content_item *workbook,
                        enum item_parts parts);
enum err write_datasource(struct call *call, struct el *el, const struct content_item *datasource,
                          enum item_parts parts);
enum err write_flow(struct call *call, struct el *el, const struct content_item *flow,
                    enum item_parts parts);

/* What fields= can ask for of what these write. */
extern const struct field_names workbook_names, datasource_names, flow_names, view_names;
/* Of the owner where only its id is usual. */
extern const struct field_names owner_names;

enum view_parts {
    VIEW_IN_WORKBOOK, /* what the workbook says is left out */
    VIEW_LISTED,      /* in lists of a site */
    VIEW_WHOLE,       /* where one is asked for */
    VIEW_EVERY        /* all that fields= can ask for */
};
void write_view(struct el *el, const struct view *view, enum view_parts parts);
/* The same as VIEW_EVERY, with how many users have it among their favorites. */
enum err write_view_every(struct call *call, struct el *el, const struct view *view);
/* What includeUsageStatistics adds, behind all else that VIEW_IN_WORKBOOK and
 * VIEW_LISTED write. */
void write_view_usage(struct el *el, const struct view *view);

/* Never a password. */
void write_connection(struct el *el, const struct connection *connection);
/* The element is there also where there is no tag: clients insist on it. */
void write_tags(struct el *el, const char *const *labels, size_t count);

/* The steps that write the flow's output: before the flow in its answer. */
void write_flow_steps(struct el *out, const struct flow_step *steps, size_t count);

#endif
