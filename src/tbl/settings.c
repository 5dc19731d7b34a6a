/* settings.c: see settings.h. */
#include "tbl/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static const struct setting_row ROWS[] = {
#define SETTING(name, type, standard, min, max, form, effect, help) \
    {name, SETTING_##type, standard, min, max, form, SETTING_##effect, help},
#include "tbl/settings.def"
#undef SETTING
};

const struct setting_row *setting_rows(size_t *count_r)
{
    *count_r = sizeof ROWS / sizeof *ROWS;
    return ROWS;
}

const struct setting_row *setting_find(const char *name)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (strcmp(ROWS[i].name, name) == 0)
            return &ROWS[i];
    return NULL;
}

void setting_variable(const struct setting_row *row, char out[SETTING_VARIABLE_ROOM])
{
    int n = snprintf(out, SETTING_VARIABLE_ROOM, "EASEL_%s", row->name);
    for (int i = 0; i < n && i < SETTING_VARIABLE_ROOM - 1; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

static bool parse_int(const char *text, int64_t *number_r)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || *end)
        return false;
    *number_r = n;
    return true;
}

bool setting_parse_size(const char *text, int64_t *bytes_r)
{
    static const struct {
        const char *lower, *upper;
        int shift;
    } units[] = {{"", "", 0}, {"k", "K", 10}, {"m", "M", 20}, {"g", "G", 30}};
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || n > 1LL << 32)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].lower) == 0 || strcmp(end, units[i].upper) == 0) {
            *bytes_r = (int64_t)n << units[i].shift;
            return true;
        }
    return false;
}

static bool parse_bool(const char *text, int64_t *number_r)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0) {
            *number_r = (int64_t)(i & 1);
            return true;
        }
    return false;
}

static bool parse_choice(const char *choices, const char *text, size_t want, int64_t *number_r)
{
    for (int64_t place = 0; *choices; place++) {
        size_t len = strcspn(choices, "|");
        if (len == want && memcmp(choices, text, len) == 0) {
            *number_r = place;
            return true;
        }
        choices += len + (choices[len] == '|');
    }
    return false;
}

static bool parse_words(const char *choices, const char *text, int64_t *number_r)
{
    static const char separators[] = " ,";
    int64_t place;
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t len = strcspn(text, separators);
        if (!parse_choice(choices, text, len, &place))
            return false;
        text += len;
    }
    *number_r = 0;
    return true;
}

static bool parse_number(const struct setting_row *row, const char *text, int64_t *number_r)
{
    switch (row->type) {
    case SETTING_INT:
        return parse_int(text, number_r);
    case SETTING_BOOL:
        return parse_bool(text, number_r);
    case SETTING_SPAN:
        return isdigit((unsigned char)*text) && clock_parse_span(text, number_r);
    case SETTING_SIZE:
        return setting_parse_size(text, number_r);
    case SETTING_CHOICE:
        return parse_choice(row->form, text, strlen(text), number_r);
    case SETTING_WORDS:
        return parse_words(row->max, text, number_r);
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_URL:
    case SETTING_SECRET:
        break;
    }
    *number_r = 0;
    return true;
}

static const char *wanted(enum setting_type type)
{
    switch (type) {
    case SETTING_INT:
        return "a whole number";
    case SETTING_BOOL:
        return "on or off";
    case SETTING_SPAN:
        return "a time such as 90s, 5m, 4h or 7d";
    case SETTING_SIZE:
        return "a size such as 512, 64k or 4m";
    default:
        return "one of the choices";
    }
}

static bool in_range(const struct setting_row *row, const char *text, int64_t number, char *why,
                     size_t why_size)
{
    int64_t bound;
    if (*row->min && parse_number(row, row->min, &bound) && number < bound) {
        snprintf(why, why_size, "'%.64s' is below the least, %s", text, row->min);
        return false;
    }
    if (*row->max && parse_number(row, row->max, &bound) && number > bound) {
        snprintf(why, why_size, "'%.64s' is above the most, %s", text, row->max);
        return false;
    }
    return true;
}

bool setting_parse(const struct setting_row *row, const char *text, int64_t *number_r, char *why,
                   size_t why_size)
{
    for (const char *c = text; *c; c++)
        if (iscntrl((unsigned char)*c)) {
            snprintf(why, why_size, "the value holds a control character");
            return false;
        }
    if (!parse_number(row, text, number_r)) {
        if (row->type == SETTING_CHOICE)
            snprintf(why, why_size, "'%.64s' is not one of %s", text, row->form);
        else if (row->type == SETTING_WORDS)
            snprintf(why, why_size, "'%.64s' holds others than %s", text, row->max);
        else
            snprintf(why, why_size, "'%.64s' is not %s", text, wanted(row->type));
        return false;
    }
    return in_range(row, text, *number_r, why, why_size);
}
