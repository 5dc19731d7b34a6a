-- Work that goes on after its request was answered. jobs/queue.c has the rules.

CREATE TABLE job (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    user_id {text} NOT NULL, -- who asked for it; may be gone: no foreign key
    kind {text} NOT NULL, -- tbl/job_kinds.def
    status {text} NOT NULL, -- Pending, InProgress, Success, Failed or Cancelled
    title {text} NOT NULL DEFAULT '',
    subtitle {text} NOT NULL DEFAULT '',
    args {text} NOT NULL DEFAULT '',
    priority {int} NOT NULL, -- 1 goes first, 100 last
    progress {int} NOT NULL DEFAULT 0, -- of 100
    finish_code {int}, -- 0 success, 1 failed, 2 cancelled
    notes {text} NOT NULL DEFAULT '', -- a line each
    attempts {int} NOT NULL DEFAULT 0, -- how often it was begun
    due_at {int} NOT NULL, -- not to be begun before
    lease_owner {text}, -- the node that runs it
    lease_until {int}, -- then others may take it
    created_at {int} NOT NULL,
    started_at {int},
    completed_at {int},
    updated_at {int} NOT NULL,
    serial {int} NOT NULL,
    UNIQUE (site_id, serial)
);
CREATE INDEX job_waiting ON job (priority, serial) WHERE status = 'Pending';
CREATE INDEX job_running ON job (lease_until) WHERE status = 'InProgress';
CREATE INDEX job_ended ON job (completed_at) WHERE completed_at IS NOT NULL;

-- What an unfinished job is given to work on, sealed, in pieces.
CREATE TABLE job_payload (
    job_id {text} NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    piece {int} NOT NULL,
    sealed {text} NOT NULL,
    PRIMARY KEY (job_id, piece)
);
