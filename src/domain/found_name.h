/* found_name: names in a published file that lists find its items by, many of an item:
 * the tables of a data source, the fields of a view. */
#ifndef EASEL_DOMAIN_FOUND_NAME_H
#define EASEL_DOMAIN_FOUND_NAME_H

#include <stddef.h>

#include "base/fault.h"

struct tx;

enum found_by { FOUND_BY_TABLE, FOUND_BY_FIELD };

/* Makes these the names of the item: of a data source its tables, of a view its fields. */
enum err found_names_set(struct tx *tx, enum found_by by, const char *site_id, const char *item_id,
                         const char *const *names, size_t count);

#endif
