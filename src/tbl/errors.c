/* errors.c: see errors.h. */
#include "tbl/errors.h"

#include <stddef.h>
#include <stdlib.h>

static const struct error_row ROWS[] = {
#define ERROR(code, status, summary, meaning) {E##code, status, summary, meaning},
#include "tbl/errors.def"
#undef ERROR
};

static int by_code(const void *key, const void *row)
{
    int a = (int)*(const enum err *)key, b = (int)((const struct error_row *)row)->err;
    return (a > b) - (a < b);
}

const struct error_row *error_row(enum err err)
{
    return bsearch(&err, ROWS, sizeof ROWS / sizeof *ROWS, sizeof *ROWS, by_code);
}
