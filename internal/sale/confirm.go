package sale

import (
	"time"

	"quantix/internal/models"
)

// confirm turns a booking into tickets: a PENDING one, or one that expired while its payment was on the way.
func (s *State) confirm(b *models.Booking) {
	if b.Status != models.StatusPending {
		s.holdAgain(b)
	}
	s.sell(b)
	b.Status, b.CancelReason, b.CancelledAt, b.ConfirmedAt = models.StatusConfirmed, "", time.Time{}, s.Now
	s.touchBooking(b)
}

func (c *ConfirmFree) decide(s *State) Verdict {
	b := s.Bookings[c.Booking]
	switch {
	case b == nil:
		return refuse(models.ErrBookingNotFound)
	case b.TotalAmount.Minor != 0:
		return refuse(models.ErrInternal.Say("The booking is not free; it needs a charge."))
	case b.Status == models.StatusPending && s.Event.CancelledAt.IsZero():
		s.confirm(b)
	}
	return Verdict{Booking: copyOf(b)}
}
