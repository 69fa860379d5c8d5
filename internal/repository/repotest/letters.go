package repotest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// letterRules are the promises on refunds and on payments that need manual review.
var letterRules = rules{
	"a_refund_is_settled_once": func(t *testing.T, s *shop) {
		event, b, key := s.owed()
		s.clock.Pass(time.Second)
		s.done(event.ID, &sale.SettleRefund{
			Charge: key, Result: models.Result{Outcome: models.OutcomeUnavailable, Reason: "down"}, Backoff: time.Minute,
		})
		_, refunds := s.money(b)
		r := refunds[0]
		if r.Status != models.RefundPending || r.LastError != "down" ||
			!r.NextAttemptAt.Equal(noon.Add(time.Second+time.Minute)) {
			t.Errorf("after a failed try the refund is %+v", r)
		}
		s.done(event.ID, &sale.SettleRefund{
			Charge: key, Result: models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: "back"},
		})
		_, refunds = s.money(b)
		if r = refunds[0]; r.Status != models.RefundSucceeded || r.LastError != "" || r.ProviderReference != "back" {
			t.Errorf("the refund is %+v", r)
		}
		s.stays(event.ID, &sale.SettleRefund{Charge: key, Result: models.Result{Outcome: models.OutcomeUnavailable}})
	},

	"a_refund_that_fails_too_often_leaves_a_letter_and_goes_on": func(t *testing.T, s *shop) {
		event, b, key := s.owed()
		fail := func() {
			s.clock.Pass(time.Minute)
			due, err := s.DueRefunds(s.ctx(), all, time.Second)
			if err != nil || len(due) != 1 {
				t.Fatalf("the due refunds are %+v, %v", due, err)
			}
			s.done(event.ID, &sale.SettleRefund{
				Charge: key, Result: models.Result{
					Outcome: models.OutcomeUnavailable, Reason: fmt.Sprint("try ", due[0].Refund.Attempts),
				},
				Backoff: time.Minute,
			})
		}
		for range models.MaxAttempts - 1 {
			fail()
		}
		same(t, "the letters before the last try", len(s.letters()), 0)
		for try := models.MaxAttempts; try < models.MaxAttempts+3; try++ {
			fail()
			same(t, "the letters", s.letters(), []models.DeadLetter{{
				ID: key.LetterID(models.LetterRefund), Kind: models.LetterRefund, ChargeKey: key, Amount: b.TotalAmount,
				Attempts: try, LastError: fmt.Sprint("try ", try), FailedAt: s.clock.Now(),
			}})
		}
		s.refused(event.ID, &sale.DiscardLetter{Kind: models.LetterRefund, Charge: key}, models.ErrRefundOwed)
		s.done(event.ID, &sale.RetryLetter{Kind: models.LetterRefund, Charge: key})
		same(t, "the letters after a retry", len(s.letters()), 0)
		_, refunds := s.money(b)
		if refunds[0].Attempts != 0 || !refunds[0].NextAttemptAt.Equal(s.clock.Now()) {
			t.Errorf("the refund retried is %+v", refunds[0])
		}
		s.done(event.ID, &sale.SettleRefund{Charge: key, Result: models.Result{Outcome: models.OutcomeSucceeded}})
		s.refused(event.ID, &sale.RetryLetter{Kind: models.LetterRefund, Charge: key}, models.ErrLetterNotFound)
	},

	"a_success_closes_the_refunds_letter": func(t *testing.T, s *shop) {
		event, _, key := s.owed()
		for range models.MaxAttempts {
			s.clock.Pass(time.Minute)
			_, err := s.DueRefunds(s.ctx(), all, time.Second)
			s.ok("taking due refunds", err)
		}
		s.done(event.ID, &sale.SettleRefund{Charge: key, Result: models.Result{Outcome: models.OutcomeUnknown, Reason: "?"}})
		same(t, "the letters", len(s.letters()), 1)
		s.done(event.ID, &sale.SettleRefund{Charge: key, Result: models.Result{Outcome: models.OutcomeSucceeded}})
		same(t, "the letters", len(s.letters()), 0)
	},

	"a_charge_given_up_leaves_its_letter": givenUp,

	"a_failed_charge_is_discarded_or_retried": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		failed := func() (models.Booking, models.ChargeKey) {
			s.clock.set(noon)
			b := s.book(event, user, 1)
			key := s.exhausted(b).ChargeKey
			s.settle(key, models.OutcomeUnavailable)
			same(t, "the letters", len(s.letters()), 1)
			return b, key
		}
		_, key := failed()
		s.done(event.ID, &sale.DiscardLetter{Kind: models.LetterCharge, Charge: key})
		same(t, "the letters after a discard", len(s.letters()), 0)

		b, key := failed()
		s.clock.Pass(time.Second)
		s.done(event.ID, &sale.RetryLetter{Kind: models.LetterCharge, Charge: key})
		charges, _ := s.money(b)
		if c := charges[0]; c.Status != models.ChargeStarted || c.Attempts != 0 || !c.NextAttemptAt.Equal(s.clock.Now()) ||
			len(s.letters()) != 0 {
			t.Errorf("the charge retried is %+v", c)
		}
		s.settle(key, models.OutcomeSucceeded)
		s.refused(event.ID, &sale.RetryLetter{Kind: models.LetterCharge, Charge: key}, models.ErrLetterNotFound)

		b, key = failed()
		s.clock.set(b.PaymentDeadline)
		s.refused(event.ID, &sale.RetryLetter{Kind: models.LetterCharge, Charge: key}, models.ErrBookingNotPending)
		same(t, "the status after a late success", s.settle(key, models.OutcomeSucceeded).Booking.Status, models.StatusConfirmed)
		same(t, "the letters after a late success", len(s.letters()), 0)
	},

	"letters_of_what_is_not_there_are_not_found": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		key := models.FirstCharge(b.Ref())
		for _, kind := range []models.LetterKind{models.LetterCharge, models.LetterRefund} {
			s.refused(event.ID, &sale.RetryLetter{Kind: kind, Charge: key}, models.ErrLetterNotFound)
		}
		s.refused(event.ID, &sale.DiscardLetter{Kind: models.LetterCharge, Charge: key}, models.ErrLetterNotFound)
	},

	"are_listed_oldest_first_in_stable_pages": listLetters,
	"are_listed_by_event_and_kind":            listLettersOf,

	"one_is_read_by_its_id": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		key := s.exhausted(b).ChargeKey
		s.settle(key, models.OutcomeUnavailable)
		letter, err := s.DeadLetter(s.ctx(), models.Everything, key.LetterID(models.LetterCharge))
		s.ok("reading a letter", err)
		same(t, "the letter", letter, s.letters()[0])
		isInstant(t, "failed_at", letter.FailedAt)
		for _, id := range []models.LetterID{models.NewID[models.LetterID](), key.LetterID(models.LetterRefund), {}} {
			_, err := s.DeadLetter(s.ctx(), models.Everything, id)
			isError(t, "DeadLetter", err, models.ErrLetterNotFound)
		}
	},

	"a_message_is_kept_once_and_dropped_once": func(t *testing.T, s *shop) {
		letter := models.DeadLetter{
			ID: models.NewID[models.LetterID](), Kind: models.LetterMessage, Attempts: 3, LastError: "not a booking's id",
			Payload: `{"event_id":"x", 'y\' 音`, FailedAt: noon,
		}
		crowd(4, func(int) {
			if err := s.AddMessageLetter(s.ctx(), letter); err != nil {
				t.Errorf("keeping a message: %v", err)
			}
		})
		s.clock.Pass(time.Hour)
		again := letter
		again.Payload, again.FailedAt = "another", s.clock.Now()
		s.ok("keeping it again", s.AddMessageLetter(s.ctx(), again))
		same(t, "the letters", s.letters(), []models.DeadLetter{letter})
		s.ok("dropping it", s.DropMessageLetter(s.ctx(), letter.ID))
		isError(t, "DropMessageLetter", s.DropMessageLetter(s.ctx(), letter.ID), models.ErrLetterNotFound)
		same(t, "the letters", len(s.letters()), 0)
	},

	"a_payments_letter_is_not_dropped_as_a_message": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		key := s.exhausted(s.book(event, user, 1)).ChargeKey
		s.settle(key, models.OutcomeUnavailable)
		s.leavesNothing(func() {
			isError(t, "DropMessageLetter", s.DropMessageLetter(s.ctx(), key.LetterID(models.LetterCharge)),
				models.ErrLetterNotFound)
		})
	},
}

