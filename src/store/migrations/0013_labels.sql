-- What people say of content: that it is certified, that its data are stale, or
-- sensitive (tbl/label_values.def). One of each value on an item. The certification of a
-- data source stands in its own row as well: domain/label.c keeps the two alike.
CREATE TABLE label (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    content_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    category {text} NOT NULL,
    value {text} NOT NULL,
    message {text} NOT NULL DEFAULT '',
    active {int} NOT NULL DEFAULT 1,
    elevated {int} NOT NULL DEFAULT 0,
    owner_id {text} NOT NULL, -- who set it last; no foreign key: the user may be gone
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    UNIQUE (content_id, category, value)
);
CREATE INDEX label_site ON label (site_id);
