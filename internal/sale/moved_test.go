package sale

import (
	"errors"
	"math/rand/v2"
	"testing"

	"quantix/internal/models"
)

// sold returns a state with a CONFIRMED booking of 50.00 and its charge.
func sold() (*State, *models.Booking, *models.Charge) {
	s, user := newState()
	b := given(s, user, models.StatusPending, "")
	c := givenCharge(s, b, models.ChargeStarted, 1)
	s.Decide(&Settle{Charge: c.ChargeKey, Result: models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: "p1", Amount: c.Amount}})
	s.writes = Writes{}
	return s, b, c
}

// owedOf and backOf sum up what is owed and what went back.
func owedOf(s *State, c *models.Charge) (sum int64) {
	for _, r := range s.refundsOf(c) {
		if r.Status == models.RefundPending {
			sum += r.Amount.Minor
		}
	}
	return sum
}

func backOf(s *State, c *models.Charge) int64 { return s.back(c) - owedOf(s, c) }

func move(id string, reason models.RefundReason, minor int64, state models.MovementState) models.Movement {
	return models.Movement{ID: id, Reason: reason, Part: 1, Amount: models.Money{Minor: minor, Currency: "USD"}, State: state}
}

func TestMoved_gives_back_the_rest_and_no_more(t *testing.T) {
	t.Parallel()
	s, b, c := sold()
	s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{move("r1", models.RefundMoved, 2000, models.MovementDone)}})
	if b.Status != models.StatusConfirmed || s.Event.Stock.SoldAmount != 3000 || c.Refunded != 2000 {
		t.Fatalf("booking %s, sold %d, refunded %d", b.Status, s.Event.Stock.SoldAmount, c.Refunded)
	}
	if letters := s.Writes().Letters; len(letters) != 1 || letters[0].Kind != models.LetterMoved || letters[0].Amount.Minor != 2000 {
		t.Errorf("the letters are %+v", letters)
	}
	s.Decide(&Cancel{b.ID})
	if owedOf(s, c) != 3000 || c.Refunded != 5000 || s.Event.Stock.SoldAmount != 0 {
		t.Errorf("owed %d, refunded %d, sold %d", owedOf(s, c), c.Refunded, s.Event.Stock.SoldAmount)
	}
}

// A program older than the refunded sum, beside this one during a deployment, owes a refund without it: who settles
// that mends it.
func TestRefund_of_an_older_program_is_summed_up(t *testing.T) {
	t.Parallel()
	for _, outcome := range []models.Outcome{models.OutcomeSucceeded, models.OutcomeUnavailable} {
		s, b, c := sold()
		s.Decide(&Cancel{b.ID})
		c.Refunded = 0
		s.writes = Writes{}
		s.Decide(&SettleRefund{Charge: c.ChargeKey, Result: models.Result{Outcome: outcome}})
		if c.Refunded != 5000 || len(s.Writes().ChargeSums) != 1 {
			t.Errorf("%s: refunded %d, the changes are %+v", outcome, c.Refunded, s.Writes())
		}
	}
}

// A movement of nothing, of a sum that cannot be counted say, is written down nowhere: the database would refuse it,
// and all that is told together with it.
func TestMoved_of_nothing_is_none(t *testing.T) {
	t.Parallel()
	for _, reason := range []models.RefundReason{models.RefundMoved, models.RefundDisputed, models.RefundOwed} {
		s, _, c := sold()
		s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{move("r1", reason, 0, models.MovementDone)}})
		if !s.Writes().Empty() {
			t.Errorf("%q: the changes are %+v", reason, s.Writes())
		}
	}
}

func TestMoved_comes_off_what_is_owed(t *testing.T) {
	t.Parallel()
	for minor, owed := range map[int64]int64{1000: 4000, 4999: 1, 5000: 0, 9000: 0} {
		s, b, c := sold()
		s.Decide(&Cancel{b.ID})
		v := s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{move("r1", models.RefundMoved, minor, models.MovementDone)}})
		if owedOf(s, c) != owed || c.Refunded != 5000 || (v.Refund == nil) != (owed == 0) {
			t.Errorf("after %d by hand %d is owed, refunded %d, to give %+v", minor, owedOf(s, c), c.Refunded, v.Refund)
		}
	}
}

func TestMoved_that_came_back_is_owed_again(t *testing.T) {
	t.Parallel()
	s, b, c := sold()
	s.Decide(&Cancel{b.ID})
	s.Decide(&SettleRefund{Charge: c.ChargeKey, Result: models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: "r1"}})
	for range 3 {
		s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{move("r1", models.RefundOwed, 5000, models.MovementUndone)}})
	}
	if owedOf(s, c) != 5000 || c.Refunded != 5000 || len(s.refundsOf(c)) != 2 {
		t.Fatalf("owed %d, refunded %d, refunds %d", owedOf(s, c), c.Refunded, len(s.refundsOf(c)))
	}
	s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{move("r1", models.RefundOwed, 5000, models.MovementDone)}}) // late
	if owedOf(s, c) != 5000 {
		t.Errorf("an old word ends a new refund: owed %d", owedOf(s, c))
	}
}

