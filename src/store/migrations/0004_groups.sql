-- Groups by name, and what they grant to those who sign in.

-- The highest minimum site role among the user's groups that grant theirs at
-- sign-in; NULL where none does. Kept by domain/group_license.c, so that a
-- sign-in reads it with the user.
ALTER TABLE site_user ADD COLUMN sign_in_role {text};
-- Groups that hold the user, All Users aside: the total of a user's list.
ALTER TABLE site_user ADD COLUMN group_count {int} NOT NULL DEFAULT 0;

CREATE INDEX site_group_name ON site_group (site_id, name, serial);
CREATE INDEX group_set_name ON group_set (site_id, name, serial);
