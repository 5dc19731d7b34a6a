/* methods: the rows of methods.def as data, for those who need no handler. */
#ifndef EASEL_TBL_METHODS_H
#define EASEL_TBL_METHODS_H

#include <stdbool.h>
#include <stddef.h>

struct method_row {
    const char *category, *name, *verb, *path;
    const char *scopes; /* separated by ";" */
    const char *since, *retired, *allowed_to;
    const char *success, *request, *response, *errors;
    const char *handler; /* "NONE": not implemented yet */
};

/* All rows, in the order of the table. */
const struct method_row *method_rows(size_t *count_r);

/* The row for "GET sites/{site-id}/jobs", "GET /sites/x/jobs" or
 * "GET /api/3.24/sites/x/jobs", implemented or not; NULL where there is none. */
const struct method_row *method_named(const char *text);

/* Calls each(context, item, len) for every item of a list separated by ";". */
void method_each_item(const char *list, void (*each)(void *context, const char *item, size_t len),
                      void *context);
/* True where the list holds exactly that item. */
bool method_list_has(const char *list, const char *item);

#endif
