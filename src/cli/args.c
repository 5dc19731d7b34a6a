/* args.c: see args.h. */
#include "cli/args.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/suggest.h"
#include "tbl/settings.h"

struct given {
    const struct option_row *option;
    const char *value;
};

struct args {
    struct arena *arena;
    const struct command *command;
    struct given *given;
    size_t given_count;
    const char **operands;
    size_t operand_count;
};

/* The words that are left to read. */
struct cursor {
    int argc;
    char *const *argv;
};

static void hint(const struct args *args)
{
    fprintf(stderr, "Try 'easel %s --help'.\n", args->command->name);
}

int args_wrong(const struct args *args, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "easel %s: ", args->command->name);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    hint(args);
    return 2;
}

static enum args_result secret_option(const struct args *args, const struct setting_row *row)
{
    char variable[SETTING_VARIABLE_ROOM];
    setting_variable(row, variable);
    args_wrong(args, "no option '--%s': a secret is set by its variable, %s", row->name, variable);
    return ARGS_WRONG;
}

static enum args_result unknown_option(const struct args *args, const char *name)
{
    const struct setting_row *secret = setting_find(name);
    if (secret && secret->type == SETTING_SECRET)
        return secret_option(args, secret);
    size_t options, settings;
    const struct option_row *option = option_rows(&options);
    const struct setting_row *setting = setting_rows(&settings);
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (size_t i = 0; i < options; i++)
        if (command_option(args->command, option[i].name) == &option[i])
            suggest_offer(&suggest, option[i].name);
    for (size_t i = 0; i < settings; i++)
        if (command_takes_setting(args->command, setting[i].name))
            suggest_offer(&suggest, setting[i].name);
    if (suggest.best)
        args_wrong(args, "no option '--%s'; did you mean '--%s'?", name, suggest.best);
    else
        args_wrong(args, "no option '--%s'", name);
    return ARGS_WRONG;
}

/* The value of an option that must have one: after '=' or the next word. */
static bool take_value(const struct args *args, struct cursor *cursor, const char *name,
                       const char *attached, const char **value_r)
{
    if (attached) {
        *value_r = attached;
        return true;
    }
    if (!cursor->argc) {
        args_wrong(args, "option '--%s' needs a value", name);
        return false;
    }
    *value_r = *cursor->argv++;
    cursor->argc--;
    return true;
}

/* A switch may stand alone, which is on, or before its value. */
static bool says_on_or_off(const struct cursor *cursor)
{
    return cursor->argc && (strcmp(*cursor->argv, "on") == 0 || strcmp(*cursor->argv, "off") == 0);
}

static enum args_result read_setting(const struct args *args, struct cursor *cursor,
                                     const struct setting_row *row, const char *attached,
                                     struct config *config)
{
    const char *value;
    char why[CONFIG_WHY_ROOM];
    if (row->type == SETTING_BOOL && !attached && !says_on_or_off(cursor))
        value = "on";
    else if (!take_value(args, cursor, row->name, attached, &value))
        return ARGS_WRONG;
    if (strcmp(config_source(config, row->name), "option") == 0) {
        args_wrong(args, "option '--%s' is given twice", row->name);
        return ARGS_WRONG;
    }
    if (!config_set_option(config, row->name, value, why, sizeof why)) {
        args_wrong(args, "option '--%s': %s", row->name, why);
        return ARGS_WRONG;
    }
    return ARGS_OK;
}

static enum args_result read_own(struct args *args, struct cursor *cursor,
                                 const struct option_row *option, const char *attached)
{
    const char *value = "";
    if (option->kind == OPTION_FLAG && attached) {
        args_wrong(args, "option '--%s' takes no value", option->name);
        return ARGS_WRONG;
    }
    if (option->kind != OPTION_FLAG && !take_value(args, cursor, option->name, attached, &value))
        return ARGS_WRONG;
    if (option->kind == OPTION_ONCE && args_count(args, option->name)) {
        args_wrong(args, "option '--%s' is given twice", option->name);
        return ARGS_WRONG;
    }
    args->given[args->given_count++] = (struct given){option, value};
    return ARGS_OK;
}

