/* repository.c: see repository.h. */
#include "cli/repository.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/config.h"
#include "trust/seal.h"

bool repository_open(struct config *config, const char *command, enum db_mode mode, struct tx *tx_r)
{
    char why[512] = "";
    *tx_r = (struct tx){.db = db_open(config_text(config, "repository"), mode, why, sizeof why),
                        .now = clock_now()};
    if (tx_r->db && !db_ready(tx_r->db)) {
        snprintf(why, sizeof why, "the repository is empty or not at schema %d",
                 db_schema_version());
        db_close(&tx_r->db);
    }
    if (!tx_r->db) {
        fprintf(stderr, "easel %s: %s\n", command, why);
        return false;
    }
    tx_r->arena = arena_new(0);
    return true;
}

void repository_close(struct tx *tx)
{
    db_close(&tx->db);
    arena_free(&tx->arena);
}

struct keyring *repository_keys(const struct config *config, const char *command, bool create)
{
    char why[512] = "";
    const char *given = config_text(config, "secret-key");
    struct keyring *keyring =
        *given ? keyring_parse(given, why, sizeof why)
               : keyring_load(config_text(config, "secret-key-file"), create, why, sizeof why);
    if (!keyring)
        fprintf(stderr, "easel %s: %s%s\n", command, *given ? "EASEL_SECRET_KEY: " : "", why);
    return keyring;
}
