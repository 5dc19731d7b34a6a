/* auth.c: Sign In, Sign Out, Switch Site (section 3 of the trust specification).
 *
 * A sign-in reads first (site, app, user; a password is hashed on the blocking
 * lane), and writes last: the session, the used jti and the record are durable
 * before the token is sent. */
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "domain/group_license.h"
#include "domain/site.h"
#include "domain/user.h"
#include "http/http.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "trust/direct.h"
#include "trust/issuers.h"
#include "trust/known.h"
#include "trust/password.h"
#include "trust/pat.h"
#include "trust/throttle.h"

struct sign_in {
    const char *jwt, *name, *password, *pat_name, *pat_secret, *impersonate;
    bool is_uat;
    const char *content_url;
    bool site_found;
    struct site site;
    struct direct_outcome direct;
    unsigned waited; /* for keys of an issuer */
    uint64_t place;
    struct {
        struct issuer_wait base; /* first */
        struct call *call;
    } wait;
    bool account_found, password_fits;
    struct account account;
    struct pat pat;
};

static const char REFUSED[] = "Error signing in to Tableau Server";

/* Refuses a sign-in: what the wire says is one sentence; what was wrong goes to
 * the record. */
static enum err refuse(struct call *call, const char *check, const char *expected,
                       const char *found)
{
    metrics_sign_in(call->rest->metrics, false);
    tx_refuse(&call->tx, E401001, "%s", REFUSED);
    call->tx.fault.check = check;
    call->tx.fault.expected = expected;
    call->tx.fault.found = found;
    return E401001;
}

static enum err refuse_jwt(struct call *call, const struct verdict *verdict)
{
    const struct trust_check_row *row = verdict_row(verdict);
    refuse(call, row->id, verdict->expected, verdict->found);
    call->event.fine_code = row->fine;
    if (row->seed)
        call->tx.fault.detail = arena_printf(call->tx.arena, "%s (%d)", REFUSED, row->seed);
    return E401001;
}

/* ---- reading the request */

static enum err wrong_kind(struct call *call)
{
    return tx_refuse(&call->tx, E400000,
                     "The credentials must hold exactly one of: name and password, "
                     "personalAccessTokenName and personalAccessTokenSecret, jwt.");
}

/* Exactly one kind of credential, whole; none at all counts as an absent JWT. */
static enum err check_kinds(struct call *call, const struct sign_in *in)
{
    bool password = in->name || in->password, pat = in->pat_name || in->pat_secret;
    if (password + pat + (in->jwt != NULL) > 1)
        return wrong_kind(call);
    if (password && (!in->name || !in->password))
        return wrong_kind(call);
    if (pat && (!in->pat_name || !in->pat_secret))
        return wrong_kind(call);
    if (pat && call->version < VERSION(3, 6))
        return tx_refuse(&call->tx, E400000,
                         "Personal access tokens can be used from version 3.6 of the API on.");
    if (in->jwt && call->version < VERSION(3, 17))
        return tx_refuse(&call->tx, E400000, "A JWT can be used from version 3.17 of the API on.");
    return E_OK;
}

static enum err read_sign_in(struct call *call, struct sign_in *in)
{
    const struct el *credentials;
    bool present;
    enum err err = call_element(call, "credentials", &credentials);
    if (err)
        return err;
    const struct el *site = doc_find(credentials, "site");
    if (!site)
        return tx_refuse(&call->tx, E400000, "The credentials need a site element.");
    in->jwt = doc_get(credentials, "jwt");
    in->name = doc_get(credentials, "name");
    in->password = doc_get(credentials, "password");
    in->pat_name = doc_get(credentials, "personalAccessTokenName");
    in->pat_secret = doc_get(credentials, "personalAccessTokenSecret");
    in->impersonate = doc_get(doc_find(credentials, "user"), "id");
    in->content_url = doc_get(site, "contentUrl");
    if (!in->content_url)
        in->content_url = "";
    if (!doc_get_bool(credentials, "isUat", &present, &in->is_uat))
        return tx_refuse(&call->tx, E400000, "isUat is neither true nor false.");
    return check_kinds(call, in);
}

/* ---- the answer */

