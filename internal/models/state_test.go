package models

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newState is an event of 10 tickets at 25.00 that begins tomorrow, and one user.
func newState() (*EventState, UserID) {
	event, err := NewEvent(EventDraft{
		Name: "Concert", DateTime: noon.Add(24 * time.Hour), TotalTickets: 10, TicketPrice: Money{2500, "USD"},
	})
	if err != nil {
		panic(err)
	}
	user := NewID[UserID]()
	return &EventState{
		Now: noon, Rules: Rules{PaymentDeadline: 15 * time.Minute, RetryLease: 30 * time.Second},
		Event: &event, Users: map[UserID]bool{user: true}, Keys: map[ReplayKey]*Booking{},
		Bookings: map[BookingID]*Booking{}, Charges: map[ChargeKey]*Charge{}, Refunds: map[RefundKey]*Refund{},
	}, user
}

// given puts a booking of two tickets in a status into the state, with its counters, as if it had been read.
func given(s *EventState, user UserID, status Status, reason CancelReason) *Booking {
	verdict := s.Decide(&Reserve{Booking: NewID[BookingID](), User: user, Quantity: 2, Method: SimOK})
	b := *verdict.Booking
	s.Bookings[b.ID] = &b
	switch status {
	case Confirmed:
		s.confirm(&b)
	case Cancelled:
		s.cancel(&b, reason)
	}
	s.changes = Changes{}
	return &b
}

// givenCharge puts a first charge into the state.
func givenCharge(s *EventState, b *Booking, status ChargeStatus, attempts int) *Charge {
	c := &Charge{ChargeKey: FirstCharge(b.Ref()), Gateway: "sim", Amount: b.TotalAmount, Status: status, Attempts: attempts}
	s.Charges[c.ChargeKey] = c
	return c
}

// balanced checks the promise on stock against the bookings that the state knows.
func balanced(t *testing.T, s *EventState) {
	t.Helper()
	var want Stock
	want.Total = s.Event.Stock.Total
	for _, b := range s.Bookings {
		switch b.Status {
		case Pending:
			want.Held, want.HeldAmount, want.Pending = want.Held+b.Quantity, want.HeldAmount+b.TotalAmount.Minor, want.Pending+1
		case Confirmed:
			want.Sold, want.SoldAmount, want.Confirmed = want.Sold+b.Quantity, want.SoldAmount+b.TotalAmount.Minor, want.Confirmed+1
		case Cancelled:
			want.Cancelled++
		}
	}
	want.Available = want.Total - want.Held - want.Sold
	if s.Event.Stock != want || want.Available < 0 {
		t.Errorf("stock is %+v; the bookings say %+v", s.Event.Stock, want)
	}
}

