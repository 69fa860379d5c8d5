package services_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

func TestExpire_ends_what_is_unpaid_at_its_deadline(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	upkeep := services.NewUpkeep(s.Store, s.Office)
	first, second := s.Event(10).ID, s.Event(10).ID
	refs := append(s.BookMany(first, 3, simulator.OK), s.BookMany(second, 2, simulator.OK)...)
	s.Clock.Advance(shop.Deadline - time.Microsecond)
	later := s.Book(first, 1, simulator.OK)
	if n, err := upkeep.Expire(t.Context(), 100); n != 0 || err != nil {
		t.Fatalf("expired %d (%v) before the deadline", n, err)
	}
	s.Clock.Advance(time.Microsecond)
	if n, err := upkeep.Expire(t.Context(), 100); n != 5 || err != nil {
		t.Fatalf("expired %d (%v), want 5", n, err)
	}
	for _, ref := range refs {
		if state := s.State(ref); state != "CANCELLED expired" {
			t.Errorf("a booking is %s", state)
		}
	}
	if state := s.State(later); state != "PENDING" {
		t.Errorf("the later booking is %s", state)
	}
	if stock := s.Stock(first); stock.Available != 9 || stock.Held != 1 {
		t.Errorf("stock %+v", stock)
	}
}

// Two replicas' sweepers, and users who cancel meanwhile: every ticket returns once. Cases 17 and 38.
func TestExpire_from_two_replicas_returns_tickets_once(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	event := s.Event(300).ID
	refs := s.BookMany(event, 300, simulator.OK)
	s.Clock.Advance(shop.Deadline)
	var group sync.WaitGroup
	for range 2 {
		upkeep := services.NewUpkeep(s.Store, shop.OpenOffice(t, s.Store))
		group.Go(func() {
			for n := 1; n > 0; {
				var err error
				if n, err = upkeep.Expire(t.Context(), 70); err != nil {
					t.Error(err)
				}
			}
		})
	}
	bookings := services.NewBookings(s.Store, s.Office, services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith})
	for _, ref := range refs[:50] {
		group.Go(func() {
			if _, err := bookings.Cancel(t.Context(), models.TheOperator, ref.Booking); err != nil && !errors.Is(err, models.ErrAlreadyCancelled) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if stock := s.Stock(event); stock.Available != 300 || stock.Cancelled != 300 {
		t.Errorf("stock %+v", stock)
	}
}

func TestCancelBookings_of_a_cancelled_event(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	cancelled, other := x.Event(100).ID, x.Event(100).ID
	paid, unpaid, elsewhere := x.BookMany(cancelled, 12, simulator.OK), x.BookMany(cancelled, 13, simulator.OK), x.Book(other, 1, simulator.OK)
	x.charge(paid...)
	if _, err := services.NewEvents(x.Store, x.Office).Cancel(t.Context(), models.TheOperator, cancelled); err != nil {
		t.Fatal(err)
	}
	upkeep := services.NewUpkeep(x.Store, x.Office)
	if n, err := upkeep.CancelBookings(t.Context(), 10); n != 25 || err != nil {
		t.Fatalf("cancelled %d (%v), want 25", n, err)
	}
	if n, err := upkeep.CancelBookings(t.Context(), 10); n != 0 || err != nil {
		t.Fatalf("cancelled %d (%v) again", n, err)
	}
	for x.refund() > 0 {
	}
	for _, ref := range paid {
		x.wantState(ref, "CANCELLED event_cancelled")
		x.wantMoney(ref, 1, true)
	}
	for _, ref := range unpaid {
		x.wantState(ref, "CANCELLED event_cancelled")
	}
	x.wantState(elsewhere, "PENDING")
}

func TestUpkeep_reports_what_it_could_not_do(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	store := &brokenDesk{Store: s.Store}
	upkeep := services.NewUpkeep(store, shop.OpenOffice(t, store))
	ref := s.Book(s.Event(10).ID, 1, simulator.OK)
	s.Clock.Advance(shop.Deadline)
	store.before.Store(new(repository.ErrUnavailable))
	if n, err := upkeep.Expire(t.Context(), 10); n != 0 || !errors.Is(err, models.ErrUnavailable) {
		t.Errorf("expired %d, error %v", n, err)
	}
	store.before.Store(nil)
	if n, err := upkeep.Expire(t.Context(), 10); n != 1 || err != nil {
		t.Errorf("expired %d, error %v", n, err)
	}
	if state := s.State(ref); state != "CANCELLED expired" {
		t.Errorf("the booking is %s", state)
	}
}

// stuckStore holds one event's row until it is told to let go, as somebody at the database's prompt may.
type stuckStore struct {
	shop.Store
	event models.EventID
	let   chan struct{}
}

func (s *stuckStore) AtDesk(ctx context.Context, event models.EventID, batch models.BatchID, need sale.Reads, decide func(*sale.State)) error {
	if event == s.event {
		<-s.let
	}
	return s.Store.AtDesk(ctx, event, batch, need, decide)
}

// One event whose row is held must not delay the expiry of the others' bookings.
func TestExpire_passes_over_an_event_whose_row_is_held(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	held, other := s.Event(10).ID, s.Event(10).ID
	stuck := s.BookMany(held, 3, simulator.OK)
	s.Clock.Advance(time.Second)
	free := s.BookMany(other, 2, simulator.OK)
	s.Clock.Advance(shop.Deadline)
	store := &stuckStore{Store: s.Store, event: held, let: make(chan struct{})}
	upkeep := services.NewUpkeep(s.Store, shop.OpenOffice(t, store))
	if n, err := upkeep.Expire(t.Context(), 3); n != 0 || err != nil { // the oldest are all the held event's
		t.Fatalf("expired %d, %v", n, err)
	}
	if n, err := upkeep.Expire(t.Context(), 3); n != 2 || err != nil {
		t.Fatalf("expired %d, %v; want the other event's", n, err)
	}
	close(store.let)
	testkit.Eventually(t, 10*time.Second, func() error {
		for _, ref := range append(stuck, free...) {
			if state := s.State(ref); state != "CANCELLED expired" {
				return errors.New("a booking is " + state)
			}
		}
		return nil
	})
}
