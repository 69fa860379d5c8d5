-- Who owns events (organizers), who may ask for what (api_keys, subjects), and who has looked at whose personal data
-- (access_log).
--
-- What is locked: the new tables are nobody's yet. users and events get a column without being written anew; then users are
-- read once for an index that is empty, and events once for their index and once for the reference, in which time neither can
-- be changed: four seconds for a million of each. Bookings are not touched. It can be applied while older programs run: events
-- that they make are the default organizer's.

CREATE TABLE organizers (
    id         UUID         NOT NULL,
    name       VARCHAR(255) NOT NULL,
    version    BIGINT       NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ  NOT NULL,
    updated_at TIMESTAMPTZ  NOT NULL,
    CONSTRAINT organizers_pkey PRIMARY KEY (id),
    CONSTRAINT organizers_version_check CHECK (version >= 1)
);
-- models.DefaultOrganizer, which owns the events that name no other one.
INSERT INTO organizers (id, name, created_at, updated_at) VALUES ('00000000-0000-7000-8000-000000000001', 'default', now(), now());

-- Of a key's secret only the hash is here. An admin's key is of the whole installation, all others are of an organizer, and
-- perhaps of some of its events alone.
CREATE TABLE api_keys (
    id           UUID         NOT NULL,
    hash         BYTEA        NOT NULL,
    name         VARCHAR(255) NOT NULL,
    role         VARCHAR(16)  NOT NULL,
    organizer_id UUID,
    event_ids    UUID[],
    expires_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    revoked_at   TIMESTAMPTZ,
    created_at   TIMESTAMPTZ  NOT NULL,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_hash_key UNIQUE (hash),
    CONSTRAINT api_keys_organizer_id_fkey FOREIGN KEY (organizer_id) REFERENCES organizers (id),
    CONSTRAINT api_keys_hash_check CHECK (length(hash) = 32),
    CONSTRAINT api_keys_role_check CHECK (role IN ('admin', 'organizer', 'box_office', 'door')),
    CONSTRAINT api_keys_organizer_id_check CHECK ((role = 'admin') = (organizer_id IS NULL)),
    CONSTRAINT api_keys_event_ids_check CHECK (event_ids IS NULL OR role <> 'admin' AND cardinality(event_ids) BETWEEN 1 AND 100)
);
CREATE INDEX api_keys_organizer_id_idx ON api_keys (organizer_id, id) WHERE organizer_id IS NOT NULL;

-- Whom an issuer of tokens means by a name. A user is one subject's at most.
CREATE TABLE subjects (
    issuer   VARCHAR(512) NOT NULL,
    subject  VARCHAR(255) NOT NULL,
    user_id  UUID         NOT NULL,
    bound_at TIMESTAMPTZ  NOT NULL,
    CONSTRAINT subjects_pkey PRIMARY KEY (issuer, subject),
    CONSTRAINT subjects_user_id_key UNIQUE (user_id),
    CONSTRAINT subjects_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
);

-- An erased user's id stays: it tells nobody who it was. Hence no reference.
CREATE TABLE access_log (
    id         UUID        NOT NULL,
    actor      TEXT        NOT NULL,
    action     VARCHAR(32) NOT NULL,
    user_id    UUID,
    at         TIMESTAMPTZ NOT NULL,
    ip         TEXT        NOT NULL,
    request_id TEXT        NOT NULL,
    CONSTRAINT access_log_pkey PRIMARY KEY (at, id)
);
CREATE INDEX access_log_user_id_idx ON access_log (user_id, at, id) WHERE user_id IS NOT NULL;

-- Entries are added, and dropped when they are old; nobody changes one.
CREATE FUNCTION access_log_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the access log are never changed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER access_log_kept BEFORE UPDATE ON access_log FOR EACH STATEMENT EXECUTE FUNCTION access_log_kept();

-- It grows whenever something ends that programs remember of who may ask: a key that is revoked, a subject whose user is
-- erased.
ALTER TABLE installation ADD COLUMN identity_version BIGINT NOT NULL DEFAULT 1;

-- Who has made the row; NULL: an admin, or the user.
ALTER TABLE users ADD COLUMN organizer_id UUID CONSTRAINT users_organizer_id_fkey REFERENCES organizers (id);
CREATE INDEX users_organizer_id_idx ON users (organizer_id, id) WHERE organizer_id IS NOT NULL;

ALTER TABLE events ADD COLUMN organizer_id UUID NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001'
    CONSTRAINT events_organizer_id_fkey REFERENCES organizers (id);
-- An organizer's events in the order of their lists; deleted ones, too, since an organizer that has had one stays.
CREATE INDEX events_organizer_id_idx ON events (organizer_id, date_time, id);

-- Programs remember whose an event is.
CREATE FUNCTION events_keep_organizer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an event stays its organizer''s' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER events_keep_organizer BEFORE UPDATE OF organizer_id ON events
    FOR EACH ROW WHEN (NEW.organizer_id <> OLD.organizer_id) EXECUTE FUNCTION events_keep_organizer();