func TestReserve(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare  func(*EventState)
		quantity int64
		want     *Error
	}{
		"takes_what_is_there":          {quantity: 10},
		"refuses_more_than_is_there":   {quantity: 11, want: ErrInsufficientTickets},
		"says_sold_out_at_none":        {func(s *EventState) { s.Event.Stock.Available = 0 }, 1, ErrSoldOut},
		"needs_an_event":               {func(s *EventState) { s.Event = nil }, 1, ErrEventNotFound},
		"does_not_see_a_deleted_event": {func(s *EventState) { s.Event.DeletedAt = noon }, 1, ErrEventNotFound},
		"needs_a_user":                 {func(s *EventState) { clear(s.Users) }, 1, ErrUserNotFound},
		"refuses_a_cancelled_event":    {func(s *EventState) { s.Event.CancelledAt = noon }, 1, ErrEventCancelled},
		"refuses_at_the_very_start":    {func(s *EventState) { s.Event.DateTime = noon }, 1, ErrEventStarted},
		"sells_a_microsecond_before":   {func(s *EventState) { s.Event.DateTime = noon.Add(time.Microsecond) }, 1, nil},
		"sells_later_with_sales_end": {func(s *EventState) {
			s.Event.DateTime, s.Event.SalesEnd = noon.Add(-time.Hour), noon.Add(time.Hour)
		}, 1, nil},
		"stops_at_an_early_sales_end": {func(s *EventState) { s.Event.SalesEnd = noon }, 1, ErrSalesEnded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			if test.prepare != nil {
				test.prepare(s)
			}
			verdict := s.Decide(&Reserve{Booking: NewID[BookingID](), User: user, Quantity: test.quantity, Method: SimOK})
			if test.want != nil {
				if !errors.Is(verdict.Err, test.want) || !s.Changes().Empty() {
					t.Fatalf("verdict %v, changes %+v; want %s and nothing changed", verdict.Err, s.Changes(), test.want.Code)
				}
				return
			}
			b := verdict.Booking
			if verdict.Err != nil || b.Status != Pending || b.TotalAmount.Minor != 2500*test.quantity || b.PaymentDeadline != noon.Add(15*time.Minute) {
				t.Fatalf("verdict %+v", verdict)
			}
			if got := s.Changes(); len(got.NewBookings) != 1 || len(got.Publish) != 1 || got.Event == nil || got.EventEdited {
				t.Errorf("changes %+v", got)
			}
		})
	}
}

func TestReserve_fills_to_the_last_ticket_and_no_further(t *testing.T) {
	t.Parallel()
	s, user := newState()
	taken := int64(0)
	for i := range 20 {
		quantity := int64(i%4 + 1)
		verdict := s.Decide(&Reserve{Booking: NewID[BookingID](), User: user, Quantity: quantity, Method: SimOK})
		switch fits := taken+quantity <= 10; {
		case fits && verdict.Err != nil:
			t.Fatalf("%d of %d taken, %d refused: %v", taken, 10, quantity, verdict.Err)
		case fits:
			taken += quantity
			s.Bookings[verdict.Booking.ID] = verdict.Booking
		case verdict.Err == nil || verdict.Err.Attrs["available"] != 10-taken:
			t.Fatalf("%d of %d taken, %d gave %v", taken, 10, quantity, verdict.Err)
		}
	}
	balanced(t, s)
}

func TestReserve_with_a_key(t *testing.T) {
	t.Parallel()
	ask := func(s *EventState, user UserID, quantity int64) Verdict {
		return s.Decide(&Reserve{
			Booking: NewID[BookingID](), User: user, Quantity: quantity, Method: SimOK, Key: "k",
			Hash: HashRequest(s.Event.ID, user, quantity, SimOK),
		})
	}
	t.Run("is_answered_again_even_when_sold_out_and_cancelled", func(t *testing.T) {
		t.Parallel()
		s, user := newState()
		first := ask(s, user, 10)
		stored := s.changes.NewBookings[0]
		s.Bookings[stored.ID] = stored
		s.cancel(stored, ReasonUser)
		s.Event.CancelledAt = noon
		again := ask(s, user, 10)
		if again.Err != nil || !again.Replayed || *again.Booking != *first.Booking {
			t.Fatalf("first %+v, again %+v", first, again)
		}
		if len(s.changes.NewBookings) != 1 {
			t.Errorf("%d bookings were made", len(s.changes.NewBookings))
		}
	})
	t.Run("is_refused_for_another_request", func(t *testing.T) {
		t.Parallel()
		s, user := newState()
		ask(s, user, 1)
		if again := ask(s, user, 2); !errors.Is(again.Err, ErrKeyReused) {
			t.Fatalf("again %+v", again)
		}
	})
	t.Run("does_not_meet_another_users", func(t *testing.T) {
		t.Parallel()
		s, user := newState()
		other := NewID[UserID]()
		s.Users[other] = true
		ask(s, user, 1)
		if again := ask(s, other, 1); again.Err != nil || again.Replayed || again.Booking.UserID != other {
			t.Fatalf("again %+v", again)
		}
	})
}

