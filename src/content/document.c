/* document.c: what a workbook's or a data source's XML says.
 *
 * The table `steps` is the map of the document: where an element may stand, and
 * what is done when it begins and ends. Everything that has no row is passed
 * over unread, which is most of a workbook. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/map.h"
#include "base/url_name.h"
#include "content/content_priv.h"
#include "content/names.h"
#include "content/png.h"
#include "content/xmlscan.h"

/* Relations and zones nest as deep as the parser lets them. */
enum { PLACES_MAX = 256, TEXT_MAX = 1 << 20 };
/* An attribute holds more than the name: brackets, a database, a schema. */
enum { LISTED_ATTR_MAX = 4 * CONTENT_LISTED_NAME_MOST };

enum place {
    TOP,
    WORKBOOK,
    DATASOURCES,
    DATASOURCE,
    CONNECTION,
    NAMED_CONNECTIONS,
    NAMED_CONNECTION,
    LEAF,
    RECORDS,
    RECORD,
    RECORD_PART,
    EXTRACT,
    EXTRACT_CONNECTION,
    COLUMN,
    CALCULATION,
    DESC,
    RELATION,
    OBJECT_GRAPH,
    OBJECTS,
    OBJECT,
    PROPERTIES,
    WORKSHEETS,
    SHEET,
    LAYOUT,
    TITLE,
    FORMATTED,
    RUN,
    TABLE,
    VIEW,
    USED,
    DEPENDENCIES,
    ZONES,
    ZONE,
    FLIPBOARD,
    STORY_POINTS,
    DASHBOARDS,
    WINDOWS,
    WINDOW,
    THUMBNAILS,
    THUMBNAIL,
    NOTHING, /* told, but nothing in it matters */
};

/* A window: the tab of a sheet. */
struct window {
    const char *name;
    bool hidden, open;
    struct window *next;
};

/* One metadata record, while it is read. */
struct record {
    const char *local, *remote, *table, *type, *aggregation;
    bool column;
};

struct reader {
    struct arena *arena;
    const struct content_limits *limits;
    struct content *content;
    enum place places[PLACES_MAX]; /* of the open elements that matter */
    size_t depth;
    struct buf text; /* of the element being read, where text matters */
    bool wants_text, is_datasource;
    struct content_datasource *datasource, *last_datasource;
    struct map *fields; /* of the data source being read, by name */
    struct content_field *field;
    struct record record;
    const char **record_part; /* where the text of the part goes */
    const char *named, *named_caption;
    struct content_sheet *sheet;
    struct content_name *last_used;
    const char **formatted; /* where formatted text goes: a title, a description */
    struct names *names;
    struct buf name;    /* one that may be listed */
    struct map *sheets; /* by name */
    struct content_sheet *worksheets, *last_worksheet;
    struct window *windows, *last_window;
    struct content_sheet *pictured; /* whose thumbnail is read */
    size_t field_count, connection_count, used_count, window_count, picture_bytes;
};

#define APPEND(first, last, item)  \
    do {                           \
        if (last)                  \
            (last)->next = (item); \
        else                       \
            (first) = (item);      \
        (last) = (item);           \
    } while (0)

/* ---- text */

static void drop_text(struct reader *r)
{
    r->text.len = 0;
    r->text.full = false;
}

static const char *take_text(struct reader *r, struct xmlscan *scan)
{
    if (r->text.full)
        xmlscan_refuse(scan, "a text of more than %d bytes", TEXT_MAX);
    xmlscan_count_kept(scan, r->text.len + 1);
    return arena_strndup(r->arena, r->text.len ? r->text.bytes : "", r->text.len);
}

static void want_text(struct reader *r)
{
    r->wants_text = true;
    drop_text(r);
}

static bool non_empty(const char *text)
{
    return text && *text;
}

static const char *or_null(const char *text)
{
    return non_empty(text) ? text : NULL;
}

/* The name without its brackets; "]]" stands for one. */
static char *strip_brackets(char *name)
{
    size_t len = strlen(name);
    if (len < 2 || name[0] != '[' || name[len - 1] != ']')
        return name;
    char *out = name;
    name[len - 1] = '\0';
    for (const char *p = name + 1; *p; p++) {
        *out++ = *p;
        if (p[0] == ']' && p[1] == ']')
            p++;
    }
    *out = '\0';
    return name;
}

