package boxoffice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// scripted is a store of one event that fails as a test tells it to. It is no database: it exists because no real one
// loses a commit's answer, or refuses one row of a batch, exactly when asked. What desks do on real stores is proved
// in repotest and in the program's own tests.
type scripted struct {
	mu       sync.Mutex
	id       models.EventID
	event    models.Event
	bookings map[models.BookingID]*models.Booking
	keys     map[models.ReplayKey]*models.Booking
	batches  []int                                  // how many commands each transaction had
	begun    []time.Time                            // when each came
	before   func(batch int, need sale.Reads) error // fails a transaction before it does anything
	after    func(batch int) error                  // loses the answer of a transaction that took place
	entered  chan struct{}                          // told when a transaction begins
	gate     chan struct{}                          // each transaction waits for it
	lookups  int
	nothing  bool // no event is there

	breaksKeyed bool // a rule panics at each command with a key
}

func newScripted(tickets int64) *scripted {
	event, err := models.NewEvent(models.EventDraft{
		Name: "Concert", DateTime: time.Now().Add(24 * time.Hour), TotalTickets: tickets,
		TicketPrice: models.Money{Minor: 100, Currency: "USD"},
	})
	if err != nil {
		panic(err)
	}
	return &scripted{
		id: event.ID, event: event, bookings: map[models.BookingID]*models.Booking{}, keys: map[models.ReplayKey]*models.Booking{},
	}
}

func (s *scripted) AtDesk(_ context.Context, _ models.EventID, _ models.BatchID, need sale.Reads, decide func(*sale.State)) error {
	if s.gate != nil {
		s.entered <- struct{}{}
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = append(s.begun, time.Now())
	s.batches = append(s.batches, len(need.Users)+len(need.Money))
	n := len(s.batches)
	if s.before != nil {
		if err := s.before(n, need); err != nil {
			return err
		}
	}
	event := s.event
	state := &sale.State{
		Now: time.Now(), Event: &event, Users: map[models.UserID]bool{}, Keys: map[models.ReplayKey]*models.Booking{},
		Bookings: map[models.BookingID]*models.Booking{}, Charges: map[models.ChargeKey]*models.Charge{},
		Refunds: map[models.RefundKey]*models.Refund{},
	}
	if need.Customers {
		state.Customers = s.customers(need.Users)
	}
	if s.nothing {
		state.Event = nil
	}
	if s.breaksKeyed {
		state.Keys = nil // to write to it is a panic
	}
	for _, u := range need.Users {
		state.Users[u] = true
	}
	for _, k := range need.Keys {
		if b := s.keys[k]; b != nil && !s.breaksKeyed {
			state.Keys[k] = b
		}
	}
	for _, id := range need.Bookings {
		if b := s.bookings[id]; b != nil {
			c := *b
			state.Bookings[id] = &c
		}
	}
	decide(state)
	if s.nothing {
		return nil
	}
	if !state.Writes().Empty() {
		s.event = event
	}
	for _, b := range append(state.Writes().NewBookings, state.Writes().Bookings...) {
		s.bookings[b.ID] = b
		if b.IdempotencyKey != "" {
			s.keys[models.ReplayKey{User: b.UserID, Key: b.IdempotencyKey}] = b
		}
	}
	if s.after != nil {
		return s.after(n)
	}
	return nil
}

func (s *scripted) customers(users []models.UserID) map[models.UserID]*sale.Customer {
	all := map[models.UserID]*sale.Customer{}
	for _, u := range users {
		all[u] = &sale.Customer{User: u, Known: true}
	}
	for _, b := range s.bookings {
		if c := all[b.UserID]; c != nil && b.Status != models.StatusCancelled {
			c.Live += b.Quantity
		}
	}
	return all
}

func (s *scripted) BookingByKey(_ context.Context, _ models.EventID, key models.ReplayKey) (models.Booking, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookups++
	if b := s.keys[key]; b != nil {
		return *b, nil
	}
	return models.Booking{}, models.ErrBookingNotFound
}

func buy(quantity int64) *sale.Reserve {
	return &sale.Reserve{Booking: models.NewID[models.BookingID](), User: models.NewID[models.UserID](), Quantity: quantity, Method: simulator.OK}
}

func TestReserve_sells_exactly_what_there_is(t *testing.T) {
	t.Parallel()
	store := newScripted(100)
	office := New(store, Options{})
	var sold, refused int64
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for quantity := int64(7); quantity > 0; {
				_, err := office.Reserve(t.Context(), store.id, buy(quantity))
				mu.Lock()
				if err == nil {
					sold += quantity
				} else {
					refused++
					quantity--
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if sold != 100 || store.event.Stock.Available != 0 {
		t.Fatalf("%d sold, %d refusals, stock %+v", sold, refused, store.event.Stock)
	}
}

func TestDesk_batches_what_waits_while_another_batch_commits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1000)
		store.entered, store.gate = make(chan struct{}, 100), make(chan struct{})
		office := New(store, Options{MaxBatch: 50})
		var group sync.WaitGroup
		ask := func(n int) {
			for range n {
				group.Go(func() {
					if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
						t.Error(err)
					}
				})
			}
		}
		ask(1)
		<-store.entered
		ask(70)
		synctest.Wait()
		if waiting := office.Waiting(); waiting != 71 {
			t.Errorf("%d buyers wait, want 71", waiting)
		}
		close(store.gate)
		group.Wait()
		if waiting := office.Waiting(); waiting != 0 {
			t.Errorf("%d buyers still wait", waiting)
		}
		if got := fmt.Sprint(store.batches); got != "[1 50 20]" {
			t.Errorf("batches %s; want one alone, a full one, and the rest", got)
		}
	})
}