func TestReserve_sent_again_after_an_unknown_commit_finds_its_booking(t *testing.T) {
	t.Parallel()
	s, user := newState()
	b := given(s, user, Pending, "")
	s.Recheck = true
	verdict := s.Decide(&Reserve{Booking: b.ID, User: user, Quantity: 2, Method: SimOK})
	if verdict.Err != nil || verdict.Booking.ID != b.ID || !s.Changes().Empty() {
		t.Fatalf("verdict %+v, changes %+v", verdict, s.Changes())
	}
}

// TestTransitions is the whole table: each command on each state of a booking, and where the booking is afterwards.
func TestTransitions(t *testing.T) {
	t.Parallel()
	type state struct {
		status Status
		reason CancelReason
	}
	pending, confirmed := state{Pending, ""}, state{Confirmed, ""}
	byUser, expired := state{Cancelled, ReasonUser}, state{Cancelled, ReasonExpired}
	declined, byEvent := state{Cancelled, ReasonDeclined}, state{Cancelled, ReasonEventCancelled}
	all := []state{pending, confirmed, byUser, expired, declined, byEvent}
	stays := func(except map[state]state) map[state]state {
		to := map[state]state{}
		for _, from := range all {
			to[from] = from
		}
		for from, target := range except {
			to[from] = target
		}
		return to
	}
	settle := func(o Outcome) func(*Booking) Command {
		return func(b *Booking) Command { return &Settle{Charge: FirstCharge(b.Ref()), Result: Result{Outcome: o}} }
	}
	for name, test := range map[string]struct {
		command func(*Booking) Command
		prepare func(*EventState)
		to      map[state]state
	}{
		"cancel":          {func(b *Booking) Command { return &Cancel{b.ID} }, nil, stays(map[state]state{pending: byUser, confirmed: byUser})},
		"cancel_too_late": {func(b *Booking) Command { return &Cancel{b.ID} }, func(s *EventState) { s.Event.DateTime = noon }, stays(nil)},
		"expire_early":    {func(b *Booking) Command { return &Expire{b.ID} }, nil, stays(nil)},
		"expire_at_the_deadline": {func(b *Booking) Command { return &Expire{b.ID} },
			func(s *EventState) { s.Now = noon.Add(15 * time.Minute) }, stays(map[state]state{pending: expired})},
		"event_cancelled": {func(b *Booking) Command { return &CancelForEvent{b.ID} },
			func(s *EventState) { s.Event.CancelledAt = noon }, stays(map[state]state{pending: byEvent, confirmed: byEvent})},
		"paid": {settle(Succeeded), nil, stays(map[state]state{pending: confirmed, expired: confirmed})},
		"paid_after_the_deadline": {settle(Succeeded),
			func(s *EventState) { s.Now = noon.Add(time.Hour) }, stays(map[state]state{pending: confirmed, expired: confirmed})},
		"paid_and_sold_out": {settle(Succeeded),
			func(s *EventState) { s.Event.Stock.Available, s.Event.Stock.Total = 0, s.Event.Stock.Taken() }, stays(map[state]state{pending: confirmed})},
		"paid_and_begun":      {settle(Succeeded), func(s *EventState) { s.Event.DateTime = noon }, stays(map[state]state{pending: confirmed})},
		"paid_and_called_off": {settle(Succeeded), func(s *EventState) { s.Event.CancelledAt = noon }, stays(map[state]state{pending: confirmed})},
		"paid_and_deleted":    {settle(Succeeded), func(s *EventState) { s.Event.DeletedAt = noon }, stays(map[state]state{pending: confirmed})},
		"declined":            {settle(Declined), nil, stays(map[state]state{pending: declined})},
		"still_open":          {settle(StillOpen), nil, stays(nil)},
		"unknown":             {settle(Unknown), nil, stays(nil)},
		"unavailable":         {settle(Unavailable), nil, stays(nil)},
		"voided":              {settle(Voided), nil, stays(nil)},
	} {
		for _, from := range all {
			t.Run(fmt.Sprintf("%s/%s_%s", name, from.status, from.reason), func(t *testing.T) {
				t.Parallel()
				s, user := newState()
				b := given(s, user, from.status, from.reason)
				charge := givenCharge(s, b, ChargeStarted, 1)
				if from == confirmed {
					charge.Status = ChargeSucceeded
				}
				if test.prepare != nil {
					test.prepare(s)
				}
				s.Decide(test.command(b))
				want := test.to[from]
				if got := (state{b.Status, b.CancelReason}); got != want {
					t.Fatalf("from %v to %v; want %v", from, got, want)
				}
				balanced(t, s)
				moneyEnds(t, s, b)
			})
		}
	}
}

