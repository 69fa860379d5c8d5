-- The place's time zone, for those who show the event's date; NULL: not told.
ALTER TABLE events ADD COLUMN time_zone TEXT;

-- Money that a gateway has taken for bookings that are not here (see models.Stray): kept for an hour, then a dead letter.
-- Nothing is referred to, for just that is missing. A row stays when its letter is closed, so that the gateway's next
-- report of the same does not write another one.
CREATE TABLE strays (
    id                 BLOB    NOT NULL,
    event_id           BLOB    NOT NULL,
    booking_id         BLOB    NOT NULL,
    n                  INTEGER NOT NULL,
    gateway            TEXT    NOT NULL,
    provider_reference TEXT    NOT NULL DEFAULT '',
    reported           INTEGER NOT NULL, -- the gateway has said that money was taken; else it is still to be asked
    amount             INTEGER NOT NULL DEFAULT 0,
    currency           TEXT,
    last_error         TEXT    NOT NULL DEFAULT '',
    kept_at            INTEGER NOT NULL,
    due_at             INTEGER, -- when it is looked for again; NULL: it has ended, in a letter or not
    failed_at          INTEGER, -- it is a letter since
    CONSTRAINT strays_pkey PRIMARY KEY (id),
    CONSTRAINT strays_n_check CHECK (n >= 1),
    CONSTRAINT strays_amount_check CHECK (amount >= 0 AND (amount = 0 OR currency IS NOT NULL)),
    CONSTRAINT strays_open_check CHECK (due_at IS NULL OR failed_at IS NULL)
) STRICT;

CREATE INDEX strays_due_idx ON strays (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX strays_failed_at_idx ON strays (failed_at, id) WHERE failed_at IS NOT NULL;
