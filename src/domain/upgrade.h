/* upgrade: what a repository of an earlier version lacks, where a migration cannot
 * say it in SQL. */
#ifndef EASEL_DOMAIN_UPGRADE_H
#define EASEL_DOMAIN_UPGRADE_H

#include "base/fault.h"

struct tx;

/* Sites from before there were groups and permission rules get the group All Users,
 * and their projects the rules that let its members do what every user of the site
 * could do until then; data sources of workbooks get LUIDs; and what can be searched
 * for gets into the index. Does nothing where nothing is missing. */
enum err upgrade_rows(struct tx *tx);

#endif
