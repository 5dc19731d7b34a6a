-- What people publish: workbooks with their views, data sources, flows. One table
-- for what all content has; what a type alone has stands in columns that are NULL
-- for the others. Bytes are in the blob store (store/blob.h), by their hash.

CREATE TABLE content (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    content_type {text} NOT NULL, -- workbook, datasource or flow
    project_id {text} NOT NULL REFERENCES project (id),
    owner_id {text} NOT NULL REFERENCES site_user (id),
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    description {text} NOT NULL DEFAULT '',
    content_url {text} NOT NULL,
    content_url_key {text} NOT NULL,
    file_type {text} NOT NULL,    -- twb, twbx, tds, tdsx, hyper, csv, tfl, tflx
    data_type {text},             -- of a data source: sqlserver, federated ...
    size_bytes {int} NOT NULL,
    revision {int} NOT NULL,      -- the current one
    show_tabs {int} NOT NULL DEFAULT 0,
    has_extracts {int} NOT NULL DEFAULT 0,
    encrypts_extracts {int} NOT NULL DEFAULT 0,
    uses_remote_query_agent {int} NOT NULL DEFAULT 0,
    is_certified {int} NOT NULL DEFAULT 0,
    certification_note {text},
    default_view_id {text},
    sheet_count {int} NOT NULL DEFAULT 0,
    thumbnails_user_id {text},
    thumbnails_group_id {text},
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    published_at {int} NOT NULL,
    serial {int} NOT NULL,
    UNIQUE (project_id, content_type, name_key),
    UNIQUE (site_id, content_type, content_url_key),
    UNIQUE (site_id, content_type, serial)
);
CREATE INDEX content_owner ON content (owner_id, content_type, serial);
CREATE INDEX content_name ON content (site_id, content_type, name, serial);
CREATE INDEX content_created ON content (site_id, content_type, created_at, serial);
CREATE INDEX content_updated ON content (site_id, content_type, updated_at, serial);
CREATE INDEX content_size ON content (site_id, content_type, size_bytes, serial);

-- How many of each type a site has, for lists without conditions.
CREATE TABLE content_count (
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    content_type {text} NOT NULL, -- view too
    items {int} NOT NULL,
    bytes {int} NOT NULL, -- of all revisions
    PRIMARY KEY (site_id, content_type)
) {without_rowid};

CREATE TABLE view (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    workbook_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    content_url {text} NOT NULL,
    view_url_name {text} NOT NULL,
    sheet_type {text} NOT NULL, -- worksheet, dashboard or story
    position {int} NOT NULL,
    hidden {int} NOT NULL DEFAULT 0,
    hits {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL,
    UNIQUE (workbook_id, name),
    UNIQUE (site_id, content_url),
    UNIQUE (site_id, serial)
);
CREATE INDEX view_name ON view (site_id, name, serial);
CREATE INDEX view_url_name ON view (site_id, view_url_name, serial);
CREATE INDEX view_of_workbook ON view (workbook_id, position);

CREATE TABLE revision (
    content_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    number {int} NOT NULL,
    blob_id {text} NOT NULL,
    size_bytes {int} NOT NULL,
    file_type {text} NOT NULL,
    publisher_id {text}, -- no foreign key: it may name a user who is gone
    published_at {int} NOT NULL,
    PRIMARY KEY (content_id, number)
) {without_rowid};
CREATE INDEX revision_blob ON revision (blob_id);

-- Connections of what is current; the position is that in the file.
CREATE TABLE connection (
    id {text} NOT NULL PRIMARY KEY,
    content_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    position {int} NOT NULL,
    connection_type {text} NOT NULL,
    server_address {text} NOT NULL DEFAULT '',
    server_port {text} NOT NULL DEFAULT '',
    user_name {text} NOT NULL DEFAULT '',
    database_name {text} NOT NULL DEFAULT '',
    filename {text},
    authentication_type {text},
    embeds_password {int} NOT NULL DEFAULT 0,
    sealed_password {text},
    query_tagging {int} NOT NULL DEFAULT 0,
    datasource_id {text},        -- the published data source it reads, where known
    datasource_name {text},
    datasource_content_url {text},
    UNIQUE (content_id, position)
);
CREATE INDEX connection_datasource ON connection (datasource_id);
