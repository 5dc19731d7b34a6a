/* publish: what a published file becomes. The bytes are in the blob store before; the
 * caller has read them and says what is in them. One transaction: the item, its
 * revision, views, connections, rules and counts, or nothing. */
#ifndef EASEL_DOMAIN_PUBLISH_H
#define EASEL_DOMAIN_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct content_item;
struct tx;

struct publish_view {
    const char *name, *url_name; /* url_name: as clients see it, without the workbook's */
    const char *sheet_type;      /* worksheet, dashboard or story */
    bool hidden;
    const char *const *fields; /* names of those that it shows */
    size_t field_count;
};

struct publish_tag {
    const char *label;
    const char *view; /* name of the view that it is for; NULL: the item itself */
};

/* Of a workbook. */
struct publish_datasource {
    const char *name; /* as people see it */
    /* Of the published one that it stands for, and where the file says that is; NULL:
     * it is embedded, or the file does not say. */
    const char *content_url;
    const char *server, *port, *site;
};

struct publish_connection {
    const char *id; /* the LUID that the password was sealed for; NULL: one is made */
    const char *type, *server, *port, *user_name, *database, *filename, *authentication;
    bool embeds_password;
    const char *sealed_password;                 /* NULL: none */
    const struct publish_datasource *datasource; /* one of the spec's; NULL: of no workbook */
};

/* The current file of a data source, which something is appended to. */
struct publish_target {
    const char *id; /* of the data source */
    int64_t revision;
    const char *blob_id, *file_type;
    int64_t room; /* bytes that the site may still store */
};

struct publish_spec {
    enum content_type type;
    const char *project_id;         /* NULL or "": the default project */
    const char *name, *description; /* description NULL: none */
    bool overwrite;
    const struct publish_target *append_to; /* what `blob_id` was made of; NULL: not appending */
    const char *blob_id, *file_type, *data_type; /* data_type: of a data source */
    int64_t size_bytes;
    bool show_tabs, has_extracts, encrypts_extracts, uses_remote_query_agent;
    const char *thumbnails_user_id, *thumbnails_group_id;
    const struct publish_view *views;
    size_t view_count;
    size_t default_view;                          /* index */
    const struct publish_datasource *datasources; /* in the order of the file */
    size_t datasource_count;
    const struct publish_connection *connections;
    size_t connection_count;
    const char *const *tables; /* names of those that a data source reads */
    size_t table_count;
    /* This server as the client calls it: published data sources that the file says are
     * there must be there, for the actor to read. NULL: none is looked for. */
    const char *checked_server, *checked_port;
    const struct publish_tag *tags; /* beside those that are there; unknown views are passed over */
    size_t tag_count;
    const char *const *steps; /* names of the steps of a flow that write its output */
    size_t step_count;
};

/* Whether two names are those of one place: a port that is not told is any. */
bool publish_same_place(const char *server, const char *port, const char *other_server,
                        const char *other_port);

/* Whether the actor may publish there under that name; before a large file is read.
 * E404005, E403007 (no right, or the name is taken: the kind's `taken`), E403008. */
enum err publish_check(struct tx *tx, const struct actor *actor, const struct publish_spec *spec);
/* The same for appending to the data source of that name, and what its file is.
 * E404004 where there is none. */
enum err publish_check_append(struct tx *tx, const struct actor *actor,
                              const struct publish_spec *spec, struct publish_target *target_r);
/* Creates the item, or gives the one of that name a new revision: its LUID, content
 * URL, tags and rules stay, and so do the LUIDs of views and data sources whose names
 * stay. *created_r tells which. E403132 where a data source that is looked for is not
 * there.
 *
 * Appending gives the item a revision and leaves all else as it is: description,
 * connections, settings. E403131 where its file is no longer that of append_to. */
enum err publish(struct tx *tx, const struct actor *actor, const struct publish_spec *spec,
                 struct content_item *item_r, bool *created_r);

/* What the site may still store, in bytes; INT64_MAX where it has no quota. */
enum err publish_room(struct tx *tx, const char *site_id, int64_t *left_r);
/* The data source with another current file, of the same type, as a new revision; all else
 * stays as it is. Rights are the caller's to ask. E403131 where its revision is another one
 * by now, E403008 where there is no room. */
enum err publish_changed(struct tx *tx, const struct actor *actor, const char *datasource_id,
                         int64_t revision, const char *blob_id, int64_t size_bytes);

#endif
