-- Lists of projects by what they are filtered and sorted by, and the rules that
-- meet one grantee read from the index alone.
CREATE INDEX project_name ON project (site_id, name, serial);
CREATE INDEX project_created ON project (site_id, created_at, serial);
CREATE INDEX project_updated ON project (site_id, updated_at, serial);
CREATE INDEX project_parent_serial ON project (parent_id, serial);
DROP INDEX project_parent;
DROP INDEX permission_rule_grantee;
CREATE INDEX permission_rule_grantee ON permission_rule (
    grantee_id, content_type, item_id, grantee_kind, site_id, allow_set, deny_set);
