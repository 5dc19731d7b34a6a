-- Files on their way: what Append to File Upload has brought so far, a blob for each
-- piece, so that any node may take the next one and publish the whole.
CREATE TABLE upload (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    user_id {text} NOT NULL,
    size_bytes {int} NOT NULL DEFAULT 0,
    pieces {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL
);
CREATE INDEX upload_updated ON upload (updated_at);

CREATE TABLE upload_piece (
    upload_id {text} NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    number {int} NOT NULL,
    blob_id {text} NOT NULL,
    size_bytes {int} NOT NULL,
    PRIMARY KEY (upload_id, number)
) {without_rowid};
CREATE INDEX upload_piece_blob ON upload_piece (blob_id);
