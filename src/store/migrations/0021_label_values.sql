-- The categories and values of labels that a site has besides the built-in ones
-- (tbl/label_values.def), and what it changed of those.
CREATE TABLE label_category (
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    name_key {text} NOT NULL, -- without case
    description {text} NOT NULL,
    PRIMARY KEY (site_id, name_key)
);
CREATE TABLE label_value (
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    category {text} NOT NULL,
    description {text} NOT NULL,
    elevated_default {int} NOT NULL DEFAULT 0,
    built_in {text}, -- default name of the built-in value that was changed; NULL: the site's own
    PRIMARY KEY (site_id, name_key)
);