// moneyEnds checks the promise on money: a charge that succeeded ended in a CONFIRMED booking or in a refund, never in
// both and never in neither.
func moneyEnds(t *testing.T, s *EventState, b *Booking) {
	t.Helper()
	for key, charge := range s.Charges {
		refunded, paid := s.Refunds[RefundKey{key, 1}] != nil, charge.Status == ChargeSucceeded
		if ends := (b.Status == Confirmed) != refunded; paid != ends && (paid || refunded) {
			t.Errorf("charge %s, booking %s, refund %t", charge.Status, b.Status, refunded)
		}
	}
}

func TestSettle_repeated_and_out_of_order_is_harmless(t *testing.T) {
	t.Parallel()
	outcomes := []Outcome{Succeeded, Declined, StillOpen, Unknown, Unavailable, Voided}
	for _, first := range outcomes {
		for _, second := range outcomes {
			for _, third := range outcomes {
				s, user := newState()
				b := given(s, user, Pending, "")
				charge := givenCharge(s, b, ChargeStarted, MaxAttempts)
				for _, o := range []Outcome{first, second, third} {
					s.Decide(&Settle{Charge: charge.ChargeKey, Result: Result{Outcome: o}})
				}
				balanced(t, s)
				moneyEnds(t, s, b)
				everPaid := first == Succeeded || second == Succeeded || third == Succeeded
				if everPaid != (charge.Status == ChargeSucceeded) {
					t.Errorf("%s, %s, %s left the charge %s", first, second, third, charge.Status)
				}
			}
		}
	}
}

func TestSettle_after_a_refund_was_written_never_confirms(t *testing.T) {
	t.Parallel()
	s, user := newState()
	b := given(s, user, Cancelled, ReasonExpired)
	first := givenCharge(s, b, ChargeSucceeded, 1)
	s.refund(first)
	second := &Charge{ChargeKey: ChargeKey{b.Ref(), 2}, Amount: b.TotalAmount, Status: ChargeStarted, Attempts: 1}
	s.Charges[second.ChargeKey] = second
	s.Decide(&Settle{Charge: second.ChargeKey, Result: Result{Outcome: Succeeded}})
	if b.Status != Cancelled || s.Refunds[RefundKey{second.ChargeKey, 1}] == nil {
		t.Fatalf("booking %s, refunds %v", b.Status, s.Refunds)
	}
}

