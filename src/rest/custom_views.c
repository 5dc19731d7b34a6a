/* custom_views.c: custom views: List, Get, Update, Delete, Publish and Download, and the
 * users for whom one stands in place of its view. */
#include "domain/custom_view.h"

#include <string.h>
#include <unistd.h>

#include "domain/upload.h"
#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/fields.h"
#include "rest/handlers.h"

/* As write_reference writes them. */
#define REFERENCE_NAMES(of)                               \
    {                                                     \
        .element = (of), .usual = "id;name", .others = "" \
    }
static const struct field_names VIEW_NAMES = REFERENCE_NAMES("view");
static const struct field_names WORKBOOK_NAMES = REFERENCE_NAMES("workbook");
static const struct field_names OWNER_NAMES = REFERENCE_NAMES("owner");
static const struct field_names CUSTOM_VIEW_NAMES = {
    .element = "customView",
    .usual = "id;name;createdAt;updatedAt;lastAccessedAt;shared;view;workbook;owner",
    .others = "",
    .children = FIELD_CHILDREN(&VIEW_NAMES, &WORKBOOK_NAMES, &OWNER_NAMES)};

static void write_reference(struct el *parent, const char *element, const char *id,
                            const char *name)
{
    struct el *el = doc_child(parent, element);
    doc_attr(el, "id", id);
    doc_attr(el, "name", name);
}

/* No view is looked at here, so the last access is the last change. */
static void write_custom_view(struct el *el, const struct custom_view *view)
{
    doc_attr(el, "id", view->id);
    doc_attr(el, "name", view->name);
    doc_attr_time(el, "createdAt", view->created_at);
    doc_attr_time(el, "updatedAt", view->updated_at);
    doc_attr_time(el, "lastAccessedAt", view->updated_at);
    doc_attr_bool(el, "shared", view->shared);
    write_reference(el, "view", view->view_id, view->view_name);
    write_reference(el, "workbook", view->workbook_id, view->workbook_name);
    write_reference(el, "owner", view->owner_id, view->owner_name);
}

/* ---- reading and changing */

static enum err custom_view_list_call(struct call *call)
{
    struct list_request list;
    struct fields fields;
    struct custom_view *views;
    size_t count;
    int64_t total;
    enum err err = call_list(call, custom_view_fields, custom_view_field_count, &list);
    if (!err)
        err = fields_parse(call, &CUSTOM_VIEW_NAMES, &fields);
    if (!err)
        err = custom_view_list(&call->tx, call->actor, &list, &views, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "customViews");
    for (size_t i = 0; i < count; i++) {
        struct el *el = doc_item(wrapper, "customView");
        write_custom_view(el, &views[i]);
        fields_apply(&fields, el);
    }
    return E_OK;
}

const struct handler rest_custom_view_list = {custom_view_list_call, STARTS_READING, true};

static enum err custom_view_get_call(struct call *call)
{
    struct custom_view view;
    enum err err =
        custom_view_get(&call->tx, call->actor, call_param(call, "custom-view-id"), &view, NULL);
    if (!err)
        write_custom_view(doc_child(call->out, "customView"), &view);
    return err;
}

const struct handler rest_custom_view_get = {custom_view_get_call, STARTS_READING, true};

static enum err custom_view_update_call(struct call *call)
{
    const struct el *el;
    struct custom_view view;
    enum err err = call_element(call, "customView", &el);
    if (!err)
        err = custom_view_update(&call->tx, call->actor, call_param(call, "custom-view-id"),
                                 doc_get(el, "name"), doc_get(doc_find(el, "owner"), "id"), &view);
    if (!err)
        write_custom_view(doc_child(call->out, "customView"), &view);
    return err;
}

const struct handler rest_custom_view_update = {custom_view_update_call, STARTS_WRITING, false};

static enum err custom_view_delete_call(struct call *call)
{
    return custom_view_delete(&call->tx, call->actor, call_param(call, "custom-view-id"));
}

const struct handler rest_custom_view_delete = {custom_view_delete_call, STARTS_WRITING, false};

