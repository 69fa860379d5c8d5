package services

import (
	"context"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// Free bookings need no gateway, but wait in the same queue as the others. So while that rests they are looked for in
// the database, now and then, in pages.
const (
	freeEvery = 5 // seconds
	freePage  = 1000
	freePages = 100
)

// ConfirmFree confirms free bookings that wait behind those that the gateway has no room for. It returns how many; when
// some could not be confirmed, also the first error.
func (p *Payments) ConfirmFree(ctx context.Context) (confirmed int, err error) {
	now, last := time.Now().Unix(), p.freed.Load()
	if now-last < freeEvery || !p.freed.CompareAndSwap(last, now) {
		return 0, nil
	}
	var after *models.Position
	for range freePages {
		page, readErr := explained(p.store.FreeBookings(ctx, after, freePage))
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
