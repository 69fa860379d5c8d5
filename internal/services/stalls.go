package services

import (
	"context"
	"time"

	"quantix/internal/models"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

// stallBase is the least pause of a payment whose gateway limits its rate or is away: the pacer decides when calls go, and
// until then the payment is as well left in the database.
const stallBase = time.Second

// Room gives how many of most payments the gateway has room for now. What there is none for is better left in the queue
// or in the database: there it waits for its deadline alone, and no try of it is counted.
func (p *Payments) Room(most int) int { return p.pace.Room(most) }

// mostTurn bounds how long a call waits for its turn: a rate that has just dropped must not let the lease of its charge run
// out. What has no turn by then is as well left in the database.
const mostTurn = 5 * time.Second

// turn waits until a call may go, and tells whether it may.
func (p *Payments) turn(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, mostTurn)
	defer cancel()
	return p.pace.Wait(ctx) == nil
}

// stallPause is how long a payment is left alone whose gateway would have no call.
func (p *Payments) stallPause() time.Duration {
	return retry.Backoff(max(p.options.RetryBase, stallBase), 1, p.options.RetryMost)
}

// Free bookings need no gateway, but wait in the same queue as the others. So while that rests they are looked for in the
// database, now and then, in pages.
const (
	freeEvery = 5 // seconds
	freePage  = 1000
	freePages = 100
)

// ConfirmFree confirms free bookings that wait behind those that the gateway has no room for. It gives how many; when some
// could not be confirmed, also the first error.
func (p *Payments) ConfirmFree(ctx context.Context) (confirmed int, err error) {
	now, last := time.Now().Unix(), p.freed.Load()
	if now-last < freeEvery || !p.freed.CompareAndSwap(last, now) {
		return 0, nil
	}
	var after *models.Position
	for range freePages {
		page, readErr := read(p.store.FreeBookings(ctx, after, freePage))
		if readErr != nil || len(page) == 0 {
			return confirmed, firstOf(err, readErr)
		}
		n, tellErr := p.confirmFree(ctx, page)
		confirmed, err = confirmed+n, firstOf(err, tellErr)
		last := page[len(page)-1]
		after = &models.Position{Time: last.PaymentDeadline, ID: last.ID}
	}
	return confirmed, err
}

func (p *Payments) confirmFree(ctx context.Context, bookings []models.Booking) (int, error) {
	refs := make([]models.BookingRef, len(bookings))
	for i := range bookings {
		refs[i] = bookings[i].Ref()
	}
	return tellEach(ctx, p.office, refs, func(b models.BookingID) sale.Command { return &sale.ConfirmFree{Booking: b} })
}
