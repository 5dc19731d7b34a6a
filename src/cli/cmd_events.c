/* cmd_events.c: `easel events` shows what was recorded. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/repository.h"
#include "trust/record.h"

enum { AT_ONCE = 500, POLL_US = 250000 };

struct showing {
    bool json;
    struct tx *tx;
    int64_t last; /* id of the last event shown */
    int64_t count;
};

static void show_part(const char *name, const char *value)
{
    if (value && *value)
        printf(" %s=%s", name, value);
}

static void show_text(const struct event *e)
{
    char at[CLOCK_ISO_ROOM];
    clock_iso_ms(e->at, at);
    printf("%s %s %s", at, e->kind, e->outcome);
    if (e->wire_code)
        printf(" %lld", (long long)e->wire_code);
    if (e->fine_code)
        printf(" (%lld)", (long long)e->fine_code);
    show_part("from", e->peer);
    show_part("site",
              e->site_content_url && !*e->site_content_url ? "(default)" : e->site_content_url);
    show_part("app", e->client_id);
    show_part("key", e->secret_id);
    show_part("user", e->subject);
    show_part("method", e->method);
    show_part("request", e->request_id);
    putchar('\n');
    if (e->check)
        printf("    check %s: expected %s; found %s\n", e->check,
               e->expected ? e->expected : "otherwise", e->found ? e->found : "this");
    else if (e->found)
        printf("    by %s\n", e->found);
    if (e->scopes_needed)
        printf("    scopes that would admit it: %s\n", e->scopes_needed);
}

static void show(void *context, const struct event *event)
{
    struct showing *showing = context;
    showing->last = event->id;
    showing->count++;
    if (!showing->json) {
        show_text(event);
        return;
    }
    struct buf line;
    buf_init(&line, showing->tx->arena, 0);
    event_json(&line, event);
    puts(line.bytes);
}

/* Shows what came after showing->last, in pieces, until there is no more. */
static bool show_new(struct showing *showing)
{
    do {
        showing->count = 0;
        if (!events_read(showing->tx, showing->last, false, AT_ONCE, NULL, show, showing)) {
            fprintf(stderr, "easel events: %s\n", db_message(showing->tx->db));
            return false;
        }
        arena_reset(showing->tx->arena);
    } while (showing->count == AT_ONCE);
    fflush(stdout);
    return !ferror(stdout);
}

int cmd_events(const struct args *args, struct config *config)
{
    struct tx tx;
    struct showing showing = {.json = args_flag(args, "json"), .tx = &tx};
    if (!repository_open(config, "events", DB_READ, &tx))
        return 1;
    bool ok = show_new(&showing);
    while (ok && args_flag(args, "follow")) {
        usleep(POLL_US);
        ok = show_new(&showing);
    }
    repository_close(&tx);
    return ok ? 0 : 1;
}
