package repotest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

// paymentRules are the promises of Payments on who may charge and give back, and when.
var paymentRules = rules{
	"a_charge_is_started_and_written_down": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 2)
		s.clock.Pass(time.Second)
		now := noon.Add(time.Second)
		want := models.Charge{
			ChargeKey: models.FirstCharge(b.Ref()), Gateway: "sim", Amount: b.TotalAmount, Status: models.ChargeStarted,
			Attempts: 1, NextAttemptAt: now.Add(lease), CreatedAt: now, UpdatedAt: now,
		}
		same(t, "the start", s.start(b), []repository.Start{{Booking: b, Charge: &want, At: now}})
		charges, refunds := s.money(b)
		same(t, "the charges", charges, []models.Charge{want})
		same(t, "the number of refunds", len(refunds), 0)
		for what, at := range map[string]time.Time{
			"created_at": charges[0].CreatedAt, "next_attempt_at": charges[0].NextAttemptAt,
		} {
			isInstant(t, what, at)
		}
	},

	"only_what_may_be_charged_is_started": onlyChargeable,

	"free_bookings_are_given_without_a_charge": func(t *testing.T, s *shop) {
		event, user := s.event(price(0, "USD")), s.user()
		b := s.book(event, user, 2)
		for range 2 { // until somebody confirms them
			s.clock.Pass(time.Second)
			same(t, "the start", s.start(b), []repository.Start{{Booking: b, At: s.clock.Now()}})
		}
		charges, _ := s.money(b)
		same(t, "the number of charges", len(charges), 0)
		s.done(event.ID, &sale.ConfirmFree{Booking: b.ID})
		same(t, "the starts once confirmed", len(s.start(b)), 0)
	},

	"nothing_asked_is_nothing_started": func(t *testing.T, s *shop) {
		same(t, "the starts", len(s.start()), 0)
	},

	"a_start_is_given_to_one_of_many_callers": func(t *testing.T, s *shop) {
		event, other, user := s.event(tickets(1000)), s.event(tickets(1000)), s.user()
		var bookings []models.Booking
		for i := range 40 {
			bookings = append(bookings, s.book([]models.Event{event, other}[i%2], user, 1))
		}
		tally := s.contend(func(i int) ([]string, error) {
			mine := append(append([]models.Booking{}, bookings[i*5:]...), bookings[:i*5]...)
			starts, err := s.StartCharges(s.ctx(), "sim", refs(mine...), lease)
			return idsOf(starts, func(st repository.Start) string { return st.Booking.ID.String() }), err
		})
		onceEach(t, "a booking was started", tally, len(bookings))
	},

	"starting_races_cancelling_and_never_charges_in_secret": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1000)), s.user()
		for range 8 {
			b := s.book(event, user, 1)
			var starts []repository.Start
			crowd(2, func(i int) {
				var err error
				if i == 0 {
					starts, err = s.StartCharges(s.ctx(), "sim", refs(b), lease)
				} else {
					_, err = s.try(s.ctx(), event.ID, &sale.Cancel{Booking: b.ID})
				}
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			})
			charges, _ := s.money(b)
			same(t, "the charges written, and those given", len(charges), len(starts))
			if len(charges) == 1 { // its worker's word still ends in a refund
				s.settle(charges[0].ChargeKey, models.OutcomeSucceeded)
			}
		}
	},

	"an_open_charge_is_due_when_its_lease_has_run_out": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		charge := s.charge(b)
		s.clock.set(noon.Add(lease - time.Microsecond))
		same(t, "what is due before", len(s.due()), 0)
		s.clock.set(noon.Add(lease))
		for attempts := 2; attempts < 8; attempts++ {
			due := s.due()
			if len(due) != 1 || !due[0].Chargeable {
				t.Fatalf("what is due is %+v", due)
			}
			same(t, "the booking that is due", due[0].Booking, b)
			charge.Attempts, charge.NextAttemptAt, charge.UpdatedAt = attempts, s.clock.Now().Add(lease), due[0].Charge.UpdatedAt
			same(t, "the charge that is due", due[0].Charge, charge)
			charges, _ := s.money(b)
			same(t, "the charge as read", charges, []models.Charge{charge})
			same(t, "what is due to the next caller", len(s.due()), 0)
			s.clock.Pass(lease)
		}
	},

	"a_charge_keeps_the_reference_that_it_was_prepared_under": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		lapses, succeeds := s.charge(s.book(event, user, 1)), s.charge(s.book(event, user, 2))
		for _, charge := range []*models.Charge{&lapses, &succeeds} {
			s.clock.Pass(time.Second)
			prepared := models.Result{Outcome: models.OutcomePrepared, ProviderReference: "intent"}
			s.done(event.ID, &sale.Settle{Charge: charge.ChargeKey, Result: prepared, Backoff: lease})
			charge.ProviderReference, charge.UpdatedAt, charge.NextAttemptAt = "intent", s.clock.Now(), s.clock.Now().Add(lease)
			charges, _, err := s.PaymentsOf(s.ctx(), charge.BookingRef)
			s.ok("reading the charge", err)
			same(t, "the charge once prepared", charges, []models.Charge{*charge})
		}
		s.clock.Pass(time.Second)
		paid := models.Result{Outcome: models.OutcomeSucceeded}
		v := s.done(event.ID, &sale.Settle{Charge: succeeds.ChargeKey, Result: paid})
		succeeds.Status, succeeds.UpdatedAt = models.ChargeSucceeded, s.clock.Now()
		charges, _ := s.money(*v.Booking)
		same(t, "the charge once it succeeded", charges, []models.Charge{succeeds})
		s.clock.Pass(lease)
		due := s.due()
		same(t, "how many are due", len(due), 1)
		lapses.Attempts, lapses.NextAttemptAt, lapses.UpdatedAt = 2, s.clock.Now().Add(lease), s.clock.Now()
		same(t, "the charge that is due", due[0].Charge, lapses)
	},

	"only_the_tries_of_started_charges_are_counted": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		pending, unknown := s.book(event, user, 1), s.book(event, user, 1)
		s.settle(s.exhausted(unknown).ChargeKey, models.OutcomeUnknown)
		s.settle(s.charge(pending).ChargeKey, models.OutcomePending)
		for range 3 {
			s.clock.Pass(time.Minute)
			due := s.due()
			same(t, "how many are due", len(due), 2)
			for _, d := range due {
				want := map[models.BookingID]int{pending.ID: 1, unknown.ID: models.MaxAttempts}[d.Booking.ID]
				same(t, "the attempts of a charge that is "+string(d.Charge.Status), d.Charge.Attempts, want)
			}
		}
	},

	"a_backoff_is_waited_for": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		command := settlement(s.charge(b).ChargeKey, models.OutcomeUnavailable)
		command.Backoff = time.Hour
		s.done(event.ID, command)
		s.clock.Pass(time.Hour - time.Microsecond)
		same(t, "what is due during the backoff", len(s.due()), 0)
		s.clock.Pass(time.Microsecond)
		same(t, "what is due after it", len(s.due()), 1)
	},

	"charges_with_an_outcome_are_never_due": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		for _, outcome := range []models.Outcome{models.OutcomeSucceeded, models.OutcomeDeclined, models.OutcomeVoided} {
			s.settle(s.charge(s.book(event, user, 1)).ChargeKey, outcome)
		}
		s.settle(s.exhausted(s.book(event, user, 1)).ChargeKey, models.OutcomeAbsent)
		s.clock.Pass(time.Hour)
		same(t, "what is due", len(s.due()), 0)
	},

	"whether_a_due_charge_may_still_be_made_is_told_by_the_clock": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		waiting, ended, late := s.book(event, user, 1), s.book(event, user, 1), s.book(event, user, 1)
		s.start(waiting, ended, late)
		s.done(event.ID, &sale.Cancel{Booking: ended.ID})
		s.clock.set(waiting.PaymentDeadline.Add(-time.Microsecond))
		s.chargeable(map[models.BookingID]bool{waiting.ID: true, ended.ID: false, late.ID: true})
		s.clock.Pass(lease) // past the deadline, though nobody has expired them yet
		s.chargeable(map[models.BookingID]bool{waiting.ID: false, ended.ID: false, late.ID: false})
		s.clock.set(waiting.PaymentDeadline.Add(time.Hour))
		s.done(event.ID, &sale.Expire{Booking: late.ID})
		s.chargeable(map[models.BookingID]bool{waiting.ID: false, ended.ID: false, late.ID: false})
	},

	"at_the_very_deadline_a_charge_may_no_longer_be_made": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		s.charge(b)
		s.clock.set(b.PaymentDeadline)
		s.chargeable(map[models.BookingID]bool{b.ID: false})
	},

	"due_charges_are_given_up_to_a_limit": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		for range 5 {
			s.charge(s.book(event, user, 1))
		}
		s.clock.Pass(lease)
		for _, want := range []int{2, 2, 1, 0} {
			due, err := s.DueCharges(s.ctx(), 2, lease)
			s.ok("taking due charges", err)
			same(t, "how many are due", len(due), want)
		}
	},

	"a_due_charge_is_given_to_one_of_many_callers": func(t *testing.T, s *shop) {
		event, other, user := s.event(tickets(1000)), s.event(tickets(1000)), s.user()
		var bookings []models.Booking
		for i := range 40 {
			bookings = append(bookings, s.book([]models.Event{event, other}[i%2], user, 1))
		}
		s.start(bookings...)
		s.clock.Pass(lease)
		tally := s.contend(func(int) ([]string, error) {
			due, err := s.DueCharges(s.ctx(), 7, lease)
			return idsOf(due, func(d repository.Due) string { return d.Charge.Reference() }), err
		})
		onceEach(t, "a charge was due", tally, len(bookings))
		for _, b := range bookings {
			charges, _ := s.money(b)
			same(t, "the attempts", charges[0].Attempts, 2)
		}
	},

	"a_charge_that_falls_due_late_is_taken_up_all_the_same": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		late, early := s.charge(s.book(event, user, 1)), s.book(event, user, 1)
		s.clock.Pass(time.Hour)
		same(t, "what is due after an hour", len(s.due()), 1)
		same(t, "what is due then", len(s.due()), 0)
		s.clock.set(noon)
		s.charge(early) // as if its transaction had taken an hour
		s.clock.Pass(lease)
		looks := 0
		for due := s.due(); ; due = s.due() {
			if len(due) > 0 {
				same(t, "what is due late", due[0].Booking.ID, early.ID)
				break
			}
			if looks++; looks == 300 {
				t.Fatal("a charge that fell due late is never taken up")
			}
		}
		s.clock.Pass(time.Hour)
		s.clock.Pass(lease)
		same(t, "what is due in the end", len(s.due()), 2)
		s.settle(late.ChargeKey, models.OutcomeSucceeded)
	},

	"a_charge_that_falls_due_a_little_late_is_taken_up_by_the_next_who_looks": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		charge := s.charge(s.book(event, user, 1))
		s.clock.Pass(time.Second)
		same(t, "what is due before", len(s.due()), 0)
		s.clock.set(noon) // whoever makes it due has read the clock before the others looked, and commits after
		command := settlement(charge.ChargeKey, models.OutcomeUnavailable)
		command.Backoff = 0
		s.done(event.ID, command)
		s.clock.Pass(time.Second)
		same(t, "what is due next", len(s.due()), 1)
	},

	"a_pending_refund_is_due_at_once_and_after_each_lease": func(t *testing.T, s *shop) {
		event, b, key := s.owed()
		for attempts := 1; attempts < 4; attempts++ {
			due, err := s.DueRefunds(s.ctx(), all, lease)
			s.ok("taking due refunds", err)
			_, refunds := s.money(b)
			if len(due) != 1 || due[0].Refund.Attempts != attempts ||
				!due[0].Refund.NextAttemptAt.Equal(s.clock.Now().Add(lease)) {
				t.Fatalf("what is due is %+v", due)
			}
			same(t, "the booking", due[0].Booking, s.booking(b.ID))
			same(t, "the refund", due[0].Refund, refunds[0])
			same(t, "the charge's reference", due[0].Refund.ChargeReference, "provider-"+key.Reference())
			s.clock.Pass(lease - time.Microsecond)
			due, err = s.DueRefunds(s.ctx(), all, lease)
			if err != nil || len(due) != 0 {
				t.Fatalf("within the lease %+v, %v is due", due, err)
			}
			s.clock.Pass(time.Microsecond)
		}
		s.done(event.ID, &sale.SettleRefund{Charge: key, Result: models.Result{Outcome: models.OutcomeSucceeded}})
		s.clock.Pass(time.Hour)
		due, err := s.DueRefunds(s.ctx(), all, lease)
		if err != nil || len(due) != 0 {
			t.Errorf("what was given back is due again: %+v, %v", due, err)
		}
	},

	"a_due_refund_is_given_to_one_of_many_callers": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1000)), s.user()
		const owed = 30
		var commands []sale.Command
		for range owed {
			commands = append(commands, &sale.Cancel{Booking: s.paid(event, user, 1).ID})
		}
		s.ask(event.ID, commands...)
		tally := s.contend(func(int) ([]string, error) {
			due, err := s.DueRefunds(s.ctx(), 7, lease)
			return idsOf(due, func(d repository.DueRefund) string { return d.Refund.Reference() }), err
		})
		onceEach(t, "a refund was due", tally, owed)
	},

	"settling_meets_taking_up_and_neither_is_lost": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1000)), s.user()
		for range 8 {
			b := s.book(event, user, 1)
			charge := s.charge(b)
			s.clock.Pass(lease)
			crowd(2, func(i int) {
				var err error
				if i == 0 {
					err = retry.Do(s.ctx(), repository.IsConflict, func() error {
						_, err := s.DueCharges(s.ctx(), all, lease)
						return err
					})
				} else {
					_, err = s.try(s.ctx(), event.ID, settlement(charge.ChargeKey, models.OutcomeSucceeded))
				}
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			})
			charges, _ := s.money(b)
			same(t, "the charge's status", charges[0].Status, models.ChargeSucceeded)
		}
	},

	"an_unknown_booking_has_no_payments": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.paid(event, user, 1)
		for _, ref := range []models.BookingRef{
			{Event: event.ID, Booking: models.NewID[models.BookingID]()}, {Event: s.event().ID, Booking: b.ID},
		} {
			charges, refunds, err := s.PaymentsOf(s.ctx(), ref)
			if err != nil || len(charges)+len(refunds) != 0 {
				t.Errorf("PaymentsOf gave %+v, %+v, %v", charges, refunds, err)
			}
		}
	},
}

