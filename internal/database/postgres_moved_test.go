package database_test

import (
	"errors"
	"testing"

	"quantix/internal/testkit"
)

// TestMoneyMovesWithItsMigration: rows of an older program get the sums of today's, and what moved in parts, with all
// that was remembered of it, becomes one refund when it goes back.
func TestMoneyMovesWithItsMigration(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	m := migrator(t, url)
	back := applied(t, m) - 2
	if err := errors.Join(m.Up(t.Context()), m.Down(t.Context(), back)); err != nil {
		t.Fatal(err)
	}
	exec(t, url, `
		INSERT INTO users (id, name, email, created_at, updated_at) VALUES (gen_random_uuid(), 'Ann', 'Ann@example.org', now(), now());
		INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, created_at, updated_at)
			VALUES (gen_random_uuid(), 'Concert', now(), 10, 50, 'USD', now(), now());
		INSERT INTO event_stock (event_id, total_tickets, available, held, sold, held_amount, sold_amount, pending_count, confirmed_count,
			cancelled_count) SELECT id, 10, 10, 0, 0, 0, 0, 0, 0, 2 FROM events;
		INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method,
			payment_deadline, cancel_reason, cancelled_at, created_at, updated_at)
			SELECT gen_random_uuid(), u.id, e.id, 1, 'CANCELLED', 50, 50, 'USD', 'sim_ok', now(), 'user', now(), now(), now()
			FROM users u, events e, generate_series(1, 2);
		INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts, created_at, updated_at)
			SELECT event_id, id, 1, 'simulated', 50, 'USD', 'succeeded', 1, now(), now() FROM bookings;
		INSERT INTO refunds (event_id, booking_id, n, gateway, amount, currency, status, attempts, next_attempt_at, created_at, updated_at)
			SELECT event_id, id, 1, 'simulated', 50, 'USD', 'pending', 1, now(), now(), now() FROM bookings ORDER BY id LIMIT 1`)
	const mustHold = `SELECT 1 / count(*) FROM `
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, url, mustHold+`payments p JOIN refunds r USING (event_id, booking_id, n)
		WHERE p.refunded = 50 AND r.part = 1 AND r.reason IS NULL AND (SELECT sum(refunded) FROM payments) = 50`)
	exec(t, url, mustHold+`users WHERE coalesce(email_key, lower(email)) = 'ann@example.org'`)
	exec(t, url, `
		UPDATE refunds SET amount = 20;
		INSERT INTO refunds (event_id, booking_id, n, part, gateway, reason, amount, currency, status, attempts, created_at, updated_at)
			SELECT event_id, booking_id, n, v.part, gateway, v.reason, v.amount, currency, v.status, 0, now(), now() FROM refunds,
			(VALUES (2, 'moved', 30, 'succeeded'), (3, 'dispute', 0, 'succeeded'), (4, 'moved', 7, 'failed')) v (part, reason, amount, status);
		INSERT INTO dead_letters (id, kind, event_id, booking_id, n, amount, currency, attempts, failed_at)
			SELECT gen_random_uuid(), kind, event_id, booking_id, 1, 30, 'USD', 1, now() FROM refunds,
			unnest(ARRAY['moved', 'dispute', 'refund']) kind WHERE part = 1;
		INSERT INTO strays (id, event_id, booking_id, n, gateway, reported, kept_at, failed_at)
			VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'simulated', true, now(), now());
		INSERT INTO republished (event_id, booking_id, at) SELECT event_id, id, now() FROM bookings;
		UPDATE installation SET token = gen_random_uuid(), turned_at = now();
		UPDATE events SET time_zone = 'Europe/Vienna'`)
	if err := m.Down(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	exec(t, url, mustHold+`refunds WHERE amount = 50 AND status = 'pending' AND (SELECT count(*) FROM refunds) = 1
		AND (SELECT count(*) FROM dead_letters) = 1`)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, url, mustHold+`payments WHERE refunded = 50`)
}
