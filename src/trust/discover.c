/* discover.c: see discover.h. Section 2.3 of the trust specification. */
#include "trust/discover.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "fetch/fetch.h"
#include "trust/claims.h"

struct discovering {
    const struct discovery *how;
    struct arena *arena, *scratch;
    const char *issuer;
};

/* OpenID Connect Discovery 1.0, section 4: a slash at the end of the issuer is
 * left out before the well-known part is appended. */
size_t discover_urls(struct arena *arena, const char *issuer, const char *urls_r[DISCOVER_URLS])
{
    size_t len = strlen(issuer), count = 0;
    while (len && issuer[len - 1] == '/')
        len--;
    const char *base = arena_strndup(arena, issuer, len);
    urls_r[count++] = arena_printf(arena, "%s/.well-known/openid-configuration", base);
    urls_r[count++] = arena_printf(arena, "%s/.well-known/oauth-authorization-server", base);
    const char *host = strstr(base, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    if (path)
        urls_r[count++] = arena_printf(arena, "%.*s/.well-known/oauth-authorization-server%s",
                                       (int)(path - base), base, path);
    return count;
}

/* ---- one document */

/* application/json, or a type whose name ends in +json. */
static bool type_is_json(const char *type)
{
    size_t len = strcspn(type, "; \t");
    static const char prefix[] = "application/", suffix[] = "+json";
    if (len == strlen("application/json") && strncasecmp(type, "application/json", len) == 0)
        return true;
    return len > strlen(prefix) + strlen(suffix) &&
           strncasecmp(type, prefix, strlen(prefix)) == 0 &&
           strncasecmp(type + len - strlen(suffix), suffix, strlen(suffix)) == 0;
}

static const char *shown(struct arena *arena, const char *text)
{
    return claims_show(arena, text, strlen(text));
}

static const char *answer_fault(struct discovering *d, const struct fetch_answer *answer)
{
    if (answer->why)
        return answer->why;
    if (answer->status != 200)
        return arena_printf(d->arena, "status %d", answer->status);
    if (!type_is_json(answer->type))
        return arena_printf(d->arena, "content type %s, not JSON",
                            *answer->type ? shown(d->arena, answer->type) : "not given");
    return NULL;
}

static void tell(struct discovering *d, const char *url, const char *outcome, bool good)
{
    if (d->how->document)
        d->how->document(d->how->report_context, url, outcome, good);
}

/* ---- metadata */

static const char *metadata_fault(struct discovering *d, const char *url, const char **jwks_url_r)
{
    struct fetch_answer answer;
    struct metadata metadata;
    d->how->get(d->how->context, d->scratch, url, &answer);
    const char *fault = answer_fault(d, &answer);
    if (!fault)
        fault = metadata_read(d->arena, d->scratch, answer.body, answer.len, &metadata);
    if (fault)
        return arena_strdup(d->arena, fault);
    if (strcmp(metadata.issuer, d->issuer) != 0)
        return arena_printf(d->arena, "its issuer is %s", shown(d->arena, metadata.issuer));
    *jwks_url_r = metadata.jwks_uri;
    return NULL;
}

static bool find_metadata(struct discovering *d, struct discovered *found_r,
                          struct verdict *failure_r)
{
    const char *urls[DISCOVER_URLS];
    size_t count = discover_urls(d->arena, d->issuer, urls);
    struct buf faults;
    buf_init(&faults, d->arena, 0);
    for (size_t i = 0; i < count; i++) {
        const char *fault = metadata_fault(d, urls[i], &found_r->jwks_url);
        arena_reset(d->scratch);
        if (!fault) {
            tell(d, urls[i],
                 arena_printf(d->arena, "keys at %s", shown(d->arena, found_r->jwks_url)), true);
            found_r->metadata_url = urls[i];
            return true;
        }
        tell(d, urls[i], fault, false);
        buf_addf(&faults, "%s%.200s: %.200s", i ? "; " : "", urls[i], fault);
    }
    *failure_r = (struct verdict){.failed = TRUST_KID,
                                  .expected = arena_printf(d->arena, "metadata whose issuer is %s",
                                                           shown(d->arena, d->issuer)),
                                  .found = faults.bytes,
                                  .row = trust_finer_row(FINER_METADATA)};
    return false;
}

/* ---- keys */

static const char *keys_fault(struct discovering *d, struct discovered *found)
{
    struct fetch_answer answer;
    d->how->get(d->how->context, d->scratch, found->jwks_url, &answer);
    const char *fault = answer_fault(d, &answer);
    found->max_age_s = answer.max_age_s;
    if (!fault)
        fault = jwks_read(d->arena, d->scratch, answer.body, answer.len, &found->jwks);
    return arena_strdup(d->arena, fault);
}

static bool find_keys(struct discovering *d, struct discovered *found_r, struct verdict *failure_r)
{
    const char *fault = keys_fault(d, found_r);
    if (!fault) {
        tell(d, found_r->jwks_url,
             arena_printf(d->arena, "%zu key%s", found_r->jwks.count,
                          found_r->jwks.count == 1 ? "" : "s"),
             true);
        return true;
    }
    tell(d, found_r->jwks_url, fault, false);
    *failure_r = (struct verdict){.failed = TRUST_KID,
                                  .expected = "the keys of the issuer (JWKS)",
                                  .found = arena_printf(d->arena, "%.200s: %.200s",
                                                        shown(d->arena, found_r->jwks_url), fault),
                                  .row = trust_check_row_of(TRUST_KID, JWT_EAS)};
    return false;
}

bool discover(const struct discovery *discovery, struct arena *arena, const char *issuer,
              const char *jwks_uri, struct discovered *found_r, struct verdict *failure_r)
{
    struct discovering d = {
        .how = discovery, .arena = arena, .scratch = arena_new(16 << 10), .issuer = issuer};
    *found_r = (struct discovered){.max_age_s = -1};
    if (jwks_uri)
        found_r->jwks_url = arena_strdup(arena, jwks_uri);
    bool ok =
        (jwks_uri || find_metadata(&d, found_r, failure_r)) && find_keys(&d, found_r, failure_r);
    arena_free(&d.scratch);
    return ok;
}
