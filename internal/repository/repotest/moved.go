package repotest

import (
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// movedRules are the promises on money that moves without being asked for, as both stores write and read it.
var movedRules = rules{
	"a_part_by_hand_lowers_the_revenue_and_the_rest_is_owed": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.paid(event, user, 2)
		s.moved(b, "hand", models.RefundMoved, 2000, models.MovementDone)
		same(t, "the status", s.booking(b.ID).Status, models.Confirmed)
		same(t, "the revenue", s.stock(event.ID).SoldAmount, 3000)
		letters := s.letters()
		if len(letters) != 1 || letters[0].Kind != models.LetterMoved || letters[0].Amount.Minor != 2000 {
			t.Fatalf("the letters are %+v", letters)
		}
		charges, refunds := s.money(b)
		if charges[0].Refunded != 2000 || len(refunds) != 1 || refunds[0].Reason != models.RefundMoved ||
			refunds[0].Part != 1 {
			t.Fatalf("the charges are %+v, the refunds %+v", charges, refunds)
		}
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		due, err := s.DueRefunds(s.ctx(), all, time.Second)
		if err != nil || len(due) != 1 || due[0].Refund.Part != 2 || due[0].Refund.Amount.Minor != 3000 {
			t.Fatalf("due are %+v, %v", due, err)
		}
		s.done(event.ID, &sale.SettleRefund{
			Charge: due[0].Refund.ChargeKey, Part: 2, Result: models.Result{Outcome: models.Succeeded},
		})
		same(t, "the letters after the rest was given", len(s.letters()), 0)
		charges, _ = s.money(b)
		same(t, "the refunded sum", charges[0].Refunded, 5000)
	},

	"what_moved_comes_off_what_is_owed": func(t *testing.T, s *shop) {
		event, b, key := s.owed()
		s.moved(b, "hand", models.RefundMoved, 1000, models.MovementDone)
		_, refunds := s.money(b)
		if len(refunds) != 2 || refunds[0].Amount.Minor != b.TotalAmount.Minor-1000 || refunds[1].Amount.Minor != 1000 {
			t.Fatalf("the refunds are %+v", refunds)
		}
		s.moved(b, "rest", models.RefundDisputed, b.TotalAmount.Minor, models.MovementOpen)
		_, refunds = s.money(b)
		same(t, "the refund that a bank has made", refunds[0].Status, models.RefundSucceeded)
		s.moved(b, "rest", models.RefundDisputed, b.TotalAmount.Minor, models.MovementUndone)
		_, refunds = s.money(b)
		if len(refunds) != 3 || refunds[0].Status != models.RefundFailed || refunds[2].Status != models.RefundPending {
			t.Fatalf("after the bank gave it back the refunds are %+v", refunds)
		}
		s.done(event.ID, &sale.RetryLetter{Kind: models.LetterRefund, Charge: key})
		s.done(event.ID, &sale.CloseLetter{Kind: models.LetterRefund, Charge: key, Reason: "in cash"})
		_, refunds = s.money(b)
		if refunds[2].Status != models.RefundSucceeded || refunds[2].LastError != "closed: in cash" {
			t.Errorf("the refund that a person made is %+v", refunds[2])
		}
	},

	"a_second_success_is_a_charge_that_goes_back": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.paid(event, user, 2)
		second := settlement(models.FirstCharge(b.Ref()), models.Succeeded)
		second.Result.ProviderReference, second.Result.Amount = "another", models.Money{Minor: 4000, Currency: "USD"}
		s.done(event.ID, second)
		s.stays(event.ID, second)
		charges, refunds := s.money(b)
		if len(charges) != 2 || charges[1].Amount.Minor != 4000 || charges[1].Refunded != 4000 || len(refunds) != 1 ||
			refunds[0].ChargeReference != "another" {
			t.Fatalf("the charges are %+v, the refunds %+v", charges, refunds)
		}
		same(t, "the revenue", s.stock(event.ID).SoldAmount, b.TotalAmount.Minor)
	},

	"a_success_of_another_sum_goes_back": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 2)
		wrong := settlement(s.charge(b).ChargeKey, models.Succeeded)
		wrong.Result.Amount = models.Money{Minor: 6000, Currency: "USD"}
		same(t, "the reason", s.done(event.ID, wrong).Booking.CancelReason, models.ReasonDeclined)
		charges, refunds := s.money(b)
		if charges[0].Amount.Minor != 6000 || charges[0].Refunded != 6000 || len(refunds) != 1 ||
			refunds[0].Amount.Minor != 6000 {
			t.Errorf("the charges are %+v, the refunds %+v", charges, refunds)
		}
	},

	"what_moved_in_another_currency_is_kept_as_it_is_and_adds_up_to_nothing": func(t *testing.T, s *shop) {
		event := s.event()
		b := s.paid(event, s.user(), 2)
		yen := models.Money{Minor: 700, Currency: "JPY"}
		command := &sale.SettleMoved{Charge: models.FirstCharge(b.Ref()), Movements: []models.Movement{
			{ID: "yen", Reason: models.RefundDisputed, Amount: yen, State: models.MovementOpen},
			{ID: "dollar", Reason: models.RefundMoved, Amount: models.Money{Minor: 1000, Currency: "USD"},
				State: models.MovementDone},
		}}
		s.done(b.EventID, command)
		s.stays(b.EventID, command)
		charges, refunds := s.money(b)
		if charges[0].Refunded != 1000 || len(refunds) != 2 || refunds[0].Amount != yen || refunds[1].Amount.Minor != 1000 {
			t.Errorf("the charges are %+v, the refunds %+v", charges, refunds)
		}
		same(t, "the revenue", s.stock(event.ID).SoldAmount, b.TotalAmount.Minor-1000)
		same(t, "the letters", len(s.letters()), 2)
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		_, refunds = s.money(b)
		if len(refunds) != 3 || refunds[2].Amount.Minor != b.TotalAmount.Minor-1000 {
			t.Errorf("after the cancellation the refunds are %+v", refunds)
		}
	},

	"what_was_taken_in_another_currency_is_kept_as_it_was_and_told_once": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 2)
		yen := models.Money{Minor: 7000, Currency: "JPY"}
		first := settlement(s.charge(b).ChargeKey, models.Succeeded)
		first.Result.Amount, first.Result.ProviderReference = yen, "p1"
		s.done(event.ID, first)
		s.stays(event.ID, first)
		second := settlement(first.Charge, models.Succeeded)
		second.Result.Amount, second.Result.ProviderReference = yen, "p2"
		s.done(event.ID, second)
		s.stays(event.ID, second)
		charges, refunds := s.money(b)
		if len(charges) != 2 || charges[0].Amount != yen || charges[1].Amount != yen || len(refunds) != 0 {
			t.Errorf("the charges are %+v, the refunds %+v", charges, refunds)
		}
		same(t, "the letters", len(s.letters()), 2)
		same(t, "the booking", s.booking(b.ID).CancelReason, models.ReasonDeclined)
	},

	"what_waits_is_counted_by_gateway": func(t *testing.T, s *shop) {
		s.owed()
		s.charge(s.book(s.event(), s.user(), 1))
		open, err := s.OpenPayments(s.ctx())
		if err != nil || len(open) != 1 || open[0].Gateway != "sim" || open[0].Charges != 1 || open[0].Refunds != 1 {
			t.Errorf("what waits is %+v, %v", open, err)
		}
	},
}

// moved tells the desk of a movement of a booking's first charge, twice.
func (s *shop) moved(b models.Booking, id string, reason models.RefundReason, minor int64, state models.MovementState) {
	s.t.Helper()
	command := &sale.SettleMoved{Charge: models.FirstCharge(b.Ref()), Movements: []models.Movement{
		{ID: id, Reason: reason, Amount: models.Money{Minor: minor, Currency: b.TotalAmount.Currency}, State: state},
	}}
	s.done(b.EventID, command)
	s.stays(b.EventID, command)
}