// TestMoved_in_any_order tells random movements, each in any order and repeated, and ends the booking somewhere in
// between: no more goes back than was taken, and in the end all that did not go back by itself is owed.
func TestMoved_in_any_order(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(12, 3))
	for range 2000 {
		s, b, c := sold()
		var words []models.Movement
		for i := range 1 + random.IntN(3) {
			reason := []models.RefundReason{models.RefundMoved, models.RefundDisputed}[random.IntN(2)]
			id, minor := string(rune('a'+i)), 1+random.Int64N(2000)
			words = append(words, move(id, reason, minor, models.MovementOpen), move(id, reason, minor, models.MovementDone))
			if random.IntN(2) == 0 {
				words = append(words, move(id, reason, minor, models.MovementUndone))
			}
		}
		words = append(words, words...)
		random.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		end := random.IntN(2 * len(words))
		for i, word := range words {
			if i == end {
				s.Decide(&Cancel{b.ID})
			}
			s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{word}})
			if c.Refunded > 5000 || c.Refunded != s.back(c) || s.Event.Stock.SoldAmount != kept(s, b, c) {
				t.Fatalf("refunded %d, back %d, sold %d", c.Refunded, s.back(c), s.Event.Stock.SoldAmount)
			}
			if b.Status == models.StatusCancelled && s.back(c) != 5000 {
				t.Fatalf("the booking has ended, and of 5000 only %d went back or is owed", s.back(c))
			}
		}
	}
}

// kept is what a booking should earn.
func kept(s *State, b *models.Booking, c *models.Charge) int64 {
	if b.Status != models.StatusConfirmed {
		return 0
	}
	return c.Amount.Minor - backOf(s, c)
}

func TestSettle_of_something_else(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		result  models.Result
		status  models.Status
		charges int
		owed    int64
		letters int
	}{
		"as asked for":      {models.Result{ProviderReference: "p1", Amount: models.Money{Minor: 5000, Currency: "USD"}}, models.StatusConfirmed, 1, 0, 0},
		"nothing said":      {models.Result{ProviderReference: "p1"}, models.StatusConfirmed, 1, 0, 0},
		"less":              {models.Result{ProviderReference: "p1", Amount: models.Money{Minor: 4999, Currency: "USD"}}, models.StatusCancelled, 1, 4999, 0},
		"more":              {models.Result{ProviderReference: "p1", Amount: models.Money{Minor: 5001, Currency: "USD"}}, models.StatusCancelled, 1, 5001, 0},
		"another currency":  {models.Result{ProviderReference: "p1", Amount: models.Money{Minor: 5000, Currency: "EUR"}}, models.StatusCancelled, 1, 0, 1},
		"another reference": {models.Result{ProviderReference: "p2", Amount: models.Money{Minor: 5000, Currency: "USD"}}, models.StatusPending, 2, 5000, 0},
		"both":              {models.Result{ProviderReference: "p2", Amount: models.Money{Minor: 70, Currency: "EUR"}}, models.StatusPending, 2, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, user := newState()
			b := given(s, user, models.StatusPending, "")
			c := givenCharge(s, b, models.ChargePending, 1)
			c.ProviderReference = "p1"
			test.result.Outcome = models.OutcomeSucceeded
			for range 3 {
				s.Decide(&Settle{Charge: c.ChargeKey, Result: test.result})
			}
			charges := s.chargesOf(b)
			var owed int64
			for _, charge := range charges {
				owed += owedOf(s, charge)
			}
			if b.Status != test.status || len(charges) != test.charges || owed != test.owed || len(s.Writes().Letters) != test.letters {
				t.Errorf("booking %s, %d charges, owed %d, letters %+v", b.Status, len(charges), owed, s.Writes().Letters)
			}
			balanced(t, s)
		})
	}
}

// What was taken twice pays for nothing, and goes back although its booking stays: should it come back, it is owed
// again.
func TestMoved_of_a_second_success_that_came_back_is_owed_again(t *testing.T) {
	t.Parallel()
	s, b, c := sold()
	s.Decide(&Settle{Charge: c.ChargeKey, Result: models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: "p2", Amount: c.Amount}})
	second := s.Charges[models.ChargeKey{BookingRef: b.Ref(), N: 2}]
	if second == nil || owedOf(s, second) != second.Amount.Minor {
		t.Fatalf("the second success is not owed back: %+v", second)
	}
	s.Decide(&SettleRefund{Charge: second.ChargeKey, Part: 1, Result: models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: "r2"}})
	s.Decide(&SettleMoved{Charge: second.ChargeKey, Movements: []models.Movement{move("r2", models.RefundOwed, second.Amount.Minor, models.MovementUndone)}})
	if owedOf(s, second) != second.Amount.Minor || b.Status != models.StatusConfirmed {
		t.Errorf("owed %d, booking %s", owedOf(s, second), b.Status)
	}
}

