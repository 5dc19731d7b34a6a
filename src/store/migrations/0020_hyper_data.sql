-- Jobs of the same turn run one after the other (jobs/queue.c): changes of the rows of one
-- data source build on each other.
ALTER TABLE job ADD COLUMN turn {text};
CREATE INDEX job_turn ON job (turn, serial) WHERE completed_at IS NULL AND turn IS NOT NULL;

-- Requests to change the rows of a data source, by the id that their sender gave them: a
-- second one of the same id within a day is answered with the job of the first.
CREATE TABLE hyper_request (
    content_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    request_id {text} NOT NULL,
    job_id {text} NOT NULL, -- may be forgotten by now: no foreign key
    connection_id {text} NOT NULL,
    created_at {int} NOT NULL,
    PRIMARY KEY (content_id, request_id)
) {without_rowid};
CREATE INDEX hyper_request_age ON hyper_request (created_at);