func TestDesk_refuses_at_once_when_its_inbox_is_full_but_not_the_system(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1000)
		store.entered, store.gate = make(chan struct{}, 100), make(chan struct{})
		office := New(store, Options{MaxInbox: 3})
		var group sync.WaitGroup
		ask := func() {
			group.Go(func() {
				if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
					t.Error(err)
				}
			})
		}
		ask()
		<-store.entered
		for range 3 {
			ask()
		}
		synctest.Wait()
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrBusy) {
			t.Errorf("a buyer at a full inbox: %v", err)
		}
		group.Go(func() {
			_, err := office.Tell(t.Context(), store.id, &sale.Cancel{Booking: models.NewID[models.BookingID]()})
			if !errors.Is(err, models.ErrBookingNotFound) {
				t.Errorf("the system's command: %v", err)
			}
		})
		synctest.Wait()
		close(store.gate)
		group.Wait()
	})
}

// Whoever has waited for too long has probably left: to serve them first would serve nobody for as long as the rush
// lasts.
func TestDesk_turns_away_who_waited_too_long_and_looks_keys_up(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1000)
		store.entered, store.gate = make(chan struct{}, 100), make(chan struct{})
		office := New(store, Options{MaxWait: time.Second})
		var group sync.WaitGroup
		ask := func(c *sale.Reserve, want error) {
			group.Go(func() {
				if _, err := office.Reserve(t.Context(), store.id, c); !errors.Is(err, want) {
					t.Errorf("key %q: %v, want %v", c.Key, err, want)
				}
			})
			synctest.Wait()
		}
		ask(buy(1), nil)
		<-store.entered
		keyed := buy(1)
		keyed.Key = "k"
		ask(buy(1), models.ErrBusy)
		ask(keyed, models.ErrBusy)
		time.Sleep(time.Second) // the bubble's clock
		ask(buy(1), nil)        // the first in the queue has waited just as long as it may
		time.Sleep(time.Millisecond)
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrBusy) {
			t.Errorf("behind one who has waited too long: %v, want busy at once", err)
		}
		close(store.gate)
		group.Wait()
		if got := fmt.Sprint(store.batches); got != "[1 1]" || store.lookups != 1 {
			t.Errorf("transactions %s, want the first, then the fresh one; %d looks for the key", got, store.lookups)
		}
	})
}

