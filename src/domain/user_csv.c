/* user_csv.c: see user_csv.h. */
#include "domain/user_csv.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/fold.h"
#include "base/map.h"
#include "domain/csv.h"
#include "domain/job.h"
#include "domain/user_priv.h"
#include "store/tx.h"

/* Notes have to be of a type of the schema: rows that were not taken are skipped. */
static const char SKIPPED[] = "CountOfUsersSkipped";

/* ---- the report */

void user_report_init(struct user_report *report, struct arena *arena)
{
    *report = (struct user_report){.arena = arena};
    buf_init(&report->notes, arena, 0);
}

void user_report_add(struct user_report *report, size_t row, size_t line, const char *format, ...)
{
    if (report->wrong++ >= REPORT_ROWS_MOST)
        return;
    va_list args;
    va_start(args, format);
    const char *what = arena_vprintf(report->arena, format, args);
    va_end(args);
    const char *text = what;
    if (row && line != row)
        text = arena_printf(report->arena, "Row %zu (line %zu): %s", row, line, what);
    else if (row)
        text = arena_printf(report->arena, "Row %zu: %s", row, what);
    job_note_add(&report->notes, &(struct job_note){SKIPPED, NULL, text});
}

const char *user_report_notes(struct user_report *report, size_t rows)
{
    struct buf all;
    const char *text = "Nothing was changed.";
    if (report->wrong)
        text =
            arena_printf(report->arena, "Nothing was changed: %zu error%s in %zu row%s.",
                         report->wrong, report->wrong == 1 ? "" : "s", rows, rows == 1 ? "" : "s");
    buf_init(&all, report->arena, 0);
    job_note_add(&all, &(struct job_note){SKIPPED, arena_printf(report->arena, "%zu", rows), text});
    buf_add(&all, report->notes.bytes ? report->notes.bytes : "", report->notes.len);
    if (report->wrong > REPORT_ROWS_MOST)
        job_note_add(&all, &(struct job_note){SKIPPED, NULL,
                                              arena_printf(report->arena, "%zu more errors.",
                                                           report->wrong - REPORT_ROWS_MOST)});
    return all.bytes;
}

/* ---- the words of columns */

enum {
    COLUMN_NAME,
    COLUMN_PASSWORD,
    COLUMN_FULL_NAME,
    COLUMN_LEVEL,
    COLUMN_ADMIN,
    COLUMN_PUBLISHES,
    COLUMN_EMAIL
};

enum admin_level { ADMIN_NONE, ADMIN_SITE, ADMIN_SYSTEM, ADMIN_WRONG };
enum publishing { PUBLISHES_UNSAID, PUBLISHES_NO, PUBLISHES_YES, PUBLISHES_WRONG };

static int word_of(const char *word, const char *const *words, const int *meanings, size_t count,
                   int otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(word, words[i]) == 0)
            return meanings[i];
    return otherwise;
}

static enum admin_level admin_of(const char *word)
{
    static const char *const words[] = {"", "none", "no", "site", "system"};
    static const int meanings[] = {ADMIN_NONE, ADMIN_NONE, ADMIN_NONE, ADMIN_SITE, ADMIN_SYSTEM};
    return (enum admin_level)word_of(word, words, meanings, 5, ADMIN_WRONG);
}

static enum publishing publishing_of(const char *word)
{
    static const char *const words[] = {"", "no", "false", "0", "yes", "true", "1"};
    static const int meanings[] = {PUBLISHES_UNSAID, PUBLISHES_NO,  PUBLISHES_NO, PUBLISHES_NO,
                                   PUBLISHES_YES,    PUBLISHES_YES, PUBLISHES_YES};
    return (enum publishing)word_of(word, words, meanings, 7, PUBLISHES_WRONG);
}

/* One of the four levels in any case, or a site role that is no administrator's:
 * clients write those (ExplorerCanPublish, and older ones such as Interactor).
 * ROLE_GUEST: neither. */
static enum site_role level_of(const char *word)
{
    static const enum site_role levels[] = {ROLE_CREATOR, ROLE_EXPLORER, ROLE_VIEWER,
                                            ROLE_UNLICENSED};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcasecmp(word, role_name(levels[i])) == 0)
            return levels[i];
    enum site_role role = role_parse(word);
    bool taken = role_may_be_given(role) && role_administers(role) == ADMINISTERS_NOTHING;
    return taken ? role : ROLE_GUEST;
}

