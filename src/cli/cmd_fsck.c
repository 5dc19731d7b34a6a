/* cmd_fsck.c: `easel fsck` holds the blobs and the rows that name them against each
 * other.
 *
 * The store is walked first and the rows after it: a blob is durable before a row names
 * it, so beside a running server nothing is missed in that order but what came after the
 * walk. A row that is gone by the time its blob was not found is no loss. What no row
 * names may belong to a transaction under way, unless it has lain there for a while. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/repository.h"
#include "domain/blob_sweep.h"
#include "domain/blob_use.h"

enum { AT_ONCE = 500 };

struct checking {
    struct tx *tx;
    struct blobs *blobs;
    bool deep, deletes;
    int64_t before; /* what no row names may go if it is older than this */
    bool broken;    /* the check could not go on */
    int64_t blobs_seen, bytes_seen, named, missing, damaged, unreferenced, young, deleted, freed;
};

static void broken(struct checking *c, const char *why)
{
    fprintf(stderr, "easel fsck: %s\n", why);
    c->broken = true;
}

static const char *cause(const struct checking *c)
{
    return *db_message(c->tx->db) ? db_message(c->tx->db) : "the repository does not answer";
}

/* Names hold whatever people typed: one line stays one line. */
static void tell_row(void *context, const char *row)
{
    (void)context;
    fputs("    ", stdout);
    for (; *row; row++)
        putchar((unsigned char)*row < 0x20 || *row == 0x7F ? '?' : *row);
    putchar('\n');
}

static void tell_rows(struct checking *c, const char *id)
{
    if (!blob_users(c->tx, id, tell_row, NULL))
        broken(c, cause(c));
}

static void tell_damage(struct checking *c, const char *id, const char *why)
{
    c->damaged++;
    printf("damaged %s: %s\n", id, why);
    tell_rows(c, id);
}

/* ---- the store */

static void check_bytes(struct checking *c, const struct blob *blob)
{
    char why[BLOB_WHY_ROOM] = "";
    switch (blob_check(c->blobs, blob->id, why, sizeof why)) {
    case BLOB_OK:
    case BLOB_ABSENT: /* went meanwhile; the rows will tell if it should not have */
        break;
    case BLOB_DAMAGED:
        tell_damage(c, blob->id, why);
        break;
    default:
        broken(c, why);
    }
}

static void drop(struct checking *c, const struct blob *blob)
{
    char why[BLOB_WHY_ROOM] = "";
    switch (blob_drop(c->tx, c->blobs, blob, c->before, why, sizeof why)) {
    case BLOB_OK:
        c->deleted++;
        c->freed += (int64_t)blob->size;
        break;
    case BLOB_ABSENT:
    case BLOB_IN_USE: /* published just now */
        break;
    default:
        broken(c, why);
    }
}

static void note_unreferenced(struct checking *c, const struct blob *blob)
{
    char at[CLOCK_ISO_ROOM];
    c->unreferenced++;
    clock_iso(blob->stored_at, at);
    printf("unreferenced %s: %llu bytes, stored %s\n", blob->id, (unsigned long long)blob->size,
           at);
    if (c->deletes)
        drop(c, blob);
}

static bool check_blob(void *context, const struct blob *blob)
{
    struct checking *c = context;
    enum blob_fate fate = BLOB_NAMED;
    c->blobs_seen++;
    c->bytes_seen += (int64_t)blob->size;
    if (c->deep)
        check_bytes(c, blob);
    if (!c->broken && blob_fate_of(c->tx, blob, c->before, &fate) != E_OK)
        broken(c, cause(c));
    c->young += !c->broken && fate == BLOB_YOUNG;
    if (!c->broken && fate == BLOB_UNUSED)
        note_unreferenced(c, blob);
    arena_reset(c->tx->arena);
    return !c->broken;
}

/* ---- the rows */

