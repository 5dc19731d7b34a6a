-- Groups by name, and what they grant to those who sign in.

-- The highest minimum site role among the user's groups that grant theirs at
-- sign-in; NULL where none does. Kept by domain/group_license.c, so that a
-- sign-in reads it with the user.
ALTER TABLE site_user ADD COLUMN sign_in_role {text};

CREATE INDEX site_group_name ON site_group (site_id, name, serial);
CREATE INDEX group_set_name ON group_set (site_id, name, serial);
