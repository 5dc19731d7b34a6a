/* test_hyper_change.c: the rows of one extract changed by those of another. Tables are
 * written as text: "id:BigInt name:Varchar?" are columns, of which the second may be NULL;
 * rows are parted by ';', values by '|', and '~' is NULL. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "extract/hyper_actions.h"
#include "extract/hyper_builder.h"

static int setup(void **state)
{
    *state = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    struct arena *arena = *state;
    arena_free(&arena);
    return 0;
}

/* ---- files out of text */

struct table_text {
    const char *schema, *name, *columns, *rows;
};

enum { TABLES_MOST = 3, COLUMNS_MOST = 10 };

struct table_made {
    struct hyper_table table;
    struct hyper_column columns[COLUMNS_MOST];
};

/* "name:Type", "?" behind it where it may be NULL, "@collation" behind that. */
static void make_columns(struct arena *arena, const struct table_text *text,
                         struct table_made *made)
{
    char *rest = arena_strdup(arena, text->columns), *word;
    while ((word = strsep(&rest, " "))) {
        struct hyper_column *c = &made->columns[made->table.column_count++];
        *c = (struct hyper_column){.name = strsep(&word, ":"), .nulls = -1};
        c->type = strsep(&word, "@");
        c->collation = word;
        char *mark = strchr(c->type, '?');
        c->nullable = mark != NULL;
        if (mark)
            *mark = '\0';
    }
}

static void add_relation(struct buf *json, const struct table_text *text, int parent,
                         const struct table_made *made)
{
    buf_addf(json, "{\"name\": \"%s\", \"parent\": %d, \"type\": \"block\", \"attributes\": [",
             text->name, parent);
    for (size_t i = 0; i < made->table.column_count; i++) {
        const struct hyper_column *c = &made->columns[i];
        char *type = arena_strdup(json->arena, c->type), *params = strchr(type, ',');
        if (params)
            *params++ = '\0';
        buf_addf(json, "%s{\"name\": \"%s\", \"type\": [\"%s\"%s%s%s]", i ? ", " : "", c->name,
                 type, params ? ", " : "", params ? params : "",
                 c->nullable ? ", \"nullable\"" : "");
        if (c->collation)
            buf_addf(json, ", \"collate\": \"%s\"", c->collation);
        buf_adds(json, "}");
    }
    buf_adds(json, "], \"nullCounts\": [");
    for (size_t i = 0; i < made->table.column_count; i++)
        buf_adds(json, i ? ", 0" : "0");
    buf_adds(json, "]}");
}

static int64_t micros_of(const char *text)
{
    long long year = 0;
    unsigned month = 0, day = 0, hours = 0, minutes = 0, seconds = 0;
    sscanf(text, "%lld-%u-%u %u:%u:%u", &year, &month, &day, &hours, &minutes, &seconds);
    return hyper_day(year, month, day) * HYPER_DAY_MICROS +
           (int64_t)((hours * 60 + minutes) * 60 + seconds) * 1000000;
}

static struct hyper_value value_of(const struct hyper_column *column, const char *text)
{
    struct hyper_value value = {.type = hyper_type_of(column), .null = strcmp(text, "~") == 0};
    if (value.null)
        return value;
    switch (value.type) {
    case HYPER_BOOL:
        value.integer = strcmp(text, "true") == 0;
        break;
    case HYPER_DOUBLE:
        value.real = strtod(text, NULL);
        break;
    case HYPER_DATE:
        value.integer = micros_of(text) / HYPER_DAY_MICROS;
        break;
    case HYPER_TIMESTAMP:
        value.integer = micros_of(text);
        break;
    case HYPER_VARCHAR:
    case HYPER_GEOGRAPHY:
        value.text = (struct hyper_text){text, (uint32_t)strlen(text)};
        break;
    default:
        value.integer = strtoll(text, NULL, 10);
    }
    return value;
}

static void write_rows(struct arena *arena, struct hyper_writer *w, const struct table_text *text,
                       const struct table_made *made, const int64_t **nulls_r)
{
    struct hyper_builder *builder = hyper_builder_new(w, &made->table, made->table.index);
    char *rest = *text->rows ? arena_strdup(arena, text->rows) : NULL, *line;
    while ((line = strsep(&rest, ";"))) {
        struct hyper_value row[COLUMNS_MOST];
        for (size_t i = 0; i < made->table.column_count; i++)
            row[i] = value_of(&made->columns[i], strsep(&line, "|"));
        assert_null(line);
        assert_int_equal(hyper_builder_row(builder, row), E_OK);
    }
    const int64_t *nulls;
    assert_int_equal(hyper_builder_end(builder, &nulls), E_OK);
    *nulls_r = arena_memdup(arena, nulls, made->table.column_count * sizeof *nulls);
    hyper_builder_free(&builder);
}

