/* hyper_block.c: the columns of a block as values (hyper_rows.h). Every number in a
 * column comes from outside: places are worked out anew and compared, codes are held to
 * the dictionary, strings to their area. */
#include <string.h>

#include "base/codec.h"
#include "extract/hyper_scheme.h"

enum { COLUMN_MOST = 256 << 20 };

struct decoder {
    const struct hyper *h;
    const struct hyper_table *table;
    const struct hyper_column *column;
    enum hyper_type type;
    uint32_t block, rows;
    const unsigned char *bytes; /* behind the header */
    uint64_t len;
    const struct hyper_scheme *scheme;
    struct hyper_layout at;
    uint32_t distinct;
    struct arena *arena;
    struct fault *fault;
};

static enum err refuse(struct decoder *d, const char *why)
{
    return hyper_refuse(d->h, d->fault, "block %u of the column '%s' of the table '%s' %s.",
                        (unsigned)d->block, hyper_echo(d->h, d->column->name),
                        hyper_echo(d->h, d->table->name), why);
}

static enum err damaged(struct decoder *d)
{
    return refuse(d, "is damaged");
}

/* ---- values as they stand */

static int64_t signed_number(const unsigned char *p, unsigned width)
{
    switch (width) {
    case 1:
        return *p;
    case 2:
        return (int16_t)hyper_little(p, 2);
    case 4:
        return (int32_t)hyper_little(p, 4);
    default:
        return (int64_t)hyper_little(p, 8);
    }
}

