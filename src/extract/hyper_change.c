/* hyper_change.c: see hyper_actions.h.
 *
 * The actions on a table are stages that rows run through. First those that are there,
 * block by block; then each stage in turn adds its rows, which run through the stages
 * behind it. So every action sees what those before it left, though the table is read
 * once. A block that no stage changed is copied, the others are made anew. */
#include "extract/hyper_actions.h"

#include <stdlib.h>
#include <string.h>

#include "extract/hyper_builder.h"
#include "extract/hyper_condition.h"

#define NO_COLUMN SIZE_MAX
enum { NO_ROW = UINT32_MAX, LOOKUP_ROWS_MOST = 1 << 30 };

/* A table of the payload in memory. */
struct lookup {
    struct hyper_block *blocks;
    uint32_t *first; /* row of each block */
    size_t block_count;
    uint32_t rows;
    uint32_t *buckets, *next; /* rows by hash, from 0; NO_ROW ends; NULL: not by hash */
    size_t bucket_mask;
    bool *matched; /* of each row, for upsert */
};

struct stage {
    struct hyper_matching m;
    struct hyper_matcher *matcher; /* NULL: no condition */
    size_t *from;                  /* of each column of the target the source's, or NO_COLUMN */
    size_t *added_from;            /* the same for rows that are added */
    struct lookup lookup;
    struct hyper_value *source_row; /* where one is put together */
};

struct change {
    const struct hyper *target, *payload;
    const struct hyper_action *actions;
    size_t count;
    const struct hyper_watch *watch;
    struct fault *fault;
    struct arena *arena; /* until the end */
    struct arena *row_arena;
    struct hyper_writer w;
    /* the table that is under way */
    const struct hyper_table *table;
    struct stage *stages;
    size_t stage_count;
    struct hyper_builder *builder;
    uint64_t rows_done, rows_all, pairs;
    size_t lookup_bytes;
};

/* ---- tables */

static bool same_name(const char *given, const char *name)
{
    return !given || strcmp(given, name) == 0;
}

static const struct hyper_table *find_table(const struct hyper_matching *m,
                                            const struct hyper *hyper, const char *schema,
                                            const char *name, const char *whose)
{
    const struct hyper_table *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < hyper_table_count(hyper); i++) {
        const struct hyper_table *table = hyper_table(hyper, i);
        if (strcmp(table->name, name) != 0 || !same_name(schema, table->schema))
            continue;
        found = table;
        count++;
    }
    if (count == 1)
        return found;
    const char *echo = fault_echo(m->arena, name, strlen(name));
    if (count)
        hyper_action_refuse(m, "the %s has a table '%s' in several schemas: one must be named.",
                            whose, echo);
    else if (schema)
        hyper_action_refuse(m, "the %s has no table '%s' in the schema '%s'.", whose, echo,
                            fault_echo(m->arena, schema, strlen(schema)));
    else
        hyper_action_refuse(m, "the %s has no table '%s'.", whose, echo);
    return NULL;
}

static enum err find_source(const struct change *c, struct hyper_matching *m)
{
    if (!m->action->source_table)
        return m->action->act == HYPER_DELETE ? E_OK
                                              : hyper_action_refuse(m, "it names no source-table.");
    if (!c->payload)
        return hyper_action_refuse(m, "it names a source-table, and there is no payload.");
    m->source =
        find_table(m, c->payload, m->action->source_schema, m->action->source_table, "payload");
    return m->source ? E_OK : m->fault->err;
}

/* ---- columns */

static bool is_integer(enum hyper_type type)
{
    return type == HYPER_SMALLINT || type == HYPER_INTEGER || type == HYPER_BIGINT;
}

static bool converts(enum hyper_type from, enum hyper_type to)
{
    return from == to || (is_integer(from) && (is_integer(to) || to == HYPER_DOUBLE)) ||
           (from == HYPER_DATE && to == HYPER_TIMESTAMP);
}

static enum err check_column(const struct hyper_matching *m, const struct hyper_column *from,
                             const struct hyper_column *to)
{
    enum hyper_type source = hyper_type_of(from), target = hyper_type_of(to);
    if (source == HYPER_UNKNOWN || target == HYPER_UNKNOWN)
        return hyper_action_refuse(m, "the column '%s' is of the type %s, which is not supported.",
                                   fault_echo(m->arena, to->name, strlen(to->name)),
                                   target == HYPER_UNKNOWN ? to->type : from->type);
    if (converts(source, target))
        return E_OK;
    return hyper_action_refuse(m, "the column '%s' of the payload has the type %s; expected %s.",
                               fault_echo(m->arena, from->name, strlen(from->name)), from->type,
                               to->type);
}