/* From the last bracket that opens: [Orders] of [dbo].[Orders]. */
static char *last_part(char *name)
{
    char *part = name;
    for (char *p = name; *p == '['; p += *p == '.') {
        part = p++;
        while (*p && (*p != ']' || p[1] == ']'))
            p += *p == ']' ? 2 : 1;
        p += *p == ']';
    }
    return part;
}

/* An attribute as a name that is to be listed; NULL: there is none, or one that is too
 * long. Valid until the next. */
static char *listed_name(struct reader *r, struct xmlscan *scan, const char *attr)
{
    bool there = xmlscan_peek(scan, attr, &r->name);
    return there && !r->name.full ? r->name.bytes : NULL;
}

static void list_name(struct reader *r, struct xmlscan *scan, struct content_names *list,
                      const char *name)
{
    xmlscan_count_kept(scan, names_add(r->names, list, name));
}

/* ---- the root */

static bool workbook_open(struct reader *r, struct xmlscan *scan)
{
    struct content *c = r->content;
    if (r->is_datasource) {
        xmlscan_refuse(scan, "expected the element 'datasource', found 'workbook'");
        return false;
    }
    c->version = xmlscan_attr(scan, "version");
    c->original_version = xmlscan_attr(scan, "original-version");
    c->source_build = xmlscan_attr(scan, "source-build");
    c->source_platform = xmlscan_attr(scan, "source-platform");
    return true;
}

static bool origin_open(struct reader *r, struct xmlscan *scan)
{
    r->content->origin_url = or_null(xmlscan_attr(scan, "id"));
    r->content->origin_site = or_null(xmlscan_attr(scan, "site"));
    return false;
}

/* ---- data sources */

/* What the repository finds things by has bounds. `name` may be NULL. */
static bool name_fits(struct reader *r, struct xmlscan *scan, const char *name)
{
    if (!name || strlen(name) <= r->limits->name)
        return true;
    xmlscan_refuse(scan, "a name of more than %zu bytes", r->limits->name);
    return false;
}

static bool datasource_open(struct reader *r, struct xmlscan *scan)
{
    if (r->content->datasource_count == r->limits->connections) {
        xmlscan_refuse(scan, "more than %zu data sources", r->limits->connections);
        return false;
    }
    struct content_datasource *d = arena_zalloc(r->arena, sizeof(*d));
    d->name = xmlscan_attr(scan, r->is_datasource ? "formatted-name" : "name");
    if (!d->name && r->is_datasource)
        d->name = xmlscan_attr(scan, "name");
    d->caption = or_null(xmlscan_attr(scan, "caption"));
    if (!name_fits(r, scan, d->name) || !name_fits(r, scan, d->caption))
        return false;
    d->version = xmlscan_attr(scan, "version");
    d->parameters = d->name && strcmp(d->name, "Parameters") == 0;
    APPEND(r->content->datasources, r->last_datasource, d);
    r->content->datasource_count++;
    r->datasource = d;
    r->fields = map_new();
    return true;
}

static bool root_datasource_open(struct reader *r, struct xmlscan *scan)
{
    struct content *c = r->content;
    if (!r->is_datasource) {
        xmlscan_refuse(scan, "expected the element 'workbook', found 'datasource'");
        return false;
    }
    c->version = xmlscan_attr(scan, "version");
    c->source_build = xmlscan_attr(scan, "source-build");
    c->source_platform = xmlscan_attr(scan, "source-platform");
    return datasource_open(r, scan);
}

/* In a workbook it names the published data source that is used; in a file of its
 * own, where that was published. */
static bool location_open(struct reader *r, struct xmlscan *scan)
{
    const char *id = or_null(xmlscan_attr(scan, "id")), *site = or_null(xmlscan_attr(scan, "site"));
    if (!name_fits(r, scan, id))
        return false;
    if (r->is_datasource) {
        r->content->origin_url = id;
        r->content->origin_site = site;
    } else {
        r->datasource->published_url = id;
        r->datasource->published_site = site;
    }
    return false;
}

