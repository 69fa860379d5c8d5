package sale

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"quantix/internal/models"
)

// Rules are the settings that decisions depend on.
type Rules struct {
	PaymentDeadline time.Duration // how long a booking may wait for its payment
	RetryLease      time.Duration // how long a given-up charge rests before the retrier asks again
	RefundWindow    time.Duration // how long after its end an event may be cancelled, and its tickets be refunded
	MaxLivePerUser  int64         // tickets of one event that a user may hold by Reserve; 0: any number
}

// State is what a desk reads of one event under its row's lock. Decide changes it command by command; what has changed
// is read from Writes and written in the same transaction.
type State struct {
	Now      time.Time // the store's clock, read after the lock was taken
	Rules    Rules
	Recheck  bool          // the batch was sent before, with unknown outcome
	Event    *models.Event // nil: there is none, or never was; deleted ones are here
	Users    map[models.UserID]bool
	Keys     map[models.ReplayKey]*models.Booking // of any event
	Bookings map[models.BookingID]*models.Booking // of this event
	Charges  map[models.ChargeKey]*models.Charge
	Refunds  map[models.RefundKey]*models.Refund

	Customers map[models.UserID]*Customer // of Users, where Reads.Customers asked for them

	writes Writes
	void   bool // after Abort
}

// Writes is what a batch must write. A thing stands in at most one of the lists.
type Writes struct {
	Event         *models.Event // its counters and Seq, and when EventEdited all the rest; nil: untouched
	EventEdited   bool
	NewBookings   []*models.Booking
	Bookings      []*models.Booking // changed
	NewCharges    []*models.Charge  // second ones that succeeded without being asked for
	Charges       []*models.Charge  // changed
	ChargeSums    []*models.Charge  // whose amount or refunded sum has changed
	NewRefunds    []*models.Refund
	Refunds       []*models.Refund // changed
	RefundSums    []*models.Refund // whose amount has changed
	Letters       []models.DeadLetter
	ClosedLetters []models.LetterID
	Facts         []models.Fact // for the batch's one entry in the event's journal; its number is Event.Seq
	Recount       bool          // Event.CountsUsers from this batch on: the rows of before say nothing, and go
	Customers     []*Customer   // what has changed; only of an event that CountsUsers
}

// Empty reports whether there is nothing to write.
func (w *Writes) Empty() bool { return w.Event == nil && w.size() == 0 }

func (w *Writes) size() int {
	return len(w.NewBookings) + len(w.Bookings) + len(w.NewCharges) + len(w.Charges) + len(w.ChargeSums) +
		len(w.NewRefunds) + len(w.Refunds) + len(w.RefundSums) + len(w.Letters) + len(w.ClosedLetters) + len(w.Facts) +
		len(w.Customers)
}

// Publishes reports whether bookings were made, which are to be paid.
func (w *Writes) Publishes() bool {
	return slices.ContainsFunc(w.Facts, func(f models.Fact) bool { return f.Kind == models.FactBooked })
}

// Writes returns what the decided commands have changed.
func (s *State) Writes() *Writes { return &s.writes }

// Abort gives up all that was decided, after a rule has panicked: nothing is to be written, however far it came.
func (s *State) Abort() { s.writes, s.void = Writes{}, true }

// Decide returns a command's outcome on the state, and changes the state by it. A refused command changes nothing.
// It is a pure function: the same state and command give the same outcome, whoever asks and when.
func (s *State) Decide(c Command) Verdict {
	if s.void {
		panic("a command is decided on a state that was aborted")
	}
	size, stock, told := s.writes.size(), s.stock(), len(s.writes.Facts)
	v := c.decide(s)
	if v.Err != nil && (s.writes.size() != size || s.stock() != stock) {
		panic(fmt.Sprintf("%T was refused (%s) and has changed something", c, v.Err.Code))
	}
	s.mustTell(c, stock, s.writes.Facts[told:])
	return v
}

func (s *State) stock() models.Stock {
	if s.Event == nil {
		return models.Stock{}
	}
	return s.Event.Stock
}

func refuse(err *models.Error) Verdict { return Verdict{Err: err} }

// refuseErr turns a rule's error into a verdict.
func refuseErr(err error) Verdict {
	if e, ok := errors.AsType[*models.Error](err); ok {
		return refuse(e)
	}
	return refuse(models.ErrInternal.With(err))
}

// liveEvent returns the event unless it is unknown or deleted.
func (s *State) liveEvent() (*models.Event, *models.Error) {
	if s.Event == nil || !s.Event.DeletedAt.IsZero() {
		return nil, models.ErrEventNotFound
	}
	return s.Event, nil
}

func (s *State) touchBooking(b *models.Booking) {
	b.UpdatedAt = s.Now
	if !slices.Contains(s.writes.NewBookings, b) {
		s.writes.Bookings = addOnce(s.writes.Bookings, b)
	}
}

func (s *State) touchCharge(c *models.Charge) {
	c.UpdatedAt = s.Now
	if !slices.Contains(s.writes.NewCharges, c) {
		s.writes.Charges = addOnce(s.writes.Charges, c)
	}
}

func (s *State) touchRefund(r *models.Refund) {
	r.UpdatedAt = s.Now
	if !slices.Contains(s.writes.NewRefunds, r) {
		s.writes.Refunds = addOnce(s.writes.Refunds, r)
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

func (s *State) addLetter(l models.DeadLetter) {
	l.FailedAt = s.Now
	s.writes.ClosedLetters = slices.DeleteFunc(s.writes.ClosedLetters, func(id models.LetterID) bool { return id == l.ID })
	s.writes.Letters = append(s.writes.Letters, l)
}

func (s *State) closeLetter(id models.LetterID) {
	s.writes.Letters = slices.DeleteFunc(s.writes.Letters, func(l models.DeadLetter) bool { return l.ID == id })
	s.writes.ClosedLetters = append(s.writes.ClosedLetters, id)
}

func copyOf[T any](v *T) *T {
	c := *v
	return &c
}