static size_t column_named(const struct hyper_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return i;
    return NO_COLUMN;
}

/* Which column of the source is for which of the target. Others of the source must stand
 * in the condition. */
static enum err map_columns(struct stage *stage)
{
    const struct hyper_matching *m = &stage->m;
    bool by_name = m->action->act != HYPER_DELETE;
    enum err err = E_OK;
    for (size_t i = 0; i < m->target->column_count; i++)
        stage->from[i] = NO_COLUMN;
    for (size_t i = 0; m->source && i < m->source->column_count && !err; i++) {
        const struct hyper_column *column = &m->source->columns[i];
        size_t to = by_name ? column_named(m->target, column->name) : NO_COLUMN;
        if (to != NO_COLUMN) {
            stage->from[to] = i;
            err = check_column(m, column, &m->target->columns[to]);
        } else if (!m->source_used[i]) {
            err =
                hyper_action_refuse(m, "the column '%s' of the payload's table '%s' is %s.",
                                    fault_echo(m->arena, column->name, strlen(column->name)),
                                    fault_echo(m->arena, m->source->name, strlen(m->source->name)),
                                    by_name ? "none of the data source's" : "not in the condition");
        }
    }
    return err;
}

/* A row that is added matches the one that it comes from. */
static enum err map_added(struct stage *stage)
{
    const struct hyper_matching *m = &stage->m;
    const struct hyper_pair *pairs;
    enum err err = E_OK;
    size_t count = stage->matcher ? hyper_matcher_pairs(stage->matcher, &pairs) : 0;
    memcpy(stage->added_from, stage->from, m->target->column_count * sizeof *stage->from);
    for (size_t i = 0; i < count && !err; i++) {
        if (stage->added_from[pairs[i].target] != NO_COLUMN)
            continue;
        stage->added_from[pairs[i].target] = pairs[i].source;
        err = check_column(m, &m->source->columns[pairs[i].source],
                           &m->target->columns[pairs[i].target]);
    }
    for (size_t i = 0; i < m->target->column_count && !err; i++)
        if (stage->added_from[i] == NO_COLUMN && !m->target->columns[i].nullable)
            err = hyper_action_refuse(m, "the payload has no column '%s', which may not be NULL.",
                                      fault_echo(m->arena, m->target->columns[i].name,
                                                 strlen(m->target->columns[i].name)));
    return err;
}

/* The rows of the target are not always needed. */
static enum err check_payload(const struct hyper_matching *m, const struct hyper *payload)
{
    if (!m->source || !m->source->unreadable)
        return E_OK;
    return hyper_refuse(payload, m->fault, "the table '%s': %s, which is not supported.",
                        hyper_echo(payload, m->source->name), m->source->unreadable);
}

/* ---- stages */

static enum err check_condition(const struct hyper_matching *m)
{
    bool wants = m->action->act >= HYPER_DELETE;
    if (wants && !m->action->condition)
        return hyper_action_refuse(m, "it needs a condition.");
    if (!wants && m->action->condition)
        return hyper_action_refuse(m, "it takes no condition.");
    return E_OK;
}

static enum err begin_stage(struct change *c, size_t index, struct stage *stage)
{
    struct hyper_matching *m = &stage->m;
    *m = (struct hyper_matching){
        .action = &c->actions[index], .number = index + 1, .arena = c->arena, .fault = c->fault};
    enum err err = check_condition(m);
    if (!err)
        err = find_source(c, m);
    if (err)
        return err;
    m->target =
        find_table(m, c->target, m->action->target_schema, m->action->target_table, "data source");
    if (!m->target)
        return m->fault->err;
    size_t columns = m->target->column_count, others = m->source ? m->source->column_count : 0;
    m->target_used = arena_zalloc(c->arena, columns + 1);
    m->source_used = arena_zalloc(c->arena, others + 1);
    stage->from = arena_alloc(c->arena, (columns + 1) * sizeof *stage->from);
    stage->added_from = arena_alloc(c->arena, (columns + 1) * sizeof *stage->added_from);
    stage->source_row = arena_zalloc(c->arena, (others + 1) * sizeof *stage->source_row);
    err = check_payload(m, c->payload);
    if (!err && m->action->condition)
        err = hyper_matcher_new(m, &stage->matcher);
    if (!err)
        err = map_columns(stage);
    bool adds = m->action->act != HYPER_DELETE && m->action->act != HYPER_UPDATE;
    return err || !adds ? err : map_added(stage);
}