static enum args_result read_option(struct args *args, struct cursor *cursor, const char *word,
                                    struct config *config)
{
    const char *equals = strchr(word, '='), *attached = equals ? equals + 1 : NULL;
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const char *name = arena_strndup(args->arena, word, len);
    if (strcmp(name, "help") == 0)
        return ARGS_HELP;
    const struct option_row *option = command_option(args->command, name);
    if (option)
        return read_own(args, cursor, option, attached);
    if (command_takes_setting(args->command, name))
        return read_setting(args, cursor, setting_find(name), attached, config);
    return unknown_option(args, name);
}

static enum args_result read_words(struct args *args, struct cursor *cursor, struct config *config)
{
    bool options_ended = false;
    while (cursor->argc) {
        const char *word = *cursor->argv++;
        cursor->argc--;
        if (options_ended || word[0] != '-' || !word[1]) {
            args->operands[args->operand_count++] = word;
        } else if (strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (strcmp(word, "-h") == 0) {
            return ARGS_HELP;
        } else if (word[1] != '-') {
            args_wrong(args, "no option '%s'; options begin with '--'", word);
            return ARGS_WRONG;
        } else {
            enum args_result result = read_option(args, cursor, word + 2, config);
            if (result != ARGS_OK)
                return result;
        }
    }
    return ARGS_OK;
}

static enum args_result count_operands(const struct args *args)
{
    const struct command *command = args->command;
    if (args->operand_count < (size_t)command->least)
        args_wrong(args, "%s is missing", command->operands);
    else if (args->operand_count > (size_t)command->most)
        args_wrong(args, "'%s' is one word too many", args->operands[command->most]);
    else
        return ARGS_OK;
    return ARGS_WRONG;
}

enum args_result args_parse(const struct command *command, int argc, char *const *argv,
                            struct config *config, struct args **args_r)
{
    struct arena *arena = arena_new(0);
    struct args *args = arena_zalloc(arena, sizeof *args);
    args->arena = arena;
    args->command = command;
    args->given = arena_zalloc(arena, ((size_t)argc + 1) * sizeof *args->given);
    args->operands = arena_zalloc(arena, ((size_t)argc + 1) * sizeof *args->operands);
    struct cursor cursor = {argc, argv};
    enum args_result result = read_words(args, &cursor, config);
    if (result == ARGS_OK)
        result = count_operands(args);
    *args_r = args;
    if (result != ARGS_OK)
        args_free(args_r);
    return result;
}

void args_free(struct args **args)
{
    if (!*args)
        return;
    struct arena *arena = (*args)->arena;
    arena_free(&arena);
    *args = NULL;
}

size_t args_count(const struct args *args, const char *name)
{
    const struct option_row *option = command_option(args->command, name);
    size_t count = 0;
    assert(option != NULL);
    for (size_t i = 0; i < args->given_count; i++)
        count += args->given[i].option == option;
    return count;
}

const char *args_nth(const struct args *args, const char *name, size_t n)
{
    const struct option_row *option = command_option(args->command, name);
    assert(option != NULL);
    for (size_t i = 0; i < args->given_count; i++)
        if (args->given[i].option == option && n-- == 0)
            return args->given[i].value;
    return NULL;
}

const char *args_value(const struct args *args, const char *name)
{
    return args_nth(args, name, 0);
}

bool args_flag(const struct args *args, const char *name)
{
    return args_count(args, name) > 0;
}

size_t args_operands(const struct args *args)
{
    return args->operand_count;
}

const char *args_operand(const struct args *args, size_t n)
{
    return n < args->operand_count ? args->operands[n] : NULL;
}

bool args_require(const struct args *args, const char *const *names)
{
    for (; *names; names++)
        if (!args_count(args, *names)) {
            args_wrong(args, "option '--%s' is missing", *names);
            return false;
        }
    return true;
}
