-- The steps of a flow that write its output, as its file has them.

CREATE TABLE flow_step (
    id {text} NOT NULL PRIMARY KEY,
    content_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    position {int} NOT NULL,
    name {text} NOT NULL,
    UNIQUE (content_id, position)
);
