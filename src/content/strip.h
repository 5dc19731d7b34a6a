/* strip: a published file as it is sent without its extracts.
 *
 * The entries that hold extracts (.hyper, .tde) are left out; all others are
 * copied as they are packed, byte for byte, and the document is not edited: it
 * still names the extract, as in the field. Where nothing but the document would
 * be left, the document itself is sent (.twb for a .twbx, .tds for a .tdsx),
 * which is what clients expect.
 *
 * A stream: its length is known before the first byte, and no more than one
 * block is in memory. */
#ifndef EASEL_CONTENT_STRIP_H
#define EASEL_CONTENT_STRIP_H

#include <stddef.h>
#include <stdint.h>

#include "content/content.h"

struct strip;

/* `fd` is a package of that kind, and must stay open. Released with the arena. */
enum err strip_open(struct arena *arena, int fd, enum content_kind kind,
                    const struct content_limits *limits, struct strip **strip_r,
                    struct fault *fault);
/* The kind of what is sent: that of the package, or of its document. */
enum content_kind strip_kind(const struct strip *strip);
uint64_t strip_length(const struct strip *strip);
/* Bytes read, 0 at the end; -1: the package turned out damaged, *fault says where. */
ptrdiff_t strip_read(struct strip *strip, void *out, size_t room, struct fault *fault);

#endif