// owed returns a booking whose money is owed back.
func (s *shop) owed() (models.Event, models.Booking, models.ChargeKey) {
	s.t.Helper()
	event := s.event()
	b := s.paid(event, s.user(), 2)
	s.done(event.ID, &sale.Cancel{Booking: b.ID})
	return event, b, models.FirstCharge(b.Ref())
}

// givenUp: after the last try a charge is failed when it surely was not made, and unknown when nobody knows.
func givenUp(t *testing.T, s *shop) {
	user := s.user()
	for outcome, status := range map[models.Outcome]models.ChargeStatus{
		models.OutcomeUnavailable: models.ChargeFailed, models.OutcomeAbsent: models.ChargeFailed,
		models.OutcomeUnknown: models.ChargeUnknown,
	} {
		s.clock.set(noon)
		event := s.event()
		b := s.book(event, user, 2)
		charge := s.exhausted(b)
		same(t, "the booking's status", s.settle(charge.ChargeKey, outcome).Booking.Status, models.StatusPending)
		charges, _ := s.money(b)
		if c := charges[0]; c.Status != status || c.Attempts != models.MaxAttempts ||
			!c.NextAttemptAt.Equal(s.clock.Now().Add(theRules.RetryLease)) {
			t.Errorf("%s: the charge given up is %+v", outcome, c)
		}
		id := charge.LetterID(models.LetterCharge)
		letter, err := s.DeadLetter(s.ctx(), models.Everything, id)
		s.ok("reading the letter", err)
		same(t, "the letter", letter, models.DeadLetter{
			ID: id, Kind: models.LetterCharge, ChargeKey: charge.ChargeKey, Amount: b.TotalAmount,
			Attempts: models.MaxAttempts, LastError: "the gateway said " + string(outcome), FailedAt: s.clock.Now(),
		})
		if status != models.ChargeUnknown {
			continue
		}
		s.refused(event.ID, &sale.DiscardLetter{Kind: models.LetterCharge, Charge: charge.ChargeKey}, models.ErrLetterUnknown)
		s.settle(charge.ChargeKey, models.OutcomeAbsent) // now it is known; the letter stays
		_, err = s.DeadLetter(s.ctx(), models.Everything, id)
		s.ok("reading the letter again", err)
		s.done(event.ID, &sale.DiscardLetter{Kind: models.LetterCharge, Charge: charge.ChargeKey})
		if _, err = s.DeadLetter(s.ctx(), models.Everything, id); !errors.Is(err, models.ErrLetterNotFound) {
			t.Errorf("after the discard the letter's reading gave %v", err)
		}
	}
}

