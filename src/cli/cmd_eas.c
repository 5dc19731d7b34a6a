/* cmd_eas.c: `easel eas check` tries an issuer as the server would. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/eas_config.h"
#include "trust/claims.h"
#include "trust/eas.h"

static void print_document(void *context, const char *url, const char *outcome, bool good)
{
    (void)context;
    printf("%-4s  %s\n      %s\n", good ? "ok" : "no", url, outcome);
}

static const char *shown(struct arena *arena, const char *text)
{
    return text ? claims_show(arena, text, strlen(text)) : "without kid";
}

struct checking {
    const char *barred; /* algorithms that the server refuses */
    size_t usable;      /* keys */
};

static void print_keys(void *context, const struct jwks *jwks, const char *url, int64_t life_s)
{
    struct checking *checking = context;
    struct arena *arena = arena_new(0);
    (void)url;
    printf("\nkeys (good for %lld s):\n", (long long)life_s);
    for (size_t i = 0; i < jwks->count; i++) {
        const struct jwk *jwk = &jwks->keys[i];
        const char *why = jwks_useless(arena, jwks, jwk, checking->barred);
        checking->usable += !why;
        printf("%-4s  %s  %s\n", why ? "no" : "ok", shown(arena, jwk->kid),
               jwk_describe(arena, jwk));
        if (why)
            printf("      %s\n", why);
    }
    arena_free(&arena);
}

static int check(struct issuers *issuers, const struct config *config, const char *issuer,
                 const char *jwks_uri)
{
    struct checking checking = {config_text(config, "eas-refused-algorithms"), 0};
    struct issuer_report report = {print_document, print_keys, &checking};
    const char *fault = eas_issuer_fault(issuer, config_bool(config, "fetch-plain-http"));
    if (fault) {
        print_document(NULL, issuer, fault, false);
        printf("\nTokens of %s cannot be verified: it cannot be registered.\n", issuer);
        return 1;
    }
    bool found = issuers_look(issuers, issuer, jwks_uri, &report);
    if (found && checking.usable) {
        printf("\nTokens whose iss is exactly %s can be verified.\n", issuer);
        return 0;
    }
    printf("\nTokens of %s cannot be verified: %s.\n", issuer,
           found ? "there is no usable key" : "its documents cannot be had");
    return 1;
}

int cmd_eas(const struct args *args, struct config *config)
{
    char why[CONFIG_WHY_ROOM] = "";
    if (strcmp(args_operand(args, 0), "check") != 0)
        return args_wrong(args, "'%s' is not 'check'", args_operand(args, 0));
    if (!*args_operand(args, 1))
        return args_wrong(args, "the issuer is empty");
    struct issuers *issuers = issuers_of(config, 0, NULL, why, sizeof why);
    if (!issuers) {
        fprintf(stderr, "easel eas: %s\n", why);
        return 1;
    }
    int status = check(issuers, config, args_operand(args, 1), args_value(args, "jwks-uri"));
    issuers_free(&issuers);
    return status;
}
