/* cmd_dev.c: `easel dev`, a throw-away server for tests.
 *
 * The repository is a directory in memory (tmpfs), without fsync, removed at the
 * end; one that a killed server left behind is removed by the next start. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ident.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "domain/actor.h"
#include "domain/site.h"
#include "domain/user.h"
#include "rest/path.h"
#include "serve/server.h"
#include "store/tx.h"
#include "tbl/settings.h"
#include "trust/app.h"
#include "trust/password.h"
#include "trust/pat.h"

enum { PATH_ROOM = 512, PASSWORD_TEXT = 24, TEXT_ROOM = 64 };

static const char PREFIX[] = "easel-dev-";

struct dev {
    char directory[PATH_ROOM], repository[PATH_ROOM + 64], password[PASSWORD_TEXT];
    const char *admin_name;
    const struct server *server;
    const struct config *config;
    /* What the first line tells. */
    char site_id[TEXT_ROOM], user_id[TEXT_ROOM], client_id[TEXT_ROOM], secret_id[TEXT_ROOM];
    char secret_value[TEXT_ROOM], pat_secret[TEXT_ROOM];
};

/* ---- the directory */

static const char *memory_root(void)
{
    struct stat st;
    const char *tmp = getenv("TMPDIR");
    if (stat("/dev/shm", &st) == 0 && S_ISDIR(st.st_mode) && access("/dev/shm", W_OK) == 0)
        return "/dev/shm";
    return tmp && *tmp ? tmp : "/tmp";
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    (void)!remove(path); /* the rest goes all the same */
    return 0;
}

static void remove_directory(const char *directory)
{
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Directories of servers of ours that are gone. */
static void remove_stale(const char *root)
{
    char directory[PATH_ROOM + 300];
    struct stat st;
    DIR *dir = opendir(root);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) != 0)
            continue;
        long pid = strtol(e->d_name + sizeof PREFIX - 1, NULL, 10);
        snprintf(directory, sizeof directory, "%s/%s", root, e->d_name);
        if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH && lstat(directory, &st) == 0 &&
            S_ISDIR(st.st_mode) && st.st_uid == geteuid())
            remove_directory(directory);
    }
    if (dir)
        closedir(dir);
}

static bool make_directory(struct dev *dev)
{
    const char *root = memory_root();
    remove_stale(root);
    snprintf(dev->directory, sizeof dev->directory, "%s/%s%ld-XXXXXX", root, PREFIX,
             (long)getpid());
    if (!mkdtemp(dev->directory)) {
        fprintf(stderr, "easel dev: cannot make %s: %s\n", dev->directory, strerror(errno));
        return false;
    }
    snprintf(dev->repository, sizeof dev->repository, "sqlite:%s/easel.db?durability=off",
             dev->directory);
    return true;
}

/* Leaves its settings of trust where `easel explain --data` and `easel eas check --data`
 * look for them, so that these judge as this server does. */
static bool write_settings(const struct dev *dev)
{
    char path[PATH_ROOM + 20];
    size_t count;
    const struct command *explain = command_find("explain");
    const struct setting_row *rows = setting_rows(&count);
    snprintf(path, sizeof path, "%s/easel.conf", dev->directory);
    FILE *file = fopen(path, "we");
    if (!file)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *name = rows[i].name;
        bool of_trust = command_takes_setting(explain, name) &&
                        (strncmp(name, "eas-", 4) == 0 || strncmp(name, "fetch-", 6) == 0 ||
                         strncmp(name, "jwt-", 4) == 0);
        if (of_trust && !strpbrk(config_text(dev->config, name), "\"\\"))
            fprintf(file, "%s = \"%s\"\n", name, config_text(dev->config, name));
    }
    return fclose(file) == 0;
}

/* ---- what is there from the start */

static bool keep(char *out, const char *text)
{
    snprintf(out, TEXT_ROOM, "%s", text ? text : "");
    return true;
}