/* Up to the first table without a name. Schemas are A and B. */
static int make_file(struct arena *arena, const struct table_text *tables)
{
    struct fault fault = {0};
    struct hyper model = {.arena = arena, .what = "The model", .slots = 8, .generation = 1};
    memcpy(model.page, "Hyper\x08", 6);
    hyper_put(model.page + 8, 1, 2);
    int fd = memfd_create("made", MFD_CLOEXEC);
    struct hyper_writer w;
    struct table_made made[TABLES_MOST] = {0};
    struct buf json;
    buf_init(&json, arena, 0);
    buf_adds(&json, "{\"namespaces\": [{\"name\": \"A\"}, {\"name\": \"B\"}], \"relations\": [");
    hyper_write_begin(&w, &model, 0, fd, &fault);
    model.relation_count = TABLES_MOST;
    const int64_t *nulls[TABLES_MOST] = {0};
    uint32_t count = 0;
    for (; count < TABLES_MOST && tables[count].name; count++) {
        struct table_made *m = &made[count];
        m->table =
            (struct hyper_table){.name = tables[count].name, .columns = m->columns, .index = count};
        make_columns(arena, &tables[count], m);
        buf_adds(&json, count ? ", " : "");
        add_relation(&json, &tables[count], tables[count].schema[0] - 'A' + 32, m);
        write_rows(arena, &w, &tables[count], m, &nulls[count]);
    }
    buf_adds(&json, "]}");
    const char *text = json.bytes;
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(hyper_catalog_with(&model, text, strlen(text), &made[i].table, nulls[i],
                                            arena, &text, &fault),
                         E_OK);
    assert_int_equal(hyper_write_blob(&w, &(struct hyper_key){HYPER_CATALOG, 0, 0, 0}, 0, text,
                                      strlen(text), false),
                     E_OK);
    assert_int_equal(hyper_write_end(&w), E_OK);
    hyper_write_release(&w);
    return fd;
}

static struct hyper *open_ok(struct arena *arena, int fd)
{
    struct hyper *hyper = NULL;
    struct fault fault = {0};
    if (hyper_open(arena, fd, "The file", &hyper, &fault) != E_OK)
        fail_msg("%s", fault.detail);
    return hyper;
}

/* The rows of a table as they are written here. */
static const char *rows_of(struct arena *arena, const struct hyper *hyper, size_t table)
{
    struct fault fault = {0};
    struct hyper_block block;
    struct buf out;
    buf_init(&out, arena, 0);
    buf_adds(&out, "");
    const struct hyper_table *t = hyper_table(hyper, table);
    struct hyper_cursor *cursor = hyper_cursor_open(hyper, t, NULL, &fault);
    while (hyper_cursor_next(cursor, &block, &fault))
        for (uint32_t row = 0; row < block.rows; row++) {
            buf_adds(&out, out.len ? ";" : "");
            for (size_t i = 0; i < t->column_count; i++) {
                struct hyper_value value = hyper_value_at(&block.columns[i], row);
                buf_adds(&out, i ? "|" : "");
                buf_adds(&out, value.null ? "~" : hyper_value_text(arena, &value));
            }
        }
    if (fault.err)
        fail_msg("%s", fault.detail);
    hyper_cursor_close(&cursor);
    return out.bytes;
}

/* ---- changes */

struct files {
    struct hyper *target, *payload;
    int target_fd, payload_fd;
};

static struct files make_files(struct arena *arena, const struct table_text *target,
                               const struct table_text *payload)
{
    struct files files = {.target_fd = make_file(arena, target), .payload_fd = -1};
    files.target = open_ok(arena, files.target_fd);
    if (payload) {
        files.payload_fd = make_file(arena, payload);
        files.payload = open_ok(arena, files.payload_fd);
    }
    return files;
}

static void close_files(struct files *files)
{
    close(files->target_fd);
    if (files->payload_fd >= 0)
        close(files->payload_fd);
}

/* The rows of each table afterwards, or the refusal. */
static const char *change(struct arena *arena, const struct table_text *target,
                          const struct table_text *payload, const struct hyper_action *actions,
                          size_t count)
{
    struct files files = make_files(arena, target, payload);
    struct fault fault = {0};
    struct buf out;
    int fd = memfd_create("changed", MFD_CLOEXEC);
    enum err err = hyper_change(files.target, files.payload, actions, count, fd, NULL, &fault);
    buf_init(&out, arena, 0);
    if (err) {
        buf_addf(&out, "%d %s", (int)err, fault.detail);
    } else {
        struct hyper *changed = open_ok(arena, fd);
        for (size_t i = 0; i < hyper_table_count(changed); i++) {
            buf_adds(&out, i ? " // " : "");
            buf_adds(&out, rows_of(arena, changed, i));
        }
    }
    close(fd);
    close_files(&files);
    return out.bytes;
}

