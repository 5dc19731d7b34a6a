/* log.c: see log.h. A line is built whole and written at once, so that lines of
 * several threads do not mix. */
#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"

struct log {
    pthread_mutex_t lock; /* guards all below */
    FILE *out;
    enum log_level lowest;
    bool json;
    struct arena *scratch;
};

static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

struct log *log_new(FILE *out, enum log_level lowest, bool json)
{
    struct log *log = calloc(1, sizeof *log);
    if (!log)
        abort();
    pthread_mutex_init(&log->lock, NULL);
    log->out = out;
    log->lowest = lowest;
    log->json = json;
    log->scratch = arena_new(2048);
    return log;
}

void log_free(struct log **log)
{
    if (!*log)
        return;
    arena_free(&(*log)->scratch);
    pthread_mutex_destroy(&(*log)->lock);
    free(*log);
    *log = NULL;
}

void log_set(struct log *log, enum log_level lowest, bool json)
{
    pthread_mutex_lock(&log->lock);
    log->lowest = lowest;
    log->json = json;
    pthread_mutex_unlock(&log->lock);
}

bool log_level_parse(const char *text, enum log_level *level_r)
{
    for (size_t i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++)
        if (strcasecmp(text, LEVELS[i]) == 0) {
            *level_r = (enum log_level)i;
            return true;
        }
    return false;
}

/* A quoted string in which no control character survives as such, so that
 * input cannot forge lines. */
static void quoted(struct buf *line, const char *text)
{
    buf_addc(line, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            buf_addf(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            buf_addf(line, "\\u%04x", c);
        else
            buf_addc(line, (char)c);
    }
    buf_addc(line, '"');
}

static bool plain(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || *text == '"' || *text == '=' || *text == '\\' ||
            *text == 0x7F)
            return false;
    return true;
}

static void write_json(struct buf *line, const char *at, const char *level, const char *message,
                       const struct log_field *field)
{
    buf_addf(line, "{\"at\":\"%s\",\"level\":\"%s\",\"message\":", at, level);
    quoted(line, message);
    for (; field->name; field++) {
        if (!field->is_number && !field->text)
            continue;
        buf_addf(line, ",\"%s\":", field->name);
        if (field->is_number)
            buf_addf(line, "%lld", (long long)field->number);
        else
            quoted(line, field->text);
    }
    buf_adds(line, "}\n");
}

static void write_text(struct buf *line, const char *at, const char *level, const char *message,
                       const struct log_field *field)
{
    buf_addf(line, "%s %s %s", at, level, message);
    for (; field->name; field++) {
        if (field->is_number) {
            buf_addf(line, " %s=%lld", field->name, (long long)field->number);
        } else if (field->text) {
            buf_addf(line, " %s=", field->name);
            if (plain(field->text))
                buf_adds(line, field->text);
            else
                quoted(line, field->text);
        }
    }
    buf_addc(line, '\n');
}

void log_fields(struct log *log, enum log_level level, const char *message,
                const struct log_field *fields)
{
    if (!log || level < log->lowest)
        return;
    char at[CLOCK_ISO_ROOM];
    clock_iso_ms(clock_now(), at);
    pthread_mutex_lock(&log->lock);
    struct buf line;
    buf_init(&line, log->scratch, 64 << 10);
    if (log->json)
        write_json(&line, at, LEVELS[level], message, fields);
    else
        write_text(&line, at, LEVELS[level], message, fields);
    fwrite(line.bytes, 1, line.len, log->out);
    fflush(log->out);
    arena_reset(log->scratch);
    pthread_mutex_unlock(&log->lock);
}
