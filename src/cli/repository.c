/* repository.c: see repository.h. */
#include "cli/repository.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/config.h"
#include "store/blob.h"
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

struct blobs *repository_blobs(const struct config *config, const char *command)
{
    char why[BLOB_WHY_ROOM] = "";
    const struct blobs_config where = {.url = config_text(config, "blobs"),
                                       .staging = config_text(config, "spool"),
                                       .region = config_text(config, "s3-region"),
                                       .access_key = config_text(config, "s3-access-key"),
                                       .secret_key = config_text(config, "s3-secret-key")};
    struct blobs *blobs = blobs_open(&where, why, sizeof why);
    if (!blobs)
        fprintf(stderr, "easel %s: %s\n", command, why);
    return blobs;
}
