/* eas.c: the methods of external authorization servers.
 *
 * Requests carry attributes (child elements are read too), answers child elements
 * in the order of the reference's examples; the list's wrapper stands round a
 * single server too. `name` came with version 3.22, and several servers for a site:
 * before, a name is neither read nor written and a site has one server. `enabled`,
 * which the published schema has and the reference has not, is ignored. */
#include "trust/eas.h"

#include "rest/call.h"
#include "rest/handlers.h"
#include "trust/issuers.h"

enum { LIMIT_BEFORE_SEVERAL = 1 };

static bool knows_names(const struct call *call)
{
    return call->version >= VERSION(3, 22);
}

static void write_eas(struct call *call, struct el *el, const struct eas *eas)
{
    if (knows_names(call))
        doc_text(el, "name", eas->name);
    doc_text(el, "id", eas->id);
    doc_text(el, "issuerUrl", eas->issuer_url);
    doc_text(el, "jwksUri", eas->jwks_uri);
    doc_text_time(el, "createdAt", eas->created_at);
}

/* What is not there is not set; a request without any is for trust/ to judge. */
static struct eas_spec read_eas(const struct call *call)
{
    const struct el *el = doc_find(call->in, "externalAuthorizationServer");
    return (struct eas_spec){.issuer_url = doc_get(el, "issuerUrl"),
                             .jwks_uri = doc_get(el, "jwksUri"),
                             .name = knows_names(call) ? doc_get(el, "name") : NULL};
}

static struct eas_rules rules_of(const struct call *call)
{
    return (struct eas_rules){.limit = knows_names(call) ? call->tuning->eas.limit
                                                         : LIMIT_BEFORE_SEVERAL,
                              .plain_http = call->tuning->eas.plain_http,
                              .server_admin = actor_is_server_admin(call->actor)};
}

/* Who has mended a provider and registers it again need not wait for what failed before.
 * On this node; the others find out in their time. */
static void answer_with(struct call *call, const struct eas *eas)
{
    issuers_look_anew(call->config->issuers, eas->issuer_url, eas->jwks_uri);
    write_eas(call, doc_child(call->out, "externalAuthorizationServer"), eas);
}

static enum err eas_register_call(struct call *call)
{
    struct eas eas;
    struct eas_spec spec = read_eas(call);
    struct eas_rules rules = rules_of(call);
    enum err err = eas_register(&call->tx, call->session->site_id, &spec, &rules, &eas);
    if (!err)
        answer_with(call, &eas);
    return err;
}

const struct handler rest_eas_register = {eas_register_call, STARTS_WRITING, false};

static enum err eas_list_call(struct call *call)
{
    struct eas *list;
    size_t count;
    enum err err = eas_list(&call->tx, call->session->site_id, &list, &count);
    if (err)
        return err;
    struct el *wrapper = doc_child(call->out, "externalAuthorizationServerList");
    for (size_t i = 0; i < count; i++)
        write_eas(call, doc_item(wrapper, "externalAuthorizationServer"), &list[i]);
    return E_OK;
}

const struct handler rest_eas_list = {eas_list_call, STARTS_READING, true};

static enum err eas_get_call(struct call *call)
{
    struct eas eas;
    enum err err = eas_get(&call->tx, call->session->site_id, call_param(call, "eas-id"), &eas);
    if (!err)
        write_eas(call,
                  doc_item(doc_child(call->out, "externalAuthorizationServerList"),
                           "externalAuthorizationServer"),
                  &eas);
    return err;
}

const struct handler rest_eas_get = {eas_get_call, STARTS_READING, true};

static enum err eas_update_call(struct call *call)
{
    struct eas eas;
    const struct el *el;
    struct eas_rules rules = rules_of(call);
    struct eas_spec spec = read_eas(call);
    enum err err = eas_get(&call->tx, call->session->site_id, call_param(call, "eas-id"), &eas);
    if (!err)
        err = call_element(call, "externalAuthorizationServer", &el);
    if (!err)
        err = eas_update(&call->tx, call->session->site_id, call_param(call, "eas-id"), &spec,
                         &rules, &eas);
    if (!err)
        answer_with(call, &eas);
    return err;
}

const struct handler rest_eas_update = {eas_update_call, STARTS_WRITING, false};

static enum err eas_delete_call(struct call *call)
{
    return eas_delete(&call->tx, call->session->site_id, call_param(call, "eas-id"));
}

const struct handler rest_eas_delete = {eas_delete_call, STARTS_WRITING, false};
