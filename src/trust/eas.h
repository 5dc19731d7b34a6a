/* eas: external authorization servers: identity providers that a site, or the
 * whole server, trusts to sign users in (OAuth 2.0 trust).
 *
 * Rules: one issuer once on a site; a limit for each site; the issuer is compared
 * exactly. Deleting a server, or giving it another issuer or key set, ends the
 * sessions that it opened. As with connected apps (app.h), only a server that a
 * server administrator registered (a vetted one) carries a user's rights beyond
 * the site; it ceases to be one when somebody else changes where its keys come from.
 *
 * Every function runs inside the transaction of `tx`. How keys are found:
 * issuers.h. Implements the EAS methods of the seed. */
#ifndef EASEL_TRUST_EAS_H
#define EASEL_TRUST_EAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct tx;

enum { EAS_NAME_MOST = 255, EAS_URL_MOST = 2000 };

struct eas {
    const char *id;
    const char *site_id; /* NULL: the whole server's */
    const char *name;
    const char *issuer_url;
    const char *jwks_uri; /* NULL: by discovery */
    bool vetted;          /* registered by a server administrator */
    int64_t epoch;        /* counts up when its sessions end */
    int64_t created_at;
};

/* What a request says; NULL leaves things as they are. */
struct eas_spec {
    const char *issuer_url;
    const char *jwks_uri; /* "" removes */
    const char *name;     /* "" is the default name */
};

struct eas_rules {
    size_t limit;      /* of servers on a site */
    bool plain_http;   /* URLs may be http */
    bool server_admin; /* the caller is a server administrator */
};

/* E400008 where the issuer is missing or empty, E400194 where the site has it
 * already, E400161 where the limit is reached, E400157 anything else wrong. */
/* What keeps a URL from being an issuer, as a phrase after "it is"; NULL: nothing. */
const char *eas_issuer_fault(const char *issuer, bool plain_http);

enum err eas_register(struct tx *tx, const char *site_id, const struct eas_spec *spec,
                      const struct eas_rules *rules, struct eas *eas_r);
/* All of a site, oldest first. */
enum err eas_list(struct tx *tx, const char *site_id, struct eas **list_r, size_t *count_r);
/* E404047 where the site has no such server. */
enum err eas_get(struct tx *tx, const char *site_id, const char *id, struct eas *eas_r);
enum err eas_update(struct tx *tx, const char *site_id, const char *id, const struct eas_spec *spec,
                    const struct eas_rules *rules, struct eas *eas_r);
enum err eas_delete(struct tx *tx, const char *site_id, const char *id);

/* What a sign-in needs: the site's own server of exactly this issuer, else the
 * whole server's. site_id NULL: of any site. False where there is none or on failure. */
bool eas_find(struct tx *tx, const char *site_id, const char *issuer_url, struct eas *eas_r);

/* Makes the whole server's row what the configuration says ("" or NULL: no issuer).
 * E400157 where that is no good. */
enum err eas_configure(struct tx *tx, const char *issuer_url, const char *jwks_uri,
                       bool plain_http);

#endif