#define ONE(columns, rows) ((const struct table_text[]){{"A", "t", columns, rows}, {0}})
#define TWO(columns, rows) ((const struct table_text[]){{"A", "p", columns, rows}, {0}})
#define ACTION(kind, ...)                                                  \
    {                                                                      \
        .act = kind, .target_table = "t", .source_table = "p", __VA_ARGS__ \
    }
#define SAME(a, b)                                 \
    &(const struct hyper_condition)                \
    {                                              \
        .test = HYPER_EQ, .target = a, .source = b \
    }

struct case_text {
    const char *target_columns, *target, *payload_columns, *payload;
    struct hyper_action actions[3];
    const char *expected;
};

static void run_cases(struct arena *arena, const struct case_text *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct case_text *c = &cases[i];
        size_t actions = 0;
        while (actions < 3 && c->actions[actions].target_table)
            actions++;
        const char *found = change(arena, ONE(c->target_columns, c->target),
                                   c->payload_columns ? TWO(c->payload_columns, c->payload) : NULL,
                                   c->actions, actions);
        if (strcmp(found, c->expected) != 0)
            fail_msg("%zu: '%s', expected '%s'", i, found, c->expected);
    }
}

#define KEYED "id:BigInt name:Varchar?"

static void test_actions(void **state)
{
    const struct case_text CASES[] = {
        {KEYED, "1|a;2|b", KEYED, "3|c", {ACTION(HYPER_INSERT)}, "1|a;2|b;3|c"},
        {KEYED, "1|a;2|b", KEYED, "", {ACTION(HYPER_INSERT)}, "1|a;2|b"},
        {KEYED, "", KEYED, "1|a", {ACTION(HYPER_INSERT)}, "1|a"},
        {KEYED, "1|a", "name:Varchar id:BigInt", "b|2", {ACTION(HYPER_INSERT)}, "1|a;2|b"},
        {KEYED, "1|a", "id:BigInt", "2;3", {ACTION(HYPER_INSERT)}, "1|a;2|~;3|~"},
        {KEYED, "1|a;2|b", KEYED, "3|c", {ACTION(HYPER_REPLACE)}, "3|c"},
        {KEYED, "1|a;2|b", KEYED, "", {ACTION(HYPER_REPLACE)}, ""},
        {KEYED,
         "1|a;2|b;3|c",
         "id:BigInt",
         "1;3;7",
         {ACTION(HYPER_DELETE, .condition = SAME("id", "id"))},
         "2|b"},
        {KEYED,
         "1|a;2|b;3|c",
         "gone:BigInt",
         "2",
         {ACTION(HYPER_DELETE, .condition = SAME("id", "gone"))},
         "1|a;3|c"},
        {KEYED,
         "1|a;2|b;3|c",
         KEYED,
         "2|x;9|y",
         {ACTION(HYPER_UPDATE, .condition = SAME("id", "id"))},
         "1|a;2|x;3|c"},
        {KEYED,
         "1|a;2|b;2|c",
         "key:BigInt name:Varchar?",
         "2|~",
         {ACTION(HYPER_UPDATE, .condition = SAME("id", "key"))},
         "1|a;2|~;2|~"},
        {KEYED,
         "1|a;2|b;3|c",
         KEYED,
         "9|y;2|x",
         {ACTION(HYPER_UPSERT, .condition = SAME("id", "id"))},
         "1|a;2|x;3|c;9|y"},
        {KEYED,
         "1|a;2|b",
         "key:BigInt name:Varchar",
         "2|x;3|z",
         {ACTION(HYPER_UPSERT, .condition = SAME("id", "key"))},
         "1|a;2|x;3|z"},
        {KEYED,
         "1|a",
         KEYED,
         "5|x;5|y",
         {ACTION(HYPER_UPSERT, .condition = SAME("id", "id"))},
         "1|a;5|x;5|y"},
        /* Each action sees what those before it left. */
        {KEYED,
         "1|a;2|b",
         KEYED,
         "2|x;3|y",
         {ACTION(HYPER_INSERT), ACTION(HYPER_DELETE, .condition = SAME("id", "id"))},
         "400000 Action 2 (delete): the column 'name' of the payload's table 'p' is not in the "
         "condition."},
        {KEYED,
         "1|a;2|b",
         "id:BigInt",
         "2;3",
         {ACTION(HYPER_INSERT), ACTION(HYPER_DELETE, .condition = SAME("id", "id"))},
         "1|a"},
        {KEYED,
         "1|a;2|b",
         "id:BigInt",
         "2;3",
         {ACTION(HYPER_DELETE, .condition = SAME("id", "id")), ACTION(HYPER_INSERT)},
         "1|a;2|~;3|~"},
        {KEYED,
         "1|a;2|b",
         KEYED,
         "2|x;3|y",
         {ACTION(HYPER_REPLACE), ACTION(HYPER_INSERT)},
         "2|x;3|y;2|x;3|y"},
        {KEYED,
         "1|a;2|b",
         KEYED,
         "2|x;3|y",
         {ACTION(HYPER_UPSERT, .condition = SAME("id", "id")), ACTION(HYPER_REPLACE)},
         "2|x;3|y"},
        {KEYED,
         "1|a;2|b",
         KEYED,
         "2|x;3|y",
         {ACTION(HYPER_INSERT), ACTION(HYPER_UPSERT, .condition = SAME("id", "id"))},
         "1|a;2|x;2|x;3|y"},
    };
    run_cases(*state, CASES, sizeof CASES / sizeof *CASES);
}

