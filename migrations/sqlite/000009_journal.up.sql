-- What happens at an event is written down once, in order and without a gap: one row for each batch that changes something.
-- The payments' outbox, which named bookings, becomes a pointer to such a row. There is one writer, so that n is the order in
-- which all of them were committed; it is never given twice.
CREATE TABLE journal (
    n        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event_id BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    facts    BLOB    NOT NULL, -- package journal writes and reads them
    CONSTRAINT journal_key UNIQUE (event_id, seq),
    CONSTRAINT journal_event_fkey FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT journal_seq_check CHECK (seq >= 1),
    CONSTRAINT journal_facts_check CHECK (length(facts) > 4)
) STRICT;

-- One row: epoch names this database's row of numbers, and pruned is up to where entries were taken out of the feed of all
-- events.
CREATE TABLE journal_state (
    id     INTEGER NOT NULL DEFAULT 1,
    epoch  INTEGER NOT NULL,
    pruned INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT journal_state_pkey PRIMARY KEY (id),
    CONSTRAINT journal_state_one_row_check CHECK (id = 1)
) STRICT;
INSERT INTO journal_state (epoch) VALUES (random() & 2147483647);

-- Events from before begin with what they had by now: the format's number, the currency, the kind of fact, twelve numbers.
INSERT INTO journal (event_id, seq, at, facts)
SELECT e.id, 1, CAST(unixepoch('subsec') * 1000000 AS INTEGER),
    unhex(printf('01%s01%016x%016x%016x%016x%016x%016x%016x%016x%016x%016x%016x%016x', hex(e.currency), e.total_tickets,
        e.available, e.held, e.sold, e.held_amount, e.sold_amount, e.pending_count, e.confirmed_count, e.cancelled_count,
        (SELECT coalesce(sum(p.amount), 0) FROM payments p WHERE p.event_id = e.id AND p.status = 'succeeded'),
        (SELECT coalesce(sum(r.amount), 0) FROM refunds r WHERE r.event_id = e.id AND r.status <> 'failed'
            AND r.currency = e.currency),
        (SELECT coalesce(sum(r.amount), 0) FROM refunds r WHERE r.event_id = e.id AND r.status = 'pending'
            AND r.currency = e.currency)))
FROM events e ORDER BY e.id;

-- A row points to an entry, or names bookings that are published again.
CREATE TABLE outbox_new (
    id           BLOB    NOT NULL,
    event_id     BLOB    NOT NULL,
    seq          INTEGER NOT NULL,
    booking_ids  BLOB,
    created_at   INTEGER NOT NULL,
    leased_until INTEGER,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_seq_check CHECK ((seq > 0) = (booking_ids IS NULL)),
    CONSTRAINT outbox_booking_ids_check CHECK (length(booking_ids) > 0 AND length(booking_ids) % 16 = 0)
) STRICT;
INSERT INTO outbox_new (id, event_id, seq, booking_ids, created_at, leased_until)
    SELECT id, event_id, 0, booking_ids, created_at, leased_until FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_new RENAME TO outbox;
