-- The data sources of workbooks, as their current files have them: embedded ones, and
-- those that stand for published ones. A LUID stays with the name over new revisions.
-- The connections of each name it as their datasource_id, whose name and content URL
-- stay with them.
CREATE TABLE workbook_datasource (
    id {text} NOT NULL PRIMARY KEY,
    workbook_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    name {text} NOT NULL,  -- as people see it; not unique
    position {int} NOT NULL, -- among those of the file, without its parameters
    UNIQUE (workbook_id, name, position)
);
-- What earlier versions left without one (workbook_datasource_upgrade).
CREATE INDEX connection_upgrade ON connection (content_id)
    WHERE datasource_id IS NULL AND datasource_name IS NOT NULL;
