/* tags.c: tags of workbooks, views, data sources and flows, one by one and in batches. */
#include "domain/tag.h"

#include <string.h>

#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/write_content.h"

enum { ITEMS_MOST = 1000 }; /* of a batch */

/* What has tags: the parameter of the path that names it, and how the label of one
 * that is to go is refused where it is none. */
static const struct kind {
    const char *param;
    enum content_type type;
    enum err not_removed;
    int since; /* first version whose tags methods know it */
} KINDS[] = {
    {"workbook-id", TYPE_WORKBOOK, E400051, VERSION(2, 0)},
    {"view-id", TYPE_VIEW, E400078, VERSION(2, 6)},
    {"datasource-id", TYPE_DATASOURCE, E400077, VERSION(2, 6)},
    {"flow-id", TYPE_FLOW, E404007, VERSION(3, 3)},
};

static enum err find_kind(struct call *call, const struct kind **kind_r)
{
    const struct kind *kind = KINDS;
    while (!*call_param(call, kind->param))
        kind++; /* each path that leads here has one of them */
    *kind_r = kind;
    if (call->version >= kind->since)
        return E_OK;
    return tx_refuse(&call->tx, E404008,
                     "Tags of a %s can be changed from a later version of the "
                     "API on.",
                     content_type_name(kind->type));
}

struct labels {
    const char **labels;
    size_t count;
};

static void add_once(struct labels *labels, const char *label)
{
    for (size_t i = 0; i < labels->count; i++)
        if (strcmp(labels->labels[i], label) == 0)
            return;
    labels->labels[labels->count++] = label;
}

static enum err read_labels(struct call *call, const struct el *tags, struct labels *labels_r)
{
    size_t count = 0;
    const struct el *first = doc_find(tags, "tag");
    for (const struct el *tag = first; tag; tag = doc_next(tag))
        count++;
    if (!count || count > TAGS_MOST)
        return tx_refuse(&call->tx, E400000, "The request needs tags, at most %d of them.",
                         TAGS_MOST);
    *labels_r = (struct labels){arena_alloc(call->tx.arena, count * sizeof(char *)), 0};
    for (const struct el *tag = first; tag; tag = doc_next(tag)) {
        const char *label = doc_get(tag, "label");
        if (!label)
            return tx_refuse(&call->tx, E400000, "Each tag needs a label.");
        add_once(labels_r, label);
    }
    return E_OK;
}

static enum err tags_add_call(struct call *call)
{
    const struct kind *kind;
    const struct el *tags;
    struct labels labels = {0};
    enum err err = find_kind(call, &kind);
    if (!err)
        err = call_element(call, "tags", &tags);
    if (!err)
        err = read_labels(call, tags, &labels);
    if (!err)
        err = tag_add(&call->tx, call->actor, kind->type, call_param(call, kind->param),
                      labels.labels, labels.count);
    if (!err)
        write_tags(call->out, labels.labels, labels.count);
    return err;
}

const struct handler rest_tags_add = {tags_add_call, STARTS_WRITING, false};

static enum err tags_delete_call(struct call *call)
{
    const struct kind *kind;
    const char *label = call_param(call, "tag-name");
    enum err err = find_kind(call, &kind);
    if (!err && !label[strspn(label, " \t")])
        err = tx_refuse(&call->tx, kind->not_removed, "The label of a tag can't be blank.");
    return err ? err
               : tag_remove(&call->tx, call->actor, kind->type, call_param(call, kind->param),
                            label);
}

const struct handler rest_tags_delete = {tags_delete_call, STARTS_WRITING, false};

/* ---- batches */

struct batch {
    struct labels labels;
    struct tag_item *items;
    size_t count;
};

static enum err read_item(struct call *call, const struct el *el, struct tag_item *item)
{
    const char *type = doc_get(el, "contentType");
    item->id = doc_get(el, "id");
    item->type = TYPE_COUNT;
    if (!item->id)
        return tx_refuse(&call->tx, E400000, "Each content needs an id.");
    if (!type) /* as some clients send it */
        return E_OK;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (content_type_parse(type) == KINDS[i].type)
            item->type = KINDS[i].type;
    if (item->type != TYPE_COUNT)
        return E_OK;
    return tx_refuse(&call->tx, E404008, "Content of the type '%.40s' has no tags here.", type);
}

static enum err read_batch(struct call *call, struct batch *batch)
{
    const struct el *el;
    size_t count = 0;
    enum err err = call_element(call, "tagBatch", &el);
    if (!err)
        err = read_labels(call, doc_find(el, "tags"), &batch->labels);
    if (err)
        return err;
    const struct el *first = doc_find(doc_find(el, "contents"), "content");
    for (const struct el *content = first; content; content = doc_next(content))
        count++;
    if (!count || count > ITEMS_MOST)
        return tx_refuse(&call->tx, E400000, "The request needs contents, at most %d of them.",
                         ITEMS_MOST);
    batch->items = arena_alloc(call->tx.arena, count * sizeof *batch->items);
    batch->count = 0;
    for (const struct el *content = first; content && !err; content = doc_next(content))
        err = read_item(call, content, &batch->items[batch->count++]);
    return err;
}

static const char *wire_name(enum content_type type)
{
    static const char *const names[] = {[TYPE_WORKBOOK] = "Workbook",
                                        [TYPE_VIEW] = "View",
                                        [TYPE_DATASOURCE] = "Datasource",
                                        [TYPE_FLOW] = "Flow"};
    return names[type];
}

static void write_batch(struct call *call, const struct batch *batch)
{
    struct el *el = doc_child(call->out, "tagBatch");
    write_tags(el, batch->labels.labels, batch->labels.count);
    struct el *contents = doc_child(el, "contents");
    for (size_t i = 0; i < batch->count; i++) {
        struct el *content = doc_item(contents, "content");
        doc_attr(content, "contentType", wire_name(batch->items[i].type));
        doc_attr(content, "id", batch->items[i].id);
    }
}

static enum err tags_batch_add_call(struct call *call)
{
    struct batch batch;
    enum err err = read_batch(call, &batch);
    if (!err)
        err = tag_add_all(&call->tx, call->actor, batch.items, batch.count, batch.labels.labels,
                          batch.labels.count);
    if (!err)
        write_batch(call, &batch);
    return err;
}

const struct handler rest_tags_batch_add = {tags_batch_add_call, STARTS_WRITING, false};

static enum err tags_batch_delete_call(struct call *call)
{
    struct batch batch;
    enum err err = read_batch(call, &batch);
    if (!err)
        err = tag_remove_all(&call->tx, call->actor, batch.items, batch.count, batch.labels.labels,
                             batch.labels.count);
    if (!err)
        write_batch(call, &batch);
    return err;
}

const struct handler rest_tags_batch_delete = {tags_batch_delete_call, STARTS_WRITING, false};
