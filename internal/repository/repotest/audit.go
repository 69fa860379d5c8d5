package repotest

import (
	"slices"
	"testing"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// auditRules are the promises of Audit, and of the constraints that stand behind it.
var auditRules = rules{
	"facts_are_recomputed_from_bookings_charges_and_refunds": func(t *testing.T, s *shop) {
		event := s.mixed()
		read := s.read(event.ID)
		got := s.facts(event.ID)
		same(t, "the facts", got, models.AuditFacts{
			Event: &read, Recomputed: read.Stock, Charged: 10000, Refunded: 2500, Owed: 2500,
			Journal: models.JournalSum{
				Balance: models.Balance{Stock: read.Stock, Charged: 10000, Refunded: 2500, Owed: 2500, Begun: true},
				First:   1, Last: 7,
			},
		})
		same(t, "the counters", read.Stock, models.Stock{
			Total: 10, Available: 5, Held: 2, Sold: 3, HeldAmount: 5000, SoldAmount: 7500, Pending: 1, Confirmed: 1,
			Cancelled: 1,
		})
	},

	"other_events_do_not_count": func(t *testing.T, s *shop) {
		first, second, empty := s.mixed(), s.mixed(), s.event()
		same(t, "the charged amount", s.facts(first.ID).Charged, s.facts(second.ID).Charged)
		same(t, "what an event without bookings has", s.facts(empty.ID), models.AuditFacts{
			Event: &empty, Recomputed: empty.Stock,
			Journal: models.JournalSum{Balance: models.Balance{Stock: empty.Stock, Begun: true}, First: 1, Last: 1},
		})
	},

	"an_unknown_event_is_not_found": func(t *testing.T, s *shop) {
		_, err := s.AuditFacts(s.ctx(), models.NewID[models.EventID]())
		isError(t, "AuditFacts", err, models.ErrEventNotFound)
	},

	"a_deleted_event_is_audited": func(t *testing.T, s *shop) {
		event := s.event()
		b := s.paid(event, s.user(), 2)
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		s.done(event.ID, &sale.DeleteEvent{})
		facts := s.facts(event.ID)
		if facts.Event.DeletedAt.IsZero() || facts.Charged != 5000 || facts.Refunded != 5000 ||
			facts.Recomputed.Cancelled != 1 {
			t.Errorf("the facts of a deleted event are %+v", facts)
		}
	},

	"a_paid_refund_counts_as_one_that_is_owed": func(t *testing.T, s *shop) {
		event, _, key := s.owed()
		before := s.facts(event.ID)
		s.done(event.ID, &sale.SettleRefund{Charge: key, Result: models.Result{Outcome: models.OutcomeSucceeded}})
		same(t, "the refunded amount", s.facts(event.ID).Refunded, before.Refunded)
	},

	"free_bookings_need_no_charge": func(t *testing.T, s *shop) {
		event := s.event(price(0, "USD"))
		b := s.book(event, s.user(), 2)
		s.done(event.ID, &sale.ConfirmFree{Booking: b.ID})
		same(t, "the unpaid", s.facts(event.ID).UnpaidConfirmed, 0)
	},

	"facts_are_of_one_snapshot": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1000)), s.user()
		crowd(5, func(i int) {
			for range 12 {
				if i == 0 {
					facts, err := s.AuditFacts(s.ctx(), event.ID)
					if err != nil {
						t.Errorf("AuditFacts gave %v", err)
					} else if report := sale.Audit(facts); !report.OK {
						t.Errorf("during the sale the audit finds %+v", report.Differences)
					}
					continue
				}
				command := reserve(user, 2)
				if _, err := s.try(s.ctx(), event.ID, command); err != nil {
					t.Errorf("booking: %v", err)
				}
				if i%2 == 0 {
					if _, err := s.try(s.ctx(), event.ID, &sale.Cancel{Booking: command.Booking}); err != nil {
						t.Errorf("cancelling: %v", err)
					}
				}
			}
		})
	},

	"a_second_charge_that_succeeds_is_refunded": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		s.tampered = true // a row is put in past the port: today nothing writes a second charge
		b := s.paid(event, user, 2)
		s.ok("moving the first one into payments", s.apart(s.ctx()))
		s.ok("putting in a second charge", s.exec(s.ctx(), `INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency,
			status, attempts, last_error, provider_reference, next_attempt_at, created_at, updated_at)
			SELECT event_id, booking_id, 2, gateway, amount, currency, 'started', 1, '', '', created_at, created_at, updated_at FROM payments`))
		second := models.ChargeKey{BookingRef: b.Ref(), N: 2}
		same(t, "the status", s.settle(second, models.OutcomeSucceeded).Booking.Status, models.StatusConfirmed)
		charges, refunds := s.money(b)
		if len(charges) != 2 || charges[0].N != 1 || charges[1].N != 2 || len(refunds) != 1 || refunds[0].N != 2 {
			t.Errorf("the charges are %+v, the refunds %+v", charges, refunds)
		}
		if report := sale.Audit(s.facts(event.ID)); !report.OK {
			t.Errorf("the audit finds %+v", report.Differences)
		}
	},

	"every_kind_of_tampering_is_found": findTampering,

	"the_database_itself_refuses_what_must_never_be": func(t *testing.T, s *shop) {
		s.mixed()
		s.ok("moving charges into payments", s.apart(s.ctx()))
		for _, sql := range []string{
			"UPDATE {stock} SET available = available - 1",
			"UPDATE {stock} SET available = available + 1",
			"UPDATE {stock} SET held = held + 1",
			"UPDATE {stock} SET sold = sold - 1",
			"UPDATE {stock} SET available = -1, held = held + 6",
			"UPDATE {stock} SET available = 11, held = -4",
			"UPDATE events SET total_tickets = 4",
			"UPDATE {stock} SET total_tickets = 4, available = -1",
			"UPDATE {stock} SET held = -2, available = available + 4",
			"UPDATE {stock} SET held_amount = -1",
			"UPDATE {stock} SET sold_amount = -1",
			"UPDATE {stock} SET pending_count = -1",
			"UPDATE {stock} SET confirmed_count = -1",
			"UPDATE {stock} SET cancelled_count = -1",
			"UPDATE bookings SET status = 'REFUNDED'",
			"UPDATE bookings SET status = 'CANCELLED', cancel_reason = NULL",
			"UPDATE bookings SET quantity = 0, total_amount = 0",
			"UPDATE bookings SET quantity = -1, total_amount = -unit_price",
			"UPDATE payments SET status = 'whatever'",
			"UPDATE refunds SET status = 'forgotten'",
			"UPDATE refunds SET n = 7",
			"UPDATE refunds SET part = 0",
			"UPDATE refunds SET amount = 0",
			"UPDATE payments SET refunded = amount + 1",
			"UPDATE payments SET refunded = -1",
			"DELETE FROM events",
			"DELETE FROM users",
			"DELETE FROM bookings",
			"DELETE FROM payments",
		} {
			s.leavesNothing(func() {
				if err := s.exec(s.ctx(), sql); err == nil {
					t.Errorf("the database let this pass: %s", sql)
				}
			})
		}
	},
}

