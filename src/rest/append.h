/* append: what is published with append=true, put behind what is there. Slow: on
 * LANE_BLOCKING alone. */
#ifndef EASEL_REST_APPEND_H
#define EASEL_REST_APPEND_H

#include "content/content.h"
#include "rest/call.h"
#include "store/blob.h"

struct publish_target;

/* Stores the current file of a data source with the rows of the published one, which is
 * behind `fd` from its start on and was named as a file of that kind. E400011 where
 * either holds no extract, or the two do not fit; E403008 where the sum has no room. */
enum err append_to_file(struct call *call, const struct publish_target *target, int fd,
                        enum content_kind kind, struct blob *blob_r);

#endif
