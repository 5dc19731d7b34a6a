/* user_csv: users out of a CSV file, as the CSV import file guidelines of the
 * reference write them: user name, password, display name, license level,
 * administrator level, publishing capability, e-mail address; 1 to 7 columns, no
 * line of headings. docs/jobs.md has the words that a column takes.
 *
 * What is wrong is reported row by row: number, what was expected, what was found.
 * Pure: no repository; the file is hostile. */
#ifndef EASEL_DOMAIN_USER_CSV_H
#define EASEL_DOMAIN_USER_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "domain/role.h"

struct arena;

enum { USER_CSV_COLUMNS = 7, USER_CSV_ROWS_MOST = 500000, REPORT_ROWS_MOST = 100 };

struct csv_user {
    size_t row, line;
    const char *name, *name_key;              /* without its domain */
    const char *password, *full_name, *email; /* NULL: not given */
    const char *auth_setting, *password_hash; /* set by others; NULL: none */
    enum site_role role;                      /* ROLE_UNKNOWN: not given */
    bool wrong;                               /* reported */
};

/* Rows that are wrong. The first REPORT_ROWS_MOST become notes of the job, all are
 * counted. */
struct user_report {
    struct arena *arena;
    struct buf notes;
    size_t wrong;
};

void user_report_init(struct user_report *report, struct arena *arena);
/* About a row of the file (0: about all of it). */
void user_report_add(struct user_report *report, size_t row, size_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The notes of a job that changed nothing for these reasons. */
const char *user_report_notes(struct user_report *report, size_t rows);

struct csv_users {
    struct csv_user *users;
    size_t count; /* rows that have a name at least */
    size_t rows;  /* all rows */
};

/* Reads the file in place (it has room for a NUL behind it). names_only: the
 * columns behind the first are not looked at. Texts point into the file or lie in
 * report->arena. */
void user_csv_read(char *bytes, size_t len, bool names_only, size_t password_most,
                   struct csv_users *users_r, struct user_report *report);

#endif
