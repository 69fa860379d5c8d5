package postgres_test

import (
	"context"
	"testing"
	"time"

	"quantix/internal/models"
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
	if starts, err := b.StartCharges(t.Context(), "sim", refs, 0); err != nil || len(starts) != 2 {
		t.Fatalf("started %d charges: %v", len(starts), err)
	}
	b.must(t, event.ID, &sale.Settle{Charge: models.FirstCharge(refs[0]), Result: models.Result{Outcome: models.OutcomeSucceeded}})
	b.must(t, event.ID, &sale.Cancel{Booking: refs[0].Booking})
	b.lookAgain(t, "UPDATE outbox SET leased_until = now() + interval '1 minute'", func(ctx context.Context) (int, error) {
		rows, err := b.ClaimOutbox(ctx, 10, time.Minute)
		return len(rows), err
	})
	b.lookAgain(t, "UPDATE payments SET next_attempt_at = now() + interval '1 minute'", func(ctx context.Context) (int, error) {
		due, err := b.DueCharges(ctx, 10, time.Minute)
		return len(due), err
	})
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