static void add_connection(struct reader *r, struct xmlscan *scan)
{
    if (r->connection_count++ == r->limits->connections) {
        xmlscan_refuse(scan, "more than %zu connections", r->limits->connections);
        return;
    }
    struct content_connection *c = arena_zalloc(r->arena, sizeof(*c));
    *c = (struct content_connection){
        .name = r->named,
        .caption = r->named_caption,
        .type = xmlscan_attr(scan, "class"),
        .server = or_null(xmlscan_attr(scan, "server")),
        .port = or_null(xmlscan_attr(scan, "port")),
        .dbname = or_null(xmlscan_attr(scan, "dbname")),
        .schema = or_null(xmlscan_attr(scan, "schema")),
        .username = or_null(xmlscan_attr(scan, "username")),
        .authentication = or_null(xmlscan_attr(scan, "authentication")),
        .filename = or_null(xmlscan_attr(scan, "filename")),
        .directory = or_null(xmlscan_attr(scan, "directory")),
    };
    if (!c->type)
        c->type = "";
    struct content_datasource *d = r->datasource;
    APPEND(d->connections, d->last_connection, c);
    d->connection_count++;
    if (strcmp(c->type, "sqlproxy") == 0) {
        d->published = true;
        if (c->dbname)
            d->published_url = c->dbname;
    }
}

/* The outer one of a federated source only wraps the named connections. */
static bool connection_open(struct reader *r, struct xmlscan *scan)
{
    r->named = r->named_caption = NULL;
    if (xmlscan_attr_is(scan, "class", "federated"))
        r->datasource->type = "federated";
    else
        add_connection(r, scan);
    return true;
}

static bool named_open(struct reader *r, struct xmlscan *scan)
{
    r->named = xmlscan_attr(scan, "name");
    r->named_caption = or_null(xmlscan_attr(scan, "caption"));
    return true;
}

static bool leaf_open(struct reader *r, struct xmlscan *scan)
{
    add_connection(r, scan);
    return false;
}

static bool extract_open(struct reader *r, struct xmlscan *scan)
{
    r->datasource->has_extract = true;
    r->datasource->extract_enabled =
        !xmlscan_attr_is(scan, "enabled", "false") && !xmlscan_attr_is(scan, "enabled", "0");
    return true;
}

/* ---- tables */

static bool relation_open(struct reader *r, struct xmlscan *scan)
{
    struct content_names *tables = &r->datasource->tables;
    char *name;
    if (!xmlscan_attr_is(scan, "type", "table"))
        return true; /* a join or a union of those within it */
    if ((name = listed_name(r, scan, "table")))
        list_name(r, scan, tables, strip_brackets(last_part(name)));
    if ((name = listed_name(r, scan, "name")))
        list_name(r, scan, tables, name);
    return false;
}

/* An object stands there twice: as it is at the source, and in the extract. */
static bool properties_open(struct reader *r, struct xmlscan *scan)
{
    (void)r;
    return !xmlscan_attr_is(scan, "context", "extract");
}

/* ---- fields: records of the source first, then columns, which say more */

static struct content_field *field_named(struct reader *r, struct xmlscan *scan, const char *name)
{
    struct content_field *field = map_get(r->fields, name);
    if (field)
        return field;
    if (r->field_count++ == r->limits->fields) {
        xmlscan_refuse(scan, "more than %zu fields", r->limits->fields);
        return NULL;
    }
    field = arena_zalloc(r->arena, sizeof(*field));
    field->name = name;
    map_put(r->fields, name, field);
    APPEND(r->datasource->fields, r->datasource->last_field, field);
    r->datasource->field_count++;
    return field;
}

static bool record_open(struct reader *r, struct xmlscan *scan)
{
    r->record = (struct record){0};
    r->record.column = xmlscan_attr_is(scan, "class", "column");
    return r->record.column;
}

/* Which part it is shows by its name; see the rows. */
#define RECORD_PART_OPEN(part)                                      \
    static bool part##_open(struct reader *r, struct xmlscan *scan) \
    {                                                               \
        (void)scan;                                                 \
        r->record_part = &r->record.part;                           \
        want_text(r);                                               \
        return true;                                                \
    }
RECORD_PART_OPEN(local)
RECORD_PART_OPEN(remote)
RECORD_PART_OPEN(table)
RECORD_PART_OPEN(type)
RECORD_PART_OPEN(aggregation)

static void part_close(struct reader *r, struct xmlscan *scan)
{
    *r->record_part = take_text(r, scan);
    r->wants_text = false;
}

