/* direct.c: see direct.h. The steps stand in the order of checks.def. */
#include "trust/direct.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/tx.h"
#include "trust/app.h"
#include "trust/jws.h"
#include "trust/known.h"
#include "trust/session.h"

/* What a check needs; each step answers whether the next may run. */
struct checking {
    struct tx *tx;
    const struct direct_request *request;
    struct trail *trail;
    struct direct_outcome *out;
    struct app app;
    const char *secret;
    struct keys_found found;          /* JWT_EAS: the key */
    struct jwt_policy policy;         /* of the kind */
    const char *key;                  /* of the issuer, into what is known */
    const struct known_issuer *known; /* what was found there, or NULL */
    bool user_known;
};

static bool refuse(struct checking *c, enum trust_check check, const char *expected,
                   const char *found)
{
    c->out->verdict = (struct verdict){.failed = check,
                                       .expected = expected,
                                       .found = found,
                                       .row = trust_check_row_of(check, c->out->kind)};
    return false;
}

static bool pass(struct checking *c, enum trust_check check, const char *found)
{
    if (c->trail)
        c->trail->passed(c->trail, check, found);
    return true;
}

static const char *scopes_of(struct arena *arena, const struct jwt *jwt, bool string_too)
{
    struct buf buf;
    bool readable =
        jwt->scp_state == JWT_SCP_OK || (string_too && jwt->scp_state == JWT_SCP_STRING);
    if (!readable || jwt->scp_count == 0)
        return NULL;
    buf_init(&buf, arena, 0);
    for (size_t i = 0; i < jwt->scp_count; i++) {
        /* A space inside a scope must not make two of it. */
        if (strchr(jwt->scp[i], ' '))
            continue;
        if (buf.len)
            buf_addc(&buf, ' ');
        buf_adds(&buf, jwt->scp[i]);
    }
    return buf.len ? buf.bytes : "";
}

static bool check_form(struct checking *c)
{
    const struct direct_request *r = c->request;
    struct direct_outcome *out = c->out;
    out->verdict =
        jwt_parse_ids(c->tx->arena, r->token, r->token_len, r->policy, &out->jwt, c->trail);
    out->client_id = out->jwt.iss;
    out->secret_id = out->jwt.kid;
    if (out->verdict.failed)
        return false;
    out->scopes = scopes_of(c->tx->arena, &out->jwt, false);
    return true;
}

/* ---- what is known: an entry of the issuer stands for ISSUER, ENABLED and KID passed,
 * one of the user for USER; but the key of a server is asked for each time. A trail
 * wants every check made anew. */

static bool uses_known(const struct checking *c)
{
    return c->request->known && !c->trail;
}

static void look_up_known(struct checking *c)
{
    const struct jwt *jwt = &c->out->jwt;
    if (!uses_known(c))
        return;
    c->key = arena_printf(c->tx->arena, "%s\n%s\n%s", c->request->content_url, jwt->iss, jwt->kid);
    c->known = known_issuer_find(c->request->known, c->key, c->request->generation);
}

static const char *kept(struct checking *c, const char *text)
{
    return arena_strdup(c->tx->arena, text);
}

static void take_app(struct checking *c)
{
    c->out->kind = JWT_DIRECT;
    c->out->app_name = c->app.name;
    c->out->app_vetted = c->app.vetted;
    c->out->app_epoch = c->app.epoch;
    c->out->site_id = c->app.site_id;
}

static void take_eas(struct checking *c)
{
    const struct eas *eas = &c->out->eas;
    c->out->kind = JWT_EAS;
    c->out->app_name = eas->name;
    c->out->app_vetted = eas->vetted;
    c->out->app_epoch = eas->epoch;
    c->out->site_id = eas->site_id ? eas->site_id : c->out->site.id;
}

static bool check_eas_key(struct checking *c);
static bool check_alg(struct checking *c);

static bool take_known_eas(struct checking *c)
{
    const struct eas *eas = &c->known->eas;
    c->out->eas = (struct eas){.id = kept(c, eas->id),
                               .site_id = kept(c, eas->site_id),
                               .name = kept(c, eas->name),
                               .issuer_url = kept(c, eas->issuer_url),
                               .jwks_uri = kept(c, eas->jwks_uri),
                               .vetted = eas->vetted,
                               .epoch = eas->epoch};
    take_eas(c);
    return check_alg(c) && check_eas_key(c);
}

