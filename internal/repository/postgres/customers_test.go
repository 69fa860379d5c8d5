package postgres_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

// limited is another process on the same database, with a limit.
func (b *bundle) limited(t *testing.T, limit int64, change ...func(*pgxpool.Config, *postgres.Options)) *bundle {
	t.Helper()
	other := open(t, b.url, change...)
	other.limit = limit
	return other
}

// row returns what the one row of customer_stock says; -1: there is none.
func (b *bundle) row(t *testing.T) (live int64) {
	t.Helper()
	err := b.connect(t).QueryRow(t.Context(), "SELECT coalesce(max(live), -1) FROM customer_stock").Scan(&live)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

// With a limit a batch costs two round trips, a statement more in each, and none is decided on what is remembered.
// Without one, TestRoundTrips says the same as ever, also of an event that counts; only what ends is told the rows.
func TestCustomers_cost_no_round_trip(t *testing.T) {
	t.Parallel()
	r := setupRemembering(t, 100)
	tracer := &counter{}
	limited := r.limited(t, 50, func(c *pgxpool.Config, _ *postgres.Options) { c.ConnConfig.Tracer = tracer })
	for i := range 4 {
		tracer.trips.Store(0)
		tracer.statements.Store(0)
		limited.must(t, r.event.ID, reserve(r.user.ID, 1), reserve(r.user.ID, 2))
		want := [2]int64{2, 6 + 5}
		if i == 0 {
			want[1]++ // what rows there may have been are dropped
		}
		if got := [2]int64{tracer.trips.Load(), tracer.statements.Load()}; got != want {
			t.Errorf("batch %d: %d round trips and statements; want %d", i, got, want)
		}
	}
	r.warmUp(t)
	r.count.statements.Store(0)
	if trips, _ := r.trips(t, reserve(r.user.ID, 1)); trips != 1 || r.count.statements.Load() != 3+5 {
		t.Errorf("without a limit, %d round trips and %d statements", trips, r.count.statements.Load())
	}
	if live := r.row(t); live != 2+12+2+1 {
		t.Errorf("%d tickets are counted", live)
	}
	r.audit(t, r.event.ID)
}

// What is remembered of an event from before it counted is not believed: the first that was counted has moved its
// journal on.
func TestCustomers_of_an_event_that_was_remembered_without(t *testing.T) {
	t.Parallel()
	r := setupRemembering(t, 100)
	limited := r.limited(t, 4)
	limited.must(t, r.event.ID, reserve(r.user.ID, 1))
	if trips, _ := r.trips(t, reserve(r.user.ID, 5)); trips < 3 {
		t.Errorf("%d round trips: it was not presumed and then read", trips)
	}
	if live := r.row(t); live != 8 {
		t.Errorf("%d tickets are counted", live)
	}
	r.warmUp(t)
	r.exec(t, "UPDATE event_stock SET counted_seq = NULL") // nor what is so no more
	if trips, _ := r.trips(t, reserve(r.user.ID, 1)); trips < 3 {
		t.Errorf("%d round trips: it was not presumed and then read", trips)
	}
	if event, err := r.Event(t.Context(), models.Everything, r.event.ID); err != nil || event.CountsUsers {
		t.Errorf("the event counts what it does not (%v)", err)
	}
	r.audit(t, r.event.ID)
}

// Events that share a transaction are counted each by itself.
func TestCustomers_in_a_shared_transaction(t *testing.T) {
	t.Parallel()
	p := setupShared(t)
	p.limit = 4
	var calls []*deskCall
	for i := range 8 {
		event := p.event(t, 10)
		p.must(t, event.ID, reserve(p.user.ID, int64(i%4+1)))
		calls = append(calls, &deskCall{event: event.ID, commands: []sale.Command{
			reserve(p.user.ID, 2), reserve(p.user.ID, 1), reserve(p.bundle.user(t).ID, 3),
		}})
	}
	locked := calls[5].event
	release := p.lock(t, locked) // it is decided by itself, and read again
	p.ready = nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		postgres.AwaitLone(t, p.Store, 1)
		release()
	}()
	p.together(t, calls...)
	<-done
	for i, v := range calls {
		if v.err != nil {
			t.Fatal(v.err)
		}
		left := int64(4 - (i%4 + 1))
		for n, quantity := range []int64{2, 1} {
			err := v.verdicts[n].Err
			if (err == nil) != (quantity <= left) || err != nil && !models.ErrUserLimitReached.Is(err) {
				t.Errorf("event %d, %d tickets of %d left: %v", i, quantity, left, err)
			}
			if err == nil {
				left -= quantity
			}
		}
		if v.verdicts[2].Err != nil {
			t.Errorf("event %d, another user: %v", i, v.verdicts[2].Err)
		}
		p.audit(t, v.event)
	}
}

// TestCustomers_by_two_processes has 64 clients book and cancel for one user, at two processes with a limit and at one
// without, which refuses nothing: its own bookings are counted all the same.
func TestCustomers_by_two_processes(t *testing.T) {
	t.Parallel()
	for name, without := range map[string]bool{"both with the limit": false, "and one without": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			event, user := b.event(t, 1000), b.user(t)
			desks := []*bundle{b.limited(t, 4), b.limited(t, 4)}
			most := int64(4)
			if without {
				most += 7
			}
			stop := b.watch(t, event.ID, most)
			var group sync.WaitGroup
			for i := range 64 {
				group.Go(func() { rush(t, desks[i%2], event.ID, user.ID, i) })
			}
			if without {
				group.Go(func() {
					for range 30 {
						booked := b.must(t, event.ID, reserve(user.ID, 7))[0].Booking
						b.must(t, event.ID, &sale.Cancel{Booking: booked.ID})
					}
				})
			}
			group.Wait()
			stop()
			e, err := b.Event(t.Context(), models.Everything, event.ID)
			if err != nil || !without && e.Stock.Held != 4 || b.row(t) != e.Stock.Held {
				t.Errorf("%d are held, %d are counted (%v)", e.Stock.Held, b.row(t), err)
			}
			b.audit(t, event.ID)
		})
	}
}

// rush books one to three tickets and gives them back, some times, and then takes what it can get and keeps it.
func rush(t *testing.T, b *bundle, event models.EventID, user models.UserID, client int) {
	ask := func(command sale.Command) (v sale.Verdict) {
		err := retry.Do(t.Context(), repository.IsConflict, func() error {
			verdicts, err := b.decide(t.Context(), event, command)
			if err == nil {
				v = verdicts[0]
			}
			return err
		})
		if err != nil {
			t.Errorf("client %d: %v", client, err)
		}
		return v
	}
	for round := range 6 {
		v := ask(reserve(user, int64((client+round)%3+1)))
		if v.Err == nil && v.Booking != nil {
			ask(&sale.Cancel{Booking: v.Booking.ID})
		} else if !models.ErrUserLimitReached.Is(v.Err) {
			t.Errorf("client %d was refused: %v", client, v.Err)
		}
	}
	for ask(reserve(user, 1)).Booking != nil {
	}
}

// watch looks at what is held of an event for as long as it is not stopped.
func (b *bundle) watch(t *testing.T, event models.EventID, most int64) (stop func()) {
	stopped := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-stopped:
				return
			default:
			}
			if e, err := b.Event(t.Context(), models.Everything, event); err != nil || e.Stock.Taken() > most {
				t.Errorf("%d tickets are held (%v)", e.Stock.Taken(), err)
				return
			}
		}
	})
	return func() {
		close(stopped)
		group.Wait()
	}
}
