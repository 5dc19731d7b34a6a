/* connection: where published content takes its data from, as its file says or as
 * people changed it since. Passwords come sealed (trust/seal.h) and are never read
 * here. */
#ifndef EASEL_DOMAIN_CONNECTION_H
#define EASEL_DOMAIN_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct content_item;
struct tx;

enum { CONNECTION_TEXT_MOST = 1024, CONNECTIONS_AT_ONCE_MOST = 1000 };

struct connection {
    const char *id, *type, *server_address, *server_port, *user_name, *database_name;
    const char *filename, *authentication_type; /* NULL: none */
    bool embeds_password, query_tagging;
    /* The data source that a workbook reads through it: the published one where the
     * actor's site has it, else the workbook's own (workbook_datasource.h). NULL: it is not
     * of a workbook. */
    const char *datasource_id, *datasource_name;
};

/* Of a workbook, data source or flow that the actor may read, in the order of its
 * file. The kind's unknown; E403021 or, of flows, E403092. */
enum err connection_list(struct tx *tx, const struct actor *actor, enum content_type type,
                         const char *content_id, struct connection **connections_r,
                         size_t *count_r);

/* What connections tell of a data source. */
struct datasource_more {
    const char *server_name, *database_name; /* of its first connection; NULL: none */
    int64_t workbook_count;                  /* workbooks that read it */
};
enum err datasource_more(struct tx *tx, const struct content_item *datasource,
                         struct datasource_more *more_r);

/* E400000 for a text that is no number of a port; NULL and "" are none. */
enum err connection_check_port(struct tx *tx, const char *text);

/* NULL, or -1 for flags: no change. */
struct connection_change {
    const char *server_address, *server_port, *user_name, *authentication_type;
    int embeds_password, query_tagging;
    /* A new password, sealed for the connection of that id; NULL: no change. */
    const char *(*seal)(void *context, const char *connection_id);
    void *context;
};

/* Needs Write: E403029 (workbook), E403023 (data source), E403103 (flow); E404020
 * where the item has no such connection, E400000. */
enum err connection_update(struct tx *tx, const struct actor *actor, enum content_type type,
                           const char *content_id, const char *connection_id,
                           const struct connection_change *change, struct connection *connection_r);
/* The same change on several, or on none of them; answers them in the order given. */
enum err connection_update_all(struct tx *tx, const struct actor *actor, enum content_type type,
                               const char *content_id, const char *const *connection_ids,
                               size_t count, const struct connection_change *change,
                               struct connection **connections_r);

/* Seals every kept password anew, by the id of its connection; their number, -1
 * where the repository failed or reseal answered NULL. */
int64_t connection_passwords_reseal(struct tx *tx,
                                    const char *(*reseal)(void *context, struct arena *arena,
                                                          const char *id, const char *sealed),
                                    void *context);

#endif
