package sale

import (
	"errors"
	"testing"
	"time"

	"quantix/internal/models"
)

const window = 14 * 24 * time.Hour

// calledOff is a state whose event has sold tickets and is over since some time.
func calledOff(since time.Duration) (*State, *models.Booking) {
	s, user := newState()
	s.Rules.RefundWindow = window
	b := given(s, user, models.Confirmed, "")
	givenCharge(s, b, models.ChargeSucceeded, 1)
	s.Now = s.Event.DateTime.Add(since)
	return s, b
}

// A show that was called off at its start: the organiser may cancel it for the refund window, its buyers may not.
func TestCancelEvent_that_is_over(t *testing.T) {
	t.Parallel()
	for since, want := range map[time.Duration]*models.Error{0: nil, window - 1: nil, window: models.ErrEventOver, 10 * window: models.ErrEventOver} {
		s, b := calledOff(since)
		if v := s.Decide(&Cancel{Booking: b.ID}); !errors.Is(v.Err, models.ErrEventOver) {
			t.Errorf("%s after the end a buyer's cancellation gave %+v", since, v)
		}
		v := s.Decide(&CancelEvent{})
		if want != nil {
			if !errors.Is(v.Err, want) || !s.Writes().Empty() {
				t.Errorf("%s after the end: %+v", since, v)
			}
			continue
		}
		if v.Err != nil || v.Event.CancelledAt.IsZero() {
			t.Fatalf("%s after the end: %+v", since, v)
		}
		if v := s.Decide(&CancelForEvent{Booking: b.ID}); v.Err != nil || len(s.Writes().NewRefunds) != 1 {
			t.Errorf("its booking: %+v, %+v", v, s.Writes())
		}
		balanced(t, s)
	}
}

func TestDeleteEvent_needs_no_refundable_booking(t *testing.T) {
	t.Parallel()
	s, b := calledOff(window - 1)
	if v := s.Decide(&DeleteEvent{}); !errors.Is(v.Err, models.ErrEventRefundable) || v.Err.Attrs["confirmed"] != int64(1) {
		t.Errorf("with a paid booking: %+v", v)
	}
	s.Decide(&CancelEvent{})
	s.Decide(&CancelForEvent{Booking: b.ID})
	if v := s.Decide(&DeleteEvent{}); v.Err != nil {
		t.Errorf("once it is cancelled: %v", v.Err)
	}
	if s, _ = calledOff(window); s.Decide(&DeleteEvent{}).Err != nil {
		t.Error("it cannot be deleted when the window is over")
	}
	s, _ = calledOff(0)
	s.Event.Stock.SoldAmount = 0
	if v := s.Decide(&DeleteEvent{}); v.Err != nil {
		t.Errorf("with free tickets only: %v", v.Err)
	}
}

func TestEditEvent_date_into_the_past(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) *time.Time { return new(noon.Add(-d)) }
	patches := map[string]models.EventPatch{
		"date_time":                 {DateTime: ago(time.Hour)},
		"date_time now":             {DateTime: new(noon)},
		"a wrong year":              {DateTime: ago(365 * 24 * time.Hour)},
		"with its sale going on":    {DateTime: ago(365 * 24 * time.Hour), SalesEnd: new(noon.Add(time.Hour))},
		"beside something else":     {DateTime: ago(time.Hour), Name: new("Other")},
		"a microsecond in the past": {DateTime: ago(time.Microsecond)},
	}
	for name, patch := range patches {
		for _, status := range []models.Status{models.Pending, models.Confirmed, models.Cancelled} {
			s, user := newState()
			s.Rules.RefundWindow = window
			given(s, user, status, models.ReasonUser)
			before := *s.Event
			v := s.Decide(&EditEvent{Patch: patch})
			if live := status != models.Cancelled; live != (v.Err != nil && errors.Is(v.Err, models.ErrDateInPast)) {
				t.Errorf("%s, with a %s booking: %+v", name, status, v)
			} else if live && (*s.Event != before || !s.Writes().Empty()) {
				t.Errorf("%s: a refused edit has changed the event", name)
			}
		}
	}
	if e, err := models.NewEvent(models.EventDraft{Name: "History", DateTime: *ago(time.Hour), TotalTickets: 1, TicketPrice: models.Money{Minor: 1, Currency: "USD"}}); err != nil {
		t.Errorf("history cannot be imported: %v, %+v", err, e)
	}
}

// What is sold and over keeps its refund window, whichever field would end it.
func TestEditEvent_cannot_end_the_refund_window(t *testing.T) {
	t.Parallel()
	begun := func() *State { // a year ago, with a sale that goes on
		s, user := newState()
		s.Rules.RefundWindow = window
		given(s, user, models.Confirmed, "")
		s.Event.DateTime, s.Event.SalesEnd = noon.Add(-365*24*time.Hour), noon.Add(time.Hour)
		return s
	}
	if v := begun().Decide(&EditEvent{Patch: models.EventPatch{SalesEnd: new(time.Time{})}}); !errors.Is(v.Err, models.ErrDateInPast) {
		t.Errorf("taking sales_end away: %+v", v)
	}
	if v := begun().Decide(&EditEvent{Patch: models.EventPatch{SalesEnd: new(noon)}}); v.Err != nil {
		t.Errorf("ending the sale now: %v", v.Err)
	}
	s, _ := calledOff(time.Hour)
	if v := s.Decide(&EditEvent{Patch: models.EventPatch{DateTime: new(s.Event.DateTime.Add(-time.Hour))}}); !errors.Is(v.Err, models.ErrDateInPast) {
		t.Errorf("moving what is over further back: %+v", v)
	}
	if v := s.Decide(&EditEvent{Patch: models.EventPatch{DateTime: new(s.Event.DateTime.Add(240 * time.Hour)), Name: new("Postponed")}}); v.Err != nil {
		t.Errorf("postponing it: %v", v.Err)
	}
}

func TestConfirmFree_of_a_cancelled_event(t *testing.T) {
	t.Parallel()
	s, user := newState()
	s.Event.TicketPrice.Minor = 0
	b := given(s, user, models.Pending, "")
	s.Event.CancelledAt = noon
	if v := s.Decide(&ConfirmFree{Booking: b.ID}); v.Err != nil || v.Booking.Status != models.Pending {
		t.Errorf("%+v", v)
	}
}

func TestEditEvent_to_a_price_that_cannot_be_charged(t *testing.T) {
	t.Parallel()
	chargeable := func(m models.Money) error {
		if m.Minor < 50 {
			return errors.New("too little")
		}
		return nil
	}
	for price, want := range map[string]bool{"0.49": false, "0.50": true, "0": true} {
		s, _ := newState()
		v := s.Decide(&EditEvent{Patch: models.EventPatch{Price: &price}, Chargeable: chargeable})
		if (v.Err == nil) != want || v.Err != nil && (!errors.Is(v.Err, models.ErrInvalid) || v.Err.Fields[0].Field != "ticket_price") {
			t.Errorf("%s: %+v", price, v)
		}
	}
	s, _ := newState()
	s.Event.TicketPrice.Minor = 1 // set with another gateway
	if v := s.Decide(&EditEvent{Patch: models.EventPatch{Name: new("Other")}, Chargeable: chargeable}); v.Err != nil {
		t.Errorf("a price that stays: %v", v.Err)
	}
}
