package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
	"quantix/internal/sale"
	"quantix/internal/testkit"
)

// TestFitsRow: of a charge that stands in its booking's row nothing is told that the row cannot hold.
func TestFitsRow(t *testing.T) {
	t.Parallel()
	at := time.Now().UTC()
	sum := models.Money{Minor: 5000, Currency: "USD"}
	pending := models.Booking{Status: models.StatusPending, TotalAmount: sum}
	confirmed := models.Booking{Status: models.StatusConfirmed, TotalAmount: sum, ConfirmedAt: at}
	cancelled := models.Booking{Status: models.StatusCancelled, TotalAmount: sum, CancelledAt: at}
	charge := func(status models.ChargeStatus) models.Charge {
		return models.Charge{
			Amount: sum, Status: status, Attempts: 1, ProviderReference: "ch_1", NextAttemptAt: at, CreatedAt: at, UpdatedAt: at,
		}
	}
	started, succeeded := charge(models.ChargeStarted), charge(models.ChargeSucceeded)
	fits := func(b models.Booking, c models.Charge) bool { return postgres.FitsRow(&b, &c) }
	if !fits(pending, started) || !fits(confirmed, succeeded) {
		t.Error("what all charges are does not fit")
	}
	for name, b := range map[string]models.Booking{"confirmed": confirmed, "cancelled": cancelled} {
		if fits(b, started) {
			t.Errorf("a charge under way stands in the row of a %s booking", name)
		}
	}
	for name, b := range map[string]models.Booking{"pending": pending, "cancelled": cancelled} {
		if fits(b, succeeded) {
			t.Errorf("a charge that succeeded stands in the row of a %s booking", name)
		}
	}
	for _, status := range []models.ChargeStatus{
		models.ChargeDoubtful, models.ChargePending, models.ChargeUnknown, models.ChargeDeclined, models.ChargeFailed, models.ChargeVoided,
	} {
		for _, b := range []models.Booking{pending, confirmed, cancelled} {
			if fits(b, charge(status)) {
				t.Errorf("a charge that is %s stands in the row of a %s booking", status, b.Status)
			}
		}
	}
	for name, change := range map[string]func(*models.Charge){
		"a second try":     func(c *models.Charge) { c.Attempts = 2 },
		"no try":           func(c *models.Charge) { c.Attempts = 0 },
		"an error":         func(c *models.Charge) { c.LastError = "no answer" },
		"a refund":         func(c *models.Charge) { c.Refunded = 1 },
		"another amount":   func(c *models.Charge) { c.Amount.Minor-- },
		"another currency": func(c *models.Charge) { c.Amount.Currency = "EUR" },
		"no next time":     func(c *models.Charge) { c.NextAttemptAt = time.Time{} },
	} {
		one, other := started, succeeded
		change(&one)
		change(&other)
		if fits(pending, one) || fits(confirmed, other) {
			t.Errorf("a charge with %s stands in a row", name)
		}
	}
	succeeded.UpdatedAt = at.Add(time.Microsecond)
	if fits(confirmed, succeeded) {
		t.Error("a charge that was changed after its booking's confirmation stands in the row")
	}
}

// TestMovesOf: a charge that something hangs on, or stands beside, is in payments.
func TestMovesOf(t *testing.T) {
	t.Parallel()
	id := models.NewID[models.BookingID]()
	key := models.ChargeKey{BookingRef: models.BookingRef{Booking: id}, N: 1}
	charge := &models.Charge{ChargeKey: key}
	for name, w := range map[string]sale.Writes{
		"a second charge": {NewCharges: []*models.Charge{charge}},
		"another sum":     {ChargeSums: []*models.Charge{charge}},
		"a refund":        {NewRefunds: []*models.Refund{{ChargeKey: key}}},
		"a letter":        {Letters: []models.DeadLetter{{ChargeKey: key}}},
	} {
		if moves := postgres.MovesOf(&w); !moves[id] || len(moves) != 1 {
			t.Errorf("%s moves %v", name, moves)
		}
	}
	usual := sale.Writes{Bookings: []*models.Booking{{ID: id}}, Charges: []*models.Charge{charge}}
	if moves := postgres.MovesOf(&usual); len(moves) > 0 {
		t.Errorf("what is usual moves %v", moves)
	}
}

