-- Every charge is a row of payments again, and every booking is held by foreign keys.
INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts, last_error, provider_reference,
        next_attempt_at, created_at, updated_at, refunded)
SELECT c.event_id, c.booking_id, c.n, c.gateway, c.amount, c.currency, c.status, c.attempts, c.last_error, c.provider_reference,
    c.next_attempt_at, c.created_at, c.updated_at, c.refunded
FROM charges c JOIN bookings b ON b.event_id = c.event_id AND b.id = c.booking_id AND b.charge IN ('started', 'succeeded');

DROP VIEW charges;
DROP TRIGGER bookings_refer ON bookings;
DROP TRIGGER bookings_keep ON bookings;
DROP TRIGGER bookings_hold_1 ON users;
DROP TRIGGER bookings_hold_2 ON users;
DROP TRIGGER bookings_hold_all ON users;
DROP TRIGGER bookings_hold_1 ON events;
DROP TRIGGER bookings_hold_2 ON events;
DROP TRIGGER bookings_hold_all ON events;
DROP FUNCTION bookings_refer();
DROP FUNCTION bookings_keep();
DROP FUNCTION bookings_hold();
DROP FUNCTION bookings_hold_all();
ALTER TABLE bookings
    DROP COLUMN charge, DROP COLUMN gateway, DROP COLUMN provider_reference, DROP COLUMN charged_at, DROP COLUMN prepared_at,
    DROP COLUMN next_attempt_at,
    ADD CONSTRAINT bookings_event_id_fkey FOREIGN KEY (event_id) REFERENCES events (id),
    ADD CONSTRAINT bookings_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    SET (fillfactor = 85);
