-- What a job works on may be a blob beside its payload: named until the job ends, so
-- that nobody takes it for a leftover.
ALTER TABLE job ADD COLUMN blob_id {text};
ALTER TABLE job ADD COLUMN blob_bytes {int};
CREATE INDEX job_blob ON job (blob_id) WHERE blob_id IS NOT NULL;
