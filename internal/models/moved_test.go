package models

import (
	"math/rand/v2"
	"testing"
)

// sold gives a state with a CONFIRMED booking of 50.00 and its charge.
func sold() (*EventState, *Booking, *Charge) {
	s, user := newState()
	b := given(s, user, Pending, "")
	c := givenCharge(s, b, ChargeStarted, 1)
	s.Decide(&Settle{Charge: c.ChargeKey, Result: Result{Outcome: Succeeded, ProviderReference: "p1", Amount: c.Amount}})
	s.changes = Changes{}
	return s, b, c
}

// owedOf and backOf sum up what is owed and what went back.
func owedOf(s *EventState, c *Charge) (sum int64) {
	for _, r := range s.refundsOf(c) {
		if r.Status == RefundPending {
			sum += r.Amount.Minor
		}
	}
	return sum
}

func backOf(s *EventState, c *Charge) int64 { return s.back(c) - owedOf(s, c) }

func move(id string, reason RefundReason, minor int64, state MovementState) Movement {
	return Movement{ID: id, Reason: reason, Part: 1, Amount: Money{minor, "USD"}, State: state}
}

func TestMoved_gives_back_the_rest_and_no_more(t *testing.T) {
	t.Parallel()
	s, b, c := sold()
	s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []Movement{move("r1", RefundMoved, 2000, MovementDone)}})
	if b.Status != Confirmed || s.Event.Stock.SoldAmount != 3000 || c.Refunded != 2000 {
		t.Fatalf("booking %s, sold %d, refunded %d", b.Status, s.Event.Stock.SoldAmount, c.Refunded)
	}
	if letters := s.Changes().Letters; len(letters) != 1 || letters[0].Kind != LetterMoved || letters[0].Amount.Minor != 2000 {
		t.Errorf("the letters are %+v", letters)
	}
	s.Decide(&Cancel{b.ID})
	if owedOf(s, c) != 3000 || c.Refunded != 5000 || s.Event.Stock.SoldAmount != 0 {
		t.Errorf("owed %d, refunded %d, sold %d", owedOf(s, c), c.Refunded, s.Event.Stock.SoldAmount)
	}
}

// A program older than the refunded sum, beside this one during a deployment, owes a refund without it: who settles that
// mends it.
func TestRefund_of_an_older_program_is_summed_up(t *testing.T) {
	t.Parallel()
	for _, outcome := range []Outcome{Succeeded, Unavailable} {
		s, b, c := sold()
		s.Decide(&Cancel{b.ID})
		c.Refunded = 0
		s.changes = Changes{}
		s.Decide(&SettleRefund{Charge: c.ChargeKey, Result: Result{Outcome: outcome}})
		if c.Refunded != 5000 || len(s.Changes().ChargeSums) != 1 {
			t.Errorf("%s: refunded %d, the changes are %+v", outcome, c.Refunded, s.Changes())
		}
	}
}

// A movement of nothing, of a sum that cannot be counted say, is written down nowhere: the database would refuse it, and all
// that is told together with it.
func TestMoved_of_nothing_is_none(t *testing.T) {
	t.Parallel()
	for _, reason := range []RefundReason{RefundMoved, RefundDisputed, RefundOwed} {
		s, _, c := sold()
		s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []Movement{move("r1", reason, 0, MovementDone)}})
		if !s.Changes().Empty() {
			t.Errorf("%q: the changes are %+v", reason, s.Changes())
		}
	}
}

func TestMoved_comes_off_what_is_owed(t *testing.T) {
	t.Parallel()
	for minor, owed := range map[int64]int64{1000: 4000, 4999: 1, 5000: 0, 9000: 0} {
		s, b, c := sold()
		s.Decide(&Cancel{b.ID})
		v := s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []Movement{move("r1", RefundMoved, minor, MovementDone)}})
		if owedOf(s, c) != owed || c.Refunded != 5000 || (v.Refund == nil) != (owed == 0) {
			t.Errorf("after %d by hand %d is owed, refunded %d, to give %+v", minor, owedOf(s, c), c.Refunded, v.Refund)
		}
	}
}

