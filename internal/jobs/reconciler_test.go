package jobs

import (
	"context"
	"errors"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
)

// lossy is a shop whose relay has carried bookings into a queue that has lost them since.
type lossy struct {
	*house
	relay *Relay
	old   models.QueueMark // what the store remembers of the queue that was
}

func newLossy(t *testing.T, bookings int) *lossy {
	t.Helper()
	l := &lossy{house: newHouse(t, embedded(), simulator.Options{})}
	l.relay = &Relay{Settings: l.settings(), Store: l.Store, Queue: l.queue, Lease: time.Minute, Rows: 256, Bookings: 1000}
	l.BookMany(l.Event(100).ID, bookings, simulator.OK)
	l.carry(bookings)
	l.old = l.mark()
	l.queue = embedded()
	l.relay.Queue = l.queue
	return l
}

func (l *lossy) carry(want int) {
	l.t.Helper()
	if n, _, err := l.relay.carry(l.t.Context()); n != want || err != nil {
		l.t.Fatalf("the relay carried %d bookings, %v; want %d", n, err, want)
	}
}

func (l *lossy) mark() models.QueueMark {
	l.t.Helper()
	mark, err := l.Store.QueueMark(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return mark
}

func (l *lossy) reconciler(store ReconcilerStore) *Reconciler {
	return &Reconciler{Settings: l.settings().withDefaults(1), Store: store, Queue: l.queue, Page: 2}
}

// A relay that goes on while the loss is not mended must not have it forgotten: the new queue's mark is remembered only
// with the bookings that were published again.
func TestRelay_keeps_the_old_mark_until_the_loss_is_mended(t *testing.T) {
	t.Parallel()
	l := newLossy(t, 5)
	l.BookMany(l.Event(100).ID, 2, simulator.OK)
	l.carry(2)
	if kept := l.mark(); kept != l.old {
		t.Fatalf("the store remembers %+v, which hides the loss since %+v", kept, l.old)
	}
	if n, _, err := l.reconciler(l.Store).compare(t.Context()); n != 7 || err != nil {
		t.Fatalf("%d bookings were published again, %v; want all 7", n, err)
	}
	l.carry(7)
	if now, err := l.queue.Mark(t.Context()); err != nil || l.mark() != now {
		t.Errorf("the store remembers %+v, the queue shows %+v, %v", l.mark(), now, err)
	}
}

// interrupted is a store where something happens before each page of unpaid bookings.
type interrupted struct {
	ReconcilerStore
	pages  int
	before func(page int) error
}

func (s *interrupted) UnpaidBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error) {
	s.pages++
	if err := s.before(s.pages); err != nil {
		return nil, err
	}
	return s.ReconcilerStore.UnpaidBookings(ctx, after, limit)
}

// A process that dies between two pages leaves the loss to be seen: what it had not come to is published by the next.
func TestReconciler_that_dies_half_way_leaves_the_loss_to_be_seen(t *testing.T) {
	t.Parallel()
	l := newLossy(t, 5)
	died := errors.New("as if the process had died")
	store := &interrupted{ReconcilerStore: l.Store, before: func(page int) error {
		if page == 2 {
			return died
		}
		return nil
	}}
	if n, _, err := l.reconciler(store).compare(t.Context()); n != 2 || !errors.Is(err, died) {
		t.Fatalf("%d bookings were published again, %v; want the first page's", n, err)
	}
	now, err := l.queue.Mark(t.Context())
	if err != nil || !queue.Lost(l.mark(), now) {
		t.Fatalf("the store remembers %+v, the queue shows %+v (%v): the loss is hidden", l.mark(), now, err)
	}
	if n, _, err := l.reconciler(l.Store).compare(t.Context()); n != 5 || err != nil {
		t.Errorf("%d bookings were published again, %v; want all", n, err)
	}
}

// Two replicas see the same loss: the one that is overtaken leaves the rest to the other, instead of publishing all of
// an on-sale twice.
func TestReconciler_stops_where_another_was_faster(t *testing.T) {
	t.Parallel()
	l := newLossy(t, 7)
	store := &interrupted{ReconcilerStore: l.Store, before: func(page int) error {
		if page != 2 {
			return nil
		}
		n, _, err := l.reconciler(l.Store).compare(t.Context())
		if n != 7 {
			t.Errorf("the other published %d bookings again, want all", n)
		}
		return err
	}}
	if n, _, err := l.reconciler(store).compare(t.Context()); n != 2 || err != nil {
		t.Errorf("the one that was overtaken published %d bookings again, %v; want its first page's", n, err)
	}
}
