/* csv: rows of a CSV file in memory (RFC 4180), one after the other.
 *
 * Fields are separated by commas, may stand in double quotes (a quote within is
 * doubled, commas and line ends are as they are), rows end in CRLF, LF or CR. A
 * byte-order mark is skipped; empty lines are no rows but are counted. The text is
 * UTF-8. A row that is wrong is told with the reason, and reading goes on behind
 * it. Works in place, without memory of its own. Pure; the input is hostile. */
#ifndef EASEL_DOMAIN_CSV_H
#define EASEL_DOMAIN_CSV_H

#include <stdbool.h>
#include <stddef.h>

enum { CSV_COLUMNS_MOST = 16, CSV_FIELD_MOST = 4096, CSV_WHY_ROOM = 160 };

struct csv {
    char *at, *end;
    size_t row, line; /* of the row that was read last; the first is 1 */
    size_t next_row, next_line;
};

struct csv_row {
    char *fields[CSV_COLUMNS_MOST]; /* within the bytes; white space around is kept */
    size_t count;
};

enum csv_got { CSV_ROW, CSV_WRONG, CSV_END };

/* `bytes` has room for a NUL at `len` and is written to. False with a sentence where
 * the whole is in another encoding (UTF-16, UTF-32). */
bool csv_open(struct csv *csv, char *bytes, size_t len, char why[CSV_WHY_ROOM]);
/* CSV_WRONG with a sentence: more columns than CSV_COLUMNS_MOST, a field longer than
 * CSV_FIELD_MOST bytes, a quote out of place or not closed, bytes that are not UTF-8
 * or NUL. csv->row and csv->line tell which. */
enum csv_got csv_next(struct csv *csv, struct csv_row *row_r, char why[CSV_WHY_ROOM]);

#endif
