-- What one node does for all, now and then: whose turn it is, until when that node may
-- be silent, and when it was last done.
CREATE TABLE chore (
    name {text} NOT NULL PRIMARY KEY,
    node {text} NOT NULL,
    held_until {int} NOT NULL,
    done_at {int} NOT NULL
) {without_rowid};
