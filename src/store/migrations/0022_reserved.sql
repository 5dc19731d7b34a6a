-- Holds the place of a migration that is still to come.
CREATE TABLE reserved_22 (one {int});
DROP TABLE reserved_22;
