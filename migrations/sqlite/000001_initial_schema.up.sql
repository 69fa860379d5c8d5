-- The same tables, columns and constraints as for PostgreSQL, in what serves SQLite best: ids are 16 bytes, times are
-- microseconds since 1970 (UTC), amounts are minor units of the row's currency. Every constraint has a name, because
-- errors are told apart by it. Tables whose rows are short and looked up by their key are stored in the key itself
-- (WITHOUT ROWID): one tree less to write for each row.

CREATE TABLE users (
    id         BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    email      TEXT    NOT NULL,
    email_key  TEXT    NOT NULL, -- the e-mail as it is compared; SQLite's lower() knows ASCII only
    version    INTEGER NOT NULL DEFAULT 1,
    deleted_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_id_check CHECK (length(id) = 16),
    CONSTRAINT users_version_check CHECK (version >= 1)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX users_email_key ON users (email_key) WHERE deleted_at IS NULL;

-- The row that every booking of an event changes. The long description comes last: SQLite leaves the pages of a row's
-- tail alone when nothing in them differs.
CREATE TABLE events (
    id              BLOB    NOT NULL,
    name            TEXT    NOT NULL,
    date_time       INTEGER NOT NULL,
    total_tickets   INTEGER NOT NULL,
    ticket_price    INTEGER NOT NULL,
    currency        TEXT    NOT NULL,
    available       INTEGER NOT NULL,
    held            INTEGER NOT NULL DEFAULT 0,
    sold            INTEGER NOT NULL DEFAULT 0,
    pending_count   INTEGER NOT NULL DEFAULT 0,
    confirmed_count INTEGER NOT NULL DEFAULT 0,
    cancelled_count INTEGER NOT NULL DEFAULT 0,
    held_amount     INTEGER NOT NULL DEFAULT 0,
    sold_amount     INTEGER NOT NULL DEFAULT 0,
    version         INTEGER NOT NULL DEFAULT 1,
    sales_end       INTEGER,
    cancelled_at    INTEGER,
    deleted_at      INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    description     TEXT    NOT NULL DEFAULT '',
    CONSTRAINT events_pkey PRIMARY KEY (id),
    CONSTRAINT events_id_check CHECK (length(id) = 16),
    CONSTRAINT events_total_tickets_check CHECK (total_tickets >= 1),
    CONSTRAINT events_available_check CHECK (available >= 0 AND available <= total_tickets),
    CONSTRAINT events_taken_check CHECK (held >= 0 AND sold >= 0),
    CONSTRAINT events_stock_check CHECK (available + held + sold = total_tickets),
    CONSTRAINT events_counts_check CHECK (pending_count >= 0 AND confirmed_count >= 0 AND cancelled_count >= 0),
    CONSTRAINT events_ticket_price_check CHECK (ticket_price >= 0),
    CONSTRAINT events_amounts_check CHECK (held_amount >= 0 AND sold_amount >= 0),
    CONSTRAINT events_currency_check CHECK (length(currency) = 3),
    CONSTRAINT events_version_check CHECK (version >= 1)
) STRICT;

CREATE INDEX events_date_time_idx ON events (date_time, id) WHERE deleted_at IS NULL;
-- Whether such an event still has live bookings is read from its counters, which no index may hold: each booking
-- would have to write the index too.
CREATE INDEX events_cancelled_idx ON events (id) WHERE cancelled_at IS NOT NULL;

CREATE TABLE bookings (
    id               BLOB    NOT NULL,
    user_id          BLOB    NOT NULL,
    event_id         BLOB    NOT NULL,
    quantity         INTEGER NOT NULL,
    status           TEXT    NOT NULL,
    unit_price       INTEGER NOT NULL,
    total_amount     INTEGER NOT NULL,
    currency         TEXT    NOT NULL,
    payment_method   TEXT    NOT NULL,
    payment_deadline INTEGER NOT NULL,
    cancel_reason    TEXT,
    confirmed_at     INTEGER,
    cancelled_at     INTEGER,
    idempotency_key  TEXT,
    request_hash     BLOB,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    CONSTRAINT bookings_pkey PRIMARY KEY (id),
    CONSTRAINT bookings_event_id_id_key UNIQUE (event_id, id),
    CONSTRAINT bookings_event_id_fkey FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT bookings_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT bookings_id_check CHECK (length(id) = 16),
    CONSTRAINT bookings_quantity_check CHECK (quantity > 0),
    -- A product beyond 63 bits becomes a fraction in SQLite and is equal to no amount.
    CONSTRAINT bookings_amounts_check CHECK (unit_price >= 0 AND total_amount = unit_price * quantity),
    CONSTRAINT bookings_status_check CHECK (
        (status = 'PENDING' AND cancel_reason IS NULL AND cancelled_at IS NULL AND confirmed_at IS NULL)
        OR (status = 'CONFIRMED' AND cancel_reason IS NULL AND cancelled_at IS NULL AND confirmed_at IS NOT NULL)
        OR (status = 'CANCELLED' AND cancelled_at IS NOT NULL AND cancel_reason IS NOT NULL
            AND cancel_reason IN ('user', 'expired', 'payment_declined', 'event_cancelled'))),
    CONSTRAINT bookings_key_check CHECK (idempotency_key IS NULL OR request_hash IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX bookings_user_id_idx ON bookings (user_id, id);
-- The index of the status as well: only PENDING bookings are ever looked for by it.
CREATE INDEX bookings_pending_idx ON bookings (payment_deadline, id) WHERE status = 'PENDING';
-- By user first: a key is looked up for any event.
CREATE UNIQUE INDEX bookings_idempotency_key ON bookings (user_id, idempotency_key, event_id)
    WHERE idempotency_key IS NOT NULL;

CREATE TABLE payments (
    event_id           BLOB    NOT NULL,
    booking_id         BLOB    NOT NULL,
    n                  INTEGER NOT NULL,
    gateway            TEXT    NOT NULL,
    amount             INTEGER NOT NULL,
    currency           TEXT    NOT NULL,
    status             TEXT    NOT NULL,
    attempts           INTEGER NOT NULL,
    last_error         TEXT    NOT NULL DEFAULT '',
    provider_reference TEXT    NOT NULL DEFAULT '',
    next_attempt_at    INTEGER,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    CONSTRAINT payments_pkey PRIMARY KEY (event_id, booking_id, n),
    CONSTRAINT payments_booking_fkey FOREIGN KEY (event_id, booking_id) REFERENCES bookings (event_id, id),
    CONSTRAINT payments_n_check CHECK (n >= 1),
    CONSTRAINT payments_amount_check CHECK (amount > 0),
    CONSTRAINT payments_attempts_check CHECK (attempts >= 0),
    CONSTRAINT payments_status_check CHECK (
        status IN ('started', 'doubtful', 'pending', 'unknown', 'succeeded', 'declined', 'failed', 'voided')),
    -- An open charge that nobody is ever to take up again would be money in between for good.
    CONSTRAINT payments_open_check CHECK (
        next_attempt_at IS NOT NULL OR status NOT IN ('started', 'doubtful', 'pending', 'unknown'))
) STRICT, WITHOUT ROWID;

CREATE INDEX payments_open_idx ON payments (next_attempt_at) WHERE status IN ('started', 'doubtful', 'pending', 'unknown');

CREATE TABLE refunds (
    event_id           BLOB    NOT NULL,
    booking_id         BLOB    NOT NULL,
    n                  INTEGER NOT NULL,
    gateway            TEXT    NOT NULL,
    charge_reference   TEXT    NOT NULL DEFAULT '',
    amount             INTEGER NOT NULL,
    currency           TEXT    NOT NULL,
    status             TEXT    NOT NULL,
    attempts           INTEGER NOT NULL,
    last_error         TEXT    NOT NULL DEFAULT '',
    provider_reference TEXT    NOT NULL DEFAULT '',
    next_attempt_at    INTEGER,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    CONSTRAINT refunds_pkey PRIMARY KEY (event_id, booking_id, n),
    CONSTRAINT refunds_payment_fkey FOREIGN KEY (event_id, booking_id, n) REFERENCES payments (event_id, booking_id, n),
    CONSTRAINT refunds_amount_check CHECK (amount > 0),
    CONSTRAINT refunds_attempts_check CHECK (attempts >= 0),
    CONSTRAINT refunds_status_check CHECK (status IN ('pending', 'succeeded')),
    CONSTRAINT refunds_open_check CHECK (next_attempt_at IS NOT NULL OR status <> 'pending')
) STRICT, WITHOUT ROWID;

CREATE INDEX refunds_pending_idx ON refunds (next_attempt_at) WHERE status = 'pending';

CREATE TABLE dead_letters (
    id         BLOB    NOT NULL,
    kind       TEXT    NOT NULL,
    event_id   BLOB,
    booking_id BLOB,
    n          INTEGER,
    amount     INTEGER NOT NULL DEFAULT 0,
    currency   TEXT,
    attempts   INTEGER NOT NULL,
    last_error TEXT    NOT NULL DEFAULT '',
    payload    TEXT    NOT NULL DEFAULT '',
    failed_at  INTEGER NOT NULL,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (id),
    CONSTRAINT dead_letters_payment_fkey FOREIGN KEY (event_id, booking_id, n)
        REFERENCES payments (event_id, booking_id, n),
    CONSTRAINT dead_letters_kind_check CHECK (
        (kind = 'message' AND event_id IS NULL AND booking_id IS NULL AND n IS NULL)
        OR (kind IN ('charge', 'refund') AND event_id IS NOT NULL AND booking_id IS NOT NULL AND n IS NOT NULL
            AND currency IS NOT NULL)),
    CONSTRAINT dead_letters_amount_check CHECK (amount >= 0),
    CONSTRAINT dead_letters_attempts_check CHECK (attempts >= 0)
) STRICT;

CREATE INDEX dead_letters_failed_at_idx ON dead_letters (failed_at, id);

-- One row for each batch that made bookings, until its messages are published. Rows live for milliseconds.
-- booking_ids holds the ids one after another, 16 bytes each.
CREATE TABLE outbox (
    id           BLOB    NOT NULL,
    event_id     BLOB    NOT NULL,
    booking_ids  BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    leased_until INTEGER,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_event_id_fkey FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT outbox_booking_ids_check CHECK (length(booking_ids) > 0 AND length(booking_ids) % 16 = 0)
) STRICT;

-- How far the queue had got when it was last written to: one row.
CREATE TABLE queue_state (
    id      INTEGER NOT NULL DEFAULT 1,
    epoch   TEXT    NOT NULL,
    last_id TEXT    NOT NULL,
    CONSTRAINT queue_state_pkey PRIMARY KEY (id),
    CONSTRAINT queue_state_one_row_check CHECK (id = 1)
) STRICT;

-- What the simulated gateway remembers. It stands for another company's database: nothing refers to it.
CREATE TABLE sim_charges (
    reference   TEXT    NOT NULL,
    booking_id  BLOB    NOT NULL,
    amount      INTEGER NOT NULL,
    currency    TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    calls       INTEGER NOT NULL,
    charges     INTEGER NOT NULL,
    settles_at  INTEGER,
    refund_key  TEXT    NOT NULL DEFAULT '',
    refunded_at INTEGER,
    created_at  INTEGER,
    updated_at  INTEGER,
    CONSTRAINT sim_charges_pkey PRIMARY KEY (reference)
) STRICT, WITHOUT ROWID;

-- One row: the name of this database, for what several installations may share, such as a Redis.
CREATE TABLE installation (
    id BLOB NOT NULL,
    CONSTRAINT installation_pkey PRIMARY KEY (id)
) STRICT;
INSERT INTO installation (id) VALUES (randomblob(16));
