package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
)

// Each its own statement, so that each sees what the former holders of the events' locks have committed. A list of keys
// is looked up by a LATERAL subquery that cannot be merged with the rest (OFFSET 0, or its lock), so that every plan is
// one look-up for each key. Left to itself the planner reads all bookings of an event, which it takes for few.
const (
	lockEvent = `SELECT ` + eventColumns + ` FROM events e WHERE e.id = $1 FOR NO KEY UPDATE`
	// A shared transaction skips events locked elsewhere: waiting for one would delay all others.
	lockFreeEvents = `SELECT ` + eventColumns + ` FROM unnest($1::uuid[]) AS k (id)
		CROSS JOIN LATERAL (SELECT * FROM events WHERE id = k.id FOR NO KEY UPDATE SKIP LOCKED) e`
	selectStock = `SELECT s.event_id, s.ctid, ` + stockColumns + ` FROM unnest($1::uuid[]) AS k (id)
		CROSS JOIN LATERAL (SELECT ctid, * FROM event_stock WHERE event_id = k.id OFFSET 0) s`
	// A shared transaction gets its number with the first event that it locks. By then another one may be about to sell
	// a further event, under a higher number: that event is left out, or the feed would have the other's entry after
	// ours.
	selectFreeStock = `SELECT s.event_id, s.ctid, ` + stockColumns + `,
			coalesce((SELECT j.tx < pg_current_xact_id() FROM journal j WHERE j.event_id = s.event_id AND j.seq = s.journal_seq), true)
		FROM unnest($1::uuid[]) AS k (id)
		CROSS JOIN LATERAL (SELECT ctid, * FROM event_stock WHERE event_id = k.id OFFSET 0) s`
	lockUsers = `SELECT u.* FROM unnest($1::uuid[]) AS k (id)
		CROSS JOIN LATERAL (SELECT u.id, u.deleted_at IS NULL FROM users u WHERE u.id = k.id FOR KEY SHARE) u`
	// Nor does it wait for a user: one who is being erased, or is locked by hand, delays only the calls that need that
	// user. A user whose row is locked elsewhere is returned without an answer.
	lockFreeUsers = `SELECT k.id, u.alive FROM unnest($1::uuid[]) AS k (id)
		CROSS JOIN LATERAL (SELECT FROM users WHERE id = k.id OFFSET 0) seen
		LEFT JOIN LATERAL (SELECT deleted_at IS NULL AS alive FROM users WHERE id = k.id FOR KEY SHARE SKIP LOCKED) u ON true`
	// Of several bookings under one key, of different events, the asked event's comes last and is the one that counts.
	selectKeys = `SELECT ` + bookingColumns + `, k.event_id FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS k (event_id, user_id, key)
		CROSS JOIN LATERAL (SELECT * FROM bookings WHERE user_id = k.user_id AND idempotency_key = k.key OFFSET 0) b
		ORDER BY b.event_id = k.event_id, b.id`
	selectStates = `SELECT ` + bookingColumns + `, ` + inRowColumns + `, b.ctid FROM unnest($1::uuid[], $2::uuid[]) AS k (event_id, id)
		CROSS JOIN LATERAL (SELECT ctid, * FROM bookings WHERE event_id = k.event_id AND id = k.id OFFSET 0) b`
	// Taking up a due charge locks its row but not the event's; hence the locks.
	lockCharges = `SELECT ` + chargeColumns + `, p.ctid FROM unnest($1::uuid[], $2::uuid[]) AS k (event_id, id) CROSS JOIN LATERAL
		(SELECT ctid, * FROM payments WHERE event_id = k.event_id AND booking_id = k.id ORDER BY n FOR NO KEY UPDATE) p`
	lockRefunds = `SELECT ` + refundColumns + `, r.ctid FROM unnest($1::uuid[], $2::uuid[]) AS k (event_id, id) CROSS JOIN LATERAL
		(SELECT ctid, * FROM refunds WHERE event_id = k.event_id AND booking_id = k.id ORDER BY n, part FOR NO KEY UPDATE) r`
	// The same for a shared transaction: whoever has locked an event may have locked its charges, too. Locking again
	// what this transaction has locked costs next to nothing, and tells it from what is locked elsewhere.
	freeRefs = `unnest($1::uuid[], $2::uuid[]) AS k (event_id, id)
		CROSS JOIN LATERAL (SELECT id FROM events WHERE id = k.event_id FOR NO KEY UPDATE SKIP LOCKED) e`
	lockFreeCharges = `SELECT ` + chargeColumns + `, p.ctid FROM ` + freeRefs + ` CROSS JOIN LATERAL
		(SELECT ctid, * FROM payments WHERE event_id = e.id AND booking_id = k.id ORDER BY n FOR NO KEY UPDATE SKIP LOCKED) p`
	lockFreeRefunds = `SELECT ` + refundColumns + `, r.ctid FROM ` + freeRefs + ` CROSS JOIN LATERAL
		(SELECT ctid, * FROM refunds WHERE event_id = e.id AND booking_id = k.id ORDER BY n, part FOR NO KEY UPDATE SKIP LOCKED) r`
	// How many there are shows which are locked elsewhere.
	countMoney = `SELECT k.event_id, (SELECT count(*) FROM payments WHERE event_id = k.event_id AND booking_id = k.id)
		+ (SELECT count(*) FROM refunds WHERE event_id = k.event_id AND booking_id = k.id) FROM unnest($1::uuid[], $2::uuid[]) AS k (event_id, id)`
)