static void write_credentials(struct call *call, const char *token, const char *site_id,
                              const char *content_url, const char *user_id, int64_t life_ms)
{
    struct el *credentials = doc_child(call->out, "credentials");
    int64_t s = life_ms / 1000;
    doc_attr(credentials, "token", token);
    doc_attr(credentials, "estimatedTimeToExpiration",
             arena_printf(call->tx.arena, "%lld:%02lld:%02lld", (long long)(s / 3600),
                          (long long)(s / 60 % 60), (long long)(s % 60)));
    struct el *site = doc_child(credentials, "site");
    doc_attr(site, "id", site_id);
    doc_attr(site, "contentUrl", content_url);
    doc_attr(doc_child(credentials, "user"), "id", user_id);
    http_reply_header(call->http, "Cache-Control", "no-store");
}

/* True where this very sign-in was known for less than a minute: the user's last
 * sign-in was noted then, and is noted by the minute. */
static bool signed_in_lately(const struct call *call)
{
    const struct sign_in *in = call->state;
    return in && in->jwt && in->direct.known_since < call->tx.now &&
           in->direct.known_since > call->tx.now - 60000;
}

/* Opens the session that all ways of signing in end with. `granted`: the role that
 * a group of the user grants by it; NULL where the user has no less already. */
static enum err open_session(struct call *call, struct session *about, const char *content_url,
                             const char *subject, const char *granted)
{
    const char *token;
    int64_t life = call->tuning->session_life_ms;
    about->expires_at = call->tx.now + life;
    bool noted = false;
    enum err err = E_OK;
    if (!signed_in_lately(call))
        err = user_signed_in(&call->tx, about->user_id, &noted);
    if (noted && call->job.news == NO_NEWS)
        call->job.news = NEWS_TO_READERS;
    if (!err && granted) {
        call->job.news = NEWS;
        err = group_license_grant(&call->tx, about->site_id, about->user_id, granted);
        if (err == E409014)
            return refuse(call, "licence", "a licence for the role that a group grants",
                          "none left on the site");
    }
    if (!err)
        err = session_open(&call->tx, about, &token);
    if (err)
        return err;
    write_credentials(call, token, about->site_id, content_url, about->user_id, life);
    call->record_it = true;
    call->event.user_id = about->user_id;
    call->event.subject = subject;
    call->event.scopes_granted = about->scopes;
    metrics_sign_in(call->rest->metrics, true);
    return E_OK;
}

/* ---- JWT */

static enum err jwt_commit(struct call *call)
{
    struct sign_in *in = call->state;
    enum err err = direct_admit(&call->tx, &call->tuning->policy, &in->direct);
    if (err == E401001)
        return refuse_jwt(call, &in->direct.verdict);
    if (err)
        return err;
    bool by_app = in->direct.kind == JWT_DIRECT;
    call->job.news = NO_NEWS; /* what is written here, no cache holds (but see open_session) */
    struct session about = {.site_id = in->direct.site.id,
                            .user_id = in->direct.user.id,
                            .via = "jwt",
                            .client_id = direct_client(&in->direct),
                            .secret_id = by_app ? in->direct.secret_id : NULL,
                            .eas_id = by_app ? NULL : in->direct.eas.id,
                            .app_epoch = in->direct.app_epoch,
                            .scopes = in->direct.scopes,
                            .site_bound = !in->direct.app_vetted};
    return open_session(call, &about, in->direct.site.content_url, in->direct.user.name,
                        in->direct.user.role_granted ? in->direct.user.site_role : NULL);
}

static bool find_site(struct tx *tx, const char *content_url, struct trust_site *site_r)
{
    struct site site;
    if (site_get_by_content_url(tx, content_url, &site) != E_OK)
        return false;
    *site_r = (struct trust_site){site.id, site.content_url, site_is_suspended(&site)};
    return true;
}

static bool find_user(struct tx *tx, const char *site_id, const char *name,
                      struct trust_user *user_r, const char **why_r)
{
    struct user user;
    if (!user_find_exact(tx, site_id, name, &user, why_r))
        return false;
    *user_r = (struct trust_user){.id = user.id,
                                  .name = user.name,
                                  .site_role = role_name(user.role),
                                  .server_admin = user.role == ROLE_SERVER_ADMINISTRATOR,
                                  .role_granted = user.role_granted};
    return true;
}

static enum err jwt_check(struct call *call);

/* The checks are made anew, at the time that it is by now. */
static void keys_came(struct issuer_wait *wait)
{
    struct sign_in *in = (struct sign_in *)((char *)wait - offsetof(struct sign_in, wait));
    in->wait.call->tx.now = clock_now();
    call_resume(in->wait.call);
}

static void await_keys(struct call *call)
{
    struct sign_in *in = call->state;
    in->waited++;
    in->place = in->direct.wanted.place;
    in->wait.call = call;
    in->wait.base.done = keys_came;
    issuers_await(call->config->issuers, &in->direct.wanted, &in->wait.base);
}

