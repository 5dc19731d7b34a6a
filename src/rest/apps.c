/* apps.c: the connected-app methods with direct trust, under both their paths.
 *
 * Requests carry attributes (child elements are read too), answers child
 * elements in the order of the reference's examples. The list of projects is
 * written projectIds from version 3.23 on and a single projectId before; in
 * requests projectId is always taken, projectIds from 3.22. */
#include "trust/app.h"

#include <string.h>

#include "base/ident.h"
#include "domain/project.h"
#include "http/http.h"
#include "rest/call.h"
#include "rest/handlers.h"

static void write_app(struct call *call, struct el *el, const struct app *app)
{
    for (size_t i = 0; i < app->secret_count; i++) {
        struct el *secret = doc_item(el, "secret");
        doc_text(secret, "id", app->secrets[i].id);
        doc_text_time(secret, "createdAt", app->secrets[i].created_at);
    }
    doc_text(el, "name", app->name);
    doc_text_bool(el, "enabled", app->enabled);
    doc_text(el, "clientId", app->client_id);
    if (app->project_count && call->version >= VERSION(3, 23)) {
        struct el *ids = doc_child(el, "projectIds");
        for (size_t i = 0; i < app->project_count; i++)
            doc_item_text(ids, "projectId", app->project_ids[i]);
    } else if (app->project_count) {
        doc_text(el, "projectId", app->project_ids[0]);
    }
    doc_text_time(el, "createdAt", app->created_at);
    doc_text(el, "domainSafelist", app->domain_safelist);
    if (app->unrestricted_embedding != FLAG_UNSET)
        doc_text_bool(el, "unrestrictedEmbedding", app->unrestricted_embedding == FLAG_TRUE);
}

/* ---- reading */

static enum err read_flag(struct call *call, const struct el *el, const char *name,
                          enum app_flag *flag_r)
{
    bool present, value;
    if (!doc_get_bool(el, name, &present, &value))
        return tx_refuse(&call->tx, E400000, "%s is neither true nor false.", name);
    *flag_r = present ? (enum app_flag)value : FLAG_UNSET;
    return E_OK;
}

/* Adds a project of the site to the spec, once. */
static enum err add_project(struct call *call, const char *id, struct app_spec *spec)
{
    struct project project;
    if (!luid_valid(id))
        return tx_refuse(&call->tx, E400000, "'%.64s' is not the id of a project.", id);
    if (project_get(&call->tx, call->session->site_id, id, &project) != E_OK)
        return tx_refuse(&call->tx, E400143, "The site has no project '%.64s'.", id);
    for (size_t i = 0; i < spec->project_count; i++)
        if (strcmp(spec->project_ids[i], project.id) == 0)
            return E_OK;
    spec->project_ids[spec->project_count++] = project.id;
    return E_OK;
}

static enum err read_projects(struct call *call, const struct el *el, struct app_spec *spec)
{
    const struct el *list = doc_find(el, "projectIds");
    const char *single = doc_get(el, "projectId");
    const char **given = NULL;
    size_t count = doc_values(list, "projectId", call->tx.arena, &given);
    if (doc_get(el, "projectIds") || (list && (list->item || (list->text && *list->text))))
        return tx_refuse(&call->tx, E400000, "projectIds must hold projectId elements.");
    if (list && call->version < VERSION(3, 22))
        return tx_refuse(&call->tx, E400000,
                         "projectIds can be used from version 3.23 of the API on; use projectId.");
    if (count > APP_PROJECTS_MOST)
        return tx_refuse(&call->tx, E400143,
                         "A connected app can't be bound to more than %d projects.",
                         APP_PROJECTS_MOST);
    spec->projects_given = list || single;
    spec->project_ids = arena_alloc(call->tx.arena, (count + 1) * sizeof *spec->project_ids);
    enum err err = single && *single ? add_project(call, single, spec) : E_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = add_project(call, given[i], spec);
    return err;
}

