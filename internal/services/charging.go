package services

import (
	"context"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// start charges bookings that slots were taken for.
func (p *Payments) start(ctx context.Context, bookings []models.BookingRef) error {
	starts, err := retried(ctx, func() ([]repository.Start, error) {
		return p.store.StartCharges(ctx, p.gateway.Name(), bookings, p.options.Lease)
	})
	if err == nil {
		p.noteLag(starts)
	}
	unused := len(bookings)
	var free []models.BookingRef
	var strays []models.Stray
	for i := range starts {
		if starts[i].Unknown {
			strays = append(strays, models.Stray{
				ChargeKey: models.FirstCharge(starts[i].Booking.Ref()), Gateway: p.gateway.Name(),
			})
			continue
		}
		if starts[i].Charge == nil {
			free = append(free, starts[i].Booking.Ref())
			continue
		}
		unused--
		p.inBackground(ctx, p.inHand, func(ctx context.Context) { p.first(ctx, &starts[i]) })
	}
	p.inHand.release(unused)
	if err != nil {
		return err
	}
	if err := keepStrays(ctx, p.store, strays); err != nil {
		return err
	}
	_, err = tellEach(ctx, p.office, free, func(b models.BookingID) sale.Command { return &sale.ConfirmFree{Booking: b} })
	return err
}

// maxLag stands for that of bookings none of which may be charged any more: they waited for too long, perhaps.
const maxLag = 24 * time.Hour

// noteLag takes the oldest booking's.
func (p *Payments) noteLag(starts []repository.Start) {
	if len(starts) == 0 {
		p.lag.Store(int64(maxLag))
		return
	}
	var lag time.Duration
	for i := range starts {
		if starts[i].Unknown {
			continue
		}
		lag = max(lag, starts[i].At.Sub(starts[i].Booking.CreatedAt))
	}
	p.lag.Store(int64(lag))
}

// first asks the gateway for a charge that has never been asked for.
func (p *Payments) first(ctx context.Context, start *repository.Start) {
	// it ended just as its charge was written: nobody wants to be charged
	if start.Booking.Status != models.StatusPending {
		p.settle(ctx, start.Charge, unsure(p.call(ctx, chargeRequest(&start.Booking, start.Charge), p.gateway.Void)))
		return
	}
	result, mine := p.take(ctx, &start.Booking, start.Charge)
	if !mine {
		return
	}
	var seen *sale.Seen
	if _, prepares := p.gateway.(payments.Preparer); !prepares && result.Outcome == models.OutcomeSucceeded {
		seen = &sale.Seen{Booking: &start.Booking, Charge: start.Charge}
	}
	p.settleSeen(ctx, start.Charge, result, seen)
}

func (p *Payments) retry(ctx context.Context, d *repository.Due) {
	if d.Charge.Gateway != p.gateway.Name() {
		p.settle(ctx, &d.Charge, otherGateway(d.Charge.Gateway))
		return
	}
	if result, mine := p.resolve(ctx, d); mine {
		p.settle(ctx, &d.Charge, result)
	}
}

// resolve finds out what became of an open charge, and moves it on. It always asks before it charges: any earlier try
// may have taken the money. Once this is asked, "unavailable" no longer says that nothing was taken. mine is as take
// gives it.
func (p *Payments) resolve(ctx context.Context, d *repository.Due) (result models.Result, mine bool) {
	request := chargeRequest(&d.Booking, &d.Charge)
	found := p.call(ctx, request, p.gateway.Find)
	switch {
	case found.Outcome == models.OutcomeAbsent && d.Chargeable && d.Charge.Status == models.ChargeUnknown:
		return found, true // given up, and now surely not made: a person may retry or discard its letter
	case found.Outcome == models.OutcomeAbsent && d.Chargeable:
		return p.take(ctx, &d.Booking, &d.Charge)
	case found.Outcome == models.OutcomeAbsent, found.Outcome == models.OutcomePending &&
		(endedForGood(&d.Booking) || tooLate(d)):
		return unsure(p.call(ctx, request, p.gateway.Void)), true
	}
	return unsure(found), true
}

// take asks for the money. A gateway that makes references of its own has to make one first, which must be on disk
// before any money moves, or a lost answer could never be asked for. mine is false when the charge is not this
// process's to settle any more, or cannot be now.
func (p *Payments) take(ctx context.Context, b *models.Booking, c *models.Charge) (result models.Result, mine bool) {
	request := chargeRequest(b, c)
	if preparer, is := p.gateway.(payments.Preparer); is && request.ProviderReference == "" {
		request.EventName = p.names.of(ctx, b.EventID)
		prepared := p.call(ctx, request, preparer.Prepare)
		if prepared.Outcome != models.OutcomePrepared {
			return nothingMoved(prepared), true
		}
		request.ProviderReference = prepared.ProviderReference
		verdict, err := p.tellSettle(ctx, c, settlement(c, prepared, p.options.Lease))
		if err != nil || !stillMine(verdict.Charge, prepared) {
			return models.Result{}, false
		}
		// it ended meanwhile: nobody wants to be charged for it
		if verdict.Booking.Status != models.StatusPending || !verdict.Event.CancelledAt.IsZero() {
			return unsure(p.call(ctx, request, p.gateway.Void)), true
		}
	}
	return p.call(ctx, request, p.gateway.Charge), true
}

// stillMine reports whether a charge waits for just the reference that was prepared here. If not, another process has
// it in hand under a reference of its own, or it has ended; what was prepared here in vain is never charged.
func stillMine(c *models.Charge, prepared models.Result) bool {
	return c.Status.Open() && c.ProviderReference == prepared.ProviderReference
}

// nothingMoved says of a preparation that failed what is certain: no money was taken.
func nothingMoved(r models.Result) models.Result {
	if r.Outcome != models.OutcomeDeclined {
		r.Outcome = models.OutcomeUnavailable
	}
	return r
}

// endedForGood reports whether a payment can no longer confirm a booking. One that has expired it still can.
func endedForGood(b *models.Booking) bool {
	return b.Status == models.StatusCancelled && b.CancelReason != models.ReasonExpired
}

// maxLate is how long past its deadline an undecided charge may still confirm its booking. Then it is voided: one that
// waits for a buyer who has left would otherwise wait for ever. What cannot be voided, because a bank works on it, goes
// on.
const maxLate = time.Hour

func tooLate(d *repository.Due) bool {
	return d.Booking.Status == models.StatusCancelled && d.Charge.UpdatedAt.Sub(d.Booking.PaymentDeadline) >= maxLate
}

func chargeRequest(b *models.Booking, c *models.Charge) payments.ChargeRequest {
	return payments.ChargeRequest{
		Reference: c.Reference(), ProviderReference: c.ProviderReference, Booking: b.ID,
		Amount: c.Amount, Method: b.PaymentMethod, Deadline: b.PaymentDeadline,
	}
}