func (s *shop) due() []repository.Due {
	s.t.Helper()
	due, err := s.DueCharges(s.ctx(), all, lease)
	s.ok("taking due charges", err)
	return due
}

func (s *shop) chargeable(want map[models.BookingID]bool) {
	s.t.Helper()
	got := map[models.BookingID]bool{}
	for _, d := range s.due() {
		got[d.Booking.ID] = d.Chargeable
	}
	same(s.t, "which due charges may be made", got, want)
}

// contend lets eight callers take, again and again until nothing is left, and counts how often each thing was given.
// A caller who loses against another may come back; what it was not given it must find then.
func (s *shop) contend(take func(caller int) ([]string, error)) map[string]int {
	var mu sync.Mutex
	tally := map[string]int{}
	crowd(8, func(caller int) {
		for empty := 0; empty < 2; {
			var things []string
			err := retry.Do(s.ctx(), repository.IsConflict, func() (err error) {
				things, err = take(caller)
				return err
			})
			if err != nil {
				s.t.Errorf("caller %d: %v", caller, err)
				return
			}
			if len(things) == 0 {
				empty++
			}
			mu.Lock()
			for _, thing := range things {
				tally[thing]++
			}
			mu.Unlock()
		}
	})
	return tally
}

func onceEach(t *testing.T, what string, tally map[string]int, things int) {
	t.Helper()
	if len(tally) != things {
		t.Errorf("%d things were given; want %d", len(tally), things)
	}
	for thing, times := range tally {
		if times != 1 {
			t.Errorf("%s %d times: %s", what, times, thing)
		}
	}
}

