package postgres

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// A deskCall is one call of AtDesk: what a desk asks about its event, and what it decides.
type deskCall struct {
	event  models.EventID
	batch  models.BatchID
	need   sale.Reads
	decide func(*sale.State)

	held   bool // the event's row is locked, and the state was read
	state  *sale.State
	seq    int64 // of the event's newest entry, as it was read or remembered
	counts bool  // the event counts users, as it was remembered
	// Where the rows to change were seen. Only the holder of the event's row changes its stock, and what becomes of
	// bookings; charges and refunds are locked as they are read. But a charge may be started, or taken up, in a
	// booking's row meanwhile: hence what else was seen there.
	stock    pgtype.TID
	bookings map[models.BookingID]seenBooking
	charges  map[models.ChargeKey]pgtype.TID
	refunds  map[models.RefundKey]pgtype.TID
}

// A seenBooking is a booking's row as it was read.
type seenBooking struct {
	place  pgtype.TID // not valid: it was not read, but believed (see believe)
	status models.Status
	charge zeronull.Text  // the column; see inRow
	inRow  *models.Charge // the first charge, if it stands in the row; the state's own where money is read
}

func newDeskCall(event models.EventID, batch models.BatchID, need sale.Reads, decide func(*sale.State)) *deskCall {
	v := &deskCall{
		event: event, batch: batch, need: need, decide: decide, state: newState(&need),
		bookings: make(map[models.BookingID]seenBooking, len(need.Bookings)+len(need.Seen)),
		charges:  make(map[models.ChargeKey]pgtype.TID, len(need.Money)), refunds: map[models.RefundKey]pgtype.TID{},
	}
	return v
}

func newState(need *sale.Reads) *sale.State {
	state := &sale.State{
		Users: make(map[models.UserID]bool, len(need.Users)), Keys: map[models.ReplayKey]*models.Booking{},
		Bookings: make(map[models.BookingID]*models.Booking, len(need.Bookings)+len(need.Seen)),
		Charges:  make(map[models.ChargeKey]*models.Charge, len(need.Money)+len(need.Seen)),
		Refunds:  map[models.RefundKey]*models.Refund{},
	}
	if need.Customers {
		state.Customers = make(map[models.UserID]*sale.Customer, len(need.Users))
	}
	return state
}

// size is how much a call reads, as a measure of how much it does.
func (v *deskCall) size() int {
	return len(v.need.Users) + len(v.need.Keys) + len(v.need.Bookings) + len(v.need.Money) + 2*len(v.need.Seen)
}

// believe takes what was seen of bookings for what they are, but for those that are read all the same. Each is the
// state's own to change, and may only come to what confirmPaid writes: that looks at the row.
func (v *deskCall) believe() {
	if len(v.need.Seen) == 0 {
		return
	}
	read := make(map[models.BookingID]bool, len(v.need.Bookings))
	for _, id := range v.need.Bookings {
		read[id] = true
	}
	for _, seen := range v.need.Seen {
		b, c := *seen.Booking, *seen.Charge
		if _, twice := v.bookings[b.ID]; twice || read[b.ID] {
			v.need.Bookings, v.need.Money = append(v.need.Bookings, b.ID), append(v.need.Money, b.ID)
			continue
		}
		v.state.Bookings[b.ID], v.state.Charges[c.ChargeKey] = &b, &c
		v.bookings[b.ID] = seenBooking{status: b.Status, charge: inRowStarted, inRow: &c}
	}
}

// AtDesk decides a batch on one event in one transaction of two round trips, and a third where payments are unusual.
// Small batches of several events share one (see sharing). Locks are taken in one order everywhere: events, users by
// id, charges and refunds by event, booking and number, bookings by event and id. Bookings and stock need none of
// their own while they are read (see deskCall).
func (s *Store) AtDesk(
	ctx context.Context, event models.EventID, batch models.BatchID, need sale.Reads, decide func(*sale.State),
) error {
	v := newDeskCall(event, batch, need, decide)
	switch {
	case v.size() > sharedSize:
		return s.runSolo(ctx, v)
	case s.sharing.isolates(event):
		err := s.runSolo(ctx, v)
		s.sharing.noteSolo(event, err)
		return err
	}
	return s.sharing.join(ctx, v)
}

