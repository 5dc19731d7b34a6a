/* seed.c: see seed.h. Read with the same reader as any JSON document; every rule
 * of the REST methods holds, since the same functions are called. */
#include "serve/seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ident.h"
#include "domain/actor.h"
#include "domain/group.h"
#include "domain/group_member.h"
#include "domain/group_set.h"
#include "domain/project.h"
#include "domain/site.h"
#include "domain/user.h"
#include "store/tx.h"
#include "tbl/methods.h"
#include "trust/app.h"
#include "trust/password.h"
#include "trust/pat.h"
#include "wire/doc.h"

enum { SEED_MOST = 16 << 20 };

struct seeding {
    struct tx *tx;
    const struct keyring *keyring;
    struct actor admin; /* on the site being seeded */
    struct site site;
    long long pat_life_ms;
};

static enum err missing(struct seeding *s, const char *what, const char *member)
{
    return tx_refuse(s->tx, E400000, "%s needs the member '%s'", what, member);
}

static enum err check_luid(struct seeding *s, const char *id)
{
    return !id || luid_valid(id) ? E_OK : tx_refuse(s->tx, E400000, "'%.64s' is no LUID", id);
}

/* Members that are none of those known are refused: a slip must not pass for a
 * state that was asked for. */
static enum err check_members(struct seeding *s, const struct el *el, const char *known,
                              const char *what)
{
    for (const struct attr *a = el->attrs; a; a = a->next)
        if (!method_list_has(known, a->name))
            return tx_refuse(s->tx, E400000, "%s has no member '%.60s' of this form", what,
                             a->name);
    for (const struct el *c = el->children; c; c = c->next)
        if (!method_list_has(known, c->name) || !c->item)
            return tx_refuse(s->tx, E400000, "%s has no member '%.60s' of this form", what,
                             c->name);
    return E_OK;
}

static enum err seed_user(struct seeding *s, const struct el *el)
{
    struct user user;
    const char *password = doc_get(el, "password");
    struct user_spec spec = {.id = doc_get(el, "id"),
                             .name = doc_get(el, "name"),
                             .site_role = doc_get(el, "siteRole"),
                             .full_name = doc_get(el, "fullName"),
                             .email = doc_get(el, "email"),
                             .auth_setting = doc_get(el, "authSetting")};
    enum err err =
        check_members(s, el, "id;name;siteRole;fullName;email;authSetting;password", "a user");
    if (!err)
        err = check_luid(s, spec.id);
    if (err)
        return err;
    if (!spec.site_role)
        spec.site_role = "Explorer";
    if (password)
        spec.password_hash = password_hash(s->tx->arena, password);
    spec.server_admin = strcmp(spec.site_role, "ServerAdministrator") == 0;
    return user_add(s->tx, NULL, s->site.id, &spec, &user);
}

/* A list of names: `one` is done for each. */
static enum err
each_name(struct seeding *s, const struct el *el, const char *list, const char *holder_id,
          enum err (*one)(struct seeding *s, const char *holder_id, const char *name))
{
    enum err err = E_OK;
    for (const struct attr *a = el->attrs; a; a = a->next)
        if (strcmp(a->name, list) == 0)
            return tx_refuse(s->tx, E400000, "%s must be a list", list);
    for (const struct el *c = doc_find(el, list); c && !err; c = doc_next(c)) {
        if (c->attrs || c->children)
            return tx_refuse(s->tx, E400000, "%s is a list of names", list);
        err = one(s, holder_id, c->text ? c->text : "");
    }
    return err;
}

static enum err seed_member(struct seeding *s, const char *group_id, const char *user)
{
    return group_add_named(s->tx, s->site.id, group_id, user);
}

