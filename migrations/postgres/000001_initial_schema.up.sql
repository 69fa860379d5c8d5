-- Money is NUMERIC(20,3): any currency's minor units, exactly. Every constraint has a name, because errors are told
-- apart by it. Nothing cascades: bookings, charges and refunds are never removed by removing something else.

CREATE TABLE users (
    id         UUID         NOT NULL,
    name       VARCHAR(255) NOT NULL,
    email      VARCHAR(255) NOT NULL,
    version    BIGINT       NOT NULL DEFAULT 1,
    deleted_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ  NOT NULL,
    updated_at TIMESTAMPTZ  NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_version_check CHECK (version >= 1)
);

-- An index and not UNIQUE (email): with the column in a key, changing an e-mail would wait for the user's bookings.
CREATE UNIQUE INDEX users_email_key ON users (lower(email)) WHERE deleted_at IS NULL;

-- The row that every booking of an event changes. Half of each page stays free and no index holds (or has in its
-- condition) a column that a booking changes, so that its updates stay on their page and touch no index (HOT). The
-- changing columns stand together, so that the log records them alone.
CREATE TABLE events (
    id              UUID          NOT NULL,
    name            VARCHAR(255)  NOT NULL,
    description     TEXT          NOT NULL DEFAULT '',
    date_time       TIMESTAMPTZ   NOT NULL,
    total_tickets   INTEGER       NOT NULL,
    ticket_price    NUMERIC(20,3) NOT NULL,
    currency        CHAR(3)       NOT NULL,
    available       INTEGER       NOT NULL,
    held            INTEGER       NOT NULL DEFAULT 0,
    sold            INTEGER       NOT NULL DEFAULT 0,
    pending_count   INTEGER       NOT NULL DEFAULT 0,
    confirmed_count INTEGER       NOT NULL DEFAULT 0,
    cancelled_count INTEGER       NOT NULL DEFAULT 0,
    held_amount     NUMERIC(20,3) NOT NULL DEFAULT 0,
    sold_amount     NUMERIC(20,3) NOT NULL DEFAULT 0,
    version         BIGINT        NOT NULL DEFAULT 1,
    sales_end       TIMESTAMPTZ,
    cancelled_at    TIMESTAMPTZ,
    deleted_at      TIMESTAMPTZ,
    created_at      TIMESTAMPTZ   NOT NULL,
    updated_at      TIMESTAMPTZ   NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (id),
    CONSTRAINT events_total_tickets_check CHECK (total_tickets >= 1),
    CONSTRAINT events_available_check CHECK (available >= 0 AND available <= total_tickets),
    CONSTRAINT events_taken_check CHECK (held >= 0 AND sold >= 0),
    -- bigint: three INTEGERs may overflow one.
    CONSTRAINT events_stock_check CHECK (available::bigint + held + sold = total_tickets),
    CONSTRAINT events_counts_check CHECK (pending_count >= 0 AND confirmed_count >= 0 AND cancelled_count >= 0),
    CONSTRAINT events_ticket_price_check CHECK (ticket_price >= 0),
    CONSTRAINT events_amounts_check CHECK (held_amount >= 0 AND sold_amount >= 0),
    CONSTRAINT events_version_check CHECK (version >= 1)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE INDEX events_date_time_idx ON events (date_time, id) WHERE deleted_at IS NULL;

-- Whether such an event still has live bookings is read from its counters, which no index may hold (see above).
CREATE INDEX events_cancelled_idx ON events (id) WHERE cancelled_at IS NOT NULL;

CREATE TABLE bookings (
    id               UUID          NOT NULL,
    user_id          UUID          NOT NULL,
    event_id         UUID          NOT NULL,
    quantity         INTEGER       NOT NULL,
    status           VARCHAR(9)    NOT NULL,
    unit_price       NUMERIC(20,3) NOT NULL,
    total_amount     NUMERIC(20,3) NOT NULL,
    currency         CHAR(3)       NOT NULL,
    payment_method   VARCHAR(255)  NOT NULL,
    payment_deadline TIMESTAMPTZ   NOT NULL,
    cancel_reason    VARCHAR(20),
    confirmed_at     TIMESTAMPTZ,
    cancelled_at     TIMESTAMPTZ,
    idempotency_key  VARCHAR(255),
    request_hash     BYTEA,
    created_at       TIMESTAMPTZ   NOT NULL,
    updated_at       TIMESTAMPTZ   NOT NULL,
    CONSTRAINT bookings_pkey PRIMARY KEY (id),
    CONSTRAINT bookings_event_id_id_key UNIQUE (event_id, id),
    CONSTRAINT bookings_event_id_fkey FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT bookings_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT bookings_quantity_check CHECK (quantity > 0),
    CONSTRAINT bookings_amounts_check CHECK (unit_price >= 0 AND total_amount = unit_price * quantity),
    CONSTRAINT bookings_status_check CHECK (
        (status = 'PENDING' AND cancel_reason IS NULL AND cancelled_at IS NULL AND confirmed_at IS NULL)
        OR (status = 'CONFIRMED' AND cancel_reason IS NULL AND cancelled_at IS NULL AND confirmed_at IS NOT NULL)
        OR (status = 'CANCELLED' AND cancelled_at IS NOT NULL AND cancel_reason IS NOT NULL
            AND cancel_reason IN ('user', 'expired', 'payment_declined', 'event_cancelled'))),
    CONSTRAINT bookings_key_check CHECK (idempotency_key IS NULL OR request_hash IS NOT NULL)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX bookings_user_id_idx ON bookings (user_id, id);
-- The index of the status as well: only PENDING bookings are ever looked for by it.
CREATE INDEX bookings_pending_idx ON bookings (payment_deadline, id) WHERE status = 'PENDING';
-- By user first: a key is looked up for any event.
CREATE UNIQUE INDEX bookings_idempotency_key ON bookings (user_id, idempotency_key, event_id)
    WHERE idempotency_key IS NOT NULL;

CREATE TABLE payments (
    event_id           UUID          NOT NULL,
    booking_id         UUID          NOT NULL,
    n                  INTEGER       NOT NULL,
    gateway            VARCHAR(64)   NOT NULL,
    amount             NUMERIC(20,3) NOT NULL,
    currency           CHAR(3)       NOT NULL,
    status             VARCHAR(16)   NOT NULL,
    attempts           INTEGER       NOT NULL,
    last_error         TEXT          NOT NULL DEFAULT '',
    provider_reference TEXT          NOT NULL DEFAULT '',
    next_attempt_at    TIMESTAMPTZ,
    created_at         TIMESTAMPTZ   NOT NULL,
    updated_at         TIMESTAMPTZ   NOT NULL,
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
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX payments_open_idx ON payments (next_attempt_at) WHERE status IN ('started', 'doubtful', 'pending', 'unknown');

CREATE TABLE refunds (
    event_id           UUID          NOT NULL,
    booking_id         UUID          NOT NULL,
    n                  INTEGER       NOT NULL,
    gateway            VARCHAR(64)   NOT NULL,
    charge_reference   TEXT          NOT NULL DEFAULT '',
    amount             NUMERIC(20,3) NOT NULL,
    currency           CHAR(3)       NOT NULL,
    status             VARCHAR(16)   NOT NULL,
    attempts           INTEGER       NOT NULL,
    last_error         TEXT          NOT NULL DEFAULT '',
    provider_reference TEXT          NOT NULL DEFAULT '',
    next_attempt_at    TIMESTAMPTZ,
    created_at         TIMESTAMPTZ   NOT NULL,
    updated_at         TIMESTAMPTZ   NOT NULL,
    CONSTRAINT refunds_pkey PRIMARY KEY (event_id, booking_id, n),
    CONSTRAINT refunds_payment_fkey FOREIGN KEY (event_id, booking_id, n) REFERENCES payments (event_id, booking_id, n),
    CONSTRAINT refunds_amount_check CHECK (amount > 0),
    CONSTRAINT refunds_attempts_check CHECK (attempts >= 0),
    CONSTRAINT refunds_status_check CHECK (status IN ('pending', 'succeeded')),
    CONSTRAINT refunds_open_check CHECK (next_attempt_at IS NOT NULL OR status <> 'pending')
) WITH (fillfactor = 80);

CREATE INDEX refunds_pending_idx ON refunds (next_attempt_at) WHERE status = 'pending';

CREATE TABLE dead_letters (
    id         UUID          NOT NULL,
    kind       VARCHAR(16)   NOT NULL,
    event_id   UUID,
    booking_id UUID,
    n          INTEGER,
    amount     NUMERIC(20,3) NOT NULL DEFAULT 0,
    currency   CHAR(3),
    attempts   INTEGER       NOT NULL,
    last_error TEXT          NOT NULL DEFAULT '',
    payload    TEXT          NOT NULL DEFAULT '',
    failed_at  TIMESTAMPTZ   NOT NULL,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (id),
    CONSTRAINT dead_letters_payment_fkey FOREIGN KEY (event_id, booking_id, n)
        REFERENCES payments (event_id, booking_id, n),
    CONSTRAINT dead_letters_kind_check CHECK (
        (kind = 'message' AND event_id IS NULL AND booking_id IS NULL AND n IS NULL)
        OR (kind IN ('charge', 'refund') AND event_id IS NOT NULL AND booking_id IS NOT NULL AND n IS NOT NULL
            AND currency IS NOT NULL)),
    CONSTRAINT dead_letters_amount_check CHECK (amount >= 0),
    CONSTRAINT dead_letters_attempts_check CHECK (attempts >= 0)
);

CREATE INDEX dead_letters_failed_at_idx ON dead_letters (failed_at, id);

-- One row for each batch that made bookings, until its messages are published. Rows live for milliseconds.
CREATE TABLE outbox (
    id           UUID        NOT NULL,
    event_id     UUID        NOT NULL,
    booking_ids  UUID[]      NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    leased_until TIMESTAMPTZ,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_event_id_fkey FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT outbox_booking_ids_check CHECK (cardinality(booking_ids) > 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- How far the queue had got when it was last written to: one row.
CREATE TABLE queue_state (
    id      SMALLINT NOT NULL DEFAULT 1,
    epoch   TEXT     NOT NULL,
    last_id TEXT     NOT NULL,
    CONSTRAINT queue_state_pkey PRIMARY KEY (id),
    CONSTRAINT queue_state_one_row_check CHECK (id = 1)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- What the simulated gateway remembers. It stands for another company's database: nothing refers to it.
CREATE TABLE sim_charges (
    reference   TEXT          NOT NULL,
    booking_id  UUID          NOT NULL,
    amount      NUMERIC(20,3) NOT NULL,
    currency    CHAR(3)       NOT NULL,
    method      VARCHAR(255)  NOT NULL,
    status      VARCHAR(16)   NOT NULL,
    calls       INTEGER       NOT NULL,
    charges     INTEGER       NOT NULL,
    settles_at  TIMESTAMPTZ,
    refund_key  TEXT          NOT NULL DEFAULT '',
    refunded_at TIMESTAMPTZ,
    created_at  TIMESTAMPTZ,
    updated_at  TIMESTAMPTZ,
    CONSTRAINT sim_charges_pkey PRIMARY KEY (reference)
) WITH (fillfactor = 70);

-- One row: the name of this database, for what several installations may share, such as a Redis.
CREATE TABLE installation (
    id UUID NOT NULL,
    CONSTRAINT installation_pkey PRIMARY KEY (id)
);
INSERT INTO installation (id) VALUES (gen_random_uuid());
