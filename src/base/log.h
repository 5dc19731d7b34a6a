/* log: one line for each thing worth telling, as text or JSON.
 *
 * Fields follow the message as name and value pairs, as in:
 *     log_write(log, LOG_INFO, "signed in", LOG_S("user", name), LOG_I("ms", ms));
 * A NULL string field is left out. Secrets have no place here. Thread-safe. */
#ifndef EASEL_BASE_LOG_H
#define EASEL_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct log;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *name; /* NULL ends the list */
    const char *text;
    int64_t number;
    bool is_number;
};
#define LOG_S(field, value) ((struct log_field){.name = (field), .text = (value)})
#define LOG_I(field, value) \
    ((struct log_field){.name = (field), .number = (value), .is_number = true})

/* Lines go to `out` (not closed). json: one JSON object a line. */
struct log *log_new(FILE *out, enum log_level lowest, bool json);
void log_free(struct log **log);
void log_set(struct log *log, enum log_level lowest, bool json);
bool log_level_parse(const char *text, enum log_level *level_r);
/* At most 15 fields: what is not given is zero and ends the list. */
#define log_write(log, level, message, ...) \
    log_fields((log), (level), (message), (const struct log_field[16]){__VA_ARGS__})
/* `log` may be NULL: nothing is written. */
void log_fields(struct log *log, enum log_level level, const char *message,
                const struct log_field *fields);

#endif
