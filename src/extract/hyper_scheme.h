/* hyper_scheme: how the values of a column stand in a block: a header of numbers, least
 * and greatest value, a table of ranges of rows, the rows that are NULL, then by the
 * scheme a dictionary, codes and strings. What reads and what writes share it. */
#ifndef EASEL_EXTRACT_HYPER_SCHEME_H
#define EASEL_EXTRACT_HYPER_SCHEME_H

#include "extract/hyper_priv.h"
#include "extract/hyper_rows.h"

enum hyper_coding {
    HYPER_CODING_UNKNOWN,
    HYPER_DICTIONARY, /* codes count entries of full width; of strings: length, offset */
    HYPER_TRUNCATED,  /* least value and code are added */
    HYPER_RAW,
    HYPER_SHORT_DICTIONARY, /* entries of 4 bytes */
    HYPER_SHORT_DIRECT,     /* no dictionary: such an entry for each row */
    HYPER_SINGLE,           /* one value for all rows */
};

struct hyper_scheme {
    enum hyper_coding coding;
    unsigned bits; /* of a code */
    bool nulls;    /* code 0 is NULL */
};

enum {
    HYPER_COLUMN_HEADER = 48, /* what stands in it counts from its end */
    HYPER_AT_COUNT = 0,
    HYPER_AT_DICTIONARY = 8,
    HYPER_AT_CODES = 16,
    HYPER_AT_SCHEME = 24,
    HYPER_AT_STRINGS = 32,
    HYPER_AT_ZERO = 40,
    HYPER_SCHEMES = 0x33,
    HYPER_RANGES = 256,    /* for each byte of a value's width */
    HYPER_RANGE = 8,       /* first row, last row + 1 */
    HYPER_TEXT_BOUND = 16, /* least or greatest string */
    HYPER_TEXT_INLINE = 12,
    HYPER_SHORT_ENTRY = 4,
    HYPER_SHORT_INLINE = 3,
    HYPER_SHORT_TEXT_MOST = 255,
    HYPER_SHORT_AREA_MOST = 1 << 24,
    HYPER_WIDE_ENTRY = 8,
};

extern const struct hyper_scheme hyper_schemes[HYPER_SCHEMES];

/* Where things stand, counted from the end of the header. */
struct hyper_layout {
    uint64_t least, greatest, ranges, nulls, distinct; /* as they follow each other */
    uint64_t dictionary, entry;                        /* entry: bytes of one; 0: no dictionary */
    uint64_t codes, strings;
};

/* Bytes of a value; 0: a string. */
unsigned hyper_width(enum hyper_type type);
bool hyper_is_text(enum hyper_type type);
struct hyper_layout hyper_layout(enum hyper_type type, const struct hyper_scheme *scheme,
                                 uint32_t rows, uint32_t distinct);
static inline uint64_t hyper_to_16(uint64_t n)
{
    return (n + 15) / 16 * 16;
}

#endif
