/* publishing: a site with people, a project and what was published in it. Included by
 * one program each, after acting.h. */
#ifndef EASEL_TESTS_PUBLISHING_H
#define EASEL_TESTS_PUBLISHING_H

#include "acting.h"

#include "domain/access.h"
#include "domain/actor.h"
#include "domain/content_item.h"
#include "domain/permission.h"
#include "domain/project.h"
#include "domain/publish.h"
#include "domain/site.h"
#include "domain/user.h"

static inline void expect(struct tx *tx, enum err got, enum err wanted, const char *what)
{
    if (got != wanted)
        fail_msg("%s: %d (%s), expected %d", what, (int)got,
                 got && tx->fault.detail ? tx->fault.detail : "", (int)wanted);
}

/* ada administers, pat may publish and publishes, vic may but look. */
struct world {
    struct tx *tx;
    const char *site_id;
    struct actor ada, pat, vic;
    struct project project;
};

static inline struct actor person(struct world *w, const char *name, const char *role)
{
    struct user user;
    struct actor actor;
    struct user_spec spec = {
        .name = name, .site_role = role, .server_admin = strcmp(role, "ServerAdministrator") == 0};
    expect(w->tx, user_add(w->tx, NULL, w->site_id, &spec, &user), E_OK, name);
    assert_true(actor_load(w->tx, user.id, &actor));
    return actor;
}

static inline void let(struct world *w, const char *item_id, enum content_type type,
                       const struct actor *actor, cap_set allow)
{
    struct rule rule = {GRANTEE_USER, actor->user_id, allow, 0};
    expect(w->tx, permission_add(w->tx, w->site_id, item_id, type, &rule, 1), E_OK, "rule");
}

static inline struct world world_make(void **state)
{
    struct world w = {.tx = &((struct acting *)*state)->tx};
    struct site site;
    struct site_spec first = {.name = "Default", .content_url = ""};
    struct project_spec spec = {.name = "P"};
    expect(w.tx, site_create(w.tx, NULL, &first, &site), E_OK, "site");
    w.site_id = site.id;
    w.ada = person(&w, "ada", "ServerAdministrator");
    w.pat = person(&w, "pat", "Creator");
    w.vic = person(&w, "vic", "Viewer");
    expect(w.tx, project_create(w.tx, &w.ada, site.id, &spec, &w.project), E_OK, "P");
    let(&w, w.project.id, TYPE_PROJECT, &w.pat, CAP_BIT(CAP_READ) | CAP_BIT(CAP_WRITE));
    return w;
}

/* A file of that many bytes; workbooks have the views First and Second. */
static inline struct content_item put_file(struct world *w, const struct actor *actor,
                                           enum content_type type, const char *name, int64_t bytes)
{
    static const struct publish_view views[] = {{"First", "First", "worksheet", false, NULL, 0},
                                                {"Second", "Second", "dashboard", false, NULL, 0}};
    struct content_item item;
    bool created, book = type == TYPE_WORKBOOK;
    char blob_id[65];
    snprintf(blob_id, sizeof blob_id, "%064llx", (unsigned long long)bytes);
    struct publish_spec spec = {.type = type,
                                .project_id = w->project.id,
                                .name = name,
                                .overwrite = true,
                                .blob_id = arena_strdup(w->tx->arena, blob_id),
                                .file_type = book                      ? "twbx"
                                             : type == TYPE_DATASOURCE ? "tdsx"
                                                                       : "tflx",
                                .data_type = type == TYPE_DATASOURCE ? "hyper" : NULL,
                                .size_bytes = bytes,
                                .views = views,
                                .view_count = book ? LENGTH(views) : 0};
    expect(w->tx, publish(w->tx, actor, &spec, &item, &created), E_OK, name);
    return item;
}

static inline int64_t number_in(struct world *w, const char *sql, const char *id)
{
    struct stmt *stmt = db_prepare_text(w->tx->db, sql);
    stmt_text(stmt, 1, id);
    assert_int_equal(stmt_step(stmt), DB_ROW);
    int64_t value = stmt_get_int(stmt, 0);
    stmt_reset(stmt);
    return value;
}

#endif