static bool take_known(struct checking *c)
{
    const struct known_issuer *k = c->known;
    c->out->site =
        (struct trust_site){kept(c, k->site.id), kept(c, k->site.content_url), k->site.suspended};
    if (k->eas.id)
        return take_known_eas(c);
    c->app = k->app;
    c->app.client_id = kept(c, k->app.client_id);
    c->app.site_id = kept(c, k->app.site_id);
    c->app.name = kept(c, k->app.name);
    c->secret = k->secret; /* used before the entry is given back */
    take_app(c);
    return check_alg(c);
}

static const char *user_key(struct checking *c)
{
    return arena_printf(c->tx->arena, "%s\n%s", c->out->site_id, c->out->jwt.sub);
}

static bool take_known_user(struct checking *c)
{
    struct known_user known;
    if (!uses_known(c) || !known_user_find(c->request->known, c->tx->arena, user_key(c),
                                           c->request->generation, &known))
        return false;
    c->out->user = known.user;
    c->out->known_since = known.read_at;
    c->user_known = true;
    return true;
}

/* Of a sign-in that passed all. */
static void keep_known(struct checking *c)
{
    const struct direct_request *r = c->request;
    if (!uses_known(c))
        return;
    if (!c->known)
        known_issuer_put(
            r->known, c->key, r->generation,
            &(struct known_issuer){
                .app = c->app, .secret = c->secret, .eas = c->out->eas, .site = c->out->site});
    if (!c->user_known)
        known_user_put(r->known, user_key(c), r->generation,
                       &(struct known_user){c->out->user, c->tx->now});
}

/* ---- looking up */

static bool find_site(struct checking *c)
{
    struct direct_outcome *out = c->out;
    if (!c->request->find_site(c->tx, c->request->content_url, &out->site))
        out->site = (struct trust_site){NULL, NULL, false};
    out->site_id = out->site.id;
    return true;
}

/* Where the content URL names no site, app and server are looked up on all of
 * them, so that the checks before SITE answer as they would otherwise. */
static bool find_app(struct checking *c, bool *elsewhere_r)
{
    const char *site_id = c->out->site.id;
    bool known = app_find(c->tx, c->out->client_id, &c->app);
    *elsewhere_r = known && site_id && strcmp(c->app.site_id, site_id) != 0;
    return known && !*elsewhere_r;
}

/* The kind of the token, by its issuer; an app's client id is no URL, so no issuer
 * is both. */
static bool find_issuer(struct checking *c)
{
    bool elsewhere;
    c->out->kind = JWT_UNKNOWN;
    if (find_app(c, &elsewhere))
        take_app(c);
    else if (!elsewhere && c->request->issuers &&
             eas_find(c->tx, c->out->site.id, c->out->client_id, &c->out->eas))
        take_eas(c);
    return true;
}

/* The policy of the kind; a site's own server issues for that site. */
static void choose_policy(struct checking *c)
{
    const struct direct_request *r = c->request;
    enum jwt_kind kind = c->out->kind;
    c->policy = kind == JWT_EAS ? *r->eas_policy : *r->policy;
    c->policy.kind = kind;
    if (c->policy.scp_string)
        c->out->scopes = scopes_of(c->tx->arena, &c->out->jwt, true);
    if (kind != JWT_EAS || !c->out->eas.site_id)
        return;
    c->policy.other_audience = r->bare_audience ? c->policy.audience : NULL;
    c->policy.audience = arena_printf(c->tx->arena, "tableau:%s", c->out->eas.site_id);
}

/* Where another claim holds the user's name, it is what sub is otherwise. */
static void take_user_claim(struct checking *c)
{
    struct jwt *jwt = &c->out->jwt;
    if (c->policy.kind == JWT_EAS && c->policy.user_claim)
        jwt->sub = jwt_claim_text(c->tx->arena, jwt, c->policy.user_claim, &jwt->odd.sub);
}

