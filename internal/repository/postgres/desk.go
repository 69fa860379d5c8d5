package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// AtDesk decides a batch on one event in one transaction of two round trips. Locks are taken in one order everywhere:
// the event, users by id, charges and refunds by booking and number. Bookings need none of their own: only the holder
// of the event's row changes them.
func (s *Store) AtDesk(ctx context.Context, event models.EventID, batch models.BatchID, need models.Need, decide func(*models.EventState)) error {
	const what = "a batch at an event's desk"
	conn, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer conn.Release() // a connection still in its transaction, after a panic say, is closed by this
	state, err := s.readState(ctx, conn, event, need)
	if err != nil {
		s.rollback(ctx, conn)
		return wrap(what, err)
	}
	decide(state)
	if changes := state.Changes(); !changes.Empty() {
		err = s.writeChanges(ctx, conn, batch, state)
	}
	s.rollback(ctx, conn)
	return err
}

// Each its own statement, so that each sees what the former holder of the event's lock has committed. A list of keys is
// looked up by a LATERAL subquery that cannot be merged with the rest (OFFSET 0, or its lock), so that every plan is one
// look-up for each key. Left to itself the planner reads all bookings of the event, which it takes for few.
const (
	lockEvent = `SELECT ` + eventColumns + ` FROM events WHERE id = $1 FOR NO KEY UPDATE`
	lockUsers = `SELECT u.* FROM unnest($1::uuid[]) AS k (id)
		CROSS JOIN LATERAL (SELECT u.id, u.deleted_at IS NULL FROM users u WHERE u.id = k.id FOR KEY SHARE) u`
	// Of several bookings under one key, of different events, this event's comes last and is the one that counts.
	selectKeys = `SELECT ` + bookingColumns + ` FROM unnest($2::uuid[], $3::text[]) AS k (user_id, key)
		CROSS JOIN LATERAL (SELECT * FROM bookings WHERE user_id = k.user_id AND idempotency_key = k.key OFFSET 0) b
		ORDER BY b.event_id = $1, b.id`
	selectStates = `SELECT ` + bookingColumns + ` FROM unnest($2::uuid[]) AS k (id)
		CROSS JOIN LATERAL (SELECT * FROM bookings WHERE event_id = $1 AND id = k.id OFFSET 0) b`
	// Taking up a due charge locks its row but not the event's; hence the locks.
	lockCharges = `SELECT ` + chargeColumns + ` FROM unnest($2::uuid[]) AS k (id) CROSS JOIN LATERAL
		(SELECT * FROM payments WHERE event_id = $1 AND booking_id = k.id ORDER BY n FOR NO KEY UPDATE) p`
	lockRefunds = `SELECT ` + refundColumns + ` FROM unnest($2::uuid[]) AS k (id) CROSS JOIN LATERAL
		(SELECT * FROM refunds WHERE event_id = $1 AND booking_id = k.id ORDER BY n FOR NO KEY UPDATE) r`
)

// readState makes the first round trip: the locks, the clock, and what is needed.
func (s *Store) readState(ctx context.Context, conn *pgxpool.Conn, event models.EventID, need models.Need) (*models.EventState, error) {
	state := &models.EventState{
		Users: make(map[models.UserID]bool, len(need.Users)), Keys: map[models.ReplayKey]*models.Booking{},
		Bookings: make(map[models.BookingID]*models.Booking, len(need.Bookings)),
		Charges:  make(map[models.ChargeKey]*models.Charge, len(need.Money)), Refunds: map[models.ChargeKey]*models.Refund{},
	}
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue(lockEvent, uuid(event)).Query(func(rows pgx.Rows) error { return readEvent(rows, state) })
	if s.options.Clock == nil {
		batch.Queue(selectClock).QueryRow(func(row pgx.Row) error { return row.Scan(&state.Now) })
	}
	queueReads(batch, event, need, state)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	if s.options.Clock != nil {
		state.Now = s.options.Clock()
	}
	state.Now = instant(state.Now)
	return state, nil
}

