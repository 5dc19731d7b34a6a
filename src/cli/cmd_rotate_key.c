/* cmd_rotate_key.c: `easel rotate-key` seals every stored secret under a new key.
 *
 * The new key is put in front of the key file first, so that a crash at any
 * point leaves a file that opens all secrets; the old keys go last, once no
 * secret needs them. Servers that run meanwhile read the file again by
 * themselves (trust/seal.h). */
#include <stdio.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/repository.h"
#include "domain/connection.h"
#include "domain/job.h"
#include "trust/app.h"
#include "trust/seal.h"

static int failed(const char *why)
{
    fprintf(stderr, "easel rotate-key: %s\n", why);
    return 1;
}

/* What jobs that have not ended work on, and the passwords of connections. */
static const char *reseal_piece(void *keyring, struct arena *arena, const char *id,
                                const char *sealed)
{
    size_t len;
    const char *plain = unseal_bytes(keyring, arena, id, sealed, &len);
    return plain ? seal_bytes(keyring, arena, id, plain, len) : NULL;
}

static int64_t reseal(struct tx *tx, const struct keyring *keyring)
{
    if (!db_begin(tx->db))
        return -1;
    int64_t count = app_secrets_reseal(tx, keyring);
    int64_t passwords = connection_passwords_reseal(tx, reseal_piece, (void *)keyring);
    if (passwords < 0 || job_payloads_reseal(tx, reseal_piece, (void *)keyring) < 0)
        count = -1;
    if (count >= 0)
        count += passwords;
    if (count >= 0 && db_commit(tx->db))
        return count;
    if (count >= 0)
        tx->fault.detail = db_message(tx->db);
    else
        db_rollback(tx->db);
    return -1;
}

int cmd_rotate_key(const struct args *args, struct config *config)
{
    char why[512] = "";
    struct tx tx;
    const char *file = config_text(config, "secret-key-file");
    (void)args;
    if (*config_text(config, "secret-key"))
        return failed("the key comes from EASEL_SECRET_KEY: put the new key in front of the old "
                      "one there, separated by a comma, and restart; see docs/operations.md");
    if (!repository_open(config, "rotate-key", DB_WRITE, &tx))
        return 1;
    int status = 1;
    struct keyring *keyring = keyring_rotate_file(file, why, sizeof why)
                                  ? keyring_load(file, false, why, sizeof why)
                                  : NULL;
    int64_t count = keyring ? reseal(&tx, keyring) : -1;
    bool sealed = count >= 0;
    if (keyring && !sealed)
        failed(tx.fault.detail ? tx.fault.detail : db_message(tx.db));
    else if (!keyring || !keyring_prune_file(file, why, sizeof why))
        failed(why);
    else
        status = printf("sealed %lld secrets under the new key %s\n", (long long)count,
                        keyring_fingerprint(keyring)) < 0;
    keyring_free(&keyring);
    repository_close(&tx);
    return status;
}
