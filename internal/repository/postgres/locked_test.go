package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository/postgres"
	"quantix/internal/sale"
)

// lockRows has somebody else lock the rows of a statement until they are released, or the test ends.
func (b *bundle) lockRows(t *testing.T, statement string, arguments ...any) (release func()) {
	t.Helper()
	tx, err := b.connect(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), statement, arguments...); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = tx.Rollback(context.Background()) })
	t.Cleanup(release)
	return release
}

// Claims pass over a row that somebody else has locked: the others of its event, and of all events, go on. A charge
// that was not ended in time may stand in its booking's row, or apart.
func TestClaims_pass_over_a_locked_row(t *testing.T) {
	t.Parallel()
	t.Run("in_the_row", func(t *testing.T) {
		t.Parallel()
		setup(t).claimsBesideALock(t, "SELECT FROM bookings WHERE id = $1 FOR UPDATE", false)
	})
	t.Run("apart", func(t *testing.T) {
		t.Parallel()
		setup(t).claimsBesideALock(t, "SELECT FROM payments WHERE booking_id = $1 FOR UPDATE", true)
	})
}

// claimsBesideALock has somebody lock a charge by a statement while claims are made.
func (b *bundle) claimsBesideALock(t *testing.T, lockCharge string, apart bool) {
	t.Helper()
	user := b.user(t)
	var refs []models.BookingRef
	for range 2 {
		event := b.event(t, 10)
		for range 2 {
			booking := reserve(user.ID, 1)
			b.must(t, event.ID, booking)
			refs = append(refs, models.BookingRef{Event: event.ID, Booking: booking.Booking})
		}
	}
	b.lockRows(t, "SELECT FROM outbox WHERE event_id = $1 ORDER BY id LIMIT 1 FOR UPDATE", refs[0].Event.String())
	rows, err := b.ClaimOutbox(t.Context(), 10, time.Minute)
	if err != nil || len(rows) != 3 {
		t.Errorf("claimed %d of 4 outbox rows, one of them locked: %v", len(rows), err)
	}
	b.start(t, 0, refs...)
	if apart {
		b.apart(t)
	}
	b.lockRows(t, lockCharge, refs[0].Booking.String())
	due, err := b.DueCharges(t.Context(), 10, time.Minute)
	if err != nil || len(due) != 3 {
		t.Errorf("took up %d of 4 charges, one of them locked: %v", len(due), err)
	}
	for _, ref := range refs {
		if ref == refs[0] {
			continue // its settlement waits
		}
		b.must(t, ref.Event, succeeds(ref), &sale.Cancel{Booking: ref.Booking})
	}
	b.lockRows(t, "SELECT FROM refunds WHERE booking_id = $1 FOR UPDATE", refs[1].Booking.String())
	refunds, err := b.DueRefunds(t.Context(), 10, time.Minute)
	if err != nil || len(refunds) != 2 {
		t.Errorf("took up %d of 3 refunds, one of them locked: %v", len(refunds), err)
	}
}

// However many of the oldest are locked, those behind them are found.
func TestClaims_look_behind_what_is_locked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 100), b.user(t)
	for range 20 {
		b.must(t, event.ID, reserve(user.ID, 1))
	}
	b.lockRows(t, "SELECT FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT 17) FOR UPDATE")
	for limit, want := range map[int]int{1: 1, 4: 3} {
		rows, err := b.ClaimOutbox(t.Context(), limit, -time.Minute) // the next may have them as well
		if err != nil || len(rows) != want {
			t.Errorf("claimed %d of the 3 rows that are free, asked for %d: %v", len(rows), limit, err)
		}
	}
}

// A user whose row is locked holds up the bookings of that user's event alone; no other call of the transaction is
// blamed.
func TestParty_waits_for_no_locked_user(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	busy := p.bundle.user(t)
	release := p.lockRows(t, "SELECT FROM users WHERE id = $1 FOR UPDATE", busy.ID.String())
	held, free := p.event(t, 10), p.event(t, 10)
	hung := &deskCall{event: held.ID, commands: []sale.Command{reserve(busy.ID, 1)}}
	p.partly(t, hung, p.buys(free.ID), release)
	if p.held(t, free.ID) != 1 || p.held(t, held.ID) != 1 {
		t.Errorf("held: %d and %d, want 1 and 1", p.held(t, free.ID), p.held(t, held.ID))
	}
}

// The same for a charge, in payments, whose row is locked.
func TestParty_waits_for_no_locked_charge(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	held, free := p.event(t, 10), p.event(t, 10)
	booking := reserve(p.user.ID, 1)
	p.must(t, held.ID, booking)
	ref := models.BookingRef{Event: held.ID, Booking: booking.Booking}
	p.start(t, time.Minute, ref)
	p.apart(t)
	release := p.lockRows(t, "SELECT FROM payments WHERE booking_id = $1 FOR UPDATE", ref.Booking.String())
	p.partly(t, &deskCall{event: held.ID, commands: []sale.Command{succeeds(ref)}}, p.buys(free.ID), release)
	if p.held(t, free.ID) != 1 {
		t.Error("the other event's booking was not made")
	}
}

// partly has a call share a transaction with another one, while somebody has locked what the first needs. The other is
// decided all the same, and that ends the lock: then the first comes through, too, alone, and nobody is blamed.
func (p *sharedBundle) partly(t *testing.T, hung, other *deskCall, release func()) {
	t.Helper()
	other.meddle = func(*sale.State) { release() }
	p.together(t, hung, other)
	for name, v := range map[string]*deskCall{"that needs what is locked": hung, "that needs none of it": other} {
		if v.err != nil {
			t.Errorf("the call %s: %v", name, v.err)
		}
		if postgres.Isolates(p.Store, v.event) {
			t.Errorf("the event of the call %s is blamed", name)
		}
	}
}
