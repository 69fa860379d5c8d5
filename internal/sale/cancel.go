package sale

import "quantix/internal/models"

// decide cancels a booking at its user's wish; a paid one gets its refund in the same transaction.
func (c *Cancel) decide(s *State) Verdict {
	b := s.Bookings[c.Booking]
	switch {
	case b == nil:
		return refuse(models.ErrBookingNotFound)
	case b.Status == models.StatusCancelled && s.Recheck && b.CancelReason == models.ReasonUser:
		// Sent before with unknown outcome: what was asked for is so.
	case b.Status == models.StatusCancelled:
		return refuse(models.ErrAlreadyCancelled.Attr("cancel_reason", string(b.CancelReason)))
	case s.Event.Over(s.Now):
		return refuse(models.ErrEventOver)
	default:
		s.cancel(b, models.ReasonUser)
	}
	return Verdict{Booking: copyOf(b)}
}

// decide expires only what is still PENDING and past its deadline by the store's clock, so that a repeat, a late
// sweeper or a skewed replica does no harm. At the very deadline a booking is expired, and no charge is started.
func (c *Expire) decide(s *State) Verdict {
	b := s.Bookings[c.Booking]
	if b == nil {
		return refuse(models.ErrBookingNotFound)
	}
	if b.Status == models.StatusPending && !s.Now.Before(b.PaymentDeadline) {
		s.cancel(b, models.ReasonExpired)
	}
	return Verdict{Booking: copyOf(b)}
}

func (c *CancelForEvent) decide(s *State) Verdict {
	b := s.Bookings[c.Booking]
	switch {
	case b == nil:
		return refuse(models.ErrBookingNotFound)
	case s.Event.CancelledAt.IsZero():
		return refuse(models.ErrInternal.Say("The event is not cancelled."))
	case b.Status != models.StatusCancelled:
		s.cancel(b, models.ReasonEventCancelled)
	}
	return Verdict{Booking: copyOf(b)}
}

// cancel gives a live booking's tickets back, and its money if that was taken. An open charge is left to its worker:
// Settle writes the refund should it succeed.
func (s *State) cancel(b *models.Booking, reason models.CancelReason) {
	s.putBack(b, reason)
	if b.Status == models.StatusConfirmed {
		s.refundPaid(b)
	}
	b.Status, b.CancelReason, b.CancelledAt = models.StatusCancelled, reason, s.Now
	s.touchBooking(b)
}

// refundPaid owes back what is left of every successful charge of a booking. Of one that was given back whole by hand
// nothing is left to do.
func (s *State) refundPaid(b *models.Booking) {
	for _, charge := range s.chargesOf(b) {
		if charge.Status == models.ChargeSucceeded && !s.owe(charge) {
			s.closeMovedLetters(charge)
		}
	}
}
