/* content: what a published file holds.
 *
 * Opens a workbook, a data source or a flow and says what is in it: its sheets
 * in tab order, its data sources with their connections and fields, its steps.
 * It knows files alone: no repository, no permissions, no HTTP. The file is
 * whatever somebody uploaded, so all of it is hostile: every size, count and
 * depth has a limit (struct content_limits), XML is read as it streams by, and
 * nothing is ever written to disk or fetched.
 *
 * A refusal is E400011, for flows E400087, with a sentence that says what is
 * wrong and where; E500000 where the file could not be read at all. Everything
 * that is returned lives in the arena. The descriptor is read at positions of
 * its own (pread) and stays the caller's. docs/content.md says what is read from
 * where, and what is not understood yet. */
#ifndef EASEL_CONTENT_CONTENT_H
#define EASEL_CONTENT_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct arena;

enum content_kind {
    CONTENT_UNKNOWN,
    CONTENT_TWB,
    CONTENT_TWBX,
    CONTENT_TDS,
    CONTENT_TDSX,
    CONTENT_HYPER,
    CONTENT_TDE,
    CONTENT_CSV,
    CONTENT_PARQUET,
    CONTENT_TFL,
    CONTENT_TFLX,
};

/* The kind that a file name (or an extension alone, "twbx") stands for. */
enum content_kind content_kind_named(const char *file_name);
/* "twb", "tdsx" ...; "" for CONTENT_UNKNOWN. */
const char *content_kind_name(enum content_kind kind);
bool content_is_workbook(enum content_kind kind);
bool content_is_datasource(enum content_kind kind);
bool content_is_flow(enum content_kind kind);
/* True for the kinds that are zip archives. */
bool content_is_package(enum content_kind kind);

/* What a file may hold at most. Beyond it: refused. */
struct content_limits {
    size_t entries;        /* of a package */
    size_t entry_name;     /* bytes */
    uint64_t directory;    /* bytes of a package's directory */
    uint64_t entry_size;   /* bytes, unpacked */
    uint64_t total_size;   /* of all entries, unpacked */
    uint64_t ratio;        /* unpacked to packed, of an entry above ratio_from bytes */
    uint64_t ratio_from;   /* smaller ones may be as dense as they like */
    uint64_t document;     /* bytes of the main document, unpacked */
    uint64_t flow;         /* bytes of a flow's document, which becomes a tree */
    size_t flow_values;    /* values in it: they cost more memory than their bytes */
    size_t depth;          /* elements within elements; libxml2 itself stops at 256 */
    size_t attributes;     /* of one element */
    size_t tag;            /* bytes from '<' to '>' */
    size_t kept;           /* bytes of names, formulas, descriptions that are kept */
    size_t name;           /* bytes of the name of a sheet or a data source */
    size_t sheets, fields; /* fields: of all data sources together */
    size_t connections;    /* of all data sources together */
    size_t thumbnails;     /* bytes of pictures kept in all; more are left out, not refused */
    size_t listed_names;   /* in all struct content_names together; more are left out too */
};
extern const struct content_limits content_limits_default;

/* ---- what was found. Texts that the file does not give are NULL. */

struct content_name {
    const char *name;
    struct content_name *next;
};

/* Names of which none stands there twice. Those that are empty or longer than
 * CONTENT_LISTED_NAME_MOST bytes are left out. */
struct content_names {
    struct content_name *first, *last;
    size_t count;
};
enum { CONTENT_LISTED_NAME_MOST = 512 };

struct content_connection {
    const char *name;    /* key of a named connection; NULL in the old form with one alone */
    const char *caption; /* what people see as its name */
    const char *type;    /* its class: sqlserver, excel-direct, sqlproxy ... */
    const char *server, *port, *dbname, *schema, *username;
    const char *authentication; /* as written: sqlserver, username-password, oauth ... */
    const char *filename, *directory;
    struct content_connection *next;
};

struct content_field {
    const char *name;    /* with its brackets, as formulas write it: [Sales] */
    const char *caption; /* for people; never NULL: the name without brackets where none is given */
    const char *datatype; /* string, integer, real, boolean, date, datetime, spatial, table */
    const char *role;     /* dimension or measure */
    const char *type;     /* nominal, ordinal or quantitative */
    const char *aggregation, *semantic_role, *description;
    const char *formula;        /* of a calculated field */
    const char *formula_class;  /* tableau, bin, categorical-bin ... */
    const char *remote;         /* the column's name at its source */
    const char *table;          /* the table it comes from, as the document calls it */
    const char *domain, *value; /* of a parameter: any, list or range; current value */
    bool hidden;
    bool listed; /* it stands in the document as a column, not in the source's records alone */
    struct content_field *next;
};

