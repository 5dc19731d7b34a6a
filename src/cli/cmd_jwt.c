/* cmd_jwt.c: `easel jwt` makes a signed JWT of a connected app. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/ident.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "trust/jwt.h"

enum { SECRET_ROOM = 512 };

/* A value that is JSON by itself (number, true, false, null, list, object,
 * quoted text) is taken so; anything else is text. */
static void add_value(struct buf *out, const char *value)
{
    size_t len = strlen(value);
    char *end;
    strtod(value, &end);
    bool number = len && !*end && !strpbrk(value, "xXnNiIpP");
    bool word =
        strcmp(value, "true") == 0 || strcmp(value, "false") == 0 || strcmp(value, "null") == 0;
    bool whole = len > 1 && ((*value == '[' && value[len - 1] == ']') ||
                             (*value == '{' && value[len - 1] == '}') ||
                             (*value == '"' && value[len - 1] == '"'));
    if (number || word || whole)
        buf_adds(out, value);
    else
        buf_add_json(out, value);
}

static bool overridden(const struct args *args, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < args_count(args, "claim"); i++) {
        const char *claim = args_nth(args, "claim", i);
        if (strncmp(claim, name, len) == 0 && claim[len] == '=')
            return true;
    }
    return false;
}

static void begin_member(struct buf *out, const char *name)
{
    if (out->len > 1)
        buf_addc(out, ',');
    buf_add_json(out, name);
    buf_addc(out, ':');
}

static void add_scopes(struct buf *out, const struct args *args)
{
    begin_member(out, "scp");
    buf_addc(out, '[');
    for (size_t i = 0; i < args_count(args, "scope"); i++) {
        if (i)
            buf_addc(out, ',');
        buf_add_json(out, args_nth(args, "scope", i));
    }
    buf_addc(out, ']');
}

/* The claims; one named by --claim takes the place of ours. */
static void make_claims(struct buf *out, const struct args *args, int64_t life_ms)
{
    char jti[LUID_ROOM];
    const struct {
        const char *name, *value;
    } texts[] = {{"iss", args_value(args, "client-id")},
                 {"aud", "tableau"},
                 {"sub", args_value(args, "user")},
                 {"jti", jti}};
    luid_random(jti);
    buf_addc(out, '{');
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (overridden(args, texts[i].name))
            continue;
        begin_member(out, texts[i].name);
        buf_add_json(out, texts[i].value);
    }
    if (!overridden(args, "exp")) {
        begin_member(out, "exp");
        buf_addf(out, "%lld", (long long)((clock_now() + life_ms) / 1000));
    }
    if (!overridden(args, "scp"))
        add_scopes(out, args);
    for (size_t i = 0; i < args_count(args, "claim"); i++) {
        const char *claim = args_nth(args, "claim", i), *equals = strchr(claim, '=');
        begin_member(out, arena_strndup(out->arena, claim, (size_t)(equals - claim)));
        add_value(out, equals + 1);
    }
    buf_addc(out, '}');
}

static bool read_secret(char out[SECRET_ROOM])
{
    if (!fgets(out, SECRET_ROOM, stdin))
        return false;
    out[strcspn(out, "\r\n")] = '\0';
    return true;
}

static int check(const struct args *args, int64_t *life_r)
{
    static const char *const needed[] = {"client-id", "secret-id", "secret-value", "user", NULL};
    const char *expires = args_value(args, "expires");
    if (!args_require(args, needed))
        return 2;
    if (!clock_parse_span(expires ? expires : "5m", life_r))
        return args_wrong(args, "--expires '%s' is no span of time, such as 90s or 5m", expires);
    for (size_t i = 0; i < args_count(args, "claim"); i++) {
        const char *claim = args_nth(args, "claim", i);
        if (!strchr(claim, '=') || *claim == '=')
            return args_wrong(args, "--claim '%s' is not of the form name=value", claim);
    }
    for (size_t i = 0; i < args_count(args, "scope"); i++)
        if (!utf8_valid(args_nth(args, "scope", i), strlen(args_nth(args, "scope", i))))
            return args_wrong(args, "a --scope is not UTF-8");
    return 0;
}

int cmd_jwt(const struct args *args, struct config *config)
{
    int64_t life_ms;
    char read[SECRET_ROOM] = "";
    const char *secret = args_value(args, "secret-value");
    (void)config;
    int wrong = check(args, &life_ms);
    if (wrong)
        return wrong;
    if (strcmp(secret, "-") == 0) {
        if (!read_secret(read))
            return args_wrong(args, "no secret value on standard input");
        secret = read;
    }
    struct arena *arena = arena_new(0);
    struct buf claims;
    buf_init(&claims, arena, 64 << 10);
    make_claims(&claims, args, life_ms);
    char *token = buf_ok(&claims) ? jwt_sign(arena, args_value(args, "client-id"),
                                             args_value(args, "secret-id"), secret, claims.bytes)
                                  : NULL;
    if (token)
        puts(token);
    else
        fputs("easel jwt: the token could not be made: the secret is empty or a claim too long\n",
              stderr);
    secret_wipe(read, sizeof read);
    arena_free(&arena);
    return token ? 0 : 1;
}