static enum err seed_group(struct seeding *s, const struct el *el)
{
    struct group group;
    struct group_spec spec = {.id = doc_get(el, "id"),
                              .name = doc_get(el, "name"),
                              .minimum_role = doc_get(el, "minimumSiteRole"),
                              .grant_mode = doc_get(el, "grantLicenseMode")};
    enum err err =
        check_members(s, el, "id;name;minimumSiteRole;grantLicenseMode;users", "a group");
    if (!err)
        err = check_luid(s, spec.id);
    if (!err)
        err = group_create(s->tx, s->site.id, &spec, &group);
    return err ? err : each_name(s, el, "users", group.id, seed_member);
}

static enum err seed_set_member(struct seeding *s, const char *set_id, const char *name)
{
    struct group group;
    if (!group_find_named(s->tx, s->site.id, name, &group))
        return tx_refuse(s->tx, E404012, "Group '%.100s' could not be found.", name);
    return group_set_add(s->tx, s->site.id, set_id, group.id);
}

static enum err seed_group_set(struct seeding *s, const struct el *el)
{
    struct group_set set;
    const char *id = doc_get(el, "id");
    enum err err = check_members(s, el, "id;name;groups", "a group set");
    if (!err)
        err = check_luid(s, id);
    if (!err)
        err = group_set_create(s->tx, s->site.id, id, doc_get(el, "name"), &set);
    return err ? err : each_name(s, el, "groups", set.id, seed_set_member);
}

static enum err seed_project(struct seeding *s, const struct el *el, const char *parent_id)
{
    struct project project;
    struct project_spec spec = {.id = doc_get(el, "id"),
                                .name = doc_get(el, "name"),
                                .description = doc_get(el, "description"),
                                .content_permissions = doc_get(el, "contentPermissions"),
                                .parent_id = parent_id};
    enum err err =
        check_members(s, el, "id;name;description;contentPermissions;projects", "a project");
    if (!err)
        err = check_luid(s, spec.id);
    if (!err)
        err = project_create(s->tx, &s->admin, s->site.id, &spec, &project);
    for (const struct el *c = doc_find(el, "projects"); c && !err; c = doc_next(c))
        err = seed_project(s, c, project.id);
    return err;
}

static enum err seed_app(struct seeding *s, const struct el *el)
{
    struct app app;
    bool present, enabled;
    if (!doc_get_bool(el, "enabled", &present, &enabled))
        return tx_refuse(s->tx, E400000, "enabled of a connected app is neither true nor false");
    struct app_spec spec = {.name = doc_get(el, "name"),
                            .client_id = doc_get(el, "clientId"),
                            .domain_safelist = doc_get(el, "domainSafelist"),
                            .unrestricted_embedding = FLAG_UNSET,
                            .vetted = true,
                            .enabled = !present || enabled ? FLAG_TRUE : FLAG_FALSE};
    enum err err =
        check_members(s, el, "name;enabled;clientId;domainSafelist;secrets", "a connected app");
    if (!err)
        err = check_luid(s, spec.client_id);
    if (!err)
        err = app_create(s->tx, s->site.id, &spec, &app);
    for (const struct el *c = doc_find(el, "secrets"); c && !err; c = doc_next(c)) {
        struct app_secret made, given = {.id = doc_get(c, "id"), .value = doc_get(c, "value")};
        err = check_members(s, c, "id;value", "a secret");
        if (!err)
            err = check_luid(s, given.id);
        if (!err)
            err = app_secret_create(s->tx, s->keyring, true, s->site.id, app.client_id, &given,
                                    &made);
    }
    return err;
}

static enum err seed_pat(struct seeding *s, const struct el *el)
{
    struct user user;
    const char *why, *secret, *name = doc_get(el, "name"), *owner = doc_get(el, "user");
    if (!name || !owner)
        return missing(s, "a personal access token", name ? "user" : "name");
    if (!user_find_exact(s->tx, s->site.id, owner, &user, &why))
        return tx_refuse(s->tx, E404002, "user '%.100s' of a token: %s", owner, why);
    return pat_create(s->tx, user.id, name, doc_get(el, "secret"), s->pat_life_ms, &secret);
}