/* ---- rows of the payload, looked up */

static void source_row_of(struct stage *stage, uint32_t row)
{
    struct lookup *l = &stage->lookup;
    size_t low = 0, high = l->block_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (l->first[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    for (size_t i = 0; i < stage->m.source->column_count; i++)
        stage->source_row[i] = hyper_value_at(&l->blocks[low].columns[i], row - l->first[low]);
}

static enum err too_large(const struct stage *stage)
{
    return hyper_action_refuse(
        &stage->m,
        "the payload's table '%s' is larger than rows can be looked up in: "
        "%d MiB, with those of other actions.",
        fault_echo(stage->m.arena, stage->m.source->name, strlen(stage->m.source->name)),
        HYPER_LOOKUP_MOST >> 20);
}

static enum err load_rows(struct change *c, struct stage *stage)
{
    const struct hyper_table *source = stage->m.source;
    struct lookup *l = &stage->lookup;
    if (source->rows > LOOKUP_ROWS_MOST)
        return too_large(stage);
    size_t before = arena_footprint(c->arena);
    l->blocks = arena_alloc(c->arena, (source->block_count + 1) * sizeof *l->blocks);
    l->first = arena_alloc(c->arena, (source->block_count + 1) * sizeof *l->first);
    for (; l->block_count < source->block_count; l->block_count++) {
        struct hyper_block *block = &l->blocks[l->block_count];
        enum err err = hyper_block_read(c->payload, source, (uint32_t)l->block_count, NULL,
                                        c->arena, block, c->fault);
        if (err)
            return err;
        l->first[l->block_count] = l->rows;
        l->rows += block->rows;
        if (c->lookup_bytes + arena_footprint(c->arena) - before > HYPER_LOOKUP_MOST)
            return too_large(stage);
    }
    c->lookup_bytes += arena_footprint(c->arena) - before;
    return E_OK;
}

static void hash_rows(struct change *c, struct stage *stage)
{
    struct lookup *l = &stage->lookup;
    size_t buckets = 16;
    while (buckets < l->rows)
        buckets *= 2;
    l->bucket_mask = buckets - 1;
    l->buckets = arena_alloc(c->arena, buckets * sizeof *l->buckets);
    l->next = arena_alloc(c->arena, ((size_t)l->rows + 1) * sizeof *l->next);
    memset(l->buckets, 0xFF, buckets * sizeof *l->buckets);
    for (uint32_t row = l->rows; row-- > 0;) {
        uint64_t hash;
        source_row_of(stage, row);
        if (!hyper_matcher_hash(stage->matcher, true, stage->source_row, c->row_arena, &hash))
            continue;
        l->next[row] = l->buckets[hash & l->bucket_mask];
        l->buckets[hash & l->bucket_mask] = row;
        arena_reset(c->row_arena);
    }
}

static enum err load_lookup(struct change *c, struct stage *stage)
{
    const struct hyper_pair *pairs;
    if (!stage->matcher || !stage->m.source)
        return E_OK;
    enum err err = load_rows(c, stage);
    if (err)
        return err;
    if (hyper_matcher_pairs(stage->matcher, &pairs))
        hash_rows(c, stage);
    stage->lookup.matched = arena_zalloc(c->arena, (size_t)stage->lookup.rows + 1);
    return E_OK;
}

/* The first row from `row` on that may match: by the hash of the row of the target, or
 * simply the next. */
static uint32_t first_of(const struct change *c, const struct stage *stage,
                         const struct hyper_value *row)
{
    const struct lookup *l = &stage->lookup;
    uint64_t hash;
    if (!l->buckets)
        return l->rows ? 0 : NO_ROW;
    if (!hyper_matcher_hash(stage->matcher, false, row, c->row_arena, &hash))
        return NO_ROW;
    return l->buckets[hash & l->bucket_mask];
}

static uint32_t next_of(const struct stage *stage, uint32_t row)
{
    const struct lookup *l = &stage->lookup;
    if (l->buckets)
        return l->next[row];
    return row + 1 < l->rows ? row + 1 : NO_ROW;
}

/* The next row of the payload, from `at` on, for which the condition holds. */
static enum err find_match(struct change *c, struct stage *stage, const struct hyper_value *row,
                           uint32_t at, uint32_t *found_r)
{
    for (; at != NO_ROW; at = next_of(stage, at)) {
        if (++c->pairs > HYPER_PAIRS_MOST)
            return hyper_action_refuse(&stage->m,
                                       "more than %d pairs of rows would have to be compared; a "
                                       "condition that wants columns equal needs fewer.",
                                       HYPER_PAIRS_MOST);
        source_row_of(stage, at);
        bool holds = hyper_matcher_holds(stage->matcher, row, stage->source_row, c->row_arena);
        arena_reset(c->row_arena);
        if (holds)
            break;
    }
    *found_r = at;
    return E_OK;
}

/* ---- values into columns */

static enum err value_refused(const struct stage *stage, size_t column, const char *why)
{
    const char *name = stage->m.target->columns[column].name;
    return hyper_action_refuse(&stage->m, "a value for the column '%s' %s.",
                               fault_echo(stage->m.arena, name, strlen(name)), why);
}

static bool in_range(enum hyper_type type, int64_t value)
{
    if (type == HYPER_SMALLINT)
        return value >= INT16_MIN && value <= INT16_MAX;
    return type != HYPER_INTEGER || (value >= INT32_MIN && value <= INT32_MAX);
}

/* Of a Varchar the characters that it may have; SIZE_MAX: any number. */
static size_t longest_of(const struct hyper_column *column)
{
    const char *comma = strchr(column->type, ',');
    return comma ? (size_t)strtoull(comma + 1, NULL, 10) : SIZE_MAX;
}

static bool text_fits(const struct hyper_column *column, const struct hyper_text *text)
{
    size_t most = longest_of(column), characters = 0;
    for (uint32_t i = 0; i < text->len && text->len > most; i++)
        characters += ((unsigned char)text->bytes[i] & 0xC0) != 0x80;
    return characters <= most;
}

static enum err convert(const struct stage *stage, size_t column, const struct hyper_value *from,
                        struct hyper_value *to)
{
    const struct hyper_column *target = &stage->m.target->columns[column];
    enum hyper_type type = hyper_type_of(target);
    *to = *from;
    to->type = type;
    if (from->null)
        return target->nullable ? E_OK
                                : value_refused(stage, column, "is NULL, which it may not be");
    if (type == HYPER_DOUBLE && from->type != HYPER_DOUBLE)
        to->real = (double)from->integer;
    if (type == HYPER_TIMESTAMP && from->type == HYPER_DATE &&
        __builtin_mul_overflow(from->integer, HYPER_DAY_MICROS, &to->integer))
        return value_refused(stage, column, "is no time");
    if (is_integer(type) && !in_range(type, from->integer))
        return value_refused(stage, column, "is out of the range of its type");
    if (type == HYPER_VARCHAR && !text_fits(target, &from->text))
        return value_refused(stage, column, "is longer than it may be");
    return E_OK;
}

/* A row that is added, out of stage->source_row. */
static enum err make_row(const struct stage *stage, struct hyper_value *row)
{
    enum err err = E_OK;
    for (size_t i = 0; i < stage->m.target->column_count && !err; i++) {
        row[i] =
            (struct hyper_value){.type = hyper_type_of(&stage->m.target->columns[i]), .null = true};
        if (stage->added_from[i] != NO_COLUMN)
            err = convert(stage, i, &stage->source_row[stage->added_from[i]], &row[i]);
    }
    return err;
}

/* ---- rows through stages */

enum fate { KEPT, CHANGED, GONE };

/* Values that are the same change nothing. */
static bool same_value(const struct hyper_value *a, const struct hyper_value *b)
{
    if (a->null || b->null)
        return a->null == b->null;
    if (hyper_form_of(a->type) != HYPER_AS_TEXT)
        return a->integer == b->integer; /* of a real its bits */
    return a->text.len == b->text.len &&
           (!a->text.len || memcmp(a->text.bytes, b->text.bytes, a->text.len) == 0);
}

static enum err set_values(const struct stage *stage, struct hyper_value *row, enum fate *fate)
{
    enum err err = E_OK;
    for (size_t i = 0; i < stage->m.target->column_count && !err; i++) {
        struct hyper_value value;
        if (stage->from[i] == NO_COLUMN)
            continue;
        err = convert(stage, i, &stage->source_row[stage->from[i]], &value);
        if (err || same_value(&row[i], &value))
            continue;
        row[i] = value;
        *fate = CHANGED;
    }
    return err;
}

static enum err run_update(struct change *c, struct stage *stage, struct hyper_value *row,
                           enum fate *fate)
{
    uint32_t found, other = NO_ROW;
    enum err err = find_match(c, stage, row, first_of(c, stage, row), &found);
    if (err || found == NO_ROW)
        return err;
    err = find_match(c, stage, row, next_of(stage, found), &other);
    if (!err && other != NO_ROW)
        err = hyper_action_refuse(
            &stage->m,
            "a row of the data source matches several of the payload "
            "(rows %u and %u of the table '%s').",
            (unsigned)found + 1, (unsigned)other + 1,
            fault_echo(stage->m.arena, stage->m.source->name, strlen(stage->m.source->name)));
    if (err)
        return err;
    stage->lookup.matched[found] = true;
    source_row_of(stage, found);
    return set_values(stage, row, fate);
}

static enum err run_delete(struct change *c, struct stage *stage, const struct hyper_value *row,
                           enum fate *fate)
{
    uint32_t found = NO_ROW;
    enum err err = E_OK;
    if (stage->m.source) {
        err = find_match(c, stage, row, first_of(c, stage, row), &found);
    } else if (hyper_matcher_holds(stage->matcher, row, NULL, c->row_arena)) {
        found = 0;
    }
    arena_reset(c->row_arena);
    if (found != NO_ROW)
        *fate = GONE;
    return err;
}

/* The row through the stages from `stage` on. */
static enum err run_row(struct change *c, size_t stage, struct hyper_value *row, enum fate *fate)
{
    enum err err = E_OK;
    for (; stage < c->stage_count && !err && *fate != GONE; stage++) {
        struct stage *s = &c->stages[stage];
        switch (s->m.action->act) {
        case HYPER_INSERT:
            break;
        case HYPER_REPLACE:
            *fate = GONE;
            break;
        case HYPER_DELETE:
            err = run_delete(c, s, row, fate);
            break;
        default:
            err = run_update(c, s, row, fate);
        }
    }
    return err;
}

static enum err add_row(struct change *c, size_t stage, struct hyper_value *row)
{
    enum fate fate = KEPT;
    enum err err = make_row(&c->stages[stage], row);
    if (!err)
        err = run_row(c, stage + 1, row, &fate);
    return err || fate == GONE ? err : hyper_builder_row(c->builder, row);
}

/* ---- progress */

static enum err go_on(struct change *c, uint32_t rows)
{
    c->rows_done += rows;
    uint64_t all = c->rows_all ? c->rows_all : 1;
    int percent = (int)(c->rows_done < all ? c->rows_done * 100 / all : 99);
    if (!c->watch || c->watch->go_on(c->watch->context, percent))
        return E_OK;
    return fault_set(c->fault, c->arena, E500000, "The work was stopped.");
}

/* ---- the rows that are there */

static void take_row(const struct hyper_block *block, uint32_t at, size_t columns,
                     struct hyper_value *row)
{
    for (size_t i = 0; i < columns; i++)
        row[i] = hyper_value_at(&block->columns[i], at);
}

/* What becomes of each row: NULL for those that stay as they are. */
struct outcome {
    enum fate *fates;
    struct hyper_value **rows;
    bool changed;
};

static enum err run_block(struct change *c, const struct hyper_block *block, struct arena *arena,
                          struct outcome *out)
{
    size_t columns = c->table->column_count;
    struct hyper_value *row = arena_alloc(arena, (columns + 1) * sizeof *row);
    enum err err = E_OK;
    for (uint32_t at = 0; at < block->rows && !err; at++) {
        take_row(block, at, columns, row);
        err = run_row(c, 0, row, &out->fates[at]);
        out->changed |= out->fates[at] != KEPT;
        if (out->fates[at] == CHANGED)
            out->rows[at] = arena_memdup(arena, row, columns * sizeof *row);
    }
    return err;
}

static enum err build_block(struct change *c, const struct hyper_block *block,
                            const struct outcome *out, struct arena *arena)
{
    size_t columns = c->table->column_count;
    struct hyper_value *row = arena_alloc(arena, (columns + 1) * sizeof *row);
    enum err err = E_OK;
    for (uint32_t at = 0; at < block->rows && !err; at++) {
        if (out->fates[at] == GONE)
            continue;
        if (!out->rows[at])
            take_row(block, at, columns, row);
        err = hyper_builder_row(c->builder, out->rows[at] ? out->rows[at] : row);
    }
    return err;
}

static enum err change_block(struct change *c, uint32_t index, const struct hyper_block *block)
{
    struct arena *arena = arena_new(0);
    struct outcome out = {arena_zalloc(arena, block->rows * sizeof *out.fates),
                          arena_zalloc(arena, block->rows * sizeof(struct hyper_value *)), false};
    enum err err = run_block(c, block, arena, &out);
    if (!err)
        err = !out.changed && block->rows >= HYPER_COPIED_ROWS
                  ? hyper_builder_copy(c->builder, c->target, index, block)
                  : build_block(c, block, &out, arena);
    arena_free(&arena);
    return err ? err : go_on(c, block->rows);
}

static bool replaces(const struct change *c)
{
    for (size_t i = 0; i < c->stage_count; i++)
        if (c->stages[i].m.action->act == HYPER_REPLACE)
            return true;
    return false;
}

/* Where all rows are replaced anyway they are not even read, but for an upsert or update
 * before, which may refuse. */
static bool needs_rows(const struct change *c)
{
    return !replaces(c) || c->stages[0].m.action->act != HYPER_REPLACE;
}

static enum err change_rows(struct change *c)
{
    struct hyper_block block;
    uint32_t index = 0;
    enum err err = E_OK;
    if (!needs_rows(c))
        return E_OK;
    struct hyper_cursor *cursor = hyper_cursor_open(c->target, c->table, NULL, c->fault);
    if (!cursor)
        return c->fault->err;
    while (!err && hyper_cursor_next(cursor, &block, c->fault))
        err = change_block(c, index++, &block);
    hyper_cursor_close(&cursor);
    return err ? err : c->fault->err;
}

/* ---- the rows that are added */

static enum err add_block(struct change *c, size_t stage, const struct hyper_block *block,
                          struct hyper_value *row)
{
    struct stage *s = &c->stages[stage];
    enum err err = E_OK;
    for (uint32_t at = 0; at < block->rows && !err; at++) {
        take_row(block, at, s->m.source->column_count, s->source_row);
        err = add_row(c, stage, row);
    }
    return err ? err : go_on(c, block->rows);
}

static enum err add_all(struct change *c, size_t stage, struct hyper_value *row)
{
    const struct hyper_table *source = c->stages[stage].m.source;
    struct hyper_block block;
    enum err err = E_OK;
    struct hyper_cursor *cursor = hyper_cursor_open(c->payload, source, NULL, c->fault);
    if (!cursor)
        return c->fault->err;
    while (!err && hyper_cursor_next(cursor, &block, c->fault))
        err = add_block(c, stage, &block, row);
    hyper_cursor_close(&cursor);
    return err ? err : c->fault->err;
}

static enum err add_unmatched(struct change *c, size_t stage, struct hyper_value *row)
{
    struct stage *s = &c->stages[stage];
    enum err err = E_OK;
    for (uint32_t i = 0; i < s->lookup.rows && !err; i++) {
        if (s->lookup.matched[i])
            continue;
        source_row_of(s, i);
        err = add_row(c, stage, row);
    }
    return err;
}

static enum err add_rows(struct change *c)
{
    struct hyper_value *row = arena_alloc(c->arena, (c->table->column_count + 1) * sizeof *row);
    enum err err = E_OK;
    for (size_t i = 0; i < c->stage_count && !err; i++) {
        enum hyper_act act = c->stages[i].m.action->act;
        if (act == HYPER_INSERT || act == HYPER_REPLACE)
            err = add_all(c, i, row);
        else if (act == HYPER_UPSERT)
            err = add_unmatched(c, i, row);
    }
    return err;
}

/* ---- tables one after the other */

/* The catalog so far, with the NULLs of the table. */
static enum err tell_catalog(struct change *c, const char **json, const int64_t *nulls)
{
    bool counted = c->table->column_count == 0 || c->table->columns[0].nulls >= 0;
    return hyper_catalog_with(c->target, *json, strlen(*json), c->table, counted ? nulls : NULL,
                              c->arena, json, c->fault);
}

static enum err change_table(struct change *c, const char **json)
{
    uint32_t tag = hyper_blob_find(c->target, HYPER_ROWS, c->table->index, 0, 0)->tag;
    const int64_t *nulls = NULL;
    enum err err = E_OK;
    for (size_t i = 0; i < c->stage_count && !err; i++)
        err = load_lookup(c, &c->stages[i]);
    if (err)
        return err;
    c->builder = hyper_builder_new(&c->w, c->table, tag);
    err = change_rows(c);
    if (!err)
        err = add_rows(c);
    if (!err)
        err = hyper_builder_end(c->builder, &nulls);
    if (!err)
        err = tell_catalog(c, json, nulls);
    hyper_builder_free(&c->builder);
    return err;
}

/* The stages of all actions, those of the table first. */
static void choose_stages(struct change *c, struct stage *all, const struct hyper_table *table)
{
    c->table = table;
    c->stage_count = 0;
    for (size_t i = 0; i < c->count; i++)
        if (all[i].m.target == table)
            c->stages[c->stage_count++] = all[i];
}

static enum err change_tables(struct change *c, struct stage *all, const char **json)
{
    enum err err = E_OK;
    c->stages = arena_alloc(c->arena, (c->count + 1) * sizeof *c->stages);
    for (size_t i = 0; i < hyper_table_count(c->target) && !err; i++) {
        choose_stages(c, all, hyper_table(c->target, i));
        if (c->stage_count)
            err = change_table(c, json);
    }
    return err;
}

static bool is_changed(const struct change *c, const struct stage *all, uint32_t table)
{
    for (size_t i = 0; i < c->count; i++)
        if (all[i].m.target->index == table)
            return true;
    return false;
}

/* What no action is about, as it is. */
static enum err copy_others(struct change *c, const struct stage *all)
{
    enum err err = E_OK;
    for (size_t i = 0; i < hyper_blob_count(c->target) && !err; i++) {
        const struct hyper_blob *blob = hyper_blob(c->target, i);
        bool whole = blob->key.kind == HYPER_IDENTITY;
        if (blob->key.kind == HYPER_CATALOG || (!whole && is_changed(c, all, blob->key.table)))
            continue;
        err = hyper_write_copy(&c->w, c->target, blob, &blob->key, blob->tag, 0);
    }
    return err;
}

static enum err write_all(struct change *c, struct stage *all)
{
    const struct hyper_blob *old = hyper_blob_find(c->target, HYPER_CATALOG, 0, 0, 0);
    unsigned char *bytes = NULL;
    size_t len = 0;
    enum err err =
        hyper_blob_read(c->target, old, c->arena, HYPER_CATALOG_MOST, &bytes, &len, c->fault);
    if (err)
        return err;
    const char *json = arena_strndup(c->arena, (const char *)bytes, len);
    err = copy_others(c, all);
    if (!err)
        err = change_tables(c, all, &json);
    if (!err)
        err = hyper_write_blob(&c->w, &old->key, old->tag, json, strlen(json), false);
    return err ? err : hyper_write_end(&c->w);
}

static void count_rows(struct change *c, const struct stage *all)
{
    for (size_t i = 0; i < c->count; i++)
        c->rows_all += all[i].m.target->rows + (all[i].m.source ? all[i].m.source->rows : 0);
}

static enum err change_all(struct change *c, int fd)
{
    struct stage *all = arena_zalloc(c->arena, (c->count + 1) * sizeof *all);
    enum err err = E_OK;
    for (size_t i = 0; i < c->count && !err; i++)
        err = begin_stage(c, i, &all[i]);
    if (err)
        return err;
    count_rows(c, all);
    hyper_write_begin(&c->w, c->target, c->target->version, fd, c->fault);
    err = write_all(c, all);
    hyper_write_release(&c->w);
    return err;
}

enum err hyper_change(const struct hyper *target, const struct hyper *payload,
                      const struct hyper_action *actions, size_t count, int fd,
                      const struct hyper_watch *watch, struct fault *fault)
{
    struct change c = {.target = target,
                       .payload = payload,
                       .actions = actions,
                       .count = count,
                       .watch = watch,
                       .fault = fault,
                       .arena = arena_new(0),
                       .row_arena = arena_new(0)};
    fault->err = E_OK;
    enum err err = change_all(&c, fd);
    /* What the fault says outlives the work. */
    if (err && fault->detail)
        fault->detail = arena_strdup(target->arena, fault->detail);
    arena_free(&c.row_arena);
    arena_free(&c.arena);
    return err;
}
