package bench

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"

	"github.com/google/uuid"

	"quantix/internal/database"
)

// The same rows as those of fill.go, in a data directory.
const (
	embedEvents = `
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
INSERT INTO events (id, name, description, date_time, total_tickets, available, ticket_price, currency, created_at,
  updated_at)
SELECT unhex('40000000000070008000' || printf('%012x', n)), 'Event number ' || n,
  'An ordinary concert ' || hex(randomblob(16)) || iif(n <= 20, ' ` + needle + `', '') ||
    substr(replace(hex(zeroblob(?2 / 20 + 1)), '00', ' lorem ipsum dolor'), 1, max(?2 - 66, 0)),
  unixepoch() * 1000000 + (2592000 + n) * 1000000, 100, 100, 25000, 'USD', unixepoch() * 1000000, unixepoch() * 1000000
FROM n`

	embedSoldEvent = `
INSERT INTO events (id, name, date_time, total_tickets, available, sold, confirmed_count, ticket_price, currency,
  created_at, updated_at)
SELECT ?1, 'Filled', now + ?2 * 86400000000, ?3 + 1000, 1000, ?3, ?3, 0, 'USD', now, now
FROM (SELECT unixepoch() * 1000000 AS now)`

	embedOpenJournals = `
INSERT INTO journal (event_id, seq, at, facts)
SELECT id, 1, created_at, unhex(printf('01%s01%016x%016x%016x%016x%016x%016x%016x%016x%016x%016x%016x%016x', hex(currency),
  total_tickets, available, held, sold, 0, 0, pending_count, confirmed_count, cancelled_count, 0, 0, 0))
FROM events WHERE id NOT IN (SELECT event_id FROM journal)`

	embedFiller = `
INSERT INTO users (id, name, email, email_key, created_at, updated_at)
SELECT ?1, 'Filler', hex(?1) || '@example.test', lower(hex(?1)) || '@example.test', unixepoch() * 1000000, unixepoch() * 1000000`

	// The ids of the bookings begin with a byte, and are ordered, as the program's own are.
	embedBookings = `
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?3)
INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method,
  payment_deadline, confirmed_at, created_at, updated_at)
SELECT unhex(?4 || '000000000070008000' || printf('%012x', n)), ?2, ?1, 1, 'CONFIRMED', 0, 0, 'USD', 'sim_ok', now, now, now, now
FROM n, (SELECT unixepoch() * 1000000 AS now)`
)

// statement is one with its values.
type statement struct {
	sql    string
	values []any
}

func embedSearched(ctx context.Context, dir string, events int) (string, error) {
	return "", fillEmbedded(ctx, dir, statement{embedEvents, []any{events, describedBy}})
}

func embedDescribed(ctx context.Context, dir string, events int) (string, error) {
	return "", fillEmbedded(ctx, dir, statement{embedEvents, []any{events, 10_000}})
}

// embedEvent is fillEvent.
func embedEvent(ctx context.Context, dir string, bookings int) (string, error) {
	event, user := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()) // random numbers do not fail
	return event.String(), fillEmbedded(ctx, dir,
		statement{embedSoldEvent, []any{event[:], 30, bookings}}, statement{embedFiller, []any{user[:]}},
		statement{embedBookings, []any{event[:], user[:], bookings, "30"}})
}

// embedUser is fillUser.
func embedUser(ctx context.Context, dir string, bookings int) (string, error) {
	over, live, user := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	return user.String(), fillEmbedded(ctx, dir,
		statement{embedSoldEvent, []any{over[:], -60, bookings}}, statement{embedSoldEvent, []any{live[:], 60, 1}},
		statement{embedFiller, []any{user[:]}}, statement{embedBookings, []any{live[:], user[:], 1, "20"}},
		statement{embedBookings, []any{over[:], user[:], bookings, "30"}})
}

// fillEmbedded fills a new data directory.
func fillEmbedded(ctx context.Context, dir string, statements ...statement) (err error) {
	files, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	if err := database.MigrateSQLite(ctx, files, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	conn, err := files.Writer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	execer, is := conn.(driver.ExecerContext)
	if !is {
		return errors.New("the embedded database's connection executes nothing")
	}
	for _, s := range append(statements, statement{embedOpenJournals, nil}) {
		values := make([]driver.NamedValue, len(s.values))
		for i, value := range s.values {
			if n, is := value.(int); is {
				value = int64(n)
			}
			values[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
		}
		if _, err := execer.ExecContext(ctx, s.sql, values); err != nil {
			return err
		}
	}
	return nil
}
