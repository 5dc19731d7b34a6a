/* hyper_encode: values as a column of a block, the opposite of hyper_block_read.
 *
 * A small set of schemes is written, all of them seen in files of the field: a single
 * value; dictionaries, sorted, with codes of 1, 2, 4, 8 or 16 bits, of strings in the
 * short form, as are numbers that a float of 32 bits is; differences from the least value in 8 or
 * 16 bits; and numbers of 64 bits as they are. A block of HYPER_ENCODE_ROWS rows needs no others.
 *
 * Two things were seen in no file of the field, and are written where there is no other way: a
 * block of a column that is NULL throughout is a dictionary of the place of NULL alone; and a
 * Varchar of more than 255 bytes puts its block into a dictionary of wide entries, the
 * form that such values of a Geography have. */
#ifndef EASEL_EXTRACT_HYPER_ENCODE_H
#define EASEL_EXTRACT_HYPER_ENCODE_H

#include "extract/hyper_rows.h"

struct arena;

enum {
    HYPER_ENCODE_ROWS = 65535,      /* with NULL as many different values as 16 bits count */
    HYPER_ENCODE_BYTES = 256 << 20, /* of the strings of a column in a block */
};

/* The bytes, unpacked, in the arena. 1 to HYPER_ENCODE_ROWS values. */
const unsigned char *hyper_encode(struct arena *arena, const struct hyper_values *values,
                                  size_t *len_r);

#endif
