/* handlers: one for each implemented row of THE TABLE, declared from it, so that
 * a row whose handler is missing does not link. Each stands in
 * rest/<category>.c; rest_NONE is that of rows not implemented yet. */
#ifndef EASEL_REST_HANDLERS_H
#define EASEL_REST_HANDLERS_H

#include "rest/method.h"

#define METHOD(category, name, verb, path, scopes, since, retired, allowed_to, success, request, \
               response, errors, function)                                                       \
    extern const struct handler rest_##function;
#include "tbl/methods.def"
#undef METHOD

#endif
