-- The foundation: sites, people, projects, connected apps, sessions, and the
-- record of what was admitted and refused.
--
-- Times are milliseconds since 1970 UTC, flags are 0 or 1, ids are LUIDs in
-- lower case. A *_key column holds the folded form of a name, by which names
-- are compared. A serial is the order of creation within its list; the writer
-- assigns it out of `counter`, so that pages of a list can be found by range.

CREATE TABLE site (
    id {text} NOT NULL PRIMARY KEY,
    name {text} NOT NULL,
    name_key {text} NOT NULL UNIQUE,
    content_url {text} NOT NULL,
    content_url_key {text} NOT NULL UNIQUE,
    state {text} NOT NULL,
    admin_mode {text} NOT NULL,
    attributes {text} NOT NULL, -- the other settings, a line each
    user_count {int} NOT NULL DEFAULT 0,
    project_count {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL UNIQUE
);

-- One person on the server; site_user is that person on one site.
CREATE TABLE account (
    id {text} NOT NULL PRIMARY KEY,
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    domain {text} NOT NULL DEFAULT 'local',
    full_name {text},
    email {text},
    password_hash {text},
    server_admin {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    UNIQUE (domain, name_key)
);

CREATE TABLE site_user (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    account_id {text} NOT NULL REFERENCES account (id),
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    site_role {text} NOT NULL,
    auth_setting {text},
    email {text},
    full_name {text},
    external_auth_user_id {text},
    last_login_at {int},
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL,
    UNIQUE (site_id, account_id),
    UNIQUE (site_id, name_key),
    UNIQUE (site_id, serial)
);
CREATE INDEX site_user_account ON site_user (account_id);

CREATE TABLE project (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    parent_id {text} REFERENCES project (id),
    name {text} NOT NULL,
    name_key {text} NOT NULL,
    description {text} NOT NULL DEFAULT '',
    content_permissions {text} NOT NULL,
    owner_id {text} NOT NULL REFERENCES site_user (id),
    is_default {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL,
    UNIQUE (site_id, serial)
);
-- Siblings differ by name; NULLs would all differ from each other.
CREATE UNIQUE INDEX project_sibling ON project (site_id, COALESCE(parent_id, ''), name_key);
CREATE INDEX project_parent ON project (parent_id);
CREATE INDEX project_owner ON project (owner_id);

CREATE TABLE connected_app (
    client_id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    enabled {int} NOT NULL,
    domain_safelist {text},
    unrestricted_embedding {int},
    epoch {int} NOT NULL DEFAULT 0, -- counts up when its sessions end; see session.app_epoch
    vetted {int} NOT NULL, -- made by a server administrator; see docs/security.md
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL
);
CREATE INDEX connected_app_site ON connected_app (site_id, serial);

-- A project may be named here after it was deleted: no foreign key.
CREATE TABLE connected_app_project (
    client_id {text} NOT NULL REFERENCES connected_app (client_id) ON DELETE CASCADE,
    project_id {text} NOT NULL,
    position {int} NOT NULL,
    PRIMARY KEY (client_id, project_id)
) {without_rowid};

CREATE TABLE connected_app_secret (
    id {text} NOT NULL PRIMARY KEY,
    client_id {text} NOT NULL REFERENCES connected_app (client_id) ON DELETE CASCADE,
    sealed {text} NOT NULL,
    created_at {int} NOT NULL
);
CREATE INDEX connected_app_secret_app ON connected_app_secret (client_id, created_at);

CREATE TABLE personal_access_token (
    id {text} NOT NULL PRIMARY KEY,
    site_user_id {text} NOT NULL REFERENCES site_user (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    secret_hash {text} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    last_used_at {int},
    session_id {int}, -- the one that may be open
    UNIQUE (site_user_id, name)
);
CREATE INDEX personal_access_token_name ON personal_access_token (name);

-- A session and a used jti are written at every sign-in, so they cost as few
-- pages as they can. A session's id grows with time and stands in its token: rows
-- are appended, and found by the id. There are no other indexes: whether its app,
-- secret or personal access token still carries a session is asked when it is
-- read (trust/session.c), and what has expired stands in front.
CREATE TABLE session (
    id {int} NOT NULL PRIMARY KEY,
    token_hash {text} NOT NULL,
    site_id {text} NOT NULL,
    site_user_id {text} NOT NULL,
    via {text} NOT NULL, -- jwt, password or pat
    client_id {text},
    secret_id {text},
    app_epoch {int} NOT NULL, -- of the app when its token was checked
    pat_id {text},
    impersonator_id {text},
    scopes {text}, -- separated by spaces
    site_bound {int} NOT NULL, -- no rights beyond its site, whoever the user is
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL
);

-- The key is 63 bits of a digest of issuer and jti; rows are swept by ranges of it.
CREATE TABLE used_jti (
    key {int} NOT NULL PRIMARY KEY,
    expires_at {int} NOT NULL
);

CREATE TABLE event (
    id {rowid},
    at {int} NOT NULL,
    kind {text} NOT NULL,
    request_id {text},
    peer {text},
    site_id {text},
    site_content_url {text},
    client_id {text},
    secret_id {text},
    subject {text},
    user_id {text},
    method {text},
    check_name {text},
    wire_code {int},
    fine_code {int},
    expected {text},
    found {text},
    scopes_granted {text},
    scopes_needed {text},
    outcome {text} NOT NULL
);

CREATE TABLE observed_call (
    client_id {text} NOT NULL,
    method {text} NOT NULL,
    hour {int} NOT NULL, -- its start
    site_id {text},
    admitted {int} NOT NULL DEFAULT 0,
    refused {int} NOT NULL DEFAULT 0,
    last_at {int} NOT NULL,
    PRIMARY KEY (client_id, method, hour)
) {without_rowid};

CREATE TABLE observed_grant (
    client_id {text} NOT NULL,
    scope {text} NOT NULL,
    hour {int} NOT NULL, -- its start
    last_at {int} NOT NULL,
    PRIMARY KEY (client_id, scope, hour)
) {without_rowid};

-- Facts of the whole server, such as the fingerprint of its key file.
CREATE TABLE setting (
    name {text} NOT NULL PRIMARY KEY,
    value {text}
) {without_rowid};

CREATE TABLE counter (
    name {text} NOT NULL PRIMARY KEY,
    value {int} NOT NULL
) {without_rowid};
