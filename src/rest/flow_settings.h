/* flow_settings: what a run of a flow is given for the flow's parameters. Pure. */
#ifndef EASEL_REST_FLOW_SETTINGS_H
#define EASEL_REST_FLOW_SETTINGS_H

#include <stddef.h>

#include "base/fault.h"

struct arena;
struct content_flow;
struct flow_setting;

/* Each must be for a parameter of the flow, once, and a value that it takes; parameters
 * that are required must be among them. E400000. Fills in names and descriptions. */
enum err flow_settings_check(struct arena *arena, const struct content_flow *flow,
                             struct flow_setting *settings, size_t count, struct fault *fault);

#endif
