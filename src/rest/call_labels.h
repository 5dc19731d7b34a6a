/* call_labels: what the requests of labels and of their values have in common. */
#ifndef EASEL_REST_CALL_LABELS_H
#define EASEL_REST_CALL_LABELS_H

#include "domain/label_value.h"

struct call;

/* categories=A,B of the query; lives in the arena of the call. */
struct label_filter call_label_filter(struct call *call);

#endif
