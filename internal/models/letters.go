package models

// decide gives a dead letter's payment a new round of attempts, at once. A charge is tried again only while its booking
// waits for it; one of unknown outcome is asked about in any case.
func (c *RetryLetter) decide(s *EventState) Verdict {
	switch c.Kind {
	case LetterRefund:
		return s.retryRefund(c.Charge)
	case LetterMoved, LetterDispute:
		return refuse(ErrNotRetryable.Say("This letter tells of money that has moved; there is nothing to retry. Cancel the booking, or close the letter."))
	}
	charge, b := s.Charges[c.Charge], s.Bookings[c.Charge.Booking]
	if s.Recheck && charge != nil && b != nil && charge.Status.Trying() && charge.Attempts == 0 {
		return Verdict{Booking: copyOf(b)} // sent before with unknown outcome: what was asked for is so
	}
	if charge == nil || b == nil || charge.Status != ChargeFailed && charge.Status != ChargeUnknown {
		return refuse(ErrLetterNotFound)
	}
	if charge.Status == ChargeFailed && (b.Status != Pending || !s.Now.Before(b.PaymentDeadline)) {
		return refuse(ErrBookingNotPending)
	}
	if charge.Status == ChargeUnknown {
		charge.Status = ChargeDoubtful
	} else {
		charge.Status = ChargeStarted
	}
	charge.Attempts, charge.NextAttemptAt = 0, s.Now
	s.touchCharge(charge)
	s.closeLetter(charge.LetterID(LetterCharge))
	return Verdict{Booking: copyOf(b)}
}

func (s *EventState) retryRefund(key ChargeKey) Verdict {
	charge, b := s.Charges[key], s.Bookings[key.Booking]
	if charge == nil || b == nil {
		return refuse(ErrLetterNotFound)
	}
	r := s.owedRefund(charge)
	if r == nil {
		return refuse(ErrLetterNotFound)
	}
	r.Attempts, r.NextAttemptAt = 0, s.Now
	s.touchRefund(r)
	s.closeLetter(key.LetterID(LetterRefund))
	return Verdict{Booking: copyOf(b)}
}

// decide drops a letter only when nothing hangs on it: money that may have been taken, or is owed, is not forgotten.
func (c *DiscardLetter) decide(s *EventState) Verdict {
	charge, b := s.Charges[c.Charge], s.Bookings[c.Charge.Booking]
	switch {
	case c.Kind == LetterRefund:
		return refuse(ErrRefundOwed)
	case c.Kind == LetterMoved || c.Kind == LetterDispute:
		return refuse(ErrMoneyMoved)
	case charge == nil || b == nil:
		return refuse(ErrLetterNotFound)
	case charge.Status.Open():
		return refuse(ErrLetterUnknown)
	}
	s.closeLetter(charge.LetterID(LetterCharge))
	return Verdict{Booking: copyOf(b)}
}
