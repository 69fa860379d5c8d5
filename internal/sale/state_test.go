package sale

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"quantix/internal/models"
)

const card models.PaymentMethod = "card"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newState is an event of 10 tickets at 25.00 that begins tomorrow, and one user.
func newState() (*State, models.UserID) {
	event, err := models.NewEvent(models.EventDraft{
		Name: "Concert", DateTime: noon.Add(24 * time.Hour), TotalTickets: 10, TicketPrice: models.Money{Minor: 2500, Currency: "USD"},
	})
	if err != nil {
		panic(err)
	}
	user := models.NewID[models.UserID]()
	return &State{
		Now: noon, Rules: Rules{PaymentDeadline: 15 * time.Minute, RetryLease: 30 * time.Second},
		Event: &event, Users: map[models.UserID]bool{user: true}, Keys: map[models.ReplayKey]*models.Booking{},
		Bookings: map[models.BookingID]*models.Booking{}, Charges: map[models.ChargeKey]*models.Charge{}, Refunds: map[models.RefundKey]*models.Refund{},
	}, user
}

// given puts a booking of two tickets in a status into the state, with its counters, as if it had been read.
func given(s *State, user models.UserID, status models.Status, reason models.CancelReason) *models.Booking {
	verdict := s.Decide(&Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: 2, Method: card})
	b := *verdict.Booking
	s.Bookings[b.ID] = &b
	switch status {
	case models.StatusConfirmed:
		s.confirm(&b)
	case models.StatusCancelled:
		s.cancel(&b, reason)
	}
	s.writes = Writes{}
	return &b
}

// givenCharge puts a first charge into the state.
func givenCharge(s *State, b *models.Booking, status models.ChargeStatus, attempts int) *models.Charge {
	c := &models.Charge{ChargeKey: models.FirstCharge(b.Ref()), Gateway: "sim", Amount: b.TotalAmount, Status: status, Attempts: attempts}
	s.Charges[c.ChargeKey] = c
	return c
}

