package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// Most batches of a busy event find it just as the batch before has left it. So a batch may be decided on what is
// remembered, before anything is asked, and be written in one round trip: locks, looks and changes, each statement of
// which says whether what it rests on is true, and COMMIT. If anything is not, the transaction is undone as a whole,
// and the batch goes the usual way, as if nothing had been.
//
// What is remembered is told by the number of the event's newest journal entry, since whatever changes an event writes
// one. A change by hand writes none: hence nothing is remembered for long.

const (
	// rememberedFor is how long ago an event was read at most.
	rememberedFor = time.Second
	// maxRemembered bounds the events that are remembered.
	maxRemembered = 10_000
	// nearAnEnd is how long before the end of a sale it is not left to a remembered clock to say whether it is over:
	// more than presumeStock lets that differ from the database's, on a machine that is slow.
	nearAnEnd = 10 * time.Second
)

// memory is what a store remembers. It is safe for concurrent use.
type memory struct {
	mu     sync.Mutex
	events map[models.EventID]*remembered
	clock  struct{ db, here time.Time } // the database's, when it was read last, and this process's
}

// remembered is an event as the last batch has left it.
type remembered struct {
	event models.Event
	now   time.Time // the store's, of that batch
	read  time.Time // when the event was read last
	alone bool      // what was read then was what had been remembered: nobody else sells it
}

// note remembers an event as a batch has left it. read is when it was read, zero: it was not.
func (m *memory) note(v *deskCall, read time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v.state.Event == nil {
		delete(m.events, v.event)
		return
	}
	known := m.events[v.event]
	if known == nil {
		if m.events == nil || len(m.events) >= maxRemembered {
			m.events = map[models.EventID]*remembered{}
		}
		known = &remembered{}
		m.events[v.event] = known
	}
	if !read.IsZero() {
		known.alone, known.read = known.event.Seq == v.seq, read
	}
	known.event, known.now = *v.state.Event, v.state.Now
}

func (m *memory) forget(calls ...*deskCall) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range calls {
		delete(m.events, v.event)
	}
}

// sawClock notes what the database's clock said just now.
func (m *memory) sawClock(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock.db, m.clock.here = now, time.Now()
}

