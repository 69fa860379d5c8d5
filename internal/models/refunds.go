package models

import (
	"fmt"
	"slices"
)

// RefundStatus is where a refund stands.
type RefundStatus string

// The statuses of a refund.
const (
	RefundPending   RefundStatus = "pending"
	RefundSucceeded RefundStatus = "succeeded"
	RefundFailed    RefundStatus = "failed" // it was given, and came back; what is still owed is another part
)

// RefundReason says why money went back.
type RefundReason string

// The reasons of a refund.
const (
	RefundOwed     RefundReason = ""        // its booking ended, or never was
	RefundMoved    RefundReason = "moved"   // somebody gave it back at the gateway
	RefundDisputed RefundReason = "dispute" // the buyer's bank has taken it
)

// RefundKey names a refund: the Part-th (from 1) of a charge.
type RefundKey struct {
	ChargeKey
	Part int
}

// Key names the refund.
func (r *Refund) Key() RefundKey { return RefundKey{r.ChargeKey, r.Part} }

// RefundID is the refund's public id.
func (k RefundKey) RefundID() RefundID {
	kind := "refund"
	if k.Part > 1 {
		kind = fmt.Sprintf("refund/%d", k.Part)
	}
	return derive[RefundID](k.Booking, kind, k.N)
}

// GatewayKey is the refund's idempotency key at a gateway: "refund:<charge>", and ":<part>" of later parts.
func (k RefundKey) GatewayKey() string {
	if k.Part > 1 {
		return fmt.Sprintf("refund:%s:%d", k.Reference(), k.Part)
	}
	return "refund:" + k.Reference()
}

// refundsOf gives a charge's refunds; their parts are numbered from 1 without a gap.
func (s *EventState) refundsOf(c *Charge) []*Refund {
	var refunds []*Refund
	for part := 1; ; part++ {
		r := s.Refunds[RefundKey{c.ChargeKey, part}]
		if r == nil {
			return refunds
		}
		refunds = append(refunds, r)
	}
}

// owedRefund is what is still to be given back of a charge: one refund at most, or nil.
func (s *EventState) owedRefund(c *Charge) *Refund {
	for _, r := range s.refundsOf(c) {
		if r.Status == RefundPending {
			return r
		}
	}
	return nil
}

// back is how much of a charge went back, or is to.
func (s *EventState) back(c *Charge) (sum int64) {
	for _, r := range s.refundsOf(c) {
		if r.Status != RefundFailed {
			sum += r.Amount.Minor
		}
	}
	return sum
}

// kept is what a CONFIRMED booking adds to the revenue: its price, less what was given back by hand.
func (s *EventState) kept(b *Booking) int64 {
	kept := b.TotalAmount.Minor
	for _, c := range s.chargesOf(b) {
		if c.Status == ChargeSucceeded && !s.owedBack(c) {
			kept -= s.back(c)
		}
	}
	return kept
}

// owedBack tells whether a charge pays for no booking (any more), so that all of it is to go back.
func (s *EventState) owedBack(c *Charge) bool {
	return slices.ContainsFunc(s.refundsOf(c), func(r *Refund) bool { return r.Reason == RefundOwed && r.Status != RefundFailed })
}

// refund owes back what is left of a charge, and tells whether anything is owed. Owed twice it is owed once.
func (s *EventState) refund(c *Charge) bool {
	if rest := c.Amount.Minor - s.back(c); rest > 0 {
		s.addRefund(c, rest, RefundOwed, RefundPending, "")
	}
	return s.owedRefund(c) != nil
}

// addRefund writes a further part of a charge's money that goes back.
func (s *EventState) addRefund(c *Charge, minor int64, reason RefundReason, status RefundStatus, reference string) *Refund {
	r := &Refund{
		ChargeKey: c.ChargeKey, Part: len(s.refundsOf(c)) + 1, Gateway: c.Gateway, ChargeReference: c.ProviderReference,
		Amount: Money{minor, c.Amount.Currency}, Reason: reason, Status: status, ProviderReference: reference,
		CreatedAt: s.Now, UpdatedAt: s.Now,
	}
	if status == RefundPending {
		r.NextAttemptAt = s.Now
	}
	s.Refunds[r.Key()] = r
	s.changes.NewRefunds = append(s.changes.NewRefunds, r)
	s.sumUp(c)
	return r
}

// sumUp keeps a charge's refunded sum what its refunds add up to. A constraint of the database refuses more than the
// charge.
func (s *EventState) sumUp(c *Charge) {
	if sum := s.back(c); sum != c.Refunded {
		c.Refunded = sum
		s.touchSum(c)
	}
}

// decide records a gateway's word on a refund. What is owed stays owed: after the last try a dead letter asks for a
// person's look, and the tries go on. One that the gateway has and has not finished is no failed try, however long it
// takes.
func (c *SettleRefund) decide(s *EventState) Verdict {
	r, charge, b := s.Refunds[RefundKey{c.Charge, max(1, c.Part)}], s.Charges[c.Charge], s.Bookings[c.Charge.Booking]
	if r == nil || charge == nil || b == nil {
		return refuse(ErrBookingNotFound)
	}
	if r.Status != RefundPending {
		return Verdict{Booking: copyOf(b)}
	}
	s.touchRefund(r)
	s.sumUp(charge) // should a program have written it that does not know of the sum
	r.LastError, r.NextAttemptAt = c.Result.Reason, s.Now.Add(c.Backoff)
	switch {
	case c.Result.Outcome == Succeeded:
		s.given(charge, r, c.Result.ProviderReference)
	case c.Result.Outcome == StillOpen:
		r.Attempts, r.ProviderReference = 0, c.Result.ProviderReference
		s.closeLetter(r.LetterID(LetterRefund))
	case c.Result.Stall != "":
		if lastTry(r.Attempts, c.Try) {
			r.Attempts = max(r.Attempts-1, 0)
		}
	case r.Attempts >= MaxAttempts || c.Result.Outcome == Gone:
		s.addLetter(DeadLetter{
			ID: r.LetterID(LetterRefund), Kind: LetterRefund, ChargeKey: r.ChargeKey,
			Amount: r.Amount, Attempts: r.Attempts, LastError: r.LastError,
		})
	}
	return Verdict{Booking: copyOf(b)}
}

// given ends a refund that was owed.
func (s *EventState) given(c *Charge, r *Refund, reference string) {
	r.Status, r.LastError, r.ProviderReference = RefundSucceeded, "", reference
	s.closeLetter(r.LetterID(LetterRefund))
	s.closeMovedLetters(c)
}

func (p PaymentSummary) withRefunds(charge ChargeKey, refunds []Refund, confirmed bool) PaymentSummary {
	for _, r := range refunds {
		switch {
		case r.ChargeKey != charge || r.Status == RefundFailed:
		case r.Status == RefundPending:
			p.Status, p.LastError = SummaryRefunding, r.LastError
		case p.Status == SummaryRefunding:
		case confirmed:
			p.Status = SummaryPartlyRefunded
		default:
			p.Status = SummaryRefunded
		}
	}
	return p
}
