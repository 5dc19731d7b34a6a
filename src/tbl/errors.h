/* errors: the rows of errors.def as an enumeration and as data. */
#ifndef EASEL_TBL_ERRORS_H
#define EASEL_TBL_ERRORS_H

enum err {
    E_OK = 0,
#define ERROR(code, status, summary, meaning) E##code = (code),
#include "tbl/errors.def"
#undef ERROR
};

struct error_row {
    enum err err;        /* the six-digit code of the REST API */
    int status;          /* HTTP status */
    const char *summary; /* of the status class, as the wire says it */
    const char *meaning; /* ours, for documentation and `easel explain` */
};

/* The row of a code; never NULL for a member of the enumeration. */
const struct error_row *error_row(enum err err);

#endif
