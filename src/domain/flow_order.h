/* flow_order: what a run of a flow is to do, as it is asked for, and as it is kept while
 * the run waits. */
#ifndef EASEL_DOMAIN_FLOW_ORDER_H
#define EASEL_DOMAIN_FLOW_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum { FLOW_STEPS_MOST = 100, FLOW_SETTINGS_MOST = 100, FLOW_SETTING_MOST = 8192 /* bytes */ };

/* A value for a parameter of the flow. */
struct flow_setting {
    const char *id, *value;
    const char *name, *description; /* of the parameter, once that was looked up; else NULL */
};

/* As a request or a task says it. */
struct flow_request {
    const char *flow_id;
    bool incremental;
    const char *const *step_ids; /* LUIDs of output steps; none: all */
    size_t step_count;
    struct flow_setting *settings;
    size_t setting_count;
};

/* As a run is told it: by the file that the flow had when it was asked for. */
struct flow_order {
    const char *file_type, *blob_id;
    const char *site_url; /* content URL of the site */
    int64_t room;         /* bytes that the site may still store */
    bool incremental;
    const size_t
        *outputs; /* numbers of the output steps, in the order of the file from 0 on; none: all */
    size_t output_count;
    const struct flow_setting *settings; /* without names and descriptions */
    size_t setting_count;
};

/* As bytes, in the arena. */
const char *flow_order_pack(struct arena *arena, const struct flow_order *order, size_t *len_r);
/* Reads it back; texts stay where they are in `bytes`, behind which there must be a NUL.
 * False where they are no order of this version. */
bool flow_order_unpack(struct arena *arena, const char *bytes, size_t len,
                       struct flow_order *order_r);

#endif
