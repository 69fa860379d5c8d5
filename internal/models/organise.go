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
	if changed {
		*event = next
		s.editedEvent()
	}
	return Verdict{Event: copyOf(event)}
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
	case event.Over(s.Now):
		return refuse(ErrEventOver.Say("The event is over; it can no longer be cancelled."))
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
