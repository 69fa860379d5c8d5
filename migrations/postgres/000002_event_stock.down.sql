ALTER TABLE outbox ALTER COLUMN booking_ids SET STORAGE EXTENDED;

ALTER TABLE events
    ADD COLUMN available       INTEGER,
    ADD COLUMN held            INTEGER       NOT NULL DEFAULT 0,
    ADD COLUMN sold            INTEGER       NOT NULL DEFAULT 0,
    ADD COLUMN pending_count   INTEGER       NOT NULL DEFAULT 0,
    ADD COLUMN confirmed_count INTEGER       NOT NULL DEFAULT 0,
    ADD COLUMN cancelled_count INTEGER       NOT NULL DEFAULT 0,
    ADD COLUMN held_amount     NUMERIC(20,3) NOT NULL DEFAULT 0,
    ADD COLUMN sold_amount     NUMERIC(20,3) NOT NULL DEFAULT 0;

UPDATE events e SET available = s.available, held = s.held, sold = s.sold, pending_count = s.pending_count,
        confirmed_count = s.confirmed_count, cancelled_count = s.cancelled_count, held_amount = s.held_amount,
        sold_amount = s.sold_amount
    FROM event_stock s WHERE s.event_id = e.id;

DROP TABLE event_stock;

ALTER TABLE events
    ALTER COLUMN available SET NOT NULL,
    DROP CONSTRAINT events_id_total_tickets_key,
    ADD CONSTRAINT events_available_check CHECK (available >= 0 AND available <= total_tickets),
    ADD CONSTRAINT events_taken_check CHECK (held >= 0 AND sold >= 0),
    ADD CONSTRAINT events_stock_check CHECK (available::bigint + held + sold = total_tickets),
    ADD CONSTRAINT events_counts_check CHECK (pending_count >= 0 AND confirmed_count >= 0 AND cancelled_count >= 0),
    ADD CONSTRAINT events_amounts_check CHECK (held_amount >= 0 AND sold_amount >= 0);
ALTER TABLE events SET (fillfactor = 50);
