/* commands.c: see commands.h. */
#include "cli/commands.h"

#include <string.h>

#include "tbl/settings.h"

enum place {
#define COMMAND(ident, name, operands, least, most, settings, summary, text) PLACE_##ident,
#define OPTION(ident, name, form, kind, help)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
};

static const struct command COMMANDS[] = {
#define COMMAND(ident, name, operands, least, most, settings, summary, text) \
    {name, operands, least, most, settings, summary, text},
#define OPTION(ident, name, form, kind, help)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
};

static const struct option_row OPTIONS[] = {
#define COMMAND(ident, name, operands, least, most, settings, summary, text)
#define OPTION(ident, name, form, kind, help) {PLACE_##ident, name, form, OPTION_##kind, help},
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
};

enum { COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS };
enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

const struct command *command_rows(size_t *count_r)
{
    *count_r = COMMAND_COUNT;
    return COMMANDS;
}

const struct option_row *option_rows(size_t *count_r)
{
    *count_r = OPTION_COUNT;
    return OPTIONS;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    return NULL;
}

const struct option_row *command_option(const struct command *command, const char *name)
{
    size_t place = (size_t)(command - COMMANDS);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (OPTIONS[i].command == place && strcmp(OPTIONS[i].name, name) == 0)
            return &OPTIONS[i];
    return NULL;
}

static bool list_holds(const char *list, const char *name)
{
    size_t want = strlen(name);
    while (*list) {
        size_t len = strcspn(list, ";");
        if (len == want && memcmp(list, name, len) == 0)
            return true;
        list += len + (list[len] == ';');
    }
    return false;
}

bool command_takes_setting(const struct command *command, const char *name)
{
    const struct setting_row *row = setting_find(name);
    if (!row || row->type == SETTING_SECRET)
        return false;
    return strcmp(command->settings, "*") == 0 || list_holds(command->settings, name);
}

/* "  --name FORM   help", the help on a line of its own where the left is long. */
static void help_line(FILE *out, const char *name, const char *form, const char *help)
{
    enum { LEFT = 32 };
    int width = fprintf(out, "  --%s%s%s", name, *form ? " " : "", form);
    if (width >= LEFT)
        fprintf(out, "\n%*s", LEFT, "");
    else
        fprintf(out, "%*s", LEFT - width, "");
    fprintf(out, "%s", help);
}

static void settings_help(const struct command *command, FILE *out)
{
    size_t count;
    const struct setting_row *rows = setting_rows(&count);
    fputs("\nSettings, each also as EASEL_NAME and as a line of the configuration file:\n", out);
    for (size_t i = 0; i < count; i++) {
        if (!command_takes_setting(command, rows[i].name))
            continue;
        help_line(out, rows[i].name, rows[i].form, rows[i].help);
        if (*rows[i].standard)
            fprintf(out, " [%s]", rows[i].standard);
        fputc('\n', out);
    }
}

void command_help(const struct command *command, FILE *out)
{
    size_t place = (size_t)(command - COMMANDS);
    fprintf(out, "usage: easel %s [OPTIONS]%s%s\n\n%s\n\nOptions:\n", command->name,
            *command->operands ? " " : "", command->operands, command->text);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (OPTIONS[i].command != place)
            continue;
        help_line(out, OPTIONS[i].name, OPTIONS[i].form, OPTIONS[i].help);
        fputs(OPTIONS[i].kind == OPTION_MANY ? "; may be repeated\n" : "\n", out);
    }
    help_line(out, "help", "", "show this");
    fputc('\n', out);
    if (*command->settings)
        settings_help(command, out);
}

void commands_help(FILE *out)
{
    fputs("usage: easel COMMAND [OPTIONS]\n\nCommands:\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-12s%s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fputs("\n'easel COMMAND --help' tells the options of a command.\n"
          "Exit status: 0 done, 1 failed, 2 wrong use or configuration.\n",
          out);
}
