/* visible_decide.c: what domain/access.h decides for one item, decided for every item
 * of a site at once. Rows are read in three passes (projects, items, the rules that
 * meet the user) and put together here by id: joins in SQL would look up two trees
 * for each row. */
#include <stdlib.h>
#include <string.h>

#include "domain/access.h"
#include "domain/actor.h"
#include "domain/visible_priv.h"
#include "store/tx.h"

struct node {
    int64_t serial;
    uint64_t id[2], parent_id[2]; /* LUIDs; 0: none */
    struct node *next;            /* of the same bucket */
    struct node *controlling;     /* of a project: whose lock rules here; NULL: none */
    struct grants grants;         /* rules on the item itself */
    struct grants defaults;       /* of a project: default permissions of the type in question */
    bool owns, decided, leads, reads;
    bool locks_nested;  /* of a project */
    bool locks_content; /* of a project; of a workbook: its views follow it */
};

/* Nodes of one kind, by id. */
struct forest {
    struct node *nodes; /* by serial */
    size_t count, room;
    struct node **buckets; /* a power of two of them */
    size_t bucket_count;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

/* A LUID's 32 digits as two numbers. */
static void pack(const char *luid, uint64_t id[2])
{
    id[0] = id[1] = 0;
    for (int digits = 0; luid && *luid && digits < 32; luid++) {
        if (*luid == '-')
            continue;
        unsigned digit =
            *luid <= '9' ? (unsigned)(*luid - '0') : (unsigned)((*luid | 32) - 'a') + 10;
        id[digits / 16] = id[digits / 16] << 4 | digit;
        digits++;
    }
}

static struct node **bucket_of(const struct forest *forest, const uint64_t id[2])
{
    uint64_t mixed = (id[0] ^ (id[1] << 1)) * UINT64_C(0x9E3779B97F4A7C15);
    return &forest->buckets[(mixed >> 20) & (forest->bucket_count - 1)];
}

static struct node *node_of(const struct forest *forest, const uint64_t id[2])
{
    if (!forest->count || !(id[0] | id[1]))
        return NULL;
    struct node *node = *bucket_of(forest, id);
    while (node && (node->id[0] != id[0] || node->id[1] != id[1]))
        node = node->next;
    return node;
}

static struct node *add_node(struct forest *forest)
{
    if (forest->count == forest->room) {
        forest->room = forest->room * 2 + 256;
        forest->nodes = must(realloc(forest->nodes, forest->room * sizeof *forest->nodes));
    }
    forest->nodes[forest->count] = (struct node){0};
    return &forest->nodes[forest->count++];
}

static void index_nodes(struct forest *forest)
{
    forest->bucket_count = 64;
    while (forest->bucket_count < forest->count)
        forest->bucket_count *= 2;
    forest->buckets = must(calloc(forest->bucket_count, sizeof(struct node *)));
    for (size_t i = 0; i < forest->count; i++) {
        struct node **head = bucket_of(forest, forest->nodes[i].id);
        forest->nodes[i].next = *head;
        *head = &forest->nodes[i];
    }
}

static void forest_release(struct forest *forest)
{
    free(forest->nodes);
    free(forest->buckets);
}

/* ---- reading. Every query answers: serial, id, parent id, owned by ?2, locks
 * nested, locks content; by serial. */

static const char PROJECTS_SQL[] =
    "SELECT serial, id, parent_id, CASE WHEN owner_id = ?2 THEN 1 ELSE 0 END, "
    "CASE WHEN content_permissions = 'LockedToProject' THEN 1 ELSE 0 END, "
    "CASE WHEN content_permissions = 'ManagedByOwner' THEN 0 ELSE 1 END "
    "FROM project WHERE site_id = ?1 ORDER BY serial";

static const char CONTENT_SQL[] =
    "SELECT serial, id, project_id, CASE WHEN owner_id = ?2 THEN 1 ELSE 0 END, 0, show_tabs "
    "FROM content WHERE site_id = ?1 AND content_type = ?3 ORDER BY serial";

static const char VIEWS_SQL[] = "SELECT serial, id, workbook_id, 0, 0, 0 FROM view "
                                "WHERE hidden = 0 AND site_id = ?1 ORDER BY serial";

static enum err read_nodes(struct tx *tx, const struct actor *actor, const char *sql,
                           const char *type_name, struct forest *forest)
{
    enum db_result got;
    struct stmt *stmt = db_prepare(tx->db, sql);
    stmt_text(stmt, 1, actor->site_id);
    if (strstr(sql, "?2"))
        stmt_text(stmt, 2, actor->user_id);
    if (type_name)
        stmt_text(stmt, 3, type_name);
    while ((got = stmt_step(stmt)) == DB_ROW) {
        struct node *node = add_node(forest);
        node->serial = stmt_get_int(stmt, 0);
        pack(stmt_get_text(stmt, 1), node->id);
        pack(stmt_get_text(stmt, 2), node->parent_id);
        node->owns = stmt_get_int(stmt, 3) != 0;
        node->locks_nested = stmt_get_int(stmt, 4) != 0;
        node->locks_content = stmt_get_int(stmt, 5) != 0;
    }
    index_nodes(forest);
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* The rules of a type that meet the user: on its items, and those that projects give
 * to content of the type. */
static enum err read_rules(struct tx *tx, const struct actor *actor, enum content_type type,
                           const struct forest *items, const struct forest *projects)
{
    enum db_result got;
    uint64_t id[2];
    struct stmt *stmt = db_prepare(
        tx->db,
        "WITH grantee (id) AS (SELECT ?2 UNION SELECT g.id FROM site_group g WHERE g.site_id = ?1 "
        "AND g.is_all_users = 1 UNION SELECT m.group_id FROM group_member m WHERE "
        "m.site_user_id = ?2), "
        "holder (id) AS (SELECT id FROM grantee UNION SELECT s.group_set_id FROM group_set_member "
        "s JOIN grantee ON s.group_id = grantee.id) "
        "SELECT r.item_id, r.grantee_kind, r.allow_set, r.deny_set FROM holder h "
        "JOIN permission_rule r ON r.grantee_id = h.id AND r.content_type = ?3 "
        "WHERE r.site_id = ?1");
    stmt_text(stmt, 1, actor->site_id);
    stmt_text(stmt, 2, actor->user_id);
    stmt_text(stmt, 3, content_type_name(type));
    while ((got = stmt_step(stmt)) == DB_ROW) {
        pack(stmt_get_text(stmt, 0), id);
        struct node *item = node_of(items, id);
        struct node *project = item || !projects ? NULL : node_of(projects, id);
        struct grants *grants = item ? &item->grants : project ? &project->defaults : NULL;
        if (grants)
            grants_add(grants, stmt_get_text(stmt, 1), stmt_get_int(stmt, 2),
                       stmt_get_int(stmt, 3));
    }
    return got == DB_DONE ? E_OK : tx_broken(tx);
}

/* ---- deciding */

static bool may_read(enum content_type type, const struct standing *standing,
                     const struct grants *grants)
{
    return (capability_decide(type, standing, grants) & CAP_BIT(CAP_READ)) != 0;
}

/* As access_project does for one; parents first. */
static void decide_project(const struct forest *projects, struct node *node, enum site_role role)
{
    if (node->decided)
        return;
    struct node *parent = node_of(projects, node->parent_id);
    if (parent) { /* projects are nested no deeper than PROJECT_DEPTH_MOST */
        decide_project(projects, parent, role);
        node->controlling = parent->controlling    ? parent->controlling
                            : parent->locks_nested ? parent
                                                   : NULL;
    }
    const struct grants *rules = node->controlling ? &node->controlling->grants : &node->grants;
    struct standing standing = {.role = role, .owns = node->owns, .leads = parent && parent->leads};
    node->leads = capability_leads(&standing, rules);
    node->reads = may_read(TYPE_PROJECT, &standing, rules);
    node->decided = true;
}

/* The default permissions that rule over content of a project, or NULL. */
static const struct grants *ruling_defaults(const struct node *project)
{
    return project->controlling     ? &project->controlling->defaults
           : project->locks_content ? &project->defaults
                                    : NULL;
}

/* As access_content does for one. */
static void decide_content(const struct forest *projects, struct node *item, enum content_type type,
                           enum site_role role)
{
    const struct node *project = node_of(projects, item->parent_id);
    if (!project)
        return; /* its project came while this was read */
    const struct grants *defaults = ruling_defaults(project);
    struct standing standing = {.role = role, .owns = item->owns, .leads = project->leads};
    item->leads = item->owns || project->leads;
    item->locks_content |= defaults != NULL; /* views of a locked workbook follow it */
    item->reads = may_read(type, &standing, defaults ? defaults : &item->grants);
}

/* As access_view does for one: a view follows its workbook, or its own rules. */
static void decide_view(const struct forest *workbooks, struct node *view, enum site_role role)
{
    const struct node *workbook = node_of(workbooks, view->parent_id);
    if (!workbook)
        return;
    struct standing standing = {.role = role, .leads = workbook->leads};
    view->reads =
        workbook->locks_content ? workbook->reads : may_read(TYPE_VIEW, &standing, &view->grants);
}

struct site_forests {
    struct forest projects, content, views;
};

static enum err decide_projects(struct tx *tx, const struct actor *actor, struct site_forests *f)
{
    enum err err = read_nodes(tx, actor, PROJECTS_SQL, NULL, &f->projects);
    if (!err)
        err = read_rules(tx, actor, TYPE_PROJECT, &f->projects, NULL);
    for (size_t i = 0; i < f->projects.count; i++)
        decide_project(&f->projects, &f->projects.nodes[i], actor->role);
    return err;
}

static enum err decide_all_content(struct tx *tx, const struct actor *actor, enum content_type type,
                                   struct site_forests *f)
{
    enum err err = read_nodes(tx, actor, CONTENT_SQL, content_type_name(type), &f->content);
    if (!err)
        err = read_rules(tx, actor, type, &f->content, &f->projects);
    for (size_t i = 0; i < f->content.count; i++)
        decide_content(&f->projects, &f->content.nodes[i], type, actor->role);
    return err;
}

static enum err decide_views(struct tx *tx, const struct actor *actor, struct site_forests *f)
{
    enum err err = read_nodes(tx, actor, VIEWS_SQL, NULL, &f->views);
    if (!err)
        err = read_rules(tx, actor, TYPE_VIEW, &f->views, NULL);
    for (size_t i = 0; i < f->views.count; i++)
        decide_view(&f->content, &f->views.nodes[i], actor->role);
    return err;
}

static void take_serials(const struct forest *forest, int64_t **serials_r, size_t *count_r)
{
    *serials_r = must(malloc((forest->count + 1) * sizeof **serials_r));
    *count_r = 0;
    for (size_t i = 0; i < forest->count; i++)
        if (forest->nodes[i].reads)
            (*serials_r)[(*count_r)++] = forest->nodes[i].serial;
}

enum err visible_decide(struct tx *tx, const struct actor *actor, enum content_type type,
                        int64_t **serials_r, size_t *count_r)
{
    struct site_forests f = {0};
    enum err err = decide_projects(tx, actor, &f);
    if (!err && type != TYPE_PROJECT)
        err = decide_all_content(tx, actor, type == TYPE_VIEW ? TYPE_WORKBOOK : type, &f);
    if (!err && type == TYPE_VIEW)
        err = decide_views(tx, actor, &f);
    take_serials(type == TYPE_PROJECT ? &f.projects
                 : type == TYPE_VIEW  ? &f.views
                                      : &f.content,
                 serials_r, count_r);
    forest_release(&f.projects);
    forest_release(&f.content);
    forest_release(&f.views);
    return err;
}
