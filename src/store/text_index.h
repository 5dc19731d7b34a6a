/* text_index: full-text search over rows. Engines have it in ways of their own; words
 * are the same for both, since they come cleaned: folded letters and digits, parted by
 * single spaces (fold_words of base/fold.h). The table is search_text, its rows are
 * numbered by whoever puts them there. */
#ifndef EASEL_STORE_TEXT_INDEX_H
#define EASEL_STORE_TEXT_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct db;

/* These are the words of the row from now on. */
bool text_index_put(struct db *db, int64_t row, const char *words);
/* SQL that is true of the rows of search_text (search_text.rowid) that hold the query
 * bound as ?2. */
const char *text_index_match(const struct db *db);
/* The query for rows that hold every one of the words, or words that begin so. */
const char *text_index_query(const struct db *db, struct arena *arena, const char *words);

#endif