static bool check_alg(struct checking *c)
{
    choose_policy(c);
    take_user_claim(c);
    c->out->verdict = jwt_check_alg(c->tx->arena, &c->out->jwt, &c->policy, c->trail);
    return !c->out->verdict.failed;
}

static const char *issuer_found(struct checking *c)
{
    const char *iss = c->out->client_id;
    struct app app;
    struct eas eas;
    if (app_find(c->tx, iss, &app))
        return arena_printf(c->tx->arena, "'%.100s', an app of another site", iss);
    if (eas_find(c->tx, NULL, iss, &eas))
        return arena_printf(c->tx->arena, "'%.100s', a server of another site", iss);
    return arena_printf(c->tx->arena, "'%.100s', which names no app", iss);
}

static bool check_issuer(struct checking *c)
{
    if (c->out->kind != JWT_UNKNOWN)
        return pass(c, TRUST_ISSUER, c->out->app_name);
    bool url = strstr(c->out->client_id, "://") != NULL;
    return refuse(c, TRUST_ISSUER,
                  arena_printf(c->tx->arena,
                               url ? "issuer of an external authorization server of site '%.100s'"
                                   : "client id of a connected app of site '%.100s'",
                               c->request->content_url),
                  issuer_found(c));
}

static bool check_enabled(struct checking *c)
{
    if (c->out->kind == JWT_EAS || c->app.enabled)
        return pass(c, TRUST_ENABLED, "enabled");
    return refuse(c, TRUST_ENABLED, "enabled",
                  arena_printf(c->tx->arena, "app '%.100s' is disabled", c->app.name));
}

/* A key of the issuer; where it has to be fetched first, the outcome waits. */
static bool check_eas_key(struct checking *c)
{
    struct direct_outcome *out = c->out;
    out->wanted = (struct keys_request){.issuer = out->eas.issuer_url,
                                        .jwks_uri = out->eas.jwks_uri,
                                        .kid = out->jwt.kid,
                                        .alg = jws_alg_find(out->jwt.alg),
                                        .site_id = out->eas.site_id,
                                        .waited = c->request->waited,
                                        .place = c->request->place};
    switch (issuers_find(c->request->issuers, c->tx->arena, &out->wanted, &c->found)) {
    case KEYS_WAIT:
        out->waits = true;
        return false;
    case KEYS_REFUSED:
        out->verdict = c->found.verdict;
        return false;
    case KEYS_FOUND:
        break;
    }
    out->key_told = c->found.told;
    return pass(c, TRUST_KID, out->key_told);
}

static bool check_kid(struct checking *c)
{
    if (c->out->kind == JWT_EAS)
        return check_eas_key(c);
    c->secret = app_secret_value(c->tx, c->request->keyring, c->app.client_id, c->out->secret_id);
    if (c->secret)
        return pass(c, TRUST_KID, c->out->secret_id);
    return refuse(c, TRUST_KID,
                  arena_printf(c->tx->arena, "id of a secret of app '%.100s'", c->app.name),
                  arena_printf(c->tx->arena, "'%.100s'", c->out->secret_id));
}

static bool replayed(struct checking *c)
{
    const struct jwt *jwt = &c->out->jwt;
    return jwt->jti && *jwt->jti && jti_used(c->tx, c->out->client_id, jwt->jti);
}

static bool refuse_replay(struct checking *c)
{
    return refuse(c, TRUST_REPLAY, "a jti not used before",
                  arena_printf(c->tx->arena, "'%.100s', used before", c->out->jwt.jti));
}

/* Tells REPLAY in its place; where it failed, nothing after it. */
struct ordered_trail {
    struct trail base;
    struct checking *c;
    bool replay;
};

static void passed_in_order(struct trail *trail, enum trust_check check, const char *found)
{
    const struct ordered_trail *ordered = (struct ordered_trail *)trail;
    struct checking *c = ordered->c;
    if (ordered->replay && check > TRUST_REPLAY)
        return;
    pass(c, check, found);
    if (check == TRUST_JTI && !ordered->replay)
        pass(c, TRUST_REPLAY, "not used before");
}

/* SIGNATURE to SUBJECT. REPLAY stands among them and needs the repository: it
 * is asked only where a later check failed or a trail is kept; a sign-in that
 * passes all finds out when it uses the jti. */
