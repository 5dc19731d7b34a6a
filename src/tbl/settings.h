/* settings: the rows of settings.def as data, and what a value may look like. */
#ifndef EASEL_TBL_SETTINGS_H
#define EASEL_TBL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
    SETTING_TEXT,
    SETTING_PATH,
    SETTING_URL,
    SETTING_INT,
    SETTING_BOOL,
    SETTING_SPAN,
    SETTING_SIZE,
    SETTING_CHOICE,
    SETTING_WORDS, /* any of those in `max`, separated by spaces or commas; or none */
    SETTING_SECRET
};

enum setting_effect { SETTING_LIVE, SETTING_RESTART };

struct setting_row {
    const char *name;
    enum setting_type type;
    const char *standard; /* the default, as it stands in the table */
    const char *min, *max;
    const char *form;
    enum setting_effect effect;
    const char *help;
};

enum { SETTING_VARIABLE_ROOM = 64 };

/* All rows, in the order of the table. */
const struct setting_row *setting_rows(size_t *count_r);
/* NULL where there is none of that name. */
const struct setting_row *setting_find(const char *name);
/* Writes the name of its environment variable. */
void setting_variable(const struct setting_row *row, char out[SETTING_VARIABLE_ROOM]);

/* Reads a value: checks form and range, and stores what it means as a number
 * (INT; SPAN in ms; SIZE in bytes; BOOL 0 or 1; CHOICE its place in the list;
 * else 0). False with a phrase such as "'x' is not a whole number" in `why`;
 * the value of a SECRET or URL is not repeated there. */
bool setting_parse(const struct setting_row *row, const char *text, int64_t *number_r, char *why,
                   size_t why_size);
/* Reads 512, 64k, 4m, 1g. */
bool setting_parse_size(const char *text, int64_t *bytes_r);

#endif
