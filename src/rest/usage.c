/* usage.c: Get Usage Statistics for Content Item, Get Batch Content Usage Statistics.
 * They stand outside of the versions, and answer JSON of their own forms. */
#include "domain/usage.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "http/http.h"
#include "rest/call.h"
#include "rest/handlers.h"

enum { ITEMS_MOST = 1000 }; /* of a batch */

/* The types of which usage is counted, by either name: workbook, workbooks. */
static enum err read_type(struct call *call, const char *name, enum content_type *type_r)
{
    static const enum content_type types[] = {TYPE_WORKBOOK, TYPE_VIEW, TYPE_DATASOURCE, TYPE_FLOW};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const char *known = content_type_name(types[i]);
        size_t len = strlen(known);
        *type_r = types[i];
        if (strncasecmp(name, known, len) == 0 && strcasecmp(name + len, "s") == 0)
            return E_OK;
        if (strcasecmp(name, known) == 0)
            return E_OK;
    }
    return tx_refuse(&call->tx, E400000,
                     "Usage statistics are not supported for content of the type '%.40s'.", name);
}

static void add_usage(struct buf *out, const struct usage *usage)
{
    buf_addf(out, "{\"hitsTotal\":%lld,\"hitsLastTwoWeeksTotal\":%lld,", (long long)usage->total,
             (long long)usage->two_weeks);
    buf_addf(out, "\"hitsLastOneMonthTotal\":%lld,\"hitsLastThreeMonthsTotal\":%lld,",
             (long long)usage->one_month, (long long)usage->three_months);
    buf_addf(out, "\"hitsLastTwelveMonthsTotal\":%lld}", (long long)usage->twelve_months);
}

/* Of the type that is the method's own, unless the caller takes plain JSON alone. */
static void answer(struct call *call, const struct buf *out, const char *own_type)
{
    const char *accept = http_header(call->http, "Accept");
    bool plain = accept && strcasestr(accept, "application/json") &&
                 !strcasestr(accept, "vnd.tableau.usagestats");
    call->answer = out->bytes;
    call->answer_type = plain ? "application/json;charset=UTF-8" : own_type;
}

/* ---- of one item */

static enum err usage_get_step(struct call *call)
{
    struct buf out;
    struct usage usage;
    enum content_type type;
    enum err err = read_type(call, call_param(call, "type"), &type);
    if (!err)
        err = usage_get(&call->tx, call->actor, type, call_param(call, "luid"), &usage);
    if (err)
        return err;
    buf_init(&out, call->tx.arena, 0);
    add_usage(&out, &usage);
    answer(call, &out, "application/vnd.tableau.usagestats.v1.UsageStats+json");
    return E_OK;
}

static enum err usage_get_call(struct call *call)
{
    return call_after_looks(call, usage_get_step);
}

const struct handler rest_usage_get = {usage_get_call, STARTS_READING, false};

/* ---- of several */

/* What can't be told of an item goes among the errors, and keeps none of the others. */
static enum err add_item(struct call *call, const struct el *item, struct buf *items,
                         struct buf *errors)
{
    struct usage usage;
    enum content_type type;
    const char *id = doc_get(item, "luid"), *name = doc_get(item, "type");
    enum err err = read_type(call, name, &type);
    if (!err)
        err = usage_get(&call->tx, call->actor, type, id, &usage);
    if (err && error_row(err)->status >= 500)
        return err;
    struct buf *out = err ? errors : items;
    buf_adds(out, out->len ? "," : "");
    if (err) {
        buf_addf(out, "{\"http_error_code\":%d,\"message\":", error_row(err)->status);
        buf_add_json(out, call->tx.fault.detail);
        buf_addc(out, '}');
        return E_OK;
    }
    buf_addf(out, "{\"content\":{\"type\":\"%s\",\"luid\":", content_type_name(type));
    buf_add_json(out, id);
    buf_adds(out, "},\"usage\":");
    add_usage(out, &usage);
    buf_addc(out, '}');
    return E_OK;
}

static bool is_json_object(const struct call *call)
{
    size_t at = 0;
    while (at < call->body.len && call->body.bytes[at] && strchr(" \t\r\n", call->body.bytes[at]))
        at++;
    return at < call->body.len && call->body.bytes[at] == '{';
}

static bool says(const struct el *item, const char *name)
{
    const char *text = doc_get(item, name);
    return text && *text;
}

static enum err check_items(struct call *call)
{
    size_t count = 0;
    const struct el *item = is_json_object(call) ? doc_find(call->in, "content_items") : NULL;
    for (; item; item = doc_next(item), count++)
        if (!says(item, "luid") || !says(item, "type"))
            return tx_refuse(&call->tx, E400000, "Each of content_items needs a luid and a type.");
    if (count && count <= ITEMS_MOST)
        return E_OK;
    return tx_refuse(&call->tx, E400000,
                     "The request needs a body in JSON with content_items, at most %d of them.",
                     ITEMS_MOST);
}

static enum err usage_batch_step(struct call *call)
{
    struct buf out, items, errors;
    enum err err = E_OK;
    buf_init(&out, call->tx.arena, 0);
    buf_init(&items, call->tx.arena, 0);
    buf_init(&errors, call->tx.arena, 0);
    for (const struct el *item = doc_find(call->in, "content_items"); item && !err;
         item = doc_next(item))
        err = add_item(call, item, &items, &errors);
    if (err)
        return err;
    buf_adds(&out, "{\"content_items\":[");
    buf_add(&out, items.bytes, items.len);
    if (errors.len) {
        buf_adds(&out, "],\"errors\":[");
        buf_add(&out, errors.bytes, errors.len);
    }
    buf_adds(&out, "]}");
    answer(call, &out, "application/vnd.tableau.usagestats.v1.ContentItemUsageStatsList+json");
    return E_OK;
}

static enum err usage_batch_call(struct call *call)
{
    enum err err = check_items(call);
    return err ? err : call_after_looks(call, usage_batch_step);
}

const struct handler rest_usage_batch = {usage_batch_call, STARTS_READING, false};
