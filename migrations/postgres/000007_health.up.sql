-- Every process says now and then that it is there and what it does, so that the others see what is missing: no worker at
-- all, or one that takes payments from somebody else. room is written only while the database refuses writes, to learn
-- whether there is room again: what has to find a new place each time, as bookings do, and so is never cleaned up behind it.
CREATE TABLE processes (
    id       UUID         NOT NULL,
    name     VARCHAR(255) NOT NULL,
    sells    BOOLEAN      NOT NULL,
    works    BOOLEAN      NOT NULL,
    payments VARCHAR(255) NOT NULL,
    version  VARCHAR(255) NOT NULL,
    seen_at  TIMESTAMPTZ  NOT NULL,
    room     BYTEA,
    CONSTRAINT processes_pkey PRIMARY KEY (id)
) WITH (fillfactor = 50, toast.autovacuum_enabled = false);

-- Random bytes: to compress them would need less room.
ALTER TABLE processes ALTER COLUMN room SET STORAGE EXTERNAL;

-- What makes two addresses the same is the program's to say, not the locale's: lower() knows ASCII alone where that is C.
-- Rows that older programs write have none.
ALTER TABLE users ADD COLUMN email_key VARCHAR(255);
CREATE UNIQUE INDEX users_email_fold_key ON users (coalesce(email_key, lower(email))) WHERE deleted_at IS NULL;