// balanced checks the promise on stock against the bookings that the state knows.
func balanced(t *testing.T, s *State) {
	t.Helper()
	var want models.Stock
	want.Total = s.Event.Stock.Total
	for _, b := range s.Bookings {
		switch b.Status {
		case models.StatusPending:
			want.Held, want.HeldAmount, want.Pending = want.Held+b.Quantity, want.HeldAmount+b.TotalAmount.Minor, want.Pending+1
		case models.StatusConfirmed:
			want.Sold, want.SoldAmount, want.Confirmed = want.Sold+b.Quantity, want.SoldAmount+b.TotalAmount.Minor, want.Confirmed+1
		case models.StatusCancelled:
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
		prepare  func(*State)
		quantity int64
		want     *models.Error
	}{
		"takes_what_is_there":          {quantity: 10},
		"refuses_more_than_is_there":   {quantity: 11, want: models.ErrInsufficientTickets},
		"says_sold_out_at_none":        {func(s *State) { s.Event.Stock.Available = 0 }, 1, models.ErrSoldOut},
		"needs_an_event":               {func(s *State) { s.Event = nil }, 1, models.ErrEventNotFound},
		"does_not_see_a_deleted_event": {func(s *State) { s.Event.DeletedAt = noon }, 1, models.ErrEventNotFound},
		"needs_a_user":                 {func(s *State) { clear(s.Users) }, 1, models.ErrUserNotFound},
		"refuses_a_cancelled_event":    {func(s *State) { s.Event.CancelledAt = noon }, 1, models.ErrEventCancelled},
		"refuses_at_the_very_start":    {func(s *State) { s.Event.DateTime = noon }, 1, models.ErrEventStarted},
		"sells_a_microsecond_before":   {func(s *State) { s.Event.DateTime = noon.Add(time.Microsecond) }, 1, nil},
		"sells_later_with_sales_end": {func(s *State) {
			s.Event.DateTime, s.Event.SalesEnd = noon.Add(-time.Hour), noon.Add(time.Hour)
		}, 1, nil},
		"stops_at_an_early_sales_end": {func(s *State) { s.Event.SalesEnd = noon }, 1, models.ErrSalesEnded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			if test.prepare != nil {
				test.prepare(s)
			}
			verdict := s.Decide(&Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: test.quantity, Method: card})
			if test.want != nil {
				if !errors.Is(verdict.Err, test.want) || !s.Writes().Empty() {
					t.Fatalf("verdict %v, changes %+v; want %s and nothing changed", verdict.Err, s.Writes(), test.want.Code)
				}
				return
			}
			b := verdict.Booking
			if verdict.Err != nil || b.Status != models.StatusPending || b.TotalAmount.Minor != 2500*test.quantity || b.PaymentDeadline != noon.Add(15*time.Minute) {
				t.Fatalf("verdict %+v", verdict)
			}
			if got := s.Writes(); len(got.NewBookings) != 1 || len(got.Facts) != 1 || got.Event == nil || got.EventEdited {
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
		verdict := s.Decide(&Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: quantity, Method: card})
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
	ask := func(s *State, user models.UserID, quantity int64) Verdict {
		return s.Decide(&Reserve{
			Booking: models.NewID[models.BookingID](), User: user, Quantity: quantity, Method: card, Key: "k",
			Hash: models.HashRequest(s.Event.ID, user, quantity, card),
		})
	}
	t.Run("is_answered_again_even_when_sold_out_and_cancelled", func(t *testing.T) {
		t.Parallel()
		s, user := newState()
		first := ask(s, user, 10)
		stored := s.writes.NewBookings[0]
		s.Bookings[stored.ID] = stored
		s.cancel(stored, models.ReasonUser)
		s.Event.CancelledAt = noon
		again := ask(s, user, 10)
		if again.Err != nil || !again.Replayed || *again.Booking != *first.Booking {
			t.Fatalf("first %+v, again %+v", first, again)
		}
		if len(s.writes.NewBookings) != 1 {
			t.Errorf("%d bookings were made", len(s.writes.NewBookings))
		}
	})
	t.Run("is_refused_for_another_request", func(t *testing.T) {
		t.Parallel()
		s, user := newState()
		ask(s, user, 1)
		if again := ask(s, user, 2); !errors.Is(again.Err, models.ErrKeyReused) {
			t.Fatalf("again %+v", again)
		}
	})
	t.Run("does_not_meet_another_users", func(t *testing.T) {
		t.Parallel()
		s, user := newState()
		other := models.NewID[models.UserID]()
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
	b := given(s, user, models.StatusPending, "")
	s.Recheck = true
	verdict := s.Decide(&Reserve{Booking: b.ID, User: user, Quantity: 2, Method: card})
	if verdict.Err != nil || verdict.Booking.ID != b.ID || !s.Writes().Empty() {
		t.Fatalf("verdict %+v, changes %+v", verdict, s.Writes())
	}
}

// TestTransitions is the whole table: each command on each state of a booking, and where the booking is afterwards.
func TestTransitions(t *testing.T) {
	t.Parallel()
	type state struct {
		status models.Status
		reason models.CancelReason
	}
	pending, confirmed := state{models.StatusPending, ""}, state{models.StatusConfirmed, ""}
	byUser, expired := state{models.StatusCancelled, models.ReasonUser}, state{models.StatusCancelled, models.ReasonExpired}
	declined, byEvent := state{models.StatusCancelled, models.ReasonDeclined}, state{models.StatusCancelled, models.ReasonEventCancelled}
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
	settle := func(o models.Outcome) func(*models.Booking) Command {
		return func(b *models.Booking) Command {
			return &Settle{Charge: models.FirstCharge(b.Ref()), Result: models.Result{Outcome: o}}
		}
	}
	for name, test := range map[string]struct {
		command func(*models.Booking) Command
		prepare func(*State)
		to      map[state]state
	}{
		"cancel":          {func(b *models.Booking) Command { return &Cancel{b.ID} }, nil, stays(map[state]state{pending: byUser, confirmed: byUser})},
		"cancel_too_late": {func(b *models.Booking) Command { return &Cancel{b.ID} }, func(s *State) { s.Event.DateTime = noon }, stays(nil)},
		"expire_early":    {func(b *models.Booking) Command { return &Expire{b.ID} }, nil, stays(nil)},
		"expire_at_the_deadline": {func(b *models.Booking) Command { return &Expire{b.ID} },
			func(s *State) { s.Now = noon.Add(15 * time.Minute) }, stays(map[state]state{pending: expired})},
		"event_cancelled": {func(b *models.Booking) Command { return &CancelForEvent{b.ID} },
			func(s *State) { s.Event.CancelledAt = noon }, stays(map[state]state{pending: byEvent, confirmed: byEvent})},
		"paid": {settle(models.OutcomeSucceeded), nil, stays(map[state]state{pending: confirmed, expired: confirmed})},
		"paid_after_the_deadline": {settle(models.OutcomeSucceeded),
			func(s *State) { s.Now = noon.Add(time.Hour) }, stays(map[state]state{pending: confirmed, expired: confirmed})},
		"paid_and_sold_out": {settle(models.OutcomeSucceeded),
			func(s *State) { s.Event.Stock.Available, s.Event.Stock.Total = 0, s.Event.Stock.Taken() }, stays(map[state]state{pending: confirmed})},
		"paid_and_begun":      {settle(models.OutcomeSucceeded), func(s *State) { s.Event.DateTime = noon }, stays(map[state]state{pending: confirmed})},
		"paid_and_called_off": {settle(models.OutcomeSucceeded), func(s *State) { s.Event.CancelledAt = noon }, stays(map[state]state{pending: confirmed})},
		"paid_and_deleted":    {settle(models.OutcomeSucceeded), func(s *State) { s.Event.DeletedAt = noon }, stays(map[state]state{pending: confirmed})},
		"declined":            {settle(models.OutcomeDeclined), nil, stays(map[state]state{pending: declined})},
		"still_open":          {settle(models.OutcomePending), nil, stays(nil)},
		"unknown":             {settle(models.OutcomeUnknown), nil, stays(nil)},
		"unavailable":         {settle(models.OutcomeUnavailable), nil, stays(nil)},
		"voided":              {settle(models.OutcomeVoided), nil, stays(nil)},
	} {
		for _, from := range all {
			t.Run(fmt.Sprintf("%s/%s_%s", name, from.status, from.reason), func(t *testing.T) {
				t.Parallel()
				s, user := newState()
				b := given(s, user, from.status, from.reason)
				charge := givenCharge(s, b, models.ChargeStarted, 1)
				if from == confirmed {
					charge.Status = models.ChargeSucceeded
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
func moneyEnds(t *testing.T, s *State, b *models.Booking) {
	t.Helper()
	for key, charge := range s.Charges {
		refunded, paid := s.Refunds[models.RefundKey{ChargeKey: key, Part: 1}] != nil, charge.Status == models.ChargeSucceeded
		if ends := (b.Status == models.StatusConfirmed) != refunded; paid != ends && (paid || refunded) {
			t.Errorf("charge %s, booking %s, refund %t", charge.Status, b.Status, refunded)
		}
	}
}

func TestSettle_repeated_and_out_of_order_is_harmless(t *testing.T) {
	t.Parallel()
	outcomes := []models.Outcome{models.OutcomeSucceeded, models.OutcomeDeclined, models.OutcomePending, models.OutcomeUnknown, models.OutcomeUnavailable, models.OutcomeVoided}
	for _, first := range outcomes {
		for _, second := range outcomes {
			for _, third := range outcomes {
				s, user := newState()
				b := given(s, user, models.StatusPending, "")
				charge := givenCharge(s, b, models.ChargeStarted, models.MaxAttempts)
				for _, o := range []models.Outcome{first, second, third} {
					s.Decide(&Settle{Charge: charge.ChargeKey, Result: models.Result{Outcome: o}})
				}
				balanced(t, s)
				moneyEnds(t, s, b)
				everPaid := first == models.OutcomeSucceeded || second == models.OutcomeSucceeded || third == models.OutcomeSucceeded
				if everPaid != (charge.Status == models.ChargeSucceeded) {
					t.Errorf("%s, %s, %s left the charge %s", first, second, third, charge.Status)
				}
			}
		}
	}
}

func TestSettle_after_a_refund_was_written_never_confirms(t *testing.T) {
	t.Parallel()
	s, user := newState()
	b := given(s, user, models.StatusCancelled, models.ReasonExpired)
	first := givenCharge(s, b, models.ChargeSucceeded, 1)
	s.owe(first)
	second := &models.Charge{ChargeKey: models.ChargeKey{BookingRef: b.Ref(), N: 2}, Amount: b.TotalAmount, Status: models.ChargeStarted, Attempts: 1}
	s.Charges[second.ChargeKey] = second
	s.Decide(&Settle{Charge: second.ChargeKey, Result: models.Result{Outcome: models.OutcomeSucceeded}})
	if b.Status != models.StatusCancelled || s.Refunds[models.RefundKey{ChargeKey: second.ChargeKey, Part: 1}] == nil {
		t.Fatalf("booking %s, refunds %v", b.Status, s.Refunds)
	}
}

func TestSettle_gives_up_after_the_last_attempt_with_a_letter(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[models.Outcome][2]models.ChargeStatus{models.OutcomeUnavailable: {models.ChargeStarted, models.ChargeFailed}, models.OutcomeUnknown: {models.ChargeDoubtful, models.ChargeUnknown}} {
		for attempts := 1; attempts <= models.MaxAttempts; attempts++ {
			s, user := newState()
			b := given(s, user, models.StatusPending, "")
			charge := givenCharge(s, b, models.ChargeStarted, attempts)
			s.Decide(&Settle{Charge: charge.ChargeKey, Result: models.Result{Outcome: outcome, Reason: "gateway down"}, Backoff: time.Second})
			letters := s.Writes().Letters
			if attempts < models.MaxAttempts {
				if charge.Status != want[0] || len(letters) != 0 || !charge.NextAttemptAt.Equal(noon.Add(time.Second)) {
					t.Errorf("attempt %d: charge %+v, letters %v", attempts, charge, letters)
				}
				continue
			}
			if charge.Status != want[1] || len(letters) != 1 || letters[0].LastError != "gateway down" || letters[0].FailedAt != noon {
				t.Errorf("last attempt, %s: charge %+v, letters %+v", outcome, charge, letters)
			}
			if b.Status != models.StatusPending {
				t.Errorf("the booking is %s; it waits for review until its deadline", b.Status)
			}
		}
	}
}

func TestSettle_stays_in_doubt_after_any_try_without_an_answer(t *testing.T) {
	t.Parallel()
	s, user := newState()
	charge := givenCharge(s, given(s, user, models.StatusPending, ""), models.ChargeStarted, 0)
	for _, o := range []models.Outcome{models.OutcomeUnknown, models.OutcomeUnavailable, models.OutcomeUnavailable, models.OutcomeUnavailable, models.OutcomeUnavailable} {
		charge.Attempts++
		s.Decide(&Settle{Charge: charge.ChargeKey, Result: models.Result{Outcome: o}})
	}
	if charge.Status != models.ChargeUnknown {
		t.Fatalf("the first try may still take the money, but the charge is %s", charge.Status)
	}
	if got := s.Decide(&DiscardLetter{models.LetterCharge, charge.ChargeKey}).Err; !errors.Is(got, models.ErrLetterUnknown) {
		t.Errorf("discard: %v", got)
	}
	s.Decide(&Settle{Charge: charge.ChargeKey, Result: models.Result{Outcome: models.OutcomeAbsent}})
	if charge.Status != models.ChargeFailed {
		t.Errorf("after the gateway has never heard of it: %+v", charge)
	}
}

func TestLetters(t *testing.T) {
	t.Parallel()
	type verdict struct{ retry, discard *models.Error }
	for status, want := range map[models.ChargeStatus]verdict{
		models.ChargeFailed:    {nil, nil},
		models.ChargeUnknown:   {nil, models.ErrLetterUnknown},
		models.ChargeSucceeded: {models.ErrLetterNotFound, nil},
		models.ChargeStarted:   {models.ErrLetterNotFound, models.ErrLetterUnknown},
	} {
		for i, wanted := range []*models.Error{want.retry, want.discard} {
			s, user := newState()
			charge := givenCharge(s, given(s, user, models.StatusPending, ""), status, models.MaxAttempts)
			command := []Command{&RetryLetter{models.LetterCharge, charge.ChargeKey}, &DiscardLetter{models.LetterCharge, charge.ChargeKey}}[i]
			got := s.Decide(command).Err
			if wanted == nil && (got != nil || len(s.Writes().ClosedLetters) != 1) || wanted != nil && !errors.Is(got, wanted) {
				t.Errorf("%T of a %s charge: %v; want %v", command, status, got, wanted)
			}
		}
	}
}

// At the very deadline a booking expires, whether somebody has said so yet or not: no charge is begun for it any more.
// One of which nobody knows whether it was made is asked about all the same.
func TestLetters_at_the_deadline(t *testing.T) {
	t.Parallel()
	for status, want := range map[models.ChargeStatus]*models.Error{models.ChargeFailed: models.ErrBookingNotPending, models.ChargeUnknown: nil} {
		s, user := newState()
		b := given(s, user, models.StatusPending, "")
		charge := givenCharge(s, b, status, models.MaxAttempts)
		s.Now = b.PaymentDeadline.Add(-time.Microsecond)
		before := *charge
		if got := s.Decide(&RetryLetter{models.LetterCharge, charge.ChargeKey}).Err; got != nil {
			t.Errorf("a %s charge, just before the deadline: %v", status, got)
		}
		*charge, s.Now = before, b.PaymentDeadline
		if got := s.Decide(&RetryLetter{models.LetterCharge, charge.ChargeKey}).Err; got != want {
			t.Errorf("a %s charge, at the deadline: %v; want %v", status, got, want)
		}
	}
}

func TestSettleRefund(t *testing.T) {
	t.Parallel()
	s, user := newState()
	b := given(s, user, models.StatusConfirmed, "")
	charge := givenCharge(s, b, models.ChargeSucceeded, 1)
	s.Decide(&Cancel{b.ID})
	refund := s.Refunds[models.RefundKey{ChargeKey: charge.ChargeKey, Part: 1}]
	if refund == nil || refund.Amount != b.TotalAmount {
		t.Fatalf("refund %+v", refund)
	}
	refund.Attempts = models.MaxAttempts
	s.Decide(&SettleRefund{Charge: charge.ChargeKey, Result: models.Result{Outcome: models.OutcomeUnavailable, Reason: "down"}, Backoff: time.Minute})
	if refund.Status != models.RefundPending || len(s.Writes().Letters) != 1 {
		t.Fatalf("a refund that fails for long: %+v, letters %v", refund, s.Writes().Letters)
	}
	if got := s.Decide(&DiscardLetter{models.LetterRefund, charge.ChargeKey}).Err; !errors.Is(got, models.ErrRefundOwed) {
		t.Errorf("discard: %v", got)
	}
	s.Decide(&SettleRefund{Charge: charge.ChargeKey, Result: models.Result{Outcome: models.OutcomeSucceeded}})
	s.Decide(&SettleRefund{Charge: charge.ChargeKey, Result: models.Result{Outcome: models.OutcomeUnknown}})
	if refund.Status != models.RefundSucceeded || len(s.Writes().Letters) != 0 || len(s.Writes().ClosedLetters) != 1 {
		t.Errorf("refund %+v, letters %v", refund, s.Writes().Letters)
	}
}

func TestEditEvent(t *testing.T) {
	t.Parallel()
	total := func(n int64) models.EventPatch { return models.EventPatch{TotalTickets: &n} }
	price := func(p string) models.EventPatch { return models.EventPatch{Price: &p} }
	euro, huge, stale, fresh := models.Currency("EUR"), "92233720368547758", int64(7), int64(1)
	for name, test := range map[string]struct {
		patch     models.EventPatch
		ifVersion *int64
		want      *models.Error
	}{
		"raises_capacity":              {total(11), nil, nil},
		"lowers_to_what_is_taken":      {total(2), nil, nil},
		"not_below":                    {total(1), nil, models.ErrCapacityBelowTaken},
		"not_to_nothing":               {total(0), nil, models.ErrInvalid},
		"not_beyond_an_integer":        {total(1 << 31), nil, models.ErrInvalid},
		"changes_the_price":            {price("9.99"), nil, nil},
		"not_below_nothing":            {price("-1"), nil, models.ErrInvalid},
		"not_beyond_what_money_holds":  {price(huge), nil, models.ErrInvalid},
		"keeps_the_currency_once_sold": {models.EventPatch{Currency: &euro}, nil, models.ErrCurrencyFixed},
		"needs_the_version":            {total(11), &stale, models.ErrVersionMismatch},
		"takes_the_version":            {total(11), &fresh, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			given(s, user, models.StatusConfirmed, "")
			before := *s.Event
			verdict := s.Decide(&EditEvent{Patch: test.patch, IfVersion: test.ifVersion})
			if test.want != nil {
				if !errors.Is(verdict.Err, test.want) || *s.Event != before || !s.Writes().Empty() {
					t.Fatalf("verdict %v; want %s and nothing changed", verdict.Err, test.want.Code)
				}
				return
			}
			if verdict.Err != nil || s.Event.Version != 2 || !s.Writes().EventEdited {
				t.Fatalf("verdict %+v", verdict)
			}
			balanced(t, s)
		})
	}
}

func TestEditEvent_keeps_amounts_within_bounds_whatever_is_sold_next(t *testing.T) {
	t.Parallel()
	s, user := newState()
	s.Event.TicketPrice.Minor = models.MaxAmount / 10
	if got := s.Decide(&Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: 10, Method: card}); got.Err != nil {
		t.Fatal(got.Err)
	}
	cheap, more := "100", int64(1000)
	if got := s.Decide(&EditEvent{Patch: models.EventPatch{Price: &cheap, TotalTickets: &more}}); !errors.Is(got.Err, models.ErrInvalid) {
		t.Errorf("%+v; the event's amounts would pass the largest that can be kept", got)
	}
}

func TestEditEvent_keeps_the_number_when_an_unsold_event_changes_currency(t *testing.T) {
	t.Parallel()
	s, _ := newState()
	yen := models.Currency("JPY")
	if got := s.Decide(&EditEvent{Patch: models.EventPatch{Currency: &yen}}); got.Err != nil || got.Event.TicketPrice != (models.Money{Minor: 25, Currency: yen}) {
		t.Fatalf("%+v", got)
	}
}

func TestDeleteEvent(t *testing.T) {
	t.Parallel()
	over := func(s *State) { s.Event.DateTime = noon.Add(-time.Hour) }
	for name, test := range map[string]struct {
		status  models.Status
		prepare func(*State)
		want    *models.Error
	}{
		"without_bookings":                {"", nil, nil},
		"not_with_pending_ones":           {models.StatusPending, nil, models.ErrEventHasBookings},
		"not_with_confirmed_ones":         {models.StatusConfirmed, nil, models.ErrEventHasBookings},
		"with_cancelled_ones":             {models.StatusCancelled, nil, nil},
		"with_confirmed_ones_once_over":   {models.StatusConfirmed, over, nil},
		"not_with_pending_ones_even_then": {models.StatusPending, over, models.ErrEventHasBookings},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			if test.status != "" {
				given(s, user, test.status, models.ReasonUser)
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
	key := models.ChargeKey{BookingRef: models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}, N: 3}
	if again, err := models.ParseReference(key.Reference()); err != nil || again != key {
		t.Fatalf("%v, %v", again, err)
	}
	for _, bad := range []string{"", "qx", key.Reference() + "0x", key.Reference()[:60], "qx_" + key.Reference(), key.Reference() + "_1"} {
		if _, err := models.ParseReference(bad); err == nil {
			t.Errorf("ParseReference(%q) was accepted", bad)
		}
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	id := models.NewID[models.EventID]()
	if again, err := models.ParseID[models.EventID](id.String()); err != nil || again != id {
		t.Fatalf("%v, %v", again, err)
	}
	for _, bad := range []string{"", "x", "urn:uuid:" + id.String(), "{" + id.String() + "}", id.String()[:35], "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"} {
		if _, err := models.ParseID[models.EventID](bad); err == nil {
			t.Errorf("ParseID(%q) was accepted", bad)
		}
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	for _, email := range []string{"", "x", "John <john@example.com>", "a@b@c", "a b@example.com", "a\x00@example.com", " a@example.com"} {
		if _, err := models.NewUser("John", email); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("e-mail %q: %v", email, err)
		}
	}
	user, err := models.NewUser("John Doe", "john@example.com")
	if err != nil {
		t.Fatal(err)
	}
	name, blank := "Jane", " "
	if changed, err := user.Apply(models.UserPatch{Name: &name}, nil, noon); !changed || err != nil || user.Version != 2 || user.Email != "john@example.com" {
		t.Errorf("%+v, %t, %v", user, changed, err)
	}
	if _, err := user.Apply(models.UserPatch{Name: &blank}, nil, noon); !errors.Is(err, models.ErrInvalid) || user.Name != "Jane" {
		t.Errorf("%+v, %v", user, err)
	}
}
