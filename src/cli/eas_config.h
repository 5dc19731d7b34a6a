/* eas_config: the settings of external authorization servers and of fetching, in the
 * forms that trust/ takes. */
#ifndef EASEL_CLI_EAS_CONFIG_H
#define EASEL_CLI_EAS_CONFIG_H

#include "trust/issuers.h"
#include "trust/jwt.h"

struct config;
struct log;

/* Of JWTs of connected apps, and of external authorization servers. Texts are the
 * configuration's. */
struct jwt_policy policy_of(const struct config *config);
struct jwt_policy eas_policy_of(const struct config *config);
/* NULL with a sentence in `why`. threads 0: see issuers.h. */
struct issuers *issuers_of(const struct config *config, unsigned threads, struct log *log,
                           char *why, size_t why_size);

#endif
