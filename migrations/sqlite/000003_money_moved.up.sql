-- Money goes back in parts, and not only because it was asked for here: somebody gives it back at the gateway, or a bank
-- takes it. Each such movement is a refund of its own, and payments.refunded is what they add up to: the constraint is the
-- wall against giving back more than was taken.

ALTER TABLE payments ADD COLUMN refunded INTEGER NOT NULL DEFAULT 0
    CONSTRAINT payments_refunded_check CHECK (refunded >= 0 AND refunded <= amount);
UPDATE payments SET refunded = coalesce((SELECT r.amount FROM refunds r
    WHERE r.event_id = payments.event_id AND r.booking_id = payments.booking_id AND r.n = payments.n), 0);

-- SQLite cannot change a key or a constraint in place. Nothing refers to these two tables.
-- A bank may take what had been given back before: that is to be known, and nothing is left that it could add up to.
CREATE TABLE refunds_new (
    event_id           BLOB    NOT NULL,
    booking_id         BLOB    NOT NULL,
    n                  INTEGER NOT NULL,
    part               INTEGER NOT NULL DEFAULT 1,
    gateway            TEXT    NOT NULL,
    charge_reference   TEXT    NOT NULL DEFAULT '',
    reason             TEXT,
    amount             INTEGER NOT NULL,
    currency           TEXT    NOT NULL,
    status             TEXT    NOT NULL,
    attempts           INTEGER NOT NULL,
    last_error         TEXT    NOT NULL DEFAULT '',
    provider_reference TEXT    NOT NULL DEFAULT '',
    next_attempt_at    INTEGER,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    CONSTRAINT refunds_pkey PRIMARY KEY (event_id, booking_id, n, part),
    CONSTRAINT refunds_payment_fkey FOREIGN KEY (event_id, booking_id, n) REFERENCES payments (event_id, booking_id, n),
    CONSTRAINT refunds_amount_check CHECK (amount > 0 OR amount = 0 AND part > 1),
    CONSTRAINT refunds_attempts_check CHECK (attempts >= 0),
    CONSTRAINT refunds_status_check CHECK (status IN ('pending', 'succeeded', 'failed')),
    CONSTRAINT refunds_part_check CHECK (part >= 1),
    CONSTRAINT refunds_reason_check CHECK (reason IS NULL OR reason IN ('moved', 'dispute')),
    CONSTRAINT refunds_open_check CHECK (next_attempt_at IS NOT NULL OR status <> 'pending')
) STRICT, WITHOUT ROWID;
INSERT INTO refunds_new (event_id, booking_id, n, gateway, charge_reference, amount, currency, status, attempts, last_error, provider_reference,
    next_attempt_at, created_at, updated_at)
    SELECT event_id, booking_id, n, gateway, charge_reference, amount, currency, status, attempts, last_error, provider_reference,
    next_attempt_at, created_at, updated_at
    FROM refunds;
DROP TABLE refunds;
ALTER TABLE refunds_new RENAME TO refunds;
CREATE INDEX refunds_pending_idx ON refunds (next_attempt_at) WHERE status = 'pending';

CREATE TABLE dead_letters_new (
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
        OR (kind IN ('charge', 'refund', 'moved', 'dispute') AND event_id IS NOT NULL AND booking_id IS NOT NULL
            AND n IS NOT NULL AND currency IS NOT NULL)),
    CONSTRAINT dead_letters_amount_check CHECK (amount >= 0),
    CONSTRAINT dead_letters_attempts_check CHECK (attempts >= 0)
) STRICT;
INSERT INTO dead_letters_new (id, kind, event_id, booking_id, n, amount, currency, attempts, last_error, payload, failed_at)
    SELECT id, kind, event_id, booking_id, n, amount, currency, attempts, last_error, payload, failed_at
    FROM dead_letters;
DROP TABLE dead_letters;
ALTER TABLE dead_letters_new RENAME TO dead_letters;
CREATE INDEX dead_letters_failed_at_idx ON dead_letters (failed_at, id);

