/* hyper_builder: the blocks of a table, made of rows and of blocks that are copied. Rows
 * are gathered up to a full block, so that a table that is changed again and again does
 * not fall to pieces. */
#ifndef EASEL_EXTRACT_HYPER_BUILDER_H
#define EASEL_EXTRACT_HYPER_BUILDER_H

#include "extract/hyper_rows.h"
#include "extract/hyper_write.h"

/* Blocks of fewer rows are not copied but gathered. */
enum { HYPER_COPIED_ROWS = 16384 };

struct hyper_builder;

/* Of a table as `model` describes it; writes to `w`, which outlives it. */
struct hyper_builder *hyper_builder_new(struct hyper_writer *w, const struct hyper_table *model,
                                        uint32_t tag);
void hyper_builder_free(struct hyper_builder **builder);
/* A value for each column, of the column's type or NULL. */
enum err hyper_builder_row(struct hyper_builder *b, const struct hyper_value *row);
/* A block of a file as it is, which holds these values. */
enum err hyper_builder_copy(struct hyper_builder *b, const struct hyper *from, uint32_t block,
                            const struct hyper_block *values);
/* What is left, and the lists of the table. *nulls_r: of each column, until freed. */
enum err hyper_builder_end(struct hyper_builder *b, const int64_t **nulls_r);

#endif
