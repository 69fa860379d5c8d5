package repotest

import (
	"fmt"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// settleRules are the promises on how bookings end: cancelled, expired, confirmed, and what becomes of their money.
var settleRules = rules{
	"every_command_on_every_status": everyTransition,

	"a_success_confirms_and_is_written_down": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 3)
		charge := s.charge(b)
		s.clock.Pass(time.Second)
		got := *s.settle(charge.ChargeKey, models.Succeeded).Booking
		want := b
		want.Status, want.ConfirmedAt, want.UpdatedAt = models.Confirmed, noon.Add(time.Second), noon.Add(time.Second)
		same(t, "the booking", got, want)
		isInstant(t, "confirmed_at", s.booking(b.ID).ConfirmedAt)
		charges, refunds := s.money(b)
		charge.Status, charge.ProviderReference, charge.UpdatedAt = models.ChargeSucceeded, "provider-"+charge.Reference(),
			noon.Add(time.Second)
		same(t, "the charges", charges, []models.Charge{charge})
		same(t, "the number of refunds", len(refunds), 0)
		same(t, "the stock", s.stock(event.ID), models.Stock{
			Total: 10, Available: 7, Sold: 3, SoldAmount: 7500, Confirmed: 1,
		})
		s.stays(event.ID, settlement(charge.ChargeKey, models.Succeeded))
		for _, late := range []models.Outcome{
			models.Declined, models.StillOpen, models.Unknown, models.Unavailable, models.Absent, models.Voided,
		} {
			s.stays(event.ID, settlement(charge.ChargeKey, late))
		}
	},

	"a_decline_cancels_and_frees_the_tickets_once": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 3)
		key := s.charge(b).ChargeKey
		got := s.settle(key, models.Declined).Booking
		if got.CancelReason != models.ReasonDeclined || !got.CancelledAt.Equal(noon) {
			t.Errorf("the booking is %+v", got)
		}
		s.stays(event.ID, settlement(key, models.Declined))
		charges, _ := s.money(b)
		if charges[0].Status != models.ChargeDeclined || charges[0].LastError != "the gateway said declined" {
			t.Errorf("the charge is %+v", charges[0])
		}
		same(t, "the stock", s.stock(event.ID), models.Stock{Total: 10, Available: 10, Cancelled: 1})
	},

	"an_answer_that_decides_nothing_keeps_the_booking_waiting": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		for outcome, status := range map[models.Outcome]models.ChargeStatus{
			models.Unknown: models.ChargeDoubtful, models.Unavailable: models.ChargeStarted, models.Absent: models.ChargeStarted,
			models.StillOpen: models.ChargePending, models.Voided: models.ChargeVoided,
		} {
			b := s.book(event, user, 1)
			got := s.settle(s.charge(b).ChargeKey, outcome).Booking
			charges, refunds := s.money(b)
			c := charges[0]
			if got.Status != models.Pending || c.Status != status || len(refunds) != 0 ||
				!c.NextAttemptAt.Equal(noon.Add(time.Minute)) || c.LastError == "" {
				t.Errorf("%s left %+v and %+v", outcome, got, c)
			}
			isInstant(t, "next_attempt_at", c.NextAttemptAt)
		}
	},

	"a_late_success_takes_the_tickets_again": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 3)
		key := s.charge(b).ChargeKey
		s.clock.Pass(15 * time.Minute)
		s.done(event.ID, &sale.Expire{Booking: b.ID})
		got := s.settle(key, models.Succeeded).Booking
		if got.Status != models.Confirmed || got.CancelReason != "" || !got.CancelledAt.IsZero() {
			t.Errorf("the booking is %+v; want it CONFIRMED", got)
		}
		same(t, "the stock", s.stock(event.ID), models.Stock{
			Total: 10, Available: 7, Sold: 3, SoldAmount: 7500, Confirmed: 1,
		})
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		s.stays(event.ID, settlement(key, models.Succeeded)) // at most once
	},

	"a_late_success_that_cannot_be_honoured_is_refunded": lateSuccesses,

	"a_success_for_a_booking_that_ended_otherwise_is_refunded": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		cancelled, declined := s.book(event, user, 1), s.book(event, user, 2)
		keys := []models.ChargeKey{s.charge(cancelled).ChargeKey, s.charge(declined).ChargeKey}
		s.done(event.ID, &sale.Cancel{Booking: cancelled.ID})
		s.settle(keys[1], models.Declined)
		for i, b := range []models.Booking{cancelled, declined} {
			same(t, "the status", s.settle(keys[i], models.Succeeded).Booking.Status, models.Cancelled)
			_, refunds := s.money(b)
			want := models.Refund{
				ChargeKey: keys[i], Part: 1, Gateway: "sim", ChargeReference: "provider-" + keys[i].Reference(),
				Amount: b.TotalAmount,
				Status: models.RefundPending, NextAttemptAt: noon, CreatedAt: noon, UpdatedAt: noon,
			}
			same(t, "the refunds", refunds, []models.Refund{want})
			s.stays(event.ID, settlement(keys[i], models.Succeeded))
		}
	},

	"cancelling_a_paid_booking_owes_its_money_back_once": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.paid(event, user, 3)
		s.clock.Pass(time.Second)
		got := s.done(event.ID, &sale.Cancel{Booking: b.ID}).Booking
		if got.CancelReason != models.ReasonUser || !got.CancelledAt.Equal(noon.Add(time.Second)) ||
			!got.ConfirmedAt.Equal(noon) {
			t.Errorf("the booking is %+v", got)
		}
		_, refunds := s.money(b)
		if len(refunds) != 1 || refunds[0].Amount != b.TotalAmount || refunds[0].Status != models.RefundPending {
			t.Errorf("the refunds are %+v", refunds)
		}
		s.refused(event.ID, &sale.Cancel{Booking: b.ID}, models.ErrAlreadyCancelled)
		same(t, "the stock", s.stock(event.ID), models.Stock{Total: 10, Available: 10, Cancelled: 1})
	},

	"what_is_over_is_not_cancelled": func(t *testing.T, s *shop) {
		event, user := s.event(begins(noon.Add(time.Hour))), s.user()
		pending, paid := s.book(event, user, 1), s.paid(event, user, 1)
		s.clock.set(event.DateTime)
		s.refused(event.ID, &sale.Cancel{Booking: pending.ID}, models.ErrEventOver)
		s.refused(event.ID, &sale.Cancel{Booking: paid.ID}, models.ErrEventOver)
	},

	"a_booking_expires_at_the_very_deadline": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 4)
		s.clock.set(b.PaymentDeadline.Add(-time.Microsecond))
		s.stays(event.ID, &sale.Expire{Booking: b.ID})
		s.clock.set(b.PaymentDeadline)
		got := s.done(event.ID, &sale.Expire{Booking: b.ID}).Booking
		if got.CancelReason != models.ReasonExpired || !got.CancelledAt.Equal(b.PaymentDeadline) {
			t.Errorf("the booking is %+v", got)
		}
		s.stays(event.ID, &sale.Expire{Booking: b.ID})
		same(t, "the stock", s.stock(event.ID), models.Stock{Total: 10, Available: 10, Cancelled: 1})
	},

	"free_bookings_are_confirmed_without_a_charge": func(t *testing.T, s *shop) {
		event, user := s.event(price(0, "USD")), s.user()
		b := s.book(event, user, 2)
		same(t, "the status", s.done(event.ID, &sale.ConfirmFree{Booking: b.ID}).Booking.Status, models.Confirmed)
		s.stays(event.ID, &sale.ConfirmFree{Booking: b.ID})
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		s.stays(event.ID, &sale.ConfirmFree{Booking: b.ID})
		charges, refunds := s.money(b)
		same(t, "the charges and refunds", len(charges)+len(refunds), 0)
	},

	"of_a_cancelled_event_bookings_end_with_their_refunds": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		pending, paid, ended := s.book(event, user, 1), s.paid(event, user, 2), s.book(event, user, 3)
		s.done(event.ID, &sale.Cancel{Booking: ended.ID})
		s.refused(event.ID, &sale.CancelForEvent{Booking: pending.ID}, models.ErrInternal)
		s.done(event.ID, &sale.CancelEvent{})
		for _, v := range s.ask(event.ID, &sale.CancelForEvent{Booking: pending.ID}, &sale.CancelForEvent{Booking: paid.ID}) {
			same(t, "the reason", s.booking(v.Booking.ID).CancelReason, models.ReasonEventCancelled)
		}
		same(t, "the reason of one that had ended", s.stays(event.ID, &sale.CancelForEvent{Booking: ended.ID}).Booking.CancelReason, models.ReasonUser)
		_, refunds := s.money(paid)
		same(t, "the refunds", len(refunds), 1)
		same(t, "what is available", s.stock(event.ID).Available, 10)
	},

	"what_is_unknown_or_another_events_is_not_found": func(t *testing.T, s *shop) {
		event, other, user := s.event(), s.event(), s.user()
		foreign := s.paid(other, user, 1)
		uncharged := s.book(event, user, 1)
		for _, id := range []models.BookingID{foreign.ID, models.NewID[models.BookingID]()} {
			key := models.FirstCharge(models.BookingRef{Event: event.ID, Booking: id})
			for _, command := range []sale.Command{
				&sale.Cancel{Booking: id}, &sale.Expire{Booking: id}, &sale.CancelForEvent{Booking: id},
				&sale.ConfirmFree{Booking: id},
				settlement(key, models.Succeeded), &sale.SettleRefund{Charge: key},
			} {
				s.refused(event.ID, command, models.ErrBookingNotFound)
			}
		}
		s.refused(event.ID, settlement(models.FirstCharge(uncharged.Ref()), models.Succeeded), models.ErrBookingNotFound)
		s.refused(models.NewID[models.EventID](), &sale.Cancel{Booking: foreign.ID}, models.ErrBookingNotFound)
	},

	"what_a_gateway_says_is_stored_whatever_bytes_it_has": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		for _, words := range []string{"it's \"100%\" \\ 音", "a\x00b", "\xff\xfe", string(make([]byte, 2000))} {
			b := s.book(event, user, 1)
			key := s.charge(b).ChargeKey
			result := models.Result{Outcome: models.Declined, Reason: words, ProviderReference: words}
			s.done(event.ID, &sale.Settle{Charge: key, Result: result})
		}
	},

	"cancelling_races_confirming_and_nothing_is_lost": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1000)), s.user()
		race(t, s, event, func() []sale.Command {
			b := s.book(event, user, 2)
			return []sale.Command{
				settlement(s.charge(b).ChargeKey, models.Succeeded), &sale.Cancel{Booking: b.ID}, &sale.Cancel{Booking: b.ID},
			}
		}, func(v []sale.Verdict) {
			if (v[1].Err == nil) == (v[2].Err == nil) {
				t.Errorf("of two cancellations %v and %v", v[1].Err, v[2].Err)
			}
			b := s.booking(v[0].Booking.ID)
			if _, refunds := s.money(b); b.Status != models.Cancelled || len(refunds) != 1 {
				t.Errorf("the booking ended %s with refunds %+v", b.Status, refunds)
			}
		})
		same(t, "what is available", s.stock(event.ID).Available, 1000)
	},

	"expiring_races_paying_and_the_tickets_move_once": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1000)), s.user()
		bookings := 0
		race(t, s, event, func() []sale.Command {
			b := s.book(event, user, 2)
			bookings++
			key := s.charge(b).ChargeKey
			s.clock.Pass(theRules.PaymentDeadline)
			return []sale.Command{
				settlement(key, models.Succeeded), &sale.Expire{Booking: b.ID}, &sale.Expire{Booking: b.ID},
				settlement(key, models.Succeeded),
			}
		}, func(v []sale.Verdict) {
			same(t, "the status", s.booking(v[0].Booking.ID).Status, models.Confirmed)
		})
		same(t, "what is sold", s.stock(event.ID).Sold, int64(2*bookings))
	},
}

