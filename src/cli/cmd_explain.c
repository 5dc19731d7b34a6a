/* cmd_explain.c: `easel explain` tells of every check of the trust, in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/eas_config.h"
#include "cli/repository.h"
#include "domain/site.h"
#include "domain/user.h"
#include "tbl/methods.h"
#include "trust/direct.h"
#include "trust/scope.h"
#include "trust/seal.h"

enum { TOKEN_ROOM = 64 << 10 };

/* Prints each passed check as it passes, in the words for the kind of token. */
struct printing {
    struct trail base;
    int told; /* the last check that was printed */
    const struct direct_outcome *out;
};

static void print_line(enum trust_check check, enum jwt_kind kind, const char *outcome)
{
    const struct trust_check_row *row = trust_check_row_of(check, kind);
    printf("%2d  %-12s %-5s %s\n", (int)check, row->id, outcome, row->title);
}

static void passed(struct trail *trail, enum trust_check check, const char *found)
{
    struct printing *p = (struct printing *)trail;
    if ((int)check <= p->told)
        return;
    p->told = (int)check;
    print_line(check, p->out->kind, "pass");
    if (found && *found)
        printf("                       found     %s\n", found);
}

static void print_failure(const struct verdict *v, enum jwt_kind kind)
{
    const struct trust_check_row *row = verdict_row(v);
    print_line(v->failed, kind, "FAIL");
    printf("                       expected  %s\n", v->expected ? v->expected : row->title);
    printf("                       found     %s\n", v->found ? v->found : "otherwise");
    for (int i = (int)v->failed + 1; i < TRUST_CHECKS; i++)
        print_line((enum trust_check)i, kind, "-");
    printf("\nrefused: 401 401001 Signin Error: Error signing in to Tableau Server");
    if (row->seed)
        printf(" (%d)", row->seed);
    if (row->fine && row->fine != row->seed)
        printf("; finer code %d %s", row->fine, row->name);
    printf("\nto change: %s\n", row->advice);
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

/* ---- the method */

static size_t number_of(const struct method_row *row)
{
    size_t count;
    return (size_t)(row - method_rows(&count));
}

static int explain_method(const struct method_row *row, const struct direct_outcome *out)
{
    struct scopes *scopes = scopes_new();
    struct scope_set set = {0};
    scope_add_list(scopes, &set, out->scopes);
    bool admits = scope_admits(&set, number_of(row));
    bool closed = strcmp(row->scopes, "no-scope-exists") == 0;
    printf("\nmethod: %s (%s %s, from version %s on%s)\n", row->name, row->verb, row->path,
           row->since, strcmp(row->handler, "NONE") == 0 ? "; not implemented by this server" : "");
    printf("scope:  %s\n", admits ? "admitted" : "REFUSED");
    printf("                       expected  %s\n",
           closed ? "no scope admits it: sign in by password or personal access token"
                  : row->scopes);
    printf("                       found     %s\n", *out->scopes ? out->scopes : "(nothing)");
    if (!admits) {
        printf("\nrefused: 401 401002 Unauthorized Access: Invalid authentication credentials were "
               "provided.\n");
        if (!closed)
            printf("to change: add one of these scopes to scp\n");
    }
    scopes_free(&scopes);
    return admits ? 0 : 1;
}

/* ---- input */

/* Reads the token from standard input; one too long is kept too long, so that
 * the check of its size tells. */
static char *read_token(struct arena *arena)
{
    char *out = arena_alloc(arena, TOKEN_ROOM);
    size_t len = fread(out, 1, TOKEN_ROOM - 1, stdin);
    while (len && strchr(" \t\r\n", out[len - 1]))
        len--;
    out[len] = '\0';
    return out;
}

/* As the server would, but that it waits where the server goes on with others. */
static void check(struct tx *tx, struct direct_request *request, struct trail *trail,
                  struct direct_outcome *out_r)
{
    direct_check(tx, request, trail, out_r);
    while (out_r->waits) {
        issuers_fetch(request->issuers, &out_r->wanted);
        request->waited++;
        request->place = out_r->wanted.place;
        direct_check(tx, request, trail, out_r);
    }
}

static int explain(struct tx *tx, const struct args *args, const struct config *config,
                   const struct keyring *keyring, struct issuers *issuers,
                   const struct method_row *method)
{
    const char *token = args_operand(args, 0), *site_url = args_value(args, "site");
    struct jwt_policy policy = policy_of(config), eas_policy = eas_policy_of(config);
    struct direct_outcome out;
    struct printing printing = {{passed}, 0, &out};
    if (strcmp(token, "-") == 0)
        token = read_token(tx->arena);
    site_url = site_url ? site_url : "";
    struct direct_request request = {
        .token = token,
        .token_len = strlen(token),
        .content_url = site_url,
        .keyring = keyring,
        .policy = &policy,
        .eas_policy = &eas_policy,
        .bare_audience = config_bool(config, "eas-bare-audience"),
        .issuers = issuers,
        .find_site = find_site,
        .find_user = find_user,
    };
    check(tx, &request, &printing.base, &out);
    if (out.verdict.failed) {
        print_failure(&out.verdict, out.kind);
        return 1;
    }
    printf("\naccepted: signs in as '%s' (%s) with: %s\n", out.user.name, out.user.site_role,
           out.scopes);
    return method ? explain_method(method, &out) : 0;
}

int cmd_explain(const struct args *args, struct config *config)
{
    struct tx tx;
    const struct method_row *method = NULL;
    const char *named = args_value(args, "method");
    if (named && !(method = method_named(named)))
        return args_wrong(args, "--method '%s' is none of the REST API; see easel methods", named);
    if (!repository_open(config, "explain", DB_READ, &tx))
        return 1;
    char why[CONFIG_WHY_ROOM] = "";
    struct keyring *keyring = repository_keys(config, "explain", false);
    struct issuers *issuers = issuers_of(config, 0, NULL, why, sizeof why);
    if (!issuers)
        fprintf(stderr, "easel explain: %s\n", why);
    int status = keyring && issuers ? explain(&tx, args, config, keyring, issuers, method) : 1;
    issuers_free(&issuers);
    keyring_free(&keyring);
    repository_close(&tx);
    return status;
}
