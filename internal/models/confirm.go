package models

import "time"

// confirm turns a booking into tickets: a PENDING one, or one that expired while its payment was on the way.
func (s *EventState) confirm(b *Booking) {
	stock := &s.Event.Stock
	if b.Status == Pending {
		stock.Held -= b.Quantity
		stock.HeldAmount -= b.TotalAmount.Minor
		stock.Pending--
	} else {
		stock.Available -= b.Quantity
		stock.Cancelled--
	}
	stock.Sold += b.Quantity
	stock.SoldAmount += b.TotalAmount.Minor
	stock.Confirmed++
	b.Status, b.CancelReason, b.CancelledAt, b.ConfirmedAt = Confirmed, "", time.Time{}, s.Now
	s.touchEvent()
	s.touchBooking(b)
}

func (c *ConfirmFree) decide(s *EventState) Verdict {
	b := s.Bookings[c.Booking]
	switch {
	case b == nil:
		return refuse(ErrBookingNotFound)
	case b.TotalAmount.Minor != 0:
		return refuse(ErrInternal.Say("The booking is not free; it needs a charge."))
	case b.Status == Pending && s.Event.CancelledAt.IsZero():
		s.confirm(b)
	}
	return Verdict{Booking: copyOf(b)}
}