// onlyChargeable: neither what has ended, nor what is past its deadline, nor what was started already.
func onlyChargeable(t *testing.T, s *shop) {
	event, user := s.event(tickets(100)), s.user()
	expired := s.book(event, user, 1)
	s.clock.Pass(time.Microsecond)
	lastMoment := s.book(event, user, 1)
	cancelled, paid, started, voided := s.book(event, user, 1), s.paid(event, user, 1), s.book(event, user, 1),
		s.book(event, user, 1)
	s.done(event.ID, &sale.Cancel{Booking: cancelled.ID})
	s.charge(started)
	s.settle(s.charge(voided).ChargeKey, models.OutcomeVoided)
	unknown := models.Booking{EventID: event.ID, ID: models.NewID[models.BookingID]()}
	foreign := lastMoment
	foreign.EventID = s.event().ID
	s.clock.set(expired.PaymentDeadline) // which is the very deadline of the first, and a microsecond before the second's
	starts := s.start(expired, cancelled, paid, started, voided, unknown, foreign, lastMoment)
	starts = slices.DeleteFunc(starts, func(start repository.Start) bool {
		return start.Unknown && (start.Booking.Ref() == unknown.Ref() || start.Booking.Ref() == foreign.Ref())
	})
	if len(starts) != 1 || starts[0].Booking.ID != lastMoment.ID || starts[0].Charge == nil {
		t.Fatalf("the starts are %+v; want only the last moment's", starts)
	}
	for _, b := range []models.Booking{expired, cancelled} {
		charges, _ := s.money(b)
		same(t, fmt.Sprintf("the charges of %+v", b), len(charges), 0)
	}
}
