/* sites.c: Create, Query, Update and Delete Site (by id, name, content URL), Query
 * Sites, and the embedding settings of a site. */
#include "domain/site.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "domain/actor.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "trust/safelist.h"

static void write_setting(struct el *el, const struct site_attribute *a, const char *value)
{
    if (a->kind == SITE_BOOL)
        doc_attr_bool(el, a->name, strcmp(value, "true") == 0);
    else if (a->kind == SITE_NUMBER)
        doc_attr_number(el, a->name, strtoll(value, NULL, 10));
    else
        doc_attr(el, a->name, value);
}

static bool may_see_settings(const struct call *call, const char *site_id)
{
    return actor_is_server_admin(call->actor) ||
           (actor_is_site_admin(call->actor) && strcmp(site_id, call->session->site_id) == 0);
}

/* Values that the published schema no longer has are kept, and not shown. */
static bool shown(const struct site_attribute *a, const char *value)
{
    return value && !(a->kind == SITE_ASK && strcmp(value, "EnabledByDefault") == 0);
}

/* Its administrators see the settings, others what names the site. */
static void write_site(struct call *call, struct el *el, const struct site *site)
{
    size_t count;
    const struct site_attribute *attributes = site_attributes(&count);
    doc_attr(el, "id", site->id);
    doc_attr(el, "name", site->name);
    doc_attr(el, "contentUrl", site->content_url);
    doc_attr(el, "state", site->state);
    if (!may_see_settings(call, site->id))
        return;
    doc_attr(el, "adminMode", site->admin_mode);
    for (size_t i = 0; i < count; i++) {
        const char *value = site_setting(&call->tx, site, &attributes[i]);
        if (shown(&attributes[i], value))
            write_setting(el, &attributes[i], value);
    }
}

static enum err write_usage(struct call *call, struct el *el, const char *site_id)
{
    struct site_usage usage;
    enum err err = site_usage(&call->tx, site_id, &usage);
    if (err)
        return err;
    struct el *child = doc_child(el, "usage");
    doc_attr_count(child, "numUsers", usage.users);
    doc_attr_count(child, "numCreators", usage.creators);
    doc_attr_count(child, "numExplorers", usage.explorers);
    doc_attr_count(child, "numViewers", usage.viewers);
    doc_attr_count(child, "storage", 0); /* no content can be published yet */
    return E_OK;
}

/* Every attribute that is a site's setting, in the order of the request. */
static void read_settings(struct call *call, const struct el *el, struct site_spec *spec)
{
    size_t count;
    const struct site_attribute *attributes = site_attributes(&count);
    struct site_setting *settings = arena_alloc(call->tx.arena, count * sizeof *settings);
    for (size_t i = 0; i < count; i++) {
        const char *value = doc_get(el, attributes[i].name);
        if (value)
            settings[spec->setting_count++] = (struct site_setting){attributes[i].name, value};
    }
    spec->settings = settings;
}

static enum err read_site(struct call *call, struct site_spec *spec)
{
    const struct el *el;
    enum err err = call_element(call, "site", &el);
    if (err)
        return err;
    *spec = (struct site_spec){.name = doc_get(el, "name"),
                               .content_url = doc_get(el, "contentUrl"),
                               .admin_mode = doc_get(el, "adminMode"),
                               .state = doc_get(el, "state")};
    read_settings(call, el, spec);
    return E_OK;
}

static enum err site_create_call(struct call *call)
{
    struct site_spec spec;
    struct site site;
    enum err err = read_site(call, &spec);
    if (err)
        return err;
    spec.state = NULL; /* a site begins as Active */
    err = site_create(&call->tx, call->actor, &spec, &site);
    if (!err)
        write_site(call, doc_child(call->out, "site"), &site);
    return err;
}

const struct handler rest_site_create = {site_create_call, STARTS_WRITING, false};

/* A session that carries no rights beyond its site knows of no others either. */
static enum err list_own_site(struct call *call, const struct list_request *list,
                              struct site **sites_r, size_t *count_r, int64_t *total_r)
{
    enum err err = list_check_page(&call->tx, list, 1);
    *sites_r = arena_alloc(call->tx.arena, sizeof **sites_r);
    *count_r = 1;
    *total_r = 1;
    return err ? err : site_get(&call->tx, call->session->site_id, *sites_r);
}

static enum err site_list_call(struct call *call)
{
    struct list_request list;
    struct site *sites;
    size_t count;
    int64_t total;
    enum err err = call_list(call, NULL, 0, &list);
    if (!err && call->session->site_bound)
        err = list_own_site(call, &list, &sites, &count, &total);
    else if (!err)
        err = site_list(&call->tx, call->actor, &list, &sites, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "sites");
    for (size_t i = 0; i < count; i++)
        write_site(call, doc_item(wrapper, "site"), &sites[i]);
    return E_OK;
}

