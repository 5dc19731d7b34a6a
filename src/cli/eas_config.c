/* eas_config.c: see eas_config.h. */
#include "cli/eas_config.h"

#include <string.h>

#include "cli/config.h"
#include "trust/flights.h"

struct jwt_policy policy_of(const struct config *config)
{
    struct jwt_policy policy = jwt_policy_default;
    policy.max_life_s = config_span(config, "jwt-max-life") / 1000;
    policy.skew_s = config_span(config, "jwt-clock-skew") / 1000;
    return policy;
}

struct jwt_policy eas_policy_of(const struct config *config)
{
    struct jwt_policy policy = policy_of(config);
    policy.kind = JWT_EAS;
    policy.max_life_s = config_span(config, "eas-max-life") / 1000;
    policy.scp_string = config_bool(config, "eas-scp-string");
    policy.barred = config_text(config, "eas-refused-algorithms");
    const char *claim = config_text(config, "eas-user-claim");
    policy.user_claim = *claim && strcmp(claim, "sub") != 0 ? claim : NULL;
    return policy;
}

struct issuers *issuers_of(const struct config *config, unsigned threads, struct log *log,
                           char *why, size_t why_size)
{
    struct issuers_config issuers = {.plain_http = config_bool(config, "fetch-plain-http"),
                                     .networks = config_text(config, "fetch-networks"),
                                     .ca_file = config_text(config, "fetch-ca-file"),
                                     .timeout_ms = config_span(config, "fetch-timeout"),
                                     .max_bytes = config_size(config, "fetch-max-body"),
                                     .keep_ms = config_span(config, "eas-keys-keep"),
                                     .threads = threads,
                                     .threads_of_one = FLIGHTS_OF_ONE,
                                     .log = log};
    return issuers_new(&issuers, why, why_size);
}
