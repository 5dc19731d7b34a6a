-- Stands where a migration of another branch comes.
DROP INDEX IF EXISTS reserved;