// listLettersOf: a filter lets pass the letters of one event, of one kind, of both, or all of charges and refunds.
// There is nothing to retry of others.
func listLettersOf(t *testing.T, s *shop) {
	user := s.user()
	given := func() (models.EventID, models.LetterID) {
		event := s.event()
		key := s.exhausted(s.book(event, user, 1)).ChargeKey
		s.settle(key, models.OutcomeUnavailable)
		return event.ID, key.LetterID(models.LetterCharge)
	}
	first, firstLetter := given()
	second, secondLetter := given()
	s.ok("keeping a message", s.AddMessageLetter(s.ctx(), models.DeadLetter{
		ID: models.NewID[models.LetterID](), Kind: models.LetterMessage, Attempts: 1,
	}))
	s.moved(s.paid(s.event(), user, 1), "by_hand", models.RefundMoved, 1, models.MovementDone)
	s.moved(s.paid(s.event(), user, 1), "by_a_bank", models.RefundDisputed, 1, models.MovementOpen)
	for _, test := range []struct {
		filter models.LetterFilter
		want   []models.LetterID
	}{
		{models.LetterFilter{}, []models.LetterID{firstLetter, secondLetter}},
		{models.LetterFilter{Kind: models.LetterCharge}, []models.LetterID{firstLetter, secondLetter}},
		{models.LetterFilter{Kind: models.LetterRefund}, nil},
		{models.LetterFilter{Event: second}, []models.LetterID{secondLetter}},
		{models.LetterFilter{Event: first, Kind: models.LetterCharge}, []models.LetterID{firstLetter}},
		{models.LetterFilter{Event: models.NewID[models.EventID]()}, nil},
	} {
		var got []models.LetterID
		page := models.Page{Limit: 1}
		for {
			list, err := s.DeadLettersOf(s.ctx(), models.Everything, test.filter, page)
			s.ok("listing letters of a filter", err)
			if len(list) == 0 {
				break
			}
			got = append(got, list[0].ID)
			page.After = &models.Position{Time: list[0].FailedAt, ID: list[0].ID}
		}
		same(t, fmt.Sprintf("the letters of %+v", test.filter), got, test.want)
	}
}

func listLetters(t *testing.T, s *shop) {
	add := func(at time.Time) models.LetterID {
		s.clock.set(at)
		id := models.NewID[models.LetterID]()
		s.ok("keeping a message", s.AddMessageLetter(s.ctx(), models.DeadLetter{
			ID: id, Kind: models.LetterMessage, Payload: "?", FailedAt: at,
		}))
		return id
	}
	var want []models.LetterID
	for i := range 3 {
		var group []models.LetterID
		for range 3 {
			group = append(group, add(noon.Add(time.Duration(i)*time.Microsecond)))
		}
		want = append(want, sorted(group...)...)
	}
	list := func(page models.Page) ([]models.DeadLetter, error) {
		return s.DeadLetters(s.ctx(), models.Everything, page)
	}
	position := func(l models.DeadLetter) models.Position { return models.Position{Time: l.FailedAt, ID: l.ID} }
	dropped := false
	got := pages(t, 2, list, position, func() {
		add(noon.Add(-time.Second)) // before all: never seen
		if !dropped {
			s.ok("dropping one that was seen", s.DropMessageLetter(s.ctx(), want[0]))
			dropped = true
		}
	})
	same(t, "the pages", idsOf(got, func(l models.DeadLetter) models.LetterID { return l.ID }), want)
}
