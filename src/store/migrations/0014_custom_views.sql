-- What people made of views (filters, sorting ...) and kept under a name, as files that
-- clients bring and take. A name is one owner's within a workbook.
CREATE TABLE custom_view (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    workbook_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    view_id {text} NOT NULL REFERENCES view (id) ON DELETE CASCADE,
    owner_id {text} NOT NULL REFERENCES site_user (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    shared {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL,
    file {text} NOT NULL, -- JSON, at most 4 MiB; last, so that lists need not read it
    UNIQUE (workbook_id, owner_id, name_key),
    UNIQUE (site_id, serial)
);
CREATE INDEX custom_view_view ON custom_view (view_id, serial);
CREATE INDEX custom_view_owner ON custom_view (owner_id, serial);

-- For whom a custom view stands in place of its view: one for each view and user.
CREATE TABLE custom_view_default (
    view_id {text} NOT NULL REFERENCES view (id) ON DELETE CASCADE,
    site_user_id {text} NOT NULL REFERENCES site_user (id) ON DELETE CASCADE,
    custom_view_id {text} NOT NULL REFERENCES custom_view (id) ON DELETE CASCADE,
    PRIMARY KEY (view_id, site_user_id)
) {without_rowid};
CREATE INDEX custom_view_default_custom_view ON custom_view_default (custom_view_id, site_user_id);
CREATE INDEX custom_view_default_user ON custom_view_default (site_user_id);