static enum err jwt_check(struct call *call)
{
    struct sign_in *in = call->state;
    struct direct_request request = {
        .token = in->jwt,
        .token_len = in->jwt ? strlen(in->jwt) : 0,
        .content_url = in->content_url,
        .keyring = call->config->keyring,
        .policy = &call->tuning->policy,
        .eas_policy = &call->tuning->eas.policy,
        .bare_audience = call->tuning->eas.bare_audience,
        .issuers = call->config->issuers,
        .waited = in->waited,
        .place = in->place,
        .find_site = find_site,
        .find_user = find_user,
        .known = lanes_abilities(call->config->lanes) & DB_SOLE_OWNER ? call->rest->known : NULL,
        .generation = lanes_trust_generation(call->config->lanes),
    };
    direct_check(&call->tx, &request, NULL, &in->direct);
    if (in->direct.waits)
        return call_wait(call, await_keys, jwt_check);
    call->event.site_id = in->direct.site_id;
    call->event.client_id = direct_client(&in->direct);
    call->event.found = in->direct.key_told;
    call->event.secret_id = in->direct.secret_id;
    call->event.subject = in->direct.jwt.sub;
    call->event.scopes_granted = in->direct.scopes;
    if (in->direct.verdict.failed)
        return refuse_jwt(call, &in->direct.verdict);
    if (in->is_uat)
        return refuse(call, "isUat", "a JWT of a connected app", "a unified access token");
    if (in->impersonate)
        return refuse(call, "impersonation", "no user element beside a JWT", "a user element");
    return call_next(call, LANE_WRITE, jwt_commit);
}

/* ---- password and personal access token */

static const char *granted_role(const struct user *user)
{
    return user->role_granted ? role_name(user->role) : NULL;
}

static enum err check_throttle(struct call *call, const char *name)
{
    int64_t retry_ms;
    if (throttle_admits(call->config->throttle, http_peer(call->http), name, call->tx.now,
                        &retry_ms))
        return E_OK;
    long long seconds = (long long)retry_ms / 1000 + 1;
    http_reply_header(call->http, "Retry-After", arena_printf(call->tx.arena, "%lld", seconds));
    tx_refuse(&call->tx, E429000, "Too many failed sign-ins. Try again in %lld seconds.", seconds);
    call->tx.fault.check = "throttle";
    call->tx.fault.expected = "fewer failed sign-ins from this address with this name";
    return E429000;
}

/* The user to sign in as: the caller, or whom a server administrator names. */
static enum err choose_user(struct call *call, struct sign_in *in, struct user *user_r,
                            const char **impersonator_r)
{
    *impersonator_r = NULL;
    if (!user_for_sign_in(&call->tx, &in->account, in->site.id, user_r))
        return refuse(call, "user", "a licensed user of the site",
                      "no user of the site, or an unlicensed one");
    if (!in->impersonate || luid_equal(in->impersonate, user_r->id))
        return E_OK;
    if (!in->account.server_admin)
        return refuse(call, "impersonation", "a server administrator", "another user");
    struct actor admin = {.user_id = user_r->id, .role = ROLE_SERVER_ADMINISTRATOR};
    *impersonator_r = user_r->id;
    enum err err = user_get(&call->tx, &admin, in->site.id, in->impersonate, user_r);
    if (!err && !group_license_admits(user_r))
        return refuse(call, "user", "a licensed user of the site", "an unlicensed one");
    return err;
}

static enum err finish_sign_in(struct call *call, const char *via, const char *pat_id)
{
    struct sign_in *in = call->state;
    struct user user;
    const char *impersonator;
    enum err err = choose_user(call, in, &user, &impersonator);
    if (err)
        return err;
    if (site_is_suspended(&in->site) && user.role != ROLE_SERVER_ADMINISTRATOR)
        return refuse(call, "site", "a site that is not suspended", "a suspended site");
    struct session about = {.site_id = in->site.id,
                            .user_id = user.id,
                            .via = via,
                            .pat_id = pat_id,
                            .impersonator_id = impersonator};
    return open_session(call, &about, in->site.content_url, user.name, granted_role(&user));
}

static enum err password_commit(struct call *call)
{
    const struct sign_in *in = call->state;
    throttle_succeeded(call->config->throttle, http_peer(call->http), in->name);
    return finish_sign_in(call, "password", NULL);
}

