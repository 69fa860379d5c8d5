package jobs

import (
	"context"
	"slices"
	"time"

	"quantix/internal/models"
)

// suspects are bookings that looked lost when they were looked for last. One that looks so again, a while later, is:
// what was on its way from the outbox to a queue has arrived there by then.
type suspects struct {
	looked time.Time
	found  map[models.BookingRef]bool
}

// search finds messages that the queue has lost without a sign, and publishes them again. Age alone cannot tell them
// from a backlog: they are older than the oldest message that any queue still holds.
func (r *Reconciler) search(ctx context.Context) (published int, err error) {
	if time.Since(r.suspects.looked) < r.Search {
		return 0, nil
	}
	oldest, err := r.Queue.Oldest(ctx)
	if err != nil {
		return 0, err
	}
	var held *models.BookingRef
	if oldest != nil {
		if oldest.Err != nil {
			return 0, nil // how old it is cannot be told; a worker sets it aside
		}
		held = &oldest.Booking
	}
	found, err := r.Store.LostBookings(ctx, held, r.Slack, maxLost)
	if err != nil {
		return 0, err
	}
	for page := range slices.Chunk(r.suspects.again(found), r.Page) {
		n, publishErr := r.Store.PublishLost(ctx, page)
		if published, err = published+n, publishErr; err != nil {
			break
		}
	}
	if published > 0 {
		r.Logger.Warn("the queue has lost messages; their bookings were published again", "bookings", published)
	}
	return published, err
}

// maxLost bounds the bookings that one search looks at: what a replica had in an on-sale goes with it, and is to be
// charged within two minutes.
const maxLost = 10_000

// again returns those of the bookings that were suspects before; all of them are for the next time.
func (s *suspects) again(found []models.BookingRef) (lost []models.BookingRef) {
	before := s.found
	s.looked, s.found = time.Now(), make(map[models.BookingRef]bool, len(found))
	for _, ref := range found {
		s.found[ref] = true
		if before[ref] {
			lost = append(lost, ref)
		}
	}
	return lost
}