// mixed returns an event of 10 tickets with 2 held, 3 sold and 1 sold and given back.
func (s *shop) mixed() models.Event {
	s.t.Helper()
	event, user := s.event(), s.user()
	s.book(event, user, 2)
	s.paid(event, user, 3)
	s.done(event.ID, &sale.Cancel{Booking: s.paid(event, user, 1).ID})
	return event
}

// findTampering changes rows past the port, one respect after another, and puts each back.
func findTampering(t *testing.T, s *shop) {
	s.tampered = true
	event := s.mixed()
	s.ok("moving charges into payments", s.apart(s.ctx()))
	for _, tampering := range []struct {
		do, undo string
		want     []string
	}{
		{"UPDATE {stock} SET available = available - 1, held = held + 1", "UPDATE {stock} SET available = available + 1, held = held - 1", []string{"available", "held", "journal_available", "journal_held"}},
		{"UPDATE {stock} SET available = available + 1, sold = sold - 1", "UPDATE {stock} SET available = available - 1, sold = sold + 1", []string{"available", "journal_available", "journal_sold", "sold"}},
		{"UPDATE {stock} SET held = held + 1, sold = sold - 1", "UPDATE {stock} SET held = held - 1, sold = sold + 1", []string{"held", "journal_held", "journal_sold", "sold"}},
		{"UPDATE {stock} SET held_amount = held_amount + 1", "UPDATE {stock} SET held_amount = held_amount - 1", []string{"held_amount", "journal_held_amount"}},
		{"UPDATE {stock} SET sold_amount = sold_amount - 1", "UPDATE {stock} SET sold_amount = sold_amount + 1", []string{"journal_sold_amount", "sold_amount"}},
		{"UPDATE {stock} SET pending_count = pending_count + 1", "UPDATE {stock} SET pending_count = pending_count - 1", []string{"journal_pending", "pending"}},
		{"UPDATE {stock} SET confirmed_count = 0", "UPDATE {stock} SET confirmed_count = 1", []string{"confirmed", "journal_confirmed"}},
		{"UPDATE {stock} SET cancelled_count = 7", "UPDATE {stock} SET cancelled_count = 1", []string{"cancelled", "journal_cancelled"}},
		{
			"UPDATE bookings SET quantity = 3, total_amount = unit_price * 3 WHERE status = 'PENDING'",
			"UPDATE bookings SET quantity = 2, total_amount = unit_price * 2 WHERE status = 'PENDING'", []string{"available", "held", "held_amount"},
		},
		{
			"UPDATE bookings SET quantity = 8, total_amount = unit_price * 8 WHERE status = 'PENDING'",
			"UPDATE bookings SET quantity = 2, total_amount = unit_price * 2 WHERE status = 'PENDING'", []string{"available", "held", "held_amount", "oversold"},
		},
		{
			"UPDATE bookings SET quantity = 4, total_amount = unit_price * 4 WHERE status = 'CONFIRMED'",
			"UPDATE bookings SET quantity = 3, total_amount = unit_price * 3 WHERE status = 'CONFIRMED'", []string{"available", "charged_minus_refunded", "sold", "sold_amount"},
		},
		{
			"UPDATE bookings SET status = 'CANCELLED', cancel_reason = 'expired', cancelled_at = updated_at WHERE status = 'PENDING'",
			"UPDATE bookings SET status = 'PENDING', cancel_reason = NULL, cancelled_at = NULL WHERE cancel_reason = 'expired'",
			[]string{"available", "cancelled", "held", "held_amount", "pending"},
		},
		{
			"UPDATE payments SET status = 'declined'", "UPDATE payments SET status = 'succeeded'",
			[]string{
				"charged_minus_refunded", "journal_charged", "journal_refunded", "refunds_without_charge",
				"unpaid_confirmed",
			},
		},
		{
			`INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts, last_error, provider_reference,
				next_attempt_at, created_at, updated_at) SELECT event_id, booking_id, 2, gateway, amount, currency, 'succeeded', 1, '', '',
				next_attempt_at, created_at, updated_at FROM payments WHERE booking_id IN (SELECT id FROM bookings WHERE status = 'CONFIRMED')`,
			"DELETE FROM payments WHERE n = 2", []string{"charged_minus_refunded", "journal_charged", "overpaid_bookings"},
		},
		{"UPDATE refunds SET amount = amount + 1", "UPDATE refunds SET amount = amount - 1", []string{"charged_minus_refunded", "journal_owed", "journal_refunded", "refunded"}},
		{"UPDATE refunds SET amount = amount - 1", "UPDATE refunds SET amount = amount + 1", []string{"charged_minus_refunded", "journal_owed", "journal_refunded", "refunded", "unended_charges"}},
		{"UPDATE refunds SET status = 'failed'", "UPDATE refunds SET status = 'pending'", []string{"charged_minus_refunded", "journal_owed", "journal_refunded", "refunded", "unended_charges"}},
		{"UPDATE payments SET refunded = refunded + 1 WHERE refunded = 0", "UPDATE payments SET refunded = 0 WHERE refunded < amount", []string{"refunded"}},
		{
			"DELETE FROM refunds", "",
			[]string{"charged_minus_refunded", "journal_owed", "journal_refunded", "refunded", "unended_charges"},
		},
		{
			"DELETE FROM journal WHERE seq = 2", "",
			[]string{
				"charged_minus_refunded", "journal_available", "journal_gaps", "journal_held", "journal_held_amount",
				"journal_owed", "journal_pending", "journal_refunded", "refunded", "unended_charges",
			},
		},
	} {
		s.ok(tampering.do, s.exec(s.ctx(), tampering.do))
		same(t, "what the audit finds after "+tampering.do, s.differences(event.ID), tampering.want)
		if tampering.undo != "" {
			s.ok(tampering.undo, s.exec(s.ctx(), tampering.undo))
			same(t, "what it finds after "+tampering.undo, s.differences(event.ID), []string{})
		}
	}
}

func (s *shop) differences(event models.EventID) []string {
	s.t.Helper()
	names := idsOf(sale.Audit(s.facts(event)).Differences, func(d models.AuditDifference) string { return d.What })
	slices.Sort(names)
	return names
}
