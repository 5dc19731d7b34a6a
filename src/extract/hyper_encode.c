/* hyper_encode.c: see hyper_encode.h. */
#include "extract/hyper_encode.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "extract/hyper_scheme.h"

struct encoder {
    const struct hyper_values *values;
    enum hyper_type type;
    uint32_t rows;
    bool nulls;         /* some row is NULL */
    uint32_t *order;    /* rows that are not NULL, by their values */
    uint32_t ordered;   /* how many */
    uint32_t *first;    /* of each different value, the first of its rows in `order` */
    uint32_t different; /* values, NULL not among them */
    uint32_t *code;     /* of each row: its value's place among them, from 0 */
    uint64_t area;      /* bytes of the strings that are kept there */
    unsigned number;    /* of the scheme */
    const struct hyper_scheme *scheme;
    struct hyper_layout at;
    unsigned char *out; /* behind the header */
    struct arena *arena;
};

static bool is_null(const struct encoder *e, uint32_t row)
{
    return e->values->null && e->values->null[row];
}

/* ---- order */

/* Bits of a number so that they compare as it does: -0 before 0, NaN at the ends. */
static uint64_t real_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t real_order(double value)
{
    uint64_t bits = real_bits(value);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static int compare_text(const struct hyper_text *a, const struct hyper_text *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = len ? memcmp(a->bytes, b->bytes, len) : 0;
    return order ? order : a->len < b->len ? -1 : a->len > b->len;
}

static int compare_values(const struct hyper_values *values, uint32_t a, uint32_t b)
{
    switch (hyper_form_of(values->type)) {
    case HYPER_AS_INTEGER:
        return values->integers[a] < values->integers[b]
                   ? -1
                   : values->integers[a] > values->integers[b];
    case HYPER_AS_REAL: {
        uint64_t left = real_order(values->reals[a]), right = real_order(values->reals[b]);
        return left < right ? -1 : left > right;
    }
    default:
        return compare_text(&values->texts[a], &values->texts[b]);
    }
}

/* Equal values stay in the order of their rows, so that the same rows give the same
 * bytes. */
static int compare_rows(const void *left, const void *right, void *values)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int order = compare_values(values, a, b);
    return order ? order : a < b ? -1 : a > b;
}

static void sort_values(struct encoder *e)
{
    e->order = arena_alloc(e->arena, ((size_t)e->rows + 1) * sizeof *e->order);
    e->first = arena_alloc(e->arena, ((size_t)e->rows + 1) * sizeof *e->first);
    e->code = arena_zalloc(e->arena, ((size_t)e->rows + 1) * sizeof *e->code);
    for (uint32_t row = 0; row < e->rows; row++)
        if (!is_null(e, row))
            e->order[e->ordered++] = row;
    e->nulls = e->ordered < e->rows;
    qsort_r(e->order, e->ordered, sizeof *e->order, compare_rows, (void *)e->values);
    for (uint32_t i = 0; i < e->ordered; i++) {
        if (i == 0 || compare_values(e->values, e->order[i - 1], e->order[i]) != 0)
            e->first[e->different++] = i;
        e->code[e->order[i]] = e->different - 1;
    }
}

/* The row of the value of that place. */
static uint32_t row_of(const struct encoder *e, uint32_t place)
{
    return e->order[e->first[place]];
}

/* ---- which scheme */

static bool is_float(double value)
{
    if (!(value >= -FLT_MAX && value <= FLT_MAX))
        return false;
    double back = (float)value;
    return real_bits(back) == real_bits(value);
}

/* Whether entries of 4 bytes hold the values: numbers that a float of 32 bits is, strings
 * of which none is too long, and all together neither. */
static bool is_short(const struct encoder *e)
{
    uint64_t area = 0;
    for (uint32_t i = 0; e->type == HYPER_DOUBLE && i < e->different; i++)
        if (!is_float(e->values->reals[row_of(e, i)]))
            return false;
    for (uint32_t i = 0; hyper_is_text(e->type) && i < e->different; i++) {
        uint32_t len = e->values->texts[row_of(e, i)].len;
        if (len > HYPER_SHORT_TEXT_MOST)
            return false;
        area += len;
    }
    return area < HYPER_SHORT_AREA_MOST;
}

/* How far the values lie from the least one; UINT64_MAX: too far. */
static uint64_t span(const struct encoder *e)
{
    if (hyper_form_of(e->type) != HYPER_AS_INTEGER || e->type == HYPER_BOOL || !e->different)
        return UINT64_MAX;
    return (uint64_t)e->values->integers[row_of(e, e->different - 1)] -
           (uint64_t)e->values->integers[row_of(e, 0)];
}

static unsigned short_scheme(const struct encoder *e, uint32_t entries)
{
    if (e->nulls)
        return entries <= 2     ? 0x2F
               : entries <= 4   ? 0x30
               : entries <= 16  ? 0x31
               : entries <= 256 ? 0x28
                                : 0x29;
    return entries <= 2     ? 0x2C
           : entries <= 4   ? 0x2D
           : entries <= 16  ? 0x2E
           : entries <= 256 ? 0x24
                            : 0x25;
}

