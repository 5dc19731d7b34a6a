/* gate.c: who may call a method at all, in the order of section 3.2 of the trust
 * specification: token, scope, site, role. */
#include <string.h>
#include <strings.h>

#include "domain/site.h"
#include "http/http.h"
#include "rest/call.h"
#include "rest/dispatch.h"

static const char INVALID_CREDENTIALS[] = "Invalid authentication credentials were provided.";

static enum err invalid_credentials(struct call *call, const char *check, const char *expected,
                                    const char *found)
{
    tx_refuse(&call->tx, E401002, "%s", INVALID_CREDENTIALS);
    call->tx.fault.check = check;
    call->tx.fault.expected = expected;
    call->tx.fault.found = found;
    return E401002;
}

static enum err check_session(struct call *call)
{
    const char *token = http_header(call->http, "X-Tableau-Auth");
    if (!token || !*token) {
        tx_refuse(&call->tx, E401000, "No authentication credentials were provided.");
        call->tx.fault.check = "token";
        call->tx.fault.expected = "the header X-Tableau-Auth with the token of a sign-in";
        call->tx.fault.found = "no such header";
        return E401000;
    }
    call->caller = callers_find(call->rest->callers, &call->tx, token);
    if (!call->caller)
        return invalid_credentials(call, "session", "a token whose session is open",
                                   "a token that is unknown, expired, signed out or revoked");
    call->session = caller_session(call->caller);
    call->actor = caller_actor(call->caller);
    return E_OK;
}

static const char *listed(struct arena *arena, const char *scopes)
{
    char *text = arena_strdup(arena, scopes);
    for (char *p = text; *p; p++)
        if (*p == ';')
            *p = ' ';
    return text;
}

bool call_has_scope(const struct call *call, const char *name)
{
    return scope_listed(call->session->scopes, name);
}

enum err call_refuse_scope(struct call *call, const char *expected)
{
    const char *scopes = call->session->scopes;
    return invalid_credentials(
        call, "scope", expected,
        arena_printf(call->tx.arena, "a JWT session with: %s", *scopes ? scopes : "(nothing)"));
}

static enum err check_scope(struct call *call)
{
    const struct method *m = call->method;
    const struct session *s = call->session;
    if (!s->scopes)
        return E_OK; /* a password or personal access token is not bound by scopes */
    bool admits = m->needs_no_scope || scope_admits(caller_scopes(call->caller), m->number);
    recorder_call(call->config->recorder, s->client_id, s->site_id, m->number, admits,
                  call->tx.now);
    if (admits)
        return E_OK;
    bool closed = strcmp(m->row->scopes, "no-scope-exists") == 0;
    call->event.scopes_needed = closed ? NULL : listed(call->tx.arena, m->row->scopes);
    return call_refuse_scope(
        call, closed ? "a session by password or personal access token: no scope admits this method"
                     : arena_printf(call->tx.arena, "one of: %s", call->event.scopes_needed));
}

/* A token is for one site: the URI must name that one. */
static enum err check_site(struct call *call)
{
    struct site site;
    const char *id = call->method->on_site ? call_param(call, "site-id") : NULL;
    if (!id || strcasecmp(id, call->session->site_id) == 0)
        return E_OK;
    if (site_get(&call->tx, id, &site) != E_OK)
        return call->tx.fault.err;
    return invalid_credentials(call, "site", "the site that was signed in to", "another site");
}

static enum err check_role(struct call *call)
{
    const struct method *m = call->method;
    bool ok = m->gate == GATE_USER ||
              (m->gate == GATE_SITE_ADMIN && actor_is_site_admin(call->actor)) ||
              (m->gate == GATE_SERVER_ADMIN && actor_is_server_admin(call->actor));
    if (ok)
        return E_OK;
    tx_refuse(&call->tx, m->refusal, "Only %s administrators may call this method.",
              m->gate == GATE_SERVER_ADMIN ? "server" : "site and server");
    call->tx.fault.check = "role";
    call->tx.fault.expected = m->row->allowed_to;
    call->tx.fault.found = role_name(call->actor->role);
    return m->refusal;
}

enum err gate_check(struct call *call)
{
    if (call->method->gate == GATE_ANYONE)
        return E_OK;
    enum err err = check_session(call);
    if (!err)
        err = check_scope(call);
    if (!err)
        err = check_site(call);
    return err ? err : check_role(call);
}
