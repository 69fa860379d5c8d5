package models

func (c *EditEvent) decide(s *EventState) Verdict {
	event, err := s.liveEvent()
	if err != nil {
		return refuse(err)
	}
	next := *event
	changed, editErr := next.apply(c.Patch, s.Now)
	if c.IfVersion != nil && *c.IfVersion != event.Version {
		// After an unknown commit the version is one ahead because this very edit is in force already.
		done := s.Recheck && editErr == nil && !changed && *c.IfVersion+1 == event.Version
		if !done {
			return refuse(ErrVersionMismatch)
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
		s.editedEvent()
	}
	return Verdict{Event: copyOf(event)}
}

// refusal is what speaks against an edit that is valid in itself.
func (c *EditEvent) refusal(event, next *Event, s *EventState) error {
	if event.strands(next, s.Now, s.Rules.RefundWindow) {
		return ErrDateInPast
	}
	if c.Chargeable == nil || next.TicketPrice == event.TicketPrice {
		return nil
	}
	return CheckPrice(next.TicketPrice, c.Chargeable)
}

// CheckPrice refuses a ticket price that the gateway in use cannot charge; every gateway can charge nothing. Error:
// ErrInvalid.
func CheckPrice(price Money, chargeable func(Money) error) error {
	if price.Minor == 0 {
		return nil
	}
	if err := chargeable(price); err != nil {
		return Invalid([]FieldError{{Location: "body.ticket_price", Message: err.Error(), Value: price.String()}})
	}
	return nil
}

func (c *DeleteEvent) decide(s *EventState) Verdict {
	if s.Recheck && s.Event != nil && !s.Event.DeletedAt.IsZero() {
		return Verdict{Event: copyOf(s.Event)}
	}
	event, err := s.liveEvent()
	switch {
	case err != nil:
		return refuse(err)
	case c.IfVersion != nil && *c.IfVersion != event.Version:
		return refuse(ErrVersionMismatch)
	case event.HasLiveBookings(s.Now):
		return refuse(ErrEventHasBookings.Attr("pending", event.Stock.Pending).Attr("confirmed", event.Stock.Confirmed))
	case event.HasRefundableBookings(s.Now, s.Rules.RefundWindow):
		return refuse(ErrEventRefundable.Attr("confirmed", event.Stock.Confirmed))
	}
	event.DeletedAt, event.UpdatedAt = s.Now, s.Now
	s.editedEvent()
	return Verdict{Event: copyOf(event)}
}

func (c *CancelEvent) decide(s *EventState) Verdict {
	event, err := s.liveEvent()
	switch {
	case err != nil:
		return refuse(err)
	case !event.CancelledAt.IsZero():
		return Verdict{Event: copyOf(event)} // asked again: it goes on
	case !s.Now.Before(event.RefundableUntil(s.Rules.RefundWindow)):
		return refuse(ErrEventOver.Say("The event has been over for too long; it can no longer be cancelled."))
	}
	event.CancelledAt, event.UpdatedAt = s.Now, s.Now
	event.Version++
	s.editedEvent()
	return Verdict{Event: copyOf(event)}
}

func (s *EventState) editedEvent() {
	s.touchEvent()
	s.changes.EventEdited = true
}