/* The site role of an administrator; ROLE_GUEST where there is none of that level.
 * A level is not asked of server administrators. */
static enum site_role admin_role(enum admin_level admin, enum site_role level)
{
    if (admin == ADMIN_SYSTEM)
        return ROLE_SERVER_ADMINISTRATOR;
    switch (level) {
    case ROLE_CREATOR:
        return ROLE_SITE_ADMINISTRATOR_CREATOR;
    case ROLE_UNKNOWN:
    case ROLE_EXPLORER:
    case ROLE_EXPLORER_CAN_PUBLISH:
        return ROLE_SITE_ADMINISTRATOR_EXPLORER;
    default:
        return ROLE_GUEST;
    }
}

static enum site_role user_role(enum site_role level, enum publishing publishing)
{
    if (level == ROLE_EXPLORER && publishing == PUBLISHES_YES)
        return ROLE_EXPLORER_CAN_PUBLISH;
    return level;
}

/* ---- one row */

struct reading {
    struct user_report *report;
    struct csv_user *user;
    size_t password_most;
    struct map *seen; /* name_key to the row it was in */
};

#define wrong(r, ...)         \
    ((r)->user->wrong = true, \
     user_report_add((r)->report, (r)->user->row, (r)->user->line, __VA_ARGS__))

static char *trimmed(char *text)
{
    text += strspn(text, " \t");
    size_t len = strlen(text);
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    text[len] = '\0';
    return text;
}

/* \0x40 stands for an @ that separates no domain. */
static void decode_at(char *name)
{
    for (char *p; (p = strstr(name, "\\0x40")) != NULL; name = p + 1) {
        *p = '@';
        memmove(p + 1, p + 5, strlen(p + 5) + 1);
    }
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    return false;
}

/* A text that one of account.c's checks refuses is wrong for the reason it gives. */
static void check_text(struct reading *r, const char *column, const char *text,
                       enum err (*check)(struct tx *tx, const char *text))
{
    struct tx tx = {.arena = r->report->arena};
    if (has_control(text))
        wrong(r, "%s: expected a text of one line, found a control character.", column);
    else if (check(&tx, text) != E_OK)
        wrong(r, "%s: %s", column, tx.fault.detail);
}

static void read_name(struct reading *r, char *field)
{
    bool known;
    char *name = trimmed(field);
    decode_at(name);
    if (!*name) {
        wrong(r, "user name: expected a name, found nothing.");
        return;
    }
    check_text(r, "user name", name, account_check_name);
    r->user->name = account_bare_name(name, &known);
    r->user->name_key = fold(r->report->arena, r->user->name);
    const struct csv_user *before = map_get(r->seen, r->user->name_key);
    if (before)
        wrong(r, "user name: expected each user once, found '%.60s' of row %zu again.",
              r->user->name, before->row);
    else
        map_put(r->seen, r->user->name_key, r->user);
}

static void read_password(struct reading *r, const char *field)
{
    if (strlen(field) > r->password_most)
        wrong(r, "password: expected at most %zu bytes, found %zu.", r->password_most,
              strlen(field));
    r->user->password = *field ? field : NULL;
}

static const char *read_text(struct reading *r, const char *column, char *field,
                             enum err (*check)(struct tx *tx, const char *text))
{
    char *text = trimmed(field);
    if (!*text)
        return NULL;
    check_text(r, column, text, check);
    return text;
}

static void check_role(struct reading *r, enum site_role level, enum admin_level admin,
                       enum publishing publishing)
{
    bool is_admin = admin != ADMIN_NONE;
    if (level == ROLE_UNKNOWN && !is_admin) {
        if (publishing == PUBLISHES_YES)
            wrong(r, "license level: expected Creator or Explorer for a user who publishes, found "
                     "nothing.");
        return;
    }
    enum site_role role = is_admin ? admin_role(admin, level) : user_role(level, publishing);
    r->user->role = role;
    if (role == ROLE_GUEST)
        wrong(r,
              "license level: expected Creator or Explorer for a site administrator, found "
              "'%s'.",
              role_name(level));
    else if (role_may_publish(role) && publishing == PUBLISHES_NO)
        wrong(r, "publishing capability: expected yes for the site role %s, found no.",
              role_name(role));
    else if (!role_may_publish(role) && publishing == PUBLISHES_YES)
        wrong(r, "publishing capability: expected no for the site role %s, found yes.",
              role_name(role));
}

