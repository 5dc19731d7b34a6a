/* publish_request: what a client asks for beside the file that it publishes, and how that
 * is kept while the file waits to be read. */
#ifndef EASEL_DOMAIN_PUBLISH_REQUEST_H
#define EASEL_DOMAIN_PUBLISH_REQUEST_H

#include "domain/publish.h"

struct arena;

/* What is given for the connection of one key in the file, for those to one place, or
 * (neither) for all others. */
struct publish_credentials {
    const char *key;
    const char *server, *port; /* port NULL or "": any */
    bool given;                /* false: the place is named, and nothing given for it */
    const char *user_name, *password;
    bool embeds;
};

struct publish_request {
    /* Without what is in the file: views, data sources, connections, steps. file_type is that of
     * the name under which the file came. */
    struct publish_spec spec;
    bool append;               /* to the data source of that name */
    const char *const *hidden; /* names of sheets that are to be hidden */
    size_t hidden_count;
    const struct publish_credentials *credentials;
    size_t credential_count;
};

/* The first credentials for that connection, else those for all others, else NULL. A key or
 * port that the file does not give is NULL. */
const struct publish_credentials *publish_credentials_for(const struct publish_request *request,
                                                          const char *key, const char *server,
                                                          const char *port);

enum { PUBLISH_REQUEST_MOST = 4 << 20 /* bytes, kept */ };

/* The request as bytes, in the arena; NULL where they would be more than
 * PUBLISH_REQUEST_MOST. They hold passwords. */
const char *publish_request_pack(struct arena *arena, const struct publish_request *request,
                                 size_t *len_r);
/* Reads it back. Texts stay where they are in `bytes`, behind which there must be a NUL.
 * False where they were not packed by this version. */
bool publish_request_unpack(struct arena *arena, const char *bytes, size_t len,
                            struct publish_request *request_r);

#endif
