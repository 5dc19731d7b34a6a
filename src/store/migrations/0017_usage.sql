-- How often items were looked at: in all in the item's own row, and by day (days since
-- 1970, UTC) for about a year. A look at a view counts for its workbook too.
ALTER TABLE content ADD COLUMN hits {int} NOT NULL DEFAULT 0;

CREATE TABLE content_usage (
    content_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    day {int} NOT NULL,
    hits {int} NOT NULL,
    PRIMARY KEY (content_id, day)
) {without_rowid};
CREATE INDEX content_usage_day ON content_usage (day);

CREATE TABLE view_usage (
    view_id {text} NOT NULL REFERENCES view (id) ON DELETE CASCADE,
    day {int} NOT NULL,
    hits {int} NOT NULL,
    PRIMARY KEY (view_id, day)
) {without_rowid};
CREATE INDEX view_usage_day ON view_usage (day);

-- Which workbooks use a published data source.
CREATE INDEX connection_source_url ON connection (datasource_content_url, content_id)
    WHERE datasource_content_url IS NOT NULL;
