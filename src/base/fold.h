/* fold: names compared without case. */
#ifndef EASEL_BASE_FOLD_H
#define EASEL_BASE_FOLD_H

#include <stddef.h>

struct arena;

/* Unicode case folding and NFC composition of well-formed UTF-8: two names are
 * the same without case where their folded forms are equal bytes. */
char *fold(struct arena *arena, const char *text);
/* The words of a text, folded: what letters, marks and digits stand together, parted
 * by single spaces; of a very long word its first 128 bytes. */
char *fold_words(struct arena *arena, const char *text);
/* Code points in well-formed UTF-8. */
size_t utf8_count(const char *text);

#endif
