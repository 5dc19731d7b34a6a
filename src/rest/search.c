/* search.c: Get Content Search Results. It stands outside of the versions, and its
 * answer is JSON of its own form: {"hits": {...}}. */
#include "domain/search.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/http.h"
#include "rest/call.h"
#include "rest/handlers.h"

/* ---- reading the query */

static enum err read_number(struct call *call, const char *name, int64_t least, int64_t most,
                            int64_t usual, int64_t *value_r)
{
    const char *text = query_get(&call->query, name);
    *value_r = usual;
    if (!text)
        return E_OK;
    size_t len = strlen(text);
    if (len && len <= 9 && strspn(text, "0123456789") == len) {
        *value_r = strtoll(text, NULL, 10);
        if (*value_r >= least && *value_r <= most)
            return E_OK;
    }
    return tx_refuse(&call->tx, E400000, "%s is a whole number from %lld to %lld, not '%.20s'.",
                     name, (long long)least, (long long)most, text);
}

static enum err read_request(struct call *call, struct search_request *request)
{
    *request = (struct search_request){.terms = query_get(&call->query, "terms"),
                                       .filter = query_get(&call->query, "filter"),
                                       .order = query_get(&call->query, "order_by")};
    if (!request->order) /* as some clients write it */
        request->order = query_get(&call->query, "orderBy");
    enum err err = read_number(call, "page", 0, 999999999, 0, &request->page);
    return err ? err
               : read_number(call, "limit", 1, SEARCH_LIMIT_MOST, SEARCH_LIMIT_USUAL,
                             &request->limit);
}

/* ---- the answer */

static void add_text(struct buf *out, const char *name, const char *text)
{
    if (!text)
        return;
    buf_addf(out, ",\"%s\":", name);
    buf_add_json(out, text);
}

static void add_number(struct buf *out, const char *name, int64_t value)
{
    buf_addf(out, ",\"%s\":%lld", name, (long long)value);
}