static enum err read_app(struct call *call, struct app_spec *spec)
{
    size_t len;
    const struct el *el;
    http_body(call->http, &len);
    if (len == 0)
        return tx_refuse(&call->tx, E400109, "The request body can't be empty.");
    enum err err = call_element(call, "connectedApplication", &el);
    if (err)
        return err;
    *spec = (struct app_spec){.name = doc_get(el, "name"),
                              .domain_safelist = doc_get(el, "domainSafelist")};
    err = read_flag(call, el, "enabled", &spec->enabled);
    if (!err)
        err = read_flag(call, el, "unrestrictedEmbedding", &spec->unrestricted_embedding);
    return err ? err : read_projects(call, el, spec);
}

/* ---- apps */

static enum err app_create_call(struct call *call)
{
    struct app_spec spec;
    struct app app;
    enum err err = read_app(call, &spec);
    spec.vetted = actor_is_server_admin(call->actor);
    if (!err)
        err = app_create(&call->tx, call->session->site_id, &spec, &app);
    if (!err)
        write_app(call, doc_child(call->out, "connectedApplication"), &app);
    return err;
}

const struct handler rest_app_create = {app_create_call, STARTS_WRITING, false};

static enum err app_list_call(struct call *call)
{
    struct app *apps;
    size_t count;
    enum err err = app_list(&call->tx, call->session->site_id, &apps, &count);
    if (err)
        return err;
    struct el *wrapper = doc_child(call->out, "connectedApplications");
    for (size_t i = 0; i < count; i++)
        write_app(call, doc_item(wrapper, "connectedApplication"), &apps[i]);
    return E_OK;
}

const struct handler rest_app_list = {app_list_call, STARTS_READING, true};

/* One app stands in the wrapper of the list, as the reference shows it. */
static enum err app_get_call(struct call *call)
{
    struct app app;
    enum err err = app_get(&call->tx, call->session->site_id, call_param(call, "client-id"), &app);
    if (!err)
        write_app(call,
                  doc_item(doc_child(call->out, "connectedApplications"), "connectedApplication"),
                  &app);
    return err;
}

const struct handler rest_app_get = {app_get_call, STARTS_READING, true};

static enum err app_update_call(struct call *call)
{
    struct app_spec spec;
    struct app app;
    enum err err = read_app(call, &spec);
    if (!err)
        err = app_update(&call->tx, call->session->site_id, call_param(call, "client-id"), &spec,
                         &app);
    if (!err)
        write_app(call, doc_child(call->out, "connectedApplication"), &app);
    return err;
}

const struct handler rest_app_update = {app_update_call, STARTS_WRITING, false};

static enum err app_delete_call(struct call *call)
{
    return app_delete(&call->tx, call->session->site_id, call_param(call, "client-id"));
}

const struct handler rest_app_delete = {app_delete_call, STARTS_WRITING, false};

/* ---- secrets */

static void write_secret(struct call *call, const struct app_secret *secret)
{
    struct el *el = doc_child(call->out, "connectedApplicationSecret");
    doc_text(el, "value", secret->value);
    doc_text(el, "id", secret->id);
    doc_text_time(el, "createdAt", secret->created_at);
    http_reply_header(call->http, "Cache-Control", "no-store");
}

static enum err app_secret_create_call(struct call *call)
{
    struct app_secret secret;
    enum err err =
        app_secret_create(&call->tx, call->config->keyring, actor_is_server_admin(call->actor),
                          call->session->site_id, call_param(call, "client-id"), NULL, &secret);
    if (!err)
        write_secret(call, &secret);
    return err;
}

const struct handler rest_app_secret_create = {app_secret_create_call, STARTS_WRITING, false};

static enum err app_secret_get_call(struct call *call)
{
    struct app_secret secret;
    enum err err =
        app_secret_get(&call->tx, call->config->keyring, actor_is_server_admin(call->actor),
                       call->session->site_id, call_param(call, "client-id"),
                       call_param(call, "secret-id"), &secret);
    if (!err)
        write_secret(call, &secret);
    return err;
}

const struct handler rest_app_secret_get = {app_secret_get_call, STARTS_READING, false};

static enum err app_secret_delete_call(struct call *call)
{
    return app_secret_delete(&call->tx, call->session->site_id, call_param(call, "client-id"),
                             call_param(call, "secret-id"));
}

const struct handler rest_app_secret_delete = {app_secret_delete_call, STARTS_WRITING, false};
