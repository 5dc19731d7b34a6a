/* sites.c: Create Site, Query Sites, Query Site (by id, name, content URL). */
#include "domain/site.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "domain/actor.h"
#include "rest/call.h"
#include "rest/handlers.h"

static void write_setting(struct el *el, const struct site_attribute *a, const char *value)
{
    if (a->kind == SITE_BOOL)
        doc_attr_bool(el, a->name, strcmp(value, "true") == 0);
    else if (a->kind == SITE_NUMBER)
        doc_attr_number(el, a->name, strtoll(value, NULL, 10));
    else
        doc_attr(el, a->name, value);
}

/* Administrators see the settings, others what names the site. */
static void write_site(struct call *call, struct el *el, const struct site *site)
{
    size_t count;
    const struct site_attribute *attributes = site_attributes(&count);
    doc_attr(el, "id", site->id);
    doc_attr(el, "name", site->name);
    doc_attr(el, "contentUrl", site->content_url);
    doc_attr(el, "state", site->state);
    if (!actor_is_site_admin(call->actor))
        return;
    doc_attr(el, "adminMode", site->admin_mode);
    for (size_t i = 0; i < count; i++) {
        const char *value = site_setting(&call->tx, site, &attributes[i]);
        if (value)
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

static enum err site_create_call(struct call *call)
{
    const struct el *el;
    struct site site;
    enum err err = call_element(call, "site", &el);
    if (err)
        return err;
    struct site_spec spec = {.name = doc_get(el, "name"),
                             .content_url = doc_get(el, "contentUrl"),
                             .admin_mode = doc_get(el, "adminMode")};
    read_settings(call, el, &spec);
    err = site_create(&call->tx, call->actor, &spec, &site);
    if (!err)
        write_site(call, doc_child(call->out, "site"), &site);
    return err;
}

const struct handler rest_site_create = {site_create_call, STARTS_WRITING, false};

static enum err site_list_call(struct call *call)
{
    struct list_request list;
    struct site *sites;
    size_t count;
    int64_t total;
    enum err err = call_list(call, NULL, 0, &list);
    if (!err)
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

static enum err find_site(struct call *call, struct site *site)
{
    const char *key = call->method->select_value, *given = call->params[0];
    if (!key)
        return site_get(&call->tx, given, site);
    return strcasecmp(key, "name") == 0 ? site_get_by_name(&call->tx, given, site)
                                        : site_get_by_content_url(&call->tx, given, site);
}

/* A session is for one site: others are answered to server administrators
 * alone, and do not exist for anyone else. */
static enum err site_get_call(struct call *call)
{
    struct site site;
    const char *usage = query_get(&call->query, "includeUsage");
    enum err err = find_site(call, &site);
    if (err)
        return err;
    if (strcmp(site.id, call->session->site_id) != 0 && !actor_is_server_admin(call->actor))
        return tx_refuse(&call->tx, E404000, "Site '%.150s' could not be found.", call->params[0]);
    struct el *el = doc_child(call->out, "site");
    write_site(call, el, &site);
    if (usage && strcasecmp(usage, "true") == 0 && actor_is_site_admin(call->actor))
        return write_usage(call, el, site.id);
    return E_OK;
}

const struct handler rest_site_get = {site_get_call, STARTS_READING, true};
