-- The place's time zone, for those who show the event's date; NULL: not told.
ALTER TABLE events ADD COLUMN time_zone VARCHAR(64);

-- Money that a gateway has taken for bookings that are not here (see models.Stray): kept for an hour, then a dead letter.
-- Nothing is referred to, for just that is missing. A row stays when its letter is closed, so that the gateway's next
-- report of the same does not write another one.
CREATE TABLE strays (
    id                 UUID        NOT NULL,
    event_id           UUID        NOT NULL,
    booking_id         UUID        NOT NULL,
    n                  INTEGER     NOT NULL,
    gateway            VARCHAR(64) NOT NULL,
    provider_reference TEXT        NOT NULL DEFAULT '',
    reported           BOOLEAN     NOT NULL, -- the gateway has said that money was taken; else it is still to be asked
    amount             NUMERIC(20,3) NOT NULL DEFAULT 0,
    currency           CHAR(3),
    last_error         TEXT        NOT NULL DEFAULT '',
    kept_at            TIMESTAMPTZ NOT NULL,
    due_at             TIMESTAMPTZ, -- when it is looked for again; NULL: it has ended, in a letter or not
    failed_at          TIMESTAMPTZ, -- it is a letter since
    CONSTRAINT strays_pkey PRIMARY KEY (id),
    CONSTRAINT strays_n_check CHECK (n >= 1),
    CONSTRAINT strays_amount_check CHECK (amount >= 0 AND (amount = 0 OR currency IS NOT NULL)),
    CONSTRAINT strays_open_check CHECK (due_at IS NULL OR failed_at IS NULL)
);

CREATE INDEX strays_due_idx ON strays (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX strays_failed_at_idx ON strays (failed_at, id) WHERE failed_at IS NOT NULL;