static enum err password_verify_step(struct call *call)
{
    struct sign_in *in = call->state;
    enum err err = check_throttle(call, in->name); /* again: others failed while this one waited */
    if (err)
        return err;
    bool fits = password_verify(in->account_found ? in->account.password_hash : NULL, in->password);
    if (!fits) {
        if (!throttle_failed(call->config->throttle, http_peer(call->http), in->name, call->tx.now))
            return check_throttle(call, in->name);
        return refuse(call, "password", "name and password of a user",
                      "an unknown name or a wrong password");
    }
    if (!in->site_found)
        return refuse(call, "site", "the content URL of a site", "a content URL that names none");
    return call_next(call, LANE_WRITE, password_commit);
}

static enum err pat_commit(struct call *call)
{
    struct sign_in *in = call->state;
    throttle_succeeded(call->config->throttle, http_peer(call->http), in->pat_name);
    return finish_sign_in(call, "pat", in->pat.id);
}

static enum err pat_check(struct call *call, struct sign_in *in)
{
    if (!pat_find(&call->tx, in->pat_name, in->pat_secret, call->tuning->pat_idle_ms, &in->pat) ||
        !account_of_user(&call->tx, in->pat.user_id, &in->account)) {
        if (!throttle_failed(call->config->throttle, http_peer(call->http), in->pat_name,
                             call->tx.now))
            return check_throttle(call, in->pat_name);
        return refuse(call, "personal access token", "name and secret of a token in force",
                      "an unknown name, a wrong secret or an expired token");
    }
    if (!in->site_found)
        return refuse(call, "site", "the content URL of a site", "a content URL that names none");
    if (in->impersonate && call->version < VERSION(3, 11))
        return tx_refuse(&call->tx, E400000,
                         "Impersonation by a personal access token can be "
                         "used from version 3.11 of the API on.");
    return call_next(call, LANE_WRITE, pat_commit);
}

static enum err sign_in(struct call *call)
{
    struct sign_in *in = arena_zalloc(call->tx.arena, sizeof *in);
    call->state = in;
    call->event.kind = "signin";
    enum err err = read_sign_in(call, in);
    if (err)
        return err;
    call->event.site_content_url = in->content_url;
    if (!in->name && !in->pat_name)
        return jwt_check(call);
    in->site_found = site_get_by_content_url(&call->tx, in->content_url, &in->site) == E_OK;
    if (!in->site_found && call->tx.fault.err == E500000)
        return E500000;
    call->event.site_id = in->site_found ? in->site.id : NULL;
    call->event.subject = in->name ? in->name : in->pat_name;
    err = check_throttle(call, call->event.subject);
    if (err)
        return err;
    if (in->pat_name)
        return pat_check(call, in);
    in->account_found = account_find(&call->tx, in->name, &in->account);
    return call_next(call, LANE_BLOCKING, password_verify_step);
}

const struct handler rest_auth_sign_in = {sign_in, STARTS_READING, false};

/* ---- sign out, switch site */

static enum err sign_out(struct call *call)
{
    call->record_it = true;
    call->event.kind = "signout";
    return session_end(&call->tx, call->session->id, NULL);
}

const struct handler rest_auth_sign_out = {sign_out, STARTS_WRITING, false};

static enum err switch_refused(struct call *call)
{
    return tx_refuse(&call->tx, E401003,
                     "The site can't be switched to: it does not exist or is "
                     "not available to the user.");
}

static enum err switch_site(struct call *call)
{
    const struct el *el;
    struct site site;
    struct user user;
    struct account account;
    enum err err = call_element(call, "site", &el);
    if (err)
        return err;
    const char *content_url = doc_get(el, "contentUrl");
    if (!content_url)
        return tx_refuse(&call->tx, E400000, "The site element needs a contentUrl.");
    if (site_get_by_content_url(&call->tx, content_url, &site) != E_OK)
        return switch_refused(call);
    if (strcmp(site.id, call->session->site_id) == 0)
        return tx_refuse(&call->tx, E403070, "The session is on this site already.");
    if (!account_of_user(&call->tx, call->session->user_id, &account) ||
        (site_is_suspended(&site) && !account.server_admin) ||
        !user_for_sign_in(&call->tx, &account, site.id, &user))
        return switch_refused(call);
    err = session_end(&call->tx, call->session->id, NULL);
    struct session about = {.site_id = site.id,
                            .user_id = user.id,
                            .via = call->session->via,
                            .pat_id = call->session->pat_id};
    call->event.kind = "signin";
    return err ? err : open_session(call, &about, site.content_url, user.name, granted_role(&user));
}

const struct handler rest_auth_switch_site = {switch_site, STARTS_WRITING, false};
