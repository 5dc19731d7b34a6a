/* project_priv: what the files of projects share. */
#ifndef EASEL_DOMAIN_PROJECT_PRIV_H
#define EASEL_DOMAIN_PROJECT_PRIV_H

#include <stdbool.h>

#include "domain/project.h"

struct stmt;
struct tx;

#define PROJECT_COLUMNS                                                                           \
    "p.id, p.name, p.description, p.content_permissions, p.owner_id, p.parent_id, p.is_default, " \
    "p.created_at, p.updated_at"

/* The project ?1 and all below it, at level 0 and deeper. */
#define PROJECTS_BELOW                                                                    \
    "WITH RECURSIVE below (id, level) AS (SELECT p.id, 0 FROM project p WHERE p.id = ?1 " \
    "UNION ALL SELECT c.id, b.level + 1 FROM project c JOIN below b ON c.parent_id = b.id) "

enum { PROJECT_COLUMN_COUNT = 9 };

/* Reads PROJECT_COLUMNS. */
void project_read(struct tx *tx, struct stmt *stmt, struct project *project);
/* False where the site has no such project; controlling_id is left out. */
bool project_find(struct tx *tx, const char *site_id, const char *id, struct project *project_r);
/* E404005. */
enum err project_unknown(struct tx *tx, const char *id);
/* Sets controlling_id. */
void project_find_controlling(struct tx *tx, const char *site_id, struct project *project);

#endif