// TestABookingIsWrittenAsItWasSeen: its place is not enough. Older servers write to whatever has become of the row at a
// place while they waited for it.
func TestABookingIsWrittenAsItWasSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	id := b.must(t, event.ID, reserve(user.ID, 1))[0].Booking.ID
	const nothing = "ARRAY[NULL]"
	for _, test := range []struct {
		id, status, charge string
		passes             bool
	}{
		{"'" + id.String() + "'", "'PENDING'", "'started'", false},
		{"'" + id.String() + "'", "'PENDING'", "'apart'", false},
		{"'" + id.String() + "'", "'CONFIRMED'", "NULL", false},
		{"'" + nobody + "'", "'PENDING'", "NULL", false},
		{"'" + id.String() + "'", "'PENDING'", "NULL", true},
	} {
		sql := postgres.UpdateBookings
		for i, value := range []string{
			"(SELECT array_agg(ctid) FROM bookings)", "ARRAY[" + test.id + "]", "ARRAY[" + test.status + "]", "ARRAY[" + test.charge + "]",
			"ARRAY['CANCELLED']", "ARRAY['user']", nothing, "ARRAY[now()]", "ARRAY[now()]",
			nothing, nothing, nothing, nothing, nothing, nothing,
		} {
			sql = strings.ReplaceAll(sql, fmt.Sprintf("$%d::", i+1), value+"::")
		}
		if _, err := b.connect(t).Exec(t.Context(), sql); test.passes != (err == nil) || err != nil && !violates(err, "22012", "") {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// startByHand starts a booking's charge as another process does.
const startByHand = `UPDATE bookings SET charge = 'started', gateway = 'simulated', provider_reference = '', charged_at = now(),
	next_attempt_at = now() + interval '1 minute' WHERE id = '%s'`

// takeUpByHand moves a booking's charge into payments as another process does.
const takeUpByHand = `WITH lapsed AS (SELECT * FROM bookings WHERE id = '%s'), moved AS (
		UPDATE bookings b SET charge = 'apart', gateway = NULL, provider_reference = NULL, charged_at = NULL, next_attempt_at = NULL
		FROM lapsed l WHERE b.id = l.id
	)
	INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts, next_attempt_at, created_at, updated_at)
	SELECT event_id, id, 1, gateway, total_amount, currency, 'started', 2, now() + interval '1 minute', charged_at, now() FROM lapsed`

// TestAChangeUnderWayIsWaitedFor: somebody has changed a booking's charge, and commits only when the desk wants to
// write that booking. The desk waits, finds what it read no more, and decides again.
func TestAChangeUnderWayIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 100), b.user(t)
	cancels := func(ref models.BookingRef) sale.Command { return &sale.Cancel{Booking: ref.Booking} }
	settles := func(ref models.BookingRef) sale.Command { return succeeds(ref) }
	declines := func(ref models.BookingRef) sale.Command {
		return &sale.Settle{Charge: models.FirstCharge(ref), Result: models.Result{Outcome: models.OutcomeDeclined}}
	}
	for _, test := range []struct {
		name     string
		started  bool
		change   string
		command  func(models.BookingRef) sale.Command
		status   models.Status
		charge   models.ChargeStatus
		attempts int
	}{
		{"a start beside a cancellation", false, startByHand, cancels, models.StatusCancelled, models.ChargeStarted, 1},
		{"a second try beside a cancellation", true, takeUpByHand, cancels, models.StatusCancelled, models.ChargeStarted, 2},
		{"a second try beside the first one's success", true, takeUpByHand, settles, models.StatusConfirmed, models.ChargeSucceeded, 2},
		{"a second try beside the first one's refusal", true, takeUpByHand, declines, models.StatusCancelled, models.ChargeDeclined, 2},
	} {
		ref := b.must(t, event.ID, reserve(user.ID, 1))[0].Booking.Ref()
		if test.started {
			b.start(t, time.Minute, ref)
		}
		command, tx := test.command(ref), b.begin(t, "READ COMMITTED")
		done := make(chan error, 1)
		go func() {
			needs := sale.ReadsOf([]sale.Command{command}, false, false)
			done <- b.AtDesk(t.Context(), event.ID, models.NewID[models.BatchID](), needs, func(s *sale.State) {
				s.Rules = rules
				s.Decide(command)
				if _, err := tx.Exec(t.Context(), fmt.Sprintf(test.change, ref.Booking)); err != nil {
					t.Error(err)
				}
			})
		}()
		testkit.Eventually(t, patience, func() error {
			if len(done) > 0 {
				return nil // it did not wait
			}
			return b.waits(t, "transactionid")
		})
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, repository.ErrConflict) {
			t.Errorf("%s: %v, want ErrConflict", test.name, err)
		}
		b.audit(t, event.ID)
		v, c := b.must(t, event.ID, command)[0], b.only(t, ref)
		if v.Booking.Status != test.status || c.Status != test.charge || c.Attempts != test.attempts {
			t.Errorf("%s: the booking is %s, the charge %+v", test.name, v.Booking.Status, c)
		}
		b.audit(t, event.ID)
	}
}

// TestLapsedChargesAreFoundPageByPage: each poll looks at some of all that is PENDING, and in turn at all of it.
func TestLapsedChargesAreFoundPageByPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10).ID.String(), b.user(t).ID.String()
	const pages = 3
	b.exec(t, fmt.Sprintf(`INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency,
			payment_method, payment_deadline, created_at, updated_at, charge, gateway, provider_reference, charged_at, next_attempt_at)
		SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, '%s', '%s', 1, 'PENDING', 1, 1, 'USD', 'sim_ok', now() + i / 7 * interval '1 second', now(), now(),
			'started', 'simulated', '', now(), now() + CASE i %% %d WHEN 0 THEN interval '0' ELSE interval '1 hour' END
		FROM generate_series(1, %d) i`, user, event, postgres.PendingPage/2, pages*postgres.PendingPage-1))
	var taken []int
	for range 2 * pages {
		due, err := b.DueCharges(t.Context(), 100, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, len(due))
	}
	if want := []int{2, 2, 1, 0, 0, 0}; !slices.Equal(taken, want) {
		t.Errorf("polls took up %v charges, want %v", taken, want)
	}
	b.exec(t, "UPDATE bookings SET next_attempt_at = now() WHERE charge = 'started' AND id = (SELECT max(id::text)::uuid FROM bookings WHERE charge = 'started')")
	taken = taken[:0]
	for range pages {
		due, err := b.DueCharges(t.Context(), 100, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, len(due))
	}
	if slices.Sort(taken); !slices.Equal(taken, []int{0, 0, 1}) {
		t.Errorf("of one more, polls took up %v", taken)
	}
}