// readStates makes the first round trip: the locks, the clock, and what is needed; and a further one for charges that
// do not stand in their bookings' rows.
func (s *Store) readStates(ctx context.Context, conn *pgxpool.Conn, tx sharedTx) error {
	batch := &pgx.Batch{}
	read := deskReader{
		sharedTx: tx, users: map[models.UserID]bool{}, locked: map[models.UserID]bool{}, money: map[models.EventID]int64{},
	}
	batch.Queue("BEGIN")
	read.queueEvents(batch)
	if s.options.Clock == nil {
		batch.Queue(selectClock).QueryRow(func(row pgx.Row) error { return row.Scan(&read.now) })
	}
	read.queueNeeds(batch)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if batch := read.moneyApart(); batch.Len() > 0 {
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
	}
	if s.options.Clock != nil {
		read.now = s.options.Clock()
	}
	s.memory.sawClock(read.now)
	for _, v := range tx.calls {
		v.state.Now, v.state.Users = instant(read.now), read.users
		v.held = tx.waits || v.held && !read.misses(v)
	}
	return nil
}

// deskReader reads what the calls of a transaction need into their states.
type deskReader struct {
	sharedTx
	now   time.Time
	users map[models.UserID]bool

	// Of a transaction that does not wait: what is locked elsewhere.
	locked map[models.UserID]bool
	money  map[models.EventID]int64 // how many charges and refunds there are of what is needed
}

// misses reports whether something that a call needs was locked elsewhere, and so was not read.
func (r *deskReader) misses(v *deskCall) bool {
	if r.money[v.event] > int64(len(v.charges)+len(v.refunds)) {
		return true
	}
	return slices.ContainsFunc(v.need.Users, func(id models.UserID) bool { return r.locked[id] })
}

func (r *deskReader) queueEvents(batch *pgx.Batch) {
	events := make(column[pgtype.UUID], len(r.calls))
	for i, v := range r.calls {
		events[i] = uuid(v.event)
	}
	if r.waits {
		batch.Queue(lockEvent, events[0]).Query(r.readEvents)
		batch.Queue(selectStock, events).Query(r.readStock)
	} else {
		batch.Queue(lockFreeEvents, events).Query(r.readEvents)
		batch.Queue(selectFreeStock, events).Query(r.readStock)
	}
}

// queueNeeds adds the statements that these commands need, and no other.
func (r *deskReader) queueNeeds(batch *pgx.Batch) {
	var users []models.UserID
	for _, v := range r.calls {
		users = append(users, v.need.Users...)
	}
	if len(users) > 0 {
		if r.waits {
			batch.Queue(lockUsers, uuids(ordered(users))).Query(r.readUsers)
		} else {
			batch.Queue(lockFreeUsers, uuids(ordered(users))).Query(r.readUsers)
		}
	}
	r.queueCustomers(batch)
	if events, users, keys := r.keys(); len(keys) > 0 {
		batch.Queue(selectKeys, events, users, keys).Query(r.readKeys)
	}
	if events, ids := r.refs(func(v *deskCall) []models.BookingID { return v.need.Bookings }); len(ids) > 0 {
		batch.Queue(selectStates, events, ids).Query(r.readBookings)
	}
}

// moneyApart gives the state the charges that were read with their bookings, and returns the statements that read the
// others, which may have refunds: none, as long as all goes well.
func (r *deskReader) moneyApart() *pgx.Batch {
	batch := &pgx.Batch{}
	events, ids := r.refs(func(v *deskCall) (elsewhere []models.BookingID) {
		for _, id := range v.need.Money {
			switch seen := v.bookings[id]; {
			case seen.inRow != nil:
				v.state.Charges[seen.inRow.ChargeKey] = seen.inRow
			case seen.charge == apart && (r.waits || v.held):
				elsewhere = append(elsewhere, id)
			}
		}
		return elsewhere
	})
	if len(ids) == 0 {
		return batch
	}
	charges, refunds := lockFreeCharges, lockFreeRefunds
	if r.waits {
		charges, refunds = lockCharges, lockRefunds
	}
	batch.Queue(charges, events, ids).Query(r.readCharges)
	batch.Queue(refunds, events, ids).Query(r.readRefunds)
	if !r.waits {
		batch.Queue(countMoney, events, ids).Query(r.countMoney)
	}
	return batch
}

