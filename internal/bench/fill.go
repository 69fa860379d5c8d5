package bench

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// All of a user's bookings but the first are over, and a deletion looks at the newest first: none is spared.
const (
	sqlFillPast = `
WITH e AS (
  INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, created_at, updated_at)
  SELECT id, 'Over', now() + at, $3::int + 1, 0, 'USD', now(), now()
  FROM (VALUES ($1::uuid, interval '-60 days'), ($2::uuid, interval '60 days')) v (id, at)
)
INSERT INTO event_stock (event_id, total_tickets, available, sold, confirmed_count, journal_seq)
SELECT id, $3::int + 1, $3::int + 1 - sold, sold, sold, 1 FROM (VALUES ($1::uuid, $3::int), ($2::uuid, 1)) v (id, sold)`

	sqlFillLive = `
INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method,
  payment_deadline, confirmed_at, created_at, updated_at)
VALUES ('20000000-0000-7000-8000-000000000000', $2, $1, 1, 'CONFIRMED', 0, 0, 'USD', 'sim_ok', now(), now(), now(), now())`

	// A needle in each of the first twenty events; the other words are in all.
	sqlFillEvents = `
WITH e AS (
  INSERT INTO events (id, name, description, date_time, total_tickets, ticket_price, currency, created_at, updated_at)
  SELECT ('40000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Event number ' || n,
    rpad('An ordinary concert ' || md5(n::text) || CASE WHEN n <= 20 THEN ' ` + needle + `' ELSE '' END || repeat(' lorem ipsum dolor', $2 / 10), $2),
    now() + interval '30 days' + n * interval '1 second', 100, 25, 'USD', now(), now()
  FROM generate_series(1, $1::bigint) AS n
  RETURNING id
)
INSERT INTO event_stock (event_id, total_tickets, available, journal_seq) SELECT id, 100, 100, 1 FROM e`

	// The journals begin with what their events have, as those do that are older than journals (migration 9). All is
	// free.
	sqlOpenJournals = `
INSERT INTO journal (event_id, seq, at, facts)
SELECT event_id, 1, now(), '\x01'::bytea || 'USD' || '\x01'::bytea || int8send(total_tickets) || int8send(available)
  || int8send(held) || int8send(sold) || int8send(0) || int8send(0) || int8send(pending_count) || int8send(confirmed_count)
  || int8send(cancelled_count) || int8send(0) || int8send(0) || int8send(0)
FROM event_stock s WHERE NOT EXISTS (SELECT FROM journal j WHERE j.event_id = s.event_id)`
)

// needle is a word that twenty of the events of fillEvents have, however many there are.
const needle = "kaleidoscope"

// The ids of the bookings that a fill makes are ordered, as the program's own are.
const (
	sqlFillEvent = `
WITH e AS (
  INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, created_at, updated_at)
  VALUES ($1::uuid, 'Filled', now() + interval '30 days', $2::int + 1000, 0, 'USD', now(), now())
)
INSERT INTO event_stock (event_id, total_tickets, available, sold, confirmed_count, journal_seq)
VALUES ($1::uuid, $2::int + 1000, 1000, $2::int, $2::int, 1)`

	sqlFillUser = `INSERT INTO users (id, name, email, created_at, updated_at) VALUES ($1::uuid, 'Filler', $1::uuid::text || '@example.test', now(), now())`

	sqlFillBookings = `
INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method,
  payment_deadline, confirmed_at, created_at, updated_at)
SELECT ('30000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $2, $1, 1, 'CONFIRMED', 0, 0, 'USD', 'sim_ok',
  now(), now(), now(), now()
FROM generate_series(1, $3::bigint) AS n`
)

// fillEvent makes an event with that many CONFIRMED bookings, free of charge so that no payment is missing, and returns
// its id. It is for one use in a scratch database.
func fillEvent(ctx context.Context, address string, bookings int) (event string, err error) {
	id, user := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()) // random numbers do not fail
	err = fillAll(ctx, address, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlFillEvent, [16]byte(id), bookings)
		if err == nil {
			_, err = tx.Exec(ctx, sqlFillUser, [16]byte(user))
		}
		if err == nil {
			_, err = tx.Exec(ctx, sqlFillBookings, [16]byte(id), [16]byte(user), bookings)
		}
		return err
	})
	return id.String(), err
}

// fillUser makes a user with that many bookings of an event that is over, and one more of an event that is not, and
// returns the user's id. It is for one use in a scratch database.
func fillUser(ctx context.Context, address string, bookings int) (string, error) {
	over, live, user := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	err := fillAll(ctx, address, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlFillPast, [16]byte(over), [16]byte(live), bookings)
		if err == nil {
			_, err = tx.Exec(ctx, sqlFillUser, [16]byte(user))
		}
		if err == nil {
			_, err = tx.Exec(ctx, sqlFillLive, [16]byte(live), [16]byte(user))
		}
		if err == nil {
			_, err = tx.Exec(ctx, sqlFillBookings, [16]byte(over), [16]byte(user), bookings)
		}
		return err
	})
	return user.String(), err
}

// fillEvents makes that many events with descriptions of that length, twenty of them with the needle.
func fillEvents(ctx context.Context, address string, events, length int) error {
	return fillAll(ctx, address, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlFillEvents, events, length)
		return err
	})
}

func fillSearched(ctx context.Context, address string, events int) (string, error) {
	return "", fillEvents(ctx, address, events, 120)
}

func fillDescribed(ctx context.Context, address string, events int) (string, error) {
	return "", fillEvents(ctx, address, events, 10_000)
}

// fill makes rows where it is told, and returns the id of what a hostile client is after.
type fill func(ctx context.Context, where string, rows int) (subject string, err error)

// need is what a hostile client needs in a scratch store.
type need struct {
	rows             int // at full strength
	postgres, sqlite fill
}

// needs are by the client's name; who is not there needs nothing.
var needs = map[string]need{
	"deletes": {400_000, fillUser, embedUser}, "puts": {1, fillUser, embedUser},
	"searches": {300_000, fillSearched, embedSearched}, "pages": {600, fillDescribed, embedDescribed},
	"audits": {100_000, fillEvent, embedEvent},
}

// fillAll fills in one transaction: the server's own audit must not see an event whose bookings are still on their way.
func fillAll(ctx context.Context, address string, fill func(pgx.Tx) error) error {
	db, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		err := fill(tx)
		if err == nil {
			_, err = tx.Exec(ctx, sqlOpenJournals)
		}
		return err
	})
	for _, statement := range []string{`VACUUM ANALYZE events, event_stock, users, bookings`, `CHECKPOINT`} {
		if err == nil {
			_, err = db.Exec(ctx, statement)
		}
	}
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return nil
}