func TestDesk_finds_out_what_a_lost_commit_did(t *testing.T) {
	t.Parallel()
	lost := fmt.Errorf("line cut: %w", repository.ErrCommitUnknown)
	for name, test := range map[string]struct {
		before func(int, sale.Reads) error
		after  func(int) error
		want   error
		booked int
	}{
		"it_took_place":          {after: func(n int) error { return on(n == 1, lost) }, booked: 1},
		"it_did_not":             {before: func(n int, _ sale.Reads) error { return on(n == 1, lost) }, booked: 1},
		"the_store_is_gone":      {before: func(n int, _ sale.Reads) error { return on(n > 1, repository.ErrUnavailable) }, after: func(n int) error { return on(n == 1, lost) }, want: models.ErrOutcomeUnknown, booked: 1},
		"it_is_lost_again":       {after: func(n int) error { return on(n <= 3, lost) }, booked: 1},
		"a_refusal_is_no_answer": {before: func(n int, _ sale.Reads) error { return on(n > 1, repository.ErrRejected) }, after: func(n int) error { return on(n == 1, lost) }, want: models.ErrOutcomeUnknown, booked: 1},
		"a_lost_race_is_none":    {before: func(n int, _ sale.Reads) error { return on(n > 1, repository.ErrConflict) }, after: func(n int) error { return on(n == 1, lost) }, want: models.ErrOutcomeUnknown, booked: 1},
		"never_did_anything":     {before: func(int, sale.Reads) error { return repository.ErrUnavailable }, want: models.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newScripted(10)
				store.before, store.after = test.before, test.after
				c := buy(2)
				verdict, err := New(store, Options{}).Reserve(t.Context(), store.id, c)
				if test.want == nil && (err != nil || verdict.Booking.ID != c.Booking) || test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("answer %+v, %v; want %v", verdict.Booking, err, test.want)
				}
				if len(store.bookings) != test.booked || store.event.Stock.Held != int64(2*test.booked) {
					t.Errorf("%d bookings, stock %+v", len(store.bookings), store.event.Stock)
				}
			})
		})
	}
}

// A batch whose commit's answer was lost is looked for; one of its commands is refused then, whatever the reason. The
// others are found alone, and of that one only its own outcome stays unknown: it may be on disk.
func TestDesk_looks_for_a_lost_batch_beside_poison(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1000)
		poison := buy(1)
		store.before = func(n int, need sale.Reads) error {
			return on(n > 1 && slices.Contains(need.Users, poison.User), repository.ErrRejected)
		}
		store.after = func(n int) error { return on(n == 1, repository.ErrCommitUnknown) }
		commands := []sale.Command{buy(1), buy(1), poison, buy(1), buy(1)}
		for i, outcome := range New(store, Options{}).TellAll(t.Context(), store.id, commands) {
			if commands[i] == sale.Command(poison) {
				if !errors.Is(outcome.Err, models.ErrOutcomeUnknown) {
					t.Errorf("what cannot be looked for: %v, want outcome_unknown", outcome.Err)
				}
			} else if outcome.Err != nil {
				t.Errorf("command %d beside it: %v", i, outcome.Err)
			}
		}
		if len(store.bookings) != len(commands) || store.event.Stock.Held != int64(len(commands)) {
			t.Errorf("%d bookings, stock %+v", len(store.bookings), store.event.Stock)
		}
	})
}

func on(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}

func TestDesk_lets_a_poisoned_command_fail_alone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1000)
		poison := buy(1)
		store.before = func(_ int, need sale.Reads) error {
			for _, u := range need.Users {
				if u == poison.User {
					return fmt.Errorf("value out of range: %w", repository.ErrRejected)
				}
			}
			return nil
		}
		office := New(store, Options{})
		commands := []sale.Command{buy(1), buy(1), buy(1), poison, buy(1), buy(1), buy(1)}
		for i, outcome := range office.TellAll(t.Context(), store.id, commands) {
			if commands[i] == sale.Command(poison) {
				if !errors.Is(outcome.Err, models.ErrInternal) {
					t.Errorf("the poison: %v", outcome.Err)
				}
			} else if outcome.Err != nil {
				t.Errorf("command %d: %v", i, outcome.Err)
			}
		}
		if len(store.bookings) != 6 {
			t.Errorf("%d bookings", len(store.bookings))
		}
	})
}

