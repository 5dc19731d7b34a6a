/* csv.c: see csv.h. */
#include "domain/csv.h"

#include <stdio.h>
#include <string.h>

#include "base/codec.h"

#define say(why, ...) snprintf((why), CSV_WHY_ROOM, __VA_ARGS__)

bool csv_open(struct csv *csv, char *bytes, size_t len, char why[CSV_WHY_ROOM])
{
    static const struct {
        const char *mark;
        size_t len;
        const char *name;
    } foreign[] = {{"\xFF\xFE\0\0", 4, "UTF-32"},
                   {"\0\0\xFE\xFF", 4, "UTF-32"},
                   {"\xFF\xFE", 2, "UTF-16"},
                   {"\xFE\xFF", 2, "UTF-16"}};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (len < foreign[i].len || memcmp(bytes, foreign[i].mark, foreign[i].len) != 0)
            continue;
        say(why, "expected a file in UTF-8, found one in %s", foreign[i].name);
        return false;
    }
    size_t mark = len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    *csv = (struct csv){.at = bytes + mark, .end = bytes + len, .next_row = 1, .next_line = 1};
    bytes[len] = '\0';
    return true;
}

/* ---- line ends */

static bool at_line_end(const struct csv *csv)
{
    return csv->at < csv->end && (*csv->at == '\n' || *csv->at == '\r');
}

static void take_line_end(struct csv *csv)
{
    if (csv->at[0] == '\r' && csv->at + 1 < csv->end && csv->at[1] == '\n')
        csv->at++;
    csv->at++;
    csv->next_line++;
}

/* What is left of a row that is wrong. Quotes mean nothing there: the line may be
 * wrong because of them, and the next line must not be lost. */
static void skip_line(struct csv *csv)
{
    while (csv->at < csv->end && !at_line_end(csv))
        csv->at++;
    if (csv->at < csv->end)
        take_line_end(csv);
}

/* ---- fields. Each leaves csv->at on what ended it; false: wrong. */

static bool read_bare(struct csv *csv, char **end_r, size_t column, char *why)
{
    while (csv->at < csv->end && *csv->at != ',' && !at_line_end(csv)) {
        if (*csv->at == '"') {
            say(why, "column %zu: expected quotes around the whole field, found one within it",
                column);
            return false;
        }
        csv->at++;
    }
    *end_r = csv->at;
    return true;
}

/* A quote that is never closed would swallow the rest of the file: then the row is
 * its own line alone. */
static bool unclosed(struct csv *csv, char *begin, size_t line, size_t column, char *why)
{
    csv->at = begin;
    csv->next_line = line;
    say(why, "column %zu: expected a closing quote, found the end of the %s", column,
        csv->end - begin > CSV_FIELD_MOST ? "longest field there may be" : "file");
    return false;
}

static bool read_quoted(struct csv *csv, char **end_r, size_t column, char *why)
{
    char *begin = csv->at, *out = ++csv->at;
    size_t line = csv->next_line;
    /* Looked for first, since what stands behind is moved only where it is whole. */
    char *p = csv->at;
    while (p < csv->end && p - begin <= CSV_FIELD_MOST + 1 &&
           (*p != '"' || (p + 1 < csv->end && p[1] == '"')))
        p += *p == '"' ? 2 : 1;
    if (p >= csv->end || *p != '"')
        return unclosed(csv, begin, line, column, why);
    for (; csv->at < p; csv->at++) {
        csv->next_line += *csv->at == '\n' || (*csv->at == '\r' && csv->at[1] != '\n');
        *out++ = *csv->at;
        csv->at += *csv->at == '"';
    }
    csv->at = p + 1;
    *end_r = out;
    if (csv->at == csv->end || *csv->at == ',' || at_line_end(csv))
        return true;
    say(why, "column %zu: expected a comma or the end of the line behind the closing quote",
        column);
    return false;
}

/* The place of the first byte that is not UTF-8. */
static size_t bad_byte(const char *text, size_t len)
{
    size_t good = 0, size = 1;
    while (good < len && size <= 4)
        if (good + size <= len && utf8_valid(text + good, size)) {
            good += size;
            size = 1;
        } else {
            size++;
        }
    return good;
}

static bool check_field(const char *text, size_t len, size_t column, char *why)
{
    if (len > CSV_FIELD_MOST) {
        say(why, "column %zu: expected at most %d bytes, found %zu", column, CSV_FIELD_MOST, len);
        return false;
    }
    if (utf8_valid(text, len))
        return true;
    size_t at = bad_byte(text, len);
    say(why, "column %zu: expected UTF-8, found the byte 0x%02X at position %zu", column,
        (unsigned char)text[at], at + 1);
    return false;
}

/* One field; *end_r is where its NUL will stand, *more_r: a comma followed. */
static bool read_field(struct csv *csv, struct csv_row *row, char **end_r, bool *more_r, char *why)
{
    size_t column = row->count + 1;
    bool quoted = csv->at < csv->end && *csv->at == '"';
    char *begin = csv->at + quoted;
    if (row->count == CSV_COLUMNS_MOST) {
        say(why, "expected at most %d columns, found more", CSV_COLUMNS_MOST);
        return false;
    }
    bool ok = quoted ? read_quoted(csv, end_r, column, why) : read_bare(csv, end_r, column, why);
    if (!ok || !check_field(begin, (size_t)(*end_r - begin), column, why))
        return false;
    *more_r = csv->at < csv->end && *csv->at == ',';
    csv->at += *more_r;
    row->fields[row->count++] = begin;
    return true;
}

enum csv_got csv_next(struct csv *csv, struct csv_row *row_r, char why[CSV_WHY_ROOM])
{
    char *ends[CSV_COLUMNS_MOST + 1];
    bool more = true;
    row_r->count = 0;
    for (; at_line_end(csv); csv->next_row++)
        take_line_end(csv);
    csv->row = csv->next_row;
    csv->line = csv->next_line;
    if (csv->at == csv->end)
        return CSV_END;
    csv->next_row++;
    while (more)
        if (!read_field(csv, row_r, &ends[row_r->count], &more, why)) {
            skip_line(csv);
            return CSV_WRONG;
        }
    if (csv->at < csv->end)
        take_line_end(csv);
    /* Only now that what ended them was read. */
    for (size_t i = 0; i < row_r->count; i++)
        *ends[i] = '\0';
    return CSV_ROW;
}
