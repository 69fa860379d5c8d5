package services

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

// mostDue bounds how many due charges or refunds are taken up at once.
const mostDue = 256

// Retry takes up charges whose next try has come, because an earlier one failed, is undecided, or was cut off by a
// crash, and resolves them with the gateway in the background (see Drain). It gives how many it took up.
func (p *Payments) Retry(ctx context.Context) (int, error) {
	return takeUp(ctx, p, func(n int) ([]repository.Due, error) {
		return p.store.DueCharges(ctx, n, p.options.Lease)
	}, p.retry, func(d *repository.Due) string { return d.Charge.Gateway })
}

// Refund gives back charges that are owed back, in the background (see Drain). It gives how many it took up.
func (p *Payments) Refund(ctx context.Context) (int, error) {
	return takeUp(ctx, p, func(n int) ([]repository.DueRefund, error) {
		return p.store.DueRefunds(ctx, n, p.options.Lease)
	}, p.refund, func(d *repository.DueRefund) string { return d.Refund.Gateway })
}

// takeUp takes only what there are slots for, so that a lease never runs out while its charge waits for a slot. What is
// another gateway's needs no place at this one, and takes none.
func takeUp[T any](
	ctx context.Context, p *Payments, take func(int) ([]T, error), do func(context.Context, *T), gateway func(*T) string,
) (int, error) {
	room := p.Room(mostDue)
	if room == 0 {
		return 0, nil
	}
	n, err := p.inHand.acquire(ctx, 1, room)
	if err != nil {
		return 0, repository.Explain(err)
	}
	due, err := write(ctx, func() ([]T, error) { return take(n) })
	var others []*T
	for i := range due {
		if gateway(&due[i]) != p.gateway.Name() {
			others = append(others, &due[i])
			continue
		}
		p.inBackground(ctx, p.inHand, func(ctx context.Context) { do(ctx, &due[i]) })
	}
	p.inHand.release(n - len(due) + len(others))
	free, _ := p.elsewhere.acquire(ctx, 0, len(others)) // what there is no room for is taken up again when its lease runs out
	for _, other := range others[:free] {
		p.inBackground(ctx, p.elsewhere, func(ctx context.Context) { do(ctx, other) })
	}
	return len(due), err
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

// otherGateway is the answer of a gateway that is not there to be asked.
func otherGateway(name string) models.Result {
	return models.Result{Outcome: models.Gone, Reason: fmt.Sprintf("the gateway %q is not set up any more", name)}
}

// resolve finds out what became of an open charge, and moves it on. It always asks before it charges: any earlier try may
// have taken the money. Once this is asked, "unavailable" no longer says that nothing was taken. mine is as take gives it.
func (p *Payments) resolve(ctx context.Context, d *repository.Due) (result models.Result, mine bool) {
	request := chargeRequest(&d.Booking, &d.Charge)
	found := p.call(ctx, request, p.gateway.Find)
	switch {
	case found.Outcome == models.Absent && d.Chargeable && d.Charge.Status == models.ChargeUnknown:
		return found, true // given up, and now surely not made: a person may retry or discard its letter
	case found.Outcome == models.Absent && d.Chargeable:
		return p.take(ctx, &d.Booking, &d.Charge)
	case found.Outcome == models.Absent, found.Outcome == models.StillOpen && (endedForGood(&d.Booking) || tooLate(d)):
		return unsure(p.call(ctx, request, p.gateway.Void)), true
	}
	return unsure(found), true
}

// endedForGood tells whether a payment can no longer confirm a booking. One that has expired it still can.
func endedForGood(b *models.Booking) bool {
	return b.Status == models.Cancelled && b.CancelReason != models.ReasonExpired
}

// mostLate is how long past its deadline an undecided charge may still confirm its booking. Then it is voided: one that waits
// for a buyer who has left would else wait for ever. What cannot be voided, because a bank works on it, goes on.
const mostLate = time.Hour

func tooLate(d *repository.Due) bool {
	return d.Booking.Status == models.Cancelled && d.Charge.UpdatedAt.Sub(d.Booking.PaymentDeadline) >= mostLate
}

// unsure turns a failed question into what it is: no knowledge of the charge.
func unsure(r models.Result) models.Result {
	if r.Outcome == models.Unavailable {
		r.Outcome = models.Unknown
	}
	return r
}

func (p *Payments) refund(ctx context.Context, d *repository.DueRefund) {
	r := &d.Refund
	result := otherGateway(r.Gateway)
	if r.Gateway == p.gateway.Name() {
		var ended bool
		if result, ended = p.giveBack(ctx, r); ended {
			p.options.Observer.Payment("refund", string(result.Outcome))
			return
		}
	}
	p.settleRefund(ctx, r, result)
}

// settleRefund records an answer; what the store cannot take now is asked again, under the same key.
func (p *Payments) settleRefund(ctx context.Context, r *models.Refund, result models.Result) {
	p.options.Observer.Payment("refund", outcomeOf(result))
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	command := &sale.SettleRefund{Charge: r.ChargeKey, Part: r.Part, Try: r.Attempts, Result: result, Backoff: p.refundPause(r, result)}
	if _, err := p.office.Tell(ctx, r.Event, command); err != nil {
		p.options.Logger.Warn("a refund is not settled yet", "reference", r.Reference(), "outcome", result.Outcome, "error", err)
		return
	}
	failing := result.Outcome != models.Succeeded && result.Outcome != models.StillOpen && result.Stall == ""
	if failing && r.Attempts == models.MaxAttempts || result.Outcome == models.Gone && r.Attempts == 1 {
		p.gaveUp("refund", r.Reference(), r.ChargeKey, result)
	}
}

// mostRefundPause is the longest pause between two questions about a refund that the gateway has in hand. Banks take days.
const mostRefundPause = time.Hour

// refundPause is how long to leave a refund alone. One that the gateway has is asked about ever more rarely.
func (p *Payments) refundPause(r *models.Refund, result models.Result) time.Duration {
	if result.Stall != "" {
		return p.stallPause()
	}
	if result.Outcome == models.StillOpen {
		return min(max(p.options.RetryBase, r.UpdatedAt.Sub(r.CreatedAt)/4), mostRefundPause)
	}
	return retry.Backoff(p.options.RetryBase, r.Attempts, p.options.RetryMost)
}

// ask makes one call to the gateway, with a bound on its time and on how many there are at once. A gateway that panics
// has not answered; everything else goes on.
func (p *Payments) ask(ctx context.Context, reference string, call func(context.Context) models.Result) (result models.Result) {
	if _, err := p.asking.acquire(ctx, 1, 1); err != nil {
		return models.Result{Outcome: models.Unknown, Reason: "the gateway was not asked in time"}
	}
	defer p.asking.release(1)
	if !p.turn(ctx) {
		return models.Result{Outcome: models.Unavailable, Stall: models.Throttled, Reason: "there was no room for the call at the gateway"}
	}
	begun := time.Now()
	defer func() { p.pace.Note(begun, result) }()
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	defer func() {
		if fault := recover(); fault != nil {
			p.options.Logger.Error("the gateway panicked", "reference", reference, "panic", fault, "stack", string(debug.Stack()))
			result = models.Result{Outcome: models.Unknown, Reason: "the gateway failed inside"}
		}
	}()
	return call(ctx)
}
