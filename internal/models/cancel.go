package models

// decide cancels a booking at its user's wish; a paid one gets its refund in the same transaction.
func (c *Cancel) decide(s *EventState) Verdict {
	b := s.Bookings[c.Booking]
	switch {
	case b == nil:
		return refuse(ErrBookingNotFound)
	case b.Status == Cancelled && s.Recheck && b.CancelReason == ReasonUser:
		// Sent before with unknown outcome: what was asked for is so.
	case b.Status == Cancelled:
		return refuse(ErrAlreadyCancelled.Attr("cancel_reason", string(b.CancelReason)))
	case s.Event.Over(s.Now):
		return refuse(ErrEventOver)
	default:
		s.cancel(b, ReasonUser)
	}
	return Verdict{Booking: copyOf(b)}
}

// decide expires only what is still PENDING and past its deadline by the store's clock, so that a repeat, a late
// sweeper or a skewed replica does no harm. At the very deadline a booking is expired, and no charge is started.
func (c *Expire) decide(s *EventState) Verdict {
	b := s.Bookings[c.Booking]
	if b == nil {
		return refuse(ErrBookingNotFound)
	}
	if b.Status == Pending && !s.Now.Before(b.PaymentDeadline) {
		s.cancel(b, ReasonExpired)
	}
	return Verdict{Booking: copyOf(b)}
}

func (c *CancelForEvent) decide(s *EventState) Verdict {
	b := s.Bookings[c.Booking]
	switch {
	case b == nil:
		return refuse(ErrBookingNotFound)
	case s.Event.CancelledAt.IsZero():
		return refuse(ErrInternal.Say("The event is not cancelled."))
	case b.Status != Cancelled:
		s.cancel(b, ReasonEventCancelled)
	}
	return Verdict{Booking: copyOf(b)}
}

// cancel gives a live booking's tickets back, and its money if that was taken. An open charge is left to its worker:
// Settle writes the refund should it succeed.
func (s *EventState) cancel(b *Booking, reason CancelReason) {
	stock := &s.Event.Stock
	stock.Available += b.Quantity
	stock.Cancelled++
	if b.Status == Confirmed {
		stock.Sold -= b.Quantity
		stock.SoldAmount -= s.kept(b)
		stock.Confirmed--
		s.refundPaid(b)
	} else {
		stock.Held -= b.Quantity
		stock.HeldAmount -= b.TotalAmount.Minor
		stock.Pending--
	}
	b.Status, b.CancelReason, b.CancelledAt = Cancelled, reason, s.Now
	s.touchEvent()
	s.touchBooking(b)
}

// refundPaid owes back what is left of every successful charge of a booking. Of one that was given back whole by hand
// nothing is left to do.
func (s *EventState) refundPaid(b *Booking) {
	for _, charge := range s.chargesOf(b) {
		if charge.Status == ChargeSucceeded && !s.refund(charge) {
			s.closeMovedLetters(charge)
		}
	}
}

// chargesOf gives a booking's charges; they are numbered from 1 without a gap.
func (s *EventState) chargesOf(b *Booking) []*Charge {
	var charges []*Charge
	for n := 1; ; n++ {
		charge := s.Charges[ChargeKey{b.Ref(), n}]
		if charge == nil {
			return charges
		}
		charges = append(charges, charge)
	}
}

func copyOf[T any](v *T) *T {
	c := *v
	return &c
}
