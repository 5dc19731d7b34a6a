/* connection_sql: what connections tell of a row c of content, for lists and for search. */
#ifndef EASEL_DOMAIN_CONNECTION_SQL_H
#define EASEL_DOMAIN_CONNECTION_SQL_H

/* Most data sources have one connection; of several, the first of the file counts. */
#define OF_FIRST_CONNECTION(expression)                                   \
    "(SELECT " expression " FROM connection k WHERE k.content_id = c.id " \
    "ORDER BY k.position LIMIT 1)"
#define FIRST_CONNECTION(column) OF_FIRST_CONNECTION("k." column)

/* A condition of the first connection as a number; `otherwise` where there is none. */
#define IF_FIRST_CONNECTION(condition, is, is_not, otherwise)                          \
    "COALESCE(" OF_FIRST_CONNECTION("CASE WHEN " condition " THEN " is " ELSE " is_not \
                                    " END") ", " otherwise ")"

/* Classes of connections to cubes: Analysis Services, Essbase, BW. Their members stand in
 * hierarchies, and a server can't pass such data on: a data source of them is there to be
 * downloaded alone. */
#define LEADS_TO_CUBE "k.connection_type IN ('msolap', 'essbase', 'sapbw')"
#define IS_CUBE IF_FIRST_CONNECTION(LEADS_TO_CUBE, "1", "0", "0")
#define IS_NO_CUBE IF_FIRST_CONNECTION(LEADS_TO_CUBE, "0", "1", "1")

/* Workbooks that read it, whoever may see them. */
#define CONNECTED_WORKBOOKS                                                                 \
    "(SELECT COUNT(DISTINCT w.id) FROM connection k JOIN content w ON w.id = k.content_id " \
    "WHERE w.site_id = c.site_id AND w.content_type = 'workbook' AND "                      \
    "k.datasource_content_url = c.content_url)"

#endif
