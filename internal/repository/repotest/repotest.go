// Package repotest is the suite that every adapter of the repository's ports must pass: the contract of
// repository.Store, and every command of the domain, decided and read back through a real database.
//
// A rule that holds for one store holds for all: extend this suite, not one adapter's tests.
package repotest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"quantix/internal/payments/simulator"
)

// Port is what every adapter implements.
type Port = simulator.Store

// Store is a store under test.
type Store struct {
	Port
	// Exec runs a statement past the port, for tests that tamper with rows. Tables and columns have the same names
	// in every dialect, but for the table of an event's counters, which the statements call {stock}; values of ids and
	// times have not, so the statements name none.
	Exec func(ctx context.Context, sql string) error
	// Number reads the one number that a statement gives, likewise.
	Number func(ctx context.Context, sql string) (int64, error)
	// Apart moves every charge into payments, for tests that tamper with it there; nil where all are there already.
	Apart func(ctx context.Context) error
	// Migrate goes on to the newest migration, or so many back when below 0; nobody else uses the store meanwhile.
	Migrate func(steps int) error
	// Beside opens a store of another process on the same database, which the test closes.
	Beside func(clock func() time.Time) (Port, error)
	// Stock is the table of the counters: events, or one of their own.
	Stock string
}

// exec runs a statement past the port.
func (s *Store) exec(ctx context.Context, sql string) error {
	return s.Exec(ctx, strings.ReplaceAll(sql, "{stock}", s.Stock))
}

// apart moves every charge into payments.
func (s *Store) apart(ctx context.Context) error {
	if s.Apart == nil {
		return nil
	}
	return s.Apart(ctx)
}

// rules are what a part of the contract says, each with its proof on a database of its own.
type rules map[string]func(t *testing.T, s *shop)

// Run holds a store to the contract. open gives an empty, migrated database of its own on each call and cleans up by
// itself; a nil clock means that the store's own counts.
func Run(t *testing.T, open func(t *testing.T, clock func() time.Time) Store) {
	for name, part := range map[string]rules{
		"Desk":      deskRules,
		"Reserve":   reserveRules,
		"Limits":    limitRules,
		"Organise":  organiseRules,
		"Settle":    settleRules,
		"Writes":    writeRules,
		"Letters":   letterRules,
		"Moved":     movedRules,
		"Bookings":  bookingRules,
		"Payments":  paymentRules,
		"Outbox":    outboxRules,
		"Lost":      lostRules,
		"Journal":   journalRules,
		"Feed":      feedRules,
		"Prune":     pruneRules,
		"Migration": migrationRules,
		"Audit":     auditRules,
		"SimLedger": simRules,
		"Store":     storeRules,
		"Random":    randomRules,
		"Events":    eventRules,
		"Users":     userRules,
		"Health":    healthRules,
		"Ends":      endRules,

		"Organizers": organizerRules,
		"Keys":       keyRules,
		"Subjects":   subjectRules,
		"AccessLog":  accessRules,
		"Scopes":     scopeRules,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part.run(t, open, name == "Desk" || name == "Reserve" || name == "Organise" || name == "Settle")
		})
	}
}

// run proves a part's rules side by side, each on a database of its own. Those that look at nothing but their own
// events share one instead, one after another: making a database takes longer than most proofs.
func (r rules) run(t *testing.T, open func(*testing.T, func() time.Time) Store, share bool) {
	var shared *shop
	if share {
		shared = newShop(t, open)
	}
	for _, name := range slices.Sorted(maps.Keys(r)) {
		t.Run(name, func(t *testing.T) {
			if share {
				r[name](t, shared.view(t))
				return
			}
			t.Parallel()
			r[name](t, newShop(t, open))
		})
	}
}
