/* main.c: the command line. Finds the command, reads its arguments and the
 * configuration, and runs it. */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/suggest.h"

static int (*const BODIES[])(const struct args *args, struct config *config) = {
#define COMMAND(ident, name, operands, least, most, settings, summary, text) cmd_##ident,
#define OPTION(ident, name, form, kind, help)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
};

/* Commands that need no configuration must not fail for a wrong one. */
static bool needs_config(const struct command *command)
{
    return *command->settings != '\0';
}

static int run(const struct command *command, int argc, char **argv, struct config *config)
{
    size_t count;
    char why[CONFIG_WHY_ROOM];
    struct args *args = NULL;
    int status = 2;
    switch (args_parse(command, argc, argv, config, &args)) {
    case ARGS_HELP:
        command_help(command, stdout);
        return 0;
    case ARGS_WRONG:
        return 2;
    default:
        break;
    }
    bool from_file = strcmp(command->name, "dev") != 0; /* a throw-away server has no file */
    if (needs_config(command) && !(from_file ? config_load(config, why, sizeof why)
                                             : config_load_environment(config, why, sizeof why)))
        fprintf(stderr, "easel %s: %s\n", command->name, why);
    else
        status = BODIES[command - command_rows(&count)](args, config);
    args_free(&args);
    return status;
}

static int no_such_command(const char *name)
{
    size_t count;
    const struct command *rows = command_rows(&count);
    struct suggest near;
    suggest_init(&near, name);
    for (size_t i = 0; i < count; i++)
        suggest_offer(&near, rows[i].name);
    if (near.best)
        fprintf(stderr, "easel: there is no command '%s'; did you mean '%s'?\n", name, near.best);
    else
        fprintf(stderr, "easel: there is no command '%s'; see easel help\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        commands_help(stderr);
        return 2;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0)
        name = "version";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    const struct command *command = command_find(name);
    if (!command) {
        return no_such_command(name);
    }
    struct config *config = config_new();
    int status = run(command, argc > 2 ? argc - 2 : 0, argv + (argc > 2 ? 2 : argc), config);
    config_free(&config);
    if (fflush(stdout) != 0 && status == 0)
        status = 1;
    return status;
}
