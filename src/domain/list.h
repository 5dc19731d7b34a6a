/* list: pages, filters and sorting, as every list method has them.
 *
 * Filters become SQL with bound parameters over the columns that a table of
 * fields names; nothing of an expression reaches the SQL text. Sections 7.3 and
 * 7.4 of the trust specification. */
#ifndef EASEL_DOMAIN_LIST_H
#define EASEL_DOMAIN_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct buf;
struct stmt;
struct tx;

enum list_kind {
    LIST_TEXT,
    LIST_TIME,
    LIST_BOOL,
    LIST_NUMBER,
    LIST_AMONG /* text of rows that hang on the listed one: the column opens a subquery,
                * "x.id IN (SELECT ... AND y.label". Can't be sorted by */
};

/* Operators a field takes: eq, in, the four of order, has (a part of a text), and
 * cieq (equal without case), for columns whose folded form stands in a column of
 * the same name with _key behind it. */
enum list_ops { OPS_EQ = 1, OPS_IN = 2, OPS_COMPARE = 4, OPS_HAS = 8, OPS_CIEQ = 16 };

struct list_field {
    const char *name;   /* as written in filter and sort */
    const char *column; /* SQL expression over the list's tables, or a constant: 'local', 1 */
    enum list_kind kind;
    unsigned ops; /* 0: only for sort; then another of the name may be there to filter by */
};

enum { LIST_CONDITIONS = 16, LIST_VALUES = 100, LIST_SORTS = 8 };

struct list_condition {
    const struct list_field *field;
    const char *op; /* SQL operator, or "IN", "LIKE", "BETWEEN" */
    bool folded;    /* compares folded forms: the column is field->column with _key */
    bool leads;     /* few rows fit, and an index of the column alone finds them */
    const char **values;
    size_t count;
};

struct list_request {
    int64_t page_number, page_size; /* from 1; 1 to 1000 */
    struct list_condition conditions[LIST_CONDITIONS];
    size_t condition_count;
    struct {
        const struct list_field *field;
        bool descending;
    } sorts[LIST_SORTS];
    size_t sort_count;
};

/* Reads the query values (each may be NULL). E400006, E400007, E403014 for
 * pages; E400065 for a field or operator that the list does not have, E400000 for a
 * malformed expression or value.
 *
 * A condition is field:operator:value. Values may hold colons; commas separate
 * conditions, and the values of a list: field:in:[a,b]. With eq on text, * stands
 * for any characters. Times are shown in whole seconds and compared so: a time
 * without a fraction means its whole second. */
enum err list_parse(struct tx *tx, const struct list_field *fields, size_t field_count,
                    const char *page_number, const char *page_size, const char *filter,
                    const char *sort, struct list_request *request_r);

/* Appends " AND ..." for each condition to `sql`, with parameters numbered from
 * *next, which is counted up. */
void list_where(const struct list_request *request, struct buf *sql, int *next);
/* Binds the values of list_where, in the same order, from *next on. */
void list_bind(const struct list_request *request, struct stmt *stmt, int *next);
/* Appends " ORDER BY ...": what was asked for, then `tail` for a stable order. */
void list_order(const struct list_request *request, struct buf *sql, const char *tail);

/* A list's rows without the tables that only some conditions and orders look at. */
struct list_join {
    const char *aliases; /* "p o": joined where a column of one of them is asked about */
    const char *sql;
};
struct list_bare {
    const char *from; /* " FROM content c" */
    struct list_join joins[3];
    const char *where;
    /* The same so that no index of the site is used, where a condition leads. */
    const char *led_where;
};

/* A list of one site's rows, as SQL in which ?1 is the site. */
struct list_query {
    const char *columns;
    const char *from;  /* " FROM ... WHERE ...site_id = ?1" */
    const char *count; /* how many there are without conditions */
    /* " AND ... ORDER BY ... LIMIT ?2": the page that begins at row ?3 of the whole
     * list in its own order, sought along an index of serials. */
    const char *seek;
    const char *serial;           /* column of the stable order */
    const struct list_bare *bare; /* NULL: `from` is looked through as it stands */
};

/* Appends what of the query's tables the request looks at. */
void list_from(const struct list_query *query, const struct list_request *request, struct buf *sql);
/* Rows that fit the conditions; -1 where the repository failed. */
int64_t list_count(struct tx *tx, const struct list_query *query,
                   const struct list_request *request, const char *site_id);
/* The page asked for, bound and ready to be stepped. */
struct stmt *list_page(struct tx *tx, const struct list_query *query,
                       const struct list_request *request, const char *site_id);

/* How a list of which every row may be seen reads its rows. */
struct list_rows {
    const struct list_query *query;
    size_t row_size;
    void (*read)(struct tx *tx, struct stmt *stmt, void *row);
};
/* The page asked for, in an array in tx->arena, and how many rows fit in all. E400006 past
 * the end. */
enum err list_read(struct tx *tx, const struct list_rows *how, const struct list_request *request,
                   const char *site_id, void **rows_r, size_t *count_r, int64_t *total_r);

/* The serials of all that fits, in the order asked for, ready to be stepped. */
struct stmt *list_serials(struct tx *tx, const struct list_query *query,
                          const struct list_request *request, const char *site_id);

/* E400006 where the page lies past the end of `total` (page 1 never does). */
enum err list_check_page(struct tx *tx, const struct list_request *request, int64_t total);

#endif