// refs returns bookings of the calls in the order in which what hangs on them is to be locked, each once.
func (r *deskReader) refs(pick func(*deskCall) []models.BookingID) (events, bookings column[pgtype.UUID]) {
	for _, v := range r.calls { // they are in order themselves
		for _, id := range ordered(pick(v)) {
			events, bookings = append(events, uuid(v.event)), append(bookings, uuid(id))
		}
	}
	return events, bookings
}

func (r *deskReader) keys() (events, users column[pgtype.UUID], keys []string) {
	for _, v := range r.calls {
		for _, k := range distinct(v.need.Keys) {
			events, users, keys = append(events, uuid(v.event)), append(users, uuid(k.User)), append(keys, k.Key)
		}
	}
	return events, users, keys
}

func (r *deskReader) readEvents(rows pgx.Rows) error {
	for rows.Next() {
		row := eventRow{e: new(models.Event)}
		if err := rows.Scan(row.targets()...); err != nil {
			return err
		}
		if err := row.finish(); err != nil {
			return err
		}
		v := r.of(row.e.ID)
		v.held, v.state.Event = true, row.e
	}
	return rows.Err()
}

// readStock leaves out those whose event is locked elsewhere: they may be changing.
func (r *deskReader) readStock(rows pgx.Rows) error {
	for rows.Next() {
		var event models.EventID
		var place pgtype.TID
		var stock models.Stock
		var seq int64
		var counts bool
		row := stockRow{s: &stock, seq: &seq, counts: &counts}
		targets, inOrder := append([]any{(*[16]byte)(&event), &place}, row.targets()...), true
		if !r.waits {
			targets = append(targets, &inOrder)
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		v := r.of(event)
		v.held = v.held && inOrder
		if v.state.Event == nil {
			continue
		}
		if err := row.finish(v.state.Event.TicketPrice.Currency); err != nil {
			return err
		}
		v.state.Event.Stock, v.state.Event.Seq, v.state.Event.CountsUsers = stock, seq, counts
		v.seq, v.stock = seq, place
	}
	return rows.Err()
}

func (r *deskReader) readUsers(rows pgx.Rows) error {
	var id models.UserID
	var exists pgtype.Bool
	for rows.Next() {
		if err := rows.Scan((*[16]byte)(&id), &exists); err != nil {
			return err
		}
		r.users[id], r.locked[id] = exists.Bool, !exists.Valid
	}
	return rows.Err()
}

func (r *deskReader) countMoney(rows pgx.Rows) error {
	var event models.EventID
	var n int64
	for rows.Next() {
		if err := rows.Scan((*[16]byte)(&event), &n); err != nil {
			return err
		}
		r.money[event] += n
	}
	return rows.Err()
}

func (r *deskReader) readKeys(rows pgx.Rows) error {
	var asked models.EventID
	return eachBooking(rows, func(b *models.Booking) {
		r.of(asked).state.Keys[models.ReplayKey{User: b.UserID, Key: b.IdempotencyKey}] = b
	}, (*[16]byte)(&asked))
}

func (r *deskReader) readBookings(rows pgx.Rows) error {
	var place pgtype.TID
	var row inRow
	return eachBooking(rows, func(b *models.Booking) {
		v := r.of(b.EventID)
		v.state.Bookings[b.ID] = b
		v.bookings[b.ID] = seenBooking{place: place, status: b.Status, charge: row.charge, inRow: row.chargeOf(b)}
	}, append(row.targets(), &place)...)
}

// eachBooking scans all rows through one set of targets: a booking's, and behind them what more the statement gives.
func eachBooking(rows pgx.Rows, keep func(*models.Booking), more ...any) error {
	var b models.Booking
	row := bookingRow{b: &b}
	targets := append(row.targets(), more...)
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

func (r *deskReader) readCharges(rows pgx.Rows) error {
	for rows.Next() {
		var place pgtype.TID
		c := new(models.Charge)
		if err := scanCharge(rows, c, &place); err != nil {
			return err
		}
		v := r.of(c.Event)
		v.state.Charges[c.ChargeKey], v.charges[c.ChargeKey] = c, place
	}
	return rows.Err()
}

func (r *deskReader) readRefunds(rows pgx.Rows) error {
	for rows.Next() {
		var place pgtype.TID
		f := new(models.Refund)
		if err := scanRefund(rows, f, &place); err != nil {
			return err
		}
		v := r.of(f.Event)
		v.state.Refunds[f.Key()], v.refunds[f.Key()] = f, place
	}
	return rows.Err()
}
