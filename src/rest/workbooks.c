/* workbooks.c: Get Workbook (by LUID, by content URL), Query Workbooks for Site and for
 * User, Update and Delete Workbook. */
#include "domain/content_item.h"
#include "domain/freshness.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/items.h"

static void read_intervals(struct call *call, const struct el *el, struct freshness_spec *spec)
{
    size_t count = 0;
    const struct el *first = doc_find(doc_find(el, "intervals"), "interval");
    for (const struct el *at = first; at; at = doc_next(at))
        count++;
    struct freshness_interval *intervals =
        arena_alloc(call->tx.arena, (count + 1) * sizeof *intervals);
    for (const struct el *at = first; at; at = doc_next(at))
        intervals[spec->at.interval_count++] =
            (struct freshness_interval){doc_get(at, "weekDay"), doc_get(at, "monthDay")};
    spec->at.intervals = intervals;
}

static enum err read_freshness(struct call *call, const struct el *el,
                               struct content_change *change)
{
    const struct el *policy = doc_find(el, "dataFreshnessPolicy");
    const struct el *every = doc_find(policy, "freshEverySchedule");
    const struct el *at = doc_find(policy, "freshAtSchedule");
    if (!policy)
        return E_OK;
    struct freshness_spec spec = {
        .option = doc_get(policy, "option"),
        .every = {every != NULL, doc_get(every, "frequency"), doc_get(every, "value")},
        .at = {.given = at != NULL,
               .frequency = doc_get(at, "frequency"),
               .time = doc_get(at, "time"),
               .time_zone = doc_get(at, "timezone")}};
    read_intervals(call, at, &spec);
    struct freshness *freshness = arena_alloc(call->tx.arena, sizeof *freshness);
    change->freshness = freshness;
    return freshness_read(&call->tx, &spec, freshness);
}

/* What is asked of an accelerator is read over: there is none, and the answer says so. */
static enum err read_acceleration(struct call *call, const struct el *el)
{
    int unused;
    enum err err = item_read_flag(call, el, "accelerationEnabled", &unused);
    return err ? err : item_read_flag(call, el, "accelerateNow", &unused);
}

static enum err read_change(struct call *call, const struct el *el, struct content_change *change)
{
    enum err err = item_read_flag(call, el, "showTabs", &change->show_tabs);
    if (!err)
        err = item_read_flag(call, el, "encryptExtracts", &change->encrypts_extracts);
    if (!err)
        err = read_acceleration(call, doc_find(el, "dataAccelerationConfig"));
    return err ? err : read_freshness(call, el, change);
}

static const struct item_kind WORKBOOKS = {TYPE_WORKBOOK,   "workbook",      "workbooks",
                                           "workbook-id",   workbook_fields, &workbook_field_count,
                                           &workbook_names, write_workbook,  read_change};

static enum err workbook_list_call(struct call *call)
{
    return items_list(call, &WORKBOOKS);
}

const struct handler rest_workbook_list = {workbook_list_call, STARTS_READING, true};

static enum err workbook_list_of_user_call(struct call *call)
{
    return items_list_of_user(call, &WORKBOOKS);
}

const struct handler rest_workbook_list_of_user = {workbook_list_of_user_call, STARTS_READING,
                                                   true};

static enum err workbook_get_call(struct call *call)
{
    return item_get(call, &WORKBOOKS);
}

const struct handler rest_workbook_get = {workbook_get_call, STARTS_READING, false};

static enum err workbook_get_by_url_call(struct call *call)
{
    struct content_item workbook;
    enum err err = content_item_by_url(&call->tx, call->actor, TYPE_WORKBOOK,
                                       call_param(call, "content-url"), &workbook);
    if (!err)
        call_viewed(call, TYPE_WORKBOOK, workbook.id);
    return err ? err
               : write_workbook(call, doc_child(call->out, "workbook"), &workbook, ITEM_WHOLE);
}

const struct handler rest_workbook_get_by_url = {workbook_get_by_url_call, STARTS_READING, false};

static enum err workbook_update_call(struct call *call)
{
    bool views;
    enum err err = item_query_flag(call, "includeViewAccelerationStatus", E400000, &views);
    return err ? err
               : item_update(call, &WORKBOOKS, views ? ITEM_CHANGED_ACCELERATED : ITEM_CHANGED);
}

const struct handler rest_workbook_update = {workbook_update_call, STARTS_WRITING, false};

static enum err workbook_delete_call(struct call *call)
{
    return item_delete(call, &WORKBOOKS);
}

const struct handler rest_workbook_delete = {workbook_delete_call, STARTS_WRITING, false};
