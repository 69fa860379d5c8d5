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
-- Rows that older programs write have none: what they change an address to is compared as they did, by lower().
ALTER TABLE users ADD COLUMN email_key VARCHAR(255);
CREATE UNIQUE INDEX users_email_fold_key ON users (coalesce(email_key, lower(email))) WHERE deleted_at IS NULL;

-- An older program changes the address alone, which is told by the columns that it names. So the key goes with the address,
-- unless the change says what it is to be. Triggers run in the order of their names.
CREATE FUNCTION users_email_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.email_key := CASE TG_ARGV[0] WHEN 'keep' THEN OLD.email_key END;
    RETURN NEW;
END
$$;
CREATE TRIGGER users_email_1_changed BEFORE UPDATE OF email ON users
    FOR EACH ROW WHEN (NEW.email <> OLD.email AND NEW.email_key = OLD.email_key) EXECUTE FUNCTION users_email_key('forget');
CREATE TRIGGER users_email_2_said BEFORE UPDATE OF email_key ON users
    FOR EACH ROW WHEN (NEW.email_key IS NULL) EXECUTE FUNCTION users_email_key('keep');