func TestSettle_gives_up_after_the_last_attempt_with_a_letter(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[Outcome][2]ChargeStatus{Unavailable: {ChargeStarted, ChargeFailed}, Unknown: {ChargeDoubtful, ChargeUnknown}} {
		for attempts := 1; attempts <= MaxAttempts; attempts++ {
			s, user := newState()
			b := given(s, user, Pending, "")
			charge := givenCharge(s, b, ChargeStarted, attempts)
			s.Decide(&Settle{Charge: charge.ChargeKey, Result: Result{Outcome: outcome, Reason: "gateway down"}, Backoff: time.Second})
			letters := s.Changes().Letters
			if attempts < MaxAttempts {
				if charge.Status != want[0] || len(letters) != 0 || !charge.NextAttemptAt.Equal(noon.Add(time.Second)) {
					t.Errorf("attempt %d: charge %+v, letters %v", attempts, charge, letters)
				}
				continue
			}
			if charge.Status != want[1] || len(letters) != 1 || letters[0].LastError != "gateway down" || letters[0].FailedAt != noon {
				t.Errorf("last attempt, %s: charge %+v, letters %+v", outcome, charge, letters)
			}
			if b.Status != Pending {
				t.Errorf("the booking is %s; it waits for review until its deadline", b.Status)
			}
		}
	}
}

func TestSettle_stays_in_doubt_after_any_try_without_an_answer(t *testing.T) {
	t.Parallel()
	s, user := newState()
	charge := givenCharge(s, given(s, user, Pending, ""), ChargeStarted, 0)
	for _, o := range []Outcome{Unknown, Unavailable, Unavailable, Unavailable, Unavailable} {
		charge.Attempts++
		s.Decide(&Settle{Charge: charge.ChargeKey, Result: Result{Outcome: o}})
	}
	if charge.Status != ChargeUnknown {
		t.Fatalf("the first try may still take the money, but the charge is %s", charge.Status)
	}
	if got := s.Decide(&DiscardLetter{LetterCharge, charge.ChargeKey}).Err; !errors.Is(got, ErrLetterUnknown) {
		t.Errorf("discard: %v", got)
	}
	s.Decide(&Settle{Charge: charge.ChargeKey, Result: Result{Outcome: Absent}})
	if charge.Status != ChargeFailed {
		t.Errorf("after the gateway has never heard of it: %+v", charge)
	}
}

func TestLetters(t *testing.T) {
	t.Parallel()
	type verdict struct{ retry, discard *Error }
	for status, want := range map[ChargeStatus]verdict{
		ChargeFailed:    {nil, nil},
		ChargeUnknown:   {nil, ErrLetterUnknown},
		ChargeSucceeded: {ErrLetterNotFound, nil},
		ChargeStarted:   {ErrLetterNotFound, ErrLetterUnknown},
	} {
		for i, wanted := range []*Error{want.retry, want.discard} {
			s, user := newState()
			charge := givenCharge(s, given(s, user, Pending, ""), status, MaxAttempts)
			command := []Command{&RetryLetter{LetterCharge, charge.ChargeKey}, &DiscardLetter{LetterCharge, charge.ChargeKey}}[i]
			got := s.Decide(command).Err
			if wanted == nil && (got != nil || len(s.Changes().ClosedLetters) != 1) || wanted != nil && !errors.Is(got, wanted) {
				t.Errorf("%T of a %s charge: %v; want %v", command, status, got, wanted)
			}
		}
	}
}

// At the very deadline a booking expires, whether somebody has said so yet or not: no charge is begun for it any more. One of
// which nobody knows whether it was made is asked about all the same.
func TestLetters_at_the_deadline(t *testing.T) {
	t.Parallel()
	for status, want := range map[ChargeStatus]*Error{ChargeFailed: ErrBookingNotPending, ChargeUnknown: nil} {
		s, user := newState()
		b := given(s, user, Pending, "")
		charge := givenCharge(s, b, status, MaxAttempts)
		s.Now = b.PaymentDeadline.Add(-time.Microsecond)
		before := *charge
		if got := s.Decide(&RetryLetter{LetterCharge, charge.ChargeKey}).Err; got != nil {
			t.Errorf("a %s charge, just before the deadline: %v", status, got)
		}
		*charge, s.Now = before, b.PaymentDeadline
		if got := s.Decide(&RetryLetter{LetterCharge, charge.ChargeKey}).Err; got != want {
			t.Errorf("a %s charge, at the deadline: %v; want %v", status, got, want)
		}
	}
}