static bool check_claims(struct checking *c)
{
    struct tx *tx = c->tx;
    bool explain = c->trail != NULL;
    bool replay = explain && replayed(c);
    struct ordered_trail ordered = {{passed_in_order}, c, replay};
    struct jwt_key key = {.secret = c->secret,
                          .secret_len = c->secret ? strlen(c->secret) : 0,
                          .alg = c->out->wanted.alg,
                          .public_key = c->found.jwk ? c->found.jwk->key : NULL};
    struct verdict v = jwt_verify_with(tx->arena, &c->out->jwt, &key, &c->policy, tx->now,
                                       explain ? &ordered.base : NULL);
    if (v.failed && v.failed < TRUST_REPLAY) {
        c->out->verdict = v;
        return false;
    }
    if (replay || (v.failed && replayed(c)))
        return refuse_replay(c);
    if (v.failed == TRUST_SUBJECT && c->out->jwt.oda)
        return true; /* an on-demand client names no user; USER refuses it */
    c->out->verdict = v;
    return !v.failed;
}

static bool check_user(struct checking *c)
{
    struct direct_outcome *out = c->out;
    const char *why = "no such user";
    if (!out->site_id)
        return true; /* the server's own issuer, and no site: SITE refuses it */
    if (out->jwt.oda) {
        if (replayed(c))
            return refuse_replay(c);
        return refuse(c, TRUST_USER, "a user of the site",
                      "on-demand access, which needs a usage-based licence");
    }
    if (take_known_user(c) ||
        c->request->find_user(c->tx, out->site_id, out->jwt.sub, &out->user, &why))
        return pass(c, TRUST_USER, out->user.name);
    if (replayed(c))
        return refuse_replay(c);
    return refuse(c, TRUST_USER, "the exact name of a licensed user of the site",
                  arena_printf(c->tx->arena, "'%.100s': %s", out->jwt.sub, why));
}

static bool check_site(struct checking *c)
{
    const struct trust_site *site = &c->out->site;
    bool shut = site->id && site->suspended && !c->out->user.server_admin;
    if (site->id && !shut)
        return pass(c, TRUST_SITE, c->request->content_url);
    if (replayed(c))
        return refuse_replay(c);
    return refuse(c, TRUST_SITE,
                  shut ? "a site that is not suspended" : "the content URL of a site",
                  arena_printf(c->tx->arena, "'%.100s', which %s", c->request->content_url,
                               shut ? "is suspended" : "names no site"));
}

static bool check_app(struct checking *c)
{
    return find_site(c) && find_issuer(c) && check_alg(c) && check_issuer(c) && check_enabled(c) &&
           check_kid(c);
}

void direct_check(struct tx *tx, const struct direct_request *request, struct trail *trail,
                  struct direct_outcome *outcome_r)
{
    *outcome_r = (struct direct_outcome){.kind = JWT_UNKNOWN, .known_since = tx->now};
    struct checking c = {.tx = tx, .request = request, .trail = trail, .out = outcome_r};
    if (!check_form(&c)) {
        find_site(&c); /* for the record */
        return;
    }
    look_up_known(&c);
    if ((c.known ? take_known(&c) : check_app(&c)) && check_claims(&c) && check_user(&c) &&
        check_site(&c))
        keep_known(&c);
    known_release(c.known);
    issuers_release(&c.found);
}

enum err direct_admit(struct tx *tx, const struct jwt_policy *policy,
                      struct direct_outcome *outcome)
{
    bool failed = false;
    int64_t forget_at = (outcome->jwt.exp + policy->skew_s) * 1000 + 1;
    if (jti_use(tx, outcome->client_id, outcome->jwt.jti, forget_at, &failed))
        return E_OK;
    if (failed)
        return tx_broken(tx);
    outcome->verdict = (struct verdict){
        .failed = TRUST_REPLAY,
        .expected = "a jti not used before",
        .found = arena_printf(tx->arena, "'%.100s', used before", outcome->jwt.jti)};
    return tx_refuse(tx, E401001, "Error signing in to Tableau Server");
}

const char *direct_client(const struct direct_outcome *outcome)
{
    return outcome->kind == JWT_EAS ? outcome->eas.id : outcome->client_id;
}
