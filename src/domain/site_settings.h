/* site_settings: what site.c needs to know of a site's settings when a request
 * changes them. Others read them with site_setting (domain/site.h). */
#ifndef EASEL_DOMAIN_SITE_SETTINGS_H
#define EASEL_DOMAIN_SITE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "domain/site.h"

/* E400000 for the first value that its attribute can't have. */
enum err settings_check(struct tx *tx, const struct site_spec *spec);
/* True where the request gives users a quota, or capacities by tier. */
bool settings_set_quota(const struct site_spec *spec);
bool settings_set_tiers(const struct site_spec *spec);
/* True where users have a quota of their own after the request. */
bool settings_keep_quota(struct tx *tx, const struct site *before, const struct site_spec *spec);
/* The first attribute that the request would change and the server's administrators
 * alone decide; NULL: none. */
const char *settings_of_server(struct tx *tx, const struct site *site,
                               const struct site_spec *spec);
/* All settings after the request, encoded; embedding NULL: as it was. */
const char *settings_merge(struct tx *tx, const struct site *before, const struct site_spec *spec,
                           const struct site_embedding *embedding);

/* The form of a time zone's name; "" has it, too. */
bool site_zone_fits(const char *value);
bool one_of(const char *value, const char *const *words, size_t count);
#define ONE_OF(value, ...)                            \
    one_of(value, (const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

#endif