static enum err custom_view_download_call(struct call *call)
{
    struct custom_view view;
    enum err err = custom_view_get(&call->tx, call->actor, call_param(call, "custom-view-id"),
                                   &view, &call->answer);
    call->answer_type = "application/json";
    return err;
}

const struct handler rest_custom_view_download = {custom_view_download_call, STARTS_READING, false};

/* ---- publishing */

struct publishing {
    struct custom_view_spec spec;
    const char *upload_id; /* NULL: the file is a part of the request */
    struct upload upload;
    struct blob *pieces;
    size_t piece_count;
};

/* The name of the view that it is made from, out of the file. */
static enum err read_file(struct call *call, struct publishing *p, const char *bytes, size_t len)
{
    struct el *root;
    if (len > CUSTOM_VIEW_FILE_MOST)
        return tx_refuse(&call->tx, E413000,
                         "The file of a custom view can't be larger than %d MB.",
                         CUSTOM_VIEW_FILE_MOST >> 20);
    enum err err = json_read_list(call->tx.arena, bytes, len, "part", &doc_limits_default, &root,
                                  &call->tx.fault);
    if (err)
        return err;
    for (const struct el *el = doc_find(root, "part"); el; el = doc_next(el)) {
        bool present, source;
        const char *name = doc_get(el, "viewName");
        if (!name || !doc_get(el, "tcv") || !doc_get_bool(el, "isSourceView", &present, &source))
            return tx_refuse(&call->tx, E400000,
                             "Each part of the file needs isSourceView, viewName and tcv.");
        if (present && source && !p->spec.view_name)
            p->spec.view_name = name;
    }
    if (!p->spec.view_name)
        return tx_refuse(&call->tx, E400000,
                         "The file has no part whose isSourceView is true: it names no view.");
    p->spec.file = arena_strndup(call->tx.arena, bytes, len);
    return E_OK;
}

static enum err read_element(struct call *call, struct publishing *p)
{
    const struct el *el;
    bool present;
    enum err err = call_element(call, "customView", &el);
    if (err)
        return err;
    if (!doc_get_bool(el, "shared", &present, &p->spec.shared))
        return tx_refuse(&call->tx, E400000, "shared is neither true nor false.");
    p->spec.shared = present && p->spec.shared;
    p->spec.name = doc_get(el, "name");
    p->spec.workbook_id = doc_get(doc_find(el, "workbook"), "id");
    p->spec.owner_id = doc_get(doc_find(el, "owner"), "id");
    return E_OK;
}

static enum err publish_commit(struct call *call)
{
    struct publishing *p = call->state;
    struct custom_view view;
    enum err err = custom_view_publish(&call->tx, call->actor, &p->spec, &view);
    if (!err && p->upload_id)
        err = blob_upload_end(call, &p->upload);
    if (!err)
        write_custom_view(doc_child(call->out, "customView"), &view);
    return err;
}

/* The pieces of an upload as one text; the whole is known to be small. */
static enum err read_pieces(struct call *call)
{
    struct publishing *p = call->state;
    char *bytes = arena_alloc(call->tx.arena, (size_t)p->upload.size_bytes + 1);
    size_t len = 0, room = (size_t)p->upload.size_bytes;
    for (size_t i = 0; i < p->piece_count; i++) {
        struct blob_file file;
        enum err err = piece_for_call(call, &p->upload, &p->pieces[i], &file);
        if (err)
            return err;
        if (file.len > room - len ||
            pread(file.fd, bytes + len, file.len, (off_t)file.offset) != (ssize_t)file.len)
            return tx_broken(&call->tx);
        len += file.len;
    }
    enum err err = read_file(call, p, bytes, len);
    return err ? err : call_next(call, LANE_WRITE, publish_commit);
}

static enum err find_upload(struct call *call)
{
    struct publishing *p = call->state;
    enum err err = upload_get(&call->tx, call->actor, p->upload_id, &p->upload);
    if (!err && p->upload.size_bytes > CUSTOM_VIEW_FILE_MOST)
        err = tx_refuse(&call->tx, E413000, "The file of a custom view can't be larger than %d MB.",
                        CUSTOM_VIEW_FILE_MOST >> 20);
    if (!err)
        err = upload_pieces(&call->tx, &p->upload, &p->pieces, &p->piece_count);
    return err ? err : call_next(call, LANE_BLOCKING, read_pieces);
}

