package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// ledger has each of some records called once more, and tells how many of them were there. First it lets something
// happen in between.
func (b *bundle) ledger(ctx context.Context, meanwhile func(), references ...string) (known int, err error) {
	err = b.SimCharges(ctx, references, func(now time.Time, records map[string]*simulator.Record) {
		known = len(records)
		meanwhile()
		for _, reference := range references {
			if records[reference] == nil {
				records[reference] = &simulator.Record{
					Reference: reference, Amount: models.Money{Minor: 1, Currency: "USD"}, Method: simulator.OK, Status: "charged", CreatedAt: now,
				}
			}
			records[reference].Calls++
		}
	})
	return known, err
}

// calls reads the records of all references, without a lock.
func (b *bundle) calls(t *testing.T) (list string) {
	t.Helper()
	const query = `SELECT coalesce(string_agg(reference || calls, ' ' ORDER BY reference), '') FROM sim_charges`
	if err := b.connect(t).QueryRow(t.Context(), query).Scan(&list); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSimCharges_made_by_another: between the look at a ledger without a record and the writing of it, another caller
// makes that record. The first then has written nothing, and learns what the other did when it tries again.
func TestSimCharges_made_by_another(t *testing.T) {
	t.Parallel()
	b := setup(t)
	nothing := func() {}
	if _, err := b.ledger(t.Context(), nothing, "there"); err != nil {
		t.Fatal(err)
	}
	_, err := b.ledger(t.Context(), func() {
		if known, err := b.ledger(t.Context(), nothing, "both"); err != nil || known != 0 {
			t.Errorf("the other finds %d: %v", known, err)
		}
	}, "there", "a", "both", "c")
	if !errors.Is(err, repository.ErrConflict) {
		t.Errorf("%v, want ErrConflict", err)
	}
	if got := b.calls(t); got != "both1 there1" {
		t.Errorf("the ledger holds %q", got)
	}
	if known, err := b.ledger(t.Context(), nothing, "there", "a", "both", "c"); err != nil || known != 2 {
		t.Errorf("the repeat finds %d: %v", known, err)
	}
	if got := b.calls(t); got != "a1 both2 c1 there2" {
		t.Errorf("the ledger holds %q", got)
	}
}

// TestSimCharges_waits_for_who_makes_a_record: whoever comes while a record is being made does not answer before that
// is decided, and is not undone when it comes to nothing.
func TestSimCharges_waits_for_who_makes_a_record(t *testing.T) {
	t.Parallel()
	b := setup(t, impatient)
	tx, err := b.connect(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const insert = `INSERT INTO sim_charges (reference, booking_id, amount, currency, method, status, calls, charges)
		VALUES ('r', gen_random_uuid(), 1, 'USD', 'sim_ok', 'charged', 7, 1)`
	if _, err := tx.Exec(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ledger(t.Context(), func() {}, "r"); !errors.Is(err, repository.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable at the end of the lock timeout", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ledger(t.Context(), func() {}, "r"); err != nil {
		t.Error(err)
	}
	if got := b.calls(t); got != "r1" {
		t.Errorf("the ledger holds %q", got)
	}
}