static void record_close(struct reader *r, struct xmlscan *scan)
{
    const struct record *record = &r->record;
    if (!non_empty(record->local))
        return;
    struct content_field *field = field_named(r, scan, record->local);
    if (!field || field->remote)
        return; /* the extract repeats what the source has */
    field->remote = record->remote;
    field->table = or_null(record->table);
    field->datatype = field->datatype ? field->datatype : or_null(record->type);
    field->aggregation = field->aggregation ? field->aggregation : or_null(record->aggregation);
}

static void overlay(const char **old, const char *value)
{
    if (value)
        *old = value;
}

static bool column_open(struct reader *r, struct xmlscan *scan)
{
    const char *name = xmlscan_attr(scan, "name");
    r->field = non_empty(name) ? field_named(r, scan, name) : NULL;
    if (!r->field)
        return false;
    struct content_field *f = r->field;
    f->listed = true;
    overlay(&f->caption, or_null(xmlscan_attr(scan, "caption")));
    overlay(&f->datatype, xmlscan_attr(scan, "datatype"));
    overlay(&f->role, xmlscan_attr(scan, "role"));
    overlay(&f->type, xmlscan_attr(scan, "type"));
    overlay(&f->aggregation, xmlscan_attr(scan, "aggregation"));
    overlay(&f->semantic_role, xmlscan_attr(scan, "semantic-role"));
    overlay(&f->domain, xmlscan_attr(scan, "param-domain-type"));
    if (f->domain)
        f->value = xmlscan_attr(scan, "value");
    f->hidden = xmlscan_attr_true(scan, "hidden");
    return true;
}

static bool calculation_open(struct reader *r, struct xmlscan *scan)
{
    r->field->formula = xmlscan_attr(scan, "formula");
    r->field->formula_class = xmlscan_attr(scan, "class");
    return false;
}

static bool desc_open(struct reader *r, struct xmlscan *scan)
{
    (void)scan;
    r->formatted = &r->field->description;
    return true;
}

/* ---- formatted text: the texts of its runs, one after another */

static bool formatted_open(struct reader *r, struct xmlscan *scan)
{
    (void)scan;
    drop_text(r);
    return true;
}

static bool run_open(struct reader *r, struct xmlscan *scan)
{
    (void)scan;
    r->wants_text = true;
    return true;
}

static void run_close(struct reader *r, struct xmlscan *scan)
{
    (void)scan;
    r->wants_text = false;
}

/* A line break is written as U+00C6 and a line feed. */
static void formatted_close(struct reader *r, struct xmlscan *scan)
{
    size_t n = 0;
    char *text = r->text.bytes;
    for (size_t i = 0; i < r->text.len; i++) {
        if (r->text.len - i > 2 && memcmp(text + i, "\xC3\x86\n", 3) == 0)
            i += 2;
        text[n++] = text[i];
    }
    r->text.len = n;
    *r->formatted = n ? take_text(r, scan) : NULL;
}

/* ---- sheets */

static bool add_sheet(struct reader *r, struct xmlscan *scan, enum content_sheet_type type)
{
    const char *name = xmlscan_attr(scan, "name");
    if (!name) {
        xmlscan_refuse(scan, "a sheet without a name");
        return false;
    }
    if (!name_fits(r, scan, name))
        return false;
    if (r->content->sheet_count++ == r->limits->sheets) {
        xmlscan_refuse(scan, "more than %zu sheets", r->limits->sheets);
        return false;
    }
    struct content_sheet *sheet = arena_zalloc(r->arena, sizeof(*sheet));
    sheet->type = type;
    sheet->name = name;
    if (map_put(r->sheets, name, sheet)) {
        xmlscan_refuse(scan, "two sheets named '%s'", fault_echo(r->arena, name, strlen(name)));
        return false;
    }
    APPEND(r->worksheets, r->last_worksheet, sheet);
    r->sheet = sheet;
    r->last_used = NULL;
    return true;
}

static bool worksheet_open(struct reader *r, struct xmlscan *scan)
{
    return add_sheet(r, scan, CONTENT_WORKSHEET);
}

static bool dashboard_open(struct reader *r, struct xmlscan *scan)
{
    bool story = xmlscan_attr_is(scan, "type", "storyboard");
    return add_sheet(r, scan, story ? CONTENT_STORY : CONTENT_DASHBOARD);
}

static bool title_open(struct reader *r, struct xmlscan *scan)
{
    (void)scan;
    r->formatted = &r->sheet->title;
    return true;
}