// recall returns the state that a call will find, if that can be told; otherwise nil.
func (m *memory) recall(v *deskCall, clock func() time.Time) *sale.State {
	n := &v.need
	if len(n.Bookings) > 0 || len(n.Money) > 0 || len(n.Users)+len(n.Seen) == 0 {
		return nil
	}
	if n.Customers && len(n.Users) > 0 {
		return nil // what users hold is not remembered
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.events[v.event]
	if known == nil || !known.alone || time.Since(known.read) > rememberedFor {
		return nil
	}
	now := m.clock.db.Add(time.Since(m.clock.here))
	if clock != nil {
		now = clock()
	}
	if now = instant(now); now.Before(known.now) {
		now = known.now // which is this event's order
	}
	e := known.event
	if len(n.Users) > 0 && (e.Stock.Available == 0 || e.SalesClosed(now.Add(nearAnEnd)) != nil) {
		return nil
	}
	state := newState(n)
	state.Now, state.Event = now, &e
	for _, id := range n.Users {
		state.Users[id] = true
	}
	return state
}

const (
	// Nobody waits for a lock with a decision in hand: somebody else's means that it may be wrong.
	presumeEvent = `SELECT 1 / count(*) FROM (SELECT FROM events WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED) e`
	presumeUsers = `SELECT 1 / (count(*) FILTER (WHERE alive) = cardinality($1::uuid[]))::integer FROM unnest($1::uuid[]) AS k (id)
		CROSS JOIN LATERAL (SELECT deleted_at IS NULL AS alive FROM users WHERE id = k.id FOR KEY SHARE SKIP LOCKED) u`
	presumeNoKeys = `SELECT 1 / (count(*) = 0)::integer FROM unnest($1::uuid[], $2::text[]) AS k (user_id, key)
		CROSS JOIN LATERAL (SELECT FROM bookings WHERE user_id = k.user_id AND idempotency_key = k.key OFFSET 0) b`
)

// The number is looked at twice: the key of the journal would refuse a second entry of it. The clock is remembered,
// too: $3 is what it says, NULL where it is a test's.
const presumeStock = `
	WITH done AS (
		UPDATE event_stock SET available = $4, held = $5, sold = $6, held_amount = $7::bigint * $13::numeric,
			sold_amount = $8::bigint * $13::numeric, pending_count = $9, confirmed_count = $10, cancelled_count = $11, counted_seq = $14,
			journal_seq = $12
		WHERE event_id = $1 AND journal_seq = $2 AND coalesce(counted_seq = journal_seq, false) = $15
			AND coalesce(clock_timestamp() - $3::timestamptz BETWEEN interval '-5 seconds' AND interval '5 seconds', true)
		RETURNING 1
	) SELECT 1 / count(*) FROM done`

// presume tries to decide and write a transaction on what is remembered of its event. done: that is what became of
// it, or an error whose outcome is not known; otherwise nothing was changed. What several events share goes the usual
// way: one that was not as it is remembered would undo it for all.
func (s *Store) presume(ctx context.Context, conn *pgxpool.Conn, tx sharedTx) (done bool, err error) {
	if !tx.presumes || left(ctx) {
		return false, nil
	}
	state := s.memory.recall(tx.calls[0], s.options.Clock)
	if state == nil {
		return false, nil
	}
	v := new(*tx.calls[0]) // the usual way needs it as it is
	v.bookings = make(map[models.BookingID]seenBooking, len(v.need.Seen))
	v.state, v.held, v.seq, v.counts = state, true, state.Event.Seq, state.Event.CountsUsers
	if v.believe(); len(v.need.Bookings) > 0 {
		return false, nil
	}
	if done, err = s.decidePresumed(ctx, conn, v); !done || err != nil {
		s.memory.forget(v)
		return done, err
	}
	tx.calls[0].held = true
	s.memory.note(v, time.Time{})
	return true, nil
}

func (s *Store) decidePresumed(ctx context.Context, conn *pgxpool.Conn, v *deskCall) (done bool, err error) {
	v.decide(v.state)
	// what changes nothing is not looked at by any statement; an organiser's change rests on more than is looked at
	if w := v.state.Writes(); w.Event == nil || w.EventEdited || left(ctx) {
		return false, nil
	}
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	v.queuePresumptions(batch)
	w := writers(batch, sharedTx{calls: []*deskCall{v}})[0]
	clock := pgtype.Timestamptz{Time: w.now, Valid: s.options.Clock == nil}
	w.presumed = func(w *deskWriter) {
		e := v.state.Event
		n := &e.Stock
		w.batch.Queue(presumeStock, uuid(e.ID), v.seq, clock, n.Available, n.Held, n.Sold, n.HeldAmount, n.SoldAmount,
			n.Pending, n.Confirmed, n.Cancelled, e.Seq, factor(w.currency), countedSeq(e), v.counts)
	}
	if !w.queue() {
		return false, nil
	}
	err = s.commit(ctx, conn, batch, "write a batch that was decided on what is remembered")
	if _, answered := errors.AsType[*pgconn.PgError](err); answered && !errors.Is(err, repository.ErrCommitUnknown) {
		s.rollback(ctx, conn)
		return false, nil
	}
	return true, err
}

// left reports whether nobody waits any more: the usual way then says so.
func left(ctx context.Context) bool { return ctx.Err() != nil }

// queuePresumptions adds the locks, and the looks at what no lock shows.
func (v *deskCall) queuePresumptions(batch *pgx.Batch) {
	batch.Queue(presumeEvent, uuid(v.event))
	if len(v.need.Users) > 0 {
		batch.Queue(presumeUsers, uuids(ordered(v.need.Users)))
	}
	read := deskReader{sharedTx: sharedTx{calls: []*deskCall{v}}}
	if _, owners, keys := read.keys(); len(keys) > 0 {
		batch.Queue(presumeNoKeys, owners, keys)
	}
}
