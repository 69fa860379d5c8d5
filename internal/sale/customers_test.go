package sale

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/models"
)

func reserveFor(user models.UserID, quantity int64) *Reserve {
	return &Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: quantity, Method: card}
}

// holds has a state read under a limit: the user holds so many tickets.
func holds(s *State, user models.UserID, live, limit int64) {
	s.Rules.MaxLivePerUser = limit
	s.Customers = map[models.UserID]*Customer{user: {User: user, Live: live, Known: true}}
}

func TestReserve_up_to_the_users_limit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		live, limit, quantity int64
		available             int64 // what a refusal tells; -1: it is booked
	}{
		"no limit":                   {live: 0, limit: 0, quantity: 10, available: -1},
		"all of it":                  {live: 0, limit: 4, quantity: 4, available: -1},
		"the rest of it":             {live: 3, limit: 4, quantity: 1, available: -1},
		"more than it alone":         {live: 0, limit: 4, quantity: 5, available: 4},
		"more than its rest":         {live: 3, limit: 4, quantity: 2, available: 1},
		"nothing is left of it":      {live: 4, limit: 4, quantity: 1, available: 0},
		"it was lowered meanwhile":   {live: 7, limit: 4, quantity: 1, available: 0},
		"and more than there is too": {live: 0, limit: 4, quantity: 11, available: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			holds(s, user, test.live, test.limit)
			v := s.Decide(reserveFor(user, test.quantity))
			if test.available < 0 {
				if v.Err != nil || s.Customers[user].Live != test.live+test.quantity {
					t.Errorf("%v, and the user holds %d", v.Err, s.Customers[user].Live)
				}
				return
			}
			want := map[string]any{"limit": test.limit, "live": test.live, "available": test.available}
			if !models.ErrUserLimitReached.Is(v.Err) || !cmp.Equal(v.Err.Attrs, want) || !s.Writes().Empty() {
				t.Errorf("%v with %v; want %v, and nothing changed", v.Err, v.Err.Attrs, want)
			}
		})
	}
}

// As long as nobody asks for the limit, nothing is counted; the first who does begins it for all, and from then on
// those are counted as well of whom only the change is known.
func TestCustomers_begin_to_be_counted(t *testing.T) {
	t.Parallel()
	s, user := newState()
	friend := models.NewID[models.UserID]()
	s.Users[friend] = true
	early, late := given(s, friend, models.StatusPending, ""), given(s, friend, models.StatusConfirmed, "")
	s.Decide(&Cancel{Booking: early.ID})
	if w := s.Writes(); w.Customers != nil || w.Recount || s.Event.CountsUsers {
		t.Fatalf("before anybody asked, %+v", w.Customers)
	}
	holds(s, user, 0, 4)
	s.Decide(reserveFor(user, 5))
	if w := s.Writes(); w.Customers != nil || w.Recount || s.Event.CountsUsers {
		t.Fatalf("by one who was refused, %+v", w.Customers)
	}
	s.Decide(reserveFor(user, 2))
	s.Decide(reserveFor(user, 1))
	s.Decide(&Cancel{Booking: late.ID})
	want := []*Customer{{User: user, Live: 3, Known: true}, {User: friend, Live: -2}}
	if w := s.Writes(); !w.Recount || !s.Event.CountsUsers || !cmp.Equal(w.Customers, want) {
		t.Errorf("recount %v, %s", w.Recount, cmp.Diff(want, w.Customers))
	}
	s.writes = Writes{}
	s.Decide(reserveFor(user, 1))
	if s.Writes().Recount {
		t.Error("what is counted was counted anew")
	}
}

// A process without the limit refuses nobody, and passes on how much more each user holds.
func TestCustomers_of_a_process_without_the_limit(t *testing.T) {
	t.Parallel()
	s, user := newState()
	s.Event.CountsUsers = true
	b := given(s, user, models.StatusPending, "")
	s.Customers = nil
	s.Decide(reserveFor(user, 5))
	s.Decide(&Cancel{Booking: b.ID})
	if want := []*Customer{{User: user, Live: 3}}; !cmp.Equal(s.Writes().Customers, want) || s.Writes().Recount {
		t.Error(cmp.Diff(want, s.Writes().Customers))
	}
}

// Every end of a booking, and what takes an end back, counts.
func TestCustomers_count_what_ends_and_what_comes_back(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status models.Status
		reason models.CancelReason
		does   func(*State, *models.Booking)
		want   int64 // tickets more
	}{
		"cancelled": {models.StatusPending, "", func(s *State, b *models.Booking) { s.Decide(&Cancel{Booking: b.ID}) }, -2},
		"paid and cancelled": {models.StatusConfirmed, "", func(s *State, b *models.Booking) {
			s.Decide(&Cancel{Booking: b.ID})
		}, -2},
		"expired": {models.StatusPending, "", func(s *State, b *models.Booking) {
			s.Now = b.PaymentDeadline
			s.Decide(&Expire{Booking: b.ID})
		}, -2},
		"declined": {models.StatusPending, "", says(models.OutcomeDeclined), -2},
		"called off": {models.StatusConfirmed, "", func(s *State, b *models.Booking) {
			s.Decide(&CancelEvent{})
			s.Decide(&CancelForEvent{Booking: b.ID})
		}, -2},
		"confirmed": {models.StatusPending, "", says(models.OutcomeSucceeded), 0},
		"paid late": {models.StatusCancelled, models.ReasonExpired, says(models.OutcomeSucceeded), 2},
		"paid late beyond the limit": {models.StatusCancelled, models.ReasonExpired, func(s *State, b *models.Booking) {
			s.Rules.MaxLivePerUser = 1
			says(models.OutcomeSucceeded)(s, b)
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			b := given(s, user, test.status, test.reason)
			s.Event.CountsUsers = true
			test.does(s, b)
			got := int64(0)
			for _, c := range s.Writes().Customers {
				got += c.Live
			}
			if got != test.want {
				t.Errorf("%d tickets more; want %d", got, test.want)
			}
		})
	}
}

// says has the gateway give its word on a booking's first charge.
func says(outcome models.Outcome) func(*State, *models.Booking) {
	return func(s *State, b *models.Booking) {
		charge := givenCharge(s, b, models.ChargeStarted, 1)
		s.Decide(&Settle{Charge: charge.ChargeKey, Result: models.Result{Outcome: outcome}})
	}
}

func TestCustomers_hold_no_less_than_nothing(t *testing.T) {
	t.Parallel()
	s, user := newState()
	b := given(s, user, models.StatusPending, "")
	holds(s, user, 1, 4)
	mustPanic(t, func() { s.Decide(&Cancel{Booking: b.ID}) })
}