static bool caption_open(struct reader *r, struct xmlscan *scan)
{
    (void)scan;
    r->formatted = &r->sheet->caption;
    return true;
}

static bool used_open(struct reader *r, struct xmlscan *scan)
{
    if (r->used_count++ == r->limits->fields) {
        xmlscan_refuse(scan, "sheets use more than %zu data sources", r->limits->fields);
        return false;
    }
    struct content_name *used = arena_zalloc(r->arena, sizeof(*used));
    used->name = xmlscan_attr(scan, "name");
    if (used->name)
        APPEND(r->sheet->datasources, r->last_used, used);
    return false;
}

/* Parameters are no fields of a sheet, though they stand beside them. */
static bool dependencies_open(struct reader *r, struct xmlscan *scan)
{
    return r->sheet->type == CONTENT_WORKSHEET &&
           !xmlscan_attr_is(scan, "datasource", "Parameters");
}

static bool dependency_open(struct reader *r, struct xmlscan *scan)
{
    bool captioned = xmlscan_peek(scan, "caption", &r->name) && (r->name.len || r->name.full);
    char *name = listed_name(r, scan, captioned ? "caption" : "name");
    if (name)
        list_name(r, scan, &r->sheet->fields, captioned ? name : strip_brackets(name));
    return false;
}

static bool zones_open(struct reader *r, struct xmlscan *scan)
{
    (void)scan;
    return r->sheet->type != CONTENT_WORKSHEET;
}

/* Zones of sheets have their names; so have those of their legends and filters. */
static bool zone_open(struct reader *r, struct xmlscan *scan)
{
    const char *name = listed_name(r, scan, "name");
    if (name && map_get(r->sheets, name))
        list_name(r, scan, &r->sheet->shows, name);
    return true;
}

/* It may be of a dashboard that is yet to come. */
static bool story_point_open(struct reader *r, struct xmlscan *scan)
{
    const char *name = listed_name(r, scan, "captured-sheet");
    if (name)
        list_name(r, scan, &r->sheet->shows, name);
    return false;
}

static bool sheet_location_open(struct reader *r, struct xmlscan *scan)
{
    r->sheet->origin_url = or_null(xmlscan_attr(scan, "id"));
    return false;
}

static bool uuid_open(struct reader *r, struct xmlscan *scan)
{
    r->sheet->uuid = xmlscan_attr(scan, "uuid");
    return false;
}

/* Other windows (schema viewers, say) are no tabs. */
static bool window_open(struct reader *r, struct xmlscan *scan)
{
    bool unseen = xmlscan_attr_is(scan, "class", "hidden-worksheet");
    if (!unseen && !xmlscan_attr_is(scan, "class", "worksheet") &&
        !xmlscan_attr_is(scan, "class", "dashboard"))
        return false;
    if (r->window_count++ == r->limits->sheets) {
        xmlscan_refuse(scan, "more than %zu windows", r->limits->sheets);
        return false;
    }
    struct window *w = arena_zalloc(r->arena, sizeof(*w));
    w->name = xmlscan_attr(scan, "name");
    w->hidden = unseen || xmlscan_attr_true(scan, "hidden");
    w->open = xmlscan_attr_true(scan, "maximized");
    APPEND(r->windows, r->last_window, w);
    return false;
}

/* ---- thumbnails */

static bool thumbnail_open(struct reader *r, struct xmlscan *scan)
{
    const char *name = xmlscan_attr(scan, "name");
    r->pictured = name ? map_get(r->sheets, name) : NULL;
    if (r->pictured)
        want_text(r);
    return r->pictured != NULL;
}

static bool xml_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* A picture that is not a whole PNG, or is beyond what is kept, is left out. */
static void thumbnail_close(struct reader *r, struct xmlscan *scan)
{
    (void)scan;
    size_t n = 0, len = 0;
    char *text = r->text.bytes;
    r->wants_text = false;
    for (size_t i = 0; i < r->text.len; i++)
        if (!xml_space(text[i]))
            text[n++] = text[i];
    size_t room = n / 4 * 3;
    if (!n || r->text.full || r->pictured->thumbnail ||
        room > r->limits->thumbnails - r->picture_bytes)
        return;
    unsigned char *picture = arena_alloc(r->arena, room + 3);
    if (!base64_decode(text, n, picture, &len) || !png_is_whole(picture, len))
        return;
    r->picture_bytes += len;
    r->pictured->thumbnail = picture;
    r->pictured->thumbnail_len = len;
    r->content->thumbnail_count++;
}

