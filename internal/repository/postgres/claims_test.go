package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository/postgres"
	"quantix/internal/sale"
)

// TestClaimsLookAgain lines two claims of the same rows up: the one that finds them while the other has them and has
// not committed yet passes over them, and when the other has committed they are taken.
func TestClaimsLookAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	var refs []models.BookingRef
	for _, v := range b.must(t, event.ID, reserve(user.ID, 1), reserve(user.ID, 1)) {
		refs = append(refs, v.Booking.Ref())
	}
	b.start(t, 0, refs...)
	b.must(t, event.ID, succeeds(refs[0]))
	b.must(t, event.ID, &sale.Cancel{Booking: refs[0].Booking})
	b.lookAgain(t, "UPDATE outbox SET leased_until = now() + interval '1 minute'", func(ctx context.Context) (int, error) {
		rows, err := b.ClaimOutbox(ctx, 10, time.Minute)
		return len(rows), err
	})
	charges := func(ctx context.Context) (int, error) {
		due, err := b.DueCharges(ctx, 10, time.Minute)
		return len(due), err
	}
	b.lookAgain(t, "UPDATE bookings SET next_attempt_at = now() + interval '1 minute' WHERE charge = 'started'", charges)
	b.exec(t, "UPDATE bookings SET next_attempt_at = now() WHERE charge = 'started'")
	b.apart(t)
	b.lookAgain(t, "UPDATE payments SET next_attempt_at = now() + interval '1 minute' WHERE status = 'started'", charges)
	b.exec(t, "UPDATE payments SET next_attempt_at = now() WHERE status = 'started'")
	if n, err := charges(t.Context()); err != nil || n != 1 {
		t.Errorf("when it was due again the store claimed %d, %v; want 1", n, err)
	}
	b.lookAgain(t, "UPDATE refunds SET next_attempt_at = now() + interval '1 minute'", func(ctx context.Context) (int, error) {
		due, err := b.DueRefunds(ctx, 10, time.Minute)
		return len(due), err
	})
}

// lookAgain has somebody take rows by a statement, and commit only when a claim of the store's has found them so.
func (b *bundle) lookAgain(t *testing.T, take string, claim func(context.Context) (int, error)) {
	t.Helper()
	tx, err := b.connect(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if tag, err := tx.Exec(t.Context(), take); err != nil || tag.RowsAffected() == 0 {
		t.Fatalf("%s: %d rows, %v", take, tag.RowsAffected(), err)
	}
	if n, err := claim(t.Context()); err != nil || n != 0 {
		t.Errorf("beside %q the store claimed %d, %v; want none", take, n, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := claim(t.Context()); err != nil || n != 0 {
		t.Errorf("after %q the store claimed %d, %v; want none", take, n, err)
	}
}

// TestLapsedChargesAreLookedAtAgain: what was found lapsed, and at whose place another row has come to stand since, or
// that somebody has locked, stays where it is.
func TestLapsedChargesAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	var refs []models.BookingRef
	for range 4 {
		refs = append(refs, b.must(t, event.ID, reserve(user.ID, 1))[0].Booking.Ref())
	}
	b.start(t, time.Minute, refs[0])
	b.start(t, 0, refs[1:3]...)
	b.lockRows(t, "SELECT FROM bookings WHERE id = $1 FOR UPDATE", refs[2].Booking.String())
	everywhere := strings.NewReplacer("$1", "NULL", "$2::tid[]", "ARRAY(SELECT ctid FROM bookings)")
	b.exec(t, "SET lock_timeout = '30s'; "+everywhere.Replace(postgres.MoveLapsed))
	for i, want := range []string{"started", "apart", "started", ""} {
		var found string
		err := b.connect(t).QueryRow(t.Context(), `SELECT coalesce(charge, '') FROM bookings WHERE id = $1`,
			refs[i].Booking.String()).Scan(&found)
		if err != nil || found != want {
			t.Errorf("the charge of booking %d: %q, %v, want %q", i, found, err, want)
		}
	}
}