static enum err custom_view_publish_call(struct call *call)
{
    struct publishing *p = arena_zalloc(call->tx.arena, sizeof *p);
    const struct part *file = part_find(call->parts, "tableau_customview");
    size_t len;
    call->state = p;
    p->upload_id = query_get(&call->query, "uploadSessionId");
    if (!file == !p->upload_id)
        return tx_refuse(&call->tx, E400000,
                         "The request needs either a part 'tableau_customview' or an "
                         "uploadSessionId.");
    enum err err = read_element(call, p);
    if (err)
        return err;
    if (p->upload_id)
        return call_next(call, LANE_READ, find_upload);
    const char *bytes = part_bytes(file, &len);
    err = read_file(call, p, bytes, len);
    return err ? err : call_next(call, LANE_WRITE, publish_commit);
}

const struct handler rest_custom_view_publish = {custom_view_publish_call, STARTS_SLOWLY, false};

/* ---- defaults */

static enum err default_users_call(struct call *call)
{
    struct list_request list;
    struct custom_view_user *users;
    size_t count;
    int64_t total;
    enum err err = call_list(call, NULL, 0, &list);
    if (!err)
        err = custom_view_default_users(&call->tx, call->actor, call_param(call, "custom-view-id"),
                                        &list, &users, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    struct el *wrapper = doc_child(call->out, "users");
    for (size_t i = 0; i < count; i++) {
        struct el *el = doc_item(wrapper, "user");
        doc_attr(el, "id", users[i].id);
        doc_attr(el, "name", users[i].name);
    }
    return E_OK;
}

const struct handler rest_custom_view_default_users = {default_users_call, STARTS_READING, true};

static void write_result(struct call *call, struct el *el, const struct custom_view_user *user)
{
    doc_attr_bool(el, "success", !user->err);
    doc_attr(doc_child(el, "user"), "id", user->id);
    if (!user->err)
        return;
    struct el *error = doc_child(el, "error");
    doc_attr(error, "code", arena_printf(call->tx.arena, "%d", (int)user->err));
    doc_text(error, "summary", error_row(user->err)->summary);
    doc_text(error, "detail", user->detail);
}

static enum err read_users(struct call *call, const char ***ids_r, size_t *count_r)
{
    const struct el *users;
    enum err err = call_element(call, "users", &users);
    if (err)
        return err;
    size_t room = 0;
    for (const struct el *el = doc_find(users, "user"); el; el = doc_next(el))
        room++;
    if (!room)
        return tx_refuse(&call->tx, E400000, "The request names no users.");
    *ids_r = arena_alloc(call->tx.arena, room * sizeof **ids_r);
    *count_r = 0;
    for (const struct el *el = doc_find(users, "user"); el; el = doc_next(el)) {
        const char *id = doc_get(el, "id");
        if (!id)
            return tx_refuse(&call->tx, E400000, "Each user needs an id.");
        (*ids_r)[(*count_r)++] = id;
    }
    return E_OK;
}

static enum err set_default_call(struct call *call)
{
    const char **ids = NULL;
    size_t count = 0;
    enum err err = read_users(call, &ids, &count);
    if (err)
        return err;
    struct custom_view_user *users = arena_alloc(call->tx.arena, count * sizeof *users);
    err = custom_view_set_default(&call->tx, call->actor, call_param(call, "custom-view-id"), ids,
                                  count, users);
    if (err)
        return err;
    struct el *results = doc_child(call->out, "customViewAsUserDefaultResults");
    for (size_t i = 0; i < count; i++)
        write_result(call, doc_item(results, "customViewAsUserDefaultViewResult"), &users[i]);
    return E_OK;
}

const struct handler rest_custom_view_set_default = {set_default_call, STARTS_WRITING, false};