const struct handler rest_site_list = {site_list_call, STARTS_READING, true};

/* The site that the path names. A session is for one site: others are answered to
 * server administrators alone, and do not exist for anyone else. */
static enum err find_site(struct call *call, struct site *site)
{
    const char *key = call->method->select_value, *given = call->params[0];
    enum err err = E_OK;
    if (!key)
        err = site_get(&call->tx, given, site);
    else if (strcasecmp(key, "name") == 0)
        err = site_get_by_name(&call->tx, given, site);
    else
        err = site_get_by_content_url(&call->tx, given, site);
    if (!err && strcmp(site->id, call->session->site_id) != 0 &&
        !actor_is_server_admin(call->actor))
        return tx_refuse(&call->tx, E404000, "Site '%.150s' could not be found.", given);
    return err;
}

static enum err site_get_call(struct call *call)
{
    struct site site;
    const char *usage = query_get(&call->query, "includeUsage");
    enum err err = find_site(call, &site);
    if (err)
        return err;
    struct el *el = doc_child(call->out, "site");
    write_site(call, el, &site);
    if (usage && strcasecmp(usage, "true") == 0 && may_see_settings(call, site.id))
        return write_usage(call, el, site.id);
    return E_OK;
}

const struct handler rest_site_get = {site_get_call, STARTS_READING, true};

/* A suspended site admits server administrators alone: sessions of others end. */
static enum err site_update_call(struct call *call)
{
    struct site_spec spec;
    struct site before, site;
    enum err err = read_site(call, &spec);
    if (!err)
        err = find_site(call, &before);
    if (!err)
        err = site_update(&call->tx, call->actor, before.id, &spec, &site);
    if (!err && spec.state && strcmp(spec.state, "Suspended") == 0)
        err = sessions_end_site(&call->tx, site.id, true);
    if (!err)
        write_site(call, doc_child(call->out, "site"), &site);
    return err;
}

const struct handler rest_site_update = {site_update_call, STARTS_WRITING, false};

static enum err site_delete_call(struct call *call)
{
    struct site site;
    enum err err = find_site(call, &site);
    if (!err)
        err = site_delete(&call->tx, call->actor, site.id);
    return err ? err : sessions_end_site(&call->tx, site.id, false);
}

const struct handler rest_site_delete = {site_delete_call, STARTS_WRITING, false};

/* ---- embedding */

static enum err write_embedding(struct call *call)
{
    struct site site;
    struct site_embedding embedding;
    enum err err = site_get(&call->tx, call->session->site_id, &site);
    if (err)
        return err;
    site_get_embedding(&call->tx, &site, &embedding);
    struct el *el = doc_item(doc_child(call->out, "site"), "settings");
    doc_attr_bool(el, "unrestrictedEmbedding", embedding.unrestricted);
    doc_attr(el, "allowList", embedding.allow_list);
    return E_OK;
}

const struct handler rest_site_embedding_get = {write_embedding, STARTS_READING, true};

static enum err read_embedding(struct call *call, struct site_embedding *embedding)
{
    bool present;
    const char *bad;
    size_t bad_len;
    const struct el *el = doc_find(doc_find(call->in, "site"), "settings");
    if (!el)
        return tx_refuse(&call->tx, E400000,
                         "The request needs a body with the element 'settings' in 'site'.");
    if (!doc_get_bool(el, "unrestrictedEmbedding", &present, &embedding->unrestricted) || !present)
        return tx_refuse(&call->tx, E400000,
                         "The settings need unrestrictedEmbedding, which is true or false.");
    embedding->allow_list = doc_get(el, "allowList");
    if (!embedding->allow_list)
        return tx_refuse(&call->tx, E400000, "The settings need an allowList; it may be empty.");
    if (strlen(embedding->allow_list) > SAFELIST_MOST)
        return tx_refuse(&call->tx, E400000, "The allowList can't be longer than %d bytes.",
                         SAFELIST_MOST);
    if (!safelist_valid(embedding->allow_list, &bad, &bad_len))
        return tx_refuse(&call->tx, E400000, "The allowList holds '%.*s', which is no domain.",
                         bad_len > 80 ? 80 : (int)bad_len, bad);
    return E_OK;
}

static enum err site_embedding_update_call(struct call *call)
{
    struct site_embedding embedding;
    enum err err = read_embedding(call, &embedding);
    if (!err)
        err = site_set_embedding(&call->tx, call->session->site_id, &embedding);
    return err ? err : write_embedding(call);
}

const struct handler rest_site_embedding_update = {site_embedding_update_call, STARTS_WRITING,
                                                   false};
