/* config.c: see config.h. */
#include "cli/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/suggest.h"
#include "tbl/settings.h"

/* In the order of precedence. */
enum level { OPTION, VARIABLE, FROM_FILE, STANDARD, LEVELS };

enum {
    MOST_SETTINGS = 64,
    FILE_CEILING = 256 << 10, /* bytes of a configuration file */
};

struct value {
    const char *text; /* NULL: not set on this level */
    const char *source;
    int64_t number;
};

struct config {
    struct arena *arena;
    struct value values[LEVELS][MOST_SETTINGS];
    const char *file; /* that was read, or NULL */
};

static size_t row_index(const struct setting_row *row)
{
    size_t count;
    const struct setting_row *rows = setting_rows(&count);
    assert(count <= MOST_SETTINGS);
    return (size_t)(row - rows);
}

static const struct value *in_force(const struct config *config, const struct setting_row *row)
{
    size_t i = row_index(row);
    for (int level = OPTION; level < STANDARD; level++)
        if (config->values[level][i].text)
            return &config->values[level][i];
    return &config->values[STANDARD][i];
}

static const struct setting_row *known(const char *name)
{
    const struct setting_row *row = setting_find(name);
    assert(row != NULL);
    return row;
}

void config_set_default(struct config *config, const char *name, const char *value)
{
    const struct setting_row *row = known(name);
    struct value *slot = &config->values[STANDARD][row_index(row)];
    char why[CONFIG_WHY_ROOM];
    bool good = setting_parse(row, value, &slot->number, why, sizeof why);
    assert(good);
    (void)good;
    slot->text = value;
    slot->source = "default";
}

struct config *config_new(void)
{
    struct arena *arena = arena_new(0);
    struct config *config = arena_zalloc(arena, sizeof *config);
    config->arena = arena;
    size_t count;
    const struct setting_row *rows = setting_rows(&count);
    for (size_t i = 0; i < count; i++)
        config_set_default(config, rows[i].name, rows[i].standard);
    return config;
}

void config_free(struct config **config)
{
    if (!*config)
        return;
    struct arena *arena = (*config)->arena;
    arena_free(&arena);
    *config = NULL;
}

/* Puts the data directory in the place of "DATA/" in a default. */
static const char *expand(const struct config *config, const char *standard)
{
    const char *mark = strstr(standard, "DATA/");
    if (!mark)
        return standard;
    return arena_printf(config->arena, "%.*s%s%s", (int)(mark - standard), standard,
                        config_text(config, "data"), mark + 4);
}

const char *config_text(const struct config *config, const char *name)
{
    const struct setting_row *row = known(name);
    const struct value *value = in_force(config, row);
    if (value == &config->values[STANDARD][row_index(row)])
        return expand(config, value->text);
    return value->text;
}

static int64_t number_of(const struct config *config, const char *name, enum setting_type type)
{
    const struct setting_row *row = known(name);
    assert(row->type == type);
    (void)type;
    return in_force(config, row)->number;
}

int64_t config_int(const struct config *config, const char *name)
{
    return number_of(config, name, SETTING_INT);
}

bool config_bool(const struct config *config, const char *name)
{
    return number_of(config, name, SETTING_BOOL) != 0;
}

int64_t config_span(const struct config *config, const char *name)
{
    return number_of(config, name, SETTING_SPAN);
}

size_t config_size(const struct config *config, const char *name)
{
    return (size_t)number_of(config, name, SETTING_SIZE);
}

const char *config_source(const struct config *config, const char *name)
{
    return in_force(config, known(name))->source;
}

const char *config_file(const struct config *config)
{
    return config->file;
}

/* ---- command line and environment */

bool config_set_option(struct config *config, const char *name, const char *value, char *why,
                       size_t why_size)
{
    const struct setting_row *row = known(name);
    struct value *slot = &config->values[OPTION][row_index(row)];
    int64_t number;
    assert(row->type != SETTING_SECRET);
    if (!setting_parse(row, value, &number, why, why_size))
        return false;
    *slot = (struct value){arena_strdup(config->arena, value), "option", number};
    return true;
}

bool config_load_environment(struct config *config, char *why, size_t why_size)
{
    size_t count;
    const struct setting_row *rows = setting_rows(&count);
    for (size_t i = 0; i < count; i++) {
        char variable[SETTING_VARIABLE_ROOM], phrase[CONFIG_WHY_ROOM];
        setting_variable(&rows[i], variable);
        const char *text = getenv(variable);
        int64_t number;
        if (!text)
            continue;
        if (!setting_parse(&rows[i], text, &number, phrase, sizeof phrase)) {
            snprintf(why, why_size, "variable %s: %s", variable, phrase);
            return false;
        }
        /* Secrets stay where they are: a copy would be one more place to wipe. */
        config->values[VARIABLE][i] = (struct value){
            rows[i].type == SETTING_SECRET ? text : arena_strdup(config->arena, text),
            arena_printf(config->arena, "variable %s", variable), number};
    }
    return true;
}

/* ---- the file */

