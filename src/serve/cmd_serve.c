/* cmd_serve.c: `easel serve`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ident.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "serve/server.h"
#include "trust/password.h"

enum { PASSWORD_ROOM = PASSWORD_MOST + 2 };

static int failed(const char *why)
{
    fprintf(stderr, "easel serve: %s\n", why);
    return 1;
}

/* The first line of the file. */
static bool read_password(const char *file, char out[PASSWORD_ROOM], char *why, size_t why_size)
{
    FILE *in = fopen(file, "r");
    bool ok = in && fgets(out, PASSWORD_ROOM, in);
    if (in)
        fclose(in);
    out[ok ? strcspn(out, "\r\n") : 0] = '\0';
    if (!ok || !*out)
        snprintf(why, why_size, "admin-password-file %s: %s", file,
                 ok   ? "its first line is empty"
                 : in ? "it is empty"
                      : strerror(errno));
    return *out != '\0';
}

/* From the file, the variable, or a fresh one. */
static bool choose_password(const struct config *config, char out[PASSWORD_ROOM], bool *fresh_r,
                            char *why, size_t why_size)
{
    const char *file = config_text(config, "admin-password-file");
    const char *given = config_text(config, "admin-password");
    *fresh_r = false;
    if (*file)
        return read_password(file, out, why, why_size);
    if (strlen(given) > PASSWORD_MOST) {
        snprintf(why, why_size, "EASEL_ADMIN_PASSWORD is longer than %d bytes", PASSWORD_MOST);
        return false;
    }
    *fresh_r = !*given;
    if (*fresh_r)
        password_random(out);
    else
        memcpy(out, given, strlen(given) + 1);
    return true;
}

static bool first_start(struct server *server, const struct args *args, const struct config *config,
                        char *why, size_t why_size)
{
    char password[PASSWORD_ROOM] = "";
    bool fresh, created = false;
    struct first_start first = {.admin_name = config_text(config, "admin-name"),
                                .admin_password = password,
                                .seed_file = args_value(args, "seed")};
    bool ok = choose_password(config, password, &fresh, why, why_size) &&
              server_first_start(server, &first, &created, why, why_size);
    if (ok && created && fresh)
        printf("easel: administrator '%s' has the password %s (shown this once)\n",
               first.admin_name, password);
    secret_wipe(password, sizeof password);
    return ok;
}

int cmd_serve(const struct args *args, struct config *config)
{
    char why[SERVER_WHY_ROOM] = "";
    const char *address;
    int status = 1;
    server_prepare_process();
    struct server *server = server_new(config, why, sizeof why);
    if (!server || !first_start(server, args, config, why, sizeof why) ||
        !server_listen(server, &address, why, sizeof why)) {
        failed(why);
    } else {
        printf("easel: listening on %s\n", address);
        fflush(stdout);
        server_run(server);
        status = 0;
    }
    server_free(&server);
    return status;
}
