/* items.c: see items.h. */
#include "rest/items.h"

#include <strings.h>

#include "domain/content_item.h"
#include "rest/call.h"

enum err item_read_flag(struct call *call, const struct el *el, const char *name, int *flag_r)
{
    bool present, value;
    if (!doc_get_bool(el, name, &present, &value))
        return tx_refuse(&call->tx, E400000, "%s is neither true nor false.", name);
    *flag_r = present ? value : -1;
    return E_OK;
}

enum err item_query_flag(struct call *call, const char *name, enum err refusal, bool *flag_r)
{
    const char *text = query_get(&call->query, name);
    *flag_r = text && strcasecmp(text, "true") == 0;
    if (text && !*flag_r && strcasecmp(text, "false") != 0)
        return tx_refuse(&call->tx, refusal, "%s is neither true nor false.", name);
    return E_OK;
}

/* ---- lists */

static enum err write_items(struct call *call, const struct item_kind *kind,
                            const struct fields *fields, const struct content_item *items,
                            size_t count)
{
    enum err err = E_OK;
    struct el *wrapper = doc_child(call->out, kind->wrapper);
    bool more = fields && (fields->all || fields->count);
    for (size_t i = 0; i < count && !err; i++) {
        struct el *el = doc_item(wrapper, kind->element);
        err = kind->write(call, el, &items[i], more ? ITEM_EVERY : ITEM_LISTED);
        if (more)
            fields_apply(fields, el);
    }
    return err;
}

enum err items_list(struct call *call, const struct item_kind *kind)
{
    struct list_request list;
    struct fields fields;
    struct content_item *items;
    size_t count;
    int64_t total;
    enum err err = call_list(call, kind->list_fields, *kind->list_field_count, &list);
    if (!err && kind->fields)
        err = fields_parse(call, kind->fields, &fields);
    if (!err)
        err = content_item_list(&call->tx, call->actor, kind->type, &list, &items, &count, &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    return write_items(call, kind, kind->fields ? &fields : NULL, items, count);
}

enum err items_list_of_user(struct call *call, const struct item_kind *kind)
{
    struct list_request list;
    struct content_item *items;
    size_t count;
    int64_t total;
    bool owned;
    enum err err = call_list(call, kind->list_fields, *kind->list_field_count, &list);
    if (!err)
        err = item_query_flag(call, "ownedBy", E400000, &owned);
    if (!err)
        err = content_item_list_of_user(&call->tx, call->actor, kind->type,
                                        call_param(call, "user-id"), owned, &list, &items, &count,
                                        &total);
    if (err)
        return err;
    call_pagination(call, &list, total);
    return write_items(call, kind, NULL, items, count);
}

/* ---- one item */

enum err item_get(struct call *call, const struct item_kind *kind)
{
    struct content_item item;
    enum err err = content_item_get(&call->tx, call->actor, kind->type,
                                    call_param(call, kind->param), CAP_BIT(CAP_READ), &item, NULL);
    if (!err && kind->type == TYPE_WORKBOOK)
        call_viewed(call, kind->type, item.id);
    return err ? err : kind->write(call, doc_child(call->out, kind->element), &item, ITEM_WHOLE);
}

enum err item_update(struct call *call, const struct item_kind *kind, enum item_parts parts)
{
    const struct el *el;
    struct content_item item;
    enum err err = call_element(call, kind->element, &el);
    if (err)
        return err;
    struct content_change change = {.name = doc_get(el, "name"),
                                    .description = doc_get(el, "description"),
                                    .project_id = doc_get(doc_find(el, "project"), "id"),
                                    .owner_id = doc_get(doc_find(el, "owner"), "id"),
                                    .show_tabs = -1,
                                    .encrypts_extracts = -1,
                                    .uses_remote_query_agent = -1,
                                    .is_certified = -1};
    if (kind->read_change)
        err = kind->read_change(call, el, &change);
    if (!err)
        err = content_item_update(&call->tx, call->actor, kind->type, call_param(call, kind->param),
                                  &change, &item);
    if (err)
        return err;
    return kind->write(call, doc_child(call->out, kind->element), &item, parts);
}

enum err item_delete(struct call *call, const struct item_kind *kind)
{
    return content_item_delete(&call->tx, call->actor, kind->type, call_param(call, kind->param));
}