func TestDesk_lets_a_panicking_command_fail_alone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1000)
		store.breaksKeyed = true
		poison := buy(1)
		poison.Key = "k"
		commands := []sale.Command{buy(1), poison, buy(1)}
		outcomes := New(store, Options{}).TellAll(t.Context(), store.id, commands)
		if outcomes[0].Err != nil || !errors.Is(outcomes[1].Err, models.ErrInternal) || outcomes[2].Err != nil || len(store.bookings) != 2 {
			t.Errorf("%+v, %d bookings", outcomes, len(store.bookings))
		}
		if !errors.Is(outcomes[1].Err, repository.ErrRejected) {
			t.Error("a caller cannot tell that the fault is its command's, and not the store's")
		}
		if len(store.batches) != 2 {
			t.Errorf("%d transactions; the culprit is known after one, and the others need one more", len(store.batches))
		}
	})
}

func TestDesk_repeats_a_transaction_that_lost_against_another(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(10)
		store.before = func(n int, _ sale.Reads) error { return on(n < 4, repository.ErrConflict) }
		if _, err := New(store, Options{}).Reserve(t.Context(), store.id, buy(1)); err != nil {
			t.Error(err)
		}
		if len(store.bookings) != 1 || len(store.batches) != 4 {
			t.Errorf("%d bookings in %d transactions", len(store.bookings), len(store.batches))
		}
		store.before = func(int, sale.Reads) error { return repository.ErrConflict }
		if _, err := New(store, Options{}).Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrUnavailable) {
			t.Errorf("without an end: %v", err)
		}
	})
}

// What the system has to say goes before the buyers who came first: it gives tickets back.
func TestDesk_decides_the_systems_commands_first(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1)
		sold, err := New(store, Options{}).Reserve(t.Context(), store.id, buy(1))
		if err != nil {
			t.Fatal(err)
		}
		store.entered, store.gate = make(chan struct{}, 10), make(chan struct{})
		office := New(store, Options{}) // another replica, which has not seen yet that nothing is left
		var group sync.WaitGroup
		come := func(do func() error) {
			group.Go(func() {
				if err := do(); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		tell := func() error {
			_, err := office.Tell(t.Context(), store.id, &sale.Cancel{Booking: sold.Booking.ID})
			return err
		}
		come(func() error {
			_, err := office.Tell(t.Context(), store.id, &sale.Expire{Booking: sold.Booking.ID})
			return err
		})
		keyed := buy(1) // with a key, or what that transaction sees would turn it away
		keyed.Key = "k"
		come(func() error {
			_, err := office.Reserve(t.Context(), store.id, keyed)
			return err
		})
		come(tell)
		close(store.gate)
		group.Wait()
		if len(store.batches) != 3 || store.event.Stock.Held != 1 {
			t.Errorf("transactions %v, stock %+v", store.batches, store.event.Stock)
		}
	})
}

// A buyer of a cancelled event is told so, and not that it is sold out: one waits for a ticket to come back, the other
// not.
func TestLatch_is_none_of_a_cancelled_event(t *testing.T) {
	t.Parallel()
	store := newScripted(1)
	office := New(store, Options{LatchFor: time.Hour})
	if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := office.Ask(t.Context(), store.id, &sale.CancelEvent{}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrEventCancelled) {
			t.Errorf("a buyer is told %v", err)
		}
	}
}

func TestLatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(10)
		office := New(store, Options{})
		reserve := func(quantity int64) (*models.Booking, error) {
			verdict, err := office.Reserve(t.Context(), store.id, buy(quantity))
			return verdict.Booking, err
		}
		booking, err := reserve(8)
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if _, err := reserve(3); !errors.Is(err, models.ErrInsufficientTickets) {
				t.Fatal(err)
			}
		}
		if len(store.batches) != 1 {
			t.Errorf("1,000 refusals cost %d transactions", len(store.batches)-1)
		}
		if _, err := office.Ask(t.Context(), store.id, &sale.Cancel{Booking: booking.ID}); err != nil {
			t.Fatal(err)
		}
		if _, err := reserve(3); err != nil {
			t.Errorf("right after a release at this desk: %v", err)
		}
		if _, err := reserve(8); !errors.Is(err, models.ErrInsufficientTickets) {
			t.Error(err)
		}
		store.mu.Lock() // another replica gives tickets back
		store.event.Stock.Available, store.event.Stock.Held = 10, 0
		store.mu.Unlock()
		time.Sleep(101 * time.Millisecond) // the bubble's clock, not a real wait
		if _, err := reserve(8); err != nil {
			t.Errorf("100 ms after a release elsewhere: %v", err)
		}
	})
}

