/* content_priv: what the readers of this folder share. */
#ifndef EASEL_CONTENT_PRIV_H
#define EASEL_CONTENT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content/content.h"

/* Where a document's bytes come from: like read(2), -1 with *fault filled. */
typedef ptrdiff_t content_source(void *from, void *out, size_t room, struct fault *fault);

/* Fills in what a workbook's or data source's document says. `what` names it in
 * errors: "Book1.twb". */
enum err document_read(struct arena *arena, const struct content_limits *limits,
                       content_source *source, void *from, const char *what,
                       struct content *content, struct fault *fault);

/* The same for the JSON of a flow, `len` bytes of it. */
enum err flow_read(struct arena *arena, const struct content_limits *limits, const char *json,
                   size_t len, const char *what, struct content *content, struct fault *fault);

#endif
