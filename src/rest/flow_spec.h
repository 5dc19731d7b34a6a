/* flow_spec: what a run of a flow is to do, as requests say it: the element flowRunSpec. */
#ifndef EASEL_REST_FLOW_SPEC_H
#define EASEL_REST_FLOW_SPEC_H

#include "base/fault.h"
#include "domain/flow_order.h"

struct call;
struct el;

/* Reads the element into *request, whose flow_id is given; it may be absent, which asks
 * for a full run of all steps. What it does not say the query may (flowRunMode,
 * flowOutputStepIds), as before API 3.14. E400000. */
enum err flow_spec_read(struct call *call, const struct el *spec, struct flow_request *request);

/* Fills in an element flowRunSpec. */
void flow_spec_write(struct el *spec, const struct flow_request *request,
                     const char *const *step_names);

#endif
