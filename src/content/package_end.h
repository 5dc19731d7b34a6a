/* package_end: the directory at the end of a zip archive, before a library reads it.
 *
 * A zip library allocates by the counts that the archive states, and takes names
 * for C strings; this walk reads the directory itself, bounded, and refuses what
 * could not be seen afterwards. For content/package.c alone. */
#ifndef EASEL_CONTENT_PACKAGE_END_H
#define EASEL_CONTENT_PACKAGE_END_H

#include <stdint.h>

#include "base/fault.h"

struct arena;
struct content_limits;

/* E_OK: there is one directory, it lies within the file, its records are whole
 * and as many as it says (*count_r), and no name holds a NUL. */
enum err package_end_check(struct arena *arena, int fd, uint64_t file_size,
                           const struct content_limits *limits, uint64_t *count_r,
                           struct fault *fault);

#endif