func TestSettleRefund(t *testing.T) {
	t.Parallel()
	s, user := newState()
	b := given(s, user, Confirmed, "")
	charge := givenCharge(s, b, ChargeSucceeded, 1)
	s.Decide(&Cancel{b.ID})
	refund := s.Refunds[RefundKey{charge.ChargeKey, 1}]
	if refund == nil || refund.Amount != b.TotalAmount {
		t.Fatalf("refund %+v", refund)
	}
	refund.Attempts = MaxAttempts
	s.Decide(&SettleRefund{Charge: charge.ChargeKey, Result: Result{Outcome: Unavailable, Reason: "down"}, Backoff: time.Minute})
	if refund.Status != RefundPending || len(s.Changes().Letters) != 1 {
		t.Fatalf("a refund that fails for long: %+v, letters %v", refund, s.Changes().Letters)
	}
	if got := s.Decide(&DiscardLetter{LetterRefund, charge.ChargeKey}).Err; !errors.Is(got, ErrRefundOwed) {
		t.Errorf("discard: %v", got)
	}
	s.Decide(&SettleRefund{Charge: charge.ChargeKey, Result: Result{Outcome: Succeeded}})
	s.Decide(&SettleRefund{Charge: charge.ChargeKey, Result: Result{Outcome: Unknown}})
	if refund.Status != RefundSucceeded || len(s.Changes().Letters) != 0 || len(s.Changes().ClosedLetters) != 1 {
		t.Errorf("refund %+v, letters %v", refund, s.Changes().Letters)
	}
}

func TestEditEvent(t *testing.T) {
	t.Parallel()
	total := func(n int64) EventPatch { return EventPatch{TotalTickets: &n} }
	price := func(p string) EventPatch { return EventPatch{Price: &p} }
	euro, huge, stale, fresh := Currency("EUR"), "92233720368547758", int64(7), int64(1)
	for name, test := range map[string]struct {
		patch     EventPatch
		ifVersion *int64
		want      *Error
	}{
		"raises_capacity":              {total(11), nil, nil},
		"lowers_to_what_is_taken":      {total(2), nil, nil},
		"not_below":                    {total(1), nil, ErrCapacityBelowTaken},
		"not_to_nothing":               {total(0), nil, ErrInvalid},
		"not_beyond_an_integer":        {total(1 << 31), nil, ErrInvalid},
		"changes_the_price":            {price("9.99"), nil, nil},
		"not_below_nothing":            {price("-1"), nil, ErrInvalid},
		"not_beyond_what_money_holds":  {price(huge), nil, ErrInvalid},
		"keeps_the_currency_once_sold": {EventPatch{Currency: &euro}, nil, ErrCurrencyFixed},
		"needs_the_version":            {total(11), &stale, ErrVersionMismatch},
		"takes_the_version":            {total(11), &fresh, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			given(s, user, Confirmed, "")
			before := *s.Event
			verdict := s.Decide(&EditEvent{Patch: test.patch, IfVersion: test.ifVersion})
			if test.want != nil {
				if !errors.Is(verdict.Err, test.want) || *s.Event != before || !s.Changes().Empty() {
					t.Fatalf("verdict %v; want %s and nothing changed", verdict.Err, test.want.Code)
				}
				return
			}
			if verdict.Err != nil || s.Event.Version != 2 || !s.Changes().EventEdited {
				t.Fatalf("verdict %+v", verdict)
			}
			balanced(t, s)
		})
	}
}

func TestEditEvent_keeps_amounts_within_bounds_whatever_is_sold_next(t *testing.T) {
	t.Parallel()
	s, user := newState()
	s.Event.TicketPrice.Minor = MaxAmount / 10
	if got := s.Decide(&Reserve{Booking: NewID[BookingID](), User: user, Quantity: 10, Method: SimOK}); got.Err != nil {
		t.Fatal(got.Err)
	}
	cheap, more := "100", int64(1000)
	if got := s.Decide(&EditEvent{Patch: EventPatch{Price: &cheap, TotalTickets: &more}}); !errors.Is(got.Err, ErrInvalid) {
		t.Errorf("%+v; the event's amounts would pass the largest that can be kept", got)
	}
}