struct content_datasource {
    const char *name; /* key in references; for a file of its own the formatted name */
    const char *caption;
    const char *version;
    const char *type; /* as the API tells it: the class of its one connection, else federated */
    const char *published_url; /* content URL of the published data source it stands for */
    const char *published_site;
    bool published;  /* it stands for a published data source (class sqlproxy) */
    bool parameters; /* it is the one that holds the workbook's parameters */
    bool has_extract, extract_enabled;
    size_t connection_count, field_count;
    struct content_connection *connections, *last_connection;
    struct content_field *fields, *last_field;
    /* What its relations read, by the name at the source (Orders of [dbo].[Orders]) and
     * by the relation's own; nothing of its extract. */
    struct content_names tables;
    struct content_datasource *next;
};

/* Each shows sheets of those before it alone. */
enum content_sheet_type { CONTENT_WORKSHEET, CONTENT_DASHBOARD, CONTENT_STORY };
/* As the API says it: worksheet, dashboard, story. */
const char *content_sheet_type_name(enum content_sheet_type type);

struct content_sheet {
    enum content_sheet_type type;
    const char *name;
    const char *url_name;   /* last part of its content URL; unique in the workbook */
    const char *origin_url; /* the url_name it had where it was published before */
    const char *title, *caption;
    const char *uuid;                 /* simple-id of newer documents, with its braces */
    bool hidden;                      /* not a view: kept for dashboards alone */
    struct content_name *datasources; /* keys of those it uses */
    struct content_names shows;       /* of a dashboard or a story: the sheets in it */
    struct content_names fields;      /* as people see them; those of what it shows are its too */
    const void *thumbnail;            /* a whole PNG (content/png.h), or NULL */
    size_t thumbnail_len;
    struct content_sheet *next;
};

/* Which values a parameter takes; bounds and values as they are written. */
enum content_domain { CONTENT_DOMAIN_ANY, CONTENT_DOMAIN_LIST, CONTENT_DOMAIN_RANGE };

struct content_parameter {
    const char *id, *name, *type, *description, *value;
    bool required;
    enum content_domain domain;
    struct content_name *values; /* of a list, in its order */
    const char *least, *most;    /* of a range; NULL: no bound */
    struct content_parameter *next;
};

struct content_node {
    const char *id, *name, *description;
    const char *type; /* as written: .v1.LoadSql, .v1.PublishExtract ... */
    const char *base; /* input, output, transform, container, superNode */
    const char *connection_id;
    struct content_name *next_ids; /* of the steps that go on with what this one makes */
    const char *filename;          /* of an input: the file that it says itself it reads */
    const char *table;             /* of an input: the table of its file */
    /* Of an output: where it publishes to. */
    const char *project_id, *project_name, *server_url, *datasource_name, *datasource_description;
    /* The first member by which the step does more than hand on what it reads, or writes
     * otherwise than these say; NULL: none. What is not known counts as one. */
    const char *changes;
    struct content_node *next;
};

/* The step's kind without the version before it: LoadCsv of .v1.LoadCsv; "" for none. */
const char *content_node_kind(const struct content_node *node);

struct content_flow {
    size_t node_count, input_count, output_count;
    struct content_node *nodes; /* in the order of the document */
    struct content_connection *connections;
    struct content_parameter *parameters;
};

struct content {
    enum content_kind kind; /* what the bytes are: a .tde named .hyper is a .tde */
    uint64_t size;          /* bytes of the file */
    /* packages */
    const char *main_entry; /* name of the main document's entry */
    size_t entry_count, extract_entry_count, image_entry_count;
    bool has_extracts; /* an extract is in the package, or the document uses one */
    /* workbooks and data sources */
    const char *version, *original_version; /* of the document format */
    const char *source_build, *source_platform;
    const char *origin_url, *origin_site; /* where it was published when it was downloaded */
    size_t sheet_count, visible_count, thumbnail_count, datasource_count;
    struct content_sheet *sheets;             /* in tab order, those without a tab last */
    const struct content_sheet *default_view; /* the sheet that was open; NULL: no view */
    struct content_datasource *datasources;   /* in document order */
    /* flows */
    struct content_flow *flow;
};

/* Reads the file behind `fd`, which was published under a name of that kind.
 * limits: NULL for the defaults. *content_r is set on E_OK alone. */
enum err content_read(struct arena *arena, int fd, enum content_kind kind,
                      const struct content_limits *limits, struct content **content_r,
                      struct fault *fault);
/* The same for a file by its path; the kind is that of its name. */
enum err content_read_file(struct arena *arena, const char *path,
                           const struct content_limits *limits, struct content **content_r,
                           struct fault *fault);

#endif