static void add_flag(struct buf *out, const char *name, bool value)
{
    buf_addf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

static void add_time(struct buf *out, const char *name, int64_t at)
{
    char text[CLOCK_ISO_ROOM];
    clock_iso(at, text);
    add_text(out, name, text);
}

static void add_tags(struct buf *out, const struct tag_list *tags)
{
    buf_adds(out, ",\"tags\":[");
    for (size_t i = 0; i < tags->count; i++) {
        buf_adds(out, i ? "," : "");
        buf_add_json(out, tags->labels[i]);
    }
    buf_addc(out, ']');
}

static void add_description(struct buf *out, const struct search_hit *hit)
{
    bool of_workbook = hit->type == TYPE_WORKBOOK || hit->type == TYPE_VIEW;
    if (*hit->description)
        add_text(out, of_workbook ? "workbookDescription" : "description", hit->description);
}

static void add_warnings(struct buf *out, const struct search_hit *hit)
{
    if (hit->type != TYPE_DATASOURCE && hit->type != TYPE_FLOW)
        return; /* nothing else has labels */
    add_flag(out, "hasActiveDataQualityWarning", hit->around.has_warning);
    add_flag(out, "hasSevereDataQualityWarning", hit->around.has_severe_warning);
}

static void add_datasource(struct buf *out, const struct search_hit *hit)
{
    add_text(out, "connectionType", hit->connection_type);
    add_flag(out, "datasourceIsPublished", true);
    add_flag(out, "isCertified", hit->is_certified);
    add_flag(out, "isConnectable", hit->around.is_connectable);
    add_number(out, "connectedWorkbooksCount", hit->around.workbooks);
    add_number(out, "downstreamWorkbookCount", hit->around.workbooks);
    if (hit->has_extracts) /* it changes with its file alone */
        add_time(out, "extractUpdatedAt", hit->published_at);
}

static void add_hit(struct call *call, struct buf *out, const struct search_hit *hit)
{
    const char *type = content_type_name(hit->type);
    buf_addf(out, "{\"uri\":\"/api/%s/sites/%s/%ss/%s\",\"content\":{\"type\":\"%s\"",
             VERSION_NEWEST, call->session->site_id, type, hit->id, type);
    add_text(out, "luid", hit->id);
    add_number(out, "id", hit->serial);
    add_text(out, "title", hit->title);
    add_description(out, hit);
    add_number(out, "ownerId", hit->owner_serial);
    add_text(out, "ownerName", hit->owner_name);
    add_text(out, "ownerEmail", hit->owner_email);
    add_number(out, "projectId", hit->project_serial);
    add_text(out, "projectName", hit->project_name);
    add_text(out, "containerName", hit->container);
    if (hit->type == TYPE_VIEW)
        add_text(out, "locationName", hit->project_name);
    add_text(out, "sheetType", hit->sheet_type);
    if (hit->type == TYPE_DATASOURCE)
        add_datasource(out, hit);
    if (hit->type == TYPE_DATASOURCE || hit->type == TYPE_WORKBOOK) {
        add_flag(out, "hasExtracts", hit->has_extracts);
        add_flag(out, "extractCreationPending", false); /* extracts come with files */
    }
    add_warnings(out, hit);
    add_number(out, "favoritesTotal", hit->around.favorites);
    add_number(out, "hitsTotal", hit->usage.total);
    add_number(out, "hitsSmallSpanTotal", hit->usage.one_month);
    add_number(out, "hitsMediumSpanTotal", hit->usage.three_months);
    add_number(out, "hitsLargeSpanTotal", hit->usage.twelve_months);
    add_time(out, "createdTime", hit->created_at);
    add_time(out, "modifiedTime", hit->modified_at);
    add_tags(out, &hit->tags);
    buf_adds(out, "}}");
}

/* The URI of another page: the query as it was sent, but for its page. */
static void add_page(struct call *call, struct buf *out, const char *name, int64_t page)
{
    struct buf uri;
    const char *query = http_query(call->http);
    buf_init(&uri, call->tx.arena, 0);
    buf_addf(&uri, "%s%s?page=%lld", call_origin(call), http_path(call->http), (long long)page);
    while (query && *query) {
        size_t len = strcspn(query, "&");
        if (len && strncmp(query, "page=", 5) != 0) {
            buf_addc(&uri, '&');
            buf_add(&uri, query, len);
        }
        query += len + (query[len] == '&');
    }
    add_text(out, name, uri.bytes);
}

static const char *write_answer(struct call *call, const struct search_request *request,
                                const struct search_hit *hits, size_t count, int64_t total)
{
    struct buf out;
    int64_t start = request->page * request->limit;
    buf_init(&out, call->tx.arena, 0);
    buf_addf(&out, "{\"hits\":{\"total\":%lld", (long long)total);
    add_number(&out, "pageIndex", request->page);
    add_number(&out, "startIndex", start);
    add_number(&out, "limit", request->limit);
    if (start + request->limit < total)
        add_page(call, &out, "next", request->page + 1);
    if (request->page > 0 && start - request->limit < total)
        add_page(call, &out, "prev", request->page - 1);
    buf_adds(&out, ",\"items\":[");
    for (size_t i = 0; i < count; i++) {
        buf_adds(&out, i ? "," : "");
        add_hit(call, &out, &hits[i]);
    }
    buf_adds(&out, "]}}");
    return out.bytes;
}

static enum err content_search_call(struct call *call)
{
    struct search_request request;
    struct search_hit *hits;
    size_t count;
    int64_t total;
    enum err err = read_request(call, &request);
    if (!err)
        err = search(&call->tx, call->actor, &request, &hits, &count, &total);
    if (err)
        return err;
    call->answer = write_answer(call, &request, hits, count, total);
    call->answer_type = "application/json;charset=UTF-8";
    return E_OK;
}

const struct handler rest_content_search = {content_search_call, STARTS_READING, false};
