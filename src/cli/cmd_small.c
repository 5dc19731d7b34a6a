/* cmd_small.c: the commands that are a few lines each: backup, restore, config,
 * version, help. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "store/db.h"

int cmd_backup(const struct args *args, struct config *config)
{
    char why[512] = "";
    if (db_backup(config_text(config, "repository"), args_operand(args, 0), why, sizeof why))
        return 0;
    fprintf(stderr, "easel backup: %s\n", why);
    return 1;
}

int cmd_restore(const struct args *args, struct config *config)
{
    char why[512] = "";
    if (db_restore(config_text(config, "repository"), args_operand(args, 0), why, sizeof why))
        return 0;
    fprintf(stderr, "easel restore: %s\n", why);
    return 1;
}

int cmd_config(const struct args *args, struct config *config)
{
    (void)args;
    config_print(config, stdout);
    return 0;
}

int cmd_version(const struct args *args, struct config *config)
{
    (void)args;
    (void)config;
    puts("easel " EASEL_VERSION);
    return 0;
}

int cmd_help(const struct args *args, struct config *config)
{
    (void)config;
    if (args_operands(args) == 0) {
        commands_help(stdout);
        return 0;
    }
    const struct command *command = command_find(args_operand(args, 0));
    if (!command)
        return args_wrong(args, "there is no command '%s'", args_operand(args, 0));
    command_help(command, stdout);
    return 0;
}
