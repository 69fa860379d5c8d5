package sale

import (
	"fmt"

	"quantix/internal/models"
)

// pays reports whether a success is of the sum that was asked for, as far as the gateway says.
func pays(c *models.Charge, r models.Result) bool {
	return r.Amount.Currency == "" || r.Amount == c.Amount
}

// wasTakenAbroad reports whether money was taken for a charge in another currency than its booking's.
func wasTakenAbroad(c *models.Charge, b *models.Booking) bool {
	return c.Amount.Currency != b.TotalAmount.Currency
}

// wrongSum deals with a success of another sum than was asked for: it buys nothing. In the event's currency it is given
// back as it was taken; another one cannot even be written down, and a person has to.
func (s *State) wrongSum(charge *models.Charge, b *models.Booking, result models.Result) {
	problem := fmt.Sprintf("the gateway took %s %s instead of %s %s", result.Amount, result.Amount.Currency, charge.Amount, charge.Amount.Currency)
	if result.Amount.Currency == charge.Amount.Currency {
		charge.Amount = result.Amount
		s.touchSum(charge)
		s.take(charge, result)
		charge.LastError = problem
		s.owe(charge)
	} else {
		s.takenAbroad(charge, result, problem)
	}
	if b.Status == models.StatusPending {
		s.cancel(b, models.ReasonDeclined)
	}
}

// takenAbroad leaves money in another currency than the event's to a person. The charge keeps what was taken: by that
// it is told from one that surely was not made.
func (s *State) takenAbroad(charge *models.Charge, result models.Result, problem string) {
	asked := charge.Amount
	charge.Status, charge.LastError, charge.Amount = models.ChargeFailed, problem, result.Amount
	if result.ProviderReference != "" {
		charge.ProviderReference = result.ProviderReference
	}
	s.touchSum(charge)
	s.addLetter(models.DeadLetter{
		ID: charge.LetterID(models.LetterCharge), Kind: models.LetterCharge, ChargeKey: charge.ChargeKey, Amount: asked,
		Attempts: charge.Attempts, LastError: fmt.Sprintf("%s, as %s; give it back there", problem, models.Clip(charge.ProviderReference, 255)),
	})
}

// secondSuccess deals with money that was taken for a charge under another of the gateway's references than the
// charge's own: it is a charge of its own, and is given back. Nothing was asked for under that reference, and what was
// may still succeed.
func (s *State) secondSuccess(first *models.Charge, b *models.Booking, result models.Result) {
	charges := s.chargesOf(b)
	for _, c := range charges {
		if c.ProviderReference == result.ProviderReference {
			return // said again
		}
	}
	second := &models.Charge{
		ChargeKey: models.ChargeKey{BookingRef: b.Ref(), N: len(charges) + 1}, Gateway: first.Gateway, Amount: b.TotalAmount,
		Attempts:          1,
		ProviderReference: result.ProviderReference, CreatedAt: s.Now, UpdatedAt: s.Now,
	}
	s.Charges[second.ChargeKey] = second
	s.writes.NewCharges = append(s.writes.NewCharges, second)
	if result.Amount.Currency != "" && result.Amount.Currency != b.TotalAmount.Currency {
		s.takenAbroad(second, result, fmt.Sprintf("the gateway took %s %s besides", result.Amount, result.Amount.Currency))
		return
	}
	if result.Amount.Minor > 0 {
		second.Amount = result.Amount
	}
	second.Status = models.ChargeSucceeded
	s.tellOfCharge(second)
	s.owe(second)
}

// touchSum writes a charge's amount and refunded sum.
func (s *State) touchSum(c *models.Charge) {
	s.touchCharge(c)
	for _, fresh := range s.writes.NewCharges {
		if fresh == c {
			return
		}
	}
	s.writes.ChargeSums = addOnce(s.writes.ChargeSums, c)
}