func TestMoved_that_came_back_is_owed_again(t *testing.T) {
	t.Parallel()
	s, b, c := sold()
	s.Decide(&Cancel{b.ID})
	s.Decide(&SettleRefund{Charge: c.ChargeKey, Result: Result{Outcome: Succeeded, ProviderReference: "r1"}})
	for range 3 {
		s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []Movement{move("r1", RefundOwed, 5000, MovementUndone)}})
	}
	if owedOf(s, c) != 5000 || c.Refunded != 5000 || len(s.refundsOf(c)) != 2 {
		t.Fatalf("owed %d, refunded %d, refunds %d", owedOf(s, c), c.Refunded, len(s.refundsOf(c)))
	}
	s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []Movement{move("r1", RefundOwed, 5000, MovementDone)}}) // late
	if owedOf(s, c) != 5000 {
		t.Errorf("an old word ends a new refund: owed %d", owedOf(s, c))
	}
}

// TestMoved_in_any_order tells random movements, each in any order and repeated, and ends the booking somewhere in between:
// no more goes back than was taken, and in the end all that did not go back by itself is owed.
func TestMoved_in_any_order(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(12, 3))
	for range 2000 {
		s, b, c := sold()
		var words []Movement
		for i := range 1 + random.IntN(3) {
			reason := []RefundReason{RefundMoved, RefundDisputed}[random.IntN(2)]
			id, minor := string(rune('a'+i)), 1+random.Int64N(2000)
			words = append(words, move(id, reason, minor, MovementOpen), move(id, reason, minor, MovementDone))
			if random.IntN(2) == 0 {
				words = append(words, move(id, reason, minor, MovementUndone))
			}
		}
		words = append(words, words...)
		random.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		end := random.IntN(2 * len(words))
		for i, word := range words {
			if i == end {
				s.Decide(&Cancel{b.ID})
			}
			s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []Movement{word}})
			if c.Refunded > 5000 || c.Refunded != s.back(c) || s.Event.Stock.SoldAmount != kept(s, b, c) {
				t.Fatalf("refunded %d, back %d, sold %d", c.Refunded, s.back(c), s.Event.Stock.SoldAmount)
			}
			if b.Status == Cancelled && s.back(c) != 5000 {
				t.Fatalf("the booking has ended, and of 5000 only %d went back or is owed", s.back(c))
			}
		}
	}
}

// kept is what a booking should earn.
func kept(s *EventState, b *Booking, c *Charge) int64 {
	if b.Status != Confirmed {
		return 0
	}
	return c.Amount.Minor - backOf(s, c)
}

func TestSettle_of_something_else(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		result  Result
		status  Status
		charges int
		owed    int64
		letters int
	}{
		"as asked for":      {Result{ProviderReference: "p1", Amount: Money{5000, "USD"}}, Confirmed, 1, 0, 0},
		"nothing said":      {Result{ProviderReference: "p1"}, Confirmed, 1, 0, 0},
		"less":              {Result{ProviderReference: "p1", Amount: Money{4999, "USD"}}, Cancelled, 1, 4999, 0},
		"more":              {Result{ProviderReference: "p1", Amount: Money{5001, "USD"}}, Cancelled, 1, 5001, 0},
		"another currency":  {Result{ProviderReference: "p1", Amount: Money{5000, "EUR"}}, Cancelled, 1, 0, 1},
		"another reference": {Result{ProviderReference: "p2", Amount: Money{5000, "USD"}}, Pending, 2, 5000, 0},
		"both":              {Result{ProviderReference: "p2", Amount: Money{70, "EUR"}}, Pending, 2, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			b := given(s, user, Pending, "")
			c := givenCharge(s, b, ChargePending, 1)
			c.ProviderReference = "p1"
			test.result.Outcome = Succeeded
			for range 3 {
				s.Decide(&Settle{Charge: c.ChargeKey, Result: test.result})
			}
			charges := s.chargesOf(b)
			var owed int64
			for _, charge := range charges {
				owed += owedOf(s, charge)
			}
			if b.Status != test.status || len(charges) != test.charges || owed != test.owed || len(s.Changes().Letters) != test.letters {
				t.Errorf("booking %s, %d charges, owed %d, letters %+v", b.Status, len(charges), owed, s.Changes().Letters)
			}
			balanced(t, s)
		})
	}
}
