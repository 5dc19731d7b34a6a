/* fields: which members of a listed element a client asked for.
 *
 * fields=_default_, _all_, or names joined by commas, each bare or behind the
 * name of its element (user.name); of a child, its own name for all of it, or
 * child.member (owner.id). An element is written whole, then cut down to what was
 * asked. */
#ifndef EASEL_REST_FIELDS_H
#define EASEL_REST_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"

struct call;
struct el;

/* What an element has; lists are separated by ";". */
struct field_names {
    const char *element;  /* "user" */
    const char *usual;    /* shown where nothing is asked for */
    const char *others;   /* shown only when asked for */
    const char *required; /* of these, what the schema wants in any case; NULL: nothing */
    /* Those that have members themselves, and NULL at the end; NULL: none has. */
    const struct field_names *const *children;
};

#define FIELD_CHILDREN(...) ((const struct field_names *const[]){__VA_ARGS__, NULL})

enum { FIELDS_MOST = 64 };

struct fields {
    const struct field_names *names;
    bool all, usual;
    const char *chosen[FIELDS_MOST]; /* "name", "owner.email" */
    size_t count;
};

/* Reads the query of the call; E400000 for a name the resource does not have. */
enum err fields_parse(struct call *call, const struct field_names *names, struct fields *fields_r);
/* Whether that member ("usage", "view.usage") or a part of it was asked for: more than
 * what is usual. */
bool fields_ask(const struct fields *fields, const char *name);
/* Takes out of the element what was not asked for. */
void fields_apply(const struct fields *fields, struct el *el);

#endif
