package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// The states of a record. A failed attempt took no money, and may be repeated.
const (
	charged  = "charged"
	declined = "declined"
	pending  = "pending"
	failed   = "failed"
	voided   = "voided"
)

// settlesAfter is how long past the booking's deadline a sim_slow charge is decided.
const settlesAfter = time.Second

// flakyErrors is how many calls sim_flaky fails before it succeeds.
const flakyErrors = 2

// records is what the gateway knows of some charges, by our reference.
type records map[string]*Record

// charge takes the money, once for each reference however often it is called.
func (r records) charge(now time.Time, request payments.ChargeRequest) models.Result {
	c := r.known(now, request.Reference)
	if c == nil {
		c = r.open(now, request, failed)
	}
	c.Calls++
	c.UpdatedAt = now
	if c.Status == failed {
		attempt(now, c, request.Deadline)
		r.second(now, c)
	}
	switch {
	case c.Status == charged && c.Method == Lost:
		return models.Result{Outcome: models.OutcomeUnknown, Reason: "the gateway did not answer"}
	case c.Status == voided:
		return models.Result{Outcome: models.OutcomeDeclined, ProviderReference: providerReference(c), Reason: "the charge was voided before"}
	}
	return told(c)
}

// attempt does what the payment method scripts.
func attempt(now time.Time, c *Record, deadline time.Time) {
	switch c.Method {
	case OK, Lost, Short, Twice,
		MovesPart, MovesAll, MovesBack, MovesSlow, MovesAbroad,
		Disputed, DisputeLost, DisputeWon, DisputeLate, Inquiry,
		RefundFails, RefundSlow:
		take(c)
	case Flaky:
		if c.Calls > flakyErrors {
			take(c)
		}
	case Slow:
		c.Status, c.SettlesAt = pending, deadline.Add(settlesAfter)
		if c.SettlesAt.Before(now) {
			c.SettlesAt = now
		}
	case Action:
		c.Status, c.SettlesAt = pending, now.AddDate(100, 0, 0)
	case Error:
	default: // sim_decline, and what this gateway does not know
		c.Status = declined
	}
}

func take(c *Record) {
	c.Status = charged
	c.Charges++
}

// known returns the record of a reference, or nil. A pending one is decided once its time has come, whoever asks.
func (r records) known(now time.Time, reference string) *Record {
	c := r[reference]
	if c != nil && c.Status == pending && !now.Before(c.SettlesAt) {
		take(c)
		c.UpdatedAt = now
	}
	return c
}

func (r records) open(now time.Time, request payments.ChargeRequest, status string) *Record {
	c := &Record{
		Reference: request.Reference, Booking: request.Booking, Amount: request.Amount, Method: request.Method,
		Status: status, CreatedAt: now, UpdatedAt: now,
	}
	r[request.Reference] = c
	return c
}

// find tells what became of a charge.
func (r records) find(now time.Time, request payments.ChargeRequest) models.Result {
	c := r.known(now, request.Reference)
	if c == nil || c.Status == failed {
		return models.Result{Outcome: models.OutcomeAbsent, Reason: "the gateway knows of no such charge"}
	}
	return told(c)
}

// void makes sure that a charge is not made any more, unless it was made already.
func (r records) void(now time.Time, request payments.ChargeRequest) models.Result {
	c := r.known(now, request.Reference)
	switch {
	case c == nil:
		c = r.open(now, request, voided)
	case c.Status == failed || c.Status == pending:
		c.Status, c.UpdatedAt = voided, now
	}
	return told(c)
}

// refund gives a charge back, or a part of it, once, if so much is left.
func (r records) refund(now time.Time, request payments.RefundRequest) models.Result {
	c := r.known(now, request.Reference)
	if c == nil || c.Status != charged {
		return models.Result{Outcome: models.OutcomeUnavailable, Reason: "there is no charge to give back"}
	}
	if c.RefundKey == "" || cameBack(c) && c.RefundKey != request.Key {
		if request.Amount.Minor > left(now, c) {
			return models.Result{Outcome: models.OutcomeMoved, Reason: "the money has moved otherwise"}
		}
		c.RefundKey, c.RefundedAt, c.UpdatedAt = request.Key, now, now
	}
	if refundOpen(now, c) {
		return models.Result{Outcome: models.OutcomePending, ProviderReference: refundReference(c), Reason: "the refund is not finished yet"}
	}
	return models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: refundReference(c)}
}

// told is what a record says, as an answer.
func told(c *Record) models.Result {
	result := models.Result{ProviderReference: providerReference(c)}
	switch c.Status {
	case charged:
		result.Outcome, result.Amount = models.OutcomeSucceeded, taken(c)
	case declined:
		result.Outcome, result.Reason = models.OutcomeDeclined, "the payment was declined"
	case pending:
		result.Outcome, result.Reason = models.OutcomePending, "the payment is not decided yet"
	case voided:
		result.Outcome, result.Reason = models.OutcomeVoided, "the charge was voided"
	default:
		return models.Result{Outcome: models.OutcomeUnavailable, Reason: "the gateway answered with an error"}
	}
	return result
}

// providerReference is the gateway's own name of a charge; the same charge always has the same.
func providerReference(c *Record) string {
	sum := sha256.Sum256([]byte(c.Reference))
	return "sim_" + hex.EncodeToString(sum[:12])
}