static void test_refused(void **state)
{
    const struct case_text CASES[] = {
        {KEYED,
         "1|a",
         KEYED,
         "1|b",
         {ACTION(HYPER_INSERT, .target_schema = "B")},
         "400000 Action 1 (insert): the data source has no table 't' in the schema 'B'."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b",
         {{.act = HYPER_INSERT, .target_table = "x", .source_table = "p"}},
         "400000 Action 1 (insert): the data source has no table 'x'."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b",
         {{.act = HYPER_INSERT, .target_table = "t", .source_table = "x"}},
         "400000 Action 1 (insert): the payload has no table 'x'."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b",
         {{.act = HYPER_INSERT, .target_table = "t"}},
         "400000 Action 1 (insert): it names no source-table."},
        {KEYED,
         "1|a",
         NULL,
         NULL,
         {ACTION(HYPER_INSERT)},
         "400000 Action 1 (insert): it names a source-table, and there is no payload."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b",
         {ACTION(HYPER_UPDATE)},
         "400000 Action 1 (update): it needs a condition."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b",
         {ACTION(HYPER_INSERT, .condition = SAME("id", "id"))},
         "400000 Action 1 (insert): it takes no condition."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b",
         {ACTION(HYPER_UPDATE, .condition = SAME("ID", "id"))},
         "400000 Action 1 (update): the table 't' of the data source has no column 'ID'."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b",
         {ACTION(HYPER_UPDATE, .condition = SAME("id", "key"))},
         "400000 Action 1 (update): the table 'p' of the payload has no column 'key'."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b",
         {ACTION(HYPER_UPDATE, .condition = SAME("id", "name"))},
         "400000 Action 1 (update): the column 'id' of the type BigInt can't be compared with the "
         "column 'name' of the type Varchar."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b;1|c",
         {ACTION(HYPER_UPDATE, .condition = SAME("id", "id"))},
         "400000 Action 1 (update): a row of the data source matches several of the payload "
         "(rows 1 and 2 of the table 'p')."},
        {KEYED,
         "1|a",
         KEYED,
         "1|b;1|c",
         {ACTION(HYPER_UPSERT, .condition = SAME("id", "id"))},
         "400000 Action 1 (upsert): a row of the data source matches several of the payload "
         "(rows 1 and 2 of the table 'p')."},
        {KEYED,
         "1|a",
         "id:BigInt nam:Varchar",
         "1|b",
         {ACTION(HYPER_INSERT)},
         "400000 Action 1 (insert): the column 'nam' of the payload's table 'p' is none of the "
         "data source's."},
        {KEYED,
         "1|a",
         "name:Varchar",
         "b",
         {ACTION(HYPER_INSERT)},
         "400000 Action 1 (insert): the payload has no column 'id', which may not be NULL."},
        {KEYED,
         "1|a",
         "id:BigInt?",
         "~",
         {ACTION(HYPER_INSERT)},
         "400000 Action 1 (insert): a value for the column 'id' is NULL, which it may not be."},
        {KEYED,
         "1|a",
         "id:Double",
         "1",
         {ACTION(HYPER_INSERT)},
         "400000 Action 1 (insert): the column 'id' of the payload has the type Double; expected "
         "BigInt."},
        {"id:SmallInt",
         "1",
         "id:BigInt",
         "40000",
         {ACTION(HYPER_INSERT)},
         "400000 Action 1 (insert): a value for the column 'id' is out of the range of its type."},
        {"s:Varchar,3",
         "abc",
         "s:Varchar",
         "äöü;abcd",
         {ACTION(HYPER_INSERT)},
         "400000 Action 1 (insert): a value for the column 's' is longer than it may be."},
        {"n:Numeric,18,2",
         "",
         "n:Numeric,18,2",
         "",
         {ACTION(HYPER_INSERT)},
         "400000 Action 1 (insert): the column 'n' is of the type Numeric,18,2, which is not "
         "supported."},
        {KEYED,
         "1|a",
         NULL,
         NULL,
         {{.act = HYPER_DELETE, .target_table = "t", .condition = SAME("id", "id")}},
         "400000 Action 1 (delete): the condition reads the column 'id' of the payload, and the "
         "action names no table of it."},
        {"s:Varchar?@en_US",
         "a",
         NULL,
         NULL,
         {{.act = HYPER_DELETE,
           .target_table = "t",
           .condition = &(const struct hyper_condition){.test = HYPER_LT,
                                                        .target = "s",
                                                        .constant = HYPER_STRING_CONSTANT,
                                                        .text = "b"}}},
         "400000 Action 1 (delete): which strings of the column 's' are less than others under "
         "its collation en_US is not supported."},
    };
    run_cases(*state, CASES, sizeof CASES / sizeof *CASES);
}

