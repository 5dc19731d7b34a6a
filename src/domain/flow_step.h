/* flow_step: the steps of a flow that write its output, as published. */
#ifndef EASEL_DOMAIN_FLOW_STEP_H
#define EASEL_DOMAIN_FLOW_STEP_H

#include <stddef.h>

#include "base/fault.h"

struct tx;

struct flow_step {
    const char *id, *name;
};

/* In the order of the file. */
enum err flow_step_list(struct tx *tx, const char *flow_id, struct flow_step **steps_r,
                        size_t *count_r);

#endif
