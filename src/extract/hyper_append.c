/* hyper_append.c: see hyper_append.h. How the new file is written stands in
 * hyper_write.h. */
#include "extract/hyper_append.h"

#include <string.h>

#include "extract/hyper_write.h"

enum { NEW_BLOBS = 3 /* catalog, row list, list of deletions */ };

struct appending {
    const struct hyper *target, *more;
    const struct hyper_table *to, *from; /* their tables */
    uint32_t tag;                        /* of the table */
    struct hyper_writer w;
    struct arena *scratch;
};

/* ---- whether they fit */

/* NULL: refused, and *fault says why. */
static const struct hyper_table *only_table(const struct hyper *h, struct fault *fault)
{
    const struct hyper_table *table = h->tables;
    if (h->table_count == 0)
        hyper_refuse(h, fault, "it has no table.");
    else if (h->table_count > 1)
        hyper_refuse(h, fault,
                     "it was stored using multiple tables (it has %zu), and data can't be appended "
                     "to such an extract.",
                     h->table_count);
    else if (table->unreadable)
        hyper_refuse(h, fault, "the table '%s': %s, which is not supported.",
                     hyper_echo(h, table->name), table->unreadable);
    else
        return table;
    return NULL;
}

static bool same(const char *a, const char *b)
{
    return !a == !b && (!a || strcmp(a, b) == 0);
}

static enum err check_column(const struct hyper *more, size_t index, const struct hyper_column *to,
                             const struct hyper_column *from, struct fault *fault)
{
    const char *name = hyper_echo(more, from->name);
    if (!same(to->name, from->name))
        return hyper_refuse(more, fault, "column %zu is named '%s'; expected '%s'.", index + 1,
                            name, hyper_echo(more, to->name));
    if (!same(to->type, from->type))
        return hyper_refuse(more, fault, "column '%s' has the type %s; expected %s.", name,
                            hyper_echo(more, from->type), hyper_echo(more, to->type));
    if (!same(to->collation, from->collation))
        return hyper_refuse(more, fault, "column '%s' has the collation %s; expected %s.", name,
                            from->collation ? hyper_echo(more, from->collation) : "(none)",
                            to->collation ? hyper_echo(more, to->collation) : "(none)");
    if (from->nullable && !to->nullable)
        return hyper_refuse(more, fault, "column '%s' may be NULL; expected one that may not.",
                            name);
    return E_OK;
}

static enum err check_columns(const struct hyper *more, const struct hyper_table *to,
                              const struct hyper_table *from, struct fault *fault)
{
    if (to->column_count != from->column_count)
        return hyper_refuse(more, fault, "it has %zu columns; expected %zu.", from->column_count,
                            to->column_count);
    enum err err = E_OK;
    for (size_t i = 0; i < to->column_count && !err; i++)
        err = check_column(more, i, &to->columns[i], &from->columns[i], fault);
    return err;
}

/* What is written anew fits in with what is left out. */
static enum err check_size(const struct hyper *target, const struct hyper *more,
                           struct fault *fault)
{
    if (target->blob_count + more->blob_count + NEW_BLOBS > HYPER_BLOBS_MOST)
        return hyper_refuse(more, fault, "together with what is there it has more than %d parts.",
                            HYPER_BLOBS_MOST);
    return E_OK;
}

enum err hyper_append_check(const struct hyper *target, const struct hyper *more,
                            struct fault *fault)
{
    const struct hyper_table *to = only_table(target, fault), *from = NULL;
    if (to)
        from = only_table(more, fault);
    if (!to || !from)
        return fault->err;
    enum err err = check_columns(more, to, from, fault);
    return err ? err : check_size(target, more, fault);
}

/* ---- the blobs */

/* What stands for the whole file, as it is. */
static enum err copy_identity(struct appending *a)
{
    enum err err = E_OK;
    for (size_t i = 0; i < a->target->blob_count && !err; i++) {
        const struct hyper_blob *from = &a->target->blobs[i];
        if (from->key.kind != HYPER_IDENTITY)
            break;
        err = hyper_write_copy(&a->w, a->target, from, &from->key, from->tag, 0);
    }
    return err;
}

/* How often a column of a table is NULL; -1: nobody knows. */
static int64_t nulls_of(const struct hyper_table *table, size_t column)
{
    const struct hyper_column *c = &table->columns[column];
    return c->nulls < 0 && (!table->rows || !c->nullable) ? 0 : c->nulls;
}

/* NULL: not known of all columns, or the target does not count them. */
static const int64_t *sum_nulls(struct appending *a)
{
    size_t count = a->to->column_count;
    int64_t *nulls = arena_alloc(a->scratch, (count + 1) * sizeof *nulls);
    for (size_t i = 0; i < count; i++) {
        int64_t to = nulls_of(a->to, i), from = nulls_of(a->from, i);
        if (a->to->columns[i].nulls < 0 || to < 0 || from < 0)
            return NULL;
        nulls[i] = to + from;
    }
    return nulls;
}

static enum err write_catalog(struct appending *a)
{
    const struct hyper_blob *old = hyper_blob_find(a->target, HYPER_CATALOG, 0, 0, 0);
    unsigned char *bytes = NULL;
    const char *json = NULL;
    size_t len = 0;
    struct fault *fault = a->w.fault;
    enum err err =
        hyper_blob_read(a->target, old, a->scratch, HYPER_CATALOG_MOST, &bytes, &len, fault);
    if (!err)
        err = hyper_catalog_with(a->target, (const char *)bytes, len, a->to, sum_nulls(a),
                                 a->scratch, &json, fault);
    return err ? err : hyper_write_blob(&a->w, &old->key, old->tag, json, strlen(json), false);
}

static enum err copy_blocks(struct appending *a, const struct hyper *h,
                            const struct hyper_table *table, size_t first)
{
    for (size_t block = 0; block < table->block_count; block++)
        for (size_t column = 0; column <= table->column_count; column++) {
            const struct hyper_blob *from =
                hyper_blob_find(h, HYPER_DATA, table->index, (uint32_t)block, (uint32_t)column);
            struct hyper_key key = {HYPER_DATA, a->to->index, (uint32_t)(first + block),
                                    (uint32_t)column};
            enum err err = hyper_write_copy(&a->w, h, from, &key, a->tag, table->block_rows[block]);
            if (err)
                return err;
        }
    return E_OK;
}

static enum err write_blobs(struct appending *a)
{
    enum err err = copy_identity(a);
    if (!err)
        err = write_catalog(a);
    if (!err)
        err = copy_blocks(a, a->target, a->to, 0);
    if (!err)
        err = copy_blocks(a, a->more, a->from, a->to->block_count);
    return err ? err
               : hyper_write_lists(&a->w, a->to->index, a->tag, a->to->rows + a->from->rows,
                                   a->to->block_count + a->from->block_count);
}

enum err hyper_append(const struct hyper *target, const struct hyper *more, int fd,
                      struct fault *fault)
{
    enum err err = hyper_append_check(target, more, fault);
    if (err)
        return err;
    struct appending a = {.target = target,
                          .more = more,
                          .to = &target->tables[0],
                          .from = &more->tables[0],
                          .scratch = arena_new(0)};
    a.tag = hyper_blob_find(target, HYPER_ROWS, a.to->index, 0, 0)->tag;
    hyper_write_begin(&a.w, target,
                      target->version > more->version ? target->version : more->version, fd, fault);
    err = write_blobs(&a);
    if (!err)
        err = hyper_write_end(&a.w);
    hyper_write_release(&a.w);
    arena_free(&a.scratch);
    return err;
}