static double real_number(const unsigned char *p)
{
    uint64_t bits = hyper_little(p, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double short_real(const unsigned char *p)
{
    uint32_t bits = (uint32_t)hyper_little(p, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A Varchar is UTF-8; a NUL is a character like others. */
static bool text_fits(const struct decoder *d, const struct hyper_text *text)
{
    const char *at = text->bytes, *end = at + text->len;
    if (d->type != HYPER_VARCHAR)
        return true;
    while (at < end) {
        size_t n = strnlen(at, (size_t)(end - at));
        if (!utf8_valid(at, n))
            return false;
        at += n + 1;
    }
    return true;
}

static bool text_in_area(const struct decoder *d, uint64_t offset, uint64_t len,
                         struct hyper_text *text_r)
{
    uint64_t area = d->len - d->at.strings;
    if (offset > area || len > area - offset)
        return false;
    *text_r = (struct hyper_text){(const char *)d->bytes + d->at.strings + offset, (uint32_t)len};
    return text_fits(d, text_r);
}

static bool short_text(const struct decoder *d, const unsigned char *entry,
                       struct hyper_text *text_r)
{
    if (entry[0] > HYPER_SHORT_INLINE)
        return text_in_area(d, hyper_little(entry + 1, 3), entry[0], text_r);
    *text_r = (struct hyper_text){(const char *)entry + 1, entry[0]};
    return text_fits(d, text_r);
}

static bool wide_text(const struct decoder *d, const unsigned char *entry,
                      struct hyper_text *text_r)
{
    return text_in_area(d, hyper_little(entry + 4, 4), hyper_little(entry, 4), text_r);
}

/* The form of a least or greatest value, and of the one of a single value. */
static bool bound_text(const struct decoder *d, const unsigned char *entry,
                       struct hyper_text *text_r)
{
    uint64_t len = hyper_little(entry, 4);
    if (len > HYPER_TEXT_INLINE)
        return hyper_little(entry + 4, 4) == 0 &&
               text_in_area(d, hyper_little(entry + 8, 8), len, text_r);
    *text_r = (struct hyper_text){(const char *)entry + 4, (uint32_t)len};
    return text_fits(d, text_r);
}

/* ---- the header */

static bool fits_type(const struct decoder *d)
{
    switch (d->scheme->coding) {
    case HYPER_TRUNCATED:
        return d->type != HYPER_BOOL && hyper_form_of(d->type) == HYPER_AS_INTEGER;
    case HYPER_RAW:
        return hyper_width(d->type) == 8;
    case HYPER_SHORT_DICTIONARY:
        return d->type == HYPER_DOUBLE || hyper_is_text(d->type);
    case HYPER_SHORT_DIRECT:
        return hyper_is_text(d->type);
    default:
        return d->scheme->coding != HYPER_CODING_UNKNOWN;
    }
}

static bool places_fit(const struct decoder *d, const unsigned char *header)
{
    return hyper_little(header + HYPER_AT_DICTIONARY, 8) == d->at.dictionary &&
           hyper_little(header + HYPER_AT_CODES, 8) == d->at.codes &&
           hyper_little(header + HYPER_AT_STRINGS, 8) == d->at.strings && d->at.strings <= d->len &&
           (hyper_is_text(d->type) || d->at.strings == d->len);
}

static enum err read_header(struct decoder *d, const unsigned char *header)
{
    static const struct hyper_scheme none;
    uint64_t number = hyper_little(header + HYPER_AT_SCHEME, 8);
    d->scheme = number < HYPER_SCHEMES ? &hyper_schemes[number] : &none;
    if (!fits_type(d))
        return hyper_refuse(d->h, d->fault,
                            "block %u of the column '%s' of the table '%s' is packed by the "
                            "scheme %llu, which is not supported.",
                            (unsigned)d->block, hyper_echo(d->h, d->column->name),
                            hyper_echo(d->h, d->table->name), (unsigned long long)number);
    if (hyper_little(header + HYPER_AT_COUNT, 8) != d->rows ||
        hyper_little(header + HYPER_AT_ZERO, 8) != 0)
        return damaged(d);
    d->at = hyper_layout(d->type, d->scheme, d->rows, 0);
    if (d->scheme->coding != HYPER_SINGLE) {
        if (d->len < d->at.distinct + 4)
            return damaged(d);
        d->distinct = (uint32_t)hyper_little(d->bytes + d->at.distinct, 4);
        d->at = hyper_layout(d->type, d->scheme, d->rows, d->distinct);
    }
    if (d->distinct > d->rows || !places_fit(d, header))
        return damaged(d);
    return E_OK;
}

/* ---- codes */

/* Codes of less than a byte begin at its most significant bits. */
static uint32_t code_at(const struct decoder *d, uint32_t row)
{
    const unsigned char *codes = d->bytes + d->at.codes;
    unsigned bits = d->scheme->bits;
    if (bits >= 8)
        return (uint32_t)hyper_little(codes + (size_t)row * bits / 8, bits / 8);
    size_t first = (size_t)row * bits;
    return codes[first / 8] >> (8 - bits - first % 8) & ((1U << bits) - 1);
}

/* Code 0 of a scheme for them, and where they begin and end. */
static enum err read_nulls(struct decoder *d, struct hyper_values *out)
{
    bool *null = arena_zalloc(d->arena, d->rows + 1);
    uint32_t first = 0, end = 0;
    for (uint32_t row = 0; row < d->rows; row++) {
        null[row] = code_at(d, row) == 0;
        if (null[row] && end == 0)
            first = row;
        if (null[row])
            end = row + 1;
    }
    if (hyper_little(d->bytes + d->at.nulls, 4) != first ||
        hyper_little(d->bytes + d->at.nulls + 4, 4) != end)
        return damaged(d);
    if (end && !d->column->nullable)
        return refuse(d, "is NULL where it may not be");
    out->null = end ? null : NULL;
    return E_OK;
}

/* ---- schemes */

/* What a code stands for. */
union entry {
    int64_t integer;
    double real;
    struct hyper_text text;
};

static bool read_entry(const struct decoder *d, const unsigned char *p, union entry *entry)
{
    bool is_short = d->scheme->coding != HYPER_DICTIONARY;
    switch (hyper_form_of(d->type)) {
    case HYPER_AS_INTEGER:
        entry->integer = signed_number(p, hyper_width(d->type));
        return d->type != HYPER_BOOL || entry->integer <= 1;
    case HYPER_AS_REAL:
        entry->real = is_short ? short_real(p) : real_number(p);
        return true;
    default:
        return is_short ? short_text(d, p, &entry->text) : wide_text(d, p, &entry->text);
    }
}

/* Whether wide entries of strings hold short ones in another way is not known: one that
 * did would not account for its area, which holds every string of the dictionary once. */
static bool area_accounted(const struct decoder *d, const union entry *entries)
{
    uint64_t sum = 0;
    if (!hyper_is_text(d->type) || d->scheme->coding != HYPER_DICTIONARY)
        return true;
    for (uint32_t i = d->scheme->nulls; i < d->distinct; i++)
        sum += entries[i].text.len;
    return d->at.strings + hyper_to_16(sum) == d->len;
}

static const union entry *read_dictionary(struct decoder *d)
{
    union entry *entries = arena_alloc(d->arena, ((size_t)d->distinct + 1) * sizeof *entries);
    for (uint32_t i = 0; i < d->distinct; i++) {
        bool held = d->scheme->nulls && i == 0; /* the place of NULL */
        memset(&entries[i], 0, sizeof entries[i]);
        if (!held && !read_entry(d, d->bytes + d->at.dictionary + i * d->at.entry, &entries[i]))
            return NULL;
    }
    return area_accounted(d, entries) ? entries : NULL;
}

static void *room_for(struct decoder *d)
{
    size_t each = hyper_is_text(d->type) ? sizeof(struct hyper_text) : sizeof(int64_t);
    return arena_zalloc(d->arena, ((size_t)d->rows + 1) * each);
}

/* All arrays of values are of the form's own type. */
static void put_entry(struct hyper_values *out, void *values, uint32_t row,
                      const union entry *entry)
{
    switch (hyper_form_of(out->type)) {
    case HYPER_AS_INTEGER:
        ((int64_t *)values)[row] = entry->integer;
        break;
    case HYPER_AS_REAL:
        ((double *)values)[row] = entry->real;
        break;
    default:
        ((struct hyper_text *)values)[row] = entry->text;
    }
}

static void set_values(struct hyper_values *out, const void *values)
{
    switch (hyper_form_of(out->type)) {
    case HYPER_AS_INTEGER:
        out->integers = values;
        break;
    case HYPER_AS_REAL:
        out->reals = values;
        break;
    default:
        out->texts = values;
    }
}

static enum err read_dictionary_codes(struct decoder *d, struct hyper_values *out)
{
    const union entry *entries = read_dictionary(d);
    void *values = room_for(d);
    if (!entries)
        return damaged(d);
    for (uint32_t row = 0; row < d->rows; row++) {
        uint32_t code = code_at(d, row);
        if (code >= d->distinct)
            return damaged(d);
        put_entry(out, values, row, &entries[code]);
    }
    set_values(out, values);
    return E_OK;
}

/* The sum must be of the type. */
static bool sum_fits(enum hyper_type type, int64_t least, uint32_t code, int64_t *sum_r)
{
    if (__builtin_add_overflow(least, (int64_t)code, sum_r))
        return false;
    switch (hyper_width(type)) {
    case 2:
        return *sum_r <= INT16_MAX;
    case 4:
        return *sum_r <= INT32_MAX;
    default:
        return true;
    }
}

static enum err read_truncated(struct decoder *d, struct hyper_values *out)
{
    int64_t *values = room_for(d), least = signed_number(d->bytes, hyper_width(d->type));
    for (uint32_t row = 0; row < d->rows; row++) {
        uint32_t code = code_at(d, row);
        if (d->scheme->nulls && code == 0)
            continue;
        if (!sum_fits(d->type, least, code - d->scheme->nulls, &values[row]))
            return damaged(d);
    }
    set_values(out, values);
    return E_OK;
}

static enum err read_raw(struct decoder *d, struct hyper_values *out)
{
    void *values = room_for(d);
    for (uint32_t row = 0; row < d->rows; row++) {
        union entry entry;
        const unsigned char *p = d->bytes + d->at.codes + (size_t)row * 8;
        if (hyper_form_of(d->type) == HYPER_AS_REAL)
            entry.real = real_number(p);
        else
            entry.integer = signed_number(p, 8);
        put_entry(out, values, row, &entry);
    }
    set_values(out, values);
    return E_OK;
}

static enum err read_direct(struct decoder *d, struct hyper_values *out)
{
    struct hyper_text *values = room_for(d);
    for (uint32_t row = 0; row < d->rows; row++)
        if (!short_text(d, d->bytes + d->at.codes + (size_t)row * HYPER_SHORT_ENTRY, &values[row]))
            return damaged(d);
    set_values(out, values);
    return E_OK;
}

static enum err read_single(struct decoder *d, struct hyper_values *out)
{
    union entry entry = {0};
    void *values = room_for(d);
    bool fits = true;
    if (hyper_form_of(d->type) == HYPER_AS_TEXT)
        fits = bound_text(d, d->bytes, &entry.text);
    else if (hyper_form_of(d->type) == HYPER_AS_REAL)
        entry.real = real_number(d->bytes);
    else
        entry.integer = signed_number(d->bytes, hyper_width(d->type));
    if (!fits || (d->type == HYPER_BOOL && entry.integer > 1))
        return damaged(d);
    for (uint32_t row = 0; row < d->rows; row++)
        put_entry(out, values, row, &entry);
    set_values(out, values);
    return E_OK;
}

static enum err read_values(struct decoder *d, struct hyper_values *out)
{
    enum err err = E_OK;
    if (d->scheme->nulls)
        err = read_nulls(d, out);
    else if (d->scheme->coding != HYPER_SINGLE && hyper_little(d->bytes + d->at.nulls, 8) != 0)
        err = damaged(d);
    if (err)
        return err;
    switch (d->scheme->coding) {
    case HYPER_TRUNCATED:
        return read_truncated(d, out);
    case HYPER_RAW:
        return read_raw(d, out);
    case HYPER_SHORT_DIRECT:
        return read_direct(d, out);
    case HYPER_SINGLE:
        return read_single(d, out);
    default:
        return read_dictionary_codes(d, out);
    }
}

/* ---- columns and blocks */

static enum err read_column(struct decoder *d, const struct hyper_blob *blob, size_t *left,
                            struct hyper_values *out)
{
    unsigned char *bytes = NULL;
    size_t len = 0, most = *left < COLUMN_MOST ? *left : COLUMN_MOST;
    d->type = hyper_type_of(d->column);
    if (d->type == HYPER_UNKNOWN)
        return hyper_refuse(d->h, d->fault,
                            "the column '%s' of the table '%s' is of the type %s, which is not "
                            "supported.",
                            hyper_echo(d->h, d->column->name), hyper_echo(d->h, d->table->name),
                            hyper_echo(d->h, d->column->type));
    enum err err = hyper_blob_read(d->h, blob, d->arena, most, &bytes, &len, d->fault);
    if (err)
        return err;
    size_t cost = len + (size_t)blob->length + (size_t)d->rows * sizeof(struct hyper_text);
    *left -= cost < *left ? cost : *left;
    if (len < HYPER_COLUMN_HEADER + 16)
        return damaged(d);
    d->bytes = bytes + HYPER_COLUMN_HEADER;
    d->len = len - HYPER_COLUMN_HEADER;
    *out = (struct hyper_values){.type = d->type, .count = d->rows};
    err = read_header(d, bytes);
    return err ? err : read_values(d, out);
}

enum err hyper_block_read(const struct hyper *hyper, const struct hyper_table *table,
                          uint32_t block, const bool *wanted, struct arena *arena,
                          struct hyper_block *block_r, struct fault *fault)
{
    struct hyper_values *columns = arena_zalloc(arena, (table->column_count + 1) * sizeof *columns);
    size_t left = HYPER_BLOCK_MOST;
    enum err err = E_OK;
    for (size_t i = 0; i < table->column_count && !err; i++) {
        if (wanted && !wanted[i])
            continue;
        struct decoder d = {.h = hyper,
                            .table = table,
                            .column = &table->columns[i],
                            .block = block,
                            .rows = table->block_rows[block],
                            .arena = arena,
                            .fault = fault};
        err = read_column(&d,
                          hyper_blob_find(hyper, HYPER_DATA, table->index, block, (uint32_t)i + 1),
                          &left, &columns[i]);
    }
    *block_r = (struct hyper_block){table->block_rows[block], columns};
    return err;
}
