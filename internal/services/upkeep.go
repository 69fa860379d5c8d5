package services

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/sale"
)

// UpkeepStore is what the upkeep of bookings reads.
type UpkeepStore interface {
	ExpiredBookings(ctx context.Context, limit int, except []models.EventID) ([]models.BookingRef, error)
	CancelledEvents(ctx context.Context, limit int) ([]models.EventID, error)
	LiveBookings(ctx context.Context, event models.EventID, after models.BookingID, limit int) ([]models.BookingID, error)
}

// Upkeep ends bookings whose time has come. Any number of replicas may do it at once: the desk looks again under the
// event's lock, so a repeat changes nothing.
type Upkeep struct {
	store  UpkeepStore
	office *boxoffice.Office

	mu   sync.Mutex
	busy map[models.EventID]bool // events whose desks have been told to expire bookings and have not answered yet
}

// NewUpkeep works on a store and a box office.
func NewUpkeep(store UpkeepStore, office *boxoffice.Office) *Upkeep {
	return &Upkeep{store: store, office: office, busy: make(map[models.EventID]bool)}
}

// expireWait is how long Expire waits for desks. An event whose row somebody holds must not delay the others.
const expireWait = 500 * time.Millisecond

// expireTimeout is how long a desk may take: longer than a lock is waited for.
const expireTimeout = 15 * time.Second

// Expire ends up to limit PENDING bookings whose deadline has passed. Events whose desk has not answered in time are
// skipped until it has. It returns how many bookings it ended; when some could not be, also the first error.
func (u *Upkeep) Expire(ctx context.Context, limit int) (int, error) {
	refs, err := explained(u.store.ExpiredBookings(ctx, limit, u.busyEvents()))
	if err != nil || len(refs) == 0 {
		return 0, err
	}
	byEvent := groupByEvent(refs, func(b models.BookingID) sale.Command { return &sale.Expire{Booking: b} })
	answers := make(chan boxoffice.Outcome, len(refs)) // room for all, so that late ones never wait
	for event, commands := range byEvent {
		u.setBusy(event, true)
		go u.expire(context.WithoutCancel(ctx), event, commands, answers)
	}
	wait := time.NewTimer(expireWait)
	defer wait.Stop()
	done := 0
	for range refs {
		select {
		case answer := <-answers:
			err = firstOf(err, answer.Err)
			if answer.Err == nil {
				done++
			}
		case <-wait.C:
			return done, err
		}
	}
	return done, err
}

func (u *Upkeep) expire(
	ctx context.Context, event models.EventID, commands []sale.Command, answers chan<- boxoffice.Outcome,
) {
	ctx, cancel := context.WithTimeout(ctx, expireTimeout)
	defer cancel()
	outcomes := u.office.TellAll(ctx, event, commands)
	u.setBusy(event, false)
	for _, outcome := range outcomes {
		answers <- outcome
	}
}

func (u *Upkeep) setBusy(event models.EventID, busy bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if busy {
		u.busy[event] = true
	} else {
		delete(u.busy, event)
	}
}

func (u *Upkeep) busyEvents() []models.EventID {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.busy))
}

// maxEvents bounds how many cancelled events one call of CancelBookings deals with.
const maxEvents = 100

// CancelBookings ends the live bookings of cancelled events, limit of them in one transaction, and owes their money
// back. It returns how many it ended; when some could not be, also the first error.
func (u *Upkeep) CancelBookings(ctx context.Context, limit int) (int, error) {
	events, err := explained(u.store.CancelledEvents(ctx, maxEvents))
	ended := 0
	for _, event := range events {
		n, eventErr := u.cancelBookingsOf(ctx, event, limit)
		ended += n
		if err == nil {
			err = eventErr
		}
	}
	return ended, err
}

func (u *Upkeep) cancelBookingsOf(ctx context.Context, event models.EventID, limit int) (ended int, err error) {
	after := models.BookingID{}
	for {
		ids, readErr := explained(u.store.LiveBookings(ctx, event, after, limit))
		if readErr != nil || len(ids) == 0 {
			return ended, firstOf(err, readErr)
		}
		after = ids[len(ids)-1]
		refs := make([]models.BookingRef, len(ids))
		for i, id := range ids {
			refs[i] = models.BookingRef{Event: event, Booking: id}
		}
		n, tellErr := tellEach(ctx, u.office, refs, func(b models.BookingID) sale.Command {
			return &sale.CancelForEvent{Booking: b}
		})
		ended, err = ended+n, firstOf(err, tellErr)
	}
}
