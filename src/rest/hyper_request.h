/* hyper_request: the actions of Update Data in Hyper Data Source and Hyper Connection, out
 * of the document that names them. */
#ifndef EASEL_REST_HYPER_REQUEST_H
#define EASEL_REST_HYPER_REQUEST_H

#include "extract/hyper_actions.h"

struct arena;
struct el;

enum {
    HYPER_REQUEST_ACTIONS_MOST = 100,
    HYPER_REQUEST_CONDITIONS_MOST = 1000, /* of all actions, arguments counted */
    HYPER_REQUEST_DEPTH_MOST = 32,
};

/* `root` is the top of the document; NULL: there is none. What is not understood is
 * refused, down to each name: a misspelt condition must not change other rows than was
 * meant. E400000. Pure. */
enum err hyper_request_read(struct arena *arena, const struct el *root,
                            const struct hyper_action **actions_r, size_t *count_r,
                            struct fault *fault);
/* Whether any of them takes rows of a payload. */
bool hyper_request_takes_payload(const struct hyper_action *actions, size_t count);

#endif
