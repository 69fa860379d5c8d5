package services

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/repository"
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
	slow map[models.EventID]bool // events whose desks have been told to expire bookings and have not answered yet
}

// NewUpkeep works on a store and a box office.
func NewUpkeep(store UpkeepStore, office *boxoffice.Office) *Upkeep {
	return &Upkeep{store: store, office: office, slow: make(map[models.EventID]bool)}
}

// expirePatience is how long Expire waits for desks. An event whose row somebody holds must not delay the others.
const expirePatience = 500 * time.Millisecond

// expireTimeout is how long a desk may take: longer than a lock is waited for.
const expireTimeout = 15 * time.Second

// Expire ends up to limit PENDING bookings whose deadline has passed. Events whose desks have not answered in time are
// left to them, and passed over until they have. It gives how many bookings it ended; when some could not be, also the
// first error.
func (u *Upkeep) Expire(ctx context.Context, limit int) (int, error) {
	refs, err := read(u.store.ExpiredBookings(ctx, limit, u.slowEvents()))
	if err != nil || len(refs) == 0 {
		return 0, err
	}
	byEvent := groupByEvent(refs)
	answers := make(chan boxoffice.Outcome, len(refs)) // room for all, so that late ones never wait
	for event, ids := range byEvent {
		u.setSlow(event, true)
		go u.expire(context.WithoutCancel(ctx), event, ids, answers)
	}
	patience := time.NewTimer(expirePatience)
	defer patience.Stop()
	done := 0
	for range refs {
		select {
		case answer := <-answers:
			err = firstOf(err, answer.Err)
			if answer.Err == nil {
				done++
			}
		case <-patience.C:
			return done, err
		}
	}
	return done, err
}

func (u *Upkeep) expire(ctx context.Context, event models.EventID, ids []models.BookingID, answers chan<- boxoffice.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, expireTimeout)
	defer cancel()
	commands := make([]sale.Command, len(ids))
	for i, id := range ids {
		commands[i] = &sale.Expire{Booking: id}
	}
	outcomes := u.office.TellAll(ctx, event, commands)
	u.setSlow(event, false)
	for _, outcome := range outcomes {
		answers <- outcome
	}
}

func (u *Upkeep) setSlow(event models.EventID, slow bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if slow {
		u.slow[event] = true
	} else {
		delete(u.slow, event)
	}
}

func (u *Upkeep) slowEvents() []models.EventID {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.slow))
}

// mostEvents bounds how many cancelled events one call of CancelBookings deals with.
const mostEvents = 100

// CancelBookings ends the live bookings of cancelled events, limit of them in one transaction, and owes their money
// back. It gives how many it ended; when some could not be, also the first error.
func (u *Upkeep) CancelBookings(ctx context.Context, limit int) (int, error) {
	events, err := read(u.store.CancelledEvents(ctx, mostEvents))
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
		ids, readErr := read(u.store.LiveBookings(ctx, event, after, limit))
		if readErr != nil || len(ids) == 0 {
			return ended, firstOf(err, readErr)
		}
		after = ids[len(ids)-1]
		n, tellErr := tell(ctx, u.office, event, ids, func(b models.BookingID) sale.Command {
			return &sale.CancelForEvent{Booking: b}
		})
		ended, err = ended+n, firstOf(err, tellErr)
	}
}

func firstOf(err, next error) error {
	if err != nil {
		return err
	}
	return next
}

// desksAtOnce bounds for how many events commands are told at once.
const desksAtOnce = 16

// tellEach puts a command for each booking before its event's desk and waits for all. It gives how many came to pass;
// when some did not, also the first error.
func tellEach(ctx context.Context, office *boxoffice.Office, refs []models.BookingRef, command func(models.BookingID) sale.Command) (done int, err error) {
	byEvent := groupByEvent(refs)
	var mu sync.Mutex
	var group sync.WaitGroup
	note := func(n int, noted error) {
		mu.Lock()
		defer mu.Unlock()
		done, err = done+n, firstOf(err, noted)
	}
	turns := newSlots(desksAtOnce)
	for event, ids := range byEvent {
		if _, turnErr := turns.acquire(ctx, 1, 1); turnErr != nil {
			note(0, repository.Explain(turnErr))
			break
		}
		group.Go(func() {
			defer turns.release(1)
			note(tell(ctx, office, event, ids, command))
		})
	}
	group.Wait()
	return done, err
}

func groupByEvent(refs []models.BookingRef) map[models.EventID][]models.BookingID {
	byEvent := make(map[models.EventID][]models.BookingID)
	for _, r := range refs {
		byEvent[r.Event] = append(byEvent[r.Event], r.Booking)
	}
	return byEvent
}

// tell is tellEach for one event.
func tell(ctx context.Context, office *boxoffice.Office, event models.EventID, ids []models.BookingID, command func(models.BookingID) sale.Command) (done int, err error) {
	commands := make([]sale.Command, len(ids))
	for i, id := range ids {
		commands[i] = command(id)
	}
	for _, outcome := range office.TellAll(ctx, event, commands) {
		err = firstOf(err, outcome.Err)
		if outcome.Err == nil {
			done++
		}
	}
	return done, err
}