/* ---- the map of the document */

struct step {
    enum place from;
    const char *name;
    enum place to;
    bool (*open)(struct reader *r, struct xmlscan *scan); /* NULL: goes on inside */
    void (*close)(struct reader *r, struct xmlscan *scan);
};

static void datasource_close(struct reader *r, struct xmlscan *scan);

static const struct step steps[] = {
    {TOP, "workbook", WORKBOOK, workbook_open, NULL},
    {TOP, "datasource", DATASOURCE, root_datasource_open, datasource_close},

    {WORKBOOK, "repository-location", NOTHING, origin_open, NULL},
    {WORKBOOK, "datasources", DATASOURCES, NULL, NULL},
    {WORKBOOK, "worksheets", WORKSHEETS, NULL, NULL},
    {WORKBOOK, "dashboards", DASHBOARDS, NULL, NULL},
    {WORKBOOK, "windows", WINDOWS, NULL, NULL},
    {WORKBOOK, "thumbnails", THUMBNAILS, NULL, NULL},

    {DATASOURCES, "datasource", DATASOURCE, datasource_open, datasource_close},
    {DATASOURCE, "repository-location", NOTHING, location_open, NULL},
    {DATASOURCE, "connection", CONNECTION, connection_open, NULL},
    {DATASOURCE, "extract", EXTRACT, extract_open, NULL},
    {DATASOURCE, "column", COLUMN, column_open, NULL},
    {CONNECTION, "named-connections", NAMED_CONNECTIONS, NULL, NULL},
    {CONNECTION, "metadata-records", RECORDS, NULL, NULL},
    {CONNECTION, "relation", RELATION, relation_open, NULL},
    {RELATION, "relation", RELATION, relation_open, NULL},
    {DATASOURCE, "object-graph", OBJECT_GRAPH, NULL, NULL},
    {OBJECT_GRAPH, "objects", OBJECTS, NULL, NULL},
    {OBJECTS, "object", OBJECT, NULL, NULL},
    {OBJECT, "properties", PROPERTIES, properties_open, NULL},
    {PROPERTIES, "relation", RELATION, relation_open, NULL},
    {NAMED_CONNECTIONS, "named-connection", NAMED_CONNECTION, named_open, NULL},
    {NAMED_CONNECTION, "connection", LEAF, leaf_open, NULL},
    {EXTRACT, "connection", EXTRACT_CONNECTION, NULL, NULL},
    {EXTRACT_CONNECTION, "metadata-records", RECORDS, NULL, NULL},
    {RECORDS, "metadata-record", RECORD, record_open, record_close},
    {RECORD, "local-name", RECORD_PART, local_open, part_close},
    {RECORD, "remote-name", RECORD_PART, remote_open, part_close},
    {RECORD, "parent-name", RECORD_PART, table_open, part_close},
    {RECORD, "local-type", RECORD_PART, type_open, part_close},
    {RECORD, "aggregation", RECORD_PART, aggregation_open, part_close},
    {COLUMN, "calculation", CALCULATION, calculation_open, NULL},
    {COLUMN, "desc", DESC, desc_open, NULL},
    {DESC, "formatted-text", FORMATTED, formatted_open, formatted_close},

    {WORKSHEETS, "worksheet", SHEET, worksheet_open, NULL},
    {DASHBOARDS, "dashboard", SHEET, dashboard_open, NULL},
    {SHEET, "repository-location", NOTHING, sheet_location_open, NULL},
    {SHEET, "layout-options", LAYOUT, NULL, NULL},
    {SHEET, "table", TABLE, NULL, NULL},
    {SHEET, "datasources", USED, NULL, NULL},
    {SHEET, "simple-id", NOTHING, uuid_open, NULL},
    {LAYOUT, "title", TITLE, title_open, NULL},
    {LAYOUT, "caption", TITLE, caption_open, NULL},
    {TITLE, "formatted-text", FORMATTED, formatted_open, formatted_close},
    {FORMATTED, "run", RUN, run_open, run_close},
    {TABLE, "view", VIEW, NULL, NULL},
    {VIEW, "datasources", USED, NULL, NULL},
    {USED, "datasource", NOTHING, used_open, NULL},
    {VIEW, "datasource-dependencies", DEPENDENCIES, dependencies_open, NULL},
    {DEPENDENCIES, "column", NOTHING, dependency_open, NULL},
    {SHEET, "zones", ZONES, zones_open, NULL},
    {ZONES, "zone", ZONE, zone_open, NULL},
    {ZONE, "zone", ZONE, zone_open, NULL},
    {ZONE, "flipboard", FLIPBOARD, NULL, NULL},
    {FLIPBOARD, "story-points", STORY_POINTS, NULL, NULL},
    {STORY_POINTS, "story-point", NOTHING, story_point_open, NULL},

    {WINDOWS, "window", WINDOW, window_open, NULL},
    {THUMBNAILS, "thumbnail", THUMBNAIL, thumbnail_open, thumbnail_close},
};
enum { STEPS = sizeof(steps) / sizeof(*steps) };

