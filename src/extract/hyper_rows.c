/* hyper_rows.c: all rows of a table, and values as text (hyper_rows.h). */
#include "extract/hyper_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "extract/hyper_priv.h"

struct hyper_cursor {
    const struct hyper *hyper;
    const struct hyper_table *table;
    bool *wanted; /* NULL: all */
    int64_t *nulls;
    uint32_t next;
    struct arena *arena, *block; /* its own, and of the block it is at */
};

struct hyper_cursor *hyper_cursor_open(const struct hyper *hyper, const struct hyper_table *table,
                                       const bool *wanted, struct fault *fault)
{
    if (table->unreadable) {
        hyper_refuse(hyper, fault, "the table '%s': %s, which is not supported.",
                     hyper_echo(hyper, table->name), table->unreadable);
        return NULL;
    }
    struct arena *arena = arena_new(0);
    struct hyper_cursor *cursor = arena_zalloc(arena, sizeof *cursor);
    size_t count = table->column_count;
    cursor->hyper = hyper;
    cursor->table = table;
    cursor->arena = arena;
    cursor->block = arena_new(0);
    cursor->wanted = wanted ? arena_memdup(arena, wanted, count * sizeof *wanted) : NULL;
    cursor->nulls = arena_zalloc(arena, (count + 1) * sizeof *cursor->nulls);
    return cursor;
}

static void count_nulls(struct hyper_cursor *cursor, const struct hyper_block *block)
{
    for (size_t i = 0; i < cursor->table->column_count; i++)
        for (uint32_t row = 0; block->columns[i].null && row < block->rows; row++)
            cursor->nulls[i] += block->columns[i].null[row];
}

static void check_nulls(const struct hyper_cursor *cursor, struct fault *fault)
{
    for (size_t i = 0; i < cursor->table->column_count; i++) {
        const struct hyper_column *column = &cursor->table->columns[i];
        bool read = !cursor->wanted || cursor->wanted[i];
        if (!read || column->nulls < 0 || column->nulls == cursor->nulls[i])
            continue;
        hyper_refuse(cursor->hyper, fault,
                     "the column '%s' of the table '%s' should be NULL %lld times, and is %lld "
                     "times.",
                     hyper_echo(cursor->hyper, column->name),
                     hyper_echo(cursor->hyper, cursor->table->name), (long long)column->nulls,
                     (long long)cursor->nulls[i]);
        return;
    }
}

bool hyper_cursor_next(struct hyper_cursor *cursor, struct hyper_block *block_r,
                       struct fault *fault)
{
    fault->err = E_OK;
    if (cursor->next == cursor->table->block_count) {
        check_nulls(cursor, fault);
        return false;
    }
    arena_free(&cursor->block);
    cursor->block = arena_new(0);
    if (hyper_block_read(cursor->hyper, cursor->table, cursor->next, cursor->wanted, cursor->block,
                         block_r, fault) != E_OK)
        return false;
    count_nulls(cursor, block_r);
    cursor->next++;
    return true;
}

void hyper_cursor_close(struct hyper_cursor **cursor)
{
    if (!*cursor)
        return;
    struct arena *arena = (*cursor)->arena;
    arena_free(&(*cursor)->block);
    arena_free(&arena);
    *cursor = NULL;
}

/* ---- values */

struct hyper_value hyper_value_at(const struct hyper_values *values, uint32_t row)
{
    struct hyper_value value = {.type = values->type, .null = values->null && values->null[row]};
    switch (hyper_form_of(values->type)) {
    case HYPER_AS_INTEGER:
        value.integer = values->integers[row];
        break;
    case HYPER_AS_REAL:
        value.real = values->reals[row];
        break;
    default:
        value.text = values->texts[row];
    }
    return value;
}

/* Days from civil and back, by eras of 400 years that begin in March. */
enum { EPOCH_JULIAN = 2440588, ERA_DAYS = 146097, ERA_YEARS = 400, TO_MARCH = 719468 };

int64_t hyper_day(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - (ERA_YEARS - 1)) / ERA_YEARS, of_era = y - era * ERA_YEARS;
    int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
    int64_t days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * ERA_DAYS + days - TO_MARCH + EPOCH_JULIAN;
}

void hyper_civil(int64_t julian, int64_t *year_r, unsigned *month_r, unsigned *day_r)
{
    int64_t z = julian - EPOCH_JULIAN + TO_MARCH;
    int64_t era = (z >= 0 ? z : z - (ERA_DAYS - 1)) / ERA_DAYS, days = z - era * ERA_DAYS;
    int64_t of_era = (days - days / 1460 + days / 36524 - days / 146096) / 365;
    int64_t of_year = days - (365 * of_era + of_era / 4 - of_era / 100);
    int64_t month = (5 * of_year + 2) / 153;
    *day_r = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
    *month_r = (unsigned)(month < 10 ? month + 3 : month - 9);
    *year_r = of_era + era * ERA_YEARS + (*month_r <= 2);
}

static void add_day(struct buf *out, int64_t julian)
{
    int64_t year;
    unsigned month, day;
    hyper_civil(julian, &year, &month, &day);
    buf_addf(out, "%04lld-%02u-%02u", (long long)year, month, day);
}

static void add_time(struct buf *out, int64_t micros)
{
    long long seconds = micros / 1000000, rest = micros % 1000000;
    buf_addf(out, " %02lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (!rest)
        return;
    char digits[16];
    int len = snprintf(digits, sizeof digits, ".%06lld", rest);
    while (digits[len - 1] == '0')
        digits[--len] = '\0';
    buf_adds(out, digits);
}

static void add_timestamp(struct buf *out, int64_t at)
{
    int64_t day = at / HYPER_DAY_MICROS, micros = at % HYPER_DAY_MICROS;
    if (micros < 0) {
        day--;
        micros += HYPER_DAY_MICROS;
    }
    add_day(out, day);
    add_time(out, micros);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The fewest digits that read back as the same number. */
static void add_real(struct buf *out, double value)
{
    char text[32];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (bits_of(strtod(text, NULL)) == bits_of(value))
            break;
    }
    buf_adds(out, text);
}

static void add_bytes(struct buf *out, const struct hyper_text *text, struct arena *arena)
{
    char *hex = arena_alloc(arena, 2 * (size_t)text->len + 1);
    hex_encode(text->bytes, text->len, hex);
    buf_adds(out, hex);
}

const char *hyper_value_text(struct arena *arena, const struct hyper_value *value)
{
    struct buf out;
    if (value->null)
        return "";
    if (value->type == HYPER_VARCHAR)
        return arena_strndup(arena, value->text.bytes, value->text.len);
    buf_init(&out, arena, SIZE_MAX / 2);
    buf_adds(&out, "");
    switch (value->type) {
    case HYPER_BOOL:
        buf_adds(&out, value->integer ? "true" : "false");
        break;
    case HYPER_DOUBLE:
        add_real(&out, value->real);
        break;
    case HYPER_DATE:
        add_day(&out, value->integer);
        break;
    case HYPER_TIMESTAMP:
        add_timestamp(&out, value->integer);
        break;
    case HYPER_GEOGRAPHY:
        add_bytes(&out, &value->text, arena);
        break;
    default:
        buf_addf(&out, "%lld", (long long)value->integer);
    }
    return out.bytes;
}
