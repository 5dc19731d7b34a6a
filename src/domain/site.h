/* site: sites, their settings, and what begins with them. */
#ifndef EASEL_DOMAIN_SITE_H
#define EASEL_DOMAIN_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/list.h"

struct actor;
struct tx;

enum { SITE_NAME_MOST = 128, CONTENT_URL_MOST = 128, SITE_TEXT_MOST = 4000, SITE_ZONE_MOST = 64 };

enum site_kind {
    SITE_BOOL,
    SITE_NUMBER,
    SITE_COUNT,
    SITE_LIMIT,
    SITE_QUOTA,
    SITE_CAPACITY,
    SITE_TEXT,
    SITE_ZONE,
    SITE_ASK,
    SITE_ENCRYPTION,
    SITE_VISIBILITY
};

enum site_changer { CHANGED_BY_SITE, CHANGED_BY_SERVER };

struct site_attribute {
    const char *name;
    enum site_kind kind;
    const char *fallback; /* "" shows nothing */
    enum site_changer changed_by;
};
/* The rows of tbl/site_attributes.def. */
const struct site_attribute *site_attributes(size_t *count_r);

struct site {
    const char *id, *name, *content_url, *state, *admin_mode;
    const char *settings; /* encoded; read with site_setting */
    int64_t user_count, project_count, created_at;
};

struct site_setting {
    const char *name, *value;
};

/* What a request says of a site; NULL: nothing. */
struct site_spec {
    const char *id; /* seeding only; NULL: a new one */
    const char *name, *content_url;
    const char *admin_mode; /* create: ContentAndUsers where NULL */
    const char *state;      /* update only */
    const struct site_setting *settings;
    size_t setting_count;
};

/* The value of a setting, its default where none was set, NULL where there is
 * neither; userQuota is the sum of the three capacities where those are set. In
 * tx->arena. */
const char *site_setting(struct tx *tx, const struct site *site,
                         const struct site_attribute *which);

/* Whether a setting of the site that is true or false is true, by its name in the table. */
enum err site_is_set(struct tx *tx, const char *site_id, const char *name, bool *set_r);

/* A new site with the project Default and its creator as administrator (actor
 * NULL: the first site, without either). Errors: E400000, E400013, E403004,
 * E409001, E409002, E409004. Only server administrators. */
enum err site_create(struct tx *tx, const struct actor *actor, const struct site_spec *spec,
                     struct site *site_r);
/* What the spec leaves out stays. Server administrators may change everything,
 * administrators of the site what their table row says; they may name the rest as
 * it is. Errors as for create; E404000. */
enum err site_update(struct tx *tx, const struct actor *actor, const char *id,
                     const struct site_spec *spec, struct site *site_r);
/* With all that is in it, and the accounts that have no other site. Sessions are
 * the caller's (trust/session.h). Only server administrators. Errors: E403002 (the
 * default site), E403004, E404000. */
enum err site_delete(struct tx *tx, const struct actor *actor, const char *id);

/* Where views of the site may be embedded. */
struct site_embedding {
    bool unrestricted;
    const char *allow_list; /* domains, separated by spaces */
};
void site_get_embedding(struct tx *tx, const struct site *site, struct site_embedding *embedding_r);
enum err site_set_embedding(struct tx *tx, const char *id, const struct site_embedding *embedding);

/* A suspended site admits server administrators alone. */
bool site_is_suspended(const struct site *site);

/* E404000 where there is none. */
enum err site_get(struct tx *tx, const char *id, struct site *site_r);
enum err site_get_by_name(struct tx *tx, const char *name, struct site *site_r);
/* Exact first, then without case. */
enum err site_get_by_content_url(struct tx *tx, const char *content_url, struct site *site_r);
/* Server administrators see all sites, others those they are a user of. */
enum err site_list(struct tx *tx, const struct actor *actor, const struct list_request *list,
                   struct site **sites_r, size_t *count_r, int64_t *total_r);
/* Users who count by licence, for usage. */
struct site_usage {
    int64_t users, creators, explorers, viewers;
};
enum err site_usage(struct tx *tx, const char *site_id, struct site_usage *usage_r);

#endif
