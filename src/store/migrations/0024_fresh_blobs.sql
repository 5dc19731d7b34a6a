-- When the blob was stored, where nobody had it before (store/blob.h, fresh); else 0. Once
-- nothing names it any more it can go at once, unless it was found again since.
ALTER TABLE upload_piece ADD COLUMN fresh_at {int} NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN blob_fresh_at {int} NOT NULL DEFAULT 0;
