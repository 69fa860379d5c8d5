package services

import (
	"context"
	"sync"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/repository"
)

// UpkeepStore is what the upkeep of bookings reads.
type UpkeepStore interface {
	ExpiredBookings(ctx context.Context, limit int) ([]models.BookingRef, error)
	CancelledEvents(ctx context.Context, limit int) ([]models.EventID, error)
	LiveBookings(ctx context.Context, event models.EventID, after models.BookingID, limit int) ([]models.BookingID, error)
}

// Upkeep ends bookings whose time has come. Any number of replicas may do it at once: the desk looks again under the
// event's lock, so a repeat changes nothing.
type Upkeep struct {
	store  UpkeepStore
	office *boxoffice.Office
}

// NewUpkeep works on a store and a box office.
func NewUpkeep(store UpkeepStore, office *boxoffice.Office) *Upkeep {
	return &Upkeep{store: store, office: office}
}

// Expire ends up to limit PENDING bookings whose deadline has passed. It gives how many it ended; when some could not be,
// also the first error.
func (u *Upkeep) Expire(ctx context.Context, limit int) (int, error) {
	refs, err := read(u.store.ExpiredBookings(ctx, limit))
	if err != nil {
		return 0, err
	}
	return tellEach(ctx, u.office, refs, func(b models.BookingID) models.Command { return &models.Expire{Booking: b} })
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
		n, tellErr := tell(ctx, u.office, event, ids, func(b models.BookingID) models.Command {
			return &models.CancelForEvent{Booking: b}
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
func tellEach(ctx context.Context, office *boxoffice.Office, refs []models.BookingRef, command func(models.BookingID) models.Command) (done int, err error) {
	byEvent := make(map[models.EventID][]models.BookingID)
	for _, r := range refs {
		byEvent[r.Event] = append(byEvent[r.Event], r.Booking)
	}
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

// tell is tellEach for one event.
func tell(ctx context.Context, office *boxoffice.Office, event models.EventID, ids []models.BookingID, command func(models.BookingID) models.Command) (done int, err error) {
	commands := make([]models.Command, len(ids))
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