// crowd has 20 buyers ask for one ticket each millisecond, and wants each of them refused.
func crowd(t *testing.T, office *Office, event models.EventID, long time.Duration) {
	t.Helper()
	var buyers sync.WaitGroup
	for begun := time.Now(); time.Since(begun) < long; time.Sleep(time.Millisecond) { // the bubble's clock
		for range 20 {
			buyers.Go(func() {
				if _, err := office.Reserve(t.Context(), event, buy(1)); !errors.Is(err, models.ErrSoldOut) {
					t.Error(err)
				}
			})
		}
	}
	buyers.Wait()
}

func TestLatch_lets_one_buyer_look_in_its_time(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ lock, commit time.Duration }{
		"a store that takes no time": {0, 0}, "a usual one": {time.Millisecond, 2 * time.Millisecond},
		"a slow one": {20 * time.Millisecond, 70 * time.Millisecond}, "one slower than the latch": {50 * time.Millisecond, 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newScripted(1)
				office := New(store, Options{})
				if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
					t.Fatal(err)
				}
				store.before = func(int, sale.Reads) error { time.Sleep(c.lock); return nil }
				store.after = func(int) error { time.Sleep(c.commit); return nil }
				crowd(t, office, store.id, time.Second)
				for i, at := range store.begun[2:] {
					if gap := at.Sub(store.begun[i+1]); gap < 100*time.Millisecond {
						t.Errorf("two looks within %s", gap)
					}
				}
				for _, batch := range store.batches {
					if batch != 1 {
						t.Errorf("%d buyers asked the database at once", batch)
					}
				}
				if n := len(store.batches) - 1; n > 10 || n < 3 {
					t.Errorf("the database was asked %d times in a second", n)
				}
			})
		})
	}
}

// As long as looks take equally long, the next one is back when what the last one saw runs out.
func TestLatch_makes_nobody_wait_for_a_usual_look(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1)
		office := New(store, Options{})
		store.before = func(int, sale.Reads) error { time.Sleep(20 * time.Millisecond); return nil }
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
			t.Fatal(err)
		}
		var waited atomic.Int64
		var buyers sync.WaitGroup
		time.Sleep(500 * time.Microsecond) // the bubble's clock: never in the very moment when the latch runs out
		for begun, asked := time.Now(), time.Now(); asked.Sub(begun) < time.Second; asked = time.Now() {
			for range 20 {
				buyers.Go(func() {
					if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrSoldOut) {
						t.Error(err)
					}
					if time.Since(asked) > 0 {
						waited.Add(1)
					}
				})
			}
			time.Sleep(time.Millisecond)
		}
		buyers.Wait()
		if looks := len(store.batches) - 1; int(waited.Load()) != looks || looks < 9 {
			t.Errorf("%d buyers waited, with %d looks", waited.Load(), looks)
		}
	})
}

// What a transaction saw is old as soon as it has let go of the row, which is before its desk hears of it.
func TestLatch_counts_from_what_was_seen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(2)
		office := New(store, Options{})
		store.after = func(int) error { time.Sleep(30 * time.Millisecond); return nil } // the answer is late
		if _, err := office.Reserve(t.Context(), store.id, buy(2)); err != nil {
			t.Fatal(err)
		}
		store.mu.Lock() // another replica gives the tickets back
		store.event.Stock.Available, store.event.Stock.Held = 2, 0
		store.mu.Unlock()
		time.Sleep(69 * time.Millisecond)
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrSoldOut) {
			t.Errorf("99 ms after the look: %v", err)
		}
		time.Sleep(time.Millisecond)
		var buyers sync.WaitGroup
		for range 2 { // one looks, the other must not be refused on what was seen before
			buyers.Go(func() {
				if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
					t.Errorf("100 ms after the look: %v", err)
				}
			})
		}
		buyers.Wait()
	})
}

