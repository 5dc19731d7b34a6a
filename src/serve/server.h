/* server: makes every long-lived owner in order, passes pointers and callbacks
 * down, and releases them in reverse. What main does for `serve` and `dev`. */
#ifndef EASEL_SERVE_SERVER_H
#define EASEL_SERVE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct lanes;
struct server;
struct tx;

enum { SERVER_WHY_ROOM = 512 };

/* What the first start of a repository is given. */
struct first_start {
    const char *admin_name, *admin_password;
    const char *seed_file; /* NULL: none */
};

/* Migrates the repository (URL in the configuration), loads the keys and makes
 * what is needed to serve. NULL with a sentence in `why`. */
struct server *server_new(struct config *config, char *why, size_t why_size);
/* Creates the default site, its administrator and what the seed holds, in one
 * transaction, where the repository is empty; *created_r tells. Sets the server-wide
 * external authorization server, whether it is empty or not. */
bool server_first_start(struct server *server, const struct first_start *first, bool *created_r,
                        char *why, size_t why_size);
/* Runs `act` in one write transaction before serving begins. */
bool server_act(struct server *server, bool (*act)(void *context, struct tx *tx), void *context,
                char *why, size_t why_size);
/* Listens. *address_r ("http://127.0.0.1:8080") stays valid until server_free. */
bool server_listen(struct server *server, const char **address_r, char *why, size_t why_size);
/* Serves until SIGTERM or SIGINT; SIGHUP reloads configuration and certificate.
 * The signals must be blocked in all threads (server_prepare_process). */
void server_run(struct server *server);
void server_free(struct server **server);

/* Signals, limits and allocator of the process; before any thread is made. */
void server_prepare_process(void);
const struct keyring *server_keyring(const struct server *server);

#endif
