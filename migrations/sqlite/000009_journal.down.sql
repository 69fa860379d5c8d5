-- What waits to be published is known by its bookings again, each in a row of its own: all of these events' that nothing was
-- charged for yet. One that was published already is published twice, which does no harm.
CREATE TABLE outbox_old (
    id           BLOB    NOT NULL,
    event_id     BLOB    NOT NULL,
    booking_ids  BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    leased_until INTEGER,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_event_id_fkey FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT outbox_booking_ids_check CHECK (length(booking_ids) > 0 AND length(booking_ids) % 16 = 0)
) STRICT;
INSERT INTO outbox_old (id, event_id, booking_ids, created_at, leased_until)
    SELECT id, event_id, booking_ids, created_at, leased_until FROM outbox WHERE booking_ids IS NOT NULL;
INSERT INTO outbox_old (id, event_id, booking_ids, created_at)
    SELECT b.id, b.event_id, b.id, b.created_at FROM bookings b
    WHERE b.status = 'PENDING' AND b.event_id IN (SELECT event_id FROM outbox WHERE booking_ids IS NULL)
        AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.event_id = b.event_id AND p.booking_id = b.id);
DROP TABLE outbox;
ALTER TABLE outbox_old RENAME TO outbox;
DROP TABLE journal_state;
DROP TABLE journal;
