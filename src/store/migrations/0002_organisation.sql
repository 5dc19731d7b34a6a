-- Who may do what: groups, group sets, and the rules that grant and deny
-- capabilities to users, groups and group sets.

-- Counts of what a site has, for lists without conditions; access_epoch counts
-- up whenever something changed that decides what a user of the site may see
-- (domain/permission.h).
ALTER TABLE site ADD COLUMN group_count {int} NOT NULL DEFAULT 0;
ALTER TABLE site ADD COLUMN group_set_count {int} NOT NULL DEFAULT 0;
ALTER TABLE site ADD COLUMN access_epoch {int} NOT NULL DEFAULT 0;

-- "All Users" holds every user of its site without rows in group_member.
CREATE TABLE site_group (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    domain {text} NOT NULL DEFAULT 'local',
    is_all_users {int} NOT NULL DEFAULT 0,
    minimum_site_role {text},
    grant_license_mode {text}, -- onLogin or onSync; with a minimum_site_role
    external_user_enabled {int} NOT NULL DEFAULT 0,
    user_count {int} NOT NULL DEFAULT 0, -- of All Users: site.user_count
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL,
    UNIQUE (site_id, name_key),
    UNIQUE (site_id, serial)
);
CREATE INDEX site_group_all_users ON site_group (site_id) WHERE is_all_users = 1;

CREATE TABLE group_member (
    group_id {text} NOT NULL REFERENCES site_group (id) ON DELETE CASCADE,
    site_user_id {text} NOT NULL REFERENCES site_user (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, site_user_id)
) {without_rowid};
CREATE INDEX group_member_user ON group_member (site_user_id, group_id);

CREATE TABLE group_set (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    group_count {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL,
    UNIQUE (site_id, name_key),
    UNIQUE (site_id, serial)
);

CREATE TABLE group_set_member (
    group_set_id {text} NOT NULL REFERENCES group_set (id) ON DELETE CASCADE,
    group_id {text} NOT NULL REFERENCES site_group (id) ON DELETE CASCADE,
    PRIMARY KEY (group_set_id, group_id)
) {without_rowid};
CREATE INDEX group_set_member_group ON group_set_member (group_id, group_set_id);

-- One row for each item and grantee: two sets of capabilities (bits by
-- tbl/capabilities.def). content_type is the item's own type for rules on the
-- item, another one for the default rules of a project. Items and grantees are of
-- several tables, so what names them here is taken out by domain/permission.c.
CREATE TABLE permission_rule (
    item_id {text} NOT NULL,
    content_type {text} NOT NULL,
    grantee_id {text} NOT NULL,
    grantee_kind {text} NOT NULL, -- user, group or groupSet
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    allow_set {int} NOT NULL,
    deny_set {int} NOT NULL,
    PRIMARY KEY (item_id, content_type, grantee_id)
) {without_rowid};
CREATE INDEX permission_rule_grantee ON permission_rule (grantee_id, content_type, item_id);
CREATE INDEX permission_rule_site ON permission_rule (site_id);
