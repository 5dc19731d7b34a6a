/* test_content.c: published files read, and bad ones refused with a reason.
 *
 * Hand-made files are in tests/data/content; the samples beside the checkout
 * (../shared/fixtures) are read where they are there. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/crc.h"
#include "base/url_name.h"
#include "content/content.h"
#include "content/package.h"
#include "content/png.h"
#include "content/repack.h"

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

/* ---- helpers */

static const char *data_path(struct arena *arena, const char *name)
{
    return arena_printf(arena, "%s/content/%s", TEST_DATA, name);
}

/* A sample beside the checkout; skips the test where there is none. */
static const char *fixture(struct arena *arena, const char *name)
{
    const char *path = arena_printf(arena, "%s/%s", TEST_FIXTURES, name);
    if (access(path, R_OK) != 0) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    return path;
}

static struct content *read_ok(struct arena *arena, const char *path)
{
    struct content *content = NULL;
    struct fault fault = {0};
    if (content_read_file(arena, path, NULL, &content, &fault) != E_OK)
        fail_msg("%s: %s", path, fault.detail);
    return content;
}

/* A file in memory that holds these bytes. */
static int file_of(const void *bytes, size_t len)
{
    int fd = memfd_create("content", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    return fd;
}

static const char *refusal_of(struct arena *arena, int fd, enum content_kind kind,
                              const struct content_limits *limits)
{
    struct content *content = NULL;
    struct fault fault = {0};
    enum err err = content_read(arena, fd, kind, limits, &content, &fault);
    if (err == E_OK)
        return "accepted";
    assert_null(content);
    assert_int_equal(err, content_is_flow(kind) ? E400087 : E400011);
    assert_int_equal(fault.err, err);
    return fault.detail;
}

static void assert_begins(const char *what, const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("%s: expected '%s', found '%s'", what, start, text);
}

static void assert_same(const char *what, const char *found, const char *expected)
{
    if (!found != !expected || (found && strcmp(found, expected) != 0))
        fail_msg("%s: expected '%s', found '%s'", what, expected ? expected : "(none)",
                 found ? found : "(none)");
}

/* The sheets on one line: each as type:name/url, "-" before a hidden one. */
static const char *sheets_of(struct arena *arena, const struct content *content)
{
    const char *line = "";
    for (const struct content_sheet *s = content->sheets; s; s = s->next)
        line = arena_printf(arena, "%s%s%s%c:%s/%s", line, *line ? "; " : "", s->hidden ? "-" : "",
                            *content_sheet_type_name(s->type), s->name, s->url_name);
    return line;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

/* The data sources on one line: caption or name, type, fields, connections (of
 * paths the file alone). */
static const char *datasources_of(struct arena *arena, const struct content *content)
{
    const char *line = "";
    for (const struct content_datasource *d = content->datasources; d; d = d->next) {
        line = arena_printf(arena, "%s%s%s %s fields=%zu", line, *line ? "; " : "",
                            d->caption ? d->caption : d->name, d->type, d->field_count);
        for (const struct content_connection *c = d->connections; c; c = c->next)
            line = arena_printf(arena, "%s %s@%s:%s/%s", line, c->username ? c->username : "",
                                c->server ? c->server : "", c->port ? c->port : "",
                                base_name(c->dbname ? c->dbname : c->filename));
    }
    return line;
}

static const struct content_field *field_of(const struct content_datasource *d, const char *name)
{
    for (const struct content_field *f = d->fields; f; f = f->next)
        if (strcmp(f->name, name) == 0)
            return f;
    fail_msg("no field %s", name);
    return NULL;
}

static const struct content_datasource *datasource_of(const struct content *content,
                                                      const char *name)
{
    for (const struct content_datasource *d = content->datasources; d; d = d->next)
        if (strcmp(d->name, name) == 0)
            return d;
    fail_msg("no data source %s", name);
    return NULL;
}

static const char *names_of(struct arena *arena, const struct content_names *names)
{
    const char *line = "";
    size_t count = 0;
    for (const struct content_name *n = names->first; n; n = n->next, count++)
        line = arena_printf(arena, "%s%s%s", line, count ? "; " : "", n->name);
    assert_int_equal(count, names->count);
    return line;
}

static const struct content_sheet *sheet_of(const struct content *content, const char *name)
{
    for (const struct content_sheet *s = content->sheets; s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s;
    fail_msg("no sheet %s", name);
    return NULL;
}

/* ---- names and kinds */

static void test_url_names(void **state)
{
    static const struct {
        const char *name, *url, *second;
    } cases[] = {
        /* as servers answered them (recorded responses of public clients) */
        {"GDP per capita", "GDPpercapita", "GDPpercapita_1"},
        {"ENDANGERED SAFARI", "ENDANGEREDSAFARI", "ENDANGEREDSAFARI_1"},
        {"Interest rates", "Interestrates", "Interestrates_1"},
        /* the rule, case by case */
        {"A-b_c", "A-b_c", "A-b_c_1"},
        {"v1.2", "v1_2", "v1_2_1"},
        {"Años", "Aos", "Aos_1"},
        {"What? (50 %) & more/less", "What50moreless", "What50moreless_1"},
        {"売上", "_0", "_1"},
        {"", "_0", "_1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *url = url_name(*state, cases[i].name);
        assert_same(cases[i].name, url_name_choice(*state, url, 0), cases[i].url);
        assert_same(cases[i].name, url_name_choice(*state, url, 1), cases[i].second);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum content_kind kind;
    } cases[] = {
        {"a.twb", CONTENT_TWB},   {"A.TWBX", CONTENT_TWBX},       {"a.b.tds", CONTENT_TDS},
        {"tdsx", CONTENT_TDSX},   {"x.hyper", CONTENT_HYPER},     {"x.tde", CONTENT_TDE},
        {"x.csv", CONTENT_CSV},   {"x.parquet", CONTENT_PARQUET}, {"x.tfl", CONTENT_TFL},
        {"x.tflx", CONTENT_TFLX}, {"x.twb.zip", CONTENT_UNKNOWN}, {"x", CONTENT_UNKNOWN},
        {"", CONTENT_UNKNOWN},    {"x.", CONTENT_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(content_kind_named(cases[i].name), cases[i].kind);
}

/* ---- what is read */

static void test_sheets(void **state)
{
    struct content *c = read_ok(*state, data_path(*state, "sheets.twb"));
    assert_same("sheets", sheets_of(*state, c),
                "d:Overview & more!/Overviewmore; w:売上/_0; w:Années 1_2/Annes1_2; "
                "-w:Only in a dashboard/Onlyinadashboard; s:The story/Thestory; "
                "w:Années 1.2/Annes1_2_1; w:利益/_1; -w:Tooltip/Tooltip; -w:No window/Nowindow");
    assert_int_equal(c->sheet_count, 9);
    assert_int_equal(c->visible_count, 6);
    /* the hidden one was open too; it is no view */
    assert_same("default view", c->default_view->name, "The story");
    assert_same("version", c->version, "18.1");
    assert_same("original", c->original_version, "10.5");
    assert_same("build", c->source_build, "2024.1.0 (20241.24.0221.0611)");
    assert_same("platform", c->source_platform, "win");
    assert_same("origin", c->origin_url, "Sheets");
    assert_same("origin site", c->origin_site, "sales");
    const struct content_sheet *overview = c->sheets, *years = c->default_view->next;
    assert_int_equal(c->thumbnail_count, 1);
    assert_int_equal(overview->thumbnail_len, 70);
    assert_memory_equal(overview->thumbnail, "\x89PNG", 4);
    assert_null(c->default_view->thumbnail);
    assert_same("title", years->title, "Per year: <[Parameters].[Parameter 1]>");
    assert_same("caption", years->caption, "Sum of amount.");
    assert_same("origin", years->origin_url, "Annes1_2");
    assert_same("uuid", years->uuid, "{8A5E3C8E-6B5D-4A52-9E0B-2F0F8B0C7A01}");
    assert_same("uses", years->datasources->name, "Parameters");
    assert_same("uses", years->datasources->next->name, "federated.1");
    assert_null(years->datasources->next->next);
}

static void test_datasources(void **state)
{
    struct content *c = read_ok(*state, data_path(*state, "sheets.twb"));
    assert_same("data sources", datasources_of(*state, c),
                "Parameters  fields=1; "
                "Sales & Co federated fields=5 reader@db.example.com:5432/sales @:/regions.csv; "
                "Published sqlproxy fields=0 @server.example.com:443/Published1; "
                "Old extract excel-direct fields=0 @:/old.xlsx");
    const struct content_datasource *sales = datasource_of(c, "federated.1");
    const struct content_connection *postgres = sales->connections;
    assert_same("type", postgres->type, "postgres");
    assert_same("key", postgres->name, "postgres.1");
    assert_same("caption", postgres->caption, "db.example.com");
    assert_same("schema", postgres->schema, "public");
    assert_same("authentication", postgres->authentication, "username-password");
    assert_same("directory", postgres->next->directory, "Data/csv");
    assert_true(sales->has_extract && sales->extract_enabled && !sales->published);
    assert_true(c->has_extracts);
    const struct content_datasource *published = datasource_of(c, "sqlproxy.1");
    assert_true(published->published);
    assert_same("published", published->published_url, "Published1");
    assert_same("published site", published->published_site, "sales");
    const struct content_datasource *old = datasource_of(c, "excel.1");
    assert_true(old->has_extract && !old->extract_enabled);
}

static void test_fields(void **state)
{
    struct content *c = read_ok(*state, data_path(*state, "sheets.twb"));
    const struct content_datasource *sales = datasource_of(c, "federated.1");
    const struct content_field *f = field_of(sales, "[amount]");
    assert_same("caption", f->caption, "Amount (EUR)");
    assert_same("description", f->description, "What was paid,\n taxes <excluded>");
    assert_same("type", f->datatype, "real"); /* the extract says integer: the source wins */
    assert_same("remote", f->remote, "amount");
    assert_same("table", f->table, "[orders]");
    assert_same("aggregation", f->aggregation, "Sum");
    assert_true(f->listed && !f->hidden);
    f = field_of(sales, "[region [x]]]");
    assert_same("caption", f->caption, "region [x]");
    assert_same("role", f->role, "dimension");
    assert_same("type", f->type, "nominal");
    assert_false(f->listed);
    assert_true(field_of(sales, "[secret]")->hidden);
    f = field_of(sales, "[Calculation_1]");
    assert_same("formula", f->formula, "SUM([amount])\r\n/ 2 & \"x\"");
    assert_same("class", f->formula_class, "tableau");
    /* one variant of each pair, and nothing of the copies within worksheets */
    assert_same("object", field_of(sales, "[__tableau_internal_object_id__].[orders_1]")->datatype,
                "table");
    const struct content_datasource *parameters = datasource_of(c, "Parameters");
    assert_true(parameters->parameters);
    f = field_of(parameters, "[Parameter 1]");
    assert_same("domain", f->domain, "range");
    assert_same("value", f->value, "5");
    assert_same("caption", f->caption, "Top N");
}

static void test_tables(void **state)
{
    struct content *c = read_ok(*state, data_path(*state, "tables.tds"));
    assert_same("tables", names_of(*state, &c->datasources->tables),
                "Orders; People; Bosses; regions#csv; regions.csv; 2024.orders; Y2024; c ]. d; "
                "Y&2025; wide; [Open; Open; Targets");
    c = read_ok(*state, data_path(*state, "fields.twb"));
    assert_same("of one", names_of(*state, &c->datasources->tables), "Orders");
    assert_same("of another", names_of(*state, &c->datasources->next->tables), "Orders");
    c = read_ok(*state, data_path(*state, "sheets.twb"));
    assert_same("one variant", names_of(*state, &datasource_of(c, "federated.1")->tables), "");
}

static void test_sheet_fields(void **state)
{
    static const struct {
        const char *sheet, *shows, *fields;
    } cases[] = {
        {"Map", "", "Region [x]; Profit & Loss; Sales; Target"},
        {"Ranks", "", "Rank; Sales; Target"},
        {"Alone", "", "Lonely"},
        {"Nothing", "", ""},
        {"Board", "Ranks; Nothing; Board; Map", "Rank; Sales; Target; Region [x]; Profit & Loss"},
        {"Empty board", "", ""},
        {"A story", "Board; Alone; A story; No such sheet",
         "Rank; Sales; Target; Region [x]; Profit & Loss; Lonely"},
    };
    struct content *c = read_ok(*state, data_path(*state, "fields.twb"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct content_sheet *sheet = sheet_of(c, cases[i].sheet);
        assert_same(sheet->name, names_of(*state, &sheet->shows), cases[i].shows);
        assert_same(sheet->name, names_of(*state, &sheet->fields), cases[i].fields);
    }
}

/* Names beyond the limit are left out, and so are those that are too long. */
static void test_listed_names(void **state)
{
    struct content_limits limits = content_limits_default;
    struct content *c = NULL;
    struct fault fault = {0};
    limits.listed_names = 8; /* two tables, then fields in the order of the document */
    assert_int_equal(
        content_read_file(*state, data_path(*state, "fields.twb"), &limits, &c, &fault), E_OK);
    assert_same("Map", names_of(*state, &sheet_of(c, "Map")->fields),
                "Region [x]; Profit & Loss; Sales; Target");
    assert_same("Ranks", names_of(*state, &sheet_of(c, "Ranks")->fields), "Rank; Sales");
    assert_same("Board", names_of(*state, &sheet_of(c, "Board")->fields), "");
    for (int more = 0; more < 2; more++) {
        char name[CONTENT_LISTED_NAME_MOST + 2] = "";
        memset(name, 'x', CONTENT_LISTED_NAME_MOST + (size_t)more);
        const char *xml = arena_printf(
            *state,
            "<workbook><worksheets><worksheet name='A'><table><view><datasource-dependencies>"
            "<column caption='%s' name='[a]'/><column name='[%s]'/><column name='[b]'/>"
            "<column caption='%s%s%s%s' name='[c]'/></datasource-dependencies></view></table>"
            "</worksheet></worksheets></workbook>",
            name, name + 1, name, name, name, name);
        int fd = file_of(xml, strlen(xml));
        assert_int_equal(content_read(*state, fd, CONTENT_TWB, NULL, &c, &fault), E_OK);
        assert_int_equal(c->sheets->fields.count, more ? 2 : 3);
        close(fd);
    }
}

static void test_flow(void **state)
{
    struct content *c = read_ok(*state, data_path(*state, "good/flow.tfl"));
    const struct content_flow *flow = c->flow;
    assert_non_null(flow);
    assert_int_equal(flow->node_count, 4);
    assert_int_equal(flow->input_count, 2);
    assert_int_equal(flow->output_count, 1);
    const struct content_node *in = flow->nodes, *out = in->next->next->next;
    assert_same("name", in->name, "Orders");
    assert_same("type", in->type, ".v1.LoadSql");
    assert_same("description", in->description, "Orders of all years");
    assert_same("connection", in->connection_id, "db");
    assert_null(in->next->description);
    assert_same("id", out->id, "out");
    assert_same("base", out->base, "output");
    const struct content_connection *db = flow->connections;
    assert_same("class", db->type, "postgres");
    assert_same("server", db->server, "db.example.com");
    assert_same("user", db->username, "reader");
    assert_same("file", db->next->filename, "regions.csv");
    assert_same("parameter", flow->parameters->name, "Year");
    assert_same("value", flow->parameters->value, "2024");
    assert_true(flow->parameters->required);
}

/* The smallest workbooks, packed and written in every way that is accepted. */
static void test_good_forms(void **state)
{
    static const struct {
        const char *file, *main;
        size_t entries, extracts, images;
    } cases[] = {
        {"good/bom.twb", NULL, 0, 0, 0},
        {"good/declared.twb", NULL, 0, 0, 0},
        {"good/prefixes.twb", NULL, 0, 0, 0},
        {"good/stored.twbx", "Book.twb", 1, 0, 0},
        {"good/zip64.twbx", "Book.twb", 1, 0, 0},
        {"good/unix.twbx", "Book.twb", 1, 0, 0},
        {"good/comment.twbx", "Book.twb", 1, 0, 0},
        {"good/mac.twbx", "Book.twb", 2, 0, 0},
        {"good/nested.twbx", "Book.twb", 2, 0, 0},
        {"good/folders.twbx", "a/Book.twb", 4, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct content *c = read_ok(*state, data_path(*state, cases[i].file));
        assert_same(cases[i].file, sheets_of(*state, c), "w:Sheet 1/Sheet1");
        assert_same(cases[i].file, c->main_entry, cases[i].main);
        assert_int_equal(c->entry_count, cases[i].entries);
        assert_int_equal(c->extract_entry_count, cases[i].extracts);
        assert_int_equal(c->image_entry_count, cases[i].images);
        assert_int_equal(c->has_extracts, cases[i].extracts > 0);
        assert_ptr_equal(c->default_view, c->sheets);
    }
    struct content *c = read_ok(*state, data_path(*state, "good/plain.tdsx"));
    assert_same("plain.tdsx", datasources_of(*state, c), "x sqlserver fields=0 @:/");
    assert_same("plain.tdsx", c->version, "18.1");
}

/* ---- the samples of the field */

static void test_samples(void **state)
{
    static const struct {
        const char *file, *version, *sheets, *datasources;
        bool extracts;
        size_t thumbnails;
    } cases[] = {
        {"workbooks/RESTAPISample.twb", "10.0",
         "w:GDP per capita/GDPpercapita; d:GDP per Capita Dashboard/GDPperCapitaDashboard; "
         "w:Health spending vs life expectancy/Healthspendingvslifeexpectancy; "
         "w:Country ranks/Countryranks; w:Interest rates/Interestrates; "
         "w:Share of World GDP/ShareofWorldGDP; -w:GDP per capita by region/GDPpercapitabyregion; "
         "-w:GDP per capita map/GDPpercapitamap",
         "World Indicators dataengine fields=17 @:/World Indicators.tde", false, 6},
        {"workbooks/SampleWB.twbx", "10.0",
         "w:GDP per capita/GDPpercapita; d:GDP per Capita Dashboard/GDPperCapitaDashboard; "
         "w:Health spending vs life expectancy/Healthspendingvslifeexpectancy; "
         "w:Country ranks/Countryranks; w:Interest rates/Interestrates; "
         "w:Share of World GDP/ShareofWorldGDP; -w:GDP per capita by region/GDPpercapitabyregion; "
         "-w:GDP per capita map/GDPpercapitamap",
         "World Indicators dataengine fields=17 @:/World Indicators.tde", true, 6},
        {"workbooks/Cache.twbx", "10.1", "w:Sheet 21/Sheet21",
         "Parameters  fields=7; "
         "Sales Target dataengine fields=5 @:/Sales Target.tde",
         true, 1},
        {"workbooks/TABLEAU_10_TWBX.twbx", "10.0", "w:Sheet 1/Sheet1",
         "xy (TestV1) sqlserver fields=4 test@mssql2012.test.tsi.lan:/TestV1", true, 1},
        {"workbooks/datasource_test.twb", "9.3", "w:Sheet 1/Sheet1; w:Sheet 2/Sheet2",
         "datasource_test postgres fields=4 test@postgres91.test.tsi.lan:5432/TestV1", false, 0},
        {"workbooks/ephemeral_field.twb", "9.3", "w:Sheet 1/Sheet1; w:Sheet 2/Sheet2",
         "datasource_test postgres fields=4 test@postgres91.test.tsi.lan:5432/TestV1", false, 0},
        {"workbooks/filtering.twb", "18.1", "d:setTest/setTest; w:Sheet 2/Sheet2; w:Sheet 1/Sheet1",
         "TestData (EmptyDB) sqlserver fields=42 "
         "ctest@b5dpm3ihhu.database.windows.net:/EmptyDB",
         false, 3},
        {"workbooks/multiple_connections.twb", "10.1", "",
         "xy (TestV1) sqlproxy fields=0 @awesomeserver:80/xyTestV1; xy+ (Multiple Connections) "
         "federated fields=0 test@mysql55:/testv1 test@mssql2012:/TestV1",
         false, 0},
        {"workbooks/shapes_test.twb", "18.1", "w:Sheet 1/Sheet1",
         "Parameters  fields=2; Sample - Superstore excel-direct fields=31 "
         "@:/Sample - Superstore.xls",
         false, 1},
        {"workbooks/SampleDS.tds", "9.3", "",
         "postgres.1of3kl00aoax5d1a1ejma1397430 postgres fields=5 "
         "test@postgres91.test.tsi.lan:5432/TestV1",
         false, 0},
        {"workbooks/datasource_test.tds", "9.3", "",
         "foo postgres fields=6 test@postgres91.test.tsi.lan:5432/TestV1", false, 0},
        {"workbooks/unicode.tds", "9.3", "",
         "postgres.1of3kl00aoax5d1a1ejma1397430 postgres fields=5 "
         "test@postgres91.test.tsi.lan:5432/TestV1",
         false, 0},
        {"workbooks/TABLEAU_10_TDSX.tdsx", "10.0", "",
         "federated.1qwu7vf034dv771b6io5r0qbvzar sqlserver fields=22 "
         "test@mssql2012.test.tsi.lan:/TestV1",
         false, 0},
        {"workbooks/World Indicators.tdsx", "18.1", "",
         "World Indicators new hyper fields=18 tableau_internal_user@:/World Indicators.tde", true,
         0},
        {"hyper/iris12.hyper", NULL, "", " hyper fields=0 @:/", true, 0},
        {"hyper/europe_deleted_rows.hyper", NULL, "", " hyper fields=0 @:/", true, 0},
        {"hyper/iris12.Extract.csv", NULL, "", " textscan fields=0 @:/", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *file = cases[i].file;
        struct content *c = read_ok(*state, fixture(*state, file));
        assert_same(file, c->version, cases[i].version);
        assert_same(file, sheets_of(*state, c), cases[i].sheets);
        assert_same(file, datasources_of(*state, c), cases[i].datasources);
        if (c->has_extracts != cases[i].extracts || c->thumbnail_count != cases[i].thumbnails)
            fail_msg("%s: extracts %d, %zu thumbnails", file, c->has_extracts, c->thumbnail_count);
    }
}

/* Workbooks of public repositories; README.md beside them names each. */
static void test_public(void **state)
{
    static const struct {
        const char *file, *version, *sheets, *datasources;
        size_t thumbnails;
    } cases[] = {
        {"TABLEAU_82_TWB.twb", "8.2", "",
         "xy (TestV1) sqlserver fields=0 @mssql2012.test.tsi.lan:/TestV1", 0},
        {"TABLEAU_93_TWB.twb", "9.3", "",
         "xy (TestV1) sqlserver fields=0 @mssql2012.test.tsi.lan:/TestV1", 0},
        {"TABLEAU_10_TWB.twb", "10.0", "",
         "xy+ (Multiple Connections) federated fields=0 test@mysql55.test.tsi.lan:3306/testv1 "
         "test@mssql2012.test.tsi.lan:/TestV1",
         0},
        {"empty_workbook.twb", "9.3", "", "", 0},
        {"worksheet_no_datasources.twb", "9.3", "w:Sheet 1/Sheet1", "TestData federated fields=0",
         0},
        {"worksheet_no_shelves.twb", "9.3", "w:Sheet 1/Sheet1", "TestData federated fields=0", 0},
        {"EmptyWorkbook.twb", "9.0", "w:Sheet 1/Sheet1", "", 1},
        {"Sample.twb", "9.3", "",
         "logshark data postgres fields=0 "
         "AUTO_REPLACE_BY_LOGSHARK@AUTO_REPLACE_BY_LOGSHARK:5432/AUTO_REPLACE_BY_LOGSHARK",
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *file = cases[i].file;
        struct content *c =
            read_ok(*state, arena_printf(*state, "%s/workbooks/%s", TEST_DATA, file));
        assert_same(file, c->version, cases[i].version);
        assert_same(file, sheets_of(*state, c), cases[i].sheets);
        assert_same(file, datasources_of(*state, c), cases[i].datasources);
        assert_int_equal(c->thumbnail_count, cases[i].thumbnails);
    }
    /* a template with places to fill in, which is no XML until they are */
    struct content *c = NULL;
    struct fault fault = {0};
    const char *path = arena_printf(*state, "%s/workbooks/Data App Name.twb", TEST_DATA);
    assert_int_equal(content_read_file(*state, path, NULL, &c, &fault), E400011);
    assert_begins(path, fault.detail,
                  "The document, line 69, column 25: '<' in the value of an attribute.");
}

/* The tab that was open is the default view, not the first one. */
static void test_sample_details(void **state)
{
    struct content *c = read_ok(*state, fixture(*state, "workbooks/datasource_test.twb"));
    assert_same("default view", c->default_view->name, "Sheet 2");
    c = read_ok(*state, fixture(*state, "workbooks/filtering.twb"));
    assert_same("default view", c->default_view->name, "setTest");
    const struct content_datasource *d = c->datasources;
    assert_true(d->connections->name && !d->published);
    assert_same("formula", field_of(d, "[Calculation_88946136969252864]")->formula,
                "IF [BurstoutSet] THEN \"Selected\" ELSE \"Not Selected\" END");
    assert_same("tables", names_of(*state, &d->tables), "TestData");
    assert_same("fields", names_of(*state, &c->default_view->fields),
                "Burst Out Set list; SHOW; Number of Records");
    assert_same("fields", names_of(*state, &sheet_of(c, "Sheet 2")->fields), "Burst Out Set list");
    c = read_ok(*state, fixture(*state, "workbooks/multiple_connections.twb"));
    assert_true(c->datasources->published);
    assert_same("published", c->datasources->published_url, "xyTestV1");
    assert_same("tables", names_of(*state, &c->datasources->next->tables), "xy; xy1");
    assert_null(c->default_view);
    c = read_ok(*state, fixture(*state, "workbooks/Cache.twbx"));
    assert_same("origin", c->origin_url, "US_Superstore_Rev");
    c = read_ok(*state, fixture(*state, "workbooks/SampleDS.tds"));
    assert_same("tables", names_of(*state, &c->datasources->tables), "xy");
    c = read_ok(*state, fixture(*state, "workbooks/SampleFlow.tfl"));
    assert_int_equal(c->flow->node_count, 0);
    assert_same("main", c->main_entry, "flow");
    /* every thumbnail of the field is a PNG */
    c = read_ok(*state, fixture(*state, "workbooks/RESTAPISample.twb"));
    for (const struct content_sheet *s = c->sheets; s; s = s->next)
        assert_int_equal(s->thumbnail == NULL, s->hidden);
    const struct content_sheet *board = sheet_of(c, "GDP per Capita Dashboard");
    assert_same("shows", names_of(*state, &board->shows),
                "GDP per capita by region; GDP per capita map");
    assert_same("fields", names_of(*state, &board->fields),
                "GDP per capita (weighted); Country / Region; Date (year); GDP (curr $); "
                "Population (count); Region; GDP % of Total; GDP per capita (curr $); Subregion");
}

/* ---- what is refused */

static const struct {
    const char *file, *detail;
} refused[] = {
    {"empty.twbx", "The file is empty."},
    {"text.twbx", "The file is named .twbx, but holds text; expected a zip archive."},
    {"xml.twbx", "The file is named .twbx, but holds XML; expected a zip archive."},
    {"zip.twb", "The file is named .twb, but holds a zip archive; expected XML."},
    {"zip.hyper", "The file is named .hyper, but holds a zip archive; expected an extract."},
    {"text.hyper", "The file is named .hyper, but holds text; expected an extract."},
    {"binary.csv", "The file is named .csv, but holds something else; expected text."},
    {"text.parquet", "The file is named .parquet, but holds text; expected a Parquet file."},
    {"hyper.tds", "The file is named .tds, but holds a .hyper extract; expected XML."},
    {"xml.tfl", "The file is named .tfl, but holds XML; expected a zip archive."},
    {"cut.twbx", "The package is not a whole zip archive: its end record is missing (143 bytes"},
    {"cut-in-entry.twbx", "The package is not a whole zip archive: its end record is missing"},
    {"garbage-behind.twbx", "The package is not a whole zip archive: its end record is missing"},
    {"junk-before.twbx", "The package is damaged: its directory should end at byte 155."},
    {"count-high.twbx", "The package is damaged: its directory has no entry 2 of 3."},
    {"count-low.twbx", "The package is damaged: its directory holds more than its 1 entries."},
    {"count-huge-64.twbx", "The package has 1099511627776 entries; at most 10000 are accepted."},
    {"size-huge-64.twbx", "The directory of the package has 1099511627776 bytes; at most 4194304"},
    {"end64-outside.twbx", "The package is damaged: its ZIP64 end record lies outside of the"},
    {"disks.twbx", "The package is one part of a zip archive of several."},
    {"no-workbook.twbx", "The package holds no workbook (.twb)."},
    {"folder-workbook.twbx", "The package holds no workbook (.twb)."},
    {"no-entries.twbx", "The package holds no workbook (.twb)."},
    {"no-source.tdsx", "The package holds no data source (.tds)."},
    {"name-up.twbx", "Entry 2 of the package, '../evil': the name leads out of the package"},
    {"name-up-inside.twbx", "Entry 2 of the package, 'Data/../../evil': the name leads out of"},
    {"name-up-end.twbx", "Entry 2 of the package, 'Data/..': the name leads out of the package"},
    {"name-absolute.twbx", "Entry 2 of the package, '/etc/evil': the name is an absolute path."},
    {"name-backslash.twbx", "Entry 2 of the package, '..\\evil': the name holds a backslash."},
    {"name-drive.twbx", "Entry 2 of the package, 'c:evil': the name begins with a drive letter."},
    {"name-nul.twbx", "Entry 2 of the package, 'Image/a?.png': the name holds a NUL."},
    {"name-control.twbx", "Entry 2 of the package, 'a?b': the name holds a control character."},
    {"name-dot.twbx", "Entry 2 of the package, './a': the name is not a plain path."},
    {"name-double-slash.twbx", "Entry 2 of the package, 'a//b': the name is not a plain path."},
    {"name-empty.twbx", "Entry 2 of the package, '': it has no name."},
    {"name-latin1.twbx", "Entry 2 of the package, 'caf?': the name is not UTF-8."},
    {"name-twice.twbx", "Entry 2 of the package, 'Book.twb': another entry has the same name."},
    {"name-twice-case.twbx", "Entry 2 of the package, 'BOOK.TWB': another entry has the same"},
    {"name-file-and-folder.twbx", "Entry 2 of the package, 'a/': another entry has the same name."},
    {"link.twbx", "Entry 2 of the package, 'Data/x': it is a symbolic link."},
    {"pipe.twbx", "Entry 2 of the package, 'Data/x': it is neither a file nor a folder."},
    {"encrypted.twbx", "Entry 2 of the package, 'Data/x': it is encrypted."},
    {"method.twbx", "Entry 2 of the package, 'Data/x': it is packed by a method other than"},
    {"bomb.twbx", "Entry 1 of the package, 'Book.twb': it unpacks to more than 250 times its"},
    {"bomb-claimed.twbx", "Entry 2 of the package, 'Data/x.hyper': it unpacks to more than 250"},
    {"overlap.twbx", "The package is damaged: its entries overlap each other."},
    {"longer.twbx", "Entry 'Book.twb' of the package: it unpacks to more than the directory says."},
    {"shorter.twbx", "Entry 'Book.twb' of the package: it unpacks to less than the directory"},
    {"checksum.twbx", "Entry 'Book.twb' of the package: CRC error."},
    {"stored-two-sizes.twbx",
     "Entry 1 of the package, 'Book.twb': it is stored, but of two sizes."},
    {"blank.twb", "The file is named .twb, but holds text; expected XML."},
    {"declaration-alone.twb", "The document, line 1, column 22: no element found."},
    {"cut.twb", "The document, line 1, column 51: "},
    {"cut-in-package.twbx", "a/Book.twb, line 2, column 14: the document or a tag ends too early."},
    {"mismatch.twb", "The document, line 1, column 18: an end tag does not match its start tag."},
    {"behind.twb", "The document, line 1, column 89: something follows the end of the document."},
    {"behind-nul.twb", "The document, line 1, column 89: something follows the end of the"},
    {"behind-nul.twbx", "Book.twb, line 2, column 1: something follows the end of the document."},
    {"behind-nul.tds", "The document, line 1, column 91: something follows the end of the"},
    {"html.twb", "The document, line 1, column 6: expected the element 'workbook', found 'html'."},
    {"source.twb", "The document, line 1, column 46: expected the element 'workbook', found"},
    {"book.tds", "The document, line 1, column 25: expected the element 'datasource', found"},
    {"laughs.twb", "The document, line 1, column 20: a document type declaration is not accepted."},
    {"external.twb", "The document, line 1, column 47: a document type declaration is not"},
    {"external-entity.tds", "The document, line 1, column 22: a document type declaration is not"},
    {"entity.twb", "The document, line 1, column 35: an entity that is not declared."},
    {"utf16.twb", "The file is named .twb, but holds something else; expected XML."},
    {"utf16-unmarked.twb", "The document, line 1, column 1: the encoding is not UTF-8."},
    {"latin1.twb", "The document, line 1, column 1: the encoding 'iso-8859-1' is not read;"},
    {"utf7.twb", "The document, line 1, column 1: the encoding 'UTF-7' is not read; expected"},
    {"not-utf8.twb", "The document, line 1, column 58: a character that XML cannot hold, or that"},
    {"nul.twb", "The document, line 1, column 11: "},
    {"control.twb", "The document, line 1, column 11: a character that XML cannot hold"},
    {"deep.twb", "The document, line 1, column 625: more than 200 elements within each other."},
    {"crowd.twb", "The document, line 1, column 1: more than 256 attributes in one element."},
    {"namespaces.twb", "The document, line 1, column 328: more than 16 namespaces in one place."},
    {"attribute-twice.twb", "The document, line 1, column 34: an attribute stands twice in one"},
    {"sheet-twice.twb", "The document, line 1, column 78: two sheets named 'A'."},
    {"sheet-unnamed.twb", "The document, line 1, column 48: a sheet without a name."},
    {"no-flow.tfl", "The package holds no document named 'flow'."},
    {"broken.tfl", "flow, line 1, column 11: not JSON."},
    {"twice.tfl", "flow, line 1, column 21: not JSON."},
    {"list.tfl", "flow: expected an object with the member 'nodes'."},
    {"no-nodes.tfl", "flow: expected an object with the member 'nodes'."},
    {"node-text.tflx", "flow: step 'a' is not an object."},
};

static void test_refused(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *file = arena_printf(*state, "bad/%s", refused[i].file);
        int fd = open(data_path(*state, file), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            fail_msg("%s is not there", file);
        const char *detail = refusal_of(*state, fd, content_kind_named(file), NULL);
        close(fd);
        assert_begins(file, detail, refused[i].detail);
        assert_true(utf8_valid(detail, strlen(detail)) && strlen(detail) < 250);
    }
}

/* Every limit, at what it lets pass and one below. */
static void test_limits(void **state)
{
    struct limit_case {
        const char *file, *detail;
        size_t offset; /* of the limit */
        uint64_t enough, short_of;
    } cases[] = {
#define LIMIT(field) offsetof(struct content_limits, field)
        {"good/folders.twbx", "The package has 4 entries; at most 3", LIMIT(entries), 4, 3},
        {"good/folders.twbx", "The directory of the package has", LIMIT(directory), 240, 100},
        {"good/folders.twbx", "Entry 2 of the package, 'a/Book.twb': the name is too long",
         LIMIT(entry_name), 14, 9},
        {"good/stored.twbx", "Entry 1 of the package, 'Book.twb': it unpacks to 88 bytes; at most",
         LIMIT(entry_size), 88, 87},
        {"good/folders.twbx", "The package unpacks to", LIMIT(total_size), 100, 90},
        {"good/bom.twb", "The document has 91 bytes; at most 90", LIMIT(document), 91, 90},
        {"good/stored.twbx", "The document 'Book.twb' has 88 bytes; at most 87", LIMIT(document),
         88, 87},
        {"good/bom.twb", "The document, line 1, column ", LIMIT(depth), 3, 2},
        {"good/bom.twb", "The document, line 1, column 1: more than 0 attributes",
         LIMIT(attributes), 1, 0},
        {"good/bom.twb", "The document, line 1, column 1: a tag of more than", LIMIT(tag), 40, 10},
        {"sheets.twb", "The document, line ", LIMIT(kept), 4000, 500},
        {"sheets.twb", "The document, line ", LIMIT(sheets), 9, 8},
        {"sheets.twb", "The document, line ", LIMIT(name), 100, 3},
        {"sheets.twb", "The document, line ", LIMIT(fields), 6, 5},
        {"sheets.twb", "The document, line ", LIMIT(connections), 4, 3},
        {"good/flow.tfl", "The flow's document has ", LIMIT(flow), 4000, 1000},
        {"good/flow.tfl", "flow: more than 10 values", LIMIT(flow_values), 200, 10},
        {"good/flow.tfl", "flow: more than 3 steps", LIMIT(fields), 4, 3},
        {"good/flow.tfl", "flow: more than 1 connections", LIMIT(connections), 2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *file = cases[i].file;
        int fd = open(data_path(*state, file), O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        for (int short_of = 0; short_of < 2; short_of++) {
            struct content_limits limits = content_limits_default;
            uint64_t value = short_of ? cases[i].short_of : cases[i].enough;
            memcpy((char *)&limits + cases[i].offset, &value, sizeof value);
            const char *detail = refusal_of(*state, fd, content_kind_named(file), &limits);
            assert_begins(file, detail, short_of ? cases[i].detail : "accepted");
        }
        close(fd);
    }
    _Static_assert(sizeof(size_t) == sizeof(uint64_t), "limits are set by their bytes");
    /* pictures beyond the limit are left out */
    struct content_limits limits = content_limits_default;
    struct content *content = NULL;
    struct fault fault = {0};
    limits.thumbnails = 69;
    assert_int_equal(
        content_read_file(*state, data_path(*state, "sheets.twb"), &limits, &content, &fault),
        E_OK);
    assert_int_equal(content->thumbnail_count, 0);
}

/* ---- pictures */

enum { PICTURE_ROOM = 1024 };

static size_t add_number(unsigned char *out, size_t at, uint32_t number)
{
    for (size_t i = 0; i < 4; i++)
        out[at + i] = (unsigned char)(number >> (24 - 8 * i));
    return at + 4;
}

static size_t add_chunk(unsigned char *out, size_t at, const char *type, const void *data,
                        size_t len)
{
    size_t from = add_number(out, at, (uint32_t)len);
    memcpy(out + from, type, 4);
    memcpy(out + from + 4, data, len);
    return add_number(out, from + 4 + len, crc32_add(0, out + from, 4 + len));
}

/* Chunks are named by letters: Header, Palette, Data, Text, Unknown, End. */
static size_t picture_of(unsigned char *out, const unsigned char *header, const char *chunks)
{
    static const unsigned char zeros[768];
    size_t at = 8;
    memcpy(out, "\x89PNG\r\n\x1A\n", 8);
    for (; *chunks; chunks++) {
        switch (*chunks) {
        case 'H':
            at = add_chunk(out, at, "IHDR", header, 13);
            break;
        case 'P':
            at = add_chunk(out, at, "PLTE", zeros, 3);
            break;
        case 'D':
            at = add_chunk(out, at, "IDAT", zeros, 11);
            break;
        case 'T':
            at = add_chunk(out, at, "tEXt", "k", 2);
            break;
        case 'U':
            at = add_chunk(out, at, "UNKN", "", 0);
            break;
        default:
            at = add_chunk(out, at, "IEND", "", 0);
        }
    }
    return at;
}

static void test_png_chunks(void **state)
{
    (void)state;
    static const struct {
        const char *chunks;
        bool whole;
    } cases[] = {
        {"HDE", true},   {"HDDE", true},   {"HPDE", true},  {"HTPTDTE", true}, {"HDTE", true},
        {"HE", false},   {"DE", false},    {"DHE", false},  {"HD", false},     {"HDEE", false},
        {"HDED", false}, {"HDTDE", false}, {"HHDE", false}, {"HDPE", false},   {"HPPDE", false},
        {"HUDE", false}, {"HDUE", false},  {"", false},     {"E", false},      {"THDE", false},
    };
    static const unsigned char grey[13] = {0, 0, 0, 1, 0, 0, 0, 1, 8};
    unsigned char bytes[PICTURE_ROOM];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = picture_of(bytes, grey, cases[i].chunks);
        if (png_is_whole(bytes, len) != cases[i].whole)
            fail_msg("%s", cases[i].chunks);
        for (size_t cut = 0; cases[i].whole && cut < len; cut++)
            assert_false(png_is_whole(bytes, cut));
    }
}

static void test_png_headers(void **state)
{
    (void)state;
    static const struct {
        unsigned char header[13];
        bool whole;
    } cases[] = {
        {{0, 0, 0, 1, 0, 0, 0, 1, 1, 0}, true},
        {{0, 0, 0x10, 0, 0, 0, 0x10, 0, 16, 6, 0, 0, 1}, true},
        {{0, 0, 0x10, 1, 0, 0, 0, 1, 8, 0}, false},
        {{0, 0, 0, 1, 0, 0, 0x10, 1, 8, 0}, false},
        {{0x80, 0, 0, 1, 0, 0, 0, 1, 8, 0}, false},
        {{0, 0, 0, 0, 0, 0, 0, 1, 8, 0}, false},
        {{0, 0, 0, 1, 0, 0, 0, 0, 8, 0}, false},
        {{0, 0, 0, 1, 0, 0, 0, 1, 3, 0}, false},
        {{0, 0, 0, 1, 0, 0, 0, 1, 0, 0}, false},
        {{0, 0, 0, 1, 0, 0, 0, 1, 8, 1}, false},
        {{0, 0, 0, 1, 0, 0, 0, 1, 8, 3}, false}, /* no palette */
        {{0, 0, 0, 1, 0, 0, 0, 1, 4, 2}, false},
        {{0, 0, 0, 1, 0, 0, 0, 1, 8, 7}, false},
        {{0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 1}, false},
        {{0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 1}, false},
        {{0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 2}, false},
    };
    unsigned char bytes[PICTURE_ROOM];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = picture_of(bytes, cases[i].header, "HDE");
        if (png_is_whole(bytes, len) != cases[i].whole)
            fail_msg("header %zu", i);
    }
}

/* A document far larger than what is kept of it costs no memory of its size, and
 * one beyond the limit is refused before it is read. */
static void test_large(void **state)
{
    static const char row[] = "<row a='1' b=\"two\">three</row>\n";
    enum { COPIES = 1 << 20 }; /* 31 MiB */
    int fd = memfd_create("large", MFD_CLOEXEC);
    FILE *out = fdopen(fd, "w");
    assert_non_null(out);
    fputs("<workbook version='18.1'><worksheets><worksheet name='A'><table>", out);
    for (int i = 0; i < COPIES; i++)
        fputs(row, out);
    fputs("</table></worksheet></worksheets></workbook>", out);
    assert_int_equal(fflush(out), 0);
    struct arena *arena = arena_new(0);
    struct content *c = NULL;
    struct fault fault = {0};
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    assert_int_equal(content_read(arena, fd, CONTENT_TWB, NULL, &c, &fault), E_OK);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(c->sheet_count, 1);
    assert_true(arena_footprint(arena) < 64 << 10);
    assert_true(after.ru_maxrss - before.ru_maxrss < 8 << 10); /* KiB */
    assert_int_equal(ftruncate(fd, (off_t)500 << 20), 0);
    assert_begins("500 MB", refusal_of(arena, fd, CONTENT_TWB, NULL),
                  "The document has 524288000 bytes; at most 268435456 are accepted.");
    arena_free(&arena);
    fclose(out);
    (void)state;
}

/* The parser keeps each different name, and finds them ever more slowly. */
static void test_many_names(void **state)
{
    FILE *out = fdopen(memfd_create("names", MFD_CLOEXEC), "w");
    assert_non_null(out);
    fputs("<workbook><x>\n", out);
    for (int i = 0; i < 100000; i++)
        fprintf(out, "<name-%d a%d='1'/>", i, i);
    fputs("</x></workbook>", out);
    assert_int_equal(fflush(out), 0);
    const char *detail = refusal_of(*state, fileno(out), CONTENT_TWB, NULL);
    assert_begins("names", detail, "The document, line 2, column ");
    assert_non_null(strstr(detail, ": more different names of elements and attributes than are"));
    fclose(out);
}

/* Thousands of sheets whose names leave the same URL, or none. */
static void test_many_alike(void **state)
{
    enum { SHEETS = 5000 };
    FILE *out = fdopen(memfd_create("many", MFD_CLOEXEC), "w");
    assert_non_null(out);
    fputs("<workbook><worksheets>", out);
    for (int i = 0; i < SHEETS; i++) {
        fprintf(out, "<worksheet name='A");
        for (int bit = 0; bit < 13; bit++)
            fputs(i >> bit & 1 ? "?" : "!", out);
        fputs("'/>", out);
    }
    fputs("</worksheets></workbook>", out);
    assert_int_equal(fflush(out), 0);
    struct content *c = NULL;
    struct fault fault = {0};
    assert_int_equal(content_read(*state, fileno(out), CONTENT_TWB, NULL, &c, &fault), E_OK);
    assert_int_equal(c->visible_count, SHEETS);
    int n = 0;
    for (const struct content_sheet *s = c->sheets; s; s = s->next, n++)
        assert_same("url", s->url_name, n ? arena_printf(*state, "A_%d", n) : "A");
    fclose(out);
}

/* Relations within relations, as deep as elements may be. */
static void test_deep_joins(void **state)
{
    enum { DEEP = 190 };
    const char *open = "", *close_all = "";
    for (int i = 0; i < DEEP; i++) {
        open = arena_printf(*state, "%s<relation type='join'>", open);
        close_all = arena_printf(*state, "%s<relation type='table' table='[t%d]'/></relation>",
                                 close_all, i);
    }
    const char *xml =
        arena_printf(*state,
                     "<datasource formatted-name='x'><connection class='sqlserver'>%s%s"
                     "</connection></datasource>",
                     open, close_all);
    struct content *c = NULL;
    struct fault fault = {0};
    int fd = file_of(xml, strlen(xml));
    assert_int_equal(content_read(*state, fd, CONTENT_TDS, NULL, &c, &fault), E_OK);
    assert_int_equal(c->datasources->tables.count, DEEP);
    close(fd);
}

/* The worst that sheets on dashboards can be made to cost: as many dashboards show as many
 * worksheets of as many fields, all alike, as there is room for. */
static void test_many_fields(void **state)
{
    enum { MANY = 180 };
    FILE *out = fdopen(memfd_create("fields", MFD_CLOEXEC), "w");
    size_t fields = 0;
    assert_non_null(out);
    fputs("<workbook><worksheets>", out);
    for (int sheet = 0; sheet < MANY; sheet++) {
        fprintf(out, "<worksheet name='%d'><table><view><datasource-dependencies>", sheet);
        for (int field = 0; field < MANY; field++)
            fprintf(out, "<column name='[f%d]'/><column name='[f%d]'/>", field, field);
        fputs("</datasource-dependencies></view></table></worksheet>", out);
    }
    fputs("</worksheets><dashboards>", out);
    for (int board = 0; board < MANY; board++) {
        fprintf(out, "<dashboard name='Board %d'><zones>", board);
        for (int sheet = 0; sheet < MANY; sheet++)
            fprintf(out, "<zone name='%d'/><zone name='%d'/>", sheet, sheet);
        fputs("</zones></dashboard>", out);
    }
    fputs("</dashboards></workbook>", out);
    assert_int_equal(fflush(out), 0);
    struct content *c = NULL;
    struct fault fault = {0};
    assert_int_equal(content_read(*state, fileno(out), CONTENT_TWB, NULL, &c, &fault), E_OK);
    for (const struct content_sheet *s = c->sheets; s; s = s->next)
        fields += s->fields.count + s->shows.count;
    assert_int_equal(fields, 3 * MANY * MANY); /* of 100,000 that there is room for */
    assert_int_equal(sheet_of(c, "179")->fields.count, MANY);
    fclose(out);
}

/* The parser ends at a NUL behind the root, wherever its blocks do. */
static void test_nul_behind(void **state)
{
    enum { SPACES = 9000, STEP = 61 };
    static const char root[] = "<workbook/>", rest[] = "\0<x>";
    char text[sizeof root + SPACES + sizeof rest];
    memset(text, ' ', sizeof text);
    memcpy(text, root, sizeof root - 1);
    for (size_t at = sizeof root - 1; at < sizeof root + SPACES; at += at < 80 ? 1 : STEP) {
        struct arena *arena = arena_new(0);
        struct content *c = NULL;
        struct fault fault = {0};
        memcpy(text + at, rest, sizeof rest - 1);
        int fd = file_of(text, at + sizeof rest - 1);
        const char *why = refusal_of(arena, fd, CONTENT_TWB, NULL);
        if (!strstr(why, "something follows the end of the document"))
            fail_msg("NUL at %zu: %s", at, why);
        close(fd);
        memset(text + at, ' ', sizeof rest - 1);
        fd = file_of(text, at);
        assert_int_equal(content_read(arena, fd, CONTENT_TWB, NULL, &c, &fault), E_OK);
        close(fd);
        arena_free(&arena);
    }
    (void)state;
}

static void test_not_a_file(void **state)
{
    struct content *c = NULL;
    struct fault fault = {0};
    assert_int_equal(content_read_file(*state, "/nonexistent/x.twb", NULL, &c, &fault), E500000);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(content_read(*state, fd, CONTENT_TWB, NULL, &c, &fault), E500000);
    close(fd);
    fd = file_of("<workbook/>", 11);
    assert_int_equal(content_read(*state, fd, CONTENT_UNKNOWN, NULL, &c, &fault), E400011);
    close(fd);
}

/* ---- without extracts */

/* All that is sent, read in pieces of `piece` bytes. */
static char *stripped(struct arena *arena, int fd, enum content_kind kind, size_t piece,
                      size_t *len_r)
{
    struct repack *repack = NULL;
    struct fault fault = {0};
    if (repack_strip(arena, fd, kind, NULL, &repack, &fault) != E_OK)
        fail_msg("%s", fault.detail);
    size_t length = (size_t)repack_length(repack), len = 0;
    char *out = arena_alloc(arena, length + piece);
    ptrdiff_t n;
    while ((n = repack_read(repack, out + len, piece, &fault)) > 0) {
        len += (size_t)n;
        assert_true(len <= length);
    }
    assert_int_equal(n, 0);
    assert_int_equal(repack_read(repack, out, piece, &fault), 0);
    assert_int_equal(len, length);
    *len_r = len;
    return out;
}

static char *entry_bytes(struct arena *arena, struct package *package, size_t index, bool raw,
                         size_t *len_r)
{
    const struct package_entry *e = package_entry(package, index);
    struct package_stream *stream = NULL;
    struct fault fault = {0};
    size_t size = (size_t)(raw ? e->packed : e->size), len = 0;
    char *bytes = arena_alloc(arena, size + 1);
    ptrdiff_t n;
    assert_int_equal(package_stream_open(package, index, raw, &stream, &fault), E_OK);
    while ((n = package_stream_read(stream, bytes + len, size + 1 - len, &fault)) > 0)
        len += (size_t)n;
    assert_int_equal(n, 0);
    assert_int_equal(len, size);
    package_stream_close(&stream);
    *len_r = len;
    return bytes;
}

static struct package *package_of(struct arena *arena, int fd)
{
    struct package *package = NULL;
    struct fault fault = {0};
    if (package_open(arena, fd, &content_limits_default, &package, &fault) != E_OK)
        fail_msg("%s", fault.detail);
    return package;
}

/* Each entry that is no extract is there, packed and unpacked the same bytes. */
static void check_stripped(struct arena *arena, int fd, int out_fd)
{
    struct package *all = package_of(arena, fd), *left = package_of(arena, out_fd);
    size_t at = 0;
    for (size_t i = 0; i < package_count(all); i++) {
        const struct package_entry *e = package_entry(all, i);
        size_t a_len, b_len;
        if (package_is_extract(e))
            continue;
        assert_true(at < package_count(left));
        assert_same("name", package_entry(left, at)->name, e->name);
        for (int raw = 0; raw < 2; raw++) {
            char *a = entry_bytes(arena, all, i, raw == 1, &a_len);
            char *b = entry_bytes(arena, left, at, raw == 1, &b_len);
            assert_int_equal(a_len, b_len);
            assert_memory_equal(a, b, a_len);
        }
        at++;
    }
    assert_int_equal(at, package_count(left));
}

static void strip_case(struct arena *arena, const char *path)
{
    static const size_t pieces[] = {1, 7, 4096, 1 << 20};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char *first = NULL;
    size_t first_len = 0;
    enum content_kind kind = content_kind_named(path);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t len;
        char *out = stripped(arena, fd, kind, pieces[i], &len);
        if (first) {
            assert_int_equal(len, first_len);
            assert_memory_equal(out, first, len);
        }
        first = out;
        first_len = len;
    }
    int out_fd = file_of(first, first_len);
    struct content *c = NULL;
    struct fault fault = {0};
    if (content_read(arena, out_fd, kind, NULL, &c, &fault) != E_OK)
        fail_msg("%s: %s", path, fault.detail);
    assert_int_equal(c->extract_entry_count, 0);
    check_stripped(arena, fd, out_fd);
    struct content *whole = read_ok(arena, path);
    assert_same(path, sheets_of(arena, c), sheets_of(arena, whole));
    close(out_fd);
    close(fd);
}

static void test_strip(void **state)
{
    strip_case(*state, data_path(*state, "good/folders.twbx"));
    strip_case(*state, data_path(*state, "good/nested.twbx"));
    strip_case(*state, data_path(*state, "good/stored.twbx"));
    strip_case(*state, data_path(*state, "good/plain.tdsx"));
    strip_case(*state, data_path(*state, "good/flow.tfl"));
}

static void test_strip_samples(void **state)
{
    strip_case(*state, fixture(*state, "workbooks/Cache.twbx"));
    strip_case(*state, fixture(*state, "workbooks/SampleWB.twbx"));
    strip_case(*state, fixture(*state, "workbooks/TABLEAU_10_TWBX.twbx"));
    strip_case(*state, fixture(*state, "workbooks/World Indicators.tdsx"));
}

/* What is refused when it is read is refused here too. */
static void test_strip_refused(void **state)
{
    struct repack *repack = NULL;
    struct fault fault = {0};
    int fd = open(data_path(*state, "bad/name-up.twbx"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(repack_strip(*state, fd, CONTENT_TWBX, NULL, &repack, &fault), E400011);
    close(fd);
    /* Packed bytes are not looked at: what was wrong with them is so still. */
    fd = open(data_path(*state, "bad/checksum.twbx"), O_RDONLY | O_CLOEXEC);
    size_t len;
    char *out = stripped(*state, fd, CONTENT_TWBX, 4096, &len);
    int out_fd = file_of(out, len);
    struct content *c = NULL;
    assert_int_equal(content_read(*state, out_fd, CONTENT_TWBX, NULL, &c, &fault), E400011);
    assert_begins("checksum", fault.detail, "Entry 'Book.twb' of the package: CRC error.");
    close(out_fd);
    close(fd);
}

/* ---- with another extract */

static char *read_all(struct arena *arena, struct repack *repack, size_t piece, size_t *len_r)
{
    struct fault fault = {0};
    size_t length = (size_t)repack_length(repack), len = 0;
    char *out = arena_alloc(arena, length + piece);
    ptrdiff_t n;
    while ((n = repack_read(repack, out + len, piece, &fault)) > 0)
        len += (size_t)n;
    assert_int_equal(n, 0);
    assert_int_equal(len, length);
    *len_r = len;
    return out;
}

/* The extract is the new one, unpacked; all else is as it was, packed and unpacked. */
static void check_replaced(struct arena *arena, int fd, int out_fd, const char *extract,
                           size_t extract_len)
{
    struct package *old = package_of(arena, fd), *new = package_of(arena, out_fd);
    assert_int_equal(package_count(old), package_count(new));
    for (size_t i = 0; i < package_count(old); i++) {
        size_t a_len, b_len;
        assert_same("name", package_entry(new, i)->name, package_entry(old, i)->name);
        bool replaced = package_is_extract(package_entry(old, i));
        char *b = entry_bytes(arena, new, i, false, &b_len);
        if (replaced) {
            assert_int_equal(b_len, extract_len);
            assert_memory_equal(b, extract, extract_len);
            continue;
        }
        char *a = entry_bytes(arena, old, i, true, &a_len);
        b = entry_bytes(arena, new, i, true, &b_len);
        assert_int_equal(a_len, b_len);
        assert_memory_equal(a, b, a_len);
    }
}

static size_t extract_of(struct arena *arena, int fd)
{
    struct package *package = package_of(arena, fd);
    size_t i = 0;
    while (i < package_count(package) && !package_is_extract(package_entry(package, i)))
        i++;
    return i;
}

static void test_replace(void **state)
{
    static const size_t pieces[] = {1, 4096, 1 << 20};
    char extract[70000];
    for (size_t i = 0; i < sizeof extract; i++)
        extract[i] = (char)(i * i >> 3);
    int fd = open(data_path(*state, "good/folders.twbx"), O_RDONLY | O_CLOEXEC);
    int extract_fd = file_of(extract, sizeof extract);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct repack *repack = NULL;
        struct fault fault = {0};
        size_t len;
        assert_int_equal(repack_replace(*state, fd, CONTENT_TWBX, NULL, extract_of(*state, fd),
                                        extract_fd, &repack, &fault),
                         E_OK);
        char *out = read_all(*state, repack, pieces[i], &len);
        int out_fd = file_of(out, len);
        check_replaced(*state, fd, out_fd, extract, sizeof extract);
        close(out_fd);
    }
    close(extract_fd);
    close(fd);
}

static void test_replace_refused(void **state)
{
    struct repack *repack = NULL;
    struct fault fault = {0};
    int fd = open(data_path(*state, "good/plain.tdsx"), O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < 20; i++) { /* more entries than it has */
        assert_int_equal(repack_replace(*state, fd, CONTENT_TDSX, NULL, i, fd, &repack, &fault),
                         E400011);
        assert_begins("none", fault.detail, "The entry ");
    }
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_url_names),
        TEST(test_kinds),
        TEST(test_sheets),
        TEST(test_datasources),
        TEST(test_fields),
        TEST(test_tables),
        TEST(test_sheet_fields),
        TEST(test_listed_names),
        TEST(test_deep_joins),
        TEST(test_many_fields),
        TEST(test_flow),
        TEST(test_good_forms),
        TEST(test_samples),
        TEST(test_public),
        TEST(test_sample_details),
        TEST(test_refused),
        TEST(test_limits),
        TEST(test_png_chunks),
        TEST(test_png_headers),
        TEST(test_large),
        TEST(test_many_alike),
        TEST(test_many_names),
        TEST(test_nul_behind),
        TEST(test_not_a_file),
        TEST(test_strip),
        TEST(test_strip_samples),
        TEST(test_strip_refused),
        TEST(test_replace),
        TEST(test_replace_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
