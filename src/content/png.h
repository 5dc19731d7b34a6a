/* png: whether bytes are one whole PNG picture (PNG specification, second edition).
 *
 * What is in a workbook as a thumbnail is sent on to browsers, so nothing else may
 * pass for one: the signature, a header that the specification allows, sides within a
 * bound, every chunk whole and with its checksum, the image data in one run, and
 * nothing behind the end. The image data are not inflated. Pure. */
#ifndef EASEL_CONTENT_PNG_H
#define EASEL_CONTENT_PNG_H

#include <stdbool.h>
#include <stddef.h>

/* Pixels of a side: thumbnails of the field have 192 to 328. */
enum { PNG_SIDE_MOST = 4096 };

bool png_is_whole(const void *bytes, size_t len);

#endif