static void read_role(struct reading *r, char *level_word, char *admin_word, char *publish_word)
{
    const char *word = trimmed(level_word);
    enum site_role level = *word ? level_of(word) : ROLE_UNKNOWN;
    enum admin_level admin = admin_of(trimmed(admin_word));
    enum publishing publishing = publishing_of(trimmed(publish_word));
    bool known = level != ROLE_GUEST && admin != ADMIN_WRONG && publishing != PUBLISHES_WRONG;
    if (level == ROLE_GUEST)
        wrong(r, "license level: expected Creator, Explorer, Viewer or Unlicensed, found '%.40s'.",
              word);
    if (admin == ADMIN_WRONG)
        wrong(r, "administrator level: expected System, Site or None, found '%.40s'.",
              trimmed(admin_word));
    if (publishing == PUBLISHES_WRONG)
        wrong(r, "publishing capability: expected yes, true, 1, no, false or 0, found '%.40s'.",
              trimmed(publish_word));
    if (known)
        check_role(r, level, admin, publishing);
}

static void read_row(struct reading *r, const struct csv_row *row, bool names_only)
{
    char *fields[USER_CSV_COLUMNS], none[1] = "";
    if (row->count > USER_CSV_COLUMNS) {
        wrong(r, "expected 1 to %d columns, found %zu.", USER_CSV_COLUMNS, row->count);
        return;
    }
    for (size_t i = 0; i < USER_CSV_COLUMNS; i++)
        fields[i] = i < row->count ? row->fields[i] : none;
    read_name(r, fields[COLUMN_NAME]);
    if (names_only)
        return;
    read_password(r, fields[COLUMN_PASSWORD]);
    r->user->full_name =
        read_text(r, "display name", fields[COLUMN_FULL_NAME], account_check_full_name);
    read_role(r, fields[COLUMN_LEVEL], fields[COLUMN_ADMIN], fields[COLUMN_PUBLISHES]);
    r->user->email = read_text(r, "e-mail address", fields[COLUMN_EMAIL], account_check_email);
}

/* ---- all rows */

/* More than there are rows; no row is shorter than its line's end. */
static size_t room_for(const char *bytes, size_t len)
{
    size_t lines = 1;
    for (size_t i = 0; i < len && lines < USER_CSV_ROWS_MOST; i++)
        lines += bytes[i] == '\n' || bytes[i] == '\r';
    return lines;
}

static void read_rows(struct csv *csv, bool names_only, struct csv_users *users, struct reading *r)
{
    struct csv_row row;
    char why[CSV_WHY_ROOM];
    for (enum csv_got got; (got = csv_next(csv, &row, why)) != CSV_END; users->rows++) {
        if (users->rows == USER_CSV_ROWS_MOST) {
            user_report_add(r->report, 0, 0, "Expected at most %d rows, found more.",
                            USER_CSV_ROWS_MOST);
            return;
        }
        r->user = &users->users[users->count];
        *r->user = (struct csv_user){.row = csv->row, .line = csv->line, .role = ROLE_UNKNOWN};
        if (got == CSV_WRONG)
            wrong(r, "%s.", why);
        else
            read_row(r, &row, names_only);
        users->count += r->user->name_key != NULL;
    }
}

void user_csv_read(char *bytes, size_t len, bool names_only, size_t password_most,
                   struct csv_users *users_r, struct user_report *report)
{
    struct csv csv;
    char why[CSV_WHY_ROOM];
    *users_r = (struct csv_users){0};
    if (!csv_open(&csv, bytes, len, why)) {
        user_report_add(report, 0, 0, "The file: %s.", why);
        return;
    }
    users_r->users = arena_alloc(report->arena, room_for(bytes, len) * sizeof *users_r->users);
    struct reading r = {.report = report, .password_most = password_most, .seen = map_new()};
    read_rows(&csv, names_only, users_r, &r);
    map_free(&r.seen, NULL);
    if (users_r->rows == 0)
        user_report_add(report, 0, 0, "The file: expected a row for each user, found none.");
}
