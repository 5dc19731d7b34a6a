/* args: the command line of one command, read by its row (cli/commands.def).
 *
 * --name VALUE, --name=VALUE, --flag; "--" ends the options, and a lone "-" is
 * an operand. Settings that the command takes go to the config. A BOOL
 * setting needs no value: --explain-refusals is --explain-refusals=on.
 *
 * Whatever is wrong is one line on stderr that names it, and a hint. */
#ifndef EASEL_CLI_ARGS_H
#define EASEL_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct args;
struct command;
struct config;

enum args_result {
    ARGS_OK,
    ARGS_HELP, /* --help or -h was given: show the command's help */
    ARGS_WRONG /* already told on stderr; exit 2 */
};

/* Reads argv[0..argc), the words after the command's name; texts are not copied. */
enum args_result args_parse(const struct command *command, int argc, char *const *argv,
                            struct config *config, struct args **args_r);
void args_free(struct args **args);

/* Options are asked for by name; one that the command's row does not have is a
 * programming error. */
bool args_flag(const struct args *args, const char *name);
/* The value, or NULL where the option was not given. */
const char *args_value(const struct args *args, const char *name);
/* Of an option that may be repeated, in the order given. */
size_t args_count(const struct args *args, const char *name);
const char *args_nth(const struct args *args, const char *name, size_t n);
size_t args_operands(const struct args *args);
const char *args_operand(const struct args *args, size_t n);

/* For a body that finds a value wrong or missing: writes "easel NAME: ..." and
 * the hint, and returns 2. */
int args_wrong(const struct args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* True where all these options were given (names end with NULL); else the same line. */
bool args_require(const struct args *args, const char *const *names);

#endif