static const struct step *step_of(enum place from, const char *name)
{
    for (size_t i = 0; i < STEPS; i++)
        if (steps[i].from == from && strcmp(steps[i].name, name) == 0)
            return &steps[i];
    return NULL;
}

static bool on_open(void *context, struct xmlscan *scan, const char *name)
{
    struct reader *r = context;
    enum place here = r->depth ? r->places[r->depth - 1] : TOP;
    const struct step *step = step_of(here, name);
    if (!step && here == TOP)
        xmlscan_refuse(scan, "expected the element '%s', found '%s'",
                       r->is_datasource ? "datasource" : "workbook",
                       fault_echo(r->arena, name, strlen(name)));
    if (!step || r->depth == PLACES_MAX || (step->open && !step->open(r, scan)))
        return false;
    r->places[r->depth++] = step->to;
    return true;
}

static void on_text(void *context, struct xmlscan *scan, const char *text, size_t len)
{
    (void)scan;
    struct reader *r = context;
    if (r->wants_text)
        buf_add(&r->text, text, len);
}

/* What ends is what the two places at the top of the stack say, but for the
 * parts of a record, which all end alike. */
static void on_close(void *context, struct xmlscan *scan)
{
    struct reader *r = context;
    enum place at = r->places[--r->depth];
    for (size_t i = 0; i < STEPS; i++)
        if (steps[i].to == at) {
            if (steps[i].close)
                steps[i].close(r, scan);
            return;
        }
}

static const struct xmlscan_handler handler = {
    .open = on_open,
    .text = on_text,
    .close = on_close,
};

/* ---- what follows from it */

/* Numbers are measures and continuous, everything else is not. */
static void default_field(struct arena *arena, struct content_field *f)
{
    bool number =
        f->datatype && (strcmp(f->datatype, "integer") == 0 || strcmp(f->datatype, "real") == 0);
    if (!f->caption)
        f->caption = strip_brackets(arena_strdup(arena, f->name));
    if (!f->role)
        f->role = number ? "measure" : "dimension";
    if (!f->type)
        f->type = number ? "quantitative" : "nominal";
}

static void datasource_close(struct reader *r, struct xmlscan *scan)
{
    (void)scan;
    struct content_datasource *d = r->datasource;
    for (struct content_field *f = d->fields; f; f = f->next)
        default_field(r->arena, f);
    if (d->connection_count == 1)
        d->type = d->connections->type;
    else if (d->connection_count || !d->type)
        d->type = d->connection_count ? "federated" : "";
    if (!d->published)
        d->published_url = d->published_site = NULL;
    if (d->has_extract && d->extract_enabled)
        r->content->has_extracts = true;
    map_free(&r->fields, NULL);
}

/* What a dashboard shows is worksheets, what a story shows is either. */
static void share_fields(struct reader *r, enum content_sheet_type type)
{
    for (struct content_sheet *s = r->worksheets; s; s = s->next) {
        if (s->type != type)
            continue;
        for (const struct content_name *n = s->shows.first; n; n = n->next) {
            const struct content_sheet *shown = map_get(r->sheets, n->name);
            if (shown && shown->type < type)
                names_add_all(r->names, &s->fields, &shown->fields);
        }
    }
}

static void place(struct content *c, struct content_sheet ***end, struct content_sheet *sheet)
{
    **end = sheet;
    *end = &sheet->next;
    sheet->next = NULL;
    if (!sheet->hidden)
        c->visible_count++;
}