static bool make_app(struct dev *dev, struct tx *tx, const char *site_id)
{
    struct app app;
    struct app_secret secret;
    struct app_spec spec = {.name = "easel dev",
                            .enabled = FLAG_TRUE,
                            .unrestricted_embedding = FLAG_TRUE,
                            .vetted = true};
    return app_create(tx, site_id, &spec, &app) == E_OK &&
           app_secret_create(tx, server_keyring(dev->server), true, site_id, app.client_id, NULL,
                             &secret) == E_OK &&
           keep(dev->client_id, app.client_id) && keep(dev->secret_id, secret.id) &&
           keep(dev->secret_value, secret.value);
}

static bool make_credentials(void *context, struct tx *tx)
{
    struct dev *dev = context;
    struct site site;
    struct user admin;
    const char *why, *secret;
    return site_get_by_content_url(tx, "", &site) == E_OK &&
           user_find_exact(tx, site.id, dev->admin_name, &admin, &why) &&
           keep(dev->site_id, site.id) && keep(dev->user_id, admin.id) &&
           make_app(dev, tx, site.id) &&
           pat_create(tx, admin.id, "easel dev", NULL, config_span(dev->config, "pat-life"),
                      &secret) == E_OK &&
           keep(dev->pat_secret, secret);
}

static void member(struct buf *out, const char *name, const char *value)
{
    if (out->bytes[out->len - 1] != '{')
        buf_addc(out, ',');
    buf_addf(out, "\"%s\":", name);
    buf_add_json(out, value);
}

static void print_line(const struct dev *dev, const char *url)
{
    struct arena *arena = arena_new(0);
    struct buf out;
    buf_init(&out, arena, 0);
    buf_addc(&out, '{');
    member(&out, "url", url);
    member(&out, "apiVersion", VERSION_NEWEST);
    member(&out, "adminName", dev->admin_name);
    member(&out, "adminPassword", dev->password);
    member(&out, "siteId", dev->site_id);
    member(&out, "siteContentUrl", "");
    member(&out, "userId", dev->user_id);
    buf_adds(&out, ",\"connectedApp\":{");
    member(&out, "clientId", dev->client_id);
    member(&out, "secretId", dev->secret_id);
    member(&out, "secretValue", dev->secret_value);
    buf_adds(&out, "},\"personalAccessToken\":{");
    member(&out, "name", "easel dev");
    member(&out, "secret", dev->pat_secret);
    buf_addc(&out, '}');
    member(&out, "data", dev->directory);
    buf_addc(&out, '}');
    puts(out.bytes);
    fflush(stdout);
    arena_free(&arena);
}

static bool start(struct dev *dev, struct server *server, const char *seed, char *why)
{
    bool created;
    const char *address;
    struct first_start first = {
        .admin_name = dev->admin_name, .admin_password = dev->password, .seed_file = seed};
    dev->server = server;
    if (!server_first_start(server, &first, &created, why, SERVER_WHY_ROOM) ||
        !server_act(server, make_credentials, dev, why, SERVER_WHY_ROOM) ||
        !server_listen(server, &address, why, SERVER_WHY_ROOM))
        return false;
    print_line(dev, address);
    return true;
}

int cmd_dev(const struct args *args, struct config *config)
{
    char why[SERVER_WHY_ROOM] = "";
    struct dev dev = {.config = config};
    int status = 1;
    server_prepare_process();
    if (!make_directory(&dev))
        return 1;
    config_set_default(config, "data", dev.directory);
    config_set_default(config, "repository", dev.repository);
    config_set_default(config, "listen", "127.0.0.1:0");
    config_set_default(config, "explain-refusals", "on");
    config_set_default(config, "log-level", "warn");
    config_set_default(config, "signin-failures", "0");
    config_set_default(config, "fetch-plain-http", "on");
    config_set_default(config, "fetch-networks", "127.0.0.0/8 ::1");
    dev.admin_name = config_text(config, "admin-name");
    password_random(dev.password);
    if (!write_settings(&dev))
        fprintf(stderr, "easel dev: its settings cannot be written to %s\n", dev.directory);
    struct server *server = server_new(config, why, sizeof why);
    if (server && start(&dev, server, args_value(args, "seed"), why)) {
        server_run(server);
        status = 0;
    } else {
        fprintf(stderr, "easel dev: %s\n", why);
    }
    server_free(&server);
    remove_directory(dev.directory);
    secret_wipe(&dev, sizeof dev);
    return status;
}
