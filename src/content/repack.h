/* repack: a published package as another package, entry by entry.
 *
 * Entries that stay are copied as they are packed, byte for byte, in their order; the
 * document is never edited. Two ways:
 *
 * repack_strip leaves out the entries that hold extracts (.hyper, .tde); the document
 * still names the extract, as in the field.
 *
 * repack_replace puts a file in the place of an entry that holds an extract,
 * under its name, stored as it is.
 *
 * A stream: its length is known before the first byte, and no more than one block is
 * in memory. */
#ifndef EASEL_CONTENT_REPACK_H
#define EASEL_CONTENT_REPACK_H

#include <stddef.h>
#include <stdint.h>

#include "content/content.h"

struct repack;

/* `fd` is a package of that kind, and must stay open. Released with the arena. */
enum err repack_strip(struct arena *arena, int fd, enum content_kind kind,
                      const struct content_limits *limits, struct repack **repack_r,
                      struct fault *fault);
/* Puts the file behind `extract_fd`, which must stay open, in the place of the extract that
 * is the entry of that index. Refused where it is none. */
enum err repack_replace(struct arena *arena, int fd, enum content_kind kind,
                        const struct content_limits *limits, size_t entry, int extract_fd,
                        struct repack **repack_r, struct fault *fault);
uint64_t repack_length(const struct repack *repack);
/* Bytes read, 0 at the end; -1: the package turned out damaged, *fault says where. */
ptrdiff_t repack_read(struct repack *repack, void *out, size_t room, struct fault *fault);

#endif