/* Tab order is that of the windows. A sheet without one has no tab, and is no
 * view; a document without any windows (written by a tool) shows every sheet. */
static void order_sheets(struct reader *r)
{
    struct content *c = r->content;
    struct content_sheet **end = &c->sheets, *sheet, *next;
    const struct content_sheet *open = NULL;
    for (const struct window *w = r->windows; w; w = w->next) {
        if (!w->name || !(sheet = map_take(r->sheets, w->name)))
            continue;
        sheet->hidden = w->hidden;
        if (w->open && !w->hidden)
            open = sheet;
    }
    /* the map now holds those without a tab; take them out of it in their order */
    struct content_sheet *untabbed = NULL, **last = &untabbed;
    struct map *tabbed = map_new();
    for (sheet = r->worksheets; sheet; sheet = next) {
        next = sheet->next;
        sheet->next = NULL;
        if (map_take(r->sheets, sheet->name)) {
            sheet->hidden = r->windows != NULL;
            *last = sheet;
            last = &sheet->next;
        } else {
            map_put(tabbed, sheet->name, sheet);
        }
    }
    for (const struct window *w = r->windows; w; w = w->next)
        if (w->name && (sheet = map_take(tabbed, w->name)))
            place(c, &end, sheet);
    for (sheet = untabbed; sheet; sheet = next) {
        next = sheet->next;
        place(c, &end, sheet);
    }
    map_free(&tabbed, NULL);
    for (sheet = c->sheets; sheet && !open; sheet = sheet->next)
        if (!sheet->hidden)
            open = sheet;
    c->default_view = open;
}

/* Compared without case: URLs that differ in case alone are taken for one. */
static bool taken(struct arena *arena, struct map *urls, const char *url, void *by)
{
    char *key = arena_strdup(arena, url);
    for (char *p = key; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p | 0x20);
    if (map_get(urls, key))
        return true;
    map_put(urls, key, by);
    return false;
}

/* The next name that is free. The number of tries is remembered for each name,
 * which keeps thousands alike from costing their square. */
static void name_sheet(struct reader *r, struct content_sheet *sheet, struct map *urls,
                       struct map *tries)
{
    char *url = url_name(r->arena, sheet->name);
    size_t *n = map_get(tries, url);
    if (!n) {
        n = arena_zalloc(r->arena, sizeof(*n));
        map_put(tries, url, n);
    }
    do
        sheet->url_name = url_name_choice(r->arena, url, (*n)++);
    while (taken(r->arena, urls, sheet->url_name, sheet));
}

/* In tab order, so that the first of two alike has the plain name; views before
 * hidden sheets, whose names nobody asks for. */
static void name_sheets(struct reader *r)
{
    struct map *urls = map_new(), *tries = map_new();
    for (int hidden = 0; hidden < 2; hidden++)
        for (struct content_sheet *s = r->content->sheets; s; s = s->next)
            if (s->hidden == (hidden == 1))
                name_sheet(r, s, urls, tries);
    map_free(&tries, NULL);
    map_free(&urls, NULL);
}

static void name_datasources(struct content *c)
{
    for (struct content_datasource *d = c->datasources; d; d = d->next)
        if (!d->name)
            d->name = d->caption ? d->caption : "";
}

enum err document_read(struct arena *arena, const struct content_limits *limits,
                       content_source *source, void *from, const char *what,
                       struct content *content, struct fault *fault)
{
    struct reader r = {.arena = arena, .limits = limits, .content = content};
    r.is_datasource = content_is_datasource(content->kind);
    r.sheets = map_new();
    struct arena *scratch = arena_new(0);
    buf_init(&r.text, scratch, TEXT_MAX);
    buf_init(&r.name, scratch, LISTED_ATTR_MAX);
    r.names = names_new(arena, limits->listed_names);
    enum err err = xmlscan_run(arena, limits, source, from, what, &handler, &r, fault);
    if (err == E_OK && !r.is_datasource) {
        share_fields(&r, CONTENT_DASHBOARD);
        share_fields(&r, CONTENT_STORY);
        order_sheets(&r);
        name_sheets(&r);
    }
    name_datasources(content);
    map_free(&r.fields, NULL);
    map_free(&r.sheets, NULL);
    names_free(&r.names);
    arena_free(&scratch);
    return err;
}