/* A dictionary costs its entries beside the codes. */
static bool raw_is_less(const struct encoder *e)
{
    bool fits = e->type == HYPER_DOUBLE || e->type == HYPER_TIMESTAMP;
    return fits && 8 * (uint64_t)e->different + 2 * (uint64_t)e->rows >= 8 * (uint64_t)e->rows;
}

static unsigned number_scheme(const struct encoder *e, uint32_t entries)
{
    uint64_t far = span(e);
    if (e->nulls)
        return entries <= 4 ? 0x1F : entries <= 16 ? 0x20 : far < 255 ? 0x13 : 0x0E;
    if (entries <= 16)
        return entries <= 2 ? 0x18 : entries <= 4 ? 0x19 : 0x1A;
    if (far <= 255)
        return 0x07;
    if (entries <= 256)
        return 0x01;
    return far <= 65535 ? 0x08 : raw_is_less(e) ? 0x0A : 0x02;
}

static bool has_short(enum hyper_type type)
{
    return hyper_is_text(type) || type == HYPER_DOUBLE;
}

static void choose(struct encoder *e)
{
    uint32_t entries = e->different + e->nulls;
    if (!e->nulls && e->different == 1)
        e->number = 0x32;
    else if (has_short(e->type) && is_short(e))
        e->number = short_scheme(e, entries);
    else
        e->number = number_scheme(e, entries);
    e->scheme = &hyper_schemes[e->number];
    e->at = hyper_layout(e->type, e->scheme, e->rows, entries);
}

/* ---- values as they stand */

static void put_number(const struct encoder *e, unsigned char *p, uint32_t row)
{
    if (hyper_form_of(e->type) == HYPER_AS_REAL)
        hyper_put(p, real_bits(e->values->reals[row]), 8);
    else
        hyper_put(p, (uint64_t)e->values->integers[row], hyper_width(e->type));
}

static void put_float(unsigned char *p, double value)
{
    float less = (float)value;
    uint32_t bits;
    memcpy(&bits, &less, sizeof bits);
    hyper_put(p, bits, 4);
}

/* Those that are shorter than that stand elsewhere. */
static uint32_t area_from(const struct encoder *e)
{
    switch (e->scheme->coding) {
    case HYPER_SINGLE:
        return HYPER_TEXT_INLINE + 1;
    case HYPER_SHORT_DICTIONARY:
        return HYPER_SHORT_INLINE + 1;
    default:
        return 0;
    }
}

/* Where the strings of all places stand in the area: the least, the greatest, then the
 * others. Numbers take no room there. */
static uint64_t *place_texts(struct encoder *e)
{
    uint64_t *offsets = arena_alloc(e->arena, ((size_t)e->different + 1) * sizeof *offsets);
    for (uint32_t i = 0; i < e->different; i++) {
        uint32_t place = i == 0 ? 0 : i == 1 ? e->different - 1 : i - 1;
        uint32_t len = hyper_is_text(e->type) ? e->values->texts[row_of(e, place)].len : 0;
        offsets[place] = e->area;
        e->area += len < area_from(e) ? 0 : len;
    }
    return offsets;
}

static void put_text_bound(const struct encoder *e, unsigned char *p, uint32_t place,
                           const uint64_t *offsets)
{
    const struct hyper_text *text = &e->values->texts[row_of(e, place)];
    hyper_put(p, text->len, 4);
    if (text->len > HYPER_TEXT_INLINE)
        hyper_put(p + 8, offsets[place], 8);
    else if (text->len)
        memcpy(p + 4, text->bytes, text->len);
}

static void put_text_entry(const struct encoder *e, unsigned char *p, uint32_t place,
                           const uint64_t *offsets)
{
    const struct hyper_text *text = &e->values->texts[row_of(e, place)];
    if (e->scheme->coding == HYPER_DICTIONARY) {
        hyper_put(p, text->len, 4);
        hyper_put(p + 4, offsets[place], 4);
        return;
    }
    *p = (unsigned char)text->len;
    if (text->len > HYPER_SHORT_INLINE)
        hyper_put(p + 1, offsets[place], 3);
    else if (text->len)
        memcpy(p + 1, text->bytes, text->len);
}

static void put_texts(const struct encoder *e, const uint64_t *offsets)
{
    for (uint32_t i = 0; i < e->different; i++) {
        const struct hyper_text *text = &e->values->texts[row_of(e, i)];
        if (text->len && text->len >= area_from(e))
            memcpy(e->out + e->at.strings + offsets[i], text->bytes, text->len);
    }
}

/* ---- what stands before the codes */

static void put_bounds(const struct encoder *e, const uint64_t *offsets)
{
    uint32_t last = e->different - 1;
    if (!e->different)
        return;
    if (hyper_is_text(e->type))
        put_text_bound(e, e->out, 0, offsets);
    else
        put_number(e, e->out, row_of(e, 0));
    if (e->scheme->coding == HYPER_SINGLE)
        return;
    if (hyper_is_text(e->type))
        put_text_bound(e, e->out + e->at.greatest, last, offsets);
    else
        put_number(e, e->out + e->at.greatest, row_of(e, last));
}

