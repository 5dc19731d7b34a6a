/* config: the settings in force, and where each value came from.
 *
 * A value is looked for on the command line, then in the environment, then in
 * the configuration file, and else is the default of the table
 * (tbl/settings.def). The four are kept apart, so that the order in which they
 * are read does not matter and a reload replaces the file's values alone.
 *
 * A config belongs to one thread. Texts it hands out stay valid until
 * config_free, also across config_reload. */
#ifndef EASEL_CLI_CONFIG_H
#define EASEL_CLI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct config;
struct setting_row;

enum { CONFIG_WHY_ROOM = 512 };

struct config *config_new(void);
void config_free(struct config **config);

/* Sets as from the command line (args_parse does so for every setting given as
 * an option). False with a phrase in `why` where the value is not acceptable. */
bool config_set_option(struct config *config, const char *name, const char *value, char *why,
                       size_t why_size);
/* Gives a setting another default than the table's, for a command whose ways
 * differ. The value must be acceptable. */
void config_set_default(struct config *config, const char *name, const char *value);

/* Reads the EASEL_* variables. False with a sentence in `why`. */
bool config_load_environment(struct config *config, char *why, size_t why_size);
/* Reads the configuration file: the one that `config` names, else DATA/easel.conf
 * where that exists. False with "FILE:LINE: ..." in `why`. */
bool config_load_file(struct config *config, char *why, size_t why_size);
/* Both. */
bool config_load(struct config *config, char *why, size_t why_size);

/* Reads the file again and calls changed() for every setting whose value is
 * another now; `applied` is false where only a restart applies it, and then
 * the old value stays in force here. False with a sentence in `why` and
 * nothing changed where the file is wrong. `shown` is fit to be logged. */
bool config_reload(struct config *config,
                   void (*changed)(void *context, const struct setting_row *row, const char *shown,
                                   bool applied),
                   void *context, char *why, size_t why_size);

/* Values, by the type of their row; another type is a programming error. */
const char *config_text(const struct config *config, const char *name); /* "" where not set */
int64_t config_int(const struct config *config, const char *name);
bool config_bool(const struct config *config, const char *name);
int64_t config_span(const struct config *config, const char *name); /* ms */
size_t config_size(const struct config *config, const char *name);  /* bytes */
/* "option", "variable EASEL_LISTEN", "file PATH:LINE" or "default". */
const char *config_source(const struct config *config, const char *name);
/* The configuration file that was read, or NULL. */
const char *config_file(const struct config *config);

/* All settings with their sources, in the form of a configuration file. Secrets
 * are told as set or not set, passwords in URLs are masked. */
void config_print(const struct config *config, FILE *out);

#endif
