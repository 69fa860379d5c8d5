-- Every process says now and then that it is there and what it does. room is written only while the database refuses
-- writes, to learn whether there is room again.
CREATE TABLE processes (
    id       BLOB    NOT NULL,
    name     TEXT    NOT NULL,
    sells    INTEGER NOT NULL,
    works    INTEGER NOT NULL,
    payments TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    seen_at  INTEGER NOT NULL,
    room     BLOB,
    CONSTRAINT processes_pkey PRIMARY KEY (id)
) STRICT;
