package boxoffice

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// decisions is the order of what was decided, by what need names.
type decisions struct {
	mu  sync.Mutex
	all []string
}

func (d *decisions) note(_ int, need sale.Reads) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case len(need.Users) > 0:
		d.all = append(d.all, "buyers")
	case len(need.Bookings) > 0:
		d.all = append(d.all, "cancellation")
	default:
		d.all = append(d.all, "organiser")
	}
	return nil
}

// A sale must be stopped, and tickets be given back, just when the most buyers wait.
func TestDesk_takes_organisers_and_cancellations_before_a_crowd_of_buyers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, seen := newScripted(1000), &decisions{}
		store.entered, store.gate, store.before = make(chan struct{}, 100), make(chan struct{}), seen.note
		office := New(store, Options{MaxInbox: 3, MaxBatch: 1})
		var group sync.WaitGroup
		group.Go(func() { _, _ = office.Reserve(t.Context(), store.id, buy(1)) })
		<-store.entered
		for range 3 {
			group.Go(func() {
				if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrEventCancelled) {
					t.Errorf("a buyer: %v", err)
				}
			})
		}
		synctest.Wait()
		if _, err := office.Reserve(t.Context(), store.id, buy(1)); !errors.Is(err, models.ErrBusy) {
			t.Fatalf("the inbox is not full: %v", err)
		}
		group.Go(func() {
			_, err := office.Ask(t.Context(), store.id, &sale.Cancel{Booking: models.NewID[models.BookingID]()})
			if !errors.Is(err, models.ErrBookingNotFound) {
				t.Errorf("the cancellation: %v", err)
			}
		})
		group.Go(func() {
			if _, err := office.Ask(t.Context(), store.id, &sale.CancelEvent{}); err != nil {
				t.Errorf("the organiser: %v", err)
			}
		})
		synctest.Wait()
		close(store.gate)
		group.Wait()
		if store.event.CancelledAt.IsZero() || store.event.Stock.Taken() != 1 {
			t.Errorf("the buyers came first: %+v", store.event)
		}
	})
}

// One who repeats a command by the thousand fills neither the memory nor the other's lane.
func TestDesk_bounds_organisers_and_cancellations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1000)
		store.entered, store.gate = make(chan struct{}, 100), make(chan struct{})
		office := New(store, Options{})
		var group sync.WaitGroup
		var refused atomic.Int64
		ask := func(c sale.Command) {
			group.Go(func() {
				if _, err := office.Ask(t.Context(), store.id, c); errors.Is(err, models.ErrBusy) {
					refused.Add(1)
				}
			})
		}
		ask(&sale.CancelEvent{})
		<-store.entered
		for range 1000 {
			ask(&sale.Cancel{Booking: models.NewID[models.BookingID]()})
		}
		synctest.Wait()
		if got := refused.Load(); got != 1000-maxWaiting {
			t.Errorf("%d cancellations were refused", got)
		}
		ask(&sale.EditEvent{})
		synctest.Wait()
		if got := refused.Load(); got != 1000-maxWaiting {
			t.Error("cancellations filled the organisers' lane")
		}
		close(store.gate)
		group.Wait()
	})
}

// hanging is a store that answers nothing.
type hanging struct {
	*scripted
	inHand, most atomic.Int64
}

func (h *hanging) BookingByKey(ctx context.Context, _ models.EventID, _ models.ReplayKey) (models.Booking, error) {
	for n := h.inHand.Add(1); ; {
		if most := h.most.Load(); n <= most || h.most.CompareAndSwap(most, n) {
			break
		}
	}
	defer h.inHand.Add(-1)
	<-ctx.Done()
	return models.Booking{}, repository.ErrUnavailable
}

// While the store hangs, MAX_WAIT holds for those who wait already, with a key or without, and those with a key are
// bounded: what is looked up at one time, and how long it takes.
func TestReserve_with_a_key_does_not_pile_up_before_a_store_that_hangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &hanging{scripted: newScripted(1000)}
		store.entered, store.gate = make(chan struct{}, 100), make(chan struct{})
		office := New(store, Options{MaxWait: time.Second, MaxInbox: 500})
		var group sync.WaitGroup
		var atOnce atomic.Int64
		reserve := func(key string, most time.Duration) {
			group.Go(func() {
				c := buy(1)
				c.Key = key
				begun := time.Now()
				_, err := office.Reserve(t.Context(), store.id, c)
				took := time.Since(begun)
				if took > most || !errors.Is(err, models.ErrBusy) && !errors.Is(err, models.ErrUnavailable) {
					t.Errorf("key %q after %s: %v", key, took, err)
				}
				if took == 0 {
					atOnce.Add(1)
				}
			})
		}
		group.Go(func() { _, _ = office.Reserve(t.Context(), store.id, buy(1)) })
		<-store.entered
		for range 200 {
			reserve("", time.Second)
			reserve("k", 2*time.Second)
		}
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		for range 2000 { // the inbox has room for 100 of them
			reserve("late", 2*time.Second)
		}
		synctest.Wait()
		if got := atOnce.Load(); got < 1000 {
			t.Errorf("only %d were refused at once", got)
		}
		if most := store.most.Load(); most != lookupsAtOnce {
			t.Errorf("%d lookups at once", most)
		}
		time.Sleep(3 * time.Second)
		close(store.gate)
		group.Wait()
	})
}