static void test_types(void **state)
{
    const struct case_text CASES[] = {
        {"a:BigInt b:Double? c:Timestamp?",
         "1|1.5|~",
         "a:SmallInt b:Integer c:Date",
         "7|2|2020-02-29",
         {ACTION(HYPER_INSERT)},
         "1|1.5|~;7|2|2020-02-29 00:00:00"},
        {"a:SmallInt b:Bool?",
         "1|true",
         "a:BigInt b:Bool?",
         "-32768|~;3|false",
         {ACTION(HYPER_INSERT)},
         "1|true;-32768|~;3|false"},
        {"a:Integer g:Geography?",
         "1|xy",
         "a:Integer g:Geography",
         "2|zz",
         {ACTION(HYPER_INSERT)},
         "1|7879;2|7a7a"},
        {"s:Varchar,3", "abc", "s:Varchar", "äöü", {ACTION(HYPER_INSERT)}, "abc;äöü"},
        /* Numbers, dates and strings match across their types. */
        {"k:BigInt v:Double?",
         "1|~;2|~;3|~",
         "k:Double v:Integer",
         "2|5;2.5|6;3|7",
         {ACTION(HYPER_UPDATE, .condition = SAME("k", "k"))},
         "400000 Action 1 (update): the column 'k' of the payload has the type Double; expected "
         "BigInt."},
        {"k:BigInt v:Double?",
         "1|~;2|~;3|~",
         "j:Double v:Integer",
         "2|5;2.5|6;3|7",
         {ACTION(HYPER_UPDATE, .condition = SAME("k", "j"))},
         "1|~;2|5;3|7"},
        {"k:Timestamp v:BigInt?",
         "2020-01-01 00:00:00|~;2020-01-01 01:00:00|~",
         "d:Date v:BigInt",
         "2020-01-01|5",
         {ACTION(HYPER_UPDATE, .condition = SAME("k", "d"))},
         "2020-01-01 00:00:00|5;2020-01-01 01:00:00|~"},
        {"k:Bool v:BigInt?",
         "true|~;false|~",
         "k:Bool v:BigInt",
         "false|5",
         {ACTION(HYPER_UPDATE, .condition = SAME("k", "k"))},
         "true|~;false|5"},
        {"k:Double v:BigInt?",
         "0|~;nan|~;-0.0|~",
         "j:Double v:BigInt",
         "0|5;nan|6",
         {ACTION(HYPER_UPDATE, .condition = SAME("k", "j"))},
         "0|5;nan|6;-0|5"},
        {"k:Varchar?@en_US_CI v:BigInt?",
         "Ab|~;c|~;~|~",
         "j:Varchar? v:BigInt",
         "aB|5;~|6",
         {ACTION(HYPER_UPDATE, .condition = SAME("k", "j"))},
         "Ab|5;c|~;~|~"},
        {"k:Varchar? v:BigInt?",
         "Ab|~;~|~",
         "j:Varchar? v:BigInt",
         "aB|5;~|6",
         {ACTION(HYPER_UPDATE, .condition = SAME("k", "j"))},
         "Ab|~;~|~"},
        {"k:Varchar? v:BigInt?",
         "Ab|~;~|~",
         "j:Varchar? v:BigInt",
         "aB|5;~|6",
         {ACTION(HYPER_UPDATE, .condition = &(const struct hyper_condition){.test = HYPER_IS,
                                                                            .target = "k",
                                                                            .source = "j"})},
         "Ab|~;~|6"},
    };
    run_cases(*state, CASES, sizeof CASES / sizeof *CASES);
}

/* ---- conditions of constants */

#define MIXED "i:BigInt? d:Double? s:Varchar? b:Bool? day:Date? at:Timestamp?"
#define MIXED_ROWS                                  \
    "1|1.5|a|true|2020-01-01|2020-01-01 00:00:00;"  \
    "2|2.5|b|false|2020-01-02|2020-01-02 12:00:00;" \
    "3|3|~|~|2020-01-03|2020-01-03 23:59:59;"       \
    "~|~|c|true|~|~"

