-- Content by what clients sort and filter: the size in megabytes, rounded up, as they
-- see it, and the name in URLs.
DROP INDEX content_size;
CREATE INDEX content_megabytes ON content (
    site_id, content_type, ((size_bytes + 1048575) / 1048576), serial);
CREATE INDEX content_by_url ON content (site_id, content_type, content_url, serial);
