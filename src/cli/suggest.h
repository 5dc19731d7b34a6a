/* suggest: the known name that a mistyped one most likely meant. */
#ifndef EASEL_CLI_SUGGEST_H
#define EASEL_CLI_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *typed;
    const char *best; /* NULL as long as nothing offered was near */
    size_t distance;
};

void suggest_init(struct suggest *suggest, const char *typed);
/* Offers a candidate; the nearest one stays in `best`. It must outlive suggest. */
void suggest_offer(struct suggest *suggest, const char *name);

#endif
