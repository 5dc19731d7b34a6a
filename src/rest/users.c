/* users.c: Add User to Site, Get Users on Site, Query User On Site, Update User,
 * Remove User from Site. */
#include "domain/user.h"

#include <string.h>
#include <strings.h>

#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"
#include "rest/write.h"
#include "trust/password.h"

const struct field_names domain_names = {.element = "domain", .usual = "name", .others = ""};

void write_user(struct el *el, const struct user *user, enum user_parts parts)
{
    bool whole = parts == USER_WHOLE;
    doc_attr(el, "id", user->id);
    doc_attr(el, "name", user->name);
    doc_attr(el, "fullName", user->full_name ? user->full_name : whole ? user->name : NULL);
    doc_attr(el, "email", user->email);
    doc_attr(el, "siteRole", role_name(user->role));
    doc_attr(el, "authSetting",
             user->auth_setting ? user->auth_setting
             : whole            ? "ServerDefault"
                                : NULL);
    if (user->last_login_at)
        doc_attr_time(el, "lastLogin", user->last_login_at);
    doc_attr(el, "externalAuthUserId",
             user->external_auth_user_id ? user->external_auth_user_id : "");
    if (!whole)
        return;
    doc_attr(el, "language", user->language ? user->language : "en");
    doc_attr(el, "locale", user->locale ? user->locale : "");
    doc_attr(doc_child(el, "domain"), "name", user->domain);
}

/* ---- one user */

static enum err user_add_call(struct call *call)
{
    const struct el *el;
    struct user user;
    enum err err = call_element(call, "user", &el);
    if (err)
        return err;
    struct user_spec spec = {.name = doc_get(el, "name"),
                             .site_role = doc_get(el, "siteRole"),
                             .auth_setting = doc_get(el, "authSetting"),
                             .email = doc_get(el, "email")};
    err = user_add(&call->tx, call->actor, call->session->site_id, &spec, &user);
    if (!err)
        write_user(doc_child(call->out, "user"), &user, USER_WHOLE);
    return err;
}

const struct handler rest_user_add = {user_add_call, STARTS_WRITING, false};

static enum err user_get_call(struct call *call)
{
    struct user user;
    enum err err = user_get(&call->tx, call->actor, call->session->site_id,
                            call_param(call, "user-id"), &user);
    if (!err)
        write_user(doc_child(call->out, "user"), &user, USER_WHOLE);
    return err;
}

const struct handler rest_user_get = {user_get_call, STARTS_READING, true};

/* ---- Update User: what it may is read, a password is hashed where that may take its
 * time, and all is asked again by the writer */

struct user_updating {
    struct user_change change;
    const char *password;
};

static enum err user_update_commit(struct call *call)
{
    const struct user_updating *updating = call->state;
    struct user user;
    enum err err = user_update(&call->tx, call->actor, call->session->site_id,
                               call_param(call, "user-id"), &updating->change, &user);
    if (!err)
        write_user(doc_child(call->out, "user"), &user, USER_WHOLE);
    return err;
}

static enum err user_update_hash(struct call *call)
{
    struct user_updating *updating = call->state;
    updating->change.password_hash = password_hash(call->tx.arena, updating->password);
    if (!updating->change.password_hash)
        return tx_broken(&call->tx);
    return call_next(call, LANE_WRITE, user_update_commit);
}

static enum err check_password(struct call *call, const char *password)
{
    if (!password || (*password && strlen(password) <= PASSWORD_MOST))
        return E_OK;
    return tx_refuse(&call->tx, E400000, "A password has 1 to %d bytes.", PASSWORD_MOST);
}