struct reader {
    struct config *config;
    struct arena *arena;  /* of the reading alone */
    struct value *values; /* that are filled */
    const char *path;
    bool found_in_data; /* not named by anyone: lies in the data directory */
    int line;
    char *why;
    size_t why_size;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct reader *reader, const char *format,
                                                        ...)
{
    char phrase[CONFIG_WHY_ROOM];
    va_list args;
    va_start(args, format);
    vsnprintf(phrase, sizeof phrase, format, args);
    va_end(args);
    snprintf(reader->why, reader->why_size, "%s:%d: %s", reader->path, reader->line, phrase);
    return false;
}

static char *trimmed(char *text)
{
    while (isblank((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

/* Takes the value out of its quotes, in place. */
static bool unquote(struct reader *reader, char *text, char **value_r)
{
    char quote = *text, *to = text, *from = text + 1;
    for (; *from != quote; from++) {
        if (*from == '\\' && (from[1] == quote || from[1] == '\\'))
            from++;
        if (!*from)
            return wrong(reader, "the quote that opens the value is not closed");
        *to++ = *from;
    }
    char *rest = trimmed(from + 1);
    if (*rest && *rest != '#')
        return wrong(reader, "something follows the quoted value");
    *to = '\0';
    *value_r = text;
    return true;
}

/* A value ends at a '#' that follows white space, or with the line. */
static bool read_value(struct reader *reader, char *text, char **value_r)
{
    if (*text == '"' || *text == '\'')
        return unquote(reader, text, value_r);
    for (char *c = text; *c; c++)
        if (*c == '#' && (c == text || isblank((unsigned char)c[-1]))) {
            *c = '\0';
            break;
        }
    *value_r = trimmed(text);
    return true;
}

static bool unknown_name(struct reader *reader, const char *name)
{
    struct suggest suggest;
    size_t count;
    const struct setting_row *rows = setting_rows(&count);
    suggest_init(&suggest, name);
    for (size_t i = 0; i < count; i++)
        if (rows[i].type != SETTING_SECRET)
            suggest_offer(&suggest, rows[i].name);
    if (suggest.best)
        return wrong(reader, "no setting '%.64s'; did you mean '%s'?", name, suggest.best);
    return wrong(reader, "no setting '%.64s'", name);
}

static bool may_stand_in_file(struct reader *reader, const struct setting_row *row)
{
    char variable[SETTING_VARIABLE_ROOM];
    setting_variable(row, variable);
    if (row->type == SETTING_SECRET)
        return wrong(reader, "'%s' is a secret and is set by the variable %s alone", row->name,
                     variable);
    if (strcmp(row->name, "config") == 0)
        return wrong(reader, "a configuration file cannot name another");
    if (reader->found_in_data && strcmp(row->name, "data") == 0)
        return wrong(reader, "a file that was found in the data directory cannot name another");
    return true;
}

static bool take_setting(struct reader *reader, const char *name, const char *text)
{
    const struct setting_row *row = setting_find(name);
    if (!row)
        return unknown_name(reader, name);
    if (!may_stand_in_file(reader, row))
        return false;
    struct value *slot = &reader->values[row_index(row)];
    if (slot->text)
        return wrong(reader, "'%s' is set a second time; first at %s", name,
                     slot->source + strlen("file "));
    char phrase[CONFIG_WHY_ROOM];
    int64_t number;
    if (!setting_parse(row, text, &number, phrase, sizeof phrase))
        return wrong(reader, "%s: %s", name, phrase);
    *slot = (struct value){
        text, arena_printf(reader->arena, "file %s:%d", reader->path, reader->line), number};
    return true;
}

static bool read_line(struct reader *reader, char *line)
{
    line = trimmed(line);
    if (!*line || *line == '#')
        return true;
    char *equals = strchr(line, '=');
    if (!equals)
        return wrong(reader, "expected 'name = value'");
    *equals = '\0';
    char *value = NULL;
    if (!read_value(reader, trimmed(equals + 1), &value))
        return false;
    return take_setting(reader, trimmed(line), value);
}

static bool read_lines(struct reader *reader, char *text)
{
    while (text) {
        char *line = strsep(&text, "\n");
        reader->line++;
        if (!read_line(reader, line))
            return false;
    }
    return true;
}

/* The whole file as text in the reader's arena, or NULL with a sentence. */
static char *slurp(struct reader *reader)
{
    FILE *file = fopen(reader->path, "re");
    if (!file) {
        snprintf(reader->why, reader->why_size, "%s: %s", reader->path, strerror(errno));
        return NULL;
    }
    char *text = arena_alloc(reader->arena, FILE_CEILING + 1);
    size_t len = fread(text, 1, FILE_CEILING + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) {
        snprintf(reader->why, reader->why_size, "%s: cannot be read", reader->path);
        return NULL;
    }
    if (len > FILE_CEILING || memchr(text, '\0', len)) {
        snprintf(reader->why, reader->why_size, "%s: not a configuration file", reader->path);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

/* Finds and reads the file into `values`, whose texts live in `arena`. */
static bool read_file(struct config *config, struct arena *arena, struct value *values,
                      const char **path_r, char *why, size_t why_size)
{
    struct reader reader = {
        .config = config, .arena = arena, .values = values, .why = why, .why_size = why_size};
    reader.path = config_text(config, "config");
    if (!*reader.path) {
        const struct value *data = in_force(config, known("data"));
        reader.path = arena_printf(arena, "%s/easel.conf", data->text);
        reader.found_in_data = true;
        if (access(reader.path, F_OK) != 0) {
            *path_r = NULL;
            return true;
        }
    }
    *path_r = reader.path;
    char *text = slurp(&reader);
    return text && read_lines(&reader, text);
}

bool config_load_file(struct config *config, char *why, size_t why_size)
{
    struct value values[MOST_SETTINGS] = {0};
    const char *path;
    if (!read_file(config, config->arena, values, &path, why, why_size))
        return false;
    memcpy(config->values[FROM_FILE], values, sizeof values);
    config->file = path;
    return true;
}

bool config_load(struct config *config, char *why, size_t why_size)
{
    return config_load_environment(config, why, why_size) &&
           config_load_file(config, why, why_size);
}

/* ---- showing */

/* Without the password between "://user:" and "@HOST". */
static const char *without_user_password(struct arena *arena, const char *url)
{
    const char *host = strstr(url, "://");
    if (!host)
        return url;
    host += 3;
    size_t len = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', len);
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    return colon ? arena_printf(arena, "%.*s:***%s", (int)(colon - url), url, at) : url;
}

/* Nor one of the form password=X, as libpq takes it. */
static const char *masked_url(struct arena *arena, const char *url)
{
    url = without_user_password(arena, url);
    const char *word = strcasestr(url, "password=");
    if (!word)
        return url;
    const char *secret = word + strlen("password="), *rest = secret + strcspn(secret, "& ");
    return arena_printf(arena, "%.*s***%s", (int)(secret - url), url, masked_url(arena, rest));
}

static const char *shown(struct arena *arena, const struct setting_row *row, const char *text)
{
    if (row->type == SETTING_SECRET)
        return *text ? "(set)" : "(not set)";
    return row->type == SETTING_URL ? masked_url(arena, text) : text;
}

static bool needs_quotes(const char *text)
{
    size_t len = strlen(text);
    return len == 0 || strpbrk(text, "#\"'\\") || isblank((unsigned char)text[0]) ||
           isblank((unsigned char)text[len - 1]);
}

static const char *quoted(struct arena *arena, const char *text)
{
    if (!needs_quotes(text))
        return text;
    char *out = arena_alloc(arena, 2 * strlen(text) + 3), *to = out;
    *to++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *to++ = '\\';
        *to++ = *text;
    }
    *to++ = '"';
    *to = '\0';
    return out;
}

void config_print(const struct config *config, FILE *out)
{
    struct arena *arena = arena_new(0);
    size_t count;
    const struct setting_row *rows = setting_rows(&count);
    for (size_t i = 0; i < count; i++) {
        const char *text = shown(arena, &rows[i], config_text(config, rows[i].name));
        const char *source = config_source(config, rows[i].name);
        if (rows[i].type == SETTING_SECRET)
            fprintf(out, "# %s %s  # %s\n", rows[i].name, text, source);
        else
            fprintf(out, "%s = %s  # %s\n", rows[i].name, quoted(arena, text), source);
    }
    arena_free(&arena);
}

/* ---- reloading */

static bool same(const struct value *a, const struct value *b)
{
    if (!a->text || !b->text)
        return a->text == b->text;
    return strcmp(a->text, b->text) == 0;
}

/* The value that would be in force with `fresh` in the place of the file's. */
static const struct value *would_be(const struct config *config, const struct value *fresh,
                                    size_t i)
{
    if (config->values[OPTION][i].text)
        return &config->values[OPTION][i];
    if (config->values[VARIABLE][i].text)
        return &config->values[VARIABLE][i];
    return fresh[i].text ? &fresh[i] : &config->values[STANDARD][i];
}

bool config_reload(struct config *config,
                   void (*changed)(void *context, const struct setting_row *row, const char *shown,
                                   bool applied),
                   void *context, char *why, size_t why_size)
{
    struct arena *scratch = arena_new(0);
    struct value fresh[MOST_SETTINGS] = {0};
    const char *path;
    if (!read_file(config, scratch, fresh, &path, why, why_size)) {
        arena_free(&scratch);
        return false;
    }
    size_t count;
    const struct setting_row *rows = setting_rows(&count);
    for (size_t i = 0; i < count; i++) {
        const struct value *now = would_be(config, fresh, i);
        if (same(in_force(config, &rows[i]), now))
            continue;
        bool applied = rows[i].effect == SETTING_LIVE;
        if (applied)
            /* Only what changed is copied, so that reloads without news cost no memory. */
            config->values[FROM_FILE][i] =
                (struct value){arena_strdup(config->arena, fresh[i].text),
                               arena_strdup(config->arena, fresh[i].source), fresh[i].number};
        changed(context, &rows[i], shown(scratch, &rows[i], now->text), applied);
    }
    arena_free(&scratch);
    return true;
}
