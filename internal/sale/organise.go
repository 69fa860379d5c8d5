package sale

import (
	"time"

	"quantix/internal/models"
)

func (c *EditEvent) decide(s *State) Verdict {
	event, err := s.liveEvent()
	if err != nil {
		return refuse(err)
	}
	next := *event
	changed, editErr := next.Apply(c.Patch, s.Now)
	if c.IfVersion != nil && *c.IfVersion != event.Version {
		// After an unknown commit the version is one ahead because this very edit is in force already.
		done := s.Recheck && editErr == nil && !changed && *c.IfVersion+1 == event.Version
		if !done {
			return refuse(models.ErrVersionMismatch)
		}
	}
	if editErr != nil {
		return refuseErr(editErr)
	}
	if err := c.refusal(event, &next, s); err != nil {
		return refuseErr(err)
	}
	if changed {
		*event = next
		s.edited(models.FactEdited)
	}
	return Verdict{Event: copyOf(event)}
}

// refusal is what speaks against an edit that is valid in itself.
func (c *EditEvent) refusal(event, next *models.Event, s *State) error {
	if strands(event, next, s.Now, s.Rules.RefundWindow) {
		return models.ErrDateInPast
	}
	if c.Chargeable == nil || next.TicketPrice == event.TicketPrice {
		return nil
	}
	return CheckPrice(next.TicketPrice, c.Chargeable)
}

// CheckPrice refuses a ticket price that the gateway in use cannot charge; every gateway can charge nothing. Error:
// ErrInvalid.
func CheckPrice(price models.Money, chargeable func(models.Money) error) error {
	if price.Minor == 0 {
		return nil
	}
	if err := chargeable(price); err != nil {
		return models.Invalid([]models.FieldError{{Field: "ticket_price", Message: err.Error(), Value: price.String()}})
	}
	return nil
}

func (c *DeleteEvent) decide(s *State) Verdict {
	if s.Recheck && s.Event != nil && !s.Event.DeletedAt.IsZero() {
		return Verdict{Event: copyOf(s.Event)}
	}
	event, err := s.liveEvent()
	switch {
	case err != nil:
		return refuse(err)
	case c.IfVersion != nil && *c.IfVersion != event.Version:
		return refuse(models.ErrVersionMismatch)
	case event.HasLiveBookings(s.Now):
		return refuse(models.ErrEventHasBookings.Attr("pending", event.Stock.Pending).Attr("confirmed",
			event.Stock.Confirmed))
	case event.HasRefundableBookings(s.Now, s.Rules.RefundWindow):
		return refuse(models.ErrEventRefundable.Attr("confirmed", event.Stock.Confirmed))
	}
	event.DeletedAt, event.UpdatedAt = s.Now, s.Now
	s.edited(models.FactDeleted)
	return Verdict{Event: copyOf(event)}
}

func (c *CancelEvent) decide(s *State) Verdict {
	event, err := s.liveEvent()
	switch {
	case err != nil:
		return refuse(err)
	case !event.CancelledAt.IsZero():
		return Verdict{Event: copyOf(event)} // asked again: it goes on
	case !s.Now.Before(event.RefundableUntil(s.Rules.RefundWindow)):
		return refuse(models.ErrEventOver.Say("The event has been over for too long; it can no longer be cancelled."))
	}
	event.CancelledAt, event.UpdatedAt = s.Now, s.Now
	event.Version++
	s.edited(models.FactEventCancelled)
	return Verdict{Event: copyOf(event)}
}

// strands reports whether an edit would turn tickets into history that are not: by a date that jumps into the past, a
// wrong year say, or by an end so long ago that nothing could be refunded any more.
func strands(event, next *models.Event, now time.Time, window time.Duration) bool {
	if !event.HasLiveBookings(now) && !event.HasRefundableBookings(now, window) {
		return false
	}
	intoThePast := next.DateTime.Before(event.DateTime) && !now.Before(next.DateTime)
	beyondRefunds := next.EndsAt().Before(event.EndsAt()) && !now.Before(next.RefundableUntil(window))
	return intoThePast || beyondRefunds
}