/* The place of the highest byte of the distance from the least value, and that byte; of
 * strings the first byte. */
static size_t slot_of(const struct encoder *e, uint32_t row)
{
    uint64_t far;
    size_t byte = 0;
    if (hyper_is_text(e->type)) {
        const struct hyper_text *text = &e->values->texts[row];
        return text->len ? (unsigned char)text->bytes[0] : 0;
    }
    if (hyper_form_of(e->type) == HYPER_AS_REAL)
        far = real_order(e->values->reals[row]) - real_order(e->values->reals[row_of(e, 0)]);
    else
        far = (uint64_t)e->values->integers[row] - (uint64_t)e->values->integers[row_of(e, 0)];
    for (; far > 255; far >>= 8)
        byte++;
    return HYPER_RANGES * byte + (size_t)far;
}

static void put_range(unsigned char *p, uint32_t first, uint32_t end)
{
    hyper_put(p, first, 4);
    hyper_put(p + 4, end, 4);
}

static void put_ranges(const struct encoder *e)
{
    unsigned char *ranges = e->out + e->at.ranges;
    for (uint32_t row = 0; row < e->rows; row++) {
        if (is_null(e, row))
            continue;
        unsigned char *p = ranges + slot_of(e, row) * HYPER_RANGE;
        bool used = hyper_little(p + 4, 4) != 0;
        put_range(p, used ? (uint32_t)hyper_little(p, 4) : row, row + 1);
    }
}

static void put_nulls(const struct encoder *e)
{
    uint32_t first = 0, end = 0;
    for (uint32_t row = 0; row < e->rows; row++) {
        if (!is_null(e, row))
            continue;
        first = end ? first : row;
        end = row + 1;
    }
    put_range(e->out + e->at.nulls, first, end);
    hyper_put(e->out + e->at.distinct, e->different + e->nulls, 4);
}

static void put_dictionary(const struct encoder *e, const uint64_t *offsets)
{
    for (uint32_t i = 0; e->at.entry && i < e->different; i++) {
        unsigned char *p = e->out + e->at.dictionary + (i + e->nulls) * e->at.entry;
        if (hyper_is_text(e->type))
            put_text_entry(e, p, i, offsets);
        else if (e->scheme->coding == HYPER_SHORT_DICTIONARY)
            put_float(p, e->values->reals[row_of(e, i)]);
        else
            put_number(e, p, row_of(e, i));
    }
}

/* ---- codes */

static void put_code(const struct encoder *e, uint32_t row, uint64_t code)
{
    unsigned char *codes = e->out + e->at.codes;
    unsigned bits = e->scheme->bits;
    if (bits >= 8) {
        hyper_put(codes + (size_t)row * bits / 8, code, bits / 8);
        return;
    }
    size_t first = (size_t)row * bits;
    codes[first / 8] |= (unsigned char)(code << (8 - bits - first % 8));
}

static uint64_t code_of(const struct encoder *e, uint32_t row)
{
    if (is_null(e, row))
        return 0;
    switch (e->scheme->coding) {
    case HYPER_TRUNCATED:
        return (uint64_t)e->values->integers[row] - (uint64_t)e->values->integers[row_of(e, 0)] +
               e->nulls;
    case HYPER_RAW:
        return e->type == HYPER_DOUBLE ? real_bits(e->values->reals[row])
                                       : (uint64_t)e->values->integers[row];
    default:
        return e->code[row] + (uint64_t)e->nulls;
    }
}

/* ---- all of it */

static size_t begin(struct encoder *e)
{
    uint64_t len = e->at.strings + (hyper_is_text(e->type) ? hyper_to_16(e->area) : 0);
    unsigned char *bytes = arena_zalloc(e->arena, HYPER_COLUMN_HEADER + len);
    hyper_put(bytes + HYPER_AT_COUNT, e->rows, 8);
    hyper_put(bytes + HYPER_AT_DICTIONARY, e->at.dictionary, 8);
    hyper_put(bytes + HYPER_AT_CODES, e->at.codes, 8);
    hyper_put(bytes + HYPER_AT_SCHEME, e->number, 8);
    hyper_put(bytes + HYPER_AT_STRINGS, e->at.strings, 8);
    e->out = bytes + HYPER_COLUMN_HEADER;
    return HYPER_COLUMN_HEADER + len;
}

const unsigned char *hyper_encode(struct arena *arena, const struct hyper_values *values,
                                  size_t *len_r)
{
    struct encoder e = {
        .values = values, .type = values->type, .rows = values->count, .arena = arena};
    sort_values(&e);
    choose(&e);
    const uint64_t *offsets = place_texts(&e);
    *len_r = begin(&e);
    put_bounds(&e, offsets);
    if (hyper_is_text(e.type))
        put_texts(&e, offsets);
    if (e.scheme->coding == HYPER_SINGLE)
        return e.out - HYPER_COLUMN_HEADER;
    put_ranges(&e);
    put_nulls(&e);
    put_dictionary(&e, offsets);
    for (uint32_t row = 0; row < e.rows; row++)
        put_code(&e, row, code_of(&e, row));
    return e.out - HYPER_COLUMN_HEADER;
}
