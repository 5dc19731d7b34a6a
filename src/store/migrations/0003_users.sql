-- Users of a site: what lists of a million of them are filtered and sorted by,
-- and how many there are of each role.

ALTER TABLE site_user ADD COLUMN language {text};
ALTER TABLE site_user ADD COLUMN locale {text};

-- A server administrator has that role on every site, so that a user's role can
-- be read, counted and sorted by without the account.
UPDATE site_user SET site_role = 'ServerAdministrator' WHERE account_id IN (
    SELECT id FROM account WHERE server_admin = 1);
-- 0 is never: NULLs are sorted differently by the engines.
UPDATE site_user SET last_login_at = 0 WHERE last_login_at IS NULL;

-- Written in the transaction of every add, change of role and removal
-- (domain/licence.c).
CREATE TABLE site_role_count (
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    site_role {text} NOT NULL,
    user_count {int} NOT NULL,
    PRIMARY KEY (site_id, site_role)
) {without_rowid};
INSERT INTO site_role_count (site_id, site_role, user_count)
    SELECT site_id, site_role, COUNT(*) FROM site_user GROUP BY site_id, site_role;

-- One for each order a list can be asked for, of all users and of those of one
-- role; docs/organisation.md.
CREATE INDEX site_user_by_name ON site_user (site_id, name, serial);
CREATE INDEX site_user_by_friendly_name
    ON site_user (site_id, COALESCE(full_name, name), serial);
CREATE INDEX site_user_by_last_login ON site_user (site_id, last_login_at, serial);
CREATE INDEX site_user_by_luid ON site_user (site_id, id, serial);
CREATE INDEX site_user_by_role ON site_user (site_id, site_role, serial);
CREATE INDEX site_user_by_role_and_name ON site_user (site_id, site_role, name, serial);
CREATE INDEX site_user_by_role_and_friendly_name
    ON site_user (site_id, site_role, COALESCE(full_name, name), serial);
CREATE INDEX site_user_by_role_and_last_login
    ON site_user (site_id, site_role, last_login_at, serial);
-- How many server administrators there are.
CREATE INDEX account_server_admin ON account (server_admin) WHERE server_admin = 1;
