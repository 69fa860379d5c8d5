package sale

import "quantix/internal/models"

// decide records a gateway's word on a refund. What is owed stays owed: after the last try a dead letter asks for a
// person's look, and the tries go on. One that the gateway has and has not finished is no failed try, however long it
// takes.
func (c *SettleRefund) decide(s *State) Verdict {
	r, charge, b := s.Refunds[models.RefundKey{ChargeKey: c.Charge, Part: max(1, c.Part)}], s.Charges[c.Charge],
		s.Bookings[c.Charge.Booking]
	if r == nil || charge == nil || b == nil {
		return refuse(models.ErrBookingNotFound)
	}
	if r.Status != models.RefundPending {
		return Verdict{Booking: copyOf(b)}
	}
	s.touchRefund(r)
	s.sumUp(charge) // should a program have written it that does not know of the sum
	r.LastError, r.NextAttemptAt = c.Result.Reason, s.Now.Add(c.Backoff)
	switch {
	case c.Result.Outcome == models.Succeeded:
		s.give(charge, r, c.Result.ProviderReference)
	case c.Result.Outcome == models.StillOpen:
		r.Attempts, r.ProviderReference = 0, c.Result.ProviderReference
		s.closeLetter(r.LetterID(models.LetterRefund))
	case c.Result.Stall != "":
		if lastTry(r.Attempts, c.Try) {
			r.Attempts = max(r.Attempts-1, 0)
		}
	case r.Attempts >= models.MaxAttempts || c.Result.Outcome == models.Gone:
		s.addLetter(models.DeadLetter{
			ID: r.LetterID(models.LetterRefund), Kind: models.LetterRefund, ChargeKey: r.ChargeKey,
			Amount: r.Amount, Attempts: r.Attempts, LastError: r.LastError,
		})
	}
	return Verdict{Booking: copyOf(b)}
}
