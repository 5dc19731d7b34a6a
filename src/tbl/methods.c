/* methods.c: see methods.h. */
#include "tbl/methods.h"

#include <string.h>


static const struct method_row ROWS[] = {
#define METHOD(category, name, verb, path, scopes, since, retired, allowed_to, success, request,   \
               response, errors, handler)                                                          \
    {category, name,    verb,    path,     scopes, since,  retired,                                \
     allowed_to, success, request, response, errors, #handler},
#include "tbl/methods.def"
#undef METHOD
};

const struct method_row *method_rows(size_t *count_r)
{
    *count_r = sizeof ROWS / sizeof *ROWS;
    return ROWS;
}

void method_each_item(const char *list, void (*each)(void *context, const char *item, size_t len),
                      void *context)
{
    while (*list) {
        size_t len = strcspn(list, ";");
        if (len)
            each(context, list, len);
        list += len + (list[len] == ';');
    }
}

bool method_list_has(const char *list, const char *item)
{
    size_t want = strlen(item);
    while (*list) {
        size_t len = strcspn(list, ";");
        if (len == want && memcmp(list, item, len) == 0)
            return true;
        list += len + (list[len] == ';');
    }
    return false;
}
