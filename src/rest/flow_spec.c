/* flow_spec.c: see flow_spec.h. */
#include "rest/flow_spec.h"

#include <string.h>

#include "base/ident.h"
#include "rest/call.h"

static enum err read_mode(struct call *call, const char *mode, struct flow_request *request)
{
    request->incremental = mode && strcmp(mode, "incremental") == 0;
    if (!mode || request->incremental || strcmp(mode, "full") == 0)
        return E_OK;
    return tx_refuse(&call->tx, E400000, "runMode is neither full nor incremental.");
}

static size_t count_of(const struct el *first)
{
    size_t count = 0;
    for (; first; first = doc_next(first))
        count++;
    return count;
}

static enum err read_steps(struct call *call, const struct el *first, struct flow_request *request)
{
    const char **ids = arena_alloc(call->tx.arena, (count_of(first) + 1) * sizeof *ids);
    request->step_ids = ids;
    for (const struct el *step = first; step; step = doc_next(step)) {
        const char *id = doc_get(step, "id");
        if (!id)
            return tx_refuse(&call->tx, E400000, "A flowOutputStep needs an id.");
        ids[request->step_count++] = id;
    }
    return E_OK;
}

/* Ids separated by commas. */
static void read_listed_steps(struct call *call, const char *text, struct flow_request *request)
{
    size_t room = 1;
    for (const char *p = text; *p; p++)
        room += *p == ',';
    const char **ids = arena_alloc(call->tx.arena, room * sizeof *ids);
    request->step_ids = ids;
    for (size_t len; *text; text += len + (text[len] == ',')) {
        len = strcspn(text, ",");
        if (len)
            ids[request->step_count++] = arena_strndup(call->tx.arena, text, len);
    }
}

static enum err read_settings(struct call *call, const struct el *first,
                              struct flow_request *request)
{
    request->settings =
        arena_zalloc(call->tx.arena, (count_of(first) + 1) * sizeof *request->settings);
    for (const struct el *spec = first; spec; spec = doc_next(spec)) {
        const char *id = doc_get(spec, "parameterId"), *value = doc_get(spec, "overrideValue");
        if (!id || !value)
            return tx_refuse(&call->tx, E400000,
                             "A flowParameterSpec needs a parameterId and an overrideValue.");
        request->settings[request->setting_count++] = (struct flow_setting){id, value, NULL, NULL};
    }
    return E_OK;
}

enum err flow_spec_read(struct call *call, const struct el *spec, struct flow_request *request)
{
    const char *flow_id = doc_get(spec, "flowId"), *mode = doc_get(spec, "runMode");
    const struct el *steps = doc_find(doc_find(spec, "flowOutputSteps"), "flowOutputStep");
    const char *listed = query_get(&call->query, "flowOutputStepIds");
    if (flow_id && !luid_equal(flow_id, request->flow_id))
        return tx_refuse(&call->tx, E400000, "flowId is that of another flow.");
    enum err err = read_mode(call, mode ? mode : query_get(&call->query, "flowRunMode"), request);
    if (!err && (steps || !listed))
        err = read_steps(call, steps, request);
    else if (!err)
        read_listed_steps(call, listed, request);
    return err ? err
               : read_settings(call,
                               doc_find(doc_find(spec, "flowParameterSpecs"), "flowParameterSpec"),
                               request);
}

void flow_spec_write(struct el *spec, const struct flow_request *request,
                     const char *const *step_names)
{
    doc_attr(spec, "flowId", request->flow_id);
    doc_attr(spec, "runMode", request->incremental ? "incremental" : "full");
    struct el *steps = doc_child(spec, "flowOutputSteps");
    for (size_t i = 0; i < request->step_count; i++) {
        struct el *step = doc_item(steps, "flowOutputStep");
        doc_attr(step, "id", request->step_ids[i]);
        doc_attr(step, "name", step_names[i]);
    }
    struct el *settings = doc_child(spec, "flowParameterSpecs");
    for (size_t i = 0; i < request->setting_count; i++) {
        struct el *one = doc_item(settings, "flowParameterSpec");
        doc_attr(one, "parameterId", request->settings[i].id);
        doc_attr(one, "overrideValue", request->settings[i].value);
    }
}