// What moved in another currency than the charge's adds up to nothing, however many of it there are: a person is told,
// once.
func TestMoved_in_another_currency_is_no_number_of_the_charges(t *testing.T) {
	t.Parallel()
	for _, reason := range []models.RefundReason{models.RefundMoved, models.RefundDisputed, models.RefundOwed} {
		s, b, c := sold()
		yen := move("r1", reason, 4000, models.MovementDone)
		yen.Amount.Currency = "JPY"
		s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{yen}})
		letters := s.Writes().Letters
		if len(letters) != 1 || letters[0].Amount.Minor != 0 || c.Refunded != 0 || s.Event.Stock.SoldAmount != 5000 || b.Status != models.StatusConfirmed {
			t.Fatalf("%q: letters %+v, refunded %d, sold %d", reason, letters, c.Refunded, s.Event.Stock.SoldAmount)
		}
		s.writes = Writes{}
		s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{yen}})
		if !s.Writes().Empty() {
			t.Errorf("%q, said again: %+v", reason, s.Writes())
		}
		s.Decide(&Cancel{b.ID})
		if owedOf(s, c) != 5000 {
			t.Errorf("%q: owed %d", reason, owedOf(s, c))
		}
		balanced(t, s)
		yen.State = models.MovementUndone
		s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{yen}})
		if owedOf(s, c) != 5000 || len(s.Writes().ClosedLetters) == 0 {
			t.Errorf("%q, undone: owed %d, %+v", reason, owedOf(s, c), s.Writes())
		}
	}
}

// What is owed is not given by what moved in another currency, whatever name that has.
func TestMoved_in_another_currency_gives_nothing_that_is_owed(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"r1", "r2"} {
		s, b, c := sold()
		s.Decide(&Cancel{b.ID})
		s.Decide(&SettleRefund{Charge: c.ChargeKey, Part: 1, Result: models.Result{Outcome: models.OutcomePending, ProviderReference: "r1"}})
		yen := move(id, models.RefundOwed, 9000, models.MovementDone)
		yen.Amount.Currency = "JPY"
		s.Decide(&SettleMoved{Charge: c.ChargeKey, Movements: []models.Movement{yen}})
		if owedOf(s, c) != 5000 {
			t.Errorf("%s: owed %d", id, owedOf(s, c))
		}
	}
}

// A success in another currency is told from a charge that surely was not made by what was taken, whatever is noted of
// it.
func TestSuccess_in_another_currency_is_told_once_whatever_is_noted(t *testing.T) {
	t.Parallel()
	s, user := newState()
	b := given(s, user, models.StatusPending, "")
	c := givenCharge(s, b, models.ChargePending, 1)
	euro := &Settle{Charge: c.ChargeKey, Result: models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: "p1", Amount: models.Money{Minor: 5000, Currency: "EUR"}}}
	s.Decide(euro)
	if c.Status != models.ChargeFailed || c.Amount != euro.Result.Amount || len(s.Writes().Letters) != 1 || s.Writes().Letters[0].Amount.Currency != "USD" {
		t.Fatalf("charge %+v, letters %+v", c, s.Writes().Letters)
	}
	c.LastError = "anything"
	s.writes = Writes{}
	s.Decide(euro)
	if !s.Writes().Empty() {
		t.Errorf("said again: %+v", s.Writes())
	}
}

// Money that was taken in another currency is not asked for again: found once more, it would be told to nobody.
func TestRetryLetter_of_money_in_another_currency(t *testing.T) {
	t.Parallel()
	s, user := newState()
	b := given(s, user, models.StatusPending, "")
	first := givenCharge(s, b, models.ChargePending, 1)
	first.ProviderReference = "p1"
	s.Decide(&Settle{Charge: first.ChargeKey, Result: models.Result{
		Outcome: models.OutcomeSucceeded, ProviderReference: "p2", Amount: models.Money{Minor: 5000, Currency: "EUR"},
	}})
	second := models.ChargeKey{BookingRef: b.Ref(), N: 2}
	s.writes = Writes{}
	v := s.Decide(&RetryLetter{Kind: models.LetterCharge, Charge: second})
	if !errors.Is(v.Err, models.ErrNotRetryable) || !s.Writes().Empty() || s.Charges[second].Status != models.ChargeFailed {
		t.Errorf("%+v, charge %+v", v, s.Charges[second])
	}
}
