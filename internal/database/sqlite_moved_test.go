package database

import (
	"errors"
	"testing"
)

// TestMoneyMovesWithItsSQLiteMigration is TestMoneyMovesWithItsMigration for the embedded store.
func TestMoneyMovesWithItsSQLiteMigration(t *testing.T) {
	t.Parallel()
	m, err := OpenSQLiteMigrator(t.Context(), openSQLite(t, t.TempDir()), silent())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	schema, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := m.db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	mustHold := func(rows string) {
		t.Helper()
		var n int
		if err := m.db.QueryRow("SELECT count(*) FROM " + rows).Scan(&n); err != nil || n == 0 {
			t.Errorf("there are no %s (%v)", rows, err)
		}
	}
	back := len(schema.Migrations) - 2
	if err := errors.Join(m.Up(t.Context()), m.Down(t.Context(), back)); err != nil {
		t.Fatal(err)
	}
	exec(`
		INSERT INTO users (id, name, email, email_key, created_at, updated_at)
			VALUES (randomblob(16), 'Ann', 'Ann@example.org', 'ann@example.org', 1, 1);
		INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, available, cancelled_count, created_at, updated_at)
			VALUES (randomblob(16), 'Concert', 1, 10, 5000, 'USD', 10, 2, 1, 1);
		INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method,
			payment_deadline, cancel_reason, cancelled_at, created_at, updated_at)
			SELECT randomblob(16), u.id, e.id, 1, 'CANCELLED', 5000, 5000, 'USD', 'sim_ok', 1, 'user', 1, 1, 1
			FROM users u, events e, (VALUES (1), (2));
		INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts, created_at, updated_at)
			SELECT event_id, id, 1, 'simulated', 5000, 'USD', 'succeeded', 1, 1, 1 FROM bookings;
		INSERT INTO refunds (event_id, booking_id, n, gateway, amount, currency, status, attempts, next_attempt_at, created_at, updated_at)
			SELECT event_id, id, 1, 'simulated', 5000, 'USD', 'pending', 1, 1, 1, 1 FROM bookings ORDER BY id LIMIT 1`)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustHold(`payments p JOIN refunds r USING (event_id, booking_id, n)
		WHERE p.refunded = 5000 AND r.part = 1 AND r.reason IS NULL AND (SELECT sum(refunded) FROM payments) = 5000`)
	mustHold(`event_search JOIN event_texts t ON t.n = event_search.rowid WHERE event_search MATCH '"onc" AND "cer"'`)
	exec(`
		UPDATE refunds SET amount = 2000;
		INSERT INTO refunds (event_id, booking_id, n, part, gateway, reason, amount, currency, status, attempts, created_at, updated_at)
			SELECT event_id, booking_id, n, v.column1, gateway, v.column2, v.column3, currency, v.column4, 0, 1, 1 FROM refunds,
			(VALUES (2, 'moved', 3000, 'succeeded'), (3, 'dispute', 0, 'succeeded'), (4, 'moved', 700, 'failed')) v;
		INSERT INTO dead_letters (id, kind, event_id, booking_id, n, amount, currency, attempts, failed_at)
			SELECT randomblob(16), v.column1, event_id, booking_id, 1, 3000, 'USD', 1, 1 FROM refunds,
			(VALUES ('moved'), ('dispute'), ('refund')) v WHERE part = 1;
		INSERT INTO strays (id, event_id, booking_id, n, gateway, reported, kept_at, failed_at)
			VALUES (randomblob(16), randomblob(16), randomblob(16), 1, 'simulated', 1, 1, 1);
		INSERT INTO republished (event_id, booking_id, at) SELECT event_id, id, 1 FROM bookings;
		UPDATE installation SET token = randomblob(16), turned_at = 1;
		UPDATE events SET time_zone = 'Europe/Vienna'`)
	if err := m.Down(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	mustHold(`refunds WHERE amount = 5000 AND status = 'pending' AND (SELECT count(*) FROM refunds) = 1
		AND (SELECT count(*) FROM dead_letters) = 1`)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustHold(`payments WHERE refunded = 5000`)
}
