-- Who owns events (organizers), who may ask for what (api_keys, subjects), and who has looked at whose personal data
-- (access_log). users and events get a column without being written anew; events are read once for their index.

CREATE TABLE organizers (
    id         BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT organizers_pkey PRIMARY KEY (id),
    CONSTRAINT organizers_id_check CHECK (length(id) = 16),
    CONSTRAINT organizers_version_check CHECK (version >= 1)
) STRICT, WITHOUT ROWID;
-- models.DefaultOrganizer, which owns the events that name no other one.
INSERT INTO organizers (id, name, created_at, updated_at)
    SELECT x'00000000000070008000000000000001', 'default', now, now FROM (SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS now);

-- Of a key's secret only the hash is here. An admin's key is of the whole installation, all others are of an organizer, and
-- perhaps of some of its events alone: event_ids holds their ids one after another, 16 bytes each.
CREATE TABLE api_keys (
    id           BLOB    NOT NULL,
    hash         BLOB    NOT NULL,
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    organizer_id BLOB,
    event_ids    BLOB,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER,
    created_at   INTEGER NOT NULL,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_hash_key UNIQUE (hash),
    CONSTRAINT api_keys_organizer_id_fkey FOREIGN KEY (organizer_id) REFERENCES organizers (id),
    CONSTRAINT api_keys_id_check CHECK (length(id) = 16),
    CONSTRAINT api_keys_hash_check CHECK (length(hash) = 32),
    CONSTRAINT api_keys_role_check CHECK (role IN ('admin', 'organizer', 'box_office', 'door')),
    CONSTRAINT api_keys_organizer_id_check CHECK ((role = 'admin') = (organizer_id IS NULL)),
    CONSTRAINT api_keys_event_ids_check CHECK (event_ids IS NULL
        OR role <> 'admin' AND length(event_ids) BETWEEN 16 AND 1600 AND length(event_ids) % 16 = 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_organizer_id_idx ON api_keys (organizer_id, id) WHERE organizer_id IS NOT NULL;

-- Whom an issuer of tokens means by a name. A user is one subject's at most.
CREATE TABLE subjects (
    issuer   TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    user_id  BLOB    NOT NULL,
    bound_at INTEGER NOT NULL,
    CONSTRAINT subjects_pkey PRIMARY KEY (issuer, subject),
    CONSTRAINT subjects_user_id_key UNIQUE (user_id),
    CONSTRAINT subjects_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT subjects_length_check CHECK (length(issuer) <= 512 AND length(subject) <= 255)
) STRICT, WITHOUT ROWID;

-- An erased user's id stays: it tells nobody who it was. Hence no reference.
CREATE TABLE access_log (
    id         BLOB    NOT NULL,
    actor      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    user_id    BLOB,
    at         INTEGER NOT NULL,
    ip         TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    CONSTRAINT access_log_pkey PRIMARY KEY (at, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_log_user_id_idx ON access_log (user_id, at, id) WHERE user_id IS NOT NULL;

-- Entries are added, and dropped when they are old; nobody changes one.
CREATE TRIGGER access_log_kept BEFORE UPDATE ON access_log BEGIN
    SELECT RAISE(ABORT, 'entries of the access log are never changed');
END;

-- It grows whenever something ends that programs remember of who may ask: a key that is revoked, a subject whose user is
-- erased.
ALTER TABLE installation ADD COLUMN identity_version INTEGER NOT NULL DEFAULT 1;

-- Who has made the row; NULL: an admin, or the user.
ALTER TABLE users ADD COLUMN organizer_id BLOB CONSTRAINT users_organizer_id_fkey REFERENCES organizers (id);
CREATE INDEX users_organizer_id_idx ON users (organizer_id, id) WHERE organizer_id IS NOT NULL;

ALTER TABLE events ADD COLUMN organizer_id BLOB NOT NULL DEFAULT x'00000000000070008000000000000001';
-- An organizer's events in the order of their lists; deleted ones, too, since an organizer that has had one stays.
CREATE INDEX events_organizer_id_idx ON events (organizer_id, date_time, id);

-- SQLite adds no column with a default that refers to another table: what the reference would do, triggers do.
CREATE TRIGGER events_organizer_id_fkey BEFORE INSERT ON events
WHEN NOT EXISTS (SELECT 1 FROM organizers WHERE id = new.organizer_id) BEGIN
    SELECT RAISE(ABORT, 'there is no such organizer');
END;
CREATE TRIGGER organizers_keep_events BEFORE DELETE ON organizers
WHEN EXISTS (SELECT 1 FROM events WHERE organizer_id = old.id) BEGIN
    SELECT RAISE(ABORT, 'the organizer has events');
END;
-- Programs remember whose an event is.
CREATE TRIGGER events_keep_organizer BEFORE UPDATE OF organizer_id ON events
WHEN new.organizer_id <> old.organizer_id BEGIN
    SELECT RAISE(ABORT, 'an event stays its organizer''s');
END;