// race sends commands of one booking at once, a few times over, and looks at what came of it.
func race(t *testing.T, s *shop, event models.Event, prepare func() []sale.Command, check func([]sale.Verdict)) {
	t.Helper()
	for range 8 {
		commands := prepare()
		verdicts := make([]sale.Verdict, len(commands))
		crowd(len(commands), func(i int) {
			v, err := s.try(s.ctx(), event.ID, commands[i])
			if err != nil {
				t.Errorf("the desk failed: %v", err)
				return
			}
			verdicts[i] = v[0]
		})
		if t.Failed() {
			return
		}
		check(verdicts)
	}
}

// lateSuccesses are those of expired bookings whose tickets cannot be taken again.
func lateSuccesses(t *testing.T, s *shop) {
	user := s.user()
	for name, spoil := range map[string]func(event models.Event){
		"resold":    func(event models.Event) { s.book(event, user, 8) },
		"begun":     func(event models.Event) { s.clock.set(event.DateTime) },
		"cancelled": func(event models.Event) { s.done(event.ID, &sale.CancelEvent{}) },
		"deleted":   func(event models.Event) { s.done(event.ID, &sale.DeleteEvent{}) },
	} {
		s.clock.set(noon)
		event := s.event()
		b := s.book(event, user, 3)
		key := s.charge(b).ChargeKey
		s.clock.Pass(15 * time.Minute)
		s.done(event.ID, &sale.Expire{Booking: b.ID})
		spoil(event)
		got := s.settle(key, models.Succeeded).Booking
		_, refunds := s.money(b)
		if got.Status != models.Cancelled || got.CancelReason != models.ReasonExpired || len(refunds) != 1 {
			t.Errorf("%s: the booking is %+v, the refunds %+v", name, got, refunds)
		}
	}
}