static void test_constants(void **state)
{
    static const struct {
        enum hyper_test test;
        const char *column;
        enum hyper_constant constant;
        const char *text, *kept; /* first column of the rows that are left */
    } CASES[] = {
        {HYPER_EQ, "i", HYPER_INTEGER_CONSTANT, "2", "1 3 ~"},
        {HYPER_NEQ, "i", HYPER_INTEGER_CONSTANT, "2", "2 ~"},
        {HYPER_LT, "i", HYPER_INTEGER_CONSTANT, "2", "2 3 ~"},
        {HYPER_LTE, "i", HYPER_INTEGER_CONSTANT, "2", "3 ~"},
        {HYPER_GT, "i", HYPER_INTEGER_CONSTANT, "2", "1 2 ~"},
        {HYPER_GTE, "i", HYPER_INTEGER_CONSTANT, "2", "1 ~"},
        {HYPER_GTE, "i", HYPER_DOUBLE_CONSTANT, "1.5", "1 ~"},
        {HYPER_IS, "i", HYPER_INTEGER_CONSTANT, "2", "1 3 ~"},
        {HYPER_IS, "i", HYPER_INTEGER_CONSTANT, NULL, "1 2 3"},
        {HYPER_EQ, "d", HYPER_INTEGER_CONSTANT, "3", "1 2 ~"},
        {HYPER_LT, "d", HYPER_DOUBLE_CONSTANT, "2.5", "2 3 ~"},
        {HYPER_GT, "d", HYPER_DOUBLE_CONSTANT, "-1e300", "~"},
        {HYPER_EQ, "s", HYPER_STRING_CONSTANT, "a", "2 3 ~"},
        {HYPER_GT, "s", HYPER_STRING_CONSTANT, "a", "1 3"},
        {HYPER_IS, "s", HYPER_STRING_CONSTANT, NULL, "1 2 ~"},
        {HYPER_EQ, "b", HYPER_BOOLEAN_CONSTANT, "true", "2 3"},
        {HYPER_NEQ, "b", HYPER_BOOLEAN_CONSTANT, "TRUE", "1 3 ~"},
        {HYPER_LT, "day", HYPER_DATETIME_CONSTANT, "2020-01-02", "2 3 ~"},
        {HYPER_LTE, "day", HYPER_DATETIME_CONSTANT, "2020-01-02T00:00:00Z", "3 ~"},
        {HYPER_LT, "day", HYPER_STRING_CONSTANT, "2020-01-02", "2 3 ~"},
        {HYPER_GT, "at", HYPER_DATETIME_CONSTANT, "2020-01-02", "1 ~"},
        {HYPER_EQ, "at", HYPER_DATETIME_CONSTANT, "2020-01-02 12:00", "1 3 ~"},
        {HYPER_EQ, "at", HYPER_DATETIME_CONSTANT, "2020-01-02T14:30:00.000000+02:30", "1 3 ~"},
        {HYPER_EQ, "at", HYPER_DATETIME_CONSTANT, "2020-01-02T11:00:00-0100", "1 3 ~"},
        {HYPER_GT, "at", HYPER_DATETIME_CONSTANT, "2020-01-03 23:59:58.999999", "1 2 ~"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const struct hyper_condition condition = {.test = CASES[i].test,
                                                  .target = CASES[i].column,
                                                  .constant = CASES[i].constant,
                                                  .text = CASES[i].text};
        const struct hyper_action action = {
            .act = HYPER_DELETE, .target_table = "t", .condition = &condition};
        char *rows = arena_strdup(*state, change(*state, ONE(MIXED, MIXED_ROWS), NULL, &action, 1));
        struct buf kept;
        char *row;
        buf_init(&kept, *state, 0);
        while ((row = strsep(&rows, ";"))) {
            buf_adds(&kept, kept.len ? " " : "");
            buf_add(&kept, row, strcspn(row, "|"));
        }
        if (strcmp(kept.bytes, CASES[i].kept) != 0)
            fail_msg("%zu: '%s', expected '%s'", i, kept.bytes, CASES[i].kept);
    }
}

static void test_bad_constants(void **state)
{
    static const struct {
        const char *column;
        enum hyper_constant constant;
        const char *text;
    } CASES[] = {
        {"i", HYPER_INTEGER_CONSTANT, "2x"},
        {"i", HYPER_INTEGER_CONSTANT, ""},
        {"i", HYPER_INTEGER_CONSTANT, " 2"},
        {"i", HYPER_INTEGER_CONSTANT, "9223372036854775808"},
        {"i", HYPER_STRING_CONSTANT, "2"},
        {"d", HYPER_DOUBLE_CONSTANT, "1e999"},
        {"d", HYPER_DOUBLE_CONSTANT, "0x10"},
        {"d", HYPER_BOOLEAN_CONSTANT, "true"},
        {"b", HYPER_BOOLEAN_CONSTANT, "1"},
        {"s", HYPER_INTEGER_CONSTANT, "1"},
        {"day", HYPER_DATETIME_CONSTANT, "2020-02-30"},
        {"day", HYPER_DATETIME_CONSTANT, "2020-00-01"},
        {"day", HYPER_DATETIME_CONSTANT, "2020-06-00"},
        {"day", HYPER_DATETIME_CONSTANT, "2020-1-1"},
        {"day", HYPER_DATETIME_CONSTANT, "2020-01-01T"},
        {"day", HYPER_DATETIME_CONSTANT, "2020-01-01T24:00:00"},
        {"day", HYPER_DATETIME_CONSTANT, "2020-01-01T00:00:00Zx"},
        {"day", HYPER_DATETIME_CONSTANT, "2020-01-01T00:00:00+9"},
        {"day", HYPER_STRING_CONSTANT, "yesterday"},
        {"at", HYPER_INTEGER_CONSTANT, "5"},
        {"i", HYPER_INTEGER_CONSTANT, NULL},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const struct hyper_condition condition = {.test = HYPER_EQ,
                                                  .target = CASES[i].column,
                                                  .constant = CASES[i].constant,
                                                  .text = CASES[i].text};
        const struct hyper_action action = {
            .act = HYPER_DELETE, .target_table = "t", .condition = &condition};
        const char *found = change(*state, ONE(MIXED, MIXED_ROWS), NULL, &action, 1);
        if (!strstr(found, CASES[i].text ? "can't be compared with" : "is compared with NULL"))
            fail_msg("%zu: %s", i, found);
    }
}

/* Three values: of NULL nothing is known, and `not` knows no more. */
static void test_logic(void **state)
{
#define IS_2                                                                             \
    {                                                                                    \
        .test = HYPER_EQ, .target = "i", .constant = HYPER_INTEGER_CONSTANT, .text = "2" \
    }
#define IS_A                                                                            \
    {                                                                                   \
        .test = HYPER_EQ, .target = "s", .constant = HYPER_STRING_CONSTANT, .text = "a" \
    }
    static const struct hyper_condition BOTH[] = {IS_2, IS_A};
    static const struct hyper_condition OR[] = {{.test = HYPER_OR, .args = BOTH, .arg_count = 2}};
    static const struct hyper_condition AND[] = {{.test = HYPER_AND, .args = BOTH, .arg_count = 2}};
    static const struct hyper_condition NULLS[] = {
        {.test = HYPER_IS, .target = "i", .constant = HYPER_INTEGER_CONSTANT}};
    static const struct {
        struct hyper_condition condition;
        const char *left;
    } CASES[] = {
        {{.test = HYPER_AND, .args = BOTH, .arg_count = 2}, "1|a;2|b;~|c;3|~"},
        {{.test = HYPER_OR, .args = BOTH, .arg_count = 2}, "~|c;3|~"},
        {{.test = HYPER_NOT, .args = BOTH, .arg_count = 1}, "2|b;~|c"},
        {{.test = HYPER_NOT, .args = OR, .arg_count = 1}, "1|a;2|b;~|c;3|~"},
        {{.test = HYPER_NOT, .args = AND, .arg_count = 1}, ""},
        {{.test = HYPER_NOT, .args = NULLS, .arg_count = 1}, "~|c"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const struct hyper_action action = {
            .act = HYPER_DELETE, .target_table = "t", .condition = &CASES[i].condition};
        const char *found =
            change(*state, ONE("i:BigInt? s:Varchar?", "1|a;2|b;~|c;3|~"), NULL, &action, 1);
        if (strcmp(found, CASES[i].left) != 0)
            fail_msg("%zu: '%s', expected '%s'", i, found, CASES[i].left);
    }
}

/* Conditions that want nothing equal compare every row with every row. */
static void test_ranges(void **state)
{
    static const struct hyper_condition WITHIN[] = {
        {.test = HYPER_GTE, .target = "i", .source = "from"},
        {.test = HYPER_LT, .target = "i", .source = "to"}};
    const struct hyper_condition condition = {.test = HYPER_AND, .args = WITHIN, .arg_count = 2};
    const struct hyper_action action = ACTION(HYPER_DELETE, .condition = &condition);
    const char *found = change(*state, ONE("i:BigInt", "1;2;3;4;5;6;7"),
                               TWO("from:BigInt to:BigInt", "2|4;6|7"), &action, 1);
    assert_string_equal(found, "1;4;5;7");
}

/* Several tables; those that no action is about stay to the byte. */
static void test_tables(void **state)
{
    const struct table_text target[] = {{"A", "t", "i:BigInt", "1;2"},
                                        {"B", "t", "i:BigInt", "1;2"},
                                        {"B", "u", "s:Varchar?", "x;~"}};
    const struct hyper_action ambiguous = ACTION(HYPER_INSERT);
    const struct hyper_action actions[] = {
        ACTION(HYPER_INSERT, .target_schema = "B"),
        {.act = HYPER_REPLACE, .target_table = "u", .source_table = "p", .source_schema = "A"}};
    const struct table_text payload[] = {{"A", "p", "i:BigInt", "7"}, {0}};
    assert_string_equal(change(*state, target, payload, &ambiguous, 1),
                        "400000 Action 1 (insert): the data source has a table 't' in several "
                        "schemas: one must be named.");
    assert_string_equal(change(*state, target, payload, actions, 1), "1;2 // 1;2;7 // x;~");
    assert_string_equal(change(*state, target, payload, actions, 2),
                        "400000 Action 2 (replace): the column 'i' of the payload's table 'p' is "
                        "none of the data source's.");
}

/* ---- many rows */

static int make_many(struct arena *arena, uint32_t rows, uint32_t first, const char *name)
{
    struct buf text;
    buf_init(&text, arena, 0);
    for (uint32_t i = 0; i < rows; i++)
        buf_addf(&text, "%s%u|n%u", i ? ";" : "", first + i, i % 1000);
    const struct table_text tables[] = {{"A", name, KEYED, text.bytes}, {0}};
    return make_file(arena, tables);
}

static uint64_t sum_of(const struct hyper *hyper)
{
    struct fault fault = {0};
    struct hyper_block block;
    uint64_t sum = 0;
    struct hyper_cursor *cursor = hyper_cursor_open(hyper, hyper_table(hyper, 0), NULL, &fault);
    while (hyper_cursor_next(cursor, &block, &fault))
        for (uint32_t row = 0; row < block.rows; row++)
            sum += (uint64_t)block.columns[0].integers[row];
    assert_int_equal(fault.err, E_OK);
    hyper_cursor_close(&cursor);
    return sum;
}

/* Blocks that nothing changes are copied, small ones gathered. */
static void test_blocks(void **state)
{
    struct fault fault = {0};
    int target_fd = make_many(*state, 200000, 0, "t"),
        payload_fd = make_many(*state, 10, 199995, "p");
    const struct hyper *target = open_ok(*state, target_fd), *payload = open_ok(*state, payload_fd);
    assert_int_equal(hyper_table(target, 0)->block_count, 4);
    const struct hyper_action upsert = ACTION(HYPER_UPSERT, .condition = SAME("id", "id"));
    for (int round = 0; round < 5; round++) {
        int fd = memfd_create("changed", MFD_CLOEXEC);
        assert_int_equal(hyper_change(target, payload, &upsert, 1, fd, NULL, &fault), E_OK);
        target = open_ok(*state, fd);
        assert_int_equal(hyper_table(target, 0)->block_count, 4);
        assert_int_equal(hyper_table(target, 0)->rows, 200005);
        assert_int_equal(sum_of(target), UINT64_C(200005) * 200004 / 2);
        assert_int_equal(hyper_table(target, 0)->block_rows[0], 65535);
    }
}

/* A table in many small blocks becomes one of few. */
static void test_gathered(void **state)
{
    struct fault fault = {0};
    const struct hyper *target =
        open_ok(*state, make_file(*state, ONE("id:BigInt name:Varchar?", "")));
    for (uint32_t round = 0; round < 20; round++) {
        const struct hyper *payload = open_ok(*state, make_many(*state, 500, round * 500, "p"));
        const struct hyper_action insert = ACTION(HYPER_INSERT);
        int fd = memfd_create("changed", MFD_CLOEXEC);
        assert_int_equal(hyper_change(target, payload, &insert, 1, fd, NULL, &fault), E_OK);
        target = open_ok(*state, fd);
        assert_int_equal(hyper_table(target, 0)->block_count, 1);
    }
    assert_int_equal(sum_of(target), UINT64_C(10000) * 9999 / 2);
}

static bool stop_at(void *context, int percent)
{
    (void)percent;
    return ++*(int *)context < 3;
}

static void test_stopped(void **state)
{
    struct fault fault = {0};
    int calls = 0;
    const struct hyper_watch watch = {stop_at, &calls};
    const struct hyper *target = open_ok(*state, make_many(*state, 200000, 0, "t"));
    const struct hyper *payload = open_ok(*state, make_many(*state, 10, 5, "p"));
    const struct hyper_action insert = ACTION(HYPER_INSERT);
    int fd = memfd_create("changed", MFD_CLOEXEC);
    assert_int_equal(hyper_change(target, payload, &insert, 1, fd, &watch, &fault), E500000);
    assert_int_equal(calls, 3);
    close(fd);
}

/* Too many pairs to compare. */
static void test_pairs(void **state)
{
    struct fault fault = {0};
    const struct hyper *target = open_ok(*state, make_many(*state, 20000, 0, "t"));
    const struct hyper *payload = open_ok(*state, make_many(*state, 10000, 100000, "p"));
    const struct hyper_condition greater = {.test = HYPER_GT, .target = "id", .source = "id"};
    const struct hyper_action update = ACTION(HYPER_UPDATE, .condition = &greater);
    int fd = memfd_create("changed", MFD_CLOEXEC);
    assert_int_equal(hyper_change(target, payload, &update, 1, fd, NULL, &fault), E400000);
    assert_non_null(strstr(fault.detail, "more than 100000000 pairs of rows"));
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_actions),       TEST(test_refused),  TEST(test_types),   TEST(test_constants),
        TEST(test_bad_constants), TEST(test_logic),    TEST(test_ranges),  TEST(test_tables),
        TEST(test_blocks),        TEST(test_gathered), TEST(test_stopped), TEST(test_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