func TestEditEvent_keeps_the_number_when_an_unsold_event_changes_currency(t *testing.T) {
	t.Parallel()
	s, _ := newState()
	yen := Currency("JPY")
	if got := s.Decide(&EditEvent{Patch: EventPatch{Currency: &yen}}); got.Err != nil || got.Event.TicketPrice != (Money{25, yen}) {
		t.Fatalf("%+v", got)
	}
}

func TestDeleteEvent(t *testing.T) {
	t.Parallel()
	over := func(s *EventState) { s.Event.DateTime = noon.Add(-time.Hour) }
	for name, test := range map[string]struct {
		status  Status
		prepare func(*EventState)
		want    *Error
	}{
		"without_bookings":                {"", nil, nil},
		"not_with_pending_ones":           {Pending, nil, ErrEventHasBookings},
		"not_with_confirmed_ones":         {Confirmed, nil, ErrEventHasBookings},
		"with_cancelled_ones":             {Cancelled, nil, nil},
		"with_confirmed_ones_once_over":   {Confirmed, over, nil},
		"not_with_pending_ones_even_then": {Pending, over, ErrEventHasBookings},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			if test.status != "" {
				given(s, user, test.status, ReasonUser)
			}
			if test.prepare != nil {
				test.prepare(s)
			}
			verdict := s.Decide(&DeleteEvent{})
			if test.want == nil && (verdict.Err != nil || s.Event.DeletedAt.IsZero()) || test.want != nil && !errors.Is(verdict.Err, test.want) {
				t.Fatalf("verdict %+v", verdict)
			}
		})
	}
}

func TestChargeKey_survives_its_reference(t *testing.T) {
	t.Parallel()
	key := ChargeKey{BookingRef{NewID[EventID](), NewID[BookingID]()}, 3}
	if again, err := ParseReference(key.Reference()); err != nil || again != key {
		t.Fatalf("%v, %v", again, err)
	}
	for _, bad := range []string{"", "qx", key.Reference() + "0x", key.Reference()[:60], "qx_" + key.Reference(), key.Reference() + "_1"} {
		if _, err := ParseReference(bad); err == nil {
			t.Errorf("ParseReference(%q) was accepted", bad)
		}
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	id := NewID[EventID]()
	if again, err := ParseID[EventID](id.String()); err != nil || again != id {
		t.Fatalf("%v, %v", again, err)
	}
	for _, bad := range []string{"", "x", "urn:uuid:" + id.String(), "{" + id.String() + "}", id.String()[:35], "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"} {
		if _, err := ParseID[EventID](bad); err == nil {
			t.Errorf("ParseID(%q) was accepted", bad)
		}
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	for _, email := range []string{"", "x", "John <john@example.com>", "a@b@c", "a b@example.com", "a\x00@example.com", " a@example.com"} {
		if _, err := NewUser("John", email); !errors.Is(err, ErrInvalid) {
			t.Errorf("e-mail %q: %v", email, err)
		}
	}
	user, err := NewUser("John Doe", "john@example.com")
	if err != nil {
		t.Fatal(err)
	}
	name, blank := "Jane", " "
	if changed, err := user.Apply(UserPatch{Name: &name}, nil, noon); !changed || err != nil || user.Version != 2 || user.Email != "john@example.com" {
		t.Errorf("%+v, %t, %v", user, changed, err)
	}
	if _, err := user.Apply(UserPatch{Name: &blank}, nil, noon); !errors.Is(err, ErrInvalid) || user.Name != "Jane" {
		t.Errorf("%+v, %v", user, err)
	}
}
