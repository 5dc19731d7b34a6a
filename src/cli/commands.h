/* commands: the rows of commands.def as data, and the help made from them.
 *
 * Bodies: every command has one function, declared below, in a file of its
 * name. It returns the exit status: 0, 1 (failed), 2 (usage; by args_wrong). */
#ifndef EASEL_CLI_COMMANDS_H
#define EASEL_CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct args;
struct config;

enum option_kind { OPTION_FLAG, OPTION_ONCE, OPTION_MANY };

struct command {
    const char *name, *operands;
    int least, most; /* operands */
    const char *settings, *summary, *text;
};

struct option_row {
    size_t command; /* place of its command in the table */
    const char *name, *form;
    enum option_kind kind;
    const char *help;
};

#define COMMAND(ident, name, operands, least, most, settings, summary, text) \
    int cmd_##ident(const struct args *args, struct config *config);
#define OPTION(ident, name, form, kind, help)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION

/* All commands, in the order of the table; the place of cmd_<ident> in the
 * table is the place here. */
const struct command *command_rows(size_t *count_r);
/* NULL where there is none of that name. */
const struct command *command_find(const char *name);
/* All options of all commands. */
const struct option_row *option_rows(size_t *count_r);
/* The command's own option of that name, or NULL. */
const struct option_row *command_option(const struct command *command, const char *name);
/* True where that setting is an option of the command. */
bool command_takes_setting(const struct command *command, const char *name);

/* "usage: easel serve [OPTIONS]", the text, the options. */
void command_help(const struct command *command, FILE *out);
/* The list of commands. */
void commands_help(FILE *out);

#endif
