/* hyper_catalog.c: the JSON that names the tables of a .hyper file and their columns. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "extract/hyper_priv.h"

enum {
    VALUES_MOST = 500000, /* they cost more memory than their bytes */
    RELATIONS_MOST = 10000,
    COLUMNS_MOST = 50000, /* of all tables together */
    FIRST_SCHEMA = 32,    /* what `parent` says for the first of the namespaces */
};

struct reader {
    struct hyper *h;
    struct fault *fault;
    const json_t *namespaces;
    size_t columns;
};

/* An upper bound, found before anything is built. */
static bool too_many(const char *json, size_t len)
{
    size_t values = 0;
    for (size_t i = 0; i < len; i++)
        values += json[i] == ',' || json[i] == ':' || json[i] == '[' || json[i] == '{';
    return values > VALUES_MOST;
}

static enum err load(const struct hyper *h, const char *json, size_t len, json_t **root_r,
                     struct fault *fault)
{
    json_error_t error;
    if (too_many(json, len))
        return hyper_refuse(h, fault, "its catalog has more than %d values.", VALUES_MOST);
    *root_r = json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);
    return *root_r ? E_OK
                   : hyper_refuse(h, fault, "its catalog is not JSON (line %d, column %d).",
                                  error.line, error.column);
}

static const char *keep(struct reader *r, const json_t *text)
{
    return arena_strdup(r->h->arena, json_string_value(text));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* ---- columns */

/* ["Varchar", "nullable"]: the name, parameters where it has some, and the word. */
static bool take_type(struct reader *r, const json_t *type, struct hyper_column *column)
{
    size_t count = json_array_size(type);
    struct buf text;
    buf_init(&text, r->h->arena, 4096);
    for (size_t i = 0; i < count; i++) {
        const json_t *part = json_array_get(type, i);
        const char *word = json_string_value(part);
        if (i && word && strcmp(word, "nullable") == 0) {
            column->nullable = true;
            continue;
        }
        if (i)
            buf_addc(&text, ',');
        if (word)
            buf_adds(&text, word);
        else if (json_is_integer(part))
            buf_addf(&text, "%lld", (long long)json_integer_value(part));
        else
            return false;
    }
    column->type = text.len ? text.bytes : NULL;
    return column->type && buf_ok(&text);
}

static enum err take_column(struct reader *r, const json_t *attribute, const char *table,
                            size_t index, struct hyper_column *column)
{
    const json_t *name = json_object_get(attribute, "name");
    const json_t *collate = json_object_get(attribute, "collate");
    *column = (struct hyper_column){.nulls = -1};
    if (!json_is_string(name) || !take_type(r, json_object_get(attribute, "type"), column) ||
        (collate && !json_is_string(collate)))
        return hyper_refuse(r->h, r->fault,
                            "column %zu of the table '%s' is not described in a "
                            "way that is supported.",
                            index + 1, hyper_echo(r->h, table));
    column->name = keep(r, name);
    column->collation = collate ? keep(r, collate) : NULL;
    return E_OK;
}

/* Absent in files of the first years. */
static enum err take_nulls(struct reader *r, const json_t *relation, struct hyper_table *table,
                           struct hyper_column *columns)
{
    const json_t *counts = json_object_get(relation, "nullCounts");
    if (!counts)
        return E_OK;
    bool fits = json_is_array(counts) && json_array_size(counts) == table->column_count;
    for (size_t i = 0; i < table->column_count && fits; i++) {
        const json_t *count = json_array_get(counts, i);
        columns[i].nulls = json_integer_value(count);
        fits = json_is_integer(count) && columns[i].nulls >= 0;
    }
    return fits ? E_OK
                : hyper_refuse(r->h, r->fault,
                               "the numbers of NULLs in the table '%s' do not fit "
                               "its columns.",
                               hyper_echo(r->h, table->name));
}

static enum err take_columns(struct reader *r, const json_t *relation, struct hyper_table *table)
{
    const json_t *attributes = json_object_get(relation, "attributes");
    size_t count = json_array_size(attributes);
    r->columns += count;
    if (!json_is_array(attributes) || r->columns > COLUMNS_MOST)
        return hyper_refuse(r->h, r->fault, "the table '%s' has no columns, or more than %d.",
                            hyper_echo(r->h, table->name), COLUMNS_MOST);
    struct hyper_column *columns = arena_alloc(r->h->arena, (count + 1) * sizeof *columns);
    enum err err = E_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = take_column(r, json_array_get(attributes, i), table->name, i, &columns[i]);
    table->columns = columns;
    table->column_count = count;
    return err ? err : take_nulls(r, relation, table, columns);
}

/* ---- tables */

static const char *schema_of(struct reader *r, const json_t *relation)
{
    const json_t *parent = json_object_get(relation, "parent");
    json_int_t at = json_integer_value(parent) - FIRST_SCHEMA;
    if (!json_is_integer(parent) || at < 0 || (size_t)at >= json_array_size(r->namespaces))
        return NULL;
    const json_t *name = json_object_get(json_array_get(r->namespaces, (size_t)at), "name");
    return json_is_string(name) ? keep(r, name) : NULL;
}

static const char *table_fault(const json_t *relation, const struct hyper_table *table)
{
    const char *type = json_string_value(json_object_get(relation, "type"));
    if (!table->schema)
        return "its schema is not among those of the file";
    if (!type || strcmp(type, "block") != 0)
        return "it is of a type that is not supported";
    if (is_true(relation, "partitionedRelation"))
        return "it is partitioned, which is not supported";
    return NULL;
}

static enum err take_relation(struct reader *r, const json_t *relation, uint32_t index)
{
    const json_t *name = json_object_get(relation, "name");
    if (is_true(relation, "dropped"))
        return E_OK;
    if (!json_is_string(name))
        return hyper_refuse(r->h, r->fault, "table %u of its catalog has no name.",
                            (unsigned)index + 1);
    struct hyper_table *table = &r->h->tables[r->h->table_count++];
    *table = (struct hyper_table){
        .schema = schema_of(r, relation), .name = keep(r, name), .index = index};
    const char *why = table_fault(relation, table);
    if (why)
        return hyper_refuse(r->h, r->fault, "the table '%s': %s.", hyper_echo(r->h, table->name),
                            why);
    return take_columns(r, relation, table);
}

static enum err take_root(struct reader *r, const json_t *root)
{
    struct hyper *h = r->h;
    const json_t *scheme = json_object_get(root, "encryptionSchemeId");
    const json_t *method = json_object_get(root, "compressionMethod");
    const json_t *relations = json_object_get(root, "relations");
    if (scheme && (!json_is_integer(scheme) || json_integer_value(scheme) != 0))
        return hyper_refuse(h, r->fault, "it is encrypted, which is not supported.");
    h->plain = true;
    if (method && (!json_is_string(method) || strcmp(json_string_value(method), "lz4") != 0))
        return hyper_refuse(h, r->fault,
                            "it is packed by another method than lz4, which is not "
                            "supported.");
    if (!json_is_array(relations) || json_array_size(relations) > RELATIONS_MOST)
        return hyper_refuse(h, r->fault, "its catalog lists no tables, or more than %d.",
                            RELATIONS_MOST);
    r->namespaces = json_object_get(root, "namespaces");
    h->relation_count = json_array_size(relations);
    h->tables = arena_alloc(h->arena, (h->relation_count + 1) * sizeof *h->tables);
    enum err err = E_OK;
    for (size_t i = 0; i < h->relation_count && !err; i++)
        err = take_relation(r, json_array_get(relations, i), (uint32_t)i);
    return err;
}

enum err hyper_catalog_read(struct hyper *h, const char *json, size_t len, struct fault *fault)
{
    struct reader r = {.h = h, .fault = fault};
    json_t *root;
    enum err err = load(h, json, len, &root, fault);
    if (err)
        return err;
    err = take_root(&r, root);
    json_decref(root);
    return err;
}

/* ---- with other numbers */

static void set_nulls(json_t *relation, size_t count, const int64_t *nulls)
{
    json_object_del(relation, "nullCounts");
    if (!nulls)
        return;
    json_t *counts = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(counts, json_integer(nulls[i]));
    json_object_set_new(relation, "nullCounts", counts);
}

enum err hyper_catalog_with(const struct hyper *h, const char *json, size_t len,
                            const struct hyper_table *table, const int64_t *nulls,
                            struct arena *arena, const char **json_r, struct fault *fault)
{
    json_t *root;
    enum err err = load(h, json, len, &root, fault);
    if (err)
        return err;
    json_t *relations = json_object_get(root, "relations");
    set_nulls(json_array_get(relations, table->index), table->column_count, nulls);
    char *text = json_dumps(root, 0);
    json_decref(root);
    if (!text)
        abort();
    *json_r = arena_strdup(arena, text);
    free(text);
    return E_OK;
}
