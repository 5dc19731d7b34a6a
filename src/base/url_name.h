/* url_name: the part of a URL that stands for a name.
 *
 * The field's rule: ASCII letters, digits, '-' and '_' stay, '.' becomes '_',
 * everything else goes ("Años 1.2" -> "Aos1_2"). A name that is taken, or has
 * nothing left, gets '_' and a number. Names of workbooks, data sources, flows and
 * sheets alike; set once, and kept when the thing is renamed. */
#ifndef EASEL_BASE_URL_NAME_H
#define EASEL_BASE_URL_NAME_H

#include <stddef.h>

struct arena;

/* What stays of the name; may be "". */
char *url_name(struct arena *arena, const char *name);
/* The n-th choice for what url_name gave: for 0 the name itself, then name_1,
 * name_2 ...; where nothing was left _0, _1 ... */
char *url_name_choice(struct arena *arena, const char *url_name, size_t n);

#endif
