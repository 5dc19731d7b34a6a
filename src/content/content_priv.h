/* content_priv: what the readers of this folder share. */
#ifndef EASEL_CONTENT_PRIV_H
#define EASEL_CONTENT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content/content.h"

/* Reads `len` bytes at `offset`, fewer at the end of the file; -1 on failure. */
ptrdiff_t content_pread(int fd, void *out, size_t len, uint64_t offset);

/* Text of a file made fit to stand in an error: at most 80 bytes, whole
 * characters, controls and broken UTF-8 as '?', "..." where it was cut. */
const char *content_echo(struct arena *arena, const char *text, size_t len);

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
