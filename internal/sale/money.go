package sale

import (
	"fmt"
	"slices"

	"quantix/internal/models"
)

// take records that money was taken for a charge.
func (s *State) take(charge *models.Charge, result models.Result) {
	if charge.Status == models.ChargeUnknown || charge.Status == models.ChargeFailed {
		s.closeLetter(charge.LetterID(models.LetterCharge))
	}
	charge.Status, charge.LastError = models.ChargeSucceeded, ""
	if result.ProviderReference != "" {
		charge.ProviderReference = result.ProviderReference
	}
	s.touchCharge(charge)
	s.tellOfCharge(charge)
}

func (s *State) tellOfCharge(c *models.Charge) {
	s.tell(models.Fact{Kind: models.FactCharged, Booking: c.Booking, Charge: c.N, Amount: c.Amount.Minor})
}

// owe owes back what is left of a charge, and reports whether anything is owed. Owed twice it is owed once.
func (s *State) owe(c *models.Charge) bool {
	if rest := c.Amount.Minor - s.back(c); rest > 0 {
		s.addRefund(c, rest, models.RefundOwed, models.RefundPending, "")
	}
	return s.owedRefund(c) != nil
}

// addRefund writes a further part of a charge's money that goes back.
func (s *State) addRefund(
	c *models.Charge, minor int64, reason models.RefundReason, status models.RefundStatus, reference string,
) *models.Refund {
	r := &models.Refund{
		ChargeKey: c.ChargeKey, Part: len(s.refundsOf(c)) + 1, Gateway: c.Gateway, ChargeReference: c.ProviderReference,
		Amount: models.Money{Minor: minor, Currency: c.Amount.Currency}, Reason: reason, Status: status,
		ProviderReference: reference,
		CreatedAt:         s.Now, UpdatedAt: s.Now,
	}
	if status == models.RefundPending {
		r.NextAttemptAt = s.Now
	}
	s.Refunds[r.Key()] = r
	s.writes.NewRefunds = append(s.writes.NewRefunds, r)
	s.sumUp(c)
	if status == models.RefundPending {
		s.tellOfRefund(models.FactRefundOwed, r, minor)
	} else {
		s.tellOfRefund(models.FactRefundMoved, r, minor)
	}
	return r
}

// sumUp keeps a charge's refunded sum what its refunds add up to, and never more than the charge: that promise's pair
// is a CHECK of the database.
func (s *State) sumUp(c *models.Charge) {
	sum := s.back(c)
	if sum > c.Amount.Minor {
		panic(fmt.Sprintf("the refunds of charge %s are %d of its %d", c.ChargeID(), sum, c.Amount.Minor))
	}
	if sum != c.Refunded {
		c.Refunded = sum
		s.touchSum(c)
	}
}

// give ends a refund that was owed.
func (s *State) give(c *models.Charge, r *models.Refund, reference string) {
	r.Status, r.LastError, r.ProviderReference = models.RefundSucceeded, "", reference
	s.tellOfRefund(models.FactRefundGiven, r, r.Amount.Minor)
	s.closeLetter(r.LetterID(models.LetterRefund))
	s.closeMovedLetters(c)
}

// chargesOf returns a booking's charges; they are numbered from 1 without a gap.
func (s *State) chargesOf(b *models.Booking) []*models.Charge {
	var charges []*models.Charge
	for n := 1; ; n++ {
		charge := s.Charges[models.ChargeKey{BookingRef: b.Ref(), N: n}]
		if charge == nil {
			return charges
		}
		charges = append(charges, charge)
	}
}

// refundsOf returns a charge's refunds; their parts are numbered from 1 without a gap.
func (s *State) refundsOf(c *models.Charge) []*models.Refund {
	var refunds []*models.Refund
	for part := 1; ; part++ {
		r := s.Refunds[models.RefundKey{ChargeKey: c.ChargeKey, Part: part}]
		if r == nil {
			return refunds
		}
		refunds = append(refunds, r)
	}
}

// owedRefund is what is still to be given back of a charge: one refund at most, or nil.
func (s *State) owedRefund(c *models.Charge) *models.Refund {
	for _, r := range s.refundsOf(c) {
		if r.Status == models.RefundPending {
			return r
		}
	}
	return nil
}

// counts reports whether a refund takes away from its charge: it did not come back, and is of the charge's currency.
func counts(c *models.Charge, r *models.Refund) bool {
	return r.Status != models.RefundFailed && r.Amount.Currency == c.Amount.Currency
}

// back is how much of a charge went back, or is to.
func (s *State) back(c *models.Charge) (sum int64) {
	for _, r := range s.refundsOf(c) {
		if counts(c, r) {
			sum += r.Amount.Minor
		}
	}
	return sum
}

// kept is what a CONFIRMED booking adds to the revenue: its price, less what was given back by hand.
func (s *State) kept(b *models.Booking) int64 {
	kept := b.TotalAmount.Minor
	for _, c := range s.chargesOf(b) {
		if c.Status == models.ChargeSucceeded && !s.owedBack(c) {
			kept -= s.back(c)
		}
	}
	return kept
}

// owedBack reports whether a charge pays for no booking (any more), so that all of it is to go back.
func (s *State) owedBack(c *models.Charge) bool {
	return slices.ContainsFunc(s.refundsOf(c), func(r *models.Refund) bool {
		return r.Reason == models.RefundOwed && r.Status != models.RefundFailed
	})
}
