package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// violates reports whether the database has refused something by one of its rules.
func violates(err error, state, constraint string) bool {
	pgErr, is := errors.AsType[*pgconn.PgError](err)
	return is && pgErr.Code == state && pgErr.ConstraintName == constraint
}

// start starts the first charges of bookings.
func (b *bundle) start(t *testing.T, lease time.Duration, refs ...models.BookingRef) {
	t.Helper()
	starts, err := b.StartCharges(t.Context(), "simulated", refs, lease)
	if err != nil || len(starts) != len(refs) {
		t.Fatalf("started %d of %d charges: %v", len(starts), len(refs), err)
	}
}

// succeeds is the command that settles a booking's first charge.
func succeeds(ref models.BookingRef) *sale.Settle {
	return &sale.Settle{Charge: models.FirstCharge(ref), Result: models.Result{Outcome: models.OutcomeSucceeded}}
}

// chargedShop is an event with a booking whose charge is started, one of 3 tickets that is paid, and one that is PENDING
// and without a charge.
func (b *bundle) chargedShop(t *testing.T) models.Event {
	t.Helper()
	event, user := b.event(t, 10), b.user(t)
	var refs []models.BookingRef
	for _, v := range b.must(t, event.ID, reserve(user.ID, 2), reserve(user.ID, 3), reserve(user.ID, 1)) {
		refs = append(refs, v.Booking.Ref())
	}
	b.start(t, time.Minute, refs[:2]...)
	b.must(t, event.ID, succeeds(refs[1]))
	return event
}

// TestAChargeInTheRowCannotBeForced: what a booking's row says of its charge goes together, or the database refuses it.
func TestAChargeInTheRowCannotBeForced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.chargedShop(t)
	conn := b.connect(t)
	const charge, charged = "bookings_charge_check", "bookings_charged_check"
	for sql, constraint := range map[string]string{
		"charge = NULL WHERE charge = 'succeeded'":                                                                    charge,
		"charge = NULL WHERE charge = 'started'":                                                                      charge,
		"charge = 'succeeded' WHERE charge = 'started'":                                                               charge,
		"charge = 'started' WHERE charge = 'succeeded'":                                                               charge,
		"charge = 'apart' WHERE charge = 'started'":                                                                   charge,
		"charge = 'apart' WHERE charge = 'succeeded'":                                                                 charge,
		"charge = 'declined' WHERE charge = 'started'":                                                                charge,
		"charge = 'pending' WHERE charge = 'started'":                                                                 charge,
		"charge = 'doubtful' WHERE charge = 'started'":                                                                charge,
		"charge = 'started' WHERE charge IS NULL":                                                                     charge,
		"charge = 'free' WHERE charge IS NULL":                                                                        charge,
		"charged_at = NULL WHERE charge = 'succeeded'":                                                                charge,
		"charged_at = now() WHERE charge IS NULL":                                                                     charge,
		"status = 'CONFIRMED', confirmed_at = now() WHERE charge = 'started'":                                         charge,
		"status = 'CANCELLED', cancelled_at = now(), cancel_reason = 'user' WHERE charge = 'started'":                 charge,
		"status = 'CANCELLED', cancelled_at = now(), cancel_reason = 'user' WHERE charge = 'succeeded'":               charge,
		"status = 'PENDING', confirmed_at = NULL WHERE charge = 'succeeded'":                                          charge,
		"unit_price = 0, total_amount = 0 WHERE charge = 'started'":                                                   charge,
		"unit_price = 0, total_amount = 0 WHERE charge = 'succeeded'":                                                 charge,
		"gateway = NULL WHERE charge = 'started'":                                                                     charged,
		"provider_reference = NULL WHERE charge = 'succeeded'":                                                        charged,
		"next_attempt_at = NULL WHERE charge = 'started'":                                                             charged,
		"gateway = 'simulated' WHERE charge IS NULL":                                                                  charged,
		"provider_reference = '' WHERE charge IS NULL":                                                                charged,
		"next_attempt_at = now() WHERE charge IS NULL":                                                                charged,
		"prepared_at = now() WHERE charge IS NULL":                                                                    charged,
		"charge = 'apart', prepared_at = now() WHERE charge IS NULL":                                                  charged,
		"charge = 'started', charged_at = now(), gateway = 'simulated', next_attempt_at = now() WHERE charge IS NULL": charged,
	} {
		if _, err := conn.Exec(t.Context(), "UPDATE bookings SET "+sql); !violates(err, "23514", constraint) {
			t.Errorf("%s: %v, want a violation of %s", sql, err, constraint)
		}
	}
	b.audit(t, event.ID)
}