// Payments of a sold-out event go on; its refused buyers must not ride along with them, nor wait for them for ever.
func TestLatch_refuses_beside_the_systems_commands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1)
		office := New(store, Options{})
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
			t.Fatal(err)
		}
		store.before = func(int, sale.Reads) error { time.Sleep(150 * time.Millisecond); return nil }
		var system sync.WaitGroup
		for range 3 {
			system.Go(func() {
				for range 10 {
					_, _ = office.Tell(t.Context(), store.id, &sale.Cancel{Booking: models.NewID[models.BookingID]()})
				}
			})
		}
		crowd(t, office, store.id, time.Second)
		system.Wait()
		for _, batch := range store.batches {
			if batch > 3 {
				t.Errorf("%d commands in a transaction, of three workers and those who were refused", batch)
			}
		}
	})
}

// When nobody can look, those who wait must not be sent to try it one after another.
func TestLatch_is_forgotten_when_a_look_fails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1)
		office := New(store, Options{})
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		store.before = func(int, sale.Reads) error { time.Sleep(time.Second); return repository.ErrUnavailable }
		var buyers sync.WaitGroup
		for range 50 {
			buyers.Go(func() {
				if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrUnavailable) {
					t.Error(err)
				}
			})
		}
		buyers.Wait()
		if got := fmt.Sprint(store.batches); got != "[1 1 49]" && got != "[1 50]" {
			t.Errorf("transactions %s", got)
		}
	})
}

func TestLatch_turns_away_who_waited_behind_the_look(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1)
		office := New(store, Options{})
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // the bubble's clock: the latch has run out
		store.entered, store.gate = make(chan struct{}, 10), make(chan struct{})
		var buyers sync.WaitGroup
		for range 50 {
			buyers.Go(func() {
				if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrSoldOut) {
					t.Error(err)
				}
			})
			synctest.Wait() // the first is in its transaction, the others wait
		}
		close(store.gate)
		buyers.Wait()
		if n := len(store.batches) - 1; n != 1 {
			t.Errorf("%d transactions for one look: %v", n, store.batches)
		}
	})
}

func TestLatch_never_stands_before_an_answered_key(t *testing.T) {
	t.Parallel()
	store := newScripted(2)
	office := New(store, Options{LatchFor: time.Hour})
	c := buy(2)
	c.Key = "k"
	first, err := office.Reserve(t.Context(), store.id, c)
	if err != nil {
		t.Fatal(err)
	}
	again := *c
	again.Booking = models.NewID[models.BookingID]()
	second, err := office.Reserve(t.Context(), store.id, &again)
	if err != nil || !second.Replayed || second.Booking.ID != first.Booking.ID {
		t.Fatalf("%+v, %v", second, err)
	}
	again.Hash[0]++
	if _, err := office.Reserve(t.Context(), store.id, &again); !errors.Is(err, models.ErrKeyReused) {
		t.Error(err)
	}
	again.Key = "other"
	if _, err := office.Reserve(t.Context(), store.id, &again); !errors.Is(err, models.ErrSoldOut) {
		t.Error(err)
	}
}

func TestReserve_of_a_caller_who_went_away_does_nothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(10)
		store.entered, store.gate = make(chan struct{}, 10), make(chan struct{})
		office := New(store, Options{})
		var group sync.WaitGroup
		leave := func(while string) {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := office.Reserve(ctx, store.id, buy(1)); !errors.Is(err, models.ErrBusy) {
					t.Errorf("gone while %s: %v", while, err)
				}
			})
		}
		leave("its transaction waits for the event's row")
		<-store.entered
		leave("waiting at the desk")
		group.Wait()
		close(store.gate)
		if err := office.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(store.bookings) != 0 {
			t.Errorf("%d bookings of buyers who had left before the row was free", len(store.bookings))
		}
		if len(store.batches) != 1 {
			t.Errorf("%d transactions: one who left while waiting at the desk costs none", len(store.batches))
		}
	})
}

// One who left before the batch was decided is no part of it when its commit is looked for either.
func TestReserve_of_a_caller_who_went_away_is_not_made_by_a_recheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(10)
		store.entered, store.gate = make(chan struct{}, 10), make(chan struct{})
		store.after = func(batch int) error { return on(batch == 2, repository.ErrCommitUnknown) }
		office := New(store, Options{})
		reserve := func(ctx context.Context, want error) func() {
			return func() {
				if _, err := office.Reserve(ctx, store.id, buy(1)); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var stay, leave sync.WaitGroup
		stay.Go(reserve(t.Context(), nil))
		<-store.entered
		stay.Go(reserve(t.Context(), nil))
		leave.Go(reserve(ctx, models.ErrBusy))
		synctest.Wait()
		store.gate <- struct{}{}
		<-store.entered // both are in the second batch
		cancel()
		leave.Wait()
		close(store.gate)
		stay.Wait()
		if len(store.bookings) != 2 || len(store.batches) != 3 {
			t.Errorf("%d bookings in %d transactions, want those of the two who stayed, in 3", len(store.bookings), len(store.batches))
		}
	})
}

