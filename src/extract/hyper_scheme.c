/* hyper_scheme.c: see hyper_scheme.h. */
#include "extract/hyper_scheme.h"

#include <string.h>

/* Those that were seen; others are taken for unknown, though the gaps suggest them. */
const struct hyper_scheme hyper_schemes[HYPER_SCHEMES] = {
    [0x01] = {HYPER_DICTIONARY, 8, false},
    [0x02] = {HYPER_DICTIONARY, 16, false},
    [0x07] = {HYPER_TRUNCATED, 8, false},
    [0x08] = {HYPER_TRUNCATED, 16, false},
    [0x0A] = {HYPER_RAW, 64, false},
    [0x0E] = {HYPER_DICTIONARY, 16, true},
    [0x13] = {HYPER_TRUNCATED, 8, true},
    [0x18] = {HYPER_DICTIONARY, 1, false},
    [0x19] = {HYPER_DICTIONARY, 2, false},
    [0x1A] = {HYPER_DICTIONARY, 4, false},
    [0x1F] = {HYPER_DICTIONARY, 2, true},
    [0x20] = {HYPER_DICTIONARY, 4, true},
    [0x24] = {HYPER_SHORT_DICTIONARY, 8, false},
    [0x25] = {HYPER_SHORT_DICTIONARY, 16, false},
    [0x27] = {HYPER_SHORT_DIRECT, 32, false},
    [0x28] = {HYPER_SHORT_DICTIONARY, 8, true},
    [0x29] = {HYPER_SHORT_DICTIONARY, 16, true},
    [0x2C] = {HYPER_SHORT_DICTIONARY, 1, false},
    [0x2D] = {HYPER_SHORT_DICTIONARY, 2, false},
    [0x2E] = {HYPER_SHORT_DICTIONARY, 4, false},
    [0x2F] = {HYPER_SHORT_DICTIONARY, 1, true},
    [0x30] = {HYPER_SHORT_DICTIONARY, 2, true},
    [0x31] = {HYPER_SHORT_DICTIONARY, 4, true},
    [0x32] = {HYPER_SINGLE, 0, false},
};

static const struct {
    const char *name;
    unsigned width;
    enum hyper_form form;
} TYPES[] = {
    [HYPER_UNKNOWN] = {"", 0, HYPER_AS_TEXT},
    [HYPER_BOOL] = {"Bool", 1, HYPER_AS_INTEGER},
    [HYPER_SMALLINT] = {"SmallInt", 2, HYPER_AS_INTEGER},
    [HYPER_INTEGER] = {"Integer", 4, HYPER_AS_INTEGER},
    [HYPER_BIGINT] = {"BigInt", 8, HYPER_AS_INTEGER},
    [HYPER_DOUBLE] = {"Double", 8, HYPER_AS_REAL},
    [HYPER_DATE] = {"Date", 4, HYPER_AS_INTEGER},
    [HYPER_TIMESTAMP] = {"Timestamp", 8, HYPER_AS_INTEGER},
    [HYPER_VARCHAR] = {"Varchar", 0, HYPER_AS_TEXT},
    [HYPER_GEOGRAPHY] = {"Geography", 0, HYPER_AS_TEXT},
};

/* A Varchar of a greatest length ("Varchar,20") is one all the same. */
enum hyper_type hyper_type_of(const struct hyper_column *column)
{
    size_t len = strcspn(column->type, ",");
    for (size_t i = HYPER_BOOL; i < sizeof TYPES / sizeof *TYPES; i++)
        if (strlen(TYPES[i].name) == len && strncmp(TYPES[i].name, column->type, len) == 0)
            return column->type[len] && i != HYPER_VARCHAR ? HYPER_UNKNOWN : (enum hyper_type)i;
    return HYPER_UNKNOWN;
}

enum hyper_form hyper_form_of(enum hyper_type type)
{
    return TYPES[type].form;
}

unsigned hyper_width(enum hyper_type type)
{
    return TYPES[type].width;
}

bool hyper_is_text(enum hyper_type type)
{
    return TYPES[type].form == HYPER_AS_TEXT;
}

static uint64_t entry_bytes(enum hyper_type type, enum hyper_coding coding)
{
    if (coding == HYPER_SHORT_DICTIONARY)
        return HYPER_SHORT_ENTRY;
    if (coding != HYPER_DICTIONARY)
        return 0;
    return hyper_is_text(type) ? HYPER_WIDE_ENTRY : hyper_width(type);
}

/* The one value of a single value stands where the least one does else. */
struct hyper_layout hyper_layout(enum hyper_type type, const struct hyper_scheme *scheme,
                                 uint32_t rows, uint32_t distinct)
{
    uint64_t bound = hyper_is_text(type) ? HYPER_TEXT_BOUND : hyper_width(type);
    uint64_t width = hyper_is_text(type) ? 1 : hyper_width(type);
    struct hyper_layout l = {.greatest = bound};
    if (scheme->coding == HYPER_SINGLE) {
        l.strings = 16;
        return l;
    }
    l.ranges = 2 * bound < 4 ? 4 : 2 * bound;
    l.nulls = l.ranges + HYPER_RANGES * HYPER_RANGE * width;
    l.distinct = l.nulls + HYPER_RANGE;
    l.dictionary = hyper_to_16(l.distinct + 4);
    l.entry = entry_bytes(type, scheme->coding);
    l.codes = hyper_to_16(l.dictionary + l.entry * distinct);
    l.strings = hyper_to_16(l.codes + ((uint64_t)rows * scheme->bits + 7) / 8);
    return l;
}
