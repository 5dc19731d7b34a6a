/* observe.c: reads what record.c wrote. */
#include <string.h>

#include "store/tx.h"
#include "trust/record.h"

#define EVENT_COLUMNS                                                                            \
    "id, at, kind, outcome, request_id, peer, site_id, site_content_url, client_id, secret_id, " \
    "subject, user_id, method, check_name, wire_code, fine_code, expected, found, "              \
    "scopes_granted, scopes_needed"

static const char *const EVENTS_SQL[2][2] = {
    {"SELECT " EVENT_COLUMNS " FROM event WHERE id > ?1 ORDER BY id LIMIT ?2",
     "SELECT " EVENT_COLUMNS " FROM event WHERE id > ?1 AND site_id = ?3 ORDER BY id LIMIT ?2"},
    {"SELECT " EVENT_COLUMNS " FROM (SELECT * FROM event WHERE id > ?1 ORDER BY id DESC LIMIT ?2) "
     "AS newest ORDER BY id",
     "SELECT " EVENT_COLUMNS " FROM (SELECT * FROM event WHERE id > ?1 AND site_id = ?3 "
     "ORDER BY id DESC LIMIT ?2) AS newest ORDER BY id"},
};

static struct event read_event(struct stmt *s)
{
    return (struct event){
        .id = stmt_get_int(s, 0),
        .at = stmt_get_int(s, 1),
        .kind = stmt_get_text(s, 2),
        .outcome = stmt_get_text(s, 3),
        .request_id = stmt_get_text(s, 4),
        .peer = stmt_get_text(s, 5),
        .site_id = stmt_get_text(s, 6),
        .site_content_url = stmt_get_text(s, 7),
        .client_id = stmt_get_text(s, 8),
        .secret_id = stmt_get_text(s, 9),
        .subject = stmt_get_text(s, 10),
        .user_id = stmt_get_text(s, 11),
        .method = stmt_get_text(s, 12),
        .check = stmt_get_text(s, 13),
        .wire_code = stmt_get_int(s, 14),
        .fine_code = stmt_get_int(s, 15),
        .expected = stmt_get_text(s, 16),
        .found = stmt_get_text(s, 17),
        .scopes_granted = stmt_get_text(s, 18),
        .scopes_needed = stmt_get_text(s, 19),
    };
}

bool events_read(struct tx *tx, int64_t after, bool newest, int64_t limit, const char *site_id,
                 void (*each)(void *context, const struct event *event), void *context)
{
    struct stmt *stmt = db_prepare(tx->db, EVENTS_SQL[newest][site_id != NULL]);
    enum db_result got;
    stmt_int(stmt, 1, after);
    stmt_int(stmt, 2, limit);
    if (site_id)
        stmt_text(stmt, 3, site_id);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        struct event event = read_event(stmt);
        each(context, &event);
    }
    return got == DB_DONE;
}

bool observed_apps(struct tx *tx, int64_t since, struct observed_app **apps_r, size_t *count_r)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT a.client_id, a.name, COALESCE(s.content_url, '*') FROM "
                "(SELECT client_id, name, site_id, serial, 0 AS kind FROM connected_app UNION ALL "
                "SELECT id, name || ' (' || issuer_url || ')', site_id, serial, 1 "
                "FROM external_authorization_server) AS a "
                "LEFT JOIN site s ON s.id = a.site_id WHERE a.client_id IN "
                "(SELECT client_id FROM observed_call WHERE last_at >= ?1 UNION "
                "SELECT client_id FROM observed_grant WHERE last_at >= ?1) "
                "ORDER BY a.kind, a.serial");
    size_t room = 0;
    enum db_result got;
    *apps_r = NULL;
    *count_r = 0;
    stmt_int(stmt, 1, since);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        if (*count_r == room) {
            room = room ? room * 2 : 8;
            struct observed_app *more = arena_alloc(tx->arena, room * sizeof *more);
            if (*count_r)
                memcpy(more, *apps_r, *count_r * sizeof *more);
            *apps_r = more;
        }
        (*apps_r)[(*count_r)++] =
            (struct observed_app){tx_text(tx, stmt, 0), tx_text(tx, stmt, 1), tx_text(tx, stmt, 2)};
    }
    return got == DB_DONE;
}

bool observed_calls(struct tx *tx, const char *client_id, int64_t since,
                    void (*each)(void *context, const char *method, int64_t admitted,
                                 int64_t refused),
                    void *context)
{
    struct stmt *stmt = db_prepare(
        tx->db, "SELECT method, SUM(admitted), SUM(refused) FROM observed_call WHERE client_id = "
                "?1 AND last_at >= ?2 GROUP BY method ORDER BY method");
    enum db_result got;
    stmt_text(stmt, 1, client_id);
    stmt_int(stmt, 2, since);
    while ((got = stmt_step(stmt)) == DB_ROW)
        each(context, stmt_get_text(stmt, 0), stmt_get_int(stmt, 1), stmt_get_int(stmt, 2));
    return got == DB_DONE;
}

bool observed_grants(struct tx *tx, const char *client_id, int64_t since,
                     void (*each)(void *context, const char *scope), void *context)
{
    struct stmt *stmt = db_prepare(tx->db, "SELECT DISTINCT scope FROM observed_grant WHERE "
                                           "client_id = ?1 AND last_at >= ?2 ORDER BY scope");
    enum db_result got;
    stmt_text(stmt, 1, client_id);
    stmt_int(stmt, 2, since);
    while ((got = stmt_step(stmt)) == DB_ROW)
        each(context, stmt_get_text(stmt, 0));
    return got == DB_DONE;
}
