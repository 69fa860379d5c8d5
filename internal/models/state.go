package models

import (
	"errors"
	"slices"
	"time"
)

// Rules are the settings that decisions depend on.
type Rules struct {
	PaymentDeadline time.Duration // how long a booking may wait for its payment
	RetryLease      time.Duration // how long a given-up charge rests before the retrier asks again
	RefundWindow    time.Duration // how long after its end an event may be cancelled, and its tickets be refunded
}

// EventState is what a desk reads of one event under its row's lock. Decide changes it command by command; what has
// changed is read from Changes and written in the same transaction.
type EventState struct {
	Now      time.Time // the store's clock, read after the lock was taken
	Rules    Rules
	Recheck  bool   // the batch was sent before, with unknown outcome
	Event    *Event // nil: there is none, or never was; deleted ones are here
	Users    map[UserID]bool
	Keys     map[ReplayKey]*Booking // of any event
	Bookings map[BookingID]*Booking // of this event
	Charges  map[ChargeKey]*Charge
	Refunds  map[ChargeKey]*Refund

	changes Changes
}

// Changes is what a batch must write. A thing stands in at most one of the lists.
type Changes struct {
	Event         *Event // its counters, and when EventEdited all the rest; nil: untouched
	EventEdited   bool
	NewBookings   []*Booking
	Bookings      []*Booking // changed
	Charges       []*Charge  // changed
	NewRefunds    []*Refund
	Refunds       []*Refund // changed
	Letters       []DeadLetter
	ClosedLetters []LetterID
	Publish       []BookingID // for the batch's one outbox row
}

// Empty tells whether there is nothing to write.
func (c *Changes) Empty() bool {
	return c.Event == nil && len(c.NewBookings)+len(c.Bookings)+len(c.Charges)+len(c.NewRefunds)+
		len(c.Refunds)+len(c.Letters)+len(c.ClosedLetters)+len(c.Publish) == 0
}

// Changes gives what the decided commands have changed.
func (s *EventState) Changes() *Changes { return &s.changes }

// Decide gives a command's outcome on the state, and changes the state by it. A refused command changes nothing.
// It is a pure function: the same state and command give the same outcome, whoever asks and when.
func (s *EventState) Decide(c Command) Verdict { return c.decide(s) }

func refuse(err *Error) Verdict { return Verdict{Err: err} }

// refuseErr turns a rule's error into a verdict.
func refuseErr(err error) Verdict {
	if e, ok := errors.AsType[*Error](err); ok {
		return refuse(e)
	}
	return refuse(ErrInternal.With(err))
}

// liveEvent gives the event unless it is unknown or deleted.
func (s *EventState) liveEvent() (*Event, *Error) {
	if s.Event == nil || !s.Event.DeletedAt.IsZero() {
		return nil, ErrEventNotFound
	}
	return s.Event, nil
}

func (s *EventState) touchEvent() { s.changes.Event = s.Event }

func (s *EventState) touchBooking(b *Booking) {
	b.UpdatedAt = s.Now
	if !slices.Contains(s.changes.NewBookings, b) {
		s.changes.Bookings = addOnce(s.changes.Bookings, b)
	}
}

func (s *EventState) touchCharge(c *Charge) {
	c.UpdatedAt = s.Now
	s.changes.Charges = addOnce(s.changes.Charges, c)
}

func (s *EventState) touchRefund(r *Refund) {
	r.UpdatedAt = s.Now
	if !slices.Contains(s.changes.NewRefunds, r) {
		s.changes.Refunds = addOnce(s.changes.Refunds, r)
	}
}

// addOnce adds what is not there yet. The newest come again most, so it looks from the end.
func addOnce[T any](list []*T, item *T) []*T {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == item {
			return list
		}
	}
	return append(list, item)
}

func (s *EventState) addLetter(l DeadLetter) {
	l.FailedAt = s.Now
	s.changes.ClosedLetters = slices.DeleteFunc(s.changes.ClosedLetters, func(id LetterID) bool { return id == l.ID })
	s.changes.Letters = append(s.changes.Letters, l)
}

func (s *EventState) closeLetter(id LetterID) {
	s.changes.Letters = slices.DeleteFunc(s.changes.Letters, func(l DeadLetter) bool { return l.ID == id })
	s.changes.ClosedLetters = append(s.changes.ClosedLetters, id)
}
