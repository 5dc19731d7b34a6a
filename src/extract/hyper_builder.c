/* hyper_builder.c: see hyper_builder.h. */
#include "extract/hyper_builder.h"

#include <string.h>

#include "extract/hyper_encode.h"

enum {
    GATHERED_MOST = 128 << 20, /* bytes of the values of a block, but for strings */
    GATHERED_ROWS_LEAST = 64,
    TEXTS_MOST = 64 << 20, /* bytes of its strings */
};

/* Of a column that is being gathered; the array is of its form. */
struct gathered {
    enum hyper_type type;
    bool *null;
    bool some_null;
    union {
        int64_t *integers;
        double *reals;
        struct hyper_text *texts;
    };
};

struct hyper_builder {
    struct hyper_writer *w;
    const struct hyper_table *table;
    uint32_t tag;
    struct gathered *columns;
    uint32_t gathered, room; /* rows */
    size_t texts;            /* bytes of strings */
    uint64_t rows;
    uint32_t blocks;
    int64_t *nulls;
    struct arena *arena, *text_arena;
};

static uint32_t rows_for(size_t columns)
{
    size_t rows = GATHERED_MOST / ((columns + 1) * (sizeof(struct hyper_text) + sizeof(bool)));
    return rows > HYPER_ENCODE_ROWS     ? HYPER_ENCODE_ROWS
           : rows < GATHERED_ROWS_LEAST ? GATHERED_ROWS_LEAST
                                        : (uint32_t)rows;
}

struct hyper_builder *hyper_builder_new(struct hyper_writer *w, const struct hyper_table *model,
                                        uint32_t tag)
{
    struct arena *arena = arena_new(0);
    struct hyper_builder *b = arena_zalloc(arena, sizeof *b);
    *b = (struct hyper_builder){.w = w,
                                .table = model,
                                .tag = tag,
                                .room = rows_for(model->column_count),
                                .arena = arena,
                                .text_arena = arena_new(0)};
    b->columns = arena_zalloc(arena, (model->column_count + 1) * sizeof *b->columns);
    b->nulls = arena_zalloc(arena, (model->column_count + 1) * sizeof *b->nulls);
    for (size_t i = 0; i < model->column_count; i++) {
        struct gathered *g = &b->columns[i];
        g->type = hyper_type_of(&model->columns[i]);
        g->null = arena_zalloc(arena, b->room);
        if (hyper_form_of(g->type) == HYPER_AS_INTEGER)
            g->integers = arena_zalloc(arena, b->room * sizeof *g->integers);
        else if (hyper_form_of(g->type) == HYPER_AS_REAL)
            g->reals = arena_zalloc(arena, b->room * sizeof *g->reals);
        else
            g->texts = arena_zalloc(arena, b->room * sizeof *g->texts);
    }
    return b;
}

void hyper_builder_free(struct hyper_builder **builder)
{
    if (!*builder)
        return;
    struct arena *arena = (*builder)->arena;
    arena_free(&(*builder)->text_arena);
    arena_free(&arena);
    *builder = NULL;
}

/* ---- writing what is gathered */

static enum err write_count(struct hyper_builder *b, uint32_t rows)
{
    unsigned char count[8];
    hyper_put(count, rows, sizeof count);
    return hyper_write_blob(b->w, &(struct hyper_key){HYPER_DATA, b->table->index, b->blocks, 0},
                            b->tag, count, sizeof count, false);
}

static enum err write_column(struct hyper_builder *b, size_t i)
{
    const struct gathered *g = &b->columns[i];
    struct hyper_values values = {
        .type = g->type, .count = b->gathered, .null = g->some_null ? g->null : NULL};
    size_t len = 0;
    if (hyper_form_of(g->type) == HYPER_AS_INTEGER)
        values.integers = g->integers;
    else if (hyper_form_of(g->type) == HYPER_AS_REAL)
        values.reals = g->reals;
    else
        values.texts = g->texts;
    struct arena *scratch = arena_new(0);
    const unsigned char *bytes = hyper_encode(scratch, &values, &len);
    struct hyper_key key = {HYPER_DATA, b->table->index, b->blocks, (uint32_t)i + 1};
    enum err err = hyper_write_blob(b->w, &key, b->tag, bytes, len, true);
    arena_free(&scratch);
    return err;
}

static void begin_block(struct hyper_builder *b)
{
    for (size_t i = 0; i < b->table->column_count; i++)
        b->columns[i].some_null = false;
    b->gathered = 0;
    b->texts = 0;
    arena_free(&b->text_arena);
    b->text_arena = arena_new(0);
}

static enum err flush(struct hyper_builder *b)
{
    if (!b->gathered)
        return E_OK;
    enum err err = write_count(b, b->gathered);
    for (size_t i = 0; i < b->table->column_count && !err; i++)
        err = write_column(b, i);
    b->rows += b->gathered;
    b->blocks++;
    begin_block(b);
    return err;
}

/* ---- gathering */

static void gather_text(struct hyper_builder *b, struct hyper_text *to,
                        const struct hyper_text *from)
{
    *to = (struct hyper_text){"", 0};
    if (from->len)
        *to = (struct hyper_text){arena_memdup(b->text_arena, from->bytes, from->len), from->len};
    b->texts += from->len;
}

static void gather(struct hyper_builder *b, size_t i, const struct hyper_value *value)
{
    struct gathered *g = &b->columns[i];
    uint32_t row = b->gathered;
    g->null[row] = value->null;
    if (value->null) {
        g->some_null = true;
        b->nulls[i]++;
        return;
    }
    if (hyper_form_of(g->type) == HYPER_AS_INTEGER)
        g->integers[row] = value->integer;
    else if (hyper_form_of(g->type) == HYPER_AS_REAL)
        g->reals[row] = value->real;
    else
        gather_text(b, &g->texts[row], &value->text);
}

enum err hyper_builder_row(struct hyper_builder *b, const struct hyper_value *row)
{
    for (size_t i = 0; i < b->table->column_count; i++)
        gather(b, i, &row[i]);
    b->gathered++;
    return b->gathered == b->room || b->texts > TEXTS_MOST ? flush(b) : E_OK;
}

static void count_nulls(struct hyper_builder *b, const struct hyper_block *values)
{
    for (size_t i = 0; i < b->table->column_count; i++)
        for (uint32_t row = 0; values->columns[i].null && row < values->rows; row++)
            b->nulls[i] += values->columns[i].null[row];
}

enum err hyper_builder_copy(struct hyper_builder *b, const struct hyper *from, uint32_t block,
                            const struct hyper_block *values)
{
    enum err err = flush(b);
    for (size_t column = 0; column <= b->table->column_count && !err; column++) {
        struct hyper_key key = {HYPER_DATA, b->table->index, b->blocks, (uint32_t)column};
        err = hyper_write_copy(
            b->w, from, hyper_blob_find(from, HYPER_DATA, b->table->index, block, (uint32_t)column),
            &key, b->tag, values->rows);
    }
    count_nulls(b, values);
    b->rows += values->rows;
    b->blocks++;
    return err;
}

enum err hyper_builder_end(struct hyper_builder *b, const int64_t **nulls_r)
{
    enum err err = flush(b);
    *nulls_r = b->nulls;
    return err ? err : hyper_write_lists(b->w, b->table->index, b->tag, b->rows, b->blocks);
}
