/* append: what is published with append=true, put behind what is there. Slow: on
 * LANE_BLOCKING, or in a job. */
#ifndef EASEL_REST_APPEND_H
#define EASEL_REST_APPEND_H

#include "rest/extract_file.h"

struct publish_target;

/* Stores the current file of a data source with the rows of the published one, which is
 * behind `fd` from its start on and was named as a file of that kind. E400011 where
 * either holds no extract, or the two do not fit; E403008 where the sum has no room. */
enum err append_to_file(const struct extract_work *work, const struct publish_target *target,
                        int fd, enum content_kind kind, struct blob *blob_r);

#endif
