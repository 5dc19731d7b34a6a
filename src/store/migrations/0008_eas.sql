-- External authorization servers: identity providers whose JWTs sign in.
--
-- One without a site is the whole server's; it comes from the configuration at
-- each start. A session that was opened by one ends when the row goes, or when its
-- epoch counts up since the issuer is another now (trust/session.c).

CREATE TABLE external_authorization_server (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} REFERENCES site (id) ON DELETE CASCADE,
    name {text} NOT NULL,
    issuer_url {text} NOT NULL,
    jwks_uri {text},
    epoch {int} NOT NULL DEFAULT 0,
    vetted {int} NOT NULL, -- registered by a server administrator; see docs/security.md
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL,
    UNIQUE (site_id, issuer_url)
);
CREATE INDEX external_authorization_server_issuer ON external_authorization_server (issuer_url);

ALTER TABLE session ADD COLUMN eas_id {text};
