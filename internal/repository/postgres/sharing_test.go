package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
	"quantix/internal/sale"
)

// sharedBundle is a store with one lane, which a batch holds until the calls behind it wait together.
type sharedBundle struct {
	*bundle
	count counter
	user  models.User
	ready func() // called just before the transaction begins, if set
}

func setupShared(t *testing.T, change ...func(*pgxpool.Config, *postgres.Options)) *sharedBundle {
	p := &sharedBundle{}
	p.bundle = setup(t, append(change, func(c *pgxpool.Config, o *postgres.Options) {
		c.ConnConfig.Tracer = &p.count
		o.SharedLanes = 1
	})...)
	postgres.HoldClock(p.Store)
	p.user = p.bundle.user(t)
	return p
}

// deskCall is what one of several asks for, and what it got.
type deskCall struct {
	event    models.EventID
	commands []sale.Command
	meddle   func(*sale.State) // by its rules, if set
	err      error
	verdicts []sale.Verdict
}

// together has all calls share one transaction, and returns the round trips that they cost.
func (p *sharedBundle) together(t *testing.T, calls ...*deskCall) (trips int64) {
	t.Helper()
	ahead := p.event(t, 10)
	entered, stay := make(chan struct{}), make(chan struct{})
	leave := sync.OnceFunc(func() { close(stay) })
	defer leave() // also when the test ends here: the store waits for its batches
	var all sync.WaitGroup
	all.Go(func() {
		err := p.AtDesk(t.Context(), ahead.ID, models.NewID[models.BatchID](), sale.Reads{}, func(*sale.State) {
			close(entered)
			<-stay
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-entered
	for _, v := range calls {
		all.Go(func() { p.pay(t.Context(), v) })
	}
	postgres.AwaitWaiters(t, p.Store, len(calls))
	p.count.trips.Store(0)
	if p.ready != nil {
		p.ready()
	}
	leave()
	all.Wait()
	return p.count.trips.Load()
}

func (p *sharedBundle) pay(ctx context.Context, v *deskCall) {
	need := sale.ReadsOf(v.commands, false, false)
	need.Customers = p.limit > 0
	v.err = p.AtDesk(ctx, v.event, models.NewID[models.BatchID](), need, func(s *sale.State) {
		v.verdicts, s.Rules = nil, rules
		s.Rules.MaxLivePerUser = p.limit
		for _, c := range v.commands {
			v.verdicts = append(v.verdicts, s.Decide(c))
		}
		if v.meddle != nil {
			v.meddle(s)
		}
	})
}

// buys is a call of one booking.
func (p *sharedBundle) buys(event models.EventID) *deskCall {
	return &deskCall{event: event, commands: []sale.Command{reserve(p.user.ID, 1)}}
}

func (p *sharedBundle) held(t *testing.T, event models.EventID) int64 {
	t.Helper()
	e, err := p.Event(t.Context(), models.Everything, event)
	if err != nil {
		t.Fatal(err)
	}
	p.audit(t, event)
	return e.Stock.Held
}

// lock has somebody else hold an event's row, and what more statements about it lock, until it is released.
func (p *sharedBundle) lock(t *testing.T, event models.EventID, more ...string) (release func()) {
	t.Helper()
	tx, err := p.connect(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range append([]string{"SELECT FROM events WHERE id = $1 FOR UPDATE"}, more...) {
		if _, err := tx.Exec(t.Context(), statement, event.String()); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestBatchesOfSeveralEventsShareATransaction, in several currencies and of events that are not there, too.
func TestBatchesOfSeveralEventsShareATransaction(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	var calls []*deskCall
	for i := range 12 {
		draft, err := models.NewEvent(models.EventDraft{
			Name: "Concert", DateTime: time.Now().AddDate(1, 0, 0), TotalTickets: int64(i%3 + 1),
			TicketPrice: models.Money{Minor: 1000, Currency: []models.Currency{"USD", "JPY", "KWD"}[i%3]},
		})
		if err != nil {
			t.Fatal(err)
		}
		event, err := p.CreateEvent(t.Context(), draft)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, &deskCall{event: event.ID, commands: []sale.Command{reserve(p.user.ID, 1), reserve(p.user.ID, 1), reserve(models.NewID[models.UserID](), 1)}})
	}
	if trips := p.together(t, calls...); trips > 4 { // two, and what the batch ahead had left to do
		t.Errorf("%d round trips for %d events, want no more than one transaction's", trips, len(calls))
	}
	for i, v := range calls {
		want := []bool{true, i%3 > 0, false} // of capacity 1, 2 and 3
		for j, verdict := range v.verdicts {
			if v.err != nil || (verdict.Err == nil) != want[j] {
				t.Errorf("event %d, command %d: %v, %v", i, j, v.err, verdict.Err)
			}
		}
		if held := p.held(t, v.event); held != int64(min(i%3+1, 2)) {
			t.Errorf("event %d holds %d tickets", i, held)
		}
	}
	if rows, err := p.ClaimOutbox(t.Context(), 100, time.Minute); err != nil || len(rows) != len(calls) {
		t.Errorf("%d outbox rows, %v, want one for each event", len(rows), err)
	}
}

// TestTwoBatchesOfOneEventNeverShare, for each decides on what the one before has left.
func TestTwoBatchesOfOneEventNeverShare(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	event, other := p.event(t, 3), p.event(t, 3)
	calls := []*deskCall{p.buys(event.ID), p.buys(event.ID), p.buys(other.ID), p.buys(event.ID), p.buys(event.ID)}
	p.together(t, calls...)
	sold := 0
	for _, v := range calls {
		if v.err == nil && v.event == event.ID && v.verdicts[0].Err == nil {
			sold++
		}
	}
	if held := p.held(t, event.ID); held != 3 || sold != 3 {
		t.Errorf("%d sold, %d held, want 3", sold, held)
	}
}

// TestOneEventsBatchesFallApart: what the database refuses of one batch is no matter of the next one of the same event.
func TestOneEventsBatchesFallApart(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	event := p.event(t, 3)
	p.exec(t, fmt.Sprintf(failing, "IF NEW.quantity = 2 THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '22003'; END IF", "IMMEDIATE"))
	poison := &deskCall{event: event.ID, commands: []sale.Command{reserve(p.user.ID, 2)}}
	good := p.buys(event.ID)
	p.together(t, poison, good)
	if !errors.Is(poison.err, repository.ErrRejected) || good.err != nil || p.held(t, event.ID) != 1 {
		t.Errorf("the poison: %v, want ErrRejected; the batch beside it: %v", poison.err, good.err)
	}
}

// TestOneEventsBatchesTakeTurns: two batches of one event never share a transaction. Neither could see what the other
// has taken, and the database would refuse both.
func TestOneEventsBatchesTakeTurns(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	event := p.event(t, 3)
	first, second := p.buys(event.ID), p.buys(event.ID)
	p.together(t, first, second)
	if first.err != nil || second.err != nil || p.held(t, event.ID) != 2 {
		t.Errorf("%v, %v, and %d tickets are held, want 2", first.err, second.err, p.held(t, event.ID))
	}
	if postgres.Isolates(p.Store, event.ID) {
		t.Error("they were tried together, and refused")
	}
}

// TestAnUnknownEventIsToldSo: it is told so, and the others are served.
func TestAnUnknownEventIsToldSo(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	event := p.event(t, 3)
	known, unknown := p.buys(event.ID), p.buys(models.NewID[models.EventID]())
	p.together(t, known, unknown)
	if known.err != nil || known.verdicts[0].Err != nil || p.held(t, event.ID) != 1 {
		t.Errorf("the known event: %v, %v", known.err, known.verdicts)
	}
	if unknown.err != nil || !models.ErrEventNotFound.Is(unknown.verdicts[0].Err) {
		t.Errorf("the unknown event: %v, %v", unknown.err, unknown.verdicts)
	}
}

// leaveOut has a transaction leave out the call of a locked event, and serve the other, which buys.
func (p *sharedBundle) leaveOut(t *testing.T, waits, passes *deskCall) {
	t.Helper()
	p.together(t, waits, passes)
	if !errors.Is(waits.err, repository.ErrUnavailable) {
		t.Errorf("the locked event: %v, want ErrUnavailable after the lock timeout", waits.err)
	}
	if passes.err != nil || p.held(t, passes.event) != 1 {
		t.Errorf("the free event: %v", passes.err)
	}
}

// TestALockedEventHoldsUpNobodyElse: the others do not wait for whoever has it.
func TestALockedEventHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	p := setupShared(t, impatient)
	locked, free := p.event(t, 3), p.event(t, 3)
	release := p.lock(t, locked.ID)
	waits, passes := p.buys(locked.ID), p.buys(free.ID)
	p.leaveOut(t, waits, passes)
	release()
	p.must(t, locked.ID, reserve(p.user.ID, 1))
}

// TestALockedEventsChargeHoldsUpNobodyElse: whoever has an event may have its charges, too, which stand apart.
func TestALockedEventsChargeHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	p := setupShared(t, impatient)
	locked, free := p.event(t, 3), p.event(t, 3)
	ref := p.must(t, locked.ID, reserve(p.user.ID, 1))[0].Booking.Ref()
	p.start(t, time.Minute, ref)
	p.apart(t)
	release := p.lock(t, locked.ID, "SELECT FROM payments WHERE event_id = $1 FOR NO KEY UPDATE")
	settles := func() *deskCall {
		return &deskCall{event: locked.ID, commands: []sale.Command{succeeds(ref)}}
	}
	waits, passes := settles(), p.buys(free.ID)
	p.leaveOut(t, waits, passes)
	release()
	settled, passes := settles(), p.buys(free.ID)
	p.together(t, settled, passes)
	if settled.err != nil || settled.verdicts[0].Err != nil || passes.err != nil {
		t.Errorf("once it was free: %v, %v, %v", settled.err, settled.verdicts, passes.err)
	}
}

// TestALockedEventLeavesItsLane: whoever comes alone for an event that somebody else has does not keep the only lane
// for as long as it waits.
func TestALockedEventLeavesItsLane(t *testing.T) {
	t.Parallel()
	p := setupShared(t, func(c *pgxpool.Config, _ *postgres.Options) {
		c.ConnConfig.RuntimeParams["lock_timeout"] = "30000" // which is how long a failure takes
	})
	locked, free := p.event(t, 3), p.event(t, 3)
	release := p.lock(t, locked.ID)
	waits := p.buys(locked.ID)
	var waiting sync.WaitGroup
	waiting.Go(func() { p.pay(t.Context(), waits) })
	postgres.AwaitLone(t, p.Store, 1)
	passes := p.buys(free.ID)
	p.pay(t.Context(), passes)
	if passes.err != nil || postgres.Solo(p.Store) != 1 {
		t.Errorf("the free event: %v, with %d still waiting for the other", passes.err, postgres.Solo(p.Store))
	}
	release()
	if waiting.Wait(); waits.err != nil || p.held(t, locked.ID) != 1 || p.held(t, free.ID) != 1 {
		t.Errorf("the locked event, once it was free: %v", waits.err)
	}
}

// TestARuleThatPanickedFallsAlone: its state is aborted, and the others get their tickets.
func TestARuleThatPanickedFallsAlone(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	bad, good := p.event(t, 3), p.event(t, 3)
	panics, passes := p.buys(bad.ID), p.buys(good.ID)
	panics.meddle = (*sale.State).Abort
	p.together(t, panics, passes)
	if panics.err != nil || p.held(t, bad.ID) != 0 {
		t.Errorf("the event whose rule panicked: %v, %d held", panics.err, p.held(t, bad.ID))
	}
	if passes.err != nil || p.held(t, good.ID) != 1 {
		t.Errorf("the other event: %v", passes.err)
	}
}

// TestPoisonIsFound: what the database refuses takes the others' transaction with it once; then each is by itself, and
// only the culprit fails for good.
func TestPoisonIsFound(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	bad, good := p.event(t, 3), p.event(t, 3)
	p.exec(t, fmt.Sprintf(failing, "IF NEW.quantity = 2 THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '22003'; END IF", "IMMEDIATE"))
	poison := func() *deskCall { return &deskCall{event: bad.ID, commands: []sale.Command{reserve(p.user.ID, 2)}} }
	first, passes := poison(), p.buys(good.ID)
	p.together(t, first, passes)
	for name, v := range map[string]*deskCall{"the poison": first, "the other": passes} {
		if !errors.Is(v.err, repository.ErrConflict) || errors.Is(v.err, repository.ErrRejected) {
			t.Errorf("%s: %v, want ErrConflict", name, v.err)
		}
	}
	again, passesNow := poison(), p.buys(good.ID)
	p.pay(t.Context(), again)
	p.pay(t.Context(), passesNow)
	if !errors.Is(again.err, repository.ErrRejected) || p.held(t, bad.ID) != 0 {
		t.Errorf("the poison by itself: %v, want ErrRejected", again.err)
	}
	if passesNow.err != nil || p.held(t, good.ID) != 1 {
		t.Errorf("the other by itself: %v", passesNow.err)
	}
	if !postgres.Isolates(p.Store, bad.ID) || postgres.Isolates(p.Store, good.ID) {
		t.Error("after both were by themselves, the culprit is to be kept apart, and nobody else")
	}
}

// TestACallerWhoLeftIsNotServed: nothing is done for a desk whose time was over before its transaction began.
func TestACallerWhoLeftIsNotServed(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	gone, here := p.event(t, 3), p.event(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	left, stays := p.buys(gone.ID), p.buys(here.ID)
	cancel()
	p.pay(ctx, left)
	p.together(t, stays)
	if !errors.Is(left.err, repository.ErrUnavailable) || p.held(t, gone.ID) != 0 {
		t.Errorf("who left: %v, want ErrUnavailable", left.err)
	}
	if stays.err != nil || p.held(t, here.ID) != 1 {
		t.Errorf("who stayed: %v", stays.err)
	}
}

// TestARowThatMovedFailsTheBatch: somebody changed a booking without the event's lock, between the reading and the
// writing; its change would be lost in silence. So the batch is decided again.
func TestARowThatMovedFailsTheBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	booked := b.must(t, event.ID, reserve(user.ID, 2))[0].Booking
	other := b.connect(t)
	for _, sql := range []string{
		"UPDATE bookings SET updated_at = updated_at",
		"UPDATE event_stock SET held = held",
	} {
		cancel := []sale.Command{&sale.Cancel{Booking: booked.ID}}
		err := b.AtDesk(t.Context(), event.ID, models.NewID[models.BatchID](), sale.ReadsOf(cancel, false, false), func(s *sale.State) {
			if v := s.Decide(cancel[0]); v.Err != nil {
				t.Errorf("cancel: %v", v.Err)
			}
			if _, err := other.Exec(t.Context(), sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		})
		if !errors.Is(err, repository.ErrConflict) || !strings.Contains(err.Error(), "division by zero") {
			t.Errorf("after %s: %v, want ErrConflict", sql, err)
		}
		b.audit(t, event.ID)
	}
	if v := b.must(t, event.ID, &sale.Cancel{Booking: booked.ID})[0]; v.Booking.Status != models.StatusCancelled {
		t.Errorf("the booking is %s", v.Booking.Status)
	}
}

// meanwhile has a batch of one command find at its end that what it has read of its booking is so no more: nothing is
// changed, the batch is decided again, and then it is made.
func (b *bundle) meanwhile(t *testing.T, event models.EventID, command sale.Command, change func()) sale.Verdict {
	t.Helper()
	before, err := b.Event(t.Context(), models.Everything, event)
	if err != nil {
		t.Fatal(err)
	}
	err = b.AtDesk(t.Context(), event, models.NewID[models.BatchID](), sale.ReadsOf([]sale.Command{command}, false, false), func(s *sale.State) {
		s.Rules = rules
		if v := s.Decide(command); v.Err != nil {
			t.Errorf("the first time: %v", v.Err)
		}
		change()
	})
	if !errors.Is(err, repository.ErrConflict) || errors.Is(err, repository.ErrCommitUnknown) {
		t.Errorf("beside the change: %v, want ErrConflict", err)
	}
	after, err := b.Event(t.Context(), models.Everything, event)
	if err != nil || after.Stock != before.Stock || after.Seq != before.Seq {
		t.Errorf("the stock was %+v, and is %+v (%v)", before.Stock, after.Stock, err)
	}
	b.audit(t, event)
	defer b.audit(t, event)
	return b.must(t, event, command)[0]
}

// only returns the one charge of a booking.
func (b *bundle) only(t *testing.T, ref models.BookingRef) models.Charge {
	t.Helper()
	charges, _, err := b.PaymentsOf(t.Context(), ref)
	if err != nil || len(charges) != 1 {
		t.Fatalf("the charges are %+v, %v, want one", charges, err)
	}
	return charges[0]
}

// TestAChargeStartedMeanwhileIsKept: a worker starts a booking's charge while the booking is being cancelled. A gateway
// is asked for that charge: it may not be lost, and what it takes is owed back.
func TestAChargeStartedMeanwhileIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	ref := b.must(t, event.ID, reserve(user.ID, 2))[0].Booking.Ref()
	var started models.Charge
	v := b.meanwhile(t, event.ID, &sale.Cancel{Booking: ref.Booking}, func() {
		b.start(t, time.Minute, ref)
		started = b.only(t, ref)
	})
	if got := b.only(t, ref); v.Booking.Status != models.StatusCancelled || got != started || got.Status != models.ChargeStarted {
		t.Errorf("the booking is %s, the charge was %+v, and is %+v", v.Booking.Status, started, got)
	}
	b.must(t, event.ID, succeeds(ref))
	_, refunds, err := b.PaymentsOf(t.Context(), ref)
	if err != nil || len(refunds) != 1 || refunds[0].Amount != started.Amount {
		t.Errorf("after the charge succeeded, the refunds are %+v (%v), want all of it", refunds, err)
	}
	b.audit(t, event.ID)
}

// TestAChargeTakenUpMeanwhileIsKept: a worker was slow, and when it settles its charge another one takes it up, which
// makes it apart. The try counts, and the ticket is sold once.
func TestAChargeTakenUpMeanwhileIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	ref := b.must(t, event.ID, reserve(user.ID, 2))[0].Booking.Ref()
	b.start(t, 0, ref)
	v := b.meanwhile(t, event.ID, succeeds(ref), func() {
		if due, err := b.DueCharges(t.Context(), 10, time.Minute); err != nil || len(due) != 1 || due[0].Charge.Attempts != 2 {
			t.Errorf("taken up: %+v, %v", due, err)
		}
	})
	got := b.only(t, ref)
	if v.Booking.Status != models.StatusConfirmed || got.Status != models.ChargeSucceeded || got.Attempts != 2 {
		t.Errorf("the booking is %s, the charge %+v", v.Booking.Status, got)
	}
	if after, err := b.Event(t.Context(), models.Everything, event.ID); err != nil || after.Stock.Sold != 2 || after.Stock.Held != 0 {
		t.Errorf("the stock is %+v, %v", after.Stock, err)
	}
}

// TestWhatMovedHoldsUpNobodyElse: the other event of the transaction is decided again as well, and both come through.
func TestWhatMovedHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	moved, other := p.event(t, 3), p.event(t, 3)
	ref := p.must(t, moved.ID, reserve(p.user.ID, 1))[0].Booking.Ref()
	cancels := func() *deskCall {
		return &deskCall{event: moved.ID, commands: []sale.Command{&sale.Cancel{Booking: ref.Booking}}}
	}
	first, beside := cancels(), p.buys(other.ID)
	first.meddle = func(*sale.State) { p.start(t, time.Minute, ref) }
	p.together(t, first, beside)
	for name, v := range map[string]*deskCall{"whose booking moved": first, "beside it": beside} {
		if !errors.Is(v.err, repository.ErrConflict) || errors.Is(v.err, repository.ErrRejected) {
			t.Errorf("the call %s: %v, want ErrConflict", name, v.err)
		}
	}
	again, besideAgain := cancels(), p.buys(other.ID)
	p.pay(t.Context(), again)
	p.pay(t.Context(), besideAgain)
	if again.err != nil || besideAgain.err != nil || p.held(t, moved.ID) != 0 || p.held(t, other.ID) != 1 {
		t.Errorf("the second time: %v, %v", again.err, besideAgain.err)
	}
	if postgres.Isolates(p.Store, moved.ID) || postgres.Isolates(p.Store, other.ID) {
		t.Error("an event is kept apart that was not to blame")
	}
	if c := p.only(t, ref); c.Status != models.ChargeStarted {
		t.Errorf("the charge is %+v", c)
	}
}
