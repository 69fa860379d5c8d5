package services

import (
	"context"
	"time"

	"quantix/internal/models"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

// settleTimeout is how long an outcome may wait for its desk. What is not settled by then is asked again by Retry.
const settleTimeout = 10 * time.Second

// settle puts an outcome before the event's desk. One that the store cannot take now is dropped: the charge is still
// open there, and Retry asks the gateway again when its lease has run out.
func (p *Payments) settle(ctx context.Context, c *models.Charge, result models.Result) {
	p.settleSeen(ctx, c, result, nil)
}

// settleSeen is settle for a booking that need not be read again.
func (p *Payments) settleSeen(ctx context.Context, c *models.Charge, result models.Result, seen *sale.Seen) {
	command := settlement(c, result, p.pause(c, result))
	command.Seen = seen
	if _, err := p.tellSettle(ctx, c, command); err != nil {
		return
	}
	gone := result.Outcome == models.OutcomeGone && c.Status != models.ChargeUnknown
	if gone || c.Status.Trying() && c.Attempts >= models.MaxAttempts && failed(result) {
		p.gaveUp("charge", c.Reference(), c.ChargeKey, result)
	}
}

func settlement(c *models.Charge, result models.Result, backoff time.Duration) *sale.Settle {
	return &sale.Settle{Charge: c.ChargeKey, Try: c.Attempts, Result: result, Backoff: backoff}
}

func (p *Payments) tellSettle(ctx context.Context, c *models.Charge, command *sale.Settle) (sale.Verdict, error) {
	p.options.Observer.Payment("charge", outcomeOf(command.Result))
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	verdict, err := p.office.Tell(ctx, c.Event, command)
	if err != nil {
		p.options.Logger.Warn("a charge is not settled yet", "reference", c.Reference(),
			"outcome", command.Result.Outcome, "error", err)
	}
	return verdict, err
}

// settleRefund records an answer; what the store cannot take now is asked again, under the same key.
func (p *Payments) settleRefund(ctx context.Context, r *models.Refund, result models.Result) {
	p.options.Observer.Payment("refund", outcomeOf(result))
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	command := &sale.SettleRefund{
		Charge: r.ChargeKey, Part: r.Part, Try: r.Attempts, Result: result, Backoff: p.refundPause(r, result),
	}
	if _, err := p.office.Tell(ctx, r.Event, command); err != nil {
		p.options.Logger.Warn("a refund is not settled yet", "reference", r.Reference(), "outcome", result.Outcome,
			"error", err)
		return
	}
	failing := result.Outcome != models.OutcomeSucceeded && result.Outcome != models.OutcomePending && result.Stall == ""
	if failing && r.Attempts == models.MaxAttempts || result.Outcome == models.OutcomeGone && r.Attempts == 1 {
		p.gaveUp("refund", r.Reference(), r.ChargeKey, result)
	}
}

func (p *Payments) gaveUp(kind, reference string, key models.ChargeKey, result models.Result) {
	p.options.Observer.Payment(kind, "dead_letter")
	p.options.Logger.Error("a payment needs manual review: it is in the dead letters",
		"kind", kind, "event_id", key.Event, "booking_id", key.Booking, "reference", reference,
		"outcome", result.Outcome, "reason", result.Reason)
}

// pause is how long to leave a charge alone before the next try. What the gateway has not decided is asked for ever
// more rarely as it grows older, by the store's clock.
func (p *Payments) pause(c *models.Charge, result models.Result) time.Duration {
	if result.Outcome == models.OutcomePending {
		age := c.UpdatedAt.Sub(c.CreatedAt)
		return min(max(p.options.RetryBase, age/4), p.options.RetryMax)
	}
	if result.Stall != "" {
		return p.stallPause()
	}
	return retry.Backoff(p.options.RetryBase, c.Attempts, p.options.RetryMax)
}

// stallBase is the least pause of a payment whose gateway limits its rate or is away: the pacer decides when calls go,
// and until then the payment is as well left in the database.
const stallBase = time.Second

// stallPause is how long a payment is left alone whose gateway would have no call.
func (p *Payments) stallPause() time.Duration {
	return retry.Backoff(max(p.options.RetryBase, stallBase), 1, p.options.RetryMax)
}

// maxRefundPause is the longest pause between two questions about a refund that the gateway has in hand. Banks take
// days.
const maxRefundPause = time.Hour

// refundPause is how long to leave a refund alone. One that the gateway has is asked about ever more rarely.
func (p *Payments) refundPause(r *models.Refund, result models.Result) time.Duration {
	if result.Stall != "" {
		return p.stallPause()
	}
	if result.Outcome == models.OutcomePending {
		return min(max(p.options.RetryBase, r.UpdatedAt.Sub(r.CreatedAt)/4), maxRefundPause)
	}
	return retry.Backoff(p.options.RetryBase, r.Attempts, p.options.RetryMax)
}
