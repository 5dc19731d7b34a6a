/* call.c: what handlers use (call.h). */
#include "rest/call.h"

#include <string.h>
#include <strings.h>

#include "http/http.h"

const char *call_param(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->method->param_count; i++)
        if (strcmp(call->method->param_names[i], name) == 0)
            return call->params[i];
    return "";
}

enum err call_next(struct call *call, enum lane lane, enum err (*step)(struct call *call))
{
    call->next = step;
    call->next_lane = lane;
    return E_OK;
}

enum err call_wait(struct call *call, void (*begin)(struct call *call),
                   enum err (*step)(struct call *call))
{
    call->wait = begin;
    return call_next(call, LANE_READ, step);
}

enum err call_element(struct call *call, const char *name, const struct el **el_r)
{
    *el_r = doc_find(call->in, name);
    if (*el_r)
        return E_OK;
    return tx_refuse(&call->tx, E400000, "The request needs a body with the element '%s'.", name);
}

enum err call_part(struct call *call, const char *name, const struct part **part_r)
{
    *part_r = part_find(call->parts, name);
    if (*part_r)
        return E_OK;
    return tx_refuse(&call->tx, E400000, "The request needs a body with the part '%s'.", name);
}

enum err call_list(struct call *call, const struct list_field *fields, size_t count,
                   struct list_request *list_r)
{
    const struct query *q = &call->query;
    return list_parse(&call->tx, fields, count, query_get(q, "pageNumber"),
                      query_get(q, "pageSize"), query_get(q, "filter"), query_get(q, "sort"),
                      list_r);
}

void call_pagination(struct call *call, const struct list_request *list, int64_t total)
{
    struct el *el = doc_child(call->out, "pagination");
    doc_attr_count(el, "pageNumber", list->page_number);
    doc_attr_count(el, "pageSize", list->page_size);
    doc_attr_count(el, "totalAvailable", total);
}

/* What may stand in a Host header, port included. */
static bool is_host(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return len && len <= 255 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") ==
               len;
}

const char *call_host(struct call *call)
{
    const char *host = http_header(call->http, "Host");
    return is_host(host) ? host : "localhost";
}

const char *call_origin(struct call *call)
{
    const char *proxied = http_header(call->http, "X-Forwarded-Proto");
    bool tls = call->config->tls || (proxied && strcasecmp(proxied, "https") == 0);
    return arena_printf(call->tx.arena, "%s://%s", tls ? "https" : "http", call_host(call));
}
