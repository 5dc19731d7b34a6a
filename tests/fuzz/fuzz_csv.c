/* fuzz_csv.c: rows of any bytes, and users out of them. Numbers of rows and lines
 * grow; a user that is not wrong has a name; every wrong row is reported. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "domain/csv.h"
#include "domain/user_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static char *copy(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    need(text != NULL);
    if (len)
        memcpy(text, bytes, len);
    return text;
}

static void read_rows(const uint8_t *bytes, size_t len)
{
    struct csv csv;
    struct csv_row row;
    char why[CSV_WHY_ROOM], *text = copy(bytes, len);
    size_t before = 0, line = 0;
    if (csv_open(&csv, text, len, why)) {
        for (enum csv_got got; (got = csv_next(&csv, &row, why)) != CSV_END;) {
            need(csv.row > before && csv.line > line);
            before = csv.row;
            line = csv.line;
            need(got == CSV_WRONG ? utf8_valid(why, strlen(why)) : row.count > 0);
            for (size_t i = 0; got == CSV_ROW && i < row.count; i++) {
                size_t size = strlen(row.fields[i]);
                need(size <= CSV_FIELD_MOST && utf8_valid(row.fields[i], size));
            }
        }
    }
    free(text);
}

static void read_users(const uint8_t *bytes, size_t len, bool names_only)
{
    struct arena *arena = arena_new(0);
    struct user_report report;
    struct csv_users users;
    char *text = copy(bytes, len);
    user_report_init(&report, arena);
    user_csv_read(text, len, names_only, 100, &users, &report);
    need(users.count <= users.rows);
    bool wrong = users.count < users.rows || users.rows == 0;
    for (size_t i = 0; i < users.count; i++) {
        need(users.users[i].name && users.users[i].name_key);
        wrong = wrong || users.users[i].wrong;
    }
    need(wrong == (report.wrong > 0));
    const char *notes = user_report_notes(&report, users.rows);
    need(utf8_valid(notes, strlen(notes)));
    free(text);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    read_rows(bytes, len);
    read_users(bytes, len, true);
    read_users(bytes, len, false);
    return 0;
}
