/* workbook_datasource: the data sources of workbooks, each with a LUID of its own: it is
 * that of what connections tell as `datasource`, and stays over new revisions of the file
 * while the data source keeps its name. */
#ifndef EASEL_DOMAIN_WORKBOOK_DATASOURCE_H
#define EASEL_DOMAIN_WORKBOOK_DATASOURCE_H

#include <stddef.h>

#include "base/fault.h"

struct publish_datasource;
struct tx;

/* Makes the workbook's data sources those `count`. ids_r: their LUIDs, in that order. */
enum err workbook_datasource_publish(struct tx *tx, const char *workbook_id,
                                     const struct publish_datasource *datasources, size_t count,
                                     const char **ids_r);

/* Those of workbooks that an earlier version published, as far as connections tell of
 * them. */
enum err workbook_datasource_upgrade(struct tx *tx);

#endif
