/* cmd_scopes.c: `easel scopes` lists what scopes admit, or shows the least set
 * of scopes that each connected app needs for what it called. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/repository.h"
#include "tbl/methods.h"
#include "trust/record.h"
#include "trust/scope.h"

enum { NAMES_MOST = 128 };

struct observing {
    struct tx *tx;
    const struct scopes *scopes;
    struct scope_set called;
    struct buf calls;  /* JSON or text of the calls */
    struct buf grants; /* JSON or text of the grants */
    bool json;
};

/* ---- all scopes */

static void print_admitted(const struct scopes *scopes, const char *name, bool json)
{
    size_t count;
    bool first = true;
    const struct method_row *rows = method_rows(&count);
    (void)scopes;
    for (size_t i = 0; i < count; i++) {
        if (!method_list_has(rows[i].scopes, name))
            continue;
        if (json)
            printf("%s\"%s %s\"", first ? "" : ",", rows[i].verb, rows[i].path);
        else
            printf("    %-6s %-70s %s\n", rows[i].verb, rows[i].path, rows[i].name);
        first = false;
    }
}

static int list_all(const struct scopes *scopes, bool json)
{
    size_t count;
    const char *const *names = scope_names(scopes, &count);
    if (json)
        putchar('[');
    for (size_t i = 0; i < count; i++) {
        printf(json ? "%s{\"scope\":\"%s\",\"methods\":[" : "%s%s\n", json && i ? "," : "",
               names[i]);
        print_admitted(scopes, names[i], json);
        if (json)
            fputs("]}", stdout);
    }
    if (json)
        puts("]");
    return 0;
}

/* ---- observed */

static void note_call(void *context, const char *method, int64_t admitted, int64_t refused)
{
    struct observing *o = context;
    size_t count;
    const struct method_row *rows = method_rows(&count);
    for (size_t i = 0; i < count; i++) {
        size_t verb = strlen(rows[i].verb);
        if (strncmp(method, rows[i].verb, verb) == 0 && method[verb] == ' ' &&
            strcmp(method + verb + 1, rows[i].path) == 0)
            scope_mark(&o->called, i);
    }
    if (o->json)
        buf_addf(&o->calls, "%s{\"method\":\"%s\",\"admitted\":%lld,\"refused\":%lld}",
                 o->calls.len ? "," : "", method, (long long)admitted, (long long)refused);
    else
        buf_addf(&o->calls, "    called    %s (%lld admitted, %lld refused)\n", method,
                 (long long)admitted, (long long)refused);
}

static void note_grant(void *context, const char *scope)
{
    struct observing *o = context;
    if (o->json) {
        if (o->grants.len)
            buf_addc(&o->grants, ',');
        buf_add_json(&o->grants, scope);
    } else {
        buf_addf(&o->grants, "    granted   %s\n", scope);
    }
}

static void print_least(struct observing *o)
{
    const char *names[NAMES_MOST];
    struct scope_set unreachable;
    size_t count = scope_least(o->scopes, &o->called, names, NAMES_MOST, &unreachable);
    for (size_t i = 0; i < count; i++)
        printf(o->json ? "%s\"%s\"" : "%s    needed    %s\n", o->json && i ? "," : "", names[i]);
    if (o->json)
        fputs("],\"closedToScopes\":[", stdout);
    size_t rows;
    const struct method_row *row = method_rows(&rows);
    bool first = true;
    for (size_t i = 0; i < rows; i++) {
        if (!scope_admits(&unreachable, i))
            continue;
        printf(o->json ? "%s\"%s %s\"" : "%s    no scope admits  %s %s\n",
               o->json && !first ? "," : "", row[i].verb, row[i].path);
        first = false;
    }
}

static bool print_app(struct observing *o, const struct observed_app *app, int64_t since,
                      bool first)
{
    o->called = (struct scope_set){0};
    buf_init(&o->calls, o->tx->arena, 0);
    buf_init(&o->grants, o->tx->arena, 0);
    if (!observed_calls(o->tx, app->client_id, since, note_call, o) ||
        !observed_grants(o->tx, app->client_id, since, note_grant, o))
        return false;
    const char *calls = o->calls.len ? o->calls.bytes : "";
    const char *grants = o->grants.len ? o->grants.bytes : "";
    if (!o->json) {
        printf("%s (%s, site '%s')\n%s%s", app->name, app->client_id, app->site_content_url, calls,
               grants);
        print_least(o);
        return true;
    }
    struct buf name;
    buf_init(&name, o->tx->arena, 0);
    buf_add_json(&name, app->name);
    printf("%s{\"clientId\":\"%s\",\"name\":%s,\"siteContentUrl\":\"%s\",\"called\":[%s],"
           "\"granted\":[%s],\"needed\":[",
           first ? "" : ",", app->client_id, name.bytes, app->site_content_url, calls, grants);
    print_least(o);
    fputs("]}", stdout);
    return true;
}

static int list_observed(struct tx *tx, const struct scopes *scopes, int64_t since, bool json)
{
    struct observed_app *apps;
    size_t count;
    struct observing o = {.tx = tx, .scopes = scopes, .json = json};
    bool ok = observed_apps(tx, since, &apps, &count);
    if (json)
        putchar('[');
    for (size_t i = 0; i < count && ok; i++)
        ok = print_app(&o, &apps[i], since, i == 0);
    if (json)
        puts("]");
    else if (ok && count == 0)
        puts("no connected app has called anything yet");
    if (!ok)
        fprintf(stderr, "easel scopes: %s\n", db_message(tx->db));
    return ok ? 0 : 1;
}

int cmd_scopes(const struct args *args, struct config *config)
{
    const char *since_text = args_value(args, "since");
    int64_t since = 0, span;
    bool json = args_flag(args, "json");
    if (since_text && clock_parse_span(since_text, &span))
        since = clock_now() - span;
    else if (since_text && !clock_parse_iso(since_text, &since))
        return args_wrong(args, "--since '%s' is neither a span (7d) nor a date", since_text);
    struct scopes *scopes = scopes_new();
    struct tx tx;
    int status = 1;
    if (!args_flag(args, "observed")) {
        status = list_all(scopes, json);
    } else if (repository_open(config, "scopes", DB_READ, &tx)) {
        status = list_observed(&tx, scopes, since, json);
        repository_close(&tx);
    }
    scopes_free(&scopes);
    return status;
}
