/* cmd_token.c: `easel token` makes a personal access token for a user. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/repository.h"
#include "domain/site.h"
#include "domain/user.h"
#include "trust/pat.h"

static enum err make(struct tx *tx, const struct args *args, const struct config *config,
                     const char **secret_r)
{
    const char *site_url = args_value(args, "site"), *why;
    struct site site;
    struct user user;
    enum err err = site_get_by_content_url(tx, site_url ? site_url : "", &site);
    if (err)
        return err;
    if (!user_find_exact(tx, site.id, args_value(args, "user"), &user, &why))
        return tx_refuse(tx, E404002, "user '%s': %s", args_value(args, "user"), why);
    return pat_create(tx, user.id, args_value(args, "name"), NULL, config_span(config, "pat-life"),
                      secret_r);
}

int cmd_token(const struct args *args, struct config *config)
{
    static const char *const needed[] = {"user", "name", NULL};
    const char *secret = NULL;
    struct tx tx;
    if (!args_require(args, needed))
        return 2;
    if (!repository_open(config, "token", DB_WRITE, &tx))
        return 1;
    bool ok = db_begin(tx.db) && make(&tx, args, config, &secret) == E_OK;
    if (ok)
        ok = db_commit(tx.db);
    else
        db_rollback(tx.db);
    if (ok)
        puts(secret);
    else
        fprintf(stderr, "easel token: %s\n", tx.fault.detail ? tx.fault.detail : db_message(tx.db));
    repository_close(&tx);
    return ok ? 0 : 1;
}
