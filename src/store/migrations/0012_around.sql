-- What stands around content. A row is about one item, named in the column of its
-- kind; it goes with that item, with its user and with its site.

-- Labels are told apart by case, as they were written.
CREATE TABLE tag (
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    content_id {text} REFERENCES content (id) ON DELETE CASCADE,
    view_id {text} REFERENCES view (id) ON DELETE CASCADE,
    label {text} NOT NULL,
    UNIQUE (content_id, label),
    UNIQUE (view_id, label)
);
CREATE INDEX tag_label ON tag (site_id, label);

CREATE TABLE favorite (
    site_user_id {text} NOT NULL REFERENCES site_user (id) ON DELETE CASCADE,
    content_id {text} REFERENCES content (id) ON DELETE CASCADE,
    view_id {text} REFERENCES view (id) ON DELETE CASCADE,
    project_id {text} REFERENCES project (id) ON DELETE CASCADE,
    label {text} NOT NULL,
    position {int} NOT NULL,
    added_at {int} NOT NULL,
    UNIQUE (site_user_id, content_id),
    UNIQUE (site_user_id, view_id),
    UNIQUE (site_user_id, project_id),
    UNIQUE (site_user_id, label)
);
CREATE INDEX favorite_position ON favorite (site_user_id, position);
CREATE INDEX favorite_content ON favorite (content_id);
CREATE INDEX favorite_view ON favorite (view_id);
CREATE INDEX favorite_project ON favorite (project_id);

-- What a user looked at, and when last; the newest few of each user are kept.
CREATE TABLE recent (
    site_user_id {text} NOT NULL REFERENCES site_user (id) ON DELETE CASCADE,
    content_id {text} REFERENCES content (id) ON DELETE CASCADE,
    view_id {text} REFERENCES view (id) ON DELETE CASCADE,
    viewed_at {int} NOT NULL,
    UNIQUE (site_user_id, content_id),
    UNIQUE (site_user_id, view_id)
);
CREATE INDEX recent_newest ON recent (site_user_id, viewed_at);
CREATE INDEX recent_content ON recent (content_id);
CREATE INDEX recent_view ON recent (view_id);

-- What can be searched for: one entry for each item, and its words in an index that
-- each engine has in its own way (store/text_index.h).
CREATE TABLE search_entry (
    serial {int} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    content_id {text} UNIQUE REFERENCES content (id) ON DELETE CASCADE,
    view_id {text} UNIQUE REFERENCES view (id) ON DELETE CASCADE,
    project_id {text} UNIQUE REFERENCES project (id) ON DELETE CASCADE
);
CREATE INDEX search_entry_site ON search_entry (site_id);
{text_index}
