package sale

import (
	"strings"

	"quantix/internal/models"
)

// decide gives a dead letter's payment a new round of attempts, at once. A charge is tried again only while its booking
// waits for it; one of unknown outcome is asked about in any case.
func (c *RetryLetter) decide(s *State) Verdict {
	switch c.Kind {
	case models.LetterRefund:
		return s.retryRefund(c.Charge)
	case models.LetterMoved, models.LetterDispute:
		return refuse(models.ErrNotRetryable.Say("This letter tells of money that has moved; there is nothing to retry. Cancel the booking, or close the letter."))
	}
	charge, b := s.Charges[c.Charge], s.Bookings[c.Charge.Booking]
	if s.Recheck && charge != nil && b != nil && charge.Status.Trying() && charge.Attempts == 0 {
		return Verdict{Booking: copyOf(b)} // sent before with unknown outcome: what was asked for is so
	}
	if charge == nil || b == nil || charge.Status != models.ChargeFailed && charge.Status != models.ChargeUnknown {
		return refuse(models.ErrLetterNotFound)
	}
	if charge.Status == models.ChargeFailed && wasTakenAbroad(charge, b) {
		return refuse(models.ErrNotRetryable.Say("This letter tells of money that was taken in another currency; there is nothing to retry. Give it back at the gateway, and close the letter."))
	}
	if charge.Status == models.ChargeFailed && (b.Status != models.StatusPending || !s.Now.Before(b.PaymentDeadline)) {
		return refuse(models.ErrBookingNotPending)
	}
	if charge.Status == models.ChargeUnknown {
		charge.Status = models.ChargeDoubtful
	} else {
		charge.Status = models.ChargeStarted
	}
	charge.Attempts, charge.NextAttemptAt = 0, s.Now
	s.touchCharge(charge)
	s.closeLetter(charge.LetterID(models.LetterCharge))
	return Verdict{Booking: copyOf(b)}
}

func (s *State) retryRefund(key models.ChargeKey) Verdict {
	charge, b := s.Charges[key], s.Bookings[key.Booking]
	if charge == nil || b == nil {
		return refuse(models.ErrLetterNotFound)
	}
	r := s.owedRefund(charge)
	if r == nil {
		return refuse(models.ErrLetterNotFound)
	}
	r.Attempts, r.NextAttemptAt = 0, s.Now
	s.touchRefund(r)
	s.closeLetter(key.LetterID(models.LetterRefund))
	return Verdict{Booking: copyOf(b)}
}

// decide drops a letter only when nothing hangs on it: money that may have been taken, or is owed, is not forgotten.
func (c *DiscardLetter) decide(s *State) Verdict {
	charge, b := s.Charges[c.Charge], s.Bookings[c.Charge.Booking]
	switch {
	case c.Kind == models.LetterRefund:
		return refuse(models.ErrRefundOwed)
	case c.Kind == models.LetterMoved || c.Kind == models.LetterDispute:
		return refuse(models.ErrMoneyMoved)
	case charge == nil || b == nil:
		return refuse(models.ErrLetterNotFound)
	case charge.Status.Open():
		return refuse(models.ErrLetterUnknown)
	}
	s.closeLetter(charge.LetterID(models.LetterCharge))
	return Verdict{Booking: copyOf(b)}
}

// CloseLetter ends a letter as a person has decided: the booking stays as it is.
type CloseLetter struct {
	Kind   models.LetterKind
	Charge models.ChargeKey
	Reason string
}

func (c *CloseLetter) need(n *Reads) { n.withMoney(c.Charge.Booking) }

// decide keeps the reason where the money is listed. A refund whose letter is closed was given by other means, and a
// charge of unknown outcome was looked up by a person: closed, neither is asked for any more.
func (c *CloseLetter) decide(s *State) Verdict {
	charge, b := s.Charges[c.Charge], s.Bookings[c.Charge.Booking]
	if charge == nil || b == nil {
		return refuse(models.ErrLetterNotFound)
	}
	note := "closed: " + models.Clip(c.Reason, 4*500) // characters of up to four bytes
	switch c.Kind {
	case models.LetterCharge:
		switch charge.Status {
		case models.ChargeUnknown:
			charge.Status = models.ChargeVoided
		case models.ChargeFailed: // why stays noted: money taken in another currency is told once
			note = models.Clip(charge.LastError, 500) + "; " + note
		}
		charge.LastError = note
		s.touchCharge(charge)
	case models.LetterRefund:
		if r := s.owedRefund(charge); r != nil {
			s.touchRefund(r)
			s.give(charge, r, r.ProviderReference)
			r.LastError = note
		}
	default:
		for _, r := range s.refundsOf(charge) {
			if string(r.Reason) == string(c.Kind) && r.Status == models.RefundSucceeded {
				r.LastError = strings.TrimPrefix(disputeNote(r)+"; "+note, "; ")
				s.touchRefund(r)
			}
		}
	}
	s.closeLetter(charge.LetterID(c.Kind))
	return Verdict{Booking: copyOf(b)}
}