// TestTamperingWithAChargeInTheRowIsFound does to the rows what no CHECK can see, one respect after another.
func TestTamperingWithAChargeInTheRowIsFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.chargedShop(t)
	const (
		empty = `gateway = NULL, provider_reference = NULL, charged_at = NULL, next_attempt_at = NULL`
		full  = `gateway = 'simulated', provider_reference = '', charged_at = now(), next_attempt_at = now()`
	)
	unpaid := []string{"charged_minus_refunded", "journal_charged", "unpaid_confirmed"}
	twice := []string{"charged_minus_refunded", "journal_charged", "overpaid_bookings"}
	for _, tampering := range []struct {
		do, undo string
		want     []string
	}{
		{
			"UPDATE bookings SET charge = NULL, " + empty + " WHERE charge = 'succeeded'",
			"UPDATE bookings SET charge = 'succeeded', " + full + " WHERE status = 'CONFIRMED'", unpaid,
		},
		{
			"UPDATE bookings SET charge = 'apart', " + empty + " WHERE charge = 'succeeded'",
			"UPDATE bookings SET charge = 'succeeded', " + full + " WHERE status = 'CONFIRMED'", unpaid,
		},
		{paymentOf(1, "succeeded") + "charge = 'succeeded'", "DELETE FROM payments", twice},
		{paymentOf(2, "succeeded") + "charge = 'succeeded'", "DELETE FROM payments", twice},
		{
			paymentOf(1, "succeeded") + "charge = 'started'", "DELETE FROM payments",
			[]string{"charged_minus_refunded", "journal_charged", "unended_charges"},
		},
		{
			"UPDATE bookings SET quantity = 4, total_amount = unit_price * 4 WHERE status = 'CONFIRMED'",
			"UPDATE bookings SET quantity = 3, total_amount = unit_price * 3 WHERE status = 'CONFIRMED'",
			[]string{"available", "journal_charged", "sold", "sold_amount"},
		},
		{
			"UPDATE bookings SET unit_price = 1, total_amount = quantity WHERE status = 'CONFIRMED'",
			"UPDATE bookings SET unit_price = 75.5, total_amount = 75.5 * quantity WHERE status = 'CONFIRMED'",
			[]string{"journal_charged", "sold_amount"},
		},
		{
			"UPDATE bookings SET status = 'PENDING', charge = 'started', confirmed_at = NULL WHERE status = 'CONFIRMED'",
			"UPDATE bookings SET status = 'CONFIRMED', charge = 'succeeded', confirmed_at = now() WHERE quantity = 3",
			[]string{"confirmed", "held", "held_amount", "journal_charged", "pending", "sold", "sold_amount"},
		},
		{
			"UPDATE bookings SET status = 'CONFIRMED', charge = 'succeeded', confirmed_at = now() WHERE charge = 'started'",
			"UPDATE bookings SET status = 'PENDING', charge = 'started', confirmed_at = NULL WHERE quantity = 2",
			[]string{"confirmed", "held", "held_amount", "journal_charged", "pending", "sold", "sold_amount"},
		},
	} {
		b.exec(t, tampering.do)
		if found := b.differences(t, event.ID); !slices.Equal(found, tampering.want) {
			t.Errorf("after %s the audit finds %v, want %v", tampering.do, found, tampering.want)
		}
		b.exec(t, tampering.undo)
		if found := b.differences(t, event.ID); len(found) > 0 {
			t.Fatalf("after %s it finds %v", tampering.undo, found)
		}
	}
}

// paymentOf puts a charge into payments for the bookings that a condition names.
func paymentOf(n int, status string) string {
	return fmt.Sprintf(`INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts,
			next_attempt_at, created_at, updated_at)
		SELECT event_id, id, %d, 'simulated', total_amount, currency, '%s', 1, now(), now(), now()
		FROM bookings WHERE `, n, status)
}

// differences names what the audit of an event finds.
func (b *bundle) differences(t *testing.T, event models.EventID) (names []string) {
	t.Helper()
	facts, err := b.AuditFacts(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range sale.Audit(facts).Differences {
		names = append(names, d.What)
	}
	slices.Sort(names)
	return names
}