// What is under the row's lock already takes place, unless the transaction has to be repeated: then its caller is not
// waited for any more.
func TestReserve_of_a_caller_who_left_during_the_commit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ends error
		want int
	}{
		"takes_place":             {nil, 1},
		"is_found_out":            {repository.ErrCommitUnknown, 1},
		"is_not_repeated_for_him": {repository.ErrConflict, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newScripted(10)
				entered, gate := make(chan struct{}), make(chan struct{})
				store.after = func(batch int) error {
					if batch > 1 {
						return nil
					}
					close(entered)
					<-gate
					if test.want == 0 {
						clear(store.bookings) // it lost: nothing was written
					}
					return test.ends
				}
				office := New(store, Options{})
				ctx, cancel := context.WithCancel(t.Context())
				var group sync.WaitGroup
				group.Go(func() {
					if _, err := office.Reserve(ctx, store.id, buy(1)); !errors.Is(err, models.ErrOutcomeUnknown) {
						t.Error(err)
					}
				})
				<-entered
				cancel()
				group.Wait()
				close(gate)
				if err := office.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if len(store.bookings) != test.want {
					t.Errorf("%d bookings, want %d", len(store.bookings), test.want)
				}
			})
		})
	}
}

// Buyers who come together share a timer; none waits longer than its patience, nor much less.
func TestReserve_ends_when_its_patience_does(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const long = 16 * time.Second
		store := newScripted(1000)
		entered, gate := make(chan struct{}, 50), make(chan struct{})
		store.after = func(int) error {
			entered <- struct{}{}
			<-gate
			return nil
		}
		office := New(store, Options{Patience: long, MaxBatch: 1, MaxWait: time.Minute})
		var group sync.WaitGroup
		wait := func(want error) {
			group.Go(func() {
				begun := time.Now()
				_, err := office.Reserve(t.Context(), store.id, buy(1))
				if took := time.Since(begun); !errors.Is(err, want) || took > long || took < long-long/16 {
					t.Errorf("after %s: %v; want %v", took, err, want)
				}
			})
		}
		wait(models.ErrOutcomeUnknown) // its commit is under way
		<-entered
		for range 40 { // over the lives of several timers
			wait(models.ErrBusy)
			time.Sleep(long / 32)
		}
		group.Wait()
		close(gate)
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
			t.Error(err)
		}
		if len(store.bookings) != 2 {
			t.Errorf("%d bookings; want that whose commit was under way, and the last", len(store.bookings))
		}
	})
}

func TestClose_answers_what_was_accepted_and_refuses_the_rest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(100)
		store.entered, store.gate = make(chan struct{}, 10), make(chan struct{})
		office := New(store, Options{MaxBatch: 2})
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- office.Close(t.Context()) }()
		synctest.Wait()
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrShuttingDown) {
			t.Error(err)
		}
		close(store.gate)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		group.Wait()
	})
}

// TestOffice_forgets_desks_while_others_begin: made-up events must not be able to stop the office, whatever desks do
// at the moment when idle ones are forgotten.
func TestOffice_forgets_desks_while_others_begin(t *testing.T) {
	t.Parallel()
	store := newScripted(1)
	store.nothing = true
	office := New(store, Options{})
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for range manyDesks / 8 {
				if _, err := office.Reserve(t.Context(), models.NewID[models.EventID](), buy(1)); !errors.Is(err, models.ErrEventNotFound) {
					t.Errorf("an event that is not there: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestOffice_forgets_idle_desks(t *testing.T) {
	t.Parallel()
	office := New(newScripted(1), Options{})
	for range 3 * manyDesks {
		office.desk(models.NewID[models.EventID]())
	}
	if len(office.desks) > manyDesks {
		t.Errorf("%d desks are kept", len(office.desks))
	}
}
