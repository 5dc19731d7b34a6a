/* users.c: Add User to Site, Get Users on Site, Query User On Site. */
#include "domain/user.h"

#include <string.h>

#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"
#include "rest/write.h"

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
    if (whole)
        doc_attr(doc_child(el, "domain"), "name", user->domain);
}

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

static const struct field_names USER_FIELDS = {
    "user", "id;name;fullName;email;siteRole;lastLogin;externalAuthUserId",
    "authSetting;domain;language;locale"};

static enum err user_list_call(struct call *call)
{
    struct list_request list;
    struct fields fields;
    struct user *users;
    size_t count;
    int64_t total;
    enum err err = call_list(call, user_fields, user_field_count, &list);
    if (!err)
        err = fields_parse(call, &USER_FIELDS, &fields);
    if (!err)
        err = user_list(&call->tx, call->session->site_id, &list, &users, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "users");
    for (size_t i = 0; i < count; i++) {
        struct el *el = doc_item(wrapper, "user");
        write_user(el, &users[i], fields.usual && !fields.count ? USER_LISTED : USER_WHOLE);
        fields_apply(&fields, el);
    }
    return E_OK;
}

const struct handler rest_user_list = {user_list_call, STARTS_READING, true};