static enum err user_update_call(struct call *call)
{
    const struct el *el;
    enum err err = call_element(call, "user", &el);
    if (err)
        return err;
    struct user_updating *updating = arena_zalloc(call->tx.arena, sizeof *updating);
    call->state = updating;
    updating->password = doc_get(el, "password");
    updating->change = (struct user_change){.name = doc_get(el, "name"),
                                            .full_name = doc_get(el, "fullName"),
                                            .email = doc_get(el, "email"),
                                            .password = updating->password != NULL,
                                            .site_role = doc_get(el, "siteRole"),
                                            .auth_setting = doc_get(el, "authSetting"),
                                            .language = doc_get(el, "language"),
                                            .locale = doc_get(el, "locale")};
    err = user_check_change(&call->tx, call->actor, call->session->site_id,
                            call_param(call, "user-id"), &updating->change);
    if (!err)
        err = check_password(call, updating->password);
    if (err)
        return err;
    return updating->password ? call_next(call, LANE_BLOCKING, user_update_hash)
                              : call_next(call, LANE_WRITE, user_update_commit);
}

const struct handler rest_user_update = {user_update_call, STARTS_READING, false};

static enum err user_remove_call(struct call *call)
{
    return user_remove(&call->tx, call->actor, call->session->site_id, call_param(call, "user-id"),
                       query_get(&call->query, "mapAssetsTo"));
}

const struct handler rest_user_remove = {user_remove_call, STARTS_WRITING, false};

/* ---- Get Users on Site */

static const struct field_names USER_NAMES = {
    .element = "user",
    .usual = "id;name;fullName;email;siteRole;lastLogin;externalAuthUserId",
    .others = "authSetting;domain;language;locale",
    .children = FIELD_CHILDREN(&domain_names)};
/* With includeSSOInfo=true, how a user signs in is among what is shown unasked. */
static const struct field_names USER_NAMES_AND_SSO = {
    .element = "user",
    .usual = "id;name;fullName;email;siteRole;lastLogin;externalAuthUserId;authSetting",
    .others = "domain;language;locale",
    .children = FIELD_CHILDREN(&domain_names)};

/* What else a client may ask for. includeUserCount=false spares a server the total; it
 * costs this one nothing, and pages need it, so it is there in any case. */
struct user_extras {
    bool sso, groups, count;
};

static enum err read_flag(struct call *call, const char *name, bool *flag_r)
{
    const char *text = query_get(&call->query, name);
    bool yes = text && strcasecmp(text, "true") == 0;
    if (text && !yes && strcasecmp(text, "false") != 0)
        return tx_refuse(&call->tx, E400000, "%s is neither true nor false.", name);
    *flag_r = yes;
    return E_OK;
}

static enum err read_extras(struct call *call, struct user_extras *extras_r)
{
    enum err err = read_flag(call, "includeSSOInfo", &extras_r->sso);
    if (!err)
        err = read_flag(call, "includeGroups", &extras_r->groups);
    return err ? err : read_flag(call, "includeUserCount", &extras_r->count);
}

static enum err write_groups(struct call *call, struct el *el, const struct user *user)
{
    struct user_group *groups;
    size_t count;
    enum err err = user_groups(&call->tx, user, &groups, &count);
    if (err)
        return err;
    struct el *wrapper = doc_child(el, "groups");
    for (size_t i = 0; i < count; i++) {
        struct el *group = doc_item(wrapper, "group");
        doc_attr(group, "id", groups[i].id);
        doc_attr(group, "name", groups[i].name);
        doc_attr(group, "minimumSiteRole", groups[i].minimum_site_role);
    }
    return E_OK;
}

static enum err user_list_call(struct call *call)
{
    struct list_request list;
    struct fields fields;
    struct user_extras extras = {0};
    struct user *users;
    size_t count;
    int64_t total;
    enum err err = call_list(call, user_fields, user_field_count, &list);
    if (!err)
        err = read_extras(call, &extras);
    if (!err)
        err = fields_parse(call, extras.sso ? &USER_NAMES_AND_SSO : &USER_NAMES, &fields);
    if (!err)
        err = user_list(&call->tx, call->session->site_id, &list, &users, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "users");
    bool listed = fields.usual && !fields.count && !extras.sso;
    for (size_t i = 0; i < count && !err; i++) {
        struct el *el = doc_item(wrapper, "user");
        write_user(el, &users[i], listed ? USER_LISTED : USER_WHOLE);
        fields_apply(&fields, el);
        if (extras.groups)
            err = write_groups(call, el, &users[i]);
    }
    return err;
}

const struct handler rest_user_list = {user_list_call, STARTS_READING, true};
