package sale

import (
	"testing"

	"quantix/internal/models"
)

// brokenRule is a command that is refused, after it has changed something.
type brokenRule func(*State)

func (brokenRule) need(*Reads) {}

func (c brokenRule) decide(s *State) Verdict {
	c(s)
	return refuse(models.ErrSoldOut)
}

func TestDecide_panics_when_a_refused_command_has_changed_something(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]brokenRule{
		"the stock": func(s *State) { s.Event.Stock.Hold(1, 2500) },
		"a booking": func(s *State) { s.touchBooking(&models.Booking{}) },
		"a letter":  func(s *State) { s.closeLetter(models.LetterID{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newState()
			mustPanic(t, func() { s.Decide(broken) })
		})
	}
}

func TestDecide_on_an_aborted_state_panics(t *testing.T) {
	t.Parallel()
	s, user := newState()
	buy := &Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: 1, Method: card}
	if s.Decide(buy); s.Writes().Empty() {
		t.Fatal("nothing was to be written")
	}
	if s.Abort(); !s.Writes().Empty() {
		t.Errorf("%+v is still to be written", s.Writes())
	}
	mustPanic(t, func() { s.Decide(buy) })
}

func TestRefunds_beyond_their_charge_panic(t *testing.T) {
	t.Parallel()
	s, _, c := sold()
	mustPanic(t, func() { s.addRefund(c, c.Amount.Minor+1, models.RefundOwed, models.RefundPending, "") })
}

func mustPanic(t *testing.T, broken func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	broken()
}
