/* pictures: thumbnails that workbooks brought with them, kept in memory.
 *
 * They lie within documents within packages, so getting at one means reading a
 * document to its end. All that a file holds are kept at once, under the id of its
 * blob: the same bytes always hold the same pictures, so nothing has to be forgotten
 * when a workbook changes. Files without any are kept too. What was asked for least
 * recently gives way. Thread-safe. */
#ifndef EASEL_REST_PICTURES_H
#define EASEL_REST_PICTURES_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct content_sheet;
struct pictures;

/* Keeps at most so many bytes, of so many files. */
struct pictures *pictures_new(size_t bytes_most, size_t files_most);
void pictures_free(struct pictures **pictures);
/* False: that file is not kept. Else a copy of the picture of the sheet of that name, or
 * NULL where the file holds none. */
bool pictures_find(struct pictures *pictures, struct arena *arena, const char *blob_id,
                   const char *sheet, const void **picture_r, size_t *len_r);
/* Keeps copies of the pictures of those sheets, which are all of the file. */
void pictures_keep(struct pictures *pictures, const char *blob_id,
                   const struct content_sheet *sheets);

#endif
