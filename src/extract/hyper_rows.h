/* hyper_rows: the values in an extract, one block of rows at a time.
 *
 *     struct hyper_cursor *cursor = hyper_cursor_open(hyper, table, NULL, &fault);
 *     struct hyper_block block;
 *     while (cursor && hyper_cursor_next(cursor, &block, &fault))
 *         for (uint32_t row = 0; row < block.rows; row++)
 *             ... hyper_value_at(&block.columns[i], row) ...
 *     failed = fault.err != E_OK;
 *     hyper_cursor_close(&cursor);
 *
 * A block holds up to 131,072 rows; no more than one is in memory, whatever the size of
 * the table, and never more than HYPER_BLOCK_MOST bytes of it. What is decoded is what
 * hyper-format tells of as proven: a type, a form of values or a scheme of packing that
 * is not known is refused with E400011 and a sentence that ends in "is not supported";
 * one that does not hold together is refused as damaged. A value is never guessed. */
#ifndef EASEL_EXTRACT_HYPER_ROWS_H
#define EASEL_EXTRACT_HYPER_ROWS_H

#include "extract/hyper.h"

enum { HYPER_BLOCK_MOST = 512 << 20 /* bytes of the columns of a block that are read at once */ };

enum hyper_type {
    HYPER_UNKNOWN, /* columns of it can't be read */
    HYPER_BOOL,
    HYPER_SMALLINT, /* signed numbers of 16, 32 and 64 bits */
    HYPER_INTEGER,
    HYPER_BIGINT,
    HYPER_DOUBLE,
    HYPER_DATE,      /* Julian day number: 2456659 is 2014-01-01 */
    HYPER_TIMESTAMP, /* microseconds since midnight of Julian day 0, in no time zone */
    HYPER_VARCHAR,   /* UTF-8 */
    HYPER_GEOGRAPHY, /* bytes, opaque */
};

/* How values of a type are given. */
enum hyper_form { HYPER_AS_INTEGER, HYPER_AS_REAL, HYPER_AS_TEXT };

struct hyper_text {
    const char *bytes; /* no NUL behind them */
    uint32_t len;
};

struct hyper_value {
    enum hyper_type type;
    bool null;
    union {
        int64_t integer; /* also 0 or 1, a day, microseconds */
        double real;
        struct hyper_text text;
    };
};

/* The values of a column in a block. */
struct hyper_values {
    enum hyper_type type;
    uint32_t count;
    const bool *null; /* of each row; NULL: none is. The value of one that is has no meaning */
    union {
        const int64_t *integers;
        const double *reals;
        const struct hyper_text *texts;
    };
};

struct hyper_block {
    uint32_t rows;
    const struct hyper_values *columns; /* all of the table's; `count` 0: not asked for */
};

enum hyper_type hyper_type_of(const struct hyper_column *column);
enum hyper_form hyper_form_of(enum hyper_type type);

/* ---- blocks. Thread-safe with an arena of the caller's own: refusals are written into
 * the arena of the file, so that of several threads each opens it for itself. */

/* A block of a table that can be read (`unreadable` is NULL). wanted: which columns, a
 * flag each; NULL: all. Everything lives in `arena`. */
enum err hyper_block_read(const struct hyper *hyper, const struct hyper_table *table,
                          uint32_t block, const bool *wanted, struct arena *arena,
                          struct hyper_block *block_r, struct fault *fault);

/* ---- all rows of a table */

struct hyper_cursor;
/* NULL where the rows can't be read, and *fault says why. */
struct hyper_cursor *hyper_cursor_open(const struct hyper *hyper, const struct hyper_table *table,
                                       const bool *wanted, struct fault *fault);
/* The next block, good until the next call. False: there is none, or fault->err is set.
 * Behind the last block the NULLs found are held to what the catalog counts. */
bool hyper_cursor_next(struct hyper_cursor *cursor, struct hyper_block *block_r,
                       struct fault *fault);
void hyper_cursor_close(struct hyper_cursor **cursor);

/* ---- values */

struct hyper_value hyper_value_at(const struct hyper_values *values, uint32_t row);
/* As text in the arena: numbers so that they read back the same, 2014-01-01,
 * 2014-01-01 12:30:00 (with .5 where it has a fraction), true, bytes of a Geography in
 * hexadecimal; "" for NULL. */
const char *hyper_value_text(struct arena *arena, const struct hyper_value *value);

/* The Julian day of a date of the proleptic Gregorian calendar, and back. */
int64_t hyper_day(int64_t year, unsigned month, unsigned day);
void hyper_civil(int64_t julian, int64_t *year_r, unsigned *month_r, unsigned *day_r);
#define HYPER_DAY_MICROS INT64_C(86400000000)

#endif