static void note_missing(struct checking *c, const char *id)
{
    bool used;
    if (blob_is_used(c->tx, id, &used) != E_OK) {
        broken(c, cause(c));
        return;
    }
    if (!used)
        return;
    c->missing++;
    printf("missing %s\n", id);
    tell_rows(c, id);
}

/* A file of another size was told by its bytes already where those were read. */
static void check_size(struct checking *c, const struct blob_use *use, const struct blob *blob)
{
    char why[BLOB_WHY_ROOM] = "";
    int64_t size = (int64_t)blob->size;
    if (use->least_bytes == size && use->most_bytes == size)
        return;
    if (c->deep && blob_check(c->blobs, blob->id, why, sizeof why) == BLOB_DAMAGED)
        return;
    snprintf(why, sizeof why, "it has %lld bytes, rows say %lld", (long long)size,
             (long long)(use->least_bytes == size ? use->most_bytes : use->least_bytes));
    tell_damage(c, blob->id, why);
}

static void check_use(struct checking *c, const struct blob_use *use)
{
    char why[BLOB_WHY_ROOM] = "";
    struct blob blob;
    enum blob_result found = BLOB_ABSENT;
    if (blob_id_valid(use->blob_id))
        found = blob_find(c->blobs, use->blob_id, &blob, why, sizeof why);
    c->named++;
    if (found == BLOB_OK)
        check_size(c, use, &blob);
    else if (found == BLOB_ABSENT)
        note_missing(c, use->blob_id);
    else
        broken(c, why);
}

static void check_uses(struct checking *c)
{
    struct blob_use uses[AT_ONCE];
    char after[BLOB_ID_ROOM] = "";
    size_t count = AT_ONCE;
    while (count == AT_ONCE && !c->broken) {
        if (blob_uses(c->tx, after, AT_ONCE, uses, &count) != E_OK) {
            broken(c, cause(c));
            return;
        }
        for (size_t i = 0; i < count && !c->broken; i++)
            check_use(c, &uses[i]);
        if (count)
            snprintf(after, sizeof after, "%s", uses[count - 1].blob_id);
        arena_reset(c->tx->arena);
    }
}

/* ---- the command */

static int summary(const struct checking *c)
{
    printf("%lld blobs, %lld bytes; %lld named by rows: %lld missing, %lld damaged; "
           "%lld unreferenced, %lld too young to tell\n",
           (long long)c->blobs_seen, (long long)c->bytes_seen, (long long)c->named,
           (long long)c->missing, (long long)c->damaged, (long long)c->unreferenced,
           (long long)c->young);
    if (c->deletes)
        printf("%lld deleted, %lld bytes\n", (long long)c->deleted, (long long)c->freed);
    return c->missing || c->damaged;
}

static int check(struct checking *c)
{
    char why[BLOB_WHY_ROOM] = "";
    if (c->deletes && !blob_sweep_claim(c->tx, c->blobs, why, sizeof why))
        broken(c, why);
    if (!c->broken && blob_walk(c->blobs, check_blob, c, why, sizeof why) != BLOB_OK)
        broken(c, why);
    if (!c->broken)
        check_uses(c);
    return c->broken ? 1 : summary(c);
}

int cmd_fsck(const struct args *args, struct config *config)
{
    struct tx tx;
    const char *span = args_value(args, "older-than");
    int64_t grace = config_span(config, "sweep-age");
    if (span && (!clock_parse_span(span, &grace) || grace < 0))
        return args_wrong(args, "--older-than '%s' is not a span such as 24h", span);
    struct checking checking = {.tx = &tx,
                                .deep = args_flag(args, "deep"),
                                .deletes = args_flag(args, "delete-unreferenced"),
                                .before = clock_now() - grace};
    if (!repository_open(config, "fsck", checking.deletes ? DB_WRITE : DB_READ, &tx))
        return 1;
    int status = 1;
    checking.blobs = repository_blobs(config, "fsck");
    if (checking.blobs)
        status = check(&checking);
    blobs_close(&checking.blobs);
    repository_close(&tx);
    return status;
}
