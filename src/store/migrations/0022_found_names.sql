-- Names in published files that lists find items by: the tables that a data source reads,
-- in the order of its file, and the fields that a view shows.
CREATE TABLE datasource_table (
    content_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    position {int} NOT NULL,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    PRIMARY KEY (content_id, position)
);
CREATE INDEX datasource_table_name ON datasource_table (site_id, name, content_id);
CREATE TABLE view_field (
    view_id {text} NOT NULL REFERENCES view (id) ON DELETE CASCADE,
    position {int} NOT NULL,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    PRIMARY KEY (view_id, position)
);
CREATE INDEX view_field_name ON view_field (site_id, name, view_id);
