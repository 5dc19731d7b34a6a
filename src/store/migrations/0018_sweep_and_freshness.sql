-- What one node does for all, now and then: whose turn it is, until when that node may
-- be silent, and when it was last done.
CREATE TABLE chore (
    name {text} NOT NULL PRIMARY KEY,
    node {text} NOT NULL,
    held_until {int} NOT NULL,
    done_at {int} NOT NULL
) {without_rowid};

-- What this repository is called in its store of blobs (blobs_claim); one row.
CREATE TABLE store_owner (
    one {int} NOT NULL PRIMARY KEY CHECK (one = 1),
    id {text} NOT NULL
);

-- How fresh the data of workbooks are to be, where it was said; without a row it is as
-- the site has it (domain/freshness.h).
CREATE TABLE data_freshness (
    workbook_id {text} NOT NULL PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    policy {text} NOT NULL,
    frequency {text},
    amount {int} NOT NULL DEFAULT 0,
    time_of_day {text},
    time_zone {text},
    days {int} NOT NULL DEFAULT 0
) {without_rowid};
