/* recents.c: Get Recently Viewed for Site. */
#include "domain/recent.h"

#include "domain/content_item.h"
#include "domain/view.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/write_content.h"

/* Writes one; nothing where it may not be read any more. */
static enum err write_recent(struct call *call, struct el *wrapper, const struct recent *recent)
{
    struct view view;
    struct content_item item;
    bool is_view = recent->type == TYPE_VIEW;
    enum err err = is_view ? view_get(&call->tx, call->actor, recent->item_id, 0, &view, NULL)
                           : content_item_get(&call->tx, call->actor, recent->type, recent->item_id,
                                              0, &item, NULL);
    if (err)
        return error_row(err)->status < 500 ? E_OK : err;
    struct el *el = doc_child(doc_item(wrapper, "recent"), content_type_name(recent->type));
    if (!is_view)
        return write_workbook(call, el, &item, ITEM_LISTED);
    write_view(el, &view, VIEW_LISTED);
    return E_OK;
}

static enum err write_recents(struct call *call)
{
    struct recent recents[RECENTS_KEPT];
    size_t count;
    enum err err = recent_list(&call->tx, call->actor, recents, &count);
    if (err)
        return err;
    struct el *wrapper = doc_child(call->out, "recents");
    for (size_t i = 0; i < count && !err; i++)
        err = write_recent(call, wrapper, &recents[i]);
    return err;
}

static enum err flush(struct call *call)
{
    enum err err = recents_flush(call->config->recents, &call->tx);
    call->job.news = NO_NEWS;
    return err ? err : call_next(call, LANE_READ, call->after_looks);
}

enum err call_after_looks(struct call *call, enum err (*step)(struct call *call))
{
    call->after_looks = step;
    return recents_wait_of(call->config->recents, call->actor->user_id)
               ? call_next(call, LANE_WRITE, flush)
               : step(call);
}

enum err call_with_usage(struct call *call, bool tells_usage, enum err (*step)(struct call *call))
{
    call->fleeting = tells_usage; /* looks count up while the repository stands still */
    return tells_usage ? call_after_looks(call, step) : step(call);
}

/* What was noted a moment ago is shown too. */
static enum err recent_list_call(struct call *call)
{
    return call_after_looks(call, write_recents);
}

const struct handler rest_recent_list = {recent_list_call, STARTS_READING, false};

void call_viewed(struct call *call, enum content_type type, const char *id)
{
    recents_note(call->config->recents, call->actor->user_id, type, id, call->tx.now);
}