/* Each member of the list, in order. */
static enum err each(struct seeding *s, const struct el *site, const char *list,
                     enum err (*one)(struct seeding *s, const struct el *el))
{
    enum err err = E_OK;
    for (const struct el *el = doc_find(site, list); el && !err; el = doc_next(el))
        err = one(s, el);
    return err;
}

static enum err seed_top_project(struct seeding *s, const struct el *el)
{
    return seed_project(s, el, NULL);
}

static enum err open_site(struct seeding *s, const struct el *el, const char *admin_account_id)
{
    struct user admin;
    const char *content_url = doc_get(el, "contentUrl");
    enum err err = check_members(
        s, el,
        "id;name;contentUrl;users;groups;groupSets;projects;connectedApps;personalAccessTokens",
        "a site");
    if (!err && !content_url)
        err = missing(s, "a site", "contentUrl");
    if (err)
        return err;
    if (site_get_by_content_url(s->tx, content_url, &s->site) != E_OK) {
        struct actor server = {.account_id = admin_account_id, .role = ROLE_SERVER_ADMINISTRATOR};
        struct site_spec spec = {
            .id = doc_get(el, "id"), .name = doc_get(el, "name"), .content_url = content_url};
        err = check_luid(s, spec.id);
        if (!err)
            err = site_create(s->tx, &server, &spec, &s->site);
    }
    if (!err)
        err = user_join(s->tx, admin_account_id, s->site.id, ROLE_SERVER_ADMINISTRATOR, &admin);
    if (!err && !actor_load(s->tx, admin.id, &s->admin))
        err = tx_broken(s->tx);
    return err;
}

static enum err seed_site(struct seeding *s, const struct el *el, const char *admin_account_id)
{
    enum err err = open_site(s, el, admin_account_id);
    if (!err)
        err = each(s, el, "users", seed_user);
    if (!err)
        err = each(s, el, "groups", seed_group);
    if (!err)
        err = each(s, el, "groupSets", seed_group_set);
    if (!err)
        err = each(s, el, "projects", seed_top_project);
    if (!err)
        err = each(s, el, "connectedApps", seed_app);
    return err ? err : each(s, el, "personalAccessTokens", seed_pat);
}

static char *read_file(struct arena *arena, const char *file, size_t *len_r)
{
    FILE *in = fopen(file, "rb");
    if (!in)
        return NULL;
    size_t room = 4096;
    char *text = arena_alloc(arena, room);
    *len_r = 0;
    for (size_t got; (got = fread(text + *len_r, 1, room - *len_r, in)) > 0;) {
        *len_r += got;
        if (*len_r == room && room < SEED_MOST) {
            char *more = arena_alloc(arena, room * 2);
            memcpy(more, text, room);
            text = more;
            room *= 2;
        }
    }
    fclose(in);
    return text;
}

bool seed_apply(struct tx *tx, const struct keyring *keyring, const char *file,
                const char *admin_account_id, long long pat_life_ms, char *why, size_t why_size)
{
    size_t len;
    struct el *root;
    struct seeding s = {.tx = tx, .keyring = keyring, .pat_life_ms = pat_life_ms};
    const struct doc_limits limits = {.depth = 128, .nodes = 2000000};
    const char *text = read_file(tx->arena, file, &len);
    if (!text) {
        snprintf(why, why_size, "cannot read seed file %s", file);
        return false;
    }
    enum err err = json_read(tx->arena, text, len, &limits, &root, &tx->fault);
    if (!err)
        err = check_members(&s, root, "sites", "the seed");
    if (!err && root->attrs)
        err = tx_refuse(tx, E400000, "sites must be a list");
    for (const struct el *el = err ? NULL : doc_find(root, "sites"); el && !err; el = doc_next(el))
        err = seed_site(&s, el, admin_account_id);
    if (err)
        snprintf(why, why_size, "seed file %s: %s", file, tx->fault.detail);
    return err == E_OK;
}
