/* hyper_append: the rows of one extract behind those of another, as a third file.
 *
 * Blocks of rows are copied as they are, each checked against its checksum; no column
 * is decoded. Both files must have exactly one table, with the same columns: number,
 * order, names, types and collations. A column that may be NULL takes one that may
 * not. Of a target whose catalog counts NULLs, the new one does where both do.
 *
 * docs/content.md says who can read what is written here. */
#ifndef EASEL_EXTRACT_HYPER_APPEND_H
#define EASEL_EXTRACT_HYPER_APPEND_H

#include "extract/hyper.h"

/* Whether they fit each other, before anything is written. E400011. */
enum err hyper_append_check(const struct hyper *target, const struct hyper *more,
                            struct fault *fault);
/* Writes `target` with the rows of `more` to `fd`, an empty file, from its start on, a
 * piece at a time. E400011: the two do not fit each other, or a block is damaged;
 * E403008: no room; E500000: reading or writing failed. Not thread-safe with respect to
 * the arenas of both. */
enum err hyper_append(const struct hyper *target, const struct hyper *more, int fd,
                      struct fault *fault);

#endif
