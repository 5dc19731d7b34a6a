/* suggest.c: see suggest.h. Nearness is the number of letters inserted, left
 * out or exchanged (Levenshtein). */
#include "cli/suggest.h"

#include <string.h>

enum { LONGEST = 48 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            row[j] = least(row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

void suggest_init(struct suggest *suggest, const char *typed)
{
    size_t len = strlen(typed);
    suggest->typed = typed;
    suggest->best = NULL;
    /* Up to a third of the letters may differ: a wilder guess only puzzles. */
    suggest->distance = len > LONGEST ? 0 : len / 3 + 2;
}

void suggest_offer(struct suggest *suggest, const char *name)
{
    size_t typed_len = strlen(suggest->typed), len = strlen(name);
    if (typed_len > LONGEST || len > LONGEST)
        return;
    size_t d = distance(suggest->typed, typed_len, name, len);
    if (d < suggest->distance) {
        suggest->distance = d;
        suggest->best = name;
    }
}
