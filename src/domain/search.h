/* search: workbooks, views, data sources, flows and projects, found by the words of
 * their names, descriptions, owners and tags.
 *
 * The index is kept by those who change what it holds: they say search_index in the
 * same transaction. What goes takes its entry along (foreign keys). */
#ifndef EASEL_DOMAIN_SEARCH_H
#define EASEL_DOMAIN_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"
#include "domain/list.h"
#include "domain/tag.h"
#include "domain/usage.h"

struct actor;
struct tx;

/* The item is new, or its words changed: of a workbook with those of its views. */
enum err search_index(struct tx *tx, const char *site_id, enum content_type type, const char *id);
/* The same for all that the user owns. */
enum err search_index_owned(struct tx *tx, const char *site_id, const char *user_id);
/* What has no entry yet, on any site: of a repository from before there was a search. */
enum err search_index_missing(struct tx *tx);

/* What stands around an item, as it is now; of views and projects favorites alone. */
struct search_around {
    int64_t favorites;
    int64_t workbooks; /* that read a data source, whoever may see them */
    bool is_connectable, has_warning, has_severe_warning;
};

struct search_hit {
    enum content_type type;
    const char *id, *title, *description; /* description of a view: its workbook's */
    const char *owner_name, *owner_email; /* email NULL: none */
    const char *project_id, *project_name;
    const char *container;       /* a view's workbook, else the project that holds it */
    const char *sheet_type;      /* of a view, else NULL */
    const char *connection_type; /* of a data source, else NULL */
    bool has_extracts, is_certified;
    int64_t serial, owner_serial, project_serial, created_at, modified_at;
    int64_t published_at; /* of content: when its file came; 0 of a project */
    struct tag_list tags;
    struct usage usage; /* nothing of a project */
    struct search_around around;
};

enum { SEARCH_LIMIT_MOST = 2000, SEARCH_LIMIT_USUAL = 10, SEARCH_TERMS_MOST = 1000 };

struct search_request {
    const char *terms;          /* NULL: none; else every word must be there */
    const char *filter, *order; /* as lists have them; NULL: none, best first */
    int64_t page, limit;        /* from 0; 1 to SEARCH_LIMIT_MOST */
};

/* A page of what the actor may read; *total_r: how many there are. E400000, E400065. */
enum err search(struct tx *tx, const struct actor *actor, const struct search_request *request,
                struct search_hit **hits_r, size_t *count_r, int64_t *total_r);

#endif
