/* user_csv.c: Import Users to Site from CSV, Delete Users from Site with CSV. Both
 * answer with the job that does it. */
#include <string.h>

#include "domain/job.h"
#include "domain/user_import.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/write.h"

/* What is handed from the slow step to the writing one. */
struct adding {
    enum job_kind kind;
    struct job_payload *payload;
};

static void wake(struct call *call)
{
    job_wake(call->config->jobs);
}

static enum err add_job(struct call *call)
{
    const struct adding *adding = call->state;
    struct job job;
    struct job_order order = {.kind = adding->kind, .payload = adding->payload};
    enum err err = job_add(&call->tx, call->actor, &order, &job);
    if (err)
        return err;
    write_job(doc_child(call->out, "job"), &job);
    call->committed = wake;
    return E_OK;
}

static enum err pack(struct call *call, enum job_kind kind, const char *bytes, size_t len)
{
    struct adding *adding = arena_zalloc(call->tx.arena, sizeof *adding);
    adding->kind = kind;
    adding->payload = job_pack(call->config->jobs, call->tx.arena, bytes, len);
    call->state = adding;
    return adding->payload ? call_next(call, LANE_WRITE, add_job) : tx_broken(&call->tx);
}

/* The user elements of the request: each names a user, or (one at most) nobody. */
static enum err read_auths(struct call *call, struct user_auth **auths_r, size_t *count_r)
{
    const struct el *first;
    enum err err = call_element(call, "user", &first);
    size_t count = 0, nameless = 0;
    for (const struct el *el = first; !err && el; el = doc_next(el))
        count++;
    *auths_r = arena_alloc(call->tx.arena, (count + 1) * sizeof **auths_r);
    *count_r = 0;
    for (const struct el *el = first; !err && el; el = doc_next(el)) {
        struct user_auth auth = {doc_get(el, "name"), doc_get(el, "authSetting"),
                                 doc_get(el, "idpConfigurationId")};
        nameless += auth.name == NULL;
        (*auths_r)[(*count_r)++] = auth;
    }
    if (!err && nameless > 1)
        return tx_refuse(&call->tx, E400000, "At most one user element may be without a name.");
    return err;
}

static enum err users_import_call(struct call *call)
{
    const struct part *file;
    struct user_auth *auths;
    const char *payload;
    size_t count, len;
    enum err err = call_part(call, "tableau_user_import", &file);
    if (!err)
        err = read_auths(call, &auths, &count);
    if (err)
        return err;
    const char *csv = part_bytes(file, &len);
    err = user_import_payload(&call->tx, auths, count, csv, len, &payload, &len);
    return err ? err : pack(call, JOB_USER_IMPORT, payload, len);
}

const struct handler rest_users_import = {users_import_call, STARTS_SLOWLY, false};

static enum err users_delete_call(struct call *call)
{
    const struct part *file;
    size_t len;
    enum err err = call_part(call, "tableau_user_delete", &file);
    if (err)
        return err;
    const char *csv = part_bytes(file, &len);
    return pack(call, JOB_USER_DELETE, csv, len);
}

const struct handler rest_users_delete = {users_delete_call, STARTS_SLOWLY, false};
