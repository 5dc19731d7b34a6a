/* server.c: Server Info, Get Current Server Session, Delete Server Session. */
#include <string.h>

#include "base/ident.h"
#include "domain/user.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/write.h"

/* The release of Tableau Server whose API this is; clients compare it. */
#define PRODUCT_VERSION "2026.2.0"
#define PRODUCT_BUILD "20262.26.0000.0000"

static enum err server_info(struct call *call)
{
    struct el *info = doc_child(call->out, "serverInfo");
    struct el *product = doc_text(info, "productVersion", PRODUCT_VERSION);
    doc_attr(product, "build", PRODUCT_BUILD);
    doc_text(info, "restApiVersion", VERSION_NEWEST);
    return E_OK;
}

const struct handler rest_server_info = {server_info, STARTS_READING, false};

static enum err session_current(struct call *call)
{
    struct user user;
    struct el *session = doc_child(call->out, "session");
    struct el *site = doc_child(session, "site");
    enum err err =
        user_get(&call->tx, call->actor, call->session->site_id, call->session->user_id, &user);
    if (err)
        return err;
    doc_attr(site, "id", call->actor->site_id);
    doc_attr(site, "name", call->actor->site_name);
    doc_attr(site, "contentUrl", call->actor->site_content_url);
    write_user(doc_child(session, "user"), &user, USER_WHOLE);
    return E_OK;
}

const struct handler rest_session_current = {session_current, STARTS_READING, true};

/* The session is named by its id or by its credentials token: clients that want
 * to end another's session know one or the other. */
static enum err session_delete(struct call *call)
{
    const char *given = call_param(call, "session-id");
    struct session session = {0};
    char hash[65], id[LUID_ROOM] = "";
    bool found = false;
    if (luid_valid(given)) {
        luid_normalize(given, id);
    } else {
        session_token_hash(given, hash);
        if (session_find(&call->tx, given, hash, &session))
            memcpy(id, session.id, LUID_ROOM);
    }
    enum err err = *id ? session_end(&call->tx, id, &found) : E_OK;
    if (!err && !found)
        return tx_refuse(&call->tx, E404003, "The session could not be found.");
    return err;
}

const struct handler rest_session_delete = {session_delete, STARTS_WRITING, false};