// runSolo runs a call in a transaction of its own, which waits for the event's row.
func (s *Store) runSolo(ctx context.Context, v *deskCall) error {
	return s.transact(ctx, sharedTx{calls: []*deskCall{v}, waits: true, presumes: true})
}

// A sharedTx is the calls that one transaction decides, of different events, in order of id.
type sharedTx struct {
	calls []*deskCall
	waits bool // for the events' rows; otherwise those that another transaction has locked are left out (deskCall.held)
	// it may rest on what is remembered
	presumes bool
}

// of returns the call for an event.
func (tx sharedTx) of(event models.EventID) *deskCall {
	if len(tx.calls) == 1 {
		return tx.calls[0]
	}
	at, _ := slices.BinarySearchFunc(tx.calls, event, func(v *deskCall, id models.EventID) int {
		return v.event.Compare(id)
	})
	return tx.calls[at]
}

func (tx sharedTx) sort() {
	slices.SortFunc(tx.calls, func(a, b *deskCall) int { return a.event.Compare(b.event) })
}

// transact decides the calls of a transaction whose events it could lock. A fault of this package must not end the
// process: it becomes an error, whichever goroutine it is on.
func (s *Store) transact(ctx context.Context, tx sharedTx) (err error) {
	const what = "a batch at an event's desk"
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%s: %w: the store panicked: %v\n%s", what, repository.ErrRejected, fault, debug.Stack())
		}
	}()
	conn, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer conn.Release() // a connection still in its transaction, after a panic say, is closed by this
	if done, err := s.presume(ctx, conn, tx); done {
		return err
	}
	for _, v := range tx.calls {
		v.believe()
	}
	read := time.Now()
	if err := s.readStates(ctx, conn, tx); err != nil {
		s.rollback(ctx, conn)
		return wrap(what, err)
	}
	changed := false
	for _, v := range tx.calls {
		if v.held {
			v.decide(v.state)
			changed = changed || !v.state.Writes().Empty()
		}
	}
	if changed {
		err = s.writeChanges(ctx, conn, tx)
	}
	s.rollback(ctx, conn)
	s.remember(tx, read, err)
	return err
}

// remember keeps the events as they were left, of those calls that have found and changed them, or found them.
func (s *Store) remember(tx sharedTx, read time.Time, err error) {
	if err != nil {
		s.memory.forget(tx.calls...)
		return
	}
	for _, v := range tx.calls {
		if v.held {
			s.memory.note(v, read)
		}
	}
}

// writeChanges makes the second round trip: every kind of change in one statement, then COMMIT.
func (s *Store) writeChanges(ctx context.Context, conn *pgxpool.Conn, tx sharedTx) error {
	const what = "write a batch of an event's desk"
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w: %w", what, repository.ErrUnavailable, err) // nobody waits any more; nothing is written yet
	}
	for _, v := range tx.calls {
		if v.state.Event == nil && !v.state.Writes().Empty() {
			return fmt.Errorf("%s: %w: there are changes but no event", what, repository.ErrRejected)
		}
	}
	batch := &pgx.Batch{}
	for _, w := range writers(batch, tx) {
		if !w.queue() {
			return fmt.Errorf("%s: %w: a booking has to be read after all", what, repository.ErrConflict)
		}
	}
	return s.commit(ctx, conn, batch, what)
}

// ordered returns ids in the order in which their rows are to be locked, each once.
func ordered[K any](ids []models.ID[K]) []models.ID[K] {
	list := slices.Clone(ids)
	slices.SortFunc(list, models.ID[K].Compare)
	return slices.Compact(list)
}
