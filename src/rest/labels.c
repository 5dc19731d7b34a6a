/* labels.c: Get, Update and Delete Labels, one by its id or those of the content that a
 * request lists. */
#include "domain/label.h"

#include <string.h>

#include "rest/call.h"
#include "rest/call_labels.h"
#include "rest/handlers.h"

static void write_label(const struct call *call, struct el *el, const struct label *label)
{
    doc_attr(el, "id", label->id);
    doc_attr(el, "contentId", label->content_id);
    doc_attr(el, "contentType", label->content_type);
    doc_attr(el, "value", label->value);
    doc_attr(el, "category", label->category);
    doc_attr(el, "message", label->message);
    doc_attr_bool(el, "active", label->active);
    doc_attr_bool(el, "elevated", label->elevated);
    doc_attr_time(el, "createdAt", label->created_at);
    doc_attr_time(el, "updatedAt", label->updated_at);
    doc_attr(el, "userDisplayName", label->owner_name);
    doc_attr(doc_child(el, "site"), "id", call->session->site_id);
    if (label->owner_id)
        doc_attr(doc_child(el, "owner"), "id", label->owner_id);
}

static void write_list(struct call *call, const struct label *labels, size_t count)
{
    struct el *list = doc_child(call->out, "labelList");
    for (size_t i = 0; i < count; i++)
        write_label(call, doc_item(list, "label"), &labels[i]);
}

/* ---- the request */

static enum err read_assets(struct call *call, struct label_asset **assets_r, size_t *count_r)
{
    const struct el *list;
    enum err err = call_element(call, "contentList", &list);
    if (err)
        return err;
    size_t room = 0;
    *count_r = 0;
    for (const struct el *el = doc_find(list, "content"); el; el = doc_next(el))
        room++;
    *assets_r = arena_alloc(call->tx.arena, (room + 1) * sizeof **assets_r);
    for (const struct el *el = doc_find(list, "content"); el; el = doc_next(el))
        (*assets_r)[(*count_r)++] =
            (struct label_asset){doc_get(el, "contentType"), doc_get(el, "id")};
    return E_OK;
}

struct label_filter call_label_filter(struct call *call)
{
    const char *text = query_get(&call->query, "categories");
    size_t count = 0;
    for (const char *p = text; p && *p; p += strcspn(p, ","), p += *p == ',')
        count++;
    const char **categories = arena_alloc(call->tx.arena, (count + 1) * sizeof *categories);
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(text, ",");
        categories[i] = arena_strndup(call->tx.arena, text, len);
        text += len + (text[len] == ',');
    }
    return (struct label_filter){categories, count};
}

static enum err read_flag(struct call *call, const struct el *el, const char *name, int *flag_r)
{
    bool present, value;
    if (!doc_get_bool(el, name, &present, &value))
        return tx_refuse(&call->tx, E400000, "%s is neither true nor false.", name);
    *flag_r = present ? value : -1;
    return E_OK;
}

static enum err read_change(struct call *call, struct label_change *change)
{
    const struct el *el;
    enum err err = call_element(call, "label", &el);
    if (err)
        return err;
    *change = (struct label_change){.category = doc_get(el, "category"),
                                    .value = doc_get(el, "value"),
                                    .message = doc_get(el, "message")};
    err = read_flag(call, el, "active", &change->active);
    return err ? err : read_flag(call, el, "elevated", &change->elevated);
}

/* ---- of listed content */

static enum err labels_get_call(struct call *call)
{
    struct label_asset *assets;
    struct label *labels;
    size_t asset_count, count;
    struct label_filter filter = call_label_filter(call);
    enum err err = read_assets(call, &assets, &asset_count);
    if (!err)
        err = label_list(&call->tx, call->actor, assets, asset_count, &filter, &labels, &count);
    if (!err)
        write_list(call, labels, count);
    return err;
}

const struct handler rest_labels_get = {labels_get_call, STARTS_READING, false};

static enum err labels_update_call(struct call *call)
{
    struct label_asset *assets;
    struct label_change change;
    size_t count;
    enum err err = read_assets(call, &assets, &count);
    if (!err)
        err = read_change(call, &change);
    if (err)
        return err;
    struct label *labels = arena_alloc(call->tx.arena, (count + 1) * sizeof *labels);
    err = label_set(&call->tx, call->actor, assets, count, &change, labels);
    if (!err)
        write_list(call, labels, count);
    return err;
}

const struct handler rest_labels_update = {labels_update_call, STARTS_WRITING, false};

static enum err labels_delete_call(struct call *call)
{
    struct label_asset *assets;
    size_t count;
    struct label_filter filter = call_label_filter(call);
    enum err err = read_assets(call, &assets, &count);
    return err ? err : label_delete_all(&call->tx, call->actor, assets, count, &filter);
}

const struct handler rest_labels_delete = {labels_delete_call, STARTS_WRITING, false};

/* ---- one label */

static enum err label_get_call(struct call *call)
{
    struct label label;
    enum err err = label_get(&call->tx, call->actor, call_param(call, "label-id"), &label);
    if (!err)
        write_label(call, doc_child(call->out, "label"), &label);
    return err;
}

const struct handler rest_label_get = {label_get_call, STARTS_READING, true};

static enum err label_update_call(struct call *call)
{
    struct label_change change;
    struct label label;
    enum err err = read_change(call, &change);
    if (!err)
        err = label_update(&call->tx, call->actor, call_param(call, "label-id"), &change, &label);
    if (!err)
        write_label(call, doc_child(call->out, "label"), &label);
    return err;
}

const struct handler rest_label_update = {label_update_call, STARTS_WRITING, false};

static enum err label_delete_call(struct call *call)
{
    return label_delete(&call->tx, call->actor, call_param(call, "label-id"));
}

const struct handler rest_label_delete = {label_delete_call, STARTS_WRITING, false};