// everyTransition tries every command on a booking in every status: what docs/states.md does not draw does not happen.
func everyTransition(t *testing.T, s *shop) {
	user := s.user()
	reasons := map[string]func(event models.Event, b models.Booking, key models.ChargeKey){
		"PENDING":   func(models.Event, models.Booking, models.ChargeKey) {},
		"CONFIRMED": func(_ models.Event, _ models.Booking, key models.ChargeKey) { s.settle(key, models.Succeeded) },
		"CANCELLED by the user": func(e models.Event, b models.Booking, _ models.ChargeKey) {
			s.done(e.ID, &sale.Cancel{Booking: b.ID})
		},
		"CANCELLED as declined": func(_ models.Event, _ models.Booking, key models.ChargeKey) {
			s.settle(key, models.Declined)
		},
		"CANCELLED as expired": func(e models.Event, b models.Booking, _ models.ChargeKey) {
			s.clock.set(b.PaymentDeadline)
			s.done(e.ID, &sale.Expire{Booking: b.ID})
		},
		"CANCELLED with a paid refund": func(e models.Event, b models.Booking, key models.ChargeKey) {
			s.settle(key, models.Succeeded)
			s.done(e.ID, &sale.Cancel{Booking: b.ID})
			s.done(e.ID, &sale.SettleRefund{
				Charge: key, Result: models.Result{Outcome: models.Succeeded, ProviderReference: "r"},
			})
		},
	}
	commands := map[string]func(b models.Booking, key models.ChargeKey) sale.Command{
		"Cancel": func(b models.Booking, _ models.ChargeKey) sale.Command { return &sale.Cancel{Booking: b.ID} },
		"Expire": func(b models.Booking, _ models.ChargeKey) sale.Command { return &sale.Expire{Booking: b.ID} },
		"CancelForEvent": func(b models.Booking, _ models.ChargeKey) sale.Command {
			return &sale.CancelForEvent{Booking: b.ID}
		},
		"ConfirmFree":  func(b models.Booking, _ models.ChargeKey) sale.Command { return &sale.ConfirmFree{Booking: b.ID} },
		"SettleRefund": func(_ models.Booking, key models.ChargeKey) sale.Command { return &sale.SettleRefund{Charge: key} },
	}
	for _, outcome := range []models.Outcome{
		models.Succeeded, models.Declined, models.StillOpen, models.Unknown, models.Unavailable, models.Absent, models.Voided,
	} {
		commands["Settle "+string(outcome)] = func(_ models.Booking, key models.ChargeKey) sale.Command {
			return settlement(key, outcome)
		}
	}
	allowed := map[string]models.Status{
		"PENDING/Cancel": models.Cancelled, "PENDING/Settle succeeded": models.Confirmed,
		"PENDING/Settle declined": models.Cancelled,
		"CONFIRMED/Cancel":        models.Cancelled, "CANCELLED as expired/Settle succeeded": models.Confirmed,
	}
	for from, prepare := range reasons {
		for name, command := range commands {
			s.clock.set(noon)
			event := s.event()
			b := s.book(event, user, 2)
			key := s.charge(b).ChargeKey
			prepare(event, b, key)
			before := s.booking(b.ID)
			want, legal := allowed[from+"/"+name]
			if !legal {
				want = before.Status
			}
			v := s.ask(event.ID, command(before, key))[0]
			after := s.booking(b.ID)
			if after.Status != want || legal && v.Err != nil {
				t.Errorf("%s made %s of a booking that was %s (%v); want %s", name, after.Status, from, v.Err, want)
			}
			if !legal {
				same(t, fmt.Sprintf("after %s the booking that was %s", name, from), after, before)
			}
			if report := sale.Audit(s.facts(event.ID)); !report.OK {
				t.Errorf("after %s on %s the audit finds %+v", name, from, report.Differences)
			}
		}
	}
}

func (s *shop) facts(id models.EventID) models.AuditFacts {
	s.t.Helper()
	facts, err := s.AuditFacts(s.ctx(), id)
	s.ok("reading an audit's facts", err)
	return facts
}