// queueReads adds the statements that the commands of this batch need, and no other.
func queueReads(batch *pgx.Batch, event models.EventID, need models.Need, state *models.EventState) {
	if len(need.Users) > 0 {
		batch.Queue(lockUsers, uuids(ordered(need.Users))).Query(func(rows pgx.Rows) error { return readUsers(rows, state) })
	}
	if len(need.Keys) > 0 {
		users, keys := keyColumns(need.Keys)
		batch.Queue(selectKeys, uuid(event), users, keys).Query(func(rows pgx.Rows) error { return readKeys(rows, state) })
	}
	if len(need.Bookings) > 0 {
		ids := uuids(ordered(need.Bookings))
		batch.Queue(selectStates, uuid(event), ids).Query(func(rows pgx.Rows) error { return readBookings(rows, state) })
	}
	if len(need.Money) > 0 {
		ids := uuids(ordered(need.Money))
		batch.Queue(lockCharges, uuid(event), ids).Query(func(rows pgx.Rows) error { return readCharges(rows, state) })
		batch.Queue(lockRefunds, uuid(event), ids).Query(func(rows pgx.Rows) error { return readRefunds(rows, state) })
	}
}

func readEvent(rows pgx.Rows, state *models.EventState) error {
	for rows.Next() {
		state.Event = new(models.Event)
		if err := scanEvent(rows, state.Event); err != nil {
			return err
		}
	}
	return rows.Err()
}

func readUsers(rows pgx.Rows, state *models.EventState) error {
	var id models.UserID
	var exists bool
	for rows.Next() {
		if err := rows.Scan((*[16]byte)(&id), &exists); err != nil {
			return err
		}
		state.Users[id] = exists
	}
	return rows.Err()
}

func readKeys(rows pgx.Rows, state *models.EventState) error {
	return eachBooking(rows, func(b *models.Booking) { state.Keys[models.ReplayKey{User: b.UserID, Key: b.IdempotencyKey}] = b })
}

func readBookings(rows pgx.Rows, state *models.EventState) error {
	return eachBooking(rows, func(b *models.Booking) { state.Bookings[b.ID] = b })
}

// eachBooking scans all rows through one set of targets.
func eachBooking(rows pgx.Rows, keep func(*models.Booking)) error {
	var b models.Booking
	row := bookingRow{b: &b}
	targets := row.targets()
	for rows.Next() {
		b, row.hash = models.Booking{}, nil
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		if err := row.finish(); err != nil {
			return err
		}
		keep(new(b))
	}
	return rows.Err()
}

func readCharges(rows pgx.Rows, state *models.EventState) error {
	for rows.Next() {
		c := new(models.Charge)
		if err := scanCharge(rows, c); err != nil {
			return err
		}
		state.Charges[c.ChargeKey] = c
	}
	return rows.Err()
}

func readRefunds(rows pgx.Rows, state *models.EventState) error {
	for rows.Next() {
		r := new(models.Refund)
		if err := scanRefund(rows, r); err != nil {
			return err
		}
		state.Refunds[r.ChargeKey] = r
	}
	return rows.Err()
}

// ordered gives ids in the order in which their rows are to be locked, each once.
func ordered[K any](ids []models.ID[K]) []models.ID[K] {
	list := slices.Clone(ids)
	slices.SortFunc(list, models.ID[K].Compare)
	return slices.Compact(list)
}

// writeChanges makes the second round trip: every kind of change in one statement, then COMMIT.
func (s *Store) writeChanges(ctx context.Context, conn *pgxpool.Conn, id models.BatchID, state *models.EventState) error {
	const what = "write a batch of an event's desk"
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w: %w", what, repository.ErrUnavailable, err) // nobody waits any more; nothing is written yet
	}
	if state.Event == nil {
		return fmt.Errorf("%s: %w: there are changes but no event", what, repository.ErrRejected)
	}
	batch := &pgx.Batch{}
	w := deskWriter{batch: batch, state: state, changes: state.Changes()}
	w.queue(id)
	return s.commit(ctx, conn, batch, what)
}
